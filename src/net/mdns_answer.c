// SPDX-License-Identifier: MIT
/*
 * What a responder makes of the messages of others: conflicts, ties, questions.
 */
#include "base/assert.h"
#include "net/mdns_private.h"

/* RFC 6762 6: delays of an answer that others may have as well; 7.2: of one whose known answers go
 * on in further messages. */
#define SHARED_LEAST_MS 20
#define SHARED_MOST_MS  120
#define MORE_LEAST_MS   400
#define MORE_MOST_MS    500
/* RFC 6762 6: a probe is answered even if the record went out a moment ago. */
#define PROBE_AGAIN_MS 250

static const cl_mdns_set shared = CL_MDNS_BIT(CL_MDNS_E_TYPES) | CL_MDNS_BIT(CL_MDNS_E_PTR);

/* The index of the entry that says the same; entries_len: none does. */
static size_t
find_same(const struct cl_mdns_responder *r, const struct cl_mdns_record *record)
{
    size_t i = 0;
    while (i < r->entries_len && !cl_mdns_record_eq(&r->entries[i].record, record))
        i++;
    return i;
}

/* Is that name one that nobody else may have? *ret_is_host says which. */
static bool
is_own_name(const struct cl_mdns_responder *r, const cl_mdns_name *name, bool *ret_is_host)
{
    *ret_is_host = cl_mdns_name_eq(name, &r->host);
    return *ret_is_host || cl_mdns_name_eq(name, &r->instance);
}

/* -- responses --------------------------------------------------------------------------------- */

/* RFC 6762 8.1: while probing any record of that name that is not ours is a conflict; 9: later one
 * of a type that we have. */
static bool
is_conflict(const struct cl_mdns_responder *r, const struct cl_mdns_packet *packet,
            const struct cl_mdns_record *record, bool is_host)
{
    bool is_address = record->type == CL_MDNS_A || record->type == CL_MDNS_AAAA;
    if (record->ttl == 0 || record->type == CL_MDNS_NSEC)
        return false; // it goes, or says no more than the others
    // Another relay of this machine has the same name for the same machine, and may see a new
    // address a moment earlier.
    if (is_host && is_address && cl_mdns_link_has(&r->link, &packet->from))
        return false;
    if (r->state == CL_MDNS_PROBING)
        return true;
    return is_host ? is_address : record->type == CL_MDNS_SRV || record->type == CL_MDNS_TXT;
}

/* RFC 6762 6.6 and 7.4: somebody else says what we say. */
static void
hear_same(struct cl_mdns_responder *r, size_t index, const struct cl_mdns_packet *packet,
          uint32_t ttl, cl_instant now)
{
    struct cl_mdns_entry *entry = &r->entries[index];
    if (r->state == CL_MDNS_PROBING)
        return;
    if (ttl < entry->record.ttl / 2)
        cl_mdns_schedule(r, packet->family, CL_MDNS_BIT(index),
                         (struct cl_mdns_when){now, CL_MDNS_AGAIN_MS});
    else if ((shared & CL_MDNS_BIT(index)) != 0 && ttl >= entry->record.ttl)
        entry->due[packet->family] = CL_INSTANT_NEVER;
}

static void
on_response(struct cl_mdns_responder *r, struct cl_mdns_reader *reader,
            const struct cl_mdns_packet *packet, cl_instant now)
{
    struct cl_mdns_record record;
    enum cl_mdns_section section;
    bool is_host;
    // A name that is not probed for yet cannot be in conflict.
    if (packet->from.port != CL_MDNS_PORT || (r->state == CL_MDNS_PROBING && r->step == 0))
        return;
    while (cl_mdns_next_record(reader, &section, &record)) {
        size_t same = find_same(r, &record);
        if (same < r->entries_len) {
            hear_same(r, same, packet, record.ttl, now);
        } else if (is_own_name(r, &record.name, &is_host) &&
                   is_conflict(r, packet, &record, is_host)) {
            cl_mdns_conflict(r, is_host, now);
            return;
        }
    }
}

