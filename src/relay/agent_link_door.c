// SPDX-License-Identifier: MIT
/*
 * Who may register. A register says neither when nor where it was signed, so judging one costs
 * thousands of codes, and anybody can ask for that: what may be spent on them is counted in codes,
 * for each network and in all. Loopback counts in all only, since many may stand behind it. A clock
 * that has a pin costs next to nothing, and keeps a budget of its own, a small part of it for each
 * network, so that a flood locks nobody out who was here before.
 */
#include <string.h>

#include "base/alloc.h"
#include "relay/agent_link.h"
#include "relay/state.h"

/* A code costs so many credits: a millisecond earns as many as codes are allowed in a second. */
#define MAC_CREDITS 1000

/* Of the tables; each a multiple of CL_UNTIL_WAYS. That of sends is never more than a quarter full,
 * so that it forgets next to none before their time. */
#define SENDS_LEN   (4 * CL_AL_SENDS_MAX)
#define ENTRIES_LEN (CL_AL_NETWORKS_MAX + CL_AL_PROVEN_MAX + SENDS_LEN)

/* A network, and the name of an instance. */
#define PROOF_KEY_MAX (sizeof(cl_network) + CL_NAME_BYTES_MAX)

enum cl_err
cl_al_door_init(struct cl_relay *relay, struct cl_al_door *door)
{
    const cl_hash_key *key = &relay->hash_key;
    door->entries = cl_alloc(ENTRIES_LEN * sizeof *door->entries);
    if (door->entries == NULL)
        return CL_ERR_NO_MEMORY;
    cl_until_init(&door->budget.by_network, door->entries, CL_AL_NETWORKS_MAX, key);
    cl_until_init(&door->proven, door->entries + CL_AL_NETWORKS_MAX, CL_AL_PROVEN_MAX, key);
    cl_until_init(&door->sends, door->entries + CL_AL_NETWORKS_MAX + CL_AL_PROVEN_MAX, SENDS_LEN,
                  key);
    return CL_OK;
}

void
cl_al_door_done(struct cl_al_door *door)
{
    cl_free(door->entries);
    door->entries = NULL;
}

/* -- budgets ----------------------------------------------------------------------------------- */

/* One of them, as of now: it is full again at full_at, both in credits. */
struct purse {
    int64_t now;
    int64_t full_at;
    int64_t holds;
};

static struct purse
purse_of(cl_instant now, int64_t searches, int64_t full_at)
{
    int64_t per_second = searches * CL_AGENT_LINK_SEARCH_MACS;
    struct purse purse = {.now = now.ms * per_second,
                          .full_at = full_at,
                          .holds = CL_AL_BURST_S * per_second * MAC_CREDITS};
    if (purse.full_at < purse.now)
        purse.full_at = purse.now;
    return purse;
}

static int64_t
macs_in(const struct purse *purse)
{
    int64_t left = purse->holds - (purse->full_at - purse->now);
    return left > 0 ? left / MAC_CREDITS : 0;
}

static cl_str
network_key(const cl_network *network)
{
    return cl_str_of((const char *)network, sizeof *network);
}

/* What the network may ask for, of searches in full or of those of a pin. */
static struct purse
purse_of_network(struct cl_relay *relay, const struct cl_al_who *who, cl_str key)
{
    struct purse purse = purse_of(cl_loop_now(relay->loop), CL_AL_SEARCHES_PER_ADDRESS, 0);
    if (!who->is_loopback)
        purse.full_at = cl_until_get(&relay->agent_link->door.budget.by_network, key, purse.now);
    return purse;
}

static void
pay(struct cl_relay *relay, const struct cl_al_who *who, cl_str key, int64_t spent)
{
    struct purse purse = purse_of_network(relay, who, key);
    if (!who->is_loopback && spent > 0)
        cl_until_set(&relay->agent_link->door.budget.by_network, key, purse.full_at + spent,
                     purse.now);
}

