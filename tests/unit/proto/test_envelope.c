// SPDX-License-Identifier: MIT
/* tests/golden/v2/envelope.* and bad_envelopes.txt: what is read, and what is refused. */
#include "proto/envelope.h"

#include <string.h>

#include "support/fault.h"
#include "support/test.h"
#include "v2_golden.h"
#include "wire/base64url.h"

static const char *const names[] = {
    "envelope.task", "envelope.answer", "envelope.least", "envelope.full",
    "envelope.root", "envelope.echo",   "envelope.topic", "envelope.bytes",
    "envelope.json", "envelope.array",  "envelope.blob",  "envelope.signed",
};
#define NAMES_LEN (sizeof names / sizeof names[0])

static enum cl_err
decode(struct golden_reader *golden, cl_str text, struct cl_envelope_header *ret_header)
{
    struct cl_envelope envelope;
    struct cl_why why;
    return cl_envelope_decode(&golden->reader, text, &envelope, ret_header, &why);
}

TEST(each_golden_envelope_is_what_it_is_made_of)
{
    for (size_t i = 0; i < NAMES_LEN; i++) {
        struct golden_reader golden;
        struct cl_envelope envelope;
        struct cl_envelope_header header;
        struct cl_json_writer json;
        struct cl_buf buf;
        struct cl_why why;
        cl_str body;
        test_note("%s", names[i]);
        golden_reader_init(&golden);
        cl_buf_init(&buf, CL_MIB);
        cl_str text = golden_read(names[i], ".json");
        CHECK_OK(cl_envelope_decode(&golden.reader, text, &envelope, &header, &why));
        CHECK_OK(cl_envelope_body(&envelope, &golden.arena, &body));
        CHECK_STR(body, golden_read(names[i], ".body"));
        cl_json_writer_init(&json, &buf);
        cl_shape_put(&json, &cl_envelope_header_shape, &header);
        CHECK_OK(cl_json_writer_end(&json));
        CHECK_STR(cl_buf_str(&buf), golden_read(names[i], ".header.json"));
        golden_reader_done(&golden);
        cl_buf_done(&buf);
    }
}

TEST(header_and_body_make_the_golden_envelope)
{
    for (size_t i = 0; i < NAMES_LEN; i++) {
        struct golden_reader golden;
        struct cl_envelope_header header;
        struct cl_envelope envelope;
        struct cl_buf buf, again;
        struct cl_why why;
        test_note("%s", names[i]);
        golden_reader_init(&golden);
        cl_buf_init(&buf, CL_MIB);
        cl_buf_init(&again, CL_MIB);
        cl_str text = golden_read(names[i], ".json");
        CHECK_OK(cl_envelope_decode(&golden.reader, text, &envelope, &header, &why));
        CHECK_OK(cl_envelope_encode(&golden.reader, &header, golden_read(names[i], ".body"), &buf,
                                    &why));
        if (header.alg != CL_ENVELOPE_UNSIGNED)
            CHECK_OK(cl_envelope_add_signature(&buf, envelope.signature));
        CHECK_STR(cl_buf_str(&buf), golden_read(names[i], ".json"));
        envelope = cl_envelope_split(cl_buf_str(&buf));
        CHECK_OK(cl_envelope_put(&envelope, &again));
        CHECK_STR(cl_buf_str(&again), cl_buf_str(&buf));
        golden_reader_done(&golden);
        cl_buf_done(&buf);
        cl_buf_done(&again);
    }
}

