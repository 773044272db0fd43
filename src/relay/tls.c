// SPDX-License-Identifier: MIT
/*
 * The relay's side of TLS: its certificate, and the files that are opened again at SIGHUP.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "net/tls.h"
#include "relay/agent_link.h"
#include "relay/state.h"

static bool
wants_tls(const struct cl_relay *relay)
{
    return relay->config.tls_certificate != NULL;
}

/* One that has run out is used all the same: clients with a pin take it, the others say why not. */
static void
log_certificate(struct cl_relay *relay)
{
    char pin[CL_TLS_PIN_TEXT_CAP];
    char expires[CL_TIME_TEXT_CAP];
    cl_time end = {cl_tls_expires_at(relay->tls) * 1000};
    cl_tls_pin_text(cl_tls_own_pin(relay->tls), pin);
    cl_time_text(end, expires);
    if (end.ms < relay->wall().ms)
        cl_log_warn(&relay->config.log, "tls.expired", CL_F("pin", (const char *)pin),
                    CL_F("expires", (const char *)expires));
    else
        cl_log_info(&relay->config.log, "tls.certificate", CL_F("pin", (const char *)pin),
                    CL_F("expires", (const char *)expires));
}

enum cl_err
cl_relay_tls_open(struct cl_relay *relay, struct cl_why *why)
{
    const struct cl_relay_config *config = &relay->config;
    if (!wants_tls(relay))
        return CL_OK;
    enum cl_err err = cl_tls_server_new(relay->loop, &relay->tls);
    if (err != CL_OK)
        return cl_fail(err, why, "out of memory");
    err = cl_tls_load_files(relay->tls, config->tls_certificate, config->tls_key, why);
    if (err == CL_OK)
        log_certificate(relay);
    return err;
}

void
cl_relay_tls_done(struct cl_relay *relay)
{
    cl_tls_free(relay->tls);
    relay->tls = NULL;
}

/* The descriptor stays, so everybody who has a copy of it writes to the new file. */
static void
reopen_log(struct cl_relay *relay)
{
    const struct cl_relay_config *config = &relay->config;
    if (config->log_file == NULL)
        return;
    int fd = open(config->log_file, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0640);
    bool is_open =
        fd >= 0 && dup2(fd, config->log.fd) >= 0 && fcntl(config->log.fd, F_SETFD, FD_CLOEXEC) == 0;
    if (!is_open)
        cl_log_error(&config->log, "log.not_reopened", CL_F("file", config->log_file),
                     CL_F("why", (const char *)strerror(errno)));
    if (fd >= 0)
        (void)close(fd);
}

static void
reload_certificate(struct cl_relay *relay)
{
    const struct cl_relay_config *config = &relay->config;
    struct cl_why why;
    if (!wants_tls(relay))
        return;
    cl_tls_pin before = *cl_tls_own_pin(relay->tls);
    if (cl_tls_load_files(relay->tls, config->tls_certificate, config->tls_key, &why) != CL_OK) {
        cl_log_error(&config->log, "tls.not_reloaded", CL_F("why", (const char *)why.text));
        return;
    }
    log_certificate(relay);
    if (memcmp(&before, cl_tls_own_pin(relay->tls), sizeof before) == 0 || relay->is_draining)
        return;
    cl_discovery_end(relay); // what is known on the network names the pin
    cl_discovery_begin(relay);
}

void
cl_relay_reload(struct cl_relay *relay)
{
    reopen_log(relay);
    cl_log_info(&relay->config.log, "relay.reloading", CL_F("signal", SIGHUP));
    reload_certificate(relay);
    cl_al_reload(relay);
}

void
cl_relay_accept(void *ctx, struct cl_stream *stream)
{
    struct cl_relay *relay = ctx;
    // Without memory the stream is closed already, and the client tries again.
    if (relay->tls != NULL && cl_tls_wrap(relay->tls, stream, CL_STR(""), &stream) != CL_OK)
        return;
    cl_http_server_take(relay->http, stream);
}

bool
cl_relay_pin(const struct cl_relay *relay, char ret_pin[static CL_RELAY_PIN_CAP])
{
    _Static_assert(CL_RELAY_PIN_CAP == CL_TLS_PIN_TEXT_CAP, "they are the same text");
    if (relay->tls == NULL)
        return false;
    cl_tls_pin_text(cl_tls_own_pin(relay->tls), ret_pin);
    return true;
}
