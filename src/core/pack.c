// SPDX-License-Identifier: MIT
#include "core/pack.h"

#include <string.h>

static void
pack_bytes(struct cl_pack *pack, cl_str bytes)
{
    if (pack->err == CL_OK)
        pack->err = cl_buf_append(pack->buf, bytes);
}

static void
pack_number(struct cl_pack *pack, uint64_t value, size_t len)
{
    uint8_t bytes[8];
    for (size_t i = 0; i < len; i++)
        bytes[i] = (uint8_t)(value >> (8 * i));
    pack_bytes(pack, cl_str_of(bytes, len));
}

void
cl_pack_u8(struct cl_pack *pack, uint8_t value)
{
    pack_number(pack, value, 1);
}

void
cl_pack_u32(struct cl_pack *pack, uint32_t value)
{
    pack_number(pack, value, 4);
}

void
cl_pack_u64(struct cl_pack *pack, uint64_t value)
{
    pack_number(pack, value, 8);
}

void
cl_pack_time(struct cl_pack *pack, cl_time time)
{
    pack_number(pack, (uint64_t)time.ms, 8);
}

void
cl_pack_id(struct cl_pack *pack, cl_id id)
{
    pack_bytes(pack, cl_str_of(id.bytes, sizeof id.bytes));
}

void
cl_pack_str(struct cl_pack *pack, cl_str text)
{
    cl_pack_u32(pack, (uint32_t)text.len);
    pack_bytes(pack, text);
}

void
cl_pack_body(struct cl_pack *pack, const struct cl_body *body)
{
    cl_pack_str(pack, cl_body_str(body));
}

static void
fail(struct cl_unpack *unpack, enum cl_err err)
{
    if (unpack->err == CL_OK)
        unpack->err = err;
}

static cl_str
unpack_bytes(struct cl_unpack *unpack, size_t len)
{
    if (unpack->err != CL_OK || len > unpack->rest.len) {
        fail(unpack, CL_ERR_MALFORMED);
        return cl_str_of(NULL, 0);
    }
    cl_str bytes = cl_str_of(unpack->rest.ptr, len);
    unpack->rest = cl_str_part(unpack->rest, len, unpack->rest.len - len);
    return bytes;
}

static uint64_t
unpack_number(struct cl_unpack *unpack, size_t len)
{
    cl_str bytes = unpack_bytes(unpack, len);
    uint64_t value = 0;
    for (size_t i = 0; i < bytes.len; i++)
        value |= (uint64_t)(uint8_t)bytes.ptr[i] << (8 * i);
    return value;
}

uint8_t
cl_unpack_u8(struct cl_unpack *unpack, uint8_t max)
{
    uint8_t value = (uint8_t)unpack_number(unpack, 1);
    if (value <= max)
        return value;
    fail(unpack, CL_ERR_MALFORMED);
    return 0;
}

uint32_t
cl_unpack_u32(struct cl_unpack *unpack)
{
    return (uint32_t)unpack_number(unpack, 4);
}

uint64_t
cl_unpack_u64(struct cl_unpack *unpack)
{
    return unpack_number(unpack, 8);
}

cl_time
cl_unpack_time(struct cl_unpack *unpack)
{
    uint64_t ms = unpack_number(unpack, 8);
    if (ms <= INT64_MAX)
        return (cl_time){(int64_t)ms};
    fail(unpack, CL_ERR_MALFORMED);
    return (cl_time){0};
}

cl_id
cl_unpack_id(struct cl_unpack *unpack)
{
    cl_id id = {{0}};
    cl_str bytes = unpack_bytes(unpack, sizeof id.bytes);
    if (bytes.len == sizeof id.bytes)
        memcpy(id.bytes, bytes.ptr, sizeof id.bytes);
    return id;
}

cl_str
cl_unpack_str(struct cl_unpack *unpack, size_t max)
{
    uint32_t len = cl_unpack_u32(unpack);
    if (len > max)
        fail(unpack, CL_ERR_MALFORMED);
    return unpack_bytes(unpack, len);
}

struct cl_body *
cl_unpack_body(struct cl_unpack *unpack, size_t max)
{
    cl_str bytes = cl_unpack_str(unpack, UINT32_MAX);
    if (bytes.len > max)
        fail(unpack, CL_ERR_TOO_LARGE);
    if (unpack->err != CL_OK || bytes.len == 0)
        return NULL;
    struct cl_body *body = cl_body_new(bytes);
    if (body == NULL)
        fail(unpack, CL_ERR_NO_MEMORY);
    return body;
}

void
cl_unpack_end(struct cl_unpack *unpack)
{
    if (unpack->rest.len > 0)
        fail(unpack, CL_ERR_MALFORMED);
}
