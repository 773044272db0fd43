// SPDX-License-Identifier: MIT
#include "client/blob.h"

#include "support/test.h"

TEST(a_blob_is_called_by_its_sha_256)
{
    char name[CL_DIGEST_TEXT_LEN];
    cl_digest digest;
    CHECK_OK(cl_digest_of(CL_STR("abc"), &digest)); // FIPS 180-4, appendix B.1
    cl_digest_text(&digest, name);
    CHECK_STR(cl_str_of(name, sizeof name),
              CL_STR("ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"));
}
