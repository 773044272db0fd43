// SPDX-License-Identifier: MIT
#include "support/claw_lab.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static _Thread_local claw_client *looked_at;

#if defined(__has_feature)
#if __has_feature(thread_sanitizer)
/* libuv closes descriptors by a bare system call, which the sanitizer does not see: whoever is
 * given a number again seems to race with who had it before. No memory is shared at these four. */
const char *__tsan_default_suppressions(void);

const char *
__tsan_default_suppressions(void)
{
    return "race_top:epoll_create1\nrace_top:eventfd\nrace_top:pipe2\nrace_top:socket\n";
}
#endif
#endif

void
lab_failed(const char *file, int line, const char *condition)
{
    char why[CLAW_WHY_CAP] = "";
    if (looked_at != NULL)
        claw_why(looked_at, why, sizeof why);
    printf("%s:%d: %s does not hold. %s\n", file, line, condition, why);
    (void)fflush(stdout);
    _Exit(1);
}

void
lab_look_at(claw_client *client)
{
    looked_at = client;
}

claw_client *
lab_client(const char *url, const char *instance, const char *agent, int is_threaded)
{
    struct claw_options options;
    claw_client *client;
    claw_options_init(&options, sizeof options);
    options.url = url;
    options.instance = instance;
    options.token = getenv("CLAW_TOKEN");
    options.pins = getenv("CLAW_PINS");
    NEED(claw_new(&options, &client, NULL, 0) == CLAW_OK);
    NEED(!is_threaded || claw_start(client) == CLAW_OK);
    NEED(agent == NULL || claw_attach_name(client, agent) == CLAW_OK);
    return client;
}

const struct claw_event *
lab_await(claw_client *client, uint32_t type)
{
    const struct claw_event *event;
    lab_look_at(client);
    while ((event = claw_next_event(client, WAIT_MS)) != NULL && event->type != type)
        claw_event_free(client, event);
    NEED(event != NULL);
    return event;
}

void
lab_pass(claw_client *client, uint32_t type)
{
    claw_event_free(client, lab_await(client, type));
}

struct claw_letter
lab_letter(const char *from, const char *to, const char *text)
{
    struct claw_letter letter;
    claw_letter_init(&letter, sizeof letter);
    letter.from = from;
    letter.to = to;
    letter.body = text;
    letter.body_len = strlen(text);
    return letter;
}

void
lab_send(claw_client *client, const struct claw_letter *letter, char ret_id[CLAW_ID_CAP])
{
    lab_look_at(client);
    NEED(claw_send(client, letter, ret_id) == CLAW_OK);
}

int
main(int argc, char **argv)
{
    unsigned number = argc < 4 ? 0 : (unsigned)strtoul(argv[3], NULL, 10);
    if (argc < 3)
        return 2;
    if (strcmp(argv[1], "talk") == 0)
        lab_talk(argv[2]);
    else if (strcmp(argv[1], "group") == 0)
        lab_group(argv[2]);
    else if (strcmp(argv[1], "flow") == 0)
        lab_flow(argv[2], number);
    else if (strcmp(argv[1], "backlog") == 0)
        lab_backlog(argv[2]);
    else if (strcmp(argv[1], "hammer") == 0)
        lab_hammer(argv[2], number);
    else if (strcmp(argv[1], "faults") == 0)
        lab_faults(argv[2]);
    else if (strcmp(argv[1], "post") == 0 && argc == 6)
        lab_post(argv[2], number, (unsigned)strtoul(argv[4], NULL, 10), argv[5]);
    else if (strcmp(argv[1], "take") == 0)
        lab_take(argv[2]);
    else
        return 2;
    return 0;
}
