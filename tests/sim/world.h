// SPDX-License-Identifier: MIT
/*
 * tests/sim/world.h - a second shell around the same core: one relay, its journal, its
 * connections, in one process and in virtual time, held against the model at every step.
 */
#ifndef TESTS_SIM_WORLD_H
#define TESTS_SIM_WORLD_H

#include "sim/model.h"
#include "sim/rules.h"
#include "support/rng.h"
#include "support/test_journal.h"

#define SIM_FILES  5
#define SIM_OUTBOX 40

bool rng_percent(struct rng *rng, unsigned percent);

struct ack {
    struct cl_link link;
    struct cl_command *command; // NULL: with the journal
    uint64_t ticket;
    uint64_t holder;
    uint64_t batch;
    uint32_t agent;
};

struct world {
    struct rng rng;
    struct model *model;
    struct cl_core *core;
    struct cl_session *session;
    struct cl_journal *journal;
    cl_hash_key hash_key;
    unsigned large_percent; // of bodies: large enough to use up bytes
    bool is_ticking;        // a TICK is on its way
    cl_time now;
    uint64_t epoch;
    uint64_t uids;
    uint64_t tickets;
    uint64_t holders;
    uint64_t versions[SIM_FILES];
    /* Tracked messages of v2 senders that never heard of an answer, to be sent again; NULL: a
     * free place. They outlive the relay. */
    struct cl_command *outbox[SIM_OUTBOX];
    uint64_t outbox_restarts[SIM_OUTBOX];
    uint64_t restarts;
    uint64_t seqs;
    bool is_draining; // agents only take
    struct cl_list acks;
    struct cl_list submitted; // in order
    bool is_ready[MODEL_AGENTS];
    struct world_blob {
        bool is_stored;
        uint64_t mark; // as in relay/blob_keep.c
    } blobs[SIM_BLOBS];
    struct cl_effects core_effects;
    struct cl_effects session_effects;
    struct cl_batch batch;
};

void world_begin(struct world *world, uint64_t seed);
void world_end(struct world *world);
/* A draft for the journal: stamps it, asks admit, submits. */
enum cl_err world_submit(struct world *world, struct cl_command *draft);
/* The limits of this world. */
struct cl_command_relay_up world_limits(void);
/* The next uid, in an id. */
cl_id world_id(struct world *world);
/* A volatile draft: to the session, and to the model. */
enum cl_err world_session(struct world *world, struct cl_command *draft);
/* A sender that lost its answer sends the same again. */
void world_send_again(struct world *world, const struct cl_command *draft);
/* The end of a turn, as in relay/commit.c, and all checks. */
void world_turn(struct world *world);
/* The relay dies and comes back. */
void world_restart(struct world *world);
/* The state goes through its bytes. */
void world_reload(struct world *world);
/* No faults any more: everybody polls until nothing waits. */
void world_drain(struct world *world);
#endif
