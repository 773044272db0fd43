// SPDX-License-Identifier: MIT
/* Signatures of envelopes with a group's secret: RFC 7515, and what does not pass for one. */
#include "trust/group.h"

#include <stdio.h>

#include "support/test.h"
#include "trust/agent_link_sign.h"
#include "unit/proto/v2_golden.h"
#include "wire/base64url.h"

#define SECRET "your-strong-secret-key"

static struct cl_hmac *
group_of(cl_str secret)
{
    struct cl_secret bytes;
    CHECK_OK(cl_secret_init(&bytes, secret));
    struct cl_hmac *key = cl_group_key(&bytes);
    CHECK(key != NULL);
    cl_secret_done(&bytes);
    return key;
}

TEST(a_signature_is_that_of_rfc_7515_appendix_a_1)
{
    static const cl_str key64 = CL_STR_INIT("AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1qS0gZH75"
                                            "aKtMN3Yj0iPS4hcgUuTwjAzZr1Z9CAow");
    static const cl_str protected = CL_STR_INIT("eyJ0eXAiOiJKV1QiLA0KICJhbGciOiJIUzI1NiJ9");
    static const cl_str payload =
        CL_STR_INIT("eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFt"
                    "cGxlLmNvbS9pc19yb290Ijp0cnVlfQ");
    static const cl_str want = CL_STR_INIT("dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk");
    char bytes[64], signature[CL_GROUP_SIGNATURE_LEN];
    cl_str raw;
    CHECK_OK(cl_base64url_decode(key64, bytes, sizeof bytes, &raw));
    struct cl_hmac *key = cl_hmac_new(raw);
    CHECK(key != NULL);
    CHECK_OK(cl_group_sign(key, protected, payload, signature));
    CHECK_STR(cl_str_of(signature, sizeof signature), want);
    CHECK_OK(cl_group_verify(key, protected, payload, want));
    cl_hmac_free(key);
}

TEST(the_key_is_derived_from_the_secret)
{
    char signature[CL_GROUP_SIGNATURE_LEN];
    struct cl_hmac *key = group_of(CL_STR(SECRET));
    CHECK_OK(cl_group_sign(key, CL_STR("eyJ9"), CL_STR(""), signature));
    CHECK_STR(cl_str_of(signature, sizeof signature),
              CL_STR("aY2MMBfP8_vNGfKEPnporY1_QGaWH45UEy8LGUnQLng"));
    cl_hmac_free(key);
}

TEST(the_golden_envelope_is_signed_so)
{
    struct golden_reader golden;
    struct cl_envelope envelope;
    struct cl_envelope_header header;
    struct cl_why why;
    char made[CL_GROUP_SIGNATURE_LEN];
    struct cl_hmac *key = group_of(CL_STR(SECRET));
    golden_reader_init(&golden);
    CHECK_OK(cl_envelope_decode(&golden.reader, golden_read("envelope.signed", ".json"), &envelope,
                                &header, &why));
    CHECK_INT(header.alg, CL_ENVELOPE_HS256);
    CHECK_OK(cl_group_verify(key, envelope.protected, envelope.payload, envelope.signature));
    CHECK_OK(cl_group_sign(key, envelope.protected, envelope.payload, made));
    CHECK_STR(cl_str_of(made, sizeof made), envelope.signature);
    golden_reader_done(&golden);
    cl_hmac_free(key);
}

TEST(what_was_altered_is_refused)
{
    char made[CL_GROUP_SIGNATURE_LEN];
    struct cl_hmac *key = group_of(CL_STR(SECRET)), *other = group_of(CL_STR("another"));
    cl_str signature = cl_str_of(made, sizeof made);
    CHECK_OK(cl_group_sign(key, CL_STR("eyJh"), CL_STR("eA"), made));
    CHECK_OK(cl_group_verify(key, CL_STR("eyJh"), CL_STR("eA"), signature));
    CHECK_INT(cl_group_verify(other, CL_STR("eyJh"), CL_STR("eA"), signature), CL_ERR_UNAUTHORIZED);
    CHECK_INT(cl_group_verify(key, CL_STR("eyJi"), CL_STR("eA"), signature), CL_ERR_UNAUTHORIZED);
    CHECK_INT(cl_group_verify(key, CL_STR("eyJh"), CL_STR("eQ"), signature), CL_ERR_UNAUTHORIZED);
    CHECK_INT(cl_group_verify(key, CL_STR("eyJh"), CL_STR(""), signature), CL_ERR_UNAUTHORIZED);
    // The dot stands where it was signed.
    CHECK_INT(cl_group_verify(key, CL_STR("eyJheA"), CL_STR(""), signature), CL_ERR_UNAUTHORIZED);
    CHECK_INT(cl_group_verify(key, CL_STR("ey"), CL_STR("JheA"), signature), CL_ERR_UNAUTHORIZED);
    for (size_t i = 0; i < sizeof made; i++) {
        char was = made[i];
        made[i] = was == 'A' ? 'B' : 'A';
        CHECK_INT(cl_group_verify(key, CL_STR("eyJh"), CL_STR("eA"), signature),
                  CL_ERR_UNAUTHORIZED);
        made[i] = was;
    }
    cl_hmac_free(key);
    cl_hmac_free(other);
}

