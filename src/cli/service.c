// SPDX-License-Identifier: MIT
#include "cli/service.h"

#include <stdio.h>
#include <string.h>

#define UNIT_NAME "clawlink-relay.service"
#define LABEL     "io.clawlink.relay"

/* -- texts ----------------------------------------------------------------------------------- */

/* What neither unit's relay may do; a user's manager can enforce it too. */
#define FORBIDDEN_EVERYWHERE                                        \
    "LockPersonality=yes\n"                                         \
    "MemoryDenyWriteExecute=yes\n"                                  \
    "RestrictAddressFamilies=AF_INET AF_INET6 AF_UNIX AF_NETLINK\n" \
    "RestrictNamespaces=yes\n"                                      \
    "RestrictRealtime=yes\n"                                        \
    "RestrictSUIDSGID=yes\n"                                        \
    "SystemCallArchitectures=native\n"                              \
    "SystemCallFilter=@system-service\n"                            \
    "SystemCallFilter=~@privileged @resources\n"                    \
    "SystemCallErrorNumber=EPERM\n"

/* In a text @name@ stands for a value (see fill).
 *
 * AF_NETLINK: getifaddrs(3), by which the relay finds the interfaces to announce itself on.
 * @resources is refused, so limits come from here: LimitNOFILE, LimitCORE.
 * MemoryMax lies above what the relay's own limits add up to, so that it answers 507 before. */
static const char system_unit[] =
    "# Written by `clawlink relay install`. The relay's options belong into\n"
    "# /etc/clawlink/relay.conf, other changes into a drop-in: systemctl edit clawlink-relay\n"
    "[Unit]\n"
    "Description=ClawLink relay\n"
    "Wants=network-online.target\n"
    "After=network-online.target\n"
    "\n"
    "[Service]\n"
    "Type=notify\n"
    "EnvironmentFile=-/etc/clawlink/relay.conf\n"
    "Environment=HOME=%S/clawlink\n" // what the relay makes for itself lies there
    "LoadCredential=token:/etc/clawlink/token\n"
    "ExecStart=@program@ relay --token-file ${CREDENTIALS_DIRECTORY}/token $CLAWLINK_DATA "
    "$CLAWLINK_OPTIONS\n"
    "ExecReload=/bin/sh -c 'kill -HUP \"$MAINPID\"'\n"
    "Restart=on-failure\n"
    "RestartSec=1\n"
    "TimeoutStopSec=90\n"
    "DynamicUser=yes\n"
    "User=clawlink\n"
    "RuntimeDirectory=clawlink\n"
    "StateDirectory=clawlink\n"
    "StateDirectoryMode=0700\n"
    "LogsDirectory=clawlink\n"
    "LogsDirectoryMode=0750\n"
    "LimitNOFILE=65536\n"
    "LimitCORE=0\n"
    "MemoryMax=3G\n"
    "TasksMax=32\n"
    "\n"
    "@rights@"
    "NoNewPrivileges=yes\n"
    "UMask=0077\n"
    "ProtectSystem=strict\n"
    "ProtectHome=yes\n"
    "ProtectProc=invisible\n"
    "ProcSubset=pid\n"
    "ProtectClock=yes\n"
    "ProtectControlGroups=yes\n"
    "ProtectHostname=yes\n"
    "ProtectKernelLogs=yes\n"
    "ProtectKernelModules=yes\n"
    "ProtectKernelTunables=yes\n"
    "PrivateDevices=yes\n"
    "DevicePolicy=closed\n"
    "PrivateMounts=yes\n"
    "PrivateTmp=yes\n"
    "RemoveIPC=yes\n"
    "KeyringMode=private\n" FORBIDDEN_EVERYWHERE "\n"
    "[Install]\n"
    "WantedBy=multi-user.target\n";

/* A user name space of its own would hide the right to bind a low port. */
static const char no_rights[] = "PrivateUsers=yes\n"
                                "CapabilityBoundingSet=\n"
                                "AmbientCapabilities=\n";
static const char low_port_rights[] = "CapabilityBoundingSet=CAP_NET_BIND_SERVICE\n"
                                      "AmbientCapabilities=CAP_NET_BIND_SERVICE\n";

/* A user's manager has no rights to give up, and cannot hide files without a name space. */
static const char user_unit[] =
    "# Written by `clawlink relay install`. The relay's options belong into\n"
    "# ~/.config/clawlink/relay.conf, other changes into a drop-in:\n"
    "# systemctl --user edit clawlink-relay\n"
    "[Unit]\n"
    "Description=ClawLink relay\n"
    "\n"
    "[Service]\n"
    "Type=notify\n"
    "EnvironmentFile=-%h/.config/clawlink/relay.conf\n"
    "ExecStart=@program@ relay --token-file %h/.config/clawlink/token $CLAWLINK_DATA "
    "$CLAWLINK_OPTIONS\n"
    "ExecReload=/bin/sh -c 'kill -HUP \"$MAINPID\"'\n"
    "Restart=on-failure\n"
    "RestartSec=1\n"
    "TimeoutStopSec=90\n"
    "LimitCORE=0\n"
    "MemoryMax=3G\n"
    "TasksMax=32\n"
    "\n"
    "NoNewPrivileges=yes\n"
    "UMask=0077\n" FORBIDDEN_EVERYWHERE "\n"
    "[Install]\n"
    "WantedBy=default.target\n";

