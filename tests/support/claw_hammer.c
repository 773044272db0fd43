// SPDX-License-Identifier: MIT
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

#include "support/claw_lab.h"

#define THREADS 8
/* Each is sent after the one before was acknowledged, by the same agent: a relay stops such chains
 * at 64. */
#define CALLS 50

struct hammer {
    claw_client *client; // of all threads
    const char *url;
    unsigned rounds;
    atomic_uint heard;
    atomic_uint answered;
    atomic_uint results;
    pthread_t threads[THREADS];
};

struct one {
    struct hammer *hammer;
    unsigned number;
};

static void
take(struct hammer *hammer, claw_client *client, const struct claw_event *event)
{
    if (event->type == CLAW_EVENT_MESSAGE) {
        NEED(claw_ack(client, event->agent, event->id, CLAW_RUNG_SEEN, 0) == CLAW_OK);
        atomic_fetch_add(&hammer->heard, 1);
    } else if (event->type == CLAW_EVENT_SENT) {
        NEED(event->err == CLAW_OK);
        atomic_fetch_add(&hammer->answered, 1);
    } else if (event->type == CLAW_EVENT_RESULT) {
        NEED(event->err == CLAW_OK);
        atomic_fetch_add(&hammer->results, 1);
    }
    claw_event_free(client, event);
}

/* Everything that there is, at the same time as the others. */
static void *
hammer_shared(void *ctx)
{
    const struct one *one = ctx;
    struct hammer *hammer = one->hammer;
    claw_client *client = hammer->client;
    const struct claw_event *event;
    char from[16], to[16], guest[16], why[CLAW_WHY_CAP], sha256[CLAW_SHA256_CAP];
    (void)snprintf(from, sizeof from, "a%u", one->number);
    (void)snprintf(to, sizeof to, "many/a%u", (one->number + 1) % THREADS);
    (void)snprintf(guest, sizeof guest, "g%u", one->number);
    for (unsigned round = 0; round < hammer->rounds; round++) {
        struct claw_letter letter = lab_letter(from, to, "hammer");
        lab_send(client, &letter, NULL);
        if (round % 16 == 0) {
            NEED(claw_call(client, "agents", "{\"limit\":3}", 1) == CLAW_OK);
            NEED(claw_attach_name(client, guest) == CLAW_OK);
            NEED(claw_detach(client, guest, 0) == CLAW_OK);
            claw_why(client, why, sizeof why);
        }
        if (round % 64 == 0)
            NEED(claw_put_blob(client, from, strlen(from), WAIT_MS, sha256) == CLAW_OK);
        NEED(claw_is_up(client) == 1);
        while ((event = claw_next_event(client, 0)) != NULL)
            take(hammer, client, event);
    }
    return NULL;
}

static void *
hammer_alone(void *ctx)
{
    const struct one *one = ctx;
    char name[16], address[32];
    (void)snprintf(name, sizeof name, "b%u", one->number);
    (void)snprintf(address, sizeof address, "lone/%s", name);
    claw_client *client = lab_client(one->hammer->url, "lone", name, one->number % 2 == 0);
    struct hammer own = {.rounds = one->hammer->rounds};
    atomic_init(&own.heard, 0);
    atomic_init(&own.answered, 0);
    atomic_init(&own.results, 0);
    lab_pass(client, CLAW_EVENT_ATTACHED);
    for (unsigned round = 0; round < own.rounds; round++) {
        struct claw_letter letter = lab_letter(name, address, "to myself");
        lab_send(client, &letter, NULL);
    }
    while (atomic_load(&own.heard) < own.rounds || atomic_load(&own.answered) < own.rounds) {
        const struct claw_event *event = claw_next_event(client, WAIT_MS);
        NEED(event != NULL);
        take(&own, client, event);
    }
    NEED(claw_drain(client, WAIT_MS) == CLAW_OK && claw_free(client) == CLAW_OK);
    return NULL;
}

/* -- a loop of the program's, and other threads that call -------------------------------------- */

struct sleeper {
    claw_client *client;
    atomic_int is_over;
    pthread_mutex_t lock;
    pthread_cond_t news;
    unsigned heard; // receipts: with each the relay has said what it had to say
};

