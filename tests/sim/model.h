// SPDX-License-Identifier: MIT
/*
 * tests/sim/model.h - what core and session must do, told a second time in the plainest way.
 *
 * Arrays that are searched from end to end, nothing clever: where the two disagree, one of them
 * is wrong. The model hears of commands when they are applied and then says which messages wait
 * in which lane, and which of them the next take must hand out.
 */
#ifndef TESTS_SIM_MODEL_H
#define TESTS_SIM_MODEL_H

#include "core/session.h"
#include "sim/passing.h"
#include "sim/post.h"

#define MODEL_AGENTS POST_AGENTS // of which some are never registered for long
#define MODEL_RELAYS 2
#define MODEL_ONCES  30
extern const char *const model_relays[MODEL_RELAYS];

struct model_msg {
    uint64_t uid; // in the first bytes of the message's id
    uint64_t seq; // in its lane
    cl_time expires;
    uint32_t bytes;
    uint64_t cost;
    cl_str from; // one of the model's ids, or empty
    uint64_t root;
    uint8_t hops;
    bool is_answer;
    bool is_for_one;  // not a broadcast
    uint64_t receipt; // the serial of its own; 0: none
    uint8_t attempts_max;
    uint8_t blob; // that it names, from 1; 0: none
    uint32_t attempts;
    bool is_gone; // acknowledged, expired or dropped
    bool is_out;  // and no longer in the core's inbox: what expired leaves it with a tick
    bool is_leased;
    bool was_taken;
};

struct model_lane {
    struct model_msg *msgs; // as accepted; those that are gone leave with model_tidy
    uint32_t len;
    uint32_t cap;
    uint64_t last; // the greatest number so far
};

/* A message with a holder. */
struct model_lease {
    enum cl_priority priority;
    uint64_t seq;
    uint32_t bytes;
    uint64_t batch;
    uint64_t settling; // the batch of the SETTLE that covers it; 0: HELD
    bool is_counted;   // giving it back is an attempt
};

struct model_holder {
    uint64_t number;
    uint32_t agent;
    enum cl_holder_kind kind;
    uint32_t messages_max; // of a poll
    bool is_open;
    bool is_limited; // credit stopped its last take, and none came back since
    cl_time until;   // of a poll: NEVER until it was renewed
    uint64_t batches;
    uint64_t settles; // proofs by ranges
    struct model_lease *leases;
    uint32_t leases_len;
    uint32_t leases_cap;
    uint32_t passing; // messages that pass, beside its leases
    uint64_t passing_bytes;
    struct model_holder *older;
};

struct model_agent {
    char id[16];
    bool is_known; // registered, attached, or messages wait
    bool is_registered;
    uint64_t attached[MODEL_RELAYS];
    uint64_t record;      // a hash of what it said of itself
    cl_time seen;         // its last register, attach or ack
    cl_time orphan_since; // when the last reason but messages went
    struct model_lane lanes[CL_PRIORITY_COUNT];
};

struct model {
    struct model_agent agents[MODEL_AGENTS];
    uint64_t epochs[MODEL_RELAYS]; // 0: has not started yet
    struct model_holder *holders;  // newest first
    uint64_t retaken;              // messages handed out again
    cl_time onces[MODEL_ONCES];    // until when each is known; 0: not
    struct post post;
    struct passing passing;
};

struct model *model_new(void);
void model_free(struct model *model);
/* The agent with that id; there is one. */
uint32_t model_agent(const struct model *model, cl_str id);
bool model_is_attached(const struct model_agent *agent);
/* The relay that started with this epoch; MODEL_RELAYS when none did. */
uint32_t model_relay(const struct model *model, uint64_t epoch);
/* A relay starts: who was attached to it is no longer. */
void model_relay_up(struct model *model, cl_str name, uint64_t epoch, cl_time now);
void model_detach(struct model *model, uint32_t agent, uint32_t relay, cl_time now);

void model_put(struct model *model, uint32_t agent, enum cl_priority priority,
               struct model_msg msg);
/* Messages that end at or before now do. */
void model_expire(struct model *model, cl_time now);
/* The agent is unknown: its inbox and all leases of it are gone. */
void model_forget(struct model *model, uint32_t agent);
/* Messages that are not gone. */
uint64_t model_waiting(const struct model *model, uint32_t agent);
/* Which of SIM_BLOBS has that name, from 1; 0: none. */
uint8_t model_blob(cl_str name);
/* The blob of that number, as a command names it. */
cl_str model_blob_name(uint8_t blob);
/* What comes once, of so many, as a command names it; and its number. MODEL_ONCES: it is none. */
cl_str model_once_name(uint32_t once);
uint32_t model_once(cl_str name);
/* Those that are over are forgotten. */
void model_onces_expire(struct model *model, cl_time due);
/* Does a message that waits, or a dead letter, name it? */
bool model_names(const struct model *model, uint8_t blob);
/* Lets go of what can matter no more. */
void model_tidy(struct model *model);

struct model_holder *model_open(struct model *model, uint64_t number, uint32_t agent,
                                enum cl_holder_kind kind);
/* NULL: unknown, or closed and nothing of it settles. */
struct model_holder *model_holder(const struct model *model, uint64_t number);
/* Messages that it holds: taken, not proven, those that pass included. */
uint32_t model_held(const struct model_holder *holder);
/* All leases, held or settling, and all that passes and is held. */
uint64_t model_leased(const struct model *model);
/* The agent's newest open socket, or NULL. */
struct model_holder *model_socket(const struct model *model, uint32_t agent);
/* Is it pushed to? */
static inline bool
model_is_socket(const struct model_holder *holder)
{
    return holder->kind != CL_HOLDER_POLL;
}
/* Its HELD leases end, the messages are offered again; of a RANGED holder those in the ranges.
 * Returns how many of them count that. */
uint32_t model_release(struct model *model, struct model_holder *holder);
uint32_t model_release_ranges(struct model *model, struct model_holder *holder, cl_ranges ranges);
/* Is that number in them? */
bool model_is_in(cl_ranges ranges, enum cl_priority priority, uint64_t seq);
/* The first poll whose time has come and that gives back counted messages is released, with all
 * that are before it. Returns how many are counted. */
uint32_t model_lapse(struct model *model, cl_time due);
/* False: it held nothing of these batches, or in these ranges. */
bool model_settle(struct model_holder *holder, uint64_t batch);
bool model_settle_ranges(struct model_holder *holder, cl_ranges ranges);
/* The leases of the SETTLE with that batch end; is_taken: for good, else they are offered
 * again. */
void model_end_settling(struct model *model, struct model_holder *holder, uint64_t batch,
                        bool is_taken);
/* The session was lost: no leases, no holders. */
void model_restart(struct model *model);

/* What a take by this holder must hand out now; leases it. Writes uids, returns how many. */
uint32_t model_take(struct model *model, struct model_holder *holder,
                    uint64_t ret_uids[static CL_POLL_MESSAGES_MAX]);

#endif
