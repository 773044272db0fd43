// SPDX-License-Identifier: MIT
/*
 * core/command.h - everything that can be asked of the core and of the session.
 *
 * Each command is described once, by CL_COMMAND_MAP and its CL_FIELDS_<name>. The struct, the
 * encoder, the decoder, the bounds and the simulator's generator all come from there.
 *
 * A command is first a draft: a struct cl_command, usually on the stack, whose strings, ranges
 * and bodies are borrowed. cl_core_admit, cl_core_apply, cl_session_apply and the encoder take
 * drafts as they are:
 *
 *     struct cl_command draft = {.kind = CL_COMMAND_ATTACH, .time = now, .origin = epoch,
 *                                .ticket = ticket, .attach = {.agent = id}};
 *
 * cl_command_new makes a command that owns all its bytes, in one allocation, with a reference
 * to each body: what a journal takes.
 */
#ifndef CL_CORE_COMMAND_H
#define CL_CORE_COMMAND_H

#include "base/body.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/limits.h"
#include "base/list.h"
#include "base/time.h"
#include "core/types.h"

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

#define CL_FIELD_U8(name)     uint8_t name;
#define CL_FIELD_U32(name)    uint32_t name;
#define CL_FIELD_U64(name)    uint64_t name;
#define CL_FIELD_TIME(name)   cl_time name;
#define CL_FIELD_ID(name)     cl_id name;
#define CL_FIELD_NAME(name)   cl_str name;
#define CL_FIELD_STR(name)    cl_str name;
#define CL_FIELD_BODY(name)   struct cl_body *name;
#define CL_FIELD_RANGES(name) cl_ranges name;
#define CL_FIELD_DECLARE(TYPE, name, max) CL_FIELD_##TYPE(name)
// clang-format on

enum cl_command_kind {
#define X(KIND, name, class) CL_COMMAND_##KIND,
    CL_COMMAND_MAP(X)
#undef X
        CL_COMMAND_COUNT
};

struct cl_command {
    enum cl_command_kind kind;
    cl_time time;        // stamped by the relay
    uint64_t origin;     // the relay's start epoch
    uint64_t ticket;     // the relay's name for the reply; nobody else reads it
    struct cl_link link; // for the queue of whoever owns the command; not part of it
    uint32_t pooled;     // bytes of its memory, in a command of cl_command_new
    union {
#define X(KIND, name, class)               \
    struct cl_command_##name {             \
        CL_FIELDS_##name(CL_FIELD_DECLARE) \
    } name;
        CL_COMMAND_MAP(X)
#undef X
    };
};

/* The same as a table, for whoever visits the fields of any command. */
enum cl_field_type {
    CL_FIELD_TYPE_U8,
    CL_FIELD_TYPE_U32,
    CL_FIELD_TYPE_U64,
    CL_FIELD_TYPE_TIME,
    CL_FIELD_TYPE_ID,
    CL_FIELD_TYPE_NAME,
    CL_FIELD_TYPE_STR,
    CL_FIELD_TYPE_BODY,
    CL_FIELD_TYPE_RANGES
};

struct cl_field {
    const char *name;
    enum cl_field_type type;
    size_t offset; // in struct cl_command
    uint64_t max;
};

struct cl_fields {
    const struct cl_field *items;
    size_t len;
};

/* In the order of their description. No fields for a kind that is none. */
struct cl_fields cl_command_fields(enum cl_command_kind kind);
/* Where the field's value lies: a uint8_t, uint32_t, uint64_t, cl_time, cl_id, cl_str,
 * struct cl_body * or cl_ranges. */
void *cl_command_field(struct cl_command *command, const struct cl_field *field);

/* "FILE_PUT". */
const char *cl_command_name(enum cl_command_kind kind);
bool cl_command_is_durable(enum cl_command_kind kind);

/* Is every field within its bounds? CL_ERR_TOO_LARGE for a body past its maximum, else
 * CL_ERR_MALFORMED. Admit, the session and the decoder ask this first. */
CL_MUST_CHECK enum cl_err cl_command_check(const struct cl_command *command);

/* A copy that owns its bytes and holds a reference to each body. Bounds are not looked at.
 * NULL without memory. */
struct cl_command *cl_command_new(const struct cl_command *draft);
/* Accepts NULL. Never for a draft. */
void cl_command_free(struct cl_command *command);

/* Appends the command's bytes, the link left out. Within bounds, as cl_command_check says. On
 * failure (the buffer's) nothing was appended. */
CL_MUST_CHECK enum cl_err cl_command_encode(const struct cl_command *command, struct cl_buf *buf);
/* The one command that all these bytes are. Anything else, whoever made it, is
 * CL_ERR_MALFORMED (or CL_ERR_TOO_LARGE); CL_ERR_NO_MEMORY. */
CL_MUST_CHECK enum cl_err cl_command_decode(cl_str bytes, struct cl_command **ret_command);

#endif
