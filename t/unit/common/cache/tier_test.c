/* SPDX-License-Identifier: BSD-2-Clause */
/* tier: what is held is found, what is said to go goes, and nothing else; classes are
   kept apart exactly. Each step of the long ones is followed by elo_tier_check. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "common/base/num.h"
#include "common/cache/tier.h"
#include "common/cache/tier_internal.h"

#define GUARD 64u

static uint64_t random_state;


static uint32_t
below(uint32_t n)
{
    random_state =
        random_state * UINT64_C(6364136223846793005) + 1442695040888963407;
    return (uint32_t) (random_state >> 33) % n;
}


static elo_tier_t *
tier(const elo_tier_conf_t *conf)
{
    size_t len = elo_tier_bytes(conf);
    uint8_t *mem = aligned_alloc(64, len + GUARD);
    elo_tier_t *t = NULL;

    assert_non_null(mem);
    assert_int_equal(len % 64, 0);
    memset(mem, 0xa5, len + GUARD);
    assert_int_equal(elo_tier_init(mem, conf, 77, &t), ELO_OK);
    assert_true(elo_tier_check(t));
    return t;
}


static void
dispose(elo_tier_t *t)
{
    elo_tier_conf_t conf = t->conf;
    const uint8_t *end = (uint8_t *) t + elo_tier_bytes(&conf);

    for (unsigned i = 0; i < GUARD; i++) {
        assert_int_equal(end[i], 0xa5);
    }
    free(t);
}


static elo_tier_conf_t
conf_of(elo_cache_policy_t policy, uint64_t capacity, uint32_t n)
{
    return (elo_tier_conf_t){ .policy = policy,
                              .capacity = capacity,
                              .max_entries = n,
                              .max_object = capacity,
                              .window_pct = 20 };
}


static elo_cache_key_t
key_of(uint64_t id)
{
    elo_cache_key_t key = { { 0 } };

    memcpy(key.b + 4, &id, sizeof(id));
    return key;
}


/* Those who are told of what goes count it, by key. */
typedef struct {
    elo_tier_gone_t gone;
    unsigned n;
    uint64_t last;
    uint64_t bytes;
    bool *held; /* by id; may be NULL */
} told_t;


static void
on_gone(elo_tier_gone_t *self, const elo_cache_key_t *key,
        const elo_tier_item_t *item)
{
    told_t *told = (told_t *) self;

    told->n++;
    told->bytes += item->size;
    memcpy(&told->last, key->b + 4, sizeof(told->last));
    assert_int_equal(item->ref, told->last + 1000);
    if (told->held != NULL) {
        assert_true(told->held[told->last]);
        told->held[told->last] = false;
    }
}


static elo_err_t
add(elo_tier_t *t, uint64_t id, elo_cache_class_t klass, uint64_t size,
    told_t *told)
{
    elo_cache_key_t key = key_of(id);
    elo_tier_item_t item = {
        .ref = id + 1000, .aux = id * 3, .expires = 5, .flags = 6
    };
    uint32_t slot;
    elo_err_t rc = elo_tier_reserve(t, &key, klass, size,
                                    told != NULL ? &told->gone : NULL, &slot);

    if (rc == ELO_OK) {
        assert_true(elo_tier_publish(t, slot, &item));
        if (told != NULL && told->held != NULL) {
            told->held[id] = true;
        }
    }
    return rc;
}


static bool
has(const elo_tier_t *t, uint64_t id)
{
    elo_cache_key_t key = key_of(id);
    elo_tier_item_t item;

    if (!elo_tier_get(t, &key, &item)) {
        return false;
    }
    assert_true(elo_tier_is_same(t, &item));
    assert_int_equal(item.ref, id + 1000);
    assert_int_equal(item.aux, id * 3);
    return true;
}


/* A client's look-up, and what a cache does then. True: a hit. */
static bool
ask(elo_tier_t *t, uint64_t id, elo_cache_class_t klass, uint64_t size,
    told_t *told)
{
    elo_cache_key_t key = key_of(id);
    elo_tier_item_t item;

    if (elo_tier_get(t, &key, &item)) {
        assert_int_equal(item.klass, klass);
        elo_tier_hit(t, &key, &item);
        return true;
    }
    elo_tier_miss(t, &key, klass);
    elo_ignore(add(t, id, klass, size, told)); /* it may be refused */
    return false;
}


