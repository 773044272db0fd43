// SPDX-License-Identifier: MIT
#include <string.h>

#include "proto/v2_bridge.h"
#include "relay/blob.h"
#include "relay/state.h"
#include "relay/v2.h"

/* One call being run. */
struct run {
    struct cl_v2_conn *conn;
    struct cl_relay *relay;
    const struct cl_v2_call *call;
};

static void
answer(struct run *run, const void *result)
{
    cl_v2_answer(run->conn, run->call->method, run->call->id, result);
}

static void
refuse(struct run *run, enum cl_err err, const char *sentence)
{
    cl_v2_refuse(run->conn, run->call->id, err, cl_str_z(sentence));
}

/* The seat that a call speaks for; where there is none it was refused. */
static struct cl_seat *
seat_for(struct run *run, cl_str agent)
{
    struct cl_seat *seat = cl_v2_seat(run->conn, agent);
    if (seat == NULL)
        refuse(run, CL_ERR_FORBIDDEN, "this agent is not attached here");
    return seat;
}

/* May it speak for that agent? Over HTTP whoever has the token may, and the agent is heard of. */
static bool
may_speak_for(struct run *run, cl_str agent)
{
    if (run->conn->exchange == NULL)
        return seat_for(run, agent) != NULL;
    if (agent.len == 0 && run->conn->exchange->is_admin)
        return true;
    if (agent.len == 0) {
        refuse(run, CL_ERR_FORBIDDEN, "say whose call it is: agent");
        return false;
    }
    if (!cl_v2_may_be(run->conn, agent)) {
        refuse(run, CL_ERR_FORBIDDEN, "this token is another instance's");
        return false;
    }
    cl_relay_heartbeat(run->relay, agent);
    return true;
}

/* Submits, and answers when it was applied. False: it was refused. */
static bool
submit(struct run *run, struct cl_command *draft, cl_str to, struct cl_wait **ret_wait)
{
    struct cl_wait *wait = NULL;
    enum cl_err err = CL_OK;
    if (run->call->id.len > 0) {
        wait = cl_wait_new(run->conn, run->call, to);
        err = wait == NULL ? CL_ERR_NO_MEMORY : CL_OK;
    }
    if (err == CL_OK)
        err = cl_relay_submit(run->relay, draft, wait == NULL ? 0 : wait->peer.handle);
    if (err != CL_OK) {
        if (wait != NULL)
            cl_wait_free(wait);
        wait = NULL;
        refuse(run, err, "");
    }
    if (ret_wait != NULL)
        *ret_wait = wait;
    return err == CL_OK;
}

/* -- send -------------------------------------------------------------------------------------- */

static void
refuse_address(struct run *run, enum cl_err err, const struct cl_found *found)
{
    struct cl_why why;
    cl_str to = run->call->header.to;
    if (err == CL_ERR_NO_AGENT)
        cl_err_ignore(cl_fail(err, &why, "there is no agent %.*s", CL_STR_ARG(to)));
    else
        cl_err_ignore(cl_fail(err, &why, "several agents are called %.*s", CL_STR_ARG(to)));
    struct cl_v2_error error = cl_v2_error_of(err, cl_str_z(why.text));
    if (err == CL_ERR_AMBIGUOUS)
        error.candidates = found->candidates;
    cl_v2_fail(run->conn, run->call->id, &error);
}

/* What SEND and PUBLISH have in common is the same members, but not the same struct. */
#define FILL_MESSAGE(fields, header, envelope_text, params)                                       \
    do {                                                                                          \
        (fields)->id = (header)->id;                                                              \
        (fields)->re = (header)->re;                                                              \
        (fields)->stream = (header)->str.value;                                                   \
        (fields)->seq = (header)->seq;                                                            \
        (fields)->kind = cl_id_is_none((header)->re) ? CL_MSG_TASK : CL_MSG_RESPONSE;             \
        (fields)->media = CL_MEDIA_ENVELOPE;                                                      \
        (fields)->priority = (header)->pri;                                                       \
        (fields)->flags = CL_MSG_TRACKED | (cl_id_is_none((header)->root) ? 0 : CL_MSG_DECLARED); \
        (fields)->root = (header)->root;                                                          \
        (fields)->hops = (uint8_t)(header)->hops.value;                                           \
        (fields)->attempts_max = (uint8_t)(params)->attempts;                                     \
        (fields)->re_rung = (params)->rung;                                                       \
        (fields)->re_outcome = (params)->outcome;                                                 \
        (fields)->trust = CL_TRUST_RELAY;                                                         \
        (fields)->expires = (cl_time){(int64_t)(header)->exp * 1000};                             \
        (fields)->thread = (header)->thr;                                                         \
        (fields)->body = (envelope_text);                                                         \
    } while (0)

