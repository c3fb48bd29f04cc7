/* SPDX-License-Identifier: BSD-2-Clause */
/* Tests of common/base/heap. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "common/base/heap.h"
#include "common/base/num.h"
#include "t/unit/backend/kv/no_memory.h"

#define N 300


static void
test_order(void **state)
{
    static const int64_t at[] = { 5, INT64_MAX, -1, 5, INT64_MIN, 0, 5 };
    static const int64_t sorted[] = { INT64_MIN, -1, 0, 5, 5, 5, INT64_MAX };
    elo_heap_node_t nodes[ELO_COUNT(at)] = { 0 };
    elo_heap_t h;

    (void) state;
    elo_heap_init(&h);
    assert_null(elo_heap_first(&h));
    assert_int_equal(elo_heap_reserve(&h, ELO_COUNT(at)), ELO_OK);
    for (size_t i = 0; i < ELO_COUNT(at); i++) {
        nodes[i].at = at[i];
        assert_false(elo_heap_has(&nodes[i]));
        elo_heap_push(&h, &nodes[i]);
        assert_true(elo_heap_has(&nodes[i]));
    }
    for (size_t i = 0; i < ELO_COUNT(at); i++) {
        elo_heap_node_t *n = elo_heap_first(&h);

        assert_true(n->at == sorted[i]);
        elo_heap_remove(&h, n);
        assert_false(elo_heap_has(n));
    }
    assert_null(elo_heap_first(&h));
    elo_heap_dispose(&h);
}


static uint32_t
next_random(uint32_t *x)
{
    *x ^= *x << 13;
    *x ^= *x >> 17;
    *x ^= *x << 5;
    return *x;
}


/* Against a search of all nodes. */
static void
test_random(void **state)
{
    static elo_heap_node_t nodes[N];
    uint32_t x = 20260102;
    elo_heap_t h;

    (void) state;
    elo_heap_init(&h);
    assert_int_equal(elo_heap_reserve(&h, N), ELO_OK);
    for (unsigned step = 0; step < 60000; step++) {
        elo_heap_node_t *n = &nodes[next_random(&x) % N], *first;
        const elo_heap_node_t *least = NULL;

        if (elo_heap_has(n)) {
            elo_heap_remove(&h, n);
        } else {
            n->at = (int64_t) (next_random(&x) % 50);
            elo_heap_push(&h, n);
        }
        for (size_t i = 0; i < N; i++) {
            if (elo_heap_has(&nodes[i])
                && (least == NULL || nodes[i].at < least->at)) {
                least = &nodes[i];
            }
        }
        first = elo_heap_first(&h);
        assert_true((first == NULL) == (least == NULL));
        assert_true(first == NULL || first->at == least->at);
    }
    elo_heap_dispose(&h);
}


static void
test_no_memory(void **state)
{
    elo_heap_node_t a = { .at = 1 }, b = { .at = 0 };
    elo_heap_t h;

    (void) state;
    elo_heap_init(&h);
    no_memory_at = 1;
    assert_int_equal(elo_heap_reserve(&h, 1), ELO_ENOMEM);
    assert_int_equal(elo_heap_reserve(&h, SIZE_MAX), ELO_ENOMEM);
    assert_int_equal(elo_heap_reserve(&h, 2), ELO_OK);
    elo_heap_push(&h, &a);
    elo_heap_push(&h, &b);
    no_memory_at = 1;
    assert_int_equal(elo_heap_reserve(&h, 1000), ELO_ENOMEM);
    assert_ptr_equal(elo_heap_first(&h), &b);
    no_memory_at = 0;
    elo_heap_dispose(&h);
}


int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_order),
        cmocka_unit_test(test_random),
        cmocka_unit_test(test_no_memory),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
