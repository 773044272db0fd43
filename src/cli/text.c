// SPDX-License-Identifier: MIT
#include "cli/text.h"

#include "base/utf8.h"

struct range {
    uint32_t first;
    uint32_t last;
};

// clang-format off
/* Controls, and what Unicode calls "default ignorable" or gives a direction: characters that
 * act on their neighbours or cannot be seen. Variation selectors of emoji stay. */
static const struct range unsafe[] = {
    {0x0000, 0x001f}, {0x007f, 0x009f}, {0x00ad, 0x00ad}, {0x034f, 0x034f}, {0x061c, 0x061c},
    {0x115f, 0x1160}, {0x17b4, 0x17b5}, {0x180b, 0x180f}, {0x200b, 0x200f}, {0x2028, 0x202e},
    {0x2060, 0x206f}, {0x2800, 0x2800}, {0x3164, 0x3164}, {0xfe00, 0xfe0d}, {0xfeff, 0xfeff},
    {0xffa0, 0xffa0}, {0xfff0, 0xfffb}, {0xfffe, 0xffff}, {0x1bca0, 0x1bca3},
    {0x1d173, 0x1d17a}, {0xe0000, 0x10ffff},
};

/* Marks that stand on the character before them, of the scripts most in use. */
static const struct range combining[] = {
    {0x0300, 0x036f}, {0x0483, 0x0489}, {0x0591, 0x05bd}, {0x05bf, 0x05bf}, {0x05c1, 0x05c2},
    {0x05c4, 0x05c5}, {0x05c7, 0x05c7}, {0x0610, 0x061a}, {0x064b, 0x065f}, {0x0670, 0x0670},
    {0x06d6, 0x06dc}, {0x06df, 0x06e4}, {0x06e7, 0x06e8}, {0x06ea, 0x06ed}, {0x0900, 0x0902},
    {0x093a, 0x093a}, {0x093c, 0x093c}, {0x0941, 0x0948}, {0x094d, 0x094d}, {0x0951, 0x0957},
    {0x0962, 0x0963}, {0x0e31, 0x0e31}, {0x0e34, 0x0e3a}, {0x0e47, 0x0e4e}, {0x1ab0, 0x1aff},
    {0x1dc0, 0x1dff}, {0x20d0, 0x20f0}, {0x302a, 0x302d}, {0x3099, 0x309a}, {0xfe0e, 0xfe0f},
    {0xfe20, 0xfe2f},
};

/* East Asian Width "W" and "F" (UAX #11); gaps without characters are closed. */
static const struct range wide[] = {
    {0x1100, 0x115e}, {0x231a, 0x231b}, {0x2329, 0x232a}, {0x23e9, 0x23ec}, {0x23f0, 0x23f0},
    {0x23f3, 0x23f3}, {0x25fd, 0x25fe}, {0x2614, 0x2615}, {0x2648, 0x2653}, {0x267f, 0x267f},
    {0x2693, 0x2693}, {0x26a1, 0x26a1}, {0x26aa, 0x26ab}, {0x26bd, 0x26be}, {0x26c4, 0x26c5},
    {0x26ce, 0x26ce}, {0x26d4, 0x26d4}, {0x26ea, 0x26ea}, {0x26f2, 0x26f3}, {0x26f5, 0x26f5},
    {0x26fa, 0x26fa}, {0x26fd, 0x26fd}, {0x2705, 0x2705}, {0x270a, 0x270b}, {0x2728, 0x2728},
    {0x274c, 0x274c}, {0x274e, 0x274e}, {0x2753, 0x2755}, {0x2757, 0x2757}, {0x2795, 0x2797},
    {0x27b0, 0x27b0}, {0x27bf, 0x27bf}, {0x2b1b, 0x2b1c}, {0x2b50, 0x2b50}, {0x2b55, 0x2b55},
    {0x2e80, 0x3029}, {0x302e, 0x303e}, {0x3041, 0x3098}, {0x309b, 0x3247}, {0x3250, 0x4dbf},
    {0x4e00, 0xa4cf}, {0xa960, 0xa97f}, {0xac00, 0xd7a3}, {0xf900, 0xfaff}, {0xfe10, 0xfe19},
    {0xfe30, 0xfe6f}, {0xff01, 0xff60}, {0xffe0, 0xffe6}, {0x16fe0, 0x18cff}, {0x1aff0, 0x1b2ff},
    {0x1f004, 0x1f004}, {0x1f0cf, 0x1f0cf}, {0x1f18e, 0x1f18e}, {0x1f191, 0x1f19a},
    {0x1f200, 0x1f320}, {0x1f32d, 0x1f335}, {0x1f337, 0x1f37c}, {0x1f37e, 0x1f393},
    {0x1f3a0, 0x1f3ca}, {0x1f3cf, 0x1f3d3}, {0x1f3e0, 0x1f3f0}, {0x1f3f4, 0x1f3f4},
    {0x1f3f8, 0x1f43e}, {0x1f440, 0x1f440}, {0x1f442, 0x1f4fc}, {0x1f4ff, 0x1f53d},
    {0x1f54b, 0x1f54e}, {0x1f550, 0x1f567}, {0x1f57a, 0x1f57a}, {0x1f595, 0x1f596},
    {0x1f5a4, 0x1f5a4}, {0x1f5fb, 0x1f64f}, {0x1f680, 0x1f6c5}, {0x1f6cc, 0x1f6cc},
    {0x1f6d0, 0x1f6d2}, {0x1f6d5, 0x1f6df}, {0x1f6eb, 0x1f6ec}, {0x1f6f4, 0x1f6fc},
    {0x1f7e0, 0x1f7eb}, {0x1f7f0, 0x1f7f0}, {0x1f90c, 0x1f93a}, {0x1f93c, 0x1f945},
    {0x1f947, 0x1f9ff}, {0x1fa70, 0x1faff}, {0x20000, 0x3fffd},
};
// clang-format on

