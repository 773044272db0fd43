// SPDX-License-Identifier: MIT
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "support/claw_lab.h"

#define LARGE (3u << 20)

/* What both ends know. */
struct talk {
    claw_client *mira; // laptop/mira, in this thread
    claw_client *otto; // mini/otto, with a thread of its own
    char id[CLAW_ID_CAP];
};

static int
is(const char *got, const char *wanted)
{
    return strcmp(got, wanted) == 0;
}

/* The receipt of that message with that rung or outcome. */
static void
await_receipt(claw_client *client, const char *id, uint32_t rung, uint32_t outcome)
{
    int is_there = 0;
    while (!is_there) {
        const struct claw_event *event = lab_await(client, CLAW_EVENT_RECEIPT);
        is_there = is(event->id, id) && event->rung >= rung && event->outcome == outcome;
        claw_event_free(client, event);
    }
}

static void
begin(struct talk *talk, const char *url)
{
    struct claw_agent agent;
    const char *const capabilities[] = {"review", "c"};
    talk->mira = lab_client(url, "laptop", "mira", 0);
    talk->otto = lab_client(url, "mini", NULL, 1);
    claw_agent_init(&agent, sizeof agent);
    agent.agent = "mini/otto";
    agent.name = "Otto";
    agent.description = "Reviews";
    agent.capabilities = capabilities;
    agent.capabilities_len = 2;
    agent.metadata = "{\"model\":\"any\"}";
    NEED(claw_attach(talk->otto, &agent) == CLAW_OK);
    NEED(claw_is_up(talk->mira) == 0);
    const struct claw_event *up = lab_await(talk->mira, CLAW_EVENT_UP);
    NEED(up->err == CLAW_OK && up->epoch[0] != '\0' && up->body_bytes_max == 32768);
    claw_event_free(talk->mira, up);
    lab_pass(talk->otto, CLAW_EVENT_UP);
    const struct claw_event *attached = lab_await(talk->otto, CLAW_EVENT_ATTACHED);
    NEED(is(attached->agent, "mini/otto") && attached->is_new == 1 && attached->waiting == 0);
    claw_event_free(talk->otto, attached);
    NEED(claw_is_up(talk->mira) == 1 && claw_is_up(talk->otto) == 1);
    NEED(claw_fd(talk->mira) >= 0 && claw_fd(talk->otto) == -1);
    NEED(claw_event_fd(talk->mira) == -1 && claw_event_fd(talk->otto) >= 0);
    NEED(claw_turn(talk->otto, 0) == CLAW_ERR_USAGE && claw_start(talk->otto) == CLAW_ERR_USAGE);
    NEED(claw_drain(talk->otto, WAIT_MS) == CLAW_OK);
}

static void
say_and_hear(struct talk *talk)
{
    struct claw_letter letter = lab_letter("mira", "mini/otto", "Review the parser");
    letter.thread = "parser";
    letter.priority = CLAW_PRIORITY_HIGH;
    letter.deadline_s = 60;
    letter.tag = 77;
    lab_send(talk->mira, &letter, talk->id);
    const struct claw_event *sent = lab_await(talk->mira, CLAW_EVENT_SENT);
    NEED(sent->err == CLAW_OK && sent->tag == 77 && is(sent->id, talk->id));
    NEED(is(sent->agent, "laptop/mira") && is(sent->to, "mini/otto"));
    NEED(sent->rung >= CLAW_RUNG_ACCEPTED && sent->is_duplicate == 0);
    claw_event_free(talk->mira, sent);

    const struct claw_event *heard = lab_await(talk->otto, CLAW_EVENT_MESSAGE);
    NEED(is(heard->id, talk->id) && is(heard->agent, "mini/otto") && is(heard->re, ""));
    NEED(is(heard->from, "laptop/mira") && is(heard->to, "mini/otto"));
    NEED(is(heard->thread, "parser") && is(heard->content_type, "") && heard->has_blob == 0);
    NEED(heard->body_len == 17 && is(heard->body, "Review the parser"));
    NEED(heard->priority == CLAW_PRIORITY_HIGH && heard->trust == CLAW_TRUST_RELAY);
    NEED(heard->deadline_ms == heard->made_ms + 60000 && heard->accepted_ms >= heard->made_ms);
    NEED(claw_ack(talk->otto, "otto", heard->id, CLAW_RUNG_SEEN, CLAW_PROOF_TRANSCRIPT) == CLAW_OK);
    NEED(claw_ack(talk->otto, "otto", heard->id, 0, 0) == CLAW_ERR_NOT_FOUND);
    claw_event_free(talk->otto, heard);
    await_receipt(talk->mira, talk->id, CLAW_RUNG_SEEN, CLAW_OUTCOME_NONE);
}

