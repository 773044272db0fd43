// SPDX-License-Identifier: MIT
#include "base/clock.h"
#include "base/random.h"
#include "base/utf8.h"
#include "client/api_private.h"
#include "proto/id_text.h"

/* The longest address. */
#define TO_CAP (CL_ID_BYTES_MAX + 16)
#define LIFE_S CL_ENVELOPE_LIFE_S_MAX

/* -- letters ----------------------------------------------------------------------------------- */

/* The longer texts are looked at when the envelope is written (proto/envelope.h). */
static enum cl_err
check_letter(const struct claw_letter *letter, struct cl_why *why)
{
    struct cl_address to;
    if (!cl_address_read(cl_api_str(letter->to), &to) || (to.kind & CL_ADDRESS_RECEIVERS) == 0)
        return cl_fail(CL_ERR_USAGE, why,
                       "\"%.*s\" is no address to send to: write instance/agent, v1/ID, "
                       "cap:CAPABILITY, topic:TOPIC or a name.",
                       CL_STR_ARG(cl_str_part(cl_api_str(letter->to), 0, 100)));
    if (letter->body == NULL && letter->body_len > 0)
        return cl_fail(CL_ERR_USAGE, why, "The body has a length, and is not there.");
    if (letter->priority > CLAW_PRIORITY_LOW)
        return cl_fail(CL_ERR_USAGE, why, "There is no priority %u.", letter->priority);
    if (letter->life_s > LIFE_S || letter->deadline_s > LIFE_S)
        return cl_fail(CL_ERR_USAGE, why, "A message lives for up to %u seconds.", LIFE_S);
    if (letter->attempts > UINT8_MAX || letter->hops > UINT8_MAX)
        return cl_fail(CL_ERR_USAGE, why, "attempts and hops are up to %u.", UINT8_MAX);
    if (letter->rung > CLAW_RUNG_IN_PROGRESS || letter->rung == CLAW_RUNG_ACCEPTED ||
        letter->outcome > CLAW_OUTCOME_CANCELED)
        return cl_fail(CL_ERR_USAGE, why, "A sender claims no such rung or outcome.");
    if ((letter->rung | letter->outcome) != 0 && cl_api_str(letter->re).len == 0)
        return cl_fail(CL_ERR_USAGE, why, "rung and outcome are of the message in re.");
    return CL_OK;
}

static enum cl_err
read_id(const char *name, const char *text, cl_id *ret_id, struct cl_why *why)
{
    if (cl_api_str(text).len == 0 || cl_id_from_text(cl_api_str(text), ret_id))
        return CL_OK;
    return cl_fail(CL_ERR_USAGE, why, "%s \"%.80s\" is no id of a message.", name, text);
}

static cl_id
new_id(void)
{
    cl_id id;
    do
        cl_random_bytes(&id, sizeof id);
    while (cl_id_is_none(id));
    return id;
}

/* The relay's clock counts for a message: this machine's may be wrong. But what a signature vouches
 * for a relay is not to say. */
static cl_time
now_of(const claw_client *client)
{
    if (client->group_key != NULL || client->clock_at.ms == 0)
        return cl_clock_wall();
    return cl_time_add(client->clock, cl_clock_monotonic().ms - client->clock_at.ms);
}

/* Everything but the number in the stream, which is used up only by what is sent. */
static enum cl_err
fill_header(const claw_client *client, const struct claw_letter *letter,
            const struct cl_api_agent *from, struct cl_envelope_header *header, struct cl_why *why)
{
    *header = (struct cl_envelope_header){.typ = CL_ENVELOPE_MSG,
                                          .from = cl_str_z(from->address),
                                          .to = cl_api_str(letter->to),
                                          .id = new_id(),
                                          .iat = (uint64_t)(now_of(client).ms / 1000),
                                          .cty = cl_api_str(letter->content_type),
                                          .str = {true, from->stream},
                                          .seq = from->seq + 1,
                                          .thr = cl_api_str(letter->thread),
                                          .pri = (uint8_t)letter->priority,
                                          .reply_to = cl_api_str(letter->reply_to)};
    header->exp = header->iat + (letter->life_s == 0 ? LIFE_S : letter->life_s);
    header->dl = letter->deadline_s == 0 ? 0 : header->iat + letter->deadline_s;
    enum cl_err err = read_id("id", letter->id, &header->id, why);
    if (err == CL_OK)
        err = read_id("re", letter->re, &header->re, why);
    if (err == CL_OK)
        err = read_id("root", letter->root, &header->root, why);
    if (!cl_id_is_none(header->root))
        header->hops = (cl_maybe){true, letter->hops};
    if (letter->begins_chain != 0) {
        header->root = header->id;
        header->hops = (cl_maybe){true, 0};
    }
    return err;
}

