// SPDX-License-Identifier: MIT
#include "proto/agent_link_config.h"

#include <inttypes.h>
#include <stdio.h>

#include "wire/json.h"
#include "wire/json_text.h"
#include "wire/json_write.h"

/* One file that is being read, and the member of it that is read now. */
struct reading {
    const struct cl_envelope_reader *reader;
    struct cl_why *why;
    cl_str name;
    cl_str value;
};

typedef enum cl_err member_fn(struct reading *reading, void *ret_object);

struct field {
    cl_str name;
    member_fn *read;
    bool is_required;
};

/* Members that have no field are passed over. */
static enum cl_err
read_members(struct reading *reading, cl_str object, const struct field *fields, void *ret_object)
{
    struct cl_json_cursor cursor;
    struct cl_json_member member;
    uint32_t seen = 0;
    cl_json_cursor_init(&cursor, object);
    while (cl_json_cursor_next(&cursor, &member)) {
        const struct field *field = fields;
        cl_str name;
        enum cl_err err = cl_json_name(&member, reading->reader->arena, &name);
        if (err != CL_OK)
            return cl_fail(err, reading->why, "no memory for a name");
        while (field->read != NULL && !cl_str_eq(field->name, name))
            field++;
        if (field->read == NULL)
            continue;
        reading->name = field->name;
        reading->value = member.value;
        err = field->read(reading, ret_object);
        if (err != CL_OK)
            return err;
        seen |= UINT32_C(1) << (field - fields);
    }
    for (uint32_t i = 0; fields[i].read != NULL; i++)
        if (fields[i].is_required && (seen >> i & 1) == 0)
            return cl_fail(CL_ERR_MISSING, reading->why, "%.*s is required",
                           CL_STR_ARG(fields[i].name));
    return CL_OK;
}

/* -- values ------------------------------------------------------------------------------------ */

static enum cl_err
refuse(const struct reading *reading, const char *what)
{
    return cl_fail(CL_ERR_MALFORMED, reading->why, "%.*s must be %s", CL_STR_ARG(reading->name),
                   what);
}

static enum cl_err
read_string(const struct reading *reading, cl_str *ret_text)
{
    if (cl_json_type_of(reading->value) != CL_JSON_STRING)
        return refuse(reading, "a string");
    enum cl_err err = cl_json_string(reading->value, reading->reader->arena, ret_text);
    return err == CL_OK ? CL_OK : cl_fail(err, reading->why, "no memory for a string");
}

/* Decoded here and not in the arena, which nobody wipes. */
static enum cl_err
read_secret(const struct reading *reading, struct cl_secret *ret_secret)
{
    char bytes[6 * CL_SECRET_BYTES_MAX]; // six characters may mean one
    size_t len = 0;
    enum cl_err err = CL_ERR_MALFORMED;
    if (cl_json_type_of(reading->value) == CL_JSON_STRING &&
        reading->value.len - 2 <= sizeof bytes) {
        len = cl_json_text_decode(cl_str_part(reading->value, 1, reading->value.len - 2), bytes);
        if (len > 0)
            err = cl_secret_init(ret_secret, cl_str_of(bytes, len));
    }
    cl_secret_wipe(bytes, sizeof bytes);
    return err == CL_OK ? CL_OK : refuse(reading, "a string of 1 to 512 bytes");
}

static enum cl_err
read_instance_id(const struct reading *reading, cl_str *ret_id)
{
    cl_str id;
    enum cl_err err = read_string(reading, &id);
    if (err != CL_OK)
        return err;
    if (!cl_name_is_instance(id))
        return refuse(reading, "a name of 1 to 64 letters, digits and \"._-\"; not v1, not relay");
    *ret_id = id;
    return CL_OK;
}

static enum cl_err
read_agent_id(const struct reading *reading, cl_str *ret_id)
{
    cl_str id;
    enum cl_err err = read_string(reading, &id);
    if (err != CL_OK)
        return err;
    if (!cl_name_is_valid(id))
        return refuse(reading, "a name of 1 to 64 letters, digits and \"._-\"");
    *ret_id = id;
    return CL_OK;
}

/* -- an instance ------------------------------------------------------------------------------- */

static enum cl_err
read_id(struct reading *reading, void *ret_instance)
{
    return read_instance_id(reading, &((struct cl_agent_link_instance *)ret_instance)->id);
}

