// SPDX-License-Identifier: MIT
/*
 * Texts of protocol v2 from strangers. The first byte says what the rest is: 'c' a call, as the
 * relay hears it; 'A' and the letters after it what a client hears, a result being that of the
 * method with that number.
 *
 * What is refused is refused with a sentence, an error of the table and an answer that a client can
 * read. What is accepted can be written, and is then read and written as the same again.
 */
#include <string.h>

#include "base/assert.h"
#include "proto/v2_decode.h"
#include "proto/v2_encode.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define NOW ((cl_time){1775304000123})
static const cl_hash_key hash_key = {{1}};

/* Room for the struct of any result. */
union any {
    max_align_t align;
    char space[1024];
};

static void
check_fault(const struct cl_envelope_reader *reader, enum cl_err err,
            const struct cl_v2_fault *fault)
{
    struct cl_v2_heard heard;
    struct cl_why why;
    struct cl_buf buf;
    CL_ASSERT(err == CL_ERR_MALFORMED || err == CL_ERR_MISSING || err == CL_ERR_NOT_FOUND ||
              err == CL_ERR_TOO_LARGE);
    CL_ASSERT(fault->error.err == err && fault->error.sentence.len > 0);
    cl_buf_init(&buf, CL_MIB);
    CL_ASSERT(cl_v2_encode_error(fault->id, &fault->error, &buf) == CL_OK);
    CL_ASSERT(cl_v2_decode_heard(reader, cl_buf_str(&buf), &heard, &why) == CL_OK);
    CL_ASSERT(heard.kind == CL_V2_HEARD_ERROR && heard.error.err == err);
    CL_ASSERT(heard.error.code == fault->error.code && cl_str_eq(heard.id, fault->id));
    cl_buf_done(&buf);
}

static void
check_call(const struct cl_envelope_reader *reader, cl_str text)
{
    struct cl_v2_call call, again;
    struct cl_v2_fault fault;
    struct cl_buf first, second;
    enum cl_err err = cl_v2_decode_call(reader, text, NOW, &call, &fault);
    if (err != CL_OK) {
        check_fault(reader, err, &fault);
        return;
    }
    cl_buf_init(&first, 8 * CL_MIB);
    cl_buf_init(&second, 8 * CL_MIB);
    CL_ASSERT(cl_v2_encode_call(call.method, call.id, &call.params, &first) == CL_OK);
    CL_ASSERT(cl_v2_decode_call(reader, cl_buf_str(&first), NOW, &again, &fault) == CL_OK);
    CL_ASSERT(again.method == call.method && cl_str_eq(again.id, call.id));
    CL_ASSERT(cl_v2_encode_call(again.method, again.id, &again.params, &second) == CL_OK);
    CL_ASSERT(cl_str_eq(cl_buf_str(&first), cl_buf_str(&second)));
    cl_buf_done(&first);
    cl_buf_done(&second);
}

static void
check_result(const struct cl_envelope_reader *reader, enum cl_v2_method method,
             const struct cl_v2_heard *heard)
{
    struct cl_v2_heard heard_again;
    struct cl_why why = {""};
    struct cl_buf first, second;
    union any result, again;
    enum cl_err err = cl_v2_read_result(reader, method, heard->result, &result, &why);
    if (err != CL_OK) {
        CL_ASSERT((err == CL_ERR_MALFORMED || err == CL_ERR_MISSING) && why.text[0] != '\0');
        return;
    }
    cl_buf_init(&first, 8 * CL_MIB);
    cl_buf_init(&second, 8 * CL_MIB);
    CL_ASSERT(cl_v2_encode_result(method, heard->id, &result, &first) == CL_OK);
    CL_ASSERT(cl_v2_decode_heard(reader, cl_buf_str(&first), &heard_again, &why) == CL_OK);
    CL_ASSERT(cl_v2_read_result(reader, method, heard_again.result, &again, &why) == CL_OK);
    CL_ASSERT(cl_v2_encode_result(method, heard_again.id, &again, &second) == CL_OK);
    CL_ASSERT(cl_str_eq(cl_buf_str(&first), cl_buf_str(&second)));
    cl_buf_done(&first);
    cl_buf_done(&second);
}

static void
check_note(const struct cl_envelope_reader *reader, const struct cl_v2_heard *heard)
{
    struct cl_v2_heard again;
    struct cl_why why;
    struct cl_buf first, second;
    cl_buf_init(&first, 8 * CL_MIB);
    cl_buf_init(&second, 8 * CL_MIB);
    CL_ASSERT(cl_v2_encode_note(heard->note, &heard->note_params, &first) == CL_OK);
    CL_ASSERT(cl_v2_decode_heard(reader, cl_buf_str(&first), &again, &why) == CL_OK);
    CL_ASSERT(cl_v2_encode_note(again.note, &again.note_params, &second) == CL_OK);
    CL_ASSERT(cl_str_eq(cl_buf_str(&first), cl_buf_str(&second)));
    cl_buf_done(&first);
    cl_buf_done(&second);
}

static void
check_heard(const struct cl_envelope_reader *reader, enum cl_v2_method method, cl_str text)
{
    struct cl_v2_heard heard;
    struct cl_why why = {""};
    enum cl_err err = cl_v2_decode_heard(reader, text, &heard, &why);
    if (err != CL_OK) {
        CL_ASSERT((err == CL_ERR_MALFORMED || err == CL_ERR_MISSING) && why.text[0] != '\0');
        return;
    }
    switch (heard.kind) {
    case CL_V2_HEARD_RESULT:
        check_result(reader, method, &heard);
        break;
    case CL_V2_HEARD_NOTE:
        check_note(reader, &heard);
        break;
    case CL_V2_HEARD_ERROR:
    case CL_V2_HEARD_OTHER:
        break;
    }
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct cl_arena arena;
    struct cl_envelope_reader reader = {.arena = &arena, .hash_key = &hash_key};
    if (size == 0)
        return 0;
    cl_str text = cl_str_of(data + 1, size - 1);
    cl_arena_init(&arena, 64 * CL_MIB);
    if (data[0] == 'c')
        check_call(&reader, text);
    else
        check_heard(&reader, (enum cl_v2_method)((data[0] + 256u - 'A') % CL_V2_METHOD_COUNT),
                    text);
    cl_arena_done(&arena);
    return 0;
}
