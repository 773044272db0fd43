// SPDX-License-Identifier: MIT
/*
 * relay/agent_link.h - Agent Link (agent-link-v1.md) in the relay, for relay/agent_link_*.c and
 * those files of the room that lead there. What they work on is in relay/agent_link_state.h.
 *
 *     agent_link_listen.c  its port: opening, what is served there, ending
 *     agent_link_file.c    which instances there are: its file, at the start and later
 *     agent_link_http.c    POST /api/v1/register and /api/v1/send
 *     agent_link_conn.c    WebSockets: register, send, and what they are told
 *     agent_link_token.c   what instances show at /v2
 *     agent_link_door.c    who registers: budgets, pins, what was seen before
 *     agent_link_pass.c    a message on its way to anybody, until its sender hears of its end
 *     agent_link_desk.c    the agents of its instances, and who of them is there
 *     agent_link_push.c    what is pushed to them, and what proves that they have it
 *
 * An instance has any number of connections, and a client does not say which agent it is before it
 * sends. So the agents of an instance have a *desk* each: while the instance is connected it is the
 * holder in the session (CL_HOLDER_RANGED) of what is for that agent, whoever sent it. It pushes a
 * message to those connections that the agent may be behind, with a ping after it, and the pong of
 * one of them proves it. What Agent Link clients send are passing messages (core/session.h), whose
 * content is nowhere but in memory.
 */
#ifndef CL_RELAY_AGENT_LINK_H
#define CL_RELAY_AGENT_LINK_H

#include "relay/agent_link_state.h"
#include "relay/relay.h"

/* -- agent_link_listen.c ----------------------------------------------------------------------- */

/* Opens what the config asks for, if it does: then relay->agent_link is not NULL. Errors as of
 * cl_relay_open. */
CL_MUST_CHECK enum cl_err cl_al_open(struct cl_relay *relay, struct cl_why *why);
/* Scratch memory that content was in is given back, at the end of a turn. */
void cl_al_wipe(struct cl_relay *relay);
void cl_al_accept(struct cl_relay *relay);
void cl_al_drain(struct cl_relay *relay);
/* Nobody is connected to it. */
bool cl_al_is_idle(const struct cl_relay *relay);
/* Cuts HTTP connections, before the loop ends; then the rest goes, after it. */
void cl_al_close(struct cl_relay *relay);
void cl_al_free(struct cl_relay *relay);

/* -- agent_link_file.c ------------------------------------------------------------------------- */

/* What the config says, at the start. Errors as of cl_relay_open. */
CL_MUST_CHECK enum cl_err cl_al_configure(struct cl_relay *relay, struct cl_why *why);
/* The same anew, where it can be read. */
void cl_al_reload(struct cl_relay *relay);

/* -- agent_link_token.c ------------------------------------------------------------------------ */

/* The instance whose token a request shows, or NULL. */
const struct cl_al_instance *cl_al_token_owner(const struct cl_relay *relay,
                                               const struct cl_http_head *head);
/* Whose secret made the token by which that instance was let in: of enum cl_v2_secret; none for
 * no instance. */
uint8_t cl_al_secret_of(const struct cl_relay *relay, cl_str instance);
/* May it be one of an instance that is not known yet? */
bool cl_al_token_may_be(const struct cl_relay *relay, const struct cl_http_head *head);
/* A connection with such a token: it is closed if its hello does not come soon. NULL without
 * memory. */
struct cl_al_hope *cl_al_hope_new(struct cl_v2_conn *conn, struct cl_http_conn *http,
                                  const struct cl_http_head *head);
/* Accepts NULL. */
void cl_al_hope_free(struct cl_al_hope *hope);
/* Is it that instance's? Then that is known from now on; if not, it is a wrong token. */
bool cl_al_hope_holds(struct cl_al_hope *hope, cl_str instance);

/* -- agent_link_http.c ------------------------------------------------------------------------- */

