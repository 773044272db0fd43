// SPDX-License-Identifier: MIT
/*
 * core/fields.h - every command described once: its kind, its class, its fields and their bounds.
 *
 * For core/command.h, which makes structs and code of it; include that.
 */
#ifndef CL_CORE_FIELDS_H
#define CL_CORE_FIELDS_H

// clang-format off
/* Kinds in order, as they are encoded: a new one goes behind the last of its class. The numbers of
 * the volatile ones move then, but nobody keeps those.
 * DURABLE goes through the journal to the core, VOLATILE straight to the session.
 *     KIND         fields        class */
#define CL_COMMAND_MAP(X)                   \
    X(RELAY_UP,     relay_up,     DURABLE)  \
    X(REGISTER,     registration, DURABLE)  \
    X(ATTACH,       attach,       DURABLE)  \
    X(DETACH,       detach,       DURABLE)  \
    X(SEND,         send,         DURABLE)  \
    X(PUBLISH,      publish,      DURABLE)  \
    X(ACK,          ack,          DURABLE)  \
    X(FILE_PUT,     file_put,     DURABLE)  \
    X(FORGET,       forget,       DURABLE)  \
    X(TICK,         tick,         DURABLE)  \
    X(REPORT,       report,       DURABLE)  \
    X(REFUSE,       refuse,       DURABLE)  \
    X(RELEASED,     released,     DURABLE)  \
    X(DEAD_RETRY,   dead_retry,   DURABLE)  \
    X(DEAD_DROP,    dead_drop,    DURABLE)  \
    X(ONCE,         once,         DURABLE)  \
    X(HEARTBEAT,    heartbeat,    VOLATILE) \
    X(OPEN,         open,         VOLATILE) \
    X(CLOSE,        close,        VOLATILE) \
    X(RENEW,        renew,        VOLATILE) \
    X(SETTLE,       settle,       VOLATILE) \
    X(SETTLED,      settled,      VOLATILE) \
    X(UNSETTLED,    unsettled,    VOLATILE) \
    X(FORGOTTEN,    forgotten,    VOLATILE) \
    X(LAPSE,        lapse,        VOLATILE) \
    X(SETTLE_RANGES, settle_ranges, VOLATILE) \
    X(RELEASE,      release,      VOLATILE) \
    X(PASS,         pass,         VOLATILE)

/* F(TYPE, name, max):
 *   U8 U32 U64  0 to max              TIME    not negative        ID    16 bytes
 *   NAME        1 to max bytes        STR     0 to max bytes
 *   BODY        NULL or up to max bytes, shared by reference
 *   RANGES      1 to max ranges       PLACES  the same, of CL_LANE_PASSING too */

/* The first command of a starting relay. Its header's origin is the relay's new epoch, unique
 * among relays; all that was attached under an earlier epoch of the same relay is detached.
 * The limits are for the whole core, and travel in the journal so that a replay decides alike. */
#define CL_FIELDS_relay_up(F)                         \
    F(NAME, relay,              CL_ID_BYTES_MAX)      \
    F(U32,  inbox_messages_max, UINT32_MAX)           \
    F(U64,  inbox_bytes_max,    UINT64_MAX)           \
    F(U64,  inboxes_bytes_max,  UINT64_MAX)           \
    CL_FIELDS_chain_limits(F)                         \
    F(U32,  receipts_max,       UINT32_MAX)           \
    F(U32,  receipts_all_max,   UINT32_MAX)           \
    F(U64,  dead_bytes_max,     UINT64_MAX)

/* Of declared chains, then of inherited ones (core/chain.h); 0: no limit. */
#define CL_FIELDS_chain_limits(F)                     \
    F(U32,  hops_max,           UINT32_MAX)           \
    F(U32,  chain_messages_max, UINT32_MAX)           \
    F(U32,  thread_minute_max,  UINT32_MAX)           \
    F(U32,  inherited_hops_max, UINT32_MAX)           \
    F(U32,  inherited_messages_max, UINT32_MAX)

/* A known agent's record is replaced and its queue kept; an inbox that waited for this id is
 * adopted. The record is the codec's business: the core only keeps it. With `keeps` it is for one
 * that is not registered yet: what a registered one has said of itself stays. */
#define CL_FIELDS_registration(F)                     \
    F(NAME, agent,    CL_ID_BYTES_MAX)                \
    F(U8,   keeps,    1)                              \
    F(BODY, record,   CL_BODY_BYTES_MAX)

