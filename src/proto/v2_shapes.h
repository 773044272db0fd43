// SPDX-License-Identifier: MIT
/*
 * proto/v2_shapes.h - every object of protocol v2, described once (docs/protocol/v2.md).
 *
 * Times are milliseconds since 1970, but for those in an envelope. Agents go by their addresses.
 */
#ifndef CL_PROTO_V2_SHAPES_H
#define CL_PROTO_V2_SHAPES_H

#include "proto/envelope.h"
#include "proto/v2_words.h"

// clang-format off
/* -- parts ----------------------------------------------------------------------------------- */

#define CL_FIELDS_v2_limits(F, S)                                                \
    F(S, NUMBER,   REQUIRED, message_bytes,   CL_V2_NUMBER_MAX,     NULL)        \
    F(S, NUMBER,   REQUIRED, body_bytes,      CL_V2_NUMBER_MAX,     NULL)        \
    F(S, NUMBER,   REQUIRED, blob_bytes,      CL_V2_NUMBER_MAX,     NULL)        \
    F(S, NUMBER,   REQUIRED, credit_messages, CL_V2_NUMBER_MAX,     NULL)        \
    F(S, NUMBER,   REQUIRED, credit_bytes,    CL_V2_NUMBER_MAX,     NULL)
/* The causal chain of a message, as the relay counts it. */
#define CL_FIELDS_v2_chain(F, S)                                                 \
    F(S, ID,       REQUIRED, root,            0,                    NULL)        \
    F(S, NUMBER,   REQUIRED, hops,            UINT8_MAX,            NULL)        \
    F(S, NUMBER,   REQUIRED, count,           CL_V2_NUMBER_MAX,     NULL)
/* What the relay adds to a message, beside its envelope. */
#define CL_FIELDS_v2_added(F, S)                                                 \
    F(S, NUMBER,   REQUIRED, accepted,        CL_V2_NUMBER_MAX,     NULL)        \
    F(S, WORD,     REQUIRED, trust,           CL_V2_TRUST_COUNT,    cl_v2_trusts) \
    F(S, NUMBER,   REQUIRED, attempts,        UINT32_MAX,           NULL)        \
    F(S, OBJECT,   OPTIONAL, chain,           0,                    &cl_v2_chain_shape)
/* One rung that was reached. */
#define CL_FIELDS_v2_step(F, S)                                                  \
    F(S, WORD,     REQUIRED, rung,            CL_RUNG_COUNT,        cl_v2_rungs) \
    F(S, NUMBER,   REQUIRED, at,              CL_V2_NUMBER_MAX,     NULL)        \
    F(S, ADDRESS,  REQUIRED, by,              CL_ADDRESS_SENDERS,   NULL)        \
    F(S, WORD,     REQUIRED, proof,           CL_V2_PROOF_COUNT,    cl_v2_proofs)
#define CL_FIELDS_v2_ending(F, S)                                                \
    F(S, WORD,     REQUIRED, outcome,         CL_V2_OUTCOME_COUNT,  cl_v2_outcomes) \
    F(S, NUMBER,   REQUIRED, at,              CL_V2_NUMBER_MAX,     NULL)        \
    F(S, ADDRESS,  REQUIRED, by,              CL_ADDRESS_SENDERS,   NULL)        \
    F(S, TEXT,     OPTIONAL, reason,          CL_REASON_BYTES_MAX,  NULL)
#define CL_FIELDS_v2_receipt(F, S)                                               \
    F(S, NUMBER,   REQUIRED, version,         CL_V2_NUMBER_MAX,     NULL)        \
    F(S, ID,       REQUIRED, id,              0,                    NULL)        \
    F(S, LIST,     REQUIRED, rungs,           CL_RUNG_COUNT,        &cl_v2_step_shape) \
    F(S, OBJECT,   OPTIONAL, ended,           0,                    &cl_v2_ending_shape)
/* A message in a batch or a view; `message` has the same with its agent. */
#define CL_FIELDS_v2_letter(F, S)                                                \
    F(S, AT,       REQUIRED, at,              0,                    NULL)        \
    F(S, OBJECT,   REQUIRED, relay,           0,                    &cl_v2_added_shape) \
    F(S, ENVELOPE, REQUIRED, envelope,        0,                    NULL)
