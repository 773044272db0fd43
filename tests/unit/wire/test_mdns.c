// SPDX-License-Identifier: MIT
/*
 * The codec of mDNS messages: bytes of tests/golden/mdns/ both ways, and what is refused.
 */
#include "wire/mdns.h"

#include <stdio.h>
#include <string.h>

#include "support/test.h"

#define FOLDER "tests/golden/mdns/"

static char space[CL_MDNS_DATAGRAM_BYTES_MAX];
static char golden[CL_MDNS_DATAGRAM_BYTES_MAX];

/* Two hex digits for each byte, "# a remark" on lines of their own. */
static cl_str
read_golden(const char *name)
{
    char path[128], line[256];
    size_t len = 0;
    (void)snprintf(path, sizeof path, FOLDER "%s.hex", name);
    FILE *file = fopen(path, "r");
    CHECK(file != NULL);
    while (fgets(line, sizeof line, file) != NULL)
        for (const char *at = line; *at != '#' && cl_str_hex_digit(*at) >= 0; at += 3)
            golden[len++] = (char)(cl_str_hex_digit(at[0]) << 4 | cl_str_hex_digit(at[1]));
    (void)fclose(file); // only read
    CHECK(len > 12);
    return cl_str_of(golden, len);
}

static struct cl_mdns_record
record_of(const cl_mdns_name *name, uint32_t ttl, bool is_flush)
{
    return (struct cl_mdns_record){.name = *name, .ttl = ttl, .is_flush = is_flush};
}

/* -- the names and records of the golden files --------------------------------------- */

static cl_mdns_name service, instance, host;
static struct cl_mdns_record ptr, types, srv, txt, a, aaaa, nsec;

static void
fill_records(void)
{
    static const uint8_t v4[4] = {10, 0, 0, 5}, v6[16] = {0xfe, 0x80, [15] = 5};
    static const uint16_t of_instance[] = {CL_MDNS_TXT, CL_MDNS_SRV, 0};
    service = cl_mdns_name_of(CL_STR("_clawlink._tcp.local"));
    host = cl_mdns_name_of(CL_STR("box-clawlink.local"));
    CHECK_OK(cl_mdns_name_join(CL_STR("ClawLink Relay (box)"), &service, &instance));
    cl_mdns_name all = cl_mdns_name_of(CL_STR("_services._dns-sd._udp.local"));
    ptr = record_of(&service, 4500, false);
    cl_mdns_set_ptr(&ptr, &instance);
    types = record_of(&all, 4500, false);
    cl_mdns_set_ptr(&types, &service);
    srv = record_of(&instance, 120, true);
    cl_mdns_set_srv(&srv, &host, 9077);
    txt = record_of(&instance, 4500, true);
    cl_mdns_set_txt(&txt);
    CHECK_OK(cl_mdns_add_txt(&txt, CL_STR("version"), CL_STR("0.1.0")));
    CHECK_OK(cl_mdns_add_txt(&txt, CL_STR("hostname"), CL_STR("box")));
    CHECK_OK(cl_mdns_add_txt(&txt, CL_STR("auth"), CL_STR("yes")));
    CHECK_OK(cl_mdns_add_txt(&txt, CL_STR("tls"), CL_STR("0")));
    a = record_of(&host, 120, true);
    cl_mdns_set_a(&a, v4);
    aaaa = record_of(&host, 120, true);
    cl_mdns_set_aaaa(&aaaa, v6);
    nsec = record_of(&instance, 120, true);
    cl_mdns_set_nsec(&nsec, of_instance);
}

static void
check_record(struct cl_mdns_reader *reader, enum cl_mdns_section section,
             const struct cl_mdns_record *want)
{
    struct cl_mdns_record got;
    enum cl_mdns_section got_section;
    CHECK(cl_mdns_next_record(reader, &got_section, &got));
    CHECK_INT(got_section, section);
    CHECK(cl_mdns_record_eq(&got, want));
    CHECK_STR(cl_str_of(got.data, got.len), cl_str_of(want->data, want->len));
    CHECK_INT(got.ttl, want->ttl);
    CHECK_INT(got.is_flush, want->is_flush);
}

