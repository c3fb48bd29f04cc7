/* SPDX-License-Identifier: BSD-2-Clause */
/* Tests of backend/store/task_head against a model of the table: whatever is put,
   taken, ended and given back, every task comes exactly once, and those that
   come first, first. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>

#include "backend/store/task_head.h"
#include "common/base/num.h"

#define KEY_LEN ELO_TASK_READY_KEY

typedef struct {
    uint8_t b[KEY_LEN];
} ready_key_t;


/* Its place in the order is n; a small digest of its own. */
static ready_key_t
key_of(uint32_t n)
{
    elo_task_t t = { .kind = ELO_TASK_REPLICATE,
                     .reach = ELO_REACH_LOCAL,
                     .created_us = UINT64_MAX - n };
    ready_key_t k;

    for (uint32_t i = 0; i < 4; i++) {
        t.digest.b[i] = (uint8_t) (n >> (8 * i));
    }
    elo_task_key(&t, k.b);
    return k;
}


static const uint8_t *
id_of(const uint8_t key[KEY_LEN])
{
    return key + KEY_LEN - ELO_TASK_ID;
}


static uint32_t
number_of(const uint8_t key[KEY_LEN])
{
    const uint8_t *d = id_of(key) + 1;

    return (uint32_t) d[0] | (uint32_t) d[1] << 8 | (uint32_t) d[2] << 16;
}


/* The table: which numbers are tasks. */
typedef struct {
    elo_task_head_t *h;
    bool *is_task;
    uint32_t n;
} world_t;


static void
world_init(world_t *w, uint32_t n)
{
    w->n = n;
    w->is_task = calloc(n, sizeof(bool));
    assert_non_null(w->is_task);
    assert_int_equal(elo_head_create(&w->h), ELO_OK);
}


static void
world_end(world_t *w)
{
    elo_head_free(&w->h);
    assert_null(w->h);
    free(w->is_task);
}


/* What a taker does: reads on from where the head says. meanwhile (may be NULL)
   happens between the view and its end. */
static bool
fill(world_t *w, void (*meanwhile)(world_t *w))
{
    static ready_key_t found[ELO_FILL_MAX];
    ready_key_t from;
    uint32_t n = 0, i;

    if (!elo_head_fill_begin(w->h, from.b)) {
        return false;
    }
    for (i = 0; i < w->n && n < ELO_FILL_MAX; i++) {
        ready_key_t k = key_of(i);

        if (w->is_task[i] && memcmp(k.b, from.b, KEY_LEN) >= 0) {
            found[n++] = k;
        }
    }
    if (meanwhile != NULL) {
        meanwhile(w);
    }
    elo_head_fill_end(w->h, from.b, (const uint8_t(*)[KEY_LEN]) found, n,
                      i == w->n && n < ELO_FILL_MAX);
    return n > 0;
}


static uint32_t
take(world_t *w, elo_ready_t *out, uint32_t max)
{
    uint32_t n = 0, k;

    do {
        k = elo_head_pop(w->h, out + n, max - n);
        n += k;
    } while (n < max && (k > 0 || fill(w, NULL)));
    return n;
}


static void
end(world_t *w, const elo_ready_t *r)
{
    w->is_task[number_of(r->key)] = false;
    elo_head_give(w->h, id_of(r->key));
}


