// SPDX-License-Identifier: MIT
#include "unit/core/mesh.h"

#include <string.h>

#include "support/test.h"

const cl_hash_key test_key = {{1, 2, 3}};

static char text[64 * 1024]; // of the last mesh_queue or mesh_take

void
mesh_init(struct mesh *mesh)
{
    *mesh = (struct mesh){.core = cl_core_new(&test_key),
                          .session = cl_session_new(&test_key),
                          .now = {1000000},
                          .origin = EPOCH};
    CHECK(mesh->core != NULL && mesh->session != NULL);
    struct cl_command_relay_up limits = cl_core_limits();
    limits.inbox_messages_max = 1000;
    limits.inbox_bytes_max = CL_MIB;
    limits.inboxes_bytes_max = 8 * CL_MIB;
    mesh_limit(mesh, limits);
}

void
mesh_limit(struct mesh *mesh, struct cl_command_relay_up limits)
{
    limits.relay = CL_STR("r");
    CHECK_OK(mesh_do(mesh, (struct cl_command){.kind = CL_COMMAND_RELAY_UP, .relay_up = limits}));
}

void
mesh_done(struct mesh *mesh)
{
    cl_effects_done(&mesh->effects);
    cl_session_free(mesh->session);
    cl_core_free(mesh->core);
    cl_session_free(NULL); // allowed
    cl_core_free(NULL);
}

enum cl_err
mesh_do(struct mesh *mesh, struct cl_command draft)
{
    enum cl_err err;
    draft.time = mesh->now;
    draft.origin = mesh->origin;
    draft.ticket = ++mesh->ticket;
    cl_effects_clear(&mesh->effects);
    if (cl_command_is_durable(draft.kind)) {
        err = cl_core_admit(mesh->core, &draft);
        cl_core_apply(mesh->core, &draft, &mesh->effects);
        const struct cl_effect *reply = &mesh->effects.items[0];
        CHECK_INT(reply->kind, CL_EFFECT_REPLY);
        CHECK_INT(reply->reply.err, err);
        CHECK_INT(reply->reply.ticket, mesh->ticket);
        CHECK_INT(reply->reply.origin, mesh->origin);
        CHECK_INT(mesh_effects(mesh, CL_EFFECT_REPLY, NULL), 1);
    } else {
        err = cl_session_apply(mesh->session, mesh->core, &draft, &mesh->effects);
    }
    cl_core_check(mesh->core);
    return err;
}

void
mesh_register(struct mesh *mesh, const char *id)
{
    CHECK_OK(DO(mesh, REGISTER, registration, .agent = cl_str_z(id)));
}

static enum cl_err
send_draft(struct mesh *mesh, struct cl_command_send fields, const char *body)
{
    fields.expires = CL_TIME_NEVER;
    fields.body = cl_body_new(cl_str_z(body));
    CHECK(fields.body != NULL);
    enum cl_err err = mesh_do(mesh, (struct cl_command){.kind = CL_COMMAND_SEND, .send = fields});
    cl_body_unref(fields.body);
    return err;
}

enum cl_err
mesh_send(struct mesh *mesh, const char *from, const char *to, const char *body)
{
    return send_draft(mesh,
                      (struct cl_command_send){.from = cl_str_z(from),
                                               .to = cl_str_z(to),
                                               .priority = CL_PRIORITY_NORMAL},
                      body);
}

cl_id
mesh_id(uint64_t number)
{
    cl_id id = {{0}};
    memcpy(id.bytes, &number, sizeof number);
    return id;
}

enum cl_err
mesh_send_fields(struct mesh *mesh, struct cl_command_send fields)
{
    if (fields.expires.ms == 0)
        fields.expires = CL_TIME_NEVER;
    if (fields.priority == CL_PRIORITY_URGENT)
        fields.priority = CL_PRIORITY_NORMAL;
    return mesh_do(mesh, (struct cl_command){.kind = CL_COMMAND_SEND, .send = fields});
}

enum cl_err
mesh_track(struct mesh *mesh, const char *from, const char *to, uint64_t number)
{
    return mesh_send_fields(mesh, (struct cl_command_send){.from = cl_str_z(from),
                                                           .to = cl_str_z(to),
                                                           .id = mesh_id(number),
                                                           .stream = 1,
                                                           .seq = number,
                                                           .flags = CL_MSG_TRACKED});
}

const struct cl_receipt *
mesh_receipt(const struct mesh *mesh, uint64_t number)
{
    const struct cl_receipt *receipt = cl_core_receipt(mesh->core, mesh_id(number));
    CHECK(receipt != NULL);
    return receipt;
}

enum cl_err
mesh_send_at(struct mesh *mesh, enum cl_priority priority, const char *to, const char *body)
{
    return send_draft(mesh,
                      (struct cl_command_send){.from = CL_STR("sender"),
                                               .to = cl_str_z(to),
                                               .priority = (uint8_t)priority},
                      body);
}

enum cl_err
mesh_publish(struct mesh *mesh, const char *from, const char *body)
{
    struct cl_body *bytes = cl_body_new(cl_str_z(body));
    enum cl_err err = DO(mesh, PUBLISH, publish, .from = cl_str_z(from), .topic = CL_STR("general"),
                         .kind = CL_MSG_NEWS, .priority = CL_PRIORITY_NORMAL,
                         .expires = CL_TIME_NEVER, .body = bytes);
    cl_body_unref(bytes);
    return err;
}

enum cl_err
mesh_put_file(struct mesh *mesh, const char *key, const char *editor, const char *content)
{
    struct cl_body *bytes = cl_body_new(cl_str_z(content));
    enum cl_err err = DO(mesh, FILE_PUT, file_put, .key = cl_str_z(key), .editor = cl_str_z(editor),
                         .content = bytes);
    cl_body_unref(bytes);
    return err;
}