/* As an event loop does it. */
static void *
sleep_and_turn(void *ctx)
{
    struct sleeper *sleeper = ctx;
    struct pollfd fd = {.fd = claw_fd(sleeper->client), .events = POLLIN};
    const struct claw_event *event;
    while (!atomic_load(&sleeper->is_over)) {
        (void)poll(&fd, 1, (int)claw_deadline(sleeper->client));
        NEED(claw_turn(sleeper->client, 0) == CLAW_OK);
        while ((event = claw_next_event(sleeper->client, 0)) != NULL) {
            (void)pthread_mutex_lock(&sleeper->lock);
            sleeper->heard +=
                event->type == CLAW_EVENT_ATTACHED ||
                (event->type == CLAW_EVENT_RECEIPT && event->rung >= CLAW_RUNG_DELIVERED);
            (void)pthread_cond_broadcast(&sleeper->news);
            (void)pthread_mutex_unlock(&sleeper->lock);
            if (event->type == CLAW_EVENT_MESSAGE)
                NEED(claw_ack(sleeper->client, event->agent, event->id, 0, 0) == CLAW_OK);
            claw_event_free(sleeper->client, event);
        }
    }
    return NULL;
}

static void
wait_until_heard(struct sleeper *sleeper, unsigned number)
{
    (void)pthread_mutex_lock(&sleeper->lock);
    while (sleeper->heard < number)
        (void)pthread_cond_wait(&sleeper->news, &sleeper->lock);
    (void)pthread_mutex_unlock(&sleeper->lock);
}

/* Each call wakes the loop, which has nothing else to wake for. */
static void
call_while_it_sleeps(const char *url)
{
    struct sleeper sleeper = {.lock = PTHREAD_MUTEX_INITIALIZER, .news = PTHREAD_COND_INITIALIZER};
    pthread_t thread;
    sleeper.client = lab_client(url, "asleep", "otto", 0);
    atomic_init(&sleeper.is_over, 0);
    NEED(pthread_create(&thread, NULL, sleep_and_turn, &sleeper) == 0);
    wait_until_heard(&sleeper, 1);
    for (unsigned i = 0; i < CALLS; i++) {
        struct claw_letter letter = lab_letter("otto", "asleep/otto", "wake up");
        lab_send(sleeper.client, &letter, NULL);
        wait_until_heard(&sleeper, 2 + i);
    }
    atomic_store(&sleeper.is_over, 1);
    NEED(claw_hurry(sleeper.client) == CLAW_OK); // any call
    NEED(pthread_join(thread, NULL) == 0);
    NEED(claw_drain(sleeper.client, WAIT_MS) == CLAW_OK && claw_free(sleeper.client) == CLAW_OK);
}

static void
run_all(struct hammer *hammer, void *(*fn)(void *))
{
    struct one ones[THREADS];
    for (unsigned i = 0; i < THREADS; i++) {
        ones[i] = (struct one){hammer, i};
        NEED(pthread_create(&hammer->threads[i], NULL, fn, &ones[i]) == 0);
    }
    for (unsigned i = 0; i < THREADS; i++)
        NEED(pthread_join(hammer->threads[i], NULL) == 0);
}

void
lab_hammer(const char *url, unsigned rounds)
{
    struct hammer hammer = {.url = url, .rounds = rounds};
    char name[16];
    unsigned results = THREADS * ((rounds + 15) / 16);
    atomic_init(&hammer.heard, 0);
    atomic_init(&hammer.answered, 0);
    atomic_init(&hammer.results, 0);
    hammer.client = lab_client(url, "many", NULL, 1);
    lab_look_at(hammer.client);
    for (unsigned i = 0; i < THREADS; i++) {
        (void)snprintf(name, sizeof name, "a%u", i);
        NEED(claw_attach_name(hammer.client, name) == CLAW_OK);
    }
    for (unsigned i = 0; i < THREADS; i++)
        lab_pass(hammer.client, CLAW_EVENT_ATTACHED);
    run_all(&hammer, hammer_shared);
    while (atomic_load(&hammer.heard) < THREADS * rounds ||
           atomic_load(&hammer.answered) < THREADS * rounds ||
           atomic_load(&hammer.results) < results) {
        const struct claw_event *event = claw_next_event(hammer.client, WAIT_MS);
        NEED(event != NULL);
        take(&hammer, hammer.client, event);
    }
    NEED(claw_drain(hammer.client, WAIT_MS) == CLAW_OK && claw_free(hammer.client) == CLAW_OK);
    run_all(&hammer, hammer_alone);
    call_while_it_sleeps(url);
    printf("%u messages by %u threads\n", 2 * THREADS * rounds, THREADS);
}
