// SPDX-License-Identifier: MIT
/*
 * tests/support/claw_lab.h - programs on libclawlink that a relay is tried with, for
 * tests/integration/test_claw.py. They use include/clawlink/client.h and nothing else of ours.
 *
 *     claw-lab talk URL              two clients say everything that there is to say
 *     claw-lab group URL             who knows the group's secret, and who does not
 *     claw-lab flow URL COUNT        so many messages in order, each once, whatever the relay does
 *     claw-lab backlog URL           as many messages as may wait for a relay, which comes later
 *     claw-lab hammer URL ROUNDS     eight threads at one client, and eight with one each
 *     claw-lab faults URL            the same few calls, with each allocation failing once
 *     claw-lab post URL FIRST COUNT CURSOR    sends numbers, and hears receipts after that cursor
 *     claw-lab take URL              takes them
 *
 * Exit status 0, or the line that says what was found instead. post and take run until they are
 * killed and print the rows of tests/support/mailbox_check.py, in nanoseconds of one clock, and
 * when the connection came and went.
 */
#ifndef TESTS_SUPPORT_CLAW_LAB_H
#define TESTS_SUPPORT_CLAW_LAB_H

#include <clawlink/client.h>

#define WAIT_MS 20000

/* Ends the program where the condition does not hold. */
#define NEED(condition) ((condition) ? (void)0 : lab_failed(__FILE__, __LINE__, #condition))
_Noreturn void lab_failed(const char *file, int line, const char *condition);
/* Shown with the next failure: the sentence of that client. */
void lab_look_at(claw_client *client);

/* A client that has that agent; with its own thread if is_threaded. */
claw_client *lab_client(const char *url, const char *instance, const char *agent, int is_threaded);
/* The next event of that type, others are dropped; never NULL. */
const struct claw_event *lab_await(claw_client *client, uint32_t type);
/* The same, and frees it. */
void lab_pass(claw_client *client, uint32_t type);
/* A letter with a text. */
struct claw_letter lab_letter(const char *from, const char *to, const char *text);
void lab_send(claw_client *client, const struct claw_letter *letter, char ret_id[CLAW_ID_CAP]);

void lab_talk(const char *url);
void lab_group(const char *url);
void lab_flow(const char *url, unsigned count);
void lab_backlog(const char *url);
void lab_hammer(const char *url, unsigned rounds);
void lab_faults(const char *url);
_Noreturn void lab_post(const char *url, unsigned first, unsigned count, const char *cursor);
_Noreturn void lab_take(const char *url);

#endif
