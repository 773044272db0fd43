// SPDX-License-Identifier: MIT
/* Blobs in a whole relay on memory streams: without memory, when readers go, and in time. */
#include "relay/blob.h"

#include <stdio.h>
#include <string.h>

#include "base/clock.h"
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
static cl_digest abc;

static void
begin(void)
{
    struct test_journal_options options = {.seed = 1};
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
    cl_loop_turn(relay->loop, false);
}

static void
end(void)
{
    cl_relay_free(relay);
    cl_blobs_close(blobs);
    cl_journal_close(journal);
}

/* A new connection, on which the peer says this. */
static struct memory_stream *
ask(size_t at, const char *bytes)
{
    struct memory_stream *stream = &streams[at];
    memory_stream_init(stream, relay->loop);
    cl_http_server_take(relay->http, &stream->stream);
    memory_stream_put(stream, cl_str_z(bytes));
    memory_stream_run(stream);
    return stream;
}

static bool
says(const struct memory_stream *stream, const char *status)
{
    return cl_str_starts(memory_stream_written(stream), cl_str_z(status));
}

static void
hang_up(struct memory_stream *stream)
{
    memory_stream_reset(stream);
    cl_loop_turn(relay->loop, false);
    cl_loop_turn(relay->loop, false);
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
    CHECK(cl_list_is_empty(&relay->blob_calls));
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
        CHECK(cl_list_is_empty(&relay->blob_calls));
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
            CHECK(cl_list_is_empty(&relay->blob_calls));
            CHECK_INT(state(), CL_BLOB_WHOLE);
        }
    }
    end();
}

TEST(who_goes_while_a_piece_is_with_the_store_is_forgotten)
{
    begin();
    struct memory_stream *stream = &streams[0];
    memory_stream_init(stream, relay->loop);
    cl_http_server_take(relay->http, &stream->stream);
    memory_stream_put(stream, cl_str_z(put(0, "abc")));
    memory_stream_reset(stream); // before the turn's end asks what came out
    cl_loop_turn(relay->loop, false);
    cl_loop_turn(relay->loop, false);
    CHECK(cl_list_is_empty(&relay->blob_calls));
    CHECK_INT(cl_blobs_look(blobs, &abc).have, 3);
    CHECK(says(ask(1, put(3, "")), "HTTP/1.1 201")); // goes on with nothing but the seal
    end();
}

TEST(relay_ends_while_blobs_are_read_and_written)
{
    begin();
    ask(0, put(0, "abc"));
    struct memory_stream *stream = &streams[1];
    memory_stream_init(stream, relay->loop);
    stream->room = 0;
    cl_http_server_take(relay->http, &stream->stream);
    memory_stream_put(stream, cl_str_z(get));
    memory_stream_run(stream);
    CHECK(cl_blob_is_read(relay, &abc));
    ask(2,
        "PUT /v2/blobs/" ABC " HTTP/1.1\r\n" HOST "Upload-Length: 3\r\nContent-Length: 3\r\n\r\na");
    CHECK(cl_list_first(&relay->blob_calls) != cl_list_last(&relay->blob_calls));
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
    struct memory_stream *stream = &streams[1];
    memory_stream_init(stream, relay->loop);
    stream->room = 0;
    cl_http_server_take(relay->http, &stream->stream);
    memory_stream_put(stream, cl_str_z(get));
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
