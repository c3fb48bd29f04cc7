/* SPDX-License-Identifier: BSD-2-Clause */
/* Tests of backend/api/promoted: the table against a naive one, and what follows for
   references in a store that asks it. */
#include "backend/api/promoted.h"
#include "common/base/num.h"
#include "t/unit/backend/store/store_dir.c"

#define AGENTS 5
#define BLOBS  6
#define STEPS  4000

typedef struct {
    dir_t dir; /* first */
    elo_promoted_t *p;
    elo_agent_t node_owner;
} stand_t;


static int
setup(void **state)
{
    stand_t *x = calloc(1, sizeof(*x));

    x->node_owner = agent_of(200);
    assert_int_equal(elo_promoted_create(&x->node_owner, &x->p), ELO_OK);
    dir_make_root(&x->dir);
    x->dir.cfg.promoted = elo_promoted_has;
    x->dir.cfg.promoted_ctx = x->p;
    dir_open(&x->dir);
    *state = x;
    return 0;
}


static int
teardown(void **state)
{
    stand_t *x = *state;

    dir_end(&x->dir);
    elo_promoted_free(&x->p);
    assert_null(x->p);
    elo_promoted_free(&x->p);
    free(x);
    return 0;
}


static void
put_of(stand_t *x, elo_slice_t bytes, uint8_t agent)
{
    elo_put_opt_t opt = opt_of(ELO_REACH_COMMONS, agent);

    assert_int_equal(put_opt(x->dir.s, &opt, bytes, 100, NULL, NULL), ELO_OK);
}


static elo_err_t
set(stand_t *x, const elo_digest_t *d, elo_agent_t to, elo_agent_t from,
    bool stands)
{
    return elo_promoted_set(x->p, x->dir.s, d, &to, &from, stands);
}


static void
test_model(void **state)
{
    static bool stands[BLOBS][AGENTS][AGENTS], sent[BLOBS][AGENTS];
    elo_digest_t d[BLOBS];
    elo_slice_t b[BLOBS];
    stand_t *x = *state;
    uint64_t seed = 7;
    size_t n = 0;

    for (uint32_t i = 0; i < BLOBS; i++) {
        b[i] = bytes_of(50 + i, i);
        d[i] = digest_of(b[i]);
        for (uint8_t a = 1; a < AGENTS; a++) {
            sent[i][a] = (i + a) % 3 == 0;
            if (sent[i][a]) {
                put_of(x, b[i], a);
            }
        }
    }
    for (int step = 0; step < STEPS; step++) {
        uint32_t i, to, from, r;

        seed = seed * UINT64_C(6364136223846793005) + 1442695040888963407u;
        r = (uint32_t) (seed >> 33);
        i = r % BLOBS;
        to = 1 + r / 8 % (AGENTS - 1);
        from = 1 + r / 64 % (AGENTS - 1);
        n += !stands[i][to][from] && r % 3 != 0 ? 1 : 0;
        n -= stands[i][to][from] && r % 3 == 0 ? 1 : 0;
        stands[i][to][from] = r % 3 != 0;
        assert_int_equal(set(x, &d[i], agent_of((uint8_t) to),
                             agent_of((uint8_t) from), r % 3 != 0),
                         ELO_OK);
        assert_int_equal(elo_promoted_count(x->p), n);
        for (uint32_t a = 1; a < AGENTS; a++) {
            elo_agent_t who = agent_of((uint8_t) a);
            bool has = false;

            for (uint32_t f = 1; f < AGENTS; f++) {
                has = has || (stands[i][a][f] && sent[i][f]);
            }
            assert_int_equal(elo_promoted_has(x->p, &d[i], &who), has);
        }
    }
    for (uint32_t i = 0; i < BLOBS; i++) {
        bytes_free(b[i]);
    }
}


static bool
is_open(stand_t *x, const elo_digest_t *d)
{
    return elo_store_blob_reach(x->dir.s, d) == ELO_REACH_COMMONS;
}


static void
look_all(stand_t *x, uint32_t n)
{
    size_t at = 0;
    int rounds = 0;

    do {
        assert_true(rounds++ < 10000);
        assert_int_equal(elo_promoted_look(x->p, x->dir.s, &at, n), ELO_OK);
    } while (at != 0);
}


