// SPDX-License-Identifier: MIT
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "support/claw_lab.h"

/* A memory function that fails some allocations, and counts what is out. */
struct memory {
    unsigned long asked;
    unsigned long fail_from;
    unsigned long fail_many;
    long blocks;
};

static void *
memory_fn(void *user, void *block, size_t size)
{
    struct memory *memory = user;
    if (size == 0) {
        memory->blocks -= block != NULL;
        free(block);
        return NULL;
    }
    memory->asked++;
    if (memory->asked >= memory->fail_from && memory->asked < memory->fail_from + memory->fail_many)
        return NULL;
    void *given = realloc(block, size);
    memory->blocks += block == NULL && given != NULL;
    return given;
}

/* What the round has seen. */
struct course {
    struct memory memory;
    claw_client *client;
    int is_there;
    int is_asked;
    int is_answered;
};

/* The tag of what is sent before there is a connection. */
#define EARLY 9

/* Once more, until there is memory for it. */
#define INSIST(call)                                          \
    do {                                                      \
        claw_err insist_err;                                  \
        while ((insist_err = (call)) == CLAW_ERR_NO_MEMORY) { \
        }                                                     \
        NEED(insist_err == CLAW_OK);                          \
    } while (0)

static void
answer(struct course *course, const struct claw_event *question)
{
    struct claw_letter letter = lab_letter("otto", question->from, "here");
    letter.re = question->id;
    INSIST(claw_send(course->client, &letter, NULL));
    INSIST(claw_ack(course->client, "otto", question->id, CLAW_RUNG_SEEN, 0));
    NEED(!course->is_asked); // each is given once
    course->is_asked = 1;
}

static void
take(struct course *course, const struct claw_event *event)
{
    NEED(event->type != CLAW_EVENT_ENDED);
    if (event->type == CLAW_EVENT_DOWN)
        NEED(claw_hurry(course->client) == CLAW_OK);
    else if (event->type == CLAW_EVENT_ATTACHED)
        course->is_there |= strcmp(event->agent, "fault/otto") == 0;
    else if (event->type == CLAW_EVENT_SENT)
        // To the relay mira may not be there yet when she writes to herself.
        NEED(event->err == CLAW_OK || (event->tag == EARLY && event->err == CLAW_ERR_NO_AGENT));
    else if (event->type == CLAW_EVENT_MESSAGE && strcmp(event->agent, "fault/otto") == 0)
        answer(course, event);
    else if (event->type == CLAW_EVENT_MESSAGE)
        INSIST(claw_ack(course->client, event->agent, event->id, 0, 0));
    else if (event->type == CLAW_EVENT_ANSWER) {
        NEED(event->err == CLAW_OK && !course->is_answered);
        INSIST(claw_ack(course->client, event->agent, event->id, 0, 0));
        course->is_answered = 1;
    }
    claw_event_free(course->client, event);
}

static void
wait_for(struct course *course, const int *is_there)
{
    while (!*is_there) {
        const struct claw_event *event = claw_next_event(course->client, 100);
        if (event != NULL)
            take(course, event);
        else // an outage whose event there was no memory for
            NEED(claw_hurry(course->client) == CLAW_OK);
    }
}

/* A letter before there is a connection, one question and its answer, an attachment, a call, and a
 * blob there and back. */
static void
run(struct course *course, const char *url)
{
    struct claw_options options;
    struct claw_letter letter = lab_letter("mira", "fault/otto", "where?");
    struct claw_letter early = lab_letter("mira", "fault/mira", "to myself");
    char sha256[CLAW_SHA256_CAP], back[4];
    claw_options_init(&options, sizeof options);
    options.url = url;
    options.token = getenv("CLAW_TOKEN");
    options.instance = "fault";
    options.secret = "an instance's"; // letters wait for what the relay says of it
    options.memory = memory_fn;
    options.memory_user = &course->memory;
    INSIST(claw_new(&options, &course->client, NULL, 0));
    lab_look_at(course->client);
    INSIST(claw_attach_name(course->client, "otto"));
    INSIST(claw_attach_name(course->client, "mira"));
    early.tag = EARLY;
    INSIST(claw_send(course->client, &early, NULL));
    wait_for(course, &course->is_there);
    INSIST(claw_ask(course->client, &letter, WAIT_MS, NULL));
    INSIST(claw_call(course->client, "agents", "{}", 1));
    wait_for(course, &course->is_answered);
    INSIST(claw_put_blob(course->client, "blob", 4, WAIT_MS, sha256));
    INSIST(claw_get_blob(course->client, sha256, back, 4, WAIT_MS));
    NEED(memcmp(back, "blob", 4) == 0);
    for (unsigned i = 0; claw_drain(course->client, 50) != CLAW_OK; i++)
        NEED(i < WAIT_MS / 50 && claw_hurry(course->client) == CLAW_OK);
    NEED(claw_free(course->client) == CLAW_OK);
    lab_look_at(NULL);
    NEED(course->memory.blocks == 0);
}

/* Until a round has got through without reaching the fault. */
static unsigned long
run_all(const char *url, unsigned long many, unsigned long stride)
{
    unsigned long fail_from = 1;
    for (;; fail_from += stride) {
        struct course course = {.memory = {.fail_from = fail_from, .fail_many = many}};
        run(&course, url);
        if (course.memory.asked < fail_from)
            return fail_from;
    }
}

void
lab_faults(const char *url)
{
    unsigned long alone = run_all(url, 1, 1);
    unsigned long together = run_all(url, 12, 7);
    printf("%lu allocations failed alone, %lu in dozens\n", alone - 1, together - 1);
}
