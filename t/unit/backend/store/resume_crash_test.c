/* SPDX-License-Identifier: BSD-2-Clause */
/* Tests of resumable uploads against the end of the process, a full disk and a
   failing one, before each single file operation: what was acknowledged is there,
   and the upload goes on to its end. */
#include "t/unit/backend/store/copy_dir.h"
#include "t/unit/backend/store/upload_dir.h"

#include <errno.h>

/* Something happens at the at-th operation that changes a file. */
typedef struct {
    elo_vfs_t v;
    const dir_t *d;
    bool is_copied;  /* a copy is made */
    elo_err_t err;   /* or else it fails with this */
    bool only_sync;  /* counted are syncs only */
    bool is_lasting; /* and so does each after it */
    dir_t copy;
    /* shared: atomic. Operations of several threads */
    unsigned at, count;
    bool fired;
} fault_vfs_t;


typedef enum { OP_WRITE, OP_SYNC, OP_UNLINK } op_t;


static elo_err_t
hit(const elo_vfs_t *v, op_t op)
{
    fault_vfs_t *f = (fault_vfs_t *) (uintptr_t) v;
    unsigned n, at = __atomic_load_n(&f->at, __ATOMIC_ACQUIRE);

    if (at == 0 || (f->only_sync && op != OP_SYNC)
        || (f->err == ENOSPC && op == OP_UNLINK))
    {
        return ELO_OK;
    }
    n = __atomic_add_fetch(&f->count, 1, __ATOMIC_RELAXED);
    if (n < at || (n > at && !f->is_lasting)) {
        return ELO_OK;
    }
    __atomic_store_n(&f->fired, true, __ATOMIC_RELEASE);
    if (!f->is_copied) {
        return f->err;
    }
    copy_dir(f->d, &f->copy);
    return ELO_OK;
}


#define WRAP(name, op, params, args)                                           \
    static elo_err_t f_##name params                                           \
    {                                                                          \
        elo_err_t rc = hit(v, op);                                             \
                                                                               \
        v = elo_vfs_posix();                                                   \
        return rc != ELO_OK ? rc : v->name args;                               \
    }

/* clang-format off */
WRAP(pwrite, OP_WRITE, (const elo_vfs_t *v, int fd, const void *p, size_t len,
     uint64_t off, size_t *n), (v, fd, p, len, off, n))
WRAP(pwritev, OP_WRITE, (const elo_vfs_t *v, int fd, const elo_slice_t *parts,
     unsigned n_parts, uint64_t off, size_t *n),
     (v, fd, parts, n_parts, off, n))
WRAP(truncate, OP_WRITE, (const elo_vfs_t *v, int fd, uint64_t size),
     (v, fd, size))
WRAP(fdatasync, OP_SYNC, (const elo_vfs_t *v, int fd), (v, fd))
WRAP(fsync_dir, OP_SYNC, (const elo_vfs_t *v, int fd), (v, fd))
WRAP(link, OP_WRITE, (const elo_vfs_t *v, int dir, const char *from,
     const char *to), (v, dir, from, to))
WRAP(unlink, OP_UNLINK, (const elo_vfs_t *v, int dir, const char *path),
     (v, dir, path))
/* clang-format on */


static void
fault_init(fault_vfs_t *f, dir_t *d)
{
    *f = (fault_vfs_t){ .v = *elo_vfs_posix(), .d = d };
    f->v.pwrite = f_pwrite;
    f->v.pwritev = f_pwritev;
    f->v.truncate = f_truncate;
    f->v.fdatasync = f_fdatasync;
    f->v.fsync_dir = f_fsync_dir;
    f->v.link = f_link;
    f->v.unlink = f_unlink;
    d->cfg.vfs = &f->v;
}


static void
arm(fault_vfs_t *f, unsigned at)
{
    __atomic_store_n(&f->at, at, __ATOMIC_RELEASE);
}