/* With so many codes at the most; what they cost, in credits. */
static enum cl_err
search_with(const struct cl_agent_link_search *asked, int64_t macs, int64_t *ret_spent,
            struct cl_agent_link_found *ret_found)
{
    uint32_t left = (uint32_t)macs;
    enum cl_err err = cl_agent_link_search(asked, &left, ret_found);
    *ret_spent = (macs - left) * MAC_CREDITS;
    return err;
}

/* Past the other budgets: the pinned clock alone. */
static enum cl_err
search_pinned(struct cl_relay *relay, const struct cl_al_who *who,
              const struct cl_agent_link_search *asked, struct cl_agent_link_found *ret_found)
{
    struct cl_al_budget *budget = &relay->agent_link->door.budget;
    char space[sizeof(cl_network) + 1] = {0}; // longer than the key of the other purse
    memcpy(space, &who->network, sizeof who->network);
    cl_str key = cl_str_of(space, sizeof space);
    struct purse one = purse_of_network(relay, who, key);
    struct purse all =
        purse_of(cl_loop_now(relay->loop), CL_AL_SEARCHES_IN_ALL, budget->pinned_full_at);
    int64_t spent;
    if (asked->pinned == CL_AGENT_LINK_NO_OFFSET || macs_in(&all) < CL_AGENT_LINK_OFFSET_MACS ||
        macs_in(&one) < CL_AGENT_LINK_OFFSET_MACS)
        return CL_ERR_RATE;
    enum cl_err err = search_with(asked, CL_AGENT_LINK_OFFSET_MACS, &spent, ret_found);
    budget->pinned_full_at = all.full_at + spent;
    pay(relay, who, key, CL_AL_PINNED_WEIGHT * spent);
    return err;
}

/* The search that is allowed now, and its price. */
static enum cl_err
search(struct cl_relay *relay, const struct cl_al_who *who,
       const struct cl_agent_link_search *asked, struct cl_agent_link_found *ret_found)
{
    struct cl_al_budget *budget = &relay->agent_link->door.budget;
    cl_str key = network_key(&who->network);
    struct purse one = purse_of_network(relay, who, key);
    struct purse all =
        purse_of(cl_loop_now(relay->loop), CL_AL_SEARCHES_IN_ALL, budget->all_full_at);
    int64_t most = macs_in(&one) < macs_in(&all) ? macs_in(&one) : macs_in(&all);
    int64_t spent;
    if (most < CL_AGENT_LINK_OFFSET_MACS)
        return search_pinned(relay, who, asked, ret_found);
    enum cl_err err = search_with(asked, most, &spent, ret_found);
    budget->all_full_at = all.full_at + spent;
    pay(relay, who, key, spent);
    return err;
}

/* -- sends that came before -------------------------------------------------------------------- */

/* Those of another day are good again. */
static void
turn_page(struct cl_al_door *door, cl_time now)
{
    if (now.ms - door->sends_from.ms < CL_AL_PROVEN_MS)
        return;
    door->sends_from = now;
    door->sends_len = 0;
}

/* What that instance has in the memory of all. */
static uint32_t *
sends_of(struct cl_al_door *door, struct cl_al_instance *instance)
{
    if (instance->sends_from.ms != door->sends_from.ms)
        instance->sends_len = 0;
    instance->sends_from = door->sends_from;
    return &instance->sends_len;
}

void
cl_al_door_sent(struct cl_relay *relay, struct cl_al_instance *instance, const cl_digest *signature)
{
    struct cl_al_door *door = &relay->agent_link->door;
    cl_time now = cl_relay_time(relay);
    turn_page(door, now);
    uint32_t *len = sends_of(door, instance);
    if (*len >= CL_AL_SENDS_SHARE || door->sends_len >= CL_AL_SENDS_MAX)
        return;
    ++*len;
    door->sends_len++;
    cl_until_set(&door->sends, cl_str_of((const char *)signature, sizeof *signature),
                 now.ms + CL_AL_PROVEN_MS, now.ms);
}

