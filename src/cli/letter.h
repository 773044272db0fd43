// SPDX-License-Identifier: MIT
/*
 * cli/letter.h - the message that somebody at the command line writes, for libclawlink to send.
 */
#ifndef CL_CLI_LETTER_H
#define CL_CLI_LETTER_H

#include "clawlink/client.h"
#include "cli/me.h"
#include "client/client.h"
#include "proto/envelope.h"
#include "proto/id_text.h"

/* The first options of each verb that sends, in this order: its own follow from CL_LETTER_COUNT. */
enum cl_letter_option {
    CL_LETTER_TO,
    CL_LETTER_TEXT,
    CL_LETTER_FILE,
    CL_LETTER_TYPE,
    CL_LETTER_THREAD,
    CL_LETTER_PRIORITY,
    CL_LETTER_RE,
    CL_LETTER_OUTCOME,
    CL_LETTER_TTL,
    CL_LETTER_DEADLINE,
    CL_LETTER_ATTEMPTS,
    CL_LETTER_ROOT,
    CL_LETTER_HOPS,
    CL_LETTER_EMPTY,
    CL_LETTER_COUNT
};
// clang-format off
#define CL_LETTER_OPTIONS                                                                          \
    [CL_LETTER_TO] = {"TO", NULL,                                                                  \
        "whom: instance/agent, a name that only one agent has,\n"                                  \
        "v1/ID, cap:CAPABILITY or topic:TOPIC", CL_OPT_WORD},                                      \
    [CL_LETTER_TEXT] = {"TEXT", NULL,                                                              \
        "the message; - or nothing: what comes on standard input", CL_OPT_MAYBE_WORD},             \
    [CL_LETTER_FILE] = {"file", "FILE", "the message is what is in the file", CL_OPT_OPTIONAL},    \
    [CL_LETTER_TYPE] = {"type", "TYPE",                                                            \
        "media type of the message; default: plain text, of what\n"                                \
        "is no UTF-8 application/octet-stream", CL_OPT_OPTIONAL},                                  \
    [CL_LETTER_THREAD] = {"thread", "NAME", "the conversation it belongs to", CL_OPT_OPTIONAL},    \
    [CL_LETTER_PRIORITY] = {"priority", "LEVEL",                                                   \
        "low, normal (the default), high or urgent", CL_OPT_OPTIONAL},                             \
    [CL_LETTER_RE] = {"re", "ID",                                                                  \
        "the message that this one answers; of one that waits in\n"                                \
        "my inbox the beginning will do", CL_OPT_OPTIONAL},                                        \
    [CL_LETTER_OUTCOME] = {"outcome", "STATUS",                                                    \
        "how that one ended: completed, failed, rejected or canceled", CL_OPT_OPTIONAL},           \
    [CL_LETTER_TTL] = {"ttl", "SECONDS", "how long it may wait to be taken; default 7 days",       \
        CL_OPT_OPTIONAL},                                                                          \
    [CL_LETTER_DEADLINE] = {"deadline", "SECONDS", "when an answer is wanted at the latest",       \
        CL_OPT_OPTIONAL},                                                                          \
    [CL_LETTER_ATTEMPTS] = {"attempts", "N",                                                       \
        "so often it is handed out, then it is a dead letter;\n"                                   \
        "default: as often as it takes", CL_OPT_OPTIONAL},                                         \
    [CL_LETTER_ROOT] = {"root", "ID",                                                              \
        "the first message of the chain that this one follows\n"                                   \
        "from, as the relay told; with --hops", CL_OPT_OPTIONAL},                                  \
    [CL_LETTER_HOPS] = {"hops", "N", "one more than the message before had", CL_OPT_OPTIONAL},     \
    [CL_LETTER_EMPTY] = {"empty", NULL, "send it also if there is nothing in it", CL_OPT_OPTIONAL}
#define CL_LETTER_NUMBERS                                                                          \
    {"ttl", 1, CL_ENVELOPE_LIFE_S_MAX}, {"deadline", 1, CL_ENVELOPE_LIFE_S_MAX},                   \
    {"attempts", 1, UINT8_MAX}, {"hops", 0, UINT8_MAX}
// clang-format on

struct cl_letter {
    struct claw_letter claw; // but for the body
    struct cl_buf body;      // as it was given
    char id[CL_ID_TEXT_CAP];
};

/* Are the values of these options good ones? For struct cl_cmd's check. */
CL_MUST_CHECK enum cl_err cl_letter_check(const struct cl_opts *opts, struct cl_why *why);

/* Reads the body, at most bytes_max, and all that the options say but --re; gives it an id.
 * Strings are those of opts, of me and its own. cl_letter_done is due in any case.
 * CL_ERR_IO, CL_ERR_TOO_LARGE; CL_ERR_USAGE: there is nothing to send, and no --empty says that
 * this is meant. */
CL_MUST_CHECK enum cl_err cl_letter_init(struct cl_letter *letter, const struct cl_opts *opts,
                                         const struct cl_me *me, size_t bytes_max,
                                         struct cl_why *why);
void cl_letter_done(struct cl_letter *letter);

/* An address that one run of `ask` has, so that the answer comes to it alone: "laptop/mira" is
 * "laptop/mira.ask-01234567" there. */
void cl_letter_name_asker(const struct cl_me *me, char ret_address[static CL_ME_CAP]);

/* The sentence about a relay's refusal to take it, with what to do about its address; returns
 * err, of which libclawlink says that text. */
CL_MUST_CHECK enum cl_err cl_letter_explain(const struct cl_letter *letter,
                                            const struct cl_client *client, enum cl_err err,
                                            const char *text, struct cl_why *why);

#endif
