// SPDX-License-Identifier: MIT
/*
 * core/core.h - the mesh as a state machine: agents, inboxes, broadcasts, files.
 *
 * The same commands give the same state and the same effects, bit for bit. There is no clock
 * here, no randomness, no I/O: time and random bytes are fields of commands. Only DURABLE
 * commands come here, in the journal's order; each counts as applied, refused ones too, and
 * each gives exactly one REPLY effect, its first.
 *
 * Journal time is the greatest time of any command applied so far. Messages expire by it.
 *
 * What admit (and apply, which asks again) refuses:
 *
 *     any command   a field out of bounds                              MALFORMED, TOO_LARGE
 *     RELAY_UP      the epoch is another relay's                       STALE
 *                   CL_RELAYS_MAX other relays                         TOO_MANY
 *     REGISTER      CL_AGENTS_MAX agents; records past their limit     TOO_MANY; FULL
 *     ATTACH        the origin is no relay's epoch                     STALE
 *     DETACH        not attached from there                            STALE
 *     SEND          a blob's name that is no digest                    MALFORMED
 *                   expired already                                    EXPIRED
 *                   tracked, without id or sender, or its id is that
 *                   of another sender's message                        MALFORMED
 *                   tracked, and its stream has ended                  STALE
 *                   its chain or thread is too long (core/chain.h)     LOOP; MALFORMED
 *                   unknown id and CL_ORPHANS_MAX orphans              TOO_MANY
 *                   the inbox is full; all inboxes together are        INBOX_FULL; FULL
 *                   its sender would have more than half of what fits
 *                   there, and not this one message alone              FAIR_SHARE
 *                   (a tracked duplicate is refused for none of these)
 *     PUBLISH       expired already; all inboxes together are full     EXPIRED; FULL
 *                   a blob's name, tracked or in a chain: as a SEND
 *     ACK           unknown id; a rung below delivered, or ranges
 *                   that have numbers in common                        NO_AGENT; MALFORMED
 *     FILE_PUT      a new file and CL_FILES_MAX files; files or all
 *                   inboxes past their limit                           FULL
 *     FORGET        not registered; attached, not silent or not empty  NO_AGENT; STALE
 *     TICK          nothing ends by then                               STALE
 *     REPORT        no receipt of that id; it was for another          NOT_FOUND; FORBIDDEN
 *                   neither a rung nor an outcome                      MALFORMED
 *     REFUSE        unknown id; more than one message; not waiting     NO_AGENT; MALFORMED;
 *                                                                      NOT_FOUND
 *     RELEASED      unknown id                                         NO_AGENT
 *     DEAD_RETRY    no such letter; another's                          NOT_FOUND; FORBIDDEN
 *                   expired already                                    EXPIRED
 *                   and all that refuses a SEND for want of room
 *     DEAD_DROP     no such letter; another's                          NOT_FOUND; FORBIDDEN
 *     ONCE          no digest, or known for too long                   MALFORMED
 *                   over already                                       EXPIRED
 *                   it came before, and that is not over               STALE
 *                   CL_ONCE_MAX others                                 TOO_MANY
 */
#ifndef CL_CORE_CORE_H
#define CL_CORE_CORE_H

#include "base/buf.h"
#include "base/hash.h"
#include "base/time.h"
#include "core/agent.h"
#include "core/command.h"
#include "core/dead.h"
#include "core/effects.h"
#include "core/file.h"
#include "core/msg.h"
#include "core/receipt.h"

struct cl_core;

struct cl_core_stats {
    uint32_t agents;  // registered
    uint32_t guests;  // attached, not registered
    uint32_t orphans; // inboxes that wait for their agent
    uint32_t files;
    uint64_t broadcasts;  // ever
    uint64_t births;      // the greatest `number` of an agent or message so far
    uint64_t waiting;     // messages, counted once per inbox
    uint64_t inbox_bytes; // all inboxes; a shared record counts once
    uint64_t record_bytes;
    uint64_t file_bytes; // all versions
    uint32_t senders;    // of tracked messages
    uint32_t receipts;
    uint32_t chains; // that are counted
    uint32_t dead;   // letters
    uint64_t dead_bytes;
    uint32_t onces; // of ONCE, until a TICK forgets them
};

/* The limits of base/limits.h; the name is left out. */
struct cl_command_relay_up cl_core_limits(void);
/* An empty core, with the limits of base/limits.h until a RELAY_UP says others. The key is for
 * hash tables and not part of the state. NULL without memory. */
struct cl_core *cl_core_new(const cl_hash_key *hash_key);
/* Accepts NULL. */
void cl_core_free(struct cl_core *core);

/* May this command be taken now? Never changes anything; a refusal is never journalled. Takes
 * a draft. O(1), but ACK: O(ranges squared). */
CL_MUST_CHECK enum cl_err cl_core_admit(const struct cl_core *core,
                                        const struct cl_command *command);
/* Applies one committed command. What the world must do about it is appended to effects. The
 * command is only read; references are taken on its bodies. Dies without memory: a state that
 * missed a committed command would diverge. */
