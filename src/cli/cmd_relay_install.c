// SPDX-License-Identifier: MIT
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#ifdef __APPLE__
#include <mach-o/dyld.h>
#endif

#include "base/random.h"
#include "base/secret.h"
#include "cli/file.h"
#include "cli/run.h"
#include "cli/service.h"
#include "wire/json.h"

enum { OPTIONS, DRY_RUN, FORCE, REMOVE, MANAGER, PROGRAM, ROOT };

static const struct cl_opt options[] = {
    [OPTIONS] = {"options", "OPTIONS",
                 "what the relay is started with, in one word;\n"
                 "default what relay.conf has, if it is there",
                 CL_OPT_OPTIONAL},
    [DRY_RUN] = {"dry-run", NULL, "show the files, write none", CL_OPT_OPTIONAL},
    [FORCE] = {"force", NULL, "replace files that differ", CL_OPT_OPTIONAL},
    [REMOVE] = {"remove", NULL, "take the service away; its options and token stay",
                CL_OPT_OPTIONAL},
    [MANAGER] = {"manager", "NAME",
                 "system (systemd, for the machine), user (systemd, for\n"
                 "you) or launchd (macOS); default system for root, user\n"
                 "for others, launchd on macOS",
                 CL_OPT_OPTIONAL},
    [PROGRAM] = {"program", "FILE", "the clawlink that is started; default this one",
                 CL_OPT_OPTIONAL},
    [ROOT] = {"root", "DIR", "write below it; default /", CL_OPT_OPTIONAL},
    {NULL, NULL, NULL, CL_OPT_OPTIONAL},
};

/* Bytes of --options, and words in them. */
#define OPTIONS_BYTES_MAX (4 * CL_KIB)
#define OPTIONS_WORDS_MAX 128
/* Of a token that is made, as in `openssl rand -hex 32`. */
#define TOKEN_BYTES  32
#define TOKEN_DIGITS (2 * TOKEN_BYTES)

struct file {
    char path[CL_CLI_PATH_CAP]; // "": the manager has none of this kind
    mode_t mode;
    struct cl_buf text;
    const char *done; // what became of it, for the result
    bool is_due;      // it has to be written
};

struct plan {
    struct cl_service service;
    char program[CL_CLI_PATH_CAP];
    char root[CL_CLI_PATH_CAP];
    struct cl_buf conf; // the options that are there
    struct file files[CL_SERVICE_FILES];
};

static bool
is_given(const struct cl_run *run, unsigned option)
{
    return run->opts.values[option] != NULL;
}

/* -- what is asked for ------------------------------------------------------------------------- */

static enum cl_err
choose_manager(const struct cl_run *run, enum cl_service_manager *ret_manager, struct cl_why *why)
{
    static const char *const names[] = {[CL_SERVICE_SYSTEM] = "system",
                                        [CL_SERVICE_USER] = "user",
                                        [CL_SERVICE_LAUNCHD] = "launchd"};
    const char *name = run->opts.values[MANAGER];
    if (name == NULL) {
#ifdef __APPLE__
        *ret_manager = CL_SERVICE_LAUNCHD;
#else
        *ret_manager = geteuid() == 0 || is_given(run, ROOT) ? CL_SERVICE_SYSTEM : CL_SERVICE_USER;
#endif
        return CL_OK;
    }
    for (unsigned i = 0; i < sizeof names / sizeof *names; i++)
        if (strcmp(name, names[i]) == 0) {
            *ret_manager = (enum cl_service_manager)i;
            return CL_OK;
        }
    return cl_fail(CL_ERR_USAGE, why, "--manager \"%.100s\" is none of: system, user, launchd.",
                   name);
}

