// SPDX-License-Identifier: MIT
/*
 * The responder in virtual time: 10.0.0.5/24 and fe80::5, service "Box" on host "box-clawlink".
 */
#include "net/mdns_responder.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "support/rng.h"
#include "support/test.h"

#define SEED 7

static struct cl_mdns_responder responder;
static cl_instant now;
static struct cl_mdns_datagram out;
static cl_mdns_name service, instance, host;

/* -- a link and its times ------------------------------------------------------------------- */

static cl_address
v4(uint8_t c, uint8_t d, uint16_t port)
{
    return (cl_address){.ip = {[10] = 0xff, 0xff, 10, 0, c, d}, .port = port};
}

static struct cl_mdns_link
link_of(bool is_v6_offered)
{
    struct cl_mdns_link link = {.index = 3, .name = "eth0", .addresses_len = 2};
    link.addresses[0] = (struct cl_mdns_address){v4(0, 5, 0), 96 + 24, true};
    link.addresses[1] =
        (struct cl_mdns_address){{.ip = {0xfe, 0x80, [15] = 5}, .port = 0}, 64, is_v6_offered};
    return link;
}

static cl_mdns_name
name_of(const char *label, const char *rest)
{
    cl_mdns_name name = cl_mdns_name_of(cl_str_z(rest));
    CHECK_OK(cl_mdns_name_join(cl_str_z(label), &name, &name));
    return name;
}

static void
set_up(void)
{
    struct cl_mdns_record txt = {0};
    struct cl_mdns_link link = link_of(true);
    cl_mdns_set_txt(&txt);
    CHECK_OK(cl_mdns_add_txt(&txt, CL_STR("auth"), CL_STR("yes")));
    const struct cl_mdns_service what = {CL_STR("Box"), CL_STR("box-clawlink"), 9077, &txt};
    CHECK_OK(cl_mdns_responder_init(&responder, &what, SEED));
    now = (cl_instant){1000};
    service = cl_mdns_name_of(CL_STR("_clawlink._tcp.local"));
    instance = name_of("Box", "_clawlink._tcp.local");
    host = name_of("box-clawlink", "local");
    cl_mdns_responder_up(&responder, &link, now);
}

/* Goes on to the next datagram before that time; false: there is none, and it is that time. */
static bool
next_until(int64_t ms)
{
    for (;;) {
        if (cl_mdns_responder_send(&responder, now, &out))
            return true;
        cl_instant at = cl_mdns_responder_deadline(&responder);
        CHECK(at.ms > now.ms);
        if (at.ms >= ms) {
            now.ms = ms;
            return false;
        }
        now = at;
    }
}

/* Past probes and announcements, and past the second in which records may not be repeated. */
static void
settle(void)
{
    while (next_until(now.ms + 10000) || responder.state != CL_MDNS_UP) {
    }
}

/* -- what came out -------------------------------------------------------------------------- */

static struct cl_mdns_reader
opened(void)
{
    struct cl_mdns_reader reader;
    CHECK_OK(cl_mdns_open(cl_str_of(out.bytes, out.len), &reader));
    return reader;
}

/* "answer:PTR answer:SRV more:A ..." of the datagram. */
static cl_str
told(void)
{
    static char text[512];
    static const char *const sections[] = {"", "answer", "authority", "more"};
    struct cl_mdns_reader reader = opened();
    struct cl_mdns_record record;
    enum cl_mdns_section section;
    size_t len = 0;
    text[0] = '\0';
    while (cl_mdns_next_record(&reader, &section, &record)) {
        const char *type = record.type == CL_MDNS_PTR    ? "PTR"
                           : record.type == CL_MDNS_SRV  ? "SRV"
                           : record.type == CL_MDNS_TXT  ? "TXT"
                           : record.type == CL_MDNS_A    ? "A"
                           : record.type == CL_MDNS_AAAA ? "AAAA"
                                                         : "NSEC";
        len += (size_t)snprintf(text + len, sizeof text - len, "%s%s:%s", len > 0 ? " " : "",
                                sections[section], type);
    }
    return cl_str_of(text, len);
}