static enum cl_err
write_body(const struct cl_api_send *send, struct cl_envelope_header *header,
           struct cl_buf *ret_body, struct cl_why *why)
{
    const struct claw_letter *letter = send->letter;
    cl_str body = cl_str_of(letter->body, letter->body_len);
    if (send->blob != NULL) {
        header->cty = CL_STR(CL_CTY_BLOB);
        return cl_blob_put(send->blob, ret_body);
    }
    if (body.len > CL_ENVELOPE_BODY_BYTES_MAX)
        return cl_fail(CL_ERR_TOO_LARGE, why,
                       "The body has %zu bytes, and a message carries %u: claw_send_large sends "
                       "what is larger.",
                       body.len, CL_ENVELOPE_BODY_BYTES_MAX);
    if (header->cty.len == 0 && !cl_utf8_is_valid(body))
        header->cty = CL_STR("application/octet-stream");
    return cl_buf_append(ret_body, body);
}

/* Behind the text of an envelope whose header says that it is signed. */
static enum cl_err
sign(const claw_client *client, struct cl_buf *text)
{
    char signature[CL_GROUP_SIGNATURE_LEN];
    const struct cl_envelope envelope = cl_envelope_split(cl_buf_str(text));
    enum cl_err err =
        cl_group_sign(client->group_key, envelope.protected, envelope.payload, signature);
    return err == CL_OK ? cl_envelope_add_signature(text, cl_str_of(signature, sizeof signature))
                        : err;
}

static enum cl_err
seal(const claw_client *client, struct cl_envelope_header *header, cl_str body,
     struct cl_buf *ret_text, struct cl_why *why)
{
    struct cl_arena arena;
    struct cl_why reason = {""};
    cl_arena_init(&arena, CL_JSON_SCAN_ARENA_BYTES_MAX);
    const struct cl_envelope_reader reader = {.arena = &arena, .hash_key = &client->hash_key};
    enum cl_err err = cl_envelope_encode(&reader, header, body, ret_text, &reason);
    cl_arena_done(&arena);
    if (err == CL_OK && header->alg == CL_ENVELOPE_HS256)
        err = sign(client, ret_text);
    if (err != CL_ERR_MALFORMED && err != CL_ERR_MISSING)
        return err;
    return cl_fail(CL_ERR_MALFORMED, why, "The message breaks a rule of protocol v2: %.200s.",
                   reason.text);
}

/* Nobody has said yet whether the key is a group's. */
static bool
is_undecided(const claw_client *client)
{
    return client->group_key != NULL && !client->is_strict && !client->is_told;
}

static bool
signs(const claw_client *client)
{
    return client->group_key != NULL && client->is_group;
}

/* As it is sent: ret_texts[1] with a signature, [0] without; both while nobody knows which. */
static enum cl_err
seal_as_wanted(const claw_client *client, struct cl_envelope_header *header, cl_str body,
               struct cl_buf ret_texts[static 2], struct cl_why *why)
{
    enum cl_err err = CL_OK;
    if (is_undecided(client) || !signs(client))
        err = seal(client, header, body, &ret_texts[0], why);
    header->alg = CL_ENVELOPE_HS256;
    header->kid = CL_STR(CL_ENVELOPE_KID_GROUP);
    if (err == CL_OK && (is_undecided(client) || signs(client)))
        err = seal(client, header, body, &ret_texts[1], why);
    return err;
}

