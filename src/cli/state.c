// SPDX-License-Identifier: MIT
#include "cli/state.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/random.h"
#include "cli/file.h"
#include "wire/json.h"
#include "wire/json_write.h"

#define FOLDER     "/.clawlink"
#define AGENTS     FOLDER "/agents"
#define SUFFIX     ".json"
#define AS_MAX     64
#define STATE_MODE 0600

/* The file, its strings and the copies for new fields; a text twice read is the worst case. */
#define ARENA_BYTES_MAX (CL_JSON_SCAN_ARENA_BYTES_MAX + 4 * CL_CLI_STATE_BYTES_MAX)

/* -- its place ----------------------------------------------------------------------------- */

static bool
is_name(cl_str name)
{
    for (size_t i = 0; i < name.len; i++) {
        char c = name.ptr[i];
        bool is_letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
        if (!is_letter && !(c >= '0' && c <= '9') && c != '.' && c != '_' && c != '-')
            return false;
    }
    return name.len > 0 && name.len <= AS_MAX;
}

static enum cl_err
find_path(const char *as, struct cl_state *state, struct cl_why *why)
{
    const char *home = getenv("HOME");
    const char *named = getenv("CLAWLINK_STATE");
    int len;
    if (as != NULL && !is_name(cl_str_z(as)))
        return cl_fail(CL_ERR_USAGE, why,
                       "--as \"%.100s\" is no name: it takes 1 to %d letters, digits, '.', '_' "
                       "and '-'.",
                       as, AS_MAX);
    bool is_named = as == NULL && named != NULL && named[0] != '\0';
    if (!is_named && (home == NULL || home[0] == '\0'))
        return CL_OK; // cl_state_place tells who needs it
    if (is_named)
        len = snprintf(state->path, CL_CLI_PATH_CAP, "%s", named);
    else if (as != NULL)
        len = snprintf(state->path, CL_CLI_PATH_CAP, "%s" AGENTS "/%s" SUFFIX, home, as);
    else
        len = snprintf(state->path, CL_CLI_PATH_CAP, "%s" FOLDER "/agent_state.json", home);
    if (len < 0 || len >= CL_CLI_PATH_CAP)
        return cl_fail(CL_ERR_USAGE, why,
                       "The path of the state file is too long: shorten HOME, the name behind "
                       "--as, or CLAWLINK_STATE.");
    state->home_len = is_named ? 0 : strlen(home);
    return CL_OK;
}

/* ~/.clawlink and ~/.clawlink/agents; elsewhere the folder is the user's to make. */
static void
make_folders(const struct cl_state *state)
{
    char folder[CL_CLI_PATH_CAP];
    if (state->home_len == 0)
        return;
    const char *slash = state->path + state->home_len;
    while ((slash = strchr(slash + 1, '/')) != NULL) {
        (void)cl_str_copy(folder, sizeof folder,
                          cl_str_of(state->path, (size_t)(slash - state->path)));
        // A failure shows when the file is written, and is told then.
        if (mkdir(folder, 0700) != 0 && errno == EEXIST)
            (void)chmod(folder, 0700);
    }
}

/* -- the others ---------------------------------------------------------------------------- */

/* The least of all that were seen, in their order. */
struct names {
    char list[CL_CLI_CANDIDATES_MAX][AS_MAX + 1];
    size_t len;
    bool is_more;
};

_Static_assert(CL_CLI_CANDIDATES_MAX *(AS_MAX + 2) + sizeof "..." <= CL_STATE_NAMES_CAP,
               "all that are listed have room");

static void
add_name(struct names *names, cl_str name)
{
    size_t at = names->len;
    while (at > 0 && cl_str_compare(cl_str_z(names->list[at - 1]), name) > 0)
        at--;
    names->is_more = names->is_more || names->len == CL_CLI_CANDIDATES_MAX;
    if (at == CL_CLI_CANDIDATES_MAX)
        return;
    if (names->len == CL_CLI_CANDIDATES_MAX)
        names->len--;
    memmove(names->list[at + 1], names->list[at], (names->len - at) * sizeof names->list[0]);
    (void)cl_str_copy(names->list[at], sizeof names->list[at], name); // is_name says that it fits
    names->len++;
}