static struct cl_mdns_record
record_at(size_t index)
{
    struct cl_mdns_reader reader = opened();
    struct cl_mdns_record record = {0};
    enum cl_mdns_section section;
    for (size_t i = 0; i <= index; i++)
        CHECK(cl_mdns_next_record(&reader, &section, &record));
    return record;
}

/* -- what comes in -------------------------------------------------------------------------- */

static struct cl_mdns_writer in;
static uint8_t in_bytes[CL_MDNS_SEND_BYTES_MAX];
static enum cl_err received; // what came of the last

static void
begin(void)
{
    cl_mdns_begin(&in, in_bytes, sizeof in_bytes, CL_MDNS_COMPRESSED);
}

static void
ask(const cl_mdns_name *name, uint16_t type, bool unicast)
{
    const struct cl_mdns_question question = {*name, type, unicast};
    CHECK_OK(cl_mdns_put_question(&in, &question));
}

static void
deliver(struct cl_mdns_head head, cl_address from)
{
    struct cl_mdns_packet packet = {.bytes = cl_mdns_end(&in, head), .from = from};
    packet.family = cl_address_is_v4(&from) ? CL_MDNS_V4 : CL_MDNS_V6;
    received = cl_mdns_responder_receive(&responder, &packet, now);
}

static void
query(const cl_mdns_name *name, uint16_t type, bool unicast)
{
    begin();
    ask(name, type, unicast);
    deliver((struct cl_mdns_head){0}, v4(0, 9, 5353));
}

static void
respond(const struct cl_mdns_record *record, cl_address from)
{
    begin();
    CHECK_OK(cl_mdns_put_record(&in, CL_MDNS_ANSWER, record));
    deliver((struct cl_mdns_head){.is_response = true}, from);
}

static struct cl_mdns_record
foreign_srv(uint16_t port)
{
    struct cl_mdns_record record = {.name = instance, .is_flush = true, .ttl = 120};
    cl_mdns_set_srv(&record, &host, port);
    return record;
}

static struct cl_mdns_record
own_ptr(uint32_t ttl)
{
    struct cl_mdns_record record = {.name = service, .ttl = ttl};
    cl_mdns_set_ptr(&record, &instance);
    return record;
}

static void
rival_probe(uint16_t port)
{
    struct cl_mdns_record record = foreign_srv(port), txt = responder.txt;
    txt.name = instance;
    begin();
    ask(&instance, CL_MDNS_ANY, true);
    CHECK_OK(cl_mdns_put_record(&in, CL_MDNS_AUTHORITY, &txt));
    CHECK_OK(cl_mdns_put_record(&in, CL_MDNS_AUTHORITY, &record));
    deliver((struct cl_mdns_head){0}, v4(0, 9, 5353));
}

/* -- probing and announcing ----------------------------------------------------------------- */

// RFC 6762 8.1
TEST(three_probes_250_ms_apart_come_first_after_a_random_delay)
{
    set_up();
    int64_t begun = now.ms, at[3];
    for (int i = 0; i < 3; i++) {
        CHECK(next_until(begun + 2000));
        at[i] = now.ms;
        CHECK(out.families[CL_MDNS_V4] && out.families[CL_MDNS_V6] && out.to.port == 0);
        CHECK_STR(told(), CL_STR("authority:SRV authority:TXT authority:A authority:AAAA"));
        CHECK(!record_at(0).is_flush);
        struct cl_mdns_reader reader = opened();
        struct cl_mdns_question question;
        CHECK(!reader.is_response && cl_mdns_next_question(&reader, &question));
        CHECK(question.type == CL_MDNS_ANY && cl_mdns_name_eq(&question.name, &instance));
        CHECK(cl_mdns_next_question(&reader, &question));
        CHECK(cl_mdns_name_eq(&question.name, &host) && !question.wants_unicast);
    }
    CHECK(at[0] - begun <= 250);
    CHECK(at[1] - at[0] == 250 && at[2] - at[1] == 250);
    // RFC 6762 8.3: two announcements, one second apart
    CHECK(next_until(begun + 9000));
    CHECK_INT(now.ms - at[2], 250);
    CHECK_STR(told(), CL_STR("answer:PTR answer:PTR answer:SRV answer:TXT answer:A answer:AAAA "
                             "more:NSEC more:NSEC"));
    CHECK(!record_at(0).is_flush && !record_at(1).is_flush && record_at(2).is_flush);
    CHECK(record_at(1).ttl == 4500 && record_at(2).ttl == 120 && record_at(4).ttl == 120);
    CHECK(next_until(begun + 9000));
    CHECK_INT(now.ms - at[2], 1250);
    CHECK(!next_until(begun + 9000));
    CHECK_INT(responder.state, CL_MDNS_UP);
}

