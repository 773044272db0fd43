// SPDX-License-Identifier: MIT
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "support/fault.h"
#include "support/test.h"
#include "support/tls_pair.h"

static struct tls_pair pair;

static void
open_pair(void)
{
    CHECK_OK(tls_pair_open(&pair));
}

/* -- pins ------------------------------------------------------------------------------------ */

TEST(pins_are_read_in_both_ways_of_writing)
{
    struct cl_tls_pins pins;
    char again[CL_TLS_PIN_TEXT_CAP];
    cl_str base64 = CL_STR("sha256:AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=");
    CHECK_OK(cl_tls_pins_parse(base64, &pins, NULL));
    CHECK_INT(pins.len, 1);
    for (int at = 0; at < 32; at++)
        CHECK_INT(pins.list[0].bytes[at], at);
    cl_tls_pin_text(&pins.list[0], again);
    CHECK_STR(cl_str_z(again), base64);
    CHECK_OK(cl_tls_pins_parse(
        CL_STR("sha256:000102030405060708090a0b0c0d0e0f101112131415161718191A1B1C1D1E1F"), &pins,
        NULL));
    cl_tls_pin_text(&pins.list[0], again);
    CHECK_STR(cl_str_z(again), base64);
}

TEST(several_pins_have_commas_between_them)
{
    struct cl_tls_pins pins;
    cl_str two = CL_STR("sha256:AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8= , "
                        "sha256:////////////////////////////////////////////");
    CHECK_INT(cl_tls_pins_parse(two, &pins, NULL), CL_ERR_USAGE); // 45 digits would be too many
    two = CL_STR("sha256:AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8= , "
                 "sha256://////////////////////////////////////////8=");
    CHECK_OK(cl_tls_pins_parse(two, &pins, NULL));
    CHECK_INT(pins.len, 2);
    CHECK_INT(pins.list[1].bytes[31], 0xff);
    CHECK(cl_tls_pins_have(&pins, &pins.list[1]));
    cl_tls_pin other = pins.list[1];
    other.bytes[31] = 0xfe;
    CHECK(!cl_tls_pins_have(&pins, &other));
}

TEST(what_is_no_pin_is_refused)
{
    static const char *const texts[] = {
        "",
        "sha256:",
        "sha1:AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=",
        "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=",
        "sha256:AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8",
        "sha256:AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh9=", // bits behind the end
        "sha256:AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHA==",
        "sha256:AAEC AwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8",
        "sha256:00010203040506070809-a0b0c0d0e0f101112131415161718191A1B1C1D1E1F",
        "sha256:AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=,nonsense",
    };
    struct cl_tls_pins pins;
    struct cl_why why;
    for (size_t at = 0; at < sizeof texts / sizeof *texts; at++) {
        test_note("%s", texts[at]);
        CHECK_INT(cl_tls_pins_parse(cl_str_z(texts[at]), &pins, &why), CL_ERR_USAGE);
        CHECK(why.text[0] != '\0');
    }
    test_note("%s", "");
}

/* -- trust ----------------------------------------------------------------------------------- */

/* A client that goes by these pins takes the place of the pair's. */
static void
trust(const struct cl_tls_pins *pins, cl_str host)
{
    tls_end_close(&pair.client);
    cl_tls_free(pair.client_side);
    pair.client_side = NULL;
    CHECK_OK(cl_tls_client_new(pair.loop, pins, &pair.client_side));
    CHECK_OK(tls_end_open(&pair.client, pair.client_side, host));
    tls_end_say(&pair.client, CL_STR("the token"));
    tls_pair_run(&pair, SIZE_MAX);
}

TEST(another_key_is_refused_and_told_and_hears_nothing)
{
    struct cl_tls_pins pins = {.len = 2};
    open_pair();
    trust(&pins, CL_STR("localhost"));
    const struct cl_tls_verdict *verdict = cl_tls_verdict(pair.client_side);
    CHECK(pair.client.is_broken);
    CHECK_INT(verdict->fault, CL_TLS_FAULT_PIN);
    CHECK(verdict->has_pin);
    CHECK(memcmp(&verdict->pin, cl_tls_own_pin(pair.server_side), sizeof verdict->pin) == 0);
    CHECK_INT(pair.client.said, 0);
    CHECK_INT(pair.server.heard_len, 0);
    CHECK_INT(cl_tls_counts(pair.server_side)->handshakes, 0);
    CHECK_INT(cl_tls_counts(pair.server_side)->failures, 1);
    tls_pair_close(&pair);
}

