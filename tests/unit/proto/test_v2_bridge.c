// SPDX-License-Identifier: MIT
/*
 * tests/golden/v2/: to_v1.NAME.json is what a v1 agent is pushed of envelope.NAME.json,
 * to_v2.NAME.json what a v2 agent is shown of to_v2.NAME.call.json.
 */
#include "proto/v2_bridge.h"

#include <stdio.h>
#include <string.h>

#include "proto/v1_decode.h"
#include "proto/v1_encode.h"
#include "support/fault.h"
#include "support/test.h"
#include "v2_golden.h"

static const cl_hash_key key = {{1}};

static const char *const to_v1[] = {"task", "least", "root",  "bytes", "array",
                                    "blob", "json",  "topic", "full",  "answer"};
static const char *const to_v2[] = {
    "delegate", "delegate-empty-context", "delegate-context", "delegate-object",
    "respond",  "respond-failed",         "broadcast",        "broadcast-tags",
};
#define LEN(rows) (sizeof(rows) / sizeof(rows)[0])

static const char *
golden_name(const char *folder, const char *name)
{
    static char space[64];
    (void)snprintf(space, sizeof space, "%s.%s", folder, name);
    return space;
}

static cl_id
id_from(uint8_t first)
{
    cl_id id;
    for (uint8_t i = 0; i < sizeof id.bytes; i++)
        id.bytes[i] = (uint8_t)(first + i);
    return id;
}

/* The record that the core would have of an envelope. */
static struct cl_msg
record_of(const struct cl_envelope_header *header, struct cl_body *body)
{
    struct cl_address from, to;
    CHECK(cl_address_read(header->from, &from) && cl_address_read(header->to, &to));
    bool is_agent = (to.kind & (CL_ADDRESS_AGENT | CL_ADDRESS_V1)) != 0;
    return (struct cl_msg){.id = header->id,
                           .re = header->re,
                           .from = cl_address_id(&from, header->from),
                           .to = is_agent ? cl_address_id(&to, header->to) : CL_STR("mini/otto"),
                           .kind = CL_MSG_TASK,
                           .priority = (enum cl_priority)header->pri,
                           .media = CL_MEDIA_ENVELOPE,
                           .created = GOLDEN_NOW,
                           .expires = cl_time_add(GOLDEN_NOW, CL_MESSAGE_LIFE_MS),
                           .body = body};
}

/* What a v1 agent is pushed of it. */
static enum cl_err
show_to_v1(struct golden_reader *golden, struct cl_v2_shown *shown, cl_str text, struct cl_buf *out)
{
    struct cl_envelope envelope;
    struct cl_envelope_header header;
    struct cl_msg view;
    struct cl_why why;
    cl_str rest;
    enum cl_err err = cl_envelope_decode(&golden->reader, text, &envelope, &header, &why);
    if (err != CL_OK)
        return err;
    struct cl_body *body = cl_body_new(text);
    if (body == NULL)
        return CL_ERR_NO_MEMORY;
    struct cl_msg msg = record_of(&header, body);
    shown->msg = &msg;
    err = cl_v2_to_v1(&golden->reader, shown, &view, &why);
    cl_body_unref(body);
    if (err != CL_OK)
        return err;
    err = cl_v1_encode_message(&view, false, out, &rest);
    if (err == CL_OK)
        err = cl_buf_append(out, rest);
    cl_body_unref(view.body);
    return err;
}

TEST(an_envelope_is_shown_to_v1_as_its_golden_file_says)
{
    for (size_t i = 0; i < LEN(to_v1); i++) {
        struct golden_reader golden;
        struct cl_v2_shown shown = {0};
        struct cl_buf out;
        test_note("%s", to_v1[i]);
        golden_reader_init(&golden);
        cl_buf_init(&out, CL_MIB);
        CHECK_OK(show_to_v1(&golden, &shown,
                            golden_read(golden_name("envelope", to_v1[i]), ".json"), &out));
        CHECK_STR(cl_buf_str(&out), golden_read(golden_name("to_v1", to_v1[i]), ".json"));
        cl_buf_done(&out);
        golden_reader_done(&golden);
    }
}