TEST(the_members_of_a_header_are_read)
{
    static const uint8_t other[] = {32, 33, 34, 35, 36, 37, 38, 39, 40, 41, 42, 43, 44, 45, 46, 47};
    struct golden_reader golden;
    struct cl_envelope_header header;
    golden_reader_init(&golden);
    CHECK_OK(decode(&golden, golden_read("envelope.full", ".json"), &header));
    CHECK_INT(header.typ, CL_ENVELOPE_MSG);
    CHECK_STR(header.from, CL_STR("laptop/mira"));
    CHECK_STR(header.to, CL_STR("mini/otto"));
    CHECK_INT(header.id.bytes[15], 15);
    CHECK_INT(header.iat, 1775304000);
    CHECK_INT(header.exp, 1775304000 + 604800);
    CHECK(memcmp(header.re.bytes, other, sizeof other) == 0);
    CHECK_STR(header.cty, CL_STR("text/markdown; charset=utf-8"));
    CHECK(header.str.is_set && header.str.value == UINT64_C(0xa0a1a2a3a4a5a6a7));
    CHECK(header.seq == CL_V2_NUMBER_MAX);
    CHECK_STR(header.thr, CL_STR("p\xc3\xa4rser"));
    CHECK_INT(header.pri, CL_PRIORITY_URGENT);
    CHECK_INT(header.dl, 1775304000 + 3600);
    CHECK(memcmp(header.root.bytes, other, sizeof other) == 0);
    CHECK(header.hops.is_set && header.hops.value == 8);
    CHECK_STR(header.reply_to, CL_STR("cap:review"));

    CHECK_OK(decode(&golden, golden_read("envelope.least", ".json"), &header));
    CHECK_INT(header.pri, CL_PRIORITY_NORMAL);
    CHECK(cl_id_is_none(header.re) && cl_id_is_none(header.root));
    CHECK(!header.str.is_set && header.seq == 0 && !header.hops.is_set && header.dl == 0);
    CHECK(header.cty.len + header.thr.len + header.reply_to.len == 0);
    golden_reader_done(&golden);
}

TEST(the_members_of_a_signed_envelope_are_read)
{
    struct golden_reader golden;
    struct cl_envelope envelope;
    struct cl_envelope_header header;
    struct cl_why why;
    golden_reader_init(&golden);
    cl_str text = golden_read("envelope.signed", ".json");
    CHECK_OK(cl_envelope_decode(&golden.reader, text, &envelope, &header, &why));
    CHECK_INT(header.alg, CL_ENVELOPE_HS256);
    CHECK_STR(header.kid, CL_STR("group"));
    CHECK_STR(envelope.payload, CL_STR("UmV2aWV3IHRoZSBwYXJzZXI"));
    CHECK_STR(envelope.signature, CL_STR("HxYHPNvsfmxk1M9TXOUu9l54AiVsgeRBdzGN1FeWypE"));
    CHECK_OK(cl_envelope_decode(&golden.reader, golden_read("envelope.task", ".json"), &envelope,
                                &header, &why));
    CHECK_INT(header.alg, CL_ENVELOPE_UNSIGNED);
    CHECK_INT(header.kid.len + envelope.signature.len, 0);
    golden_reader_done(&golden);
}

/* Split as if it were an envelope without one, its payload would be another. */
TEST(a_body_that_ends_like_a_signature_is_none)
{
    static const char payload[] =
        "c2lnbmF0dXJlc2lnbmF0dXJlc2lnbmF0dXJlc2lnbmF0dXJlc2lnbmF0dXJlc2ln";
    struct cl_envelope envelope = {.protected = CL_STR("eyJ9"), .payload = cl_str_z(payload)};
    struct cl_buf buf;
    cl_buf_init(&buf, CL_KIB);
    CHECK_OK(cl_envelope_put(&envelope, &buf));
    envelope = cl_envelope_split(cl_buf_str(&buf));
    CHECK_STR(envelope.payload, cl_str_z(payload));
    CHECK_INT(envelope.signature.len, 0);
    cl_buf_done(&buf);
}

TEST(a_signature_is_added_whole_or_not_at_all)
{
    cl_str whole = golden_read("envelope.signed", ".json");
    struct cl_envelope envelope = cl_envelope_split(whole), bare = envelope;
    bare.signature.len = 0;
    for (size_t max = whole.len - 58; max <= whole.len; max++) {
        struct cl_buf buf;
        cl_buf_init(&buf, max);
        CHECK_OK(cl_envelope_put(&bare, &buf));
        size_t before = buf.len;
        enum cl_err err = cl_envelope_add_signature(&buf, envelope.signature);
        CHECK_INT(err, max == whole.len ? CL_OK : CL_ERR_TOO_LARGE);
        CHECK_STR(cl_str_part(cl_buf_str(&buf), 0, before - 2), cl_str_part(whole, 0, before - 2));
        CHECK_INT(buf.len, max == whole.len ? whole.len : before);
        CHECK(cl_str_ends(cl_buf_str(&buf), CL_STR("\"}")));
        cl_buf_done(&buf);
    }
}

