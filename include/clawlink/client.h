/* SPDX-License-Identifier: MIT */
/*
 * clawlink/client.h - libclawlink: a program's place in a mesh of agents.
 *
 * A client keeps one connection to one relay (protocol v2), which comes back by itself when it
 * breaks. Over it several agents of one instance (a machine, or an installation on it) send
 * messages, are told what became of them, and receive those that are for them.
 *
 *     struct claw_options options;
 *     claw_options_init(&options, sizeof options);
 *     options.url = "https://relay.example:9077";
 *     options.token = "s3cret";
 *     options.instance = "mini";
 *     if (claw_new(&options, &client, NULL, 0) == CLAW_OK) {
 *         claw_attach_name(client, "otto");
 *         while ((event = claw_next_event(client, -1)) != NULL) {
 *             if (event->type == CLAW_EVENT_MESSAGE)
 *                 claw_ack(client, event->agent, event->id, CLAW_RUNG_SEEN, 0);
 *             claw_event_free(client, event);
 *         }
 *     }
 *     claw_free(client);
 *
 * All that happens is an event. Events wait in a queue, in order, until they are taken by
 * claw_next_event or given to the function in the options.
 *
 * THREE WAYS TO RUN. (1) As above: claw_next_event turns the client while it waits.
 * (2) In an event loop of the program's: watch claw_fd for reading and wait no longer than
 * claw_deadline says, then call claw_turn and take the events. (3) claw_start: the client has a
 * thread of its own, claw_next_event only waits for it, and claw_event_fd can be watched.
 *
 * THREADS. Every function may be called from any thread, at any time, for any client, with three
 * exceptions, which the program has to order: claw_free comes when no other call for that client is
 * under way and none follows; an event belongs to who took it until claw_event_free; and of one
 * client, without claw_start, one thread at a time calls claw_turn or waits in claw_next_event
 * (others are refused with CLAW_ERR_USAGE, or get NULL). A client is one lock: calls for it
 * take turns, calls for others do not wait. No function blocks longer than it is told to, but for
 * a few microseconds of another thread's call.
 * A child after fork() must not touch a client of its parent's, claw_free included.
 *
 * MEMORY. All that the library allocates for a client comes from the function in its options. It is
 * called in each thread that calls the library and in the client's own, perhaps in several at once,
 * and must not call the library. OpenSSL and libuv, which the library stands on, use the process's
 * malloc. Out of memory is an error (CLAW_ERR_NO_MEMORY), or an outage: the connection is given up
 * and comes back, and nothing is lost by it.
 *
 * WHAT IT LEAVES ALONE. There is no global state but that of OpenSSL and libuv (whose threads
 * resolve host names). No signal handler, mask or disposition is changed; no SIGPIPE is caused.
 * Nothing is printed. Nothing aborts: where an assertion of the library fails, that client is
 * broken. The call returns CLAW_ERR_INTERNAL, so does every later one, and claw_why says which
 * assertion it was; claw_free stops its thread, and leaves its memory and its descriptors as they
 * are until the process ends, since nobody knows what state they are in. (libuv and OpenSSL abort
 * in a few places where the process's malloc fails them and they cannot say so.)
 *
 * STRINGS are UTF-8 and end with NUL, but for those with a length beside them. What is given to a
 * function is copied before it returns. NULL means absent, and so does "", unless said otherwise.
 * In what the library gives, no string is NULL; what is absent is "".
 *
 * NUMBERS. Times of messages are milliseconds since 1970, UTC; 0: not known. Durations say their
 * unit in their name. A flag is 0 or 1.
 *
 * ABI. Structs that the program fills in begin with `size`, which their init function sets: a newer
 * library takes older programs' structs, and an older library refuses a struct whose unknown part
 * is not zero (CLAW_ERR_USAGE). Structs that the library gives may grow at their end; no program
 * makes or copies them. Numbers of enums never change; new ones may come: treat unknown ones as
 * "something else". What is deprecated stays until the soname changes.
 */
