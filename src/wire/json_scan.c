// SPDX-License-Identifier: MIT
#include "wire/json.h"

#include <string.h>

#include "base/assert.h"
#include "base/bytes.h"
#include "base/utf8.h"
#include "wire/json_text.h"

/* Objects of more members, or with an escape in a name, find duplicates by hash. */
#define LINEAR_MAX 16
/* As many as one object may have members: a chain holds one of them on average. */
#define BUCKETS 1024

/* What comes next. */
enum state {
    START,       // '{'
    FIRST_NAME,  // a name or '}'
    NAME,        // a name
    IN_NAME,     // the rest of it
    COLON,       // ':'
    FIRST_VALUE, // a value or ']'
    VALUE,       // a value
    IN_STRING,   // the rest of one
    IN_NUMBER,   // the rest of one
    AFTER_VALUE, // ',' or the end of what is open
    END,         // nothing
};

/* Behind which part of a number (RFC 8259 section 6). */
enum number_state {
    NUMBER_START,
    MINUS,
    ZERO,
    DIGITS,
    DOT,
    FRACTION,
    E,
    SIGN,
    EXPONENT,
    NUMBER_END, // the byte is no part of it
    NUMBER_BAD, // the byte cannot stand there
};

void
cl_json_scan_init(struct cl_json_scan *scan, struct cl_arena *arena, const cl_hash_key *hash_key)
{
    // The arrays at the end are not touched: a small text uses little of them.
    memset(scan, 0, offsetof(struct cl_json_scan, frames));
    scan->arena = arena;
    scan->hash_key = hash_key;
    scan->state = START;
    scan->names = scan->names_inline;
    scan->names_cap = CL_JSON_NAMES_INLINE;
}

/* Always false, so that a step can end with it. */
static bool
refuse(struct cl_json_scan *scan, enum cl_err err, size_t at, const char *reason)
{
    scan->err = err;
    scan->at = (uint32_t)at;
    scan->reason = reason;
    return false;
}

static bool
malformed(struct cl_json_scan *scan, size_t at, const char *reason)
{
    return refuse(scan, CL_ERR_MALFORMED, at, reason);
}

static bool
out_of_memory(struct cl_json_scan *scan)
{
    return refuse(scan, CL_ERR_NO_MEMORY, scan->string_at, "no memory for more names");
}

/* -- names --------------------------------------------------------------------------------- */

static cl_str
name_text(cl_str text, const struct cl_json_name *name)
{
    return cl_str_of(text.ptr + name->at, name->len);
}

static bool
names_equal(cl_str text, const struct cl_json_name *a, const struct cl_json_name *b)
{
    if (a->escaped || b->escaped)
        return cl_json_text_eq(name_text(text, a), name_text(text, b));
    return a->len == b->len && memcmp(text.ptr + a->at, text.ptr + b->at, a->len) == 0;
}

static uint16_t
bucket_of(const struct cl_json_scan *scan, cl_str text, const struct cl_json_name *name)
{
    return (uint16_t)(cl_json_text_hash(scan->hash_key, name_text(text, name)) % BUCKETS);
}

/* Later names stand first in a chain, so that those of the innermost object are found before
 * all others, and are the first to leave. */
static void
put_in_bucket(struct cl_json_scan *scan, uint32_t index)
{
    struct cl_json_name *name = &scan->names[index];
    name->next = scan->buckets[name->bucket];
    scan->buckets[name->bucket] = index + 1;
}

static void
drop_names(struct cl_json_scan *scan, const struct cl_json_frame *frame)
{
    while (frame->is_hashed && scan->names_len > frame->names_from) {
        const struct cl_json_name *name = &scan->names[--scan->names_len];
        scan->buckets[name->bucket] = name->next;
    }
    scan->names_len = frame->names_from;
}

static bool
begin_hashing(struct cl_json_scan *scan, cl_str text, struct cl_json_frame *frame)
{
    if (scan->buckets == NULL)
        scan->buckets = cl_arena_alloc(scan->arena, BUCKETS * sizeof *scan->buckets);
    if (scan->buckets == NULL)
        return out_of_memory(scan);
    frame->is_hashed = true;
    for (uint32_t i = frame->names_from; i < scan->names_len; i++) {
        scan->names[i].bucket = bucket_of(scan, text, &scan->names[i]);
        put_in_bucket(scan, i);
    }
    return true;
}

