// SPDX-License-Identifier: MIT
#include "net/unix.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "net/http_client.h"
#include "support/fault.h"
#include "support/test.h"

static struct cl_loop *loop;
static char folder[64];
static char path[96];
static cl_address seen; // the peer of the last request

static void
on_request(void *ctx, struct cl_http_conn *conn, const struct cl_http_head *head, cl_str body)
{
    struct cl_part part = cl_part_of(head->path);
    struct cl_http_answer answer = {.status = 200, .parts = &part, .parts_len = 1};
    (void)ctx;
    (void)body;
    cl_http_conn_peer(conn, &seen);
    cl_http_answer(conn, &answer);
}

static const struct cl_http_handler handler = {.on_request = on_request};

static void
begin(void)
{
    (void)snprintf(folder, sizeof folder, "/tmp/clawlink-unix-XXXXXX");
    CHECK(mkdtemp(folder) != NULL);
    (void)snprintf(path, sizeof path, "%s/door.sock", folder);
    CHECK_OK(cl_loop_new(&loop));
}

static void
end(void)
{
    cl_loop_free(loop);
    (void)unlink(path);
    CHECK(rmdir(folder) == 0); // and nothing else was left there
}

static struct cl_listener *
listen_there(void)
{
    struct cl_listener *listener;
    CHECK_OK(cl_unix_listen(loop, cl_str_z(path), &listener, NULL));
    return listener;
}

static enum cl_err
refusal(struct cl_why *why)
{
    struct cl_listener *listener;
    return cl_unix_listen(loop, cl_str_z(path), &listener, why);
}

/* A socket file on which nobody listens. */
static void
leave_behind(void)
{
    struct sockaddr_un name = {.sun_family = AF_UNIX};
    CHECK(cl_str_copy(name.sun_path, sizeof name.sun_path, cl_str_z(path)));
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);
    CHECK(bind(fd, (struct sockaddr *)&name, sizeof name) == 0);
    (void)close(fd);
}

TEST(http_is_spoken_over_a_unix_socket_and_the_peer_is_local)
{
    struct cl_http_server *server;
    struct cl_http_client *client;
    struct cl_http_reply reply;
    struct cl_http_server_options options = {.handler = &handler};
    const struct cl_http_call call = {.method = CL_STR("GET"), .target = CL_STR("/here")};
    begin();
    struct cl_listener *listener = listen_there();
    CHECK_OK(cl_http_server_new(loop, &options, &server));
    cl_listener_accept(listener, cl_http_server_take, server);
    CHECK_OK(cl_http_client_new_unix(loop, cl_str_z(path), &client));
    for (int i = 0; i < 3; i++) {
        CHECK_OK(cl_http_client_call(client, &call, &reply, NULL));
        CHECK_STR(reply.body, CL_STR("/here"));
    }
    CHECK(cl_address_is_loopback(&seen));
    cl_http_client_free(client);
    cl_listener_close(listener);
    cl_http_server_free(server);
    end();
}

TEST(only_its_user_may_open_the_socket_whatever_the_umask)
{
    struct stat status;
    mode_t before = umask(0);
    begin();
    struct cl_listener *listener = listen_there();
    CHECK(lstat(path, &status) == 0);
    CHECK(S_ISSOCK(status.st_mode));
    CHECK_INT(status.st_mode & 0777, 0600);
    CHECK_INT(umask(before), 0); // and the umask is what it was
    cl_listener_close(listener);
    CHECK(lstat(path, &status) != 0);
    end();
}

TEST(a_socket_that_was_left_behind_is_replaced_and_one_that_lives_is_not)
{
    struct cl_why why;
    begin();
    leave_behind();
    struct cl_listener *listener = listen_there();
    CHECK_INT(refusal(&why), CL_ERR_ADDRESS_IN_USE);
    CHECK(strstr(why.text, path) != NULL);
    cl_listener_close(listener);
    end();
}

TEST(what_is_no_socket_stays_and_links_are_not_followed)
{
    char target[128];
    struct stat status;
    struct cl_why why;
    begin();
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL, 0600);
    CHECK(fd >= 0);
    (void)close(fd);
    CHECK_INT(refusal(&why), CL_ERR_ADDRESS_IN_USE);
    CHECK(lstat(path, &status) == 0 && S_ISREG(status.st_mode));
    CHECK(unlink(path) == 0);

    (void)snprintf(target, sizeof target, "%s/target", folder);
    CHECK(symlink(target, path) == 0);
    CHECK_INT(refusal(&why), CL_ERR_ADDRESS_IN_USE);
    CHECK(lstat(path, &status) == 0 && S_ISLNK(status.st_mode));
    CHECK(lstat(target, &status) != 0);
    end();
}

TEST(closing_leaves_the_socket_of_another_alone)
{
    struct stat status;
    begin();
    struct cl_listener *listener = listen_there();
    CHECK(unlink(path) == 0);
    leave_behind(); // stands for the socket of a relay that came later
    cl_listener_close(listener);
    CHECK(lstat(path, &status) == 0);
    end();
}