#ifndef CLAWLINK_CLIENT_H
#define CLAWLINK_CLIENT_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#if defined(_WIN32)
#define CLAW_API
#else
#define CLAW_API __attribute__((visibility("default")))
#endif

typedef struct claw_client claw_client;

/* One of the numbers below. */
typedef int32_t claw_err;

enum {
    CLAW_OK = 0,
    CLAW_ERR_MALFORMED = 1,       /* something breaks a rule of the protocol */
    CLAW_ERR_MISSING = 2,         /* something required is missing */
    CLAW_ERR_USAGE = 3,           /* the call makes no sense, or not now */
    CLAW_ERR_UNAUTHORIZED = 4,    /* the relay wants a token, or another one */
    CLAW_ERR_FORBIDDEN = 5,       /* not this agent's to do */
    CLAW_ERR_NOT_FOUND = 6,       /* no such message, blob, ... */
    CLAW_ERR_NO_AGENT = 7,        /* nobody has that address */
    CLAW_ERR_NO_FILE = 8,         /* nobody shares a file of that name */
    CLAW_ERR_METHOD = 9,          /* of HTTP; see CLAW_ERR_IO */
    CLAW_ERR_TIMEOUT = 10,        /* not in time; it may have been done or not */
    CLAW_ERR_AMBIGUOUS = 11,      /* several agents have that name; the text lists them */
    CLAW_ERR_TOO_LARGE = 12,      /* for a message: send it as a blob */
    CLAW_ERR_URI_TOO_LONG = 13,   /* of HTTP */
    CLAW_ERR_MEDIA_TYPE = 14,     /* of HTTP */
    CLAW_ERR_EXPECTATION = 15,    /* of HTTP */
    CLAW_ERR_MISDIRECTED = 16,    /* of HTTP: the relay does not go by that host name */
    CLAW_ERR_UPGRADE = 17,        /* the relay does not speak protocol v2 */
    CLAW_ERR_INBOX_FULL = 18,     /* the receiver's inbox is full */
    CLAW_ERR_FAIR_SHARE = 19,     /* half of it is this sender's */
    CLAW_ERR_TOO_MANY = 20,       /* a limit of agents, connections, or calls that wait */
    CLAW_ERR_RATE = 21,           /* faster than the relay allows */
    CLAW_ERR_PENALTY = 22,        /* wrong tokens came from here; wait */
    CLAW_ERR_HEAD_TOO_LARGE = 23, /* of HTTP */
    CLAW_ERR_INTERNAL = 24,       /* a fault of the relay's, or this client is broken (see above) */
    CLAW_ERR_NOT_IMPLEMENTED = 25, /* of HTTP */
    CLAW_ERR_UNAVAILABLE = 26,     /* the relay cannot serve now */
    CLAW_ERR_READ_ONLY = 27,       /* its disk has failed */
    CLAW_ERR_NO_MEMORY = 28,       /* here, or at the relay */
    CLAW_ERR_HTTP_VERSION = 29,    /* of HTTP */
    CLAW_ERR_FULL = 30,            /* all inboxes, or the relay's disk */
    CLAW_ERR_NO_RELAY = 31,        /* nobody there: no such host, refused, no route */
    CLAW_ERR_STALE = 32,           /* the stream of messages is too old: send as a new one */
    CLAW_ERR_ADDRESS_IN_USE = 33,  /* of a relay */
    CLAW_ERR_IO = 34,              /* what answers is no relay, or this machine fails */
    CLAW_ERR_CLOSED = 35,          /* the connection broke: it was done, or not */
    CLAW_ERR_UNTRUSTED = 36,       /* who answered could not be trusted; nothing was sent */
    CLAW_ERR_LOOP = 37,            /* the chain of answers has run too long */
    CLAW_ERR_UNPROVEN = 38,        /* what was waited for cannot be proven any more */
    CLAW_ERR_ENDED = 39,           /* the message has ended otherwise */
    CLAW_ERR_EXPIRED = 40          /* its time is over */
};

/* The stable name that goes over every wire, such as "inbox_full"; "internal" for a number that
 * this library does not know. Static. */
