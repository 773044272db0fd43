// SPDX-License-Identifier: MIT
#include "core/command.h"

#include <string.h>

#include "base/assert.h"
#include "base/pool.h"
#include "core/pack.h"

/* First byte of every encoded command; another layout gets another number. */
#define LAYOUT 1

/* -- the description as data --------------------------------------------------------------- */

/* All members of the union start at the same place; `owner` is the struct of one command. */
#define FIELD(TYPE, name, max)                                                                   \
    {#name, CL_FIELD_TYPE_##TYPE, offsetof(struct cl_command, relay_up) + offsetof(owner, name), \
     max},

struct cl_fields
cl_command_fields(enum cl_command_kind kind)
{
    switch (kind) {
#define X(KIND, name, class)                                              \
    case CL_COMMAND_##KIND: {                                             \
        typedef struct cl_command_##name owner;                           \
        static const struct cl_field items[] = {CL_FIELDS_##name(FIELD)}; \
        return (struct cl_fields){items, sizeof items / sizeof *items};   \
    }
        CL_COMMAND_MAP(X)
#undef X
    case CL_COMMAND_COUNT:
        break;
    }
    return (struct cl_fields){NULL, 0};
}

void *
cl_command_field(struct cl_command *command, const struct cl_field *field)
{
    return (char *)command + field->offset;
}

/* Every visit below reads fields through this, and none writes through it. */
static const void *
value_of(const struct cl_command *command, const struct cl_field *field)
{
    return (const char *)command + field->offset;
}

const char *
cl_command_name(enum cl_command_kind kind)
{
    static const char *const names[] = {
#define X(KIND, name, class) #KIND,
        CL_COMMAND_MAP(X)
#undef X
    };
    CL_ASSERT(kind < CL_COMMAND_COUNT);
    return names[kind];
}

bool
cl_command_is_durable(enum cl_command_kind kind)
{
    enum { VOLATILE, DURABLE };
    static const bool is_durable[] = {
#define X(KIND, name, class) class,
        CL_COMMAND_MAP(X)
#undef X
    };
    return kind < CL_COMMAND_COUNT && is_durable[kind];
}

/* -- bounds -------------------------------------------------------------------------------- */

/* Checking, owning and freeing a command is on every message's way, so that code is written out
 * for each kind from its description, not driven by the table. */

static inline bool
fits_u64(uint64_t value, uint64_t max)
{
    return value <= max;
}

static inline bool
fits_len(size_t len, size_t min, size_t max)
{
    return len >= min && len <= max;
}

static bool
ranges_fit(const cl_ranges *ranges, uint64_t max, enum cl_priority last)
{
    if (ranges->len < 1 || ranges->len > max)
        return false;
    for (uint32_t i = 0; i < ranges->len; i++) {
        const struct cl_range *range = &ranges->ptr[i];
        if (range->priority > last || range->first < 1 || range->first > range->last)
            return false;
    }
    return true;
}

// clang-format off
#define FITS_U8(value, max)     fits_u64(value, max)
#define FITS_U32(value, max)    fits_u64(value, max)
#define FITS_U64(value, max)    fits_u64(value, max)
#define FITS_TIME(value, max)   ((value).ms >= 0)
#define FITS_ID(value, max)     true
#define FITS_NAME(value, max)   fits_len((value).len, 1, max)
#define FITS_STR(value, max)    fits_len((value).len, 0, max)
#define FITS_BODY(value, max)   fits_len(cl_body_str(value).len, 0, max)
#define FITS_RANGES(value, max) ranges_fit(&(value), max, CL_PRIORITY_COUNT - 1)
#define FITS_PLACES(value, max) ranges_fit(&(value), max, CL_LANE_PASSING)