enum cl_err
cl_al_door_was_sent(struct cl_relay *relay, struct cl_al_instance *instance,
                    const cl_digest *signature)
{
    struct cl_al_door *door = &relay->agent_link->door;
    cl_time now = cl_relay_time(relay);
    cl_str key = cl_str_of((const char *)signature, sizeof *signature);
    turn_page(door, now);
    if (cl_until_get(&door->sends, key, now.ms) > now.ms)
        return CL_ERR_STALE;
    bool is_full =
        *sends_of(door, instance) >= CL_AL_SENDS_SHARE || door->sends_len >= CL_AL_SENDS_MAX;
    return is_full ? CL_ERR_TOO_MANY : CL_OK;
}

/* -- who was here ------------------------------------------------------------------------------ */

static cl_str
proof_key(const cl_network *network, cl_str instance, char space[static PROOF_KEY_MAX])
{
    memcpy(space, network, sizeof *network);
    memcpy(space + sizeof *network, instance.ptr, instance.len);
    return cl_str_of(space, sizeof *network + instance.len);
}

void
cl_al_door_prove(struct cl_relay *relay, const cl_network *network, cl_str instance)
{
    char space[PROOF_KEY_MAX];
    int64_t now = cl_relay_time(relay).ms;
    cl_until_set(&relay->agent_link->door.proven, proof_key(network, instance, space),
                 now + CL_AL_PROVEN_MS, now);
}

bool
cl_al_door_is_proven(struct cl_relay *relay, const cl_network *network, cl_str instance)
{
    char space[PROOF_KEY_MAX];
    int64_t now = cl_relay_time(relay).ms;
    return cl_until_get(&relay->agent_link->door.proven, proof_key(network, instance, space), now) >
           now;
}

/* -- registering ------------------------------------------------------------------------------- */

/* Once a second at most: guesses must not fill the disk. */
static void
log_refused(struct cl_relay *relay, const char *event, const struct cl_al_who *who)
{
    struct cl_al_door *door = &relay->agent_link->door;
    const uint64_t *counts = relay->agent_link->counts;
    cl_instant now = cl_loop_now(relay->loop);
    cl_address peer = {.port = 0};
    char ip[CL_ADDRESS_TEXT_CAP];
    if (now.ms < door->log_due.ms)
        return;
    door->log_due = cl_instant_add(now, 1000);
    memcpy(peer.ip, who->network.ip, sizeof peer.ip);
    cl_address_ip_text(&peer, ip);
    cl_log_warn(&relay->config.log, event, CL_F("instance", who->call->instance),
                CL_F("peer", (const char *)ip),
                CL_F("so_far", counts[CL_AL_COUNT_REFUSED] + counts[CL_AL_COUNT_REPLAYED] +
                                   counts[CL_AL_COUNT_BUSY]));
}

/* One sentence for a name that is not registered and for a wrong secret, and the same work: nobody
 * learns which names there are. */
static enum cl_err
refuse(struct cl_relay *relay, const struct cl_al_who *who, enum cl_err err, struct cl_why *why)
{
    relay->agent_link->counts[CL_AL_COUNT_REFUSED]++;
    log_refused(relay, "agent_link.refused", who);
    return cl_fail(err, why,
                   "%.*s is not registered at this relay, or its secret is another one, or its "
                   "clock is off by more than %d s",
                   CL_STR_ARG(who->call->instance), CL_AL_CLOCK_S);
}

/* The code that a register of that name is tried with. Of a name that is not registered it is
 * somebody's all the same, so that the answer costs what it costs of others; NULL: there is nobody.
 */
static struct cl_hmac *
hmac_for(const struct cl_agent_link *al, const struct cl_al_instance *instance)
{
    uint32_t at = 0;
    if (instance != NULL && instance->hmac != NULL)
        return instance->hmac;
    if (al->hmac != NULL)
        return al->hmac;
    const struct cl_al_instance *first = cl_map_next(&al->instances, &at);
    return first == NULL ? NULL : first->hmac;
}