TEST(the_first_delay_is_not_always_the_same)
{
    int64_t least = INT64_MAX, most = 0;
    struct cl_mdns_link link = link_of(true);
    set_up();
    for (int i = 0; i < 200; i++) {
        cl_mdns_responder_up(&responder, &link, now);
        int64_t delay = cl_mdns_responder_deadline(&responder).ms - now.ms;
        least = delay < least ? delay : least;
        most = delay > most ? delay : most;
    }
    CHECK(least >= 0 && least < 20 && most <= 250 && most > 230);
}

TEST(addresses_that_are_not_offered_are_not_told)
{
    struct cl_mdns_link link = link_of(false);
    set_up();
    cl_mdns_responder_up(&responder, &link, now);
    CHECK(next_until(now.ms + 1000));
    CHECK_STR(told(), CL_STR("authority:SRV authority:TXT authority:A"));
    link.addresses[0].is_offered = false;
    cl_mdns_responder_up(&responder, &link, now);
    CHECK_INT(responder.state, CL_MDNS_DOWN);
    CHECK(!next_until(now.ms + 10000));
}

// RFC 6762 8.1: a name that somebody has
TEST(a_conflict_while_probing_leads_to_another_name)
{
    set_up();
    CHECK(next_until(now.ms + 1000));
    struct cl_mdns_record theirs = foreign_srv(9077);
    cl_mdns_name other = name_of("other", "local");
    cl_mdns_set_srv(&theirs, &other, 9077);
    respond(&theirs, v4(0, 9, 5353));
    settle();
    CHECK_STR(cl_mdns_name_first(&responder.instance), CL_STR("Box (2)"));
    CHECK_STR(cl_mdns_name_first(&responder.host), CL_STR("box-clawlink"));

    set_up();
    CHECK(next_until(now.ms + 1000));
    struct cl_mdns_record address = {.name = host, .is_flush = true, .ttl = 120};
    cl_mdns_set_a(&address, (const uint8_t[4]){10, 0, 0, 9});
    respond(&address, v4(0, 9, 5353));
    settle();
    CHECK_STR(cl_mdns_name_first(&responder.host), CL_STR("box-clawlink-2"));
    CHECK_STR(cl_mdns_name_first(&responder.instance), CL_STR("Box"));
}

TEST(what_is_no_conflict_changes_nothing)
{
    set_up();
    CHECK(next_until(now.ms + 1000));
    struct cl_mdns_record address = {.name = host, .is_flush = true, .ttl = 120};
    cl_mdns_set_a(&address, (const uint8_t[4]){10, 0, 0, 5});
    respond(&address, v4(0, 9, 5353)); // the same data
    cl_mdns_set_a(&address, (const uint8_t[4]){10, 0, 0, 6});
    respond(&address, v4(0, 5, 5353)); // this machine's
    respond(&address, v4(0, 9, 5354)); // RFC 6762 6: a response from another port
    respond(&address, v4(9, 9, 5353)); // RFC 6762 11: from another network
    address.ttl = 0;
    respond(&address, v4(0, 9, 5353)); // it goes
    settle();
    CHECK_STR(cl_mdns_name_first(&responder.host), CL_STR("box-clawlink"));
    CHECK_INT(responder.conflicts_len, 0);
}

// RFC 6762 8.2
TEST(of_two_that_probe_at_once_the_later_data_wins)
{
    set_up();
    CHECK(next_until(now.ms + 1000));
    rival_probe(9076); // lower: we go on
    int64_t at = cl_mdns_responder_deadline(&responder).ms;
    CHECK_INT(at - now.ms, 250);
    rival_probe(9077); // the same: nobody wins, nobody waits
    CHECK_INT(cl_mdns_responder_deadline(&responder).ms, at);
    rival_probe(9078); // higher: we wait a second and try again
    CHECK_INT(cl_mdns_responder_deadline(&responder).ms - now.ms, 1000);
    CHECK_STR(cl_mdns_name_first(&responder.instance), CL_STR("Box"));
}

