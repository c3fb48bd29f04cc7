/* SPDX-License-Identifier: BSD-2-Clause */
/* Tests of backend/kv/resume: recovery over files, going on after it, and the scan
   of one segment. */
#include "t/unit/backend/kv/log_dir.h"
#include "t/unit/backend/kv/mem_vfs.c"

#include "backend/os/log.h"

#define SMALL 4096u

static const elo_slice_t none = { NULL, 0 };
static const elo_log_pos_t start = { 0, 0 };
static uint8_t bytes[3000];


static void
write_at(const log_dir_t *d, uint64_t segment, off_t off, const void *p,
         size_t len)
{
    int fd = log_dir_file(d, segment);

    assert_int_equal(pwrite(fd, p, len, off), (ssize_t) len);
    close(fd);
}


/* What is torn is cut off, and the next batch is in a segment of its own. */
static void
torn_tail(void **state)
{
    struct stat st;
    log_dir_t d;
    int fd;

    (void) state;
    log_dir_make(&d, SMALL);
    log_dir_open(&d);
    assert_int_equal(log_put(&d, "a", "", none), ELO_OK);
    assert_int_equal(log_put(&d, "b", "", elo_slice(bytes, 100)), ELO_OK);
    write_at(&d, 1, 64 + 56 + 60, "xx", 2); /* in b's data */
    log_dir_open(&d);
    assert_string_equal(d.found, "a=/0;");
    assert_true(d.at.torn_bytes > 100);
    assert_int_equal(d.at.rotten, 0);
    fd = log_dir_file(&d, 1);
    assert_int_equal(fstat(fd, &st), 0);
    assert_int_equal(st.st_size, 64 + 56);
    close(fd);
    assert_int_equal(elo_seglog_next_lsn(d.l), 2);
    assert_int_equal(log_put(&d, "c", "", none), ELO_OK);
    assert_int_equal(elo_seglog_end(d.l).segment, 2);
    assert_int_equal(elo_seglog_used(d.l, 1), 64 + 56);
    log_dir_open(&d);
    assert_string_equal(d.found, "a=/0;c=/0;");
    assert_int_equal(d.at.torn_bytes, 0);
    log_dir_end(&d);
}


/* Rot doesn't end the log, and is left where it is. */
static void
rot_in_the_middle(void **state)
{
    log_dir_t d;

    (void) state;
    log_dir_make(&d, SMALL);
    log_dir_open(&d);
    assert_int_equal(log_put(&d, "a", "", none), ELO_OK);
    assert_int_equal(log_put(&d, "b", "", elo_slice(bytes, 100)), ELO_OK);
    assert_int_equal(log_put(&d, "c", "", none), ELO_OK);
    write_at(&d, 1, 64 + 56 + 60, "xx", 2); /* in b's data */
    for (unsigned i = 0; i < 2; i++) {
        log_dir_open(&d);
        assert_string_equal(d.found, "a=/0;c=/0;");
        assert_int_equal(d.at.rotten, 1);
        assert_int_equal(d.at.torn_bytes, 0);
        assert_int_equal(elo_seglog_next_lsn(d.l), 4);
    }
    log_dir_end(&d);
}


/* (L2): a number is used once, also when the last segments are gone. */
static void
numbers_are_not_used_again(void **state)
{
    log_dir_t d;
    elo_log_pos_t from;
    uint64_t lsn;

    (void) state;
    log_dir_make(&d, SMALL);
    log_dir_open(&d);
    for (unsigned i = 0; i < 5; i++) {
        assert_int_equal(log_put(&d, "k", "", elo_slice(bytes, 3000)), ELO_OK);
    }
    assert_int_equal(elo_seglog_end(d.l).segment, 5);
    assert_int_equal(elo_seglog_seal(d.l), ELO_OK);
    from = elo_seglog_end(d.l);
    lsn = elo_seglog_next_lsn(d.l);
    for (uint64_t i = 1; i <= 5; i++) {
        assert_int_equal(elo_seglog_remove(d.l, i), ELO_OK);
    }
    assert_int_equal(elo_seglog_remove(d.l, 6), ELO_EBUSY);
    /* without the index: the empty segment knows */
    log_dir_open(&d);
    assert_int_equal(elo_seglog_next_lsn(d.l), lsn);
    assert_int_equal(log_put(&d, "a", "", none), ELO_OK);
    assert_int_equal(elo_seglog_end(d.l).segment, 7);
    /* with it */
    elo_seglog_close(&d.l);
    assert_int_equal(log_dir_recover(&d, from, lsn), ELO_OK);
    assert_string_equal(d.found, "a=/0;");
    elo_seglog_close(&d.l);
    /* the log of another time: refused rather than gone on with */
    from.segment = 9;
    assert_int_equal(log_dir_recover(&d, from, lsn + 1), ELO_ECORRUPT);
    log_dir_end(&d);
}


