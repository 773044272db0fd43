// SPDX-License-Identifier: MIT
#include "base/log.h"

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

void
cl_log_write(const struct cl_log *log, enum cl_log_level level, const char *event,
             const struct cl_log_field *fields, size_t fields_len)
{
    struct cl_buf line;
    char now[CL_TIME_TEXT_CAP];
    if (log->fd < 0 || level < log->level)
        return;

    cl_time_text(cl_clock_wall(), now);
    const struct cl_log_field head[] = {CL_F("time", (const char *)now),
                                        CL_F("level", level_names[level]), CL_F("event", event)};
    cl_buf_init(&line, LINE_BYTES_MAX);
    bool whole = append_fields(&line, log->format, head, 3) &&
                 append_fields(&line, log->format, fields, fields_len);
    line.max += 32; // room for the ending, whatever the fields took
    const char *ending = log->format == CL_LOG_JSON ? (whole ? "}\n" : ",\"cut\":1}\n")
                                                    : (whole ? "\n" : " cut=1\n");
    // A log that cannot be written has nobody left to be told.
    if (line.len > 0 && cl_buf_append(&line, cl_str_z(ending)) == CL_OK)
        (void)!write(log->fd, line.ptr, line.len);
    cl_buf_done(&line);
}