static enum cl_err
read_name(struct reading *reading, void *ret_instance)
{
    cl_str name;
    enum cl_err err = read_string(reading, &name);
    if (err != CL_OK)
        return err;
    if (name.len > 0 && !cl_line_is_valid(name, CL_V2_DISPLAY_BYTES_MAX))
        return refuse(reading, "a string of up to 128 bytes without control characters");
    ((struct cl_agent_link_instance *)ret_instance)->name = name;
    return CL_OK;
}

static enum cl_err
read_public_key(struct reading *reading, void *ret_instance)
{
    cl_str key;
    enum cl_err err = read_string(reading, &key);
    if (err != CL_OK)
        return err;
    if (key.len > CL_AL_KEY_BYTES_MAX)
        return refuse(reading, "a string of up to 4096 bytes");
    ((struct cl_agent_link_instance *)ret_instance)->public_key = key;
    return CL_OK;
}

static enum cl_err
read_own_secret(struct reading *reading, void *ret_instance)
{
    return read_secret(reading, &((struct cl_agent_link_instance *)ret_instance)->secret);
}

/* How many elements, one more than max where there are more. */
static uint32_t
count(cl_str array, uint32_t max)
{
    struct cl_json_cursor cursor;
    struct cl_json_member element;
    uint32_t len = 0;
    cl_json_cursor_init(&cursor, array);
    while (len <= max && cl_json_cursor_next(&cursor, &element))
        len++;
    return len;
}

static bool
has_agent(const cl_str *agents, uint32_t len, cl_str agent)
{
    for (uint32_t i = 0; i < len; i++)
        if (cl_str_eq(agents[i], agent))
            return true;
    return false;
}

static enum cl_err
read_agents(struct reading *reading, void *ret_instance)
{
    struct cl_agent_link_instance *instance = ret_instance;
    struct cl_json_cursor cursor;
    struct cl_json_member element;
    struct reading each = *reading;
    if (cl_json_type_of(reading->value) != CL_JSON_ARRAY)
        return refuse(reading, "a list of names");
    uint32_t len = count(reading->value, CL_AL_AGENTS_MAX);
    if (len > CL_AL_AGENTS_MAX)
        return cl_fail(CL_ERR_TOO_LARGE, reading->why, "agents may be %d at the most",
                       CL_AL_AGENTS_MAX);
    cl_str *agents = cl_arena_alloc(reading->reader->arena, len * sizeof agents[0]);
    if (agents == NULL)
        return cl_fail(CL_ERR_NO_MEMORY, reading->why, "no memory for agents");
    cl_json_cursor_init(&cursor, reading->value);
    for (uint32_t i = 0; cl_json_cursor_next(&cursor, &element); i++) {
        each.value = element.value;
        enum cl_err err = read_agent_id(&each, &agents[i]);
        if (err == CL_OK && has_agent(agents, i, agents[i]))
            err = refuse(reading, "different names");
        if (err != CL_OK)
            return err;
    }
    instance->lists_agents = true;
    instance->agents = (cl_strs){agents, len};
    return CL_OK;
}

static const struct field instance_fields[] = {
    {CL_STR_INIT("instance_id"), read_id, true},
    {CL_STR_INIT("name"), read_name, false},
    {CL_STR_INIT("public_key"), read_public_key, false},
    {CL_STR_INIT("secret"), read_own_secret, false},
    {CL_STR_INIT("agents"), read_agents, false},
    {.read = NULL},
};

/* -- relay-config.json ------------------------------------------------------------------------- */

static enum cl_err
read_port(struct reading *reading, void *ret_config)
{
    uint64_t port;
    if (!cl_json_to_u64(reading->value, &port) || port > UINT16_MAX)
        return refuse(reading, "a whole number from 0 to 65535");
    ((struct cl_agent_link_relay_config *)ret_config)->port = (uint16_t)port;
    return CL_OK;
}

static enum cl_err
read_shared_secret(struct reading *reading, void *ret_config)
{
    return read_secret(reading, &((struct cl_agent_link_relay_config *)ret_config)->secret);
}

/* The entry has said what is wrong with it; here, which it is. */
static enum cl_err
name_entry(const struct reading *reading, enum cl_err err, uint32_t index)
{
    if (reading->why == NULL)
        return err;
    struct cl_why said = *reading->why;
    return cl_fail(err, reading->why, "%s (registered_instances, entry %" PRIu32 ")", said.text,
                   index + 1);
}

