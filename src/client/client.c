// SPDX-License-Identifier: MIT
#include "client/client.h"

#include <arpa/inet.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/arena.h"
#include "base/limits.h"
#include "base/random.h"
#include "client/explain_tls.h"
#include "net/http_client.h"
#include "net/loop.h"
#include "net/tls.h"
#include "wire/json.h"
#include "wire/uri.h"

#define BEARER "Bearer "

struct cl_client {
    struct cl_loop *loop;
    struct cl_http_client *http;
    bool wants_tls;
    bool is_exposed;
    bool has_saved_pins;
    bool is_programs; // nobody at a shell reads what it says
    cl_str secret_of; // the instance whose secret made the token; else empty
    struct cl_tls_pins pins;
    struct cl_tls *tls; // NULL before the first call that wants it
    struct cl_buf url;  // as written, without slashes at the end
    cl_str base_path;   // of the URL
    struct cl_secret token;
    bool is_local; // url is the path of a Unix socket
    unsigned status;
    uint64_t offset; // Upload-Offset of the last answer
    bool is_paused;
    int exit_status;
    void (*last_words)(void *ctx); // before that; may be NULL
    void *last_words_ctx;
    struct cl_timer pause;
    struct cl_timer beside;
    void (*beside_fn)(void *ctx); // what it calls
    void *beside_ctx;
    struct cl_arena arena; // for checking an answer
};

/* -- one client ---------------------------------------------------------------------------- */

static enum cl_err
read_url(cl_str text, struct cl_url *ret_url, struct cl_why *why)
{
    struct cl_why reason;
    if (cl_url_parse(text, ret_url, &reason) != CL_OK)
        return cl_fail(
            CL_ERR_USAGE, why,
            "Can't find relay: \"%.*s\" is no URL (%s). Write it as https://HOST:PORT or "
            "http://HOST:PORT.",
            CL_STR_ARG(cl_str_part(text, 0, 128)), reason.text);
    return CL_OK;
}

/* By the names and addresses that mean this machine everywhere. */
static bool
is_loopback(cl_str host)
{
    char text[INET6_ADDRSTRLEN];
    struct in6_addr ip;
    struct in_addr ip4;
    cl_str suffix = CL_STR(".localhost");
    if (cl_str_copy(text, sizeof text, host) && inet_pton(AF_INET, text, &ip4) == 1)
        return cl_str_starts(host, CL_STR("127."));
    if (cl_str_copy(text, sizeof text, host) && inet_pton(AF_INET6, text, &ip) == 1)
        return IN6_IS_ADDR_LOOPBACK(&ip);
    if (cl_str_eq_nocase(host, CL_STR("localhost")))
        return true;
    return host.len > suffix.len &&
           cl_str_eq_nocase(cl_str_part(host, host.len - suffix.len, suffix.len), suffix);
}

/* Visible characters only: nothing that ends a header line, nothing that is trimmed off it. */
static enum cl_err
check_token(const struct cl_secret *token, struct cl_why *why)
{
    for (size_t i = 0; i < token->len; i++)
        if (token->bytes[i] <= ' ' || token->bytes[i] == 0x7f)
            return cl_fail(CL_ERR_USAGE, why,
                           "The token holds a space or a control character at position %zu, which "
                           "no relay accepts. Look where it comes from.",
                           i + 1);
    return CL_OK;
}

static void
pause_over(struct cl_timer *timer)
{
    struct cl_client *client = CL_LIST_ENTRY(timer, struct cl_client, pause);
    client->is_paused = false;
}

static void
call_beside(struct cl_timer *timer)
{
    struct cl_client *client = CL_LIST_ENTRY(timer, struct cl_client, beside);
    cl_loop_timer_start(client->loop, timer,
                        cl_instant_add(cl_loop_now(client->loop), CL_CLIENT_BESIDE_MS));
    client->beside_fn(client->beside_ctx);
}

