/* SPDX-License-Identifier: BSD-2-Clause */
/* Tests of backend/ctl/state: each rule met and violated, chains, ends to the
   second, room. What revocations end in general: cascade_test.c. One file, though
   long: a test a rule, in the order of the table in state.h. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "t/unit/backend/ctl/world.h"
#include "t/unit/backend/kv/no_memory.h"

enum { OWNER, ADA, BOB, CID, DEE, EVE };

#define ADMITTED (ELO_FACT_PROVED | ELO_FACT_ADMITTED)
#define ADMIN    (ADMITTED | ELO_FACT_ADMIN)

static world_t w;
static elo_digest_t last; /* id of what was said last */


static int
setup(void **state)
{
    (void) state;
    world_init(&w, 100);
    return 0;
}


static int
teardown(void **state)
{
    (void) state;
    elo_ctl_state_free(&w.s);
    return 0;
}


static elo_err_t
say(unsigned who, elo_rec_kind_t kind, elo_rec_body_t body)
{
    elo_rec_t r = world_rec(&w, who, kind, body);

    last = r.id;
    return world_take(&w, &r);
}


static void
ok(unsigned who, elo_rec_kind_t kind, elo_rec_body_t body)
{
    if (say(who, kind, body) != ELO_OK) {
        fail_msg("kind %d: %s", (int) kind, w.why);
    }
}


/* Refused, and nothing has changed. */
static void
no(unsigned who, elo_rec_kind_t kind, elo_rec_body_t body, elo_err_t err,
   const char *why)
{
    uint64_t n = elo_ctl_state_count(w.s);
    elo_agent_t a = agent(who);
    elo_digest_t d = { { 0 } }, e = { { 0 } };
    uint64_t was = 0, is = 0;
    bool had = elo_ctl_head(w.s, &a, &was, &d);

    assert_int_equal(say(who, kind, body), err);
    assert_string_equal(w.why, why);
    assert_int_equal(elo_ctl_state_count(w.s), n);
    assert_int_equal(elo_ctl_head(w.s, &a, &is, &e), had);
    assert_true(is == was && memcmp(&d, &e, sizeof(d)) == 0);
}


static elo_rec_body_t
admit(unsigned who, uint32_t level, int64_t until)
{
    return (
        elo_rec_body_t){ .agent = agent(who), .sort = level, .until = until };
}


static elo_rec_body_t
relate(unsigned who, uint32_t sort)
{
    return (elo_rec_body_t){ .agent = agent(who), .sort = sort };
}


static elo_rec_body_t
invite(uint64_t uses, int64_t until)
{
    return (elo_rec_body_t){ .ref = world_key(WORLD_SECRET),
                             .uses = uses,
                             .until = until };
}


static elo_rec_body_t
accept(elo_digest_t id)
{
    return (elo_rec_body_t){ .ref = id };
}


static elo_rec_body_t
grant(unsigned who, uint32_t sort, uint32_t reaches, const char *content)
{
    return (elo_rec_body_t){ .agent = agent(who),
                             .sort = sort,
                             .reaches = reaches,
                             .has_content = content != NULL,
                             .content = elo_slice_str(content) };
}


static elo_rec_body_t
named(elo_digest_t id)
{
    return (elo_rec_body_t){ .ref = id };
}


static void
test_owner(void **state)
{
    elo_agent_t zero = { { 0 } }, owner = agent(OWNER);

    (void) state;
    assert_int_equal(world_of(&w, OWNER), ADMIN);
    assert_int_equal(world_of(&w, EVE), ELO_FACT_PROVED);
    assert_int_equal(elo_ctl_facts_of(w.s, &zero, w.now), 0);
    assert_int_equal(elo_ctl_facts_towards(w.s, &zero, &zero,
                                           elo_slice(NULL, 0),
                                           ELO_REACH_PRIVATE, w.now, NULL),
                     0);
    assert_int_equal(elo_ctl_facts_towards(w.s, &owner, &owner,
                                           elo_slice(NULL, 0), (elo_reach_t) 8,
                                           w.now, NULL),
                     0);
    assert_int_equal(world_towards(&w, EVE, EVE, "", ELO_REACH_PRIVATE, NULL),
                     ELO_FACT_OWNER);
}


static void
test_admission(void **state)
{
    (void) state;
    no(ADA, ELO_REC_ADMISSION, admit(BOB, 1, 0), ELO_EDENIED,
       "author is no administrator");
    ok(OWNER, ELO_REC_ADMISSION, admit(ADA, 1, 0));
    assert_true(w.is_touched[ADA]);
    assert_int_equal(world_of(&w, ADA), ADMITTED);
    no(ADA, ELO_REC_ADMISSION, admit(BOB, 1, 0), ELO_EDENIED,
       "author is no administrator");
    ok(OWNER, ELO_REC_ADMISSION, admit(ADA, 2, 0));
    assert_int_equal(world_of(&w, ADA), ADMIN);
    ok(ADA, ELO_REC_ADMISSION, admit(BOB, 1, 0));
    assert_int_equal(world_of(&w, BOB), ADMITTED);
}


