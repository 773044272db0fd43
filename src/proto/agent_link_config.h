// SPDX-License-Identifier: MIT
/*
 * proto/agent_link_config.h - the two configuration files of Agent Link (agent-link-v1.md), read as
 * they are and written as a person would.
 *
 *     relay-config.json       {"port", "secret", "registered_instances": [{"instance_id", "name",
 *                             "public_key", "secret", "agents"}]}
 *     agent-link-config.json  {"relay_url", "secret", "instance_id", "agent_id", "auto_reconnect",
 *                             "reconnect_interval"}
 *
 * Members that are not known are passed over. A wrong type or value is refused with a sentence that
 * names the member; no sentence shows a secret. `secret` and `agents` of an instance are ClawLink's
 * own: an instance without a secret uses the shared one, and one with neither is refused. The
 * published documents call registered_instances optional: without it every instance that knows the
 * shared secret is registered.
 */
#ifndef CL_PROTO_AGENT_LINK_CONFIG_H
#define CL_PROTO_AGENT_LINK_CONFIG_H

#include "base/secret.h"
#include "proto/envelope.h"

struct cl_agent_link_instance {
    cl_str id;
    cl_str name;             // may be empty, as the next
    cl_str public_key;       //
    struct cl_secret secret; // of length 0: the shared one
    bool lists_agents;       // then there are no others than these
    cl_strs agents;
};

struct cl_agent_link_relay_config {
    uint16_t port;           // CL_AL_PORT if the file does not say
    struct cl_secret secret; // of length 0: each instance has its own
    bool lists_instances;    // else whoever proves the shared secret is one
    struct cl_agent_link_instance *instances;
    uint32_t instances_len;
};

struct cl_agent_link_client_config {
    cl_str relay_url; // "ws://host:8765"
    struct cl_secret secret;
    cl_str instance_id;
    cl_str agent_id;
    bool auto_reconnect;            // true if the file does not say
    uint32_t reconnect_interval_ms; // CL_AL_RECONNECT_MS if the file does not say
};

/* The text is a file's, CL_AL_CONFIG_BYTES_MAX at the most, and wiped by its owner. What is read
 * are views of it, or lies in the arena; secrets are copied and nowhere else. CL_ERR_MALFORMED,
 * CL_ERR_MISSING, CL_ERR_TOO_LARGE (more instances or agents than may be), CL_ERR_NO_MEMORY; then
 * *ret_config holds nothing. */
CL_MUST_CHECK enum cl_err
cl_agent_link_read_relay_config(const struct cl_envelope_reader *reader, cl_str text,
                                struct cl_agent_link_relay_config *ret_config, struct cl_why *why);
CL_MUST_CHECK enum cl_err
cl_agent_link_read_client_config(const struct cl_envelope_reader *reader, cl_str text,
                                 struct cl_agent_link_client_config *ret_config,
                                 struct cl_why *why);
/* Wipe the secrets, before the arena goes. */
void cl_agent_link_relay_config_done(struct cl_agent_link_relay_config *config);
void cl_agent_link_client_config_done(struct cl_agent_link_client_config *config);

/* The instance's own secret, else the shared one. */
const struct cl_secret *cl_agent_link_secret_of(const struct cl_agent_link_relay_config *config,
                                                const struct cl_agent_link_instance *instance);
/* NULL: it is not registered. */
const struct cl_agent_link_instance *
cl_agent_link_find_instance(const struct cl_agent_link_relay_config *config, cl_str id);

/* Appends the file's text, indented by two spaces, with a line feed at its end. What may be absent
 * and is, is left out. The buffer's refusals; CL_ERR_MALFORMED: some text is not UTF-8. Then
 * nothing was appended. The buffer is wiped by its owner (cl_secret_wipe), and reserved whole
 * before, so that it never moves. */
CL_MUST_CHECK enum cl_err
cl_agent_link_put_relay_config(const struct cl_agent_link_relay_config *config, struct cl_buf *buf);
CL_MUST_CHECK enum cl_err
cl_agent_link_put_client_config(const struct cl_agent_link_client_config *config,
                                struct cl_buf *buf);

#endif
