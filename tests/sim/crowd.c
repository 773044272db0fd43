// SPDX-License-Identifier: MIT
#include "sim/crowd.h"

#include <stdio.h>

#include "base/assert.h"
#include "sim/report.h"

static enum cl_err
apply(struct cl_core *core, struct cl_command draft)
{
    struct cl_effects effects;
    draft.time = (cl_time){1000};
    enum cl_err admitted = cl_core_admit(core, &draft);
    cl_effects_init(&effects);
    cl_core_apply(core, &draft, &effects);
    enum cl_err err = effects.items[0].reply.err;
    cl_effects_done(&effects);
    sim_counts.replies[draft.kind][err]++;
    SIM_CHECK(admitted == err, "apply repeats what admit said");
    return err;
}

/* The first `most` numbered names are taken, the next one is refused. */
static void
crowd(struct cl_core *core, struct cl_command draft, uint32_t most, enum cl_err err)
{
    char text[16];
    for (uint32_t i = 0; i <= most; i++) {
        int len = snprintf(text, sizeof text, "c%u", (unsigned)i);
        cl_str name = cl_str_of(text, (size_t)len);
        switch ((int)draft.kind) {
        case CL_COMMAND_RELAY_UP:
            draft.relay_up.relay = name;
            draft.origin = 100 + i;
            break;
        case CL_COMMAND_REGISTER:
            draft.registration.agent = name;
            break;
        case CL_COMMAND_SEND:
            draft.send.to = name;
            break;
        default:
            draft.file_put.key = name;
            break;
        }
        SIM_CHECK(apply(core, draft) == (i < most ? CL_OK : err), "a crowd is bounded");
    }
}

void
crowd_run(void)
{
    static const cl_hash_key key = {{7}};
    struct cl_core *core = cl_core_new(&key);
    CL_ASSERT(core != NULL);
    crowd(core,
          (struct cl_command){.kind = CL_COMMAND_RELAY_UP,
                              .relay_up = {.inbox_messages_max = CL_INBOX_MESSAGES_MAX,
                                           .inbox_bytes_max = CL_INBOX_BYTES_MAX,
                                           .inboxes_bytes_max = CL_INBOXES_BYTES_MAX}},
          CL_RELAYS_MAX, CL_ERR_TOO_MANY);
    crowd(core,
          (struct cl_command){.kind = CL_COMMAND_SEND,
                              .send = {.from = CL_STR("x"),
                                       .id = {{1}},
                                       .priority = CL_PRIORITY_LOW,
                                       .expires = {5000}}},
          CL_ORPHANS_MAX, CL_ERR_TOO_MANY);
    crowd(core,
          (struct cl_command){.kind = CL_COMMAND_FILE_PUT,
                              .file_put = {.editor = CL_STR("x"), .id = {{1}}}},
          CL_FILES_MAX, CL_ERR_FULL);
    crowd(core, (struct cl_command){.kind = CL_COMMAND_REGISTER}, CL_AGENTS_MAX, CL_ERR_TOO_MANY);
    cl_core_free(core);
}
