// SPDX-License-Identifier: MIT
/*
 * base/guest.h - our code in somebody else's process.
 *
 * A library asks its caller for memory, and must neither end the process when an assertion fails
 * nor keep anything in globals. While cl_guest_run runs, in that thread alone: cl_alloc and its
 * kin take memory from the guest's function, nothing waits in the thread's pools (base/pool.h,
 * base/random.h), and an assertion that fails ends cl_guest_run instead of the process.
 *
 * What was allocated by a guest is freed by the same guest.
 */
#ifndef CL_BASE_GUEST_H
#define CL_BASE_GUEST_H

#include <stdbool.h>
#include <stddef.h>

/* A variable of a thread that is read without a call, in a shared library as well. Of one word: the
 * room that a process keeps for those of libraries that it loads late is small. */
#if defined(__APPLE__)
#define CL_THREAD_WORD _Thread_local
#else
#define CL_THREAD_WORD _Thread_local __attribute__((tls_model("initial-exec")))
#endif

/* (NULL, size) allocates, (block, size) resizes, (block, 0) frees and returns NULL. */
typedef void *cl_guest_memory_fn(void *ctx, void *block, size_t size);

struct cl_guest {
    cl_guest_memory_fn *memory;
    void *memory_ctx;
    char bug[160]; // the assertion that failed; "" at first
};

/* By realloc and free. */
void *cl_guest_process_memory(void *ctx, void *block, size_t size);

/* Calls fn(ctx) as that guest; one guest's runs may lie in another's. False: an assertion failed,
 * guest->bug says which. Whatever fn was at work on is in no state that could be relied on, and is
 * not to be touched again, not even to be freed. */
bool cl_guest_run(struct cl_guest *guest, void (*fn)(void *ctx), void *ctx);

/* For base: whose turn it is in this thread, NULL: nobody's. */
extern CL_THREAD_WORD struct cl_guest *cl_guest_now;
/* Ends the innermost cl_guest_run. Does nothing outside of one. */
void cl_guest_fail(const char *file, int line, const char *condition);

#endif
