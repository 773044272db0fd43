// SPDX-License-Identifier: MIT
#include "base/clock.h"
#include "client/api_private.h"
#include "client/call_v2.h"

/* -- calls that wait --------------------------------------------------------------------------- */

enum cl_err
cl_api_check(const claw_client *client, struct cl_why *why)
{
    if (!client->is_ended)
        return CL_OK;
    return cl_fail(client->end, why, "The connection has ended for good, and the client with it.");
}

enum cl_err
cl_api_op_new(claw_client *client, enum cl_v2_method method, uint32_t ids_len,
              struct cl_api_op **ret_op)
{
    if (client->ops_len >= CL_API_CALLS_MAX || client->ops_bytes >= CL_API_CALLS_BYTES_MAX)
        return CL_ERR_FULL;
    struct cl_api_op *op = cl_alloc(sizeof *op + ids_len * sizeof *op->ids);
    if (op == NULL)
        return CL_ERR_NO_MEMORY;
    op->client = client;
    op->method = method;
    op->ids_len = ids_len;
    cl_link_init(&op->link);
    *ret_op = op;
    return CL_OK;
}

void
cl_api_op_drop(struct cl_api_op *op)
{
    if (cl_link_is_linked(&op->link)) {
        op->client->ops_len--;
        op->client->ops_bytes -= op->bytes;
        (void)pthread_cond_broadcast(&op->client->news); // claw_drain
    }
    cl_list_remove(&op->link);
    cl_api_event_free(op->event);
    cl_api_draft_free(op->draft);
    cl_free(op);
}

void
cl_api_drop_ops(claw_client *client)
{
    CL_LIST_EACH(&client->ops, at)
    {
        cl_api_op_drop(CL_LIST_ENTRY(at, struct cl_api_op, link));
    }
}

/* -- answers ----------------------------------------------------------------------------------- */

/* Is it an answer to this call, and a good one? */
static enum cl_err
judge(const struct cl_api_op *op, const struct cl_uplink_answer *answer, struct cl_why *why)
{
    const char *id = op->method == CL_V2_SEND ? op->event->shown.id : "";
    const struct cl_v2_sent *sent = answer->result;
    if (answer->error != NULL)
        return cl_explain_v2(op->client->relay, op->method, answer->error, why);
    if (answer->err == CL_ERR_CLOSED)
        return cl_fail(answer->err, why,
                       "The connection broke before the answer: it was done, or not.");
    if (answer->err != CL_OK && op->method == CL_V2_SEND)
        return cl_fail(answer->err, why,
                       "The relay's answer about message %s could not be read (%s).", id,
                       cl_err_wire(answer->err));
    if (answer->err != CL_OK)
        return cl_fail(answer->err, why, "The answer could not be read.");
    if (op->method == CL_V2_SEND && !cl_id_eq(sent->id, op->id))
        return cl_fail(CL_ERR_IO, why, "The relay answers of another message than %s.", id);
    return CL_OK;
}

static void
tell_sent(struct cl_api_op *op, const struct cl_v2_sent *sent)
{
    struct claw_event *shown = &op->event->shown;
    shown->to = cl_api_event_put(op->event, sent->to);
    shown->rung = (uint32_t)sent->status + 1;
    shown->durability = sent->durability;
    shown->is_duplicate = sent->duplicate;
    shown->has_recipients = sent->recipients.is_set;
    shown->recipients = sent->recipients.value;
    cl_api_event_add(op->client, op->event);
    op->event = NULL;
}

/* False: there is no memory for it. */
static bool
tell_result(struct cl_api_op *op, cl_str json)
{
    struct cl_api_event *event = cl_api_event_new(CLAW_EVENT_RESULT, json.len + 1);
    if (event == NULL)
        return false;
    event->shown.tag = op->event->shown.tag;
    event->shown.json = cl_api_event_put(event, json);
    event->shown.json_len = json.len;
    cl_api_event_add(op->client, event);
    return true;
}

static void
tell_failed(struct cl_api_op *op, enum cl_err err, const struct cl_why *why)
{
    cl_api_event_fail(op->client, op->event, err, why);
    op->event = NULL;
    if (op->method == CL_V2_SEND)
        cl_api_ask_refused(op->client, op->id, err, why);
}

static void
on_answer(void *ctx, const struct cl_uplink_answer *answer)
{
    struct cl_api_op *op = ctx;
    struct cl_why why = {""};
    enum cl_err err = judge(op, answer, &why);
    if (err != CL_OK && op->event != NULL) {
        tell_failed(op, err, &why);
    } else if (op->method == CL_V2_SEND) {
        tell_sent(op, answer->result);
    } else if (op->ids_len > 0) {
        cl_api_told(op, err);
    } else if (op->event != NULL && !tell_result(op, answer->text)) {
        tell_failed(op, CL_ERR_NO_MEMORY, NULL);
    }
    cl_api_op_drop(op);
}

enum cl_err
cl_api_op_call(struct cl_api_op *op, const void *params, enum cl_api_keep keep)
{
    const struct cl_uplink_call call = {.method = op->method,
                                        .params = params,
                                        .is_kept = keep == CL_API_KEPT,
                                        .is_bound = keep == CL_API_BOUND,
                                        .fn = on_answer,
                                        .ctx = op};
    return cl_uplink_call(op->client->uplink, &call, NULL);
}

enum cl_err
cl_api_op_start(struct cl_api_op *op, const void *params, enum cl_api_keep keep, struct cl_why *why)
{
    claw_client *client = op->client;
    enum cl_err err = op->draft == NULL ? cl_api_op_call(op, params, keep) : CL_OK;
    if (err != CL_OK) {
        cl_api_op_drop(op);
        return err == CL_ERR_MALFORMED ? cl_fail(err, why, "A text is not UTF-8.") : err;
    }
    cl_list_append(&client->ops, &op->link);
    client->ops_len++;
    client->ops_bytes += op->bytes;
    return CL_OK;
}

