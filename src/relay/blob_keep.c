// SPDX-License-Identifier: MIT
/*
 * Which blobs stay: an upload that goes on, a blob that a message names or may yet name, and one
 * that is being read.
 */
#include <string.h>

#include "base/limits.h"
#include "proto/envelope.h"
#include "relay/blob.h"
#include "relay/state.h"

uint64_t
cl_blob_bytes_max(const struct cl_relay *relay)
{
    return relay->config.blobs == NULL ? 0 : cl_blobs_bytes_max(relay->config.blobs);
}

static bool
is_read(const struct cl_relay *relay, const cl_digest *digest)
{
    CL_LIST_EACH(&relay->blobs.calls, at)
    {
        const struct cl_blob_call *call = CL_LIST_ENTRY(at, struct cl_blob_call, link);
        if (call->is_reading && cl_digest_eq(&call->digest, digest))
            return true;
    }
    return false;
}

/* -- marks -------------------------------------------------------------------------------------
 * A command that names a blob is with the journal before the core knows of it. So the blob is
 * marked with the number that the command will have at most when it is applied: as long as fewer
 * were, it may be on its way. After a journal's failure nobody knows what it has: then nothing
 * goes. */

/* Its last message has gone while somebody read it, or while a backup is made. */
#define TO_GO UINT64_MAX

static bool
is_wanted(const struct cl_relay *relay, const cl_digest *digest, uint64_t mark)
{
    bool is_on_its_way = mark != TO_GO && mark > cl_core_applied(relay->core);
    return is_on_its_way || relay->is_read_only || cl_core_names_blob(relay->core, digest);
}

/* Whoever was told that it is whole may name it in a message: as many as were told and have not yet
 * done so claim it. Who never does has an hour. */
void
cl_blob_claim(struct cl_relay *relay, const cl_digest *digest)
{
    struct cl_blob_info info = cl_blobs_look(relay->config.blobs, digest);
    info.touched = cl_relay_time(relay);
    info.claims++;
    cl_blobs_note(relay->config.blobs, digest, &info);
}

static void
mark_sent(struct cl_relay *relay, const cl_digest *digest)
{
    struct cl_blob_info info = cl_blobs_look(relay->config.blobs, digest);
    info.touched = cl_relay_time(relay);
    info.mark = cl_core_applied(relay->core) + relay->uncommitted + 1;
    cl_blobs_note(relay->config.blobs, digest, &info);
}

/* What was refused may be sent again, so only now is the claim spent. */
void
cl_blob_named(struct cl_relay *relay, cl_str blob)
{
    cl_digest digest;
    if (blob.len != sizeof digest.bytes)
        return;
    memcpy(digest.bytes, blob.ptr, sizeof digest.bytes);
    struct cl_blob_info info = cl_blobs_look(relay->config.blobs, &digest);
    info.claims -= info.claims > 0;
    cl_blobs_note(relay->config.blobs, &digest, &info);
}

/* -- messages ---------------------------------------------------------------------------------- */

static enum cl_err
read_name(struct cl_relay *relay, const struct cl_v2_call *call, struct cl_blob *ret_blob,
          struct cl_why *why)
{
    struct cl_envelope_reader reader = {.arena = &relay->arena, .hash_key = &relay->hash_key};
    cl_str body;
    enum cl_err err = cl_envelope_body(&call->params.send.envelope, &relay->arena, &body);
    return err == CL_OK ? cl_blob_read(&reader, body, ret_blob, why) : err;
}

static bool
is_here(const struct cl_relay *relay, const struct cl_blob *blob)
{
    struct cl_blob_info info = {.state = CL_BLOB_ABSENT};
    if (relay->config.blobs != NULL)
        info = cl_blobs_look(relay->config.blobs, &blob->digest);
    return info.state == CL_BLOB_WHOLE && info.size == blob->size;
}

enum cl_err
cl_blob_of_send(struct cl_relay *relay, const struct cl_v2_call *call,
                const struct cl_command *draft, cl_str *ret_blob, struct cl_why *why)
{
    struct cl_blob blob;
    *ret_blob = CL_STR("");
    if (!cl_str_eq(call->header.cty, CL_STR(CL_CTY_BLOB)))
        return CL_OK;
    enum cl_err err = read_name(relay, call, &blob, why);
    if (err != CL_OK || cl_core_has_come(relay->core, draft)) // its blob may have gone with it
        return err;
    if (!is_here(relay, &blob))
        return cl_fail(CL_ERR_NOT_FOUND, why,
                       "the blob is not here, not all of it, or of another size: put it first");
    char *digest = cl_arena_alloc(&relay->arena, sizeof blob.digest);
    if (digest == NULL)
        return CL_ERR_NO_MEMORY;
    memcpy(digest, blob.digest.bytes, sizeof blob.digest);
    mark_sent(relay, &blob.digest);
    *ret_blob = cl_str_of(digest, sizeof blob.digest);
    return CL_OK;
}

/* -- what goes --------------------------------------------------------------------------------- */

void
cl_blob_unnamed(struct cl_relay *relay, const cl_digest *digest)
{
    struct cl_blobs *store = relay->config.blobs;
    if (store == NULL)
        return;
    struct cl_blob_info info = cl_blobs_look(store, digest);
    if (info.state != CL_BLOB_WHOLE || info.claims > 0 || is_wanted(relay, digest, info.mark))
        return;
    info.mark = TO_GO;
    if (cl_backup_is_on(relay) || is_read(relay, digest))
        cl_blobs_note(store, digest, &info);
    else
        (void)cl_blobs_remove(store, digest); // it is whole
}

void
cl_blob_was_read(struct cl_relay *relay, const cl_digest *digest)
{
    if (cl_blobs_look(relay->config.blobs, digest).mark == TO_GO)
        cl_blob_unnamed(relay, digest);
}

void
cl_blob_go_on(struct cl_relay *relay)
{
    cl_digest digest;
    struct cl_blob_info info;
    if (relay->config.blobs == NULL)
        return;
    for (uint32_t at = 0; cl_blobs_next(relay->config.blobs, &at, &digest, &info);)
        if (info.mark == TO_GO)
            cl_blob_unnamed(relay, &digest);
}

void
cl_blob_sweep(struct cl_relay *relay, cl_time now)
{
    cl_digest digest;
    struct cl_blob_info info;
    struct cl_blobs *store = relay->config.blobs;
    cl_blob_forget_news(relay);
    if (store == NULL)
        return;
    for (uint32_t at = 0; cl_blobs_next(store, &at, &digest, &info);) {
        bool is_whole = info.state == CL_BLOB_WHOLE;
        int64_t life = is_whole ? CL_BLOB_UNNAMED_LIFE_MS : CL_BLOB_UPLOAD_LIFE_MS;
        if (now.ms - info.touched.ms < life || is_read(relay, &digest) ||
            (is_whole && (cl_backup_is_on(relay) || is_wanted(relay, &digest, info.mark))))
            continue;
        (void)cl_blobs_remove(store, &digest); // one that is written to right now stays
    }
}

void
cl_blob_reconcile(struct cl_relay *relay)
{
    const cl_digest *digest;
    uint64_t missing = 0;
    for (uint32_t at = 0; (digest = cl_core_blob_next(relay->core, &at)) != NULL;)
        missing += relay->config.blobs == NULL ||
                   cl_blobs_look(relay->config.blobs, digest).state != CL_BLOB_WHOLE;
    if (missing > 0)
        cl_log_error(&relay->config.log, "blob.missing", CL_F("count", missing),
                     CL_F("next", "bring back the folder blobs beside the journal"));
}
