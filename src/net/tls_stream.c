// SPDX-License-Identifier: MIT
/*
 * One TLS connection: ciphertext below, plaintext above.
 *
 *     FRESH ──first byte──> SHAKING ──complete──> OPEN ──────────────┐
 *       │                      │ failed             │ a bad record    ├── below broke
 *       │ no TLS               v                    v                 v
 *       └───────────────> REFUSED ──EOF──────────> OVER <────────────┘
 *
 * What seals and opens is the engine (net/tls_engine.h): it reads the bytes just received, and adds
 * to the buffer that all streams share while a chunk is sealed, else to `out`. So at rest a stream
 * owns no buffers.
 *
 * What is sealed cannot be taken back, but it is not reported as taken before the layer below has
 * taken it: `owed` counts its plaintext, which the user offers again at the front of its next
 * write. So what waits stays visible to the user, whose limits and timeouts rest on it.
 *
 * SSL_get_error looks into OpenSSL's queue of errors, so whoever leaves one there empties it.
 *
 * The loop enters by the events of the stream below and by a timer. Each entry is between enter
 * and leave, and leave is where a stream that was closed meanwhile is freed.
 */
#include <openssl/err.h>
#include <string.h>

#include "base/alloc.h"
#include "base/assert.h"
#include "net/loop_private.h"
#include "net/tls_engine.h"
#include "net/tls_private.h"

/* To whoever speaks HTTP without TLS. */
// clang-format off
#define PLAIN_ANSWER                                                        \
    "HTTP/1.1 400 Bad Request\r\nContent-Type: text/plain\r\n"              \
    "Content-Length: 24\r\nConnection: close\r\n\r\n" CL_TLS_PLAIN_TEXT "\n"
// clang-format on
_Static_assert(sizeof CL_TLS_PLAIN_TEXT "\n" - 1 == 24, "what PLAIN_ANSWER says");

enum state {
    TLS_FRESH,   // not a byte came or went
    TLS_SHAKING, // the handshake is on
    TLS_OPEN,
    TLS_REFUSED, // the last word is being written; what comes is dropped until the end
    TLS_OVER,
};

struct tls_stream {
    struct cl_stream stream;
    struct cl_stream *below;
    struct cl_tls *tls;
    struct cl_tls_engine engine;
    enum state state;
    struct cl_link in_waiting; // a step of the handshake waits for its turn
    struct cl_timer resume;    // reading was paused and goes on
    struct cl_buf held;        // ciphertext that came and cannot be opened yet
    struct cl_buf out;         // ciphertext that below has not taken
    size_t owed;               // plaintext in `out` that was not reported as taken
    size_t credit;             // of that: may be reported now
    bool is_reading;           // the user wants to
    bool wants_room;           // a write was not taken whole
    bool is_shut;              // the user has ended our side
    bool is_shut_below;        // and below knows
    bool has_notify;           // the peer said close_notify
    bool has_eof;              // below ended
    bool is_eof_told;
    bool is_busy;   // an entry is on the stack
    bool is_closed; // free it behind the entry
};

static struct tls_stream *
tls_of(struct cl_stream *stream)
{
    return CL_LIST_ENTRY(stream, struct tls_stream, stream);
}

/* -- entries --------------------------------------------------------------------------------- */

static void
free_stream(struct tls_stream *t)
{
    cl_tls_engine_free(&t->engine);
    cl_buf_done(&t->held);
    cl_buf_done(&t->out);
    cl_free(t);
}

static void
enter(struct tls_stream *t)
{
    CL_ASSERT(!t->is_busy);
    t->is_busy = true;
}

/* Below is read while the user reads and nothing is left from before; a stream that was refused
 * is read to its end. */
static void
leave(struct tls_stream *t)
{
    t->is_busy = false;
    if (t->is_closed) {
        free_stream(t);
        return;
    }
    bool is_done_below = t->has_eof || t->state == TLS_OVER;
    bool wants = t->state == TLS_REFUSED ||
                 (t->is_reading && t->held.len == 0 && !cl_link_is_linked(&t->in_waiting) &&
                  !cl_timer_is_running(&t->resume));
    if (!is_done_below)
        cl_stream_set_reading(t->below, wants);
}

static void
count_failure(struct tls_stream *t)
{
    t->tls->counts.failures++;
    cl_loop_counts(t->stream.loop)->of[CL_COUNT_HANDSHAKE]++;
}