static bool
is_duplicate(const struct cl_json_scan *scan, cl_str text, const struct cl_json_frame *frame,
             const struct cl_json_name *name)
{
    if (frame->is_hashed) {
        uint32_t at = scan->buckets[name->bucket];
        while (at > frame->names_from && !names_equal(text, &scan->names[at - 1], name))
            at = scan->names[at - 1].next;
        return at > frame->names_from;
    }
    for (uint32_t i = frame->names_from; i < scan->names_len; i++)
        if (names_equal(text, &scan->names[i], name))
            return true;
    return false;
}

static bool
grow_names(struct cl_json_scan *scan)
{
    uint32_t cap = scan->names_cap * 2;
    struct cl_json_name *names = cl_arena_alloc(scan->arena, cap * sizeof *names);
    if (names == NULL)
        return out_of_memory(scan);
    memcpy(names, scan->names, scan->names_len * sizeof *names);
    scan->names = names;
    scan->names_cap = cap;
    return true;
}

/* The name from string_at to at, where its closing quote is. */
static bool
add_name(struct cl_json_scan *scan, cl_str text, size_t at)
{
    struct cl_json_frame *frame = &scan->frames[scan->depth - 1];
    uint32_t count = scan->names_len - frame->names_from;
    struct cl_json_name name = {
        .at = scan->string_at, .len = (uint32_t)at - scan->string_at, .escaped = scan->escaped};

    if (count == CL_JSON_MEMBERS_MAX)
        return malformed(scan, name.at, "an object has too many members");
    scan->has_escapes = scan->has_escapes || name.escaped;
    if ((count == LINEAR_MAX || name.escaped) && !frame->is_hashed &&
        !begin_hashing(scan, text, frame))
        return false;
    if (frame->is_hashed)
        name.bucket = bucket_of(scan, text, &name);
    if (is_duplicate(scan, text, frame, &name))
        return malformed(scan, name.at, "a name stands twice in one object");
    if (scan->names_len == scan->names_cap && !grow_names(scan))
        return false;
    scan->names[scan->names_len] = name;
    if (frame->is_hashed)
        put_in_bucket(scan, scan->names_len);
    scan->names_len++;
    return true;
}

/* -- strings ------------------------------------------------------------------------------- */

/* Behind the bytes that need no look of their own. */
static inline size_t
skip_plain(cl_str text, size_t at, bool beyond_ascii)
{
    return at + cl_bytes_json(text.ptr + at, text.len - at, beyond_ascii);
}

/* From a byte beyond ASCII to the next quote, backslash or control character. False: refused,
 * or the text ends within a sequence; then the scan stands at its start. */
static bool
skip_utf8(struct cl_json_scan *scan, cl_str text)
{
    struct cl_utf8 utf8 = CL_UTF8_START;
    size_t end = skip_plain(text, scan->at, true);
    if (cl_utf8_feed(&utf8, cl_str_part(text, scan->at, end - scan->at)) &&
        cl_utf8_is_whole(&utf8)) {
        scan->at = (uint32_t)end;
        return true;
    }

    utf8 = CL_UTF8_START;
    for (size_t i = scan->at; i < end; i++) {
        if (cl_utf8_is_whole(&utf8))
            scan->at = (uint32_t)i;
        if (!cl_utf8_feed(&utf8, cl_str_part(text, i, 1)))
            return malformed(scan, scan->at, "invalid UTF-8");
    }
    return end == text.len ? false : malformed(scan, scan->at, "invalid UTF-8");
}

enum escape { ESCAPE_WHOLE, ESCAPE_CUT, ESCAPE_BAD };

/* "\uXXXX" at the start of rest. */
static enum escape
read_unit(cl_str rest, uint32_t *ret_unit)
{
    uint32_t unit = 0;
    if (rest.len > 0 && rest.ptr[0] != '\\')
        return ESCAPE_BAD;
    if (rest.len > 1 && rest.ptr[1] != 'u')
        return ESCAPE_BAD;
    for (size_t i = 2; i < 6; i++) {
        if (i >= rest.len)
            return ESCAPE_CUT;
        int digit = cl_str_hex_digit(rest.ptr[i]);
        if (digit < 0)
            return ESCAPE_BAD;
        unit = unit << 4 | (uint32_t)digit;
    }
    *ret_unit = unit;
    return ESCAPE_WHOLE;
}

