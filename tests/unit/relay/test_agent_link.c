// SPDX-License-Identifier: MIT
/* Agent Link in a whole relay on memory streams: what no client outside can bring about, such as a
 * minute that passes at once. All else is tests/integration/test_agent_link.py's. */
#include <stdio.h>
#include <string.h>

#include "relay/agent_link.h"
#include "relay/relay.h"
#include "relay/state.h"
#include "support/fault.h"
#include "support/memory_stream.h"
#include "support/test.h"
#include "support/test_journal.h"
#include "trust/agent_link_sign.h"
#include "wire/websocket.h"

#define HOST "Host: localhost\r\n"
#define UPGRADE                                          \
    HOST "Upgrade: websocket\r\nConnection: Upgrade\r\n" \
         "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"

/* Two instances with the shared secret, one with its own. */
#define INSTANCES                                                  \
    "{\"port\":0,\"secret\":\"shared\",\"registered_instances\":[" \
    "{\"instance_id\":\"a\"},{\"instance_id\":\"b\"},"             \
    "{\"instance_id\":\"own\",\"secret\":\"its own\"}]}"

static struct cl_journal *journal;
static struct cl_relay *relay;
static struct memory_stream streams[6];
static int64_t passed_ms;
static struct cl_hmac *shared, *own;

static cl_time
wall(void)
{
    return (cl_time){INT64_C(1775304000000) + passed_ms};
}

static cl_instant
steady(void)
{
    return (cl_instant){1000 + passed_ms};
}

static const char *next_file; // what stands there at SIGHUP; NULL: it cannot be read

static enum cl_err
reread(void *ctx, struct cl_relay_agent_link *config, struct cl_why *why)
{
    (void)ctx;
    if (next_file == NULL)
        return cl_fail(CL_ERR_IO, why, "it has gone");
    config->text = cl_str_z(next_file);
    return CL_OK;
}

/* A relay that lives by passed_ms, which is past whatever the machine's clock says. */
static void
begin_with(const char *file)
{
    struct test_journal_options options = {.seed = 1};
    struct cl_why why = {""};
    journal = test_journal_open(&options);
    CHECK(journal != NULL);
    struct cl_relay_config config = {.host = CL_STR("127.0.0.1"),
                                     .inbox_messages_max = CL_INBOX_MESSAGES_MAX,
                                     .inbox_bytes_max = CL_INBOX_BYTES_MAX,
                                     .inboxes_bytes_max = CL_INBOXES_BYTES_MAX,
                                     .agent_link = {.is_on = true,
                                                    .file = "relay-config.json",
                                                    .text = cl_str_z(file),
                                                    .reread = reread},
                                     .log = {.fd = -1},
                                     .journal = journal};
    CHECK_OK(cl_relay_open(&config, &relay, &why));
    memory_loop_clock(relay->loop);
    cl_loop_timer_start(relay->loop, &relay->agent_link->beat,
                        cl_instant_add(cl_loop_now(relay->loop), CL_AL_BEAT_MS));
    passed_ms = 10 * INT64_C(31536000000);
    relay->wall = wall;
    relay->steady = steady;
    cl_stamp_init(&relay->stamp, wall(), steady());
    relay->now.ms = 0; // read anew
    cl_loop_turn(relay->loop, false);
    shared = cl_hmac_new(CL_STR("shared"));
    own = cl_hmac_new(CL_STR("its own"));
}

static void
begin(void)
{
    begin_with(INSTANCES);
}

static void
end(void)
{
    cl_session_check(relay->session, relay->core);
    cl_core_check(relay->core);
    cl_relay_free(relay);
    cl_journal_close(journal);
    cl_hmac_free(shared);
    cl_hmac_free(own);
}

static void
wait_ms(int64_t ms)
{
    passed_ms += ms;
    memory_loop_advance(relay->loop, ms);
}

/* -- connections ------------------------------------------------------------------------------- */

static struct memory_stream *
open_at(struct cl_http_server *http, size_t at, const char *bytes)
{
    struct memory_stream *stream = &streams[at];
    memory_stream_init(stream, relay->loop);
    cl_http_server_take(http, &stream->stream);
    memory_stream_put(stream, cl_str_z(bytes));
    memory_stream_run(stream);
    return stream;
}

