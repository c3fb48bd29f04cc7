/* SPDX-License-Identifier: BSD-2-Clause */
/* Tests of t/crash/simdisk.c: a disk that lies in a test hides what it is there
   to find. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "t/crash/simdisk.h"

#define SEEDS 200u

typedef struct {
    simdisk_t *d;
    const elo_vfs_t *v;
    int root;
} fix_t;


static void
mount(fix_t *f, simdisk_t *d)
{
    f->d = d;
    f->v = simdisk_vfs(d);
    assert_int_equal(f->v->open_root(f->v, simdisk_real(d), 0700, &f->root),
                     ELO_OK);
}


static void
fresh(fix_t *f)
{
    simdisk_t *d = simdisk_create();

    assert_non_null(d);
    mount(f, d);
}


static void
end(fix_t *f)
{
    f->v->close(f->v, f->root);
    simdisk_free(&f->d);
}


/* The disk of f after a crash, which ends f's use of it but keeps it. */
static void
crash(fix_t *f, fix_t *to, uint64_t seed, sim_mode_t mode)
{
    mount(to, simdisk_crash(f->d, seed, mode));
}


static int
make(fix_t *f, const char *name)
{
    int fd;

    assert_int_equal(f->v->open(f->v, f->root, name, ELO_VFS_CREATE, 0600, &fd),
                     ELO_OK);
    return fd;
}


static void
fill(fix_t *f, int fd, uint64_t off, int byte, size_t len)
{
    uint8_t *p = malloc(len);
    size_t n;

    memset(p, byte, len);
    assert_int_equal(f->v->pwrite(f->v, fd, p, len, off, &n), ELO_OK);
    assert_int_equal(n, len);
    free(p);
}


static void
sync_root(fix_t *f)
{
    int fd;

    assert_int_equal(f->v->open(f->v, f->root, ".", ELO_VFS_DIR, 0, &fd),
                     ELO_OK);
    assert_int_equal(f->v->fsync_dir(f->v, fd), ELO_OK);
    f->v->close(f->v, fd);
}


/* Reads all of a file; -1 when it is not there. */
static long
slurp(fix_t *f, const char *name, uint8_t *p, size_t room)
{
    size_t n;
    int fd;

    if (f->v->open(f->v, f->root, name, ELO_VFS_READ, 0, &fd) != ELO_OK) {
        return -1;
    }
    assert_int_equal(f->v->pread(f->v, fd, p, room, 0, &n), ELO_OK);
    f->v->close(f->v, fd);
    return (long) n;
}


/* A synced file "a" of one byte, eight sectors; then f is unmounted. */
static void
one_file(fix_t *f, int byte)
{
    int fd;

    fresh(f);
    fd = make(f, "a");
    fill(f, fd, 0, byte, 8 * SIM_SECTOR);
    assert_int_equal(f->v->fdatasync(f->v, fd), ELO_OK);
    f->v->close(f->v, fd);
    sync_root(f);
}


static void
test_synced_stays(void **state)
{
    uint8_t p[8 * SIM_SECTOR], want[8 * SIM_SECTOR];
    fix_t f, g;

    (void) state;
    memset(want, 'x', sizeof(want));
    one_file(&f, 'x');
    f.v->close(f.v, f.root);
    for (int mode = 0; mode < SIM_MODES; mode++) {
        for (uint64_t seed = 0; seed < 20; seed++) {
            crash(&f, &g, seed, (sim_mode_t) mode);
            assert_int_equal(slurp(&g, "a", p, sizeof(p)), sizeof(want));
            assert_memory_equal(p, want, sizeof(want));
            end(&g);
        }
    }
    simdisk_free(&f.d);
}


