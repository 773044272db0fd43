// SPDX-License-Identifier: MIT
#include <string.h>

#include "base/assert.h"
#include "wire/mdns.h"
#include "wire/mdns_parts.h"

/* RFC 1035 4.1.1: the bits of the second word that must be 0, opcode and response code. */
#define FLAG_RESPONSE  0x8000u
#define FLAG_TRUNCATED 0x0200u
#define FLAGS_REFUSED  0x780fu
/* RFC 1035 4.1.4: the two highest bits of a length say that it is a pointer. */
#define POINTER 0xc0u
/* Class IN, and the bit that RFC 6762 18.12 and 18.13 put above the class. */
#define CLASS_IN  1u
#define CLASS_ANY 255u
#define CLASS_BIT 0x8000u

static const uint8_t *
bytes_of(cl_str message)
{
    return (const uint8_t *)message.ptr;
}

/* -- names ------------------------------------------------------------------------------------- */

/* Follows a pointer at `at`. It leads before the part of the name that it ends, so every further
 * one leads further back, and there is an end. */
static bool
follow(cl_str message, size_t at, size_t part, size_t *ret_target)
{
    const uint8_t *bytes = bytes_of(message);
    if (message.len - at < 2)
        return false;
    size_t target = cl_mdns_get16(bytes + at) & 0x3fffu;
    if (target >= part || target < CL_MDNS_HEADER_BYTES)
        return false;
    *ret_target = target;
    return true;
}

bool
cl_mdns_read_name(cl_str message, size_t *at, size_t end, cl_mdns_name *ret_name)
{
    cl_str within = cl_str_part(message, 0, end);
    const uint8_t *bytes = bytes_of(message);
    cl_mdns_name name = {0};
    size_t here = *at, part = *at, behind = 0; // behind the name; 0: no pointer was met so far
    unsigned pointers = 0;
    for (;;) {
        if (here >= within.len)
            return false;
        size_t len = bytes[here];
        if ((len & POINTER) == POINTER) {
            if (behind == 0)
                behind = here + 2;
            if (++pointers > CL_MDNS_POINTERS_MAX || !follow(within, here, part, &here))
                return false;
            part = here;
            continue;
        }
        if (len > CL_MDNS_LABEL_BYTES_MAX || name.len + 1 + len > CL_MDNS_NAME_BYTES_MAX ||
            within.len - here < 1 + len)
            return false;
        memcpy(name.wire + name.len, bytes + here, 1 + len);
        name.len = (uint8_t)(name.len + 1 + len);
        here += 1 + len;
        if (len == 0)
            break;
    }
    *at = behind != 0 ? behind : here;
    *ret_name = name;
    return true;
}

/* -- data -------------------------------------------------------------------------------------- */

/* Head bytes as they are, then one name, which is the end of the data, or tail bytes behind it. */
static bool
read_named(cl_str message, size_t at, size_t end, struct cl_mdns_record *record)
{
    cl_mdns_name name;
    size_t head = record->type == CL_MDNS_SRV ? CL_MDNS_SRV_HEAD_BYTES : 0;
    if (end - at < head)
        return false;
    memcpy(record->data, message.ptr + at, head);
    at += head;
    if (!cl_mdns_read_name(message, &at, end, &name))
        return false;
    memcpy(record->data + head, name.wire, name.len);
    record->len = (uint16_t)(head + name.len);
    if (record->type != CL_MDNS_NSEC)
        return at == end;

    // RFC 6762 6.1: block 0 alone, 1 to 32 bytes; RFC 4034 4.1.2: nothing behind it.
    size_t tail = end - at;
    const uint8_t *bits = bytes_of(message) + at;
    if (tail < 3 || tail > 2 + 32 || bits[0] != 0 || bits[1] != tail - 2)
        return false;
    memcpy(record->data + record->len, bits, tail);
    record->len = (uint16_t)(record->len + tail);
    return true;
}

/* RFC 6763 6.1: strings that fill the data exactly. One that is too long for us reads as empty. */
static bool
read_txt(cl_str data, struct cl_mdns_record *record)
{
    size_t at = 0;
    while (at < data.len)
        at += 1 + (size_t)(uint8_t)data.ptr[at];
    if (at != data.len || data.len == 0)
        return false;
    if (data.len > sizeof record->data) {
        cl_mdns_set_txt(record);
        return true;
    }
    memcpy(record->data, data.ptr, data.len);
    record->len = (uint16_t)data.len;
    return true;
}

static bool
read_bytes(cl_str data, size_t want, struct cl_mdns_record *record)
{
    if (data.len != want)
        return false;
    memcpy(record->data, data.ptr, want);
    record->len = (uint16_t)want;
    return true;
}

/* False: broken. *ret_is_ours stays false for a type that is none of ours. */
static bool
read_data(cl_str message, size_t at, size_t end, struct cl_mdns_record *record, bool *ret_is_ours)
{
    cl_str data = cl_str_part(message, at, end - at);
    *ret_is_ours = true;
    switch ((enum cl_mdns_type)record->type) {
    case CL_MDNS_A:
        return read_bytes(data, 4, record);
    case CL_MDNS_AAAA:
        return read_bytes(data, 16, record);
    case CL_MDNS_PTR:
    case CL_MDNS_SRV:
        return read_named(message, at, end, record);
    case CL_MDNS_NSEC:
        // RFC 6762 6.1: in another form than the restricted one it is ignored.
        *ret_is_ours = read_named(message, at, end, record);
        return true;
    case CL_MDNS_TXT:
        return read_txt(data, record);
    case CL_MDNS_ANY:
        break;
    }
    *ret_is_ours = false;
    return true;
}