/* False: the system does not say where this program lies. */
static bool
own_path(char ret_path[static CL_CLI_PATH_CAP])
{
#ifdef __APPLE__
    char path[CL_CLI_PATH_CAP], real[PATH_MAX];
    uint32_t cap = sizeof path;
    return _NSGetExecutablePath(path, &cap) == 0 && realpath(path, real) != NULL &&
           cl_str_copy(ret_path, CL_CLI_PATH_CAP, cl_str_z(real));
#else
    ssize_t len = readlink("/proc/self/exe", ret_path, CL_CLI_PATH_CAP - 1);
    ret_path[len < 0 ? 0 : len] = '\0';
    return len > 0;
#endif
}

static enum cl_err
choose_program(const struct cl_run *run, struct plan *plan, struct cl_why *why)
{
    const char *named = run->opts.values[PROGRAM];
    if (named == NULL ? !own_path(plan->program)
                      : !cl_str_copy(plan->program, sizeof plan->program, cl_str_z(named)))
        return cl_fail(CL_ERR_USAGE, why, "Which clawlink is to be started? Name it: --program.");
    plan->service.program = plan->program;
    if (!cl_service_is_program(plan->program))
        return cl_fail(CL_ERR_USAGE, why,
                       "--program \"%.200s\": a unit needs a path from / on, of letters, digits "
                       "and \"._+-\".",
                       plan->program);
    if (!cl_service_sees_program(&plan->service) && !is_given(run, DRY_RUN))
        return cl_fail(CL_ERR_USAGE, why,
                       "A service of the machine does not see \"%.200s\": install it (`make "
                       "install`), or name another with --program.",
                       plan->program);
    return CL_OK;
}

/* What the relay would refuse at its start is refused here: nobody sees its answer there. */
static enum cl_err
check_words(int argc, char **argv, struct cl_why *why)
{
    struct cl_opts opts;
    struct cl_why reason = {""};
    enum cl_err err = cl_opts_parse(argc, argv, &opts, &reason);
    if (err == CL_OK && opts.cmd == &cl_cmd_relay)
        err = cl_opts_check(&opts, &reason);
    if (err != CL_OK)
        return cl_fail(CL_ERR_USAGE, why, "--options: %.300s", reason.text);
    if (opts.cmd != &cl_cmd_relay || opts.wants_help || opts.globals[CL_GLOBAL_VERSION] != NULL)
        return cl_fail(CL_ERR_USAGE, why, "--options takes what `clawlink relay` is given.");
    if (opts.globals[CL_GLOBAL_TOKEN] != NULL || opts.globals[CL_GLOBAL_TOKEN_FILE] != NULL)
        return cl_fail(CL_ERR_USAGE, why,
                       "--options: the service has a file for the token; --dry-run shows which.");
    return CL_OK;
}

static enum cl_err
check_options(const struct cl_service *service, struct cl_why *why)
{
    static char program[] = "clawlink", verb[] = "relay";
    char words[OPTIONS_BYTES_MAX], *argv[OPTIONS_WORDS_MAX] = {program, verb};
    int argc = 2;
    if (!cl_str_copy(words, sizeof words, service->options))
        return cl_fail(CL_ERR_USAGE, why, "--options is longer than %u bytes.", OPTIONS_BYTES_MAX);
    for (size_t i = 0; words[i] != '\0'; i++)
        if ((unsigned char)words[i] < ' ' || strchr("\"'\\$", words[i]) != NULL)
            return cl_fail(CL_ERR_USAGE, why,
                           "--options holds plain words with blanks between them: no quotes, no "
                           "backslash, no \"$\".");
    for (size_t i = 0; words[i] != '\0'; i++) {
        bool begins = words[i] != ' ' && (i == 0 || words[i - 1] == '\0');
        if (begins && argc == OPTIONS_WORDS_MAX)
            return cl_fail(CL_ERR_USAGE, why, "--options has more than %d words.",
                           OPTIONS_WORDS_MAX - 2);
        if (begins)
            argv[argc++] = &words[i];
        if (words[i] == ' ')
            words[i] = '\0';
    }
    return check_words(argc, argv, why);
}

