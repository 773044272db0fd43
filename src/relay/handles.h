// SPDX-License-Identifier: MIT
/*
 * relay/handles.h - numbers in place of pointers.
 *
 * The core and the session know a connection by its handle only. A handle carries a
 * generation, so looking up one whose connection has gone says NULL; a stale pointer could
 * not. Handles are never 0 and stay below 2^56; CL_HANDLE_BITS leaves room above for a tag.
 */
#ifndef CL_RELAY_HANDLES_H
#define CL_RELAY_HANDLES_H

#include <stdint.h>

#include "base/err.h"

#define CL_HANDLE_BITS 56

struct cl_handle_slot;

struct cl_handles {
    struct cl_handle_slot *slots;
    uint32_t slots_len;
    uint32_t slots_cap;
    uint32_t free_first; // index + 1 in the chain of free slots
};

void cl_handles_init(struct cl_handles *handles);
void cl_handles_done(struct cl_handles *handles);
/* Only CL_ERR_NO_MEMORY can happen. object is not NULL. */
CL_MUST_CHECK enum cl_err cl_handles_add(struct cl_handles *handles, void *object,
                                         uint64_t *ret_handle);
/* NULL when it has gone. */
void *cl_handles_get(const struct cl_handles *handles, uint64_t handle);
/* Harmless when it has gone. */
void cl_handles_remove(struct cl_handles *handles, uint64_t handle);

#endif
