// SPDX-License-Identifier: MIT
/*
 * RFC 6455 case by case: each row is decoded whole, byte by byte and at every cut in two, and
 * always gives the same events. Rows are written as a server sends them; but for those about
 * the mask itself each is decoded by a client as it stands and by a server after masking.
 */
#include <string.h>

#include "support/test.h"
#include "unit/wire/ws_trace.h"

#define MESSAGE_MAX 300

#define A25  "aaaaaaaaaaaaaaaaaaaaaaaaa"
#define A100 A25 A25 A25 A25

enum who { BOTH, SERVER, CLIENT };

struct row {
    const char *section;
    enum who who;
    cl_str bytes;
    cl_str want;
};

// clang-format off
#define S(literal) {"" literal "", sizeof(literal) - 1}
static const struct row rows[] = {
    // Framing
    {"5.6 empty text",            BOTH, S("\x81\0"), S("text()")},
    {"5.6 empty binary",          BOTH, S("\x82\0"), S("binary()")},
    {"5.7 text",                  BOTH, S("\x81\5Hello"), S("text(Hello)")},
    {"5.6 any byte in binary",    BOTH, S("\x82\4\0\xff\x80\n"), S("binary(\0\xff\x80\n)")},
    {"5.6 NUL in text",           BOTH, S("\x81\3a\0b"), S("text(a\0b)")},
    {"5.2 several in one read",   BOTH, S("\x81\1a\x82\1b\x81\0\x81\1c"),
                                  S("text(a) binary(b) text() text(c)")},
    {"5.2 length 125",            BOTH, S("\x81\x7d" A100 A25), S("text(" A100 A25 ")")},
    {"5.2 length 126",            BOTH, S("\x82\x7e\0\x7e" A100 A25 "a"),
                                  S("binary(#126 81ae6be3)")},
    {"5.2 nothing",               BOTH, S(""), S("")},
    {"5.2 half a head",           BOTH, S("\x81"), S("")},
    {"5.2 half a length",         BOTH, S("\x82\x7e\1"), S("")},
    {"5.2 half a payload",        BOTH, S("\x82\5Hel"), S("")},

    // Masks
    {"5.7 masked from client",    SERVER, S("\x81\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58"),
                                  S("text(Hello)")},
    {"5.3 mask of zeros",         SERVER, S("\x81\x85\0\0\0\0Hello"), S("text(Hello)")},
    {"5.3 masked and empty",      SERVER, S("\x81\x80\1\2\3\4"), S("text()")},
    {"5.1 unmasked from client",  SERVER, S("\x81\5Hello"), S("fail 1002")},
    {"5.1 unmasked and empty",    SERVER, S("\x81\0"), S("fail 1002")},
    {"5.1 unmasked ping",         SERVER, S("\x89\0"), S("fail 1002")},
    {"5.1 unmasked close",        SERVER, S("\x88\2\3\xe8"), S("fail 1002")},
    {"5.1 unmasked continuation", SERVER, S("\1\x81\0\0\0\0a\x80\1b"), S("fail 1002")},
    {"5.1 masked from server",    CLIENT, S("\x81\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58"),
                                  S("fail 1002")},
    {"5.1 masked ping",           CLIENT, S("\x89\x80\0\0\0\0"), S("fail 1002")},

    // Pings and pongs
    {"5.5.2 empty ping",          BOTH, S("\x89\0"), S("ping()")},
    {"5.5.2 ping",                BOTH, S("\x89\5Hello"), S("ping(Hello)")},
    {"5.5.2 ping is not text",    BOTH, S("\x89\4\0\xff\xfe\xfd"), S("ping(\0\xff\xfe\xfd)")},
    {"5.5.2 ping of 125",         BOTH, S("\x89\x7d" A100 A25), S("ping(" A100 A25 ")")},
    {"5.5 ping of 126",           BOTH, S("\x89\x7e\0\x7e" A100 A25 "a"), S("fail 1002")},
    {"5.5 ping, length 16 bit",   BOTH, S("\x89\x7e\0\5Hello"), S("fail 1002")},
    {"5.5 ping, length 64 bit",   BOTH, S("\x89\x7f\0\0\0\0\0\0\0\5Hello"), S("fail 1002")},
    {"5.5.2 ten pings",           BOTH,
                                  S("\x89\1" "0\x89\1" "1\x89\1" "2\x89\1" "3\x89\1" "4\x89\1" "5"
                                          "\x89\1" "6\x89\1" "7\x89\1" "8\x89\1" "9"),
                                  S("ping(0) ping(1) ping(2) ping(3) ping(4) ping(5) ping(6)"
                                    " ping(7) ping(8) ping(9)")},
    {"5.5.3 pong nobody wanted",  BOTH, S("\x8a\0"), S("pong()")},
    {"5.5.3 pong",                BOTH, S("\x8a\5Hello\x89\0"), S("pong(Hello) ping()")},
    {"5.5 pong of 126",           BOTH, S("\x8a\x7e\0\x7e" A100 A25 "a"), S("fail 1002")},

    // Reserved bits
    {"5.2 RSV3",                  BOTH, S("\x91\0"), S("fail 1002")},
    {"5.2 RSV2",                  BOTH, S("\xa1\5Hello"), S("fail 1002")},
    {"5.2 RSV1, no extension",    BOTH, S("\xc1\5Hello"), S("fail 1002")},
    {"5.2 RSV1 and 2",            BOTH, S("\xe2\1a"), S("fail 1002")},
    {"5.2 all, after a message",  BOTH, S("\x81\1a\xf1\1b\x89\0"), S("text(a) fail 1002")},
    {"5.2 RSV3 on ping",          BOTH, S("\x99\0"), S("fail 1002")},
    {"5.2 RSV1 on close",         BOTH, S("\xc8\0"), S("fail 1002")},
    {"5.2 RSV1 on continuation",  BOTH, S("\1\1a\xc0\1b"), S("fail 1002")},

    // Opcodes
    {"5.2 opcode 3",              BOTH, S("\x83\0"), S("fail 1002")},
    {"5.2 opcode 4",              BOTH, S("\x84\1a"), S("fail 1002")},
    {"5.2 opcode 5",              BOTH, S("\x81\1a\x85\0\x89\0"), S("text(a) fail 1002")},
    {"5.2 opcode 6",              BOTH, S("\x89\0\x86\1a"), S("ping() fail 1002")},
    {"5.2 opcode 7, not final",   BOTH, S("\7\0"), S("fail 1002")},
    {"5.2 opcode 11",             BOTH, S("\x8b\0"), S("fail 1002")},
    {"5.2 opcode 12",             BOTH, S("\x8c\1a"), S("fail 1002")},
    {"5.2 opcode 13",             BOTH, S("\x81\1a\x8d\0\x89\0"), S("text(a) fail 1002")},
    {"5.2 opcode 14",             BOTH, S("\1\1a\x8e\0"), S("fail 1002")},
    {"5.2 opcode 15, not final",  BOTH, S("\xf\0"), S("fail 1002")},

    // Fragments
    {"5.7 text in two",           BOTH, S("\1\3Hel\x80\2lo"), S("text(Hello)")},
    {"5.4 binary in three",       BOTH, S("\2\1\xff\0\1\xfe\x80\1\xfd"), S("binary(\xff\xfe\xfd)")},
    {"5.4 ping between",          BOTH, S("\1\3Hel\x89\1p\x80\2lo"), S("ping(p) text(Hello)")},
    {"5.4 pong between",          BOTH, S("\1\3Hel\x8a\1p\x80\2lo"), S("pong(p) text(Hello)")},
    {"5.4 pings between",         BOTH,
                                  S("\1\1a\x89\2pq\0\1b\x89\0\x89\1r\0\0\x89\1s\x80\1c\x89\1t"),
                                  S("ping(pq) ping() ping(r) ping(s) text(abc) ping(t)")},
    {"5.4 close between",         BOTH, S("\1\3Hel\x88\2\3\xe8\x80\2lo"), S("close 1000()")},
    {"5.4 two after another",     BOTH, S("\1\1a\x80\1b\2\1c\x80\1d\x81\1e"),
                                  S("text(ab) binary(cd) text(e)")},
    {"5.4 all empty",             BOTH, S("\1\0\0\0\0\0\x80\0"), S("text()")},
    {"5.4 empty but the last",    BOTH, S("\2\0\0\0\x80\3abc"), S("binary(abc)")},
    {"5.4 empty but the first",   BOTH, S("\1\3abc\0\0\x80\0"), S("text(abc)")},
    {"5.4 empty but the middle",  BOTH, S("\1\0\0\3abc\x80\0"), S("text(abc)")},
    {"5.5 fragmented ping",       BOTH, S("\x9\1a\x80\1b"), S("fail 1002")},
    {"5.5 fragmented pong",       BOTH, S("\xa\1a\x80\1b"), S("fail 1002")},
    {"5.5 fragmented close",      BOTH, S("\x8\2\3\xe8"), S("fail 1002")},
    {"5.4 continuation first",    BOTH, S("\x80\5Hello\x81\1a"), S("fail 1002")},
    {"5.4 open continuation",     BOTH, S("\0\5Hello\x80\1a"), S("fail 1002")},
    {"5.4 late continuation",     BOTH, S("\x81\1a\x80\1b"), S("text(a) fail 1002")},
    {"5.4 one continuation more", BOTH, S("\1\1a\x80\1b\x80\1c"), S("text(ab) fail 1002")},
    {"5.4 text inside text",      BOTH, S("\1\1a\x81\1b"), S("fail 1002")},
    {"5.4 binary inside text",    BOTH, S("\1\0\x82\1b"), S("fail 1002")},
    {"5.4 text inside binary",    BOTH, S("\2\1a\1\1b"), S("fail 1002")},
    {"5.4 never finished",        BOTH, S("\1\1a\0\1b"), S("")},

    // Lengths and limits
    {"5.2 16 bit for 0",          BOTH, S("\x81\x7e\0\0"), S("fail 1002")},
    {"5.2 16 bit for 125",        BOTH, S("\x82\x7e\0\x7d" A100 A25), S("fail 1002")},
    {"5.2 64 bit for 0",          BOTH, S("\x81\x7f\0\0\0\0\0\0\0\0"), S("fail 1002")},
    {"5.2 64 bit for 126",        BOTH, S("\x82\x7f\0\0\0\0\0\0\0\x7e" A100 A25 "a"),
                                  S("fail 1002")},
    {"5.2 64 bit for 65535",      BOTH, S("\x82\x7f\0\0\0\0\0\0\xff\xff" "a"), S("fail 1002")},
    {"5.2 top bit",               BOTH, S("\x82\x7f\x80\0\0\0\0\0\0\5Hello"), S("fail 1002")},
    {"5.2 every bit",             BOTH, S("\x82\x7f\xff\xff\xff\xff\xff\xff\xff\xff" "a"),
                                  S("fail 1002")},
    {"10.4 2^63-1",               BOTH, S("\x82\x7f\x7f\xff\xff\xff\xff\xff\xff\xff" "a"),
                                  S("fail 1009")},
    {"10.4 1 TiB",                BOTH, S("\x82\x7f\0\0\1\0\0\0\0\0" "abc"), S("fail 1009")},
    {"10.4 4 GiB",                BOTH, S("\x82\x7f\0\0\0\1\0\0\0\0"), S("fail 1009")},
    {"10.4 4 GiB and 5",          BOTH, S("\x82\x7f\0\0\0\1\0\0\0\5Hello"), S("fail 1009")},
    {"10.4 65536",                BOTH, S("\x82\x7f\0\0\0\0\0\1\0\0"), S("fail 1009")},
    {"10.4 the most",             BOTH, S("\x82\x7e\1\x2c" A100 A100 A100),
                                  S("binary(#300 279e8f01)")},
    {"10.4 one too many",         BOTH, S("\x82\x7e\1\x2d"), S("fail 1009")},
    {"10.4 the most in parts",    BOTH, S("\2\x64" A100 "\x89\1p\0\x7e\0\xc7" A100 A25 A25 A25
                                          "aaaaaaaaaaaaaaaaaaaaaaaa\x89\1q\x80\1a"),
                                  S("ping(p) ping(q) binary(#300 279e8f01)")},
    {"10.4 parts too many",       BOTH, S("\2\x64" A100 "\0\x64" A100 "\x80\x65"), S("fail 1009")},
    {"10.4 parts near 2^32",      BOTH, S("\2\1a\0\x7f\0\0\0\0\xff\xff\xff\xff"), S("fail 1009")},

    // UTF-8; the classic sequences follow in a table of their own
    {"5.6 text in UTF-8",         BOTH, S("\x81\xe" "h\xc3\xa9 \xe2\x82\xac \xf0\x9f\xa6\x9e !"),
                                  S("text(h\xc3\xa9 \xe2\x82\xac \xf0\x9f\xa6\x9e !)")},
    {"5.6 character in two",      BOTH, S("\1\2h\xc3\x80\1\xa9"), S("text(h\xc3\xa9)")},
    {"5.6 ping in a character",   BOTH, S("\1\1\xe2\x89\1\xff\0\1\x82\0\0\x80\1\xac"),
                                  S("ping(\xff) text(\xe2\x82\xac)")},
    {"8.1 text not UTF-8",        BOTH, S("\x81\2h\xff"), S("fail 1007")},
    {"8.1 half a character",      BOTH, S("\x81\2h\xc3"), S("fail 1007")},
    {"8.1 half, in the next",     BOTH, S("\x81\1\xc3\x81\1\xa9"), S("fail 1007")},
    {"8.1 half, at the last",     BOTH, S("\1\1\xc3\x80\0"), S("fail 1007")},
    {"8.1 early, long frame",     BOTH, S("\x81\x7e\1\0h\xff"), S("fail 1007")},
    {"8.1 early, open fragment",  BOTH, S("\1\2h\xc0"), S("fail 1007")},
    {"5.6 binary is not UTF-8",   BOTH, S("\2\1\xff\x80\1\xc3"), S("binary(\xff\xc3)")},

    // Close
    {"5.5.1 empty",               BOTH, S("\x88\0"), S("close 1005()")},
    {"5.5.1 code",                BOTH, S("\x88\2\3\xe8"), S("close 1000()")},
    {"5.5.1 reason",              BOTH, S("\x88\5\3\xe9" "bye"), S("close 1001(bye)")},
    {"5.5.1 reason of 123",       BOTH, S("\x88\x7d\3\xe8" A100 "aaaaaaaaaaaaaaaaaaaaaaa"),
                                  S("close 1000(" A100 "aaaaaaaaaaaaaaaaaaaaaaa)")},
    {"5.5 reason of 124",         BOTH, S("\x88\x7e\0\x7e\3\xe8" A100 "aaaaaaaaaaaaaaaaaaaaaaaa"),
                                  S("fail 1002")},
    {"5.5.1 half a code",         BOTH, S("\x88\1\3"), S("fail 1002")},
    {"5.5.1 reason not UTF-8",    BOTH, S("\x88\4\3\xe8\xc0\x80"), S("fail 1007")},
    {"5.5.1 reason cut off",      BOTH, S("\x88\4\3\xe8" "a\xe2"), S("fail 1007")},
    {"7.4 code first",            BOTH, S("\x88\3\3\xed\xff"), S("fail 1002")},
    {"7.4.2 code 0",              BOTH, S("\x88\2\0\0"), S("fail 1002")},
    {"7.4.1 code 1005",           BOTH, S("\x88\2\3\xed"), S("fail 1002")},
    {"7.4.1 code 1006",           BOTH, S("\x88\2\3\xee"), S("fail 1002")},
    {"5.5.1 data after close",    BOTH, S("\x88\2\3\xe8\x81\1a\x89\0\xff\xff"), S("close 1000()")},
    {"5.5.1 close after close",   BOTH, S("\x88\0\x88\2\3\xe8"), S("close 1005()")},
    {"7.1.7 data after failure",  BOTH, S("\x83\0\x81\1a\x88\0"), S("fail 1002")},
};