TEST(an_echo_of_our_own_probe_is_no_rival)
{
    set_up();
    CHECK(next_until(now.ms + 1000));
    struct cl_mdns_packet echo = {.bytes = cl_str_of(out.bytes, out.len), .from = v4(0, 5, 5353)};
    int64_t at = cl_mdns_responder_deadline(&responder).ms;
    CHECK_OK(cl_mdns_responder_receive(&responder, &echo, now));
    CHECK_INT(cl_mdns_responder_deadline(&responder).ms, at);
}

/* -- ties as RFC 6762 8.2.1 says it: two sorted lists, side by side -------------------------- */

#define CLAIMS 16 // of the two names, ours among them

struct claims {
    struct cl_mdns_record of[CLAIMS];
    size_t len;
};

static void
claim(struct claims *claims, const cl_mdns_name *name, const struct cl_mdns_record *data)
{
    CHECK(claims->len < CLAIMS);
    claims->of[claims->len] = *data;
    claims->of[claims->len++].name = *name;
}

/* Ours, and for each one that comes before and one that comes after. */
static void
fill_claims(struct claims *claims)
{
    claims->len = 0;
    for (size_t i = CL_MDNS_E_SRV; i < responder.entries_len; i++) {
        struct cl_mdns_record record = responder.entries[i].record;
        if (record.type == CL_MDNS_NSEC)
            continue;
        claim(claims, &record.name, &record);
        record.data[3]--;
        claim(claims, &record.name, &record);
        record.data[3] = (uint8_t)(record.data[3] + 2);
        claim(claims, &record.name, &record);
    }
    // And of types that we do not have there, before and after all of ours.
    claim(claims, &instance, &responder.entries[CL_MDNS_E_ADDRESSES].record);
    claim(claims, &instance, &responder.entries[CL_MDNS_E_NSEC_INSTANCE].record);
    claim(claims, &host, &responder.entries[CL_MDNS_E_SRV].record);
}

static int
by_order(const void *a, const void *b)
{
    return cl_mdns_record_compare(a, b);
}

/* Those of the set with that name, in order. */
static struct claims
sorted(const struct claims *all, uint64_t set, const cl_mdns_name *name)
{
    struct claims some = {.len = 0};
    for (size_t i = 0; i < all->len; i++)
        if ((set >> i & 1) != 0 && cl_mdns_name_eq(&all->of[i].name, name))
            claim(&some, name, &all->of[i]);
    qsort(some.of, some.len, sizeof some.of[0], by_order);
    return some;
}

static bool
wins(const struct claims *all, uint64_t theirs_set, uint64_t ours_set, const cl_mdns_name *name)
{
    struct claims theirs = sorted(all, theirs_set, name), ours = sorted(all, ours_set, name);
    for (size_t i = 0; i < theirs.len && i < ours.len; i++) {
        int order = cl_mdns_record_compare(&theirs.of[i], &ours.of[i]);
        if (order != 0)
            return order > 0;
    }
    return theirs.len > ours.len;
}

// RFC 6762 8.2.1
TEST(a_tie_is_broken_as_by_two_sorted_lists_whatever_the_order_in_the_message)
{
    const uint64_t ours = 1 << 0 | 1 << 3 | 1 << 6 | 1 << 9;
    struct rng rng = {SEED};
    static struct claims all;
    unsigned won = 0;
    for (int round = 0; round < 4000; round++) {
        set_up();
        CHECK(next_until(now.ms + 1000));
        fill_claims(&all);
        // Often all of ours, because only what is left then decides.
        uint64_t set = rng_next(&rng) & rng_next(&rng) & ((UINT64_C(1) << all.len) - 1);
        if (rng_below(&rng, 2) == 0)
            set |= ours;
        size_t first = (size_t)rng_below(&rng, all.len);
        begin();
        ask(&instance, CL_MDNS_ANY, false);
        for (size_t i = 0; i < 2 * all.len; i++) { // some of them twice
            size_t at = (first + i * 7) % all.len;
            if ((set >> at & 1) != 0 && (i < all.len || rng_below(&rng, 8) == 0))
                CHECK_OK(cl_mdns_put_record(&in, CL_MDNS_AUTHORITY, &all.of[at]));
        }
        deliver((struct cl_mdns_head){0}, v4(0, 9, 5353));
        bool is_lost = wins(&all, set, ours, &instance) || wins(&all, set, ours, &host);
        test_note("round %d: %#llx", round, (unsigned long long)set);
        CHECK_INT(cl_mdns_responder_deadline(&responder).ms - now.ms, is_lost ? 1000 : 250);
        won += is_lost;
    }
    CHECK(won > 400 && won < 3600);
}

