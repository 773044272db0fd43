// SPDX-License-Identifier: MIT
#include <string.h>

#include "proto/v2_bridge.h"
#include "relay/blob.h"
#include "relay/state.h"
#include "relay/v2.h"

/* Receipts in one note. */
#define RECEIPTS_IN_NOTE 32
/* With more on its way to a connection its agents take nothing: each of them has a credit of its
 * own, and many of them together would have the connection cut. */
#define HELD_BYTES CL_MIB
/* While more than that waits for its reader, receipts do too: a sender that was away has up to
 * CL_RECEIPTS_MAX of them, more than a connection may have on its way. */
#define TELLING_BYTES_MAX (256 * CL_KIB)

/* Too slow a reader, or a machine too short of memory: what it has not acknowledged is offered
 * again, and its receipts are told behind its next cursor. */
static void
cut(struct cl_seat *seat, enum cl_err err)
{
    struct cl_relay *relay = seat->conn->relay;
    if (err == CL_ERR_CLOSED)
        return;
    relay->readers_cut++;
    cl_log_warn(&relay->config.log, "v2.cut", CL_F("agent", cl_seat_agent(seat)),
                CL_F("code", cl_err_wire(err)));
    cl_ws_cut(seat->conn->ws);
}

/* -- messages ---------------------------------------------------------------------------------- */

struct cl_v2_added
cl_v2_added_of(struct cl_relay *relay, const struct cl_msg *msg, struct cl_v2_chain *chain)
{
    struct cl_v2_added added = {.accepted = (uint64_t)msg->created.ms,
                                .trust = (uint8_t)msg->trust,
                                .attempts = msg->attempts};
    if (cl_id_is_none(msg->root))
        return added;
    *chain = (struct cl_v2_chain){.root = msg->root,
                                  .hops = msg->hops,
                                  .count = cl_core_chain_messages(relay->core, msg->root)};
    added.chain = chain;
    return added;
}

enum cl_err
cl_v2_envelope(struct cl_relay *relay, cl_str receiver, const struct cl_msg *msg, cl_str *ret_text)
{
    struct cl_envelope_reader reader = cl_v2_reader(relay);
    struct cl_v1_shown shown = {.msg = msg, .receiver = receiver};
    *ret_text = cl_body_str(msg->body);
    if (msg->media == CL_MEDIA_ENVELOPE)
        return CL_OK;
    enum cl_err err = cl_v1_content(&reader, msg, &relay->content, &shown.content);
    cl_buf_clear(&relay->envelope);
    if (err == CL_OK)
        err = cl_blob_show(relay, msg, &shown.content);
    if (err == CL_OK)
        err = cl_v1_to_v2(&reader, &shown, &relay->envelope, NULL);
    *ret_text = cl_buf_str(&relay->envelope);
    return err;
}

/* What its sender has said of the message that it answers. */
static struct cl_v2_claim
claim_of(const struct cl_relay *relay, const struct cl_msg *msg)
{
    const struct cl_receipt *receipt =
        cl_id_is_none(msg->re) ? NULL : cl_core_receipt(relay->core, msg->re);
    if ((msg->re_rung | msg->re_outcome) != 0)
        return (struct cl_v2_claim){.rung = (enum cl_rung)msg->re_rung,
                                    .outcome = (enum cl_v2_outcome)msg->re_outcome};
    if (receipt == NULL || !cl_str_eq(receipt->to, msg->from))
        return (struct cl_v2_claim){.rung = CL_RUNG_ACCEPTED};
    return (struct cl_v2_claim){.rung = receipt->rung,
                                .outcome = (enum cl_v2_outcome)receipt->outcome};
}

enum cl_err
cl_v2_as_v1(struct cl_relay *relay, const struct cl_msg *msg, struct cl_msg *ret_msg)
{
    struct cl_envelope_reader reader = cl_v2_reader(relay);
    const struct cl_v2_shown shown = {.msg = msg, .claim = claim_of(relay, msg)};
    enum cl_err err = msg->blob == NULL ? cl_v2_to_v1(&reader, &shown, ret_msg, NULL)
                                        : cl_blob_as_v1(relay, &shown, ret_msg);
    cl_arena_clear(&relay->arena);
    return err;
}

