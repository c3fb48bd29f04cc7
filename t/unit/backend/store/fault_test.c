/* SPDX-License-Identifier: BSD-2-Clause */
/* Tests of backend/store/fault, and of every path that leads there: each file
   operation of a write fails once. Afterwards the write has failed and left
   nothing, or it has succeeded and reads back; what was there before stays. */
#include "t/unit/backend/store/store_dir.c"
#include "t/unit/backend/store/fault_vfs.c"

#include <errno.h>

#include "backend/os/log.h"
#include "common/http/wire.h"

#define LONG_LEN (20u << 20) /* two windows of write-behind */

typedef struct {
    const char *name;
    fault_kind_t kind;
    elo_err_t err;
    bool no_tmpfile;
    bool goes_on; /* the store must stay writable */
} case_t;

static const case_t cases[] = {
    { "disk full", FAULT_ERR, ENOSPC, false, false },
    { "disk full, named temporary files", FAULT_ERR, ENOSPC, true, false },
    { "quota", FAULT_ERR, EDQUOT, false, false },
    { "I/O error", FAULT_ERR, EIO, false, false },
    { "I/O error, named temporary files", FAULT_ERR, EIO, true, false },
    { "file system turned read-only", FAULT_ERR, EROFS, false, false },
    { "too many open files", FAULT_ERR, EMFILE, true, false },
    { "sync fails", FAULT_SYNC, EIO, false, false },
    { "sync fails for want of space", FAULT_SYNC, ENOSPC, true, false },
    { "short write", FAULT_SHORT, 0, false, true },
    { "write of nothing", FAULT_ZERO, 0, false, true },
};

#define N_CASES (sizeof(cases) / sizeof(cases[0]))

/* What is written: in the log, in a file, sealed in either. */
typedef struct {
    const char *name;
    size_t len;
    elo_reach_t reach;
} what_t;

static const what_t whats[] = {
    { "small", 100, ELO_REACH_COMMONS },
    { "large", DIR_INLINE + 100, ELO_REACH_COMMONS },
    { "small sealed", 100, ELO_REACH_PRIVATE },
    { "large sealed", (1u << 20) + 100, ELO_REACH_PRIVATE },
};

#define N_WHATS (sizeof(whats) / sizeof(whats[0]))


static elo_err_t
put_what(elo_store_t *s, const what_t *w, elo_slice_t bytes)
{
    elo_put_opt_t opt = opt_of(w->reach, 0);

    return put_opt(s, &opt, bytes, 0, NULL, NULL);
}


/* Sealed blobs take the same ways to the disk, and long ones take long: for them
   the main cases will do. */
static bool
is_left_out(const what_t *w, size_t i)
{
    return (w->reach == ELO_REACH_PRIVATE || w->len == LONG_LEN)
           && cases[i].kind != FAULT_SYNC && cases[i].err != EIO
           && cases[i].kind != FAULT_SHORT;
}


/* The store in d has a blob "kept", and is open over f. */
static void
start(dir_t *d, fault_t *f, const case_t *c, const what_t *w)
{
    dir_make_root(d);
    if (w->reach == ELO_REACH_PRIVATE) {
        dir_keyring(d);
    }
    fault_init(f, c->kind, c->err, c->no_tmpfile);
    d->cfg.vfs = &f->v;
    /* nothing but what the test does */
    d->cfg.checkpoint_ms = 60 * 60 * 1000;
    dir_open(d);
    assert_int_equal(put_bytes(d->s, ELO_SLICE("kept"), NULL, NULL), ELO_OK);
}


/* Reopens with the real operations: files and rows must agree. */
static void
check(dir_t *d, const what_t *w, elo_slice_t bytes, bool must_be_held,
      const char *name, unsigned n)
{
    elo_digest_t dig = digest_of(bytes);
    elo_store_totals_t t;
    elo_blob_stat_t st;
    size_t files;
    bool held;

    elo_store_close(&d->s);
    d->cfg.vfs = NULL;
    dir_open(d);
    held = elo_store_stat(d->s, &dig, NULL, &st) == ELO_OK;
    elo_store_totals(d->s, &t);
    files = held && w->len > DIR_INLINE;
    if ((must_be_held && !held) || (held && !reads_back(d->s, bytes))
        || !reads_back(d->s, ELO_SLICE("kept")) || t.blobs != 1u + held
        || dir_count(d, "blobs") != files || dir_count(d, "tmp") != 0
        || rows_of(d->s, ELO_T_FILE) != 0
        || rows_of(d->s, ELO_T_BLOB) != 1u + held
        || rows_of(d->s, ELO_T_TASK) != 1u + held)
    {
        fail_msg("%s, %s at %u: held %d, %d files", w->name, name, n, held,
                 (int) dir_count(d, "blobs"));
    }
}