static void
test_classes(void **state)
{
    (void) state;
    for (unsigned r = 0; r < ELO_REACH_COUNT; r++) {
        elo_cache_class_t c = elo_cache_class((elo_reach_t) r);

        assert_int_equal(c, r < 3   ? ELO_CACHE_PRIVATE
                            : r < 7 ? ELO_CACHE_COMMUNITY
                                    : ELO_CACHE_COMMONS);
    }
}


static void
test_conf(void **state)
{
    elo_tier_conf_t good = conf_of(ELO_CACHE_QGF, 1000, 10), conf;
    uint8_t *mem = aligned_alloc(64, elo_tier_bytes(&good));
    elo_tier_t *t = NULL;

    (void) state;
    conf = good;
    conf.capacity = 0;
    assert_int_equal(elo_tier_init(mem, &conf, 1, &t), ELO_ERANGE);
    conf.capacity = UINT64_MAX;
    assert_int_equal(elo_tier_init(mem, &conf, 1, &t), ELO_ERANGE);
    conf.capacity = (UINT64_C(1) << 62) + 1;
    assert_int_equal(elo_tier_init(mem, &conf, 1, &t), ELO_ERANGE);
    conf.capacity--;
    assert_int_equal(elo_tier_init(mem, &conf, 1, &t), ELO_OK);
    conf = good;
    conf.max_entries = 0;
    assert_int_equal(elo_tier_init(mem, &conf, 1, &t), ELO_ERANGE);
    conf.max_entries = UINT32_MAX;
    assert_int_equal(elo_tier_init(mem, &conf, 1, &t), ELO_ERANGE);
    /* even then its size is a size */
    assert_true(elo_tier_bytes(&conf) > UINT32_MAX);
    conf = good;
    conf.floor_pm[ELO_CACHE_PRIVATE] = 1000;
    assert_int_equal(elo_tier_init(mem, &conf, 1, &t), ELO_ERANGE);
    conf.floor_pm[ELO_CACHE_PRIVATE] = 500;
    conf.floor_pm[ELO_CACHE_COMMUNITY] = 500;
    assert_int_equal(elo_tier_init(mem, &conf, 1, &t), ELO_ERANGE);
    conf.floor_pm[ELO_CACHE_COMMUNITY] = 499;
    assert_int_equal(elo_tier_init(mem, &conf, 1, &t), ELO_OK);
    conf = good;
    conf.window_pct = 101;
    assert_int_equal(elo_tier_init(mem, &conf, 1, &t), ELO_ERANGE);
    conf = good;
    conf.policy = (elo_cache_policy_t) 3;
    assert_int_equal(elo_tier_init(mem, &conf, 1, &t), ELO_ERANGE);
    free(mem);
}


