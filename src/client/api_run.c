// SPDX-License-Identifier: MIT
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "client/api_private.h"

/* -- waiting ----------------------------------------------------------------------------------- */

/* Milliseconds that are left until the deadline of a wait; INT64_MAX: it has none. */
static int64_t
left_ms(cl_instant deadline)
{
    if (deadline.ms == CL_INSTANT_NEVER.ms)
        return INT64_MAX;
    int64_t ms = deadline.ms - cl_clock_monotonic().ms;
    return ms > 0 ? ms : 0;
}

static cl_instant
deadline_of(int32_t wait_ms)
{
    return wait_ms < 0 ? CL_INSTANT_NEVER : cl_instant_add(cl_clock_monotonic(), wait_ms);
}

/* Until the news, at most so long; with the lock held, but not meanwhile. */
static void
wait_for_news(claw_client *client, int64_t ms)
{
    struct timespec until;
    if (ms == INT64_MAX) {
        (void)pthread_cond_wait(&client->news, &client->lock);
        return;
    }
#if defined(__APPLE__)
    until = (struct timespec){.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000};
    (void)pthread_cond_timedwait_relative_np(&client->news, &client->lock, &until);
#else
    if (clock_gettime(CLOCK_MONOTONIC, &until) != 0)
        return;
    int64_t ns = until.tv_nsec + ms % 1000 * 1000000;
    until.tv_sec += ms / 1000 + ns / 1000000000;
    until.tv_nsec = ns % 1000000000;
    (void)pthread_cond_timedwait(&client->news, &client->lock, &until); // on time or not
#endif
}

/* -- turns ------------------------------------------------------------------------------------- */

static bool
is_full(const claw_client *client)
{
    return client->events_bytes > CL_API_EVENTS_BYTES_MAX;
}

static enum cl_err
turn(claw_client *client, void *args, struct cl_why *why)
{
    (void)args, (void)why;
    cl_api_tell_settled(client);
    cl_loop_turn(client->loop, false);
    return CL_OK;
}

static enum cl_err
ask_wait(claw_client *client, void *args, struct cl_why *why)
{
    int64_t *ret_ms = args;
    (void)why;
    bool is_due = cl_api_has_to_tell(client) && !cl_timer_is_running(&client->retry);
    *ret_ms = is_due ? 0 : cl_loop_wait_ms(client->loop);
    return CL_OK;
}

/* Waits for the descriptor, at most so long; with the lock held, but not meanwhile. */
static void
wait_for_fd(claw_client *client, int64_t ms)
{
    int64_t loop_ms = 0;
    if (cl_api_do_locked(client, ask_wait, &loop_ms) != CLAW_OK)
        return;
    if (loop_ms >= 0 && loop_ms < ms)
        ms = loop_ms;
    if (ms == 0)
        return;
    struct pollfd fd = {.fd = cl_loop_fd(client->loop), .events = POLLIN};
    client->is_polling = true;
    (void)pthread_mutex_unlock(&client->lock);
    (void)poll(&fd, 1, ms > INT32_MAX ? INT32_MAX : (int)ms); // whatever comes: a turn follows
    (void)pthread_mutex_lock(&client->lock);
    client->is_polling = false;
}

/* Gives all events to on_event, with the lock let go. */
static void
give_events(claw_client *client)
{
    struct cl_api_event *event;
    client->giver = pthread_self();
    while (client->on_event != NULL && !client->is_stopping &&
           (event = cl_api_event_take(client)) != NULL) {
        client->is_giving = true;
        (void)pthread_mutex_unlock(&client->lock);
        client->on_event(client->event_user, client, &event->shown);
        claw_event_free(client, &event->shown);
        (void)pthread_mutex_lock(&client->lock);
        client->is_giving = false;
    }
}

/* A turn; if nothing came of it, and there is time, one more after a wait. With the lock held. */
static claw_err
step(claw_client *client, int64_t ms)
{
    claw_err err = cl_api_do_locked(client, turn, NULL);
    if (err == CLAW_OK && ms > 0 && cl_list_is_empty(&client->events)) {
        wait_for_fd(client, ms);
        err = cl_api_do_locked(client, turn, NULL);
    }
    give_events(client);
    return err;
}

/* Only one drives it. */
static bool
begin_driving(claw_client *client)
{
    if (client->has_thread || client->is_driven)
        return false;
    client->is_driven = true;
    return true;
}

claw_err
claw_turn(claw_client *client, int32_t wait_ms)
{
    claw_err err = CLAW_ERR_USAGE;
    (void)pthread_mutex_lock(&client->lock);
    if (begin_driving(client)) {
        err = is_full(client) && client->on_event == NULL
                  ? CLAW_ERR_FULL
                  : step(client, wait_ms < 0 ? INT64_MAX : wait_ms);
        client->is_driven = false;
    }
    (void)pthread_mutex_unlock(&client->lock);
    return err;
}

int32_t
claw_fd(claw_client *client)
{
    (void)pthread_mutex_lock(&client->lock);
    int32_t fd = client->has_thread || client->is_broken ? -1 : cl_loop_fd(client->loop);
    (void)pthread_mutex_unlock(&client->lock);
    return fd;
}

int64_t
claw_deadline(claw_client *client)
{
    int64_t ms = -1;
    (void)pthread_mutex_lock(&client->lock);
    if (!client->has_thread && cl_api_do_locked(client, ask_wait, &ms) != CLAW_OK)
        ms = -1;
    (void)pthread_mutex_unlock(&client->lock);
    return ms;
}