enum cl_err
cl_v2_show(struct cl_relay *relay, cl_str receiver, const struct cl_msg *msg, struct cl_range at,
           struct cl_v2_view *ret_view)
{
    cl_str text;
    enum cl_err err = cl_v2_envelope(relay, receiver, msg, &text);
    ret_view->added = cl_v2_added_of(relay, msg, &ret_view->chain);
    ret_view->letter = (struct cl_v2_letter){.at = at, .relay = &ret_view->added};
    if (err == CL_OK)
        ret_view->letter.envelope = cl_envelope_split(text);
    return err;
}

static enum cl_err
push_message(struct cl_seat *seat, const struct cl_msg *msg, struct cl_range at)
{
    struct cl_relay *relay = seat->conn->relay;
    struct cl_v2_chain chain;
    struct cl_v2_added added = cl_v2_added_of(relay, msg, &chain);
    const struct cl_v2_message note = {.agent = cl_seat_agent(seat), .at = at, .relay = &added};
    struct cl_part parts[3];
    cl_str text;
    enum cl_err err = cl_v2_envelope(relay, cl_seat_agent(seat), msg, &text);
    cl_buf_clear(&relay->text);
    if (err == CL_OK)
        err = cl_v2_encode_message_head(&note, &relay->text);
    if (err != CL_OK)
        return err;
    parts[0] = cl_part_of(cl_buf_str(&relay->text));
    parts[1] = msg->media == CL_MEDIA_ENVELOPE ? cl_part_of_body(msg->body) : cl_part_of(text);
    parts[2] = cl_part_of(CL_STR(CL_V2_MESSAGE_TAIL));
    return cl_ws_send_text(seat->conn->ws, parts, 3);
}

static enum cl_err
push_batch(struct cl_seat *seat, const struct cl_batch *batch)
{
    enum cl_err err = CL_OK;
    for (uint32_t i = 0; err == CL_OK && i < batch->len; i++) {
        const struct cl_msg *msg = batch->msgs[i];
        err = push_message(seat, msg, cl_batch_at(batch, i));
    }
    cl_arena_clear(&seat->conn->relay->arena);
    seat->conn->relay->pushed += batch->len;
    return err;
}

bool
cl_seat_pump(struct cl_seat *seat)
{
    struct cl_relay *relay = seat->conn->relay;
    if (seat->is_quiet || !seat->is_attached || !cl_ws_is_open(seat->conn->ws))
        return false;
    seat->is_held = cl_ws_waiting(seat->conn->ws) > HELD_BYTES;
    if (seat->is_held)
        return false;
    enum cl_err err =
        cl_session_take(relay->session, relay->core, seat->peer.handle, &relay->batch);
    bool took = err == CL_OK && relay->batch.number != 0;
    if (took)
        err = push_batch(seat, &relay->batch);
    if (err == CL_OK)
        return took;
    cut(seat, err);
    return false;
}

/* -- receipts ---------------------------------------------------------------------------------- */

struct note {
    struct cl_v2_receipt receipts[RECEIPTS_IN_NOTE];
    struct cl_v2_step steps[RECEIPTS_IN_NOTE][CL_RUNG_COUNT];
    struct cl_v2_ending endings[RECEIPTS_IN_NOTE];
    uint32_t len;
};

static enum cl_err
add_steps(struct cl_relay *relay, const struct cl_receipt *receipt, struct cl_v2_step *steps,
          cl_items *ret_items)
{
    uint32_t len = 0;
    enum cl_err err = CL_OK;
    for (unsigned rung = 0; rung < CL_RUNG_COUNT && err == CL_OK; rung++) {
        if (!cl_receipt_has_reached(receipt, (enum cl_rung)rung))
            continue;
        struct cl_v2_step *step = &steps[len++];
        *step = (struct cl_v2_step){.rung = (uint8_t)rung,
                                    .at = (uint64_t)receipt->rungs[rung].at.ms,
                                    .proof = (uint8_t)(1 + receipt->rungs[rung].proof)};
        err = cl_address_of_id(cl_receipt_author(receipt, (enum cl_rung)rung), &relay->arena,
                               &step->by);
    }
    *ret_items = (cl_items){steps, len};
    return err;
}