/* Texts, and the index of the byte at which they cannot be UTF-8 any more (RFC 3629); their
 * length for a text that ends inside a character; -1 for a good one. */
static const struct {
    cl_str text;
    int bad_at;
} texts[] = {
    {S("Hello-\xc2\xb5@\xc3\x9f\xc3\xb6\xc3\xa4-UTF-8!!"), -1},
    {S("\xce\xba\xe1\xbd\xb9\xcf\x83\xce\xbc\xce\xb5"), -1},
    // A good beginning, then a surrogate or a code point too large, then more text
    {S("\xce\xba\xe1\xbd\xb9\xcf\x83\xce\xbc\xce\xb5\xed\xa0\x80" "edited"), 12},
    {S("\xce\xba\xe1\xbd\xb9\xcf\x83\xce\xbc\xce\xb5\xf4\x90\x80\x80" "edited"), 12},
    // First and last of each length
    {S("\0"), -1}, {S("\x7f"), -1},
    {S("\xc2\x80"), -1}, {S("\xdf\xbf"), -1},
    {S("\xe0\xa0\x80"), -1}, {S("\xef\xbf\xbf"), -1},
    {S("\xf0\x90\x80\x80"), -1}, {S("\xf4\x8f\xbf\xbf"), -1},
    {S("\xf4\x90\x80\x80"), 1}, {S("\xf7\xbf\xbf\xbf"), 0},
    // Five and six bytes
    {S("\xf8\x88\x80\x80\x80"), 0}, {S("\xfb\xbf\xbf\xbf\xbf"), 0},
    {S("\xfc\x84\x80\x80\x80\x80"), 0}, {S("\xfd\xbf\xbf\xbf\xbf\xbf"), 0},
    // Around the surrogates, and the replacement character
    {S("\xed\x9f\xbf"), -1}, {S("\xee\x80\x80"), -1}, {S("\xef\xbf\xbd"), -1},
    // Continuation bytes alone
    {S("\x80"), 0}, {S("\xbf"), 0}, {S("\x80\xbf\x80\xbf"), 0}, {S("a\x80"), 1},
    // First bytes alone, then a space
    {S("\xc0 "), 0}, {S("\xc1 "), 0}, {S("\xc2 \xc3 "), 1}, {S("\xdf "), 1},
    {S("\xe0 \xe1 "), 1}, {S("\xef "), 1}, {S("\xf0 \xf1 "), 1}, {S("\xf4 "), 1},
    {S("\xf5 "), 0}, {S("\xf8 "), 0}, {S("\xfc "), 0},
    // The last byte missing
    {S("\xc2"), 1}, {S("\xe0\xa0"), 2}, {S("\xf0\x90\x80"), 3}, {S("\xef\xbf"), 2},
    {S("\xf4\x8f\xbf"), 3}, {S("\xce\xba\xe1\xbd"), 4},
    {S("\xc3\xe0\xa0\xf0\x90\x80"), 1},
    // Bytes that never occur
    {S("\xfe"), 0}, {S("\xff"), 0}, {S("\xfe\xfe\xff\xff"), 0},
    // A slash, too long
    {S("\xc0\xaf"), 0}, {S("\xe0\x80\xaf"), 1}, {S("\xf0\x80\x80\xaf"), 1},
    {S("\xf8\x80\x80\x80\xaf"), 0}, {S("\xfc\x80\x80\x80\x80\xaf"), 0},
    // The largest of each length, one byte too long; NUL, too long
    {S("\xc1\xbf"), 0}, {S("\xe0\x9f\xbf"), 1}, {S("\xf0\x8f\xbf\xbf"), 1},
    {S("\xc0\x80"), 0}, {S("\xe0\x80\x80"), 1}, {S("\xf0\x80\x80\x80"), 1},
    // Surrogates, single and in pairs
    {S("\xed\xa0\x80"), 1}, {S("\xed\xad\xbf"), 1}, {S("\xed\xae\x80"), 1}, {S("\xed\xaf\xbf"), 1},
    {S("\xed\xb0\x80"), 1}, {S("\xed\xbf\xbf"), 1}, {S("\xed\xa0\x80\xed\xb0\x80"), 1},
    {S("\xed\xaf\xbf\xed\xbf\xbf"), 1},
    // Noncharacters are characters here
    {S("\xef\xb7\x90"), -1}, {S("\xef\xbf\xbe"), -1}, {S("\xf0\x9f\xbf\xbe"), -1},
    {S("\xf4\x8f\xbf\xbe"), -1},
};
// clang-format on

