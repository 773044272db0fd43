// SPDX-License-Identifier: MIT
/*
 * base/utf8.h - UTF-8 (RFC 3629), checked byte by byte so that a text may arrive in pieces.
 * Overlong forms, surrogates and code points past U+10FFFF are refused.
 */
#ifndef CL_BASE_UTF8_H
#define CL_BASE_UTF8_H

#include <stdbool.h>
#include <stdint.h>

#include "base/str.h"

struct cl_utf8 {
    uint8_t left; // continuation bytes still wanted
    uint8_t low;  // bounds of the next one
    uint8_t high;
};

/* A zeroed struct is the start of a text. */
#define CL_UTF8_START ((struct cl_utf8){0})

/* False as soon as the bytes so far cannot begin a valid text; then the state is spent. */
bool cl_utf8_feed(struct cl_utf8 *state, cl_str bytes);
/* May the text end here? */
static inline bool
cl_utf8_is_whole(const struct cl_utf8 *state)
{
    return state->left == 0;
}

bool cl_utf8_is_valid(cl_str text);

#endif
