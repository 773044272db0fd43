// SPDX-License-Identifier: MIT
/* tests/golden/v2/: each text is read, and written again to the byte. */
#include <string.h>

#include "base/utf8.h"
#include "proto/v2_decode.h"
#include "proto/v2_encode.h"
#include "support/fault.h"
#include "support/test.h"
#include "v2_golden.h"
#include "wire/json.h"

/* Room for the struct of any result. */
union any {
    max_align_t align;
    char space[1024];
};

static const char *const errors[] = {"parse",   "request", "method", "params",
                                     "version", "name",    "rate"};

static const char *
file_of(cl_str name, const char *kind)
{
    static char space[64];
    CHECK(name.len + strlen(kind) < sizeof space);
    memcpy(space, name.ptr, name.len);
    memcpy(space + name.len, kind, strlen(kind) + 1);
    return space;
}

static cl_str
method_file(unsigned method, const char *kind)
{
    return golden_read(file_of(cl_v2_method_name((enum cl_v2_method)method), kind), ".json");
}

static enum cl_err
decode(struct golden_reader *golden, cl_str text, struct cl_v2_call *ret_call,
       struct cl_v2_fault *ret_fault)
{
    return cl_v2_decode_call(&golden->reader, text, GOLDEN_NOW, ret_call, ret_fault);
}

TEST(each_golden_call_is_read_and_written_again)
{
    for (unsigned method = 0; method < CL_V2_METHOD_COUNT; method++) {
        struct golden_reader golden;
        struct cl_v2_call call;
        struct cl_v2_fault fault;
        struct cl_buf buf;
        cl_str text = method_file(method, ".call");
        test_note("%.*s", CL_STR_ARG(text));
        golden_reader_init(&golden);
        cl_buf_init(&buf, CL_MIB);
        CHECK_OK(decode(&golden, text, &call, &fault));
        CHECK_INT(call.method, method);
        CHECK_OK(cl_v2_encode_call(call.method, call.id, &call.params, &buf));
        CHECK_STR(cl_buf_str(&buf), text);
        cl_buf_done(&buf);
        golden_reader_done(&golden);
    }
}

TEST(each_golden_result_is_read_and_written_again)
{
    for (unsigned method = 0; method < CL_V2_METHOD_COUNT; method++) {
        struct golden_reader golden;
        struct cl_v2_heard heard;
        struct cl_buf buf;
        struct cl_why why;
        union any result;
        cl_str text = method_file(method, ".result");
        test_note("%.*s", CL_STR_ARG(text));
        golden_reader_init(&golden);
        cl_buf_init(&buf, CL_MIB);
        CHECK(cl_v2_result_shape((enum cl_v2_method)method)->size <= sizeof result);
        CHECK_OK(cl_v2_decode_heard(&golden.reader, text, &heard, &why));
        CHECK_INT(heard.kind, CL_V2_HEARD_RESULT);
        CHECK_OK(cl_v2_read_result(&golden.reader, (enum cl_v2_method)method, heard.result, &result,
                                   &why));
        CHECK_OK(cl_v2_encode_result((enum cl_v2_method)method, heard.id, &result, &buf));
        CHECK_STR(cl_buf_str(&buf), text);
        cl_buf_done(&buf);
        golden_reader_done(&golden);
    }
}

TEST(whose_the_secret_was_is_read_and_written_again)
{
    static const char *const words[] = {"group", "instance"};
    for (unsigned i = 0; i < 2; i++) {
        struct golden_reader golden;
        struct cl_v2_heard heard;
        struct cl_v2_welcome welcome;
        struct cl_buf buf;
        struct cl_why why;
        cl_str text = golden_read(file_of(CL_STR("secret."), words[i]), ".json");
        test_note("%.*s", CL_STR_ARG(text));
        golden_reader_init(&golden);
        cl_buf_init(&buf, CL_MIB);
        CHECK_OK(cl_v2_decode_heard(&golden.reader, text, &heard, &why));
        CHECK_OK(cl_v2_read_result(&golden.reader, CL_V2_HELLO, heard.result, &welcome, &why));
        CHECK_INT(welcome.secret, CL_V2_SECRET_GROUP + i);
        CHECK_OK(cl_v2_encode_result(CL_V2_HELLO, heard.id, &welcome, &buf));
        CHECK_STR(cl_buf_str(&buf), text);
        cl_buf_done(&buf);
        golden_reader_done(&golden);
    }
}

