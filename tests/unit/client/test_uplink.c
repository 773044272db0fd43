// SPDX-License-Identifier: MIT
#include "client/uplink.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/limits.h"
#include "support/fault.h"
#include "support/test.h"
#include "support/ws_peer.h"

static struct ws_peer peer;
static struct cl_loop *loop;
static struct cl_uplink *uplink;
static char notes[2048];
static uint64_t chance;       // what the uplink gets for a random number
static const char *free_when; // what is noted when the uplink is freed from within that callback

static void
note(const char *what, unsigned number, cl_str text)
{
    size_t len = strlen(notes);
    (void)snprintf(notes + len, sizeof notes - len, "%s:%u:%.*s ", what, number, CL_STR_ARG(text));
    if (free_when != NULL && strcmp(what, free_when) == 0) {
        cl_uplink_free(uplink);
        uplink = NULL;
    }
}

/* What was noted since the last call. */
static const char *
noted(void)
{
    static char copy[sizeof notes];
    memcpy(copy, notes, sizeof copy);
    notes[0] = '\0';
    test_note("%s", copy);
    return copy;
}

#define CHECK_NOTES(text) CHECK_STR(cl_str_z(noted()), CL_STR(text))
#define CHECK_HEARD(text) CHECK_STR(ws_peer_heard(&peer), CL_STR(text))

static void
on_up(void *ctx, const struct cl_v2_welcome *welcome)
{
    (void)ctx;
    note("up", 0, welcome->epoch);
}

static void
on_down(void *ctx, const struct cl_uplink_fall *fall, uint32_t pause_ms)
{
    (void)ctx;
    note("down", pause_ms, cl_str_z(cl_err_wire(fall->err)));
}

static void
on_ended(void *ctx, const struct cl_uplink_fall *fall)
{
    (void)ctx;
    note("ended", fall->no.status, cl_str_z(cl_err_wire(fall->err)));
}

static void
on_note(void *ctx, enum cl_v2_note kind, const union cl_v2_note_params *params)
{
    (void)ctx, (void)params;
    note("note", kind, CL_STR(""));
}

static void
on_answer(void *ctx, const struct cl_uplink_answer *answer)
{
    CHECK((answer->err == CL_OK) == (answer->result != NULL));
    note(ctx, answer->error != NULL ? (unsigned)answer->error->code : 0,
         cl_str_z(cl_err_wire(answer->err)));
}

static uint64_t
random_number(void)
{
    return chance;
}

static const struct cl_uplink_events events = {on_up, on_down, on_ended, on_note, NULL};

static struct cl_uplink_config config;

static void
configure(void)
{
    config = (struct cl_uplink_config){.url = CL_STR("http://relay.example:9077/"),
                                       .instance = CL_STR("mini"),
                                       .client = CL_STR("test"),
                                       .events = &events,
                                       .dial = ws_peer_dial,
                                       .random = random_number};
}

/* Ready to be dialled; false without memory. */
static bool
begin(void)
{
    notes[0] = '\0';
    free_when = NULL;
    uplink = NULL;
    if (cl_loop_new(&loop) != CL_OK)
        return false;
    memory_loop_clock(loop);
    ws_peer_use(&peer);
    config.loop = loop;
    if (cl_uplink_new(&config, NULL, &uplink) == CL_OK)
        return true;
    cl_loop_free(loop);
    return false;
}

static void
end(void)
{
    cl_uplink_free(uplink);
    uplink = NULL;
    cl_loop_free(loop);
    CHECK(peer.stream.is_closed);
    ws_peer_done(&peer);
}

#define HELLO                                                                                \
    "{\"jsonrpc\":\"2.0\",\"id\":0,\"method\":\"hello\",\"params\":{\"versions\":[\"2.0\"]," \
    "\"instance\":\"mini\",\"client\":\"test\"}}\n"
#define ATTACH(id, rest)              \
    "{\"jsonrpc\":\"2.0\",\"id\":" id \
    ",\"method\":\"attach\",\"params\":{\"agent\":\"mini/otto\"" rest "}}\n"
#define DETACH(id)                    \
    "{\"jsonrpc\":\"2.0\",\"id\":" id \
    ",\"method\":\"detach\",\"params\":{\"agent\":\"mini/otto\"}}\n"
