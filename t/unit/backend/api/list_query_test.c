/* SPDX-License-Identifier: BSD-2-Clause */
/* Tests of backend/api/list_query: whoever may read a node that is listed to him and
   is asked for, it is among what is looked for. Against the gate, and what it asks
   of the records, for random records, nodes, callers and filters. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "backend/api/list_query.h"
#include "backend/api/who.h"
#include "t/unit/backend/ctl/world.h"

#define ROUNDS  400
#define RECORDS 25
#define NODES   60
#define ASKS    20

enum { OWNER, ADA, BOB, CID };

typedef struct {
    elo_slice_t id;
    unsigned owner, invited; /* numbers of agents */
    elo_reach_t reach;
    elo_node_life_t life;
} item_t;

static const char *const ids[] = { "c0", "c1", "c2", "c3" };
static elo_list_query_t query; /* they have slices of themselves */
static elo_filter_t filter;
static elo_api_t api;
static world_t w;
static uint32_t x;


static uint32_t
rnd(uint32_t n)
{
    x ^= x << 13;
    x ^= x >> 17;
    x ^= x << 5;
    return (x >> 3) % n;
}


static int
setup(void **state)
{
    (void) state;
    world_init(&w, 10000);
    api.node_owner = agent(OWNER);
    return 0;
}


static int
teardown(void **state)
{
    (void) state;
    elo_ctl_state_free(&w.s);
    return 0;
}


/* The store has the node's owner as zeros. */
static elo_agent_t
in_store(unsigned who)
{
    elo_agent_t a = agent(who);

    return *elo_who_in_store(&api, &a);
}


static bool
has_facet(const item_t *n, const elo_node_facet_t *f)
{
    elo_agent_t owner = in_store(n->owner), invited = agent(n->invited);

    switch (f->dim) {
    case ELO_NODE_OWNER:
        return elo_agent_eq(&f->agent, &owner);
    case ELO_NODE_OWNER_REACH:
        return elo_agent_eq(&f->agent, &owner) && f->reach == n->reach;
    case ELO_NODE_REACH:
        return f->reach == n->reach
               && (n->life == ELO_NODE_PUBLISHED || n->life == ELO_NODE_STALE);
    case ELO_NODE_LIFECYCLE:
        return f->life == n->life;
    case ELO_NODE_INVITED:
        return elo_agent_eq(&f->agent, &invited);
    default:
        fail_msg("facet %d", (int) f->dim);
        return false;
    }
}


static bool
is_found(const item_t *n)
{
    bool some = !query.q.is_some;

    if (query.is_empty) {
        return false;
    }
    for (uint32_t i = 0; i < query.q.n_all; i++) {
        if (!has_facet(n, &query.q.all[i])) {
            return false;
        }
    }
    for (uint32_t i = 0; i < query.q.n_any; i++) {
        some = some || has_facet(n, &query.q.any[i]);
    }
    for (uint32_t i = 0; i < query.q.n_ids; i++) {
        some = some || elo_slice_eq(query.q.ids[i], n->id);
    }
    return some;
}


static bool
is_asked(const item_t *n)
{
    elo_agent_t owner = agent(n->owner);

    return (!filter.has_owner || elo_agent_eq(&filter.owner, &owner))
           && (!filter.has_reach || filter.reach == n->reach)
           && (!filter.has_lifecycle
               || (elo_node_life_t) filter.lifecycle == n->life);
}


/* By the records themselves, not by a view. */
static bool
is_to_be_shown(const elo_call_t *c, const item_t *n)
{
    elo_agent_t owner = agent(n->owner), invited = agent(n->invited);
    elo_who_subject_t of = { .reach = n->reach,
                             .stage = n->life == ELO_NODE_DRAFT
                                          ? ELO_STAGE_DRAFT
                                      : n->life == ELO_NODE_FORGOTTEN
                                          ? ELO_STAGE_FORGOTTEN
                                          : ELO_STAGE_SERVED };

    if ((c->facts & ELO_FACT_PROVED) != 0) {
        of.facts = elo_ctl_facts_towards(w.s, &c->key, &owner, n->id, n->reach,
                                         w.now, NULL);
        of.facts |= elo_agent_eq(&invited, &c->key) ? ELO_FACT_INVITED : 0;
    }
    return elo_call_may(c, ELO_OP_READ, &of)
           && (filter.has_lifecycle || (of.facts & ELO_FACT_OWNER) != 0
               || n->life == ELO_NODE_PUBLISHED || n->life == ELO_NODE_STALE);
}


