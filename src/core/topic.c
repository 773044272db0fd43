// SPDX-License-Identifier: MIT
#include "core/topic.h"

struct cl_msg *
cl_topic_at(const struct cl_topic *topic, uint32_t index)
{
    if (index >= topic->len)
        return NULL;
    return topic->kept[(topic->newest + CL_BROADCASTS_KEPT - index) % CL_BROADCASTS_KEPT];
}

static void
drop_oldest(struct cl_topic *topic)
{
    struct cl_msg *msg = cl_topic_at(topic, topic->len - 1);
    topic->len--;
    topic->bytes -= cl_msg_cost(msg);
    cl_msg_unref(msg);
}

void
cl_topic_done(struct cl_topic *topic)
{
    while (topic->len > 0)
        drop_oldest(topic);
}

void
cl_topic_push(struct cl_topic *topic, struct cl_msg *msg)
{
    if (topic->len == CL_BROADCASTS_KEPT)
        drop_oldest(topic);
    topic->newest = (topic->newest + 1) % CL_BROADCASTS_KEPT;
    topic->kept[topic->newest] = cl_msg_ref(msg);
    topic->len++;
    topic->bytes += cl_msg_cost(msg);
    while (topic->bytes > CL_BROADCASTS_BYTES_MAX) // the newest alone never is
        drop_oldest(topic);
}