TEST(one_right_pin_of_several_is_enough_whatever_the_name)
{
    struct cl_tls_pins pins = {.len = 3};
    open_pair();
    pins.list[2] = *cl_tls_own_pin(pair.server_side);
    trust(&pins, CL_STR("203.0.113.9"));
    CHECK_INT(cl_tls_verdict(pair.client_side)->fault, CL_TLS_FAULT_NONE);
    CHECK_STR(cl_str_of(pair.server.heard, pair.server.heard_len), CL_STR("the token"));
    tls_pair_close(&pair);
}

TEST(without_pins_a_self_signed_certificate_is_refused)
{
    struct cl_tls_pins none = {.len = 0};
    open_pair();
    trust(&none, CL_STR("localhost"));
    const struct cl_tls_verdict *verdict = cl_tls_verdict(pair.client_side);
    CHECK_INT(verdict->fault, CL_TLS_FAULT_SELF_SIGNED);
    CHECK(verdict->detail[0] != '\0');
    CHECK(memcmp(&verdict->pin, cl_tls_own_pin(pair.server_side), sizeof verdict->pin) == 0);
    CHECK_INT(pair.server.heard_len, 0);
    tls_pair_close(&pair);
}

TEST(what_speaks_no_tls_is_called_so)
{
    open_pair();
    cl_loop_turn(pair.loop, false);
    memory_stream_put(&pair.client.wire, CL_STR("HTTP/1.1 400 Bad Request\r\n\r\n"));
    CHECK(pair.client.is_broken);
    CHECK_INT(cl_tls_verdict(pair.client_side)->fault, CL_TLS_FAULT_NOT_TLS);
    tls_pair_close(&pair);
}

TEST(a_handshake_that_breaks_off_is_no_verdict_about_a_key)
{
    open_pair();
    cl_loop_turn(pair.loop, false);
    memory_stream_put_eof(&pair.client.wire);
    CHECK(pair.client.is_broken);
    CHECK_INT(cl_tls_verdict(pair.client_side)->fault, CL_TLS_FAULT_BROKEN);
    CHECK(!cl_tls_verdict(pair.client_side)->has_pin);
    tls_pair_close(&pair);
}

/* -- certificates ---------------------------------------------------------------------------- */

TEST(a_certificate_fits_its_key_and_names_and_no_other)
{
    const struct cl_tls_names names = {
        .len = 4,
        .list = {CL_STR("box.example"), CL_STR("192.0.2.1"), CL_STR("::1"), CL_STR("localhost")}};
    const struct cl_tls_names more = {.len = 1, .list = {CL_STR("other.example")}};
    const struct cl_tls_names address = {.len = 1, .list = {CL_STR("192.0.2.2")}};
    struct cl_buf out;
    cl_buf_init(&out, CL_TLS_FILE_BYTES_MAX);
    CHECK_OK(cl_tls_self_sign(tls_test_key(), &names, &out, NULL));
    cl_str certificate = cl_buf_str(&out);
    CHECK(cl_tls_certificate_fits(certificate, tls_test_key(), &names));
    CHECK(!cl_tls_certificate_fits(certificate, tls_test_key(), &more));
    CHECK(!cl_tls_certificate_fits(certificate, tls_test_key(), &address));
    CHECK(!cl_tls_certificate_fits(CL_STR("nonsense"), tls_test_key(), &names));
    CHECK(!cl_tls_certificate_fits(CL_STR(""), tls_test_key(), &names));

    struct cl_buf key;
    cl_buf_init(&key, CL_TLS_FILE_BYTES_MAX);
    CHECK_OK(cl_tls_key_make(&key, NULL));
    CHECK(!cl_tls_certificate_fits(certificate, cl_buf_str(&key), &names));
    CHECK(!cl_str_eq(cl_buf_str(&key), tls_test_key()));
    cl_buf_done(&key);
    cl_buf_done(&out);
}

