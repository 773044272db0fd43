// SPDX-License-Identifier: MIT
/*
 * tests/fuzz/replay.c - feeds each file of the folders it is given to LLVMFuzzerTestOneInput,
 * so that the seeds of a fuzz target are a test on every machine. The name of a file stands
 * before its run: the last one shown is the one that broke. Finding none is a failure.
 */
#include <dirent.h>
#include <stdio.h>

#include "base/alloc.h"
#include "base/assert.h"

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size);

static void
replay_file(const char *path)
{
    FILE *file = fopen(path, "rb");
    CL_ASSERT(file != NULL);
    CL_ASSERT(fseek(file, 0, SEEK_END) == 0);
    long end = ftell(file);
    CL_ASSERT(end >= 0 && fseek(file, 0, SEEK_SET) == 0);

    // A block of just this size, so that a sanitizer sees a step beyond it.
    size_t size = (size_t)end;
    unsigned char *data = cl_alloc(size);
    CL_ASSERT(data != NULL && fread(data, 1, size, file) == size);
    (void)fclose(file);
    (void)LLVMFuzzerTestOneInput(data, size);
    cl_free(data);
}

static unsigned
replay_folder(const char *folder)
{
    unsigned count = 0;
    const struct dirent *entry;
    DIR *dir = opendir(folder);
    if (dir == NULL) {
        printf("there is no folder %s\n", folder);
        return 0;
    }
    while ((entry = readdir(dir)) != NULL) {
        char path[4096];
        if (entry->d_name[0] == '.')
            continue;
        int len = snprintf(path, sizeof path, "%s/%s", folder, entry->d_name);
        CL_ASSERT(len > 0 && (size_t)len < sizeof path);
        printf("%s\n", path);
        (void)fflush(stdout);
        replay_file(path);
        count++;
    }
    (void)closedir(dir);
    return count;
}

int
main(int argc, char **argv)
{
    unsigned passed = 0, failed = 0;
    for (int i = 1; i < argc; i++) {
        unsigned count = replay_folder(argv[i]);
        passed += count;
        failed += count == 0;
    }
    printf("%u passed, %u failed\n", passed, failed);
    return passed > 0 && failed == 0 ? 0 : 1;
}
