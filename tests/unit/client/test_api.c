// SPDX-License-Identifier: MIT
#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/assert.h"
#include "base/clock.h"
#include "client/api_private.h"
#include "support/fault.h"
#include "support/test.h"
#include "support/ws_peer.h"

/* libclawlink with a relay that the test plays. */

static struct ws_peer peer;
static claw_client *client;
static claw_client *volatile broken; // stays for ever; whoever looks for leaks finds it here
static bool is_bug_due;              // the next allocation meets an assertion that fails

static void *
memory_fn(void *user, void *block, size_t size)
{
    (void)user;
    if (is_bug_due && size > 0) {
        is_bug_due = false;
        cl_assert_failed("somewhere.c", 7, "all is well");
    }
    return cl_guest_process_memory(NULL, block, size);
}

static uint64_t
random_number(void)
{
    return 0;
}

static struct claw_options
options_for_tests(void)
{
    struct claw_options options;
    claw_options_init(&options, sizeof options);
    options.url = "http://relay.example:9077";
    options.instance = "mini";
    options.program = "test";
    options.memory = memory_fn;
    return options;
}

static void
begin(const struct claw_options *options)
{
    char why[CLAW_WHY_CAP];
    CHECK_INT(claw_new(options, &client, why, sizeof why), CLAW_OK);
    memory_loop_clock(client->loop);
    ws_peer_use(&peer);
    client->config.dial = ws_peer_dial;
    client->config.random = random_number;
    CHECK_INT(claw_hurry(client), CLAW_OK); // by the clock that it has now
    CHECK_INT(claw_attach_name(client, "otto"), CLAW_OK);
}

static void
end(void)
{
    CHECK_INT(claw_free(client), CLAW_OK);
    ws_peer_done(&peer);
}

/* The next event; NULL: none. */
static const struct claw_event *
next(void)
{
    return claw_next_event(client, 0);
}

/* The next event is of that type. */
static void
expect(uint32_t type)
{
    const struct claw_event *event = next();
    CHECK(event != NULL);
    test_note("%s", event->text);
    CHECK_INT(event->type, type);
    claw_event_free(client, event);
}

static void
say(const char *text)
{
    ws_peer_text(&peer, text);
}

/* The answer to hello, which behind the limits has more. */
static void
say_welcome(const char *more)
{
    char text[512];
    (void)snprintf(text, sizeof text,
                   "{\"jsonrpc\":\"2.0\",\"id\":0,\"result\":{\"version\":\"2.0\",\"versions\":"
                   "[\"2.0\"],\"relay\":\"r\",\"epoch\":\"e\",\"durability\":\"memory\","
                   "\"time\":1775304000123,\"limits\":{\"message_bytes\":1048575,"
                   "\"body_bytes\":32768,\"blob_bytes\":0,\"credit_messages\":64,"
                   "\"credit_bytes\":1048576}%s}}",
                   more);
    say(text);
}

static void
welcome(const char *more)
{
    memory_loop_advance(client->loop, 0);
    CHECK(ws_peer_accept(&peer, CL_STR("")));
    (void)ws_peer_heard(&peer); // hello
    say_welcome(more);
}

/* Connected and attached, with so many messages waiting; what the client says is dropped. */
static void
come_up(unsigned attach_number, unsigned waiting)
{
    char text[256];
    welcome("");
    expect(CLAW_EVENT_UP);
    (void)snprintf(text, sizeof text,
                   "{\"jsonrpc\":\"2.0\",\"id\":%u,\"result\":{\"agent\":\"mini/otto\","
                   "\"waiting\":%u,\"receipts\":0}}",
                   attach_number, waiting);
    say(text);
    expect(CLAW_EVENT_ATTACHED);
    (void)ws_peer_heard(&peer);
}

/* The header {"typ":"clawlink-msg+jws","from":"laptop/mira","to":"mini/otto","id":<0 to 15>,...} of
 * v2.md, with another last byte of the id, and the body "hi". */
