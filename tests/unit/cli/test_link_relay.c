// SPDX-License-Identifier: MIT
#include "cli/link_relay.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "support/fault.h"
#include "support/test.h"

static struct cl_link_relay relay;
static struct cl_why why;
static char path[] = "/tmp/clawlink-test-XXXXXX";
static struct cl_link_relay_wanted wanted;

static void
remove_file(void)
{
    (void)unlink(path); // it may not be there
}

static void
write_file(const char *content)
{
    static bool is_made;
    if (!is_made) {
        int fd = mkstemp(path);
        CHECK(fd >= 0 && close(fd) == 0 && atexit(remove_file) == 0);
        is_made = true;
    }
    remove_file();
    if (content == NULL)
        return;
    FILE *out = fopen(path, "w");
    CHECK(out != NULL && fputs(content, out) >= 0 && fclose(out) == 0);
}

/* The draft over a file of that content (NULL: none), with up to two instances to add. */
static enum cl_err
draft(const char *content, const char *first, const char *second)
{
    write_file(content);
    cl_link_relay_init(&relay);
    if (first != NULL)
        cl_link_relay_add(&relay, first);
    if (second != NULL)
        cl_link_relay_add(&relay, second);
    enum cl_err err = cl_link_relay_draft(&relay, path, &wanted, &why);
    wanted = (struct cl_link_relay_wanted){.port = CL_AL_PORT};
    return err;
}

/* The text as it would be written, "#" for each secret that was made. */
static cl_str
text(void)
{
    static char shown[2048];
    CHECK(cl_str_copy(shown, sizeof shown, cl_buf_str(&relay.file.text)));
    for (char *at = shown; *at != '\0'; at++) {
        if (strspn(at, "0123456789abcdef") != CL_LINK_SECRET_DIGITS)
            continue;
        at[0] = '#';
        memmove(at + 1, at + CL_LINK_SECRET_DIGITS, strlen(at + CL_LINK_SECRET_DIGITS) + 1);
    }
    return cl_str_z(shown);
}

TEST(a_text_is_an_id_and_a_name)
{
    cl_str id, name;
    cl_link_relay_split("laptop:Ada's: laptop", &id, &name);
    CHECK_STR(id, CL_STR("laptop"));
    CHECK_STR(name, CL_STR("Ada's: laptop"));
    cl_link_relay_split("mini", &id, &name);
    CHECK_STR(id, CL_STR("mini"));
    CHECK_STR(name, CL_STR(""));
}

TEST(a_new_file_gets_a_secret_and_each_instance_its_own)
{
    wanted.port = CL_AL_PORT;
    CHECK_OK(draft(NULL, "laptop:Ada's \"top\"", "mini"));
    CHECK(relay.is_made && !relay.is_empty);
    CHECK_STR(text(), CL_STR("{\n  \"port\": 8765,\n  \"secret\": \"#\",\n"
                             "  \"registered_instances\": [\n    {\"instance_id\":\"laptop\","
                             "\"name\":\"Ada's \\\"top\\\"\",\"secret\":\"#\"},\n    "
                             "{\"instance_id\":\"mini\",\"name\":\"mini\",\"secret\":\"#\"}\n"
                             "  ]\n}\n"));
    CHECK(relay.instances[0].is_own && !relay.instances[0].is_known);
    CHECK_INT(relay.instances[0].secret.len, CL_LINK_SECRET_DIGITS);
    CHECK(!cl_str_eq(relay.instances[0].secret, relay.instances[1].secret));
    CHECK(!cl_str_eq(relay.instances[0].secret, cl_str_of(relay.made, sizeof relay.made)));
    cl_link_relay_done(&relay);
}

TEST(what_is_shared_is_the_relays)
{
    wanted = (struct cl_link_relay_wanted){
        .has_port = true, .port = 1, .secret = CL_STR("s"), .is_shared = true};
    CHECK_OK(draft(NULL, "laptop", NULL));
    CHECK(!relay.is_made && !relay.instances[0].is_own);
    CHECK_STR(relay.instances[0].secret, CL_STR("s"));
    CHECK_STR(text(), CL_STR("{\n  \"port\": 1,\n  \"secret\": \"s\",\n"
                             "  \"registered_instances\": [\n"
                             "    {\"instance_id\":\"laptop\",\"name\":\"laptop\"}\n  ]\n}\n"));
    cl_link_relay_done(&relay);
    CHECK_OK(draft(NULL, NULL, NULL));
    CHECK(relay.is_empty);
    CHECK_STR(text(), CL_STR("{\n  \"port\": 8765,\n  \"secret\": \"#\",\n"
                             "  \"registered_instances\": []\n}\n"));
    cl_link_relay_done(&relay);
}