/* Those of --options, or else those that stay, in relay.conf: the unit must let the relay do what
 * they say. */
static enum cl_err
choose_options(const struct cl_run *run, struct plan *plan, struct cl_why *why)
{
    struct cl_service *service = &plan->service;
    char path[CL_CLI_PATH_CAP];
    service->options = cl_str_trim(cl_run_option(run, OPTIONS));
    enum cl_err err = cl_service_path(service, CL_SERVICE_CONF, path, why);
    if (err == CL_OK && is_given(run, OPTIONS)) {
        err = check_options(service, why);
    } else if (err == CL_OK && path[0] != '\0' && access(path, F_OK) == 0) {
        err = cl_file_read(path, &plan->conf, why);
        service->options = cl_service_conf_options(&plan->conf);
    }
    service->is_low_port = cl_service_wants_low_port(service->options);
    return err;
}

static enum cl_err
choose(const struct cl_run *run, struct plan *plan, struct cl_why *why)
{
    struct cl_service *service = &plan->service;
    const char *home = getenv("HOME");
    enum cl_err err = choose_manager(run, &service->manager, why);
    if (err != CL_OK)
        return err;
    cl_str root = cl_run_option(run, ROOT);
    while (cl_str_ends(root, CL_STR("/")))
        root = cl_str_part(root, 0, root.len - 1);
    if (!cl_str_copy(plan->root, sizeof plan->root, root))
        return cl_fail(CL_ERR_USAGE, why, "--root is too long.");
    service->root = plan->root;
    service->home = home == NULL ? "" : home;
    if (service->manager != CL_SERVICE_SYSTEM && service->home[0] != '/')
        return cl_fail(CL_ERR_USAGE, why, "HOME is not set: a service of yours lies there.");
    bool writes = !is_given(run, DRY_RUN) && !is_given(run, ROOT);
    if (writes && service->manager == CL_SERVICE_SYSTEM && geteuid() != 0)
        return cl_fail(CL_ERR_FORBIDDEN, why,
                       "A service of the machine is root's to install: use sudo, or --manager user "
                       "for one of your own.");
    if (writes && service->manager == CL_SERVICE_LAUNCHD && geteuid() == 0)
        return cl_fail(CL_ERR_USAGE, why, "launchd gets a service of yours: leave sudo out.");
    if (is_given(run, REMOVE))
        return CL_OK; // whatever it started, and how
    err = choose_program(run, plan, why);
    return err == CL_OK ? choose_options(run, plan, why) : err;
}

/* -- what is to be done ------------------------------------------------------------------------ */

static enum cl_err
put_token(struct cl_buf *text)
{
    static const char digits[] = "0123456789abcdef";
    unsigned char bytes[TOKEN_BYTES];
    char line[TOKEN_DIGITS + 1];
    cl_random_bytes(bytes, sizeof bytes);
    for (size_t i = 0; i < TOKEN_BYTES; i++) {
        line[2 * i] = digits[bytes[i] >> 4];
        line[2 * i + 1] = digits[bytes[i] & 15];
    }
    line[TOKEN_DIGITS] = '\n';
    enum cl_err err = cl_buf_append(text, cl_str_of(line, sizeof line));
    cl_secret_wipe(bytes, sizeof bytes);
    cl_secret_wipe(line, sizeof line);
    return err;
}

static enum cl_err
draft(const struct cl_run *run, struct plan *plan, struct cl_why *why)
{
    enum cl_err err = CL_OK;
    for (unsigned i = 0; i < CL_SERVICE_FILES && err == CL_OK; i++) {
        struct file *file = &plan->files[i];
        file->mode = i == CL_SERVICE_TOKEN ? 0600 : 0644;
        err = cl_service_path(&plan->service, i, file->path, why);
        if (err != CL_OK || i == CL_SERVICE_TOKEN || is_given(run, REMOVE))
            continue;
        err = cl_service_text(&plan->service, i, &file->text);
        if (err != CL_OK)
            err = cl_fail(err, why, "The text of \"%.200s\" cannot be made: %s.", file->path,
                          cl_err_wire(err));
    }
    return err;
}

