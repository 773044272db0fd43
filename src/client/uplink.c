// SPDX-License-Identifier: MIT
#include "client/uplink.h"

#include <stdio.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "base/random.h"
#include "base/secret.h"
#include "client/backoff.h"
#include "proto/v2_encode.h"
#include "wire/uri.h"

/* A number of a call as it goes over the wire, with its NUL. */
#define NUMBER_CAP 21

enum state { WAITING, DIALING, GREETING, UP, ENDED };

struct cl_uplink {
    const struct cl_uplink_config *config;
    void *ctx;
    struct cl_ws_dial *dial; // DIALING
    struct cl_ws_conn *ws;   // GREETING, UP
    struct cl_timer timer;   // WAITING: the next try; GREETING: the answer to hello
    struct cl_backoff backoff;
    struct cl_list seats;
    struct cl_list calls; // not answered yet, in the order in which they were made
    struct call *unsaid;  // the first that waits for room on this connection
    uint64_t last_number; // of a call; hello has 0
    uint8_t state;        // enum state
    uint8_t busy;         // functions of this file on the stack that come from the loop
    bool was_up;
    bool is_freed;                     // by its user
    bool is_forgetful;                 // the relay came back with nothing of what it knew
    char epoch[CL_NAME_BYTES_MAX + 1]; // of the relay's last start that was seen
};

/* An agent to be attached. */
struct seat {
    struct cl_link link;
    uint64_t number; // of the last call for it
    bool is_taken;   // the relay has answered it
    cl_maybe cursor; // receipts up to that version were heard
    uint32_t agent_len;
    uint32_t len;
    char text[]; // its address, and behind it a call that attaches it
};

struct call {
    struct cl_link link;
    uint64_t number;
    enum cl_v2_method method;
    bool is_kept;
    bool is_bound;
    bool is_sent; // on this connection, as are all before it
    cl_uplink_answer_fn *fn;
    void *ctx;
    uint32_t len;
    char text[];
};

static cl_str
seat_agent(const struct seat *seat)
{
    return cl_str_of(seat->text, seat->agent_len);
}

static void
number_text(uint64_t number, char ret_text[static NUMBER_CAP])
{
    (void)snprintf(ret_text, NUMBER_CAP, "%llu", (unsigned long long)number);
}

static uint64_t
random_of(const struct cl_uplink *uplink)
{
    uint64_t random;
    if (uplink->config->random != NULL)
        return uplink->config->random();
    cl_random_bytes(&random, sizeof random);
    return random;
}

/* -- the end ----------------------------------------------------------------------------------- */

static struct call *
call_of(const struct cl_uplink *uplink, struct cl_link *link)
{
    return link == &uplink->calls.head ? NULL : CL_LIST_ENTRY(link, struct call, link);
}

static void
take_out(struct cl_uplink *uplink, struct call *call)
{
    if (uplink->unsaid == call)
        uplink->unsaid = call_of(uplink, call->link.next);
    cl_list_remove(&call->link);
}

static void
drop_call(struct cl_uplink *uplink, struct call *call)
{
    take_out(uplink, call);
    cl_free(call);
}

static void
drop_seat(struct seat *seat)
{
    cl_list_remove(&seat->link);
    cl_free(seat);
}

static void
destroy(struct cl_uplink *uplink)
{
    CL_LIST_EACH(&uplink->calls, at)
    {
        drop_call(uplink, CL_LIST_ENTRY(at, struct call, link));
    }
    CL_LIST_EACH(&uplink->seats, at)
    {
        drop_seat(CL_LIST_ENTRY(at, struct seat, link));
    }
    cl_free(uplink);
}

/* A user may free it from within any callback. */
static void
enter(struct cl_uplink *uplink)
{
    uplink->busy++;
}

static void
leave(struct cl_uplink *uplink)
{
    uplink->busy--;
    if (uplink->busy == 0 && uplink->is_freed && uplink->ws == NULL)
        destroy(uplink);
}

