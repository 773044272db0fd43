// SPDX-License-Identifier: MIT
#include "relay/handles.h"

#include "base/alloc.h"
#include "base/assert.h"

/* handle = generation (32 bits) << 24 | slot index (24 bits); the generation is never 0. */
#define INDEX_BITS 24
#define INDEX_MASK ((1u << INDEX_BITS) - 1)

struct cl_handle_slot {
    void *object; // NULL: free
    uint32_t generation;
    uint32_t free_next; // index + 1
};

void
cl_handles_init(struct cl_handles *handles)
{
    *handles = (struct cl_handles){0};
}

void
cl_handles_done(struct cl_handles *handles)
{
    cl_free(handles->slots);
    cl_handles_init(handles);
}

static enum cl_err
grow(struct cl_handles *handles)
{
    uint32_t cap = handles->slots_cap == 0 ? 16 : handles->slots_cap * 2;
    CL_ASSERT(cap <= INDEX_MASK + 1);
    struct cl_handle_slot *slots = cl_realloc(handles->slots, (size_t)cap * sizeof *slots);
    if (slots == NULL)
        return CL_ERR_NO_MEMORY;
    handles->slots = slots;
    handles->slots_cap = cap;
    return CL_OK;
}

enum cl_err
cl_handles_add(struct cl_handles *handles, void *object, uint64_t *ret_handle)
{
    struct cl_handle_slot *slot;
    CL_ASSERT(object != NULL);
    if (handles->free_first != 0) {
        slot = &handles->slots[handles->free_first - 1];
        handles->free_first = slot->free_next;
    } else {
        if (handles->slots_len == handles->slots_cap) {
            enum cl_err err = grow(handles);
            if (err != CL_OK)
                return err;
        }
        slot = &handles->slots[handles->slots_len++];
        *slot = (struct cl_handle_slot){.generation = 1};
    }
    slot->object = object;
    *ret_handle = (uint64_t)slot->generation << INDEX_BITS | (uint64_t)(slot - handles->slots);
    return CL_OK;
}

static struct cl_handle_slot *
slot_of(const struct cl_handles *handles, uint64_t handle)
{
    uint32_t index = (uint32_t)(handle & INDEX_MASK);
    if (index >= handles->slots_len)
        return NULL;
    struct cl_handle_slot *slot = &handles->slots[index];
    return slot->object != NULL && slot->generation == handle >> INDEX_BITS ? slot : NULL;
}

void *
cl_handles_get(const struct cl_handles *handles, uint64_t handle)
{
    struct cl_handle_slot *slot = slot_of(handles, handle);
    return slot == NULL ? NULL : slot->object;
}

void
cl_handles_remove(struct cl_handles *handles, uint64_t handle)
{
    struct cl_handle_slot *slot = slot_of(handles, handle);
    if (slot == NULL)
        return;
    slot->object = NULL;
    slot->generation = slot->generation == UINT32_MAX ? 1 : slot->generation + 1;
    slot->free_next = handles->free_first;
    handles->free_first = (uint32_t)(slot - handles->slots) + 1;
}