/* -- ties -------------------------------------------------------------------------------------- */

/* RFC 6762 8.2.1: both sides' records in order, pair by pair; the first pair that differs decides,
 * and so does a side that ends first. That is found out in one walk over theirs, in any order:
 * what both have decides nothing, so of what theirs alone have the lowest is kept. */
struct tie {
    const cl_mdns_name *name;
    cl_mdns_set ours;
    cl_mdns_set theirs; // of ours, what they have as well
    bool has_other;
    struct cl_mdns_record other; // the lowest that we do not have
};

static void
begin_tie(const struct cl_mdns_responder *r, const cl_mdns_name *name, struct tie *tie)
{
    tie->name = name;
    tie->ours = tie->theirs = 0;
    tie->has_other = false;
    for (size_t i = CL_MDNS_E_SRV; i < r->entries_len; i++) {
        const struct cl_mdns_record *record = &r->entries[i].record;
        if (record->type != CL_MDNS_NSEC && cl_mdns_name_eq(&record->name, name))
            tie->ours |= CL_MDNS_BIT(i);
    }
}

static void
put_theirs(const struct cl_mdns_responder *r, struct tie *tie, const struct cl_mdns_record *record)
{
    if (!cl_mdns_name_eq(&record->name, tie->name))
        return;
    for (size_t i = CL_MDNS_E_SRV; i < r->entries_len; i++) {
        if ((tie->ours & CL_MDNS_BIT(i)) != 0 &&
            cl_mdns_record_compare(record, &r->entries[i].record) == 0) {
            tie->theirs |= CL_MDNS_BIT(i);
            return;
        }
    }
    if (!tie->has_other || cl_mdns_record_compare(record, &tie->other) < 0)
        tie->other = *record;
    tie->has_other = true;
}

/* The lowest of these that is above *floor (NULL: of all); NULL: there is none. */
static const struct cl_mdns_record *
lowest(const struct cl_mdns_responder *r, cl_mdns_set set, const struct cl_mdns_record *floor)
{
    const struct cl_mdns_record *found = NULL;
    for (size_t i = 0; i < r->entries_len; i++) {
        const struct cl_mdns_record *record = &r->entries[i].record;
        if ((set & CL_MDNS_BIT(i)) != 0 &&
            (floor == NULL || cl_mdns_record_compare(record, floor) > 0) &&
            (found == NULL || cl_mdns_record_compare(record, found) < 0))
            found = record;
    }
    return found;
}

/* Where the lists part one side has its lowest that the other has not. There the other side has
 * something higher, and wins, or has ended, and loses. */
static bool
do_they_win(const struct cl_mdns_responder *r, const struct tie *tie)
{
    const struct cl_mdns_record *own = lowest(r, tie->ours & ~tie->theirs, NULL);
    if (tie->theirs == 0 && !tie->has_other)
        return false; // they do not claim that name
    if (tie->has_other && (own == NULL || cl_mdns_record_compare(&tie->other, own) < 0))
        return lowest(r, tie->ours, &tie->other) == NULL;
    return own != NULL && (tie->has_other || lowest(r, tie->theirs, own) != NULL);
}

static bool
is_probe_lost(const struct cl_mdns_responder *r, struct cl_mdns_reader *reader)
{
    struct cl_mdns_record record;
    enum cl_mdns_section section;
    struct tie instance, host;
    begin_tie(r, &r->instance, &instance);
    begin_tie(r, &r->host, &host);
    while (cl_mdns_next_record(reader, &section, &record)) {
        if (section != CL_MDNS_AUTHORITY)
            continue;
        put_theirs(r, &instance, &record);
        put_theirs(r, &host, &record);
    }
    return do_they_win(r, &instance) || do_they_win(r, &host);
}

