// SPDX-License-Identifier: MIT
#include "core/receipt.h"

#include <string.h>

#include "base/alloc.h"
#include "base/assert.h"
#include "core/state.h"

static cl_str
key_of(const struct cl_receipt *receipt)
{
    return cl_str_of(receipt->id.bytes, sizeof receipt->id.bytes);
}

static cl_str
short_key_of(const struct cl_receipt *receipt)
{
    return cl_str_of(receipt->id.bytes, CL_ID_SHORT_BYTES);
}

/* Ids are random, so that two are alike is a sender's doing; it shall hide nobody else's. */
static enum cl_err
put_short(struct cl_receipts *receipts, struct cl_receipt *receipt)
{
    if (cl_map_get(&receipts->by_short, short_key_of(receipt)) != NULL)
        return CL_OK;
    return cl_map_put(&receipts->by_short, short_key_of(receipt), receipt);
}

static void
remove_short(struct cl_receipts *receipts, const struct cl_receipt *receipt)
{
    if (cl_map_get(&receipts->by_short, short_key_of(receipt)) == receipt)
        (void)cl_map_remove(&receipts->by_short, short_key_of(receipt));
}

static void
move_last(struct cl_list *list, struct cl_link *link)
{
    cl_list_remove(link);
    cl_list_append(list, link);
}

/* To the end of the lists in which its version counts. */
static void
file(struct cl_core *core, struct cl_receipt *receipt)
{
    move_last(&core->receipts.all, &receipt->link);
    move_last(&receipt->sender->receipts, &receipt->mine);
    if (!cl_receipt_is_settled(receipt))
        return;
    move_last(&core->receipts.settled, &receipt->link_settled);
    move_last(&receipt->sender->receipts_settled, &receipt->mine_settled);
}

static void
changed(struct cl_core *core, struct cl_receipt *receipt)
{
    receipt->version = ++core->receipts.versions;
    file(core, receipt);
    move_last(&core->receipts.touched, &receipt->sender->touched);
}

/* Rounded up to whole seconds, so that a tick finds many at once. */
static int64_t
end_key(cl_time until)
{
    return until.ms > INT64_MAX - 999 ? INT64_MAX : (until.ms + 999) / 1000 * 1000;
}

/* -- making and forgetting ----------------------------------------------------------------- */

enum cl_err
cl_receipt_add(struct cl_core *core, const struct cl_receipt *draft,
               struct cl_receipt **ret_receipt)
{
    struct cl_receipt *receipt = cl_alloc(sizeof *receipt + draft->to.len);
    if (receipt == NULL)
        return CL_ERR_NO_MEMORY;
    *receipt = *draft;
    receipt->from = draft->sender->id;
    receipt->to = cl_str_of(receipt + 1, draft->to.len);
    memcpy(receipt + 1, draft->to.ptr, draft->to.len);
    receipt->end = (struct cl_heap_node){.tie = draft->number};
    cl_link_init(&receipt->link);
    cl_link_init(&receipt->link_settled);
    cl_link_init(&receipt->mine);
    cl_link_init(&receipt->mine_settled);
    enum cl_err err = cl_heap_set(&core->receipts.ends, &receipt->end, end_key(receipt->until));
    if (err == CL_OK)
        err = put_short(&core->receipts, receipt);
    if (err == CL_OK)
        err = cl_map_put(&core->receipts.by_id, key_of(receipt), receipt);
    if (err != CL_OK) {
        remove_short(&core->receipts, receipt);
        cl_heap_remove(&core->receipts.ends, &receipt->end);
        cl_free(receipt);
        return err;
    }
    (void)cl_body_ref(receipt->reason);
    if (receipt->msg != NULL)
        receipt->msg->receipt = receipt;
    if (receipt->sender->receipts_len++ == 0)
        cl_sender_file(core, receipt->sender);
    file(core, receipt);
    *ret_receipt = receipt;
    return CL_OK;
}

