// SPDX-License-Identifier: MIT
#include "support/test.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static struct test_case *first;
static struct test_case *last;
static jmp_buf back;
static unsigned checks;
static char note[256];

void
test_register(struct test_case *test)
{
    if (last == NULL)
        first = test;
    else
        last->next = test;
    last = test;
}

void
test_counted(void)
{
    checks++;
}

void
test_note(const char *format, ...)
{
    va_list args;
    va_start(args, format);
    (void)vsnprintf(note, sizeof note, format, args);
    va_end(args);
}

void
test_fail(const char *file, int line, const char *format, ...)
{
    va_list args;
    printf("  %s:%d: ", file, line);
    va_start(args, format);
    (void)vprintf(format, args);
    va_end(args);
    printf("%s%s%s\n", note[0] == '\0' ? "" : " [", note, note[0] == '\0' ? "" : "]");
    longjmp(back, 1);
}

void
test_check_int(const char *file, int line, const char *what, long long got, long long want)
{
    test_counted();
    if (got != want)
        test_fail(file, line, "%s is %lld, not %lld", what, got, want);
}

void
test_check_str(const char *file, int line, const char *what, cl_str got, cl_str want)
{
    test_counted();
    if (!cl_str_eq(got, want))
        test_fail(file, line, "%s is \"%.*s\", not \"%.*s\"", what, CL_STR_ARG(got),
                  CL_STR_ARG(want));
}

static bool
run_one(const struct test_case *test)
{
    checks = 0;
    note[0] = '\0';
    if (setjmp(back) != 0)
        return false;
    test->run();
    if (checks == 0)
        test_fail(test->name, 0, "checked nothing");
    return true;
}

/* NAME runs that test alone, -NAME all but that one. */
static bool
is_wanted(const struct test_case *test, const char *choice)
{
    if (choice == NULL)
        return true;
    if (choice[0] == '-')
        return strcmp(choice + 1, test->name) != 0;
    return strcmp(choice, test->name) == 0;
}

int
main(int argc, char **argv)
{
    unsigned passed = 0, failed = 0;
    for (const struct test_case *test = first; test != NULL; test = test->next) {
        if (!is_wanted(test, argc > 1 ? argv[1] : NULL))
            continue;
        bool ok = run_one(test);
        printf("%s %s\n", ok ? "ok  " : "FAIL", test->name);
        (void)fflush(stdout);
        passed += ok;
        failed += !ok;
    }
    printf("%u passed, %u failed\n", passed, failed);
    return failed == 0 && passed > 0 ? 0 : 1;
}
