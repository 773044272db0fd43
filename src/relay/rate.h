// SPDX-License-Identifier: MIT
/*
 * relay/rate.h - how many messages a second one sender may send (--rate).
 *
 * A token bucket per sender, kept as one number: when it will be full again, in credits, of which
 * a message costs a thousand and a millisecond earns one for each message that a second allows.
 * So every rate is exact. A bucket holds a millisecond's credits at the least, since the clock
 * knows nothing shorter: above 1000 messages a second that may be more than the burst. A sender is
 * the id that v1 calls `from`; it is a claim, so this stops a loop that runs away and not somebody
 * who invents names, against whom the limits of inboxes stand.
 *
 * Fails open: of more than CL_RATE_SENDERS_MAX senders with a bucket that is not full, the
 * fullest are forgotten (base/until.h). Pure: the time is an argument.
 */
#ifndef CL_RELAY_RATE_H
#define CL_RELAY_RATE_H

#include "base/err.h"
#include "base/time.h"
#include "base/until.h"

struct cl_rate {
    int64_t per_second; // messages; 0: no limit
    int64_t slack;      // how many credits ahead of now a bucket may be full again
    struct cl_until until;
};

/* per_second 0: no limit, and nothing is allocated; burst, what a full bucket holds, is at least
 * 1. Only CL_ERR_NO_MEMORY can happen. */
CL_MUST_CHECK enum cl_err cl_rate_init(struct cl_rate *rate, uint32_t per_second, uint32_t burst,
                                       const cl_hash_key *hash_key);
void cl_rate_done(struct cl_rate *rate);
/* Takes one message out of that sender's bucket: 0. When it is empty nothing changes, and the
 * result is after how many milliseconds there will be one. */
uint32_t cl_rate_take(struct cl_rate *rate, cl_str sender, cl_instant now);

#endif