TEST(each_golden_note_is_read_and_written_again)
{
    for (unsigned note = 0; note < CL_V2_NOTE_COUNT; note++) {
        struct golden_reader golden;
        struct cl_v2_heard heard;
        struct cl_buf buf;
        struct cl_why why;
        cl_str name = cl_v2_note_name((enum cl_v2_note)note);
        cl_str text = golden_read(file_of(name, ".note"), ".json");
        test_note("%.*s", CL_STR_ARG(text));
        golden_reader_init(&golden);
        cl_buf_init(&buf, CL_MIB);
        CHECK_OK(cl_v2_decode_heard(&golden.reader, text, &heard, &why));
        CHECK_INT(heard.kind, CL_V2_HEARD_NOTE);
        CHECK_INT(heard.note, note);
        CHECK_OK(cl_v2_encode_note(heard.note, &heard.note_params, &buf));
        CHECK_STR(cl_buf_str(&buf), text);
        cl_buf_done(&buf);
        golden_reader_done(&golden);
    }
}

TEST(each_golden_error_is_read_and_written_again)
{
    for (size_t i = 0; i < sizeof errors / sizeof errors[0]; i++) {
        struct golden_reader golden;
        struct cl_v2_heard heard;
        struct cl_buf buf;
        struct cl_why why;
        cl_str text = golden_read(file_of(CL_STR("error."), errors[i]), ".json");
        test_note("%s", errors[i]);
        golden_reader_init(&golden);
        cl_buf_init(&buf, CL_MIB);
        CHECK_OK(cl_v2_decode_heard(&golden.reader, text, &heard, &why));
        CHECK_INT(heard.kind, CL_V2_HEARD_ERROR);
        CHECK_OK(cl_v2_encode_error(heard.id, &heard.error, &buf));
        CHECK_STR(cl_buf_str(&buf), text);
        cl_buf_done(&buf);
        golden_reader_done(&golden);
    }
}

TEST(a_text_that_is_no_call_has_its_golden_answer)
{
    static const struct {
        const char *answer;
        cl_str text;
    } rows[] = {
        {"parse", CL_STR_INIT("{\"jsonrpc\":\"2.0\",\"id\":1")},
        {"request", CL_STR_INIT(" [{}]")},
        {"method", CL_STR_INIT("{\"jsonrpc\":\"2.0\",\"id\":17,\"method\":\"poll\"}")},
        {"params", CL_STR_INIT("{\"id\":18,\"method\":\"detach\",\"jsonrpc\":\"2.0\"}")},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct golden_reader golden;
        struct cl_v2_call call;
        struct cl_v2_fault fault;
        struct cl_buf buf;
        golden_reader_init(&golden);
        cl_buf_init(&buf, CL_MIB);
        enum cl_err err = decode(&golden, rows[i].text, &call, &fault);
        CHECK(err != CL_OK);
        CHECK_INT(fault.error.err, err);
        CHECK_OK(cl_v2_encode_error(fault.id, &fault.error, &buf));
        CHECK_STR(cl_buf_str(&buf),
                  golden_read(file_of(CL_STR("error."), rows[i].answer), ".json"));
        cl_buf_done(&buf);
        golden_reader_done(&golden);
    }
}

TEST(each_broken_call_is_refused_with_its_code)
{
    cl_str rest = golden_read("bad_calls", ".txt"), cells[4];
    unsigned rows = 0;
    for (; golden_line(&rest, cells, 4) == 4; rows++) {
        struct golden_reader golden;
        struct cl_v2_call call;
        struct cl_v2_fault fault;
        int64_t code;
        bool is_silent = cl_str_eq(cells[2], CL_STR("-"));
        test_note("row %u: %.*s", rows + 1, CL_STR_ARG(cl_str_part(cells[3], 0, 120)));
        golden_reader_init(&golden);
        enum cl_err err = decode(&golden, cells[3], &call, &fault);
        CHECK(cl_json_to_i64(cells[0], &code));
        CHECK_STR(cl_str_z(cl_err_wire(err)), cells[1]);
        CHECK_INT(fault.error.err, err);
        CHECK_INT(fault.error.code, code);
        CHECK_INT(fault.is_silent, is_silent);
        CHECK_STR(fault.id, is_silent ? CL_STR("null") : cells[2]);
        CHECK(fault.error.sentence.len > 0);
        CHECK(cl_utf8_is_valid(fault.error.sentence)); // or there would be no answer
        golden_reader_done(&golden);
    }
    CHECK(rows > 120);
}

