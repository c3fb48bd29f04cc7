/* SPDX-License-Identifier: BSD-2-Clause */
/* kv: putting, reading, opening again in every state that an end may leave. */
#include "t/unit/backend/kv/kv_dir.c"


static void
test_put_get(void **state)
{
    kvd_t *d = *state;

    kvd_check(d, T_ONE, "a", NULL);
    assert_int_equal(kvd_put(d, T_ONE, "a", "v1"), ELO_OK);
    kvd_check(d, T_ONE, "a", "v1");
    kvd_check(d, T_BACK, "v1a", "");
    assert_int_equal(elo_kv_sum(d->kv, SUM_KEYS, 1), 1);
    assert_int_equal(kvd_put(d, T_ONE, "a", "v2"), ELO_OK);
    kvd_check(d, T_ONE, "a", "v2");
    kvd_check(d, T_BACK, "v1a", NULL);
    kvd_check(d, T_BACK, "v2a", "");
    assert_int_equal(elo_kv_sum(d->kv, SUM_KEYS, 1), 1);
    assert_int_equal(kvd_del(d, T_ONE, "a"), ELO_OK);
    kvd_check(d, T_ONE, "a", NULL);
    kvd_check(d, T_BACK, "v2a", NULL);
    assert_int_equal(elo_kv_sum(d->kv, SUM_KEYS, 1), 0);
    assert_int_equal(kvd_del(d, T_ONE, "a"), ELO_OK); /* nothing there */
    assert_int_equal(kvd_put_data(d, T_OTHER, "d", "", ELO_SLICE("the data")),
                     ELO_OK);
    kvd_check_data(d, T_OTHER, "d", ELO_SLICE("the data"));
}


/* The same things in the table, in the index, in the log alone. */
static void
test_reopen(void **state)
{
    kvd_t *d = *state, copy;

    assert_int_equal(kvd_put(d, T_ONE, "a", "v1"), ELO_OK);
    assert_int_equal(kvd_put(d, T_ONE, "bb", "v2"), ELO_OK);
    assert_int_equal(kvd_put_data(d, T_OTHER, "d", "x", ELO_SLICE("data")),
                     ELO_OK);
    assert_int_equal(kvd_put(d, T_ONE, "gone", "v3"), ELO_OK);
    assert_int_equal(elo_kv_checkpoint(d->kv), ELO_OK);
    assert_int_equal(kvd_del(d, T_ONE, "gone"), ELO_OK);
    assert_int_equal(kvd_put(d, T_ONE, "a", "v4"), ELO_OK);

    for (int how = 0; how < 4; how++) {
        kvd_copy(d, &copy);
        if (how == 1) {
            kvd_drop_index(&copy);
        }
        kvd_open(&copy);
        assert_int_equal(copy.found.is_rebuilt, how == 1);
        assert_int_equal(copy.found.records, how == 1 ? 6 : 2);
        assert_int_equal(copy.found.rotten, 0);
        if (how == 2) {
            kvd_reopen(&copy);
            assert_int_equal(copy.found.records, 0);
        } else if (how == 3) {
            assert_int_equal(elo_kv_checkpoint(copy.kv), ELO_OK);
        }
        kvd_check(&copy, T_ONE, "a", "v4");
        kvd_check(&copy, T_ONE, "bb", "v2");
        kvd_check(&copy, T_ONE, "gone", NULL);
        kvd_check_rows(&copy, T_BACK, "", "v2bb= v4a=");
        kvd_check_data(&copy, T_OTHER, "d", ELO_SLICE("data"));
        assert_int_equal(elo_kv_sum(copy.kv, SUM_KEYS, 1), 1);
        assert_int_equal(elo_kv_sum(copy.kv, SUM_KEYS, 2), 1);
        assert_int_equal(elo_kv_sum(copy.kv, SUM_KEYS, 4), 0);
        assert_int_equal(kvd_put(&copy, T_ONE, "more", "v5"), ELO_OK);
        kvd_check(&copy, T_ONE, "more", "v5");
        kvd_end(&copy);
    }
}


static void
test_read(void **state)
{
    kvd_t *d = *state;
    elo_kv_entry_t e;
    elo_kv_view_t v;
    uint8_t got[8];
    elo_err_t rc;

    assert_int_equal(kvd_put_data(d, T_OTHER, "d", "v", ELO_SLICE("the data")),
                     ELO_OK);
    assert_int_equal(elo_kv_view_begin(d->kv, &v), ELO_OK);
    assert_int_equal(elo_kv_get(&v, T_OTHER, ELO_SLICE("d"), &e), ELO_OK);
    assert_int_equal(e.segment, 1);
    assert_int_equal(e.data_off, 64 + 48 + 2);
    assert_int_equal(elo_kv_read(d->kv, e.segment, e.data_off + 4, got, 4),
                     ELO_OK);
    assert_memory_equal(got, "data", 4);
    rc = elo_kv_read_now(d->kv, e.segment, e.data_off, got, 8);
    assert_true(rc == ELO_OK || rc == ELO_EAGAIN);
    assert_int_equal(elo_kv_read(d->kv, 9, e.data_off, got, 1), ELO_ENOTFOUND);
    assert_int_equal(
        elo_kv_read(d->kv, e.segment, d->cfg.segment_bytes - 1, got, 2),
        ELO_ECORRUPT);
    elo_kv_view_end(&v);
}


/* What can't be asked for. */
static void
test_cfg(void **state)
{
    kvd_t d;

    (void) state;
    kvd_make(&d);
    d.cfg.segment_bytes = (64u << 20) + 8; /* a place couldn't say it */
    assert_int_equal(elo_kv_open(&d.cfg, &d.kv, NULL), ELO_EINVAL);
    assert_null(d.kv);
    d.cfg.segment_bytes = 0;
    d.cfg.memtable_bytes = 0;
    d.cfg.tail_bytes = 0;
    d.cfg.checkpoint_ms = 0;
    d.cfg.derive = NULL;
    kvd_open(&d); /* with what is usual */
    assert_int_equal(kvd_put(&d, T_ONE, "k", "v"), ELO_OK);
    kvd_check(&d, T_ONE, "k", "v");
    kvd_check(&d, T_BACK, "vk", NULL);
    kvd_end(&d);
}


int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_put_get, kvd_setup, kvd_teardown),
        cmocka_unit_test_setup_teardown(test_reopen, kvd_setup, kvd_teardown),
        cmocka_unit_test_setup_teardown(test_read, kvd_setup, kvd_teardown),
        cmocka_unit_test(test_cfg),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
