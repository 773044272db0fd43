// SPDX-License-Identifier: MIT
/*
 * tests/sim/post.h - what senders of tracked messages are promised, told a second time: which
 * message came before, how far each got, which chain it is in, and where the dead ones lie.
 *
 * As in the model, arrays that are searched from end to end. Messages are named by their uid. What
 * the core may choose freely, the version that a change gets, is read from it.
 */
#ifndef TESTS_SIM_POST_H
#define TESTS_SIM_POST_H

#include "core/core.h"

#define POST_AGENTS 6 // as in the model

/* Small, so that each is met often. */
#define SIM_HOPS               3
#define SIM_CHAIN_MESSAGES     12
#define SIM_THREAD_MINUTE      3
#define SIM_INHERITED_HOPS     3
#define SIM_INHERITED_MESSAGES 40
#define SIM_RECEIPTS           25
#define SIM_RECEIPTS_ALL       70
#define SIM_DEAD_BYTES         (600 * CL_KIB)
#define SIM_BLOBS              4

/* A stream of a sender, and every number of it that was accepted. */
struct post_stream {
    uint32_t from;
    uint64_t stream;
    uint64_t last;
    uint64_t used; // order of the last use; 0: it has ended
    uint64_t *seqs;
    uint32_t seqs_len;
    uint32_t seqs_cap;
};

struct post_receipt {
    uint64_t uid;
    uint64_t serial; // an id may be used again when its receipt is forgotten; this never is
    uint32_t from;
    uint32_t to;
    enum cl_rung rung;
    enum cl_outcome outcome;
    cl_time until;
    uint64_t version;
    uint64_t root; // of its chain
    uint8_t hops;
    bool is_answer;
};

struct post_dead {
    uint64_t uid;
    uint64_t receipt; // the serial of its own; 0: none
    cl_str from;      // one of the model's ids, or empty
    uint32_t to;
    enum cl_priority priority;
    uint64_t cost;
    uint8_t attempts_max;
    uint8_t blob;
    cl_time at;
    enum cl_cause cause;
};

struct post_chain {
    uint64_t root;
    uint64_t messages;
};

struct post_thread {
    char name[16];
    uint64_t root; // of the chain; 0: of those that begin one,
    uint32_t from; // whose they are
    cl_time full;
};

/* What an agent took last; root 0: nothing. */
struct post_took {
    uint64_t root;
    cl_time at;
    uint8_t hops;
    bool is_answer;
};

struct post {
    struct post_stream *streams;
    uint32_t streams_len;
    uint32_t streams_cap;
    uint64_t uses;
    struct post_receipt *receipts;
    uint32_t receipts_len;
    uint32_t receipts_cap;
    uint64_t serials;
    struct post_dead *deads;
    uint32_t deads_len;
    uint32_t deads_cap;
    struct post_chain *chains;
    uint32_t chains_len;
    uint32_t chains_cap;
    struct post_thread *threads;
    uint32_t threads_len;
    uint32_t threads_cap;
    struct post_took tooks[POST_AGENTS];
    cl_time idle_since[POST_AGENTS];
    bool touched[POST_AGENTS]; // by the command at hand
    uint64_t version;          // the greatest so far
};

struct model;

void post_done(struct post *post);
/* The message as a SEND or PUBLISH has it, in one form; index of its sender, or MODEL_AGENTS. */
struct post_ask {
    uint32_t from;
    uint64_t uid;
    uint64_t re;
    uint64_t root;
    uint8_t hops;
    uint8_t flags;
    bool is_answer;
    cl_str thread;
    uint64_t stream;
    uint64_t seq;
};
struct post_ask post_ask_of(const struct model *model, const struct cl_command *command);

/* Must admit say so, before it looks at time and room? *ret_duplicate: it came before. */
enum cl_err post_tracked(const struct post *post, const struct post_ask *ask, bool *ret_duplicate);
/* The place of the message in its chain; CL_ERR_LOOP, CL_ERR_MALFORMED. */
enum cl_err post_place(const struct post *post, cl_time now, const struct post_ask *ask,
                       struct post_took *ret_place);
/* What admit must say to the commands about receipts and dead letters. */
enum cl_err post_rules(const struct model *model, const struct cl_core *core,
                       const struct cl_command *command, cl_time now);

/* It was accepted: it has come, and has that place. */
void post_accept(struct post *post, cl_time now, const struct post_ask *ask,
                 const struct post_took *place);
/* A tracked one to an agent: there is a receipt. Returns its serial. */
uint64_t post_receipt_make(struct model *model, const struct cl_core *core,
                           const struct post_ask *ask, uint32_t to, cl_time expires);
struct post_receipt *post_receipt_of(const struct post *post, uint64_t uid);
/* The one that was made with the message, if it is still kept. */
struct post_receipt *post_receipt_own(const struct post *post, uint64_t uid, uint64_t serial);
void post_reach(struct post *post, uint64_t uid, uint32_t by, enum cl_rung rung);
/* False: it had ended before. */
bool post_end(struct post *post, uint64_t uid, enum cl_outcome outcome);
void post_took(struct post *post, uint32_t agent, struct post_took took);
struct post_dead *post_dead_of(const struct post *post, uint64_t uid);
void post_dead_add(struct post *post, struct post_dead dead);
void post_dead_remove(struct post *post, uint64_t uid);
/* A tick was applied: what was due is gone. */
void post_expire(struct post *post, cl_time now, cl_time due);
/* After a command: receipts that changed have higher versions, and their senders are told. */
void post_check_told(struct model *model, const struct cl_core *core,
                     const struct cl_effects *effects);
/* All is as the core has it. */
void post_check(struct model *model, const struct cl_core *core);

/* An id that names the uid. */
cl_id post_id(uint64_t uid);

#endif
