/* SPDX-License-Identifier: BSD-2-Clause */
/* Tests of backend/store/fault, and of every path that leads there: each file
   operation of a write fails once. Afterwards the write has failed and left
   nothing, or it has succeeded and reads back; what was there before stays. */
#include "t/unit/backend/store/store_dir.c"
#include "t/unit/backend/store/fault_vfs.h"

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

static uint8_t *long_bytes;


/* The store in d has a blob "kept", and is open over f. */
static void
start(dir_t *d, fault_t *f, const case_t *c)
{
    dir_make_root(d);
    fault_init(f, c->kind, c->err, c->no_tmpfile);
    assert_int_equal(elo_store_open_vfs(&d->cfg, &f->v, &d->s), ELO_OK);
    assert_int_equal(put_bytes(d->s, ELO_SLICE("kept"), NULL, NULL), ELO_OK);
}


/* Reopens with the real operations: files and records must agree. */
static void
check(dir_t *d, elo_slice_t bytes, elo_err_t rc, const char *name, unsigned n)
{
    elo_digest_t dig = digest_of(bytes);
    elo_blob_stat_t st;
    uint64_t blobs, len;
    bool held;

    elo_store_close(&d->s);
    dir_open(d);
    held = elo_store_stat(d->s, &dig, &st) == ELO_OK;
    elo_store_totals(d->s, &blobs, &len);
    if ((rc == ELO_OK && !held) || (held && !reads_back(d->s, bytes))
        || !reads_back(d->s, ELO_SLICE("kept")) || blobs != 1u + held
        || dir_count(d, "blobs") != blobs || dir_count(d, "tmp") != 0)
    {
        fail_msg("%s at %u: result %d, held %d, %d files", name, n, rc, held,
                 (int) dir_count(d, "blobs"));
    }
}


/* Each operation of a put fails in turn, until there is no n-th one. */
static void
each_fault_of_put(const case_t *c, elo_slice_t bytes, unsigned step)
{
    bool goes_on = true;

    for (unsigned n = 1; goes_on; n += step) {
        elo_err_t rc;
        fault_t f;
        dir_t d;

        start(&d, &f, c);
        fault_arm(&f, n);
        rc = put_bytes(d.s, bytes, NULL, NULL);
        goes_on = f.fired;
        fault_arm(&f, 0);
        if (rc != ELO_OK && !f.fired && goes_on == false) {
            fail_msg("%s: fails without a fault: %d", c->name, rc);
        }
        if (elo_store_is_readonly(d.s)) {
            assert_false(c->goes_on);
            assert_int_equal(put_bytes(d.s, ELO_SLICE("x"), NULL, NULL),
                             ELO_EREADONLY);
            assert_true(reads_back(d.s, ELO_SLICE("kept")));
        } else if (rc != ELO_OK) {
            /* Nothing stays, not even until the next open. */
            assert_int_equal(dir_count(&d, "blobs"), 1);
            assert_int_equal(dir_count(&d, "tmp"), 0);
            assert_int_equal(put_bytes(d.s, bytes, NULL, NULL), ELO_OK);
        }
        check(&d, bytes, elo_store_is_readonly(d.s) ? rc : ELO_OK, c->name, n);
        dir_end(&d);
    }
}


static void
test_put(void **state)
{
    (void) state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        each_fault_of_put(&cases[i], ELO_SLICE("the blob"), 1);
    }
}


static void
test_long_put(void **state)
{
    static const case_t two[] = {
        { "long, I/O error", FAULT_ERR, EIO, false, false },
        { "long, disk full", FAULT_ERR, ENOSPC, false, false },
    };

    (void) state;
    long_bytes = calloc(1, LONG_LEN);
    for (size_t i = 0; i < 2; i++) {
        each_fault_of_put(&two[i], elo_slice(long_bytes, LONG_LEN), 3);
    }
    free(long_bytes);
}


/* What each kind of error means for the store. */
static void
test_meaning(void **state)
{
    static const struct {
        const char *name;
        fault_kind_t kind;
        elo_err_t err;
        unsigned at;
        elo_err_t want;
        bool readonly;
    } rows[] = {
        { "statvfs, EIO", FAULT_ERR, EIO, 1, ELO_EREADONLY, true },
        { "open, ENOSPC", FAULT_ERR, ENOSPC, 2, ELO_ENOSPC, false },
        { "write, ENOSPC", FAULT_ERR, ENOSPC, 3, ELO_ENOSPC, false },
        { "write, EDQUOT", FAULT_ERR, EDQUOT, 3, ELO_ENOSPC, false },
        { "write, EIO", FAULT_ERR, EIO, 3, ELO_EREADONLY, true },
        { "write of nothing", FAULT_ZERO, 0, 1, ELO_ENOSPC, false },
        { "fdatasync, EIO", FAULT_SYNC, EIO, 1, ELO_EREADONLY, true },
        { "fdatasync, ENOSPC", FAULT_SYNC, ENOSPC, 1, ELO_EREADONLY, true },
        { "directory, EIO", FAULT_SYNC, EIO, 2, ELO_EREADONLY, true },
        { "commit, EIO", FAULT_SYNC, EIO, 3, ELO_EREADONLY, true },
        { "commit, ENOSPC", FAULT_SYNC, ENOSPC, 3, ELO_ENOSPC, false },
    };
    static const case_t plain = { .name = "plain" };

    (void) state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        elo_err_t rc;
        fault_t f;
        dir_t d;

        start(&d, &f, &plain);
        f.kind = rows[i].kind;
        f.err = rows[i].err;
        fault_arm(&f, rows[i].at);
        rc = put_bytes(d.s, ELO_SLICE("the blob"), NULL, NULL);
        if (!f.fired || rc != rows[i].want
            || elo_store_is_readonly(d.s) != rows[i].readonly)
        {
            fail_msg("%s: fired %d, %d instead of %d, read-only %d",
                     rows[i].name, f.fired, rc, rows[i].want,
                     elo_store_is_readonly(d.s));
        }
        dir_end(&d);
    }
}


