// SPDX-License-Identifier: MIT
#include "main/data.h"

#include <errno.h>
#include <fcntl.h>
#include <pwd.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/limits.h"
#include "base/random.h"
#include "journal/memory.h"
#include "journal/sqlite.h"

/* The folder's own name, for good: what lies in it is of no use without. */
static bool
sync_name(int folder)
{
    int parent = openat(folder, "..", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    bool is_synced = parent >= 0 && fsync(parent) == 0;
    if (parent >= 0)
        (void)close(parent); // only read
    return is_synced;
}

static enum cl_err
fail(const char *path, struct cl_why *why)
{
    return cl_fail(CL_ERR_IO, why, "--data \"%.200s\": %s.", path, strerror(errno));
}

/* Makes the folder if it is not there, for that owner where there is one to give it to. */
static enum cl_err
make_one(const char *path, const struct passwd *owner, struct cl_why *why)
{
    if (mkdir(path, 0700) != 0)
        return errno == EEXIST ? CL_OK : fail(path, why);
    int folder = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (folder < 0)
        return fail(path, why);
    enum cl_err err = sync_name(folder) ? CL_OK : fail(path, why);
    if (err == CL_OK && owner != NULL && fchown(folder, owner->pw_uid, owner->pw_gid) != 0)
        err = cl_fail(CL_ERR_IO, why, "--data \"%.200s\": it cannot be given to %.100s: %s.", path,
                      owner->pw_name, strerror(errno));
    (void)close(folder); // only read
    return err;
}

/* The same for all folders that lead there. */
static enum cl_err
make_folder(const char *path, const struct passwd *owner, struct cl_why *why)
{
    char part[CL_CLI_PATH_CAP];
    enum cl_err err = CL_OK;
    if (!cl_str_copy(part, sizeof part, cl_str_z(path)))
        return cl_fail(CL_ERR_USAGE, why, "--data: the path is too long.");
    for (char *slash = strchr(part + 1, '/'); slash != NULL && err == CL_OK;
         slash = strchr(slash + 1, '/')) {
        *slash = '\0';
        err = make_one(part, owner, why);
        *slash = '/';
    }
    return err == CL_OK ? make_one(path, owner, why) : err;
}

/* Whoever can write there could put another file in the place of the relay's. */
static enum cl_err
check_folder(const char *path, struct cl_why *why)
{
    struct stat status;
    if (stat(path, &status) != 0)
        return fail(path, why);
    if (!S_ISDIR(status.st_mode))
        return cl_fail(CL_ERR_USAGE, why, "--data \"%.200s\" is no folder.", path);
    if ((status.st_mode & 022) != 0)
        return cl_fail(
            CL_ERR_USAGE, why,
            "--data \"%.200s\": other users can write to that folder. `chmod 700` it, or "
            "name another.",
            path);
    return CL_OK;
}

enum cl_err
cl_data_open_blobs(const struct cl_opts *opts, const char *folder, struct cl_blobs **ret_blobs,
                   struct cl_why *why)
{
    struct cl_why reason = {""};
    struct cl_blobs_config config = {
        .blob_bytes_max =
            cl_opts_number(opts, cl_opts_index(opts->cmd, "blob-bytes"), CL_BLOB_BYTES_MAX),
        .all_bytes_max =
            cl_opts_number(opts, cl_opts_index(opts->cmd, "all-blobs-bytes"),
                           folder == NULL ? CL_BLOBS_MEMORY_BYTES_MAX : CL_BLOBS_FOLDER_BYTES_MAX),
        .folder = folder,
        .now = cl_clock_wall()};
    *ret_blobs = NULL;
    if (config.blob_bytes_max == 0)
        return CL_OK;
    cl_random_bytes(&config.hash_key, sizeof config.hash_key);
    enum cl_err err = cl_blobs_open(&config, ret_blobs, &reason);
    return err == CL_OK ? CL_OK : cl_fail(err, why, "--data: %.400s.", reason.text);
}

static enum cl_err
open_journal(const char *path, struct cl_journal **ret_journal, struct cl_why *why)
{
    struct cl_why reason = {""};
    enum cl_err err = cl_journal_sqlite_open(path, ret_journal, &reason);
    if (err == CL_ERR_UNAVAILABLE)
        return cl_fail(
            err, why,
            "--data \"%.200s\": another relay is running on it, and one folder serves one "
            "relay. Stop that one, or name another folder.",
            path);
    if (err != CL_OK)
        return cl_fail(err, why, "--data: %.400s.", reason.text);
    return CL_OK;
}

/* The journal first: it says whether another relay is there. */
static enum cl_err
open_both(const struct cl_opts *opts, const char *path, struct cl_data *ret_data,
          struct cl_why *why)
{
    char folder[CL_CLI_PATH_CAP];
    int len = snprintf(folder, sizeof folder, "%s/blobs", path);
    if (len < 0 || (size_t)len >= sizeof folder)
        return cl_fail(CL_ERR_USAGE, why, "--data: the name of the folder is too long.");
    enum cl_err err = open_journal(path, &ret_data->journal, why);
    if (err != CL_OK)
        return err;
    err = cl_data_open_blobs(opts, folder, &ret_data->blobs, why);
    if (err != CL_OK)
        cl_journal_close(ret_data->journal);
    return err;
}

/* As the user whom the relay will be: the files must be that user's, and there is one thread. */
static enum cl_err
open_as(const struct passwd *user, const struct cl_opts *opts, const char *path,
        struct cl_data *ret_data, struct cl_why *why)
{
    if (setegid(user->pw_gid) != 0 || seteuid(user->pw_uid) != 0)
        return cl_fail(CL_ERR_IO, why, "--user %.100s: %s.", user->pw_name, strerror(errno));
    enum cl_err err = open_both(opts, path, ret_data, why);
    if (seteuid(0) == 0 && setegid(0) == 0)
        return err;
    if (err == CL_OK)
        cl_data_close(ret_data);
    return cl_fail(CL_ERR_IO, why, "--user %.100s: root's rights did not come back.",
                   user->pw_name);
}

static enum cl_err
open_in_memory(const struct cl_opts *opts, struct cl_data *ret_data, struct cl_why *why)
{
    ret_data->journal = cl_journal_memory_open();
    if (ret_data->journal == NULL)
        return cl_fail(CL_ERR_NO_MEMORY, why, "Out of memory.");
    enum cl_err err = cl_data_open_blobs(opts, NULL, &ret_data->blobs, why);
    if (err != CL_OK)
        cl_journal_close(ret_data->journal);
    return err;
}

void
cl_data_close(struct cl_data *data)
{
    cl_blobs_close(data->blobs);
    cl_journal_close(data->journal);
}

enum cl_err
cl_data_open(const struct cl_opts *opts, struct cl_data *ret_data, struct cl_why *why)
{
    const char *path = opts->values[cl_opts_index(opts->cmd, "data")];
    const char *user = opts->values[cl_opts_index(opts->cmd, "user")];
    if (path == NULL)
        return open_in_memory(opts, ret_data, why);
    if (path[0] == '\0')
        return cl_fail(CL_ERR_USAGE, why, "--data is empty: name a folder.");
    // A user who is not there, or cannot be had, is refused with better words later.
    const struct passwd *owner = user != NULL && geteuid() == 0 ? getpwnam(user) : NULL;
    enum cl_err err = make_folder(path, owner, why);
    if (err == CL_OK)
        err = check_folder(path, why);
    if (err != CL_OK)
        return err;
    return owner == NULL ? open_both(opts, path, ret_data, why)
                         : open_as(owner, opts, path, ret_data, why);
}
