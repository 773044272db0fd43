// SPDX-License-Identifier: MIT
/*
 * cli/link_relay.h - relay-config.json, and the instances that are added to it.
 *
 * An instance that the file has keeps its secret; a new one gets one of its own, made at random,
 * unless the relay's is to be shared. So no instance can speak for another.
 */
#ifndef CL_CLI_LINK_RELAY_H
#define CL_CLI_LINK_RELAY_H

#include "cli/link_file.h"
#include "cli/opts.h"

/* Of a secret that is made, as in `openssl rand -hex 32`. */
#define CL_LINK_SECRET_BYTES  32
#define CL_LINK_SECRET_DIGITS (2 * CL_LINK_SECRET_BYTES)

struct cl_link_instance {
    cl_str id;
    cl_str name;     // for people; empty: none was given
    bool is_known;   // the file has it already
    bool is_renamed; // and by another name
    bool is_own;     // its secret is not the relay's
    cl_str secret;   // as long as the cl_link_relay
    char made[CL_LINK_SECRET_DIGITS];
};

struct cl_link_relay {
    struct cl_link_file file;
    struct cl_buf list;               // its registered_instances, as they are to be
    char made[CL_LINK_SECRET_DIGITS]; // the relay's secret, if
    bool is_made;
    bool is_empty; // nobody is registered
    struct cl_link_instance instances[CL_OPTS_MORE_MAX + 1];
    size_t instances_len;
};

struct cl_link_relay_wanted {
    bool has_port; // else what the file has
    uint16_t port;
    cl_str secret;    // empty: what the file has, or a new one
    bool is_shared;   // instances that are new share it
    bool may_replace; // what differs
};

/* "laptop:Ada's laptop" or "laptop", taken apart. */
void cl_link_relay_split(const char *text, cl_str *ret_id, cl_str *ret_name);

/* cl_link_relay_done is due. It may not be moved. */
void cl_link_relay_init(struct cl_link_relay *relay);
/* Wipes the secrets. */
void cl_link_relay_done(struct cl_link_relay *relay);
/* One that is to be registered, by a text that lives as long as *relay; none twice. */
void cl_link_relay_add(struct cl_link_relay *relay, const char *text);
/* Reads the file and makes relay->file what it is to be, and the instances with their secrets. The
 * errors of cl_link_file_open and cl_link_file_check. Nothing is written yet. */
CL_MUST_CHECK enum cl_err cl_link_relay_draft(struct cl_link_relay *relay, const char *path,
                                              const struct cl_link_relay_wanted *wanted,
                                              struct cl_why *why);

#endif
