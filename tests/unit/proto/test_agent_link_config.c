// SPDX-License-Identifier: MIT
/* The configuration files in tests/golden/agent_link, and what is refused of them. */
#include "proto/agent_link_config.h"

#include "support/fault.h"
#include "support/test.h"
#include "v2_golden.h"

#define FOLDER "../agent_link/"

static cl_str
secret_text(const struct cl_secret *secret)
{
    return cl_str_of(secret->bytes, secret->len);
}

/* Reads that file, and writes it again: *ret_buf has the text. */
static enum cl_err
rewrite(const char *name, struct golden_reader *golden, struct cl_buf *ret_buf)
{
    cl_str text = golden_read(name, ".json");
    struct cl_why why;
    enum cl_err err;
    if (cl_str_starts(cl_str_z(name), CL_STR(FOLDER "relay"))) {
        struct cl_agent_link_relay_config config;
        err = cl_agent_link_read_relay_config(&golden->reader, text, &config, &why);
        if (err != CL_OK)
            return err;
        err = cl_agent_link_put_relay_config(&config, ret_buf);
        cl_agent_link_relay_config_done(&config);
        return err;
    }
    struct cl_agent_link_client_config config;
    err = cl_agent_link_read_client_config(&golden->reader, text, &config, &why);
    if (err != CL_OK)
        return err;
    err = cl_agent_link_put_client_config(&config, ret_buf);
    cl_agent_link_client_config_done(&config);
    return err;
}

static const char *const files[][2] = {
    {FOLDER "relay", FOLDER "relay_our"},
    {FOLDER "relay_full", FOLDER "relay_full_our"},
    {FOLDER "relay_least", FOLDER "relay_least_our"},
    {FOLDER "relay_open", FOLDER "relay_open_our"},
    {FOLDER "client", FOLDER "client_our"},
    {FOLDER "client_least", FOLDER "client_least_our"},
};

TEST(files_are_read_and_written_again)
{
    for (size_t i = 0; i < sizeof files / sizeof files[0]; i++) {
        for (size_t from = 0; from < 2; from++) {
            struct golden_reader golden;
            struct cl_buf buf;
            test_note("%s", files[i][from]);
            golden_reader_init(&golden);
            cl_buf_init(&buf, CL_AL_CONFIG_BYTES_MAX);
            CHECK_OK(rewrite(files[i][from], &golden, &buf));
            CHECK_STR(cl_buf_str(&buf), golden_read(files[i][1], ".json"));
            cl_buf_done(&buf);
            golden_reader_done(&golden);
        }
    }
}

TEST(the_members_of_a_relays_file_are_read)
{
    struct golden_reader golden;
    struct cl_agent_link_relay_config config;
    struct cl_why why;
    golden_reader_init(&golden);
    CHECK_OK(cl_agent_link_read_relay_config(
        &golden.reader, golden_read(FOLDER "relay_full", ".json"), &config, &why));
    CHECK_INT(config.port, 0);
    CHECK_INT(config.secret.len, 512);
    CHECK_INT(config.instances_len, 3);
    const struct cl_agent_link_instance *second =
        cl_agent_link_find_instance(&config, CL_STR("instance-002"));
    CHECK(second == &config.instances[1]);
    CHECK_STR(secret_text(&second->secret), CL_STR("\xe4\xba\x8c \"\xf0\x9f\x93\xa8\"\\\n"));
    CHECK(second->lists_agents && second->agents.len == 0);
    CHECK(config.instances[0].lists_agents && config.instances[0].agents.len == 2);
    CHECK_STR(config.instances[0].agents.ptr[1], CL_STR("healthguard"));
    CHECK(!config.instances[2].lists_agents);
    CHECK_STR(config.instances[2].name, CL_STR("three"));
    CHECK(cl_agent_link_secret_of(&config, second) == &second->secret);
    CHECK(cl_agent_link_secret_of(&config, &config.instances[2]) == &config.secret);
    CHECK(cl_agent_link_find_instance(&config, CL_STR("instance-004")) == NULL);
    cl_agent_link_relay_config_done(&config);
    golden_reader_done(&golden);
}