/* One that is connected to nothing yet; NULL without memory. */
static struct cl_client *
client_blank(void)
{
    struct cl_client *client = cl_alloc(sizeof *client);
    if (client == NULL)
        return NULL;
    cl_arena_init(&client->arena, CL_JSON_SCAN_ARENA_BYTES_MAX);
    cl_timer_init(&client->pause, pause_over);
    cl_timer_init(&client->beside, call_beside);
    cl_buf_init(&client->url, CL_HTTP_TARGET_BYTES_MAX);
    return client;
}

enum cl_err
cl_client_new_local(cl_str path, struct cl_client **ret_client, struct cl_why *why)
{
    struct cl_client *client = client_blank();
    enum cl_err err = client == NULL ? CL_ERR_NO_MEMORY : cl_buf_append(&client->url, path);
    if (err == CL_OK)
        err = cl_loop_new(&client->loop);
    if (err == CL_OK)
        err = cl_http_client_new_unix(client->loop, path, &client->http);
    if (err != CL_OK) {
        cl_client_free(client);
        return cl_fail(err, why, "Cannot prepare a connection to %.*s: %s.",
                       CL_STR_ARG(cl_str_part(path, 0, 128)), cl_err_wire(err));
    }
    client->is_local = true;
    *ret_client = client;
    return CL_OK;
}

enum cl_err
cl_client_new(cl_str url, const struct cl_secret *token, struct cl_client **ret_client,
              struct cl_why *why)
{
    struct cl_url parts;
    enum cl_err err = read_url(url, &parts, why);
    if (err == CL_OK && token != NULL)
        err = check_token(token, why);
    if (err != CL_OK)
        return err;

    struct cl_client *client = client_blank();
    if (client == NULL)
        return cl_fail(CL_ERR_NO_MEMORY, why, "Out of memory.");
    while (cl_str_ends(url, CL_STR("/")))
        url.len--;
    err = cl_buf_append(&client->url, url);
    if (err == CL_OK)
        err = cl_loop_new(&client->loop);
    if (err == CL_OK)
        err = cl_http_client_new(client->loop, parts.host, parts.port, &client->http);
    if (err != CL_OK) {
        cl_client_free(client);
        return cl_fail(err, why, "Cannot prepare a connection to %.*s: %s.",
                       CL_STR_ARG(cl_str_part(url, 0, 128)), cl_err_wire(err));
    }
    client->wants_tls = parts.is_tls;
    client->is_exposed = !parts.is_tls && !is_loopback(parts.host);
    client->base_path =
        cl_str_part(cl_buf_str(&client->url), (size_t)(parts.path.ptr - url.ptr), parts.path.len);
    if (token != NULL)
        client->token = *token;
    *ret_client = client;
    return CL_OK;
}

enum cl_err
cl_client_new_like(const struct cl_client *like, struct cl_client **ret_client, struct cl_why *why)
{
    struct cl_client *client;
    enum cl_err err = cl_client_new(cl_client_url(like), &like->token, &client, why);
    if (err != CL_OK)
        return err;
    client->pins = like->pins;
    client->has_saved_pins = like->has_saved_pins;
    client->is_programs = like->is_programs;
    client->secret_of = like->secret_of;
    *ret_client = client;
    return CL_OK;
}

enum cl_err
cl_client_check_url(cl_str url, struct cl_why *why)
{
    struct cl_url ignored;
    return read_url(url, &ignored, why);
}

void
cl_client_free(struct cl_client *client)
{
    if (client == NULL)
        return;
    cl_http_client_free(client->http);
    cl_loop_free(client->loop);
    cl_tls_free(client->tls);
    cl_secret_done(&client->token);
    cl_buf_done(&client->url);
    cl_arena_done(&client->arena);
    cl_free(client);
}

void
cl_client_serve_program(struct cl_client *client, cl_str secret_of)
{
    client->is_programs = true;
    client->secret_of = secret_of;
}

/* What is to be done, at a shell or for a program. */
static const char *
advice(const struct cl_client *client, const char *at_shell, const char *for_program)
{
    return client->is_programs ? for_program : at_shell;
}

