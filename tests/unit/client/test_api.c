// SPDX-License-Identifier: MIT
#include <stdio.h>
#include <string.h>

#include "base/assert.h"
#include "client/api_private.h"
#include "support/test.h"
#include "support/ws_peer.h"

/* libclawlink with a relay that the test plays. */

static struct ws_peer peer;
static claw_client *client;
static claw_client *volatile broken; // stays for ever; whoever looks for leaks finds it here
static bool is_bug_due;     // the next allocation meets an assertion that fails

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

/* Connected and attached, with so many messages waiting; what the client says is dropped. */
static void
come_up(unsigned attach_number, unsigned waiting)
{
    char text[256];
    memory_loop_advance(client->loop, 0);
    CHECK(ws_peer_accept(&peer, CL_STR("")));
    say("{\"jsonrpc\":\"2.0\",\"id\":0,\"result\":{\"version\":\"2.0\",\"versions\":[\"2.0\"],"
        "\"relay\":\"r\",\"epoch\":\"e\",\"durability\":\"memory\",\"time\":1775304000123,"
        "\"limits\":{\"message_bytes\":1048575,\"body_bytes\":32768,\"blob_bytes\":0,"
        "\"credit_messages\":64,\"credit_bytes\":1048576}}}");
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
                                        .pri = (uint8_t)priority};
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

TEST(an_assertion_breaks_the_client_and_nothing_else)
{
    char why[CLAW_WHY_CAP];
    const struct claw_options options = options_for_tests();
    begin(&options);
    is_bug_due = true;
    CHECK_INT(claw_attach_name(client, "mira"), CLAW_ERR_INTERNAL);
    claw_why(client, why, sizeof why);
    CHECK(strstr(why, "somewhere.c:7: all is well") != NULL);
    CHECK_INT(claw_attach_name(client, "mira"), CLAW_ERR_INTERNAL);
    CHECK_INT(claw_turn(client, -1), CLAW_ERR_INTERNAL);
    CHECK_INT(claw_drain(client, -1), CLAW_OK); // nothing was asked of it
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
