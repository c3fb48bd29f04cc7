/* SPDX-License-Identifier: BSD-2-Clause */
/* index_write: LMDB's own writes and syncs fail, at each in turn. It doesn't go
   through the vfs; here its calls end up in this file. */
#include "t/unit/backend/kv/kv_dir.c"

#include <errno.h>
#include <sys/syscall.h>
#include <sys/uio.h>

#include "backend/kv/index.h"

typedef struct {
    const char *what;
    int err;        /* -1: a short write */
    elo_err_t want; /* of a commit that this ends */
} fault_t;

static int at = -1; /* calls until one fails; < 0: none */
static int err;
static bool is_meta; /* only writes of a meta page count, else all others */
static bool is_sync; /* only syncs count */


static bool
hit(bool sync, size_t len, off_t off)
{
    bool meta = !sync && off < 8192 && len < 4096;

    if (at < 0 || sync != is_sync || meta != is_meta) {
        return false;
    }
    return at-- == 0;
}


ssize_t
pwrite(int fd, const void *p, size_t len, off_t off)
{
    if (hit(false, len, off)) {
        if (err >= 0) {
            errno = err;
            return -1;
        }
        len /= 2;
    }
    return (ssize_t) syscall(SYS_pwrite64, fd, p, len, off);
}


ssize_t
writev(int fd, const struct iovec *iov, int n)
{
    if (hit(false, SIZE_MAX, 1 << 30)) {
        if (err >= 0) {
            errno = err;
            return -1;
        }
        return (ssize_t) syscall(SYS_write, fd, iov[0].iov_base,
                                 iov[0].iov_len / 2);
    }
    return (ssize_t) syscall(SYS_writev, fd, iov, n);
}


int
fdatasync(int fd)
{
    if (hit(true, 0, 0)) {
        errno = err;
        return -1;
    }
    return (int) syscall(SYS_fdatasync, fd);
}


static elo_err_t
write_rows(elo_index_t *ix, unsigned round)
{
    elo_kv_row_t row = { .value = ELO_SLICE("value") };
    elo_index_write_t *w;
    uint8_t key[4];
    elo_err_t rc;

    if ((rc = elo_index_write_begin(ix, &w)) != ELO_OK) {
        return rc;
    }
    /* some pages that stand together, and some that don't */
    for (unsigned i = 0; i < 200 && rc == ELO_OK; i++) {
        key[0] = (uint8_t) (i * 7);
        key[1] = (uint8_t) i;
        key[2] = key[3] = 0;
        row.key = elo_slice(key, sizeof(key));
        row.place = round;
        rc = elo_index_put(w, T_ONE, &row);
    }
    if (rc != ELO_OK) {
        elo_index_abort(&w);
        return rc;
    }
    return elo_index_commit(&w);
}


/* The round that all rows are of. */
static unsigned
round_of(elo_index_t *ix)
{
    unsigned round = 0, n = 0;
    elo_index_cursor_t c;
    elo_index_read_t *r;
    elo_kv_row_t row;

    assert_int_equal(elo_index_read_begin(ix, &r), ELO_OK);
    assert_int_equal(elo_index_seek(r, T_ONE, ELO_SLICE(""), &c), ELO_OK);
    while (elo_index_next(&c, &row) == ELO_OK) {
        assert_true(n == 0 || row.place == round);
        round = (unsigned) row.place;
        n++;
    }
    assert_int_equal(n, 200);
    elo_index_cursor_end(&c);
    elo_index_read_end(&r);
    return round;
}


static void
run_case(const fault_t *f, bool meta, bool sync)
{
    elo_index_read_t *held;
    elo_index_t *ix;
    elo_err_t rc;
    kvd_t d;

    for (int n = 0;; n++) {
        kvd_make(&d);
        assert_int_equal(elo_index_open(&d.cfg, &ix), ELO_OK);
        assert_int_equal(write_rows(ix, 1), ELO_OK);
        assert_int_equal(elo_index_read_begin(ix, &held), ELO_OK);
        at = n;
        err = f->err;
        is_meta = meta;
        is_sync = sync;
        rc = write_rows(ix, 2);
        if (at >= 0) { /* it had no n-th call */
            at = -1;
            assert_int_equal(rc, ELO_OK);
            assert_true(n > 0);
            elo_index_read_end(&held);
            elo_index_close(&ix);
            kvd_end(&d);
            return;
        }
        if (rc != f->want) {
            fail_msg("%s, call %d: %d instead of %d", f->what, n, rc, f->want);
        }
        /* reads go on, whatever it was, with all of one or all of the other */
        assert_int_equal(round_of(ix), 1);
        elo_index_read_end(&held);
        assert_int_equal(round_of(ix), 1);
        if (rc == ENOSPC) {
            assert_int_equal(write_rows(ix, 3), ELO_OK);
            assert_int_equal(round_of(ix), 3);
        }
        elo_index_close(&ix);
        assert_int_equal(elo_index_open(&d.cfg, &ix), ELO_OK);
        assert_int_equal(round_of(ix), rc == ENOSPC ? 3 : 1);
        assert_int_equal(write_rows(ix, 4), ELO_OK);
        assert_int_equal(round_of(ix), 4);
        elo_index_close(&ix);
        kvd_end(&d);
    }
}


static void
test_pages(void **state)
{
    static const fault_t faults[] = {
        { "no space for a page", ENOSPC, ENOSPC },
        { "page unwritten", EIO, EIO },
        { "page written by half", -1, EIO },
    };

    (void) state;
    for (size_t i = 0; i < sizeof(faults) / sizeof(faults[0]); i++) {
        run_case(&faults[i], false, false);
    }
}


static void
test_sync(void **state)
{
    static const fault_t fault = { "sync", EIO, EIO };

    (void) state;
    run_case(&fault, false, true);
}


/* LMDB no longer knows its state, and refuses to read. */
static void
test_meta(void **state)
{
    static const fault_t fault = { "meta page unwritten", EIO, EIO };

    (void) state;
    run_case(&fault, true, false);
}


int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_pages),
        cmocka_unit_test(test_sync),
        cmocka_unit_test(test_meta),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