/* Each operation of a put fails in turn, until there is no n-th one. */
static void
each_fault_of_put(const case_t *c, const what_t *w, elo_slice_t bytes,
                  unsigned step)
{
    bool goes_on = true;

    for (unsigned n = 1; goes_on; n += step) {
        bool is_done = false;
        elo_err_t rc;
        fault_t f;
        dir_t d;

        start(&d, &f, c, w);
        fault_arm(&f, n);
        rc = put_what(d.s, w, bytes);
        goes_on = fault_fired(&f);
        fault_arm(&f, 0);
        if (rc != ELO_OK && !goes_on) {
            fail_msg("%s: fails without a fault: %d", c->name, rc);
        }
        if (elo_store_is_readonly(d.s)) {
            assert_false(c->goes_on);
            assert_int_equal(put_bytes(d.s, ELO_SLICE("x"), NULL, NULL),
                             ELO_EREADONLY);
            assert_true(reads_back(d.s, ELO_SLICE("kept")));
            is_done = rc == ELO_OK;
        } else {
            if (rc != ELO_OK) {
                /* Nothing stays, not even until the next open. */
                assert_int_equal(dir_count(&d, "blobs"), 0);
                assert_int_equal(dir_count(&d, "tmp"), 0);
                totals_are(d.s, 1, 4);
            }
            assert_int_equal(put_what(d.s, w, bytes), ELO_OK);
            assert_true(reads_back(d.s, bytes));
            is_done = true;
        }
        check(&d, w, bytes, is_done, c->name, n);
        dir_end(&d);
    }
}


static void
test_put(void **state)
{
    (void) state;
    for (size_t k = 0; k < N_WHATS; k++) {
        elo_slice_t bytes = bytes_of(whats[k].len, 1);

        for (size_t i = 0; i < N_CASES; i++) {
            if (!is_left_out(&whats[k], i)) {
                each_fault_of_put(&cases[i], &whats[k], bytes, 1);
            }
        }
        bytes_free(bytes);
    }
}


/* With windows of write-behind. */
static void
test_long_put(void **state)
{
    static const what_t w = { "long", LONG_LEN, ELO_REACH_COMMONS };
    elo_slice_t bytes = bytes_of(LONG_LEN, 3);

    (void) state;
    for (size_t i = 0; i < N_CASES; i++) {
        if (!is_left_out(&w, i)) {
            each_fault_of_put(&cases[i], &w, bytes, 5);
        }
    }
    bytes_free(bytes);
}


/* A removal happens, or it doesn't; a file never outlives it for long. */
static void
each_fault_of_remove(const case_t *c, const what_t *w)
{
    elo_slice_t bytes = bytes_of(w->len, 1);
    elo_digest_t dig = digest_of(bytes);
    bool goes_on = true;

    for (unsigned n = 1; goes_on; n++) {
        elo_err_t rc;
        fault_t f;
        dir_t d;

        start(&d, &f, c, w);
        assert_int_equal(put_what(d.s, w, bytes), ELO_OK);
        fault_arm(&f, n);
        rc = elo_store_remove(d.s, &dig, NULL);
        goes_on = fault_fired(&f);
        fault_arm(&f, 0);
        if (rc != ELO_OK && !goes_on) {
            fail_msg("%s: fails without a fault: %d", c->name, rc);
        }
        if (rc == ELO_OK) {
            assert_false(reads_back(d.s, bytes));
        } else if (!elo_store_is_readonly(d.s)) {
            assert_true(reads_back(d.s, bytes));
        }
        check(&d, w, bytes, rc != ELO_OK && rc != ELO_EREADONLY, c->name, n);
        if (rc == ELO_OK) {
            assert_false(reads_back(d.s, bytes));
        }
        dir_end(&d);
    }
    bytes_free(bytes);
}


static void
test_remove(void **state)
{
    (void) state;
    for (size_t k = 0; k < N_WHATS; k++) {
        for (size_t i = 0; i < N_CASES; i++) {
            if (!is_left_out(&whats[k], i)) {
                each_fault_of_remove(&cases[i], &whats[k]);
            }
        }
    }
}


