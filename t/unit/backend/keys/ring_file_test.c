/* SPDX-License-Identifier: BSD-2-Clause */
/* Tests of backend/keys/ring_file. Failing file operations: keyring_test. */
#include "keys_dir.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>

#include "common/base/num.h"


/* Writes a complete ring by way of a keyring. */
static void
make(const keys_dir_t *d)
{
    elo_keyring_t *k = keys_open(d, NULL);

    elo_keyring_close(&k);
}


static void
write_file(const char *path, const char *bytes, size_t len, int flags)
{
    int fd = open(path, O_WRONLY | O_CREAT | flags, 0600);

    assert_true(fd >= 0);
    assert_int_equal(write(fd, bytes, len), len);
    close(fd);
}


static elo_err_t
load(const char *path, elo_digest_t *sum)
{
    elo_ring_t *r = NULL;
    elo_err_t rc =
        elo_ring_load(elo_vfs_posix(), path, elo_slice(NULL, 0), &r, sum);

    elo_ring_free(&r);
    return rc;
}


static void
test_what_is_no_ring(void **state)
{
    elo_digest_t sum;
    keys_dir_t d;
    char other[128];

    (void) state;
    keys_dir_init(&d);
    assert_int_equal(load(d.path, &sum), ELO_ENOTFOUND);
    write_file(d.path, "", 0, 0);
    assert_int_equal(load(d.path, &sum), ELO_ECORRUPT);
    write_file(d.path, "ELKR", 4, 0);
    assert_int_equal(load(d.path, &sum), ELO_ECORRUPT);
    assert_int_equal(truncate(d.path, ELO_RING_FILE_MAX + 1), 0);
    assert_int_equal(load(d.path, &sum), ELO_ECORRUPT);
    assert_int_equal(truncate(d.path, 1LL << 40), 0);
    assert_int_equal(load(d.path, &sum), ELO_ECORRUPT);
    assert_int_equal(unlink(d.path), 0);
    assert_int_equal(load(d.dir, &sum), EINVAL); /* a directory */
    make(&d);
    assert_int_equal(load(d.path, &sum), ELO_OK);
    snprintf(other, sizeof(other), "%s/link", d.dir);
    assert_int_equal(symlink(d.path, other), 0);
    assert_int_equal(load(other, &sum), ELOOP); /* no links to elsewhere */
    assert_int_equal(unlink(other), 0);
    keys_dir_dispose(&d);
}


/* A ring without a node secret is an export, not a ring. */
static void
test_incomplete(void **state)
{
    elo_ring_t *r = elo_ring_alloc(0, 0);
    elo_digest_t sum;
    keys_dir_t d;

    (void) state;
    keys_dir_init(&d);
    assert_int_equal(elo_ring_save(elo_vfs_posix(), d.path, r, NULL, &sum), 0);
    assert_int_equal(load(d.path, &sum), ELO_ECORRUPT);
    elo_ring_free(&r);
    keys_dir_dispose(&d);
}


