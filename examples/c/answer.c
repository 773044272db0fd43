// SPDX-License-Identifier: MIT
/*
 * An agent that answers each message with its text in capitals, in an event loop of its own (here
 * poll, any other will do).
 *
 *     answer URL INSTANCE/AGENT [TOKEN]
 *
 * Says "ready" when it is connected, and ends when its standard input does.
 */
#include <clawlink/client.h>
#include <ctype.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void
answer(claw_client *client, const struct claw_event *question)
{
    struct claw_letter letter;
    char *text = malloc(question->body_len + 1);
    if (text == NULL)
        return; // it stays in the inbox, and comes again
    for (size_t i = 0; i < question->body_len; i++)
        text[i] = (char)toupper(((const unsigned char *)question->body)[i]);
    claw_letter_init(&letter, sizeof letter);
    letter.from = question->agent;
    letter.to = question->reply_to[0] != '\0' ? question->reply_to : question->from;
    letter.re = question->id;
    letter.thread = question->thread;
    letter.outcome = CLAW_OUTCOME_COMPLETED;
    letter.body = text;
    letter.body_len = question->body_len;
    // Acknowledged only when the answer is taken: who falls in between is asked again.
    if (claw_send(client, &letter, NULL) == CLAW_OK)
        claw_ack(client, question->agent, question->id, CLAW_RUNG_SEEN, 0);
    free(text);
}

static void
take_events(claw_client *client)
{
    const struct claw_event *event;
    while ((event = claw_next_event(client, 0)) != NULL) {
        if (event->type == CLAW_EVENT_UP) {
            puts("ready");
            fflush(stdout);
        } else if (event->type == CLAW_EVENT_MESSAGE) {
            answer(client, event);
        } else if (event->err != CLAW_OK) {
            fprintf(stderr, "answer: %s\n", event->text);
        }
        claw_event_free(client, event);
    }
}

int
main(int argc, char **argv)
{
    struct claw_options options;
    claw_client *client;
    char why[CLAW_WHY_CAP];
    char *slash = argc < 3 ? NULL : strchr(argv[2], '/');
    if (slash == NULL) {
        fprintf(stderr, "usage: answer URL INSTANCE/AGENT [TOKEN]\n");
        return 2;
    }
    *slash = '\0';
    claw_options_init(&options, sizeof options);
    options.url = argv[1];
    options.instance = argv[2];
    options.token = argc > 3 ? argv[3] : NULL;
    if (claw_new(&options, &client, why, sizeof why) != CLAW_OK ||
        claw_attach_name(client, slash + 1) != CLAW_OK) {
        fprintf(stderr, "answer: %s\n", why);
        return 1;
    }
    struct pollfd fds[2] = {{.fd = STDIN_FILENO, .events = POLLIN}, {.events = POLLIN}};
    fds[1].fd = claw_fd(client);
    for (;;) {
        // The client says how long its loop may sleep, and is turned whatever it was woken by.
        poll(fds, 2, (int)claw_deadline(client));
        char byte;
        if (fds[0].revents != 0 && read(STDIN_FILENO, &byte, 1) <= 0)
            break;
        if (claw_turn(client, 0) == CLAW_ERR_INTERNAL)
            break;
        take_events(client);
    }
    claw_drain(client, 5000);
    claw_free(client);
    return 0;
}