/* The row's frames as a client sends them: with a mask behind each length. Stops where the
 * row does. Returns the length. */
static size_t
mask_frames(cl_str frames, char *masked)
{
    static const uint8_t mask[CL_WS_MASK_BYTES] = {0x37, 0xfa, 0x21, 0x3d};
    const uint8_t *in = (const uint8_t *)frames.ptr;
    size_t at = 0, out = 0;
    while (at < frames.len) {
        size_t left = frames.len - at;
        size_t marker = left < 2 ? 0 : in[at + 1] & 0x7f;
        size_t head = marker == 126 ? 4 : marker == 127 ? 10 : 2;
        size_t len = head > 2 ? 0 : marker;
        for (size_t i = 0; i < head && i < left; i++) {
            masked[out++] = (char)(in[at + i] | (i == 1 ? 0x80 : 0));
            len = i < 2 ? len : len << 8 | in[at + i];
        }
        if (left < head)
            return out;
        memcpy(masked + out, mask, sizeof mask);
        out += sizeof mask;
        at += head;
        for (size_t i = 0; i < len && at < frames.len; i++)
            masked[out++] = (char)(in[at++] ^ mask[i % sizeof mask]);
    }
    return out;
}

/* Decodes in pieces of `step` bytes, the first one of `first`. */
static void
check_cut(enum cl_ws_role role, cl_str bytes, size_t first, size_t step, cl_str want)
{
    static struct ws_trace trace;
    ws_trace_init(&trace, role, MESSAGE_MAX);
    ws_trace_feed(&trace, cl_str_part(bytes, 0, first));
    for (size_t at = first; at < bytes.len; at += step)
        ws_trace_feed(&trace, cl_str_part(bytes, at, step));
    ws_trace_done(&trace);
    CHECK_STR(ws_trace_str(&trace), want);
}

