// SPDX-License-Identifier: MIT
#include "net/tls_keys.h"

#include <string.h>

#include "base/alloc.h"
#include "base/secret.h"

enum { CLOSE_NOTIFY = 0 };
enum { WARNING = 1, FATAL = 2 };
enum { KEY_UPDATE = 24 };
enum { NOT_REQUESTED = 0, REQUESTED = 1 };
/* Digits of the client's random in a line, and the blank behind them. */
#define RANDOM_CHARS 65

/* -- secrets --------------------------------------------------------------------------------- */

struct cl_tls_keys *
cl_tls_keys_new(void)
{
    struct cl_tls_keys *keys = cl_alloc(sizeof *keys);
    if (keys != NULL)
        cl_buf_init(&keys->partial, CL_TLS_RECORD_WIRE_BYTES_MAX);
    return keys;
}

void
cl_tls_keys_free(struct cl_tls_keys *keys)
{
    if (keys == NULL)
        return;
    cl_tls_half_done(&keys->in);
    cl_tls_half_done(&keys->out);
    cl_buf_done(&keys->partial);
    cl_free(keys);
}

static bool
read_hex(cl_str text, uint8_t *bytes)
{
    for (size_t at = 0; at < text.len; at++) {
        int digit = cl_str_hex_digit(text.ptr[at]);
        if (digit < 0)
            return false;
        bytes[at / 2] = (uint8_t)(bytes[at / 2] << 4 | digit);
    }
    return true;
}

void
cl_tls_keys_hear(struct cl_tls_keys *keys, cl_str line)
{
    // LABEL, the client's random, the secret
    struct cl_tls_half *half = NULL;
    const cl_str in = CL_STR("CLIENT_TRAFFIC_SECRET_0 "), out = CL_STR("SERVER_TRAFFIC_SECRET_0 ");
    if (cl_str_starts(line, in))
        half = &keys->in;
    else if (cl_str_starts(line, out))
        half = &keys->out;
    cl_str digits = cl_str_part(line, in.len + RANDOM_CHARS, line.len);
    if (half == NULL || digits.len % 2 != 0 || digits.len > 2 * sizeof half->secret)
        return;
    half->secret_len = read_hex(digits, half->secret) ? (uint8_t)(digits.len / 2) : 0;
}

static bool
begin_half(struct cl_tls_half *half, unsigned suite, bool seals)
{
    struct cl_tls_half heard = *half;
    bool is_begun = cl_tls_half_init(half, suite, seals, heard.secret, heard.secret_len);
    cl_secret_wipe(&heard, sizeof heard);
    return is_begun;
}

bool
cl_tls_keys_begin(struct cl_tls_keys *keys, unsigned suite)
{
    if (begin_half(&keys->in, suite, false) && begin_half(&keys->out, suite, true))
        return true;
    cl_tls_half_done(&keys->in);
    cl_tls_half_done(&keys->out);
    return false;
}

/* -- what is said ---------------------------------------------------------------------------- */

static bool
say(struct cl_tls_keys *keys, enum cl_tls_record_type type, cl_str bytes, struct cl_buf *out)
{
    return cl_tls_seal(&keys->out, type, &bytes, 1, out);
}

/* The connection is over, and the peer is told why if there is a way. */
static enum cl_tls_word
fail(struct cl_tls_keys *keys, enum cl_tls_alert alert, struct cl_buf *out)
{
    const uint8_t bytes[] = {FATAL, (uint8_t)alert};
    (void)say(keys, CL_TLS_RECORD_ALERT, cl_str_of(bytes, sizeof bytes), out);
    keys->in.is_over = keys->out.is_over = true;
    return CL_TLS_WORD_BROKEN;
}

/* Our next records have new keys, and the last one with the old keys says so. */
static bool
renew_out(struct cl_tls_keys *keys, uint8_t request, struct cl_buf *out)
{
    const uint8_t update[CL_TLS_UPDATE_BYTES] = {KEY_UPDATE, 0, 0, 1, request};
    return say(keys, CL_TLS_RECORD_HANDSHAKE, cl_str_of(update, sizeof update), out) &&
           cl_tls_half_update(&keys->out);
}

