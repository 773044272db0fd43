// SPDX-License-Identifier: MIT
/* The server's part of the opening handshake (RFC 6455 section 4.2). */
#include <openssl/sha.h>
#include <string.h>

#include "base/assert.h"
#include "net/http_private.h"

/* Base64 of the SHA-1 of key and GUID. */
void
cl_ws_accept_of(cl_str key, char ret_accept[static CL_WS_ACCEPT_CAP])
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    unsigned char text[24 + sizeof CL_WS_GUID];
    unsigned char digest[SHA_DIGEST_LENGTH + 1] = {0}; // 7 groups of 3 bytes with a zero
    CL_ASSERT(key.len == 24);
    memcpy(text, key.ptr, key.len);
    memcpy(text + key.len, CL_WS_GUID, sizeof CL_WS_GUID);
    CL_ASSERT(SHA1(text, key.len + sizeof CL_WS_GUID - 1, digest) != NULL);
    for (size_t group = 0; group < sizeof digest / 3; group++) {
        const unsigned char *in = digest + 3 * group;
        char *out = ret_accept + 4 * group;
        uint32_t bits = (uint32_t)in[0] << 16 | (uint32_t)in[1] << 8 | in[2];
        for (unsigned at = 0; at < 4; at++)
            out[at] = digits[bits >> (18 - 6 * at) & 0x3f];
    }
    ret_accept[CL_WS_ACCEPT_CAP - 2] = '=';
    ret_accept[CL_WS_ACCEPT_CAP - 1] = '\0';
}

/* *ret_key is that of the request. */
static enum cl_err
check_request(const struct cl_http_head *head, cl_str *ret_key, struct cl_why *why)
{
    cl_str version;
    cl_str key;
    if (!cl_str_eq(head->method, CL_STR("GET")))
        return cl_fail(CL_ERR_MALFORMED, why, "a WebSocket is opened with GET");
    if (!head->upgrade || !cl_http_has_token(head, CL_STR("Upgrade"), CL_STR("websocket")))
        return cl_fail(CL_ERR_UPGRADE, why, "only a WebSocket can be opened here");
    if (!cl_http_field(head, CL_STR("Sec-WebSocket-Version"), &version) ||
        !cl_str_eq(version, CL_STR(CL_WS_VERSION)))
        return cl_fail(CL_ERR_UPGRADE, why, "only WebSocket version 13 is spoken here");
    if (!cl_http_field(head, CL_STR("Sec-WebSocket-Key"), &key) || !cl_ws_key_is_valid(key))
        return cl_fail(CL_ERR_MALFORMED, why, "Sec-WebSocket-Key is not base64 of 16 bytes");
    if (cl_http_announces_body(head))
        return cl_fail(CL_ERR_MALFORMED, why, "a WebSocket is opened without a body");
    *ret_key = key;
    return CL_OK;
}

static enum cl_err
write_accepted(struct cl_http_conn *conn, cl_str accept)
{
    struct cl_buf head;
    cl_buf_init(&head, CL_HTTP_HEAD_BYTES_MAX);
    enum cl_err err = cl_http_write_status(&head, 101);
    if (err == CL_OK)
        err = cl_http_write_field(&head, CL_STR("Date"), cl_http_server_date(conn->server));
    if (err == CL_OK)
        err = cl_http_write_field(&head, CL_STR("Upgrade"), CL_STR("websocket"));
    if (err == CL_OK)
        err = cl_http_write_field(&head, CL_STR("Connection"), CL_STR("Upgrade"));
    if (err == CL_OK)
        err = cl_http_write_field(&head, CL_STR("Sec-WebSocket-Accept"), accept);
    if (err == CL_OK)
        err = cl_http_write_end(&head);
    if (err == CL_OK)
        err = cl_out_add(&conn->out, cl_buf_str(&head), NULL, 0);
    cl_buf_done(&head);
    return err;
}

static enum cl_err
open_ws(struct cl_http_conn *conn, cl_str key, const struct cl_ws_handler *handler, void *ctx)
{
    char accept[CL_WS_ACCEPT_CAP];
    CL_ASSERT(cl_out_waiting(&conn->out) == 0); // a 100 (Continue) goes with a body only
    cl_ws_accept_of(key, accept);
    struct cl_ws_open open = {
        .stream = conn->stream, .pass = conn->pass, .handler = handler, .ctx = ctx};
    enum cl_err err = write_accepted(conn, cl_str_z(accept));
    if (err != CL_OK)
        return err;
    open.out = conn->out;
    open.in = conn->input;
    err = cl_ws_conn_new(&open, &conn->ws);
    if (err != CL_OK)
        cl_out_done(&conn->out);
    return err;
}

enum cl_err
cl_http_upgrade(struct cl_http_conn *conn, const struct cl_ws_handler *handler, void *ctx,
                struct cl_ws_conn **ret_ws)
{
    struct cl_why why = {.text = "out of memory; try again"};
    cl_str key = {0};
    if (conn->state == CL_HTTP_OVER)
        return CL_ERR_CLOSED;
    CL_ASSERT(conn->is_answer_owed);
    enum cl_err err = check_request(&conn->parser.head, &key, &why);
    if (err == CL_OK)
        err = open_ws(conn, key, handler, ctx);
    if (err != CL_OK) {
        cl_http_refuse(conn, err, cl_str_z(why.text));
        return err;
    }
    conn->pass = (struct cl_gate_pass){0};
    cl_out_init(&conn->out);
    cl_buf_init(&conn->input, CL_NET_READ_BYTES);
    conn->state = CL_HTTP_UPGRADED;
    cl_http_conn_look_again(conn);
    *ret_ws = conn->ws;
    return CL_OK;
}
