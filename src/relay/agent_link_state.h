// SPDX-License-Identifier: MIT
/*
 * relay/agent_link_state.h - what Agent Link is in the relay: instances, their agents and
 * connections, and what is on its way (relay/agent_link.h).
 */
#ifndef CL_RELAY_AGENT_LINK_STATE_H
#define CL_RELAY_AGENT_LINK_STATE_H

#include "base/map.h"
#include "base/until.h"
#include "core/core.h"
#include "net/tcp.h"
#include "proto/agent_link.h"
#include "proto/agent_link_config.h"
#include "relay/peers.h"
#include "trust/agent_link_register.h"
#include "trust/agent_link_sign.h"

/* -- instances and their agents ---------------------------------------------------------------- */

struct cl_al_instance {
    struct cl_link link;  // in al->removed
    struct cl_list conns; // its WebSockets that have registered, the oldest first
    struct cl_list desks;
    uint32_t conns_len;
    uint32_t known_len;     // desks of agents that are listed, or have spoken
    uint32_t unknown_len;   // desks of others, to whom somebody sent
    struct cl_hmac *hmac;   // its own secret's; NULL: the shared one
    int8_t offset;          // of its clock when it registered last; CL_AGENT_LINK_NO_OFFSET
    bool lists_agents;      // there are no others than those that have a desk
    bool is_removed;        // the file names it no more: its connections are about to end
    bool shares_conns;      // several of its agents have spoken on one connection
    uint64_t passing_bytes; // what it has on its way
    uint32_t sends_len;     // of it in al->door.sends, since
    cl_time sends_from;
    int64_t seen_full_at; // by the loop's clock: its share of what is remembered
    cl_time since;        // since when it has been connected
    struct cl_body *name; // what the file says, as the next; NULL: nothing
    struct cl_body *key;  // the public one, or what was shown first
    cl_digest token;      // of the instance token, by which it is found
    uint32_t id_len;
    char id[];
};

static inline cl_str
cl_al_instance_id(const struct cl_al_instance *instance)
{
    return cl_str_of(instance->id, instance->id_len);
}

/* One agent. */
struct cl_al_desk {
    struct cl_peer peer; // while it is open: its handle is the holder; in al->desks
    struct cl_relay *relay;
    struct cl_al_instance *instance;
    struct cl_link link;   // in instance->desks
    struct cl_list voices; // connections that it has spoken on
    struct cl_list pushes; // what is out with connections
    bool is_open;
    bool is_known;    // it is listed, or has spoken
    bool has_voice;   // it speaks on connections: one on which only others do is not its own
    bool is_attached; // the core has applied that
    bool is_held;     // it takes none before what waits for a connection has gone out
    uint32_t id_len;
    char id[]; // "instance/agent"
};

static inline cl_str
cl_desk_agent(const struct cl_al_desk *desk)
{
    return cl_str_of(desk->id, desk->id_len);
}

/* An agent that has sent on that connection. */
struct cl_al_voice {
    struct cl_link of_desk;
    struct cl_link of_conn;
    struct cl_al_desk *desk;
    struct cl_al_conn *conn;
};

/* A message that a desk holds. */
struct cl_al_push {
    struct cl_link link; // in desk->pushes
    struct cl_al_desk *desk;
    struct cl_range at;
    struct cl_list copies;
    uint32_t voiced; // copies with connections that the agent has spoken on
};

/* One connection that it was pushed to. */
struct cl_al_copy {
    struct cl_link of_push;
    struct cl_link of_conn; // by proof
    struct cl_al_push *push;
    uint64_t proof; // the ping behind it
    cl_instant since;
    bool is_voiced;
};

/* -- connections ------------------------------------------------------------------------------- */

