// SPDX-License-Identifier: MIT
#include "net/mdns_responder.h"

#include <stdio.h>
#include <string.h>

#include "base/assert.h"
#include "net/mdns_private.h"

/* RFC 6762 10: records that hold a host's name or address live 2 minutes, others 75. */
#define TTL_HOST_S  120
#define TTL_OTHER_S 4500
/* RFC 6762 8.1 */
#define PROBES              3
#define PROBE_MS            250
#define CONFLICTS_WINDOW_MS 10000
#define CONFLICTS_PAUSE_MS  5000
/* RFC 6762 8.3 */
#define ANNOUNCEMENTS   2
#define ANNOUNCEMENT_MS 1000

/* -- names and records ------------------------------------------------------------------------- */

/* The first bytes of a text that fit into a label with so many more, no character in halves. */
static cl_str
fit(cl_str text, size_t more)
{
    size_t len = text.len;
    if (len > CL_MDNS_LABEL_BYTES_MAX - more) {
        len = CL_MDNS_LABEL_BYTES_MAX - more;
        while (len > 0 && ((uint8_t)text.ptr[len] & 0xc0) == 0x80)
            len--;
    }
    return cl_str_part(text, 0, len);
}

/* "label", or "label" and the format's text with the number. */
static void
name_with_number(const char *label, const char *format, unsigned number, cl_mdns_name *name)
{
    char text[CL_MDNS_LABEL_BYTES_MAX + 1], ending[16] = "";
    if (number > 1)
        (void)snprintf(ending, sizeof ending, format[0] == ' ' ? " (%u)" : "-%u", number);
    cl_str start = fit(cl_str_z(label), strlen(ending));
    (void)snprintf(text, sizeof text, "%.*s%s", CL_STR_ARG(start), ending);
    enum cl_err err = cl_mdns_name_join(cl_str_z(text), name, name);
    CL_ASSERT(err == CL_OK); // a label that fits, in front of a short name
}

static struct cl_mdns_record *
add(struct cl_mdns_responder *r, enum cl_mdns_entry_index index, const cl_mdns_name *name)
{
    bool is_shared = index == CL_MDNS_E_TYPES || index == CL_MDNS_E_PTR;
    bool is_other = is_shared || index == CL_MDNS_E_TXT || index == CL_MDNS_E_NSEC_INSTANCE;
    struct cl_mdns_entry *entry = &r->entries[index];
    *entry = (struct cl_mdns_entry){
        .due = {CL_INSTANT_NEVER, CL_INSTANT_NEVER},
        .sent = {CL_MDNS_LONG_AGO, CL_MDNS_LONG_AGO},
        .record = {.name = *name,
                   .is_flush = !is_shared,
                   .ttl = is_other ? TTL_OTHER_S : TTL_HOST_S},
    };
    return &entry->record;
}

static void
add_addresses(struct cl_mdns_responder *r)
{
    uint16_t types[3] = {0};
    bool has[CL_MDNS_FAMILIES] = {false};
    r->entries_len = CL_MDNS_E_ADDRESSES;
    for (size_t i = 0; i < r->link.addresses_len; i++) {
        const struct cl_mdns_address *own = &r->link.addresses[i];
        bool is_v4 = cl_address_is_v4(&own->address);
        if (!own->is_offered)
            continue;
        struct cl_mdns_record *record =
            add(r, (enum cl_mdns_entry_index)r->entries_len++, &r->host);
        if (is_v4)
            cl_mdns_set_a(record, own->address.ip + 12);
        else
            cl_mdns_set_aaaa(record, own->address.ip);
        has[is_v4 ? CL_MDNS_V4 : CL_MDNS_V6] = true;
    }
    size_t len = 0;
    if (has[CL_MDNS_V4])
        types[len++] = CL_MDNS_A;
    if (has[CL_MDNS_V6])
        types[len] = CL_MDNS_AAAA;
    cl_mdns_set_nsec(add(r, CL_MDNS_E_NSEC_HOST, &r->host), types);
}

static void
build(struct cl_mdns_responder *r)
{
    static const uint16_t types[] = {CL_MDNS_TXT, CL_MDNS_SRV, 0};
    cl_mdns_name all = cl_mdns_name_of(CL_STR("_services._dns-sd._udp.local"));
    r->service = cl_mdns_name_of(CL_STR(CL_MDNS_SERVICE));
    r->instance = r->service;
    r->host = cl_mdns_name_of(CL_STR("local"));
    name_with_number(r->instance_label, " ", r->instance_number, &r->instance);
    name_with_number(r->host_label, "-", r->host_number, &r->host);

    cl_mdns_set_ptr(add(r, CL_MDNS_E_TYPES, &all), &r->service);
    cl_mdns_set_ptr(add(r, CL_MDNS_E_PTR, &r->service), &r->instance);
    cl_mdns_set_srv(add(r, CL_MDNS_E_SRV, &r->instance), &r->host, r->port);
    struct cl_mdns_record *txt = add(r, CL_MDNS_E_TXT, &r->instance);
    txt->type = CL_MDNS_TXT;
    txt->len = r->txt.len;
    memcpy(txt->data, r->txt.data, r->txt.len);
    cl_mdns_set_nsec(add(r, CL_MDNS_E_NSEC_INSTANCE, &r->instance), types);
    add_addresses(r);
}

