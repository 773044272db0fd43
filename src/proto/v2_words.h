// SPDX-License-Identifier: MIT
/*
 * proto/v2_words.h - the closed lists of words in protocol v2 (docs/protocol/v2.md).
 *
 * Each list is an enum and its words, in the same order. An empty word is never on the wire.
 */
#ifndef CL_PROTO_V2_WORDS_H
#define CL_PROTO_V2_WORDS_H

#include "base/str.h"
#include "core/types.h"

// clang-format off
/* Of enum cl_rung: accepted, delivered, ... */
extern const cl_str cl_v2_rungs[CL_RUNG_COUNT];

/* How a message ended. */
#define CL_V2_OUTCOME_MAP(X)                                       \
    X(NONE, "") X(COMPLETED, "completed") X(FAILED, "failed") X(REJECTED, "rejected") \
    X(CANCELED, "canceled") X(EXPIRED, "expired") X(DEAD, "dead")
/* What a rung is known by. */
#define CL_V2_PROOF_MAP(X)                                         \
    X(NONE, "") X(COMMIT, "commit") X(SPOOL, "spool") X(ACK, "ack") X(PONG, "pong") \
    X(TCP, "tcp") X(TRANSCRIPT, "transcript")
/* How well the sender of a message is known. */
#define CL_V2_TRUST_MAP(X)                                         \
    X(RELAY, "relay") X(GROUP, "group") X(TOFU, "tofu") X(KEY, "key")
/* Of what kind a commit is. */
#define CL_V2_DURABILITY_MAP(X)                                    \
    X(MEMORY, "memory") X(DISK, "disk") X(CLUSTER, "cluster")
/* Was the agent heard of lately? */
#define CL_V2_PRESENCE_MAP(X)                                      \
    X(ONLINE, "online") X(STALE, "stale")
/* Whose is the secret by which a connection was let in? */
#define CL_V2_SECRET_MAP(X)                                        \
    X(NONE, "") X(GROUP, "group") X(INSTANCE, "instance")
// clang-format on

enum cl_v2_outcome {
#define X(NAME, word) CL_V2_OUTCOME_##NAME,
    CL_V2_OUTCOME_MAP(X)
#undef X
        CL_V2_OUTCOME_COUNT
};
enum cl_v2_proof {
#define X(NAME, word) CL_V2_PROOF_##NAME,
    CL_V2_PROOF_MAP(X)
#undef X
        CL_V2_PROOF_COUNT
};
enum cl_v2_trust {
#define X(NAME, word) CL_V2_TRUST_##NAME,
    CL_V2_TRUST_MAP(X)
#undef X
        CL_V2_TRUST_COUNT
};
enum cl_v2_durability {
#define X(NAME, word) CL_V2_DURABILITY_##NAME,
    CL_V2_DURABILITY_MAP(X)
#undef X
        CL_V2_DURABILITY_COUNT
};
enum cl_v2_presence {
#define X(NAME, word) CL_V2_PRESENCE_##NAME,
    CL_V2_PRESENCE_MAP(X)
#undef X
        CL_V2_PRESENCE_COUNT
};
enum cl_v2_secret {
#define X(NAME, word) CL_V2_SECRET_##NAME,
    CL_V2_SECRET_MAP(X)
#undef X
        CL_V2_SECRET_COUNT
};
extern const cl_str cl_v2_outcomes[CL_V2_OUTCOME_COUNT];
extern const cl_str cl_v2_proofs[CL_V2_PROOF_COUNT];
extern const cl_str cl_v2_trusts[CL_V2_TRUST_COUNT];
extern const cl_str cl_v2_durabilities[CL_V2_DURABILITY_COUNT];
extern const cl_str cl_v2_presences[CL_V2_PRESENCE_COUNT];
extern const cl_str cl_v2_secrets[CL_V2_SECRET_COUNT];

/* The index of the word, at least first and below end; end when it is none of these. */
uint8_t cl_v2_word_find(const cl_str *words, unsigned first, unsigned end, cl_str word);

#endif
