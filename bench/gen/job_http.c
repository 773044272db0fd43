// SPDX-License-Identifier: MIT
/*
 * bench/gen/job_http.c - HTTP: each connection is an agent that hands itself seven tasks with POST
 * /delegate and then takes them with GET /poll/<agent_id>, one request after the other. Counted
 * are answers; a poll that does not bring seven messages ends the program.
 */
#include <stdio.h>
#include <string.h>

#include "bench/gen/gen.h"

#define POSTS 7

struct request {
    char post[32], get[32];
    cl_str body;
};

static struct request *requests;

static void
open_all(struct gen *gen)
{
    char head[128];
    conns_new(gen, gen->count);
    requests = must_alloc(gen->count, sizeof *requests);
    for (unsigned i = 0; i < gen->count; i++) {
        struct request *request = &requests[i];
        (void)snprintf(gen->conns[i].name, GEN_NAME_CAP, "h%u", i);
        (void)snprintf(request->post, sizeof request->post, "POST /delegate");
        (void)snprintf(request->get, sizeof request->get, "GET /poll/h%u", i);
        (void)snprintf(head, sizeof head,
                       "{\"from_agent\":\"h%u\",\"to_agent\":\"h%u\",\"task\":\"", i, i);
        request->body = message_new(cl_str_z(head), gen->bytes);
    }
    conns_open(gen);
}

static void
go_on(struct conn *conn)
{
    const struct request *request = &requests[conn->index];
    if (conn->sent != conn->got)
        return;
    if (conn->sent % (POSTS + 1) < POSTS)
        conn->gen->protocol->put(conn, cl_str_z(request->post), request->body);
    else
        conn->gen->protocol->put(conn, cl_str_z(request->get), CL_STR(""));
    conn->sent++;
    conn->gen->sent++;
    conn_flush(conn);
}

static void
send_all(struct gen *gen)
{
    for (unsigned i = 0; i < gen->conns_len; i++)
        go_on(&gen->conns[i]);
}

static void
take(struct conn *conn, cl_str body)
{
    static const char *const seven[] = {"\"count\":7", "\"count\": 7"};
    if (conn->got % (POSTS + 1) == POSTS &&
        memmem(body.ptr, body.len, seven[0], strlen(seven[0])) == NULL &&
        memmem(body.ptr, body.len, seven[1], strlen(seven[1])) == NULL)
        die("not seven messages: %.*s", CL_STR_ARG(body));
    conn->got++;
    conn->gen->got++;
}

const struct job job_http = {.name = "http",
                             .count = 32,
                             .in_flight = 1,
                             .bytes = 300,
                             .open = open_all,
                             .send = send_all,
                             .take = take,
                             .go_on = go_on};
