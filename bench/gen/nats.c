// SPDX-License-Identifier: MIT
/*
 * bench/gen/nats.c - NATS core: PUB and SUB. The payload is never looked at by the server. And
 * JetStream: each message is published with a subject for the answer, which says that it is stored.
 */
#include <stdio.h>
#include <string.h>

#include "bench/gen/gen.h"

static void
greet(struct conn *conn)
{
    cl_str info = conn_hear(conn, CL_STR("\r\n"));
    if (!cl_str_starts(info, CL_STR("INFO ")))
        die("not nats: %.*s", CL_STR_ARG(info));
    conn_say(conn, "CONNECT {\"verbose\":false,\"pedantic\":false}\r\n");
    if (conn->subject[0] != '\0')
        conn_say(conn, "SUB %s 1\r\n", conn->subject);
    conn_say(conn, "PING\r\n");
    (void)conn_hear(conn, CL_STR("PONG\r\n"));
}

static void
put(struct conn *conn, cl_str subject, cl_str message)
{
    must(cl_buf_printf(&conn->out, "PUB %.*s %zu\r\n", CL_STR_ARG(subject), message.len));
    must(cl_buf_append(&conn->out, message));
    must(cl_buf_append(&conn->out, CL_STR("\r\n")));
}

/* One line, and the payload that it announces. */
static size_t
take_one(struct conn *conn, cl_str input)
{
    size_t line = cl_str_find(input, '\n');
    if (line == input.len)
        return 0;
    cl_str words = cl_str_part(input, 0, line - 1);
    line++;
    if (cl_str_eq(words, CL_STR("PING"))) {
        must(cl_buf_append(&conn->out, CL_STR("PONG\r\n")));
        return line;
    }
    if (!cl_str_starts(words, CL_STR("MSG "))) {
        if (cl_str_starts(words, CL_STR("-ERR")))
            die("the server says: %.*s", CL_STR_ARG(words));
        return line; // INFO, PONG
    }
    uint64_t len;
    cl_str word, rest = words;
    while (cl_str_split(rest, ' ', &word, &rest))
        continue;
    if (!cl_str_to_u64(word, GEN_OUT_BYTES_MAX, &len))
        die("no length: %.*s", CL_STR_ARG(words));
    if (input.len < line + len + 2)
        return 0;
    conn->gen->job->take(conn, cl_str_part(input, line, len));
    return line + len + 2;
}

static void
take(struct conn *conn, char *bytes, size_t len)
{
    conn_take_each(conn, bytes, len, take_one);
}

const struct protocol protocol_nats = {.name = "nats", .greet = greet, .put = put, .take = take};

/* -- JetStream ----------------------------------------------------------------------------- */

/* One stream for all subjects, in files; it keeps the latest hundred thousand messages. */
static void
make_stream(struct gen *gen)
{
    static const char stream[] =
        "{\"name\":\"BENCH\",\"subjects\":[\"bench.*\"],\"retention\":\"limits\","
        "\"storage\":\"file\",\"discard\":\"old\",\"max_msgs\":100000,\"num_replicas\":1}";
    struct conn conn = {.gen = gen, .subject = "_made"};
    cl_buf_init(&conn.in, GEN_OUT_BYTES_MAX);
    conn_dial(&conn);
    greet(&conn);
    conn_say(&conn, "PUB $JS.API.STREAM.CREATE.BENCH _made %zu\r\n%s\r\n", sizeof stream - 1,
             stream);
    (void)conn_hear(&conn, CL_STR("\"did_create\":true"));
    cl_buf_done(&conn.in);
    conn_hang_up(&conn);
}

static void
greet_store(struct conn *conn)
{
    (void)snprintf(conn->subject, GEN_NAME_CAP, "_%.14s", conn->name);
    greet(conn);
}

static void
put_store(struct conn *conn, cl_str subject, cl_str message)
{
    must(cl_buf_printf(&conn->out, "PUB bench.%.*s %s %zu\r\n", CL_STR_ARG(subject), conn->subject,
                       message.len));
    must(cl_buf_append(&conn->out, message));
    must(cl_buf_append(&conn->out, CL_STR("\r\n")));
}

const struct protocol protocol_jetstream = {.name = "jetstream",
                                            .prepare = make_stream,
                                            .greet = greet_store,
                                            .put = put_store,
                                            .take = take,
                                            .is_answering = true};