/* The body of a call that on_head has let in. */
void cl_al_call(struct cl_exchange *exchange, cl_str body);
/* Over HTTP that is refused, whatever the signature. */
bool cl_al_has_other_key(const struct cl_al_instance *instance, cl_str key);
/* What became of its register; instance and key are the knock's. */
void cl_al_answer_register(struct cl_exchange *exchange, enum cl_err err, cl_str sentence,
                           const struct cl_al_knock *knock);
/* What became of what it sent. */
void cl_al_answer_sent(struct cl_exchange *exchange, const struct cl_effect *passed, cl_str to);

/* -- agent_link_conn.c ------------------------------------------------------------------------- */

/* GET / of Agent Link's port. */
void cl_al_conn_begin(struct cl_relay *relay, struct cl_http_conn *http);
/* What became of its register. */
void cl_al_conn_answer(struct cl_al_conn *conn, enum cl_err err, cl_str sentence,
                       struct cl_al_instance *instance);
/* One frame; a connection that cannot take it is cut. */
void cl_al_conn_tell(struct cl_al_conn *conn, const struct cl_agent_link_note *note);

/* -- agent_link_door.c ------------------------------------------------------------------------- */

struct cl_al_who {
    const struct cl_agent_link_call *call; // a REGISTER
    struct cl_al_conn *conn;               // one of these two
    struct cl_exchange *exchange;
    cl_network network;
    bool is_loopback;
};

/* Only CL_ERR_NO_MEMORY can happen. */
CL_MUST_CHECK enum cl_err cl_al_door_init(struct cl_relay *relay, struct cl_al_door *door);
void cl_al_door_done(struct cl_al_door *door);
/* CL_OK: it is good, and answered when it is known that it never came before, which may be now;
 * CL_ERR_STALE then if it did (two agents of an instance that start in one second sign the same).
 * Refused for good: CL_ERR_UNAUTHORIZED, CL_ERR_FORBIDDEN (not registered). For now: CL_ERR_RATE,
 * NO_MEMORY, TOO_MANY. */
CL_MUST_CHECK enum cl_err cl_al_door_register(struct cl_relay *relay, const struct cl_al_who *who,
                                              struct cl_why *why);
/* The command that remembers it was applied, or refused. */
void cl_al_knock_reply(struct cl_al_knock *knock, enum cl_err err);
/* No command of those that wait ever will be. */
void cl_al_refuse_knocks(struct cl_relay *relay, enum cl_err err);
/* Its connection has gone; or all have. */
void cl_al_knock_forget(struct cl_al_knock *knock);
void cl_al_forget_knocks(struct cl_agent_link *al);
/* That instance may send over HTTP from there. */
void cl_al_door_prove(struct cl_relay *relay, const cl_network *network, cl_str instance);
/* May it? */
bool cl_al_door_is_proven(struct cl_relay *relay, const cl_network *network, cl_str instance);
/* A send of that instance was taken: its signature is not good over HTTP any more. */
void cl_al_door_sent(struct cl_relay *relay, struct cl_al_instance *instance,
                     const cl_digest *signature);
/* CL_ERR_STALE: it came before. CL_ERR_TOO_MANY: nobody can tell any more. */
CL_MUST_CHECK enum cl_err cl_al_door_was_sent(struct cl_relay *relay,
                                              struct cl_al_instance *instance,
                                              const cl_digest *signature);

/* -- agent_link_pass.c ------------------------------------------------------------------------- */

struct cl_al_letter {
    const struct cl_agent_link_call *call; // a SEND
    struct cl_al_instance *instance;       // its sender's
    struct cl_al_conn *conn;               // one of these two
    struct cl_exchange *exchange;
    bool is_once; // its signature may not have come before
};

/* Checks whom it is from, and passes it on. CL_ERR_UNAUTHORIZED, FORBIDDEN, STALE (it came before),
 * NO_AGENT (nobody knows whom it is for), UNAVAILABLE (nobody is there), TOO_LARGE, RATE,
 * INBOX_FULL, FAIR_SHARE, FULL, TOO_MANY, NO_MEMORY, each with its sentence. */
CL_MUST_CHECK enum cl_err cl_al_pass(struct cl_relay *relay, const struct cl_al_letter *letter,
                                     struct cl_why *why);
