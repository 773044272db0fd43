// SPDX-License-Identifier: MIT
/* tests/golden/agent_link: the frames of Agent Link, and what is refused of them. */
#include "proto/agent_link.h"

#include "support/fault.h"
#include "support/test.h"
#include "v2_golden.h"

#define FOLDER "../agent_link/"

static enum cl_err
read_call(struct golden_reader *golden, cl_str text, struct cl_agent_link_call *ret_call)
{
    struct cl_why why;
    return cl_agent_link_read_call(&golden->reader, text, ret_call, &why);
}

/* The frame of that name, out of calls.txt or notes.txt. */
static cl_str
frame_of(const char *file, const char *name)
{
    cl_str rest = golden_read(file, ".txt"), cells[2];
    while (golden_line(&rest, cells, 2) == 2)
        if (cl_str_eq(cells[0], cl_str_z(name)))
            return cells[1];
    test_fail(__FILE__, __LINE__, "%s has no %s", file, name);
}

TEST(calls_of_the_published_client_are_read_and_written_again)
{
    cl_str rest = golden_read(FOLDER "calls", ".txt"), cells[2];
    cl_str our = golden_read(FOLDER "calls_our", ".txt"), our_cells[2];
    unsigned rows = 0;
    for (; golden_line(&rest, cells, 2) == 2; rows++) {
        struct golden_reader golden;
        struct cl_agent_link_call call;
        struct cl_buf buf;
        test_note("%.*s", CL_STR_ARG(cells[0]));
        CHECK_INT(golden_line(&our, our_cells, 2), 2);
        golden_reader_init(&golden);
        cl_buf_init(&buf, CL_AL_FRAME_BYTES_MAX);
        CHECK_OK(read_call(&golden, cells[1], &call));
        CHECK(call.is_signed);
        CHECK_OK(cl_agent_link_put_call(&call, &buf));
        CHECK_STR(cl_buf_str(&buf), our_cells[1]);
        CHECK_OK(read_call(&golden, our_cells[1], &call));
        cl_buf_clear(&buf);
        CHECK_OK(cl_agent_link_put_call(&call, &buf));
        CHECK_STR(cl_buf_str(&buf), our_cells[1]);
        cl_buf_done(&buf);
        golden_reader_done(&golden);
    }
    CHECK(rows > 8);
}

TEST(the_members_of_a_call_are_read)
{
    struct golden_reader golden;
    struct cl_agent_link_call call;
    golden_reader_init(&golden);
    CHECK_OK(read_call(&golden, frame_of(FOLDER "calls", "register"), &call));
    CHECK_INT(call.type, CL_AGENT_LINK_REGISTER);
    CHECK_STR(call.instance, CL_STR("instance-001"));
    CHECK_INT(call.signature.bytes[0], 0x50);
    CHECK_INT(call.signature.bytes[31], 0xc6);
    CHECK_INT(call.public_key.len + call.name.len, 0);
    CHECK_OK(read_call(&golden, frame_of(FOLDER "calls", "chinese"), &call));
    CHECK_INT(call.type, CL_AGENT_LINK_SEND);
    CHECK_STR(call.from, CL_STR("instance-001/healthguard"));
    CHECK_STR(call.from_address.instance, CL_STR("instance-001"));
    CHECK_STR(call.from_address.name, CL_STR("healthguard"));
    CHECK_STR(call.to, CL_STR("instance-002/xiaobaozi"));
    CHECK_STR(call.target, call.to);
    CHECK_INT(call.to_address.kind, CL_ADDRESS_AGENT);
    CHECK_STR(call.to_address.name, CL_STR("xiaobaozi"));
    CHECK_STR(call.message, CL_STR("\xe4\xbd\xa0\xe5\xa5\xbd\xef\xbc\x8c\xe5\xb0\x8f\xe5\x8c\x85"
                                   "\xe5\xad\x90\xef\xbc\x81"));
    CHECK_OK(read_call(&golden, frame_of(FOLDER "calls", "emoji"), &call));
    CHECK_STR(call.message, CL_STR("quote \" slash / tab \t emoji \xf0\x9f\x93\xa8"));
    CHECK_OK(read_call(&golden, frame_of(FOLDER "calls", "controls"), &call));
    CHECK_STR(call.message, CL_STR("a\0b\x1f\x7f\xe2\x80\xa8\n\\"));
    CHECK_OK(read_call(&golden, CL_STR("{\"type\":\"ping\"}"), &call));
    CHECK_INT(call.type, CL_AGENT_LINK_PING);
    golden_reader_done(&golden);
}

