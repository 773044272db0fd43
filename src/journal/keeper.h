// SPDX-License-Identifier: MIT
/*
 * journal/keeper.h - the thread that makes snapshots, and copies of the file, beside the commits.
 *
 * It makes a snapshot of what the log says, not of the live core: it builds a second core and
 * compares its trail with the live one's at the same command. So each snapshot is a test of
 * everything that a restart would rely on. One that differs is not kept.
 */
#ifndef CL_JOURNAL_KEEPER_H
#define CL_JOURNAL_KEEPER_H

#include "journal/journal.h"
#include "journal/snapshot.h"

struct cl_keeper {
    struct cl_disk *disk;
    cl_hash_key hash_key; // for its own core
    pthread_t thread;
    bool has_thread;

    pthread_mutex_t lock;   // for all below
    pthread_cond_t changed; // is_due, copy or is_ending
    cl_journal_wake_fn *wake;
    void *wake_ctx;
    uint64_t applied; // by the live core, where its trail was that
    uint64_t trail;
    uint64_t kept_bytes; // of the last snapshot
    bool is_due;
    bool is_ending;
    char *copy; // the path of the copy that is wanted, or NULL
    bool has_news[CL_JOURNAL_NEWS_KINDS];
    struct cl_journal_news news[CL_JOURNAL_NEWS_KINDS];
};

/* The disk outlives it. */
void cl_keeper_init(struct cl_keeper *keeper, struct cl_disk *disk);
/* Ends its thread and what it is at. */
void cl_keeper_done(struct cl_keeper *keeper);
/* Whom to wake when there is news. */
void cl_keeper_watch(struct cl_keeper *keeper, cl_journal_wake_fn *wake, void *ctx);
/* All of these on the relay's thread. What the live core has become; is_due: a snapshot of that is
 * wanted. One that is being made already is not made anew. */
void cl_keeper_note(struct cl_keeper *keeper, uint64_t applied, uint64_t trail, bool is_due);
/* A copy of the file under that path. CL_ERR_UNAVAILABLE: another is under way. The news say how it
 * ended. CL_ERR_NO_MEMORY. */
CL_MUST_CHECK enum cl_err cl_keeper_copy(struct cl_keeper *keeper, cl_str path);
/* As cl_journal_news. */
bool cl_keeper_news(struct cl_keeper *keeper, struct cl_journal_news *ret_news);
/* How much the last snapshot takes; 0: there is none. */
uint64_t cl_keeper_kept_bytes(struct cl_keeper *keeper);
/* Ends the thread, so that the caller may use the disk alone. */
void cl_keeper_end(struct cl_keeper *keeper);

#endif