TEST(a_blob_that_was_fetched_stands_in_the_place_of_its_reference)
{
    struct golden_reader golden;
    struct cl_buf out;
    golden_reader_init(&golden);
    cl_buf_init(&out, 8 * CL_MIB);
    struct cl_v2_shown text = {.has_blob = true, .blob = CL_STR("the text")};
    CHECK_OK(show_to_v1(&golden, &text, golden_read("envelope.blob", ".json"), &out));
    CHECK(cl_str_ends(cl_buf_str(&out), CL_STR("\"task\":\"the text\",\"context\":{"
                                               "\"content_type\":\"text/plain\"}}")));
    cl_buf_clear(&out);
    struct cl_v2_shown bytes = {.has_blob = true, .blob = CL_STR("\xff")};
    CHECK_OK(show_to_v1(&golden, &bytes, golden_read("envelope.blob", ".json"), &out));
    CHECK(cl_str_ends(cl_buf_str(&out),
                      CL_STR("\"task\":{\"encoding\":\"base64url\",\"content_type\":\"text/plain\","
                             "\"data\":\"_w\"},\"context\":{\"content_type\":\"text/plain\"}}")));
    // One that no frame of v1 could hold is refused.
    static char large[CL_MIB];
    memset(large, 'x', sizeof large);
    struct cl_v2_shown too_large = {.has_blob = true, .blob = cl_str_of(large, sizeof large)};
    CHECK_INT(show_to_v1(&golden, &too_large, golden_read("envelope.blob", ".json"), &out),
              CL_ERR_TOO_LARGE);
    // A message whose body is no blob has none that could be fetched.
    struct cl_v2_shown none = {.has_blob = true, .blob = CL_STR("the text")};
    CHECK_INT(show_to_v1(&golden, &none, golden_read("envelope.task", ".json"), &out),
              CL_ERR_MALFORMED);
    cl_buf_done(&out);
    golden_reader_done(&golden);
}

static bool
contains(cl_str text, cl_str part)
{
    for (size_t i = 0; i < text.len; i++)
        if (cl_str_starts(cl_str_part(text, i, text.len), part))
            return true;
    return false;
}

TEST(a_body_of_json_that_v1_could_not_read_is_text)
{
    struct golden_reader golden;
    struct cl_envelope_header header;
    struct cl_envelope envelope;
    struct cl_buf text, out;
    struct cl_why why;
    char deep[128];
    golden_reader_init(&golden);
    cl_buf_init(&text, CL_MIB);
    cl_buf_init(&out, CL_MIB);
    CHECK_OK(cl_envelope_decode(&golden.reader, golden_read("envelope.json", ".json"), &envelope,
                                &header, &why));
    for (unsigned depth = 29; depth <= 30; depth++) {
        struct cl_v2_shown shown = {0};
        (void)snprintf(deep, sizeof deep, "{\"a\":%.*s%.*s}", (int)depth - 1,
                       "[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[", (int)depth - 1,
                       "]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]");
        cl_buf_clear(&text);
        cl_buf_clear(&out);
        CHECK_OK(cl_envelope_encode(&golden.reader, &header, cl_str_z(deep), &text, &why));
        CHECK_OK(show_to_v1(&golden, &shown, cl_buf_str(&text), &out));
        CHECK_INT(contains(cl_buf_str(&out), CL_STR("\"task\":{")), depth == 29);
        CHECK_INT(contains(cl_buf_str(&out), CL_STR("\"task\":\"{")), depth == 30);
    }
    cl_buf_done(&text);
    cl_buf_done(&out);
    golden_reader_done(&golden);
}

