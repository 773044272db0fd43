// SPDX-License-Identifier: MIT
/*
 * proto/envelope.h - the envelope of protocol v2 (v2.md, The envelope).
 *
 *     {"protected":"<base64url of the header>","payload":"<base64url of the body>",
 *      "signature":"<base64url>"}
 *
 * It is a JWS in flattened JSON (RFC 7515 section 7.2.2), with or without its signature, which is
 * of the characters of `protected`, a dot and those of `payload`. So all three are kept and passed
 * on as they were sent. The relay reads the header and never writes into it. Whether a signature is
 * right is seen elsewhere (trust/group.h).
 *
 * Reading is strict: no member of the header that is unknown here or stands twice, whole numbers
 * only, one spelling of all bytes. What is written has been read back by the same rules.
 */
#ifndef CL_PROTO_ENVELOPE_H
#define CL_PROTO_ENVELOPE_H

#include "base/buf.h"
#include "base/digest.h"
#include "base/hash.h"
#include "base/time.h"
#include "proto/address.h"
#include "proto/shape.h"

/* struct cl_msg's `media`: the body is an envelope's text. Beside enum cl_v1_media's. */
#define CL_MEDIA_ENVELOPE 16

/* The `cty` of a body that is a blob: {"sha256","size","cty"} (v2.md, Blobs). */
#define CL_CTY_BLOB "application/clawlink-blob+json"

/* Members of the header in the order in which they are written. */
// clang-format off
#define CL_FIELDS_envelope_header(F, S)                                            \
    F(S, WORD,     OPTIONAL, alg,      CL_ENVELOPE_ALG_COUNT,  cl_envelope_algs)   \
    F(S, NAME,     OPTIONAL, kid,      CL_NAME_BYTES_MAX,      NULL)               \
    F(S, WORD,     REQUIRED, typ,      CL_ENVELOPE_TYPE_COUNT, cl_envelope_types)  \
    F(S, ADDRESS,  REQUIRED, from,     CL_ADDRESS_SENDERS,     NULL)               \
    F(S, ADDRESS,  REQUIRED, to,       CL_ADDRESS_RECEIVERS,   NULL)               \
    F(S, ID,       REQUIRED, id,       0,                      NULL)               \
    F(S, NUMBER,   REQUIRED, iat,      CL_ENVELOPE_TIME_S_MAX, NULL)               \
    F(S, NUMBER,   REQUIRED, exp,      CL_ENVELOPE_TIME_S_MAX, NULL)               \
    F(S, ID,       OPTIONAL, re,       0,                      NULL)               \
    F(S, LINE,     OPTIONAL, cty,      CL_CTY_BYTES_MAX,       NULL)               \
    F(S, STREAM,   OPTIONAL, str,      0,                      NULL)               \
    F(S, NUMBER,   OPTIONAL, seq,      CL_V2_NUMBER_MAX,       NULL)               \
    F(S, LINE,     OPTIONAL, thr,      CL_THREAD_BYTES_MAX,    NULL)               \
    F(S, PRIORITY, OPTIONAL, pri,      0,                      NULL)               \
    F(S, NUMBER,   OPTIONAL, dl,       CL_ENVELOPE_TIME_S_MAX, NULL)               \
    F(S, ID,       OPTIONAL, root,     0,                      NULL)               \
    F(S, MAYBE,    OPTIONAL, hops,     UINT8_MAX,              NULL)               \
    F(S, ADDRESS,  OPTIONAL, reply_to, CL_ADDRESS_RECEIVERS,   NULL)
// clang-format on

/* Seconds since 1970; the last one is that of CL_COMMAND_TIME_MS_MAX. */
#define CL_ENVELOPE_TIME_S_MAX (CL_COMMAND_TIME_MS_MAX / 1000)

/* What an envelope is. Commands, receipts and keys come with signatures. */
enum cl_envelope_type { CL_ENVELOPE_MSG, CL_ENVELOPE_TYPE_COUNT };
extern const cl_str cl_envelope_types[CL_ENVELOPE_TYPE_COUNT];

/* How it is signed. */
enum cl_envelope_alg { CL_ENVELOPE_UNSIGNED, CL_ENVELOPE_HS256, CL_ENVELOPE_ALG_COUNT };
extern const cl_str cl_envelope_algs[CL_ENVELOPE_ALG_COUNT];
/* The `kid` of HS256: the secret that a group shares. And the characters of its signature. */
#define CL_ENVELOPE_KID_GROUP     "group"
#define CL_ENVELOPE_SIGNATURE_LEN 43

