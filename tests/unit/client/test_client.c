// SPDX-License-Identifier: MIT
#include "client/client.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/limits.h"
#include "client/call_v2.h"
#include "support/fault.h"
#include "support/test.h"

static struct cl_why why;

static bool
says(const char *part)
{
    test_note("%s", why.text);
    return strstr(why.text, part) != NULL;
}

/* -- a relay of one answer -------------------------------------------------------------------- */

/* Takes `connections` connections one after the other; answers each request on them. */
struct script {
    const char *answer; // NULL: closes instead
    unsigned connections;
    int listener;
    uint16_t port;
    char heard[4096]; // all that came
    size_t heard_len;
    pthread_t thread;
};

static void
serve(struct script *script, int fd)
{
    size_t from = script->heard_len;
    while (script->heard_len + 1 < sizeof script->heard) {
        ssize_t len = read(fd, script->heard + script->heard_len,
                           sizeof script->heard - 1 - script->heard_len);
        if (len <= 0)
            return;
        script->heard_len += (size_t)len;
        script->heard[script->heard_len] = '\0';
        if (strstr(script->heard + from, "\r\n\r\n") == NULL)
            continue;
        from = script->heard_len;
        if (script->answer == NULL)
            return;
        if (write(fd, script->answer, strlen(script->answer)) < 0)
            return;
        if (strstr(script->answer, "Connection: close") != NULL)
            return;
    }
}

static void *
run_script(void *arg)
{
    struct script *script = arg;
    for (unsigned i = 0; i < script->connections; i++) {
        int fd = accept(script->listener, NULL, NULL);
        if (fd >= 0) {
            serve(script, fd);
            (void)close(fd);
        }
    }
    return NULL;
}

static void
begin_script(struct script *script, const char *answer, unsigned connections)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof address;
    *script = (struct script){.answer = answer, .connections = connections};
    script->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    CHECK(bind(script->listener, (struct sockaddr *)&address, len) == 0);
    CHECK(listen(script->listener, 4) == 0);
    CHECK(getsockname(script->listener, (struct sockaddr *)&address, &len) == 0);
    script->port = ntohs(address.sin_port);
    CHECK(pthread_create(&script->thread, NULL, run_script, script) == 0);
}

static void
end_script(struct script *script)
{
    CHECK(pthread_join(script->thread, NULL) == 0);
    (void)close(script->listener);
}

static struct cl_client *
client_of(const struct script *script, const char *path, const char *token)
{
    char url[128];
    struct cl_secret secret;
    struct cl_client *client = NULL;
    (void)snprintf(url, sizeof url, "http://127.0.0.1:%u%s", script->port, path);
    CHECK_OK(cl_secret_init(&secret, cl_str_z(token)));
    CHECK_OK(cl_client_new(cl_str_z(url), &secret, &client, &why));
    return client;
}

static const struct cl_client_call info = {.method = "GET", .path = CL_STR_INIT("/")};

/* One call to a relay that gives that answer: its outcome, the sentence in why. */
static enum cl_err
call_once(const char *answer, const char *token)
{
    static struct script script; // outlives a failed check
    cl_str ignored;
    begin_script(&script, answer, 1);
    struct cl_client *client = client_of(&script, "", token);
    enum cl_err err = cl_client_call(client, &info, &ignored, &why);
    cl_client_free(client);
    end_script(&script);
    return err;
}

#define ANSWER(status, body) "HTTP/1.1 " status "\r\nConnection: close\r\n\r\n" body

/* -- URLs and tokens -------------------------------------------------------------------------- */

TEST(a_url_that_is_none_is_refused_with_its_reason)
{
    static const char *const urls[] = {"",           "localhost:9077",  "http://",
                                       "http:///x",  "http://h:0",      "http://h:99999",
                                       "ftp://h",    "http://u:p@h",    "http://h/?x",
                                       "http://h h", "http://h\r\nX: y"};
    for (size_t i = 0; i < sizeof urls / sizeof *urls; i++) {
        struct cl_client *client = NULL;
        test_note("%s", urls[i]);
        CHECK_INT(cl_client_new(cl_str_z(urls[i]), NULL, &client, &why), CL_ERR_USAGE);
        CHECK(client == NULL);
        CHECK(says("Can't find relay"));
        CHECK(says("https://HOST:PORT or http://HOST:PORT"));
    }
}

