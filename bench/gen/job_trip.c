// SPDX-License-Identifier: MIT
/*
 * bench/gen/job_trip.c - request and reply with one in flight: a asks b through the server, b
 * answers a, a asks again. Counted are round trips, each with its time.
 */
#include <stdio.h>
#include <stdlib.h>

#include "bench/gen/gen.h"

#define TRIPS_MAX (4 * CL_MIB)

static cl_str messages[2]; // to a, to b
static float *trips_us;
static double sent_at;

static void
open_two(struct gen *gen)
{
    char head[128];
    conns_new(gen, 2);
    for (unsigned i = 0; i < 2; i++) {
        struct conn *conn = &gen->conns[i];
        (void)snprintf(conn->name, GEN_NAME_CAP, "%c", "ab"[i]);
        (void)snprintf(conn->subject, GEN_NAME_CAP, "%c", "ab"[i]);
        (void)snprintf(head, sizeof head, "{\"type\":\"delegate\",\"to_agent\":\"%c\",\"task\":\"",
                       "ab"[i]);
        messages[i] = message_new(cl_str_z(head), gen->bytes);
    }
    trips_us = must_alloc(TRIPS_MAX, sizeof *trips_us);
    conns_open(gen);
}

static void
send_one(struct conn *from)
{
    struct conn *to = &from->gen->conns[1 - from->index];
    message_set_number(messages[to->index], from->sent);
    from->gen->protocol->put(from, cl_str_z(to->subject), messages[to->index]);
    from->sent++;
    conn_flush(from);
}

static void
send_all(struct gen *gen)
{
    sent_at = now();
    gen->sent++;
    send_one(&gen->conns[0]);
}

static void
take(struct conn *conn, cl_str message)
{
    struct gen *gen = conn->gen;
    if (!message_is_next(message, conn->got, gen->bytes))
        return;
    conn->got++;
    if (conn->index == 1) {
        send_one(conn);
        return;
    }
    if (gen->got == TRIPS_MAX)
        die("too many round trips");
    trips_us[gen->got++] = (float)((now() - sent_at) * 1e6);
}

static void
go_on(struct conn *conn)
{
    if (conn->index == 0 && conn->gen->got == conn->gen->sent)
        send_all(conn->gen);
}

static int
compare(const void *a, const void *b)
{
    const float x = *(const float *)a, y = *(const float *)b;
    return (x > y) - (x < y);
}

static void
report(struct gen *gen)
{
    float *from = trips_us + gen->got_before;
    size_t len = gen->got - gen->got_before;
    if (len == 0)
        die("no round trip");
    qsort(from, len, sizeof *from, compare);
    printf(",\"p50_us\":%.1f,\"p99_us\":%.1f", (double)from[len / 2], (double)from[len * 99 / 100]);
}

const struct job job_trip = {.name = "trip",
                             .count = 1,
                             .in_flight = 1,
                             .bytes = 256,
                             .open = open_two,
                             .send = send_all,
                             .take = take,
                             .go_on = go_on,
                             .report = report};