static void
read_names(struct names *names)
{
    char path[CL_CLI_PATH_CAP];
    const char *home = getenv("HOME");
    int len = snprintf(path, sizeof path, "%s" AGENTS, home == NULL ? "" : home);
    DIR *folder = home == NULL || len >= (int)sizeof path ? NULL : opendir(path);
    if (folder == NULL)
        return;
    for (struct dirent *entry; (entry = readdir(folder)) != NULL;) {
        cl_str name = cl_str_z(entry->d_name);
        if (!cl_str_ends(name, CL_STR(SUFFIX)))
            continue;
        name.len -= sizeof SUFFIX - 1;
        if (is_name(name))
            add_name(names, name);
    }
    (void)closedir(folder);
}

void
cl_state_names(char ret_names[static CL_STATE_NAMES_CAP])
{
    struct names names = {.len = 0};
    size_t at = 0;
    read_names(&names);
    ret_names[0] = '\0';
    for (size_t i = 0; i < names.len; i++)
        at += (size_t)snprintf(ret_names + at, CL_STATE_NAMES_CAP - at, "%s%s", i == 0 ? "" : ", ",
                               names.list[i]);
    if (names.is_more)
        (void)snprintf(ret_names + at, CL_STATE_NAMES_CAP - at, ", ...");
}

/* -- reading ------------------------------------------------------------------------------- */

static enum cl_err
broken(const struct cl_state *state, const char *reason, struct cl_why *why)
{
    return cl_fail(CL_ERR_IO, why,
                   "The state file \"%.150s\" is broken (%.120s). Repair it, or move it away and "
                   "run `clawlink register` again; it is not overwritten.",
                   state->path, reason);
}

/* A string member in *field; absent: empty. */
static bool
read_string(struct cl_state *state, const struct cl_json_scan *scan, const char *name,
            cl_str *field)
{
    const struct cl_json_member *member = cl_json_scan_member(scan, cl_str_z(name));
    if (member == NULL || member->type == CL_JSON_NULL)
        return true;
    return cl_json_string(member->value, &state->arena, field) == CL_OK;
}

static enum cl_err
understand(struct cl_state *state, struct cl_why *why)
{
    struct cl_json_scan scan;
    struct cl_why reason = {""};
    cl_hash_key key;
    cl_random_bytes(&key, sizeof key);
    cl_json_scan_init(&scan, &state->arena, &key);
    if (cl_json_scan_feed(&scan, state->text, true, &reason) != CL_OK)
        return broken(state, reason.text, why);
    state->text = cl_str_strip(state->text);
    if (!read_string(state, &scan, "relay_url", &state->relay_url) ||
        !read_string(state, &scan, "relay_pin", &state->relay_pin) ||
        !read_string(state, &scan, "agent_id", &state->agent_id) ||
        !read_string(state, &scan, "agent_name", &state->agent_name))
        return broken(state, "relay_url, relay_pin, agent_id and agent_name must be strings", why);
    const struct cl_json_member *member = cl_json_scan_member(&scan, CL_STR("capabilities"));
    if (member != NULL)
        state->capabilities = member->value;
    member = cl_json_scan_member(&scan, CL_STR("description"));
    if (member != NULL)
        state->description = member->value;
    return CL_OK;
}

enum cl_err
cl_state_load(const char *as, struct cl_state *state, struct cl_why *why)
{
    struct cl_buf buf;
    *state = (struct cl_state){.text = CL_STR("")};
    cl_arena_init(&state->arena, ARENA_BYTES_MAX);
    enum cl_err err = find_path(as, state, why);
    if (err != CL_OK)
        return err;

    cl_buf_init(&buf, CL_CLI_STATE_BYTES_MAX);
    bool is_new = state->path[0] == '\0' || (access(state->path, F_OK) != 0 && errno == ENOENT);
    if (!is_new)
        err = cl_file_read(state->path, &buf, why);
    if (err == CL_OK && !cl_arena_copy(&state->arena, cl_buf_str(&buf), &state->text))
        err = cl_fail(CL_ERR_NO_MEMORY, why, "Out of memory.");
    if (err == CL_OK && !is_new)
        err = understand(state, why);
    else if (err == CL_ERR_TOO_LARGE)
        err = broken(state, "it is too large", why);
    cl_buf_done(&buf);
    return err;
}