CL_SHAPE_STRUCT(envelope_header)

/* What reading needs besides the text. */
struct cl_envelope_reader {
    struct cl_arena *arena; // the header is decoded into it, and lives there
    const cl_hash_key *hash_key;
};

/* The header of an envelope that a shape or cl_envelope_split found: its strings are base64url.
 * CL_ERR_MALFORMED, CL_ERR_MISSING, with the rule that was broken; CL_ERR_NO_MEMORY. On failure
 * *ret_header is untouched. */
CL_MUST_CHECK enum cl_err cl_envelope_read(const struct cl_envelope_reader *reader,
                                           const struct cl_envelope *envelope,
                                           struct cl_envelope_header *ret_header,
                                           struct cl_why *why);
/* The same for a text that is an envelope: finds its strings as well. */
CL_MUST_CHECK enum cl_err cl_envelope_decode(const struct cl_envelope_reader *reader, cl_str text,
                                             struct cl_envelope *ret_envelope,
                                             struct cl_envelope_header *ret_header,
                                             struct cl_why *why);
/* The strings of a text that cl_envelope_encode or cl_envelope_put wrote: no search. */
struct cl_envelope cl_envelope_split(cl_str text);

/* What more a sender has to observe: `from` is an agent, `str` and `seq` are there, `iat` is not
 * ahead by more than CL_ENVELOPE_AHEAD_S_MAX, and the body is CL_ENVELOPE_BODY_BYTES_MAX at most:
 * CL_ERR_TOO_LARGE, else CL_ERR_MALFORMED, CL_ERR_MISSING. `exp` may have passed: the core knows
 * whether the message came before. */
CL_MUST_CHECK enum cl_err cl_envelope_check_sent(const struct cl_envelope *envelope,
                                                 const struct cl_envelope_header *header,
                                                 cl_time now, struct cl_why *why);

/* What a receiver has to observe of one that it was handed for `me`: `to` is that agent, or no
 * single one (CL_ERR_FORBIDDEN), `iat` is not ahead by more than CL_ENVELOPE_AHEAD_S_MAX
 * (CL_ERR_MALFORMED), and `exp` has not passed (CL_ERR_EXPIRED). That its signature is right is
 * seen before. */
CL_MUST_CHECK enum cl_err cl_envelope_check_received(const struct cl_envelope_header *header,
                                                     cl_str me, cl_time now, struct cl_why *why);

/* The body, decoded into the arena. CL_ERR_NO_MEMORY. */
CL_MUST_CHECK enum cl_err cl_envelope_body(const struct cl_envelope *envelope,
                                           struct cl_arena *arena, cl_str *ret_body);

/* Appends the text of an envelope with this header and body. CL_ERR_MALFORMED, CL_ERR_MISSING: the
 * header breaks a rule of cl_envelope_read. The buffer's refusals. Then nothing was appended. One
 * with `alg` and `kid` wants a signature, before anybody reads it: of the two strings of
 * cl_envelope_split, added by cl_envelope_add_signature. */
CL_MUST_CHECK enum cl_err cl_envelope_encode(const struct cl_envelope_reader *reader,
                                             const struct cl_envelope_header *header, cl_str body,
                                             struct cl_buf *buf, struct cl_why *why);
/* The buffer ends with a text of cl_envelope_encode, which gets this signature. The buffer's
 * refusals; then nothing has changed. */
CL_MUST_CHECK enum cl_err cl_envelope_add_signature(struct cl_buf *buf, cl_str signature);
/* Appends the text of an envelope whose strings are there already. */
CL_MUST_CHECK enum cl_err cl_envelope_put(const struct cl_envelope *envelope, struct cl_buf *buf);

/* The body of a blob: its digest as text, its size, and its own cty (may be empty). */
struct cl_blob {
    cl_digest digest;
    uint64_t size;
    cl_str cty;
};
CL_MUST_CHECK enum cl_err cl_blob_put(const struct cl_blob *blob, struct cl_buf *buf);
/* Reads such a body, strictly. */
CL_MUST_CHECK enum cl_err cl_blob_read(const struct cl_envelope_reader *reader, cl_str body,
                                       struct cl_blob *ret_blob, struct cl_why *why);

#endif