static void
report_on_it(struct talk *talk)
{
    struct claw_report report;
    claw_report_init(&report, sizeof report);
    report.agent = "mini/otto";
    report.id = talk->id;
    report.rung = CLAW_RUNG_IN_PROGRESS;
    report.outcome = CLAW_OUTCOME_FAILED;
    report.reason = "the build is red";
    report.tag = 5;
    NEED(claw_report(talk->otto, &report) == CLAW_OK);
    const struct claw_event *result = lab_await(talk->otto, CLAW_EVENT_RESULT);
    NEED(result->err == CLAW_OK && result->tag == 5);
    claw_event_free(talk->otto, result);
    await_receipt(talk->mira, talk->id, CLAW_RUNG_IN_PROGRESS, CLAW_OUTCOME_FAILED);
}

static void
refuse_and_release(struct talk *talk)
{
    struct claw_letter letter = lab_letter("mira", "cap:review", "not this one");
    char id[CLAW_ID_CAP];
    lab_send(talk->mira, &letter, id);
    lab_pass(talk->mira, CLAW_EVENT_SENT); // she has no thread: waiting is what sends
    for (unsigned attempts = 0; attempts < 2; attempts++) {
        const struct claw_event *heard = lab_await(talk->otto, CLAW_EVENT_MESSAGE);
        NEED(is(heard->id, id) && heard->attempts == attempts);
        if (attempts == 0)
            NEED(claw_release(talk->otto, "otto", id) == CLAW_OK);
        else
            NEED(claw_refuse(talk->otto, "otto", id, "no parser here") == CLAW_OK);
        claw_event_free(talk->otto, heard);
    }
    await_receipt(talk->mira, id, CLAW_RUNG_ACCEPTED, CLAW_OUTCOME_REJECTED);
}

static void
answer_next(struct talk *talk, const char *text, uint32_t outcome)
{
    const struct claw_event *question = lab_await(talk->otto, CLAW_EVENT_MESSAGE);
    struct claw_letter letter = lab_letter("otto", question->from, text);
    letter.re = question->id;
    letter.outcome = outcome;
    lab_send(talk->otto, &letter, NULL);
    NEED(claw_ack(talk->otto, "otto", question->id, 0, 0) == CLAW_OK);
    claw_event_free(talk->otto, question);
}

static void
ask_and_answer(struct talk *talk)
{
    struct claw_letter letter = lab_letter("mira", "mini/otto", "Which tests are red?");
    char id[CLAW_ID_CAP];
    letter.tag = 9;
    NEED(claw_ask(talk->mira, &letter, WAIT_MS, id) == CLAW_OK);
    lab_pass(talk->mira, CLAW_EVENT_SENT);
    answer_next(talk, "none", CLAW_OUTCOME_COMPLETED);
    const struct claw_event *answer = lab_await(talk->mira, CLAW_EVENT_ANSWER);
    NEED(answer->err == CLAW_OK && answer->tag == 9 && is(answer->re, id));
    NEED(is(answer->body, "none") && is(answer->from, "mini/otto"));
    NEED(claw_ack(talk->mira, "mira", answer->id, 0, 0) == CLAW_OK);
    claw_event_free(talk->mira, answer);

    letter.to = "nobody-has-this/name";
    NEED(claw_ask(talk->mira, &letter, WAIT_MS, id) == CLAW_OK);
    answer = lab_await(talk->mira, CLAW_EVENT_ANSWER);
    NEED(answer->err == CLAW_ERR_NO_AGENT && is(answer->re, id) && answer->tag == 9);
    NEED(strstr(answer->text, "no agent") != NULL || answer->text[0] != '\0');
    claw_event_free(talk->mira, answer);

    letter.to = "mini/otto";
    NEED(claw_ask(talk->mira, &letter, 30, id) == CLAW_OK);
    answer = lab_await(talk->mira, CLAW_EVENT_ANSWER);
    NEED(answer->err == CLAW_ERR_TIMEOUT && is(answer->re, id));
    claw_event_free(talk->mira, answer);
    answer_next(talk, "too late", CLAW_OUTCOME_NONE);
    answer = lab_await(talk->mira, CLAW_EVENT_MESSAGE);
    NEED(is(answer->re, id) && claw_ack(talk->mira, "mira", answer->id, 0, 0) == CLAW_OK);
    claw_event_free(talk->mira, answer);
    NEED(claw_cancel_ask(talk->mira, id) == CLAW_ERR_NOT_FOUND);
}

