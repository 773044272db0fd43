// SPDX-License-Identifier: MIT
/*
 * Instances, and a desk for each of their agents. Agents that are listed or have spoken are known:
 * they are registered in the core, which lists them, and their desks are open while some connection
 * of the instance may be theirs. To others of the instance somebody may write as well, since a
 * client need not send to be there: their desks are opened when something comes for them.
 */
#include <string.h>

#include "base/alloc.h"
#include "proto/v2_bridge.h"
#include "relay/agent_link.h"
#include "relay/state.h"
#include "relay/v2.h"

/* By that the relay knows those again that it has registered itself. */
#define RECORD_METADATA "{\"via\":\"agent-link\"}"

/* An agent whose desk is to be opened. */
struct wanted {
    struct cl_link link; // in al->wanted
    uint32_t id_len;
    char id[];
};

/* -- instances --------------------------------------------------------------------------------- */

struct cl_al_instance *
cl_al_find_instance(const struct cl_agent_link *al, cl_str id)
{
    return cl_map_get(&al->instances, id);
}

static cl_str
token_key(const struct cl_al_instance *instance)
{
    return cl_str_of((const char *)&instance->token, sizeof instance->token);
}

/* The digest of the token that follows from a secret. */
static enum cl_err
token_of(const struct cl_al_instance *instance, const struct cl_secret *secret,
         cl_digest *ret_digest)
{
    char token[CL_AGENT_LINK_TOKEN_LEN];
    enum cl_err err = cl_agent_link_token(secret, cl_al_instance_id(instance), token);
    if (err == CL_OK)
        err = cl_digest_of(cl_str_of(token, sizeof token), ret_digest);
    cl_secret_wipe(token, sizeof token);
    return err;
}

/* Its code, and its token. *ret_is_other: not the secret that it had. */
static enum cl_err
set_secret(struct cl_relay *relay, struct cl_al_instance *instance, const struct cl_secret *own,
           bool *ret_is_other)
{
    struct cl_agent_link *al = relay->agent_link;
    struct cl_hmac *hmac = NULL;
    cl_digest digest;
    enum cl_err err = token_of(instance, own->len > 0 ? own : &al->secret, &digest);
    if (err != CL_OK)
        return err;
    if (own->len > 0) {
        hmac = cl_hmac_new(cl_str_of((const char *)own->bytes, own->len));
        if (hmac == NULL)
            return CL_ERR_NO_MEMORY;
    }
    cl_hmac_free(instance->hmac);
    instance->hmac = hmac;
    *ret_is_other = !cl_digest_eq(&digest, &instance->token);
    if (cl_map_get(&al->tokens, token_key(instance)) == instance)
        (void)cl_map_remove(&al->tokens, token_key(instance));
    instance->token = digest;
    return cl_map_put(&al->tokens, token_key(instance), instance);
}

static struct cl_al_desk *desk_new(struct cl_relay *relay, struct cl_al_instance *instance,
                                   cl_str id);

/* Those that the file lists, as far as they are news. */
static enum cl_err
add_listed(struct cl_relay *relay, struct cl_al_instance *instance, cl_strs listed)
{
    char id[2 * CL_NAME_BYTES_MAX + 1];
    cl_str name = cl_al_instance_id(instance);
    memcpy(id, name.ptr, name.len);
    id[name.len] = '/';
    for (uint32_t i = 0; i < listed.len; i++) {
        memcpy(id + name.len + 1, listed.ptr[i].ptr, listed.ptr[i].len);
        cl_str agent = cl_str_of(id, name.len + 1 + listed.ptr[i].len);
        struct cl_al_desk *desk = cl_map_get(&relay->agent_link->agents, agent);
        if (desk != NULL && desk->is_known)
            continue;
        if (desk != NULL)
            instance->unknown_len--;
        else
            desk = desk_new(relay, instance, agent);
        if (desk == NULL)
            return CL_ERR_NO_MEMORY;
        desk->is_known = true;
        instance->known_len++;
    }
    return CL_OK;
}

