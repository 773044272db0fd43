// SPDX-License-Identifier: MIT
#include "client/api_private.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/random.h"
#include "trust/agent_link_sign.h"

/* What the table calls OK. */
#define CLAW_ERR_OK CLAW_OK

/* -- words ------------------------------------------------------------------------------------- */

static const claw_err numbers[CL_ERR_COUNT] = {
#define X(name, wire, http, exit, retry) [CL_ERR_##name] = CLAW_ERR_##name,
    CL_ERR_MAP(X)
#undef X
};

claw_err
cl_api_err(enum cl_err err)
{
    return numbers[err];
}

enum cl_err
cl_api_err_of(claw_err err)
{
    for (size_t i = 0; i < CL_ERR_COUNT; i++)
        if (numbers[i] == err)
            return (enum cl_err)i;
    return CL_ERR_INTERNAL;
}

const char *
claw_err_name(claw_err err)
{
    return cl_err_wire(cl_api_err_of(err));
}

int32_t
claw_err_may_retry(claw_err err)
{
    return cl_err_retry_helps(cl_api_err_of(err)) ? 1 : 0;
}

const char *
claw_version(void)
{
    return CLAWLINK_VERSION;
}

/* -- structs of the caller's ------------------------------------------------------------------- */

static void
struct_init(void *given, size_t size)
{
    memset(given, 0, size);
    memcpy(given, &size, sizeof size);
}

enum cl_err
cl_api_struct(const void *given, void *ret_known, size_t known_size, struct cl_why *why)
{
    size_t size = 0;
    if (given != NULL)
        memcpy(&size, given, sizeof size);
    if (size < sizeof size)
        return cl_fail(CL_ERR_USAGE, why, "A struct has no size: call its init function first.");
    for (size_t i = known_size; i < size; i++)
        if (((const char *)given)[i] != 0)
            return cl_fail(CL_ERR_USAGE, why,
                           "A struct says something that libclawlink %s does not know yet.",
                           CLAWLINK_VERSION);
    memset(ret_known, 0, known_size);
    memcpy(ret_known, given, size < known_size ? size : known_size);
    return CL_OK;
}

void
claw_options_init(struct claw_options *options, size_t size)
{
    struct_init(options, size);
}

void
claw_agent_init(struct claw_agent *agent, size_t size)
{
    struct_init(agent, size);
}

void
claw_letter_init(struct claw_letter *letter, size_t size)
{
    struct_init(letter, size);
    letter->priority = CLAW_PRIORITY_NORMAL;
}

void
claw_report_init(struct claw_report *report, size_t size)
{
    struct_init(report, size);
}

void
claw_file_init(struct claw_file *file, size_t size)
{
    struct_init(file, size);
}

/* -- every call -------------------------------------------------------------------------------- */

struct job {
    claw_client *client;
    cl_api_fn *fn;
    void *args;
    enum cl_err err;
    struct cl_why why;
};

static void
run_job(void *ctx)
{
    struct job *job = ctx;
    job->err = job->fn(job->client, job->args, &job->why);
    if (job->err != CL_OK && job->why.text[0] == '\0')
        (void)snprintf(job->why.text, sizeof job->why.text, "%s", cl_err_wire(job->err));
}

/* The sentence about a broken client. */
static void
note_bug(claw_client *client)
{
    (void)snprintf(client->why.text, sizeof client->why.text,
                   "A fault of libclawlink %s, which has broken this client: %s.", CLAWLINK_VERSION,
                   client->guest.bug);
}

static void
run_timed(void *ctx)
{
    struct job *job = ctx;
    cl_loop_update_time(job->client->loop);
    run_job(job);
}

/* Does somebody wait for the descriptor, in here or in a loop of the program's? Who drives the
 * client sees what has changed before it waits. */
static bool
may_sleep(const claw_client *client)
{
    return client->is_polling || (!client->has_thread && !client->is_driven);
}

static enum cl_err
wake(claw_client *client, void *args, struct cl_why *why)
{
    (void)args, (void)why;
    if (may_sleep(client))
        cl_loop_wake(client->loop);
    return CL_OK;
}

claw_err
cl_api_do_locked(claw_client *client, cl_api_fn *fn, void *args)
{
    struct job job = {.client = client, .fn = fn, .args = args};
    if (!client->is_broken && !cl_guest_run(&client->guest, run_timed, &job)) {
        client->is_broken = true;
        note_bug(client);
        (void)pthread_cond_broadcast(&client->news);
        if (client->is_polling)
            cl_loop_wake(client->loop); // it may be broken too, but for this
    }
    if (client->is_broken)
        return CLAW_ERR_INTERNAL;
    if (job.err != CL_OK)
        client->why = job.why;
    return cl_api_err(job.err);
}