/* CL_EFFECT_PASSED. */
void cl_al_passed(struct cl_relay *relay, const struct cl_effect *effect);
/* Its connection has gone, and hears of its end no more. */
void cl_al_pass_leave(struct cl_al_pass *pass);
/* The relay is stopping: whoever waits over HTTP hears of that instead. */
void cl_al_pass_give_up(struct cl_al_pass *pass);
/* It has ended. */
void cl_al_pass_end(struct cl_al_pass *pass);

/* -- agent_link_desk.c ------------------------------------------------------------------------- */

struct cl_al_instance *cl_al_find_instance(const struct cl_agent_link *al, cl_str id);
/* One more; al->is_open, or at the start. CL_ERR_TOO_MANY, NO_MEMORY. */
CL_MUST_CHECK enum cl_err cl_al_instance_new(struct cl_relay *relay,
                                             const struct cl_agent_link_instance *from,
                                             struct cl_al_instance **ret_instance);
void cl_al_instance_free(struct cl_al_instance *instance);
/* The file says other things of it now. With another secret its connections end. Without memory
 * some of that is missing, and CL_ERR_NO_MEMORY is returned. */
CL_MUST_CHECK enum cl_err cl_al_instance_update(struct cl_relay *relay,
                                                struct cl_al_instance *instance,
                                                const struct cl_agent_link_instance *from);
/* The file says nothing of it any more: its connections end, its agents are unknown. */
void cl_al_instance_remove(struct cl_relay *relay, struct cl_al_instance *instance);
/* Agents of instances, or of that one only, that the core knows from earlier, and those for whom
 * something waits there. */
void cl_al_adopt(struct cl_relay *relay, const struct cl_al_instance *only);
/* A connection of it has registered, or has gone. */
void cl_al_instance_joined(struct cl_al_instance *instance, struct cl_al_conn *conn);
void cl_al_instance_left(struct cl_al_instance *instance, struct cl_al_conn *conn);
/* That agent of it speaks; conn: NULL over HTTP. CL_ERR_FORBIDDEN: it has no such agent; TOO_MANY,
 * NO_MEMORY. */
CL_MUST_CHECK enum cl_err cl_al_learn(struct cl_relay *relay, struct cl_al_instance *instance,
                                      cl_str agent, struct cl_al_conn *conn);
/* The instance whose agent that could be, if it is connected; else NULL. */
struct cl_al_instance *cl_al_reach(const struct cl_relay *relay, cl_str agent);
/* If that agent may be behind a connection, its desk is open afterwards; for a sender. */
void cl_al_seat(struct cl_relay *relay, cl_str agent);
/* It is, or was, an agent of an instance, and nobody is there whom it may be. */
bool cl_al_is_gone(struct cl_relay *relay, cl_str agent);
/* Something waits for an agent, and nobody takes it: its desk is opened at this turn's end. */
void cl_al_want(struct cl_relay *relay, cl_str agent);
void cl_al_turn(struct cl_relay *relay);
void cl_al_forget_wanted(struct cl_agent_link *al);
/* Something came for everybody. */
void cl_al_mark_all(struct cl_relay *relay);
void cl_desk_reply(struct cl_al_desk *desk, const struct cl_effect *effect);

/* -- agent_link_push.c ------------------------------------------------------------------------- */

/* Some connection may be its agent's. */
bool cl_desk_has_target(const struct cl_al_desk *desk);
/* Messages may have come. True: it took some. */
bool cl_desk_pump(struct cl_al_desk *desk);
/* That connection has answered this ping, and all before it. */
void cl_al_prove(struct cl_al_conn *conn, uint64_t proof);
/* It has gone: what only it had is offered again. */
void cl_al_unpush(struct cl_al_conn *conn);
/* What the desk had out is nobody's business any more. */
void cl_al_forget_pushes(struct cl_al_desk *desk);
/* Connections that answer no ping are cut. */
void cl_al_cut_silent(struct cl_agent_link *al);
/* It has read what it was sent. */
void cl_al_go_on(struct cl_al_conn *conn);

#endif
