// SPDX-License-Identifier: MIT
/*
 * cli/door.h - where the admin doors of this machine's relays are (relay/admin.h).
 *
 * A relay makes relay-<port>.sock in the first of these folders that there can be; a verb looks
 * into all of them:
 *
 *     $RUNTIME_DIRECTORY           set by systemd for a service with RuntimeDirectory=
 *     $XDG_RUNTIME_DIR/clawlink    made when missing
 *     /run/clawlink                made when missing, by root, for itself or for --user
 *     ~/.clawlink/run              made when missing
 *
 * A folder counts only if it is one, no link, belongs to this user or root, and only its owner can
 * write to it. Root looks into folders of others as well, but makes no door there.
 */
#ifndef CL_CLI_DOOR_H
#define CL_CLI_DOOR_H

#include "base/buf.h"
#include "base/limits.h"

/* The folder for a relay of this user, made if need be. False: there is none. */
bool cl_door_folder(char ret_folder[static CL_CLI_PATH_CAP]);

/* Root is about to become that user, and makes /run/clawlink for it, unless it is there and in use.
 * No success is promised: the user then looks for a folder as it would by itself. */
void cl_door_give_folder(const char *user);

/* One door that was found. */
struct cl_door {
    char path[CL_CLI_PATH_CAP];
    uint16_t port;
};

/* All sockets named like a door, at most max, those of the first folder first. Whether anybody
 * answers there is another question. */
size_t cl_door_list(struct cl_door *doors, size_t max);

#endif
