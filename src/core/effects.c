// SPDX-License-Identifier: MIT
#include "core/effects.h"

#include "base/alloc.h"
#include "base/assert.h"

#define FIRST_CAP 16

const char *
cl_note_event(enum cl_note note)
{
    static const char *const events[] = {
#define X(NAME, event) event,
        CL_NOTE_MAP(X)
#undef X
    };
    CL_ASSERT(note < CL_NOTE_COUNT);
    return events[note];
}

void
cl_effects_init(struct cl_effects *effects)
{
    *effects = (struct cl_effects){0};
}

void
cl_effects_done(struct cl_effects *effects)
{
    cl_free(effects->items);
    cl_effects_init(effects);
}

void
cl_effects_clear(struct cl_effects *effects)
{
    effects->len = 0;
}

enum cl_err
cl_effects_reserve(struct cl_effects *effects, size_t more)
{
    size_t cap = effects->cap < FIRST_CAP ? FIRST_CAP : effects->cap;
    if (more <= effects->cap - effects->len)
        return CL_OK;
    while (cap - effects->len < more)
        cap *= 2;
    struct cl_effect *items = cl_realloc(effects->items, cap * sizeof *items);
    if (items == NULL)
        return CL_ERR_NO_MEMORY;
    effects->items = items;
    effects->cap = cap;
    return CL_OK;
}

void
cl_effects_add(struct cl_effects *effects, struct cl_effect effect)
{
    enum cl_err err = cl_effects_reserve(effects, 1);
    CL_ASSERT(err == CL_OK);
    effects->items[effects->len++] = effect;
}
