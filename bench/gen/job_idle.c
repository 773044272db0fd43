// SPDX-License-Identifier: MIT
/*
 * bench/gen/job_idle.c - many agents that are there and say nothing but what keeps them there:
 * how long it takes to connect them, what memory each costs the server and how much of a
 * processor all of them.
 */
#include <stdio.h>

#include "bench/gen/gen.h"

static void
take(struct conn *conn, cl_str message)
{
    (void)conn;
    (void)message;
}

static void
go_on(struct conn *conn)
{
    (void)conn;
}

static void
run(struct gen *gen)
{
    conns_new(gen, gen->count);
    for (unsigned i = 0; i < gen->count; i++)
        (void)snprintf(gen->conns[i].name, GEN_NAME_CAP, "i%u", i);
    double empty = (double)server_resident(gen->pid);
    if (gen->protocol->prepare != NULL)
        gen->protocol->prepare(gen);
    double registered = (double)server_resident(gen->pid), started = now();
    conns_connect(gen);
    double connected = now() - started;
    run_until(gen, now() + gen->warm_up_ms / 1e3);

    double server = server_cpu(gen->pid), own = own_cpu();
    started = now();
    run_until(gen, started + gen->measured_ms / 1e3);
    double wall = now() - started;
    double idle = (double)server_resident(gen->pid);
    printf("{\"connections\":%u,\"connect_s\":%.3f,\"bytes_each\":%.0f,"
           "\"bytes_each_connection\":%.0f,\"server_busy\":%.4f,\"generator_busy\":%.4f}\n",
           gen->count, connected, (idle - empty) / gen->count, (idle - registered) / gen->count,
           (server_cpu(gen->pid) - server) / wall, (own_cpu() - own) / wall);
}

const struct job job_idle = {.name = "idle",
                             .count = 10000,
                             .in_flight = 1,
                             .bytes = 256,
                             .take = take,
                             .go_on = go_on,
                             .run = run};
