// SPDX-License-Identifier: MIT
/*
 * core/msg.h - one message, in no protocol's words.
 *
 * A record is made by an applied command, never changes but for its attempts and when it is queued
 * again, and is shared: a broadcast is one record in many inboxes. Only the core makes and frees
 * records; others read them, and only until the next cl_core_apply unless they take a reference on
 * the body.
 */
#ifndef CL_CORE_MSG_H
#define CL_CORE_MSG_H

#include "base/body.h"
#include "base/hash.h"
#include "base/list.h"
#include "base/time.h"
#include "core/types.h"

struct cl_named;
struct cl_receipt;

struct cl_msg {
    cl_id id;
    cl_id re;        // the message it answers, or none
    uint64_t stream; // the sender's stream, and the number there
    uint64_t seq;
    cl_str from;
    cl_str to;      // empty: everyone
    cl_str subject; // topic of a broadcast, key of a CL_MSG_FILE, else empty
    cl_str thread;
    cl_id root;       // first message of its chain; none: it is that itself
    uint64_t version; // of the file that a CL_MSG_FILE tells of, else 0
    enum cl_msg_kind kind;
    enum cl_priority priority;
    uint8_t media;
    uint8_t flags;
    uint8_t hops;         // behind the root
    uint8_t attempts_max; // 0: any number; of a broadcast always
    uint8_t trust;
    uint8_t re_rung; // what it says of the message `re`, as in a REPORT; 0: nothing
    uint8_t re_outcome;
    uint32_t attempts; // taken and given back so often
    cl_time created;   // when it was accepted and queued
    cl_time expires;
    struct cl_body *body;

    /* The core's own. */
    struct cl_named *blob;      // that its body names, or NULL; it has a reference
    struct cl_receipt *receipt; // NULL: nobody wants one, or it is no longer kept
    bool has_sender;
    uint64_t cost;       // cl_msg_cost_of its fields
    uint64_t number;     // order of birth
    uint32_t refs;       // inboxes, the topic, and a dead letter
    uint32_t waiting;    // inboxes
    struct cl_link link; // all records, in order of birth
    cl_hash128 sender;   // `from`, hashed; most messages never need it
};

/* Does somebody want to know how often it was given back? */
static inline bool
cl_msg_is_counted(const struct cl_msg *msg)
{
    return msg->attempts_max > 0 || msg->receipt != NULL;
}

/* Messages that only pass are numbered from here on, and are the session's. */
#define CL_PASS_NUMBER_MIN (UINT64_C(1) << 63)

static inline bool
cl_msg_passes(const struct cl_msg *msg)
{
    return msg->number >= CL_PASS_NUMBER_MIN;
}

/* Does it answer another one? */
static inline bool
cl_msg_is_answer(const struct cl_msg *msg)
{
    return msg->kind == CL_MSG_RESPONSE || !cl_id_is_none(msg->re);
}

/* The name of its chain. */
static inline cl_id
cl_msg_root(const struct cl_msg *msg)
{
    return cl_id_is_none(msg->root) ? msg->id : msg->root;
}

/* What a message counts in an inbox: its texts and CL_MESSAGE_COST_BYTES. The first is for records:
 * a draft does not know it yet. */
static inline uint64_t
cl_msg_cost(const struct cl_msg *msg)
{
    return msg->cost;
}
uint64_t cl_msg_cost_of(cl_str from, cl_str to, cl_str subject, const struct cl_body *body);

/* Fills in `sender`, once. Of names alike, and only of those, it is the same under one key. From
 * `other`, which may be NULL, it is taken over when that has it and is from the same sender. */
void cl_msg_name_sender(struct cl_msg *msg, const struct cl_msg *other, const cl_hash_key *key);

/* A record with the same fields that owns its texts, holds a reference on the body, takes over that
 * on the blob and is in no list; the caller owns its one reference. NULL without memory. */
struct cl_msg *cl_msg_new(const struct cl_msg *draft);
struct cl_msg *cl_msg_ref(struct cl_msg *msg);
/* Does it wait in more inboxes than one? */
static inline bool
cl_msg_is_for_many(const struct cl_msg *msg)
{
    return msg->waiting > 1;
}
/* With the last reference the record leaves its list and is freed; its receipt stays. */
void cl_msg_unref(struct cl_msg *msg);

#endif