CLAW_API const char *claw_err_name(claw_err err);
/* 1: the same call could succeed later without a change. */
CLAW_API int32_t claw_err_may_retry(claw_err err);
/* Of the library, "0.1.0". Static. */
CLAW_API const char *claw_version(void);

/* What arrays of characters given to the library must have room for, NUL included. */
enum {
    CLAW_ID_CAP = 23,     /* the id of a message */
    CLAW_SHA256_CAP = 65, /* a SHA-256 in hexadecimal digits */
    CLAW_WHY_CAP = 480    /* a sentence that says why; one that is longer than the room is cut */
};

/* -- words of the protocol --------------------------------------------------------------------- */

/* How far a message got. */
enum {
    CLAW_RUNG_NONE = 0,
    CLAW_RUNG_ACCEPTED = 1,   /* the relay has committed it */
    CLAW_RUNG_DELIVERED = 2,  /* it is safe at the receiver's */
    CLAW_RUNG_INJECTED = 3,   /* it was put into the agent's session */
    CLAW_RUNG_SEEN = 4,       /* the model has read it */
    CLAW_RUNG_IN_PROGRESS = 5 /* it is being worked on */
};

/* How it ended. */
enum {
    CLAW_OUTCOME_NONE = 0, /* not yet */
    CLAW_OUTCOME_COMPLETED = 1,
    CLAW_OUTCOME_FAILED = 2,
    CLAW_OUTCOME_REJECTED = 3,
    CLAW_OUTCOME_CANCELED = 4,
    CLAW_OUTCOME_EXPIRED = 5, /* nobody took it in time; the relay says so */
    CLAW_OUTCOME_DEAD = 6     /* it was handed out too often; the relay says so */
};

/* What a rung is known by. */
enum {
    CLAW_PROOF_NONE = 0,
    CLAW_PROOF_COMMIT = 1,
    CLAW_PROOF_SPOOL = 2,
    CLAW_PROOF_ACK = 3,
    CLAW_PROOF_PONG = 4,
    CLAW_PROOF_TCP = 5,
    CLAW_PROOF_TRANSCRIPT = 6
};

/* How well the sender of a message is known to the relay. */
enum {
    CLAW_TRUST_RELAY = 0, /* only the relay says who it is */
    CLAW_TRUST_GROUP = 1, /* it knows the group's secret */
    CLAW_TRUST_TOFU = 2,
    CLAW_TRUST_KEY = 3
};

/* Of what kind the relay's commits are. */
enum { CLAW_DURABILITY_MEMORY = 0, CLAW_DURABILITY_DISK = 1, CLAW_DURABILITY_CLUSTER = 2 };

enum {
    CLAW_PRIORITY_URGENT = 0,
    CLAW_PRIORITY_HIGH = 1,
    CLAW_PRIORITY_NORMAL = 2,
    CLAW_PRIORITY_LOW = 3
};

/* -- events ------------------------------------------------------------------------------------ */

