// SPDX-License-Identifier: MIT
/*
 * One record, sealed and opened, beside those of RFC 8448 section 3 and of an implementation that
 * shares nothing with ours: tests/golden/tls/.
 */
#include "net/tls_record.h"

#include <openssl/crypto.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "support/fault.h"
#include "support/test.h"

static struct cl_buf sealed;
static char opened[CL_TLS_RECORD_WIRE_BYTES_MAX];
static char text[CL_TLS_RECORD_BYTES];
static const uint8_t secret[48] = {1, 2, 3};

/* -- OpenSSL's memory, so that faults are injected there too --------------------------------- */

static void *
take(size_t size, const char *file, int line)
{
    (void)file;
    (void)line;
    return cl_alloc(size);
}

static void *
take_again(void *memory, size_t size, const char *file, int line)
{
    (void)file;
    (void)line;
    return cl_realloc(memory, size);
}

static void
give(void *memory, const char *file, int line)
{
    (void)file;
    (void)line;
    cl_free(memory);
}

__attribute__((constructor)) static void
share_memory(void)
{
    if (CRYPTO_set_mem_functions(take, take_again, give) != 1)
        abort(); // OpenSSL has allocated before
}

/* -- golden records -------------------------------------------------------------------------- */

struct golden {
    unsigned suite, updates, type, padding;
    unsigned long long number;
    size_t secret_len, content_len, record_len;
    uint8_t secret[48];
    char content[1024], record[1024];
};

static size_t
from_hex(const char *digits, void *ret_bytes)
{
    uint8_t *bytes = ret_bytes;
    size_t len = 0;
    for (; digits[0] != '-' && digits[0] != '\0'; digits += 2)
        bytes[len++] = (uint8_t)(cl_str_hex_digit(digits[0]) << 4 | cl_str_hex_digit(digits[1]));
    return len;
}

static bool
read_golden(FILE *file, struct golden *golden)
{
    char line[4096], first[128], content[2048], record[2048];
    do {
        if (fgets(line, sizeof line, file) == NULL)
            return false;
    } while (line[0] == '#');
    CHECK_INT(sscanf(line, "%x %127s %u %llu %u %u %2047s %2047s", &golden->suite, first,
                     &golden->updates, &golden->number, &golden->type, &golden->padding, content,
                     record),
              8);
    golden->secret_len = from_hex(first, golden->secret);
    golden->content_len = from_hex(content, golden->content);
    golden->record_len = from_hex(record, golden->record);
    return true;
}

static void
begin_golden(const struct golden *golden, bool seals, struct cl_tls_half *half)
{
    CHECK(cl_tls_half_init(half, golden->suite, seals, golden->secret, golden->secret_len));
    for (unsigned at = 0; at < golden->updates; at++) {
        half->records = 77; // is 0 again behind it
        CHECK(cl_tls_half_update(half));
    }
    CHECK_INT(half->records, 0);
    half->records = golden->number;
}

TEST(records_are_those_of_rfc_8448_and_of_another_implementation)
{
    struct golden golden;
    struct cl_tls_half half;
    enum cl_tls_record_type type;
    size_t len, lines = 0;
    FILE *file = fopen("tests/golden/tls/records.txt", "rb");
    CHECK(file != NULL);
    for (; read_golden(file, &golden); lines++) {
        test_note("line %zu", lines + 3);
        cl_str content = cl_str_of(golden.content, golden.content_len);
        begin_golden(&golden, false, &half);
        CHECK(cl_tls_open(&half, cl_str_of(golden.record, golden.record_len), opened, &len, &type));
        CHECK_STR(cl_str_of(opened, len), content);
        CHECK_INT(type, golden.type);
        cl_tls_half_done(&half);
        begin_golden(&golden, false, &half);
        memcpy(opened, golden.record, golden.record_len);
        char *inside = opened + CL_TLS_RECORD_HEAD_BYTES; // in place of its ciphertext
        CHECK(cl_tls_open(&half, cl_str_of(opened, golden.record_len), inside, &len, &type));
        CHECK_STR(cl_str_of(inside, len), content);
        cl_tls_half_done(&half);
        if (golden.padding > 0)
            continue; // we send none
        begin_golden(&golden, true, &half);
        cl_buf_init(&sealed, 1024);
        CHECK(cl_tls_seal(&half, golden.type, &content, 1, &sealed));
        CHECK_STR(cl_buf_str(&sealed), cl_str_of(golden.record, golden.record_len));
        cl_buf_done(&sealed);
        cl_tls_half_done(&half);
    }
    CHECK_INT(lines, 34);
    (void)fclose(file);
    test_note("%s", "");
}

/* -- halves ---------------------------------------------------------------------------------- */

