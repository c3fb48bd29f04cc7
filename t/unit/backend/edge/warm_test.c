/* SPDX-License-Identifier: BSD-2-Clause */
/* Tests of backend/edge/warm: lines in order, each once to each edge, within the rate
   and the bounds. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>

#include "backend/edge/warm.h"

#define RUN      UINT64_C(0xfedcba9876543210)
#define RUN_TEXT "fedcba9876543210"
#define MB       (UINT64_C(1) << 20)
#define LINES    256

static const elo_agent_t nobody, anna = { { 1 } }, bob = { { 2 } };

/* What an edge was told in one answer. */
typedef struct {
    char place[64];
    unsigned again_s;
    unsigned n;
    struct {
        char name[200];
        char hex[80];
        unsigned long long size, first, count;
        bool is_held;
    } line[LINES];
} told_t;


static elo_warm_t *
make(void)
{
    elo_warm_t *w;

    assert_int_equal(elo_warm_create(RUN, &w), ELO_OK);
    return w;
}


static elo_warm_blob_t
blob(unsigned i, uint64_t size, bool is_held)
{
    elo_warm_blob_t b = { .size = size, .is_held = is_held };

    b.digest.b[0] = (uint8_t) i;
    b.digest.b[31] = 0xee;
    snprintf(b.name, sizeof(b.name), "blob-%u", i);
    return b;
}


static elo_err_t
add(elo_warm_t *w, const elo_agent_t *by, uint64_t rate,
    const elo_warm_blob_t *blobs, uint32_t n, uint64_t now_ms)
{
    elo_warm_blob_t *copy = malloc(n * sizeof(*copy));
    elo_err_t rc;

    assert_non_null(copy);
    memcpy(copy, blobs, n * sizeof(*copy));
    rc = elo_warm_add(w, by, rate, &copy, n, now_ms);
    assert_true((rc == ELO_OK) == (copy == NULL));
    free(copy);
    return rc;
}


static void
read_line(told_t *t, const char *line)
{
    char where[16];

    assert_int_equal(sscanf(line, "%199s %79s %llu %llu %llu %15s",
                            t->line[t->n].name, t->line[t->n].hex,
                            &t->line[t->n].size, &t->line[t->n].first,
                            &t->line[t->n].count, where),
                     6);
    t->line[t->n].is_held = strcmp(where, "held") == 0;
    assert_true(t->line[t->n].is_held || strcmp(where, "remote") == 0);
    t->n++;
}


static void
ask_at(elo_warm_t *w, const char *place, uint32_t n, bool is_busy,
       uint64_t now_ms, told_t *t)
{
    char *text, *line, *end;
    elo_buf_t b;

    elo_buf_init(&b, 1u << 20);
    elo_warm_next(w, elo_slice_str(place), n, is_busy, now_ms, &b);
    text = strdup(elo_buf_cstr(&b));
    elo_buf_dispose(&b);
    t->n = 0;
    assert_int_equal(
        sscanf(text, "elohim-warm 1 %63s %u\n", t->place, &t->again_s), 2);
    line = strchr(text, '\n') + 1;
    while ((end = strchr(line, '\n')) != NULL) {
        *end = '\0';
        read_line(t, line);
        line = end + 1;
    }
    assert_int_equal(*line, '\0');
    free(text);
}


/* Goes on where the last answer ended. */
static void
ask(elo_warm_t *w, uint32_t n, uint64_t now_ms, told_t *t)
{
    char place[64];

    memcpy(place, t->place, sizeof(place));
    ask_at(w, place, n, false, now_ms, t);
}


static void
test_empty(void **state)
{
    elo_warm_t *w = make();
    elo_warm_status_t st;
    told_t t;

    (void) state;
    ask_at(w, "", 10, false, 0, &t);
    assert_int_equal(t.n, 0);
    assert_true(t.again_s > 1);
    assert_string_equal(t.place, RUN_TEXT "-0");
    elo_warm_status(w, NULL, &st);
    assert_int_equal(st.lists + st.done + st.left, 0);
    assert_int_equal(elo_warm_end(w, NULL), 0);
    elo_warm_free(&w);
    assert_null(w);
    elo_warm_free(&w);
}