static void
test_life(void **state)
{
    (void) state;
    for (unsigned p = 0; p < 3; p++) {
        elo_tier_conf_t conf = conf_of((elo_cache_policy_t) p, 1000, 10);
        elo_tier_t *t = tier(&conf);
        told_t told = { .gone = { on_gone } };
        elo_cache_key_t key = key_of(1);
        elo_tier_item_t item, later;
        elo_tier_stat_t stat;
        uint32_t slot, again;

        assert_false(has(t, 1));
        assert_int_equal(elo_tier_reserve(t, &key, ELO_CACHE_COMMONS, 100,
                                          &told.gone, &slot),
                         ELO_OK);
        assert_false(elo_tier_get(t, &key, &item)); /* isn't there yet */
        assert_true(elo_tier_check(t));
        /* somebody is entering it */
        assert_int_equal(elo_tier_reserve(t, &key, ELO_CACHE_COMMONS, 100,
                                          &told.gone, &again),
                         ELO_ENOSPC);
        elo_tier_cancel(t, slot);
        assert_true(elo_tier_check(t));
        assert_int_equal(add(t, 1, ELO_CACHE_COMMONS, 100, &told), ELO_OK);
        assert_true(elo_tier_get(t, &key, &item));
        assert_int_equal(item.size, 100);
        assert_int_equal(item.klass, ELO_CACHE_COMMONS);
        assert_int_equal(item.expires, 5);
        assert_int_equal(item.flags, 6);
        elo_tier_hit(t, &key, &item);
        elo_tier_stat(t, ELO_CACHE_COMMONS, &stat);
        assert_int_equal(stat.hits, 1);
        assert_int_equal(stat.hit_bytes, 100);
        assert_int_equal(stat.bytes, 100);
        assert_int_equal(stat.objects, 1);

        /* changed in place: what was copied is no longer so */
        later = item;
        later.expires = 9;
        assert_true(elo_tier_publish(t, item.slot, &later));
        assert_false(elo_tier_is_same(t, &item));
        assert_false(elo_tier_drop(t, &item, &told.gone));
        assert_true(elo_tier_get(t, &key, &item));
        assert_int_equal(item.expires, 9);

        /* replaced, in another class */
        assert_int_equal(add(t, 1, ELO_CACHE_PRIVATE, 50, &told), ELO_OK);
        assert_int_equal(told.n, 1);
        assert_int_equal(told.bytes, 100);
        assert_false(elo_tier_is_same(t, &item));
        assert_true(elo_tier_get(t, &key, &item));
        assert_int_equal(item.klass, ELO_CACHE_PRIVATE);
        assert_true(elo_tier_drop(t, &item, &told.gone));
        assert_int_equal(told.n, 2);
        assert_false(elo_tier_drop(t, &item, &told.gone));
        assert_false(elo_tier_is_same(t, &item));
        assert_false(has(t, 1));
        elo_tier_stat(t, ELO_CACHE_PRIVATE, &stat);
        assert_int_equal(stat.bytes + stat.objects + stat.evicted, 0);
        assert_true(elo_tier_check(t));
        dispose(t);
    }
}


/* What is larger than its class may be, at the very byte. */
static void
test_limits(void **state)
{
    (void) state;
    for (unsigned p = 0; p < 3; p++) {
        elo_tier_conf_t conf = conf_of((elo_cache_policy_t) p, 1000, 4);
        elo_tier_t *t;

        conf.floor_pm[ELO_CACHE_PRIVATE] = 100;
        conf.floor_pm[ELO_CACHE_COMMUNITY] = 200;
        conf.max_object = 900;
        t = tier(&conf);
        assert_int_equal(add(t, 1, ELO_CACHE_COMMONS, 701, NULL), ELO_ENOSPC);
        assert_int_equal(add(t, 1, ELO_CACHE_COMMUNITY, 901, NULL), ELO_ENOSPC);
        assert_int_equal(add(t, 1, ELO_CACHE_PRIVATE, 800, NULL), ELO_OK);
        assert_int_equal(add(t, 2, ELO_CACHE_PRIVATE, UINT64_MAX, NULL),
                         ELO_ENOSPC);
        /* commons takes what isn't promised; private has what community doesn't use,
           until it does */
        assert_int_equal(add(t, 3, ELO_CACHE_COMMONS, 700, NULL), ELO_OK);
        assert_false(has(t, 1));
        assert_int_equal(add(t, 1, ELO_CACHE_PRIVATE, 301, NULL), ELO_ENOSPC);
        assert_int_equal(add(t, 1, ELO_CACHE_PRIVATE, 300, NULL), ELO_OK);
        assert_int_equal(add(t, 4, ELO_CACHE_COMMUNITY, 201, NULL), ELO_ENOSPC);
        assert_int_equal(add(t, 4, ELO_CACHE_COMMUNITY, 200, NULL), ELO_OK);
        assert_false(has(t, 1));
        assert_int_equal(add(t, 1, ELO_CACHE_PRIVATE, 101, NULL), ELO_ENOSPC);
        assert_int_equal(add(t, 1, ELO_CACHE_PRIVATE, 100, NULL), ELO_OK);
        assert_true(has(t, 1));
        assert_true(has(t, 3));
        assert_true(has(t, 4));
        assert_true(elo_tier_check(t));
        dispose(t);
    }
}