static void
check_end(struct cl_mdns_reader *reader)
{
    struct cl_mdns_record none;
    enum cl_mdns_section section;
    CHECK(!cl_mdns_next_record(reader, &section, &none));
}

/* -- golden bytes, both ways --------------------------------------------------------- */

TEST(an_announcement_is_written_and_read_byte_for_byte)
{
    struct cl_mdns_writer writer;
    struct cl_mdns_reader reader;
    fill_records();
    const struct cl_mdns_record *const answers[] = {&ptr, &types, &srv, &txt, &a, &aaaa};
    cl_mdns_begin(&writer, space, sizeof space, CL_MDNS_COMPRESSED);
    for (size_t i = 0; i < 6; i++)
        CHECK_OK(cl_mdns_put_record(&writer, CL_MDNS_ANSWER, answers[i]));
    CHECK_OK(cl_mdns_put_record(&writer, CL_MDNS_ADDITIONAL, &nsec));
    cl_str message = cl_mdns_end(&writer, (struct cl_mdns_head){.is_response = true});
    CHECK_STR(message, read_golden("announcement"));

    CHECK_OK(cl_mdns_open(message, &reader));
    CHECK(reader.is_response && !reader.is_truncated && reader.id == 0);
    for (size_t i = 0; i < 6; i++)
        check_record(&reader, CL_MDNS_ANSWER, answers[i]);
    check_record(&reader, CL_MDNS_ADDITIONAL, &nsec);
    check_end(&reader);
}

TEST(a_probe_is_written_and_read_byte_for_byte)
{
    struct cl_mdns_writer writer;
    struct cl_mdns_reader reader;
    struct cl_mdns_question got;
    fill_records();
    srv.is_flush = a.is_flush = false;
    const struct cl_mdns_question ask[2] = {{instance, CL_MDNS_ANY, false},
                                            {host, CL_MDNS_ANY, false}};
    cl_mdns_begin(&writer, space, sizeof space, CL_MDNS_COMPRESSED);
    CHECK_OK(cl_mdns_put_question(&writer, &ask[0]));
    CHECK_OK(cl_mdns_put_question(&writer, &ask[1]));
    CHECK_OK(cl_mdns_put_record(&writer, CL_MDNS_AUTHORITY, &srv));
    CHECK_OK(cl_mdns_put_record(&writer, CL_MDNS_AUTHORITY, &a));
    cl_str message = cl_mdns_end(&writer, (struct cl_mdns_head){0});
    CHECK_STR(message, read_golden("probe"));

    CHECK_OK(cl_mdns_open(message, &reader));
    for (size_t i = 0; i < 2; i++) {
        CHECK(cl_mdns_next_question(&reader, &got));
        CHECK(cl_mdns_name_eq(&got.name, &ask[i].name) && got.type == CL_MDNS_ANY);
    }
    CHECK(!cl_mdns_next_question(&reader, &got));
    check_record(&reader, CL_MDNS_AUTHORITY, &srv);
    check_record(&reader, CL_MDNS_AUTHORITY, &a);
    check_end(&reader);
}

TEST(a_query_with_a_known_answer_is_read)
{
    struct cl_mdns_reader reader;
    struct cl_mdns_question question;
    cl_mdns_name otto;
    fill_records();
    CHECK_OK(cl_mdns_name_join(CL_STR("otto"), &service, &otto));
    ptr.ttl = 4000;
    cl_mdns_set_ptr(&ptr, &otto);
    CHECK_OK(cl_mdns_open(read_golden("query"), &reader));
    CHECK(!reader.is_response);
    CHECK(cl_mdns_next_question(&reader, &question));
    CHECK(cl_mdns_name_eq(&question.name, &service) && question.type == CL_MDNS_PTR);
    check_record(&reader, CL_MDNS_ANSWER, &ptr);
    check_end(&reader);
}

