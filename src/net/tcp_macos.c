// SPDX-License-Identifier: MIT
#include <unistd.h>

#include "net/tcp_private.h"

bool
cl_tcp_os_is_acked(int fd)
{
    int waiting = 0;
    socklen_t len = sizeof waiting;
    return getsockopt(fd, SOL_SOCKET, SO_NWRITE, &waiting, &len) == 0 && waiting == 0;
}

bool
cl_tcp_os_peer_user(int fd, uid_t *ret_user)
{
    gid_t group;
    return getpeereid(fd, ret_user, &group) == 0;
}