enum {
    /* Connected, each time. err is CLAW_OK; relay, epoch, durability, body_bytes_max and
     * blob_bytes_max are set. */
    CLAW_EVENT_UP = 1,
    /* The connection broke, or could not be made: err and text say why; the next try is in
     * pause_ms. */
    CLAW_EVENT_DOWN = 2,
    /* It tries no more, since trying again cannot help: a wrong token, a relay that is not to be
     * trusted, ... err and text. Comes once; every call is refused from then on with that err. */
    CLAW_EVENT_ENDED = 3,
    /* A message for `agent`: the fields under "a message" are set. It is the receiver's to
     * acknowledge (claw_ack), refuse or release; the relay sends 64 messages or 1 MiB to an
     * agent before that. It is given once, also when the relay hands it out again because the
     * connection broke: what the program has not settled yet it may still settle, and what it
     * has settled is settled again. */
    CLAW_EVENT_MESSAGE = 4,
    /* What became of a send: `id`, and `agent` its sender. err is CLAW_OK once the relay has
     * accepted it: to (the address that it became), rung, durability, is_duplicate and
     * recipients are set. Else it is not accepted, and text says why. Comes once for each
     * send that was taken, unless the client is freed or ended before. */
    CLAW_EVENT_SENT = 5,
    /* Something changed about the message `id` that `agent` sent: steps (all rungs so far, in
     * order), rung (the highest), and outcome, ended_ms, ended_by and reason when it ended.
     * cursor is for receipts_after of a later client. */
    CLAW_EVENT_RECEIPT = 6,
    /* The end of an ask, exactly one for each that was taken (as SENT): `re` is the question's id.
     * err CLAW_OK: it is the answer, a message like in MESSAGE, to be settled like one. Else there
     * is none: CLAW_ERR_TIMEOUT; CLAW_ERR_ENDED: the question has ended, outcome and reason say
     * how; what the relay refused it with. An answer that comes after that is a MESSAGE. */
    CLAW_EVENT_ANSWER = 7,
    /* The result of a call with a tag: err, text, and for claw_call json. */
    CLAW_EVENT_RESULT = 8,
    /* An agent is new, or says something else about itself: agent, and json as in the answer of
     * `agents` (v2.md). */
    CLAW_EVENT_JOINED = 9,
    /* With a group_secret or a secret: a message was refused since its signature is missing or
     * wrong: agent, id, from, and text, which its sender was told too. Of one that cannot be
     * read at all (err is not CLAW_ERR_UNTRUSTED): agent and text. */
    CLAW_EVENT_UNVERIFIED = 10,
    /* What claw_get_file gives. */
    CLAW_EVENT_FILE = 11,
    /* `agent` is attached, each time after UP: from now on others find it. waiting, is_new and
     * cursor are set. */
    CLAW_EVENT_ATTACHED = 12
};

/* A rung that was reached. */
struct claw_step {
    uint32_t rung;
    uint32_t proof;
    int64_t at_ms;
    const char *by; /* the address of who said so */
};

/* Good until claw_event_free, or until the function in the options returns. Fields that the type
 * does not name are 0 or "". */
struct claw_event {
    size_t size;   /* of the struct as this library knows it */
    uint32_t type; /* CLAW_EVENT_... */
    claw_err err;
    const char *text;  /* a sentence for people where err is not CLAW_OK; it may change */
    uint64_t tag;      /* of the call, 0: it had none */
    const char *agent; /* whose event it is: "instance/agent" */
    const char *id;    /* of the message */

    /* A message. */
    const char *from;
    const char *to; /* as the sender wrote it */
    const char *re; /* the id of the message that it answers */
    const char *thread;
    const char *content_type; /* absent: text in UTF-8 */
    const char *reply_to;     /* where the answer should go; absent: to from */
    const void *body;         /* a NUL follows, which body_len does not count */
    size_t body_len;
    uint32_t priority;
    uint32_t attempts;    /* so often it was handed out before */
    uint32_t trust;       /* what the relay says of the sender */
    uint32_t is_verified; /* 1: signed with the shared secret, which was looked at here */
    int64_t made_ms;
    int64_t expires_ms;
    int64_t deadline_ms; /* an answer is wanted by then */
    int64_t accepted_ms; /* by the relay */
    const char *root;    /* the chain that it belongs to (v2.md, Loops) */
    uint32_t hops;
    uint32_t has_blob; /* 1: the body is the name of a blob, in the three fields that follow */
    uint64_t chain_count;
    const char *blob_sha256;
    const char *blob_type; /* what content_type would be if it were the body */
    uint64_t blob_size;

    /* A send, a receipt. */
    uint32_t rung;
    uint32_t outcome;
    uint32_t durability;
    uint32_t is_duplicate;   /* 1: it had been accepted before */
    uint32_t has_recipients; /* 1: of a topic, recipients is known */
    uint32_t pause_ms;       /* of DOWN */
    uint64_t recipients;
    uint64_t cursor;
    const struct claw_step *steps;
    size_t steps_len;
    int64_t ended_ms;
    const char *ended_by;
    const char *reason;

    /* A result. */
    const char *json; /* a NUL follows */
    size_t json_len;

