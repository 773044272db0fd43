// SPDX-License-Identifier: MIT
#include "cli/service.h"

#include <stdlib.h>
#include <string.h>

#include "support/fault.h"
#include "support/test.h"

static const struct cl_service machine = {.manager = CL_SERVICE_SYSTEM,
                                          .root = "",
                                          .home = "",
                                          .program = "/usr/bin/clawlink",
                                          .options = CL_STR_INIT("--host 0.0.0.0  --port 9100")};
static const struct cl_service mine = {.manager = CL_SERVICE_USER,
                                       .root = "",
                                       .home = "/users/ada",
                                       .program = "/opt/clawlink",
                                       .options = CL_STR_INIT("")};

/* The text, with a NUL behind it, good until the next call. */
static const char *
text_of(const struct cl_service *service, enum cl_service_file file)
{
    static char text[CL_SERVICE_TEXT_BYTES_MAX + 1];
    struct cl_buf buf;
    cl_buf_init(&buf, CL_SERVICE_TEXT_BYTES_MAX);
    CHECK_OK(cl_service_text(service, file, &buf));
    CHECK(cl_str_copy(text, sizeof text, cl_buf_str(&buf)));
    cl_buf_done(&buf);
    return text;
}

static bool
has(const char *text, const char *part)
{
    return strstr(text, part) != NULL;
}

TEST(the_units_name_the_program_and_their_files)
{
    const char *text = text_of(&machine, CL_SERVICE_UNIT);
    CHECK(has(text, "\nExecStart=/usr/bin/clawlink relay --token-file "));
    CHECK(has(text, "\nLoadCredential=token:/etc/clawlink/token\n"));
    CHECK(has(text, "\nEnvironmentFile=-/etc/clawlink/relay.conf\n"));
    CHECK(has(text,
              "\nSystemCallFilter=@system-service\nSystemCallFilter=~@privileged @resources\n"));
    text = text_of(&mine, CL_SERVICE_UNIT);
    CHECK(has(text, "\nExecStart=/opt/clawlink relay --token-file %h/.config/clawlink/token "));
}

static void
check_options(const char *conf, const char *options)
{
    struct cl_buf buf;
    cl_buf_init(&buf, CL_SERVICE_TEXT_BYTES_MAX);
    CHECK_OK(cl_buf_append(&buf, cl_str_z(conf)));
    CHECK_STR(cl_service_conf_options(&buf), cl_str_z(options));
    cl_buf_done(&buf);
}

TEST(the_options_in_a_file_are_found_again)
{
    check_options(text_of(&machine, CL_SERVICE_CONF), "--host 0.0.0.0  --port 9100");
    check_options(text_of(&mine, CL_SERVICE_CONF), "");
    check_options("", "");
    check_options("mine\n", "");
    check_options("# CLAWLINK_OPTIONS=--port 1\nCLAWLINK_OPTIONS_OLD=--port 2", "");
    check_options("CLAWLINK_OPTIONS=a\n  CLAWLINK_OPTIONS = b=c \nX=1", "b=c");
    check_options("CLAWLINK_OPTIONS=\"a b\"", "a b");
    check_options("CLAWLINK_OPTIONS='a b'\n", "a b");
    check_options("CLAWLINK_OPTIONS='", "'");
    check_options("CLAWLINK_OPTIONS=a \\\nb\n", "a   b");
    check_options("CLAWLINK_OPTIONS=a\\", "a\\");
}

TEST(a_low_port_is_seen_in_the_options)
{
    CHECK(cl_service_wants_low_port(CL_STR("--host :: --port 443 --no-auth")));
    CHECK(cl_service_wants_low_port(CL_STR("--port=1023")));
    CHECK(cl_service_wants_low_port(CL_STR("--port '80'")));
    CHECK(!cl_service_wants_low_port(CL_STR("")));
    CHECK(!cl_service_wants_low_port(CL_STR("--port")));
    CHECK(!cl_service_wants_low_port(CL_STR("--port 0")));
    CHECK(!cl_service_wants_low_port(CL_STR("--port=1024")));
    CHECK(!cl_service_wants_low_port(CL_STR("--port x")));
    CHECK(!cl_service_wants_low_port(CL_STR("--max-connections 443")));
}

TEST(the_options_are_one_line_and_the_words_after_a_change_fit_the_manager)
{
    const char *text = text_of(&machine, CL_SERVICE_CONF);
    CHECK(has(text, "\nCLAWLINK_OPTIONS=--host 0.0.0.0  --port 9100\n"));
    CHECK(has(text, "systemctl restart"));
    text = text_of(&mine, CL_SERVICE_CONF);
    CHECK(has(text, "\nCLAWLINK_OPTIONS=\n"));
    CHECK(has(text, "systemctl --user restart"));
}