TEST(only_the_two_suites_with_secrets_of_their_lengths_are_known)
{
    const struct {
        unsigned suite;
        size_t len;
        bool is_known;
    } cases[] = {
        {0x1301, 32, true},  {0x1302, 48, true},  {0x1301, 48, false}, {0x1302, 32, false},
        {0x1303, 32, false}, {0xc02b, 32, false}, {0x1301, 0, false},  {0x1301, 31, false},
    };
    for (size_t at = 0; at < sizeof cases / sizeof *cases; at++) {
        struct cl_tls_half half;
        CHECK(cl_tls_half_init(&half, cases[at].suite, true, secret, cases[at].len) ==
              cases[at].is_known);
        cl_tls_half_done(&half);
        for (size_t byte = 0; byte < sizeof half; byte++)
            CHECK_INT(((const char *)&half)[byte], 0); // nothing of the secret stays
    }
}

TEST(slices_make_one_record)
{
    struct cl_tls_half out, in;
    enum cl_tls_record_type type;
    size_t len;
    const cl_str slices[] = {CL_STR("one"), CL_STR(""), CL_STR(", two, "), CL_STR("three")};
    CHECK(cl_tls_half_init(&out, CL_TLS_AES_128_GCM_SHA256, true, secret, 32));
    CHECK(cl_tls_half_init(&in, CL_TLS_AES_128_GCM_SHA256, false, secret, 32));
    cl_buf_init(&sealed, 100);
    CHECK(cl_tls_seal(&out, CL_TLS_RECORD_DATA, slices, 4, &sealed));
    CHECK_INT(sealed.len, 15 + CL_TLS_RECORD_EXTRA_BYTES);
    CHECK(cl_tls_open(&in, cl_buf_str(&sealed), opened, &len, &type));
    CHECK_STR(cl_str_of(opened, len), CL_STR("one, two, three"));
    cl_buf_done(&sealed);
    cl_tls_half_done(&out);
    cl_tls_half_done(&in);
}

TEST(a_changed_byte_anywhere_is_found_and_that_was_the_last_record)
{
    struct cl_tls_half out, in;
    enum cl_tls_record_type type;
    size_t len;
    for (size_t at = 0; at < 3 + CL_TLS_RECORD_EXTRA_BYTES; at++) {
        CHECK(cl_tls_half_init(&out, CL_TLS_AES_256_GCM_SHA384, true, secret, 48));
        CHECK(cl_tls_half_init(&in, CL_TLS_AES_256_GCM_SHA384, false, secret, 48));
        cl_buf_init(&sealed, 100);
        CHECK(cl_tls_seal(&out, CL_TLS_RECORD_DATA, &CL_STR("one"), 1, &sealed));
        sealed.ptr[at] ^= 1;
        CHECK(!cl_tls_open(&in, cl_buf_str(&sealed), opened, &len, &type));
        sealed.ptr[at] ^= 1;
        in.records = 0;
        CHECK(!cl_tls_open(&in, cl_buf_str(&sealed), opened, &len, &type));
        CHECK(!cl_tls_half_update(&in));
        cl_buf_done(&sealed);
        cl_tls_half_done(&out);
        cl_tls_half_done(&in);
    }
}

TEST(padding_is_taken_off_and_alone_it_has_no_type)
{
    struct cl_tls_half out, in;
    enum cl_tls_record_type type;
    size_t len;
    CHECK(cl_tls_half_init(&out, CL_TLS_AES_128_GCM_SHA256, true, secret, 32));
    CHECK(cl_tls_half_init(&in, CL_TLS_AES_128_GCM_SHA256, false, secret, 32));
    cl_buf_init(&sealed, 2 * CL_TLS_RECORD_WIRE_BYTES_MAX);
    cl_str padded = cl_str_of("text\x17\0\0", 7); // and the type that is 0 is padding too
    CHECK(cl_tls_seal(&out, CL_TLS_RECORD_NONE, &padded, 1, &sealed));
    CHECK(cl_tls_open(&in, cl_buf_str(&sealed), opened, &len, &type));
    CHECK_STR(cl_str_of(opened, len), CL_STR("text"));
    CHECK_INT(type, CL_TLS_RECORD_DATA);
    cl_buf_clear(&sealed);
    padded = cl_str_of(text, sizeof text);
    CHECK(cl_tls_seal(&out, CL_TLS_RECORD_NONE, &padded, 1, &sealed));
    CHECK_INT(sealed.len, CL_TLS_RECORD_WIRE_BYTES_MAX);
    CHECK(cl_tls_open(&in, cl_buf_str(&sealed), opened, &len, &type));
    CHECK(len == 0 && type == CL_TLS_RECORD_NONE);
    cl_buf_done(&sealed);
    cl_tls_half_done(&out);
    cl_tls_half_done(&in);
}

