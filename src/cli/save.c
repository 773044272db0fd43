// SPDX-License-Identifier: MIT
#include "cli/save.h"

#include <stdio.h>

#include "base/digest.h"
#include "cli/file.h"
#include "cli/progress.h"
#include "cli/when.h"
#include "client/blob.h"

/* Digits of the hash in a temporary name: enough to tell two apart. */
#define TAG_LEN 16

/* One blob on its way. */
struct fetching {
    struct cl_run *run;
    const struct cl_mail *mail;
    struct cl_file_part part;
    struct cl_digester *digester; // of what is in the part
};

/* What an earlier run has left counts as well. */
static enum cl_err
take_up(struct fetching *fetching, struct cl_why *why)
{
    char bytes[CL_FILE_PIECE_BYTES];
    uint64_t at = 0;
    size_t len;
    enum cl_err err = CL_OK;
    if (fetching->part.len > fetching->mail->blob.size)
        err = cl_file_part_restart(&fetching->part, why);
    while (err == CL_OK && at < fetching->part.len) {
        err = cl_file_part_read(&fetching->part, at, bytes, &len, why);
        if (err != CL_OK)
            return err;
        if (len == 0)
            fetching->part.len = at; // it was cut meanwhile
        cl_digester_add(fetching->digester, cl_str_of(bytes, len));
        at += len;
    }
    if (err == CL_OK && at > 0)
        cl_view_note(&fetching->run->view, "Going on where an earlier run stopped.");
    return err;
}

static enum cl_err
fetch_piece(struct fetching *fetching, struct cl_why *why)
{
    cl_str bytes;
    struct cl_client *client = fetching->run->client;
    const struct cl_blob *blob = &fetching->mail->blob;
    struct cl_blob_fetch wanted = {.size = blob->size, .deadline = CL_INSTANT_NEVER};
    wanted.digest = blob->digest;
    enum cl_err err = cl_client_get_piece(client, &wanted, fetching->part.len, &bytes, why);
    if (err == CL_ERR_NOT_FOUND)
        return cl_fail(
            err, why,
            "The relay at %.*s does not keep the blob %.*s any more. Ask the sender for it.",
            CL_STR_ARG(cl_client_url_shown(client)), CL_STR_ARG(fetching->mail->sha256));
    if (err != CL_OK)
        return err;
    cl_digester_add(fetching->digester, bytes);
    return cl_file_part_append(&fetching->part, bytes, why);
}

/* A relay that goes away for a while is waited for. */
static enum cl_err
fetch_rest(struct fetching *fetching, struct cl_why *why)
{
    struct cl_outage outage = {0};
    struct cl_progress progress;
    uint64_t size = fetching->mail->blob.size;
    enum cl_err err = CL_OK;
    cl_progress_init(&progress, &fetching->run->view, "fetching");
    while (err == CL_OK && fetching->part.len < size) {
        err = fetch_piece(fetching, why);
        if (err == CL_OK) {
            cl_outage_over(&outage, fetching->run);
            cl_progress_show(&progress, fetching->part.len, size);
            continue;
        }
        cl_progress_done(&progress); // what is said of the outage needs the line
        if (err != CL_ERR_IO && cl_outage_wait(&outage, fetching->run, err, why))
            err = CL_OK;
    }
    cl_progress_done(&progress);
    return err;
}

static bool
is_right(const struct fetching *fetching)
{
    cl_digest digest = cl_digester_end(fetching->digester);
    return cl_digest_eq(&digest, &fetching->mail->blob.digest);
}

static enum cl_err
keep(struct fetching *fetching, struct cl_why *why)
{
    if (is_right(fetching))
        return cl_file_part_keep(&fetching->part, why);
    cl_err_ignore(cl_file_part_restart(&fetching->part, NULL)); // so that the next run begins anew
    return cl_fail(
        CL_ERR_IO, why,
        "What came for the blob %.*s has another hash, so \"%.160s\" was not written. Try "
        "again.",
        CL_STR_ARG(fetching->mail->sha256), fetching->part.path);
}

static enum cl_err
fetch(struct cl_run *run, const struct cl_mail *mail, const char *path, struct cl_why *why)
{
    struct fetching fetching = {.run = run, .mail = mail};
    char tag[TAG_LEN + 1];
    (void)snprintf(tag, sizeof tag, "%.*s", TAG_LEN, mail->sha256.ptr); // its beginning
    enum cl_err err = cl_file_part_open(path, tag, &fetching.part, why);
    if (err != CL_OK)
        return err;
    fetching.digester = cl_digester_new();
    err = fetching.digester == NULL ? cl_fail(CL_ERR_NO_MEMORY, why, "Out of memory.")
                                    : take_up(&fetching, why);
    if (err == CL_OK)
        err = fetch_rest(&fetching, why);
    if (err == CL_OK)
        err = keep(&fetching, why);
    cl_digester_free(fetching.digester);
    cl_file_part_close(&fetching.part);
    return err;
}

enum cl_err
cl_save_body(struct cl_run *run, const struct cl_mail *mail, const char *path, struct cl_why *why)
{
    char size[CL_SPAN_CAP];
    enum cl_err err = mail->is_blob ? fetch(run, mail, path, why)
                                    : cl_file_write(path, cl_file_mode(path), mail->body, why);
    if (err != CL_OK)
        return err;
    cl_size_text(mail->is_blob ? mail->blob.size : mail->body.len, size);
    cl_view_note(&run->view, "%s written to %.200s.", size, path);
    return CL_OK;
}