/* -- asks -------------------------------------------------------------------------------------- */

struct ask {
    claw_client *client;
    cl_id id;
    char agent[CL_API_ADDRESS_CAP];
    uint64_t tag;
    struct cl_timer timer;
    enum cl_err end;            // that the timer brings
    struct cl_api_event *event; // of an end without an answer
};

static void
ask_free(struct ask *ask)
{
    cl_loop_timer_stop(ask->client->loop, &ask->timer);
    (void)cl_map_remove(&ask->client->asks, cl_str_of(ask->id.bytes, sizeof ask->id.bytes));
    cl_api_event_free(ask->event);
    cl_free(ask);
}

void
cl_api_asks_done(claw_client *client)
{
    struct ask *ask;
    for (uint32_t at = 0; (ask = cl_map_next(&client->asks, &at)) != NULL;)
        ask_free(ask);
    cl_map_done(&client->asks);
}

static struct ask *
ask_find(const claw_client *client, cl_id id)
{
    return cl_id_is_none(id) ? NULL
                             : cl_map_get(&client->asks, cl_str_of(id.bytes, sizeof id.bytes));
}

static void
ask_end(struct ask *ask, enum cl_err err, const struct cl_why *why)
{
    struct cl_api_event *event = ask->event;
    ask->event = NULL;
    cl_api_event_fail(ask->client, event, err, why);
    ask_free(ask);
}

static void
on_ask_timer(struct cl_timer *timer)
{
    struct ask *ask = CL_LIST_ENTRY(timer, struct ask, timer);
    struct cl_why why = {"No answer came in time."};
    if (ask->end == CL_ERR_ENDED)
        cl_err_ignore(cl_fail(ask->end, &why, "The question has ended without an answer."));
    ask_end(ask, ask->end, &why);
}

static enum cl_err
ask_begin(claw_client *client, const struct cl_api_send *send,
          const struct cl_envelope_header *header, struct ask **ret_ask)
{
    char id[CL_ID_TEXT_CAP];
    struct ask *ask = cl_alloc(sizeof *ask);
    if (ask == NULL)
        return CL_ERR_NO_MEMORY;
    ask->client = client;
    ask->id = header->id;
    ask->end = CL_ERR_TIMEOUT;
    ask->tag = send->letter->tag;
    (void)cl_str_copy(ask->agent, sizeof ask->agent, header->from); // as long
    cl_timer_init(&ask->timer, on_ask_timer);
    ask->event = cl_api_event_new(CLAW_EVENT_ANSWER,
                                  header->from.len + CL_ID_TEXT_CAP + CL_REASON_BYTES_MAX + 2);
    if (ask->event == NULL ||
        cl_map_put(&client->asks, cl_str_of(ask->id.bytes, sizeof ask->id.bytes), ask) != CL_OK) {
        cl_api_event_free(ask->event);
        cl_free(ask);
        return CL_ERR_NO_MEMORY;
    }
    cl_id_text(ask->id, id);
    ask->event->shown.tag = ask->tag;
    ask->event->shown.agent = cl_api_event_put(ask->event, header->from);
    ask->event->shown.re = cl_api_event_put(ask->event, cl_str_z(id));
    cl_loop_timer_start(client->loop, &ask->timer,
                        cl_instant_add(cl_loop_now(client->loop), send->ask_ms));
    *ret_ask = ask;
    return CL_OK;
}

bool
cl_api_ask_answered(claw_client *client, cl_id id, cl_str agent, uint64_t *ret_tag)
{
    struct ask *ask = ask_find(client, id);
    if (ask == NULL || !cl_str_eq(cl_str_z(ask->agent), agent))
        return false;
    *ret_tag = ask->tag;
    ask_free(ask);
    return true;
}

void
cl_api_ask_refused(claw_client *client, cl_id id, enum cl_err err, const struct cl_why *why)
{
    struct ask *ask = ask_find(client, id);
    if (ask != NULL)
        ask_end(ask, err, why);
}