static const char found[] = "{\"port\":9,\"secret\":\"s\",\"more\":[],\"registered_instances\":[\n"
                            "  {\"instance_id\": \"laptop\", \"name\":\"Ada\", \"secret\":\"own\", "
                            "\"agents\":[\"main\"]},\n"
                            "  {\"instance_id\":\"m\\u0069ni\",\"x\":1}\n]}";

TEST(what_is_there_stays_and_keeps_its_secret)
{
    CHECK_OK(draft(found, "mini", "desk"));
    CHECK(relay.instances[0].is_known && !relay.instances[0].is_own);
    CHECK_STR(relay.instances[0].secret, CL_STR("s"));
    CHECK_STR(
        text(),
        CL_STR("{\n  \"port\": 9,\n  \"secret\": \"s\",\n  \"more\": [],\n"
               "  \"registered_instances\": [\n    {\"instance_id\": \"laptop\", \"name\":\"Ada\", "
               "\"secret\":\"own\", \"agents\":[\"main\"]},\n    "
               "{\"instance_id\":\"m\\u0069ni\",\"x\":1},\n    "
               "{\"instance_id\":\"desk\",\"name\":\"desk\",\"secret\":\"#\"}\n  ]\n}\n"));
    cl_link_relay_done(&relay);
    CHECK_OK(draft(found, "laptop:Ada", NULL));
    CHECK_STR(relay.instances[0].secret, CL_STR("own"));
    CHECK(relay.instances[0].is_own);
    CHECK_INT(relay.file.puts_len, 0); // nothing is new
    cl_link_relay_done(&relay);
}

TEST(another_port_secret_or_name_wants_force)
{
    wanted = (struct cl_link_relay_wanted){.has_port = true, .port = 10};
    CHECK_INT(draft(found, NULL, NULL), CL_ERR_USAGE);
    CHECK(strstr(why.text, "another port") != NULL);
    cl_link_relay_done(&relay);
    wanted = (struct cl_link_relay_wanted){.port = CL_AL_PORT, .secret = CL_STR("other")};
    CHECK_INT(draft(found, NULL, NULL), CL_ERR_USAGE);
    CHECK(strstr(why.text, "another secret") != NULL);
    cl_link_relay_done(&relay);
    CHECK_INT(draft(found, "laptop:Eve", NULL), CL_ERR_USAGE);
    CHECK(strstr(why.text, "another name of an instance") != NULL);
    cl_link_relay_done(&relay);
    CHECK_OK(draft(found, "mini:Mac", NULL)); // it had none
    cl_link_relay_done(&relay);
    wanted = (struct cl_link_relay_wanted){.port = CL_AL_PORT, .may_replace = true};
    CHECK_OK(draft(found, "laptop:Eve", NULL));
    CHECK_STR(
        text(),
        CL_STR("{\n  \"port\": 9,\n  \"secret\": \"s\",\n  \"more\": [],\n"
               "  \"registered_instances\": [\n    {\"instance_id\":\"laptop\",\"name\":\"Eve\","
               "\"secret\":\"own\",\"agents\":[\"main\"]},\n    "
               "{\"instance_id\":\"m\\u0069ni\",\"x\":1}\n  ]\n}\n"));
    cl_link_relay_done(&relay);
}

TEST(a_list_that_is_none_is_an_error)
{
    static const char *const bad[] = {
        "{\"registered_instances\":{}}",
        "{\"registered_instances\":[1]}",
        "{\"registered_instances\":[{\"name\":\"x\"}]}",
        "{\"registered_instances\":[{\"instance_id\":7}]}",
        "{\"registered_instances\":[{\"instance_id\":\"mini\",\"secret\":7}]}",
        "{\"registered_instances\":[{\"instance_id\":\"mini\"},{\"instance_id\":\"mini\"}]}",
        "{\"registered_instances\":[],\"port\":\"x\"}",
        "{\"registered_instances\":[],\"secret\":1}",
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        CHECK_INT(draft(bad[i], "mini", NULL), CL_ERR_IO);
        test_note("%s: %s", bad[i], why.text);
        CHECK(strstr(why.text, "It is not overwritten") != NULL);
        cl_link_relay_done(&relay);
    }
}

TEST(without_memory_a_draft_is_refused)
{
    FOR_EACH_FAULT
    {
        fault_pause();
        write_file(found);
        cl_link_relay_init(&relay);
        cl_link_relay_add(&relay, "laptop:Eve");
        cl_link_relay_add(&relay, "desk");
        fault_go_on();
        wanted = (struct cl_link_relay_wanted){.port = CL_AL_PORT, .may_replace = true};
        enum cl_err err = cl_link_relay_draft(&relay, path, &wanted, &why);
        CHECK_INT(err, fault_happened() ? CL_ERR_NO_MEMORY : CL_OK);
        cl_link_relay_done(&relay);
    }
}