static bool
has_fired(const fault_vfs_t *f)
{
    return __atomic_load_n(&f->fired, __ATOMIC_ACQUIRE);
}


/* ---- one upload, with all that may happen to it ---- */

#define NONE UINT64_MAX /* not made yet */

typedef struct {
    elo_reach_t reach;
    elo_slice_t all, bad;
    elo_upload_stat_t st;
    /* what was acknowledged; taken down when the fault fires */
    uint64_t offset, offset_then;
    bool is_final, is_final_then;
    bool is_made;
} story_t;


static void
acknowledge(story_t *y, const fault_vfs_t *f, uint64_t offset, bool is_final)
{
    y->offset = offset;
    y->is_final = is_final;
    if (!has_fired(f)) {
        y->offset_then = offset;
        y->is_final_then = is_final;
    }
}


/* As far as it goes. */
static elo_err_t
tell(dir_t *d, story_t *y, const fault_vfs_t *f)
{
    uint64_t half = y->all.len / 2;
    elo_put_opt_t opt = opt_of(y->reach, 0);
    elo_blob_stat_t blob;
    elo_upload_t *u;
    bool existed;
    elo_err_t rc;

    acknowledge(y, f, NONE, false);
    y->is_made = false;
    rc = elo_upload_create(d->s, &opt, y->all.len, ELO_SLICE(""), &y->st);
    if (rc != ELO_OK) {
        return rc;
    }
    y->is_made = true;
    acknowledge(y, f, 0, false);
    if ((rc = elo_upload_open(d->s, up_id(&y->st), &u)) != ELO_OK) {
        return rc;
    }
    rc = up_write(u, y->all, half, 200000);
    if (rc == ELO_OK && (rc = elo_upload_sync(u)) == ELO_OK) {
        acknowledge(y, f, half, false);
        rc = up_write(u, y->bad, y->all.len - 1, 900000);
    }
    /* the checksum of that part was wrong */
    if (rc == ELO_OK && (rc = elo_upload_rewind(u, half)) == ELO_OK) {
        rc = up_write(u, y->all, y->all.len, 900000);
    }
    if (rc == ELO_OK && (rc = elo_upload_finish(u, &blob, &existed)) == ELO_OK)
    {
        acknowledge(y, f, y->all.len, true);
    }
    elo_upload_close(&u);
    return rc;
}


/* After whatever happened: nothing that was acknowledged is lost, and it can be
   brought to its end. */
static void
check(dir_t *d, story_t *y, uint64_t offset, bool is_final)
{
    elo_upload_stat_t now;
    elo_err_t rc = ELO_ENOTFOUND;
    uint32_t n;

    if (y->is_made) {
        rc = elo_upload_stat(d->s, up_id(&y->st), &now);
    }
    if (rc == ELO_ENOTFOUND) {
        assert_int_equal(offset, NONE);
        /* it may be there all the same, and nobody knows its name */
        assert_int_equal(elo_upload_expire(d->s, INT64_MAX / 2, &n), ELO_OK);
        y->st = up_create(d->s, y->reach, y->all.len);
        rc = elo_upload_stat(d->s, up_id(&y->st), &now);
    }
    assert_int_equal(rc, ELO_OK);
    assert_true(offset == NONE || now.offset >= offset);
    assert_true(now.is_final || !is_final);
    if (!now.is_final) {
        assert_true(now.offset <= y->all.len);
        if (now.offset > y->all.len / 2 && now.offset < y->all.len) {
            /* a close has kept bytes that the client means to take back */
            assert_int_equal(elo_upload_remove(d->s, up_id(&y->st)), ELO_OK);
            y->st = up_create(d->s, y->reach, y->all.len);
        }
        assert_int_equal(up_finish(d->s, &y->st, y->all, NULL), ELO_OK);
    }
    dir_reopen(d); /* sweeps up what could not be removed */
    up_is_final(d, &y->st, y->all);
    assert_int_equal(side_totals(d->s).blobs, 1);
}


