// SPDX-License-Identifier: MIT
#include <string.h>

#include "base/alloc.h"
#include "base/random.h"
#include "net/mdns.h"
#include "net/mdns_private.h"
#include "net/mdns_udp.h"

struct cl_mdns_advert {
    struct cl_loop *loop;
    struct cl_mdns_advert_config config;
    struct cl_mdns_udp *udp;
    bool is_public_told;
    bool is_silenced;
    struct cl_mdns_responder blank;                          // of which each interface has a copy
    struct cl_mdns_responder *responders[CL_MDNS_LINKS_MAX]; // NULL: no interface in that slot
    bool is_on[CL_MDNS_LINKS_MAX];                           // that was told
};

/* -- which machine, which address -------------------------------------------------------------- */

bool
cl_mdns_is_offered(const cl_address *listening, const cl_address *own)
{
    static const uint8_t every6[16] = {0};
    static const uint8_t every4[16] = {[10] = 0xff, [11] = 0xff};
    if (memcmp(listening->ip, every6, sizeof every6) == 0)
        return true; // takes IPv4 as well (net/tcp.h)
    if (memcmp(listening->ip, every4, sizeof every4) == 0)
        return cl_address_is_v4(own);
    return memcmp(listening->ip, own->ip, sizeof own->ip) == 0;
}

/* -- what the responders have to say ----------------------------------------------------------- */

static void
tell(struct cl_mdns_advert *advert, size_t slot)
{
    const struct cl_mdns_responder *responder = advert->responders[slot];
    bool is_on = responder != NULL && responder->state == CL_MDNS_UP;
    bool is_off = responder == NULL || responder->state == CL_MDNS_DOWN;
    if (is_on ? advert->is_on[slot] : !is_off || !advert->is_on[slot])
        return;
    const struct cl_mdns_link *link = cl_mdns_udp_link(advert->udp, slot);
    advert->is_on[slot] = is_on;
    advert->config.on_news(advert->config.ctx, is_on ? CL_MDNS_NEWS_ON : CL_MDNS_NEWS_OFF,
                           cl_str_z(link != NULL ? link->name : NULL),
                           is_on ? cl_mdns_name_first(&responder->instance) : CL_STR(""));
}

static void
say_goodbye(struct cl_mdns_advert *advert, size_t slot)
{
    struct cl_mdns_datagram datagram;
    if (advert->responders[slot] != NULL &&
        cl_mdns_responder_goodbye(advert->responders[slot], &datagram))
        cl_mdns_udp_send(advert->udp, slot, &datagram);
}

/* NULL: nothing is said there. */
static void
place(struct cl_mdns_advert *advert, size_t slot, const struct cl_mdns_link *link)
{
    struct cl_mdns_responder *responder = advert->responders[slot];
    say_goodbye(advert, slot);
    if (link == NULL) {
        cl_free(responder);
        advert->responders[slot] = NULL;
        tell(advert, slot);
        return;
    }
    if (responder == NULL) {
        responder = cl_alloc(sizeof *responder);
        if (responder == NULL)
            return; // not known there; the relay itself goes on
        *responder = advert->blank;
        cl_random_bytes(&responder->dice, sizeof responder->dice);
        advert->responders[slot] = responder;
    }
    struct cl_mdns_link offered = *link;
    for (size_t i = 0; i < offered.addresses_len; i++)
        offered.addresses[i].is_offered =
            cl_mdns_is_offered(&advert->config.listening, &offered.addresses[i].address);
    cl_mdns_responder_up(responder, &offered, cl_loop_now(advert->loop));
    advert->is_on[slot] = false;
}

