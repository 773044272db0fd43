// SPDX-License-Identifier: MIT
/* What a person and a program are shown of the golden envelopes (tests/golden/v2). */
#include "cli/mail.h"

#include <string.h>

#include "base/limits.h"
#include "proto/id_text.h"
#include "support/fault.h"
#include "support/test.h"
#include "unit/proto/v2_golden.h"

static struct cl_why why;

/* The JSON of a golden envelope, in the buffer. */
static enum cl_err
put(struct golden_reader *golden, const char *name, const struct cl_v2_added *added,
    struct cl_buf *out)
{
    struct cl_envelope envelope;
    struct cl_envelope_header header;
    struct cl_mail mail;
    struct cl_json_writer json;
    cl_str text = golden_read(name, ".json");
    enum cl_err err = cl_envelope_decode(&golden->reader, text, &envelope, &header, &why);
    if (err == CL_OK)
        err = cl_mail_open(&golden->reader, &envelope, &mail, &why);
    if (err != CL_OK)
        return err;
    cl_json_writer_init(&json, out);
    cl_mail_put(&json, &mail, added);
    return cl_json_writer_end(&json);
}

static void
check_json(const char *name, const char *want)
{
    struct golden_reader golden;
    struct cl_buf out;
    test_note("%s", name);
    golden_reader_init(&golden);
    cl_buf_init(&out, CL_MIB);
    CHECK_OK(put(&golden, name, NULL, &out));
    CHECK_STR(cl_buf_str(&out), cl_str_z(want));
    cl_buf_done(&out);
    golden_reader_done(&golden);
}

static void
check_text(const char *name, const struct cl_v2_added *added, const char *want)
{
    struct golden_reader golden;
    struct cl_buf out;
    struct cl_page page;
    test_note("%s", name);
    golden_reader_init(&golden);
    cl_buf_init(&out, CL_MIB);
    cl_page_init(&page, SIZE_MAX, false);
    CHECK_OK(put(&golden, name, added, &out));
    cl_mail_draw(&page, cl_buf_str(&out), "inbox");
    CHECK_OK(page.err);
    CHECK_STR(cl_buf_str(&page.buf), cl_str_z(want));
    cl_page_done(&page);
    cl_buf_done(&out);
    golden_reader_done(&golden);
}

/* With a NUL, as long as the reader lives. */
static const char *
ended(struct golden_reader *golden, cl_str text)
{
    char *copy = cl_arena_alloc(golden->reader.arena, text.len + 1);
    CHECK(copy != NULL);
    if (text.len > 0)
        memcpy(copy, text.ptr, text.len);
    copy[text.len] = '\0';
    return copy;
}

static const char *
ended_id(struct golden_reader *golden, cl_id id)
{
    char text[CL_ID_TEXT_CAP] = "";
    if (!cl_id_is_none(id))
        cl_id_text(id, text);
    return ended(golden, cl_str_z(text));
}

/* What libclawlink says of that message. */
static struct claw_event
event_of(struct golden_reader *golden, const struct cl_mail *mail, const struct cl_v2_added *added)
{
    const struct cl_envelope_header *header = &mail->header;
    const struct cl_v2_chain *chain = added->chain;
    struct cl_blob blob = {.size = 0};
    char sha256[CL_DIGEST_TEXT_LEN];
    bool has_blob = cl_str_eq(header->cty, CL_STR(CL_CTY_BLOB)) &&
                    cl_blob_read(&golden->reader, mail->body, &blob, NULL) == CL_OK;
    cl_digest_text(&blob.digest, sha256);
    return (struct claw_event){.from = ended(golden, header->from),
                               .to = ended(golden, header->to),
                               .id = ended_id(golden, header->id),
                               .re = ended_id(golden, header->re),
                               .thread = ended(golden, header->thr),
                               .reply_to = ended(golden, header->reply_to),
                               .content_type = ended(golden, header->cty),
                               .body = mail->body.ptr,
                               .body_len = mail->body.len,
                               .priority = header->pri,
                               .made_ms = (int64_t)header->iat * 1000,
                               .expires_ms = (int64_t)header->exp * 1000,
                               .deadline_ms = (int64_t)header->dl * 1000,
                               .accepted_ms = (int64_t)added->accepted,
                               .trust = added->trust,
                               .attempts = (uint32_t)added->attempts,
                               .root = chain == NULL ? "" : ended_id(golden, chain->root),
                               .hops = chain == NULL ? 0 : (uint32_t)chain->hops,
                               .chain_count = chain == NULL ? 0 : chain->count,
                               .has_blob = has_blob,
                               .blob_sha256 =
                                   has_blob ? ended(golden, cl_str_of(sha256, sizeof sha256)) : "",
                               .blob_type = ended(golden, blob.cty),
                               .blob_size = blob.size};
}

