// SPDX-License-Identifier: MIT
/*
 * wire/mdns.h - DNS messages as they go over a local network (RFC 1035, RFC 6762), strictly.
 *
 *     header · questions · answers · authorities · additionals
 *              name type class   name type class ttl length data
 *
 * A message is opened whole or not at all: after cl_mdns_open nothing in it can be broken any more,
 * so that nothing of a broken one is acted upon. Record types that are not listed here, and classes
 * other than IN, are passed over. Names inside of records come out without compression, so two
 * records say the same when their bytes are the same.
 *
 * Pure: no I/O, no allocation; all lies in the caller's structs.
 */
#ifndef CL_WIRE_MDNS_H
#define CL_WIRE_MDNS_H

#include "base/err.h"
#include "base/limits.h"
#include "base/str.h"

/* -- names ------------------------------------------------------------------------------------- */

/* A name and its parts, with the zero at the end, at the most (RFC 1035 section 2.3.4). */
#define CL_MDNS_NAME_BYTES_MAX  255
#define CL_MDNS_LABEL_BYTES_MAX 63

/* As on the wire and never compressed: length, label, length, label, ..., 0. */
typedef struct {
    uint8_t len; // 1: the root
    uint8_t wire[CL_MDNS_NAME_BYTES_MAX];
} cl_mdns_name;

/* The labels of a constant such as "_clawlink._tcp.local"; one that is no name is a bug. */
cl_mdns_name cl_mdns_name_of(cl_str dotted);
/* label in front of rest; any bytes may be in it. CL_ERR_TOO_LARGE: an empty or too long label, or
 * a name that gets too long. */
CL_MUST_CHECK enum cl_err cl_mdns_name_join(cl_str label, const cl_mdns_name *rest,
                                            cl_mdns_name *ret_name);
/* Letters A to Z compare without case, all other bytes exactly (RFC 6762 section 16). */
bool cl_mdns_name_eq(const cl_mdns_name *a, const cl_mdns_name *b);
/* The first label, empty for the root. It points into the name. */
cl_str cl_mdns_name_first(const cl_mdns_name *name);
/* The name without its first label; the root stays the root. */
cl_mdns_name cl_mdns_name_rest(const cl_mdns_name *name);

/* -- records ----------------------------------------------------------------------------------- */

enum cl_mdns_type {
    CL_MDNS_A = 1,
    CL_MDNS_PTR = 12,
    CL_MDNS_TXT = 16,
    CL_MDNS_AAAA = 28,
    CL_MDNS_SRV = 33,
    CL_MDNS_NSEC = 47,
    CL_MDNS_ANY = 255, // in questions only
};

struct cl_mdns_question {
    cl_mdns_name name;
    uint16_t type;      // any number: what nobody has, nobody answers
    bool wants_unicast; // RFC 6762 section 5.4
};

/* The longest data of our own making: a TXT record. */
#define CL_MDNS_DATA_BYTES_MAX CL_MDNS_TXT_BYTES_MAX

struct cl_mdns_record {
    cl_mdns_name name;
    uint16_t type;
    bool is_flush; // RFC 6762 section 10.2: there is no other record of that name and type
    uint32_t ttl;  // seconds; 0: the record has gone (section 10.1)
    uint16_t len;
    uint8_t data[CL_MDNS_DATA_BYTES_MAX]; // its names are not compressed
};

/* Sets type and data of a record. Names of the others stay as they are. */
void cl_mdns_set_ptr(struct cl_mdns_record *record, const cl_mdns_name *target);
void cl_mdns_set_srv(struct cl_mdns_record *record, const cl_mdns_name *host, uint16_t port);
void cl_mdns_set_a(struct cl_mdns_record *record, const uint8_t ip[static 4]);
void cl_mdns_set_aaaa(struct cl_mdns_record *record, const uint8_t ip[static 16]);
/* The record's own name has records of these types and no others (RFC 6762 section 6.1). Each
 * type is below 256; they are sorted upwards and end with 0. */
void cl_mdns_set_nsec(struct cl_mdns_record *record, const uint16_t *types);
/* An empty TXT record: one string without a byte (RFC 6763 section 6.1). */
void cl_mdns_set_txt(struct cl_mdns_record *record);
/* Adds "key=value". CL_ERR_TOO_LARGE changes nothing: more than 255 bytes, or no room. */
CL_MUST_CHECK enum cl_err cl_mdns_add_txt(struct cl_mdns_record *record, cl_str key, cl_str value);

