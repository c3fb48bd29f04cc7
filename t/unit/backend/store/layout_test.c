/* SPDX-License-Identifier: BSD-2-Clause */
/* Tests of backend/store/layout: whose directory it is, and what is made in it. */
#include "t/unit/backend/store/store_dir.c"

#include "backend/os/log.h"

#define HELLO ELO_SLICE("hello")


static void
write_file(const dir_t *d, const char *name, const char *text)
{
    FILE *f = fopen(dir_path(d, name), "w");

    assert_non_null(f);
    assert_true(fputs(text, f) >= 0);
    assert_int_equal(fclose(f), 0);
}


static elo_err_t
try_open(dir_t *d)
{
    elo_store_t *s = NULL;
    elo_err_t rc = elo_store_open(&d->cfg, &s, NULL);

    if (rc == ELO_OK) {
        elo_store_close(&s);
    }
    return rc;
}


/* A second one is kept out, and does the first no harm. */
static void
test_lock(void **state)
{
    dir_t *d = *state;

    assert_int_equal(put_bytes(d->s, HELLO, NULL, NULL), ELO_OK);
    assert_int_equal(try_open(d), ELO_EBUSY);
    assert_true(reads_back(d->s, HELLO));
    assert_int_equal(put_bytes(d->s, ELO_SLICE("x"), NULL, NULL), ELO_OK);
    dir_reopen(d);
    totals_are(d->s, 2, 6);
}


static void
test_format(void **state)
{
    static const char *const bad[] = {
        "",
        "elohim-store 3\nid 0123456789abcdef\n",
        "elohim-store 2\nid 0123456789abcdef\n", /* of another store */
        "elohim-store 1\nid 0123456789abcdef\n", /* the simple store's */
        "something else",
    };
    dir_t *d = *state;
    char kept[64] = "";
    FILE *f;

    assert_int_equal(put_bytes(d->s, HELLO, NULL, NULL), ELO_OK);
    elo_store_close(&d->s);
    f = fopen(dir_path(d, "format"), "r");
    assert_non_null(f);
    assert_true(fread(kept, 1, sizeof(kept) - 1, f) > 0);
    fclose(f);
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        write_file(d, "format", bad[i]);
        assert_int_equal(try_open(d), ELO_ECORRUPT);
    }
    assert_int_equal(unlink(dir_path(d, "format")), 0);
    assert_int_equal(try_open(d), ELO_ECORRUPT); /* it has a log */
    write_file(d, "format", kept);
    dir_open(d);
    assert_true(reads_back(d->s, HELLO));
}


/* A directory with somebody's files in it is not made a store. */
static void
test_foreign(void **state)
{
    dir_t d;

    (void) state;
    dir_make_root(&d);
    write_file(&d, "thesis.odt", "precious");
    assert_int_equal(try_open(&d), ELO_ECORRUPT);
    assert_int_equal(access(dir_path(&d, "index"), F_OK), -1);
    assert_int_equal(access(dir_path(&d, "lock"), F_OK), -1);
    assert_int_equal(access(dir_path(&d, "thesis.odt"), F_OK), 0);
    dir_end(&d);
}


/* Each step of a making after which there may be nothing more. */
static void
test_interrupted_making(void **state)
{
    static const char *const steps[][5] = {
        { NULL },
        { "keyring" },
        { "lock", "keyring" },
        { "lock", "tmp/", "index/" },
        { "lock", "tmp/", "index/", "blobs/", "media/" },
        { "lock", "tmp/", "tmp/format", "log/" },
    };

    (void) state;
    for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
        dir_t d;

        dir_make_root(&d);
        for (size_t j = 0; j < 5 && steps[i][j] != NULL; j++) {
            const char *name = steps[i][j];

            if (name[strlen(name) - 1] == '/') {
                assert_int_equal(mkdir(dir_path(&d, name), 0700), 0);
            } else {
                write_file(&d, name, "half");
            }
        }
        dir_open(&d);
        assert_int_equal(put_bytes(d.s, HELLO, NULL, NULL), ELO_OK);
        dir_reopen(&d);
        assert_true(reads_back(d.s, HELLO));
        dir_end(&d);
    }
}


static unsigned
mode_of(const dir_t *d, const char *name)
{
    struct stat st;

    assert_int_equal(stat(dir_path(d, name), &st), 0);
    return st.st_mode & 07777;
}


/* Plaintext and index are nobody else's business; blobs are the readers' group's. */
static void
test_modes(void **state)
{
    dir_t *d = *state;
    elo_slice_t bytes = bytes_of(DIR_INLINE + 1, 1);
    elo_blob_stat_t st;

    assert_int_equal(put_bytes(d->s, bytes, &st, NULL), ELO_OK);
    assert_int_equal(mode_of(d, "."), 02750);
    assert_int_equal(mode_of(d, "tmp"), 0700);
    assert_int_equal(mode_of(d, "index"), 0700);
    assert_int_equal(mode_of(d, "blobs"), 02750);
    assert_int_equal(mode_of(d, "media"), 02750);
    assert_int_equal(mode_of(d, "format"), 0640);
    assert_int_equal(mode_of(d, st.name), 0640);
    st.name[strlen("blobs/xx")] = '\0';
    assert_int_equal(mode_of(d, st.name), 02750);
    bytes_free(bytes);
}


/* The root is a file, or its parent isn't there. */
static void
test_no_root(void **state)
{
    char path[200];
    dir_t d;

    (void) state;
    dir_make_root(&d);
    write_file(&d, "file", "x");
    snprintf(path, sizeof(path), "%s/file", d.root);
    d.cfg.root = path;
    assert_int_not_equal(try_open(&d), ELO_OK);
    snprintf(path, sizeof(path), "%s/no/such", d.root);
    assert_int_not_equal(try_open(&d), ELO_OK);
    snprintf(path, sizeof(path), "%s/fresh", d.root);
    assert_int_equal(try_open(&d), ELO_OK);
    d.cfg.root = d.root;
    dir_end(&d);
}


int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_lock, dir_setup, dir_teardown),
        cmocka_unit_test_setup_teardown(test_format, dir_setup, dir_teardown),
        cmocka_unit_test(test_foreign),
        cmocka_unit_test(test_interrupted_making),
        cmocka_unit_test_setup_teardown(test_modes, dir_setup, dir_teardown),
        cmocka_unit_test(test_no_root),
    };

    elo_ignore(elo_log_open("/dev/null", ELO_LOG_ALERT)); /* loud on purpose */
    return cmocka_run_group_tests(tests, NULL, NULL);
}