static void
hang_up(struct memory_stream *stream)
{
    memory_stream_reset(stream);
    cl_loop_turn(relay->loop, false);
    cl_loop_turn(relay->loop, false);
}

static unsigned
count(const struct memory_stream *stream, const char *text)
{
    cl_str written = memory_stream_written(stream);
    size_t len = strlen(text);
    unsigned found = 0;
    for (size_t i = 0; i + len <= written.len; i++)
        found += memcmp(written.ptr + i, text, len) == 0;
    return found;
}

static bool
has(const struct memory_stream *stream, const char *text)
{
    bool is_there = count(stream, text) > 0;
    if (!is_there)
        test_note("no %s in: %.*s", text, CL_STR_ARG(memory_stream_written(stream)));
    return is_there;
}

static void
say(struct memory_stream *stream, enum cl_ws_opcode opcode, cl_str text)
{
    static char bytes[2 * CL_MIB];
    const uint8_t mask[CL_WS_MASK_BYTES] = {0};
    size_t head = cl_ws_frame_head(opcode, true, text.len, mask, (uint8_t *)bytes);
    CHECK(head + text.len <= sizeof bytes);
    memcpy(bytes + head, text.ptr, text.len);
    memory_stream_clear(stream);
    memory_stream_put(stream, cl_str_of(bytes, head + text.len));
    memory_stream_run(stream);
}

/* Answers the last ping in what was written. */
static void
pong(struct memory_stream *stream)
{
    cl_str written = memory_stream_written(stream);
    char proof[8];
    CHECK(written.len >= 10);
    CHECK_INT((uint8_t)written.ptr[written.len - 10], 0x89);
    memcpy(proof, written.ptr + written.len - 8, sizeof proof);
    say(stream, CL_WS_PONG, cl_str_of(proof, sizeof proof));
}

/* The code of the close frame that was written last; 0: there is none. */
static unsigned
closed(const struct memory_stream *stream)
{
    cl_str written = memory_stream_written(stream);
    for (size_t i = 0; i + 4 <= written.len; i++)
        if ((uint8_t)written.ptr[i] == 0x88)
            return (unsigned)(uint8_t)written.ptr[i + 2] << 8 | (uint8_t)written.ptr[i + 3];
    return 0;
}

/* -- Agent Link -------------------------------------------------------------------------------- */

/* A register's signature; its clock is ahead by so much. */
static void
sign_register(struct cl_hmac *hmac, const char *instance, int64_t ahead_ms,
              char ret_hex[static CL_DIGEST_TEXT_LEN])
{
    cl_digest signature;
    cl_time local = {cl_relay_time(relay).ms + ahead_ms};
    CHECK_OK(cl_agent_link_sign_register(hmac, cl_str_z(instance), local, &signature));
    cl_digest_text(&signature, ret_hex);
}

static struct memory_stream *
registers(size_t at, struct cl_hmac *hmac, const char *instance)
{
    struct memory_stream *link = open_at(relay->agent_link->http, at, "GET / HTTP/1.1\r\n" UPGRADE);
    char text[256], hex[CL_DIGEST_TEXT_LEN];
    sign_register(hmac, instance, 0, hex);
    int len = snprintf(text, sizeof text,
                       "{\"type\":\"register\",\"instance_id\":\"%s\",\"signature\":\"%.*s\"}",
                       instance, (int)sizeof hex, hex);
    say(link, CL_WS_TEXT, cl_str_of(text, (size_t)len));
    return link;
}

/* Connected, a second after whoever was before. */
static struct memory_stream *
join(size_t at, const char *instance)
{
    wait_ms(1000);
    struct memory_stream *link =
        registers(at, strcmp(instance, "own") == 0 ? own : shared, instance);
    CHECK(has(link, "\"registered\""));
    memory_stream_clear(link);
    return link;
}

/* A send of that text, signed. */
static const char *
letter(const char *from, const char *to, const char *message)
{
    static char text[CL_MIB];
    struct cl_hmac *hmac = strncmp(from, "own/", 4) == 0 ? own : shared;
    char hex[CL_DIGEST_TEXT_LEN];
    cl_digest signature;
    const struct cl_agent_link_signed all = {
        .from = cl_str_z(from), .to = cl_str_z(to), .message = cl_str_z(message)};
    CHECK_OK(cl_agent_link_sign_send(hmac, &all, &signature));
    cl_digest_text(&signature, hex);
    int len = snprintf(text, sizeof text,
                       "{\"type\":\"send\",\"from\":\"%s\",\"to\":\"%s\",\"message\":\"%s\","
                       "\"signature\":\"%.*s\"}",
                       from, to, message, (int)sizeof hex, hex);
    CHECK((size_t)len < sizeof text);
    return text;
}

