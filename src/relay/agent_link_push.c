// SPDX-License-Identifier: MIT
/*
 * From a desk to the connections that its agent may be behind. A client drops silently what is for
 * another agent. So a message goes to the connections that its agent has spoken on, and to those on
 * which nobody has. If it has never spoken on any, or where agents share connections, it goes to
 * all while there is none that it has spoken on. What proves it is a pong of one that it has spoken
 * on, or, where there is none, the first pong.
 */
#include <string.h>

#include "base/alloc.h"
#include "proto/v2_bridge.h"
#include "relay/agent_link.h"
#include "relay/state.h"
#include "relay/v2.h"
#include "wire/json.h"

/* With more on its way to a connection, no desk takes more for it. */
#define HELD_BYTES  CL_MIB
#define PROOF_BYTES 8

#define TOO_LARGE "it does not fit into a frame of Agent Link"

/* -- what is out ------------------------------------------------------------------------------- */

static void
copy_free(struct cl_al_copy *copy)
{
    cl_list_remove(&copy->of_push);
    cl_list_remove(&copy->of_conn);
    copy->push->voiced -= copy->is_voiced;
    cl_free(copy);
}

static void
push_free(struct cl_al_push *push)
{
    CL_LIST_EACH(&push->copies, at)
    {
        copy_free(CL_LIST_ENTRY(at, struct cl_al_copy, of_push));
    }
    cl_list_remove(&push->link);
    cl_free(push);
}

void
cl_al_forget_pushes(struct cl_al_desk *desk)
{
    CL_LIST_EACH(&desk->pushes, at)
    {
        push_free(CL_LIST_ENTRY(at, struct cl_al_push, link));
    }
}

static enum cl_err
add_copy(struct cl_al_push *push, struct cl_al_conn *conn, bool is_voiced)
{
    struct cl_al_copy *copy = cl_alloc(sizeof *copy);
    if (copy == NULL)
        return CL_ERR_NO_MEMORY;
    cl_link_init(&copy->of_push);
    cl_link_init(&copy->of_conn);
    copy->push = push;
    copy->proof = conn->proof + 1;
    copy->since = cl_loop_now(conn->relay->loop);
    copy->is_voiced = is_voiced;
    push->voiced += is_voiced;
    cl_list_append(&push->copies, &copy->of_push);
    cl_list_append(&conn->copies, &copy->of_conn);
    return CL_OK;
}

static void
settle(struct cl_al_desk *desk, struct cl_range at, bool refuses)
{
    struct cl_command draft = {.kind = CL_COMMAND_SETTLE_RANGES,
                               .settle_ranges = {.holder = desk->peer.handle,
                                                 .rung = CL_RUNG_DELIVERED,
                                                 .proof = CL_PROOF_PONG,
                                                 .refuses = refuses,
                                                 .ranges = {&at, 1}}};
    desk->relay->asking = (struct cl_asking){.reason = refuses ? CL_STR(TOO_LARGE) : CL_STR("")};
    cl_err_ignore(cl_relay_session(desk->relay, &draft)); // what it holds no more proves nothing
    desk->relay->asking = (struct cl_asking){0};
}

static void
release(struct cl_al_desk *desk, struct cl_range at)
{
    struct cl_command draft = {.kind = CL_COMMAND_RELEASE,
                               .release = {.holder = desk->peer.handle, .ranges = {&at, 1}}};
    cl_err_ignore(cl_relay_session(desk->relay, &draft));
}

/* Has it become clear what became of it? The push is gone then. */
static void
look_at(struct cl_al_push *push, bool is_proven)
{
    struct cl_al_desk *desk = push->desk;
    struct cl_range at = push->at;
    if (!is_proven && !cl_list_is_empty(&push->copies))
        return;
    push_free(push);
    if (is_proven)
        settle(desk, at, false);
    else
        release(desk, at);
}

void
cl_al_prove(struct cl_al_conn *conn, uint64_t proof)
{
    struct cl_link *first;
    while ((first = cl_list_first(&conn->copies)) != NULL) {
        struct cl_al_copy *copy = CL_LIST_ENTRY(first, struct cl_al_copy, of_conn);
        struct cl_al_push *push = copy->push;
        if (copy->proof > proof)
            return;
        bool is_proven = copy->is_voiced || push->voiced == 0;
        copy_free(copy);
        look_at(push, is_proven);
    }
}

void
cl_al_unpush(struct cl_al_conn *conn)
{
    struct cl_link *first;
    while ((first = cl_list_first(&conn->copies)) != NULL) {
        struct cl_al_copy *copy = CL_LIST_ENTRY(first, struct cl_al_copy, of_conn);
        struct cl_al_push *push = copy->push;
        copy_free(copy);
        look_at(push, false);
    }
}

/* -- texts ------------------------------------------------------------------------------------- */

