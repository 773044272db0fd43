// SPDX-License-Identifier: MIT
#include "proto/v1_decode.h"

#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "support/fault.h"
#include "support/test.h"

static const cl_hash_key key = {{1}};
static struct cl_arena arena;
static struct cl_why why;

static struct cl_v1_context
context(void)
{
    cl_arena_init(&arena, 4 * CL_MIB);
    why.text[0] = '\0';
    return (struct cl_v1_context){.arena = &arena,
                                  .hash_key = &key,
                                  .peer = CL_STR("10.0.0.7"),
                                  .now = {1000},
                                  .id = {{0xab, 0xcd, 0xef, 0x01, 0x02}}};
}

static enum cl_err
call(enum cl_v1_call which, const char *body, struct cl_v1_draft *ret_draft)
{
    struct cl_v1_context ctx = context();
    test_note("%s", body);
    return cl_v1_decode_call(&ctx, which, cl_str_z(body), ret_draft, &why);
}

static void
refused(enum cl_v1_call which, const char *body, enum cl_err err, const char *sentence)
{
    struct cl_v1_draft draft;
    CHECK_INT(call(which, body, &draft), err);
    if (sentence != NULL)
        CHECK_STR(cl_str_z(why.text), cl_str_z(sentence));
    CHECK(why.text[0] != '\0');
    cl_arena_done(&arena);
}

static void
record_is(const char *body, const char *agent, const char *record)
{
    struct cl_v1_draft draft;
    CHECK_OK(call(CL_V1_REGISTER, body, &draft));
    CHECK_INT(draft.command.kind, CL_COMMAND_REGISTER);
    CHECK_STR(draft.command.registration.agent, cl_str_z(agent));
    CHECK_STR(cl_body_str(draft.command.registration.record), cl_str_z(record));
    cl_v1_draft_done(&draft);
    cl_arena_done(&arena);
}

TEST(what_is_missing_from_a_registration_is_made_up)
{
    record_is("{}", "abcdef01",
              "{\"name\":\"agent-abcd\",\"capabilities\":[],\"machine\":\"10.0.0.7\","
              "\"description\":\"\"}");
    record_is("{\"agent_id\":\"\",\"name\":null}", "abcdef01",
              "{\"name\":null,\"capabilities\":[],\"machine\":\"10.0.0.7\",\"description\":\"\"}");
}

TEST(a_registration_is_kept_as_it_was_sent)
{
    record_is("{\"agent_id\":\"\xe5\xb0\x8f\xe5\x8c\x85\xe5\xad\x90\xe4\xb8\x80\xe4\xba\x8c\"}",
              "\xe5\xb0\x8f\xe5\x8c\x85\xe5\xad\x90\xe4\xb8\x80\xe4\xba\x8c",
              "{\"name\":\"agent-\xe5\xb0\x8f\xe5\x8c\x85\xe5\xad\x90\xe4\xb8\x80\","
              "\"capabilities\":[],\"machine\":\"10.0.0.7\",\"description\":\"\"}");
    record_is("{\"agent_id\":\"m\",\"name\":[1.0],\"capabilities\":{\"a\": 1},\"machine\":7,"
              "\"description\":\"d\",\"x\":1}",
              "m",
              "{\"name\":[1.0],\"capabilities\":{\"a\": 1},\"machine\":7,\"description\":\"d\"}");
}

TEST(a_broadcast_without_memory_for_its_topic_is_refused_not_sent_without_one)
{
    FOR_EACH_FAULT
    {
        struct cl_v1_draft draft;
        enum cl_err err =
            call(CL_V1_BROADCAST,
                 "{\"from_agent\":\"m\",\"content\":1,\"topic\":\"w\\u0065ather\"}", &draft);
        CHECK_INT(err, fault_happened() ? CL_ERR_NO_MEMORY : CL_OK);
        if (err == CL_OK) {
            CHECK_STR(draft.command.publish.topic, CL_STR("weather"));
            cl_v1_draft_done(&draft);
        }
        cl_arena_done(&arena);
    }
}

TEST(missing_fields_are_named_in_the_words_of_v1)
{
    static const char *const delegate = "from_agent, to_agent, and task are required";
    refused(CL_V1_HEARTBEAT, "{}", CL_ERR_MISSING, "agent_id required");
    refused(CL_V1_DELEGATE, "{}", CL_ERR_MISSING, delegate);
    refused(CL_V1_DELEGATE, "{\"from_agent\":\"a\",\"to_agent\":\"b\"}", CL_ERR_MISSING, delegate);
    refused(CL_V1_BROADCAST, "{\"from_agent\":\"a\"}", CL_ERR_MISSING,
            "from_agent and content required");
    refused(CL_V1_RESPOND, "{\"from_agent\":\"a\"}", CL_ERR_MISSING, NULL);
    refused(CL_V1_FILE_PUT, "{\"file_key\":\"k\",\"content\":\"\"}", CL_ERR_MISSING,
            "file_key, content, and agent_id required");
}