static void
break_off(struct tls_stream *t, enum cl_err reason)
{
    if (t->state == TLS_SHAKING) {
        count_failure(t);
        cl_tls_judge(t->tls);
    }
    t->state = TLS_OVER;
    cl_loop_timer_stop(t->stream.loop, &t->resume);
    cl_stream_break(&t->stream, reason);
}

/* Offers what waits to below. Ciphertext is longer than its plaintext, so as many bytes as went
 * may be reported, except the last until all went. */
static enum cl_err
flush(struct tls_stream *t)
{
    size_t taken = 0;
    if (t->out.len == 0)
        return CL_OK;
    cl_str bytes = cl_buf_str(&t->out);
    enum cl_err err = cl_stream_write(t->below, &bytes, 1, &taken);
    if (err != CL_OK)
        return err;
    cl_buf_consume(&t->out, taken);
    t->credit += taken;
    if (t->out.len == 0) {
        cl_buf_done(&t->out);
        t->credit = t->owed;
    } else if (t->credit >= t->owed) {
        t->credit = t->owed > 0 ? t->owed - 1 : 0;
    }
    return CL_OK;
}

/* The last word, an alert or the answer to plain text, goes out; then there is only the end. */
static void
refuse(struct tls_stream *t)
{
    count_failure(t);
    t->state = TLS_REFUSED;
    t->engine.input = CL_STR("");
    cl_buf_done(&t->held);
    cl_stream_want_write(t->below);
}

/* A client's user waits for an answer that will not come, and it is told at once. */
static void
fail_handshake(struct tls_stream *t)
{
    if (!t->tls->is_client) {
        refuse(t);
        return;
    }
    cl_err_ignore(flush(t)); // the alert; whether it arrives changes nothing
    break_off(t, CL_ERR_CLOSED);
}

/* -- reading --------------------------------------------------------------------------------- */

static void
tell_eof(struct tls_stream *t)
{
    if (t->is_eof_told || !t->is_reading || t->is_closed || t->state != TLS_OPEN)
        return;
    t->is_eof_told = true;
    if (t->has_notify || !t->tls->is_client)
        t->stream.events->on_eof(t->stream.ctx);
    else
        break_off(t, CL_ERR_CLOSED); // cut short, maybe by somebody on the way
}

/* The peer, or somebody on the way, has sent nonsense. It counts even if the user, who is told
 * first of what came before it, breaks the stream by answering. */
static void
count_broken(struct tls_stream *t)
{
    t->tls->counts.broken++;
    cl_loop_counts(t->stream.loop)->of[CL_COUNT_RECORD]++;
    ERR_clear_error();
}

/* Opens a record and hands its content over. True: there may be more. */
static bool
deliver(struct tls_stream *t)
{
    char *opened;
    size_t len;
    enum cl_tls_word word = cl_tls_engine_open(&t->engine, &opened, &len, &t->out);
    if (word == CL_TLS_WORD_BROKEN)
        count_broken(t);
    if (t->out.len > 0)
        cl_stream_want_write(t->below);
    if (len > 0)
        t->stream.events->on_data(t->stream.ctx, opened, len);
    if (t->is_closed || t->state != TLS_OPEN)
        return false;
    if (word == CL_TLS_WORD_END) {
        t->has_notify = true;
        t->engine.input = CL_STR(""); // nothing counts behind it
        tell_eof(t);
    } else if (word == CL_TLS_WORD_BROKEN) {
        cl_err_ignore(flush(t)); // the alert
        break_off(t, CL_ERR_IO);
    }
    return word == CL_TLS_WORD_DATA;
}

static void
shake(struct tls_stream *t)
{
    enum cl_tls_word word = cl_tls_engine_shake(&t->engine, &t->out);
    if (t->out.len > 0)
        cl_stream_want_write(t->below);
    if (word == CL_TLS_WORD_DATA) {
        t->state = TLS_OPEN;
        t->tls->counts.handshakes++;
        if (t->wants_room)
            cl_stream_want_write(&t->stream);
    } else if (word == CL_TLS_WORD_BROKEN) {
        fail_handshake(t);
        ERR_clear_error();
    }
}

/* Keeps what cannot be opened now. */
static void
hold(struct tls_stream *t, cl_str bytes)
{
    if (bytes.len > 0 && cl_buf_append(&t->held, bytes) != CL_OK)
        break_off(t, CL_ERR_IO);
}