/* What stands there, compared with the draft. */
static enum cl_err
compare(const struct file *file, bool *ret_exists, bool *ret_is_same, struct cl_why *why)
{
    struct cl_buf found;
    struct stat info;
    *ret_exists = *ret_is_same = false;
    if (lstat(file->path, &info) != 0 && (errno == ENOENT || errno == ENOTDIR))
        return CL_OK;
    *ret_exists = true;
    cl_buf_init(&found, CL_SERVICE_TEXT_BYTES_MAX);
    enum cl_err err = cl_file_read(file->path, &found, why);
    *ret_is_same = err == CL_OK && cl_str_eq(cl_buf_str(&found), cl_buf_str(&file->text));
    cl_buf_done(&found);
    return err == CL_ERR_TOO_LARGE ? CL_OK : err; // then it is another
}

/* Nothing that somebody may have changed is replaced without --force; a token never is. */
static enum cl_err
judge(const struct cl_run *run, struct plan *plan, enum cl_service_file kind, struct cl_why *why)
{
    struct file *file = &plan->files[kind];
    bool exists, is_same;
    if (kind == CL_SERVICE_TOKEN) {
        file->is_due = access(file->path, F_OK) != 0;
        file->done = file->is_due ? "written" : "kept";
        if (!file->is_due)
            return CL_OK;
        return put_token(&file->text) == CL_OK ? CL_OK
                                               : cl_fail(CL_ERR_NO_MEMORY, why, "Out of memory.");
    }
    enum cl_err err = compare(file, &exists, &is_same, why);
    if (err != CL_OK)
        return err;
    bool is_wanted = kind == CL_SERVICE_UNIT || is_given(run, OPTIONS);
    if (exists && !is_same && is_wanted && !is_given(run, FORCE))
        return cl_fail(CL_ERR_USAGE, why,
                       "\"%.200s\" is there and differs: compare it with --dry-run; --force "
                       "replaces it.",
                       file->path);
    file->is_due = !exists || (!is_same && is_wanted);
    file->done = !exists ? "written" : is_same ? "unchanged" : file->is_due ? "replaced" : "kept";
    return CL_OK;
}

/* -- doing it ---------------------------------------------------------------------------------- */

/* The folders that the file lies in; a failure shows when it is written, and is told then. */
static void
make_folders(const char *path)
{
    char folder[CL_CLI_PATH_CAP];
    for (const char *slash = path; (slash = strchr(slash + 1, '/')) != NULL;)
        if (cl_str_copy(folder, sizeof folder, cl_str_of(path, (size_t)(slash - path))))
            (void)mkdir(folder, 0755);
}

static enum cl_err
install(const struct cl_run *run, struct plan *plan, struct cl_why *why)
{
    enum cl_err err = CL_OK;
    for (unsigned i = 0; i < CL_SERVICE_FILES && err == CL_OK; i++)
        if (plan->files[i].path[0] != '\0')
            err = judge(run, plan, i, why);
    for (unsigned i = 0; i < CL_SERVICE_FILES && err == CL_OK; i++) {
        const struct file *file = &plan->files[i];
        if (!file->is_due)
            continue;
        make_folders(file->path);
        err = cl_file_write(file->path, file->mode, cl_buf_str(&file->text), why);
    }
    return err;
}

