// SPDX-License-Identifier: MIT
/*
 * core/types.h - the small words that commands, messages and the session share.
 */
#ifndef CL_CORE_TYPES_H
#define CL_CORE_TYPES_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

/* Names a message. Random; all zero means none. */
typedef struct {
    uint8_t bytes[16];
} cl_id;

bool cl_id_eq(cl_id a, cl_id b);

static inline bool
cl_id_is_none(cl_id id)
{
    uint64_t words[2];
    memcpy(words, id.bytes, sizeof words);
    return (words[0] | words[1]) == 0;
}

/* Messages leave an inbox in this order. */
enum cl_priority {
    CL_PRIORITY_URGENT,
    CL_PRIORITY_HIGH,
    CL_PRIORITY_NORMAL,
    CL_PRIORITY_LOW,
    CL_PRIORITY_COUNT
};

/* What a message is for. The core treats all alike; codecs choose its form by it. */
enum cl_msg_kind {
    CL_MSG_TASK,     // work handed over
    CL_MSG_RESPONSE, // the answer to one
    CL_MSG_NEWS,     // knowledge for everyone
    CL_MSG_FILE,     // a shared file has a new version: subject and version say which
    CL_MSG_FRAME,    // the body is the whole message, forwarded as it is
    CL_MSG_KIND_COUNT
};

/* How far a message got: only the party that reached a rung claims it. */
enum cl_rung {
    CL_RUNG_ACCEPTED,
    CL_RUNG_DELIVERED,
    CL_RUNG_INJECTED,
    CL_RUNG_SEEN,
    CL_RUNG_IN_PROGRESS,
    CL_RUNG_COUNT
};

/* How a message ended; never compared with a rung. */
enum cl_outcome {
    CL_OUTCOME_NONE,
    CL_OUTCOME_COMPLETED, // so says its recipient
    CL_OUTCOME_FAILED,
    CL_OUTCOME_REJECTED,
    CL_OUTCOME_CANCELED,
    CL_OUTCOME_EXPIRED, // so says the relay
    CL_OUTCOME_DEAD,    // given back too often, or its inbox was dropped with it
    CL_OUTCOME_COUNT
};
/* The last one that a recipient may claim. */
#define CL_OUTCOME_CLAIMED_MAX CL_OUTCOME_CANCELED

/* What a rung rests on. */
enum cl_proof {
    CL_PROOF_COMMIT,     // the relay's journal
    CL_PROOF_SPOOL,      // on the disk of the receiving daemon
    CL_PROOF_ACK,        // the receiver's protocol said so
    CL_PROOF_PONG,       // the receiver answered what was sent behind it
    CL_PROOF_TCP,        // the receiver's system took it
    CL_PROOF_TRANSCRIPT, // it stands in the session's transcript
    CL_PROOF_COUNT
};

/* Why the core ended a message. */
enum cl_cause {
    CL_CAUSE_NONE,
    CL_CAUSE_EXPIRED,
    CL_CAUSE_REFUSED,   // by its recipient
    CL_CAUSE_ATTEMPTS,  // given back attempts_max times
    CL_CAUSE_UNCLAIMED, // nobody came for the inbox
    CL_CAUSE_COUNT
};
/* "expired", "refused", "attempts", "unclaimed"; empty for none. */
const char *cl_cause_text(enum cl_cause cause);

/* How well the sender of a message is known; beside the message, never in it. */
enum cl_trust { CL_TRUST_RELAY, CL_TRUST_GROUP, CL_TRUST_TOFU, CL_TRUST_KEY, CL_TRUST_COUNT };

/* Flags of a message (core/fields.h). */
#define CL_MSG_TRACKED  1u
#define CL_MSG_DECLARED 2u
#define CL_MSG_FLAGS    3u

/* Behind the lanes of an inbox, one for each priority, that of the messages which only pass
 * (core/session.h). */
#define CL_LANE_PASSING CL_PRIORITY_COUNT
#define CL_LANE_COUNT   (CL_LANE_PASSING + 1)

/* Messages of one inbox and priority, by their sequence numbers there: first to last, both
 * within, first at least 1. Or, of CL_LANE_PASSING, passing messages. */
struct cl_range {
    enum cl_priority priority;
    uint64_t first;
    uint64_t last;
};

/* Borrowed, as a cl_str is. */
typedef struct {
    const struct cl_range *ptr;
    uint32_t len;
} cl_ranges;

/* Has no message a place in two of them? Each is looked through from end to end, so nobody may ask
 * for one number again and again. O(ranges squared). */
bool cl_ranges_are_apart(cl_ranges ranges);

/* A connection that takes messages. */
enum cl_holder_kind {
    CL_HOLDER_SOCKET, // is pushed to; proves each batch
    CL_HOLDER_POLL,   // takes one batch
    CL_HOLDER_RANGED, // is pushed to; proves, refuses or gives back any of what it holds
    CL_HOLDER_KIND_COUNT
};

#endif
