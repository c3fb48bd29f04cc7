/* SPDX-License-Identifier: BSD-2-Clause */
/* Tests of backend/store/task: what becomes of tasks: done, failed, given up, tried
   again, forgotten with their blob; and that the queue is as long as it says. */
#include "t/unit/backend/store/side_dir.h"

#define KIND ELO_TASK_REPLICATE


static uint32_t
take(elo_store_t *s, uint64_t now_ms, elo_task_t *out, uint32_t max)
{
    uint64_t due;
    uint32_t n = 99;

    assert_int_equal(elo_task_take(s, now_ms, out, max, &n, &due), ELO_OK);
    return n;
}


static bool
is_digest(const elo_task_t *t, uint32_t n)
{
    elo_digest_t d = side_digest(n);

    return memcmp(t->digest.b, d.b, ELO_SHA256_LEN) == 0;
}


static elo_err_t
get(elo_store_t *s, uint32_t n, elo_task_t *out)
{
    elo_digest_t d = side_digest(n);

    return elo_task_get(s, KIND, &d, out);
}


static void
queue_is(elo_store_t *s, uint64_t tasks, uint64_t waiting, uint32_t rows)
{
    elo_store_totals_t t = side_totals(s);

    assert_int_equal(t.tasks, tasks);
    assert_int_equal(t.waiting, waiting);
    assert_int_equal(side_rows(s, ELO_T_TASK), rows);
}


static void
test_done(void **state)
{
    dir_t *d = *state;
    elo_task_t t[4];

    assert_int_equal(side_blob(d->s, 1, ELO_REACH_COMMONS, 10, true), ELO_OK);
    assert_int_equal(side_blob(d->s, 2, ELO_REACH_PRIVATE, 5, true), ELO_OK);
    queue_is(d->s, 2, 0, 2);
    assert_int_equal(get(d->s, 1, &t[0]), ELO_OK);
    assert_int_equal(t[0].reach, ELO_REACH_COMMONS);
    assert_int_equal(t[0].created_us, 10);
    assert_int_equal(t[0].attempts, 0);
    assert_false(t[0].is_dropped);
    dir_reopen(d);
    assert_int_equal(take(d->s, 1, t, 4), 2);
    assert_true(is_digest(&t[0], 2) && is_digest(&t[1], 1));
    assert_int_equal(elo_task_done(d->s, t, 2), ELO_OK);
    assert_int_equal(elo_task_done(d->s, t, 2), ELO_OK); /* said twice */
    assert_int_equal(elo_task_done(d->s, t, 0), ELO_OK);
    queue_is(d->s, 0, 0, 0);
    assert_int_equal(get(d->s, 1, &t[0]), ELO_ENOTFOUND);
    assert_int_equal(take(d->s, 1, t, 4), 0);
    side_rebuild(d);
    queue_is(d->s, 0, 0, 0);
    assert_int_equal(take(d->s, 1, t, 4), 0);
}


