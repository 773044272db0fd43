// SPDX-License-Identifier: MIT
/*
 * cli/mail.h - a message of protocol v2 that came, as the command line shows it.
 *
 * As JSON it is one object: what its envelope says, in the words of people, and what the relay
 * adds. Times are milliseconds since 1970; what nobody said is not there.
 *
 *     {"id","from","to","priority","re","thread","reply_to","deadline","sent","expires","chain",
 *      "accepted","trust","attempts","content_type","bytes", and the body, one of:
 *      "body": text   "body_base64url": anything else
 *      "blob": {"sha256","size","content_type"}, which the relay keeps}
 */
#ifndef CL_CLI_MAIL_H
#define CL_CLI_MAIL_H

#include "clawlink/client.h"
#include "cli/page.h"
#include "proto/envelope.h"
#include "proto/v2.h"
#include "wire/json_write.h"

struct cl_mail {
    struct cl_envelope_header header;
    cl_str body;
    bool is_blob;        // the body stands for one that is elsewhere:
    struct cl_blob blob; // this,
    cl_str sha256;       // by its hash, 64 small hexadecimal digits
};

/* Opens an envelope; all of *ret_mail lies in the arena or in the envelope. CL_ERR_MALFORMED,
 * CL_ERR_MISSING: it breaks a rule of the protocol; CL_ERR_NO_MEMORY. */
CL_MUST_CHECK enum cl_err cl_mail_open(const struct cl_envelope_reader *reader,
                                       const struct cl_envelope *envelope, struct cl_mail *ret_mail,
                                       struct cl_why *why);
/* The same for a message that libclawlink gave, with what the relay says of it. All of it lies in
 * the event, the chain in *ret_chain. */
void cl_mail_of_event(const struct claw_event *event, struct cl_mail *ret_mail,
                      struct cl_v2_added *ret_added, struct cl_v2_chain *ret_chain);
/* All its text in the arena, where it was somewhere else. False without memory. */
bool cl_mail_keep(struct cl_mail *mail, struct cl_arena *arena);
/* The object; added is what the relay says, or NULL. */
void cl_mail_put(struct cl_json_writer *json, const struct cl_mail *mail,
                 const struct cl_v2_added *added);

/* Is the whole body in the object, or, if it is not JSON that is shown, in its drawing? A blob is
 * in neither, other bytes than text are in the object alone. */
bool cl_mail_is_shown(const struct cl_mail *mail, bool is_json);

/* "urgent". */
cl_str cl_mail_priority(unsigned priority);

/* -- for people, from the object -------------------------------------------------------------- */

/* One line about it, the body set back below. Of one that cannot be shown it is said how it is
 * saved, by that verb: "inbox"; NULL: it is. */
void cl_mail_draw(struct cl_page *page, cl_str mail, const char *verb);
/* Puts what a list shows of a body, as a string: its first line, or what it is. */
void cl_mail_put_gist(struct cl_json_writer *json, cl_str mail);

#endif