TEST(a_new_certificate_is_for_new_connections_and_a_broken_one_for_none)
{
    struct cl_buf key, certificate;
    const struct cl_tls_names names = {.len = 1, .list = {CL_STR("localhost")}};
    struct cl_why why = {""};
    cl_buf_init(&key, CL_TLS_FILE_BYTES_MAX);
    cl_buf_init(&certificate, CL_TLS_FILE_BYTES_MAX);
    CHECK_OK(cl_tls_key_make(&key, NULL));
    CHECK_OK(cl_tls_self_sign(cl_buf_str(&key), &names, &certificate, NULL));
    open_pair();
    tls_pair_run(&pair, SIZE_MAX);
    cl_tls_pin before = *cl_tls_own_pin(pair.server_side);
    CHECK(cl_tls_expires_at(pair.server_side) > 0);

    CHECK_INT(cl_tls_load(pair.server_side, cl_buf_str(&certificate), tls_test_key(), &why),
              CL_ERR_USAGE); // the key of another
    CHECK(strstr(why.text, "does not belong") != NULL);
    CHECK_INT(cl_tls_load(pair.server_side, CL_STR("x"), tls_test_key(), &why), CL_ERR_USAGE);
    CHECK_INT(cl_tls_load(pair.server_side, cl_buf_str(&certificate), CL_STR(""), &why),
              CL_ERR_USAGE);
    CHECK(memcmp(&before, cl_tls_own_pin(pair.server_side), sizeof before) == 0);

    CHECK_OK(cl_tls_load(pair.server_side, cl_buf_str(&certificate), cl_buf_str(&key), &why));
    CHECK(memcmp(&before, cl_tls_own_pin(pair.server_side), sizeof before) != 0);
    tls_end_say(&pair.client, CL_STR("still here"));
    tls_pair_run(&pair, SIZE_MAX);
    CHECK_STR(cl_str_of(pair.server.heard, pair.server.heard_len), CL_STR("still here"));

    tls_end_close(&pair.server);
    CHECK_OK(tls_end_open(&pair.server, pair.server_side, CL_STR("")));
    struct cl_tls_pins pins = {.len = 1, .list = {*cl_tls_own_pin(pair.server_side)}};
    trust(&pins, CL_STR("localhost"));
    CHECK_INT(cl_tls_verdict(pair.client_side)->fault, CL_TLS_FAULT_NONE);
    CHECK_INT(pair.server.heard_len, 9);
    tls_pair_close(&pair);
    cl_buf_done(&key);
    cl_buf_done(&certificate);
}

static char folder[64];

static void
put_file(const char *name, cl_str content, mode_t mode)
{
    char path[128];
    (void)snprintf(path, sizeof path, "%s/%s", folder, name);
    FILE *file = fopen(path, "w");
    CHECK(file != NULL);
    CHECK_INT(fwrite(content.ptr, 1, content.len, file), content.len);
    CHECK_INT(fclose(file), 0);
    CHECK_INT(chmod(path, mode), 0);
}

TEST(a_key_that_others_may_read_is_refused)
{
    static const struct {
        mode_t mode;
        enum cl_err err;
    } rows[] = {{0600, CL_OK},        {0400, CL_OK},        {0640, CL_ERR_USAGE},
                {0604, CL_ERR_USAGE}, {0620, CL_ERR_USAGE}, {0666, CL_ERR_USAGE}};
    char cert[128], key[128];
    struct cl_why why;
    (void)snprintf(folder, sizeof folder, "/tmp/clawlink-tls-XXXXXX");
    CHECK(mkdtemp(folder) != NULL);
    (void)snprintf(cert, sizeof cert, "%s/cert", folder);
    (void)snprintf(key, sizeof key, "%s/key", folder);
    put_file("cert", tls_test_certificate(), 0644);
    open_pair();
    for (size_t at = 0; at < sizeof rows / sizeof *rows; at++) {
        test_note("mode %o", (unsigned)rows[at].mode);
        (void)unlink(key);
        put_file("key", tls_test_key(), rows[at].mode);
        CHECK_INT(cl_tls_load_files(pair.server_side, cert, key, &why), rows[at].err);
        CHECK(rows[at].err == CL_OK || strstr(why.text, key) != NULL);
    }
    test_note("%s", "");
    (void)unlink(key);
    CHECK_INT(cl_tls_load_files(pair.server_side, cert, key, &why), CL_ERR_IO);
    (void)unlink(cert);
    CHECK_INT(rmdir(folder), 0);
    tls_pair_close(&pair);
}

