// SPDX-License-Identifier: MIT
/*
 * journal/memory.h - the journal that keeps nothing: pointers go in, a turn commits them, they
 * come out. Touches no disk; all is gone when the relay stops. Never READ_ONLY; CL_ERR_FULL
 * while CL_JOURNAL_WAITING_MAX commands have not come out.
 */
#ifndef CL_JOURNAL_MEMORY_H
#define CL_JOURNAL_MEMORY_H

#include "journal/journal.h"

/* NULL without memory. cl_journal_close ends it. */
struct cl_journal *cl_journal_memory_open(void);

#endif