TEST(a_probe_that_claims_too_much_is_not_weighed)
{
    struct cl_mdns_record theirs = {.name = host, .ttl = 120};
    for (int more = 0; more < 2; more++) {
        set_up();
        theirs.name = host;
        CHECK(next_until(now.ms + 1000));
        begin();
        ask(&host, CL_MDNS_ANY, false);
        for (int i = 0; i < CL_MDNS_CLAIMS_MAX + more; i++) {
            cl_mdns_set_a(&theirs, (const uint8_t[4]){10, 0, 1, (uint8_t)i});
            CHECK_OK(cl_mdns_put_record(&in, CL_MDNS_AUTHORITY, &theirs));
        }
        deliver((struct cl_mdns_head){0}, v4(0, 9, 5353));
        CHECK_INT(received, more ? CL_ERR_TOO_LARGE : CL_OK);
        CHECK_INT(cl_mdns_responder_deadline(&responder).ms - now.ms, more ? 250 : 1000);
    }
}

// RFC 6762 8.1: after fifteen conflicts in ten seconds each probe waits for five
TEST(many_conflicts_slow_it_down)
{
    set_up();
    for (int i = 0; i < 15; i++) {
        CHECK(next_until(now.ms + 1000));
        struct cl_mdns_record theirs = foreign_srv(1);
        theirs.name = responder.instance;
        respond(&theirs, v4(0, 9, 5353));
    }
    CHECK(next_until(now.ms + 1000));
    for (int i = 0; i < 3; i++) {
        struct cl_mdns_record theirs = foreign_srv(1);
        theirs.name = responder.instance;
        respond(&theirs, v4(0, 9, 5353));
        int64_t conflict_at = now.ms;
        CHECK(next_until(now.ms + 60000));
        CHECK_INT(now.ms - conflict_at, 5000);
    }
    settle();
    CHECK_STR(cl_mdns_name_first(&responder.instance), CL_STR("Box (19)"));
    CHECK(!responder.is_slow);
}

// RFC 6762 9
TEST(a_conflict_later_makes_it_probe_for_the_same_name)
{
    set_up();
    settle();
    struct cl_mdns_record theirs = foreign_srv(80);
    respond(&theirs, v4(0, 9, 5353));
    CHECK_INT(responder.state, CL_MDNS_PROBING);
    CHECK(next_until(now.ms + 1000));
    CHECK_STR(cl_mdns_name_first(&responder.instance), CL_STR("Box"));
    respond(&theirs, v4(0, 9, 5353)); // it defends its name
    settle();
    CHECK_STR(cl_mdns_name_first(&responder.instance), CL_STR("Box (2)"));
}

TEST(a_probe_for_our_name_is_answered_at_once_and_to_all)
{
    set_up();
    settle();
    rival_probe(80);
    int64_t asked_at = now.ms;
    CHECK(next_until(now.ms + 1000));
    CHECK_INT(now.ms, asked_at);
    CHECK(out.families[CL_MDNS_V4] && !out.families[CL_MDNS_V6]);
    CHECK_STR(told(), CL_STR("answer:SRV answer:TXT more:NSEC more:NSEC more:A more:AAAA"));
    rival_probe(80); // RFC 6762 6: 250 ms later at the earliest, not a second
    CHECK(next_until(now.ms + 1000));
    CHECK_INT(now.ms - asked_at, 250);
}

