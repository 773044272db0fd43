// SPDX-License-Identifier: MIT
/*
 * bench/client/nats.c - cnats, the C library of NATS: as `nats`, core NATS, which acknowledges
 * nothing; as `jetstream` with an answer for each message that was published and an acknowledgement
 * of each that was received, which drops it from its stream, in memory. Two connections with the
 * threads that the library gives them.
 */
#include <nats/nats.h>
#include <stdio.h>

#include "bench/client/client.h"
#include "bench/gen/gen.h"

#define SUBJECT "bench.r"

static natsConnection *sender, *receiver;
static natsSubscription *subscription;
static jsCtx *sending, *receiving;

static void
check(natsStatus status)
{
    const char *why;
    if (status == NATS_OK)
        return;
    why = nats_GetLastError(NULL);
    die("%s: %s", natsStatus_GetText(status), why == NULL ? "" : why);
}

static void
on_message(natsConnection *connection, natsSubscription *its, natsMsg *message, void *closure)
{
    (void)connection;
    (void)its;
    (void)closure;
    came(natsMsg_GetData(message), (size_t)natsMsg_GetDataLength(message));
    if (receiving != NULL)
        check(natsMsg_Ack(message, NULL));
    natsMsg_Destroy(message);
}

static void
connect_both(unsigned port)
{
    char url[64];
    (void)snprintf(url, sizeof url, "nats://127.0.0.1:%u", port);
    check(natsConnection_ConnectTo(&sender, url));
    check(natsConnection_ConnectTo(&receiver, url));
}

static void
open_core(unsigned port, unsigned in_flight)
{
    (void)in_flight;
    connect_both(port);
    check(natsConnection_Subscribe(&subscription, receiver, SUBJECT, on_message, NULL));
    check(natsConnection_Flush(receiver)); // the server has heard of it
}

static void
send_core(const char *message, size_t len)
{
    check(natsConnection_Publish(sender, SUBJECT, message, (int)len));
}

static void
close_both(void)
{
    check(natsConnection_Flush(receiver));
    natsSubscription_Destroy(subscription);
    natsConnection_Destroy(sender);
    natsConnection_Destroy(receiver);
    nats_Close();
}

/* -- with acknowledgements -------------------------------------------------------------------- */

static void
on_refused(jsCtx *js, jsPubAckErr *why, void *closure)
{
    (void)js;
    (void)closure;
    die("%s: %s", natsStatus_GetText(why->Err), why->ErrText == NULL ? "" : why->ErrText);
}

static void
open_jetstream(unsigned port, unsigned in_flight)
{
    jsOptions options;
    jsStreamConfig stream;
    jsSubOptions how;
    const char *subjects[] = {SUBJECT};
    connect_both(port);
    check(jsOptions_Init(&options));
    options.PublishAsync.ErrHandler = on_refused;
    check(natsConnection_JetStream(&sending, sender, &options));
    check(natsConnection_JetStream(&receiving, receiver, NULL));
    check(jsStreamConfig_Init(&stream));
    stream.Name = "bench";
    stream.Subjects = subjects;
    stream.SubjectsLen = 1;
    stream.Storage = js_MemoryStorage;
    stream.Retention = js_WorkQueuePolicy;
    check(js_AddStream(NULL, receiving, &stream, NULL, NULL));
    check(jsSubOptions_Init(&how));
    how.ManualAck = true;
    how.Config.AckPolicy = js_AckExplicit;
    how.Config.MaxAckPending = in_flight;
    check(js_Subscribe(&subscription, receiving, SUBJECT, on_message, NULL, NULL, &how, NULL));
}

static void
send_jetstream(const char *message, size_t len)
{
    check(js_PublishAsync(sending, SUBJECT, message, (int)len, NULL));
}

static void
close_jetstream(void)
{
    jsPubOptions options;
    check(jsPubOptions_Init(&options));
    options.MaxWait = INT64_C(1000) * GEN_REPLY_SECONDS;
    check(js_PublishAsyncComplete(sending, &options));
    check(natsConnection_Flush(receiver));
    jsCtx_Destroy(sending);
    jsCtx_Destroy(receiving);
    close_both();
}

const struct way ways[] = {{"nats", open_core, send_core, close_both},
                           {"jetstream", open_jetstream, send_jetstream, close_jetstream},
                           {0}};