static void
test_fail(void **state)
{
    dir_t *d = *state;
    elo_task_t t[2], got;
    char why[ELO_TASK_WHY_MAX + 50];

    memset(why, 'w', sizeof(why));
    why[sizeof(why) - 1] = '\0';
    assert_int_equal(side_blob(d->s, 1, ELO_REACH_LOCAL, 10, true), ELO_OK);
    assert_int_equal(take(d->s, 1, t, 2), 1);
    assert_int_equal(elo_task_fail(d->s, t, 500, "nobody there"), ELO_OK);
    queue_is(d->s, 1, 1, 1);
    assert_int_equal(take(d->s, 499, t, 2), 0);
    side_rebuild(d);
    queue_is(d->s, 1, 1, 1);
    assert_int_equal(take(d->s, 499, t, 2), 0);
    assert_int_equal(take(d->s, 500, t, 2), 1);
    assert_string_equal(t[0].why, "nobody there");
    assert_int_equal(t[0].attempts, 1);
    assert_int_equal(t[0].reach, ELO_REACH_LOCAL);
    assert_int_equal(t[0].created_us, 10);
    assert_int_equal(take(d->s, 500, t + 1, 1), 0); /* it is taken */

    /* again, with a text that is too long, due at once */
    assert_int_equal(elo_task_fail(d->s, t, 0, why), ELO_OK);
    assert_int_equal(get(d->s, 1, &got), ELO_OK);
    assert_int_equal(got.attempts, 2);
    assert_int_equal(strlen(got.why), ELO_TASK_WHY_MAX);
    assert_int_equal(take(d->s, 500, t, 2), 1);
    assert_int_equal(elo_task_fail(d->s, t, UINT64_MAX, "never"), ELO_OK);
    assert_int_equal(get(d->s, 1, &got), ELO_OK);
    assert_false(got.is_dropped); /* as late as can be isn't given up */
    assert_int_equal(elo_task_done(d->s, &got, 1), ELO_OK);
    queue_is(d->s, 0, 0, 0);
    assert_int_equal(side_rows(d->s, ELO_T_WAIT), 0);
    /* what is gone can't fail */
    assert_int_equal(elo_task_fail(d->s, t, 5, ""), ELO_OK);
    queue_is(d->s, 0, 0, 0);
}


static void
test_drop_and_retry(void **state)
{
    dir_t *d = *state;
    elo_digest_t one = side_digest(1), none = side_digest(9);
    elo_task_t t[2];

    assert_int_equal(side_blob(d->s, 1, ELO_REACH_LOCAL, 10, true), ELO_OK);
    assert_int_equal(elo_task_drop(d->s, KIND, &none), ELO_ENOTFOUND);
    assert_int_equal(elo_task_retry(d->s, KIND, &none), ELO_ENOTFOUND);
    assert_int_equal(elo_task_retry(d->s, KIND, &one), ELO_OK); /* is due */
    assert_int_equal(elo_task_drop(d->s, KIND, &one), ELO_OK);
    assert_int_equal(elo_task_drop(d->s, KIND, &one), ELO_OK); /* twice */
    queue_is(d->s, 0, 0, 1); /* it is in the queue no more, but kept */
    assert_int_equal(take(d->s, UINT64_MAX, t, 2), 0);
    side_rebuild(d);
    assert_int_equal(take(d->s, UINT64_MAX, t, 2), 0);
    assert_int_equal(get(d->s, 1, t), ELO_OK);
    assert_true(t[0].is_dropped);

    assert_int_equal(elo_task_retry(d->s, KIND, &one), ELO_OK);
    queue_is(d->s, 1, 0, 1);
    assert_int_equal(take(d->s, 1, t, 2), 1);
    assert_int_equal(t[0].attempts, 0);
    assert_int_equal(t[0].due_ms, 0);

    /* given up while a sink has it: its failure doesn't bring it back */
    assert_int_equal(elo_task_drop(d->s, KIND, &one), ELO_OK);
    assert_int_equal(elo_task_fail(d->s, t, 5, "late"), ELO_OK);
    assert_int_equal(get(d->s, 1, t), ELO_OK);
    assert_true(t[0].is_dropped);
    assert_int_equal(take(d->s, 100, t, 2), 0);

    /* one that waits is tried at once, and forgets its failures */
    assert_int_equal(elo_task_retry(d->s, KIND, &one), ELO_OK);
    assert_int_equal(take(d->s, 100, t, 2), 1);
    assert_int_equal(elo_task_fail(d->s, t, 1000, "x"), ELO_OK);
    assert_int_equal(elo_task_retry(d->s, KIND, &one), ELO_OK);
    assert_int_equal(take(d->s, 100, t, 2), 1);
    assert_int_equal(t[0].attempts, 0);
    assert_string_equal(t[0].why, "");
    assert_int_equal(elo_task_done(d->s, t, 1), ELO_OK);
    queue_is(d->s, 0, 0, 0);
    assert_int_equal(side_rows(d->s, ELO_T_WAIT), 0);
}