static const char conf[] =
    "# The options of `clawlink relay`, on one line; `clawlink help relay` lists them. After a\n"
    "# change: systemctl @user@restart clawlink-relay\n"
    "# With no option here it listens on this machine only. --token-file is given already.\n"
    "CLAWLINK_OPTIONS=@options@\n"
    "# Where it keeps what it accepted. With nothing here that is in memory, and lost when it "
    "stops.\n"
    "CLAWLINK_DATA=@data@\n";

static const char plist[] =
    "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
    "<!DOCTYPE plist PUBLIC \"-//Apple//DTD PLIST 1.0//EN\" "
    "\"http://www.apple.com/DTDs/PropertyList-1.0.dtd\">\n"
    "<!-- Written by `clawlink relay install`; it has not been tried on macOS yet. -->\n"
    "<plist version=\"1.0\">\n"
    "<dict>\n"
    "    <key>Label</key>\n"
    "    <string>" LABEL "</string>\n"
    "    <key>ProgramArguments</key>\n"
    "    <array>\n"
    "        <string>@program@</string>\n"
    "        <string>relay</string>\n"
    "        <string>--token-file</string>\n"
    "        <string>@home@/.config/clawlink/token</string>\n"
    "@data_argument@"
    "@arguments@"
    "    </array>\n"
    "    <key>RunAtLoad</key>\n"
    "    <true/>\n"
    "    <key>KeepAlive</key>\n"
    "    <dict>\n"
    "        <key>SuccessfulExit</key>\n"
    "        <false/>\n"
    "    </dict>\n"
    "    <key>StandardErrorPath</key>\n"
    "    <string>@home@/Library/Logs/clawlink-relay.log</string>\n"
    "    <key>Umask</key>\n"
    "    <integer>63</integer>\n" // 0077
    "</dict>\n"
    "</plist>\n";

/* Takes the next word of a text with blanks between words; false: there is none. */
static bool
next_word(cl_str *rest, cl_str *ret_word)
{
    cl_str text = cl_str_trim(*rest);
    if (text.len == 0)
        return false;
    (void)cl_str_split(text, ' ', ret_word, rest); // the last one has no blank behind it
    return true;
}

static enum cl_err
append_xml(struct cl_buf *out, cl_str text)
{
    enum cl_err err = CL_OK;
    for (size_t i = 0; i < text.len && err == CL_OK; i++) {
        char c = text.ptr[i];
        const char *escape = c == '&' ? "&amp;" : c == '<' ? "&lt;" : c == '>' ? "&gt;" : NULL;
        err = escape != NULL ? cl_buf_append(out, cl_str_z(escape)) : cl_buf_append_byte(out, c);
    }
    return err;
}

static enum cl_err
append_arguments(struct cl_buf *out, cl_str options)
{
    enum cl_err err = CL_OK;
    cl_str word;
    while (err == CL_OK && next_word(&options, &word)) {
        err = cl_buf_append(out, CL_STR("        <string>"));
        if (err == CL_OK)
            err = append_xml(out, word);
        if (err == CL_OK)
            err = cl_buf_append(out, CL_STR("</string>\n"));
    }
    return err;
}

static bool
names_data(cl_str options)
{
    cl_str word;
    while (next_word(&options, &word))
        if (cl_str_eq(word, CL_STR("--data")) || cl_str_starts(word, CL_STR("--data=")))
            return true;
    return false;
}

/* The option --data, if the others do not have it. What relay.conf holds cannot name a folder with
 * a blank in it. */
static enum cl_err
append_data(const struct cl_service *service, struct cl_buf *out)
{
    cl_str home = cl_str_z(service->home);
    if (names_data(service->options))
        return CL_OK;
    if (service->manager == CL_SERVICE_SYSTEM)
        return cl_buf_append(out, CL_STR("--data=/var/lib/clawlink/relay"));
    if (cl_str_find(home, ' ') < home.len)
        return CL_OK;
    enum cl_err err = cl_buf_append(out, CL_STR("--data="));
    if (err == CL_OK)
        err = cl_buf_append(out, home);
    return err == CL_OK ? cl_buf_append(out, CL_STR("/.clawlink/relay")) : err;
}