static void
story_init(story_t *y, elo_reach_t reach, size_t len)
{
    *y = (story_t){ .reach = reach,
                    .all = bytes_of(len, (uint32_t) len),
                    .bad = bytes_of(len, (uint32_t) len + 1) };
}


static void
story_end(story_t *y)
{
    bytes_free(y->all);
    bytes_free(y->bad);
}


static const struct {
    elo_reach_t reach;
    size_t len;
} stories[] = {
    { ELO_REACH_COMMONS, 5000 },  /* ends in the log */
    { ELO_REACH_COMMONS, 40000 }, /* becomes a file */
    { ELO_REACH_PRIVATE, 5000 },
    { ELO_REACH_PRIVATE, 2 * CHUNK + 900 }, /* the part taken back is sealed */
};


static void
dir_fresh(dir_t *d, fault_vfs_t *f)
{
    dir_make_root(d);
    dir_keyring(d);
    fault_init(f, d);
    dir_open(d);
}


static void
test_crash(void **state)
{
    (void) state;
    for (size_t i = 0; i < ELO_COUNT(stories); i++) {
        bool is_over = false;

        for (unsigned at = 1; !is_over; at++) {
            fault_vfs_t f;
            story_t y;
            dir_t d;

            story_init(&y, stories[i].reach, stories[i].len);
            dir_fresh(&d, &f);
            f.is_copied = true;
            arm(&f, at);
            assert_int_equal(tell(&d, &y, &f), ELO_OK);
            arm(&f, 0);
            elo_store_close(&d.s); /* no thread is copying any more */
            is_over = !has_fired(&f);
            if (has_fired(&f)) {
                dir_open(&f.copy);
                check(&f.copy, &y, y.offset_then, y.is_final_then);
                dir_end(&f.copy);
            }
            dir_end(&d);
            story_end(&y);
        }
    }
}


/* The disk is full at some point, and has room again later. */
static void
test_full(void **state)
{
    (void) state;
    for (size_t i = 0; i < ELO_COUNT(stories); i++) {
        for (int is_lasting = 0; is_lasting < 2; is_lasting++) {
            bool is_over = false;

            for (unsigned at = 1; !is_over; at++) {
                fault_vfs_t f;
                elo_err_t rc;
                story_t y;
                dir_t d;

                story_init(&y, stories[i].reach, stories[i].len);
                dir_fresh(&d, &f);
                f.err = ENOSPC;
                f.is_lasting = is_lasting != 0;
                arm(&f, at);
                rc = tell(&d, &y, &f);
                arm(&f, 0);
                is_over = !has_fired(&f);
                assert_true(rc == ELO_OK || rc == ELO_ENOSPC
                            || rc == ELO_EREADONLY);
                if (rc == ELO_EREADONLY || elo_store_is_readonly(d.s)) {
                    dir_reopen(&d); /* it was a sync that had no room */
                }
                check(&d, &y, y.offset, y.is_final);
                dir_end(&d);
                story_end(&y);
            }
        }
    }
}


/* A sync fails: nobody knows what is on disk, until it is opened again. */
static void
test_failed_sync(void **state)
{
    (void) state;
    for (size_t i = 0; i < ELO_COUNT(stories); i++) {
        bool is_over = false;

        for (unsigned at = 1; !is_over; at++) {
            fault_vfs_t f;
            story_t y;
            dir_t d;

            story_init(&y, stories[i].reach, stories[i].len);
            dir_fresh(&d, &f);
            f.err = EIO;
            f.only_sync = true;
            arm(&f, at);
            elo_ignore(tell(&d, &y, &f)); /* it may also be somebody else's */
            arm(&f, 0);
            is_over = !has_fired(&f);
            dir_reopen(&d);
            check(&d, &y, y.offset, y.is_final);
            dir_end(&d);
            story_end(&y);
        }
    }
}


int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_crash),
        cmocka_unit_test(test_full),
        cmocka_unit_test(test_failed_sync),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