enum cl_err
cl_v2_describe(struct cl_relay *relay, const struct cl_receipt *receipt,
               struct cl_v2_step steps[static CL_RUNG_COUNT], struct cl_v2_ending *ending,
               struct cl_v2_receipt *ret_receipt)
{
    *ret_receipt = (struct cl_v2_receipt){.version = receipt->version, .id = receipt->id};
    enum cl_err err = add_steps(relay, receipt, steps, &ret_receipt->rungs);
    if (err != CL_OK || receipt->outcome == CL_OUTCOME_NONE)
        return err;
    *ending = (struct cl_v2_ending){.outcome = (uint8_t)receipt->outcome,
                                    .at = (uint64_t)receipt->outcome_at.ms,
                                    .reason = cl_receipt_reason(receipt)};
    ret_receipt->ended = ending;
    return cl_address_of_id(cl_receipt_judge(receipt), &relay->arena, &ending->by);
}

static enum cl_err
send_note(struct cl_seat *seat, struct note *note)
{
    struct cl_relay *relay = seat->conn->relay;
    const struct cl_v2_receipts params = {.agent = cl_seat_agent(seat),
                                          .receipts = {note->receipts, note->len}};
    cl_buf_clear(&relay->text);
    enum cl_err err = cl_v2_encode_note(CL_V2_NOTE_RECEIPT, &params, &relay->text);
    struct cl_part part = cl_part_of(cl_buf_str(&relay->text));
    note->len = 0;
    return err == CL_OK ? cl_ws_send_text(seat->conn->ws, &part, 1) : err;
}

/* Else nobody has moved it since the answer to its send. */
static bool
is_news(const struct cl_receipt *receipt)
{
    return receipt->rung > CL_RUNG_ACCEPTED || receipt->outcome != CL_OUTCOME_NONE ||
           cl_receipt_was_reopened(receipt);
}

static void
tell(struct cl_seat *seat)
{
    struct note note;
    struct cl_relay *relay = seat->conn->relay;
    const struct cl_receipt *receipt =
        cl_core_receipts(relay->core, cl_seat_agent(seat), seat->told);
    enum cl_err err = CL_OK;
    note.len = 0;
    for (; receipt != NULL && err == CL_OK; receipt = cl_core_receipts_next(receipt)) {
        seat->is_behind = cl_ws_waiting(seat->conn->ws) > TELLING_BYTES_MAX;
        if (seat->is_behind)
            break;
        seat->told = receipt->version;
        if (!is_news(receipt))
            continue;
        err = cl_v2_describe(relay, receipt, note.steps[note.len], &note.endings[note.len],
                             &note.receipts[note.len]);
        if (err == CL_OK && ++note.len == RECEIPTS_IN_NOTE)
            err = send_note(seat, &note);
    }
    if (err == CL_OK && note.len > 0)
        err = send_note(seat, &note);
    cl_arena_clear(&relay->arena);
    if (err != CL_OK)
        cut(seat, err);
}

void
cl_v2_mark_telling(struct cl_relay *relay, cl_str agent)
{
    struct cl_seat *first = cl_map_get(&relay->seats, agent), *seat = first;
    while (seat != NULL) {
        if (!cl_link_is_linked(&seat->telling))
            cl_list_append(&relay->telling, &seat->telling);
        seat = CL_LIST_ENTRY(seat->twin.next, struct cl_seat, twin);
        if (seat == first)
            break;
    }
}

void
cl_v2_go_on(struct cl_v2_conn *conn)
{
    struct cl_relay *relay = conn->relay;
    CL_LIST_EACH(&conn->seats, at)
    {
        struct cl_seat *seat = CL_LIST_ENTRY(at, struct cl_seat, peer.link);
        if (seat->is_held) {
            seat->is_held = false;
            cl_relay_mark_ready(relay, cl_seat_agent(seat));
            cl_loop_again(relay->loop);
        }
        if (!seat->is_behind)
            continue;
        seat->is_behind = false;
        if (!cl_link_is_linked(&seat->telling))
            cl_list_append(&relay->telling, &seat->telling);
        cl_loop_again(relay->loop);
    }
}

void
cl_v2_tell(struct cl_relay *relay)
{
    struct cl_link *at;
    while ((at = cl_list_first(&relay->telling)) != NULL) {
        struct cl_seat *seat = CL_LIST_ENTRY(at, struct cl_seat, telling);
        cl_list_remove(at);
        if (seat->is_attached) // else it is told when it is
            tell(seat);
    }
}
