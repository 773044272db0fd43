// SPDX-License-Identifier: MIT
#include "client/scan.h"

#include <stdio.h>
#include <string.h>

#include "base/list.h"
#include "net/mdns.h"

/* All texts of all relays: each has a TXT record and little besides. */
#define TEXTS_BYTES_MAX CL_MIB
#define TEXT_CAP        128
#define PIN_BYTES_MAX   128
#define PIN_START       "sha256:"

/* -- one relay --------------------------------------------------------------------------------- */

/* Which address a URL had best name: the lower the better; 0: none can. */
static int
rank(const cl_address *address)
{
    if (cl_mdns_is_link_local(address))
        return cl_address_is_v4(address) ? 3 : 0; // of IPv6 it would need the interface
    return cl_address_is_v4(address) ? 1 : 2;
}

static bool
put_addresses(struct cl_arena *arena, const struct cl_mdns_found *found, const char *interface,
              struct cl_seen *seen)
{
    bool is_good = true;
    for (size_t i = 0; i < found->addresses_len; i++) {
        const cl_address *address = &found->addresses[i].address;
        char ip[CL_ADDRESS_TEXT_CAP], text[TEXT_CAP];
        cl_address_ip_text(address, ip);
        bool has_zone = cl_mdns_is_link_local(address) && !cl_address_is_v4(address);
        (void)snprintf(text, sizeof text, "%s%s%s", ip, has_zone ? "%" : "",
                       has_zone ? interface : "");
        is_good = is_good &&
                  cl_arena_copy(arena, cl_str_z(text), &seen->addresses[seen->addresses_len++]);
    }
    return is_good;
}

static bool
put_url(struct cl_arena *arena, const struct cl_mdns_found *found, struct cl_seen *seen)
{
    const cl_address *best = NULL;
    for (size_t i = 0; i < found->addresses_len; i++) {
        const cl_address *address = &found->addresses[i].address;
        if (rank(address) != 0 && (best == NULL || rank(address) < rank(best)))
            best = address;
    }
    if (best == NULL || found->port == 0)
        return true;
    cl_address address = *best;
    char authority[CL_ADDRESS_TEXT_CAP], text[TEXT_CAP];
    address.port = found->port;
    cl_address_text(&address, authority);
    (void)snprintf(text, sizeof text, "%s://%s", seen->is_tls ? "https" : "http", authority);
    return cl_arena_copy(arena, cl_str_z(text), &seen->url);
}

/* It is shown in a command that people paste, so anything else than a pin is none. */
static cl_str
pin_in(cl_str txt)
{
    static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
                                  "0123456789+/=_-";
    cl_str pin = CL_STR("");
    if (!cl_mdns_txt_find(txt, CL_STR("pin"), &pin) || pin.len > PIN_BYTES_MAX ||
        !cl_str_starts(pin, CL_STR(PIN_START)))
        return CL_STR("");
    for (size_t i = sizeof PIN_START - 1; i < pin.len; i++)
        if (pin.ptr[i] == '\0' || strchr(letters, pin.ptr[i]) == NULL)
            return CL_STR("");
    return pin;
}

static bool
put_member(struct cl_arena *arena, cl_str txt, const char *key, cl_str *ret_text)
{
    cl_str value = CL_STR("");
    (void)cl_mdns_txt_find(txt, cl_str_z(key), &value);
    return cl_arena_copy(arena, value, ret_text);
}

static bool
describe(struct cl_arena *arena, const struct cl_mdns_found *found, const struct cl_mdns_link *link,
         struct cl_seen *seen)
{
    char from[CL_ADDRESS_TEXT_CAP];
    cl_str txt = cl_str_of(found->txt, found->txt_len), tls = CL_STR("");
    cl_address_ip_text(&found->from, from);
    (void)cl_mdns_txt_find(txt, CL_STR("tls"), &tls);
    seen->is_tls = cl_str_eq(tls, CL_STR("1"));
    seen->is_contradictory = found->is_contradictory;
    seen->port = found->port;
    return cl_arena_copy(arena, cl_mdns_name_first(&found->instance), &seen->name) &&
           put_member(arena, txt, "hostname", &seen->machine) &&
           put_member(arena, txt, "version", &seen->version) &&
           put_member(arena, txt, "auth", &seen->auth) &&
           cl_arena_copy(arena, pin_in(txt), &seen->pin) &&
           cl_arena_copy(arena, cl_str_z(from), &seen->from) &&
           cl_arena_copy(arena, cl_str_z(link->name), &seen->interface) &&
           put_addresses(arena, found, link->name, seen) && put_url(arena, found, seen);
}