void
cl_uplink_free(struct cl_uplink *uplink)
{
    if (uplink == NULL)
        return;
    if (uplink->dial != NULL)
        cl_ws_dial_cancel(uplink->dial);
    uplink->dial = NULL;
    cl_loop_timer_stop(uplink->config->loop, &uplink->timer);
    uplink->is_freed = true;
    uplink->state = ENDED;
    if (uplink->ws != NULL)
        cl_ws_close(uplink->ws, CL_WS_CLOSE_NORMAL, CL_STR("")); // on_closed frees
    else if (uplink->busy == 0)
        destroy(uplink);
}

/* -- a break ----------------------------------------------------------------------------------- */

/* Would the next try end as this one did? */
static bool
is_final(const struct cl_uplink *uplink, const struct cl_uplink_fall *fall)
{
    static const unsigned statuses[] = {401, 403, 421, 426};
    if (!uplink->was_up && !uplink->config->is_patient)
        return true;
    if (fall->error != NULL)
        return !cl_err_retry_helps(fall->err);
    for (size_t i = 0; i < sizeof statuses / sizeof *statuses; i++)
        if (fall->no.status == statuses[i])
            return true;
    return fall->err == CL_ERR_UNTRUSTED;
}

static void
tell(const struct call *call, const struct cl_uplink_answer *answer)
{
    if (call->fn != NULL)
        call->fn(call->ctx, answer);
}

/* Those that were made, or belong to the connection, and are not to be made again. */
static void
fail_calls(struct cl_uplink *uplink)
{
    const struct cl_uplink_answer answer = {.err = CL_ERR_CLOSED};
    struct cl_list lost;
    cl_list_init(&lost);
    uplink->unsaid = NULL;
    CL_LIST_EACH(&uplink->calls, at)
    {
        struct call *call = CL_LIST_ENTRY(at, struct call, link);
        bool is_lost = (call->is_sent || call->is_bound) && !call->is_kept;
        call->is_sent = false;
        if (is_lost) {
            cl_list_remove(at);
            cl_list_append(&lost, at);
        }
    }
    CL_LIST_EACH(&lost, at)
    {
        struct call *call = CL_LIST_ENTRY(at, struct call, link);
        if (!uplink->is_freed)
            tell(call, &answer);
        drop_call(uplink, call);
    }
}

/* So long the relay asks not to be called: the pause of the back-off comes behind it, or all whom
 * it told the same would come back together. */
static uint32_t
asked_pause_ms(const struct cl_uplink_fall *fall)
{
    uint64_t asked_s = fall->no.retry_after_s;
    if (fall->error != NULL && fall->error->retry_after_s > asked_s)
        asked_s = fall->error->retry_after_s;
    return 1000 * (uint32_t)(asked_s < CL_CLIENT_ASKED_PAUSE_S ? asked_s : CL_CLIENT_ASKED_PAUSE_S);
}

/* There is no connection any more. */
static void
fall(struct cl_uplink *uplink, const struct cl_uplink_fall *fall)
{
    cl_loop_timer_stop(uplink->config->loop, &uplink->timer);
    uplink->state = is_final(uplink, fall) ? ENDED : WAITING;
    uint32_t pause_ms = 0;
    if (uplink->state == WAITING) {
        pause_ms = cl_backoff_next(&uplink->backoff, random_of(uplink)) + asked_pause_ms(fall);
        cl_loop_timer_start(uplink->config->loop, &uplink->timer,
                            cl_instant_add(cl_loop_now(uplink->config->loop), pause_ms));
    }
    fail_calls(uplink);
    if (uplink->is_freed)
        return;
    if (uplink->state == ENDED)
        uplink->config->events->on_ended(uplink->ctx, fall);
    else
        uplink->config->events->on_down(uplink->ctx, fall, pause_ms);
}

/* Gives the connection up from our side: what the WebSocket says of its end is not heard. */
static void
give_up(struct cl_uplink *uplink, const struct cl_uplink_fall *why)
{
    struct cl_ws_conn *ws = uplink->ws;
    if (uplink->state != GREETING && uplink->state != UP)
        return;
    uplink->state = WAITING;
    cl_ws_cut(ws);
    fall(uplink, why);
}

/* -- saying ------------------------------------------------------------------------------------ */

static enum cl_err
say(struct cl_uplink *uplink, cl_str text)
{
    const struct cl_part part = cl_part_of(text);
    return cl_ws_send_text(uplink->ws, &part, 1);
}

