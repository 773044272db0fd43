// SPDX-License-Identifier: MIT
/*
 * tests/support/test.h - a test program in one header.
 *
 *     TEST(full_inbox_refuses) { ... CHECK(x == 3); CHECK_STR(got, CL_STR("abc")); }
 *
 * Names are sentences. Each test runs in the order of the file; a failed CHECK prints where
 * and what, and ends that test. The program closes with "12 passed, 0 failed" and exits 0
 * only without a failure. A test without any CHECK fails: it could not have found anything.
 */
#ifndef TESTS_SUPPORT_TEST_H
#define TESTS_SUPPORT_TEST_H

#include <setjmp.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/str.h"

typedef void test_fn(void);

struct test_case {
    const char *name;
    test_fn *run;
    struct test_case *next;
};

void test_register(struct test_case *test);
_Noreturn void test_fail(const char *file, int line, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
void test_counted(void);
void test_check_int(const char *file, int line, const char *what, long long got, long long want);
void test_check_str(const char *file, int line, const char *what, cl_str got, cl_str want);
/* Shown with each failure until it is replaced: the row of a table, the seed of a run. */
void test_note(const char *format, ...) __attribute__((format(printf, 1, 2)));

#define TEST(sentence)                                                 \
    static void sentence(void);                                        \
    __attribute__((constructor)) static void register_##sentence(void) \
    {                                                                  \
        static struct test_case test = {#sentence, sentence, NULL};    \
        test_register(&test);                                          \
    }                                                                  \
    static void sentence(void)

#define CHECK(condition)                                     \
    do {                                                     \
        test_counted();                                      \
        if (!(condition))                                    \
            test_fail(__FILE__, __LINE__, "%s", #condition); \
    } while (0)
/* Two whole numbers or enums: got, then want. */
#define CHECK_INT(got, want) \
    test_check_int(__FILE__, __LINE__, #got, (long long)(got), (long long)(want))
/* Two cl_str: got, then want. */
#define CHECK_STR(got, want) test_check_str(__FILE__, __LINE__, #got, got, want)
#define CHECK_OK(call)       CHECK_INT(call, CL_OK)

#endif
