/* SPDX-License-Identifier: BSD-2-Clause */
/* origins: backing off, coming back, and what outlives a start; report: what is in
   danger. */
#include "t/unit/backend/store/store_dir.c"

#include "backend/fallback/origins.h"
#include "backend/fallback/report.h"
#include "backend/os/log.h"

#define NOW     INT64_C(1000000)
#define RETRY_S 100u
#define MAX_S   1600u


static elo_origins_t *
origins(dir_t *d)
{
    elo_origins_cfg_t cfg = { .store = d->s,
                              .retry_s = RETRY_S,
                              .retry_max_s = MAX_S };
    elo_origins_t *o = NULL;

    assert_int_equal(elo_log_open("/dev/null", ELO_LOG_ALERT), ELO_OK);
    assert_int_equal(elo_origins_create(&cfg, &o), ELO_OK);
    return o;
}


static void
test_backoff(void **state)
{
    static const char url[] = "https://example.org/x";
    elo_fetch_result_t bad = { .why = ELO_FETCH_FAILED, .note = "cut" };
    elo_fetch_result_t asked = { .why = ELO_FETCH_STATUS,
                                 .status = 503,
                                 .retry_after_s = 9000 };
    elo_fetch_result_t good = { .why = ELO_FETCH_DONE, .status = 200 };
    dir_t *d = *state;
    elo_origins_t *o = origins(d);
    int64_t pause, full = RETRY_S;

    assert_int_equal(elo_origins_next(o, url), 0);
    assert_false(elo_origins_is_dead(o, url));
    assert_int_equal(elo_origins_tried(o, url), 0);
    for (int i = 0; i < 12; i++) { /* it doubles, less a quarter at most */
        elo_origins_note(o, url, &bad, false, NOW);
        assert_true(elo_origins_is_dead(o, url));
        pause = elo_origins_next(o, url) - NOW;
        assert_in_range(pause, full * 3 / 4, full);
        full = full * 2 < MAX_S ? full * 2 : MAX_S;
    }
    elo_origins_note(o, url, &good, false, NOW + 1);
    assert_false(elo_origins_is_dead(o, url));
    assert_int_equal(elo_origins_next(o, url), 0);
    assert_int_equal(elo_origins_tried(o, url), NOW + 1);
    elo_origins_note(o, url, &good, true, NOW); /* wrong bytes: at once */
    pause = elo_origins_next(o, url) - NOW;
    assert_in_range(pause, MAX_S * 3 / 4, MAX_S);
    elo_origins_note(o, url, &asked, false, NOW); /* as the server says */
    assert_int_equal(elo_origins_next(o, url) - NOW, 9000);
    elo_origins_free(&o);

    dir_reopen(d);
    o = origins(d);
    assert_true(elo_origins_is_dead(o, url));
    assert_int_equal(elo_origins_next(o, url) - NOW, 9000);
    elo_origins_note(o, url, &good, false, NOW);
    elo_origins_free(&o);
    dir_reopen(d);
    o = origins(d);
    assert_false(elo_origins_is_dead(o, url));
    elo_origins_free(&o);
}


static bool
count(void *ctx, const elo_origin_t *o)
{
    (void) o;
    ++*(uint32_t *) ctx;
    return true;
}


/* As many as are kept, and one more: the oldest is forgotten. */
static void
test_bound(void **state)
{
    elo_fetch_result_t good = { .why = ELO_FETCH_DONE };
    elo_fetch_result_t bad = { .why = ELO_FETCH_FAILED, .note = "x" };
    dir_t *d = *state;
    elo_origins_t *o = origins(d);
    char url[64];
    uint32_t n = 0, rows = 0;

    elo_origins_note(o, "https://first/", &bad, false, 1);
    elo_origins_note(o, "https://second/", &bad, false, 2);
    for (uint32_t i = 2; i <= ELO_ORIGINS_MAX; i++) {
        snprintf(url, sizeof(url), "https://host/%u", i);
        elo_origins_note(o, url, i == ELO_ORIGINS_MAX ? &bad : &good, false,
                         NOW + i);
    }
    elo_origins_each(o, count, &n);
    assert_int_equal(n, ELO_ORIGINS_MAX);
    assert_false(elo_origins_is_dead(o, "https://first/"));
    assert_true(elo_origins_is_dead(o, "https://second/"));
    assert_int_equal(elo_store_origin_each(d->s, count, &rows), ELO_OK);
    assert_int_equal(rows, 2); /* what lives isn't kept; the first is dropped */
    elo_origins_free(&o);
}


static void
test_show(void **state)
{
    static const struct {
        const char *url, *want;
    } rows[] = {
        { "https://a/b", "https://a/b" },
        { "https://a/b?token=secret", "https://a/b?..." },
        { "https://a/b#secret", "https://a/b?..." },
        { "https://a?x", "https://a?..." },
    };
    char out[64];

    (void) state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        elo_origins_show(rows[i].url, out, sizeof(out));
        assert_string_equal(out, rows[i].want);
    }
    elo_origins_show("https://a-longer-one/", out, 8);
    assert_string_equal(out, "https:/");
}


static void
test_report(void **state)
{
    elo_want_t a = { .id = "a", .n_urls = 3 }, b = { .id = "b", .n_urls = 1 };
    elo_report_row_t row;
    elo_report_t *r;

    (void) state;
    assert_int_equal(elo_report_create(&r), ELO_OK);
    assert_false(elo_report_get(r, 0, &row));
    elo_report_note(r, &a, 3, NOW);
    elo_report_note(r, &a, 2, NOW);
    assert_false(elo_report_get(r, 0, &row));
    elo_report_note(r, &a, 1, NOW);
    elo_report_note(r, &b, 1, NOW);
    elo_report_note(r, &a, 1, NOW + 5); /* no news */
    assert_true(elo_report_get(r, 0, &row));
    assert_string_equal(row.id, "a");
    assert_int_equal(row.live, 1);
    assert_int_equal(row.urls, 3);
    assert_int_equal(row.since, NOW);
    elo_report_note(r, &a, 0, NOW + 6);
    assert_true(elo_report_get(r, 0, &row));
    assert_int_equal(row.live, 0);
    assert_int_equal(row.since, NOW + 6);
    elo_report_note(r, &a, 2, NOW + 7); /* they are back */
    assert_true(elo_report_get(r, 0, &row));
    assert_string_equal(row.id, "b");
    assert_false(elo_report_get(r, 1, &row));
    elo_report_clear(r, &b);
    elo_report_clear(r, &b);
    assert_false(elo_report_get(r, 0, &row));
    for (uint32_t i = 0; i < ELO_REPORT_MAX + 2; i++) {
        snprintf(a.id, sizeof(a.id), "%u", i);
        elo_report_note(r, &a, 1, NOW);
    }
    assert_true(elo_report_get(r, ELO_REPORT_MAX - 1, &row));
    assert_false(elo_report_get(r, ELO_REPORT_MAX, &row));
    elo_report_free(&r);
}


int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_backoff, dir_setup, dir_teardown),
        cmocka_unit_test_setup_teardown(test_bound, dir_setup, dir_teardown),
        cmocka_unit_test(test_show),
        cmocka_unit_test(test_report),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
