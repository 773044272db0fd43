// SPDX-License-Identifier: MIT
#include "base/hash.h"

#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <string.h>

#include "support/test.h"

/* Key 00..0f and input 00..n-1 of the published test vectors. */
static cl_hash_key vector_key;
static char vector_input[256];

static void
make_vectors(void)
{
    for (unsigned i = 0; i < sizeof vector_key.bytes; i++)
        vector_key.bytes[i] = (uint8_t)i;
    for (unsigned i = 0; i < sizeof vector_input; i++)
        vector_input[i] = (char)i;
}

static void
check_long(size_t len, const char *want)
{
    cl_hash128 hash = cl_hash_long(&vector_key, cl_str_of(vector_input, len));
    CHECK_STR(cl_str_of(hash.bytes, sizeof hash.bytes), cl_str_of(want, 16));
}

TEST(the_128_bit_form_gives_the_published_values)
{
    make_vectors();
    check_long(0, "\xa3\x81\x7f\x04\xba\x25\xa8\xe6\x6d\xf6\x72\x14\xc7\x55\x02\x93");
    check_long(1, "\xda\x87\xc1\xd8\x6b\x99\xaf\x44\x34\x76\x59\x11\x9b\x22\xfc\x45");
    check_long(15, "\x54\x93\xe9\x99\x33\xb0\xa8\x11\x7e\x08\xec\x0f\x97\xcf\xc3\xd9");
    check_long(63, "\x51\x50\xd1\x77\x2f\x50\x83\x4a\x50\x3e\x06\x9a\x97\x3f\xbd\x7c");
}

/* By OpenSSL's SipHash, which takes any number of rounds. */
static void
check_siphash(unsigned c_rounds, unsigned d_rounds, cl_str bytes, cl_str want)
{
    EVP_MAC *mac = EVP_MAC_fetch(NULL, "SIPHASH", NULL);
    EVP_MAC_CTX *ctx = EVP_MAC_CTX_new(mac);
    size_t len = want.len;
    unsigned char out[16];
    OSSL_PARAM params[] = {OSSL_PARAM_construct_size_t(OSSL_MAC_PARAM_SIZE, &len),
                           OSSL_PARAM_construct_uint(OSSL_MAC_PARAM_C_ROUNDS, &c_rounds),
                           OSSL_PARAM_construct_uint(OSSL_MAC_PARAM_D_ROUNDS, &d_rounds),
                           OSSL_PARAM_construct_end()};
    CHECK(EVP_MAC_init(ctx, vector_key.bytes, sizeof vector_key.bytes, params) == 1);
    CHECK(EVP_MAC_update(ctx, (const unsigned char *)bytes.ptr, bytes.len) == 1);
    CHECK(EVP_MAC_final(ctx, out, &len, sizeof out) == 1);
    CHECK_STR(cl_str_of(out, len), want);
    EVP_MAC_CTX_free(ctx);
    EVP_MAC_free(mac);
}

static uint64_t
little_endian(uint64_t number)
{
    uint64_t bytes = 0;
    uint8_t *at = (uint8_t *)&bytes;
    for (unsigned i = 0; i < 8; i++)
        at[i] = (uint8_t)(number >> (8 * i));
    return bytes;
}

TEST(all_forms_agree_with_openssl_at_each_length)
{
    make_vectors();
    for (size_t len = 0; len < sizeof vector_input; len++) {
        cl_str bytes = cl_str_of(vector_input, len);
        uint64_t short_hash = little_endian(cl_hash_short(&vector_key, bytes));
        cl_hash128 hash128 = cl_hash_long(&vector_key, bytes);
        test_note("%zu bytes", len);
        check_siphash(1, 3, bytes, cl_str_of(&short_hash, 8));
        check_siphash(2, 4, bytes, cl_str_of(hash128.bytes, 16));
    }
}

TEST(each_bit_of_the_key_counts)
{
    make_vectors();
    uint64_t before = cl_hash_short(&vector_key, CL_STR("name"));
    for (unsigned bit = 0; bit < 128; bit++) {
        cl_hash_key other = vector_key;
        other.bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
        CHECK(cl_hash_short(&other, CL_STR("name")) != before);
    }
}
