// SPDX-License-Identifier: MIT
#include "proto/v2_decode.h"

#include "wire/json.h"

/* What a call says of an agent is shown two levels deeper, in a list of an answer; who reads that
 * may have the limit that holds here. */
#define DEPTH_MAX (CL_JSON_DEPTH_MAX - 2)

static const cl_str null_id = CL_STR_INIT("null");

/* -- what calls and answers share -------------------------------------------------------------- */

/* JSON-RPC 2.0 section 4: exactly "2.0". */
static bool
is_json_rpc(const struct cl_json_scan *scan)
{
    const struct cl_json_member *version = cl_json_scan_member(scan, CL_STR("jsonrpc"));
    return version != NULL && cl_json_string_is(version->value, CL_STR("2.0"));
}

/* Every member is one of these. */
static bool
has_only(const struct cl_json_scan *scan, const cl_str *names, size_t names_len)
{
    uint32_t known = 0;
    for (size_t i = 0; i < names_len; i++)
        known += cl_json_scan_member(scan, names[i]) != NULL;
    return known == scan->members_len;
}

/* A string, a number or null, of a size that can be repeated. */
static bool
is_id(const struct cl_json_member *id)
{
    return id->value.len <= CL_V2_ID_BYTES_MAX &&
           (id->type == CL_JSON_STRING || id->type == CL_JSON_NUMBER || id->type == CL_JSON_NULL);
}

/* -- calls ------------------------------------------------------------------------------------- */

/* Fills in an error whose sentence is in why. */
static enum cl_err
fault_of(struct cl_v2_fault *fault, enum cl_err err, int code)
{
    fault->error =
        (struct cl_v2_error){.err = err, .code = code, .sentence = cl_str_z(fault->why.text)};
    return err;
}

static enum cl_err
not_a_request(struct cl_v2_fault *fault, const char *sentence)
{
    return fault_of(fault, cl_fail(CL_ERR_MALFORMED, &fault->why, "%s", sentence),
                    CL_V2_CODE_REQUEST);
}

/* The members of a request (JSON-RPC 2.0 section 4). The id comes first: once it is known, even a
 * broken request is answered by it. */
static enum cl_err
read_request(const struct cl_json_scan *scan, struct cl_v2_call *call, struct cl_v2_fault *fault)
{
    static const cl_str names[] = {CL_STR_INIT("jsonrpc"), CL_STR_INIT("id"), CL_STR_INIT("method"),
                                   CL_STR_INIT("params")};
    const struct cl_json_member *id = cl_json_scan_member(scan, CL_STR("id"));
    const struct cl_json_member *method = cl_json_scan_member(scan, CL_STR("method"));
    call->id = (cl_str){0};
    if (id != NULL && !is_id(id))
        return not_a_request(fault, "id must be a short string, a number or null");
    if (id != NULL)
        fault->id = call->id = id->value;
    if (!is_json_rpc(scan))
        return not_a_request(fault, "jsonrpc must be \"2.0\"");
    if (method == NULL || method->type != CL_JSON_STRING)
        return not_a_request(fault, "method must be a string");
    if (scan->depth_most > DEPTH_MAX)
        return not_a_request(fault, "a call may have 30 levels");
    if (!has_only(scan, names, sizeof names / sizeof names[0]))
        return not_a_request(fault, "a request has jsonrpc, id, method and params, nothing else");
    // Section 4.1: from here on it is a notification, and those are not answered.
    fault->is_silent = id == NULL;
    for (unsigned i = 0; i < CL_V2_METHOD_COUNT; i++) {
        if (cl_json_string_is(method->value, cl_v2_method_name((enum cl_v2_method)i))) {
            call->method = (enum cl_v2_method)i;
            return CL_OK;
        }
    }
    return fault_of(fault, cl_fail(CL_ERR_NOT_FOUND, &fault->why, "there is no such method"),
                    CL_V2_CODE_METHOD);
}

static enum cl_err
check_ranges_or_lease(cl_ranges ranges, cl_str lease, struct cl_why *why)
{
    if ((ranges.len > 0) == (lease.len > 0))
        return cl_fail(CL_ERR_MISSING, why, "either ranges or lease is required");
    if (!cl_ranges_are_apart(ranges))
        return cl_fail(CL_ERR_MALFORMED, why, "two ranges must not have numbers in common");
    return CL_OK;
}

/* The others are the relay's to say. */
static enum cl_err
check_proof(uint8_t proof, struct cl_why *why)
{
    if (proof != CL_V2_PROOF_NONE && proof != CL_V2_PROOF_SPOOL && proof != CL_V2_PROOF_ACK &&
        proof != CL_V2_PROOF_TRANSCRIPT)
        return cl_fail(CL_ERR_MALFORMED, why, "proof must be spool, ack or transcript");
    return CL_OK;
}

static enum cl_err
check_ack(const struct cl_v2_ack *ack, struct cl_why *why)
{
    enum cl_err err = check_ranges_or_lease(ack->ranges, ack->lease, why);
    return err == CL_OK ? check_proof(ack->proof, why) : err;
}

