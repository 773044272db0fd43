// SPDX-License-Identifier: MIT
/*
 * Commands and dumps from strangers. The first byte chooses.
 *
 * 0: the rest is one encoded command. What decodes encodes to the same bytes, and a core or a
 *    session that gets it keeps its invariants.
 * 1: the rest is a dump. What loads dumps to the same bytes, and goes on working.
 * 2: the rest is a journal: commands, each behind its length in two bytes. Applied one after
 *    the other, with all invariants checked; the result survives dump and load.
 */
#include "base/assert.h"
#include "core/core.h"
#include "core/session.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const cl_hash_key hash_key = {{1}};

static void
apply(struct cl_core *core, const struct cl_command *command)
{
    struct cl_effects effects;
    cl_effects_init(&effects);
    enum cl_err admitted = cl_core_admit(core, command);
    cl_core_apply(core, command, &effects);
    CL_ASSERT(effects.len > 0 && effects.items[0].kind == CL_EFFECT_REPLY);
    CL_ASSERT(effects.items[0].reply.err == admitted);
    cl_core_check(core);
    cl_effects_done(&effects);
}

/* A tick past all deadlines, so that what was loaded also comes to its end. */
static void
run_down(struct cl_core *core)
{
    cl_time deadline;
    while ((deadline = cl_core_deadline(core)).ms != INT64_MAX) {
        struct cl_command tick = {
            .kind = CL_COMMAND_TICK, .time = deadline, .tick = {.due = deadline}};
        apply(core, &tick);
        CL_ASSERT(cl_core_deadline(core).ms > deadline.ms);
    }
}

static void
check_command(cl_str bytes)
{
    struct cl_command *command;
    struct cl_buf again;
    struct cl_effects effects;
    if (cl_command_decode(bytes, &command) != CL_OK)
        return;
    cl_buf_init(&again, SIZE_MAX);
    CL_ASSERT(cl_command_encode(command, &again) == CL_OK);
    CL_ASSERT(cl_str_eq(cl_buf_str(&again), bytes));
    cl_buf_done(&again);

    struct cl_core *core = cl_core_new(&hash_key);
    struct cl_session *session = cl_session_new(&hash_key);
    CL_ASSERT(core != NULL && session != NULL);
    cl_effects_init(&effects);
    if (cl_session_apply(session, core, command, &effects) == CL_OK)
        CL_ASSERT(!cl_command_is_durable(command->kind));
    cl_session_check(session, core);
    apply(core, command);
    cl_effects_done(&effects);
    cl_session_free(session);
    cl_core_free(core);
    cl_command_free(command);
}

static void
check_dump(cl_str bytes)
{
    struct cl_core *core;
    struct cl_buf again;
    if (cl_core_load(bytes, &hash_key, &core) != CL_OK)
        return;
    cl_buf_init(&again, SIZE_MAX);
    CL_ASSERT(cl_core_dump(core, &again) == CL_OK);
    CL_ASSERT(cl_str_eq(cl_buf_str(&again), bytes));
    cl_buf_done(&again);
    cl_core_check(core);
    run_down(core);
    cl_core_free(core);
}

static void
check_journal(cl_str bytes)
{
    struct cl_core *core = cl_core_new(&hash_key);
    struct cl_buf dump;
    CL_ASSERT(core != NULL);
    while (bytes.len >= 2) {
        size_t len = (size_t)(uint8_t)bytes.ptr[0] << 8 | (uint8_t)bytes.ptr[1];
        struct cl_command *command;
        bytes = cl_str_part(bytes, 2, bytes.len);
        if (cl_command_decode(cl_str_part(bytes, 0, len), &command) == CL_OK) {
            apply(core, command);
            cl_command_free(command);
        }
        bytes = cl_str_part(bytes, len, bytes.len);
    }
    cl_buf_init(&dump, SIZE_MAX);
    CL_ASSERT(cl_core_dump(core, &dump) == CL_OK);
    check_dump(cl_buf_str(&dump));
    cl_buf_done(&dump);
    cl_core_free(core);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static void (*const checks[])(cl_str) = {check_command, check_dump, check_journal};
    if (size > 0)
        checks[data[0] % 3](cl_str_of(data + 1, size - 1));
    return 0;
}
