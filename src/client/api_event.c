// SPDX-License-Identifier: MIT
#include <unistd.h>

#include "base/assert.h"
#include "client/api_private.h"

struct cl_api_event *
cl_api_event_new(uint32_t type, size_t cap)
{
    struct cl_api_event *event = cl_alloc_raw(sizeof *event + cap);
    if (event == NULL)
        return NULL;
    *event = (struct cl_api_event){.cap = cap};
    event->shown = (struct claw_event){.size = sizeof event->shown,
                                       .type = type,
                                       .text = "",
                                       .agent = "",
                                       .id = "",
                                       .from = "",
                                       .to = "",
                                       .re = "",
                                       .thread = "",
                                       .content_type = "",
                                       .reply_to = "",
                                       .body = "",
                                       .root = "",
                                       .blob_sha256 = "",
                                       .blob_type = "",
                                       .ended_by = "",
                                       .reason = "",
                                       .json = "",
                                       .relay = "",
                                       .epoch = ""};
    cl_link_init(&event->link);
    return event;
}

const char *
cl_api_event_put(struct cl_api_event *event, cl_str text)
{
    char *copy = event->text + event->len;
    if (text.len == 0)
        return "";
    CL_ASSERT(text.len < event->cap - event->len);
    memcpy(copy, text.ptr, text.len);
    copy[text.len] = '\0';
    event->len += text.len + 1;
    return copy;
}

void
cl_api_event_free(struct cl_api_event *event)
{
    cl_free(event);
}

static size_t
cost_of(const struct cl_api_event *event)
{
    return sizeof *event + event->cap;
}

void
cl_api_event_add(claw_client *client, struct cl_api_event *event)
{
    if (cl_list_is_empty(&client->events) && client->has_thread && client->on_event == NULL)
        (void)!write(client->event_pipe[1], "", 1); // there is room: one byte at the most is in it
    cl_list_append(&client->events, &event->link);
    client->events_bytes += cost_of(event);
    (void)pthread_cond_broadcast(&client->news);
}

struct cl_api_event *
cl_api_event_take(claw_client *client)
{
    struct cl_link *link = cl_list_first(&client->events);
    char byte;
    if (link == NULL)
        return NULL;
    struct cl_api_event *event = CL_LIST_ENTRY(link, struct cl_api_event, link);
    cl_list_remove(link);
    client->events_bytes -= cost_of(event);
    if (cl_list_is_empty(&client->events) && client->has_thread && client->on_event == NULL)
        (void)!read(client->event_pipe[0], &byte, 1);
    (void)pthread_cond_broadcast(&client->news); // the client's thread may wait for room
    return event;
}

/* A copy with room for so many more bytes; the strings of a call's event that are set by then. */
static struct cl_api_event *
copy_with_room(const struct cl_api_event *event, size_t more)
{
    const struct claw_event *old = &event->shown;
    struct cl_api_event *copy = cl_api_event_new(old->type, event->cap + more);
    if (copy == NULL)
        return NULL;
    copy->shown.tag = old->tag;
    copy->shown.outcome = old->outcome;
    copy->shown.agent = cl_api_event_put(copy, cl_str_z(old->agent));
    copy->shown.id = cl_api_event_put(copy, cl_str_z(old->id));
    copy->shown.re = cl_api_event_put(copy, cl_str_z(old->re));
    copy->shown.reason = cl_api_event_put(copy, cl_str_z(old->reason));
    return copy;
}

void
cl_api_event_fail(claw_client *client, struct cl_api_event *event, enum cl_err err,
                  const struct cl_why *why)
{
    cl_str sentence = why == NULL ? CL_STR("") : cl_str_z(why->text);
    struct cl_api_event *longer =
        sentence.len == 0 ? NULL : copy_with_room(event, sentence.len + 1);
    if (longer != NULL) {
        cl_api_event_free(event);
        event = longer;
        event->shown.text = cl_api_event_put(event, sentence);
    } else {
        event->shown.text = cl_err_wire(err);
    }
    event->shown.err = cl_api_err(err);
    cl_api_event_add(client, event);
}
