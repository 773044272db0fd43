// SPDX-License-Identifier: MIT
/*
 * base/assert.h - for bugs of ours, never for input of theirs. Stays on in release builds:
 * prints file, line and condition, then aborts. In a library nothing is printed and nothing aborts:
 * the library's part of the process ends (base/guest.h).
 */
#ifndef CL_BASE_ASSERT_H
#define CL_BASE_ASSERT_H

#define CL_ASSERT(condition) \
    ((condition) ? (void)0 : cl_assert_failed(__FILE__, __LINE__, #condition))

_Noreturn void cl_assert_failed(const char *file, int line, const char *condition);

#endif
