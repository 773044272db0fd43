// SPDX-License-Identifier: MIT
#include "main/privileges.h"

#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>
#ifdef __linux__
#include <sys/prctl.h>
#endif

void
cl_privileges_guard(void)
{
    const struct rlimit none = {0, 0};
    (void)setrlimit(RLIMIT_CORE, &none); // see the contract
#ifdef __linux__
    (void)prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);     // the same
    (void)prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); // the same
#endif
}

static enum cl_err
failed(const char *call, const char *user, struct cl_why *why)
{
    return cl_fail(CL_ERR_IO, why, "--user %.100s: %s failed: %s.", user, call, strerror(errno));
}

/* As root setgid and setuid set all three ids, the saved one too (POSIX.1-2008), and they exist on
 * every system, which setresuid does not. */
static enum cl_err
become(const struct passwd *entry, const char *user, struct cl_why *why)
{
    if (initgroups(user, entry->pw_gid) != 0) // calls setgroups
        return failed("initgroups", user, why);
    if (setgid(entry->pw_gid) != 0)
        return failed("setgid", user, why);
    if (setuid(entry->pw_uid) != 0)
        return failed("setuid", user, why);
    bool is_there = getuid() == entry->pw_uid && geteuid() == entry->pw_uid &&
                    getgid() == entry->pw_gid && getegid() == entry->pw_gid;
    // A saved id that is still root's would let one of these through.
    if (!is_there || setuid(0) == 0 || seteuid(0) == 0 || setgroups(0, NULL) == 0)
        return cl_fail(CL_ERR_IO, why, "--user %.100s: the way back to root is still open.", user);
    // Root's folders are of no use any more.
    if (setenv("HOME", entry->pw_dir, 1) != 0 || unsetenv("XDG_RUNTIME_DIR") != 0)
        return failed("setenv", user, why);
    return CL_OK;
}

enum cl_err
cl_privileges_settle(const char *user, const struct cl_log *log, struct cl_why *why)
{
    if (user == NULL) {
        if (geteuid() == 0)
            cl_log_warn(log, "relay.runs_as_root", CL_F("instead", "--user NAME"));
        return CL_OK;
    }
    if (geteuid() != 0)
        return cl_fail(CL_ERR_USAGE, why, "--user %.100s: only root can become somebody else.",
                       user);
    errno = 0;
    const struct passwd *entry = getpwnam(user); // there is one thread, and nobody else asks
    if (entry == NULL)
        return cl_fail(CL_ERR_USAGE, why, "--user %.100s: there is no such user here%s%s.", user,
                       errno == 0 ? "" : ": ", errno == 0 ? "" : strerror(errno));
    if (entry->pw_uid == 0)
        return cl_fail(CL_ERR_USAGE, why, "--user %.100s is root: name a user without rights.",
                       user);
    return become(entry, user, why);
}
