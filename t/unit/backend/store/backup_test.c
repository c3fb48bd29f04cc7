/* SPDX-License-Identifier: BSD-2-Clause */
#include "t/unit/backend/store/store_dir.c"

#include <errno.h>

#include "backend/store/backup.h"
#include "backend/store/fsck.h"
#include "t/unit/backend/store/fault_vfs.c"

#define N 8u


static void
fill(elo_store_t *s, elo_slice_t bytes[N], uint32_t seed)
{
    for (uint32_t i = 0; i < N; i++) {
        bytes[i] = bytes_of(i % 2 == 0 ? 3000 : DIR_INLINE * 2, seed + i);
        assert_int_equal(put_bytes(s, bytes[i], NULL, NULL), ELO_OK);
    }
}


static void
forget(elo_slice_t bytes[N])
{
    for (uint32_t i = 0; i < N; i++) {
        bytes_free(bytes[i]);
    }
}


static void
is_clean(const char *root)
{
    elo_fsck_report_t *r = calloc(1, sizeof(*r));
    elo_fsck_cfg_t cfg = { .root = root, .deep = true };

    assert_int_equal(elo_fsck_check(&cfg, r), ELO_OK);
    assert_int_equal(r->problems, 0);
    free(r);
}


/* Everything put before is in the copy, and both go on by themselves. */
static void
copy_is_whole(dir_t *d, bool may_link)
{
    elo_slice_t before[N], after[N];
    elo_backup_t b;
    dir_t copy;

    fill(d->s, before, 1);
    dir_make_root(&copy);
    copy.cfg.keyring = d->cfg.keyring;
    assert_int_equal(elo_store_backup(d->s, copy.root, may_link, NULL, &b),
                     ELO_OK);
    assert_int_equal(b.files, N / 2);
    assert_true(b.segments > 0);
    assert_true(may_link ? b.linked >= N / 2 : b.linked == 0);
    fill(d->s, after, 1000);
    is_clean(copy.root);

    dir_open(&copy);
    for (uint32_t i = 0; i < N; i++) {
        assert_true(reads_back(copy.s, before[i]));
        assert_false(reads_back(copy.s, after[i]));
    }
    forget(after);
    fill(copy.s, after, 2000); /* the same numbers of files as in the store */
    for (uint32_t i = 0; i < N; i++) {
        elo_digest_t digest = digest_of(before[i]);

        assert_int_equal(elo_store_remove(copy.s, &digest, NULL), ELO_OK);
        assert_true(reads_back(d->s, before[i]));
        assert_true(reads_back(copy.s, after[i]));
    }
    elo_store_close(&copy.s);
    is_clean(copy.root);
    elo_store_close(&d->s);
    is_clean(d->root);
    dir_open(d);
    forget(before);
    forget(after);
    dir_end(&copy);
}


static void
test_shared(void **state)
{
    copy_is_whole(*state, true);
}


static void
test_copied(void **state)
{
    copy_is_whole(*state, false);
}


/* A store that was opened and not written to: its last segment belongs to the run
   before. */
static void
test_after_a_start(void **state)
{
    dir_t *d = *state, copy;
    elo_slice_t bytes[N];
    elo_backup_t b;

    fill(d->s, bytes, 1);
    dir_reopen(d);
    dir_make_root(&copy);
    assert_int_equal(elo_store_backup(d->s, copy.root, true, NULL, &b), ELO_OK);
    dir_open(&copy);
    for (uint32_t i = 0; i < N; i++) {
        assert_true(reads_back(copy.s, bytes[i]));
    }
    forget(bytes);
    dir_end(&copy);
}


static void
test_refusals(void **state)
{
    dir_t *d = *state, copy;
    elo_backup_t b;

    dir_make_root(&copy);
    assert_int_equal(elo_store_backup(d->s, "relative", true, NULL, &b),
                     ELO_EINVAL);
    assert_int_equal(elo_store_backup(d->s, d->root, true, NULL, &b),
                     ELO_EEXISTS);
    assert_true(elo_store_backup(d->s, "/nowhere/at/all", true, NULL, &b)
                != ELO_OK);
    assert_int_equal(elo_store_backup(d->s, copy.root, true, NULL, &b), ELO_OK);
    assert_int_equal(elo_store_backup(d->s, copy.root, true, NULL, &b),
                     ELO_EEXISTS);
    is_clean(copy.root);
    assert_int_equal(creat(dir_path(&copy, ELO_BACKUP_MARK), 0600) >= 0, 1);
    assert_int_equal(elo_store_open(&copy.cfg, &copy.s, NULL), ELO_ECORRUPT);
    copy.s = NULL;
    dir_end(&copy);
}


/* Whatever fails: either the copy is whole, or it has the mark and no store
   opens on it; the store goes on, or is read-only for a reason. */
static void
test_each_operation_fails(void **state)
{
    elo_slice_t bytes[N];
    fault_t f;
    unsigned at;
    bool fired = true;

    (void) state;
    for (at = 1; fired; at += 7) {
        elo_backup_t b;
        dir_t d, copy;
        elo_err_t rc;

        dir_make_root(&d);
        dir_make_root(&copy);
        fault_init(&f, FAULT_ERR, ENOSPC, false);
        d.cfg.vfs = &f.v;
        dir_open(&d);
        fill(d.s, bytes, 1);
        fault_arm(&f, at);
        rc = elo_store_backup(d.s, copy.root, at % 2 == 0, NULL, &b);
        fired = fault_fired(&f);
        fault_arm(&f, 0);
        if (rc == ELO_OK) {
            is_clean(copy.root);
        } else {
            assert_true(fired);
            rc = elo_store_open(&copy.cfg, &copy.s, NULL);
            /* the very first operations leave an empty directory */
            assert_true(rc == ELO_ECORRUPT || dir_count(&copy, "log") <= 1);
        }
        elo_store_close(&copy.s);
        dir_end(&d);
        dir_end(&copy);
        forget(bytes);
    }
    assert_true(at > 100);
}


