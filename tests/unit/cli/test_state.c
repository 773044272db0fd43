// SPDX-License-Identifier: MIT
#include "cli/state.h"

#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/file.h"
#include "support/fault.h"
#include "support/test.h"

static char home[64];
static struct cl_state state;
static struct cl_why why;

static const char *
path_in_home(const char *rest)
{
    static char path[256];
    (void)snprintf(path, sizeof path, "%s%s", home, rest);
    return path;
}

/* All files in that folder of the home, then the folder. */
static void
remove_folder(const char *rest)
{
    char path[600];
    DIR *folder = opendir(path_in_home(rest));
    for (struct dirent *entry; folder != NULL && (entry = readdir(folder)) != NULL;) {
        (void)snprintf(path, sizeof path, "%s%s/%s", home, rest, entry->d_name);
        (void)unlink(path); // fails for folders, which have their own turn
    }
    if (folder != NULL)
        (void)closedir(folder);
    (void)rmdir(path_in_home(rest)); // most tests have not made it
}

static void
remove_home(void)
{
    if (home[0] == '\0')
        return;
    remove_folder("/.clawlink/agents");
    remove_folder("/.clawlink");
    remove_folder("");
}

/* An empty home in place of the one before. */
static void
new_home(void)
{
    if (home[0] == '\0')
        CHECK(atexit(remove_home) == 0);
    remove_home();
    (void)snprintf(home, sizeof home, "/tmp/clawlink-test-XXXXXX");
    CHECK(mkdtemp(home) != NULL);
    CHECK(setenv("HOME", home, 1) == 0);
    CHECK(unsetenv("CLAWLINK_STATE") == 0);
}

static enum cl_err
load(const char *as)
{
    cl_state_done(&state);
    why.text[0] = '\0';
    return cl_state_load(as, &state, &why);
}

static void
write_file(const char *path, cl_str text)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    CHECK(fd >= 0 && write(fd, text.ptr, text.len) == (ssize_t)text.len && close(fd) == 0);
}

static void
check_file(const char *path, cl_str want)
{
    struct cl_buf buf;
    cl_buf_init(&buf, 65536);
    CHECK_OK(cl_file_read(path, &buf, &why));
    CHECK_STR(cl_buf_str(&buf), want);
    cl_buf_done(&buf);
}

static unsigned
files_in(const char *path)
{
    unsigned count = 0;
    DIR *folder = opendir(path);
    CHECK(folder != NULL);
    while (readdir(folder) != NULL)
        count++;
    (void)closedir(folder);
    return count - 2; // without . and ..
}

TEST(without_a_file_nothing_is_known)
{
    new_home();
    CHECK_OK(load(NULL));
    CHECK_INT(state.agent_id.len, 0);
    CHECK_INT(state.relay_url.len, 0);
    CHECK_STR(cl_str_z(state.path), cl_str_z(path_in_home("/.clawlink/agent_state.json")));
}

TEST(what_is_saved_is_read_again)
{
    struct stat info;
    new_home();
    CHECK_OK(load(NULL));
    state.relay_url = CL_STR("http://h:1");
    state.relay_pin = CL_STR("sha256:x");
    state.agent_id = CL_STR("a\"1");
    state.agent_name = cl_str_z("Jörg");
    state.capabilities = CL_STR("[\"x\",\"y\"]");
    state.description = CL_STR("\"who\"");
    CHECK_OK(cl_state_save(&state, &why));
    CHECK_OK(load(NULL));
    CHECK_STR(state.relay_url, CL_STR("http://h:1"));
    CHECK_STR(state.relay_pin, CL_STR("sha256:x"));
    CHECK_STR(state.agent_id, CL_STR("a\"1"));
    CHECK_STR(state.agent_name, cl_str_z("Jörg"));
    CHECK_STR(state.capabilities, CL_STR("[\"x\",\"y\"]"));
    CHECK_STR(state.description, CL_STR("\"who\""));
    CHECK(stat(path_in_home("/.clawlink"), &info) == 0);
    CHECK_INT(info.st_mode & 0777, 0700);
    CHECK(stat(path_in_home("/.clawlink/agent_state.json"), &info) == 0);
    CHECK_INT(info.st_mode & 0777, 0600);
    CHECK_INT(files_in(path_in_home("/.clawlink")), 1);
}

TEST(an_open_folder_and_file_of_old_are_closed)
{
    struct stat info;
    new_home();
    CHECK(mkdir(path_in_home("/.clawlink"), 0755) == 0);
    write_file(path_in_home("/.clawlink/agent_state.json"), CL_STR("{\"agent_id\":\"a\"}"));
    CHECK(chmod(path_in_home("/.clawlink/agent_state.json"), 0644) == 0);
    CHECK_OK(load(NULL));
    CHECK_OK(cl_state_save(&state, &why));
    CHECK(stat(path_in_home("/.clawlink"), &info) == 0);
    CHECK_INT(info.st_mode & 0777, 0700);
    CHECK(stat(path_in_home("/.clawlink/agent_state.json"), &info) == 0);
    CHECK_INT(info.st_mode & 0777, 0600);
}

