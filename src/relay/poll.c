// SPDX-License-Identifier: MIT
/*
 * GET /poll/<agent_id>: hands over what is queued and counts as a heartbeat. With ?wait=S it
 * waits up to S seconds for a first message. What was handed over stays in the inbox until the
 * answer is known to have arrived (net/http_server.h, on_answer_taken).
 */
#include "base/alloc.h"
#include "relay/state.h"
#include "wire/uri.h"

static void
answer_empty(struct cl_exchange *exchange)
{
    struct cl_buf *text = &exchange->relay->text;
    struct cl_why why = {""};
    cl_buf_clear(text);
    enum cl_err err = cl_buf_append(text, CL_STR("{\"messages\":[],\"count\":0}"));
    if (err != CL_OK)
        cl_exchange_refuse(exchange, err, &why);
    else
        cl_exchange_answer_text(exchange);
}

/* The answer's parts: heads lie one behind the other in relay->text, bodies stay where they
 * are. Two per message, one before, one behind. */
struct pieces {
    struct cl_part parts[2 * CL_POLL_MESSAGES_MAX + 1];
    size_t ends[CL_POLL_MESSAGES_MAX]; // of heads, in the text
};

static enum cl_err
write_heads(struct cl_relay *relay, struct pieces *pieces)
{
    struct cl_buf *text = &relay->text;
    cl_buf_clear(text);
    for (uint32_t i = 0; i < relay->batch.len; i++) {
        const struct cl_msg *msg = relay->batch.msgs[i];
        cl_str rest;
        enum cl_err err = cl_buf_append(text, i == 0 ? CL_STR("{\"messages\":[") : CL_STR(","));
        if (err == CL_OK)
            err = cl_v1_encode_message(msg, true, text, &rest);
        if (err != CL_OK)
            return err;
        pieces->ends[i] = text->len;
        pieces->parts[2 * i + 1] = (struct cl_part){.bytes = rest, .body = msg->body};
    }
    return cl_buf_printf(text, "],\"count\":%u}", (unsigned)relay->batch.len);
}

static void
answer_batch(struct cl_exchange *exchange)
{
    struct cl_relay *relay = exchange->relay;
    struct cl_why why = {""};
    struct pieces *pieces = cl_alloc(sizeof *pieces);
    enum cl_err err = pieces == NULL ? CL_ERR_NO_MEMORY : write_heads(relay, pieces);
    if (err != CL_OK) {
        cl_free(pieces);
        cl_exchange_refuse(exchange, err, &why); // closes the holder: they are offered again
        return;
    }
    // Only now does the text stay where it is.
    size_t from = 0;
    uint32_t len = relay->batch.len;
    for (uint32_t i = 0; i <= len; i++) {
        size_t end = i < len ? pieces->ends[i] : relay->text.len;
        pieces->parts[2 * i] = cl_part_of(cl_str_of(relay->text.ptr + from, end - from));
        from = end;
    }
    struct cl_http_answer answer = {.status = 200,
                                    .parts = pieces->parts,
                                    .parts_len = 2 * (size_t)len + 1,
                                    .track_ms = CL_POLL_LEASE_MS};
    cl_http_answer(exchange->conn, &answer);
    cl_free(pieces);
}

static void
stop_waiting(struct cl_exchange *exchange)
{
    if (exchange->is_waiting)
        cl_loop_timer_stop(exchange->relay->loop, &exchange->wait);
    exchange->is_waiting = false;
}

void
cl_poll_give_up(struct cl_exchange *exchange)
{
    stop_waiting(exchange);
    answer_empty(exchange);
}

static void
on_wait_over(struct cl_timer *timer)
{
    struct cl_exchange *exchange = CL_LIST_ENTRY(timer, struct cl_exchange, wait);
    cl_poll_give_up(exchange);
}

/* Takes and answers. False: there was nothing, or no memory to take it. */
static bool
take(struct cl_exchange *exchange)
{
    struct cl_relay *relay = exchange->relay;
    enum cl_err err =
        cl_session_take(relay->session, relay->core, exchange->peer.handle, &relay->batch);
    if (err != CL_OK || relay->batch.number == 0)
        return false;
    stop_waiting(exchange);
    answer_batch(exchange);
    return true;
}

bool
cl_poll_pump(struct cl_exchange *exchange)
{
    return exchange->is_waiting && take(exchange);
}

static enum cl_err
read_wait(cl_str query, uint64_t *ret_seconds, struct cl_why *why)
{
    cl_str value;
    *ret_seconds = 0;
    if (!cl_uri_query_find(query, CL_STR("wait"), &value))
        return CL_OK;
    if (cl_str_to_u64(value, CL_POLL_WAIT_MAX_S, ret_seconds))
        return CL_OK;
    return cl_fail(CL_ERR_MALFORMED, why, "wait must be a whole number of seconds from 0 to %d",
                   CL_POLL_WAIT_MAX_S);
}

void
cl_poll_begin(struct cl_exchange *exchange, cl_str query)
{
    struct cl_relay *relay = exchange->relay;
    struct cl_why why = {""};
    uint64_t wait_s;
    if (exchange->route.is_head) { // clawlink-v1.md: HEAD changes nothing
        answer_empty(exchange);
        return;
    }
    exchange->agent = exchange->route.arg;
    struct cl_command open = {.kind = CL_COMMAND_OPEN,
                              .open = {.agent = exchange->agent,
                                       .holder = exchange->peer.handle,
                                       .kind = CL_HOLDER_POLL}};
    enum cl_err err = read_wait(query, &wait_s, &why);
    if (err == CL_OK)
        err = cl_relay_session(relay, &open);
    if (err != CL_OK) {
        cl_exchange_refuse(exchange, err, &why);
        return;
    }
    exchange->is_poller = true;
    if (take(exchange))
        return;
    if (wait_s == 0 || relay->is_draining) {
        answer_empty(exchange);
        return;
    }
    exchange->is_waiting = true;
    cl_timer_init(&exchange->wait, on_wait_over);
    cl_loop_timer_start(relay->loop, &exchange->wait,
                        cl_instant_add(cl_loop_now(relay->loop), (int64_t)wait_s * 1000));
}
