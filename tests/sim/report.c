// SPDX-License-Identifier: MIT
#include "sim/report.h"

#include "sim/journal.h"

#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

struct sim_counts sim_counts;

static struct {
    uint64_t seed;
    uint64_t commands;
    uint64_t passed;
    uint64_t events_len;
    char events[REPORT_EVENTS][96];
} run;

static const char *const fault_names[SIM_FAULT_COUNT] = {
    [SIM_JOURNAL_FULL] = "journal full",
    [SIM_JOURNAL_READ_ONLY] = "journal read-only",
    [SIM_JOURNAL_REFUSED] = "journal refused what it had taken",
    [SIM_JOURNAL_LOST] = "command lost before its commit",
    [SIM_RESTART] = "relay restarted",
    [SIM_DELAYED] = "commit delayed",
    [SIM_CLOCK_BACK] = "clock went back",
    [SIM_SOCKET_BROKE_HOLDING] = "socket broke with messages",
    [SIM_POLL_LAPSED_HOLDING] = "poll answer lost",
    [SIM_ACK_WITHOUT_MEMORY] = "no memory for an ack",
    [SIM_ACK_RETRIED] = "ack tried again",
    [SIM_STATE_RELOADED] = "state dumped and loaded",
    [SIM_REDELIVERED] = "message handed out again",
    [SIM_OLDER_SOCKET_TOOK_OVER] = "older socket took over",
    [SIM_NEWER_SOCKET_TOOK_OVER] = "newer socket took over",
    [SIM_CREDIT_USED_UP] = "credit used up",
    [SIM_SHARES_KEPT] = "turn with a long inbox",
    [SIM_ANSWER_LOST] = "answer to a sender lost",
    [SIM_SENT_AGAIN] = "message sent again",
    [SIM_DUPLICATE] = "duplicate found",
    [SIM_DUPLICATE_AFTER_RESTART] = "duplicate found after a restart",
    [SIM_STREAM_ENDED] = "stream ended",
    [SIM_SENDER_FORGOTTEN] = "stream of a sender forgotten",
    [SIM_ECHO] = "agent goes on with a chain",
    [SIM_ECHO_STOPPED] = "agent stopped as a loop",
    [SIM_RANGE_PROVEN] = "range proven",
    [SIM_RANGE_REFUSED] = "message refused by its holder",
    [SIM_RANGE_RELEASED] = "range given back",
    [SIM_ATTEMPT_COUNTED] = "attempt counted",
    [SIM_ATTEMPTS_LOST] = "attempts not counted",
    [SIM_DEAD_LETTER] = "dead letter",
    [SIM_DEAD_RETRIED] = "dead letter tried again",
    [SIM_DEAD_BY_ATTEMPTS] = "dead by attempts",
    [SIM_DEAD_MADE_ROOM] = "dead letter made room",
    [SIM_RECEIPT_MADE_ROOM] = "receipt made room",
    [SIM_BLOB_STORED] = "blob stored",
    [SIM_BLOB_DROPPED] = "blob dropped with its last message",
    [SIM_BLOB_AWAITED] = "blob kept for a message on its way",
    [SIM_BLOB_SWEPT] = "blob that nobody named dropped",
    [SIM_PASS_DELIVERED] = "passing message delivered",
    [SIM_PASS_REFUSED] = "passing message refused",
    [SIM_PASS_EXPIRED] = "passing message expired",
    [SIM_PASS_EXPIRED_OUT] = "passing message expired when out",
    [SIM_PASS_FORGOTTEN] = "passing message forgotten",
    [SIM_PASS_OFFERED_AGAIN] = "passing message handed out again",
};

