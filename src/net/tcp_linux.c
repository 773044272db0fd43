// SPDX-License-Identifier: MIT
#include <linux/sockios.h>
#include <sys/ioctl.h>

#include "net/tcp_private.h"

bool
cl_tcp_os_is_acked(int fd)
{
    int waiting = 0;
    return ioctl(fd, SIOCOUTQ, &waiting) == 0 && waiting == 0;
}
