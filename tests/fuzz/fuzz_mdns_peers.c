// SPDX-License-Identifier: MIT
/*
 * A responder and a browser among hostile neighbours. The input is a row of datagrams, each behind
 * four bytes: who sends it, how much time passes (in 8 ms), and its length. Whatever comes, what
 * goes out is a message within its limits, time moves on, and no datagram leads to many.
 */
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "net/mdns_browser.h"
#include "net/mdns_responder.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Who sends: a bit each. */
enum { OWN = 1, PLAIN_RESOLVER = 2, V6 = 4 };

static struct cl_mdns_responder responder;
static struct cl_mdns_browser browser;

static struct cl_mdns_link
make_link(void)
{
    static const cl_address v4 = {.ip = {[10] = 0xff, 0xff, 10, 0, 0, 5}};
    static const cl_address v6 = {.ip = {0xfe, 0x80, [15] = 5}};
    struct cl_mdns_link link = {.index = 3, .name = "eth0", .addresses_len = 2};
    link.addresses[0] = (struct cl_mdns_address){v4, 120, true};
    link.addresses[1] = (struct cl_mdns_address){v6, 64, true};
    return link;
}

static void
check_out(const struct cl_mdns_datagram *datagram)
{
    struct cl_mdns_reader reader;
    CL_ASSERT(datagram->len <= sizeof datagram->bytes);
    CL_ASSERT(cl_mdns_open(cl_str_of(datagram->bytes, datagram->len), &reader) == CL_OK);
    CL_ASSERT(datagram->to.port != 0 || datagram->families[CL_MDNS_V4] ||
              datagram->families[CL_MDNS_V6]);
}

/* Everything that is due; afterwards the next is not. */
static void
pump(cl_instant now)
{
    struct cl_mdns_datagram datagram;
    unsigned count = 0;
    for (; cl_mdns_responder_send(&responder, now, &datagram); count++)
        check_out(&datagram);
    for (; cl_mdns_browser_send(&browser, now, &datagram); count++)
        check_out(&datagram);
    CL_ASSERT(count <= CL_MDNS_JOBS_MAX + 8);
    CL_ASSERT(cl_mdns_responder_deadline(&responder).ms > now.ms);
    CL_ASSERT(cl_mdns_browser_deadline(&browser).ms > now.ms);
}

static void
pass(cl_instant *now, int64_t ms)
{
    cl_instant end = cl_instant_add(*now, ms);
    for (;;) {
        pump(*now);
        cl_instant next = cl_instant_earlier(cl_mdns_responder_deadline(&responder),
                                             cl_mdns_browser_deadline(&browser));
        if (next.ms > end.ms)
            break;
        *now = next;
    }
    *now = end;
}

static void
receive(uint8_t who, cl_str bytes, cl_instant now)
{
    // A block of exactly that size, so that a byte beyond it is seen.
    char *block = malloc(bytes.len + 1);
    struct cl_mdns_link link = make_link();
    struct cl_mdns_packet packet = {.from = link.addresses[(who & V6) != 0].address,
                                    .family = (who & V6) != 0 ? CL_MDNS_V6 : CL_MDNS_V4};
    CL_ASSERT(block != NULL);
    memcpy(block + 1, bytes.ptr, bytes.len);
    packet.bytes = cl_str_of(block + 1, bytes.len);
    packet.from.port = (who & PLAIN_RESOLVER) != 0 ? 40000 : CL_MDNS_PORT;
    packet.from.ip[15] = (who & OWN) != 0 ? 5 : (uint8_t)(6 + who / 8);
    cl_err_ignore(cl_mdns_responder_receive(&responder, &packet, now));
    cl_mdns_browser_receive(&browser, &packet, now);
    free(block);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct cl_mdns_record txt = {0};
    struct cl_mdns_link link = make_link();
    cl_instant now = {1000};
    cl_mdns_set_txt(&txt);
    const struct cl_mdns_service service = {CL_STR("ClawLink Relay (box)"), CL_STR("box-clawlink"),
                                            9077, &txt};
    CL_ASSERT(cl_mdns_responder_init(&responder, &service, 1) == CL_OK);
    cl_mdns_responder_up(&responder, &link, now);
    cl_mdns_browser_init(&browser, &link, 2, now);
    while (size >= 4) {
        size_t len = (size_t)data[2] << 8 | data[3];
        len = len > size - 4 ? size - 4 : len;
        pass(&now, (int64_t)data[1] * 8);
        receive(data[0], cl_str_of(data + 4, len), now);
        data += 4 + len;
        size -= 4 + len;
    }
    pass(&now, 5000);
    return 0;
}
