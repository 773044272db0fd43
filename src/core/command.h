// SPDX-License-Identifier: MIT
/*
 * core/command.h - everything that can be asked of the core and of the session.
 *
 * Each command is described once, in core/fields.h. The struct, the encoder, the decoder, the
 * bounds and the simulator's generator all come from there.
 *
 * A command is first a draft: a struct cl_command, usually on the stack, whose strings, ranges
 * and bodies are borrowed. cl_core_admit, cl_core_apply, cl_session_apply and the encoder take
 * drafts as they are:
 *
 *     struct cl_command draft = {.kind = CL_COMMAND_ATTACH, .time = now, .origin = epoch,
 *                                .ticket = ticket, .attach = {.agent = id}};
 *
 * cl_command_new makes a command that owns all its bytes, in one allocation, with a reference
 * to each body: what a journal takes.
 */
#ifndef CL_CORE_COMMAND_H
#define CL_CORE_COMMAND_H

#include "base/body.h"
#include "base/buf.h"
#include "base/digest.h"
#include "base/err.h"
#include "base/limits.h"
#include "base/list.h"
#include "base/time.h"
#include "core/fields.h"
#include "core/types.h"

// clang-format off
#define CL_FIELD_U8(name)     uint8_t name;
#define CL_FIELD_U32(name)    uint32_t name;
#define CL_FIELD_U64(name)    uint64_t name;
#define CL_FIELD_TIME(name)   cl_time name;
#define CL_FIELD_ID(name)     cl_id name;
#define CL_FIELD_NAME(name)   cl_str name;
#define CL_FIELD_STR(name)    cl_str name;
#define CL_FIELD_BODY(name)   struct cl_body *name;
#define CL_FIELD_RANGES(name) cl_ranges name;
#define CL_FIELD_PLACES(name) cl_ranges name;
#define CL_FIELD_DECLARE(TYPE, name, max) CL_FIELD_##TYPE(name)
// clang-format on

enum cl_command_kind {
#define X(KIND, name, class) CL_COMMAND_##KIND,
    CL_COMMAND_MAP(X)
#undef X
        CL_COMMAND_COUNT
};

struct cl_command {
    enum cl_command_kind kind;
    cl_time time;        // stamped by the relay
    uint64_t origin;     // the relay's start epoch
    uint64_t ticket;     // the relay's name for the reply; nobody else reads it
    struct cl_link link; // for the queue of whoever owns the command; not part of it
    uint32_t pooled;     // bytes of its memory, in a command of cl_command_new
    union {
#define X(KIND, name, class)               \
    struct cl_command_##name {             \
        CL_FIELDS_##name(CL_FIELD_DECLARE) \
    } name;
        CL_COMMAND_MAP(X)
#undef X
    };
};

/* The same as a table, for whoever visits the fields of any command. */
enum cl_field_type {
    CL_FIELD_TYPE_U8,
    CL_FIELD_TYPE_U32,
    CL_FIELD_TYPE_U64,
    CL_FIELD_TYPE_TIME,
    CL_FIELD_TYPE_ID,
    CL_FIELD_TYPE_NAME,
    CL_FIELD_TYPE_STR,
    CL_FIELD_TYPE_BODY,
    CL_FIELD_TYPE_RANGES,
    CL_FIELD_TYPE_PLACES
};

struct cl_field {
    const char *name;
    enum cl_field_type type;
    size_t offset; // in struct cl_command
    uint64_t max;
};

struct cl_fields {
    const struct cl_field *items;
    size_t len;
};

/* In the order of their description. No fields for a kind that is none. */
struct cl_fields cl_command_fields(enum cl_command_kind kind);
/* Where the field's value lies: a uint8_t, uint32_t, uint64_t, cl_time, cl_id, cl_str,
 * struct cl_body * or cl_ranges. */
void *cl_command_field(struct cl_command *command, const struct cl_field *field);

/* "FILE_PUT". */
const char *cl_command_name(enum cl_command_kind kind);
bool cl_command_is_durable(enum cl_command_kind kind);

/* Is every field within its bounds? CL_ERR_TOO_LARGE for a body past its maximum, else
 * CL_ERR_MALFORMED. Admit, the session and the decoder ask this first. */
CL_MUST_CHECK enum cl_err cl_command_check(const struct cl_command *command);

/* A copy that owns its bytes and holds a reference to each body. Bounds are not looked at.
 * NULL without memory. */
struct cl_command *cl_command_new(const struct cl_command *draft);
/* Accepts NULL. Never for a draft. */
void cl_command_free(struct cl_command *command);

/* Appends the command's bytes, the link left out. Within bounds, as cl_command_check says. On
 * failure (the buffer's) nothing was appended. */
CL_MUST_CHECK enum cl_err cl_command_encode(const struct cl_command *command, struct cl_buf *buf);
/* The one command that all these bytes are. Anything else, whoever made it, is
 * CL_ERR_MALFORMED (or CL_ERR_TOO_LARGE); CL_ERR_NO_MEMORY. */
CL_MUST_CHECK enum cl_err cl_command_decode(cl_str bytes, struct cl_command **ret_command);

#endif