void cl_core_apply(struct cl_core *core, const struct cl_command *command,
                   struct cl_effects *effects);
/* After a replay: READY for each attached agent with messages. */
void cl_core_resume(const struct cl_core *core, struct cl_effects *effects);
/* When a TICK is wanted; NEVER if nothing can end. A tick with due at or after it is admitted. */
cl_time cl_core_deadline(const struct cl_core *core);

/* Journal time; 0 before the first command. */
cl_time cl_core_time(const struct cl_core *core);
/* Commands applied so far. */
uint64_t cl_core_applied(const struct cl_core *core);
/* A number that each command changes by what came of it: its reply and the counters behind it. Two
 * cores that applied the same commands and differ in it have diverged. Part of the state. */
uint64_t cl_core_trail(const struct cl_core *core);
struct cl_core_stats cl_core_stats(const struct cl_core *core);

/* All that is returned below is valid until the next apply. */

/* Any known id, registered or not; NULL when unknown. */
const struct cl_agent *cl_core_agent(const struct cl_core *core, cl_str id);
/* Registered agents in the order of their registration: the first after NULL, NULL after the
 * last. */
const struct cl_agent *cl_core_agent_next(const struct cl_core *core,
                                          const struct cl_agent *previous);
/* NULL when unknown. */
const struct cl_file *cl_core_file(const struct cl_core *core, cl_str key);
/* for (uint32_t at = 0; (file = cl_core_file_next(core, &at)) != NULL;) walks the files in the
 * order of their first version. */
const struct cl_file *cl_core_file_next(const struct cl_core *core, uint32_t *at);
/* The kept broadcasts: 0 is the newest; NULL past the oldest. */
const struct cl_msg *cl_core_broadcast(const struct cl_core *core, uint32_t index);
/* The first message of that lane at or after number `from`, its number in *ret_seq; those
 * that expired are passed over. NULL when there is none or the agent is unknown. */
const struct cl_msg *cl_core_inbox_next(const struct cl_core *core, const struct cl_agent *agent,
                                        enum cl_priority priority, uint64_t from,
                                        uint64_t *ret_seq);

/* The receipt of that message; NULL when none is kept. */
const struct cl_receipt *cl_core_receipt(const struct cl_core *core, cl_id id);
/* The same by the first CL_ID_SHORT_BYTES of its id; of several the first. */
const struct cl_receipt *cl_core_receipt_by_short(const struct cl_core *core, cl_id id);
/* Of what that sender sent, the receipt that changed first after that version, then by the next
 * function the others in order; NULL when there is none. O(receipts that changed). */
const struct cl_receipt *cl_core_receipts(const struct cl_core *core, cl_str sender,
                                          uint64_t after);
const struct cl_receipt *cl_core_receipts_next(const struct cl_receipt *receipt);
/* The version that was given last, to any receipt: a listener that wants only what is new. */
uint64_t cl_core_receipts_version(const struct cl_core *core);
/* The dead letter of that id; NULL when there is none. */
const struct cl_dead *cl_core_dead(const struct cl_core *core, cl_id id);
/* All, oldest first: the first after NULL, NULL after the last. */
const struct cl_dead *cl_core_dead_next(const struct cl_core *core, const struct cl_dead *previous);
/* The same the other way round: the newest after NULL. */
const struct cl_dead *cl_core_dead_before(const struct cl_core *core, const struct cl_dead *next);
/* Is this tracked SEND or PUBLISH one that came before? It would queue nothing. */
bool cl_core_has_come(const struct cl_core *core, const struct cl_command *draft);
/* Would a ONCE of that digest be its second? */
bool cl_core_knows_once(const struct cl_core *core, const cl_digest *digest);
/* Does a message name that blob? */
bool cl_core_names_blob(const struct cl_core *core, const cl_digest *digest);
/* for (uint32_t at = 0; (digest = cl_core_blob_next(core, &at)) != NULL;) walks those that messages
 * name. */
const cl_digest *cl_core_blob_next(const struct cl_core *core, uint32_t *at);
/* Messages of that chain so far, its root included. */
uint64_t cl_core_chain_messages(const struct cl_core *core, cl_id root);

/* Appends the whole state. The buffer's refusals; then nothing was appended. */
CL_MUST_CHECK enum cl_err cl_core_dump(const struct cl_core *core, struct cl_buf *buf);
/* A core with exactly that state. Bytes that no dump could be, whoever made them, are
 * CL_ERR_MALFORMED; CL_ERR_NO_MEMORY. */
CL_MUST_CHECK enum cl_err cl_core_load(cl_str bytes, const cl_hash_key *hash_key,
                                       struct cl_core **ret_core);
/* SipHash-128 over the dump, with a key of its own: equal states, equal hashes. */
CL_MUST_CHECK enum cl_err cl_core_hash(const struct cl_core *core, cl_hash128 *ret_hash);
/* Asserts every invariant. O(state). */
void cl_core_check(const struct cl_core *core);

#endif
