// SPDX-License-Identifier: MIT
/*
 * tests/fuzz/sum.h - a sum (FNV-1a) over what was seen: bytes may come in any cut.
 */
#ifndef TESTS_FUZZ_SUM_H
#define TESTS_FUZZ_SUM_H

#include "base/str.h"

static inline uint64_t
sum_bytes(uint64_t sum, cl_str bytes)
{
    for (size_t i = 0; i < bytes.len; i++)
        sum = (sum ^ (uint8_t)bytes.ptr[i]) * UINT64_C(1099511628211);
    return sum;
}

static inline uint64_t
sum_number(uint64_t sum, uint64_t number)
{
    return sum_bytes(sum, cl_str_of(&number, sizeof number));
}

#endif