/* Who reads along is told apart from who cannot. */
TEST(plain_text_beyond_this_machine_is_noticed)
{
    static const struct {
        const char *url;
        bool is_exposed;
    } rows[] = {
        {"http://h", true},
        {"ws://h", true},
        {"http://192.0.2.1", true},
        {"http://[2001:db8::1]", true},
        {"http://127.evil.example", true},
        {"http://notlocalhost", true},
        {"http://localhost", false},
        {"http://LOCALHOST:1", false},
        {"http://a.localhost", false},
        {"http://127.8.9.1:1", false},
        {"http://[::1]:9077", false},
        {"https://h", false},
        {"wss://h:1", false},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct cl_client *client = NULL;
        test_note("%s", rows[i].url);
        CHECK_OK(cl_client_new(cl_str_z(rows[i].url), NULL, &client, &why));
        CHECK_INT(cl_client_is_exposed(client), rows[i].is_exposed);
        cl_client_free(client);
    }
    test_note("%s", "");
}

TEST(two_urls_of_one_relay_are_known_as_such)
{
    CHECK(cl_client_same_relay(CL_STR("https://H:1"), CL_STR("wss://h:1/base/")));
    CHECK(cl_client_same_relay(CL_STR("https://h"), CL_STR("https://h:443")));
    CHECK(!cl_client_same_relay(CL_STR("https://h"), CL_STR("https://h:444")));
    CHECK(!cl_client_same_relay(CL_STR("https://h:1"), CL_STR("http://h:1")));
    CHECK(!cl_client_same_relay(CL_STR("https://h"), CL_STR("https://i")));
    CHECK(!cl_client_same_relay(CL_STR(""), CL_STR("")));
}

#define PIN "sha256:AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="

TEST(a_pin_is_for_https_and_must_be_one)
{
    struct cl_client *client = NULL;
    CHECK_OK(cl_client_new(CL_STR("http://h"), NULL, &client, &why));
    CHECK_INT(cl_client_pin(client, CL_STR(PIN), false, &why), CL_ERR_USAGE);
    CHECK(says("https://"));
    cl_client_free(client);
    CHECK_OK(cl_client_new(CL_STR("https://h"), NULL, &client, &why));
    CHECK_INT(cl_client_pin(client, CL_STR("x"), false, &why), CL_ERR_USAGE);
    CHECK(says("--pin: \"x\" is no pin"));
    CHECK_INT(cl_client_pin(client, CL_STR("x"), true, &why), CL_ERR_USAGE);
    CHECK(says("state file"));
    CHECK_OK(cl_client_pin(client, CL_STR(PIN), false, &why));
    cl_client_free(client);
}

TEST(a_url_is_kept_without_slashes_at_its_end)
{
    struct cl_client *client = NULL;
    CHECK_OK(cl_client_new(CL_STR("http://[::1]:9077//"), NULL, &client, &why));
    CHECK_STR(cl_client_url(client), CL_STR("http://[::1]:9077"));
    cl_client_free(client);
    cl_client_free(NULL);
}

TEST(a_token_that_would_break_the_header_is_refused_unshown)
{
    static const char *const tokens[] = {"geheim\r\nX: y", "ge heim", "geheim\n", "\x7fgeheim"};
    for (size_t i = 0; i < sizeof tokens / sizeof *tokens; i++) {
        struct cl_secret secret;
        struct cl_client *client = NULL;
        CHECK_OK(cl_secret_init(&secret, cl_str_z(tokens[i])));
        CHECK_INT(cl_client_new(CL_STR("http://h"), &secret, &client, &why), CL_ERR_USAGE);
        CHECK(!says("heim"));
    }
}

/* -- answers ---------------------------------------------------------------------------------- */

TEST(an_answer_comes_back_whole)
{
    static struct script script; // outlives a failed check
    cl_str answer;
    begin_script(&script, ANSWER("200 OK", "{\"a\":[1,2]}"), 1);
    struct cl_client *client = client_of(&script, "/base/", "geheim");
    CHECK_OK(cl_client_call(client, &info, &answer, &why));
    CHECK_STR(answer, CL_STR("{\"a\":[1,2]}"));
    CHECK_INT(cl_client_status(client), 200);
    cl_client_free(client);
    end_script(&script);
    CHECK(strncmp(script.heard, "GET /base/ HTTP/1.1\r\n", 21) == 0);
    CHECK(strstr(script.heard, "\r\nAuthorization: Bearer geheim\r\n") != NULL);
}