enum cl_err
cl_client_pin(struct cl_client *client, cl_str pins, bool is_saved, struct cl_why *why)
{
    struct cl_why reason;
    if (!client->wants_tls)
        return cl_fail(CL_ERR_USAGE, why,
                       "A pin is for a relay with TLS, and %.*s is none: write https://, or leave "
                       "%s out.",
                       CL_STR_ARG(cl_client_url_shown(client)), advice(client, "--pin", "it"));
    if (cl_tls_pins_parse(pins, &client->pins, &reason) != CL_OK)
        return cl_fail(CL_ERR_USAGE, why, "%s: %s. The relay prints its pin when it starts.",
                       is_saved ? "relay_pin in the agent's state file"
                                : advice(client, "--pin", "The pins"),
                       reason.text);
    client->has_saved_pins = is_saved;
    return CL_OK;
}

bool
cl_client_is_exposed(const struct cl_client *client)
{
    return client->is_exposed;
}

bool
cl_client_same_relay(cl_str a, cl_str b)
{
    struct cl_url left, right;
    return cl_url_parse(a, &left, NULL) == CL_OK && cl_url_parse(b, &right, NULL) == CL_OK &&
           left.is_tls == right.is_tls && left.port == right.port &&
           cl_str_eq_nocase(left.host, right.host);
}

cl_str
cl_client_url(const struct cl_client *client)
{
    return cl_buf_str(&client->url);
}

unsigned
cl_client_status(const struct cl_client *client)
{
    return client->status;
}

uint64_t
cl_client_offset(const struct cl_client *client)
{
    return client->offset;
}

/* -- what went wrong ----------------------------------------------------------------------- */

cl_str
cl_client_url_shown(const struct cl_client *client)
{
    return cl_str_part(cl_client_url(client), 0, 128);
}

/* What is said of a Unix socket; NULL: the same as of any relay. */
static const char *
local_advice(enum cl_http_fault fault)
{
    switch ((int)fault) {
    case CL_HTTP_FAULT_REFUSED:
        return "no relay answers there. Is it running, and is this its --admin-socket?";
    case CL_HTTP_FAULT_UNREACHABLE:
        return "it belongs to another user: ask as that user, or as root.";
    case CL_HTTP_FAULT_CONNECT:
        return "no connection can be made. Is it the path of a relay's socket?";
    case CL_HTTP_FAULT_RESET:
        return "the relay closed it, as it does to other users than its own and root.";
    default:
        return NULL;
    }
}