void
cl_receipt_free(struct cl_core *core, struct cl_receipt *receipt)
{
    struct cl_sender *sender = receipt->sender;
    cl_map_remove(&core->receipts.by_id, key_of(receipt));
    remove_short(&core->receipts, receipt);
    cl_heap_remove(&core->receipts.ends, &receipt->end);
    cl_list_remove(&receipt->link);
    cl_list_remove(&receipt->link_settled);
    cl_list_remove(&receipt->mine);
    cl_list_remove(&receipt->mine_settled);
    cl_body_unref(receipt->reason);
    if (receipt->msg != NULL)
        receipt->msg->receipt = NULL;
    if (--sender->receipts_len == 0)
        cl_sender_file(core, sender);
    cl_free(receipt);
}

/* The one that goes first of a full list: of those that are settled, else of all, the one whose
 * last news is the oldest. What was news just now is still to be told. */
static void
make_room(struct cl_core *core, struct cl_sender *sender)
{
    struct cl_link *settled = cl_list_first(&sender->receipts_settled);
    if (sender->receipts_len > 0 && sender->receipts_len >= core->limits.receipts_max)
        cl_receipt_free(core, settled != NULL
                                  ? CL_LIST_ENTRY(settled, struct cl_receipt, mine_settled)
                                  : cl_receipt_of_sender(cl_list_first(&sender->receipts)));
    settled = cl_list_first(&core->receipts.settled);
    uint32_t count = core->receipts.by_id.count;
    if (count > 0 && count >= core->limits.receipts_all_max)
        cl_receipt_free(core, settled != NULL
                                  ? CL_LIST_ENTRY(settled, struct cl_receipt, link_settled)
                                  : cl_receipt_at(cl_list_first(&core->receipts.all)));
}

enum cl_err
cl_receipt_make(struct cl_core *core, struct cl_sender *sender, struct cl_msg *msg)
{
    struct cl_receipt draft = {.id = msg->id,
                               .re = msg->re,
                               .root = msg->root,
                               .stream = msg->stream,
                               .seq = msg->seq,
                               .to = msg->to,
                               .hops = msg->hops,
                               .is_answer = cl_msg_is_answer(msg),
                               .created = msg->created,
                               .expires = msg->expires,
                               .reached = 1u << CL_RUNG_ACCEPTED,
                               .number = msg->number,
                               .until = cl_time_add(msg->expires, CL_RECEIPT_KEPT_MS),
                               .sender = sender,
                               .msg = msg};
    struct cl_receipt *receipt;
    if (core->limits.receipts_max == 0 || core->limits.receipts_all_max == 0)
        return CL_OK;
    make_room(core, sender);
    draft.rungs[CL_RUNG_ACCEPTED] = (struct cl_reached){msg->created, CL_PROOF_COMMIT};
    draft.version = core->receipts.versions + 1;
    enum cl_err err = cl_receipt_add(core, &draft, &receipt);
    if (err == CL_OK)
        core->receipts.versions++;
    return err;
}

/* -- changes ------------------------------------------------------------------------------- */

void
cl_receipt_reach(struct cl_core *core, struct cl_receipt *receipt, enum cl_rung rung,
                 enum cl_proof proof)
{
    if (rung <= receipt->rung)
        return;
    receipt->rung = rung;
    receipt->reached |= (uint8_t)(1u << rung);
    receipt->rungs[rung] = (struct cl_reached){core->time, proof};
    changed(core, receipt);
}

bool
cl_receipt_end(struct cl_core *core, struct cl_receipt *receipt, struct cl_end end)
{
    if (receipt->outcome != CL_OUTCOME_NONE)
        return false;
    receipt->outcome = end.outcome;
    receipt->outcome_at = core->time;
    receipt->cause = end.cause;
    cl_body_unref(receipt->reason); // none but in a dump that is about to be refused
    receipt->reason = cl_body_ref(end.reason);
    changed(core, receipt);
    return true;
}

void
cl_receipt_keep(struct cl_core *core, struct cl_receipt *receipt, cl_time until)
{
    if (until.ms <= receipt->until.ms)
        return;
    receipt->until = until;
    // It is in the heap, so there is room for it.
    cl_err_ignore(cl_heap_set(&core->receipts.ends, &receipt->end, end_key(until)));
}

