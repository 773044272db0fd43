// SPDX-License-Identifier: MIT
/* Blobs in a whole relay on memory streams: without memory, when readers go, and in time. */
#include "relay/blob.h"

#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "proto/envelope.h"
#include "relay/state.h"
#include "support/fault.h"
#include "support/memory_stream.h"
#include "support/test.h"
#include "support/test_journal.h"

#define HOST "Host: localhost\r\n"
/* Of "abc". */
#define ABC     "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
#define HOUR_MS 3600000

static struct cl_journal *journal;
static struct cl_blobs *blobs;
static struct cl_relay *relay;
static struct memory_stream streams[4];
static bool is_used[4];
static cl_digest abc;

static void
begin_late(uint32_t commit_delay)
{
    struct test_journal_options options = {.seed = 1, .delay_max = commit_delay};
    struct cl_why why = {""};
    const struct cl_blobs_config store = {
        .blob_bytes_max = CL_MIB, .all_bytes_max = CL_MIB, .now = cl_clock_wall()};
    CHECK(cl_digest_read(CL_STR(ABC), &abc));
    journal = test_journal_open(&options);
    CHECK(journal != NULL);
    CHECK_OK(cl_blobs_open(&store, &blobs, &why));
    struct cl_relay_config config = {.host = CL_STR("127.0.0.1"),
                                     .inbox_messages_max = CL_INBOX_MESSAGES_MAX,
                                     .inbox_bytes_max = CL_INBOX_BYTES_MAX,
                                     .inboxes_bytes_max = CL_INBOXES_BYTES_MAX,
                                     .log = {.fd = -1},
                                     .journal = journal,
                                     .blobs = blobs};
    CHECK_OK(cl_relay_open(&config, &relay, &why));
    memory_loop_clock(relay->loop);
    memset(is_used, 0, sizeof is_used);
    cl_loop_turn(relay->loop, false);
}

static void
begin(void)
{
    begin_late(0);
}

static void
end(void)
{
    cl_relay_free(relay);
    cl_blobs_close(blobs);
    cl_journal_close(journal);
}

static void
hang_up(struct memory_stream *stream)
{
    memory_stream_reset(stream);
    cl_loop_turn(relay->loop, false);
    cl_loop_turn(relay->loop, false);
}

/* A new connection in the place of an older one, on which the peer says this as soon as it runs;
 * it takes so many bytes. */
static struct memory_stream *
connect_and_say(size_t at, const char *bytes, size_t room)
{
    struct memory_stream *stream = &streams[at];
    if (is_used[at] && !stream->is_closed)
        hang_up(stream);
    is_used[at] = true;
    memory_stream_init(stream, relay->loop);
    stream->room = room;
    cl_http_server_take(relay->http, &stream->stream);
    memory_stream_put(stream, cl_str_z(bytes));
    return stream;
}

static struct memory_stream *
ask(size_t at, const char *bytes)
{
    struct memory_stream *stream = connect_and_say(at, bytes, MEMORY_STREAM_CAP);
    memory_stream_run(stream);
    return stream;
}

static bool
says(const struct memory_stream *stream, const char *status)
{
    return cl_str_starts(memory_stream_written(stream), cl_str_z(status));
}

/* A PUT of these bytes at that offset of the 3. */
static const char *
put(unsigned offset, const char *bytes)
{
    static char text[512];
    (void)snprintf(text, sizeof text,
                   "PUT /v2/blobs/" ABC " HTTP/1.1\r\n" HOST
                   "Upload-Offset: %u\r\nUpload-Length: 3\r\nContent-Length: %zu\r\n\r\n%s",
                   offset, strlen(bytes), bytes);
    return text;
}

static enum cl_blob_state
state(void)
{
    return cl_blobs_look(blobs, &abc).state;
}

static const char get[] = "GET /v2/blobs/" ABC " HTTP/1.1\r\n" HOST "\r\n";

TEST(blob_is_put_and_read)
{
    begin();
    CHECK(says(ask(0, put(0, "a")), "HTTP/1.1 204"));
    CHECK(says(ask(1, put(1, "bc")), "HTTP/1.1 201"));
    CHECK_INT(state(), CL_BLOB_WHOLE);
    struct memory_stream *stream = ask(2, get);
    CHECK(says(stream, "HTTP/1.1 200"));
    CHECK(cl_str_ends(memory_stream_written(stream), CL_STR("\r\n\r\nabc")));
    CHECK(cl_list_is_empty(&relay->blobs.calls));
    CHECK(cl_list_is_empty(&relay->exchanges));
    end();
}