claw_err
cl_api_do(claw_client *client, cl_api_fn *fn, void *args)
{
    (void)pthread_mutex_lock(&client->lock);
    claw_err err = cl_api_do_locked(client, fn, args);
    (void)cl_api_do_locked(client, wake, NULL); // a broken one does not wait
    (void)pthread_mutex_unlock(&client->lock);
    return err;
}

static enum cl_err
check(claw_client *client, void *args, struct cl_why *why)
{
    (void)args;
    return cl_api_check(client, why);
}

claw_err
cl_api_do_apart(claw_client *client, cl_api_fn *fn, void *args)
{
    // Its own guest: a bug there says nothing about the client, which it does not touch.
    struct cl_guest guest = {.memory = client->guest.memory,
                             .memory_ctx = client->guest.memory_ctx};
    struct job job = {.client = client, .fn = fn, .args = args};
    claw_err err = cl_api_do(client, check, NULL);
    if (err != CLAW_OK)
        return err;
    if (!cl_guest_run(&guest, run_job, &job)) {
        job.err = CL_ERR_INTERNAL;
        (void)snprintf(job.why.text, sizeof job.why.text, "A fault of libclawlink %s: %s.",
                       CLAWLINK_VERSION, guest.bug);
    }
    if (job.err != CL_OK) {
        (void)pthread_mutex_lock(&client->lock);
        client->why = job.why;
        (void)pthread_mutex_unlock(&client->lock);
    }
    return cl_api_err(job.err);
}

void
claw_why(claw_client *client, char *ret_text, size_t cap)
{
    if (cap == 0)
        return;
    (void)pthread_mutex_lock(&client->lock);
    (void)snprintf(ret_text, cap, "%s", client->why.text); // cut
    (void)pthread_mutex_unlock(&client->lock);
}

/* -- the beginning ----------------------------------------------------------------------------- */

static enum cl_err
check_options(const struct claw_options *options, struct cl_why *why)
{
    if (options->url == NULL || options->instance == NULL)
        return cl_fail(CL_ERR_USAGE, why, "A client needs the relay's url and an instance.");
    if (!cl_name_is_instance(cl_str_z(options->instance)))
        return cl_fail(CL_ERR_USAGE, why,
                       "\"%.80s\" is no name for an instance: write 1 to %u letters, digits and "
                       "\"._-\", and neither v1 nor relay.",
                       options->instance, CL_NAME_BYTES_MAX);
    if (cl_api_str(options->program).len > 0 &&
        !cl_line_is_valid(cl_str_z(options->program), CL_V2_DISPLAY_BYTES_MAX))
        return cl_fail(CL_ERR_USAGE, why,
                       "program takes up to %u bytes of UTF-8 without control characters.",
                       CL_V2_DISPLAY_BYTES_MAX);
    if (options->needs_signature != 0 && cl_api_str(options->group_secret).len == 0)
        return cl_fail(CL_ERR_USAGE, why,
                       "needs_signature goes with a group_secret: without one nobody can say which "
                       "signature is meant.");
    return CL_OK;
}

static void
copy_options(claw_client *client, const struct claw_options *options)
{
    cl_str program = cl_str_z(options->program);
    if (program.len == 0)
        program = CL_STR("libclawlink/" CLAWLINK_VERSION);
    // Both were looked at: they fit.
    (void)cl_str_copy(client->instance, sizeof client->instance, cl_str_z(options->instance));
    (void)cl_str_copy(client->program, sizeof client->program, program);
    client->on_event = options->on_event;
    client->event_user = options->event_user;
    client->needs_signature = options->needs_signature != 0;
}

static void
on_retry(struct cl_timer *timer)
{
    (void)timer; // the turn that it leads to does it
}

/* What the relay's Agent Link port is shown, where no token was given. */
static enum cl_err
make_token(claw_client *client, const struct cl_secret *secret, struct cl_secret *token)
{
    char text[CL_AGENT_LINK_TOKEN_LEN];
    if (secret->len == 0 || token->len > 0)
        return CL_OK;
    enum cl_err err = cl_agent_link_token(secret, cl_str_z(client->instance), text);
    if (err == CL_OK)
        err = cl_secret_init(token, cl_str_of(text, sizeof text));
    cl_secret_wipe(text, sizeof text);
    client->is_derived = true;
    return err;
}