#define CL_FIELDS_v2_agent(F, S)                                                 \
    F(S, ADDRESS,  REQUIRED, agent,           CL_ADDRESS_SENDERS,   NULL)        \
    F(S, TEXT,     OPTIONAL, name,            CL_V2_DISPLAY_BYTES_MAX, NULL)     \
    F(S, TEXT,     OPTIONAL, description,     CL_V2_DESCRIPTION_BYTES_MAX, NULL) \
    F(S, STRINGS,  OPTIONAL, capabilities,    CL_V2_CAPABILITIES_MAX, NULL)      \
    F(S, RAW,      OPTIONAL, metadata,        CL_V2_METADATA_BYTES_MAX, NULL)    \
    F(S, WORD,     REQUIRED, status,          CL_V2_PRESENCE_COUNT, cl_v2_presences) \
    F(S, BOOL,     REQUIRED, connected,       0,                    NULL)        \
    F(S, NUMBER,   OPTIONAL, heard,           CL_V2_NUMBER_MAX,     NULL)        \
    F(S, NUMBER,   OPTIONAL, polled,          CL_V2_NUMBER_MAX,     NULL)        \
    F(S, NUMBER,   OPTIONAL, proven,          CL_V2_NUMBER_MAX,     NULL)        \
    F(S, NUMBER,   REQUIRED, waiting,         CL_V2_NUMBER_MAX,     NULL)
#define CL_FIELDS_v2_dead(F, S)                                                  \
    F(S, ID,       REQUIRED, id,              0,                    NULL)        \
    F(S, ADDRESS,  REQUIRED, from,            CL_ADDRESS_SENDERS,   NULL)        \
    F(S, ADDRESS,  REQUIRED, to,              CL_ADDRESS_RECEIVERS, NULL)        \
    F(S, WORD,     REQUIRED, outcome,         CL_V2_OUTCOME_COUNT,  cl_v2_outcomes) \
    F(S, NUMBER,   REQUIRED, at,              CL_V2_NUMBER_MAX,     NULL)        \
    F(S, TEXT,     OPTIONAL, reason,          CL_REASON_BYTES_MAX,  NULL)        \
    F(S, NUMBER,   REQUIRED, attempts,        UINT32_MAX,           NULL)        \
    F(S, NUMBER,   REQUIRED, bytes,           CL_V2_NUMBER_MAX,     NULL)

/* -- params ---------------------------------------------------------------------------------- */

#define CL_FIELDS_v2_hello(F, S)                                                 \
    F(S, STRINGS,  REQUIRED, versions,        CL_V2_VERSIONS_MAX,   NULL)        \
    F(S, NAME,     REQUIRED, instance,        CL_NAME_BYTES_MAX,    NULL)        \
    F(S, LINE,     OPTIONAL, client,          CL_V2_DISPLAY_BYTES_MAX, NULL)
#define CL_FIELDS_v2_attach(F, S)                                                \
    F(S, ADDRESS,  REQUIRED, agent,           CL_ADDRESS_AGENT,     NULL)        \
    F(S, LINE,     OPTIONAL, name,            CL_V2_DISPLAY_BYTES_MAX, NULL)     \
    F(S, TEXT,     OPTIONAL, description,     CL_V2_DESCRIPTION_BYTES_MAX, NULL) \
    F(S, STRINGS,  OPTIONAL, capabilities,    CL_V2_CAPABILITIES_MAX, NULL)      \
    F(S, RAW,      OPTIONAL, metadata,        CL_V2_METADATA_BYTES_MAX, NULL)    \
    F(S, MAYBE,    OPTIONAL, receipts_after,  CL_V2_NUMBER_MAX,     NULL)        \
    F(S, BOOL,     OPTIONAL, quiet,           0,                    NULL)        \
    F(S, BOOL,     OPTIONAL, guest,           0,                    NULL)
#define CL_FIELDS_v2_detach(F, S)                                                \
    F(S, ADDRESS,  REQUIRED, agent,           CL_ADDRESS_AGENT,     NULL)
#define CL_FIELDS_v2_send(F, S)                                                  \
    F(S, ENVELOPE, REQUIRED, envelope,        0,                    NULL)        \
    F(S, NUMBER,   OPTIONAL, attempts,        UINT8_MAX,            NULL)        \
    F(S, WORD,     OPTIONAL, rung,            CL_RUNG_COUNT,        cl_v2_rungs) \
    F(S, WORD,     OPTIONAL, outcome,         CL_V2_OUTCOME_EXPIRED, cl_v2_outcomes)
