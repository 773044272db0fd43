// SPDX-License-Identifier: MIT
/*
 * tests/sim/mail.h - what becomes of messages after they were accepted: acknowledged, reported on,
 * refused, given back, expired, dead and tried again; told to the model and held against the core.
 */
#ifndef TESTS_SIM_MAIL_H
#define TESTS_SIM_MAIL_H

#include "sim/world.h"

/* The command was applied and not refused; as told_applied. */
void mail_ack(struct world *world, const struct cl_command_ack *fields);
void mail_report(struct world *world, const struct cl_command_report *fields);
void mail_refuse(struct world *world, const struct cl_command_refuse *fields);
void mail_released(struct world *world, const struct cl_command_released *fields);
void mail_retry(struct world *world, const struct cl_command_dead_retry *fields);
void mail_tick(struct world *world, cl_time due);

#endif