static void
sends(struct memory_stream *link, const char *from, const char *to, const char *message)
{
    say(link, CL_WS_TEXT, cl_str_z(letter(from, to, message)));
}

/* -- others ------------------------------------------------------------------------------------ */

/* An agent of v1 sends a task, which is taken. */
static void
delegate(size_t at, const char *to, const char *task)
{
    char text[1024], body[512];
    int len = snprintf(body, sizeof body,
                       "{\"from_agent\":\"old\",\"to_agent\":\"%s\",\"task\":\"%s\"}", to, task);
    (void)snprintf(text, sizeof text,
                   "POST /delegate HTTP/1.1\r\n" HOST "Content-Length: %d\r\n\r\n%s", len, body);
    struct memory_stream *http = open_at(relay->http, at, text);
    CHECK(has(http, "HTTP/1.1 200"));
    hang_up(http);
}

/* -- tests ------------------------------------------------------------------------------------- */

TEST(who_has_gone_is_not_taken_for_who_is_still_there)
{
    begin();
    struct memory_stream *one = join(1, "a"), *two = join(2, "a");
    sends(one, "a/one", "b/nobody", "I am one");
    sends(two, "a/two", "b/nobody", "I am two");
    hang_up(two);
    memory_stream_clear(one);
    // One's client drops what is for two, and its pong says nothing of that.
    delegate(0, "a/two", "kept for two");
    CHECK_INT(count(one, "for two"), 0);
    delegate(0, "a/one", "for one");
    CHECK(has(one, "for one"));
    CHECK_INT(cl_session_leased(relay->session), 1);
    pong(one);
    CHECK_INT(cl_session_leased(relay->session), 0);
    // Nor does a passing message wait for two: its sender is told at once.
    struct memory_stream *other = join(3, "b");
    sends(other, "b/x", "a/two", "passes two");
    CHECK(has(other, "a/two is offline"));
    CHECK_INT(count(one, "passes two"), 0);
    // What was kept comes with the next connection, which may be anybody's.
    two = registers(2, shared, "a");
    CHECK_INT(count(two, "kept for two"), 1);
    CHECK_INT(count(one, "for two"), 0);
    end();
}

TEST(one_instance_alone_does_not_fill_all_that_may_pass)
{
    static char text[400 * CL_KIB];
    uint64_t sent = 0;
    begin();
    memset(text, 'x', sizeof text - 1);
    struct memory_stream *b = join(1, "b"); // reads nothing
    b->room = 0;
    for (unsigned round = 0; round < 2; round++) {
        // Nor does it help to come again: what is on its way is on its way.
        struct memory_stream *a = join(2, "a");
        for (unsigned i = 0; i < 60; i++) {
            char to[16];
            (void)snprintf(to, sizeof to, "b/x%u-%u", round, i);
            sends(a, "a/one", to, text);
            CHECK(count(a, "\"error\"") == 0 || has(a, "of this instance are on their way"));
            sent += count(a, "\"error\"") == 0;
        }
        hang_up(a);
    }
    CHECK(sent * sizeof text > CL_AL_PASS_BYTES_MAX / 2);
    CHECK(cl_session_passing_bytes(relay->session) <= CL_AL_PASS_BYTES_MAX);
    struct memory_stream *other = join(3, "own");
    sends(other, "own/one", "b/other", "hi");
    CHECK_INT(count(other, "\"error\""), 0);
    // When their time is over there is room again.
    wait_ms(CL_PASS_LIFE_MS + 1);
    cl_loop_turn(relay->loop, false);
    (void)join(4, "b");
    struct memory_stream *a = join(2, "a");
    sends(a, "a/one", "b/again", "hi");
    CHECK_INT(count(a, "\"error\""), 0);
    end();
}

