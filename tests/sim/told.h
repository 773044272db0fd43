// SPDX-License-Identifier: MIT
/*
 * tests/sim/told.h - an applied command as it was submitted, held against what the core made of
 * it, and told to the model.
 */
#ifndef TESTS_SIM_TOLD_H
#define TESTS_SIM_TOLD_H

#include "sim/world.h"

/* The command was applied and not refused; its effects lie in world->core_effects and are not
 * performed yet. */
void told_applied(struct world *world, const struct cl_command *command);

/* What the session must ask for after a volatile command. */
struct told_wanted {
    bool ack;
    uint32_t released; // messages that count their attempts
};
/* The model hears of a volatile command that the session took. */
struct told_wanted told_volatile(struct world *world, const struct cl_command *draft);

#endif
