// SPDX-License-Identifier: MIT
/*
 * core/chain.h - which message caused which, and when that has gone on for long enough.
 *
 * Agents that answer each other never stop on their own. A message therefore belongs to a chain: it
 * is the root of a new one, or it follows from a message that its sender took, and then it carries
 * that one's root and stands so many hops behind it. A chain that gets too long is CL_ERR_LOOP.
 *
 *     DECLARED   its sender says root and hops, and is held to what it took: it cannot stand in
 *                front of the message that it follows from. Limits: hops, messages of the chain,
 *                those of them in its thread in a minute (a token bucket).
 *     inherited  its sender says nothing, but took a message less than CL_CHAIN_MEMORY_MS ago: it
 *                follows from that one. Wider limits: hops, messages of the chain.
 *     neither    it is the root of its chain, and nothing is counted.
 *
 * An answer goes back one step and not one further: it counts as a message, not as a hop, and who
 * takes it stands where the question stood. Declared, it must answer a message that is known by its
 * receipt, of the same chain and to its sender; inherited, its word is taken.
 *
 * A chain is counted from its second message on. Chains and threads that were not used for longest
 * are forgotten when there are too many.
 */
#ifndef CL_CORE_CHAIN_H
#define CL_CORE_CHAIN_H

#include <string.h>

#include "base/err.h"
#include "base/limits.h"
#include "base/list.h"
#include "base/map.h"
#include "base/time.h"
#include "core/types.h"

/* The message that an agent took last. */
struct cl_took {
    cl_id root; // none: it took none
    cl_time at;
    uint8_t hops;
    bool is_answer;
};

struct cl_chain {
    cl_id root;
    uint64_t messages; // at least 2
    struct cl_link link;
};

/* What is said in a thread, in one chain; or the chains that one sender begins there. Whoever else
 * uses that name, by chance or on purpose, takes no token of it. */
struct cl_thread {
    cl_str
        key; // the length of the thread's name in a byte, the name, the root; or 0 and the sender
    cl_time full; // when its bucket has all tokens again
    struct cl_link link;
};

#define CL_THREAD_KEY_BYTES_MAX (1 + CL_THREAD_BYTES_MAX + sizeof(cl_id) + CL_ID_BYTES_MAX)

/* Slots of the filter: an agent that took nothing for a while, which most senders of a busy relay
 * are, meets one that did by a chance of 1 in 40 with 100 of them. */
#define CL_TOOK_SLOTS 4096

struct cl_chains {
    struct cl_map by_root;
    struct cl_list used; // least recently first
    struct cl_map threads_by_key;
    struct cl_list threads; // least recently used first
    /* Agents by the last bytes of their id: until when one of them remembers what it took. It only
     * saves looking up who has nothing to remember, and is no part of the state. */
    int64_t remembers_until[CL_TOOK_SLOTS];
};

/* A message that asks for its place. */
struct cl_ask {
    cl_str from;
    cl_str thread;
    cl_id id;
    cl_id re;
    cl_id root;
    uint8_t hops;
    uint8_t flags;
    uint8_t kind;
};
/* Of the fields of a SEND or PUBLISH. */
#define CL_ASK_OF(fields)                                                                          \
    ((struct cl_ask){(fields)->from, (fields)->thread, (fields)->id, (fields)->re, (fields)->root, \
                     (fields)->hops, (fields)->flags, (fields)->kind})

struct cl_place {
    cl_id root; // none: the message is the root
    uint8_t hops;
};

struct cl_agent;
struct cl_core;

/* Of the id's last bytes, where most ids differ. */
static inline uint32_t
cl_chain_slot(cl_str agent)
{
    uint64_t tail = 0;
    if (agent.len >= sizeof tail)
        memcpy(&tail, agent.ptr + agent.len - sizeof tail, sizeof tail);
    else
        for (size_t i = 0; i < agent.len; i++)
            tail = tail << 8 | (uint8_t)agent.ptr[i];
    return (uint32_t)((tail + agent.len) * UINT64_C(0x9e3779b97f4a7c15) >> 52);
}

/* Has cl_chain_place anything to decide? False for the messages of those who took nothing and
 * declare nothing: they are roots. May be true for them as well. */
static inline bool
cl_chain_is_asked(const struct cl_chains *chains, cl_time now, cl_str from, uint8_t flags)
{
    return (flags & CL_MSG_DECLARED) != 0 || chains->remembers_until[cl_chain_slot(from)] > now.ms;
}

/* Where that message stands; CL_ERR_LOOP, or CL_ERR_MALFORMED for hops without a root. *ret_place
 * is zeroed before. O(1). */
CL_MUST_CHECK enum cl_err cl_chain_place(const struct cl_core *core, cl_time now,
                                         const struct cl_ask *ask, struct cl_place *ret_place);
/* It was accepted there: counts. Dies without memory. */
void cl_chain_join(struct cl_core *core, const struct cl_ask *ask, const struct cl_place *place);
/* The agent took that message. */
void cl_chain_took(struct cl_core *core, struct cl_agent *agent, struct cl_took took);

/* For loading: counts so far, as the most recently used. Only CL_ERR_NO_MEMORY can happen. */
CL_MUST_CHECK enum cl_err cl_chain_add(struct cl_chains *chains, cl_id root, uint64_t messages);
CL_MUST_CHECK enum cl_err cl_chain_add_thread(struct cl_chains *chains, cl_str key, cl_time full);
void cl_chains_init(struct cl_chains *chains, const cl_hash_key *hash_key);
void cl_chains_done(struct cl_chains *chains);
/* The first broken invariant, or NULL. */
const char *cl_chains_fault(const struct cl_core *core);

#endif
