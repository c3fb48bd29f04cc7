/* SPDX-License-Identifier: BSD-2-Clause */
#include "t/unit/backend/care/care_dir.h"

#include "backend/kv/kv_care.h"
#include "backend/store/tables.h"

#define DAY_S 86400
#define MANY  600u /* more than one operation writes */


static elo_err_t
day_of(care_t *c, const elo_digest_t *d, uint32_t *day)
{
    elo_kv_view_t v;
    elo_err_t rc;

    assert_int_equal(elo_kv_view_begin(elo_store_kv(c->dir.s), &v), ELO_OK);
    rc = elo_care_use_day(&v, d, day);
    elo_kv_view_end(&v);
    return rc;
}


static bool
is_noted(care_t *c, const elo_digest_t *d)
{
    int64_t today = elo_clock_unix_s() / DAY_S;
    uint32_t day;

    assert_int_equal(day_of(c, d, &day), ELO_OK);
    assert_true(day == 0 || day == today || day == today - 1); /* midnight */
    return day != 0;
}


static elo_digest_t
put_one(care_t *c, uint32_t seed)
{
    elo_slice_t b = bytes_of(100, seed);
    elo_digest_t d = digest_of(b);

    assert_int_equal(put_bytes(c->dir.s, b, NULL, NULL), ELO_OK);
    bytes_free(b);
    return d;
}


static void
save(care_t *c)
{
    assert_int_equal(elo_care_use_save(c->use, c->dir.s), ELO_OK);
}


static uint64_t
records(care_t *c)
{
    elo_kv_stats_t st;

    elo_kv_stats(elo_store_kv(c->dir.s), &st);
    return st.records;
}


/* Written when it is saved, once a day, and it stays over a start. */
static void
test_one(void **state)
{
    care_t *c = *state;
    elo_digest_t d = put_one(c, 1), other = put_one(c, 2);
    uint64_t n;

    elo_care_use_touch(c->use, &d);
    assert_false(is_noted(c, &d));
    save(c);
    assert_true(is_noted(c, &d));
    assert_false(is_noted(c, &other));
    n = records(c);
    save(c);
    elo_care_use_touch(c->use, &d);
    save(c);
    assert_true(records(c) <= n + 1); /* at midnight */
    dir_reopen(&c->dir);
    assert_true(is_noted(c, &d));
}


/* What has gone meanwhile gets no row. */
static void
test_gone(void **state)
{
    care_t *c = *state;
    elo_digest_t d = put_one(c, 1), never = digest_of(ELO_SLICE("never"));

    elo_care_use_touch(c->use, &d);
    elo_care_use_touch(c->use, &never);
    assert_int_equal(elo_store_remove(c->dir.s, &d, NULL), ELO_OK);
    save(c);
    assert_false(is_noted(c, &d));
    assert_false(is_noted(c, &never));

    /* and a removal takes the row along */
    d = put_one(c, 1);
    elo_care_use_touch(c->use, &d);
    save(c);
    assert_true(is_noted(c, &d));
    assert_int_equal(elo_store_remove(c->dir.s, &d, NULL), ELO_OK);
    assert_false(is_noted(c, &d));
}


/* Of two that share a slot the newer one is noted; all others are. */
static void
test_many(void **state)
{
    static elo_digest_t d[MANY];
    static uint32_t slot_owner[1u << 16];
    care_t *c = *state;

    for (uint32_t i = 0; i < MANY; i++) {
        d[i] = put_one(c, i);
        slot_owner[(d[i].b[0] << 8 | d[i].b[1]) % 4096] = i;
        elo_care_use_touch(c->use, &d[i]);
    }
    save(c);
    for (uint32_t i = 0; i < MANY; i++) {
        uint32_t owner = slot_owner[(d[i].b[0] << 8 | d[i].b[1]) % 4096];

        assert_int_equal(is_noted(c, &d[i]), owner == i);
    }
}


/* ---- a row that no program of ours wrote ---- */

typedef struct {
    elo_kv_op_t op; /* first */
    const elo_digest_t *d;
} row_t;


static elo_err_t
run_row(elo_kv_op_t *op, elo_kv_tx_t *tx)
{
    const elo_digest_t *d = ((row_t *) op)->d;

    return elo_kv_tx_put(tx, ELO_T_USE, elo_slice(d->b, sizeof(d->b)),
                         ELO_SLICE("abc"), NULL, 0);
}


static void
test_damaged(void **state)
{
    care_t *c = *state;
    elo_digest_t d = put_one(c, 1);
    row_t row = { .op = { .run = run_row }, .d = &d };
    uint32_t day = 7;

    assert_int_equal(elo_kv_exec(elo_store_kv(c->dir.s), &row.op), ELO_OK);
    assert_int_equal(day_of(c, &d, &day), ELO_ECORRUPT);
    elo_care_use_touch(c->use, &d);
    save(c); /* the next use sets it right */
    assert_true(is_noted(c, &d));
}


int
main(void)
{
#define TEST(fn) cmocka_unit_test_setup_teardown(fn, care_setup, care_teardown)
    const struct CMUnitTest tests[] = {
        TEST(test_one),
        TEST(test_gone),
        TEST(test_many),
        TEST(test_damaged),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