static enum cl_err
say_call(struct cl_uplink *uplink, enum cl_v2_method method, uint64_t number, const void *params)
{
    struct cl_buf text;
    char id[NUMBER_CAP];
    number_text(number, id);
    cl_buf_init(&text, CL_HTTP_BODY_BYTES_MAX);
    enum cl_err err = cl_v2_encode_call(method, cl_str_z(id), params, &text);
    if (err == CL_OK)
        err = say(uplink, cl_buf_str(&text));
    cl_buf_done(&text);
    return err;
}

static enum cl_err
say_hello(struct cl_uplink *uplink)
{
    static const cl_str versions[] = {CL_STR_INIT(CL_V2_VERSION)};
    const struct cl_v2_hello params = {.versions = {versions, 1},
                                       .instance = uplink->config->instance,
                                       .client = uplink->config->client};
    return say_call(uplink, CL_V2_HELLO, 0, &params);
}

static enum cl_err
say_attach(struct cl_uplink *uplink, struct seat *seat)
{
    struct cl_arena arena;
    struct cl_v2_call call;
    struct cl_v2_fault fault;
    cl_hash_key key;
    cl_random_bytes(&key, sizeof key);
    cl_arena_init(&arena, CL_JSON_SCAN_ARENA_BYTES_MAX);
    const struct cl_envelope_reader reader = {.arena = &arena, .hash_key = &key};
    cl_str text = cl_str_of(seat->text + seat->agent_len, seat->len - seat->agent_len);
    enum cl_err err = cl_v2_decode_call(&reader, text, cl_clock_wall(), &call, &fault);
    seat->number = ++uplink->last_number;
    seat->is_taken = false;
    if (err == CL_OK) {
        if (seat->cursor.is_set)
            call.params.attach.receipts_after = seat->cursor;
        err = say_call(uplink, CL_V2_ATTACH, seat->number, &call.params.attach);
    }
    cl_arena_done(&arena);
    return err;
}

/* As many as there is room for; with the answers to those comes room for the rest. */
static enum cl_err
say_calls(struct cl_uplink *uplink)
{
    enum cl_err err = CL_OK;
    for (struct call *call; err == CL_OK && (call = uplink->unsaid) != NULL;) {
        err = say(uplink, cl_str_of(call->text, call->len));
        call->is_sent = err == CL_OK;
        if (call->is_sent)
            uplink->unsaid = call_of(uplink, call->link.next);
    }
    return err == CL_ERR_FULL ? CL_OK : err;
}

/* Also outside of the loop's callbacks: what cannot be said now breaks the connection, and is said
 * on the next one. */
static void
say_or_break(struct cl_uplink *uplink, enum cl_err err)
{
    if (err != CL_OK && uplink->ws != NULL)
        cl_ws_cut(uplink->ws);
}

/* All that the relay has to be told on a new connection. */
static enum cl_err
say_all(struct cl_uplink *uplink)
{
    enum cl_err err = CL_OK;
    CL_LIST_EACH(&uplink->seats, at)
    {
        struct seat *seat = CL_LIST_ENTRY(at, struct seat, link);
        if (uplink->is_forgetful && seat->cursor.is_set)
            seat->cursor.value = 0; // it counts anew
        if (err == CL_OK)
            err = say_attach(uplink, seat);
    }
    uplink->unsaid = call_of(uplink, uplink->calls.head.next);
    return err == CL_OK ? say_calls(uplink) : err;
}

/* -- hearing ----------------------------------------------------------------------------------- */

static void
broken_rule(struct cl_uplink *uplink, const char *text)
{
    give_up(uplink, &(struct cl_uplink_fall){.err = CL_ERR_IO, .text = text});
}

/* A relay that says hello and then takes no agent is not well: the pauses grow until it is. */
static void
reset_if_well(struct cl_uplink *uplink)
{
    CL_LIST_EACH(&uplink->seats, at)
    {
        if (!CL_LIST_ENTRY(at, struct seat, link)->is_taken)
            return;
    }
    cl_backoff_reset(&uplink->backoff);
}

