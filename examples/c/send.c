// SPDX-License-Identifier: MIT
/*
 * Sends a message and tells how far it gets, until it was seen or has ended.
 *
 *     send URL INSTANCE/AGENT TO TEXT [TOKEN]
 */
#include <clawlink/client.h>
#include <stdio.h>
#include <string.h>

static const char *const rungs[] = {"", "accepted", "delivered", "injected", "seen", "in_progress"};

/* -1: go on. */
static int
tell(const struct claw_event *event)
{
    switch (event->type) {
    case CLAW_EVENT_SENT:
        if (event->err != CLAW_OK)
            break;
        printf("%s to %s: accepted\n", event->id, event->to);
        return -1;
    case CLAW_EVENT_RECEIPT:
        for (size_t i = 0; i < event->steps_len; i++)
            if (event->steps[i].rung <= CLAW_RUNG_IN_PROGRESS)
                printf("  %s by %s\n", rungs[event->steps[i].rung], event->steps[i].by);
        return event->rung >= CLAW_RUNG_SEEN || event->outcome != CLAW_OUTCOME_NONE ? 0 : -1;
    case CLAW_EVENT_DOWN:
        fprintf(stderr, "send: %s\n", event->text);
        return -1;
    case CLAW_EVENT_ENDED:
        break;
    default: // what a newer library tells
        return -1;
    }
    fprintf(stderr, "send: %s\n", event->text);
    return 1;
}

int
main(int argc, char **argv)
{
    struct claw_options options;
    struct claw_letter letter;
    const struct claw_event *event;
    claw_client *client;
    char why[CLAW_WHY_CAP] = "";
    char *slash = argc < 5 ? NULL : strchr(argv[2], '/');
    if (slash == NULL) {
        fprintf(stderr, "usage: send URL INSTANCE/AGENT TO TEXT [TOKEN]\n");
        return 2;
    }
    *slash = '\0';
    claw_options_init(&options, sizeof options);
    options.url = argv[1];
    options.instance = argv[2];
    options.token = argc > 5 ? argv[5] : NULL;
    if (claw_new(&options, &client, why, sizeof why) != CLAW_OK) {
        fprintf(stderr, "send: %s\n", why);
        return 1;
    }
    claw_letter_init(&letter, sizeof letter);
    letter.from = slash + 1;
    letter.to = argv[3];
    letter.body = argv[4];
    letter.body_len = strlen(argv[4]);
    int status = -1;
    if (claw_attach_name(client, slash + 1) != CLAW_OK ||
        claw_send(client, &letter, NULL) != CLAW_OK) {
        claw_why(client, why, sizeof why);
        fprintf(stderr, "send: %s\n", why);
        status = 1;
    }
    while (status < 0 && (event = claw_next_event(client, -1)) != NULL) {
        status = tell(event);
        claw_event_free(client, event);
    }
    claw_free(client);
    return status;
}