/* The same for launchd. */
static enum cl_err
append_data_argument(const struct cl_service *service, struct cl_buf *out)
{
    if (names_data(service->options))
        return CL_OK;
    enum cl_err err = cl_buf_append(out, CL_STR("        <string>--data="));
    if (err == CL_OK)
        err = append_xml(out, cl_str_z(service->home));
    return err == CL_OK ? cl_buf_append(out, CL_STR("/.clawlink/relay</string>\n")) : err;
}

/* The value of @name@. Any other word is text that has its @ by right: @system-service. */
static enum cl_err
append_value(const struct cl_service *service, cl_str name, struct cl_buf *out, bool *ret_is_value)
{
    *ret_is_value = true;
    if (cl_str_eq(name, CL_STR("program")))
        return cl_buf_append(out, cl_str_z(service->program));
    if (cl_str_eq(name, CL_STR("rights")))
        return cl_buf_append(out, cl_str_z(service->is_low_port ? low_port_rights : no_rights));
    if (cl_str_eq(name, CL_STR("user")))
        return cl_buf_append(out, cl_str_z(service->manager == CL_SERVICE_USER ? "--user " : ""));
    if (cl_str_eq(name, CL_STR("options")))
        return cl_buf_append(out, service->options);
    if (cl_str_eq(name, CL_STR("home")))
        return append_xml(out, cl_str_z(service->home));
    if (cl_str_eq(name, CL_STR("data")))
        return append_data(service, out);
    if (cl_str_eq(name, CL_STR("data_argument")))
        return append_data_argument(service, out);
    if (cl_str_eq(name, CL_STR("arguments")))
        return append_arguments(out, service->options);
    *ret_is_value = false;
    return CL_OK;
}

static enum cl_err
fill(const struct cl_service *service, const char *text, struct cl_buf *out)
{
    cl_str rest = cl_str_z(text), name;
    enum cl_err err = CL_OK;
    while (rest.len > 0 && err == CL_OK) {
        cl_str before;
        bool is_value = false;
        bool has_at = cl_str_split(rest, '@', &before, &rest);
        err = cl_buf_append(out, before);
        if (!has_at || err != CL_OK)
            continue;
        cl_str behind;
        if (cl_str_split(rest, '@', &name, &behind))
            err = append_value(service, name, out, &is_value);
        if (is_value)
            rest = behind;
        else if (err == CL_OK)
            err = cl_buf_append_byte(out, '@');
    }
    return err;
}

enum cl_err
cl_service_text(const struct cl_service *service, enum cl_service_file file, struct cl_buf *out)
{
    static const char *const units[] = {
        [CL_SERVICE_SYSTEM] = system_unit,
        [CL_SERVICE_USER] = user_unit,
        [CL_SERVICE_LAUNCHD] = plist,
    };
    return fill(service, file == CL_SERVICE_UNIT ? units[service->manager] : conf, out);
}

/* -- options ----------------------------------------------------------------------------------- */

static cl_str
without_quotes(cl_str text)
{
    char first = text.len >= 2 ? text.ptr[0] : '\0';
    bool is_quoted = (first == '"' || first == '\'') && text.ptr[text.len - 1] == first;
    return is_quoted ? cl_str_part(text, 1, text.len - 2) : text;
}

cl_str
cl_service_conf_options(struct cl_buf *text)
{
    cl_str line, name, value, options = CL_STR("");
    for (size_t i = 1; i < text->len; i++)
        if (text->ptr[i - 1] == '\\' && text->ptr[i] == '\n')
            text->ptr[i - 1] = text->ptr[i] = ' ';
    for (cl_str rest = cl_buf_str(text); rest.len > 0;) {
        (void)cl_str_split(rest, '\n', &line, &rest); // one line or more
        if (cl_str_split(line, '=', &name, &value) &&
            cl_str_eq(cl_str_trim(name), CL_STR("CLAWLINK_OPTIONS")))
            options = without_quotes(cl_str_trim(value));
    }
    return options;
}

bool
cl_service_wants_low_port(cl_str options)
{
    static const char option[] = "--port";
    cl_str word, name, text;
    uint64_t port = 0;
    bool is_value = false;
    while (next_word(&options, &word)) {
        word = without_quotes(word);
        bool has_value = cl_str_split(word, '=', &name, &text);
        bool is_port = cl_str_eq(name, cl_str_z(option));
        if (is_value)
            text = word;
        if ((is_value || (is_port && has_value)) && !cl_str_to_u64(text, UINT16_MAX, &port))
            port = 0;
        is_value = is_port && !has_value && !is_value;
    }
    return port > 0 && port < 1024;
}

/* -- places ---------------------------------------------------------------------------------- */

