// SPDX-License-Identifier: MIT
/*
 * tests/sim/keep.h - the shell's blobs: stored before a command names them, dropped when the core
 * says that the last message has gone, as relay/blob_keep.c does it.
 */
#ifndef TESTS_SIM_KEEP_H
#define TESTS_SIM_KEEP_H

#include "sim/world.h"

/* A SEND or PUBLISH is about to be submitted: its sender has put the blob that it names. */
void keep_sent(struct world *world, struct cl_command *draft);
/* Which blobs the core names. */
struct kept {
    bool is_named[SIM_BLOBS];
};
struct kept keep_look(const struct world *world);
/* A command was applied: the core says of those, and only of those, whose last message went. */
void keep_applied(struct world *world, const struct cl_command *command, const struct kept *before);
/* Nothing that a message names is missing. */
void keep_check(const struct world *world);
/* An hour later: what nobody names goes. */
void keep_sweep(struct world *world);

#endif