TEST(what_a_service_accepts_is_kept_on_the_disk_unless_its_options_say_otherwise)
{
    struct cl_service service = machine;
    CHECK(has(text_of(&service, CL_SERVICE_UNIT), "/token $CLAWLINK_DATA $CLAWLINK_OPTIONS\n"));
    CHECK(has(text_of(&service, CL_SERVICE_CONF),
              "\nCLAWLINK_DATA=--data=/var/lib/clawlink/relay\n"));
    service.options = CL_STR("--port 9100 --data /srv/relay");
    CHECK(has(text_of(&service, CL_SERVICE_CONF), "\nCLAWLINK_DATA=\n"));
    service = mine;
    service.home = "/srv/ada";
    CHECK(has(text_of(&service, CL_SERVICE_CONF),
              "\nCLAWLINK_DATA=--data=/srv/ada/.clawlink/relay\n"));
    service.home = "/srv/ada l";
    CHECK(has(text_of(&service, CL_SERVICE_CONF), "\nCLAWLINK_DATA=\n"));
    service.options = CL_STR("--data=/srv/relay");
    service.manager = CL_SERVICE_LAUNCHD;
    CHECK(has(text_of(&service, CL_SERVICE_UNIT), "/token</string>\n        <string>--data=/srv"));
}

TEST(a_low_port_takes_one_right_and_nothing_else_takes_any)
{
    struct cl_service low = machine;
    low.is_low_port = true;
    CHECK(has(text_of(&machine, CL_SERVICE_UNIT), "\nCapabilityBoundingSet=\n"));
    const char *text = text_of(&low, CL_SERVICE_UNIT);
    CHECK(has(text, "\nCapabilityBoundingSet=CAP_NET_BIND_SERVICE\n"));
    CHECK(!has(text, "PrivateUsers")); // where the right would not count
}

TEST(an_option_is_a_string_of_its_own_for_launchd_and_escaped)
{
    struct cl_service mac = {.manager = CL_SERVICE_LAUNCHD,
                             .root = "",
                             .home = "/srv/a&b",
                             .program = "/opt/clawlink",
                             .options = CL_STR("--allow-origin <x>  --json @home@")};
    const char *text = text_of(&mac, CL_SERVICE_UNIT);
    CHECK(has(text, "<string>/srv/a&amp;b/.config/clawlink/token</string>\n"
                    "        <string>--data=/srv/a&amp;b/.clawlink/relay</string>\n"
                    "        <string>--allow-origin</string>\n"
                    "        <string>&lt;x&gt;</string>\n"
                    "        <string>--json</string>\n"
                    "        <string>@home@</string>\n"
                    "    </array>\n"));
}

TEST(files_lie_below_root_and_home)
{
    char path[CL_CLI_PATH_CAP];
    struct cl_service below = mine;
    below.root = "/tmp/x";
    CHECK_OK(cl_service_path(&machine, CL_SERVICE_TOKEN, path, NULL));
    CHECK_STR(cl_str_z(path), CL_STR("/etc/clawlink/token"));
    CHECK_OK(cl_service_path(&below, CL_SERVICE_CONF, path, NULL));
    CHECK_STR(cl_str_z(path), CL_STR("/tmp/x/users/ada/.config/clawlink/relay.conf"));
    below.manager = CL_SERVICE_LAUNCHD;
    CHECK_OK(cl_service_path(&below, CL_SERVICE_CONF, path, NULL));
    CHECK_STR(cl_str_z(path), CL_STR(""));
}

TEST(a_path_that_is_too_long_is_refused)
{
    static char root[CL_CLI_PATH_CAP];
    char path[CL_CLI_PATH_CAP];
    struct cl_service below = machine;
    memset(root, 'r', sizeof root - 1);
    below.root = root;
    CHECK_INT(cl_service_path(&below, CL_SERVICE_UNIT, path, NULL), CL_ERR_USAGE);
}

TEST(a_unit_names_no_program_that_it_would_have_to_quote)
{
    CHECK(cl_service_is_program("/usr/local/bin/claw-link_2.0+x"));
    const char *const refused[] = {"",     "/",    "clawlink", "./clawlink",
                                   "/a b", "/a%h", "/a\n",     "/$x"};
    for (size_t i = 0; i < sizeof refused / sizeof *refused; i++) {
        test_note("%s", refused[i]);
        CHECK(!cl_service_is_program(refused[i]));
    }
}

TEST(a_service_of_the_machine_sees_no_homes)
{
    struct cl_service service = machine;
    CHECK(cl_service_sees_program(&service));
    service.program = "/home/0/clawlink";
    CHECK(!cl_service_sees_program(&service));
    service.manager = CL_SERVICE_USER;
    CHECK(cl_service_sees_program(&service));
}

TEST(without_memory_there_is_no_text)
{
    FOR_EACH_FAULT
    {
        struct cl_buf buf;
        cl_buf_init(&buf, CL_SERVICE_TEXT_BYTES_MAX);
        enum cl_err err = cl_service_text(&machine, CL_SERVICE_UNIT, &buf);
        CHECK_INT(err, fault_happened() ? CL_ERR_NO_MEMORY : CL_OK);
        cl_buf_done(&buf);
    }
}