static void
submit_message(struct run *run, const struct cl_found *found, struct cl_body *body)
{
    const struct cl_envelope_header *header = &run->call->header;
    const struct cl_v2_send *params = &run->call->params.send;
    struct cl_command draft = {.kind = found->is_topic ? CL_COMMAND_PUBLISH : CL_COMMAND_SEND};
    struct cl_why why = {""};
    struct cl_wait *wait;
    uint32_t wait_s = 0;
    if (found->is_topic) {
        draft.publish.topic = found->id;
        draft.publish.from = header->from;
        FILL_MESSAGE(&draft.publish, header, body, params);
    } else {
        draft.send.to = found->id;
        draft.send.from = header->from;
        FILL_MESSAGE(&draft.send, header, body, params);
    }
    cl_str *blob = found->is_topic ? &draft.publish.blob : &draft.send.blob;
    enum cl_err err = cl_blob_of_send(run->relay, run->call, &draft, blob, &why);
    if (err != CL_OK) {
        refuse(run, err, why.text);
        return;
    }
    if (cl_auth_rate(run->relay, &draft, &wait_s, &why) != CL_OK) {
        struct cl_v2_error error = cl_v2_error_of(CL_ERR_RATE, cl_str_z(why.text));
        error.retry_after_s = wait_s;
        cl_v2_fail(run->conn, run->call->id, &error);
        return;
    }
    if (submit(run, &draft, found->address, &wait))
        cl_blob_named(run->relay, *blob);
    if (wait != NULL)
        wait->msg = header->id;
}

/* Whom it goes to: what was sent before to whom it went then, whoever that address means now. */
static enum cl_err
find_receiver(struct run *run, struct cl_found *ret_found)
{
    const struct cl_envelope_header *header = &run->call->header;
    const struct cl_receipt *receipt = cl_core_receipt(run->relay->core, header->id);
    if (receipt == NULL || !cl_str_eq(receipt->from, header->from))
        return cl_v2_find(run->relay, header->to, ret_found);
    *ret_found = (struct cl_found){.id = receipt->to};
    return cl_address_of_id(receipt->to, &run->relay->arena, &ret_found->address);
}

static void
run_send(struct run *run)
{
    struct cl_found found;
    struct cl_buf *text = &run->relay->text;
    if (!may_speak_for(run, run->call->header.from))
        return;
    enum cl_err err = find_receiver(run, &found);
    if (err == CL_ERR_NO_AGENT || err == CL_ERR_AMBIGUOUS) {
        refuse_address(run, err, &found);
        return;
    }
    cl_buf_clear(text);
    if (err == CL_OK)
        err = cl_envelope_put(&run->call->params.send.envelope, text);
    struct cl_body *body = err == CL_OK ? cl_body_new(cl_buf_str(text)) : NULL;
    if (body == NULL)
        refuse(run, err == CL_OK ? CL_ERR_NO_MEMORY : err, "");
    else
        submit_message(run, &found, body);
    cl_body_unref(body);
}

static void
send_result(struct cl_wait *wait, const struct cl_effect *effect)
{
    struct cl_relay *relay = wait->conn->relay;
    const struct cl_receipt *receipt = cl_core_receipt(relay->core, wait->msg);
    bool is_topic = effect->reply.command_kind == CL_COMMAND_PUBLISH;
    cl_str to = cl_wait_to(wait);
    // The first of two sent close together was perhaps not there yet when this one found another.
    if (receipt != NULL && cl_address_of_id(receipt->to, &relay->arena, &to) != CL_OK)
        to = cl_wait_to(wait);
    const struct cl_v2_sent result = {
        .id = wait->msg,
        .to = to,
        .status = (uint8_t)(receipt == NULL ? CL_RUNG_ACCEPTED : receipt->rung),
        .durability = cl_v2_durability_of(relay),
        .duplicate = effect->reply.duplicate,
        .recipients = {is_topic && !effect->reply.duplicate, effect->reply.recipients}};
    cl_v2_answer(wait->conn, CL_V2_SEND, cl_wait_call(wait), &result);
    cl_arena_clear(&relay->arena);
}

