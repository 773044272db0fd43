// SPDX-License-Identifier: MIT
#include <stdio.h>
#include <time.h>

#include "base/assert.h"
#include "base/clock.h"
#include "net/http_private.h"
#include "wire/json_write.h"

cl_str
cl_http_server_date(struct cl_http_server *server)
{
    static const char days[7][4] = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
    static const char months[12][4] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                       "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
    time_t now = (time_t)(cl_clock_wall().ms / 1000);
    struct tm tm;
    if ((now != server->date_s || server->date[0] == '\0') && gmtime_r(&now, &tm) != NULL) {
        // In the years up to 9999 nothing is cut.
        (void)snprintf(server->date, sizeof server->date, "%s, %02u %s %04u %02u:%02u:%02u GMT",
                       days[tm.tm_wday], (unsigned)tm.tm_mday % 100, months[tm.tm_mon],
                       (unsigned)(tm.tm_year + 1900) % 10000, (unsigned)tm.tm_hour % 100,
                       (unsigned)tm.tm_min % 100, (unsigned)tm.tm_sec % 100);
        server->date_s = now;
    }
    return cl_str_z(server->date);
}

static enum cl_err
write_connection(struct cl_http_conn *conn, struct cl_buf *head)
{
    if (conn->wants_close)
        return cl_http_write_field(head, CL_STR("Connection"), CL_STR("close"));
    if (conn->parser.head.minor == 0) // where it must be said (RFC 9112 section 9.3)
        return cl_http_write_field(head, CL_STR("Connection"), CL_STR("keep-alive"));
    return CL_OK;
}

static uint64_t
length_of(const struct cl_http_answer *answer)
{
    return answer->length > 0 ? answer->length : cl_parts_len(answer->parts, answer->parts_len);
}

static enum cl_err
write_head(struct cl_http_conn *conn, const struct cl_http_answer *answer, struct cl_buf *head)
{
    cl_str media_type =
        answer->media_type.len > 0 ? answer->media_type : CL_STR("application/json");
    bool has_body = answer->status != 204 && answer->status != 304; // RFC 9110 section 8.6
    enum cl_err err = cl_http_write_status(head, answer->status);
    if (err == CL_OK)
        err = cl_http_write_field(head, CL_STR("Date"), cl_http_server_date(conn->server));
    if (err == CL_OK && has_body)
        err = cl_http_write_field(head, CL_STR("Content-Type"), media_type);
    if (err == CL_OK && has_body)
        err = cl_http_write_field_u64(head, CL_STR("Content-Length"), length_of(answer));
    if (err == CL_OK)
        err = write_connection(conn, head);
    for (size_t at = 0; err == CL_OK && at < answer->fields_len; at++)
        err = cl_http_write_field(head, answer->fields[at].name, answer->fields[at].value);
    return err == CL_OK ? cl_http_write_end(head) : err;
}

static void
send_answer(struct cl_http_conn *conn, const struct cl_http_answer *answer)
{
    bool has_body = !conn->is_head && answer->status != 204 && answer->status != 304;
    if (answer->close || conn->is_reserve || conn->server->is_draining)
        conn->wants_close = true;
    struct cl_buf head;
    cl_buf_init(&head, CL_HTTP_HEAD_BYTES_MAX);
    char *space;
    enum cl_err err = cl_buf_reserve(&head, CL_HTTP_HEAD_BYTES_USUAL, &space);
    if (err == CL_OK)
        err = write_head(conn, answer, &head);
    CL_ASSERT(err != CL_ERR_MALFORMED && err != CL_ERR_TOO_LARGE); // the handler's own words
    conn->state = CL_HTTP_ANSWERED;
    conn->owed = has_body ? length_of(answer) - cl_parts_len(answer->parts, answer->parts_len) : 0;
    conn->is_more_asked = false;
    if (err == CL_OK)
        cl_http_conn_queue(conn, cl_buf_str(&head), answer->parts,
                           has_body ? answer->parts_len : 0);
    else
        cl_http_conn_cut(conn);
    cl_buf_done(&head);
}

void
cl_http_answer(struct cl_http_conn *conn, const struct cl_http_answer *answer)
{
    conn->is_tracked = conn->is_tracked || answer->track_ms > 0;
    if (conn->state == CL_HTTP_OVER)
        return; // cut in the same turn; on_answer_lost and on_closed are about to come
    CL_ASSERT(conn->is_answer_owed);
    conn->is_answer_owed = false;
    conn->is_handlers = true;
    conn->track_ms = answer->track_ms;
    // In on_head: the body will not be read, so nothing can follow it.
    if (conn->state == CL_HTTP_IN_BODY && cl_http_announces_body(&conn->parser.head))
        conn->is_dropping = conn->wants_close = true;
    send_answer(conn, answer);
}

