/* SPDX-License-Identifier: BSD-2-Clause */
/* Tests of backend/kv/seglog: the directory, names, and files that don't belong
   there. */
#include "t/unit/backend/kv/log_dir.h"
#include "t/unit/backend/kv/mem_vfs.c"

#include "backend/os/log.h"

#define SMALL 4096u

static const elo_slice_t none = { NULL, 0 };


static void
modes_and_lengths(void **state)
{
    struct stat st;
    log_dir_t d;
    mode_t mask = umask(0077);

    (void) state;
    log_dir_make(&d, SMALL);
    d.cfg.group = (int) getegid();
    log_dir_open(&d);
    assert_int_equal(log_put(&d, "a", "", none), ELO_OK);
    umask(mask);
    assert_int_equal(fstatat(d.cfg.root_fd, "log", &st, 0), 0);
    assert_int_equal(st.st_mode & 07777, 02750);
    assert_int_equal(st.st_gid, getegid());
    assert_int_equal(fstatat(d.cfg.root_fd, "log/0000000000000001", &st, 0), 0);
    assert_int_equal(st.st_mode & 07777, 0640);
    assert_int_equal(st.st_size, SMALL);
    log_dir_end(&d);
}


static void
bounds_of_the_length(void **state)
{
    static const struct {
        uint64_t bytes;
        elo_err_t rc;
    } cases[] = {
        { 0, ELO_OK },
        { 4095, ELO_EINVAL },
        { 4096, ELO_OK },
        { 64u << 20, ELO_OK },
        { (64u << 20) + 1, ELO_EINVAL },
        { UINT64_MAX, ELO_EINVAL },
    };
    log_dir_t d;

    (void) state;
    for (size_t i = 0; i < ELO_COUNT(cases); i++) {
        log_dir_make(&d, cases[i].bytes);
        assert_int_equal(elo_seglog_open(&d.cfg, &d.l), cases[i].rc);
        log_dir_end(&d);
    }
}


static void
strangers_are_left_alone(void **state)
{
    static const char *const names[] = {
        "log/000000000000000A", "log/0000000000000000", "log/00000000000000001",
        "log/000000000000001",  "log/g000000000000001", "log/lost+found",
        "log/ffffffffffffffff", /* a place can't say it */
    };
    log_dir_t d;

    (void) state;
    log_dir_make(&d, SMALL);
    log_dir_open(&d);
    assert_int_equal(log_put(&d, "a", "", none), ELO_OK);
    for (size_t i = 0; i < ELO_COUNT(names); i++) {
        close(openat(d.cfg.root_fd, names[i], O_CREAT | O_WRONLY, 0600));
    }
    log_dir_open(&d);
    assert_string_equal(d.found, "a=/0;");
    assert_int_equal(log_put(&d, "b", "", none), ELO_OK);
    assert_int_equal(elo_seglog_next(d.l, 2), 2);
    assert_int_equal(elo_seglog_next(d.l, 3), 0);
    for (size_t i = 0; i < ELO_COUNT(names); i++) {
        assert_int_equal(faccessat(d.cfg.root_fd, names[i], F_OK, 0), 0);
    }
    log_dir_end(&d);
}


/* What isn't ours is refused before anything is changed. */
static void
another_store(void **state)
{
    log_dir_t d;

    (void) state;
    log_dir_make(&d, SMALL);
    log_dir_open(&d);
    assert_int_equal(log_put(&d, "a", "", none), ELO_OK);
    elo_seglog_close(&d.l);
    d.cfg.store_id++;
    assert_int_equal(elo_seglog_open(&d.cfg, &d.l), ELO_ECORRUPT);
    d.cfg.store_id--;
    assert_int_equal(renameat(d.cfg.root_fd, "log/0000000000000001",
                              d.cfg.root_fd, "log/0000000000000005"),
                     0);
    assert_int_equal(elo_seglog_open(&d.cfg, &d.l), ELO_ECORRUPT);
    log_dir_end(&d);
}