TEST(the_id_of_an_answer_is_the_calls_own_spelling)
{
    static const struct {
        cl_str sent;
        cl_str id;
    } rows[] = {
        {CL_STR_INIT("\"id\": \"a\\u0062\" ,"), CL_STR_INIT("\"a\\u0062\"")},
        {CL_STR_INIT("\"id\":1.50,"), CL_STR_INIT("1.50")},
        {CL_STR_INIT("\"id\":-1e9,"), CL_STR_INIT("-1e9")},
        {CL_STR_INIT("\"id\":null,"), CL_STR_INIT("null")},
        {CL_STR_INIT(""), {0}},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct golden_reader golden;
        struct cl_v2_call call;
        struct cl_v2_fault fault;
        struct cl_buf buf;
        golden_reader_init(&golden);
        cl_buf_init(&buf, CL_MIB);
        CHECK_OK(cl_buf_printf(&buf, "{%.*s\"jsonrpc\":\"2.0\",\"method\":\"agents\"}",
                               CL_STR_ARG(rows[i].sent)));
        CHECK_OK(decode(&golden, cl_buf_str(&buf), &call, &fault));
        CHECK_STR(call.id, rows[i].id);
        cl_buf_done(&buf);
        golden_reader_done(&golden);
    }
}

TEST(the_values_of_a_call_are_read)
{
    struct golden_reader golden;
    struct cl_v2_call call;
    struct cl_v2_fault fault;
    golden_reader_init(&golden);
    CHECK_OK(decode(&golden, golden_read("attach", ".call.json"), &call, &fault));
    CHECK_STR(call.params.attach.agent, CL_STR("mini/otto"));
    CHECK_INT(call.params.attach.capabilities.len, 2);
    CHECK_STR(call.params.attach.capabilities.ptr[1], CL_STR("c"));
    CHECK_STR(call.params.attach.metadata, CL_STR("{\"model\":\"any\"}"));
    CHECK(call.params.attach.receipts_after.is_set && !call.params.attach.quiet);
    CHECK_INT(call.params.attach.receipts_after.value, 40);

    CHECK_OK(decode(&golden, golden_read("ack", ".call.json"), &call, &fault));
    CHECK_INT(call.params.ack.ranges.len, 2);
    CHECK_INT(call.params.ack.ranges.ptr[0].priority, CL_PRIORITY_URGENT);
    CHECK_INT(call.params.ack.ranges.ptr[1].first, 12);
    CHECK_INT(call.params.ack.ranges.ptr[1].last, 15);
    CHECK_INT(call.params.ack.rung, CL_RUNG_SEEN);
    CHECK_INT(call.params.ack.proof, CL_V2_PROOF_ACK);

    CHECK_OK(decode(&golden, golden_read("release", ".call.json"), &call, &fault));
    CHECK_INT(call.params.release.ranges.len, 2);
    CHECK_INT(call.params.release.ranges.ptr[1].priority, CL_LANE_PASSING);

    CHECK_OK(decode(&golden, golden_read("send", ".call.json"), &call, &fault));
    CHECK_STR(call.header.to, CL_STR("mini/otto"));
    CHECK_INT(call.header.seq, 1);
    CHECK_STR(call.params.send.envelope.payload, CL_STR("UmV2aWV3IHRoZSBwYXJzZXI"));
    CHECK_INT(call.params.send.attempts, 5);
    golden_reader_done(&golden);
}

/* 28 levels of metadata are taken, and can be read in the list that shows them; 29 are in
 * bad_calls.txt. */