/* A register from 10.0.0.<host>, out of nowhere. */
static enum cl_err
knock(uint8_t host, const char *instance, bool is_good)
{
    struct cl_why why;
    char hex[CL_DIGEST_TEXT_LEN];
    struct cl_agent_link_call asked = {.type = CL_AGENT_LINK_REGISTER,
                                       .instance = cl_str_z(instance)};
    struct cl_al_who who = {.call = &asked};
    const uint8_t ip[16] = {[10] = 0xff, [11] = 0xff, [12] = 10, [15] = host};
    memcpy(who.network.ip, ip, sizeof ip);
    sign_register(strcmp(instance, "own") == 0 ? own : shared, instance, 0, hex);
    CHECK(cl_digest_read(cl_str_of(hex, sizeof hex), &asked.signature));
    asked.signature.bytes[0] ^= !is_good;
    return cl_al_door_register(relay, &who, &why);
}

TEST(a_flood_from_a_few_networks_locks_out_nobody_who_was_here)
{
    begin();
    (void)join(0, "a");
    for (unsigned second = 0; second < 3; second++) {
        wait_ms(1000);
        for (uint8_t host = 1; host <= 20; host++)
            for (unsigned i = 0; i < 300; i++)
                cl_err_ignore(knock(host, "a", false));
        CHECK_OK(knock(100, "a", true));
    }
    end();
}

TEST(a_stranger_does_not_learn_which_instances_there_are)
{
    static const char *const names[] = {"a", "own", "nobody"};
    begin();
    int64_t spent[3];
    for (size_t i = 0; i < 3; i++) {
        int64_t before =
            cl_loop_now(relay->loop).ms * CL_AL_SEARCHES_IN_ALL * CL_AGENT_LINK_SEARCH_MACS;
        CHECK_INT(knock(1, names[i], false), CL_ERR_UNAUTHORIZED);
        spent[i] = relay->agent_link->door.budget.all_full_at - before;
        wait_ms(10000);
    }
    CHECK_INT(spent[1], spent[0]);
    CHECK_INT(spent[2], spent[0]);
    CHECK_INT(knock(1, "nobody", true), CL_ERR_FORBIDDEN); // who knows the secret may hear it
    end();
}

TEST(one_instance_alone_does_not_fill_the_memory_of_sends)
{
    begin();
    struct cl_al_instance *a = cl_al_find_instance(relay->agent_link, CL_STR("a"));
    struct cl_al_instance *b = cl_al_find_instance(relay->agent_link, CL_STR("b"));
    cl_digest signature = {{0}}, other = {{[31] = 1}};
    for (uint32_t i = 0; i < 2 * CL_AL_SENDS_MAX; i++) {
        memcpy(signature.bytes, &i, sizeof i);
        cl_al_door_sent(relay, a, &signature);
    }
    CHECK_INT(cl_al_door_was_sent(relay, a, &other), CL_ERR_TOO_MANY); // nobody can tell
    CHECK_OK(cl_al_door_was_sent(relay, b, &other));
    cl_al_door_sent(relay, b, &other);
    CHECK_INT(cl_al_door_was_sent(relay, b, &other), CL_ERR_STALE);
    // Of another day, whatever came on this one.
    wait_ms(CL_AL_PROVEN_MS);
    CHECK_OK(cl_al_door_was_sent(relay, a, &other));
    end();
}

TEST(one_instance_alone_does_not_fill_the_memory_of_registers)
{
    begin();
    (void)join(0, "own");
    uint64_t before = cl_core_applied(relay->core);
    for (unsigned i = 0; i < CL_AL_SEEN_SHARE + 500; i++) {
        wait_ms(1000);
        CHECK_OK(knock(1, "own", true));
    }
    cl_loop_turn(relay->loop, false);
    CHECK(cl_core_applied(relay->core) - before >= CL_AL_SEEN_SHARE);
    CHECK(cl_core_applied(relay->core) - before < CL_AL_SEEN_SHARE + 250);
    // What is not remembered is good for the clock that is as it was, and for no other.
    CHECK_INT(relay->agent_link->counts[CL_AL_COUNT_REGISTERED], CL_AL_SEEN_SHARE + 501);
    end();
}

