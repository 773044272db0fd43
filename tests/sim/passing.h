// SPDX-License-Identifier: MIT
/*
 * tests/sim/passing.h - messages that only pass, told a second time: who has each of them, and
 * how each ended.
 *
 * The model marks what ends by a command; then the session must tell exactly that, once. Until
 * then it holds a reference to the body, which must be the last one afterwards.
 */
#ifndef TESTS_SIM_PASSING_H
#define TESTS_SIM_PASSING_H

#include "core/session.h"

struct model;
struct model_holder;

struct passing_msg {
    struct cl_command *pass; // as it was submitted
    uint32_t agent;
    cl_time expires;
    uint64_t number;             // in its lane; 0: nobody has taken it yet
    struct model_holder *holder; // NULL: it is offered
    uint64_t batch;              // of the take
    bool was_taken;
    bool is_over; // and so:
    enum cl_outcome outcome;
    uint8_t rung;
    uint8_t proof;
};

struct passing {
    struct passing_msg *msgs; // in the order in which they came
    uint32_t len;
    uint32_t cap;
};

void passing_done(struct model *model);
/* May it pass? */
enum cl_err passing_rules(const struct model *model, const struct cl_core *core,
                          const struct cl_session *session, const struct cl_command *command);
void passing_put(struct model *model, const struct cl_command *command);

/* One after the other, in the order in which the next take must hand them out; NULL after the
 * last. */
struct passing_msg *passing_offered(struct model *model, uint32_t agent);
void passing_take(struct passing_msg *msg, struct model_holder *holder);
/* All that it holds, or what is in the ranges, is offered again. False: nothing of it. */
bool passing_release(struct model *model, struct model_holder *holder, const cl_ranges *ranges);
/* Proven, or refused. False: it held nothing of that. */
bool passing_settle(struct model *model, struct model_holder *holder,
                    const struct cl_command_settle *fields);
bool passing_settle_ranges(struct model *model, struct model_holder *holder,
                           const struct cl_command_settle_ranges *fields);
void passing_expire(struct model *model, cl_time due);
/* The core has forgotten its agent. */
void passing_forget(struct model *model, uint32_t agent);

/* What the session handed out is what was passed, in its place. */
void passing_check_taken(struct model *model, const struct model_holder *holder,
                         const struct cl_batch *batch);
/* What is over was told, and nothing else; it is gone. */
void passing_check_told(struct model *model, const struct cl_effects *effects);
void passing_check(const struct model *model, const struct cl_session *session);
/* Nothing of it may be in those bytes of the core. */
void passing_check_dump(cl_str bytes);
/* The content of what passes, by which it would be found there. */
void passing_mark(struct cl_body *body);

#endif
