// SPDX-License-Identifier: MIT
/*
 * base/pool.h - memory for what every message needs and gives back soon.
 *
 * Blocks of up to CL_POOL_BLOCK_BYTES_MAX that were given back wait in lists by their size, up to
 * CL_POOL_KEPT_BYTES in all, and cost a few instructions then. Past that larger ones that wait give
 * way to smaller ones: else those of a time that is over, when every connection had much to write,
 * would keep out what each message needs. The lists belong to the thread.
 * Under a sanitizer, so that its mistakes are seen, and in a library (base/guest.h) every block
 * comes from cl_alloc_raw and goes to cl_free.
 */
#ifndef CL_BASE_POOL_H
#define CL_BASE_POOL_H

#include <stddef.h>

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define CL_POOL_KEEPS 0
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define CL_POOL_KEEPS 0
#endif
#endif
#if !defined(CL_POOL_KEEPS)
#define CL_POOL_KEEPS 1
#endif

/* Memory that holds anything; NULL when there is none. */
void *cl_pool_get(size_t size);
/* With the size that it was asked for. Accepts NULL. */
void cl_pool_put(void *block, size_t size);
/* Frees what waits in this thread's lists: the last thing that a thread does but the first one. */
void cl_pool_clear(void);

#endif