static void
test_relationship(void **state)
{
    (void) state;
    no(ADA, ELO_REC_RELATIONSHIP, relate(ADA, 1), ELO_EINVAL,
       "a relation to oneself");
    /* of one who isn't admitted: said, and nobody is let in by it */
    ok(ADA, ELO_REC_RELATIONSHIP, relate(BOB, ELO_REL_FAMILY));
    assert_true(w.is_touched[BOB]);
    assert_int_equal(world_of(&w, BOB), ELO_FACT_PROVED);
    assert_int_equal(world_towards(&w, BOB, ADA, "", ELO_REACH_LOCAL, NULL),
                     ELO_FACT_FAMILY);
    assert_int_equal(world_towards(&w, ADA, BOB, "", ELO_REACH_LOCAL, NULL), 0);
    /* as soon as he is, it counts */
    ok(OWNER, ELO_REC_ADMISSION, admit(ADA, 1, 0));
    assert_true(w.is_touched[BOB]);
    assert_int_equal(world_of(&w, BOB), ADMITTED);
    /* a relation of a relation admits nobody */
    ok(BOB, ELO_REC_RELATIONSHIP, relate(CID, ELO_REL_HOUSEHOLD));
    assert_int_equal(world_of(&w, CID), ELO_FACT_PROVED);
    ok(ADA, ELO_REC_RELATIONSHIP, relate(BOB, ELO_REL_COMMUNITY));
    assert_int_equal(world_towards(&w, BOB, ADA, "c", ELO_REACH_LOCAL, NULL),
                     ELO_FACT_FAMILY | ELO_FACT_COMMUNITY);
}


static void
test_invitation(void **state)
{
    elo_digest_t id, other = digest(998);
    elo_rec_body_t b;
    elo_rec_t r;

    (void) state;
    no(ADA, ELO_REC_INVITATION, invite(1, 0), ELO_EDENIED,
       "author may not invite to the node");
    ok(OWNER, ELO_REC_RELATIONSHIP, relate(ADA, 1));
    no(ADA, ELO_REC_INVITATION, invite(1, 0), ELO_EDENIED,
       "author may not invite to the node"); /* by a relation only */
    ok(OWNER, ELO_REC_INVITATION, invite(2, w.now + 10));
    id = last;
    r = world_rec(&w, DEE, ELO_REC_ACCEPTANCE, accept(id));
    assert_int_equal(elo_ctl_state_check(w.s, &r, w.now + 9, NULL), ELO_OK);
    assert_int_equal(elo_ctl_state_check(w.s, &r, w.now + 10, NULL),
                     ELO_EDENIED);

    /* by another secret, of another invitation, of another's acceptance, none */
    for (unsigned i = 0; i < 4; i++) {
        b = accept(id);
        b.proof = world_proof(&w, i == 0 ? "sixteen bytes 0r" : WORLD_SECRET,
                              i == 1 ? &other : &id, i == 2 ? CID : BOB);
        b.proof.len -= i == 3;
        no(BOB, ELO_REC_ACCEPTANCE, b, ELO_EDENIED,
           "no signature by the invitation's key");
    }
    no(BOB, ELO_REC_ACCEPTANCE, accept(digest(999)), ELO_EINVAL,
       "no such invitation");
    no(OWNER, ELO_REC_ACCEPTANCE, accept(id), ELO_EINVAL,
       "one's own invitation");
    ok(BOB, ELO_REC_ACCEPTANCE, accept(id));
    assert_int_equal(world_of(&w, BOB), ADMITTED);
    no(BOB, ELO_REC_ACCEPTANCE, accept(id), ELO_EINVAL,
       "invitation is accepted already");
    w.now += 9; /* the last second */
    ok(CID, ELO_REC_ACCEPTANCE, accept(id));
    no(DEE, ELO_REC_ACCEPTANCE, accept(id), ELO_EDENIED,
       "invitation is used up or past");
    /* who was invited stands as an admitted one, and stays after its end */
    w.now += 100;
    elo_ctl_state_expire(w.s, w.now, world_touched, &w);
    assert_int_equal(world_of(&w, BOB), ADMITTED);
    ok(BOB, ELO_REC_INVITATION, invite(1, w.now + 1));
    id = last;
    w.now += 1;
    no(DEE, ELO_REC_ACCEPTANCE, accept(id), ELO_EDENIED,
       "invitation is used up or past");
    assert_int_equal(elo_ctl_state_count(w.s), 5);
}


static void
test_invitation_to_content(void **state)
{
    elo_rec_body_t b = { .agent = agent(BOB),
                         .has_content = true,
                         .content = ELO_SLICE("film"),
                         .until = w.now + 5 };

    (void) state;
    ok(EVE, ELO_REC_INVITATION, b);
    assert_true(w.is_touched[BOB]);
    assert_int_equal(world_towards(&w, BOB, EVE, "film", 1, NULL),
                     ELO_FACT_INVITED);
    assert_int_equal(world_towards(&w, BOB, EVE, "fil", 1, NULL), 0);
    assert_int_equal(world_towards(&w, BOB, EVE, "", 1, NULL), 0);
    assert_int_equal(world_towards(&w, BOB, ADA, "film", 1, NULL), 0);
    no(BOB, ELO_REC_ACCEPTANCE, accept(last), ELO_EINVAL, "no such invitation");
    w.now += 5;
    assert_int_equal(world_towards(&w, BOB, EVE, "film", 1, NULL), 0);
}


