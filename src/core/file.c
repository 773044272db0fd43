// SPDX-License-Identifier: MIT
#include "core/file.h"

#include <string.h>

#include "base/alloc.h"

struct cl_file *
cl_file_new(cl_str key)
{
    struct cl_file *file = cl_alloc(sizeof *file + key.len);
    if (file == NULL)
        return NULL;
    file->key = cl_str_of(file + 1, key.len);
    memcpy(file + 1, key.ptr, key.len);
    return file;
}

void
cl_file_free(struct cl_file *file)
{
    for (uint32_t i = 0; i < file->versions_len; i++)
        cl_file_version_free(file->versions[i]);
    cl_free(file);
}

struct cl_file_version *
cl_file_version_new(const struct cl_file_version *draft)
{
    struct cl_file_version *version = cl_alloc(sizeof *version + draft->editor.len);
    if (version == NULL)
        return NULL;
    *version = *draft;
    version->editor = cl_str_of(version + 1, draft->editor.len);
    memcpy(version + 1, draft->editor.ptr, draft->editor.len);
    (void)cl_body_ref(version->type);
    (void)cl_body_ref(version->content);
    return version;
}

void
cl_file_version_free(struct cl_file_version *version)
{
    cl_body_unref(version->type);
    cl_body_unref(version->content);
    cl_free(version);
}

uint64_t
cl_file_version_cost(const struct cl_file_version *version)
{
    return version->editor.len + cl_body_str(version->type).len + cl_body_str(version->content).len;
}

uint64_t
cl_file_push_frees(const struct cl_file *file)
{
    if (file->versions_len < CL_FILE_VERSIONS_KEPT)
        return 0;
    return cl_file_version_cost(file->versions[CL_FILE_VERSIONS_KEPT - 1]);
}

uint64_t
cl_file_push(struct cl_file *file, struct cl_file_version *version)
{
    uint64_t freed = cl_file_push_frees(file);
    if (file->versions_len == CL_FILE_VERSIONS_KEPT)
        cl_file_version_free(file->versions[--file->versions_len]);
    memmove(&file->versions[1], &file->versions[0], file->versions_len * sizeof file->versions[0]);
    file->versions[0] = version;
    file->versions_len++;
    return freed;
}
