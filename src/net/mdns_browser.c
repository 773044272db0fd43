// SPDX-License-Identifier: MIT
#include "net/mdns_browser.h"

#include <string.h>

#include "net/mdns_private.h"

/* RFC 6762 5.2: the first query is delayed a little, the gaps double up to an hour. */
#define FIRST_LEAST_MS 20
#define FIRST_MOST_MS  120
#define GAP_FIRST_MS   1000
#define GAP_LAST_MS    (3600 * 1000)
/* What is missing is asked for no more often, whatever strangers announce. */
#define MORE_MS 250
/* RFC 6762 10.1 and 10.2: what was taken back stays for a second. */
#define LAST_SECOND_MS 1000
/* A life of more than a day is none that a scan will see the end of. */
#define TTL_MOST_S (24 * 3600)

static cl_instant
until(uint32_t ttl, cl_instant now)
{
    if (ttl == 0)
        return cl_instant_add(now, LAST_SECOND_MS);
    return cl_instant_add(now, (int64_t)(ttl < TTL_MOST_S ? ttl : TTL_MOST_S) * 1000);
}

static bool
is_same_ip(const cl_address *a, const cl_address *b)
{
    return memcmp(a->ip, b->ip, sizeof a->ip) == 0;
}

static bool
has_srv(const struct cl_mdns_found *found)
{
    return found->host.len > 1;
}

bool
cl_mdns_found_is_complete(const struct cl_mdns_found *found)
{
    return has_srv(found) && found->addresses_len > 0;
}

/* -- the table --------------------------------------------------------------------------------- */

/* The next of this address and instance behind *at (NULL: the first); NULL: there is none. */
static struct cl_mdns_found *
next_of(struct cl_mdns_browser *b, struct cl_mdns_found *at, const cl_address *from,
        const cl_mdns_name *instance)
{
    for (at = at == NULL ? b->found : at + 1; at < b->found + CL_MDNS_FOUND_MAX; at++)
        if (at->is_used && is_same_ip(&at->from, from) && cl_mdns_name_eq(&at->instance, instance))
            return at;
    return NULL;
}

static struct cl_mdns_found *
add(struct cl_mdns_browser *b, const cl_address *from, const cl_mdns_name *instance)
{
    struct cl_mdns_found *free_one = NULL;
    size_t of_source = 0;
    for (size_t i = 0; i < CL_MDNS_FOUND_MAX; i++) {
        if (!b->found[i].is_used)
            free_one = free_one == NULL ? &b->found[i] : free_one;
        else
            of_source += is_same_ip(&b->found[i].from, from);
    }
    if (free_one == NULL || of_source >= CL_MDNS_FOUND_PER_SOURCE_MAX) {
        b->is_overflow = true;
        return NULL;
    }
    *free_one = (struct cl_mdns_found){
        .is_used = true, .from = *from, .instance = *instance, .host = {.len = 1}};
    free_one->from.port = 0;
    return free_one;
}

void
cl_mdns_browser_expire(struct cl_mdns_browser *b, cl_instant now)
{
    for (size_t i = 0; i < CL_MDNS_FOUND_MAX; i++) {
        struct cl_mdns_found *found = &b->found[i];
        if (!found->is_used)
            continue;
        if (found->until.ms <= now.ms || (has_srv(found) && found->srv_until.ms <= now.ms))
            found->is_used = false;
        size_t kept = 0;
        for (size_t at = 0; at < found->addresses_len; at++)
            if (found->addresses[at].until.ms > now.ms)
                found->addresses[kept++] = found->addresses[at];
        found->addresses_len = kept;
    }
}

/* -- records ----------------------------------------------------------------------------------- */

static bool
is_instance(const struct cl_mdns_browser *b, const cl_mdns_name *name)
{
    cl_mdns_name rest = cl_mdns_name_rest(name);
    return name->len > b->service.len && cl_mdns_name_eq(&rest, &b->service);
}

static void
on_ptr(struct cl_mdns_browser *b, const cl_address *from, const struct cl_mdns_record *record,
       cl_instant now)
{
    cl_mdns_name instance = cl_mdns_ptr_target(record);
    if (!cl_mdns_name_eq(&record->name, &b->service) || !is_instance(b, &instance))
        return;
    struct cl_mdns_found *found = next_of(b, NULL, from, &instance);
    if (found == NULL && record->ttl > 0)
        found = add(b, from, &instance);
    for (; found != NULL; found = next_of(b, found, from, &instance)) {
        found->until = until(record->ttl, now);
        found->asked = cl_instant_add(now, (found->until.ms - now.ms) / 2);
    }
}