static void
test_unsynced_is_as_the_mode_says(void **state)
{
    uint8_t p[8 * SIM_SECTOR];
    bool seen_torn[SIM_MODES] = { false };
    fix_t f, g;
    int fd;

    (void) state;
    one_file(&f, 'x');
    assert_int_equal(f.v->open(f.v, f.root, "a", ELO_VFS_WRITE, 0, &fd), 0);
    fill(&f, fd, 0, 'y', 8 * SIM_SECTOR);
    f.v->close(f.v, fd);
    f.v->close(f.v, f.root);
    for (int mode = 0; mode < SIM_MODES; mode++) {
        for (uint64_t seed = 0; seed < SEEDS; seed++) {
            size_t n[256] = { 0 };

            crash(&f, &g, seed, (sim_mode_t) mode);
            assert_int_equal(slurp(&g, "a", p, sizeof(p)), sizeof(p));
            for (size_t s = 0; s < 8; s++) {
                bool is_whole = true;

                for (size_t b = 1; b < SIM_SECTOR; b++) {
                    is_whole =
                        is_whole && p[s * SIM_SECTOR + b] == p[s * SIM_SECTOR];
                }
                assert_true(is_whole || mode == SIM_TRASH);
                n[p[s * SIM_SECTOR]]++;
            }
            assert_true(mode == SIM_TRASH || n['x'] + n['y'] == 8);
            assert_true(mode != SIM_LOSE || n['x'] == 8);
            assert_true(mode != SIM_KEEP || n['y'] == 8);
            /* one change: a prefix of changes is none or all of it */
            assert_true(mode != SIM_PREFIX || n['x'] % 8 == 0);
            /* a tear keeps the first part, reordering the last */
            if (mode == SIM_TEAR && n['y'] > 0) {
                assert_int_equal(p[0], 'y');
            }
            if (mode == SIM_REORDER && n['y'] > 0) {
                assert_int_equal(p[7 * SIM_SECTOR], 'y');
            }
            seen_torn[mode] |= n['x'] > 0 && n['y'] > 0;
            end(&g);
        }
    }
    assert_true(seen_torn[SIM_RANDOM] && seen_torn[SIM_TEAR]
                && seen_torn[SIM_REORDER] && seen_torn[SIM_TRASH]);
    assert_false(seen_torn[SIM_LOSE] || seen_torn[SIM_KEEP]);
    simdisk_free(&f.d);
}


/* An append shares a sector with what is synced: that part never changes. */
static void
test_append_leaves_the_synced_part(void **state)
{
    uint8_t p[4096];
    bool seen[3] = { false };
    fix_t f, g;
    int fd;

    (void) state;
    fresh(&f);
    fd = make(&f, "a");
    fill(&f, fd, 0, 'x', 700);
    assert_int_equal(f.v->fdatasync(f.v, fd), ELO_OK);
    sync_root(&f);
    fill(&f, fd, 700, 'y', 700);
    f.v->close(f.v, fd);
    f.v->close(f.v, f.root);
    for (int mode = 0; mode < SIM_MODES; mode++) {
        for (uint64_t seed = 0; seed < SEEDS; seed++) {
            crash(&f, &g, seed, (sim_mode_t) mode);
            long n = slurp(&g, "a", p, sizeof(p));

            assert_true(n == 700 || n == 1400);
            for (size_t i = 0; i < 700; i++) {
                assert_int_equal(p[i], 'x');
            }
            seen[0] |= n == 700;
            seen[1] |= n == 1400 && p[701] == 'y';
            seen[2] |= n == 1400 && p[701] == 0; /* size without bytes */
            end(&g);
        }
    }
    assert_true(seen[0] && seen[1] && seen[2]);
    simdisk_free(&f.d);
}


static void
test_versions_of_a_sector(void **state)
{
    bool seen[256] = { false };
    uint8_t p[SIM_SECTOR];
    fix_t f, g;
    int fd;

    (void) state;
    one_file(&f, '0');
    assert_int_equal(f.v->open(f.v, f.root, "a", ELO_VFS_WRITE, 0, &fd), 0);
    for (int byte = '1'; byte <= '3'; byte++) {
        fill(&f, fd, 0, byte, SIM_SECTOR);
    }
    f.v->close(f.v, fd);
    f.v->close(f.v, f.root);
    for (uint64_t seed = 0; seed < SEEDS; seed++) {
        crash(&f, &g, seed, SIM_RANDOM);
        slurp(&g, "a", p, sizeof(p));
        seen[p[0]] = true;
        end(&g);
    }
    assert_true(seen['0'] && seen['1'] && seen['2'] && seen['3']);
    simdisk_free(&f.d);
}


/* A synced file whose name isn't: it may be gone. A name whose file isn't synced:
   it may be empty. */
