// SPDX-License-Identifier: MIT
/*
 * The browser in virtual time, on 10.0.0.5/24, hearing others of that network.
 */
#include "net/mdns_browser.h"

#include <string.h>

#include "support/test.h"

static struct cl_mdns_browser browser;
static cl_instant now;
static struct cl_mdns_datagram out;
static cl_mdns_name service, host;
static struct cl_mdns_writer in;
static uint8_t in_bytes[CL_MDNS_DATAGRAM_BYTES_MAX];

static cl_address
v4(uint8_t c, uint8_t d, uint16_t port)
{
    return (cl_address){.ip = {[10] = 0xff, 0xff, 10, 0, c, d}, .port = port};
}

static cl_mdns_name
instance_of(const char *label)
{
    cl_mdns_name name;
    CHECK_OK(cl_mdns_name_join(cl_str_z(label), &service, &name));
    return name;
}

static void
set_up(void)
{
    struct cl_mdns_link link = {.index = 3, .name = "eth0", .addresses_len = 1};
    link.addresses[0] = (struct cl_mdns_address){v4(0, 5, 0), 96 + 24, true};
    now = (cl_instant){1000};
    service = cl_mdns_name_of(CL_STR("_clawlink._tcp.local"));
    host = cl_mdns_name_of(CL_STR("box.local"));
    cl_mdns_browser_init(&browser, &link, 3, now);
}

static bool
next_until(int64_t ms)
{
    for (;;) {
        if (cl_mdns_browser_send(&browser, now, &out))
            return true;
        cl_instant at = cl_mdns_browser_deadline(&browser);
        CHECK(at.ms > now.ms);
        if (at.ms >= ms) {
            now.ms = ms;
            return false;
        }
        now = at;
    }
}

/* -- what it hears -------------------------------------------------------------------------- */

static void
begin(void)
{
    cl_mdns_begin(&in, in_bytes, sizeof in_bytes, CL_MDNS_COMPRESSED);
}

static void
put(enum cl_mdns_section section, const struct cl_mdns_record *record)
{
    CHECK_OK(cl_mdns_put_record(&in, section, record));
}

static void
put_ptr(const char *label, uint32_t ttl)
{
    struct cl_mdns_record record = {.name = service, .ttl = ttl};
    cl_mdns_name instance = instance_of(label);
    cl_mdns_set_ptr(&record, &instance);
    put(CL_MDNS_ANSWER, &record);
}

static void
put_srv(const char *label, uint16_t port)
{
    struct cl_mdns_record record = {.name = instance_of(label), .ttl = 120, .is_flush = true};
    cl_mdns_set_srv(&record, &host, port);
    put(CL_MDNS_ADDITIONAL, &record);
}

static void
put_txt(const char *label, const char *pin)
{
    struct cl_mdns_record record = {.name = instance_of(label), .ttl = 4500, .is_flush = true};
    cl_mdns_set_txt(&record);
    CHECK_OK(cl_mdns_add_txt(&record, CL_STR("pin"), cl_str_z(pin)));
    put(CL_MDNS_ADDITIONAL, &record);
}

static void
put_a(uint8_t d, uint32_t ttl)
{
    struct cl_mdns_record record = {.name = host, .ttl = ttl, .is_flush = true};
    cl_mdns_set_a(&record, (const uint8_t[4]){10, 0, 0, d});
    put(CL_MDNS_ADDITIONAL, &record);
}

static void
deliver(cl_address from)
{
    struct cl_mdns_packet packet = {.from = from, .family = CL_MDNS_V4};
    packet.bytes = cl_mdns_end(&in, (struct cl_mdns_head){.is_response = true});
    cl_mdns_browser_receive(&browser, &packet, now);
}

/* A relay that tells all at once. */
static void
relay(const char *label, uint8_t d, uint16_t port)
{
    begin();
    put_ptr(label, 4500);
    put_a(d, 120); // in front of the record that leads to it
    put_txt(label, "x");
    put_srv(label, port);
    deliver(v4(0, d, 5353));
}

static const struct cl_mdns_found *
found_at(size_t index)
{
    cl_mdns_browser_expire(&browser, now);
    for (size_t i = 0; i < CL_MDNS_FOUND_MAX; i++)
        if (browser.found[i].is_used && index-- == 0)
            return &browser.found[i];
    return NULL;
}

/* -- asking --------------------------------------------------------------------------------- */