TEST(one_like_another_calls_the_same_relay_with_the_same_token)
{
    static struct script script; // outlives a failed check
    struct cl_client *like = NULL;
    cl_str answer;
    begin_script(&script, ANSWER("200 OK", "{\"a\":1}"), 1);
    struct cl_client *first = client_of(&script, "/below/", "geheim");
    CHECK_OK(cl_client_new_like(first, &like, &why));
    cl_client_free(first);
    CHECK_OK(cl_client_call(like, &info, &answer, &why));
    CHECK(strstr(script.heard, "GET /below/ ") != NULL);
    CHECK(strstr(script.heard, "Bearer geheim") != NULL);
    cl_client_free(like);
    end_script(&script);
}

TEST(a_wait_ends_when_there_is_something_for_the_other_loop)
{
    struct cl_client *client = NULL;
    int fds[2];
    char byte = 0;
    CHECK_OK(cl_client_new(CL_STR("http://h"), NULL, &client, &why));
    CHECK(pipe(fds) == 0);
    cl_instant before = cl_clock_monotonic();
    cl_client_wait(client, fds[0], 1);
    CHECK(cl_clock_monotonic().ms > before.ms); // the time is over
    CHECK(write(fds[1], &byte, 1) == 1);
    cl_client_wait(client, fds[0], 3600 * 1000);
    CHECK(cl_clock_monotonic().ms - before.ms < 1800 * 1000);
    (void)close(fds[0]);
    (void)close(fds[1]);
    cl_client_free(client);
}

TEST(without_a_token_no_token_is_sent)
{
    static struct script script; // outlives a failed check
    cl_str answer;
    begin_script(&script, ANSWER("200 OK", "{}"), 1);
    struct cl_client *client = client_of(&script, "", "");
    CHECK_OK(cl_client_call(client, &info, &answer, &why));
    cl_client_free(client);
    end_script(&script);
    CHECK(strstr(script.heard, "Authorization") == NULL);
}

TEST(the_connection_is_used_again)
{
    static struct script script; // outlives a failed check
    cl_str answer;
    begin_script(&script, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}", 1);
    struct cl_client *client = client_of(&script, "", "");
    for (unsigned i = 0; i < 3; i++)
        CHECK_OK(cl_client_call(client, &info, &answer, &why));
    cl_client_free(client);
    end_script(&script);
}

TEST(a_connection_that_the_relay_closed_is_not_used_again)
{
    static struct script script; // outlives a failed check
    cl_str answer;
    begin_script(&script, ANSWER("200 OK", "{}"), 2);
    struct cl_client *client = client_of(&script, "", "");
    script.answer = "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\n{}";
    CHECK_OK(cl_client_call(client, &info, &answer, &why));
    CHECK_OK(cl_client_call(client, &info, &answer, &why));
    cl_client_free(client);
    end_script(&script);
}

TEST(the_error_of_a_relay_is_shown_with_its_code)
{
    CHECK_INT(
        call_once(ANSWER("429 X", "{\"error\":\"the inbox is full\",\"code\":\"inbox_full\"}"), ""),
        CL_ERR_INBOX_FULL);
    CHECK(says("the inbox is full (HTTP 429)"));
    CHECK(says("Try again later."));
}

TEST(the_error_of_an_original_relay_is_named_by_its_status)
{
    static const struct {
        const char *answer;
        enum cl_err err;
    } rows[] = {
        {ANSWER("400 X", "{\"error\":\"bad\"}"), CL_ERR_MALFORMED},
        {ANSWER("404 X", "{\"error\":\"bad\"}"), CL_ERR_NOT_FOUND},
        {ANSWER("413 X", "{\"error\":\"bad\"}"), CL_ERR_TOO_LARGE},
        {ANSWER("500 X", "{\"error\":\"bad\"}"), CL_ERR_INTERNAL},
        {ANSWER("503 X", "{\"error\":\"bad\"}"), CL_ERR_UNAVAILABLE},
        {ANSWER("599 X", "{\"error\":\"bad\"}"), CL_ERR_INTERNAL},
        {ANSWER("418 X", "{\"error\":\"bad\"}"), CL_ERR_MALFORMED},
        {ANSWER("404 X", "{\"error\":\"bad\",\"code\":\"of_tomorrow\"}"), CL_ERR_NOT_FOUND},
        {ANSWER("404 X", "{\"error\":\"bad\",\"code\":\"ok\"}"), CL_ERR_NOT_FOUND},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        test_note("%s", rows[i].answer);
        CHECK_INT(call_once(rows[i].answer, ""), rows[i].err);
        CHECK(says(": bad (HTTP "));
    }
}