enum cl_err
cl_al_instance_new(struct cl_relay *relay, const struct cl_agent_link_instance *from,
                   struct cl_al_instance **ret_instance)
{
    struct cl_agent_link *al = relay->agent_link;
    if (al->instances.count >= CL_AL_INSTANCES_MAX)
        return CL_ERR_TOO_MANY;
    struct cl_al_instance *instance = cl_alloc(sizeof *instance + from->id.len);
    if (instance == NULL)
        return CL_ERR_NO_MEMORY;
    cl_list_init(&instance->conns);
    cl_list_init(&instance->desks);
    instance->offset = CL_AGENT_LINK_NO_OFFSET;
    instance->lists_agents = from->lists_agents;
    instance->id_len = (uint32_t)from->id.len;
    memcpy(instance->id, from->id.ptr, from->id.len);
    cl_link_init(&instance->link);
    bool is_other;
    enum cl_err err = set_secret(relay, instance, &from->secret, &is_other);
    if (err != CL_OK) {
        cl_hmac_free(instance->hmac);
        cl_free(instance);
        return err;
    }
    err = cl_map_put(&al->instances, cl_al_instance_id(instance), instance);
    if (err != CL_OK) {
        (void)cl_map_remove(&al->tokens, token_key(instance));
        cl_hmac_free(instance->hmac);
        cl_free(instance);
        return err;
    }
    *ret_instance = instance;
    return add_listed(relay, instance, from->agents);
}

static void desk_free(struct cl_al_desk *desk);

void
cl_al_instance_free(struct cl_al_instance *instance)
{
    CL_LIST_EACH(&instance->desks, at)
    {
        desk_free(CL_LIST_ENTRY(at, struct cl_al_desk, link));
    }
    cl_hmac_free(instance->hmac);
    cl_body_unref(instance->name);
    cl_body_unref(instance->key);
    cl_free(instance);
}

/* -- desks ------------------------------------------------------------------------------------- */

static struct cl_al_desk *
desk_new(struct cl_relay *relay, struct cl_al_instance *instance, cl_str id)
{
    struct cl_al_desk *desk = cl_alloc(sizeof *desk + id.len);
    if (desk == NULL)
        return NULL;
    desk->relay = relay;
    desk->instance = instance;
    cl_list_init(&desk->voices);
    cl_list_init(&desk->pushes);
    desk->id_len = (uint32_t)id.len;
    memcpy(desk->id, id.ptr, id.len);
    if (cl_map_put(&relay->agent_link->agents, cl_desk_agent(desk), desk) != CL_OK) {
        cl_free(desk);
        return NULL;
    }
    cl_list_append(&instance->desks, &desk->link);
    return desk;
}

/* It is closed, and nobody speaks for it. */
static void
desk_free(struct cl_al_desk *desk)
{
    (void)cl_map_remove(&desk->relay->agent_link->agents, cl_desk_agent(desk));
    cl_list_remove(&desk->link);
    cl_free(desk);
}

/* What an agent is registered with. */
static enum cl_err
put_record(struct cl_relay *relay, cl_str id)
{
    const struct cl_v2_attach said = {.agent = id, .metadata = CL_STR(RECORD_METADATA)};
    cl_buf_clear(&relay->text);
    return cl_v2_put_record(&said, &relay->text);
}

/* Was it registered here, and has said nothing else of itself elsewhere? */
static bool
is_registered_here(struct cl_relay *relay, const struct cl_agent *agent)
{
    return cl_agent_is_registered(agent) && put_record(relay, agent->id) == CL_OK &&
           cl_str_eq(cl_body_str(agent->record), cl_buf_str(&relay->text));
}

/* The core lists it from now on, and does not forget it while it is there. A journal that takes
 * nothing now keeps nobody from receiving. */
