// SPDX-License-Identifier: MIT
#include "net/tcp_private.h"

bool
cl_tcp_os_is_acked(int fd)
{
    int waiting = 0;
    socklen_t len = sizeof waiting;
    return getsockopt(fd, SOL_SOCKET, SO_NWRITE, &waiting, &len) == 0 && waiting == 0;
}