static void
test_grants_and_escalations(void **state)
{
    elo_rec_body_t e = { .agent = agent(ADA), .text = ELO_SLICE("fire") };
    elo_digest_t read, emergency, by = digest(7), hold;

    (void) state;
    ok(ADA, ELO_REC_GRANT, grant(BOB, ELO_GRANT_HOLD, 0xff, NULL));
    hold = last;
    assert_int_equal(world_towards(&w, BOB, ADA, "c", 0, &by), 0);
    ok(ADA, ELO_REC_GRANT, grant(BOB, ELO_GRANT_EMERGENCY, 3, NULL));
    emergency = last;
    assert_int_equal(world_towards(&w, BOB, ADA, "c", 0, &by), 0);
    assert_int_equal(by.b[3], 7); /* untouched */

    e.until = w.now + 60;
    e.ref = hold;
    no(BOB, ELO_REC_ESCALATION, e, ELO_EDENIED,
       "no emergency grant to this author");
    e.ref = digest(999);
    no(BOB, ELO_REC_ESCALATION, e, ELO_EINVAL, "no such grant");
    e.ref = emergency;
    no(CID, ELO_REC_ESCALATION, e, ELO_EDENIED,
       "no emergency grant to this author");
    e.agent = agent(CID);
    no(BOB, ELO_REC_ESCALATION, e, ELO_EINVAL, "a grant of another");
    e.agent = agent(ADA);
    ok(BOB, ELO_REC_ESCALATION, e);
    assert_true(w.is_touched[BOB]);
    assert_int_equal(world_towards(&w, BOB, ADA, "c", 1, &by),
                     ELO_FACT_EMERGENCY);
    assert_memory_equal(&by, &last, sizeof(by));
    assert_int_equal(world_towards(&w, BOB, ADA, "c", 2, &by), 0);
    assert_int_equal(world_towards(&w, CID, ADA, "c", 1, &by), 0);

    ok(ADA, ELO_REC_GRANT, grant(BOB, ELO_GRANT_READ, 1, "c"));
    read = last;
    assert_int_equal(world_towards(&w, BOB, ADA, "c", 0, &by),
                     ELO_FACT_EMERGENCY | ELO_FACT_GRANT);
    assert_memory_equal(&by, &read, sizeof(by)); /* the lesser one */
    assert_int_equal(world_towards(&w, BOB, ADA, "d", 0, NULL),
                     ELO_FACT_EMERGENCY);
    assert_int_equal(world_towards(&w, BOB, ADA, "", 0, NULL),
                     ELO_FACT_EMERGENCY);
    ok(ADA, ELO_REC_REVOCATION, named(emergency)); /* and the escalation */
    assert_true(w.is_touched[BOB]);
    assert_int_equal(world_towards(&w, BOB, ADA, "c", 0, NULL), ELO_FACT_GRANT);
    no(BOB, ELO_REC_ESCALATION, e, ELO_EINVAL, "no such grant");
    assert_int_equal(elo_ctl_state_count(w.s), 2);
}


static void
test_promotion(void **state)
{
    elo_rec_body_t b = { .has_content = true,
                         .content = ELO_SLICE("c"),
                         .from = ELO_REACH_LOCAL,
                         .to = ELO_REACH_LOCAL };
    elo_agent_t ada = agent(ADA), bob = agent(BOB), cid = agent(CID);
    elo_digest_t d = digest(500), other = digest(501);

    (void) state;
    no(ADA, ELO_REC_PROMOTION, b, ELO_EINVAL, "a promotion that isn't wider");
    b.to = ELO_REACH_INVITED;
    no(ADA, ELO_REC_PROMOTION, b, ELO_EINVAL, "a promotion that isn't wider");
    b.to = ELO_REACH_NEIGHBORHOOD;
    ok(ADA, ELO_REC_PROMOTION, b);

    assert_false(elo_ctl_has_promotion(w.s, &d, &bob, &ada));
    ok(ADA, ELO_REC_PROMOTION,
       (elo_rec_body_t){ .ref = d, .agent = agent(BOB) });
    assert_true(w.is_touched[BOB]);
    assert_true(elo_ctl_has_promotion(w.s, &d, &bob, &ada));
    assert_false(elo_ctl_has_promotion(w.s, &d, &ada, &bob));
    assert_false(elo_ctl_has_promotion(w.s, &d, &cid, &ada));
    assert_false(elo_ctl_has_promotion(w.s, &d, &bob, &cid));
    assert_false(elo_ctl_has_promotion(w.s, &other, &bob, &ada));
    ok(ADA, ELO_REC_REVOCATION, named(last));
    assert_true(w.is_touched[BOB]);
    assert_false(elo_ctl_has_promotion(w.s, &d, &bob, &ada));
}


static void
test_revocation(void **state)
{
    elo_digest_t to_ada, to_bob, relation;

    (void) state;
    ok(OWNER, ELO_REC_ADMISSION, admit(ADA, 2, 0));
    to_ada = last;
    ok(ADA, ELO_REC_ADMISSION, admit(BOB, 1, 0));
    to_bob = last;
    ok(BOB, ELO_REC_RELATIONSHIP, relate(CID, 1));
    relation = last;
    assert_int_equal(world_of(&w, CID), ADMITTED);
    no(CID, ELO_REC_REVOCATION, named(to_bob), ELO_EDENIED, "another's record");
    no(ADA, ELO_REC_REVOCATION, named(digest(999)), ELO_EINVAL,
       "no such record");
    ok(OWNER, ELO_REC_REVOCATION, named(to_ada));
    assert_true(w.is_touched[ADA] && w.is_touched[BOB] && w.is_touched[CID]);
    assert_int_equal(world_of(&w, ADA), ELO_FACT_PROVED);
    assert_int_equal(world_of(&w, BOB), ELO_FACT_PROVED);
    assert_int_equal(world_of(&w, CID), ELO_FACT_PROVED);
    no(OWNER, ELO_REC_REVOCATION, named(to_ada), ELO_EINVAL, "no such record");
    no(OWNER, ELO_REC_REVOCATION, named(to_bob), ELO_EINVAL, "no such record");
    /* put out, she says nothing any more; he only isn't admitted */
    no(ADA, ELO_REC_LIFECYCLE, (elo_rec_body_t){ 0 }, ELO_EDENIED,
       "author is revoked");
    ok(BOB, ELO_REC_LIFECYCLE, (elo_rec_body_t){ 0 });
    no(OWNER, ELO_REC_REVOCATION, named(last), ELO_EINVAL, "no such record");
    /* admitted anew: what she had given doesn't come back */
    ok(OWNER, ELO_REC_ADMISSION, admit(ADA, 2, 0));
    assert_int_equal(world_of(&w, BOB), ELO_FACT_PROVED);
    ok(ADA, ELO_REC_LIFECYCLE, (elo_rec_body_t){ 0 });
    ok(ADA, ELO_REC_REVOCATION, named(relation)); /* an administrator: any */
    assert_int_equal(world_towards(&w, CID, BOB, "", 1, NULL), 0);
}


