// SPDX-License-Identifier: MIT
#include "client/explain_tls.h"

#include <string.h>

#include "support/test.h"

TEST(only_the_words_of_our_own_port_are_known)
{
    CHECK(cl_is_tls_port(400, CL_STR("This port speaks https.\n")));
    CHECK(!cl_is_tls_port(200, CL_STR("This port speaks https.\n")));
    CHECK(!cl_is_tls_port(400, CL_STR("{\"error\":\"This port speaks https.\"}")));
    CHECK(!cl_is_tls_port(400, CL_STR("")));
}

static enum cl_err
explain_port(cl_str url, bool is_token_shown, struct cl_why *why)
{
    const struct cl_trusted trusted = {.url = url};
    return cl_explain_tls_port(&trusted, is_token_shown, why);
}

TEST(the_url_to_use_has_host_port_and_path)
{
    static const struct {
        const char *url, *says;
    } rows[] = {
        {"http://relay.example:9077", "Use --relay https://relay.example:9077, with --pin"},
        {"http://relay.example", "Use --relay https://relay.example:80, with --pin"},
        {"ws://[::1]:9077", "spoken on [::1]:9077. Use --relay https://[::1]:9077, with --pin"},
        {"http://h:1/under/this", "spoken on h:1. Use --relay https://h:1/under/this, with --pin"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct cl_why why = {""};
        CHECK_INT(explain_port(cl_str_z(rows[i].url), false, &why), CL_ERR_UNTRUSTED);
        test_note("%s", why.text);
        CHECK(strstr(why.text, "Not http: https is ") == why.text);
        CHECK(strstr(why.text, rows[i].says) != NULL);
        CHECK(strstr(why.text, "unencrypted") == NULL);
    }
}

TEST(a_token_that_others_could_read_is_told)
{
    struct cl_why why = {""};
    CHECK_INT(explain_port(CL_STR("http://relay.example:9077"), true, &why), CL_ERR_UNTRUSTED);
    CHECK(strstr(why.text, "The token went there unencrypted") != NULL);
}

TEST(a_program_is_told_of_no_options)
{
    static const enum cl_tls_fault faults[] = {CL_TLS_FAULT_SELF_SIGNED, CL_TLS_FAULT_NOT_TLS,
                                               CL_TLS_FAULT_OLD, CL_TLS_FAULT_PIN,
                                               CL_TLS_FAULT_BROKEN};
    struct cl_why why = {""};
    struct cl_tls_pins pins = {.len = 1};
    struct cl_trusted trusted = {
        .url = CL_STR("http://h:1/under/this"), .pins = &pins, .is_programs = true};
    for (size_t i = 0; i < sizeof faults / sizeof *faults; i++) {
        const struct cl_tls_verdict verdict = {.fault = faults[i], .has_pin = true};
        CHECK(cl_explain_tls(&trusted, &verdict, &why) != CL_OK);
        test_note("%s", why.text);
        CHECK(strstr(why.text, "--") == NULL);
    }
    CHECK_INT(cl_explain_tls_port(&trusted, false, &why), CL_ERR_UNTRUSTED);
    test_note("%s", why.text);
    CHECK(strstr(why.text, "Use https://h:1/under/this, with its pin if") != NULL);
    CHECK(strstr(why.text, "--") == NULL);
}

TEST(a_long_url_does_not_push_the_advice_out)
{
    struct cl_why why = {""};
    char url[1024] = "http://";
    memset(url + 7, 'h', 500);
    strcpy(url + 507, ":9077/");
    memset(url + 513, 'p', 500);
    CHECK_INT(explain_port(cl_str_z(url), true, &why), CL_ERR_UNTRUSTED);
    CHECK(strstr(why.text, "unencrypted: somebody on the way may have read it.") != NULL);
}
