/* SPDX-License-Identifier: BSD-2-Clause */
/* Tests of backend/kv/commit: each file operation of a batch fails in turn. Want
   of space takes the batch back for good and the log goes on; anything else ends
   writing, and loses nothing that was acknowledged. */
#include "t/unit/backend/kv/log_dir.h"
#include "t/unit/backend/kv/mem_vfs.c"

#include "backend/os/log.h"

#define SEGMENT 4096u

typedef struct {
    mem_vfs_t *m;
    log_dir_t d;
} disk_t;

static const elo_slice_t none = { NULL, 0 };
static uint8_t bytes[3000];


static void
disk_make(disk_t *k, uint32_t seed)
{
    memset(k, 0, sizeof(*k));
    k->m = mem_create(seed);
    k->d.cfg = (elo_kv_cfg_t){ .vfs = &k->m->v,
                               .root_fd = MEM_FD_ROOT,
                               .store_id = STORE_ID,
                               .segment_bytes = SEGMENT,
                               .group = 7 };
    log_dir_open(&k->d);
}


static void
disk_end(disk_t *k)
{
    elo_seglog_close(&k->d.l);
    assert_int_equal(k->m->n_open, 0);
    mem_destroy(k->m);
}


/* Power goes off and comes back; what is found is in d.found. */
static void
disk_cut(disk_t *k)
{
    elo_seglog_close(&k->d.l);
    assert_int_equal(k->m->n_open, 0);
    mem_power_on(k->m);
    log_dir_open(&k->d);
}


/* Adds four operations that need three segments. */
static void
add_large(disk_t *k)
{
    static const char *const keys[] = { "b1", "b2", "b3", "b4" };

    for (size_t i = 0; i < ELO_COUNT(keys); i++) {
        assert_int_equal(
            log_add(&k->d, keys[i], "", elo_slice(bytes, 2000), NULL), ELO_OK);
        elo_seglog_end_op(k->d.l);
    }
}


static bool
is_there(const disk_t *k, const char *want)
{
    return strncmp(k->d.found, want, strlen(want)) == 0;
}


/* After want of space: as if the batch had not been, now and after a cut. */
static void
check_goes_on(disk_t *k, elo_log_pos_t end, const char *name, unsigned at)
{
    static const char want[] = "a=/2000;c=/100;";

    assert_int_equal(elo_seglog_end(k->d.l).segment, end.segment);
    assert_int_equal(elo_seglog_end(k->d.l).off, end.off);
    assert_int_equal(elo_seglog_next_lsn(k->d.l), 2);
    assert_int_equal(elo_seglog_pending(k->d.l), 0);
    assert_int_equal(log_put(&k->d, "c", "", elo_slice(bytes, 100)), ELO_OK);
    disk_cut(k);
    if (strcmp(k->d.found, want) != 0 || k->d.at.rotten != 0
        || k->d.at.torn_bytes != 0)
    {
        fail_msg("%s at %u: \"%s\", %d torn", name, at, k->d.found,
                 (int) k->d.at.torn_bytes);
    }
}


/* After an error: no more writing; a reopen has what was acknowledged. */
static void
check_is_broken(disk_t *k, bool is_cut, const char *name, unsigned at)
{
    elo_log_pos_t pos;

    assert_int_equal(log_add(&k->d, "c", "", none, &pos), ELO_EREADONLY);
    assert_int_equal(elo_seglog_seal(k->d.l), ELO_EREADONLY);
    assert_int_equal(elo_seglog_commit(k->d.l), ELO_OK); /* nothing to do */
    if (is_cut) {
        disk_cut(k);
    } else {
        elo_seglog_close(&k->d.l);
        mem_kill(k->m);
        log_dir_open(&k->d);
    }
    if (!is_there(k, "a=/2000;") || k->d.at.rotten != 0) {
        fail_msg("%s at %u: \"%s\"", name, at, k->d.found);
    }
}


