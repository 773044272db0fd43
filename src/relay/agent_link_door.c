// SPDX-License-Identifier: MIT
/*
 * Who may register. A register says neither when nor where it was signed, so judging one costs
 * thousands of codes, and anybody can ask for that: what may be spent on them is counted in codes,
 * for each network and in all. Loopback counts in all only, since many may stand behind it. A clock
 * that has a pin costs next to nothing, and keeps a small budget of its own, so that a flood locks
 * nobody out who was here before.
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

/* A register that was good once. */
struct seen {
    struct cl_link link;
    cl_digest digest;
    cl_time until;
};

enum cl_err
cl_al_door_init(struct cl_relay *relay, struct cl_al_door *door)
{
    const cl_hash_key *key = &relay->hash_key;
    door->entries = cl_alloc(ENTRIES_LEN * sizeof *door->entries);
    cl_map_init(&door->seen.by_digest, key);
    cl_list_init(&door->seen.in_order);
    if (door->entries == NULL)
        return CL_ERR_NO_MEMORY;
    cl_until_init(&door->budget.by_network, door->entries, CL_AL_NETWORKS_MAX, key);
    cl_until_init(&door->proven, door->entries + CL_AL_NETWORKS_MAX, CL_AL_PROVEN_MAX, key);
    cl_until_init(&door->sends, door->entries + CL_AL_NETWORKS_MAX + CL_AL_PROVEN_MAX, SENDS_LEN,
                  key);
    return CL_OK;
}

static void
seen_free(struct cl_al_seen *all, struct seen *seen)
{
    (void)cl_map_remove(&all->by_digest, cl_str_of((const char *)&seen->digest, sizeof(cl_digest)));
    cl_list_remove(&seen->link);
    all->len--;
    cl_free(seen);
}