// RFC 6762 6.7
TEST(an_answer_to_a_plain_resolver_has_neither_compression_nor_flush_bits)
{
    struct cl_mdns_writer writer;
    fill_records();
    const struct cl_mdns_question ask = {service, CL_MDNS_PTR, false};
    ptr.ttl = srv.ttl = 10;
    cl_mdns_begin(&writer, space, sizeof space, CL_MDNS_WHOLE);
    CHECK_OK(cl_mdns_put_question(&writer, &ask));
    CHECK_OK(cl_mdns_put_record(&writer, CL_MDNS_ANSWER, &ptr));
    CHECK_OK(cl_mdns_put_record(&writer, CL_MDNS_ADDITIONAL, &srv));
    CHECK_STR(cl_mdns_end(&writer, (struct cl_mdns_head){.id = 0x1234, .is_response = true}),
              read_golden("legacy"));
}

TEST(cut_anywhere_a_message_is_refused)
{
    static const char *const names[] = {"query", "probe", "announcement", "goodbye", "legacy"};
    struct cl_mdns_reader reader;
    for (size_t i = 0; i < 5; i++) {
        cl_str whole = read_golden(names[i]);
        CHECK_OK(cl_mdns_open(whole, &reader));
        for (size_t len = 0; len < whole.len; len++)
            CHECK_INT(cl_mdns_open(cl_str_part(whole, 0, len), &reader), CL_ERR_MALFORMED);
        golden[whole.len] = 0;
        CHECK_INT(cl_mdns_open(cl_str_of(golden, whole.len + 1), &reader), CL_ERR_MALFORMED);
    }
}

/* -- what is refused ----------------------------------------------------------------- */

#define HEADER(flags, questions, answers)           \
    "\0\0" flags "\0" questions "\0" answers "\0\0" \
    "\0\0"
#define QUERY  "\0\0"
#define ANSWER "\x84\0"
#define A_IN   "\0\x01\0\x01"
#define TTL    "\0\0\0\x09"