static void
test_order(void **state)
{
    static const uint32_t put[] = { 5, 1, 3, 0, 4, 2, 3 };
    elo_ready_t out[8];
    world_t w;

    (void) state;
    world_init(&w, 10);
    assert_int_equal(take(&w, out, 8), 0); /* an empty table, seen whole */
    for (size_t i = 0; i < ELO_COUNT(put); i++) {
        w.is_task[put[i]] = true;
        elo_head_push(w.h, key_of(put[i]).b, true);
    }
    assert_int_equal(elo_head_pop(w.h, out, 4), 4);
    for (uint32_t i = 0; i < 4; i++) {
        assert_int_equal(number_of(out[i].key), i);
        assert_true(out[i].is_sure);
    }
    /* what is taken isn't given twice, whoever tells of it again */
    elo_head_push(w.h, key_of(2).b, true);
    assert_false(elo_head_take(w.h, id_of(out[2].key)));
    assert_int_equal(elo_head_pop(w.h, out + 4, 4), 2);
    assert_int_equal(number_of(out[4].key), 4);
    /* given back it comes again */
    elo_head_give(w.h, id_of(out[2].key));
    elo_head_push(w.h, key_of(2).b, false);
    assert_int_equal(elo_head_pop(w.h, out, 8), 1);
    assert_int_equal(number_of(out[0].key), 2);
    assert_false(out[0].is_sure);
    /* dropped before it was taken */
    elo_head_push(w.h, key_of(9).b, true);
    elo_head_drop(w.h, key_of(9).b);
    elo_head_drop(w.h, key_of(8).b);
    assert_int_equal(elo_head_pop(w.h, out, 8), 0);
    world_end(&w);
}


/* Before the first fill the head knows nothing, and takes nothing for whole. */
static void
test_start(void **state)
{
    elo_ready_t out[4];
    world_t w;

    (void) state;
    world_init(&w, 4);
    w.is_task[1] = w.is_task[3] = true;
    elo_head_push(w.h, key_of(3).b, true);
    assert_int_equal(elo_head_pop(w.h, out, 4), 0);
    assert_int_equal(take(&w, out, 4), 2);
    assert_int_equal(number_of(out[0].key), 1);
    assert_false(out[0].is_sure);
    assert_int_equal(number_of(out[1].key), 3);
    world_end(&w);
}


/* More than the head holds, put in the worst order: all come, in order. */
static void
test_flood(void **state)
{
    const uint32_t n = 3 * ELO_HEAD_MAX;
    elo_ready_t out[100];
    uint32_t got, next = 0;
    world_t w;

    (void) state;
    world_init(&w, n);
    assert_int_equal(take(&w, out, 1), 0);
    for (uint32_t i = n; i-- > 0;) {
        w.is_task[i] = true;
        elo_head_push(w.h, key_of(i).b, true);
    }
    while ((got = take(&w, out, 100)) > 0) {
        for (uint32_t i = 0; i < got; i++) {
            assert_int_equal(number_of(out[i].key), next++);
            end(&w, &out[i]);
        }
    }
    assert_int_equal(next, n);
    world_end(&w);
}


static void
arrive(world_t *w)
{
    /* before, among and behind what the fill sees */
    static const uint32_t put[] = { 0, 1501, 4001 };

    for (size_t i = 0; i < ELO_COUNT(put); i++) {
        w->is_task[put[i]] = true;
        elo_head_push(w->h, key_of(put[i]).b, true);
    }
}


/* Tasks that come while the table is read are neither lost nor given twice. */
static void
test_arrival(void **state)
{
    elo_ready_t out[16];
    uint32_t seen = 0, last = 0;
    world_t w;

    (void) state;
    world_init(&w, 5000);
    for (uint32_t i = 1000; i < 5000; i += 2) {
        w.is_task[i] = true;
    }
    assert_true(fill(&w, arrive));
    for (;;) {
        uint32_t n = take(&w, out, 16);

        for (uint32_t i = 0; i < n; i++) {
            assert_true(seen == 0 || number_of(out[i].key) > last);
            last = number_of(out[i].key);
            assert_true(w.is_task[last]);
            end(&w, &out[i]);
            seen++;
        }
        if (n == 0) {
            break;
        }
    }
    assert_int_equal(seen, 2003);
    world_end(&w);
}


static void
test_taken_max(void **state)
{
    static elo_ready_t out[ELO_TAKEN_MAX + 10];
    world_t w;

    (void) state;
    world_init(&w, ELO_TAKEN_MAX + 10);
    for (uint32_t i = 0; i < w.n; i++) {
        w.is_task[i] = true;
    }
    assert_int_equal(take(&w, out, ELO_TAKEN_MAX + 10), ELO_TAKEN_MAX);
    assert_false(elo_head_take(w.h, id_of(key_of(w.n - 1).b)));
    end(&w, &out[7]);
    assert_int_equal(take(&w, out, 10), 1);
    assert_int_equal(number_of(out[0].key), ELO_TAKEN_MAX);
    world_end(&w);
}