static void
take_welcome(struct cl_uplink *uplink, const struct cl_v2_welcome *welcome)
{
    const struct cl_uplink_fall failed = {.err = CL_ERR_NO_MEMORY, .text = ""};
    cl_str epoch = cl_str_z(uplink->epoch);
    uplink->is_forgetful = epoch.len > 0 && !cl_str_eq(epoch, welcome->epoch) &&
                           welcome->durability == CL_V2_DURABILITY_MEMORY;
    if (!cl_str_copy(uplink->epoch, sizeof uplink->epoch, welcome->epoch))
        uplink->epoch[0] = '\0'; // its shape has that bound
    cl_loop_timer_stop(uplink->config->loop, &uplink->timer);
    uplink->state = UP;
    uplink->was_up = true;
    if (say_all(uplink) != CL_OK) {
        give_up(uplink, &failed);
        return;
    }
    reset_if_well(uplink); // there may be nobody to attach
    uplink->config->events->on_up(uplink->ctx, welcome);
}

static void
refused_for_good(struct cl_uplink *uplink, const struct cl_v2_error *error)
{
    give_up(uplink, &(struct cl_uplink_fall){.err = error->err, .error = error, .text = ""});
}

static void
take_greeting(struct cl_uplink *uplink, const struct cl_envelope_reader *reader,
              const struct cl_v2_heard *heard)
{
    struct cl_v2_welcome welcome;
    if (!cl_str_eq(heard->id, CL_STR("0"))) {
        broken_rule(uplink, "it answers what was not asked");
        return;
    }
    if (heard->kind == CL_V2_HEARD_ERROR)
        refused_for_good(uplink, &heard->error);
    else if (cl_v2_read_result(reader, CL_V2_HELLO, heard->result, &welcome, NULL) != CL_OK)
        broken_rule(uplink, "its answer to hello is none");
    else if (!cl_str_eq(welcome.version, CL_STR(CL_V2_VERSION)))
        broken_rule(uplink, "it chose a version that it was not offered");
    else
        take_welcome(uplink, &welcome);
}

static void
sit_down(struct cl_uplink *uplink, struct seat *seat, const struct cl_v2_attached *attached)
{
    seat->is_taken = true;
    if (!seat->cursor.is_set)
        seat->cursor = (cl_maybe){true, attached->receipts};
    reset_if_well(uplink);
    if (uplink->config->events->on_attached != NULL)
        uplink->config->events->on_attached(uplink->ctx, attached);
}

/* False: the answer is another call's. */
static bool
take_attached(struct cl_uplink *uplink, const struct cl_envelope_reader *reader,
              const struct cl_v2_heard *heard, uint64_t number)
{
    struct cl_v2_attached attached;
    CL_LIST_EACH(&uplink->seats, at)
    {
        struct seat *seat = CL_LIST_ENTRY(at, struct seat, link);
        if (seat->number != number)
            continue;
        if (heard->kind == CL_V2_HEARD_ERROR)
            refused_for_good(uplink, &heard->error);
        else if (cl_v2_read_result(reader, CL_V2_ATTACH, heard->result, &attached, NULL) != CL_OK)
            broken_rule(uplink, "its answer to attach is none");
        else
            sit_down(uplink, seat, &attached);
        return true;
    }
    return false;
}

static struct call *
find_call(const struct cl_uplink *uplink, uint64_t number)
{
    CL_LIST_EACH(&uplink->calls, at)
    {
        struct call *call = CL_LIST_ENTRY(at, struct call, link);
        if (call->number == number)
            return call;
    }
    return NULL;
}

static void
answer_call(struct cl_uplink *uplink, struct call *call, const struct cl_envelope_reader *reader,
            const struct cl_v2_heard *heard)
{
    struct cl_uplink_answer answer = {.err = heard->error.err, .error = &heard->error};
    if (heard->kind == CL_V2_HEARD_RESULT) {
        void *result = cl_arena_alloc(reader->arena, cl_v2_result_shape(call->method)->size);
        enum cl_err err =
            result == NULL ? CL_ERR_NO_MEMORY
                           : cl_v2_read_result(reader, call->method, heard->result, result, NULL);
        if (err == CL_ERR_NO_MEMORY && call->is_kept) {
            cl_uplink_choke(uplink);
            return;
        }
        answer = (struct cl_uplink_answer){
            .err = err == CL_OK || err == CL_ERR_NO_MEMORY ? err : CL_ERR_IO,
            .result = err == CL_OK ? result : NULL,
            .text = err == CL_OK ? heard->result : CL_STR("")};
    }
    take_out(uplink, call);
    tell(call, &answer);
    cl_free(call);
}