/* A start that fails harms nothing: the next one finds all there is. */
static void
test_open(void **state)
{
    elo_slice_t bytes = bytes_of(DIR_INLINE + 5, 1);

    (void) state;
    for (size_t i = 0; i < N_CASES; i++) {
        bool goes_on = true;
        dir_t d;

        dir_make_root(&d);
        dir_open(&d);
        assert_int_equal(put_bytes(d.s, ELO_SLICE("kept"), NULL, NULL), ELO_OK);
        assert_int_equal(put_bytes(d.s, bytes, NULL, NULL), ELO_OK);
        elo_store_close(&d.s);
        for (unsigned n = 1; goes_on; n++) {
            elo_err_t rc;
            fault_t f;

            fault_init(&f, cases[i].kind, cases[i].err, cases[i].no_tmpfile);
            d.cfg.vfs = &f.v;
            fault_arm(&f, n);
            rc = elo_store_open(&d.cfg, &d.s, NULL);
            goes_on = fault_fired(&f);
            fault_arm(&f, 0);
            if (rc == ELO_OK) {
                assert_true(reads_back(d.s, ELO_SLICE("kept")));
                assert_true(reads_back(d.s, bytes));
                elo_store_close(&d.s);
            } else {
                assert_null(d.s);
                assert_true(goes_on);
            }
        }
        d.cfg.vfs = NULL;
        dir_open(&d);
        totals_are(d.s, 2, 4 + bytes.len);
        assert_true(reads_back(d.s, bytes));
        dir_end(&d);
    }
    bytes_free(bytes);
}


/* So does a making. */
static void
test_make(void **state)
{
    (void) state;
    for (size_t i = 0; i < N_CASES; i++) {
        bool goes_on = true;

        for (unsigned n = 1; goes_on; n++) {
            elo_err_t rc;
            fault_t f;
            dir_t d;

            dir_make_root(&d);
            fault_init(&f, cases[i].kind, cases[i].err, cases[i].no_tmpfile);
            d.cfg.vfs = &f.v;
            fault_arm(&f, n);
            rc = elo_store_open(&d.cfg, &d.s, NULL);
            goes_on = fault_fired(&f);
            fault_arm(&f, 0);
            if (rc == ELO_OK) {
                elo_store_close(&d.s);
            }
            d.cfg.vfs = NULL;
            dir_open(&d);
            assert_int_equal(put_bytes(d.s, ELO_SLICE("kept"), NULL, NULL),
                             ELO_OK);
            dir_end(&d);
        }
    }
}


/* What an errno means. */
static void
test_map(void **state)
{
    static const struct {
        elo_err_t in, out;
        bool is_readonly;
    } rows[] = { { ELO_OK, ELO_OK, false },
                 { ENOSPC, ELO_ENOSPC, false },
                 { EDQUOT, ELO_ENOSPC, false },
                 { EFBIG, ELO_ETOOBIG, false },
                 { ENOMEM, ELO_ENOMEM, false },
                 { EMFILE, EMFILE, false },
                 { EIO, ELO_EREADONLY, true },
                 { EROFS, ELO_EREADONLY, true },
                 { EUCLEAN, ELO_EREADONLY, true },
                 { ESTALE, ELO_EREADONLY, true },
                 { ENODEV, ELO_EREADONLY, true },
                 { ENXIO, ELO_EREADONLY, true },
                 { ELO_ECORRUPT, ELO_ECORRUPT, false } };
    dir_t *d = *state;

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        assert_int_equal(elo_store_fail(d->s, rows[i].in, "test"), rows[i].out);
        assert_int_equal(elo_store_is_readonly(d->s), rows[i].is_readonly);
        if (rows[i].is_readonly) {
            dir_reopen(d);
        }
    }
    assert_int_equal(elo_store_fail_sync(d->s, ELO_OK, "test"), ELO_OK);
    assert_int_equal(elo_store_fail_sync(d->s, ENOSPC, "test"), ELO_EREADONLY);
    assert_true(elo_store_is_readonly(d->s));
}


int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_put),
        cmocka_unit_test(test_long_put),
        cmocka_unit_test(test_remove),
        cmocka_unit_test(test_open),
        cmocka_unit_test(test_make),
        cmocka_unit_test_setup_teardown(test_map, dir_setup, dir_teardown),
    };

    elo_ignore(elo_log_open("/dev/null", ELO_LOG_ALERT)); /* loud on purpose */
    return cmocka_run_group_tests(tests, NULL, NULL);
}
