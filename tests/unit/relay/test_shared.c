// SPDX-License-Identifier: MIT
/* The frames of a broadcast: the same bytes for all, and for whom not. */
#include "relay/shared.h"

#include <string.h>

#include "net/ws_conn.h"
#include "proto/v1_encode.h"
#include "support/fault.h"
#include "support/test.h"

#define MESSAGES 3

static struct cl_msg *msgs[MESSAGES];
static struct cl_shared shared;

/* Messages number 11, 12, 13, each in two inboxes. */
static void
begin(size_t body_len)
{
    struct cl_body *body = cl_body_new_blank(body_len);
    CHECK(body != NULL);
    memset(body->bytes, 'x', body_len);
    memcpy(body->bytes, "\"content\":\"", body_len < 11 ? body_len : 11);
    for (unsigned i = 0; i < MESSAGES; i++) {
        struct cl_msg draft = {.from = CL_STR("a"),
                               .subject = CL_STR("t"),
                               .kind = CL_MSG_NEWS,
                               .priority = CL_PRIORITY_NORMAL,
                               .number = 11 + i,
                               .body = body};
        msgs[i] = cl_msg_new(&draft);
        CHECK(msgs[i] != NULL);
        msgs[i]->waiting = 2;
    }
    cl_body_unref(body);
    cl_shared_init(&shared);
}

static void
end(void)
{
    cl_shared_done(&shared);
    for (unsigned i = 0; i < MESSAGES; i++)
        cl_msg_unref(msgs[i]);
}

/* The messages from, and len of them. */
static const struct cl_batch *
batch_of(unsigned from, uint32_t len)
{
    static struct cl_batch batch;
    batch.number = 1;
    batch.len = len;
    batch.bytes = 0;
    for (uint32_t i = 0; i < len; i++) {
        batch.msgs[i] = msgs[from + i];
        batch.bytes += cl_body_str(msgs[from + i]->body).len;
    }
    return &batch;
}

/* As they are written one by one. */
static bool
is_written(const struct cl_body *frames, const struct cl_batch *batch)
{
    struct cl_buf head, text;
    cl_buf_init(&head, CL_MIB);
    cl_buf_init(&text, CL_MIB);
    for (uint32_t i = 0; i < batch->len; i++) {
        cl_str rest;
        cl_buf_clear(&head);
        CHECK_OK(cl_v1_encode_message(batch->msgs[i], false, &head, &rest));
        struct cl_part parts[] = {cl_part_of(cl_buf_str(&head)), cl_part_of(rest)};
        CHECK_OK(cl_ws_put_text(&text, parts, 2));
    }
    bool is_equal = cl_str_eq(cl_body_str(frames), cl_buf_str(&text));
    cl_buf_done(&head);
    cl_buf_done(&text);
    return is_equal;
}

TEST(the_same_batch_has_the_same_frames_and_another_one_others)
{
    begin(20);
    struct cl_body *frames = cl_shared_frames(&shared, batch_of(0, 3), 10);
    CHECK(frames != NULL && is_written(frames, batch_of(0, 3)));
    CHECK(cl_shared_frames(&shared, batch_of(0, 3), 10) == frames);
    CHECK_INT(frames->refs, 1);
    for (unsigned from = 0; from < 2; from++) {
        frames = cl_shared_frames(&shared, batch_of(from, 2), 10);
        CHECK(frames != NULL && is_written(frames, batch_of(from, 2)));
    }
    cl_shared_forget(&shared);
    CHECK(shared.frames == NULL);
    end();
}

TEST(who_finds_older_messages_in_its_queue_is_told_so_and_shares_nothing)
{
    begin(20);
    CHECK(cl_shared_frames(&shared, batch_of(0, 3), 11) == NULL);
    CHECK(cl_shared_frames(&shared, batch_of(0, 3), 10) != NULL);
    CHECK(cl_shared_frames(&shared, batch_of(0, 3), 13) == NULL);
    CHECK(cl_shared_frames(&shared, batch_of(1, 2), 11) != NULL);
    end();
}

TEST(a_batch_with_a_message_for_one_is_shared_with_nobody)
{
    begin(20);
    CHECK(cl_shared_frames(&shared, batch_of(0, 3), 10) != NULL);
    msgs[2]->waiting = 1;
    CHECK(cl_shared_frames(&shared, batch_of(1, 2), 10) == NULL);
    CHECK(cl_shared_frames(&shared, batch_of(0, 2), 10) != NULL);
    end();
}

TEST(what_is_large_waits_by_reference_to_its_bodies)
{
    begin(CL_SHARED_BYTES_MAX / 2);
    CHECK(cl_shared_frames(&shared, batch_of(0, 2), 10) != NULL);
    CHECK(cl_shared_frames(&shared, batch_of(0, 3), 10) == NULL);
    end();
}

TEST(without_memory_there_are_no_frames_and_later_there_are)
{
    begin(20);
    FOR_EACH_FAULT
    {
        cl_shared_init(&shared);
        CHECK((cl_shared_frames(&shared, batch_of(0, 3), 10) == NULL) == fault_happened());
        if (fault_happened()) // the one and only
            CHECK(cl_shared_frames(&shared, batch_of(0, 3), 10) != NULL);
        cl_shared_done(&shared);
    }
    cl_shared_init(&shared);
    end();
}
