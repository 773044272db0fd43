// SPDX-License-Identifier: MIT
#include "wire/http1_parts.h"

#include "base/limits.h"
#include "wire/uri.h"

/* -- first lines ----------------------------------------------------------------------------- */

/* RFC 9112 2.3, RFC 9110 2.5: "HTTP/1.0" or "HTTP/1.1". */
static enum cl_err
read_version(struct cl_http_head *head, cl_str text, struct cl_why *why)
{
    uint64_t major, minor;

    if (text.len != 8 || !cl_str_starts(text, CL_STR("HTTP/")) || text.ptr[6] != '.' ||
        !cl_str_to_u64(cl_str_part(text, 5, 1), 9, &major) ||
        !cl_str_to_u64(cl_str_part(text, 7, 1), 9, &minor))
        return cl_fail(CL_ERR_MALFORMED, why, "the first line has no HTTP version");
    if (major != 1 || minor > 1)
        return cl_fail(CL_ERR_HTTP_VERSION, why, "%.*s is not spoken here", CL_STR_ARG(text));
    head->minor = (unsigned)minor;
    return CL_OK;
}

/* Visible ASCII without '#': a fragment is never sent (RFC 9112 3.2, RFC 9110 4.1). */
static bool
is_target(cl_str text)
{
    for (size_t i = 0; i < text.len; i++)
        if (text.ptr[i] <= ' ' || text.ptr[i] > '~' || text.ptr[i] == '#')
            return false;
    return text.len > 0;
}

/* RFC 9112 3.2.2: "http://host:port/path?query". */
static enum cl_err
read_absolute_form(struct cl_http_head *head, struct cl_why *why)
{
    struct cl_authority authority;
    cl_str scheme, rest;

    (void)cl_str_split(head->target, ':', &scheme, &rest);
    if ((!cl_str_eq_nocase(scheme, CL_STR("http")) && !cl_str_eq_nocase(scheme, CL_STR("https"))) ||
        !cl_str_starts(rest, CL_STR("//")))
        return cl_fail(CL_ERR_MALFORMED, why, "the target is no path and no http URL");
    rest = cl_str_part(rest, 2, rest.len);

    size_t end = 0;
    while (end < rest.len && rest.ptr[end] != '/' && rest.ptr[end] != '?')
        end++;
    head->authority = cl_str_part(rest, 0, end);
    if (cl_authority_parse(head->authority, &authority) != CL_OK)
        return cl_fail(CL_ERR_MALFORMED, why, "the target's authority is not host or host:port");

    cl_uri_split(cl_str_part(rest, end, rest.len), &head->path, &head->query);
    if (head->path.len > 0)
        return CL_OK;
    // RFC 9112 3.2.1 and 3.2.4: an empty path is "/", or "*" for OPTIONS.
    bool is_asterisk = end == rest.len && cl_str_eq(head->method, CL_STR("OPTIONS"));
    head->path = is_asterisk ? CL_STR("*") : CL_STR("/");
    return CL_OK;
}

static enum cl_err
read_target(struct cl_http_head *head, struct cl_why *why)
{
    // RFC 9112 3.2.3: authority-form is CONNECT's alone. This is no proxy.
    if (cl_str_eq(head->method, CL_STR("CONNECT")))
        return cl_fail(CL_ERR_NOT_IMPLEMENTED, why, "CONNECT is not served here");
    if (head->target.ptr[0] == '/') {
        cl_uri_split(head->target, &head->path, &head->query);
        return CL_OK;
    }
    if (!cl_str_eq(head->target, CL_STR("*")))
        return read_absolute_form(head, why);
    // RFC 9112 3.2.4
    if (!cl_str_eq(head->method, CL_STR("OPTIONS")))
        return cl_fail(CL_ERR_MALFORMED, why, "the target * is for OPTIONS alone");
    head->path = head->target;
    return CL_OK;
}