static void
take_answer(struct cl_uplink *uplink, const struct cl_envelope_reader *reader,
            const struct cl_v2_heard *heard)
{
    uint64_t number;
    if (uplink->state == GREETING) {
        take_greeting(uplink, reader, heard);
        return;
    }
    if (!cl_str_to_u64(heard->id, UINT64_MAX, &number) ||
        take_attached(uplink, reader, heard, number))
        return;
    struct call *call = find_call(uplink, number);
    if (call != NULL) // else it was forgotten
        answer_call(uplink, call, reader, heard);
}

static void
take_note(struct cl_uplink *uplink, const struct cl_v2_heard *heard)
{
    const struct cl_v2_receipts *receipts = &heard->note_params.receipts;
    CL_LIST_EACH(&uplink->seats, at)
    {
        struct seat *seat = CL_LIST_ENTRY(at, struct seat, link);
        if (heard->note != CL_V2_NOTE_RECEIPT || !cl_str_eq(seat_agent(seat), receipts->agent))
            continue;
        const struct cl_v2_receipt *list = receipts->receipts.ptr;
        for (uint32_t i = 0; i < receipts->receipts.len; i++)
            if (!seat->cursor.is_set || list[i].version > seat->cursor.value)
                seat->cursor = (cl_maybe){true, list[i].version};
    }
    uplink->config->events->on_note(uplink->ctx, heard->note, &heard->note_params);
}

static void
hear(struct cl_uplink *uplink, cl_str text)
{
    struct cl_arena arena;
    struct cl_v2_heard heard;
    struct cl_why why = {""};
    cl_hash_key key;
    cl_random_bytes(&key, sizeof key);
    cl_arena_init(&arena, CL_JSON_SCAN_ARENA_BYTES_MAX);
    const struct cl_envelope_reader reader = {.arena = &arena, .hash_key = &key};
    enum cl_err err = cl_v2_decode_heard(&reader, text, &heard, &why);
    if (err == CL_ERR_NO_MEMORY)
        cl_uplink_choke(uplink);
    else if (err != CL_OK)
        broken_rule(uplink, why.text);
    else if (heard.kind == CL_V2_HEARD_NOTE && uplink->state == UP)
        take_note(uplink, &heard);
    else if (heard.kind == CL_V2_HEARD_RESULT || heard.kind == CL_V2_HEARD_ERROR)
        take_answer(uplink, &reader, &heard);
    cl_arena_done(&arena);
}

static void
on_message(void *ctx, struct cl_ws_conn *ws, bool is_text, cl_str message)
{
    struct cl_uplink *uplink = ctx;
    if (ws != uplink->ws || (uplink->state != GREETING && uplink->state != UP))
        return; // given up already
    enter(uplink);
    if (is_text)
        hear(uplink, message);
    else
        broken_rule(uplink, "it sent a binary frame");
    if (uplink->state == UP)
        say_or_break(uplink, say_calls(uplink));
    leave(uplink);
}

static void
on_closed(void *ctx, struct cl_ws_conn *ws, uint16_t code)
{
    struct cl_uplink *uplink = ctx;
    const struct cl_uplink_fall closed = {.err = CL_ERR_CLOSED, .close_code = code, .text = ""};
    (void)ws;
    enter(uplink);
    uplink->ws = NULL;
    if (uplink->state == GREETING || uplink->state == UP)
        fall(uplink, &closed);
    leave(uplink);
}

static const struct cl_ws_handler handler = {.on_message = on_message,
                                             .on_closed = on_closed,
                                             .message_bytes_max = CL_UPLINK_TEXT_BYTES_MAX,
                                             .out_bytes_max = CL_UPLINK_OUT_BYTES_MAX};

/* -- connecting -------------------------------------------------------------------------------- */

