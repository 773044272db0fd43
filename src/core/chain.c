// SPDX-License-Identifier: MIT
#include "core/chain.h"

#include "base/alloc.h"
#include "base/assert.h"
#include "core/state.h"

#define MINUTE_MS 60000

static struct cl_chain *
chain_at(struct cl_link *link)
{
    return CL_LIST_ENTRY(link, struct cl_chain, link);
}

static struct cl_thread *
thread_at(struct cl_link *link)
{
    return CL_LIST_ENTRY(link, struct cl_thread, link);
}

static struct cl_chain *
chain_of(const struct cl_chains *chains, const cl_id *root)
{
    return cl_map_get(&chains->by_root, cl_str_of(root->bytes, sizeof root->bytes));
}

/* -- places -------------------------------------------------------------------------------- */

static bool
exceeds(uint64_t number, uint32_t max)
{
    return max > 0 && number > max;
}

/* What the sender took last, if that is not too long ago; else NULL. */
static const struct cl_took *
remembered(const struct cl_core *core, cl_time now, cl_str from)
{
    const struct cl_agent *agent = cl_core_agent(core, from);
    if (agent == NULL || cl_id_is_none(agent->took.root) ||
        now.ms - agent->took.at.ms >= CL_CHAIN_MEMORY_MS)
        return NULL;
    return &agent->took;
}

static uint8_t
hops_behind(const struct cl_took *took, bool is_answer)
{
    bool is_step = !is_answer && !took->is_answer && took->hops < UINT8_MAX;
    return (uint8_t)(took->hops + is_step);
}

/* Is there still room in the chain, for one of which so many are allowed? */
static enum cl_err
counted(const struct cl_core *core, const cl_id *root, uint32_t messages_max)
{
    const struct cl_chain *chain = chain_of(&core->chains, root);
    uint64_t messages = chain == NULL ? 1 : chain->messages;
    return exceeds(messages + 1, messages_max) ? CL_ERR_LOOP : CL_OK;
}

static enum cl_err
inherited(const struct cl_core *core, const struct cl_took *took, const struct cl_ask *ask,
          struct cl_place *ret_place)
{
    bool is_answer = ask->kind == CL_MSG_RESPONSE || !cl_id_is_none(ask->re);
    uint8_t hops = hops_behind(took, is_answer);
    if (exceeds(hops, core->limits.inherited_hops_max))
        return CL_ERR_LOOP;
    enum cl_err err = counted(core, &took->root, core->limits.inherited_messages_max);
    if (err == CL_OK)
        *ret_place = (struct cl_place){took->root, hops};
    return err;
}

/* Tokens come back one by one, evenly over the minute. */
static int64_t
token_ms(const struct cl_core *core)
{
    return MINUTE_MS / core->limits.thread_minute_max;
}

/* Declared: does it say that it is the root? */
static bool
is_root(const struct cl_ask *ask)
{
    return cl_id_is_none(ask->root) || cl_id_eq(ask->root, ask->id);
}

static size_t
add(char *space, size_t len, cl_str part)
{
    if (part.len > 0)
        memcpy(space + len, part.ptr, part.len);
    return len + part.len;
}

/* In that space. */
static cl_str
thread_key(const struct cl_ask *ask, char space[static CL_THREAD_KEY_BYTES_MAX])
{
    const cl_id root = is_root(ask) ? (cl_id){{0}} : ask->root;
    space[0] = (char)ask->thread.len;
    size_t len = add(space, 1, ask->thread);
    len = add(space, len, cl_str_of(root.bytes, sizeof root.bytes));
    return cl_str_of(space, is_root(ask) ? add(space, len, ask->from) : len);
}

static bool
has_token(const struct cl_core *core, cl_time now, const struct cl_ask *ask)
{
    char space[CL_THREAD_KEY_BYTES_MAX];
    if (core->limits.thread_minute_max == 0 || ask->thread.len == 0)
        return true;
    const struct cl_thread *thread =
        cl_map_get(&core->chains.threads_by_key, thread_key(ask, space));
    int64_t wait = thread == NULL || thread->full.ms < now.ms ? 0 : thread->full.ms - now.ms;
    return wait + token_ms(core) <= MINUTE_MS;
}