static enum cl_err
take_away(const struct cl_run *run, struct plan *plan, struct cl_why *why)
{
    struct file *unit = &plan->files[CL_SERVICE_UNIT];
    char enabled[CL_CLI_PATH_CAP];
    struct stat info;
    enum cl_err err = cl_service_enabled_path(&plan->service, enabled, why);
    if (err != CL_OK)
        return err;
    if (enabled[0] != '\0' && lstat(enabled, &info) == 0)
        return cl_fail(CL_ERR_USAGE, why,
                       "The relay is still enabled: run `systemctl %sdisable --now clawlink-relay` "
                       "first.",
                       plan->service.manager == CL_SERVICE_USER ? "--user " : "");
    bool is_dry_run = is_given(run, DRY_RUN);
    if ((is_dry_run ? lstat(unit->path, &info) : unlink(unit->path)) != 0)
        return errno == ENOENT ? cl_fail(CL_ERR_NO_FILE, why, "There is no \"%.200s\".", unit->path)
                               : cl_fail(CL_ERR_IO, why, "Cannot remove \"%.200s\": %s.",
                                         unit->path, strerror(errno));
    unit->done = is_dry_run ? "to be removed" : "removed";
    for (unsigned i = 0; i < CL_SERVICE_FILES; i++)
        if (i != CL_SERVICE_UNIT && plan->files[i].path[0] != '\0' &&
            access(plan->files[i].path, F_OK) == 0)
            plan->files[i].done = "kept";
    return CL_OK;
}

/* -- telling it -------------------------------------------------------------------------------- */

static void
put_file(struct cl_json_writer *json, const struct file *file, bool is_dry_run)
{
    char mode[8];
    (void)snprintf(mode, sizeof mode, "%04o", (unsigned)file->mode);
    cl_json_object_begin(json);
    cl_json_put_member(json, CL_STR("path"), cl_str_z(file->path));
    if (!is_dry_run) {
        cl_json_put_member(json, CL_STR("done"), cl_str_z(file->done));
    } else {
        cl_json_put_member(json, CL_STR("mode"), cl_str_z(mode));
        cl_json_put_member(json, CL_STR("text"),
                           file->text.len > 0 ? cl_buf_str(&file->text)
                                              : CL_STR("64 random hexadecimal digits\n"));
    }
    cl_json_object_end(json);
}

static void
draw_files(struct cl_page *page, cl_str answer)
{
    struct cl_json_cursor cursor;
    struct cl_json_member file;
    cl_json_cursor_init(&cursor, cl_doc_find(answer, CL_STR("files")));
    while (cl_json_cursor_next(&cursor, &file)) {
        cl_page_print(page, "# ");
        cl_page_value(page, cl_doc_find(file.value, CL_STR("path")));
        cl_page_print(page, ", mode ");
        cl_page_value(page, cl_doc_find(file.value, CL_STR("mode")));
        cl_page_print(page, "\n");
        cl_page_block(page, cl_doc_find(file.value, CL_STR("text")), "");
        cl_page_print(page, "\n");
    }
}

static void
draw_result(struct cl_page *page, cl_str answer)
{
    static const struct cl_column columns[] = {{"DONE", "done"}, {"FILE", "path"}};
    struct cl_json_cursor cursor;
    struct cl_json_member command;
    cl_page_table(page, cl_doc_find(answer, CL_STR("files")), columns, 2);
    cl_page_print(page, "\nnext:\n");
    cl_json_cursor_init(&cursor, cl_doc_find(answer, CL_STR("next")));
    while (cl_json_cursor_next(&cursor, &command)) {
        cl_page_print(page, "  ");
        cl_page_value(page, command.value);
        cl_page_print(page, "\n");
    }
}