#define RESULT(id, result) "{\"jsonrpc\":\"2.0\",\"id\":" id ",\"result\":" result "}"
#define ATTACHED(id, receipts) \
    RESULT(id, "{\"agent\":\"mini/otto\",\"waiting\":0,\"receipts\":" receipts "}")
#define RECEIPTS(version)                                                       \
    "{\"jsonrpc\":\"2.0\",\"method\":\"receipt\",\"params\":{\"agent\":\"mini/" \
    "otto\",\"receipts\":["                                                     \
    "{\"version\":" version ",\"id\":\"AAECAwQFBgcICQoLDA0ODw\",\"rungs\":[]}]}}"

static void
welcome(const char *epoch, const char *durability)
{
    char text[1024];
    (void)snprintf(
        text, sizeof text,
        "{\"jsonrpc\":\"2.0\",\"id\":0,\"result\":{\"version\":\"2.0\",\"versions\":[\"2.0\"],"
        "\"relay\":\"r\",\"epoch\":\"%s\",\"durability\":\"%s\",\"time\":1775304000123,"
        "\"limits\":{\"message_bytes\":1048575,\"body_bytes\":32768,\"blob_bytes\":0,"
        "\"credit_messages\":64,\"credit_bytes\":1048576}}}",
        epoch, durability);
    ws_peer_text(&peer, text);
}

/* Connected up to hello. */
static bool
greet(void)
{
    memory_loop_advance(loop, 0);
    if (!ws_peer_accept(&peer, CL_STR("")))
        return false;
    return cl_str_eq(ws_peer_heard(&peer), CL_STR(HELLO));
}

static void
come_up(const char *epoch)
{
    CHECK(greet());
    welcome(epoch, "memory");
}

static enum cl_err
attach(void)
{
    const struct cl_v2_attach params = {.agent = CL_STR("mini/otto")};
    return cl_uplink_attach(uplink, &params);
}

/* A call that answers under that name. */
static enum cl_err
detach(const char *name, bool is_kept, uint64_t *ret_number)
{
    const struct cl_v2_detach params = {.agent = CL_STR("mini/otto")};
    const struct cl_uplink_call call = {.method = CL_V2_DETACH,
                                        .params = &params,
                                        .is_kept = is_kept,
                                        .fn = on_answer,
                                        .ctx = (void *)(uintptr_t)name};
    return cl_uplink_call(uplink, &call, ret_number);
}

static void
break_off(void)
{
    memory_stream_reset(&peer.stream);
    memory_loop_advance(loop, 0);
    memory_loop_advance(loop, 0);
}

TEST(it_says_hello_then_attaches_then_makes_its_calls)
{
    configure();
    CHECK(begin());
    CHECK_OK(detach("first", false, NULL));
    CHECK_OK(attach());
    come_up("one");
    CHECK_NOTES("up:0:one ");
    CHECK(strstr(peer.request, "GET /v2 HTTP/1.1\r\nHost: relay.example:9077\r\n") != NULL);
    CHECK_HEARD(ATTACH("2", "") DETACH("1"));
    CHECK_OK(detach("second", false, NULL));
    CHECK_HEARD(DETACH("3"));
    ws_peer_text(&peer, RESULT("3", "{}"));
    ws_peer_text(
        &peer, "{\"jsonrpc\":\"2.0\",\"id\":1,\"error\":{\"code\":403,\"message\":\"no\",\"data\":"
               "{\"error\":\"forbidden\",\"retry\":false}}}");
    ws_peer_text(&peer, RESULT("99", "{}"));
    CHECK_NOTES("second:0:ok first:403:forbidden ");
    end();
}

TEST(a_kept_call_is_made_again_word_by_word_and_before_later_ones)
{
    uint64_t forgotten;
    configure();
    CHECK(begin());
    come_up("one");
    CHECK_OK(detach("kept", true, NULL));
    CHECK_OK(detach("lost", false, NULL));
    CHECK_OK(detach("forgotten", true, &forgotten));
    CHECK_HEARD(DETACH("1") DETACH("2") DETACH("3"));
    chance = 0;
    break_off();
    CHECK_NOTES("up:0:one lost:0:closed down:0:closed ");
    cl_uplink_forget(uplink, forgotten);
    CHECK_OK(detach("later", false, NULL));
    come_up("one");
    CHECK_HEARD(DETACH("1") DETACH("4"));
    ws_peer_text(&peer, RESULT("1", "{}"));
    CHECK_NOTES("up:0:one kept:0:ok ");
    end();
}