static void
check_cuts(enum cl_ws_role role, cl_str bytes, cl_str want)
{
    for (size_t first = 0; first <= bytes.len; first++)
        check_cut(role, bytes, first, bytes.len, want);
    check_cut(role, bytes, 1, 1, want);
}

TEST(every_case_of_the_rfc_gives_its_events_however_it_is_cut)
{
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        const struct row *row = &rows[i];
        char masked[2048];
        test_note("%s", row->section);
        if (row->who != SERVER)
            check_cuts(CL_WS_CLIENT, row->bytes, row->want);
        if (row->who == SERVER)
            check_cuts(CL_WS_SERVER, row->bytes, row->want);
        if (row->who == BOTH)
            check_cuts(CL_WS_SERVER, cl_str_of(masked, mask_frames(row->bytes, masked)), row->want);
    }
}

/* Frames of at most `size` bytes each. Returns the length; *ret_heads is that of one head. */
static size_t
fragment(cl_str text, size_t size, char *frames)
{
    size_t out = 0, at = 0;
    do {
        cl_str part = cl_str_part(text, at, size);
        frames[out++] = (char)((at == 0 ? CL_WS_TEXT : 0) | (at + part.len == text.len ? 0x80 : 0));
        frames[out++] = (char)part.len;
        memcpy(frames + out, part.ptr, part.len);
        out += part.len;
        at += part.len;
    } while (at < text.len);
    return out;
}

