// SPDX-License-Identifier: MIT
/*
 * bench/gen/job_fanout.c - one sender, many receivers: each message goes to all of them, and at
 * most `in-flight` messages have not reached everybody. Counted are deliveries.
 */
#include <stdio.h>

#include "bench/gen/gen.h"

#define IN_FLIGHT_MAX 64

static cl_str message;
static uint64_t oldest;                 // the first message that has not reached everybody
static unsigned reached[IN_FLIGHT_MAX]; // of message n at n % IN_FLIGHT_MAX: by how many

/* Connection 0 is the sender. */
static void
open_crowd(struct gen *gen)
{
    if (gen->in_flight > IN_FLIGHT_MAX)
        die("at most %d in flight", IN_FLIGHT_MAX);
    conns_new(gen, 1 + gen->count);
    (void)snprintf(gen->conns[0].name, GEN_NAME_CAP, "s0");
    for (unsigned i = 1; i <= gen->count; i++) {
        (void)snprintf(gen->conns[i].name, GEN_NAME_CAP, "r%u", i);
        (void)snprintf(gen->conns[i].subject, GEN_NAME_CAP, "all");
    }
    message =
        message_new(CL_STR("{\"type\":\"broadcast\",\"topic\":\"all\",\"content\":\""), gen->bytes);
    conns_open(gen);
}

static void
send_all(struct gen *gen)
{
    struct conn *sender = &gen->conns[0];
    while (sender->sent - oldest < gen->in_flight) {
        message_set_number(message, sender->sent);
        gen->protocol->put(sender, CL_STR("all"), message);
        sender->sent++;
        gen->sent += gen->count;
    }
    conn_flush(sender);
}

static void
take(struct conn *conn, cl_str text)
{
    struct gen *gen = conn->gen;
    if (!message_is_next(text, conn->got, gen->bytes))
        return;
    if (conn->index == 0)
        die("the sender got its own message");
    reached[conn->got % IN_FLIGHT_MAX]++;
    conn->got++;
    gen->got++;
    for (; reached[oldest % IN_FLIGHT_MAX] == gen->count; oldest++)
        reached[oldest % IN_FLIGHT_MAX] = 0;
}

static void
go_on(struct conn *conn)
{
    send_all(conn->gen);
}

const struct job job_fanout = {.name = "fanout",
                               .count = 500,
                               .in_flight = 16,
                               .bytes = 256,
                               .open = open_crowd,
                               .send = send_all,
                               .take = take,
                               .go_on = go_on};