/* The value of the one member that v1 shows a message in, as text. */
static enum cl_err
text_of_members(struct cl_relay *relay, cl_str members, cl_str *ret_text)
{
    struct cl_json_cursor cursor;
    struct cl_json_member member;
    cl_json_cursor_init(&cursor, members);
    while (cl_json_cursor_next(&cursor, &member)) {
        if (!cl_str_eq(member.name, CL_STR("task")) && !cl_str_eq(member.name, CL_STR("result")) &&
            !cl_str_eq(member.name, CL_STR("content")))
            continue;
        if (member.type == CL_JSON_STRING)
            return cl_json_string(member.value, &relay->arena, ret_text);
        *ret_text = member.value;
        return CL_OK;
    }
    *ret_text = members;
    return CL_OK;
}

static enum cl_err
put_frame(struct cl_al_desk *desk, const struct cl_msg *msg, cl_str text)
{
    struct cl_relay *relay = desk->relay;
    struct cl_buf *frame = &relay->agent_link->frame;
    struct cl_agent_link_note note = {
        .type = CL_AGENT_LINK_MESSAGE, .to = cl_desk_agent(desk), .message = text};
    enum cl_err err = cl_address_of_id(msg->from, &relay->arena, &note.from);
    cl_buf_clear(frame);
    return err == CL_OK ? cl_agent_link_put_note(&note, frame) : err;
}

/* The frame of a message, in al->frame. CL_ERR_TOO_LARGE: it will never fit. */
static enum cl_err
write_frame(struct cl_al_desk *desk, const struct cl_msg *msg)
{
    struct cl_relay *relay = desk->relay;
    struct cl_envelope_reader reader = cl_v2_reader(relay);
    struct cl_v2_content content;
    struct cl_msg seen;
    cl_str text;
    if (msg->media != CL_MEDIA_ENVELOPE) {
        enum cl_err err = cl_v1_content(&reader, msg, &relay->content, &content);
        return err == CL_OK ? put_frame(desk, msg, content.body) : err;
    }
    enum cl_err err = cl_v2_as_v1(relay, msg, &seen);
    if (err != CL_OK)
        return err;
    err = text_of_members(relay, cl_body_str(seen.body), &text);
    if (err == CL_OK)
        err = put_frame(desk, msg, text);
    cl_body_unref(seen.body);
    return err;
}

/* -- pushing ----------------------------------------------------------------------------------- */

static bool
has_spoken_on(const struct cl_al_desk *desk, const struct cl_al_conn *conn)
{
    CL_LIST_EACH(&desk->voices, at)
    {
        if (CL_LIST_ENTRY(at, struct cl_al_voice, of_desk)->conn == conn)
            return true;
    }
    return false;
}

static bool
is_target(const struct cl_al_desk *desk, const struct cl_al_conn *conn)
{
    bool may_be_any = !desk->has_voice || desk->instance->shares_conns;
    return cl_ws_is_open(conn->ws) &&
           (cl_list_is_empty(&conn->voices) || has_spoken_on(desk, conn) ||
            (may_be_any && cl_list_is_empty(&desk->voices)));
}

static void
cut(struct cl_al_conn *conn, const char *code)
{
    conn->relay->readers_cut++;
    cl_log_warn(&conn->relay->config.log, "agent_link.cut",
                CL_F("instance", cl_al_instance_id(conn->instance)), CL_F("code", code));
    cl_ws_cut(conn->ws);
}

/* One frame to one connection; one that cannot take it is cut, and gives back what it has. */
static void
push_to(struct cl_al_push *push, struct cl_al_conn *conn)
{
    struct cl_part part = cl_part_of(cl_buf_str(&conn->relay->agent_link->frame));
    enum cl_err err = add_copy(push, conn, has_spoken_on(push->desk, conn));
    if (err == CL_OK)
        err = cl_ws_send_text(conn->ws, &part, 1);
    if (err != CL_OK)
        cut(conn, cl_err_wire(err));
}

/* CL_ERR_TOO_LARGE: no frame holds it. CL_ERR_NO_MEMORY. */
static enum cl_err
push_message(struct cl_al_desk *desk, const struct cl_msg *msg, struct cl_range at)
{
    enum cl_err err = write_frame(desk, msg);
    cl_arena_clear(&desk->relay->arena);
    if (err != CL_OK)
        return err == CL_ERR_MALFORMED ? CL_ERR_TOO_LARGE : err; // neither ever fits
    struct cl_al_push *push = cl_alloc(sizeof *push);
    if (push == NULL)
        return CL_ERR_NO_MEMORY;
    push->desk = desk;
    push->at = at;
    cl_list_init(&push->copies);
    cl_link_init(&push->link);
    cl_list_append(&desk->pushes, &push->link);
    CL_LIST_EACH(&desk->instance->conns, each)
    {
        struct cl_al_conn *conn = CL_LIST_ENTRY(each, struct cl_al_conn, mate);
        if (is_target(desk, conn))
            push_to(push, conn);
    }
    if (!cl_list_is_empty(&push->copies))
        return CL_OK;
    push_free(push);
    return CL_ERR_NO_MEMORY;
}