/* Who failed may still say why, and an answer that came before it is on its way. */
static void
ask_ended(struct ask *ask, const struct cl_v2_ending *ended)
{
    struct cl_loop *loop = ask->client->loop;
    cl_instant soon = cl_instant_add(cl_loop_now(loop), CL_CLI_LAST_WORDS_MS);
    if (ended->outcome == CL_V2_OUTCOME_COMPLETED || ask->end == CL_ERR_ENDED)
        return;
    ask->end = CL_ERR_ENDED;
    ask->event->shown.outcome = ended->outcome;
    ask->event->shown.reason = cl_api_event_put(ask->event, ended->reason);
    if (soon.ms < ask->timer.at.ms)
        cl_loop_timer_start(loop, &ask->timer, soon);
}

static enum cl_err
cancel(claw_client *client, void *args, struct cl_why *why)
{
    cl_id id;
    struct ask *ask = NULL;
    enum cl_err err = cl_api_check(client, why);
    if (err != CL_OK)
        return err;
    if (cl_id_from_text(cl_api_str(args), &id))
        ask = ask_find(client, id);
    if (ask == NULL)
        return cl_fail(CL_ERR_NOT_FOUND, why, "Nobody waits for an answer to that message.");
    ask_free(ask);
    return CL_OK;
}

claw_err
claw_cancel_ask(claw_client *client, const char *id)
{
    return cl_api_do(client, cancel, (void *)(uintptr_t)id); // which it only reads
}

/* -- sending ----------------------------------------------------------------------------------- */

static enum cl_err
make_op(claw_client *client, const struct claw_letter *letter,
        const struct cl_envelope_header *header, struct cl_api_op **ret_op)
{
    char id[CL_ID_TEXT_CAP];
    struct cl_api_op *op;
    enum cl_err err = cl_api_op_new(client, CL_V2_SEND, 0, &op);
    if (err != CL_OK)
        return err;
    op->event = cl_api_event_new(CLAW_EVENT_SENT, header->from.len + CL_ID_TEXT_CAP + TO_CAP);
    if (op->event == NULL) {
        cl_api_op_drop(op);
        return CL_ERR_NO_MEMORY;
    }
    op->id = header->id;
    cl_id_text(header->id, id);
    op->event->shown.tag = letter->tag;
    op->event->shown.agent = cl_api_event_put(op->event, header->from);
    op->event->shown.id = cl_api_event_put(op->event, cl_str_z(id));
    *ret_op = op;
    return CL_OK;
}

/* A letter that was taken before the relay has said whether it is to be signed. */
struct cl_api_draft {
    struct cl_v2_send params; // but for the envelope, which is
    struct cl_buf texts[2];   // one of these: not signed, signed
};

void
cl_api_draft_free(struct cl_api_draft *draft)
{
    if (draft == NULL)
        return;
    cl_buf_done(&draft->texts[0]);
    cl_buf_done(&draft->texts[1]);
    cl_free(draft);
}

/* Both texts are moved into the op, whose call waits for the relay's word. */
static enum cl_err
make_draft(struct cl_api_op *op, const struct cl_v2_send *params, struct cl_buf texts[static 2])
{
    op->draft = cl_alloc(sizeof *op->draft);
    if (op->draft == NULL)
        return CL_ERR_NO_MEMORY;
    op->draft->params = *params;
    for (size_t i = 0; i < 2; i++) {
        op->draft->texts[i] = texts[i];
        cl_buf_init(&texts[i], CL_HTTP_BODY_BYTES_MAX);
    }
    return CL_OK;
}

static bool
send_draft(claw_client *client, struct cl_api_op *op)
{
    struct cl_api_draft *draft = op->draft;
    size_t other = draft->texts[!client->is_group].len;
    draft->params.envelope = cl_envelope_split(cl_buf_str(&draft->texts[client->is_group]));
    if (cl_api_op_call(op, &draft->params, CL_API_KEPT) != CL_OK)
        return false;
    op->bytes -= other;
    client->ops_bytes -= other;
    op->draft = NULL;
    cl_api_draft_free(draft);
    return true;
}