TEST(an_empty_value_counts_as_missing)
{
    static const char *const empty[] = {"null", "false", "0", "-0.0e7", "\"\"", "[]", "{ }"};
    for (size_t i = 0; i < sizeof empty / sizeof empty[0]; i++) {
        char body[128];
        (void)snprintf(body, sizeof body, "{\"from_agent\":\"a\",\"to_agent\":\"b\",\"task\":%s}",
                       empty[i]);
        refused(CL_V1_DELEGATE, body, CL_ERR_MISSING, NULL);
        (void)snprintf(body, sizeof body, "{\"from_agent\":%s,\"to_agent\":\"b\",\"task\":1}",
                       empty[i]);
        refused(CL_V1_DELEGATE, body, CL_ERR_MISSING, NULL);
    }
}

TEST(ids_must_be_strings_that_can_be_ids)
{
    refused(CL_V1_DELEGATE, "{\"from_agent\":7,\"to_agent\":\"b\",\"task\":1}", CL_ERR_MALFORMED,
            "from_agent must be a string");
    refused(CL_V1_DELEGATE, "{\"from_agent\":\"a\",\"to_agent\":[1],\"task\":1}", CL_ERR_MALFORMED,
            "to_agent must be a string");
    refused(CL_V1_HEARTBEAT, "{\"agent_id\":\"a\\u0000b\"}", CL_ERR_MALFORMED, NULL);
    refused(CL_V1_FILE_PUT, "{\"file_key\":\"a\\nb\",\"content\":\"\",\"agent_id\":\"x\"}",
            CL_ERR_MALFORMED, NULL);
    refused(CL_V1_REGISTER, "{\"agent_id\":true}", CL_ERR_MALFORMED, NULL);
}

TEST(an_unknown_priority_is_refused)
{
    refused(CL_V1_DELEGATE,
            "{\"from_agent\":\"a\",\"to_agent\":\"b\",\"task\":1,\"priority\":\"soon\"}",
            CL_ERR_MALFORMED, "priority must be low, normal, high or urgent");
    refused(CL_V1_DELEGATE,
            "{\"from_agent\":\"a\",\"to_agent\":\"b\",\"task\":1,\"priority\":null}",
            CL_ERR_MALFORMED, NULL);
}

TEST(what_is_no_object_is_malformed)
{
    static const char *const texts[] = {"",      "[]",   "\"a\"", "{\"a\":1,\"a\":2}",
                                        "{a:1}", "{} x", "NaN",   "\xef\xbb\xbf{}"};
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++)
        refused(CL_V1_REGISTER, texts[i], CL_ERR_MALFORMED, NULL);
}

TEST(an_empty_string_is_content_of_a_file)
{
    struct cl_v1_draft draft;
    CHECK_OK(
        call(CL_V1_FILE_PUT, "{\"file_key\":\"k\",\"content\":\"\",\"agent_id\":\"x\"}", &draft));
    CHECK_STR(cl_body_str(draft.command.file_put.content), CL_STR("\"\""));
    CHECK_STR(cl_body_str(draft.command.file_put.type), CL_STR("\"text\""));
    CHECK_STR(draft.command.file_put.key, CL_STR("k"));
    CHECK_STR(draft.command.file_put.editor, CL_STR("x"));
    cl_v1_draft_done(&draft);
    cl_arena_done(&arena);
    refused(CL_V1_FILE_PUT, "{\"file_key\":\"k\",\"content\":[],\"agent_id\":\"x\"}",
            CL_ERR_MISSING, NULL);
}

TEST(a_response_says_which_message_it_is_about_if_v1_could_have_shown_that)
{
    static const char *const others[] = {
        "",
        ",\"message_id\":null",
        ",\"message_id\":12345678901234",
        ",\"message_id\":\"0123456789ab0\"",
        ",\"message_id\":\"0123456789a\"",
        ",\"message_id\":\"0123456789AB\"",
        ",\"message_id\":\"0123456789ag\"",
    };
    static const uint8_t bytes[6] = {0x01, 0x23, 0x45, 0x67, 0x89, 0xaf};
    struct cl_v1_draft draft;
    CHECK_OK(call(CL_V1_RESPOND, "{\"to_agent\":\"b\",\"message_id\":\"0123456789af\"}", &draft));
    CHECK(memcmp(draft.answered.bytes, bytes, 6) == 0);
    for (size_t i = 6; i < sizeof draft.answered.bytes; i++)
        CHECK_INT(draft.answered.bytes[i], 0);
    CHECK_STR(draft.status, CL_STR("\"completed\""));
    cl_v1_draft_done(&draft);
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++) {
        char body[128];
        (void)snprintf(body, sizeof body, "{\"to_agent\":\"b\",\"status\":\"odd\"%s}", others[i]);
        CHECK_OK(call(CL_V1_RESPOND, body, &draft));
        CHECK(cl_id_is_none(draft.answered));
        CHECK_STR(draft.status, CL_STR("\"odd\""));
        cl_v1_draft_done(&draft);
    }
    cl_arena_done(&arena);
}