/* Two who admit each other hold nobody up; who has another way in keeps it. */
static void
test_cycle(void **state)
{
    elo_digest_t root;

    (void) state;
    ok(OWNER, ELO_REC_ADMISSION, admit(ADA, 2, 0));
    root = last;
    ok(ADA, ELO_REC_ADMISSION, admit(BOB, 2, 0));
    ok(BOB, ELO_REC_ADMISSION, admit(ADA, 2, 0));
    ok(BOB, ELO_REC_ADMISSION, admit(CID, 1, 0));
    ok(OWNER, ELO_REC_ADMISSION, admit(CID, 1, 0));
    ok(OWNER, ELO_REC_REVOCATION, named(root));
    assert_int_equal(world_of(&w, ADA), ELO_FACT_PROVED);
    assert_int_equal(world_of(&w, BOB), ELO_FACT_PROVED);
    assert_int_equal(world_of(&w, CID), ADMITTED);
    assert_int_equal(elo_ctl_state_count(w.s), 1);
}


static void
test_leaving(void **state)
{
    elo_digest_t by_owner, by_ada, hers;

    (void) state;
    ok(OWNER, ELO_REC_INVITATION, invite(9, 0));
    by_owner = last;
    ok(ADA, ELO_REC_ACCEPTANCE, accept(by_owner));
    hers = last;
    ok(ADA, ELO_REC_INVITATION, invite(9, 0));
    by_ada = last;
    ok(BOB, ELO_REC_ACCEPTANCE, accept(by_ada));
    no(BOB, ELO_REC_REVOCATION, named(by_ada), ELO_EDENIED, "another's record");
    ok(ADA, ELO_REC_REVOCATION, named(hers)); /* leaves by herself */
    assert_int_equal(world_of(&w, ADA), ELO_FACT_PROVED);
    assert_int_equal(world_of(&w, BOB), ELO_FACT_PROVED);
    ok(ADA, ELO_REC_ACCEPTANCE, accept(by_owner)); /* and may come back */
    assert_int_equal(world_of(&w, ADA), ADMITTED);
    assert_int_equal(world_of(&w, BOB), ELO_FACT_PROVED);
    ok(OWNER, ELO_REC_REVOCATION, named(last)); /* put out: may not */
    no(ADA, ELO_REC_ACCEPTANCE, accept(by_owner), ELO_EDENIED,
       "author is revoked");
    ok(OWNER, ELO_REC_REVOCATION, named(by_owner));
    assert_int_equal(elo_ctl_state_count(w.s), 0);
}


static void
test_chain(void **state)
{
    elo_rec_t r = world_rec(&w, ADA, ELO_REC_LIFECYCLE, (elo_rec_body_t){ 0 });
    elo_agent_t ada = agent(ADA);
    elo_rec_t fork, first;
    elo_digest_t head;
    uint64_t seq;

    (void) state;
    assert_false(elo_ctl_head(w.s, &ada, &seq, &head));
    r.seq = 1;
    assert_int_equal(world_take(&w, &r), ELO_EINVAL);
    assert_string_equal(w.why, "chain: seq leaves a gap");
    r.seq = 0;
    first = r;
    assert_int_equal(world_take(&w, &r), ELO_OK);
    assert_true(elo_ctl_head(w.s, &ada, &seq, &head));
    assert_int_equal(seq, 1);
    assert_memory_equal(&head, &r.id, sizeof(head));
    assert_int_equal(world_take(&w, &first), ELO_EINVAL); /* replayed */
    assert_string_equal(w.why, "chain: seq is taken");
    fork = world_rec(&w, ADA, ELO_REC_LIFECYCLE, (elo_rec_body_t){ 0 });
    fork.seq = 0; /* another with the same seq */
    assert_int_equal(world_take(&w, &fork), ELO_EINVAL);
    assert_string_equal(w.why, "chain: seq is taken");
    assert_int_equal(elo_ctl_state_apply(w.s, &fork, NULL, NULL), ELO_EINVAL);
    fork.seq = 1;
    fork.prev = fork.id;
    assert_int_equal(world_take(&w, &fork), ELO_EINVAL);
    assert_string_equal(w.why, "chain: another prev");
    assert_int_equal(elo_ctl_state_apply(w.s, &fork, NULL, NULL), ELO_EINVAL);
    fork.prev = first.id;
    fork.time_ms = first.time_ms - 1;
    assert_int_equal(world_take(&w, &fork), ELO_EINVAL);
    assert_string_equal(w.why, "chain: time goes back");
    fork.time_ms = (w.now + ELO_RECORD_SKEW_S) * 1000 + 1;
    assert_int_equal(world_take(&w, &fork), ELO_EINVAL);
    assert_string_equal(w.why, "time is ahead");
    fork.time_ms--;
    assert_int_equal(world_take(&w, &fork), ELO_OK);
    r = world_rec(&w, ADA, (elo_rec_kind_t) 16, (elo_rec_body_t){ 0 });
    r.time_ms = fork.time_ms;
    assert_int_equal(world_take(&w, &r), ELO_EINVAL);
    assert_string_equal(w.why, "unknown kind");
}


