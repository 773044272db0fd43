// SPDX-License-Identifier: MIT
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "proto/v2_bridge.h"
#include "relay/agent_link.h"
#include "relay/blob.h"
#include "relay/state.h"
#include "relay/v2.h"

/* An answer past that: whoever does not read them is cut. */
#define OUT_BYTES_MAX (4 * CL_MIB)

struct cl_envelope_reader
cl_v2_reader(struct cl_relay *relay)
{
    return (struct cl_envelope_reader){.arena = &relay->arena, .hash_key = &relay->hash_key};
}

/* -- answers ----------------------------------------------------------------------------------- */

static void seat_free(struct cl_seat *seat);

static void
cut(struct cl_v2_conn *conn, enum cl_err err)
{
    conn->relay->readers_cut++;
    cl_log_warn(&conn->relay->config.log, "v2.cut",
                CL_F("instance", cl_str_of(conn->instance, conn->instance_len)),
                CL_F("code", cl_err_wire(err)));
    cl_ws_cut(conn->ws);
}

/* What lies in relay->text. Over HTTP this ends the exchange, and with it the connection. */
static void
send_text(struct cl_v2_conn *conn, unsigned status, uint64_t retry_after_s)
{
    struct cl_part part = cl_part_of(cl_buf_str(&conn->relay->text));
    if (conn->exchange != NULL) {
        char seconds[24];
        (void)snprintf(seconds, sizeof seconds, "%llu", (unsigned long long)retry_after_s);
        const struct cl_http_field field = {CL_STR("Retry-After"), cl_str_z(seconds)};
        struct cl_http_answer answer = {.status = status,
                                        .fields = &field,
                                        .fields_len = retry_after_s > 0,
                                        .parts = &part,
                                        .parts_len = status == 204 ? 0 : 1};
        cl_http_answer(conn->exchange->conn, &answer);
        cl_exchange_free(conn->exchange);
        return;
    }
    enum cl_err err = cl_ws_send_text(conn->ws, &part, 1);
    if (err != CL_OK && err != CL_ERR_CLOSED)
        cut(conn, err);
}

/* The text could not be written. */
static void
give_up(struct cl_v2_conn *conn, enum cl_err err)
{
    if (conn->exchange != NULL)
        cl_exchange_refuse(conn->exchange, err, CL_STR(""));
    else
        cut(conn, err);
}

void
cl_v2_send(struct cl_v2_conn *conn, cl_str call, enum cl_err written)
{
    if (written == CL_OK)
        send_text(conn, 200, 0);
    else
        cl_v2_refuse(conn, call, written, CL_STR(""));
}

void
cl_v2_answer(struct cl_v2_conn *conn, enum cl_v2_method method, cl_str call, const void *result)
{
    struct cl_buf *text = &conn->relay->text;
    if (call.len == 0)
        return;
    cl_buf_clear(text);
    enum cl_err err = cl_v2_encode_result(method, call, result, text);
    if (err == CL_OK)
        send_text(conn, 200, 0);
    else
        give_up(conn, err);
}

void
cl_v2_fail(struct cl_v2_conn *conn, cl_str call, const struct cl_v2_error *error)
{
    struct cl_buf *text = &conn->relay->text;
    conn->relay->refused_frames[error->err]++;
    if (call.len == 0)
        return;
    cl_buf_clear(text);
    enum cl_err err = cl_v2_encode_error(call, error, text);
    if (err == CL_OK)
        send_text(conn, (unsigned)cl_err_http(error->err), error->retry_after_s);
    else
        give_up(conn, err);
}

void
cl_v2_refuse(struct cl_v2_conn *conn, cl_str call, enum cl_err err, cl_str sentence)
{
    struct cl_v2_error error =
        cl_v2_error_of(err, sentence.len > 0 ? sentence : cl_call_sentence(err));
    cl_v2_fail(conn, call, &error);
}

/* -- calls that wait --------------------------------------------------------------------------- */

struct cl_wait *
cl_wait_new(struct cl_v2_conn *conn, const struct cl_v2_call *call, cl_str to)
{
    struct cl_wait *wait = cl_alloc(sizeof *wait + call->id.len + to.len);
    if (wait == NULL)
        return NULL;
    wait->conn = conn;
    wait->method = call->method;
    wait->call_len = (uint32_t)call->id.len;
    wait->to_len = (uint32_t)to.len;
    memcpy(wait->text, call->id.ptr, call->id.len);
    memcpy(wait->text + call->id.len, to.ptr, to.len);
    if (cl_peer_begin(conn->relay, &wait->peer, CL_PEER_WAIT, &conn->waits) == CL_OK)
        return wait;
    cl_free(wait);
    return NULL;
}