#define MISFIT_U8     CL_ERR_MALFORMED
#define MISFIT_U32    CL_ERR_MALFORMED
#define MISFIT_U64    CL_ERR_MALFORMED
#define MISFIT_TIME   CL_ERR_MALFORMED
#define MISFIT_ID     CL_ERR_MALFORMED
#define MISFIT_NAME   CL_ERR_MALFORMED
#define MISFIT_STR    CL_ERR_MALFORMED
#define MISFIT_BODY   CL_ERR_TOO_LARGE
#define MISFIT_RANGES CL_ERR_MALFORMED
#define MISFIT_PLACES CL_ERR_MALFORMED
// clang-format on

#define CHECK_FIELD(TYPE, name, max)       \
    if (!FITS_##TYPE((fields->name), max)) \
        return MISFIT_##TYPE;

enum cl_err
cl_command_check(const struct cl_command *command)
{
    if (command->time.ms < 0 || command->time.ms > CL_COMMAND_TIME_MS_MAX)
        return CL_ERR_MALFORMED;
    switch (command->kind) {
#define X(KIND, name, class)                                     \
    case CL_COMMAND_##KIND: {                                    \
        const struct cl_command_##name *fields = &command->name; \
        CL_FIELDS_##name(CHECK_FIELD) return CL_OK;              \
    }
        CL_COMMAND_MAP(X)
#undef X
    case CL_COMMAND_COUNT:
        break;
    }
    return CL_ERR_MALFORMED;
}

/* -- ownership ----------------------------------------------------------------------------- */

/* Moves what was borrowed to the tail, which then ends behind it. */
static inline __attribute__((always_inline)) void
own_text(cl_str *text, char **tail)
{
    if (text->len > 0)
        memcpy(*tail, text->ptr, text->len);
    text->ptr = *tail;
    *tail += text->len;
}

static void
own_ranges(cl_ranges *ranges, char **tail)
{
    size_t len = ranges->len * sizeof *ranges->ptr;
    *tail += -(uintptr_t)*tail % _Alignof(struct cl_range);
    if (len > 0)
        memcpy(*tail, ranges->ptr, len);
    ranges->ptr = (const struct cl_range *)(const void *)*tail;
    *tail += len;
}

// clang-format off
/* Bytes that the field needs behind the struct. Ranges may have to be aligned there. */
#define TAIL_U8(value)     0
#define TAIL_U32(value)    0
#define TAIL_U64(value)    0
#define TAIL_TIME(value)   0
#define TAIL_ID(value)     0
#define TAIL_NAME(value)   (value).len
#define TAIL_STR(value)    (value).len
#define TAIL_BODY(value)   0
#define TAIL_RANGES(value) ((value).len * sizeof(struct cl_range) + _Alignof(struct cl_range))
#define TAIL_PLACES(value) TAIL_RANGES(value)

#define OWN_U8(value)
#define OWN_U32(value)
#define OWN_U64(value)
#define OWN_TIME(value)
#define OWN_ID(value)
#define OWN_NAME(value)    own_text(&(value), &tail);
#define OWN_STR(value)     own_text(&(value), &tail);
#define OWN_BODY(value)    (void)cl_body_ref(value);
#define OWN_RANGES(value)  own_ranges(&(value), &tail);
#define OWN_PLACES(value)  own_ranges(&(value), &tail);

#define DROP_U8(value)
#define DROP_U32(value)
#define DROP_U64(value)
#define DROP_TIME(value)
#define DROP_ID(value)
#define DROP_NAME(value)
#define DROP_STR(value)
#define DROP_BODY(value)   cl_body_unref(value);
#define DROP_RANGES(value)
#define DROP_PLACES(value)
// clang-format on

#define ADD_TAIL(TYPE, name, max)   +TAIL_##TYPE(fields->name)
#define OWN_FIELD(TYPE, name, max)  OWN_##TYPE(fields->name)
#define DROP_FIELD(TYPE, name, max) DROP_##TYPE(fields->name)

