// SPDX-License-Identifier: MIT
/*
 * core/inbox.h - the messages one agent has not acknowledged yet.
 *
 * Four lanes, one per priority. In a lane messages are numbered without end; a message
 * keeps its number and is found by it at once. Taking one out of the middle leaves a hole; the
 * front moves past holes. Nothing is allocated before the first message, and a lane that got
 * empty gives a large ring back. Who may take what when is the session's business: the inbox
 * knows no leases.
 *
 * What each sender has in it is counted when that is asked for, while a look at every number is
 * short. A long inbox keeps the shares: from when a lane grows past CL_SHARES_COUNTED_MAX numbers
 * until the inbox is empty.
 */
#ifndef CL_CORE_INBOX_H
#define CL_CORE_INBOX_H

#include "base/err.h"
#include "base/limits.h"
#include "core/msg.h"
#include "core/share.h"

struct cl_lane {
    struct cl_msg **ring; // slot of number n: n & (cap - 1); NULL is a hole
    uint32_t cap;         // 0 or a power of two
    uint64_t first;       // number of the front message; next when empty
    uint64_t next;        // number of the message to come
};

/* A broadcast touches very many of them: what it needs, the lane of most messages and what is
 * behind the lanes, lies close together. */
struct cl_inbox {
    struct cl_lane lanes[CL_PRIORITY_COUNT];
    uint32_t count;
    uint64_t bytes;          // sum of cl_msg_cost
    cl_time earliest;        // no message expires before; NEVER when empty
    struct cl_shares shares; // of all that waits, or none are kept
};

/* Numbers begin with first, at least 1. An id that is dropped and comes back must begin past all
 * it had before: an acknowledgement on its way may still name those. */
void cl_inbox_init(struct cl_inbox *inbox, uint64_t first);
/* Frees the rings; the messages must be out. */
void cl_inbox_done(struct cl_inbox *inbox);

/* Appends to the lane of its priority. Only CL_ERR_NO_MEMORY can happen, and then nothing has
 * changed. The lane must have room: cl_inbox_has_room. The message must have its sender named if
 * shares are kept. */
CL_MUST_CHECK enum cl_err cl_inbox_put(struct cl_inbox *inbox, struct cl_msg *msg);
/* Numbers from the front to the end of one lane, holes included. */
static inline uint64_t
cl_inbox_span(const struct cl_inbox *inbox, enum cl_priority priority)
{
    return inbox->lanes[priority].next - inbox->lanes[priority].first;
}
/* False when the lane's oldest message is CL_LANE_SPAN_MAX numbers old. */
static inline bool
cl_inbox_has_room(const struct cl_inbox *inbox, enum cl_priority priority)
{
    return cl_inbox_span(inbox, priority) < CL_LANE_SPAN_MAX;
}
/* Skips numbers: the next message of that lane gets number `next`, not below lanes[].next.
 * For loading. CL_ERR_MALFORMED for a lane that cannot be, CL_ERR_NO_MEMORY. */
CL_MUST_CHECK enum cl_err cl_inbox_skip(struct cl_inbox *inbox, enum cl_priority priority,
                                        uint64_t next);
/* Takes the message out, or NULL when that number does not wait. */
struct cl_msg *cl_inbox_remove(struct cl_inbox *inbox, enum cl_priority priority, uint64_t seq);
/* The message that was put last, or NULL when it has left. */
const struct cl_msg *cl_inbox_last(const struct cl_inbox *inbox, enum cl_priority priority);
/* The message with that number, which waits. */
struct cl_msg *cl_inbox_at(const struct cl_inbox *inbox, enum cl_priority priority, uint64_t seq);
/* The first message of that range, whose `first` may be 0, its number in *ret_seq; NULL, with
 * *ret_seq untouched, when there is none. O(holes of the range). */
const struct cl_msg *cl_inbox_find(const struct cl_inbox *inbox, struct cl_range range,
                                   uint64_t *ret_seq);
/* The same of all from number `from` on. */
static inline const struct cl_msg *
cl_inbox_next(const struct cl_inbox *inbox, enum cl_priority priority, uint64_t from,
              uint64_t *ret_seq)
{
    return cl_inbox_find(inbox, (struct cl_range){priority, from, UINT64_MAX}, ret_seq);
}
/* Does it keep the shares of its senders? */
static inline bool
cl_inbox_keeps_shares(const struct cl_inbox *inbox)
{
    return inbox->shares.cap > 0;
}
/* From now on shares are kept: senders are named by that key, and so must be those of messages
 * that are put. There is a message. Only CL_ERR_NO_MEMORY can happen, and then none are kept.
 * O(numbers). */
CL_MUST_CHECK enum cl_err cl_inbox_keep_shares(struct cl_inbox *inbox, const cl_hash_key *key);
/* What the sender of that name has waiting, counted. O(numbers); kept shares are found in O(1). */
struct cl_share cl_inbox_count_share(const struct cl_inbox *inbox, cl_str from);
/* After some were removed for having expired: looks up `earliest` again. O(messages). */
void cl_inbox_refresh_earliest(struct cl_inbox *inbox);
/* The first broken invariant, or NULL. */
const char *cl_inbox_fault(const struct cl_inbox *inbox);

#endif
