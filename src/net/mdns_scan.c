// SPDX-License-Identifier: MIT
#include "base/alloc.h"
#include "base/random.h"
#include "net/mdns.h"
#include "net/mdns_udp.h"

struct cl_mdns_scan {
    struct cl_loop *loop;
    struct cl_mdns_udp *udp;
    struct cl_mdns_browser *browsers[CL_MDNS_LINKS_MAX]; // NULL: no interface in that slot
    bool is_short;                                       // there was no memory for a browser
};

static void
on_link(void *ctx, size_t slot, const struct cl_mdns_link *link)
{
    struct cl_mdns_scan *scan = ctx;
    if (link == NULL) {
        cl_free(scan->browsers[slot]);
        scan->browsers[slot] = NULL;
    } else if (scan->browsers[slot] != NULL) {
        scan->browsers[slot]->link = *link; // what was heard stays
    } else {
        uint64_t seed;
        cl_random_bytes(&seed, sizeof seed);
        scan->browsers[slot] = cl_alloc(sizeof *scan->browsers[slot]);
        if (scan->browsers[slot] != NULL)
            cl_mdns_browser_init(scan->browsers[slot], link, seed, cl_loop_now(scan->loop));
        else
            scan->is_short = true;
    }
}

static void
on_packet(void *ctx, size_t slot, const struct cl_mdns_packet *packet)
{
    struct cl_mdns_scan *scan = ctx;
    if (scan->browsers[slot] != NULL)
        cl_mdns_browser_receive(scan->browsers[slot], packet, cl_loop_now(scan->loop));
}

static bool
send_one(void *ctx, size_t slot, cl_instant now, struct cl_mdns_datagram *ret_datagram)
{
    struct cl_mdns_browser *browser = ((struct cl_mdns_scan *)ctx)->browsers[slot];
    return browser != NULL && cl_mdns_browser_send(browser, now, ret_datagram);
}

static cl_instant
deadline(void *ctx, size_t slot)
{
    const struct cl_mdns_browser *browser = ((const struct cl_mdns_scan *)ctx)->browsers[slot];
    return browser != NULL ? cl_mdns_browser_deadline(browser) : CL_INSTANT_NEVER;
}

static const struct cl_mdns_udp_events events = {
    .on_link = on_link, .on_packet = on_packet, .send = send_one, .deadline = deadline};

enum cl_err
cl_mdns_scan_open(struct cl_loop *loop, struct cl_mdns_scan **ret_scan, struct cl_why *why)
{
    struct cl_mdns_scan *scan = cl_alloc(sizeof *scan);
    if (scan == NULL)
        return cl_fail(CL_ERR_NO_MEMORY, why, "out of memory");
    scan->loop = loop;
    enum cl_err err = cl_mdns_udp_open(loop, &events, scan, &scan->udp, why);
    if (err != CL_OK) {
        cl_free(scan);
        return err;
    }
    *ret_scan = scan;
    return CL_OK;
}

void
cl_mdns_scan_close(struct cl_mdns_scan *scan)
{
    if (scan == NULL)
        return;
    for (size_t slot = 0; slot < CL_MDNS_LINKS_MAX; slot++)
        cl_free(scan->browsers[slot]);
    cl_mdns_udp_close(scan->udp);
    cl_free(scan);
}

const struct cl_mdns_found *
cl_mdns_scan_next(const struct cl_mdns_scan *scan, const struct cl_mdns_found *after,
                  const struct cl_mdns_link **ret_link)
{
    bool is_behind = after == NULL;
    for (size_t slot = 0; slot < CL_MDNS_LINKS_MAX; slot++) {
        const struct cl_mdns_browser *browser = scan->browsers[slot];
        for (size_t i = 0; browser != NULL && i < CL_MDNS_FOUND_MAX; i++) {
            const struct cl_mdns_found *found = &browser->found[i];
            if (is_behind && found->is_used && cl_mdns_found_is_complete(found)) {
                *ret_link = &browser->link;
                return found;
            }
            is_behind = is_behind || found == after;
        }
    }
    return NULL;
}

bool
cl_mdns_scan_is_overflow(const struct cl_mdns_scan *scan)
{
    bool is_overflow = scan->is_short;
    for (size_t slot = 0; slot < CL_MDNS_LINKS_MAX; slot++)
        is_overflow |= scan->browsers[slot] != NULL && scan->browsers[slot]->is_overflow;
    return is_overflow;
}