static void
test_to_the_second(void **state)
{
    int64_t end = w.now + 10;

    (void) state;
    ok(OWNER, ELO_REC_ADMISSION, admit(ADA, 2, end));
    ok(ADA, ELO_REC_ADMISSION, admit(BOB, 1, end + 5));
    ok(BOB, ELO_REC_RELATIONSHIP, relate(CID, 1));
    assert_int_equal(elo_ctl_state_expire(w.s, w.now, world_touched, &w), end);
    w.now = end - 1;
    memset(w.is_touched, 0, sizeof(w.is_touched));
    assert_int_equal(elo_ctl_state_expire(w.s, w.now, world_touched, &w), end);
    assert_int_equal(world_of(&w, ADA), ADMIN);
    assert_int_equal(world_of(&w, CID), ADMITTED);
    assert_false(w.is_touched[ADA] || w.is_touched[BOB] || w.is_touched[CID]);
    w.now = end; /* also without expire */
    assert_int_equal(world_of(&w, ADA), ELO_FACT_PROVED);
    assert_int_equal(world_of(&w, BOB), ELO_FACT_PROVED);
    assert_int_equal(world_of(&w, CID), ELO_FACT_PROVED);
    assert_int_equal(elo_ctl_state_expire(w.s, w.now, world_touched, &w),
                     end + 5);
    assert_true(w.is_touched[ADA] && w.is_touched[BOB] && w.is_touched[CID]);
    /* a new term: what stood on it is there again, until its own end */
    ok(OWNER, ELO_REC_ADMISSION, admit(ADA, 2, 0));
    assert_true(w.is_touched[BOB] && w.is_touched[CID]);
    assert_int_equal(world_of(&w, CID), ADMITTED);
    w.now = end + 5;
    assert_int_equal(elo_ctl_state_expire(w.s, w.now, world_touched, &w), 0);
    assert_int_equal(world_of(&w, BOB), ELO_FACT_PROVED);
    assert_int_equal(world_of(&w, ADA), ADMIN);
}


/* (S2): what a revocation ends is the same whether or not expire was called. */
static void
test_late_clock(void **state)
{
    (void) state;
    for (unsigned round = 0; round < 2; round++) {
        elo_digest_t forever;
        elo_rec_t r;

        elo_ctl_state_free(&w.s);
        world_init(&w, 100);
        ok(OWNER, ELO_REC_ADMISSION, admit(ADA, 2, w.now + 10));
        ok(OWNER, ELO_REC_ADMISSION, admit(ADA, 2, 0));
        forever = last;
        ok(ADA, ELO_REC_ADMISSION, admit(BOB, 1, 0));
        w.now += 20;
        if (round == 1) {
            elo_ctl_state_expire(w.s, w.now, world_touched, &w);
        }
        r = world_rec(&w, OWNER, ELO_REC_REVOCATION, named(forever));
        r.time_ms -= 15 * 1000; /* the first still ran */
        assert_int_equal(world_take(&w, &r), ELO_OK);
        assert_int_equal(world_of(&w, ADA), ELO_FACT_PROVED);
        assert_int_equal(world_of(&w, BOB), ELO_FACT_PROVED);
        ok(OWNER, ELO_REC_ADMISSION, admit(ADA, 2, 0));
        assert_int_equal(world_of(&w, BOB), ADMITTED);
    }
}


/* A time ahead of now, by as much as is taken, ends nothing before its time: what an
   administrator gave ends with him, though he ends himself before that time. */
static void
test_clock_ahead(void **state)
{
    (void) state;
    for (unsigned round = 0; round < 2; round++) {
        elo_digest_t hers;
        elo_rec_t r;

        elo_ctl_state_free(&w.s);
        world_init(&w, 100);
        ok(OWNER, ELO_REC_ADMISSION,
           admit(ADA, 2, w.now + ELO_RECORD_SKEW_S - 1));
        hers = last;
        ok(ADA, ELO_REC_ADMISSION, admit(BOB, 1, 0));
        ok(EVE, ELO_REC_RELATIONSHIP, relate(DEE, 1));
        if (round == 1) {
            r = world_rec(&w, EVE, ELO_REC_LIFECYCLE, (elo_rec_body_t){ 0 });
            r.time_ms += ELO_RECORD_SKEW_S * 1000;
            assert_int_equal(world_take(&w, &r), ELO_OK);
        }
        elo_ctl_state_expire(w.s, w.now, world_touched, &w);
        assert_int_equal(elo_ctl_state_count(w.s), 3);
        assert_int_equal(world_of(&w, BOB), ADMITTED);
        ok(OWNER, ELO_REC_REVOCATION, named(hers));
        assert_int_equal(world_of(&w, BOB), ELO_FACT_PROVED);
        ok(OWNER, ELO_REC_ADMISSION, admit(ADA, 2, 0));
        assert_int_equal(world_of(&w, BOB), ELO_FACT_PROVED);
    }
}


