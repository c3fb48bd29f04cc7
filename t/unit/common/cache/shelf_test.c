/* SPDX-License-Identifier: BSD-2-Clause */
/* shelf: what is found is what was put, whole; what goes leaves no narrow byte. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/num.h"
#include "common/cache/shelf.h"

#define BLOCK   128u
#define NOW     1000u
#define FOREVER UINT32_MAX
#define STAMP   sizeof(elo_shelf_stamp_t)

static elo_shelf_conf_t
conf_of(uint32_t blocks, uint32_t entries)
{
    return (elo_shelf_conf_t) {
        .tier = { .policy = ELO_CACHE_LRU,
                  .capacity = (uint64_t) blocks * BLOCK,
                  .max_entries = entries,
                  .max_object = (uint64_t) blocks * BLOCK,
                  .window_pct = 5,
                  .floor_pm = { 200, 200, 0 } },
        .block_len = BLOCK,
    };
}


static elo_shelf_t *
shelf(const elo_shelf_conf_t *conf)
{
    size_t len = elo_shelf_bytes(conf);
    void *mem = aligned_alloc(64, len);
    elo_shelf_t *s;

    assert_non_null(mem);
    assert_int_equal(len % 64, 0);
    memset(mem, 0, len);
    assert_int_equal(elo_shelf_init(mem, conf, 42, &s), ELO_OK);
    assert_ptr_equal(mem, s);
    return s;
}


static elo_cache_key_t
key_of(uint64_t n)
{
    elo_cache_key_t k = { { 0 } };

    memcpy(k.b, &n, sizeof(n));
    return k;
}


static elo_shelf_stamp_t
stamp_of(uint64_t n)
{
    return (elo_shelf_stamp_t) { .store_id = n,
                                 .epoch = n + 1,
                                 .generation = n + 2,
                                 .agent_generation = n + 3,
                                 .slot = (uint32_t) n + 4,
                                 .agent_slot = (uint32_t) n + 5 };
}


static elo_err_t
put(elo_shelf_t *s, uint64_t n, elo_cache_class_t klass, const void *p,
    size_t len, uint32_t expires)
{
    elo_cache_key_t k = key_of(n);
    elo_shelf_stamp_t st = stamp_of(n);

    return elo_shelf_put(s, &k, klass, &st, elo_slice(p, len), expires);
}


static bool
find(const elo_shelf_t *s, uint64_t n, uint32_t now, elo_shelf_hit_t *hit)
{
    elo_cache_key_t k = key_of(n);

    return elo_shelf_find(s, &k, now, hit);
}


static bool
has_bytes(const elo_shelf_t *s, size_t len, const char *what)
{
    return memmem(s, len, what, strlen(what)) != NULL;
}


/* Each length about the ends of blocks, and each part of it. */
static void
test_bytes(void **state)
{
    static const size_t lens[] = { 0,
                                   1,
                                   BLOCK - STAMP - 1,
                                   BLOCK - STAMP,
                                   BLOCK - STAMP + 1,
                                   2 * BLOCK - STAMP - 1,
                                   2 * BLOCK - STAMP,
                                   2 * BLOCK - STAMP + 1,
                                   1000 };
    elo_shelf_conf_t conf = conf_of(256, 64);
    elo_shelf_t *s = shelf(&conf);
    uint8_t in[1000], out[1000];
    elo_shelf_stamp_t st;
    elo_shelf_hit_t hit;

    (void) state;
    for (size_t i = 0; i < sizeof(in); i++) {
        in[i] = (uint8_t) (i * 31 + i / 256);
    }
    for (size_t i = 0; i < ELO_COUNT(lens); i++) {
        size_t len = lens[i];

        assert_int_equal(put(s, i, ELO_CACHE_COMMONS, in, len, FOREVER), 0);
        assert_true(find(s, i, NOW, &hit));
        assert_int_equal(hit.len, len);
        assert_int_equal(hit.item.klass, ELO_CACHE_COMMONS);
        st = stamp_of(i);
        assert_memory_equal(&hit.stamp, &st, sizeof(st));
        for (size_t off = 0; off <= len; off += len > 300 ? 37 : 1) {
            memset(out, 0xee, sizeof(out));
            assert_true(elo_shelf_read(s, &hit, off, out, len - off));
            assert_memory_equal(out, in + off, len - off);
        }
        assert_false(elo_shelf_read(s, &hit, 0, out, len + 1));
        assert_false(elo_shelf_read(s, &hit, len + 1, out, 0));
        assert_false(elo_shelf_read(s, &hit, SIZE_MAX, out, 2));
    }
    assert_true(elo_shelf_check(s));
    free(s);
}