TEST(long_names_are_cut_between_characters)
{
    struct cl_mdns_record txt = {0};
    struct cl_mdns_link link = link_of(true);
    char text[2 * 40 + 1];
    for (size_t i = 0; i < 80; i += 2)
        memcpy(text + i, "\xc3\xa4", 2);
    cl_mdns_set_txt(&txt);
    const struct cl_mdns_service what = {cl_str_of(text, 80), CL_STR("h"), 1, &txt};
    set_up();
    CHECK_OK(cl_mdns_responder_init(&responder, &what, SEED));
    cl_mdns_responder_up(&responder, &link, now);
    CHECK_STR(cl_mdns_name_first(&responder.instance), cl_str_of(text, 62));
    CHECK(next_until(now.ms + 1000));
    instance = responder.instance;
    struct cl_mdns_record theirs = foreign_srv(7);
    respond(&theirs, v4(0, 9, 5353));
    cl_str label = cl_mdns_name_first(&responder.instance);
    CHECK_INT(label.len, 62);
    CHECK(cl_str_ends(label, CL_STR("\xc3\xa4 (2)")));
    const struct cl_mdns_service empty = {CL_STR(""), CL_STR("h"), 1, &txt};
    CHECK_INT(cl_mdns_responder_init(&responder, &empty, SEED), CL_ERR_USAGE);
}

/* -- answering ------------------------------------------------------------------------------ */

// RFC 6762 6 and RFC 6763 12.1
TEST(a_shared_record_is_answered_after_20_to_120_ms_with_all_that_will_be_asked_next)
{
    int64_t least = INT64_MAX, most = 0;
    set_up();
    settle();
    for (int i = 0; i < 100; i++) {
        query(&service, CL_MDNS_PTR, false);
        int64_t asked_at = now.ms;
        CHECK(next_until(now.ms + 2000));
        CHECK(out.families[CL_MDNS_V4] && !out.families[CL_MDNS_V6] && out.to.port == 0);
        CHECK_STR(told(), CL_STR("answer:PTR more:SRV more:TXT more:NSEC more:NSEC more:A "
                                 "more:AAAA"));
        least = now.ms - asked_at < least ? now.ms - asked_at : least;
        most = now.ms - asked_at > most ? now.ms - asked_at : most;
        CHECK(!next_until(now.ms + 2000));
    }
    CHECK(least >= 20 && least < 35 && most <= 120 && most > 105);
}

TEST(each_question_has_its_answer)
{
    set_up();
    settle();
    cl_mdns_name types = cl_mdns_name_of(CL_STR("_services._dns-sd._udp.local"));
    cl_mdns_name nobody = name_of("nobody", "local");
    const struct {
        const cl_mdns_name *name;
        uint16_t type;
        const char *want; // empty: no answer
    } rows[] = {
        {&types, CL_MDNS_PTR, "answer:PTR"}, // RFC 6763 9
        {&instance, CL_MDNS_SRV, "answer:SRV more:NSEC more:NSEC more:A more:AAAA"},
        {&instance, CL_MDNS_TXT, "answer:TXT"},
        {&instance, CL_MDNS_ANY, "answer:SRV answer:TXT more:NSEC more:NSEC more:A more:AAAA"},
        {&host, CL_MDNS_A, "answer:A more:NSEC more:AAAA"}, // RFC 6762 6.2
        {&host, CL_MDNS_AAAA, "answer:AAAA more:NSEC more:A"},
        {&host, CL_MDNS_SRV, "answer:NSEC"}, // RFC 6762 6.1
        {&instance, CL_MDNS_A, "answer:NSEC"},
        {&service, CL_MDNS_SRV, ""}, // shared names deny nothing
        {&nobody, CL_MDNS_A, ""},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        test_note("row %zu", i);
        query(rows[i].name, rows[i].type, false);
        int64_t asked_at = now.ms;
        bool is_answered = next_until(now.ms + 1500);
        CHECK_INT(is_answered, rows[i].want[0] != '\0');
        if (!is_answered)
            continue;
        CHECK_STR(told(), cl_str_z(rows[i].want));
        CHECK(rows[i].name == &types || now.ms == asked_at); // nobody else can answer: no delay
        CHECK(!next_until(now.ms + 1500));
    }
}