TEST(receipts_go_on_behind_the_last_one)
{
    configure();
    CHECK(begin());
    CHECK_OK(attach());
    come_up("one");
    CHECK_HEARD(ATTACH("1", ""));
    ws_peer_text(&peer, ATTACHED("1", "40"));
    break_off();
    come_up("one");
    CHECK_HEARD(ATTACH("2", ",\"receipts_after\":40"));
    ws_peer_text(&peer, RECEIPTS("43"));
    ws_peer_text(&peer, RECEIPTS("42"));
    break_off();
    come_up("one");
    CHECK_HEARD(ATTACH("3", ",\"receipts_after\":43"));
    break_off();
    come_up("two"); // started again, with nothing of what it had
    CHECK_HEARD(ATTACH("4", ",\"receipts_after\":0"));
    end();
}

TEST(a_relay_with_a_disk_goes_on_counting)
{
    configure();
    CHECK(begin());
    CHECK_OK(attach());
    come_up("one");
    ws_peer_text(&peer, ATTACHED("1", "40"));
    break_off();
    CHECK(greet());
    welcome("two", "disk");
    CHECK_HEARD(ATTACH("2", ",\"receipts_after\":40"));
    end();
}

TEST(the_pause_doubles_until_it_is_up_again)
{
    configure();
    chance = 1000;
    CHECK(begin());
    come_up("one");
    break_off();
    CHECK_NOTES("up:0:one down:1000:closed ");
    peer.is_refusing = true;
    memory_loop_advance(loop, 999);
    CHECK_INT(peer.dials, 1);
    memory_loop_advance(loop, 1);
    CHECK_INT(peer.dials, 2);
    CHECK_NOTES("down:1000:out_of_memory ");
    chance = 4000;
    memory_loop_advance(loop, 1000);
    CHECK_NOTES("down:4000:out_of_memory ");
    peer.is_refusing = false;
    memory_loop_advance(loop, 4000);
    come_up("one");
    chance = 1500; // of a limit of 1 s again the remainder is 499
    break_off();
    CHECK_NOTES("up:0:one down:499:closed ");
    end();
}

TEST(the_pause_doubles_also_where_hello_is_answered_and_no_agent_is_taken)
{
    configure();
    chance = 3999;
    CHECK(begin());
    CHECK_OK(attach());
    come_up("one");
    break_off();
    CHECK_NOTES("up:0:one down:996:closed "); // of 1 s
    memory_loop_advance(loop, 996);
    come_up("one");
    break_off();
    CHECK_NOTES("up:0:one down:1998:closed "); // of 2 s
    memory_loop_advance(loop, 1998);
    come_up("one");
    ws_peer_text(&peer, ATTACHED("3", "0"));
    break_off();
    CHECK_NOTES("up:0:one down:996:closed ");
    end();
}

/* An attach that is refused with so many seconds. */
static void
refuse_attach(const char *id, const char *retry_after)
{
    char text[256];
    (void)snprintf(text, sizeof text,
                   "{\"jsonrpc\":\"2.0\",\"id\":%s,\"error\":{\"code\":429,\"message\":\"no\","
                   "\"data\":{\"error\":\"rate_limited\",\"retry\":true,\"retry_after\":%s}}}",
                   id, retry_after);
    ws_peer_text(&peer, text);
}

TEST(a_relay_that_says_when_to_come_back_is_left_alone_until_then)
{
    configure();
    chance = 7;
    CHECK(begin());
    CHECK_OK(attach());
    come_up("one");
    refuse_attach("1", "90");
    CHECK_NOTES("up:0:one down:90007:rate_limited ");
    memory_loop_advance(loop, 90006);
    CHECK_INT(peer.dials, 1);
    memory_loop_advance(loop, 1);
    come_up("one");
    refuse_attach("2", "9007199254740991");
    CHECK_NOTES("up:0:one down:300007:rate_limited ");
    end();
}

