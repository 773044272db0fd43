// SPDX-License-Identifier: MIT
/*
 * Which instances there are: those of a file (relay-config.json), or whoever knows the secret. Both
 * are read at the start, and again at SIGHUP. What does not hold then changes nothing.
 */
#include "base/alloc.h"
#include "relay/agent_link.h"
#include "relay/state.h"
#include "relay/v2.h"

static enum cl_err
set_shared(struct cl_agent_link *al, const struct cl_secret *secret)
{
    struct cl_hmac *hmac = NULL;
    if (secret->len > 0) {
        hmac = cl_hmac_new(cl_str_of((const char *)secret->bytes, secret->len));
        if (hmac == NULL)
            return CL_ERR_NO_MEMORY;
    }
    cl_secret_done(&al->secret);
    al->secret = *secret;
    cl_hmac_free(al->hmac);
    al->hmac = hmac;
    return CL_OK;
}

/* -- what the file says ------------------------------------------------------------------------ */

/* A text of it, or without memory the one before. */
static void
set_text(struct cl_body **text, cl_str to)
{
    struct cl_body *body = cl_str_eq(cl_body_str(*text), to) ? NULL : cl_body_new(to);
    if (body == NULL)
        return;
    cl_body_unref(*text);
    *text = body;
}

/* One instance of it, which may be there already. */
static enum cl_err
take_instance(struct cl_relay *relay, const struct cl_agent_link_instance *from)
{
    struct cl_al_instance *instance = cl_al_find_instance(relay->agent_link, from->id);
    enum cl_err err = instance == NULL ? cl_al_instance_new(relay, from, &instance)
                                       : cl_al_instance_update(relay, instance, from);
    if (err != CL_OK)
        return err;
    if (from->name.len > 0)
        set_text(&instance->name, from->name);
    if (from->public_key.len > 0) // or else the first that is shown
        set_text(&instance->key, from->public_key);
    return CL_OK;
}

/* Nothing is listed: the secret, for everybody. */
static enum cl_err
take_secret(struct cl_relay *relay, const struct cl_secret *secret)
{
    struct cl_agent_link *al = relay->agent_link;
    const struct cl_agent_link_instance nothing = {.lists_agents = false};
    struct cl_al_instance *instance;
    enum cl_err err = set_shared(al, secret);
    for (uint32_t at = 0; err == CL_OK && (instance = cl_map_next(&al->instances, &at)) != NULL;)
        err = cl_al_instance_update(relay, instance, &nothing);
    return err;
}

static enum cl_err
take_file(struct cl_relay *relay, const struct cl_agent_link_relay_config *file)
{
    struct cl_agent_link *al = relay->agent_link;
    const struct cl_secret *said = relay->config.agent_link.secret;
    struct cl_al_instance *instance;
    al->is_open = !file->lists_instances;
    if (al->is_open)
        return take_secret(relay, said != NULL ? said : &file->secret);
    enum cl_err err = set_shared(al, said != NULL ? said : &file->secret);
    for (uint32_t at = 0; (instance = cl_map_next(&al->instances, &at)) != NULL;)
        if (cl_agent_link_find_instance(file, cl_al_instance_id(instance)) == NULL)
            cl_al_instance_remove(relay, instance);
    for (uint32_t i = 0; i < file->instances_len && err == CL_OK; i++)
        err = take_instance(relay, &file->instances[i]);
    return err;
}

static enum cl_err
read_file(struct cl_relay *relay, uint16_t *ret_port, struct cl_why *why)
{
    const struct cl_relay_agent_link *config = &relay->config.agent_link;
    struct cl_envelope_reader reader = cl_v2_reader(relay);
    struct cl_agent_link_relay_config file;
    struct cl_why reason = {""};
    enum cl_err err = cl_agent_link_read_relay_config(&reader, config->text, &file, &reason);
    if (err == CL_OK) {
        *ret_port = file.port;
        err = take_file(relay, &file);
        cl_agent_link_relay_config_done(&file);
        if (err != CL_OK)
            err = cl_fail(err, why, "out of memory");
    } else {
        err = cl_fail(CL_ERR_USAGE, why, "--agent-link \"%.200s\": %.250s", config->file,
                      reason.text);
    }
    cl_arena_clear(&relay->arena);
    return err;
}

/* -- at the start, and later ------------------------------------------------------------------- */

enum cl_err
cl_al_configure(struct cl_relay *relay, struct cl_why *why)
{
    struct cl_agent_link *al = relay->agent_link;
    if (relay->config.agent_link.text.len > 0)
        return read_file(relay, &al->port, why);
    al->is_open = true;
    al->port = CL_AL_PORT;
    enum cl_err err = take_secret(relay, relay->config.agent_link.secret);
    return err == CL_OK ? CL_OK : cl_fail(err, why, "out of memory");
}

void
cl_al_reload(struct cl_relay *relay)
{
    struct cl_agent_link *al = relay->agent_link;
    struct cl_relay_agent_link *config = &relay->config.agent_link;
    const struct cl_log *log = &relay->config.log;
    struct cl_why why = {""};
    if (al == NULL || config->reread == NULL || relay->is_draining)
        return;
    uint16_t port = al->port;
    enum cl_err err = config->reread(config->reread_ctx, config, &why);
    if (err == CL_OK)
        err = config->text.len > 0 ? read_file(relay, &port, &why)
                                   : take_secret(relay, config->secret);
    if (err != CL_OK) {
        cl_log_error(log, "agent_link.not_reloaded", CL_F("code", cl_err_wire(err)),
                     CL_F("why", (const char *)why.text));
        return;
    }
    if (port != al->port && !config->has_port)
        cl_log_warn(log, "agent_link.port_stays", CL_F("port", (unsigned)al->port),
                    CL_F("next", "restart the relay"));
    cl_al_adopt(relay, NULL);
    cl_log_info(log, "agent_link.reloaded", CL_F("instances", al->instances.count));
}
