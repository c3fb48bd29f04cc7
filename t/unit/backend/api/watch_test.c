/* SPDX-License-Identifier: BSD-2-Clause */
/* watch: those who wait are told, from whatever thread, and the others cost
   nothing. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "backend/api/watch.h"

#define MAX     64
#define TICK_MS 5
#define OBJECTS 40
#define ROUNDS  2000

typedef struct {
    elo_watch_t watch; /* first */
    unsigned number;
    unsigned n_hits;
    unsigned n_ticks;
    bool is_over;
} one_t;

static elo_loop_t *loop;
static elo_watches_t *ws;
static one_t ones[OBJECTS];
static unsigned n_left;

/* What the commit thread would have made durable, and visible. */
static _Atomic bool is_gone[OBJECTS];


static elo_digest_t
object(unsigned i)
{
    elo_digest_t d = { { 0 } };

    d.b[0] = (uint8_t) (i / 2); /* two share a slot */
    d.b[31] = (uint8_t) i;
    return d;
}


static void
leave(one_t *o)
{
    elo_watch_remove(ws, &o->watch);
    o->is_over = true;
    if (--n_left == 0) {
        elo_loop_unhold(loop);
    }
}


static void
on_event(elo_watch_t *w, elo_watch_event_t event)
{
    one_t *o = (one_t *) w;

    assert_false(o->is_over);
    o->n_hits += event == ELO_WATCH_HIT;
    o->n_ticks += event == ELO_WATCH_TICK;
    if (event == ELO_WATCH_END || atomic_load(&is_gone[o->number])) {
        leave(o);
    }
}


static void
add(unsigned i)
{
    ones[i] = (one_t){ .watch = { .object = object(i), .on_event = on_event },
                       .number = i };
    assert_true(elo_watch_add(ws, &ones[i].watch));
    n_left++;
}


static int
setup(void **state)
{
    (void) state;
    n_left = 0;
    for (unsigned i = 0; i < OBJECTS; i++) {
        atomic_store(&is_gone[i], false);
    }
    assert_int_equal(elo_loop_create(&loop), ELO_OK);
    assert_int_equal(elo_watches_create(loop, MAX, TICK_MS, &ws), ELO_OK);
    return 0;
}


static int
teardown(void **state)
{
    (void) state;
    elo_watches_free(&ws);
    elo_loop_free(&loop);
    return 0;
}


static void *
finish_all(void *ctx)
{
    (void) ctx;
    for (unsigned i = 0; i < OBJECTS; i++) {
        elo_digest_t d = object(i);

        atomic_store(&is_gone[i], true);
        elo_watches_hit(ws, &d);
    }
    return NULL;
}


/* However the adding and the end of the task meet, nobody waits for ever. */
static void
test_race(void **state)
{
    (void) state;
    for (unsigned round = 0; round < ROUNDS; round++) {
        pthread_t t;

        for (unsigned i = 0; i < OBJECTS; i++) {
            atomic_store(&is_gone[i], false);
        }
        elo_loop_hold(loop);
        n_left = 1; /* this loop itself */
        assert_int_equal(pthread_create(&t, NULL, finish_all, NULL), 0);
        for (unsigned i = 0; i < OBJECTS; i++) {
            add(i);
            if (atomic_load(&is_gone[i])) {
                leave(&ones[i]);
            }
        }
        if (--n_left == 0) {
            elo_loop_unhold(loop);
        }
        elo_loop_run(loop);
        assert_int_equal(n_left, 0);
        assert_int_equal(pthread_join(t, NULL), 0);
    }
}


static elo_timer_t *timer;


static void
on_timer(void *ctx)
{
    (void) ctx;
    elo_timer_free(&timer);
    elo_watches_end(ws);
}


static void
test_ticks_and_end(void **state)
{
    elo_watch_t late = { .on_event = on_event };

    (void) state;
    elo_loop_hold(loop);
    add(0);
    add(1);
    add(2);
    assert_int_equal(
        elo_timer_create(loop, 20 * TICK_MS, 0, on_timer, NULL, &timer),
        ELO_OK);
    elo_loop_run(loop);
    for (unsigned i = 0; i < 3; i++) {
        assert_true(ones[i].is_over);
        assert_true(ones[i].n_ticks >= 2);
        assert_int_equal(ones[i].n_hits, 0);
    }
    assert_false(elo_watch_add(ws, &late)); /* none comes any more */
}


static void
test_full(void **state)
{
    elo_watch_t extra[MAX + 1];

    (void) state;
    for (unsigned i = 0; i < MAX; i++) {
        extra[i] = (elo_watch_t){ .object = object(i), .on_event = on_event };
        assert_true(elo_watch_add(ws, &extra[i]));
    }
    extra[MAX] = (elo_watch_t){ .object = object(0), .on_event = on_event };
    assert_false(elo_watch_add(ws, &extra[MAX]));
    elo_watch_remove(ws, &extra[7]);
    assert_true(elo_watch_add(ws, &extra[MAX]));
    for (unsigned i = 0; i <= MAX; i++) {
        if (i != 7) {
            elo_watch_remove(ws, &extra[i]);
        }
    }
}


/* One that nobody waits for leaves no message; one that is on its way at the end
   is harmless. */
static void
test_nobody(void **state)
{
    elo_digest_t d = object(0), other = object(9);

    (void) state;
    elo_watches_hit(ws, &d);
    add(0);
    elo_watches_hit(ws, &other);
    elo_loop_run(loop);
    assert_int_equal(ones[0].n_hits, 0);
    elo_watches_hit(ws, &d);
    elo_watch_remove(ws, &ones[0].watch);
}


int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_race, setup, teardown),
        cmocka_unit_test_setup_teardown(test_ticks_and_end, setup, teardown),
        cmocka_unit_test_setup_teardown(test_full, setup, teardown),
        cmocka_unit_test_setup_teardown(test_nobody, setup, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
