// SPDX-License-Identifier: MIT
/*
 * core/topic.h - what was broadcast last.
 *
 * One list for all topics: the newest CL_BROADCASTS_KEPT, and of them as many as
 * CL_BROADCASTS_BYTES_MAX holds.
 */
#ifndef CL_CORE_TOPIC_H
#define CL_CORE_TOPIC_H

#include "base/limits.h"
#include "core/msg.h"

struct cl_topic {
    uint64_t ever; // broadcasts so far, those gone included
    uint64_t bytes;
    uint32_t newest; // index in kept
    uint32_t len;
    struct cl_msg *kept[CL_BROADCASTS_KEPT];
};

/* A zeroed struct is an empty list. */
void cl_topic_done(struct cl_topic *topic);
/* Takes a reference on msg. Does not touch `ever`. */
void cl_topic_push(struct cl_topic *topic, struct cl_msg *msg);
/* 0 is the newest; NULL past the oldest. */
struct cl_msg *cl_topic_at(const struct cl_topic *topic, uint32_t index);

#endif