/* Either ranges or a lease. */
#define CL_FIELDS_v2_ack(F, S)                                                   \
    F(S, ADDRESS,  REQUIRED, agent,           CL_ADDRESS_AGENT,     NULL)        \
    F(S, RANGES,   OPTIONAL, ranges,          CL_ACK_RANGES_MAX,    NULL)        \
    F(S, LINE,     OPTIONAL, lease,           CL_V2_LEASE_BYTES_MAX, NULL)       \
    F(S, WORD,     OPTIONAL, rung,            CL_RUNG_COUNT,        cl_v2_rungs) \
    F(S, WORD,     OPTIONAL, proof,           CL_V2_PROOF_COUNT,    cl_v2_proofs)
#define CL_FIELDS_v2_refuse(F, S)                                                \
    F(S, ADDRESS,  REQUIRED, agent,           CL_ADDRESS_AGENT,     NULL)        \
    F(S, AT,       REQUIRED, at,              0,                    NULL)        \
    F(S, TEXT,     REQUIRED, reason,          CL_REASON_BYTES_MAX,  NULL)
/* Either ranges or a lease. */
#define CL_FIELDS_v2_release(F, S)                                               \
    F(S, ADDRESS,  REQUIRED, agent,           CL_ADDRESS_AGENT,     NULL)        \
    F(S, RANGES,   OPTIONAL, ranges,          CL_ACK_RANGES_MAX,    NULL)        \
    F(S, LINE,     OPTIONAL, lease,           CL_V2_LEASE_BYTES_MAX, NULL)
/* A rung, an outcome or both; a reason only with an outcome. */
#define CL_FIELDS_v2_report(F, S)                                                \
    F(S, ADDRESS,  REQUIRED, agent,           CL_ADDRESS_AGENT,     NULL)        \
    F(S, ID,       REQUIRED, id,              0,                    NULL)        \
    F(S, WORD,     OPTIONAL, rung,            CL_RUNG_COUNT,        cl_v2_rungs) \
    F(S, WORD,     OPTIONAL, outcome,         CL_V2_OUTCOME_EXPIRED, cl_v2_outcomes) \
    F(S, WORD,     OPTIONAL, proof,           CL_V2_PROOF_COUNT,    cl_v2_proofs) \
    F(S, TEXT,     OPTIONAL, reason,          CL_REASON_BYTES_MAX,  NULL)
#define CL_FIELDS_v2_agents(F, S)                                                \
    F(S, NAME,     OPTIONAL, capability,      CL_NAME_BYTES_MAX,    NULL)        \
    F(S, ADDRESS,  OPTIONAL, after,           CL_ADDRESS_SENDERS,   NULL)        \
    F(S, NUMBER,   OPTIONAL, limit,           CL_V2_PAGE_MAX,       NULL)
#define CL_FIELDS_v2_inbox(F, S)                                                 \
    F(S, ADDRESS,  REQUIRED, agent,           CL_ADDRESS_AGENT,     NULL)        \
    F(S, AT,       OPTIONAL, after,           0,                    NULL)        \
    F(S, NUMBER,   OPTIONAL, limit,           CL_V2_PAGE_MAX,       NULL)
/* Whose; without an agent, at the admin door alone, anybody's. */
#define CL_FIELDS_v2_trace(F, S)                                                 \
    F(S, ID,       REQUIRED, id,              0,                    NULL)        \
    F(S, ADDRESS,  OPTIONAL, agent,           CL_ADDRESS_AGENT,     NULL)
#define CL_FIELDS_v2_dead_list(F, S)                                             \
    F(S, ADDRESS,  OPTIONAL, agent,           CL_ADDRESS_AGENT,     NULL)        \
    F(S, ID,       OPTIONAL, after,           0,                    NULL)        \
    F(S, NUMBER,   OPTIONAL, limit,           CL_V2_PAGE_MAX,       NULL)
#define CL_FIELDS_v2_dead_show(F, S) CL_FIELDS_v2_trace(F, S)
#define CL_FIELDS_v2_dead_retry(F, S)                                            \
    CL_FIELDS_v2_trace(F, S)                                                     \
    F(S, NUMBER,   OPTIONAL, expires,         CL_V2_NUMBER_MAX,     NULL)