TEST(what_an_agent_says_of_itself_can_be_shown)
{
    char metadata[28 * 6 + 2];
    struct golden_reader golden;
    struct cl_v2_call call;
    struct cl_v2_fault fault;
    struct cl_v2_heard heard;
    struct cl_why why;
    struct cl_buf buf;
    size_t at = 0;
    for (unsigned i = 0; i < 28; i++, at += 5)
        memcpy(metadata + at, "{\"a\":", 5);
    metadata[at++] = '1';
    memset(metadata + at, '}', 28);
    struct cl_v2_attach attach = {.agent = CL_STR("a/b"), .metadata = cl_str_of(metadata, at + 28)};
    golden_reader_init(&golden);
    cl_buf_init(&buf, CL_MIB);
    CHECK_OK(cl_v2_encode_call(CL_V2_ATTACH, CL_STR("1"), &attach, &buf));
    CHECK_OK(decode(&golden, cl_buf_str(&buf), &call, &fault));
    struct cl_v2_agent agent = {.agent = attach.agent, .metadata = call.params.attach.metadata};
    struct cl_v2_agent_list list = {.agents = {&agent, 1}};
    struct cl_buf answer;
    cl_buf_init(&answer, CL_MIB);
    CHECK_OK(cl_v2_encode_result(CL_V2_AGENTS, call.id, &list, &answer));
    CHECK_OK(cl_v2_decode_heard(&golden.reader, cl_buf_str(&answer), &heard, &why));
    CHECK_OK(cl_v2_read_result(&golden.reader, CL_V2_AGENTS, heard.result, &list, &why));
    CHECK_STR(((const struct cl_v2_agent *)list.agents.ptr)->metadata, attach.metadata);
    cl_buf_done(&answer);
    cl_buf_done(&buf);
    golden_reader_done(&golden);
}

TEST(the_message_is_the_same_around_an_envelope_by_reference)
{
    struct golden_reader golden;
    struct cl_v2_heard heard;
    struct cl_buf buf;
    struct cl_why why;
    cl_str text = golden_read("message", ".note.json");
    golden_reader_init(&golden);
    cl_buf_init(&buf, CL_MIB);
    CHECK_OK(cl_v2_decode_heard(&golden.reader, text, &heard, &why));
    CHECK_OK(cl_v2_encode_message_head(&heard.note_params.message, &buf));
    CHECK_OK(cl_envelope_put(&heard.note_params.message.envelope, &buf));
    CHECK_OK(cl_buf_append(&buf, CL_STR(CL_V2_MESSAGE_TAIL)));
    CHECK_STR(cl_buf_str(&buf), text);
    cl_buf_done(&buf);
    golden_reader_done(&golden);
}

TEST(a_result_written_in_pieces_is_the_same)
{
    struct golden_reader golden;
    struct cl_v2_heard heard;
    struct cl_v2_dead_page page;
    struct cl_json_writer json;
    struct cl_buf buf;
    struct cl_why why;
    golden_reader_init(&golden);
    cl_buf_init(&buf, CL_MIB);
    cl_str text = golden_read("dead.list", ".result.json");
    CHECK_OK(cl_v2_decode_heard(&golden.reader, text, &heard, &why));
    CHECK_OK(cl_v2_read_result(&golden.reader, CL_V2_DEAD_LIST, heard.result, &page, &why));
    cl_json_writer_init(&json, &buf);
    cl_v2_result_begin(&json, heard.id);
    cl_json_put_name(&json, CL_STR("dead"));
    cl_json_array_begin(&json);
    cl_shape_put(&json, &cl_v2_dead_shape, page.dead.ptr);
    cl_json_array_end(&json);
    cl_json_put_member(&json, CL_STR("next"), CL_STR("AAECAwQFBgcICQoLDA0ODw"));
    cl_v2_result_end(&json);
    CHECK_OK(cl_json_writer_end(&json));
    CHECK_STR(cl_buf_str(&buf), text);
    cl_buf_done(&buf);
    golden_reader_done(&golden);
}