static void
test_room(void **state)
{
    (void) state;
    elo_ctl_state_free(&w.s);
    world_init(&w, 2);
    ok(ADA, ELO_REC_RELATIONSHIP, relate(BOB, 1));
    ok(ADA, ELO_REC_RELATIONSHIP, relate(CID, 1));
    no(ADA, ELO_REC_RELATIONSHIP, relate(DEE, 1), ELO_ENOSPC,
       "too many records");
    ok(BOB, ELO_REC_LIFECYCLE, (elo_rec_body_t){ 0 });
    no(CID, ELO_REC_LIFECYCLE, (elo_rec_body_t){ 0 }, ELO_ENOSPC,
       "too many authors");
    ok(OWNER, ELO_REC_LIFECYCLE, (elo_rec_body_t){ 0 }); /* never kept out */
    ok(OWNER, ELO_REC_REVOCATION, named(digest(2)));
    ok(ADA, ELO_REC_RELATIONSHIP, relate(DEE, 1));
    assert_int_equal(elo_ctl_state_count(w.s), 2);
}


static void
test_same(void **state)
{
    (void) state;
    for (unsigned i = 0; i < ELO_CTL_SAME_MAX; i++) {
        ok(ADA, ELO_REC_RELATIONSHIP, relate(BOB, 1));
    }
    no(ADA, ELO_REC_RELATIONSHIP, relate(BOB, 1), ELO_ENOSPC,
       "too many about the same");
    ok(ADA, ELO_REC_RELATIONSHIP, relate(CID, 1));
}


/* One author's part, by what he is; what he has ended makes room. */
static void
test_share(void **state)
{
    static const elo_ctl_bounds_t three = { .records = 3 };
    elo_digest_t first = { { 0 } };

    (void) state;
    elo_ctl_state_bound(w.s, &three);
    ok(OWNER, ELO_REC_ADMISSION, admit(ADA, 1, 0));
    ok(OWNER, ELO_REC_ADMISSION, admit(BOB, 2, 0));
    ok(OWNER, ELO_REC_RELATIONSHIP, relate(CID, 1));
    for (unsigned i = 0; i < 3; i++) {
        ok(ADA, ELO_REC_RELATIONSHIP, relate(DEE, 1));
        first = i == 0 ? last : first;
    }
    no(ADA, ELO_REC_RELATIONSHIP, relate(DEE, 1), ELO_EQUOTA,
       "its author has too many records");
    no(ADA, ELO_REC_TOKEN_REVOCATION,
       (elo_rec_body_t){ .agent = agent(ADA), .jti = ELO_SLICE("t") },
       ELO_EQUOTA, "its author has too many records");
    ok(ADA, ELO_REC_LIFECYCLE, (elo_rec_body_t){ 0 }); /* isn't kept */
    ok(ADA, ELO_REC_REVOCATION, named(first));
    ok(ADA, ELO_REC_TOKEN_REVOCATION,
       (elo_rec_body_t){ .agent = agent(ADA), .jti = ELO_SLICE("t") });
    no(ADA, ELO_REC_RELATIONSHIP, relate(DEE, 1), ELO_EQUOTA,
       "its author has too many records");
    ok(CID, ELO_REC_RELATIONSHIP, relate(DEE, 1)); /* by a relation: one */
    no(CID, ELO_REC_RELATIONSHIP, relate(DEE, 1), ELO_EQUOTA,
       "its author has too many records");
    for (unsigned i = 0; i < 3 * ELO_CTL_ADMIN_SHARE; i++) {
        ok(BOB, ELO_REC_RELATIONSHIP, relate(EVE, 1));
    }
    no(BOB, ELO_REC_RELATIONSHIP, relate(EVE, 1), ELO_EQUOTA,
       "its author has too many records");
    ok(OWNER, ELO_REC_RELATIONSHIP, relate(ADA, 1));
    ok(OWNER, ELO_REC_RELATIONSHIP, relate(ADA, 1));
}


/* Of bytes, which stay; who has too many can end what he has, and some tokens. */
static void
test_share_of_bytes(void **state)
{
    /* records of this test have no bytes but their frame */
    static const elo_ctl_bounds_t sixteen = { .bytes = 16 * ELO_RECORD_FRAME };
    elo_digest_t grant_to_bob = { { 0 } };

    (void) state;
    elo_ctl_state_bound(w.s, &sixteen);
    ok(OWNER, ELO_REC_ADMISSION, admit(ADA, 1, 0));
    for (unsigned i = 0; i < 16; i++) {
        ok(ADA, ELO_REC_GRANT, grant(BOB, ELO_GRANT_READ, 1, NULL));
        grant_to_bob = last;
    }
    no(ADA, ELO_REC_LIFECYCLE, (elo_rec_body_t){ 0 }, ELO_EQUOTA,
       "its author has too many bytes of records");
    for (uint64_t i = 2; i < 4; i++) {
        ok(ADA, ELO_REC_TOKEN_REVOCATION,
           (elo_rec_body_t){ .agent = agent(ADA), .version = i });
    }
    no(ADA, ELO_REC_TOKEN_REVOCATION,
       (elo_rec_body_t){ .agent = agent(ADA), .version = 4 }, ELO_EQUOTA,
       "its author has too many bytes of records");
    ok(ADA, ELO_REC_REVOCATION, named(grant_to_bob));
    no(ADA, ELO_REC_REVOCATION, named(grant_to_bob), ELO_EINVAL,
       "no such record");
}