static const struct fault_s {
    const char *name;
    mem_fault_t kind;
    elo_err_t err;
    bool may_go_on; /* unless it was a sync */
} faults[] = {
    { "disk full", MEM_FAIL, ENOSPC, true },
    { "quota", MEM_FAIL, EDQUOT, true },
    { "I/O error", MEM_FAIL, EIO, false },
    { "turned read-only", MEM_FAIL, EROFS, false },
    { "short write", MEM_SHORT, 0, true },
    { "sync fails", MEM_FAIL_SYNC, EIO, false },
    { "sync fails for want of space", MEM_FAIL_SYNC, ENOSPC, false },
    { "full, also for zeros", MEM_FULL, ENOSPC, true },
};


/* One fault in one commit; false when there was no at-th operation. */
static bool
one_fault(const struct fault_s *f, unsigned at, uint32_t seed)
{
    elo_log_pos_t end;
    elo_err_t rc;
    bool fired, is_sync;
    disk_t k;

    disk_make(&k, seed);
    assert_int_equal(log_put(&k.d, "a", "", elo_slice(bytes, 2000)), ELO_OK);
    end = elo_seglog_end(k.d.l);
    add_large(&k);
    mem_arm(k.m, f->kind, f->err, at);
    rc = elo_seglog_commit(k.d.l);
    fired = k.m->fired;
    is_sync = k.m->fired_op == MEM_OP_SYNC;
    mem_arm(k.m, MEM_CUT, 0, 0);
    if (rc == ELO_OK) {
        assert_false(fired);
        disk_cut(&k);
        assert_string_equal(k.d.found, "a=/2000;b1=/2000;b2=/2000;b3=/2000;"
                                       "b4=/2000;");
    } else if (rc == ELO_ENOSPC) {
        assert_true(f->may_go_on && !is_sync);
        check_goes_on(&k, end, f->name, at);
    } else {
        assert_true(rc != ENOSPC && rc != EDQUOT);
        assert_true(is_sync || !f->may_go_on || f->kind == MEM_FULL);
        check_is_broken(&k, seed % 2 == 0, f->name, at);
    }
    disk_end(&k);
    return fired;
}


static void
each_operation_fails(void **state)
{
    (void) state;
    for (size_t i = 0; i < ELO_COUNT(faults); i++) {
        for (uint32_t seed = 1; seed <= 6; seed++) {
            unsigned at = 1;

            while (one_fault(&faults[i], at, seed)) {
                at++;
            }
            assert_true(at >= 3);
        }
    }
}


/* What can't be made for want of descriptors is refused; nothing breaks. */
static void
want_of_descriptors(void **state)
{
    static const elo_err_t errors[] = { EMFILE, ENFILE, ENOMEM };

    (void) state;
    for (size_t i = 0; i < ELO_COUNT(errors); i++) {
        elo_log_pos_t end;
        disk_t k;

        disk_make(&k, 1);
        assert_int_equal(log_put(&k.d, "a", "", elo_slice(bytes, 2000)),
                         ELO_OK);
        assert_int_equal(log_put(&k.d, "x", "", elo_slice(bytes, 1500)),
                         ELO_OK);
        end = elo_seglog_end(k.d.l);
        assert_int_equal(log_add(&k.d, "b", "", elo_slice(bytes, 2000), NULL),
                         ELO_OK);
        mem_arm(k.m, MEM_FAIL, errors[i], 1); /* the open */
        assert_int_equal(elo_seglog_commit(k.d.l), ELO_ENOSPC);
        assert_int_equal(elo_seglog_end(k.d.l).off, end.off);
        assert_int_equal(log_put(&k.d, "c", "", none), ELO_OK);
        disk_cut(&k);
        assert_string_equal(k.d.found, "a=/2000;x=/1500;c=/0;");
        disk_end(&k);
    }
}


