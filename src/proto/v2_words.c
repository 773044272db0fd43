// SPDX-License-Identifier: MIT
#include "proto/v2_words.h"

#define X(NAME, word) CL_STR_INIT(word),
const cl_str cl_v2_rungs[CL_RUNG_COUNT] = {
    [CL_RUNG_ACCEPTED] = CL_STR_INIT("accepted"),
    [CL_RUNG_DELIVERED] = CL_STR_INIT("delivered"),
    [CL_RUNG_INJECTED] = CL_STR_INIT("injected"),
    [CL_RUNG_SEEN] = CL_STR_INIT("seen"),
    [CL_RUNG_IN_PROGRESS] = CL_STR_INIT("in_progress"),
};
const cl_str cl_v2_outcomes[CL_V2_OUTCOME_COUNT] = {CL_V2_OUTCOME_MAP(X)};
const cl_str cl_v2_proofs[CL_V2_PROOF_COUNT] = {CL_V2_PROOF_MAP(X)};
const cl_str cl_v2_trusts[CL_V2_TRUST_COUNT] = {CL_V2_TRUST_MAP(X)};
const cl_str cl_v2_durabilities[CL_V2_DURABILITY_COUNT] = {CL_V2_DURABILITY_MAP(X)};
const cl_str cl_v2_presences[CL_V2_PRESENCE_COUNT] = {CL_V2_PRESENCE_MAP(X)};
const cl_str cl_v2_secrets[CL_V2_SECRET_COUNT] = {CL_V2_SECRET_MAP(X)};
#undef X

uint8_t
cl_v2_word_find(const cl_str *words, unsigned first, unsigned end, cl_str word)
{
    unsigned i = first;
    while (i < end && !cl_str_eq(words[i], word))
        i++;
    return (uint8_t)i;
}
