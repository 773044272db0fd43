// SPDX-License-Identifier: MIT
/*
 * bench/client/client.h - what a message costs the program that sends it and the one that gets it,
 * through a client library. A sender and a receiver in one process, each with a connection and with
 * the threads that its library gives it. main.c sends and counts; a library's file says how. As in
 * bench/gen/gen.h, whatever fails ends the program with a sentence.
 */
#ifndef BENCH_CLIENT_CLIENT_H
#define BENCH_CLIENT_CLIENT_H

#include <stddef.h>

/* One way to use a library. All but came() is called by the main thread. */
struct way {
    const char *name;
    /* Both are connected, and the receiver is known to the server, when it returns. */
    void (*open)(unsigned port, unsigned in_flight);
    void (*send)(const char *message, size_t len);
    /* All that was sent has come: waits for what is still unanswered, and hangs up. */
    void (*close)(void);
};

/* Of the library that this program is linked with; the last one has no name. */
extern const struct way ways[];

/* A message is at its receiver, in any thread, but one after the other. */
void came(const char *message, size_t len);

#endif
