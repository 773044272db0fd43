// SPDX-License-Identifier: MIT
#include "net/tls_keys.h"

#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "support/fault.h"
#include "support/test.h"

/* Both ends of one connection, what the peer has sealed for us, and what we answered. */
static struct cl_tls_keys *ours, *theirs;
static struct cl_buf sealed, answer;
static char opened[CL_TLS_RECORD_WIRE_BYTES_MAX];
static char text[CL_TLS_RECORD_BYTES];
static size_t len;

static const cl_str ask = CL_STR_INIT("\x18\0\0\1\1"), tell = CL_STR_INIT("\x18\0\0\1\0");

static void
hear(struct cl_tls_keys *keys, const char *label, char digit, size_t digits)
{
    char line[256];
    int at = snprintf(line, sizeof line, "%s_TRAFFIC_SECRET_0 ", label);
    memset(line + at, '0', 64);
    line[at + 64] = ' ';
    memset(line + at + 65, digit, digits);
    cl_tls_keys_hear(keys, cl_str_of(line, (size_t)at + 65 + digits));
}

static void
begin(void)
{
    ours = cl_tls_keys_new();
    theirs = cl_tls_keys_new();
    CHECK(ours != NULL && theirs != NULL);
    hear(ours, "CLIENT", 'a', 64);
    hear(ours, "SERVER", '5', 64);
    hear(theirs, "CLIENT", '5', 64); // the other way around
    hear(theirs, "SERVER", 'A', 64);
    CHECK(cl_tls_keys_begin(ours, CL_TLS_AES_128_GCM_SHA256));
    CHECK(cl_tls_keys_begin(theirs, CL_TLS_AES_128_GCM_SHA256));
    cl_buf_init(&sealed, 4 * CL_TLS_RECORD_WIRE_BYTES_MAX);
    cl_buf_init(&answer, 4 * CL_TLS_RECORD_WIRE_BYTES_MAX);
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
open_all(cl_str bytes)
{
    return cl_tls_keys_open(ours, &bytes, opened, &len, &answer);
}

static enum cl_tls_word
send(enum cl_tls_record_type type, cl_str bytes)
{
    cl_buf_clear(&sealed);
    CHECK(cl_tls_seal(&theirs->out, type, &bytes, 1, &sealed));
    return open_all(cl_buf_str(&sealed));
}

static bool
arrives(cl_str bytes)
{
    return send(CL_TLS_RECORD_DATA, bytes) == CL_TLS_WORD_DATA &&
           cl_str_eq(cl_str_of(opened, len), bytes);
}

/* The peer opens one record of our answer. */
static enum cl_tls_word
answered(void)
{
    cl_str bytes = cl_buf_str(&answer);
    enum cl_tls_word word = cl_tls_keys_open(theirs, &bytes, opened, &len, &sealed);
    cl_buf_consume(&answer, answer.len - bytes.len);
    return word;
}

/* We gave up with this alert, and say and hear nothing behind it. 0: with none. */
static void
check_over(enum cl_tls_alert alert)
{
    if (alert != CL_TLS_ALERT_NONE) {
        CHECK_INT(answered(), CL_TLS_WORD_BROKEN);
        CHECK_INT(opened[0], 2);
        CHECK_INT(opened[1], alert);
    }
    CHECK_INT(answer.len, 0);
    CHECK(!cl_tls_keys_seal(ours, &CL_STR("behind it"), 1, &answer));
    cl_tls_keys_end(ours, &answer);
    CHECK_INT(open_all(CL_STR("\x17\3\3")), CL_TLS_WORD_BROKEN); // good as far as it goes
    CHECK_INT(answer.len, 0);
}

/* What the peer has sealed is refused with this alert. */
static void
refuse(enum cl_tls_record_type type, cl_str bytes, enum cl_tls_alert alert)
{
    CHECK_INT(send(type, bytes), CL_TLS_WORD_BROKEN);
    CHECK_INT(len, 0);
    check_over(alert);
}

/* The peer says that it changes its key, and does. */
static void
change_key(cl_str said)
{
    CHECK_INT(send(CL_TLS_RECORD_HANDSHAKE, said), CL_TLS_WORD_DATA);
    CHECK_INT(len, 0);
    CHECK(cl_tls_half_update(&theirs->out));
}

static bool
answers(cl_str bytes)
{
    return answered() == CL_TLS_WORD_DATA && cl_str_eq(cl_str_of(opened, len), bytes);
}

/* -- records --------------------------------------------------------------------------------- */

TEST(records_arrive_in_order_and_whole)
{
    begin();
    CHECK(arrives(CL_STR("one")));
    CHECK(arrives(CL_STR("")));
    CHECK(arrives(cl_str_of(text, sizeof text)));
    CHECK_INT(answer.len, 0);
    end();
}

TEST(the_same_record_again_is_refused)
{
    begin();
    CHECK(arrives(CL_STR("one")));
    CHECK_INT(open_all(cl_buf_str(&sealed)), CL_TLS_WORD_BROKEN);
    CHECK_INT(len, 0);
    check_over(CL_TLS_ALERT_BAD_RECORD_MAC);
    end();
}

TEST(records_in_any_pieces_are_put_together_and_leave_no_memory)
{
    static const size_t lens[] = {0, 1, 300, sizeof text};
    for (size_t piece = 1; piece < 40; piece += 3) {
        begin();
        for (size_t at = 0; at < 4; at++) {
            cl_str slice = cl_str_of(text, lens[at]);
            CHECK(cl_tls_seal(&theirs->out, CL_TLS_RECORD_DATA, &slice, 1, &sealed));
        }
        size_t records = 0, bytes = 0;
        for (size_t at = 0; at < sealed.len; at += piece) {
            cl_str input = cl_str_part(cl_buf_str(&sealed), at, piece);
            enum cl_tls_word word;
            while ((word = cl_tls_keys_open(ours, &input, opened, &len, &answer)) ==
                   CL_TLS_WORD_DATA) {
                CHECK_INT(len, lens[records]);
                CHECK(ours->partial.ptr == NULL);
                records++;
                bytes += len;
            }
            CHECK_INT(word, CL_TLS_WORD_NONE);
            CHECK_INT(input.len, 0);
        }
        CHECK_INT(records, 4);
        CHECK_INT(bytes, 301 + sizeof text);
        CHECK(ours->partial.ptr == NULL);
        end();
    }
}

TEST(what_is_no_record_is_refused_as_soon_as_it_shows)
{
    const struct {
        cl_str bytes;
        enum cl_tls_alert alert;
    } cases[] = {
        {CL_STR_INIT("\x14\3\3\0\1\1"), CL_TLS_ALERT_UNEXPECTED_MESSAGE},
        {CL_STR_INIT("\x15\3\3\0\2\1\0"), CL_TLS_ALERT_UNEXPECTED_MESSAGE}, // a bare close_notify
        {CL_STR_INIT("\x16"), CL_TLS_ALERT_UNEXPECTED_MESSAGE},
        {CL_STR_INIT("\x17\3\4\0\x20"), CL_TLS_ALERT_DECODE_ERROR},
        {CL_STR_INIT("\x17\3\3\x41\0"), CL_TLS_ALERT_RECORD_OVERFLOW},
        {CL_STR_INIT("\x17\3\3\0\x10"), CL_TLS_ALERT_BAD_RECORD_MAC},
    };
    for (size_t at = 0; at < sizeof cases / sizeof *cases; at++)
        for (size_t piece = 1; piece <= 7; piece += 6) {
            enum cl_tls_word word = CL_TLS_WORD_NONE;
            test_note("case %zu in pieces of %zu", at, piece);
            begin();
            for (size_t from = 0; from < cases[at].bytes.len && word == CL_TLS_WORD_NONE;
                 from += piece)
                word = open_all(cl_str_part(cases[at].bytes, from, piece));
            CHECK_INT(word, CL_TLS_WORD_BROKEN);
            check_over(cases[at].alert);
            end();
        }
    test_note("%s", "");
}

TEST(thirty_two_records_without_data_are_let_pass_and_no_more)
{
    begin();
    for (int round = 0; round < 2; round++) {
        for (int at = 0; at < CL_TLS_IDLE_RECORDS_MAX; at++)
            CHECK(arrives(CL_STR("")));
        CHECK(arrives(CL_STR("data")));
    }
    for (int at = 0; at < CL_TLS_IDLE_RECORDS_MAX; at++)
        CHECK(arrives(CL_STR("")));
    refuse(CL_TLS_RECORD_DATA, CL_STR(""), CL_TLS_ALERT_UNEXPECTED_MESSAGE);
    end();
}

/* -- alerts and other words ------------------------------------------------------------------ */

TEST(alerts_end_and_everything_else_is_unexpected)
{
    const struct {
        enum cl_tls_record_type type;
        cl_str text;
        enum cl_tls_alert alert;
    } cases[] = {
        {CL_TLS_RECORD_ALERT, CL_STR_INIT("\2\x14"), CL_TLS_ALERT_NONE},
        {CL_TLS_RECORD_ALERT, CL_STR_INIT("\1\x14"), CL_TLS_ALERT_NONE}, // whatever its level
        {CL_TLS_RECORD_ALERT, CL_STR_INIT("\2\xff"), CL_TLS_ALERT_NONE},
        {CL_TLS_RECORD_ALERT, CL_STR_INIT("\2"), CL_TLS_ALERT_UNEXPECTED_MESSAGE},
        {CL_TLS_RECORD_ALERT, CL_STR_INIT(""), CL_TLS_ALERT_UNEXPECTED_MESSAGE},
        {CL_TLS_RECORD_ALERT, CL_STR_INIT("\1\0\0"), CL_TLS_ALERT_UNEXPECTED_MESSAGE},
        {CL_TLS_RECORD_ALERT, CL_STR_INIT("\1\0\1\0"), CL_TLS_ALERT_UNEXPECTED_MESSAGE},
        {CL_TLS_RECORD_HANDSHAKE, CL_STR_INIT(""), CL_TLS_ALERT_UNEXPECTED_MESSAGE},
        {CL_TLS_RECORD_HANDSHAKE, CL_STR_INIT("\1\0\0\1\0"), CL_TLS_ALERT_UNEXPECTED_MESSAGE},
        {CL_TLS_RECORD_HANDSHAKE, CL_STR_INIT("\1"), CL_TLS_ALERT_UNEXPECTED_MESSAGE},
        {CL_TLS_RECORD_HANDSHAKE, CL_STR_INIT("\x18\0\0\1\2"), CL_TLS_ALERT_ILLEGAL_PARAMETER},
        {CL_TLS_RECORD_HANDSHAKE, CL_STR_INIT("\x18\0\0\2\0"), CL_TLS_ALERT_DECODE_ERROR},
        {CL_TLS_RECORD_HANDSHAKE, CL_STR_INIT("\x18\1\0\1\0"), CL_TLS_ALERT_DECODE_ERROR},
        {CL_TLS_RECORD_HANDSHAKE, CL_STR_INIT("\x18\0\0\1\0\x18\0\0\1\0"),
         CL_TLS_ALERT_UNEXPECTED_MESSAGE}, // two of them
        {CL_TLS_RECORD_HANDSHAKE, CL_STR_INIT("\x18\0\0\1\0\x18"), CL_TLS_ALERT_UNEXPECTED_MESSAGE},
        {20, CL_STR_INIT("\1"), CL_TLS_ALERT_UNEXPECTED_MESSAGE},
        {CL_TLS_RECORD_NONE, CL_STR_INIT("\0\0"), CL_TLS_ALERT_UNEXPECTED_MESSAGE}, // padding alone
        {24, CL_STR_INIT("heartbeat"), CL_TLS_ALERT_UNEXPECTED_MESSAGE},
    };
    for (size_t at = 0; at < sizeof cases / sizeof *cases; at++) {
        test_note("case %zu", at);
        begin();
        refuse(cases[at].type, cases[at].text, cases[at].alert);
        end();
    }
    test_note("%s", "");
}

TEST(close_notify_ends_their_side_and_leaves_ours)
{
    begin();
    CHECK_INT(send(CL_TLS_RECORD_ALERT, CL_STR("\1\x5a")), CL_TLS_WORD_DATA); // user_canceled
    CHECK_INT(len, 0);
    CHECK_INT(send(CL_TLS_RECORD_ALERT, cl_str_of("\1\0", 2)), CL_TLS_WORD_END);
    CHECK_INT(send(CL_TLS_RECORD_DATA, CL_STR("more")), CL_TLS_WORD_BROKEN);
    CHECK(cl_tls_keys_seal(ours, &CL_STR("still here"), 1, &answer));
    CHECK_INT(answered(), CL_TLS_WORD_DATA);
    cl_tls_keys_end(ours, &answer);
    CHECK(!cl_tls_keys_seal(ours, &CL_STR("behind it"), 1, &answer));
    CHECK_INT(answered(), CL_TLS_WORD_END);
    CHECK_INT(answer.len, 0);
    end();
}

/* -- key updates ----------------------------------------------------------------------------- */

TEST(a_key_update_is_followed_and_answered_before_the_next_data)
{
    begin();
    change_key(tell);
    CHECK(arrives(CL_STR("with the second key")));
    CHECK(cl_tls_keys_seal(ours, &CL_STR("no answer was wanted"), 1, &answer));
    CHECK_INT(answered(), CL_TLS_WORD_DATA);
    CHECK_INT(answer.len, 0);
    for (int at = 0; at < 2; at++) {
        change_key(ask);
    }
    CHECK(arrives(CL_STR("with the fourth")));
    CHECK_INT(answer.len, 0);
    for (int at = 0; at < 2; at++)
        CHECK(cl_tls_keys_seal(ours, &CL_STR("back"), 1, &answer));
    CHECK_INT(answered(), CL_TLS_WORD_DATA);
    CHECK_INT(len, 0); // one answer for both, and theirs->in has its second key
    CHECK_INT(theirs->owes_update, false);
    for (int at = 0; at < 2; at++) {
        CHECK(answers(CL_STR("back")));
    }
    CHECK_INT(answer.len, 0);
    end();
}

TEST(a_key_update_may_come_in_pieces_with_nothing_between)
{
    begin();
    for (size_t at = 0; at < ask.len; at++)
        CHECK_INT(send(CL_TLS_RECORD_HANDSHAKE, cl_str_part(ask, at, 1)), CL_TLS_WORD_DATA);
    CHECK(cl_tls_half_update(&theirs->out));
    CHECK(arrives(CL_STR("with the second key")));
    CHECK_INT(send(CL_TLS_RECORD_HANDSHAKE, cl_str_part(ask, 0, 2)), CL_TLS_WORD_DATA);
    refuse(CL_TLS_RECORD_DATA, CL_STR("between"), CL_TLS_ALERT_UNEXPECTED_MESSAGE);
    end();
}

TEST(an_empty_piece_of_a_key_update_is_refused)
{
    begin();
    CHECK_INT(send(CL_TLS_RECORD_HANDSHAKE, cl_str_part(ask, 0, 2)), CL_TLS_WORD_DATA);
    refuse(CL_TLS_RECORD_HANDSHAKE, CL_STR(""), CL_TLS_ALERT_UNEXPECTED_MESSAGE);
    end();
}

TEST(key_updates_without_data_are_counted_like_empty_records)
{
    begin();
    for (int at = 0; at < CL_TLS_IDLE_RECORDS_MAX; at++) {
        change_key(ask);
    }
    CHECK_INT(answer.len, 0); // who reads nothing makes nothing wait
    refuse(CL_TLS_RECORD_HANDSHAKE, ask, CL_TLS_ALERT_UNEXPECTED_MESSAGE);
    end();
}

TEST(a_peer_that_changes_its_key_all_the_time_is_cut)
{
    begin();
    for (int at = 0; at < CL_TLS_UPDATES_MAX; at++) {
        change_key(tell);
        CHECK(arrives(CL_STR("a byte between")));
    }
    refuse(CL_TLS_RECORD_HANDSHAKE, tell, CL_TLS_ALERT_UNEXPECTED_MESSAGE);
    end();
}

TEST(our_key_wears_out_and_is_changed)
{
    begin();
    ours->out.records = theirs->in.records = CL_TLS_KEY_RECORDS - 1;
    theirs->has_asked = true; // or it would answer by itself
    CHECK(cl_tls_keys_seal(ours, &CL_STR("old"), 1, &answer));
    CHECK(cl_tls_keys_seal(ours, &CL_STR("new"), 1, &answer));
    CHECK_INT(ours->out.records, 1);
    CHECK(answers(CL_STR("old")));
    CHECK_INT(answered(), CL_TLS_WORD_DATA);
    CHECK_INT(len, 0);
    CHECK(answers(CL_STR("new")));
    end();
}

TEST(the_peer_is_asked_once_for_a_new_key_and_cut_if_it_goes_on_with_the_old_one)
{
    begin();
    ours->in.records = theirs->out.records = CL_TLS_KEY_RECORDS - 1;
    CHECK(arrives(CL_STR("the last before it is asked")));
    CHECK(answer.len > 0);
    CHECK_INT(answered(), CL_TLS_WORD_DATA);
    CHECK(theirs->owes_update);
    CHECK(arrives(CL_STR("it takes its time")));
    CHECK_INT(answer.len, 0);
    cl_buf_clear(&sealed);
    CHECK(cl_tls_keys_seal(theirs, &CL_STR("new"), 1, &sealed));
    cl_str bytes = cl_buf_str(&sealed);
    for (int at = 0; at < 2; at++)
        CHECK_INT(cl_tls_keys_open(ours, &bytes, opened, &len, &answer), CL_TLS_WORD_DATA);
    CHECK_STR(cl_str_of(opened, len), CL_STR("new"));
    CHECK(!ours->has_asked);

    ours->in.records = theirs->out.records = CL_TLS_KEY_RECORDS_MAX - 1;
    CHECK(arrives(CL_STR("the last")));
    CHECK_INT(answered(), CL_TLS_WORD_DATA); // is asked again
    refuse(CL_TLS_RECORD_DATA, CL_STR("one too many"), CL_TLS_ALERT_UNEXPECTED_MESSAGE);
    end();
}

/* -- secrets --------------------------------------------------------------------------------- */

TEST(secrets_that_did_not_come_whole_are_refused)
{
    const struct {
        char digit;
        size_t digits;
        unsigned suite;
        bool is_good;
    } cases[] = {
        {'b', 64, CL_TLS_AES_128_GCM_SHA256, true},  {'b', 96, CL_TLS_AES_256_GCM_SHA384, true},
        {'B', 64, CL_TLS_AES_128_GCM_SHA256, true},  {'b', 64, CL_TLS_AES_256_GCM_SHA384, false},
        {'b', 96, CL_TLS_AES_128_GCM_SHA256, false}, {'g', 64, CL_TLS_AES_128_GCM_SHA256, false},
        {'b', 63, CL_TLS_AES_128_GCM_SHA256, false}, {'b', 0, CL_TLS_AES_128_GCM_SHA256, false},
        {'b', 98, CL_TLS_AES_256_GCM_SHA384, false}, {'b', 64, 0x1303, false},
    };
    for (size_t at = 0; at < sizeof cases / sizeof *cases; at++) {
        struct cl_tls_keys *keys = cl_tls_keys_new();
        test_note("case %zu", at);
        CHECK(!cl_tls_keys_begin(keys, cases[at].suite));
        hear(keys, "CLIENT_HANDSHAKE", cases[at].digit, cases[at].digits);
        hear(keys, "CLIENT", cases[at].digit, cases[at].digits);
        CHECK(!cl_tls_keys_begin(keys, cases[at].suite)); // one is missing
        hear(keys, "CLIENT", cases[at].digit, cases[at].digits);
        hear(keys, "SERVER", cases[at].digit, cases[at].digits);
        CHECK(cl_tls_keys_begin(keys, cases[at].suite) == cases[at].is_good);
        cl_tls_keys_free(keys);
    }
    cl_tls_keys_free(NULL);
    test_note("%s", "");
}

TEST(without_memory_a_piece_of_a_record_is_the_end)
{
    FOR_EACH_FAULT
    {
        struct cl_tls_keys *keys = cl_tls_keys_new();
        cl_buf_init(&answer, 100);
        if (keys != NULL) {
            hear(keys, "CLIENT", 'a', 64);
            hear(keys, "SERVER", 'a', 64);
            CHECK(cl_tls_keys_begin(keys, CL_TLS_AES_128_GCM_SHA256));
            cl_str piece = CL_STR("\x17\3\3\x40\x11 and more");
            enum cl_tls_word word = cl_tls_keys_open(keys, &piece, opened, &len, &answer);
            CHECK_INT(word, fault_happened() ? CL_TLS_WORD_BROKEN : CL_TLS_WORD_NONE);
            CHECK(!fault_happened() || answer.len > 0 || keys->out.is_over);
        }
        cl_buf_done(&answer);
        cl_tls_keys_free(keys);
    }
}
