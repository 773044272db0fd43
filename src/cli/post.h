// SPDX-License-Identifier: MIT
/*
 * cli/post.h - one letter on its way: sent by libclawlink (cli/claw.h), and followed until what was
 * waited for is there.
 *
 * What is told of it is what was proven: a rung that somebody reached and claimed, an outcome, or
 * nothing. Whether a relay that went away in the middle has the letter is unknown, and is called
 * so.
 */
#ifndef CL_CLI_POST_H
#define CL_CLI_POST_H

#include "cli/letter.h"
#include "cli/run.h"

enum cl_post_wish {
    CL_POST_SENT,    // that the relay has it
    CL_POST_RUNG,    // that rung itself, not a later one
    CL_POST_OUTCOME, // that outcome
    CL_POST_ANSWER,  // a message that answers it
};

struct cl_post_want {
    enum cl_post_wish wish;
    unsigned which;       // enum cl_rung, enum cl_v2_outcome
    const char *reply_to; // NULL: the sender, or of ANSWER an address of this run's own
    uint32_t timeout_s;
    cl_draw_fn *draw; // of ANSWER: how the result is shown before the answer is acknowledged
};

/* Sends the letter that run->opts says (cli/letter.h), and waits. *ret_result, a JSON object in
 * run->body, is what is known then, also when this fails, unless it is empty:
 *     {"id","to","status","durability","duplicate","rungs":[...],"ended":{...},"answer":{...}}
 * with the highest rung as status, or "unknown"; the answer is a message as cli/mail.h has it.
 * An answer was shown by want->draw when this returns, and then *ret_result is empty.
 * CL_ERR_UNPROVEN: the time is over, or it cannot come any more. CL_ERR_ENDED: it has ended
 * otherwise. CL_ERR_TIMEOUT: it is not known whether the relay has it. A send that
 * was refused after a connection broke is not known to be nowhere. */
CL_MUST_CHECK enum cl_err cl_post(struct cl_run *run, const struct cl_post_want *want,
                                  cl_str *ret_result, struct cl_why *why);

#endif
