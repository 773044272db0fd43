// SPDX-License-Identifier: MIT
#include "relay/admin.h"

#include <stdio.h>

#include "net/unix.h"
#include "relay/metrics.h"
#include "relay/state.h"
#include "relay/status.h"

/* -- calls ------------------------------------------------------------------------------------- */

static void
answer_status(struct cl_relay *relay, struct cl_http_conn *conn, const struct cl_http_head *head)
{
    (void)head;
    cl_buf_clear(&relay->text);
    enum cl_err err = cl_status_write(relay, &relay->text);
    if (err != CL_OK) {
        cl_http_refuse(conn, err, CL_STR("out of memory"));
        return;
    }
    struct cl_part body = cl_part_of(cl_buf_str(&relay->text));
    struct cl_http_answer answer = {.status = 200, .parts = &body, .parts_len = 1};
    cl_http_answer(conn, &answer);
}

struct call {
    const char *method;
    const char *path;
    void (*run)(struct cl_relay *relay, struct cl_http_conn *conn, const struct cl_http_head *head);
};

static const struct call calls[] = {
    {"GET", "/status", answer_status},
    {"GET", "/metrics", cl_metrics_answer},
    {"POST", "/backup", cl_backup_begin},
};

static void
on_request(void *ctx, struct cl_http_conn *conn, const struct cl_http_head *head, cl_str body)
{
    bool has_path = cl_str_eq(head->path, CL_STR("/v2"));
    if (has_path && cl_str_eq(head->method, CL_STR("POST"))) {
        cl_exchange_admin(ctx, conn, head, body);
        return;
    }
    for (size_t i = 0; i < sizeof calls / sizeof *calls; i++) {
        if (!cl_str_eq(head->path, cl_str_z(calls[i].path)))
            continue;
        has_path = true;
        if (cl_str_eq(head->method, cl_str_z(calls[i].method))) {
            calls[i].run(ctx, conn, head);
            return;
        }
    }
    cl_http_refuse(conn, has_path ? CL_ERR_METHOD : CL_ERR_NOT_FOUND,
                   CL_STR("the admin door has no such call"));
}

static void
on_closed(void *ctx, struct cl_http_conn *conn)
{
    struct cl_exchange *exchange = cl_http_conn_user(conn); // of a call of v2 that waits
    cl_backup_forget(ctx, conn);
    if (exchange != NULL)
        cl_exchange_free(exchange);
}

static const struct cl_http_handler handler = {.on_request = on_request, .on_closed = on_closed};

/* -- the door ---------------------------------------------------------------------------------- */

/* "folder/relay-9077.sock", if it fits. */
static bool
path_of(struct cl_relay *relay, cl_str folder, char ret_path[static CL_UNIX_PATH_CAP])
{
    cl_address address;
    cl_listener_address(relay->listener, &address);
    int len = snprintf(ret_path, CL_UNIX_PATH_CAP, "%.*s/relay-%u.sock", CL_STR_ARG(folder),
                       address.port);
    return len > 0 && len < CL_UNIX_PATH_CAP;
}

static enum cl_err
open_at(struct cl_relay *relay, cl_str path, struct cl_why *why)
{
    struct cl_admin *admin = &relay->admin;
    struct cl_http_server_options options = {
        .handler = &handler, .ctx = relay, .gate = &admin->gate};
    cl_gate_init(&admin->gate, CL_RELAY_ADMIN_CONNECTIONS_MAX);
    enum cl_err err = cl_http_server_new(relay->loop, &options, &admin->http);
    if (err != CL_OK)
        return cl_fail(err, why, "out of memory");
    err = cl_unix_listen(relay->loop, path, &admin->listener, why);
    if (err == CL_OK)
        cl_listener_accept(admin->listener, cl_http_server_take, admin->http);
    return err;
}

enum cl_err
cl_relay_open_door(struct cl_relay *relay, cl_str path, cl_str folder, struct cl_why *why)
{
    const struct cl_log *log = &relay->config.log;
    char place[CL_UNIX_PATH_CAP];
    struct cl_why reason = {"no folder that only its user can write to"};
    if (path.len > 0)
        return open_at(relay, path, why);
    if (folder.len > 0 && !path_of(relay, folder, place))
        reason = (struct cl_why){"the path of its folder is too long"};
    else if (folder.len > 0 && open_at(relay, cl_str_z(place), &reason) == CL_OK) {
        cl_log_info(log, "admin.listening", CL_F("path", (const char *)place));
        return CL_OK;
    }
    cl_log_warn(log, "admin.unavailable", CL_F("why", (const char *)reason.text),
                CL_F("next", "name another path with --admin-socket"));
    return CL_OK;
}

void
cl_admin_drain(struct cl_admin *admin)
{
    cl_listener_close(admin->listener);
    admin->listener = NULL;
    if (admin->http != NULL)
        cl_http_server_drain(admin->http);
}

size_t
cl_admin_count(const struct cl_admin *admin)
{
    return admin->http == NULL ? 0 : cl_http_server_count(admin->http);
}

void
cl_admin_close(struct cl_admin *admin)
{
    cl_listener_close(admin->listener);
    cl_http_server_free(admin->http);
    *admin = (struct cl_admin){.listener = NULL};
}
