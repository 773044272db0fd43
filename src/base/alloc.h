// SPDX-License-Identifier: MIT
/*
 * base/alloc.h - the only place that knows malloc; in a library the caller's memory comes from
 * elsewhere (base/guest.h).
 *
 * cl_alloc and friends return NULL when memory is short, and callers refuse with
 * CL_ERR_NO_MEMORY. The _or_die forms are for the deterministic core alone: a state that
 * could not apply a committed command would diverge, and ending the process is better.
 */
#ifndef CL_BASE_ALLOC_H
#define CL_BASE_ALLOC_H

#include <stdbool.h>
#include <stddef.h>

/* Zeroed memory. A size of 0 counts as 1. */
void *cl_alloc(size_t size);
/* The same with bytes that hold anything. */
void *cl_alloc_raw(size_t size);
/* As realloc; bytes beyond the old size are not zeroed. On failure the old block stays valid. */
void *cl_realloc(void *block, size_t size);
/* Accepts NULL. */
void cl_free(void *block);

void *cl_alloc_or_die(size_t size);
void *cl_realloc_or_die(void *block, size_t size);

/* From now on, or no longer, what is given back is overwritten first, in every thread: for a
 * process that keeps no content. base/pool.c and net/tcp.c, which use memory again, do so too. */
void cl_alloc_set_wiping(bool is_wiping);
bool cl_alloc_is_wiping(void);

/* Asked before each allocation while set; false makes that allocation fail. For tests that
 * let each allocation fail once; NULL takes it away. */
typedef bool cl_alloc_hook_fn(void);
void cl_alloc_set_hook(cl_alloc_hook_fn *hook);
/* Asks the hook; for base/pool.c, which hands out memory as well. */
bool cl_alloc_is_allowed(void);

#endif
