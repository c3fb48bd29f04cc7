/* SPDX-License-Identifier: BSD-2-Clause */
/* origin: what was put is there, also after a start; rows are judged. */
#include "store_dir.c"

#include "backend/store/origin.h"


typedef struct {
    elo_origin_t got;
    char url[ELO_ORIGIN_URL_MAX + 1], note[ELO_ORIGIN_NOTE_MAX + 1];
    uint32_t n, max;
} all_t;


static bool
on_origin(void *ctx, const elo_origin_t *o)
{
    all_t *a = ctx;

    a->got = *o;
    memcpy(a->url, o->url.p, o->url.len);
    a->url[o->url.len] = '\0';
    if (o->note.len > 0) {
        memcpy(a->note, o->note.p, o->note.len);
    }
    a->note[o->note.len] = '\0';
    return ++a->n != a->max;
}


static void
test_put(void **state)
{
    static char longest[ELO_ORIGIN_URL_MAX + 1];
    static const char note[ELO_ORIGIN_NOTE_MAX + 1];
    dir_t *d = *state;
    elo_origin_t o = { .failures = 3,
                       .status = 503,
                       .is_bad = true,
                       .tried_at = 1,
                       .good_at = 2,
                       .next_at = INT64_MAX,
                       .url = ELO_SLICE("https://example.org/a"),
                       .note = ELO_SLICE("why") };
    all_t a = { .n = 0 };

    assert_int_equal(elo_store_origin_each(d->s, on_origin, &a), ELO_OK);
    assert_int_equal(a.n, 0);
    assert_int_equal(elo_store_origin_put(d->s, &o), ELO_OK);
    for (int i = 0; i < 2; i++) {
        a.n = 0;
        assert_int_equal(elo_store_origin_each(d->s, on_origin, &a), ELO_OK);
        assert_int_equal(a.n, 1);
        assert_string_equal(a.url, "https://example.org/a");
        assert_string_equal(a.note, "why");
        assert_int_equal(a.got.failures, 3);
        assert_int_equal(a.got.status, 503);
        assert_true(a.got.is_bad);
        assert_int_equal(a.got.tried_at, 1);
        assert_int_equal(a.got.good_at, 2);
        assert_true(a.got.next_at == INT64_MAX);
        dir_reopen(d);
    }
    o = (elo_origin_t){ .url = o.url }; /* the same URL: the same row */
    assert_int_equal(elo_store_origin_put(d->s, &o), ELO_OK);
    memset(longest, 'u', sizeof(longest));
    o.url = elo_slice(longest, ELO_ORIGIN_URL_MAX);
    o.note = elo_slice(note, ELO_ORIGIN_NOTE_MAX);
    assert_int_equal(elo_store_origin_put(d->s, &o), ELO_OK);
    o.url.len++;
    assert_int_equal(elo_store_origin_put(d->s, &o), ELO_EINVAL);
    o.url.len = 0;
    assert_int_equal(elo_store_origin_put(d->s, &o), ELO_EINVAL);
    o.url.len = 1;
    o.note.len++;
    assert_int_equal(elo_store_origin_put(d->s, &o), ELO_EINVAL);
    a = (all_t){ .n = 0 };
    assert_int_equal(elo_store_origin_each(d->s, on_origin, &a), ELO_OK);
    assert_int_equal(a.n, 2);
    a = (all_t){ .max = 1 };
    assert_int_equal(elo_store_origin_each(d->s, on_origin, &a), ELO_OK);
    assert_int_equal(a.n, 1);
    assert_int_equal(
        elo_store_origin_drop(d->s, ELO_SLICE("https://example.org/a")),
        ELO_OK);
    assert_int_equal(elo_store_origin_drop(d->s, ELO_SLICE("never")), ELO_OK);
    a = (all_t){ .n = 0 };
    assert_int_equal(elo_store_origin_each(d->s, on_origin, &a), ELO_OK);
    assert_int_equal(a.n, 1);
    elo_kv_set_readonly(elo_store_kv(d->s));
    o.note.len = 0;
    assert_int_equal(elo_store_origin_put(d->s, &o), ELO_EREADONLY);
}


static void
test_parse(void **state)
{
    uint8_t row[64] = { 1, 1, 0, 0, 0, 7, 1, 0xf4 };
    const size_t len = 32 + 2 + 3 + 2 + 1;
    elo_origin_t o;

    (void) state;
    row[33] = 3;
    memcpy(row + 34, "url", 3);
    row[38] = 1;
    row[39] = 'n';
    assert_int_equal(elo_origin_parse(elo_slice(row, len), &o), ELO_OK);
    assert_int_equal(o.failures, 7);
    assert_int_equal(o.status, 500);
    assert_true(o.is_bad);
    assert_true(elo_slice_eq(o.url, ELO_SLICE("url")));
    assert_true(elo_slice_eq(o.note, ELO_SLICE("n")));
    for (size_t n = 0; n < len; n++) {
        assert_int_equal(elo_origin_parse(elo_slice(row, n), &o), ELO_ECORRUPT);
    }
    assert_int_equal(elo_origin_parse(elo_slice(row, len + 1), &o),
                     ELO_ECORRUPT);
    for (size_t at = 0; at < 3; at++) { /* version, flags, a time below 0 */
        static const size_t where[] = { 0, 1, 8 };
        uint8_t was = row[where[at]];

        row[where[at]] = 0x82;
        assert_int_equal(elo_origin_parse(elo_slice(row, len), &o),
                         ELO_ECORRUPT);
        row[where[at]] = was;
    }
}


int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_put, dir_setup, dir_teardown),
        cmocka_unit_test(test_parse),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
