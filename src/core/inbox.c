// SPDX-License-Identifier: MIT
#include "core/inbox.h"

#include <string.h>

#include "base/alloc.h"
#include "base/assert.h"
#include "base/limits.h"

#define RING_FIRST 8
/* An empty lane keeps a ring up to this size, for the next messages: what one reader may hold. */
#define RING_KEPT CL_CREDIT_MESSAGES

static struct cl_msg **
slot_of(const struct cl_lane *lane, uint64_t seq)
{
    return &lane->ring[seq & (lane->cap - 1)];
}

static bool
is_within(const struct cl_lane *lane, uint64_t seq)
{
    return seq >= lane->first && seq < lane->next;
}

void
cl_inbox_init(struct cl_inbox *inbox, uint64_t first)
{
    *inbox = (struct cl_inbox){.earliest = CL_TIME_NEVER};
    for (enum cl_priority i = 0; i < CL_PRIORITY_COUNT; i++)
        inbox->lanes[i] = (struct cl_lane){.first = first, .next = first};
}

void
cl_inbox_done(struct cl_inbox *inbox)
{
    CL_ASSERT(inbox->count == 0); // so no shares are kept
    for (enum cl_priority i = 0; i < CL_PRIORITY_COUNT; i++)
        cl_free(inbox->lanes[i].ring);
}

/* Room for the numbers up to, not including, next. */
static enum cl_err
grow(struct cl_lane *lane, uint64_t next)
{
    uint64_t cap = lane->cap == 0 ? RING_FIRST : lane->cap;
    while (cap < next - lane->first)
        cap *= 2;
    if (cap == lane->cap)
        return CL_OK;
    struct cl_msg **ring = cl_alloc(cap * sizeof(struct cl_msg *));
    if (ring == NULL)
        return CL_ERR_NO_MEMORY;
    for (uint64_t seq = lane->first; seq < lane->next; seq++)
        ring[seq & (cap - 1)] = *slot_of(lane, seq);
    cl_free(lane->ring);
    lane->ring = ring;
    lane->cap = (uint32_t)cap;
    return CL_OK;
}

enum cl_err
cl_inbox_put(struct cl_inbox *inbox, struct cl_msg *msg)
{
    struct cl_lane *lane = &inbox->lanes[msg->priority];
    CL_ASSERT(cl_inbox_has_room(inbox, msg->priority));
    enum cl_err err = CL_OK;
    if (lane->next - lane->first >= lane->cap)
        err = grow(lane, lane->next + 1);
    if (err == CL_OK && cl_inbox_keeps_shares(inbox))
        err = cl_shares_add(&inbox->shares, msg->sender, cl_msg_cost(msg));
    if (err != CL_OK)
        return err;
    *slot_of(lane, lane->next++) = msg;
    inbox->count++;
    inbox->bytes += cl_msg_cost(msg);
    if (msg->expires.ms < inbox->earliest.ms)
        inbox->earliest = msg->expires;
    return CL_OK;
}

enum cl_err
cl_inbox_skip(struct cl_inbox *inbox, enum cl_priority priority, uint64_t next)
{
    struct cl_lane *lane = &inbox->lanes[priority];
    if (next < lane->next || next > INT64_MAX)
        return CL_ERR_MALFORMED;
    if (lane->first == lane->next) {
        lane->first = lane->next = next;
        return CL_OK;
    }
    if (next - lane->first > CL_LANE_SPAN_MAX)
        return CL_ERR_MALFORMED;
    enum cl_err err = grow(lane, next);
    if (err != CL_OK)
        return err;
    while (lane->next < next)
        *slot_of(lane, lane->next++) = NULL;
    return CL_OK;
}

static __attribute__((noinline)) void
give_back(struct cl_inbox *inbox, const struct cl_msg *msg)
{
    cl_shares_remove(&inbox->shares, msg->sender, cl_msg_cost(msg));
    if (inbox->count == 0)
        cl_shares_done(&inbox->shares);
}

struct cl_msg *
cl_inbox_remove(struct cl_inbox *inbox, enum cl_priority priority, uint64_t seq)
{
    struct cl_lane *lane = &inbox->lanes[priority];
    struct cl_msg *msg = is_within(lane, seq) ? *slot_of(lane, seq) : NULL;
    if (msg == NULL)
        return NULL;
    *slot_of(lane, seq) = NULL;
    inbox->count--;
    inbox->bytes -= cl_msg_cost(msg);
    if (inbox->count == 0)
        inbox->earliest = CL_TIME_NEVER;
    if (cl_inbox_keeps_shares(inbox))
        give_back(inbox, msg);
    if (seq > lane->first)
        return msg; // the front stays
    for (lane->first++; lane->first < lane->next; lane->first++)
        if (*slot_of(lane, lane->first) != NULL)
            return msg;
    if (lane->cap > RING_KEPT) {
        cl_free(lane->ring);
        lane->ring = NULL;
        lane->cap = 0;
    }
    return msg;
}

const struct cl_msg *
cl_inbox_last(const struct cl_inbox *inbox, enum cl_priority priority)
{
    const struct cl_lane *lane = &inbox->lanes[priority];
    return lane->first < lane->next ? *slot_of(lane, lane->next - 1) : NULL;
}

