// SPDX-License-Identifier: MIT
/*
 * The call receive: takes messages for somebody who is pushed none. A batch is a lease, a holder of
 * its own in the session (CL_HOLDER_POLL), until it is acknowledged, released or over.
 */
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "relay/state.h"
#include "relay/v2.h"

/* Its name on the wire: a handle says nothing to anybody else, and is not reused. */
#define NAME_CAP 17

static void
name_of(const struct cl_lease *lease, char ret_name[static NAME_CAP])
{
    (void)snprintf(ret_name, NAME_CAP, "%016llx", (unsigned long long)lease->peer.handle);
}

void
cl_lease_free(struct cl_lease *lease)
{
    struct cl_relay *relay = lease->relay;
    cl_relay_close_holder(relay, lease->peer.handle);
    cl_loop_timer_stop(relay->loop, &lease->timer);
    cl_list_remove(&lease->waiting);
    cl_peer_end(relay, &lease->peer);
    cl_free(lease);
}

struct cl_lease *
cl_lease_find(struct cl_relay *relay, cl_str agent, cl_str name)
{
    char text[NAME_CAP];
    uint64_t handle = 0;
    for (size_t i = 0; i < name.len && i < NAME_CAP - 1; i++)
        handle = handle << 4 | (uint64_t)(cl_str_hex_digit(name.ptr[i]) & 15);
    struct cl_peer *peer = cl_handles_get(&relay->handles, handle);
    if (peer == NULL || peer->kind != CL_PEER_LEASE)
        return NULL;
    struct cl_lease *lease = (struct cl_lease *)(void *)peer;
    name_of(lease, text); // there is one way to write it
    bool is_it = lease->conn == NULL && cl_str_eq(name, cl_str_z(text)) &&
                 cl_str_eq(agent, cl_lease_agent(lease));
    return is_it ? lease : NULL;
}

/* -- the answer -------------------------------------------------------------------------------- */

static enum cl_err
put_messages(struct cl_relay *relay, const struct cl_lease *lease, struct cl_json_writer *json)
{
    struct cl_v2_view view;
    enum cl_err err = CL_OK;
    cl_json_put_name(json, CL_STR("messages"));
    cl_json_array_begin(json);
    for (uint32_t i = 0; i < relay->batch.len && err == CL_OK; i++) {
        const struct cl_msg *msg = relay->batch.msgs[i];
        err = cl_v2_show(relay, cl_lease_agent(lease), msg, cl_batch_at(&relay->batch, i), &view);
        if (err == CL_OK)
            cl_shape_put(json, &cl_v2_letter_shape, &view.letter);
    }
    cl_json_array_end(json);
    return err;
}

/* Into relay->text. */
static enum cl_err
write_batch(struct cl_lease *lease)
{
    struct cl_relay *relay = lease->relay;
    struct cl_json_writer json;
    char name[NAME_CAP];
    name_of(lease, name);
    cl_buf_clear(&relay->text);
    cl_json_writer_init(&json, &relay->text);
    cl_v2_result_begin(&json, cl_lease_call(lease));
    if (relay->batch.len > 0)
        cl_json_put_member(&json, CL_STR("lease"), cl_str_z(name));
    enum cl_err err = put_messages(relay, lease, &json);
    cl_v2_result_end(&json);
    enum cl_err ended = cl_json_writer_end(&json);
    return err == CL_OK ? ended : err;
}

/* Answers with what is in the batch; with nothing the lease is gone. */
static void
answer(struct cl_lease *lease)
{
    struct cl_relay *relay = lease->relay;
    struct cl_v2_conn *conn = lease->conn;
    char call[CL_V2_ID_BYTES_MAX + 2];
    cl_str id = cl_lease_call(lease);
    enum cl_err err = write_batch(lease);
    memcpy(call, id.ptr, id.len);
    lease->conn = NULL;
    cl_list_remove(&lease->waiting);
    if (err != CL_OK || relay->batch.len == 0)
        cl_lease_free(lease);
    else
        cl_loop_timer_start(relay->loop, &lease->timer,
                            cl_instant_add(cl_loop_now(relay->loop), CL_V2_LEASE_MS));
    cl_v2_send(conn, cl_str_of(call, id.len), err);
}