enum cl_err
cl_http_read_request_line(struct cl_http_head *head, cl_str line, struct cl_why *why)
{
    cl_str rest, version;

    // RFC 9112 3: exactly two single spaces. A third lands in the version and is refused there.
    if (!cl_str_split(line, ' ', &head->method, &rest) ||
        !cl_str_split(rest, ' ', &head->target, &version))
        return cl_fail(CL_ERR_MALFORMED, why, "the request line is not method, target, version");
    if (!cl_http_is_token(head->method))
        return cl_fail(CL_ERR_MALFORMED, why, "the method is not a token");
    if (!is_target(head->target))
        return cl_fail(CL_ERR_MALFORMED, why, "the target has a byte that must be encoded");
    enum cl_err err = read_version(head, version, why);
    if (err != CL_OK)
        return err;

    if (head->method.len > CL_HTTP_METHOD_BYTES_MAX)
        return cl_fail(CL_ERR_NOT_IMPLEMENTED, why, "a method of %zu bytes", head->method.len);
    if (head->target.len > CL_HTTP_TARGET_BYTES_MAX)
        return cl_fail(CL_ERR_URI_TOO_LONG, why, "a target of %zu bytes, the limit is %u",
                       head->target.len, CL_HTTP_TARGET_BYTES_MAX);
    return read_target(head, why);
}

enum cl_err
cl_http_read_status_line(struct cl_http_head *head, cl_str line, struct cl_why *why)
{
    cl_str version, rest, code;
    uint64_t status = 0;

    // RFC 9112 4: the second space is there even when the reason is not.
    if (!cl_str_split(line, ' ', &version, &rest) || !cl_str_split(rest, ' ', &code, &head->reason))
        return cl_fail(CL_ERR_MALFORMED, why, "the status line is not version, status, reason");
    enum cl_err err = read_version(head, version, why);
    if (err != CL_OK)
        return err;
    // RFC 9110 15
    if (code.len != 3 || !cl_str_to_u64(code, 599, &status) || status < 100)
        return cl_fail(CL_ERR_MALFORMED, why, "the status is not a number from 100 to 599");
    if (!cl_http_is_value(head->reason))
        return cl_fail(CL_ERR_MALFORMED, why, "the reason has a control character");
    head->status = (unsigned)status;
    return CL_OK;
}

/* -- fields together ------------------------------------------------------------------------- */

enum known {
    HOST,
    CONTENT_LENGTH,
    TRANSFER_ENCODING,
    CONTENT_TYPE,
    AUTHORIZATION,
    ORIGIN,
    SEC_FETCH_SITE,
    WEBSOCKET_KEY,
    WEBSOCKET_VERSION,
    WEBSOCKET_ACCEPT,
    EXPECT,
    UPGRADE,
    CONNECTION,
    KNOWN_COUNT,
};

enum repeats { NEVER, IN_RESPONSES, MAY };

// clang-format off
/* Which fields may come twice. RFC 9110 5.3 and 8.6; RFC 6455 4.4 lets a 426 answer repeat
 * Sec-WebSocket-Version. Transfer-Encoding and Expect are lists, but only one element of either
 * is understood, and the checks below want to see it alone. */
static const struct {
    cl_str name;
    enum repeats repeats;
} known_fields[KNOWN_COUNT] = {
    [HOST]              = {CL_STR_INIT("Host"),                  NEVER},
    [CONTENT_LENGTH]    = {CL_STR_INIT("Content-Length"),        NEVER},
    [TRANSFER_ENCODING] = {CL_STR_INIT("Transfer-Encoding"),     NEVER},
    [CONTENT_TYPE]      = {CL_STR_INIT("Content-Type"),          NEVER},
    [AUTHORIZATION]     = {CL_STR_INIT("Authorization"),         NEVER},
    [ORIGIN]            = {CL_STR_INIT("Origin"),                NEVER},
    [SEC_FETCH_SITE]    = {CL_STR_INIT("Sec-Fetch-Site"),        NEVER},
    [WEBSOCKET_KEY]     = {CL_STR_INIT("Sec-WebSocket-Key"),     NEVER},
    [WEBSOCKET_VERSION] = {CL_STR_INIT("Sec-WebSocket-Version"), IN_RESPONSES},
    [WEBSOCKET_ACCEPT]  = {CL_STR_INIT("Sec-WebSocket-Accept"),  NEVER},
    [EXPECT]            = {CL_STR_INIT("Expect"),                MAY},
    [UPGRADE]           = {CL_STR_INIT("Upgrade"),               MAY},
    [CONNECTION]        = {CL_STR_INIT("Connection"),            MAY},
};
// clang-format on