/* A failed reading leaves all as it was. */
static void
test_failed_fill(void **state)
{
    ready_key_t from;
    elo_ready_t out[2];
    world_t w;

    (void) state;
    world_init(&w, 4);
    w.is_task[2] = true;
    assert_true(elo_head_fill_begin(w.h, from.b));
    elo_head_push(w.h, key_of(3).b, true);
    w.is_task[3] = true;
    elo_head_fill_end(w.h, from.b, NULL, 0, false);
    assert_int_equal(elo_head_pop(w.h, out, 2), 0);
    assert_int_equal(take(&w, out, 2), 2);
    assert_int_equal(number_of(out[0].key), 2);
    assert_int_equal(number_of(out[1].key), 3);
    world_end(&w);
}


static void
test_due(void **state)
{
    uint64_t stamp;
    world_t w;

    (void) state;
    world_init(&w, 1);
    assert_int_equal(elo_head_due(w.h, &stamp), 0); /* nothing is known */
    elo_head_set_due(w.h, UINT64_MAX, stamp);
    assert_int_equal(elo_head_due(w.h, &stamp), UINT64_MAX);
    elo_head_wait(w.h, 50);
    elo_head_wait(w.h, 70);
    assert_int_equal(elo_head_due(w.h, &stamp), 50);
    elo_head_wait(w.h, 60);
    elo_head_set_due(w.h, UINT64_MAX, stamp); /* looked before that one came */
    assert_int_equal(elo_head_due(w.h, &stamp), 50);
    world_end(&w);
}


/* Everything at random, against the table. */
static void
test_random(void **state)
{
    enum { N = 9000 };
    static elo_ready_t held[ELO_TAKEN_MAX];
    static bool is_held[N];
    uint32_t n_held = 0, seed = 1;
    world_t w;

    (void) state;
    world_init(&w, N);
    for (uint32_t step = 0; step < 60000; step++) {
        uint32_t i = (seed = seed * 1664525u + 1013904223u) >> 8;
        uint32_t k = i / 8 % N;

        switch (i % 8) {
        case 0:
            if (n_held > 0) { /* given back */
                elo_ready_t r = held[--n_held];

                is_held[number_of(r.key)] = false;
                elo_head_give(w.h, id_of(r.key));
                elo_head_push(w.h, r.key, false);
            }
            break;
        case 1:
        case 2:
            if (n_held > 0) { /* done */
                is_held[number_of(held[n_held - 1].key)] = false;
                end(&w, &held[--n_held]);
            }
            break;
        case 3:
            if (n_held + 4 <= ELO_TAKEN_MAX) {
                uint32_t got = take(&w, held + n_held, 4);

                for (uint32_t j = 0; j < got; j++) {
                    uint32_t no = number_of(held[n_held + j].key);

                    assert_false(is_held[no]);
                    assert_true(w.is_task[no]);
                    is_held[no] = true;
                }
                n_held += got;
            }
            break;
        default:
            if (!w.is_task[k]) {
                w.is_task[k] = true;
                elo_head_push(w.h, key_of(k).b, true);
            }
        }
    }
    while (n_held > 0) {
        end(&w, &held[--n_held]);
    }
    while (take(&w, held, 1) == 1) {
        assert_true(w.is_task[number_of(held[0].key)]);
        end(&w, &held[0]);
    }
    for (uint32_t i = 0; i < N; i++) {
        assert_false(w.is_task[i]);
    }
    world_end(&w);
}


int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_order),     cmocka_unit_test(test_start),
        cmocka_unit_test(test_flood),     cmocka_unit_test(test_arrival),
        cmocka_unit_test(test_taken_max), cmocka_unit_test(test_failed_fill),
        cmocka_unit_test(test_due),       cmocka_unit_test(test_random),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