/* -- taking ------------------------------------------------------------------------------------ */

/* A volatile command whose acknowledgement, if it leads to one, answers the call. */
static void
run_session(struct run *run, struct cl_command *draft, cl_str reason)
{
    const struct cl_v2_nothing nothing = {false};
    struct cl_wait *wait = NULL;
    if (run->call->id.len > 0) {
        wait = cl_wait_new(run->conn, run->call, CL_STR(""));
        if (wait == NULL) {
            refuse(run, CL_ERR_NO_MEMORY, "");
            return;
        }
    }
    run->relay->asking =
        (struct cl_asking){.handle = wait == NULL ? 0 : wait->peer.handle, .reason = reason};
    enum cl_err err = cl_relay_session(run->relay, draft);
    bool is_waiting = run->relay->asking.is_taken;
    bool has_passed = run->relay->asking.has_passed;
    run->relay->asking = (struct cl_asking){0};
    if (err == CL_OK && is_waiting)
        return;
    if (wait != NULL)
        cl_wait_free(wait);
    if (err == CL_OK && !has_passed && draft->kind == CL_COMMAND_SETTLE_RANGES &&
        draft->settle_ranges.refuses)
        err = CL_ERR_NOT_FOUND; // nothing was there to refuse
    if (err != CL_OK)
        refuse(run, err, "");
    else
        answer(run, &nothing);
}

/* A batch of `receive`, all of it. */
static void
ack_lease(struct run *run)
{
    const struct cl_v2_ack *params = &run->call->params.ack;
    struct cl_lease *lease = cl_lease_find(run->relay, params->agent, params->lease);
    if (lease == NULL) {
        refuse(run, CL_ERR_NOT_FOUND, "there is no such lease any more");
        return;
    }
    struct cl_command draft = {
        .kind = CL_COMMAND_SETTLE,
        .settle = {.holder = lease->peer.handle,
                   .batch = 1,
                   .rung = params->rung == 0 ? CL_RUNG_DELIVERED : params->rung,
                   .proof = (uint8_t)(params->proof == 0 ? CL_PROOF_ACK : params->proof - 1)}};
    run_session(run, &draft, CL_STR(""));
    cl_lease_free(lease); // what settles goes on
}

/* Nothing was pushed to whoever says so over HTTP, or on a quiet connection: they have looked. */
static bool
has_looked(const struct run *run, cl_str agent)
{
    const struct cl_seat *seat = cl_v2_seat(run->conn, agent);
    return run->conn->exchange != NULL || (seat != NULL && seat->is_quiet);
}

/* What waits, whoever holds it. */
static void
ack_waiting(struct run *run)
{
    const struct cl_v2_ack *params = &run->call->params.ack;
    struct cl_command draft = {
        .kind = CL_COMMAND_ACK,
        .ack = {.agent = params->agent,
                .rung = params->rung == 0 ? CL_RUNG_DELIVERED : params->rung,
                .proof = (uint8_t)(params->proof == 0 ? CL_PROOF_ACK : params->proof - 1),
                .ranges = params->ranges}};
    if (may_speak_for(run, params->agent))
        submit(run, &draft, CL_STR(""), NULL);
}

static void
run_ack(struct run *run)
{
    const struct cl_v2_ack *params = &run->call->params.ack;
    if (params->lease.len > 0) {
        if (may_speak_for(run, params->agent))
            ack_lease(run);
        return;
    }
    if (has_looked(run, params->agent)) {
        ack_waiting(run);
        return;
    }
    struct cl_seat *seat = seat_for(run, params->agent);
    if (seat == NULL)
        return;
    struct cl_command draft = {
        .kind = CL_COMMAND_SETTLE_RANGES,
        .settle_ranges = {.holder = seat->peer.handle,
                          .rung = params->rung == 0 ? CL_RUNG_DELIVERED : params->rung,
                          .proof = (uint8_t)(params->proof == 0 ? CL_PROOF_ACK : params->proof - 1),
                          .ranges = params->ranges}};
    run_session(run, &draft, CL_STR(""));
}

