// SPDX-License-Identifier: MIT
/*
 * tests/support/http_room.h - a server on a memory stream whose handler writes down what it hears.
 *
 * What happens is noted as one line of words, such as
 *     "head request written taken:acked closed"
 */
#ifndef TESTS_SUPPORT_HTTP_ROOM_H
#define TESTS_SUPPORT_HTTP_ROOM_H

#include "net/http_server.h"
#include "support/memory_stream.h"

struct http_room {
    struct cl_loop *loop;
    struct cl_http_server *server;
    struct memory_stream stream;
    struct cl_http_conn *conn; // good until "closed" was noted
    struct cl_ws_conn *ws;     // after an upgrade, until "ws-closed"
    char notes[4096];
    char body[70000]; // of the last request
    size_t body_len;
    /* How the handler behaves; zeros answer each request at once with 200 and "ok". */
    enum cl_err refuses; // in on_head, with this
    bool is_late;        // the test answers by itself
    bool upgrades;
    uint32_t track_ms;
    size_t piece_len; // bodies come in pieces of that length
    uint64_t length;  // of the answer's body, of which http_room_answer gives the beginning
    int turns;        // that ended since http_room_count_turns
    struct cl_http_server_options options; // changes before http_room_begin
};

/* False without memory; then there is nothing to be ended. */
bool http_room_begin(struct http_room *room);
void http_room_end(struct http_room *room);
void http_room_answer(struct http_room *room, cl_str body);
/* More of a body that is owed. */
void http_room_answer_more(struct http_room *room, cl_str part);
void http_room_upgrade(struct http_room *room);
void http_room_note(struct http_room *room, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* The peer sends, and all turns that this leads to pass. */
void http_room_put(struct http_room *room, const char *bytes);
/* So much time passes, and all turns that this leads to. */
void http_room_advance(struct http_room *room, int64_t ms);
void http_room_count_turns(struct http_room *room);
/* Takes a turn that waits. Does it come at once, rather than when the next timer rings? */
bool http_room_turns_at_once(struct http_room *room);
/* Is this text somewhere in what was written? */
bool http_room_has(const struct http_room *room, const char *text);
/* What was noted since the last call. */
cl_str http_room_notes(struct http_room *room);

#endif