#define IS_IN(ranges, code) is_in(ranges, sizeof(ranges) / sizeof *(ranges), code)

static bool
is_in(const struct range *ranges, size_t len, uint32_t code)
{
    size_t low = 0, high = len;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (code > ranges[middle].last)
            low = middle + 1;
        else
            high = middle;
    }
    return low < len && code >= ranges[low].first;
}

/* The character at the beginning of text, which is not empty, and its bytes; 0 bytes when there
 * is no valid one. */
static size_t
first_char(cl_str text, uint32_t *ret_code)
{
    struct cl_utf8 state = CL_UTF8_START;
    uint32_t code = 0;
    for (size_t i = 0; i < text.len && i < 4; i++) {
        unsigned char byte = (unsigned char)text.ptr[i];
        if (!cl_utf8_feed(&state, cl_str_of(&text.ptr[i], 1)))
            return 0;
        static const unsigned char lead_bits[] = {0x7f, 0x1f, 0x0f, 0x07};
        code = i == 0 ? byte & lead_bits[state.left] : code << 6 | (byte & 0x3fu);
        if (cl_utf8_is_whole(&state)) {
            *ret_code = code;
            return i + 1;
        }
    }
    return 0;
}

static enum cl_err
append_json_escape(struct cl_buf *out, uint32_t code, bool in_string)
{
    if (!in_string) // valid JSON: white space
        return cl_buf_append_byte(out, ' ');
    if (code <= 0xffff)
        return cl_buf_printf(out, "\\u%04x", code);
    return cl_buf_printf(out, "\\u%04x\\u%04x", 0xd800 + ((code - 0x10000) >> 10),
                         0xdc00 + (code & 0x3ff));
}

static enum cl_err
append_char(struct cl_buf *out, cl_str bytes, uint32_t code, const char *indent)
{
    if (!IS_IN(unsafe, code) || (indent != NULL && code == '\t'))
        return cl_buf_append(out, bytes);
    if (indent != NULL && code == '\n')
        return cl_buf_printf(out, "\n%s", indent);
    return cl_buf_printf(out, "\\u{%x}", code);
}

static enum cl_err
show(struct cl_buf *out, cl_str text, const char *indent)
{
    while (text.len > 0) {
        uint32_t code;
        size_t len = first_char(text, &code);
        enum cl_err err = len > 0 ? append_char(out, cl_str_part(text, 0, len), code, indent)
                                  : cl_buf_printf(out, "\\x{%02x}", (unsigned char)text.ptr[0]);
        if (err != CL_OK)
            return err;
        text = cl_str_part(text, len > 0 ? len : 1, text.len);
    }
    return CL_OK;
}

enum cl_err
cl_text_show(struct cl_buf *out, cl_str text)
{
    return show(out, text, NULL);
}

enum cl_err
cl_text_show_block(struct cl_buf *out, cl_str text, const char *indent)
{
    return show(out, text, indent);
}

enum cl_err
cl_text_show_json(struct cl_buf *out, cl_str json)
{
    bool in_string = false, is_escaped = false;
    while (json.len > 0) {
        uint32_t code;
        size_t len = first_char(json, &code);
        if (len == 0)
            return CL_ERR_MALFORMED;
        enum cl_err err = IS_IN(unsafe, code) ? append_json_escape(out, code, in_string)
                                              : cl_buf_append(out, cl_str_part(json, 0, len));
        if (err != CL_OK)
            return err;
        if (code == '"' && !is_escaped)
            in_string = !in_string;
        is_escaped = code == '\\' && !is_escaped;
        json = cl_str_part(json, len, json.len);
    }
    return CL_OK;
}

static size_t
columns_of(uint32_t code)
{
    return IS_IN(combining, code) ? 0 : IS_IN(wide, code) ? 2 : 1;
}

/* Walks the text until the columns are used up; *ret_len bytes took the columns returned. */
static size_t
walk(cl_str shown, size_t columns_max, size_t *ret_len)
{
    size_t columns = 0, at = 0;
    while (at < shown.len) {
        uint32_t code = 0;
        size_t len = first_char(cl_str_part(shown, at, shown.len), &code);
        size_t more = columns_of(code);
        if (more > columns_max - columns)
            break;
        columns += more;
        at += len > 0 ? len : 1;
    }
    *ret_len = at;
    return columns;
}

size_t
cl_text_width(cl_str shown)
{
    size_t len;
    return walk(shown, SIZE_MAX, &len);
}

size_t
cl_text_fit(cl_str shown, size_t columns)
{
    size_t len;
    (void)walk(shown, columns, &len); // wanted is where it stopped
    return len;
}
