/* SPDX-License-Identifier: BSD-2-Clause */
/* lookup: what was found out holds until its slot is bumped, and not a moment
   longer; and the table keeps its bounds. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>

#include "backend/api/lookup.h"
#include "common/base/num.h"

#define MANY 20000

static elo_gen_page_t gen;


static elo_target_t
target(uint32_t i)
{
    elo_target_t t = { .reach = ELO_REACH_COMMONS, .is_by_hash = true };

    memset(&t.stat.digest, (int) (i % 251), sizeof(t.stat.digest));
    memcpy(t.stat.digest.b, &i, sizeof(i));
    memcpy(t.stat.digest.b + 8, &i, sizeof(i)); /* what chooses the set */
    t.stat._object = t.stat.digest;
    t.stat.size = i + 1;
    t.stat.created_at = 1000 + i;
    t.stat.offset = 64 + i;
    t.stat._segment = i % 7;
    t.stat._offset = 64 + i;
    t.stat._stored = i + 1;
    t.stat.reach = ELO_REACH_REGIONAL;
    snprintf(t.stat.name, sizeof(t.stat.name), "log/%016x", i % 7);
    snprintf(t.stat.content_type, sizeof(t.stat.content_type), "text/x-%u", i);
    return t;
}


static void
put(elo_lookup_t *l, const elo_target_t *t)
{
    elo_lookup_put(l, elo_lookup_begin(l, &t->stat.digest), t);
}


static bool
has(elo_lookup_t *l, const elo_target_t *t)
{
    elo_target_t out;

    memset(&out, 0xa5, sizeof(out)); /* as a caller's stack may be */
    if (!elo_lookup_get(l, &t->stat.digest, 5, &out)) {
        return false;
    }
    assert_int_equal(out.life, ELO_LIFECYCLE_PUBLISHED);
    assert_memory_equal(&out.stat.digest, &t->stat.digest, 32);
    assert_memory_equal(&out.stat._object, &t->stat._object, 32);
    assert_int_equal(out.stat.size, t->stat.size);
    assert_int_equal(out.stat.created_at, t->stat.created_at);
    assert_int_equal(out.stat.offset, t->stat.offset);
    assert_int_equal(out.stat._segment, t->stat._segment);
    assert_int_equal(out.stat._offset, t->stat._offset);
    assert_int_equal(out.stat._file, t->stat._file);
    assert_int_equal(out.stat._stored, t->stat._stored);
    assert_int_equal(out.stat.reach, t->stat.reach);
    assert_int_equal(out.reach, t->reach);
    assert_string_equal(out.stat.name, t->stat.name);
    assert_string_equal(out.stat.content_type, t->stat.content_type);
    assert_string_equal(out.content_type, t->stat.content_type[0] != '\0'
                                              ? t->stat.content_type
                                              : "application/octet-stream");
    assert_false(out.stat.is_sealed);
    assert_false(out.stat.is_bad);
    assert_true(out.is_by_hash);
    return true;
}


static void
test_kept(void **state)
{
    elo_target_t t = target(1), bare = target(2), none = target(3);
    elo_lookup_t *l = NULL;

    (void) state;
    bare.stat.content_type[0] = '\0';
    assert_int_equal(elo_lookup_create(1 << 20, &gen, &l), ELO_OK);
    assert_false(has(l, &t));
    put(l, &t);
    put(l, &bare);
    assert_true(has(l, &t));
    assert_true(has(l, &bare));
    assert_false(has(l, &none));
    t.reach = ELO_REACH_PRIVATE; /* found out again */
    put(l, &t);
    assert_true(has(l, &t));
    elo_lookup_free(&l);
    elo_lookup_free(&l);
}


/* A bump ends it, also one that came while the store was asked. */
static void
test_bumped(void **state)
{
    elo_target_t t = target(1), u = target(2);
    uint32_t slot = elo_gen_slot(elo_slice(t.stat.digest.b, 32));
    elo_lookup_t *l = NULL;
    uint64_t before;

    (void) state;
    assert_int_not_equal(slot, elo_gen_slot(elo_slice(u.stat.digest.b, 32)));
    assert_int_equal(elo_lookup_create(1 << 20, &gen, &l), ELO_OK);
    put(l, &t);
    put(l, &u);
    elo_gen_bump(&gen, slot);
    assert_false(has(l, &t));
    assert_true(has(l, &u));
    before = elo_lookup_begin(l, &t.stat.digest);
    elo_gen_bump(&gen, slot);
    elo_lookup_put(l, before, &t);
    assert_false(has(l, &t));
    put(l, &t);
    assert_true(has(l, &t));
    elo_lookup_free(&l);
}