TEST(what_waits_for_an_agent_that_never_spoke_comes_with_its_instance)
{
    begin();
    delegate(0, "a/quiet", "kept for quiet");
    struct memory_stream *a = registers(1, shared, "a");
    CHECK_INT(count(a, "kept for quiet"), 1);
    hang_up(a);
    // As far as there is room for such agents, those for whom nothing waits make it.
    for (unsigned i = 0; i < CL_AL_AGENTS_MAX + 10; i++) {
        char to[16];
        struct memory_stream *b = join(2, "b");
        a = join(1, "a");
        (void)snprintf(to, sizeof to, "a/x%u", i);
        sends(b, "b/x", to, "passes");
        CHECK_INT(count(a, "passes"), 1);
        hang_up(a);
        hang_up(b);
    }
    wait_ms(1000);
    a = registers(1, shared, "a");
    CHECK_INT(count(a, "kept for quiet"), 1);
    end();
}

static void
reload(const char *file)
{
    next_file = file;
    cl_relay_reload(relay);
    cl_loop_turn(relay->loop, false);
}

TEST(at_sighup_the_file_says_which_instances_there_are)
{
    begin();
    struct memory_stream *a = join(0, "a"), *b = join(1, "b"), *mine = join(2, "own");
    sends(b, "b/one", "a/one", "hi");
    sends(a, "a/one", "b/one", "hi");
    memory_stream_clear(b);
    memory_stream_clear(a);
    // What does not hold changes nothing.
    reload(NULL);
    reload("{\"registered_instances\":[{\"instance_id\":\"a\"}]}");
    sends(a, "a/one", "own/two", "still there");
    CHECK(has(mine, "still there"));
    // a goes, b stays, c comes, the secret of own is another one.
    reload("{\"port\":0,\"secret\":\"shared\",\"registered_instances\":["
           "{\"instance_id\":\"b\",\"agents\":[\"two\"]},{\"instance_id\":\"c\"},"
           "{\"instance_id\":\"own\",\"secret\":\"shared\"}]}");
    CHECK_INT(closed(a), CL_WS_CLOSE_POLICY);
    CHECK_INT(closed(b), 0);
    CHECK_INT(closed(mine), CL_WS_CLOSE_POLICY);
    sends(b, "b/one", "c/x", "hi");
    CHECK(has(b, "not among the agents"));
    sends(b, "b/two", "a/one", "hi");
    CHECK(has(b, "a/one is offline"));
    hang_up(a);
    wait_ms(1000);
    a = registers(0, shared, "a");
    CHECK(has(a, "\"error\""));
    wait_ms(1000);
    struct memory_stream *other = registers(3, own, "own");
    CHECK(has(other, "\"error\""));
    (void)join(4, "c");
    end();
}

/* "a", whose register waits for a commit. */
static struct memory_stream *
knocks(size_t at)
{
    struct memory_stream *a = open_at(relay->agent_link->http, at, "GET / HTTP/1.1\r\n" UPGRADE);
    char hex[CL_DIGEST_TEXT_LEN], frame[8 + 256], text[256];
    const uint8_t mask[CL_WS_MASK_BYTES] = {0};
    sign_register(shared, "a", 0, hex);
    int len = snprintf(text, sizeof text,
                       "{\"type\":\"register\",\"instance_id\":\"a\",\"signature\":\"%.*s\"}",
                       (int)sizeof hex, hex);
    size_t head = cl_ws_frame_head(CL_WS_TEXT, true, (size_t)len, mask, (uint8_t *)frame);
    memcpy(frame + head, text, (size_t)len);
    memory_stream_clear(a);
    memory_stream_put(a, cl_str_of(frame, head + (size_t)len));
    CHECK(!cl_list_is_empty(&relay->agent_link->knocks)); // before the turn's end
    return a;
}

TEST(who_is_removed_while_its_register_waits_is_not_let_in)
{
    begin();
    struct memory_stream *a = knocks(0);
    next_file = "{\"secret\":\"other\",\"registered_instances\":[{\"instance_id\":\"b\"}]}";
    cl_relay_reload(relay);
    cl_loop_turn(relay->loop, false);
    cl_loop_turn(relay->loop, false);
    CHECK_INT(closed(a), CL_WS_CLOSE_TRY_LATER);
    CHECK_INT(count(a, "\"registered\""), 0);
    end();
}

TEST(whose_register_waits_too_long_may_try_later)
{
    begin();
    struct memory_stream *a = knocks(0);
    wait_ms(CL_AL_REGISTER_MS);
    CHECK_INT(closed(a), CL_WS_CLOSE_TRY_LATER);
    hang_up(a);
    struct memory_stream *silent =
        open_at(relay->agent_link->http, 1, "GET / HTTP/1.1\r\n" UPGRADE);
    wait_ms(CL_AL_REGISTER_MS);
    CHECK_INT(closed(silent), CL_WS_CLOSE_POLICY);
    end();
}