static void
sealing(void **state)
{
    disk_t k;

    (void) state;
    for (unsigned at = 1;; at++) {
        elo_err_t rc;
        bool fired;

        disk_make(&k, at);
        assert_int_equal(elo_seglog_seal(k.d.l), ELO_OK); /* nothing there */
        assert_int_equal(elo_seglog_next(k.d.l, 0), 0);
        assert_int_equal(log_put(&k.d, "a", "", none), ELO_OK);
        mem_arm(k.m, MEM_FAIL, ENOSPC, at);
        rc = elo_seglog_seal(k.d.l);
        fired = k.m->fired;
        mem_arm(k.m, MEM_CUT, 0, 0);
        if (rc == ELO_OK) {
            assert_int_equal(elo_seglog_end(k.d.l).segment, 2);
            assert_int_equal(elo_seglog_seal(k.d.l), ELO_OK); /* empty */
            assert_int_equal(elo_seglog_end(k.d.l).segment, 2);
        } else {
            assert_int_equal(elo_seglog_end(k.d.l).segment, 1);
        }
        if (rc == ELO_OK || rc == ELO_ENOSPC) {
            assert_int_equal(log_put(&k.d, "b", "", none), ELO_OK);
        }
        disk_cut(&k);
        assert_string_equal(k.d.found, rc == ELO_OK || rc == ELO_ENOSPC
                                           ? "a=/0;b=/0;"
                                           : "a=/0;");
        disk_end(&k);
        if (!fired) {
            assert_int_equal(rc, ELO_OK);
            assert_true(at > 4);
            break;
        }
    }
}


/* One sync a batch; two more for a segment's making. */
static void
syncs_and_counts(void **state)
{
    elo_kv_stats_t st;
    unsigned before;
    disk_t k;

    (void) state;
    disk_make(&k, 1);
    assert_int_equal(log_put(&k.d, "a", "", none), ELO_OK);
    before = k.m->n_syncs;
    for (unsigned i = 0; i < 10; i++) {
        assert_int_equal(log_put(&k.d, "b", "", elo_slice(bytes, 100)), ELO_OK);
    }
    assert_int_equal(k.m->n_syncs - before, 10);
    elo_seglog_stats(k.d.l, &st);
    assert_int_equal(st.batches, 11);
    assert_int_equal(st.records, 11);
    assert_int_equal(st.syncs, 12);
    assert_int_equal(st.segments, 1);
    assert_int_equal(st.log_size, SEGMENT);
    assert_int_equal(st.log_bytes, 56 + 10 * 152);
    disk_end(&k);
}


/* More slices than one system call takes. */
static void
many_slices(void **state)
{
    elo_slice_t data[64];
    elo_rec_head_t h = { .table = 1 };
    elo_log_pos_t pos;
    log_dir_t d;

    (void) state;
    for (size_t i = 0; i < ELO_COUNT(data); i++) {
        data[i] = elo_slice(bytes + i, i % 3); /* also empty ones */
    }
    log_dir_make(&d, 1u << 20);
    log_dir_open(&d);
    for (unsigned i = 0; i < 100; i++) {
        assert_int_equal(elo_seglog_add(d.l, &h, ELO_SLICE("k"), none, data,
                                        ELO_COUNT(data), &pos),
                         ELO_OK);
        elo_seglog_end_op(d.l);
    }
    assert_int_equal(elo_seglog_commit(d.l), ELO_OK);
    log_dir_open(&d);
    assert_int_equal(d.at.records, 100);
    assert_int_equal(d.at.rotten + d.at.torn_bytes, 0);
    log_dir_end(&d);
}


int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_operation_fails),
        cmocka_unit_test(want_of_descriptors),
        cmocka_unit_test(sealing),
        cmocka_unit_test(syncs_and_counts),
        cmocka_unit_test(many_slices),
    };

    for (size_t i = 0; i < sizeof(bytes); i++) {
        bytes[i] = (uint8_t) (i * 7);
    }
    elo_ignore(elo_log_open("/dev/null", ELO_LOG_CRIT)); /* or it is told */
    return cmocka_run_group_tests_name("commit", tests, NULL, NULL);
}