TEST(a_path_that_another_is_about_to_take_is_not_taken)
{
    char lock_path[128];
    struct stat status;
    struct cl_why why;
    begin();
    leave_behind();
    (void)snprintf(lock_path, sizeof lock_path, "%s.lock", path);
    int lock = open(lock_path, O_RDWR | O_CREAT, 0600);
    CHECK(lock >= 0 && flock(lock, LOCK_EX) == 0);
    CHECK_INT(refusal(&why), CL_ERR_ADDRESS_IN_USE);
    CHECK(lstat(path, &status) == 0 && lstat(lock_path, &status) == 0);
    (void)close(lock); // its holder died, and left both files
    struct cl_listener *listener = listen_there();
    CHECK(lstat(lock_path, &status) == 0);
    cl_listener_close(listener);
    CHECK(lstat(lock_path, &status) != 0);
    end();
}

TEST(a_lock_that_is_a_link_is_not_followed)
{
    char lock_path[128], target[128];
    struct stat status;
    struct cl_why why;
    begin();
    (void)snprintf(lock_path, sizeof lock_path, "%s.lock", path);
    (void)snprintf(target, sizeof target, "%s/target", folder);
    CHECK(symlink(target, lock_path) == 0);
    CHECK_INT(refusal(&why), CL_ERR_IO);
    CHECK(lstat(target, &status) != 0 && lstat(path, &status) != 0);
    CHECK(unlink(lock_path) == 0);
    end();
}

#define STARTERS 4
#define ROUNDS   100

/* A program that starts at the word of the parent, says what became of it, and ends with it. */
static void
start_at_the_word(int word, int said, int over)
{
    struct cl_loop *own;
    struct cl_listener *listener;
    char byte;
    bool is_told = cl_loop_new(&own) == CL_OK && read(word, &byte, 1) == 1;
    enum cl_err err = cl_unix_listen(own, cl_str_z(path), &listener, NULL);
    byte = err == CL_OK ? 'y' : err == CL_ERR_ADDRESS_IN_USE ? 'n' : '?';
    is_told = is_told && write(said, &byte, 1) == 1 && read(over, &byte, 1) == 0;
    _exit(is_told ? 0 : 1); // as a crash would: both files stay
}

static void
run_round(void)
{
    int word[2], said[2], over[2], status;
    char answers[STARTERS + 1] = "";
    CHECK(pipe(word) == 0 && pipe(said) == 0 && pipe(over) == 0);
    for (int i = 0; i < STARTERS; i++)
        if (fork() == 0) {
            (void)close(over[1]);
            start_at_the_word(word[0], said[1], over[0]);
        }
    CHECK_INT(write(word[1], "wwww", STARTERS), STARTERS);
    for (int i = 0; i < STARTERS; i++)
        CHECK_INT(read(said[0], &answers[i], 1), 1);
    int winners = 0;
    for (int i = 0; i < STARTERS; i++) {
        CHECK(answers[i] != '?');
        winners += answers[i] == 'y';
    }
    CHECK_INT(winners, 1);
    for (int i = 0; i < 2; i++) {
        (void)close(word[i]);
        (void)close(said[i]);
        (void)close(over[1 - i]);
    }
    for (int i = 0; i < STARTERS; i++)
        CHECK(wait(&status) > 0 && WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

TEST(of_several_that_start_at_once_one_gets_what_a_crash_left)
{
    begin();
    leave_behind();
    for (int i = 0; i < ROUNDS; i++)
        run_round();
    cl_listener_close(listen_there()); // and takes both files along
    end();
}

TEST(a_path_that_cannot_be_is_told)
{
    struct cl_why why;
    struct cl_listener *listener;
    char longer[CL_UNIX_PATH_CAP + 1];
    memset(longer, 'x', sizeof longer);
    begin();
    CHECK_INT(cl_unix_listen(loop, cl_str_of(longer, CL_UNIX_PATH_CAP), &listener, &why),
              CL_ERR_USAGE);
    CHECK_INT(cl_unix_listen(loop, CL_STR(""), &listener, &why), CL_ERR_USAGE);
    CHECK_INT(cl_unix_listen(loop, CL_STR("/nowhere/at/all"), &listener, &why), CL_ERR_IO);
    end();
}

TEST(nobody_there_is_told)
{
    struct cl_stream *stream;
    begin();
    CHECK_INT(cl_unix_connect(loop, cl_str_z(path), &stream), CL_ERR_NO_RELAY);
    leave_behind();
    CHECK_INT(cl_unix_connect(loop, cl_str_z(path), &stream), CL_ERR_NO_RELAY);
    end();
}

TEST(without_memory_nothing_is_left)
{
    struct stat status;
    begin();
    FOR_EACH_FAULT
    {
        struct cl_listener *listener;
        enum cl_err err = cl_unix_listen(loop, cl_str_z(path), &listener, NULL);
        CHECK_INT(err, fault_happened() ? CL_ERR_NO_MEMORY : CL_OK);
        if (err == CL_OK)
            cl_listener_close(listener);
        CHECK(lstat(path, &status) != 0);
    }
    end();
}
