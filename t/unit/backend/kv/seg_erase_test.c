/* SPDX-License-Identifier: BSD-2-Clause */
/* Tests of backend/kv/seg_erase: what is to be zeros is, and nothing else. */
#include "t/unit/backend/kv/log_dir.h"
#include "t/unit/backend/kv/mem_vfs.c"

#define SMALL (24u << 10) /* more than one piece */

static uint8_t bytes[20000];


static void
log_make(log_dir_t *d, mem_vfs_t **m)
{
    *m = mem_create(1);
    *d = (log_dir_t){ .cfg = { .vfs = &(*m)->v,
                               .root_fd = MEM_FD_ROOT,
                               .store_id = STORE_ID,
                               .segment_bytes = SMALL,
                               .group = -1 } };
    log_dir_open(d);
    assert_int_equal(log_put(d, "a", "", elo_slice(bytes, sizeof(bytes))),
                     ELO_OK);
}


static void
ranges(void **state)
{
    static const struct {
        const char *name;
        uint64_t from, to;
    } cases[] = {
        { "nothing", 100, 100 },         { "one byte", 8191, 8192 },
        { "across pieces", 100, 17000 }, { "whole pieces", 8192, 16384 },
        { "to the end", 500, SMALL },    { "beyond it", 500, UINT64_MAX },
    };
    log_dir_t d;
    mem_vfs_t *m;

    (void) state;
    for (size_t i = 0; i < ELO_COUNT(cases); i++) {
        static uint8_t before[SMALL];
        mem_file_t *f;
        int fd;

        log_make(&d, &m);
        f = mem_find(m, "log/0000000000000001");
        memcpy(before, f->now, SMALL);
        assert_int_equal(elo_seg_open(d.l, 1, ELO_VFS_WRITE, &fd), ELO_OK);
        assert_int_equal(elo_seg_erase(d.l, fd, cases[i].from, cases[i].to),
                         ELO_OK);
        for (uint64_t k = 0; k < SMALL; k++) {
            bool is_in = k >= cases[i].from && k < cases[i].to;

            if (f->now[k] != (is_in ? 0 : before[k]) || f->disk[k] != f->now[k])
            {
                fail_msg("%s: at %d", cases[i].name, (int) k);
            }
        }
        assert_int_equal(f->now_size, SMALL);
        m->v.close(&m->v, fd);
        elo_seglog_close(&d.l);
        mem_destroy(m);
    }
}


/* Zeros are not written over zeros: they may be holes. */
static void
holes_stay(void **state)
{
    log_dir_t d;
    mem_vfs_t *m;
    int fd;

    (void) state;
    log_make(&d, &m);
    assert_int_equal(elo_seg_open(d.l, 1, ELO_VFS_WRITE, &fd), ELO_OK);
    mem_arm(m, MEM_FAIL_WRITE, EIO, 1);
    assert_int_equal(elo_seg_erase(d.l, fd, 20200, SMALL), ELO_OK);
    assert_false(m->fired);
    assert_int_equal(elo_seg_erase(d.l, fd, 20000, SMALL), EIO);
    m->v.close(&m->v, fd);
    elo_seglog_close(&d.l);
    mem_destroy(m);
}


static void
destroying(void **state)
{
    log_dir_t d;
    mem_vfs_t *m;

    (void) state;
    for (unsigned at = 1;; at++) {
        elo_err_t rc;
        bool fired;

        log_make(&d, &m);
        mem_arm(m, MEM_FAIL, EIO, at);
        rc = elo_seg_destroy(d.l, 1, -1);
        fired = m->fired;
        assert_int_equal(rc, fired ? EIO : ELO_OK);
        assert_true((mem_find(m, "log/0000000000000001") != NULL) == fired);
        elo_seglog_close(&d.l);
        assert_int_equal(m->n_open, 0);
        mem_destroy(m);
        if (!fired) {
            break;
        }
    }
}


static void
short_writes_are_want_of_space(void **state)
{
    static const struct {
        mem_fault_t kind;
        elo_err_t err, rc;
        uint64_t n;
    } cases[] = {
        { MEM_CUT, 0, ELO_OK, 1000 },
        { MEM_SHORT, 0, ENOSPC, 500 },
        { MEM_FAIL_WRITE, ENOSPC, ENOSPC, 0 },
        { MEM_FAIL_WRITE, EIO, EIO, 0 },
    };
    log_dir_t d;
    mem_vfs_t *m;

    (void) state;
    for (size_t i = 0; i < ELO_COUNT(cases); i++) {
        uint64_t n = 7;
        int fd;

        log_make(&d, &m);
        assert_int_equal(elo_seg_open(d.l, 1, ELO_VFS_WRITE, &fd), ELO_OK);
        mem_arm(m, cases[i].kind, cases[i].err,
                cases[i].kind == MEM_CUT ? 0 : 1);
        assert_int_equal(elo_seg_pwrite(&m->v, fd, bytes, 1000, 64, &n),
                         cases[i].rc);
        assert_int_equal(n, cases[i].n);
        m->v.close(&m->v, fd);
        elo_seglog_close(&d.l);
        mem_destroy(m);
    }
    assert_true(elo_seg_is_full(ENOSPC) && elo_seg_is_full(EDQUOT));
    assert_false(elo_seg_is_full(EIO) || elo_seg_is_full(ELO_OK));
}


int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ranges),
        cmocka_unit_test(holes_stay),
        cmocka_unit_test(destroying),
        cmocka_unit_test(short_writes_are_want_of_space),
    };

    for (size_t i = 0; i < sizeof(bytes); i++) {
        bytes[i] = (uint8_t) (i * 5 | 1);
    }
    return cmocka_run_group_tests_name("seg_erase", tests, NULL, NULL);
}
