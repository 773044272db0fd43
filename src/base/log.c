// SPDX-License-Identifier: MIT
#include "base/log.h"

#include <errno.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/utf8.h"

/* A longer line is cut at a field's border and says so. */
#define LINE_BYTES_MAX 4096

static const char *const level_names[] = {"debug", "info", "warn", "error"};

static bool
is_plain(cl_str text)
{
    for (size_t i = 0; i < text.len; i++) {
        unsigned char c = (unsigned char)text.ptr[i];
        if (c <= ' ' || c == '"' || c == '=' || c == '\\' || c >= 0x7f)
            return false;
    }
    return text.len > 0;
}

/* Quoted the way JSON quotes, which logfmt readers take as well. In text that is no UTF-8 each
 * byte beyond ASCII comes out as \u00XX. */
static enum cl_err
append_quoted(struct cl_buf *line, cl_str text)
{
    bool utf8 = cl_utf8_is_valid(text);
    enum cl_err err = cl_buf_append_byte(line, '"');
    for (size_t i = 0; i < text.len && err == CL_OK; i++) {
        unsigned char c = (unsigned char)text.ptr[i];
        if (c == '"' || c == '\\')
            err = cl_buf_printf(line, "\\%c", c);
        else if (c < ' ' || c == 0x7f || (c >= 0x80 && !utf8))
            err = cl_buf_printf(line, "\\u%04x", c);
        else if (c == 0xc2 && (unsigned char)text.ptr[i + 1] < 0xa0) // U+0080 to U+009F
            err = cl_buf_printf(line, "\\u%04x", (unsigned char)text.ptr[++i]);
        else
            err = cl_buf_append_byte(line, (char)c);
    }
    return err == CL_OK ? cl_buf_append_byte(line, '"') : err;
}

static enum cl_err
append_field(struct cl_buf *line, enum cl_log_format format, const struct cl_log_field *field)
{
    bool json = format == CL_LOG_JSON;
    const char *before = line->len == 0 ? (json ? "{" : "") : json ? "," : " ";
    enum cl_err err = cl_buf_printf(line, json ? "%s\"%s\":" : "%s%s=", before, field->name);
    if (err != CL_OK)
        return err;
    if (field->kind == CL_LOG_SIGNED)
        return cl_buf_printf(line, "%lld", (long long)field->number);
    if (field->kind == CL_LOG_UNSIGNED)
        return cl_buf_printf(line, "%llu", (unsigned long long)field->unsigned_number);
    if (!json && is_plain(field->text))
        return cl_buf_append(line, field->text);
    return append_quoted(line, field->text);
}

static bool
append_fields(struct cl_buf *line, enum cl_log_format format, const struct cl_log_field *fields,
              size_t fields_len)
{
    for (size_t i = 0; i < fields_len; i++) {
        size_t before = line->len;
        if (append_field(line, format, &fields[i]) != CL_OK) {
            cl_buf_truncate(line, before);
            return false;
        }
    }
    return true;
}

/* -- writing ----------------------------------------------------------------------------------- */

/* True: all of it. */
static bool
write_all(int fd, cl_str text, size_t *ret_written)
{
    size_t len = 0;
    while (len < text.len) {
        ssize_t written = write(fd, text.ptr + len, text.len - len);
        if (written < 0 && errno == EINTR)
            continue;
        if (written <= 0)
            break;
        len += (size_t)written;
    }
    *ret_written = len;
    return len == text.len;
}

/* Ends what was torn, unless it is gone: another file may be there now, or an emptied one. */
static bool
mend(int fd, struct cl_log_losses *losses)
{
    struct stat status;
    size_t written;
    bool is_empty = fstat(fd, &status) == 0 && S_ISREG(status.st_mode) && status.st_size == 0;
    if (!is_empty && !write_all(fd, CL_STR("\n"), &written))
        return false;
    losses->is_torn = false;
    return true;
}

static bool
write_line(int fd, cl_str line, struct cl_log_losses *losses)
{
    size_t written;
    if (losses->is_torn && !mend(fd, losses))
        return false;
    bool is_whole = write_all(fd, line, &written);
    losses->is_torn = !is_whole && written > 0;
    return is_whole;
}

/* False: it is lost. */
static bool
put(const struct cl_log *log, struct cl_log_losses *losses, const struct cl_log_field head[2],
    const struct cl_log_field *fields, size_t fields_len)
{
    struct cl_buf line;
    char now[CL_TIME_TEXT_CAP];
    cl_time_text(cl_clock_wall(), now);
    const struct cl_log_field time = CL_F("time", (const char *)now);
    cl_buf_init(&line, LINE_BYTES_MAX);
    bool whole = append_fields(&line, log->format, &time, 1) &&
                 append_fields(&line, log->format, head, 2) &&
                 append_fields(&line, log->format, fields, fields_len);
    line.max += 32; // room for the ending, whatever the fields took
    const char *ending = log->format == CL_LOG_JSON ? (whole ? "}\n" : ",\"cut\":1}\n")
                                                    : (whole ? "\n" : " cut=1\n");
    bool is_written = line.len > 0 && cl_buf_append(&line, cl_str_z(ending)) == CL_OK &&
                      write_line(log->fd, cl_buf_str(&line), losses);
    cl_buf_done(&line);
    return is_written;
}

/* False: they still cannot be told, and neither can anything else. */
static bool
tell_losses(const struct cl_log *log, struct cl_log_losses *losses)
{
    const struct cl_log_field head[] = {CL_F("level", level_names[CL_LOG_WARN]),
                                        CL_F("event", "log.lines_lost")};
    const struct cl_log_field lines = CL_F("lines", losses->untold);
    if (losses->untold > 0 && !put(log, losses, head, &lines, 1))
        return false;
    losses->untold = 0;
    return true;
}

void
cl_log_write(const struct cl_log *log, enum cl_log_level level, const char *event,
             const struct cl_log_field *fields, size_t fields_len)
{
    struct cl_log_losses uncounted = {0};
    struct cl_log_losses *losses = log->losses != NULL ? log->losses : &uncounted;
    if (log->fd < 0 || level < log->level)
        return;

    const struct cl_log_field head[] = {CL_F("level", level_names[level]), CL_F("event", event)};
    if (tell_losses(log, losses) && put(log, losses, head, fields, fields_len))
        return;
    losses->lines++;
    losses->untold++;
}
