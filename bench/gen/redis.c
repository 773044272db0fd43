// SPDX-License-Identifier: MIT
/*
 * bench/gen/redis.c - Redis pub/sub in RESP3, in which a connection that listens may publish as
 * well. PUBLISH is answered with the number of receivers. And streams: XADD is answered with the
 * id of the entry.
 */
#include <stdio.h>
#include <string.h>

#include "bench/gen/gen.h"

static void
greet(struct conn *conn)
{
    char answer[64];
    conn_say(conn, "HELLO 3\r\n");
    (void)conn_hear(conn, CL_STR("modules\r\n*0\r\n"));
    if (conn->subject[0] == '\0')
        return;
    conn_say(conn, "SUBSCRIBE %s\r\n", conn->subject);
    (void)snprintf(answer, sizeof answer, "$%zu\r\n%s\r\n:1\r\n", strlen(conn->subject),
                   conn->subject);
    (void)conn_hear(conn, cl_str_z(answer));
}

static void
put(struct conn *conn, cl_str subject, cl_str message)
{
    must(cl_buf_printf(&conn->out, "*3\r\n$7\r\nPUBLISH\r\n$%zu\r\n%.*s\r\n$%zu\r\n", subject.len,
                       CL_STR_ARG(subject), message.len));
    must(cl_buf_append(&conn->out, message));
    must(cl_buf_append(&conn->out, CL_STR("\r\n")));
}

/* The line from *at on, without its end; false when it is not whole. Moves *at behind it. */
static bool
next_line(cl_str input, size_t *at, cl_str *ret_line)
{
    cl_str rest = cl_str_part(input, *at, input.len);
    size_t len = cl_str_find(rest, '\n');
    if (len == rest.len)
        return false;
    *ret_line = cl_str_part(rest, 0, len - 1);
    *at += len + 1;
    return true;
}

/* A string behind its "$length" line. */
static bool
next_string(cl_str input, size_t *at, cl_str *ret_string)
{
    cl_str line;
    uint64_t len;
    if (!next_line(input, at, &line))
        return false;
    if (line.len < 2 || line.ptr[0] != '$' ||
        !cl_str_to_u64(cl_str_part(line, 1, line.len), GEN_OUT_BYTES_MAX, &len))
        die("no string: %.*s", CL_STR_ARG(line));
    if (input.len < *at + len + 2)
        return false;
    *ret_string = cl_str_part(input, *at, len);
    *at += len + 2;
    return true;
}

/* An answer to PUBLISH is ":1", a message is ">3", "message", the subject and the message. */
static size_t
take_one(struct conn *conn, cl_str input)
{
    size_t at = 0;
    cl_str line, kind, subject, message;
    if (!next_line(input, &at, &line))
        return 0;
    if (cl_str_starts(line, CL_STR(":")) && !cl_str_eq(line, CL_STR(":0")))
        return at;
    if (!cl_str_eq(line, CL_STR(">3")))
        die("the server says: %.*s", CL_STR_ARG(line));
    if (!next_string(input, &at, &kind) || !next_string(input, &at, &subject) ||
        !next_string(input, &at, &message))
        return 0;
    conn->gen->job->take(conn, message);
    return at;
}

static void
take(struct conn *conn, char *bytes, size_t len)
{
    conn_take_each(conn, bytes, len, take_one);
}

const struct protocol protocol_redis = {.name = "redis", .greet = greet, .put = put, .take = take};

/* -- streams ------------------------------------------------------------------------------- */

static void
greet_store(struct conn *conn)
{
    conn_say(conn, "PING\r\n");
    (void)conn_hear(conn, CL_STR("+PONG\r\n"));
}

/* Each stream keeps its latest two thousand entries, or a few more. */
static void
put_store(struct conn *conn, cl_str subject, cl_str message)
{
    must(cl_buf_printf(&conn->out,
                       "*8\r\n$4\r\nXADD\r\n$%zu\r\n%.*s\r\n$6\r\nMAXLEN\r\n$1\r\n~\r\n"
                       "$4\r\n2000\r\n$1\r\n*\r\n$1\r\nm\r\n$%zu\r\n",
                       subject.len, CL_STR_ARG(subject), message.len));
    must(cl_buf_append(&conn->out, message));
    must(cl_buf_append(&conn->out, CL_STR("\r\n")));
}

static size_t
take_answer(struct conn *conn, cl_str input)
{
    size_t at = 0;
    cl_str id;
    if (!next_string(input, &at, &id))
        return 0;
    conn->gen->job->take(conn, id);
    return at;
}

static void
take_store(struct conn *conn, char *bytes, size_t len)
{
    conn_take_each(conn, bytes, len, take_answer);
}

const struct protocol protocol_redis_stream = {.name = "redis-stream",
                                               .greet = greet_store,
                                               .put = put_store,
                                               .take = take_store,
                                               .is_answering = true};
