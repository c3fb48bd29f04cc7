/* SPDX-License-Identifier: BSD-2-Clause */
/* Tests of backend/store/crew: every part runs once, whoever runs it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "backend/os/thread.h"
#include "backend/store/crew.h"

#define OWNERS 4
#define ROUNDS 2000
#define PARTS  3

typedef struct {
    elo_crew_part_t part; /* first */
    uint32_t n;           /* how often it ran */
} part_t;

typedef struct {
    elo_crew_t *crew;
    uint64_t n;
} owner_t;


static void
run(elo_crew_part_t *p)
{
    ((part_t *) p)->n++; /* not atomic: it runs on one thread at a time */
}


static void
owner_main(void *arg)
{
    owner_t *o = arg;
    part_t parts[PARTS] = { { .n = 0 } };

    for (uint32_t i = 0; i < ROUNDS; i++) {
        for (int k = 0; k < PARTS; k++) {
            parts[k].part.fn = run;
            elo_crew_give(o->crew, &parts[k].part);
        }
        for (int k = PARTS - 1; k >= 0; k--) {
            elo_crew_end(o->crew, &parts[k].part);
            if (parts[k].n != i + 1) {
                return;
            }
            o->n++;
        }
    }
}


static void
test_many_owners(void **state)
{
    elo_thread_t t[OWNERS];
    owner_t o[OWNERS];
    elo_crew_t *crew;

    (void) state;
    assert_int_equal(elo_crew_create(&crew), ELO_OK);
    for (int i = 0; i < OWNERS; i++) {
        o[i] = (owner_t){ .crew = crew };
        assert_int_equal(elo_thread_create(&t[i], "owner", owner_main, &o[i]),
                         ELO_OK);
    }
    for (int i = 0; i < OWNERS; i++) {
        elo_thread_join(&t[i]);
        assert_int_equal(o[i].n, ROUNDS * PARTS);
    }
    elo_crew_free(&crew);
    assert_null(crew);
    elo_crew_free(&crew);
}


typedef struct {
    elo_crew_part_t part;
    elo_mutex_t mtx;
    elo_cond_t cond;
    bool is_begun, may_end;
} slow_t;


static void
slow(elo_crew_part_t *p)
{
    slow_t *s = (slow_t *) p;

    elo_mutex_lock(&s->mtx);
    s->is_begun = true;
    elo_cond_broadcast(&s->cond);
    while (!s->may_end) {
        elo_cond_wait(&s->cond, &s->mtx);
    }
    elo_mutex_unlock(&s->mtx);
}


/* While the crew is busy an owner doesn't wait for it: he does his part himself. */
static void
test_busy(void **state)
{
    part_t mine = { .part.fn = run };
    slow_t s = { .part.fn = slow };
    elo_crew_t *crew;

    (void) state;
    assert_int_equal(elo_mutex_init(&s.mtx), ELO_OK);
    assert_int_equal(elo_cond_init(&s.cond), ELO_OK);
    assert_int_equal(elo_crew_create(&crew), ELO_OK);
    elo_crew_give(crew, &s.part);
    elo_mutex_lock(&s.mtx);
    while (!s.is_begun) {
        elo_cond_wait(&s.cond, &s.mtx);
    }
    elo_mutex_unlock(&s.mtx);
    elo_crew_give(crew, &mine.part);
    elo_crew_end(crew, &mine.part);
    assert_int_equal(mine.n, 1);
    elo_mutex_lock(&s.mtx);
    s.may_end = true;
    elo_cond_broadcast(&s.cond);
    elo_mutex_unlock(&s.mtx);
    elo_crew_end(crew, &s.part);
    elo_crew_free(&crew);
    elo_cond_dispose(&s.cond);
    elo_mutex_dispose(&s.mtx);
}


int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_many_owners),
        cmocka_unit_test(test_busy),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