/* Sizes up to what there is, in a tier as large as can be. */
static void
test_hostile_sizes(void **state)
{
    (void) state;
    for (unsigned p = 0; p < 3; p++) {
        for (unsigned by_bytes = 0; by_bytes < 2; by_bytes++) {
            elo_tier_conf_t conf =
                conf_of((elo_cache_policy_t) p, UINT64_C(1) << 62, 30);
            elo_tier_t *t;

            random_state = 12;
            conf.by_bytes = by_bytes;
            conf.floor_pm[0] = conf.floor_pm[1] = 333;
            t = tier(&conf);
            for (unsigned i = 0; i < 5000; i++) {
                uint64_t size = (UINT64_MAX >> below(64)) - below(3);

                (void) ask(t, below(50) * 3 + i % 3,
                           (elo_cache_class_t) (i % 3), size, NULL);
                assert_true(elo_tier_check(t));
            }
            dispose(t);
        }
    }
}


/* Objects of no bytes are bounded by their number. */
static void
test_empty_objects(void **state)
{
    (void) state;
    for (unsigned p = 0; p < 3; p++) {
        elo_tier_conf_t conf = conf_of((elo_cache_policy_t) p, 1, 50);
        elo_tier_t *t = tier(&conf);
        elo_tier_stat_t stat;

        for (uint64_t id = 0; id < 1000; id++) {
            (void) ask(t, id, ELO_CACHE_COMMONS, 0, NULL);
        }
        elo_tier_stat(t, ELO_CACHE_COMMONS, &stat);
        assert_int_equal(stat.objects, 50);
        assert_int_equal(stat.bytes, 0);
        assert_int_equal(stat.misses, 1000);
        assert_int_equal(stat.evicted + stat.refused, 950);
        assert_true(elo_tier_check(t));
        dispose(t);
    }
}


/* A class that is full of what is being entered takes no more, and evicts none. */
static void
test_reserved(void **state)
{
    (void) state;
    for (unsigned p = 0; p < 3; p++) {
        elo_tier_conf_t conf = conf_of((elo_cache_policy_t) p, 1000, 100);
        elo_tier_t *t = tier(&conf);
        elo_tier_item_t item = { .ref = 0 };
        uint32_t slot[10], one;
        elo_cache_key_t key;

        for (unsigned i = 0; i < 10; i++) {
            key = key_of(i);
            assert_int_equal(elo_tier_reserve(t, &key, ELO_CACHE_COMMONS, 100,
                                              NULL, &slot[i]),
                             ELO_OK);
            assert_true(elo_tier_check(t));
        }
        key = key_of(10);
        assert_int_equal(
            elo_tier_reserve(t, &key, ELO_CACHE_COMMONS, 1, NULL, &one),
            ELO_ENOSPC);
        assert_int_equal(
            elo_tier_reserve(t, &key, ELO_CACHE_PRIVATE, 1, NULL, &one),
            ELO_ENOSPC);
        for (unsigned i = 0; i < 10; i++) {
            item.ref = i + 1000;
            item.aux = i * 3;
            assert_true(elo_tier_publish(t, slot[i], &item));
            assert_true(has(t, i));
            assert_true(elo_tier_check(t));
        }
        dispose(t);
    }
}