TEST(who_answers_no_ping_is_cut_in_the_end)
{
    begin();
    struct memory_stream *a = join(0, "a"), *b = join(1, "b");
    sends(b, "b/one", "a/one", "hi");
    for (unsigned i = 0; i < 10; i++) { // each says that it is there
        wait_ms(CL_AL_PROOF_MS / 10);
        say(a, CL_WS_TEXT, CL_STR("{\"type\":\"ping\"}"));
        CHECK_INT(relay->agent_link->conns_len, 2);
        say(b, CL_WS_TEXT, CL_STR("{\"type\":\"ping\"}"));
    }
    wait_ms(CL_AL_BEAT_MS);
    cl_loop_turn(relay->loop, false);
    CHECK_INT(relay->agent_link->conns_len, 1);
    CHECK(cl_al_find_instance(relay->agent_link, CL_STR("a"))->conns_len == 0);
    end();
}

TEST(without_memory_nothing_is_lost_track_of)
{
    FOR_EACH_FAULT
    {
        fault_pause();
        begin();
        struct memory_stream *a = join(0, "a"), *b = join(1, "b"), *mine = join(2, "own");
        sends(a, "a/one", "b/two", "hi");
        sends(b, "b/two", "a/one", "hi");
        sends(mine, "own/x", "a/one", "hi");
        fault_go_on();
        sends(b, "b/two", "a/one", "hi");
        sends(mine, "own/x", "a/one", "hi");
        sends(mine, "own/x", "b/quiet", "hi");
        sends(mine, "own/x", "c/quiet", "hi");
        say(a, CL_WS_PONG, CL_STR("\xff\xff\xff\xff\xff\xff\xff\x00"));
        fault_pause();
        hang_up(b);
        reload("{\"port\":0,\"secret\":\"shared\",\"registered_instances\":["
               "{\"instance_id\":\"b\"},{\"instance_id\":\"own\",\"secret\":\"its own\"}]}");
        fault_go_on();
        next_file = "{\"port\":0,\"secret\":\"shared\",\"registered_instances\":["
                    "{\"instance_id\":\"b\",\"name\":\"B\",\"agents\":[\"two\",\"three\"]},"
                    "{\"instance_id\":\"c\"},{\"instance_id\":\"own\",\"secret\":\"shared\"}]}";
        cl_relay_reload(relay);
        fault_pause();
        for (size_t i = 0; i < 3; i += 2)
            hang_up(&streams[i]);
        wait_ms(CL_PASS_LIFE_MS + 1);
        cl_loop_turn(relay->loop, false);
        CHECK_INT(cl_session_passing(relay->session), 0);
        CHECK_INT(relay->agent_link->conns_len, 0);
        CHECK(cl_list_is_empty(&relay->agent_link->passes));
        CHECK(cl_list_is_empty(&relay->agent_link->knocks));
        CHECK(cl_list_is_empty(&relay->agent_link->desks));
        end();
        fault_go_on();
    }
}

/* A send over HTTP, from where its instance is proven. */
static struct memory_stream *
posts(size_t at, const char *from, const char *to, const char *message)
{
    static char text[4096];
    struct memory_stream *http;
    const char *body = letter(from, to, message);
    (void)snprintf(text, sizeof text,
                   "POST /api/v1/send HTTP/1.1\r\n" HOST "Content-Length: %zu\r\n\r\n%s",
                   strlen(body), body);
    http = open_at(relay->agent_link->http, at, text);
    cl_loop_turn(relay->loop, false);
    return http;
}

TEST(at_a_stop_whoever_waits_over_http_is_answered)
{
    begin();
    (void)join(0, "a");
    struct memory_stream *b = join(1, "b");
    struct memory_stream *http = posts(2, "a/one", "b/two", "hi");
    CHECK(has(b, "\"hi\""));
    CHECK_INT(count(http, "HTTP/1.1"), 0);
    cl_al_drain(relay);
    cl_loop_turn(relay->loop, false);
    CHECK(has(http, "HTTP/1.1 503"));
    CHECK_INT(closed(b), CL_WS_CLOSE_RESTART);
    hang_up(b);
    end();
}