static void
test_conf(void **state)
{
    elo_shelf_conf_t conf = conf_of(0, 8);
    uint8_t mem[64] __attribute__((aligned(64)));
    elo_shelf_t *s;

    (void) state;
    assert_int_equal(elo_shelf_init(mem, &conf, 1, &s), ELO_ERANGE);
    conf = conf_of(8, 0);
    assert_int_equal(elo_shelf_init(mem, &conf, 1, &s), ELO_ERANGE);
    conf = conf_of(8, 8);
    conf.tier.capacity = (uint64_t) BLOCK << 32;
    assert_int_equal(elo_shelf_init(mem, &conf, 1, &s), ELO_ERANGE);
}


/* The second in which it expires isn't one of those in which it is good. */
static void
test_expiry(void **state)
{
    elo_shelf_conf_t conf = conf_of(16, 8);
    elo_shelf_t *s = shelf(&conf);
    elo_shelf_hit_t hit;

    (void) state;
    assert_int_equal(put(s, 1, ELO_CACHE_COMMONS, "x", 1, NOW), 0);
    assert_true(find(s, 1, NOW - 1, &hit));
    assert_false(find(s, 1, NOW, &hit));
    assert_false(find(s, 1, NOW + 1, &hit));
    assert_true(find(s, 1, 0, &hit));
    free(s);
}


/* What can't be kept takes nothing of another's with it, but what had its key. */
static void
test_refused(void **state)
{
    elo_shelf_conf_t conf = conf_of(16, 8);
    elo_shelf_t *s = shelf(&conf);
    uint8_t big[17 * BLOCK] = { 0 };
    elo_shelf_hit_t hit;

    (void) state;
    assert_int_equal(put(s, 1, ELO_CACHE_COMMONS, "one", 3, FOREVER), 0);
    assert_int_equal(put(s, 2, ELO_CACHE_COMMONS, "two", 3, FOREVER), 0);
    assert_int_not_equal(
        put(s, 2, ELO_CACHE_COMMONS, big, sizeof(big), FOREVER), ELO_OK);
    assert_true(find(s, 1, NOW, &hit));
    assert_false(find(s, 2, NOW, &hit));
    assert_true(elo_shelf_check(s));
    free(s);
}


/* One that was found and has changed since is not read as something else. */
static void
test_overtaken(void **state)
{
    elo_shelf_conf_t conf = conf_of(16, 8);
    elo_shelf_t *s = shelf(&conf);
    elo_cache_key_t k = key_of(1);
    elo_shelf_hit_t first, second;
    char out[3];

    (void) state;
    assert_int_equal(put(s, 1, ELO_CACHE_COMMONS, "old", 3, FOREVER), 0);
    assert_true(find(s, 1, NOW, &first));
    assert_int_equal(put(s, 1, ELO_CACHE_COMMONS, "new", 3, FOREVER), 0);
    assert_false(elo_shelf_read(s, &first, 0, out, 3));
    assert_true(find(s, 1, NOW, &second));
    assert_true(elo_shelf_read(s, &second, 0, out, 3));
    assert_memory_equal(out, "new", 3);
    assert_true(elo_shelf_drop(s, &k));
    assert_false(elo_shelf_drop(s, &k));
    assert_false(elo_shelf_read(s, &second, 0, out, 3));
    assert_false(find(s, 1, NOW, &second));
    free(s);
}


typedef struct {
    elo_shelf_judge_t judge;
    uint64_t over; /* store that is revoked */
    uint32_t asked;
} revoked_t;

static bool
is_revoked(elo_shelf_judge_t *self, const elo_shelf_stamp_t *stamp)
{
    revoked_t *r = (revoked_t *) self;

    r->asked++;
    return stamp->store_id == r->over;
}


static void
sweep_all(elo_shelf_t *s, uint32_t now, uint64_t over)
{
    revoked_t r = { { is_revoked }, over, 0 };
    uint32_t cursor = 0, turns = 0;

    while (elo_shelf_sweep(s, &cursor, 3, now, &r.judge)) {
        assert_true(++turns < 1000);
    }
}