static void
put_mail(struct cl_buf *out, const struct cl_mail *mail, const struct cl_v2_added *added)
{
    struct cl_json_writer json;
    cl_json_writer_init(&json, out);
    cl_mail_put(&json, mail, added);
    CHECK_OK(cl_json_writer_end(&json));
}

static void
check_both_ways(struct golden_reader *golden, const struct cl_envelope *envelope,
                const struct cl_v2_added *added)
{
    struct cl_buf looked_at, given;
    struct cl_mail mail, same;
    struct cl_v2_added same_added;
    struct cl_v2_chain same_chain;
    cl_buf_init(&looked_at, CL_MIB);
    cl_buf_init(&given, CL_MIB);
    CHECK_OK(cl_mail_open(&golden->reader, envelope, &mail, &why));
    put_mail(&looked_at, &mail, added);
    const struct claw_event event = event_of(golden, &mail, added);
    cl_mail_of_event(&event, &same, &same_added, &same_chain);
    put_mail(&given, &same, &same_added);
    CHECK_STR(cl_buf_str(&given), cl_buf_str(&looked_at));
    CHECK_INT(same.is_blob, mail.is_blob);
    if (mail.is_blob)
        CHECK(cl_digest_eq(&same.blob.digest, &mail.blob.digest));
    cl_buf_done(&looked_at);
    cl_buf_done(&given);
}

TEST(a_program_is_shown_all_that_an_envelope_says)
{
    check_json("envelope.task", "{\"id\":\"AAECAwQFBgcICQoLDA0ODw\",\"from\":\"laptop/mira\","
                                "\"to\":\"mini/otto\",\"priority\":\"normal\","
                                "\"thread\":\"parser\",\"sent\":1775304000000,"
                                "\"expires\":1775908800000,\"bytes\":17,"
                                "\"body\":\"Review the parser\"}");
    check_json("envelope.bytes", "{\"id\":\"AAECAwQFBgcICQoLDA0ODw\",\"from\":\"laptop/mira\","
                                 "\"to\":\"cap:review\",\"priority\":\"normal\","
                                 "\"sent\":1775304000000,\"expires\":1775908800000,"
                                 "\"content_type\":\"image/png\",\"bytes\":9,"
                                 "\"body_base64url\":\"iVBORw0KGgr_\"}");
    check_json(
        "envelope.blob",
        "{\"id\":\"AAECAwQFBgcICQoLDA0ODw\",\"from\":\"laptop/mira\",\"to\":\"mini/otto\","
        "\"priority\":\"normal\",\"sent\":1775304000000,\"expires\":1775908800000,"
        "\"content_type\":\"text/plain\",\"bytes\":1048576,\"blob\":{\"sha256\":\"000102030405"
        "060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f\",\"size\":1048576,"
        "\"content_type\":\"text/plain\"}}");
}

TEST(a_program_is_shown_what_the_relay_adds)
{
    struct golden_reader golden;
    struct cl_buf out;
    const struct cl_v2_chain chain = {.root = {{1}}, .hops = 2, .count = 5};
    const struct cl_v2_added added = {.accepted = 1775304000123, .attempts = 300, .chain = &chain};
    golden_reader_init(&golden);
    cl_buf_init(&out, CL_MIB);
    CHECK_OK(put(&golden, "envelope.task", &added, &out));
    cl_buf_truncate(&out, out.len - 1);
    CHECK_OK(cl_buf_append_byte(&out, '\0'));
    CHECK(strstr(out.ptr, ",\"accepted\":1775304000123,\"trust\":\"relay\",\"attempts\":300,"
                          "\"chain\":{\"root\":\"AQAAAAAAAAAAAAAAAAAAAA\",\"hops\":2,\"count\":5},"
                          "\"bytes\":17") != NULL);
    cl_buf_done(&out);
    golden_reader_done(&golden);
}