static void
test_names(void **state)
{
    uint8_t p[16];
    bool gone = false, full = false, empty = false, both = false, none = false;
    fix_t f, g;
    int fd;

    (void) state;
    fresh(&f);
    fd = make(&f, "named");
    fill(&f, fd, 0, 'n', 10);
    sync_root(&f);
    f.v->close(f.v, fd);
    fd = make(&f, "synced");
    fill(&f, fd, 0, 's', 10);
    assert_int_equal(f.v->fdatasync(f.v, fd), ELO_OK);
    f.v->close(f.v, fd);
    f.v->close(f.v, f.root);
    for (uint64_t seed = 0; seed < SEEDS; seed++) {
        crash(&f, &g, seed, SIM_RANDOM);
        long n = slurp(&g, "synced", p, sizeof(p));

        assert_true(n == -1 || (n == 10 && p[9] == 's'));
        gone |= n == -1;
        full |= n == 10;
        n = slurp(&g, "named", p, sizeof(p));
        assert_true(n == 0 || n == 10);
        empty |= n == 0 || p[0] == 0;
        end(&g);
    }
    assert_true(gone && full && empty);
    mount(&f, f.d);
    sync_root(&f);
    assert_int_equal(f.v->rename(f.v, f.root, "synced", "moved"), ELO_OK);
    f.v->close(f.v, f.root);
    for (uint64_t seed = 0; seed < SEEDS; seed++) {
        crash(&f, &g, seed, SIM_RANDOM);
        bool old = slurp(&g, "synced", p, sizeof(p)) == 10;
        bool now = slurp(&g, "moved", p, sizeof(p)) == 10;

        both |= old && now;
        none |= !old && !now;
        end(&g);
        crash(&f, &g, seed, SIM_PREFIX);
        old = slurp(&g, "synced", p, sizeof(p)) == 10;
        now = slurp(&g, "moved", p, sizeof(p)) == 10;
        assert_true(old != now); /* in order, a rename is one step */
        end(&g);
    }
    assert_true(both && none);
    simdisk_free(&f.d);
}


static void
test_directories(void **state)
{
    uint8_t p[16];
    fix_t f, g;
    int fd, tmp, dir;

    (void) state;
    fresh(&f);
    assert_int_equal(f.v->mkdir(f.v, f.root, "blobs", 0700), ELO_OK);
    assert_int_equal(f.v->mkdir(f.v, f.root, "blobs/ab", 0700), ELO_OK);
    assert_int_equal(f.v->mkdir(f.v, f.root, "blobs/ab", 0700), EEXIST);
    assert_int_equal(f.v->mkdir(f.v, f.root, "no/ab", 0700), ENOENT);
    assert_int_equal(f.v->open_tmp(f.v, f.root, "blobs", 0600, &tmp), ELO_OK);
    fill(&f, tmp, 0, 'b', 10);
    assert_int_equal(f.v->fdatasync(f.v, tmp), ELO_OK);
    assert_int_equal(f.v->link_fd(f.v, tmp, f.root, "blobs/ab/1"), ELO_OK);
    assert_int_equal(f.v->link_fd(f.v, tmp, f.root, "blobs/ab/1"), EEXIST);
    /* its link count, which was 0 when it was synced */
    assert_int_equal(f.v->fdatasync(f.v, tmp), ELO_OK);
    f.v->close(f.v, tmp);
    sync_root(&f);
    assert_int_equal(f.v->open(f.v, f.root, "blobs/ab", ELO_VFS_DIR, 0, &dir),
                     ELO_OK);
    assert_int_equal(f.v->fsync_dir(f.v, dir), ELO_OK);
    f.v->close(f.v, dir);
    f.v->close(f.v, f.root);

    /* blobs/ was never synced: its entry "ab" is lost, and all below it */
    crash(&f, &g, 1, SIM_LOSE);
    assert_int_equal(g.v->open(g.v, g.root, "blobs", ELO_VFS_DIR, 0, &fd),
                     ELO_OK);
    g.v->close(g.v, fd);
    assert_int_equal(slurp(&g, "blobs/ab/1", p, sizeof(p)), -1);
    end(&g);

    mount(&f, f.d);
    assert_int_equal(f.v->open(f.v, f.root, "blobs", ELO_VFS_DIR, 0, &dir), 0);
    assert_int_equal(f.v->fsync_dir(f.v, dir), ELO_OK);
    f.v->close(f.v, dir);
    assert_int_equal(f.v->unlink(f.v, f.root, "blobs/ab/1"), ELO_OK);
    assert_int_equal(f.v->unlink(f.v, f.root, "blobs/ab/1"), ENOENT);
    f.v->close(f.v, f.root);
    crash(&f, &g, 1, SIM_LOSE); /* the unlink is lost */
    assert_int_equal(slurp(&g, "blobs/ab/1", p, sizeof(p)), 10);
    end(&g);
    crash(&f, &g, 1, SIM_KEEP);
    assert_int_equal(slurp(&g, "blobs/ab/1", p, sizeof(p)), -1);
    end(&g);
    simdisk_free(&f.d);
}


