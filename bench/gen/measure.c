// SPDX-License-Identifier: MIT
/*
 * bench/gen/measure.c - how long a job goes on, and what is counted meanwhile.
 */
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <time.h>

#include "bench/gen/gen.h"

static void
for_seconds(struct gen *gen)
{
    gen->job->send(gen);
    run_until(gen, now() + gen->warm_up_ms / 1e3);

    double started = now(), own = own_cpu(), server = server_cpu(gen->pid);
    gen->got_before = gen->got;
    run_until(gen, started + gen->measured_ms / 1e3);
    double wall = now() - started;
    own = own_cpu() - own;
    server = server_cpu(gen->pid) - server;
    uint64_t done = gen->got - gen->got_before;
    gen->is_stopping = true;
    run_until_got(gen);

    if (server <= 0)
        die("process %u did no work: is it the server?", gen->pid);
    printf("{\"done\":%" PRIu64 ",\"wall_s\":%.3f,\"server_cpu_s\":%.2f,"
           "\"per_server_cpu_s\":%.0f,\"per_wall_s\":%.0f,\"server_busy\":%.3f,"
           "\"generator_busy\":%.3f",
           done, wall, server, (double)done / server, (double)done / wall, server / wall,
           own / wall);
    if (gen->job->report != NULL)
        gen->job->report(gen);
    printf("}\n");
}

/* Waits until the server is asleep ('S') or stopped ('T'), three looks in a row. */
static void
wait_for_state(const struct gen *gen, char state)
{
    const struct timespec pause = {.tv_nsec = 500000};
    double end = now() + GEN_REPLY_SECONDS;
    for (int seen = 0; seen < 3;) {
        seen = server_state(gen->pid) == state ? seen + 1 : 0;
        if (now() > end)
            die("process %u does not come to rest", gen->pid);
        (void)nanosleep(&pause, NULL);
    }
}

/* While the server stands still all senders send and all receivers acknowledge what they got of
 * the batch before; then it finds all of that at once. So each run gives it the same
 * reads in the same order. */
static void
one_batch(struct gen *gen)
{
    const struct timespec pause = {.tv_sec = gen->pause_ms / 1000,
                                   .tv_nsec = gen->pause_ms % 1000 * 1000000L};
    wait_for_state(gen, 'S');
    run_while_ready(gen);
    (void)nanosleep(&pause, NULL); // so that what it does by time is the same for each batch
    if (kill((pid_t)gen->pid, SIGSTOP) != 0)
        die("cannot stop process %u", gen->pid);
    wait_for_state(gen, 'T');
    gen->job->send(gen);
    for (unsigned i = 0; i < gen->conns_len; i++)
        conn_flush(&gen->conns[i]);
    if (kill((pid_t)gen->pid, SIGCONT) != 0)
        die("cannot continue process %u", gen->pid);
    run_until_got(gen);
}

static void
for_batches(struct gen *gen)
{
    gen->is_paced = true;
    for (unsigned i = 0; i < gen->batches; i++)
        one_batch(gen);
    wait_for_state(gen, 'S');
    printf("{\"done\":%" PRIu64 "}\n", gen->got);
}

void
measure(struct gen *gen)
{
    gen->job->open(gen);
    if (gen->batches > 0)
        for_batches(gen);
    else
        for_seconds(gen);
}