TEST(without_memory_uploads_are_refused_or_cut_and_nothing_is_lost)
{
    begin();
    FOR_EACH_FAULT
    {
        struct memory_stream *stream = ask(0, put(0, "abc"));
        CHECK(fault_happened() || says(stream, "HTTP/1.1 201"));
        hang_up(stream);
        CHECK(cl_list_is_empty(&relay->blobs.calls));
        CHECK(cl_list_is_empty(&relay->exchanges));
        CHECK(cl_blobs_remove(blobs, &abc));
    }
    end();
}

TEST(without_memory_readers_are_refused_or_cut)
{
    static const char *const requests[] = {
        get,
        "HEAD /v2/blobs/" ABC " HTTP/1.1\r\n" HOST "\r\n",
        "GET /v2/blobs/" ABC " HTTP/1.1\r\n" HOST "Range: bytes=1-1\r\n\r\n",
        "GET /v2/blobs/" ABC " HTTP/1.1\r\n" HOST "Range: bytes=3-\r\n\r\n",
    };
    begin();
    ask(0, put(0, "abc"));
    for (size_t i = 0; i < sizeof requests / sizeof *requests; i++) {
        test_note("%.90s", requests[i]);
        FOR_EACH_FAULT
        {
            struct memory_stream *stream = ask(1, requests[i]);
            CHECK(fault_happened() || says(stream, "HTTP/1.1 "));
            hang_up(stream);
            CHECK(cl_list_is_empty(&relay->blobs.calls));
            CHECK_INT(state(), CL_BLOB_WHOLE);
        }
    }
    end();
}

TEST(who_goes_while_a_piece_is_with_the_store_is_forgotten)
{
    begin();
    struct memory_stream *stream = connect_and_say(0, put(0, "abc"), MEMORY_STREAM_CAP);
    memory_stream_reset(stream); // before the turn's end asks what came out
    cl_loop_turn(relay->loop, false);
    cl_loop_turn(relay->loop, false);
    CHECK(cl_list_is_empty(&relay->blobs.calls));
    CHECK_INT(cl_blobs_look(blobs, &abc).have, 3);
    CHECK(says(ask(1, put(3, "")), "HTTP/1.1 201")); // goes on with nothing but the seal
    end();
}

TEST(relay_ends_while_blobs_are_read_and_written)
{
    begin();
    ask(0, put(0, "abc"));
    struct memory_stream *stream = connect_and_say(1, get, 0);
    memory_stream_run(stream);
    CHECK(!cl_list_is_empty(&relay->blobs.calls));
    ask(2,
        "PUT /v2/blobs/" ABC " HTTP/1.1\r\n" HOST "Upload-Length: 3\r\nContent-Length: 3\r\n\r\na");
    CHECK(cl_list_first(&relay->blobs.calls) != cl_list_last(&relay->blobs.calls));
    end();
}

static cl_time
in_hours(cl_time start, int64_t hours)
{
    return cl_time_add(start, hours * HOUR_MS);
}

TEST(upload_that_nobody_goes_on_with_is_dropped_after_a_day)
{
    begin();
    ask(0, put(0, "ab"));
    cl_time start = cl_blobs_look(blobs, &abc).touched;
    cl_blob_sweep(relay, (cl_time){start.ms + 24 * HOUR_MS - 1});
    CHECK_INT(state(), CL_BLOB_PARTIAL);
    cl_blob_sweep(relay, in_hours(start, 24));
    CHECK_INT(state(), CL_BLOB_ABSENT);
    end();
}

TEST(blob_that_no_message_names_is_dropped_after_an_hour)
{
    begin();
    ask(0, put(0, "abc"));
    cl_time start = cl_blobs_look(blobs, &abc).touched;
    cl_blob_sweep(relay, (cl_time){start.ms + HOUR_MS - 1});
    CHECK_INT(state(), CL_BLOB_WHOLE);
    cl_blob_sweep(relay, in_hours(start, 1));
    CHECK_INT(state(), CL_BLOB_ABSENT);
    end();
}

