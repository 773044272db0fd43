// SPDX-License-Identifier: MIT
#include "base/clock.h"
#include "base/utf8.h"
#include "client/api_private.h"
#include "proto/id_text.h"

/* An event for the result, where somebody asks. */
static enum cl_err
make_op(claw_client *client, enum cl_v2_method method, uint64_t tag, struct cl_api_op **ret_op,
        struct cl_why *why)
{
    struct cl_api_op *op;
    enum cl_err err = cl_api_op_new(client, method, 0, &op);
    if (err == CL_ERR_FULL)
        return cl_fail(err, why, "Too many calls wait for an answer.");
    if (err != CL_OK)
        return err;
    if (tag != 0) {
        op->event = cl_api_event_new(CLAW_EVENT_RESULT, 0);
        if (op->event == NULL) {
            cl_api_op_drop(op);
            return CL_ERR_NO_MEMORY;
        }
        op->event->shown.tag = tag;
    }
    *ret_op = op;
    return CL_OK;
}

/* -- reports ----------------------------------------------------------------------------------- */

static enum cl_err
check_report(const struct claw_report *report, cl_id *ret_id, struct cl_why *why)
{
    cl_str reason = cl_api_str(report->reason);
    bool has_rung = report->rung != CLAW_RUNG_NONE, has_outcome = report->outcome != 0;
    if (!cl_id_from_text(cl_api_str(report->id), ret_id))
        return cl_fail(CL_ERR_USAGE, why, "\"%.80s\" is no id of a message.",
                       report->id == NULL ? "" : report->id);
    if (report->rung > CLAW_RUNG_IN_PROGRESS || report->rung == CLAW_RUNG_ACCEPTED ||
        report->outcome > CLAW_OUTCOME_CANCELED || (!has_rung && !has_outcome))
        return cl_fail(CL_ERR_USAGE, why,
                       "A report has a rung from delivered on, an outcome that a receiver can "
                       "know, or both.");
    if (report->proof != CLAW_PROOF_NONE && report->proof != CLAW_PROOF_SPOOL &&
        report->proof != CLAW_PROOF_ACK && report->proof != CLAW_PROOF_TRANSCRIPT)
        return cl_fail(CL_ERR_USAGE, why, "A receiver proves by spool, ack or transcript.");
    if (reason.len > CL_REASON_BYTES_MAX || !cl_utf8_is_valid(reason) ||
        (reason.len > 0 && !has_outcome))
        return cl_fail(CL_ERR_USAGE, why,
                       "A reason has up to %u bytes of UTF-8, and comes with an outcome.",
                       CL_REASON_BYTES_MAX);
    return CL_OK;
}

static enum cl_err
report(claw_client *client, void *args, struct cl_why *why)
{
    struct claw_report given;
    struct cl_api_agent *agent;
    struct cl_api_op *op;
    struct cl_v2_report params = {.agent = CL_STR("")};
    enum cl_err err = cl_api_check(client, why);
    if (err == CL_OK)
        err = cl_api_struct(args, &given, sizeof given, why);
    if (err == CL_OK)
        err = check_report(&given, &params.id, why);
    if (err == CL_OK)
        err = cl_api_agent_get(client, given.agent, &agent, why);
    if (err == CL_OK)
        err = make_op(client, CL_V2_REPORT, given.tag, &op, why);
    if (err != CL_OK)
        return err;
    params.agent = cl_str_z(agent->address);
    params.rung = (uint8_t)(given.rung == CLAW_RUNG_NONE ? 0 : given.rung - 1);
    params.outcome = (uint8_t)given.outcome;
    params.proof = (uint8_t)given.proof;
    params.reason = cl_api_str(given.reason);
    // Of two that are alike the second changes nothing: it may be made again.
    return cl_api_op_start(op, &params, CL_API_KEPT, why);
}

claw_err
claw_report(claw_client *client, const struct claw_report *given)
{
    return cl_api_do(client, report, (void *)(uintptr_t)given); // which it only reads
}

/* -- any other call ---------------------------------------------------------------------------- */

struct call_args {
    const char *method;
    const char *params;
    uint64_t tag;
};

/* CL_V2_METHOD_COUNT: none that may be called so. Those that change what this library keeps count
 * of have functions of their own. */
static enum cl_v2_method
find_method(cl_str name)
{
    static const enum cl_v2_method methods[] = {CL_V2_AGENTS,    CL_V2_INBOX,     CL_V2_TRACE,
                                                CL_V2_DEAD_LIST, CL_V2_DEAD_SHOW, CL_V2_DEAD_RETRY,
                                                CL_V2_DEAD_DROP};
    for (size_t i = 0; i < sizeof methods / sizeof *methods; i++)
        if (cl_str_eq(name, cl_v2_method_name(methods[i])))
            return methods[i];
    return CL_V2_METHOD_COUNT;
}

/* The params as their struct: they are read as a relay would. */
static enum cl_err
read_params(const struct cl_envelope_reader *reader, cl_str method, const char *params,
            struct cl_v2_call *ret_call, struct cl_why *why)
{
    struct cl_buf text;
    cl_str copy;
    struct cl_v2_fault fault;
    cl_str object = cl_str_strip(cl_api_str(params));
    if (object.len == 0)
        object = CL_STR("{}");
    if (object.ptr[0] != '{')
        return cl_fail(CL_ERR_USAGE, why, "The params are no JSON object.");
    cl_buf_init(&text, CL_HTTP_BODY_BYTES_MAX);
    enum cl_err err = cl_buf_append(&text, CL_STR("{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\""));
    if (err == CL_OK)
        err = cl_buf_append(&text, method);
    if (err == CL_OK)
        err = cl_buf_append(&text, CL_STR("\",\"params\":"));
    if (err == CL_OK)
        err = cl_buf_append(&text, object);
    if (err == CL_OK)
        err = cl_buf_append_byte(&text, '}');
    if (err == CL_OK && !cl_arena_copy(reader->arena, cl_buf_str(&text), &copy))
        err = CL_ERR_NO_MEMORY;
    cl_buf_done(&text);
    if (err != CL_OK)
        return err;
    err = cl_v2_decode_call(reader, copy, cl_clock_wall(), ret_call, &fault);
    return err == CL_OK ? CL_OK : cl_fail(err, why, "%s", fault.why.text);
}

static enum cl_err
call(claw_client *client, void *args, struct cl_why *why)
{
    const struct call_args *given = args;
    struct cl_arena arena;
    struct cl_v2_call decoded;
    struct cl_api_op *op;
    enum cl_err err = cl_api_check(client, why);
    enum cl_v2_method method = find_method(cl_api_str(given->method));
    if (err == CL_OK && method == CL_V2_METHOD_COUNT)
        err = cl_fail(CL_ERR_NOT_FOUND, why, "There is no method \"%.80s\" to be called so.",
                      given->method == NULL ? "" : given->method);
    if (err != CL_OK)
        return err;
    cl_arena_init(&arena, CL_JSON_SCAN_ARENA_BYTES_MAX);
    const struct cl_envelope_reader reader = {.arena = &arena, .hash_key = &client->hash_key};
    err = read_params(&reader, cl_v2_method_name(method), given->params, &decoded, why);
    if (err == CL_OK)
        err = make_op(client, method, given->tag, &op, why);
    if (err == CL_OK)
        err = cl_api_op_start(op, &decoded.params, CL_API_ONCE, why);
    cl_arena_done(&arena);
    return err;
}

claw_err
claw_call(claw_client *client, const char *method, const char *params, uint64_t tag)
{
    struct call_args args = {method, params, tag};
    return cl_api_do(client, call, &args);
}
