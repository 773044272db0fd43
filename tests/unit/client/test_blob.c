// SPDX-License-Identifier: MIT
#include "client/blob.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "support/test.h"

#define BLOB "twenty bytes of blob"

static struct cl_why why;

TEST(a_blob_is_called_by_its_sha_256)
{
    char name[CL_DIGEST_TEXT_LEN];
    cl_digest digest;
    CHECK_OK(cl_digest_of(CL_STR("abc"), &digest)); // FIPS 180-4, appendix B.1
    cl_digest_text(&digest, name);
    CHECK_STR(cl_str_of(name, sizeof name),
              CL_STR("ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"));
}

/* -- a relay of a few answers ------------------------------------------------------------------ */

/* The answers go round, each on a connection of its own: the nth to the nth request. Instead of the
 * very first there may be another. */
static struct {
    const char *first; // NULL: there is none
    const char *answers[4];
    unsigned answers_len; // 0: it says nothing
    unsigned asked;
    int listener;
    int stop[2];
    char url[64];
    pthread_t thread;
} relay;

/* All of one request. */
static void
hear(int fd)
{
    char text[4096];
    size_t len = 0, wanted = SIZE_MAX;
    while (len < wanted && len + 1 < sizeof text) {
        ssize_t got = read(fd, text + len, sizeof text - 1 - len);
        if (got <= 0)
            return;
        len += (size_t)got;
        text[len] = '\0';
        const char *end = strstr(text, "\r\n\r\n"), *body = strstr(text, "Content-Length: ");
        if (end != NULL)
            wanted = (size_t)(end + 4 - text) +
                     (body == NULL ? 0 : (size_t)strtoul(body + 16, NULL, 10));
    }
}

static void
answer(int fd)
{
    const char *text = relay.asked == 0 && relay.first != NULL
                           ? relay.first
                           : relay.answers[relay.asked % relay.answers_len];
    hear(fd);
    relay.asked++;
    CHECK(write(fd, text, strlen(text)) == (ssize_t)strlen(text));
    (void)close(fd);
}

static void *
serve(void *arg)
{
    struct pollfd fds[] = {{.fd = relay.listener, .events = POLLIN},
                           {.fd = relay.stop[0], .events = POLLIN}};
    int silent = -1;
    while (poll(fds, 2, -1) > 0 && fds[1].revents == 0) {
        int fd = accept(relay.listener, NULL, NULL);
        if (relay.answers_len > 0)
            answer(fd);
        else
            silent = fd;
    }
    if (silent >= 0)
        (void)close(silent);
    return arg;
}

static struct cl_client *
begin(void)
{
    struct cl_client *client = NULL;
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof address;
    relay.asked = 0;
    relay.listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    CHECK(bind(relay.listener, (struct sockaddr *)&address, len) == 0);
    CHECK(listen(relay.listener, 4) == 0);
    CHECK(getsockname(relay.listener, (struct sockaddr *)&address, &len) == 0);
    CHECK(pipe(relay.stop) == 0);
    CHECK(pthread_create(&relay.thread, NULL, serve, NULL) == 0);
    (void)snprintf(relay.url, sizeof relay.url, "http://127.0.0.1:%u", ntohs(address.sin_port));
    CHECK_OK(cl_client_new(cl_str_z(relay.url), NULL, &client, &why));
    return client;
}

static void
end(struct cl_client *client)
{
    cl_client_free(client);
    CHECK(write(relay.stop[1], "", 1) == 1);
    CHECK(pthread_join(relay.thread, NULL) == 0);
    (void)close(relay.stop[0]);
    (void)close(relay.stop[1]);
    (void)close(relay.listener);
}

#define ANSWER(head, body) "HTTP/1.1 " head "\r\nConnection: close\r\n\r\n" body

static enum cl_err
put(cl_instant deadline)
{
    struct cl_client *client = begin();
    struct cl_blob_upload upload = {.bytes = CL_STR(BLOB), .deadline = deadline};
    CHECK_OK(cl_digest_of(upload.bytes, &upload.digest));
    enum cl_err err = cl_client_put_blob(client, &upload, &why);
    end(client);
    return err;
}

/* Of what is there already, and what came behind it, which must be the blob. */
static enum cl_err
get(cl_str have, cl_instant deadline)
{
    struct cl_buf buf;
    struct cl_client *client = begin();
    struct cl_blob_fetch fetch = {.size = sizeof BLOB - 1, .deadline = deadline};
    CHECK_OK(cl_digest_of(CL_STR(BLOB), &fetch.digest));
    cl_buf_init(&buf, 100);
    CHECK_OK(cl_buf_append(&buf, have));
    enum cl_err err = cl_client_get_blob(client, &fetch, &buf, &why);
    if (err == CL_OK)
        CHECK_STR(cl_buf_str(&buf), CL_STR(BLOB));
    cl_buf_done(&buf);
    end(client);
    return err;
}