/* One pass over the fields. */
struct facts {
    cl_str value[KNOWN_COUNT]; // the first
    unsigned count[KNOWN_COUNT];
    bool says_close; // tokens of Connection
    bool says_keep_alive;
    bool says_upgrade;
};

static enum known
known_by_name(cl_str name)
{
    unsigned i = 0;
    while (i < KNOWN_COUNT && !cl_str_eq_nocase(name, known_fields[i].name))
        i++;
    return (enum known)i;
}

/* RFC 9110 7.6.1. Empty elements are skipped (RFC 9110 5.6.1.2). */
static enum cl_err
read_connection(struct facts *facts, cl_str list, struct cl_why *why)
{
    cl_str option;

    while (cl_http_list_next(&list, &option)) {
        if (option.len > 0 && !cl_http_is_token(option))
            return cl_fail(CL_ERR_MALFORMED, why, "Connection is not a list of tokens");
        facts->says_close |= cl_str_eq_nocase(option, CL_STR("close"));
        facts->says_keep_alive |= cl_str_eq_nocase(option, CL_STR("keep-alive"));
        facts->says_upgrade |= cl_str_eq_nocase(option, CL_STR("upgrade"));
    }
    return CL_OK;
}

static enum cl_err
read_facts(struct facts *facts, const struct cl_http_head *head, struct cl_why *why)
{
    cl_str rest = head->fields, name, value;

    while (cl_http_field_next(&rest, &name, &value)) {
        enum known known = known_by_name(name);
        if (known == KNOWN_COUNT)
            continue;
        enum repeats repeats = known_fields[known].repeats;
        if (facts->count[known]++ == 0)
            facts->value[known] = value;
        else if (repeats == NEVER || (repeats == IN_RESPONSES && head->status == 0))
            return cl_fail(CL_ERR_MALFORMED, why, "%.*s comes twice", CL_STR_ARG(name));
        if (known != CONNECTION)
            continue;
        enum cl_err err = read_connection(facts, value, why);
        if (err != CL_OK)
            return err;
    }
    return CL_OK;
}

/* RFC 9112 6.1, 7: nothing but "chunked". It is 501 for a coding that could have been, 400 when
 * the list itself is wrong or chunked is not its one last element. */
static enum cl_err
check_coding(cl_str list, struct cl_why *why)
{
    bool was_chunked = false;
    cl_str coding;

    if (cl_str_eq_nocase(list, CL_STR("chunked")))
        return CL_OK;
    while (cl_http_list_next(&list, &coding)) {
        if (!cl_http_is_token(coding))
            return cl_fail(CL_ERR_MALFORMED, why, "Transfer-Encoding is not a list of tokens");
        if (was_chunked)
            return cl_fail(CL_ERR_MALFORMED, why, "chunked is not the last transfer coding");
        was_chunked = cl_str_eq_nocase(coding, CL_STR("chunked"));
    }
    return cl_fail(CL_ERR_NOT_IMPLEMENTED, why, "only the transfer coding chunked is known");
}