TEST(the_first_failure_ends_who_is_not_patient)
{
    configure();
    CHECK(begin());
    peer.is_refusing = true;
    memory_loop_advance(loop, 0);
    CHECK_NOTES("ended:0:out_of_memory ");
    memory_loop_advance(loop, 100000);
    CHECK_INT(peer.dials, 1);
    end();
    configure();
    config.is_patient = true;
    chance = 7;
    CHECK(begin());
    peer.is_refusing = true;
    memory_loop_advance(loop, 0);
    CHECK_NOTES("down:7:out_of_memory ");
    end();
}

/* The status that a server answers a later handshake with. */
static void
answer_later(const char *status)
{
    configure();
    chance = 0;
    CHECK(begin());
    come_up("one");
    break_off();
    (void)noted();
    memory_loop_advance(loop, 0);
    memory_stream_run(&peer.stream);
    ws_peer_put(&peer, cl_str_z(status));
    memory_loop_advance(loop, 0);
}

TEST(what_trying_again_cannot_mend_ends_it)
{
    answer_later("HTTP/1.1 401 No\r\nContent-Length: 0\r\n\r\n");
    CHECK_NOTES("ended:401:unauthorized ");
    end();
    answer_later("HTTP/1.1 403 No\r\nContent-Length: 0\r\n\r\n");
    CHECK_NOTES("ended:403:forbidden ");
    end();
    answer_later("HTTP/1.1 503 Busy\r\nRetry-After: 3\r\nContent-Length: 0\r\n\r\n");
    CHECK_NOTES("down:3000:unavailable ");
    end();
    answer_later("HTTP/1.1 404 Not here\r\nContent-Length: 0\r\n\r\n");
    CHECK_NOTES("down:0:upgrade_required ");
    end();
}

TEST(a_hello_or_an_attach_that_is_refused_ends_it)
{
    configure();
    CHECK(begin());
    CHECK(greet());
    ws_peer_text(
        &peer, "{\"jsonrpc\":\"2.0\",\"id\":0,\"error\":{\"code\":426,\"message\":\"no\",\"data\":"
               "{\"error\":\"upgrade_required\",\"retry\":false,\"versions\":[\"3.0\"]}}}");
    CHECK_NOTES("ended:0:upgrade_required ");
    end();
    configure();
    CHECK(begin());
    CHECK_OK(attach());
    come_up("one");
    ws_peer_text(
        &peer, "{\"jsonrpc\":\"2.0\",\"id\":1,\"error\":{\"code\":403,\"message\":\"no\",\"data\":"
               "{\"error\":\"forbidden\",\"retry\":false}}}");
    CHECK_NOTES("up:0:one ended:0:forbidden ");
    end();
}

TEST(a_relay_that_restarts_is_come_back_to)
{
    configure();
    chance = 500;
    CHECK(begin());
    come_up("one");
    ws_peer_say(&peer, CL_WS_CLOSE, CL_STR("\x03\xf4")); // 1012
    memory_loop_advance(loop, 0);
    CHECK_NOTES("up:0:one down:500:closed ");
    CHECK_STR(ws_peer_heard(&peer), CL_STR(""));
    CHECK_STR(cl_str_z(peer.events), CL_STR("close:1012 "));
    memory_stream_put_eof(&peer.stream); // the server has closed its side
    memory_loop_advance(loop, 500);
    memory_loop_advance(loop, 2);
    CHECK_INT(peer.dials, 2);
    come_up("two");
    CHECK_NOTES("up:0:two ");
    end();
}

TEST(a_relay_that_falls_silent_is_left)
{
    configure();
    chance = 0;
    CHECK(begin());
    come_up("one");
    for (int s = 0; s < 44; s++)
        memory_loop_advance(loop, 1000);
    (void)ws_peer_heard(&peer);
    CHECK_STR(cl_str_z(peer.events), CL_STR("ping ping "));
    CHECK_NOTES("up:0:one ");
    memory_loop_advance(loop, 1000);
    memory_loop_advance(loop, 0);
    CHECK_NOTES("down:0:closed ");
    end();
}

