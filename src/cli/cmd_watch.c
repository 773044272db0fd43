// SPDX-License-Identifier: MIT
#include "base/clock.h"
#include "base/random.h"
#include "cli/claw.h"
#include "cli/crowd.h"
#include "cli/mail.h"
#include "cli/walk.h"
#include "wire/json.h"

enum { TAKE };

static const struct cl_opt options[] = {
    [TAKE] = {"take", NULL,
              "take the messages: what was shown is acknowledged and gone\n"
              "from the inbox",
              CL_OPT_OPTIONAL},
    {NULL, NULL, NULL, CL_OPT_OPTIONAL},
};

/* Messages that were shown lately: one that comes again is not shown again. */
#define SHOWN_MAX 1024

struct watch {
    struct cl_run *run;
    claw_client *client;
    bool takes;
    bool is_away;
    char epoch[CL_NAME_BYTES_MAX + 1];
    bool is_memory;               // the relay keeps nothing when it stops
    uint64_t high[CL_LANE_COUNT]; // looking: what was shown up to there, in each lane
    cl_instant look_at;
    cl_instant agents_at;
    struct cl_crowd crowd;
    struct cl_places places; // of the list of agents, in the round that goes on
    bool is_meeting;         // one does
    bool meets_again;        // and another is due
    cl_id shown[SHOWN_MAX];
    size_t shown_at;
    bool has_kept_some; // taking: of those some are not acknowledged, and that was told

    bool is_over;
    enum cl_err err;
    struct cl_why why;
};

#define END(watch, error, ...)                                           \
    do {                                                                 \
        if (!(watch)->is_over)                                           \
            (watch)->err = cl_fail((error), &(watch)->why, __VA_ARGS__); \
        (watch)->is_over = true;                                         \
    } while (0)

/* -- showing ----------------------------------------------------------------------------------- */

static void
draw_receipt(struct cl_page *page, cl_str receipt)
{
    struct cl_json_cursor cursor;
    struct cl_json_member step;
    cl_str ended = cl_doc_find(receipt, CL_STR("ended"));
    cl_str last = CL_STR("");
    cl_json_cursor_init(&cursor, cl_doc_find(receipt, CL_STR("rungs")));
    while (cl_json_cursor_next(&cursor, &step))
        last = step.value;
    cl_page_print(page, "receipt ");
    cl_page_value(page, cl_doc_find(receipt, CL_STR("id")));
    cl_page_print(page, ": ");
    cl_page_value(page, cl_doc_find(last, CL_STR("rung")));
    cl_page_print(page, " by ");
    cl_page_value(page, cl_doc_find(last, CL_STR("by")));
    if (ended.len > 0) {
        cl_page_print(page, ", ");
        cl_page_value(page, cl_doc_find(ended, CL_STR("outcome")));
        cl_page_print(page, " by ");
        cl_page_value(page, cl_doc_find(ended, CL_STR("by")));
    }
    if (cl_doc_find(ended, CL_STR("reason")).len > 0) {
        cl_page_print(page, ": ");
        cl_page_value(page, cl_doc_find(ended, CL_STR("reason")));
    }
    cl_page_print(page, "\n");
}

static void
draw_agent(struct cl_page *page, cl_str agent)
{
    cl_page_print(page, "agent ");
    cl_page_value(page, cl_doc_find(agent, CL_STR("agent")));
    cl_page_print(page, ": ");
    cl_page_value(page, cl_doc_find(agent, CL_STR("now")));
    cl_page_print(page, "\n");
}

/* {"event":...} around a value, or with what was begun; drawn from the value. */
static void
draw_event(struct cl_page *page, cl_str event)
{
    cl_str message = cl_doc_find(event, CL_STR("message"));
    cl_str receipt = cl_doc_find(event, CL_STR("receipt"));
    if (message.len > 0)
        cl_mail_draw(page, message, "inbox");
    else if (receipt.len > 0)
        draw_receipt(page, receipt);
    else
        draw_agent(page, event);
}

static void
show(struct watch *watch, struct cl_json_writer *json)
{
    struct cl_why why;
    cl_json_object_end(json);
    enum cl_err err = cl_json_writer_end(json);
    if (err != CL_OK)
        END(watch, err, "Out of memory.");
    else if (cl_view_result(&watch->run->view, cl_buf_str(&watch->run->body), draw_event, &why) !=
             CL_OK)
        END(watch, CL_ERR_IO, "%s", why.text);
}

