/* SPDX-License-Identifier: BSD-2-Clause */
/* Tests of backend/keys/ring. */
#include "keys_dir.h"

#include "common/base/num.h"


static int
set_up(void **state)
{
    (void) state;
    return elo_keys_init();
}


static void
put_agent(elo_ring_t *r, uint8_t no, bool is_first)
{
    uint8_t seed[32] = { no };
    elo_ring_agent_t a = { .created_at = no };

    elo_ring_set_seed(&a, seed);
    elo_ring_put_agent(r, &a, is_first);
}


static void
test_alloc(void **state)
{
    elo_ring_t *r;

    (void) state;
    assert_null(elo_ring_alloc(ELO_RING_KEYS_MAX + 1, 0));
    assert_null(elo_ring_alloc(0, ELO_RING_AGENTS_MAX + 1));
    assert_null(elo_ring_alloc(UINT32_MAX, UINT32_MAX));
    r = elo_ring_alloc(0, 0);
    assert_non_null(r);
    assert_false(elo_ring_is_complete(r));
    elo_ring_free(&r);
    assert_null(r);
    elo_ring_free(&r);
}


static void
test_keys_by_epoch(void **state)
{
    static const uint32_t epochs[] = { 3, 1, 3, 2, 7 };
    static const struct {
        uint32_t epoch;
        uint8_t no;
    } want[] = { { 1, 1 }, { 2, 3 }, { 3, 0 }, { 3, 2 }, { 7, 4 } };
    elo_ring_t *r = elo_ring_alloc(ELO_COUNT(epochs), 0);

    (void) state;
    assert_non_null(r);
    for (uint8_t i = 0; i < ELO_COUNT(epochs); i++) {
        elo_ring_key_t key = { .epoch = epochs[i], .key = { i } };

        elo_ring_put_key(r, &key);
    }
    for (size_t i = 0; i < ELO_COUNT(want); i++) {
        assert_int_equal(r->keys[i].epoch, want[i].epoch);
        assert_int_equal(r->keys[i].key[0], want[i].no);
    }
    elo_ring_free(&r);
}


static void
test_agents(void **state)
{
    static const uint8_t order[] = { 2, 1, 3 };
    elo_ring_t *r = elo_ring_alloc(0, 3);
    elo_agent_t a;

    (void) state;
    assert_non_null(r);
    put_agent(r, 1, false);
    put_agent(r, 2, true);
    put_agent(r, 3, false);
    for (uint8_t i = 0; i < 3; i++) {
        uint8_t seed[32] = { order[i] };

        assert_int_equal(r->agents[i].created_at, order[i]);
        elo_agent_of_seed(seed, &a);
        assert_ptr_equal(elo_ring_find(r, &a), &r->agents[i]);
    }
    a.b[0] ^= 1;
    assert_null(elo_ring_find(r, &a));
    elo_ring_free(&r);
}


static void
test_clone(void **state)
{
    elo_ring_key_t key = { .epoch = 5 };
    elo_ring_t *r = elo_ring_alloc(1, 1), *c;

    (void) state;
    assert_non_null(r);
    r->has_node = true;
    r->node[3] = 4;
    r->lock.ops = 9;
    elo_ring_put_key(r, &key);
    put_agent(r, 1, false);
    assert_true(elo_ring_is_complete(r));
    c = elo_ring_clone(r, 1, 1);
    assert_non_null(c);
    put_agent(c, 2, false);
    elo_ring_put_key(c, &key);
    assert_int_equal(r->n_agents, 1);
    assert_int_equal(c->n_agents, 2);
    assert_int_equal(c->n_keys, 2);
    assert_int_equal(c->node[3], 4);
    assert_int_equal(c->lock.ops, 9);
    assert_int_equal(c->refs, 0);
    assert_memory_equal(&c->agents[0], &r->agents[0], sizeof(c->agents[0]));
    assert_null(elo_ring_clone(r, ELO_RING_KEYS_MAX, 0));
    elo_ring_free(&r);
    elo_ring_free(&c);
}


int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_alloc),
        cmocka_unit_test(test_keys_by_epoch),
        cmocka_unit_test(test_agents),
        cmocka_unit_test(test_clone),
    };

    return cmocka_run_group_tests(tests, set_up, NULL);
}
