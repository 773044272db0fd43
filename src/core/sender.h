// SPDX-License-Identifier: MIT
/*
 * core/sender.h - what is known of those who send tracked messages: which of them came before.
 *
 * A sender numbers its messages, in a stream that it names by 8 random bytes. A window tells the
 * latest CL_WINDOW_NUMBERS numbers of a stream apart: one that came before is a duplicate, and so
 * is one below the window, whatever it is. A sender has windows for its CL_STREAMS_MAX streams used
 * last; a stream that lost its window has ended, and what still comes of it is refused as stale,
 * never taken as new. A message whose id is known by its receipt, from the same sender, is a
 * duplicate too, in whatever stream it comes.
 *
 * A sender is known while it has receipts, and CL_SENDER_LIFE_MS longer, attached or not: all that
 * it could send again has expired by then. When there are too many, the one that has been idle for
 * longest goes for a new one, and if none is idle the one that has sent nothing for longest.
 */
#ifndef CL_CORE_SENDER_H
#define CL_CORE_SENDER_H

#include "base/err.h"
#include "base/limits.h"
#include "base/list.h"
#include "base/map.h"
#include "base/time.h"
#include "core/types.h"

struct cl_window {
    uint64_t stream;
    uint64_t last;                         // the greatest number so far
    uint64_t bits[CL_WINDOW_NUMBERS / 64]; // of number n: bit n % CL_WINDOW_NUMBERS
};

struct cl_sender {
    cl_str id;
    struct cl_window *windows[CL_STREAMS_MAX]; // the one used last in front
    uint32_t windows_len;
    uint64_t *ended; // streams without a window, in the order they lost it
    uint32_t ended_len;
    uint32_t ended_cap;
    struct cl_list receipts;         // in the order of their versions
    struct cl_list receipts_settled; // those of them that are settled, in the same order
    uint32_t receipts_len;
    cl_time idle_since;     // when it lost its last receipt, or sent without one; else 0
    struct cl_link link;    // in the core's busy or idle senders, by when they got there or sent
    struct cl_link touched; // in the core's list of those with receipts that this command changed
};

struct cl_senders {
    struct cl_map by_id;
    struct cl_list busy; // with receipts
    struct cl_list idle;
};

struct cl_core;

enum cl_window_answer {
    CL_WINDOW_NEW,
    CL_WINDOW_DUPLICATE,
    CL_WINDOW_ENDED, // the stream has none any more
    CL_WINDOW_UNFIT, // no id, no sender, or the id is that of another sender's message
};

struct cl_tracked {
    cl_str from;
    cl_id id;
    uint64_t stream;
    uint64_t seq;
};
/* Of the fields of a SEND or PUBLISH. */
#define CL_TRACKED_OF(fields) \
    ((struct cl_tracked){(fields)->from, (fields)->id, (fields)->stream, (fields)->seq})

/* What is that message? O(1), but for a stream without a window: O(CL_STREAMS_ENDED_MAX). */
enum cl_window_answer cl_sender_ask(const struct cl_core *core, const struct cl_tracked *tracked);
/* What is that number of that stream? A sender of NULL knows nothing. */
enum cl_window_answer cl_window_ask(const struct cl_sender *sender, uint64_t stream, uint64_t seq);
/* It was accepted: from now on it is a duplicate. It was new. Only CL_ERR_NO_MEMORY can happen, and
 * then it is new still. */
CL_MUST_CHECK enum cl_err cl_window_add(struct cl_sender *sender, uint64_t stream, uint64_t seq);

/* The sender of that name, or NULL. */
struct cl_sender *cl_sender_of(const struct cl_core *core, cl_str id);
/* The same; one that is not known yet comes to be, idle, and nobody goes for it. NULL without
 * memory. */
struct cl_sender *cl_sender_know(struct cl_core *core, cl_str id);
/* It sends, or has or has not receipts, since now: to the end of the list where it belongs. */
void cl_sender_file(struct cl_core *core, struct cl_sender *sender);
/* It has no receipts. */
void cl_sender_free(struct cl_core *core, struct cl_sender *sender);
/* If there are CL_SENDERS_MAX, one is forgotten. O(its receipts). */
void cl_senders_make_room(struct cl_core *core);
/* Idle ones whose time is over at `due` are forgotten. */
void cl_senders_expire(struct cl_core *core, cl_time due);
/* When the first one's is. */
cl_time cl_senders_deadline(const struct cl_core *core);

void cl_senders_init(struct cl_senders *senders, const cl_hash_key *hash_key);
/* Frees all; receipts are gone. */
void cl_senders_done(struct cl_core *core);
/* The first broken invariant, or NULL. */
const char *cl_senders_fault(const struct cl_core *core);

static inline struct cl_sender *
cl_sender_at(struct cl_link *link)
{
    return CL_LIST_ENTRY(link, struct cl_sender, link);
}

#endif