/* Wider ones don't wait for what narrower ones are entering. */
static void
test_doomed(void **state)
{
    (void) state;
    for (unsigned p = 0; p < 3; p++) {
        elo_tier_conf_t conf = conf_of((elo_cache_policy_t) p, 1000, 100);
        elo_tier_t *t = tier(&conf);
        elo_tier_item_t item = { .ref = 0 };
        uint32_t slot[32], one;
        elo_cache_key_t key;

        for (unsigned i = 0; i < 32; i++) {
            key = key_of(i);
            assert_int_equal(elo_tier_reserve(t, &key, ELO_CACHE_PRIVATE, 30,
                                              NULL, &slot[i]),
                             ELO_OK);
        }
        key = key_of(32); /* 40 bytes are left */
        assert_int_equal(
            elo_tier_reserve(t, &key, ELO_CACHE_PRIVATE, 30, NULL, &one),
            ELO_ENOSPC);
        assert_int_equal(add(t, 100, ELO_CACHE_COMMONS, 1000, NULL), ELO_OK);
        assert_true(elo_tier_check(t));
        for (unsigned i = 0; i < 32; i++) {
            if (i % 2 == 0) {
                assert_false(elo_tier_publish(t, slot[i], &item));
            } else {
                elo_tier_cancel(t, slot[i]);
            }
            assert_true(elo_tier_check(t));
            assert_false(has(t, i));
        }
        assert_true(has(t, 100));

        /* the same key, entered by a narrower and a wider class at once */
        key = key_of(200);
        elo_tier_item_t held;
        elo_cache_key_t wide = key_of(100);
        assert_true(elo_tier_get(t, &wide, &held));
        assert_true(elo_tier_drop(t, &held, NULL));
        assert_int_equal(
            elo_tier_reserve(t, &key, ELO_CACHE_COMMUNITY, 30, NULL, &one),
            ELO_OK);
        assert_int_equal(add(t, 200, ELO_CACHE_COMMONS, 30, NULL), ELO_OK);
        assert_false(elo_tier_publish(t, one, &item));
        assert_true(has(t, 200));
        assert_true(elo_tier_check(t));
        dispose(t);
    }
}


/* Random calls against a table of what is held: the callback says what goes, and get
   must agree with that at each step. */
static void
test_model(void **state)
{
    enum { IDS = 300, STEPS = 20000 };

    (void) state;
    for (unsigned p = 0; p < 3; p++) {
        elo_tier_conf_t conf = conf_of((elo_cache_policy_t) p, 20000, 60);
        static bool held[IDS];
        told_t told = { .gone = { on_gone }, .held = held };
        elo_tier_stat_t stat;
        elo_tier_t *t;
        unsigned n_held = 0, n_refused = 0;

        random_state = 5 + p;
        memset(held, 0, sizeof(held));
        conf.floor_pm[0] = 50;
        conf.floor_pm[1] = 100;
        t = tier(&conf);
        for (unsigned step = 0; step < STEPS; step++) {
            uint64_t id = below(8) == 0 ? below(IDS) : below(IDS) % 40;
            elo_cache_class_t klass = (elo_cache_class_t) (id % 3);
            elo_cache_key_t key = key_of(id);
            elo_tier_item_t item;
            bool is_held = elo_tier_get(t, &key, &item);

            assert_int_equal(is_held, held[id]);
            if (is_held && below(20) == 0) {
                assert_true(elo_tier_drop(t, &item, &told.gone));
                assert_false(held[id]);
            } else if (is_held) {
                elo_tier_hit(t, &key, &item);
            } else {
                elo_tier_miss(t, &key, klass);
                n_refused += add(t, id, klass,
                                 1 + below(below(9) == 0 ? 9000 : 400), &told)
                             != ELO_OK;
            }
            assert_true(elo_tier_check(t));
        }
        for (unsigned k = 0; k < ELO_CACHE_CLASSES; k++) {
            elo_tier_stat(t, (elo_cache_class_t) k, &stat);
            assert_true(stat.hits > 100);
            assert_true(stat.evicted > 10);
            n_held += (unsigned) stat.objects;
        }
        for (unsigned id = 0; id < IDS; id++) {
            n_held -= held[id];
        }
        assert_int_equal(n_held, 0);
        assert_true(n_refused > 0);
        dispose(t);
    }
}


static bool
walk_odd(void *ctx, const elo_cache_key_t *key, const elo_tier_item_t *item)
{
    uint64_t id;

    (void) item;
    memcpy(&id, key->b + 4, sizeof(id));
    ++*(unsigned *) ctx;
    return id % 2 == 1;
}