static void
script(const char *first, const char *one, const char *two)
{
    relay.first = first;
    relay.answers[0] = one;
    relay.answers[1] = two;
    relay.answers_len = one == NULL ? 0 : two == NULL ? 1 : 2;
}

/* -- there ------------------------------------------------------------------------------------- */

TEST(an_upload_that_goes_to_and_fro_is_given_up)
{
    script(ANSWER("404 X\r\nUpload-Offset: 0", ""), ANSWER("204 X\r\nUpload-Offset: 10", ""),
           ANSWER("409 X\r\nUpload-Offset: 5", "{}"));
    CHECK_INT(put(CL_INSTANT_NEVER), CL_ERR_IO);
    CHECK(strstr(why.text, "does not get on") != NULL);
    CHECK(relay.asked < 30);
}

TEST(what_others_spoil_now_and_then_is_uploaded_nevertheless)
{
    script(ANSWER("404 X\r\nUpload-Offset: 10", ""), ANSWER("201 X", "{}"),
           ANSWER("409 X\r\nUpload-Offset: 0", "{}"));
    CHECK_OK(put(CL_INSTANT_NEVER));
    CHECK_INT(relay.asked, 3);
}

TEST(a_blob_that_is_there_is_claimed_since_it_may_go)
{
    script(ANSWER("200 X\r\nUpload-Complete: ?1", ""), ANSWER("201 X", "{}"),
           ANSWER("409 X\r\nUpload-Offset: 0", "{}"));
    CHECK_OK(put(CL_INSTANT_NEVER));
    CHECK_INT(relay.asked, 3);
}

TEST(a_relay_that_refuses_to_look_is_a_relay_all_the_same)
{
    script(NULL, ANSWER("503 X\r\nContent-Type: application/json", ""), NULL);
    CHECK_INT(put(CL_INSTANT_NEVER), CL_ERR_UNAVAILABLE);
    CHECK(strstr(why.text, "refused HEAD") != NULL);
    script(NULL, ANSWER("401 X", ""), NULL);
    CHECK_INT(put(CL_INSTANT_NEVER), CL_ERR_UNAUTHORIZED);
    script(NULL, ANSWER("301 X", ""), NULL);
    CHECK_INT(put(CL_INSTANT_NEVER), CL_ERR_IO);
}

/* -- and back ---------------------------------------------------------------------------------- */

TEST(a_relay_that_knows_no_ranges_sends_all_of_it_or_is_refused)
{
    script(NULL, ANSWER("200 X", BLOB), NULL);
    CHECK_OK(get(CL_STR(""), CL_INSTANT_NEVER));
    CHECK_OK(get(CL_STR("twenty"), CL_INSTANT_NEVER));
    script(NULL, ANSWER("200 X", "twenty bytes"), NULL);
    CHECK_INT(get(CL_STR(""), CL_INSTANT_NEVER), CL_ERR_IO);
    CHECK(strstr(why.text, "other bytes than the 20 ") != NULL);
    CHECK_INT(relay.asked, 1);
    script(NULL, ANSWER("200 X", BLOB " and more"), NULL);
    CHECK_INT(get(CL_STR(""), CL_INSTANT_NEVER), CL_ERR_IO);
}

TEST(pieces_add_up_to_the_blob_and_to_no_more)
{
    script(NULL, ANSWER("206 X", "twenty byt"), ANSWER("206 X", "es of blob"));
    CHECK_OK(get(CL_STR(""), CL_INSTANT_NEVER));
    script(NULL, ANSWER("206 X", "twenty bytes"), NULL);
    CHECK_INT(get(CL_STR(""), CL_INSTANT_NEVER), CL_ERR_IO);
    script(NULL, ANSWER("206 X", ""), NULL);
    CHECK_INT(get(CL_STR(""), CL_INSTANT_NEVER), CL_ERR_IO);
    script(NULL, ANSWER("206 X", "twenty bytes of fish"), NULL);
    CHECK_INT(get(CL_STR(""), CL_INSTANT_NEVER), CL_ERR_IO);
    CHECK(strstr(why.text, "another hash") != NULL);
}

/* -- and in time ------------------------------------------------------------------------------- */

TEST(after_the_deadline_nothing_is_asked)
{
    script(NULL, ANSWER("206 X", BLOB), NULL);
    CHECK_INT(get(CL_STR(""), cl_clock_monotonic()), CL_ERR_TIMEOUT);
    CHECK_INT(put(cl_clock_monotonic()), CL_ERR_TIMEOUT);
    CHECK_INT(relay.asked, 0);
}

TEST(a_relay_that_says_nothing_is_waited_for_until_the_deadline)
{
    script(NULL, NULL, NULL);
    cl_instant before = cl_clock_monotonic();
    CHECK_INT(get(CL_STR(""), cl_instant_add(before, 20)), CL_ERR_TIMEOUT);
    CHECK_INT(put(cl_instant_add(cl_clock_monotonic(), 20)), CL_ERR_TIMEOUT);
    CHECK(cl_clock_monotonic().ms - before.ms < CL_CLIENT_TIMEOUT_MS);
}