static void
refuse_waiting(struct run *run)
{
    const struct cl_v2_refuse *params = &run->call->params.refuse;
    struct cl_command draft = {
        .kind = CL_COMMAND_REFUSE,
        .refuse = {.agent = params->agent, .reason = params->reason, .ranges = {&params->at, 1}}};
    if (may_speak_for(run, params->agent))
        submit(run, &draft, CL_STR(""), NULL);
}

static void
run_refuse(struct run *run)
{
    const struct cl_v2_refuse *params = &run->call->params.refuse;
    if (has_looked(run, params->agent)) {
        refuse_waiting(run);
        return;
    }
    struct cl_seat *seat = seat_for(run, params->agent);
    if (seat == NULL)
        return;
    struct cl_command draft = {.kind = CL_COMMAND_SETTLE_RANGES,
                               .settle_ranges = {.holder = seat->peer.handle,
                                                 .rung = CL_RUNG_DELIVERED,
                                                 .proof = CL_PROOF_ACK,
                                                 .refuses = 1,
                                                 .ranges = {&params->at, 1}}};
    run_session(run, &draft, params->reason);
}

static void
release_lease(struct run *run)
{
    const struct cl_v2_release *params = &run->call->params.release;
    struct cl_lease *lease = cl_lease_find(run->relay, params->agent, params->lease);
    if (lease == NULL) {
        refuse(run, CL_ERR_NOT_FOUND, "there is no such lease any more");
        return;
    }
    struct cl_command draft = {.kind = CL_COMMAND_CLOSE, .close = {.holder = lease->peer.handle}};
    run_session(run, &draft, CL_STR(""));
    cl_lease_free(lease);
}

static void
run_release(struct run *run)
{
    const struct cl_v2_release *params = &run->call->params.release;
    if (params->lease.len > 0) {
        if (may_speak_for(run, params->agent))
            release_lease(run);
        return;
    }
    if (has_looked(run, params->agent)) {
        refuse(run, CL_ERR_NOT_FOUND, "nothing was pushed here: release the lease");
        return;
    }
    struct cl_seat *seat = seat_for(run, params->agent);
    if (seat == NULL)
        return;
    struct cl_command draft = {.kind = CL_COMMAND_RELEASE,
                               .release = {.holder = seat->peer.handle, .ranges = params->ranges}};
    run_session(run, &draft, CL_STR(""));
}

static void
run_report(struct run *run)
{
    const struct cl_v2_report *params = &run->call->params.report;
    if (!may_speak_for(run, params->agent))
        return;
    struct cl_command draft = {
        .kind = CL_COMMAND_REPORT,
        .report = {.agent = params->agent,
                   .id = params->id,
                   .rung = params->rung,
                   .outcome = params->outcome,
                   .proof = (uint8_t)(params->proof == 0 ? CL_PROOF_ACK : params->proof - 1),
                   .reason = params->reason}};
    submit(run, &draft, CL_STR(""), NULL);
}

/* -- looking, and what is dead ----------------------------------------------------------------- */

/* Whose call it is; without an agent it is the administrator's. */
static cl_str
asker_of(const struct cl_v2_call *call)
{
    if (call->method == CL_V2_INBOX)
        return call->params.inbox.agent;
    if (call->method == CL_V2_TRACE)
        return call->params.trace.agent;
    return call->method == CL_V2_DEAD_LIST ? call->params.dead_list.agent
                                           : call->params.dead_show.agent;
}

static void
run_look(struct run *run)
{
    if (run->call->method != CL_V2_AGENTS && !may_speak_for(run, asker_of(run->call)))
        return;
    if (run->call->id.len > 0)
        cl_v2_send(run->conn, run->call->id, cl_v2_look(run->relay, run->call));
}

/* Until when it waits again: as long as it could at first, if nothing else is said. */
static cl_time
retried_until(struct cl_relay *relay, const struct cl_v2_dead_retry *params)
{
    const struct cl_dead *dead = cl_core_dead(relay->core, params->id);
    if (params->expires > 0 || dead == NULL)
        return (cl_time){(int64_t)params->expires};
    int64_t life = dead->msg->expires.ms - dead->msg->created.ms;
    return cl_time_add(cl_relay_time(relay), life > 0 ? life : CL_MESSAGE_LIFE_MS);
}