static enum cl_err
read_instances(struct reading *reading, void *ret_config)
{
    struct cl_agent_link_relay_config *config = ret_config;
    struct cl_json_cursor cursor;
    struct cl_json_member element;
    struct reading each = *reading;
    if (cl_json_type_of(reading->value) != CL_JSON_ARRAY)
        return refuse(reading, "a list of objects");
    config->lists_instances = true;
    uint32_t len = count(reading->value, CL_AL_INSTANCES_MAX);
    if (len > CL_AL_INSTANCES_MAX)
        return cl_fail(CL_ERR_TOO_LARGE, reading->why, "registered_instances may be %d at the most",
                       CL_AL_INSTANCES_MAX);
    config->instances = cl_arena_alloc(reading->reader->arena, len * sizeof config->instances[0]);
    if (config->instances == NULL)
        return cl_fail(CL_ERR_NO_MEMORY, reading->why, "no memory for registered_instances");
    cl_json_cursor_init(&cursor, reading->value);
    while (cl_json_cursor_next(&cursor, &element)) {
        struct cl_agent_link_instance *instance = &config->instances[config->instances_len++];
        if (element.type != CL_JSON_OBJECT)
            return refuse(reading, "a list of objects");
        enum cl_err err = read_members(&each, element.value, instance_fields, instance);
        if (err != CL_OK)
            return name_entry(reading, err, config->instances_len - 1);
    }
    return CL_OK;
}

static const struct field relay_fields[] = {
    {CL_STR_INIT("port"), read_port, false},
    {CL_STR_INIT("secret"), read_shared_secret, false},
    {CL_STR_INIT("registered_instances"), read_instances, false},
    {.read = NULL},
};

/* What no single member shows. */
static enum cl_err
check_instances(const struct cl_agent_link_relay_config *config, struct cl_why *why)
{
    if (!config->lists_instances && config->secret.len == 0)
        return cl_fail(CL_ERR_MISSING, why,
                       "secret is required, where no registered_instances have their own");
    for (uint32_t i = 0; i < config->instances_len; i++) {
        const struct cl_agent_link_instance *instance = &config->instances[i];
        if (cl_agent_link_find_instance(config, instance->id) != instance)
            return cl_fail(CL_ERR_MALFORMED, why, "instance_id %.*s stands there twice",
                           CL_STR_ARG(instance->id));
        if (cl_agent_link_secret_of(config, instance)->len == 0)
            return cl_fail(CL_ERR_MISSING, why,
                           "secret is required: %.*s has none of its own, and none is shared",
                           CL_STR_ARG(instance->id));
    }
    return CL_OK;
}

/* The whole of a file: one object. */
static enum cl_err
read_file(struct reading *reading, cl_str text, const struct field *fields, void *ret_object)
{
    struct cl_json_scan scan;
    if (text.len > CL_AL_CONFIG_BYTES_MAX)
        return cl_fail(CL_ERR_TOO_LARGE, reading->why, "a configuration may have %u bytes",
                       CL_AL_CONFIG_BYTES_MAX);
    cl_json_scan_init(&scan, reading->reader->arena, reading->reader->hash_key);
    enum cl_err err = cl_json_scan_feed(&scan, text, true, reading->why);
    return err == CL_OK ? read_members(reading, cl_str_strip(text), fields, ret_object) : err;
}

enum cl_err
cl_agent_link_read_relay_config(const struct cl_envelope_reader *reader, cl_str text,
                                struct cl_agent_link_relay_config *ret_config, struct cl_why *why)
{
    struct reading reading = {.reader = reader, .why = why};
    *ret_config = (struct cl_agent_link_relay_config){.port = CL_AL_PORT};
    enum cl_err err = read_file(&reading, text, relay_fields, ret_config);
    if (err == CL_OK)
        err = check_instances(ret_config, why);
    if (err != CL_OK)
        cl_agent_link_relay_config_done(ret_config);
    return err;
}

void
cl_agent_link_relay_config_done(struct cl_agent_link_relay_config *config)
{
    for (uint32_t i = 0; i < config->instances_len; i++)
        cl_secret_done(&config->instances[i].secret);
    cl_secret_done(&config->secret);
    *config = (struct cl_agent_link_relay_config){0};
}

