// SPDX-License-Identifier: MIT
#include "cli/mail.h"

#include <stdio.h>

#include "base/assert.h"
#include "base/limits.h"
#include "base/utf8.h"
#include "cli/when.h"
#include "proto/id_text.h"
#include "wire/base64url.h"
#include "wire/json.h"

/* Set back below its line. */
#define INDENT "    "

#define SHA256_DIGITS 64

static const cl_str priorities[CL_PRIORITY_COUNT] = {CL_STR_INIT("urgent"), CL_STR_INIT("high"),
                                                     CL_STR_INIT("normal"), CL_STR_INIT("low")};

cl_str
cl_mail_priority(unsigned priority)
{
    CL_ASSERT(priority < CL_PRIORITY_COUNT);
    return priorities[priority];
}

/* Of a body that is a blob's: between its quotes; an escape would make it longer. */
static bool
find_sha256(struct cl_mail *mail)
{
    cl_str value = cl_doc_find(mail->body, CL_STR("sha256"));
    mail->sha256 = cl_str_part(value, 1, SHA256_DIGITS);
    return value.len == SHA256_DIGITS + 2;
}

/* One that says it is a blob and is none has a body like any other. */
static bool
read_blob(const struct cl_envelope_reader *reader, struct cl_mail *mail)
{
    return cl_blob_read(reader, mail->body, &mail->blob, NULL) == CL_OK && find_sha256(mail);
}

enum cl_err
cl_mail_open(const struct cl_envelope_reader *reader, const struct cl_envelope *envelope,
             struct cl_mail *ret_mail, struct cl_why *why)
{
    struct cl_mail mail = {.is_blob = false};
    enum cl_err err = cl_envelope_read(reader, envelope, &mail.header, why);
    if (err == CL_OK)
        err = cl_envelope_body(envelope, reader->arena, &mail.body);
    if (err != CL_OK)
        return err;
    mail.is_blob = cl_str_eq(mail.header.cty, CL_STR(CL_CTY_BLOB)) && read_blob(reader, &mail);
    *ret_mail = mail;
    return CL_OK;
}

static cl_id
id_of(const char *text)
{
    cl_id id = {{0}};
    (void)cl_id_from_text(cl_str_z(text), &id); // "" is none
    return id;
}

void
cl_mail_of_event(const struct claw_event *event, struct cl_mail *ret_mail,
                 struct cl_v2_added *ret_added, struct cl_v2_chain *ret_chain)
{
    *ret_mail = (struct cl_mail){.header = {.typ = CL_ENVELOPE_MSG,
                                            .from = cl_str_z(event->from),
                                            .to = cl_str_z(event->to),
                                            .id = id_of(event->id),
                                            .iat = (uint64_t)event->made_ms / 1000,
                                            .exp = (uint64_t)event->expires_ms / 1000,
                                            .cty = cl_str_z(event->content_type),
                                            .re = id_of(event->re),
                                            .thr = cl_str_z(event->thread),
                                            .pri = (uint8_t)event->priority,
                                            .reply_to = cl_str_z(event->reply_to),
                                            .dl = (uint64_t)event->deadline_ms / 1000},
                                 .body = cl_str_of(event->body, event->body_len)};
    if (event->has_blob != 0 &&
        cl_digest_read(cl_str_z(event->blob_sha256), &ret_mail->blob.digest)) {
        ret_mail->blob.size = event->blob_size;
        ret_mail->blob.cty = cl_str_z(event->blob_type);
        ret_mail->is_blob = find_sha256(ret_mail);
    }
    *ret_chain = (struct cl_v2_chain){
        .root = id_of(event->root), .hops = event->hops, .count = event->chain_count};
    *ret_added = (struct cl_v2_added){.accepted = (uint64_t)event->accepted_ms,
                                      .trust = (uint8_t)event->trust,
                                      .attempts = event->attempts,
                                      .chain = event->root[0] == '\0' ? NULL : ret_chain};
}

bool
cl_mail_keep(struct cl_mail *mail, struct cl_arena *arena)
{
    struct cl_envelope_header *header = &mail->header;
    cl_str *texts[] = {&header->from,     &header->to, &header->cty,    &header->thr,
                       &header->reply_to, &mail->body, &mail->blob.cty, &mail->sha256};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        if (!cl_arena_copy(arena, *texts[i], texts[i]))
            return false;
    return true;
}

