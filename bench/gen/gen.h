// SPDX-License-Identifier: MIT
/*
 * bench/gen/gen.h - a load generator that costs less than the server it measures.
 *
 * A job decides who is connected and who sends what when; a protocol says it in the words of
 * one kind of server. main.c joins one of each. One thread, raw epoll, Linux only. All
 * functions end the program with a sentence when something fails: a run without a mistake is
 * the only one that gives a figure.
 *
 * Messages are numbered; a receiver that sees another number than the next ends the program,
 * and so does one that has not got all of them at the end.
 */
#ifndef GEN_GEN_H
#define GEN_GEN_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "wire/websocket.h"

#define GEN_READ_BYTES    (256 * CL_KIB)
#define GEN_OUT_BYTES_MAX (16 * CL_MIB)
#define GEN_REPLY_SECONDS 10
#define GEN_NAME_CAP      16
#define GEN_DIALS         64
/* Numbers have ten digits from the first to the last, so that all messages are equally long. */
#define GEN_NUMBER_FIRST  UINT64_C(1000000000)
#define GEN_NUMBER_DIGITS 10

struct gen;
struct gen_tls;

/* One connection to the server. */
struct conn {
    struct gen *gen;
    struct gen_tls *tls; // NULL: plain
    int fd;
    unsigned index;             // the job's number for it
    char name[GEN_NAME_CAP];    // who it is: an agent's id
    char subject[GEN_NAME_CAP]; // what it listens to; empty: nothing
    bool is_waiting;            // for room in the socket
    struct cl_buf out;
    struct cl_buf in;        // the beginning of something that is not whole yet
    struct cl_ws_decoder ws; // of ws.c
    uint64_t sent, got;      // of the job
    uint64_t held[2];        // of v2.c: the first and last message not yet acknowledged
    unsigned held_len;
};

/* How a kind of server is spoken to. */
struct protocol {
    const char *name;
    /* Before any connection, with gen->conns named; may be NULL. Blocking. */
    void (*prepare)(struct gen *gen);
    /* On each new connection, what can be said before anything was heard; may be NULL. */
    void (*ask)(struct conn *conn);
    /* Then what is left until it is known and listens to its subject. Both blocking. */
    void (*greet)(struct conn *conn);
    /* Appends a message for all who listen to subject to conn->out. */
    void (*put)(struct conn *conn, cl_str subject, cl_str message);
    /* Bytes have come; whole messages go to gen->job->take. The bytes may be changed. */
    void (*take)(struct conn *conn, char *bytes, size_t len);
    /* What goes to the job is not messages but the server's answers to them, in order. */
    bool is_answering;
};

struct job {
    const char *name;
    unsigned count, in_flight, bytes; // unless the options say otherwise
    /* Names and opens gen->conns; sends nothing yet. */
    void (*open)(struct gen *gen);
    /* Sends, on all connections, what the window allows. */
    void (*send)(struct gen *gen);
    /* A message has come out of the server on this connection. */
    void (*take)(struct conn *conn, cl_str message);
    /* A read of this connection was dealt with: go on sending. */
    void (*go_on)(struct conn *conn);
    /* Prints further members of the result, each with a comma before it; may be NULL. */
    void (*report)(struct gen *gen);
    /* All of the job, from open to the result, where measure would not do; may be NULL. */
    void (*run)(struct gen *gen);
};

struct gen {
    const struct job *job;
    const struct protocol *protocol;
    struct conn *conns;
    unsigned conns_len;
    char *input;         // of GEN_READ_BYTES
    uint64_t sent, got;  // got == sent: all has arrived
    uint64_t got_before; // when the measured time began
    unsigned port, pid;  // the server's
    unsigned count, in_flight, bytes;
    unsigned warm_up_ms, measured_ms; // the measured time and the time before it
    unsigned batches;                 // instead of a time: see measure.c
    unsigned pause_ms;                // before each batch
    unsigned use_tls;
    uint32_t random;
    int epoll;
    bool is_stopping; // nothing more is sent
    bool is_paced;    // sends when told to, not when something came
};

/* -- util.c -------------------------------------------------------------------------------- */