void
cl_wait_free(struct cl_wait *wait)
{
    cl_peer_end(wait->conn->relay, &wait->peer);
    cl_free(wait);
}

void
cl_wait_refuse(struct cl_wait *wait, enum cl_err err, cl_str sentence)
{
    struct cl_seat *seat = cl_handles_get(&wait->conn->relay->handles, wait->seat);
    cl_peer_end(wait->conn->relay, &wait->peer); // the answer may be the connection's end
    if (seat != NULL)
        seat_free(seat);
    cl_v2_refuse(wait->conn, cl_wait_call(wait), err, sentence);
    cl_free(wait);
}

/* The guest that the call is about, if it has not attached once more since. */
static void
guest_attached(const struct cl_wait *wait)
{
    struct cl_relay *relay = wait->conn->relay;
    struct cl_seat *seat = cl_handles_get(&relay->handles, wait->seat);
    if (seat != NULL)
        cl_seat_reply(seat, CL_OK);
    else
        cl_relay_detach(relay, cl_wait_to(wait));
}

void
cl_wait_reply(struct cl_wait *wait, const struct cl_effect *effect)
{
    if (effect->reply.err != CL_OK) {
        cl_wait_refuse(wait, effect->reply.err, CL_STR(""));
        return;
    }
    if (effect->reply.command_kind == CL_COMMAND_ATTACH)
        guest_attached(wait);
    cl_peer_end(wait->conn->relay, &wait->peer); // the answer may be the connection's end
    cl_v2_result(wait, effect);
    cl_free(wait);
}

static void
refuse_waits(struct cl_v2_conn *conn, enum cl_err err, cl_str sentence)
{
    bool is_once = conn->exchange != NULL; // the answer is its end
    CL_LIST_EACH(&conn->waits, at)
    {
        cl_wait_refuse(CL_LIST_ENTRY(at, struct cl_wait, peer.link), err, sentence);
        if (is_once)
            return;
    }
}

void
cl_v2_refuse_waits(struct cl_relay *relay, enum cl_err err, cl_str sentence)
{
    CL_LIST_EACH(&relay->exchanges, at)
    {
        struct cl_exchange *exchange = CL_LIST_ENTRY(at, struct cl_exchange, peer.link);
        if (exchange->v2 != NULL)
            refuse_waits(exchange->v2, err, sentence);
    }
    CL_LIST_EACH(&relay->v2_conns, at)
    {
        refuse_waits(CL_LIST_ENTRY(at, struct cl_v2_conn, link), err, sentence);
    }
}

/* -- seats ------------------------------------------------------------------------------------- */

struct cl_seat *
cl_v2_seat(const struct cl_v2_conn *conn, cl_str agent)
{
    CL_LIST_EACH(&conn->seats, at)
    {
        struct cl_seat *seat = CL_LIST_ENTRY(at, struct cl_seat, peer.link);
        if (cl_str_eq(cl_seat_agent(seat), agent))
            return seat;
    }
    return NULL;
}

/* Beside the other seats of its agent, so that one leads to all. Only CL_ERR_NO_MEMORY can
 * happen. */
static enum cl_err
join_twins(struct cl_relay *relay, struct cl_seat *seat)
{
    struct cl_seat *first = cl_map_get(&relay->seats, cl_seat_agent(seat));
    cl_link_init(&seat->twin);
    if (first == NULL)
        return cl_map_put(&relay->seats, cl_seat_agent(seat), seat);
    cl_link_insert(&first->twin, &seat->twin);
    return CL_OK;
}

static void
leave_twins(struct cl_relay *relay, struct cl_seat *seat)
{
    struct cl_seat *first = cl_map_get(&relay->seats, cl_seat_agent(seat));
    struct cl_link *next = seat->twin.next;
    bool is_alone = !cl_link_is_linked(&seat->twin);
    cl_list_remove(&seat->twin);
    if (first != seat)
        return;
    if (is_alone) {
        (void)cl_map_remove(&relay->seats, cl_seat_agent(seat));
        return;
    }
    struct cl_seat *heir = CL_LIST_ENTRY(next, struct cl_seat, twin);
    cl_map_replace(&relay->seats, cl_seat_agent(heir), heir);
}

