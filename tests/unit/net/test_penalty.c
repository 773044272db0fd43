// SPDX-License-Identifier: MIT
#include "net/penalty.h"

#include "support/test.h"

static struct cl_penalties penalties;
static const cl_hash_key hash_key = {{7}};

static cl_address
v4(uint8_t c, uint8_t d)
{
    return (cl_address){.ip = {[10] = 0xff, [11] = 0xff, [12] = 192, [13] = 0, [14] = c, [15] = d}};
}

static cl_address
v6(uint8_t network, uint8_t host)
{
    return (cl_address){.ip = {0x20, 0x01, 0x0d, 0xb8, [7] = network, [15] = host}};
}

static cl_instant
at(int64_t ms)
{
    return (cl_instant){ms};
}

TEST(each_wrong_token_adds_its_time)
{
    cl_address peer = v4(2, 1);
    cl_penalties_init(&penalties, &hash_key);
    CHECK_INT(cl_penalties_left(&penalties, &peer, at(1000)), 0);
    cl_penalties_add(&penalties, &peer, at(1000));
    CHECK_INT(cl_penalties_left(&penalties, &peer, at(1000)), CL_NET_PENALTY_MS);
    cl_penalties_add(&penalties, &peer, at(2000));
    CHECK_INT(cl_penalties_left(&penalties, &peer, at(2000)), 2 * CL_NET_PENALTY_MS - 1000);
    CHECK_INT(cl_penalties_left(&penalties, &peer, at(1000 + 2 * CL_NET_PENALTY_MS)), 0);
}

TEST(a_penalty_has_an_end)
{
    cl_address peer = v4(2, 1);
    cl_penalties_init(&penalties, &hash_key);
    for (int i = 0; i < 1000; i++)
        cl_penalties_add(&penalties, &peer, at(1000));
    CHECK_INT(cl_penalties_left(&penalties, &peer, at(1000)), CL_NET_PENALTY_MS_MAX);
    CHECK_INT(cl_penalties_left(&penalties, &peer, at(1000 + CL_NET_PENALTY_MS_MAX)), 0);
}

TEST(others_do_not_wait)
{
    cl_address peer = v4(2, 1), other = v4(2, 2);
    cl_penalties_init(&penalties, &hash_key);
    cl_penalties_add(&penalties, &peer, at(0));
    CHECK_INT(cl_penalties_left(&penalties, &other, at(0)), 0);
    CHECK_INT(cl_penalties_count(&penalties, at(0)), 1);
    CHECK_INT(cl_penalties_count(&penalties, at(CL_NET_PENALTY_MS)), 0);
}

TEST(one_ipv6_network_waits_as_one)
{
    cl_address peer = v6(7, 1), neighbour = v6(7, 2), other = v6(8, 1);
    cl_penalties_init(&penalties, &hash_key);
    cl_penalties_add(&penalties, &peer, at(0));
    CHECK_INT(cl_penalties_left(&penalties, &neighbour, at(0)), CL_NET_PENALTY_MS);
    CHECK_INT(cl_penalties_left(&penalties, &other, at(0)), 0);
}

TEST(loopback_never_waits)
{
    cl_address four = {.ip = {[10] = 0xff, [11] = 0xff, [12] = 127, [15] = 1}};
    cl_address six = {.ip = {[15] = 1}};
    cl_penalties_init(&penalties, &hash_key);
    cl_penalties_add(&penalties, &four, at(0));
    cl_penalties_add(&penalties, &six, at(0));
    CHECK_INT(cl_penalties_left(&penalties, &four, at(0)), 0);
    CHECK_INT(cl_penalties_left(&penalties, &six, at(0)), 0);
    CHECK_INT(cl_penalties_count(&penalties, at(0)), 0);
}

TEST(networks_without_number_take_no_more_memory_and_the_longest_penalties_stay)
{
    cl_address stubborn = v4(200, 1);
    cl_penalties_init(&penalties, &hash_key);
    for (int i = 0; i < 100; i++)
        cl_penalties_add(&penalties, &stubborn, at(0));
    for (unsigned i = 0; i < 100000; i++) {
        cl_address peer = v4((uint8_t)(i >> 8 & 0x7f), (uint8_t)i);
        peer.ip[13] = (uint8_t)(i >> 15);
        cl_penalties_add(&penalties, &peer, at(0));
    }
    CHECK(cl_penalties_count(&penalties, at(0)) <= CL_NET_PENALTIES_MAX);
    CHECK(cl_penalties_left(&penalties, &stubborn, at(0)) > CL_NET_PENALTY_DEAF_MS);
}