static const struct {
    const char *what;
    cl_str message;
    bool is_good;
} rows[] = {
    {"no items", CL_STR_INIT(HEADER(QUERY, "\0", "\0")), true},
    {"RFC 1035 4.1.1: a question that is missing", CL_STR_INIT(HEADER(QUERY, "\1", "\0")), false},
    {"a question", CL_STR_INIT(HEADER(QUERY, "\1", "\0") "\1a\0" A_IN), true},
    {"the root", CL_STR_INIT(HEADER(QUERY, "\1", "\0") "\0" A_IN), true},
    {"RFC 6762 18.3: another opcode", CL_STR_INIT(HEADER("\x28\0", "\0", "\0")), false},
    {"RFC 6762 18.11: a response code", CL_STR_INIT(HEADER("\x84\x03", "\0", "\0")), false},
    {"RFC 6762 18.8: recursion desired says nothing",
     CL_STR_INIT(HEADER("\x01\0", "\1", "\0") "\1a\0" A_IN), true},
    {"RFC 1035 4.1.4: a pointer to itself", CL_STR_INIT(HEADER(QUERY, "\1", "\0") "\xc0\x0c" A_IN),
     false},
    {"a pointer forwards", CL_STR_INIT(HEADER(QUERY, "\1", "\0") "\xc0\x12" A_IN "\1a\0"), false},
    {"a loop behind a label", CL_STR_INIT(HEADER(QUERY, "\1", "\0") "\1a\xc0\x0c" A_IN), false},
    {"a pointer into its own name", CL_STR_INIT(HEADER(QUERY, "\1", "\0") "\1a\1b\xc0\x0e" A_IN),
     false},
    {"a pointer into the header", CL_STR_INIT(HEADER(QUERY, "\1", "\0") "\1a\xc0\x04" A_IN), false},
    {"half a pointer", CL_STR_INIT(HEADER(QUERY, "\1", "\0") "\1a\xc0"), false},
    {"a pointer backwards", CL_STR_INIT(HEADER(QUERY, "\2", "\0") "\1a\0" A_IN "\1b\xc0\x0c" A_IN),
     true},
    {"RFC 1035 4.1.4: a label of a reserved kind, 01",
     CL_STR_INIT(HEADER(QUERY, "\1", "\0") "\x41"
                                           "a\0" A_IN),
     false},
    {"of kind 10",
     CL_STR_INIT(HEADER(QUERY, "\1", "\0") "\x81"
                                           "a\0" A_IN),
     false},
    {"an address",
     CL_STR_INIT(HEADER(ANSWER, "\0", "\1") "\1a\0" A_IN TTL "\0\4"
                                            "abcd"),
     true},
    {"RFC 1035 3.4.1: an address of 3 bytes",
     CL_STR_INIT(HEADER(ANSWER, "\0", "\1") "\1a\0" A_IN TTL "\0\3"
                                            "abc"),
     false},
    {"data beyond the end",
     CL_STR_INIT(HEADER(ANSWER, "\0", "\1") "\1a\0" A_IN TTL "\0\5"
                                            "abcd"),
     false},
    {"RFC 3596 2.2: AAAA of 4 bytes",
     CL_STR_INIT(HEADER(ANSWER, "\0", "\1") "\1a\0\0\x1c\0\1" TTL "\0\4"
                                            "abcd"),
     false},
    {"PTR", CL_STR_INIT(HEADER(ANSWER, "\0", "\1") "\1a\0\0\x0c\0\1" TTL "\0\2\xc0\x0c"), true},
    {"PTR with a byte behind its name",
     CL_STR_INIT(HEADER(ANSWER, "\0", "\1") "\1a\0\0\x0c\0\1" TTL "\0\3\xc0\x0c\0"), false},
    {"PTR whose name ends behind its data",
     CL_STR_INIT(HEADER(ANSWER, "\0", "\1") "\1a\0\0\x0c\0\1" TTL "\0\2\1b\0"), false},
    {"RFC 2782: SRV without a host",
     CL_STR_INIT(HEADER(ANSWER, "\0", "\1") "\1a\0\0\x21\0\1" TTL "\0\6\0\0\0\0\0\1"), false},
    {"RFC 6763 6.1: TXT of no string",
     CL_STR_INIT(HEADER(ANSWER, "\0", "\1") "\1a\0\0\x10\0\1" TTL "\0\0"), false},
    {"TXT of an empty string",
     CL_STR_INIT(HEADER(ANSWER, "\0", "\1") "\1a\0\0\x10\0\1" TTL "\0\1\0"), true},
    {"TXT whose string is longer than its data",
     CL_STR_INIT(HEADER(ANSWER, "\0", "\1") "\1a\0\0\x10\0\1" TTL "\0\2\2a"), false},
    {"a type that is none of ours",
     CL_STR_INIT(HEADER(ANSWER, "\0", "\1") "\1a\0\0\x63\0\1" TTL "\0\3abc"), true},
};

TEST(what_is_not_exactly_a_message_is_refused)
{
    struct cl_mdns_reader reader;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        test_note("%s", rows[i].what);
        CHECK_INT(cl_mdns_open(rows[i].message, &reader),
                  rows[i].is_good ? CL_OK : CL_ERR_MALFORMED);
    }
}

// RFC 1035 2.3.4
TEST(names_have_255_bytes_and_labels_63)
{
    static char label[64];
    struct cl_mdns_writer writer;
    struct cl_mdns_reader reader;
    cl_mdns_name name = cl_mdns_name_of(CL_STR("")), longer;
    memset(label, 'a', sizeof label);
    CHECK_INT(name.len, 1);
    CHECK_INT(cl_mdns_name_join(CL_STR(""), &name, &longer), CL_ERR_TOO_LARGE);
    CHECK_INT(cl_mdns_name_join(cl_str_of(label, 64), &name, &longer), CL_ERR_TOO_LARGE);
    for (int i = 0; i < 3; i++)
        CHECK_OK(cl_mdns_name_join(cl_str_of(label, 63), &name, &name));
    CHECK_INT(cl_mdns_name_join(cl_str_of(label, 62), &name, &longer), CL_ERR_TOO_LARGE);
    CHECK_OK(cl_mdns_name_join(cl_str_of(label, 61), &name, &name));
    CHECK_INT(name.len, CL_MDNS_NAME_BYTES_MAX);

    const struct cl_mdns_question question = {name, CL_MDNS_PTR, true};
    cl_mdns_begin(&writer, space, sizeof space, CL_MDNS_COMPRESSED);
    CHECK_OK(cl_mdns_put_question(&writer, &question));
    cl_str message = cl_mdns_end(&writer, (struct cl_mdns_head){0});
    CHECK_OK(cl_mdns_open(message, &reader));
    // One byte more, in the first label.
    memmove(space + 14, space + 13, message.len - 13);
    space[12] = 62;
    CHECK_INT(cl_mdns_open(cl_str_of(space, message.len + 1), &reader), CL_ERR_MALFORMED);
}