static void
seat_free(struct cl_seat *seat)
{
    struct cl_relay *relay = seat->conn->relay;
    if (!seat->is_quiet)
        cl_relay_close_holder(relay, seat->peer.handle);
    if (seat->is_attached)
        cl_relay_detach(relay, cl_seat_agent(seat));
    leave_twins(relay, seat);
    cl_list_remove(&seat->telling);
    cl_peer_end(relay, &seat->peer);
    cl_free(seat);
}

static struct cl_seat *
seat_new(struct cl_v2_conn *conn, cl_str agent)
{
    struct cl_relay *relay = conn->relay;
    struct cl_seat *seat = cl_alloc(sizeof *seat + agent.len);
    if (seat == NULL)
        return NULL;
    seat->conn = conn;
    seat->is_quiet = true; // so far it is no holder
    seat->id_len = (uint32_t)agent.len;
    memcpy(seat->id, agent.ptr, agent.len);
    cl_link_init(&seat->telling);
    if (join_twins(relay, seat) != CL_OK) {
        cl_free(seat);
        return NULL;
    }
    if (cl_peer_begin(relay, &seat->peer, CL_PEER_SEAT, &conn->seats) != CL_OK) {
        leave_twins(relay, seat);
        cl_free(seat);
        return NULL;
    }
    return seat;
}

/* It takes messages from now on. */
static enum cl_err
open_holder(struct cl_seat *seat)
{
    struct cl_command open = {.kind = CL_COMMAND_OPEN,
                              .open = {.agent = cl_seat_agent(seat),
                                       .holder = seat->peer.handle,
                                       .kind = CL_HOLDER_RANGED}};
    enum cl_err err = cl_relay_session(seat->conn->relay, &open);
    seat->is_quiet = err != CL_OK;
    return err;
}

/* wait is that for the answer if the agent is a guest, whose only command this is. */
static enum cl_err
attach(struct cl_seat *seat, const struct cl_v2_attach *params, struct cl_wait *wait)
{
    struct cl_relay *relay = seat->conn->relay;
    struct cl_command draft = {.kind = CL_COMMAND_ATTACH, .attach = {.agent = cl_seat_agent(seat)}};
    uint64_t newest = cl_core_receipts_version(relay->core);
    bool is_answer = params->guest && wait != NULL;
    enum cl_err err = params->quiet ? CL_OK : open_holder(seat);
    if (wait != NULL)
        wait->seat = seat->peer.handle;
    if (err == CL_OK)
        err = cl_relay_submit(relay, &draft, is_answer ? wait->peer.handle : seat->peer.handle);
    if (err == CL_ERR_STALE)
        err = CL_ERR_UNAVAILABLE; // the relay's own first command is not committed yet
    seat->is_guest = params->guest;
    seat->told = params->receipts_after.is_set ? params->receipts_after.value : newest;
    if (seat->told > newest) // of a relay that has lost its memory: all are news
        seat->told = 0;
    return err;
}

/* A refused REGISTER has ended the seat already. So the client believes itself attached, and
 * would wait in vain. */
void
cl_seat_reply(struct cl_seat *seat, enum cl_err err)
{
    struct cl_ws_conn *ws = seat->conn->ws;
    if (err == CL_OK) { // what waits for it is told by READY
        seat->is_attached = true;
        cl_v2_mark_telling(seat->conn->relay, cl_seat_agent(seat));
        return;
    }
    seat_free(seat);
    cl_ws_close(ws, CL_WS_CLOSE_TRY_LATER, cl_str_z(cl_err_wire(err)));
}

/* What it says of itself, as REGISTER keeps it. *ret_record is the caller's. */
static enum cl_err
make_record(struct cl_relay *relay, const struct cl_v2_attach *params, struct cl_body **ret_record)
{
    cl_buf_clear(&relay->text);
    enum cl_err err = cl_v2_put_record(params, &relay->text);
    *ret_record = err == CL_OK ? cl_body_new(cl_buf_str(&relay->text)) : NULL;
    return err == CL_OK && *ret_record == NULL ? CL_ERR_NO_MEMORY : err;
}

/* Then it is still what was said before; the core decides that, for a record may be on its way. */
static bool
says_nothing(const struct cl_v2_attach *params)
{
    return params->name.len == 0 && params->description.len == 0 && params->capabilities.len == 0 &&
           params->metadata.len == 0;
}