/* The instance's secret opens the port, the group's signs; where there is one of them, it does
 * both, if it is a group's. */
static enum cl_err
use_secrets(claw_client *client, const struct claw_options *options, struct cl_secret *token,
            struct cl_why *why)
{
    struct cl_secret own, group;
    enum cl_err err = cl_secret_init(&own, cl_str_z(options->secret));
    if (err != CL_OK)
        return cl_fail(err, why, "The secret has more than %u bytes.", CL_SECRET_BYTES_MAX);
    err = cl_secret_init(&group, cl_str_z(options->group_secret));
    if (err != CL_OK) {
        cl_secret_done(&own);
        return cl_fail(err, why, "The group's secret has more than %u bytes.", CL_SECRET_BYTES_MAX);
    }
    const struct cl_secret *signing = group.len > 0 ? &group : &own;
    client->is_strict = client->is_group = group.len > 0;
    err = make_token(client, own.len > 0 ? &own : &group, token);
    if (err == CL_OK && signing->len > 0) {
        client->group_key = cl_group_key(signing);
        err = client->group_key == NULL ? CL_ERR_NO_MEMORY : CL_OK;
    }
    cl_secret_done(&own);
    cl_secret_done(&group);
    return err;
}

static enum cl_err
make_relay(claw_client *client, const struct claw_options *options, struct cl_why *why)
{
    struct cl_secret token;
    enum cl_err err = cl_secret_init(&token, cl_str_z(options->token));
    if (err != CL_OK)
        return cl_fail(err, why, "The token has more than %u bytes.", CL_SECRET_BYTES_MAX);
    err = use_secrets(client, options, &token, why);
    if (err == CL_OK)
        err = cl_client_new(cl_str_z(options->url), &token, &client->relay, why);
    cl_secret_done(&token);
    if (err != CL_OK)
        return err;
    cl_client_serve_program(client->relay,
                            client->is_derived ? cl_str_z(client->instance) : CL_STR(""));
    cl_str pins = cl_api_str(options->pins);
    return pins.len > 0 ? cl_client_pin(client->relay, pins, false, why) : CL_OK;
}

/* What a client is made from. */
struct plan {
    const struct claw_options *options;
    const struct cl_client *like; // NULL: its relay is the one that the options name
};

static enum cl_err
begin(claw_client *client, void *args, struct cl_why *why)
{
    const struct plan *plan = args;
    const struct claw_options *options = plan->options;
    cl_random_bytes(&client->hash_key, sizeof client->hash_key);
    cl_map_init(&client->asks, &client->hash_key);
    copy_options(client, options);
    enum cl_err err = plan->like == NULL ? make_relay(client, options, why)
                                         : cl_client_new_like(plan->like, &client->relay, why);
    if (err == CL_OK)
        err = cl_client_uplink(client->relay, &client->config, why);
    if (err != CL_OK)
        return err;
    client->loop = client->config.loop;
    client->config.instance = cl_str_z(client->instance);
    client->config.client = cl_str_z(client->program);
    client->config.is_patient = options->is_impatient == 0;
    client->config.events = &cl_api_uplink_events;
    cl_timer_init(&client->retry, on_retry);
    client->spare_down = cl_api_event_new(CLAW_EVENT_DOWN, CL_WHY_CAP);
    client->spare_ended = cl_api_event_new(CLAW_EVENT_ENDED, CL_WHY_CAP);
    if (client->spare_down == NULL || client->spare_ended == NULL)
        return CL_ERR_NO_MEMORY;
    return cl_uplink_new(&client->config, client, &client->uplink);
}

/* -- the end ----------------------------------------------------------------------------------- */

static void
drop_all(void *ctx)
{
    claw_client *client = ctx;
    cl_uplink_free(client->uplink);
    if (client->loop != NULL) // what was said last, and goodbye
        cl_loop_turn(client->loop, false);
    cl_api_drop_ops(client);
    cl_api_asks_done(client);
    CL_LIST_EACH(&client->agents, at)
    {
        cl_api_agent_free(CL_LIST_ENTRY(at, struct cl_api_agent, link));
    }
    for (struct cl_api_event *event; (event = cl_api_event_take(client)) != NULL;)
        cl_api_event_free(event);
    cl_api_event_free(client->spare_down);
    cl_api_event_free(client->spare_ended);
    cl_client_free(client->relay);
    cl_hmac_free(client->group_key);
}

