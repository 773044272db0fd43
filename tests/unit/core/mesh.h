// SPDX-License-Identifier: MIT
/*
 * tests/unit/core/mesh.h - a core and a session, and short ways to give them commands.
 *
 *     struct mesh m;
 *     mesh_init(&m);
 *     CHECK_OK(DO(&m, REGISTER, registration, .agent = CL_STR("mira")));
 *
 * Every command is followed by a check of all invariants. Effects of the last command are in
 * m.effects. Time stands still unless m.now is changed.
 */
#ifndef TESTS_UNIT_CORE_MESH_H
#define TESTS_UNIT_CORE_MESH_H

#include "core/core.h"
#include "core/session.h"

#define EPOCH 7u

struct mesh {
    struct cl_core *core;
    struct cl_session *session;
    struct cl_effects effects;
    cl_time now;
    uint64_t origin;
    uint64_t ticket;
    struct cl_batch batch; // the last that mesh_take took
};

extern const cl_hash_key test_key;

/* With relay "r" up, under EPOCH. */
void mesh_init(struct mesh *mesh);
void mesh_done(struct mesh *mesh);
/* The relay comes up again with these limits; the name is filled in. */
void mesh_limit(struct mesh *mesh, struct cl_command_relay_up limits);

/* Stamps the draft and gives it to the core (admit, then apply: they agree) or the session. */
enum cl_err mesh_do(struct mesh *mesh, struct cl_command draft);
#define DO(mesh, KIND, member, ...) \
    mesh_do(mesh, (struct cl_command){.kind = CL_COMMAND_##KIND, .member = {__VA_ARGS__}})

/* Registers with an empty record. */
void mesh_register(struct mesh *mesh, const char *id);
/* A task with that text, at normal priority, that lives as long as it may. */
enum cl_err mesh_send(struct mesh *mesh, const char *from, const char *to, const char *text);
enum cl_err mesh_send_at(struct mesh *mesh, enum cl_priority priority, const char *to,
                         const char *text);
/* As mesh_send for `fields`; an absent expiry is as late as may be, an absent priority normal. */
enum cl_err mesh_send_fields(struct mesh *mesh, struct cl_command_send fields);
/* An id with that number in it, not 0. */
cl_id mesh_id(uint64_t number);
/* A tracked task, with that id and as that number of stream 1. */
enum cl_err mesh_track(struct mesh *mesh, const char *from, const char *to, uint64_t number);
/* The receipt of that id; fails the test without one. */
const struct cl_receipt *mesh_receipt(const struct mesh *mesh, uint64_t number);
/* News to everyone. */
enum cl_err mesh_publish(struct mesh *mesh, const char *from, const char *text);
enum cl_err mesh_put_file(struct mesh *mesh, const char *key, const char *editor, const char *text);
enum cl_err mesh_ack(struct mesh *mesh, const char *agent, uint64_t first, uint64_t last);

/* How many effects of that kind the last command had, for that agent (NULL: any). */
unsigned mesh_effects(const struct mesh *mesh, enum cl_effect_kind kind, const char *agent);
unsigned mesh_notes(const struct mesh *mesh, enum cl_note note, const char *agent);
/* The first effect of that kind; fails the test without one. */
const struct cl_effect *mesh_effect(const struct mesh *mesh, enum cl_effect_kind kind);
const struct cl_effect *mesh_note(const struct mesh *mesh, enum cl_note note);

/* The number of the message that waits first for the agent, at normal priority; 0: none does. */
uint64_t mesh_first(const struct mesh *mesh, const char *agent);
/* What waits for the agent, in order, as "text text"; expired ones left out. */
cl_str mesh_queue(const struct mesh *mesh, const char *agent);
/* What the holder takes, in the same form. */
cl_str mesh_take(struct mesh *mesh, uint64_t holder);
void mesh_open(struct mesh *mesh, const char *agent, uint64_t holder, enum cl_holder_kind kind);
/* SETTLE, the ACK it asks for, and SETTLED. */
void mesh_settle(struct mesh *mesh, uint64_t holder, uint64_t batch);
cl_hash128 mesh_hash(const struct cl_core *core);
bool mesh_hash_eq(cl_hash128 a, cl_hash128 b);

#endif
