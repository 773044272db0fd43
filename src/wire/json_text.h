// SPDX-License-Identifier: MIT
/*
 * wire/json_text.h - what stands between the quotes of a JSON string, valid and still escaped
 * ("raw"), compared and decoded. Shared by the parts of wire/json.h.
 */
#ifndef CL_WIRE_JSON_TEXT_H
#define CL_WIRE_JSON_TEXT_H

#include "base/hash.h"
#include "base/str.h"

bool cl_json_text_is_escaped(cl_str raw);
/* Compares what two raw strings mean. */
bool cl_json_text_eq(cl_str raw, cl_str other_raw);
/* Compares what a raw string means with plain bytes. */
bool cl_json_text_is(cl_str raw, cl_str plain);
/* Equal for equal meanings, and never needs memory. */
uint64_t cl_json_text_hash(const cl_hash_key *key, cl_str raw);
/* Writes what it means, raw.len bytes at the most. Returns how many. */
size_t cl_json_text_decode(cl_str raw, char *ret_bytes);

#endif
