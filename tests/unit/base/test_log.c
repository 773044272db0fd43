// SPDX-License-Identifier: MIT
#include "base/log.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "support/fault.h"
#include "support/test.h"

#define TIME_LEN (sizeof "2026-04-04T09:00:00.123000+00:00" - 1)

/* What was logged lies in a pipe until it is read. */
static struct cl_log log_;
static int reader = -1;
static char output[8192];
static size_t output_len;

static void
begin(enum cl_log_format format)
{
    int ends[2];
    CHECK(pipe(ends) == 0);
    reader = ends[0];
    log_ = (struct cl_log){.fd = ends[1], .level = CL_LOG_DEBUG, .format = format};
}

/* All that was written since begin, without "time=... " or "{"time":"...",". */
static cl_str
end(void)
{
    (void)close(log_.fd);
    ssize_t len = read(reader, output, sizeof output);
    (void)close(reader);
    CHECK(len >= 0);
    output_len = (size_t)len;
    cl_str text = cl_str_of(output, output_len);
    size_t head = log_.format == CL_LOG_JSON ? sizeof "{'time':''," - 1 : sizeof "time= " - 1;
    return cl_str_part(text, TIME_LEN + head, text.len);
}

TEST(a_line_has_level_event_and_fields)
{
    begin(CL_LOG_LOGFMT);
    cl_log_info(&log_, "agent.joined", CL_F("agent", CL_STR("mira")), CL_F("socket", 41),
                CL_F("behind", -3L), CL_F("bytes", UINT64_MAX), CL_F("z", "text"));
    CHECK_STR(end(), CL_STR("level=info event=agent.joined agent=mira socket=41 behind=-3 "
                            "bytes=18446744073709551615 z=text\n"));
}

TEST(a_json_line_has_the_same)
{
    begin(CL_LOG_JSON);
    cl_log_warn(&log_, "agent.joined", CL_F("agent", CL_STR("mira")), CL_F("socket", 41),
                CL_F("behind", -3L), CL_F("bytes", UINT64_MAX));
    CHECK_STR(end(), CL_STR("\"level\":\"warn\",\"event\":\"agent.joined\",\"agent\":\"mira\","
                            "\"socket\":41,\"behind\":-3,\"bytes\":18446744073709551615}\n"));
}

TEST(a_line_begins_with_the_time)
{
    begin(CL_LOG_LOGFMT);
    cl_log_error(&log_, "x", CL_F("a", 1));
    (void)end();
    CHECK(memcmp(output, "time=20", 7) == 0);
    CHECK(memcmp(output + 5 + TIME_LEN - 6, "+00:00 level=error", 18) == 0);
}

static void
check_field(cl_str text, const char *logfmt, const char *json)
{
    char want[256];
    begin(CL_LOG_LOGFMT);
    cl_log_debug(&log_, "e", CL_F("f", text));
    (void)snprintf(want, sizeof want, "level=debug event=e f=%s\n", logfmt);
    CHECK_STR(end(), cl_str_z(want));
    begin(CL_LOG_JSON);
    cl_log_debug(&log_, "e", CL_F("f", text));
    (void)snprintf(want, sizeof want, "\"level\":\"debug\",\"event\":\"e\",\"f\":%s}\n", json);
    CHECK_STR(end(), cl_str_z(want));
}

static void
check_quoted(cl_str text, const char *want)
{
    check_field(text, want, want);
}

TEST(text_from_outside_stays_within_its_field_and_line)
{
    check_field(CL_STR("plain-text/1.0"), "plain-text/1.0", "\"plain-text/1.0\"");
    check_quoted(CL_STR(""), "\"\"");
    check_quoted(CL_STR("two words"), "\"two words\"");
    check_quoted(CL_STR("a=b"), "\"a=b\"");
    check_quoted(CL_STR("x\nlevel=error event=forged"), "\"x\\u000alevel=error event=forged\"");
    check_quoted(CL_STR("\r\t\0\x1b[31m\x7f"), "\"\\u000d\\u0009\\u0000\\u001b[31m\\u007f\"");
    check_quoted(CL_STR("\" x=\"y"), "\"\\\" x=\\\"y\"");
    check_quoted(CL_STR("back\\slash"), "\"back\\\\slash\"");
}