TEST(an_answer_has_the_status_of_its_claim)
{
    struct golden_reader golden;
    struct cl_buf out;
    golden_reader_init(&golden);
    cl_buf_init(&out, CL_MIB);
    struct cl_v2_shown shown = {.claim = {CL_RUNG_IN_PROGRESS, CL_V2_OUTCOME_NONE}};
    CHECK_OK(show_to_v1(&golden, &shown, golden_read("envelope.answer", ".json"), &out));
    CHECK(cl_str_ends(cl_buf_str(&out), CL_STR("\"status\":\"in_progress\"}")));
    cl_buf_done(&out);
    golden_reader_done(&golden);
}

TEST(statuses_and_claims_map_to_each_other)
{
    static const struct {
        cl_str status;
        enum cl_rung rung;
        enum cl_v2_outcome outcome;
    } rows[] = {
        {CL_STR_INIT("\"completed\""), CL_RUNG_SEEN, CL_V2_OUTCOME_COMPLETED},
        {CL_STR_INIT("\"fail\\u0065d\""), CL_RUNG_SEEN, CL_V2_OUTCOME_FAILED},
        {CL_STR_INIT("\"in_progress\""), CL_RUNG_IN_PROGRESS, CL_V2_OUTCOME_NONE},
        {CL_STR_INIT("\"Completed\""), CL_RUNG_SEEN, CL_V2_OUTCOME_NONE},
        {CL_STR_INIT("null"), CL_RUNG_SEEN, CL_V2_OUTCOME_NONE},
        {CL_STR_INIT("{\"completed\":1}"), CL_RUNG_SEEN, CL_V2_OUTCOME_NONE},
    };
    for (size_t i = 0; i < LEN(rows); i++) {
        struct cl_v2_claim claim = cl_v2_claim_of_status(rows[i].status);
        test_note("row %zu", i);
        CHECK_INT(claim.rung, rows[i].rung);
        CHECK_INT(claim.outcome, rows[i].outcome);
    }
    for (unsigned outcome = 0; outcome < CL_V2_OUTCOME_COUNT; outcome++) {
        for (unsigned rung = 0; rung < CL_RUNG_COUNT; rung++) {
            struct cl_v2_claim claim = {(enum cl_rung)rung, (enum cl_v2_outcome)outcome};
            cl_str want = CL_STR("failed");
            if (outcome == CL_V2_OUTCOME_NONE || outcome == CL_V2_OUTCOME_COMPLETED)
                want = CL_STR("completed");
            if (outcome == CL_V2_OUTCOME_NONE && rung == CL_RUNG_IN_PROGRESS)
                want = CL_STR("in_progress");
            test_note("rung %u, outcome %u", rung, outcome);
            CHECK_STR(cl_v2_status_of_claim(claim), want);
        }
    }
}

/* The record that the core would have of what v1 sent. */
static enum cl_err
record_of_v1(struct golden_reader *golden, const char *name, cl_str text,
             struct cl_v1_draft *ret_draft, struct cl_msg *ret_msg)
{
    struct cl_v1_context context = {
        .arena = &golden->arena, .hash_key = &key, .now = GOLDEN_NOW, .id = id_from(0)};
    struct cl_why why;
    bool is_respond = name[0] == 'r';
    enum cl_v1_call call = is_respond       ? CL_V1_RESPOND
                           : name[0] == 'd' ? CL_V1_DELEGATE
                                            : CL_V1_BROADCAST;
    enum cl_err err = cl_v1_decode_call(&context, call, text, ret_draft, &why);
    if (err != CL_OK)
        return err;
    struct cl_msg msg = {.id = id_from(0),
                         .created = GOLDEN_NOW,
                         .expires = cl_time_add(GOLDEN_NOW, CL_MESSAGE_LIFE_MS)};
    const struct cl_command_send *send = &ret_draft->command.send;
    const struct cl_command_publish *publish = &ret_draft->command.publish;
    bool is_send = ret_draft->command.kind == CL_COMMAND_SEND;
    msg.from = is_send ? send->from : publish->from;
    msg.to = is_send ? send->to : cl_str_of(NULL, 0);
    msg.subject = is_send ? cl_str_of(NULL, 0) : publish->topic;
    msg.kind = (enum cl_msg_kind)(is_send ? send->kind : publish->kind);
    msg.media = is_send ? send->media : publish->media;
    msg.priority = (enum cl_priority)(is_send ? send->priority : publish->priority);
    msg.body = is_send ? send->body : publish->body;
    // The relay finds by message_id what it answers.
    if (is_respond)
        msg.re = id_from(32);
    *ret_msg = msg;
    return CL_OK;
}