/* err is what is returned, where the fault leaves a choice. */
static enum cl_err
explain_fault(const struct cl_client *client, enum cl_err err, enum cl_http_fault fault,
              unsigned seconds, struct cl_why *why)
{
    cl_str url = cl_client_url_shown(client);
    if (client->is_local && local_advice(fault) != NULL)
        return cl_fail(fault == CL_HTTP_FAULT_UNREACHABLE ? CL_ERR_FORBIDDEN : CL_ERR_NO_RELAY, why,
                       "Can't ask the relay at %.*s: %s", CL_STR_ARG(url), local_advice(fault));
    switch (fault) {
    case CL_HTTP_FAULT_UNRESOLVED:
        return cl_fail(err, why, "Can't find relay: the host of %.*s is unknown. Check the name%s.",
                       CL_STR_ARG(url),
                       advice(client, " in --relay, or the one that `clawlink register` saved",
                              ", and that this machine can look it up"));
    case CL_HTTP_FAULT_REFUSED:
        return cl_fail(err, why, "Connection refused: no relay listens at %.*s. Start one %s.",
                       CL_STR_ARG(url),
                       advice(client, "with `clawlink relay`, or name another with --relay URL",
                              "there, or check host and port"));
    case CL_HTTP_FAULT_UNREACHABLE:
        return cl_fail(err, why,
                       "Can't reach relay: there is no route to %.*s. Check the network and the "
                       "address%s.",
                       CL_STR_ARG(url), advice(client, " in --relay", ""));
    case CL_HTTP_FAULT_CONNECT_TIMEOUT:
        return cl_fail(err, why,
                       "Can't reach relay: %.*s did not take the connection within %u s. Check the "
                       "address, and that no firewall drops it.",
                       CL_STR_ARG(url), CL_CLIENT_CONNECT_MS / 1000);
    case CL_HTTP_FAULT_CONNECT:
        return cl_fail(err, why, "Can't reach relay: the connection to %.*s failed. Try again.",
                       CL_STR_ARG(url));
    case CL_HTTP_FAULT_TIMEOUT:
        return cl_fail(err, why,
                       "Timeout: %.*s gave no answer within %u s. Look at the relay, then try "
                       "again.",
                       CL_STR_ARG(url), seconds);
    case CL_HTTP_FAULT_RESET:
        return cl_fail(err, why,
                       "Connection lost: %.*s closed it before the answer was complete, so the "
                       "relay may have done it or not. Look, then try again.",
                       CL_STR_ARG(url));
    case CL_HTTP_FAULT_NOT_HTTP:
        return cl_fail(err, why,
                       "Not a relay: what listens at %.*s does not speak HTTP. Check host and "
                       "port%s.",
                       CL_STR_ARG(url), advice(client, " in --relay", ""));
    case CL_HTTP_FAULT_TOO_LARGE:
        return cl_fail(err, why, "The answer of %.*s is larger than %u MiB, which is refused.",
                       CL_STR_ARG(url), CL_HTTP_ANSWER_BYTES_MAX / CL_MIB);
    case CL_HTTP_FAULT_NO_MEMORY:
        return cl_fail(err, why, "Out of memory while talking to %.*s.", CL_STR_ARG(url));
    case CL_HTTP_FAULT_TLS:
        return cl_explain_tls(&(struct cl_trusted){.url = cl_client_url(client),
                                                   .pins = &client->pins,
                                                   .is_saved = client->has_saved_pins,
                                                   .is_programs = client->is_programs},
                              cl_tls_verdict(client->tls), why);
    case CL_HTTP_FAULT_NONE:
        break;
    }
    return cl_fail(err, why, "The call to %.*s could not be sent (%s).", CL_STR_ARG(url),
                   cl_err_wire(err));
}

static cl_str
text_member(const struct cl_json_scan *scan, struct cl_arena *arena, const char *name)
{
    cl_str text = CL_STR("");
    const struct cl_json_member *member = cl_json_scan_member(scan, cl_str_z(name));
    if (member != NULL && cl_json_string(member->value, arena, &text) != CL_OK)
        return CL_STR("");
    return text;
}

static enum cl_err
no_path(const struct cl_client *client, struct cl_why *why)
{
    return cl_fail(CL_ERR_USAGE, why,
                   "Can't find relay: one answers at the host and port of %.*s, but not below "
                   "\"%.*s\". Leave the path out%s, unless a proxy wants another one.",
                   CL_STR_ARG(cl_client_url_shown(client)),
                   CL_STR_ARG(cl_str_part(client->base_path, 0, 80)),
                   advice(client, " of --relay", ""));
}

/* It is told by which secret the token was made, since that is what somebody wrote down. */
static enum cl_err
wrong_secret(const struct cl_client *client, enum cl_err err, struct cl_why *why)
{
    return cl_fail(err, why,
                   "Unauthorized: %.*s does not accept this secret from the instance %.*s: it has "
                   "another one there, or is not registered, or this is not the relay's Agent Link "
                   "port.",
                   CL_STR_ARG(cl_client_url_shown(client)), CL_STR_ARG(client->secret_of));
}

static enum cl_err
wrong_token(const struct cl_client *client, enum cl_err err, struct cl_why *why)
{
    bool is_shown = client->token.len > 0;
    if (client->secret_of.len > 0)
        return wrong_secret(client, err, why);
    return cl_fail(err, why, "Unauthorized: %.*s %s. %s%s.",
                   CL_STR_ARG(cl_client_url_shown(client)),
                   is_shown ? "does not accept this token" : "wants its token",
                   is_shown ? "Give the relay's own" : "Give it",
                   advice(client, " with --token, --token-file or CLAWLINK_TOKEN", ""));
}

