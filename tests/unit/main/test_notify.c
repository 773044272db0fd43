// SPDX-License-Identifier: MIT
#include "main/notify.h"

#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "support/test.h"

/* A manager that listens at the address as NOTIFY_SOCKET has it. */
static int
listen_at(const char *name)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    size_t len = strlen(name);
    memcpy(address.sun_path, name, len);
    if (name[0] == '@')
        address.sun_path[0] = '\0';
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0);
    CHECK(fd >= 0);
    CHECK(bind(fd, (const struct sockaddr *)&address,
               (socklen_t)(offsetof(struct sockaddr_un, sun_path) + len)) == 0);
    CHECK(setenv("NOTIFY_SOCKET", name, 1) == 0);
    return fd;
}

static void
check_told(int fd, const char *wanted)
{
    char got[1024];
    ssize_t len = recv(fd, got, sizeof got, 0);
    CHECK(len >= 0);
    CHECK_STR(cl_str_of(got, (size_t)len), cl_str_z(wanted));
    CHECK(close(fd) == 0);
}

TEST(a_manager_with_a_path_is_told)
{
    char folder[] = "/tmp/clawlink-notify-XXXXXX", path[64];
    CHECK(mkdtemp(folder) != NULL);
    (void)snprintf(path, sizeof path, "%s/socket", folder);
    int fd = listen_at(path);
    CHECK_OK(cl_notify_ready("http://127.0.0.1:9077", NULL));
    check_told(fd, "READY=1\nSTATUS=listening on http://127.0.0.1:9077");
    CHECK(unlink(path) == 0 && rmdir(folder) == 0);
}

#ifdef __linux__
TEST(a_manager_with_an_abstract_name_is_told)
{
    char name[64];
    (void)snprintf(name, sizeof name, "@clawlink-notify-%ld", (long)getpid());
    int fd = listen_at(name);
    CHECK_OK(cl_notify_ready("http://[::1]:1", NULL));
    check_told(fd, "READY=1\nSTATUS=listening on http://[::1]:1");
}
#endif

TEST(without_a_manager_nothing_happens)
{
    CHECK(unsetenv("NOTIFY_SOCKET") == 0);
    CHECK_OK(cl_notify_ready("http://127.0.0.1:9077", NULL));
    CHECK(setenv("NOTIFY_SOCKET", "", 1) == 0);
    CHECK_OK(cl_notify_ready("http://127.0.0.1:9077", NULL));
}

TEST(a_manager_that_is_gone_is_an_error)
{
    struct cl_why why = {""};
    CHECK(setenv("NOTIFY_SOCKET", "/nowhere/clawlink", 1) == 0);
    CHECK_INT(cl_notify_ready("http://127.0.0.1:9077", &why), CL_ERR_IO);
    CHECK(strstr(why.text, "/nowhere/clawlink") != NULL);
}

TEST(what_is_no_address_is_refused)
{
    char longest[sizeof((struct sockaddr_un *)0)->sun_path + 1];
    memset(longest, 'a', sizeof longest - 1);
    longest[0] = '/';
    longest[sizeof longest - 1] = '\0';
    const char *const names[] = {"relative", "vsock:2:1234", "/", "@", longest};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        test_note("%s", names[i]);
        CHECK(setenv("NOTIFY_SOCKET", names[i], 1) == 0);
        CHECK_INT(cl_notify_ready("http://127.0.0.1:9077", NULL), CL_ERR_USAGE);
    }
}
