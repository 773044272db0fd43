// SPDX-License-Identifier: MIT
/* tests/golden/v2/base64url.txt has lines of bytes in hex, a space and their text. */
#include "wire/base64url.h"

#include <stdio.h>
#include <string.h>

#include "support/fault.h"
#include "support/test.h"

#define GOLDEN     "tests/golden/v2/base64url.txt"
#define GOLDEN_CAP 8192

static cl_str
unhex(cl_str hex, char *space)
{
    for (size_t i = 0; i < hex.len / 2; i++)
        space[i] =
            (char)(cl_str_hex_digit(hex.ptr[2 * i]) << 4 | cl_str_hex_digit(hex.ptr[2 * i + 1]));
    return cl_str_of(space, hex.len / 2);
}

static void
check_pair(cl_str bytes, cl_str text)
{
    char space[GOLDEN_CAP];
    cl_str got = CL_STR("untouched");
    cl_base64url_encode(bytes, space);
    CHECK_STR(cl_str_of(space, CL_BASE64URL_LEN(bytes.len)), text);
    CHECK(cl_base64url_is_valid(text));
    CHECK_INT(cl_base64url_bytes(text), bytes.len);
    CHECK_OK(cl_base64url_decode(text, space, bytes.len, &got));
    CHECK_STR(got, bytes);
}

TEST(each_line_of_the_golden_file_goes_both_ways)
{
    static char file_text[GOLDEN_CAP];
    char space[GOLDEN_CAP];
    unsigned lines = 0;
    FILE *file = fopen(GOLDEN, "rb");
    CHECK(file != NULL);
    cl_str rest = cl_str_of(file_text, fread(file_text, 1, sizeof file_text, file));
    (void)fclose(file); // only read
    CHECK(rest.len < sizeof file_text);
    for (; rest.len > 0; lines++) {
        cl_str line, hex, text;
        test_note("line %u", lines + 1);
        CHECK(cl_str_split(rest, '\n', &line, &rest));
        CHECK(cl_str_split(line, ' ', &hex, &text));
        check_pair(unhex(hex, space), text);
    }
    CHECK(lines > 20);
}

// RFC 4648 section 10, without the padding
TEST(the_vectors_of_the_rfc_hold)
{
    check_pair(CL_STR(""), CL_STR(""));
    check_pair(CL_STR("f"), CL_STR("Zg"));
    check_pair(CL_STR("fo"), CL_STR("Zm8"));
    check_pair(CL_STR("foo"), CL_STR("Zm9v"));
    check_pair(CL_STR("foob"), CL_STR("Zm9vYg"));
    check_pair(CL_STR("fooba"), CL_STR("Zm9vYmE"));
    check_pair(CL_STR("foobar"), CL_STR("Zm9vYmFy"));
    check_pair(CL_STR("\xfb\xff\xbf"), CL_STR("-_-_"));
}

TEST(what_is_not_canonical_is_refused)
{
    static const cl_str bad[] = {
        CL_STR_INIT("Z"),           // 6 bits
        CL_STR_INIT("Zm9vY"),       // the same behind others
        CL_STR_INIT("Zg=="),        // section 3.2: padding
        CL_STR_INIT("Zm8="),        // the same
        CL_STR_INIT("===="),        // nothing but padding
        CL_STR_INIT("Zh"),          // section 3.5: a set bit behind the byte
        CL_STR_INIT("Zv"),          // another
        CL_STR_INIT("Zm9"),         // behind two bytes
        CL_STR_INIT("-_+_"),        // section 4's alphabet
        CL_STR_INIT("-_/_"),        // the same
        CL_STR_INIT("Zm9v\n"),      // section 3.3: white space
        CL_STR_INIT(" Zm9"),        // the same
        CL_STR_INIT("Zm\r\nv"),     // the same
        CL_STR_INIT("Zm9\0"),       // NUL
        CL_STR_INIT("Zm9\xc3"),     // beyond ASCII
        CL_STR_INIT("Zm9v.Zm9v"),   // a JWS is three texts
        CL_STR_INIT("@[`{"),        // beside the letters
        CL_STR_INIT("Zm9vYm%3D"),   // of a URL
        CL_STR_INIT("Zm9vYm\\u46"), // of JSON
    };
    char space[16];
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        cl_str got = CL_STR("untouched");
        test_note("row %zu", i);
        CHECK(!cl_base64url_is_valid(bad[i]));
        CHECK_INT(cl_base64url_decode(bad[i], space, sizeof space, &got), CL_ERR_MALFORMED);
        CHECK_STR(got, CL_STR("untouched"));
    }
}

/* Of all texts of two characters exactly 256 are valid, one for each byte. */
TEST(each_byte_has_one_text)
{
    unsigned valid = 0;
    for (unsigned i = 0; i < 0x10000; i++) {
        char text[2] = {(char)(i >> 8), (char)(i & 0xff)}, byte[1], again[2];
        cl_str got;
        if (cl_base64url_decode(cl_str_of(text, 2), byte, 1, &got) != CL_OK)
            continue;
        valid++;
        cl_base64url_encode(got, again);
        CHECK(memcmp(text, again, 2) == 0);
    }
    CHECK_INT(valid, 256);
}

TEST(a_longer_text_than_there_is_room_for_is_refused)
{
    char space[4] = "abc";
    cl_str got = CL_STR("untouched");
    CHECK_INT(cl_base64url_decode(CL_STR("Zm9v"), space, 2, &got), CL_ERR_TOO_LARGE);
    CHECK_STR(got, CL_STR("untouched"));
    CHECK_STR(cl_str_z(space), CL_STR("abc"));
    CHECK_OK(cl_base64url_decode(CL_STR(""), NULL, 0, &got));
    CHECK_INT(got.len, 0);
}

TEST(decoding_may_overwrite_its_input)
{
    char text[] = "Zm9vYmFy";
    cl_str got;
    CHECK_OK(cl_base64url_decode(cl_str_z(text), text, sizeof text, &got));
    CHECK_STR(got, CL_STR("foobar"));
}

TEST(appending_has_the_refusals_of_the_buffer)
{
    FOR_EACH_FAULT
    {
        struct cl_buf buf;
        cl_buf_init(&buf, 8);
        enum cl_err err = cl_base64url_append(&buf, CL_STR("foobar"));
        CHECK_INT(err, fault_happened() ? CL_ERR_NO_MEMORY : CL_OK);
        CHECK_STR(cl_buf_str(&buf), fault_happened() ? CL_STR("") : CL_STR("Zm9vYmFy"));
        cl_buf_done(&buf);
    }
    struct cl_buf buf;
    cl_buf_init(&buf, 7);
    CHECK_INT(cl_base64url_append(&buf, CL_STR("foobar")), CL_ERR_TOO_LARGE);
    CHECK_INT(buf.len, 0);
    cl_buf_done(&buf);
}