static void
begin_with(struct cl_mdns_writer *writer, enum cl_mdns_section section, int records)
{
    fill_records();
    cl_mdns_begin(writer, space, sizeof space, CL_MDNS_COMPRESSED);
    for (int i = 0; i < records; i++)
        CHECK_OK(cl_mdns_put_record(writer, section, &a));
}

TEST(more_items_than_the_limit_are_refused)
{
    struct cl_mdns_writer writer;
    struct cl_mdns_reader reader;
    begin_with(&writer, CL_MDNS_ANSWER, CL_MDNS_ITEMS_MAX);
    CHECK_INT(cl_mdns_put_record(&writer, CL_MDNS_ANSWER, &a), CL_ERR_TOO_LARGE);
    cl_str message = cl_mdns_end(&writer, (struct cl_mdns_head){.is_response = true});
    CHECK_OK(cl_mdns_open(message, &reader));
    // A further one, by hand.
    memcpy(space + message.len, message.ptr + message.len - 16, 16);
    space[6] = 1;
    space[7] = 1;
    CHECK_INT(cl_mdns_open(cl_str_of(space, message.len + 16), &reader), CL_ERR_TOO_LARGE);
}

// RFC 6762 8.2: what one sender claims
TEST(a_query_that_claims_more_than_the_limit_is_refused)
{
    struct cl_mdns_writer writer;
    struct cl_mdns_reader reader;
    begin_with(&writer, CL_MDNS_AUTHORITY, CL_MDNS_CLAIMS_MAX);
    CHECK_OK(cl_mdns_open(cl_mdns_end(&writer, (struct cl_mdns_head){0}), &reader));
    CHECK_OK(cl_mdns_put_record(&writer, CL_MDNS_AUTHORITY, &a));
    CHECK_INT(cl_mdns_open(cl_mdns_end(&writer, (struct cl_mdns_head){0}), &reader),
              CL_ERR_TOO_LARGE);
    CHECK_OK(cl_mdns_open(cl_mdns_end(&writer, (struct cl_mdns_head){.is_response = true}),
                          &reader)); // those of a response are not looked at
}

// RFC 1035 4.1.4: a name may be a pointer to a pointer; thousands of them are an attack
TEST(a_name_with_more_pointers_than_the_limit_is_refused)
{
    static const char head[] = HEADER(ANSWER, "\0", "\2") "\0\0\x63\0\1" TTL "\0";
    for (int count = CL_MDNS_POINTERS_MAX; count <= CL_MDNS_POINTERS_MAX + 1; count++) {
        struct cl_mdns_reader reader;
        size_t len = sizeof head - 1;
        memcpy(space, head, len);
        // Data of a type that nobody reads: a label, and pointers each to the one before.
        space[len++] = (char)(3 + 2 * (count - 1));
        size_t before = len;
        memcpy(space + len, "\1a\0", 3);
        len += 3;
        for (int i = 0; i < count; i++) { // the last of them is the name of the second record
            space[len] = (char)0xc0;
            space[len + 1] = (char)before;
            before = len;
            len += 2;
        }
        memcpy(space + len, A_IN TTL "\0\4\12\0\0\5", 14);
        CHECK_INT(cl_mdns_open(cl_str_of(space, len + 14), &reader),
                  count == CL_MDNS_POINTERS_MAX ? CL_OK : CL_ERR_MALFORMED);
    }
}

