// SPDX-License-Identifier: MIT
/*
 * The relay on the local network: what it says of itself (clawlink-v1.md, On the local network).
 */
#include <stdio.h>

#include "net/mdns.h"
#include "relay/state.h"

/* Of a machine that does not know its name. */
#define MACHINE_DEFAULT "relay"

static void
on_news(void *ctx, enum cl_mdns_news news, cl_str interface, cl_str name)
{
    const struct cl_relay *relay = ctx;
    const struct cl_log *log = &relay->config.log;
    switch (news) {
    case CL_MDNS_NEWS_ON:
        cl_log_info(log, "discovery.on", CL_F("interface", interface), CL_F("name", name));
        break;
    case CL_MDNS_NEWS_OFF:
        cl_log_info(log, "discovery.off", CL_F("interface", interface));
        break;
    case CL_MDNS_NEWS_PUBLIC:
        cl_log_info(log, "discovery.silent", CL_F("reason", "this machine has a public address"),
                    CL_F("instead", "--discovery on"));
        break;
    }
}

/* v1's members, and what a client must know about TLS before it connects. */
static enum cl_err
describe(const struct cl_relay *relay, cl_str machine, struct cl_mdns_record *txt)
{
    char pin[CL_RELAY_PIN_CAP] = "";
    bool has_tls = cl_relay_pin(relay, pin);
    const struct {
        cl_str key;
        cl_str value;
    } members[] = {
        {CL_STR("version"), CL_STR(CLAWLINK_VERSION)},
        {CL_STR("hostname"), machine},
        {CL_STR("auth"), relay->config.token != NULL ? CL_STR("yes") : CL_STR("no")},
        {CL_STR("tls"), has_tls ? CL_STR("1") : CL_STR("0")},
        {CL_STR("pin"), cl_str_z(pin)},
    };
    enum cl_err err = CL_OK;
    cl_mdns_set_txt(txt);
    for (size_t i = 0; err == CL_OK && i < sizeof members / sizeof members[0]; i++)
        if (members[i].value.len > 0)
            err = cl_mdns_add_txt(txt, members[i].key, members[i].value);
    return err;
}

static enum cl_err
advertise(struct cl_relay *relay, const cl_address *address, struct cl_why *why)
{
    char name[sizeof relay->machine + 32], host[sizeof relay->machine + 32];
    struct cl_mdns_record txt = {0};
    cl_str machine = relay->machine[0] != '\0' ? cl_str_z(relay->machine) : CL_STR(MACHINE_DEFAULT);
    cl_str label, domain;
    (void)cl_str_split(machine, '.', &label, &domain);
    // One of our own: with the machine's name we would speak for its own responder.
    (void)snprintf(host, sizeof host, "%.*s-clawlink", CL_STR_ARG(cl_str_part(label, 0, 48)));
    (void)snprintf(name, sizeof name, "ClawLink Relay (%.*s)",
                   CL_STR_ARG(cl_str_part(machine, 0, 46)));
    enum cl_err err = describe(relay, machine, &txt);
    if (err != CL_OK)
        return cl_fail(err, why, "the machine's name does not fit");
    const struct cl_mdns_advert_config config = {
        .service = {.instance = relay->config.name.len > 0 ? relay->config.name : cl_str_z(name),
                    .host = cl_str_z(host),
                    .port = address->port,
                    .txt = &txt},
        .listening = *address,
        .is_forced = relay->config.discovery == CL_RELAY_DISCOVERY_ON,
        .on_news = on_news,
        .ctx = relay,
    };
    return cl_mdns_advert_open(relay->loop, &config, &relay->advert, why);
}

void
cl_discovery_begin(struct cl_relay *relay)
{
    struct cl_why why;
    cl_address address;
    cl_listener_address(relay->listener, &address);
    if (relay->config.discovery == CL_RELAY_DISCOVERY_OFF || cl_address_is_loopback(&address))
        return;
    // A relay that is not found by itself is found by its URL.
    if (advertise(relay, &address, &why) != CL_OK)
        cl_log_warn(&relay->config.log, "discovery.failed", CL_F("reason", (const char *)why.text));
}

void
cl_discovery_end(struct cl_relay *relay)
{
    cl_mdns_advert_close(relay->advert);
    relay->advert = NULL;
}
