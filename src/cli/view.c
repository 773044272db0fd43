// SPDX-License-Identifier: MIT
#include "cli/view.h"

#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "base/limits.h"
#include "cli/text.h"
#include "wire/json_write.h"

/* A terminal that does not say how wide it is. */
#define COLUMNS_DEFAULT 80
/* The most that COLUMNS may say; nobody has more. */
#define COLUMNS_MAX 10000

/* -- for people ---------------------------------------------------------------------------- */

static void
append(struct cl_page *page, enum cl_err err)
{
    if (page->err == CL_OK)
        page->err = err;
}

static void
text_result(struct cl_page *page, cl_str answer, cl_draw_fn *draw)
{
    draw(page, answer);
}

static void
text_note(struct cl_page *page, cl_str text)
{
    append(page, cl_text_show(&page->buf, text));
    cl_page_raw(page, CL_STR("\n"));
}

static void
text_fail(struct cl_page *page, enum cl_err err, cl_str why)
{
    cl_page_raw(page, CL_STR("clawlink: "));
    append(page, cl_text_show(&page->buf, why.len > 0 ? why : cl_str_z(cl_err_wire(err))));
    cl_page_raw(page, CL_STR("\n"));
}

const struct cl_view_kind cl_view_text = {
    .result = text_result,
    .note = text_note,
    .fail = text_fail,
};

/* -- for programs -------------------------------------------------------------------------- */

static void
json_result(struct cl_page *page, cl_str answer, cl_draw_fn *draw)
{
    (void)draw; // the answer itself is the result
    append(page, cl_text_show_json(&page->buf, answer));
    cl_page_raw(page, CL_STR("\n"));
}

/* {"name":"text"} and, for an error, its code. The text is shown first: it may hold bytes from
 * the command line that are no UTF-8, which JSON could not carry. */
static void
json_talk(struct cl_page *page, cl_str name, cl_str text, const char *code)
{
    struct cl_json_writer json;
    struct cl_buf shown;
    cl_buf_init(&shown, CL_CLI_PAGE_BYTES_MAX);
    append(page, cl_text_show(&shown, text));

    cl_json_writer_init(&json, &page->buf);
    cl_json_object_begin(&json);
    cl_json_put_member(&json, name, cl_buf_str(&shown));
    if (code != NULL)
        cl_json_put_member(&json, CL_STR("code"), cl_str_z(code));
    cl_json_object_end(&json);
    append(page, cl_json_writer_end(&json));
    cl_page_raw(page, CL_STR("\n"));
    cl_buf_done(&shown);
}

static void
json_note(struct cl_page *page, cl_str text)
{
    json_talk(page, CL_STR("note"), text, NULL);
}

static void
json_fail(struct cl_page *page, enum cl_err err, cl_str why)
{
    json_talk(page, CL_STR("error"), why, cl_err_wire(err));
}

const struct cl_view_kind cl_view_json = {
    .result = json_result,
    .note = json_note,
    .fail = json_fail,
};

/* -- both ---------------------------------------------------------------------------------- */

static size_t
columns_of(bool is_terminal)
{
    uint64_t columns;
    struct winsize size;
    if (!is_terminal)
        return SIZE_MAX;
    if (cl_str_to_u64(cl_str_z(getenv("COLUMNS")), COLUMNS_MAX, &columns) && columns > 0)
        return (size_t)columns;
    if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0)
        return size.ws_col;
    return COLUMNS_DEFAULT;
}

static enum cl_err
write_out(struct cl_page *page, FILE *file, const char *unwritten, struct cl_why *why)
{
    if (page->err != CL_OK)
        return cl_fail(page->err, why, "The result could not be shown: %s.",
                       page->err == CL_ERR_NO_MEMORY ? "out of memory" : "it is too large");
    errno = 0;
    if (fwrite(page->buf.ptr == NULL ? "" : page->buf.ptr, 1, page->buf.len, file) ==
            page->buf.len &&
        fflush(file) == 0)
        return CL_OK;
    return cl_fail(CL_ERR_IO, why, "Cannot write to standard output: %s. %s", strerror(errno),
                   unwritten == NULL ? "The command itself was carried out." : unwritten);
}

enum cl_err
cl_view_result(struct cl_view *view, cl_str answer, cl_draw_fn *draw, struct cl_why *why)
{
    struct cl_page page;
    bool is_terminal = isatty(fileno(view->results)) == 1;
    cl_page_init(&page, columns_of(is_terminal), is_terminal);
    view->kind->result(&page, answer, draw);
    enum cl_err err = write_out(&page, view->results, view->unwritten, why);
    cl_page_done(&page);
    return err;
}

void
cl_view_note(struct cl_view *view, const char *format, ...)
{
    struct cl_page page;
    char text[CL_WHY_CAP];
    va_list args;
    va_start(args, format);
    (void)vsnprintf(text, sizeof text, format, args); // a cut note is still a note
    va_end(args);

    cl_page_init(&page, SIZE_MAX, false);
    view->kind->note(&page, cl_str_z(text));
    (void)write_out(&page, view->talk, NULL, NULL); // talk that nobody hears changes nothing
    cl_page_done(&page);
}

void
cl_view_fail(struct cl_view *view, enum cl_err err, const struct cl_why *why)
{
    struct cl_page page;
    cl_page_init(&page, SIZE_MAX, false);
    view->kind->fail(&page, err, cl_str_z(why->text));
    (void)write_out(&page, view->talk, NULL, NULL); // the exit status still tells
    cl_page_done(&page);
}