static void
some_record(void)
{
    static const elo_rec_kind_t kinds[] = { ELO_REC_RELATIONSHIP, ELO_REC_GRANT,
                                            ELO_REC_INVITATION };
    elo_rec_kind_t kind = kinds[rnd(ELO_COUNT(kinds))];
    elo_rec_body_t b = { .agent = agent(rnd(4)),
                         .sort = 1 + rnd(kind == ELO_REC_RELATIONSHIP ? 4 : 2),
                         .reaches = 1 + rnd(255),
                         .has_content =
                             kind != ELO_REC_RELATIONSHIP && rnd(2) == 0,
                         .content = elo_slice_str(ids[rnd(4)]) };
    elo_rec_t r;

    if (kind == ELO_REC_INVITATION) {
        b.has_content = true;
    }
    r = world_rec(&w, rnd(4), kind, b);
    elo_ignore(world_take(&w, &r)); /* what is refused says nothing */
}


static elo_call_t
some_call(void)
{
    unsigned who = rnd(6); /* past 3: nobody */
    elo_call_t c = { .api = &api,
                     .is_guest = true,
                     .scopes = ELO_SCOPE_READ,
                     .ceiling = ELO_REACH_COMMONS };

    if (who < 4) {
        c.key = agent(who);
        c.facts = elo_ctl_facts_of(w.s, &c.key, w.now);
        c.ceiling = rnd(3) == 0 ? (elo_reach_t) rnd(8) : ELO_REACH_COMMONS;
    }
    return c;
}


static void
some_filter(void)
{
    filter = (elo_filter_t){ .limit = 1 };
    if (rnd(3) == 0) {
        filter.has_owner = true;
        filter.owner = agent(rnd(4));
    }
    if (rnd(3) == 0) {
        filter.has_reach = true;
        filter.reach = (elo_reach_t) rnd(8);
    }
    if (rnd(3) == 0) {
        filter.has_lifecycle = true;
        filter.lifecycle = (elo_lifecycle_t) rnd(6);
    }
}


static uint32_t
check_ask(void)
{
    elo_call_t c = some_call();
    bool is_agent = (c.facts & ELO_FACT_PROVED) != 0;
    elo_ctl_view_t *view = NULL;
    uint32_t n_shown = 0;

    some_filter();
    if (is_agent) {
        assert_int_equal(elo_ctl_view_make(w.s, &c.key, w.now, &view), ELO_OK);
    }
    elo_list_query_make(&c, &filter, view, &query);
    for (unsigned i = 0; i < NODES; i++) {
        item_t n = { .id = elo_slice_str(ids[rnd(4)]),
                     .owner = rnd(4),
                     .invited = rnd(12), /* mostly nobody who asks */
                     .reach = (elo_reach_t) rnd(8),
                     .life = (elo_node_life_t) rnd(ELO_NODE_LIVES) };

        if (is_asked(&n) && is_to_be_shown(&c, &n)) {
            n_shown++;
            assert_true(is_found(&n));
        }
    }
    elo_ctl_view_free(&view);
    return n_shown;
}


static void
test_all_are_found(void **state)
{
    uint32_t n_shown = 0;

    (void) state;
    x = 20261121;
    for (unsigned round = 0; round < ROUNDS; round++) {
        elo_rec_t r;

        teardown(state);
        setup(state);
        for (unsigned who = ADA; who <= CID; who++) {
            if (rnd(2) == 0) {
                r = world_rec(
                    &w, OWNER, ELO_REC_ADMISSION,
                    (elo_rec_body_t){ .agent = agent(who), .sort = 1 });
                assert_int_equal(world_take(&w, &r), ELO_OK);
            }
        }
        for (unsigned i = 0; i < rnd(RECORDS); i++) {
            some_record();
        }
        for (unsigned i = 0; i < ASKS; i++) {
            n_shown += check_ask();
        }
    }
    assert_true(n_shown > ROUNDS * ASKS); /* there was something to be found */
}