TEST(utf8_passes_and_other_bytes_are_escaped)
{
    check_quoted(CL_STR("\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80"),
                 "\"\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80\"");
    check_quoted(CL_STR("\xc3\xa9\xff"), "\"\\u00c3\\u00a9\\u00ff\"");
    check_quoted(CL_STR("\xe2\x82"), "\"\\u00e2\\u0082\"");
}

TEST(control_characters_beyond_ascii_are_escaped)
{
    check_quoted(CL_STR("\xc2\x9b[31m"), "\"\\u009b[31m\"");
    check_quoted(CL_STR("\xc2\x80\xc2\x85\xc2\x9f\xc2\xa0"), "\"\\u0080\\u0085\\u009f\xc2\xa0\"");
}

TEST(lower_levels_and_a_silent_log_write_nothing)
{
    begin(CL_LOG_LOGFMT);
    log_.level = CL_LOG_WARN;
    cl_log_debug(&log_, "a", CL_F("f", 1));
    cl_log_info(&log_, "b", CL_F("f", 1));
    cl_log_warn(&log_, "c", CL_F("f", 1));
    CHECK_STR(end(), CL_STR("level=warn event=c f=1\n"));
    struct cl_log silent = {.fd = -1};
    cl_log_error(&silent, "d", CL_F("f", 1));
}

TEST(a_long_line_is_cut_between_fields_and_says_so)
{
    char text[3000];
    memset(text, 'x', sizeof text);
    cl_str big = cl_str_of(text, sizeof text);
    begin(CL_LOG_LOGFMT);
    cl_log_info(&log_, "e", CL_F("a", 1), CL_F("b", big), CL_F("c", big), CL_F("d", 2));
    cl_str line = end();
    CHECK(cl_str_starts(line, CL_STR("level=info event=e a=1 b=xxx")));
    CHECK(cl_str_ends(line, CL_STR("xxx cut=1\n")));
    CHECK(line.len < 3100);
    begin(CL_LOG_JSON);
    cl_log_info(&log_, "e", CL_F("a", 1), CL_F("b", big), CL_F("c", big), CL_F("d", 2));
    CHECK(cl_str_ends(end(), CL_STR("xxx\",\"cut\":1}\n")));
}

/* -- a full disk ------------------------------------------------------------------------------- */

static char file_path[64];
static struct cl_log_losses losses;

static void
begin_file(enum cl_log_format format)
{
    (void)snprintf(file_path, sizeof file_path, "/tmp/clawlink-log-XXXXXX");
    int fd = mkstemp(file_path);
    CHECK(fd >= 0 && fcntl(fd, F_SETFL, O_APPEND) == 0);
    losses = (struct cl_log_losses){0};
    log_ = (struct cl_log){.fd = fd, .format = format, .losses = &losses};
    (void)signal(SIGXFSZ, SIG_IGN); // as main does
}

/* The file can grow by so many bytes more; RLIM_INFINITY: by any. */
static void
leave_room(rlim_t bytes)
{
    struct rlimit limit;
    off_t size = lseek(log_.fd, 0, SEEK_END);
    CHECK(size >= 0 && getrlimit(RLIMIT_FSIZE, &limit) == 0);
    limit.rlim_cur = bytes == RLIM_INFINITY ? limit.rlim_max : (rlim_t)size + bytes;
    CHECK(setrlimit(RLIMIT_FSIZE, &limit) == 0);
}

/* The next line of the file behind its time; "" at the end. */
static cl_str
next_line(cl_str *rest)
{
    cl_str line;
    (void)cl_str_split(*rest, '\n', &line, rest);
    size_t head = log_.format == CL_LOG_JSON ? sizeof "{'time':''," - 1 : sizeof "time= " - 1;
    return cl_str_part(line, TIME_LEN + head < line.len ? TIME_LEN + head : line.len, line.len);
}

static cl_str
end_file(void)
{
    ssize_t len = pread(log_.fd, output, sizeof output, 0);
    CHECK(len >= 0 && unlink(file_path) == 0);
    (void)close(log_.fd);
    return cl_str_of(output, (size_t)len);
}