void
cl_receipt_reopen(struct cl_core *core, struct cl_receipt *receipt, cl_time expires)
{
    receipt->outcome = CL_OUTCOME_NONE;
    receipt->outcome_at = (cl_time){0};
    receipt->cause = CL_CAUSE_NONE;
    cl_body_unref(receipt->reason);
    receipt->reason = NULL;
    receipt->expires = expires;
    if (!cl_receipt_is_settled(receipt)) {
        cl_list_remove(&receipt->link_settled);
        cl_list_remove(&receipt->mine_settled);
    }
    cl_receipt_keep(core, receipt, cl_time_add(expires, CL_RECEIPT_KEPT_MS));
    changed(core, receipt);
}

void
cl_receipts_expire(struct cl_core *core, cl_time due)
{
    struct cl_heap_node *first;
    while ((first = cl_heap_first(&core->receipts.ends)) != NULL && first->key <= due.ms)
        cl_receipt_free(core, CL_LIST_ENTRY(first, struct cl_receipt, end));
}

cl_time
cl_receipts_deadline(const struct cl_core *core)
{
    const struct cl_heap_node *first = cl_heap_first(&core->receipts.ends);
    return first == NULL ? CL_TIME_NEVER : (cl_time){first->key};
}

/* -- reading ------------------------------------------------------------------------------- */

cl_str
cl_receipt_author(const struct cl_receipt *receipt, enum cl_rung rung)
{
    return rung == CL_RUNG_ACCEPTED ? CL_STR("") : receipt->to;
}

cl_str
cl_receipt_judge(const struct cl_receipt *receipt)
{
    bool is_claimed =
        receipt->outcome != CL_OUTCOME_NONE && receipt->outcome <= CL_OUTCOME_CLAIMED_MAX;
    return is_claimed ? receipt->to : CL_STR("");
}

cl_str
cl_receipt_reason(const struct cl_receipt *receipt)
{
    if (receipt->reason != NULL)
        return cl_body_str(receipt->reason);
    return cl_str_z(cl_cause_text(receipt->cause));
}

const struct cl_receipt *
cl_core_receipt(const struct cl_core *core, cl_id id)
{
    if (core->receipts.by_id.count == 0)
        return NULL;
    return cl_map_get(&core->receipts.by_id, cl_str_of(id.bytes, sizeof id.bytes));
}

const struct cl_receipt *
cl_core_receipt_by_short(const struct cl_core *core, cl_id id)
{
    return cl_map_get(&core->receipts.by_short, cl_str_of(id.bytes, CL_ID_SHORT_BYTES));
}

const struct cl_receipt *
cl_core_receipts(const struct cl_core *core, cl_str sender, uint64_t after)
{
    const struct cl_sender *known = cl_sender_of(core, sender);
    const struct cl_receipt *first = NULL;
    if (known == NULL)
        return NULL;
    for (struct cl_link *at = known->receipts.head.prev; at != &known->receipts.head;
         at = at->prev) {
        if (cl_receipt_of_sender(at)->version <= after)
            break;
        first = cl_receipt_of_sender(at);
    }
    return first;
}

const struct cl_receipt *
cl_core_receipts_next(const struct cl_receipt *receipt)
{
    const struct cl_link *next = receipt->mine.next;
    bool is_end = next == &receipt->sender->receipts.head;
    return is_end ? NULL : cl_receipt_of_sender(receipt->mine.next);
}

/* -- all of them --------------------------------------------------------------------------- */

void
cl_receipts_init(struct cl_receipts *receipts, const cl_hash_key *hash_key)
{
    cl_map_init(&receipts->by_id, hash_key);
    cl_map_init(&receipts->by_short, hash_key);
    cl_list_init(&receipts->all);
    cl_list_init(&receipts->settled);
    cl_list_init(&receipts->touched);
}

void
cl_receipts_done(struct cl_core *core)
{
    CL_LIST_EACH(&core->receipts.all, at)
    {
        cl_receipt_free(core, cl_receipt_at(at));
    }
    cl_map_done(&core->receipts.by_id);
    cl_map_done(&core->receipts.by_short);
    cl_heap_done(&core->receipts.ends);
}