TEST(unauthorized_says_what_to_give)
{
    const char *answer = ANSWER("401 X", "{\"error\":\"Unauthorized. Provide ...\"}");
    CHECK_INT(call_once(answer, ""), CL_ERR_UNAUTHORIZED);
    CHECK(says("Unauthorized:"));
    CHECK(says("wants its token"));
    CHECK(says("CLAWLINK_TOKEN"));
    CHECK_INT(call_once(answer, "geheim"), CL_ERR_UNAUTHORIZED);
    CHECK(says("does not accept this token"));
    CHECK(!says("geheim"));
}

TEST(a_success_without_its_sign_is_none)
{
    static const struct {
        const char *answer;
        enum cl_err err;
        const char *says;
    } rows[] = {
        {ANSWER("200 OK", "{}"), CL_ERR_IO, "without the \"agents\""},
        {ANSWER("200 OK", "{\"agents\":{}}"), CL_ERR_IO, "without the \"agents\""},
        {ANSWER("200 OK", "{\"x\":{\"agents\":[]}}"), CL_ERR_IO, "Not a relay"},
        {ANSWER("200 OK", "{\"agents\":[],\"error\":\"bad\"}"), CL_ERR_IO, "bad (HTTP 200)"},
        {ANSWER("200 OK", "{\"error\":5,\"code\":\"full\"}"), CL_ERR_IO, "did not say why"},
        {ANSWER("302 X", "{\"agents\":[]}"), CL_ERR_IO, "HTTP 302"},
        {ANSWER("200 OK", "{\"agents\":[]}"), CL_OK, ""},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        static struct script script; // outlives a failed check
        cl_str answer;
        struct cl_client_call call = info;
        call.sign = (struct cl_client_sign){"agents", CL_JSON_ARRAY};
        test_note("%s", rows[i].answer);
        begin_script(&script, rows[i].answer, 1);
        struct cl_client *client = client_of(&script, "", "");
        CHECK_INT(cl_client_call(client, &call, &answer, &why), rows[i].err);
        CHECK(rows[i].err == CL_OK || says(rows[i].says));
        cl_client_free(client);
        end_script(&script);
    }
}

/* -- no answers ------------------------------------------------------------------------------- */

TEST(what_is_no_relay_is_called_so)
{
    CHECK_INT(call_once(ANSWER("200 OK", "<html>"), ""), CL_ERR_IO);
    CHECK(says("Not a relay"));
    CHECK(says("HTTP 200"));
    CHECK_INT(call_once(ANSWER("200 OK", "[]"), ""), CL_ERR_IO);
    CHECK_INT(call_once(ANSWER("404 Not Found", "404: Not Found"), ""), CL_ERR_IO);
    CHECK_INT(call_once("SSH-2.0-OpenSSH_9.2\r\n\r\n", ""), CL_ERR_IO);
    CHECK(says("does not speak HTTP"));
}

TEST(a_broken_connection_leaves_the_outcome_open)
{
    CHECK_INT(call_once(NULL, ""), CL_ERR_CLOSED);
    CHECK(says("Connection lost"));
}

TEST(connection_refused_says_how_to_start_a_relay)
{
    static struct script script; // outlives a failed check
    cl_str answer;
    begin_script(&script, NULL, 0);
    end_script(&script); // its port is free again
    struct cl_client *client = client_of(&script, "", "");
    CHECK_INT(cl_client_call(client, &info, &answer, &why), CL_ERR_NO_RELAY);
    CHECK(says("Connection refused"));
    CHECK(says("http://127.0.0.1:"));
    CHECK(says("clawlink relay"));
    cl_client_free(client);
}