bool
cl_tls_keys_seal(struct cl_tls_keys *keys, const cl_str *slices, size_t count, struct cl_buf *out)
{
    if (keys->owes_update || keys->out.records >= CL_TLS_KEY_RECORDS) {
        keys->owes_update = false;
        if (!renew_out(keys, NOT_REQUESTED, out))
            return false;
    }
    return cl_tls_seal(&keys->out, CL_TLS_RECORD_DATA, slices, count, out);
}

void
cl_tls_keys_end(struct cl_tls_keys *keys, struct cl_buf *out)
{
    const uint8_t notify[] = {WARNING, CLOSE_NOTIFY};
    (void)say(keys, CL_TLS_RECORD_ALERT, cl_str_of(notify, sizeof notify), out);
    keys->out.is_over = true;
}

/* -- what comes ------------------------------------------------------------------------------ */

/* A key update, or a piece of one. No other message of a handshake may come from a client here, and
 * a key update ends with its record, since what is behind it has the new key (section 5.1). */
static enum cl_tls_word
hear_update(struct cl_tls_keys *keys, cl_str piece, struct cl_buf *out)
{
    uint8_t *update = keys->update;
    if (piece.len == 0 || piece.len > sizeof keys->update - keys->update_len)
        return fail(keys, CL_TLS_ALERT_UNEXPECTED_MESSAGE, out);
    memcpy(update + keys->update_len, piece.ptr, piece.len);
    keys->update_len += (uint8_t)piece.len;
    if (update[0] != KEY_UPDATE)
        return fail(keys, CL_TLS_ALERT_UNEXPECTED_MESSAGE, out);
    if (keys->update_len < sizeof keys->update)
        return CL_TLS_WORD_DATA; // zeros so far, or it will not get better
    keys->update_len = 0;
    if (update[1] != 0 || update[2] != 0 || update[3] != 1)
        return fail(keys, CL_TLS_ALERT_DECODE_ERROR, out);
    if (update[4] != NOT_REQUESTED && update[4] != REQUESTED)
        return fail(keys, CL_TLS_ALERT_ILLEGAL_PARAMETER, out);
    if (++keys->updates > CL_TLS_UPDATES_MAX)
        return fail(keys, CL_TLS_ALERT_UNEXPECTED_MESSAGE, out);
    if (!cl_tls_half_update(&keys->in))
        return fail(keys, CL_TLS_ALERT_INTERNAL_ERROR, out);
    keys->owes_update = keys->owes_update || update[4] == REQUESTED; // one answer for many will do
    keys->has_asked = false;
    return CL_TLS_WORD_DATA;
}

static enum cl_tls_word
hear_alert(struct cl_tls_keys *keys, cl_str alert, struct cl_buf *out)
{
    if (alert.len != 2)
        return fail(keys, CL_TLS_ALERT_UNEXPECTED_MESSAGE, out);
    if (alert.ptr[1] == CL_TLS_ALERT_USER_CANCELED)
        return CL_TLS_WORD_DATA; // close_notify follows
    keys->in.is_over = true;
    if (alert.ptr[1] == CLOSE_NOTIFY)
        return CL_TLS_WORD_END;
    keys->out.is_over = true; // whatever its level (section 6)
    return CL_TLS_WORD_BROKEN;
}

static enum cl_tls_word
hear(struct cl_tls_keys *keys, enum cl_tls_record_type type, cl_str bytes, struct cl_buf *out)
{
    keys->idle = type == CL_TLS_RECORD_DATA && bytes.len > 0 ? 0 : (uint8_t)(keys->idle + 1);
    bool is_between = keys->update_len > 0 && type != CL_TLS_RECORD_HANDSHAKE;
    if (is_between || keys->idle > CL_TLS_IDLE_RECORDS_MAX)
        return fail(keys, CL_TLS_ALERT_UNEXPECTED_MESSAGE, out);
    if (type == CL_TLS_RECORD_DATA)
        return CL_TLS_WORD_DATA;
    if (type == CL_TLS_RECORD_HANDSHAKE)
        return hear_update(keys, bytes, out);
    if (type == CL_TLS_RECORD_ALERT)
        return hear_alert(keys, bytes, out);
    return fail(keys, CL_TLS_ALERT_UNEXPECTED_MESSAGE, out);
}