TEST(a_message_lives_for_its_time)
{
    struct cl_v1_draft draft;
    CHECK_OK(call(CL_V1_RESPOND, "{\"to_agent\":\"b\"}", &draft));
    CHECK_INT(draft.command.send.expires.ms, 1000 + CL_MESSAGE_LIFE_MS);
    CHECK_INT(draft.command.send.priority, CL_PRIORITY_NORMAL);
    cl_v1_draft_done(&draft);
    cl_arena_done(&arena);
}

/* {"from_agent":"a","to_agent":"b","task":"xxx..."} with so many x. */
static enum cl_err
delegate_of(size_t len)
{
    static const char front[] = "{\"from_agent\":\"a\",\"to_agent\":\"b\",\"task\":\"";
    struct cl_v1_draft draft;
    char *body = cl_alloc(sizeof front + len + 3);
    CHECK(body != NULL);
    memcpy(body, front, sizeof front - 1);
    memset(body + sizeof front - 1, 'x', len);
    memcpy(body + sizeof front - 1 + len, "\"}", 3);
    struct cl_v1_context ctx = context();
    enum cl_err err = cl_v1_decode_call(&ctx, CL_V1_DELEGATE, cl_str_z(body), &draft, &why);
    if (err == CL_OK)
        cl_v1_draft_done(&draft);
    cl_arena_done(&arena);
    cl_free(body);
    return err;
}

TEST(a_message_that_fits_no_frame_is_too_large)
{
    // {"type":"task_delegation",...,"task":"","context":{}} around the task, queued_at included.
    size_t around = sizeof "{\"type\":\"task_delegation\",\"message_id\":\"abcdef010200\","
                           "\"from_agent\":\"a\",\"to_agent\":\"b\",\"priority\":\"normal\","
                           "\"timestamp\":\"1970-01-01T00:00:01.000000+00:00\","
                           "\"queued_at\":\"1970-01-01T00:00:01.000000+00:00\","
                           "\"task\":\"\",\"context\":{}}" -
                    1;
    CHECK_OK(delegate_of(CL_WS_MESSAGE_BYTES_MAX - around));
    CHECK_INT(delegate_of(CL_WS_MESSAGE_BYTES_MAX - around + 1), CL_ERR_TOO_LARGE);
}

static enum cl_err
frame(const char *text, struct cl_v1_draft *ret_draft)
{
    struct cl_v1_context ctx = context();
    test_note("%s", text);
    ctx.peer = CL_STR("mira");
    ctx.peer_quoted = CL_STR("\"mira\"");
    return cl_v1_decode_frame(&ctx, cl_str_z(text), ret_draft, &why);
}

TEST(a_heartbeat_frame_is_one_of_its_connection)
{
    struct cl_v1_draft draft;
    CHECK_OK(frame("{\"type\":\"heartbeat\",\"agent_id\":\"other\"}", &draft));
    CHECK_INT(draft.command.kind, CL_COMMAND_HEARTBEAT);
    CHECK_STR(draft.command.heartbeat.agent, CL_STR("mira"));
    cl_v1_draft_done(&draft);
    cl_arena_done(&arena);
}

TEST(frames_that_mean_nothing_are_refused)
{
    static const char *const texts[] = {
        "{}",
        "{\"type\":7}",
        "{\"type\":\"poll\"}",
        "[]",
        "hello",
        "{\"type\":\"delegate\"}",
        "{\"type\":\"delegate\",\"to_agent\":7}",
        "{\"type\":\"delegate\",\"to_agent\":\"b\",\"priority\":\"soon\"}",
    };
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        struct cl_v1_draft draft;
        CHECK(frame(texts[i], &draft) != CL_OK);
        CHECK(why.text[0] != '\0');
        cl_arena_done(&arena);
    }
}

TEST(a_frames_priority_orders_it)
{
    struct cl_v1_draft draft;
    CHECK_OK(frame("{\"type\":\"delegate\",\"to_agent\":\"b\",\"priority\":\"urgent\"}", &draft));
    CHECK_INT(draft.command.send.priority, CL_PRIORITY_URGENT);
    CHECK_STR(draft.command.send.from, CL_STR("mira"));
    CHECK_STR(draft.command.send.to, CL_STR("b"));
    cl_v1_draft_done(&draft);
    cl_arena_done(&arena);
}