static void
tell_core(struct cl_al_desk *desk)
{
    struct cl_relay *relay = desk->relay;
    cl_str id = cl_desk_agent(desk);
    struct cl_command draft = {.kind = CL_COMMAND_ATTACH, .attach = {.agent = id}};
    if (!cl_agent_is_registered(cl_core_agent(relay->core, id))) {
        if (put_record(relay, id) != CL_OK)
            return;
        struct cl_body *record = cl_body_new(cl_buf_str(&relay->text));
        struct cl_command add = {.kind = CL_COMMAND_REGISTER,
                                 .registration = {.agent = id, .keeps = true, .record = record}};
        if (record != NULL)
            cl_err_ignore(cl_relay_submit(relay, &add, 0));
        cl_body_unref(record);
    }
    cl_err_ignore(cl_relay_submit(relay, &draft, desk->peer.handle));
}

/* Only CL_ERR_NO_MEMORY can happen. */
static enum cl_err
desk_open(struct cl_al_desk *desk)
{
    struct cl_relay *relay = desk->relay;
    enum cl_err err = cl_peer_begin(relay, &desk->peer, CL_PEER_DESK, &relay->agent_link->desks);
    if (err != CL_OK)
        return err;
    struct cl_command open = {.kind = CL_COMMAND_OPEN,
                              .open = {.agent = cl_desk_agent(desk),
                                       .holder = desk->peer.handle,
                                       .kind = CL_HOLDER_RANGED}};
    err = cl_relay_session(relay, &open);
    if (err != CL_OK) {
        cl_peer_end(relay, &desk->peer);
        return err;
    }
    desk->is_open = true;
    desk->is_held = false;
    if (desk->is_known)
        tell_core(desk);
    cl_relay_mark_ready(relay, cl_desk_agent(desk));
    return CL_OK;
}

static void
desk_close(struct cl_al_desk *desk)
{
    struct cl_relay *relay = desk->relay;
    if (!desk->is_open)
        return;
    desk->is_open = false;
    cl_al_forget_pushes(desk);
    cl_relay_close_holder(relay, desk->peer.handle);
    if (desk->is_attached)
        cl_relay_detach(relay, cl_desk_agent(desk));
    desk->is_attached = false;
    cl_peer_end(relay, &desk->peer);
}

void
cl_desk_reply(struct cl_al_desk *desk, const struct cl_effect *effect)
{
    if (effect->reply.command_kind == CL_COMMAND_ATTACH && effect->reply.err == CL_OK)
        desk->is_attached = true;
}

/* -- whose agent ------------------------------------------------------------------------------- */

/* The instance whose agent that could be, or NULL. */
static struct cl_al_instance *
instance_of(const struct cl_relay *relay, cl_str agent)
{
    struct cl_address address;
    if (relay->agent_link == NULL || !cl_address_read(agent, &address) ||
        address.kind != CL_ADDRESS_AGENT)
        return NULL;
    struct cl_al_instance *instance = cl_al_find_instance(relay->agent_link, address.instance);
    if (instance == NULL)
        return NULL;
    bool is_agent =
        !instance->lists_agents || cl_map_get(&relay->agent_link->agents, agent) != NULL;
    return is_agent ? instance : NULL;
}

struct cl_al_instance *
cl_al_reach(const struct cl_relay *relay, cl_str agent)
{
    struct cl_al_instance *instance = instance_of(relay, agent);
    return instance == NULL || instance->conns_len == 0 ? NULL : instance;
}

/* Nothing is out, and nothing waits. */
static bool
is_idle(const struct cl_al_desk *desk)
{
    const struct cl_agent *agent = cl_core_agent(desk->relay->core, cl_desk_agent(desk));
    return cl_list_is_empty(&desk->pushes) && (agent == NULL || agent->inbox.count == 0);
}

/* Of those that were written to and never heard of the oldest makes room, if it is not in use. */
static void
drop_unknown(struct cl_al_instance *instance)
{
    CL_LIST_EACH(&instance->desks, at)
    {
        struct cl_al_desk *desk = CL_LIST_ENTRY(at, struct cl_al_desk, link);
        if (desk->is_known || !is_idle(desk))
            continue;
        desk_close(desk);
        desk_free(desk);
        instance->unknown_len--;
        return;
    }
}