/* -- questions --------------------------------------------------------------------------------- */

void
cl_mdns_schedule(struct cl_mdns_responder *r, enum cl_mdns_family family, cl_mdns_set set,
                 struct cl_mdns_when when)
{
    for (size_t i = 0; i < r->entries_len; i++) {
        struct cl_mdns_entry *entry = &r->entries[i];
        cl_instant may = cl_instant_add(entry->sent[family], when.gap_ms);
        cl_instant at = may.ms > when.at.ms ? may : when.at;
        if ((set & CL_MDNS_BIT(i)) != 0)
            entry->due[family] = cl_instant_earlier(entry->due[family], at);
    }
}

/* What we have of that name and type; if only the name is ours, that there is nothing else. */
static cl_mdns_set
answers_to(const struct cl_mdns_responder *r, const struct cl_mdns_question *question)
{
    cl_mdns_set set = 0;
    bool is_host;
    for (size_t i = 0; i < r->entries_len; i++) {
        const struct cl_mdns_record *record = &r->entries[i].record;
        bool is_type = question->type == record->type ||
                       (question->type == CL_MDNS_ANY && record->type != CL_MDNS_NSEC);
        if (is_type && cl_mdns_name_eq(&record->name, &question->name))
            set |= CL_MDNS_BIT(i);
    }
    if (set == 0 && is_own_name(r, &question->name, &is_host))
        set = CL_MDNS_BIT(is_host ? CL_MDNS_E_NSEC_HOST : CL_MDNS_E_NSEC_INSTANCE);
    return set;
}

/* RFC 6762 7.1: what the asker says it knows, for at least half of its life. *ret_is_probe: it
 * claims a name of ours. */
static cl_mdns_set
known_answers(const struct cl_mdns_responder *r, struct cl_mdns_reader reader, bool *ret_is_probe)
{
    struct cl_mdns_record record;
    enum cl_mdns_section section;
    cl_mdns_set set = 0;
    bool is_host;
    *ret_is_probe = false;
    while (cl_mdns_next_record(&reader, &section, &record)) {
        size_t same = find_same(r, &record);
        if (section == CL_MDNS_AUTHORITY && is_own_name(r, &record.name, &is_host))
            *ret_is_probe = true;
        if (section == CL_MDNS_ANSWER && same < r->entries_len &&
            record.ttl >= r->entries[same].record.ttl / 2)
            set |= CL_MDNS_BIT(same);
    }
    return set;
}

static bool
is_same_host(const cl_address *a, const cl_address *b)
{
    return cl_str_eq(cl_str_of(a->ip, sizeof a->ip), cl_str_of(b->ip, sizeof b->ip));
}

static void
add_job(struct cl_mdns_responder *r, const struct cl_mdns_job *job)
{
    for (size_t i = 0; i < CL_MDNS_JOBS_MAX; i++) {
        if (r->jobs[i].is_used)
            continue;
        r->jobs[i] = *job;
        r->jobs[i].is_used = true;
        return;
    }
    // All are taken: who asked asks again.
}

/* RFC 6762 7.2: a message without questions names further known answers of an earlier one. */
static void
on_more_known(struct cl_mdns_responder *r, const struct cl_mdns_packet *packet, cl_mdns_set known)
{
    for (size_t i = 0; i < CL_MDNS_JOBS_MAX; i++) {
        struct cl_mdns_job *job = &r->jobs[i];
        if (job->is_used && job->is_for_group && job->family == packet->family &&
            is_same_host(&job->from, &packet->from))
            job->answers &= ~known;
    }
}

/* RFC 6762 5.4: of what the asker alone wants to hear, the part that the group has heard within a
 * quarter of its life. */