// RFC 6762 5.2
TEST(queries_come_after_a_moment_and_then_ever_less_often)
{
    static const int64_t gaps[] = {1000, 2000, 4000, 8000};
    set_up();
    CHECK(next_until(now.ms + 1000));
    CHECK(now.ms >= 1020 && now.ms <= 1120);
    CHECK(out.families[CL_MDNS_V4] && out.families[CL_MDNS_V6] && out.to.port == 0);
    for (size_t i = 0; i < 4; i++) {
        int64_t before = now.ms;
        CHECK(next_until(now.ms + 10000));
        CHECK_INT(now.ms - before, gaps[i]);
    }
    struct cl_mdns_reader reader;
    struct cl_mdns_question question;
    CHECK_OK(cl_mdns_open(cl_str_of(out.bytes, out.len), &reader));
    CHECK(!reader.is_response && cl_mdns_next_question(&reader, &question));
    CHECK(cl_mdns_name_eq(&question.name, &service) && question.type == CL_MDNS_PTR);
    CHECK(!question.wants_unicast && !cl_mdns_next_question(&reader, &question));
    browser.gap_ms = 3600 * 1000;
    CHECK(next_until(INT64_MAX));
    int64_t before = now.ms;
    CHECK(next_until(INT64_MAX));
    CHECK_INT(now.ms - before, 3600 * 1000);
}

// RFC 6762 7.1
TEST(what_is_known_goes_with_the_query)
{
    struct cl_mdns_reader reader;
    struct cl_mdns_record record;
    enum cl_mdns_section section;
    set_up();
    CHECK(next_until(now.ms + 1000));
    relay("otto", 9, 9077);
    CHECK(next_until(now.ms + 5000));
    CHECK_OK(cl_mdns_open(cl_str_of(out.bytes, out.len), &reader));
    CHECK(cl_mdns_next_record(&reader, &section, &record));
    CHECK(section == CL_MDNS_ANSWER && record.type == CL_MDNS_PTR && record.ttl == 4499);
    browser.found[0].srv_until = CL_INSTANT_NEVER; // it is still a relay then
    now.ms += 2250 * 1000;                         // half of its life
    browser.next = now;
    CHECK(next_until(now.ms + 1));
    CHECK_OK(cl_mdns_open(cl_str_of(out.bytes, out.len), &reader));
    CHECK(!cl_mdns_next_record(&reader, &section, &record));
    CHECK(browser.found[0].is_used);
}

TEST(what_is_missing_is_asked_for_soon_but_not_without_end)
{
    set_up();
    CHECK(next_until(now.ms + 1000));
    begin();
    put_ptr("otto", 4500);
    deliver(v4(0, 9, 5353));
    int64_t told_at = now.ms;
    CHECK(next_until(now.ms + 300));
    CHECK(now.ms - told_at <= 250 + 120);
    struct cl_mdns_reader reader;
    struct cl_mdns_question question;
    CHECK_OK(cl_mdns_open(cl_str_of(out.bytes, out.len), &reader));
    CHECK(cl_mdns_next_question(&reader, &question) && question.type == CL_MDNS_SRV);
    CHECK(cl_mdns_next_question(&reader, &question) && question.type == CL_MDNS_TXT);
    CHECK(!cl_mdns_next_question(&reader, &question));
    begin();
    put_srv("otto", 9077);
    put_txt("otto", "x");
    deliver(v4(0, 9, 5353));
    CHECK(next_until(now.ms + 300));
    CHECK_OK(cl_mdns_open(cl_str_of(out.bytes, out.len), &reader));
    CHECK(cl_mdns_next_question(&reader, &question) && question.type == CL_MDNS_A);
    CHECK(cl_mdns_next_question(&reader, &question) && question.type == CL_MDNS_AAAA);
    CHECK(!cl_mdns_found_is_complete(found_at(0)));
    begin();
    put_a(9, 120);
    deliver(v4(0, 9, 5353));
    CHECK(cl_mdns_found_is_complete(found_at(0)));

    unsigned queries = 0;
    int64_t end = now.ms + 10000;
    for (; now.ms < end; queries++) { // somebody announces more and more
        begin();
        put_ptr("nobody", 4500);
        deliver(v4(0, 8, 5353));
        (void)next_until(end);
    }
    CHECK(queries <= 10000 / 250 + 8);
}

/* -- finding -------------------------------------------------------------------------------- */

TEST(a_relay_is_found_whatever_the_order_of_its_records)
{
    cl_str pin;
    set_up();
    relay("otto", 9, 9077);
    const struct cl_mdns_found *found = found_at(0);
    CHECK(found != NULL && cl_mdns_found_is_complete(found) && found_at(1) == NULL);
    CHECK_STR(cl_mdns_name_first(&found->instance), CL_STR("otto"));
    CHECK(cl_mdns_name_eq(&found->host, &host) && found->port == 9077);
    CHECK(found->addresses_len == 1 && found->addresses[0].address.ip[15] == 9);
    CHECK(cl_mdns_txt_find(cl_str_of(found->txt, found->txt_len), CL_STR("pin"), &pin));
    CHECK_STR(pin, CL_STR("x"));
    relay("otto", 9, 9077); // said again
    CHECK(found_at(1) == NULL && !found_at(0)->is_contradictory);
}