/* The desk of an agent that somebody writes to, or NULL: one that has registered in another way
 * waits for that, since clients here pass over what is for others. */
static struct cl_al_desk *
desk_of(struct cl_relay *relay, struct cl_al_instance *instance, cl_str agent)
{
    struct cl_al_desk *desk = cl_map_get(&relay->agent_link->agents, agent);
    if (desk != NULL || cl_agent_is_registered(cl_core_agent(relay->core, agent)))
        return desk;
    if (instance->unknown_len >= CL_AL_AGENTS_MAX)
        drop_unknown(instance);
    if (instance->unknown_len >= CL_AL_AGENTS_MAX)
        return NULL;
    desk = desk_new(relay, instance, agent);
    if (desk != NULL)
        instance->unknown_len++;
    return desk;
}

void
cl_al_adopt(struct cl_relay *relay, const struct cl_al_instance *only)
{
    for (const struct cl_agent *agent = NULL;
         (agent = cl_core_agent_next(relay->core, agent)) != NULL;) {
        struct cl_al_instance *instance = instance_of(relay, agent->id);
        if (instance == NULL || instance->lists_agents || (only != NULL && instance != only))
            continue;
        if (!cl_agent_is_registered(agent))
            (void)desk_of(relay, instance, agent->id); // they may be too many, as below
        if (!is_registered_here(relay, agent) ||
            cl_al_learn(relay, instance, agent->id, NULL) != CL_OK)
            continue;
        struct cl_al_desk *desk = cl_map_get(&relay->agent_link->agents, agent->id);
        desk->has_voice = true;
    }
}

void
cl_al_seat(struct cl_relay *relay, cl_str agent)
{
    struct cl_al_instance *instance = instance_of(relay, agent);
    // Whoever is attached in another way has said which agent it is.
    if (instance == NULL || cl_session_is_online(relay->session, agent))
        return;
    struct cl_al_desk *desk = desk_of(relay, instance, agent);
    if (desk != NULL && !desk->is_open && cl_desk_has_target(desk))
        cl_err_ignore(desk_open(desk)); // then nobody is there
}

bool
cl_al_is_gone(struct cl_relay *relay, cl_str agent)
{
    const struct cl_al_desk *desk = cl_map_get(&relay->agent_link->agents, agent);
    const struct cl_agent *known = cl_core_agent(relay->core, agent);
    if (cl_session_is_online(relay->session, agent))
        return false;
    return known == NULL ? desk != NULL : is_registered_here(relay, known); // or else it may poll
}

/* Connections have changed: what waits for an agent whose own have all gone is kept for it. */
static void
close_lonely(struct cl_al_instance *instance)
{
    CL_LIST_EACH(&instance->desks, at)
    {
        struct cl_al_desk *desk = CL_LIST_ENTRY(at, struct cl_al_desk, link);
        if (desk->is_open && !cl_desk_has_target(desk))
            desk_close(desk);
    }
}

/* Inlined it would make room for its address in each marking of who is ready. */
__attribute__((noinline)) void
cl_al_want(struct cl_relay *relay, cl_str agent)
{
    struct cl_al_instance *instance = instance_of(relay, agent);
    if (instance == NULL || cl_session_is_online(relay->session, agent))
        return;
    const struct cl_al_desk *desk = cl_map_get(&relay->agent_link->agents, agent);
    if (desk != NULL && (desk->is_open || instance->conns_len == 0))
        return; // there it is, or it is found when the instance comes
    struct wanted *wanted = cl_alloc(sizeof *wanted + agent.len);
    if (wanted == NULL)
        return; // the next message asks again
    wanted->id_len = (uint32_t)agent.len;
    memcpy(wanted->id, agent.ptr, agent.len);
    cl_list_append(&relay->agent_link->wanted, &wanted->link);
    cl_loop_again(relay->loop);
}

