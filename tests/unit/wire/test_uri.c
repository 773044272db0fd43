// SPDX-License-Identifier: MIT
#include "wire/uri.h"

#include "support/fault.h"
#include "support/test.h"

TEST(a_target_splits_at_the_first_question_mark)
{
    cl_str path, query;

    cl_uri_split(CL_STR("/a?b?c"), &path, &query);
    CHECK_STR(path, CL_STR("/a"));
    CHECK_STR(query, CL_STR("b?c"));
    cl_uri_split(CL_STR("/a"), &path, &query);
    CHECK_STR(path, CL_STR("/a"));
    CHECK_STR(query, CL_STR(""));
    cl_uri_split(CL_STR(""), &path, &query);
    CHECK_INT(path.len + query.len, 0);
}

// RFC 3986 2.1
TEST(percent_codes_are_decoded_strictly)
{
    static const struct {
        cl_str raw;
        cl_str want; // NULL: malformed
    } rows[] = {
        {CL_STR_INIT(""), CL_STR_INIT("")},
        {CL_STR_INIT("abc"), CL_STR_INIT("abc")},
        {CL_STR_INIT("a%2Fb%2fc"), CL_STR_INIT("a/b/c")},
        {CL_STR_INIT("%C3%a9"), CL_STR_INIT("\xc3\xa9")},
        {CL_STR_INIT("%00%ff"), CL_STR_INIT("\000\xff")},
        {CL_STR_INIT("%2525"), CL_STR_INIT("%25")},
        {CL_STR_INIT("a+b"), CL_STR_INIT("a+b")},
        {CL_STR_INIT("%"), {0}},
        {CL_STR_INIT("a%4"), {0}},
        {CL_STR_INIT("%4g"), {0}},
        {CL_STR_INIT("%g4"), {0}},
        {CL_STR_INIT("%%41"), {0}},
        {CL_STR_INIT("% 4"), {0}},
        {CL_STR_INIT("%+4"), {0}},
        {CL_STR_INIT("%u0041"), {0}},
        {CL_STR_INIT("%\xb1\xb2"), {0}},
    };
    char space[16];

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        cl_str got = CL_STR("untouched");
        test_note("row %zu", i);
        enum cl_err err = cl_uri_decode(rows[i].raw, space, sizeof(space), &got);
        CHECK_INT(err, rows[i].want.ptr == NULL ? CL_ERR_MALFORMED : CL_OK);
        CHECK_STR(got, rows[i].want.ptr == NULL ? CL_STR("untouched") : rows[i].want);
    }
    // What lies behind the text is not part of a code.
    cl_str got;
    CHECK_INT(cl_uri_decode(cl_str_of("%41", 2), space, sizeof(space), &got), CL_ERR_MALFORMED);
    CHECK_INT(cl_uri_decode(cl_str_of("%41", 1), space, sizeof(space), &got), CL_ERR_MALFORMED);
}

TEST(decoding_may_overwrite_its_input_and_stops_where_it_does_not_fit)
{
    char text[] = "a%20b%20c";
    cl_str got;

    CHECK_OK(cl_uri_decode(cl_str_z(text), text, sizeof(text), &got));
    CHECK_STR(got, CL_STR("a b c"));
    CHECK_OK(cl_uri_decode(CL_STR("%41%42"), text, 2, &got));
    CHECK_INT(cl_uri_decode(CL_STR("%41%42c"), text, 2, &got), CL_ERR_TOO_LARGE);
}

TEST(a_plus_in_a_query_is_a_space)
{
    char space[16];
    cl_str got;

    CHECK_OK(cl_uri_decode_query(CL_STR("a+b%2Bc%20d"), space, sizeof(space), &got));
    CHECK_STR(got, CL_STR("a b+c d"));
    CHECK_INT(cl_uri_decode_query(CL_STR("+%"), space, sizeof(space), &got), CL_ERR_MALFORMED);
}

TEST(a_query_is_walked_in_order)
{
    cl_str query = CL_STR("&a=b&&c&=d&e=f=g&"), name, value;

    CHECK(cl_uri_query_next(&query, &name, &value));
    CHECK_STR(name, CL_STR("a"));
    CHECK_STR(value, CL_STR("b"));
    CHECK(cl_uri_query_next(&query, &name, &value));
    CHECK_STR(name, CL_STR("c"));
    CHECK_STR(value, CL_STR(""));
    CHECK(cl_uri_query_next(&query, &name, &value));
    CHECK_STR(name, CL_STR(""));
    CHECK_STR(value, CL_STR("d"));
    CHECK(cl_uri_query_next(&query, &name, &value));
    CHECK_STR(name, CL_STR("e"));
    CHECK_STR(value, CL_STR("f=g"));
    CHECK(!cl_uri_query_next(&query, &name, &value));
}

