// SPDX-License-Identifier: MIT
/*
 * net/unix.h - Unix sockets at the bottom of a stack: the door for programs of this machine.
 *
 * Everything above is the same as over TCP. Who may come in is decided twice: by the mode of the
 * socket, 0600, and by the user at the other end, who must be this one or root. To the gate such
 * a peer is one of loopback.
 */
#ifndef CL_NET_UNIX_H
#define CL_NET_UNIX_H

#include "net/stream.h"
#include "net/tcp.h"

/* Bytes of a path that every system takes, with its NUL. */
#define CL_UNIX_PATH_CAP 104

/*
 * Makes the socket and listens. A socket of this user that nobody answers on any more, left
 * behind by a crash, is replaced; anything else that is there stays: a file, a link, a socket
 * that lives. The path's last part is never followed, its folder is the caller's to judge. A
 * file beside it, path.lock, is locked (flock) as long as the listener is open, so of two that
 * start at the same moment one gets the path and the other CL_ERR_ADDRESS_IN_USE.
 *
 * CL_ERR_USAGE: the path is too long; CL_ERR_ADDRESS_IN_USE; CL_ERR_FORBIDDEN; CL_ERR_IO. Closing
 * the listener removes the socket, if it still is this one, and the lock.
 */
CL_MUST_CHECK enum cl_err cl_unix_listen(struct cl_loop *loop, cl_str path,
                                         struct cl_listener **ret_listener, struct cl_why *why);
/* Connects at once or not at all. CL_ERR_NO_RELAY: nobody is there; CL_ERR_FORBIDDEN: another
 * user's; CL_ERR_UNAVAILABLE: it does not get round to us; CL_ERR_USAGE, CL_ERR_IO,
 * CL_ERR_NO_MEMORY. */
CL_MUST_CHECK enum cl_err cl_unix_connect(struct cl_loop *loop, cl_str path,
                                          struct cl_stream **ret_stream);

#endif