/* Segments of a batch that was never acknowledged go, whatever is in them. */
static void
segments_behind_the_end(void **state)
{
    static const char *const what[] = { "zeros", "garbage", "short", "header" };

    (void) state;
    for (size_t i = 0; i < ELO_COUNT(what); i++) {
        uint8_t head[ELO_SEG_HEADER_LEN] = { 0 };
        elo_seg_head_t h = { STORE_ID, 2, 2, SMALL, 1, 3000 };
        log_dir_t d;
        int fd;

        log_dir_make(&d, SMALL);
        log_dir_open(&d);
        assert_int_equal(log_put(&d, "a", "", none), ELO_OK);
        fd = openat(d.cfg.root_fd, "log/0000000000000002", O_CREAT | O_RDWR,
                    0640);
        if (i == 1) {
            memset(head, 0x77, sizeof(head));
        } else if (i == 3) {
            elo_seg_head_encode(&h, head);
        }
        assert_int_equal(write(fd, head, i == 2 ? 10 : sizeof(head)),
                         i == 2 ? 10 : (int) sizeof(head));
        close(fd);
        log_dir_open(&d);
        if (strcmp(d.found, "a=/0;") != 0 || log_dir_has(&d, 2)) {
            fail_msg("%s: \"%s\"", what[i], d.found);
        }
        assert_int_equal(log_put(&d, "b", "", none), ELO_OK);
        assert_int_equal(elo_seglog_end(d.l).segment, 3);
        log_dir_open(&d);
        assert_string_equal(d.found, "a=/0;b=/0;");
        log_dir_end(&d);
    }
}


/* Each operation of recovery and resuming fails once: an error, nothing lost. */
static void
each_operation_fails(void **state)
{
    static const mem_fault_t kinds[] = { MEM_FAIL, MEM_FAIL_SYNC };

    (void) state;
    for (size_t k = 0; k < ELO_COUNT(kinds); k++) {
        for (unsigned at = 1;; at++) {
            mem_vfs_t *m = mem_create(at);
            log_dir_t d = { .cfg = { .vfs = &m->v,
                                     .root_fd = MEM_FD_ROOT,
                                     .store_id = STORE_ID,
                                     .segment_bytes = SMALL,
                                     .group = -1 } };
            elo_err_t rc;
            bool fired;

            log_dir_open(&d);
            assert_int_equal(log_put(&d, "a", "", elo_slice(bytes, 3000)),
                             ELO_OK);
            assert_int_equal(log_put(&d, "b", "", elo_slice(bytes, 3000)),
                             ELO_OK);
            assert_int_equal(log_put(&d, "c", "", elo_slice(bytes, 3000)),
                             ELO_OK);
            elo_seglog_close(&d.l);
            mem_kill(m);
            mem_arm(m, kinds[k], EIO, at);
            rc = log_dir_recover(&d, start, 0);
            if (rc == ELO_OK) {
                rc = elo_seglog_resume(d.l, &d.at);
            }
            fired = m->fired;
            assert_true(rc == EIO || rc == ELO_OK); /* of chmod */
            elo_seglog_close(&d.l);
            mem_power_on(m);
            log_dir_open(&d);
            assert_string_equal(d.found, "a=/3000;b=/3000;c=/3000;");
            assert_int_equal(d.at.rotten, 0);
            elo_seglog_close(&d.l);
            mem_destroy(m);
            if (!fired) {
                assert_true(at > 3);
                break;
            }
        }
    }
}


/* ---- one segment ---- */

static uint64_t eio_from, eio_to; /* of any file */
static elo_vfs_t bad_disk;


static elo_err_t
bad_pread(const elo_vfs_t *v, int fd, void *p, size_t len, uint64_t off,
          size_t *n)
{
    (void) v;
    if (off < eio_to && off + len > eio_from) {
        return EIO;
    }
    return elo_vfs_posix()->pread(elo_vfs_posix(), fd, p, len, off, n);
}


