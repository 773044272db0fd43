// SPDX-License-Identifier: MIT
#include "core/msg.h"

#include <string.h>

#include "base/assert.h"
#include "base/limits.h"
#include "base/pool.h"
#include "core/named.h"
#include "core/receipt.h"

uint64_t
cl_msg_cost_of(cl_str from, cl_str to, cl_str subject, const struct cl_body *body)
{
    return CL_MESSAGE_COST_BYTES + from.len + to.len + subject.len + cl_body_str(body).len;
}

void
cl_msg_name_sender(struct cl_msg *msg, const struct cl_msg *other, const cl_hash_key *key)
{
    if (msg->has_sender)
        return;
    if (other != NULL && other->has_sender && cl_str_eq(other->from, msg->from))
        msg->sender = other->sender;
    else
        msg->sender = cl_hash_long(key, msg->from);
    msg->has_sender = true;
}

/* Copies the text to *tail and moves *tail behind it. */
static cl_str
own(cl_str text, char **tail)
{
    if (text.len > 0)
        memcpy(*tail, text.ptr, text.len);
    cl_str copy = cl_str_of(*tail, text.len);
    *tail += text.len;
    return copy;
}

static size_t
pooled_len(const struct cl_msg *msg)
{
    return sizeof *msg + msg->from.len + msg->to.len + msg->subject.len + msg->thread.len;
}

struct cl_msg *
cl_msg_new(const struct cl_msg *draft)
{
    struct cl_msg *msg = cl_pool_get(pooled_len(draft));
    if (msg == NULL)
        return NULL;
    *msg = *draft;
    char *tail = (char *)(msg + 1);
    msg->from = own(draft->from, &tail);
    msg->to = own(draft->to, &tail);
    msg->subject = own(draft->subject, &tail);
    msg->thread = own(draft->thread, &tail);
    (void)cl_body_ref(msg->body);
    msg->cost = cl_msg_cost_of(draft->from, draft->to, draft->subject, draft->body);
    msg->refs = 1;
    msg->waiting = 0;
    cl_link_init(&msg->link);
    return msg;
}

struct cl_msg *
cl_msg_ref(struct cl_msg *msg)
{
    msg->refs++;
    return msg;
}

void
cl_msg_unref(struct cl_msg *msg)
{
    CL_ASSERT(msg->refs > 0);
    if (--msg->refs > 0)
        return;
    if (msg->receipt != NULL)
        msg->receipt->msg = NULL;
    if (msg->blob != NULL)
        cl_named_give(msg->blob);
    cl_list_remove(&msg->link);
    cl_body_unref(msg->body);
    cl_pool_put(msg, pooled_len(msg));
}
