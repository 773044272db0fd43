// SPDX-License-Identifier: MIT
/*
 * wire/json.h - reading JSON (RFC 8259) strictly, in one pass and without a tree.
 *
 *     cl_json_scan_init(&scan, &arena, &hash_key);
 *     err = cl_json_scan_feed(&scan, text_so_far, false, &why);   // as often as wanted
 *     err = cl_json_scan_feed(&scan, text, true, &why);           // once, with all of it
 *     const struct cl_json_member *to = cl_json_scan_member(&scan, CL_STR("to_agent"));
 *
 * A scan takes a text that is one object. It checks all of it and remembers where the
 * top-level members lie; values stay as they were sent and are read on request. Refused
 * besides what the grammar refuses: invalid UTF-8, escapes of lone surrogates, a name that
 * stands twice in one object at any level (compared after decoding), more than
 * CL_JSON_DEPTH_MAX levels, more than CL_JSON_MEMBERS_MAX members of one object. However the
 * text is cut, the verdict and its words are the same. Writing is in wire/json_write.h.
 *
 * A "value" below is the text of one value out of a scan or a cursor: known to be valid,
 * without white space around it.
 */
#ifndef CL_WIRE_JSON_H
#define CL_WIRE_JSON_H

#include "base/arena.h"
#include "base/err.h"
#include "base/hash.h"
#include "base/limits.h"
#include "base/str.h"

enum cl_json_type {
    CL_JSON_NULL,
    CL_JSON_BOOL,
    CL_JSON_NUMBER,
    CL_JSON_STRING,
    CL_JSON_ARRAY,
    CL_JSON_OBJECT,
};

struct cl_json_member {
    cl_str name;  // between its quotes, escapes as sent; empty for an element of an array
    cl_str value; // as sent, a string with its quotes
    enum cl_json_type type;
};

/* -- the scan ------------------------------------------------------------------------------ */

/* An object of that many members, and that many names of all open objects together, need no
 * memory of the arena as long as no name has an escape. */
#define CL_JSON_MEMBERS_INLINE 16
#define CL_JSON_NAMES_INLINE   32

/* A name of an object that is still open; of the outermost one also where its value lies.
 * Offsets, since the text may move while it grows. */
struct cl_json_name {
    uint32_t at; // behind the opening quote
    uint32_t len;
    uint32_t value_at;
    uint32_t value_len;
    uint32_t next;   // in the chain of its bucket: index + 1, 0 ends it
    uint16_t bucket; // of large objects only
    bool escaped;
};

struct cl_json_frame {
    uint32_t names_from; // its first name
    bool is_object;
    bool is_hashed; // its names are in the buckets
};

/* Visible so that it can lie on a stack or in a connection; the fields are the scan's own, but
 * for the members. It points into itself and may not be moved. */
struct cl_json_scan {
    struct cl_arena *arena;
    const cl_hash_key *hash_key;
    uint8_t state;
    uint8_t number_state;
    bool escaped;     // the string being read has escapes
    bool has_escapes; // some name has
    enum cl_err err;
    const char *reason; // why it was refused
    uint32_t at;        // all bytes before it are judged
    uint32_t string_at; // where the string being read began, behind its quote
    uint32_t depth;
    uint32_t depth_most; // levels of the whole text: 1 for {}
    uint32_t names_len;
    uint32_t names_cap;
    struct cl_json_name *names;     // of all open objects, outermost first
    uint32_t *buckets;              // NULL until an object is large
    struct cl_json_member *members; // in the order of the text; NULL until it was accepted
    uint32_t members_len;
    struct cl_json_frame frames[CL_JSON_DEPTH_MAX];
    struct cl_json_name names_inline[CL_JSON_NAMES_INLINE];
    struct cl_json_member members_inline[CL_JSON_MEMBERS_INLINE];
};

/* The arena and the key, which are borrowed for the life of the scan, serve large and hostile
 * texts; CL_JSON_SCAN_ARENA_BYTES_MAX is enough for any. There is nothing to undo. */
void cl_json_scan_init(struct cl_json_scan *scan, struct cl_arena *arena,
                       const cl_hash_key *hash_key);
/* The text from its beginning, at least as long as in the call before; it may have moved. Goes
 * on where it stopped. final: nothing follows. CL_ERR_MALFORMED with offset and reason, as
 * soon as no continuation could be valid; CL_ERR_NO_MEMORY; CL_ERR_TOO_LARGE from 4 GiB on.
 * After an error each further call answers the same. */
CL_MUST_CHECK enum cl_err cl_json_scan_feed(struct cl_json_scan *scan, cl_str text, bool final,
                                            struct cl_why *why);

/* After the last feed said CL_OK; the members point into its text. The name is compared after
 * decoding. NULL: there is none. */
const struct cl_json_member *cl_json_scan_member(const struct cl_json_scan *scan, cl_str name);

/* -- values -------------------------------------------------------------------------------- */

/* Walks the members of an object or the elements of an array:
 *     cl_json_cursor_init(&cursor, value);
 *     while (cl_json_cursor_next(&cursor, &member)) ...
 * Any other value has nothing to walk. */
struct cl_json_cursor {
    cl_str text;
    size_t at;
    bool is_object;
};

void cl_json_cursor_init(struct cl_json_cursor *cursor, cl_str value);
/* False at the end, with *ret_member untouched. */
bool cl_json_cursor_next(struct cl_json_cursor *cursor, struct cl_json_member *ret_member);

enum cl_json_type cl_json_type_of(cl_str value);
/* clawlink-v1.md: "absent, null, false, 0, "", [] or {} counts as missing". 0 has many
 * spellings: -0, 0.00, 0e5. An empty value is an absent one. */
bool cl_json_is_empty_value(cl_str value);

/* Is it a string, and that one? Needs no memory. */
bool cl_json_string_is(cl_str value, cl_str text);
/* The decoded string: the text itself where it has no escapes, otherwise in the arena. It may
 * contain NUL. CL_ERR_MALFORMED: it is no string. */
CL_MUST_CHECK enum cl_err cl_json_string(cl_str value, struct cl_arena *arena, cl_str *ret_text);
/* A decoded name of a member, likewise. */
CL_MUST_CHECK enum cl_err cl_json_name(const struct cl_json_member *member, struct cl_arena *arena,
                                       cl_str *ret_name);

/* False, with *ret_value untouched, when it is no such value. Whole numbers are those written
 * without fraction and exponent. A double is the nearest one; too large, or written with more
 * than 100 bytes, is false. */
bool cl_json_to_bool(cl_str value, bool *ret_value);
bool cl_json_to_u64(cl_str value, uint64_t *ret_value);
bool cl_json_to_i64(cl_str value, int64_t *ret_value);
bool cl_json_to_double(cl_str value, double *ret_value);

#endif