TEST(an_unknown_host_is_named)
{
    struct cl_client *client = NULL;
    cl_str answer;
    CHECK_OK(cl_client_new(CL_STR("http://nowhere.invalid:9077"), NULL, &client, &why));
    CHECK_INT(cl_client_call(client, &info, &answer, &why), CL_ERR_NO_RELAY);
    CHECK(says("Can't find relay"));
    CHECK(says("http://nowhere.invalid:9077"));
    cl_client_free(client);
}

TEST(a_call_that_no_relay_takes_is_not_sent)
{
    static char large[CL_HTTP_BODY_BYTES_MAX + 1];
    struct cl_client *client = NULL;
    cl_str answer;
    struct cl_client_call call = {
        .method = "POST", .path = CL_STR("/files"), .body = cl_str_of(large, sizeof large)};
    CHECK_OK(cl_client_new(CL_STR("http://nowhere.invalid"), NULL, &client, &why));
    CHECK_INT(cl_client_call(client, &call, &answer, &why), CL_ERR_TOO_LARGE);
    CHECK(says("1048575"));
    cl_client_free(client);
}

TEST(a_client_without_memory_says_so_and_leaks_nothing)
{
    static struct script script; // outlives a failed check
    char url[64];
    begin_script(&script, NULL, 0);
    end_script(&script); // nobody listens there any more
    (void)snprintf(url, sizeof url, "http://127.0.0.1:%u", script.port);
    FOR_EACH_FAULT
    {
        struct cl_client *client = NULL;
        cl_str answer;
        enum cl_err err = cl_client_new(cl_str_z(url), NULL, &client, &why);
        if (err == CL_OK)
            err = cl_client_call(client, &info, &answer, &why);
        test_note("%s", why.text);
        CHECK(err == CL_ERR_NO_RELAY || (err != CL_OK && fault_happened()));
        cl_client_free(client);
    }
}

/* -- for a program ----------------------------------------------------------------------------- */

/* A sentence that a program may show: it speaks of nothing that is written at a shell. */
static bool
is_for_programs(void)
{
    test_note("%s", why.text);
    return !says("--") && !says("CLAWLINK_") && !says("`") && !says("delegate");
}

static struct cl_client *
programs_client(const char *url, const char *secret_of)
{
    struct cl_client *client = NULL;
    struct cl_secret token;
    CHECK_OK(cl_secret_init(&token, CL_STR("geheim")));
    CHECK_OK(cl_client_new(cl_str_z(url), &token, &client, &why));
    cl_client_serve_program(client, cl_str_z(secret_of));
    return client;
}

TEST(a_program_is_told_of_no_options_of_a_command_line)
{
    static const char *const bodies[] = {"", "x", "{}", "{\"error\":\"no\"}",
                                         "{\"error\":\"no\",\"code\":\"not_found\"}"};
    static const unsigned statuses[] = {200, 400, 401, 403, 404, 421, 426, 429, 500, 503};
    struct cl_client *client = programs_client("http://h:1/below", "");
    struct cl_uplink_fall fall = {.err = CL_ERR_IO, .text = ""};
    for (int fault = CL_HTTP_FAULT_NONE; fault <= CL_HTTP_FAULT_NO_MEMORY; fault++) {
        fall.no.fault = (enum cl_http_fault)fault;
        if (fault != CL_HTTP_FAULT_TLS) // test_explain_tls.c
            CHECK(cl_client_explain(client, &fall, &why) != CL_OK);
        CHECK(is_for_programs());
    }
    fall.no.fault = CL_HTTP_FAULT_NONE;
    for (size_t i = 0; i < sizeof statuses / sizeof *statuses; i++)
        for (size_t j = 0; j < sizeof bodies / sizeof *bodies; j++) {
            fall.no.status = statuses[i];
            fall.no.body = cl_str_z(bodies[j]);
            cl_err_ignore(cl_client_explain(client, &fall, &why));
            CHECK(is_for_programs());
        }
    CHECK_INT(cl_client_pin(client, CL_STR(PIN), false, &why), CL_ERR_USAGE);
    CHECK(is_for_programs());
    cl_client_free(client);
}