TEST(a_hello_that_is_never_answered_is_not_waited_for)
{
    configure();
    config.is_patient = true;
    chance = 9;
    CHECK(begin());
    CHECK(greet());
    memory_loop_advance(loop, CL_CLIENT_TIMEOUT_MS - 1);
    CHECK_NOTES("");
    memory_loop_advance(loop, 1);
    CHECK_NOTES("down:9:timeout ");
    memory_loop_advance(loop, 10);
    memory_loop_advance(loop, 2);
    CHECK_INT(peer.dials, 2);
    end();
}

TEST(garbage_is_no_answer)
{
    static const char *const texts[] = {"",
                                        "hello",
                                        "[]",
                                        "{\"jsonrpc\":\"2.0\",\"id\":0}",
                                        RESULT("0", "{}"),
                                        RESULT("7", "{}"),
                                        RESULT("\"0\"", "1")};
    chance = 0;
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        configure();
        config.is_patient = true;
        CHECK(begin());
        CHECK(greet());
        ws_peer_text(&peer, texts[i]);
        CHECK_NOTES("down:0:io_error ");
        end();
    }
    configure();
    config.is_patient = true;
    CHECK(begin());
    CHECK(greet());
    ws_peer_say(&peer, CL_WS_BINARY, CL_STR("x"));
    CHECK_NOTES("down:0:io_error ");
    end();
}

TEST(a_result_that_breaks_a_rule_is_an_error_of_its_call)
{
    configure();
    CHECK(begin());
    come_up("one");
    const struct cl_v2_agents params = {.limit = 1};
    CHECK_OK(cl_uplink_call(uplink,
                            &(struct cl_uplink_call){.method = CL_V2_AGENTS,
                                                     .params = &params,
                                                     .fn = on_answer,
                                                     .ctx = (void *)(uintptr_t) "agents"},
                            NULL));
    ws_peer_text(&peer, RESULT("1", "{\"agents\":7}"));
    CHECK_NOTES("up:0:one agents:0:io_error ");
    end();
}

TEST(it_may_be_freed_from_within_any_callback)
{
    static const char *const whens[] = {"up", "note", "kept", "lost", "down"};
    for (size_t i = 0; i < sizeof whens / sizeof *whens; i++) {
        configure();
        chance = 0;
        CHECK(begin());
        CHECK_OK(attach());
        CHECK_OK(detach("kept", true, NULL));
        CHECK_OK(detach("lost", false, NULL));
        free_when = whens[i];
        come_up("one");
        ws_peer_text(&peer, RECEIPTS("43"));
        ws_peer_text(&peer, RESULT("1", "{}"));
        break_off();
        CHECK(uplink == NULL);
        CHECK(strstr(noted(), whens[i]) != NULL);
        end();
    }
}

TEST(goodbye_is_said)
{
    configure();
    CHECK(begin());
    come_up("one");
    cl_uplink_free(uplink);
    uplink = NULL;
    (void)ws_peer_heard(&peer);
    CHECK_STR(cl_str_z(peer.events), CL_STR("close:1000 "));
    end();
}

TEST(a_call_that_cannot_be_written_is_refused)
{
    configure();
    CHECK(begin());
    const struct cl_v2_refuse params = {
        .agent = CL_STR("mini/otto"), .at = {2, 1, 1}, .reason = CL_STR("\xff")};
    CHECK_INT(cl_uplink_call(uplink,
                             &(struct cl_uplink_call){.method = CL_V2_REFUSE, .params = &params},
                             NULL),
              CL_ERR_MALFORMED);
    end();
}

TEST(no_failed_allocation_leaks_or_loses_a_kept_call)
{
    FOR_EACH_FAULT
    {
        configure();
        config.is_patient = true;
        chance = 0;
        if (begin()) {
            bool is_asked = attach() == CL_OK && detach("kept", true, NULL) == CL_OK;
            CHECK(is_asked || fault_happened());
            bool is_answered = false;
            for (int tries = 0; tries < 4 && is_asked && !is_answered; tries++) {
                if (greet())
                    welcome("one", "memory");
                if (!peer.stream.is_closed)
                    ws_peer_text(&peer, RESULT("1", "{}"));
                is_answered = strstr(notes, "kept:") != NULL;
                if (!is_answered)
                    break_off();
                memory_loop_advance(loop, 5000);
            }
            CHECK(is_answered || !is_asked);
            end();
        } else {
            CHECK(fault_happened());
        }
    }
}