/* Has the peer's key had enough? Its owner is asked once to change it. */
static bool
ask_for_update(struct cl_tls_keys *keys, struct cl_buf *out)
{
    if (keys->in.records < CL_TLS_KEY_RECORDS || keys->has_asked)
        return true;
    keys->has_asked = true;
    return renew_out(keys, REQUESTED, out);
}

/* Moves from the input what `partial` lacks to be `len` bytes long, as far as it is there. */
static bool
fill(struct cl_tls_keys *keys, cl_str *input, size_t len)
{
    cl_str piece = cl_str_part(*input, 0, len - keys->partial.len);
    *input = cl_str_part(*input, piece.len, input->len);
    return cl_buf_append(&keys->partial, piece) == CL_OK;
}

/* The next record, or an empty one: it is not whole. Good until `partial` changes. */
static enum cl_tls_alert
next_record(struct cl_tls_keys *keys, cl_str *input, cl_str *ret_record)
{
    size_t len;
    *ret_record = CL_STR("");
    if (keys->partial.len == 0) {
        enum cl_tls_alert alert = cl_tls_record_check(*input, &len);
        if (alert != CL_TLS_ALERT_NONE || input->len == 0)
            return alert;
        if (len > 0 && len <= input->len) {
            *ret_record = cl_str_part(*input, 0, len);
            *input = cl_str_part(*input, len, input->len);
            return CL_TLS_ALERT_NONE;
        }
    }
    if (keys->partial.len < CL_TLS_RECORD_HEAD_BYTES &&
        !fill(keys, input, CL_TLS_RECORD_HEAD_BYTES))
        return CL_TLS_ALERT_INTERNAL_ERROR;
    enum cl_tls_alert alert = cl_tls_record_check(cl_buf_str(&keys->partial), &len);
    if (alert != CL_TLS_ALERT_NONE || len == 0)
        return alert;
    if (!fill(keys, input, len))
        return CL_TLS_ALERT_INTERNAL_ERROR;
    if (keys->partial.len == len)
        *ret_record = cl_buf_str(&keys->partial);
    return CL_TLS_ALERT_NONE;
}

enum cl_tls_word
cl_tls_keys_open(struct cl_tls_keys *keys, cl_str *input, char *opened, size_t *ret_len,
                 struct cl_buf *out)
{
    cl_str record;
    size_t len;
    enum cl_tls_record_type type;
    *ret_len = 0;
    if (keys->in.is_over)
        return CL_TLS_WORD_BROKEN;
    enum cl_tls_alert alert = next_record(keys, input, &record);
    if (alert != CL_TLS_ALERT_NONE)
        return fail(keys, alert, out);
    if (record.len == 0)
        return CL_TLS_WORD_NONE;
    if (keys->in.records >= CL_TLS_KEY_RECORDS_MAX)
        return fail(keys, CL_TLS_ALERT_UNEXPECTED_MESSAGE, out);
    bool is_opened = cl_tls_open(&keys->in, record, opened, &len, &type);
    cl_buf_done(&keys->partial); // the record lay there, or nothing
    if (!is_opened)
        return fail(keys, CL_TLS_ALERT_BAD_RECORD_MAC, out);
    enum cl_tls_word word = hear(keys, type, cl_str_of(opened, len), out);
    if (word != CL_TLS_WORD_DATA)
        return word;
    if (!ask_for_update(keys, out))
        return fail(keys, CL_TLS_ALERT_INTERNAL_ERROR, out);
    *ret_len = type == CL_TLS_RECORD_DATA ? len : 0;
    return word;
}