/* (I1): by each of the ways in which something goes. */
static void
test_wiped(void **state)
{
    static const char secret[] = "the marker of a body";
    elo_shelf_conf_t conf = conf_of(32, 8);
    size_t len = elo_shelf_bytes(&conf);
    char text[3 * BLOCK];
    elo_cache_key_t k = key_of(1);
    uint8_t big[33 * BLOCK] = { 0 };

    (void) state;
    for (unsigned n = 0; n < 6 * ELO_CACHE_CLASSES; n++) {
        elo_cache_class_t klass = (elo_cache_class_t) (n / 6);
        unsigned way = n % 6;
        elo_shelf_t *s = shelf(&conf);
        elo_shelf_hit_t hit;

        memset(text, '.', sizeof(text)); /* the marker ends in the last block */
        memcpy(text + sizeof(text) - STAMP - strlen(secret), secret,
               strlen(secret));
        assert_int_equal(put(s, 1, klass, text, sizeof(text) - STAMP, NOW), 0);
        assert_true(has_bytes(s, len, secret));
        switch (way) {
        case 0:
            assert_true(elo_shelf_drop(s, &k));
            break;
        case 1:
            assert_int_equal(put(s, 1, klass, "x", 1, NOW), 0);
            break;
        case 2:
            sweep_all(s, NOW, 0);
            break;
        case 3:
            sweep_all(s, NOW - 1, 1);
            break;
        case 4: /* pushed out by what is wider */
            for (uint64_t i = 2; i < 100; i++) {
                elo_ignore(put(s, i, ELO_CACHE_COMMONS, big, 5 * BLOCK,
                               FOREVER));
            }
            for (uint64_t i = 100; i < 200; i++) { /* and by its like */
                elo_ignore(put(s, i, klass, big, 2 * BLOCK, FOREVER));
            }
            break;
        default: /* what is never admitted takes it along */
            assert_int_not_equal(
                put(s, 1, ELO_CACHE_PRIVATE, big, sizeof(big), NOW), 0);
        }
        assert_false(has_bytes(s, len, secret));
        assert_false(find(s, 1, NOW - 1, &hit) && hit.len > 1);
        assert_true(elo_shelf_check(s));
        free(s);
    }
}


/* A sweep takes what is expired or over, all of it, and nothing else. */
static void
test_sweep(void **state)
{
    elo_shelf_conf_t conf = conf_of(512, 128);
    elo_shelf_t *s = shelf(&conf);
    elo_shelf_hit_t hit;
    elo_tier_stat_t stat;

    (void) state;
    for (uint64_t i = 0; i < 100; i++) {
        assert_int_equal(put(s, i, (elo_cache_class_t) (i % 3), &i, sizeof(i),
                             i % 4 == 0 ? NOW : NOW + 1),
                         0);
    }
    sweep_all(s, NOW, 7);
    for (uint64_t i = 0; i < 100; i++) {
        assert_int_equal(find(s, i, 0, &hit), i % 4 != 0 && i != 7);
    }
    sweep_all(s, NOW + 1, 0);
    for (unsigned k = 0; k < ELO_CACHE_CLASSES; k++) {
        elo_shelf_stat(s, (elo_cache_class_t) k, &stat);
        assert_int_equal(stat.objects, 0);
        assert_int_equal(stat.bytes, 0);
    }
    assert_true(elo_shelf_check(s));
    free(s);
}


static uint64_t
next(uint64_t *x)
{
    *x ^= *x << 13;
    *x ^= *x >> 7;
    *x ^= *x << 17;
    return *x;
}


/* What it finds is what was put last; it may forget, but for what was just admitted. */
static void
test_model(void **state)
{
    static const elo_cache_policy_t policies[] = { ELO_CACHE_LRU, ELO_CACHE_LSZ,
                                                   ELO_CACHE_QGF };
    enum { KEYS = 300, OPS = 40000 };
    static uint16_t last[KEYS]; /* length, as of what was put last; 0: none */
    uint8_t bytes[2048], out[2048];

    (void) state;
    for (unsigned p = 0; p < ELO_COUNT(policies); p++) {
        elo_shelf_conf_t conf = conf_of(400, 100);
        uint64_t x = 88172645463325252u, hits = 0;

        conf.tier.policy = policies[p];
        conf.tier.max_object = 1500;
        elo_shelf_t *s = shelf(&conf);

        memset(last, 0, sizeof(last));
        for (unsigned i = 0; i < OPS; i++) {
            uint64_t r = next(&x);
            uint64_t n = ELO_MIN(r % KEYS, r / KEYS % KEYS);
            uint16_t len = (uint16_t) (1 + (r >> 32) % 1700);
            elo_cache_class_t klass = (elo_cache_class_t) (n % 3);
            elo_cache_key_t k = key_of(n);
            elo_shelf_hit_t hit;

            if (find(s, n, NOW, &hit)) {
                hits++;
                assert_int_equal(hit.len, last[n]);
                assert_true(elo_shelf_read(s, &hit, 0, out, hit.len));
                memset(bytes, (int) (n + last[n]), last[n]);
                assert_memory_equal(out, bytes, last[n]);
                elo_shelf_count_hit(s, &k, &hit);
            } else {
                elo_shelf_count_miss(s, &k, klass);
            }
            if ((r >> 20) % 3 == 0) {
                memset(bytes, (int) (n + len), len);
                bool in = put(s, n, klass, bytes, len, FOREVER) == ELO_OK;

                last[n] = in ? len : 0;
                assert_int_equal(find(s, n, NOW, &hit), in);
                assert_true(!in || len <= conf.tier.max_object);
            } else if ((r >> 20) % 50 == 1) {
                bool was = find(s, n, NOW, &hit);

                assert_int_equal(elo_shelf_drop(s, &k), was);
                last[n] = 0;
            }
            if (i % 1000 == 0) {
                assert_true(elo_shelf_check(s));
            }
        }
        assert_true(hits > OPS / 20);
        free(s);
    }
}