static enum cl_err
check_report(const struct cl_v2_report *report, struct cl_why *why)
{
    if (report->rung == 0 && report->outcome == 0)
        return cl_fail(CL_ERR_MISSING, why, "rung or outcome is required");
    if (report->reason.len > 0 && report->outcome == 0)
        return cl_fail(CL_ERR_MALFORMED, why, "reason belongs to an outcome");
    return check_proof(report->proof, why);
}

/* Only of the message that it answers. */
static enum cl_err
check_claim(const struct cl_v2_send *send, const struct cl_envelope_header *header,
            struct cl_why *why)
{
    if (send->rung == 0 && send->outcome == 0)
        return CL_OK;
    if (cl_id_is_none(header->re))
        return cl_fail(CL_ERR_MALFORMED, why, "rung and outcome are an answer's, which has re");
    return CL_OK;
}

/* What `cap:` can name. */
static enum cl_err
check_capabilities(cl_strs capabilities, struct cl_why *why)
{
    for (uint32_t i = 0; i < capabilities.len; i++)
        if (!cl_name_is_valid(capabilities.ptr[i]))
            return cl_fail(CL_ERR_MALFORMED, why,
                           "a capability must be a name of 1 to %d letters, digits and \"._-\"",
                           CL_NAME_BYTES_MAX);
    return CL_OK;
}

/* The rules between params, and those of an envelope that is sent. */
static enum cl_err
check_params(const struct cl_envelope_reader *reader, cl_time now, struct cl_v2_call *call,
             struct cl_why *why)
{
    const struct cl_envelope *envelope = &call->params.send.envelope;
    enum cl_err err;
    switch ((int)call->method) {
    case CL_V2_HELLO:
        if (call->params.hello.versions.len == 0)
            return cl_fail(CL_ERR_MALFORMED, why, "versions must not be empty");
        if (!cl_name_is_instance(call->params.hello.instance))
            return cl_fail(CL_ERR_MALFORMED, why, "instance must not be v1 or relay");
        return CL_OK;
    case CL_V2_ATTACH:
        return check_capabilities(call->params.attach.capabilities, why);
    case CL_V2_SEND:
        err = cl_envelope_read(reader, envelope, &call->header, why);
        if (err == CL_OK)
            err = cl_envelope_check_sent(envelope, &call->header, now, why);
        return err == CL_OK ? check_claim(&call->params.send, &call->header, why) : err;
    case CL_V2_ACK:
        return check_ack(&call->params.ack, why);
    case CL_V2_RELEASE:
        return check_ranges_or_lease(call->params.release.ranges, call->params.release.lease, why);
    case CL_V2_REPORT:
        return check_report(&call->params.report, why);
    default:
        return CL_OK;
    }
}

static enum cl_err
read_params(const struct cl_envelope_reader *reader, const struct cl_json_scan *scan, cl_time now,
            struct cl_v2_call *call, struct cl_why *why)
{
    struct cl_shape_reader shape_reader = {.arena = reader->arena};
    const struct cl_json_member *params = cl_json_scan_member(scan, CL_STR("params"));
    if (params != NULL && params->type != CL_JSON_OBJECT)
        return cl_fail(CL_ERR_MALFORMED, why, "params must be an object");
    enum cl_err err =
        cl_shape_read(&shape_reader, cl_v2_params_shape(call->method),
                      params == NULL ? CL_STR("{}") : params->value, &call->params, why);
    return err == CL_OK ? check_params(reader, now, call, why) : err;
}

enum cl_err
cl_v2_decode_call(const struct cl_envelope_reader *reader, cl_str text, cl_time now,
                  struct cl_v2_call *ret_call, struct cl_v2_fault *ret_fault)
{
    struct cl_json_scan scan;
    ret_fault->id = null_id;
    ret_fault->is_silent = false;
    ret_fault->why.text[0] = '\0';
    if (cl_str_starts(cl_str_strip(text), CL_STR("[")))
        return not_a_request(ret_fault, "an array: send one request at a time");
    cl_json_scan_init(&scan, reader->arena, reader->hash_key);
    enum cl_err err = cl_json_scan_feed(&scan, text, true, &ret_fault->why);
    if (err != CL_OK)
        return fault_of(ret_fault, err,
                        err == CL_ERR_MALFORMED ? CL_V2_CODE_PARSE : cl_err_http(err));
    err = read_request(&scan, ret_call, ret_fault);
    if (err != CL_OK)
        return err;
    err = read_params(reader, &scan, now, ret_call, &ret_fault->why);
    if (err == CL_OK)
        return CL_OK;
    bool is_params = err == CL_ERR_MALFORMED || err == CL_ERR_MISSING;
    return fault_of(ret_fault, err, is_params ? CL_V2_CODE_PARAMS : cl_err_http(err));
}

/* -- what a client hears ----------------------------------------------------------------------- */