static void
test_cut(void **state)
{
    uint8_t p[16];
    uint64_t ops;
    size_t n;
    fix_t f, g;
    int fd;

    (void) state;
    fresh(&f);
    fd = make(&f, "a");
    sync_root(&f);
    fill(&f, fd, 0, 'x', 10);
    assert_int_equal(f.v->fdatasync(f.v, fd), ELO_OK);
    ops = simdisk_ops(f.d);
    assert_int_equal(ops, 4);
    simdisk_cut_at(f.d, 2);
    fill(&f, fd, 0, 'y', 10);
    assert_false(simdisk_is_cut(f.d));
    assert_int_equal(f.v->fdatasync(f.v, fd), EIO);
    assert_true(simdisk_is_cut(f.d));
    assert_int_equal(simdisk_cut_op(f.d), SIM_OP_SYNC);
    assert_int_equal(f.v->pread(f.v, fd, p, 10, 0, &n), EIO);
    assert_int_equal(f.v->pwrite(f.v, fd, p, 10, 0, &n), EIO);
    assert_int_equal(f.v->checkpoint(f.v), EIO);
    assert_int_equal(simdisk_ops(f.d), ops + 2);
    f.v->close(f.v, fd);
    f.v->close(f.v, f.root);
    crash(&f, &g, 1, SIM_LOSE); /* the sync did not end */
    assert_int_equal(slurp(&g, "a", p, sizeof(p)), 10);
    assert_int_equal(p[0], 'x');
    end(&g);
    crash(&f, &g, 1, SIM_KEEP);
    slurp(&g, "a", p, sizeof(p));
    assert_int_equal(p[0], 'y');
    end(&g);
    simdisk_free(&f.d);
}


static void
test_sizes(void **state)
{
    uint64_t size;
    uint8_t p[4096];
    fix_t f, g;
    int fd;

    (void) state;
    one_file(&f, 'x');
    assert_int_equal(f.v->open(f.v, f.root, "a", ELO_VFS_WRITE, 0, &fd), 0);
    assert_int_equal(f.v->truncate(f.v, fd, 100), ELO_OK);
    assert_int_equal(f.v->truncate(f.v, fd, 2000), ELO_OK);
    assert_int_equal(f.v->size(f.v, fd, &size), ELO_OK);
    assert_int_equal(size, 2000);
    f.v->close(f.v, fd);
    assert_int_equal(slurp(&f, "a", p, sizeof(p)), 2000);
    assert_int_equal(p[99], 'x');
    assert_int_equal(p[100], 0);
    f.v->close(f.v, f.root);
    bool seen[3] = { false };

    for (uint64_t seed = 0; seed < SEEDS; seed++) {
        crash(&f, &g, seed, SIM_RANDOM);
        long n = slurp(&g, "a", p, sizeof(p));

        assert_true(n == 100 || n == 2000 || n == 4096);
        seen[0] |= n == 100;
        seen[1] |= n == 2000;
        seen[2] |= n == 4096;
        end(&g);
    }
    assert_true(seen[0] && seen[1] && seen[2]);
    simdisk_free(&f.d);
}


static void
test_capacity(void **state)
{
    uint8_t p[3 * 4096] = { 1 };
    uint64_t left;
    size_t n;
    fix_t f;
    int fd;

    (void) state;
    fresh(&f);
    simdisk_set_capacity(f.d, 4 * 4096);
    fd = make(&f, "a");
    assert_int_equal(f.v->pwrite(f.v, fd, p, sizeof(p), 0, &n), ELO_OK);
    assert_int_equal(n, sizeof(p));
    assert_int_equal(f.v->pwrite(f.v, fd, p, sizeof(p), n, &n), ELO_OK);
    assert_int_equal(n, 4096); /* a short write first */
    assert_int_equal(f.v->pwrite(f.v, fd, p, 1, 4 * 4096, &n), ENOSPC);
    assert_int_equal(f.v->free_space(f.v, f.root, &left), ELO_OK);
    assert_int_equal(left, 0);
    assert_int_equal(f.v->unlink(f.v, f.root, "a"), ELO_OK);
    elo_ignore(f.v->free_space(f.v, f.root, &left)); /* left is set before */
    assert_int_equal(left, 0);                       /* it is open */
    f.v->close(f.v, fd);
    assert_int_equal(f.v->free_space(f.v, f.root, &left), ELO_OK);
    assert_int_equal(left, 4 * 4096);
    end(&f);
}


