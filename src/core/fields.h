// SPDX-License-Identifier: MIT
/*
 * core/fields.h - every command described once: its kind, its class, its fields and their bounds.
 *
 * For core/command.h, which makes structs and code of it; include that.
 */
#ifndef CL_CORE_FIELDS_H
#define CL_CORE_FIELDS_H

// clang-format off
/* Kinds in order, as they are encoded: new ones go to the end.
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
    X(HEARTBEAT,    heartbeat,    VOLATILE) \
    X(OPEN,         open,         VOLATILE) \
    X(CLOSE,        close,        VOLATILE) \
    X(RENEW,        renew,        VOLATILE) \
    X(SETTLE,       settle,       VOLATILE) \
    X(SETTLED,      settled,      VOLATILE) \
    X(UNSETTLED,    unsettled,    VOLATILE) \
    X(FORGOTTEN,    forgotten,    VOLATILE) \
    X(LAPSE,        lapse,        VOLATILE)

/* F(TYPE, name, max):
 *   U8 U32 U64  0 to max              TIME    not negative        ID    16 bytes
 *   NAME        1 to max bytes        STR     0 to max bytes
 *   BODY        NULL or up to max bytes, shared by reference
 *   RANGES      1 to max ranges */

/* The first command of a starting relay. Its header's origin is the relay's new epoch, unique
 * among relays; all that was attached under an earlier epoch of the same relay is detached.
 * The limits are for the whole core, and travel in the journal so that a replay decides alike. */
#define CL_FIELDS_relay_up(F)                         \
    F(NAME, relay,              CL_ID_BYTES_MAX)      \
    F(U32,  inbox_messages_max, UINT32_MAX)           \
    F(U64,  inbox_bytes_max,    UINT64_MAX)           \
    F(U64,  inboxes_bytes_max,  UINT64_MAX)

/* A known agent's record is replaced and its queue kept; an inbox that waited for this id is
 * adopted. The record is the codec's business: the core only keeps it. */
#define CL_FIELDS_registration(F)                     \
    F(NAME, agent,    CL_ID_BYTES_MAX)                \
    F(BODY, record,   CL_BODY_BYTES_MAX)

/* One more connection, or one less, of this agent to the relay whose epoch is the header's
 * origin. An attached agent is never forgotten. Any id may be attached. */
#define CL_FIELDS_attach(F) F(NAME, agent, CL_ID_BYTES_MAX)
#define CL_FIELDS_detach(F) F(NAME, agent, CL_ID_BYTES_MAX)

/* What SEND and PUBLISH have in common. */
#define CL_FIELDS_message(F)                          \
    F(ID,   id,       0)                              \
    F(ID,   re,       0)                              \
    F(U64,  stream,   UINT64_MAX)                     \
    F(U64,  seq,      UINT64_MAX)                     \
    F(U8,   kind,     CL_MSG_KIND_COUNT - 1)          \
    F(U8,   media,    UINT8_MAX)                      \
    F(U8,   priority, CL_PRIORITY_COUNT - 1)          \
    F(TIME, expires,  0)                              \
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
    F(RANGES, ranges, CL_ACK_RANGES_MAX)

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
    F(U8,   kind,     CL_HOLDER_KIND_COUNT - 1)
#define CL_FIELDS_close(F)     F(U64, holder, UINT64_MAX)
#define CL_FIELDS_renew(F)     F(U64, holder, UINT64_MAX) F(TIME, until, 0)
#define CL_FIELDS_settle(F)    F(U64, holder, UINT64_MAX) F(U64, batch, UINT64_MAX)
#define CL_FIELDS_settled(F)                          \
    F(NAME, agent,    CL_ID_BYTES_MAX)                \
    F(U64,  holder,   UINT64_MAX)                     \
    F(U64,  batch,    UINT64_MAX)
#define CL_FIELDS_unsettled(F) CL_FIELDS_settled(F)
#define CL_FIELDS_forgotten(F) F(NAME, agent, CL_ID_BYTES_MAX)
#define CL_FIELDS_lapse(F)     F(TIME, due, 0)
// clang-format on

#endif
