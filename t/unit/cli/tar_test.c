/* SPDX-License-Identifier: BSD-2-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/tar.h"

static char dir[] = "/tmp/elo-tar-XXXXXX";


static const char *
path_of(const char *name)
{
    static char path[128];

    snprintf(path, sizeof(path), "%s/%s", dir, name);
    return path;
}


static void
write_one(const char *name)
{
    elo_tar_writer_t *w;

    assert_int_equal(elo_tar_create(path_of(name), &w), ELO_OK);
    assert_int_equal(elo_tar_begin(w, "empty", 0, 1), ELO_OK);
    assert_int_equal(elo_tar_begin(w, "dir/two words", 11, 1), ELO_OK);
    assert_int_equal(elo_tar_write(w, ELO_SLICE("hello ")), ELO_OK);
    assert_int_equal(elo_tar_write(w, ELO_SLICE("there")), ELO_OK);
    assert_int_equal(elo_tar_commit(w), ELO_OK);
    elo_tar_free(&w);
    assert_null(w);
}


static void
test_there_and_back(void **state)
{
    elo_tar_reader_t *r;
    const char *name;
    uint8_t bytes[32];
    uint64_t size;
    size_t n;

    (void) state;
    write_one("a.tar");
    assert_int_equal(elo_tar_open(path_of("a.tar"), &r), ELO_OK);
    assert_int_equal(elo_tar_next(r, &name, &size), ELO_OK);
    assert_string_equal(name, "empty");
    assert_int_equal(size, 0);
    assert_int_equal(elo_tar_next(r, &name, &size), ELO_OK);
    assert_string_equal(name, "dir/two words");
    assert_int_equal(size, 11);
    assert_int_equal(elo_tar_read(r, bytes, sizeof(bytes), &n), ELO_OK);
    assert_int_equal(n, 11);
    assert_memory_equal(bytes, "hello there", 11);
    assert_int_equal(elo_tar_read(r, bytes, sizeof(bytes), &n), ELO_OK);
    assert_int_equal(n, 0);
    assert_int_equal(elo_tar_next(r, &name, &size), ELO_ENOTFOUND);
    elo_tar_close(&r);
}


static void
test_what_is_not_finished(void **state)
{
    elo_tar_writer_t *w;

    (void) state;
    assert_int_equal(elo_tar_create(path_of("b.tar"), &w), ELO_OK);
    assert_int_equal(elo_tar_begin(w, "short", 100, 1), ELO_OK);
    assert_int_equal(elo_tar_write(w, ELO_SLICE("hello")), ELO_OK);
    elo_tar_free(&w);
    assert_int_equal(access(path_of("b.tar"), F_OK), -1);
    assert_int_equal(elo_tar_create(path_of("c.tar"), &w), ELO_OK);
    assert_int_equal(elo_tar_begin(w, "long", 2, 1), ELO_OK);
    assert_int_equal(elo_tar_write(w, ELO_SLICE("hello")), ELO_ETOOBIG);
    elo_tar_free(&w);
    assert_int_equal(access(path_of("c.tar"), F_OK), -1);
    assert_int_equal(elo_tar_create("/nowhere/at/all.tar", &w), ENOENT);
}


/* The archive cut off at every length: no crash, never a file more. */
static void
test_every_prefix(void **state)
{
    uint8_t bytes[8192], out[32];
    elo_tar_reader_t *r;
    const char *name;
    uint64_t size;
    size_t len, n;
    FILE *f;

    (void) state;
    write_one("d.tar");
    assert_non_null(f = fopen(path_of("d.tar"), "rb"));
    len = fread(bytes, 1, sizeof(bytes), f);
    (void) fclose(f);
    for (size_t cut = 0; cut < len; cut += 61) {
        int files = 0;

        assert_non_null(f = fopen(path_of("e.tar"), "wb"));
        assert_int_equal(fwrite(bytes, 1, cut, f), cut);
        assert_int_equal(fclose(f), 0);
        if (elo_tar_open(path_of("e.tar"), &r) != ELO_OK) {
            continue;
        }
        while (elo_tar_next(r, &name, &size) == ELO_OK) {
            files++;
            elo_ignore(elo_tar_read(r, out, sizeof(out), &n)); /* cut off */
        }
        assert_true(files <= 2);
        elo_tar_close(&r);
    }
}


static void
test_links_are_passed_over(void **state)
{
    char cmd[256];
    elo_tar_reader_t *r;
    const char *name;
    uint64_t size;

    (void) state;
    snprintf(cmd, sizeof(cmd),
             "cd %s && mkdir -p x && ln -sf /etc/passwd x/link && "
             "mkfifo x/fifo && echo hi >x/file && ln x/file x/hard && "
             "tar -cf f.tar x/link x/fifo x/file x/hard x",
             dir);
    assert_int_equal(system(cmd), 0);
    assert_int_equal(elo_tar_open(path_of("f.tar"), &r), ELO_OK);
    assert_int_equal(elo_tar_next(r, &name, &size), ELO_OK);
    assert_string_equal(name, "x/file");
    assert_int_equal(elo_tar_next(r, &name, &size), ELO_ENOTFOUND);
    elo_tar_close(&r);
    assert_int_equal(elo_tar_open(path_of("nowhere"), &r), ENOENT);
}


static int
setup(void **state)
{
    (void) state;
    return mkdtemp(dir) == NULL;
}


static int
teardown(void **state)
{
    char cmd[128];

    (void) state;
    snprintf(cmd, sizeof(cmd), "rm -r %s", dir);
    return system(cmd);
}


int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_there_and_back),
        cmocka_unit_test(test_what_is_not_finished),
        cmocka_unit_test(test_every_prefix),
        cmocka_unit_test(test_links_are_passed_over),
    };

    return cmocka_run_group_tests(tests, setup, teardown);
}
