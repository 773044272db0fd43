// SPDX-License-Identifier: MIT
#include "trust/agent_link_register.h"

#include "trust/agent_link_sign.h"

#define QUARTER_MS INT64_C(900000)

// clang-format off
const int8_t cl_agent_link_offsets[CL_AGENT_LINK_OFFSETS_LEN] = {
    -48, -44, -40, -38, -36, -32, -28, -24, -20, -16, -14, -12, -10, -8, -4,
    0, 4, 8, 12, 14, 16, 18, 20, 22, 23, 24, 26, 28, 32, 35, 36, 38, 40, 42, 44,
    48, 51, 52, 55, 56,
};
// clang-format on

/* The second that is meant: `now` without its fraction. */
static cl_time
whole_second(cl_time now)
{
    int64_t fraction = now.ms % 1000;
    return (cl_time){now.ms - (fraction < 0 ? fraction + 1000 : fraction)};
}

/* All seconds of one offset, the nearest to now first: most clocks are right. */
static enum cl_err
try_offset(const struct cl_agent_link_search *search, int8_t offset, uint32_t *macs,
           struct cl_agent_link_found *ret_found)
{
    cl_time now = whole_second(search->now);
    for (int64_t step = 0; step < CL_AGENT_LINK_OFFSET_MACS; step++) {
        cl_digest right;
        // 0, -1, 1, -2, 2, ... seconds from now.
        int64_t from_now = (step % 2 == 0 ? step / 2 : -(step / 2 + 1)) * 1000;
        cl_time local = {now.ms + from_now + offset * QUARTER_MS};
        if (*macs == 0)
            return CL_ERR_RATE;
        --*macs;
        enum cl_err err =
            cl_agent_link_sign_register(search->hmac, search->instance, local, &right);
        if (err != CL_OK)
            return err;
        if (cl_hmac_equals(&right, &search->signature)) {
            *ret_found = (struct cl_agent_link_found){offset, {now.ms + from_now}};
            return CL_OK;
        }
    }
    return CL_ERR_UNAUTHORIZED;
}

enum cl_err
cl_agent_link_search(const struct cl_agent_link_search *search, uint32_t *macs,
                     struct cl_agent_link_found *ret_found)
{
    enum cl_err err = CL_ERR_UNAUTHORIZED;
    if (search->pinned != CL_AGENT_LINK_NO_OFFSET)
        err = try_offset(search, search->pinned, macs, ret_found);
    for (size_t i = 0; i < CL_AGENT_LINK_OFFSETS_LEN && err == CL_ERR_UNAUTHORIZED; i++)
        if (cl_agent_link_offsets[i] != search->pinned)
            err = try_offset(search, cl_agent_link_offsets[i], macs, ret_found);
    return err;
}