enum cl_err
mesh_ack(struct mesh *mesh, const char *agent, uint64_t first, uint64_t last)
{
    struct cl_range range = {CL_PRIORITY_NORMAL, first, last};
    return DO(mesh, ACK, ack, .agent = cl_str_z(agent), .rung = CL_RUNG_DELIVERED,
              .ranges = {&range, 1});
}

unsigned
mesh_effects(const struct mesh *mesh, enum cl_effect_kind kind, const char *agent)
{
    unsigned count = 0;
    for (size_t i = 0; i < mesh->effects.len; i++)
        if (mesh->effects.items[i].kind == kind &&
            (agent == NULL || cl_str_eq(mesh->effects.items[i].agent, cl_str_z(agent))))
            count++;
    return count;
}

unsigned
mesh_notes(const struct mesh *mesh, enum cl_note note, const char *agent)
{
    unsigned count = 0;
    for (size_t i = 0; i < mesh->effects.len; i++) {
        const struct cl_effect *effect = &mesh->effects.items[i];
        if (effect->kind == CL_EFFECT_NOTE && effect->note.id == note &&
            (agent == NULL || cl_str_eq(effect->agent, cl_str_z(agent))))
            count++;
    }
    return count;
}

const struct cl_effect *
mesh_effect(const struct mesh *mesh, enum cl_effect_kind kind)
{
    size_t i = 0;
    while (i < mesh->effects.len && mesh->effects.items[i].kind != kind)
        i++;
    CHECK(i < mesh->effects.len);
    return &mesh->effects.items[i];
}

const struct cl_effect *
mesh_note(const struct mesh *mesh, enum cl_note note)
{
    size_t i = 0;
    while (i < mesh->effects.len && (mesh->effects.items[i].kind != CL_EFFECT_NOTE ||
                                     mesh->effects.items[i].note.id != note))
        i++;
    CHECK(i < mesh->effects.len);
    return &mesh->effects.items[i];
}

static size_t
add_text(size_t len, const struct cl_msg *msg)
{
    cl_str body = cl_body_str(msg->body);
    CHECK(len + body.len + 1 < sizeof text);
    if (len > 0)
        text[len++] = ' ';
    if (body.len > 0)
        memcpy(text + len, body.ptr, body.len);
    return len + body.len;
}

uint64_t
mesh_first(const struct mesh *mesh, const char *id)
{
    uint64_t seq = 0;
    const struct cl_agent *agent = cl_core_agent(mesh->core, cl_str_z(id));
    (void)cl_core_inbox_next(mesh->core, agent, CL_PRIORITY_NORMAL, 0, &seq);
    return seq;
}

cl_str
mesh_queue(const struct mesh *mesh, const char *id)
{
    size_t len = 0;
    const struct cl_msg *msg;
    const struct cl_agent *agent = cl_core_agent(mesh->core, cl_str_z(id));
    for (enum cl_priority i = 0; i < CL_PRIORITY_COUNT; i++)
        for (uint64_t seq = 0; (msg = cl_core_inbox_next(mesh->core, agent, i, seq, &seq)) != NULL;
             seq++)
            len = add_text(len, msg);
    return cl_str_of(text, len);
}

cl_str
mesh_take(struct mesh *mesh, uint64_t holder)
{
    size_t len = 0;
    CHECK_OK(cl_session_take(mesh->session, mesh->core, holder, &mesh->batch));
    cl_session_check(mesh->session, mesh->core);
    CHECK((mesh->batch.number > 0) == (mesh->batch.len > 0));
    for (uint32_t i = 0; i < mesh->batch.len; i++)
        len = add_text(len, mesh->batch.msgs[i]);
    return cl_str_of(text, len);
}

void
mesh_open(struct mesh *mesh, const char *agent, uint64_t holder, enum cl_holder_kind kind)
{
    CHECK_OK(
        DO(mesh, OPEN, open, .agent = cl_str_z(agent), .holder = holder, .kind = (uint8_t)kind));
}

void
mesh_settle(struct mesh *mesh, uint64_t holder, uint64_t batch)
{
    struct cl_range ranges[CL_ACK_RANGES_MAX];
    CHECK_OK(DO(mesh, SETTLE, settle, .holder = holder, .batch = batch, .rung = CL_RUNG_DELIVERED));
    struct cl_effect ack = *mesh_effect(mesh, CL_EFFECT_ACK);
    CHECK(ack.ack.ranges.len <= CL_ACK_RANGES_MAX);
    memcpy(ranges, ack.ack.ranges.ptr, ack.ack.ranges.len * sizeof *ranges);
    char id[CL_ID_BYTES_MAX + 1];
    CHECK(cl_str_copy(id, sizeof id, ack.agent));
    CHECK_OK(DO(mesh, ACK, ack, .agent = cl_str_z(id), .rung = (uint8_t)ack.ack.rung,
                .proof = (uint8_t)ack.ack.proof, .ranges = {ranges, ack.ack.ranges.len}));
    CHECK_OK(DO(mesh, SETTLED, settled, .agent = cl_str_z(id), .holder = holder, .batch = batch));
    cl_session_check(mesh->session, mesh->core);
}

cl_hash128
mesh_hash(const struct cl_core *core)
{
    cl_hash128 hash;
    CHECK_OK(cl_core_hash(core, &hash));
    return hash;
}

bool
mesh_hash_eq(cl_hash128 a, cl_hash128 b)
{
    return memcmp(a.bytes, b.bytes, sizeof a.bytes) == 0;
}
