// SPDX-License-Identifier: MIT
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/file.h"
#include "support/test.h"

static char folder[64];
static struct cl_why why;

static const char *
path_of(const char *name)
{
    static char paths[2][128];
    static unsigned at;
    char *path = paths[at++ % 2];
    (void)snprintf(path, sizeof paths[0], "%s/%s", folder, name);
    return path;
}

static void
remove_folder(void)
{
    static const char *const names[] = {"a", "a.tag.part", "link", "b"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        (void)unlink(path_of(names[i])); // most are not there
    (void)rmdir(folder);                 // the next test has another
}

static void
begin(void)
{
    if (folder[0] == '\0')
        CHECK(atexit(remove_folder) == 0);
    else
        remove_folder();
    (void)snprintf(folder, sizeof folder, "/tmp/clawlink-part-XXXXXX");
    CHECK(mkdtemp(folder) != NULL);
}

static cl_str
content_of(const char *name)
{
    static struct cl_buf buf;
    cl_buf_done(&buf);
    cl_buf_init(&buf, CL_MIB);
    CHECK_OK(cl_file_read(path_of(name), &buf, &why));
    return cl_buf_str(&buf);
}

TEST(a_file_that_comes_in_pieces_is_there_when_it_is_whole)
{
    struct cl_file_part part;
    struct stat info;
    mode_t mask = umask(027);
    begin();
    CHECK_OK(cl_file_part_open(path_of("a"), "tag", &part, &why));
    CHECK_INT(part.len, 0);
    CHECK_OK(cl_file_part_append(&part, CL_STR("one "), &why));
    CHECK_OK(cl_file_part_append(&part, CL_STR("two"), &why));
    CHECK_INT(part.len, 7);
    CHECK(access(path_of("a"), F_OK) != 0);
    CHECK_OK(cl_file_part_keep(&part, &why));
    cl_file_part_close(&part);
    CHECK_STR(content_of("a"), CL_STR("one two"));
    CHECK(stat(path_of("a"), &info) == 0 && (info.st_mode & 0777) == 0640);
    CHECK(access(path_of("a.tag.part"), F_OK) != 0);
    (void)umask(mask);
}

TEST(another_run_goes_on_where_one_stopped)
{
    struct cl_file_part part;
    char bytes[CL_FILE_PIECE_BYTES];
    size_t len;
    begin();
    CHECK_OK(cl_file_part_open(path_of("a"), "tag", &part, &why));
    CHECK_OK(cl_file_part_append(&part, CL_STR("one "), &why));
    cl_file_part_close(&part);
    CHECK_OK(cl_file_part_open(path_of("a"), "tag", &part, &why));
    CHECK_INT(part.len, 4);
    CHECK_OK(cl_file_part_read(&part, 1, bytes, &len, &why));
    CHECK_STR(cl_str_of(bytes, len), CL_STR("ne "));
    CHECK_OK(cl_file_part_read(&part, 4, bytes, &len, &why));
    CHECK_INT(len, 0);
    CHECK_OK(cl_file_part_append(&part, CL_STR("two"), &why));
    CHECK_OK(cl_file_part_keep(&part, &why));
    cl_file_part_close(&part);
    CHECK_STR(content_of("a"), CL_STR("one two"));
}

TEST(a_part_can_begin_anew)
{
    struct cl_file_part part;
    begin();
    CHECK_OK(cl_file_part_open(path_of("a"), "tag", &part, &why));
    CHECK_OK(cl_file_part_append(&part, CL_STR("wrong and long"), &why));
    CHECK_OK(cl_file_part_restart(&part, &why));
    CHECK_OK(cl_file_part_append(&part, CL_STR("right"), &why));
    CHECK_OK(cl_file_part_keep(&part, &why));
    cl_file_part_close(&part);
    CHECK_STR(content_of("a"), CL_STR("right"));
}

TEST(through_a_link_the_file_is_replaced_not_the_link)
{
    struct cl_file_part part;
    struct stat info;
    begin();
    CHECK_OK(cl_file_write(path_of("a"), 0644, CL_STR("old"), &why));
    CHECK(symlink("a", path_of("link")) == 0);
    CHECK_OK(cl_file_part_open(path_of("link"), "tag", &part, &why));
    CHECK_OK(cl_file_part_append(&part, CL_STR("new"), &why));
    CHECK_OK(cl_file_part_keep(&part, &why));
    cl_file_part_close(&part);
    CHECK_STR(content_of("a"), CL_STR("new"));
    CHECK(lstat(path_of("link"), &info) == 0 && S_ISLNK(info.st_mode));
}

TEST(a_file_that_is_replaced_keeps_its_mode)
{
    struct cl_file_part part;
    struct stat info;
    mode_t mask = umask(022);
    begin();
    CHECK_INT(cl_file_mode(path_of("a")), 0644);
    CHECK_INT(cl_file_mode(folder), 0644); // it is none
    CHECK_OK(cl_file_write(path_of("a"), 0600, CL_STR("private"), &why));
    CHECK_INT(cl_file_mode(path_of("a")), 0600);
    CHECK_OK(cl_file_part_open(path_of("a"), "tag", &part, &why));
    CHECK_OK(cl_file_part_append(&part, CL_STR("new"), &why));
    CHECK_OK(cl_file_part_keep(&part, &why));
    cl_file_part_close(&part);
    CHECK_STR(content_of("a"), CL_STR("new"));
    CHECK(stat(path_of("a"), &info) == 0 && (info.st_mode & 0777) == 0600);
    (void)umask(mask);
}

TEST(what_is_no_regular_file_is_not_written_to)
{
    struct cl_file_part part;
    begin();
    CHECK_INT(cl_file_part_open("/dev/null", "tag", &part, &why), CL_ERR_USAGE);
    CHECK_INT(cl_file_part_open(folder, "tag", &part, &why), CL_ERR_USAGE);
    // Somebody else may have put a link where the part would be.
    CHECK_OK(cl_file_write(path_of("b"), 0644, CL_STR("other"), &why));
    CHECK(symlink("b", path_of("a.tag.part")) == 0);
    CHECK_INT(cl_file_part_open(path_of("a"), "tag", &part, &why), CL_ERR_IO);
    CHECK_STR(content_of("b"), CL_STR("other"));
    CHECK(unlink(path_of("a.tag.part")) == 0); // or a second name of a file
    CHECK(link(path_of("b"), path_of("a.tag.part")) == 0);
    CHECK_INT(cl_file_part_open(path_of("a"), "tag", &part, &why), CL_ERR_USAGE);
    CHECK(strstr(why.text, "is in the way") != NULL);
    CHECK(unlink(path_of("a.tag.part")) == 0);
    CHECK_OK(cl_file_write(path_of("a.tag.part"), 0666, CL_STR("theirs"), &why));
    if (chown(path_of("a.tag.part"), 65534, (gid_t)-1) == 0) // as root alone
        CHECK_INT(cl_file_part_open(path_of("a"), "tag", &part, &why), CL_ERR_USAGE);
    CHECK_INT(cl_file_part_open(path_of("no/such/folder"), "tag", &part, &why), CL_ERR_IO);
}
