// SPDX-License-Identifier: MIT
#include "cli/link_file.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/assert.h"
#include "base/random.h"
#include "base/secret.h"
#include "cli/file.h"
#include "wire/json_write.h"

#define FILE_MODE 0600
/* The text is scanned, and read as what it is before and after. */
#define ARENA_BYTES_MAX (4 * (CL_JSON_SCAN_ARENA_BYTES_MAX + CL_AL_CONFIG_BYTES_MAX))

/* -- reading ----------------------------------------------------------------------------------- */

enum cl_err
cl_link_file_broken(const struct cl_link_file *file, const char *reason, struct cl_why *why)
{
    return cl_fail(CL_ERR_IO, why,
                   "\"%.160s\" is no configuration of Agent Link (%.160s): repair it, or move it "
                   "away. It is not overwritten.",
                   file->path, reason);
}

/* The same, unless it is this machine that failed. */
static enum cl_err
explain(const struct cl_link_file *file, enum cl_err err, const char *reason, struct cl_why *why)
{
    return err == CL_ERR_NO_MEMORY ? cl_fail(err, why, "Out of memory.")
                                   : cl_link_file_broken(file, reason, why);
}

static enum cl_err
look(struct cl_link_file *file, struct cl_why *why)
{
    struct stat info;
    if (stat(file->path, &info) != 0) {
        int error = errno;
        if (error == ENOENT && lstat(file->path, &info) != 0)
            return CL_OK;
        return cl_fail(error == ENOENT ? CL_ERR_USAGE : CL_ERR_IO, why,
                       "\"%.200s\" cannot be looked at: %s.", file->path,
                       error == ENOENT ? "it is a symbolic link that leads nowhere"
                                       : strerror(error));
    }
    if (!S_ISREG(info.st_mode))
        return cl_fail(CL_ERR_USAGE, why, "\"%.200s\" is no regular file%s.", file->path,
                       S_ISDIR(info.st_mode) ? ", but a folder: name a file in it" : "");
    file->exists = true;
    file->is_readable = (info.st_mode & 077) != 0;
    return CL_OK;
}

static enum cl_err
read_text(struct cl_link_file *file, struct cl_why *why)
{
    struct cl_why reason = {""};
    enum cl_err err = cl_file_read(file->path, &file->found, &reason);
    if (err == CL_ERR_TOO_LARGE)
        return cl_link_file_broken(file, "it is too large", why);
    if (err != CL_OK)
        return cl_fail(err, why, "%s", reason.text);
    cl_json_scan_init(&file->scan, &file->arena, &file->key);
    err = cl_json_scan_feed(&file->scan, cl_buf_str(&file->found), true, &reason);
    return err == CL_OK ? CL_OK : explain(file, err, reason.text, why);
}

/* Nothing of it grows later, and leaves a copy behind. */
static enum cl_err
reserve(struct cl_buf *buf, struct cl_why *why)
{
    char *space;
    cl_buf_init(buf, CL_AL_CONFIG_BYTES_MAX);
    return cl_buf_reserve(buf, CL_AL_CONFIG_BYTES_MAX, &space) == CL_OK
               ? CL_OK
               : cl_fail(CL_ERR_NO_MEMORY, why, "Out of memory.");
}

enum cl_err
cl_link_file_open(struct cl_link_file *file, const char *path, struct cl_why *why)
{
    *file = (struct cl_link_file){.done = "unchanged"};
    cl_random_bytes(&file->key, sizeof file->key);
    cl_arena_init(&file->arena, ARENA_BYTES_MAX);
    if (!cl_str_copy(file->path, sizeof file->path, cl_str_z(path)))
        return cl_fail(CL_ERR_USAGE, why, "The path \"%.100s...\" is too long.", path);
    if (path[0] == '\0')
        return cl_fail(CL_ERR_USAGE, why, "The path of the file is empty.");
    enum cl_err err = reserve(&file->found, why);
    if (err == CL_OK)
        err = reserve(&file->values, why);
    if (err == CL_OK)
        err = reserve(&file->text, why);
    if (err == CL_OK)
        err = look(file, why);
    return err == CL_OK && file->exists ? read_text(file, why) : err;
}

static void
wipe(struct cl_buf *buf)
{
    if (buf->ptr != NULL)
        cl_secret_wipe(buf->ptr, buf->cap);
    cl_buf_done(buf);
}

void
cl_link_file_done(struct cl_link_file *file)
{
    wipe(&file->found);
    wipe(&file->values);
    wipe(&file->text);
    cl_arena_done(&file->arena);
}

cl_str
cl_link_file_value(const struct cl_link_file *file, const char *name)
{
    const struct cl_json_member *member =
        file->exists ? cl_json_scan_member(&file->scan, cl_str_z(name)) : NULL;
    return member == NULL || member->type == CL_JSON_NULL ? CL_STR("") : member->value;
}

enum cl_err
cl_link_file_text(struct cl_link_file *file, cl_str value, const char *reason, cl_str *ret_text,
                  struct cl_why *why)
{
    *ret_text = CL_STR("");
    enum cl_err err = value.len == 0 ? CL_OK : cl_json_string(value, &file->arena, ret_text);
    return err == CL_OK ? CL_OK : explain(file, err, reason, why);
}

enum cl_err
cl_link_file_string(struct cl_link_file *file, const char *name, cl_str *ret_text,
                    struct cl_why *why)
{
    char reason[64];
    (void)snprintf(reason, sizeof reason, "%s is no string", name); // names are short
    return cl_link_file_text(file, cl_link_file_value(file, name), reason, ret_text, why);
}

