/* SPDX-License-Identifier: BSD-2-Clause */
/* replay FILE|DIRECTORY...: runs one fuzz target over stored inputs, without
   libFuzzer, so that any compiler can. Directories are read one level deep. */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE /* asprintf */
#endif

#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static unsigned n_inputs;


static void
die(const char *path)
{
    perror(path);
    exit(1);
}


static void
run_file(const char *path, size_t size)
{
    FILE *f = fopen(path, "rb");
    uint8_t *data = malloc(size > 0 ? size : 1); /* exact: for ASan */

    if (f == NULL || data == NULL || fread(data, 1, size, f) != size) {
        die(path);
    }
    fclose(f);
    LLVMFuzzerTestOneInput(data, size);
    free(data);
    n_inputs++;
}


static void
run_dir(const char *path)
{
    DIR *dir = opendir(path);
    struct dirent *e;
    struct stat st;
    char *name;

    if (dir == NULL) {
        die(path);
    }
    while ((e = readdir(dir)) != NULL) {
        if (asprintf(&name, "%s/%s", path, e->d_name) < 0) {
            die(path);
        }
        if (stat(name, &st) != 0) {
            die(name);
        }
        if (S_ISREG(st.st_mode)) {
            run_file(name, (size_t) st.st_size);
        }
        free(name);
    }
    closedir(dir);
}


int
main(int argc, char **argv)
{
    struct stat st;

    for (int i = 1; i < argc; i++) {
        if (stat(argv[i], &st) != 0) {
            die(argv[i]);
        }
        if (S_ISDIR(st.st_mode)) {
            run_dir(argv[i]);
        } else {
            run_file(argv[i], (size_t) st.st_size);
        }
    }
    printf("%u inputs\n", n_inputs);
    return n_inputs > 0 ? 0 : 1;
}
