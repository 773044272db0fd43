// SPDX-License-Identifier: MIT
/*
 * cli/parcel.h - a body that is a blob, sent or fetched with a bar that shows how far it is.
 *
 * A relay that goes away in the middle is waited for, and it goes on where it was.
 */
#ifndef CL_CLI_PARCEL_H
#define CL_CLI_PARCEL_H

#include "cli/run.h"
#include "client/blob.h"

struct cl_parcel {
    struct cl_run *run;
    const cl_digest *digest;
    cl_instant deadline; // then nobody waits any more
    const bool *is_over; // nor when that is true
};

/* Errors as of cl_client_put_blob. */
CL_MUST_CHECK enum cl_err cl_parcel_send(const struct cl_parcel *parcel, cl_str bytes,
                                         struct cl_why *why);
/* Appends so many bytes to buf. Errors as of cl_client_get_blob. */
CL_MUST_CHECK enum cl_err cl_parcel_fetch(const struct cl_parcel *parcel, uint64_t size,
                                          struct cl_buf *buf, struct cl_why *why);

#endif