static void
hand_out(unsigned last_byte, unsigned priority, unsigned at)
{
    struct cl_arena arena;
    struct cl_buf text;
    char note[2048];
    const struct cl_envelope_reader reader = {.arena = &arena, .hash_key = &client->hash_key};
    struct cl_envelope_header header = {.from = CL_STR("laptop/mira"),
                                        .to = CL_STR("mini/otto"),
                                        .iat = 1775304000,
                                        .exp = 1775908800,
                                        .pri = (uint8_t)(priority < 4 ? priority : 2)};
    header.id.bytes[0] = 1;
    header.id.bytes[15] = (uint8_t)last_byte;
    cl_arena_init(&arena, CL_JSON_SCAN_ARENA_BYTES_MAX);
    cl_buf_init(&text, CL_MIB);
    CHECK_OK(cl_envelope_encode(&reader, &header, CL_STR("hi"), &text, NULL));
    (void)snprintf(note, sizeof note,
                   "{\"jsonrpc\":\"2.0\",\"method\":\"message\",\"params\":{\"agent\":\"mini/"
                   "otto\",\"at\":[%u,%u],\"relay\":{\"accepted\":1775304061123,\"trust\":\"relay\""
                   ",\"attempts\":0},\"envelope\":%.*s}}",
                   priority, at, CL_STR_ARG(cl_buf_str(&text)));
    cl_buf_done(&text);
    cl_arena_done(&arena);
    say(note);
}

/* Takes that message, and gives its id. */
static void
take(char ret_id[CLAW_ID_CAP])
{
    const struct claw_event *event = next();
    CHECK(event != NULL && event->type == CLAW_EVENT_MESSAGE);
    (void)snprintf(ret_id, CLAW_ID_CAP, "%s", event->id);
    claw_event_free(client, event);
}

/* A turn, in which the client says what it has to say. */
static cl_str
heard(void)
{
    CHECK_INT(claw_turn(client, 0), CLAW_OK);
    return ws_peer_heard(&peer);
}

static bool
has(cl_str text, const char *part)
{
    char copy[8192];
    CHECK(cl_str_copy(copy, sizeof copy, text));
    test_note("%s", copy);
    return strstr(copy, part) != NULL;
}

static void
break_off(void)
{
    memory_stream_put_eof(&peer.stream);
    memory_stream_run(&peer.stream);
    expect(CLAW_EVENT_DOWN);
}

/* -- what the tests are about ------------------------------------------------------------------ */

TEST(acknowledgements_are_told_together_in_ranges)
{
    char ids[4][CLAW_ID_CAP];
    const struct claw_options options = options_for_tests();
    begin(&options);
    come_up(1, 0);
    for (unsigned i = 0; i < 4; i++) {
        hand_out(i, i == 3 ? 0 : 2, i == 3 ? 9 : 5 + i);
        take(ids[i]);
    }
    for (unsigned i = 4; i > 0; i--)
        CHECK_INT(claw_ack(client, "otto", ids[i - 1], CLAW_RUNG_SEEN, 0), CLAW_OK);
    CHECK(has(heard(), "\"ranges\":[[0,9,9],[2,5,7]],\"rung\":\"seen\""));
    CHECK_INT(claw_waiting(client), 1);
    say("{\"jsonrpc\":\"2.0\",\"id\":2,\"result\":{}}");
    CHECK_INT(claw_waiting(client), 0);
    end();
}

TEST(what_says_different_things_is_told_apart)
{
    char ids[3][CLAW_ID_CAP];
    const struct claw_options options = options_for_tests();
    begin(&options);
    come_up(1, 0);
    for (unsigned i = 0; i < 3; i++) {
        hand_out(i, 2, 1 + i);
        take(ids[i]);
    }
    CHECK_INT(claw_ack(client, "otto", ids[0], 0, CLAW_PROOF_SPOOL), CLAW_OK);
    CHECK_INT(claw_refuse(client, "otto", ids[1], "no"), CLAW_OK);
    CHECK_INT(claw_ack(client, "otto", ids[2], CLAW_RUNG_SEEN, 0), CLAW_OK);
    cl_str text = heard();
    CHECK(has(text, "\"ranges\":[[2,1,1]],\"proof\":\"spool\""));
    CHECK(has(text, "\"method\":\"refuse\",\"params\":{\"agent\":\"mini/otto\",\"at\":[2,2],"
                    "\"reason\":\"no\"}"));
    CHECK(has(text, "\"ranges\":[[2,3,3]],\"rung\":\"seen\""));
    end();
}