static enum cl_err
show_to_v2(struct golden_reader *golden, const struct cl_msg *msg, struct cl_buf *out)
{
    struct cl_v1_shown shown = {.msg = msg, .receiver = CL_STR("mini/otto")};
    struct cl_buf space;
    struct cl_why why = {""};
    cl_buf_init(&space, 2 * CL_MIB);
    enum cl_err err = cl_v1_content(&golden->reader, msg, &space, &shown.content);
    if (err == CL_OK)
        err = cl_v1_to_v2(&golden->reader, &shown, out, &why);
    cl_buf_done(&space);
    return err;
}

static enum cl_err
pass_v1(struct golden_reader *golden, const char *name, cl_str text, struct cl_buf *out)
{
    struct cl_v1_draft draft = {0};
    struct cl_msg msg;
    enum cl_err err = record_of_v1(golden, name, text, &draft, &msg);
    if (err == CL_OK)
        err = show_to_v2(golden, &msg, out);
    cl_v1_draft_done(&draft);
    return err;
}

TEST(a_message_of_v1_is_shown_to_v2_as_its_golden_file_says)
{
    for (size_t i = 0; i < LEN(to_v2); i++) {
        struct golden_reader golden;
        struct cl_buf out;
        test_note("%s", to_v2[i]);
        golden_reader_init(&golden);
        cl_buf_init(&out, CL_MIB);
        CHECK_OK(pass_v1(&golden, to_v2[i],
                         golden_read(golden_name("to_v2", to_v2[i]), ".call.json"), &out));
        CHECK_STR(cl_buf_str(&out), golden_read(golden_name("to_v2", to_v2[i]), ".json"));
        cl_buf_done(&out);
        golden_reader_done(&golden);
    }
}

/* Reads the envelope that is made of the record. */
static struct cl_envelope_header
header_of(struct golden_reader *golden, const struct cl_msg *msg, cl_str *ret_body)
{
    struct cl_envelope envelope;
    struct cl_envelope_header header;
    struct cl_why why;
    struct cl_buf out;
    cl_str text;
    cl_buf_init(&out, 4 * CL_MIB);
    CHECK_OK(show_to_v2(golden, msg, &out));
    CHECK(cl_arena_copy(&golden->arena, cl_buf_str(&out), &text));
    cl_buf_done(&out);
    CHECK_OK(cl_envelope_decode(&golden->reader, text, &envelope, &header, &why));
    CHECK_OK(cl_envelope_body(&envelope, &golden->arena, ret_body));
    return header;
}

/* A record that was accepted now, with a whole life before it. */
static struct cl_msg
plain_record(enum cl_msg_kind kind, enum cl_v1_media media, struct cl_body *body)
{
    return (struct cl_msg){.id = id_from(0),
                           .from = CL_STR("mira"),
                           .kind = kind,
                           .priority = CL_PRIORITY_NORMAL,
                           .media = (uint8_t)media,
                           .created = GOLDEN_NOW,
                           .expires = cl_time_add(GOLDEN_NOW, CL_MESSAGE_LIFE_MS),
                           .body = body};
}