static void
on_open(void *ctx, struct cl_ws_conn *ws)
{
    struct cl_uplink *uplink = ctx;
    const struct cl_uplink_fall failed = {.err = CL_ERR_NO_MEMORY, .text = ""};
    enter(uplink);
    uplink->dial = NULL;
    uplink->ws = ws;
    uplink->state = GREETING;
    cl_loop_timer_start(uplink->config->loop, &uplink->timer,
                        cl_instant_add(cl_loop_now(uplink->config->loop), CL_CLIENT_TIMEOUT_MS));
    if (say_hello(uplink) != CL_OK)
        give_up(uplink, &failed);
    leave(uplink);
}

/* The error of the table that stands for it. */
static enum cl_err
err_of(const struct cl_ws_no *no)
{
    if (no->fault != CL_HTTP_FAULT_NONE)
        return cl_http_fault_err(no->fault);
    return no->status == 404 ? CL_ERR_UPGRADE : cl_err_from_http(no->status);
}

static void
on_failed(void *ctx, const struct cl_ws_no *no)
{
    struct cl_uplink *uplink = ctx;
    enter(uplink);
    uplink->dial = NULL;
    fall(uplink, &(struct cl_uplink_fall){.err = err_of(no), .no = *no, .text = ""});
    leave(uplink);
}

static const struct cl_ws_dial_events dial_events = {on_open, on_failed};

static enum cl_err
dial(struct cl_uplink *uplink)
{
    const struct cl_uplink_config *config = uplink->config;
    struct cl_url url;
    struct cl_buf target;
    cl_buf_init(&target, CL_HTTP_TARGET_BYTES_MAX);
    enum cl_err err = cl_url_parse(config->url, &url, NULL);
    if (err == CL_OK)
        err = cl_buf_append(&target, url.path);
    if (err == CL_OK)
        err = cl_buf_append(&target, CL_STR("/v2"));
    if (err == CL_OK) {
        const struct cl_secret *token = config->token;
        const struct cl_ws_dial_to to = {
            .loop = config->loop,
            .host = url.host,
            .port = url.port,
            .tls = url.is_tls ? config->tls : NULL,
            .target = cl_buf_str(&target),
            .bearer = token == NULL ? CL_STR("") : cl_str_of(token->bytes, token->len),
            .timeout_ms = CL_CLIENT_TIMEOUT_MS,
            .handler = &handler,
            .ctx = uplink};
        cl_uplink_dial_fn *fn = config->dial == NULL ? cl_ws_dial : config->dial;
        err = fn(&to, &dial_events, &uplink->dial);
    }
    cl_buf_done(&target);
    return err;
}

static void
on_timer(struct cl_timer *timer)
{
    struct cl_uplink *uplink = CL_LIST_ENTRY(timer, struct cl_uplink, timer);
    enter(uplink);
    if (uplink->state == GREETING) {
        give_up(uplink, &(struct cl_uplink_fall){.err = CL_ERR_TIMEOUT, .text = ""});
    } else if (uplink->state == WAITING && uplink->ws == NULL) {
        uplink->state = DIALING;
        enum cl_err err = dial(uplink);
        if (err != CL_OK)
            fall(uplink, &(struct cl_uplink_fall){.err = err, .text = ""});
    } else if (uplink->state == WAITING) {
        // The WebSocket before is not gone yet; it has been cut, and goes in this turn.
        cl_loop_timer_start(uplink->config->loop, timer,
                            cl_instant_add(cl_loop_now(uplink->config->loop), 1));
    }
    leave(uplink);
}

enum cl_err
cl_uplink_new(const struct cl_uplink_config *config, void *ctx, struct cl_uplink **ret_uplink)
{
    struct cl_url url;
    if (cl_url_parse(config->url, &url, NULL) != CL_OK)
        return CL_ERR_USAGE;
    struct cl_uplink *uplink = cl_alloc(sizeof *uplink);
    if (uplink == NULL)
        return CL_ERR_NO_MEMORY;
    uplink->config = config;
    uplink->ctx = ctx;
    uplink->state = WAITING;
    cl_list_init(&uplink->seats);
    cl_list_init(&uplink->calls);
    cl_timer_init(&uplink->timer, on_timer);
    cl_loop_timer_start(config->loop, &uplink->timer, cl_loop_now(config->loop));
    *ret_uplink = uplink;
    return CL_OK;
}

