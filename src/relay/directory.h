// SPDX-License-Identifier: MIT
/*
 * relay/directory.h - which agents have a name, and which offer a capability.
 *
 * An index of what registered agents say of themselves, made anew from the core at each start and
 * kept up by its notes. It decides nothing that the journal would have to know: a command names the
 * id that was found.
 */
#ifndef CL_RELAY_DIRECTORY_H
#define CL_RELAY_DIRECTORY_H

#include "base/list.h"
#include "base/map.h"
#include "base/time.h"
#include "proto/shape.h"

struct cl_directory {
    struct cl_map agents;   // struct entry by id
    struct cl_map words;    // struct word by its kind and text
    cl_instant joined_from; // a second in which agents joined,
    uint32_t joined;        // so many of them: v2_look.c tells of the first ones
};

enum cl_word { CL_WORD_NAME, CL_WORD_CAPABILITY };

void cl_directory_init(struct cl_directory *directory, const cl_hash_key *hash_key);
void cl_directory_done(struct cl_directory *directory);
/* That agent has this name and these capabilities, those that can stand in an address, and no
 * others any more. All is copied. CL_ERR_NO_MEMORY: it has none until it is put again. */
CL_MUST_CHECK enum cl_err cl_directory_put(struct cl_directory *directory, cl_str id, cl_str name,
                                           cl_strs capabilities);
/* Harmless for an agent that is not there. */
void cl_directory_drop(struct cl_directory *directory, cl_str id);

/* Where a walk is. */
struct cl_directory_walk {
    const struct cl_list *list;
    const struct cl_link *at;
};

/* for (cl_str id = cl_directory_first(d, kind, text, &walk); id.len > 0;
 *      id = cl_directory_next(&walk))
 * goes through the ids of those who have that name or capability, in the order in which they said
 * so. Good until the next put or drop. O(1) each. */
cl_str cl_directory_first(const struct cl_directory *directory, enum cl_word kind, cl_str text,
                          struct cl_directory_walk *walk);
cl_str cl_directory_next(struct cl_directory_walk *walk);

#endif