/* Takes the bytes as far as may be, and keeps the rest. */
static void
take(struct tls_stream *t, cl_str bytes)
{
    t->engine.input = bytes;
    if (t->state == TLS_SHAKING)
        shake(t);
    while (t->state == TLS_OPEN && t->is_reading && !t->has_notify && deliver(t)) {
    }
    if (!t->is_closed && t->state == TLS_OPEN && !t->has_notify)
        hold(t, t->engine.input);
    t->engine.input = CL_STR("");
}

static void
take_held(struct tls_stream *t)
{
    struct cl_buf held = t->held;
    cl_buf_init(&t->held, CL_TLS_HELD_BYTES_MAX);
    take(t, cl_buf_str(&held));
    cl_buf_done(&held);
}

/* -- rationing handshakes -------------------------------------------------------------------- */

/* May one more step be made in this turn? */
static bool
has_step(struct cl_tls *tls)
{
    if (tls->turn != tls->loop->turns) {
        tls->turn = tls->loop->turns;
        tls->steps = 0;
    }
    return tls->steps < CL_TLS_HANDSHAKES_PER_TURN;
}

/* The first that waits looks after all: its on_write comes in the flush of each turn. */
static void
wake_first(struct cl_tls *tls)
{
    if (cl_list_is_empty(&tls->waiting))
        return;
    struct cl_link *first = cl_list_first(&tls->waiting);
    cl_stream_want_write(CL_LIST_ENTRY(first, struct tls_stream, in_waiting)->below);
}

static void
serve_waiting(struct cl_tls *tls)
{
    while (!cl_list_is_empty(&tls->waiting) && has_step(tls)) {
        struct cl_link *first = cl_list_first(&tls->waiting);
        struct tls_stream *t = CL_LIST_ENTRY(first, struct tls_stream, in_waiting);
        cl_list_remove(first);
        tls->steps++;
        enter(t);
        take_held(t);
        leave(t);
        cl_loop_again(tls->loop); // this is the flush, and a request may have come along
    }
    wake_first(tls);
}

static void
wait_for_step(struct tls_stream *t, cl_str bytes)
{
    hold(t, bytes);
    if (t->state == TLS_OVER)
        return;
    t->tls->counts.waits++;
    cl_list_append(&t->tls->waiting, &t->in_waiting);
    wake_first(t->tls);
}

/* -- what comes from below ------------------------------------------------------------------- */

static void
begin_serving(struct tls_stream *t, char first)
{
    if (first != CL_TLS_RECORD_HANDSHAKE) {
        t->tls->counts.plain++;
        if (cl_buf_append(&t->out, CL_STR(PLAIN_ANSWER)) != CL_OK)
            break_off(t, CL_ERR_IO);
        else
            refuse(t);
        return;
    }
    t->state = TLS_SHAKING;
    if (!cl_tls_engine_begin(&t->engine)) {
        ERR_clear_error();
        break_off(t, CL_ERR_IO);
    }
}

static void
below_on_data(void *ctx, char *bytes, size_t len)
{
    struct tls_stream *t = ctx;
    struct cl_tls *tls = t->tls;
    enter(t);
    if (t->state == TLS_FRESH)
        begin_serving(t, bytes[0]);
    if (t->state == TLS_SHAKING && !tls->is_client) {
        if (cl_list_is_empty(&tls->waiting) && has_step(tls)) {
            tls->steps++;
            take(t, cl_str_of(bytes, len));
        } else {
            wait_for_step(t, cl_str_of(bytes, len));
        }
    } else if (t->state == TLS_SHAKING || (t->state == TLS_OPEN && !t->has_notify)) {
        take(t, cl_str_of(bytes, len));
    }
    leave(t);
}

static void
below_on_eof(void *ctx)
{
    struct tls_stream *t = ctx;
    enter(t);
    t->has_eof = true;
    if (t->state == TLS_OPEN)
        tell_eof(t);
    else if (t->state != TLS_OVER)
        break_off(t, CL_ERR_CLOSED);
    leave(t);
}

/* Once all is written our side ends, if it was to. */
static void
shut_when_flushed(struct tls_stream *t)
{
    bool is_last = t->is_shut || t->state == TLS_REFUSED;
    if (!is_last || t->out.len > 0 || t->is_shut_below)
        return;
    t->is_shut_below = true;
    cl_stream_shut(t->below);
}

static void
below_on_write(void *ctx)
{
    struct tls_stream *t = ctx;
    struct cl_tls *tls = t->tls;
    enter(t);
    if (t->state == TLS_FRESH && tls->is_client) {
        t->state = TLS_SHAKING;
        shake(t);
    }
    if (t->state != TLS_OVER && flush(t) != CL_OK)
        break_off(t, CL_ERR_CLOSED);
    if (t->state != TLS_OVER)
        shut_when_flushed(t);
    bool has_room = t->out.len == 0 || t->credit > 0;
    if (t->state == TLS_OPEN && t->wants_room && has_room && !t->is_closed)
        cl_stream_want_write(&t->stream);
    leave(t);
    serve_waiting(tls);
}

