// SPDX-License-Identifier: MIT
#include "proto/id_text.h"

#include "wire/base64url.h"

void
cl_id_text(cl_id id, char ret_text[static CL_ID_TEXT_CAP])
{
    cl_base64url_encode(cl_str_of(id.bytes, sizeof id.bytes), ret_text);
    ret_text[CL_ID_TEXT_CAP - 1] = '\0';
}

bool
cl_id_from_text(cl_str text, cl_id *ret_id)
{
    cl_id id;
    cl_str bytes;
    if (text.len != CL_ID_TEXT_CAP - 1 ||
        cl_base64url_decode(text, (char *)id.bytes, sizeof id.bytes, &bytes) != CL_OK ||
        cl_id_is_none(id))
        return false;
    *ret_id = id;
    return true;
}
