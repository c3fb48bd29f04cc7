/* SPDX-License-Identifier: BSD-2-Clause */
/* The log as a whole, with power going off, or the program killed, at any point,
   also while it recovers:
   what was acknowledged is there in order, behind it at most whole operations of
   the batch that was under way, and what was refused for want of space never
   comes to life. */
#include "t/unit/backend/kv/log_dir.h"
#include "t/unit/backend/kv/mem_vfs.c"

#include "backend/os/log.h"

#ifndef SEEDS
#define SEEDS 150u
#endif
#define ROUNDS  12u
#define IDS_MAX 4096u
#define SEGMENT 8192u

typedef struct {
    uint32_t id;
    uint64_t segment;
    bool is_last; /* of its operation */
} note_t;

typedef struct {
    mem_vfs_t *m;
    elo_kv_cfg_t cfg;
    elo_seglog_t *l;
    note_t sure[IDS_MAX], maybe[IDS_MAX], found[IDS_MAX];
    size_t n_sure, n_maybe, n_found;
    uint32_t next_id;
    elo_log_pos_t from; /* of a checkpoint, and how many were before it */
    uint64_t from_lsn;
    size_t n_before;
    uint64_t removed_below;
    bool is_control; /* the disk lies: a loss is what is to be seen */
    bool is_lost;
    uint8_t data[3000];
} world_t;


static elo_err_t
note(void *ctx, const elo_log_rec_t *r)
{
    world_t *w = ctx;
    uint32_t id;

    assert_int_equal(r->key.len, sizeof(id));
    memcpy(&id, r->key.p, sizeof(id));
    assert_int_equal(r->value.len, id % 90);
    w->found[w->n_found++] =
        (note_t){ id, r->pos.segment, (r->head.flags & ELO_REC_END) != 0 };
    return ELO_OK;
}


static void
complain(world_t *w, const char *what, uint32_t seed, uint64_t n)
{
    if (!w->is_control) {
        fail_msg("seed %u: %s %d", seed, what, (int) n);
    }
    w->is_lost = true;
}


/* found is sure from `at` on, then a prefix of whole operations of maybe. */
static void
check(world_t *w, size_t at, uint32_t seed)
{
    size_t i = 0, k;

    for (; at < w->n_sure; at++) {
        if (i < w->n_found && w->found[i].id == w->sure[at].id) {
            i++;
        } else if (w->sure[at].segment >= w->removed_below) {
            complain(w, "lost is record", seed, w->sure[at].id);
            return;
        }
    }
    for (k = 0; i < w->n_found; i++, k++) {
        if (k >= w->n_maybe || w->found[i].id != w->maybe[k].id) {
            complain(w, "came to life: record", seed, w->found[i].id);
            return;
        }
    }
    if (k > 0 && !w->maybe[k - 1].is_last) {
        complain(w, "half an operation: record", seed, w->maybe[k - 1].id);
    }
    for (i = 0; i < k; i++) {
        w->maybe[i].segment = w->found[w->n_found - k + i].segment;
    }
    w->n_found = k;
}


/* Opens, checks, and goes on; false when power went off meanwhile. */
static bool
start(world_t *w, uint32_t seed)
{
    bool is_whole = mem_rand(w->m, 2) == 0;
    elo_log_scan_t at;
    elo_err_t rc;

    w->n_found = 0;
    if ((rc = elo_seglog_open(&w->cfg, &w->l)) == ELO_OK) {
        rc = is_whole
                 ? elo_seglog_recover(w->l, (elo_log_pos_t){ 0, 0 }, 0, note, w,
                                      &at)
                 : elo_seglog_recover(w->l, w->from, w->from_lsn, note, w, &at);
    }
    if (rc != ELO_OK) {
        if (!w->m->fired) {
            complain(w, "recovery gives", seed, (uint64_t) rc);
        }
        return false;
    }
    if (at.rotten != 0) {
        complain(w, "rotten:", seed, at.rotten);
    }
    check(w, is_whole ? 0 : w->n_before, seed);
    if (w->is_lost) {
        return false;
    }
    if ((rc = elo_seglog_resume(w->l, &at)) != ELO_OK) {
        assert_true(w->m->fired);
        return false;
    }
    for (size_t i = 0; i < w->n_found; i++) {
        w->sure[w->n_sure++] = w->maybe[i];
    }
    w->n_maybe = 0;
    return true;
}


static void
add_op(world_t *w)
{
    uint32_t n = 1 + mem_rand(w->m, 3);
    elo_rec_head_t h = { .table = 1 };
    elo_seglog_mark_t mark;
    elo_slice_t data[2];
    elo_log_pos_t pos;
    size_t n_maybe = w->n_maybe;

    elo_seglog_mark(w->l, &mark);
    for (uint32_t i = 0; i < n; i++) {
        uint32_t id = w->next_id++;

        data[0] = elo_slice(w->data, mem_rand(w->m, 500));
        data[1] = elo_slice(w->data, mem_rand(w->m, 2) * mem_rand(w->m, 2000));
        assert_int_equal(elo_seglog_add(w->l, &h, elo_slice(&id, sizeof(id)),
                                        elo_slice(w->data, id % 90), data, 2,
                                        &pos),
                         ELO_OK);
        w->maybe[w->n_maybe++] = (note_t){ id, pos.segment, i == n - 1 };
    }
    if (mem_rand(w->m, 8) == 0) {
        elo_seglog_rewind(w->l, &mark); /* the operation failed */
        w->n_maybe = n_maybe;
        return;
    }
    elo_seglog_end_op(w->l);
}


