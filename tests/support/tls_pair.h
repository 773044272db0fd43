// SPDX-License-Identifier: MIT
/*
 * tests/support/tls_pair.h - a client and a server of net/tls.h, and the wire between them in the
 * test's hands: it carries ciphertext from one memory stream to the other in pieces of any size.
 */
#ifndef TESTS_SUPPORT_TLS_PAIR_H
#define TESTS_SUPPORT_TLS_PAIR_H

#include "net/tls.h"
#include "support/memory_stream.h"

/* One end: a user of a TLS stream that says what it has to, and keeps what it hears. */
struct tls_end {
    struct memory_stream wire;
    struct cl_stream *stream; // NULL: closed
    cl_str says;              // in one write, or what is left of it
    size_t slices;            // that it comes in; 0: one
    size_t said;
    size_t heard_len;
    bool stops_at_data; // pauses reading in on_data
    bool is_over;       // on_eof
    bool is_broken;     // on_closed
    enum cl_err reason;
    char heard[MEMORY_STREAM_CAP];
};

struct tls_pair {
    struct cl_loop *loop;
    struct cl_tls *server_side;
    struct cl_tls *client_side;
    struct tls_end server;
    struct tls_end client;
};

/* A key and a certificate for localhost, made once. */
cl_str tls_test_key(void);
cl_str tls_test_certificate(void);

/* Loop, both sides and both ends. The client knows the server by its pin. */
CL_MUST_CHECK enum cl_err tls_pair_open(struct tls_pair *pair);
void tls_pair_close(struct tls_pair *pair);

/* A new end over a fresh wire; the one before has closed its stream. */
CL_MUST_CHECK enum cl_err tls_end_open(struct tls_end *end, struct cl_tls *side, cl_str host);
/* Closes the stream if it is open. */
void tls_end_close(struct tls_end *end);
/* The end has this to say from now on. */
void tls_end_say(struct tls_end *end, cl_str text);

/* Carries at most `piece` bytes, then a turn. False when there was nothing. */
bool tls_carry(struct tls_end *from, struct tls_end *to, size_t piece);
/* Both ways until nothing moves. */
void tls_pair_run(struct tls_pair *pair, size_t piece);

#endif