static size_t
tail_len(const struct cl_command *command)
{
    switch (command->kind) {
#define X(KIND, name, class)                                     \
    case CL_COMMAND_##KIND: {                                    \
        const struct cl_command_##name *fields = &command->name; \
        (void)fields;                                            \
        return 0 CL_FIELDS_##name(ADD_TAIL);                     \
    }
        CL_COMMAND_MAP(X)
#undef X
    case CL_COMMAND_COUNT:
        break;
    }
    return 0;
}

static void
own_fields(struct cl_command *command)
{
    char *tail = (char *)(command + 1);
    switch (command->kind) {
#define X(KIND, name, class)                               \
    case CL_COMMAND_##KIND: {                              \
        struct cl_command_##name *fields = &command->name; \
        (void)fields, (void)tail;                          \
        CL_FIELDS_##name(OWN_FIELD) return;                \
    }
        CL_COMMAND_MAP(X)
#undef X
    case CL_COMMAND_COUNT:
        break;
    }
}

/* Gives back the references of a command, or of a draft that owns them. */
static void
drop_bodies(const struct cl_command *command)
{
    switch (command->kind) {
#define X(KIND, name, class)                                     \
    case CL_COMMAND_##KIND: {                                    \
        const struct cl_command_##name *fields = &command->name; \
        (void)fields;                                            \
        CL_FIELDS_##name(DROP_FIELD) return;                     \
    }
        CL_COMMAND_MAP(X)
#undef X
    case CL_COMMAND_COUNT:
        break;
    }
}

struct cl_command *
cl_command_new(const struct cl_command *draft)
{
    size_t len = sizeof *draft + tail_len(draft);
    struct cl_command *command = cl_pool_get(len);
    if (command == NULL)
        return NULL;
    *command = *draft;
    command->pooled = (uint32_t)len;
    cl_link_init(&command->link);
    own_fields(command);
    return command;
}

void
cl_command_free(struct cl_command *command)
{
    if (command == NULL)
        return;
    drop_bodies(command);
    cl_pool_put(command, command->pooled);
}

/* -- bytes --------------------------------------------------------------------------------- */

static void
pack_field(struct cl_pack *pack, const struct cl_field *field, const void *value)
{
    const cl_ranges *ranges = value;
    switch (field->type) {
    case CL_FIELD_TYPE_U8:
        cl_pack_u8(pack, *(const uint8_t *)value);
        break;
    case CL_FIELD_TYPE_U32:
        cl_pack_u32(pack, *(const uint32_t *)value);
        break;
    case CL_FIELD_TYPE_U64:
        cl_pack_u64(pack, *(const uint64_t *)value);
        break;
    case CL_FIELD_TYPE_TIME:
        cl_pack_time(pack, *(const cl_time *)value);
        break;
    case CL_FIELD_TYPE_ID:
        cl_pack_id(pack, *(const cl_id *)value);
        break;
    case CL_FIELD_TYPE_NAME:
    case CL_FIELD_TYPE_STR:
        cl_pack_str(pack, *(const cl_str *)value);
        break;
    case CL_FIELD_TYPE_BODY:
        cl_pack_body(pack, *(struct cl_body *const *)value);
        break;
    case CL_FIELD_TYPE_RANGES:
    case CL_FIELD_TYPE_PLACES:
        cl_pack_u32(pack, ranges->len);
        for (uint32_t i = 0; i < ranges->len; i++) {
            cl_pack_u8(pack, (uint8_t)ranges->ptr[i].priority);
            cl_pack_u64(pack, ranges->ptr[i].first);
            cl_pack_u64(pack, ranges->ptr[i].last);
        }
        break;
    }
}