/* Whose register that is. */
static enum cl_err
find(struct cl_relay *relay, const struct cl_al_who *who, struct cl_al_instance **ret_instance,
     struct cl_agent_link_found *ret_found, struct cl_why *why)
{
    struct cl_agent_link *al = relay->agent_link;
    struct cl_al_instance *instance = cl_al_find_instance(al, who->call->instance);
    bool is_news = instance == NULL;
    const struct cl_agent_link_search asked = {.hmac = hmac_for(al, instance),
                                               .instance = who->call->instance,
                                               .signature = who->call->signature,
                                               .now = cl_relay_time(relay),
                                               .pinned = is_news ? CL_AGENT_LINK_NO_OFFSET
                                                                 : instance->offset};
    const struct cl_agent_link_instance from = {.id = who->call->instance, .name = who->call->name};
    enum cl_err err = asked.hmac == NULL ? CL_ERR_FORBIDDEN : search(relay, who, &asked, ret_found);
    if (err == CL_OK && is_news && !al->is_open)
        err = CL_ERR_FORBIDDEN; // who signs with that secret may know
    if (err == CL_ERR_UNAUTHORIZED || err == CL_ERR_FORBIDDEN)
        return refuse(relay, who, err, why);
    if (err == CL_ERR_RATE) {
        al->counts[CL_AL_COUNT_BUSY]++;
        log_refused(relay, "agent_link.busy", who);
    }
    if (err == CL_OK && is_news)
        err = cl_al_instance_new(relay, &from, &instance);
    if (err == CL_OK && is_news)
        cl_al_adopt(relay, instance);
    *ret_instance = instance;
    return err == CL_OK ? CL_OK : cl_fail(err, why, "the relay is busy: try again later");
}

/* -- and no second time ------------------------------------------------------------------------ */

static void
knock_free(struct cl_al_knock *knock)
{
    if (knock->conn != NULL)
        knock->conn->knock = NULL;
    cl_peer_end(knock->relay, &knock->peer);
    cl_free(knock);
}

void
cl_al_knock_forget(struct cl_al_knock *knock)
{
    knock->conn->knock = NULL;
    knock->conn = NULL;
}

void
cl_al_forget_knocks(struct cl_agent_link *al)
{
    CL_LIST_EACH(&al->knocks, at)
    {
        knock_free(CL_LIST_ENTRY(at, struct cl_al_knock, peer.link));
    }
}

/* It is the instance's from now on. */
static void
let_in(struct cl_al_knock *knock)
{
    struct cl_relay *relay = knock->relay;
    struct cl_al_instance *instance = knock->instance;
    if (knock->offset != instance->offset && instance->offset != CL_AGENT_LINK_NO_OFFSET)
        cl_log_warn(
            &relay->config.log, "agent_link.offset", CL_F("instance", cl_al_instance_id(instance)),
            CL_F("from_minutes", 15 * instance->offset), CL_F("to_minutes", 15 * knock->offset));
    instance->offset = knock->offset;
    relay->agent_link->counts[CL_AL_COUNT_REGISTERED]++;
    cl_al_door_prove(relay, &knock->network, cl_al_instance_id(instance));
}

/* Whoever waits for the answer. */
static void
answer(struct cl_al_knock *knock, enum cl_err err, cl_str sentence)
{
    struct cl_relay *relay = knock->relay;
    struct cl_al_conn *conn = knock->conn;
    struct cl_al_instance *instance = knock->instance;
    struct cl_exchange *exchange = cl_handles_get(&relay->handles, knock->exchange);
    if (exchange != NULL)
        cl_al_answer_register(exchange, err, sentence, knock);
    knock_free(knock);
    if (conn != NULL)
        cl_al_conn_answer(conn, err, sentence, instance);
}