TEST(an_answer_to_what_is_not_known_goes_over_whole_and_even_from_nobody)
{
    struct golden_reader golden;
    char worst[CL_ID_BYTES_MAX];
    cl_str body;
    struct cl_body *members =
        cl_body_new(CL_STR("{\"message_id\":null,\"result\":\"r\",\"status\":\"completed\"}"));
    struct cl_msg msg = plain_record(CL_MSG_RESPONSE, CL_V1_MEDIA_MEMBERS, members);
    golden_reader_init(&golden);
    memset(worst, '"', sizeof worst);
    msg.from = cl_str_of(NULL, 0);
    msg.to = cl_str_of(worst, sizeof worst);
    msg.expires = cl_time_add(GOLDEN_NOW, 1);
    struct cl_envelope_header header = header_of(&golden, &msg, &body);
    CHECK_STR(header.from, CL_STR("relay/nobody"));
    CHECK_STR(header.cty, CL_STR(CL_CTY_V1));
    CHECK(cl_str_starts(body, CL_STR("{\"type\":\"task_response\",\"response_id\":")));
    // A life below a second is one second.
    CHECK_INT(header.exp - header.iat, 1);
    // The largest and worst of ids.
    msg.from = cl_str_of(worst, sizeof worst);
    header = header_of(&golden, &msg, &body);
    CHECK_INT(header.from.len, sizeof worst + 3);
    cl_body_unref(members);
    golden_reader_done(&golden);
}

TEST(a_new_version_of_a_file_goes_over_whole)
{
    struct golden_reader golden;
    cl_str body;
    struct cl_msg msg = plain_record(CL_MSG_FILE, CL_V1_MEDIA_NONE, NULL);
    golden_reader_init(&golden);
    msg.subject = CL_STR("notes.md");
    msg.version = 3;
    struct cl_envelope_header header = header_of(&golden, &msg, &body);
    CHECK_STR(header.to, CL_STR("mini/otto"));
    CHECK_STR(body, CL_STR("{\"type\":\"file_updated\",\"file_key\":\"notes.md\",\"version\":3,"
                           "\"last_editor\":\"mira\",\"timestamp\":"
                           "\"2026-04-04T12:00:00.123000+00:00\"}"));
    golden_reader_done(&golden);
}

TEST(a_frame_goes_over_as_it_is)
{
    struct golden_reader golden;
    cl_str body;
    struct cl_body *frame = cl_body_new(CL_STR("{\"type\":\"delegate\",\"task\":\"t\",\"n\":1.0}"));
    struct cl_msg msg = plain_record(CL_MSG_FRAME, CL_V1_MEDIA_FRAME, frame);
    golden_reader_init(&golden);
    msg.from = CL_STR("a/b");
    msg.expires = cl_time_add(msg.expires, 999);
    struct cl_envelope_header header = header_of(&golden, &msg, &body);
    CHECK_STR(header.from, CL_STR("a/b"));
    CHECK_STR(body, cl_body_str(frame));
    // Whole seconds have not made its life longer than there may be.
    CHECK_INT(header.exp - header.iat, CL_ENVELOPE_LIFE_S_MAX);
    cl_body_unref(frame);
    golden_reader_done(&golden);
}

TEST(news_of_a_topic_without_an_address_is_for_its_receiver)
{
    struct golden_reader golden;
    cl_str body;
    struct cl_body *members =
        cl_body_new(CL_STR("{\"content\":\"c\",\"topic\":\"\\n\",\"tags\":[]}"));
    struct cl_msg msg = plain_record(CL_MSG_NEWS, CL_V1_MEDIA_MEMBERS, members);
    golden_reader_init(&golden);
    msg.subject = CL_STR("\n");
    struct cl_envelope_header header = header_of(&golden, &msg, &body);
    CHECK_STR(header.to, CL_STR("mini/otto"));
    CHECK_STR(header.cty, CL_STR(CL_CTY_V1));
    cl_body_unref(members);
    golden_reader_done(&golden);
}