/* -- events ------------------------------------------------------------------------------------ */

/* Will no event come by waiting? With the thread's queue empty. */
static bool
is_over(const claw_client *client)
{
    return client->is_broken || client->is_stopping || client->is_ended || client->on_event != NULL;
}

const struct claw_event *
claw_next_event(claw_client *client, int32_t wait_ms)
{
    cl_instant deadline = deadline_of(wait_ms);
    (void)pthread_mutex_lock(&client->lock);
    bool is_driver = cl_list_is_empty(&client->events) && begin_driving(client);
    bool is_first = true;
    while (cl_list_is_empty(&client->events) && !is_over(client)) {
        int64_t ms = left_ms(deadline);
        if ((ms == 0 && !is_first) || (!is_driver && !client->has_thread))
            break;
        if (is_driver)
            (void)step(client, ms); // a broken client ends the loop
        else if (ms > 0)
            wait_for_news(client, ms);
        is_first = false;
    }
    if (is_driver)
        client->is_driven = false;
    struct cl_api_event *event = cl_api_event_take(client);
    (void)pthread_mutex_unlock(&client->lock);
    return event == NULL ? NULL : &event->shown;
}

void
claw_event_free(claw_client *client, const struct claw_event *event)
{
    if (event != NULL) // it is the first member of what was allocated, and was const to the program
        (void)client->guest.memory(client->guest.memory_ctx, (void *)(uintptr_t)event, 0);
}

static bool
is_waiting(const claw_client *client)
{
    return client->ops_len > 0 || cl_api_has_to_tell(client) || cl_api_unsure(client) > 0;
}

uint64_t
claw_waiting(claw_client *client)
{
    (void)pthread_mutex_lock(&client->lock);
    uint64_t waiting =
        client->ops_len + cl_api_unsure(client) + (cl_api_has_to_tell(client) ? 1 : 0);
    (void)pthread_mutex_unlock(&client->lock);
    return waiting;
}

claw_err
claw_drain(claw_client *client, int32_t timeout_ms)
{
    cl_instant deadline = deadline_of(timeout_ms);
    claw_err err = CLAW_OK;
    (void)pthread_mutex_lock(&client->lock);
    bool is_driver = begin_driving(client);
    if (!is_driver && !client->has_thread)
        err = CLAW_ERR_USAGE;
    while (err == CLAW_OK && !client->is_broken && is_waiting(client) && !client->is_ended) {
        int64_t ms = left_ms(deadline);
        if (ms == 0)
            err = CLAW_ERR_TIMEOUT;
        else if (!is_driver)
            wait_for_news(client, ms);
        else {
            wait_for_fd(client, ms);
            err = step(client, 0);
        }
    }
    if (client->is_broken)
        err = CLAW_ERR_INTERNAL;
    if (err == CLAW_OK && client->is_ended && client->end != CL_OK && is_waiting(client))
        err = cl_api_err(client->end);
    if (is_driver)
        client->is_driven = false;
    (void)pthread_mutex_unlock(&client->lock);
    return err;
}

/* -- a thread of its own ----------------------------------------------------------------------- */

static void *
run(void *ctx)
{
    claw_client *client = ctx;
    (void)pthread_mutex_lock(&client->lock);
    while (!client->is_stopping && !client->is_broken) {
        if (is_full(client) && client->on_event == NULL) {
            wait_for_news(client, INT64_MAX);
            continue;
        }
        (void)cl_api_do_locked(client, turn, NULL); // a broken one ends the loop
        give_events(client);
        if (!client->is_stopping && !client->is_broken)
            wait_for_fd(client, INT64_MAX);
    }
    (void)pthread_cond_broadcast(&client->news);
    (void)pthread_mutex_unlock(&client->lock);
    return NULL;
}

static enum cl_err
open_pipe(int ret_pipe[2])
{
    if (pipe(ret_pipe) != 0)
        return CL_ERR_IO;
    for (size_t i = 0; i < 2; i++)
        if (fcntl(ret_pipe[i], F_SETFL, O_NONBLOCK) != 0 ||
            fcntl(ret_pipe[i], F_SETFD, FD_CLOEXEC) != 0)
            return CL_ERR_IO; // closed with the client
    return CL_OK;
}

static enum cl_err
start(claw_client *client, void *args, struct cl_why *why)
{
    sigset_t all, before;
    (void)args;
    if (client->has_thread || client->is_driven)
        return cl_fail(CL_ERR_USAGE, why, "The client is turned by somebody else already.");
    if (client->event_pipe[0] < 0 && open_pipe(client->event_pipe) != CL_OK)
        return cl_fail(CL_ERR_IO, why, "The system has no descriptors left.");
    (void)sigfillset(&all);
    (void)pthread_sigmask(SIG_SETMASK, &all, &before); // the thread inherits it
    int status = pthread_create(&client->thread, NULL, run, client);
    (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (status != 0)
        return cl_fail(CL_ERR_IO, why, "The system has no thread for the client.");
    client->has_thread = true;
    if (!cl_list_is_empty(&client->events) && client->on_event == NULL)
        (void)!write(client->event_pipe[1], "", 1);
    return CL_OK;
}

claw_err
claw_start(claw_client *client)
{
    return cl_api_do(client, start, NULL);
}

int32_t
claw_event_fd(claw_client *client)
{
    (void)pthread_mutex_lock(&client->lock);
    int32_t fd = client->has_thread ? client->event_pipe[0] : -1;
    (void)pthread_mutex_unlock(&client->lock);
    return fd;
}
