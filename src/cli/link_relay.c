// SPDX-License-Identifier: MIT
#include "cli/link_relay.h"

#include "base/assert.h"
#include "base/random.h"
#include "base/secret.h"
#include "cli/page.h"
#include "wire/json_write.h"

static void
make_secret(char ret_digits[static CL_LINK_SECRET_DIGITS])
{
    static const char digits[] = "0123456789abcdef";
    unsigned char bytes[CL_LINK_SECRET_BYTES];
    cl_random_bytes(bytes, sizeof bytes);
    for (size_t i = 0; i < sizeof bytes; i++) {
        ret_digits[2 * i] = digits[bytes[i] >> 4];
        ret_digits[2 * i + 1] = digits[bytes[i] & 15];
    }
    cl_secret_wipe(bytes, sizeof bytes);
}

void
cl_link_relay_split(const char *text, cl_str *ret_id, cl_str *ret_name)
{
    (void)cl_str_split(cl_str_z(text), ':', ret_id, ret_name); // without a colon there is no name
}

void
cl_link_relay_init(struct cl_link_relay *relay)
{
    *relay = (struct cl_link_relay){.is_empty = true};
    cl_buf_init(&relay->list, CL_AL_CONFIG_BYTES_MAX);
}

void
cl_link_relay_done(struct cl_link_relay *relay)
{
    if (relay->list.ptr != NULL)
        cl_secret_wipe(relay->list.ptr, relay->list.cap);
    cl_buf_done(&relay->list);
    cl_link_file_done(&relay->file);
    cl_secret_wipe(relay->made, sizeof relay->made);
    cl_secret_wipe(relay->instances, sizeof relay->instances);
}

void
cl_link_relay_add(struct cl_link_relay *relay, const char *text)
{
    CL_ASSERT(relay->instances_len < sizeof relay->instances / sizeof *relay->instances);
    struct cl_link_instance *instance = &relay->instances[relay->instances_len++];
    cl_link_relay_split(text, &instance->id, &instance->name);
}

static struct cl_link_instance *
find(struct cl_link_relay *relay, cl_str id)
{
    for (size_t i = 0; i < relay->instances_len; i++)
        if (cl_str_eq(relay->instances[i].id, id))
            return &relay->instances[i];
    return NULL;
}

/* -- the list ---------------------------------------------------------------------------------- */

static enum cl_err
begin_entry(struct cl_link_relay *relay)
{
    cl_str before = relay->is_empty ? CL_STR("\n    ") : CL_STR(",\n    ");
    relay->is_empty = false;
    return cl_buf_append(&relay->list, before);
}

/* An entry as it stands, but with that name. */
static enum cl_err
rename_entry(struct cl_link_relay *relay, cl_str entry, cl_str name)
{
    struct cl_json_writer json;
    struct cl_json_cursor cursor;
    struct cl_json_member member;
    cl_str called;
    bool has_name = false;
    cl_json_writer_init(&json, &relay->list);
    cl_json_object_begin(&json);
    cl_json_cursor_init(&cursor, entry);
    while (cl_json_cursor_next(&cursor, &member)) {
        enum cl_err err = cl_json_name(&member, &relay->file.arena, &called);
        if (err != CL_OK)
            return err;
        bool is_name = cl_str_eq(called, CL_STR("name"));
        has_name = has_name || is_name;
        if (is_name) {
            cl_json_put_member(&json, CL_STR("name"), name);
        } else {
            cl_json_put_name(&json, called);
            cl_json_put_raw(&json, member.value);
        }
    }
    if (!has_name)
        cl_json_put_member(&json, CL_STR("name"), name);
    cl_json_object_end(&json);
    return cl_json_writer_end(&json);
}

/* An entry that the file has: it stays, but for a name that was given. */
static enum cl_err
keep_entry(struct cl_link_relay *relay, cl_str entry, struct cl_why *why)
{
    struct cl_link_file *file = &relay->file;
    cl_str id, own, shown = cl_doc_find(entry, CL_STR("name"));
    enum cl_err err = cl_link_file_text(file, cl_doc_find(entry, CL_STR("instance_id")),
                                        "an instance_id is no string", &id, why);
    if (err == CL_OK)
        err = cl_link_file_text(file, cl_doc_find(entry, CL_STR("secret")),
                                "the secret of an instance is no string", &own, why);
    if (err == CL_OK)
        err = begin_entry(relay);
    if (err != CL_OK)
        return err;
    struct cl_link_instance *instance = find(relay, id);
    if (instance != NULL && instance->is_known)
        return cl_link_file_broken(file, "an instance stands twice", why);
    if (instance != NULL) {
        instance->is_known = true;
        instance->is_own = own.len > 0;
        instance->secret = own;
        instance->is_renamed = instance->name.len > 0 && !cl_json_string_is(shown, instance->name);
    }
    if (instance == NULL || !instance->is_renamed)
        return cl_buf_append(&relay->list, entry);
    file->clash = shown.len > 0 ? "name of an instance" : file->clash;
    return rename_entry(relay, entry, instance->name);
}

