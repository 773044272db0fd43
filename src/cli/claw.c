// SPDX-License-Identifier: MIT
#include "cli/claw.h"

#include "base/clock.h"
#include "proto/id_text.h"
#include "proto/v2_decode.h"

enum cl_err
cl_claw_new(struct cl_run *run, claw_event_fn *on_event, void *user, claw_client **ret_client,
            struct cl_why *why)
{
    struct claw_options options;
    char instance[CL_NAME_BYTES_MAX + 1];
    (void)cl_str_copy(instance, sizeof instance, cl_me_instance(&run->me)); // a name fits
    claw_options_init(&options, sizeof options);
    options.instance = instance;
    options.program = "clawlink/" CLAWLINK_VERSION;
    options.on_event = on_event;
    options.event_user = user;
    options.is_impatient = 1;
    return cl_api_new_like(&options, run->client, ret_client, why);
}

enum cl_err
cl_claw_fail(claw_client *client, claw_err err, struct cl_why *why)
{
    struct cl_why reason;
    claw_why(client, reason.text, sizeof reason.text);
    return cl_fail(cl_api_err_of(err), why, "%s", reason.text);
}

enum cl_err
cl_claw_turn(struct cl_run *run, claw_client *client, cl_instant until, struct cl_why *why)
{
    int64_t ms = until.ms - cl_clock_monotonic().ms, own_ms = claw_deadline(client);
    if (own_ms >= 0 && own_ms < ms)
        ms = own_ms;
    if (ms > 0)
        cl_client_wait(run->client, claw_fd(client), ms > INT32_MAX ? INT32_MAX : (uint32_t)ms);
    claw_err err = claw_turn(client, 0);
    return err == CLAW_OK ? CL_OK : cl_claw_fail(client, err, why);
}

enum cl_err
cl_claw_call(claw_client *client, enum cl_v2_method method, const void *params)
{
    struct cl_json_writer json;
    struct cl_buf text;
    cl_buf_init(&text, CL_HTTP_BODY_BYTES_MAX);
    cl_json_writer_init(&json, &text);
    cl_shape_put(&json, cl_v2_params_shape(method), params);
    enum cl_err err = cl_json_writer_end(&json);
    if (err == CL_OK)
        err = cl_buf_append_byte(&text, '\0');
    if (err == CL_OK) // the name is a literal
        err = cl_api_err_of(claw_call(client, cl_v2_method_name(method).ptr, text.ptr, method));
    cl_buf_done(&text);
    return err == CL_ERR_NO_MEMORY || err == CL_ERR_FULL ? CL_ERR_NO_MEMORY : CL_OK;
}

enum cl_err
cl_claw_read(const struct cl_envelope_reader *reader, const struct claw_event *event,
             void *ret_result)
{
    enum cl_err err = cl_api_err_of(event->err);
    return err == CL_OK
               ? cl_v2_read_result(reader, (enum cl_v2_method)event->tag,
                                   cl_str_of(event->json, event->json_len), ret_result, NULL)
               : err;
}

void
cl_claw_put_receipt(struct cl_json_writer *json, const struct claw_event *event)
{
    struct cl_v2_step steps[CL_RUNG_COUNT];
    const struct cl_v2_ending ended = {.outcome = (uint8_t)event->outcome,
                                       .at = (uint64_t)event->ended_ms,
                                       .by = cl_str_z(event->ended_by),
                                       .reason = cl_str_z(event->reason)};
    struct cl_v2_receipt receipt = {.version = event->cursor,
                                    .rungs = {steps, (uint32_t)event->steps_len},
                                    .ended = event->outcome == CLAW_OUTCOME_NONE ? NULL : &ended};
    (void)cl_id_from_text(cl_str_z(event->id), &receipt.id); // it is one
    for (size_t i = 0; i < event->steps_len; i++)            // no more than there are
        steps[i] = (struct cl_v2_step){.rung = (uint8_t)(event->steps[i].rung - 1),
                                       .at = (uint64_t)event->steps[i].at_ms,
                                       .by = cl_str_z(event->steps[i].by),
                                       .proof = (uint8_t)event->steps[i].proof};
    cl_shape_put(json, &cl_v2_receipt_shape, &receipt);
}