const struct cl_secret *
cl_agent_link_secret_of(const struct cl_agent_link_relay_config *config,
                        const struct cl_agent_link_instance *instance)
{
    return instance->secret.len > 0 ? &instance->secret : &config->secret;
}

const struct cl_agent_link_instance *
cl_agent_link_find_instance(const struct cl_agent_link_relay_config *config, cl_str id)
{
    for (uint32_t i = 0; i < config->instances_len; i++)
        if (cl_str_eq(config->instances[i].id, id))
            return &config->instances[i];
    return NULL;
}

/* -- agent-link-config.json -------------------------------------------------------------------- */

static enum cl_err
read_relay_url(struct reading *reading, void *ret_config)
{
    cl_str url;
    enum cl_err err = read_string(reading, &url);
    if (err != CL_OK)
        return err;
    if (!cl_line_is_valid(url, CL_AL_URL_BYTES_MAX))
        return refuse(reading, "a URL such as \"ws://203.0.113.7:8765\"");
    ((struct cl_agent_link_client_config *)ret_config)->relay_url = url;
    return CL_OK;
}

static enum cl_err
read_client_secret(struct reading *reading, void *ret_config)
{
    return read_secret(reading, &((struct cl_agent_link_client_config *)ret_config)->secret);
}

static enum cl_err
read_client_instance(struct reading *reading, void *ret_config)
{
    struct cl_agent_link_client_config *config = ret_config;
    return read_instance_id(reading, &config->instance_id);
}

static enum cl_err
read_client_agent(struct reading *reading, void *ret_config)
{
    return read_agent_id(reading, &((struct cl_agent_link_client_config *)ret_config)->agent_id);
}

static enum cl_err
read_auto_reconnect(struct reading *reading, void *ret_config)
{
    struct cl_agent_link_client_config *config = ret_config;
    return cl_json_to_bool(reading->value, &config->auto_reconnect)
               ? CL_OK
               : refuse(reading, "true or false");
}

static enum cl_err
read_interval(struct reading *reading, void *ret_config)
{
    double seconds;
    if (!cl_json_to_double(reading->value, &seconds) || !(seconds >= 0) ||
        seconds * 1000 > CL_AL_RECONNECT_MS_MAX)
        return refuse(reading, "a number of seconds, from 0 to 3600");
    ((struct cl_agent_link_client_config *)ret_config)->reconnect_interval_ms =
        (uint32_t)(seconds * 1000 + 0.5);
    return CL_OK;
}

static const struct field client_fields[] = {
    {CL_STR_INIT("relay_url"), read_relay_url, true},
    {CL_STR_INIT("secret"), read_client_secret, true},
    {CL_STR_INIT("instance_id"), read_client_instance, true},
    {CL_STR_INIT("agent_id"), read_client_agent, true},
    {CL_STR_INIT("auto_reconnect"), read_auto_reconnect, false},
    {CL_STR_INIT("reconnect_interval"), read_interval, false},
    {.read = NULL},
};

enum cl_err
cl_agent_link_read_client_config(const struct cl_envelope_reader *reader, cl_str text,
                                 struct cl_agent_link_client_config *ret_config, struct cl_why *why)
{
    struct reading reading = {.reader = reader, .why = why};
    *ret_config = (struct cl_agent_link_client_config){.auto_reconnect = true,
                                                       .reconnect_interval_ms = CL_AL_RECONNECT_MS};
    enum cl_err err = read_file(&reading, text, client_fields, ret_config);
    if (err != CL_OK)
        cl_agent_link_client_config_done(ret_config);
    return err;
}

void
cl_agent_link_client_config_done(struct cl_agent_link_client_config *config)
{
    cl_secret_done(&config->secret);
    *config = (struct cl_agent_link_client_config){0};
}

/* -- writing ----------------------------------------------------------------------------------- */

/* A file that is being written, one member in a line. */
struct page {
    struct cl_buf *buf;
    size_t start;
    enum cl_err err; // the first one stays
    unsigned depth;
    bool has_before; // something stands before it on its level
};

static void
put(struct page *page, cl_str text)
{
    if (page->err == CL_OK)
        page->err = cl_buf_append(page->buf, text);
}