/* -- items ------------------------------------------------------------------------------------- */

static bool
read_question(struct cl_mdns_reader *reader, struct cl_mdns_question *question, bool *ret_is_ours)
{
    const uint8_t *bytes = bytes_of(reader->message);
    if (!cl_mdns_read_name(reader->message, &reader->at, reader->message.len, &question->name) ||
        reader->message.len - reader->at < 4)
        return false;
    uint16_t class = cl_mdns_get16(bytes + reader->at + 2);
    question->type = cl_mdns_get16(bytes + reader->at);
    question->wants_unicast = (class & CLASS_BIT) != 0;
    class = (uint16_t)(class & ~CLASS_BIT);
    *ret_is_ours = class == CLASS_IN || class == CLASS_ANY;
    reader->at += 4;
    return true;
}

static bool
read_record(struct cl_mdns_reader *reader, struct cl_mdns_record *record, bool *ret_is_ours)
{
    cl_str message = reader->message;
    if (!cl_mdns_read_name(message, &reader->at, message.len, &record->name) ||
        message.len - reader->at < 10)
        return false;
    const uint8_t *fixed = bytes_of(message) + reader->at;
    uint16_t class = cl_mdns_get16(fixed + 2);
    size_t len = cl_mdns_get16(fixed + 8);
    record->type = cl_mdns_get16(fixed);
    record->is_flush = (class & CLASS_BIT) != 0;
    record->ttl = (uint32_t)cl_mdns_get16(fixed + 4) << 16 | cl_mdns_get16(fixed + 6);
    // RFC 2181 8: the highest bit is no part of the number, and such a number counts as 0.
    if (record->ttl > INT32_MAX)
        record->ttl = 0;
    reader->at += 10;
    if (message.len - reader->at < len)
        return false;
    size_t at = reader->at;
    reader->at += len;
    if ((class & ~CLASS_BIT) != CLASS_IN) {
        *ret_is_ours = false;
        return true;
    }
    return read_data(message, at, at + len, record, ret_is_ours);
}

/* Moves on to a section with something left; false: there is none up to that one. */
static bool
find_section(struct cl_mdns_reader *reader, enum cl_mdns_section last)
{
    while (reader->left[reader->section] == 0) {
        if (reader->section >= last)
            return false;
        reader->section++;
    }
    return reader->section <= last;
}

bool
cl_mdns_next_question(struct cl_mdns_reader *reader, struct cl_mdns_question *ret_question)
{
    while (find_section(reader, CL_MDNS_QUESTION)) {
        bool is_ours;
        reader->left[CL_MDNS_QUESTION]--;
        bool is_good = read_question(reader, ret_question, &is_ours);
        CL_ASSERT(is_good); // cl_mdns_open has looked
        if (is_ours)
            return true;
    }
    return false;
}

bool
cl_mdns_next_record(struct cl_mdns_reader *reader, enum cl_mdns_section *ret_section,
                    struct cl_mdns_record *ret_record)
{
    struct cl_mdns_question passed;
    while (cl_mdns_next_question(reader, &passed)) {
    }
    while (find_section(reader, CL_MDNS_ADDITIONAL)) {
        bool is_ours;
        reader->left[reader->section]--;
        bool is_good = read_record(reader, ret_record, &is_ours);
        CL_ASSERT(is_good); // cl_mdns_open has looked
        if (is_ours) {
            *ret_section = reader->section;
            return true;
        }
    }
    return false;
}

/* -- opening ----------------------------------------------------------------------------------- */

static bool
check_items(struct cl_mdns_reader reader)
{
    bool is_ours;
    struct cl_mdns_question question;
    struct cl_mdns_record record;
    for (; reader.left[CL_MDNS_QUESTION] > 0; reader.left[CL_MDNS_QUESTION]--)
        if (!read_question(&reader, &question, &is_ours))
            return false;
    while (find_section(&reader, CL_MDNS_ADDITIONAL)) {
        reader.left[reader.section]--;
        if (!read_record(&reader, &record, &is_ours))
            return false;
    }
    return reader.at == reader.message.len;
}

enum cl_err
cl_mdns_open(cl_str message, struct cl_mdns_reader *ret_reader)
{
    const uint8_t *bytes = bytes_of(message);
    struct cl_mdns_reader reader = {.message = message, .at = CL_MDNS_HEADER_BYTES};
    size_t items = 0;
    if (message.len < CL_MDNS_HEADER_BYTES)
        return CL_ERR_MALFORMED;
    uint16_t flags = cl_mdns_get16(bytes + 2);
    reader.id = cl_mdns_get16(bytes);
    reader.is_response = (flags & FLAG_RESPONSE) != 0;
    reader.is_truncated = (flags & FLAG_TRUNCATED) != 0;
    for (int i = 0; i < 4; i++) {
        reader.left[i] = cl_mdns_get16(bytes + 4 + 2 * (ptrdiff_t)i);
        items += reader.left[i];
    }
    if (items > CL_MDNS_ITEMS_MAX ||
        (!reader.is_response && reader.left[CL_MDNS_AUTHORITY] > CL_MDNS_CLAIMS_MAX))
        return CL_ERR_TOO_LARGE;
    if ((flags & FLAGS_REFUSED) != 0 || !check_items(reader))
        return CL_ERR_MALFORMED;
    *ret_reader = reader;
    return CL_OK;
}
