// SPDX-License-Identifier: MIT
#include "v2_golden.h"

#include <stdio.h>

#include "support/test.h"

#define FOLDER "tests/golden/v2/"

static const cl_hash_key key = {{1}};

void
golden_reader_init(struct golden_reader *golden)
{
    cl_arena_init(&golden->arena, 4 * CL_MIB);
    golden->reader = (struct cl_envelope_reader){.arena = &golden->arena, .hash_key = &key};
}

void
golden_reader_done(struct golden_reader *golden)
{
    cl_arena_done(&golden->arena);
}

cl_str
golden_read(const char *name, const char *ending)
{
    static char space[2][256 * CL_KIB];
    static unsigned which;
    char path[256];
    which = 1 - which;
    (void)snprintf(path, sizeof path, FOLDER "%s%s", name, ending);
    FILE *file = fopen(path, "rb");
    if (file == NULL)
        test_fail(__FILE__, __LINE__, "there is no %s", path);
    size_t len = fread(space[which], 1, sizeof space[which], file);
    (void)fclose(file); // only read
    CHECK(len < sizeof space[which]);
    return cl_str_of(space[which], len);
}

unsigned
golden_line(cl_str *text, cl_str *ret_cells, unsigned cells_max)
{
    cl_str line;
    unsigned len = 0;
    if (text->len == 0)
        return 0;
    (void)cl_str_split(*text, '\n', &line, text);
    for (bool is_more = true; is_more && len < cells_max - 1; len++)
        is_more = cl_str_split(line, '\t', &ret_cells[len], &line);
    ret_cells[len] = line;
    return len + 1;
}
