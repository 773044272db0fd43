// SPDX-License-Identifier: MIT
/*
 * What comes behind a TLS handshake. Bit 0 of the first byte chooses whose the input is: 0, raw
 * bytes from the wire; 1, contents that a peer with the right keys has sealed: byte of type,
 * byte of length, and so many bytes. Bit 1 is the suite. The second byte says how the wire is cut.
 * Whatever the bytes are, three ways to cut them give the same words, data and answers; raw bytes
 * open nothing; and behind the end nothing is sealed.
 */
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "fuzz/sum.h"
#include "net/tls_keys.h"

#define WIRE_BYTES_MAX (256 * 1024)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static char opened[CL_TLS_RECORD_WIRE_BYTES_MAX];

/* A server's keys, or those of its client, which are the same the other way around. */
static struct cl_tls_keys *
new_keys(bool is_client, unsigned choice)
{
    static const char *const labels[] = {"CLIENT_TRAFFIC_SECRET_0 ", "SERVER_TRAFFIC_SECRET_0 "};
    bool is_256 = (choice & 2) != 0;
    struct cl_tls_keys *keys = cl_tls_keys_new();
    CL_ASSERT(keys != NULL);
    for (unsigned at = 0; at < 2; at++) {
        char line[24 + 65 + 96];
        memcpy(line, labels[at], 24);
        memset(line + 24, ' ', 65);
        memset(line + 89, at != is_client ? 'a' : '5', 96);
        cl_tls_keys_hear(keys, cl_str_of(line, is_256 ? 185 : 153));
    }
    CL_ASSERT(
        cl_tls_keys_begin(keys, is_256 ? CL_TLS_AES_256_GCM_SHA384 : CL_TLS_AES_128_GCM_SHA256));
    return keys;
}

/* What a client with the keys sends when it says this. It changes its key behind a key update. */
static void
seal_all(cl_str said, unsigned choice, struct cl_buf *wire)
{
    struct cl_tls_keys *client = new_keys(true, choice);
    while (said.len >= 2) {
        uint8_t type = (uint8_t)said.ptr[0];
        cl_str content = cl_str_part(said, 2, (uint8_t)said.ptr[1]);
        said = cl_str_part(said, 2 + content.len, said.len);
        if (!cl_tls_seal(&client->out, (enum cl_tls_record_type)type, &content, 1, wire))
            break; // WIRE_BYTES_MAX
        if (type == CL_TLS_RECORD_HANDSHAKE && content.len > 0)
            CL_ASSERT(cl_tls_half_update(&client->out));
    }
    cl_tls_keys_free(client);
}

/* The server's answers are records of its own that its client can open, and end with an alert. */
static uint64_t
check_answers(cl_str answers, bool is_over, unsigned choice, uint64_t sum)
{
    struct cl_tls_keys *client = new_keys(true, choice);
    struct cl_buf none;
    enum cl_tls_word word = CL_TLS_WORD_NONE;
    cl_buf_init(&none, CL_TLS_RECORD_EXTRA_BYTES * 8);
    while (answers.len > 0) {
        size_t len;
        CL_ASSERT(word == CL_TLS_WORD_NONE || word == CL_TLS_WORD_DATA);
        word = cl_tls_keys_open(client, &answers, opened, &len, &none);
        CL_ASSERT(word == CL_TLS_WORD_DATA || (is_over && word == CL_TLS_WORD_BROKEN));
        CL_ASSERT(none.len == 0); // they are no fault
        sum = sum_bytes(sum_number(sum, word), cl_str_of(opened, len));
    }
    cl_buf_done(&none);
    cl_tls_keys_free(client);
    return sum;
}

/* Reads of `step` bytes, each in a block of its own. Returns a sum over all that happened. */
static uint64_t
open_all(cl_str wire, unsigned choice, size_t step)
{
    uint64_t sum = UINT64_C(14695981039346656037);
    struct cl_tls_keys *server = new_keys(false, choice);
    struct cl_buf answers;
    enum cl_tls_word word = CL_TLS_WORD_NONE;
    cl_buf_init(&answers, WIRE_BYTES_MAX);
    for (size_t at = 0; at < wire.len && word == CL_TLS_WORD_NONE; at += step) {
        cl_str piece = cl_str_part(wire, at, step);
        char *block = malloc(piece.len);
        CL_ASSERT(block != NULL);
        memcpy(block, piece.ptr, piece.len);
        cl_str input = cl_str_of(block, piece.len);
        do {
            size_t len;
            word = cl_tls_keys_open(server, &input, opened, &len, &answers);
            CL_ASSERT(word == CL_TLS_WORD_DATA || len == 0);
            CL_ASSERT((choice & 1) != 0 || word != CL_TLS_WORD_DATA);
            CL_ASSERT(word != CL_TLS_WORD_DATA || server->partial.ptr == NULL);
            if (word != CL_TLS_WORD_NONE)
                sum = sum_bytes(sum_number(sum, len), cl_str_of(opened, len));
            if (word == CL_TLS_WORD_DATA && len % 3 == 1)
                CL_ASSERT(cl_tls_keys_seal(server, &CL_STR("yes"), 1, &answers));
        } while (word == CL_TLS_WORD_DATA);
        CL_ASSERT(word != CL_TLS_WORD_NONE || input.len == 0);
        free(block);
    }
    bool is_over = word == CL_TLS_WORD_BROKEN;
    sum = check_answers(cl_buf_str(&answers), is_over, choice, sum_number(sum, word));
    cl_buf_clear(&answers);
    CL_ASSERT(cl_tls_keys_seal(server, &CL_STR("more"), 1, &answers) == !is_over);
    cl_tls_keys_end(server, &answers);
    CL_ASSERT(!cl_tls_keys_seal(server, &CL_STR("more"), 1, &answers));
    CL_ASSERT(!is_over || answers.len == 0);
    cl_buf_done(&answers);
    cl_tls_keys_free(server);
    return sum;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct cl_buf sealed;
    if (size < 3)
        return 0;
    cl_str wire = cl_str_of(data + 2, size - 2);
    cl_buf_init(&sealed, WIRE_BYTES_MAX);
    if ((data[0] & 1) != 0) {
        seal_all(wire, data[0], &sealed);
        wire = cl_buf_str(&sealed);
    }
    uint64_t sum = open_all(wire, data[0], WIRE_BYTES_MAX);
    CL_ASSERT(open_all(wire, data[0], 2 + data[1]) == sum);
    if (wire.len < 4096) // each step is a block
        CL_ASSERT(open_all(wire, data[0], 1) == sum);
    cl_buf_done(&sealed);
    return 0;
}
