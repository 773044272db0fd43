// SPDX-License-Identifier: MIT
#include "base/random.h"

#include <stdint.h>
#include <string.h>
#include <unistd.h>

#include "base/assert.h"

#if defined(__APPLE__)
#include <sys/random.h>
#endif

/* getentropy(3) gives at most 256 bytes a call. One refill serves many message ids. */
#define POOL_LEN 256

static uint8_t pool[POOL_LEN];
static size_t pool_used = POOL_LEN;

void
cl_random_bytes(void *ret_bytes, size_t len)
{
    uint8_t *out = ret_bytes;
    while (len > 0) {
        if (pool_used == POOL_LEN) {
            CL_ASSERT(getentropy(pool, POOL_LEN) == 0);
            pool_used = 0;
        }
        size_t piece = len < POOL_LEN - pool_used ? len : POOL_LEN - pool_used;
        memcpy(out, pool + pool_used, piece);
        memset(pool + pool_used, 0, piece); // what was handed out is not kept
        pool_used += piece;
        out += piece;
        len -= piece;
    }
}