TEST(a_person_is_shown_one_line_and_the_body_set_back)
{
    static const struct cl_v2_added twice = {.accepted = 1775304000123, .attempts = 2};
    check_text(
        "envelope.task", NULL,
        "AAECAwQFBgcICQoLDA0ODw from laptop/mira, sent 2026-04-04 12:00:00 UTC, thread parser\n"
        "    Review the parser\n");
    check_text(
        "envelope.task", &twice,
        "AAECAwQFBgcICQoLDA0ODw from laptop/mira, sent 2026-04-04 12:00:00 UTC, thread parser, "
        "came back 2\n"
        "    Review the parser\n");
    check_text(
        "envelope.bytes", NULL,
        "AAECAwQFBgcICQoLDA0ODw from laptop/mira, sent 2026-04-04 12:00:00 UTC, type "
        "image/png\n"
        "    9 B that are no text; `clawlink inbox AAECAwQFBgcICQoLDA0ODw --save FILE` writes "
        "them to a file\n");
    check_text("envelope.blob", NULL,
               "AAECAwQFBgcICQoLDA0ODw from laptop/mira, sent 2026-04-04 12:00:00 UTC, type "
               "text/plain\n"
               "    a blob of 1.0 MiB, sha256 "
               "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f; `clawlink inbox "
               "AAECAwQFBgcICQoLDA0ODw --save FILE` fetches it\n");
}

TEST(what_stands_nowhere_whole_is_not_called_shown)
{
    static const struct {
        const char *name;
        bool for_people, for_programs;
    } rows[] = {{"envelope.task", true, true},
                {"envelope.bytes", false, true},
                {"envelope.blob", false, false}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct golden_reader golden;
        struct cl_envelope envelope;
        struct cl_envelope_header header;
        struct cl_mail mail;
        test_note("%s", rows[i].name);
        golden_reader_init(&golden);
        CHECK_OK(cl_envelope_decode(&golden.reader, golden_read(rows[i].name, ".json"), &envelope,
                                    &header, &why));
        CHECK_OK(cl_mail_open(&golden.reader, &envelope, &mail, &why));
        CHECK_INT(cl_mail_is_shown(&mail, false), rows[i].for_people);
        CHECK_INT(cl_mail_is_shown(&mail, true), rows[i].for_programs);
        golden_reader_done(&golden);
    }
}

/* Everything that a header can say. */
TEST(nothing_of_a_header_is_left_out)
{
    check_text("envelope.full", NULL,
               "AAECAwQFBgcICQoLDA0ODw from laptop/mira, sent 2026-04-04 12:00:00 UTC, priority "
               "urgent, answers ICEiIyQlJicoKSorLC0uLw, thread p\xc3\xa4rser, reply to cap:review, "
               "answer wanted by 2026-04-04 13:00:00 UTC, type text/markdown; charset=utf-8\n"
               "    # Findings\n"
               "    \n"
               "    1. \"none\"\n"
               "    \n");
}

static cl_str
gist_of(struct cl_buf *out, const char *mail)
{
    struct cl_json_writer json;
    cl_buf_clear(out);
    cl_json_writer_init(&json, out);
    cl_mail_put_gist(&json, cl_str_z(mail));
    CHECK_OK(cl_json_writer_end(&json));
    return cl_buf_str(out);
}

TEST(a_list_shows_the_first_line_or_what_the_body_is)
{
    struct cl_buf out;
    cl_buf_init(&out, CL_MIB);
    CHECK_STR(gist_of(&out, "{\"body\":\"one\\ntwo\"}"), CL_STR("\"one\""));
    CHECK_STR(gist_of(&out, "{\"body\":\"\\n\\n  one\\r\\n\"}"), CL_STR("\"one\""));
    CHECK_STR(gist_of(&out, "{\"body\":\"\"}"), CL_STR("\"\""));
    CHECK_STR(gist_of(&out, "{\"body_base64url\":\"__4A\",\"bytes\":3}"),
              CL_STR("\"(no text, 3 B)\""));
    CHECK_STR(gist_of(&out, "{\"blob\":{\"size\":9},\"bytes\":2048}"),
              CL_STR("\"(a blob, 2.0 KiB)\""));
    cl_buf_done(&out);
}

/* A digit spelled as an escape, which would stand in a path. */
static const char escaped[] = "{\"sha256\":\"\\u003000102030405060708090a0b0c0d0e0f1011121314151617"
                              "18191a1b1c1d1e1f\",\"size\":1}";

