/* SPDX-License-Identifier: BSD-2-Clause */
/* Tests of common/base/buf. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>

#include "common/base/buf.h"


static void
test_grows(void **state)
{
    elo_buf_t b;

    (void) state;
    elo_buf_init(&b, 100000);
    assert_int_equal(elo_buf_slice(&b).len, 0);
    elo_buf_put(&b, NULL, 0);
    elo_buf_put_slice(&b, elo_slice(NULL, 0));
    for (int i = 0; i < 100000; i++) {
        elo_buf_put_u8(&b, (uint8_t) i);
    }
    assert_int_equal(elo_buf_err(&b), ELO_OK);
    assert_int_equal(b.len, 100000);
    for (int i = 0; i < 100000; i++) {
        assert_int_equal(b.p[i], (uint8_t) i);
    }
    /* the cap: refused as a whole, and sticky */
    elo_buf_put_u8(&b, 1);
    assert_int_equal(elo_buf_err(&b), ELO_ETOOBIG);
    assert_int_equal(b.len, 100000);
    elo_buf_clear(&b);
    assert_int_equal(elo_buf_err(&b), ELO_OK);
    elo_buf_put_str(&b, "again");
    assert_string_equal(elo_buf_cstr(&b), "again");
    elo_buf_dispose(&b);
    assert_null(b.p);
    elo_buf_dispose(&b);
}


static void
test_sticky(void **state)
{
    uint8_t mem[4];
    elo_buf_t b;

    (void) state;
    elo_buf_init_fixed(&b, mem, sizeof(mem));
    elo_buf_put(&b, "abc", 3);
    elo_buf_put(&b, "de", 2);
    assert_int_equal(elo_buf_err(&b), ELO_ETOOBIG);
    elo_buf_put(&b, "f", 1); /* would fit, but something is missing before */
    assert_true(elo_slice_eq(elo_buf_slice(&b), ELO_SLICE("abc")));
    assert_null(elo_buf_extend(&b, 1));
    elo_buf_printf(&b, "%d", 1);
    elo_buf_patch_be32(&b, 0, 1);
    assert_string_equal(elo_buf_cstr(&b), "");
    assert_true(elo_slice_eq(elo_buf_slice(&b), ELO_SLICE("abc")));
    elo_buf_dispose(&b); /* the array is not freed */
}


static void
test_huge_request(void **state)
{
    elo_buf_t b;

    (void) state;
    elo_buf_init(&b, 1000);
    elo_buf_put_u8(&b, 1);
    assert_null(elo_buf_extend(&b, SIZE_MAX));
    assert_int_equal(elo_buf_err(&b), ELO_ETOOBIG);
    elo_buf_dispose(&b);
}


static void
test_numbers(void **state)
{
    elo_buf_t b;

    (void) state;
    elo_buf_init(&b, 1000);
    elo_buf_put_be16(&b, 0x8102);
    elo_buf_put_be32(&b, 0x83040506);
    elo_buf_put_be64(&b, UINT64_C(0x8708090a0b0c0d0e));
    assert_int_equal(b.len, 14);
    assert_memory_equal(
        b.p, "\x81\x02\x83\x04\x05\x06\x87\x08\x09\x0a\x0b\x0c\x0d\x0e", 14);
    elo_buf_patch_be32(&b, 10, 0xaabbccdd);
    assert_memory_equal(b.p + 8, "\x09\x0a\xaa\xbb\xcc\xdd", 6);
    elo_buf_dispose(&b);
}


static void
test_printf(void **state)
{
    uint8_t mem[6];
    char long_text[600];
    elo_buf_t b;

    (void) state;
    memset(long_text, 'x', sizeof(long_text) - 1);
    long_text[sizeof(long_text) - 1] = '\0';
    elo_buf_init(&b, 10000);
    elo_buf_printf(&b, "%s-%d", "a", 7);
    elo_buf_printf(&b, "%s", long_text);
    assert_int_equal(b.len, 3 + 599);
    assert_memory_equal(b.p, "a-7xxx", 6);
    elo_buf_dispose(&b);

    elo_buf_init_fixed(&b, mem, sizeof(mem));
    elo_buf_printf(&b, "%s", "12345"); /* and its NUL */
    assert_int_equal(elo_buf_err(&b), ELO_OK);
    assert_string_equal(elo_buf_cstr(&b), "12345");
    elo_buf_clear(&b);
    elo_buf_printf(&b, "%s", "123456");
    assert_int_equal(elo_buf_err(&b), ELO_ETOOBIG);
    assert_int_equal(b.len, 0);
}


typedef struct {
    uint8_t mem[2048];
    size_t used;
    int calls;
} pool_t;


static void *
pool_resize(void *ctx, void *p, size_t old_len, size_t len)
{
    pool_t *pool = ctx;
    uint8_t *at = pool->mem + pool->used;

    pool->calls++;
    if (len > sizeof(pool->mem) - pool->used) {
        return NULL;
    }
    pool->used += len;
    if (old_len > 0) {
        memcpy(at, p, old_len);
    }
    return at;
}


static void
test_allocator(void **state)
{
    static pool_t pool;
    elo_buf_t b;

    (void) state;
    elo_buf_init_alloc(&b, 100000, pool_resize, &pool);
    for (int i = 0; i < 600; i++) {
        elo_buf_put_u8(&b, (uint8_t) i);
    }
    assert_int_equal(elo_buf_err(&b), ELO_OK);
    assert_true(pool.calls >= 2);
    for (int i = 0; i < 600; i++) {
        assert_int_equal(b.p[i], (uint8_t) i);
    }
    assert_null(elo_buf_extend(&b, 4096)); /* the pool is used up */
    assert_int_equal(elo_buf_err(&b), ELO_ENOMEM);
    assert_int_equal(b.len, 600);
    elo_buf_dispose(&b);
}


static void
test_disposed(void **state)
{
    elo_buf_t b = { 0 };

    (void) state;
    assert_null(elo_buf_extend(&b, 0));
    elo_buf_put_u8(&b, 1);
    assert_int_equal(elo_buf_err(&b), ELO_ETOOBIG);
    assert_string_equal(elo_buf_cstr(&b), "");
}


int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_grows),        cmocka_unit_test(test_sticky),
        cmocka_unit_test(test_huge_request), cmocka_unit_test(test_numbers),
        cmocka_unit_test(test_printf),       cmocka_unit_test(test_allocator),
        cmocka_unit_test(test_disposed),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