TEST(a_head_says_how_long_a_record_is_or_what_is_wrong_with_it)
{
    const struct {
        cl_str head;
        enum cl_tls_alert alert;
        size_t len;
    } cases[] = {
        {CL_STR_INIT(""), CL_TLS_ALERT_NONE, 0},
        {CL_STR_INIT("\x17\3\3\0"), CL_TLS_ALERT_NONE, 0},
        {CL_STR_INIT("\x17\3\3\0\x11"), CL_TLS_ALERT_NONE, 22},
        {CL_STR_INIT("\x17\3\3\0\x10"), CL_TLS_ALERT_BAD_RECORD_MAC, 0}, // a tag, no type
        {CL_STR_INIT("\x17\3\3\0\0"), CL_TLS_ALERT_BAD_RECORD_MAC, 0},
        {CL_STR_INIT("\x17\3\3\x40\x11"), CL_TLS_ALERT_NONE, 16406},
        {CL_STR_INIT("\x17\3\3\x40\x12"), CL_TLS_ALERT_RECORD_OVERFLOW, 0},
        {CL_STR_INIT("\x17\3\3\xff\xff"), CL_TLS_ALERT_RECORD_OVERFLOW, 0},
        {CL_STR_INIT("\x17\3\1\0\x20"), CL_TLS_ALERT_DECODE_ERROR, 0}, // TLS 1.0
        {CL_STR_INIT("\x17\2\3\0\x20"), CL_TLS_ALERT_DECODE_ERROR, 0},
        {CL_STR_INIT("\x14\3\3\0\1\1"), CL_TLS_ALERT_UNEXPECTED_MESSAGE, 0}, // change_cipher_spec
        {CL_STR_INIT("\x15\3\3\0\2\2"), CL_TLS_ALERT_UNEXPECTED_MESSAGE, 0}, // a bare alert
        {CL_STR_INIT("\x16"), CL_TLS_ALERT_UNEXPECTED_MESSAGE, 0},
        {CL_STR_INIT("G"), CL_TLS_ALERT_UNEXPECTED_MESSAGE, 0},
    };
    for (size_t at = 0; at < sizeof cases / sizeof *cases; at++) {
        size_t len;
        test_note("case %zu", at);
        CHECK_INT(cl_tls_record_check(cases[at].head, &len), cases[at].alert);
        CHECK_INT(len, cases[at].len);
    }
    test_note("%s", "");
}

/* -- failures -------------------------------------------------------------------------------- */

TEST(without_room_nothing_is_added_and_nothing_is_sealed_any_more)
{
    struct cl_tls_half half;
    CHECK(cl_tls_half_init(&half, CL_TLS_AES_128_GCM_SHA256, true, secret, 32));
    cl_buf_init(&sealed, 30);
    CHECK(cl_tls_seal(&half, CL_TLS_RECORD_DATA, &CL_STR("four"), 1, &sealed));
    CHECK(!cl_tls_seal(&half, CL_TLS_RECORD_DATA, &CL_STR("four"), 1, &sealed));
    CHECK_INT(sealed.len, 4 + CL_TLS_RECORD_EXTRA_BYTES);
    cl_buf_clear(&sealed);
    CHECK(!cl_tls_seal(&half, CL_TLS_RECORD_DATA, &CL_STR("four"), 1, &sealed));
    CHECK(!cl_tls_half_update(&half));
    cl_buf_done(&sealed);
    cl_tls_half_done(&half);
}

/* Wherever memory fails, in OpenSSL or in us: no number is used twice with a key. */
TEST(without_memory_no_nonce_comes_again)
{
    static char before[64];
    FOR_EACH_FAULT
    {
        struct cl_tls_half half;
        cl_buf_init(&sealed, 100);
        if (cl_tls_half_init(&half, CL_TLS_AES_128_GCM_SHA256, true, secret, 32)) {
            size_t len = 0;
            if (cl_tls_seal(&half, CL_TLS_RECORD_DATA, &CL_STR("zero"), 1, &sealed)) {
                len = sealed.len;
                memcpy(before, sealed.ptr, len);
            }
            bool is_renewed = cl_tls_half_update(&half);
            cl_buf_clear(&sealed);
            bool is_sealed = cl_tls_seal(&half, CL_TLS_RECORD_DATA, &CL_STR("zero"), 1, &sealed);
            CHECK(!is_sealed || is_renewed);
            CHECK((is_renewed && is_sealed) || fault_happened());
            CHECK(!is_sealed || len == 0 || memcmp(before, sealed.ptr, len) != 0);
        } else {
            CHECK(fault_happened());
        }
        cl_buf_done(&sealed);
        cl_tls_half_done(&half);
    }
}