TEST(every_text_passes_or_fails_however_it_is_fragmented_and_cut)
{
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        cl_str text = texts[i].text;
        char want[128] = "fail 1007";
        size_t want_len = strlen(want);
        test_note("text %zu", i);
        if (texts[i].bad_at < 0) {
            memcpy(want, "text(", 5);
            memcpy(want + 5, text.ptr, text.len);
            want[5 + text.len] = ')';
            want_len = text.len + 6;
        }
        for (size_t size = 1; size <= text.len; size++) {
            char frames[256], masked[1024];
            cl_str bytes = cl_str_of(frames, fragment(text, size, frames));
            check_cuts(CL_WS_CLIENT, bytes, cl_str_of(want, want_len));
            check_cuts(CL_WS_SERVER, cl_str_of(masked, mask_frames(bytes, masked)),
                       cl_str_of(want, want_len));
        }
    }
}

TEST(a_bad_byte_fails_at_once_in_the_middle_of_a_frame)
{
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        static struct ws_trace trace;
        cl_str text = texts[i].text;
        int failed_at = -1;
        test_note("text %zu", i);
        ws_trace_init(&trace, CL_WS_CLIENT, MESSAGE_MAX);
        ws_trace_feed(&trace, CL_STR("\x01\x7d")); // 125 bytes, not final: the end never comes
        for (size_t at = 0; at < text.len && trace.len == 0; at++) {
            ws_trace_feed(&trace, cl_str_part(text, at, 1));
            failed_at = trace.len == 0 ? -1 : (int)at;
        }
        ws_trace_done(&trace);
        CHECK_INT(failed_at, texts[i].bad_at == (int)text.len ? -1 : texts[i].bad_at);
    }
}