struct cl_al_conn {
    struct cl_relay *relay;
    struct cl_ws_conn *ws;
    struct cl_link link;             // in al->conns
    struct cl_link mate;             // in instance->conns
    struct cl_al_instance *instance; // NULL: it has not registered
    cl_network network;
    bool is_loopback;
    struct cl_timer timer; // runs until it has registered
    struct cl_list voices;
    struct cl_list copies;
    struct cl_al_knock *knock; // its register waits for a commit
    struct cl_list passes;
    uint32_t passes_len;
    uint64_t proof; // of the last ping
};

/* A message that an Agent Link client sent, until its end is known. */
struct cl_al_pass {
    struct cl_peer peer; // its handle is the ticket; in al->passes
    struct cl_relay *relay;
    struct cl_al_instance *instance; // its sender's
    uint64_t bytes;                  // that it counts there
    struct cl_al_conn *conn;         // NULL: it came over HTTP, or its sender has gone
    struct cl_link of_conn;
    uint64_t exchange; // the handle of the request; 0: it came over a WebSocket
    uint32_t to_len;
    char to[]; // as it was written
};

/* A register that is good, if it never came before. */
struct cl_al_knock {
    struct cl_peer peer; // in al->knocks
    struct cl_relay *relay;
    struct cl_al_conn *conn; // NULL: it came over HTTP, or has gone
    uint64_t exchange;       // the handle of the request; 0: it came over a WebSocket
    struct cl_al_instance *instance;
    bool is_void; // what it was signed with is no secret of the instance any more
    cl_network network;
    int8_t offset;
    uint32_t key_len;
    char key[]; // the public key that it shows
};

static inline cl_str
cl_al_knock_key(const struct cl_al_knock *knock)
{
    return cl_str_of(knock->key, knock->key_len);
}

/* -- all of it --------------------------------------------------------------------------------- */

/* Codes that may still be made for registers that are not known to be good. */
struct cl_al_budget {
    struct cl_until by_network;
    int64_t all_full_at;
    int64_t pinned_full_at;
};

struct cl_al_door {
    struct cl_until_entry *entries; // of the tables, one after the other
    struct cl_al_budget budget;
    struct cl_until proven; // by network and instance: it may send over HTTP
    struct cl_until sends;  // signatures of sends
    uint32_t sends_len;     // since sends_from
    cl_time sends_from;
    cl_instant log_due; // when a refusal is logged again
};

enum cl_al_count {
    CL_AL_COUNT_REGISTERED,
    CL_AL_COUNT_REFUSED,  // a wrong signature, or nobody that is registered
    CL_AL_COUNT_REPLAYED, // a good one that came before
    CL_AL_COUNT_BUSY,     // past a budget: not looked at
    CL_AL_COUNT_DELIVERED,
    CL_AL_COUNT_FAILED, // messages that did not get there
    CL_AL_COUNT_LEN
};
/* "registered", and so on. */
extern const char *const cl_al_count_names[CL_AL_COUNT_LEN];

struct cl_agent_link {
    struct cl_relay *relay;
    struct cl_listener *listener; // NULL: it is stopping
    struct cl_http_server *http;
    struct cl_secret secret; // shared; of length 0: each instance has its own
    struct cl_hmac *hmac;    // of that
    bool is_open;            // no list: whoever proves the secret is registered
    uint16_t port;           // what the file says
    struct cl_map instances; // by id
    struct cl_list removed;  // instances that were, in which somebody may still have a view
    struct cl_map tokens;    // instances by the digest of their token
    struct cl_map agents;    // desks by id
    struct cl_list conns;    // all WebSockets
    uint32_t conns_len;
    struct cl_list desks; // those that are open
    struct cl_list passes;
    struct cl_list knocks;
    struct cl_list wanted;
    struct cl_al_door door;
    struct cl_timer beat; // the agents of connected instances are heard of
    bool has_content;     // this turn has seen some: scratch buffers hold it
    struct cl_buf frame;  // scratch
    uint64_t counts[CL_AL_COUNT_LEN];
};

#endif
