// SPDX-License-Identifier: MIT
#include "proto/v1_route.h"

#include <string.h>

#include "support/test.h"

struct found {
    enum cl_err err;
    struct cl_v1_route route;
    cl_str allow;
    char space[CL_ID_BYTES_MAX];
};

static void
find(struct found *found, const char *method, const char *path)
{
    struct cl_why why = {""};
    memset(found, 0, sizeof *found);
    test_note("%s %s", method, path);
    found->err =
        cl_v1_route_find(cl_str_z(method), cl_str_z(path), found->space, &found->route, &why);
    found->allow = cl_v1_route_allow(cl_str_z(path));
    CHECK((found->err == CL_OK) == (why.text[0] == '\0')); // every refusal says why
}

TEST(each_row_of_the_table_leads_to_its_call)
{
    static const struct {
        const char *method, *path;
        enum cl_v1_call call;
        const char *arg;
    } rows[] = {
        {"GET", "/", CL_V1_INFO, ""},
        {"GET", "/healthz", CL_V1_HEALTHZ, ""},
        {"POST", "/register", CL_V1_REGISTER, ""},
        {"GET", "/discover", CL_V1_DISCOVER, ""},
        {"POST", "/heartbeat", CL_V1_HEARTBEAT, ""},
        {"POST", "/delegate", CL_V1_DELEGATE, ""},
        {"POST", "/broadcast", CL_V1_BROADCAST, ""},
        {"POST", "/respond", CL_V1_RESPOND, ""},
        {"GET", "/poll/mira", CL_V1_POLL, "mira"},
        {"POST", "/files", CL_V1_FILE_PUT, ""},
        {"GET", "/files", CL_V1_FILE_LIST, ""},
        {"GET", "/files/notes.md", CL_V1_FILE_GET, "notes.md"},
        {"GET", "/ws/mira", CL_V1_SOCKET, "mira"},
        {"GET", "/files/a/b%2fc", CL_V1_FILE_GET, "a/b/c"},
        {"GET", "/poll/a%2Fb", CL_V1_POLL, "a/b"},
        {"GET", "/poll/%E5%B0%8F", CL_V1_POLL, "\xe5\xb0\x8f"},
        {"GET", "/poll/a+b", CL_V1_POLL, "a+b"},
    };
    struct found found;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        find(&found, rows[i].method, rows[i].path);
        CHECK_OK(found.err);
        CHECK_INT(found.route.call, rows[i].call);
        CHECK_STR(found.route.arg, cl_str_z(rows[i].arg));
        CHECK(!found.route.is_head);
    }
}

TEST(head_goes_where_get_goes)
{
    struct found found;
    find(&found, "HEAD", "/poll/mira");
    CHECK_OK(found.err);
    CHECK_INT(found.route.call, CL_V1_POLL);
    CHECK(found.route.is_head);
    find(&found, "HEAD", "/ws/mira");
    CHECK_INT(found.err, CL_ERR_METHOD);
    CHECK_STR(found.allow, CL_STR("GET"));
    find(&found, "HEAD", "/register");
    CHECK_INT(found.err, CL_ERR_METHOD);
    CHECK_STR(found.allow, CL_STR("POST"));
}

TEST(unknown_paths_are_not_found)
{
    static const char *const paths[] = {"/nothing",  "/poll",   "/poll/",  "/poll/a/b",
                                        "/ws/",      "/ws/a/b", "/files/", "/register/",
                                        "/REGISTER", "*",       "//",      "/discover/x"};
    struct found found;
    for (size_t i = 0; i < sizeof paths / sizeof paths[0]; i++) {
        find(&found, "GET", paths[i]);
        CHECK_INT(found.err, CL_ERR_NOT_FOUND);
    }
}

TEST(a_wrong_method_hears_the_right_ones)
{
    struct found found;
    find(&found, "DELETE", "/files");
    CHECK_INT(found.err, CL_ERR_METHOD);
    CHECK_STR(found.allow, CL_STR("GET, HEAD, POST"));
    find(&found, "POST", "/poll/a");
    CHECK_INT(found.err, CL_ERR_METHOD);
    CHECK_STR(found.allow, CL_STR("GET, HEAD"));
    find(&found, "get", "/discover");
    CHECK_INT(found.err, CL_ERR_METHOD);
}

TEST(an_id_in_the_path_must_be_one)
{
    static const char *const paths[] = {"/poll/%",       "/poll/%zz",     "/poll/%00",
                                        "/poll/a%0ab",   "/poll/%7f",     "/poll/%ff",
                                        "/poll/%c2%85x", "/files/%1bkey", "/ws/%ed%a0%80"};
    struct found found;
    for (size_t i = 0; i < sizeof paths / sizeof paths[0]; i++) {
        find(&found, "GET", paths[i]);
        CHECK_INT(found.err, CL_ERR_MALFORMED);
    }
}

TEST(an_id_has_at_most_256_bytes)
{
    char path[6 + CL_ID_BYTES_MAX + 2] = "/poll/";
    struct found found;
    memset(path + 6, 'x', CL_ID_BYTES_MAX);
    find(&found, "GET", path);
    CHECK_OK(found.err);
    CHECK_INT(found.route.arg.len, CL_ID_BYTES_MAX);
    path[6 + CL_ID_BYTES_MAX] = 'x';
    find(&found, "GET", path);
    CHECK_INT(found.err, CL_ERR_MALFORMED);
}

TEST(the_list_of_calls_shows_patterns)
{
    char text[CL_V1_CALL_TEXT_CAP];
    cl_v1_call_text(CL_V1_POLL, text);
    CHECK_STR(cl_str_z(text), CL_STR("GET /poll/{agent_id}"));
    cl_v1_call_text(CL_V1_FILE_GET, text);
    CHECK_STR(cl_str_z(text), CL_STR("GET /files/{file_key}"));
    cl_v1_call_text(CL_V1_INFO, text);
    CHECK_STR(cl_str_z(text), CL_STR("GET /"));
    CHECK_STR(cl_str_z(cl_v1_call_name(CL_V1_SOCKET)), CL_STR("websocket"));
}
