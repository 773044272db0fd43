// SPDX-License-Identifier: MIT
/*
 * The examples of FIPS 180-2 appendix B.
 */
#include "base/digest.h"

#include <stdio.h>

#include "support/test.h"

static cl_str
hex_of(cl_digest digest)
{
    static char text[65];
    for (size_t at = 0; at < sizeof digest.bytes; at++)
        (void)snprintf(text + 2 * at, 3, "%02x", digest.bytes[at]);
    return cl_str_z(text);
}

/* Of so many copies, each added by itself. */
static cl_digest
digest_of(cl_str piece, unsigned copies)
{
    struct cl_digester *digester = cl_digester_new();
    CHECK(digester != NULL);
    for (unsigned i = 0; i < copies; i++)
        cl_digester_add(digester, piece);
    cl_digest digest = cl_digester_end(digester);
    cl_digester_free(digester);
    return digest;
}

TEST(digests_are_those_of_the_standard)
{
    CHECK_STR(hex_of(digest_of(CL_STR(""), 1)),
              CL_STR("e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"));
    CHECK_STR(hex_of(digest_of(CL_STR("abc"), 1)),
              CL_STR("ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"));
    CHECK_STR(hex_of(digest_of(CL_STR("a"), 1000000)),
              CL_STR("cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0"));
}

TEST(equal_is_every_byte)
{
    cl_digest a = digest_of(CL_STR("abc"), 1);
    for (size_t at = 0; at < sizeof a.bytes; at++) {
        cl_digest b = a;
        CHECK(cl_digest_eq(&a, &b));
        b.bytes[at] ^= 1;
        CHECK(!cl_digest_eq(&a, &b));
    }
}

TEST(text_is_read_in_one_spelling_only)
{
    cl_digest digest = digest_of(CL_STR("abc"), 1), again = {{0}};
    char text[CL_DIGEST_TEXT_LEN + 1] = "";
    cl_digest_text(&digest, text);
    CHECK_STR(cl_str_z(text),
              CL_STR("ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"));
    CHECK(cl_digest_read(cl_str_z(text), &again));
    CHECK(cl_digest_eq(&again, &digest));
    CHECK(!cl_digest_read(cl_str_of(text, CL_DIGEST_TEXT_LEN - 1), &again));
    CHECK(!cl_digest_read(cl_str_of(text, CL_DIGEST_TEXT_LEN + 1), &again));
    for (size_t at = 0; at < CL_DIGEST_TEXT_LEN; at++) {
        char kept = text[at];
        for (const char *wrong = "AFGg/:`@ "; *wrong != '\0'; wrong++) {
            text[at] = *wrong;
            CHECK(!cl_digest_read(cl_str_of(text, CL_DIGEST_TEXT_LEN), &again));
        }
        text[at] = kept;
    }
    CHECK(cl_digest_eq(&again, &digest)); // untouched
}