enum cl_err
cl_state_place(const struct cl_state *state, struct cl_why *why)
{
    if (state->path[0] != '\0')
        return CL_OK;
    return cl_fail(CL_ERR_USAGE, why,
                   "There is no place for the agent's state: HOME is not set. Set it, or set "
                   "CLAWLINK_STATE to a file and give no --as.");
}

void
cl_state_done(struct cl_state *state)
{
    cl_arena_done(&state->arena);
}

enum cl_err
cl_state_keep(struct cl_state *state, cl_str text, cl_str *ret_kept)
{
    return cl_arena_copy(&state->arena, text, ret_kept) ? CL_OK : CL_ERR_NO_MEMORY;
}

/* -- writing ------------------------------------------------------------------------------- */

static const char *const own_members[] = {"relay_url",    "agent_id",    "agent_name",
                                          "capabilities", "description", "relay_pin"};

static bool
is_own(cl_str name)
{
    for (size_t i = 0; i < sizeof own_members / sizeof *own_members; i++)
        if (cl_str_eq(name, cl_str_z(own_members[i])))
            return true;
    return false;
}

static enum cl_err
put_foreign_members(struct cl_json_writer *json, struct cl_state *state)
{
    struct cl_json_cursor cursor;
    struct cl_json_member member;
    cl_str name;
    cl_json_cursor_init(&cursor, state->text);
    while (cl_json_cursor_next(&cursor, &member)) {
        enum cl_err err = cl_json_name(&member, &state->arena, &name);
        if (err != CL_OK)
            return err;
        if (is_own(name))
            continue;
        cl_json_put_name(json, name);
        cl_json_put_raw(json, member.value);
    }
    return CL_OK;
}

static enum cl_err
write_text(struct cl_state *state, struct cl_buf *out)
{
    struct cl_json_writer json;
    const cl_str strings[] = {state->relay_url, state->agent_id, state->agent_name};
    const cl_str values[] = {state->capabilities, state->description};

    cl_json_writer_init(&json, out);
    cl_json_object_begin(&json);
    for (size_t i = 0; i < 3; i++)
        cl_json_put_member(&json, cl_str_z(own_members[i]), strings[i]);
    if (state->relay_pin.len > 0)
        cl_json_put_member(&json, CL_STR("relay_pin"), state->relay_pin);
    for (size_t i = 0; i < 2; i++) {
        if (values[i].len == 0)
            continue;
        cl_json_put_name(&json, cl_str_z(own_members[3 + i]));
        cl_json_put_raw(&json, values[i]);
    }
    enum cl_err foreign = put_foreign_members(&json, state);
    cl_json_object_end(&json);
    enum cl_err err = cl_json_writer_end(&json);
    if (foreign != CL_OK)
        return foreign;
    return err == CL_OK ? cl_buf_append_byte(out, '\n') : err;
}

enum cl_err
cl_state_save(struct cl_state *state, struct cl_why *why)
{
    struct cl_buf out;
    enum cl_err err = cl_state_place(state, why);
    if (err != CL_OK)
        return err;
    cl_buf_init(&out, CL_CLI_STATE_BYTES_MAX);
    err = write_text(state, &out);
    if (err != CL_OK) {
        err = cl_fail(err, why, "The state of this agent cannot be saved in \"%.200s\": %s.",
                      state->path, cl_err_wire(err));
    } else {
        make_folders(state);
        err = cl_file_write(state->path, STATE_MODE, cl_buf_str(&out), why);
    }
    cl_buf_done(&out);
    return err;
}
