// SPDX-License-Identifier: MIT
/*
 * tests/sim/crowd.h - the refusals that only a crowd meets: too many agents, orphans, relays,
 * files. Once per complete run; its replies are counted with the rest.
 */
#ifndef TESTS_SIM_CROWD_H
#define TESTS_SIM_CROWD_H

void crowd_run(void);

#endif