TEST(a_message_that_is_handed_out_again_is_not_given_again)
{
    char id[CLAW_ID_CAP];
    const struct claw_options options = options_for_tests();
    begin(&options);
    come_up(1, 0);
    hand_out(1, 2, 5);
    take(id);
    break_off();
    come_up(2, 1);
    hand_out(1, 2, 8);
    CHECK(next() == NULL);
    CHECK_INT(claw_ack(client, "otto", id, 0, 0), CLAW_OK);
    CHECK(has(heard(), "\"ranges\":[[2,8,8]]")); // its place is where it is now
    end();
}

TEST(what_was_settled_while_nobody_was_there_is_told_when_it_comes_again)
{
    char id[CLAW_ID_CAP];
    const struct claw_options options = options_for_tests();
    begin(&options);
    come_up(1, 0);
    hand_out(1, 2, 5);
    take(id);
    break_off();
    CHECK_INT(claw_ack(client, "otto", id, CLAW_RUNG_SEEN, 0), CLAW_OK);
    CHECK_INT(claw_ack(client, "otto", id, CLAW_RUNG_SEEN, 0), CLAW_ERR_NOT_FOUND);
    CHECK_INT(claw_waiting(client), 1); // the relay does not know
    come_up(2, 1);
    CHECK_INT(heard().len, 0); // a place of the connection before means nothing on this one
    hand_out(1, 2, 5);
    CHECK(next() == NULL);
    CHECK(has(heard(), "\"ranges\":[[2,5,5]],\"rung\":\"seen\""));
    end();
}

TEST(what_does_not_come_again_was_heard_of)
{
    char id[CLAW_ID_CAP];
    const struct claw_options options = options_for_tests();
    begin(&options);
    come_up(1, 0);
    hand_out(1, 2, 5);
    take(id);
    CHECK_INT(claw_ack(client, "otto", id, 0, 0), CLAW_OK);
    CHECK(has(heard(), "\"method\":\"ack\""));
    break_off(); // before the answer
    CHECK_INT(claw_waiting(client), 1);
    come_up(3, 0);
    CHECK_INT(claw_waiting(client), 0);
    end();
}

/* -- secrets ----------------------------------------------------------------------------------- */

#define SECRET "the instance's secret"

static void
begin_with(const char *secret, const char *group_secret)
{
    struct claw_options options = options_for_tests();
    options.secret = secret;
    options.group_secret = group_secret;
    begin(&options);
}

static claw_err
send_text(const char *text)
{
    struct claw_letter letter;
    claw_letter_init(&letter, sizeof letter);
    letter.from = "otto";
    letter.to = "laptop/mira";
    letter.body = text;
    letter.body_len = strlen(text);
    return claw_send(client, &letter, NULL);
}

/* In the order in which they lie in the text, which may be the same for several. */
static void
has_in_order(const char *text, const char *const *parts, size_t parts_len)
{
    for (size_t i = 0; i < parts_len; i++) {
        test_note("%s, before %s", parts[i], text);
        text = strstr(text, parts[i]);
        CHECK(text != NULL);
        text += strlen(parts[i]);
    }
}

/* What the client has said since. */
static const char *
said(void)
{
    static char copy[8192];
    CHECK(cl_str_copy(copy, sizeof copy, ws_peer_heard(&peer)));
    return copy;
}

TEST(what_is_sent_before_the_relay_s_word_waits_for_it)
{
    static const struct {
        const char *more;
        bool is_signed;
    } rows[] = {{",\"secret\":\"group\"", true}, {",\"secret\":\"instance\"", false}, {"", false}};
    // "one", "two", "six" in base64url. Calls keep their order among themselves, and so do letters.
    static const char *const parts[] = {"\"method\":\"attach\"", "\"method\":\"agents\"",
                                        "\"payload\":\"b25l\"", "\"payload\":\"dHdv\"",
                                        "\"payload\":\"c2l4\""};
    static const char *const marked[] = {"\"b25l\",\"signature\":\"", "\"dHdv\",\"signature\":\"",
                                         "\"c2l4\",\"signature\":\""};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        begin_with(SECRET, NULL);
        CHECK_INT(send_text("one"), CLAW_OK);
        CHECK_INT(send_text("two"), CLAW_OK);
        size_t call_bytes = client->ops_bytes;
        CHECK_INT(claw_call(client, "agents", "{}", 1), CLAW_OK);
        call_bytes = client->ops_bytes - call_bytes;
        CHECK_INT(claw_waiting(client), 3);
        welcome(rows[i].more);
        expect(CLAW_EVENT_UP);
        size_t two_letters = client->ops_bytes - call_bytes;
        CHECK_INT(send_text("six"), CLAW_OK);
        CHECK_INT(client->ops_bytes - call_bytes, two_letters / 2 * 3); // of two forms one is left
        const char *text = said();
        has_in_order(text, parts, 5);
        if (rows[i].is_signed)
            has_in_order(text, marked, 3);
        CHECK_INT(strstr(text, "signature") != NULL, rows[i].is_signed);
        CHECK_INT(claw_waiting(client), 4);
        end();
    }
}