/* False: refused, or the text ends within the escape. */
static bool
skip_unicode_escape(struct cl_json_scan *scan, cl_str text)
{
    uint32_t unit, low;
    cl_str rest = cl_str_part(text, scan->at, text.len);
    enum escape escape = read_unit(rest, &unit);
    if (escape == ESCAPE_BAD)
        return malformed(scan, scan->at, "an escape without four hexadecimal digits");
    if (escape == ESCAPE_CUT)
        return false;
    if (unit < 0xd800 || unit > 0xdfff) {
        scan->at += 6;
        return true;
    }
    // RFC 8259 section 8.2: what a lone surrogate means is unpredictable.
    escape = unit > 0xdbff ? ESCAPE_BAD : read_unit(cl_str_part(rest, 6, rest.len), &low);
    if (escape == ESCAPE_CUT)
        return false;
    if (escape == ESCAPE_BAD || low < 0xdc00 || low > 0xdfff)
        return malformed(scan, scan->at, "an escaped surrogate without its other half");
    scan->at += 12;
    return true;
}

static bool
skip_escape(struct cl_json_scan *scan, cl_str text)
{
    static const char letters[] = "\"\\/bfnrt";
    scan->escaped = true;
    if (text.len - scan->at < 2)
        return false;
    char letter = text.ptr[scan->at + 1];
    if (letter == 'u')
        return skip_unicode_escape(scan, text);
    if (memchr(letters, letter, sizeof letters - 1) == NULL)
        return malformed(scan, scan->at, "an escape that does not exist");
    scan->at += 2;
    return true;
}

static void
begin_string(struct cl_json_scan *scan, enum state state)
{
    scan->at++;
    scan->string_at = scan->at;
    scan->escaped = false;
    scan->state = (uint8_t)state;
}

/* To the closing quote. */
static bool
skip_string(struct cl_json_scan *scan, cl_str text)
{
    for (;;) {
        scan->at = (uint32_t)skip_plain(text, scan->at, false);
        if (scan->at == text.len)
            return false;
        char c = text.ptr[scan->at];
        if (c == '"')
            return true;
        if ((unsigned char)c < ' ')
            return malformed(scan, scan->at, "a control character in a string");
        if (c == '\\' ? !skip_escape(scan, text) : !skip_utf8(scan, text))
            return false;
    }
}

/* -- values -------------------------------------------------------------------------------- */

static bool
end_value(struct cl_json_scan *scan)
{
    if (scan->depth == 1) {
        struct cl_json_name *name = &scan->names[scan->names_len - 1];
        name->value_len = scan->at - name->value_at;
    }
    scan->state = AFTER_VALUE;
    return true;
}

static bool
open_container(struct cl_json_scan *scan, bool is_object)
{
    if (scan->depth == CL_JSON_DEPTH_MAX)
        return malformed(scan, scan->at, "too many levels");
    scan->frames[scan->depth++] =
        (struct cl_json_frame){.names_from = scan->names_len, .is_object = is_object};
    if (scan->depth > scan->depth_most)
        scan->depth_most = scan->depth;
    scan->state = is_object ? FIRST_NAME : FIRST_VALUE;
    scan->at++;
    return true;
}

static bool
close_container(struct cl_json_scan *scan)
{
    scan->at++;
    if (--scan->depth == 0) {
        scan->state = END; // the outermost names are what the scan is for
        return true;
    }
    drop_names(scan, &scan->frames[scan->depth]);
    return end_value(scan);
}

static bool
read_word(struct cl_json_scan *scan, cl_str text, cl_str word)
{
    cl_str here = cl_str_part(text, scan->at, word.len);
    if (!cl_str_starts(word, here))
        return malformed(scan, scan->at, "a value is wanted");
    if (here.len < word.len)
        return false;
    scan->at += (uint32_t)word.len;
    return end_value(scan);
}

static enum number_state
after_digits(char c, enum number_state same, bool may_have_fraction)
{
    if (c >= '0' && c <= '9')
        return same;
    if (c == '.')
        return may_have_fraction ? DOT : NUMBER_BAD;
    return c == 'e' || c == 'E' ? E : NUMBER_END;
}

static enum number_state
next_number_state(enum number_state state, char c)
{
    bool digit = c >= '0' && c <= '9';
    switch (state) {
    case NUMBER_START:
        if (c == '-')
            return MINUS;
        return c == '0' ? ZERO : DIGITS;
    case MINUS:
        return c == '0' ? ZERO : digit ? DIGITS : NUMBER_BAD;
    case ZERO:
        return after_digits(c, NUMBER_BAD, true);
    case DIGITS:
        return after_digits(c, DIGITS, true);
    case DOT:
        return digit ? FRACTION : NUMBER_BAD;
    case FRACTION:
        return after_digits(c, FRACTION, false);
    case E:
        if (c == '+' || c == '-')
            return SIGN;
        return digit ? EXPONENT : NUMBER_BAD;
    case SIGN:
        return digit ? EXPONENT : NUMBER_BAD;
    case EXPONENT:
        return digit ? EXPONENT : NUMBER_END;
    case NUMBER_END:
    case NUMBER_BAD:
        break;
    }
    return NUMBER_BAD;
}