// RFC 6762 6: not more than once a second
TEST(the_group_hears_a_record_once_a_second)
{
    set_up();
    settle();
    query(&host, CL_MDNS_A, false);
    CHECK(next_until(now.ms + 100));
    int64_t first = now.ms;
    for (int i = 0; i < 50; i++)
        query(&host, CL_MDNS_A, false);
    CHECK(next_until(now.ms + 5000));
    CHECK_INT(now.ms - first, 1000);
    CHECK(!next_until(now.ms + 5000));
    // Additional records count as heard as well.
    query(&host, CL_MDNS_A, false);
    CHECK(next_until(now.ms + 100));
    query(&host, CL_MDNS_AAAA, false);
    int64_t asked_at = now.ms;
    CHECK(next_until(now.ms + 5000));
    CHECK_INT(now.ms - asked_at, 1000);
    // And are not added to another answer meanwhile.
    now.ms += 300;
    query(&instance, CL_MDNS_SRV, false);
    CHECK(next_until(now.ms + 100));
    CHECK_STR(told(), CL_STR("answer:SRV more:NSEC"));
}

// RFC 6762 7.1
TEST(what_the_asker_knows_is_not_told)
{
    set_up();
    settle();
    struct cl_mdns_record known = own_ptr(2250);
    begin();
    ask(&service, CL_MDNS_PTR, false);
    CHECK_OK(cl_mdns_put_record(&in, CL_MDNS_ANSWER, &known));
    deliver((struct cl_mdns_head){0}, v4(0, 9, 5353));
    CHECK(!next_until(now.ms + 2000));
    known.ttl = 2249; // less than half of its life is left
    begin();
    ask(&service, CL_MDNS_PTR, false);
    CHECK_OK(cl_mdns_put_record(&in, CL_MDNS_ANSWER, &known));
    deliver((struct cl_mdns_head){0}, v4(0, 9, 5353));
    CHECK(next_until(now.ms + 2000));
}

// RFC 6762 7.2
TEST(known_answers_may_go_on_in_further_messages_of_that_host)
{
    struct cl_mdns_record known = own_ptr(4500);
    set_up();
    settle();
    for (int other = 0; other < 2; other++) {
        begin();
        ask(&service, CL_MDNS_PTR, false);
        deliver((struct cl_mdns_head){.is_truncated = true}, v4(0, 9, 5353));
        int64_t asked_at = now.ms;
        CHECK(!next_until(now.ms + 300));
        begin();
        CHECK_OK(cl_mdns_put_record(&in, CL_MDNS_ANSWER, &known));
        deliver((struct cl_mdns_head){0}, v4(0, other == 0 ? 9 : 8, 5353));
        CHECK_INT(next_until(asked_at + 2000), other);
        CHECK(other == 0 || (now.ms - asked_at >= 400 && now.ms - asked_at <= 500));
    }
}

// RFC 6762 7.4
TEST(what_somebody_else_told_meanwhile_is_not_told_again)
{
    struct cl_mdns_record same = own_ptr(4500);
    set_up();
    settle();
    query(&service, CL_MDNS_PTR, false);
    respond(&same, v4(0, 8, 5353));
    CHECK(!next_until(now.ms + 2000));
}

// RFC 6762 6.6: somebody takes back, or shortens, what is still so
TEST(what_somebody_else_takes_back_is_told_again)
{
    struct cl_mdns_record same = own_ptr(0);
    set_up();
    settle();
    respond(&same, v4(0, 8, 5353));
    CHECK(next_until(now.ms + 2000));
    CHECK_STR(cl_str_part(told(), 0, 10), CL_STR("answer:PTR"));
    CHECK_INT(record_at(0).ttl, 4500);
}

// RFC 6762 5.4
TEST(a_unicast_answer_is_given_when_the_group_has_heard_it_lately)
{
    set_up();
    settle();
    now.ms += 2000 * 1000; // more than a quarter of 4500 s
    query(&service, CL_MDNS_PTR, true);
    CHECK(next_until(now.ms + 2000));
    CHECK(out.families[CL_MDNS_V4] && out.to.port == 0);
    now.ms += 2000;
    query(&service, CL_MDNS_PTR, true);
    CHECK(next_until(now.ms + 2000));
    CHECK(!out.families[CL_MDNS_V4] && !out.families[CL_MDNS_V6]);
    CHECK(out.to.port == 5353 && out.to.ip[15] == 9);
    CHECK(record_at(1).is_flush && opened().id == 0);
}