/* ---- told to end ---- */

/* The real file operations; the at-th of those that a backup makes for each file and
   each piece sets the flag. */
typedef struct {
    elo_vfs_t v; /* first */
    atomic_bool *flag;
    unsigned at, n;
    unsigned later; /* pieces read after it was set */
    bool only_pieces;
} ender_t;


static void
ender_count(const elo_vfs_t *v)
{
    ender_t *e = (ender_t *) (uintptr_t) v;

    if (e->at != 0 && ++e->n == e->at) {
        atomic_store(e->flag, true);
    }
}


static elo_err_t
ender_own_like(const elo_vfs_t *v, int fd, int like)
{
    if (!((const ender_t *) v)->only_pieces) {
        ender_count(v);
    }
    v = elo_vfs_posix();
    return v->own_like(v, fd, like);
}


static elo_err_t
ender_link(const elo_vfs_t *v, int dir, const char *from, const char *to)
{
    ender_count(v);
    v = elo_vfs_posix();
    return v->link(v, dir, from, to);
}


static elo_err_t
ender_pread(const elo_vfs_t *v, int fd, void *p, size_t len, uint64_t off,
            size_t *n)
{
    ender_t *e = (ender_t *) (uintptr_t) v;

    if (len > DIR_INLINE) {
        e->later += atomic_load(e->flag);
        ender_count(v);
    }
    v = elo_vfs_posix();
    return v->pread(v, fd, p, len, off, n);
}


static void
ender_init(ender_t *e, atomic_bool *flag)
{
    *e = (ender_t){ .v = *elo_vfs_posix(), .flag = flag };
    e->v.own_like = ender_own_like;
    e->v.link = ender_link;
    e->v.pread = ender_pread;
}


/* Wherever it is told to end: it says so, no store opens on what it leaves, and the
   next one is whole. */
static void
test_told_to_end(void **state)
{
    elo_slice_t bytes[N];
    elo_err_t rc = ECANCELED;
    unsigned at;

    (void) state;
    for (at = 1; rc != ELO_OK; at++) {
        atomic_bool flag;
        elo_backup_t b;
        dir_t d, copy;
        ender_t e;

        atomic_init(&flag, false);
        ender_init(&e, &flag);
        dir_make_root(&d);
        dir_make_root(&copy);
        d.cfg.vfs = &e.v;
        dir_open(&d);
        fill(d.s, bytes, 1);
        e.at = at;
        rc = elo_store_backup(d.s, copy.root, at % 2 == 0, &flag, &b);
        e.at = 0;
        assert_int_equal(e.later, 0);
        if (rc == ELO_OK) {
            is_clean(copy.root);
        } else {
            assert_int_equal(rc, ECANCELED);
            assert_true(atomic_load(&flag));
            assert_int_equal(elo_store_open(&copy.cfg, &copy.s, NULL),
                             ELO_ECORRUPT);
            copy.s = NULL;
            dir_end(&copy);
            dir_make_root(&copy);
            atomic_store(&flag, false);
            assert_int_equal(elo_store_backup(d.s, copy.root, true, &flag, &b),
                             ELO_OK);
            is_clean(copy.root);
        }
        dir_end(&d);
        dir_end(&copy);
        forget(bytes);
    }
    assert_true(at > 10);
}


/* Of a large file no more than a piece is copied after that. */
static void
test_told_to_end_in_a_file(void **state)
{
    elo_slice_t large = bytes_of(5u << 20, 1);
    atomic_bool flag;
    elo_backup_t b;
    dir_t d, copy;
    ender_t e;

    (void) state;
    atomic_init(&flag, true);
    ender_init(&e, &flag);
    dir_make_root(&d);
    dir_make_root(&copy);
    d.cfg.vfs = &e.v;
    dir_open(&d);
    assert_int_equal(put_bytes(d.s, large, NULL, NULL), ELO_OK);
    assert_int_equal(elo_store_backup(d.s, copy.root, false, &flag, &b),
                     ECANCELED); /* nothing is begun */
    assert_int_equal(rmdir(copy.root), 0);
    atomic_store(&flag, false);
    e.only_pieces = true;
    e.at = 2;
    assert_int_equal(elo_store_backup(d.s, copy.root, false, &flag, &b),
                     ECANCELED);
    assert_int_equal(b.bytes, 2u << 20);
    assert_int_equal(e.later, 0);
    assert_int_equal(b.files, 0);
    dir_end(&d);
    dir_end(&copy);
    bytes_free(large);
}


int
main(void)
{
#define TEST(fn) cmocka_unit_test_setup_teardown(fn, dir_setup, dir_teardown)
    const struct CMUnitTest tests[] = {
        TEST(test_shared),
        TEST(test_copied),
        TEST(test_after_a_start),
        TEST(test_refusals),
        cmocka_unit_test(test_each_operation_fails),
        cmocka_unit_test(test_told_to_end),
        cmocka_unit_test(test_told_to_end_in_a_file),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