static void
test_pace(void **state)
{
    static const elo_ctl_bounds_t two = { .per_s = 2 };
    int64_t ms = w.now * 1000;
    const struct {
        unsigned who;
        unsigned burst;
    } rows[] = { { ADA, 20 }, { BOB, 20 * ELO_CTL_ADMIN_SHARE } };

    (void) state;
    elo_ctl_state_bound(w.s, &two);
    ok(OWNER, ELO_REC_ADMISSION, admit(ADA, 1, 0));
    ok(OWNER, ELO_REC_ADMISSION, admit(BOB, 2, 0));
    for (size_t i = 0; i < ELO_COUNT(rows); i++) {
        elo_agent_t a = agent(rows[i].who);

        for (unsigned k = 0; k < rows[i].burst; k++) {
            assert_true(elo_ctl_state_pace(w.s, &a, ms));
        }
        assert_false(elo_ctl_state_pace(w.s, &a, ms));
        /* a second's worth after a second, a burst again after a while */
        for (unsigned k = 0; k < rows[i].burst / ELO_CTL_BURST_S; k++) {
            assert_true(elo_ctl_state_pace(w.s, &a, ms + 1000));
        }
        assert_false(elo_ctl_state_pace(w.s, &a, ms + 1000));
        assert_false(elo_ctl_state_pace(w.s, &a, ms - 86400000)); /* back */
        assert_true(elo_ctl_state_pace(w.s, &a, ms - 86400000 + 11000));
        for (unsigned k = 0; k < rows[i].burst; k++) {
            assert_true(elo_ctl_state_pace(w.s, &a, ms + 60000));
        }
        assert_false(elo_ctl_state_pace(w.s, &a, ms + 60000));
    }
    for (unsigned k = 0; k < 1000; k++) {
        elo_agent_t owner = agent(OWNER), eve = agent(EVE);

        assert_true(elo_ctl_state_pace(w.s, &owner, ms));
        assert_true(elo_ctl_state_pace(w.s, &eve, ms)); /* nothing of her */
    }
}


/* Who has lost his admission ends what is his, and nothing else. */
static void
test_ends_own(void **state)
{
    elo_rec_body_t jti = { .agent = agent(ADA), .jti = ELO_SLICE("t") };
    elo_rec_body_t of_bob = { .agent = agent(BOB), .jti = ELO_SLICE("t") };
    elo_digest_t admission, hers, bobs;
    elo_rec_t r;

    (void) state;
    ok(OWNER, ELO_REC_ADMISSION, admit(ADA, 1, 0));
    admission = last;
    ok(ADA, ELO_REC_RELATIONSHIP, relate(CID, 1));
    hers = last;
    ok(BOB, ELO_REC_RELATIONSHIP, relate(CID, 1));
    bobs = last;
    ok(OWNER, ELO_REC_REVOCATION, named(admission));
    no(ADA, ELO_REC_RELATIONSHIP, relate(DEE, 1), ELO_EDENIED,
       "author is revoked");
    no(ADA, ELO_REC_REVOCATION, named(bobs), ELO_EDENIED, "author is revoked");
    no(ADA, ELO_REC_TOKEN_REVOCATION, of_bob, ELO_EDENIED, "author is revoked");
    ok(ADA, ELO_REC_REVOCATION, named(hers));
    assert_true(w.is_touched[CID]);
    no(ADA, ELO_REC_REVOCATION, named(hers), ELO_EDENIED, "author is revoked");
    ok(ADA, ELO_REC_TOKEN_REVOCATION, jti);
    no(ADA, ELO_REC_TOKEN_REVOCATION, jti, ELO_EDENIED, "author is revoked");
    /* a key that nothing is known of has no tokens that are worth ending */
    r = world_rec(&w, EVE, ELO_REC_TOKEN_REVOCATION,
                  (elo_rec_body_t){ .agent = agent(EVE), .version = 2 });
    assert_false(elo_ctl_ends_own(w.s, &r));
    r = world_rec(&w, BOB, ELO_REC_TOKEN_REVOCATION, of_bob);
    assert_true(elo_ctl_ends_own(w.s, &r));
    r.body = (elo_rec_body_t){ .agent = agent(BOB), .kid = ELO_SLICE("k") };
    assert_false(elo_ctl_ends_own(w.s, &r));
}


/* What changes nothing about an agent doesn't make the decisions about him be asked for
   again: another's word can't keep them from being kept. */
