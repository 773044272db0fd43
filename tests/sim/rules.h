// SPDX-License-Identifier: MIT
/*
 * tests/sim/rules.h - the refusals of core/core.h and core/session.h, told a second time, and
 * what must be true whenever a turn has ended.
 */
#ifndef TESTS_SIM_RULES_H
#define TESTS_SIM_RULES_H

#include "sim/model.h"

/* Small, so that being full is common; large enough that credit is used up before. */
#define SIM_INBOX_MESSAGES 90
#define SIM_INBOX_BYTES    (1400 * CL_KIB)
#define SIM_INBOXES_BYTES  (2 * CL_MIB)

/* What one sender has waiting in one inbox: found by a look at all of it. */
struct rules_share {
    uint64_t messages;
    uint64_t bytes;
};
struct rules_share rules_share(const struct cl_core *core, cl_str to, cl_str from);
/* Is it no more than half of what fits there, or one message? */
bool rules_share_is_fair(struct rules_share share);
/* Must an inbox take one more message of that cost? CL_ERR_INBOX_FULL, CL_ERR_FAIR_SHARE. */
enum cl_err rules_inbox(const struct cl_core *core, cl_str to, cl_str from, uint64_t cost);
/* What admit and apply must say to a durable command now. */
enum cl_err rules_durable(const struct model *model, const struct cl_core *core,
                          const struct cl_command *command);
/* What the session must say to a volatile one that is no PASS. */
enum cl_err rules_volatile(const struct model *model, const struct cl_command *command);

/* An inbox was dropped by this command, as the model knows it after the command. */
void rules_check_forget(const struct model *model, uint32_t agent,
                        const struct cl_command *command);
/* A tick was applied: nothing that was due is left. */
void rules_check_tick(const struct model *model, const struct cl_core *core, cl_time due);
/* Every inbox, agent and lease is as the model has it. */
void rules_check(struct model *model, const struct cl_core *core, const struct cl_session *session);
/* Is that message still in the core's inbox, expired or not? */
bool rules_is_waiting(const struct cl_core *core, cl_str agent, enum cl_priority priority,
                      uint64_t seq);
/* After a replay: READY for exactly those who are attached and have messages. */
void rules_check_resume(const struct model *model, const struct cl_core *core);

uint64_t rules_uid(cl_id id);

#endif