    /* A relay. */
    const char *relay; /* its name */
    const char *epoch; /* another one means that it was started again */
    uint64_t body_bytes_max;
    uint64_t blob_bytes_max; /* 0: it takes no blobs */

    /* An agent that was attached. */
    uint64_t waiting; /* messages in its inbox */
    uint32_t is_new;  /* 1: the relay did not know it before */
    uint32_t reserved;
};

/* -- a client ---------------------------------------------------------------------------------- */

/* Gives memory: (NULL, size) allocates, (block, size) resizes and may move, (block, 0) frees and
 * returns NULL. NULL for any other size: there is none, and the block is as it was. */
typedef void *claw_memory_fn(void *user, void *block, size_t size);
/* Takes an event, which is freed when it returns. It may call every function of the client but
 * claw_free, claw_turn, claw_next_event and claw_drain. Called by the thread that calls claw_turn,
 * claw_drain, or by the client's own, one event at a time. */
typedef void claw_event_fn(void *user, claw_client *client, const struct claw_event *event);

struct claw_options {
    size_t size;
    /* "https://host:port" or "http://host:port", maybe with a path; wss and ws mean the same.
     * Required. */
    const char *url;
    /* The relay's token. */
    const char *token;
    /* A secret that a group shares. The client signs with it all that it sends, and refuses with a
     * report what agents of v2 sent unsigned or signed otherwise (CLAW_EVENT_UNVERIFIED), whatever
     * the relay says. Unless `token` or `secret` is given, it shows the relay's Agent Link port a
     * token that is derived from it. */
    const char *group_secret;
    /* "sha256:BASE64,...": the keys by which the relay is known, instead of by the system's
     * authorities. */
    const char *pins;
    /* A name (1 to 64 letters, digits and "._-"): whose agents these are. Required. */
    const char *instance;
    /* What this program is, for the relay's log. */
    const char *program;
    /* NULL: malloc, realloc and free. */
    claw_memory_fn *memory;
    void *memory_user;
    /* NULL: events are taken by claw_next_event. */
    claw_event_fn *on_event;
    void *event_user;
    /* 1: the client ends if the first try to connect fails. 0: it goes on trying. */
    uint32_t is_impatient;
    /* 1, with a group_secret: refuses also what the relay passes on from agents that cannot sign:
     * those of v1, and of Agent Link. CLAW_ERR_USAGE without one. */
    uint32_t needs_signature;
    /* The secret of an Agent Link instance, its own or one that is shared: which of them it is the
     * relay knows. The client shows the relay's Agent Link port a token that is derived from it,
     * unless `token` is given. Where the relay says, on this connection, that it let the client in
     * by the shared secret, the client signs what it sends, says is_verified of what is signed with
     * that secret, refuses what is signed otherwise (CLAW_EVENT_UNVERIFIED), and takes what is not
     * signed, since instances with a secret of their own cannot sign for all. Else it neither signs
     * nor looks at signatures. What is sent before the first connection waits for that word.
     *
     * So this is as good as the relay, and as the way to it: who can answer in its place (without
     * TLS anybody on the way) can switch signing off and say anything in anybody's name. It cannot
     * make is_verified 1 without the secret; a relay with an Agent Link port has that. A program
     * that does not want to believe them gives a group_secret, with or without this one. */
    const char *secret;
};

/* Zeroes the struct and sets its size: sizeof of what the caller has. */
CLAW_API void claw_options_init(struct claw_options *options, size_t size);

/* A client, which connects as soon as it is turned. On failure *ret_client is NULL, and why, if it
 * is not NULL, has a sentence of up to why_cap bytes. CLAW_ERR_USAGE: an option is wrong;
 * CLAW_ERR_NO_MEMORY; CLAW_ERR_IO: no descriptors. */
CLAW_API claw_err claw_new(const struct claw_options *options, claw_client **ret_client, char *why,
                           size_t why_cap);
/* Says goodbye, stops the client's own thread if it has one, and frees all, events in the queue
 * included; events that were taken are freed before. What has not been answered is not told any
 * more, and may have been done or not: claw_drain comes before. Accepts NULL. CLAW_ERR_USAGE, and
 * nothing is done: called from within on_event. */