/* What the data of a record of that type says; the record was read, or set by a function above. */
cl_mdns_name cl_mdns_ptr_target(const struct cl_mdns_record *record);
cl_mdns_name cl_mdns_srv_host(const struct cl_mdns_record *record);
uint16_t cl_mdns_srv_port(const struct cl_mdns_record *record);
/* The value of the first such key, in any case (RFC 6763 section 6.4). A key without '=' has an
 * empty value. False: there is none, and *ret_value is untouched. */
bool cl_mdns_txt_find(cl_str data, cl_str key, cl_str *ret_value);

/* The same name, type and data: a known answer, an echo, no conflict. */
bool cl_mdns_record_eq(const struct cl_mdns_record *a, const struct cl_mdns_record *b);
/* RFC 6762 section 8.2: by type, then byte by byte; below, equal or above 0. */
int cl_mdns_record_compare(const struct cl_mdns_record *a, const struct cl_mdns_record *b);

/* -- reading ----------------------------------------------------------------------------------- */

enum cl_mdns_section {
    CL_MDNS_QUESTION,
    CL_MDNS_ANSWER,
    CL_MDNS_AUTHORITY,
    CL_MDNS_ADDITIONAL,
};

/* A copy of it is a second walk over the same message. */
struct cl_mdns_reader {
    cl_str message;
    uint16_t id;
    bool is_response;
    bool is_truncated; // a query: known answers follow (RFC 6762 section 7.2)
    size_t at;
    enum cl_mdns_section section;
    uint16_t left[4]; // items that have not been read, by section
};

/*
 * Checks a whole datagram, which must stay where it is as long as it is read. CL_ERR_TOO_LARGE,
 * by its header alone: more than CL_MDNS_ITEMS_MAX items, or a query with more than
 * CL_MDNS_CLAIMS_MAX authorities. CL_ERR_MALFORMED:
 *   - shorter than its header, cut off, or longer than its items
 *   - an opcode or a response code other than 0 (RFC 6762 sections 18.3 and 18.11)
 *   - a name over 255 bytes, a label over 63 or of a reserved kind, a pointer that does not point
 *     backwards (so that there are no loops) or points into the header, more than
 *     CL_MDNS_POINTERS_MAX pointers in one name
 *   - data whose length is not that of its type, TXT strings that do not fill their record
 */
CL_MUST_CHECK enum cl_err cl_mdns_open(cl_str message, struct cl_mdns_reader *ret_reader);
/* The next question; false: there is none left. Before any record is read. */
bool cl_mdns_next_question(struct cl_mdns_reader *reader, struct cl_mdns_question *ret_question);
/* The next record of the listed types, with its section; false: there is none left. Passes over
 * questions that were not read. */
bool cl_mdns_next_record(struct cl_mdns_reader *reader, enum cl_mdns_section *ret_section,
                         struct cl_mdns_record *ret_record);

/* -- writing ----------------------------------------------------------------------------------- */

enum cl_mdns_style {
    CL_MDNS_COMPRESSED,
    CL_MDNS_WHOLE, // for resolvers that know no multicast DNS: no compression, no flush bit
};

struct cl_mdns_writer {
    uint8_t *ptr;
    size_t cap;
    size_t len;
    enum cl_mdns_style style;
    enum cl_mdns_section section; // of the last item: sections come in their order
    uint16_t counts[4];
    uint16_t names[CL_MDNS_WRITER_NAMES_MAX];      // where a name, or the rest of one, was written
    uint8_t names_bytes[CL_MDNS_WRITER_NAMES_MAX]; // how long each is without compression
    size_t names_len;
};

/* The message comes to lie at ptr, in cap bytes, of which there are 12 or more. */
void cl_mdns_begin(struct cl_mdns_writer *writer, void *ptr, size_t cap, enum cl_mdns_style style);
/* CL_ERR_TOO_LARGE changes nothing: it does not fit, or there are CL_MDNS_ITEMS_MAX. */
CL_MUST_CHECK enum cl_err cl_mdns_put_question(struct cl_mdns_writer *writer,
                                               const struct cl_mdns_question *question);
CL_MUST_CHECK enum cl_err cl_mdns_put_record(struct cl_mdns_writer *writer,
                                             enum cl_mdns_section section,
                                             const struct cl_mdns_record *record);

struct cl_mdns_head {
    uint16_t id; // 0, but for an answer to a resolver that knows no multicast DNS
    bool is_response;
    bool is_truncated;
};
/* Writes the header; the message is done. */
cl_str cl_mdns_end(struct cl_mdns_writer *writer, struct cl_mdns_head head);

#endif
