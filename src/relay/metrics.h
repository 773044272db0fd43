// SPDX-License-Identifier: MIT
/*
 * relay/metrics.h - what the relay counts, for Prometheus and for people.
 */
#ifndef CL_RELAY_METRICS_H
#define CL_RELAY_METRICS_H

#include "relay/state.h"

/* How many agents are in which state; O(agents). */
struct cl_metrics_agents {
    uint64_t online; // registered, heard of lately
    uint64_t stale;  // registered, silent
};
struct cl_metrics_agents cl_metrics_agents(struct cl_relay *relay);
/* Connections that have shown the token. */
uint32_t cl_metrics_known(const struct cl_relay *relay);

/* All of it in Prometheus' text format 0.0.4. The buffer's refusals. */
CL_MUST_CHECK enum cl_err cl_metrics_write(struct cl_relay *relay, struct cl_buf *out);

/* Answers GET and HEAD with it, anything else with 405. */
void cl_metrics_answer(struct cl_relay *relay, struct cl_http_conn *conn,
                       const struct cl_http_head *head);

#endif
