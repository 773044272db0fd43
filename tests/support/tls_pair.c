// SPDX-License-Identifier: MIT
#include "support/tls_pair.h"

#include <string.h>

#include "base/assert.h"

#define SLICES_MAX 64

/* -- the certificate ------------------------------------------------------------------------- */

static char key_text[4096], certificate_text[4096];
static size_t key_len, certificate_len;

static void
make_once(void)
{
    struct cl_tls_names names = {.len = 1, .list = {CL_STR("localhost")}};
    struct cl_buf key, certificate;
    if (key_len > 0)
        return;
    cl_buf_init(&key, sizeof key_text);
    cl_buf_init(&certificate, sizeof certificate_text);
    bool is_made = cl_tls_key_make(&key, NULL) == CL_OK &&
                   cl_tls_self_sign(cl_buf_str(&key), &names, &certificate, NULL) == CL_OK;
    CL_ASSERT(is_made);
    memcpy(key_text, key.ptr, key.len);
    memcpy(certificate_text, certificate.ptr, certificate.len);
    key_len = key.len;
    certificate_len = certificate.len;
    cl_buf_done(&key);
    cl_buf_done(&certificate);
}

cl_str
tls_test_key(void)
{
    make_once();
    return cl_str_of(key_text, key_len);
}

cl_str
tls_test_certificate(void)
{
    make_once();
    return cl_str_of(certificate_text, certificate_len);
}

/* -- ends ------------------------------------------------------------------------------------ */

static void
on_data(void *ctx, char *bytes, size_t len)
{
    struct tls_end *end = ctx;
    CL_ASSERT(len <= sizeof end->heard - end->heard_len);
    memcpy(end->heard + end->heard_len, bytes, len);
    end->heard_len += len;
    if (end->stops_at_data)
        cl_stream_set_reading(end->stream, false);
}

static void
on_eof(void *ctx)
{
    struct tls_end *end = ctx;
    CL_ASSERT(!end->is_over);
    end->is_over = true;
}

static void
on_write(void *ctx)
{
    struct tls_end *end = ctx;
    cl_str slices[SLICES_MAX];
    size_t count = end->slices == 0 ? 1 : end->slices;
    size_t each = end->says.len / count;
    size_t taken = 0;
    for (size_t at = 0; at < count; at++)
        slices[at] = cl_str_part(end->says, at * each, at + 1 == count ? end->says.len : each);
    enum cl_err err = cl_stream_write(end->stream, slices, count, &taken);
    if (err != CL_OK) {
        end->is_broken = true;
        end->reason = err;
        return;
    }
    CL_ASSERT(taken <= end->says.len);
    end->says = cl_str_part(end->says, taken, end->says.len);
    end->said += taken;
}

static void
on_closed(void *ctx, enum cl_err reason)
{
    struct tls_end *end = ctx;
    CL_ASSERT(!end->is_broken);
    end->is_broken = true;
    end->reason = reason;
    tls_end_close(end);
}

static const struct cl_stream_events end_events = {on_data, on_eof, on_write, on_closed};

enum cl_err
tls_end_open(struct tls_end *end, struct cl_tls *side, cl_str host)
{
    struct cl_loop *loop = end->wire.stream.loop;
    *end = (struct tls_end){.reason = CL_OK};
    memory_stream_init(&end->wire, loop);
    enum cl_err err = cl_tls_wrap(side, &end->wire.stream, host, &end->stream);
    if (err == CL_OK)
        cl_stream_use(end->stream, &end_events, end);
    else
        end->stream = NULL;
    return err;
}

void
tls_end_close(struct tls_end *end)
{
    if (end->stream != NULL)
        cl_stream_close(end->stream);
    end->stream = NULL;
}

void
tls_end_say(struct tls_end *end, cl_str text)
{
    end->says = text;
    if (end->stream != NULL)
        cl_stream_want_write(end->stream);
}

/* -- pairs ----------------------------------------------------------------------------------- */

enum cl_err
tls_pair_open(struct tls_pair *pair)
{
    struct cl_tls_pins pins = {.len = 1};
    *pair = (struct tls_pair){.loop = NULL};
    cl_str certificate = tls_test_certificate();
    enum cl_err err = cl_loop_new(&pair->loop);
    if (err != CL_OK)
        return err;
    memory_loop_clock(pair->loop);
    pair->server.wire.stream.loop = pair->loop;
    pair->client.wire.stream.loop = pair->loop;
    err = cl_tls_server_new(pair->loop, &pair->server_side);
    if (err == CL_OK)
        err = cl_tls_load(pair->server_side, certificate, tls_test_key(), NULL);
    if (err == CL_OK) {
        pins.list[0] = *cl_tls_own_pin(pair->server_side);
        err = cl_tls_client_new(pair->loop, &pins, &pair->client_side);
    }
    if (err == CL_OK)
        err = tls_end_open(&pair->server, pair->server_side, CL_STR(""));
    if (err == CL_OK)
        err = tls_end_open(&pair->client, pair->client_side, CL_STR("localhost"));
    return err;
}

void
tls_pair_close(struct tls_pair *pair)
{
    tls_end_close(&pair->client);
    tls_end_close(&pair->server);
    cl_loop_free(pair->loop);
    cl_tls_free(pair->client_side);
    cl_tls_free(pair->server_side);
}

bool
tls_carry(struct tls_end *from, struct tls_end *to, size_t piece)
{
    struct memory_stream *wire = &from->wire;
    size_t len = wire->out_len < piece ? wire->out_len : piece;
    if (len > 0) {
        char bytes[CL_NET_READ_BYTES];
        len = len < sizeof bytes ? len : sizeof bytes;
        memcpy(bytes, wire->out, len);
        memmove(wire->out, wire->out + len, wire->out_len - len);
        wire->out_len -= len;
        if (!to->wire.is_closed)
            memory_stream_put(&to->wire, cl_str_of(bytes, len));
    }
    cl_loop_turn(wire->stream.loop, false);
    return len > 0;
}

void
tls_pair_run(struct tls_pair *pair, size_t piece)
{
    // A few turns without a byte: what waits for the next turn has had it.
    for (int idle = 0; idle < 4; idle++) {
        while (tls_carry(&pair->client, &pair->server, piece))
            idle = 0;
        while (tls_carry(&pair->server, &pair->client, piece))
            idle = 0;
        if (pair->server.wire.in_len > 0 && pair->server.wire.is_reading)
            memory_stream_put(&pair->server.wire, CL_STR(""));
    }
}
