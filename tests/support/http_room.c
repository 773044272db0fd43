// SPDX-License-Identifier: MIT
#include "support/http_room.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/assert.h"
#include "base/clock.h"

void
http_room_note(struct http_room *room, const char *format, ...)
{
    size_t len = strlen(room->notes);
    CL_ASSERT(len < sizeof room->notes - 100);
    if (len > 0)
        room->notes[len++] = ' ';
    va_list args;
    va_start(args, format);
    (void)vsnprintf(room->notes + len, sizeof room->notes - len, format, args);
    va_end(args);
}

static void
on_message(void *ctx, struct cl_ws_conn *ws, bool is_text, cl_str message)
{
    (void)ws;
    http_room_note(ctx, "%s:%.*s", is_text ? "text" : "binary", CL_STR_ARG(message));
}

static void
on_pong(void *ctx, struct cl_ws_conn *ws, cl_str payload)
{
    (void)ws;
    http_room_note(ctx, "pong:%.*s", CL_STR_ARG(payload));
}

static void
on_ws_closed(void *ctx, struct cl_ws_conn *ws, uint16_t code)
{
    (void)ws;
    struct http_room *room = ctx;
    room->ws = NULL;
    http_room_note(room, "ws-closed:%u", code);
}

static const struct cl_ws_handler ws_handler = {
    .on_message = on_message, .on_pong = on_pong, .on_closed = on_ws_closed};

void
http_room_answer(struct http_room *room, cl_str body)
{
    struct cl_part part = cl_part_of(body);
    struct cl_http_answer answer = {.status = 200,
                                    .media_type = CL_STR("text/plain"),
                                    .parts = &part,
                                    .parts_len = 1,
                                    .length = room->length,
                                    .track_ms = room->track_ms};
    cl_http_answer(room->conn, &answer);
}

void
http_room_answer_more(struct http_room *room, cl_str part)
{
    struct cl_part more = cl_part_of(part);
    cl_http_answer_more(room->conn, &more);
}

void
http_room_upgrade(struct http_room *room)
{
    if (cl_http_upgrade(room->conn, &ws_handler, room, &room->ws) == CL_OK)
        room->conn = NULL;
}

static void
on_head(void *ctx, struct cl_http_conn *conn, const struct cl_http_head *head)
{
    struct http_room *room = ctx;
    room->conn = conn;
    http_room_note(room, "head");
    (void)head;
    if (room->refuses != CL_OK)
        cl_http_refuse(conn, room->refuses, CL_STR("not here"));
    else if (room->piece_len > 0)
        cl_http_take_pieces(conn, room->piece_len);
}

static void
on_piece(void *ctx, struct cl_http_conn *conn, cl_str piece)
{
    (void)conn;
    if (piece.len < 20)
        http_room_note(ctx, "[%.*s]", CL_STR_ARG(piece));
}

static void
on_request(void *ctx, struct cl_http_conn *conn, const struct cl_http_head *head, cl_str body)
{
    struct http_room *room = ctx;
    (void)conn;
    CL_ASSERT(body.len <= sizeof room->body);
    if (body.len > 0)
        memcpy(room->body, body.ptr, body.len);
    room->body_len = body.len;
    http_room_note(room, "%.*s", CL_STR_ARG(head->path));
    if (room->upgrades) {
        http_room_upgrade(room);
    } else if (!room->is_late) {
        http_room_answer(room, CL_STR("ok"));
    }
}

static void
on_eof(void *ctx, struct cl_http_conn *conn)
{
    (void)conn;
    http_room_note(ctx, "eof");
}

static void
on_answer_more(void *ctx, struct cl_http_conn *conn)
{
    (void)conn;
    http_room_note(ctx, "more");
}

static void
on_answer_written(void *ctx, struct cl_http_conn *conn)
{
    (void)conn;
    http_room_note(ctx, "written");
}

static void
on_answer_taken(void *ctx, struct cl_http_conn *conn, enum cl_http_proof proof)
{
    static const char *const names[] = {[CL_HTTP_PROOF_REQUEST] = "request",
                                        [CL_HTTP_PROOF_EOF] = "eof",
                                        [CL_HTTP_PROOF_ACKED] = "acked"};
    (void)conn;
    http_room_note(ctx, "taken:%s", names[proof]);
}

static void
on_answer_lost(void *ctx, struct cl_http_conn *conn)
{
    (void)conn;
    http_room_note(ctx, "lost");
}

static void
on_closed(void *ctx, struct cl_http_conn *conn)
{
    (void)conn;
    struct http_room *room = ctx;
    room->conn = NULL;
    http_room_note(room, "closed");
}

static const struct cl_http_handler handler = {
    .on_head = on_head,
    .on_request = on_request,
    .on_piece = on_piece,
    .on_eof = on_eof,
    .on_answer_more = on_answer_more,
    .on_answer_written = on_answer_written,
    .on_answer_taken = on_answer_taken,
    .on_answer_lost = on_answer_lost,
    .on_closed = on_closed,
};

bool
http_room_begin(struct http_room *room)
{
    if (cl_loop_new(&room->loop) != CL_OK)
        return false;
    memory_loop_clock(room->loop);
    room->options.handler = &handler;
    room->options.ctx = room;
    if (cl_http_server_new(room->loop, &room->options, &room->server) != CL_OK) {
        cl_loop_free(room->loop);
        return false;
    }
    memory_stream_init(&room->stream, room->loop);
    cl_http_server_take(room->server, &room->stream.stream);
    return true;
}

void
http_room_end(struct http_room *room)
{
    cl_http_server_free(room->server);
    cl_loop_free(room->loop);
}

void
http_room_put(struct http_room *room, const char *bytes)
{
    memory_stream_put(&room->stream, cl_str_z(bytes));
    memory_stream_run(&room->stream);
}

void
http_room_advance(struct http_room *room, int64_t ms)
{
    memory_loop_advance(room->loop, ms);
    memory_stream_run(&room->stream);
}

static void
count_turn(void *room)
{
    ((struct http_room *)room)->turns++;
}

void
http_room_count_turns(struct http_room *room)
{
    cl_loop_on_turn_end(room->loop, count_turn, room);
}

static void
ignore_timer(struct cl_timer *timer)
{
    (void)timer;
}

bool
http_room_turns_at_once(struct http_room *room)
{
    struct cl_timer timer;
    cl_timer_init(&timer, ignore_timer);
    cl_loop_timer_start(room->loop, &timer, cl_instant_add(cl_loop_now(room->loop), 300));
    cl_instant start = cl_clock_monotonic();
    cl_loop_turn(room->loop, true);
    bool is_at_once = cl_clock_monotonic().ms < start.ms + 200;
    cl_loop_timer_stop(room->loop, &timer);
    return is_at_once;
}

bool
http_room_has(const struct http_room *room, const char *text)
{
    cl_str written = memory_stream_written(&room->stream);
    size_t len = strlen(text);
    for (size_t at = 0; at + len <= written.len; at++)
        if (memcmp(written.ptr + at, text, len) == 0)
            return true;
    return false;
}

cl_str
http_room_notes(struct http_room *room)
{
    static char taken[sizeof room->notes];
    memcpy(taken, room->notes, sizeof taken);
    room->notes[0] = '\0';
    return cl_str_z(taken);
}