static bool
read_number(struct cl_json_scan *scan, cl_str text)
{
    enum number_state state = (enum number_state)scan->number_state;
    size_t at = scan->at;
    while (at < text.len) {
        enum number_state next = next_number_state(state, text.ptr[at]);
        if (next == NUMBER_BAD)
            return malformed(scan, at, "a malformed number");
        if (next == NUMBER_END) {
            scan->at = (uint32_t)at;
            return end_value(scan);
        }
        state = next;
        at++;
    }
    scan->at = (uint32_t)at;
    scan->number_state = (uint8_t)state;
    return false;
}

static bool
begin_value(struct cl_json_scan *scan, cl_str text, char c)
{
    if (scan->depth == 1)
        scan->names[scan->names_len - 1].value_at = scan->at;
    switch (c) {
    case '"':
        begin_string(scan, IN_STRING);
        return true;
    case '{':
        return open_container(scan, true);
    case '[':
        return open_container(scan, false);
    case 't':
        return read_word(scan, text, CL_STR("true"));
    case 'f':
        return read_word(scan, text, CL_STR("false"));
    case 'n':
        return read_word(scan, text, CL_STR("null"));
    default:
        if (c != '-' && (c < '0' || c > '9'))
            return malformed(scan, scan->at, "a value is wanted");
        scan->state = IN_NUMBER;
        scan->number_state = NUMBER_START;
        return true;
    }
}

/* -- the common road ----------------------------------------------------------------------- */

/* Behind the whole number at index at, when it is one without sign, fraction and exponent and
 * ends in the text; else at. */
static size_t
plain_number_end(cl_str text, size_t at)
{
    size_t end = at;
    while (end < text.len && text.ptr[end] >= '0' && text.ptr[end] <= '9')
        end++;
    bool is_plain = end < text.len && (text.ptr[at] != '0' || end == at + 1);
    return is_plain && (text.ptr[end] == ',' || text.ptr[end] == '}') ? end : at;
}

/* Behind the value at index at, when it is a string without escapes and beyond-ASCII characters
 * or a plain number; else at. */
static size_t
plain_value_end(cl_str text, size_t at)
{
    if (at == text.len)
        return at;
    if (text.ptr[at] != '"')
        return plain_number_end(text, at);
    size_t end = skip_plain(text, at + 1, false);
    return end < text.len && text.ptr[end] == '"' ? end + 1 : at;
}

static inline size_t
space_end(cl_str text, size_t at)
{
    while (at < text.len && (text.ptr[at] == ' ' || text.ptr[at] == '\n' || text.ptr[at] == '\r' ||
                             text.ptr[at] == '\t'))
        at++;
    return at;
}

/* Adds a name without escapes to an object that has few. False: add_name must look at it. */
static inline bool
add_plain_name(struct cl_json_scan *scan, cl_str text, struct cl_json_name name)
{
    const struct cl_json_frame *frame = &scan->frames[scan->depth - 1];
    if (frame->is_hashed || scan->names_len - frame->names_from >= LINEAR_MAX ||
        scan->names_len == scan->names_cap)
        return false;
    for (uint32_t i = frame->names_from; i < scan->names_len; i++)
        if (scan->names[i].len == name.len &&
            memcmp(text.ptr + scan->names[i].at, text.ptr + name.at, name.len) == 0)
            return false; // a duplicate
    scan->names[scan->names_len++] = name;
    return true;
}

/* Takes members whose name and value are plain, as long as there are, and leaves everything
 * else, also what is cut off or wrong, to the steps below. */
static void
take_plain_members(struct cl_json_scan *scan, cl_str text)
{
    for (;;) {
        size_t name = space_end(text, scan->at);
        if (name == text.len || text.ptr[name] != '"')
            return;
        size_t name_end = skip_plain(text, name + 1, false);
        if (name_end == text.len || text.ptr[name_end] != '"')
            return;
        size_t colon = space_end(text, name_end + 1);
        if (colon == text.len || text.ptr[colon] != ':')
            return;
        size_t value = space_end(text, colon + 1);
        size_t value_end = plain_value_end(text, value);
        if (value_end == value)
            return;

        struct cl_json_name plain = {.at = (uint32_t)name + 1,
                                     .len = (uint32_t)(name_end - name - 1),
                                     .value_at = (uint32_t)value,
                                     .value_len = (uint32_t)(value_end - value)};
        if (!add_plain_name(scan, text, plain))
            return;
        scan->at = (uint32_t)value_end;
        scan->state = AFTER_VALUE;
        if (value_end == text.len || text.ptr[value_end] != ',')
            return;
        scan->at++;
        scan->state = NAME;
    }
}