static void
below_on_closed(void *ctx, enum cl_err reason)
{
    struct tls_stream *t = ctx;
    enter(t);
    break_off(t, reason);
    leave(t);
}

static const struct cl_stream_events below_events = {below_on_data, below_on_eof, below_on_write,
                                                     below_on_closed};

/* Reading goes on, with what was left from before the pause. */
static void
on_resume(struct cl_timer *timer)
{
    struct tls_stream *t = CL_LIST_ENTRY(timer, struct tls_stream, resume);
    enter(t);
    if (t->state == TLS_OPEN && t->is_reading)
        take_held(t);
    if (t->has_notify || t->has_eof)
        tell_eof(t);
    leave(t);
}

/* -- what the user does ---------------------------------------------------------------------- */

/* Where in the user's slices the next record begins. */
struct cursor {
    const cl_str *slices;
    size_t count;
    size_t at;   // index of the slice
    size_t into; // bytes of that slice that are behind us
};

static void
skip(struct cursor *cursor, size_t len)
{
    while (cursor->at < cursor->count && len >= cursor->slices[cursor->at].len - cursor->into) {
        len -= cursor->slices[cursor->at].len - cursor->into;
        cursor->at++;
        cursor->into = 0;
    }
    CL_ASSERT(len == 0 || cursor->at < cursor->count); // what is owed is offered again
    cursor->into += len;
}

/* The pieces of the next record. Returns how long they are together. */
static size_t
next_record(struct cursor *cursor, cl_str *pieces, size_t *ret_count)
{
    size_t len = 0, count = 0;
    while (cursor->at < cursor->count && len < CL_TLS_RECORD_BYTES && count < CL_TLS_SLICES_MAX) {
        cl_str slice = cursor->slices[cursor->at];
        pieces[count] = cl_str_part(slice, cursor->into, CL_TLS_RECORD_BYTES - len);
        len += pieces[count].len;
        skip(cursor, pieces[count++].len);
    }
    *ret_count = count;
    return len;
}

/* Seals the next chunk into the shared buffer. *ret_len is its plaintext; false: that failed. */
static bool
seal(struct tls_stream *t, struct cursor *cursor, size_t *ret_len)
{
    cl_str *pieces = t->tls->pieces;
    size_t count, records = 0;
    cl_buf_clear(&t->tls->sealed);
    *ret_len = 0;
    while (cursor->at < cursor->count && records < CL_TLS_CHUNK_RECORDS) {
        size_t len = next_record(cursor, pieces, &count);
        if (len == 0)
            continue;
        if (!cl_tls_engine_seal(&t->engine, pieces, count, &t->tls->sealed))
            return false;
        *ret_len += len;
        records++;
    }
    return true;
}

/* Seals and writes chunks until below takes no more. What it left of the last one is owed. */
static enum cl_err
write_chunks(struct tls_stream *t, struct cursor *cursor, size_t *taken)
{
    while (cursor->at < cursor->count) {
        size_t len, sent = 0;
        if (!seal(t, cursor, &len))
            return CL_ERR_IO;
        cl_str sealed = cl_buf_str(&t->tls->sealed);
        enum cl_err err = cl_stream_write(t->below, &sealed, 1, &sent);
        if (err == CL_OK && sent < sealed.len)
            err = cl_buf_append(&t->out, cl_str_part(sealed, sent, sealed.len));
        if (err != CL_OK)
            return err;
        if (sent < sealed.len) {
            size_t reported = sent < len ? sent : len - 1;
            t->owed = len - reported;
            *taken += reported;
            return CL_OK;
        }
        *taken += len;
    }
    return CL_OK;
}

static enum cl_err
give_up(struct tls_stream *t, enum cl_err err)
{
    ERR_clear_error();
    t->state = TLS_OVER;
    t->stream.is_broken = true;
    cl_loop_timer_stop(t->stream.loop, &t->resume);
    return err;
}