static void
test_add(void **state)
{
    dir_t *d = *state;
    elo_digest_t one = side_digest(1), none = side_digest(9);
    elo_task_t t[4];

    assert_int_equal(side_blob(d->s, 1, ELO_REACH_LOCAL, 10, false), ELO_OK);
    queue_is(d->s, 0, 0, 0);
    assert_int_equal(elo_task_add(d->s, ELO_TASK_REPAIR, &none), ELO_ENOTFOUND);
    for (int i = 0; i < 2; i++) { /* twice is once */
        assert_int_equal(elo_task_add(d->s, ELO_TASK_REPAIR, &one), ELO_OK);
        queue_is(d->s, 1, 0, 1);
    }
    assert_int_equal(elo_task_add(d->s, KIND, &one), ELO_OK);
    queue_is(d->s, 2, 0, 2);
    assert_int_equal(take(d->s, 1, t, 4), 2);
    assert_int_equal(elo_task_fail(d->s, &t[1], 70, "x"), ELO_OK);
    assert_int_equal(elo_task_fail(d->s, &t[0], 60, "x"), ELO_OK);
    /* those that wait are there, too */
    assert_int_equal(elo_task_add(d->s, ELO_TASK_REPAIR, &one), ELO_OK);
    assert_int_equal(elo_task_add(d->s, KIND, &one), ELO_OK);
    queue_is(d->s, 2, 2, 2);
    assert_int_equal(take(d->s, 65, t, 4), 1);
    assert_int_equal(take(d->s, 70, t + 1, 4 - 1), 1);
    assert_true(t[0].kind != t[1].kind);
    /* both go with their blob, whoever holds them */
    assert_int_equal(side_unblob(d->s, 1, ELO_REACH_LOCAL, 10, NULL), ELO_OK);
    queue_is(d->s, 0, 0, 0);
    assert_int_equal(side_rows(d->s, ELO_T_WAIT), 0);
    assert_int_equal(elo_task_fail(d->s, &t[0], 80, "x"), ELO_OK);
    elo_task_release(d->s, &t[1], 1);
    assert_int_equal(take(d->s, UINT64_MAX, t, 4), 0);
}


static void
test_full(void **state)
{
    dir_t *d = *state;
    elo_digest_t one = side_digest(1);
    elo_task_t t[4];

    elo_store_close(&d->s);
    d->cfg.queue_max = 2;
    dir_open(d);
    assert_int_equal(side_blob(d->s, 1, ELO_REACH_LOCAL, 1, true), ELO_OK);
    assert_int_equal(side_blob(d->s, 2, ELO_REACH_LOCAL, 2, true), ELO_OK);
    assert_int_equal(side_blob(d->s, 3, ELO_REACH_LOCAL, 3, true),
                     ELO_EQUEUEFULL);
    assert_int_equal(side_totals(d->s).blobs, 2); /* nothing of it is there */
    /* what waits counts; what was given up doesn't; repairs are owed anyway */
    assert_int_equal(take(d->s, 1, t, 1), 1);
    assert_int_equal(elo_task_fail(d->s, t, 50, ""), ELO_OK);
    assert_int_equal(side_blob(d->s, 3, ELO_REACH_LOCAL, 3, true),
                     ELO_EQUEUEFULL);
    assert_int_equal(elo_task_add(d->s, ELO_TASK_REPAIR, &one), ELO_OK);
    assert_int_equal(elo_task_drop(d->s, ELO_TASK_REPAIR, &one), ELO_OK);
    assert_int_equal(side_blob(d->s, 3, ELO_REACH_LOCAL, 3, true),
                     ELO_EQUEUEFULL);
    assert_int_equal(elo_task_drop(d->s, KIND, &one), ELO_OK);
    assert_int_equal(side_blob(d->s, 3, ELO_REACH_LOCAL, 3, true), ELO_OK);
    queue_is(d->s, 2, 1, 4);
}


typedef struct {
    char text[256];
    uint32_t most;
} names_t;