/* Rows of the tables in core/core.h and core/session.h: each must have been met. */
static const struct {
    enum cl_command_kind kind;
    enum cl_err err;
} branches[] = {
    {CL_COMMAND_RELAY_UP, CL_OK},
    {CL_COMMAND_RELAY_UP, CL_ERR_STALE},
    {CL_COMMAND_RELAY_UP, CL_ERR_TOO_MANY},
    {CL_COMMAND_REGISTER, CL_OK},
    {CL_COMMAND_REGISTER, CL_ERR_TOO_MANY},
    {CL_COMMAND_ATTACH, CL_OK},
    {CL_COMMAND_ATTACH, CL_ERR_STALE},
    {CL_COMMAND_DETACH, CL_OK},
    {CL_COMMAND_DETACH, CL_ERR_STALE},
    {CL_COMMAND_SEND, CL_OK},
    {CL_COMMAND_SEND, CL_ERR_STALE},
    {CL_COMMAND_SEND, CL_ERR_EXPIRED},
    {CL_COMMAND_SEND, CL_ERR_TOO_MANY},
    {CL_COMMAND_SEND, CL_ERR_MALFORMED},
    {CL_COMMAND_SEND, CL_ERR_LOOP},
    {CL_COMMAND_SEND, CL_ERR_INBOX_FULL},
    {CL_COMMAND_SEND, CL_ERR_FAIR_SHARE},
    {CL_COMMAND_SEND, CL_ERR_FULL},
    {CL_COMMAND_PUBLISH, CL_OK},
    {CL_COMMAND_PUBLISH, CL_ERR_EXPIRED},
    {CL_COMMAND_PUBLISH, CL_ERR_FULL},
    {CL_COMMAND_PUBLISH, CL_ERR_MALFORMED},
    {CL_COMMAND_PUBLISH, CL_ERR_LOOP},
    {CL_COMMAND_ACK, CL_OK},
    {CL_COMMAND_ACK, CL_ERR_NO_AGENT},
    {CL_COMMAND_ACK, CL_ERR_MALFORMED},
    {CL_COMMAND_FILE_PUT, CL_OK},
    {CL_COMMAND_FILE_PUT, CL_ERR_FULL},
    {CL_COMMAND_FORGET, CL_OK},
    {CL_COMMAND_FORGET, CL_ERR_NO_AGENT},
    {CL_COMMAND_FORGET, CL_ERR_STALE},
    {CL_COMMAND_TICK, CL_OK},
    {CL_COMMAND_TICK, CL_ERR_STALE},
    {CL_COMMAND_REPORT, CL_OK},
    {CL_COMMAND_REPORT, CL_ERR_NOT_FOUND},
    {CL_COMMAND_REPORT, CL_ERR_FORBIDDEN},
    {CL_COMMAND_REPORT, CL_ERR_MALFORMED},
    {CL_COMMAND_REFUSE, CL_OK},
    {CL_COMMAND_REFUSE, CL_ERR_NOT_FOUND},
    {CL_COMMAND_REFUSE, CL_ERR_NO_AGENT},
    {CL_COMMAND_REFUSE, CL_ERR_MALFORMED},
    {CL_COMMAND_RELEASED, CL_OK},
    {CL_COMMAND_RELEASED, CL_ERR_NO_AGENT},
    {CL_COMMAND_DEAD_RETRY, CL_OK},
    {CL_COMMAND_DEAD_RETRY, CL_ERR_NOT_FOUND},
    {CL_COMMAND_DEAD_RETRY, CL_ERR_FORBIDDEN},
    {CL_COMMAND_DEAD_RETRY, CL_ERR_EXPIRED},
    {CL_COMMAND_DEAD_RETRY, CL_ERR_INBOX_FULL},
    {CL_COMMAND_DEAD_DROP, CL_OK},
    {CL_COMMAND_DEAD_DROP, CL_ERR_NOT_FOUND},
    {CL_COMMAND_DEAD_DROP, CL_ERR_FORBIDDEN},
    {CL_COMMAND_ONCE, CL_OK},
    {CL_COMMAND_ONCE, CL_ERR_MALFORMED},
    {CL_COMMAND_ONCE, CL_ERR_EXPIRED},
    {CL_COMMAND_ONCE, CL_ERR_STALE},
    {CL_COMMAND_ONCE, CL_ERR_TOO_MANY},
    {CL_COMMAND_HEARTBEAT, CL_OK},
    {CL_COMMAND_HEARTBEAT, CL_ERR_NO_AGENT},
    {CL_COMMAND_OPEN, CL_OK},
    {CL_COMMAND_OPEN, CL_ERR_STALE},
    {CL_COMMAND_CLOSE, CL_OK},
    {CL_COMMAND_CLOSE, CL_ERR_NOT_FOUND},
    {CL_COMMAND_RENEW, CL_OK},
    {CL_COMMAND_RENEW, CL_ERR_NOT_FOUND},
    {CL_COMMAND_SETTLE, CL_OK},
    {CL_COMMAND_SETTLE, CL_ERR_NOT_FOUND},
    {CL_COMMAND_SETTLE, CL_ERR_MALFORMED},
    {CL_COMMAND_SETTLE_RANGES, CL_OK},
    {CL_COMMAND_SETTLE_RANGES, CL_ERR_NOT_FOUND},
    {CL_COMMAND_SETTLE_RANGES, CL_ERR_MALFORMED},
    {CL_COMMAND_RELEASE, CL_OK},
    {CL_COMMAND_RELEASE, CL_ERR_NOT_FOUND},
    {CL_COMMAND_RELEASE, CL_ERR_MALFORMED},
    {CL_COMMAND_SETTLED, CL_OK},
    {CL_COMMAND_UNSETTLED, CL_OK},
    {CL_COMMAND_FORGOTTEN, CL_OK},
    {CL_COMMAND_LAPSE, CL_OK},
    {CL_COMMAND_PASS, CL_OK},
    {CL_COMMAND_PASS, CL_ERR_MALFORMED},
    {CL_COMMAND_PASS, CL_ERR_EXPIRED},
    {CL_COMMAND_PASS, CL_ERR_NO_AGENT},
    {CL_COMMAND_PASS, CL_ERR_INBOX_FULL},
    {CL_COMMAND_PASS, CL_ERR_FAIR_SHARE},
    {CL_COMMAND_PASS, CL_ERR_FULL},
};

