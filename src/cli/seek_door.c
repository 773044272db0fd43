// SPDX-License-Identifier: MIT
#include "cli/seek_door.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/door.h"

/* Sockets that are looked at; a machine with more relays names its door. */
#define DOORS_MAX 16

/* The answer is in run->answer. */
static enum cl_err
ask(struct cl_run *run, const char *path, struct cl_why *why)
{
    const struct cl_client_call call = {
        .method = "GET", .path = CL_STR("/status"), .sign = {"connections", CL_JSON_OBJECT}};
    cl_client_free(run->client);
    run->client = NULL;
    enum cl_err err = cl_client_new_local(cl_str_z(path), &run->client, why);
    return err == CL_OK ? cl_client_call(run->client, &call, &run->answer, why) : err;
}

static enum cl_err
none_found(uint64_t port, size_t doors_len, struct cl_why *why)
{
    if (port > 0)
        return cl_fail(
            CL_ERR_NO_RELAY, why,
            "No relay of this user answers on this machine for port %llu. Is it "
            "running, and as whom? `clawlink relay status` without --port looks for all.",
            (unsigned long long)port);
    return cl_fail(CL_ERR_NO_RELAY, why,
                   "No relay of this user answers on this machine%s. Start one with `clawlink "
                   "relay`, or give its --admin-socket FILE; that of another user only root can "
                   "ask.",
                   doors_len > 0 ? " (the socket of one that ended is still there)" : "");
}

/* Appends the path to a list in a sentence. */
static void
add_path(struct cl_why *list, const char *path)
{
    size_t len = strlen(list->text);
    (void)snprintf(list->text + len, sizeof list->text - len, "%s%.200s", len > 0 ? ", " : "",
                   path);
}

static int
by_port(const void *a, const void *b)
{
    return (int)((const struct cl_door *)a)->port - (int)((const struct cl_door *)b)->port;
}

/* Asks all there are: one must answer, and no second. */
static enum cl_err
ask_the_one(struct cl_run *run, uint64_t port, struct cl_why *why)
{
    static struct cl_door doors[DOORS_MAX];
    struct cl_why answering = {""};
    const char *path = NULL;
    size_t answers = 0;
    size_t len = cl_door_list(doors, DOORS_MAX);
    qsort(doors, len, sizeof *doors, by_port);
    for (size_t i = 0; i < len; i++) {
        if ((port > 0 && doors[i].port != port) || ask(run, doors[i].path, why) != CL_OK)
            continue;
        path = doors[i].path;
        add_path(&answering, path);
        answers++;
    }
    if (answers > 1)
        return cl_fail(
            CL_ERR_AMBIGUOUS, why,
            "%zu relays answer: choose one with --port N or --admin-socket FILE (%.300s).", answers,
            answering.text);
    return answers == 0 ? none_found(port, len, why) : ask(run, path, why);
}

enum cl_err
cl_seek_door(struct cl_run *run, const char *path, uint64_t port, struct cl_why *why)
{
    return path != NULL ? ask(run, path, why) : ask_the_one(run, port, why);
}