TEST(each_broken_rule_is_refused_with_a_sentence)
{
    cl_str rest = golden_read("bad_envelopes", ".txt"), cells[2];
    unsigned rows = 0;
    for (; golden_line(&rest, cells, 2) == 2; rows++) {
        struct golden_reader golden;
        struct cl_envelope envelope = {.payload = CL_STR("untouched")};
        struct cl_envelope_header header = {.thr = CL_STR("untouched")};
        struct cl_why why = {""};
        test_note("%.*s", CL_STR_ARG(cells[0]));
        golden_reader_init(&golden);
        enum cl_err err = cl_envelope_decode(&golden.reader, cells[1], &envelope, &header, &why);
        CHECK(err == CL_ERR_MALFORMED || err == CL_ERR_MISSING);
        CHECK(why.text[0] != '\0');
        CHECK_STR(envelope.payload, CL_STR("untouched"));
        CHECK_STR(header.thr, CL_STR("untouched"));
        golden_reader_done(&golden);
    }
    CHECK(rows > 190);
}

/* Reads a header that is given as its JSON. */
static enum cl_err
decode_header(struct golden_reader *golden, cl_str json, struct cl_envelope_header *ret_header)
{
    char text[CL_BASE64URL_LEN(2 * CL_ENVELOPE_HEADER_BYTES_MAX)];
    struct cl_why why;
    cl_base64url_encode(json, text);
    struct cl_envelope envelope = {.protected = cl_str_of(text, CL_BASE64URL_LEN(json.len))};
    return cl_envelope_read(&golden->reader, &envelope, ret_header, &why);
}

TEST(a_header_has_2048_bytes_at_most)
{
    char json[CL_ENVELOPE_HEADER_BYTES_MAX + 1];
    struct golden_reader golden;
    struct cl_envelope_header header;
    cl_str least = golden_read("envelope.least", ".header.json");
    golden_reader_init(&golden);
    memset(json, ' ', sizeof json); // which may follow an object
    memcpy(json, least.ptr, least.len);
    CHECK_OK(decode_header(&golden, cl_str_of(json, sizeof json - 1), &header));
    CHECK_INT(decode_header(&golden, cl_str_of(json, sizeof json), &header), CL_ERR_MALFORMED);
    golden_reader_done(&golden);
}

TEST(order_and_white_space_of_a_header_are_its_writers)
{
    struct golden_reader golden;
    struct cl_envelope_header header;
    golden_reader_init(&golden);
    CHECK_OK(decode_header(&golden,
                           CL_STR("\n{ \"exp\" : 2, \"iat\" : 1, \"id\":\"AAECAwQFBgcICQoLDA0ODw\","
                                  "\"t\\u006f\":\"mini\\/otto\", \"from\":\"a/b\","
                                  "\"typ\":\"clawlink-msg\\u002bjws\", \"pri\":2} "),
                           &header));
    CHECK_STR(header.to, CL_STR("mini/otto"));
    CHECK_INT(header.pri, CL_PRIORITY_NORMAL);
    golden_reader_done(&golden);
}

/* A sender's envelope of the task, with one change. */
static enum cl_err
check_sent(void (*change)(struct cl_envelope_header *, struct cl_envelope *))
{
    static char large[CL_BASE64URL_LEN(CL_ENVELOPE_BODY_BYTES_MAX + 1)];
    struct golden_reader golden;
    struct cl_envelope_header header;
    struct cl_envelope envelope;
    struct cl_why why = {""};
    golden_reader_init(&golden);
    memset(large, 'A', sizeof large);
    CHECK_OK(cl_envelope_decode(&golden.reader, golden_read("envelope.task", ".json"), &envelope,
                                &header, &why));
    envelope.payload = cl_str_of(large, CL_BASE64URL_LEN(CL_ENVELOPE_BODY_BYTES_MAX));
    change(&header, &envelope);
    enum cl_err err = cl_envelope_check_sent(&envelope, &header, GOLDEN_NOW, &why);
    CHECK((err == CL_OK) == (why.text[0] == '\0'));
    golden_reader_done(&golden);
    return err;
}