TEST(the_answers_that_a_program_s_call_meets_advise_no_options_either)
{
    static const char *const answers[] = {
        ANSWER("404 Not Found", "x"), ANSWER("200 OK", "x"), ANSWER("200 OK", "{}"),
        ANSWER("401 Unauthorized", "{\"error\":\"no\"}"), ANSWER("404 Not Found", "{}")};
    for (size_t i = 0; i < sizeof answers / sizeof *answers; i++)
        for (unsigned is_v2 = 0; is_v2 < 2; is_v2++) {
            static struct script script; // outlives a failed check
            struct cl_client_call call = {.method = "POST",
                                          .path = CL_STR("/v2"),
                                          .is_v2 = is_v2 == 1,
                                          .sign = {"name", CL_JSON_STRING}};
            cl_str answer;
            begin_script(&script, answers[i], 1);
            struct cl_client *client = client_of(&script, "/below", "geheim");
            cl_client_serve_program(client, CL_STR(""));
            CHECK(cl_client_call(client, &call, &answer, &why) != CL_OK);
            CHECK(is_for_programs());
            cl_client_free(client);
            end_script(&script);
        }
}

TEST(a_secret_that_does_not_fit_is_told_as_such)
{
    const struct cl_v2_error other = {.err = CL_ERR_UNAUTHORIZED,
                                      .sentence = CL_STR("this instance has another token")};
    const struct cl_uplink_fall falls[] = {
        {.err = CL_ERR_UNAUTHORIZED, .text = "", .no = {.status = 401, .body = CL_STR("{}")}},
        {.err = CL_ERR_UNAUTHORIZED, .text = "", .error = &other}};
    for (size_t i = 0; i < 2; i++) {
        struct cl_client *client = programs_client("ws://h:8765", "mini");
        CHECK_INT(cl_client_explain(client, &falls[i], &why), falls[i].err);
        CHECK(says("Unauthorized: ws://h:8765 does not accept this secret from the instance mini"));
        CHECK(is_for_programs());
        cl_client_free(client);
        client = programs_client("ws://h:8765", "");
        CHECK_INT(cl_client_explain(client, &falls[i], &why), falls[i].err);
        CHECK(says("token") && !says("secret") && is_for_programs());
        cl_client_free(client);
    }
}

/* -- bytes ------------------------------------------------------------------------------------- */

/* Bytes of a blob, answered so: the outcome, and the bytes in *ret_bytes. */
static enum cl_err
range_once(const char *answer, const char *want)
{
    static struct script script; // outlives a failed check
    const struct cl_client_call call = {
        .method = "GET", .path = CL_STR("/v2/blobs/0"), .range = "bytes=2-5"};
    cl_str bytes = CL_STR("");
    begin_script(&script, answer, 1);
    struct cl_client *client = client_of(&script, "", "");
    enum cl_err err = cl_client_call(client, &call, &bytes, &why);
    CHECK(strstr(script.heard, "\r\nRange: bytes=2-5\r\n") != NULL);
    CHECK_STR(bytes, cl_str_z(want));
    cl_client_free(client);
    end_script(&script);
    return err;
}

TEST(bytes_are_taken_as_they_are)
{
    CHECK_OK(range_once(ANSWER("206 Partial Content", " {\n "), " {\n "));
    CHECK_OK(range_once(ANSWER("200 OK", "no JSON"), "no JSON"));
    CHECK_INT(
        range_once(ANSWER("404 Not Found", "{\"error\":\"gone\",\"code\":\"not_found\"}"), ""),
        CL_ERR_NOT_FOUND);
    CHECK(says("gone"));
    CHECK_INT(range_once(ANSWER("416 Range Not Satisfiable", "{\"error\":\"no\"}"), ""),
              CL_ERR_MALFORMED);
}

/* -- protocol v2 ------------------------------------------------------------------------------ */

