// SPDX-License-Identifier: MIT
#include "net/counts.h"

#include "base/assert.h"

static const struct {
    enum cl_count_kind kind;
    const char *label;
} rows[] = {
#define X(name, kind, label, help) {CL_COUNT_##kind, label},
    CL_COUNT_MAP(X)
#undef X
};

enum cl_count_kind
cl_count_kind(enum cl_count count)
{
    CL_ASSERT(count < CL_COUNT_LEN);
    return rows[count].kind;
}

const char *
cl_count_label(enum cl_count count)
{
    CL_ASSERT(count < CL_COUNT_LEN);
    return rows[count].label;
}