/* *ret_wait is what waits for the answer, or NULL; freed, nobody is answered. A guest is not
 * registered: it is known while it is attached, and listed nowhere. */
static enum cl_err
register_agent(struct cl_v2_conn *conn, const struct cl_v2_call *call, struct cl_wait **ret_wait)
{
    struct cl_relay *relay = conn->relay;
    const struct cl_v2_attach *params = &call->params.attach;
    struct cl_body *record = NULL;
    struct cl_wait *wait = NULL;
    enum cl_err err = params->guest ? CL_OK : make_record(relay, params, &record);
    if (err == CL_OK && call->id.len > 0) {
        wait = cl_wait_new(conn, call, params->agent);
        err = wait == NULL ? CL_ERR_NO_MEMORY : CL_OK;
    }
    if (wait != NULL)
        wait->is_new =
            !params->guest && !cl_agent_is_registered(cl_core_agent(relay->core, params->agent));
    if (err == CL_OK && !params->guest) {
        struct cl_command draft = {.kind = CL_COMMAND_REGISTER,
                                   .registration = {.agent = params->agent,
                                                    .keeps = says_nothing(params),
                                                    .record = record}};
        err = cl_relay_submit(relay, &draft, wait == NULL ? 0 : wait->peer.handle);
    }
    cl_body_unref(record);
    if (err != CL_OK && wait != NULL) {
        cl_wait_free(wait);
        wait = NULL;
    }
    *ret_wait = wait;
    return err;
}

static bool
is_of(cl_str instance, cl_str agent)
{
    struct cl_address address;
    return cl_address_read(agent, &address) && address.kind == CL_ADDRESS_AGENT &&
           cl_str_eq(address.instance, instance);
}

bool
cl_v2_may_be(const struct cl_v2_conn *conn, cl_str agent)
{
    return conn->bound.len == 0 || is_of(conn->bound, agent);
}

/* Over HTTP it is heard of, and that is all. */
static void
run_attach_once(struct cl_v2_conn *conn, const struct cl_v2_call *call)
{
    struct cl_wait *wait;
    if (!cl_v2_may_be(conn, call->params.attach.agent)) {
        cl_v2_refuse(conn, call->id, CL_ERR_FORBIDDEN, CL_STR("this token is another instance's"));
        return;
    }
    if (call->params.attach.guest) {
        cl_v2_refuse(conn, call->id, CL_ERR_USAGE,
                     CL_STR("a guest is there as long as its connection: use a WebSocket"));
        return;
    }
    enum cl_err err = register_agent(conn, call, &wait);
    if (err != CL_OK)
        cl_v2_refuse(conn, call->id, err, CL_STR(""));
}

static uint32_t
guests(const struct cl_v2_conn *conn)
{
    uint32_t count = 0;
    CL_LIST_EACH(&conn->seats, at)
    {
        count += CL_LIST_ENTRY(at, struct cl_seat, peer.link)->is_guest;
    }
    return count;
}

/* Once more of the same agent is a new beginning: what it says of itself, and its cursor. */
static void
run_attach(struct cl_v2_conn *conn, const struct cl_v2_call *call)
{
    const struct cl_v2_attach *params = &call->params.attach;
    if (!is_of(cl_str_of(conn->instance, conn->instance_len), params->agent)) {
        cl_v2_refuse(conn, call->id, CL_ERR_FORBIDDEN,
                     CL_STR("this connection is another instance's"));
        return;
    }
    if (params->guest && !says_nothing(params)) {
        cl_v2_refuse(conn, call->id, CL_ERR_USAGE, CL_STR("nobody is shown what a guest says"));
        return;
    }
    struct cl_seat *seat = cl_v2_seat(conn, params->agent);
    if (params->guest && seat == NULL && guests(conn) >= CL_V2_GUESTS_MAX) {
        cl_v2_refuse(conn, call->id, CL_ERR_TOO_MANY, CL_STR("this connection has many guests"));
        return;
    }
    if (seat != NULL)
        seat_free(seat);
    struct cl_wait *wait;
    enum cl_err err = register_agent(conn, call, &wait);
    seat = err == CL_OK ? seat_new(conn, params->agent) : NULL;
    if (err == CL_OK)
        err = seat == NULL ? CL_ERR_NO_MEMORY : attach(seat, params, wait);
    if (err == CL_OK)
        return;
    if (seat != NULL)
        seat_free(seat);
    if (wait != NULL)
        cl_wait_free(wait); // one answer is enough
    cl_v2_refuse(conn, call->id, err, CL_STR(""));
}

