// SPDX-License-Identifier: MIT
#include <linux/sockios.h>
#include <sys/ioctl.h>

#include "net/tcp_private.h"

/* struct ucred of unix(7), which the C library shows to GNU programs only. */
struct credentials {
    pid_t process;
    uid_t user;
    gid_t group;
};

bool
cl_tcp_os_is_acked(int fd)
{
    int waiting = 0;
    return ioctl(fd, SIOCOUTQ, &waiting) == 0 && waiting == 0;
}

bool
cl_tcp_os_peer_user(int fd, uid_t *ret_user)
{
    struct credentials peer;
    socklen_t len = sizeof peer;
    if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &len) != 0 || len != sizeof peer)
        return false;
    *ret_user = peer.user;
    return true;
}
