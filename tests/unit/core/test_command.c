// SPDX-License-Identifier: MIT
#include "core/command.h"

#include <string.h>

#include "core/pack.h"
#include "support/fault.h"
#include "support/test.h"

static const struct cl_range two_ranges[] = {{CL_PRIORITY_URGENT, 1, 9},
                                             {CL_PRIORITY_LOW, 3, UINT64_MAX}};

/* Every field has a value of its own, so that two that swap places are seen. */
static struct cl_command
draft_of(enum cl_command_kind kind)
{
    struct cl_command draft = {.kind = kind, .time = {1234567}, .origin = 77, .ticket = 88};
    struct cl_fields fields = cl_command_fields(kind);
    for (size_t i = 0; i < fields.len; i++) {
        const struct cl_field *field = &fields.items[i];
        void *value = cl_command_field(&draft, field);
        switch (field->type) {
        case CL_FIELD_TYPE_U8:
            *(uint8_t *)value = (uint8_t)(field->max - (i > 0 && field->max > 1));
            break;
        case CL_FIELD_TYPE_U32:
            *(uint32_t *)value = (0x01020304u + (uint32_t)i) & (uint32_t)field->max;
            break;
        case CL_FIELD_TYPE_U64:
            *(uint64_t *)value = 0x0102030405060708u + i;
            break;
        case CL_FIELD_TYPE_TIME:
            *(cl_time *)value = (cl_time){1000 + (int64_t)i};
            break;
        case CL_FIELD_TYPE_ID:
            memset(value, (int)i + 1, sizeof(cl_id));
            break;
        case CL_FIELD_TYPE_NAME:
        case CL_FIELD_TYPE_STR:
            *(cl_str *)value = cl_str_z(field->name);
            break;
        case CL_FIELD_TYPE_BODY:
            *(struct cl_body **)value = cl_body_new(cl_str_z(field->name));
            break;
        case CL_FIELD_TYPE_RANGES:
        case CL_FIELD_TYPE_PLACES:
            *(cl_ranges *)value = (cl_ranges){two_ranges, field->max < 2 ? 1 : 2};
            break;
        }
    }
    return draft;
}

static void
draft_done(struct cl_command *draft)
{
    struct cl_fields fields = cl_command_fields(draft->kind);
    for (size_t i = 0; i < fields.len; i++)
        if (fields.items[i].type == CL_FIELD_TYPE_BODY)
            cl_body_unref(*(struct cl_body **)cl_command_field(draft, &fields.items[i]));
}

static bool
is_same(const void *a, const void *b, const struct cl_field *field)
{
    const cl_ranges *ranges_a = a;
    const cl_ranges *ranges_b = b;
    switch (field->type) {
    case CL_FIELD_TYPE_U8:
        return memcmp(a, b, 1) == 0;
    case CL_FIELD_TYPE_U32:
        return memcmp(a, b, 4) == 0;
    case CL_FIELD_TYPE_U64:
    case CL_FIELD_TYPE_TIME:
        return memcmp(a, b, 8) == 0;
    case CL_FIELD_TYPE_ID:
        return memcmp(a, b, 16) == 0;
    case CL_FIELD_TYPE_NAME:
    case CL_FIELD_TYPE_STR:
        return cl_str_eq(*(const cl_str *)a, *(const cl_str *)b);
    case CL_FIELD_TYPE_BODY:
        return cl_str_eq(cl_body_str(*(struct cl_body *const *)a),
                         cl_body_str(*(struct cl_body *const *)b));
    case CL_FIELD_TYPE_RANGES:
    case CL_FIELD_TYPE_PLACES:
        break;
    }
    if (ranges_a->len != ranges_b->len)
        return false;
    for (uint32_t i = 0; i < ranges_a->len; i++)
        if (ranges_a->ptr[i].priority != ranges_b->ptr[i].priority ||
            ranges_a->ptr[i].first != ranges_b->ptr[i].first ||
            ranges_a->ptr[i].last != ranges_b->ptr[i].last)
            return false;
    return true;
}

