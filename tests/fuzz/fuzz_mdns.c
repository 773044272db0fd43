// SPDX-License-Identifier: MIT
/*
 * mDNS messages. One that opens can be walked to its end, lies within its limits, and means the
 * same when it is written anew, compressed and not.
 */
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "wire/mdns.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
check_name(const cl_mdns_name *name)
{
    cl_mdns_name rest = *name, again;
    while (rest.len > 1) {
        cl_str first = cl_mdns_name_first(&rest);
        cl_mdns_name shorter = cl_mdns_name_rest(&rest);
        CL_ASSERT(first.len >= 1 && first.len <= CL_MDNS_LABEL_BYTES_MAX);
        CL_ASSERT(cl_mdns_name_join(first, &shorter, &again) == CL_OK);
        CL_ASSERT(again.len == rest.len && memcmp(again.wire, rest.wire, rest.len) == 0);
        rest = shorter;
    }
    CL_ASSERT(rest.len == 1 && rest.wire[0] == 0);
}

static void
check_record(const struct cl_mdns_record *record)
{
    cl_str value;
    CL_ASSERT(record->len <= sizeof record->data && record->ttl <= INT32_MAX);
    CL_ASSERT(cl_mdns_record_eq(record, record));
    CL_ASSERT(cl_mdns_record_compare(record, record) == 0);
    check_name(&record->name);
    if (record->type == CL_MDNS_PTR) {
        cl_mdns_name target = cl_mdns_ptr_target(record);
        check_name(&target);
    } else if (record->type == CL_MDNS_SRV) {
        cl_mdns_name host = cl_mdns_srv_host(record);
        check_name(&host);
    } else if (record->type == CL_MDNS_TXT) {
        cl_str text = cl_str_of(record->data, record->len);
        if (cl_mdns_txt_find(text, CL_STR("x"), &value) && value.len > 0)
            CL_ASSERT(value.ptr > text.ptr && value.ptr + value.len <= text.ptr + text.len);
    }
}

/* Everything that was read, once more. What was passed over is not there any more. */
static cl_str
write_again(struct cl_mdns_reader reader, struct cl_mdns_writer *writer)
{
    struct cl_mdns_question question;
    struct cl_mdns_record record;
    enum cl_mdns_section section;
    const struct cl_mdns_head head = {reader.id, reader.is_response, reader.is_truncated};
    while (cl_mdns_next_question(&reader, &question)) {
        check_name(&question.name);
        CL_ASSERT(cl_mdns_put_question(writer, &question) == CL_OK);
    }
    while (cl_mdns_next_record(&reader, &section, &record)) {
        check_record(&record);
        CL_ASSERT(cl_mdns_put_record(writer, section, &record) == CL_OK);
    }
    return cl_mdns_end(writer, head);
}

static void
compare(struct cl_mdns_reader a, struct cl_mdns_reader b, bool with_flush)
{
    struct cl_mdns_question question[2];
    struct cl_mdns_record record[2];
    enum cl_mdns_section section[2];
    CL_ASSERT(a.id == b.id && a.is_response == b.is_response && a.is_truncated == b.is_truncated);
    while (cl_mdns_next_question(&a, &question[0])) {
        CL_ASSERT(cl_mdns_next_question(&b, &question[1]));
        CL_ASSERT(cl_mdns_name_eq(&question[0].name, &question[1].name));
        CL_ASSERT(question[0].type == question[1].type);
        CL_ASSERT(question[0].wants_unicast == question[1].wants_unicast);
    }
    while (cl_mdns_next_record(&a, &section[0], &record[0])) {
        CL_ASSERT(cl_mdns_next_record(&b, &section[1], &record[1]));
        CL_ASSERT(section[0] == section[1] && record[0].ttl == record[1].ttl);
        CL_ASSERT(cl_mdns_record_eq(&record[0], &record[1]));
        CL_ASSERT(cl_mdns_record_compare(&record[0], &record[1]) == 0);
        CL_ASSERT(record[1].is_flush == (record[0].is_flush && with_flush));
    }
    CL_ASSERT(!cl_mdns_next_record(&b, &section[1], &record[1]));
}

static void
check_style(const struct cl_mdns_reader *reader, enum cl_mdns_style style)
{
    // The longest: CL_MDNS_ITEMS_MAX SRV records with names of their own.
    size_t cap = (size_t)CL_MDNS_ITEMS_MAX * 1500;
    void *space = malloc(cap);
    struct cl_mdns_writer writer;
    struct cl_mdns_reader again;
    CL_ASSERT(space != NULL);
    cl_mdns_begin(&writer, space, cap, style);
    CL_ASSERT(cl_mdns_open(write_again(*reader, &writer), &again) == CL_OK);
    compare(*reader, again, style == CL_MDNS_COMPRESSED);
    free(space);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    // A block of exactly that size, so that a byte beyond it is seen.
    char *bytes = malloc(size + 1);
    struct cl_mdns_reader reader;
    CL_ASSERT(bytes != NULL);
    if (size > 0)
        memcpy(bytes + 1, data, size);
    if (cl_mdns_open(cl_str_of(bytes + 1, size), &reader) == CL_OK) {
        check_style(&reader, CL_MDNS_COMPRESSED);
        check_style(&reader, CL_MDNS_WHOLE);
    }
    free(bytes);
    return 0;
}
