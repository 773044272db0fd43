// SPDX-License-Identifier: MIT
#include "wire/mdns.h"

#include <string.h>

#include "base/assert.h"
#include "wire/mdns_parts.h"

/* -- names ------------------------------------------------------------------------------------- */

cl_mdns_name
cl_mdns_name_of(cl_str dotted)
{
    cl_mdns_name name = {.len = 1};
    while (dotted.len > 0) {
        // From the last label to the first.
        size_t start = dotted.len;
        while (start > 0 && dotted.ptr[start - 1] != '.')
            start--;
        cl_str label = cl_str_part(dotted, start, dotted.len);
        enum cl_err err = cl_mdns_name_join(label, &name, &name);
        CL_ASSERT(err == CL_OK);
        dotted = cl_str_part(dotted, 0, start > 0 ? start - 1 : 0);
    }
    return name;
}

enum cl_err
cl_mdns_name_join(cl_str label, const cl_mdns_name *rest, cl_mdns_name *ret_name)
{
    if (label.len == 0 || label.len > CL_MDNS_LABEL_BYTES_MAX ||
        1 + label.len + rest->len > CL_MDNS_NAME_BYTES_MAX)
        return CL_ERR_TOO_LARGE;
    cl_mdns_name name = {.len = (uint8_t)(1 + label.len + rest->len)};
    name.wire[0] = (uint8_t)label.len;
    memcpy(name.wire + 1, label.ptr, label.len);
    memcpy(name.wire + 1 + label.len, rest->wire, rest->len);
    *ret_name = name;
    return CL_OK;
}

bool
cl_mdns_name_eq(const cl_mdns_name *a, const cl_mdns_name *b)
{
    // Lengths are below 'A', so folding the case of all bytes leaves them alone.
    return cl_str_eq_nocase(cl_str_of(a->wire, a->len), cl_str_of(b->wire, b->len));
}

cl_str
cl_mdns_name_first(const cl_mdns_name *name)
{
    return cl_str_of(name->wire + 1, name->wire[0]);
}

cl_mdns_name
cl_mdns_name_rest(const cl_mdns_name *name)
{
    cl_mdns_name rest = {.len = 1};
    if (name->wire[0] == 0)
        return rest;
    size_t skipped = 1 + (size_t)name->wire[0];
    rest.len = (uint8_t)(name->len - skipped);
    memcpy(rest.wire, name->wire + skipped, rest.len);
    return rest;
}

/* -- records ----------------------------------------------------------------------------------- */

static void
set_data(struct cl_mdns_record *record, enum cl_mdns_type type, const void *data, size_t len)
{
    record->type = (uint16_t)type;
    record->len = (uint16_t)len;
    memcpy(record->data, data, len);
}

void
cl_mdns_set_ptr(struct cl_mdns_record *record, const cl_mdns_name *target)
{
    set_data(record, CL_MDNS_PTR, target->wire, target->len);
}

void
cl_mdns_set_srv(struct cl_mdns_record *record, const cl_mdns_name *host, uint16_t port)
{
    static const uint8_t head[CL_MDNS_SRV_HEAD_BYTES] = {0};
    set_data(record, CL_MDNS_SRV, head, sizeof head);
    cl_mdns_put16(record->data + 4, port);
    memcpy(record->data + sizeof head, host->wire, host->len);
    record->len = (uint16_t)(sizeof head + host->len);
}

void
cl_mdns_set_a(struct cl_mdns_record *record, const uint8_t ip[static 4])
{
    set_data(record, CL_MDNS_A, ip, 4);
}

void
cl_mdns_set_aaaa(struct cl_mdns_record *record, const uint8_t ip[static 16])
{
    set_data(record, CL_MDNS_AAAA, ip, 16);
}