/* An instance that is new there. */
static enum cl_err
add_entry(struct cl_link_relay *relay, struct cl_link_instance *instance)
{
    struct cl_json_writer json;
    enum cl_err err = begin_entry(relay);
    if (err != CL_OK)
        return err;
    cl_json_writer_init(&json, &relay->list);
    cl_json_object_begin(&json);
    cl_json_put_member(&json, CL_STR("instance_id"), instance->id);
    cl_json_put_member(&json, CL_STR("name"),
                       instance->name.len > 0 ? instance->name : instance->id);
    if (instance->is_own)
        cl_json_put_member(&json, CL_STR("secret"), instance->secret);
    cl_json_object_end(&json);
    return cl_json_writer_end(&json);
}

static enum cl_err
write_list(struct cl_link_relay *relay, cl_str found, bool is_shared, struct cl_why *why)
{
    struct cl_json_cursor cursor;
    struct cl_json_member entry;
    enum cl_err err = cl_buf_append_byte(&relay->list, '[');
    cl_json_cursor_init(&cursor, found);
    while (err == CL_OK && cl_json_cursor_next(&cursor, &entry))
        err = keep_entry(relay, entry.value, why);
    for (size_t i = 0; i < relay->instances_len && err == CL_OK; i++) {
        struct cl_link_instance *instance = &relay->instances[i];
        if (instance->is_known)
            continue;
        instance->is_own = !is_shared;
        make_secret(instance->made);
        instance->secret = cl_str_of(instance->made, sizeof instance->made);
        err = add_entry(relay, instance);
    }
    return err == CL_OK
               ? cl_buf_append(&relay->list, relay->is_empty ? CL_STR("]") : CL_STR("\n  ]"))
               : err;
}

static enum cl_err
draft_list(struct cl_link_relay *relay, bool is_shared, struct cl_why *why)
{
    char *space;
    cl_str found = cl_link_file_value(&relay->file, "registered_instances");
    bool is_changed = found.len == 0;
    if (found.len > 0 && cl_json_type_of(found) != CL_JSON_ARRAY)
        return cl_link_file_broken(&relay->file, "registered_instances is no list", why);
    // Nothing grows later, and leaves a copy behind.
    enum cl_err err = cl_buf_reserve(&relay->list, CL_AL_CONFIG_BYTES_MAX, &space);
    if (err == CL_OK)
        err = write_list(relay, found, is_shared, why);
    if (err == CL_ERR_IO)
        return err; // told already
    if (err != CL_OK)
        return cl_fail(err, why, "The list of instances cannot be made: %s.", cl_err_wire(err));
    for (size_t i = 0; i < relay->instances_len; i++)
        is_changed = is_changed || !relay->instances[i].is_known || relay->instances[i].is_renamed;
    if (is_changed)
        cl_link_file_put(&relay->file, "registered_instances", cl_buf_str(&relay->list));
    return CL_OK;
}

/* -- the file ---------------------------------------------------------------------------------- */

enum cl_err
cl_link_relay_draft(struct cl_link_relay *relay, const char *path,
                    const struct cl_link_relay_wanted *wanted, struct cl_why *why)
{
    struct cl_link_file *file = &relay->file;
    cl_str secret = wanted->secret;
    enum cl_err err = cl_link_file_open(file, path, why);
    if (err == CL_OK && secret.len == 0)
        err = cl_link_file_string(file, "secret", &secret, why);
    if (err != CL_OK)
        return err;
    if (wanted->has_port || cl_link_file_value(file, "port").len == 0)
        cl_link_file_want_number(file, "port", wanted->port);
    relay->is_made = secret.len == 0;
    if (relay->is_made) {
        make_secret(relay->made);
        secret = cl_str_of(relay->made, sizeof relay->made);
        cl_link_file_default(file, "secret", secret);
    } else if (wanted->secret.len > 0) {
        cl_link_file_want(file, "secret", secret);
    }
    err = draft_list(relay, wanted->is_shared, why);
    for (size_t i = 0; i < relay->instances_len; i++)
        if (!relay->instances[i].is_own)
            relay->instances[i].secret = secret;
    return err == CL_OK ? cl_link_file_check(file, wanted->may_replace, why) : err;
}
