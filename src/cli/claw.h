// SPDX-License-Identifier: MIT
/*
 * cli/claw.h - libclawlink (clawlink/client.h) for the verbs that keep a connection.
 *
 * Its events come by a function, in cl_claw_turn. Ctrl-C is heard where that waits, and nowhere
 * else: so what was shown and acknowledged is told to the relay before.
 */
#ifndef CL_CLI_CLAW_H
#define CL_CLI_CLAW_H

#include "base/time.h"
#include "cli/run.h"
#include "client/api_cli.h"

/* A client for the run's relay and the instance of who runs it, which ends if it cannot connect at
 * first. Errors of claw_new. */
CL_MUST_CHECK enum cl_err cl_claw_new(struct cl_run *run, claw_event_fn *on_event, void *user,
                                      claw_client **ret_client, struct cl_why *why);

/* Waits for something to happen until that time at the latest, unless something is to be done at
 * once; does it, and gives the events. CL_ERR_INTERNAL: the client is broken. */
CL_MUST_CHECK enum cl_err cl_claw_turn(struct cl_run *run, claw_client *client, cl_instant until,
                                       struct cl_why *why);

/* The last call for the client failed with that: its error, and its sentence in why. */
CL_MUST_CHECK enum cl_err cl_claw_fail(claw_client *client, claw_err err, struct cl_why *why);

/* Makes a call of protocol v2; params is the method's struct. The event of its result has the
 * method as its tag. CL_ERR_NO_MEMORY; of a client that has ended an event tells. */
CL_MUST_CHECK enum cl_err cl_claw_call(claw_client *client, enum cl_v2_method method,
                                       const void *params);
/* What that call brought, read into the method's struct: event->err, CL_ERR_NO_MEMORY. */
CL_MUST_CHECK enum cl_err cl_claw_read(const struct cl_envelope_reader *reader,
                                       const struct claw_event *event, void *ret_result);

/* The receipt that the event tells, as the relay told it. */
void cl_claw_put_receipt(struct cl_json_writer *json, const struct claw_event *event);

#endif