static enum cl_err
tls_write(struct cl_stream *stream, const cl_str *slices, size_t count, size_t *ret_taken)
{
    struct tls_stream *t = tls_of(stream);
    struct cursor cursor = {.slices = slices, .count = count};
    if (t->state == TLS_OVER)
        return CL_ERR_CLOSED;
    if (t->state != TLS_OPEN) {
        t->wants_room = true;
        *ret_taken = 0;
        return CL_OK;
    }
    enum cl_err err = flush(t);
    if (err != CL_OK)
        return give_up(t, err);
    size_t taken = t->credit < t->owed ? t->credit : t->owed;
    t->owed -= taken;
    t->credit = 0;
    skip(&cursor, taken);
    if (t->out.len == 0)
        err = write_chunks(t, &cursor, &taken);
    if (err != CL_OK)
        return give_up(t, err);
    t->wants_room = t->out.len > 0;
    *ret_taken = taken;
    return CL_OK;
}

static void
tls_shut(struct cl_stream *stream)
{
    struct tls_stream *t = tls_of(stream);
    if (t->is_shut || t->state == TLS_OVER)
        return;
    t->is_shut = true;
    if (t->state == TLS_OPEN)
        cl_tls_engine_end(&t->engine, &t->out);
    ERR_clear_error();
    // Often the user closes next, so what can go goes now. A failure shows in the loop.
    if (flush(t) == CL_OK)
        shut_when_flushed(t);
}

static void
tls_close(struct cl_stream *stream)
{
    struct tls_stream *t = tls_of(stream);
    struct cl_tls *tls = t->tls;
    if (stream->drops_output)
        cl_stream_drop_output(t->below);
    else if (t->state == TLS_OPEN && t->out.len == 0)
        tls_shut(stream);
    if (t->state == TLS_SHAKING)
        count_failure(t);
    t->state = TLS_OVER;
    t->is_closed = true;
    cl_loop_timer_stop(stream->loop, &t->resume);
    cl_list_remove(&t->in_waiting);
    cl_stream_close(t->below);
    wake_first(tls);
    if (!t->is_busy)
        free_stream(t);
}

static void
tls_set_reading(struct cl_stream *stream, bool is_on)
{
    struct tls_stream *t = tls_of(stream);
    if (t->is_reading == is_on)
        return;
    t->is_reading = is_on;
    bool is_left =
        t->held.len > 0 || t->has_notify || t->has_eof || cl_tls_engine_has_pending(&t->engine);
    if (!is_on)
        cl_loop_timer_stop(stream->loop, &t->resume);
    else if (t->state == TLS_OPEN && is_left)
        cl_loop_timer_start(stream->loop, &t->resume, cl_loop_now(stream->loop));
    if (t->is_busy)
        return; // leave does it
    enter(t);
    leave(t);
}

static bool
tls_is_acked(struct cl_stream *stream)
{
    struct tls_stream *t = tls_of(stream);
    return t->out.len == 0 && cl_stream_is_acked(t->below);
}

static void
tls_peer(struct cl_stream *stream, cl_address *ret_peer)
{
    cl_stream_peer(tls_of(stream)->below, ret_peer);
}

static const struct cl_stream_ops tls_ops = {
    .write = tls_write,
    .shut = tls_shut,
    .close = tls_close,
    .set_reading = tls_set_reading,
    .is_acked = tls_is_acked,
    .peer = tls_peer,
};

enum cl_err
cl_tls_wrap(struct cl_tls *tls, struct cl_stream *below, cl_str host, struct cl_stream **ret_stream)
{
    struct tls_stream *t = cl_alloc(sizeof *t);
    if (t == NULL) {
        cl_stream_close(below);
        return CL_ERR_NO_MEMORY;
    }
    t->below = below;
    t->tls = tls;
    t->engine.tls = tls;
    cl_link_init(&t->in_waiting);
    cl_timer_init(&t->resume, on_resume);
    cl_buf_init(&t->held, CL_TLS_HELD_BYTES_MAX);
    cl_buf_init(&t->out, CL_TLS_OUT_BYTES_MAX);
    tls->verdict = (struct cl_tls_verdict){.fault = CL_TLS_FAULT_NONE};
    if (tls->is_client &&
        (!cl_tls_engine_begin(&t->engine) || !cl_tls_expect(t->engine.ssl, host))) {
        ERR_clear_error();
        cl_stream_close(below);
        free_stream(t);
        return CL_ERR_NO_MEMORY;
    }
    cl_stream_init(&t->stream, tls->loop, &tls_ops);
    cl_stream_use(below, &below_events, t);
    cl_stream_set_reading(below, false); // until the user reads
    if (tls->is_client)
        cl_stream_want_write(below);
    *ret_stream = &t->stream;
    return CL_OK;
}