/* An answer that is no success, of a relay: {"error":...} and, of ours, "code". */
static enum cl_err
explain_refusal(struct cl_client *client, const struct cl_client_call *call,
                const struct cl_json_scan *scan, struct cl_why *why)
{
    cl_str url = cl_client_url_shown(client);
    cl_str code = text_member(scan, &client->arena, "code");
    cl_str error = cl_str_part(text_member(scan, &client->arena, "error"), 0, 200);
    // A relay of ours tells a path that it does not know from a file that it does not have.
    if (client->status == 404 && code.len > 0 && client->base_path.len > 0 &&
        cl_err_from_wire(code) == CL_ERR_NOT_FOUND)
        return no_path(client, why);
    if (call->is_v2 && client->status == 404)
        return cl_fail(CL_ERR_UPGRADE, why,
                       "The relay at %.*s does not speak protocol v2: start a newer one there%s.",
                       CL_STR_ARG(url),
                       advice(client, ", or use the verbs of v1 (delegate, poll, respond)", ""));
    enum cl_err err = code.len > 0 ? cl_err_from_wire(code) : CL_ERR_INTERNAL;
    if (err == CL_ERR_INTERNAL || err == CL_OK)
        err = cl_err_from_http(client->status);
    if (err == CL_ERR_UNAUTHORIZED)
        return wrong_token(client, err, why);
    return cl_fail(err, why, "The relay at %.*s refused %s %.*s: %.*s (HTTP %u).%s",
                   CL_STR_ARG(url), call->method, CL_STR_ARG(cl_str_part(call->path, 0, 80)),
                   CL_STR_ARG(error.len > 0 ? error : CL_STR("it did not say why")), client->status,
                   cl_err_retry_helps(err) ? " Try again later." : "");
}

/* -- calls --------------------------------------------------------------------------------- */

static uint32_t
timeout_ms(const struct cl_client_call *call)
{
    uint32_t ms = CL_CLIENT_TIMEOUT_MS + call->wait_s * 1000;
    return call->within_ms > 0 && call->within_ms < ms ? call->within_ms : ms;
}

static enum cl_err
send_call(struct cl_client *client, const struct cl_client_call *call, cl_str target,
          struct cl_http_reply *ret_reply)
{
    char bearer[sizeof BEARER + CL_SECRET_BYTES_MAX] = BEARER;
    memcpy(bearer + sizeof BEARER - 1, client->token.bytes, client->token.len);
    struct cl_http_field fields[5] = {{CL_STR("Content-Type"), CL_STR("application/json")}};
    char offset[24], size[24];
    size_t fields_len = 1;
    if (client->token.len > 0)
        fields[fields_len++] = (struct cl_http_field){
            CL_STR("Authorization"), cl_str_of(bearer, sizeof BEARER - 1 + client->token.len)};
    if (call->range != NULL)
        fields[fields_len++] = (struct cl_http_field){CL_STR("Range"), cl_str_z(call->range)};
    if (call->upload != NULL && call->upload->size > 0) {
        (void)snprintf(offset, sizeof offset, "%" PRIu64, call->upload->offset);
        (void)snprintf(size, sizeof size, "%" PRIu64, call->upload->size);
        fields[0].value = CL_STR("application/octet-stream");
        fields[fields_len++] = (struct cl_http_field){CL_STR("Upload-Offset"), cl_str_z(offset)};
        fields[fields_len++] = (struct cl_http_field){CL_STR("Upload-Length"), cl_str_z(size)};
    }
    const struct cl_http_call http_call = {
        .method = cl_str_z(call->method),
        .target = target,
        .fields = fields,
        .fields_len = fields_len,
        .body = call->body,
        .timeout_ms = timeout_ms(call),
    };
    enum cl_err err = cl_http_client_call(client->http, &http_call, ret_reply, NULL);
    cl_secret_wipe(bearer, sizeof bearer);
    return err;
}

