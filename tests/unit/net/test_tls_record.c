// SPDX-License-Identifier: MIT
#include "net/tls_record.h"

#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "support/test.h"

static const SSL_CIPHER *
cipher_named(const char *name)
{
    SSL_CTX *ctx = SSL_CTX_new(TLS_server_method());
    STACK_OF(SSL_CIPHER) *list = SSL_CTX_get_ciphers(ctx);
    const SSL_CIPHER *found = NULL;
    for (int at = 0; at < sk_SSL_CIPHER_num(list); at++)
        if (strcmp(SSL_CIPHER_get_name(sk_SSL_CIPHER_value(list, at)), name) == 0)
            found = sk_SSL_CIPHER_value(list, at);
    SSL_CTX_free(ctx); // the ciphers themselves are OpenSSL's constants
    return found;
}

/* Both ends of one connection with the same secrets, and what the first has sealed. */
static struct cl_tls_keys *ours, *theirs;
static struct cl_buf sealed, answer;
static char opened[CL_TLS_RECORD_WIRE_BYTES_MAX];
static size_t len;

static void
hear(struct cl_tls_keys *keys, const char *label, char digit)
{
    char line[256];
    int at = snprintf(line, sizeof line, "%s ", label);
    memset(line + at, '0', 64);
    line[at + 64] = ' ';
    memset(line + at + 65, digit, 64);
    cl_tls_keys_hear(keys, cl_str_of(line, (size_t)at + 65 + 64));
}

static void
begin(void)
{
    const SSL_CIPHER *cipher = cipher_named("TLS_AES_128_GCM_SHA256");
    ours = cl_alloc(sizeof *ours);
    theirs = cl_alloc(sizeof *theirs);
    hear(ours, "CLIENT_TRAFFIC_SECRET_0", 'a');
    hear(ours, "SERVER_TRAFFIC_SECRET_0", '5');
    hear(theirs, "CLIENT_TRAFFIC_SECRET_0", '5'); // the other way around
    hear(theirs, "SERVER_TRAFFIC_SECRET_0", 'a');
    CHECK(cl_tls_keys_begin(ours, cipher) && cl_tls_keys_begin(theirs, cipher));
    cl_buf_init(&sealed, 4 * CL_TLS_RECORD_WIRE_BYTES_MAX);
    cl_buf_init(&answer, CL_TLS_RECORD_WIRE_BYTES_MAX);
}

static void
end(void)
{
    cl_tls_keys_free(ours);
    cl_tls_keys_free(theirs);
    cl_buf_done(&sealed);
    cl_buf_done(&answer);
}

static enum cl_tls_word
seal_open(enum cl_tls_record_type type, cl_str text)
{
    cl_buf_clear(&sealed);
    CHECK(cl_tls_seal(&theirs->out, type, &text, 1, &sealed));
    return cl_tls_keys_open(ours, cl_buf_str(&sealed), opened, &len, &answer);
}

static bool
arrives(cl_str text)
{
    return seal_open(CL_TLS_RECORD_DATA, text) == CL_TLS_WORD_DATA &&
           cl_str_eq(cl_str_of(opened, len), text);
}

/* The peer opens what we answered. */
static enum cl_tls_word
answered(void)
{
    enum cl_tls_word word = cl_tls_keys_open(theirs, cl_buf_str(&answer), opened, &len, &sealed);
    cl_buf_clear(&answer);
    return word;
}

TEST(records_arrive_in_order_and_whole)
{
    begin();
    CHECK(arrives(CL_STR("one")));
    CHECK(arrives(CL_STR("")));
    CHECK(arrives(CL_STR("two")));
    CHECK_INT(answer.len, 0);
    end();
}

TEST(a_record_again_or_changed_is_refused_with_an_alert)
{
    begin();
    CHECK(arrives(CL_STR("one")));
    CHECK_INT(cl_tls_keys_open(ours, cl_buf_str(&sealed), opened, &len, &answer),
              CL_TLS_WORD_BROKEN);
    CHECK_INT(answered(), CL_TLS_WORD_BROKEN);
    CHECK(opened[0] == 2 && opened[1] == 20);
    end();
    for (size_t at = 0; at < 5 + 3 + 1 + 16; at++) {
        begin();
        CHECK(cl_tls_seal(&theirs->out, CL_TLS_RECORD_DATA, &CL_STR("one"), 1, &sealed));
        sealed.ptr[at] ^= 1;
        CHECK_INT(cl_tls_keys_open(ours, cl_buf_str(&sealed), opened, &len, &answer),
                  CL_TLS_WORD_BROKEN);
        CHECK_INT(len, 0);
        end();
    }
}

TEST(padding_is_taken_off_and_nothing_else_is_no_record)
{
    begin();
    const char padded[] = "text\x17\0\0\0";
    CHECK_INT(seal_open(0, cl_str_of(padded, sizeof padded - 1)), CL_TLS_WORD_DATA);
    CHECK(cl_str_eq(cl_str_of(opened, len), CL_STR("text")));
    CHECK_INT(seal_open(0, cl_str_of("\0\0", 2)), CL_TLS_WORD_BROKEN);
    end();
}