static void
change_nothing(struct cl_envelope_header *header, struct cl_envelope *envelope)
{
    (void)header;
    (void)envelope;
}
static void
change_from(struct cl_envelope_header *header, struct cl_envelope *envelope)
{
    (void)envelope;
    header->from = CL_STR("v1/mira");
}
static void
change_stream(struct cl_envelope_header *header, struct cl_envelope *envelope)
{
    (void)envelope;
    header->str.is_set = false;
}
static void
change_exp_passed(struct cl_envelope_header *header, struct cl_envelope *envelope)
{
    (void)envelope;
    header->exp = 1775304000;
}
static void
change_iat_ahead(struct cl_envelope_header *header, struct cl_envelope *envelope)
{
    (void)envelope;
    header->iat = 1775304000 + 120;
}
static void
change_iat_far_ahead(struct cl_envelope_header *header, struct cl_envelope *envelope)
{
    (void)envelope;
    header->iat = 1775304000 + 121;
}
static void
change_body(struct cl_envelope_header *header, struct cl_envelope *envelope)
{
    (void)header;
    envelope->payload.len = CL_BASE64URL_LEN(CL_ENVELOPE_BODY_BYTES_MAX + 1);
}

TEST(a_sender_keeps_rules_of_its_own)
{
    CHECK_OK(check_sent(change_nothing));
    CHECK_INT(check_sent(change_from), CL_ERR_MALFORMED);
    CHECK_INT(check_sent(change_stream), CL_ERR_MISSING);
    CHECK_OK(check_sent(change_exp_passed)); // it may have come before
    CHECK_OK(check_sent(change_iat_ahead));
    CHECK_INT(check_sent(change_iat_far_ahead), CL_ERR_MALFORMED);
    CHECK_INT(check_sent(change_body), CL_ERR_TOO_LARGE);
}

TEST(a_receiver_looks_who_it_is_for_and_when)
{
    static const struct {
        const char *to;
        int64_t iat, exp; // from now
        enum cl_err err;
    } rows[] = {
        {"mini/otto", -10, 10, CL_OK},
        {"mini/otto", 120, 200, CL_OK},
        {"mini/otto", 121, 200, CL_ERR_MALFORMED},
        {"mini/otto", -10, 0, CL_OK},
        {"mini/otto", -10, -1, CL_ERR_EXPIRED},
        {"mini/nele", -10, 10, CL_ERR_FORBIDDEN},
        {"laptop/otto", -10, 10, CL_ERR_FORBIDDEN},
        {"v1/otto", -10, 10, CL_ERR_FORBIDDEN},
        {"otto", -10, 10, CL_OK}, // whom these mean the relay has seen to
        {"cap:review", -10, 10, CL_OK},
        {"topic:release", -10, 10, CL_OK},
        {"a/b/c", -10, 10, CL_ERR_MALFORMED},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct cl_why why = {""};
        struct cl_envelope_header header = {.to = cl_str_z(rows[i].to),
                                            .iat = (uint64_t)(1775304000 + rows[i].iat),
                                            .exp = (uint64_t)(1775304000 + rows[i].exp)};
        test_note("row %zu", i);
        CHECK_INT(cl_envelope_check_received(&header, CL_STR("mini/otto"), GOLDEN_NOW, &why),
                  rows[i].err);
        CHECK((rows[i].err == CL_OK) == (why.text[0] == '\0'));
    }
}

TEST(a_header_that_breaks_a_rule_is_not_written)
{
    struct golden_reader golden;
    struct cl_envelope_header good, bad;
    struct cl_buf buf;
    struct cl_why why;
    golden_reader_init(&golden);
    CHECK_OK(decode(&golden, golden_read("envelope.full", ".json"), &good));
    cl_buf_init(&buf, CL_MIB);
    CHECK_OK(cl_buf_append(&buf, CL_STR("before")));
    for (unsigned i = 0; i < 9; i++) {
        static char large[3 * CL_KIB];
        memset(large, 'a', sizeof large);
        bad = good;
        test_note("change %u", i);
        bad.exp = i == 0 ? good.iat : good.exp;
        bad.hops.is_set = i != 1;
        bad.to = i == 2 ? CL_STR("relay/x") : good.to;
        bad.thr = i == 3 ? CL_STR("a\nb") : i == 4 ? CL_STR("\xff") : good.thr;
        bad.thr = i == 5 ? cl_str_of(large, sizeof large) : bad.thr;
        bad.alg = i == 6 || i == 7 ? CL_ENVELOPE_HS256 : CL_ENVELOPE_UNSIGNED;
        bad.kid = i == 7 ? CL_STR("mini") : i == 8 ? CL_STR("group") : CL_STR("");
        enum cl_err err = cl_envelope_encode(&golden.reader, &bad, CL_STR("body"), &buf, &why);
        CHECK_INT(err, CL_ERR_MALFORMED);
        CHECK_STR(cl_buf_str(&buf), CL_STR("before"));
    }
    cl_buf_done(&buf);
    golden_reader_done(&golden);
}

