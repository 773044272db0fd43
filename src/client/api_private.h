// SPDX-License-Identifier: MIT
/*
 * client/api_private.h - the inside of libclawlink (include/clawlink/client.h), for client/api_*.c
 * alone.
 *
 *     api.c         a client, its options, its end
 *     api_run.c     turns, the client's own thread, who waits for what
 *     api_event.c   events and their queue
 *     api_link.c    what the connection tells
 *     api_agent.c   agents
 *     api_send.c    letters, receipts, asks
 *     api_take.c    messages that were handed out, and what becomes of them
 *     api_call.c    reports and other calls
 *     api_blob.c    calls that block: blobs and files
 *
 * Every call for a client is a function that cl_api_do calls: with the client's lock held, as a
 * guest (base/guest.h). What happens is put into the queue and is given to the program later, with
 * the lock let go; so nothing here is ever entered from within itself.
 */
#ifndef CL_CLIENT_API_PRIVATE_H
#define CL_CLIENT_API_PRIVATE_H

#include <pthread.h>

#include "base/alloc.h"
#include "base/arena.h"
#include "base/guest.h"
#include "base/list.h"
#include "base/map.h"
#include "client/api_cli.h"
#include "client/uplink.h"
#include "net/loop.h"
#include "trust/group.h"

/* "instance/agent" with its NUL. */
#define CL_API_ADDRESS_CAP (2 * CL_NAME_BYTES_MAX + 2)

struct claw_client {
    struct cl_guest guest;
    pthread_mutex_t lock;
    pthread_cond_t news; // the queue, the calls that wait, or what the client is has changed
    bool is_broken;      // an assertion has failed
    bool is_ended;       // the uplink tries no more
    enum cl_err end;     // why
    struct cl_why why;   // of the last call that failed

    struct cl_client *relay;
    struct cl_loop *loop; // the relay's
    struct cl_uplink *uplink;
    struct cl_uplink_config config;
    char instance[CL_NAME_BYTES_MAX + 1];
    char program[CL_V2_DISPLAY_BYTES_MAX + 1];
    bool is_derived;           // the token follows from a secret
    struct cl_hmac *group_key; // NULL: nothing is signed
    bool needs_signature;      // also where the relay vouches for who cannot sign
    bool is_strict;            // the key is a group's, whatever the relay says
    bool is_group;             // the key is a group's
    bool is_told;              // the relay has said that; before, letters are drafts
    cl_hash_key hash_key;
    cl_time clock;         // the relay's, as it stood at
    cl_instant clock_at;   // that time; 0: it is not known yet
    struct cl_timer retry; // settling, after it could not be done

    struct cl_list agents;
    struct cl_list ops; // calls that wait for their answer
    uint64_t ops_len;
    size_t ops_bytes;
    struct cl_map asks; // by the question's id

    struct cl_list events;
    size_t events_bytes;
    struct cl_api_event *spare_down; // so that these need no memory when they come
    struct cl_api_event *spare_ended;
    claw_event_fn *on_event;
    void *event_user;

    bool is_driven;  // somebody is in claw_turn, or in a function that does the same
    bool is_polling; // it waits for the descriptor, and would not see a change
    bool has_thread;
    bool is_stopping;
    bool is_giving;  // on_event is being called,
    pthread_t giver; // by this thread
    pthread_t thread;
    int event_pipe[2]; // readable while the queue is not empty
};

/* -- every call -------------------------------------------------------------------------------- */

typedef enum cl_err cl_api_fn(claw_client *client, void *args, struct cl_why *why);
/* Calls fn with the lock held, notes why it failed, and wakes who turns the client. */
claw_err cl_api_do(claw_client *client, cl_api_fn *fn, void *args);
/* The same in a thread that has the lock; nobody is woken. */
claw_err cl_api_do_locked(claw_client *client, cl_api_fn *fn, void *args);
/* Without the lock, for what blocks and touches nothing that changes. */
claw_err cl_api_do_apart(claw_client *client, cl_api_fn *fn, void *args);

claw_err cl_api_err(enum cl_err err);

/* The caller's struct, which has a size of its own, as the one that is known here, zeroed behind
 * what the caller has. CL_ERR_USAGE: it is smaller than its first version or has an unknown part
 * that is not zero. */
CL_MUST_CHECK enum cl_err cl_api_struct(const void *given, void *ret_known, size_t known_size,
                                        struct cl_why *why);

/* -- events ------------------------------------------------------------------------------------ */

struct cl_api_event {
    struct claw_event shown; // the first member: what the program has
    struct cl_link link;     // in the queue
    size_t cap;              // of the text
    size_t len;
    char text[];
};

/* An event with room for so many bytes of strings, their NULs included; NULL without memory. */
struct cl_api_event *cl_api_event_new(uint32_t type, size_t cap);
/* A copy within the event; there is room for it. */
const char *cl_api_event_put(struct cl_api_event *event, cl_str text);
/* Accepts NULL. */
void cl_api_event_free(struct cl_api_event *event);
/* At the end of the queue. */
void cl_api_event_add(claw_client *client, struct cl_api_event *event);
/* The first one, or NULL. It is the caller's now. */
struct cl_api_event *cl_api_event_take(claw_client *client);
/* The event that ends a call with an error, at the end of the queue: it, or a longer copy of it
 * with the sentence, where there is memory for that. */
void cl_api_event_fail(claw_client *client, struct cl_api_event *event, enum cl_err err,
                       const struct cl_why *why);

/* -- the connection ---------------------------------------------------------------------------- */