TEST(an_agent_of_v2_has_a_record_that_v1_can_show)
{
    static const cl_str capabilities[] = {CL_STR_INIT("review"), CL_STR_INIT("c")};
    struct cl_v2_attach attach = {.agent = CL_STR("mini/otto"),
                                  .description = CL_STR("Reviews \"C\""),
                                  .capabilities = {capabilities, 2},
                                  .metadata = CL_STR("{\"n\":1.0}")};
    struct golden_reader golden;
    struct cl_v2_agent agent = {0};
    struct cl_buf buf;
    golden_reader_init(&golden);
    cl_buf_init(&buf, CL_MIB);
    CHECK_OK(cl_v2_put_record(&attach, &buf));
    CHECK_STR(cl_buf_str(&buf),
              CL_STR("{\"name\":\"otto\",\"capabilities\":[\"review\",\"c\"],\"machine\":\"mini\","
                     "\"description\":\"Reviews \\\"C\\\"\",\"metadata\":{\"n\":1.0}}"));
    CHECK_OK(cl_v2_read_record(&golden.reader, cl_buf_str(&buf), &agent));
    CHECK_STR(agent.name, CL_STR("otto"));
    CHECK_STR(agent.description, attach.description);
    CHECK_INT(agent.capabilities.len, 2);
    CHECK_STR(agent.capabilities.ptr[1], CL_STR("c"));
    CHECK_STR(agent.metadata, attach.metadata);
    cl_buf_done(&buf);
    golden_reader_done(&golden);
}

TEST(of_a_record_of_v1_only_text_is_shown)
{
    struct golden_reader golden;
    struct cl_v2_agent agent = {0};
    golden_reader_init(&golden);
    CHECK_OK(cl_v2_read_record(&golden.reader,
                               CL_STR("{\"name\":7,\"capabilities\":[1,\"a b\",null,\"\",[\"x\"],"
                                      "\"\\n\",\"c\"],\"machine\":\"m\",\"description\":{}}"),
                               &agent));
    CHECK_INT(agent.name.len + agent.description.len + agent.metadata.len, 0);
    CHECK_INT(agent.capabilities.len, 2);
    CHECK_STR(agent.capabilities.ptr[0], CL_STR("a b"));
    CHECK_STR(agent.capabilities.ptr[1], CL_STR("c"));
    struct cl_v2_agent other = {0};
    CHECK_OK(cl_v2_read_record(&golden.reader, CL_STR("{\"capabilities\":\"review\"}"), &other));
    CHECK_INT(other.capabilities.len, 0);
    // 128 bytes are a name, 129 are none.
    char record[256] = "{\"name\":\"";
    size_t at = strlen(record);
    memset(record + at, 'n', 129);
    memcpy(record + at + 129, "\"}", 2);
    CHECK_OK(cl_v2_read_record(&golden.reader, cl_str_of(record, at + 131), &other));
    CHECK_INT(other.name.len, 0);
    memcpy(record + at + 128, "\"}", 2);
    CHECK_OK(cl_v2_read_record(&golden.reader, cl_str_of(record, at + 130), &other));
    CHECK_INT(other.name.len, 128);
    golden_reader_done(&golden);
}

TEST(without_memory_nothing_is_shown_and_nothing_leaks)
{
    FOR_EACH_FAULT
    {
        struct golden_reader golden;
        struct cl_v2_shown shown = {0};
        struct cl_buf out;
        golden_reader_init(&golden);
        cl_buf_init(&out, CL_MIB);
        enum cl_err err = show_to_v1(&golden, &shown, golden_read("envelope.bytes", ".json"), &out);
        if (err == CL_OK)
            err = pass_v1(&golden, "delegate", golden_read("to_v2.delegate", ".call.json"), &out);
        if (err == CL_OK)
            err = pass_v1(&golden, "broadcast", golden_read("to_v2.broadcast-tags", ".call.json"),
                          &out);
        CHECK_INT(err, fault_happened() ? CL_ERR_NO_MEMORY : CL_OK);
        cl_buf_done(&out);
        golden_reader_done(&golden);
    }
}