CLAW_API claw_err claw_free(claw_client *client);
/* The sentence about the last call for this client that failed, in any thread; "" before the
 * first. */
CLAW_API void claw_why(claw_client *client, char *ret_text, size_t cap);
/* 1: connected. */
CLAW_API int32_t claw_is_up(claw_client *client);
/* Tries to connect now, if it pauses after a failure: when the network is known to be back. */
CLAW_API claw_err claw_hurry(claw_client *client);

/* -- running it -------------------------------------------------------------------------------- */

/* For an event loop: a descriptor that is readable when claw_turn has something to do. It stays the
 * same. -1: the client has a thread of its own. */
CLAW_API int32_t claw_fd(claw_client *client);
/* In so many milliseconds claw_turn wants to be called at the latest; 0: now; -1: only when claw_fd
 * is readable. Ask again before each wait: every call can change it. */
CLAW_API int64_t claw_deadline(claw_client *client);
/* Does what is to be done; if there is nothing, waits up to wait_ms for it (-1: without end). Then
 * gives all events to on_event, if there is one. CLAW_ERR_USAGE: it has a thread of its own, or
 * another thread does this. CLAW_ERR_FULL: more than 64 MiB of events wait, which have to be taken
 * first. */
CLAW_API claw_err claw_turn(claw_client *client, int32_t wait_ms);
/* From now on a thread of the client's own turns it; it blocks all signals. CLAW_ERR_USAGE: it has
 * one. CLAW_ERR_IO: the system has none for it. */
CLAW_API claw_err claw_start(claw_client *client);
/* Of a client with its own thread: a descriptor that is readable while events wait in the queue.
 * It is not to be read. -1: without claw_start. */
CLAW_API int32_t claw_event_fd(claw_client *client);

/* The next event, or NULL: there was none for wait_ms (0: do not wait; -1: wait without end), or
 * the client is broken, ended or driven otherwise, and no event will come. */
CLAW_API const struct claw_event *claw_next_event(claw_client *client, int32_t wait_ms);
/* Accepts NULL. */
CLAW_API void claw_event_free(claw_client *client, const struct claw_event *event);
/* Waits up to timeout_ms until all that was sent, acknowledged, reported and called is
 * answered. CLAW_ERR_TIMEOUT: it is not. Events stay in the queue, or go to on_event. */
CLAW_API claw_err claw_drain(claw_client *client, int32_t timeout_ms);
/* How many calls wait for an answer: those of claw_drain. */
CLAW_API uint64_t claw_waiting(claw_client *client);

/* -- agents ------------------------------------------------------------------------------------ */

struct claw_agent {
    size_t size;
    const char *agent; /* "otto", or "instance/otto" of this client's instance. Required */
    const char *name;  /* for people */
    const char *description;
    const char *const *capabilities; /* names, for the address "cap:NAME" */
    size_t capabilities_len;
    const char *metadata; /* a JSON object of up to 4096 bytes */
    uint64_t receipts_after;
    uint32_t has_receipts_after; /* 1: receipts that changed after that cursor are told; else those
                                  * that change from now on */
    uint32_t is_quiet;           /* 1: it sends, and hears receipts, but is given no messages */
    uint32_t is_guest;           /* 1: it is listed nowhere, and forgotten when it leaves */
};
CLAW_API void claw_agent_init(struct claw_agent *agent, size_t size);
/* This agent is here, from now on and whenever the connection comes back; once more replaces what
 * was said about it. A relay that refuses it for good ends the client (CLAW_EVENT_ENDED).
 * CLAW_ERR_USAGE, CLAW_ERR_MALFORMED, CLAW_ERR_NO_MEMORY. */
CLAW_API claw_err claw_attach(claw_client *client, const struct claw_agent *agent);
/* The same with nothing but its name or address. */
CLAW_API claw_err claw_attach_name(claw_client *client, const char *agent);
/* It leaves. Its inbox stays at the relay, what it has not settled goes back there, and events of
 * it that wait in the queue are not taken back. CLAW_ERR_NOT_FOUND: it is not attached. */
