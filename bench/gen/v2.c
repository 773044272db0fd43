// SPDX-License-Identifier: MIT
/*
 * bench/gen/v2.c - ClawLink v2 over WebSockets (docs/protocol/v2.md), as a careful client speaks
 * it: each message has an id and a number in its sender's stream, each send is answered, messages
 * are acknowledged in ranges, and the sender is pushed receipts. The payload is the message.
 */
#include <stdio.h>
#include <string.h>

#include "bench/gen/gen.h"
#include "wire/base64url.h"

/* So many are acknowledged at once: half of what may be on the way to an agent. */
#define ACK_MESSAGES 32
#define LIFE_SECONDS 3600
#define ID_BYTES     16
#define STREAM_BYTES 8

static struct cl_buf text;      // of the frame that is being written
static char payload[CL_MIB];    // of the message that came
static unsigned long long made; // seconds since 1970: all messages are as old as the run

/* The bytes that name a connection's stream; the server is a fresh one in each run. */
static void
name_stream(const struct conn *conn, char ret_bytes[static STREAM_BYTES])
{
    memcpy(ret_bytes, "bench", 5);
    ret_bytes[5] = 0;
    ret_bytes[6] = (char)(conn->index >> 8 & 0xff);
    ret_bytes[7] = (char)(conn->index & 0xff);
}

static void
put_envelope(struct conn *conn, cl_str subject, cl_str message)
{
    char bytes[ID_BYTES], id[CL_BASE64URL_LEN(ID_BYTES)], str[CL_BASE64URL_LEN(STREAM_BYTES)];
    char header[512];
    name_stream(conn, bytes);
    for (unsigned i = 0; i < 8; i++)
        bytes[STREAM_BYTES + i] = (char)(conn->sent >> (8 * i) & 0xff);
    cl_base64url_encode(cl_str_of(bytes, ID_BYTES), id);
    cl_base64url_encode(cl_str_of(bytes, STREAM_BYTES), str);
    int len =
        snprintf(header, sizeof header,
                 "{\"typ\":\"clawlink-msg+jws\",\"from\":\"bench/%s\",\"to\":\"bench/%.*s\","
                 "\"id\":\"%.*s\",\"iat\":%llu,\"exp\":%llu,\"str\":\"%.*s\",\"seq\":%llu}",
                 conn->name, CL_STR_ARG(subject), (int)sizeof id, id, made, made + LIFE_SECONDS,
                 (int)sizeof str, str, (unsigned long long)conn->sent + 1);
    must(cl_buf_append(&text, CL_STR("{\"protected\":\"")));
    must(cl_base64url_append(&text, cl_str_of(header, (size_t)len)));
    must(cl_buf_append(&text, CL_STR("\",\"payload\":\"")));
    must(cl_base64url_append(&text, message));
    must(cl_buf_append(&text, CL_STR("\"}")));
}

static void
put(struct conn *conn, cl_str subject, cl_str message)
{
    cl_buf_clear(&text);
    must(cl_buf_printf(&text,
                       "{\"jsonrpc\":\"2.0\",\"id\":%llu,\"method\":\"send\","
                       "\"params\":{\"envelope\":",
                       (unsigned long long)conn->sent));
    put_envelope(conn, subject, message);
    must(cl_buf_append(&text, CL_STR("}}")));
    ws_put(conn, cl_buf_str(&text));
}

/* -- the beginning ------------------------------------------------------------------------- */

static void
prepare(struct gen *gen)
{
    (void)gen;
    cl_buf_init(&text, GEN_OUT_BYTES_MAX);
    made = seconds_since_1970();
}

static void
ask(struct conn *conn)
{
    ws_ask(conn, CL_STR("/v2"));
}

/* The end of the answer to attach is that of its frame. */
static void
hear_attached(struct conn *conn)
{
    (void)conn_hear(conn, CL_STR("\"receipts\":"));
    (void)conn_hear(conn, CL_STR("}}"));
}

static void
greet(struct conn *conn)
{
    char attach[128];
    ws_greet(conn);
    ws_put(conn, CL_STR("{\"jsonrpc\":\"2.0\",\"id\":\"hello\",\"method\":\"hello\",\"params\":{"
                        "\"versions\":[\"2.0\"],\"instance\":\"bench\",\"client\":\"loadgen\"}}"));
    (void)snprintf(attach, sizeof attach,
                   "{\"jsonrpc\":\"2.0\",\"id\":\"attach\",\"method\":\"attach\",\"params\":{"
                   "\"agent\":\"bench/%s\"}}",
                   conn->name);
    ws_put(conn, cl_str_z(attach));
    conn_flush(conn); // all of it: it blocks
    hear_attached(conn);
}

/* -- what comes ---------------------------------------------------------------------------- */