/* Removal: the blob is there with its file, or both are gone. */
static void
test_remove(void **state)
{
    (void) state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        bool goes_on = true;

        for (unsigned n = 1; goes_on; n++) {
            elo_digest_t dig = digest_of(ELO_SLICE("going"));
            uint64_t blobs, len;
            elo_err_t rc;
            fault_t f;
            dir_t d;

            start(&d, &f, &cases[i]);
            assert_int_equal(put_bytes(d.s, ELO_SLICE("going"), NULL, NULL),
                             ELO_OK);
            fault_arm(&f, n);
            rc = elo_store_remove(d.s, &dig);
            goes_on = f.fired;
            fault_arm(&f, 0);
            elo_store_close(&d.s);
            dir_open(&d);
            elo_store_totals(d.s, &blobs, &len);
            if (blobs != (rc == ELO_OK ? 1 : 2)
                || dir_count(&d, "blobs") != blobs
                || reads_back(d.s, ELO_SLICE("going")) != (rc != ELO_OK)
                || !reads_back(d.s, ELO_SLICE("kept")))
            {
                fail_msg("%s at %u: result %d, %d blobs, %d files",
                         cases[i].name, n, rc, (int) blobs,
                         (int) dir_count(&d, "blobs"));
            }
            dir_end(&d);
        }
    }
}


/* A media index over an older one: one of both is there, and one file. */
static void
test_media(void **state)
{
    (void) state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        bool goes_on = true;

        for (unsigned n = 1; goes_on; n++) {
            elo_digest_t dig = digest_of(ELO_SLICE("kept"));
            uint64_t size;
            uint8_t status, mem[16];
            elo_buf_t buf;
            elo_err_t rc;
            fault_t f;
            dir_t d;

            start(&d, &f, &cases[i]);
            assert_int_equal(elo_store_media_put(d.s, &dig, ELO_MEDIA_READY,
                                                 ELO_SLICE("old"),
                                                 ELO_SLICE("")),
                             ELO_OK);
            fault_arm(&f, n);
            rc = elo_store_media_put(d.s, &dig, ELO_MEDIA_READY,
                                     ELO_SLICE("newer"), ELO_SLICE(""));
            goes_on = f.fired;
            fault_arm(&f, 0);
            elo_store_close(&d.s);
            dir_open(&d);
            assert_int_equal(
                elo_store_media_stat(d.s, &dig, &status, &size, NULL), ELO_OK);
            elo_buf_init_fixed(&buf, mem, sizeof(mem));
            assert_int_equal(elo_store_media_read(d.s, &dig, 0, size, &buf),
                             ELO_OK);
            if (!elo_slice_eq(elo_buf_slice(&buf), rc == ELO_OK
                                                       ? ELO_SLICE("newer")
                                                       : ELO_SLICE("old"))
                || dir_count(&d, "media") != 1)
            {
                fail_msg("%s at %u: result %d, %d files", cases[i].name, n, rc,
                         (int) dir_count(&d, "media"));
            }
            dir_end(&d);
        }
    }
}


/* Opening, of a fresh store and of one with debris: it fails whole or works. */
static void
test_open(void **state)
{
    static const elo_err_t errs[] = { EIO, ENOSPC };

    (void) state;
    for (size_t i = 0; i < 4; i++) {
        bool is_fresh = i % 2 == 0, goes_on = true;

        /* A fresh store makes 512 directories: not each of them is tried. */
        for (unsigned n = 1; goes_on;
             n += is_fresh && n > 40 && n < 1500 ? 97 : 1) {
            elo_err_t rc;
            fault_t f;
            dir_t d;

            dir_make_root(&d);
            if (!is_fresh) {
                dir_open(&d);
                assert_int_equal(put_bytes(d.s, ELO_SLICE("kept"), NULL, NULL),
                                 ELO_OK);
                elo_store_close(&d.s);
                close(creat(dir_path(&d, "tmp/debris"), 0600));
                close(creat(dir_path(&d, "blobs/09/0000000000000009"), 0600));
            }
            fault_init(&f, FAULT_ERR, errs[i / 2], false);
            fault_arm(&f, n);
            rc = elo_store_open_vfs(&d.cfg, &f.v, &d.s);
            goes_on = f.fired;
            fault_arm(&f, 0);
            if (rc == ELO_OK) {
                assert_int_equal(
                    put_bytes(d.s, ELO_SLICE("another"), NULL, NULL), ELO_OK);
                elo_store_close(&d.s);
            } else {
                assert_null(d.s);
            }
            dir_open(&d);
            assert_int_equal(put_bytes(d.s, ELO_SLICE("more"), NULL, NULL),
                             ELO_OK);
            assert_int_equal(dir_count(&d, "blobs"),
                             1 + !is_fresh + (rc == ELO_OK));
            dir_end(&d);
        }
    }
}


int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_meaning),  cmocka_unit_test(test_put),
        cmocka_unit_test(test_long_put), cmocka_unit_test(test_remove),
        cmocka_unit_test(test_media),    cmocka_unit_test(test_open),
    };

    /* Each fault is logged, as it should be; here that is noise. */
    assert_true(elo_log_open("/dev/null", ELO_LOG_ALERT) == ELO_OK);
    return cmocka_run_group_tests_name("store/fault", tests, NULL, NULL);
}
