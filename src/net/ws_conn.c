// SPDX-License-Identifier: MIT
/*
 * Frames to events and back, the closing handshake, and when a connection is dead.
 *
 * As in http_conn.c the loop enters by five functions, each of which ends in settle, the only
 * place where a connection is freed. On the way a timer is never moved: it rings, looks what is
 * due, and is set again; so a message costs no work on timers.
 */
#include "net/ws_conn.h"

#include "base/alloc.h"
#include "base/assert.h"
#include "base/random.h"
#include "net/http_private.h"

/*
 *   OPEN ──cl_ws_close──> CLOSING ──peer's close──┐
 *     │                      │ no answer          ├──> ENDING ──all written, then
 *     ├── peer's close ──────│────────────────────┘             EOF or a short time──> OVER
 *     └── a rule broken ─────│──────────────────────>
 *                            └──> OVER
 */
enum state {
    WS_OPEN,
    WS_CLOSING, // our close frame is queued, the peer's is awaited
    WS_ENDING,  // no frame is awaited any more; then our side is shut and the peer's drained
    WS_OVER,
};

struct cl_ws_conn {
    struct cl_stream *stream;
    const struct cl_ws_handler *handler;
    void *ctx;
    struct cl_gate_pass pass;
    struct cl_timer timer;
    cl_instant heard;    // the last byte of the peer
    cl_instant pinged;   // the last ping of this layer, or the beginning
    cl_instant progress; // the peer took output, or there was none
    cl_instant since;    // CLOSING or ENDING began
    uint16_t code;       // what on_closed will report
    uint8_t state;       // enum state
    bool is_paused;      // too much output waits, so no input is taken
    bool is_shut;        // ENDING: our side is
    bool has_eof;        // the peer's side is
    bool is_told;        // on_closed was called
    bool is_client;
    struct cl_ws_decoder decoder;
    struct cl_out out;
    struct cl_buf in; // came behind the handshake
};

static struct cl_loop *
loop_of(const struct cl_ws_conn *ws)
{
    return ws->stream->loop;
}

static size_t
out_max(const struct cl_ws_conn *ws)
{
    return ws->handler->out_bytes_max == 0 ? CL_NET_OUT_BYTES_MAX : ws->handler->out_bytes_max;
}

static void
enter(struct cl_ws_conn *ws, enum state state)
{
    ws->state = (uint8_t)state;
    ws->since = cl_loop_now(loop_of(ws));
}

/* -- the end -------------------------------------------------------------------------------- */

static void
tell_closed(struct cl_ws_conn *ws)
{
    if (ws->is_told)
        return;
    ws->is_told = true;
    cl_loop_again(loop_of(ws)); // in the flush the turn end of this turn is past
    ws->handler->on_closed(ws->ctx, ws, ws->code);
}

static void
free_ws(struct cl_ws_conn *ws)
{
    tell_closed(ws);
    cl_loop_timer_stop(loop_of(ws), &ws->timer);
    cl_stream_close(ws->stream);
    cl_gate_leave(&ws->pass);
    cl_ws_decoder_done(&ws->decoder);
    cl_out_done(&ws->out);
    cl_buf_done(&ws->in);
    cl_free(ws);
}

static cl_instant
ping_due(const struct cl_ws_conn *ws)
{
    cl_instant since = ws->heard.ms > ws->pinged.ms ? ws->heard : ws->pinged;
    return cl_instant_add(since, CL_NET_PING_MS);
}

static cl_instant
deadline(const struct cl_ws_conn *ws)
{
    cl_instant at = CL_INSTANT_NEVER;
    if (cl_out_waiting(&ws->out) > 0)
        at = cl_instant_add(ws->progress, CL_NET_WRITE_STALL_MS);
    if (ws->state == WS_OPEN)
        at = cl_instant_earlier(
            at, cl_instant_earlier(ping_due(ws), cl_instant_add(ws->heard, CL_NET_DEAD_MS)));
    else if (ws->state == WS_CLOSING)
        at = cl_instant_earlier(at, cl_instant_add(ws->since, CL_NET_CLOSE_WAIT_MS));
    else if (ws->is_shut)
        at = cl_instant_earlier(at, cl_instant_add(ws->since, CL_NET_LINGER_MS));
    return at;
}

static void
settle(struct cl_ws_conn *ws)
{
    if (ws->state == WS_OVER) {
        free_ws(ws);
        return;
    }
    // One that rings too early does no harm, one that has to be moved at every message does.
    cl_instant at = deadline(ws);
    if (!cl_timer_is_running(&ws->timer) || at.ms < ws->timer.at.ms)
        cl_loop_timer_start(loop_of(ws), &ws->timer, at);
}