static void
test_lines(void **state)
{
    elo_warm_blob_t blobs[] = { blob(1, 500, true), blob(2, 3 * MB + 1, false),
                                blob(3, 100 * MB, true), blob(4, MB, false) };
    elo_warm_t *w = make();
    elo_warm_status_t st;
    told_t t;

    (void) state;
    assert_int_equal(add(w, &nobody, 1000 * MB, blobs, 4, 0), ELO_OK);
    elo_warm_status(w, NULL, &st);
    assert_int_equal(st.lists, 1);
    assert_int_equal(st.left, 4);
    assert_int_equal(st.left_bytes, 500 + 3 * MB + 1 + MB);
    ask_at(w, "", 10, false, 5, &t);
    assert_int_equal(t.n, 4);
    assert_string_equal(t.line[0].name, "blob-1");
    assert_string_equal(t.line[0].hex,
                        "0100000000000000000000000000000000000000"
                        "0000000000000000000000ee");
    assert_true(t.line[0].is_held && t.line[0].size == 500
                && t.line[0].count == 0);
    assert_true(!t.line[1].is_held && t.line[1].size == 3 * MB + 1
                && t.line[1].first == 0 && t.line[1].count == 4);
    assert_true(t.line[2].is_held && t.line[2].count == 0);
    assert_true(t.line[3].first == 0 && t.line[3].count == 1);
    assert_true(t.again_s > 1); /* that was all */
    elo_warm_status(w, NULL, &st);
    assert_int_equal(st.lists, 0);
    assert_int_equal(st.done, 4);
    assert_int_equal(st.left + st.left_bytes, 0);
    ask(w, 10, 6, &t);
    assert_int_equal(t.n, 0);
    /* another edge, or one that has lost its place, gets all of it */
    ask_at(w, "", 10, false, 7, &t);
    assert_int_equal(t.n, 4);
    elo_warm_free(&w);
}


/* Piece by piece of a blob, in as few lines as are asked for. */
static void
test_goes_on(void **state)
{
    elo_warm_blob_t blobs[] = { blob(1, 200 * MB, false), blob(2, 5, true) };
    elo_warm_t *w = make();
    uint64_t at = 0;
    told_t t = { .place = "" };

    (void) state;
    assert_int_equal(add(w, &nobody, UINT64_MAX, blobs, 2, 0), ELO_OK);
    while (at < 200) {
        ask(w, 1, 1, &t);
        assert_int_equal(t.n, 1);
        assert_int_equal(t.line[0].first, at);
        assert_in_range(t.line[0].count, 1, 64);
        assert_int_equal(t.again_s, 1);
        at += t.line[0].count;
    }
    assert_int_equal(at, 200);
    ask(w, 1, 1, &t);
    assert_string_equal(t.line[0].name, "blob-2");
    elo_warm_free(&w);
}


/* In any second no more than the rate, a second's ahead; whoever asks. */
static void
test_rate(void **state)
{
    elo_warm_blob_t blobs[50];
    elo_warm_t *w = make();
    told_t one = { .place = "" }, two = { .place = "" };
    uint64_t units = 0, other = 0;

    (void) state;
    for (unsigned i = 0; i < 50; i++) {
        blobs[i] = blob(i, 2 * MB, false);
    }
    assert_int_equal(add(w, &nobody, 4 * MB, blobs, 50, 0), ELO_OK);
    for (uint64_t ms = 9000; units < 100; ms += 250) {
        ask(w, LINES, ms, &one);
        for (unsigned i = 0; i < one.n; i++) {
            units += one.line[i].count;
        }
        /* one more than the rate gives, for who begins a unit */
        assert_true(units <= 4 * (ms - 9000 + 1000) / 1000 + 1);
        assert_true(units >= 4 * (ms - 9000) / 1000 || units == 100);
        assert_true(ms < 60000);
        if (ms % 1000 == 0) {
            ask(w, LINES, ms, &two);
            for (unsigned i = 0; i < two.n; i++) {
                other += two.line[i].count;
            }
            assert_true(other <= units);
        }
    }
    ask(w, LINES, 60000, &two);
    for (unsigned i = 0; i < two.n; i++) {
        other += two.line[i].count;
    }
    assert_int_equal(other, 100);
    elo_warm_free(&w);
}


static void
test_busy(void **state)
{
    elo_warm_blob_t b = blob(1, 5, true);
    elo_warm_t *w = make();
    told_t t;

    (void) state;
    assert_int_equal(add(w, &nobody, 1, &b, 1, 0), ELO_OK);
    ask_at(w, "", 10, true, 0, &t);
    assert_int_equal(t.n, 0);
    assert_int_equal(t.again_s, 1);
    ask(w, 10, 1, &t);
    assert_int_equal(t.n, 1);
    elo_warm_free(&w);
}