static void
run_detach(struct cl_v2_conn *conn, const struct cl_v2_call *call)
{
    struct cl_seat *seat = cl_v2_seat(conn, call->params.detach.agent);
    const struct cl_v2_nothing nothing = {false};
    if (seat == NULL && conn->exchange == NULL) {
        cl_v2_refuse(conn, call->id, CL_ERR_FORBIDDEN, CL_STR("this agent is not attached here"));
        return;
    }
    if (seat != NULL)
        seat_free(seat);
    cl_v2_answer(conn, call->method, call->id, &nothing);
}

uint8_t
cl_v2_durability_of(const struct cl_relay *relay)
{
    const char *word = cl_journal_about(relay->config.journal).durability;
    for (unsigned i = 0; i < CL_V2_DURABILITY_COUNT; i++)
        if (cl_str_eq(cl_v2_durabilities[i], cl_str_z(word)))
            return (uint8_t)i;
    return CL_V2_DURABILITY_MEMORY; // it claims least
}

/* -- hello ------------------------------------------------------------------------------------- */

static const cl_str versions[] = {CL_STR_INIT(CL_V2_VERSION)};

static void
welcome(struct cl_v2_conn *conn, const struct cl_v2_call *call)
{
    struct cl_relay *relay = conn->relay;
    char epoch[17];
    (void)snprintf(epoch, sizeof epoch, "%016llx", (unsigned long long)relay->epoch);
    const struct cl_v2_limits limits = {.message_bytes = CL_HTTP_BODY_BYTES_MAX,
                                        .body_bytes = CL_ENVELOPE_BODY_BYTES_MAX,
                                        .blob_bytes = cl_blob_bytes_max(relay),
                                        .credit_messages = CL_CREDIT_MESSAGES,
                                        .credit_bytes = CL_CREDIT_BYTES};
    const struct cl_v2_welcome result = {.version = versions[0],
                                         .versions = {versions, 1},
                                         .relay = cl_str_z(relay->machine),
                                         .epoch = cl_str_of(epoch, 16),
                                         .durability = cl_v2_durability_of(relay),
                                         .time = (uint64_t)cl_relay_time(relay).ms,
                                         .limits = &limits,
                                         .secret = conn->secret};
    cl_v2_answer(conn, call->method, call->id, &result);
}

static bool
has_common_version(cl_strs theirs)
{
    for (uint32_t i = 0; i < theirs.len; i++)
        if (cl_str_eq(theirs.ptr[i], versions[0]))
            return true;
    return false;
}

/* Names what both sides speak, as far as a sentence goes; what is no name cannot be a version. */
static void
refuse_versions(struct cl_v2_conn *conn, const struct cl_v2_call *call)
{
    cl_strs theirs = call->params.hello.versions;
    struct cl_why why, so_far;
    const char *join = "this relay speaks " CL_V2_VERSION ", and you speak ";
    so_far.text[0] = '\0';
    for (uint32_t i = 0; i < theirs.len; i++) {
        cl_str version = cl_name_is_valid(theirs.ptr[i]) ? theirs.ptr[i] : CL_STR("another");
        cl_err_ignore(
            cl_fail(CL_ERR_UPGRADE, &why, "%s%s%.*s", so_far.text, join, CL_STR_ARG(version)));
        so_far = why;
        join = i + 2 == theirs.len ? " and " : ", ";
    }
    struct cl_v2_error error = cl_v2_error_of(CL_ERR_UPGRADE, cl_str_z(so_far.text));
    error.versions = (cl_strs){versions, 1};
    cl_v2_fail(conn, call->id, &error);
}

/* As far as the token says that it showed. */
static bool
may_be_instance(struct cl_v2_conn *conn, cl_str instance)
{
    if (conn->hope == NULL)
        return conn->bound.len == 0 || cl_str_eq(conn->bound, instance);
    if (!cl_al_hope_holds(conn->hope, instance))
        return false;
    cl_al_hope_free(conn->hope);
    conn->hope = NULL;
    conn->secret = CL_V2_SECRET_GROUP; // there is no other
    cl_ws_is_known(conn->ws);
    cl_ws_limit(conn->ws, CL_HTTP_BODY_BYTES_MAX);
    return true;
}