static cl_mdns_set
heard_lately(const struct cl_mdns_responder *r, enum cl_mdns_family family, cl_instant now)
{
    cl_mdns_set set = 0;
    for (size_t i = 0; i < r->entries_len; i++) {
        const struct cl_mdns_entry *entry = &r->entries[i];
        if (now.ms - entry->sent[family].ms < (int64_t)entry->record.ttl * 1000 / 4)
            set |= CL_MDNS_BIT(i);
    }
    return set;
}

/* RFC 6762 6.7: who asks from another port has a resolver that knows nothing of all this. */
static void
on_legacy_query(struct cl_mdns_responder *r, struct cl_mdns_reader *reader, struct cl_mdns_job *job)
{
    if (!cl_mdns_next_question(reader, &job->question))
        return;
    job->answers = answers_to(r, &job->question);
    job->is_legacy = true;
    job->id = reader->id;
    job->question.wants_unicast = false;
    if (job->answers != 0)
        add_job(r, job);
}

struct wanted {
    cl_mdns_set by_group;
    cl_mdns_set by_host;
};

static void
on_query(struct cl_mdns_responder *r, struct cl_mdns_reader *reader,
         const struct cl_mdns_packet *packet, cl_instant now)
{
    struct cl_mdns_question question;
    struct wanted wanted = {0};
    bool is_probe, has_question = false;
    cl_mdns_set known = known_answers(r, *reader, &is_probe);
    int64_t delay_ms = cl_mdns_roll(&r->dice, SHARED_LEAST_MS, SHARED_MOST_MS);
    struct cl_mdns_job job = {
        .family = packet->family, .from = packet->from, .due = cl_instant_add(now, delay_ms)};
    if (packet->from.port != CL_MDNS_PORT) {
        on_legacy_query(r, reader, &job);
        return;
    }
    while (cl_mdns_next_question(reader, &question)) {
        cl_mdns_set set = answers_to(r, &question) & ~known;
        // What defends a name is for all to hear: another program may have the asker's port.
        if (question.wants_unicast && !is_probe)
            wanted.by_host |= set;
        else
            wanted.by_group |= set;
        has_question = true;
    }
    if (!has_question)
        on_more_known(r, packet, known);
    cl_mdns_set lately = heard_lately(r, packet->family, now);
    wanted.by_group |= wanted.by_host & ~lately;
    wanted.by_host &= lately & ~wanted.by_group;
    if (((wanted.by_group | wanted.by_host) & shared) == 0)
        delay_ms = 0; // nobody else can answer
    job.due = cl_instant_add(now, delay_ms);
    job.answers = wanted.by_host;
    if (job.answers != 0)
        add_job(r, &job);

    job.answers = wanted.by_group;
    job.is_for_group = reader->is_truncated;
    job.due = cl_instant_add(now, cl_mdns_roll(&r->dice, MORE_LEAST_MS, MORE_MOST_MS));
    if (job.is_for_group && job.answers != 0)
        add_job(r, &job);
    else
        cl_mdns_schedule(r, packet->family, wanted.by_group,
                         (struct cl_mdns_when){cl_instant_add(now, delay_ms),
                                               is_probe ? PROBE_AGAIN_MS : CL_MDNS_AGAIN_MS});
}

enum cl_err
cl_mdns_responder_receive(struct cl_mdns_responder *r, const struct cl_mdns_packet *packet,
                          cl_instant now)
{
    struct cl_mdns_reader reader;
    if (r->state == CL_MDNS_DOWN)
        return CL_OK;
    if (!cl_mdns_link_is_near(&r->link, &packet->from))
        return CL_ERR_FORBIDDEN;
    enum cl_err err = cl_mdns_open(packet->bytes, &reader);
    if (err != CL_OK)
        return err;
    if (reader.is_response) {
        on_response(r, &reader, packet, now);
    } else if (r->state != CL_MDNS_PROBING) {
        on_query(r, &reader, packet, now);
    } else if (r->step > 0 && is_probe_lost(r, &reader)) {
        cl_mdns_lose_probe(r, now);
    }
    return CL_OK;
}
