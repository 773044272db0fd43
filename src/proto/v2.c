// SPDX-License-Identifier: MIT
#include "proto/v2.h"

#include "base/assert.h"

static const struct {
    cl_str name;
    const struct cl_shape *params;
    const struct cl_shape *result;
} methods[CL_V2_METHOD_COUNT] = {
#define X(METHOD, params, result, name) \
    {CL_STR_INIT(name), &cl_v2_##params##_shape, &cl_v2_##result##_shape},
    CL_V2_METHOD_MAP(X)
#undef X
};

static const struct {
    cl_str name;
    const struct cl_shape *params;
} notes[CL_V2_NOTE_COUNT] = {
#define X(NOTE, params, name) {CL_STR_INIT(name), &cl_v2_##params##_shape},
    CL_V2_NOTE_MAP(X)
#undef X
};

cl_str
cl_v2_method_name(enum cl_v2_method method)
{
    CL_ASSERT(method < CL_V2_METHOD_COUNT);
    return methods[method].name;
}

const struct cl_shape *
cl_v2_params_shape(enum cl_v2_method method)
{
    CL_ASSERT(method < CL_V2_METHOD_COUNT);
    return methods[method].params;
}

const struct cl_shape *
cl_v2_result_shape(enum cl_v2_method method)
{
    CL_ASSERT(method < CL_V2_METHOD_COUNT);
    return methods[method].result;
}

cl_str
cl_v2_note_name(enum cl_v2_note note)
{
    CL_ASSERT(note < CL_V2_NOTE_COUNT);
    return notes[note].name;
}

const struct cl_shape *
cl_v2_note_shape(enum cl_v2_note note)
{
    CL_ASSERT(note < CL_V2_NOTE_COUNT);
    return notes[note].params;
}
