/* SPDX-License-Identifier: BSD-2-Clause */
/* metrics: slots don't meet, buckets are where they belong, and what is shown is what
   was counted, in no more room than the status location has. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/metrics.h"

#define ROOM 65536u /* NGX_HTTP_ELOHIM_STATUS_MAX */

static elo_metrics_t zeroes;


static char *
shown(const elo_metrics_t *m, void (*show)(const elo_metrics_t *, elo_buf_t *))
{
    elo_buf_t b;
    char *text;

    elo_buf_init(&b, ROOM);
    show(m, &b);
    assert_int_equal(elo_buf_err(&b), ELO_OK);
    text = strdup(elo_buf_cstr(&b));
    assert_non_null(text);
    elo_buf_dispose(&b);
    return text;
}


static void
has(const char *text, const char *want)
{
    if (strstr(text, want) == NULL) {
        fail_msg("\"%s\" is not in it", want);
    }
}


static void
test_slots(void **state)
{
    static const struct {
        uint32_t first, end, n;
    } rows[] = {
#define ELO_METRIC(name, kind, label, label2, text, help)                      \
    { ELO_M_##name, ELO_M_##name##_END,                                        \
      ELO_METRIC_##kind * ELO_BY_##label##_N * ELO_BY_##label2##_N },
#include "common/base/metrics.def"
    };
    uint32_t next = 0;

    (void) state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        assert_int_equal(rows[i].first, next);
        assert_int_equal(rows[i].end, rows[i].first + rows[i].n - 1);
        next = rows[i].end + 1;
    }
    assert_int_equal(next, ELO_M_SLOTS);
    assert_int_equal(sizeof(elo_metrics_t) % 64, 0);
}


static void
test_names_differ(void **state)
{
    static const char *const names[] = {
#define ELO_METRIC(name, kind, label, label2, text, help) text,
#include "common/base/metrics.def"
    };
    size_t n = sizeof(names) / sizeof(names[0]);

    (void) state;
    for (size_t i = 0; i < n; i++) {
        for (size_t k = i + 1; k < n; k++) {
            assert_string_not_equal(names[i], names[k]);
        }
        assert_int_equal(strspn(names[i], "abcdefghijklmnopqrstuvwxyz_"),
                         strlen(names[i]));
    }
}


/* Each kind has the name that Prometheus' rules want: counters end in _total. */
static void
test_names_fit(void **state)
{
    static const struct {
        const char *text, *kind;
    } rows[] = {
#define ELO_METRIC(name, kind, label, label2, text, help) { text, #kind },
#include "common/base/metrics.def"
    };

    (void) state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        size_t len = strlen(rows[i].text);
        bool is_total = len > 6 && !strcmp(rows[i].text + len - 6, "_total");
        bool is_seconds =
            len > 8 && !strcmp(rows[i].text + len - 8, "_seconds");

        assert_int_equal(is_total, !strcmp(rows[i].kind, "COUNTER"));
        assert_int_equal(is_seconds, !strcmp(rows[i].kind, "SECONDS")
                                         || !strcmp(rows[i].kind, "HISTOGRAM"));
    }
}


static void
test_buckets(void **state)
{
    static const uint64_t bounds[] = { ELO_METRIC_BOUNDS };

    (void) state;
    for (uint32_t i = 0; i < ELO_METRIC_BUCKETS - 1; i++) {
        elo_metrics_t m = zeroes;

        if (i > 0) {
            assert_true(bounds[i] > bounds[i - 1]);
        }
        elo_metrics_observe(&m, ELO_M_HIT_SECONDS, bounds[i]);
        elo_metrics_observe(&m, ELO_M_HIT_SECONDS, bounds[i] + 1);
        assert_int_equal(m.v[ELO_M_HIT_SECONDS + i], 1);
        assert_int_equal(m.v[ELO_M_HIT_SECONDS + i + 1], 1);
        assert_int_equal(m.v[ELO_M_HIT_SECONDS_END], 2 * bounds[i] + 1);
    }
    elo_metrics_t m = zeroes;

    elo_metrics_observe(&m, ELO_M_HIT_SECONDS, 0);
    elo_metrics_observe(&m, ELO_M_HIT_SECONDS, UINT64_MAX);
    assert_int_equal(m.v[ELO_M_HIT_SECONDS], 1);
    assert_int_equal(m.v[ELO_M_HIT_SECONDS + ELO_METRIC_BUCKETS - 1], 1);
    /* nothing else was touched */
    for (uint32_t i = 0; i < ELO_M_SLOTS; i++) {
        if (i < ELO_M_HIT_SECONDS || i > ELO_M_HIT_SECONDS_END) {
            assert_int_equal(m.v[i], 0);
        }
    }
}


