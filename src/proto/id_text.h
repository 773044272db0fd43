// SPDX-License-Identifier: MIT
/*
 * proto/id_text.h - ids of messages as people see them: 16 bytes in base64url (v2.md, Texts).
 */
#ifndef CL_PROTO_ID_TEXT_H
#define CL_PROTO_ID_TEXT_H

#include "base/str.h"
#include "core/types.h"

#define CL_ID_TEXT_CAP 23 // with its NUL

void cl_id_text(cl_id id, char ret_text[static CL_ID_TEXT_CAP]);
/* False, with *ret_id untouched: the text is no id. */
bool cl_id_from_text(cl_str text, cl_id *ret_id);

#endif
