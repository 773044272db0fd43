// SPDX-License-Identifier: MIT
/* What Agent Link signs: the frames of tests/golden/agent_link, and when a register was signed. */
#include "trust/agent_link_register.h"

#include "proto/agent_link.h"
#include "support/fault.h"
#include "support/test.h"
#include "trust/agent_link_sign.h"
#include "unit/proto/v2_golden.h"

#define FOLDER "../agent_link/"
#define SECRET "your-strong-secret-key"

/* 2026-04-04T12:34:56 of a clock in UTC. */
#define LOCAL_MS   INT64_C(1775306096000)
#define QUARTER_MS (15 * INT64_C(60000))

static struct cl_hmac *
key_of(cl_str secret)
{
    struct cl_hmac *hmac = cl_hmac_new(secret);
    CHECK(hmac != NULL);
    return hmac;
}

/* -- signatures -------------------------------------------------------------------------------- */

static struct cl_agent_link_signed
text_of(const struct cl_agent_link_call *call)
{
    return (struct cl_agent_link_signed){call->from, call->to, call->message};
}

TEST(signatures_of_the_published_client_are_verified)
{
    cl_str rest = golden_read(FOLDER "calls", ".txt"), cells[2];
    struct cl_hmac *hmac = key_of(CL_STR(SECRET)), *other = key_of(CL_STR(SECRET "y"));
    unsigned sends = 0;
    while (golden_line(&rest, cells, 2) == 2) {
        struct golden_reader golden;
        struct cl_agent_link_call call;
        struct cl_why why;
        cl_digest signature;
        test_note("%.*s", CL_STR_ARG(cells[0]));
        golden_reader_init(&golden);
        CHECK_OK(cl_agent_link_read_call(&golden.reader, cells[1], &call, &why));
        struct cl_agent_link_signed text = text_of(&call);
        if (call.type == CL_AGENT_LINK_SEND) {
            CHECK_OK(cl_agent_link_verify_send(hmac, &text, &call.signature));
            CHECK_INT(cl_agent_link_verify_send(other, &text, &call.signature),
                      CL_ERR_UNAUTHORIZED);
            sends++;
        } else {
            CHECK_OK(
                cl_agent_link_sign_register(hmac, call.instance, (cl_time){LOCAL_MS}, &signature));
            CHECK(cl_hmac_equals(&signature, &call.signature));
        }
        golden_reader_done(&golden);
    }
    CHECK(sends > 7);
    cl_hmac_free(hmac);
    cl_hmac_free(other);
}

TEST(a_send_that_was_altered_is_refused)
{
    struct cl_hmac *hmac = key_of(CL_STR(SECRET));
    const struct cl_agent_link_signed sent = {CL_STR("a/b"), CL_STR("c/d"), CL_STR("hello")};
    struct cl_agent_link_signed text = sent;
    cl_digest signature, altered;
    CHECK_OK(cl_agent_link_sign_send(hmac, &sent, &signature));
    CHECK_OK(cl_agent_link_verify_send(hmac, &sent, &signature));
    text.message = CL_STR("hellp");
    CHECK_INT(cl_agent_link_verify_send(hmac, &text, &signature), CL_ERR_UNAUTHORIZED);
    text.message = CL_STR("");
    CHECK_INT(cl_agent_link_verify_send(hmac, &text, &signature), CL_ERR_UNAUTHORIZED);
    text = sent;
    text.from = CL_STR("a/c");
    CHECK_INT(cl_agent_link_verify_send(hmac, &text, &signature), CL_ERR_UNAUTHORIZED);
    text = sent;
    text.to = CL_STR("c/e");
    CHECK_INT(cl_agent_link_verify_send(hmac, &text, &signature), CL_ERR_UNAUTHORIZED);
    altered = signature;
    altered.bytes[31] ^= 1;
    CHECK_INT(cl_agent_link_verify_send(hmac, &sent, &altered), CL_ERR_UNAUTHORIZED);
    cl_hmac_free(hmac);
}

