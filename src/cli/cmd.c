// SPDX-License-Identifier: MIT
#include "cli/cmd.h"

#include <stddef.h>

// clang-format off
const struct cl_cmd *const cl_cmds[] = {
    &cl_cmd_relay,
    &cl_cmd_relay_install,
    &cl_cmd_relay_backup,
    &cl_cmd_relay_status,
    &cl_cmd_register,
    &cl_cmd_discover,
    &cl_cmd_heartbeat,
    &cl_cmd_agents,
    &cl_cmd_send,
    &cl_cmd_ask,
    &cl_cmd_inbox,
    &cl_cmd_ack,
    &cl_cmd_watch,
    &cl_cmd_trace,
    &cl_cmd_dead,
    &cl_cmd_dead_show,
    &cl_cmd_dead_retry,
    &cl_cmd_dead_drop,
    &cl_cmd_delegate,
    &cl_cmd_broadcast,
    &cl_cmd_poll,
    &cl_cmd_respond,
    &cl_cmd_file_put,
    &cl_cmd_file_get,
    &cl_cmd_file_list,
    &cl_cmd_agent_link,
    &cl_cmd_agent_link_setup,
    &cl_cmd_scan,
    &cl_cmd_info,
    NULL,
};
// clang-format on

const struct cl_cmd *
cl_cmd_find(cl_str name)
{
    for (size_t i = 0; cl_cmds[i] != NULL; i++)
        if (cl_str_eq(cl_str_z(cl_cmds[i]->name), name))
            return cl_cmds[i];
    return NULL;
}

const struct cl_cmd *
cl_cmd_find_second(const struct cl_cmd *first, cl_str second)
{
    cl_str head, tail;
    for (size_t i = 0; cl_cmds[i] != NULL; i++)
        if (cl_str_split(cl_str_z(cl_cmds[i]->name), ' ', &head, &tail) &&
            cl_str_eq(head, cl_str_z(first->name)) && cl_str_eq(tail, second))
            return cl_cmds[i];
    return NULL;
}