/* What nobody but its owner reads isn't even looked for by others: how much there is
   of it makes no difference to them. */
static void
test_narrow_is_not_looked_for(void **state)
{
    static const elo_reach_t reaches[] = { ELO_REACH_PRIVATE, ELO_REACH_INVITED,
                                           ELO_REACH_LOCAL,
                                           ELO_REACH_REGIONAL };
    elo_call_t nobody = { .api = &api,
                          .is_guest = true,
                          .scopes = ELO_SCOPE_READ,
                          .ceiling = ELO_REACH_COMMONS };
    elo_call_t eve = nobody;

    (void) state;
    eve.key = agent(7);
    eve.facts = ELO_FACT_PROVED;
    for (size_t i = 0; i < ELO_COUNT(reaches); i++) {
        item_t n = { .id = ELO_SLICE("n"),
                     .owner = ADA,
                     .invited = BOB,
                     .reach = reaches[i],
                     .life = ELO_NODE_PUBLISHED };
        elo_ctl_view_t *view;

        filter = (elo_filter_t){ .limit = 1 };
        elo_list_query_make(&nobody, &filter, NULL, &query);
        assert_false(is_found(&n));
        assert_int_equal(elo_ctl_view_make(w.s, &eve.key, w.now, &view),
                         ELO_OK);
        elo_list_query_make(&eve, &filter, view, &query);
        assert_false(is_found(&n));
        n.life = ELO_NODE_DRAFT;
        filter.has_lifecycle = true;
        filter.lifecycle = ELO_LIFECYCLE_DRAFT;
        elo_list_query_make(&nobody, &filter, NULL, &query);
        assert_true(query.is_empty);
        elo_list_query_make(&eve, &filter, view, &query);
        assert_false(is_found(&n));
        elo_ctl_view_free(&view);
    }
}


/* As many streams and ids as find takes; with one more all are walked through. */
static void
test_wide(void **state)
{
    elo_agent_t bob = agent(BOB);
    elo_call_t c = { .api = &api,
                     .is_guest = true,
                     .facts = ELO_FACT_PROVED | ELO_FACT_ADMITTED,
                     .scopes = ELO_SCOPE_READ,
                     .ceiling = ELO_REACH_COMMONS,
                     .key = bob };
    unsigned n = 0;

    (void) state;
    filter = (elo_filter_t){ .limit = 1 };
    do {
        elo_agent_t kin = { { 0x4b, (uint8_t) ++n } };
        elo_rec_t r = world_rec(&w, 0, ELO_REC_RELATIONSHIP,
                                (elo_rec_body_t){ .agent = bob, .sort = 2 });
        elo_ctl_view_t *view;

        r.author = kin;
        r.seq = 0;
        assert_int_equal(elo_ctl_state_apply(w.s, &r, NULL, NULL), ELO_OK);
        assert_int_equal(elo_ctl_view_make(w.s, &bob, w.now, &view), ELO_OK);
        elo_list_query_make(&c, &filter, view, &query);
        elo_ctl_view_free(&view);
        if (query.q.is_some) { /* his own, his invitations, five reaches */
            assert_int_equal(query.q.n_any, 7 + n);
        }
    } while (query.q.is_some);
    assert_int_equal(7 + n, ELO_FIND_ANY_MAX + 1);
    assert_int_equal(query.q.n_any + query.q.n_ids, 0);
    assert_false(query.is_empty);
}


int
main(void)
{
#define CASE(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)
    const struct CMUnitTest tests[] = {
        CASE(test_all_are_found),
        CASE(test_narrow_is_not_looked_for),
        CASE(test_wide),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