/* It ended, and who asked is told how. */
static void
ask_in_vain(struct talk *talk)
{
    struct claw_letter letter = lab_letter("mira", "mini/otto", "Will you?");
    char id[CLAW_ID_CAP];
    NEED(claw_ask(talk->mira, &letter, WAIT_MS, id) == CLAW_OK);
    lab_pass(talk->mira, CLAW_EVENT_SENT);
    const struct claw_event *question = lab_await(talk->otto, CLAW_EVENT_MESSAGE);
    NEED(claw_refuse(talk->otto, "otto", question->id, "no") == CLAW_OK);
    claw_event_free(talk->otto, question);
    const struct claw_event *answer = lab_await(talk->mira, CLAW_EVENT_ANSWER);
    NEED(answer->err == CLAW_ERR_ENDED && answer->outcome == CLAW_OUTCOME_REJECTED);
    NEED(is(answer->reason, "no") && is(answer->re, id));
    claw_event_free(talk->mira, answer);
}

static void
send_what_is_large(struct talk *talk)
{
    char *large = malloc(LARGE), *back = malloc(LARGE);
    char sha256[CLAW_SHA256_CAP];
    struct claw_letter letter = lab_letter("mira", "mini/otto", "");
    NEED(large != NULL && back != NULL);
    for (size_t i = 0; i < LARGE; i++)
        large[i] = (char)(i * 2654435761u >> 13);
    letter.body = large;
    letter.body_len = LARGE;
    letter.content_type = "application/x-noise";
    NEED(claw_send(talk->mira, &letter, NULL) == CLAW_ERR_TOO_LARGE);
    NEED(claw_send_large(talk->mira, &letter, WAIT_MS, talk->id) == CLAW_OK);
    lab_pass(talk->mira, CLAW_EVENT_SENT);
    const struct claw_event *heard = lab_await(talk->otto, CLAW_EVENT_MESSAGE);
    NEED(is(heard->id, talk->id) && heard->has_blob == 1 && heard->blob_size == LARGE);
    NEED(is(heard->blob_type, "application/x-noise") && strlen(heard->blob_sha256) == 64);
    NEED(claw_get_blob(talk->otto, heard->blob_sha256, back, LARGE, WAIT_MS) == CLAW_OK);
    NEED(memcmp(large, back, LARGE) == 0);
    NEED(claw_ack(talk->otto, "otto", heard->id, 0, 0) == CLAW_OK);
    claw_event_free(talk->otto, heard);
    letter.content_type = NULL; // it is no text
    NEED(claw_send_large(talk->mira, &letter, WAIT_MS, talk->id) == CLAW_OK);
    heard = lab_await(talk->mira, CLAW_EVENT_SENT);
    NEED(heard->err == CLAW_OK); // though its blob may just have gone with the first message
    claw_event_free(talk->mira, heard);
    heard = lab_await(talk->otto, CLAW_EVENT_MESSAGE);
    NEED(is(heard->id, talk->id) && is(heard->blob_type, "application/octet-stream"));
    NEED(claw_ack(talk->otto, "otto", heard->id, 0, 0) == CLAW_OK);
    claw_event_free(talk->otto, heard);
    NEED(claw_put_blob(talk->mira, "small", 5, WAIT_MS, sha256) == CLAW_OK);
    NEED(claw_get_blob(talk->otto, sha256, back, 5, WAIT_MS) == CLAW_OK);
    NEED(memcmp(back, "small", 5) == 0);
    sha256[0] = sha256[0] == '0' ? '1' : '0';
    NEED(claw_get_blob(talk->otto, sha256, back, 5, WAIT_MS) == CLAW_ERR_NOT_FOUND);
    NEED(claw_put_blob(talk->mira, "", 0, WAIT_MS, sha256) == CLAW_ERR_USAGE);
    free(large);
    free(back);
}