/* -- what is passed over ------------------------------------------------------------- */

TEST(types_classes_and_forms_that_are_none_of_ours_are_passed_over)
{
    static const cl_str message =
        CL_STR_INIT("\0\0\x84\0\0\2\0\4\0\0\0\0"
                    "\1q\0\0\x0c\0\3"                       // a question in class CH
                    "\1q\0\0\x0c\x80\xff"                   // and in any class, QU
                    "\1a\0\0\x63\0\1" TTL "\0\3abc"         // type 99
                    "\1a\0\0\1\0\3" TTL "\0\4abcd"          // class CH
                    "\1a\0\0\x2f\0\1" TTL "\0\6\1a\0\1\1\1" // RFC 6762 6.1: NSEC, block 1
                    "\1a\0\0\1\x80\1\x80\0\0\1\0\4"
                    "abcd"); // RFC 2181 8: a TTL below 0
    struct cl_mdns_reader reader, second;
    struct cl_mdns_question question;
    struct cl_mdns_record record;
    enum cl_mdns_section section;
    CHECK_OK(cl_mdns_open(message, &reader));
    second = reader;
    CHECK(cl_mdns_next_question(&reader, &question));
    CHECK(question.wants_unicast);
    CHECK(!cl_mdns_next_question(&reader, &question));
    CHECK(cl_mdns_next_record(&reader, &section, &record));
    CHECK(record.type == CL_MDNS_A && record.ttl == 0 && record.is_flush);
    check_end(&reader);
    CHECK(cl_mdns_next_record(&second, &section, &record)); // questions were not read
    CHECK_INT(record.type, CL_MDNS_A);
}

TEST(a_txt_record_beyond_the_limit_reads_as_an_empty_one)
{
    static char message[12 + 3 + 10 + 5 * 256] = "\0\0\x84\0\0\0\0\1\0\0\0\0"
                                                 "\1a\0\0\x10\0\1" TTL "\5";
    struct cl_mdns_reader reader;
    struct cl_mdns_record record;
    enum cl_mdns_section section;
    for (size_t i = 0; i < 5; i++)
        message[25 + i * 256] = (char)255;
    CHECK_OK(cl_mdns_open(cl_str_of(message, sizeof message), &reader));
    CHECK(cl_mdns_next_record(&reader, &section, &record));
    CHECK_STR(cl_str_of(record.data, record.len), CL_STR("\0"));
}

/* -- parts --------------------------------------------------------------------------- */

// RFC 6762 16: ASCII letters alone compare without case
TEST(names_compare_as_dns_names)
{
    cl_mdns_name one = cl_mdns_name_of(CL_STR("Box.LOCAL"));
    cl_mdns_name two = cl_mdns_name_of(CL_STR("bOX.local"));
    cl_mdns_name umlaut[2] = {cl_mdns_name_of(CL_STR("\xc3\x84")),
                              cl_mdns_name_of(CL_STR("\xc3\xa4"))};
    CHECK(cl_mdns_name_eq(&one, &two));
    CHECK(!cl_mdns_name_eq(&umlaut[0], &umlaut[1]));
    CHECK_STR(cl_mdns_name_first(&one), CL_STR("Box"));
    two = cl_mdns_name_rest(&one);
    CHECK_STR(cl_mdns_name_first(&two), CL_STR("LOCAL"));
    two = cl_mdns_name_rest(&two);
    CHECK_INT(two.len, 1);
    two = cl_mdns_name_rest(&two);
    CHECK_INT(two.len, 1);
}