static void
look_again(struct cl_ws_conn *ws)
{
    cl_loop_timer_start(loop_of(ws), &ws->timer, cl_loop_now(loop_of(ws)));
}

/* -- sending -------------------------------------------------------------------------------- */

static enum cl_err
queue(struct cl_ws_conn *ws, cl_str head, const struct cl_part *parts, size_t parts_len)
{
    if (cl_out_waiting(&ws->out) == 0)
        ws->progress = cl_loop_now(loop_of(ws));
    enum cl_err err = cl_out_add(&ws->out, head, parts, parts_len);
    if (err == CL_OK)
        cl_stream_want_write(ws->stream);
    return err;
}

/* A client's frame: a copy, since each has a mask of its own. */
static enum cl_err
queue_masked(struct cl_ws_conn *ws, enum cl_ws_opcode opcode, const struct cl_part *parts,
             size_t parts_len)
{
    uint8_t head[CL_WS_HEAD_BYTES_MAX], mask[CL_WS_MASK_BYTES];
    struct cl_buf frame;
    size_t len = cl_parts_len(parts, parts_len);
    cl_random_bytes(mask, sizeof mask);
    size_t head_len = cl_ws_frame_head(opcode, true, len, mask, head);
    cl_buf_init(&frame, head_len + len);
    enum cl_err err = cl_buf_append(&frame, cl_str_of(head, head_len));
    for (size_t at = 0; at < parts_len && err == CL_OK; at++)
        err = cl_buf_append(&frame, parts[at].bytes);
    if (err == CL_OK && len > 0)
        cl_ws_mask(frame.ptr + head_len, len, mask, 0);
    if (err == CL_OK)
        err = queue(ws, cl_buf_str(&frame), NULL, 0);
    cl_buf_done(&frame);
    return err;
}

static enum cl_err
queue_frame(struct cl_ws_conn *ws, enum cl_ws_opcode opcode, const struct cl_part *parts,
            size_t parts_len)
{
    uint8_t head[CL_WS_HEAD_BYTES_MAX];
    if (ws->is_client)
        return queue_masked(ws, opcode, parts, parts_len);
    size_t head_len = cl_ws_frame_head(opcode, true, cl_parts_len(parts, parts_len), NULL, head);
    return queue(ws, cl_str_of(head, head_len), parts, parts_len);
}

static enum cl_err
queue_control(struct cl_ws_conn *ws, enum cl_ws_opcode opcode, cl_str payload)
{
    struct cl_part part = cl_part_of(payload);
    return queue_frame(ws, opcode, &part, 1);
}

static void
queue_close(struct cl_ws_conn *ws, uint16_t code, cl_str reason)
{
    char payload[CL_WS_CONTROL_BYTES_MAX];
    size_t len = cl_ws_close_payload(code, reason, payload);
    if (queue_control(ws, CL_WS_CLOSE, cl_str_of(payload, len)) != CL_OK)
        ws->state = WS_OVER; // no memory to say why
}

/* May so many bytes of messages be queued beside what waits? */
static enum cl_err
check_room(const struct cl_ws_conn *ws, size_t len)
{
    size_t waiting = cl_out_waiting(&ws->out);
    if (ws->state != WS_OPEN)
        return CL_ERR_CLOSED;
    return waiting > 0 && waiting + len > out_max(ws) ? CL_ERR_FULL : CL_OK;
}

static enum cl_err
send_message(struct cl_ws_conn *ws, enum cl_ws_opcode opcode, const struct cl_part *parts,
             size_t parts_len)
{
    enum cl_err err = check_room(ws, CL_WS_HEAD_BYTES_MAX + cl_parts_len(parts, parts_len));
    return err == CL_OK ? queue_frame(ws, opcode, parts, parts_len) : err;
}

enum cl_err
cl_ws_send_text(struct cl_ws_conn *ws, const struct cl_part *parts, size_t parts_len)
{
    return send_message(ws, CL_WS_TEXT, parts, parts_len);
}

enum cl_err
cl_ws_send_binary(struct cl_ws_conn *ws, const struct cl_part *parts, size_t parts_len)
{
    return send_message(ws, CL_WS_BINARY, parts, parts_len);
}

enum cl_err
cl_ws_put_text(struct cl_buf *buf, const struct cl_part *parts, size_t parts_len)
{
    uint8_t head[CL_WS_HEAD_BYTES_MAX];
    size_t head_len =
        cl_ws_frame_head(CL_WS_TEXT, true, cl_parts_len(parts, parts_len), NULL, head);
    enum cl_err err = cl_buf_append(buf, cl_str_of(head, head_len));
    for (size_t at = 0; err == CL_OK && at < parts_len; at++)
        err = cl_buf_append(buf, parts[at].bytes);
    return err;
}