static void
run_retry(struct run *run)
{
    const struct cl_v2_dead_retry *params = &run->call->params.dead_retry;
    struct cl_wait *wait;
    if (!may_speak_for(run, params->agent))
        return;
    if ((int64_t)params->expires > cl_relay_time(run->relay).ms + CL_MESSAGE_LIFE_MS) {
        struct cl_v2_error error =
            cl_v2_error_of(CL_ERR_MALFORMED, CL_STR("expires may be 7 days ahead"));
        error.code = CL_V2_CODE_PARAMS;
        cl_v2_fail(run->conn, run->call->id, &error);
        return;
    }
    struct cl_command draft = {.kind = CL_COMMAND_DEAD_RETRY,
                               .dead_retry = {.agent = params->agent,
                                              .id = params->id,
                                              .expires = retried_until(run->relay, params)}};
    const struct cl_dead *dead = cl_core_dead(run->relay->core, params->id);
    cl_str to = CL_STR("");
    if (dead != NULL && cl_address_of_id(dead->msg->to, &run->relay->arena, &to) != CL_OK)
        to = CL_STR("");
    submit(run, &draft, to, &wait);
    if (wait == NULL)
        return;
    wait->msg = params->id;
    wait->expires = (uint64_t)draft.dead_retry.expires.ms;
}

static void
run_drop(struct run *run)
{
    const struct cl_v2_dead_drop *params = &run->call->params.dead_drop;
    if (!may_speak_for(run, params->agent))
        return;
    struct cl_command draft = {.kind = CL_COMMAND_DEAD_DROP,
                               .dead_drop = {.agent = params->agent, .id = params->id}};
    submit(run, &draft, CL_STR(""), NULL);
}

/* -- all of them ------------------------------------------------------------------------------- */

void
cl_v2_result(struct cl_wait *wait, const struct cl_effect *effect)
{
    const struct cl_v2_nothing nothing = {false};
    if (wait->method == CL_V2_SEND) {
        send_result(wait, effect);
    } else if (wait->method == CL_V2_ATTACH) {
        const struct cl_agent *agent = cl_core_agent(wait->conn->relay->core, cl_wait_to(wait));
        const struct cl_v2_attached result = {.agent = cl_wait_to(wait),
                                              .waiting = agent == NULL ? 0 : agent->inbox.count,
                                              .receipts =
                                                  cl_core_receipts_version(wait->conn->relay->core),
                                              .new = wait->is_new};
        cl_v2_answer(wait->conn, CL_V2_ATTACH, cl_wait_call(wait), &result);
    } else if (wait->method == CL_V2_DEAD_RETRY) {
        const struct cl_v2_retried result = {
            .id = wait->msg, .to = cl_wait_to(wait), .expires = wait->expires};
        cl_v2_answer(wait->conn, CL_V2_DEAD_RETRY, cl_wait_call(wait), &result);
    } else {
        cl_v2_answer(wait->conn, wait->method, cl_wait_call(wait), &nothing);
    }
}

void
cl_v2_run(struct cl_v2_conn *conn, const struct cl_v2_call *call)
{
    struct run run = {conn, conn->relay, call};
    switch (call->method) {
    case CL_V2_SEND:
        run_send(&run);
        return;
    case CL_V2_ACK:
        run_ack(&run);
        return;
    case CL_V2_REFUSE:
        run_refuse(&run);
        return;
    case CL_V2_RELEASE:
        run_release(&run);
        return;
    case CL_V2_REPORT:
        run_report(&run);
        return;
    case CL_V2_AGENTS:
    case CL_V2_INBOX:
    case CL_V2_TRACE:
    case CL_V2_DEAD_LIST:
    case CL_V2_DEAD_SHOW:
        run_look(&run);
        return;
    case CL_V2_DEAD_RETRY:
        run_retry(&run);
        return;
    case CL_V2_DEAD_DROP:
        run_drop(&run);
        return;
    case CL_V2_RECEIVE: // for nobody nothing is taken
        if (call->id.len > 0 && may_speak_for(&run, call->params.receive.agent))
            cl_v2_receive(conn, call);
        return;
    case CL_V2_HELLO:
    case CL_V2_ATTACH:
    case CL_V2_DETACH:
    case CL_V2_METHOD_COUNT:
        break;
    }
    refuse(&run, CL_ERR_NOT_IMPLEMENTED, "");
}
