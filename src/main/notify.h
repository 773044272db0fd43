// SPDX-License-Identifier: MIT
/*
 * main/notify.h - tells the service manager how the relay is doing (sd_notify(3)).
 *
 * The protocol is one datagram of lines "NAME=value" to the socket that NOTIFY_SOCKET names, so
 * no library is needed for it. Without a manager that listens nothing is sent.
 */
#ifndef CL_MAIN_NOTIFY_H
#define CL_MAIN_NOTIFY_H

#include "base/err.h"

/* The longest message. */
#define CL_NOTIFY_BYTES_MAX 512

/* Serving at url: what waited for it may start. CL_OK also when nobody asked; CL_ERR_USAGE: what
 * NOTIFY_SOCKET says is no address; CL_ERR_IO: nobody took the message. */
CL_MUST_CHECK enum cl_err cl_notify_ready(const char *url, struct cl_why *why);

#endif