#define CL_FIELDS_v2_dead_drop(F, S) CL_FIELDS_v2_trace(F, S)
#define CL_FIELDS_v2_receive(F, S)                                               \
    F(S, ADDRESS,  REQUIRED, agent,           CL_ADDRESS_AGENT,     NULL)        \
    F(S, NUMBER,   OPTIONAL, wait,            CL_POLL_WAIT_MAX_S,   NULL)        \
    F(S, NUMBER,   OPTIONAL, max,             CL_V2_PAGE_MAX,       NULL)

/* -- results --------------------------------------------------------------------------------- */

#define CL_FIELDS_v2_welcome(F, S)                                               \
    F(S, LINE,     REQUIRED, version,         CL_NAME_BYTES_MAX,    NULL)        \
    F(S, STRINGS,  REQUIRED, versions,        CL_V2_VERSIONS_MAX,   NULL)        \
    F(S, LINE,     REQUIRED, relay,           CL_ID_BYTES_MAX,      NULL)        \
    F(S, LINE,     REQUIRED, epoch,           CL_NAME_BYTES_MAX,    NULL)        \
    F(S, WORD,     REQUIRED, durability,      CL_V2_DURABILITY_COUNT, cl_v2_durabilities) \
    F(S, NUMBER,   REQUIRED, time,            CL_V2_NUMBER_MAX,     NULL)        \
    F(S, OBJECT,   REQUIRED, limits,          0,                    &cl_v2_limits_shape) \
    F(S, WORD,     OPTIONAL, secret,          CL_V2_SECRET_COUNT,   cl_v2_secrets)
#define CL_FIELDS_v2_attached(F, S)                                              \
    F(S, ADDRESS,  REQUIRED, agent,           CL_ADDRESS_AGENT,     NULL)        \
    F(S, NUMBER,   REQUIRED, waiting,         CL_V2_NUMBER_MAX,     NULL)        \
    F(S, NUMBER,   REQUIRED, receipts,        CL_V2_NUMBER_MAX,     NULL)        \
    F(S, BOOL,     OPTIONAL, new,             0,                    NULL)
#define CL_FIELDS_v2_sent(F, S)                                                  \
    F(S, ID,       REQUIRED, id,              0,                    NULL)        \
    F(S, ADDRESS,  REQUIRED, to,              CL_ADDRESS_RECEIVERS, NULL)        \
    F(S, WORD,     REQUIRED, status,          CL_RUNG_COUNT,        cl_v2_rungs) \
    F(S, WORD,     REQUIRED, durability,      CL_V2_DURABILITY_COUNT, cl_v2_durabilities) \
    F(S, BOOL,     REQUIRED, duplicate,       0,                    NULL)        \
    F(S, MAYBE,    OPTIONAL, recipients,      CL_V2_NUMBER_MAX,     NULL)
#define CL_FIELDS_v2_agent_list(F, S)                                            \
    F(S, NUMBER,   REQUIRED, time,            CL_V2_NUMBER_MAX,     NULL)        \
    F(S, LIST,     REQUIRED, agents,          CL_V2_PAGE_MAX,       &cl_v2_agent_shape) \
    F(S, ADDRESS,  OPTIONAL, next,            CL_ADDRESS_SENDERS,   NULL)
#define CL_FIELDS_v2_inbox_view(F, S)                                            \
    F(S, NUMBER,   REQUIRED, waiting,         CL_V2_NUMBER_MAX,     NULL)        \
    F(S, LIST,     REQUIRED, messages,        CL_V2_PAGE_MAX,       &cl_v2_letter_shape) \
    F(S, AT,       OPTIONAL, next,            0,                    NULL)
/* Priority, thread and attempts are the message's, and gone with it. */
#define CL_FIELDS_v2_traced(F, S)                                                \
    F(S, ID,       REQUIRED, id,              0,                    NULL)        \
    F(S, ADDRESS,  REQUIRED, from,            CL_ADDRESS_SENDERS,   NULL)        \
    F(S, ADDRESS,  REQUIRED, to,              CL_ADDRESS_RECEIVERS, NULL)        \
    F(S, NUMBER,   REQUIRED, accepted,        CL_V2_NUMBER_MAX,     NULL)        \
    F(S, NUMBER,   REQUIRED, expires,         CL_V2_NUMBER_MAX,     NULL)        \
    F(S, MAYBE,    OPTIONAL, priority,        CL_PRIORITY_COUNT - 1, NULL)        \
    F(S, ID,       OPTIONAL, re,              0,                    NULL)        \
    F(S, LINE,     OPTIONAL, thread,          CL_THREAD_BYTES_MAX,  NULL)        \
    F(S, OBJECT,   OPTIONAL, chain,           0,                    &cl_v2_chain_shape) \
    F(S, MAYBE,    OPTIONAL, attempts,        UINT32_MAX,           NULL)        \
    F(S, LIST,     REQUIRED, rungs,           CL_RUNG_COUNT,        &cl_v2_step_shape) \
    F(S, OBJECT,   OPTIONAL, ended,           0,                    &cl_v2_ending_shape)
