// SPDX-License-Identifier: MIT
/*
 * GET /poll/<agent_id>: hands over what is queued and counts as a heartbeat. With ?wait=S it
 * waits up to S seconds for a first message. What was handed over stays in the inbox until the
 * answer is known to have arrived (net/http_server.h, on_answer_taken).
 */
#include "base/alloc.h"
#include "relay/state.h"
#include "relay/v2.h"
#include "wire/uri.h"

void
cl_poll_answer_empty(struct cl_exchange *exchange)
{
    struct cl_buf *text = &exchange->relay->text;
    cl_buf_clear(text);
    cl_exchange_answer_text(exchange, cl_buf_append(text, CL_STR("{\"messages\":[],\"count\":0}")));
}

/* A poll's answer: two parts for each message, its head and its body, and one behind all; and the
 * messages that v1 has to be shown in its own way. */
struct answer {
    struct cl_part *parts;
    struct cl_msg *seen;
    uint32_t seen_len;
};

/* The message as v1 knows it. */
static enum cl_err
see(struct cl_relay *relay, struct answer *answer, const struct cl_msg **msg)
{
    if ((*msg)->media != CL_MEDIA_ENVELOPE)
        return CL_OK;
    enum cl_err err = cl_v2_as_v1(relay, *msg, &answer->seen[answer->seen_len]);
    if (err == CL_OK)
        *msg = &answer->seen[answer->seen_len++];
    return err;
}

/* The heads lie one behind the other in relay->text, which may still move: so far only their
 * lengths are right. */
static enum cl_err
write_parts(struct cl_relay *relay, struct answer *answer)
{
    const struct cl_batch *batch = &relay->batch;
    struct cl_buf *text = &relay->text;
    cl_buf_clear(text);
    for (uint32_t i = 0; i < batch->len; i++) {
        struct cl_part *head = &answer->parts[2 * i], *body = head + 1;
        const struct cl_msg *msg = batch->msgs[i];
        size_t from = text->len;
        enum cl_err err = cl_buf_append(text, i == 0 ? CL_STR("{\"messages\":[") : CL_STR(","));
        if (err == CL_OK)
            err = see(relay, answer, &msg);
        if (err == CL_OK)
            err = cl_v1_encode_message(msg, true, text, &body->bytes);
        if (err != CL_OK)
            return err;
        head->bytes.len = text->len - from;
        body->body = msg->body;
    }
    size_t from = text->len;
    enum cl_err err = cl_buf_printf(text, "],\"count\":%u}", (unsigned)batch->len);
    answer->parts[2 * (size_t)batch->len].bytes.len = text->len - from;
    return err;
}

static void
answer_done(struct answer *answer)
{
    for (uint32_t i = 0; i < answer->seen_len; i++)
        cl_body_unref(answer->seen[i].body);
    cl_free(answer->seen);
    cl_free(answer->parts);
}

static uint32_t
count_envelopes(const struct cl_batch *batch)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < batch->len; i++)
        count += batch->msgs[i]->media == CL_MEDIA_ENVELOPE;
    return count;
}

static enum cl_err
make_answer(struct cl_relay *relay, struct answer *answer)
{
    uint32_t envelopes = count_envelopes(&relay->batch);
    *answer = (struct answer){
        .parts = cl_alloc((2 * (size_t)relay->batch.len + 1) * sizeof *answer->parts)};
    if (envelopes > 0)
        answer->seen = cl_alloc(envelopes * sizeof *answer->seen);
    if (answer->parts == NULL || (envelopes > 0 && answer->seen == NULL))
        return CL_ERR_NO_MEMORY;
    return write_parts(relay, answer);
}

static void
answer_batch(struct cl_exchange *exchange)
{
    struct cl_relay *relay = exchange->relay;
    struct answer made;
    enum cl_err err = make_answer(relay, &made);
    if (err != CL_OK) {
        answer_done(&made);
        cl_exchange_refuse(exchange, err, CL_STR("")); // closes the holder: they are offered again
        return;
    }
    const char *at = relay->text.ptr;
    size_t parts_len = 2 * (size_t)relay->batch.len + 1;
    for (size_t i = 0; i < parts_len; i += 2) {
        made.parts[i].bytes.ptr = at;
        at += made.parts[i].bytes.len;
    }
    struct cl_http_answer answer = {
        .status = 200, .parts = made.parts, .parts_len = parts_len, .track_ms = CL_POLL_LEASE_MS};
    cl_http_answer(exchange->conn, &answer);
    answer_done(&made);
}

static void
on_wait_over(struct cl_timer *timer)
{
    struct cl_exchange *exchange = CL_LIST_ENTRY(timer, struct cl_exchange, wait);
    cl_poll_answer_empty(exchange);
}

/* Takes and answers. False: there was nothing, or no memory to take it. */
static bool
take(struct cl_exchange *exchange)
{
    struct cl_relay *relay = exchange->relay;
    if (cl_recount_is_open(relay, exchange->agent))
        return false;
    relay->blobs.shown = 0;
    enum cl_err err =
        cl_session_take(relay->session, relay->core, exchange->peer.handle, &relay->batch);
    if (err != CL_OK || relay->batch.number == 0)
        return false;
    cl_loop_timer_stop(relay->loop, &exchange->wait);
    answer_batch(exchange);
    return true;
}

bool
cl_poll_pump(struct cl_exchange *exchange)
{
    return cl_timer_is_running(&exchange->wait) && take(exchange);
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
        cl_poll_answer_empty(exchange);
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
        cl_exchange_refuse(exchange, err, cl_str_z(why.text));
        return;
    }
    exchange->is_poller = true;
    if (take(exchange))
        return;
    if (wait_s == 0 || relay->is_draining) {
        cl_poll_answer_empty(exchange);
        return;
    }
    cl_timer_init(&exchange->wait, on_wait_over);
    cl_loop_timer_start(relay->loop, &exchange->wait,
                        cl_instant_add(cl_loop_now(relay->loop), (int64_t)wait_s * 1000));
}
