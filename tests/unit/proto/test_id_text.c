// SPDX-License-Identifier: MIT
#include "proto/id_text.h"

#include "support/test.h"

TEST(an_id_is_read_as_it_is_written)
{
    const cl_id id = {{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15}};
    char text[CL_ID_TEXT_CAP];
    cl_id read = {{0}};
    cl_id_text(id, text);
    CHECK_STR(cl_str_z(text), CL_STR("AAECAwQFBgcICQoLDA0ODw"));
    CHECK(cl_id_from_text(cl_str_z(text), &read) && cl_id_eq(id, read));
}

TEST(what_is_no_id_is_refused)
{
    static const char *const texts[] = {"",
                                        "AAECAwQFBgcICQoLDA0OD",
                                        "AAECAwQFBgcICQoLDA0ODwA",
                                        "AAECAwQFBgcICQoLDA0ODx",
                                        "AAECAwQFBgcICQoLDA0OD=",
                                        "AAAAAAAAAAAAAAAAAAAAAA",
                                        "000102030405"};
    cl_id id = {{7}};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        test_note("%s", texts[i]);
        CHECK(!cl_id_from_text(cl_str_z(texts[i]), &id));
        CHECK_INT(id.bytes[0], 7);
    }
}
