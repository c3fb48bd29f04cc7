/* SPDX-License-Identifier: BSD-2-Clause */
/* Tests of backend/ctl/view: what it leaves out when it is too much, whose words go
   first, ends to the second, memory. That it says what state says: cascade_test.c. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>

#include "backend/ctl/view.h"
#include "t/unit/backend/ctl/world.h"
#include "t/unit/backend/kv/no_memory.h"

enum { OWNER, ADA, BOB, CID };

#define MANY (ELO_CTL_VIEW_LOOKED + 8)

static world_t w;


static int
setup(void **state)
{
    (void) state;
    world_init(&w, 2 * MANY);
    return 0;
}


static int
teardown(void **state)
{
    (void) state;
    elo_ctl_state_free(&w.s);
    return 0;
}


static void
ignore(void *ctx, const elo_agent_t *a)
{
    (void) ctx;
    (void) a;
}


/* As from the journal: not judged, and by anyone. */
static elo_digest_t
say(const elo_agent_t *who, elo_rec_kind_t kind, elo_rec_body_t body)
{
    elo_rec_t r = world_rec(&w, 0, kind, body);

    r.author = *who;
    r.seq = 0;
    elo_ignore(!elo_ctl_head(w.s, who, &r.seq, &r.prev)); /* seq 0 */
    assert_int_equal(elo_ctl_state_apply(w.s, &r, ignore, NULL), ELO_OK);
    return r.id;
}


static elo_ctl_view_t *
view_of(unsigned who)
{
    elo_agent_t a = agent(who);
    elo_ctl_view_t *v;

    assert_int_equal(elo_ctl_view_make(w.s, &a, w.now, &v), ELO_OK);
    return v;
}


static uint32_t
towards(const elo_ctl_view_t *v, unsigned owner, const char *content,
        elo_reach_t reach)
{
    elo_agent_t o = agent(owner);

    return elo_ctl_view_facts_towards(v, &o, elo_slice_str(content), reach,
                                      NULL);
}


static elo_agent_t
stranger(uint32_t no)
{
    elo_agent_t a = { { 0x57, (uint8_t) (no >> 16), (uint8_t) (no >> 8),
                        (uint8_t) no } };

    return a;
}


static elo_rec_body_t
relate(unsigned who, uint32_t sort)
{
    return (elo_rec_body_t){ .agent = agent(who), .sort = sort };
}


static void
test_nobody(void **state)
{
    elo_agent_t zero = { { 0 } }, ada = agent(ADA);
    elo_ctl_view_t *v = view_of(BOB);

    (void) state;
    assert_int_equal(elo_ctl_view_count(v), 0);
    assert_int_equal(towards(v, ADA, "c", ELO_REACH_LOCAL), 0);
    assert_int_equal(towards(v, BOB, "c", ELO_REACH_LOCAL), ELO_FACT_OWNER);
    assert_int_equal(towards(v, BOB, "c", (elo_reach_t) 8), 0);
    elo_ctl_view_free(&v);
    elo_ctl_view_free(&v);
    /* the operator's zeros are no key, and nobody's household */
    say(&ada, ELO_REC_RELATIONSHIP,
        (elo_rec_body_t){ .agent = zero, .sort = ELO_REL_HOUSEHOLD });
    assert_int_equal(elo_ctl_view_make(w.s, &zero, w.now, &v), ELO_OK);
    assert_int_equal(elo_ctl_view_count(v), 0);
    assert_int_equal(towards(v, ADA, "", ELO_REACH_LOCAL), 0);
    elo_ctl_view_free(&v);
}


/* It is of one moment: what comes or ends afterwards isn't in it. */
static void
test_moment(void **state)
{
    elo_agent_t ada = agent(ADA);
    elo_rec_body_t body = relate(BOB, ELO_REL_FAMILY);
    elo_ctl_view_t *before, *during, *after;
    elo_digest_t id;

    (void) state;
    before = view_of(BOB);
    body.until = w.now + 10;
    id = say(&ada, ELO_REC_RELATIONSHIP, body);
    w.now += 9;
    during = view_of(BOB);
    w.now++;
    after = view_of(BOB); /* though expire wasn't called */
    say(&ada, ELO_REC_REVOCATION, (elo_rec_body_t){ .ref = id });
    assert_int_equal(towards(before, ADA, "", ELO_REACH_LOCAL), 0);
    assert_int_equal(towards(during, ADA, "", ELO_REACH_LOCAL),
                     ELO_FACT_FAMILY);
    assert_int_equal(towards(after, ADA, "", ELO_REACH_LOCAL), 0);
    assert_int_equal(elo_ctl_view_count(after), 0);
    elo_ctl_view_free(&before);
    elo_ctl_view_free(&during);
    elo_ctl_view_free(&after);
}