/* bob's node names anna's bytes. */
static void
test_references(void **state)
{
    elo_agent_t anna = agent_of(1), bob = agent_of(2), carol = agent_of(3);
    stand_t *x = *state;
    elo_slice_t b = bytes_of(70, 1);
    elo_digest_t d = digest_of(b);
    uint64_t gen;

    put_of(x, b, 1);
    assert_int_equal(
        put_node_of(x->dir.s, 2, "cited", 1, ELO_REACH_COMMONS, &d, "{}"),
        ELO_OK);
    assert_false(is_open(x, &d));
    assert_int_equal(set(x, &d, bob, carol, true), ELO_OK);  /* she hasn't it */
    assert_int_equal(set(x, &d, carol, anna, true), ELO_OK); /* for another */
    assert_int_equal(elo_store_refs_changed(x->dir.s, &d), ELO_OK);
    assert_false(is_open(x, &d));

    assert_int_equal(set(x, &d, bob, anna, true), ELO_OK);
    gen = gen_of(x->dir.s, elo_slice(d.b, sizeof(d.b)));
    assert_int_equal(elo_store_refs_changed(x->dir.s, &d), ELO_OK);
    assert_true(gen_of(x->dir.s, elo_slice(d.b, sizeof(d.b))) > gen);
    assert_true(is_open(x, &d));
    assert_int_equal(elo_store_remove(x->dir.s, &d, &anna), ELO_EBUSY);

    assert_int_equal(set(x, &d, bob, anna, false), ELO_OK);
    assert_int_equal(elo_store_refs_changed(x->dir.s, &d), ELO_OK);
    assert_false(is_open(x, &d));
    assert_int_equal(elo_store_remove(x->dir.s, &d, &anna), ELO_OK);
    bytes_free(b);
}


/* Said before the bytes came, and after they went. */
static void
test_look(void **state)
{
    elo_agent_t anna = agent_of(1), bob = agent_of(2);
    stand_t *x = *state;
    elo_slice_t b = bytes_of(70, 1);
    elo_digest_t d = digest_of(b), other = digest_of(ELO_SLICE("x"));

    for (uint8_t i = 10; i < 150; i++) { /* more than one look takes */
        assert_int_equal(set(x, &other, agent_of(i), anna, true), ELO_OK);
    }
    assert_int_equal(set(x, &d, bob, anna, true), ELO_OK);
    put_of(x, b, 1);
    assert_false(elo_promoted_has(x->p, &d, &bob));
    look_all(x, 1);
    assert_true(elo_promoted_has(x->p, &d, &bob));
    assert_int_equal(elo_store_remove(x->dir.s, &d, &anna), ELO_OK);
    assert_true(elo_promoted_has(x->p, &d, &bob));
    look_all(x, 1000);
    assert_false(elo_promoted_has(x->p, &d, &bob));
    bytes_free(b);
}


/* The agent whose node this is is the operator to the store. */
static void
test_node_owner(void **state)
{
    elo_agent_t bob = agent_of(2), operator= { { 0 } };
    stand_t *x = *state;
    elo_slice_t b = bytes_of(70, 1), c = bytes_of(71, 2);
    elo_digest_t d = digest_of(b), e = digest_of(c);

    assert_int_equal(put_bytes(x->dir.s, b, NULL, NULL), ELO_OK);
    put_of(x, c, 2);
    assert_int_equal(set(x, &d, bob, x->node_owner, true), ELO_OK);
    assert_int_equal(set(x, &e, x->node_owner, bob, true), ELO_OK);
    assert_true(elo_promoted_has(x->p, &d, &bob));
    assert_true(elo_promoted_has(x->p, &e, &operator));
    assert_int_equal(set(x, &e, x->node_owner, bob, false), ELO_OK);
    assert_false(elo_promoted_has(x->p, &e, &operator));
    bytes_free(b);
    bytes_free(c);
}


int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_model, setup, teardown),
        cmocka_unit_test_setup_teardown(test_references, setup, teardown),
        cmocka_unit_test_setup_teardown(test_look, setup, teardown),
        cmocka_unit_test_setup_teardown(test_node_owner, setup, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