static void
show_change(void *ctx, enum cl_crowd_change change, cl_str agent)
{
    static const char *const words[] = {"online", "stale", "gone"};
    struct watch *watch = ctx;
    struct cl_json_writer json;
    cl_run_body(watch->run, &json);
    cl_json_put_member(&json, CL_STR("agent"), agent);
    cl_json_put_member(&json, CL_STR("now"), cl_str_z(words[change]));
    show(watch, &json);
}

static void
show_receipt(struct watch *watch, const struct claw_event *event)
{
    struct cl_json_writer json;
    cl_run_body(watch->run, &json);
    cl_json_put_name(&json, CL_STR("receipt"));
    cl_claw_put_receipt(&json, event);
    show(watch, &json);
}

static bool
was_shown(const struct watch *watch, cl_id id)
{
    for (size_t i = 0; i < SHOWN_MAX; i++)
        if (cl_id_eq(watch->shown[i], id))
            return true;
    return false;
}

static void
show_message(struct watch *watch, const struct cl_mail *mail, const struct cl_v2_added *added)
{
    struct cl_json_writer json;
    if (was_shown(watch, mail->header.id))
        return;
    watch->shown[watch->shown_at] = mail->header.id;
    watch->shown_at = (watch->shown_at + 1) % SHOWN_MAX;
    cl_run_body(watch->run, &json);
    cl_json_put_name(&json, CL_STR("message"));
    cl_mail_put(&json, mail, added);
    show(watch, &json);
}

static void
note_unread(struct watch *watch, const char *why)
{
    cl_view_note(&watch->run->view, "A message cannot be read: %s.", why);
}

/* -- asking ------------------------------------------------------------------------------------ */

static void
call(struct watch *watch, enum cl_v2_method method, const void *params)
{
    if (cl_claw_call(watch->client, method, params) != CL_OK)
        END(watch, CL_ERR_NO_MEMORY, "Out of memory.");
}

static cl_str
me(const struct watch *watch)
{
    return cl_me_address(&watch->run->me);
}

static void look_behind(struct watch *watch, unsigned lane, uint32_t limit);

/* What lies behind the last message of its lane that was shown; the lanes after it come too, and
 * have a look of their own. */
static void
take_inbox(struct watch *watch, const struct cl_envelope_reader *reader,
           const struct cl_v2_inbox_view *view)
{
    const struct cl_v2_letter *letters = view->messages.ptr;
    bool is_new = false;
    for (uint32_t i = 0; i < view->messages.len && !watch->is_over; i++) {
        struct cl_mail mail;
        struct cl_why why = {""};
        uint64_t *high = &watch->high[letters[i].at.priority];
        if (letters[i].at.first <= *high)
            continue;
        is_new = true;
        *high = letters[i].at.first;
        if (cl_mail_open(reader, &letters[i].envelope, &mail, &why) == CL_OK)
            show_message(watch, &mail, letters[i].relay);
        else
            note_unread(watch, why.text);
    }
    if (is_new)
        look_behind(watch, letters[view->messages.len - 1].at.priority, CL_CLI_WATCH_PAGE);
}

static void
look_behind(struct watch *watch, unsigned lane, uint32_t limit)
{
    struct cl_v2_inbox params = {.agent = me(watch), .limit = limit};
    if (watch->high[lane] > 0)
        params.after = (struct cl_range){
            .priority = (uint8_t)lane, .first = watch->high[lane], .last = watch->high[lane]};
    call(watch, CL_V2_INBOX, &params);
}

/* From the beginning, and behind each message that was the last of its lane: what is new in a lane
 * of which nothing was shown comes right behind one of these. */
static void
look(struct watch *watch)
{
    watch->look_at = cl_instant_add(cl_clock_monotonic(), CL_CLI_LOOK_MS);
    for (unsigned lane = 0; lane < CL_PRIORITY_COUNT; lane++)
        if (lane == 0 || watch->high[lane] > 0)
            look_behind(watch, lane, 1);
}

/* A round is over, or broke off with the connection. */
static void
end_round(struct watch *watch)
{
    watch->is_meeting = false;
    if (watch->meets_again)
        watch->agents_at = cl_clock_monotonic();
}