TEST(lines_that_are_lost_are_counted_and_told_and_no_half_line_is_continued)
{
    begin_file(CL_LOG_LOGFMT);
    cl_log_info(&log_, "first", CL_F("f", 1));
    leave_room(TIME_LEN + sizeof "time= " - 1 + 5);
    cl_log_info(&log_, "torn", CL_F("f", 1));
    CHECK(losses.is_torn);
    cl_log_info(&log_, "lost", CL_F("f", 1));
    cl_log_warn(&log_, "lost", CL_F("f", 2));
    CHECK_INT(losses.lines, 3);
    leave_room(RLIM_INFINITY);
    cl_log_info(&log_, "last", CL_F("f", 1));
    CHECK_INT(losses.lines, 3);
    CHECK_INT(losses.untold, 0);
    CHECK(!losses.is_torn);
    cl_log_info(&log_, "very last", CL_F("f", 1));
    cl_str text = end_file();
    CHECK_STR(next_line(&text), CL_STR("level=info event=first f=1"));
    CHECK_STR(next_line(&text), CL_STR("level"));
    CHECK_STR(next_line(&text), CL_STR("level=warn event=log.lines_lost lines=3"));
    CHECK_STR(next_line(&text), CL_STR("level=info event=last f=1"));
    CHECK_STR(next_line(&text), CL_STR("level=info event=\"very last\" f=1"));
    CHECK_INT(text.len, 0);
}

TEST(losses_are_told_in_json_and_at_every_level)
{
    begin_file(CL_LOG_JSON);
    log_.level = CL_LOG_ERROR;
    leave_room(0);
    cl_log_error(&log_, "lost", CL_F("f", 1));
    cl_log_info(&log_, "of no interest", CL_F("f", 1));
    CHECK(!losses.is_torn);
    leave_room(RLIM_INFINITY);
    cl_log_error(&log_, "last", CL_F("f", 1));
    cl_str text = end_file();
    CHECK_STR(next_line(&text),
              CL_STR("\"level\":\"warn\",\"event\":\"log.lines_lost\",\"lines\":1}"));
    CHECK_STR(next_line(&text), CL_STR("\"level\":\"error\",\"event\":\"last\",\"f\":1}"));
    CHECK_INT(text.len, 0);
}

TEST(a_file_that_was_emptied_has_nothing_torn)
{
    begin_file(CL_LOG_LOGFMT);
    leave_room(7);
    cl_log_info(&log_, "torn", CL_F("f", 1));
    CHECK(losses.is_torn);
    CHECK(ftruncate(log_.fd, 0) == 0);
    leave_room(RLIM_INFINITY);
    cl_log_info(&log_, "last", CL_F("f", 1));
    cl_str text = end_file();
    CHECK_STR(next_line(&text), CL_STR("level=warn event=log.lines_lost lines=1"));
    CHECK_STR(next_line(&text), CL_STR("level=info event=last f=1"));
}

TEST(without_a_count_lines_are_lost_without_a_word)
{
    begin_file(CL_LOG_LOGFMT);
    log_.losses = NULL;
    leave_room(0);
    cl_log_info(&log_, "lost", CL_F("f", 1));
    leave_room(RLIM_INFINITY);
    cl_log_info(&log_, "last", CL_F("f", 1));
    cl_str text = end_file();
    CHECK_STR(next_line(&text), CL_STR("level=info event=last f=1"));
    CHECK_INT(text.len, 0);
}

TEST(without_memory_a_line_is_cut_or_missing_but_whole)
{
    FOR_EACH_FAULT
    {
        begin(CL_LOG_JSON);
        cl_log_info(&log_, "e", CL_F("a", 1), CL_F("b", "two words"));
        cl_str line = end();
        cl_str cut = CL_STR("\"cut\":1}\n");
        if (!fault_happened())
            CHECK(cl_str_ends(line, CL_STR("\"a\":1,\"b\":\"two words\"}\n")));
        else
            CHECK(output_len == 0 || (output[0] == '{' && cl_str_ends(line, cut)));
    }
}
