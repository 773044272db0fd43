// SPDX-License-Identifier: MIT
#include <string.h>

#include "base/assert.h"
#include "wire/mdns.h"
#include "wire/mdns_parts.h"

#define FLAG_RESPONSE      0x8000u
#define FLAG_AUTHORITATIVE 0x0400u // RFC 6762 18.4: in every response
#define FLAG_TRUNCATED     0x0200u
#define CLASS_IN           1u
#define CLASS_BIT          0x8000u
#define POINTER            0xc000u
/* What a pointer can reach. */
#define OFFSET_MAX 0x3fffu

void
cl_mdns_begin(struct cl_mdns_writer *writer, void *ptr, size_t cap, enum cl_mdns_style style)
{
    CL_ASSERT(cap >= CL_MDNS_HEADER_BYTES);
    writer->ptr = ptr;
    writer->cap = cap;
    writer->len = CL_MDNS_HEADER_BYTES;
    writer->style = style;
    writer->section = CL_MDNS_QUESTION;
    memset(writer->counts, 0, sizeof writer->counts);
    writer->names_len = 0;
}

static bool
put_bytes(struct cl_mdns_writer *writer, const void *bytes, size_t len)
{
    if (writer->cap - writer->len < len)
        return false;
    memcpy(writer->ptr + writer->len, bytes, len);
    writer->len += len;
    return true;
}

static bool
put_number(struct cl_mdns_writer *writer, uint16_t number)
{
    uint8_t bytes[2];
    cl_mdns_put16(bytes, number);
    return put_bytes(writer, bytes, sizeof bytes);
}

/* Does the name that was written at that place spell exactly this one? Pointers in it are ours and
 * lead backwards. */
static bool
is_written_at(const struct cl_mdns_writer *writer, size_t at, const uint8_t *wire)
{
    for (;;) {
        const uint8_t *here = writer->ptr + at;
        if ((*here & 0xc0) == 0xc0) {
            at = cl_mdns_get16(here) & OFFSET_MAX;
            continue;
        }
        if (*here != *wire || memcmp(here, wire, 1 + (size_t)*wire) != 0)
            return false;
        if (*wire == 0)
            return true;
        at += 1 + (size_t)*wire;
        wire += 1 + (size_t)*wire;
    }
}

/* Which of the first `known` names, or ends of names, is that one; 0: none. Only those of its
 * length are looked at: names of many labels that end alike would cost their product. */
static size_t
find_name(const struct cl_mdns_writer *writer, size_t known, const uint8_t *wire, size_t len)
{
    for (size_t i = 0; writer->style == CL_MDNS_COMPRESSED && i < known; i++)
        if (writer->names_bytes[i] == len && is_written_at(writer, writer->names[i], wire))
            return writer->names[i];
    return 0;
}

static bool
put_name(struct cl_mdns_writer *writer, const uint8_t *wire, size_t len)
{
    size_t known = writer->names_len; // this one itself has no end yet
    while (*wire != 0) {
        size_t before = find_name(writer, known, wire, len), label = 1 + (size_t)*wire;
        if (before != 0)
            return put_number(writer, (uint16_t)(POINTER | before));
        size_t at = writer->len;
        if (!put_bytes(writer, wire, label))
            return false;
        if (at <= OFFSET_MAX && writer->names_len < CL_MDNS_WRITER_NAMES_MAX) {
            writer->names_bytes[writer->names_len] = (uint8_t)len;
            writer->names[writer->names_len++] = (uint16_t)at;
        }
        wire += label;
        len -= label;
    }
    return put_bytes(writer, wire, 1);
}

/* Names may be compressed in the data of these types (RFC 6762 section 18.14). */
static bool
put_data(struct cl_mdns_writer *writer, const struct cl_mdns_record *record)
{
    size_t head = record->type == CL_MDNS_SRV ? CL_MDNS_SRV_HEAD_BYTES : 0;
    if (record->type != CL_MDNS_PTR && record->type != CL_MDNS_SRV)
        return put_bytes(writer, record->data, record->len);
    return put_bytes(writer, record->data, head) &&
           put_name(writer, record->data + head, record->len - head);
}

static bool
put_whole_record(struct cl_mdns_writer *writer, const struct cl_mdns_record *record)
{
    bool is_flush = record->is_flush && writer->style == CL_MDNS_COMPRESSED;
    if (!put_name(writer, record->name.wire, record->name.len) ||
        !put_number(writer, record->type) ||
        !put_number(writer, (uint16_t)(CLASS_IN | (is_flush ? CLASS_BIT : 0))) ||
        !put_number(writer, (uint16_t)(record->ttl >> 16)) ||
        !put_number(writer, (uint16_t)record->ttl))
        return false;
    size_t length_at = writer->len;
    if (!put_number(writer, 0) || !put_data(writer, record))
        return false;
    cl_mdns_put16(writer->ptr + length_at, (uint16_t)(writer->len - length_at - 2));
    return true;
}

static bool
put_whole_question(struct cl_mdns_writer *writer, const struct cl_mdns_question *question)
{
    return put_name(writer, question->name.wire, question->name.len) &&
           put_number(writer, question->type) &&
           put_number(writer, (uint16_t)(CLASS_IN | (question->wants_unicast ? CLASS_BIT : 0)));
}

static bool
is_full(const struct cl_mdns_writer *writer)
{
    size_t items = 0;
    for (int i = 0; i < 4; i++)
        items += writer->counts[i];
    return items >= CL_MDNS_ITEMS_MAX;
}

enum cl_err
cl_mdns_put_question(struct cl_mdns_writer *writer, const struct cl_mdns_question *question)
{
    size_t len = writer->len, names_len = writer->names_len;
    CL_ASSERT(writer->section == CL_MDNS_QUESTION);
    if (is_full(writer) || !put_whole_question(writer, question)) {
        writer->len = len;
        writer->names_len = names_len;
        return CL_ERR_TOO_LARGE;
    }
    writer->counts[CL_MDNS_QUESTION]++;
    return CL_OK;
}

enum cl_err
cl_mdns_put_record(struct cl_mdns_writer *writer, enum cl_mdns_section section,
                   const struct cl_mdns_record *record)
{
    size_t len = writer->len, names_len = writer->names_len;
    CL_ASSERT(section != CL_MDNS_QUESTION && section >= writer->section);
    if (is_full(writer) || !put_whole_record(writer, record)) {
        writer->len = len;
        writer->names_len = names_len;
        return CL_ERR_TOO_LARGE;
    }
    writer->section = section;
    writer->counts[section]++;
    return CL_OK;
}

cl_str
cl_mdns_end(struct cl_mdns_writer *writer, struct cl_mdns_head head)
{
    uint16_t flags = head.is_response ? FLAG_RESPONSE | FLAG_AUTHORITATIVE : 0;
    cl_mdns_put16(writer->ptr, head.id);
    cl_mdns_put16(writer->ptr + 2, (uint16_t)(flags | (head.is_truncated ? FLAG_TRUNCATED : 0)));
    for (int i = 0; i < 4; i++)
        cl_mdns_put16(writer->ptr + 4 + 2 * (ptrdiff_t)i, writer->counts[i]);
    return cl_str_of(writer->ptr, writer->len);
}