/* The receipt of the message that it answers, if that is one of this chain to its sender. */
static const struct cl_receipt *
question_of(const struct cl_core *core, const struct cl_ask *ask)
{
    const struct cl_receipt *receipt = cl_core_receipt(core, ask->re);
    if (receipt == NULL || !cl_str_eq(receipt->to, ask->from))
        return NULL;
    return cl_id_eq(cl_receipt_root(receipt), ask->root) ? receipt : NULL;
}

static enum cl_err
declared(const struct cl_core *core, const struct cl_took *took, const struct cl_ask *ask,
         struct cl_place *ret_place)
{
    const struct cl_receipt *question = question_of(core, ask);
    uint8_t hops = ask->hops;
    if (is_root(ask))
        return hops > 0 ? CL_ERR_MALFORMED : CL_OK;
    uint8_t least = took == NULL || !cl_id_eq(took->root, ask->root) ? 1 : hops_behind(took, false);
    if (question != NULL)
        hops = question->hops;
    else if (hops < least)
        hops = least;
    if (question == NULL && exceeds(hops, core->limits.hops_max))
        return CL_ERR_LOOP;
    enum cl_err err = counted(core, &ask->root, core->limits.chain_messages_max);
    if (err == CL_OK)
        *ret_place = (struct cl_place){ask->root, hops};
    return err;
}

enum cl_err
cl_chain_place(const struct cl_core *core, cl_time now, const struct cl_ask *ask,
               struct cl_place *ret_place)
{
    const struct cl_took *took = remembered(core, now, ask->from);
    if ((ask->flags & CL_MSG_DECLARED) == 0)
        return took == NULL ? CL_OK : inherited(core, took, ask, ret_place);
    if (!has_token(core, now, ask))
        return CL_ERR_LOOP;
    return declared(core, took, ask, ret_place);
}

/* -- counting ------------------------------------------------------------------------------ */

static void
chain_free(struct cl_chains *chains, struct cl_chain *chain)
{
    cl_map_remove(&chains->by_root, cl_str_of(chain->root.bytes, sizeof chain->root.bytes));
    cl_list_remove(&chain->link);
    cl_free(chain);
}

static void
thread_free(struct cl_chains *chains, struct cl_thread *thread)
{
    cl_map_remove(&chains->threads_by_key, thread->key);
    cl_list_remove(&thread->link);
    cl_free(thread);
}

enum cl_err
cl_chain_add(struct cl_chains *chains, cl_id root, uint64_t messages)
{
    struct cl_chain *chain = cl_alloc(sizeof *chain);
    if (chain == NULL)
        return CL_ERR_NO_MEMORY;
    *chain = (struct cl_chain){.root = root, .messages = messages};
    enum cl_err err =
        cl_map_put(&chains->by_root, cl_str_of(chain->root.bytes, sizeof chain->root.bytes), chain);
    if (err != CL_OK) {
        cl_free(chain);
        return err;
    }
    cl_list_append(&chains->used, &chain->link);
    if (chains->by_root.count > CL_CHAINS_MAX)
        chain_free(chains, chain_at(cl_list_first(&chains->used)));
    return CL_OK;
}

enum cl_err
cl_chain_add_thread(struct cl_chains *chains, cl_str key, cl_time full)
{
    struct cl_thread *thread = cl_alloc(sizeof *thread + key.len);
    if (thread == NULL)
        return CL_ERR_NO_MEMORY;
    thread->key = cl_str_of(thread + 1, key.len);
    memcpy(thread + 1, key.ptr, key.len);
    thread->full = full;
    enum cl_err err = cl_map_put(&chains->threads_by_key, thread->key, thread);
    if (err != CL_OK) {
        cl_free(thread);
        return err;
    }
    cl_list_append(&chains->threads, &thread->link);
    if (chains->threads_by_key.count > CL_THREADS_MAX)
        thread_free(chains, thread_at(cl_list_first(&chains->threads)));
    return CL_OK;
}