#define CL_FIELDS_v2_dead_page(F, S)                                             \
    F(S, LIST,     REQUIRED, dead,            CL_V2_PAGE_MAX,       &cl_v2_dead_shape) \
    F(S, ID,       OPTIONAL, next,            0,                    NULL)
#define CL_FIELDS_v2_dead_letter(F, S)                                           \
    F(S, OBJECT,   REQUIRED, dead,            0,                    &cl_v2_dead_shape) \
    F(S, ENVELOPE, REQUIRED, envelope,        0,                    NULL)
#define CL_FIELDS_v2_retried(F, S)                                               \
    F(S, ID,       REQUIRED, id,              0,                    NULL)        \
    F(S, ADDRESS,  REQUIRED, to,              CL_ADDRESS_RECEIVERS, NULL)        \
    F(S, NUMBER,   REQUIRED, expires,         CL_V2_NUMBER_MAX,     NULL)
/* Without a lease where there was nothing. */
#define CL_FIELDS_v2_batch(F, S)                                                 \
    F(S, LINE,     OPTIONAL, lease,           CL_V2_LEASE_BYTES_MAX, NULL)       \
    F(S, LIST,     REQUIRED, messages,        CL_V2_PAGE_MAX,       &cl_v2_letter_shape)

/* -- notes, and an error's data -------------------------------------------------------------- */

/* The envelope comes last, so that its text can go out by reference. */
#define CL_FIELDS_v2_message(F, S)                                               \
    F(S, ADDRESS,  REQUIRED, agent,           CL_ADDRESS_AGENT,     NULL)        \
    CL_FIELDS_v2_letter(F, S)
#define CL_FIELDS_v2_receipts(F, S)                                              \
    F(S, ADDRESS,  REQUIRED, agent,           CL_ADDRESS_AGENT,     NULL)        \
    F(S, LIST,     REQUIRED, receipts,        CL_V2_PAGE_MAX,       &cl_v2_receipt_shape)
#define CL_FIELDS_v2_error_data(F, S)                                            \
    F(S, NAME,     REQUIRED, error,           CL_NAME_BYTES_MAX,    NULL)        \
    F(S, BOOL,     REQUIRED, retry,           0,                    NULL)        \
    F(S, NUMBER,   OPTIONAL, retry_after,     CL_V2_NUMBER_MAX,     NULL)        \
    F(S, STRINGS,  OPTIONAL, versions,        CL_V2_VERSIONS_MAX,   NULL)        \
    F(S, STRINGS,  OPTIONAL, candidates,      CL_V2_PAGE_MAX,       NULL)

/* All of them, those within others first. */
#define CL_V2_SHAPE_MAP(X) \
    X(v2_limits) X(v2_chain) X(v2_added) X(v2_step) X(v2_ending) X(v2_receipt) X(v2_letter) \
    X(v2_agent) X(v2_dead) X(v2_hello) X(v2_attach) X(v2_detach) X(v2_send) X(v2_ack) \
    X(v2_refuse) X(v2_release) X(v2_report) X(v2_agents) X(v2_inbox) X(v2_trace) \
    X(v2_dead_list) X(v2_dead_show) X(v2_dead_retry) X(v2_dead_drop) X(v2_receive) \
    X(v2_welcome) X(v2_attached) X(v2_sent) X(v2_agent_list) X(v2_inbox_view) X(v2_traced) \
    X(v2_dead_page) X(v2_dead_letter) X(v2_retried) X(v2_batch) X(v2_message) X(v2_receipts) \
    X(v2_error_data)
// clang-format on

// NOLINTNEXTLINE(clang-analyzer-optin.performance.Padding): members are in the order of the text
CL_V2_SHAPE_MAP(CL_SHAPE_STRUCT)
/* Nothing to say: {}. */
struct cl_v2_nothing {
    bool nothing;
};
extern const struct cl_shape cl_v2_nothing_shape;

#endif