enum cl_err
cl_command_encode(const struct cl_command *command, struct cl_buf *buf)
{
    struct cl_pack pack = {.buf = buf};
    struct cl_fields fields = cl_command_fields(command->kind);
    size_t before = buf->len;

    cl_pack_u8(&pack, LAYOUT);
    cl_pack_u8(&pack, (uint8_t)command->kind);
    cl_pack_time(&pack, command->time);
    cl_pack_u64(&pack, command->origin);
    cl_pack_u64(&pack, command->ticket);
    for (size_t i = 0; i < fields.len; i++)
        pack_field(&pack, &fields.items[i], value_of(command, &fields.items[i]));
    if (pack.err != CL_OK)
        cl_buf_truncate(buf, before);
    return pack.err;
}

/* Room for the ranges of a draft that is being read. */
struct scratch {
    struct cl_range ranges[CL_ACK_RANGES_MAX];
};

static cl_ranges
unpack_ranges(struct cl_unpack *unpack, uint64_t max, struct scratch *scratch)
{
    uint32_t len = cl_unpack_u32(unpack);
    if (len > max) {
        unpack->err = CL_ERR_MALFORMED;
        len = 0;
    }
    for (uint32_t i = 0; i < len; i++) {
        scratch->ranges[i].priority = cl_unpack_u8(unpack, CL_LANE_PASSING);
        scratch->ranges[i].first = cl_unpack_u64(unpack);
        scratch->ranges[i].last = cl_unpack_u64(unpack);
    }
    return (cl_ranges){scratch->ranges, len};
}

static void
unpack_field(struct cl_unpack *unpack, const struct cl_field *field, void *value,
             struct scratch *scratch)
{
    switch (field->type) {
    case CL_FIELD_TYPE_U8:
        *(uint8_t *)value = cl_unpack_u8(unpack, UINT8_MAX);
        break;
    case CL_FIELD_TYPE_U32:
        *(uint32_t *)value = cl_unpack_u32(unpack);
        break;
    case CL_FIELD_TYPE_U64:
        *(uint64_t *)value = cl_unpack_u64(unpack);
        break;
    case CL_FIELD_TYPE_TIME:
        *(cl_time *)value = cl_unpack_time(unpack);
        break;
    case CL_FIELD_TYPE_ID:
        *(cl_id *)value = cl_unpack_id(unpack);
        break;
    case CL_FIELD_TYPE_NAME:
    case CL_FIELD_TYPE_STR:
        *(cl_str *)value = cl_unpack_str(unpack, field->max);
        break;
    case CL_FIELD_TYPE_BODY:
        *(struct cl_body **)value = cl_unpack_body(unpack, field->max);
        break;
    case CL_FIELD_TYPE_RANGES:
    case CL_FIELD_TYPE_PLACES:
        *(cl_ranges *)value = unpack_ranges(unpack, field->max, scratch);
        break;
    }
}

enum cl_err
cl_command_decode(cl_str bytes, struct cl_command **ret_command)
{
    struct cl_unpack unpack = {.rest = bytes};
    struct cl_command draft = {0};
    struct scratch scratch;

    if (cl_unpack_u8(&unpack, UINT8_MAX) != LAYOUT)
        return CL_ERR_MALFORMED;
    draft.kind = cl_unpack_u8(&unpack, CL_COMMAND_COUNT - 1);
    draft.time = cl_unpack_time(&unpack);
    draft.origin = cl_unpack_u64(&unpack);
    draft.ticket = cl_unpack_u64(&unpack);
    struct cl_fields fields = cl_command_fields(draft.kind);
    for (size_t i = 0; i < fields.len; i++)
        unpack_field(&unpack, &fields.items[i], cl_command_field(&draft, &fields.items[i]),
                     &scratch);
    cl_unpack_end(&unpack);

    enum cl_err err = unpack.err == CL_OK ? cl_command_check(&draft) : unpack.err;
    struct cl_command *command = err == CL_OK ? cl_command_new(&draft) : NULL;
    drop_bodies(&draft);
    if (err != CL_OK)
        return err;
    if (command == NULL)
        return CL_ERR_NO_MEMORY;
    *ret_command = command;
    return CL_OK;
}