/* Places of another run, or of nowhere, are the first there is. */
static void
test_places(void **state)
{
    static const char *const bad[] = {
        "",
        "x",
        RUN_TEXT,
        RUN_TEXT "-",
        RUN_TEXT "-x",
        RUN_TEXT "-3",
        RUN_TEXT "--1",
        RUN_TEXT "-18446744073709551615",
        RUN_TEXT "-18446744073709551616",
        "0000000000000001-1",
        "FEDCBA9876543210-1",
    };
    elo_warm_blob_t blobs[] = { blob(1, 5, true), blob(2, 5, true) };
    elo_warm_t *w = make();
    told_t t;

    (void) state;
    assert_int_equal(add(w, &nobody, MB, blobs, 2, 0), ELO_OK);
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        ask_at(w, bad[i], 1, false, 1, &t);
        if (t.n != 1 || strcmp(t.line[0].name, "blob-1") != 0) {
            fail_msg("\"%s\"", bad[i]);
        }
    }
    ask_at(w, RUN_TEXT "-1", 1, false, 1, &t);
    assert_string_equal(t.line[0].name, "blob-2");
    ask_at(w, RUN_TEXT "-2", 1, false, 1, &t);
    assert_int_equal(t.n, 0);
    elo_warm_free(&w);
}


/* One list after the other; one that is ended is passed over. */
static void
test_lists(void **state)
{
    elo_warm_blob_t a = blob(1, 2 * MB, false), b = blob(2, 5, true);
    elo_warm_t *w = make();
    elo_warm_status_t st;
    told_t t = { .place = "" };

    (void) state;
    assert_int_equal(add(w, &anna, 1, &a, 1, 0), ELO_OK); /* very slow */
    assert_int_equal(add(w, &bob, MB, &b, 1, 0), ELO_OK);
    ask(w, 10, 1, &t);
    assert_int_equal(t.n, 1);
    assert_int_equal(t.line[0].count, 1);
    ask(w, 10, 5000, &t);
    assert_int_equal(t.n, 0);
    elo_warm_status(w, &anna, &st);
    assert_int_equal(st.left, 1);
    assert_int_equal(st.done_bytes, MB);
    elo_warm_status(w, &bob, &st);
    assert_int_equal(st.left, 1);
    assert_int_equal(st.done_bytes, 0);
    assert_int_equal(elo_warm_end(w, &nobody), 0);
    assert_int_equal(elo_warm_end(w, &anna), 1);
    ask(w, 10, 5001, &t);
    assert_int_equal(t.n, 1);
    assert_string_equal(t.line[0].name, "blob-2");
    elo_warm_status(w, NULL, &st);
    assert_int_equal(st.done, 1);
    assert_int_equal(elo_warm_end(w, NULL), 0); /* it was done */
    elo_warm_free(&w);
}


static void
test_bounds(void **state)
{
    elo_warm_blob_t *many = calloc(ELO_WARM_BLOBS_MAX + 1, sizeof(*many));
    elo_warm_blob_t b = blob(7, 5, true);
    elo_warm_t *w = make();
    told_t t = { .place = "" };

    (void) state;
    assert_non_null(many);
    for (uint32_t i = 0; i <= ELO_WARM_BLOBS_MAX; i++) {
        many[i] = b;
    }
    assert_int_equal(add(w, &nobody, MB, many, ELO_WARM_BLOBS_MAX + 1, 0),
                     ELO_ENOSPC);
    assert_int_equal(add(w, &nobody, MB, many, ELO_WARM_BLOBS_MAX, 0), ELO_OK);
    assert_int_equal(add(w, &nobody, MB, &b, 1, 0), ELO_ENOSPC);
    assert_int_equal(elo_warm_end(w, NULL), 1);
    for (uint32_t i = 0; i < ELO_WARM_LISTS_MAX; i++) {
        assert_int_equal(add(w, &nobody, MB, &b, 1, 0), ELO_OK);
    }
    assert_int_equal(add(w, &nobody, MB, &b, 1, 0), ELO_ENOSPC);
    ask(w, 1, 1, &t); /* one of them is done, and makes room */
    assert_int_equal(add(w, &nobody, MB, &b, 1, 2), ELO_OK);
    assert_int_equal(add(w, &nobody, MB, &b, 1, 2), ELO_ENOSPC);
    ask(w, LINES, 3, &t);
    assert_int_equal(t.n, ELO_WARM_LISTS_MAX);
    /* for edges that come within the hour */
    ask_at(w, "", LINES, false, 2 + ELO_WARM_KEEP_MS, &t);
    assert_int_equal(t.n, ELO_WARM_LISTS_MAX);
    ask_at(w, "", LINES, false, 3 + ELO_WARM_KEEP_MS, &t);
    assert_int_equal(t.n, 0);
    elo_warm_free(&w);
    free(many);
}


int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_empty),   cmocka_unit_test(test_lines),
        cmocka_unit_test(test_goes_on), cmocka_unit_test(test_rate),
        cmocka_unit_test(test_busy),    cmocka_unit_test(test_places),
        cmocka_unit_test(test_lists),   cmocka_unit_test(test_bounds),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
