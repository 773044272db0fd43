// SPDX-License-Identifier: MIT
/*
 * core/effects.h - what the world must do, as data.
 *
 * cl_core_apply and cl_session_apply append; the shell performs them in order, then clears.
 * Strings point into the core or the session and stay valid until the next apply of the one
 * that wrote them. No effect carries a body.
 */
#ifndef CL_CORE_EFFECTS_H
#define CL_CORE_EFFECTS_H

#include <stdint.h>

#include "base/err.h"
#include "base/str.h"
#include "core/command.h"
#include "core/types.h"

// clang-format off
/* Things worth a log line, and perhaps a push. Behind each: what the note's number is. */
#define CL_NOTE_MAP(X)                                                          \
    X(RELAY_UP,         "relay.up")        /* attachments that were voided   */ \
    X(AGENT_JOINED,     "agent.joined")    /* 0: new, 1: another record, 2: the same */ \
    X(AGENT_FORGOTTEN,  "agent.forgotten") /* 0                              */ \
    X(ORPHAN_DROPPED,   "orphan.dropped")  /* messages that ended with it    */ \
    X(MESSAGES_EXPIRED, "message.expired") /* messages                       */ \
    X(INBOX_PASSED,     "inbox.passed")    /* messages in it, of all senders */ \
    X(FILE_UPDATED,     "file.updated")    /* the version; file is the key   */ \
    X(MESSAGES_DEAD,    "message.dead")    /* given back too often           */
// clang-format on

enum cl_note {
#define X(NAME, event) CL_NOTE_##NAME,
    CL_NOTE_MAP(X)
#undef X
        CL_NOTE_COUNT
};

/* The event's name in the log. */
const char *cl_note_event(enum cl_note note);

enum cl_effect_kind {
    CL_EFFECT_REPLY,     // a durable command was applied, or refused
    CL_EFFECT_READY,     // this agent's inbox may have something to take: cl_session_receiver
    CL_EFFECT_READY_ALL, // every inbox may; agent is empty
    CL_EFFECT_FORGET,    // the inbox is gone: give the session CL_COMMAND_FORGOTTEN before anything
    CL_EFFECT_NOTE,
    CL_EFFECT_RECEIPT, // receipts of this sender changed: cl_core_receipts. One for each command
    CL_EFFECT_UNNAMED, // no message names this blob any more (core/named.h); agent is empty
    CL_EFFECT_ACK,     // from the session: submit CL_COMMAND_ACK (or, as it says, REFUSE), then say
                       // settled or unsettled
    CL_EFFECT_RELEASED, // from the session: submit CL_COMMAND_RELEASED
    CL_EFFECT_PASSED    // from the session: a passing message has ended; agent: whom it was for
};

struct cl_effect {
    enum cl_effect_kind kind;
    cl_str agent; // of a REPLY only to ATTACH; the editor in FILE_UPDATED, the relay in RELAY_UP
    union {
        struct {
            enum cl_command_kind command_kind;
            enum cl_err err;
            uint64_t origin;
            uint64_t ticket;
            uint64_t recipients; // of PUBLISH and FILE_PUT: inboxes it went into
            uint64_t version;    // of FILE_PUT: the new version
            bool duplicate;      // of SEND and PUBLISH: it came before, nothing was done
        } reply;
        struct {
            enum cl_note id;
            uint64_t number;
            cl_str file;
        } note;
        struct {
            uint64_t holder;
            uint64_t batch;
            cl_ranges ranges; // 1 to CL_ACK_RANGES_MAX
            enum cl_rung rung;
            enum cl_proof proof;
            bool refuses; // REFUSE is meant: one message
        } ack;
        struct {
            const cl_digest *digest;
        } unnamed;
        struct {
            cl_ranges ranges; // 1 to CL_ACK_RANGES_MAX
        } released;
        struct {
            cl_id id;
            uint64_t ticket;         // of its PASS
            enum cl_outcome outcome; // NONE: it got there; else REJECTED by its recipient, EXPIRED,
                                     // or DEAD: whom it was for was forgotten
            enum cl_rung rung;       // of one that got there, with its proof
            enum cl_proof proof;
        } passed;
    };
};

struct cl_effects {
    struct cl_effect *items;
    size_t len;
    size_t cap;
};

void cl_effects_init(struct cl_effects *effects);
void cl_effects_done(struct cl_effects *effects);
/* Empties it and keeps the memory. */
void cl_effects_clear(struct cl_effects *effects);
/* Room for so many more. */
CL_MUST_CHECK enum cl_err cl_effects_reserve(struct cl_effects *effects, size_t more);
/* Appends; dies without memory, unless there is reserved room. */
void cl_effects_add(struct cl_effects *effects, struct cl_effect effect);

#endif