TEST(what_was_said_once_is_said_again_word_by_word)
{
    char first[8192];
    begin_with(SECRET, NULL);
    CHECK_INT(send_text("one"), CLAW_OK);
    welcome(",\"secret\":\"group\"");
    expect(CLAW_EVENT_UP);
    (void)snprintf(first, sizeof first, "%s", strstr(said(), "\"envelope\""));
    break_off();
    welcome(",\"secret\":\"instance\""); // it says otherwise now
    expect(CLAW_EVENT_UP);
    CHECK(strstr(said(), first) != NULL);
    CHECK_INT(send_text("two"), CLAW_OK);
    CHECK(strstr(said(), "signature") == NULL);
    end();
}

TEST(a_letter_that_waits_for_the_relay_s_word_ends_with_the_client)
{
    begin_with(SECRET, NULL);
    CHECK_INT(send_text("one"), CLAW_OK);
    CHECK_INT(claw_waiting(client), 1);
    CHECK(client->ops_bytes > 0);
    end(); // and leaks nothing
}

/* Each allocation of the turn in which the relay's word comes may fail: the connection is given up,
 * and on the next one the letters go out once, in their order. */
TEST(without_memory_for_letters_that_waited_they_are_sent_on_the_next_connection)
{
    static const char *const parts[] = {"\"payload\":\"b25l\"", "\"payload\":\"dHdv\"",
                                        "\"payload\":\"dGhyZWU\""};
    unsigned outages = 0;
    FOR_EACH_FAULT
    {
        const struct claw_event *event;
        bool is_up = false;
        fault_pause();
        begin_with(SECRET, NULL);
        CHECK_INT(send_text("one"), CLAW_OK);
        CHECK_INT(send_text("two"), CLAW_OK);
        memory_loop_advance(client->loop, 0);
        CHECK(ws_peer_accept(&peer, CL_STR("")));
        (void)ws_peer_heard(&peer);
        fault_go_on();
        say_welcome(",\"secret\":\"group\"");
        fault_pause();
        while ((event = next()) != NULL) {
            is_up = event->type == CLAW_EVENT_UP;
            claw_event_free(client, event);
        }
        if (!is_up) {
            outages++;
            CHECK_INT(send_text("three"), CLAW_OK);
            CHECK_INT(claw_hurry(client), CLAW_OK);
            (void)ws_peer_heard(&peer);
            welcome(",\"secret\":\"group\"");
            expect(CLAW_EVENT_UP);
        } else {
            CHECK_INT(send_text("three"), CLAW_OK);
        }
        has_in_order(said(), parts, 3);
        CHECK_INT(claw_waiting(client), 3);
        end();
        fault_go_on();
    }
    CHECK(outages > 3);
}

