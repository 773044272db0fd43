// SPDX-License-Identifier: MIT
/*
 * bench/storm/main.c - many connections of the product's own (client/uplink.h) to one relay, in one
 * process, which lose it and come back:
 *
 *     storm URL COUNT
 *
 * Prints "up" when all are up the first time, and each time that all are up again one line: the
 * instants, in milliseconds of the monotonic clock, at which each of them came up. Goes on until
 * it is killed, or whoever started it has gone. bench/storms stops and starts the relay.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/limits.h"
#include "client/uplink.h"
#include "net/loop.h"

/* So many begin in one of these steps: the first time is no storm. */
#define BEGIN_EACH 100
#define BEGIN_MS   20
/* How often it looks whether whoever started it is there. */
#define LOOK_MS 200

struct storm;

struct link {
    struct storm *storm;
    struct cl_uplink *uplink;
    cl_instant up; // came up, this time
    bool is_up;
};

struct storm {
    struct cl_loop *loop;
    struct cl_uplink_config config;
    struct link *links;
    uint64_t len, begun, up;
    bool was_up; // all of them, once
    struct cl_timer begin;
    struct cl_timer look;
};

_Noreturn static void
die(const char *what)
{
    (void)fprintf(stderr, "storm: %s\n", what);
    exit(1);
}

static void
say(const struct storm *storm)
{
    if (!storm->was_up) {
        (void)printf("up\n");
    } else {
        for (uint64_t i = 0; i < storm->len; i++)
            (void)printf("%" PRId64 "%c", storm->links[i].up.ms, i + 1 < storm->len ? ' ' : '\n');
    }
    (void)fflush(stdout);
}

static void
on_up(void *ctx, const struct cl_v2_welcome *welcome)
{
    struct link *link = ctx;
    struct storm *storm = link->storm;
    (void)welcome;
    link->up = cl_loop_now(storm->loop);
    storm->up += !link->is_up;
    link->is_up = true;
    if (storm->up < storm->len)
        return;
    say(storm);
    storm->was_up = true;
}

static void
on_down(void *ctx, const struct cl_uplink_fall *fall, uint32_t pause_ms)
{
    struct link *link = ctx;
    (void)fall;
    (void)pause_ms;
    link->storm->up -= link->is_up;
    link->is_up = false;
}

static void
on_ended(void *ctx, const struct cl_uplink_fall *fall)
{
    (void)ctx;
    (void)fprintf(stderr, "storm: %s\n", cl_err_wire(fall->err));
    die("a connection was ended for good");
}

static void
on_note(void *ctx, enum cl_v2_note note, const union cl_v2_note_params *params)
{
    (void)ctx;
    (void)note;
    (void)params;
}

static void
begin(struct link *link)
{
    struct storm *storm = link->storm;
    char agent[32];
    (void)snprintf(agent, sizeof agent, "storm/a%" PRIu64, storm->begun++);
    const struct cl_v2_attach params = {.agent = cl_str_z(agent)};
    if (cl_uplink_new(&storm->config, link, &link->uplink) != CL_OK ||
        cl_uplink_attach(link->uplink, &params) != CL_OK)
        die("a connection cannot be made");
}

static void
begin_some(struct cl_timer *timer)
{
    struct storm *storm = CL_LIST_ENTRY(timer, struct storm, begin);
    for (unsigned i = 0; i < BEGIN_EACH && storm->begun < storm->len; i++)
        begin(&storm->links[storm->begun]);
    if (storm->begun < storm->len)
        cl_loop_timer_start(storm->loop, timer, cl_instant_add(cl_loop_now(storm->loop), BEGIN_MS));
}

/* Who started this program has gone. */
static void
look(struct cl_timer *timer)
{
    struct storm *storm = CL_LIST_ENTRY(timer, struct storm, look);
    if (getppid() == 1)
        exit(1);
    cl_loop_timer_start(storm->loop, timer, cl_instant_add(cl_loop_now(storm->loop), LOOK_MS));
}

int
main(int argc, char **argv)
{
    static const struct cl_uplink_events events = {on_up, on_down, on_ended, on_note, NULL};
    struct rlimit files;
    struct storm storm = {.config = {.instance = CL_STR("storm"),
                                     .client = CL_STR("bench/storm"),
                                     .is_patient = true,
                                     .events = &events}};
    if (argc != 3 || !cl_str_to_u64(cl_str_z(argv[2]), 100000, &storm.len) || storm.len == 0)
        die("usage: storm URL COUNT");
    if (getrlimit(RLIMIT_NOFILE, &files) == 0) {
        files.rlim_cur = files.rlim_max;
        (void)setrlimit(RLIMIT_NOFILE, &files); // what is missing is told by who cannot connect
    }
    if (cl_loop_new(&storm.loop) != CL_OK)
        die("no loop");
    storm.config.loop = storm.loop;
    storm.config.url = cl_str_z(argv[1]);
    storm.links = cl_alloc_or_die(storm.len * sizeof *storm.links);
    for (uint64_t i = 0; i < storm.len; i++)
        storm.links[i].storm = &storm;
    cl_timer_init(&storm.begin, begin_some);
    cl_timer_init(&storm.look, look);
    cl_loop_timer_start(storm.loop, &storm.begin, cl_loop_now(storm.loop));
    cl_loop_timer_start(storm.loop, &storm.look, cl_loop_now(storm.loop));
    cl_loop_run(storm.loop); // until it is killed
    return 0;
}