/* Another host or port is another relay of that name, and does not replace the first. */
static void
on_srv(struct cl_mdns_browser *b, const cl_address *from, const struct cl_mdns_record *record,
       cl_instant now)
{
    cl_mdns_name host = cl_mdns_srv_host(record);
    uint16_t port = cl_mdns_srv_port(record);
    struct cl_mdns_found *found = next_of(b, NULL, from, &record->name);
    while (found != NULL && has_srv(found) &&
           (found->port != port || !cl_mdns_name_eq(&found->host, &host)))
        found = next_of(b, found, from, &record->name);
    if (found == NULL && record->ttl > 0) {
        found = add(b, from, &record->name);
        if (found != NULL)
            found->until = until(record->ttl, now); // until a pointer says more
    }
    if (found == NULL)
        return;
    found->host = host;
    found->port = port;
    found->srv_until = until(record->ttl, now);
}

static void
on_txt(struct cl_mdns_browser *b, const cl_address *from, const struct cl_mdns_record *record)
{
    struct cl_mdns_found *found = NULL;
    while ((found = next_of(b, found, from, &record->name)) != NULL && record->ttl > 0) {
        cl_str before = cl_str_of(found->txt, found->txt_len);
        if (found->has_txt && !cl_str_eq(before, cl_str_of(record->data, record->len)))
            found->is_contradictory = true;
        found->has_txt = true;
        found->txt_len = record->len;
        memcpy(found->txt, record->data, record->len);
    }
}

static void
put_address(struct cl_mdns_found *found, const struct cl_mdns_found_address *put, bool is_flush)
{
    bool is_v4 = cl_address_is_v4(&put->address);
    struct cl_mdns_found_address *slot = NULL;
    for (size_t i = 0; i < found->addresses_len; i++) {
        struct cl_mdns_found_address *at = &found->addresses[i];
        if (is_same_ip(&at->address, &put->address))
            slot = at;
        // RFC 6762 10.2: older ones go, unless this message names them as well.
        else if (is_flush && cl_address_is_v4(&at->address) == is_v4 &&
                 put->seen.ms - at->seen.ms > LAST_SECOND_MS)
            at->until = cl_instant_earlier(at->until, cl_instant_add(put->seen, LAST_SECOND_MS));
    }
    if (slot == NULL && found->addresses_len < CL_MDNS_ADDRESSES_MAX)
        slot = &found->addresses[found->addresses_len++];
    if (slot != NULL)
        *slot = *put;
}

static void
on_address(struct cl_mdns_browser *b, const cl_address *from, const struct cl_mdns_record *record,
           cl_instant now)
{
    struct cl_mdns_found_address put = {.seen = now, .until = until(record->ttl, now)};
    if (record->type == CL_MDNS_A) {
        put.address.ip[10] = put.address.ip[11] = 0xff;
        memcpy(put.address.ip + 12, record->data, 4);
    } else {
        memcpy(put.address.ip, record->data, 16);
    }
    for (size_t i = 0; i < CL_MDNS_FOUND_MAX; i++) {
        struct cl_mdns_found *found = &b->found[i];
        if (found->is_used && is_same_ip(&found->from, from) && has_srv(found) &&
            cl_mdns_name_eq(&found->host, &record->name))
            put_address(found, &put, record->is_flush);
    }
}

/* The rounds over one message: pointers, then what they lead to, then its hosts' addresses,
 * whatever their order in it. */
enum round { POINTERS, INSTANCES, ADDRESSES, ROUNDS };

static void
on_record(struct cl_mdns_browser *b, enum round round, const cl_address *from,
          const struct cl_mdns_record *record, cl_instant now)
{
    bool is_srv = record->type == CL_MDNS_SRV, is_txt = record->type == CL_MDNS_TXT;
    if (round == POINTERS && record->type == CL_MDNS_PTR)
        on_ptr(b, from, record, now);
    if (round == INSTANCES && is_srv && is_instance(b, &record->name))
        on_srv(b, from, record, now);
    // A TXT record may stand in front of the SRV record that makes it known.
    if (round == ADDRESSES && is_txt)
        on_txt(b, from, record);
    if (round == ADDRESSES && (record->type == CL_MDNS_A || record->type == CL_MDNS_AAAA))
        on_address(b, from, record, now);
}

static bool
is_something_missing(const struct cl_mdns_browser *b)
{
    for (size_t i = 0; i < CL_MDNS_FOUND_MAX; i++)
        if (b->found[i].is_used &&
            (!cl_mdns_found_is_complete(&b->found[i]) || !b->found[i].has_txt))
            return true;
    return false;
}

void
cl_mdns_browser_receive(struct cl_mdns_browser *b, const struct cl_mdns_packet *packet,
                        cl_instant now)
{
    struct cl_mdns_reader reader;
    struct cl_mdns_record record;
    enum cl_mdns_section section;
    if (packet->from.port != CL_MDNS_PORT || !cl_mdns_link_is_near(&b->link, &packet->from) ||
        cl_mdns_open(packet->bytes, &reader) != CL_OK || !reader.is_response)
        return;
    cl_mdns_browser_expire(b, now);
    for (int round = 0; round < ROUNDS; round++) {
        struct cl_mdns_reader walk = reader;
        while (cl_mdns_next_record(&walk, &section, &record))
            on_record(b, (enum round)round, &packet->from, &record, now);
    }
    if (b->more.ms == INT64_MAX && is_something_missing(b)) {
        cl_instant least = cl_instant_add(b->more_last, MORE_MS);
        b->more = cl_instant_add(now, cl_mdns_roll(&b->dice, FIRST_LEAST_MS, FIRST_MOST_MS));
        b->more = b->more.ms > least.ms ? b->more : least;
    }
}

