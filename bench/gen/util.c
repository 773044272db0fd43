// SPDX-License-Identifier: MIT
/*
 * bench/gen/util.c - time, processes, numbered messages.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "bench/gen/gen.h"

void
die(const char *format, ...)
{
    va_list args;
    va_start(args, format);
    (void)fputs("loadgen: ", stderr);
    (void)vfprintf(stderr, format, args);
    (void)fputc('\n', stderr);
    va_end(args);
    exit(1);
}

void
must(enum cl_err err)
{
    if (err != CL_OK)
        die("%s", cl_err_wire(err));
}

void *
must_alloc(size_t count, size_t size)
{
    void *memory = calloc(count, size);
    if (memory == NULL)
        die("out of memory");
    return memory;
}

double
now(void)
{
    struct timespec at;
    (void)clock_gettime(CLOCK_MONOTONIC, &at);
    return (double)at.tv_sec + (double)at.tv_nsec / 1e9;
}

unsigned long long
seconds_since_1970(void)
{
    struct timespec at;
    (void)clock_gettime(CLOCK_REALTIME, &at);
    return (unsigned long long)at.tv_sec;
}

double
own_cpu(void)
{
    struct rusage usage;
    (void)getrusage(RUSAGE_SELF, &usage);
    return (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
           (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6;
}

/* A file of /proc/PID in text, NUL-terminated. */
static void
read_proc(unsigned pid, const char *name, char *text, size_t text_cap)
{
    char path[64];
    (void)snprintf(path, sizeof path, "/proc/%u/%s", pid, name);
    FILE *file = fopen(path, "r");
    if (file == NULL)
        die("%s: %s", path, strerror(errno));
    text[fread(text, 1, text_cap - 1, file)] = '\0';
    (void)fclose(file);
}

/* Field `first` and all behind it of /proc/PID/stat (proc(5)); the first may be 3 or more. Field
 * 2, the name, may hold anything; the last parenthesis ends it. */
static cl_str
stat_from(const char *text, unsigned first)
{
    const char *name_end = strrchr(text, ')');
    cl_str word, rest = cl_str_z(name_end == NULL ? "" : name_end);
    for (unsigned field = 2; field < first; field++)
        (void)cl_str_split(rest, ' ', &word, &rest);
    return rest;
}

double
server_cpu(unsigned pid)
{
    char text[1024];
    uint64_t user = 0, system = 0;
    cl_str word, rest;
    read_proc(pid, "stat", text, sizeof text);
    (void)cl_str_split(stat_from(text, 14), ' ', &word, &rest);
    bool is_good = cl_str_to_u64(word, UINT32_MAX, &user);
    (void)cl_str_split(rest, ' ', &word, &rest);
    if (!is_good || !cl_str_to_u64(word, UINT32_MAX, &system))
        die("cannot read the times of process %u", pid);
    return (double)(user + system) / (double)sysconf(_SC_CLK_TCK);
}

char
server_state(unsigned pid)
{
    char text[1024];
    read_proc(pid, "stat", text, sizeof text);
    cl_str state = stat_from(text, 3);
    return state.len == 0 ? '?' : state.ptr[0];
}

uint64_t
server_resident(unsigned pid)
{
    char text[256];
    uint64_t pages = 0;
    cl_str word, rest;
    read_proc(pid, "statm", text, sizeof text);
    (void)cl_str_split(cl_str_z(text), ' ', &word, &rest);
    (void)cl_str_split(rest, ' ', &word, &rest);
    if (!cl_str_to_u64(word, UINT32_MAX, &pages))
        die("cannot read the memory of process %u", pid);
    return pages * (uint64_t)sysconf(_SC_PAGESIZE);
}

uint32_t
next_random(struct gen *gen)
{
    gen->random ^= gen->random << 13;
    gen->random ^= gen->random >> 17;
    gen->random ^= gen->random << 5;
    return gen->random;
}

/* -- messages ------------------------------------------------------------------------------ */

#define NUMBER_MEMBER "\"n\":"

cl_str
message_new(cl_str head, size_t bytes)
{
    size_t tail_len = strlen("\"," NUMBER_MEMBER) + GEN_NUMBER_DIGITS + strlen("}");
    if (head.len + tail_len > bytes)
        die("a message has at least %zu bytes", head.len + tail_len);
    char *message = must_alloc(bytes + 1, 1);
    memset(message, 'x', bytes);
    memcpy(message, head.ptr, head.len);
    (void)snprintf(message + bytes - tail_len, tail_len + 1, "\"," NUMBER_MEMBER "%" PRIu64 "}",
                   GEN_NUMBER_FIRST);
    return cl_str_of(message, bytes);
}

static void
write_number(uint64_t number, char digits[static GEN_NUMBER_DIGITS])
{
    number += GEN_NUMBER_FIRST;
    for (int i = GEN_NUMBER_DIGITS - 1; i >= 0; i--, number /= 10)
        digits[i] = (char)('0' + number % 10);
}

void
message_set_number(cl_str message, uint64_t number)
{
    // It is ours, made by message_new.
    char *end = (char *)(uintptr_t)message.ptr + message.len - strlen("}");
    write_number(number, end - GEN_NUMBER_DIGITS);
}

/* Our own messages end with their number, unless the server has put something behind it. */
static const char *
find_number(cl_str message)
{
    size_t member_len = strlen(NUMBER_MEMBER);
    size_t tail_len = member_len + GEN_NUMBER_DIGITS + strlen("}");
    if (message.len >= tail_len) {
        const char *usual = message.ptr + message.len - tail_len;
        if (memcmp(usual, NUMBER_MEMBER, member_len) == 0)
            return usual + member_len;
    }
    const char *member = memmem(message.ptr, message.len, NUMBER_MEMBER, member_len);
    return member == NULL ? NULL : member + member_len;
}

bool
message_is_next(cl_str message, uint64_t number, size_t bytes)
{
    const char *at = find_number(message);
    char wanted[GEN_NUMBER_DIGITS];
    if (at == NULL && memmem(message.ptr, message.len, "\"type\":\"error\"", 14) == NULL)
        return false;
    if (at == NULL)
        die("the server says: %.*s", CL_STR_ARG(message));
    write_number(number, wanted);
    if (message.len < bytes || memcmp(at, wanted, sizeof wanted) != 0)
        die("lost, doubled or out of order: wanted %.*s in %.*s", GEN_NUMBER_DIGITS, wanted,
            CL_STR_ARG(message));
    return true;
}