/* Somebody makes thousands of keys that all call Bob their household: what Ada says,
   who is admitted, still counts, whether she said it before or in between. */
static void
test_crowd(void **state)
{
    elo_agent_t owner = agent(OWNER), ada = agent(ADA), cid = agent(CID);
    elo_ctl_view_t *v;

    (void) state;
    say(&owner, ELO_REC_ADMISSION,
        (elo_rec_body_t){ .agent = ada, .sort = ELO_LEVEL_AUTHENTICATED });
    say(&cid, ELO_REC_RELATIONSHIP, relate(BOB, ELO_REL_HOUSEHOLD));
    for (uint32_t i = 0; i <= ELO_CTL_VIEW_ROWS; i++) {
        elo_agent_t a = stranger(i);

        if (i == 1) {
            say(&ada, ELO_REC_RELATIONSHIP, relate(BOB, ELO_REL_HOUSEHOLD));
        }
        say(&a, ELO_REC_RELATIONSHIP, relate(BOB, ELO_REL_HOUSEHOLD));
    }
    v = view_of(BOB);
    assert_true(elo_ctl_view_is_cut(v));
    assert_int_equal(elo_ctl_view_count(v), ELO_CTL_VIEW_ROWS);
    assert_int_equal(towards(v, ADA, "", ELO_REACH_LOCAL), ELO_FACT_HOUSEHOLD);
    /* one of those that weren't admitted is left out: less, never more */
    assert_int_equal(towards(v, CID, "", ELO_REACH_LOCAL), 0);
    elo_ctl_view_free(&v);
}


/* Not even the walk is without end. */
static void
test_walk(void **state)
{
    elo_agent_t ada = agent(ADA), cid = agent(CID);
    elo_ctl_view_t *v;
    char id[16];

    (void) state;
    say(&cid, ELO_REC_RELATIONSHIP, relate(BOB, ELO_REL_HOUSEHOLD));
    for (uint32_t i = 0; i < MANY; i++) { /* each gives nothing to read */
        snprintf(id, sizeof(id), "c%u", i);
        say(&ada, ELO_REC_GRANT,
            (elo_rec_body_t){ .agent = agent(BOB),
                              .sort = ELO_GRANT_HOLD,
                              .reaches = 0xff,
                              .has_content = true,
                              .content = elo_slice_str(id) });
    }
    v = view_of(BOB);
    assert_true(elo_ctl_view_is_cut(v));
    assert_int_equal(elo_ctl_view_count(v), 0);
    elo_ctl_view_free(&v);
}


static void
test_grants_cap(void **state)
{
    elo_agent_t ada = agent(ADA);
    elo_ctl_view_t *v;
    uint32_t n = 0;
    char id[16];

    (void) state;
    for (uint32_t i = 0; i < ELO_CTL_VIEW_GRANTS / ELO_REACH_COUNT; i++) {
        snprintf(id, sizeof(id), "c%u", i);
        for (uint32_t r = 0; r < ELO_REACH_COUNT; r++) {
            say(&ada, ELO_REC_GRANT,
                (elo_rec_body_t){ .agent = agent(BOB),
                                  .sort = ELO_GRANT_READ,
                                  .reaches = 1u << r,
                                  .has_content = true,
                                  .content = elo_slice_str(id) });
        }
    }
    v = view_of(BOB);
    assert_true(elo_ctl_view_is_cut(v));
    for (uint32_t i = 0; i < elo_ctl_view_count(v); i++) {
        n += elo_ctl_view_at(v, i).granted == 0xff;
    }
    assert_int_equal(n, elo_ctl_view_count(v)); /* whole, or not at all */
    assert_int_equal(n, ELO_CTL_VIEW_GRANTS / ELO_REACH_COUNT - 1);
    snprintf(id, sizeof(id), "c%u", 5u);
    assert_int_equal(towards(v, ADA, id, ELO_REACH_COMMONS), ELO_FACT_GRANT);
    elo_ctl_view_free(&v);
}