static void
spend_token(struct cl_core *core, const struct cl_ask *ask)
{
    struct cl_chains *chains = &core->chains;
    char space[CL_THREAD_KEY_BYTES_MAX];
    if (core->limits.thread_minute_max == 0 || ask->thread.len == 0)
        return;
    cl_str key = thread_key(ask, space);
    struct cl_thread *thread = cl_map_get(&chains->threads_by_key, key);
    cl_time from = thread == NULL || thread->full.ms < core->time.ms ? core->time : thread->full;
    cl_time full = cl_time_add(from, token_ms(core));
    if (thread == NULL) {
        enum cl_err err = cl_chain_add_thread(chains, key, full);
        CL_ASSERT(err == CL_OK);
        return;
    }
    thread->full = full;
    cl_list_remove(&thread->link);
    cl_list_append(&chains->threads, &thread->link);
}

void
cl_chain_join(struct cl_core *core, const struct cl_ask *ask, const struct cl_place *place)
{
    struct cl_chains *chains = &core->chains;
    if ((ask->flags & CL_MSG_DECLARED) != 0)
        spend_token(core, ask);
    if (cl_id_is_none(place->root))
        return;
    struct cl_chain *chain = chain_of(chains, &place->root);
    if (chain == NULL) {
        enum cl_err err = cl_chain_add(chains, place->root, 2);
        CL_ASSERT(err == CL_OK);
        return;
    }
    chain->messages++;
    cl_list_remove(&chain->link);
    cl_list_append(&chains->used, &chain->link);
}

void
cl_chain_took(struct cl_core *core, struct cl_agent *agent, struct cl_took took)
{
    if (cl_id_is_none(took.root))
        return;
    int64_t until = cl_time_add(took.at, CL_CHAIN_MEMORY_MS).ms;
    int64_t *slot = &core->chains.remembers_until[cl_chain_slot(agent->id)];
    agent->took = took;
    if (until > *slot) // loading comes to agents in another order than time did
        *slot = until;
}

uint64_t
cl_core_chain_messages(const struct cl_core *core, cl_id root)
{
    const struct cl_chain *chain = chain_of(&core->chains, &root);
    return chain == NULL ? 1 : chain->messages;
}

/* -- all of them --------------------------------------------------------------------------- */

void
cl_chains_init(struct cl_chains *chains, const cl_hash_key *hash_key)
{
    cl_map_init(&chains->by_root, hash_key);
    cl_map_init(&chains->threads_by_key, hash_key);
    cl_list_init(&chains->used);
    cl_list_init(&chains->threads);
}

void
cl_chains_done(struct cl_chains *chains)
{
    CL_LIST_EACH(&chains->used, at)
    {
        chain_free(chains, chain_at(at));
    }
    CL_LIST_EACH(&chains->threads, at)
    {
        thread_free(chains, thread_at(at));
    }
    cl_map_done(&chains->by_root);
    cl_map_done(&chains->threads_by_key);
}

const char *
cl_chains_fault(const struct cl_core *core)
{
    const struct cl_chains *chains = &core->chains;
    uint32_t count = 0;
    uint32_t threads = 0;
    CL_LIST_EACH(&chains->used, at)
    {
        const struct cl_chain *chain = chain_at(at);
        if (chain->messages < 2 || cl_id_is_none(chain->root) ||
            chain_of(chains, &chain->root) != chain)
            return "a chain is found by its root and has more messages than that";
        count++;
    }
    CL_LIST_EACH(&chains->threads, at)
    {
        const struct cl_thread *thread = thread_at(at);
        size_t name_len = thread->key.len == 0 ? 0 : (uint8_t)thread->key.ptr[0];
        if (name_len == 0 || name_len > CL_THREAD_BYTES_MAX ||
            thread->key.len < 1 + name_len + sizeof(cl_id) ||
            thread->key.len > 1 + name_len + sizeof(cl_id) + CL_ID_BYTES_MAX ||
            thread->full.ms < 0 || thread->full.ms > cl_time_add(core->time, MINUTE_MS).ms ||
            cl_map_get(&chains->threads_by_key, thread->key) != thread)
            return "a thread is found by its key and has all tokens in a minute";
        threads++;
    }
    if (count != chains->by_root.count || threads != chains->threads_by_key.count ||
        count > CL_CHAINS_MAX || threads > CL_THREADS_MAX)
        return "chains and threads are listed once, and not too many";
    return NULL;
}