static void
share_files(struct talk *talk)
{
    struct claw_file file;
    const struct claw_event *got;
    uint64_t version = 0;
    claw_file_init(&file, sizeof file);
    file.agent = "mira";
    file.key = "notes/a b.md";
    file.type = "markdown";
    file.text = "# Zwölf\n";
    file.text_len = strlen(file.text);
    NEED(claw_put_file(talk->mira, &file, WAIT_MS, &version) == CLAW_OK && version == 1);
    NEED(claw_put_file(talk->mira, &file, WAIT_MS, &version) == CLAW_OK && version == 2);
    NEED(claw_get_file(talk->otto, file.key, WAIT_MS, &got) == CLAW_OK);
    NEED(got->type == CLAW_EVENT_FILE && is(got->body, file.text));
    NEED(strstr(got->json, "\"markdown\"") != NULL && strlen(got->json) == got->json_len);
    claw_event_free(talk->otto, got);
    for (int i = 0; i < 2; i++) {
        NEED(claw_get_file(talk->otto, i == 0 ? NULL : "", WAIT_MS, &got) == CLAW_OK);
        NEED(strstr(got->json, "a b.md") != NULL);
        claw_event_free(talk->otto, got);
    }
    NEED(claw_get_file(talk->otto, "nobody's", WAIT_MS, &got) != CLAW_OK && got == NULL);
}

static void
call(struct talk *talk)
{
    NEED(claw_call(talk->mira, "agents", "{\"capability\":\"review\"}", 3) == CLAW_OK);
    const struct claw_event *result = lab_await(talk->mira, CLAW_EVENT_RESULT);
    NEED(result->err == CLAW_OK && result->tag == 3 && strstr(result->json, "mini/otto") != NULL);
    claw_event_free(talk->mira, result);
    NEED(claw_call(talk->mira, "trace",
                   "{\"id\":\"AAECAwQFBgcICQoLDA0ODw\",\"agent\":\"laptop/mira\"}", 4) == CLAW_OK);
    result = lab_await(talk->mira, CLAW_EVENT_RESULT);
    NEED(result->err == CLAW_ERR_NOT_FOUND && result->tag == 4 && result->text[0] != '\0');
    claw_event_free(talk->mira, result);
    NEED(claw_call(talk->mira, "ack", "{}", 1) == CLAW_ERR_NOT_FOUND);
    NEED(claw_call(talk->mira, "agents", "{\"capability\":7}", 1) == CLAW_ERR_MALFORMED);
    NEED(claw_call(talk->mira, "agents", "[]", 1) == CLAW_ERR_USAGE);
}

static void
ask_for_what_cannot_be(struct talk *talk)
{
    struct claw_letter letter = lab_letter("nele", "mini/otto", "x");
    struct {
        struct claw_letter letter;
        uint64_t newer;
    } newer = {.newer = 1};
    NEED(claw_send(talk->mira, &letter, NULL) == CLAW_ERR_NOT_FOUND);
    letter = lab_letter("mira", "no address at all/", "x");
    NEED(claw_send(talk->mira, &letter, NULL) == CLAW_ERR_USAGE);
    letter = lab_letter("mira", "mini/otto", "x");
    letter.re = "no id";
    NEED(claw_send(talk->mira, &letter, NULL) == CLAW_ERR_USAGE);
    letter = lab_letter("mira", "mini/otto", "x");
    letter.content_type = "no media type";
    NEED(claw_send(talk->mira, &letter, NULL) == CLAW_ERR_MALFORMED);
    letter.size = 0;
    NEED(claw_send(talk->mira, &letter, NULL) == CLAW_ERR_USAGE);
    newer.letter = lab_letter("mira", "mini/otto", "x");
    newer.letter.size = sizeof newer;
    NEED(claw_send(talk->mira, &newer.letter, NULL) == CLAW_ERR_USAGE);
    NEED(claw_attach_name(talk->mira, "elsewhere/mira") == CLAW_ERR_USAGE);
    NEED(claw_attach_name(talk->mira, "") == CLAW_ERR_USAGE);
    NEED(claw_ack(talk->mira, "mira", "AAECAwQFBgcICQoLDA0ODw", 0, 0) == CLAW_ERR_NOT_FOUND);
    NEED(claw_ack(talk->mira, "mira", NULL, 0, 0) == CLAW_ERR_USAGE);
    NEED(claw_detach(talk->mira, "nele", 0) == CLAW_ERR_NOT_FOUND);
}