/* Until all are sent, later letters are drafts behind them: they keep their order. */
bool
cl_api_take_word(claw_client *client, uint8_t secret)
{
    if (!client->is_strict)
        client->is_group = secret == CL_V2_SECRET_GROUP;
    CL_LIST_EACH(&client->ops, at)
    {
        struct cl_api_op *op = CL_LIST_ENTRY(at, struct cl_api_op, link);
        if (op->draft != NULL && !send_draft(client, op))
            return false;
    }
    client->is_told = true;
    return true;
}

/* The envelope's text on its way, or both of them until one is chosen. */
static enum cl_err
post(claw_client *client, const struct cl_api_send *send, const struct cl_envelope_header *header,
     struct cl_buf texts[static 2], struct cl_why *why)
{
    const struct claw_letter *letter = send->letter;
    struct cl_api_op *op;
    struct ask *ask = NULL;
    enum cl_err err = make_op(client, letter, header, &op);
    if (err != CL_OK)
        return err == CL_ERR_FULL ? cl_fail(err, why, "Too many calls wait for an answer.") : err;
    const struct cl_v2_send params = {
        .envelope = cl_envelope_split(cl_buf_str(&texts[signs(client)])),
        .attempts = letter->attempts,
        .rung = (uint8_t)(letter->rung == CLAW_RUNG_NONE ? 0 : letter->rung - 1),
        .outcome = (uint8_t)letter->outcome};
    op->bytes = texts[0].len + texts[1].len; // a form that is not wanted is empty
    if (is_undecided(client))
        err = make_draft(op, &params, texts);
    if (err == CL_OK && send->is_ask)
        err = ask_begin(client, send, header, &ask);
    if (err != CL_OK) {
        cl_api_op_drop(op);
        return err;
    }
    err = cl_api_op_start(op, &params, CL_API_KEPT, why);
    if (err != CL_OK && ask != NULL)
        ask_free(ask);
    return err;
}

static enum cl_err
send_from(claw_client *client, const struct cl_api_send *send, struct cl_api_agent *from,
          struct cl_why *why)
{
    struct cl_envelope_header header;
    struct cl_buf body, texts[2];
    cl_buf_init(&body, CL_ENVELOPE_BODY_BYTES_MAX);
    cl_buf_init(&texts[0], CL_HTTP_BODY_BYTES_MAX);
    cl_buf_init(&texts[1], CL_HTTP_BODY_BYTES_MAX);
    enum cl_err err = fill_header(client, send->letter, from, &header, why);
    if (err == CL_OK)
        err = write_body(send, &header, &body, why);
    if (err == CL_OK)
        err = seal_as_wanted(client, &header, cl_buf_str(&body), texts, why);
    if (err == CL_OK)
        err = post(client, send, &header, texts, why);
    cl_buf_done(&body);
    cl_buf_done(&texts[0]);
    cl_buf_done(&texts[1]);
    if (err != CL_OK)
        return err;
    from->seq++;
    if (send->ret_id != NULL)
        cl_id_text(header.id, send->ret_id);
    return CL_OK;
}

enum cl_err
cl_api_send(claw_client *client, void *args, struct cl_why *why)
{
    struct claw_letter letter;
    struct cl_api_send send = *(const struct cl_api_send *)args;
    struct cl_api_agent *from;
    enum cl_err err = cl_api_check(client, why);
    if (err == CL_OK)
        err = cl_api_struct(send.letter, &letter, sizeof letter, why);
    if (err == CL_OK)
        err = check_letter(&letter, why);
    if (err == CL_OK && send.is_ask && send.ask_ms < 1)
        err = cl_fail(CL_ERR_USAGE, why, "An ask waits for 1 millisecond or more.");
    if (err == CL_OK)
        err = cl_api_agent_get(client, letter.from, &from, why);
    if (err != CL_OK)
        return err;
    send.letter = &letter;
    return send_from(client, &send, from, why);
}