CLAW_API claw_err claw_detach(claw_client *client, const char *agent, uint64_t tag);

/* -- sending ----------------------------------------------------------------------------------- */

struct claw_letter {
    size_t size;
    const char *from; /* an attached agent, "otto" or "instance/otto". Required */
    /* Required: "instance/agent", "v1/ID", "cap:CAPABILITY", "topic:TOPIC", or the name of one
     * agent. */
    const char *to;
    const void *body;
    size_t body_len;          /* up to 32 768; more: claw_send_large */
    const char *content_type; /* absent: text in UTF-8 */
    const char *re;           /* the id of the message that it answers */
    const char *thread;
    const char *reply_to;
    uint32_t priority;   /* CLAW_PRIORITY_NORMAL by claw_letter_init */
    uint32_t life_s;     /* so long it may wait; 0: 7 days, the longest */
    uint32_t deadline_s; /* an answer is wanted within; 0: never mind */
    uint32_t attempts;   /* so often it is handed out at the most; 0: as often as it takes */
    const char *root;    /* it belongs to that chain (v2.md, Loops), */
    uint32_t hops;       /* so far down */
    uint32_t rung;       /* with re: what it says of the message that it answers, */
    uint32_t outcome;    /* as claw_report does */
    uint64_t tag;        /* comes back in SENT and ANSWER */
    /* 1: it begins something new, a chain of its own. 0: with no root either, it belongs to the
     * chain of what its sender acknowledged last, which a relay stops after 64 hops. */
    uint32_t begins_chain;
    uint32_t reserved;
    /* Absent: a new one. Else an id that no message had before, for who has to know it before the
     * message is sent: 22 characters, 16 random bytes in base64url. */
    const char *id;
};
CLAW_API void claw_letter_init(struct claw_letter *letter, size_t size);
/* Takes a message to be sent, also while there is no connection; what becomes of it is told by
 * CLAW_EVENT_SENT, and later by CLAW_EVENT_RECEIPT. It is sent again, as the same message, until
 * the relay has answered. ret_id, unless NULL, has room for CLAW_ID_CAP bytes. Its times are by
 * the relay's clock, where that was heard and nothing is signed; else by this machine's.
 * CLAW_ERR_USAGE, CLAW_ERR_MALFORMED: a field is wrong; CLAW_ERR_TOO_LARGE; CLAW_ERR_NOT_FOUND:
 * from is not attached; CLAW_ERR_FULL: 65 536 calls, or 64 MiB of them, wait for an answer already;
 * CLAW_ERR_NO_MEMORY; after CLAW_EVENT_ENDED its err. Then it is not sent. */
CLAW_API claw_err claw_send(claw_client *client, const struct claw_letter *letter, char *ret_id);
/* The same for a body of any size that the relay takes: a large one is stored there as a blob
 * first. Blocks, at most for timeout_ms (-1: without end); also as claw_put_blob. */
CLAW_API claw_err claw_send_large(claw_client *client, const struct claw_letter *letter,
                                  int32_t timeout_ms, char *ret_id);
/* As claw_send, and waits for a message to `from` that answers it, for timeout_ms from now (1 or
 * more): CLAW_EVENT_ANSWER. */
CLAW_API claw_err claw_ask(claw_client *client, const struct claw_letter *letter,
                           int32_t timeout_ms, char *ret_id);
/* Nobody waits for that answer any more: no CLAW_EVENT_ANSWER comes, unless one is in the queue
 * already. CLAW_ERR_NOT_FOUND: no such ask. */
CLAW_API claw_err claw_cancel_ask(claw_client *client, const char *id);

/* -- receiving --------------------------------------------------------------------------------- */

/* Of messages that CLAW_EVENT_MESSAGE or _ANSWER gave to that agent and that were not settled yet;
 * else CLAW_ERR_NOT_FOUND. What was settled is told to the relay in the next turn, many at a time,
 * and again after a break, until the relay knows. */

/* It reached a rung, DELIVERED (also for 0) or above, and leaves the inbox: so call it when the
 * message is safe here. proof: SPOOL, ACK (also for 0) or TRANSCRIPT. */
