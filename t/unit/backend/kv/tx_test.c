/* SPDX-License-Identifier: BSD-2-Clause */
/* tx: what operations see of each other, and how they are taken back: alone, and
   with their whole batch. */
#include "t/unit/backend/kv/kv_dir.c"
#include "t/unit/backend/kv/kv_fault.h"

#include <errno.h>

#define OPS 6

/* Operations that are submitted while the one before waits for the disk are one
   batch. */
typedef struct {
    elo_kv_op_t op;
    elo_err_t (*fn)(elo_kv_tx_t *tx);
    elo_err_t got;
    unsigned order; /* of done */
    uint64_t lsn;
} step_t;

static elo_mutex_t mtx;
static elo_cond_t cond;
static unsigned n_done;


static elo_err_t
step_run(elo_kv_op_t *op, elo_kv_tx_t *tx)
{
    step_t *s = (step_t *) op;

    s->lsn = elo_kv_tx_lsn(tx);
    return s->fn(tx);
}


static void
step_done(elo_kv_op_t *op, elo_err_t err)
{
    step_t *s = (step_t *) op;

    elo_mutex_lock(&mtx);
    s->got = err;
    s->order = ++n_done;
    elo_cond_signal(&cond);
    elo_mutex_unlock(&mtx);
}


static elo_err_t
put(elo_kv_tx_t *tx, const char *key, const char *value)
{
    return elo_kv_tx_put(tx, T_ONE, elo_slice_str(key), elo_slice_str(value),
                         NULL, 0);
}


static bool
has(elo_kv_tx_t *tx, uint8_t table, const char *key)
{
    elo_kv_entry_t e;

    return elo_kv_tx_get(tx, table, elo_slice_str(key), &e) == ELO_OK;
}


static elo_err_t
first_one(elo_kv_tx_t *tx)
{
    return put(tx, "plug", "x");
}


static elo_err_t
makes(elo_kv_tx_t *tx)
{
    assert_int_equal(put(tx, "k", "v1"), ELO_OK);
    assert_int_equal(put(tx, "k", "v2"), ELO_OK); /* twice in one operation */
    assert_true(has(tx, T_BACK, "v2k"));
    assert_false(has(tx, T_BACK, "v1k"));
    assert_int_equal(elo_kv_tx_sum(tx, SUM_KEYS, 1), 1);
    return ELO_OK;
}


static elo_err_t
fails(elo_kv_tx_t *tx)
{
    assert_true(has(tx, T_ONE, "k"));
    assert_int_equal(put(tx, "k", "v3"), ELO_OK);
    assert_int_equal(put(tx, "l", "v3"), ELO_OK);
    assert_int_equal(elo_kv_tx_del(tx, T_ONE, ELO_SLICE("old")), ELO_OK);
    assert_false(has(tx, T_ONE, "old"));
    assert_int_equal(elo_kv_tx_sum(tx, SUM_KEYS, 1), 2);
    assert_int_equal(elo_kv_tx_sum(tx, SUM_KEYS, 3), 0);
    return ELO_EDENIED;
}


static elo_err_t
looks(elo_kv_tx_t *tx)
{
    elo_kv_entry_t e;

    assert_int_equal(elo_kv_tx_get(tx, T_ONE, ELO_SLICE("k"), &e), ELO_OK);
    assert_true(elo_slice_eq(e.value, ELO_SLICE("v2")));
    assert_true(has(tx, T_BACK, "v2k"));
    assert_false(has(tx, T_BACK, "v3k"));
    assert_false(has(tx, T_ONE, "l"));
    assert_true(has(tx, T_ONE, "old"));
    assert_true(has(tx, T_BACK, "v0old"));
    assert_int_equal(elo_kv_tx_sum(tx, SUM_KEYS, 1), 1);
    assert_int_equal(elo_kv_tx_sum(tx, SUM_KEYS, 3), 1);
    return ELO_OK;
}


static elo_err_t
deletes(elo_kv_tx_t *tx)
{
    assert_int_equal(elo_kv_tx_del(tx, T_ONE, ELO_SLICE("k")), ELO_OK);
    return put(tx, "m", "v5");
}


/* Runs the plug, then the rest as one batch. */
static void
run_batch(kvd_t *d, kvf_t *f, step_t *steps, unsigned n)
{
    assert_int_equal(elo_mutex_init(&mtx), ELO_OK);
    assert_int_equal(elo_cond_init(&cond), ELO_OK);
    n_done = 0;
    kvf_hold(f, &f->hold_writes, true);
    for (unsigned i = 0; i < n; i++) {
        steps[i].op.run = step_run;
        steps[i].op.done = step_done;
        elo_kv_submit(d->kv, &steps[i].op);
        if (i == 0) {
            kvf_await_held(f);
        }
    }
    kvf_hold(f, &f->hold_writes, false);
    elo_mutex_lock(&mtx);
    while (n_done < n) {
        elo_cond_wait(&cond, &mtx);
    }
    elo_mutex_unlock(&mtx);
    for (unsigned i = 0; i < n; i++) {
        assert_int_equal(steps[i].order, i + 1);
    }
    elo_cond_dispose(&cond);
    elo_mutex_dispose(&mtx);
}