static void
check_same(struct cl_command *a, struct cl_command *b)
{
    struct cl_fields fields = cl_command_fields(a->kind);
    CHECK_INT(a->kind, b->kind);
    CHECK_INT(a->time.ms, b->time.ms);
    CHECK_INT(a->origin, b->origin);
    CHECK_INT(a->ticket, b->ticket);
    for (size_t i = 0; i < fields.len; i++) {
        test_note("%s.%s", cl_command_name(a->kind), fields.items[i].name);
        CHECK(is_same(cl_command_field(a, &fields.items[i]), cl_command_field(b, &fields.items[i]),
                      &fields.items[i]));
    }
}

static struct cl_buf
encode(const struct cl_command *command)
{
    struct cl_buf buf;
    cl_buf_init(&buf, SIZE_MAX);
    CHECK_OK(cl_command_encode(command, &buf));
    return buf;
}

TEST(every_command_survives_encode_and_decode)
{
    for (enum cl_command_kind kind = 0; kind < CL_COMMAND_COUNT; kind++) {
        struct cl_command draft = draft_of(kind);
        struct cl_command *decoded;
        CHECK_OK(cl_command_check(&draft));
        struct cl_buf bytes = encode(&draft);
        CHECK_OK(cl_command_decode(cl_buf_str(&bytes), &decoded));
        check_same(&draft, decoded);
        struct cl_buf again = encode(decoded);
        CHECK_STR(cl_buf_str(&again), cl_buf_str(&bytes));
        cl_buf_done(&again);
        cl_buf_done(&bytes);
        cl_command_free(decoded);
        draft_done(&draft);
    }
}

TEST(a_command_cut_anywhere_is_refused)
{
    for (enum cl_command_kind kind = 0; kind < CL_COMMAND_COUNT; kind++) {
        struct cl_command draft = draft_of(kind);
        struct cl_command *decoded = NULL;
        struct cl_buf bytes = encode(&draft);
        for (size_t len = 0; len < bytes.len; len++)
            CHECK_INT(cl_command_decode(cl_str_of(bytes.ptr, len), &decoded), CL_ERR_MALFORMED);
        CHECK_OK(cl_buf_append_byte(&bytes, 0)); // one byte too many
        CHECK_INT(cl_command_decode(cl_buf_str(&bytes), &decoded), CL_ERR_MALFORMED);
        CHECK(decoded == NULL);
        cl_buf_done(&bytes);
        draft_done(&draft);
    }
}

TEST(a_changed_byte_gives_another_command_or_none)
{
    for (enum cl_command_kind kind = 0; kind < CL_COMMAND_COUNT; kind++) {
        struct cl_command draft = draft_of(kind);
        struct cl_buf bytes = encode(&draft);
        for (size_t i = 0; i < bytes.len * 8; i++) {
            struct cl_command *decoded;
            bytes.ptr[i / 8] ^= (char)(1u << (i % 8));
            if (cl_command_decode(cl_buf_str(&bytes), &decoded) == CL_OK) {
                struct cl_buf again = encode(decoded);
                CHECK_STR(cl_buf_str(&again), cl_buf_str(&bytes));
                cl_buf_done(&again);
                cl_command_free(decoded);
            }
            bytes.ptr[i / 8] ^= (char)(1u << (i % 8));
        }
        cl_buf_done(&bytes);
        draft_done(&draft);
    }
}

