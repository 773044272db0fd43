// SPDX-License-Identifier: MIT
/* The examples of RFC 4231 and RFC 5869, and what a key that is kept ready has to bear. */
#include "trust/hmac.h"

#include <openssl/crypto.h>
#include <stdlib.h>

#include "base/alloc.h"
#include "support/fault.h"
#include "support/test.h"

/* -- OpenSSL allocates through base/alloc, so that FOR_EACH_FAULT reaches it ------------------- */

static void *
take(size_t size, const char *file, int line)
{
    (void)file;
    (void)line;
    return cl_alloc_raw(size);
}

static void *
take_again(void *memory, size_t size, const char *file, int line)
{
    (void)file;
    (void)line;
    return cl_realloc(memory, size);
}

static void
give(void *memory, const char *file, int line)
{
    (void)file;
    (void)line;
    cl_free(memory);
}

__attribute__((constructor)) static void
share_memory(void)
{
    if (CRYPTO_set_mem_functions(take, take_again, give) != 1)
        abort(); // OpenSSL has allocated before
}

/* -- HMAC -------------------------------------------------------------------------------------- */

static cl_str
hex_of(const void *bytes, size_t len)
{
    static char text[256];
    for (size_t i = 0; i < len; i++)
        (void)snprintf(text + 2 * i, 3, "%02x", ((const uint8_t *)bytes)[i]);
    return cl_str_z(text);
}

/* The same byte over and over. */
static cl_str
run_of(char byte, size_t len)
{
    static char bytes[2][256];
    static unsigned turn;
    char *at = bytes[turn++ % 2];
    memset(at, byte, len);
    return cl_str_of(at, len);
}

static cl_str
count_from(uint8_t first, size_t len)
{
    static uint8_t bytes[3][80];
    static unsigned turn;
    uint8_t *at = bytes[turn++ % 3];
    for (size_t i = 0; i < len; i++)
        at[i] = (uint8_t)(first + i);
    return cl_str_of(at, len);
}

static cl_str
code_of(cl_str key, cl_str text)
{
    cl_digest mac;
    struct cl_hmac *hmac = cl_hmac_new(key);
    CHECK(hmac != NULL);
    CHECK_OK(cl_hmac_of(hmac, &text, 1, &mac));
    cl_hmac_free(hmac);
    return hex_of(mac.bytes, sizeof mac.bytes);
}

TEST(codes_are_those_of_rfc_4231)
{
    CHECK_STR(code_of(run_of(0x0b, 20), CL_STR("Hi There")),
              CL_STR("b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7"));
    CHECK_STR(code_of(CL_STR("Jefe"), CL_STR("what do ya want for nothing?")),
              CL_STR("5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"));
    CHECK_STR(code_of(run_of('\xaa', 20), run_of('\xdd', 50)),
              CL_STR("773ea91e36800e46854db8ebd09181a72959098b3ef8c122d9635514ced565fe"));
    CHECK_STR(code_of(count_from(1, 25), run_of('\xcd', 50)),
              CL_STR("82558a389a443c0ea4cc819899f2083a85f0faa3e578f8077a2e3ff46729665b"));
    CHECK_STR(cl_str_part(code_of(run_of(0x0c, 20), CL_STR("Test With Truncation")), 0, 32),
              CL_STR("a3b6167473100ee06e0c796c2955552b"));
    CHECK_STR(code_of(run_of('\xaa', 131),
                      CL_STR("Test Using Larger Than Block-Size Key - Hash Key First")),
              CL_STR("60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54"));
    CHECK_STR(code_of(run_of('\xaa', 131),
                      CL_STR("This is a test using a larger than block-size key and a larger than "
                             "block-size data. The key needs to be hashed before being used by the "
                             "HMAC algorithm.")),
              CL_STR("9b09ffa71b942fcb27635fbcd5b0e944bfdc63644f0713938a7f51535c3a35e2"));
}

TEST(an_empty_key_is_a_key_and_an_empty_text_a_text)
{
    CHECK_STR(code_of(CL_STR(""), CL_STR("")),
              CL_STR("b613679a0814d9ec772f95d778c35fc5ff1697c493715653c6c712144292c5ad"));
    CHECK_STR(code_of((cl_str){NULL, 0}, (cl_str){NULL, 0}),
              CL_STR("b613679a0814d9ec772f95d778c35fc5ff1697c493715653c6c712144292c5ad"));
}

