// SPDX-License-Identifier: MIT
/*
 * core/file.h - one shared file: its newest version and the few before it.
 *
 * Readable by everyone, written by the core. Type and content are never read here.
 */
#ifndef CL_CORE_FILE_H
#define CL_CORE_FILE_H

#include "base/body.h"
#include "base/limits.h"
#include "base/time.h"
#include "core/types.h"

struct cl_file_version {
    uint64_t version; // from 1, rising by 1
    cl_time updated;
    cl_str editor;
    struct cl_body *type;
    struct cl_body *content;
};

struct cl_file {
    cl_str key;
    uint32_t versions_len;                                   // at least 1
    struct cl_file_version *versions[CL_FILE_VERSIONS_KEPT]; // newest first
};

static inline const struct cl_file_version *
cl_file_latest(const struct cl_file *file)
{
    return file->versions[0];
}

/* A file without versions. NULL without memory. */
struct cl_file *cl_file_new(cl_str key);
void cl_file_free(struct cl_file *file);

/* A copy that owns its text and references to the bodies. NULL without memory. */
struct cl_file_version *cl_file_version_new(const struct cl_file_version *draft);
void cl_file_version_free(struct cl_file_version *version);
/* Bytes that a version counts, texts and bodies together. */
uint64_t cl_file_version_cost(const struct cl_file_version *version);

/* Puts the version in front and takes ownership; the oldest past CL_FILE_VERSIONS_KEPT goes.
 * Returns the bytes that went. */
uint64_t cl_file_push(struct cl_file *file, struct cl_file_version *version);
/* The bytes that would go with the next push. */
uint64_t cl_file_push_frees(const struct cl_file *file);

#endif