/* A hope that this was not is a token that nobody knows. */
static void
refuse_instance(struct cl_v2_conn *conn, const struct cl_v2_call *call)
{
    if (conn->hope == NULL) {
        cl_v2_refuse(conn, call->id, CL_ERR_FORBIDDEN, CL_STR("this token is another instance's"));
        return;
    }
    cl_v2_refuse(conn, call->id, CL_ERR_UNAUTHORIZED,
                 CL_STR("this instance has another token, or is not registered"));
    cl_ws_close(conn->ws, CL_WS_CLOSE_POLICY, CL_STR("unauthorized"));
}

static void
run_hello(struct cl_v2_conn *conn, const struct cl_v2_call *call)
{
    const struct cl_v2_hello *params = &call->params.hello;
    if (conn->instance_len > 0) {
        cl_v2_refuse(conn, call->id, CL_ERR_USAGE, CL_STR("hello comes once"));
        return;
    }
    if (!has_common_version(params->versions)) {
        refuse_versions(conn, call);
        return;
    }
    if (!may_be_instance(conn, params->instance)) {
        refuse_instance(conn, call);
        return;
    }
    if (conn->exchange != NULL) {
        welcome(conn, call);
        return;
    }
    memcpy(conn->instance, params->instance.ptr, params->instance.len);
    conn->instance_len = (uint32_t)params->instance.len;
    cl_log_info(&conn->relay->config.log, "v2.hello", CL_F("instance", params->instance),
                CL_F("client", params->client));
    welcome(conn, call);
}

/* -- what comes in ----------------------------------------------------------------------------- */

static void
run(struct cl_v2_conn *conn, const struct cl_v2_call *call)
{
    if (call->method == CL_V2_HELLO)
        run_hello(conn, call);
    else if (conn->instance_len == 0 && conn->exchange == NULL)
        cl_v2_refuse(conn, call->id, CL_ERR_USAGE, CL_STR("hello comes first"));
    else if (call->method == CL_V2_ATTACH && conn->exchange != NULL)
        run_attach_once(conn, call);
    else if (call->method == CL_V2_ATTACH)
        run_attach(conn, call);
    else if (call->method == CL_V2_DETACH)
        run_detach(conn, call);
    else
        cl_v2_run(conn, call);
}

/* The connection may be gone afterwards, if it was one call's. */
static void
hear(struct cl_v2_conn *conn, cl_str text)
{
    struct cl_relay *relay = conn->relay;
    struct cl_envelope_reader reader = cl_v2_reader(relay);
    struct cl_v2_call call;
    struct cl_v2_fault fault;
    if (cl_v2_decode_call(&reader, text, cl_relay_time(relay), &call, &fault) == CL_OK)
        run(conn, &call);
    else
        cl_v2_fail(conn, fault.is_silent ? CL_STR("") : fault.id, &fault.error);
    cl_arena_clear(&relay->arena);
}

static void
on_message(void *ctx, struct cl_ws_conn *ws, bool is_text, cl_str message)
{
    (void)ws;
    hear(ctx, is_text ? message : CL_STR("[]")); // no request either
}

static struct cl_v2_conn *
conn_new(const struct cl_exchange *exchange)
{
    struct cl_v2_conn *conn = cl_alloc(sizeof *conn);
    if (conn == NULL)
        return NULL;
    conn->relay = exchange->relay;
    conn->bound = exchange->bound;
    conn->secret = cl_al_secret_of(conn->relay, conn->bound);
    cl_link_init(&conn->link);
    cl_list_init(&conn->seats);
    cl_list_init(&conn->waits);
    cl_list_init(&conn->leases);
    return conn;
}

void
cl_v2_end(struct cl_v2_conn *conn)
{
    CL_LIST_EACH(&conn->waits, at)
    {
        cl_wait_free(CL_LIST_ENTRY(at, struct cl_wait, peer.link));
    }
    CL_LIST_EACH(&conn->leases, at)
    {
        cl_lease_free(CL_LIST_ENTRY(at, struct cl_lease, waiting));
    }
    CL_LIST_EACH(&conn->seats, at)
    {
        seat_free(CL_LIST_ENTRY(at, struct cl_seat, peer.link));
    }
    cl_al_hope_free(conn->hope);
    cl_list_remove(&conn->link);
    cl_free(conn);
}