TEST(a_bad_head_fails_at_its_first_bad_byte)
{
    static const struct {
        cl_str bytes;
        cl_str want;
    } heads[] = {
        {S("\xc1"), S("fail 1002")},                       // reserved bit
        {S("\x83"), S("fail 1002")},                       // reserved opcode
        {S("\x80"), S("fail 1002")},                       // nothing to continue
        {S("\x09"), S("fail 1002")},                       // fragmented ping
        {S("\x81\x80"), S("fail 1002")},                   // masked by a server
        {S("\x89\x7e"), S("fail 1002")},                   // long ping
        {S("\x81\x7e\0\x7d"), S("fail 1002")},             // not minimal
        {S("\x82\x7f\x80\0\0\0\0\0\0\0"), S("fail 1002")}, // 64 bits
        {S("\x82\x7f\0\0\1\0\0\0\0\0"), S("fail 1009")},   // 1 TiB
        {S("\x02\x01z\x80\x7e\1\x2c"), S("fail 1009")},    // 300 after 1
    };
    for (size_t i = 0; i < sizeof heads / sizeof heads[0]; i++) {
        test_note("head %zu", i);
        check_cut(CL_WS_CLIENT, cl_str_part(heads[i].bytes, 0, heads[i].bytes.len - 1), 0, 1,
                  CL_STR(""));
        check_cuts(CL_WS_CLIENT, heads[i].bytes, heads[i].want);
    }
}

TEST(a_close_frame_takes_the_codes_of_the_registry_and_no_others)
{
    for (unsigned code = 0; code <= UINT16_MAX; code++) {
        bool is_local = code == 1004 || code == 1005 || code == 1006 || code == 1015;
        bool good = code >= 1000 && code < 5000 && !is_local && (code < 1016 || code >= 3000);
        char frame[] = {'\x88', '\x02', (char)(code >> 8), (char)(code & 0xff)};
        struct cl_ws_decoder decoder;
        cl_ws_decoder_init(&decoder, CL_WS_CLIENT, MESSAGE_MAX);
        struct cl_ws_event event = cl_ws_decode(&decoder, frame, sizeof frame);
        test_note("code %u", code);
        CHECK_INT(event.kind, good ? CL_WS_EVENT_CLOSE : CL_WS_EVENT_FAILED);
        CHECK_INT(event.code, good ? code : CL_WS_CLOSE_PROTOCOL);
        cl_ws_decoder_done(&decoder);
    }
}
