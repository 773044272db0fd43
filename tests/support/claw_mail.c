// SPDX-License-Identifier: MIT
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "support/claw_lab.h"

#define PACE_MS   5
#define TELL_MS   200
#define TAKEN_MAX 1024

static int64_t
now_ns(void)
{
    struct timespec at;
    NEED(clock_gettime(CLOCK_MONOTONIC, &at) == 0); // one clock for all processes
    return (int64_t)at.tv_sec * 1000000000 + at.tv_nsec;
}

/* One line, whole or not at all: this process may be killed at any time. */
__attribute__((format(printf, 1, 2))) static void
row(const char *format, ...)
{
    va_list args;
    va_start(args, format);
    printf("{\"t\":%" PRId64 ",", now_ns());
    (void)vprintf(format, args);
    va_end(args);
    (void)puts("}");
    NEED(fflush(stdout) == 0);
}

static void
say_link(const char *who, const struct claw_event *event)
{
    if (event->type == CLAW_EVENT_UP)
        row("\"p\":\"%s\",\"op\":\"up\"", who);
    else if (event->type == CLAW_EVENT_DOWN)
        row("\"p\":\"%s\",\"op\":\"down\",\"pause_ms\":%u", who, (unsigned)event->pause_ms);
    else if (event->type == CLAW_EVENT_ATTACHED)
        row("\"p\":\"%s\",\"op\":\"attached\"", who);
    NEED(event->type != CLAW_EVENT_ENDED);
}

/* -- the sender -------------------------------------------------------------------------------- */

static const char *const outcomes[] = {"",         "completed", "failed", "rejected",
                                       "canceled", "expired",   "dead"};

/* What claw_send has taken leaves in the next turn, so the row is there first. */
static void
post_one(claw_client *client, unsigned number)
{
    char text[16], id[CLAW_ID_CAP];
    (void)snprintf(text, sizeof text, "%u", number);
    struct claw_letter letter = lab_letter("mira", "mini/otto", text);
    lab_send(client, &letter, id);
    row("\"p\":\"laptop/mira\",\"op\":\"send\",\"id\":\"%s\",\"to\":\"mini/otto\",\"seq\":%u,"
        "\"pri\":2,\"body\":%u,\"told\":true",
        id, number, number);
}

static void
hear(claw_client *client, const struct claw_event *event)
{
    lab_look_at(client);
    say_link("laptop/mira", event);
    if (event->type == CLAW_EVENT_SENT) {
        NEED(event->err == CLAW_OK);
        row("\"op\":\"accepted\",\"id\":\"%s\"", event->id);
    } else if (event->type == CLAW_EVENT_RECEIPT) {
        const char *rung = event->rung > CLAW_RUNG_ACCEPTED ? "delivered" : "accepted";
        NEED(event->outcome < sizeof outcomes / sizeof outcomes[0]);
        row("\"op\":\"told\",\"id\":\"%s\",\"rung\":\"%s\",\"outcome\":\"%s\",\"cursor\":%" PRIu64,
            event->id, rung, outcomes[event->outcome], event->cursor);
    }
    claw_event_free(client, event);
}

void
lab_post(const char *url, unsigned first, unsigned count, const char *cursor)
{
    claw_client *client = lab_client(url, "laptop", NULL, 0);
    struct claw_agent agent;
    claw_agent_init(&agent, sizeof agent);
    agent.agent = "mira";
    agent.receipts_after = strtoull(cursor, NULL, 10);
    agent.has_receipts_after = 1;
    NEED(claw_attach(client, &agent) == CLAW_OK);
    int64_t due = now_ns();
    for (unsigned number = first;;) {
        if (number < first + count && now_ns() >= due) {
            post_one(client, number++);
            due = now_ns() + PACE_MS * INT64_C(1000000);
        }
        const struct claw_event *event =
            claw_next_event(client, number < first + count ? PACE_MS : -1);
        if (event != NULL)
            hear(client, event);
    }
}

/* -- the receiver ------------------------------------------------------------------------------ */

struct taken {
    char ids[TAKEN_MAX][CLAW_ID_CAP]; // acknowledged, and the relay has not said that it knows
    unsigned len;
};

static void
take(claw_client *client, struct taken *taken, const struct claw_event *event)
{
    lab_look_at(client);
    say_link("mini/otto", event);
    if (event->type == CLAW_EVENT_MESSAGE) {
        row("\"p\":\"%s\",\"op\":\"deliver\",\"id\":\"%s\",\"body\":%lu,\"on\":%ld", event->agent,
            event->id, strtoul(event->body, NULL, 10), (long)getpid());
        NEED(claw_ack(client, "otto", event->id, CLAW_RUNG_SEEN, 0) == CLAW_OK);
        (void)snprintf(taken->ids[taken->len++], CLAW_ID_CAP, "%s", event->id);
    }
    claw_event_free(client, event);
}

void
lab_take(const char *url)
{
    static struct taken taken;
    claw_client *client = lab_client(url, "mini", "otto", 0);
    for (;;) {
        const struct claw_event *event = NULL;
        if (taken.len < TAKEN_MAX) // else the others wait until the relay knows of these
            event = claw_next_event(client, taken.len > 0 ? 0 : -1);
        if (event != NULL)
            take(client, &taken, event);
        else if (taken.len > 0 && claw_drain(client, TELL_MS) == CLAW_OK) {
            for (unsigned i = 0; i < taken.len; i++)
                row("\"p\":\"mini/otto\",\"op\":\"ack\",\"id\":\"%s\"", taken.ids[i]);
            taken.len = 0;
        }
    }
}