TEST(members_of_others_survive)
{
    const char *path;
    new_home();
    CHECK(mkdir(path_in_home("/.clawlink"), 0700) == 0);
    path = path_in_home("/.clawlink/agent_state.json");
    write_file(path, CL_STR("{\"theirs\":{\"deep\":[1,2]},\"agent_id\":\"a\",\"n\":1.50}"));
    CHECK_OK(load(NULL));
    state.agent_id = CL_STR("b");
    CHECK_OK(cl_state_save(&state, &why));
    check_file(path, CL_STR("{\"relay_url\":\"\",\"agent_id\":\"b\",\"agent_name\":\"\","
                            "\"theirs\":{\"deep\":[1,2]},\"n\":1.50}\n"));
}

TEST(a_broken_file_is_named_and_stays_as_it_is)
{
    static const char *const broken[] = {"",
                                         "{",
                                         "[1]",
                                         "{\"agent_id\":7}",
                                         "{\"a\":1,\"a\":2}",
                                         "\xff\xfe",
                                         "{\"agent_id\":\"x\"} trailing"};
    new_home();
    CHECK(mkdir(path_in_home("/.clawlink"), 0700) == 0);
    const char *path = path_in_home("/.clawlink/agent_state.json");
    for (size_t i = 0; i < sizeof broken / sizeof *broken; i++) {
        test_note("%s", broken[i]);
        write_file(path, cl_str_z(broken[i]));
        CHECK_INT(load(NULL), CL_ERR_IO);
        CHECK(strstr(why.text, "agent_state.json\" is broken") != NULL);
        check_file(path, cl_str_z(broken[i]));
    }
}

TEST(a_file_too_large_to_be_ours_is_refused)
{
    static char large[CL_CLI_STATE_BYTES_MAX + 1];
    memset(large, ' ', sizeof large);
    new_home();
    CHECK(mkdir(path_in_home("/.clawlink"), 0700) == 0);
    write_file(path_in_home("/.clawlink/agent_state.json"), cl_str_of(large, sizeof large));
    CHECK_INT(load(NULL), CL_ERR_IO);
    CHECK(strstr(why.text, "too large") != NULL);
}

TEST(a_name_gives_a_file_of_its_own)
{
    new_home();
    CHECK_OK(load("r2-d2_x.y"));
    CHECK_STR(cl_str_z(state.path), cl_str_z(path_in_home("/.clawlink/agents/r2-d2_x.y.json")));
    state.agent_id = CL_STR("a");
    CHECK_OK(cl_state_save(&state, &why));
    CHECK_OK(load(NULL));
    CHECK_INT(state.agent_id.len, 0);
    CHECK_OK(load("r2-d2_x.y"));
    CHECK_STR(state.agent_id, CL_STR("a"));
}

TEST(a_name_that_could_leave_the_folder_is_refused)
{
    static const char too_long[] = "1234567890123456789012345678901234567890"
                                   "1234567890123456789012345"; // 65 of them
    static const char *const names[] = {"", "../x", "a/b", "a b", "ä", "\x1b", too_long};
    new_home();
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        test_note("%s", names[i]);
        CHECK_INT(load(names[i]), CL_ERR_USAGE);
    }
}

static void
save_as(const char *name)
{
    CHECK_OK(load(name));
    CHECK_OK(cl_state_save(&state, &why));
}

TEST(the_names_that_have_a_file_are_listed_in_their_order)
{
    char names[CL_STATE_NAMES_CAP];
    new_home();
    cl_state_names(names);
    CHECK(strcmp(names, "") == 0);
    save_as("otto");
    save_as("mira");
    write_file(path_in_home("/.clawlink/agents/no name.json"), CL_STR("{}"));
    write_file(path_in_home("/.clawlink/agents/.json"), CL_STR("{}"));
    write_file(path_in_home("/.clawlink/agents/notes"), CL_STR("{}"));
    cl_state_names(names);
    test_note("%s", names);
    CHECK(strcmp(names, "mira, otto") == 0);
    CHECK(unsetenv("HOME") == 0);
    cl_state_names(names);
    CHECK(strcmp(names, "") == 0);
}

TEST(of_many_names_the_first_few_are_listed)
{
    char names[CL_STATE_NAMES_CAP], name[2] = "";
    new_home();
    for (name[0] = 'g'; name[0] >= 'a'; name[0]--)
        save_as(name);
    save_as("h");
    cl_state_names(names);
    test_note("%s", names);
    CHECK(strcmp(names, "a, b, c, d, ...") == 0);
}

