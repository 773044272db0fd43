// SPDX-License-Identifier: MIT
#include "cli/wanted.h"

#include <string.h>

#include "support/test.h"

static struct cl_why why;

static cl_id
id_of(const char *text)
{
    cl_id id;
    CHECK(cl_id_from_text(cl_str_z(text), &id));
    return id;
}

/* Is that message what somebody means who types this? */
static bool
means(const char *typed, const char *id)
{
    struct cl_wanted wanted;
    test_note("%s %s", typed, id);
    CHECK_OK(cl_wanted_read(cl_str_z(typed), &wanted, &why));
    return cl_wanted_meet(&wanted, id_of(id));
}

TEST(a_message_is_called_by_its_id_its_beginning_or_as_v1_shows_it)
{
    CHECK(means("AAECAwQFBgcICQoLDA0ODw", "AAECAwQFBgcICQoLDA0ODw"));
    CHECK(means("AAEC", "AAECAwQFBgcICQoLDA0ODw"));
    CHECK(means("AAECAwQFBgcICQoLDA0OD", "AAECAwQFBgcICQoLDA0ODw"));
    CHECK(means("000102030405", "AAECAwQFBgcICQoLDA0ODw"));
    CHECK(means("DADADADADADA", "2trQ2trQBgcICQoLDA0ODw") == false);
    CHECK(means("abcdefABCDEF", "q83vq83vBgcICQoLDA0ODw")); // digits of either case
    CHECK(means("abcdefABCDEF", "abcdefABCDEFCQoLDA0ODw")); // and letters of an id
    CHECK(!means("AAECAwQFBgcICQoLDA0ODw", "AAECAwQFBgcICQoLDA0OCg"));
    CHECK(!means("aaec", "AAECAwQFBgcICQoLDA0ODw"));
    CHECK(!means("000102030406", "AAECAwQFBgcICQoLDA0ODw"));
}

TEST(what_no_message_could_be_called_is_refused)
{
    static const char *const words[] = {"",
                                        "AAE",
                                        "AA.C",
                                        "AA/C",
                                        "AA C",
                                        "AAEC\xc3\xa4",
                                        "AAECAwQFBgcICQoLDA0ODx",
                                        "AAAAAAAAAAAAAAAAAAAAAA",
                                        "AAECAwQFBgcICQoLDA0ODwA",
                                        "mini/otto"};
    struct cl_wanted wanted;
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
        test_note("%s", words[i]);
        CHECK_INT(cl_wanted_read(cl_str_z(words[i]), &wanted, &why), CL_ERR_USAGE);
        CHECK(strstr(why.text, "22 characters") != NULL);
    }
}

TEST(a_beginning_of_several_messages_means_none_of_them)
{
    struct cl_wanted wanted;
    CHECK_OK(cl_wanted_read(CL_STR("AAEC"), &wanted, &why));
    CHECK_INT(cl_wanted_check(&wanted, "here", &why), CL_ERR_NOT_FOUND);
    CHECK(strstr(why.text, "No message here is called \"AAEC\"") != NULL);
    CHECK(!cl_wanted_meet(&wanted, id_of("BAECAwQFBgcICQoLDA0ODw")));
    CHECK(cl_wanted_meet(&wanted, id_of("AAECAwQFBgcICQoLDA0ODw")));
    CHECK(cl_wanted_meet(&wanted, id_of("AAECAwQFBgcICQoLDA0ODw"))); // in another list
    CHECK_OK(cl_wanted_check(&wanted, "here", &why));
    CHECK(cl_wanted_meet(&wanted, id_of("AAECAwQFBgcICQoLDA0OCg")));
    CHECK_INT(cl_wanted_check(&wanted, "here", &why), CL_ERR_AMBIGUOUS);
    CHECK(strstr(why.text, "Several messages begin with \"AAEC\"") != NULL);
}

TEST(a_whole_id_needs_no_list)
{
    struct cl_wanted wanted;
    CHECK_OK(cl_wanted_read(CL_STR("AAECAwQFBgcICQoLDA0ODw"), &wanted, &why));
    CHECK_OK(cl_wanted_check(&wanted, "here", &why));
    CHECK(wanted.is_whole && !wanted.is_found);
}