TEST(an_envelope_is_appended_whole_or_not_at_all)
{
    struct golden_reader golden;
    struct cl_envelope_header header;
    struct cl_why why;
    size_t whole = golden_read("envelope.task", ".json").len;
    cl_str body = golden_read("envelope.task", ".body");
    golden_reader_init(&golden);
    CHECK_OK(decode(&golden, golden_read("envelope.task", ".json"), &header));
    for (size_t max = 0; max <= whole; max++) {
        struct cl_buf buf;
        cl_buf_init(&buf, max);
        enum cl_err err = cl_envelope_encode(&golden.reader, &header, body, &buf, &why);
        CHECK_INT(err, max == whole ? CL_OK : CL_ERR_TOO_LARGE);
        CHECK_INT(buf.len, max == whole ? whole : 0);
        cl_buf_done(&buf);
    }
    golden_reader_done(&golden);
}

TEST(without_memory_an_envelope_is_refused_and_nothing_leaks)
{
    FOR_EACH_FAULT
    {
        struct golden_reader golden;
        struct cl_envelope envelope;
        struct cl_envelope_header header;
        struct cl_buf buf;
        struct cl_why why;
        cl_str body, text = golden_read("envelope.full", ".json");
        golden_reader_init(&golden);
        cl_buf_init(&buf, CL_MIB);
        enum cl_err err = cl_envelope_decode(&golden.reader, text, &envelope, &header, &why);
        if (err == CL_OK)
            err = cl_envelope_body(&envelope, &golden.arena, &body);
        if (err == CL_OK)
            err = cl_envelope_encode(&golden.reader, &header, body, &buf, &why);
        CHECK_INT(err, fault_happened() ? CL_ERR_NO_MEMORY : CL_OK);
        cl_buf_done(&buf);
        golden_reader_done(&golden);
    }
}

TEST(the_body_of_a_blob_says_what_it_is)
{
    struct golden_reader golden;
    struct cl_blob blob;
    struct cl_buf buf;
    struct cl_why why;
    cl_str body = golden_read("envelope.blob", ".body");
    golden_reader_init(&golden);
    cl_buf_init(&buf, CL_MIB);
    CHECK_OK(cl_blob_read(&golden.reader, body, &blob, &why));
    CHECK_INT(blob.size, 1048576);
    CHECK_INT(blob.digest.bytes[31], 31);
    CHECK_STR(blob.cty, CL_STR("text/plain"));
    CHECK_OK(cl_blob_put(&blob, &buf));
    CHECK_STR(cl_buf_str(&buf), body);
    cl_buf_done(&buf);
    golden_reader_done(&golden);
}

TEST(a_body_that_is_no_blob_is_refused)
{
#define HEX63 "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1"
    static const cl_str rows[] = {
        CL_STR_INIT(""),
        CL_STR_INIT("[]"),
        CL_STR_INIT("{\"size\":1}"),
        CL_STR_INIT("{\"sha256\":\"" HEX63 "f\"}"),
        CL_STR_INIT("{\"sha256\":\"" HEX63 "\",\"size\":1}"),
        CL_STR_INIT("{\"sha256\":\"" HEX63 "F\",\"size\":1}"),
        CL_STR_INIT("{\"sha256\":\"" HEX63 "g\",\"size\":1}"),
        CL_STR_INIT("{\"sha256\":\"" HEX63 "f\",\"size\":-1}"),
        CL_STR_INIT("{\"sha256\":\"" HEX63 "f\",\"size\":1,\"x\":1}"),
        CL_STR_INIT("{\"sha256\":\"" HEX63 "f\",\"size\":1} x"),
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct golden_reader golden;
        struct cl_blob blob = {.size = 77};
        struct cl_why why = {""};
        test_note("row %zu", i);
        golden_reader_init(&golden);
        enum cl_err err = cl_blob_read(&golden.reader, rows[i], &blob, &why);
        CHECK(err == CL_ERR_MALFORMED || err == CL_ERR_MISSING);
        CHECK(why.text[0] != '\0');
        CHECK_INT(blob.size, 77);
        golden_reader_done(&golden);
    }
}