/* Its use is noted once in a while. */
static void
test_touched(void **state)
{
    elo_target_t t = target(1), out;
    elo_lookup_t *l = NULL;

    (void) state;
    assert_int_equal(elo_lookup_create(1 << 20, &gen, &l), ELO_OK);
    put(l, &t);
    for (uint64_t ms = 0; ms < 10000000; ms += 5000000) {
        assert_true(elo_lookup_get(l, &t.stat.digest, ms, &out));
        assert_false(out.is_touched);
        assert_true(elo_lookup_get(l, &t.stat.digest, ms + 500, &out));
        assert_false(out.is_touched); /* to look is not to use */
        elo_lookup_touch(l, &t.stat.digest, ms + 500);
        assert_true(elo_lookup_get(l, &t.stat.digest, ms + 1000, &out));
        assert_true(out.is_touched);
    }
    t = target(2);
    elo_lookup_touch(l, &t.stat.digest, 0); /* unknown */
    elo_lookup_free(&l);
}


/* What is of another kind isn't kept. */
static void
test_not_kept(void **state)
{
    elo_target_t sealed = target(1), bad = target(2), far = target(3),
                 file = target(4), other = target(5), long_one = target(6);
    elo_lookup_t *l = NULL;

    (void) state;
    assert_int_equal(elo_lookup_create(1 << 20, &gen, &l), ELO_OK);
    sealed.stat.is_sealed = true;
    bad.stat.is_bad = true;
    far.stat._segment = UINT64_C(1) << 32;
    snprintf(file.stat.name, sizeof(file.stat.name),
             "blobs/00/0000000000000000");
    other.stat._object.b[0] ^= 1;
    put(l, &sealed);
    put(l, &bad);
    put(l, &far);
    put(l, &file);
    put(l, &other);
    long_one.stat.size = long_one.stat._stored = UINT64_C(1) << 32;
    put(l, &long_one);
    assert_false(has(l, &sealed));
    assert_false(has(l, &bad));
    assert_false(has(l, &far));
    assert_false(has(l, &file));
    assert_false(has(l, &other));
    assert_false(has(l, &long_one));
    elo_lookup_free(&l);
}


/* Many types: forgotten are those before, never another one's told. */
static void
test_types(void **state)
{
    elo_lookup_t *l = NULL;
    uint32_t n = 0;

    (void) state;
    assert_int_equal(elo_lookup_create(1 << 20, &gen, &l), ELO_OK);
    for (uint32_t i = 0; i < 300; i++) {
        elo_target_t t = target(i);

        put(l, &t);
        assert_true(has(l, &t));
    }
    for (uint32_t i = 0; i < 300; i++) {
        elo_target_t t = target(i);

        n += has(l, &t);
    }
    assert_in_range(n, 1, 255);
    elo_lookup_free(&l);
}


/* More than there is room for: never another's answer, and the latest stays. */
static void
test_full(void **state)
{
    static const uint64_t sizes[] = { 0, 100, 5000, 64 << 10 };

    (void) state;
    for (size_t s = 0; s < ELO_COUNT(sizes); s++) {
        elo_lookup_t *l = NULL;
        uint32_t n = 0;

        assert_int_equal(elo_lookup_create(sizes[s], &gen, &l), ELO_OK);
        for (uint32_t i = 0; i < MANY; i++) {
            elo_target_t t = target(i);

            put(l, &t);
            assert_int_equal(has(l, &t), sizes[s] >= 5000);
        }
        for (uint32_t i = 0; i < MANY; i++) {
            elo_target_t t = target(i);

            n += has(l, &t);
        }
        assert_int_equal(n > 0, sizes[s] >= 5000);
        assert_true(n * 64 <= sizes[s]);
        elo_lookup_free(&l);
    }
}


int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_kept),    cmocka_unit_test(test_bumped),
        cmocka_unit_test(test_touched), cmocka_unit_test(test_not_kept),
        cmocka_unit_test(test_types),   cmocka_unit_test(test_full),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