/* -- the text ------------------------------------------------------------------------------ */

static void
skip_space(struct cl_json_scan *scan, cl_str text)
{
    scan->at = (uint32_t)space_end(text, scan->at);
}

static bool
read_after_value(struct cl_json_scan *scan, char c)
{
    bool is_object = scan->frames[scan->depth - 1].is_object;
    if (c == (is_object ? '}' : ']'))
        return close_container(scan);
    if (c != ',')
        return malformed(scan, scan->at,
                         is_object ? "',' or '}' is wanted" : "',' or ']' is wanted");
    scan->at++;
    scan->state = is_object ? NAME : VALUE;
    return true;
}

/* One token between the strings and numbers. */
static bool
read_token(struct cl_json_scan *scan, cl_str text)
{
    skip_space(scan, text);
    if (scan->at == text.len)
        return false;
    char c = text.ptr[scan->at];
    enum state state = (enum state)scan->state;

    if (state == AFTER_VALUE)
        return read_after_value(scan, c);
    if ((state == FIRST_NAME && c == '}') || (state == FIRST_VALUE && c == ']'))
        return close_container(scan);
    if (state == VALUE || state == FIRST_VALUE)
        return begin_value(scan, text, c);
    if (state == COLON) {
        if (c != ':')
            return malformed(scan, scan->at, "':' is wanted");
        scan->at++;
        scan->state = VALUE;
        return true;
    }
    if (state == START)
        return c == '{' ? open_container(scan, true)
                        : malformed(scan, scan->at, "an object is wanted");
    if (state == END)
        return malformed(scan, scan->at, "something follows the object");
    if (c != '"')
        return malformed(scan, scan->at, "a name in quotes is wanted");
    begin_string(scan, IN_NAME);
    return true;
}

/* False: refused, or all of the text is read. */
static bool
step(struct cl_json_scan *scan, cl_str text)
{
    if (scan->state == IN_NUMBER)
        return read_number(scan, text);
    if (scan->state == FIRST_NAME || scan->state == NAME)
        take_plain_members(scan, text);
    if (scan->state != IN_NAME && scan->state != IN_STRING)
        return read_token(scan, text);
    if (!skip_string(scan, text))
        return false;
    if (scan->state == IN_STRING) {
        scan->at++;
        return end_value(scan);
    }
    if (!add_name(scan, text, scan->at))
        return false;
    scan->at++;
    scan->state = COLON;
    return true;
}

static bool
finish(struct cl_json_scan *scan, cl_str text)
{
    if (scan->state != END)
        return malformed(scan, text.len, "the text ends too early");
    struct cl_json_member *members = scan->members_inline;
    if (scan->names_len > CL_JSON_MEMBERS_INLINE)
        members = cl_arena_alloc(scan->arena, scan->names_len * sizeof *members);
    if (members == NULL)
        return out_of_memory(scan);
    for (uint32_t i = 0; i < scan->names_len; i++) {
        const struct cl_json_name *name = &scan->names[i];
        cl_str value = cl_str_of(text.ptr + name->value_at, name->value_len);
        members[i] = (struct cl_json_member){
            .name = name_text(text, name), .value = value, .type = cl_json_type_of(value)};
    }
    scan->members = members;
    scan->members_len = scan->names_len;
    return true;
}

enum cl_err
cl_json_scan_feed(struct cl_json_scan *scan, cl_str text, bool final, struct cl_why *why)
{
    if (scan->err == CL_OK && text.len > UINT32_MAX)
        (void)refuse(scan, CL_ERR_TOO_LARGE, UINT32_MAX, "the text is too long");
    if (scan->err == CL_OK) {
        CL_ASSERT(text.len >= scan->at);
        while (step(scan, text))
            ;
    }
    if (scan->err == CL_OK && final)
        (void)finish(scan, text);
    if (scan->err != CL_OK)
        return cl_fail(scan->err, why, "JSON refused at byte %u: %s", (unsigned)scan->at,
                       scan->reason);
    return CL_OK;
}

const struct cl_json_member *
cl_json_scan_member(const struct cl_json_scan *scan, cl_str name)
{
    CL_ASSERT(scan->members != NULL);
    for (uint32_t i = 0; i < scan->members_len; i++) {
        const struct cl_json_member *member = &scan->members[i];
        if (scan->has_escapes
                ? cl_json_text_is(member->name, name)
                : member->name.len == name.len && memcmp(member->name.ptr, name.ptr, name.len) == 0)
            return member;
    }
    return NULL;
}
