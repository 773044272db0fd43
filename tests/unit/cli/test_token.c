// SPDX-License-Identifier: MIT
#include "cli/token.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "support/test.h"

static struct cl_secret token;
static struct cl_why why;
static char given[1024]; // what --token says, where argv would have it
static char path[] = "/tmp/clawlink-test-XXXXXX";

static void
remove_file(void)
{
    (void)unlink(path); // it may not be there
}

/* The path of a file with that content. */
static const char *
file_of(const char *content)
{
    static bool exists;
    int fd = exists ? -1 : mkstemp(path);
    if (!exists)
        CHECK(fd >= 0 && close(fd) == 0 && atexit(remove_file) == 0);
    exists = true;
    FILE *file = fopen(path, "w");
    CHECK(file != NULL && fputs(content, file) >= 0 && fclose(file) == 0);
    return path;
}

/* Any of the three may be NULL. */
static enum cl_err
take(const char *text, const char *file, const char *environment)
{
    struct cl_opts opts = {.cmd = &cl_cmd_info};
    CHECK((environment == NULL ? unsetenv("CLAWLINK_TOKEN")
                               : setenv("CLAWLINK_TOKEN", environment, 1)) == 0);
    CHECK(cl_str_copy(given, sizeof given, cl_str_z(text)));
    opts.token = text == NULL ? NULL : given;
    opts.globals[CL_GLOBAL_TOKEN] = opts.token;
    opts.globals[CL_GLOBAL_TOKEN_FILE] = file;
    cl_secret_done(&token);
    return cl_token_take(&opts, &token, &why);
}

static bool
is(const char *text)
{
    return cl_secret_equals(&token, cl_str_z(text));
}

TEST(a_token_comes_from_the_option_the_file_or_the_environment)
{
    CHECK_OK(take(NULL, NULL, NULL));
    CHECK_INT(token.len, 0);
    CHECK_OK(take("a", NULL, "c"));
    CHECK(is("a"));
    CHECK_OK(take(NULL, file_of("b\nmore\n"), "c"));
    CHECK(is("b"));
    CHECK_OK(take(NULL, file_of("b\r\n"), NULL));
    CHECK(is("b"));
    CHECK_OK(take(NULL, NULL, "c"));
    CHECK(is("c"));
    CHECK_OK(take(NULL, NULL, ""));
    CHECK_INT(token.len, 0);
}

TEST(a_token_that_is_none_is_refused)
{
    char longer[CL_SECRET_BYTES_MAX + 2] = {0};
    memset(longer, 'x', sizeof longer - 1);
    CHECK_INT(take("", NULL, NULL), CL_ERR_USAGE);
    CHECK_INT(take(longer, NULL, NULL), CL_ERR_USAGE);
    CHECK_INT(take(NULL, NULL, longer), CL_ERR_USAGE);
    CHECK_INT(take(NULL, file_of(""), NULL), CL_ERR_USAGE);
    CHECK_INT(take(NULL, file_of("\nx"), NULL), CL_ERR_USAGE);
    CHECK_INT(take(NULL, file_of(longer), NULL), CL_ERR_USAGE);
    CHECK_INT(take("a", file_of("b"), NULL), CL_ERR_USAGE);
    CHECK_INT(take(NULL, "/nonexistent/token", NULL), CL_ERR_IO);
    CHECK_INT(token.len, 0);
}

TEST(where_a_token_came_from_it_is_wiped)
{
    const char *const outcomes[] = {NULL, "/nonexistent/token"}; // taken, and refused
    for (size_t i = 0; i < 2; i++) {
        CHECK_INT(take("geheim", outcomes[i], "geheim"), i == 0 ? CL_OK : CL_ERR_USAGE);
        CHECK_STR(cl_str_of(given, 6), CL_STR("\0\0\0\0\0\0"));
        CHECK_STR(cl_str_z(getenv("CLAWLINK_TOKEN")), CL_STR(""));
    }
}

TEST(another_secret_comes_in_the_same_ways_by_its_own_names)
{
    char typed[] = "geheim", empty[] = "";
    struct cl_token_words words = {.what = "secret",
                                   .option = "--secret",
                                   .file_option = "--secret-file",
                                   .variable = "CLAWLINK_TEST_SECRET",
                                   .typed = typed};
    CHECK_INT(setenv("CLAWLINK_TEST_SECRET", "other", 1), 0);
    CHECK_INT(setenv("CLAWLINK_TOKEN", "token", 1), 0);
    CHECK_OK(cl_token_take_other(&words, &token, &why));
    CHECK(is("geheim"));
    CHECK_STR(cl_str_of(typed, 6), CL_STR("\0\0\0\0\0\0"));
    CHECK_STR(cl_str_z(getenv("CLAWLINK_TEST_SECRET")), CL_STR(""));
    CHECK_STR(cl_str_z(getenv("CLAWLINK_TOKEN")), CL_STR("token"));
    words.typed = NULL;
    words.file = file_of("\n");
    CHECK_INT(cl_token_take_other(&words, &token, &why), CL_ERR_USAGE);
    CHECK_STR(cl_str_z(why.text),
              CL_STR("The secret in the first line of --secret-file is empty."));
    words.typed = empty;
    CHECK_INT(cl_token_take_other(&words, &token, &why), CL_ERR_USAGE);
    CHECK_STR(cl_str_z(why.text), CL_STR("--secret and --secret-file were given: give one."));
}
