// SPDX-License-Identifier: MIT
/*
 * Each test works in a child of its own: what is given up does not come back. A child's exit status
 * says which of its conditions did not hold, 0 for none. That the relay does all this before it
 * serves is shown by tests/integration/test_service.py.
 */
#include "main/privileges.h"

#include <pwd.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>
#ifdef __linux__
#include <sys/prctl.h>
#endif

#include "support/test.h"

static const struct cl_log silent = {.fd = -1};

/* The first of a child's conditions that fails ends it with the line. */
#define HOLDS(condition)            \
    do {                            \
        if (!(condition))           \
            _exit(__LINE__ & 0xff); \
    } while (0)

static int
in_child(void (*what)(void))
{
    int status;
    pid_t pid = fork();
    CHECK(pid >= 0);
    if (pid == 0) {
        what();
        _exit(0);
    }
    CHECK(waitpid(pid, &status, 0) == pid);
    CHECK(WIFEXITED(status));
    return WEXITSTATUS(status);
}

static void
guard(void)
{
    struct rlimit limit;
    cl_privileges_guard();
    HOLDS(getrlimit(RLIMIT_CORE, &limit) == 0 && limit.rlim_cur == 0 && limit.rlim_max == 0);
#ifdef __linux__
    HOLDS(prctl(PR_GET_DUMPABLE, 0, 0, 0, 0) == 0);
    HOLDS(prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 1);
#endif
}

TEST(a_guarded_process_leaves_no_core)
{
    CHECK_INT(in_child(guard), 0);
}

static void
become_nobody(void)
{
    const struct passwd *nobody = getpwnam("nobody");
    HOLDS(nobody != NULL);
    HOLDS(cl_privileges_settle("nobody", &silent, NULL) == CL_OK);
    HOLDS(getuid() == nobody->pw_uid && geteuid() == nobody->pw_uid);
    HOLDS(getgid() == nobody->pw_gid && getegid() == nobody->pw_gid);
    HOLDS(seteuid(0) != 0 && setuid(0) != 0 && setegid(0) != 0);
}

static void
become_again(void)
{
    struct cl_why why = {""};
    HOLDS(cl_privileges_settle("nobody", &silent, NULL) == CL_OK);
    HOLDS(cl_privileges_settle("nobody", &silent, &why) == CL_ERR_USAGE);
    HOLDS(strstr(why.text, "only root") != NULL);
}

TEST(root_becomes_somebody_else_for_good)
{
    if (geteuid() != 0) {
        printf("SKIP root_becomes_somebody_else_for_good: this is not root\n");
        CHECK(true);
        return;
    }
    CHECK_INT(in_child(become_nobody), 0);
    CHECK_INT(in_child(become_again), 0);
}

TEST(who_is_no_use_as_a_user_is_refused)
{
    struct cl_why why = {""};
    CHECK_INT(cl_privileges_settle("no-such-user", &silent, &why), CL_ERR_USAGE);
    CHECK(strstr(why.text, geteuid() == 0 ? "no such user" : "only root") != NULL);
    CHECK_INT(cl_privileges_settle("root", &silent, &why), CL_ERR_USAGE);
    CHECK(strstr(why.text, geteuid() == 0 ? "is root" : "only root") != NULL);
}

TEST(without_a_user_nothing_changes)
{
    uid_t before = geteuid();
    CHECK_OK(cl_privileges_settle(NULL, &silent, NULL));
    CHECK_INT(geteuid(), before);
}