TEST(the_first_parameter_of_a_name_is_found)
{
    cl_str value = CL_STR("untouched");

    CHECK(cl_uri_query_find(CL_STR("a=1&token=x%20y&token=z"), CL_STR("token"), &value));
    CHECK_STR(value, CL_STR("x%20y"));
    CHECK(!cl_uri_query_find(CL_STR("Token=x&tokens=y"), CL_STR("token"), &value));
    CHECK_STR(value, CL_STR("x%20y"));
    CHECK(!cl_uri_query_find(CL_STR(""), CL_STR("token"), &value));
}

TEST(every_byte_survives_encoding)
{
    char all[256], space[256];
    struct cl_buf out;
    cl_str got;

    for (int c = 0; c < 256; c++)
        all[c] = (char)c;
    cl_buf_init(&out, 768);
    CHECK_OK(cl_uri_encode(&out, cl_str_of(all, sizeof(all))));
    CHECK_INT(out.len, 66 + 3 * 190);
    CHECK_OK(cl_uri_decode(cl_buf_str(&out), space, sizeof(space), &got));
    CHECK_STR(got, cl_str_of(all, sizeof(all)));
    cl_buf_clear(&out);
    CHECK_OK(cl_uri_encode(&out, CL_STR("a/b?c#d%e f+\xc3\xa9-._~")));
    CHECK_STR(cl_buf_str(&out), CL_STR("a%2Fb%3Fc%23d%25e%20f%2B%C3%A9-._~"));
    cl_buf_done(&out);
}

TEST(encoding_appends_whole_or_not_at_all)
{
    struct cl_buf out;

    cl_buf_init(&out, 7);
    CHECK_OK(cl_uri_encode(&out, CL_STR("abc")));
    CHECK_INT(cl_uri_encode(&out, CL_STR("d//")), CL_ERR_TOO_LARGE);
    CHECK_STR(cl_buf_str(&out), CL_STR("abc"));
    cl_buf_done(&out);
    FOR_EACH_FAULT
    {
        cl_buf_init(&out, 1000);
        enum cl_err err = cl_uri_encode(&out, CL_STR("/////////////////////////////////////////"));
        CHECK_INT(err, fault_happened() ? CL_ERR_NO_MEMORY : CL_OK);
        CHECK_INT(out.len, fault_happened() ? 0 : 3 * 41);
        cl_buf_done(&out);
    }
}

// RFC 3986 3.2, RFC 9110 4.2
TEST(an_authority_is_a_host_and_perhaps_a_port)
{
    static const struct {
        cl_str text;
        cl_str host; // NULL: malformed
        bool is_ipv6;
        uint16_t port;
    } rows[] = {
        {CL_STR_INIT("h"), CL_STR_INIT("h"), false, 0},
        {CL_STR_INIT("A-b.c_d~9."), CL_STR_INIT("A-b.c_d~9."), false, 0},
        {CL_STR_INIT("127.0.0.1:9077"), CL_STR_INIT("127.0.0.1"), false, 9077},
        {CL_STR_INIT("h:1"), CL_STR_INIT("h"), false, 1},
        {CL_STR_INIT("h:00080"), CL_STR_INIT("h"), false, 80},
        {CL_STR_INIT("h:65535"), CL_STR_INIT("h"), false, 65535},
        {CL_STR_INIT("[::1]"), CL_STR_INIT("::1"), true, 0},
        {CL_STR_INIT("[::ffff:1.2.3.4]:80"), CL_STR_INIT("::ffff:1.2.3.4"), true, 80},
        {CL_STR_INIT(""), {0}, false, 0},
        {CL_STR_INIT(":80"), {0}, false, 0},
        {CL_STR_INIT("h:"), {0}, false, 0},
        {CL_STR_INIT("h:0"), {0}, false, 0},
        {CL_STR_INIT("h:65536"), {0}, false, 0},
        {CL_STR_INIT("h:000080"), {0}, false, 0},
        {CL_STR_INIT("h:+80"), {0}, false, 0},
        {CL_STR_INIT("h:80:80"), {0}, false, 0},
        {CL_STR_INIT("h:8 0"), {0}, false, 0},
        {CL_STR_INIT("::1"), {0}, false, 0},
        {CL_STR_INIT("[::1"), {0}, false, 0},
        {CL_STR_INIT("[]"), {0}, false, 0},
        {CL_STR_INIT("["), {0}, false, 0},
        {CL_STR_INIT("[::1]x80"), {0}, false, 0},
        {CL_STR_INIT("[::1]80"), {0}, false, 0},
        {CL_STR_INIT("[::1]:"), {0}, false, 0},
        {CL_STR_INIT("[::1]]"), {0}, false, 0},
        {CL_STR_INIT("[1.2.3.4]"), {0}, false, 0},
        {CL_STR_INIT("[fe80::1%25eth0]"), {0}, false, 0},
        {CL_STR_INIT("[::1\000]"), {0}, false, 0},
        {CL_STR_INIT("[v1.a]"), {0}, false, 0},
        {CL_STR_INIT("[0000:0000:0000:0000:0000:0000:0000:0000:0000:0000]"), {0}, false, 0},
        {CL_STR_INIT("u@h"), {0}, false, 0},
        {CL_STR_INIT("h/"), {0}, false, 0},
        {CL_STR_INIT("a b"), {0}, false, 0},
        {CL_STR_INIT("a,b"), {0}, false, 0},
        {CL_STR_INIT("a%41"), {0}, false, 0},
        {CL_STR_INIT("\xc3\xa9"), {0}, false, 0},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct cl_authority got = {.port = 4711};
        bool is_bad = rows[i].host.ptr == NULL;
        test_note("row %zu", i);
        CHECK_INT(cl_authority_parse(rows[i].text, &got), is_bad ? CL_ERR_MALFORMED : CL_OK);
        CHECK_INT(got.port, is_bad ? 4711 : rows[i].port);
        CHECK_INT(got.is_ipv6, rows[i].is_ipv6);
        CHECK_STR(got.host, rows[i].host);
    }
}

