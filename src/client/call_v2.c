// SPDX-License-Identifier: MIT
#include "client/call_v2.h"

#include "base/random.h"
#include "proto/v2_decode.h"
#include "proto/v2_encode.h"

/* One call at a time needs no other. */
#define CALL_ID "1"
/* Of a list of addresses or versions in a sentence. */
#define LIST_BYTES_MAX 200

/* ": a, b, c"; nothing for none. */
static void
put_list(struct cl_buf *out, cl_strs list)
{
    for (uint32_t i = 0; i < list.len; i++)
        if (cl_buf_printf(out, "%s%.*s", i == 0 ? ": " : ", ", CL_STR_ARG(list.ptr[i])) != CL_OK) {
            // What does not fit any more: the first ones say enough.
            cl_err_ignore(cl_buf_append(out, CL_STR(", ...")));
            return;
        }
}

enum cl_err
cl_explain_v2(const struct cl_client *client, enum cl_v2_method method,
              const struct cl_v2_error *error, struct cl_why *why)
{
    struct cl_buf list;
    char later[48] = "";
    cl_str name = cl_v2_method_name(method);
    cl_str sentence = cl_str_part(error->sentence, 0, 160);
    cl_buf_init(&list, LIST_BYTES_MAX);
    put_list(&list, error->candidates.len > 0 ? error->candidates : error->versions);
    if (error->retry_after_s > 0)
        (void)snprintf(later, sizeof later, " Try again in %llu s.",
                       (unsigned long long)error->retry_after_s);
    else if (cl_err_retry_helps(error->err))
        (void)snprintf(later, sizeof later, " Try again later.");
    cl_str text = sentence.len > 0 ? sentence : cl_str_z(cl_err_wire(error->err));
    enum cl_err err = cl_fail(error->err, why, "The relay at %.*s refused %.*s: %.*s%.*s.%s",
                              CL_STR_ARG(cl_client_url_shown(client)), CL_STR_ARG(name),
                              CL_STR_ARG(text), CL_STR_ARG(cl_buf_str(&list)), later);
    cl_buf_done(&list);
    return err;
}

static enum cl_err
not_an_answer(const struct cl_client *client, const struct cl_call_v2 *call, const char *reason,
              struct cl_why *why)
{
    return cl_fail(
        CL_ERR_IO, why,
        "What answered %.*s at %.*s does not keep to protocol v2 (%.200s). Is it a relay, "
        "and is this program as new as it?",
        CL_STR_ARG(cl_v2_method_name(call->method)), CL_STR_ARG(cl_client_url_shown(client)),
        reason);
}

/* Is it an answer to the call, or the error of one that the relay could not even read? */
static bool
is_to_us(const struct cl_v2_heard *heard)
{
    return cl_str_eq(heard->id, CL_STR(CALL_ID)) ||
           (heard->kind == CL_V2_HEARD_ERROR && cl_str_eq(heard->id, CL_STR("null")));
}

/* The one answer. */
static enum cl_err
take_answer(const struct cl_client *client, const struct cl_call_v2 *call, cl_str text,
            struct cl_v2_heard *heard, struct cl_why *why)
{
    cl_hash_key key;
    cl_random_bytes(&key, sizeof key);
    const struct cl_envelope_reader reader = {.arena = call->arena, .hash_key = &key};
    struct cl_why reason = {""};
    enum cl_err err = cl_v2_decode_heard(&reader, text, heard, &reason);
    if (err == CL_ERR_NO_MEMORY)
        return cl_fail(err, why, "Out of memory.");
    if (err != CL_OK)
        return not_an_answer(client, call, reason.text, why);
    if (heard->kind != CL_V2_HEARD_RESULT && heard->kind != CL_V2_HEARD_ERROR)
        return not_an_answer(client, call, "a note, where an answer is due", why);
    if (!is_to_us(heard))
        return not_an_answer(client, call, "the answer to another call", why);
    return heard->kind == CL_V2_HEARD_ERROR
               ? cl_explain_v2(client, call->method, &heard->error, why)
               : CL_OK;
}

static enum cl_err
read_result(const struct cl_client *client, const struct cl_call_v2 *call, cl_str result,
            void *ret_result, struct cl_why *why)
{
    cl_hash_key key;
    cl_random_bytes(&key, sizeof key);
    const struct cl_envelope_reader reader = {.arena = call->arena, .hash_key = &key};
    struct cl_why reason = {""};
    enum cl_err err = cl_v2_read_result(&reader, call->method, result, ret_result, &reason);
    if (err == CL_ERR_NO_MEMORY)
        return cl_fail(err, why, "Out of memory.");
    return err == CL_OK ? CL_OK : not_an_answer(client, call, reason.text, why);
}

enum cl_err
cl_client_call_v2(struct cl_client *client, const struct cl_call_v2 *call, void *ret_result,
                  cl_str *ret_text, struct cl_why *why)
{
    struct cl_buf body;
    struct cl_v2_heard heard;
    cl_str answer;
    cl_buf_init(&body, CL_HTTP_ANSWER_BYTES_MAX); // the client knows what a relay takes
    enum cl_err err = cl_v2_encode_call(call->method, CL_STR(CALL_ID), call->params, &body);
    if (err != CL_OK) {
        cl_buf_done(&body);
        return cl_fail(err == CL_ERR_MALFORMED ? CL_ERR_USAGE : err, why,
                       err == CL_ERR_MALFORMED
                           ? "A text is not UTF-8, and the relay takes no other: convert it first."
                           : "The call could not be written.");
    }
    const struct cl_client_call http = {.method = "POST",
                                        .path = CL_STR("/v2"),
                                        .body = cl_buf_str(&body),
                                        .wait_s = call->wait_s,
                                        .within_ms = call->within_ms,
                                        .is_v2 = true};
    err = cl_client_call(client, &http, &answer, why);
    cl_buf_done(&body);
    if (err == CL_OK)
        err = take_answer(client, call, answer, &heard, why);
    if (err == CL_OK)
        err = read_result(client, call, heard.result, ret_result, why);
    if (err == CL_OK && ret_text != NULL)
        *ret_text = heard.result;
    return err;
}
