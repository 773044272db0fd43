// SPDX-License-Identifier: MIT
/*
 * core/receipt.h - how far a tracked message got, for its sender.
 *
 * A receipt is made with its message, without the body, and outlives it: until CL_RECEIPT_KEPT_MS
 * after the message expires, or as long as it is a dead letter. Of each rung it knows when it was
 * reached and on what that rests; only the recipient reaches rungs beyond accepted. Rungs rise, and
 * the first outcome stays, but a dead letter that is queued again has none any more.
 *
 * Each change gives the receipt the next version, which no other has. A sender's receipts lie in
 * the order of their versions, so that what changed since a version is found at the end.
 *
 * Readable by everyone, until the next apply; written by the core.
 */
#ifndef CL_CORE_RECEIPT_H
#define CL_CORE_RECEIPT_H

#include "base/body.h"
#include "base/heap.h"
#include "core/msg.h"
#include "core/sender.h"

/* As much of an id as v1 shows (clawlink-v1.md, Rules for every request). */
#define CL_ID_SHORT_BYTES 6

struct cl_reached {
    cl_time at;
    enum cl_proof proof;
};

struct cl_receipt {
    cl_id id;
    cl_id re;
    cl_id root; // none: its own
    uint64_t stream;
    uint64_t seq;
    cl_str from;
    cl_str to;
    uint8_t hops;
    bool is_answer;
    cl_time created;
    cl_time expires;

    uint64_t version;
    enum cl_rung rung;                      // the highest
    uint8_t reached;                        // bit of each rung that was
    struct cl_reached rungs[CL_RUNG_COUNT]; // zeroed where it was not
    enum cl_outcome outcome;
    cl_time outcome_at;
    enum cl_cause cause;    // of an outcome by the core, and of a refusal
    struct cl_body *reason; // the recipient's words, or NULL

    /* The core's own. */
    uint64_t number;         // its message's, when it was made: tells receipts apart
    cl_time until;           // then it is forgotten
    struct cl_heap_node end; // by `until`, in whole seconds
    struct cl_sender *sender;
    struct cl_msg *msg;          // while it waits or is a dead letter; else NULL
    struct cl_link link;         // of all, by version
    struct cl_link link_settled; // of all that are settled, by version
    struct cl_link mine;         // of its sender's, by version
    struct cl_link mine_settled; // of its sender's that are settled, by version
};

struct cl_receipts {
    struct cl_map by_id;
    struct cl_map by_short; // by CL_ID_SHORT_BYTES of the id; of several the one made first
    struct cl_list all;
    struct cl_list settled;
    struct cl_list touched; // senders whose receipts the command at hand changed
    struct cl_heap ends;
    uint64_t versions; // given so far
};

/* The name of its chain. */
static inline cl_id
cl_receipt_root(const struct cl_receipt *receipt)
{
    return cl_id_is_none(receipt->root) ? receipt->id : receipt->root;
}
static inline bool
cl_receipt_has_reached(const struct cl_receipt *receipt, enum cl_rung rung)
{
    return (receipt->reached >> rung & 1) != 0;
}
/* Is there news beyond that it was accepted? What is told last is what is forgotten last, and what
 * has nothing to tell yet only when there is nothing else. */
static inline bool
cl_receipt_is_settled(const struct cl_receipt *receipt)
{
    return receipt->rung > CL_RUNG_ACCEPTED || receipt->outcome != CL_OUTCOME_NONE;
}
/* Does its message wait again, after it was a dead letter? */
static inline bool
cl_receipt_was_reopened(const struct cl_receipt *receipt)
{
    return receipt->msg != NULL && receipt->outcome == CL_OUTCOME_NONE &&
           receipt->msg->number != receipt->number;
}
/* Who reached that rung: the relay, which is empty, or the recipient. */
cl_str cl_receipt_author(const struct cl_receipt *receipt, enum cl_rung rung);
/* Who says how it ended: as above. */
cl_str cl_receipt_judge(const struct cl_receipt *receipt);
/* In the recipient's words, or the core's; may be empty. */
cl_str cl_receipt_reason(const struct cl_receipt *receipt);

/* How a message ended. */
struct cl_end {
    enum cl_outcome outcome;
    enum cl_cause cause;
    struct cl_body *reason; // borrowed, may be NULL
};

/* For a tracked message that was accepted now. Only CL_ERR_NO_MEMORY can happen, and then nothing
 * changed but that a receipt may be forgotten for want of room. */
CL_MUST_CHECK enum cl_err cl_receipt_make(struct cl_core *core, struct cl_sender *sender,
                                          struct cl_msg *msg);
/* As in `draft`, with the version that it has, greater than all before: for loading. Its sender,
 * its message and `from` are those of the draft. */
CL_MUST_CHECK enum cl_err cl_receipt_add(struct cl_core *core, const struct cl_receipt *draft,
                                         struct cl_receipt **ret_receipt);
/* The recipient reached that rung, now. Nothing changes if it had. */
void cl_receipt_reach(struct cl_core *core, struct cl_receipt *receipt, enum cl_rung rung,
                      enum cl_proof proof);
/* False: it had ended before. Takes a reference on the reason. */
bool cl_receipt_end(struct cl_core *core, struct cl_receipt *receipt, struct cl_end end);
/* Its message became a dead letter that is kept until then. */
void cl_receipt_keep(struct cl_core *core, struct cl_receipt *receipt, cl_time until);
/* Its message was queued again. */
void cl_receipt_reopen(struct cl_core *core, struct cl_receipt *receipt, cl_time expires);
/* Forgets it. */
void cl_receipt_free(struct cl_core *core, struct cl_receipt *receipt);
/* Those whose time is over at `due` are forgotten. */
void cl_receipts_expire(struct cl_core *core, cl_time due);
cl_time cl_receipts_deadline(const struct cl_core *core);

void cl_receipts_init(struct cl_receipts *receipts, const cl_hash_key *hash_key);
/* Frees all. */
void cl_receipts_done(struct cl_core *core);
/* The first broken invariant, or NULL. */
const char *cl_receipts_fault(const struct cl_core *core);

static inline struct cl_receipt *
cl_receipt_at(struct cl_link *link)
{
    return CL_LIST_ENTRY(link, struct cl_receipt, link);
}
static inline struct cl_receipt *
cl_receipt_of_sender(struct cl_link *mine)
{
    return CL_LIST_ENTRY(mine, struct cl_receipt, mine);
}

#endif