static const char *const places[][CL_SERVICE_FILES] = {
    [CL_SERVICE_SYSTEM] = {[CL_SERVICE_UNIT] = "/etc/systemd/system/" UNIT_NAME,
                           [CL_SERVICE_CONF] = "/etc/clawlink/relay.conf",
                           [CL_SERVICE_TOKEN] = "/etc/clawlink/token"},
    [CL_SERVICE_USER] = {[CL_SERVICE_UNIT] = "/.config/systemd/user/" UNIT_NAME,
                         [CL_SERVICE_CONF] = "/.config/clawlink/relay.conf",
                         [CL_SERVICE_TOKEN] = "/.config/clawlink/token"},
    [CL_SERVICE_LAUNCHD] = {[CL_SERVICE_UNIT] = "/Library/LaunchAgents/" LABEL ".plist",
                            [CL_SERVICE_CONF] = "",
                            [CL_SERVICE_TOKEN] = "/.config/clawlink/token"},
};

static enum cl_err
put_path(const struct cl_service *service, const char *place, char ret_path[static CL_CLI_PATH_CAP],
         struct cl_why *why)
{
    const char *home = service->manager == CL_SERVICE_SYSTEM ? "" : service->home;
    int len = place[0] == '\0'
                  ? snprintf(ret_path, CL_CLI_PATH_CAP, "%s", "")
                  : snprintf(ret_path, CL_CLI_PATH_CAP, "%s%s%s", service->root, home, place);
    if (len < 0 || len >= CL_CLI_PATH_CAP)
        return cl_fail(CL_ERR_USAGE, why, "The path of %.100s is too long: shorten --root or HOME.",
                       place);
    return CL_OK;
}

enum cl_err
cl_service_path(const struct cl_service *service, enum cl_service_file file,
                char ret_path[static CL_CLI_PATH_CAP], struct cl_why *why)
{
    return put_path(service, places[service->manager][file], ret_path, why);
}

enum cl_err
cl_service_enabled_path(const struct cl_service *service, char ret_path[static CL_CLI_PATH_CAP],
                        struct cl_why *why)
{
    static const char *const links[] = {
        [CL_SERVICE_SYSTEM] = "/etc/systemd/system/multi-user.target.wants/" UNIT_NAME,
        [CL_SERVICE_USER] = "/.config/systemd/user/default.target.wants/" UNIT_NAME,
        [CL_SERVICE_LAUNCHD] = "",
    };
    return put_path(service, links[service->manager], ret_path, why);
}

bool
cl_service_is_program(const char *path)
{
    cl_str text = cl_str_z(path);
    for (size_t i = 0; i < text.len; i++) {
        char c = text.ptr[i];
        bool is_letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
        if (!is_letter && !(c >= '0' && c <= '9') && strchr("/._+-", c) == NULL)
            return false;
    }
    // One spelling of each path, so that its beginning says where it leads.
    bool is_plain =
        strstr(path, "//") == NULL && strstr(path, "/./") == NULL && strstr(path, "/../") == NULL;
    return is_plain && text.len > 1 && text.ptr[0] == '/';
}

bool
cl_service_sees_program(const struct cl_service *service)
{
    static const char *const hidden[] = {"home/", "root/", "run/user/", "tmp/", "var/tmp/"};
    cl_str path = cl_str_z(service->program + 1); // behind its first slash
    for (size_t i = 0; i < sizeof hidden / sizeof *hidden; i++)
        if (service->manager == CL_SERVICE_SYSTEM && cl_str_starts(path, cl_str_z(hidden[i])))
            return false;
    return true;
}

/* -- what remains to be typed ------------------------------------------------------------------ */

const char *const *
cl_service_start_commands(enum cl_service_manager manager)
{
    // restart also starts what does not run
    static const char *const of_system[] = {"systemctl daemon-reload",
                                            "systemctl enable clawlink-relay",
                                            "systemctl restart clawlink-relay", NULL};
    static const char *const of_user[] = {
        "systemctl --user daemon-reload", "systemctl --user enable clawlink-relay",
        "systemctl --user restart clawlink-relay",
        "loginctl enable-linger # so that it runs while you are not logged in", NULL};
    static const char *const of_launchd[] = {
        "launchctl bootstrap gui/$(id -u) ~/Library/LaunchAgents/" LABEL ".plist", NULL};
    return manager == CL_SERVICE_SYSTEM ? of_system
           : manager == CL_SERVICE_USER ? of_user
                                        : of_launchd;
}

const char *const *
cl_service_stop_commands(enum cl_service_manager manager)
{
    static const char *const of_system[] = {"systemctl daemon-reload", NULL};
    static const char *const of_user[] = {"systemctl --user daemon-reload", NULL};
    static const char *const of_launchd[] = {"launchctl bootout gui/$(id -u)/" LABEL, NULL};
    return manager == CL_SERVICE_SYSTEM ? of_system
           : manager == CL_SERVICE_USER ? of_user
                                        : of_launchd;
}