TEST(a_new_command_owns_its_bytes_and_counts_its_bodies)
{
    char id[] = "mira";
    struct cl_range range = {CL_PRIORITY_HIGH, 2, 5};
    struct cl_body *record = cl_body_new(CL_STR("{}"));
    struct cl_command draft = {.kind = CL_COMMAND_REGISTER,
                               .registration = {.agent = cl_str_z(id), .record = record}};
    struct cl_command *registration = cl_command_new(&draft);
    struct cl_command ack_draft = {
        .kind = CL_COMMAND_ACK,
        .ack = {.agent = cl_str_z(id), .rung = CL_RUNG_DELIVERED, .ranges = {&range, 1}}};
    struct cl_command *ack = cl_command_new(&ack_draft);
    memset(id, 'x', 4);
    range.first = 0;
    CHECK_STR(registration->registration.agent, CL_STR("mira"));
    CHECK_INT(record->refs, 2);
    CHECK_STR(ack->ack.agent, CL_STR("mira"));
    CHECK_INT(ack->ack.ranges.ptr[0].first, 2);
    cl_command_free(registration);
    cl_command_free(ack);
    cl_command_free(NULL);
    CHECK_INT(record->refs, 1);
    cl_body_unref(record);
}

static enum cl_err
check_range(struct cl_range range, uint32_t len)
{
    struct cl_range ranges[CL_ACK_RANGES_MAX + 1];
    struct cl_command ack = {.kind = CL_COMMAND_ACK,
                             .ack = {.agent = CL_STR("a"), .ranges = {ranges, len}}};
    for (size_t i = 0; i <= CL_ACK_RANGES_MAX; i++)
        ranges[i] = range;
    return cl_command_check(&ack);
}

TEST(an_empty_text_is_owned_too)
{
    struct cl_command draft = {.kind = CL_COMMAND_PUBLISH, .publish = {.from = CL_STR("a")}};
    struct cl_command *publish = cl_command_new(&draft);
    CHECK_STR(publish->publish.topic, CL_STR(""));
    CHECK_STR(publish->publish.from, CL_STR("a"));
    cl_command_free(publish);
}

TEST(fields_out_of_bounds_are_refused)
{
    static const char long_id[CL_ID_BYTES_MAX + 1] = {'a'};
    struct cl_command command = {.kind = CL_COMMAND_ATTACH};
    CHECK_INT(cl_command_check(&command), CL_ERR_MALFORMED); // an empty name
    command.attach.agent = cl_str_of(long_id, sizeof long_id);
    CHECK_INT(cl_command_check(&command), CL_ERR_MALFORMED);
    command.attach.agent.len--;
    CHECK_OK(cl_command_check(&command));
    command.time.ms = CL_COMMAND_TIME_MS_MAX + 1;
    CHECK_INT(cl_command_check(&command), CL_ERR_MALFORMED);
    command.time.ms = -1;
    CHECK_INT(cl_command_check(&command), CL_ERR_MALFORMED);

    command = (struct cl_command){.kind = CL_COMMAND_TICK, .tick = {.due = {-1}}};
    CHECK_INT(cl_command_check(&command), CL_ERR_MALFORMED);
    command = (struct cl_command){.kind = CL_COMMAND_OPEN,
                                  .open = {.agent = CL_STR("a"), .kind = CL_HOLDER_KIND_COUNT}};
    CHECK_INT(cl_command_check(&command), CL_ERR_MALFORMED);
    command = (struct cl_command){
        .kind = CL_COMMAND_PUBLISH,
        .publish = {.from = CL_STR("a"), .topic = cl_str_of(long_id, sizeof long_id)}};
    CHECK_INT(cl_command_check(&command), CL_ERR_MALFORMED);
    command.kind = CL_COMMAND_COUNT;
    CHECK_INT(cl_command_check(&command), CL_ERR_MALFORMED);

    CHECK_OK(check_range((struct cl_range){CL_PRIORITY_LOW, 1, 1}, CL_ACK_RANGES_MAX));
    CHECK_INT(check_range((struct cl_range){CL_PRIORITY_LOW, 1, 1}, CL_ACK_RANGES_MAX + 1),
              CL_ERR_MALFORMED);
    CHECK_INT(check_range((struct cl_range){CL_PRIORITY_LOW, 1, 1}, 0), CL_ERR_MALFORMED);
    CHECK_INT(check_range((struct cl_range){CL_PRIORITY_COUNT, 1, 1}, 1), CL_ERR_MALFORMED);
    CHECK_INT(check_range((struct cl_range){CL_PRIORITY_LOW, 0, 1}, 1), CL_ERR_MALFORMED);
    CHECK_INT(check_range((struct cl_range){CL_PRIORITY_LOW, 3, 2}, 1), CL_ERR_MALFORMED);
}