static void
put_string(struct page *page, cl_str text)
{
    struct cl_json_writer json;
    if (page->err != CL_OK)
        return;
    cl_json_writer_init(&json, page->buf);
    cl_json_put_string(&json, text);
    page->err = cl_json_writer_end(&json);
}

static void
begin_line(struct page *page)
{
    put(page, page->has_before ? CL_STR(",\n") : CL_STR("\n"));
    for (unsigned i = 0; i < page->depth; i++)
        put(page, CL_STR("  "));
    page->has_before = true;
}

static void
begin_member(struct page *page, cl_str name)
{
    begin_line(page);
    put_string(page, name);
    put(page, CL_STR(": "));
}

static void
put_member(struct page *page, cl_str name, cl_str text)
{
    begin_member(page, name);
    put_string(page, text);
}

static void
put_secret(struct page *page, const struct cl_secret *secret)
{
    if (secret->len > 0)
        put_member(page, CL_STR("secret"), cl_str_of(secret->bytes, secret->len));
}

static void
open_level(struct page *page, cl_str bracket)
{
    put(page, bracket);
    page->depth++;
    page->has_before = false;
}

static void
close_level(struct page *page, cl_str bracket)
{
    page->depth--;
    if (page->has_before) { // else it is empty, and stays on its line
        page->has_before = false;
        begin_line(page);
    }
    put(page, bracket);
    page->has_before = true;
}

static enum cl_err
end_page(struct page *page)
{
    close_level(page, CL_STR("}"));
    put(page, CL_STR("\n"));
    if (page->err != CL_OK)
        cl_buf_truncate(page->buf, page->start);
    return page->err;
}

static void
put_instance(struct page *page, const struct cl_agent_link_instance *instance)
{
    begin_line(page);
    open_level(page, CL_STR("{"));
    put_member(page, CL_STR("instance_id"), instance->id);
    if (instance->name.len > 0)
        put_member(page, CL_STR("name"), instance->name);
    if (instance->public_key.len > 0)
        put_member(page, CL_STR("public_key"), instance->public_key);
    put_secret(page, &instance->secret);
    if (instance->lists_agents) {
        begin_member(page, CL_STR("agents"));
        open_level(page, CL_STR("["));
        for (uint32_t i = 0; i < instance->agents.len; i++) {
            begin_line(page);
            put_string(page, instance->agents.ptr[i]);
        }
        close_level(page, CL_STR("]"));
    }
    close_level(page, CL_STR("}"));
}

enum cl_err
cl_agent_link_put_relay_config(const struct cl_agent_link_relay_config *config, struct cl_buf *buf)
{
    struct page page = {.buf = buf, .start = buf->len};
    open_level(&page, CL_STR("{"));
    begin_member(&page, CL_STR("port"));
    if (page.err == CL_OK)
        page.err = cl_buf_printf(buf, "%u", config->port);
    put_secret(&page, &config->secret);
    if (config->lists_instances) {
        begin_member(&page, CL_STR("registered_instances"));
        open_level(&page, CL_STR("["));
        for (uint32_t i = 0; i < config->instances_len; i++)
            put_instance(&page, &config->instances[i]);
        close_level(&page, CL_STR("]"));
    }
    return end_page(&page);
}

/* Seconds with as many decimals as are needed. */
static void
put_seconds(struct page *page, uint32_t ms)
{
    char text[16];
    int len = snprintf(text, sizeof text, "%" PRIu32 ".%03" PRIu32, ms / 1000, ms % 1000);
    while (text[len - 1] == '0')
        len--;
    put(page, cl_str_of(text, (size_t)(text[len - 1] == '.' ? len - 1 : len)));
}

enum cl_err
cl_agent_link_put_client_config(const struct cl_agent_link_client_config *config,
                                struct cl_buf *buf)
{
    struct page page = {.buf = buf, .start = buf->len};
    open_level(&page, CL_STR("{"));
    put_member(&page, CL_STR("relay_url"), config->relay_url);
    put_secret(&page, &config->secret);
    put_member(&page, CL_STR("instance_id"), config->instance_id);
    put_member(&page, CL_STR("agent_id"), config->agent_id);
    begin_member(&page, CL_STR("auto_reconnect"));
    put(&page, config->auto_reconnect ? CL_STR("true") : CL_STR("false"));
    begin_member(&page, CL_STR("reconnect_interval"));
    put_seconds(&page, config->reconnect_interval_ms);
    return end_page(&page);
}
