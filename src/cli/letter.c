// SPDX-License-Identifier: MIT
#include "cli/letter.h"

#include <stdio.h>
#include <unistd.h>

#include "base/random.h"
#include "base/utf8.h"
#include "cli/file.h"
#include "cli/wanted.h"
#include "proto/id_text.h"
#include "proto/v2_words.h"

static const cl_str levels[CL_PRIORITY_COUNT] = {CL_STR_INIT("urgent"), CL_STR_INIT("high"),
                                                 CL_STR_INIT("normal"), CL_STR_INIT("low")};

/* What an address of `ask` has behind the agent's. */
#define ASKER_LEN (sizeof ".ask-01234567" - 1)

/* -- the options ----------------------------------------------------------------------------- */

static cl_str
given(const struct cl_opts *opts, enum cl_letter_option option)
{
    return cl_str_z(opts->values[option]);
}

/* CL_PRIORITY_COUNT: it is none. */
static unsigned
level_of(cl_str word)
{
    unsigned level = 0;
    while (level < CL_PRIORITY_COUNT && !cl_str_eq(levels[level], word))
        level++;
    return level;
}

static enum cl_err
check_id(const struct cl_opts *opts, enum cl_letter_option option, struct cl_why *why)
{
    cl_id ignored;
    if (opts->values[option] == NULL || cl_id_from_text(given(opts, option), &ignored))
        return CL_OK;
    return cl_fail(
        CL_ERR_USAGE, why,
        "--%s \"%.*s\" is no id of a message: those have %d characters, as `clawlink send` "
        "and `clawlink inbox` print them.",
        opts->cmd->options[option].name, CL_STR_ARG(cl_str_part(given(opts, option), 0, 80)),
        CL_ID_TEXT_CAP - 1);
}

static enum cl_err
check_line(const struct cl_opts *opts, enum cl_letter_option option, size_t bytes_max,
           struct cl_why *why)
{
    if (opts->values[option] == NULL || cl_line_is_valid(given(opts, option), bytes_max))
        return CL_OK;
    return cl_fail(CL_ERR_USAGE, why,
                   "--%s takes 1 to %zu bytes of UTF-8 without control characters, and \"%.*s\" is "
                   "something else.",
                   opts->cmd->options[option].name, bytes_max,
                   CL_STR_ARG(cl_str_part(given(opts, option), 0, 80)));
}

static enum cl_err
check_address(const struct cl_opts *opts, struct cl_why *why)
{
    struct cl_address address;
    cl_str to = given(opts, CL_LETTER_TO);
    if (cl_address_read(to, &address) && (address.kind & CL_ADDRESS_RECEIVERS) != 0)
        return CL_OK;
    return cl_fail(
        CL_ERR_USAGE, why,
        "\"%.*s\" is no address to send to: write instance/agent, a name, v1/ID, "
        "cap:CAPABILITY or topic:TOPIC. `clawlink agents` lists the addresses there are.",
        CL_STR_ARG(cl_str_part(to, 0, 100)));
}

/* CL_V2_OUTCOME_EXPIRED: it is none that a recipient could claim. */
static uint8_t
outcome_of(cl_str word)
{
    return cl_v2_word_find(cl_v2_outcomes, CL_V2_OUTCOME_COMPLETED, CL_V2_OUTCOME_EXPIRED, word);
}

enum cl_err
cl_letter_check(const struct cl_opts *opts, struct cl_why *why)
{
    cl_str level = given(opts, CL_LETTER_PRIORITY);
    if (opts->values[CL_LETTER_TEXT] != NULL && opts->values[CL_LETTER_FILE] != NULL)
        return cl_fail(
            CL_ERR_USAGE, why,
            "There are a TEXT and a --file, and one message has one body: leave one out.");
    if (level.ptr != NULL && level_of(level) == CL_PRIORITY_COUNT)
        return cl_fail(CL_ERR_USAGE, why,
                       "--priority \"%.*s\" is none of low, normal, high and urgent.",
                       CL_STR_ARG(cl_str_part(level, 0, 80)));
    if (opts->values[CL_LETTER_OUTCOME] != NULL &&
        outcome_of(given(opts, CL_LETTER_OUTCOME)) == CL_V2_OUTCOME_EXPIRED)
        return cl_fail(CL_ERR_USAGE, why,
                       "--outcome \"%.80s\" is none of completed, failed, rejected and canceled.",
                       opts->values[CL_LETTER_OUTCOME]);
    if (opts->values[CL_LETTER_OUTCOME] != NULL && opts->values[CL_LETTER_RE] == NULL)
        return cl_fail(CL_ERR_USAGE, why, "--outcome is that of the message in --re: give both.");
    if ((opts->values[CL_LETTER_ROOT] == NULL) != (opts->values[CL_LETTER_HOPS] == NULL))
        return cl_fail(CL_ERR_USAGE, why, "--root and --hops say one thing together: give both.");
    enum cl_err err = check_address(opts, why);
    struct cl_wanted ignored;
    if (err == CL_OK && cl_wanted_read(given(opts, CL_LETTER_RE), &ignored, NULL) != CL_OK)
        err = check_id(opts, CL_LETTER_RE, why);
    if (err == CL_OK)
        err = check_id(opts, CL_LETTER_ROOT, why);
    if (err == CL_OK)
        err = check_line(opts, CL_LETTER_TYPE, CL_CTY_BYTES_MAX, why);
    return err == CL_OK ? check_line(opts, CL_LETTER_THREAD, CL_THREAD_BYTES_MAX, why) : err;
}

/* -- the message ------------------------------------------------------------------------------- */