/* One more connection, or one less, of this agent to the relay whose epoch is the header's
 * origin. An attached agent is never forgotten. Any id may be attached. */
#define CL_FIELDS_attach(F) F(NAME, agent, CL_ID_BYTES_MAX)
#define CL_FIELDS_detach(F) F(NAME, agent, CL_ID_BYTES_MAX)

/* What SEND and PUBLISH have in common. Flags: CL_MSG_TRACKED wants deduplication by stream and
 * seq (core/sender.h) and, of a SEND, a receipt (core/receipt.h); CL_MSG_DECLARED: root and hops
 * are the sender's words (core/chain.h), else they are looked up. attempts_max: so often a SEND's
 * message may be taken and given back, 0: any number of times. re_rung and re_outcome: what the
 * sender, as its recipient, says of the message `re`, as in a REPORT; 0: nothing. blob: the digest
 * of the blob that the body names (core/named.h), or empty. What a v1 sender does not know is 0 or
 * empty. */
#define CL_FIELDS_message(F)                          \
    F(ID,   id,       0)                              \
    F(ID,   re,       0)                              \
    F(U64,  stream,   UINT64_MAX)                     \
    F(U64,  seq,      UINT64_MAX)                     \
    F(U8,   kind,     CL_MSG_KIND_COUNT - 1)          \
    F(U8,   media,    UINT8_MAX)                      \
    F(U8,   priority, CL_PRIORITY_COUNT - 1)          \
    F(U8,   flags,    CL_MSG_FLAGS)                   \
    F(U8,   hops,     UINT8_MAX)                      \
    F(U8,   attempts_max, UINT8_MAX)                  \
    F(U8,   trust,    CL_TRUST_COUNT - 1)             \
    F(U8,   re_rung,  CL_RUNG_COUNT - 1)              \
    F(U8,   re_outcome, CL_OUTCOME_CLAIMED_MAX)       \
    F(TIME, expires,  0)                              \
    F(ID,   root,     0)                              \
    F(STR,  thread,   CL_THREAD_BYTES_MAX)            \
    F(STR,  blob,     sizeof(cl_digest))              \
    F(BODY, body,     CL_BODY_BYTES_MAX)

/* To one id, registered or not; from nobody where `from` is empty. The message lives until
 * expires, at most CL_MESSAGE_LIFE_MS. */
#define CL_FIELDS_send(F)                             \
    F(NAME, to,       CL_ID_BYTES_MAX)                \
    F(STR,  from,     CL_ID_BYTES_MAX)                \
    CL_FIELDS_message(F)

/* To everyone registered but the sender; an inbox that is full, or half full of the sender's
 * messages, is passed over. */
#define CL_FIELDS_publish(F)                          \
    F(STR,  topic,    CL_TOPIC_BYTES_MAX)             \
    F(NAME, from,     CL_ID_BYTES_MAX)                \
    CL_FIELDS_message(F)

/* These messages reached the rung, delivered at least, and leave the inbox. Numbers that are
 * not waiting (any more) are passed over. */
#define CL_FIELDS_ack(F)                              \
    F(NAME,   agent,  CL_ID_BYTES_MAX)                \
    F(U8,     rung,   CL_RUNG_COUNT - 1)              \
    F(U8,     proof,  CL_PROOF_COUNT - 1)             \
    F(RANGES, ranges, CL_ACK_RANGES_MAX)

/* What the recipient of a tracked message says of it, which it took or still has: a higher rung,
 * or 0; how it ended, or 0; the reason of that in words. What is known already stays. */
#define CL_FIELDS_report(F)                           \
    F(NAME, agent,    CL_ID_BYTES_MAX)                \
    F(ID,   id,       0)                              \
    F(U8,   rung,     CL_RUNG_COUNT - 1)              \
    F(U8,   outcome,  CL_OUTCOME_CLAIMED_MAX)         \
    F(U8,   proof,    CL_PROOF_COUNT - 1)             \
    F(STR,  reason,   CL_REASON_BYTES_MAX)

/* The recipient does not want this one message: it leaves the inbox as rejected. */
#define CL_FIELDS_refuse(F)                           \
    F(NAME,   agent,  CL_ID_BYTES_MAX)                \
    F(STR,    reason, CL_REASON_BYTES_MAX)            \
    F(RANGES, ranges, 1)

/* These were taken and given back: one attempt more each. One that had attempts_max of them leaves
 * the inbox as dead. Numbers that are not waiting are passed over. */
#define CL_FIELDS_released(F)                         \
    F(NAME,   agent,  CL_ID_BYTES_MAX)                \
    F(RANGES, ranges, CL_ACK_RANGES_MAX)