_Noreturn __attribute__((format(printf, 1, 2))) void die(const char *format, ...);
void must(enum cl_err err);
/* Zeroed. */
void *must_alloc(size_t count, size_t size);
double now(void);
unsigned long long seconds_since_1970(void);
/* Processor time of this program so far, in seconds. */
double own_cpu(void);
/* Processor time of all threads of a process so far, in seconds; its resident bytes. */
double server_cpu(unsigned pid);
uint64_t server_resident(unsigned pid);
/* R, S, T and so on (proc(5), stat, field 3). */
char server_state(unsigned pid);
/* Not for secrets: masks need to cost what masks cost, no more. */
uint32_t next_random(struct gen *gen);

/* A message with a number at its end: head, x to the wanted length, and ","n":1000000000}. */
cl_str message_new(cl_str head, size_t bytes);
void message_set_number(cl_str message, uint64_t number);
/* The server says something; is it a message of ours, and the one with this number? Others than
 * ours, such as agent_joined, have no number and are no offence; false. */
bool message_is_next(cl_str message, uint64_t number, size_t bytes);

/* -- conn.c -------------------------------------------------------------------------------- */

/* Makes gen->conns, unopened, without names. */
void conns_new(struct gen *gen, unsigned len);
/* prepare, then conns_connect. */
void conns_open(struct gen *gen);
/* Dial, ask, greet and watch for each; GEN_DIALS at a time are on their way. */
void conns_connect(struct gen *gen);
/* Connects; the connection is blocking until conn_watch. */
void conn_dial(struct conn *conn);
void conn_hang_up(struct conn *conn);
/* Before conn_watch: writes all of it. */
__attribute__((format(printf, 2, 3))) void conn_say(struct conn *conn, const char *format, ...);
/* Before conn_watch: reads until the mark has come and returns what came up to the end of it, good
 * until the next call. What came behind it stays for the next call and for conn_watch. */
cl_str conn_hear(struct conn *conn, cl_str mark);
/* From now on what comes goes to the protocol. */
void conn_watch(struct conn *conn);
/* Sends what is in conn->out as far as the socket takes it. */
void conn_flush(struct conn *conn);
/* Hands input to take_one, which returns the bytes it used, 0 when some are missing; keeps in
 * conn->in what is left. */
void conn_take_each(struct conn *conn, char *bytes, size_t len,
                    size_t (*take_one)(struct conn *conn, cl_str input));
/* Serves connections until then, or until all that was sent has arrived. */
void run_until(struct gen *gen, double end);
void run_until_got(struct gen *gen);
/* Takes what is there and does not wait. */
void run_while_ready(struct gen *gen);

/* -- tls.c: blocking until conn_watch, then as recv and send with errno ---------------------- */

struct gen_tls *tls_open(int fd);
void tls_close(struct gen_tls *tls);
long tls_recv(struct gen_tls *tls, char *bytes, size_t len);
long tls_send(struct gen_tls *tls, const char *bytes, size_t len);
/* Did the last read leave something that the socket does not tell of? */
bool tls_has_more(const struct gen_tls *tls);

/* -- ws.c: for protocols over WebSockets ----------------------------------------------------- */

/* Asks for a WebSocket at that path; what the answer to that is. */
void ws_ask(struct conn *conn, cl_str path);
void ws_greet(struct conn *conn);
void ws_put(struct conn *conn, cl_str text);
/* Each whole text goes to take_text; pings are answered. */
void ws_take(struct conn *conn, char *bytes, size_t len,
             void (*take_text)(struct conn *conn, cl_str text));

/* -- http.c -------------------------------------------------------------------------------- */

/* POST /register for every name in gen->conns (clawlink-v1.md): what the relay has at both ends is
 * registered agents. */
void http_register_all(struct gen *gen);
/* The length of the answer that the input begins with, head and body; 0 while it is not whole.
 * Any other status than 200 ends the program. */
size_t http_answer_len(cl_str input, cl_str *ret_body);

/* -- measure.c ----------------------------------------------------------------------------- */

/* The measured seconds, or batches; prints one JSON object. */
void measure(struct gen *gen);

extern const struct protocol protocol_relay, protocol_ws, protocol_v2, protocol_v2_store,
    protocol_nats, protocol_jetstream, protocol_redis, protocol_redis_stream, protocol_mqtt,
    protocol_http;
extern const struct job job_routed, job_fanout, job_trip, job_http, job_idle, job_store;

#endif