static elo_err_t
scan(log_dir_t *d, uint64_t segment, uint64_t *next, uint64_t *bad)
{
    d->n_found = 0;
    d->found[0] = '\0';
    *bad = 0;
    return elo_seglog_scan(d->l, segment, 0, UINT64_MAX, true, log_dir_note, d,
                           next, bad);
}


static void
scanning(void **state)
{
    uint64_t next, bad;
    log_dir_t d;

    (void) state;
    log_dir_make(&d, 64u << 10);
    log_dir_open(&d);
    for (char k[2] = "a"; k[0] <= 'e'; k[0]++) {
        assert_int_equal(log_put(&d, k, "", elo_slice(bytes, 3000)), ELO_OK);
    }
    assert_int_equal(scan(&d, 2, &next, &bad), ELO_ENOTFOUND);
    assert_int_equal(scan(&d, 1, &next, &bad), ELO_OK);
    assert_string_equal(d.found, "a=/3000;b=/3000;c=/3000;d=/3000;e=/3000;");
    assert_int_equal(next + bad, 0);
    assert_int_equal(
        elo_seglog_scan(d.l, 1, 9, 1, false, log_dir_note, &d, &next, &bad),
        ELO_EINVAL);

    /* sectors that can't be read take the records in them */
    bad_disk = *elo_vfs_posix();
    bad_disk.pread = bad_pread;
    d.l->vfs = &bad_disk;
    eio_from = 8192;
    eio_to = 8193;
    assert_int_equal(scan(&d, 1, &next, &bad), ELO_OK);
    assert_string_equal(d.found, "a=/3000;b=/3000;e=/3000;");
    assert_int_equal(bad, 1);
    d.l->vfs = elo_vfs_posix();

    /* not known where it ends: after a restart, the next one gone */
    assert_int_equal(elo_seglog_seal(d.l), ELO_OK);
    d.l->segs[0]->used = 0;
    assert_int_equal(elo_seglog_used(d.l, 1), 64u << 10);
    assert_int_equal(scan(&d, 1, &next, &bad), ELO_OK);
    assert_int_equal(elo_seglog_used(d.l, 1), 64 + 5 * 3056);
    log_dir_end(&d);
}


/* What can't be read is rot when the log goes on behind it; else nobody knows
   where it ends. */
static void
recovering_from_a_bad_disk(void **state)
{
    log_dir_t d;

    (void) state;
    log_dir_make(&d, 64u << 10);
    log_dir_open(&d);
    for (char k[2] = "a"; k[0] <= 'e'; k[0]++) {
        assert_int_equal(log_put(&d, k, "", elo_slice(bytes, 3000)), ELO_OK);
    }
    elo_seglog_close(&d.l);
    bad_disk = *elo_vfs_posix();
    bad_disk.pread = bad_pread;
    d.cfg.vfs = &bad_disk;
    eio_from = 8192;
    eio_to = 8193;
    assert_int_equal(log_dir_recover(&d, start, 0), ELO_OK);
    assert_string_equal(d.found, "a=/3000;b=/3000;e=/3000;");
    assert_int_equal(d.at.rotten, 2);
    elo_seglog_close(&d.l);
    eio_from = 64 + 4 * 3056 + 100; /* in the last record */
    eio_to = eio_from + 1;
    assert_int_equal(log_dir_recover(&d, start, 0), EIO);
    elo_seglog_close(&d.l);
    eio_from = 64 + 5 * 3056 + 9000; /* behind it: for all we know it goes on */
    eio_to = eio_from + 1;
    assert_int_equal(log_dir_recover(&d, start, 0), EIO);
    d.cfg.vfs = elo_vfs_posix();
    log_dir_end(&d);
}


int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(torn_tail),
        cmocka_unit_test(rot_in_the_middle),
        cmocka_unit_test(numbers_are_not_used_again),
        cmocka_unit_test(segments_behind_the_end),
        cmocka_unit_test(each_operation_fails),
        cmocka_unit_test(scanning),
        cmocka_unit_test(recovering_from_a_bad_disk),
    };

    for (size_t i = 0; i < sizeof(bytes); i++) {
        bytes[i] = (uint8_t) (i * 13 | 1);
    }
    elo_ignore(elo_log_open("/dev/null", ELO_LOG_CRIT)); /* or it is told */
    return cmocka_run_group_tests_name("resume", tests, NULL, NULL);
}