TEST(parts_are_one_text_and_a_key_serves_many)
{
    cl_digest whole, parts;
    struct cl_hmac *jefe = cl_hmac_new(CL_STR("Jefe"));
    struct cl_hmac *other = cl_hmac_new(CL_STR("Jeff"));
    cl_str text = CL_STR("what do ya want for nothing?");
    CHECK(jefe != NULL && other != NULL);
    CHECK_OK(cl_hmac_of(jefe, &text, 1, &whole));
    for (size_t at = 0; at <= text.len; at++) {
        cl_str two[] = {cl_str_part(text, 0, at), cl_str_part(text, at, text.len)};
        CHECK_OK(cl_hmac_of(other, two, 2, &parts));
        CHECK(!cl_hmac_equals(&parts, &whole));
        CHECK_OK(cl_hmac_of(jefe, two, 2, &parts));
        CHECK(cl_hmac_equals(&parts, &whole));
    }
    cl_hmac_free(jefe);
    cl_hmac_free(other);
    cl_hmac_free(NULL);
}

TEST(codes_that_differ_in_one_bit_are_not_equal)
{
    cl_digest a = {{1, 2, 3}}, b = a;
    CHECK(cl_hmac_equals(&a, &b));
    for (size_t bit = 0; bit < 8 * sizeof a; bit++) {
        b = a;
        b.bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
        CHECK(!cl_hmac_equals(&a, &b));
    }
}

TEST(without_memory_a_code_is_refused_and_the_next_one_is_right)
{
    static const char want[] = "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843";
    FOR_EACH_FAULT
    {
        cl_digest mac;
        cl_str text = CL_STR("what do ya want for nothing?");
        struct cl_hmac *hmac = cl_hmac_new(CL_STR("Jefe"));
        CHECK(hmac != NULL || fault_happened());
        for (unsigned i = 0; hmac != NULL && i < 2; i++) {
            enum cl_err err = cl_hmac_of(hmac, &text, 1, &mac);
            CHECK(err == CL_OK || (err == CL_ERR_NO_MEMORY && fault_happened()));
            if (err == CL_OK)
                CHECK_STR(hex_of(mac.bytes, sizeof mac.bytes), cl_str_z(want));
        }
        cl_hmac_free(hmac);
    }
}

/* -- HKDF -------------------------------------------------------------------------------------- */

static cl_str
derived(struct cl_hkdf from, size_t len)
{
    static uint8_t bytes[82];
    CHECK_OK(cl_hkdf(&from, bytes, len));
    return hex_of(bytes, len);
}

TEST(derived_keys_are_those_of_rfc_5869)
{
    struct cl_hkdf first = {run_of(0x0b, 22), count_from(0, 13), count_from(0xf0, 10)};
    CHECK_STR(derived(first, 42),
              CL_STR("3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf34007208d5b8"
                     "87185865"));
    struct cl_hkdf second = {count_from(0, 80), count_from(0x60, 80), count_from(0xb0, 80)};
    CHECK_STR(derived(second, 82),
              CL_STR("b11e398dc80327a1c8e7f78c596a49344f012eda2d4efad8a050cc4c19afa97c59045a99cac7"
                     "827271cb41c65e590e09da3275600c2f09b8367793a9aca3db71cc30c58179ec3e87c14c01d5"
                     "c1f3434f1d87"));
    struct cl_hkdf third = {run_of(0x0b, 22), CL_STR(""), CL_STR("")};
    CHECK_STR(derived(third, 42),
              CL_STR("8da4e775a563c18f715f802a063c5a31b8a11f5c5ee1879ec3454e5f3c738d2d9d201395faa4"
                     "b61a96c8"));
}

TEST(a_shorter_key_is_the_beginning_of_a_longer_one)
{
    struct cl_hkdf from = {.secret = CL_STR("secret"), .info = CL_STR("info")};
    uint8_t longest[CL_HKDF_BYTES_MAX], shorter[CL_HKDF_BYTES_MAX];
    CHECK_OK(cl_hkdf(&from, longest, sizeof longest));
    for (size_t len = 0; len <= 65; len++) {
        memset(shorter, 0x55, sizeof shorter);
        CHECK_OK(cl_hkdf(&from, shorter, len));
        CHECK(memcmp(shorter, longest, len) == 0);
        CHECK_INT(shorter[len], 0x55);
    }
}

TEST(without_memory_a_derived_key_is_zero)
{
    static const uint8_t zero[64];
    FOR_EACH_FAULT
    {
        uint8_t bytes[64] = {1};
        struct cl_hkdf from = {.secret = CL_STR("secret"), .info = CL_STR("info")};
        enum cl_err err = cl_hkdf(&from, bytes, sizeof bytes);
        // OpenSSL can do without some of what it asks for.
        CHECK(err == CL_OK || (err == CL_ERR_NO_MEMORY && fault_happened()));
        CHECK((memcmp(bytes, zero, sizeof bytes) == 0) == (err != CL_OK));
    }
}
