// SPDX-License-Identifier: MIT
/*
 * base/banned.h - functions that have a better twin here. Included into every source file by
 * the build; using one does not compile.
 */
#ifndef CL_BASE_BANNED_H
#define CL_BASE_BANNED_H

/* System headers that declare them must come first, before the names are poisoned. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#pragma GCC poison strcpy strcat strncpy strncat sprintf vsprintf gets strtok atoi atol
#pragma GCC poison srand localtime gmtime ctime asctime

/* Not poisoned, since OpenSSL's headers have parameters of that name. */
#define rand() rand_is_banned_use_base_random

#endif
