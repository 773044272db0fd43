// SPDX-License-Identifier: MIT
#include "cli/link_file.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "support/fault.h"
#include "support/test.h"

static char folder[] = "/tmp/clawlink-test-XXXXXX";
static char path[64];
static struct cl_link_file file;
static struct cl_why why;

static void
clean_up(void)
{
    (void)unlink(path); // it may not be there
    (void)rmdir(folder);
}

/* The path of the file, with that content; NULL: of none. */
static const char *
with(const char *content)
{
    if (path[0] == '\0') {
        CHECK(mkdtemp(folder) != NULL && atexit(clean_up) == 0);
        (void)snprintf(path, sizeof path, "%s/config.json", folder);
    }
    (void)unlink(path); // it may not be there
    if (content == NULL)
        return path;
    FILE *out = fopen(path, "w");
    CHECK(out != NULL && fputs(content, out) >= 0 && fclose(out) == 0 && chmod(path, 0600) == 0);
    return path;
}

static const char *
content(void)
{
    static char text[1024];
    FILE *in = fopen(path, "r");
    CHECK(in != NULL);
    size_t len = fread(text, 1, sizeof text - 1, in);
    text[len] = '\0';
    CHECK_INT(fclose(in), 0);
    return text;
}

#define CHECK_WHY(part)                        \
    do {                                       \
        test_note("%s", why.text);             \
        CHECK(strstr(why.text, part) != NULL); \
    } while (0)

static void
set_all(struct cl_link_file *to)
{
    cl_link_file_want(to, "relay_url", CL_STR("ws://h:8765"));
    cl_link_file_want(to, "secret", CL_STR("a\"b"));
    cl_link_file_default(to, "instance_id", CL_STR("laptop"));
    cl_link_file_default(to, "agent_id", CL_STR("main"));
}

static const char made[] = "{\n  \"relay_url\": \"ws://h:8765\",\n  \"secret\": \"a\\\"b\",\n"
                           "  \"instance_id\": \"laptop\",\n  \"agent_id\": \"main\"\n}\n";

TEST(a_new_file_has_what_was_set_and_is_its_owners_alone)
{
    struct stat info;
    mode_t mask = umask(0);
    CHECK_OK(cl_link_file_open(&file, with(NULL), &why));
    CHECK(!file.exists);
    set_all(&file);
    CHECK_OK(cl_link_file_check(&file, false, &why));
    CHECK_OK(cl_link_file_save(&file, &why));
    CHECK_STR(cl_str_z(file.done), CL_STR("written"));
    CHECK_STR(cl_str_z(content()), cl_str_z(made));
    CHECK(stat(path, &info) == 0 && (info.st_mode & 0777) == 0600);
    cl_link_file_done(&file);
    (void)umask(mask);
}

TEST(the_same_again_is_not_written)
{
    struct stat before, after;
    CHECK(stat(with(made), &before) == 0);
    CHECK_OK(cl_link_file_open(&file, path, &why));
    CHECK(file.exists && !file.is_readable);
    set_all(&file);
    CHECK_OK(cl_link_file_check(&file, false, &why));
    CHECK_OK(cl_link_file_save(&file, &why));
    CHECK_STR(cl_str_z(file.done), CL_STR("unchanged"));
    CHECK(stat(path, &after) == 0 && before.st_ino == after.st_ino);
    cl_link_file_done(&file);
}

TEST(a_file_that_others_can_read_is_closed_and_stays_as_it_is)
{
    static const char odd[] = "{ \"relay_url\":\"ws://h:8765\", \"secret\":\"a\\u0022b\",\n"
                              "\"agent_id\":\"x\", \"instance_id\":\"y\"}";
    struct stat info;
    CHECK_INT(chmod(with(odd), 0640), 0);
    CHECK_OK(cl_link_file_open(&file, path, &why));
    CHECK(file.is_readable);
    set_all(&file);
    CHECK_OK(cl_link_file_check(&file, false, &why));
    CHECK_OK(cl_link_file_save(&file, &why));
    CHECK_STR(cl_str_z(file.done), CL_STR("closed to others"));
    CHECK_STR(cl_str_z(content()), cl_str_z(odd));
    CHECK(stat(path, &info) == 0 && (info.st_mode & 0777) == 0600);
    cl_link_file_done(&file);
}

TEST(another_value_wants_force_and_the_rest_stays)
{
    static const char other[] = "{\"x\":[1, 2],\"relay_url\":\"ws://other:1\",\"secret\":\"s\","
                                "\"agent_id\":\"otto\",\"instance_id\":\"mini\"}";
    CHECK_OK(cl_link_file_open(&file, with(other), &why));
    set_all(&file);
    CHECK_INT(cl_link_file_check(&file, false, &why), CL_ERR_USAGE);
    CHECK_WHY("has another relay_url: --force replaces what differs");
    cl_link_file_done(&file);
    CHECK_STR(cl_str_z(content()), cl_str_z(other));
    CHECK_OK(cl_link_file_open(&file, path, &why));
    set_all(&file);
    CHECK_OK(cl_link_file_check(&file, true, &why));
    CHECK_OK(cl_link_file_save(&file, &why));
    CHECK_STR(cl_str_z(file.done), CL_STR("changed"));
    CHECK_STR(cl_str_z(content()), CL_STR("{\n  \"x\": [1, 2],\n  \"relay_url\": \"ws://h:8765\",\n"
                                          "  \"secret\": \"a\\\"b\",\n  \"agent_id\": \"otto\",\n"
                                          "  \"instance_id\": \"mini\"\n}\n"));
    cl_link_file_done(&file);
}

