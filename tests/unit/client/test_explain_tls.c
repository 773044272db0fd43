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
        CHECK_INT(cl_explain_tls_port(cl_str_z(rows[i].url), false, &why), CL_ERR_UNTRUSTED);
        test_note("%s", why.text);
        CHECK(strstr(why.text, "Not http: https is ") == why.text);
        CHECK(strstr(why.text, rows[i].says) != NULL);
        CHECK(strstr(why.text, "unencrypted") == NULL);
    }
}

TEST(a_token_that_others_could_read_is_told)
{
    struct cl_why why = {""};
    CHECK_INT(cl_explain_tls_port(CL_STR("http://relay.example:9077"), true, &why),
              CL_ERR_UNTRUSTED);
    CHECK(strstr(why.text, "The token went there unencrypted") != NULL);
}

TEST(a_long_url_does_not_push_the_advice_out)
{
    struct cl_why why = {""};
    char url[1024] = "http://";
    memset(url + 7, 'h', 500);
    strcpy(url + 507, ":9077/");
    memset(url + 513, 'p', 500);
    CHECK_INT(cl_explain_tls_port(cl_str_z(url), true, &why), CL_ERR_UNTRUSTED);
    CHECK(strstr(why.text, "unencrypted: somebody on the way may have read it.") != NULL);
}
