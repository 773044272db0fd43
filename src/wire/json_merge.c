// SPDX-License-Identifier: MIT
#include "wire/json_merge.h"

#include "wire/json.h"

static bool
is_called(const struct cl_json_member *member, cl_str name)
{
    // With its quotes a name is a string like any other.
    return cl_json_string_is(cl_str_of(member->name.ptr - 1, member->name.len + 2), name);
}

static bool
has_member(cl_str object, cl_str name)
{
    struct cl_json_cursor cursor;
    struct cl_json_member member;
    cl_json_cursor_init(&cursor, object);
    while (cl_json_cursor_next(&cursor, &member))
        if (is_called(&member, name))
            return true;
    return false;
}

static enum cl_err
put_line(struct cl_buf *out, bool is_first, cl_str name, cl_str value)
{
    return cl_buf_printf(out, "%s\n  \"%.*s\": %.*s", is_first ? "" : ",", CL_STR_ARG(name),
                         CL_STR_ARG(value));
}

enum cl_err
cl_json_merge(cl_str object, const struct cl_json_put *puts, size_t puts_len, struct cl_buf *out)
{
    struct cl_json_cursor cursor;
    struct cl_json_member member;
    bool is_first = true;
    enum cl_err err = cl_buf_append_byte(out, '{');
    cl_json_cursor_init(&cursor, object);
    while (err == CL_OK && cl_json_cursor_next(&cursor, &member)) {
        cl_str value = member.value;
        for (size_t i = 0; i < puts_len; i++)
            if (is_called(&member, puts[i].name))
                value = puts[i].value;
        err = put_line(out, is_first, member.name, value);
        is_first = false;
    }
    for (size_t i = 0; err == CL_OK && i < puts_len; i++) {
        if (has_member(object, puts[i].name))
            continue;
        err = put_line(out, is_first, puts[i].name, puts[i].value);
        is_first = false;
    }
    return err == CL_OK ? cl_buf_append(out, CL_STR("\n}")) : err;
}
