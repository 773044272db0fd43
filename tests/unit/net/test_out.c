// SPDX-License-Identifier: MIT
#include "net/out.h"

#include <string.h>

#include "base/limits.h"
#include "support/fault.h"
#include "support/memory_stream.h"
#include "support/test.h"

static struct memory_stream stream;
static struct cl_loop *loop;
static struct cl_out out;

static void
begin(void)
{
    CHECK_OK(cl_loop_new(&loop));
    memory_stream_init(&stream, loop);
    cl_out_init(&out);
}

static void
end(void)
{
    cl_out_done(&out);
    cl_loop_free(loop);
}

static size_t
write_now(void)
{
    size_t taken = 0;
    CHECK_OK(cl_out_write(&out, &stream.stream, &taken));
    return taken;
}

TEST(pieces_leave_in_order_and_in_one_call)
{
    begin();
    struct cl_body *body = cl_body_new_blank(5000);
    memset(body->bytes, 'b', 5000);
    struct cl_part parts[] = {cl_part_of(CL_STR("one")), cl_part_of_body(body),
                              cl_part_of(CL_STR("two"))};
    CHECK_OK(cl_out_add(&out, CL_STR("head"), parts, 3));
    CHECK_INT(body->refs, 2); // by reference
    CHECK_OK(cl_out_add(&out, CL_STR("tail"), NULL, 0));
    CHECK_INT(cl_out_waiting(&out), 5014);
    CHECK_INT(write_now(), 5014);
    CHECK_INT(stream.writes, 1);
    CHECK_INT(body->refs, 1);
    cl_str got = memory_stream_written(&stream);
    CHECK_STR(cl_str_part(got, 0, 7), CL_STR("headone"));
    CHECK_STR(cl_str_part(got, 5007, 7), CL_STR("twotail"));
    CHECK(out.first == NULL); // empty, it owns nothing
    cl_body_unref(body);
    end();
}

TEST(a_small_body_is_copied)
{
    begin();
    struct cl_body *body = cl_body_new(CL_STR("small"));
    struct cl_part part = cl_part_of_body(body);
    CHECK_OK(cl_out_add(&out, CL_STR(""), &part, 1));
    CHECK_INT(body->refs, 1);
    cl_body_unref(body);
    CHECK_INT(write_now(), 5);
    CHECK_STR(memory_stream_written(&stream), CL_STR("small"));
    end();
}

TEST(however_little_is_taken_at_a_time_the_bytes_are_the_same)
{
    for (size_t step = 1; step < 200; step += 7) {
        begin();
        stream.room = 0;
        char want[20000];
        size_t want_len = 0;
        for (unsigned at = 0; at < 40; at++) {
            char bytes[400];
            size_t len = at * 9;
            memset(bytes, 'a' + (int)(at % 26), sizeof bytes);
            CHECK_OK(cl_out_add(&out, cl_str_of(bytes, len), NULL, 0));
            memcpy(want + want_len, bytes, len);
            want_len += len;
            stream.room += step;
            (void)write_now();
        }
        while (cl_out_waiting(&out) > 0) {
            stream.room += step;
            CHECK(write_now() <= step);
        }
        CHECK_STR(memory_stream_written(&stream), cl_str_of(want, want_len));
        end();
    }
}

TEST(more_pieces_than_one_call_takes_leave_in_several)
{
    begin();
    struct cl_body *body = cl_body_new_blank(CL_NET_BODY_REF_BYTES_MIN);
    struct cl_part part = cl_part_of_body(body);
    for (int at = 0; at < CL_NET_OUT_SLICES_MAX + 1; at++)
        CHECK_OK(cl_out_add(&out, CL_STR(""), &part, 1));
    CHECK_INT(write_now(), (CL_NET_OUT_SLICES_MAX + 1) * CL_NET_BODY_REF_BYTES_MIN);
    CHECK_INT(stream.writes, 2);
    cl_body_unref(body);
    end();
}

TEST(without_memory_nothing_is_added_at_all)
{
    struct cl_body *body = cl_body_new_blank(2000);
    static char large[5000];
    FOR_EACH_FAULT
    {
        struct cl_out queue;
        struct cl_part parts[] = {cl_part_of_body(body), cl_part_of(cl_str_of(large, 5000)),
                                  cl_part_of_body(body)};
        cl_out_init(&queue);
        enum cl_err first = cl_out_add(&queue, CL_STR("first"), NULL, 0);
        size_t before = cl_out_waiting(&queue);
        enum cl_err err = cl_out_add(&queue, CL_STR("head"), parts, 3);
        CHECK_INT(err == CL_OK && first == CL_OK, !fault_happened());
        CHECK_INT(cl_out_waiting(&queue), before + (err == CL_OK ? 9004u : 0u));
        CHECK_INT(body->refs, err == CL_OK ? 3 : 1);
        cl_out_done(&queue);
    }
    CHECK_INT(body->refs, 1);
    cl_body_unref(body);
}
