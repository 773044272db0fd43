// SPDX-License-Identifier: MIT
/*
 * relay/status.h - the relay's own view of itself, as JSON, for `clawlink relay status`.
 */
#ifndef CL_RELAY_STATUS_H
#define CL_RELAY_STATUS_H

#include "relay/state.h"

/* Appends one object; docs/operations.md lists its members. The buffer's refusals. */
CL_MUST_CHECK enum cl_err cl_status_write(struct cl_relay *relay, struct cl_buf *out);

#endif