static void
test_walk(void **state)
{
    elo_tier_conf_t conf = conf_of(ELO_CACHE_QGF, 1000, 100);
    elo_tier_t *t = tier(&conf);
    told_t told = { .gone = { on_gone } };
    unsigned n_seen = 0, n_calls = 0;
    uint32_t cursor = 0, slot;
    elo_cache_key_t key = key_of(500);

    (void) state;
    for (unsigned i = 0; i < 30; i++) {
        assert_int_equal(add(t, i, (elo_cache_class_t) (i % 3), 10, NULL),
                         ELO_OK);
    }
    assert_int_equal(
        elo_tier_reserve(t, &key, ELO_CACHE_COMMONS, 10, NULL, &slot), ELO_OK);
    while (elo_tier_walk(t, &cursor, 7, walk_odd, &n_seen, &told.gone)) {
        n_calls++;
        assert_true(elo_tier_check(t));
    }
    assert_int_equal(n_seen, 30); /* not the reserved one */
    assert_int_equal(told.n, 15);
    assert_true(n_calls >= 100 / 7);
    for (unsigned i = 0; i < 30; i++) {
        assert_int_equal(has(t, i), i % 2 == 0);
    }
    elo_tier_cancel(t, slot);
    dispose(t);
}


/* ---- non-interference ---- */

typedef struct {
    uint64_t id;
    uint64_t size;
    elo_cache_class_t klass;
} line_t;

#define LINES 60000u


/* Steady commons and community; a flood of private re-reads in the middle. */
static void
make_trace(line_t *line)
{
    for (unsigned i = 0; i < LINES; i++) {
        bool is_flood = i > LINES / 4 && i < 3 * LINES / 4 && below(6) != 0;
        uint32_t id = below(200) * below(20) + below(3);

        line[i].klass = is_flood        ? ELO_CACHE_PRIVATE
                        : below(4) == 0 ? ELO_CACHE_COMMUNITY
                                        : ELO_CACHE_COMMONS;
        if (is_flood) {
            id = i / 50 * 8 + below(8); /* each several times within a while */
        }
        line[i].id = id * UINT64_C(3) + line[i].klass;
        line[i].size = 100 + line[i].id * 7919 % 3000;
    }
}


static void
test_noninterference(void **state)
{
    line_t *line = malloc(LINES * sizeof(*line));
    bool *hit = malloc(LINES);

    (void) state;
    assert_true(line != NULL && hit != NULL);
    random_state = 99;
    make_trace(line);
    for (unsigned p = 0; p < 3; p++) {
        elo_tier_conf_t conf = conf_of((elo_cache_policy_t) p, 200000, 150);
        unsigned n_hits[ELO_CACHE_CLASSES] = { 0 };

        for (unsigned floors = 0; floors < 2; floors++) {
            conf.floor_pm[0] = floors * 100;
            conf.floor_pm[1] = floors * 200;
            for (unsigned from = 0; from < ELO_CACHE_CLASSES; from++) {
                elo_tier_t *t = tier(&conf);

                for (unsigned i = 0; i < LINES; i++) {
                    bool is_hit;

                    if (line[i].klass < from) {
                        continue;
                    }
                    is_hit =
                        ask(t, line[i].id, line[i].klass, line[i].size, NULL);
                    if (from == 0) {
                        hit[i] = is_hit;
                        n_hits[line[i].klass] += is_hit;
                    }
                    assert_int_equal(is_hit, hit[i]);
                }
                assert_true(elo_tier_check(t));
                dispose(t);
            }
        }
        assert_true(n_hits[ELO_CACHE_COMMONS] > 1000);
        assert_true(n_hits[ELO_CACHE_COMMUNITY] > 100);
        assert_true(n_hits[ELO_CACHE_PRIVATE] > 1000);
    }
    free(line);
    free(hit);
}


int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_classes),
        cmocka_unit_test(test_conf),
        cmocka_unit_test(test_life),
        cmocka_unit_test(test_limits),
        cmocka_unit_test(test_hostile_sizes),
        cmocka_unit_test(test_empty_objects),
        cmocka_unit_test(test_reserved),
        cmocka_unit_test(test_doomed),
        cmocka_unit_test(test_model),
        cmocka_unit_test(test_walk),
        cmocka_unit_test(test_noninterference),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