void
cl_http_answer_more(struct cl_http_conn *conn, const struct cl_part *part)
{
    if (conn->state == CL_HTTP_OVER)
        return; // cut in the same turn
    CL_ASSERT(conn->is_more_asked && part->bytes.len > 0 && part->bytes.len <= conn->owed);
    conn->is_more_asked = false;
    conn->owed -= part->bytes.len;
    cl_http_conn_queue(conn, CL_STR(""), part, 1);
}

static enum cl_err
write_refusal(struct cl_buf *text, enum cl_err reason, cl_str sentence)
{
    struct cl_json_writer json;
    cl_json_writer_init(&json, text);
    cl_json_object_begin(&json);
    cl_json_put_member(&json, CL_STR("error"), sentence);
    cl_json_put_member(&json, CL_STR("code"), cl_str_z(cl_err_wire(reason)));
    cl_json_object_end(&json);
    return cl_json_writer_end(&json);
}

/* field, or NULL for what goes with the status by itself. */
static void
refuse(struct cl_http_conn *conn, enum cl_err reason, cl_str sentence,
       const struct cl_http_field *field,
       void send(struct cl_http_conn *, const struct cl_http_answer *))
{
    const struct cl_http_field retry_after = {CL_STR("Retry-After"), CL_STR("1")};
    // What a 426 must name (RFC 9110 section 15.5.22, RFC 6455 section 4.4).
    const struct cl_http_field upgrade[] = {
        {CL_STR("Upgrade"), CL_STR("websocket")},
        {CL_STR("Connection"), CL_STR("Upgrade")},
        {CL_STR("Sec-WebSocket-Version"), CL_STR(CL_WS_VERSION)},
    };
    unsigned status = (unsigned)cl_err_http(reason);
    struct cl_buf text;
    cl_buf_init(&text, CL_HTTP_HEAD_BYTES_MAX);
    if (write_refusal(&text, reason, sentence) != CL_OK) {
        cl_buf_done(&text);
        cl_http_conn_cut(conn);
        return;
    }
    struct cl_part part = cl_part_of(cl_buf_str(&text));
    struct cl_http_answer answer = {.status = status,
                                    .fields = field,
                                    .fields_len = field == NULL ? 0 : 1,
                                    .parts = &part,
                                    .parts_len = 1};
    if (field == NULL && (status == 429 || status == 503 || status == 507)) {
        answer.fields = &retry_after;
        answer.fields_len = 1;
    } else if (status == 426) {
        answer.fields = upgrade;
        answer.fields_len = sizeof upgrade / sizeof *upgrade;
    }
    send(conn, &answer);
    cl_buf_done(&text);
}

/* The handler's refusals come by here, this layer's by fail. */
static void
refuse_request(struct cl_http_conn *conn, enum cl_err err, cl_str sentence,
               const struct cl_http_field *field)
{
    cl_loop_counts(conn->server->loop)->refused[err]++;
    refuse(conn, err, sentence, field, cl_http_answer);
}

static void
fail(struct cl_http_conn *conn, enum cl_err err, cl_str sentence, const struct cl_http_field *field)
{
    cl_loop_counts(conn->server->loop)->broken[err]++;
    conn->is_dropping = true;
    conn->wants_close = true;
    conn->is_handlers = false;
    refuse(conn, err, sentence, field, send_answer);
}

/* The text lies in space. */
static struct cl_http_field
retry_after_field(uint32_t seconds, char space[static 11])
{
    (void)snprintf(space, 11, "%lu", (unsigned long)seconds);
    return (struct cl_http_field){CL_STR("Retry-After"), cl_str_z(space)};
}

void
cl_http_refuse(struct cl_http_conn *conn, enum cl_err err, cl_str sentence)
{
    refuse_request(conn, err, sentence, NULL);
}

void
cl_http_refuse_with(struct cl_http_conn *conn, enum cl_err err, cl_str sentence,
                    struct cl_http_field field)
{
    refuse_request(conn, err, sentence, &field);
}

void
cl_http_refuse_after(struct cl_http_conn *conn, enum cl_err err, cl_str sentence, uint32_t seconds)
{
    char space[11];
    struct cl_http_field field = retry_after_field(seconds, space);
    refuse_request(conn, err, sentence, &field);
}

void
cl_http_conn_fail(struct cl_http_conn *conn, enum cl_err err, cl_str sentence)
{
    fail(conn, err, sentence, NULL);
}

void
cl_http_conn_fail_after(struct cl_http_conn *conn, enum cl_err err, cl_str sentence,
                        uint32_t seconds)
{
    char space[11];
    struct cl_http_field field = retry_after_field(seconds, space);
    fail(conn, err, sentence, &field);
}
