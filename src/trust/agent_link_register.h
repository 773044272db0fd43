// SPDX-License-Identifier: MIT
/*
 * trust/agent_link_register.h - when was this register signed?
 *
 * An Agent Link client signs its local time to the second and does not send it. So the relay tries:
 * each second CL_AL_CLOCK_S around now, for each offset from UTC that clocks are set to. The offset
 * that fitted last time is tried first. Pure: the time is an argument, and what it may cost too,
 * since whoever can connect can ask for it.
 */
#ifndef CL_TRUST_AGENT_LINK_REGISTER_H
#define CL_TRUST_AGENT_LINK_REGISTER_H

#include "base/limits.h"
#include "base/time.h"
#include "trust/hmac.h"

/* Offsets from UTC in quarters of an hour, ascending: all that the time zone database knows of
 * 2026, summer and winter, and UTC-12. */
#define CL_AGENT_LINK_OFFSETS_LEN 40
extern const int8_t cl_agent_link_offsets[CL_AGENT_LINK_OFFSETS_LEN];
#define CL_AGENT_LINK_NO_OFFSET INT8_MIN

/* Codes of one offset, and of a whole search: that of a register that is refused. */
#define CL_AGENT_LINK_OFFSET_MACS (2 * CL_AL_CLOCK_S + 1)
#define CL_AGENT_LINK_SEARCH_MACS (CL_AGENT_LINK_OFFSETS_LEN * CL_AGENT_LINK_OFFSET_MACS)

struct cl_agent_link_search {
    struct cl_hmac *hmac; // the secret of the instance
    cl_str instance;
    cl_digest signature;
    cl_time now;
    int8_t pinned; // tried first, whatever it is; or CL_AGENT_LINK_NO_OFFSET
};

struct cl_agent_link_found {
    int8_t offset;     // to be pinned
    cl_time signed_at; // UTC, a whole second
};

/* Takes what it costs from *macs, codes that may be made. CL_ERR_UNAUTHORIZED: no time that was
 * looked for fits. CL_ERR_RATE: *macs ran out before that was known. CL_ERR_NO_MEMORY. */
CL_MUST_CHECK enum cl_err cl_agent_link_search(const struct cl_agent_link_search *search,
                                               uint32_t *macs,
                                               struct cl_agent_link_found *ret_found);

#endif