claw_err
cl_api_send_as(claw_client *client, struct cl_api_send *send, char *ret_id)
{
    char id[CLAW_ID_CAP];
    send->ret_id = id;
    claw_err err = cl_api_do(client, cl_api_send, send);
    if (err == CLAW_OK && ret_id != NULL)
        memcpy(ret_id, id, sizeof id);
    return err;
}

claw_err
claw_send(claw_client *client, const struct claw_letter *letter, char *ret_id)
{
    struct cl_api_send send = {.letter = letter};
    return cl_api_send_as(client, &send, ret_id);
}

claw_err
claw_ask(claw_client *client, const struct claw_letter *letter, int32_t timeout_ms, char *ret_id)
{
    struct cl_api_send send = {.letter = letter, .is_ask = true, .ask_ms = timeout_ms};
    return cl_api_send_as(client, &send, ret_id);
}

/* -- receipts ---------------------------------------------------------------------------------- */

static size_t
receipt_cap(const struct cl_v2_receipt *receipt, cl_str agent)
{
    const struct cl_v2_step *steps = receipt->rungs.ptr;
    const struct cl_v2_ending *ended = receipt->ended;
    size_t cap = agent.len + CL_ID_TEXT_CAP + receipt->rungs.len * sizeof(struct claw_step) + 8;
    for (uint32_t i = 0; i < receipt->rungs.len; i++)
        cap += steps[i].by.len + 1;
    return ended == NULL ? cap : cap + ended->by.len + ended->reason.len + 2;
}

/* At the front of the event's text, which is aligned for them. */
static void
put_steps(struct cl_api_event *event, const struct cl_v2_receipt *receipt)
{
    const struct cl_v2_step *steps = receipt->rungs.ptr;
    struct claw_step *copy = (struct claw_step *)(void *)event->text;
    event->len = receipt->rungs.len * sizeof *copy;
    for (uint32_t i = 0; i < receipt->rungs.len; i++) {
        copy[i] = (struct claw_step){.rung = (uint32_t)steps[i].rung + 1,
                                     .proof = steps[i].proof,
                                     .at_ms = (int64_t)steps[i].at,
                                     .by = cl_api_event_put(event, steps[i].by)};
        event->shown.rung = copy[i].rung;
    }
    event->shown.steps = receipt->rungs.len == 0 ? NULL : copy;
    event->shown.steps_len = receipt->rungs.len;
}

/* False: no memory. */
static bool
tell_receipt(claw_client *client, const struct cl_v2_receipt *receipt, cl_str agent)
{
    const struct cl_v2_ending *ended = receipt->ended;
    char id[CL_ID_TEXT_CAP];
    struct cl_api_event *event = cl_api_event_new(CLAW_EVENT_RECEIPT, receipt_cap(receipt, agent));
    if (event == NULL)
        return false;
    struct claw_event *shown = &event->shown;
    put_steps(event, receipt);
    cl_id_text(receipt->id, id);
    shown->agent = cl_api_event_put(event, agent);
    shown->id = cl_api_event_put(event, cl_str_z(id));
    shown->cursor = receipt->version;
    if (ended != NULL) {
        shown->outcome = ended->outcome;
        shown->ended_ms = (int64_t)ended->at;
        shown->ended_by = cl_api_event_put(event, ended->by);
        shown->reason = cl_api_event_put(event, ended->reason);
    }
    cl_api_event_add(client, event);
    return true;
}

void
cl_api_take_receipts(claw_client *client, const struct cl_v2_receipts *receipts)
{
    const struct cl_v2_receipt *list = receipts->receipts.ptr;
    for (uint32_t i = 0; i < receipts->receipts.len; i++) {
        struct ask *ask = ask_find(client, list[i].id);
        if (!tell_receipt(client, &list[i], receipts->agent)) {
            cl_uplink_choke(client->uplink);
            return;
        }
        if (ask != NULL && list[i].ended != NULL)
            ask_ended(ask, list[i].ended);
    }
}