TEST(a_name_that_repeats_its_own_beginning_is_written_whole)
{
    struct cl_mdns_writer writer;
    struct cl_mdns_reader reader;
    struct cl_mdns_question got;
    const struct cl_mdns_question ask = {cl_mdns_name_of(CL_STR("a.a.a.local")), CL_MDNS_A, false};
    cl_mdns_begin(&writer, space, sizeof space, CL_MDNS_COMPRESSED);
    CHECK_OK(cl_mdns_put_question(&writer, &ask));
    CHECK_OK(cl_mdns_open(cl_mdns_end(&writer, (struct cl_mdns_head){0}), &reader));
    CHECK(cl_mdns_next_question(&reader, &got) && cl_mdns_name_eq(&got.name, &ask.name));
}

TEST(an_item_that_does_not_fit_changes_nothing)
{
    struct cl_mdns_writer writer;
    fill_records();
    for (size_t cap = 12; cap < 12 + 60; cap++) {
        cl_mdns_begin(&writer, space, cap, CL_MDNS_COMPRESSED);
        enum cl_err first = cl_mdns_put_record(&writer, CL_MDNS_ANSWER, &ptr);
        size_t len = writer.len, names = writer.names_len;
        CHECK_INT(first, cap < 12 + 55 ? CL_ERR_TOO_LARGE : CL_OK);
        CHECK_INT(cl_mdns_put_record(&writer, CL_MDNS_ANSWER, &txt), CL_ERR_TOO_LARGE);
        CHECK(writer.len == len && writer.names_len == names);
    }
}

// RFC 6763 6.4 and 6.5
TEST(txt_keys_are_found_in_any_case_and_the_first_one_counts)
{
    static const cl_str text = CL_STR_INIT("\4flag\2a=\2=b\3x=1\3X=2\6pin=a=");
    cl_str value = CL_STR("untouched");
    CHECK(cl_mdns_txt_find(text, CL_STR("X"), &value));
    CHECK_STR(value, CL_STR("1"));
    CHECK(cl_mdns_txt_find(text, CL_STR("pin"), &value));
    CHECK_STR(value, CL_STR("a="));
    CHECK(cl_mdns_txt_find(text, CL_STR("flag"), &value) && value.len == 0);
    CHECK(cl_mdns_txt_find(text, CL_STR("A"), &value) && value.len == 0);
    value = CL_STR("untouched");
    CHECK(!cl_mdns_txt_find(text, CL_STR("b"), &value));
    CHECK(!cl_mdns_txt_find(CL_STR(""), CL_STR("b"), &value));
    CHECK_STR(value, CL_STR("untouched"));
}

TEST(a_txt_record_takes_what_fits)
{
    static char value[256];
    struct cl_mdns_record record = {0};
    memset(value, 'v', sizeof value);
    cl_mdns_set_txt(&record);
    CHECK_STR(cl_str_of(record.data, record.len), CL_STR("\0"));
    CHECK_INT(cl_mdns_add_txt(&record, CL_STR("k"), cl_str_of(value, 254)), CL_ERR_TOO_LARGE);
    CHECK_INT(record.len, 1);
    for (int i = 0; i < 4; i++)
        CHECK_OK(cl_mdns_add_txt(&record, CL_STR("k"), cl_str_of(value, 253)));
    CHECK_INT(record.len, CL_MDNS_TXT_BYTES_MAX);
    CHECK_INT(cl_mdns_add_txt(&record, CL_STR(""), CL_STR("")), CL_ERR_TOO_LARGE);
}

// RFC 6762 8.2: the example of 8.2.1, and types before data
TEST(records_compare_as_probes_do)
{
    static const uint8_t low[4] = {169, 254, 99, 200}, high[4] = {169, 254, 200, 50};
    struct cl_mdns_record one = {0}, two = {0};
    cl_mdns_set_a(&one, low);
    cl_mdns_set_a(&two, high);
    CHECK(cl_mdns_record_compare(&one, &two) < 0 && cl_mdns_record_compare(&two, &one) > 0);
    CHECK(!cl_mdns_record_eq(&one, &two));
    cl_mdns_set_txt(&one);
    CHECK(cl_mdns_record_compare(&one, &two) > 0);
    one = two;
    CHECK_INT(cl_mdns_record_compare(&one, &two), 0);
    CHECK(cl_mdns_record_eq(&one, &two));
}
