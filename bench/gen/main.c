// SPDX-License-Identifier: MIT
/*
 * bench/gen/main.c - one job, one kind of server, one JSON object on standard output:
 *
 *     loadgen JOB PROTOCOL PORT PID [--count N] [--in-flight N] [--bytes N] [--tls 1]
 *             [--warm-up-ms N] [--measured-ms N | --batches N [--pause-ms N]]
 *
 * The server is at 127.0.0.1:PORT; its process PID is what the processor time is read of.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>

#include "bench/gen/gen.h"

static const struct job *const jobs[] = {&job_routed, &job_fanout, &job_trip,
                                         &job_http,   &job_idle,   &job_store};
static const struct protocol *const protocols[] = {
    &protocol_relay, &protocol_ws,        &protocol_v2,    &protocol_v2_store,
    &protocol_nats,  &protocol_jetstream, &protocol_redis, &protocol_redis_stream,
    &protocol_mqtt,  &protocol_http};

static unsigned
number(const char *text, unsigned max)
{
    uint64_t value;
    if (!cl_str_to_u64(cl_str_z(text), max, &value) || value == 0)
        die("not a number from 1 to %u: %s", max, text);
    return (unsigned)value;
}

static unsigned *
option(struct gen *gen, const char *name)
{
    const struct {
        const char *name;
        unsigned *value;
    } options[] = {
        {"--count", &gen->count},           {"--in-flight", &gen->in_flight},
        {"--bytes", &gen->bytes},           {"--tls", &gen->use_tls},
        {"--warm-up-ms", &gen->warm_up_ms}, {"--measured-ms", &gen->measured_ms},
        {"--batches", &gen->batches},       {"--pause-ms", &gen->pause_ms},
    };
    for (size_t i = 0; i < sizeof options / sizeof options[0]; i++)
        if (strcmp(options[i].name, name) == 0)
            return options[i].value;
    die("unknown option: %s", name);
}

static void
choose(struct gen *gen, const char *job, const char *protocol)
{
    for (size_t i = 0; i < sizeof jobs / sizeof jobs[0]; i++)
        if (strcmp(job, jobs[i]->name) == 0)
            gen->job = jobs[i];
    for (size_t i = 0; i < sizeof protocols / sizeof protocols[0]; i++)
        if (strcmp(protocol, protocols[i]->name) == 0)
            gen->protocol = protocols[i];
    if (gen->job == NULL || gen->protocol == NULL)
        die("unknown job or protocol: %s %s", job, protocol);
    if ((gen->job == &job_http) != (gen->protocol == &protocol_http))
        die("the job http and the protocol http go together");
    if ((gen->job == &job_store) != gen->protocol->is_answering)
        die("the job store needs a protocol that answers, and is the only one that does");
}

int
main(int argc, char **argv)
{
    struct gen gen = {.warm_up_ms = 1000, .measured_ms = 3000, .random = 2463534242u};
    if (argc < 5 || argc % 2 != 1)
        die("usage: loadgen routed|fanout|trip|http|idle|store relay|ws|v2|v2-store|nats|jetstream|"
            "redis|redis-stream|mqtt|http PORT PID [--count N] [--in-flight N] [--bytes N] [--tls "
            "1] [--warm-up-ms N] "
            "[--measured-ms N | --batches N [--pause-ms N]]");
    choose(&gen, argv[1], argv[2]);
    gen.count = gen.job->count;
    gen.in_flight = gen.job->in_flight;
    gen.bytes = gen.job->bytes;
    gen.port = number(argv[3], UINT16_MAX);
    gen.pid = number(argv[4], INT32_MAX);
    for (int i = 5; i < argc; i += 2)
        *option(&gen, argv[i]) = number(argv[i + 1], CL_MIB);

    gen.input = must_alloc(GEN_READ_BYTES, 1);
    gen.epoll = epoll_create1(EPOLL_CLOEXEC);
    if (gen.epoll < 0)
        die("%s", strerror(errno));
    if (gen.job->run != NULL)
        gen.job->run(&gen);
    else
        measure(&gen);
    return 0;
}