/* -- as JSON ----------------------------------------------------------------------------------- */

static void
put_id(struct cl_json_writer *json, cl_str name, cl_id id)
{
    char text[CL_ID_TEXT_CAP];
    if (cl_id_is_none(id))
        return;
    cl_id_text(id, text);
    cl_json_put_member(json, name, cl_str_z(text));
}

static void
put_text(struct cl_json_writer *json, cl_str name, cl_str text)
{
    if (text.len > 0)
        cl_json_put_member(json, name, text);
}

static void
put_blob(struct cl_json_writer *json, const struct cl_mail *mail)
{
    cl_json_put_name(json, CL_STR("blob"));
    cl_json_object_begin(json);
    cl_json_put_member(json, CL_STR("sha256"), mail->sha256);
    cl_json_put_member_u64(json, CL_STR("size"), mail->blob.size);
    put_text(json, CL_STR("content_type"), mail->blob.cty);
    cl_json_object_end(json);
}

/* Bytes that are no text. */
static void
put_bytes(struct cl_json_writer *json, cl_str bytes)
{
    struct cl_buf text;
    cl_buf_init(&text, CL_BASE64URL_LEN(bytes.len));
    enum cl_err err = cl_base64url_append(&text, bytes);
    if (err == CL_OK)
        cl_json_put_member(json, CL_STR("body_base64url"), cl_buf_str(&text));
    else if (json->err == CL_OK)
        json->err = err;
    cl_buf_done(&text);
}

static void
put_body(struct cl_json_writer *json, const struct cl_mail *mail)
{
    cl_json_put_member_u64(json, CL_STR("bytes"), mail->is_blob ? mail->blob.size : mail->body.len);
    if (mail->is_blob) {
        put_blob(json, mail);
    } else if (cl_utf8_is_valid(mail->body)) {
        cl_json_put_member(json, CL_STR("body"), mail->body);
    } else {
        put_bytes(json, mail->body);
    }
}

static void
put_added(struct cl_json_writer *json, const struct cl_v2_added *added)
{
    const struct cl_v2_chain *chain = added->chain;
    cl_json_put_member_u64(json, CL_STR("accepted"), added->accepted);
    cl_json_put_member(json, CL_STR("trust"), cl_v2_trusts[added->trust]);
    cl_json_put_member_u64(json, CL_STR("attempts"), added->attempts);
    if (chain == NULL)
        return;
    cl_json_put_name(json, CL_STR("chain"));
    cl_shape_put(json, &cl_v2_chain_shape, chain);
}

void
cl_mail_put(struct cl_json_writer *json, const struct cl_mail *mail,
            const struct cl_v2_added *added)
{
    const struct cl_envelope_header *header = &mail->header;
    cl_json_object_begin(json);
    put_id(json, CL_STR("id"), header->id);
    put_text(json, CL_STR("from"), header->from);
    put_text(json, CL_STR("to"), header->to);
    put_text(json, CL_STR("priority"), cl_mail_priority(header->pri));
    put_id(json, CL_STR("re"), header->re);
    put_text(json, CL_STR("thread"), header->thr);
    put_text(json, CL_STR("reply_to"), header->reply_to);
    if (header->dl > 0)
        cl_json_put_member_u64(json, CL_STR("deadline"), header->dl * 1000);
    cl_json_put_member_u64(json, CL_STR("sent"), header->iat * 1000);
    cl_json_put_member_u64(json, CL_STR("expires"), header->exp * 1000);
    if (added != NULL)
        put_added(json, added);
    put_text(json, CL_STR("content_type"), mail->is_blob ? mail->blob.cty : header->cty);
    put_body(json, mail);
    cl_json_object_end(json);
}

bool
cl_mail_is_shown(const struct cl_mail *mail, bool is_json)
{
    return !mail->is_blob && (is_json || cl_utf8_is_valid(mail->body));
}

/* -- for people -------------------------------------------------------------------------------- */