static void
test_sum(void **state)
{
    elo_metrics_t a = zeroes, b = zeroes, all = zeroes;

    (void) state;
    for (uint32_t i = 0; i < ELO_M_SLOTS; i++) {
        elo_metrics_add(&a, i, i);
        elo_metrics_add(&b, i, 1000 * (uint64_t) i);
        elo_metrics_add(&b, i, 1);
    }
    elo_metrics_sum(&all, &a);
    elo_metrics_sum(&all, &b);
    for (uint32_t i = 0; i < ELO_M_SLOTS; i++) {
        assert_int_equal(all.v[i], 1001 * (uint64_t) i + 1);
    }
}


static void
test_text(void **state)
{
    elo_metrics_t m = zeroes;
    char *text;

    (void) state;
    m.v[elo_metric_at(REQUESTS, ELO_BY_STATUS_HIT, CLASS,
                      ELO_BY_CLASS_COMMONS)] = 7;
    m.v[ELO_M_SENT_BYTES + ELO_BY_SOURCE_EXTENT] = UINT64_MAX;
    m.v[ELO_M_HEARTBEAT] = 1250000;
    m.v[ELO_M_DAEMONS] = 2;
    elo_metrics_observe(&m, ELO_M_MISS_SECONDS, 10);
    elo_metrics_observe(&m, ELO_M_MISS_SECONDS, 240);
    elo_metrics_observe(&m, ELO_M_MISS_SECONDS, 99000000);

    text = shown(&m, elo_metrics_prometheus);
    has(text, "# TYPE elohim_requests_total counter\n");
    has(text, "elohim_requests_total{status=\"hit\",class=\"commons\"} 7\n");
    has(text, "elohim_requests_total{status=\"hit\",class=\"none\"} 0\n");
    has(text,
        "elohim_sent_bytes_total{tier=\"extent\"} 18446744073709551615\n");
    has(text, "# TYPE elohim_heartbeat_age_seconds gauge\n");
    has(text, "\nelohim_heartbeat_age_seconds 1.25\n");
    has(text, "\nelohim_daemons 2\n");
    has(text, "\nelohim_denied_total 0\n");
    has(text, "# TYPE elohim_miss_seconds histogram\n");
    has(text, "\nelohim_miss_seconds_bucket{le=\"0.00001\"} 1\n");
    has(text, "\nelohim_miss_seconds_bucket{le=\"0.00025\"} 2\n");
    has(text, "\nelohim_miss_seconds_bucket{le=\"10\"} 2\n");
    has(text, "\nelohim_miss_seconds_bucket{le=\"+Inf\"} 3\n");
    has(text, "\nelohim_miss_seconds_sum 99.00025\n");
    has(text, "\nelohim_miss_seconds_count 3\n");
    free(text);

    text = shown(&m, elo_metrics_json);
    has(text, "{\"requests_total\":{\"none\":{\"private\":0,");
    has(text, "\"hit\":{\"private\":0,\"community\":0,\"commons\":7,");
    has(text, "\n\"heartbeat_age_seconds\":1.25}\n");
    has(text, "\n\"miss_seconds\":{\"buckets\":{\"0.00001\":1,");
    has(text, "\"+Inf\":3},\"sum\":99.00025,\"count\":3}");
    free(text);
}


/* The longest that there can be. */
static void
test_fits(void **state)
{
    elo_metrics_t m;
    char *text;

    (void) state;
    memset(&m, 0xff, sizeof(m));
    text = shown(&m, elo_metrics_prometheus);
    assert_true(strlen(text) < ROOM / 4 * 3);
    free(text);
    text = shown(&m, elo_metrics_json);
    assert_true(strlen(text) < ROOM / 4 * 3);
    free(text);
}


/* Of each buffer that is too short it is said, and nothing is written past it. */
static void
test_short(void **state)
{
    static uint8_t mem[ROOM + 1];

    (void) state;
    for (size_t len = 1; len < 3000; len += 97) {
        elo_buf_t b;

        mem[len] = 0x5a;
        elo_buf_init_fixed(&b, mem, len);
        elo_metrics_prometheus(&zeroes, &b);
        assert_int_equal(elo_buf_err(&b), ELO_ETOOBIG);
        assert_int_equal(mem[len], 0x5a);
        elo_buf_init_fixed(&b, mem, len);
        elo_metrics_json(&zeroes, &b);
        assert_int_equal(elo_buf_err(&b), ELO_ETOOBIG);
        assert_int_equal(mem[len], 0x5a);
    }
}


int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_slots),     cmocka_unit_test(test_names_differ),
        cmocka_unit_test(test_names_fit), cmocka_unit_test(test_buckets),
        cmocka_unit_test(test_sum),       cmocka_unit_test(test_text),
        cmocka_unit_test(test_fits),      cmocka_unit_test(test_short),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