TEST(what_is_absent_null_or_empty_is_no_other_value)
{
    CHECK_OK(cl_link_file_open(&file, with("{\"secret\":null,\"agent_id\":\"\"}"), &why));
    set_all(&file);
    CHECK_OK(cl_link_file_check(&file, false, &why));
    CHECK_OK(cl_link_file_save(&file, &why));
    CHECK_STR(cl_str_z(content()),
              CL_STR("{\n  \"secret\": \"a\\\"b\",\n  \"agent_id\": \"main\",\n"
                     "  \"relay_url\": \"ws://h:8765\",\n  \"instance_id\": \"laptop\"\n}\n"));
    cl_link_file_done(&file);
}

TEST(numbers_are_compared_as_numbers)
{
    CHECK_OK(cl_link_file_open(&file, with("{\"port\":8765}"), &why));
    cl_link_file_want_number(&file, "port", 8765);
    CHECK_INT(file.puts_len, 0);
    cl_link_file_want_number(&file, "port", 9000);
    CHECK_STR(cl_str_z(file.clash), CL_STR("port"));
    CHECK_STR(file.puts[0].value, CL_STR("9000"));
    cl_link_file_done(&file);
}

TEST(a_file_that_is_none_is_an_error_and_stays)
{
    static const char *const bad[] = {"", "[]", "{", "{\"a\":1,\"a\":2}", "{\"a\":\"\xff\"}"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        CHECK_INT(cl_link_file_open(&file, with(bad[i]), &why), CL_ERR_IO);
        CHECK_WHY("is no configuration of Agent Link");
        CHECK_WHY("It is not overwritten.");
        cl_link_file_done(&file);
    }
    CHECK_INT(cl_link_file_open(&file, folder, &why), CL_ERR_USAGE);
    CHECK_WHY("a folder");
    cl_link_file_done(&file);
    CHECK_INT(cl_link_file_open(&file, "/dev/null", &why), CL_ERR_USAGE);
    CHECK_WHY("no regular file");
    cl_link_file_done(&file);
    CHECK_INT(cl_link_file_open(&file, "", &why), CL_ERR_USAGE);
    cl_link_file_done(&file);
    char longer[CL_CLI_PATH_CAP + 8];
    memset(longer, 'x', sizeof longer);
    longer[sizeof longer - 1] = '\0';
    CHECK_INT(cl_link_file_open(&file, longer, &why), CL_ERR_USAGE);
    CHECK_WHY("too long");
    cl_link_file_done(&file);
}

TEST(what_clients_could_not_read_is_not_written)
{
    static const char bad[] = "{\"reconnect_interval\":\"often\"}";
    CHECK_OK(cl_link_file_open(&file, with(bad), &why));
    set_all(&file);
    CHECK_INT(cl_link_file_check(&file, true, &why), CL_ERR_IO);
    CHECK_WHY("reconnect_interval");
    cl_link_file_done(&file);
    CHECK_OK(cl_link_file_open(&file, with("{\"secret\":7}"), &why));
    cl_str text;
    CHECK_INT(cl_link_file_string(&file, "secret", &text, &why), CL_ERR_IO);
    CHECK_WHY("secret is no string");
    cl_link_file_done(&file);
    CHECK_OK(cl_link_file_open(&file, with(NULL), &why));
    cl_link_file_want(&file, "secret", CL_STR("\xff"));
    CHECK_INT(cl_link_file_check(&file, true, &why), CL_ERR_USAGE);
    CHECK_WHY("not UTF-8");
    cl_link_file_done(&file);
}

TEST(a_file_says_what_it_is)
{
    struct cl_link_config config;
    CHECK_OK(cl_link_file_open(&file, with(made), &why));
    CHECK_OK(cl_link_file_read(&file, &config, &why));
    CHECK(!config.is_relay && cl_str_eq(config.client.agent_id, CL_STR("main")));
    CHECK(cl_secret_equals(&config.client.secret, CL_STR("a\"b")));
    cl_link_config_done(&config);
    cl_link_file_done(&file);
    CHECK_OK(cl_link_file_open(
        &file, with("{\"port\":1,\"secret\":\"s\",\"registered_instances\":[]}"), &why));
    CHECK_OK(cl_link_file_read(&file, &config, &why));
    CHECK(config.is_relay && config.relay.port == 1);
    cl_link_config_done(&config);
    cl_link_file_done(&file);
}

TEST(without_memory_nothing_is_lost)
{
    static const char other[] = "{\"relay_url\":\"ws://other:1\",\"secret\":\"s\"}";
    FOR_EACH_FAULT
    {
        fault_pause();
        (void)with(other);
        fault_go_on();
        enum cl_err err = cl_link_file_open(&file, path, &why);
        if (err == CL_OK)
            set_all(&file);
        if (err == CL_OK)
            err = cl_link_file_check(&file, true, &why);
        if (err == CL_OK)
            err = cl_link_file_save(&file, &why);
        cl_link_file_done(&file);
        CHECK((err == CL_OK) != fault_happened());
        CHECK((strcmp(content(), other) == 0) == fault_happened());
    }
}
