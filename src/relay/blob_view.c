// SPDX-License-Identifier: MIT
/*
 * Long messages between v1 and v2 (docs/protocol/v2.md, Together with v1). What v1 sends stays in
 * its message; an agent of v2 is shown it as a blob, which is made when it is shown and kept while
 * it may be fetched. An agent of v1 is shown the content of a blob, where that fits.
 */
#include "base/alloc.h"
#include "base/limits.h"
#include "core/named.h"
#include "relay/blob.h"
#include "relay/state.h"
#include "relay/v2.h"

/* What one message of v1 carries, as a blob. */
struct view {
    struct cl_link link; // in relay->blobs.views, the one shown last behind
    cl_digest digest;
    uint64_t number; // of a message with that content
    cl_id passing;   // of one that passes, whose own this is; or none
    struct cl_body *body;
};

static struct view *
view_at(struct cl_link *link)
{
    return CL_LIST_ENTRY(link, struct view, link);
}

static void
view_free(struct view *view)
{
    cl_list_remove(&view->link);
    cl_body_unref(view->body);
    cl_free(view);
}

void
cl_blob_forget_news(struct cl_relay *relay)
{
    cl_body_unref(relay->blobs.news.body);
    relay->blobs.news = (struct cl_msg){.number = 0};
}

void
cl_blob_views_done(struct cl_relay *relay)
{
    cl_blob_forget_news(relay);
    CL_LIST_EACH(&relay->blobs.views, at)
    {
        view_free(view_at(at));
    }
}

/* -- v1 to v2 ---------------------------------------------------------------------------------- */

static struct view *
find(const struct cl_relay *relay, const cl_digest *digest)
{
    CL_LIST_EACH(&relay->blobs.views, at)
    {
        if (cl_digest_eq(&view_at(at)->digest, digest))
            return view_at(at);
    }
    return NULL;
}

/* One that stays when what passes has ended. */
static struct view *
find_kept(const struct cl_relay *relay, const cl_digest *digest)
{
    CL_LIST_EACH(&relay->blobs.views, at)
    {
        if (cl_id_is_none(view_at(at)->passing) && cl_digest_eq(&view_at(at)->digest, digest))
            return view_at(at);
    }
    return NULL;
}

/* Shown again, it need not be hashed again. */
static struct view *
find_of(const struct cl_relay *relay, uint64_t number)
{
    CL_LIST_EACH(&relay->blobs.views, at)
    {
        if (view_at(at)->number == number)
            return view_at(at);
    }
    return NULL;
}

struct cl_body *
cl_blob_view(const struct cl_relay *relay, const cl_digest *digest)
{
    const struct view *view = find(relay, digest);
    return view == NULL ? NULL : view->body;
}

void
cl_blob_forget_passed(struct cl_relay *relay, cl_id id)
{
    CL_LIST_EACH(&relay->blobs.views, at)
    {
        if (cl_id_eq(view_at(at)->passing, id))
            view_free(view_at(at));
    }
}

/* Those shown longest ago go; who has not fetched one yet is shown it again with its message. */
static void
make_room(struct cl_relay *relay)
{
    uint64_t bytes = 0;
    CL_LIST_EACH(&relay->blobs.views, at)
    {
        bytes += view_at(at)->body->len;
    }
    while (bytes > CL_BLOB_VIEWS_BYTES_MAX) {
        struct view *oldest = view_at(cl_list_first(&relay->blobs.views));
        bytes -= oldest->body->len;
        view_free(oldest);
    }
}

static struct view *
view_new(struct cl_relay *relay, const struct cl_msg *msg, cl_str content)
{
    cl_digest digest;
    bool passes = cl_msg_passes(msg);
    if (cl_digest_of(content, &digest) != CL_OK)
        return NULL;
    struct view *view = passes ? NULL : find_kept(relay, &digest);
    if (view != NULL)
        return view;
    view = cl_alloc(sizeof *view);
    struct cl_body *body = view == NULL ? NULL : cl_body_new(content);
    if (body == NULL) {
        cl_free(view);
        return NULL;
    }
    *view = (struct view){.digest = digest,
                          .number = msg->number,
                          .passing = passes ? msg->id : (cl_id){{0}},
                          .body = body};
    cl_list_append(&relay->blobs.views, &view->link);
    make_room(relay);
    return view;
}

enum cl_err
cl_blob_show(struct cl_relay *relay, const struct cl_msg *msg, struct cl_v2_content *content)
{
    if (content->body.len <= CL_ENVELOPE_BODY_BYTES_MAX)
        return CL_OK;
    struct view *view = find_of(relay, msg->number);
    if (view == NULL)
        view = view_new(relay, msg, content->body);
    if (view == NULL)
        return CL_ERR_NO_MEMORY;
    cl_list_remove(&view->link);
    cl_list_append(&relay->blobs.views, &view->link);
    const struct cl_blob blob = {
        .digest = view->digest, .size = view->body->len, .cty = content->cty};
    cl_buf_clear(&relay->content); // the content has been there
    enum cl_err err = cl_blob_put(&blob, &relay->content);
    *content =
        (struct cl_v2_content){.body = cl_buf_str(&relay->content), .cty = CL_STR(CL_CTY_BLOB)};
    return err;
}

/* -- v2 to v1 ---------------------------------------------------------------------------------- */

/* NULL: it is not there, or too large for v1, or there is too much of it in this batch. */
static struct cl_body *
fetch(struct cl_relay *relay, const cl_digest *digest)
{
    struct cl_body *body;
    struct cl_blobs *store = relay->config.blobs;
    uint64_t size = store == NULL ? UINT64_MAX : cl_blobs_look(store, digest).size;
    if (size > CL_BODY_BYTES_MAX || relay->blobs.shown + size > CL_BLOB_SHOWN_BYTES_MAX ||
        cl_blobs_fetch(store, digest, &body) != CL_OK)
        return NULL;
    relay->blobs.shown += size;
    return body;
}

/* With its content, or else with its name. */
static enum cl_err
show(struct cl_relay *relay, const struct cl_v2_shown *shown, struct cl_msg *ret_msg)
{
    struct cl_envelope_reader reader = cl_v2_reader(relay);
    struct cl_v2_shown with = *shown;
    struct cl_body *body = fetch(relay, &shown->msg->blob->digest);
    enum cl_err err = CL_ERR_TOO_LARGE;
    with.has_blob = true;
    with.blob = cl_body_str(body);
    if (body != NULL)
        err = cl_v2_to_v1(&reader, &with, ret_msg, NULL);
    cl_body_unref(body);
    return err == CL_ERR_TOO_LARGE ? cl_v2_to_v1(&reader, shown, ret_msg, NULL) : err;
}

/* A broadcast is read and written once for all who take it now. */
enum cl_err
cl_blob_as_v1(struct cl_relay *relay, const struct cl_v2_shown *shown, struct cl_msg *ret_msg)
{
    struct cl_msg *news = &relay->blobs.news;
    if (shown->msg->to.len > 0)
        return show(relay, shown, ret_msg);
    if (news->number != shown->msg->number) {
        cl_blob_forget_news(relay);
        enum cl_err err = show(relay, shown, news);
        if (err != CL_OK) {
            *news = (struct cl_msg){.number = 0};
            return err;
        }
    }
    *ret_msg = *shown->msg;
    ret_msg->kind = news->kind;
    ret_msg->media = news->media;
    ret_msg->body = cl_body_ref(news->body);
    return CL_OK;
}
