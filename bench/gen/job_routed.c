// SPDX-License-Identifier: MIT
/*
 * bench/gen/job_routed.c - pairs: sender i keeps at most `in-flight` messages on the way to
 * receiver i. Counted are messages that came out at their receiver.
 */
#include <stdio.h>

#include "bench/gen/gen.h"

/* Connection 2i is a receiver, 2i + 1 its sender. */
static cl_str *messages;

static void
open_pairs(struct gen *gen)
{
    char head[128];
    conns_new(gen, 2 * gen->count);
    messages = must_alloc(gen->count, sizeof *messages);
    for (unsigned i = 0; i < gen->count; i++) {
        struct conn *receiver = &gen->conns[2 * i], *sender = receiver + 1;
        (void)snprintf(receiver->name, GEN_NAME_CAP, "r%u", i);
        (void)snprintf(receiver->subject, GEN_NAME_CAP, "r%u", i);
        (void)snprintf(sender->name, GEN_NAME_CAP, "s%u", i);
        (void)snprintf(head, sizeof head, "{\"type\":\"delegate\",\"to_agent\":\"r%u\",\"task\":\"",
                       i);
        messages[i] = message_new(cl_str_z(head), gen->bytes);
    }
    conns_open(gen);
}

static void
go_on(struct conn *conn)
{
    struct gen *gen = conn->gen;
    struct conn *receiver = &gen->conns[conn->index / 2 * 2], *sender = receiver + 1;
    if (conn != receiver)
        return;
    cl_str message = messages[conn->index / 2];
    while (sender->sent - receiver->got < gen->in_flight) {
        message_set_number(message, sender->sent);
        gen->protocol->put(sender, cl_str_z(receiver->subject), message);
        sender->sent++;
        gen->sent++;
    }
    conn_flush(sender);
}

static void
send_all(struct gen *gen)
{
    for (unsigned i = 0; i < gen->conns_len; i += 2)
        go_on(&gen->conns[i]);
}

static void
take(struct conn *conn, cl_str message)
{
    if (!message_is_next(message, conn->got, conn->gen->bytes))
        return;
    if (conn->index % 2 != 0)
        die("%s got what is not for it: %.*s", conn->name, CL_STR_ARG(message));
    conn->got++;
    conn->gen->got++;
}

const struct job job_routed = {.name = "routed",
                               .count = 50,
                               .in_flight = 16,
                               .bytes = 256,
                               .open = open_pairs,
                               .send = send_all,
                               .take = take,
                               .go_on = go_on};