/* -- probing ----------------------------------------------------------------------------------- */

static void
probe(struct cl_mdns_responder *r, cl_instant now, int64_t delay_ms)
{
    build(r);
    memset(r->jobs, 0, sizeof r->jobs);
    r->state = CL_MDNS_PROBING;
    r->step = 0;
    r->next = cl_instant_add(now, delay_ms);
}

void
cl_mdns_lose_probe(struct cl_mdns_responder *r, cl_instant now)
{
    probe(r, now, 1000); // RFC 6762 8.2
}

void
cl_mdns_conflict(struct cl_mdns_responder *r, bool is_host, cl_instant now)
{
    // RFC 6762 9: who has the name already probes for it again, and meets whoever else has it.
    if (r->state == CL_MDNS_PROBING) {
        if (is_host)
            r->host_number++;
        else
            r->instance_number++;
    }
    cl_instant *slot = &r->conflicts[r->conflicts_len % CL_MDNS_CONFLICTS_MAX];
    if (r->conflicts_len >= CL_MDNS_CONFLICTS_MAX && now.ms - slot->ms < CONFLICTS_WINDOW_MS)
        r->is_slow = true;
    *slot = now;
    r->conflicts_len++;
    if (r->conflicts_len == 2 * CL_MDNS_CONFLICTS_MAX)
        r->conflicts_len = CL_MDNS_CONFLICTS_MAX; // the same place in the ring
    probe(r, now, r->is_slow ? CONFLICTS_PAUSE_MS : cl_mdns_roll(&r->dice, 0, PROBE_MS));
}

/* RFC 6762 8.1 and 8.2: both names, and what is to be theirs. */
static void
write_probe(struct cl_mdns_responder *r, struct cl_mdns_datagram *datagram)
{
    struct cl_mdns_writer writer;
    const struct cl_mdns_question questions[2] = {{r->instance, CL_MDNS_ANY, false},
                                                  {r->host, CL_MDNS_ANY, false}};
    cl_mdns_begin(&writer, datagram->bytes, sizeof datagram->bytes, CL_MDNS_COMPRESSED);
    for (int i = 0; i < 2; i++)
        cl_err_ignore(cl_mdns_put_question(&writer, &questions[i])); // there is room for them
    for (size_t i = CL_MDNS_E_SRV; i < r->entries_len; i++) {
        struct cl_mdns_record record = r->entries[i].record;
        record.is_flush = false;
        // Without room for the last addresses a tie is decided by the first.
        if (record.type != CL_MDNS_NSEC)
            cl_err_ignore(cl_mdns_put_record(&writer, CL_MDNS_AUTHORITY, &record));
    }
    datagram->len = cl_mdns_end(&writer, (struct cl_mdns_head){0}).len;
}

/* -- sending ----------------------------------------------------------------------------------- */

static cl_mdns_set
all_addresses(const struct cl_mdns_responder *r)
{
    return (CL_MDNS_BIT(r->entries_len) - 1) & ~(CL_MDNS_BIT(CL_MDNS_E_ADDRESSES) - 1);
}

/* RFC 6763 12 and RFC 6762 6.1: what who asked for these will ask for next. */
static cl_mdns_set
additionals(const struct cl_mdns_responder *r, cl_mdns_set answers)
{
    cl_mdns_set set = 0;
    if ((answers & CL_MDNS_BIT(CL_MDNS_E_PTR)) != 0)
        set |= CL_MDNS_BIT(CL_MDNS_E_SRV) | CL_MDNS_BIT(CL_MDNS_E_TXT);
    if (((set | answers) & CL_MDNS_BIT(CL_MDNS_E_SRV)) != 0)
        set |= all_addresses(r) | CL_MDNS_BIT(CL_MDNS_E_NSEC_INSTANCE);
    if (((set | answers) & all_addresses(r)) != 0)
        set |= all_addresses(r) | CL_MDNS_BIT(CL_MDNS_E_NSEC_HOST);
    return set & ~answers;
}