enum cl_err
cl_ws_send_frames(struct cl_ws_conn *ws, struct cl_body *frames)
{
    struct cl_part part = cl_part_of_body(frames);
    CL_ASSERT(!ws->is_client);
    enum cl_err err = check_room(ws, frames->len);
    return err == CL_OK ? queue(ws, CL_STR(""), &part, 1) : err;
}

enum cl_err
cl_ws_ping(struct cl_ws_conn *ws, cl_str payload)
{
    CL_ASSERT(payload.len > 0 && payload.len <= CL_WS_CONTROL_BYTES_MAX);
    if (ws->state != WS_OPEN)
        return CL_ERR_CLOSED;
    return queue_control(ws, CL_WS_PING, payload);
}

bool
cl_ws_is_open(const struct cl_ws_conn *ws)
{
    return ws->state == WS_OPEN;
}

size_t
cl_ws_waiting(const struct cl_ws_conn *ws)
{
    return cl_out_waiting(&ws->out);
}

void
cl_ws_limit(struct cl_ws_conn *ws, uint32_t message_bytes_max)
{
    ws->decoder.message_max = message_bytes_max;
}

void
cl_ws_is_known(struct cl_ws_conn *ws)
{
    cl_gate_known(&ws->pass);
}

void
cl_ws_close(struct cl_ws_conn *ws, uint16_t code, cl_str reason)
{
    if (ws->state != WS_OPEN)
        return;
    enter(ws, WS_CLOSING);
    queue_close(ws, code, reason);
    look_again(ws);
}

void
cl_ws_cut(struct cl_ws_conn *ws)
{
    ws->state = WS_OVER;
    look_again(ws);
}

/* -- receiving ------------------------------------------------------------------------------ */

/* Sends the one close frame of our side, unless it is on its way. When all is written on_write
 * shuts our side. */
static void
begin_ending(struct cl_ws_conn *ws, uint16_t code, cl_str reason)
{
    bool has_closed = ws->state == WS_CLOSING;
    enter(ws, WS_ENDING);
    cl_stream_want_write(ws->stream);
    if (!has_closed)
        queue_close(ws, code, reason);
}

static void
take_event(struct cl_ws_conn *ws, const struct cl_ws_event *event)
{
    switch (event->kind) {
    case CL_WS_EVENT_MESSAGE:
        if (ws->state == WS_OPEN)
            ws->handler->on_message(ws->ctx, ws, event->is_text, event->bytes);
        break;
    case CL_WS_EVENT_PING:
        if (ws->state == WS_OPEN && queue_control(ws, CL_WS_PONG, event->bytes) != CL_OK)
            ws->state = WS_OVER; // a peer that misses a pong takes us for dead
        break;
    case CL_WS_EVENT_PONG:
        if (ws->state == WS_OPEN && ws->handler->on_pong != NULL)
            ws->handler->on_pong(ws->ctx, ws, event->bytes);
        break;
    case CL_WS_EVENT_CLOSE:
        ws->code = event->code;
        begin_ending(ws, event->code, CL_STR("")); // section 5.5.1: usually with the code that came
        break;
    case CL_WS_EVENT_FAILED:
        cl_loop_counts(loop_of(ws))->of[CL_COUNT_BROKEN]++;
        begin_ending(ws, event->code, event->bytes);
        break;
    case CL_WS_EVENT_MORE:
        break;
    }
}

static void
take_input(struct cl_ws_conn *ws, char *bytes, size_t len)
{
    struct cl_ws_event event;
    do {
        event = cl_ws_decode(&ws->decoder, bytes, len);
        bytes += event.used;
        len -= event.used;
        take_event(ws, &event);
    } while (event.kind != CL_WS_EVENT_MORE && ws->state < WS_ENDING);

    if (ws->state == WS_OPEN && cl_out_waiting(&ws->out) > out_max(ws) / 2) {
        ws->is_paused = true;
        cl_stream_set_reading(ws->stream, false);
    }
}

/* What came behind the handshake comes before everything else. */
static void
take_first_input(struct cl_ws_conn *ws)
{
    struct cl_buf first = ws->in;
    if (first.len == 0 || ws->state >= WS_ENDING)
        return;
    cl_buf_init(&ws->in, 0);
    take_input(ws, first.ptr, first.len);
    cl_buf_done(&first);
}

static void
on_data(void *ctx, char *bytes, size_t len)
{
    struct cl_ws_conn *ws = ctx;
    ws->heard = cl_loop_now(loop_of(ws));
    take_first_input(ws);
    if (ws->state < WS_ENDING)
        take_input(ws, bytes, len);
    settle(ws);
}