/* RFC 9112 6.1 to 6.3: what the fields say of the body. The framing stays NO_BODY without any. */
static enum cl_err
read_framing(struct cl_http_head *head, const struct facts *facts, struct cl_why *why)
{
    if (facts->count[TRANSFER_ENCODING] > 0) {
        if (facts->count[CONTENT_LENGTH] > 0)
            return cl_fail(CL_ERR_MALFORMED, why, "both Content-Length and Transfer-Encoding");
        if (head->minor == 0)
            return cl_fail(CL_ERR_MALFORMED, why, "Transfer-Encoding in HTTP/1.0");
        head->framing = CL_HTTP_CHUNKED;
        return check_coding(facts->value[TRANSFER_ENCODING], why);
    }
    if (facts->count[CONTENT_LENGTH] == 0)
        return CL_OK;
    // RFC 9110 8.6: digits alone; also a list of equal numbers is refused.
    if (!cl_str_to_u64(facts->value[CONTENT_LENGTH], INT64_MAX, &head->content_length))
        return cl_fail(CL_ERR_MALFORMED, why, "Content-Length is not one decimal number");
    head->framing = CL_HTTP_LENGTH;
    return CL_OK;
}

/* RFC 9112 9.3, RFC 9110 7.8: HTTP/1.0 closes unless it asks to stay, and cannot upgrade. */
static void
read_persistence(struct cl_http_head *head, const struct facts *facts)
{
    head->keep_alive = !facts->says_close && (head->minor == 1 || facts->says_keep_alive);
    head->upgrade = head->minor == 1 && facts->says_upgrade && facts->count[UPGRADE] > 0;
}

/* RFC 9112 3.2, RFC 9110 7.2 */
static enum cl_err
read_host(struct cl_http_head *head, const struct facts *facts, struct cl_why *why)
{
    struct cl_authority authority;
    cl_str host = facts->value[HOST];

    if (facts->count[HOST] == 0) {
        if (head->minor == 1)
            return cl_fail(CL_ERR_MALFORMED, why, "HTTP/1.1 without Host");
        return CL_OK;
    }
    if (cl_authority_parse(host, &authority) != CL_OK)
        return cl_fail(CL_ERR_MALFORMED, why, "Host is not host or host:port");
    if (head->authority.len == 0)
        head->authority = host;
    return CL_OK;
}

/* RFC 9110 10.1.1: ignored in HTTP/1.0, and pointless without a body. */
static enum cl_err
read_expect(struct cl_http_head *head, const struct facts *facts, struct cl_why *why)
{
    if (facts->count[EXPECT] == 0 || head->minor == 0)
        return CL_OK;
    if (facts->count[EXPECT] > 1 || !cl_str_eq_nocase(facts->value[EXPECT], CL_STR("100-continue")))
        return cl_fail(CL_ERR_EXPECTATION, why, "the one known expectation is 100-continue");
    head->expect_continue = head->framing == CL_HTTP_CHUNKED || head->content_length > 0;
    return CL_OK;
}

enum cl_err
cl_http_read_request_fields(struct cl_http_head *head, struct cl_why *why)
{
    struct facts facts = {0};

    enum cl_err err = read_facts(&facts, head, why);
    if (err == CL_OK)
        err = read_host(head, &facts, why);
    if (err == CL_OK)
        err = read_framing(head, &facts, why);
    if (err == CL_OK)
        err = read_expect(head, &facts, why);
    read_persistence(head, &facts);
    return err;
}

enum cl_err
cl_http_read_response_fields(struct cl_http_head *head, bool asked_head, struct cl_why *why)
{
    struct facts facts = {0};

    enum cl_err err = read_facts(&facts, head, why);
    if (err == CL_OK)
        err = read_framing(head, &facts, why);
    if (err != CL_OK)
        return err;
    read_persistence(head, &facts);

    // RFC 9112 6.3: these have no body, whatever the fields say.
    if (asked_head || head->status < 200 || head->status == 204 || head->status == 304) {
        head->framing = CL_HTTP_NO_BODY;
        head->content_length = 0;
    } else if (head->framing == CL_HTTP_NO_BODY) {
        head->framing = CL_HTTP_UNTIL_CLOSE;
        head->keep_alive = false;
    }
    // RFC 9110 15.2.2: what follows a 101 is another protocol.
    if (head->status == 101)
        head->keep_alive = false;
    return CL_OK;
}