/* -- notes ------------------------------------------------------------------------------------- */

static void
on_up(void *ctx, const struct cl_v2_welcome *welcome)
{
    claw_client *client = ctx;
    const struct cl_v2_limits *limits = welcome->limits;
    struct cl_api_event *event =
        cl_api_event_new(CLAW_EVENT_UP, welcome->relay.len + welcome->epoch.len + 2);
    if (event == NULL) {
        cl_uplink_choke(client->uplink);
        return;
    }
    event->shown.relay = cl_api_event_put(event, welcome->relay);
    event->shown.epoch = cl_api_event_put(event, welcome->epoch);
    event->shown.durability = welcome->durability;
    event->shown.body_bytes_max = limits->body_bytes;
    event->shown.blob_bytes_max = limits->blob_bytes;
    cl_api_event_add(client, event);
    client->clock = (cl_time){(int64_t)welcome->time};
    client->clock_at = cl_clock_monotonic();
    if (!cl_api_take_word(client, welcome->secret))
        cl_uplink_choke(client->uplink);
}

/* What was prepared for a fall, which has room for a sentence. Returns what the event says: an
 * answer that was no WebSocket may tell more than its status. */
static enum cl_err
tell_fall(claw_client *client, struct cl_api_event *event, const struct cl_uplink_fall *fall,
          uint32_t pause_ms)
{
    struct cl_why why = {""};
    enum cl_err err = cl_client_explain(client->relay, fall, &why);
    event->shown.err = cl_api_err(err);
    event->shown.text = cl_api_event_put(event, cl_str_z(why.text));
    event->shown.pause_ms = pause_ms;
    cl_api_event_add(client, event);
    return err;
}

static void
on_down(void *ctx, const struct cl_uplink_fall *fall, uint32_t pause_ms)
{
    claw_client *client = ctx;
    cl_api_take_back(client);
    // Without memory some of many in a row may go untold: each is followed by another, or by UP.
    if (client->spare_down == NULL)
        client->spare_down = cl_api_event_new(CLAW_EVENT_DOWN, CL_WHY_CAP);
    if (client->spare_down == NULL)
        return;
    cl_err_ignore(tell_fall(client, client->spare_down, fall, pause_ms)); // it comes back
    client->spare_down = cl_api_event_new(CLAW_EVENT_DOWN, CL_WHY_CAP);
}

static void
on_ended(void *ctx, const struct cl_uplink_fall *fall)
{
    claw_client *client = ctx;
    cl_api_take_back(client);
    cl_api_drop_ops(client);
    cl_api_asks_done(client);
    client->is_ended = true;
    client->end = tell_fall(client, client->spare_ended, fall, 0);
    client->spare_ended = NULL;
}

static void
take_agent(claw_client *client, const struct cl_v2_agent *agent)
{
    struct cl_buf json;
    struct cl_json_writer writer;
    cl_buf_init(&json, CL_HTTP_BODY_BYTES_MAX);
    cl_json_writer_init(&writer, &json);
    cl_shape_put(&writer, &cl_v2_agent_shape, agent);
    enum cl_err err = cl_json_writer_end(&writer);
    struct cl_api_event *event =
        err != CL_OK ? NULL : cl_api_event_new(CLAW_EVENT_JOINED, agent->agent.len + json.len + 2);
    if (event != NULL) {
        event->shown.agent = cl_api_event_put(event, agent->agent);
        event->shown.json = cl_api_event_put(event, cl_buf_str(&json));
        event->shown.json_len = json.len;
        cl_api_event_add(client, event);
    } else {
        cl_uplink_choke(client->uplink);
    }
    cl_buf_done(&json);
}

static void
on_note(void *ctx, enum cl_v2_note note, const union cl_v2_note_params *params)
{
    claw_client *client = ctx;
    switch (note) {
    case CL_V2_NOTE_MESSAGE:
        cl_api_take_message(client, &params->message);
        return;
    case CL_V2_NOTE_RECEIPT:
        cl_api_take_receipts(client, &params->receipts);
        return;
    case CL_V2_NOTE_JOINED:
        take_agent(client, &params->agent);
        return;
    case CL_V2_NOTE_COUNT:
        return;
    }
}

static void
on_attached(void *ctx, const struct cl_v2_attached *attached)
{
    claw_client *client = ctx;
    cl_api_take_up(client, attached->agent, attached->waiting);
    struct cl_api_event *event = cl_api_event_new(CLAW_EVENT_ATTACHED, attached->agent.len + 1);
    if (event == NULL) {
        cl_uplink_choke(client->uplink);
        return;
    }
    event->shown.agent = cl_api_event_put(event, attached->agent);
    event->shown.cursor = attached->receipts;
    event->shown.waiting = attached->waiting;
    event->shown.is_new = attached->new;
    cl_api_event_add(client, event);
}

const struct cl_uplink_events cl_api_uplink_events = {on_up, on_down, on_ended, on_note,
                                                      on_attached};

/* -- what a program asks of it ----------------------------------------------------------------- */

int32_t
claw_is_up(claw_client *client)
{
    (void)pthread_mutex_lock(&client->lock);
    int32_t is_up = !client->is_broken && cl_uplink_is_up(client->uplink);
    (void)pthread_mutex_unlock(&client->lock);
    return is_up;
}

static enum cl_err
hurry(claw_client *client, void *args, struct cl_why *why)
{
    (void)args;
    cl_uplink_hurry(client->uplink);
    return cl_api_check(client, why);
}

claw_err
claw_hurry(claw_client *client)
{
    return cl_api_do(client, hurry, NULL);
}