static enum cl_err
read_note(const struct cl_shape_reader *reader, const struct cl_json_scan *scan, cl_str method,
          struct cl_v2_heard *heard, struct cl_why *why)
{
    const struct cl_json_member *params = cl_json_scan_member(scan, CL_STR("params"));
    unsigned note = 0;
    while (note < CL_V2_NOTE_COUNT &&
           !cl_json_string_is(method, cl_v2_note_name((enum cl_v2_note)note)))
        note++;
    if (note == CL_V2_NOTE_COUNT) {
        heard->kind = CL_V2_HEARD_OTHER;
        return CL_OK;
    }
    if (params == NULL || params->type != CL_JSON_OBJECT)
        return cl_fail(CL_ERR_MALFORMED, why, "params must be an object");
    heard->kind = CL_V2_HEARD_NOTE;
    heard->note = (enum cl_v2_note)note;
    return cl_shape_read(reader, cl_v2_note_shape(heard->note), params->value, &heard->note_params,
                         why);
}

/* JSON-RPC 2.0 section 5.1: code, message, and the data of v2.md. */
static enum cl_err
read_error(const struct cl_shape_reader *reader, cl_str error, struct cl_v2_heard *heard,
           struct cl_why *why)
{
    struct cl_json_cursor cursor;
    struct cl_json_member member;
    struct cl_v2_error_data data = {0};
    int64_t code = 0;
    bool has_message = false;
    enum cl_err err = CL_OK;
    heard->kind = CL_V2_HEARD_ERROR;
    heard->error = (struct cl_v2_error){.err = CL_ERR_INTERNAL};
    cl_json_cursor_init(&cursor, error);
    while (err == CL_OK && cl_json_cursor_next(&cursor, &member)) {
        if (cl_str_eq(member.name, CL_STR("code"))) {
            if (!cl_json_to_i64(member.value, &code) || code < INT32_MIN || code > INT32_MAX)
                code = 0;
        } else if (cl_str_eq(member.name, CL_STR("message")) && member.type == CL_JSON_STRING) {
            err = cl_json_string(member.value, reader->arena, &heard->error.sentence);
            has_message = true;
        } else if (cl_str_eq(member.name, CL_STR("data")) && member.type == CL_JSON_OBJECT) {
            err = cl_shape_read(reader, &cl_v2_error_data_shape, member.value, &data, why);
        }
    }
    if (err == CL_OK && (code == 0 || !has_message))
        err = cl_fail(CL_ERR_MALFORMED, why, "an error has a code and a message");
    if (err != CL_OK)
        return err;
    heard->error.code = (int)code;
    if (data.error.len > 0)
        heard->error.err = cl_err_from_wire(data.error);
    heard->error.retry_after_s = data.retry_after;
    heard->error.versions = data.versions;
    heard->error.candidates = data.candidates;
    return CL_OK;
}

enum cl_err
cl_v2_decode_heard(const struct cl_envelope_reader *reader, cl_str text,
                   struct cl_v2_heard *ret_heard, struct cl_why *why)
{
    struct cl_json_scan scan;
    struct cl_shape_reader shape_reader = {.arena = reader->arena, .is_lenient = true};
    cl_json_scan_init(&scan, reader->arena, reader->hash_key);
    enum cl_err err = cl_json_scan_feed(&scan, text, true, why);
    if (err != CL_OK)
        return err;
    const struct cl_json_member *id = cl_json_scan_member(&scan, CL_STR("id"));
    const struct cl_json_member *method = cl_json_scan_member(&scan, CL_STR("method"));
    const struct cl_json_member *result = cl_json_scan_member(&scan, CL_STR("result"));
    const struct cl_json_member *error = cl_json_scan_member(&scan, CL_STR("error"));
    *ret_heard = (struct cl_v2_heard){0};
    if (!is_json_rpc(&scan))
        return cl_fail(CL_ERR_MALFORMED, why, "jsonrpc must be \"2.0\"");
    if (method != NULL && id == NULL && result == NULL && error == NULL)
        return read_note(&shape_reader, &scan, method->value, ret_heard, why);
    if (id == NULL || !is_id(id) || method != NULL || (result == NULL) == (error == NULL))
        return cl_fail(CL_ERR_MALFORMED, why, "an answer has an id, and a result or an error");
    ret_heard->id = id->value;
    if (error != NULL && error->type != CL_JSON_OBJECT)
        return cl_fail(CL_ERR_MALFORMED, why, "an error must be an object");
    if (error != NULL)
        return read_error(&shape_reader, error->value, ret_heard, why);
    ret_heard->kind = CL_V2_HEARD_RESULT;
    ret_heard->result = result->value;
    return CL_OK;
}

enum cl_err
cl_v2_read_result(const struct cl_envelope_reader *reader, enum cl_v2_method method, cl_str result,
                  void *ret_result, struct cl_why *why)
{
    struct cl_shape_reader shape_reader = {.arena = reader->arena, .is_lenient = true};
    if (cl_json_type_of(result) != CL_JSON_OBJECT)
        return cl_fail(CL_ERR_MALFORMED, why, "a result must be an object");
    return cl_shape_read(&shape_reader, cl_v2_result_shape(method), result, ret_result, why);
}
