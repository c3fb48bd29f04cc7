/* SPDX-License-Identifier: BSD-2-Clause */
/* Tests of backend/store/readers. */
#include "t/unit/backend/store/side_dir.h"

#define ID(s)  ELO_SLICE(s)
#define AGENTS 5u

typedef struct {
    uint32_t n, invited, of[AGENTS + 1][ELO_REACH_COUNT];
    elo_reach_t first;
} readers_t;


static bool
count(void *ctx, elo_slice_t id, const elo_node_head_t *head, bool is_invited)
{
    readers_t *r = ctx;

    (void) id;
    for (uint8_t a = 0; a <= AGENTS; a++) {
        elo_agent_t x = agent_of(a);

        if (elo_agent_eq(&x, &head->owner)) {
            r->of[a][head->reach]++;
        }
    }
    if (r->n++ == 0) {
        r->first = head->reach;
    }
    r->invited += is_invited;
    return true;
}


/* One owner with very many nodes hides neither his own that matter nor another's. */
static void
test_readers_in_a_crowd(void **state)
{
    dir_t *d = *state;
    elo_digest_t x = digest_of(ELO_SLICE("x"));
    elo_agent_t guest = agent_of(5), in[1] = { guest };
    readers_t r = { .n = 0 };
    char id[16];

    for (uint8_t a = 1; a <= 2; a++) {
        elo_put_opt_t opt = opt_of(ELO_REACH_COMMONS, a);

        assert_int_equal(put_opt(d->s, &opt, ELO_SLICE("x"), 0, NULL, NULL),
                         ELO_OK);
    }
    for (uint32_t i = 0; i < 400; i++) {
        snprintf(id, sizeof(id), "n%03u", i);

        elo_node_t n = { .id = elo_slice_str(id),
                         .version = 1,
                         .owner = agent_of(i % 2 == 0 ? 1 : 3),
                         .reach = ELO_REACH_INVITED,
                         .life = ELO_NODE_PUBLISHED,
                         .n_refs = 1,
                         .refs = &x,
                         .n_invited = i == 398,
                         .invited = in,
                         .json = ID("{}") };

        assert_int_equal(elo_store_node_put(d->s, &n, 0, false), ELO_OK);
    }
    assert_int_equal(put_node_of(d->s, 1, "zz", 1, ELO_REACH_LOCAL, &x, "{}"),
                     ELO_OK);
    assert_int_equal(
        put_node_of(d->s, 2, "zzz", 1, ELO_REACH_REGIONAL, &x, "{}"), ELO_OK);
    for (uint32_t pass = 0; pass < 2; pass++) {
        r = (readers_t){ .n = 0 };
        assert_int_equal(elo_store_readers(d->s, &x, &guest, count, &r),
                         ELO_OK);
        assert_int_equal(r.first, ELO_REACH_LOCAL); /* 1's widest */
        assert_int_equal(r.of[1][ELO_REACH_LOCAL], 1);
        assert_int_equal(r.of[1][ELO_REACH_INVITED], ELO_READERS_PER_REACH + 1);
        assert_int_equal(r.of[2][ELO_REACH_REGIONAL], 1);
        assert_int_equal(r.invited, 1);
        assert_int_equal(r.n, ELO_READERS_PER_REACH + 3); /* nothing of 3 */
        side_rebuild(d);
    }
    r = (readers_t){ .n = 0 };
    assert_int_equal(elo_store_readers(d->s, &x, NULL, count, &r), ELO_OK);
    assert_int_equal(r.n, ELO_READERS_PER_REACH + 2);
    assert_int_equal(r.invited, 0);
    assert_int_equal(elo_store_blob_reach(d->s, &x), ELO_REACH_REGIONAL);
}


/* A draft is the last, and stops being found when it isn't one any more; stop is
   stop. */
static bool
first_only(void *ctx, elo_slice_t id, const elo_node_head_t *head,
           bool is_invited)
{
    elo_node_head_t *out = ctx;

    (void) is_invited;
    assert_true(out->version == 0);
    assert_true(id.len > 0);
    *out = *head;
    return false;
}


static void
test_order(void **state)
{
    dir_t *d = *state;
    elo_digest_t x = digest_of(ELO_SLICE("x"));
    elo_node_t n = { .id = ID("draft"),
                     .version = 1,
                     .stated = ELO_REACH_COMMONS,
                     .n_refs = 1,
                     .refs = &x,
                     .json = ID("{}") };
    elo_node_head_t h = { .version = 0 };
    readers_t r = { .n = 0 };

    assert_int_equal(elo_store_node_put(d->s, &n, 0, false), ELO_OK);
    assert_int_equal(elo_store_readers(d->s, &x, NULL, count, &r), ELO_OK);
    assert_int_equal(r.n, 0); /* nobody has the bytes */
    assert_int_equal(put_bytes(d->s, ELO_SLICE("x"), NULL, NULL), ELO_OK);
    for (uint32_t i = 0; i < 2 * ELO_READERS_PER_REACH; i++) {
        char id[8];

        snprintf(id, sizeof(id), "p%u", i);
        assert_int_equal(put_node(d->s, id, 1, ELO_REACH_PRIVATE, &x, "{}"),
                         ELO_OK);
    }
    assert_int_equal(elo_store_readers(d->s, &x, NULL, count, &r), ELO_OK);
    assert_int_equal(r.n, ELO_READERS_PER_REACH + 1);
    assert_int_equal(elo_store_readers(d->s, &x, NULL, first_only, &h), ELO_OK);
    assert_int_equal(h.stage, ELO_STAGE_SERVED);

    n.version = 2;
    n.life = ELO_NODE_PUBLISHED;
    n.reach = ELO_REACH_COMMONS;
    assert_int_equal(elo_store_node_put(d->s, &n, 1, false), ELO_OK);
    h.version = 0;
    assert_int_equal(elo_store_readers(d->s, &x, NULL, first_only, &h), ELO_OK);
    assert_int_equal(h.reach, ELO_REACH_COMMONS);
    assert_int_equal(side_rows(d->s, ELO_T_REF), 2 * ELO_READERS_PER_REACH + 1);
    assert_int_equal(elo_store_node_remove(d->s, ID("draft"), 2), ELO_OK);
    h.version = 0;
    assert_int_equal(elo_store_readers(d->s, &x, NULL, first_only, &h), ELO_OK);
    assert_int_equal(h.reach, ELO_REACH_PRIVATE);
}


int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_readers_in_a_crowd, dir_setup,
                                        dir_teardown),
        cmocka_unit_test_setup_teardown(test_order, dir_setup, dir_teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
