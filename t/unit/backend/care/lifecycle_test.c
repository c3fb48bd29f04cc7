/* SPDX-License-Identifier: BSD-2-Clause */
/* Tests of backend/care/lifecycle: which nodes are shown to whoever ages them. */
#include "backend/store/node_find.h"
#include "t/unit/backend/care/care_dir.h"

#define DUE   40u /* more than one look */
#define LATER INT64_C(86400)

/* What ages them here: says so, and moves their due time on. */
typedef struct {
    char seen[512][8];
    uint32_t n;
    int64_t next;         /* due time that they get */
    const char *stuck[3]; /* ids that can't be done */
    elo_err_t err;        /* of these */
    size_t n_looks, looks;
} ageing_t;


static elo_err_t
put_due(elo_store_t *s, const char *id, uint64_t version, int64_t due_s)
{
    elo_node_t node = { .id = elo_slice_str(id),
                        .version = version,
                        .reach = ELO_REACH_COMMONS,
                        .stated = ELO_REACH_COMMONS,
                        .life = ELO_NODE_PUBLISHED,
                        .due_s = due_s,
                        .json = ELO_SLICE("{}") };

    return elo_store_node_put(s, &node, version - 1, false);
}


static elo_err_t
grow_old(void *ctx, elo_store_t *s, elo_slice_t id, int64_t now)
{
    ageing_t *a = ctx;
    elo_node_head_t head;

    assert_true(a->n < 512 && id.len < 8);
    assert_true(now >= elo_clock_unix_s() - 5);
    memcpy(a->seen[a->n], id.p, id.len);
    a->seen[a->n++][id.len] = '\0';
    for (size_t i = 0; i < 3; i++) {
        if (a->stuck[i] != NULL && elo_slice_eq(id, elo_slice_str(a->stuck[i])))
        {
            return a->err;
        }
    }
    assert_int_equal(elo_store_node_head(s, id, &head), ELO_OK);
    return put_due(s, a->seen[a->n - 1], head.version + 1, a->next);
}


static elo_err_t
look_again(void *ctx, elo_store_t *s, size_t *at, uint32_t n)
{
    ageing_t *a = ctx;

    (void) s;
    assert_true(n > 0);
    a->looks++;
    *at = *at + 1 < a->n_looks ? *at + 1 : 0;
    return ELO_OK;
}


static void
begin(care_t *c, ageing_t *a)
{
    c->cfg.grow_old = grow_old;
    c->cfg.look_again = look_again;
    c->cfg.lifecycle_ctx = a;
}


/* DUE nodes, the later ones due first; one that is due tomorrow, one never. */
static void
make_nodes(care_t *c)
{
    int64_t now = elo_clock_unix_s();
    char id[8];

    for (uint32_t i = 0; i < DUE; i++) {
        snprintf(id, sizeof(id), "n%02u", i);
        assert_int_equal(put_due(c->dir.s, id, 1, now - 100 - (int64_t) i),
                         ELO_OK);
    }
    assert_int_equal(put_due(c->dir.s, "later", 1, now + LATER), ELO_OK);
    assert_int_equal(put_due(c->dir.s, "never", 1, 0), ELO_OK);
}


static void
test_due(void **state)
{
    ageing_t a = { .next = 0, .n_looks = 3 };
    care_t *c = *state;
    elo_care_run_t r;
    char id[8];

    begin(c, &a);
    make_nodes(c);
    r = care_whole(c, elo_care_step_lifecycle);
    assert_int_equal(r.items, DUE);
    assert_int_equal(r.found, 0);
    assert_int_equal(a.n, DUE);
    for (uint32_t i = 0; i < DUE; i++) { /* in order of time */
        snprintf(id, sizeof(id), "n%02u", DUE - 1 - i);
        assert_string_equal(a.seen[i], id);
    }
    assert_int_equal(a.looks, 3);

    /* nothing is left, whatever the clock did meanwhile */
    r = care_whole(c, elo_care_step_lifecycle);
    assert_int_equal(r.items, 0);
    assert_int_equal(a.n, DUE);
}


/* A budget of nothing is a node a step, and gets to the end. */
static void
test_small_budget(void **state)
{
    ageing_t a = { .next = elo_clock_unix_s() + LATER, .n_looks = 1 };
    care_t *c = *state;
    elo_care_run_t r;

    begin(c, &a);
    make_nodes(c);
    r = care_run(c, false);
    assert_int_equal(care_finish(&r, elo_care_step_lifecycle, 0), ELO_OK);
    assert_int_equal(r.items, DUE);
    assert_int_equal(a.looks, 1);
}


/* Those that can't be done are in nobody's way, and are tried again in the next run. */
static void
test_stuck(void **state)
{
    ageing_t a = { .next = 0, .n_looks = 1 };
    care_t *c = *state;
    elo_care_run_t r;

    a.stuck[0] = "n39";
    a.stuck[1] = "n20";
    a.stuck[2] = "n00";
    a.err = ELO_ECORRUPT;
    begin(c, &a);
    make_nodes(c);
    r = care_whole(c, elo_care_step_lifecycle);
    assert_int_equal(r.items, DUE);
    assert_int_equal(r.found, 3);
    a.n = 0;
    r = care_run(c, false);
    assert_int_equal(care_finish(&r, elo_care_step_lifecycle, 0), ELO_OK);
    assert_int_equal(r.found, 3);
    assert_int_equal(a.n, 3);
    a.stuck[0] = a.stuck[1] = a.stuck[2] = NULL;
    r = care_whole(c, elo_care_step_lifecycle);
    assert_int_equal(r.items, 3);
    assert_int_equal(r.found, 0);
}


/* One that stays due, though nothing was wrong, doesn't make the run endless. */
static void
test_stays_due(void **state)
{
    ageing_t a = { .next = elo_clock_unix_s() - 50, .n_looks = 1 };
    care_t *c = *state;
    elo_care_run_t r;

    begin(c, &a);
    make_nodes(c);
    r = care_whole(c, elo_care_step_lifecycle);
    assert_true(r.items >= DUE && r.items <= 512);
    assert_true(r.found >= DUE);
}


/* A store that takes nothing ends the run. */
static void
test_error(void **state)
{
    ageing_t a = { .err = ELO_ENOSPC, .n_looks = 1 };
    care_t *c = *state;
    elo_care_run_t r = care_run(c, false);

    a.stuck[0] = "n30";
    begin(c, &a);
    make_nodes(c);
    assert_int_equal(
        care_finish(&r, elo_care_step_lifecycle, UINT64_C(1000000000)),
        ELO_ENOSPC);
    assert_int_equal(a.n, 10);
    assert_int_equal(a.looks, 0);
}


static void
test_nobody_to_ask(void **state)
{
    care_t *c = *state;
    elo_care_run_t r;

    make_nodes(c);
    r = care_whole(c, elo_care_step_lifecycle);
    assert_int_equal(r.items, 0);
}


int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_due, care_setup, care_teardown),
        cmocka_unit_test_setup_teardown(test_small_budget, care_setup,
                                        care_teardown),
        cmocka_unit_test_setup_teardown(test_stuck, care_setup, care_teardown),
        cmocka_unit_test_setup_teardown(test_stays_due, care_setup,
                                        care_teardown),
        cmocka_unit_test_setup_teardown(test_error, care_setup, care_teardown),
        cmocka_unit_test_setup_teardown(test_nobody_to_ask, care_setup,
                                        care_teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