static const char *
find(cl_str in, const char *mark)
{
    const char *found = memmem(in.ptr, in.len, mark, strlen(mark));
    if (found == NULL)
        die("no %s in what the server says: %.*s", mark, CL_STR_ARG(in));
    return found + strlen(mark);
}

/* What stands behind the mark, up to that character. */
static cl_str
value_of(cl_str in, const char *mark, char end)
{
    const char *from = find(in, mark);
    cl_str rest = cl_str_of(from, (size_t)(in.ptr + in.len - from));
    return cl_str_part(rest, 0, cl_str_find(rest, end));
}

static uint64_t
number_of(cl_str in, const char *mark, char end)
{
    uint64_t number;
    cl_str digits = value_of(in, mark, end);
    if (!cl_str_to_u64(digits, UINT64_MAX, &number))
        die("no number: %.*s", CL_STR_ARG(in));
    return number;
}

static void
acknowledge(struct conn *conn)
{
    cl_buf_clear(&text);
    must(cl_buf_printf(&text,
                       "{\"jsonrpc\":\"2.0\",\"method\":\"ack\",\"params\":{\"agent\":\"bench/%s\","
                       "\"ranges\":[[2,%llu,%llu]]}}",
                       conn->name, (unsigned long long)conn->held[0],
                       (unsigned long long)conn->held[1]));
    ws_put(conn, cl_buf_str(&text));
    conn->held_len = 0;
}

static void
take_message(struct conn *conn, cl_str note)
{
    cl_str bytes;
    uint64_t number = number_of(note, "\"at\":[2,", ']');
    must(cl_base64url_decode(value_of(note, "\"payload\":\"", '"'), payload, sizeof payload,
                             &bytes));
    conn->gen->job->take(conn, bytes);
    if (conn->held_len == 0)
        conn->held[0] = number;
    else if (number != conn->held[1] + 1)
        die("a gap before this message: %.*s", CL_STR_ARG(note));
    conn->held[1] = number;
    if (++conn->held_len == ACK_MESSAGES)
        acknowledge(conn);
}

static bool
is_answer(cl_str said)
{
    if (!cl_str_starts(said, CL_STR("{\"jsonrpc\":\"2.0\",\"id\":")))
        return false;
    cl_str head = cl_str_part(said, 0, 64);
    if (memmem(head.ptr, head.len, ",\"result\":", 10) == NULL)
        die("the server says: %.*s", CL_STR_ARG(said));
    return true;
}

static void
take_text(struct conn *conn, cl_str said)
{
    if (cl_str_starts(said, CL_STR("{\"jsonrpc\":\"2.0\",\"method\":\"message\"")))
        take_message(conn, said);
    else
        (void)is_answer(said); // or receipts, or that somebody joined
}

static void
take(struct conn *conn, char *bytes, size_t len)
{
    ws_take(conn, bytes, len, take_text);
}

const struct protocol protocol_v2 = {
    .name = "v2", .prepare = prepare, .ask = ask, .greet = greet, .put = put, .take = take};

/* -- only kept ----------------------------------------------------------------------------- */

/* The receivers of job_store, who have been there once. */
static void
make_receivers(struct gen *gen)
{
    struct conn conn = {.gen = gen};
    char body[128];
    prepare(gen);
    cl_buf_init(&conn.in, GEN_OUT_BYTES_MAX);
    conn_dial(&conn);
    for (unsigned i = 0; i < gen->conns_len; i++) {
        (void)snprintf(body, sizeof body,
                       "{\"jsonrpc\":\"2.0\",\"id\":0,\"method\":\"attach\",\"params\":{\"agent\":"
                       "\"bench/r%u\"}}",
                       i);
        conn_say(&conn,
                 "POST /v2 HTTP/1.1\r\nHost: 127.0.0.1:%u\r\nContent-Type: application/json\r\n"
                 "Content-Length: %zu\r\n\r\n%s",
                 gen->port, strlen(body), body);
        hear_attached(&conn);
    }
    cl_buf_done(&conn.in);
    conn_hang_up(&conn);
}

/* Answers to the sends of one connection come in the order of their commits, which is that of
 * the sends. */
static void
take_answer(struct conn *conn, cl_str said)
{
    if (!is_answer(said))
        return;
    if (number_of(said, "\"id\":", ',') != conn->got)
        die("another answer than the next: %.*s", CL_STR_ARG(said));
    (void)find(said, "\"durability\":\"disk\"");
    conn->gen->job->take(conn, said);
}

static void
take_store(struct conn *conn, char *bytes, size_t len)
{
    ws_take(conn, bytes, len, take_answer);
}

const struct protocol protocol_v2_store = {.name = "v2-store",
                                           .prepare = make_receivers,
                                           .ask = ask,
                                           .greet = greet,
                                           .put = put,
                                           .take = take_store,
                                           .is_answering = true};
