// SPDX-License-Identifier: MIT
/*
 * tests/sim/report.h - what happened: counters over all seeds, the last events of this one, and
 * the end of the program when a property is violated.
 */
#ifndef TESTS_SIM_REPORT_H
#define TESTS_SIM_REPORT_H

#include "core/core.h"

#define REPORT_EVENTS 50 // shown after a failure

enum sim_fault {
    SIM_JOURNAL_FULL,
    SIM_JOURNAL_READ_ONLY,
    SIM_JOURNAL_REFUSED, // taken, and then there was no room
    SIM_JOURNAL_LOST,    // submitted, never committed
    SIM_RESTART,
    SIM_DELAYED, // a turn that ended with something uncommitted
    SIM_CLOCK_BACK,
    SIM_SOCKET_BROKE_HOLDING,
    SIM_POLL_LAPSED_HOLDING,
    SIM_ACK_WITHOUT_MEMORY, // unsettled by the shell
    SIM_ACK_RETRIED,
    SIM_STATE_RELOADED,
    SIM_REDELIVERED,
    SIM_OLDER_SOCKET_TOOK_OVER,
    SIM_NEWER_SOCKET_TOOK_OVER, // while the older one held messages
    SIM_CREDIT_USED_UP,
    SIM_SHARES_KEPT, // an inbox had become long
    SIM_ANSWER_LOST, // a v2 sender does not know whether its message was accepted
    SIM_SENT_AGAIN,
    SIM_DUPLICATE,
    SIM_DUPLICATE_AFTER_RESTART,
    SIM_STREAM_ENDED,
    SIM_SENDER_FORGOTTEN,
    SIM_ECHO,         // an agent went on with a message that it took
    SIM_ECHO_STOPPED, // as a loop
    SIM_RANGE_PROVEN,
    SIM_RANGE_REFUSED,
    SIM_RANGE_RELEASED,
    SIM_ATTEMPT_COUNTED,
    SIM_ATTEMPTS_LOST, // the journal did not take them
    SIM_DEAD_LETTER,
    SIM_DEAD_RETRIED,
    SIM_DEAD_BY_ATTEMPTS,
    SIM_DEAD_MADE_ROOM,
    SIM_RECEIPT_MADE_ROOM,
    SIM_BLOB_STORED,
    SIM_BLOB_DROPPED, // with the last message that named it
    SIM_BLOB_AWAITED, // another message was on its way
    SIM_BLOB_SWEPT,   // nobody named it
    SIM_PASS_DELIVERED,
    SIM_PASS_REFUSED,
    SIM_PASS_EXPIRED,
    SIM_PASS_EXPIRED_OUT, // while a connection had it
    SIM_PASS_FORGOTTEN,   // with its agent
    SIM_PASS_OFFERED_AGAIN,
    SIM_FAULT_COUNT
};

struct sim_counts {
    uint64_t commands;
    uint64_t accepted;                                // messages, once per inbox
    uint64_t delivered;                               // messages handed out
    uint64_t replies[CL_COMMAND_COUNT][CL_ERR_COUNT]; // by admit, apply or the session
    uint64_t notes[CL_NOTE_COUNT];
    uint64_t faults[SIM_FAULT_COUNT];
};
extern struct sim_counts sim_counts;

/* A run begins. From the first on, an assert in what is tested ends as a violation. */
void report_begin(uint64_t seed, uint64_t commands);
void report_passed(void);
void report_event(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Seed, commit, how to replay, the last events, the property, the closing line; exit 1. */
_Noreturn void report_violation(const char *property, const char *detail);
/* The property in words, as a sentence that should be true. */
#define SIM_CHECK(condition, property)                       \
    do {                                                     \
        if (!(condition))                                    \
            report_violation(property, "!(" #condition ")"); \
    } while (0)

/* All counters, the hash and the closing line. is_complete: a zero fails. Returns the exit
 * status. */
int report_end(cl_hash128 state_hash, bool is_complete);

#endif