static void
take_agents(struct watch *watch, const struct cl_v2_agent_list *list)
{
    enum cl_err err =
        cl_crowd_meet(&watch->crowd, list->agents.ptr, list->agents.len, show_change, watch);
    if (err != CL_OK)
        END(watch, err, "Out of memory.");
    const struct cl_v2_agents next = {.after = list->next};
    if (list->next.len == 0) {
        cl_crowd_end(&watch->crowd, show_change, watch);
        end_round(watch);
    } else if (cl_places_pass(&watch->places, list->next)) {
        call(watch, CL_V2_AGENTS, &next);
    } else {
        END(watch, CL_ERR_IO,
            "The relay does not keep to protocol v2: its list of agents comes to "
            "no end.");
    }
}

/* One round after the other: who is met in the last answers of a round is not gone in the next one
 * that began meanwhile. */
static void
ask_who_is_there(struct watch *watch)
{
    const struct cl_v2_agents params = {.limit = 0};
    watch->agents_at = cl_instant_add(cl_clock_monotonic(), CL_CLI_AGENTS_MS);
    watch->meets_again = watch->is_meeting;
    if (watch->is_meeting)
        return;
    watch->is_meeting = true;
    watch->places = (struct cl_places){0};
    cl_crowd_begin(&watch->crowd);
    call(watch, CL_V2_AGENTS, &params);
}

/* What failed is asked again soon. */
static void
take_result(struct watch *watch, const struct claw_event *event)
{
    enum cl_v2_method method = (enum cl_v2_method)event->tag;
    union {
        struct cl_v2_inbox_view inbox;
        struct cl_v2_agent_list agents;
    } result;
    struct cl_arena arena;
    cl_hash_key key;
    cl_random_bytes(&key, sizeof key);
    cl_arena_init(&arena, CL_CLI_ANSWER_ARENA_BYTES_MAX);
    const struct cl_envelope_reader reader = {.arena = &arena, .hash_key = &key};
    enum cl_err err = cl_claw_read(&reader, event, &result);
    if (method == CL_V2_AGENTS && err == CL_OK)
        take_agents(watch, &result.agents);
    else if (method == CL_V2_AGENTS)
        end_round(watch);
    else if (err == CL_OK)
        take_inbox(watch, &reader, &result.inbox);
    cl_arena_done(&arena);
}

/* -- the connection ---------------------------------------------------------------------------- */

static void
on_up(struct watch *watch, const struct claw_event *event)
{
    cl_str epoch = cl_str_z(event->epoch);
    bool is_first = watch->epoch[0] == '\0';
    bool is_restart = !is_first && !cl_str_eq(epoch, cl_str_z(watch->epoch));
    (void)cl_str_copy(watch->epoch, sizeof watch->epoch, epoch); // its shape's bound
    if (is_first)
        cl_view_note(&watch->run->view, "Watching as %.*s; Ctrl-C ends it.", CL_STR_ARG(me(watch)));
    bool is_empty = is_restart && event->durability == CLAW_DURABILITY_MEMORY;
    if (watch->is_away)
        cl_view_note(&watch->run->view, "The relay is back%s.",
                     is_empty ? ", with nothing of what it had" : "");
    watch->is_away = false;
    if (is_empty) // it counts anew; what was shown is known by its id
        memset(watch->high, 0, sizeof watch->high);
    watch->look_at = watch->takes ? CL_INSTANT_NEVER : cl_clock_monotonic();
    watch->agents_at = cl_clock_monotonic();
}

static void
on_down(struct watch *watch, const struct claw_event *event)
{
    watch->look_at = watch->agents_at = CL_INSTANT_NEVER;
    if (watch->is_away)
        return;
    watch->is_away = true;
    cl_view_note(&watch->run->view, "%.300s Waiting for the relay to come back.", event->text);
}

/* Who waits for the next message shall know why none comes. */
static void
tell_of_credit(struct watch *watch)
{
    if (watch->has_kept_some)
        return;
    watch->has_kept_some = true;
    cl_view_note(&watch->run->view,
                 "What could not be shown stays in the inbox. When %d of these wait, or fewer "
                 "large ones, nothing more is taken: `clawlink ack ID` takes one out.",
                 CL_CREDIT_MESSAGES);
}