TEST(what_says_it_is_a_blob_and_is_none_is_shown_as_it_is)
{
    struct golden_reader golden;
    struct cl_envelope_header header;
    struct cl_envelope envelope = {.protected = CL_STR("")};
    struct cl_mail mail;
    struct cl_buf text;
    golden_reader_init(&golden);
    cl_buf_init(&text, CL_MIB);
    CHECK_OK(cl_envelope_decode(&golden.reader, golden_read("envelope.blob", ".json"), &envelope,
                                &header, &why));
    CHECK_OK(cl_envelope_encode(&golden.reader, &header, CL_STR("{\"sha256\":1}"), &text, &why));
    envelope = cl_envelope_split(cl_buf_str(&text));
    CHECK_OK(cl_mail_open(&golden.reader, &envelope, &mail, &why));
    CHECK(!mail.is_blob);
    CHECK_STR(mail.body, CL_STR("{\"sha256\":1}"));
    cl_buf_clear(&text);
    CHECK_OK(cl_envelope_encode(&golden.reader, &header, cl_str_z(escaped), &text, &why));
    envelope = cl_envelope_split(cl_buf_str(&text));
    CHECK_OK(cl_mail_open(&golden.reader, &envelope, &mail, &why));
    struct cl_blob blob;
    CHECK_OK(cl_blob_read(&golden.reader, mail.body, &blob, &why));
    CHECK(!mail.is_blob);
    check_both_ways(&golden, &envelope, &(struct cl_v2_added){.accepted = 1});
    cl_buf_done(&text);
    golden_reader_done(&golden);
}

TEST(what_libclawlink_gave_is_shown_like_what_lies_in_the_inbox)
{
    static const char *const names[] = {"envelope.task", "envelope.bytes", "envelope.blob",
                                        "envelope.full"};
    const struct cl_v2_chain chain = {.root = {{1}}, .hops = 2, .count = 5};
    const struct cl_v2_added rows[] = {{.accepted = 1775304000123, .attempts = 3, .chain = &chain},
                                       {.accepted = 1775304000123, .trust = CL_V2_TRUST_TOFU}};
    for (size_t i = 0; i < 2 * sizeof names / sizeof *names; i++) {
        struct golden_reader golden;
        struct cl_envelope envelope;
        struct cl_envelope_header header;
        test_note("%s", names[i / 2]);
        golden_reader_init(&golden);
        CHECK_OK(cl_envelope_decode(&golden.reader, golden_read(names[i / 2], ".json"), &envelope,
                                    &header, &why));
        check_both_ways(&golden, &envelope, &rows[i % 2]);
        golden_reader_done(&golden);
    }
}

TEST(a_message_that_is_kept_needs_nothing_of_what_it_was_read_from)
{
    FOR_EACH_FAULT
    {
        struct golden_reader golden;
        struct cl_envelope envelope;
        struct cl_envelope_header header;
        struct cl_mail mail = {.is_blob = false};
        struct cl_arena arena;
        golden_reader_init(&golden);
        cl_arena_init(&arena, CL_MIB);
        enum cl_err err = cl_envelope_decode(&golden.reader, golden_read("envelope.full", ".json"),
                                             &envelope, &header, &why);
        if (err == CL_OK)
            err = cl_mail_open(&golden.reader, &envelope, &mail, &why);
        struct cl_mail kept = mail;
        if (err == CL_OK && !cl_mail_keep(&kept, &arena))
            err = CL_ERR_NO_MEMORY;
        CHECK_INT(err, fault_happened() ? CL_ERR_NO_MEMORY : CL_OK);
        if (err == CL_OK) {
            CHECK(kept.header.from.ptr != mail.header.from.ptr);
            CHECK(kept.header.to.ptr != mail.header.to.ptr);
            CHECK(kept.header.thr.ptr != mail.header.thr.ptr);
            CHECK(kept.header.cty.ptr != mail.header.cty.ptr);
            CHECK(kept.header.reply_to.ptr != mail.header.reply_to.ptr);
            CHECK(kept.body.ptr != mail.body.ptr);
            CHECK_STR(kept.body, mail.body);
            CHECK_STR(kept.header.reply_to, mail.header.reply_to);
        }
        cl_arena_done(&arena);
        golden_reader_done(&golden);
    }
}

TEST(without_memory_no_message_is_half_shown)
{
    FOR_EACH_FAULT
    {
        struct golden_reader golden;
        struct cl_buf out;
        golden_reader_init(&golden);
        cl_buf_init(&out, CL_MIB);
        enum cl_err err = put(&golden, "envelope.full", NULL, &out);
        CHECK_INT(err, fault_happened() ? CL_ERR_NO_MEMORY : CL_OK);
        CHECK((out.len == 0) == (err != CL_OK));
        cl_buf_done(&out);
        golden_reader_done(&golden);
    }
}
