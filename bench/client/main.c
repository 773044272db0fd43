// SPDX-License-Identifier: MIT
/*
 * bench/client/main.c - one JSON object on standard output:
 *
 *     client-LIBRARY pair WAY PORT PID [--in-flight N] [--bytes N] [--warm-up-ms N]
 *                    [--measured-ms N]
 *
 * The words are those of the load generator (bench/gen/main.c). The sender has at most so many
 * messages on their way; when half of them have come it sends as many again. Counted are
 * messages at their receiver, and the processor time of this process with all its threads.
 */
#include <errno.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "bench/client/client.h"
#include "bench/gen/gen.h"

static struct {
    unsigned port, pid, in_flight, bytes, warm_up_ms, measured_ms;
    cl_str message;
    uint64_t sent; // of the main thread
    pthread_mutex_t lock;
    pthread_cond_t room;
    uint64_t got, wake_at; // under the lock: the sender waits until so many have come
} load = {.in_flight = 256,
          .bytes = 256,
          .warm_up_ms = 1000,
          .measured_ms = 3000,
          .lock = PTHREAD_MUTEX_INITIALIZER,
          .room = PTHREAD_COND_INITIALIZER};

/* What is read at both ends of the measured time. */
struct reading {
    double at, own, server;
    uint64_t got;
};

void
came(const char *message, size_t len)
{
    (void)pthread_mutex_lock(&load.lock);
    if (!message_is_next(cl_str_of(message, len), load.got, load.bytes))
        die("no message of ours: %.*s", (int)len, message);
    load.got++;
    if (load.got == load.wake_at)
        (void)pthread_cond_signal(&load.room);
    (void)pthread_mutex_unlock(&load.lock);
}

/* Waits until all but so many have come; how many have. */
static uint64_t
wait_for(uint64_t open)
{
    struct timespec end;
    (void)clock_gettime(CLOCK_REALTIME, &end);
    end.tv_sec += GEN_REPLY_SECONDS;
    (void)pthread_mutex_lock(&load.lock);
    load.wake_at = load.sent - open;
    while (load.got < load.wake_at)
        if (pthread_cond_timedwait(&load.room, &load.lock, &end) == ETIMEDOUT)
            die("%" PRIu64 " of %" PRIu64 " messages have come", load.got, load.sent);
    uint64_t got = load.got;
    (void)pthread_mutex_unlock(&load.lock);
    return got;
}

static void
send_until(const struct way *way, double end)
{
    while (now() < end) {
        uint64_t got = wait_for(load.sent < load.in_flight ? load.sent : load.in_flight / 2);
        while (load.sent < got + load.in_flight) {
            message_set_number(load.message, load.sent++);
            way->send(load.message.ptr, load.message.len);
        }
    }
}

static struct reading
read_all(void)
{
    struct reading reading = {.at = now(), .own = own_cpu(), .server = server_cpu(load.pid)};
    (void)pthread_mutex_lock(&load.lock);
    reading.got = load.got;
    (void)pthread_mutex_unlock(&load.lock);
    return reading;
}

static void
run(const struct way *way)
{
    way->open(load.port, load.in_flight);
    double begun = now();
    send_until(way, begun + load.warm_up_ms / 1e3);
    struct reading first = read_all();
    send_until(way, first.at + load.measured_ms / 1e3);
    struct reading last = read_all();
    (void)wait_for(0);
    way->close();

    double wall = last.at - first.at, own = last.own - first.own;
    uint64_t done = last.got - first.got;
    printf("{\"done\":%" PRIu64 ",\"wall_s\":%.3f,\"client_cpu_s\":%.2f,"
           "\"per_client_cpu_s\":%.0f,\"per_wall_s\":%.0f,\"client_busy\":%.3f,"
           "\"server_busy\":%.3f}\n",
           done, wall, own, (double)done / own, (double)done / wall, own / wall,
           (last.server - first.server) / wall);
}

static unsigned
number(const char *text, unsigned max)
{
    uint64_t value;
    if (!cl_str_to_u64(cl_str_z(text), max, &value) || value == 0)
        die("not a number from 1 to %u: %s", max, text);
    return (unsigned)value;
}

static unsigned *
option(const char *name)
{
    if (strcmp(name, "--in-flight") == 0)
        return &load.in_flight;
    if (strcmp(name, "--bytes") == 0)
        return &load.bytes;
    if (strcmp(name, "--warm-up-ms") == 0)
        return &load.warm_up_ms;
    if (strcmp(name, "--measured-ms") == 0)
        return &load.measured_ms;
    die("unknown option: %s", name);
}

int
main(int argc, char **argv)
{
    if (argc < 5 || argc % 2 != 1 || strcmp(argv[1], "pair") != 0)
        die("usage: pair WAY PORT PID [--in-flight N] [--bytes N] [--warm-up-ms N] "
            "[--measured-ms N]");
    load.port = number(argv[3], UINT16_MAX);
    load.pid = number(argv[4], INT32_MAX);
    for (int i = 5; i < argc; i += 2)
        *option(argv[i]) = number(argv[i + 1], CL_MIB);
    load.message = message_new(CL_STR("{\"type\":\"delegate\",\"task\":\""), load.bytes);
    for (const struct way *way = ways; way->name != NULL; way++)
        if (strcmp(argv[2], way->name) == 0) {
            run(way);
            return 0;
        }
    die("unknown way: %s", argv[2]);
}