// RFC 6762 6.7
TEST(a_plain_resolver_gets_its_id_and_question_back_and_short_lives)
{
    set_up();
    settle();
    begin();
    ask(&service, CL_MDNS_PTR, false);
    deliver((struct cl_mdns_head){.id = 0xbeef}, v4(0, 9, 40000));
    CHECK(next_until(now.ms + 2000));
    CHECK(out.to.port == 40000 && !out.families[CL_MDNS_V4]);
    struct cl_mdns_reader reader = opened();
    struct cl_mdns_question question;
    CHECK(reader.id == 0xbeef && reader.is_response);
    CHECK(cl_mdns_next_question(&reader, &question));
    CHECK(cl_mdns_name_eq(&question.name, &service) && question.type == CL_MDNS_PTR);
    CHECK_STR(told(), CL_STR("answer:PTR more:SRV more:TXT more:NSEC more:NSEC more:A "
                             "more:AAAA"));
    for (size_t i = 0; i < 7; i++)
        CHECK(record_at(i).ttl == 10 && !record_at(i).is_flush);
    CHECK(!next_until(now.ms + 2000));
}

// RFC 6762 11
TEST(who_is_not_of_this_network_gets_no_answer)
{
    set_up();
    settle();
    const cl_address far[] = {v4(1, 9, 5353), {.ip = {0x20, 0x01, [15] = 1}, .port = 5353}};
    const cl_address near[] = {{.ip = {[10] = 0xff, 0xff, 169, 254, 1, 1}, .port = 5353},
                               {.ip = {0xfe, 0x80, [15] = 77}, .port = 5353}};
    for (size_t i = 0; i < 4; i++) {
        begin();
        ask(&host, CL_MDNS_A, false);
        deliver((struct cl_mdns_head){0}, i < 2 ? far[i] : near[i - 2]);
        CHECK_INT(received, i >= 2 ? CL_OK : CL_ERR_FORBIDDEN);
        CHECK_INT(next_until(now.ms + 2000), i >= 2);
        CHECK(i < 3 || out.families[CL_MDNS_V6]);
        now.ms += 1500;
    }
}

TEST(who_probes_does_not_answer_yet)
{
    set_up();
    CHECK(next_until(now.ms + 1000));
    query(&service, CL_MDNS_PTR, false);
    query(&host, CL_MDNS_A, false);
    CHECK_INT(cl_mdns_responder_deadline(&responder).ms - now.ms, 250);
}

TEST(a_flood_of_queries_takes_no_more_than_the_jobs_there_are)
{
    unsigned answers = 0;
    set_up();
    settle();
    for (unsigned i = 0; i < 5000; i++) {
        begin();
        ask(&service, CL_MDNS_PTR, false);
        deliver((struct cl_mdns_head){0}, v4(0, (uint8_t)(i % 200 + 6), (uint16_t)(10000 + i)));
    }
    while (next_until(now.ms + 200))
        answers++;
    CHECK_INT(answers, CL_MDNS_JOBS_MAX);
}

/* -- the end -------------------------------------------------------------------------------- */

// RFC 6762 10.1
TEST(goodbye_takes_back_all_but_the_type_of_service)
{
    set_up();
    CHECK(!cl_mdns_responder_goodbye(&responder, &out)); // nobody has heard of it
    set_up();
    settle();
    CHECK(cl_mdns_responder_goodbye(&responder, &out));
    CHECK(out.families[CL_MDNS_V4] && out.families[CL_MDNS_V6]);
    CHECK_STR(told(), CL_STR("answer:PTR answer:SRV answer:TXT answer:A answer:AAAA"));
    for (size_t i = 0; i < 5; i++)
        CHECK_INT(record_at(i).ttl, 0);
    struct cl_mdns_record first = record_at(0);
    CHECK(cl_mdns_name_eq(&first.name, &service));
    query(&service, CL_MDNS_PTR, false);
    CHECK(!next_until(now.ms + 2000));
}
