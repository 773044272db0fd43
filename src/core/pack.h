// SPDX-License-Identifier: MIT
/*
 * core/pack.h - numbers and texts as bytes, for commands and for the dump.
 *
 * Whole numbers are little-endian, texts have their length (u32) in front. Errors stick: do all
 * the steps, then look at err once. A failed reader returns zeros and empty texts.
 */
#ifndef CL_CORE_PACK_H
#define CL_CORE_PACK_H

#include "base/body.h"
#include "base/buf.h"
#include "base/time.h"
#include "core/types.h"

struct cl_pack {
    struct cl_buf *buf;
    enum cl_err err;
};

struct cl_unpack {
    cl_str rest;
    enum cl_err err;
};

void cl_pack_u8(struct cl_pack *pack, uint8_t value);
void cl_pack_u32(struct cl_pack *pack, uint32_t value);
void cl_pack_u64(struct cl_pack *pack, uint64_t value);
void cl_pack_time(struct cl_pack *pack, cl_time time);
void cl_pack_id(struct cl_pack *pack, cl_id id);
void cl_pack_str(struct cl_pack *pack, cl_str text);
void cl_pack_body(struct cl_pack *pack, const struct cl_body *body);

/* CL_ERR_MALFORMED is what sticks, also for a value above max or a negative time. */
uint8_t cl_unpack_u8(struct cl_unpack *unpack, uint8_t max);
uint32_t cl_unpack_u32(struct cl_unpack *unpack);
uint64_t cl_unpack_u64(struct cl_unpack *unpack);
cl_time cl_unpack_time(struct cl_unpack *unpack);
cl_id cl_unpack_id(struct cl_unpack *unpack);
/* A view into the bytes read. */
cl_str cl_unpack_str(struct cl_unpack *unpack, size_t max);
/* A reference that the caller owns; NULL for an empty body. CL_ERR_TOO_LARGE, CL_ERR_NO_MEMORY
 * may stick too. */
struct cl_body *cl_unpack_body(struct cl_unpack *unpack, size_t max);
/* Nothing may be left. */
void cl_unpack_end(struct cl_unpack *unpack);

#endif