TEST(a_certificate_that_memory_is_short_for_leaves_the_old_one)
{
    open_pair();
    cl_tls_pin before = *cl_tls_own_pin(pair.server_side);
    char cert[128], key[128];
    (void)snprintf(folder, sizeof folder, "/tmp/clawlink-tls-XXXXXX");
    CHECK(mkdtemp(folder) != NULL);
    (void)snprintf(cert, sizeof cert, "%s/cert", folder);
    (void)snprintf(key, sizeof key, "%s/key", folder);
    put_file("cert", tls_test_certificate(), 0644);
    put_file("key", tls_test_key(), 0600);
    FOR_EACH_FAULT
    {
        enum cl_err err = cl_tls_load_files(pair.server_side, cert, key, NULL);
        CHECK_INT(err, fault_happened() ? CL_ERR_NO_MEMORY : CL_OK);
    }
    CHECK(memcmp(&before, cl_tls_own_pin(pair.server_side), sizeof before) == 0);
    (void)unlink(key);
    (void)unlink(cert);
    (void)rmdir(folder);
    tls_pair_close(&pair);
}

/* -- many at once ---------------------------------------------------------------------------- */

#define CROWD 30

static struct tls_end crowd_servers[CROWD];
static struct tls_end crowd_clients[CROWD];

static void
open_crowd(void)
{
    open_pair();
    for (size_t at = 0; at < CROWD; at++) {
        crowd_servers[at].wire.stream.loop = pair.loop;
        crowd_clients[at].wire.stream.loop = pair.loop;
        CHECK_OK(tls_end_open(&crowd_servers[at], pair.server_side, CL_STR("")));
        CHECK_OK(tls_end_open(&crowd_clients[at], pair.client_side, CL_STR("localhost")));
        tls_end_say(&crowd_clients[at], CL_STR("hello"));
    }
    cl_loop_turn(pair.loop, false); // all clients write their first flight
}

/* How many servers have answered the first flight. */
static size_t
count_answered(void)
{
    size_t count = 0;
    for (size_t at = 0; at < CROWD; at++)
        count += crowd_servers[at].wire.out_len > 0 ? 1 : 0;
    return count;
}

static void
put_first_flights(void)
{
    for (size_t at = 0; at < CROWD; at++) {
        memory_stream_put(&crowd_servers[at].wire, memory_stream_written(&crowd_clients[at].wire));
        memory_stream_clear(&crowd_clients[at].wire);
    }
}

static void
close_crowd(void)
{
    for (size_t at = 0; at < CROWD; at++) {
        tls_end_close(&crowd_clients[at]);
        tls_end_close(&crowd_servers[at]);
    }
    tls_pair_close(&pair);
}

TEST(a_crowd_of_handshakes_is_served_a_few_in_a_turn_in_order)
{
    open_crowd();
    put_first_flights();
    CHECK_INT(cl_tls_counts(pair.server_side)->waits, CROWD - CL_TLS_HANDSHAKES_PER_TURN);
    size_t before = 0;
    for (int turns = 0; count_answered() < CROWD; turns++) {
        CHECK(turns < CROWD);
        cl_loop_turn(pair.loop, false);
        size_t answered = count_answered();
        CHECK(answered <= before + 2 * CL_TLS_HANDSHAKES_PER_TURN); // those before the turn count
        CHECK(answered > before);
        for (size_t at = 0; at < answered; at++)
            CHECK(crowd_servers[at].wire.out_len > 0); // first come, first served
        before = answered;
    }
    for (size_t at = 0; at < CROWD; at++)
        while (tls_carry(&crowd_servers[at], &crowd_clients[at], SIZE_MAX) ||
               tls_carry(&crowd_clients[at], &crowd_servers[at], SIZE_MAX)) {
        }
    for (int turns = 0; turns < CROWD; turns++)
        cl_loop_turn(pair.loop, false);
    for (size_t at = 0; at < CROWD; at++)
        CHECK_INT(crowd_servers[at].heard_len, 5);
    close_crowd();
}

TEST(one_that_gives_up_while_it_waits_holds_up_nobody)
{
    open_crowd();
    put_first_flights();
    cl_loop_turn(pair.loop, false);
    size_t served = count_answered() + CL_TLS_HANDSHAKES_PER_TURN; // in the flush: not written yet
    for (size_t at = 0; at < served + 3; at++)
        tls_end_close(&crowd_servers[at]); // those who wrote, who would write, and the first ones
    tls_end_close(&crowd_servers[CROWD - 1]);
    for (int turns = 0; turns < CROWD; turns++)
        cl_loop_turn(pair.loop, false);
    for (size_t at = served + 3; at < CROWD - 1; at++)
        CHECK(crowd_servers[at].wire.out_len > 0);
    close_crowd();
}

