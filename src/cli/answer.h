// SPDX-License-Identifier: MIT
/*
 * cli/answer.h - the answer to a question, wherever it comes.
 *
 * That is an address which the run that asks has for itself, or the inbox of who asks: there it
 * lies if somebody did not heed `reply_to`, as agents of v1 do not. The inbox is looked through
 * without taking. What else is there is not ours to touch: another program of this agent may be
 * reading it.
 */
#ifndef CL_CLI_ANSWER_H
#define CL_CLI_ANSWER_H

#include "cli/claw.h"
#include "cli/mail.h"

struct cl_answer {
    claw_client *client;
    cl_str agent; // whose inbox that is
    cl_id re;     // the question

    cl_instant look_at;             // when the inbox is looked through next
    bool is_looking;                // and it is being done
    unsigned lane;                  // behind the place in that one
    uint64_t places[CL_LANE_COUNT]; // what was looked at, in each lane

    bool is_here;
    bool is_in_inbox;    // and was not given to the client,
    struct cl_range at;  // but lies there
    struct cl_mail mail; // which needs nothing but the arena
    struct cl_v2_added added;
    struct cl_v2_chain chain;
    struct cl_arena arena;
};

/* Nothing is looked for before look_at is set. */
void cl_answer_init(struct cl_answer *answer, claw_client *client, cl_str agent, cl_id re);
void cl_answer_done(struct cl_answer *answer);

/* Begins to look through what is new in the inbox, unless that is being done, and says when to do
 * so again. CL_ERR_NO_MEMORY. */
CL_MUST_CHECK enum cl_err cl_answer_look(struct cl_answer *answer);
/* The relay has forgotten all, and counts anew. */
void cl_answer_forget_places(struct cl_answer *answer);

/* What the client tells: a message that was given to it, the result of CL_V2_INBOX. Is that the
 * answer, the first one, it is kept. CL_ERR_NO_MEMORY. */
CL_MUST_CHECK enum cl_err cl_answer_on_message(struct cl_answer *answer,
                                               const struct claw_event *event);
CL_MUST_CHECK enum cl_err cl_answer_on_inbox(struct cl_answer *answer,
                                             const struct claw_event *event);

#endif
