// SPDX-License-Identifier: MIT
/*
 * bench/gen/job_store.c - messages that the server keeps: connection i keeps at most `in-flight`
 * messages without an answer, each for a receiver of its own that is not there. Counted are the
 * answers.
 */
#include <stdio.h>

#include "bench/gen/gen.h"

static cl_str *messages;

static void
open_all(struct gen *gen)
{
    conns_new(gen, gen->count);
    messages = must_alloc(gen->count, sizeof *messages);
    for (unsigned i = 0; i < gen->count; i++) {
        (void)snprintf(gen->conns[i].name, GEN_NAME_CAP, "s%u", i);
        messages[i] = message_new(CL_STR("{\"type\":\"delegate\",\"task\":\""), gen->bytes);
    }
    conns_open(gen);
}

static void
go_on(struct conn *conn)
{
    struct gen *gen = conn->gen;
    char receiver[GEN_NAME_CAP];
    (void)snprintf(receiver, sizeof receiver, "r%u", conn->index);
    while (conn->sent - conn->got < gen->in_flight) {
        message_set_number(messages[conn->index], conn->sent);
        gen->protocol->put(conn, cl_str_z(receiver), messages[conn->index]);
        conn->sent++;
        gen->sent++;
    }
    conn_flush(conn);
}

static void
send_all(struct gen *gen)
{
    for (unsigned i = 0; i < gen->conns_len; i++)
        go_on(&gen->conns[i]);
}

static void
take(struct conn *conn, cl_str answer)
{
    if (conn->got == conn->sent)
        die("an answer to nothing: %.*s", CL_STR_ARG(answer));
    conn->got++;
    conn->gen->got++;
}

const struct job job_store = {.name = "store",
                              .count = 50,
                              .in_flight = 16,
                              .bytes = 256,
                              .open = open_all,
                              .send = send_all,
                              .take = take,
                              .go_on = go_on};
