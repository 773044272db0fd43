// SPDX-License-Identifier: MIT
#include "cli/wanted.h"

#include <string.h>

#include "proto/address.h"

/* As v1 shows an id: its first bytes. */
#define V1_BYTES 6

static bool
is_v1(cl_str text)
{
    for (size_t i = 0; i < text.len; i++)
        if (cl_str_hex_digit(text.ptr[i]) < 0)
            return false;
    return text.len == (size_t)2 * V1_BYTES;
}

/* Letters of base64url, which names have as well, but for the dot. */
static bool
is_beginning(cl_str text)
{
    return text.len >= CL_WANTED_BYTES_MIN && text.len < CL_ID_TEXT_CAP - 1 &&
           cl_name_is_valid(text) && cl_str_find(text, '.') == text.len;
}

enum cl_err
cl_wanted_read(cl_str text, struct cl_wanted *ret_wanted, struct cl_why *why)
{
    struct cl_wanted wanted = {.text = text};
    wanted.is_whole = cl_id_from_text(text, &wanted.id);
    if (!wanted.is_whole && !is_beginning(text))
        return cl_fail(CL_ERR_USAGE, why,
                       "\"%.*s\" is no id of a message: those have %d characters, as `clawlink "
                       "send` and `clawlink inbox` print them, or the first %d or more of them.",
                       CL_STR_ARG(cl_str_part(text, 0, 80)), CL_ID_TEXT_CAP - 1,
                       CL_WANTED_BYTES_MIN);
    *ret_wanted = wanted;
    return CL_OK;
}

static bool
has_v1_id(cl_str text, cl_id id)
{
    for (size_t i = 0; i < V1_BYTES; i++)
        if (cl_str_hex_digit(text.ptr[2 * i]) * 16 + cl_str_hex_digit(text.ptr[2 * i + 1]) !=
            id.bytes[i])
            return false;
    return true;
}

static bool
fits(const struct cl_wanted *wanted, cl_id id)
{
    char text[CL_ID_TEXT_CAP];
    if (wanted->is_whole)
        return memcmp(&wanted->id, &id, sizeof id) == 0;
    cl_id_text(id, text);
    return cl_str_starts(cl_str_z(text), wanted->text) ||
           (is_v1(wanted->text) && has_v1_id(wanted->text, id));
}

bool
cl_wanted_meet(struct cl_wanted *wanted, cl_id id)
{
    if (!fits(wanted, id))
        return false;
    wanted->is_two =
        wanted->is_two || (wanted->is_found && memcmp(&wanted->id, &id, sizeof id) != 0);
    wanted->is_found = true;
    wanted->id = id;
    return true;
}

enum cl_err
cl_wanted_check(const struct cl_wanted *wanted, const char *where, struct cl_why *why)
{
    if (wanted->is_two)
        return cl_fail(CL_ERR_AMBIGUOUS, why,
                       "Several messages begin with \"%.*s\": write more of the id.",
                       CL_STR_ARG(wanted->text));
    if (wanted->is_whole || wanted->is_found)
        return CL_OK;
    return cl_fail(CL_ERR_NOT_FOUND, why,
                   "No message %s is called \"%.*s\". Of any other the relay wants the whole id, "
                   "%d characters.",
                   where, CL_STR_ARG(wanted->text), CL_ID_TEXT_CAP - 1);
}

enum cl_err
cl_wanted_resolve(struct cl_run *run, cl_str text, const struct cl_wanted_list *list, cl_id *ret_id,
                  struct cl_why *why)
{
    struct cl_wanted wanted;
    enum cl_err err = cl_wanted_read(text, &wanted, why);
    if (err == CL_OK && !wanted.is_whole)
        err = list->look(run, &wanted, 1, why);
    if (err == CL_OK)
        err = cl_wanted_check(&wanted, list->where, why);
    if (err == CL_OK)
        *ret_id = wanted.id;
    return err;
}