/* A message from an agent of v2, signed with that secret; NULL: not at all. */
static void
hand_out_signed(unsigned at, const char *secret)
{
    static const cl_hash_key key = {{1}};
    struct cl_arena arena;
    struct cl_buf text;
    struct cl_secret made_with;
    char note[2048], signature[CL_GROUP_SIGNATURE_LEN];
    const struct cl_envelope_reader reader = {.arena = &arena, .hash_key = &key};
    uint64_t now = (uint64_t)(cl_clock_wall().ms / 1000);
    struct cl_envelope_header header = {.from = CL_STR("laptop/mira"),
                                        .to = CL_STR("mini/otto"),
                                        .iat = now,
                                        .exp = now + 3600,
                                        .str = {true, 7},
                                        .seq = at,
                                        .pri = 2};
    header.id.bytes[0] = (uint8_t)at;
    if (secret != NULL) {
        header.alg = CL_ENVELOPE_HS256;
        header.kid = CL_STR(CL_ENVELOPE_KID_GROUP);
    }
    cl_arena_init(&arena, CL_JSON_SCAN_ARENA_BYTES_MAX);
    cl_buf_init(&text, CL_MIB);
    CHECK_OK(cl_envelope_encode(&reader, &header, CL_STR("hi"), &text, NULL));
    if (secret != NULL) {
        CHECK_OK(cl_secret_init(&made_with, cl_str_z(secret)));
        struct cl_hmac *hmac = cl_group_key(&made_with);
        const struct cl_envelope envelope = cl_envelope_split(cl_buf_str(&text));
        CHECK_OK(cl_group_sign(hmac, envelope.protected, envelope.payload, signature));
        CHECK_OK(cl_envelope_add_signature(&text, cl_str_of(signature, sizeof signature)));
        cl_hmac_free(hmac);
    }
    (void)snprintf(note, sizeof note,
                   "{\"jsonrpc\":\"2.0\",\"method\":\"message\",\"params\":{\"agent\":\"mini/"
                   "otto\",\"at\":[2,%u],\"relay\":{\"accepted\":1775304061123,\"trust\":\"relay\""
                   ",\"attempts\":0},\"envelope\":%.*s}}",
                   at, CL_STR_ARG(cl_buf_str(&text)));
    cl_buf_done(&text);
    cl_arena_done(&arena);
    say(note);
}

enum fate { TAKEN, VERIFIED, REFUSED };

TEST(the_relay_s_word_says_what_signatures_mean)
{
    static const struct {
        const char *secret, *group_secret, *more;
        enum fate unsigned_one, right, wrong;
    } rows[] = {
        {SECRET, NULL, ",\"secret\":\"group\"", TAKEN, VERIFIED, REFUSED},
        {SECRET, NULL, ",\"secret\":\"instance\"", TAKEN, TAKEN, TAKEN},
        {SECRET, NULL, "", TAKEN, TAKEN, TAKEN},
        {NULL, NULL, ",\"secret\":\"group\"", TAKEN, TAKEN, TAKEN},
        {NULL, SECRET, ",\"secret\":\"group\"", REFUSED, VERIFIED, REFUSED},
        {NULL, SECRET, ",\"secret\":\"instance\"", REFUSED, VERIFIED, REFUSED},
        {"own", SECRET, ",\"secret\":\"instance\"", REFUSED, VERIFIED, REFUSED},
        {NULL, SECRET, "", REFUSED, VERIFIED, REFUSED},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        const char *const secrets[] = {NULL, SECRET, "another"};
        const enum fate fates[] = {rows[i].unsigned_one, rows[i].right, rows[i].wrong};
        begin_with(rows[i].secret, rows[i].group_secret);
        welcome(rows[i].more);
        expect(CLAW_EVENT_UP);
        for (unsigned at = 1; at <= 3; at++) {
            hand_out_signed(at, secrets[at - 1]);
            const struct claw_event *event = next();
            test_note("row %zu, message %u", i, at);
            CHECK(event != NULL);
            CHECK_INT(event->type,
                      fates[at - 1] == REFUSED ? CLAW_EVENT_UNVERIFIED : CLAW_EVENT_MESSAGE);
            CHECK_INT(event->is_verified, fates[at - 1] == VERIFIED);
            CHECK_INT(event->trust,
                      fates[at - 1] == VERIFIED ? CLAW_TRUST_GROUP : CLAW_TRUST_RELAY);
            claw_event_free(client, event);
        }
        end();
    }
}

TEST(a_group_s_secret_signs_from_the_first_letter_on)
{
    begin_with("own", SECRET);
    CHECK_INT(send_text("one"), CLAW_OK);
    welcome(",\"secret\":\"instance\"");
    expect(CLAW_EVENT_UP);
    CHECK_INT(send_text("two"), CLAW_OK);
    static const char *const marked[] = {"\"b25l\",\"signature\":\"", "\"dHdv\",\"signature\":\""};
    has_in_order(said(), marked, 2);
    end();
}