static void
test_untouched(void **state)
{
    elo_rec_body_t to_content = { .agent = agent(BOB),
                                  .has_content = true,
                                  .content = ELO_SLICE("film") };
    elo_rec_body_t bytes = { .ref = digest(500), .agent = agent(BOB) };
    elo_rec_body_t e = { .agent = agent(ADA),
                         .text = ELO_SLICE("fire"),
                         .until = w.now + 9 };
    elo_rec_body_t again = relate(BOB, ELO_REL_FAMILY);
    const struct {
        elo_rec_kind_t kind;
        elo_rec_body_t body;
        bool is_felt; /* the first, and its end when there is one more */
        bool at_end;
    } rows[] = {
        { ELO_REC_RELATIONSHIP, relate(BOB, ELO_REL_FAMILY), true, false },
        { ELO_REC_INVITATION, to_content, true, false },
        { ELO_REC_PROMOTION, bytes, true, false },
        { ELO_REC_GRANT, grant(BOB, ELO_GRANT_READ, 3, NULL), true, true },
        { ELO_REC_GRANT, grant(BOB, ELO_GRANT_HOLD, 3, NULL), false, false },
        { ELO_REC_GRANT, grant(BOB, ELO_GRANT_EMERGENCY, 3, NULL), false,
          false },
    };

    (void) state;
    for (size_t i = 0; i < ELO_COUNT(rows); i++) {
        elo_digest_t first;

        ok(ADA, rows[i].kind, rows[i].body);
        first = last;
        assert_int_equal(w.is_touched[BOB], rows[i].is_felt);
        ok(ADA, rows[i].kind, rows[i].body);
        assert_false(w.is_touched[BOB]);
        ok(ADA, ELO_REC_REVOCATION, named(last));
        assert_int_equal(w.is_touched[BOB], rows[i].at_end);
        ok(ADA, ELO_REC_REVOCATION, named(first));
        assert_int_equal(w.is_touched[BOB], rows[i].is_felt);
    }
    /* what is past when it is said, and what outlives another */
    again.until = w.now;
    elo_ctl_state_expire(w.s, w.now, world_touched, &w);
    ok(ADA, ELO_REC_RELATIONSHIP, again);
    assert_false(w.is_touched[BOB]);
    again.until = w.now + 5;
    ok(ADA, ELO_REC_RELATIONSHIP, again);
    assert_true(w.is_touched[BOB]);
    again.until = w.now + 9;
    ok(ADA, ELO_REC_RELATIONSHIP, again);
    assert_false(w.is_touched[BOB]);
    w.now += 5;
    elo_ctl_state_expire(w.s, w.now, world_touched, &w);
    assert_true(w.is_touched[BOB]);
    /* an admission of who is admitted; and a second escalation */
    ok(OWNER, ELO_REC_ADMISSION, admit(BOB, 1, 0));
    assert_true(w.is_touched[BOB]);
    ok(OWNER, ELO_REC_ADMISSION, admit(BOB, 1, w.now + 50));
    assert_false(w.is_touched[BOB]);
    ok(OWNER, ELO_REC_RELATIONSHIP, relate(CID, 1));
    ok(OWNER, ELO_REC_REVOCATION, named(last));
    assert_true(w.is_touched[CID]);
    assert_false(w.is_touched[BOB]);
    ok(ADA, ELO_REC_GRANT, grant(BOB, ELO_GRANT_EMERGENCY, 3, NULL));
    e.ref = last;
    ok(BOB, ELO_REC_ESCALATION, e);
    assert_true(w.is_touched[BOB]);
    ok(BOB, ELO_REC_ESCALATION, e);
    assert_false(w.is_touched[BOB]);
}


/* At each allocation of each kind: nothing has changed, and then it is taken. */
static void
test_no_memory(void **state)
{
    elo_rec_body_t e = { .agent = agent(ADA),
                         .text = ELO_SLICE("fire"),
                         .until = w.now + 9,
                         .ref = digest(3) };
    const struct {
        unsigned who;
        elo_rec_kind_t kind;
        elo_rec_body_t body;
    } all[] = {
        { OWNER, ELO_REC_ADMISSION, admit(ADA, 2, w.now + 50) },
        { ADA, ELO_REC_RELATIONSHIP, relate(BOB, 1) },
        { ADA, ELO_REC_GRANT, grant(CID, ELO_GRANT_EMERGENCY, 1, "c") },
        { CID, ELO_REC_ESCALATION, e },
        { ADA, ELO_REC_INVITATION, invite(1, 0) },
        { DEE, ELO_REC_ACCEPTANCE, accept(digest(5)) },
        { EVE, ELO_REC_PROMOTION, { .ref = digest(500), .agent = agent(BOB) } },
        { OWNER, ELO_REC_REVOCATION, named(digest(1)) },
    };
    unsigned n_failed = 0;

    (void) state;
    for (size_t i = 0; i < ELO_COUNT(all); i++) {
        elo_rec_t r = world_rec(&w, all[i].who, all[i].kind, all[i].body);
        uint64_t n = elo_ctl_state_count(w.s), seq;
        elo_digest_t head;
        elo_err_t rc;

        assert_int_equal(elo_ctl_state_check(w.s, &r, w.now, NULL), ELO_OK);
        for (unsigned at = 1;; at++) {
            memset(w.is_touched, 0, sizeof(w.is_touched));
            no_memory_at = at;
            rc = elo_ctl_state_apply(w.s, &r, world_touched, &w);
            if (no_memory_at > 0) {
                break; /* it needed no more */
            }
            n_failed++;
            assert_int_equal(rc, ELO_ENOMEM);
            assert_int_equal(elo_ctl_state_count(w.s), n);
            assert_int_equal(elo_ctl_head(w.s, &r.author, &seq, &head),
                             r.seq > 0);
            for (unsigned k = 0; k < WORLD_AGENTS; k++) {
                assert_false(w.is_touched[k]);
            }
            assert_int_equal(elo_ctl_state_check(w.s, &r, w.now, NULL), ELO_OK);
        }
        no_memory_at = 0;
        assert_int_equal(rc, ELO_OK);
    }
    assert_true(n_failed > ELO_COUNT(all));
    assert_int_equal(world_of(&w, DEE), ELO_FACT_PROVED);
}


int
main(void)
{
#define CASE(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)
    const struct CMUnitTest tests[] = {
        CASE(test_owner),
        CASE(test_admission),
        CASE(test_relationship),
        CASE(test_invitation),
        CASE(test_invitation_to_content),
        CASE(test_grants_and_escalations),
        CASE(test_promotion),
        CASE(test_revocation),
        CASE(test_cycle),
        CASE(test_leaving),
        CASE(test_chain),
        CASE(test_to_the_second),
        CASE(test_late_clock),
        CASE(test_clock_ahead),
        CASE(test_room),
        CASE(test_same),
        CASE(test_share),
        CASE(test_share_of_bytes),
        CASE(test_pace),
        CASE(test_ends_own),
        CASE(test_untouched),
        CASE(test_no_memory),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
