// SPDX-License-Identifier: MIT
/*
 * relay/backup.h - a copy of all that is kept, while the relay serves.
 *
 * First the journal, then every whole blob, to a folder beside it. What the journal's copy names is
 * among these: it was whole when it was named, and from the backup's beginning to its end no whole
 * blob is removed.
 */
#ifndef CL_RELAY_BACKUP_H
#define CL_RELAY_BACKUP_H

#include "journal/blobs.h"
#include "journal/journal.h"
#include "net/http_server.h"

struct cl_relay;

struct cl_backup {
    char *path; // of the journal's copy; NULL: none is being made
    cl_instant begun;
    struct cl_http_conn *conn; // who waits for it, or NULL
};

/* POST /backup?file=PATH at the admin door: begins one, or refuses. */
void cl_backup_begin(struct cl_relay *relay, struct cl_http_conn *conn,
                     const struct cl_http_head *head);
/* That connection has gone. */
void cl_backup_forget(struct cl_relay *relay, const struct cl_http_conn *conn);
/* The journal says how its copy ended. */
void cl_backup_journal(struct cl_relay *relay, const struct cl_journal_news *news);
/* And the store how that of the blobs did. */
void cl_backup_blobs(struct cl_relay *relay, const struct cl_blob_done *done);
/* Is one being made? */
bool cl_backup_is_on(const struct cl_relay *relay);
void cl_backup_done(struct cl_relay *relay);

#endif