/* Batches until power goes off, or enough of them. */
static void
work(world_t *w, bool has_faults)
{
    elo_err_t rc = ELO_OK;

    for (unsigned i = 0; i < 6; i++) {
        uint32_t n = 1 + mem_rand(w->m, 5);
        mem_vfs_t *m = w->m;

        for (uint32_t k = 0; k < n; k++) {
            add_op(w);
        }
        if (has_faults && mem_rand(m, 12) == 0) {
            mem_arm(m, MEM_FAIL_SYNC, EIO, 1 + mem_rand(m, 3));
            rc = elo_seglog_commit(w->l);
            mem_arm(m, MEM_CUT, 0, 0);
        } else if (has_faults && mem_rand(m, 2) == 0) {
            /* a full disk takes half a write, or none; then power may go */
            mem_arm(m, mem_rand(m, 2) == 0 ? MEM_SHORT : MEM_FAIL_WRITE, ENOSPC,
                    1 + mem_rand(m, 2));
            rc = elo_seglog_commit(w->l);
            assert_true(rc == ELO_OK || rc == ELO_ENOSPC || m->fired);
            mem_arm(m, MEM_CUT, 0, 1 + mem_rand(m, 30));
        } else {
            rc = elo_seglog_commit(w->l);
        }
        if (rc == ELO_ENOSPC) {
            w->n_maybe = 0;
            continue;
        }
        if (rc != ELO_OK) {
            return;
        }
        for (size_t k = 0; k < w->n_maybe; k++) {
            w->sure[w->n_sure++] = w->maybe[k];
        }
        w->n_maybe = 0;
        if (mem_rand(m, 4) == 0 && elo_seglog_seal(w->l) != ELO_OK) {
            return;
        }
        if (mem_rand(m, 3) == 0) {
            w->from = elo_seglog_end(w->l);
            w->from_lsn = elo_seglog_next_lsn(w->l);
            w->n_before = w->n_sure;
            assert_true(w->n_sure + 200 < IDS_MAX);
        }
        if (w->from.segment > 1 && mem_rand(m, 6) == 0) {
            uint64_t first = elo_seglog_next(w->l, 0);

            if (first < w->from.segment) {
                w->removed_below = first + 1;
                if (elo_seglog_remove(w->l, first) != ELO_OK) {
                    return;
                }
            }
        }
    }
}


/* A disk that says that it has, and hasn't. */
static elo_err_t
lie(const elo_vfs_t *v, int fd)
{
    (void) v;
    (void) fd;
    return ELO_OK;
}


/* true when something was lost, which only a control run survives. */
static bool
run(uint32_t seed, bool has_faults, bool is_control)
{
    bool is_lost;
    world_t *w = calloc(1, sizeof(*w));

    assert_non_null(w);
    w->m = mem_create(seed);
    w->cfg = (elo_kv_cfg_t){ .vfs = &w->m->v,
                             .root_fd = MEM_FD_ROOT,
                             .store_id = STORE_ID,
                             .segment_bytes = SEGMENT,
                             .group = -1 };
    if (is_control) {
        w->is_control = true;
        w->m->v.fdatasync = lie;
    }
    for (size_t i = 0; i < sizeof(w->data); i++) {
        w->data[i] = (uint8_t) mem_rand(w->m, 256);
    }
    for (unsigned r = 0; r < ROUNDS && !w->is_lost; r++) {
        bool is_last = r == ROUNDS - 1;

        mem_arm(w->m, MEM_CUT, 0, is_last ? 0 : 1 + mem_rand(w->m, 120));
        if (start(w, seed)) {
            work(w, has_faults && !is_last);
        }
        elo_seglog_close(&w->l);
        if (mem_rand(w->m, 2) == 0) {
            mem_power_on(w->m);
        } else {
            mem_kill(w->m);
        }
    }
    is_lost = w->is_lost;
    assert_true(is_lost || w->n_sure > 10);
    mem_destroy(w->m);
    free(w);
    return is_lost;
}


static void
power_goes_off(void **state)
{
    (void) state;
    for (uint32_t seed = 1; seed <= SEEDS; seed++) {
        assert_false(run(seed, false, false));
    }
}


static void
power_goes_off_on_a_full_disk(void **state)
{
    (void) state;
    for (uint32_t seed = 1; seed <= SEEDS; seed++) {
        assert_false(run(seed, true, false));
    }
}


/* Without syncs the same runs see losses: the checks above are worth something. */
static void
control(void **state)
{
    unsigned n_lost = 0;

    (void) state;
    for (uint32_t seed = 1; seed <= 20; seed++) {
        n_lost += run(seed, false, true);
    }
    assert_true(n_lost > 15);
}


int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(power_goes_off),
        cmocka_unit_test(power_goes_off_on_a_full_disk),
        cmocka_unit_test(control),
    };

    elo_ignore(elo_log_open("/dev/null", ELO_LOG_CRIT)); /* or it is told */
    return cmocka_run_group_tests_name("log_crash", tests, NULL, NULL);
}