static void
test_save_checks_what_was(void **state)
{
    elo_ring_t *r = elo_ring_alloc(0, 0);
    elo_digest_t sum, next, other = { .b = { 1 } };
    const elo_vfs_t *v = elo_vfs_posix();
    struct stat st;
    char name[128];
    keys_dir_t d;

    (void) state;
    keys_dir_init(&d);
    assert_int_equal(elo_ring_save(v, d.path, r, &other, &next), ELO_EPRECOND);
    make(&d);
    assert_int_equal(load(d.path, &sum), 0);
    assert_int_equal(elo_ring_save(v, d.path, r, NULL, &next), ELO_EEXISTS);
    assert_int_equal(elo_ring_save(v, d.path, r, &other, &next), ELO_EPRECOND);
    /* what a change left that was cut off is no hindrance, whoever may read it */
    snprintf(name, sizeof(name), "%s.new", d.path);
    write_file(name, "half", 4, 0);
    assert_int_equal(chmod(name, 0666), 0);
    assert_int_equal(elo_ring_save(v, d.path, r, &sum, &next), 0);
    assert_int_equal(stat(d.path, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
    assert_int_equal(access(name, F_OK), -1);
    assert_int_equal(elo_ring_save(v, d.path, r, &sum, &next), ELO_EPRECOND);
    elo_ring_free(&r);
    keys_dir_dispose(&d);
}


/* Root changes a ring of another: it stays that one's. */
static void
test_owner(void **state)
{
    static const char *const suffixes[] = { "", ".lock" };
    elo_keyring_t *k;
    struct stat st;
    keys_dir_t d;

    (void) state;
    if (geteuid() != 0) {
        return; /* others can't give files away */
    }
    keys_dir_init(&d);
    assert_int_equal(chown(d.dir, 1234, 2345), 0);
    k = keys_open(&d, NULL);
    for (unsigned round = 0; round < 2; round++) {
        for (size_t i = 0; i < ELO_COUNT(suffixes); i++) {
            char name[128];

            snprintf(name, sizeof(name), "%s%s", d.path, suffixes[i]);
            assert_int_equal(stat(name, &st), 0);
            assert_int_equal(st.st_uid, 1234);
            assert_int_equal(st.st_gid, 2345);
            assert_int_equal(st.st_mode & 0777, 0600);
        }
        assert_int_equal(elo_keyring_rotate_cluster(k), 0);
    }
    elo_keyring_close(&k);
    keys_dir_dispose(&d);
}


static void
test_lock(void **state)
{
    const elo_vfs_t *v = elo_vfs_posix();
    int one = -1, two = -1;
    keys_dir_t d;

    (void) state;
    keys_dir_init(&d);
    assert_int_equal(elo_ring_lock_file(v, "/nonexistent/ring", &one),
                     ELO_ENOTFOUND);
    assert_int_equal(elo_ring_lock_file(v, d.path, &one), 0);
    assert_int_equal(elo_ring_lock_file(v, d.path, &two), ELO_EBUSY);
    v->close(v, one);
    assert_int_equal(elo_ring_lock_file(v, d.path, &two), 0);
    v->close(v, two);
    keys_dir_dispose(&d);
}


/* Paths without a directory, and with a linked one. */
static void
test_paths(void **state)
{
    static const char *const suffixes[] = { "", ".lock" };
    elo_keyring_cfg_t cfg;
    elo_keyring_t *k = NULL;
    char was[512], link[128], name[160];
    keys_dir_t d;

    (void) state;
    keys_dir_init(&d);
    assert_non_null(getcwd(was, sizeof(was)));
    assert_int_equal(chdir(d.dir), 0);
    cfg = keys_cfg(&d, NULL);
    cfg.path = "keyring";
    assert_int_equal(elo_keyring_open(&cfg, &k), 0);
    assert_int_equal(elo_keyring_rotate_cluster(k), 0);
    elo_keyring_close(&k);
    assert_int_equal(chdir(was), 0);
    snprintf(link, sizeof(link), "%s.link", d.dir);
    assert_int_equal(symlink(d.dir, link), 0);
    snprintf(name, sizeof(name), "%s/other", link);
    cfg.path = name;
    assert_int_equal(elo_keyring_open(&cfg, &k), 0);
    assert_int_equal(elo_keyring_rotate_cluster(k), 0);
    elo_keyring_close(&k);
    for (size_t i = 0; i < ELO_COUNT(suffixes); i++) {
        char path[192];

        snprintf(path, sizeof(path), "%s/other%s", d.dir, suffixes[i]);
        assert_int_equal(unlink(path), 0);
    }
    assert_int_equal(unlink(link), 0);
    keys_dir_dispose(&d);
}


int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_is_no_ring),
        cmocka_unit_test(test_incomplete),
        cmocka_unit_test(test_save_checks_what_was),
        cmocka_unit_test(test_owner),
        cmocka_unit_test(test_lock),
        cmocka_unit_test(test_paths),
    };

    assert(elo_keys_init() == ELO_OK);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