TEST(what_two_addresses_say_of_one_name_is_kept_apart)
{
    set_up();
    relay("otto", 9, 9077);
    relay("otto", 66, 9077);
    const struct cl_mdns_found *first = found_at(0), *second = found_at(1);
    CHECK(first != NULL && second != NULL && found_at(2) == NULL);
    CHECK(first->addresses_len == 1 && first->addresses[0].address.ip[15] == 9);
    CHECK(second->addresses_len == 1 && second->addresses[0].address.ip[15] == 66);
    // Nor can the one take back what the other said.
    begin();
    put_ptr("otto", 0);
    put_a(9, 0);
    deliver(v4(0, 66, 5353));
    now.ms += 1001;
    CHECK(found_at(0) == first && first->addresses_len == 1 && found_at(1) == NULL);
}

TEST(another_port_from_the_same_address_does_not_replace_the_first)
{
    set_up();
    relay("otto", 9, 9077);
    relay("otto", 9, 6666);
    CHECK(found_at(0)->port == 9077 && found_at(1)->port == 6666);
    begin();
    put_txt("otto", "y");
    deliver(v4(0, 9, 5353));
    CHECK(found_at(0)->is_contradictory && found_at(1)->is_contradictory);
}

// RFC 6762 10.1
TEST(a_goodbye_ends_it_after_a_second_unless_it_is_taken_back)
{
    set_up();
    relay("otto", 9, 9077);
    begin();
    put_ptr("otto", 0);
    deliver(v4(0, 9, 5353));
    now.ms += 999;
    CHECK(found_at(0) != NULL);
    relay("otto", 9, 9077);
    now.ms += 5000;
    CHECK(found_at(0) != NULL);
    begin();
    put_ptr("otto", 0);
    put_ptr("never-seen", 0);
    deliver(v4(0, 9, 5353));
    now.ms += 1000;
    CHECK(found_at(0) == NULL);
}

// RFC 6762 10 and 10.2
TEST(addresses_end_with_their_life_or_when_newer_ones_replace_them)
{
    set_up();
    relay("otto", 9, 9077);
    now.ms += 500;
    begin();
    put_a(10, 120);
    deliver(v4(0, 9, 5353)); // within a second it adds
    CHECK_INT(found_at(0)->addresses_len, 2);
    now.ms += 1501;
    begin();
    put_a(11, 120);
    deliver(v4(0, 9, 5353));
    now.ms += 1000;
    CHECK_INT(found_at(0)->addresses_len, 1);
    CHECK_INT(found_at(0)->addresses[0].address.ip[15], 11);
    now.ms += 119000;
    CHECK(found_at(0) == NULL); // and with the SRV record the relay
}

TEST(strangers_and_broken_messages_are_not_heard)
{
    set_up();
    begin();
    put_ptr("otto", 4500);
    deliver(v4(0, 9, 5354)); // RFC 6762 6: another port
    deliver(v4(7, 9, 5353)); // RFC 6762 11: another network
    struct cl_mdns_packet packet = {.from = v4(0, 9, 5353), .family = CL_MDNS_V4};
    packet.bytes = cl_mdns_end(&in, (struct cl_mdns_head){.is_response = false});
    cl_mdns_browser_receive(&browser, &packet, now); // a query
    packet.bytes.len--;
    cl_mdns_browser_receive(&browser, &packet, now);
    CHECK(found_at(0) == NULL);
    begin();
    struct cl_mdns_record record = {.name = service, .ttl = 4500};
    cl_mdns_name elsewhere = cl_mdns_name_of(CL_STR("otto._http._tcp.local"));
    cl_mdns_set_ptr(&record, &elsewhere); // leads to another service
    put(CL_MDNS_ANSWER, &record);
    cl_mdns_set_ptr(&record, &service); // to no instance
    put(CL_MDNS_ANSWER, &record);
    deliver(v4(0, 9, 5353));
    CHECK(found_at(0) == NULL);
}

TEST(a_flood_of_relays_stays_within_its_limits_and_is_noticed)
{
    char label[2] = "a";
    size_t count = 0;
    set_up();
    for (uint8_t d = 6; d < 20; d++) {
        for (label[0] = 'a'; label[0] <= 'z'; label[0]++)
            relay(label, d, 9077);
        if (d == 6)
            CHECK(found_at(CL_MDNS_FOUND_PER_SOURCE_MAX) == NULL);
    }
    while (found_at(count) != NULL)
        count++;
    CHECK_INT(count, CL_MDNS_FOUND_MAX);
    CHECK(browser.is_overflow);
    CHECK(next_until(now.ms + 1000)); // what does not fit into the query is left out
}