static void
on_eof(void *ctx)
{
    struct cl_ws_conn *ws = ctx;
    take_first_input(ws);
    ws->has_eof = true;
    // While our close frame is still to be written the peer may wait to read it.
    if (ws->state != WS_ENDING || ws->is_shut)
        ws->state = WS_OVER;
    settle(ws);
}

static void
on_write(void *ctx)
{
    struct cl_ws_conn *ws = ctx;
    size_t taken = 0;
    if (ws->state != WS_OVER && cl_out_write(&ws->out, ws->stream, &taken) != CL_OK)
        ws->state = WS_OVER;
    if (taken > 0)
        ws->progress = cl_loop_now(loop_of(ws));
    if (ws->is_paused && taken > 0)
        ws->heard = ws->progress; // all that can be heard of a peer that is not read
    if (ws->is_paused && cl_out_waiting(&ws->out) <= out_max(ws) / 2) {
        ws->is_paused = false;
        cl_stream_set_reading(ws->stream, true);
    }
    if (ws->state == WS_ENDING && !ws->is_shut && cl_out_waiting(&ws->out) == 0) {
        ws->is_shut = true;
        enter(ws, ws->has_eof ? WS_OVER : WS_ENDING);
        cl_stream_shut(ws->stream);
        tell_closed(ws);
    }
    if (ws->handler->on_drained != NULL && ws->state == WS_OPEN && cl_out_waiting(&ws->out) == 0)
        ws->handler->on_drained(ws->ctx, ws);
    settle(ws);
}

static void
on_closed(void *ctx, enum cl_err reason)
{
    struct cl_ws_conn *ws = ctx;
    (void)reason; // however it broke, it is over
    ws->state = WS_OVER;
    settle(ws);
}

static const struct cl_stream_events events = {on_data, on_eof, on_write, on_closed};

/* An open one that ends by its timer: its peer takes nothing, or says nothing. */
static void
count_end(const struct cl_ws_conn *ws, cl_instant now)
{
    struct cl_counts *counts = cl_loop_counts(loop_of(ws));
    if (cl_out_waiting(&ws->out) > 0 &&
        cl_instant_add(ws->progress, CL_NET_WRITE_STALL_MS).ms <= now.ms)
        counts->of[CL_COUNT_STALL]++;
    else if (ws->state == WS_OPEN)
        counts->of[CL_COUNT_DEAD]++;
}

static void
on_timer(struct cl_timer *timer)
{
    struct cl_ws_conn *ws = CL_LIST_ENTRY(timer, struct cl_ws_conn, timer);
    cl_instant now = cl_loop_now(loop_of(ws));
    take_first_input(ws);
    if (ws->state == WS_OPEN && ping_due(ws).ms <= now.ms) {
        ws->pinged = now;
        if (queue_control(ws, CL_WS_PING, CL_STR("")) != CL_OK)
            ws->state = WS_OVER;
    }
    if (deadline(ws).ms <= now.ms) {
        count_end(ws, now);
        if (!cl_stream_is_acked(ws->stream))
            cl_stream_drop_output(ws->stream);
        ws->state = WS_OVER;
    }
    settle(ws);
}

enum cl_err
cl_ws_conn_new(const struct cl_ws_open *open, struct cl_ws_conn **ret_ws)
{
    struct cl_ws_conn *ws = cl_alloc(sizeof *ws);
    if (ws == NULL)
        return CL_ERR_NO_MEMORY;
    uint32_t message_max = open->handler->message_bytes_max;
    ws->stream = open->stream;
    ws->handler = open->handler;
    ws->ctx = open->ctx;
    ws->pass = open->pass;
    ws->out = open->out;
    ws->in = open->in;
    ws->code = CL_WS_CLOSE_ABNORMAL;
    ws->heard = ws->pinged = ws->progress = cl_loop_now(loop_of(ws));
    cl_timer_init(&ws->timer, on_timer);
    ws->is_client = open->is_client;
    cl_ws_decoder_init(&ws->decoder, open->is_client ? CL_WS_CLIENT : CL_WS_SERVER,
                       message_max == 0 ? CL_WS_MESSAGE_BYTES_MAX : message_max);
    cl_stream_use(ws->stream, &events, ws);
    cl_stream_set_reading(ws->stream, true);
    if (cl_out_waiting(&ws->out) > 0)
        cl_stream_want_write(ws->stream);
    look_again(ws);
    *ret_ws = ws;
    return CL_OK;
}

void
cl_ws_conn_add_input(struct cl_ws_conn *ws, cl_str bytes)
{
    if (cl_buf_append(&ws->in, bytes) != CL_OK)
        ws->state = WS_OVER;
    look_again(ws);
}