/* Of a broken one everything stays but itself: what its parts look like nobody knows. */
static void
destroy(claw_client *client)
{
    cl_guest_memory_fn *memory = client->guest.memory;
    void *ctx = client->guest.memory_ctx;
    if (client->is_broken || !cl_guest_run(&client->guest, drop_all, client))
        return;
    for (size_t i = 0; i < 2; i++)
        if (client->event_pipe[i] >= 0)
            (void)close(client->event_pipe[i]);
    (void)pthread_cond_destroy(&client->news);
    (void)pthread_mutex_destroy(&client->lock);
    (void)memory(ctx, client, 0);
}

static claw_err
give_why(enum cl_err err, const struct cl_why *why, char *text, size_t cap)
{
    if (text != NULL && cap > 0)
        (void)snprintf(text, cap, "%s",
                       err == CL_OK || why->text[0] != '\0' ? why->text : cl_err_wire(err)); // cut
    return cl_api_err(err);
}

/* Its clock is the one by which it waits (api_run.c). */
static enum cl_err
init_threads(claw_client *client)
{
    pthread_condattr_t attributes;
    if (pthread_condattr_init(&attributes) != 0)
        return CL_ERR_NO_MEMORY;
    int status = 0;
#if !defined(__APPLE__)
    status = pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
#endif
    if (status == 0)
        status = pthread_cond_init(&client->news, &attributes);
    (void)pthread_condattr_destroy(&attributes);
    if (status != 0)
        return CL_ERR_NO_MEMORY;
    if (pthread_mutex_init(&client->lock, NULL) == 0)
        return CL_OK;
    (void)pthread_cond_destroy(&client->news);
    return CL_ERR_NO_MEMORY;
}

/* Of options that were looked at. */
static enum cl_err
make(struct plan *plan, claw_client **ret_client, struct cl_why *why)
{
    const struct claw_options *options = plan->options;
    cl_guest_memory_fn *memory =
        options->memory == NULL ? cl_guest_process_memory : options->memory;
    claw_client *client = memory(options->memory_user, NULL, sizeof *client);
    if (client == NULL)
        return CL_ERR_NO_MEMORY;
    memset(client, 0, sizeof *client);
    client->guest = (struct cl_guest){.memory = memory, .memory_ctx = options->memory_user};
    client->event_pipe[0] = client->event_pipe[1] = -1;
    cl_list_init(&client->agents);
    cl_list_init(&client->ops);
    cl_list_init(&client->events);
    enum cl_err err = init_threads(client);
    if (err != CL_OK) {
        (void)memory(options->memory_user, client, 0);
        return err;
    }
    struct job job = {.client = client, .fn = begin, .args = plan};
    if (!cl_guest_run(&client->guest, run_job, &job)) {
        client->is_broken = true;
        note_bug(client);
        job.err = CL_ERR_INTERNAL;
        job.why = client->why;
    }
    *why = job.why;
    if (job.err == CL_OK)
        *ret_client = client;
    else
        destroy(client);
    return job.err;
}

claw_err
claw_new(const struct claw_options *given, claw_client **ret_client, char *why, size_t why_cap)
{
    struct claw_options options;
    struct plan plan = {.options = &options};
    struct cl_why reason = {""};
    *ret_client = NULL;
    enum cl_err err = cl_api_struct(given, &options, sizeof options, &reason);
    if (err == CL_OK)
        err = check_options(&options, &reason);
    if (err == CL_OK)
        err = make(&plan, ret_client, &reason);
    return give_why(err, &reason, why, why_cap);
}

enum cl_err
cl_api_new_like(const struct claw_options *given, const struct cl_client *like,
                claw_client **ret_client, struct cl_why *why)
{
    struct claw_options options = *given;
    struct plan plan = {&options, like};
    options.url = ""; // it has none of its own
    *ret_client = NULL;
    enum cl_err err = check_options(&options, why);
    return err == CL_OK ? make(&plan, ret_client, why) : err;
}

claw_err
claw_free(claw_client *client)
{
    if (client == NULL)
        return CLAW_OK;
    (void)pthread_mutex_lock(&client->lock);
    bool is_within = client->is_giving && pthread_equal(client->giver, pthread_self());
    bool has_thread = client->has_thread;
    if (!is_within) {
        client->is_stopping = true;
        (void)pthread_cond_broadcast(&client->news);
        (void)cl_api_do_locked(client, wake, NULL); // a broken one does not wait
    }
    (void)pthread_mutex_unlock(&client->lock);
    if (is_within)
        return CLAW_ERR_USAGE;
    if (has_thread)
        (void)pthread_join(client->thread, NULL);
    destroy(client);
    return CLAW_OK;
}