static bool
add_name(void *ctx, const elo_task_t *t)
{
    names_t *n = ctx;
    size_t len = strlen(n->text);

    snprintf(n->text + len, sizeof(n->text) - len, "%u%s ", t->digest.b[0],
             t->is_dropped   ? "x"
             : t->due_ms > 0 ? "w"
                             : "");
    return --n->most != 0;
}


static void
test_each(void **state)
{
    static const struct {
        uint64_t skip;
        uint32_t most;
        const char *want;
    } cases[] = {
        { 0, 9, "4 3 1 2w 5x " }, { 0, 2, "4 3 " }, { 2, 9, "1 2w 5x " },
        { 4, 1, "5x " },          { 5, 9, "" },     { UINT64_MAX, 9, "" },
    };
    dir_t *d = *state;
    elo_digest_t five = side_digest(5);
    elo_task_t t[8];

    assert_int_equal(side_blob(d->s, 2, ELO_REACH_PRIVATE, 1, true), ELO_OK);
    assert_int_equal(take(d->s, 1, t, 1), 1);
    assert_int_equal(elo_task_fail(d->s, t, 50, ""), ELO_OK);
    assert_int_equal(side_blob(d->s, 1, ELO_REACH_COMMONS, 1, true), ELO_OK);
    assert_int_equal(side_blob(d->s, 3, ELO_REACH_LOCAL, 3, true), ELO_OK);
    assert_int_equal(side_blob(d->s, 4, ELO_REACH_LOCAL, 4, true), ELO_OK);
    assert_int_equal(side_blob(d->s, 5, ELO_REACH_PRIVATE, 9, true), ELO_OK);
    assert_int_equal(elo_task_drop(d->s, KIND, &five), ELO_OK);
    for (size_t i = 0; i < ELO_COUNT(cases); i++) {
        names_t n = { .most = cases[i].most };

        assert_int_equal(elo_task_each(d->s, cases[i].skip, add_name, &n),
                         ELO_OK);
        assert_string_equal(n.text, cases[i].want);
    }
}


typedef struct {
    uint32_t tasks, done;
    elo_digest_t last;
} heard_t;


static void
on_task(void *ctx)
{
    __atomic_fetch_add(&((heard_t *) ctx)->tasks, 1, __ATOMIC_RELAXED);
}


static void
on_done(void *ctx, const elo_digest_t *object)
{
    heard_t *h = ctx;

    h->done++;
    h->last = *object;
}


static void
test_events(void **state)
{
    dir_t *d = *state;
    heard_t h = { 0 };
    elo_store_events_t ev = { .on_task = on_task,
                              .on_done = on_done,
                              .ctx = &h };
    elo_digest_t one = side_digest(1);
    elo_task_t t[2];

    elo_store_on_events(d->s, &ev);
    assert_int_equal(side_blob(d->s, 1, ELO_REACH_LOCAL, 1, true), ELO_OK);
    assert_int_equal(side_blob(d->s, 2, ELO_REACH_LOCAL, 2, false), ELO_OK);
    assert_int_equal(h.tasks, 1);
    assert_int_equal(elo_task_add(d->s, KIND, &one), ELO_OK); /* is there */
    assert_int_equal(h.tasks, 1);
    assert_int_equal(elo_task_drop(d->s, KIND, &one), ELO_OK);
    assert_int_equal(elo_task_retry(d->s, KIND, &one), ELO_OK);
    assert_int_equal(h.tasks, 2);
    assert_int_equal(take(d->s, 1, t, 2), 1);
    assert_int_equal(h.done, 0);
    assert_int_equal(elo_task_done(d->s, t, 1), ELO_OK);
    assert_int_equal(h.done, 1);
    assert_memory_equal(h.last.b, one.b, ELO_SHA256_LEN);
}


int
main(void)
{
#define TEST(fn) cmocka_unit_test_setup_teardown(fn, dir_setup, dir_teardown)
    const struct CMUnitTest tests[] = {
        TEST(test_done),   TEST(test_fail), TEST(test_drop_and_retry),
        TEST(test_add),    TEST(test_full), TEST(test_each),
        TEST(test_events),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
