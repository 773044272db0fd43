// SPDX-License-Identifier: MIT
/*
 * Asks an agent and prints its answer; the client has a thread of its own.
 *
 *     ask URL INSTANCE/AGENT TO TEXT [TOKEN]
 */
#include <clawlink/client.h>
#include <stdio.h>
#include <string.h>

/* 0: the answer was printed. */
static int
wait_for_answer(claw_client *client)
{
    const struct claw_event *event;
    int status = -1;
    while (status < 0 && (event = claw_next_event(client, -1)) != NULL) {
        if (event->type == CLAW_EVENT_ANSWER && event->err == CLAW_OK) {
            fwrite(event->body, 1, event->body_len, stdout);
            putchar('\n');
            claw_ack(client, event->agent, event->id, CLAW_RUNG_SEEN, 0);
            status = 0;
        } else if (event->type == CLAW_EVENT_ANSWER || event->type == CLAW_EVENT_ENDED) {
            fprintf(stderr, "ask: %s\n", event->text);
            status = 1;
        }
        claw_event_free(client, event);
    }
    return status < 0 ? 1 : status;
}

int
main(int argc, char **argv)
{
    struct claw_options options;
    struct claw_letter letter;
    claw_client *client;
    char why[CLAW_WHY_CAP] = "";
    char *slash = argc < 5 ? NULL : strchr(argv[2], '/');
    if (slash == NULL) {
        fprintf(stderr, "usage: ask URL INSTANCE/AGENT TO TEXT [TOKEN]\n");
        return 2;
    }
    *slash = '\0';
    claw_options_init(&options, sizeof options);
    options.url = argv[1];
    options.instance = argv[2];
    options.token = argc > 5 ? argv[5] : NULL;
    options.is_impatient = 1;
    if (claw_new(&options, &client, why, sizeof why) != CLAW_OK) {
        fprintf(stderr, "ask: %s\n", why);
        return 1;
    }
    claw_letter_init(&letter, sizeof letter);
    letter.from = slash + 1;
    letter.to = argv[3];
    letter.body = argv[4];
    letter.body_len = strlen(argv[4]);
    int status = 1;
    if (claw_start(client) == CLAW_OK && claw_attach_name(client, slash + 1) == CLAW_OK &&
        claw_ask(client, &letter, 60000, NULL) == CLAW_OK) {
        status = wait_for_answer(client);
    } else {
        claw_why(client, why, sizeof why);
        fprintf(stderr, "ask: %s\n", why);
    }
    claw_drain(client, 5000); // the answer's acknowledgement
    claw_free(client);
    return status;
}