static const char *
rungs_fault(const struct cl_core *core, const struct cl_receipt *receipt)
{
    if (receipt->reached >> CL_RUNG_COUNT != 0 || (receipt->reached & 1) == 0 ||
        receipt->reached >> receipt->rung != 1)
        return "a receipt's rung is the highest that was reached";
    for (enum cl_rung i = 0; i < CL_RUNG_COUNT; i++) {
        const struct cl_reached *reached = &receipt->rungs[i];
        if (cl_receipt_has_reached(receipt, i)
                ? reached->at.ms > core->time.ms
                : reached->at.ms != 0 || reached->proof != CL_PROOF_COMMIT)
            return "only a rung that was reached has a time, which is not of the future";
    }
    if (receipt->outcome_at.ms > core->time.ms ||
        (receipt->outcome == CL_OUTCOME_NONE &&
         (receipt->outcome_at.ms != 0 || receipt->cause != CL_CAUSE_NONE ||
          receipt->reason != NULL)))
        return "only what has ended has a reason, and not in the future";
    return NULL;
}

static const char *
receipt_fault(const struct cl_core *core, const struct cl_receipt *receipt)
{
    bool is_settled = cl_receipt_is_settled(receipt);
    if (cl_core_receipt(core, receipt->id) != receipt || cl_id_is_none(receipt->id))
        return "a receipt is found by its id";
    if (receipt->end.place == 0 || receipt->end.key != end_key(receipt->until))
        return "a receipt is in the heap by when it is forgotten";
    if (receipt->number < 1 || receipt->number > core->births || receipt->to.len == 0)
        return "a receipt is of a message that was accepted";
    if (receipt->msg != NULL &&
        (receipt->msg->receipt != receipt || !cl_id_eq(receipt->msg->id, receipt->id) ||
         !cl_str_eq(receipt->msg->from, receipt->from) ||
         !cl_str_eq(receipt->msg->to, receipt->to)))
        return "a receipt and its message know each other";
    if (cl_link_is_linked(&receipt->link_settled) != is_settled ||
        cl_link_is_linked(&receipt->mine_settled) != is_settled)
        return "receipts with news, and no others, are listed as settled";
    return rungs_fault(core, receipt);
}

/* A sender's own are counted, and lie by version. */
static const char *
mine_fault(const struct cl_sender *sender)
{
    uint64_t last = 0;
    uint32_t count = 0;
    CL_LIST_EACH(&sender->receipts, at)
    {
        const struct cl_receipt *receipt = cl_receipt_of_sender(at);
        if (receipt->sender != sender || receipt->version <= last)
            return "a sender's receipts are listed by version";
        last = receipt->version;
        count++;
    }
    return count == sender->receipts_len ? NULL : "a sender counts its receipts";
}

const char *
cl_receipts_fault(const struct cl_core *core)
{
    const struct cl_receipts *receipts = &core->receipts;
    struct cl_sender *sender;
    const char *fault = NULL;
    uint64_t last = 0;
    uint32_t count = 0, short_count = 0;
    CL_LIST_EACH(&receipts->all, at)
    {
        const struct cl_receipt *receipt = cl_receipt_at(at);
        fault = receipt_fault(core, receipt);
        if (fault != NULL)
            return fault;
        if (receipt->version <= last || receipt->version > receipts->versions)
            return "receipts are listed by version";
        last = receipt->version;
        count++;
        short_count += cl_core_receipt_by_short(core, receipt->id) == receipt;
    }
    if (count != receipts->by_id.count || count != receipts->ends.len)
        return "every receipt is in the list and in the heap";
    if (short_count != receipts->by_short.count)
        return "nothing else is found by a short id";
    for (uint32_t at = 0; (sender = cl_map_next(&core->senders.by_id, &at)) != NULL;) {
        fault = mine_fault(sender);
        if (fault != NULL)
            return fault;
    }
    return NULL;
}