/* Returns what fitted. */
static cl_mdns_set
write_records(const struct cl_mdns_responder *r, struct cl_mdns_writer *writer,
              enum cl_mdns_section section, cl_mdns_set set, uint32_t ttl_max)
{
    cl_mdns_set written = 0;
    for (size_t i = 0; i < r->entries_len; i++) {
        struct cl_mdns_record record = r->entries[i].record;
        if ((set & CL_MDNS_BIT(i)) == 0)
            continue;
        if (record.ttl > ttl_max)
            record.ttl = ttl_max;
        if (cl_mdns_put_record(writer, section, &record) == CL_OK)
            written |= CL_MDNS_BIT(i);
    }
    return written;
}

/* RFC 6762 6.7: the id and the question again, and lives so short that no change is missed. */
static void
write_unicast(const struct cl_mdns_responder *r, const struct cl_mdns_job *job,
              struct cl_mdns_datagram *datagram)
{
    struct cl_mdns_writer writer;
    uint32_t ttl_max = job->is_legacy ? CL_MDNS_LEGACY_TTL_S : UINT32_MAX;
    const struct cl_mdns_head head = {.id = job->id, .is_response = true};
    cl_mdns_begin(&writer, datagram->bytes, sizeof datagram->bytes,
                  job->is_legacy ? CL_MDNS_WHOLE : CL_MDNS_COMPRESSED);
    if (job->is_legacy)
        cl_err_ignore(cl_mdns_put_question(&writer, &job->question)); // there is room for one
    (void)write_records(r, &writer, CL_MDNS_ANSWER, job->answers, ttl_max);
    (void)write_records(r, &writer, CL_MDNS_ADDITIONAL, additionals(r, job->answers), ttl_max);
    datagram->len = cl_mdns_end(&writer, head).len;
    datagram->to = job->from;
}

static cl_mdns_set
due_set(const struct cl_mdns_responder *r, enum cl_mdns_family family, cl_instant now)
{
    cl_mdns_set set = 0;
    for (size_t i = 0; i < r->entries_len; i++)
        if (r->entries[i].due[family].ms <= now.ms)
            set |= CL_MDNS_BIT(i);
    return set;
}

/* RFC 6762 6: not what the group has heard within the last second. */
static cl_mdns_set
not_heard(const struct cl_mdns_responder *r, cl_mdns_set set, const bool families[], cl_instant now)
{
    for (size_t i = 0; i < r->entries_len; i++)
        for (int f = 0; f < CL_MDNS_FAMILIES; f++)
            if (families[f] && now.ms - r->entries[i].sent[f].ms < CL_MDNS_AGAIN_MS)
                set &= ~CL_MDNS_BIT(i);
    return set;
}

/* What is due for the group; false: nothing. */
static bool
write_multicast(struct cl_mdns_responder *r, cl_instant now, struct cl_mdns_datagram *datagram)
{
    struct cl_mdns_writer writer;
    cl_mdns_set v4 = due_set(r, CL_MDNS_V4, now), v6 = due_set(r, CL_MDNS_V6, now);
    cl_mdns_set set = v4 != 0 ? v4 : v6;
    if (set == 0)
        return false;
    datagram->families[CL_MDNS_V4] = v4 == set;
    datagram->families[CL_MDNS_V6] = v6 == set;
    cl_mdns_begin(&writer, datagram->bytes, sizeof datagram->bytes, CL_MDNS_COMPRESSED);
    cl_mdns_set written = write_records(r, &writer, CL_MDNS_ANSWER, set, UINT32_MAX);
    CL_ASSERT(written != 0); // each of them fits into a message of its own
    cl_mdns_set more = not_heard(r, additionals(r, set), datagram->families, now);
    if (written == set)
        written |= write_records(r, &writer, CL_MDNS_ADDITIONAL, more, UINT32_MAX);
    datagram->len = cl_mdns_end(&writer, (struct cl_mdns_head){.is_response = true}).len;
    for (size_t i = 0; i < r->entries_len; i++) {
        for (int f = 0; f < CL_MDNS_FAMILIES; f++) {
            if ((written & CL_MDNS_BIT(i)) == 0 || !datagram->families[f])
                continue;
            r->entries[i].due[f] = CL_INSTANT_NEVER;
            r->entries[i].sent[f] = now;
        }
    }
    return true;
}

/* Probes and announcements in their time. True: *datagram is a probe. */
static bool
step_on(struct cl_mdns_responder *r, cl_instant now, struct cl_mdns_datagram *datagram)
{
    bool is_stepping = r->state == CL_MDNS_PROBING || r->state == CL_MDNS_ANNOUNCING;
    if (!is_stepping || r->next.ms > now.ms)
        return false;
    if (r->state == CL_MDNS_PROBING && r->step < PROBES) {
        write_probe(r, datagram);
        datagram->families[CL_MDNS_V4] = datagram->families[CL_MDNS_V6] = true;
        r->step++;
        r->next = cl_instant_add(now, PROBE_MS);
        return true;
    }
    if (r->state == CL_MDNS_PROBING)
        r->step = 0;
    r->state = ++r->step < ANNOUNCEMENTS ? CL_MDNS_ANNOUNCING : CL_MDNS_UP;
    r->is_slow &= r->state != CL_MDNS_UP;
    r->next = cl_instant_add(now, ANNOUNCEMENT_MS);
    for (size_t i = 0; i < r->entries_len; i++)
        if (r->entries[i].record.type != CL_MDNS_NSEC)
            r->entries[i].due[CL_MDNS_V4] = r->entries[i].due[CL_MDNS_V6] = now;
    return false;
}