/* What is granted again takes no room. */
static void
test_again(void **state)
{
    elo_agent_t ada = agent(ADA);
    elo_ctl_view_t *v;
    char id[16];

    (void) state;
    for (uint32_t i = 0; i < ELO_CTL_VIEW_GRANTS / 16; i++) {
        snprintf(id, sizeof(id), "c%u", i % 200);
        for (uint32_t n = 0; n < 40; n++) {
            say(&ada, ELO_REC_GRANT,
                (elo_rec_body_t){ .agent = agent(BOB),
                                  .sort = ELO_GRANT_READ,
                                  .reaches = 3,
                                  .has_content = true,
                                  .content = elo_slice_str(id) });
        }
    }
    v = view_of(BOB);
    assert_false(elo_ctl_view_is_cut(v));
    assert_int_equal(elo_ctl_view_count(v), 200);
    elo_ctl_view_free(&v);
}


/* What isn't about contents isn't looked at; pairs come and go from the list. */
static void
test_list(void **state)
{
    elo_agent_t ada = agent(ADA), cid = agent(CID);
    elo_digest_t ids[3];
    elo_ctl_view_t *v;

    (void) state;
    for (uint32_t i = 0; i < 100; i++) {
        say(&ada, ELO_REC_PROMOTION,
            (elo_rec_body_t){ .agent = agent(BOB), .ref = digest(9000 + i) });
    }
    ids[0] = say(&ada, ELO_REC_RELATIONSHIP, relate(BOB, ELO_REL_FAMILY));
    ids[1] = say(&cid, ELO_REC_RELATIONSHIP, relate(BOB, ELO_REL_HOUSEHOLD));
    ids[2] = say(&cid, ELO_REC_INVITATION,
                 (elo_rec_body_t){ .agent = agent(BOB),
                                   .has_content = true,
                                   .content = ELO_SLICE("film") });
    v = view_of(BOB);
    assert_int_equal(elo_ctl_view_count(v), 3);
    assert_int_equal(towards(v, CID, "film", ELO_REACH_LOCAL),
                     ELO_FACT_HOUSEHOLD | ELO_FACT_INVITED);
    elo_ctl_view_free(&v);
    say(&cid, ELO_REC_REVOCATION, (elo_rec_body_t){ .ref = ids[1] });
    v = view_of(BOB);
    assert_int_equal(elo_ctl_view_count(v), 2);
    assert_int_equal(towards(v, CID, "film", ELO_REACH_LOCAL),
                     ELO_FACT_INVITED);
    assert_int_equal(towards(v, ADA, "film", ELO_REACH_LOCAL), ELO_FACT_FAMILY);
    elo_ctl_view_free(&v);
    say(&ada, ELO_REC_REVOCATION, (elo_rec_body_t){ .ref = ids[0] });
    say(&cid, ELO_REC_REVOCATION, (elo_rec_body_t){ .ref = ids[2] });
    v = view_of(BOB);
    assert_int_equal(elo_ctl_view_count(v), 0);
    elo_ctl_view_free(&v);
}


/* At each allocation: nothing is left behind, and then it is made. */
static void
test_no_memory(void **state)
{
    elo_agent_t ada = agent(ADA), bob = agent(BOB);
    elo_ctl_view_t *v = NULL;
    unsigned at = 0;
    elo_err_t rc;

    (void) state;
    say(&ada, ELO_REC_GRANT,
        (elo_rec_body_t){ .agent = bob,
                          .sort = ELO_GRANT_READ,
                          .reaches = 1,
                          .has_content = true,
                          .content = ELO_SLICE("c") });
    do {
        no_memory_at = ++at;
        rc = elo_ctl_view_make(w.s, &bob, w.now, &v);
        assert_true(rc == ELO_OK ? v != NULL : v == NULL);
        assert_true(rc == ELO_OK || rc == ELO_ENOMEM);
    } while (rc != ELO_OK);
    no_memory_at = 0;
    assert_true(at > 1);
    assert_int_equal(towards(v, ADA, "c", ELO_REACH_PRIVATE), ELO_FACT_GRANT);
    elo_ctl_view_free(&v);
}


int
main(void)
{
#define CASE(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)
    const struct CMUnitTest tests[] = {
        CASE(test_nobody), CASE(test_moment),     CASE(test_crowd),
        CASE(test_walk),   CASE(test_grants_cap), CASE(test_again),
        CASE(test_list),   CASE(test_no_memory),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