/* A dead letter is queued again, as if it were sent now; or dropped. By its sender, by whom it was
 * for, or, with an empty agent, by the relay's administrator. */
#define CL_FIELDS_dead_retry(F)                       \
    F(STR,  agent,    CL_ID_BYTES_MAX)                \
    F(ID,   id,       0)                              \
    F(TIME, expires,  0)
#define CL_FIELDS_dead_drop(F)                        \
    F(STR,  agent,    CL_ID_BYTES_MAX)                \
    F(ID,   id,       0)

/* What has that digest, such as a signature, was accepted, and is not a second time before `until`,
 * at most CL_ONCE_LIFE_MS from now. */
#define CL_FIELDS_once(F)                             \
    F(STR,  digest,   sizeof(cl_digest))              \
    F(TIME, until,    0)

/* A new version; everyone registered but the editor gets a CL_MSG_FILE message named `id`. */
#define CL_FIELDS_file_put(F)                         \
    F(NAME, key,      CL_ID_BYTES_MAX)                \
    F(NAME, editor,   CL_ID_BYTES_MAX)                \
    F(ID,   id,       0)                              \
    F(BODY, type,     CL_BODY_BYTES_MAX)              \
    F(BODY, content,  CL_BODY_BYTES_MAX)

/* Only an agent silent for CL_AGENT_SILENT_MS, unattached, with an empty inbox. */
#define CL_FIELDS_forget(F) F(NAME, agent, CL_ID_BYTES_MAX)

/* What ends at or before `due`, ends. Not later than the header's time; refused as stale when
 * cl_core_deadline() lies behind it, for then nothing would happen. */
#define CL_FIELDS_tick(F) F(TIME, due, 0)

/* The volatile ones are explained in core/session.h. */
#define CL_FIELDS_heartbeat(F) F(NAME, agent, CL_ID_BYTES_MAX)
#define CL_FIELDS_open(F)                             \
    F(NAME, agent,    CL_ID_BYTES_MAX)                \
    F(U64,  holder,   UINT64_MAX)                     \
    F(U8,   kind,     CL_HOLDER_KIND_COUNT - 1)       \
    F(U32,  messages_max, CL_POLL_MESSAGES_MAX)
#define CL_FIELDS_close(F)     F(U64, holder, UINT64_MAX)
#define CL_FIELDS_renew(F)     F(U64, holder, UINT64_MAX) F(TIME, until, 0)
#define CL_FIELDS_settle(F)                           \
    F(U64,  holder,   UINT64_MAX)                     \
    F(U64,  batch,    UINT64_MAX)                     \
    F(U8,   rung,     CL_RUNG_COUNT - 1)              \
    F(U8,   proof,    CL_PROOF_COUNT - 1)
#define CL_FIELDS_settled(F)                          \
    F(NAME, agent,    CL_ID_BYTES_MAX)                \
    F(U64,  holder,   UINT64_MAX)                     \
    F(U64,  batch,    UINT64_MAX)
#define CL_FIELDS_unsettled(F) CL_FIELDS_settled(F)
#define CL_FIELDS_forgotten(F) F(NAME, agent, CL_ID_BYTES_MAX)
#define CL_FIELDS_lapse(F)     F(TIME, due, 0)
#define CL_FIELDS_settle_ranges(F)                    \
    F(U64,    holder, UINT64_MAX)                     \
    F(U8,     rung,   CL_RUNG_COUNT - 1)              \
    F(U8,     proof,  CL_PROOF_COUNT - 1)             \
    F(U8,     refuses, 1)                             \
    F(PLACES, ranges, CL_ACK_RANGES_MAX)
#define CL_FIELDS_release(F)                          \
    F(U64,    holder, UINT64_MAX)                     \
    F(PLACES, ranges, CL_ACK_RANGES_MAX)
#define CL_FIELDS_pass(F)                             \
    F(NAME, to,       CL_ID_BYTES_MAX)                \
    F(STR,  from,     CL_ID_BYTES_MAX)                \
    F(ID,   id,       0)                              \
    F(ID,   re,       0)                              \
    F(U8,   kind,     CL_MSG_KIND_COUNT - 1)          \
    F(U8,   media,    UINT8_MAX)                      \
    F(U8,   trust,    CL_TRUST_COUNT - 1)             \
    F(TIME, expires,  0)                              \
    F(BODY, body,     CL_BODY_BYTES_MAX)
// clang-format on

#endif