/* Both are signed the same, so that one of them must never be read. */
TEST(of_two_sends_with_one_signature_only_one_is_a_frame)
{
    struct cl_hmac *hmac = key_of(CL_STR(SECRET));
    struct cl_agent_link_signed good = {CL_STR("a/b"), CL_STR("c/d"), CL_STR("e:f")};
    struct cl_agent_link_signed bad = {CL_STR("a/b"), CL_STR("c/d:e"), CL_STR("f")};
    struct cl_agent_link_call call = {.type = CL_AGENT_LINK_SEND, .is_signed = true};
    CHECK_OK(cl_agent_link_sign_send(hmac, &good, &call.signature));
    CHECK_OK(cl_agent_link_verify_send(hmac, &bad, &call.signature));
    for (unsigned i = 0; i < 2; i++) {
        struct golden_reader golden;
        struct cl_agent_link_call again;
        struct cl_why why;
        struct cl_buf buf;
        golden_reader_init(&golden);
        cl_buf_init(&buf, CL_KIB);
        call.from = i == 0 ? good.from : bad.from;
        call.to = i == 0 ? good.to : bad.to;
        call.message = i == 0 ? good.message : bad.message;
        CHECK_OK(cl_agent_link_put_call(&call, &buf));
        CHECK_INT(cl_agent_link_read_call(&golden.reader, cl_buf_str(&buf), &again, &why),
                  i == 0 ? CL_OK : CL_ERR_MALFORMED);
        cl_buf_done(&buf);
        golden_reader_done(&golden);
    }
    cl_hmac_free(hmac);
}

TEST(an_instances_token_follows_from_its_secret)
{
    cl_str rest = golden_read(FOLDER "tokens", ".txt"), cells[2];
    struct cl_secret secret;
    unsigned rows = 0;
    CHECK_OK(cl_secret_init(&secret, CL_STR(SECRET)));
    for (; golden_line(&rest, cells, 2) == 2; rows++) {
        char token[CL_AGENT_LINK_TOKEN_LEN];
        CHECK_OK(cl_agent_link_token(&secret, cells[0], token));
        CHECK_STR(cl_str_of(token, sizeof token), cells[1]);
    }
    CHECK_INT(rows, 3);
    cl_secret_done(&secret);
}

TEST(without_memory_a_token_is_refused_and_nothing_leaks)
{
    struct cl_secret secret;
    CHECK_OK(cl_secret_init(&secret, CL_STR(SECRET)));
    FOR_EACH_FAULT
    {
        char token[CL_AGENT_LINK_TOKEN_LEN];
        enum cl_err err = cl_agent_link_token(&secret, CL_STR("instance-001"), token);
        CHECK_INT(err, fault_happened() ? CL_ERR_NO_MEMORY : CL_OK);
    }
    cl_secret_done(&secret);
}

/* -- when a register was signed ---------------------------------------------------------------- */

/* A search for what a clock that shows LOCAL_MS signed, made when UTC is now. */
struct probe {
    struct cl_agent_link_search search;
    struct cl_agent_link_found found;
    uint32_t macs; // that are left
};

static void
probe_init(struct probe *probe, int64_t now_ms)
{
    cl_str instance = CL_STR("instance-001");
    *probe = (struct probe){.macs = 10000};
    probe->search = (struct cl_agent_link_search){.hmac = key_of(CL_STR(SECRET)),
                                                  .instance = instance,
                                                  .now = {now_ms},
                                                  .pinned = CL_AGENT_LINK_NO_OFFSET};
    CHECK_OK(cl_agent_link_sign_register(probe->search.hmac, instance, (cl_time){LOCAL_MS},
                                         &probe->search.signature));
}

static enum cl_err
probe_run(struct probe *probe)
{
    enum cl_err err = cl_agent_link_search(&probe->search, &probe->macs, &probe->found);
    cl_hmac_free(probe->search.hmac);
    return err;
}

TEST(the_offsets_ascend_from_utc_minus_12_to_plus_14)
{
    CHECK_INT(cl_agent_link_offsets[0], -12 * 4);
    CHECK_INT(cl_agent_link_offsets[CL_AGENT_LINK_OFFSETS_LEN - 1], 14 * 4);
    for (size_t i = 1; i < CL_AGENT_LINK_OFFSETS_LEN; i++)
        CHECK(cl_agent_link_offsets[i - 1] < cl_agent_link_offsets[i]);
}

