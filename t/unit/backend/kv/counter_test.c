/* SPDX-License-Identifier: BSD-2-Clause */
/* counter: adding, taking back, what others read, what a checkpoint gets. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdbool.h>
#include <stdlib.h>

#include "backend/kv/counter.h"
#include "backend/os/thread.h"


static void
test_publish(void **state)
{
    elo_counters_t *c;
    elo_counter_t *list;
    uint32_t n, mark;

    (void) state;
    assert_int_equal(elo_counters_create(&c), ELO_OK);
    assert_int_equal(elo_counters_sum(c, 1, 7), 0);
    assert_int_equal(elo_counters_read(c, 1, 7), 0);
    assert_int_equal(elo_counters_load(c, 2, 7, -5), ELO_OK);
    assert_int_equal(elo_counters_seal(c, &list, &n), ELO_OK);
    assert_int_equal(n, 0); /* what was kept is no change */
    assert_null(list);

    assert_int_equal(elo_counters_add(c, 1, 7, 10), ELO_OK);
    assert_int_equal(elo_counters_sum(c, 1, 7), 10);
    assert_int_equal(elo_counters_read(c, 1, 7), 0);
    mark = elo_counters_mark(c);
    assert_int_equal(elo_counters_add(c, 1, 7, 1), ELO_OK);
    assert_int_equal(elo_counters_add(c, 2, 7, 1), ELO_OK);
    assert_int_equal(elo_counters_add(c, 1, UINT64_MAX, INT64_MIN), ELO_OK);
    elo_counters_rewind(c, mark);
    assert_int_equal(elo_counters_sum(c, 1, 7), 10);
    assert_int_equal(elo_counters_sum(c, 2, 7), -5);
    assert_int_equal(elo_counters_sum(c, 1, UINT64_MAX), 0);
    elo_counters_publish(c);
    assert_int_equal(elo_counters_read(c, 1, 7), 10);
    assert_int_equal(elo_counters_read(c, 2, 7), -5);

    /* a later change, not published, is none of the checkpoint's business */
    assert_int_equal(elo_counters_add(c, 1, 7, 90), ELO_OK);
    assert_int_equal(elo_counters_seal(c, &list, &n), ELO_OK);
    assert_int_equal(n, 1);
    assert_int_equal(list[0].space, 1);
    assert_int_equal(list[0].id, 7);
    assert_int_equal(list[0].value, 10);
    free(list);
    elo_counters_rewind(c, 0);
    assert_int_equal(elo_counters_sum(c, 1, 7), 10);
    elo_counters_free(&c);
    assert_null(c);
}


static void
count_each(void *ctx, uint64_t id, int64_t sum)
{
    assert_int_equal(sum, (int64_t) (id % 100));
    ++*(unsigned *) ctx;
}


static void
reader_main(void *arg)
{
    elo_counters_t *c = arg;
    int64_t was = 0, now;

    do {
        now = elo_counters_read(c, 9, 1);
        assert_true(now >= was);
        was = now;
    } while (now < 2000);
}


/* The table grows while another thread reads. */
static void
test_many(void **state)
{
    elo_counters_t *c;
    elo_counter_t *list;
    elo_thread_t reader;
    unsigned seen = 0;
    uint32_t n;

    (void) state;
    assert_int_equal(elo_counters_create(&c), ELO_OK);
    assert_int_equal(elo_thread_create(&reader, "reader", reader_main, c),
                     ELO_OK);
    for (uint64_t i = 0; i < 2000; i++) {
        assert_int_equal(elo_counters_add(c, (uint8_t) (i % 2), i * 64,
                                          (int64_t) (i * 64 % 100)),
                         ELO_OK);
        assert_int_equal(elo_counters_add(c, 9, 1, 1), ELO_OK);
        elo_counters_publish(c);
    }
    elo_thread_join(&reader);
    elo_counters_each(c, 0, count_each, &seen);
    elo_counters_each(c, 1, count_each, &seen);
    assert_int_equal(seen, 2000);
    for (uint64_t i = 0; i < 2000; i++) {
        assert_int_equal(elo_counters_read(c, (uint8_t) (i % 2), i * 64),
                         i * 64 % 100);
    }
    assert_int_equal(elo_counters_seal(c, &list, &n), ELO_OK);
    assert_int_equal(n, 2001);
    free(list);
    elo_counters_free(&c);
}


int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_publish),
        cmocka_unit_test(test_many),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