void
cl_al_door_done(struct cl_al_door *door)
{
    CL_LIST_EACH(&door->seen.in_order, at)
    {
        seen_free(&door->seen, CL_LIST_ENTRY(at, struct seen, link));
    }
    cl_map_done(&door->seen.by_digest);
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

/* The search that is allowed now, and its price. */
static enum cl_err
search(struct cl_relay *relay, const struct cl_al_knock *knock,
       const struct cl_agent_link_search *asked, struct cl_agent_link_found *ret_found)
{
    struct cl_al_budget *budget = &relay->agent_link->door.budget;
    cl_instant now = cl_loop_now(relay->loop);
    cl_str key = network_key(&knock->network);
    struct purse one = purse_of(now, CL_AL_SEARCHES_PER_ADDRESS, 0);
    struct purse all = purse_of(now, CL_AL_SEARCHES_IN_ALL, budget->all_full_at);
    struct purse pinned = purse_of(now, CL_AL_SEARCHES_IN_ALL, budget->pinned_full_at);
    if (!knock->is_loopback)
        one.full_at = cl_until_get(&budget->by_network, key, one.now);
    int64_t most = macs_in(&one) < macs_in(&all) ? macs_in(&one) : macs_in(&all);
    bool is_pinned_only = most < CL_AGENT_LINK_OFFSET_MACS &&
                          asked->pinned != CL_AGENT_LINK_NO_OFFSET &&
                          macs_in(&pinned) >= CL_AGENT_LINK_OFFSET_MACS;
    uint32_t macs = is_pinned_only ? CL_AGENT_LINK_OFFSET_MACS : (uint32_t)most;
    uint32_t before = macs;
    enum cl_err err = cl_agent_link_search(asked, &macs, ret_found);
    int64_t spent = (int64_t)(before - macs) * MAC_CREDITS;
    if (is_pinned_only) {
        budget->pinned_full_at = pinned.full_at + spent;
        return err;
    }
    budget->all_full_at = all.full_at + spent;
    if (!knock->is_loopback && spent > 0)
        cl_until_set(&budget->by_network, key, one.full_at + spent, one.now);
    return err;
}

/* -- what came before -------------------------------------------------------------------------- */

static void
forget_old(struct cl_al_seen *all, cl_time now)
{
    struct cl_link *first;
    while ((first = cl_list_first(&all->in_order)) != NULL) {
        struct seen *seen = CL_LIST_ENTRY(first, struct seen, link);
        if (seen->until.ms > now.ms)
            return;
        seen_free(all, seen);
    }
}

/* CL_ERR_STALE: it came before. CL_ERR_TOO_MANY: there is no room to remember it. */
static enum cl_err
remember(struct cl_relay *relay, const cl_digest *signature)
{
    struct cl_al_seen *all = &relay->agent_link->door.seen;
    cl_time now = cl_relay_time(relay);
    forget_old(all, now);
    if (cl_map_get(&all->by_digest, cl_str_of((const char *)signature, sizeof *signature)) != NULL)
        return CL_ERR_STALE;
    if (all->len >= CL_AL_SEEN_MAX)
        return CL_ERR_TOO_MANY;
    struct seen *seen = cl_alloc(sizeof *seen);
    if (seen == NULL)
        return CL_ERR_NO_MEMORY;
    seen->digest = *signature;
    seen->until = cl_time_add(now, CL_AL_SEEN_MS);
    if (cl_map_put(&all->by_digest, cl_str_of((const char *)&seen->digest, sizeof(cl_digest)),
                   seen) != CL_OK) {
        cl_free(seen);
        return CL_ERR_NO_MEMORY;
    }
    cl_list_append(&all->in_order, &seen->link);
    all->len++;
    return CL_OK;
}

/* Those of another day are good again. */
static void
turn_page(struct cl_al_door *door, cl_time now)
{
    if (now.ms - door->sends_from.ms < CL_AL_PROVEN_MS)
        return;
    door->sends_from = now;
    door->sends_len = 0;
}

void
cl_al_door_sent(struct cl_relay *relay, const cl_digest *signature)
{
    struct cl_al_door *door = &relay->agent_link->door;
    cl_time now = cl_relay_time(relay);
    turn_page(door, now);
    if (door->sends_len >= CL_AL_SENDS_MAX)
        return;
    door->sends_len++;
    cl_until_set(&door->sends, cl_str_of((const char *)signature, sizeof *signature),
                 now.ms + CL_AL_PROVEN_MS, now.ms);
}

bool
cl_al_door_was_sent(struct cl_relay *relay, const cl_digest *signature)
{
    struct cl_al_door *door = &relay->agent_link->door;
    cl_time now = cl_relay_time(relay);
    cl_str key = cl_str_of((const char *)signature, sizeof *signature);
    turn_page(door, now);
    return door->sends_len >= CL_AL_SENDS_MAX || cl_until_get(&door->sends, key, now.ms) > now.ms;
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
log_refused(struct cl_relay *relay, const char *event, const struct cl_al_knock *knock)
{
    struct cl_al_door *door = &relay->agent_link->door;
    const uint64_t *counts = relay->agent_link->counts;
    cl_instant now = cl_loop_now(relay->loop);
    cl_address peer = {.port = 0};
    char ip[CL_ADDRESS_TEXT_CAP];
    if (now.ms < door->log_due.ms)
        return;
    door->log_due = cl_instant_add(now, 1000);
    memcpy(peer.ip, knock->network.ip, sizeof peer.ip);
    cl_address_ip_text(&peer, ip);
    cl_log_warn(&relay->config.log, event, CL_F("instance", knock->call->instance),
                CL_F("peer", (const char *)ip),
                CL_F("so_far", counts[CL_AL_COUNT_REFUSED] + counts[CL_AL_COUNT_REPLAYED] +
                                   counts[CL_AL_COUNT_BUSY]));
}

/* One sentence for a name that is not registered and for a wrong secret: nobody learns which names
 * there are. */
static enum cl_err
refuse(struct cl_relay *relay, const struct cl_al_knock *knock, enum cl_err err, struct cl_why *why)
{
    relay->agent_link->counts[CL_AL_COUNT_REFUSED]++;
    log_refused(relay, "agent_link.refused", knock);
    return cl_fail(err, why,
                   "%.*s is not registered at this relay, or its secret is another one, or its "
                   "clock is off by more than %d s",
                   CL_STR_ARG(knock->call->instance), CL_AL_CLOCK_S);
}

/* What was found is new, and is the instance's from now on. */
static enum cl_err
let_in(struct cl_relay *relay, const struct cl_al_knock *knock, struct cl_al_instance *instance,
       const struct cl_agent_link_found *found, struct cl_why *why)
{
    bool is_at_pin = found->offset == instance->offset;
    enum cl_err err = remember(relay, &knock->call->signature);
    if (err == CL_ERR_STALE) {
        relay->agent_link->counts[CL_AL_COUNT_REPLAYED]++;
        log_refused(relay, "agent_link.replay", knock);
        return cl_fail(err, why, "this register came before: sign a new one");
    }
    if (err != CL_OK && !(err == CL_ERR_TOO_MANY && is_at_pin))
        return cl_fail(err, why, "%s", cl_err_wire(err));
    if (!is_at_pin && instance->offset != CL_AGENT_LINK_NO_OFFSET)
        cl_log_warn(
            &relay->config.log, "agent_link.offset", CL_F("instance", cl_al_instance_id(instance)),
            CL_F("from_minutes", 15 * instance->offset), CL_F("to_minutes", 15 * found->offset));
    instance->offset = found->offset;
    relay->agent_link->counts[CL_AL_COUNT_REGISTERED]++;
    cl_al_door_prove(relay, &knock->network, cl_al_instance_id(instance));
    return CL_OK;
}

enum cl_err
cl_al_door_register(struct cl_relay *relay, const struct cl_al_knock *knock,
                    struct cl_al_instance **ret_instance, struct cl_why *why)
{
    struct cl_agent_link *al = relay->agent_link;
    struct cl_al_instance *instance = cl_al_find_instance(al, knock->call->instance);
    struct cl_agent_link_found found;
    if (instance == NULL && !al->is_open)
        return refuse(relay, knock, CL_ERR_FORBIDDEN, why);
    const struct cl_agent_link_search asked = {
        .hmac = instance == NULL || instance->hmac == NULL ? al->hmac : instance->hmac,
        .instance = knock->call->instance,
        .signature = knock->call->signature,
        .now = cl_relay_time(relay),
        .pinned = instance == NULL ? CL_AGENT_LINK_NO_OFFSET : instance->offset};
    enum cl_err err = search(relay, knock, &asked, &found);
    if (err == CL_ERR_UNAUTHORIZED)
        return refuse(relay, knock, err, why);
    if (err == CL_ERR_RATE) {
        al->counts[CL_AL_COUNT_BUSY]++;
        log_refused(relay, "agent_link.busy", knock);
    }
    const struct cl_agent_link_instance from = {.id = knock->call->instance,
                                                .name = knock->call->name};
    bool is_news = instance == NULL;
    if (err == CL_OK && is_news)
        err = cl_al_instance_new(relay, &from, &instance);
    if (err == CL_OK && is_news)
        cl_al_adopt(relay, instance);
    if (err != CL_OK)
        return cl_fail(err, why, "the relay is busy: try again later");
    err = let_in(relay, knock, instance, &found, why);
    if (err == CL_OK)
        *ret_instance = instance;
    return err;
}
