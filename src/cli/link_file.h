// SPDX-License-Identifier: MIT
/*
 * cli/link_file.h - a configuration file of Agent Link: as it stands, and as it is to be.
 *
 *     err = cl_link_file_open(&file, path, why);
 *     cl_link_file_want(&file, "relay_url", url);
 *     err = cl_link_file_check(&file, false, why);
 *     err = cl_link_file_save(&file, why);
 *     cl_link_file_done(&file);
 *
 * It has secrets in it, so it is its owner's alone, and what was read or written of it is wiped.
 * Other programs read it too, and people edit it: members that nobody names stay as they are.
 */
#ifndef CL_CLI_LINK_FILE_H
#define CL_CLI_LINK_FILE_H

#include "base/arena.h"
#include "base/limits.h"
#include "proto/agent_link_config.h"
#include "wire/json.h"
#include "wire/json_merge.h"

/* Where the two files lie, if nobody says another place. */
#define CL_LINK_CLIENT_FILE "agent-link-config.json"
#define CL_LINK_RELAY_FILE  "relay-config.json"

/* Members of one file that are set; more are a bug. */
#define CL_LINK_FILE_PUTS_MAX 8

struct cl_link_file {
    char path[CL_CLI_PATH_CAP];
    bool exists;
    bool is_readable;    // by others than its owner
    const char *clash;   // the member that would be another, for good; NULL: none
    const char *done;    // by cl_link_file_save: what became of the file, in a word
    enum cl_err err;     // the first one of what is set; cl_link_file_check tells it
    struct cl_buf found; // its text
    struct cl_buf values;
    struct cl_buf text; // as it is to be, if that is another
    struct cl_json_put puts[CL_LINK_FILE_PUTS_MAX];
    size_t puts_len;
    struct cl_arena arena;
    cl_hash_key key;
    struct cl_json_scan scan; // of found; it may not be moved
};

/* What a file says, to those whom it is for. */
struct cl_link_config {
    bool is_relay;
    struct cl_agent_link_relay_config relay;
    struct cl_agent_link_client_config client;
};

/* Reads it, if it is there. CL_ERR_USAGE: the path is too long, or names what is no regular file;
 * CL_ERR_IO: it cannot be read, or is no JSON object. cl_link_file_done is due in any case. */
CL_MUST_CHECK enum cl_err cl_link_file_open(struct cl_link_file *file, const char *path,
                                            struct cl_why *why);
void cl_link_file_done(struct cl_link_file *file);

/* The member's value as it stands; empty: there is none. */
cl_str cl_link_file_value(const struct cl_link_file *file, const char *name);
/* That of a string, in *ret_text; empty: there is none, or it is empty. CL_ERR_IO: it is something
 * else. */
CL_MUST_CHECK enum cl_err cl_link_file_string(struct cl_link_file *file, const char *name,
                                              cl_str *ret_text, struct cl_why *why);
/* The whole of it, as it stands, strictly; a file with registered_instances or a port is a relay's.
 * cl_link_config_done is due then. CL_ERR_IO: it cannot be understood. */
CL_MUST_CHECK enum cl_err cl_link_file_read(struct cl_link_file *file,
                                            struct cl_link_config *ret_config, struct cl_why *why);
void cl_link_config_done(struct cl_link_config *config);
/* The same of a string that lies anywhere in the file; reason: what is wrong if it is none. */
CL_MUST_CHECK enum cl_err cl_link_file_text(struct cl_link_file *file, cl_str value,
                                            const char *reason, cl_str *ret_text,
                                            struct cl_why *why);
/* What is wrong with the file: the sentence for who would have to repair it. CL_ERR_IO. */
CL_MUST_CHECK enum cl_err cl_link_file_broken(const struct cl_link_file *file, const char *reason,
                                              struct cl_why *why);

/* The member is to be that. Where the file has another value, that is the clash. */
void cl_link_file_want(struct cl_link_file *file, const char *name, cl_str text);
void cl_link_file_want_number(struct cl_link_file *file, const char *name, uint64_t number);
/* The same where the file has none, or an empty one; else it stays. */
void cl_link_file_default(struct cl_link_file *file, const char *name, cl_str text);
/* The member is to be that JSON, whatever it was. */
void cl_link_file_put(struct cl_link_file *file, const char *name, cl_str json);

/* Makes the text of what was set. CL_ERR_USAGE: there is a clash, and it may not be replaced, or a
 * value that is no UTF-8; CL_ERR_TOO_LARGE; CL_ERR_IO: relay and clients could not read that. */
CL_MUST_CHECK enum cl_err cl_link_file_check(struct cl_link_file *file, bool may_replace,
                                             struct cl_why *why);
/* Writes that, whole or not at all, for its owner alone, if it is another. The errors of
 * cl_file_write. */
CL_MUST_CHECK enum cl_err cl_link_file_save(struct cl_link_file *file, struct cl_why *why);

#endif