/* -- peers with another mind ----------------------------------------------------------------- */

/* A client made of OpenSSL alone, that does what the test says. */
static SSL_CTX *foreign_ctx;
static SSL *foreign;

static void
foreign_open(int version, const char *ciphers)
{
    foreign_ctx = SSL_CTX_new(TLS_client_method());
    CHECK(foreign_ctx != NULL);
    SSL_CTX_set_security_level(foreign_ctx, 0);
    CHECK_INT(SSL_CTX_set_min_proto_version(foreign_ctx, version), 1);
    CHECK_INT(SSL_CTX_set_max_proto_version(foreign_ctx, version), 1);
    if (ciphers != NULL)
        CHECK_INT(SSL_CTX_set_cipher_list(foreign_ctx, ciphers), 1);
    foreign = SSL_new(foreign_ctx);
    CHECK(foreign != NULL);
    SSL_set_bio(foreign, BIO_new(BIO_s_mem()), BIO_new(BIO_s_mem()));
    SSL_set_connect_state(foreign);
}

static void
foreign_close(void)
{
    SSL_free(foreign);
    SSL_CTX_free(foreign_ctx);
    ERR_clear_error();
}

/* Carries both ways until nothing moves. */
static void
foreign_run(void)
{
    char bytes[20000];
    for (int idle = 0; idle < 3; idle++) {
        (void)SSL_do_handshake(foreign);
        int len = BIO_read(SSL_get_wbio(foreign), bytes, sizeof bytes);
        if (len > 0 && !pair.server.wire.is_closed)
            memory_stream_put(&pair.server.wire, cl_str_of(bytes, (size_t)len));
        cl_loop_turn(pair.loop, false);
        cl_str back = memory_stream_written(&pair.server.wire);
        if (back.len > 0)
            CHECK_INT(BIO_write(SSL_get_rbio(foreign), back.ptr, (int)back.len), back.len);
        if (len > 0 || back.len > 0)
            idle = 0;
        memory_stream_clear(&pair.server.wire);
    }
}

TEST(only_versions_and_ciphers_that_are_safe_are_taken)
{
    static const struct {
        int version;
        const char *ciphers;
        bool is_taken;
    } rows[] = {
        {TLS1_VERSION, "ALL:@SECLEVEL=0", false},
        {TLS1_1_VERSION, "ALL:@SECLEVEL=0", false},
        {TLS1_2_VERSION, "ECDHE-ECDSA-AES128-SHA:@SECLEVEL=0", false},
        {TLS1_2_VERSION, "ECDHE-ECDSA-AES256-SHA384:@SECLEVEL=0", false},
        {TLS1_2_VERSION, "ECDHE-ECDSA-AES128-CCM:@SECLEVEL=0", false},
        {TLS1_2_VERSION, "AECDH-AES128-SHA:@SECLEVEL=0", false},
        {TLS1_2_VERSION, "ECDHE-ECDSA-NULL-SHA:@SECLEVEL=0", false},
        {TLS1_2_VERSION, "ECDHE-ECDSA-AES128-GCM-SHA256", true},
        {TLS1_2_VERSION, "ECDHE-ECDSA-CHACHA20-POLY1305", true},
        {TLS1_3_VERSION, NULL, true},
    };
    for (size_t at = 0; at < sizeof rows / sizeof *rows; at++) {
        test_note("version %x with %s", (unsigned)rows[at].version,
                  rows[at].ciphers == NULL ? "all" : rows[at].ciphers);
        open_pair();
        foreign_open(rows[at].version, rows[at].ciphers);
        foreign_run();
        CHECK_INT(SSL_is_init_finished(foreign), rows[at].is_taken);
        CHECK_INT(cl_tls_counts(pair.server_side)->handshakes, rows[at].is_taken);
        CHECK_INT(cl_tls_counts(pair.server_side)->failures, !rows[at].is_taken);
        foreign_close();
        tls_pair_close(&pair);
    }
    test_note("%s", "");
}

TEST(a_renegotiation_is_refused)
{
    open_pair();
    foreign_open(TLS1_2_VERSION, NULL);
    foreign_run();
    CHECK_INT(SSL_is_init_finished(foreign), 1);
    CHECK_INT(SSL_renegotiate(foreign), 1);
    foreign_run();
    CHECK_INT(SSL_is_init_finished(foreign), 0);
    CHECK_INT(cl_tls_counts(pair.server_side)->handshakes, 1);
    foreign_close();
    tls_pair_close(&pair);
}