/* The authorities' certificates are read when they are needed. */
static enum cl_err
prepare_tls(struct cl_client *client, struct cl_why *why)
{
    if (!client->wants_tls || client->tls != NULL)
        return CL_OK;
    enum cl_err err = cl_tls_client_new(client->loop, &client->pins, &client->tls);
    if (err != CL_OK)
        return cl_fail(err, why, "Out of memory.");
    cl_http_client_use_tls(client->http, client->tls);
    return CL_OK;
}

static bool
has_sign(const struct cl_json_scan *scan, const struct cl_client_sign *sign)
{
    if (sign->name == NULL)
        return true;
    const struct cl_json_member *member = cl_json_scan_member(scan, cl_str_z(sign->name));
    return member != NULL && member->type == sign->type;
}

/* 404 and 409 say how far an upload is, or they say something else. */
static bool
is_upload_answer(struct cl_client *client, const struct cl_http_head *head)
{
    cl_str offset;
    bool has_offset = cl_http_field(head, CL_STR("Upload-Offset"), &offset) &&
                      cl_str_to_u64(offset, UINT64_MAX, &client->offset);
    return client->status == 200 || client->status == 201 ||
           (has_offset &&
            (client->status == 204 || client->status == 404 || client->status == 409));
}

/* A refused HEAD says nothing but its status. */
static cl_str
json_of(const struct cl_client_call *call, const struct cl_http_reply *reply)
{
    bool is_bare = reply->head->status >= 400 && reply->body.len == 0 &&
                   cl_str_eq(cl_str_z(call->method), CL_STR("HEAD"));
    return is_bare ? CL_STR("{}") : reply->body;
}

static enum cl_err
not_plain(const struct cl_client *client, struct cl_why *why)
{
    return cl_explain_tls_port(&(struct cl_trusted){.url = cl_client_url(client),
                                                    .pins = &client->pins,
                                                    .is_programs = client->is_programs},
                               client->is_exposed && client->token.len > 0, why);
}

/* Is it the answer of a relay, and a good one? */
static enum cl_err
judge_reply(struct cl_client *client, const struct cl_client_call *call,
            const struct cl_http_reply *reply, struct cl_why *why)
{
    struct cl_json_scan scan;
    cl_hash_key key;
    cl_random_bytes(&key, sizeof key);
    cl_arena_done(&client->arena);
    cl_json_scan_init(&scan, &client->arena, &key);
    client->status = reply->head->status;
    if (!client->wants_tls && cl_is_tls_port(client->status, reply->body))
        return not_plain(client, why);
    if (call->range != NULL && client->status >= 200 && client->status < 300)
        return CL_OK;
    if (call->upload != NULL && is_upload_answer(client, reply->head))
        return CL_OK;
    bool is_json = cl_json_scan_feed(&scan, json_of(call, reply), true, NULL) == CL_OK;
    if (call->is_v2 && !is_json && client->status == 404)
        return cl_fail(
            CL_ERR_UPGRADE, why,
            "What listens at %.*s does not speak protocol v2: it is a relay of v1%s, or no relay "
            "at all.%s",
            CL_STR_ARG(cl_client_url_shown(client)),
            advice(client, ", whose verbs are delegate, poll, respond and discover", ""),
            client->base_path.len == 0
                ? ""
                : advice(client, " Leave the path out of --relay?", " Leave the path out?"));
    if (!is_json)
        return cl_fail(CL_ERR_IO, why,
                       "Not a relay: what listens at %.*s answered %s %.*s with HTTP %u and no "
                       "JSON object. Check host and port%s.",
                       CL_STR_ARG(cl_client_url_shown(client)), call->method,
                       CL_STR_ARG(cl_str_part(call->path, 0, 80)), client->status,
                       advice(client, " in --relay", ""));
    if (call->is_v2 && cl_json_scan_member(&scan, CL_STR("jsonrpc")) != NULL)
        return CL_OK;
    if (client->status < 200 || client->status >= 300 ||
        cl_json_scan_member(&scan, CL_STR("error")) != NULL)
        return explain_refusal(client, call, &scan, why);
    if (has_sign(&scan, &call->sign))
        return CL_OK;
    return cl_fail(CL_ERR_IO, why,
                   "Not a relay: what listens at %.*s answered %s %.*s without the \"%s\" that a "
                   "relay sends. Check host and port%s.",
                   CL_STR_ARG(cl_client_url_shown(client)), call->method,
                   CL_STR_ARG(cl_str_part(call->path, 0, 80)), call->sign.name,
                   advice(client, " in --relay", ""));
}

