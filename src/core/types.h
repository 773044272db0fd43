// SPDX-License-Identifier: MIT
/*
 * core/types.h - the small words that commands, messages and the session share.
 */
#ifndef CL_CORE_TYPES_H
#define CL_CORE_TYPES_H

#include <stdbool.h>
#include <stdint.h>

/* Names a message. Random; all zero means none. */
typedef struct {
    uint8_t bytes[16];
} cl_id;

bool cl_id_eq(cl_id a, cl_id b);
bool cl_id_is_none(cl_id id);

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
    CL_OUTCOME_EXPIRED,
    CL_OUTCOME_DEAD, // its inbox was dropped with it
    CL_OUTCOME_COUNT
};

/* Messages of one inbox and priority, by their sequence numbers there: first to last, both
 * within, first at least 1. */
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

/* A connection that takes messages. */
enum cl_holder_kind {
    CL_HOLDER_SOCKET, // is pushed to; proves each batch
    CL_HOLDER_POLL,   // takes one batch
    CL_HOLDER_KIND_COUNT
};

#endif
