// SPDX-License-Identifier: MIT
/*
 * cli/wanted.h - which message a person means.
 *
 * Its id as it is printed, 22 characters; the first of them, if they are enough to tell; or the 12
 * hexadecimal digits that v1 shows. Only a whole id is known to the relay, so the other two are
 * looked for in lists: in the own inbox, among dead letters.
 */
#ifndef CL_CLI_WANTED_H
#define CL_CLI_WANTED_H

#include "base/err.h"
#include "proto/id_text.h"

/* Fewer characters tell too little. */
#define CL_WANTED_BYTES_MIN 4

struct cl_wanted {
    cl_str text;   // as it was typed
    bool is_whole; // then id is known from the beginning
    bool is_found; // somewhere; id is known from then on
    bool is_two;   // and so is another one
    cl_id id;
    struct cl_range at; // its place in the inbox; first is 0: it does not wait there
};

/* CL_ERR_USAGE: no message could be called so. */
CL_MUST_CHECK enum cl_err cl_wanted_read(cl_str text, struct cl_wanted *ret_wanted,
                                         struct cl_why *why);
/* A message was met. True: it is the one that is wanted, or one of them. */
bool cl_wanted_meet(struct cl_wanted *wanted, cl_id id);
/* All lists were looked through. CL_ERR_AMBIGUOUS: several messages fit. CL_ERR_NOT_FOUND: none
 * does, and it is not known by its whole id; the sentence says that of what `where` names. */
CL_MUST_CHECK enum cl_err cl_wanted_check(const struct cl_wanted *wanted, const char *where,
                                          struct cl_why *why);

struct cl_run;
/* A list that messages are looked for in. */
struct cl_wanted_list {
    /* Looks it through, and meets all that is in it. */
    enum cl_err (*look)(struct cl_run *run, struct cl_wanted *wanted, size_t len,
                        struct cl_why *why);
    const char *where; // as of cl_wanted_check
};

/* The id that a text means, for which the list is looked through where it is not whole. Errors of
 * the three steps. */
CL_MUST_CHECK enum cl_err cl_wanted_resolve(struct cl_run *run, cl_str text,
                                            const struct cl_wanted_list *list, cl_id *ret_id,
                                            struct cl_why *why);

#endif
