// SPDX-License-Identifier: MIT
/*
 * tests/support/fault.h - fail the nth allocation.
 *
 *     FOR_EACH_FAULT { ... the same work from its beginning to its end ... }
 *
 * The block runs with allocation 1 failing, then 2, 3, ... until it passes without reaching
 * the fault. Inside, fault_happened() says whether it has fired: then an error is expected,
 * otherwise success. Nothing may leak (the sanitizer and valgrind runs see it) or crash.
 * Leave the block by its end: no return, no break.
 */
#ifndef TESTS_SUPPORT_FAULT_H
#define TESTS_SUPPORT_FAULT_H

#include <stdbool.h>

void fault_begin(void);
bool fault_next(void); /* false: the last round ran untouched, all is done */
bool fault_happened(void);
/* Between these two nothing fails, nor is it counted: to set up what a round is about. */
void fault_pause(void);
void fault_go_on(void);

#define FOR_EACH_FAULT for (fault_begin(); fault_next();)

#endif