TEST(blob_that_is_being_read_is_not_dropped)
{
    begin();
    ask(0, put(0, "abc"));
    cl_time start = cl_blobs_look(blobs, &abc).touched;
    struct memory_stream *stream = connect_and_say(1, get, 0);
    memory_stream_run(stream);
    cl_blob_sweep(relay, in_hours(start, 2));
    CHECK_INT(state(), CL_BLOB_WHOLE);
    hang_up(stream);
    cl_blob_sweep(relay, in_hours(start, 2));
    CHECK_INT(state(), CL_BLOB_ABSENT);
    end();
}

TEST(sweep_comes_by_itself)
{
    begin();
    ask(0, put(0, "abc"));
    cl_loop_timer_start(relay->loop, &relay->blob_sweep, cl_loop_now(relay->loop));
    memory_loop_advance(relay->loop, CL_BLOB_SWEEP_MS);
    CHECK(cl_timer_is_running(&relay->blob_sweep)); // and goes on
    CHECK_INT(state(), CL_BLOB_WHOLE);
    end();
}

/* -- messages ---------------------------------------------------------------------------------- */

/* POST /v2 with a send to "m/b" of this body, as that number of its sender. */
static const char *
send(uint64_t number, const char *body)
{
    static char text[4096];
    struct cl_buf envelope;
    struct cl_envelope_reader reader = {.arena = &relay->arena, .hash_key = &relay->hash_key};
    struct cl_envelope_header header = {.typ = CL_ENVELOPE_MSG,
                                        .from = CL_STR("m/a"),
                                        .to = CL_STR("m/b"),
                                        .cty = CL_STR(CL_CTY_BLOB),
                                        .id = {{(uint8_t)number, 1}},
                                        .iat = (uint64_t)cl_clock_wall().ms / 1000,
                                        .str = {true, 7},
                                        .seq = number,
                                        .pri = CL_PRIORITY_NORMAL};
    header.exp = header.iat + 3600;
    cl_buf_init(&envelope, 2000);
    CHECK_OK(cl_envelope_encode(&reader, &header, cl_str_z(body), &envelope, NULL));
    cl_arena_clear(&relay->arena);
    int len = snprintf(NULL, 0,
                       "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"send\",\"params\":"
                       "{\"envelope\":%.*s}}",
                       CL_STR_ARG(cl_buf_str(&envelope)));
    (void)snprintf(text, sizeof text,
                   "POST /v2 HTTP/1.1\r\n" HOST "Content-Type: application/json\r\n"
                   "Content-Length: %d\r\n\r\n{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":"
                   "\"send\",\"params\":{\"envelope\":%.*s}}",
                   len, CL_STR_ARG(cl_buf_str(&envelope)));
    cl_buf_done(&envelope);
    return text;
}

#define NAMES_ABC "{\"sha256\":\"" ABC "\",\"size\":3}"

static void
submit(struct cl_command draft)
{
    CHECK_OK(cl_relay_submit(relay, &draft, 0));
}

static void
attach_receiver(void)
{
    submit(
        (struct cl_command){.kind = CL_COMMAND_REGISTER, .registration = {.agent = CL_STR("m/b")}});
    for (unsigned i = 0; i <= TEST_JOURNAL_DELAY_MAX; i++)
        cl_loop_turn(relay->loop, false);
    CHECK(cl_core_agent(relay->core, CL_STR("m/b")) != NULL);
}

/* Submits that all that waits is taken; it is applied in a turn to come. */
static void
take_all(void)
{
    static const struct cl_range all = {CL_PRIORITY_NORMAL, 1, INT64_MAX};
    submit((struct cl_command){
        .kind = CL_COMMAND_ACK,
        .ack = {.agent = CL_STR("m/b"), .rung = CL_RUNG_DELIVERED, .ranges = {&all, 1}}});
}

TEST(message_keeps_its_blob_and_takes_it_along)
{
    begin();
    attach_receiver();
    ask(0, put(0, "abc"));
    cl_time start = cl_blobs_look(blobs, &abc).touched;
    CHECK(says(ask(1, send(1, NAMES_ABC)), "HTTP/1.1 200"));
    cl_blob_sweep(relay, in_hours(start, 100));
    CHECK_INT(state(), CL_BLOB_WHOLE);
    take_all();
    cl_loop_turn(relay->loop, false);
    CHECK_INT(state(), CL_BLOB_ABSENT);
    end();
}