void
cl_al_turn(struct cl_relay *relay)
{
    struct cl_link *at;
    if (relay->agent_link == NULL)
        return;
    while ((at = cl_list_first(&relay->agent_link->wanted)) != NULL) {
        struct wanted *wanted = CL_LIST_ENTRY(at, struct wanted, link);
        cl_list_remove(at);
        cl_al_seat(relay, cl_str_of(wanted->id, wanted->id_len));
        cl_free(wanted);
    }
}

void
cl_al_forget_wanted(struct cl_agent_link *al)
{
    CL_LIST_EACH(&al->wanted, at)
    {
        cl_free(CL_LIST_ENTRY(at, struct wanted, link));
    }
}

void
cl_al_mark_all(struct cl_relay *relay)
{
    if (relay->agent_link == NULL)
        return;
    CL_LIST_EACH(&relay->agent_link->desks, at)
    {
        cl_relay_mark_ready(relay, cl_desk_agent(CL_LIST_ENTRY(at, struct cl_al_desk, peer.link)));
    }
}

/* -- who speaks -------------------------------------------------------------------------------- */

static enum cl_err
hear(struct cl_al_desk *desk, struct cl_al_conn *conn)
{
    CL_LIST_EACH(&desk->voices, at)
    {
        if (CL_LIST_ENTRY(at, struct cl_al_voice, of_desk)->conn == conn)
            return CL_OK;
    }
    struct cl_al_voice *voice = cl_alloc(sizeof *voice);
    if (voice == NULL)
        return CL_ERR_NO_MEMORY;
    voice->desk = desk;
    voice->conn = conn;
    cl_link_init(&voice->of_desk);
    cl_link_init(&voice->of_conn);
    desk->instance->shares_conns |= !cl_list_is_empty(&conn->voices);
    desk->has_voice = true;
    cl_list_append(&desk->voices, &voice->of_desk);
    cl_list_append(&conn->voices, &voice->of_conn);
    close_lonely(desk->instance);
    return CL_OK;
}

enum cl_err
cl_al_learn(struct cl_relay *relay, struct cl_al_instance *instance, cl_str agent,
            struct cl_al_conn *conn)
{
    struct cl_al_desk *desk = cl_map_get(&relay->agent_link->agents, agent);
    bool is_news = desk == NULL || !desk->is_known;
    if (desk == NULL && instance->lists_agents)
        return CL_ERR_FORBIDDEN;
    if (is_news && instance->known_len >= CL_AL_AGENTS_MAX)
        return CL_ERR_TOO_MANY;
    if (desk == NULL)
        desk = desk_new(relay, instance, agent);
    else if (is_news)
        instance->unknown_len--;
    if (desk == NULL)
        return CL_ERR_NO_MEMORY;
    instance->known_len += is_news;
    desk->is_known = true;
    if (conn == NULL)
        return CL_OK;
    enum cl_err err = hear(desk, conn);
    if (is_news && desk->is_open)
        tell_core(desk);
    else
        cl_al_seat(relay, agent);
    return err;
}

static void
voice_free(struct cl_al_voice *voice)
{
    cl_list_remove(&voice->of_desk);
    cl_list_remove(&voice->of_conn);
    cl_free(voice);
}

/* -- coming and going -------------------------------------------------------------------------- */

void
cl_al_instance_joined(struct cl_al_instance *instance, struct cl_al_conn *conn)
{
    struct cl_relay *relay = conn->relay;
    cl_list_append(&instance->conns, &conn->mate);
    if (instance->conns_len++ == 0)
        instance->since = cl_relay_time(relay);
    CL_LIST_EACH(&instance->desks, at)
    {
        cl_al_seat(relay, cl_desk_agent(CL_LIST_ENTRY(at, struct cl_al_desk, link)));
    }
}

void
cl_al_instance_left(struct cl_al_instance *instance, struct cl_al_conn *conn)
{
    CL_LIST_EACH(&conn->voices, at)
    {
        voice_free(CL_LIST_ENTRY(at, struct cl_al_voice, of_conn));
    }
    cl_list_remove(&conn->mate);
    instance->conns_len--;
    cl_al_unpush(conn);
    close_lonely(instance);
}