/* -- one run ----------------------------------------------------------------------------------- */

static void
on_abort(int signal)
{
    (void)signal; // not safe in a handler in general; here nothing else runs any more
    report_violation("what is asserted in core, session and journal holds", "see `bug at` above");
}

void
report_begin(uint64_t seed, uint64_t commands)
{
    run.seed = seed;
    run.commands = commands;
    run.events_len = 0;
    (void)signal(SIGABRT, on_abort);
    if (isatty(STDOUT_FILENO) != 1)
        return;
    printf("seed %llu\r", (unsigned long long)seed);
    (void)fflush(stdout);
}

void
report_passed(void)
{
    run.passed++;
}

void
report_event(const char *format, ...)
{
    va_list args;
    va_start(args, format);
    (void)vsnprintf(run.events[run.events_len++ % REPORT_EVENTS], sizeof run.events[0], format,
                    args);
    va_end(args);
}

void
report_violation(const char *property, const char *detail)
{
    const char *commit = getenv("CLAWLINK_COMMIT");
    uint64_t from = run.events_len > REPORT_EVENTS ? run.events_len - REPORT_EVENTS : 0;
    printf("the last events:\n");
    for (uint64_t i = from; i < run.events_len; i++)
        printf("  %8llu %s\n", (unsigned long long)i, run.events[i % REPORT_EVENTS]);
    printf("violated: %s\n  %s\n", property, detail);
    printf("seed %llu, %llu commands, commit %s\n", (unsigned long long)run.seed,
           (unsigned long long)run.commands,
           commit == NULL || commit[0] == '\0' ? "unknown" : commit);
    printf("again: make sim SEED=%llu COMMANDS=%llu\n", (unsigned long long)run.seed,
           (unsigned long long)run.commands);
    printf("%llu passed, 1 failed\n", (unsigned long long)run.passed);
    (void)fflush(stdout);
    _exit(1);
}

/* -- the account ------------------------------------------------------------------------------- */

static unsigned
show(const char *what, const char *detail, uint64_t count)
{
    printf("  %-34s %-16s %12llu%s\n", what, detail, (unsigned long long)count,
           count == 0 ? "   never" : "");
    return count == 0;
}

/* Returns how many never fired. */
static unsigned
show_counts(void)
{
    unsigned zeros = 0;
    printf("faults\n");
    for (unsigned i = 0; i < SIM_FAULT_COUNT; i++)
        zeros += show(fault_names[i], "", sim_counts.faults[i]);
    printf("branches\n");
    for (size_t i = 0; i < sizeof branches / sizeof branches[0]; i++)
        zeros += show(cl_command_name(branches[i].kind), cl_err_wire(branches[i].err),
                      sim_counts.replies[branches[i].kind][branches[i].err]);
    printf("notes\n");
    for (unsigned i = 0; i < CL_NOTE_COUNT; i++)
        zeros += show(cl_note_event((enum cl_note)i), "", sim_counts.notes[i]);
    printf("%llu commands, %llu messages accepted, %llu handed out\n",
           (unsigned long long)sim_counts.commands, (unsigned long long)sim_counts.accepted,
           (unsigned long long)sim_counts.delivered);
    return zeros;
}

int
report_end(cl_hash128 state_hash, bool is_complete)
{
    unsigned zeros = show_counts() + sim_journal.show();
    bool failed = is_complete && zeros > 0;
    printf("state hash ");
    for (unsigned i = 0; i < sizeof state_hash.bytes; i++)
        printf("%02x", state_hash.bytes[i]);
    if (failed)
        printf("\nviolated: every fault and every branch fires; %u never did", zeros);
    printf("\n%llu passed, %u failed\n", (unsigned long long)run.passed, failed ? 1u : 0u);
    return failed ? 1 : 0;
}