TEST(send_of_what_is_not_whole_is_refused)
{
    static const char *const absent[] = {
        "{\"sha256\":\"" ABC "\",\"size\":4}",
        "{\"sha256\":\"aa7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad\","
        "\"size\":3}",
    };
    begin();
    attach_receiver();
    ask(0, put(0, "ab"));
    CHECK(says(ask(1, send(1, NAMES_ABC)), "HTTP/1.1 404"));
    ask(0, put(2, "c"));
    for (size_t i = 0; i < 2; i++)
        CHECK(says(ask(1, send(1, absent[i])), "HTTP/1.1 404"));
    CHECK(says(ask(1, send(1, "{\"sha256\":\"" ABC "\"}")), "HTTP/1.1 400"));
    CHECK(says(ask(1, send(1, "abc")), "HTTP/1.1 400"));
    CHECK_INT(cl_core_stats(relay->core).waiting, 0);
    CHECK(says(ask(1, send(1, NAMES_ABC)), "HTTP/1.1 200"));
    end();
}

TEST(message_on_its_way_keeps_its_blob_when_another_one_goes)
{
    begin_late(20);
    attach_receiver();
    ask(0, put(0, "abc"));
    (void)ask(1, send(1, NAMES_ABC));
    for (unsigned i = 0; cl_core_stats(relay->core).waiting == 0; i++) {
        CHECK(i < 100);
        cl_loop_turn(relay->loop, false);
    }
    take_all();
    struct memory_stream *stream =
        connect_and_say(2, send(2, NAMES_ABC), MEMORY_STREAM_CAP); // behind it in the journal
    for (unsigned i = 0; !says(stream, "HTTP/1.1 200"); i++) {
        CHECK(i < 100);
        CHECK_INT(state(), CL_BLOB_WHOLE);
        memory_stream_run(stream);
    }
    CHECK(cl_core_names_blob(relay->core, &abc));
    CHECK_INT(state(), CL_BLOB_WHOLE);
    take_all();
    for (unsigned i = 0; state() != CL_BLOB_ABSENT; i++) {
        CHECK(i < 100);
        cl_loop_turn(relay->loop, false);
    }
    end();
}

TEST(blob_that_was_put_again_stays_for_the_message_that_will_name_it)
{
    begin();
    attach_receiver();
    ask(0, put(0, "abc"));
    CHECK(says(ask(1, send(1, NAMES_ABC)), "HTTP/1.1 200"));
    CHECK(says(ask(0, put(0, "abc")), "HTTP/1.1 201")); // it is there, and that is a promise
    take_all();
    cl_loop_turn(relay->loop, false);
    CHECK_INT(state(), CL_BLOB_WHOLE);
    CHECK(says(ask(1, send(2, NAMES_ABC)), "HTTP/1.1 200"));
    take_all();
    cl_loop_turn(relay->loop, false);
    CHECK_INT(state(), CL_BLOB_ABSENT);
    end();
}

TEST(blob_whose_message_goes_while_it_is_read_goes_behind_its_reader)
{
    begin();
    attach_receiver();
    ask(0, put(0, "abc"));
    CHECK(says(ask(1, send(1, NAMES_ABC)), "HTTP/1.1 200"));
    struct memory_stream *stream = connect_and_say(2, get, 0);
    memory_stream_run(stream);
    take_all();
    cl_loop_turn(relay->loop, false);
    CHECK(!cl_core_names_blob(relay->core, &abc));
    CHECK_INT(state(), CL_BLOB_WHOLE);
    memory_stream_give_room(stream, 10000);
    memory_stream_run(stream);
    CHECK(cl_str_ends(memory_stream_written(stream), CL_STR("\r\n\r\nabc")));
    CHECK_INT(state(), CL_BLOB_ABSENT);
    end();
}

TEST(message_that_came_before_needs_no_blob)
{
    begin();
    attach_receiver();
    ask(0, put(0, "abc"));
    CHECK(says(ask(1, send(1, NAMES_ABC)), "HTTP/1.1 200"));
    take_all();
    cl_loop_turn(relay->loop, false);
    CHECK_INT(state(), CL_BLOB_ABSENT);
    struct memory_stream *stream = ask(1, send(1, NAMES_ABC));
    CHECK(says(stream, "HTTP/1.1 200"));
    CHECK(cl_str_ends(memory_stream_written(stream), CL_STR("\"duplicate\":true}}")));
    CHECK(says(ask(1, send(2, NAMES_ABC)), "HTTP/1.1 404"));
    end();
}