/* -- the list ---------------------------------------------------------------------------------- */

static bool
has_address(const struct cl_mdns_found *found, const cl_address *address)
{
    for (size_t i = 0; i < found->addresses_len; i++)
        if (memcmp(found->addresses[i].address.ip, address->ip, sizeof address->ip) == 0)
            return true;
    return false;
}

/* One relay heard over both families, or on two interfaces of ours, says the same each time; what
 * differs in anything is another. */
static bool
is_same(const struct cl_mdns_found *a, const struct cl_mdns_found *b)
{
    if (!cl_mdns_name_eq(&a->instance, &b->instance) || !cl_mdns_name_eq(&a->host, &b->host) ||
        a->port != b->port || a->addresses_len != b->addresses_len ||
        a->is_contradictory != b->is_contradictory ||
        !cl_str_eq(cl_str_of(a->txt, a->txt_len), cl_str_of(b->txt, b->txt_len)))
        return false;
    for (size_t i = 0; i < a->addresses_len; i++)
        if (!has_address(b, &a->addresses[i].address))
            return false;
    return true;
}

static bool
is_known(const struct cl_mdns_scan *scan, const struct cl_mdns_found *found)
{
    const struct cl_mdns_link *link;
    const struct cl_mdns_found *before = NULL;
    while ((before = cl_mdns_scan_next(scan, before, &link)) != found)
        if (is_same(before, found))
            return true;
    return false;
}

static enum cl_err
collect(const struct cl_mdns_scan *scan, struct cl_seen_list *list)
{
    const struct cl_mdns_link *link;
    const struct cl_mdns_found *found = NULL;
    size_t cap = 0;
    while ((found = cl_mdns_scan_next(scan, found, &link)) != NULL)
        cap++;
    struct cl_seen *relays = cl_arena_alloc(&list->arena, cap * sizeof *relays);
    if (relays == NULL)
        return CL_ERR_NO_MEMORY;
    list->relays = relays;
    while ((found = cl_mdns_scan_next(scan, found, &link)) != NULL) {
        if (is_known(scan, found))
            continue;
        if (!describe(&list->arena, found, link, &relays[list->len]))
            return CL_ERR_NO_MEMORY;
        list->len++;
    }
    list->is_overflow = cl_mdns_scan_is_overflow(scan);
    return CL_OK;
}

/* -- scanning ---------------------------------------------------------------------------------- */

struct end {
    struct cl_timer timer;
    struct cl_loop *loop;
};

static void
on_end(struct cl_timer *timer)
{
    cl_loop_stop(CL_LIST_ENTRY(timer, struct end, timer)->loop);
}

enum cl_err
cl_scan(uint32_t ms, struct cl_seen_list *list, struct cl_why *why)
{
    struct end end = {0};
    struct cl_mdns_scan *scan = NULL;
    *list = (struct cl_seen_list){0};
    cl_arena_init(&list->arena, TEXTS_BYTES_MAX);
    enum cl_err err = cl_loop_new(&end.loop);
    if (err != CL_OK)
        return cl_fail(err, why, "The event loop cannot start: %s.", cl_err_wire(err));
    struct cl_why reason;
    err = cl_mdns_scan_open(end.loop, &scan, &reason);
    if (err == CL_OK) {
        cl_timer_init(&end.timer, on_end);
        cl_loop_turn(end.loop, false); // so that the loop's time is now
        cl_loop_timer_start(end.loop, &end.timer, cl_instant_add(cl_loop_now(end.loop), ms));
        cl_loop_run(end.loop);
        err = collect(scan, list);
        if (err != CL_OK)
            err = cl_fail(err, why, "Out of memory.");
    } else {
        err = cl_fail(err, why, "Cannot search the local network: %.300s.", reason.text);
    }
    cl_mdns_scan_close(scan);
    cl_loop_free(end.loop);
    return err;
}

void
cl_seen_done(struct cl_seen_list *list)
{
    cl_arena_done(&list->arena);
    *list = (struct cl_seen_list){0};
}