TEST(the_instance_s_secret_opens_the_port_before_the_group_s)
{
    static const char *const secrets[][2] = {{SECRET, NULL}, {NULL, SECRET}, {SECRET, "group's"}};
    char bearers[3][128];
    for (size_t i = 0; i < 3; i++) {
        begin_with(secrets[i][0], secrets[i][1]);
        welcome("");
        const char *bearer = strstr(peer.request, "Authorization: Bearer ");
        CHECK(bearer != NULL);
        (void)snprintf(bearers[i], sizeof bearers[i], "%.65s", bearer);
        CHECK(i == 0 || strcmp(bearers[i], bearers[0]) == 0);
        end();
    }
}

TEST(without_a_group_s_secret_no_signature_can_be_wanted)
{
    char why[CLAW_WHY_CAP];
    struct claw_options options = options_for_tests();
    options.secret = SECRET;
    options.needs_signature = 1;
    CHECK_INT(claw_new(&options, &client, why, sizeof why), CLAW_ERR_USAGE);
    CHECK(strstr(why, "group_secret") != NULL);
    options.group_secret = SECRET;
    CHECK_INT(claw_new(&options, &client, why, sizeof why), CLAW_OK);
    CHECK_INT(claw_free(client), CLAW_OK);
}

/* -- the end of a client ----------------------------------------------------------------------- */

TEST(an_acknowledgement_that_the_relay_cannot_take_now_is_made_again)
{
    char id[CLAW_ID_CAP];
    const struct claw_options options = options_for_tests();
    begin(&options);
    come_up(1, 0);
    hand_out(1, 2, 5);
    take(id);
    CHECK_INT(claw_ack(client, "otto", id, 0, 0), CLAW_OK);
    CHECK(has(heard(), "\"method\":\"ack\""));
    say("{\"jsonrpc\":\"2.0\",\"id\":2,\"error\":{\"code\":507,\"message\":\"full\",\"data\":"
        "{\"error\":\"storage_full\",\"retry\":true}}}");
    CHECK_INT(claw_waiting(client), 1);
    CHECK_INT(heard().len, 0); // not at once
    memory_loop_advance(client->loop, CL_API_RETRY_MS);
    CHECK(has(heard(), "\"ranges\":[[2,5,5]]"));
    say("{\"jsonrpc\":\"2.0\",\"id\":3,\"error\":{\"code\":404,\"message\":\"no\",\"data\":"
        "{\"error\":\"not_found\",\"retry\":false}}}");
    CHECK_INT(claw_waiting(client), 0); // what is no more needs none
    end();
}

TEST(what_the_relay_has_forgotten_is_not_waited_for)
{
    char ids[3][CLAW_ID_CAP];
    const struct claw_options options = options_for_tests();
    begin(&options);
    come_up(1, 0);
    for (unsigned i = 0; i < 3; i++) {
        hand_out(i, 2, 5 + i);
        take(ids[i]);
    }
    break_off();
    come_up(2, 1);
    CHECK_INT(claw_ack(client, "otto", ids[0], 0, 0), CLAW_OK);
    CHECK_INT(claw_waiting(client), 1); // it may be the one that is to come
    hand_out(3, 4, 1);                  // which one that passes is not
    expect(CLAW_EVENT_MESSAGE);
    CHECK_INT(claw_waiting(client), 1);
    hand_out(2, 2, 7);
    CHECK(next() == NULL);
    CHECK_INT(claw_waiting(client), 0); // it is another one
    CHECK_INT(claw_attach_name(client, "otto"), CLAW_OK);
    say("{\"jsonrpc\":\"2.0\",\"id\":3,\"result\":{\"agent\":\"mini/otto\",\"waiting\":1,"
        "\"receipts\":0}}"); // it was handed out
    expect(CLAW_EVENT_ATTACHED);
    CHECK_INT(claw_ack(client, "otto", ids[1], 0, 0), CLAW_OK);
    CHECK_INT(claw_waiting(client), 0);
    CHECK_INT(claw_drain(client, -1), CLAW_OK);
    end();
}