static void
test_taken_back(void **state)
{
    step_t steps[OPS] = { { .fn = first_one }, { .fn = makes },
                          { .fn = fails },     { .fn = looks },
                          { .fn = deletes },   { .fn = fails } };
    elo_kv_stats_t st;
    kvd_t d, copy;
    kvf_t f;

    (void) state;
    steps[5].fn = first_one;
    kvd_make(&d);
    kvf_init(&f);
    d.cfg.vfs = &f.v;
    kvd_open(&d);
    assert_int_equal(kvd_put(&d, T_ONE, "old", "v0"), ELO_OK);
    run_batch(&d, &f, steps, OPS);
    elo_kv_stats(d.kv, &st);
    assert_int_equal(st.batch_max, OPS - 1);
    for (unsigned i = 0; i < OPS; i++) {
        assert_int_equal(steps[i].got, i == 2 ? ELO_EDENIED : ELO_OK);
    }
    /* the number of what was taken back is given again: nobody has seen it */
    assert_int_equal(steps[2].lsn, steps[1].lsn + 2);
    assert_int_equal(steps[3].lsn, steps[2].lsn);
    assert_int_equal(steps[4].lsn, steps[3].lsn);

    kvd_copy(&d, &copy);
    kvd_open(&copy);
    for (int i = 0; i < 2; i++) {
        kvd_check_rows(i == 0 ? &d : &copy, T_ONE, "", "m=v5 old=v0 plug=x");
        kvd_check_rows(i == 0 ? &d : &copy, T_BACK, "", "v0old= v5m=");
        assert_int_equal(elo_kv_sum((i == 0 ? &d : &copy)->kv, SUM_KEYS, 1), 1);
    }
    kvd_end(&copy);
    kvd_end(&d);
    kvf_dispose(&f);
}


/* A full disk takes the whole batch back, also what an operation decided upon that
   wrote nothing; then writing goes on. */
static void
test_batch_taken_back(void **state)
{
    static const struct {
        elo_err_t err, got;
        bool goes_on;
    } cases[] = {
        { ENOSPC, ELO_ENOSPC, true },
        { EDQUOT, ELO_ENOSPC, true },
        { EIO, ELO_EREADONLY, false },
    };
    kvd_t d, copy;
    kvf_t f;

    (void) state;
    for (size_t c = 0; c < sizeof(cases) / sizeof(cases[0]); c++) {
        step_t steps[] = { { .fn = first_one },
                           { .fn = makes },
                           { .fn = looks },
                           { .fn = deletes } };

        kvd_make(&d);
        kvf_init(&f);
        d.cfg.vfs = &f.v;
        kvd_open(&d);
        assert_int_equal(kvd_put(&d, T_ONE, "old", "v0"), ELO_OK);
        kvf_fail(&f, &f.write_err, cases[c].err);
        run_batch(&d, &f, steps, 4);
        for (unsigned i = 0; i < 4; i++) {
            assert_int_equal(steps[i].got, cases[c].got);
        }
        kvf_fail(&f, &f.write_err, ELO_OK);
        kvd_check_rows(&d, T_ONE, "", "old=v0");
        kvd_check_rows(&d, T_BACK, "", "v0old=");
        assert_int_equal(elo_kv_sum(d.kv, SUM_KEYS, 1), 0);
        assert_int_equal(elo_kv_is_readonly(d.kv), !cases[c].goes_on);
        assert_int_equal(kvd_put(&d, T_ONE, "k", "v7"),
                         cases[c].goes_on ? ELO_OK : ELO_EREADONLY);
        kvd_check(&d, T_ONE, "k", cases[c].goes_on ? "v7" : NULL);
        kvd_copy(&d, &copy);
        kvd_open(&copy);
        kvd_check_rows(&copy, T_ONE, "",
                       cases[c].goes_on ? "k=v7 old=v0" : "old=v0");
        kvd_end(&copy);
        kvd_end(&d);
        kvf_dispose(&f);
    }
}


/* A failed sync: nothing of it is ever seen here, nothing is written again. */
static void
test_sync_fails(void **state)
{
    step_t steps[] = { { .fn = first_one }, { .fn = first_one } };
    kvd_t d;
    kvf_t f;

    (void) state;
    kvd_make(&d);
    kvf_init(&f);
    d.cfg.vfs = &f.v;
    kvd_open(&d);
    assert_int_equal(kvd_put(&d, T_ONE, "old", "v0"), ELO_OK);
    kvf_fail(&f, &f.sync_err, EIO);
    run_batch(&d, &f, steps, 2);
    assert_int_equal(steps[0].got, ELO_EREADONLY);
    assert_int_equal(steps[1].got, ELO_EREADONLY);
    assert_true(elo_kv_is_readonly(d.kv));
    kvf_fail(&f, &f.sync_err, ELO_OK);
    assert_int_equal(kvd_put(&d, T_ONE, "l", "v1"), ELO_EREADONLY);
    assert_int_equal(elo_kv_checkpoint(d.kv), ELO_EREADONLY);
    kvd_check_rows(&d, T_ONE, "", "old=v0");
    kvd_end(&d);
    kvf_dispose(&f);
}


static elo_err_t
too_big(elo_kv_tx_t *tx)
{
    static uint8_t mem[2u << 20];
    elo_slice_t data[2] = { elo_slice(mem, sizeof(mem)),
                            elo_slice(mem, sizeof(mem)) };

    assert_int_equal(put(tx, "before", "v1"), ELO_OK);
    assert_int_equal(
        elo_kv_tx_put(tx, T_OTHER, ELO_SLICE("big"), ELO_SLICE(""), data, 2),
        ELO_ETOOBIG);
    return put(tx, "after", "v1"); /* a refusal is no end */
}


static void
test_too_big(void **state)
{
    kvd_t *d = *state;
    step_t s = { .op.run = step_run, .fn = too_big };

    assert_int_equal(elo_kv_exec(d->kv, &s.op), ELO_OK);
    kvd_check_rows(d, T_ONE, "", "after=v1 before=v1");
    kvd_check(d, T_OTHER, "big", NULL);
}


int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_taken_back),
        cmocka_unit_test(test_batch_taken_back),
        cmocka_unit_test(test_sync_fails),
        cmocka_unit_test_setup_teardown(test_too_big, kvd_setup, kvd_teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