static void
opening_writes_nothing(void **state)
{
    struct stat before, after;
    log_dir_t d;
    int fd;

    (void) state;
    log_dir_make(&d, SMALL);
    log_dir_open(&d);
    assert_int_equal(log_put(&d, "a", "", none), ELO_OK);
    elo_seglog_close(&d.l);
    fd = log_dir_file(&d, 1);
    assert_int_equal(pwrite(fd, "torn", 4, 200), 4);
    assert_int_equal(fstat(fd, &before), 0);
    assert_int_equal(log_dir_recover(&d, (elo_log_pos_t){ 0, 0 }, 0), ELO_OK);
    elo_seglog_close(&d.l);
    assert_int_equal(fstat(fd, &after), 0);
    assert_true(before.st_mtim.tv_sec == after.st_mtim.tv_sec
                && before.st_mtim.tv_nsec == after.st_mtim.tv_nsec);
    assert_int_equal(after.st_size, SMALL);
    close(fd);
    log_dir_end(&d);
}


/* Each operation of an open with segments fails once: an error, and no leak. */
static void
each_operation_fails(void **state)
{
    mem_vfs_t *m = mem_create(1);
    elo_kv_cfg_t cfg = { .vfs = &m->v,
                         .root_fd = MEM_FD_ROOT,
                         .store_id = STORE_ID,
                         .segment_bytes = SMALL,
                         .group = 1 };
    log_dir_t d = { .cfg = cfg };

    (void) state;
    log_dir_open(&d);
    assert_int_equal(log_put(&d, "a", "", none), ELO_OK);
    assert_int_equal(elo_seglog_seal(d.l), ELO_OK);
    for (unsigned at = 1;; at++) {
        elo_err_t rc;

        elo_seglog_close(&d.l);
        assert_int_equal(m->n_open, 0);
        mem_arm(m, MEM_FAIL, EIO, at);
        rc = elo_seglog_open(&cfg, &d.l);
        if (!m->fired) {
            assert_int_equal(rc, ELO_OK);
            break;
        }
        if (rc != ELO_OK) {
            assert_int_equal(rc, EIO);
            assert_null(d.l);
        }
    }
    elo_seglog_close(&d.l);
    mem_destroy(m);
}


/* A first open, likewise: what the next finds is a log. */
static void
each_operation_of_a_first_open_fails(void **state)
{
    (void) state;
    for (unsigned at = 1;; at++) {
        mem_vfs_t *m = mem_create(1);
        log_dir_t d = { .cfg = { .vfs = &m->v,
                                 .root_fd = MEM_FD_ROOT,
                                 .store_id = STORE_ID,
                                 .segment_bytes = SMALL,
                                 .group = 1 } };
        bool fired;

        mem_arm(m, MEM_FAIL, EIO, at);
        if (elo_seglog_open(&d.cfg, &d.l) == ELO_OK) {
            elo_seglog_close(&d.l);
        }
        fired = m->fired;
        mem_arm(m, MEM_CUT, 0, 0);
        log_dir_open(&d);
        assert_int_equal(log_put(&d, "a", "", none), ELO_OK);
        elo_seglog_close(&d.l);
        mem_destroy(m);
        if (!fired) {
            assert_true(at > 4);
            break;
        }
    }
}


int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(modes_and_lengths),
        cmocka_unit_test(bounds_of_the_length),
        cmocka_unit_test(strangers_are_left_alone),
        cmocka_unit_test(another_store),
        cmocka_unit_test(opening_writes_nothing),
        cmocka_unit_test(each_operation_fails),
        cmocka_unit_test(each_operation_of_a_first_open_fails),
    };

    elo_ignore(elo_log_open("/dev/null", ELO_LOG_CRIT)); /* or it is told */
    return cmocka_run_group_tests_name("seglog", tests, NULL, NULL);
}