static enum cl_err
read_config(struct cl_link_file *file, cl_str text, struct cl_link_config *ret_config,
            struct cl_why *why)
{
    struct cl_why reason = {""};
    const struct cl_envelope_reader reader = {&file->arena, &file->key};
    enum cl_err err =
        ret_config->is_relay
            ? cl_agent_link_read_relay_config(&reader, text, &ret_config->relay, &reason)
            : cl_agent_link_read_client_config(&reader, text, &ret_config->client, &reason);
    return err == CL_OK ? CL_OK : explain(file, err, reason.text, why);
}

enum cl_err
cl_link_file_read(struct cl_link_file *file, struct cl_link_config *ret_config, struct cl_why *why)
{
    ret_config->is_relay = cl_link_file_value(file, "registered_instances").len > 0 ||
                           cl_link_file_value(file, "port").len > 0;
    return read_config(file, cl_buf_str(&file->found), ret_config, why);
}

void
cl_link_config_done(struct cl_link_config *config)
{
    if (config->is_relay)
        cl_agent_link_relay_config_done(&config->relay);
    else
        cl_agent_link_client_config_done(&config->client);
}

/* -- setting ----------------------------------------------------------------------------------- */

/* The values from there on are that of this member. */
static void
add(struct cl_link_file *file, const char *name, size_t at)
{
    if (file->err != CL_OK)
        return;
    CL_ASSERT(file->puts_len < CL_LINK_FILE_PUTS_MAX);
    file->puts[file->puts_len++] = (struct cl_json_put){
        .name = cl_str_z(name), .value = cl_str_of(file->values.ptr + at, file->values.len - at)};
}

void
cl_link_file_put(struct cl_link_file *file, const char *name, cl_str json)
{
    size_t at = file->values.len;
    enum cl_err err = cl_buf_append(&file->values, json);
    file->err = file->err == CL_OK ? err : file->err;
    add(file, name, at);
}

static void
put_text(struct cl_link_file *file, const char *name, cl_str text)
{
    struct cl_json_writer json;
    size_t at = file->values.len;
    cl_json_writer_init(&json, &file->values);
    cl_json_put_string(&json, text);
    enum cl_err err = cl_json_writer_end(&json);
    file->err = file->err == CL_OK ? err : file->err;
    add(file, name, at);
}

static void
note_clash(struct cl_link_file *file, const char *name)
{
    if (file->clash == NULL && cl_link_file_value(file, name).len > 0)
        file->clash = name;
}

void
cl_link_file_want(struct cl_link_file *file, const char *name, cl_str text)
{
    if (cl_json_string_is(cl_link_file_value(file, name), text))
        return;
    note_clash(file, name);
    put_text(file, name, text);
}

void
cl_link_file_want_number(struct cl_link_file *file, const char *name, uint64_t number)
{
    char json[24];
    uint64_t found;
    if (cl_json_to_u64(cl_link_file_value(file, name), &found) && found == number)
        return;
    note_clash(file, name);
    (void)snprintf(json, sizeof json, "%llu", (unsigned long long)number); // it fits
    cl_link_file_put(file, name, cl_str_z(json));
}

void
cl_link_file_default(struct cl_link_file *file, const char *name, cl_str text)
{
    cl_str value = cl_link_file_value(file, name);
    if (value.len == 0 || cl_json_string_is(value, CL_STR("")))
        put_text(file, name, text);
}

/* -- writing ----------------------------------------------------------------------------------- */

static bool
sets(const struct cl_link_file *file, const char *name)
{
    for (size_t i = 0; i < file->puts_len; i++)
        if (cl_str_eq(file->puts[i].name, cl_str_z(name)))
            return true;
    return false;
}

/* The text as it is to be, which whoever it is for must be able to read. */
static enum cl_err
make_text(struct cl_link_file *file, struct cl_why *why)
{
    struct cl_link_config config;
    cl_str found = file->exists ? cl_str_strip(cl_buf_str(&file->found)) : CL_STR("");
    enum cl_err err = file->err;
    if (err == CL_OK)
        err = cl_json_merge(found, file->puts, file->puts_len, &file->text);
    if (err == CL_OK)
        err = cl_buf_append_byte(&file->text, '\n');
    if (err == CL_ERR_MALFORMED)
        return cl_fail(CL_ERR_USAGE, why,
                       "A value for \"%.200s\" is not UTF-8: convert or encode it first.",
                       file->path);
    if (err != CL_OK)
        return cl_fail(err, why, "\"%.200s\" would be too large (%s).", file->path,
                       cl_err_wire(err));
    config.is_relay = cl_link_file_value(file, "registered_instances").len > 0 ||
                      sets(file, "registered_instances");
    err = read_config(file, cl_buf_str(&file->text), &config, why);
    if (err == CL_OK)
        cl_link_config_done(&config);
    return err;
}

enum cl_err
cl_link_file_check(struct cl_link_file *file, bool may_replace, struct cl_why *why)
{
    enum cl_err err = make_text(file, why);
    if (err != CL_OK || file->clash == NULL || may_replace)
        return err;
    return cl_fail(CL_ERR_USAGE, why,
                   "\"%.200s\" is there and has another %s: --force replaces what differs, --out "
                   "names another file.",
                   file->path, file->clash);
}

enum cl_err
cl_link_file_save(struct cl_link_file *file, struct cl_why *why)
{
    bool is_same = file->exists && file->puts_len == 0;
    if (is_same && !file->is_readable)
        return CL_OK;
    cl_str text = cl_buf_str(is_same ? &file->found : &file->text);
    enum cl_err err = cl_file_write(file->path, FILE_MODE, text, why);
    if (err == CL_OK)
        file->done = is_same ? "closed to others" : file->exists ? "changed" : "written";
    return err;
}
