// SPDX-License-Identifier: MIT
#include "core/command.h"

#include <string.h>

#include "base/alloc.h"
#include "base/assert.h"
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

static bool
ranges_fit(const cl_ranges *ranges, uint64_t max)
{
    if (ranges->len < 1 || ranges->len > max)
        return false;
    for (uint32_t i = 0; i < ranges->len; i++) {
        const struct cl_range *range = &ranges->ptr[i];
        if (range->priority >= CL_PRIORITY_COUNT || range->first < 1 || range->first > range->last)
            return false;
    }
    return true;
}

static bool
field_fits(const struct cl_field *field, const void *value)
{
    const struct cl_body *body;
    switch (field->type) {
    case CL_FIELD_TYPE_U8:
        return *(const uint8_t *)value <= field->max;
    case CL_FIELD_TYPE_U32:
        return *(const uint32_t *)value <= field->max;
    case CL_FIELD_TYPE_U64:
        return *(const uint64_t *)value <= field->max;
    case CL_FIELD_TYPE_TIME:
        return ((const cl_time *)value)->ms >= 0;
    case CL_FIELD_TYPE_ID:
        return true;
    case CL_FIELD_TYPE_NAME:
        return ((const cl_str *)value)->len >= 1 && ((const cl_str *)value)->len <= field->max;
    case CL_FIELD_TYPE_STR:
        return ((const cl_str *)value)->len <= field->max;
    case CL_FIELD_TYPE_BODY:
        body = *(struct cl_body *const *)value;
        return body == NULL || body->len <= field->max;
    case CL_FIELD_TYPE_RANGES:
        return ranges_fit(value, field->max);
    }
    return false;
}

enum cl_err
cl_command_check(const struct cl_command *command)
{
    struct cl_fields fields = cl_command_fields(command->kind);
    if (fields.len == 0 || command->time.ms < 0 || command->time.ms > CL_COMMAND_TIME_MS_MAX)
        return CL_ERR_MALFORMED;
    for (size_t i = 0; i < fields.len; i++)
        if (!field_fits(&fields.items[i], value_of(command, &fields.items[i])))
            return fields.items[i].type == CL_FIELD_TYPE_BODY ? CL_ERR_TOO_LARGE : CL_ERR_MALFORMED;
    return CL_OK;
}

/* -- ownership ----------------------------------------------------------------------------- */

/* Bytes that the field needs behind the struct. Ranges may have to be aligned there. */
static size_t
tail_len(const struct cl_field *field, const void *value)
{
    if (field->type == CL_FIELD_TYPE_NAME || field->type == CL_FIELD_TYPE_STR)
        return ((const cl_str *)value)->len;
    if (field->type == CL_FIELD_TYPE_RANGES)
        return ((const cl_ranges *)value)->len * sizeof(struct cl_range) +
               _Alignof(struct cl_range);
    return 0;
}

/* Moves what the field borrows to the tail; returns the tail behind it. */
static char *
own_field(const struct cl_field *field, void *value, char *tail)
{
    if (field->type == CL_FIELD_TYPE_NAME || field->type == CL_FIELD_TYPE_STR) {
        cl_str *text = value;
        if (text->len > 0)
            memcpy(tail, text->ptr, text->len);
        text->ptr = tail;
        return tail + text->len;
    }
    if (field->type == CL_FIELD_TYPE_RANGES) {
        cl_ranges *ranges = value;
        size_t len = ranges->len * sizeof *ranges->ptr;
        tail += -(uintptr_t)tail % _Alignof(struct cl_range);
        if (len > 0)
            memcpy(tail, ranges->ptr, len);
        ranges->ptr = (const struct cl_range *)(const void *)tail;
        return tail + len;
    }
    if (field->type == CL_FIELD_TYPE_BODY)
        (void)cl_body_ref(*(struct cl_body **)value); // the same pointer, already in place
    return tail;
}

struct cl_command *
cl_command_new(const struct cl_command *draft)
{
    struct cl_fields fields = cl_command_fields(draft->kind);
    size_t len = sizeof *draft;
    for (size_t i = 0; i < fields.len; i++)
        len += tail_len(&fields.items[i], value_of(draft, &fields.items[i]));

    struct cl_command *command = cl_alloc(len);
    if (command == NULL)
        return NULL;
    *command = *draft;
    cl_link_init(&command->link);
    char *tail = (char *)(command + 1);
    for (size_t i = 0; i < fields.len; i++)
        tail = own_field(&fields.items[i], cl_command_field(command, &fields.items[i]), tail);
    return command;
}

/* Gives back the references of a command, or of a draft that owns them. */
static void
drop_bodies(const struct cl_command *command)
{
    struct cl_fields fields = cl_command_fields(command->kind);
    for (size_t i = 0; i < fields.len; i++)
        if (fields.items[i].type == CL_FIELD_TYPE_BODY)
            cl_body_unref(*(struct cl_body *const *)value_of(command, &fields.items[i]));
}

void
cl_command_free(struct cl_command *command)
{
    if (command == NULL)
        return;
    drop_bodies(command);
    cl_free(command);
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
        scratch->ranges[i].priority = cl_unpack_u8(unpack, CL_PRIORITY_COUNT - 1);
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