void
cl_mdns_set_nsec(struct cl_mdns_record *record, const uint16_t *types)
{
    uint8_t bits[2 + 32] = {0}; // RFC 4034 4.1.2: block 0, its length, one bit for each type
    for (; *types != 0; types++) {
        CL_ASSERT(*types < 256);
        bits[1] = (uint8_t)(*types / 8 + 1);
        bits[2 + *types / 8] |= (uint8_t)(0x80 >> *types % 8);
    }
    set_data(record, CL_MDNS_NSEC, record->name.wire, record->name.len);
    memcpy(record->data + record->len, bits, 2 + (size_t)bits[1]);
    record->len = (uint16_t)(record->len + 2 + bits[1]);
}

void
cl_mdns_set_txt(struct cl_mdns_record *record)
{
    set_data(record, CL_MDNS_TXT, "", 1);
}

enum cl_err
cl_mdns_add_txt(struct cl_mdns_record *record, cl_str key, cl_str value)
{
    size_t at = record->len == 1 ? 0 : record->len; // the first takes the place of the empty one
    size_t len = key.len + 1 + value.len;
    if (len > UINT8_MAX || at + 1 + len > sizeof record->data)
        return CL_ERR_TOO_LARGE;
    uint8_t *string = record->data + at;
    *string++ = (uint8_t)len;
    memcpy(string, key.ptr, key.len);
    string[key.len] = '=';
    if (value.len > 0)
        memcpy(string + key.len + 1, value.ptr, value.len);
    record->len = (uint16_t)(at + 1 + len);
    return CL_OK;
}

static cl_mdns_name
name_in(const struct cl_mdns_record *record, size_t at)
{
    cl_mdns_name name = {.len = (uint8_t)(record->len - at)};
    memcpy(name.wire, record->data + at, name.len);
    return name;
}

cl_mdns_name
cl_mdns_ptr_target(const struct cl_mdns_record *record)
{
    CL_ASSERT(record->type == CL_MDNS_PTR);
    return name_in(record, 0);
}

cl_mdns_name
cl_mdns_srv_host(const struct cl_mdns_record *record)
{
    CL_ASSERT(record->type == CL_MDNS_SRV);
    return name_in(record, CL_MDNS_SRV_HEAD_BYTES);
}

uint16_t
cl_mdns_srv_port(const struct cl_mdns_record *record)
{
    CL_ASSERT(record->type == CL_MDNS_SRV);
    return cl_mdns_get16(record->data + 4);
}

bool
cl_mdns_txt_find(cl_str data, cl_str key, cl_str *ret_value)
{
    while (data.len > 0) {
        cl_str name, value;
        size_t len = (uint8_t)data.ptr[0];
        (void)cl_str_split(cl_str_part(data, 1, len), '=', &name, &value);
        if (cl_str_eq_nocase(name, key)) {
            *ret_value = value;
            return true;
        }
        data = cl_str_part(data, 1 + len, data.len);
    }
    return false;
}

int
cl_mdns_record_compare(const struct cl_mdns_record *a, const struct cl_mdns_record *b)
{
    if (a->type != b->type)
        return a->type < b->type ? -1 : 1;
    return cl_str_compare(cl_str_of(a->data, a->len), cl_str_of(b->data, b->len));
}

/* The names in it compare as names do, everything else as bytes. */
static bool
data_eq(const struct cl_mdns_record *a, const struct cl_mdns_record *b)
{
    cl_str one = cl_str_of(a->data, a->len), two = cl_str_of(b->data, b->len);
    size_t head = a->type == CL_MDNS_SRV ? CL_MDNS_SRV_HEAD_BYTES : 0;
    if (a->type != CL_MDNS_SRV && a->type != CL_MDNS_PTR)
        return cl_str_eq(one, two);
    return cl_str_eq(cl_str_part(one, 0, head), cl_str_part(two, 0, head)) &&
           cl_str_eq_nocase(cl_str_part(one, head, one.len), cl_str_part(two, head, two.len));
}

bool
cl_mdns_record_eq(const struct cl_mdns_record *a, const struct cl_mdns_record *b)
{
    return a->type == b->type && cl_mdns_name_eq(&a->name, &b->name) && data_eq(a, b);
}
