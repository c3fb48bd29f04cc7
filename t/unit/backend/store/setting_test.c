/* SPDX-License-Identifier: BSD-2-Clause */
/* setting: what was put is there, also after a start. */
#include "store_dir.c"

#include "backend/store/setting.h"


static void
is_kept(elo_store_t *s, const char *name, elo_slice_t want)
{
    elo_buf_t b;

    elo_buf_init(&b, 2 * ELO_SETTING_MAX);
    elo_buf_put_u8(&b, 'x'); /* it appends */
    assert_int_equal(elo_store_setting_get(s, name, &b), ELO_OK);
    assert_int_equal(b.len, want.len + 1);
    if (want.len > 0) {
        assert_memory_equal(b.p + 1, want.p, want.len);
    }
    elo_buf_dispose(&b);
}


static void
test_put(void **state)
{
    static const char longest[] = "a-name-of-thirty-two-characters-";
    static const uint8_t big[ELO_SETTING_MAX + 1] = { 1, 2, 3 };
    dir_t *d = *state;
    elo_buf_t b;

    elo_buf_init(&b, 10);
    assert_int_equal(elo_store_setting_get(d->s, "none", &b), ELO_ENOTFOUND);
    assert_int_equal(b.len, 0);
    assert_int_equal(elo_store_setting_put(d->s, "none", elo_slice(NULL, 0)),
                     ELO_OK);
    assert_int_equal(elo_store_setting_put(d->s, "a", ELO_SLICE("one")),
                     ELO_OK);
    assert_int_equal(elo_store_setting_put(d->s, "a", ELO_SLICE("two")),
                     ELO_OK);
    assert_int_equal(
        elo_store_setting_put(d->s, longest, elo_slice(big, ELO_SETTING_MAX)),
        ELO_OK);
    assert_int_equal(
        elo_store_setting_put(d->s, longest, elo_slice(big, sizeof(big))),
        ELO_ETOOBIG);
    for (unsigned i = 0; i < 2; i++) {
        is_kept(d->s, "none", elo_slice(NULL, 0));
        is_kept(d->s, "a", ELO_SLICE("two"));
        is_kept(d->s, longest, elo_slice(big, ELO_SETTING_MAX));
        dir_reopen(d);
    }
    assert_int_equal(elo_store_setting_get(d->s, longest, &b), ELO_ETOOBIG);
    elo_buf_dispose(&b);
    elo_kv_set_readonly(elo_store_kv(d->s));
    assert_int_equal(elo_store_setting_put(d->s, "a", ELO_SLICE("six")),
                     ELO_EREADONLY);
    is_kept(d->s, "a", ELO_SLICE("two"));
}


static void
test_rows(void **state)
{
    static const uint8_t row[ELO_SETTING_MAX + 2] = { 1, 'v' };
    elo_slice_t v;

    (void) state;
    assert_int_equal(elo_setting_parse(elo_slice(row, 0), &v), ELO_ECORRUPT);
    assert_int_equal(elo_setting_parse(elo_slice(row, sizeof(row)), &v),
                     ELO_ECORRUPT);
    assert_int_equal(elo_setting_parse(elo_slice(row + 1, 1), &v),
                     ELO_ECORRUPT); /* another version */
    assert_int_equal(elo_setting_parse(elo_slice(row, 1), &v), ELO_OK);
    assert_int_equal(v.len, 0);
    assert_int_equal(elo_setting_parse(elo_slice(row, sizeof(row) - 1), &v),
                     ELO_OK);
    assert_int_equal(v.len, ELO_SETTING_MAX);
    assert_ptr_equal(v.p, row + 1);
}


int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_put, dir_setup, dir_teardown),
        cmocka_unit_test(test_rows),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