TEST(a_key_update_is_followed_and_answered)
{
    const char ask[] = {24, 0, 0, 1, 1}, tell[] = {24, 0, 0, 1, 0};
    begin();
    CHECK_INT(seal_open(CL_TLS_RECORD_HANDSHAKE, cl_str_of(tell, 5)), CL_TLS_WORD_DATA);
    CHECK_INT(len, 0);
    CHECK_INT(answer.len, 0);
    CHECK(cl_tls_half_update(&theirs->out));
    CHECK(arrives(CL_STR("with the second key")));
    CHECK_INT(seal_open(CL_TLS_RECORD_HANDSHAKE, cl_str_of(ask, 5)), CL_TLS_WORD_DATA);
    CHECK(cl_tls_half_update(&theirs->out));
    CHECK(arrives(CL_STR("with the third")));
    CHECK_INT(answered(), CL_TLS_WORD_DATA); // and theirs->in has its second
    CHECK(cl_tls_keys_seal(ours, &CL_STR("back"), 1, &answer));
    CHECK_INT(answered(), CL_TLS_WORD_DATA);
    CHECK(cl_str_eq(cl_str_of(opened, len), CL_STR("back")));
    end();
}

TEST(a_key_wears_out_and_is_changed)
{
    begin();
    ours->out.records = theirs->in.records = 1u << 24;
    CHECK(cl_tls_keys_seal(ours, &CL_STR("new"), 1, &answer));
    size_t first;
    CHECK(cl_tls_record_len(cl_buf_str(&answer), &first));
    CHECK(first < answer.len); // the update comes in front
    CHECK_INT(
        cl_tls_keys_open(theirs, cl_str_part(cl_buf_str(&answer), 0, first), opened, &len, &sealed),
        CL_TLS_WORD_DATA);
    cl_buf_consume(&answer, first);
    CHECK_INT(answered(), CL_TLS_WORD_DATA);
    CHECK(cl_str_eq(cl_str_of(opened, len), CL_STR("new")));
    end();
}

TEST(alerts_end_and_everything_else_is_unexpected)
{
    const struct {
        enum cl_tls_record_type type;
        cl_str text;
        enum cl_tls_word word;
        int alert; // that we answer; 0: none
    } cases[] = {
        {CL_TLS_RECORD_ALERT, cl_str_of("\1\0", 2), CL_TLS_WORD_END, 0},
        {CL_TLS_RECORD_ALERT, cl_str_of("\1\x5a", 2), CL_TLS_WORD_DATA, 0},
        {CL_TLS_RECORD_ALERT, cl_str_of("\2\x14", 2), CL_TLS_WORD_BROKEN, 0},
        {CL_TLS_RECORD_ALERT, cl_str_of("\2", 1), CL_TLS_WORD_BROKEN, 10},
        {CL_TLS_RECORD_HANDSHAKE, cl_str_of("\1\0\0\1\0", 5), CL_TLS_WORD_BROKEN, 10},
        {CL_TLS_RECORD_HANDSHAKE, cl_str_of("\x18\0\0\1\2", 5), CL_TLS_WORD_BROKEN, 10},
        {CL_TLS_RECORD_HANDSHAKE, cl_str_of("\x18\0\0", 3), CL_TLS_WORD_BROKEN, 10},
        {20, cl_str_of("\1", 1), CL_TLS_WORD_BROKEN, 10},
    };
    for (size_t at = 0; at < sizeof cases / sizeof cases[0]; at++) {
        begin();
        CHECK_INT(seal_open(cases[at].type, cases[at].text), cases[at].word);
        CHECK_INT(answer.len > 0, cases[at].alert != 0);
        if (cases[at].alert != 0) {
            CHECK_INT(answered(), CL_TLS_WORD_BROKEN);
            CHECK_INT(opened[1], cases[at].alert);
        }
        end();
    }
}

TEST(a_head_says_how_long_a_record_is)
{
    size_t got;
    CHECK(cl_tls_record_len(CL_STR(""), &got) && got == 0);
    CHECK(cl_tls_record_len(CL_STR("\x17\3\3"), &got) && got == 0);
    CHECK(cl_tls_record_len(cl_str_of("\x17\3\3\0\x12", 5), &got) && got == 23);
    CHECK(!cl_tls_record_len(cl_str_of("\x17\3\3\0\x10", 5), &got)); // a tag without a type
    CHECK(cl_tls_record_len(cl_str_of("\x17\3\3\x41\0", 5), &got) && got == 16645);
    CHECK(!cl_tls_record_len(cl_str_of("\x17\3\3\x41\1", 5), &got));
    CHECK(!cl_tls_record_len(cl_str_of("\x16\3\3\0\x20", 5), &got));
    CHECK(!cl_tls_record_len(CL_STR("GET"), &got));
}

TEST(other_ciphers_and_secrets_that_did_not_come_are_refused)
{
    struct cl_tls_keys *keys = cl_alloc(sizeof *keys);
    CHECK(!cl_tls_keys_begin(keys, cipher_named("TLS_AES_128_GCM_SHA256")));
    hear(keys, "CLIENT_TRAFFIC_SECRET_0", 'a');
    hear(keys, "SERVER_TRAFFIC_SECRET_0", 'g');
    CHECK(!cl_tls_keys_begin(keys, cipher_named("TLS_AES_128_GCM_SHA256")));
    cl_tls_keys_free(keys);
    keys = cl_alloc(sizeof *keys);
    hear(keys, "CLIENT_TRAFFIC_SECRET_0", 'a');
    hear(keys, "SERVER_TRAFFIC_SECRET_0", 'b');
    CHECK(!cl_tls_keys_begin(keys, cipher_named("TLS_CHACHA20_POLY1305_SHA256")));
    cl_tls_keys_free(keys);
}
