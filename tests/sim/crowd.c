// SPDX-License-Identifier: MIT
#include "sim/crowd.h"

#include <stdio.h>
#include <string.h>

#include "base/assert.h"
#include "core/session.h"
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
    char digest[sizeof(cl_digest)] = "";
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
        case CL_COMMAND_ONCE:
            memcpy(digest, &i, sizeof i);
            draft.once.digest = cl_str_of(digest, sizeof digest);
            break;
        default:
            draft.file_put.key = name;
            break;
        }
        SIM_CHECK(apply(core, draft) == (i < most ? CL_OK : err), "a crowd is bounded");
    }
}

static enum cl_err
pass(struct cl_session *session, const struct cl_core *core, uint32_t agent, struct cl_body *body)
{
    char text[16];
    struct cl_effects effects;
    int len = snprintf(text, sizeof text, "c%u", (unsigned)agent);
    struct cl_command draft = {.kind = CL_COMMAND_PASS,
                               .time = {1000},
                               .pass = {.to = cl_str_of(text, (size_t)len),
                                        .from = agent == 0 ? CL_STR("a/x") : CL_STR(""),
                                        .id = {{1}},
                                        .expires = {5000},
                                        .body = body}};
    cl_effects_init(&effects);
    enum cl_err err = cl_session_apply(session, core, &draft, &effects);
    sim_counts.replies[draft.kind][err]++;
    cl_effects_done(&effects);
    return err;
}

/* One agent is sent as many as one sender may, others as many as may wait for them; of large ones
 * each is sent four, and no fifth, until all of them are too much. */
static void
crowd_passing(const struct cl_core *core, const cl_hash_key *key)
{
    struct cl_session *session = cl_session_new(key);
    struct cl_body *body = cl_body_new_blank(CL_PASS_BYTES_MAX / 4 - CL_MIB / 16);
    enum cl_err err = CL_OK;
    CL_ASSERT(session != NULL && body != NULL);
    for (uint32_t i = 0; i <= CL_PASS_MESSAGES_MAX / 2; i++)
        SIM_CHECK(pass(session, core, 0, NULL) ==
                      (i < CL_PASS_MESSAGES_MAX / 2 ? CL_OK : CL_ERR_FAIR_SHARE),
                  "what passes from one sender to one agent is bounded");
    for (uint32_t i = 0; i <= CL_PASS_MESSAGES_MAX; i++)
        SIM_CHECK(pass(session, core, 1, NULL) ==
                      (i < CL_PASS_MESSAGES_MAX ? CL_OK : CL_ERR_INBOX_FULL),
                  "what passes to one agent is bounded");
    for (uint32_t i = 10; err != CL_ERR_FULL; i++) {
        err = pass(session, core, i / 5, body);
        SIM_CHECK(err == (i % 5 < 4 ? CL_OK : CL_ERR_INBOX_FULL) || err == CL_ERR_FULL,
                  "what passes to one agent is bounded");
    }
    uint64_t all = cl_session_passing_bytes(session);
    SIM_CHECK(all <= CL_PASS_ALL_BYTES_MAX && all + CL_MIB > CL_PASS_ALL_BYTES_MAX,
              "what passes is bounded");
    cl_session_check(session, core);
    cl_body_unref(body);
    cl_session_free(session);
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
    crowd(core, (struct cl_command){.kind = CL_COMMAND_ONCE, .once = {.until = {5000}}},
          CL_ONCE_MAX, CL_ERR_TOO_MANY);
    crowd(core, (struct cl_command){.kind = CL_COMMAND_REGISTER}, CL_AGENTS_MAX, CL_ERR_TOO_MANY);
    crowd_passing(core, &key);
    cl_core_free(core);
}
