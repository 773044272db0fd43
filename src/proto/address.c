// SPDX-License-Identifier: MIT
#include "proto/address.h"

#include <string.h>

#include "base/limits.h"
#include "base/utf8.h"

static bool
is_name_byte(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' ||
           c == '_' || c == '-';
}

bool
cl_name_is_valid(cl_str name)
{
    for (size_t i = 0; i < name.len; i++)
        if (!is_name_byte(name.ptr[i]))
            return false;
    return name.len > 0 && name.len <= CL_NAME_BYTES_MAX;
}

bool
cl_name_is_instance(cl_str name)
{
    return cl_name_is_valid(name) && !cl_str_eq(name, CL_STR("v1")) &&
           !cl_str_eq(name, CL_STR("relay"));
}

bool
cl_line_is_valid(cl_str line, size_t bytes_max)
{
    if (line.len == 0 || line.len > bytes_max)
        return false;
    for (size_t i = 0; i < line.len; i++) {
        uint8_t byte = (uint8_t)line.ptr[i];
        // C1 is U+0080 to U+009F: c2 80 to c2 9f.
        bool is_c1 = byte == 0xc2 && i + 1 < line.len && (uint8_t)line.ptr[i + 1] < 0xa0;
        if (byte < 0x20 || byte == 0x7f || is_c1)
            return false;
    }
    return cl_utf8_is_valid(line);
}

static bool
set(struct cl_address *ret_address, enum cl_address_kind kind, cl_str name)
{
    *ret_address = (struct cl_address){.kind = kind, .name = name};
    return true;
}

/* "head/name": the instance says of what kind it is. */
static bool
read_pair(cl_str head, cl_str name, struct cl_address *ret_address)
{
    if (cl_str_eq(head, CL_STR("v1")))
        return cl_line_is_valid(name, CL_ID_BYTES_MAX) && set(ret_address, CL_ADDRESS_V1, name);
    if (!cl_name_is_valid(head) || !cl_name_is_valid(name))
        return false;
    if (cl_str_eq(head, CL_STR("relay")))
        return set(ret_address, CL_ADDRESS_RELAY, name);
    *ret_address = (struct cl_address){.kind = CL_ADDRESS_AGENT, .instance = head, .name = name};
    return true;
}

bool
cl_address_read(cl_str text, struct cl_address *ret_address)
{
    cl_str head, name;
    if (cl_str_starts(text, CL_STR("cap:"))) {
        name = cl_str_part(text, 4, text.len);
        return cl_name_is_valid(name) && set(ret_address, CL_ADDRESS_CAP, name);
    }
    if (cl_str_starts(text, CL_STR("topic:"))) {
        name = cl_str_part(text, 6, text.len);
        return cl_line_is_valid(name, CL_TOPIC_BYTES_MAX) &&
               set(ret_address, CL_ADDRESS_TOPIC, name);
    }
    if (cl_str_split(text, '/', &head, &name))
        return read_pair(head, name, ret_address);
    // A colon is kept for more kinds to come.
    return cl_line_is_valid(text, CL_ID_BYTES_MAX) && cl_str_find(text, ':') == text.len &&
           set(ret_address, CL_ADDRESS_NAME, text);
}

cl_str
cl_address_id(const struct cl_address *address, cl_str text)
{
    if (address->kind == CL_ADDRESS_RELAY)
        return cl_str_of(NULL, 0);
    return address->kind == CL_ADDRESS_V1 ? address->name : text;
}

static enum cl_err
join(cl_str prefix, cl_str rest, struct cl_arena *arena, cl_str *ret_text)
{
    char *text = cl_arena_alloc(arena, prefix.len + rest.len);
    if (text == NULL)
        return CL_ERR_NO_MEMORY;
    memcpy(text, prefix.ptr, prefix.len);
    memcpy(text + prefix.len, rest.ptr, rest.len);
    *ret_text = cl_str_of(text, prefix.len + rest.len);
    return CL_OK;
}

enum cl_err
cl_address_of_id(cl_str id, struct cl_arena *arena, cl_str *ret_text)
{
    struct cl_address address;
    if (id.len == 0) {
        *ret_text = CL_STR(CL_ADDRESS_NOBODY);
        return CL_OK;
    }
    if (!cl_address_read(id, &address) || address.kind != CL_ADDRESS_AGENT)
        return join(CL_STR("v1/"), id, arena, ret_text);
    *ret_text = id;
    return CL_OK;
}

enum cl_err
cl_address_of_topic(cl_str topic, struct cl_arena *arena, cl_str *ret_text)
{
    if (!cl_line_is_valid(topic, CL_TOPIC_BYTES_MAX))
        return CL_ERR_MALFORMED;
    return join(CL_STR("topic:"), topic, arena, ret_text);
}