TEST(a_body_past_its_maximum_is_too_large)
{
    struct cl_body *body = cl_body_new_blank(CL_BODY_BYTES_MAX + 1);
    struct cl_command command = {.kind = CL_COMMAND_REGISTER,
                                 .registration = {.agent = CL_STR("a"), .record = body}};
    struct cl_command *decoded;
    CHECK_INT(cl_command_check(&command), CL_ERR_TOO_LARGE);
    struct cl_buf bytes = encode(&command);
    CHECK_INT(cl_command_decode(cl_buf_str(&bytes), &decoded), CL_ERR_TOO_LARGE);
    body->len--;
    CHECK_OK(cl_command_check(&command));
    cl_buf_done(&bytes);
    cl_body_unref(body);
}

TEST(other_layouts_and_kinds_are_refused)
{
    struct cl_command draft = draft_of(CL_COMMAND_DETACH);
    struct cl_command *decoded;
    struct cl_buf bytes = encode(&draft);
    bytes.ptr[0]++;
    CHECK_INT(cl_command_decode(cl_buf_str(&bytes), &decoded), CL_ERR_MALFORMED);
    bytes.ptr[0]--;
    bytes.ptr[1] = CL_COMMAND_COUNT;
    CHECK_INT(cl_command_decode(cl_buf_str(&bytes), &decoded), CL_ERR_MALFORMED);
    cl_buf_done(&bytes);
}

TEST(a_refused_encoding_leaves_the_buffer_as_it_was)
{
    struct cl_command draft = draft_of(CL_COMMAND_SEND);
    struct cl_buf buf;
    cl_buf_init(&buf, 40);
    CHECK_OK(cl_buf_append(&buf, CL_STR("before")));
    CHECK_INT(cl_command_encode(&draft, &buf), CL_ERR_TOO_LARGE);
    CHECK_STR(cl_buf_str(&buf), CL_STR("before"));
    cl_buf_done(&buf);
    draft_done(&draft);
}

TEST(without_memory_nothing_is_decoded_and_nothing_leaks)
{
    struct cl_command draft = draft_of(CL_COMMAND_FILE_PUT);
    struct cl_buf bytes = encode(&draft);
    FOR_EACH_FAULT
    {
        struct cl_command *decoded = NULL;
        enum cl_err err = cl_command_decode(cl_buf_str(&bytes), &decoded);
        CHECK_INT(err, fault_happened() ? CL_ERR_NO_MEMORY : CL_OK);
        CHECK((decoded == NULL) == fault_happened());
        cl_command_free(decoded);
    }
    cl_buf_done(&bytes);
    draft_done(&draft);
}

TEST(names_and_classes_come_from_the_description)
{
    CHECK_STR(cl_str_z(cl_command_name(CL_COMMAND_FILE_PUT)), CL_STR("FILE_PUT"));
    CHECK(cl_command_is_durable(CL_COMMAND_TICK));
    CHECK(!cl_command_is_durable(CL_COMMAND_HEARTBEAT));
    CHECK(!cl_command_is_durable(CL_COMMAND_COUNT));
}

TEST(ids_compare_by_all_bytes)
{
    cl_id a = {{0}};
    cl_id b = {{0}};
    CHECK(cl_id_is_none(a));
    CHECK(cl_id_eq(a, b));
    b.bytes[15] = 1;
    CHECK(!cl_id_eq(a, b));
    CHECK(!cl_id_is_none(b));
}