static enum cl_err
read_body(struct cl_letter *letter, const struct cl_opts *opts, struct cl_why *why)
{
    cl_str text = given(opts, CL_LETTER_TEXT);
    const char *file = opts->values[CL_LETTER_FILE];
    bool is_dash = cl_str_eq(text, CL_STR("-")) || cl_str_eq(cl_str_z(file), CL_STR("-"));
    if (file != NULL && !is_dash)
        return cl_file_read(file, &letter->body, why);
    if (text.ptr != NULL && !is_dash) {
        enum cl_err err = cl_buf_append(&letter->body, text);
        return err == CL_OK ? CL_OK : cl_fail(err, why, "The message is too large.");
    }
    if (!is_dash && isatty(STDIN_FILENO) == 1)
        return cl_fail(
            CL_ERR_USAGE, why,
            "There is nothing to send: write the text behind the address, in quotes, name "
            "a --file, or pipe it in.");
    return cl_file_read_stdin(&letter->body, why);
}

/* Why there is nothing in it. */
static const char *
where_from(const struct cl_opts *opts)
{
    if (opts->values[CL_LETTER_FILE] != NULL)
        return "there is nothing in the file";
    cl_str text = given(opts, CL_LETTER_TEXT);
    return text.ptr != NULL && text.len == 0
               ? "its text is \"\""
               : "nothing came on standard input, and there is no text behind the address";
}

static void
name_it(struct cl_letter *letter)
{
    cl_id id;
    do { // its beginning is typed again, where a dash would make it an option
        cl_random_bytes(&id, sizeof id);
        cl_id_text(id, letter->id);
    } while (letter->id[0] == '-');
    letter->claw.id = letter->id;
}

enum cl_err
cl_letter_init(struct cl_letter *letter, const struct cl_opts *opts, const struct cl_me *me,
               size_t bytes_max, struct cl_why *why)
{
    struct claw_letter *claw = &letter->claw;
    *letter = (struct cl_letter){.id = ""};
    cl_buf_init(&letter->body, bytes_max);
    claw_letter_init(claw, sizeof *claw);
    name_it(letter);
    claw->from = me->text;
    claw->to = opts->values[CL_LETTER_TO];
    claw->content_type = opts->values[CL_LETTER_TYPE];
    claw->thread = opts->values[CL_LETTER_THREAD];
    claw->life_s = (uint32_t)cl_opts_number(opts, CL_LETTER_TTL, 0);
    claw->deadline_s = (uint32_t)cl_opts_number(opts, CL_LETTER_DEADLINE, 0);
    claw->attempts = (uint32_t)cl_opts_number(opts, CL_LETTER_ATTEMPTS, 0);
    claw->root = opts->values[CL_LETTER_ROOT];
    claw->hops = (uint32_t)cl_opts_number(opts, CL_LETTER_HOPS, 0);
    if (opts->values[CL_LETTER_OUTCOME] != NULL)
        claw->outcome = outcome_of(given(opts, CL_LETTER_OUTCOME));
    if (opts->values[CL_LETTER_PRIORITY] != NULL)
        claw->priority = level_of(given(opts, CL_LETTER_PRIORITY));
    enum cl_err err = read_body(letter, opts, why);
    if (err == CL_OK && letter->body.len == 0 && opts->values[CL_LETTER_EMPTY] == NULL)
        err = cl_fail(CL_ERR_USAGE, why,
                      "The message is empty: %s. With --empty it is sent all the same.",
                      where_from(opts));
    if (err == CL_OK && claw->content_type == NULL && !cl_utf8_is_valid(cl_buf_str(&letter->body)))
        claw->content_type = "application/octet-stream";
    return err;
}

void
cl_letter_done(struct cl_letter *letter)
{
    cl_buf_done(&letter->body);
}

void
cl_letter_name_asker(const struct cl_me *me, char ret_address[static CL_ME_CAP])
{
    uint32_t random;
    cl_random_bytes(&random, sizeof random);
    size_t room = me->instance_len + 1 + CL_NAME_BYTES_MAX - ASKER_LEN;
    (void)snprintf(ret_address, CL_ME_CAP, "%.*s.ask-%08x",
                   CL_STR_ARG(cl_str_part(cl_me_address(me), 0, room)), random); // it was made to
}

/* "laptop/mira" of "laptop/mira.ask-01234567"; else empty. */
static cl_str
asker_of(cl_str to)
{
    const size_t len = ASKER_LEN;
    if (to.len <= len || !cl_str_eq(cl_str_part(to, to.len - len, 5), CL_STR(".ask-")))
        return CL_STR("");
    return cl_str_part(to, 0, to.len - len);
}

enum cl_err
cl_letter_explain(const struct cl_letter *letter, const struct cl_client *client, enum cl_err err,
                  const char *text, struct cl_why *why)
{
    cl_str to = cl_str_z(letter->claw.to), asker = asker_of(to), url = cl_client_url_shown(client);
    struct cl_address address;
    if (err != CL_ERR_NO_AGENT || !cl_address_read(to, &address))
        return cl_fail(err, why, "%s", text);
    if (address.kind == CL_ADDRESS_CAP)
        return cl_fail(err, why,
                       "No such agent: nobody who is online at %.*s offers %.*s. `clawlink agents "
                       "--capability %.*s` lists who did; send to one of them by address.",
                       CL_STR_ARG(url), CL_STR_ARG(address.name), CL_STR_ARG(address.name));
    if (asker.len > 0)
        return cl_fail(
            err, why,
            "No such agent: who asked does not wait at %.*s any more. Send the answer to "
            "%.*s, with the same --re.",
            CL_STR_ARG(to), CL_STR_ARG(asker));
    return cl_fail(err, why,
                   "No such agent: %.*s is not known to the relay at %.*s. `clawlink agents` lists "
                   "who is; a new agent begins with `clawlink register`.",
                   CL_STR_ARG(to), CL_STR_ARG(url));
}