/* Behind what was pushed to a connection in this turn. */
static void
ask_proofs(struct cl_al_desk *desk)
{
    CL_LIST_EACH(&desk->instance->conns, at)
    {
        struct cl_al_conn *conn = CL_LIST_ENTRY(at, struct cl_al_conn, mate);
        struct cl_link *last = cl_list_last(&conn->copies);
        char proof[PROOF_BYTES];
        if (last == NULL || CL_LIST_ENTRY(last, struct cl_al_copy, of_conn)->proof <= conn->proof)
            continue;
        conn->proof++;
        for (unsigned i = 0; i < PROOF_BYTES; i++)
            proof[i] = (char)(conn->proof >> (8 * i) & 0xff);
        if (cl_ws_ping(conn->ws, cl_str_of(proof, sizeof proof)) == CL_ERR_NO_MEMORY)
            cl_ws_cut(conn->ws);
    }
}

/* So short of memory is the machine: what they have comes back when they have gone. */
static void
cut_all(const struct cl_al_instance *instance, enum cl_err err)
{
    CL_LIST_EACH(&instance->conns, at)
    {
        cut(CL_LIST_ENTRY(at, struct cl_al_conn, mate), cl_err_wire(err));
    }
}

void
cl_al_cut_silent(struct cl_agent_link *al)
{
    cl_instant now = cl_loop_now(al->relay->loop);
    CL_LIST_EACH(&al->conns, at)
    {
        struct cl_al_conn *conn = CL_LIST_ENTRY(at, struct cl_al_conn, link);
        struct cl_link *first = cl_list_first(&conn->copies);
        if (first != NULL &&
            cl_instant_add(CL_LIST_ENTRY(first, struct cl_al_copy, of_conn)->since, CL_AL_PROOF_MS)
                    .ms <= now.ms)
            cut(conn, "no_pong");
    }
}

/* Places of messages that no frame holds. */
struct refused {
    struct cl_range at[CL_CREDIT_MESSAGES];
    uint32_t len;
};

static void
push_batch(struct cl_al_desk *desk, const struct cl_batch *batch, struct refused *refused)
{
    for (uint32_t i = 0; i < batch->len; i++) {
        struct cl_range at = cl_batch_at(batch, i);
        enum cl_err err = push_message(desk, batch->msgs[i], at);
        if (err == CL_ERR_TOO_LARGE)
            refused->at[refused->len++] = at;
        else if (err != CL_OK)
            cut_all(desk->instance, err);
    }
    desk->relay->pushed += batch->len;
}

static bool
is_behind(const struct cl_al_desk *desk)
{
    CL_LIST_EACH(&desk->instance->conns, at)
    {
        const struct cl_al_conn *conn = CL_LIST_ENTRY(at, struct cl_al_conn, mate);
        if (is_target(desk, conn) && cl_ws_waiting(conn->ws) > HELD_BYTES)
            return true;
    }
    return false;
}

bool
cl_desk_has_target(const struct cl_al_desk *desk)
{
    CL_LIST_EACH(&desk->instance->conns, at)
    {
        if (is_target(desk, CL_LIST_ENTRY(at, struct cl_al_conn, mate)))
            return true;
    }
    return false;
}

bool
cl_desk_pump(struct cl_al_desk *desk)
{
    struct cl_relay *relay = desk->relay;
    struct refused refused = {.len = 0};
    desk->is_held = is_behind(desk);
    if (desk->is_held || !cl_desk_has_target(desk))
        return false;
    enum cl_err err =
        cl_session_take(relay->session, relay->core, desk->peer.handle, &relay->batch);
    if (err != CL_OK || relay->batch.number == 0)
        return false;
    relay->agent_link->has_content = true;
    push_batch(desk, &relay->batch, &refused);
    ask_proofs(desk);
    // The batch is not looked at any more: this changes the session.
    for (uint32_t i = 0; i < refused.len; i++)
        settle(desk, refused.at[i], true);
    return true;
}

void
cl_al_go_on(struct cl_al_conn *conn)
{
    if (conn->instance == NULL)
        return;
    CL_LIST_EACH(&conn->instance->desks, at)
    {
        struct cl_al_desk *desk = CL_LIST_ENTRY(at, struct cl_al_desk, link);
        if (!desk->is_open || !desk->is_held)
            continue;
        desk->is_held = false;
        cl_relay_mark_ready(conn->relay, cl_desk_agent(desk));
        cl_loop_again(conn->relay->loop);
    }
}