void
cl_al_knock_reply(struct cl_al_knock *knock, enum cl_err err)
{
    struct cl_relay *relay = knock->relay;
    // What cannot be remembered is let in by a clock that is as it was: it is good for a minute.
    bool is_unkept = err == CL_ERR_TOO_MANY || err == CL_ERR_FULL || err == CL_ERR_READ_ONLY;
    if (knock->is_void)
        err = CL_ERR_UNAVAILABLE;
    else if (is_unkept && knock->offset == knock->instance->offset)
        err = CL_OK;
    bool is_refused =
        knock->exchange != 0 && cl_al_has_other_key(knock->instance, cl_al_knock_key(knock));
    if (err == CL_OK && !is_refused)
        let_in(knock);
    if (err == CL_ERR_STALE) {
        relay->agent_link->counts[CL_AL_COUNT_REPLAYED]++;
        cl_log_warn(&relay->config.log, "agent_link.replay",
                    CL_F("instance", cl_al_instance_id(knock->instance)));
    }
    answer(knock, err,
           err == CL_ERR_STALE ? CL_STR("this register came before: sign a new one") : CL_STR(""));
}

void
cl_al_refuse_knocks(struct cl_relay *relay, enum cl_err err)
{
    if (relay->agent_link == NULL)
        return;
    CL_LIST_EACH(&relay->agent_link->knocks, at)
    {
        cl_al_knock_reply(CL_LIST_ENTRY(at, struct cl_al_knock, peer.link), err);
    }
}

static struct cl_al_knock *
knock_new(struct cl_relay *relay, const struct cl_al_who *who, struct cl_al_instance *instance,
          const struct cl_agent_link_found *found)
{
    cl_str key = who->call->public_key;
    struct cl_al_knock *knock = cl_alloc(sizeof *knock + key.len);
    if (knock == NULL)
        return NULL;
    knock->relay = relay;
    knock->conn = who->conn;
    knock->exchange = who->exchange == NULL ? 0 : who->exchange->peer.handle;
    knock->instance = instance;
    knock->offset = found->offset;
    knock->network = who->network;
    knock->key_len = (uint32_t)key.len;
    if (key.len > 0)
        memcpy(knock->key, key.ptr, key.len);
    if (cl_peer_begin(relay, &knock->peer, CL_PEER_KNOCK, &relay->agent_link->knocks) != CL_OK) {
        cl_free(knock);
        return NULL;
    }
    if (who->conn != NULL)
        who->conn->knock = knock;
    return knock;
}

/* Once more into the memory of all, unless the instance has had its share of that. */
static enum cl_err
remember(struct cl_relay *relay, const struct cl_al_knock *knock, const cl_digest *signature)
{
    const int64_t price_ms = CL_AL_SEEN_MS / CL_AL_SEEN_SHARE;
    int64_t now_ms = cl_loop_now(relay->loop).ms;
    int64_t *full_at = &knock->instance->seen_full_at;
    struct cl_command draft = {
        .kind = CL_COMMAND_ONCE,
        .once = {.digest = cl_str_of((const char *)signature, sizeof *signature),
                 .until = cl_time_add(cl_relay_time(relay), CL_AL_SEEN_MS)}};
    if (cl_core_knows_once(relay->core, signature))
        return CL_ERR_STALE;
    if (*full_at < now_ms)
        *full_at = now_ms;
    if (*full_at + price_ms > now_ms + CL_AL_SEEN_MS)
        return CL_ERR_TOO_MANY;
    enum cl_err err = cl_relay_submit(relay, &draft, knock->peer.handle);
    if (err == CL_OK)
        *full_at += price_ms;
    return err;
}

enum cl_err
cl_al_door_register(struct cl_relay *relay, const struct cl_al_who *who, struct cl_why *why)
{
    struct cl_al_instance *instance;
    struct cl_agent_link_found found;
    enum cl_err err = find(relay, who, &instance, &found, why);
    if (err != CL_OK)
        return err;
    struct cl_al_knock *knock = knock_new(relay, who, instance, &found);
    if (knock == NULL)
        return cl_fail(CL_ERR_NO_MEMORY, why, "out of memory");
    err = remember(relay, knock, &who->call->signature);
    if (err != CL_OK)
        cl_al_knock_reply(knock, err);
    return CL_OK;
}
