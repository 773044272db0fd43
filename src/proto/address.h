// SPDX-License-Identifier: MIT
/*
 * proto/address.h - who a message of protocol v2 is from and for (v2.md, Addresses).
 *
 *     mini/otto      an agent: its instance, and its name there
 *     v1/<id>        an agent of ClawLink v1, by its id
 *     relay/nobody   the relay itself, or a sender of v1 that gave no name; never a receiver
 *     cap:review     whoever offers that capability
 *     topic:general  everybody
 *     otto           the one agent that is called so
 *
 * To the core an agent is an id: of v1/<id> that id, of instance/agent the address itself.
 */
#ifndef CL_PROTO_ADDRESS_H
#define CL_PROTO_ADDRESS_H

#include "base/arena.h"
#include "base/err.h"
#include "base/str.h"

/* A set of kinds is their sum. */
enum cl_address_kind {
    CL_ADDRESS_AGENT = 1,
    CL_ADDRESS_V1 = 2,
    CL_ADDRESS_RELAY = 4,
    CL_ADDRESS_CAP = 8,
    CL_ADDRESS_TOPIC = 16,
    CL_ADDRESS_NAME = 32,
};
/* What `from` and `to` of an envelope may be. */
#define CL_ADDRESS_SENDERS (CL_ADDRESS_AGENT | CL_ADDRESS_V1 | CL_ADDRESS_RELAY)
#define CL_ADDRESS_RECEIVERS \
    (CL_ADDRESS_AGENT | CL_ADDRESS_V1 | CL_ADDRESS_CAP | CL_ADDRESS_TOPIC | CL_ADDRESS_NAME)

/* Who sent what nobody put their name to. */
#define CL_ADDRESS_NOBODY "relay/nobody"

struct cl_address {
    enum cl_address_kind kind;
    cl_str instance; // of an AGENT; else empty
    cl_str name;     // what follows: the agent, the id of v1, the capability, the topic
};

/* A name of an instance, an agent or a capability: 1 to CL_NAME_BYTES_MAX letters, digits and
 * "._-". */
bool cl_name_is_valid(cl_str name);
/* A name that an instance may have: not one of those that are spoken for, v1 and relay. */
bool cl_name_is_instance(cl_str name);
/* UTF-8 of 1 to bytes_max bytes without control characters. */
bool cl_line_is_valid(cl_str line, size_t bytes_max);

/* False, with *ret_address untouched, when the text is no address. */
bool cl_address_read(cl_str text, struct cl_address *ret_address);

/* The core's id of an AGENT, of a V1 or, empty, of RELAY; text is what was read. */
cl_str cl_address_id(const struct cl_address *address, cl_str text);
/* The address of a core's id, in the arena where it is not the id itself; of none, NOBODY's.
 * Only CL_ERR_NO_MEMORY can happen to an id of v1 or v2. */
CL_MUST_CHECK enum cl_err cl_address_of_id(cl_str id, struct cl_arena *arena, cl_str *ret_text);
/* The address of a topic, in the arena. CL_ERR_MALFORMED: it has none, for v1 has topics that are
 * empty or have control characters. CL_ERR_NO_MEMORY. */
CL_MUST_CHECK enum cl_err cl_address_of_topic(cl_str topic, struct cl_arena *arena,
                                              cl_str *ret_text);

#endif