static void
answer_empty(struct cl_lease *lease)
{
    lease->relay->batch.len = 0;
    answer(lease);
}

void
cl_lease_drain(struct cl_relay *relay)
{
    CL_LIST_EACH(&relay->leases, at)
    {
        struct cl_lease *lease = CL_LIST_ENTRY(at, struct cl_lease, peer.link);
        if (lease->conn != NULL)
            answer_empty(lease);
    }
}

/* The wait is over, or the lease. */
static void
on_timer(struct cl_timer *timer)
{
    struct cl_lease *lease = CL_LIST_ENTRY(timer, struct cl_lease, timer);
    if (lease->conn != NULL)
        answer_empty(lease);
    else
        cl_lease_free(lease);
}

/* True: it took some, and may be gone. */
static bool
take(struct cl_lease *lease)
{
    struct cl_relay *relay = lease->relay;
    if (cl_recount_is_open(relay, cl_lease_agent(lease)))
        return false;
    enum cl_err err =
        cl_session_take(relay->session, relay->core, lease->peer.handle, &relay->batch);
    if (err != CL_OK || relay->batch.number == 0)
        return false;
    answer(lease);
    cl_arena_clear(&relay->arena);
    return true;
}

bool
cl_lease_pump(struct cl_lease *lease)
{
    return lease->conn != NULL && take(lease);
}

/* -- the call ---------------------------------------------------------------------------------- */

static struct cl_lease *
lease_new(struct cl_v2_conn *conn, const struct cl_v2_call *call)
{
    struct cl_relay *relay = conn->relay;
    cl_str agent = call->params.receive.agent;
    struct cl_lease *lease = cl_alloc(sizeof *lease + call->id.len + agent.len);
    if (lease == NULL)
        return NULL;
    lease->relay = relay;
    lease->conn = conn;
    lease->call_len = (uint32_t)call->id.len;
    lease->agent_len = (uint32_t)agent.len;
    memcpy(lease->text, call->id.ptr, call->id.len);
    memcpy(lease->text + call->id.len, agent.ptr, agent.len);
    cl_timer_init(&lease->timer, on_timer);
    cl_link_init(&lease->waiting);
    if (cl_peer_begin(relay, &lease->peer, CL_PEER_LEASE, &relay->leases) == CL_OK) {
        cl_list_append(&conn->leases, &lease->waiting);
        return lease;
    }
    cl_free(lease);
    return NULL;
}

static bool
may_wait(const struct cl_v2_conn *conn)
{
    size_t waiting = 0;
    CL_LIST_EACH(&conn->leases, at)
    {
        waiting++;
    }
    return waiting < CL_V2_WAITING_MAX;
}

void
cl_v2_receive(struct cl_v2_conn *conn, const struct cl_v2_call *call)
{
    struct cl_relay *relay = conn->relay;
    if (!may_wait(conn)) {
        cl_v2_refuse(conn, call->id, CL_ERR_TOO_MANY, CL_STR("too many calls wait here already"));
        return;
    }
    uint64_t wait_s = call->params.receive.wait;
    struct cl_lease *lease = lease_new(conn, call);
    enum cl_err err = CL_ERR_NO_MEMORY;
    if (lease != NULL) {
        struct cl_command open = {.kind = CL_COMMAND_OPEN,
                                  .open = {.agent = cl_lease_agent(lease),
                                           .holder = lease->peer.handle,
                                           .kind = CL_HOLDER_POLL,
                                           .messages_max = (uint32_t)call->params.receive.max}};
        err = cl_relay_session(relay, &open);
    }
    if (err != CL_OK) {
        if (lease != NULL)
            cl_lease_free(lease);
        cl_v2_refuse(conn, call->id, err, CL_STR(""));
        return;
    }
    if (take(lease))
        return;
    if (wait_s == 0 || relay->is_draining)
        answer_empty(lease);
    else
        cl_loop_timer_start(relay->loop, &lease->timer,
                            cl_instant_add(cl_loop_now(relay->loop), (int64_t)wait_s * 1000));
}
