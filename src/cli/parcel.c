// SPDX-License-Identifier: MIT
#include "cli/parcel.h"

#include "base/clock.h"
#include "base/random.h"
#include "cli/progress.h"
#include "client/backoff.h"

static void
show_progress(void *ctx, uint64_t done, uint64_t size)
{
    cl_progress_show(ctx, done, size);
}

static bool
may_try_again(const struct cl_parcel *parcel, struct cl_backoff *backoff, enum cl_err err)
{
    uint64_t random;
    int64_t left_ms = parcel->deadline.ms - cl_clock_monotonic().ms;
    bool is_outage = err == CL_ERR_CLOSED || err == CL_ERR_NO_RELAY || err == CL_ERR_TIMEOUT ||
                     err == CL_ERR_UNAVAILABLE;
    if (!is_outage || *parcel->is_over || left_ms <= 0)
        return false;
    cl_random_bytes(&random, sizeof random);
    cl_client_pause(parcel->run->client, cl_backoff_within(backoff, random, left_ms));
    return true;
}

enum cl_err
cl_parcel_send(const struct cl_parcel *parcel, cl_str bytes, struct cl_why *why)
{
    struct cl_progress progress;
    struct cl_backoff backoff = {0};
    const struct cl_blob_upload blob = {.bytes = bytes,
                                        .digest = *parcel->digest,
                                        .deadline = parcel->deadline,
                                        .progress = show_progress,
                                        .ctx = &progress};
    enum cl_err err;
    cl_progress_init(&progress, &parcel->run->view, "sending");
    do {
        err = cl_client_put_blob(parcel->run->client, &blob, why);
        cl_progress_done(&progress);
    } while (err != CL_OK && may_try_again(parcel, &backoff, err));
    return err;
}

enum cl_err
cl_parcel_fetch(const struct cl_parcel *parcel, uint64_t size, struct cl_buf *buf,
                struct cl_why *why)
{
    struct cl_progress progress;
    struct cl_backoff backoff = {0};
    const struct cl_blob_fetch fetch = {.digest = *parcel->digest,
                                        .size = size,
                                        .deadline = parcel->deadline,
                                        .progress = show_progress,
                                        .ctx = &progress};
    enum cl_err err;
    cl_progress_init(&progress, &parcel->run->view, "fetching");
    do {
        err = cl_client_get_blob(parcel->run->client, &fetch, buf, why);
        cl_progress_done(&progress);
    } while (err != CL_OK && may_try_again(parcel, &backoff, err));
    return err;
}
