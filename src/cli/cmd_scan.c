// SPDX-License-Identifier: MIT
#include "base/utf8.h"
#include "cli/run.h"
#include "cli/seek.h"
#include "cli/text.h"

enum { TIMEOUT };

static const struct cl_opt options[] = {
    [TIMEOUT] = {"timeout", "SECONDS", "how long to listen, 1 to 60; default 3", CL_OPT_OPTIONAL},
    {NULL, NULL, NULL, CL_OPT_OPTIONAL},
};

static const struct cl_number numbers[] = {{"timeout", 1, CL_MDNS_SCAN_MAX_S}, {NULL, 0, 0}};

static const struct cl_column columns[] = {
    {"NAME", "name"}, {"URL", "url"}, {"MACHINE", "machine"}, {"ADDRESSES", "addresses"},
    {"AUTH", "auth"}, {"TLS", "tls"}, {"PIN", "pin"},         {"VERSION", "version"},
};

static void
draw(struct cl_page *page, cl_str answer)
{
    cl_page_table(page, cl_doc_find(answer, CL_STR("relays")), columns,
                  sizeof columns / sizeof *columns);
}

/* Text of strangers; JSON holds no other bytes than UTF-8. */
static void
put_text(struct cl_json_writer *json, const char *name, cl_str text)
{
    struct cl_buf shown;
    cl_buf_init(&shown, (size_t)8 * CL_MDNS_TXT_BYTES_MAX);
    if (cl_utf8_is_valid(text))
        cl_json_put_member(json, cl_str_z(name), text);
    else if (cl_text_show(&shown, text) == CL_OK)
        cl_json_put_member(json, cl_str_z(name), cl_buf_str(&shown));
    cl_buf_done(&shown);
}

static void
put_relay(struct cl_json_writer *json, const struct cl_seen *seen)
{
    cl_json_object_begin(json);
    put_text(json, "name", seen->name);
    cl_json_put_member(json, CL_STR("url"), seen->url);
    put_text(json, "machine", seen->machine);
    cl_json_put_name(json, CL_STR("addresses"));
    cl_json_array_begin(json);
    for (size_t i = 0; i < seen->addresses_len; i++)
        cl_json_put_string(json, seen->addresses[i]);
    cl_json_array_end(json);
    cl_json_put_member_u64(json, CL_STR("port"), seen->port);
    put_text(json, "auth", seen->auth);
    cl_json_put_name(json, CL_STR("tls"));
    cl_json_put_bool(json, seen->is_tls);
    cl_json_put_member(json, CL_STR("pin"), seen->pin);
    put_text(json, "version", seen->version);
    cl_json_put_name(json, CL_STR("verified"));
    cl_json_put_bool(json, false);
    cl_json_put_name(json, CL_STR("contradictory"));
    cl_json_put_bool(json, seen->is_contradictory);
    cl_json_put_member(json, CL_STR("from"), seen->from);
    put_text(json, "interface", seen->interface);
    cl_json_object_end(json);
}

static enum cl_err
show(struct cl_run *run, const struct cl_seen_list *list, struct cl_why *why)
{
    struct cl_json_writer json;
    cl_run_body(run, &json);
    cl_json_put_name(&json, CL_STR("relays"));
    cl_json_array_begin(&json);
    for (size_t i = 0; i < list->len; i++)
        put_relay(&json, &list->relays[i]);
    cl_json_array_end(&json);
    cl_json_put_member_u64(&json, CL_STR("count"), list->len);
    cl_json_put_name(&json, CL_STR("more"));
    cl_json_put_bool(&json, list->is_overflow);
    cl_json_object_end(&json);
    enum cl_err err = cl_json_writer_end(&json);
    if (err != CL_OK)
        return cl_fail(err, why, "The list cannot be written (%s).", cl_err_wire(err));
    return cl_view_result(&run->view, cl_buf_str(&run->body), draw, why);
}

static void
warn(struct cl_run *run, const struct cl_seen_list *list)
{
    char words[CL_SEEK_WORDS_CAP];
    size_t same = 0;
    for (size_t i = 0; i < list->len; i++) {
        for (size_t at = 0; at < i; at++)
            same += cl_str_eq_nocase(list->relays[at].name, list->relays[i].name);
        if (list->relays[i].is_contradictory)
            cl_view_note(&run->view, "Who answers at %.*s has said different things: beware.",
                         CL_STR_ARG(list->relays[i].from));
    }
    if (same > 0)
        cl_view_note(&run->view, "Several use the same name: one may pass itself off as another.");
    if (list->is_overflow)
        cl_view_note(&run->view, "There were more than are listed: somebody may be flooding.");
    cl_seek_words(&list->relays[0], words);
    cl_view_note(&run->view,
                 "Unverified: anybody on this network can answer. Name the one that you know to be "
                 "yours, once: clawlink register %s",
                 list->len == 1 && list->relays[0].url.len > 0 ? words : "--relay URL");
}

static enum cl_err
run_scan(struct cl_run *run, struct cl_why *why)
{
    struct cl_seen_list list;
    uint64_t seconds = cl_opts_number(&run->opts, TIMEOUT, CL_MDNS_SCAN_MS / 1000);
    enum cl_err err = cl_scan((uint32_t)seconds * 1000, &list, why);
    if (err == CL_OK && (list.len > 0 || run->opts.globals[CL_GLOBAL_JSON] != NULL))
        err = show(run, &list, why);
    if (err == CL_OK && list.len > 0)
        warn(run, &list);
    else if (err == CL_OK)
        err = cl_fail(CL_ERR_NO_RELAY, why,
                      "No relay answers on the local network. One on loopback, on a machine with a "
                      "public address or with --no-mdns does not; name it with --relay URL.");
    cl_seen_done(&list);
    return err;
}

const struct cl_cmd cl_cmd_scan = {
    .name = "scan",
    .summary = "List relays on the local network",
    .is_local = true,
    .options = options,
    .numbers = numbers,
    .notes = "Anybody on the network can answer, so nothing is sent to what is found here before\n"
             "you have named it with --relay. Finding none is exit status 7.",
    .examples = "clawlink scan\n"
                "clawlink scan --timeout 10 --json",
    .run = run_scan,
};
