// SPDX-License-Identifier: MIT
#include "cli/door.h"

#include <dirent.h>
#include <errno.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define FOLDERS    4
#define RUN_FOLDER "/run/clawlink"

/* The folder's path by its number in the order above; false: it has none here. */
static bool
folder_path(unsigned number, char ret_path[static CL_CLI_PATH_CAP])
{
    static const struct {
        const char *variable;
        const char *below;
    } folders[FOLDERS] = {
        {"RUNTIME_DIRECTORY", ""},
        {"XDG_RUNTIME_DIR", "/clawlink"},
        {NULL, RUN_FOLDER},
        {"HOME", "/.clawlink/run"},
    };
    const char *variable = folders[number].variable;
    cl_str base = cl_str_z(variable == NULL ? "" : getenv(variable));
    cl_str rest;
    (void)cl_str_split(base, ':', &base, &rest); // systemd lists several so; without ':' it is one
    if (variable != NULL && (base.len == 0 || base.ptr[0] != '/'))
        return false;
    int len =
        snprintf(ret_path, CL_CLI_PATH_CAP, "%.*s%s", CL_STR_ARG(base), folders[number].below);
    return len > 0 && len < CL_CLI_PATH_CAP;
}

/* Nobody but its owner, who is trusted here, can put something there. */
static bool
is_safe(const char *path, bool is_anybodys)
{
    struct stat status;
    return lstat(path, &status) == 0 && S_ISDIR(status.st_mode) && (status.st_mode & 022) == 0 &&
           (status.st_uid == geteuid() || status.st_uid == 0 || is_anybodys);
}

/* Makes the last part, and of ~/.clawlink/run the part before it as well. */
static bool
make(unsigned number, char path[static CL_CLI_PATH_CAP])
{
    if (number == 0)
        return true; // systemd has
    if (number == FOLDERS - 1) {
        char *slash = path + cl_str_z(path).len - (sizeof "/run" - 1);
        *slash = '\0';
        bool is_there = mkdir(path, 0700) == 0 || errno == EEXIST;
        *slash = '/';
        if (!is_there)
            return false;
    }
    return mkdir(path, 0700) == 0 || errno == EEXIST;
}

bool
cl_door_folder(char ret_folder[static CL_CLI_PATH_CAP])
{
    for (unsigned i = 0; i < FOLDERS; i++)
        if (folder_path(i, ret_folder) && make(i, ret_folder) && is_safe(ret_folder, false) &&
            access(ret_folder, W_OK | X_OK) == 0)
            return true;
    return false;
}

void
cl_door_give_folder(const char *user)
{
    const struct passwd *entry = getpwnam(user); // there is one thread, and nobody else asks
    if (entry == NULL)
        return;
    (void)rmdir(RUN_FOLDER); // an empty one is nobody's
    if (mkdir(RUN_FOLDER, 0700) == 0 && lchown(RUN_FOLDER, entry->pw_uid, entry->pw_gid) != 0)
        (void)rmdir(RUN_FOLDER); // see the contract
}

/* relay-9077.sock */
static bool
parse_name(const char *name, uint16_t *ret_port)
{
    cl_str text = cl_str_z(name);
    uint64_t port;
    if (!cl_str_starts(text, CL_STR("relay-")) || !cl_str_ends(text, CL_STR(".sock")) ||
        text.len < sizeof "relay-1.sock" - 1) // so that both can be cut off
        return false;
    if (!cl_str_to_u64(cl_str_part(text, 6, text.len - 11), UINT16_MAX, &port))
        return false;
    *ret_port = (uint16_t)port;
    return true;
}

/* Two of the folders may be one. */
static bool
is_listed(const struct cl_door *doors, size_t len, const char *path)
{
    for (size_t i = 0; i < len; i++)
        if (strcmp(doors[i].path, path) == 0)
            return true;
    return false;
}

/* Adds the folder's doors behind the len that are there; the new number of them. */
static size_t
list_folder(const char *folder, struct cl_door *doors, size_t len, size_t max)
{
    const struct dirent *entry;
    // Root may ask the relays of all users, such as the one of a systemd unit.
    DIR *dir = is_safe(folder, geteuid() == 0) ? opendir(folder) : NULL;
    while (dir != NULL && len < max && (entry = readdir(dir)) != NULL) {
        struct cl_door *door = &doors[len];
        int path_len = snprintf(door->path, CL_CLI_PATH_CAP, "%s/%s", folder, entry->d_name);
        if (path_len > 0 && path_len < CL_CLI_PATH_CAP && parse_name(entry->d_name, &door->port) &&
            !is_listed(doors, len, door->path))
            len++;
    }
    if (dir != NULL)
        (void)closedir(dir); // only read
    return len;
}

size_t
cl_door_list(struct cl_door *doors, size_t max)
{
    char folder[CL_CLI_PATH_CAP];
    size_t len = 0;
    for (unsigned i = 0; i < FOLDERS; i++)
        if (folder_path(i, folder))
            len = list_folder(folder, doors, len, max);
    return len;
}