extern const struct cl_uplink_events cl_api_uplink_events;
/* The error that ended the client, if it has ended. */
CL_MUST_CHECK enum cl_err cl_api_check(const claw_client *client, struct cl_why *why);
/* All calls that wait are dropped. */
void cl_api_drop_ops(claw_client *client);

/* -- calls that wait --------------------------------------------------------------------------- */

struct cl_api_op {
    struct cl_link link;
    claw_client *client;
    enum cl_v2_method method;
    size_t bytes;
    struct cl_api_event *event; // that tells the result; NULL: nobody asks
    struct cl_api_draft *draft; // of SEND: the call is not made yet; else NULL
    char agent[CL_API_ADDRESS_CAP];
    cl_id id; // of SEND
    uint32_t ids_len;
    cl_id ids[]; // of ACK and REFUSE
};

/* CL_ERR_FULL: too much waits already. */
CL_MUST_CHECK enum cl_err cl_api_op_new(claw_client *client, enum cl_v2_method method,
                                        uint32_t ids_len, struct cl_api_op **ret_op);
/* What a break does to a call (client/uplink.h). Places in an inbox are named on one connection,
 * and mean nothing on the next. */
enum cl_api_keep { CL_API_ONCE, CL_API_KEPT, CL_API_BOUND };
/* Makes the call, unless it is a draft; the op is the client's then. On failure it is dropped. */
CL_MUST_CHECK enum cl_err cl_api_op_start(struct cl_api_op *op, const void *params,
                                          enum cl_api_keep keep, struct cl_why *why);
/* Makes the call of a draft. Nothing has changed on failure. */
CL_MUST_CHECK enum cl_err cl_api_op_call(struct cl_api_op *op, const void *params,
                                         enum cl_api_keep keep);
void cl_api_op_drop(struct cl_api_op *op);

/* -- agents ------------------------------------------------------------------------------------ */

struct cl_api_agent {
    struct cl_link link; // in the client's
    char address[CL_API_ADDRESS_CAP];
    uint64_t stream; // of what it sends
    uint64_t seq;    // of the last one
    struct cl_map held;
    struct cl_list given;   // not settled yet
    struct cl_list to_tell; // settled; the relay is told in the next turn
    struct cl_list told;    // the relay was told and has not answered
    struct cl_list settled; // known to be settled, or not handed out again yet; oldest first
    uint32_t settled_len;
    uint32_t unsure_len; // of those: the relay may not know it
    bool is_here;        // attached on this connection,
    uint64_t to_come;    // with so many messages in its inbox that were not handed out yet
};

/* "otto" or "instance/otto" of this client's instance. CL_ERR_USAGE: anything else. */
CL_MUST_CHECK enum cl_err cl_api_address(const claw_client *client, const char *text,
                                         char ret_address[static CL_API_ADDRESS_CAP],
                                         struct cl_why *why);
/* NULL: it is not attached. */
struct cl_api_agent *cl_api_agent_find(const claw_client *client, cl_str address);
/* The one that a program means. CL_ERR_NOT_FOUND, CL_ERR_USAGE. */
CL_MUST_CHECK enum cl_err cl_api_agent_get(const claw_client *client, const char *text,
                                           struct cl_api_agent **ret_agent, struct cl_why *why);
void cl_api_agent_free(struct cl_api_agent *agent);

/* -- messages ---------------------------------------------------------------------------------- */

void cl_api_take_message(claw_client *client, const struct cl_v2_message *message);
/* The connection broke: places in inboxes mean nothing any more. */
void cl_api_take_back(claw_client *client);
/* That agent is attached, with so many messages in its inbox. */
void cl_api_take_up(claw_client *client, cl_str address, uint64_t waiting);
/* Tells the relay what was settled. */
void cl_api_tell_settled(claw_client *client);
/* What the relay has answered to that; CL_ERR_CLOSED: nothing. */
void cl_api_told(struct cl_api_op *op, enum cl_err err);
bool cl_api_has_to_tell(const claw_client *client);
/* What was settled and is not known to have reached the relay. */
uint64_t cl_api_unsure(const claw_client *client);
/* All that is known of an agent's messages. */
void cl_api_held_done(struct cl_api_agent *agent);
void cl_api_held_init(struct cl_api_agent *agent, const cl_hash_key *key);

/* -- sending ----------------------------------------------------------------------------------- */

/* Connected: whose secret it is (enum cl_v2_secret). Drafts are sent. False: no memory for all. */
CL_MUST_CHECK bool cl_api_take_word(claw_client *client, uint8_t secret);
void cl_api_draft_free(struct cl_api_draft *draft); // accepts NULL
void cl_api_take_receipts(claw_client *client, const struct cl_v2_receipts *receipts);
/* The question of that id has got an answer: nobody waits any more. False: nobody did. *ret_tag is
 * the question's. */
bool cl_api_ask_answered(claw_client *client, cl_id id, cl_str agent, uint64_t *ret_tag);
void cl_api_ask_refused(claw_client *client, cl_id id, enum cl_err err, const struct cl_why *why);
void cl_api_asks_done(claw_client *client);
/* Queues the letter, whose body was looked at already. blob, unless NULL, stands for it. */
struct cl_api_send {
    const struct claw_letter *letter;
    const struct cl_blob *blob;
    bool is_ask;
    int32_t ask_ms;
    char *ret_id;
};
cl_api_fn cl_api_send;
claw_err cl_api_send_as(claw_client *client, struct cl_api_send *send, char *ret_id);

/* "" for NULL. */
static inline cl_str
cl_api_str(const char *text)
{
    return cl_str_z(text);
}

#endif