TEST(a_bare_agent_is_one_of_the_senders_instance)
{
    struct golden_reader golden;
    struct cl_agent_link_call call;
    golden_reader_init(&golden);
    CHECK_OK(read_call(&golden, frame_of(FOLDER "calls", "bare"), &call));
    CHECK_STR(call.to, CL_STR("main")); // as it was signed
    CHECK_STR(call.target, CL_STR("instance-001/main"));
    CHECK_STR(call.to_address.instance, CL_STR("instance-001"));
    CHECK_STR(call.to_address.name, CL_STR("main"));
    CHECK_OK(read_call(&golden, frame_of(FOLDER "calls", "v1_line"), &call));
    CHECK_INT(call.to_address.kind, CL_ADDRESS_V1);
    CHECK_STR(call.to_address.name, CL_STR("\xc3\xa4 b"));
    golden_reader_done(&golden);
}

TEST(notes_are_written_and_read_again)
{
    cl_str rest = golden_read(FOLDER "notes", ".txt"), cells[2];
    unsigned rows = 0;
    for (; golden_line(&rest, cells, 2) == 2; rows++) {
        struct golden_reader golden;
        struct cl_agent_link_note note;
        struct cl_why why;
        struct cl_buf buf;
        test_note("%.*s", CL_STR_ARG(cells[0]));
        golden_reader_init(&golden);
        cl_buf_init(&buf, CL_AL_FRAME_BYTES_MAX);
        CHECK_OK(cl_agent_link_read_note(&golden.reader, cells[1], &note, &why));
        CHECK_OK(cl_agent_link_put_note(&note, &buf));
        CHECK_STR(cl_buf_str(&buf), cells[1]);
        cl_buf_done(&buf);
        golden_reader_done(&golden);
    }
    CHECK_INT(rows, 6);
}

TEST(the_members_of_a_note_are_read)
{
    struct golden_reader golden;
    struct cl_agent_link_note note;
    struct cl_why why;
    golden_reader_init(&golden);
    CHECK_OK(
        cl_agent_link_read_note(&golden.reader, frame_of(FOLDER "notes", "message"), &note, &why));
    CHECK_INT(note.type, CL_AGENT_LINK_MESSAGE);
    CHECK_STR(note.from, CL_STR("instance-001/healthguard"));
    CHECK_STR(note.to, CL_STR("instance-002/xiaobaozi"));
    CHECK_STR(note.message, CL_STR("\xe4\xbd\xa0\xe5\xa5\xbd \xf0\x9f\x93\xa8 \"q\"\n"));
    CHECK_OK(
        cl_agent_link_read_note(&golden.reader, CL_STR("{\"type\":\"registered\"}"), &note, &why));
    CHECK_INT(note.type, CL_AGENT_LINK_REGISTERED);
    CHECK_INT(note.instance.len + note.message.len, 0);
    CHECK_OK(cl_agent_link_read_note(&golden.reader, CL_STR("{\"type\":\"later\",\"to\":1}"), &note,
                                     &why));
    CHECK_INT(note.type, CL_AGENT_LINK_UNKNOWN);
    golden_reader_done(&golden);
}

/* What the row is about; false: something else reads it. */
static bool
read_row(struct golden_reader *golden, const cl_str *cells, enum cl_err *ret_err,
         struct cl_why *why)
{
    struct cl_agent_link_call call = {.name = CL_STR("untouched")};
    struct cl_agent_link_note note = {.from = CL_STR("untouched")};
    const struct cl_envelope_reader *reader = &golden->reader;
    if (cl_str_eq(cells[0], CL_STR("call")))
        *ret_err = cl_agent_link_read_call(reader, cells[3], &call, why);
    else if (cl_str_eq(cells[0], CL_STR("register")))
        *ret_err = cl_agent_link_read_body(reader, CL_AGENT_LINK_REGISTER, cells[3], &call, why);
    else if (cl_str_eq(cells[0], CL_STR("send")))
        *ret_err = cl_agent_link_read_body(reader, CL_AGENT_LINK_SEND, cells[3], &call, why);
    else if (cl_str_eq(cells[0], CL_STR("note")))
        *ret_err = cl_agent_link_read_note(reader, cells[3], &note, why);
    else
        return false;
    CHECK_STR(call.name, CL_STR("untouched"));
    CHECK_STR(note.from, CL_STR("untouched"));
    return true;
}

TEST(each_broken_rule_is_refused_with_a_sentence_that_names_the_member)
{
    cl_str rest = golden_read(FOLDER "bad", ".txt"), cells[4];
    unsigned rows = 0;
    while (golden_line(&rest, cells, 4) == 4) {
        struct golden_reader golden;
        struct cl_why why = {""};
        enum cl_err err;
        test_note("%.*s", (int)(cells[3].len < 200 ? cells[3].len : 200), cells[3].ptr);
        golden_reader_init(&golden);
        if (read_row(&golden, cells, &err, &why)) {
            CHECK_STR(cl_str_z(cl_err_wire(err)), cells[1]);
            CHECK(why.text[0] != '\0');
            if (!cl_str_eq(cells[2], CL_STR("-")))
                CHECK(cl_str_starts(cl_str_z(why.text), cells[2]));
            rows++;
        }
        golden_reader_done(&golden);
    }
    CHECK(rows > 250);
}

