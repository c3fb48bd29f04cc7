/* SPDX-License-Identifier: BSD-2-Clause */
/* Tests of common/base/hashmap, and of the keyed hash under it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "common/base/hashmap.h"
#include "common/base/num.h"
#include "t/unit/backend/kv/no_memory.h"

#define N 2000

typedef struct {
    uint32_t key;
    uint64_t hash;
    bool is_in;
} thing_t;

static const uint8_t sip_key[ELO_SHORTHASH_KEY_LEN] = { 0,  1,  2,  3, 4,  5,
                                                        6,  7,  8,  9, 10, 11,
                                                        12, 13, 14, 15 };


/* J.-P. Aumasson, D. Bernstein: SipHash, appendix A, and the first of its
   reference vectors. */
static void
test_siphash(void **state)
{
    static const uint8_t empty128[16] = { 0xa3, 0x81, 0x7f, 0x04, 0xba, 0x25,
                                          0xa8, 0xe6, 0x6d, 0xf6, 0x72, 0x14,
                                          0xc7, 0x55, 0x02, 0x93 };
    uint8_t in[15], wide[16];

    (void) state;
    for (size_t i = 0; i < sizeof(in); i++) {
        in[i] = (uint8_t) i;
    }
    assert_true(elo_shorthash(sip_key, elo_slice(in, sizeof(in)))
                == 0xa129ca6149be45e5);
    assert_true(elo_shorthash(sip_key, elo_slice(in, 0)) == 0x726fdb47dd0e0e31);
    elo_shorthash128(sip_key, elo_slice(in, 0), wide);
    assert_memory_equal(wide, empty128, sizeof(wide));
}


static bool
is_thing(const void *item, const void *key)
{
    const thing_t *t = item;

    return t->key == *(const uint32_t *) key;
}


static uint32_t
next_random(uint32_t *x)
{
    *x ^= *x << 13;
    *x ^= *x >> 17;
    *x ^= *x << 5;
    return *x;
}


/* Each thing is found exactly while it is in; hashes of few values, near the end of
   the table, make runs that wrap around. mod: of the hashes; 0: real ones. */
static void
run(uint64_t mod, unsigned steps, uint32_t n)
{
    static thing_t things[N];
    uint32_t x = 20260103, n_in = 0;
    elo_hashmap_t m;

    elo_hashmap_init(&m, sip_key);
    for (uint32_t i = 0; i < n; i++) {
        things[i] = (thing_t){ .key = i };
        things[i].hash = mod > 0 ? (uint64_t) 0 - 3 + i % mod
                                 : elo_hashmap_hash(&m, elo_slice(&i, 4));
    }
    for (unsigned step = 0; step < steps; step++) {
        thing_t *t = &things[next_random(&x) % n];

        if (t->is_in) {
            assert_true(elo_hashmap_remove(&m, t->hash, t));
            n_in--;
        } else {
            assert_false(elo_hashmap_remove(&m, t->hash, t));
            assert_int_equal(elo_hashmap_reserve(&m, 1), ELO_OK);
            elo_hashmap_put(&m, t->hash, t);
            n_in++;
        }
        t->is_in = !t->is_in;
        assert_int_equal(elo_hashmap_count(&m), n_in);
        for (unsigned k = 0; k < 4; k++) {
            t = &things[next_random(&x) % n];
            assert_ptr_equal(elo_hashmap_get(&m, t->hash, is_thing, &t->key),
                             t->is_in ? t : NULL);
        }
    }
    for (uint32_t i = 0; i < n; i++) {
        const thing_t *t = &things[i];

        assert_ptr_equal(elo_hashmap_get(&m, t->hash, is_thing, &t->key),
                         t->is_in ? t : NULL);
    }
    elo_hashmap_dispose(&m);
}


static void
test_random(void **state)
{
    (void) state;
    run(0, 100000, N);
}


static void
test_collisions(void **state)
{
    (void) state;
    run(1, 4000, 40); /* all the same */
    run(7, 20000, 200);
}


static void
test_next(void **state)
{
    thing_t things[50] = { 0 };
    elo_hashmap_t m;
    size_t at = 0, n = 0;
    thing_t *t;

    (void) state;
    elo_hashmap_init(&m, sip_key);
    assert_null(elo_hashmap_next(&m, &at));
    assert_null(elo_hashmap_get(&m, 0, is_thing, &(uint32_t){ 0 }));
    assert_int_equal(elo_hashmap_reserve(&m, ELO_COUNT(things)), ELO_OK);
    for (uint32_t i = 0; i < ELO_COUNT(things); i++) {
        things[i].key = i;
        elo_hashmap_put(&m, i * UINT64_C(0x9e3779b97f4a7c15), &things[i]);
    }
    for (at = 0; (t = elo_hashmap_next(&m, &at)) != NULL; n++) {
        assert_false(t->is_in);
        t->is_in = true;
    }
    assert_int_equal(n, ELO_COUNT(things));
    elo_hashmap_dispose(&m);
}


/* Equal keys: each leaves by itself. */
static void
test_same_key(void **state)
{
    thing_t a = { .key = 1 }, b = { .key = 1 };
    elo_hashmap_t m;
    uint32_t key = 1;

    (void) state;
    elo_hashmap_init(&m, sip_key);
    assert_int_equal(elo_hashmap_reserve(&m, 2), ELO_OK);
    elo_hashmap_put(&m, 9, &a);
    elo_hashmap_put(&m, 9, &b);
    assert_true(elo_hashmap_remove(&m, 9, &a));
    assert_false(elo_hashmap_remove(&m, 9, &a));
    assert_ptr_equal(elo_hashmap_get(&m, 9, is_thing, &key), &b);
    assert_true(elo_hashmap_remove(&m, 9, &b));
    assert_null(elo_hashmap_get(&m, 9, is_thing, &key));
    elo_hashmap_dispose(&m);
}


static void
test_too_many(void **state)
{
    elo_hashmap_t m;

    (void) state;
    elo_hashmap_init(&m, sip_key);
    no_memory_at = 1;
    assert_int_equal(elo_hashmap_reserve(&m, 1), ELO_ENOMEM);
    assert_int_equal(elo_hashmap_count(&m), 0);
    assert_int_equal(elo_hashmap_reserve(&m, SIZE_MAX), ELO_ENOMEM);
    assert_int_equal(elo_hashmap_reserve(&m, SIZE_MAX / 32), ELO_ENOMEM);
    assert_int_equal(elo_hashmap_reserve(&m, 1), ELO_OK);
    elo_hashmap_dispose(&m);
}


int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_siphash),    cmocka_unit_test(test_random),
        cmocka_unit_test(test_collisions), cmocka_unit_test(test_next),
        cmocka_unit_test(test_same_key),   cmocka_unit_test(test_too_many),
    };

    return elo_keys_init() != ELO_OK
               ? 1
               : cmocka_run_group_tests(tests, NULL, NULL);
}
