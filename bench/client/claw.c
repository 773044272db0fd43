// SPDX-License-Identifier: MIT
/*
 * bench/client/claw.c - libclawlink, by its header alone. Each send is answered and has receipts,
 * and each message is acknowledged, which the relay confirms; that is how it is always used. Two
 * clients with a thread each.
 */
#include <clawlink/client.h>
#include <pthread.h>
#include <stdio.h>

#include "bench/client/client.h"
#include "bench/gen/gen.h"

static claw_client *sender, *receiver;
static struct claw_letter letter;
static struct {
    pthread_mutex_t lock;
    pthread_cond_t news;
    unsigned attached;
} start = {PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER, 0};

static void
check(claw_client *client, claw_err err)
{
    char why[CLAW_WHY_CAP];
    if (err == CLAW_OK)
        return;
    claw_why(client, why, sizeof why);
    die("%s: %s", claw_err_name(err), why);
}

static void
on_event(void *user, claw_client *client, const struct claw_event *event)
{
    (void)user;
    if (event->type == CLAW_EVENT_MESSAGE) {
        came(event->body, event->body_len);
        check(client, claw_ack(client, event->agent, event->id, CLAW_RUNG_DELIVERED, 0));
    } else if (event->type == CLAW_EVENT_ATTACHED) {
        (void)pthread_mutex_lock(&start.lock);
        start.attached++;
        (void)pthread_cond_signal(&start.news);
        (void)pthread_mutex_unlock(&start.lock);
    } else if (event->err != CLAW_OK) { // a refused send, or an outage
        die("%s: %s", claw_err_name(event->err), event->text);
    }
}

static claw_client *
client_new(const char *url, const char *agent)
{
    struct claw_options options;
    claw_client *client;
    char why[CLAW_WHY_CAP];
    claw_options_init(&options, sizeof options);
    options.url = url;
    options.instance = "bench";
    options.on_event = on_event;
    options.is_impatient = 1;
    if (claw_new(&options, &client, why, sizeof why) != CLAW_OK)
        die("%s", why);
    check(client, claw_attach_name(client, agent));
    check(client, claw_start(client));
    return client;
}

static void
open_both(unsigned port, unsigned in_flight)
{
    char url[64];
    (void)in_flight;
    (void)snprintf(url, sizeof url, "http://127.0.0.1:%u", port);
    sender = client_new(url, "s");
    receiver = client_new(url, "r");
    claw_letter_init(&letter, sizeof letter);
    letter.from = "s";
    letter.to = "bench/r";
    (void)pthread_mutex_lock(&start.lock);
    while (start.attached < 2)
        (void)pthread_cond_wait(&start.news, &start.lock);
    (void)pthread_mutex_unlock(&start.lock);
}

static void
send_one(const char *message, size_t len)
{
    letter.body = message;
    letter.body_len = len;
    check(sender, claw_send(sender, &letter, NULL));
}

static void
close_both(void)
{
    check(sender, claw_drain(sender, 1000 * GEN_REPLY_SECONDS));
    check(receiver, claw_drain(receiver, 1000 * GEN_REPLY_SECONDS));
    check(sender, claw_free(sender));
    check(receiver, claw_free(receiver));
}

const struct way ways[] = {{"claw", open_both, send_one, close_both}, {0}};
