// SPDX-License-Identifier: MIT
#include "client/blob.h"

#include "support/test.h"

TEST(a_blob_is_called_by_its_sha_256)
{
    char name[CL_BLOB_NAME_CAP];
    cl_digest digest;
    CHECK_OK(cl_blob_digest(CL_STR("abc"), &digest)); // FIPS 180-4, appendix B.1
    cl_blob_name(&digest, name);
    CHECK_STR(cl_str_z(name),
              CL_STR("ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"));
}
