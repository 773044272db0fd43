// SPDX-License-Identifier: MIT
/*
 * bench/gen/http.c - HTTP/1.1 of ClawLink v1: registering agents, and answers one after the other
 * on a connection that is kept.
 */
#include <stdio.h>
#include <string.h>

#include "bench/gen/gen.h"

void
http_register_all(struct gen *gen)
{
    struct conn conn = {.gen = gen};
    char body[128];
    cl_buf_init(&conn.in, GEN_OUT_BYTES_MAX);
    conn_dial(&conn);
    for (unsigned i = 0; i < gen->conns_len; i++) {
        (void)snprintf(body, sizeof body, "{\"agent_id\":\"%s\"}", gen->conns[i].name);
        conn_say(&conn,
                 "POST /register HTTP/1.1\r\nHost: 127.0.0.1:%u\r\n"
                 "Content-Type: application/json\r\nContent-Length: %zu\r\n\r\n%s",
                 gen->port, strlen(body), body);
        // The last member of the answer; any other answer is none, and ends the program.
        (void)conn_hear(&conn, CL_STR("\"server_time\":"));
        (void)conn_hear(&conn, CL_STR("}"));
    }
    cl_buf_done(&conn.in);
    conn_hang_up(&conn);
}

size_t
http_answer_len(cl_str input, cl_str *ret_body)
{
    static const char field[] = "\r\ncontent-length:";
    const char *end = memmem(input.ptr, input.len, "\r\n\r\n", 4);
    uint64_t body_len = 0;
    if (end == NULL)
        return 0;
    if (!cl_str_starts(input, CL_STR("HTTP/1.1 200 ")))
        die("the server says: %.*s", CL_STR_ARG(input));
    size_t head_len = (size_t)(end - input.ptr) + 4;
    cl_str word, rest = cl_str_part(input, 0, head_len - 2);
    size_t at = 0;
    while (at + sizeof field < rest.len &&
           !cl_str_eq_nocase(cl_str_part(rest, at, sizeof field - 1), cl_str_z(field)))
        at++;
    (void)cl_str_split(cl_str_part(rest, at + sizeof field - 1, rest.len), '\r', &word, &rest);
    if (!cl_str_to_u64(cl_str_trim(word), GEN_OUT_BYTES_MAX, &body_len))
        die("no Content-Length: %.*s", (int)head_len, input.ptr);
    if (input.len < head_len + body_len)
        return 0;
    *ret_body = cl_str_part(input, head_len, body_len);
    return head_len + body_len;
}

/* One answer, which is a message to the job. */
static size_t
take_one(struct conn *conn, cl_str input)
{
    cl_str body;
    size_t len = http_answer_len(input, &body);
    if (len > 0)
        conn->gen->job->take(conn, body);
    return len;
}

static void
take(struct conn *conn, char *bytes, size_t len)
{
    conn_take_each(conn, bytes, len, take_one);
}

static void
greet(struct conn *conn)
{
    (void)conn; // the first request is the greeting
}

/* The subject is the request line without its version; without a message it is a GET. */
static void
put(struct conn *conn, cl_str subject, cl_str message)
{
    must(cl_buf_printf(&conn->out, "%.*s HTTP/1.1\r\nHost: 127.0.0.1:%u\r\n", CL_STR_ARG(subject),
                       conn->gen->port));
    if (message.len > 0)
        must(cl_buf_printf(&conn->out, "Content-Type: application/json\r\nContent-Length: %zu\r\n",
                           message.len));
    must(cl_buf_append(&conn->out, CL_STR("\r\n")));
    must(cl_buf_append(&conn->out, message));
}

const struct protocol protocol_http = {
    .name = "http", .prepare = http_register_all, .greet = greet, .put = put, .take = take};