static enum cl_err
tell(struct cl_run *run, const struct plan *plan, struct cl_why *why)
{
    struct cl_json_writer json;
    bool is_dry_run = is_given(run, DRY_RUN) && !is_given(run, REMOVE);
    enum cl_service_manager manager = plan->service.manager;
    const char *const *next = is_given(run, REMOVE) ? cl_service_stop_commands(manager)
                                                    : cl_service_start_commands(manager);
    cl_run_body(run, &json);
    cl_json_put_name(&json, CL_STR("files"));
    cl_json_array_begin(&json);
    for (unsigned i = 0; i < CL_SERVICE_FILES; i++)
        if (plan->files[i].path[0] != '\0' && (is_dry_run || plan->files[i].done != NULL))
            put_file(&json, &plan->files[i], is_dry_run);
    cl_json_array_end(&json);
    if (!is_dry_run) {
        cl_json_put_name(&json, CL_STR("next"));
        cl_json_array_begin(&json);
        for (; *next != NULL; next++)
            cl_json_put_string(&json, cl_str_z(*next));
        cl_json_array_end(&json);
    }
    cl_json_object_end(&json);
    enum cl_err err = cl_json_writer_end(&json);
    if (err != CL_OK)
        return cl_fail(err, why, "What was done cannot be told: %s.", cl_err_wire(err));
    return cl_view_result(&run->view, cl_buf_str(&run->body), is_dry_run ? draw_files : draw_result,
                          why);
}

static void
note(struct cl_run *run, const struct plan *plan)
{
    const struct file *token = &plan->files[CL_SERVICE_TOKEN];
    struct stat info;
    if (is_given(run, REMOVE))
        return;
    if (is_given(run, DRY_RUN)) {
        if (!cl_service_sees_program(&plan->service))
            cl_view_note(&run->view,
                         "A service of the machine does not see \"%.200s\": it will not be "
                         "installed like this.",
                         plan->program);
        return;
    }
    if (plan->service.manager == CL_SERVICE_LAUNCHD)
        cl_view_note(&run->view, "This has not been tried on macOS yet.");
    else if (plan->service.root[0] == '\0' && access("/run/systemd/system", F_OK) != 0)
        cl_view_note(&run->view, "systemd does not run here: nothing will read the unit. Without "
                                 "it root starts `clawlink relay --user NAME`.");
    if (!token->is_due && stat(token->path, &info) == 0 && (info.st_mode & 077) != 0)
        cl_view_note(&run->view, "Others can read the token: chmod 600 %s", token->path);
}

static enum cl_err
run_relay_install(struct cl_run *run, struct cl_why *why)
{
    struct plan plan = {.service = {.root = ""}};
    cl_buf_init(&plan.conf, CL_SERVICE_TEXT_BYTES_MAX);
    for (unsigned i = 0; i < CL_SERVICE_FILES; i++)
        cl_buf_init(&plan.files[i].text, CL_SERVICE_TEXT_BYTES_MAX);
    enum cl_err err = choose(run, &plan, why);
    if (err == CL_OK)
        err = draft(run, &plan, why);
    if (err == CL_OK && is_given(run, REMOVE))
        err = take_away(run, &plan, why);
    else if (err == CL_OK && !is_given(run, DRY_RUN))
        err = install(run, &plan, why);
    if (err == CL_OK)
        err = tell(run, &plan, why);
    if (err == CL_OK)
        note(run, &plan);
    struct cl_buf *token = &plan.files[CL_SERVICE_TOKEN].text;
    if (token->ptr != NULL)
        cl_secret_wipe(token->ptr, token->cap);
    for (unsigned i = 0; i < CL_SERVICE_FILES; i++)
        cl_buf_done(&plan.files[i].text);
    cl_buf_done(&plan.conf);
    return err;
}

const struct cl_cmd cl_cmd_relay_install = {
    .name = "relay install",
    .summary = "Make the relay a service that starts with the machine",
    .is_local = true,
    .options = options,
    .notes = "It writes a unit for systemd, a file with the relay's options and one with a new\n"
             "token, which is never replaced, and says what to type next. Nothing is started.\n"
             "On macOS it writes a launchd agent, which has not been tried there yet.",
    .examples = "sudo clawlink relay install\n"
                "sudo clawlink relay install --options \"--port 9100 --log-level debug\"\n"
                "clawlink relay install --dry-run\n"
                "sudo clawlink relay install --remove",
    .run = run_relay_install,
};