bool
cl_mdns_responder_send(struct cl_mdns_responder *r, cl_instant now,
                       struct cl_mdns_datagram *ret_datagram)
{
    *ret_datagram = (struct cl_mdns_datagram){0};
    if (r->state == CL_MDNS_DOWN)
        return false;
    if (step_on(r, now, ret_datagram))
        return true;
    for (size_t i = 0; i < CL_MDNS_JOBS_MAX; i++) {
        struct cl_mdns_job *job = &r->jobs[i];
        if (!job->is_used || job->due.ms > now.ms)
            continue;
        job->is_used = false;
        if (job->answers == 0)
            continue; // all of them turned out to be known
        if (job->is_for_group) {
            cl_mdns_schedule(r, job->family, job->answers,
                             (struct cl_mdns_when){now, CL_MDNS_AGAIN_MS});
        } else {
            write_unicast(r, job, ret_datagram);
            return true;
        }
    }
    return write_multicast(r, now, ret_datagram);
}

cl_instant
cl_mdns_responder_deadline(const struct cl_mdns_responder *r)
{
    cl_instant at = CL_INSTANT_NEVER;
    if (r->state == CL_MDNS_DOWN)
        return at;
    if (r->state != CL_MDNS_UP)
        at = r->next;
    for (size_t i = 0; i < CL_MDNS_JOBS_MAX; i++)
        if (r->jobs[i].is_used)
            at = cl_instant_earlier(at, r->jobs[i].due);
    for (size_t i = 0; i < r->entries_len; i++)
        for (int f = 0; f < CL_MDNS_FAMILIES; f++)
            at = cl_instant_earlier(at, r->entries[i].due[f]);
    return at;
}

/* -- up and down ------------------------------------------------------------------------------- */

enum cl_err
cl_mdns_responder_init(struct cl_mdns_responder *r, const struct cl_mdns_service *service,
                       uint64_t seed)
{
    memset(r, 0, sizeof *r);
    cl_str instance = fit(service->instance, 0), host = fit(service->host, 0);
    if (instance.len == 0 || host.len == 0 || cl_str_find(instance, '\0') < instance.len ||
        cl_str_find(host, '\0') < host.len)
        return CL_ERR_USAGE;
    memcpy(r->instance_label, instance.ptr, instance.len);
    memcpy(r->host_label, host.ptr, host.len);
    r->instance_number = r->host_number = 1;
    r->port = service->port;
    r->txt = *service->txt;
    r->dice.state = seed;
    return CL_OK;
}

void
cl_mdns_responder_up(struct cl_mdns_responder *r, const struct cl_mdns_link *link, cl_instant now)
{
    bool is_offered = false;
    r->link = *link;
    for (size_t i = 0; i < link->addresses_len; i++)
        is_offered |= link->addresses[i].is_offered;
    if (is_offered)
        probe(r, now, cl_mdns_roll(&r->dice, 0, PROBE_MS));
    else
        r->state = CL_MDNS_DOWN;
}

bool
cl_mdns_responder_goodbye(struct cl_mdns_responder *r, struct cl_mdns_datagram *ret_datagram)
{
    struct cl_mdns_writer writer;
    enum cl_mdns_state before = r->state;
    r->state = CL_MDNS_DOWN;
    *ret_datagram = (struct cl_mdns_datagram){0};
    if (before != CL_MDNS_ANNOUNCING && before != CL_MDNS_UP)
        return false;
    // That there are services of this type others may say as well, so that stays.
    cl_mdns_set set = CL_MDNS_BIT(CL_MDNS_E_PTR) | CL_MDNS_BIT(CL_MDNS_E_SRV) |
                      CL_MDNS_BIT(CL_MDNS_E_TXT) | all_addresses(r);
    cl_mdns_begin(&writer, ret_datagram->bytes, sizeof ret_datagram->bytes, CL_MDNS_COMPRESSED);
    (void)write_records(r, &writer, CL_MDNS_ANSWER, set, 0);
    ret_datagram->len = cl_mdns_end(&writer, (struct cl_mdns_head){.is_response = true}).len;
    ret_datagram->families[CL_MDNS_V4] = ret_datagram->families[CL_MDNS_V6] = true;
    return true;
}