/* All of it is where it was, when the memory is somewhere else. */
static void
test_moved(void **state)
{
    elo_shelf_conf_t conf = conf_of(64, 16);
    size_t len = elo_shelf_bytes(&conf);
    elo_shelf_t *s = shelf(&conf), *moved = aligned_alloc(64, len);
    elo_shelf_hit_t hit;
    char out[5];

    (void) state;
    assert_int_equal(put(s, 9, ELO_CACHE_COMMONS, "bytes", 5, FOREVER), 0);
    memcpy(moved, s, len);
    memset(s, 0xff, len);
    free(s);
    assert_true(find(moved, 9, NOW, &hit));
    assert_true(elo_shelf_read(moved, &hit, 0, out, 5));
    assert_memory_equal(out, "bytes", 5);
    assert_int_equal(put(moved, 9, ELO_CACHE_COMMONS, "other", 5, FOREVER), 0);
    assert_true(elo_shelf_check(moved));
    free(moved);
}


static elo_shelf_t *shared;
static bool stop;

/* (I2): bytes of one object only, and those of the key. */
static void *
read_all(void *arg)
{
    uint8_t out[1024];
    uint64_t *n_read = arg;

    while (!__atomic_load_n(&stop, __ATOMIC_RELAXED)) {
        for (uint64_t n = 0; n < 16; n++) {
            elo_shelf_hit_t hit;

            if (!find(shared, n, NOW, &hit) || hit.len > sizeof(out)
                || !elo_shelf_read(shared, &hit, 0, out, hit.len))
            {
                continue;
            }
            assert_int_equal(hit.stamp.store_id, n);
            assert_int_equal(out[0] % 16, n);
            for (uint32_t i = 1; i < hit.len; i++) {
                assert_int_equal(out[i], out[0]);
            }
            ++*n_read;
        }
    }
    return NULL;
}


static void
test_readers(void **state)
{
    elo_shelf_conf_t conf = conf_of(60, 12); /* of 16 keys, all the time one goes */
    uint64_t x = 1234567, n_read[2] = { 0 };
    pthread_t reader[2];
    uint8_t bytes[1000];

    (void) state;
    shared = shelf(&conf);
    stop = false;
    for (unsigned i = 0; i < 2; i++) {
        assert_int_equal(pthread_create(&reader[i], NULL, read_all, &n_read[i]),
                         0);
    }
    for (unsigned i = 0; i < 200000
                         || __atomic_load_n(&n_read[0], __ATOMIC_RELAXED) == 0
                         || __atomic_load_n(&n_read[1], __ATOMIC_RELAXED) == 0;
         i++)
    {
        uint64_t r = next(&x), n = r % 16;

        memset(bytes, (int) (n + 16 * ((r >> 8) % 16)), sizeof(bytes));
        elo_ignore(put(shared, n, (elo_cache_class_t) ((r >> 16) % 3), bytes,
                       1 + (r >> 24) % sizeof(bytes), FOREVER));
    }
    __atomic_store_n(&stop, true, __ATOMIC_RELAXED);
    for (unsigned i = 0; i < 2; i++) {
        assert_int_equal(pthread_join(reader[i], NULL), 0);
    }
    assert_true(elo_shelf_check(shared));
    free(shared);
}


int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_bytes),     cmocka_unit_test(test_conf),
        cmocka_unit_test(test_expiry),    cmocka_unit_test(test_refused),
        cmocka_unit_test(test_overtaken), cmocka_unit_test(test_wiped),
        cmocka_unit_test(test_sweep),     cmocka_unit_test(test_model),
        cmocka_unit_test(test_moved),     cmocka_unit_test(test_readers),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