struct cl_msg *
cl_inbox_at(const struct cl_inbox *inbox, enum cl_priority priority, uint64_t seq)
{
    const struct cl_lane *lane = &inbox->lanes[priority];
    CL_ASSERT(is_within(lane, seq) && *slot_of(lane, seq) != NULL);
    return *slot_of(lane, seq);
}

const struct cl_msg *
cl_inbox_find(const struct cl_inbox *inbox, struct cl_range range, uint64_t *ret_seq)
{
    const struct cl_lane *lane = &inbox->lanes[range.priority];
    uint64_t seq = range.first < lane->first ? lane->first : range.first;
    uint64_t end = range.last < lane->next ? range.last + 1 : lane->next;
    for (; seq < end; seq++) {
        const struct cl_msg *msg = *slot_of(lane, seq);
        if (msg != NULL) {
            *ret_seq = seq;
            return msg;
        }
    }
    return NULL;
}

void
cl_inbox_refresh_earliest(struct cl_inbox *inbox)
{
    const struct cl_msg *msg;
    inbox->earliest = CL_TIME_NEVER;
    for (enum cl_priority i = 0; i < CL_PRIORITY_COUNT; i++)
        for (uint64_t seq = 0; (msg = cl_inbox_next(inbox, i, seq, &seq)) != NULL; seq++)
            if (msg->expires.ms < inbox->earliest.ms)
                inbox->earliest = msg->expires;
}

/* -- shares -------------------------------------------------------------------------------- */

enum cl_err
cl_inbox_keep_shares(struct cl_inbox *inbox, const cl_hash_key *key)
{
    struct cl_shares shares = {.len = 0};
    for (enum cl_priority i = 0; i < CL_PRIORITY_COUNT; i++)
        for (uint64_t seq = 0; cl_inbox_next(inbox, i, seq, &seq) != NULL; seq++) {
            struct cl_msg *msg = *slot_of(&inbox->lanes[i], seq);
            cl_msg_name_sender(msg, NULL, key);
            enum cl_err err = cl_shares_add(&shares, msg->sender, cl_msg_cost(msg));
            if (err != CL_OK) {
                cl_shares_done(&shares);
                return err;
            }
        }
    inbox->shares = shares;
    return CL_OK;
}

struct cl_share
cl_inbox_count_share(const struct cl_inbox *inbox, cl_str from)
{
    struct cl_share share = {.count = 0};
    const struct cl_msg *msg;
    for (enum cl_priority i = 0; i < CL_PRIORITY_COUNT; i++)
        for (uint64_t seq = 0; (msg = cl_inbox_next(inbox, i, seq, &seq)) != NULL; seq++) {
            if (!cl_str_eq(msg->from, from))
                continue;
            share.count++;
            share.bytes += cl_msg_cost(msg);
        }
    return share;
}

/* -- invariants ---------------------------------------------------------------------------- */

/* Kept shares are those of the messages, no more and no less. */
static const char *
shares_fault(const struct cl_inbox *inbox)
{
    const struct cl_msg *msg;
    uint64_t print = 0;
    if (!cl_inbox_keeps_shares(inbox))
        return NULL;
    for (enum cl_priority i = 0; i < CL_PRIORITY_COUNT; i++)
        for (uint64_t seq = 0; (msg = cl_inbox_next(inbox, i, seq, &seq)) != NULL; seq++) {
            struct cl_share part = {msg->sender, cl_msg_cost(msg), 1};
            if (!msg->has_sender || cl_shares_of(&inbox->shares, msg->sender).count == 0)
                return "whoever has a message waiting has a share";
            print += cl_share_print(&part);
        }
    if (inbox->count == 0 || print != cl_shares_print(&inbox->shares))
        return "a share is what the sender has waiting";
    return NULL;
}

const char *
cl_inbox_fault(const struct cl_inbox *inbox)
{
    const struct cl_msg *msg;
    uint64_t bytes = 0;
    uint32_t count = 0;
    for (enum cl_priority i = 0; i < CL_PRIORITY_COUNT; i++) {
        const struct cl_lane *lane = &inbox->lanes[i];
        if (lane->first < 1 || lane->first > lane->next || lane->next - lane->first > lane->cap)
            return "a lane's numbers are in order";
        if (lane->first < lane->next && *slot_of(lane, lane->first) == NULL)
            return "a lane starts with a message";
        for (uint64_t seq = 0; (msg = cl_inbox_next(inbox, i, seq, &seq)) != NULL; seq++) {
            if (msg->priority != i)
                return "a message is in the lane of its priority";
            if (msg->expires.ms < inbox->earliest.ms)
                return "no message expires before the earliest";
            bytes += cl_msg_cost(msg);
            count++;
        }
    }
    if (bytes != inbox->bytes || count != inbox->count)
        return "an inbox counts what is in it";
    if (count == 0 && inbox->earliest.ms != INT64_MAX)
        return "nothing expires in an empty inbox";
    return shares_fault(inbox);
}