/* -- queries ----------------------------------------------------------------------------------- */

static void
ask(struct cl_mdns_writer *writer, const cl_mdns_name *name, enum cl_mdns_type type)
{
    const struct cl_mdns_question question = {*name, (uint16_t)type, false};
    cl_err_ignore(cl_mdns_put_question(writer, &question)); // what does not fit waits
}

/* Did an earlier one of the table lead to the same questions? */
static bool
is_first_of_name(const struct cl_mdns_browser *b, const struct cl_mdns_found *found)
{
    for (const struct cl_mdns_found *at = b->found; at < found; at++)
        if (at->is_used && cl_mdns_name_eq(&at->instance, &found->instance))
            return false;
    return true;
}

static void
ask_for_missing(const struct cl_mdns_browser *b, struct cl_mdns_writer *writer)
{
    for (size_t i = 0; i < CL_MDNS_FOUND_MAX; i++) {
        const struct cl_mdns_found *found = &b->found[i];
        if (!found->is_used)
            continue;
        bool is_first = is_first_of_name(b, found);
        if (is_first && !has_srv(found))
            ask(writer, &found->instance, CL_MDNS_SRV);
        if (is_first && !found->has_txt)
            ask(writer, &found->instance, CL_MDNS_TXT);
        if (has_srv(found) && found->addresses_len == 0) {
            ask(writer, &found->host, CL_MDNS_A);
            ask(writer, &found->host, CL_MDNS_AAAA);
        }
    }
}

/* RFC 6762 7.1. Those that do not fit are told to us once more. */
static void
put_known(const struct cl_mdns_browser *b, struct cl_mdns_writer *writer, cl_instant now)
{
    for (size_t i = 0; i < CL_MDNS_FOUND_MAX; i++) {
        const struct cl_mdns_found *found = &b->found[i];
        if (!found->is_used || found->asked.ms <= now.ms || !is_first_of_name(b, found))
            continue;
        struct cl_mdns_record record = {.name = b->service};
        record.ttl = (uint32_t)((found->until.ms - now.ms) / 1000);
        cl_mdns_set_ptr(&record, &found->instance);
        cl_err_ignore(cl_mdns_put_record(writer, CL_MDNS_ANSWER, &record));
    }
}

bool
cl_mdns_browser_send(struct cl_mdns_browser *b, cl_instant now,
                     struct cl_mdns_datagram *ret_datagram)
{
    struct cl_mdns_writer writer;
    bool is_round = b->next.ms <= now.ms, is_more = b->more.ms <= now.ms;
    *ret_datagram = (struct cl_mdns_datagram){0};
    if (!is_round && !is_more)
        return false;
    cl_mdns_browser_expire(b, now);
    cl_mdns_begin(&writer, ret_datagram->bytes, sizeof ret_datagram->bytes, CL_MDNS_COMPRESSED);
    if (is_round)
        ask(&writer, &b->service, CL_MDNS_PTR);
    ask_for_missing(b, &writer);
    if (is_round)
        put_known(b, &writer, now);
    ret_datagram->len = cl_mdns_end(&writer, (struct cl_mdns_head){0}).len;
    ret_datagram->families[CL_MDNS_V4] = ret_datagram->families[CL_MDNS_V6] = true;
    if (is_round) {
        b->next = cl_instant_add(now, b->gap_ms);
        b->gap_ms = b->gap_ms * 2 < GAP_LAST_MS ? b->gap_ms * 2 : GAP_LAST_MS;
    }
    b->more = CL_INSTANT_NEVER;
    b->more_last = now;
    return writer.counts[CL_MDNS_QUESTION] > 0; // else all that was missing has come
}

cl_instant
cl_mdns_browser_deadline(const struct cl_mdns_browser *b)
{
    return cl_instant_earlier(b->next, b->more);
}

void
cl_mdns_browser_init(struct cl_mdns_browser *b, const struct cl_mdns_link *link, uint64_t seed,
                     cl_instant now)
{
    memset(b, 0, sizeof *b);
    b->link = *link;
    b->dice.state = seed;
    b->service = cl_mdns_name_of(CL_STR(CL_MDNS_SERVICE));
    b->gap_ms = GAP_FIRST_MS;
    b->next = cl_instant_add(now, cl_mdns_roll(&b->dice, FIRST_LEAST_MS, FIRST_MOST_MS));
    b->more = CL_INSTANT_NEVER;
    b->more_last = CL_MDNS_LONG_AGO;
}
