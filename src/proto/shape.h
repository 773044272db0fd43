// SPDX-License-Identifier: MIT
/*
 * proto/shape.h - JSON objects that are described once, read and written by that description.
 *
 * A shape lists the members of an object and where each lies in a C struct. Reading is as strict as
 * the description; strings are views of the text, and in the arena only where they had escapes.
 * Writing puts the members in the order of the shape and leaves out optional ones that are absent.
 *
 *     #define CL_FIELDS_pair(F, S)                                \
 *         F(S, ADDRESS, REQUIRED, from, CL_ADDRESS_AGENT, NULL)   \
 *         F(S, LINE,    OPTIONAL, name, 128,              NULL)
 *     CL_SHAPE_STRUCT(pair)            // struct cl_pair { cl_str from; cl_str name; };
 *     CL_SHAPE_DEFINE(pair)            // const struct cl_shape cl_pair_shape, in one .c
 */
#ifndef CL_PROTO_SHAPE_H
#define CL_PROTO_SHAPE_H

#include "base/arena.h"
#include "base/err.h"
#include "base/limits.h"
#include "core/types.h"
#include "wire/json_write.h"

/* Bytes of a stream's name (v2.md, The envelope: str). */
#define CL_STREAM_BYTES 8

/* A number that may be absent, where 0 is one. */
typedef struct {
    bool is_set;
    uint64_t value;
} cl_maybe;

/* Elements of one shape, borrowed. */
typedef struct {
    const void *ptr;
    uint32_t len;
} cl_items;

/* Strings, borrowed. */
typedef struct {
    const cl_str *ptr;
    uint32_t len;
} cl_strs;

/* The strings of an envelope as they were sent, base64url (proto/envelope.h). Borrowed. */
struct cl_envelope {
    cl_str protected; // the header
    cl_str payload;
    cl_str signature; // empty: there is none
};

// clang-format off
/* TYPE, its C type, and what is read. Absent is: an empty string, 0, NULL, no element. Numbers are
 * whole and have no sign, no fraction and no exponent.
 *     LINE      a string of 1 to max bytes without control characters
 *     TEXT      a string of 1 to max bytes
 *     NAME      cl_name_is_valid;       ADDRESS  cl_address_read, of the kinds in max
 *     ID        16 bytes in base64url   STREAM   8 bytes in base64url, big endian
 *     NUMBER    up to max; 0 when absent
 *     MAYBE     the same, where 0 is not absent
 *     PRIORITY  0 to 3; absent is CL_PRIORITY_NORMAL, and that is not written
 *     WORD      an index of the words in extra, max of them; optional ones are not the first
 *     RAW       an object of up to max bytes, as it was sent
 *     OBJECT    of the shape in extra   LIST     up to max of them
 *     STRINGS   up to max of LINEs of CL_V2_STRING_BYTES_MAX
 *     AT        [lane, number]          RANGES   1 to max [lane, first, last]
 *     ENVELOPE  {"protected", "payload", "signature"}, the last optional; not looked into */
#define CL_SHAPE_TYPE_MAP(X)                \
    X(LINE,     cl_str)                     \
    X(TEXT,     cl_str)                     \
    X(NAME,     cl_str)                     \
    X(ADDRESS,  cl_str)                     \
    X(ID,       cl_id)                      \
    X(STREAM,   cl_maybe)                   \
    X(NUMBER,   uint64_t)                   \
    X(MAYBE,    cl_maybe)                   \
    X(BOOL,     bool)                       \
    X(PRIORITY, uint8_t)                    \
    X(WORD,     uint8_t)                    \
    X(RAW,      cl_str)                     \
    X(OBJECT,   const void *)               \
    X(LIST,     cl_items)                   \
    X(STRINGS,  cl_strs)                    \
    X(AT,       struct cl_range)            \
    X(RANGES,   cl_ranges)                  \
    X(ENVELOPE, struct cl_envelope)
// clang-format on

enum cl_shape_type {
#define X(TYPE, ctype) CL_SHAPE_##TYPE,
    CL_SHAPE_TYPE_MAP(X)
#undef X
        CL_SHAPE_TYPE_COUNT
};

#define X(TYPE, ctype) typedef ctype cl_shape_##TYPE;
CL_SHAPE_TYPE_MAP(X)
#undef X

enum cl_shape_want { CL_SHAPE_OPTIONAL, CL_SHAPE_REQUIRED };

struct cl_shape_field {
    cl_str name;
    cl_str written; // the name with its quotes and a colon
    enum cl_shape_type type;
    enum cl_shape_want want;
    uint32_t offset;
    uint64_t max;
    const void *extra; // struct cl_shape of OBJECT and LIST, cl_str[] of WORD
};

struct cl_shape {
    const struct cl_shape_field *fields;
    uint32_t fields_len; // CL_SHAPE_FIELDS_MAX at most
    uint32_t size;       // of the struct
};

#define CL_SHAPE_FIELDS_MAX 32

#define CL_SHAPE_MEMBER(S, TYPE, WANT, member, max, extra) cl_shape_##TYPE member;
#define CL_SHAPE_FIELD(S, TYPE, WANT, member, max, extra) \
    {CL_STR_INIT(#member),                                \
     CL_STR_INIT("\"" #member "\":"),                     \
     CL_SHAPE_##TYPE,                                     \
     CL_SHAPE_##WANT,                                     \
     (uint32_t)offsetof(struct cl_##S, member),           \
     (max),                                               \
     (extra)},
/* No semicolon follows either of them. */
#define CL_SHAPE_STRUCT(S)                \
    struct cl_##S {                       \
        CL_FIELDS_##S(CL_SHAPE_MEMBER, S) \
    };                                    \
    extern const struct cl_shape cl_##S##_shape;
#define CL_SHAPE_DEFINE(S)                                                                        \
    static const struct cl_shape_field S##_fields[] = {CL_FIELDS_##S(CL_SHAPE_FIELD, S)};         \
    const struct cl_shape cl_##S##_shape = {S##_fields, sizeof S##_fields / sizeof S##_fields[0], \
                                            sizeof(struct cl_##S)};

/* How a text is read. */
struct cl_shape_reader {
    struct cl_arena *arena; // what is read lives as long as it, and as the text
    bool is_lenient;        // members that the shape does not have are passed over
};

/* The object, a value out of a scan that accepted it. CL_ERR_MALFORMED and CL_ERR_MISSING name the
 * member in why; CL_ERR_TOO_LARGE: more elements than the shape allows; CL_ERR_NO_MEMORY. Then
 * *ret_value is spoilt, as it is one struct of many fields. */
CL_MUST_CHECK enum cl_err cl_shape_read(const struct cl_shape_reader *reader,
                                        const struct cl_shape *shape, cl_str object,
                                        void *ret_value, struct cl_why *why);

/* An object of exactly the strings of an envelope, all base64url, without escapes: a value out of a
 * scan that accepted it. A signature that is there is not empty. False, with *ret_envelope
 * untouched, for anything else. */
bool cl_shape_envelope(cl_str object, struct cl_envelope *ret_envelope);

/* The object, or only its members. What is put there must be within the bounds of the shape, which
 * are not looked at. */
void cl_shape_put(struct cl_json_writer *json, const struct cl_shape *shape, const void *value);
void cl_shape_put_members(struct cl_json_writer *json, const struct cl_shape *shape,
                          const void *value);

#endif