TEST(a_url_says_where_to_connect)
{
    struct cl_url url;

    CHECK_OK(cl_url_parse(CL_STR("http://relay:8080/base/x//"), &url, NULL));
    CHECK(!url.is_tls && !url.is_websocket && !url.is_ipv6);
    CHECK_STR(url.host, CL_STR("relay"));
    CHECK_STR(url.authority, CL_STR("relay:8080"));
    CHECK_INT(url.port, 8080);
    CHECK_STR(url.path, CL_STR("/base/x"));

    CHECK_OK(cl_url_parse(CL_STR("WSS://[::1]"), &url, NULL));
    CHECK(url.is_tls && url.is_websocket && url.is_ipv6);
    CHECK_STR(url.host, CL_STR("::1"));
    CHECK_STR(url.authority, CL_STR("[::1]"));
    CHECK_INT(url.port, 443);
    CHECK_STR(url.path, CL_STR(""));

    CHECK_OK(cl_url_parse(CL_STR("ws://h/"), &url, NULL));
    CHECK(!url.is_tls && url.is_websocket);
    CHECK_INT(url.port, 80);
    CHECK_STR(url.path, CL_STR(""));
    CHECK_OK(cl_url_parse(CL_STR("https://h/a%20b"), &url, NULL));
    CHECK(url.is_tls && !url.is_websocket);
    CHECK_INT(url.port, 443);
    CHECK_STR(url.path, CL_STR("/a%20b"));
}

TEST(a_url_that_is_none_is_refused_with_a_reason)
{
    static const cl_str rows[] = {
        CL_STR_INIT(""),
        CL_STR_INIT("localhost:9077"),
        CL_STR_INIT("//h/"),
        CL_STR_INIT("http:h"),
        CL_STR_INIT("http:/h"),
        CL_STR_INIT("ftp://h/"),
        CL_STR_INIT("httpx://h/"),
        CL_STR_INIT(" http://h/"),
        CL_STR_INIT("http://"),
        CL_STR_INIT("http:///a"),
        CL_STR_INIT("http://user@h/"),
        CL_STR_INIT("http://user:pass@h/"),
        CL_STR_INIT("http://h:0/"),
        CL_STR_INIT("http://h:99999/"),
        CL_STR_INIT("http://[::g]/"),
        CL_STR_INIT("http://h?a"),
        CL_STR_INIT("http://h/?a"),
        CL_STR_INIT("http://h/a#b"),
        CL_STR_INIT("http://h/a b"),
        CL_STR_INIT("http://h/a\r\nX: y"),
        CL_STR_INIT("http://h/\xc3\xa9"),
        CL_STR_INIT("http://h\000/"),
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct cl_url url = {.port = 4711};
        struct cl_why why = {0};
        test_note("row %zu", i);
        CHECK_INT(cl_url_parse(rows[i], &url, &why), CL_ERR_MALFORMED);
        CHECK(why.text[0] != '\0');
        CHECK_INT(url.port, 4711);
    }
}

TEST(a_password_in_a_url_is_named_but_not_shown)
{
    struct cl_url url;
    struct cl_why why = {0};

    CHECK_INT(cl_url_parse(CL_STR("http://user:pass@h/"), &url, &why), CL_ERR_MALFORMED);
    CHECK_STR(cl_str_z(why.text), CL_STR("a URL with a user name or password in it"));
}
