// SPDX-License-Identifier: MIT
#include "net/gate.h"

#include "support/test.h"

static cl_address
v4(uint8_t a, uint8_t b, uint8_t c, uint8_t d)
{
    return (cl_address){.ip = {[10] = 0xff, [11] = 0xff, [12] = a, [13] = b, [14] = c, [15] = d}};
}

static struct cl_gate gate;
static struct cl_gate_pass passes[2000];

/* So many enter from there; returns how many got a place outside the reserve. */
static size_t
enter_many(cl_address peer, struct cl_gate_pass *into, size_t count)
{
    size_t inside = 0;
    for (size_t at = 0; at < count; at++) {
        into[at] = (struct cl_gate_pass){0};
        if (cl_gate_enter(&gate, &peer, &into[at]) == CL_OK && !into[at].is_reserve)
            inside++;
    }
    return inside;
}

TEST(strangers_of_one_address_are_capped)
{
    cl_gate_init(&gate, 1000);
    CHECK_INT(enter_many(v4(192, 0, 2, 1), passes, 40), CL_NET_STRANGERS_PER_ADDRESS_MAX);
    CHECK_INT(enter_many(v4(192, 0, 2, 2), passes + 40, 1), 1);
}

TEST(strangers_in_all_are_capped)
{
    size_t inside = 0;
    cl_gate_init(&gate, 10000);
    for (uint8_t host = 0; host < 20; host++)
        inside += enter_many(v4(192, 0, 2, host), passes + host * 20, 20);
    CHECK_INT(inside, CL_NET_STRANGERS_MAX);
}

TEST(loopback_is_not_counted_as_strange)
{
    cl_gate_init(&gate, 1000);
    CHECK_INT(enter_many(v4(127, 0, 0, 1), passes, 900), 900);
    CHECK_INT(gate.strangers, 0);
    cl_address six = {.ip = {[15] = 1}};
    CHECK_INT(enter_many(six, passes + 900, 50), 50);
    CHECK_INT(gate.strangers, 0);
}

TEST(who_shows_the_token_makes_room_for_another_stranger)
{
    cl_address peer = v4(192, 0, 2, 1);
    cl_gate_init(&gate, 1000);
    CHECK_INT(enter_many(peer, passes, CL_NET_STRANGERS_PER_ADDRESS_MAX),
              CL_NET_STRANGERS_PER_ADDRESS_MAX);
    cl_gate_known(&passes[0]);
    cl_gate_known(&passes[0]);
    CHECK_INT(enter_many(peer, passes + 100, 2), 1);
}

TEST(who_leaves_makes_room)
{
    cl_address peer = v4(192, 0, 2, 1);
    cl_gate_init(&gate, 2);
    CHECK_INT(enter_many(peer, passes, 2), 2);
    cl_gate_leave(&passes[0]);
    cl_gate_leave(&passes[0]);
    CHECK_INT(enter_many(peer, passes + 10, 2), 1);
}

TEST(over_the_cap_there_is_a_small_reserve_and_then_nothing)
{
    cl_address peer = v4(127, 0, 0, 1);
    cl_gate_init(&gate, 3);
    CHECK_INT(enter_many(peer, passes, 3 + CL_NET_HEALTH_RESERVE), 3);
    struct cl_gate_pass none = {0};
    CHECK_INT(cl_gate_enter(&gate, &peer, &none), CL_ERR_TOO_MANY);
    CHECK(none.gate == NULL);
    cl_gate_leave(&passes[3]);
    CHECK_OK(cl_gate_enter(&gate, &peer, &none));
    CHECK(none.is_reserve);
}

TEST(when_all_have_left_nothing_is_counted)
{
    cl_gate_init(&gate, 300);
    for (uint8_t host = 0; host < 20; host++)
        enter_many(v4(192, 0, 2, host), passes + host * 20, 20);
    for (size_t at = 0; at < 400; at++)
        cl_gate_leave(&passes[at]);
    CHECK_INT(gate.connections, 0);
    CHECK_INT(gate.strangers, 0);
    CHECK_INT(gate.reserve, 0);
}

TEST(one_ipv6_network_is_one_stranger_however_many_addresses_it_has)
{
    size_t inside = 0;
    cl_gate_init(&gate, 1000);
    for (uint8_t host = 0; host < 50; host++) {
        cl_address peer = {.ip = {0x20, 0x01, 0x0d, 0xb8, 0, 0, 0, 7, [15] = host}};
        inside += enter_many(peer, passes + host, 1);
    }
    CHECK_INT(inside, CL_NET_STRANGERS_PER_ADDRESS_MAX);
}

TEST(without_a_number_the_cap_follows_the_descriptors)
{
    cl_gate_init(&gate, 0);
    CHECK(gate.connections_max >= 1);
    CHECK(gate.connections_max < cl_gate_raise_descriptors());
}