TEST(a_client_that_has_ended_refuses_every_call)
{
    char sha256[CLAW_SHA256_CAP], text[2];
    const struct claw_event *file;
    const struct claw_options options = options_for_tests();
    struct claw_letter letter;
    begin(&options);
    memory_loop_advance(client->loop, 0);
    ws_peer_put(&peer, CL_STR("HTTP/1.1 401 No\r\nContent-Length: 0\r\n\r\n"));
    expect(CLAW_EVENT_ENDED);
    claw_letter_init(&letter, sizeof letter);
    letter.from = "otto";
    letter.to = "laptop/mira";
    CHECK_INT(claw_send(client, &letter, NULL), CLAW_ERR_UNAUTHORIZED);
    CHECK_INT(claw_cancel_ask(client, "AAECAwQFBgcICQoLDA0ODw"), CLAW_ERR_UNAUTHORIZED);
    CHECK_INT(claw_put_blob(client, "x", 1, 0, sha256), CLAW_ERR_UNAUTHORIZED);
    CHECK_INT(claw_get_file(client, "key", 0, &file), CLAW_ERR_UNAUTHORIZED);
    CHECK(file == NULL);
    memset(sha256, '0', sizeof sha256 - 1);
    sha256[sizeof sha256 - 1] = '\0';
    CHECK_INT(claw_get_blob(client, sha256, text, 1, 0), CLAW_ERR_UNAUTHORIZED);
    end();
}

TEST(calls_that_block_wait_out_an_outage)
{
    char url[64], sha256[CLAW_SHA256_CAP];
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof address;
    const struct claw_event *got;
    struct claw_options options = options_for_tests();
    struct claw_file file;
    int nobody = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    CHECK(bind(nobody, (struct sockaddr *)&address, len) == 0); // and does not listen
    CHECK(getsockname(nobody, (struct sockaddr *)&address, &len) == 0);
    (void)snprintf(url, sizeof url, "http://127.0.0.1:%u", ntohs(address.sin_port));
    options.url = url;
    CHECK_INT(claw_new(&options, &client, NULL, 0), CLAW_OK);
    claw_file_init(&file, sizeof file);
    file.agent = "otto";
    file.key = "key";
    CHECK_INT(claw_put_blob(client, "x", 1, 20, sha256), CLAW_ERR_TIMEOUT);
    CHECK_INT(claw_put_file(client, &file, 20, NULL), CLAW_ERR_TIMEOUT);
    CHECK_INT(claw_get_file(client, "key", 20, &got), CLAW_ERR_TIMEOUT);
    CHECK(got == NULL);
    CHECK_INT(claw_free(client), CLAW_OK);
    (void)close(nobody);
}

TEST(a_letter_that_cannot_be_is_refused)
{
    char id[CLAW_ID_CAP];
    const struct claw_options options = options_for_tests();
    struct claw_letter letter;
    begin(&options);
    claw_letter_init(&letter, sizeof letter);
    letter.from = "otto";
    letter.to = "laptop/mira";
    letter.id = "AAECAwQF"; // its beginning alone
    CHECK_INT(claw_send(client, &letter, NULL), CLAW_ERR_USAGE);
    CHECK_INT(claw_ask(client, &letter, 0, NULL), CLAW_ERR_USAGE);
    CHECK_INT(claw_ask(client, &letter, -1, NULL), CLAW_ERR_USAGE); // it is no wait without end
    letter.body_len = 1;
    CHECK_INT(claw_send(client, &letter, NULL), CLAW_ERR_USAGE);
    letter.body_len = CL_ENVELOPE_BODY_BYTES_MAX + 1;
    CHECK_INT(claw_send_large(client, &letter, 0, NULL), CLAW_ERR_USAGE);
    CHECK_INT(claw_waiting(client), 0);
    letter.body_len = 0;
    letter.id = "AAECAwQFBgcICQoLDA0ODw";
    CHECK_INT(claw_send(client, &letter, id), CLAW_OK);
    CHECK_STR(cl_str_z(id), cl_str_z(letter.id));
    end();
}

TEST(what_has_a_length_and_is_not_there_is_refused)
{
    char sha256[CLAW_SHA256_CAP];
    const struct claw_options options = options_for_tests();
    struct claw_agent agent;
    struct claw_file file;
    begin(&options);
    claw_agent_init(&agent, sizeof agent);
    agent.agent = "otto";
    agent.capabilities_len = 1;
    CHECK_INT(claw_attach(client, &agent), CLAW_ERR_USAGE);
    claw_file_init(&file, sizeof file);
    file.agent = "otto";
    file.key = "key";
    file.text_len = 1;
    CHECK_INT(claw_put_file(client, &file, 0, NULL), CLAW_ERR_USAGE);
    CHECK_INT(claw_put_blob(client, NULL, 1, 0, sha256), CLAW_ERR_USAGE);
    end();
}