static void
test_index(void **state)
{
    char name[256];
    fix_t f, g;
    FILE *out;
    int dir;

    (void) state;
    fresh(&f);
    assert_int_equal(f.v->mkdir(f.v, f.root, "index", 0700), ELO_OK);
    sync_root(&f);
    snprintf(name, sizeof(name), "%s/index/data.mdb", simdisk_real(f.d));
    assert_non_null(out = fopen(name, "w"));
    fputs("pages", out);
    fclose(out);
    f.v->close(f.v, f.root);
    crash(&f, &g, 1, SIM_LOSE); /* the name was not synced */
    snprintf(name, sizeof(name), "%s/index/data.mdb", simdisk_real(g.d));
    assert_int_not_equal(access(name, F_OK), 0);
    end(&g);
    mount(&f, f.d);
    assert_int_equal(f.v->open(f.v, f.root, "index", ELO_VFS_DIR, 0, &dir), 0);
    assert_int_equal(f.v->fsync_dir(f.v, dir), ELO_OK);
    f.v->close(f.v, dir);
    f.v->close(f.v, f.root);
    crash(&f, &g, 1, SIM_LOSE);
    snprintf(name, sizeof(name), "%s/index/data.mdb", simdisk_real(g.d));
    assert_int_equal(access(name, F_OK), 0);
    simdisk_drop_index(g.d);
    assert_int_not_equal(access(name, F_OK), 0);
    end(&g);
    simdisk_free(&f.d);
}


static void
test_map_and_lock(void **state)
{
    uint8_t p[8];
    void *m;
    fix_t f, g;
    int fd, other;
    size_t n;

    (void) state;
    one_file(&f, 'x');
    assert_int_equal(f.v->open(f.v, f.root, "a", ELO_VFS_WRITE, 0, &fd), 0);
    assert_int_equal(f.v->open(f.v, f.root, "a", ELO_VFS_WRITE, 0, &other), 0);
    assert_int_equal(f.v->lock(f.v, fd), ELO_OK);
    assert_int_equal(f.v->lock(f.v, other), EWOULDBLOCK);
    f.v->close(f.v, fd);
    assert_int_equal(f.v->lock(f.v, other), ELO_OK);
    assert_int_equal(f.v->map(f.v, other, 4096, &m), ELO_OK);
    memset(m, 'z', 8);
    assert_int_equal(f.v->pread(f.v, other, p, 8, 0, &n), ELO_OK);
    assert_int_equal(p[0], 'z');
    f.v->unmap(f.v, m, 4096);
    f.v->close(f.v, other);
    f.v->close(f.v, f.root);
    crash(&f, &g, 1, SIM_LOSE);
    slurp(&g, "a", p, sizeof(p));
    assert_int_equal(p[0], 'x');
    end(&g);
    crash(&f, &g, 1, SIM_KEEP);
    slurp(&g, "a", p, sizeof(p));
    assert_int_equal(p[0], 'z');
    end(&g);
    simdisk_free(&f.d);
}


/* The same seed gives the same disk, which is what makes a failure repeatable. */
static void
test_is_repeatable(void **state)
{
    uint8_t a[8 * SIM_SECTOR], b[8 * SIM_SECTOR];
    fix_t f, g;
    int fd;

    (void) state;
    one_file(&f, 'x');
    assert_int_equal(f.v->open(f.v, f.root, "a", ELO_VFS_WRITE, 0, &fd), 0);
    fill(&f, fd, 100, 'y', 2000);
    fill(&f, fd, 3000, 'z', 500);
    f.v->close(f.v, fd);
    f.v->close(f.v, f.root);
    for (int mode = 0; mode < SIM_MODES; mode++) {
        for (uint64_t seed = 0; seed < 20; seed++) {
            memset(a, 0, sizeof(a));
            memset(b, 0, sizeof(b));
            crash(&f, &g, seed, (sim_mode_t) mode);
            slurp(&g, "a", a, sizeof(a));
            end(&g);
            crash(&f, &g, seed, (sim_mode_t) mode);
            slurp(&g, "a", b, sizeof(b));
            end(&g);
            assert_memory_equal(a, b, sizeof(a));
        }
    }
    simdisk_free(&f.d);
}


int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_synced_stays),
        cmocka_unit_test(test_unsynced_is_as_the_mode_says),
        cmocka_unit_test(test_append_leaves_the_synced_part),
        cmocka_unit_test(test_versions_of_a_sector),
        cmocka_unit_test(test_names),
        cmocka_unit_test(test_directories),
        cmocka_unit_test(test_cut),
        cmocka_unit_test(test_sizes),
        cmocka_unit_test(test_capacity),
        cmocka_unit_test(test_index),
        cmocka_unit_test(test_map_and_lock),
        cmocka_unit_test(test_is_repeatable),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