/* A message that nobody gave a number of attempts comes back without end. */
TEST(a_message_may_come_back_more_often_than_a_byte_counts)
{
    struct golden_reader golden;
    struct cl_v2_heard heard;
    struct cl_buf buf;
    struct cl_why why;
    golden_reader_init(&golden);
    cl_buf_init(&buf, CL_MIB);
    CHECK_OK(
        cl_v2_decode_heard(&golden.reader, golden_read("message", ".note.json"), &heard, &why));
    struct cl_v2_added added = *(const struct cl_v2_added *)heard.note_params.message.relay;
    added.attempts = 1000;
    heard.note_params.message.relay = &added;
    CHECK_OK(cl_v2_encode_note(CL_V2_NOTE_MESSAGE, &heard.note_params, &buf));
    CHECK_OK(cl_v2_decode_heard(&golden.reader, cl_buf_str(&buf), &heard, &why));
    CHECK_INT(((const struct cl_v2_added *)heard.note_params.message.relay)->attempts, 1000);
    cl_buf_done(&buf);
    golden_reader_done(&golden);
}

TEST(a_client_passes_over_what_a_newer_relay_adds)
{
    struct golden_reader golden;
    struct cl_v2_heard heard;
    struct cl_v2_batch batch;
    struct cl_why why;
    golden_reader_init(&golden);
    CHECK_OK(cl_v2_decode_heard(
        &golden.reader,
        CL_STR("{\"more\":1,\"jsonrpc\":\"2.0\",\"id\":1,\"result\":{\"x\":[],\"messages\":[]}}"),
        &heard, &why));
    CHECK_OK(cl_v2_read_result(&golden.reader, CL_V2_RECEIVE, heard.result, &batch, &why));
    CHECK_INT(batch.messages.len + batch.lease.len, 0);

    CHECK_OK(cl_v2_decode_heard(&golden.reader,
                                CL_STR("{\"jsonrpc\":\"2.0\",\"method\":\"receipt\",\"params\":{"
                                       "\"y\":1,\"agent\":\"a/b\",\"receipts\":[{\"z\":1,"
                                       "\"version\":1,\"id\":\"AAECAwQFBgcICQoLDA0ODw\","
                                       "\"rungs\":[]}]}}"),
                                &heard, &why));
    CHECK_INT(heard.note, CL_V2_NOTE_RECEIPT);
    const struct cl_v2_receipt *receipt = heard.note_params.receipts.receipts.ptr;
    CHECK_INT(receipt->version, 1);
    CHECK(receipt->ended == NULL);

    CHECK_OK(cl_v2_decode_heard(&golden.reader,
                                CL_STR("{\"jsonrpc\":\"2.0\",\"method\":\"news\",\"params\":[]}"),
                                &heard, &why));
    CHECK_INT(heard.kind, CL_V2_HEARD_OTHER);

    CHECK_OK(cl_v2_decode_heard(
        &golden.reader,
        CL_STR("{\"jsonrpc\":\"2.0\",\"id\":null,\"error\":{\"code\":499,\"message\":\"\","
               "\"data\":{\"error\":\"brand_new\",\"retry\":true,\"more\":{}}}}"),
        &heard, &why));
    CHECK_INT(heard.error.err, CL_ERR_INTERNAL);
    CHECK_INT(heard.error.code, 499);

    CHECK_OK(cl_v2_decode_heard(
        &golden.reader,
        CL_STR("{\"jsonrpc\":\"2.0\",\"id\":1,\"error\":{\"code\":200,\"message\":\"\","
               "\"data\":{\"error\":\"ok\",\"retry\":false}}}"),
        &heard, &why));
    CHECK_INT(heard.error.err, CL_ERR_INTERNAL); // an error is none that is none
    golden_reader_done(&golden);
}

