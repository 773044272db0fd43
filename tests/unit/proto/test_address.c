// SPDX-License-Identifier: MIT
#include "proto/address.h"

#include <string.h>

#include "base/limits.h"
#include "support/fault.h"
#include "support/test.h"

#define X64 "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"

TEST(an_address_is_of_one_kind)
{
    static const struct {
        cl_str text;
        enum cl_address_kind kind;
        cl_str instance;
        cl_str name;
        cl_str id;
    } rows[] = {
        {CL_STR_INIT("mini/otto"), CL_ADDRESS_AGENT, CL_STR_INIT("mini"), CL_STR_INIT("otto"),
         CL_STR_INIT("mini/otto")},
        {CL_STR_INIT("A.b_c-9/-."), CL_ADDRESS_AGENT, CL_STR_INIT("A.b_c-9"), CL_STR_INIT("-."),
         CL_STR_INIT("A.b_c-9/-.")},
        {CL_STR_INIT("V1/x"), CL_ADDRESS_AGENT, CL_STR_INIT("V1"), CL_STR_INIT("x"),
         CL_STR_INIT("V1/x")},
        {CL_STR_INIT(X64 "/" X64), CL_ADDRESS_AGENT, CL_STR_INIT(X64), CL_STR_INIT(X64),
         CL_STR_INIT(X64 "/" X64)},
        {CL_STR_INIT("v1/mira"), CL_ADDRESS_V1, {0}, CL_STR_INIT("mira"), CL_STR_INIT("mira")},
        {CL_STR_INIT("v1/v1/a: \xc3\xa9"),
         CL_ADDRESS_V1,
         {0},
         CL_STR_INIT("v1/a: \xc3\xa9"),
         CL_STR_INIT("v1/a: \xc3\xa9")},
        {CL_STR_INIT("relay/nobody"), CL_ADDRESS_RELAY, {0}, CL_STR_INIT("nobody"), {0}},
        {CL_STR_INIT("cap:review"),
         CL_ADDRESS_CAP,
         {0},
         CL_STR_INIT("review"),
         CL_STR_INIT("cap:review")},
        {CL_STR_INIT("topic:a/b: c"),
         CL_ADDRESS_TOPIC,
         {0},
         CL_STR_INIT("a/b: c"),
         CL_STR_INIT("topic:a/b: c")},
        {CL_STR_INIT("Nele's Mac"),
         CL_ADDRESS_NAME,
         {0},
         CL_STR_INIT("Nele's Mac"),
         CL_STR_INIT("Nele's Mac")},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct cl_address address;
        test_note("%.*s", CL_STR_ARG(rows[i].text));
        CHECK(cl_address_read(rows[i].text, &address));
        CHECK_INT(address.kind, rows[i].kind);
        CHECK_STR(address.instance, rows[i].instance);
        CHECK_STR(address.name, rows[i].name);
        CHECK_STR(cl_address_id(&address, rows[i].text), rows[i].id);
    }
}

TEST(what_is_no_address_is_refused)
{
    static const cl_str rows[] = {
        CL_STR_INIT(""),
        CL_STR_INIT("/"),
        CL_STR_INIT("a/"),
        CL_STR_INIT("/a"),
        CL_STR_INIT("a/b/c"),
        CL_STR_INIT("a b/c"),
        CL_STR_INIT("a/b c"),
        CL_STR_INIT("\xc3\xa9/a"),
        CL_STR_INIT("v1/"),
        CL_STR_INIT("v1/a\n"),
        CL_STR_INIT("v1/\xff"),
        CL_STR_INIT("v1/\xc2\x85"),
        CL_STR_INIT("relay/"),
        CL_STR_INIT("cap:"),
        CL_STR_INIT("cap:a b"),
        CL_STR_INIT("cap:a/b"),
        CL_STR_INIT("topic:"),
        CL_STR_INIT("topic:\x7f"),
        CL_STR_INIT("a:b"),
        CL_STR_INIT(":"),
        CL_STR_INIT("a\0b"),
        CL_STR_INIT("\xc3"),
        CL_STR_INIT(X64 "x/a"),
        CL_STR_INIT("a/" X64 "x"),
        CL_STR_INIT("cap:" X64 "x"),
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct cl_address address = {.name = CL_STR("untouched")};
        test_note("row %zu", i);
        CHECK(!cl_address_read(rows[i], &address));
        CHECK_STR(address.name, CL_STR("untouched"));
    }
}

TEST(an_id_has_one_address_and_is_found_by_it_again)
{
    static const struct {
        cl_str id;
        cl_str address;
    } rows[] = {
        {CL_STR_INIT("mini/otto"), CL_STR_INIT("mini/otto")},
        {CL_STR_INIT("mira"), CL_STR_INIT("v1/mira")},
        {CL_STR_INIT("v1/mira"), CL_STR_INIT("v1/v1/mira")},
        {CL_STR_INIT("relay/x"), CL_STR_INIT("v1/relay/x")},
        {CL_STR_INIT("cap:x"), CL_STR_INIT("v1/cap:x")},
        {CL_STR_INIT("a/b/c"), CL_STR_INIT("v1/a/b/c")},
        {CL_STR_INIT("a b/\xc3\xa9"), CL_STR_INIT("v1/a b/\xc3\xa9")},
        {{0}, CL_STR_INIT("relay/nobody")},
    };
    struct cl_arena arena;
    cl_arena_init(&arena, CL_MIB);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct cl_address address;
        cl_str text;
        test_note("row %zu", i);
        CHECK_OK(cl_address_of_id(rows[i].id, &arena, &text));
        CHECK_STR(text, rows[i].address);
        CHECK(cl_address_read(text, &address));
        CHECK((address.kind & CL_ADDRESS_SENDERS) != 0);
        CHECK_STR(cl_address_id(&address, text), rows[i].id);
    }
    cl_arena_done(&arena);
}

TEST(an_address_without_memory_is_refused)
{
    FOR_EACH_FAULT
    {
        struct cl_arena arena;
        cl_str text;
        cl_arena_init(&arena, CL_MIB);
        enum cl_err err = cl_address_of_id(CL_STR("mira"), &arena, &text);
        CHECK_INT(err, fault_happened() ? CL_ERR_NO_MEMORY : CL_OK);
        cl_arena_done(&arena);
    }
}

TEST(lines_have_no_control_characters_and_an_end)
{
    CHECK(cl_line_is_valid(CL_STR("a"), 1));
    CHECK(!cl_line_is_valid(CL_STR("ab"), 1));
    CHECK(!cl_line_is_valid(CL_STR(""), 1));
    CHECK(cl_line_is_valid(CL_STR("\xc2\xa0 \xf0\x9f\x98\x80"), 16));
    CHECK(!cl_line_is_valid(CL_STR("\x1f"), 16));
    CHECK(!cl_line_is_valid(CL_STR("\xc2\x9f"), 16));
    // A text that ends in the middle of a character is read no further.
    CHECK(!cl_line_is_valid(cl_str_of("\xc2\x80", 1), 16));
}

TEST(instances_are_names_that_are_not_spoken_for)
{
    CHECK(cl_name_is_instance(CL_STR("mini")));
    CHECK(!cl_name_is_instance(CL_STR("v1")));
    CHECK(!cl_name_is_instance(CL_STR("relay")));
    CHECK(!cl_name_is_instance(CL_STR("")));
    CHECK(!cl_name_is_instance(CL_STR("a/b")));
}
