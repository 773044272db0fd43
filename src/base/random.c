// SPDX-License-Identifier: MIT
#include "base/random.h"

#include <errno.h>
#include <stdint.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

#include "base/assert.h"
#include "base/guest.h"

/* One refill serves hundreds of message ids: the system call costs more than its bytes. */
#define POOL_LEN 4096

static uint8_t pool[POOL_LEN];
static size_t pool_used = POOL_LEN;

/* Returns how many bytes came, at least one. */
static size_t
ask_system(uint8_t *bytes, size_t len)
{
#if defined(__linux__)
    ssize_t got;
    do
        got = getrandom(bytes, len, 0);
    while (got < 0 && errno == EINTR);
    CL_ASSERT(got > 0);
    return (size_t)got;
#else
    size_t piece = len < 256 ? len : 256; // the most that getentropy gives
    CL_ASSERT(getentropy(bytes, piece) == 0);
    return piece;
#endif
}

static void
refill(void)
{
    for (size_t len = 0; len < POOL_LEN;)
        len += ask_system(pool + len, POOL_LEN - len);
    pool_used = 0;
}

void
cl_random_bytes(void *ret_bytes, size_t len)
{
    uint8_t *out = ret_bytes;
    // In somebody else's process there are other threads, and forks that would have the same pool.
    while (len > 0 && cl_guest_now != NULL) {
        size_t got = ask_system(out, len);
        out += got;
        len -= got;
    }
    while (len > 0) {
        if (pool_used == POOL_LEN)
            refill();
        size_t piece = len < POOL_LEN - pool_used ? len : POOL_LEN - pool_used;
        memcpy(out, pool + pool_used, piece);
        memset(pool + pool_used, 0, piece); // what was handed out is not kept
        pool_used += piece;
        out += piece;
        len -= piece;
    }
}
