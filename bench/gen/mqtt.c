// SPDX-License-Identifier: MIT
/*
 * bench/gen/mqtt.c - MQTT 3.1.1 with QoS 0: CONNECT, SUBSCRIBE, PUBLISH (chapters 3.1 to 3.8 of
 * the OASIS standard). Keep-alive is off.
 */
#include <string.h>

#include "bench/gen/gen.h"

#define KIND_PUBLISH 0x30

/* Section 2.2.3: seven bits to a byte, the lowest first. Returns the length. */
static size_t
write_length(size_t value, char bytes[static 4])
{
    size_t len = 0;
    do {
        bytes[len] = (char)(value & 0x7f);
        value >>= 7;
        if (value > 0)
            bytes[len] = (char)((unsigned char)bytes[len] | 0x80);
        len++;
    } while (value > 0);
    return len;
}

static void
say_packet(struct conn *conn, char kind, cl_str body)
{
    char length[4];
    size_t len = write_length(body.len, length);
    must(cl_buf_append_byte(&conn->out, kind));
    must(cl_buf_append(&conn->out, cl_str_of(length, len)));
    must(cl_buf_append(&conn->out, body));
    conn_flush(conn);
    if (conn->out.len > 0)
        die("cannot write");
}

static void
greet(struct conn *conn)
{
    char body[64] = "\0\4MQTT\4\2\0\0\0"; // clean session, no keep-alive
    size_t name_len = strlen(conn->name), subject_len = strlen(conn->subject);
    body[11] = (char)name_len;
    memcpy(body + 12, conn->name, name_len);
    say_packet(conn, 0x10, cl_str_of(body, 12 + name_len));
    (void)conn_hear(conn, CL_STR("\x20\2\0\0")); // CONNACK
    if (subject_len == 0)
        return;
    memcpy(body, "\0\1\0", 3); // packet 1
    body[3] = (char)subject_len;
    memcpy(body + 4, conn->subject, subject_len);
    body[4 + subject_len] = 0; // QoS
    say_packet(conn, (char)0x82, cl_str_of(body, 5 + subject_len));
    (void)conn_hear(conn, CL_STR("\x90\3\0\1\0")); // SUBACK
}

static void
put(struct conn *conn, cl_str subject, cl_str message)
{
    char length[4], subject_head[2] = {0, (char)subject.len};
    size_t len = write_length(2 + subject.len + message.len, length);
    must(cl_buf_append_byte(&conn->out, KIND_PUBLISH));
    must(cl_buf_append(&conn->out, cl_str_of(length, len)));
    must(cl_buf_append(&conn->out, cl_str_of(subject_head, 2)));
    must(cl_buf_append(&conn->out, subject));
    must(cl_buf_append(&conn->out, message));
}

static size_t
take_one(struct conn *conn, cl_str input)
{
    size_t len = 0, at = 1;
    unsigned char byte;
    do {
        if (at == input.len)
            return 0;
        byte = (unsigned char)input.ptr[at];
        len |= (size_t)(byte & 0x7f) << (7 * (at - 1));
        at++;
    } while ((byte & 0x80) != 0 && at < 5);
    if (input.len < at + len)
        return 0;
    if ((input.ptr[0] & 0xf0) != KIND_PUBLISH)
        die("an unexpected packet of kind %u", (unsigned char)input.ptr[0]);
    size_t subject_len = (size_t)(unsigned char)input.ptr[at + 1];
    if (len < 2 + subject_len)
        die("a broken packet");
    conn->gen->job->take(conn, cl_str_part(input, at + 2 + subject_len, len - 2 - subject_len));
    return at + len;
}

static void
take(struct conn *conn, char *bytes, size_t len)
{
    conn_take_each(conn, bytes, len, take_one);
}

const struct protocol protocol_mqtt = {.name = "mqtt", .greet = greet, .put = put, .take = take};
