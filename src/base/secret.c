// SPDX-License-Identifier: MIT
#include "base/secret.h"

#include <string.h>

enum cl_err
cl_secret_init(struct cl_secret *ret_secret, cl_str bytes)
{
    if (bytes.len > CL_SECRET_BYTES_MAX)
        return CL_ERR_TOO_LARGE;
    memset(ret_secret, 0, sizeof *ret_secret);
    if (bytes.len > 0)
        memcpy(ret_secret->bytes, bytes.ptr, bytes.len);
    ret_secret->len = (uint16_t)bytes.len;
    return CL_OK;
}

void
cl_secret_done(struct cl_secret *secret)
{
    cl_secret_wipe(secret, sizeof *secret);
}

bool
cl_secret_equals(const struct cl_secret *secret, cl_str guess)
{
    // All CL_SECRET_BYTES_MAX bytes are walked, so that the time tells nothing of either side.
    unsigned differ = secret->len ^ (unsigned)(guess.len & 0xffff);
    differ |= guess.len > CL_SECRET_BYTES_MAX;
    for (size_t i = 0; i < CL_SECRET_BYTES_MAX; i++) {
        unsigned char byte = i < guess.len ? (unsigned char)guess.ptr[i] : 0;
        differ |= (unsigned)(secret->bytes[i] ^ byte);
    }
    return differ == 0;
}

void
cl_secret_wipe(void *memory, size_t len)
{
    volatile unsigned char *at = memory;
    while (len-- > 0)
        *at++ = 0;
}