/* -- a group ----------------------------------------------------------------------------------- */

static claw_client *
member(const char *url, const char *instance, const char *agent, const char *secret)
{
    struct claw_options options;
    claw_client *client;
    claw_options_init(&options, sizeof options);
    options.url = url;
    options.instance = instance;
    options.token = getenv("CLAW_TOKEN");
    options.group_secret = secret;
    NEED(claw_new(&options, &client, NULL, 0) == CLAW_OK);
    NEED(claw_start(client) == CLAW_OK && claw_attach_name(client, agent) == CLAW_OK);
    lab_pass(client, CLAW_EVENT_ATTACHED);
    return client;
}

/* What is sent with that secret, none for NULL, does not come to otto. */
static void
be_refused(const char *url, claw_client *otto, const char *secret)
{
    claw_client *other = member(url, "other", "nele", secret);
    struct claw_letter letter = lab_letter("nele", "mini/otto", "let me in");
    char id[CLAW_ID_CAP];
    lab_send(other, &letter, id);
    const struct claw_event *event = lab_await(otto, CLAW_EVENT_UNVERIFIED);
    NEED(is(event->id, id) && is(event->from, "other/nele") && event->text[0] != '\0');
    NEED(event->err == CLAW_ERR_UNTRUSTED && is(event->agent, "mini/otto"));
    claw_event_free(otto, event);
    await_receipt(other, id, CLAW_RUNG_ACCEPTED, CLAW_OUTCOME_REJECTED);
    NEED(claw_free(other) == CLAW_OK);
}

void
lab_group(const char *url)
{
    claw_client *otto = member(url, "mini", "otto", "the group's secret");
    claw_client *mira = member(url, "laptop", "mira", "the group's secret");
    struct claw_letter letter = lab_letter("mira", "mini/otto", "signed");
    lab_send(mira, &letter, NULL);
    const struct claw_event *heard = lab_await(otto, CLAW_EVENT_MESSAGE);
    NEED(heard->is_verified == 1 && heard->trust == CLAW_TRUST_GROUP);
    NEED(is(heard->body, "signed"));
    NEED(claw_ack(otto, "otto", heard->id, CLAW_RUNG_SEEN, 0) == CLAW_OK);
    claw_event_free(otto, heard);
    be_refused(url, otto, NULL);
    be_refused(url, otto, "another secret");
    // Who is in no group takes what is signed, and believes nothing of it.
    claw_client *other = member(url, "other", "nele", NULL);
    letter.to = "other/nele";
    lab_send(mira, &letter, NULL);
    heard = lab_await(other, CLAW_EVENT_MESSAGE);
    NEED(heard->is_verified == 0 && is(heard->body, "signed"));
    claw_event_free(other, heard);
    NEED(claw_free(otto) == CLAW_OK && claw_free(mira) == CLAW_OK && claw_free(other) == CLAW_OK);
    puts("the group was among itself");
}

void
lab_talk(const char *url)
{
    struct talk talk;
    begin(&talk, url);
    say_and_hear(&talk);
    report_on_it(&talk);
    refuse_and_release(&talk);
    ask_and_answer(&talk);
    ask_in_vain(&talk);
    send_what_is_large(&talk);
    share_files(&talk);
    call(&talk);
    ask_for_what_cannot_be(&talk);
    NEED(claw_detach(talk.mira, "mira", 8) == CLAW_OK);
    lab_pass(talk.mira, CLAW_EVENT_RESULT);
    NEED(claw_drain(talk.mira, WAIT_MS) == CLAW_OK && claw_waiting(talk.mira) == 0);
    NEED(claw_drain(talk.otto, WAIT_MS) == CLAW_OK);
    NEED(claw_free(talk.mira) == CLAW_OK && claw_free(talk.otto) == CLAW_OK);
    puts("all was said");
}