enum cl_err
cl_client_call(struct cl_client *client, const struct cl_client_call *call, cl_str *ret_answer,
               struct cl_why *why)
{
    struct cl_buf target;
    struct cl_http_reply reply;
    client->status = 0;
    client->offset = 0;
    if (call->body.len > CL_HTTP_BODY_BYTES_MAX)
        return cl_fail(CL_ERR_TOO_LARGE, why,
                       "Too large: the call would have %zu bytes, a relay takes at most %u. Split "
                       "it, or share the text as a file and send its key.",
                       call->body.len, CL_HTTP_BODY_BYTES_MAX);

    cl_buf_init(&target, CL_HTTP_TARGET_BYTES_MAX);
    enum cl_err err = cl_buf_append(&target, client->base_path);
    if (err == CL_OK)
        err = cl_buf_append(&target, call->path);
    if (err != CL_OK) {
        cl_buf_done(&target);
        return cl_fail(err, why, "The call's path does not fit into a request (%s).",
                       cl_err_wire(err));
    }
    err = prepare_tls(client, why);
    if (err != CL_OK) {
        cl_buf_done(&target);
        return err;
    }
    err = send_call(client, call, cl_buf_str(&target), &reply);
    cl_buf_done(&target);
    if (err != CL_OK)
        return explain_fault(client, err, cl_http_client_fault(client->http),
                             (timeout_ms(call) + 999) / 1000, why);
    err = judge_reply(client, call, &reply, why);
    if (err == CL_OK)
        *ret_answer = call->range == NULL ? cl_str_strip(reply.body) : reply.body;
    return err;
}

/* -- a connection that comes back ------------------------------------------------------------ */

enum cl_err
cl_client_uplink(struct cl_client *client, struct cl_uplink_config *ret_config, struct cl_why *why)
{
    enum cl_err err = prepare_tls(client, why);
    if (err != CL_OK)
        return err;
    *ret_config = (struct cl_uplink_config){.loop = client->loop,
                                            .url = cl_buf_str(&client->url),
                                            .token = &client->token,
                                            .tls = client->tls};
    return CL_OK;
}

/* Of a relay that answered something else than a WebSocket. */
static enum cl_err
explain_status(struct cl_client *client, const struct cl_ws_no *no, struct cl_why *why)
{
    const struct cl_client_call call = {.method = "GET", .path = CL_STR("/v2"), .is_v2 = true};
    struct cl_json_scan scan;
    cl_hash_key key;
    client->status = no->status;
    if (!client->wants_tls && cl_is_tls_port(no->status, no->body))
        return not_plain(client, why);
    cl_random_bytes(&key, sizeof key);
    cl_arena_done(&client->arena);
    cl_json_scan_init(&scan, &client->arena, &key);
    if (cl_json_scan_feed(&scan, no->body, true, NULL) == CL_OK)
        return explain_refusal(client, &call, &scan, why);
    return cl_fail(cl_err_from_http(no->status), why,
                   "Not a relay: what listens at %.*s answered with HTTP %u where a WebSocket of "
                   "protocol v2 should open. Check host and port%s.",
                   CL_STR_ARG(cl_client_url_shown(client)), no->status,
                   advice(client, " in --relay", ""));
}

