/* SPDX-License-Identifier: BSD-2-Clause */
#include "t/unit/backend/care/care_dir.h"

#include "backend/store/tables.h"

static elo_care_run_t
run_at(uint32_t len, uint8_t first)
{
    elo_care_run_t r = { .cursor_len = len };

    for (uint32_t i = 0; i < len; i++) {
        r.cursor[i] = (uint8_t) (first + i);
    }
    return r;
}


static void
is_at(care_t *c, const char *name, int64_t want_at, const elo_care_run_t *want)
{
    elo_care_run_t r = { .cursor_len = 7 };
    int64_t at = -1;

    assert_int_equal(elo_care_cursor_load(c->dir.s, name, &at, &r), ELO_OK);
    assert_int_equal(at, want_at);
    assert_int_equal(r.cursor_len, want->cursor_len);
    assert_memory_equal(r.cursor, want->cursor, want->cursor_len);
}


/* Each job has its own; the last one counts, also after a start. */
static void
test_kept(void **state)
{
    static const uint32_t lens[] = { 0, 1, 32, ELO_CARE_CURSOR_MAX };
    elo_care_run_t none = { 0 };
    care_t *c = *state;

    is_at(c, "scrub", 0, &none);
    for (size_t i = 0; i < sizeof(lens) / sizeof(lens[0]); i++) {
        elo_care_run_t one = run_at(lens[i], 1), other = run_at(lens[i], 9);

        assert_int_equal(elo_care_cursor_save(c->dir.s, "scrub", 1000, &one),
                         ELO_OK);
        assert_int_equal(
            elo_care_cursor_save(c->dir.s, "rewrap", INT64_MAX, &other),
            ELO_OK);
        is_at(c, "scrub", 1000, &one);
        is_at(c, "rewrap", INT64_MAX, &other);
        is_at(c, "scru", 0, &none);
        is_at(c, "scrubs", 0, &none);
        dir_reopen(&c->dir);
        is_at(c, "scrub", 1000, &one);
        is_at(c, "rewrap", INT64_MAX, &other);
    }
}


/* ---- rows that no program of ours wrote ---- */

typedef struct {
    elo_kv_op_t op; /* first */
    elo_slice_t value;
} row_t;


static elo_err_t
run_row(elo_kv_op_t *op, elo_kv_tx_t *tx)
{
    return elo_kv_tx_put(tx, ELO_T_CARE, ELO_SLICE("at scrub"),
                         ((row_t *) op)->value, NULL, 0);
}


static void
test_damaged(void **state)
{
    static const struct {
        const char *what;
        size_t len;
        uint8_t first;
        elo_err_t err;
    } rows[] = {
        { "empty", 0, 0, ELO_ECORRUPT },
        { "half a time", 7, 0, ELO_ECORRUPT },
        { "a time alone", 8, 0, ELO_OK },
        { "before 1970", 8, 0x80, ELO_ECORRUPT },
        { "the longest", 8 + ELO_CARE_CURSOR_MAX, 0, ELO_OK },
        { "too long", 9 + ELO_CARE_CURSOR_MAX, 0, ELO_ECORRUPT },
    };
    care_t *c = *state;

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        uint8_t value[128] = { rows[i].first };
        row_t row = { .op = { .run = run_row },
                      .value = elo_slice(value, rows[i].len) };
        elo_care_run_t r = { 0 };
        int64_t at;
        elo_err_t rc;

        assert_int_equal(elo_kv_exec(elo_store_kv(c->dir.s), &row.op), ELO_OK);
        rc = elo_care_cursor_load(c->dir.s, "scrub", &at, &r);
        if (rc != rows[i].err) {
            fail_msg("%s: %s", rows[i].what, elo_strerror(rc));
        }
        if (rc != ELO_OK) {
            assert_int_equal(at, 0);
            assert_int_equal(r.cursor_len, 0);
        }
    }
}


int
main(void)
{
#define TEST(fn) cmocka_unit_test_setup_teardown(fn, care_setup, care_teardown)
    const struct CMUnitTest tests[] = {
        TEST(test_kept),
        TEST(test_damaged),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