TEST(what_is_no_answer_and_no_note_is_refused)
{
    static const cl_str rows[] = {
        CL_STR_INIT("{"),
        CL_STR_INIT("[]"),
        CL_STR_INIT("{}"),
        CL_STR_INIT("{\"id\":1,\"result\":{}}"),
        CL_STR_INIT("{\"jsonrpc\":\"2.0\",\"result\":{}}"),
        CL_STR_INIT("{\"jsonrpc\":\"2.0\",\"id\":1}"),
        CL_STR_INIT("{\"jsonrpc\":\"2.0\",\"id\":[],\"result\":{}}"),
        CL_STR_INIT("{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":{},\"error\":{}}"),
        CL_STR_INIT("{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":{},\"method\":\"message\"}"),
        CL_STR_INIT("{\"jsonrpc\":\"2.0\",\"id\":1,\"error\":\"no\"}"),
        CL_STR_INIT("{\"jsonrpc\":\"2.0\",\"id\":1,\"error\":{}}"),
        CL_STR_INIT("{\"jsonrpc\":\"2.0\",\"id\":1,\"error\":{\"code\":400}}"),
        CL_STR_INIT("{\"jsonrpc\":\"2.0\",\"id\":1,\"error\":{\"code\":1.5,\"message\":\"\"}}"),
        CL_STR_INIT("{\"jsonrpc\":\"2.0\",\"id\":1,\"error\":{\"code\":4294967296,"
                    "\"message\":\"\"}}"),
        CL_STR_INIT("{\"jsonrpc\":\"2.0\",\"id\":1,\"error\":{\"code\":1,\"message\":\"\","
                    "\"data\":{\"error\":\"x\"}}}"),
        CL_STR_INIT("{\"jsonrpc\":\"2.0\",\"method\":\"message\"}"),
        CL_STR_INIT("{\"jsonrpc\":\"2.0\",\"method\":\"message\",\"params\":{}}"),
        CL_STR_INIT("{\"jsonrpc\":\"2.0\",\"method\":\"receipt\",\"params\":{\"agent\":\"a/b\","
                    "\"receipts\":[1]}}"),
        // No outcome is no ending.
        CL_STR_INIT("{\"jsonrpc\":\"2.0\",\"method\":\"receipt\",\"params\":{\"agent\":\"a/b\","
                    "\"receipts\":[{\"version\":1,\"id\":\"AAECAwQFBgcICQoLDA0ODw\",\"rungs\":[],"
                    "\"ended\":{\"outcome\":\"\",\"at\":1,\"by\":\"a/b\"}}]}}"),
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct golden_reader golden;
        struct cl_v2_heard heard;
        struct cl_why why = {""};
        test_note("row %zu", i);
        golden_reader_init(&golden);
        enum cl_err err = cl_v2_decode_heard(&golden.reader, rows[i], &heard, &why);
        CHECK(err == CL_ERR_MALFORMED || err == CL_ERR_MISSING);
        CHECK(why.text[0] != '\0');
        golden_reader_done(&golden);
    }
}

TEST(a_result_of_another_shape_is_refused)
{
    struct golden_reader golden;
    struct cl_v2_sent sent;
    struct cl_why why = {""};
    golden_reader_init(&golden);
    CHECK_INT(cl_v2_read_result(&golden.reader, CL_V2_SEND, CL_STR("[]"), &sent, &why),
              CL_ERR_MALFORMED);
    CHECK_INT(cl_v2_read_result(&golden.reader, CL_V2_SEND, CL_STR("{}"), &sent, &why),
              CL_ERR_MISSING);
    golden_reader_done(&golden);
}

/* One call and its result, read and written. */
static enum cl_err
pass_through(struct golden_reader *golden, unsigned method, struct cl_buf *buf)
{
    struct cl_v2_call call;
    struct cl_v2_fault fault;
    struct cl_v2_heard heard;
    struct cl_why why;
    union any result;
    enum cl_err err = decode(golden, method_file(method, ".call"), &call, &fault);
    if (err == CL_OK)
        err = cl_v2_encode_call(call.method, call.id, &call.params, buf);
    if (err == CL_OK)
        err = cl_v2_decode_heard(&golden->reader, method_file(method, ".result"), &heard, &why);
    if (err == CL_OK)
        err = cl_v2_read_result(&golden->reader, call.method, heard.result, &result, &why);
    return err == CL_OK ? cl_v2_encode_result(call.method, heard.id, &result, buf) : err;
}

TEST(without_memory_a_text_is_refused_and_nothing_leaks)
{
    for (unsigned method = 0; method < CL_V2_METHOD_COUNT; method++) {
        FOR_EACH_FAULT
        {
            struct golden_reader golden;
            struct cl_buf buf;
            golden_reader_init(&golden);
            cl_buf_init(&buf, CL_MIB);
            enum cl_err err = pass_through(&golden, method, &buf);
            CHECK_INT(err, fault_happened() ? CL_ERR_NO_MEMORY : CL_OK);
            cl_buf_done(&buf);
            golden_reader_done(&golden);
        }
    }
}