void
cl_v2_drain(struct cl_relay *relay)
{
    cl_lease_drain(relay);
    CL_LIST_EACH(&relay->v2_conns, at)
    {
        struct cl_v2_conn *conn = CL_LIST_ENTRY(at, struct cl_v2_conn, link);
        cl_ws_close(conn->ws, CL_WS_CLOSE_RESTART, CL_STR("the relay is stopping"));
    }
}

static void
on_closed(void *ctx, struct cl_ws_conn *ws, uint16_t code)
{
    struct cl_v2_conn *conn = ctx;
    struct cl_relay *relay = conn->relay;
    (void)ws;
    cl_log_info(&relay->config.log, "v2.closed",
                CL_F("instance", cl_str_of(conn->instance, conn->instance_len)),
                CL_F("code", (unsigned)code));
    relay->sockets_len--;
    cl_v2_end(conn);
}

/* Whoever answers a ping is there, and has nothing to say. */
static void
on_pong(void *ctx, struct cl_ws_conn *ws, cl_str payload)
{
    struct cl_v2_conn *conn = ctx;
    (void)ws;
    (void)payload;
    CL_LIST_EACH(&conn->seats, at)
    {
        struct cl_seat *seat = CL_LIST_ENTRY(at, struct cl_seat, peer.link);
        cl_relay_heartbeat(conn->relay, cl_seat_agent(seat));
    }
}

static void
on_drained(void *ctx, struct cl_ws_conn *ws)
{
    (void)ws;
    cl_v2_go_on(ctx);
}

static const struct cl_ws_handler handler = {.on_message = on_message,
                                             .on_pong = on_pong,
                                             .on_closed = on_closed,
                                             .on_drained = on_drained,
                                             .message_bytes_max = CL_HTTP_BODY_BYTES_MAX,
                                             .out_bytes_max = OUT_BYTES_MAX};

static void
begin(struct cl_exchange *exchange, const struct cl_http_head *head)
{
    struct cl_relay *relay = exchange->relay;
    struct cl_http_conn *http = exchange->conn;
    if (relay->is_draining) { // nobody would close it
        cl_exchange_refuse(exchange, CL_ERR_UNAVAILABLE, CL_STR("the relay is stopping"));
        return;
    }
    struct cl_v2_conn *conn = conn_new(exchange);
    if (conn == NULL) {
        cl_exchange_refuse(exchange, CL_ERR_NO_MEMORY, CL_STR(""));
        return;
    }
    if (exchange->is_hope && (conn->hope = cl_al_hope_new(conn, http, head)) == NULL) {
        cl_v2_end(conn);
        cl_exchange_refuse(exchange, CL_ERR_NO_MEMORY, CL_STR(""));
        return;
    }
    cl_exchange_free(exchange); // upgraded or refused, the request is answered
    if (cl_http_upgrade(http, &handler, conn, &conn->ws) != CL_OK) {
        cl_v2_end(conn);
        return;
    }
    if (conn->hope != NULL)
        cl_ws_limit(conn->ws, CL_AL_REGISTER_BYTES_MAX);
    cl_list_append(&relay->v2_conns, &conn->link);
    relay->sockets_len++;
}

/* One call, whose answer is the request's. */
static void
call_once(struct cl_exchange *exchange, cl_str body)
{
    struct cl_v2_conn *conn = conn_new(exchange);
    if (conn == NULL) {
        cl_exchange_refuse(exchange, CL_ERR_NO_MEMORY, CL_STR(""));
        return;
    }
    uint64_t handle = exchange->peer.handle;
    struct cl_relay *relay = exchange->relay;
    conn->exchange = exchange;
    exchange->v2 = conn;
    hear(conn, body);
    exchange = cl_handles_get(&relay->handles, handle);
    if (exchange == NULL || !cl_list_is_empty(&conn->waits) || !cl_list_is_empty(&conn->leases))
        return;
    send_text(conn, 204, 0); // a notification
}

static void
refuse_method(struct cl_exchange *exchange)
{
    cl_http_refuse_with(exchange->conn, CL_ERR_METHOD, CL_STR("GET for a WebSocket, or POST"),
                        (struct cl_http_field){CL_STR("Allow"), CL_STR("GET, POST")});
    cl_exchange_free(exchange);
}

void
cl_v2_request(struct cl_exchange *exchange, const struct cl_http_head *head, cl_str body)
{
    if (cl_str_eq(head->method, CL_STR("GET")))
        begin(exchange, head);
    else if (cl_str_eq(head->method, CL_STR("POST")))
        call_once(exchange, body);
    else
        refuse_method(exchange);
}