TEST(what_a_file_does_not_say_is_what_the_published_system_does)
{
    struct golden_reader golden;
    struct cl_agent_link_relay_config relay;
    struct cl_agent_link_client_config client;
    struct cl_why why;
    golden_reader_init(&golden);
    CHECK_OK(cl_agent_link_read_relay_config(
        &golden.reader, golden_read(FOLDER "relay_least", ".json"), &relay, &why));
    CHECK_INT(relay.port, 8765);
    CHECK_INT(relay.secret.len, 0);
    CHECK(relay.lists_instances);
    cl_agent_link_relay_config_done(&relay);
    CHECK_OK(cl_agent_link_read_relay_config(
        &golden.reader, golden_read(FOLDER "relay_open", ".json"), &relay, &why));
    CHECK(!relay.lists_instances && relay.instances_len == 0);
    cl_agent_link_relay_config_done(&relay);
    CHECK_OK(cl_agent_link_read_client_config(
        &golden.reader,
        CL_STR("{\"relay_url\":\"u\",\"secret\":\"s\",\"instance_id\":\"a\",\"agent_id\":\"b\"}"),
        &client, &why));
    CHECK(client.auto_reconnect);
    CHECK_INT(client.reconnect_interval_ms, 5000);
    cl_agent_link_client_config_done(&client);
    CHECK_OK(cl_agent_link_read_client_config(
        &golden.reader, golden_read(FOLDER "client_least", ".json"), &client, &why));
    CHECK(!client.auto_reconnect);
    CHECK_INT(client.reconnect_interval_ms, 250);
    CHECK_STR(client.relay_url, CL_STR("wss://relay.example"));
    CHECK_STR(client.instance_id, CL_STR("a"));
    CHECK_STR(client.agent_id, CL_STR("b"));
    CHECK_STR(secret_text(&client.secret), CL_STR("s"));
    cl_agent_link_client_config_done(&client);
    golden_reader_done(&golden);
}

/* The error of a row; false: the row is of something else. */
static bool
read_row(struct golden_reader *golden, const cl_str *cells, enum cl_err *ret_err,
         struct cl_why *why)
{
    if (cl_str_eq(cells[0], CL_STR("relay"))) {
        struct cl_agent_link_relay_config config;
        *ret_err = cl_agent_link_read_relay_config(&golden->reader, cells[3], &config, why);
        CHECK(config.instances == NULL && config.secret.len == 0);
        return true;
    }
    if (cl_str_eq(cells[0], CL_STR("client"))) {
        struct cl_agent_link_client_config config;
        *ret_err = cl_agent_link_read_client_config(&golden->reader, cells[3], &config, why);
        CHECK(config.relay_url.len == 0 && config.secret.len == 0);
        return true;
    }
    return false;
}

TEST(each_broken_rule_is_refused_with_a_sentence_that_names_the_member)
{
    cl_str rest = golden_read(FOLDER "bad", ".txt"), cells[4];
    unsigned rows = 0;
    while (golden_line(&rest, cells, 4) == 4) {
        struct golden_reader golden;
        struct cl_why why = {""};
        enum cl_err err;
        test_note("%.*s", (int)(cells[3].len < 200 ? cells[3].len : 200), cells[3].ptr);
        golden_reader_init(&golden);
        if (read_row(&golden, cells, &err, &why)) {
            CHECK_STR(cl_str_z(cl_err_wire(err)), cells[1]);
            CHECK(why.text[0] != '\0');
            if (!cl_str_eq(cells[2], CL_STR("-")))
                CHECK(cl_str_starts(cl_str_z(why.text), cells[2]));
            rows++;
        }
        golden_reader_done(&golden);
    }
    CHECK(rows > 100);
}

TEST(a_sentence_says_which_entry_it_is_about_and_never_shows_a_secret)
{
    struct golden_reader golden;
    struct cl_agent_link_relay_config config;
    struct cl_why why;
    golden_reader_init(&golden);
    CHECK_INT(cl_agent_link_read_relay_config(
                  &golden.reader,
                  CL_STR("{\"secret\":\"s\",\"registered_instances\":[{\"instance_id\":\"a\"},"
                         "{\"instance_id\":\"b\",\"secret\":\"\"}]}"),
                  &config, &why),
              CL_ERR_MALFORMED);
    CHECK_STR(cl_str_z(why.text), CL_STR("secret must be a string of 1 to 512 bytes "
                                         "(registered_instances, entry 2)"));
    CHECK_INT(cl_agent_link_read_relay_config(
                  &golden.reader,
                  CL_STR("{\"registered_instances\":[{\"instance_id\":\"a\",\"secret\":\"x\"},"
                         "{\"instance_id\":\"b\"}]}"),
                  &config, NULL),
              CL_ERR_MISSING);
    CHECK_INT(cl_agent_link_read_relay_config(
                  &golden.reader, CL_STR("{\"secret\":\"hush\",\"registered_instances\":[1]}"),
                  &config, &why),
              CL_ERR_MALFORMED);
    for (cl_str rest = cl_str_z(why.text); rest.len > 0; rest = cl_str_part(rest, 1, rest.len))
        CHECK(!cl_str_starts(rest, CL_STR("hush")));
    golden_reader_done(&golden);
}