enum cl_err
cl_client_explain(struct cl_client *client, const struct cl_uplink_fall *fall, struct cl_why *why)
{
    cl_str url = cl_client_url_shown(client);
    if (fall->error != NULL && fall->err == CL_ERR_UNAUTHORIZED)
        return wrong_token(client, fall->err, why); // whose token it is it knew from hello
    if (fall->error != NULL)
        return cl_fail(fall->err, why, "The relay at %.*s refused: %.*s.", CL_STR_ARG(url),
                       CL_STR_ARG(cl_str_part(fall->error->sentence, 0, 200)));
    if (fall->no.fault != CL_HTTP_FAULT_NONE)
        return explain_fault(client, fall->err, fall->no.fault, CL_CLIENT_TIMEOUT_MS / 1000, why);
    if (fall->no.status != 0)
        return explain_status(client, &fall->no, why);
    if (fall->err == CL_ERR_NO_MEMORY)
        return explain_fault(client, fall->err, CL_HTTP_FAULT_NO_MEMORY, 0, why);
    if (fall->close_code == CL_WS_CLOSE_RESTART)
        return cl_fail(fall->err, why, "The relay at %.*s is stopping.", CL_STR_ARG(url));
    if (fall->close_code != 0)
        return cl_fail(fall->err, why, "Connection lost: %.*s closed it (%u).", CL_STR_ARG(url),
                       fall->close_code);
    if (fall->err == CL_ERR_TIMEOUT)
        return explain_fault(client, fall->err, CL_HTTP_FAULT_TIMEOUT, CL_CLIENT_TIMEOUT_MS / 1000,
                             why);
    return cl_fail(fall->err, why,
                   "What listens at %.*s does not keep to protocol v2 (%.160s). Is it a relay, and "
                   "is this program as new as it?",
                   CL_STR_ARG(url), fall->text[0] == '\0' ? cl_err_wire(fall->err) : fall->text);
}

/* -- waiting ------------------------------------------------------------------------------- */

static void
exit_now(void *ctx, int signal)
{
    const struct cl_client *client = ctx;
    (void)signal;
    if (client->last_words != NULL)
        client->last_words(client->last_words_ctx);
    exit(client->exit_status);
}

void
cl_client_last_words(struct cl_client *client, void (*fn)(void *ctx), void *ctx)
{
    client->last_words = fn;
    client->last_words_ctx = ctx;
}

void
cl_client_beside(struct cl_client *client, void (*fn)(void *ctx), void *ctx)
{
    client->beside_fn = fn;
    client->beside_ctx = ctx;
    if (fn == NULL)
        cl_loop_timer_stop(client->loop, &client->beside);
    else
        cl_loop_timer_start(client->loop, &client->beside, cl_loop_now(client->loop));
}

void
cl_client_wait(struct cl_client *client, int fd, uint32_t ms)
{
    struct pollfd fds[] = {{.fd = fd, .events = POLLIN},
                           {.fd = cl_loop_fd(client->loop), .events = POLLIN}};
    cl_loop_turn(client->loop, false); // so that its descriptor stands for all that it waits for
    int64_t own_ms = cl_loop_wait_ms(client->loop);
    int64_t wait_ms = own_ms >= 0 && own_ms < ms ? own_ms : ms;
    (void)poll(fds, 2, wait_ms > INT32_MAX ? INT32_MAX : (int)wait_ms); // a turn follows anyhow
    cl_loop_turn(client->loop, false);
}

enum cl_err
cl_client_exit_on_signals(struct cl_client *client, int exit_status)
{
    client->exit_status = exit_status;
    enum cl_err err = cl_loop_on_signal(client->loop, SIGINT, exit_now, client);
    return err != CL_OK ? err : cl_loop_on_signal(client->loop, SIGTERM, exit_now, client);
}

void
cl_client_pause(struct cl_client *client, uint32_t ms)
{
    client->is_paused = true;
    cl_loop_turn(client->loop, false); // so that the loop's time is now
    cl_loop_timer_start(client->loop, &client->pause,
                        cl_instant_add(cl_loop_now(client->loop), ms));
    while (client->is_paused)
        cl_loop_turn(client->loop, true);
}