TEST(an_assertion_breaks_the_client_and_nothing_else)
{
    char why[CLAW_WHY_CAP], sha256[CLAW_SHA256_CAP];
    const struct claw_options options = options_for_tests();
    begin(&options);
    is_bug_due = true;
    CHECK_INT(claw_attach_name(client, "mira"), CLAW_ERR_INTERNAL);
    claw_why(client, why, sizeof why);
    CHECK(strstr(why, "somewhere.c:7: all is well") != NULL);
    CHECK_INT(claw_attach_name(client, "mira"), CLAW_ERR_INTERNAL);
    CHECK_INT(claw_turn(client, -1), CLAW_ERR_INTERNAL);
    CHECK_INT(claw_put_blob(client, "x", 1, 0, sha256), CLAW_ERR_INTERNAL);
    CHECK_INT(claw_drain(client, -1), CLAW_ERR_INTERNAL);
    CHECK(claw_next_event(client, -1) == NULL);
    CHECK_INT(claw_fd(client), -1);
    CHECK_INT(claw_is_up(client), 0);
    CHECK_INT(claw_free(client), CLAW_OK);
    broken = client;
}

static claw_err within[3];

static void
on_event(void *user, claw_client *of, const struct claw_event *event)
{
    (void)user, (void)event;
    within[0] = claw_free(of);
    within[1] = claw_turn(of, 0);
    within[2] = claw_drain(of, 0);
}

TEST(on_event_may_neither_free_nor_drive_the_client)
{
    struct claw_options options = options_for_tests();
    options.on_event = on_event;
    begin(&options);
    memory_loop_advance(client->loop, 0);
    memory_stream_reset(&peer.stream);
    memory_stream_run(&peer.stream);
    within[0] = within[1] = within[2] = CLAW_OK;
    CHECK_INT(claw_turn(client, 0), CLAW_OK);
    for (size_t i = 0; i < 3; i++)
        CHECK_INT(within[i], CLAW_ERR_USAGE);
    end();
}

TEST(options_that_cannot_be_are_refused_with_a_sentence)
{
    char why[CLAW_WHY_CAP] = "";
    struct claw_options options = options_for_tests();
    options.url = "relay";
    CHECK_INT(claw_new(&options, &client, why, sizeof why), CLAW_ERR_USAGE);
    CHECK(client == NULL && strstr(why, "is no URL") != NULL);
    options = options_for_tests();
    options.instance = "relay";
    CHECK_INT(claw_new(&options, &client, why, sizeof why), CLAW_ERR_USAGE);
    options = options_for_tests();
    options.pins = "sha256:x";
    CHECK_INT(claw_new(&options, &client, NULL, 0), CLAW_ERR_USAGE);
    options = options_for_tests();
    options.token = "two words";
    CHECK_INT(claw_new(&options, &client, why, 8), CLAW_ERR_USAGE);
    CHECK_INT(strlen(why), 7);
    options = options_for_tests();
    options.size = 0;
    CHECK_INT(claw_new(&options, &client, NULL, 0), CLAW_ERR_USAGE);
    CHECK_INT(claw_free(NULL), CLAW_OK);
}

TEST(every_error_of_the_table_has_a_number_of_its_own)
{
    for (unsigned i = 0; i < CL_ERR_COUNT; i++) {
        claw_err err = cl_api_err((enum cl_err)i);
        CHECK_INT(cl_api_err_of(err), i);
        CHECK_STR(cl_str_z(claw_err_name(err)), cl_str_z(cl_err_wire((enum cl_err)i)));
    }
    CHECK_STR(cl_str_z(claw_err_name(12345)), CL_STR("internal"));
    CHECK_INT(claw_err_may_retry(CLAW_ERR_INBOX_FULL), 1);
    CHECK_INT(claw_err_may_retry(CLAW_ERR_UNAUTHORIZED), 0);
}