TEST(a_file_of_more_than_1_mib_is_none)
{
    static char text[CL_AL_CONFIG_BYTES_MAX + 1];
    struct golden_reader golden;
    struct cl_agent_link_relay_config config;
    struct cl_why why;
    cl_str least = golden_read(FOLDER "relay_least", ".json");
    golden_reader_init(&golden);
    memset(text, ' ', sizeof text);
    memcpy(text, least.ptr, least.len);
    CHECK_OK(cl_agent_link_read_relay_config(&golden.reader, cl_str_of(text, sizeof text - 1),
                                             &config, &why));
    cl_agent_link_relay_config_done(&config);
    CHECK_INT(cl_agent_link_read_relay_config(&golden.reader, cl_str_of(text, sizeof text), &config,
                                              &why),
              CL_ERR_TOO_LARGE);
    golden_reader_done(&golden);
}

TEST(the_largest_file_has_1000_instances)
{
    struct golden_reader golden;
    struct cl_agent_link_relay_config config;
    struct cl_why why;
    struct cl_buf buf;
    golden_reader_init(&golden);
    cl_buf_init(&buf, CL_MIB);
    CHECK_OK(cl_buf_append(&buf, CL_STR("{\"secret\":\"s\",\"registered_instances\":[")));
    for (unsigned i = 0; i < CL_AL_INSTANCES_MAX; i++)
        CHECK_OK(cl_buf_printf(&buf, "%s{\"instance_id\":\"i%u\"}", i == 0 ? "" : ",", i));
    CHECK_OK(cl_buf_append(&buf, CL_STR("]}")));
    CHECK_OK(cl_agent_link_read_relay_config(&golden.reader, cl_buf_str(&buf), &config, &why));
    CHECK_INT(config.instances_len, 1000);
    CHECK_STR(config.instances[999].id, CL_STR("i999"));
    cl_agent_link_relay_config_done(&config);
    cl_buf_done(&buf);
    golden_reader_done(&golden);
}

TEST(secrets_are_wiped_when_a_file_is_done_with)
{
    struct golden_reader golden;
    struct cl_agent_link_relay_config config;
    struct cl_why why;
    golden_reader_init(&golden);
    CHECK_OK(cl_agent_link_read_relay_config(
        &golden.reader, golden_read(FOLDER "relay_full", ".json"), &config, &why));
    const struct cl_agent_link_instance *instances = config.instances;
    CHECK_INT(instances[0].secret.bytes[0], 'o');
    cl_agent_link_relay_config_done(&config);
    CHECK(instances[0].secret.bytes[0] == 0 && instances[0].secret.len == 0);
    CHECK(config.secret.bytes[0] == 0 && config.instances == NULL);
    golden_reader_done(&golden);
}

TEST(a_file_is_appended_whole_or_not_at_all)
{
    for (size_t i = 0; i < sizeof files / sizeof files[0]; i++) {
        size_t whole = golden_read(files[i][1], ".json").len;
        for (size_t max = 0; max <= whole; max++) {
            struct golden_reader golden;
            struct cl_buf buf;
            golden_reader_init(&golden);
            cl_buf_init(&buf, max);
            CHECK_INT(rewrite(files[i][0], &golden, &buf), max == whole ? CL_OK : CL_ERR_TOO_LARGE);
            CHECK_INT(buf.len, max == whole ? whole : 0);
            cl_buf_done(&buf);
            golden_reader_done(&golden);
        }
    }
}

TEST(without_memory_a_file_is_refused_and_nothing_leaks)
{
    for (size_t i = 0; i < sizeof files / sizeof files[0]; i++) {
        FOR_EACH_FAULT
        {
            struct golden_reader golden;
            struct cl_buf buf;
            golden_reader_init(&golden);
            cl_buf_init(&buf, CL_MIB);
            enum cl_err err = rewrite(files[i][0], &golden, &buf);
            CHECK_INT(err, fault_happened() ? CL_ERR_NO_MEMORY : CL_OK);
            cl_buf_done(&buf);
            golden_reader_done(&golden);
        }
    }
}
