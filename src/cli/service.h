// SPDX-License-Identifier: MIT
/*
 * cli/service.h - the files that make the relay a service of a machine or of a user.
 *
 * Here is the one text of each: `clawlink relay install` writes them, and the Debian package takes
 * them from there. docs/decisions/0018 says why they are as they are.
 */
#ifndef CL_CLI_SERVICE_H
#define CL_CLI_SERVICE_H

#include "base/buf.h"
#include "base/limits.h"

enum cl_service_manager {
    CL_SERVICE_SYSTEM, // systemd, for the machine
    CL_SERVICE_USER,   // systemd, for a user
    CL_SERVICE_LAUNCHD // macOS, for a user
};

struct cl_service {
    enum cl_service_manager manager;
    const char *root;    // in front of every path that is written; "" for this machine
    const char *home;    // the user's; not looked at for the machine
    const char *program; // absolute; of what cl_service_is_program lets through
    cl_str options;      // of the relay: words with blanks between them, no quotes
    bool is_low_port;    // the relay has to bind a port that takes a right
};

enum cl_service_file {
    CL_SERVICE_UNIT,  // what the manager reads
    CL_SERVICE_CONF,  // the relay's options; launchd has none, there the unit holds them
    CL_SERVICE_TOKEN, // made once: cl_service_text has no text for it
    CL_SERVICE_FILES
};

/* No file has more bytes. */
#define CL_SERVICE_TEXT_BYTES_MAX (16 * CL_KIB)

/* Can a unit name the program by this path as it is? */
bool cl_service_is_program(const char *path);
/* Can the unit of that manager see it? What lies in homes and in /tmp is hidden from a service of
 * the machine. */
bool cl_service_sees_program(const struct cl_service *service);

/* Where that file belongs, "" where the manager has none. CL_ERR_USAGE: too long. */
CL_MUST_CHECK enum cl_err cl_service_path(const struct cl_service *service,
                                          enum cl_service_file file,
                                          char ret_path[static CL_CLI_PATH_CAP],
                                          struct cl_why *why);
/* Appends the text of the unit or of the options. */
CL_MUST_CHECK enum cl_err cl_service_text(const struct cl_service *service,
                                          enum cl_service_file file, struct cl_buf *out);
/* The relay's options in the text of such a file, as systemd.exec(5) reads one: the last assignment
 * counts, quotes around all of it do not, a line that ends with a backslash goes on in the next.
 * Lines are joined in place; the result lies in the buffer. "": there are none. */
cl_str cl_service_conf_options(struct cl_buf *text);
/* Do these options name a port that takes a right to bind? */
bool cl_service_wants_low_port(cl_str options);
/* The link that is there while the manager starts the relay by itself, "" where there is none. */
CL_MUST_CHECK enum cl_err cl_service_enabled_path(const struct cl_service *service,
                                                  char ret_path[static CL_CLI_PATH_CAP],
                                                  struct cl_why *why);
/* What is to be typed to start it, and to be rid of it; each ends with NULL. */
const char *const *cl_service_start_commands(enum cl_service_manager manager);
const char *const *cl_service_stop_commands(enum cl_service_manager manager);

#endif