/* -- what its user asks for -------------------------------------------------------------------- */

static struct seat *
find_seat(const struct cl_uplink *uplink, cl_str agent)
{
    CL_LIST_EACH(&uplink->seats, at)
    {
        struct seat *seat = CL_LIST_ENTRY(at, struct seat, link);
        if (cl_str_eq(seat_agent(seat), agent))
            return seat;
    }
    return NULL;
}

enum cl_err
cl_uplink_attach(struct cl_uplink *uplink, const struct cl_v2_attach *params)
{
    struct cl_buf text;
    cl_buf_init(&text, CL_HTTP_BODY_BYTES_MAX);
    enum cl_err err = cl_v2_encode_call(CL_V2_ATTACH, CL_STR("0"), params, &text);
    struct seat *seat = NULL;
    if (err == CL_OK) {
        seat = cl_alloc(sizeof *seat + params->agent.len + text.len);
        err = seat == NULL ? CL_ERR_NO_MEMORY : CL_OK;
    }
    if (err == CL_OK) {
        struct seat *before = find_seat(uplink, params->agent);
        seat->agent_len = (uint32_t)params->agent.len;
        seat->len = (uint32_t)(params->agent.len + text.len);
        memcpy(seat->text, params->agent.ptr, params->agent.len);
        memcpy(seat->text + params->agent.len, text.ptr, text.len);
        seat->cursor = params->receipts_after.is_set || before == NULL ? params->receipts_after
                                                                       : before->cursor;
        if (before != NULL)
            drop_seat(before);
        cl_list_append(&uplink->seats, &seat->link);
        if (uplink->state == UP)
            say_or_break(uplink, uplink->unsaid == NULL ? say_attach(uplink, seat) : CL_ERR_FULL);
    }
    cl_buf_done(&text);
    return err;
}

void
cl_uplink_unseat(struct cl_uplink *uplink, cl_str agent)
{
    struct seat *seat = find_seat(uplink, agent);
    if (seat != NULL)
        drop_seat(seat);
}

enum cl_err
cl_uplink_call(struct cl_uplink *uplink, const struct cl_uplink_call *call, uint64_t *ret_number)
{
    struct cl_buf text;
    char id[NUMBER_CAP];
    uint64_t number = uplink->last_number + 1;
    number_text(number, id);
    cl_buf_init(&text, CL_HTTP_BODY_BYTES_MAX);
    enum cl_err err = cl_v2_encode_call(call->method, cl_str_z(id), call->params, &text);
    struct call *made = err == CL_OK ? cl_alloc(sizeof *made + text.len) : NULL;
    if (err == CL_OK && made == NULL)
        err = CL_ERR_NO_MEMORY;
    if (err == CL_OK) {
        *made = (struct call){.number = number,
                              .method = call->method,
                              .is_kept = call->is_kept,
                              .is_bound = call->is_bound,
                              .fn = call->fn,
                              .ctx = call->ctx,
                              .len = (uint32_t)text.len};
        memcpy(made->text, text.ptr, text.len);
        uplink->last_number = number;
        cl_list_append(&uplink->calls, &made->link);
        if (uplink->unsaid == NULL && uplink->state == UP)
            uplink->unsaid = made;
        if (uplink->unsaid == made)
            say_or_break(uplink, say_calls(uplink));
        if (ret_number != NULL)
            *ret_number = number;
    }
    cl_buf_done(&text);
    return err;
}

void
cl_uplink_forget(struct cl_uplink *uplink, uint64_t number)
{
    struct call *call = find_call(uplink, number);
    if (call != NULL)
        drop_call(uplink, call);
}

void
cl_uplink_hurry(struct cl_uplink *uplink)
{
    if (uplink->state == WAITING)
        cl_loop_timer_start(uplink->config->loop, &uplink->timer,
                            cl_loop_now(uplink->config->loop));
}

void
cl_uplink_choke(struct cl_uplink *uplink)
{
    enter(uplink);
    give_up(uplink, &(struct cl_uplink_fall){.err = CL_ERR_NO_MEMORY, .text = ""});
    leave(uplink);
}

bool
cl_uplink_is_up(const struct cl_uplink *uplink)
{
    return uplink->state == UP;
}