/* ", label value" where there is one. */
static void
draw_more(struct cl_page *page, cl_str mail, const char *label, const char *name)
{
    cl_str value = cl_doc_find(mail, cl_str_z(name));
    if (value.len == 0)
        return;
    cl_page_print(page, ", %s ", label);
    cl_page_value(page, value);
}

static void
draw_time(struct cl_page *page, cl_str mail, const char *label, const char *name)
{
    char text[CL_WHEN_CAP];
    uint64_t ms = cl_doc_number(mail, name);
    if (ms == 0)
        return;
    cl_when_text(ms, text);
    cl_page_print(page, ", %s %.19s UTC", label, text); // its milliseconds say nothing here
}

/* "; `clawlink inbox ID --save FILE` ..." */
static void
draw_advice(struct cl_page *page, cl_str mail, const char *verb, const char *what)
{
    if (verb != NULL) {
        cl_page_print(page, "; `clawlink %s ", verb);
        cl_page_value(page, cl_doc_find(mail, CL_STR("id")));
        cl_page_print(page, " --save FILE` %s", what);
    }
    cl_page_print(page, "\n");
}

static void
draw_body(struct cl_page *page, cl_str mail, const char *verb)
{
    char size[CL_SPAN_CAP];
    cl_str blob = cl_doc_find(mail, CL_STR("blob"));
    cl_str body = cl_doc_find(mail, CL_STR("body"));
    cl_size_text(cl_doc_number(mail, "bytes"), size);
    if (blob.len > 0) {
        cl_page_print(page, INDENT "a blob of %s, sha256 ", size);
        cl_page_value(page, cl_doc_find(blob, CL_STR("sha256")));
        draw_advice(page, mail, verb, "fetches it");
    } else if (body.len > 0 && cl_json_is_empty_value(body)) {
        cl_page_print(page, INDENT "(empty)\n");
    } else if (body.len > 0) {
        cl_page_print(page, INDENT);
        cl_page_block(page, body, INDENT);
        cl_page_print(page, "\n");
    } else {
        cl_page_print(page, INDENT "%s that are no text", size);
        draw_advice(page, mail, verb, "writes them to a file");
    }
}

void
cl_mail_draw(struct cl_page *page, cl_str mail, const char *verb)
{
    cl_page_value(page, cl_doc_find(mail, CL_STR("id")));
    cl_page_print(page, " from ");
    cl_page_value(page, cl_doc_find(mail, CL_STR("from")));
    draw_time(page, mail, "sent", "sent");
    if (!cl_json_string_is(cl_doc_find(mail, CL_STR("priority")), CL_STR("normal")))
        draw_more(page, mail, "priority", "priority");
    draw_more(page, mail, "answers", "re");
    draw_more(page, mail, "thread", "thread");
    draw_more(page, mail, "reply to", "reply_to");
    draw_time(page, mail, "answer wanted by", "deadline");
    draw_more(page, mail, "type", "content_type");
    if (cl_doc_number(mail, "attempts") > 0)
        draw_more(page, mail, "came back", "attempts");
    cl_page_print(page, "\n");
    draw_body(page, mail, verb);
}

/* Up to its first line's end. */
static void
put_first_line(struct cl_json_writer *json, cl_str body)
{
    struct cl_arena arena;
    cl_str text;
    cl_arena_init(&arena, CL_HTTP_ANSWER_BYTES_MAX);
    enum cl_err err = cl_json_string(body, &arena, &text);
    if (err == CL_OK) {
        text = cl_str_strip(text);
        cl_json_put_string(json, cl_str_part(text, 0, cl_str_find(text, '\n')));
    } else if (json->err == CL_OK) {
        json->err = err;
    }
    cl_arena_done(&arena);
}

void
cl_mail_put_gist(struct cl_json_writer *json, cl_str mail)
{
    char gist[64], size[CL_SPAN_CAP];
    cl_str body = cl_doc_find(mail, CL_STR("body"));
    if (body.len > 0) {
        put_first_line(json, body);
        return;
    }
    cl_size_text(cl_doc_number(mail, "bytes"), size);
    bool is_blob = cl_doc_find(mail, CL_STR("blob")).len > 0;
    (void)snprintf(gist, sizeof gist, "(%s, %s)", is_blob ? "a blob" : "no text", size); // it fits
    cl_json_put_string(json, cl_str_z(gist));
}