CLAW_API claw_err claw_ack(claw_client *client, const char *agent, const char *id, uint32_t rung,
                           uint32_t proof);
/* The agent does not want it: its sender is told the reason, 1 to 256 bytes. */
CLAW_API claw_err claw_refuse(claw_client *client, const char *agent, const char *id,
                              const char *reason);
/* Gives it back, unread: it is handed out again, here or elsewhere. */
CLAW_API claw_err claw_release(claw_client *client, const char *agent, const char *id);

struct claw_report {
    size_t size;
    const char *agent;  /* required */
    const char *id;     /* required */
    uint32_t rung;      /* DELIVERED or above, */
    uint32_t outcome;   /* COMPLETED to CANCELED, or both */
    uint32_t proof;     /* of the rung, as in claw_ack */
    const char *reason; /* with an outcome */
    uint64_t tag;       /* 0: no CLAW_EVENT_RESULT */
};
CLAW_API void claw_report_init(struct claw_report *report, size_t size);
/* Tells the sender what became of a message that this agent took, now or in an earlier run. Errors
 * as of claw_send. */
CLAW_API claw_err claw_report(claw_client *client, const struct claw_report *report);

/* -- everything else the relay can be asked ---------------------------------------------------- */

/* A method of protocol v2 (docs/protocol/v2.md): "agents", "inbox", "trace", "dead.list",
 * "dead.show", "dead.retry", "dead.drop", with its params, a JSON object. Asked once there is a
 * connection; CLAW_EVENT_RESULT has the result, or CLAW_ERR_CLOSED: the connection broke. Errors as
 * of claw_send; CLAW_ERR_NOT_FOUND: no such method. */
CLAW_API claw_err claw_call(claw_client *client, const char *method, const char *params,
                            uint64_t tag);

/* Blobs and files. These calls block, at most for timeout_ms (-1: without end; then an outage ends
 * them no sooner than it is over), over a connection of their own, in the thread that
 * calls them, and hold nobody up. CLAW_ERR_TIMEOUT; the relay's refusals; CLAW_ERR_NO_MEMORY. And
 * a second call for a blob that is to be stored goes on where the first one stopped. */

/* Stores bytes at the relay for up to an hour, unless a message names them; ret_sha256 has room for
 * CLAW_SHA256_CAP bytes, and is what they are known by. len is 1 or more. */
CLAW_API claw_err claw_put_blob(claw_client *client, const void *bytes, size_t len,
                                int32_t timeout_ms, char *ret_sha256);
/* Fetches a blob of that size into memory of the caller's; what came is compared with its hash. On
 * failure the memory is spoilt. CLAW_ERR_NOT_FOUND: the relay keeps it no more, as after all
 * messages that named it were acknowledged. */
CLAW_API claw_err claw_get_blob(claw_client *client, const char *sha256, void *ret_bytes,
                                size_t size, int32_t timeout_ms);

/* Files that all agents of the mesh share: text in UTF-8 under a key. They are v1's (POST and GET
 * /files), and need the relay's own token: its Agent Link port has none. */
struct claw_file {
    size_t size;
    const char *agent; /* who puts it. Required */
    const char *key;   /* 1 to 256 bytes. Required */
    const char *type;  /* absent: "text" */
    const char *text;  /* smaller than 1 MiB as JSON */
    size_t text_len;
};
CLAW_API void claw_file_init(struct claw_file *file, size_t size);
/* *ret_version, unless NULL: 1 for a new file, else one more than before. */
CLAW_API claw_err claw_put_file(claw_client *client, const struct claw_file *file,
                                int32_t timeout_ms, uint64_t *ret_version);
/* The file as an event of type CLAW_EVENT_FILE, to be given to claw_event_free: body, and all that
 * the relay says of it as json. With key NULL the list of files, as json alone. */
CLAW_API claw_err claw_get_file(claw_client *client, const char *key, int32_t timeout_ms,
                                const struct claw_event **ret_file);

#ifdef __cplusplus
}
#endif

#endif