/* A `trace` answered so: its outcome, and its result in *traced and *text. */
static enum cl_err
trace_once(const char *answer, struct cl_v2_traced *traced, struct cl_arena *arena)
{
    static struct script script; // outlives a failed check
    const struct cl_v2_trace params = {.id = {{1}}, .agent = CL_STR("laptop/mira")};
    const struct cl_call_v2 call = {.method = CL_V2_TRACE, .params = &params, .arena = arena};
    cl_str text = CL_STR("");
    begin_script(&script, answer, 1);
    struct cl_client *client = client_of(&script, "", "");
    enum cl_err err = cl_client_call_v2(client, &call, traced, &text, &why);
    CHECK((err == CL_OK) == (text.len > 0));
    if (err == CL_OK)
        CHECK_STR(traced->to, CL_STR("mini/otto")); // it lies in the answer, which is the client's
    CHECK(strstr(script.heard, "POST /v2 HTTP/1.1\r\n") != NULL);
    CHECK(strstr(script.heard, "\"method\":\"trace\",\"params\":{\"id\":\"AQAAAAAAAAAAAAAAAAAAAA\","
                               "\"agent\":\"laptop/mira\"}") != NULL);
    cl_client_free(client);
    end_script(&script);
    return err;
}

#define RPC(rest) ANSWER("200 OK", "{\"jsonrpc\":\"2.0\",\"id\":1," rest "}")

TEST(a_call_of_v2_is_answered_with_its_struct)
{
    struct cl_arena arena;
    struct cl_v2_traced traced = {0};
    cl_arena_init(&arena, CL_MIB);
    CHECK_OK(
        trace_once(RPC("\"result\":{\"id\":\"AQAAAAAAAAAAAAAAAAAAAA\",\"from\":\"laptop/mira\","
                       "\"to\":\"mini/otto\",\"accepted\":5,\"expires\":9,\"priority\":2,"
                       "\"attempts\":3,\"rungs\":[],\"new\":[1]}"),
                   &traced, &arena));
    CHECK_INT(traced.attempts.value, 3);
    cl_arena_done(&arena);
}

TEST(what_the_relay_says_of_a_call_of_v2_reaches_the_person)
{
    struct cl_arena arena;
    struct cl_v2_traced traced;
    cl_arena_init(&arena, CL_MIB);
    CHECK_INT(trace_once(ANSWER("409 Conflict",
                                "{\"jsonrpc\":\"2.0\",\"id\":1,\"error\":{\"code\":409,"
                                "\"message\":\"several are called otto\",\"data\":{\"error\":"
                                "\"ambiguous_name\",\"retry\":false,\"candidates\":[\"a/otto\","
                                "\"b/otto\"]}}}"),
                         &traced, &arena),
              CL_ERR_AMBIGUOUS);
    CHECK(says("refused trace: several are called otto: a/otto, b/otto."));
    CHECK_INT(trace_once(RPC("\"error\":{\"code\":429,\"message\":\"too fast\",\"data\":{\"error\":"
                             "\"rate_limited\",\"retry\":true,\"retry_after\":2}}"),
                         &traced, &arena),
              CL_ERR_RATE);
    CHECK(says("too fast. Try again in 2 s."));
    cl_arena_done(&arena);
}

TEST(what_is_no_answer_of_v2_is_not_taken_for_one)
{
    static const struct {
        const char *answer;
        enum cl_err err;
        const char *part;
    } rows[] = {
        {RPC("\"result\":[]"), CL_ERR_IO, "protocol v2"},
        {RPC("\"result\":{}"), CL_ERR_IO, "protocol v2"},
        {RPC("\"what\":1"), CL_ERR_IO, "protocol v2"},
        {ANSWER("200 OK",
                "{\"jsonrpc\":\"2.0\",\"method\":\"receipt\",\"params\":{\"agent\":\"a/b\","
                "\"receipts\":[]}}"),
         CL_ERR_IO, "a note"},
        {ANSWER("404 Not Found", "{\"error\":\"no such path\"}"), CL_ERR_UPGRADE,
         "does not speak protocol v2"},
        {ANSWER("404 Not Found", "404: Not Found"), CL_ERR_UPGRADE, "a relay of v1"},
        {ANSWER("401 Unauthorized", "{\"error\":\"no\",\"code\":\"unauthorized\"}"),
         CL_ERR_UNAUTHORIZED, "wants its token"},
        {ANSWER("200 OK", "hello"), CL_ERR_IO, "Not a relay"},
    };
    struct cl_arena arena;
    struct cl_v2_traced traced;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        cl_arena_init(&arena, CL_MIB);
        CHECK_INT(trace_once(rows[i].answer, &traced, &arena), rows[i].err);
        CHECK(says(rows[i].part));
        cl_arena_done(&arena);
    }
}