TEST(a_signature_is_32_bytes_in_the_one_spelling)
{
    char made[CL_GROUP_SIGNATURE_LEN + 1];
    struct cl_hmac *key = group_of(CL_STR(SECRET));
    CHECK_OK(cl_group_sign(key, CL_STR("eyJh"), CL_STR("eA"), made));
    for (size_t len = 0; len < CL_GROUP_SIGNATURE_LEN; len++)
        CHECK_INT(cl_group_verify(key, CL_STR("eyJh"), CL_STR("eA"), cl_str_of(made, len)),
                  CL_ERR_UNAUTHORIZED);
    for (unsigned i = 0; i < 3; i++) { // padded, one character more, a line feed
        made[CL_GROUP_SIGNATURE_LEN] = "=A\n"[i];
        CHECK_INT(cl_group_verify(key, CL_STR("eyJh"), CL_STR("eA"), cl_str_of(made, sizeof made)),
                  CL_ERR_UNAUTHORIZED);
    }
    // The last character carries two bits that mean nothing, and are zero.
    made[CL_GROUP_SIGNATURE_LEN - 1] = (char)(made[CL_GROUP_SIGNATURE_LEN - 1] + 1);
    CHECK_INT(
        cl_group_verify(key, CL_STR("eyJh"), CL_STR("eA"), cl_str_of(made, CL_GROUP_SIGNATURE_LEN)),
        CL_ERR_UNAUTHORIZED);
    cl_hmac_free(key);
}

TEST(a_signature_that_ends_in_a_zero_is_not_one_without_it)
{
    char made[CL_GROUP_SIGNATURE_LEN], shorter[CL_BASE64URL_LEN(31)], text[8];
    struct cl_hmac *key = group_of(CL_STR(SECRET));
    cl_digest mac = {{[31] = 1}};
    cl_str payload = {0}, bytes;
    for (unsigned i = 0; mac.bytes[31] != 0; i++) {
        payload = cl_str_of(text, (size_t)snprintf(text, sizeof text, "%u", i));
        CHECK_OK(cl_group_sign(key, CL_STR("eyJh"), payload, made));
        CHECK_OK(cl_base64url_decode(cl_str_of(made, sizeof made), (char *)mac.bytes, 32, &bytes));
    }
    cl_base64url_encode(cl_str_of(mac.bytes, 31), shorter);
    CHECK_OK(cl_group_verify(key, CL_STR("eyJh"), payload, cl_str_of(made, sizeof made)));
    CHECK_INT(cl_group_verify(key, CL_STR("eyJh"), payload, cl_str_of(shorter, sizeof shorter)),
              CL_ERR_UNAUTHORIZED);
    cl_hmac_free(key);
}

/* A name may have a dot, so that the text of a frame can be cut in two as an envelope's is. */
TEST(no_code_of_an_old_frame_passes_for_an_envelope_nor_the_other_way_round)
{
    const struct cl_agent_link_signed text = {CL_STR("a.b/c"), CL_STR("d/e"), CL_STR("hello")};
    const cl_str protected = CL_STR("send:a"), payload = CL_STR("b/c:d/e:hello");
    char signature[CL_GROUP_SIGNATURE_LEN];
    cl_digest mac, forged;
    cl_str bytes;
    struct cl_hmac *secret = cl_hmac_new(CL_STR(SECRET));
    struct cl_hmac *key = group_of(CL_STR(SECRET));
    CHECK(secret != NULL);
    CHECK_OK(cl_agent_link_sign_send(secret, &text, &mac));
    cl_base64url_encode(cl_str_of(mac.bytes, sizeof mac.bytes), signature);
    cl_str claimed = cl_str_of(signature, sizeof signature);
    CHECK_OK(cl_group_verify(secret, protected, payload, claimed)); // with one key it would
    CHECK_INT(cl_group_verify(key, protected, payload, claimed), CL_ERR_UNAUTHORIZED);

    CHECK_OK(cl_group_sign(key, protected, payload, signature));
    CHECK_OK(cl_base64url_decode(claimed, (char *)forged.bytes, sizeof forged.bytes, &bytes));
    CHECK_INT(cl_agent_link_verify_send(secret, &text, &forged), CL_ERR_UNAUTHORIZED);
    cl_hmac_free(secret);
    cl_hmac_free(key);
}
