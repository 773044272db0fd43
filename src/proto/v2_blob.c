// SPDX-License-Identifier: MIT
#include "proto/v2_blob.h"

#include "base/limits.h"

/* -- uploads ----------------------------------------------------------------------------------- */

/* *ret_value is untouched where there is no such field. */
static enum cl_err
read_number(const struct cl_http_head *head, const char *name, uint64_t *ret_value,
            struct cl_why *why)
{
    cl_str value;
    size_t count = cl_http_field_count(head, cl_str_z(name));
    if (count == 0)
        return CL_OK;
    if (count > 1 || !cl_http_field(head, cl_str_z(name), &value) ||
        !cl_str_to_u64(value, CL_V2_NUMBER_MAX, ret_value))
        return cl_fail(CL_ERR_MALFORMED, why, "%s is one whole number", name);
    return CL_OK;
}

enum cl_err
cl_v2_upload_read(const struct cl_http_head *head, struct cl_v2_upload *ret_upload,
                  struct cl_why *why)
{
    struct cl_v2_upload upload = {.offset = 0, .length = UINT64_MAX};
    enum cl_err err = read_number(head, "Upload-Offset", &upload.offset, why);
    if (err == CL_OK)
        err = read_number(head, "Upload-Length", &upload.length, why);
    if (err != CL_OK)
        return err;
    if (upload.length == UINT64_MAX)
        return cl_fail(CL_ERR_MISSING, why, "Upload-Length is required: the size of the blob");
    if (upload.length == 0)
        return cl_fail(CL_ERR_MALFORMED, why, "a blob has one byte or more");
    if (upload.offset > upload.length)
        return cl_fail(CL_ERR_MALFORMED, why, "Upload-Offset lies behind Upload-Length");
    *ret_upload = upload;
    return CL_OK;
}

/* -- ranges ------------------------------------------------------------------------------------ */

static const struct cl_v2_range all = {.kind = CL_V2_RANGE_ALL};

/* "-500": the last so many bytes. */
static struct cl_v2_range
read_suffix(cl_str digits, uint64_t size)
{
    uint64_t len;
    if (!cl_str_to_u64(digits, UINT64_MAX, &len))
        return all;
    if (len == 0)
        return (struct cl_v2_range){.kind = CL_V2_RANGE_NONE};
    return (struct cl_v2_range){CL_V2_RANGE_PART, len < size ? size - len : 0, size};
}

struct cl_v2_range
cl_v2_range_read(const struct cl_http_head *head, uint64_t size, cl_str etag)
{
    cl_str value, unit, from, to;
    uint64_t first, last = UINT64_MAX;
    if (cl_http_field_count(head, CL_STR("Range")) != 1 ||
        !cl_http_field(head, CL_STR("Range"), &value) || !cl_str_split(value, '=', &unit, &value) ||
        !cl_str_eq_nocase(unit, CL_STR("bytes")))
        return all;
    if (cl_http_field(head, CL_STR("If-Range"), &unit) && !cl_str_eq(unit, etag))
        return all;
    if (!cl_str_split(cl_str_trim(value), '-', &from, &to))
        return all;
    if (from.len == 0)
        return read_suffix(to, size);
    if (!cl_str_to_u64(from, UINT64_MAX, &first) ||
        (to.len > 0 && !cl_str_to_u64(to, UINT64_MAX, &last)) || first > last)
        return all;
    if (first >= size)
        return (struct cl_v2_range){.kind = CL_V2_RANGE_NONE};
    return (struct cl_v2_range){CL_V2_RANGE_PART, first, last < size ? last + 1 : size};
}