TEST(a_body_of_http_may_come_without_a_signature)
{
    struct golden_reader golden;
    struct cl_agent_link_call call;
    struct cl_why why;
    golden_reader_init(&golden);
    CHECK_OK(cl_agent_link_read_body(
        &golden.reader, CL_AGENT_LINK_REGISTER,
        CL_STR("{\"instance_id\":\"a\",\"public_key\":\"k\",\"name\":\"n\",\"type\":7}"), &call,
        &why));
    CHECK(call.type == CL_AGENT_LINK_REGISTER && !call.is_signed);
    CHECK_STR(call.public_key, CL_STR("k"));
    CHECK_STR(call.name, CL_STR("n"));
    CHECK_OK(cl_agent_link_read_body(
        &golden.reader, CL_AGENT_LINK_SEND,
        CL_STR(" {\"from\":\"a/b\",\"to\":\"c\",\"message\":\"\",\"more\":{}}\n"), &call, &why));
    CHECK(call.type == CL_AGENT_LINK_SEND && !call.is_signed);
    CHECK_STR(call.target, CL_STR("a/c"));
    CHECK_OK(cl_agent_link_read_body(&golden.reader, CL_AGENT_LINK_SEND,
                                     frame_of(FOLDER "calls", "chinese"), &call, &why));
    CHECK(call.is_signed);
    golden_reader_done(&golden);
}

/* A message whose frame has so many bytes. */
static enum cl_err
put_message_of(size_t bytes, struct cl_buf *buf)
{
    static char text[CL_AL_FRAME_BYTES_MAX + 1];
    const size_t around = sizeof "{'type':'message','from':'a/b','to':'c/d','message':''}" - 1;
    memset(text, 'x', sizeof text);
    return cl_agent_link_put_note(
        &(struct cl_agent_link_note){.type = CL_AGENT_LINK_MESSAGE,
                                     .from = CL_STR("a/b"),
                                     .to = CL_STR("c/d"),
                                     .message = cl_str_of(text, bytes - around)},
        buf);
}

TEST(a_frame_that_a_client_would_not_take_is_not_written)
{
    struct cl_buf buf;
    cl_buf_init(&buf, CL_AL_FRAME_BYTES_MAX);
    CHECK_INT(put_message_of(CL_AL_FRAME_BYTES_MAX + 1, &buf), CL_ERR_TOO_LARGE);
    CHECK_INT(buf.len, 0);
    CHECK_OK(put_message_of(CL_AL_FRAME_BYTES_MAX, &buf));
    CHECK_INT(buf.len, CL_AL_FRAME_BYTES_MAX);
    cl_buf_done(&buf);
}

TEST(what_is_no_text_is_not_written)
{
    struct cl_buf buf;
    struct cl_agent_link_call call = {.type = CL_AGENT_LINK_SEND, .message = CL_STR("\xff")};
    struct cl_agent_link_note note = {.type = CL_AGENT_LINK_ERROR, .message = CL_STR("\xc3")};
    cl_buf_init(&buf, CL_KIB);
    CHECK_OK(cl_buf_append(&buf, CL_STR("before")));
    CHECK_INT(cl_agent_link_put_call(&call, &buf), CL_ERR_MALFORMED);
    CHECK_INT(cl_agent_link_put_note(&note, &buf), CL_ERR_MALFORMED);
    CHECK_STR(cl_buf_str(&buf), CL_STR("before"));
    cl_buf_done(&buf);
}

TEST(without_memory_frames_are_refused_and_nothing_leaks)
{
    FOR_EACH_FAULT
    {
        struct golden_reader golden;
        struct cl_agent_link_call call;
        struct cl_agent_link_note note;
        struct cl_why why;
        struct cl_buf buf;
        golden_reader_init(&golden);
        cl_buf_init(&buf, CL_MIB);
        enum cl_err err = read_call(&golden, frame_of(FOLDER "calls", "bare"), &call);
        if (err == CL_OK)
            err = read_call(&golden, frame_of(FOLDER "calls", "emoji"), &call);
        if (err == CL_OK)
            err = cl_agent_link_put_call(&call, &buf);
        if (err == CL_OK)
            err = cl_agent_link_read_note(&golden.reader, frame_of(FOLDER "notes", "message"),
                                          &note, &why);
        if (err == CL_OK)
            err = cl_agent_link_put_note(&note, &buf);
        CHECK_INT(err, fault_happened() ? CL_ERR_NO_MEMORY : CL_OK);
        cl_buf_done(&buf);
        golden_reader_done(&golden);
    }
}