/* -- another file ------------------------------------------------------------------------------ */

static void
drop_desk(struct cl_al_desk *desk)
{
    struct cl_al_instance *instance = desk->instance;
    CL_LIST_EACH(&desk->voices, at)
    {
        voice_free(CL_LIST_ENTRY(at, struct cl_al_voice, of_desk));
    }
    desk_close(desk);
    instance->known_len -= desk->is_known;
    instance->unknown_len -= !desk->is_known;
    desk_free(desk);
}

/* Whoever has shown its secret so far has to do so again. */
static void
dismiss(struct cl_relay *relay, struct cl_al_instance *instance)
{
    cl_str reason = instance->is_removed ? CL_STR("this instance is not registered any more")
                                         : CL_STR("the secret of this instance has changed");
    CL_LIST_EACH(&instance->conns, at)
    {
        cl_ws_close(CL_LIST_ENTRY(at, struct cl_al_conn, mate)->ws, CL_WS_CLOSE_POLICY, reason);
    }
    CL_LIST_EACH(&relay->v2_conns, at)
    {
        struct cl_v2_conn *conn = CL_LIST_ENTRY(at, struct cl_v2_conn, link);
        if (conn->bound.ptr == instance->id)
            cl_ws_close(conn->ws, CL_WS_CLOSE_POLICY, reason);
    }
    CL_LIST_EACH(&relay->agent_link->knocks, at)
    {
        struct cl_al_knock *knock = CL_LIST_ENTRY(at, struct cl_al_knock, peer.link);
        knock->is_void |= knock->instance == instance;
    }
    close_lonely(instance);
}

/* Is the agent among them? */
static bool
is_listed(const struct cl_al_desk *desk, cl_strs agents)
{
    cl_str before, name;
    (void)cl_str_split(cl_desk_agent(desk), '/', &before, &name);
    for (uint32_t i = 0; i < agents.len; i++)
        if (cl_str_eq(agents.ptr[i], name))
            return true;
    return false;
}

static enum cl_err
set_agents(struct cl_relay *relay, struct cl_al_instance *instance,
           const struct cl_agent_link_instance *from)
{
    instance->lists_agents = from->lists_agents;
    if (!from->lists_agents)
        return CL_OK;
    CL_LIST_EACH(&instance->desks, at)
    {
        struct cl_al_desk *desk = CL_LIST_ENTRY(at, struct cl_al_desk, link);
        if (!is_listed(desk, from->agents))
            drop_desk(desk);
    }
    enum cl_err err = add_listed(relay, instance, from->agents);
    CL_LIST_EACH(&instance->desks, at)
    {
        cl_al_seat(relay, cl_desk_agent(CL_LIST_ENTRY(at, struct cl_al_desk, link)));
    }
    return err;
}

enum cl_err
cl_al_instance_update(struct cl_relay *relay, struct cl_al_instance *instance,
                      const struct cl_agent_link_instance *from)
{
    bool is_other = false;
    enum cl_err err = set_secret(relay, instance, &from->secret, &is_other);
    if (is_other) {
        cl_log_info(&relay->config.log, "agent_link.other_secret",
                    CL_F("instance", cl_al_instance_id(instance)));
        dismiss(relay, instance);
    }
    return err == CL_OK ? set_agents(relay, instance, from) : err;
}

void
cl_al_instance_remove(struct cl_relay *relay, struct cl_al_instance *instance)
{
    struct cl_agent_link *al = relay->agent_link;
    cl_log_info(&relay->config.log, "agent_link.removed",
                CL_F("instance", cl_al_instance_id(instance)));
    instance->is_removed = true;
    dismiss(relay, instance);
    CL_LIST_EACH(&instance->desks, at)
    {
        drop_desk(CL_LIST_ENTRY(at, struct cl_al_desk, link));
    }
    (void)cl_map_remove(&al->tokens, token_key(instance));
    (void)cl_map_remove(&al->instances, cl_al_instance_id(instance));
    cl_list_append(&al->removed, &instance->link);
}