/* One public address silences all interfaces. */
static void
on_look(void *ctx, bool is_public)
{
    struct cl_mdns_advert *advert = ctx;
    bool is_silenced = is_public && !advert->config.is_forced;
    if (is_silenced && !advert->is_public_told) {
        advert->config.on_news(advert->config.ctx, CL_MDNS_NEWS_PUBLIC, CL_STR(""), CL_STR(""));
        advert->is_public_told = true;
    }
    if (is_silenced == advert->is_silenced)
        return;
    advert->is_silenced = is_silenced;
    for (size_t slot = 0; slot < CL_MDNS_LINKS_MAX; slot++)
        place(advert, slot, is_silenced ? NULL : cl_mdns_udp_link(advert->udp, slot));
}

static void
on_link(void *ctx, size_t slot, const struct cl_mdns_link *link)
{
    struct cl_mdns_advert *advert = ctx;
    place(advert, slot, advert->is_silenced ? NULL : link);
}

static void
count(struct cl_counts *counts, enum cl_err err)
{
    if (err == CL_ERR_FORBIDDEN)
        counts->of[CL_COUNT_MDNS_FAR]++;
    else if (err == CL_ERR_TOO_LARGE)
        counts->of[CL_COUNT_MDNS_CROWDED]++;
    else if (err != CL_OK)
        counts->of[CL_COUNT_MDNS_BROKEN]++;
}

static void
on_packet(void *ctx, size_t slot, const struct cl_mdns_packet *packet)
{
    struct cl_mdns_advert *advert = ctx;
    struct cl_mdns_responder *responder = advert->responders[slot];
    if (responder == NULL)
        return;
    enum cl_mdns_state before = responder->state;
    count(cl_loop_counts(advert->loop),
          cl_mdns_responder_receive(responder, packet, cl_loop_now(advert->loop)));
    if (before == CL_MDNS_UP && responder->state != CL_MDNS_UP)
        advert->is_on[slot] = false; // its new name is told
}

static bool
send_one(void *ctx, size_t slot, cl_instant now, struct cl_mdns_datagram *ret_datagram)
{
    struct cl_mdns_advert *advert = ctx;
    struct cl_mdns_responder *responder = advert->responders[slot];
    if (responder != NULL && cl_mdns_responder_send(responder, now, ret_datagram))
        return true;
    tell(advert, slot);
    return false;
}

static cl_instant
deadline(void *ctx, size_t slot)
{
    const struct cl_mdns_advert *advert = ctx;
    const struct cl_mdns_responder *responder = advert->responders[slot];
    return responder != NULL ? cl_mdns_responder_deadline(responder) : CL_INSTANT_NEVER;
}

/* -- open and close ---------------------------------------------------------------------------- */

static const struct cl_mdns_udp_events events = {.on_look = on_look,
                                                 .on_link = on_link,
                                                 .on_packet = on_packet,
                                                 .send = send_one,
                                                 .deadline = deadline};

enum cl_err
cl_mdns_advert_open(struct cl_loop *loop, const struct cl_mdns_advert_config *config,
                    struct cl_mdns_advert **ret_advert, struct cl_why *why)
{
    struct cl_mdns_advert *advert = cl_alloc(sizeof *advert);
    if (advert == NULL)
        return cl_fail(CL_ERR_NO_MEMORY, why, "out of memory");
    advert->loop = loop;
    advert->config = *config;
    enum cl_err err = cl_mdns_responder_init(&advert->blank, &config->service, 0);
    if (err != CL_OK)
        err = cl_fail(err, why, "the relay's name must have a character");
    else
        err = cl_mdns_udp_open(loop, &events, advert, &advert->udp, why);
    if (err != CL_OK) {
        cl_free(advert);
        return err;
    }
    *ret_advert = advert;
    return CL_OK;
}

void
cl_mdns_advert_close(struct cl_mdns_advert *advert)
{
    if (advert == NULL)
        return;
    for (size_t slot = 0; slot < CL_MDNS_LINKS_MAX; slot++) {
        say_goodbye(advert, slot);
        cl_free(advert->responders[slot]);
    }
    cl_mdns_udp_close(advert->udp);
    cl_free(advert);
}