TEST(no_ticket_and_no_session_is_given)
{
    char byte;
    open_pair();
    foreign_open(TLS1_3_VERSION, NULL);
    foreign_run();
    (void)SSL_read(foreign, &byte, 1); // would take a ticket in
    CHECK_INT(SSL_SESSION_is_resumable(SSL_get0_session(foreign)), 0);
    foreign_close();
    tls_pair_close(&pair);
}

/* What the client has sealed arrives in one piece. */
static void
foreign_send(void)
{
    char bytes[20000];
    int len = BIO_read(SSL_get_wbio(foreign), bytes, sizeof bytes);
    CHECK(len > 0);
    memory_stream_put(&pair.server.wire, cl_str_of(bytes, (size_t)len));
    cl_loop_turn(pair.loop, false);
}

/* With our own records, and with OpenSSL's for ChaCha20. */
TEST(every_suite_carries_both_ways_and_data_in_the_segment_of_finished)
{
    static const char *const suites[] = {"TLS_AES_128_GCM_SHA256", "TLS_AES_256_GCM_SHA384",
                                         "TLS_CHACHA20_POLY1305_SHA256"};
    char back[64];
    for (size_t at = 0; at < sizeof suites / sizeof *suites; at++) {
        test_note("%s", suites[at]);
        open_pair();
        foreign_open(TLS1_3_VERSION, NULL);
        CHECK_INT(SSL_set_ciphersuites(foreign, suites[at]), 1);
        CHECK_INT(SSL_do_handshake(foreign), -1);
        foreign_send();
        cl_str flight = memory_stream_written(&pair.server.wire);
        CHECK_INT(BIO_write(SSL_get_rbio(foreign), flight.ptr, (int)flight.len), flight.len);
        memory_stream_clear(&pair.server.wire);
        CHECK_INT(SSL_do_handshake(foreign), 1); // Finished is in the BIO,
        CHECK_INT(SSL_write(foreign, "early", 5), 5);
        foreign_send(); // and data behind it
        CHECK_STR(cl_str_of(pair.server.heard, pair.server.heard_len), CL_STR("early"));
        tls_end_say(&pair.server, CL_STR("answer"));
        foreign_run();
        CHECK_INT(SSL_read(foreign, back, sizeof back), 6);
        CHECK(SSL_shutdown(foreign) >= 0);
        foreign_send();
        CHECK(pair.server.is_over);
        foreign_close();
        tls_pair_close(&pair);
    }
    test_note("%s", "");
}

TEST(a_key_update_goes_through_and_a_flood_of_them_is_cut)
{
    open_pair();
    foreign_open(TLS1_3_VERSION, NULL);
    foreign_run();
    CHECK_INT(SSL_key_update(foreign, SSL_KEY_UPDATE_REQUESTED), 1);
    CHECK_INT(SSL_write(foreign, "one", 3), 3);
    foreign_run();
    CHECK_INT(pair.server.heard_len, 3);
    tls_end_say(&pair.server, CL_STR("two"));
    foreign_run();
    char back[8];
    CHECK_INT(SSL_read(foreign, back, sizeof back), 3);

    pair.server.wire.room = 0; // it asks on and on, and takes no answer: that makes nothing wait
    for (int at = 0; at < 200; at++) {
        CHECK_INT(SSL_key_update(foreign, SSL_KEY_UPDATE_REQUESTED), 1);
        CHECK_INT(SSL_write(foreign, "x", 1), 1);
        foreign_send();
    }
    CHECK_INT(pair.server.heard_len, 203);
    memory_stream_give_room(&pair.server.wire, MEMORY_STREAM_CAP / 2);
    tls_end_say(&pair.server, CL_STR("three"));
    cl_loop_turn(pair.loop, false);
    CHECK_INT(pair.server.wire.out_len, 27 + 27); // one answer, and five bytes
    foreign_run();
    CHECK_INT(SSL_read(foreign, back, sizeof back), 5);
    for (int at = 0; at < CL_TLS_IDLE_RECORDS_MAX + 1; at++) {
        CHECK(!pair.server.is_broken);
        CHECK_INT(SSL_key_update(foreign, SSL_KEY_UPDATE_NOT_REQUESTED), 1);
        CHECK_INT(SSL_do_handshake(foreign), 1);
        foreign_send();
    }
    CHECK(pair.server.is_broken);
    foreign_close();
    tls_pair_close(&pair);
}