TEST(the_environment_names_a_file_and_as_comes_before_it)
{
    new_home();
    CHECK(setenv("CLAWLINK_STATE", path_in_home("/mine.json"), 1) == 0);
    CHECK_OK(load(NULL));
    state.agent_id = CL_STR("a");
    CHECK_OK(cl_state_save(&state, &why));
    check_file(path_in_home("/mine.json"),
               CL_STR("{\"relay_url\":\"\",\"agent_id\":\"a\",\"agent_name\":\"\"}\n"));
    CHECK_OK(load("eve"));
    CHECK_INT(state.agent_id.len, 0);
    CHECK(setenv("CLAWLINK_STATE", "", 1) == 0);
    CHECK_OK(load(NULL));
    CHECK_INT(state.agent_id.len, 0);
}

TEST(without_a_home_the_error_says_what_to_set)
{
    new_home();
    CHECK(unsetenv("HOME") == 0);
    CHECK_OK(load(NULL));
    CHECK_INT(state.agent_id.len, 0);
    CHECK_INT(cl_state_place(&state, &why), CL_ERR_USAGE);
    CHECK(strstr(why.text, "CLAWLINK_STATE") != NULL);
    CHECK_INT(cl_state_save(&state, &why), CL_ERR_USAGE);
}

TEST(a_file_named_like_standard_input_is_a_file)
{
    new_home();
    CHECK(setenv("CLAWLINK_STATE", "-", 1) == 0);
    CHECK_OK(load(NULL));
    CHECK_INT(state.text.len, 0);
}

TEST(a_place_that_takes_no_file_is_named)
{
    new_home();
    CHECK(setenv("CLAWLINK_STATE", path_in_home("/none/mine.json"), 1) == 0);
    CHECK_OK(load(NULL));
    state.agent_id = CL_STR("a");
    CHECK_INT(cl_state_save(&state, &why), CL_ERR_IO);
    CHECK(strstr(why.text, "/none/mine.json") != NULL);
    CHECK(setenv("CLAWLINK_STATE", "/proc/clawlink.json", 1) == 0); // nobody can write there
    CHECK_OK(load(NULL));
    CHECK(cl_state_save(&state, &why) != CL_OK);
    CHECK(strstr(why.text, "/proc/clawlink.json") != NULL);
}

TEST(a_failed_save_leaves_the_old_file_and_nothing_beside_it)
{
    new_home();
    CHECK_OK(load(NULL));
    state.agent_id = CL_STR("old");
    CHECK_OK(cl_state_save(&state, &why));
    FOR_EACH_FAULT
    {
        enum cl_err err = load(NULL);
        if (err == CL_OK)
            err = cl_state_save(&state, &why);
        CHECK(err == CL_OK || fault_happened());
        CHECK_INT(files_in(path_in_home("/.clawlink")), 1);
    }
    CHECK_OK(load(NULL));
    CHECK_STR(state.agent_id, CL_STR("old"));
    cl_state_done(&state);
}

/* The disk is full, as far as this process can tell. */
static void
set_disk_full(bool is_full)
{
    struct rlimit limit;
    CHECK(signal(SIGXFSZ, is_full ? SIG_IGN : SIG_DFL) != SIG_ERR);
    CHECK(getrlimit(RLIMIT_FSIZE, &limit) == 0);
    limit.rlim_cur = is_full ? 0 : limit.rlim_max;
    CHECK(setrlimit(RLIMIT_FSIZE, &limit) == 0);
}

TEST(a_full_disk_leaves_the_old_file_and_nothing_beside_it)
{
    new_home();
    write_file(path_in_home("/file"), CL_STR("old"));
    set_disk_full(true);
    enum cl_err err = cl_file_write(path_in_home("/file"), 0644, CL_STR("new"), &why);
    set_disk_full(false);
    CHECK_INT(err, CL_ERR_IO);
    check_file(path_in_home("/file"), CL_STR("old"));
    CHECK_INT(files_in(home), 1);
}

TEST(a_symbolic_link_stays_one)
{
    struct stat info;
    new_home();
    write_file(path_in_home("/real"), CL_STR("old"));
    char link[256];
    (void)snprintf(link, sizeof link, "%s/link", home);
    CHECK(symlink(path_in_home("/real"), link) == 0);
    CHECK_OK(cl_file_write(link, 0644, CL_STR("new"), &why));
    CHECK(lstat(link, &info) == 0 && S_ISLNK(info.st_mode));
    check_file(path_in_home("/real"), CL_STR("new"));
}

TEST(a_pipe_is_written_to_and_not_replaced)
{
    struct stat info;
    char text[8];
    new_home();
    CHECK(mkfifo(path_in_home("/pipe"), 0600) == 0);
    int fd = open(path_in_home("/pipe"), O_RDWR); // so that writing does not wait for a reader
    CHECK(fd >= 0);
    CHECK_OK(cl_file_write(path_in_home("/pipe"), 0644, CL_STR("into it"), &why));
    CHECK(lstat(path_in_home("/pipe"), &info) == 0 && S_ISFIFO(info.st_mode));
    CHECK_INT(read(fd, text, sizeof text), 7);
    CHECK_STR(cl_str_of(text, 7), CL_STR("into it"));
    (void)close(fd); // only read
}