TEST(a_clock_of_any_offset_is_found)
{
    for (size_t i = 0; i < CL_AGENT_LINK_OFFSETS_LEN; i++) {
        int8_t offset = cl_agent_link_offsets[i];
        int64_t utc = LOCAL_MS - offset * QUARTER_MS;
        for (int64_t late = -30; late <= 30; late += 15) {
            struct probe probe;
            test_note("offset %d, %lld s late", offset, (long long)late);
            probe_init(&probe, utc + late * 1000 + 999);
            CHECK_OK(probe_run(&probe));
            CHECK_INT(probe.found.offset, offset);
            CHECK_INT(probe.found.signed_at.ms, utc);
        }
    }
}

TEST(a_clock_that_is_off_by_more_than_30_seconds_is_refused)
{
    for (int side = -1; side <= 1; side += 2) {
        struct probe probe;
        probe_init(&probe, LOCAL_MS + side * 31000);
        CHECK_INT(probe_run(&probe), CL_ERR_UNAUTHORIZED);
    }
    struct probe hour;
    probe_init(&hour, LOCAL_MS + 67 * INT64_C(60000));
    CHECK_INT(probe_run(&hour), CL_ERR_UNAUTHORIZED);
}

TEST(what_was_not_signed_so_is_refused)
{
    for (unsigned change = 0; change < 3; change++) {
        struct probe probe;
        test_note("change %u", change);
        probe_init(&probe, LOCAL_MS);
        if (change == 0)
            probe.search.instance = CL_STR("instance-002");
        if (change == 1)
            probe.search.signature.bytes[0] ^= 0x80;
        if (change == 2) {
            cl_hmac_free(probe.search.hmac);
            probe.search.hmac = key_of(CL_STR("another"));
        }
        CHECK_INT(probe_run(&probe), CL_ERR_UNAUTHORIZED);
        CHECK_INT(probe.macs, 10000 - CL_AGENT_LINK_SEARCH_MACS);
    }
}

TEST(the_pinned_offset_is_tried_first)
{
    struct probe probe;
    probe_init(&probe, LOCAL_MS - 56 * QUARTER_MS);
    CHECK_OK(probe_run(&probe));
    CHECK(probe.macs < 10000 - 39 * CL_AGENT_LINK_OFFSET_MACS); // the last one of all
    probe_init(&probe, LOCAL_MS - 56 * QUARTER_MS);
    probe.search.pinned = 56;
    CHECK_OK(probe_run(&probe));
    CHECK_INT(probe.macs, 10000 - 1);
    // One that is not in the list is tried all the same.
    probe_init(&probe, LOCAL_MS - 1 * QUARTER_MS);
    probe.search.pinned = 1;
    CHECK_OK(probe_run(&probe));
    CHECK_INT(probe.found.offset, 1);
    // One that fits no more costs nothing twice.
    probe_init(&probe, LOCAL_MS + 67 * INT64_C(60000));
    probe.search.pinned = 56;
    CHECK_INT(probe_run(&probe), CL_ERR_UNAUTHORIZED);
    CHECK_INT(probe.macs, 10000 - CL_AGENT_LINK_SEARCH_MACS);
}

TEST(a_search_costs_no_more_than_it_may)
{
    struct probe probe;
    for (uint32_t macs = 0; macs <= CL_AGENT_LINK_SEARCH_MACS; macs += 61) {
        probe_init(&probe, LOCAL_MS + 31000);
        probe.macs = macs;
        CHECK_INT(probe_run(&probe),
                  macs < CL_AGENT_LINK_SEARCH_MACS ? CL_ERR_RATE : CL_ERR_UNAUTHORIZED);
        CHECK_INT(probe.macs, 0);
    }
    // Enough for the pinned offset, which is the right one: 30 seconds late is its last.
    probe_init(&probe, LOCAL_MS - 32 * QUARTER_MS - 30000);
    probe.search.pinned = 32;
    probe.macs = CL_AGENT_LINK_OFFSET_MACS;
    CHECK_OK(probe_run(&probe));
    CHECK_INT(probe.macs, 0);
}

TEST(seconds_before_1970_are_whole_too)
{
    struct probe probe;
    probe_init(&probe, -1);
    CHECK_OK(cl_agent_link_sign_register(probe.search.hmac, probe.search.instance,
                                         (cl_time){-31000}, &probe.search.signature));
    CHECK_OK(probe_run(&probe));
    CHECK_INT(probe.found.signed_at.ms, -31000);
    CHECK_INT(probe.found.offset, 0);
}
