// SPDX-License-Identifier: MIT
#include "main/notify.h"

#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

/* "/a/path", or "@name" for one in Linux' abstract name space. False: it is neither. */
static bool
read_address(const char *text, struct sockaddr_un *ret_address, socklen_t *ret_len)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    size_t len = strlen(text);
    if ((text[0] != '/' && text[0] != '@') || len < 2 || len >= sizeof address.sun_path)
        return false;
    memcpy(address.sun_path, text, len);
    if (text[0] == '@')
        address.sun_path[0] = '\0';
    *ret_address = address;
    *ret_len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + len);
    return true;
}

static enum cl_err
send_message(const char *message, struct cl_why *why)
{
    struct sockaddr_un address;
    socklen_t len;
    const char *name = getenv("NOTIFY_SOCKET");
    if (name == NULL || name[0] == '\0')
        return CL_OK;
    if (!read_address(name, &address, &len))
        return cl_fail(CL_ERR_USAGE, why, "NOTIFY_SOCKET \"%.100s\" is no address.", name);

    int fd = socket(AF_UNIX, SOCK_DGRAM, 0);
    ssize_t sent =
        fd < 0 ? -1
               : sendto(fd, message, strlen(message), 0, (const struct sockaddr *)&address, len);
    int error = errno;
    if (fd >= 0)
        (void)close(fd); // the datagram is gone or not
    return sent >= 0
               ? CL_OK
               : cl_fail(CL_ERR_IO, why, "NOTIFY_SOCKET \"%.100s\": %s.", name, strerror(error));
}

enum cl_err
cl_notify_ready(const char *url, struct cl_why *why)
{
    char message[CL_NOTIFY_BYTES_MAX];
    (void)snprintf(message, sizeof message, "READY=1\nSTATUS=listening on %s", url); // cut is fine
    return send_message(message, why);
}
