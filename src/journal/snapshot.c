// SPDX-License-Identifier: MIT
#include "journal/snapshot.h"

#include "base/limits.h"

/* -- out of the log ---------------------------------------------------------------------------- */

static enum cl_err
read_pieces(struct cl_disk *disk, struct cl_buf *bytes)
{
    enum cl_err err = CL_OK;
    for (uint64_t i = 0; err == CL_OK; i++) {
        err = cl_disklog_read_snapshot(cl_disk_take(disk), i, bytes);
        cl_disk_give(disk);
    }
    return err == CL_ERR_NOT_FOUND ? CL_OK : err;
}

/* The snapshot's core in the place of the empty one. */
static enum cl_err
load(struct cl_disk *disk, uint64_t number, const cl_hash_key *hash_key, struct cl_core **core,
     uint64_t *ret_bytes)
{
    struct cl_buf bytes;
    struct cl_core *loaded = NULL;
    cl_buf_init(&bytes, SIZE_MAX);
    enum cl_err err = read_pieces(disk, &bytes);
    if (err == CL_OK)
        err = cl_core_load(cl_buf_str(&bytes), hash_key, &loaded);
    *ret_bytes = bytes.len;
    cl_buf_done(&bytes);
    if (err != CL_OK)
        return err == CL_ERR_NO_MEMORY || err == CL_ERR_IO ? err : CL_ERR_MALFORMED;
    cl_core_free(*core);
    *core = loaded;
    return cl_core_applied(loaded) == number ? CL_OK : CL_ERR_MALFORMED;
}

/* A core that is brought to a state. */
struct run {
    struct cl_core *core;
    struct cl_effects effects; // nobody looks at them
    uint64_t upto;
    uint64_t bytes; // of commands, so far
};

static enum cl_err
apply(struct run *run, struct cl_disklog_batch *batch)
{
    cl_str record;
    while (batch->first <= run->upto && cl_disklog_batch_next(batch, &record)) {
        struct cl_command *command;
        enum cl_err err = cl_command_decode(record, &command);
        if (err != CL_OK)
            return err == CL_ERR_NO_MEMORY ? err : CL_ERR_MALFORMED;
        cl_effects_clear(&run->effects);
        cl_core_apply(run->core, command, &run->effects);
        cl_command_free(command);
        run->bytes += record.len;
    }
    return CL_OK;
}

static enum cl_err
replay(struct cl_disk *disk, struct run *run)
{
    struct cl_disklog_batch batch;
    enum cl_err err = CL_OK;
    cl_disklog_batch_init(&batch);
    batch.first = cl_core_applied(run->core) + 1;
    while (err == CL_OK && batch.first <= run->upto) {
        err = cl_disklog_read(cl_disk_take(disk), batch.first, &batch);
        cl_disk_give(disk);
        if (err == CL_OK)
            err = apply(run, &batch);
        if (err == CL_OK && cl_disk_is_closing(disk))
            err = CL_ERR_CLOSED;
    }
    cl_disklog_batch_done(&batch);
    return err == CL_ERR_NOT_FOUND ? CL_OK : err;
}

enum cl_err
cl_snapshot_restore(struct cl_disk *disk, uint64_t upto, const cl_hash_key *hash_key,
                    struct cl_core **core, struct cl_snapshot_sizes *ret_sizes)
{
    struct cl_snapshot_sizes sizes = {0};
    struct cl_disklog_holds holds = cl_disklog_holds(cl_disk_take(disk));
    cl_disk_give(disk);
    enum cl_err err = CL_OK;
    if (holds.snapshot > 0)
        err = load(disk, holds.snapshot, hash_key, core, &sizes.snapshot);
    if (err != CL_OK)
        return err;
    struct run run = {.core = *core, .upto = upto};
    cl_effects_init(&run.effects);
    err = replay(disk, &run);
    cl_effects_done(&run.effects);
    sizes.log = run.bytes;
    if (err == CL_OK)
        *ret_sizes = sizes;
    return err;
}

/* -- into the log ------------------------------------------------------------------------------ */

static enum cl_err
put_pieces(struct cl_disk *disk, cl_str bytes)
{
    enum cl_err err = CL_OK;
    for (size_t at = 0; err == CL_OK && at < bytes.len; at += CL_DISKLOG_PIECE_BYTES_MAX) {
        size_t left = bytes.len - at;
        cl_str piece = cl_str_part(
            bytes, at, left < CL_DISKLOG_PIECE_BYTES_MAX ? left : CL_DISKLOG_PIECE_BYTES_MAX);
        err = cl_disklog_snapshot_put(cl_disk_take(disk), piece);
        cl_disk_give(disk);
        if (err == CL_OK && cl_disk_is_closing(disk))
            err = CL_ERR_CLOSED;
    }
    return err;
}

enum cl_err
cl_snapshot_keep(struct cl_disk *disk, const struct cl_core *core, uint64_t *ret_bytes)
{
    struct cl_buf bytes;
    cl_buf_init(&bytes, SIZE_MAX);
    enum cl_err err = cl_core_dump(core, &bytes);
    if (err == CL_OK) {
        cl_disklog_snapshot_begin(cl_disk_take(disk), cl_core_applied(core));
        cl_disk_give(disk);
        err = put_pieces(disk, cl_buf_str(&bytes));
    }
    if (err == CL_OK) {
        err = cl_disklog_snapshot_end(cl_disk_take(disk));
        cl_disk_give(disk);
    }
    if (err == CL_OK)
        *ret_bytes = bytes.len;
    cl_buf_done(&bytes);
    return err;
}

enum cl_err
cl_snapshot_tidy(struct cl_disk *disk)
{
    enum cl_err err = CL_OK;
    for (bool is_clean = false; err == CL_OK && !is_clean;) {
        err = cl_disklog_tidy(cl_disk_take(disk), &is_clean);
        cl_disk_give(disk);
        if (err == CL_OK && cl_disk_is_closing(disk))
            err = CL_ERR_CLOSED;
    }
    return err;
}
