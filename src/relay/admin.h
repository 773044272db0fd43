// SPDX-License-Identifier: MIT
/*
 * relay/admin.h - the admin door: HTTP over a Unix socket, for the verbs of this machine.
 *
 * Who can open the socket is admin here (net/unix.h says who can), so there is no token. It has
 * places of its own: it answers when every other connection is refused. Its calls are a table in
 * admin.c; they are no part of any protocol, the verbs of the same version are their only users.
 * POST /v2 is one more: a call of protocol v2, where the administrator need be no agent.
 */
#ifndef CL_RELAY_ADMIN_H
#define CL_RELAY_ADMIN_H

#include "net/gate.h"
#include "net/http_server.h"
#include "net/tcp.h"

struct cl_relay;

struct cl_admin {
    struct cl_gate gate;
    struct cl_listener *listener; // NULL: there is no door, or it is closed
    struct cl_http_server *http;  // the same, or it was never open
};

/* cl_relay_open_door (relay/relay.h) opens it. */
/* Takes no new connections and ends those at rest. */
void cl_admin_drain(struct cl_admin *admin);
/* Connections that are still there. */
size_t cl_admin_count(const struct cl_admin *admin);
void cl_admin_close(struct cl_admin *admin);

#endif
