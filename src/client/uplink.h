// SPDX-License-Identifier: MIT
/*
 * client/uplink.h - a connection to one relay that comes back: protocol v2 over a WebSocket.
 *
 * It says hello, attaches the agents it was given, makes calls and hears notes. When the connection
 * breaks it tries again after a pause (client/backoff.h) and takes up where it was: the agents are
 * attached again, receipts go on behind the last one that was heard, and calls that are `kept` are
 * made again, word by word, before any that come later; so a message that is sent again is the same
 * message to the relay (v2.md, Sending again). Calls that are not kept end with CL_ERR_CLOSED: they
 * were done, or not.
 *
 *     DIALING ──> GREETING ──> UP ──┐
 *        ^           │              │ broken
 *        └── WAITING <──────────────┘        ENDED: trying again cannot help
 *
 * Silence is noticed by the WebSocket's pings (net/ws_conn.h). Callbacks come in turns of the loop,
 * none from within a function of this file. A loop may have thousands of them, and there is nothing
 * global. One thread.
 */
#ifndef CL_CLIENT_UPLINK_H
#define CL_CLIENT_UPLINK_H

#include "net/ws_dial.h"
#include "proto/v2_decode.h"

struct cl_uplink;

/* What becomes of a call. */
struct cl_uplink_answer {
    enum cl_err err;    // CL_OK, what the relay named, CL_ERR_CLOSED, or CL_ERR_IO: no such result
    const void *result; // the method's struct, with CL_OK
    cl_str text;        // the result's JSON, with CL_OK
    const struct cl_v2_error *error; // of the relay; else NULL
};
/* What it is given is good during the call. Not called after cl_uplink_free. */
typedef void cl_uplink_answer_fn(void *ctx, const struct cl_uplink_answer *answer);

/* Why there is no connection. */
struct cl_uplink_fall {
    enum cl_err err; // as of cl_client_call
    struct cl_ws_no no;
    uint16_t close_code;             // of a WebSocket that was there, else 0
    const struct cl_v2_error *error; // of hello or attach, else NULL
    const char *text;                // what no field says; else ""
};

struct cl_uplink_events {
    /* Connected, each time: hello was answered, attaching and what is kept are on their way. */
    void (*on_up)(void *ctx, const struct cl_v2_welcome *welcome);
    /* The connection broke or could not be made; the next try is in so many milliseconds. */
    void (*on_down)(void *ctx, const struct cl_uplink_fall *fall, uint32_t pause_ms);
    /* It tries no more; calls that wait are not answered. */
    void (*on_ended)(void *ctx, const struct cl_uplink_fall *fall);
    /* Good during the call. */
    void (*on_note)(void *ctx, enum cl_v2_note note, const union cl_v2_note_params *params);
    /* That agent is attached, each time. May be NULL. */
    void (*on_attached)(void *ctx, const struct cl_v2_attached *attached);
};

typedef enum cl_err cl_uplink_dial_fn(const struct cl_ws_dial_to *to,
                                      const struct cl_ws_dial_events *events,
                                      struct cl_ws_dial **ret_dial);

/* All of it is borrowed until the end of the last uplink that has it; many may share it. */
struct cl_uplink_config {
    struct cl_loop *loop;
    cl_str url;                    // as cl_client_check_url wants it
    const struct cl_secret *token; // NULL or empty: none
    struct cl_tls *tls;            // for https and wss
    cl_str instance;
    cl_str client;   // what this program is, for the relay's log
    bool is_patient; // goes on trying also before the first success
    const struct cl_uplink_events *events;
    cl_uplink_dial_fn *dial;  // NULL: cl_ws_dial; tests have another
    uint64_t (*random)(void); // NULL: the system's
};

/* Tries to connect from the next turn on. CL_ERR_NO_MEMORY; CL_ERR_USAGE: no such URL. */
CL_MUST_CHECK enum cl_err cl_uplink_new(const struct cl_uplink_config *config, void *ctx,
                                        struct cl_uplink **ret_uplink);
/* Says goodbye and calls nothing any more; what was not written yet leaves in the turns to come, or
 * ends with the loop. Accepts NULL. */
void cl_uplink_free(struct cl_uplink *uplink);

/* Attaches that agent, now and whenever the connection comes back; once more replaces what was said
 * before. The params are copied. Unless receipts_after is set, receipts are those from now on, and
 * after a break those that were missed. A relay that refuses ends the uplink. CL_ERR_NO_MEMORY,
 * CL_ERR_MALFORMED. */
CL_MUST_CHECK enum cl_err cl_uplink_attach(struct cl_uplink *uplink,
                                           const struct cl_v2_attach *params);

/* Does not attach that agent any more when the connection comes back. Whoever wants it to leave now
 * calls `detach` besides. */
void cl_uplink_unseat(struct cl_uplink *uplink, cl_str agent);

struct cl_uplink_call {
    enum cl_v2_method method; // neither HELLO nor ATTACH
    const void *params;       // the method's struct
    bool is_kept;             // made again after a break, until it is answered
    bool is_bound;            // of this connection alone: it ends with it, made or not
    cl_uplink_answer_fn *fn;  // NULL: nobody asks
    void *ctx;
};
/* Makes the call, as soon as there is a connection. *ret_number, unless NULL, names it for
 * cl_uplink_forget. CL_ERR_NO_MEMORY; CL_ERR_MALFORMED: text that is no UTF-8. */
CL_MUST_CHECK enum cl_err cl_uplink_call(struct cl_uplink *uplink,
                                         const struct cl_uplink_call *call, uint64_t *ret_number);
/* Its answer is of no interest any more, and it is not made again. */
void cl_uplink_forget(struct cl_uplink *uplink, uint64_t number);

/* If it pauses before the next try: it tries now. */
void cl_uplink_hurry(struct cl_uplink *uplink);
/* What it just heard cannot be kept, for lack of memory: the connection is given up, and comes back
 * after a pause with all that was not acknowledged. */
void cl_uplink_choke(struct cl_uplink *uplink);

bool cl_uplink_is_up(const struct cl_uplink *uplink);

#endif