#define NOW "\"1970-01-01T00:00:01.000000+00:00\""

static void
forwarded(const char *text, const char *body)
{
    struct cl_v1_draft draft;
    CHECK_OK(frame(text, &draft));
    CHECK_STR(cl_body_str(draft.bodies[0]), cl_str_z(body));
    cl_v1_draft_done(&draft);
    cl_arena_done(&arena);
}

TEST(a_frame_gets_its_sender_in_the_old_place_or_in_front)
{
    forwarded("{\"type\":\"delegate\",\"to_agent\":\"b\"}",
              "{\"from_agent\":\"mira\",\"type\":\"delegate\",\"to_agent\":\"b\"}");
    forwarded("{\"from_agent\":\"liar\",\"type\":\"delegate\",\"to_agent\":\"b\"}",
              "{\"from_agent\":\"mira\",\"type\":\"delegate\",\"to_agent\":\"b\"}");
    forwarded("\r\n {\"type\":\"delegate\",\"to_agent\":\"b\" , \"from_agent\" : {\"a\":[1]} } \t",
              "{\"type\":\"delegate\",\"to_agent\":\"b\" , \"from_agent\" : \"mira\" }");
}

TEST(a_sender_cannot_be_hidden_by_escapes_or_nesting)
{
    forwarded("{\"from\\u005fagent\":\"liar\",\"type\":\"delegate\",\"to_agent\":\"b\"}",
              "{\"from\\u005fagent\":\"mira\",\"type\":\"delegate\",\"to_agent\":\"b\"}");
    forwarded("{\"x\":{\"from_agent\":\"liar\"},\"type\":\"delegate\",\"to_agent\":\"b\"}",
              "{\"from_agent\":\"mira\",\"x\":{\"from_agent\":\"liar\"},\"type\":\"delegate\","
              "\"to_agent\":\"b\"}");
    struct cl_v1_draft draft;
    CHECK_INT(frame("{\"type\":\"delegate\",\"to_agent\":\"b\",\"from_agent\":\"mira\","
                    "\"from\\u005fagent\":\"liar\"}",
                    &draft),
              CL_ERR_MALFORMED);
    cl_arena_done(&arena);
}

TEST(a_broadcast_frame_gets_the_time_as_well_in_whatever_order)
{
    forwarded("{\"type\":\"broadcast\"}",
              "{\"from_agent\":\"mira\",\"timestamp\":" NOW ",\"type\":\"broadcast\"}");
    forwarded("{\"timestamp\":0,\"type\":\"broadcast\",\"from_agent\":null}",
              "{\"timestamp\":" NOW ",\"type\":\"broadcast\",\"from_agent\":\"mira\"}");
    forwarded("{\"from_agent\":null,\"type\":\"broadcast\",\"timestamp\":0}",
              "{\"from_agent\":\"mira\",\"type\":\"broadcast\",\"timestamp\":" NOW "}");
    forwarded("{\"timestamp\":0,\"type\":\"broadcast\"}",
              "{\"from_agent\":\"mira\",\"timestamp\":" NOW ",\"type\":\"broadcast\"}");
    forwarded("{\"type\":\"broadcast\",\"from_agent\":0}",
              "{\"timestamp\":" NOW ",\"type\":\"broadcast\",\"from_agent\":\"mira\"}");
}

/* {"type":"broadcast","x":[[...]]} of so many levels, or with so many members. */
static enum cl_err
large_frame(unsigned levels, unsigned members)
{
    char text[20000] = "{\"type\":\"broadcast\"";
    size_t len = strlen(text);
    struct cl_v1_draft draft = {0};
    for (unsigned i = 1; i < members; i++)
        len += (size_t)snprintf(text + len, sizeof text - len, ",\"%u\":\"[[[\"", i);
    len += (size_t)snprintf(text + len, sizeof text - len, levels > 1 ? ",\"x\":" : "");
    for (unsigned i = 1; i < levels; i++)
        text[len++] = '[';
    for (unsigned i = 1; i < levels; i++)
        text[len++] = ']';
    text[len] = '}';
    text[len + 1] = '\0';
    enum cl_err err = frame(text, &draft);
    cl_v1_draft_done(&draft);
    cl_arena_done(&arena);
    return err;
}

TEST(what_is_forwarded_stays_readable_for_one_with_the_same_limits)
{
    CHECK_OK(large_frame(CL_JSON_DEPTH_MAX - 2, 1));
    CHECK_INT(large_frame(CL_JSON_DEPTH_MAX - 1, 1), CL_ERR_MALFORMED);
    CHECK_OK(large_frame(1, CL_JSON_MEMBERS_MAX - 3));
    CHECK_INT(large_frame(1, CL_JSON_MEMBERS_MAX - 2), CL_ERR_MALFORMED);
}