/* It is acknowledged when it was written out. What could not be stays in hand, where it is neither
 * lost nor handed out again at once; it goes back with the connection. */
static void
take(struct watch *watch, const struct claw_event *event)
{
    struct cl_mail mail;
    struct cl_v2_added added;
    struct cl_v2_chain chain;
    cl_mail_of_event(event, &mail, &added, &chain);
    show_message(watch, &mail, &added);
    if (watch->is_over)
        return;
    if (cl_mail_is_shown(&mail, watch->run->view.kind == &cl_view_json))
        (void)claw_ack(watch->client, event->agent, event->id, CLAW_RUNG_DELIVERED, 0);
    else
        tell_of_credit(watch);
}

static void
on_event(void *user, claw_client *client, const struct claw_event *event)
{
    struct watch *watch = user;
    (void)client;
    if (watch->is_over)
        return;
    switch (event->type) {
    case CLAW_EVENT_UP:
        on_up(watch, event);
        return;
    case CLAW_EVENT_DOWN:
        on_down(watch, event);
        return;
    case CLAW_EVENT_ENDED:
        END(watch, cl_api_err_of(event->err), "%s", event->text);
        return;
    case CLAW_EVENT_MESSAGE:
        take(watch, event);
        return;
    case CLAW_EVENT_UNVERIFIED:
        note_unread(watch, event->text);
        return;
    case CLAW_EVENT_RECEIPT:
        show_receipt(watch, event);
        return;
    case CLAW_EVENT_JOINED:
        watch->agents_at = cl_clock_monotonic(); // the list says more
        return;
    case CLAW_EVENT_RESULT:
        take_result(watch, event);
        return;
    default:
        return;
    }
}

/* -- all of it --------------------------------------------------------------------------------- */

static enum cl_err
begin(struct watch *watch, struct cl_why *why)
{
    struct claw_agent agent;
    claw_agent_init(&agent, sizeof agent);
    agent.agent = watch->run->me.text;
    agent.is_quiet = !watch->takes;
    watch->look_at = watch->agents_at = CL_INSTANT_NEVER;
    enum cl_err err = cl_claw_new(watch->run, on_event, watch, &watch->client, why);
    if (err == CL_OK)
        err = cl_api_err_of(claw_attach(watch->client, &agent));
    if (err == CL_OK)
        err = cl_client_exit_on_signals(watch->run->client, 0);
    return err == CL_OK ? CL_OK : cl_fail(err, why, "Cannot watch: %s.", cl_err_wire(err));
}

static void
follow(struct watch *watch)
{
    while (!watch->is_over) {
        cl_instant now = cl_clock_monotonic();
        if (watch->look_at.ms <= now.ms)
            look(watch);
        if (watch->agents_at.ms <= now.ms)
            ask_who_is_there(watch);
        cl_instant next = cl_instant_earlier(watch->look_at, watch->agents_at);
        enum cl_err err = cl_claw_turn(watch->run, watch->client, next, &watch->why);
        if (err != CL_OK && !watch->is_over) {
            watch->is_over = true;
            watch->err = err;
        }
    }
}

static enum cl_err
run_watch(struct cl_run *run, struct cl_why *why)
{
    struct watch watch = {.run = run, .takes = run->opts.values[TAKE] != NULL};
    cl_crowd_init(&watch.crowd);
    enum cl_err err = begin(&watch, why);
    if (err == CL_OK) {
        follow(&watch);
        *why = watch.why;
        err = watch.err;
    }
    (void)claw_free(watch.client); // from nowhere within it
    cl_crowd_done(&watch.crowd);
    return err;
}

const struct cl_cmd cl_cmd_watch = {
    .name = "watch",
    .summary = "Show what concerns me as it happens, until Ctrl-C",
    .needs_me = true,
    .options = options,
    .notes =
        "Messages that wait and that come, receipts of what I sent, agents that come and go. It\n"
        "looks and leaves the messages where they are, so that another program can take them;\n"
        "with --take it takes them itself, but for blobs and, without --json, what is no text:\n"
        "these are shown and stay. An outage of the relay is waited out. Ctrl-C ends with status\n"
        "0. With --json each line is {\"message\":...}, {\"receipt\":...} or\n"
        "{\"agent\":...,\"now\":...}.",
    .examples = "clawlink watch\n"
                "clawlink watch --agent otto --take --json",
    .run = run_watch,
};
