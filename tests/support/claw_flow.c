// SPDX-License-Identifier: MIT
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "support/claw_lab.h"

/* Sent and not answered. */
#define WINDOW 200
#define TELL   250

/* What the receiver has seen; its thread alone writes it. */
struct seen {
    pthread_mutex_t lock;
    pthread_cond_t news;
    unsigned next; // the number that is due
    unsigned downs;
    int is_there;
    int is_wrong;
};

/* In the receiver's thread: in order, each once. */
static void
on_event(void *user, claw_client *client, const struct claw_event *event)
{
    struct seen *seen = user;
    (void)pthread_mutex_lock(&seen->lock);
    if (event->type == CLAW_EVENT_DOWN)
        seen->downs++;
    seen->is_there |= event->type == CLAW_EVENT_ATTACHED;
    if (event->type == CLAW_EVENT_MESSAGE) {
        if (strtoul(event->body, NULL, 10) != seen->next) {
            printf("heard %s, and %u was due\n", (const char *)event->body, seen->next);
            seen->is_wrong = 1;
        }
        seen->next++;
        if (claw_ack(client, event->agent, event->id, CLAW_RUNG_SEEN, 0) != CLAW_OK)
            seen->is_wrong = 1;
    }
    (void)pthread_cond_broadcast(&seen->news);
    (void)pthread_mutex_unlock(&seen->lock);
}

static claw_client *
receiver(const char *url, struct seen *seen)
{
    struct claw_options options;
    claw_client *client;
    claw_options_init(&options, sizeof options);
    options.url = url;
    options.instance = "mini";
    options.token = getenv("CLAW_TOKEN");
    options.on_event = on_event;
    options.event_user = seen;
    NEED(claw_new(&options, &client, NULL, 0) == CLAW_OK);
    NEED(claw_attach_name(client, "otto") == CLAW_OK && claw_start(client) == CLAW_OK);
    return client;
}

/* Sends the next one, where the window has room; else takes one event. */
static void
go_on(claw_client *client, unsigned *sent, unsigned *answered, unsigned count)
{
    char text[16];
    if (*sent < count && *sent - *answered < WINDOW) {
        (void)snprintf(text, sizeof text, "%u", *sent);
        struct claw_letter letter = lab_letter("mira", "mini/otto", text);
        lab_send(client, &letter, NULL);
        ++*sent;
        return;
    }
    const struct claw_event *event = claw_next_event(client, WAIT_MS);
    NEED(event != NULL && event->type != CLAW_EVENT_ENDED);
    if (event->type == CLAW_EVENT_SENT) {
        lab_look_at(client);
        NEED(event->err == CLAW_OK);
        ++*answered;
        if (*answered % TELL == 0) {
            printf("answered %u\n", *answered);
            (void)fflush(stdout);
        }
    }
    claw_event_free(client, event);
}

void
lab_flow(const char *url, unsigned count)
{
    struct seen seen = {.lock = PTHREAD_MUTEX_INITIALIZER, .news = PTHREAD_COND_INITIALIZER};
    claw_client *otto = receiver(url, &seen);
    claw_client *mira = lab_client(url, "laptop", "mira", 1);
    unsigned sent = 0, answered = 0;
    (void)pthread_mutex_lock(&seen.lock);
    while (!seen.is_there)
        (void)pthread_cond_wait(&seen.news, &seen.lock);
    (void)pthread_mutex_unlock(&seen.lock);
    while (answered < count)
        go_on(mira, &sent, &answered, count);
    (void)pthread_mutex_lock(&seen.lock);
    while (seen.next < count && !seen.is_wrong)
        (void)pthread_cond_wait(&seen.news, &seen.lock);
    (void)pthread_mutex_unlock(&seen.lock);
    NEED(!seen.is_wrong && seen.next == count);
    NEED(claw_drain(otto, WAIT_MS) == CLAW_OK);
    NEED(claw_free(mira) == CLAW_OK && claw_free(otto) == CLAW_OK);
    printf("%u sent, %u received, %u outages\n", sent, seen.next, seen.downs);
}

/* -- all that may wait ------------------------------------------------------------------------- */

void
lab_backlog(const char *url)
{
    static char body[32768];
    claw_client *mira = lab_client(url, "laptop", "mira", 0);
    struct claw_letter letter = lab_letter("mira", "mini/otto", "");
    uint64_t sent = 0, told = 0;
    claw_err err;
    memset(body, 'x', sizeof body);
    letter.body = body;
    letter.body_len = sizeof body;
    do {
        letter.tag = sent + 1;
        err = claw_send(mira, &letter, NULL);
        sent += err == CLAW_OK;
    } while (err == CLAW_OK);
    NEED(err == CLAW_ERR_FULL && sent > 1000);
    printf("full\n");
    (void)fflush(stdout);
    while (told < sent) { // nobody knows mini/otto; each is told so, in order
        const struct claw_event *event = lab_await(mira, CLAW_EVENT_SENT);
        NEED(event->tag == ++told);
        claw_event_free(mira, event);
    }
    NEED(claw_free(mira) == CLAW_OK);
    printf("all was told\n");
}