TEST(without_memory_a_send_is_refused_or_cut)
{
    static char text[2000]; // of a send that is refused: what is accepted, the core must apply
    begin();
    attach_receiver();
    ask(0, put(0, "abc"));
    CHECK(cl_str_copy(text, sizeof text, cl_str_z(send(1, "{\"sha256\":\"" ABC "\",\"size\":4}"))));
    FOR_EACH_FAULT
    {
        struct memory_stream *stream = ask(1, text);
        CHECK(fault_happened() || says(stream, "HTTP/1.1 404"));
        hang_up(stream);
        CHECK_INT(state(), CL_BLOB_WHOLE);
        CHECK(cl_list_is_empty(&relay->exchanges));
    }
    end();
}

/* -- long messages of v1 ----------------------------------------------------------------------- */

static uint64_t births;

/* What v1 says in a message becomes a blob's name; fails the test if it does not. */
static cl_digest
show(size_t len, char letter, uint64_t number)
{
    static char text[CL_BODY_BYTES_MAX];
    struct cl_msg msg = {.number = number == 0 ? ++births : number};
    struct cl_v2_content content = {.body = cl_str_of(text, len)};
    struct cl_envelope_reader reader = {.arena = &relay->arena, .hash_key = &relay->hash_key};
    struct cl_blob blob;
    memset(text, letter, len);
    CHECK_OK(cl_blob_show(relay, &msg, &content));
    CHECK_STR(content.cty, CL_STR(CL_CTY_BLOB));
    CHECK_OK(cl_blob_read(&reader, content.body, &blob, NULL));
    CHECK_INT(blob.size, len);
    struct cl_body *body = cl_blob_view(relay, &blob.digest);
    CHECK(body != NULL && body->len == len && body->bytes[len - 1] == letter);
    cl_arena_clear(&relay->arena);
    return blob.digest;
}

TEST(long_message_is_hashed_once_and_kept_once)
{
    begin();
    cl_digest first = show(50000, 'a', 7), other = show(50000, 'b', 8);
    CHECK(!cl_digest_eq(&first, &other));
    const struct cl_body *body = cl_blob_view(relay, &first);
    cl_digest again = show(50000, 'a', 7), equal = show(50000, 'a', 9);
    CHECK(cl_digest_eq(&first, &again) && cl_digest_eq(&first, &equal));
    CHECK(cl_blob_view(relay, &first) == body);
    unsigned kept = 0;
    CL_LIST_EACH(&relay->blobs.views, at)
    {
        kept++;
    }
    CHECK_INT(kept, 2);
    struct cl_v2_content small = {.body = cl_str_of(body->bytes, CL_ENVELOPE_BODY_BYTES_MAX)};
    CHECK_OK(cl_blob_show(relay, &(struct cl_msg){.number = 10}, &small));
    CHECK_INT(small.body.len, CL_ENVELOPE_BODY_BYTES_MAX); // as it was
    end();
}

TEST(long_messages_shown_longest_ago_make_room)
{
    enum { COUNT = CL_BLOB_VIEWS_BYTES_MAX / CL_MIB };
    static cl_digest digests[COUNT];
    begin();
    for (unsigned i = 0; i < COUNT; i++)
        digests[i] = show(CL_MIB - i, 'c', 0);
    cl_digest first = show(CL_MIB, 'c', births - COUNT + 1); // again: the newest now
    CHECK(cl_digest_eq(&first, &digests[0]));
    (void)show(CL_MIB, 'd', 0);
    CHECK(cl_blob_view(relay, &digests[0]) != NULL);
    CHECK(cl_blob_view(relay, &digests[1]) == NULL);
    CHECK(cl_blob_view(relay, &digests[2]) != NULL);
    end();
}

TEST(without_memory_no_long_message_is_shown)
{
    static char text[50000];
    begin();
    FOR_EACH_FAULT
    {
        struct cl_v2_content content = {.body = cl_str_of(text, sizeof text)};
        enum cl_err err = cl_blob_show(relay, &(struct cl_msg){.number = ++births}, &content);
        CHECK(err == CL_OK || (fault_happened() && err == CL_ERR_NO_MEMORY));
        cl_blob_views_done(relay);
        cl_buf_done(&relay->content);
    }
    end();
}
