/* SPDX-License-Identifier: BSD-2-Clause */
/* ctl: records on their way in, what they lead to, and the same again after a start.
   One file, though long: each test is such a way, in one store. */
#include "ctl_dir.c"

#include "backend/kv/kv_care.h"

#define KNOWN    (ELO_FACT_PROVED | ELO_FACT_ADMITTED)
#define ADMIN    (KNOWN | ELO_FACT_ADMIN)
#define STRANGER ELO_FACT_PROVED


/* ---- one after the other ---- */

static void
test_taken(void **state)
{
    plane_t *p = *state;
    person_t owner = owner_of(p), ada = person(1), eve = person(2);
    elo_digest_t id;
    told_t t;

    assert_int_equal(facts_of(p, &owner), ADMIN);
    assert_int_equal(facts_of(p, &ada), STRANGER);
    id = must_tell(p, &owner, admission(&ada, ELO_LEVEL_AUTHENTICATED, 0));
    assert_int_equal(facts_of(p, &ada), KNOWN);
    must_tell(p, &ada, relation(&eve, ELO_REL_FAMILY));
    assert_int_equal(facts_of(p, &eve), KNOWN);

    t = tell(p, &ada, admission(&eve, ELO_LEVEL_ADMIN, 0));
    assert_int_equal(t.err, ELO_EDENIED);
    assert_string_not_equal(t.why, "");
    assert_int_equal(t.number, 0);

    must_tell(p, &owner, revocation(&id));
    assert_int_equal(facts_of(p, &ada), STRANGER);
    assert_int_equal(facts_of(p, &eve), STRANGER);
    assert_int_equal(elo_store_journal_last(p->dir.s, ELO_JOURNAL_RECORD), 3);
}


static void
test_again(void **state)
{
    plane_t *p = *state;
    person_t owner = owner_of(p), ada = person(1), bob = person(2);
    bytes_t one, two;
    told_t t, u = { .n = 0 }, v = { .n = 0 };

    sign_next(&owner, admission(&ada, ELO_LEVEL_ADMIN, 0), START, &one);
    sign_next(&owner, admission(&bob, ELO_LEVEL_ADMIN, 0), START, &two);
    assert_int_equal(publish(p, slice_of(&one)).number, 1);
    assert_int_equal(publish(p, slice_of(&two)).number, 2);
    for (unsigned i = 0; i < 3; i++) { /* also after a start */
        t = publish(p, slice_of(&one));
        assert_int_equal(t.err, ELO_OK);
        assert_int_equal(t.number, 1);
        assert_memory_equal(t.id.b, one.id.b, sizeof(one.id.b));
        assert_int_equal(elo_store_journal_last(p->dir.s, ELO_JOURNAL_RECORD),
                         2);
        plane_reopen(p);
    }
    /* twice at once, and once more while it is being written */
    sign_next(&owner, relation(&bob, ELO_REL_COMMUNITY), START, &one);
    elo_ctl_publish(p->c, slice_of(&one), on_told, &t);
    elo_ctl_publish(p->c, slice_of(&one), on_told, &u);
    elo_ctl_publish(p->c, slice_of(&one), on_told, &v);
    elo_loop_run(p->loop);
    assert_int_equal(t.n, 2);
    assert_int_equal(u.n, 1);
    assert_int_equal(v.n, 1);
    assert_true(t.err == ELO_OK && u.err == ELO_OK && v.err == ELO_OK);
    assert_true(t.number == 3 && u.number == 3 && v.number == 3);
    assert_int_equal(elo_store_journal_last(p->dir.s, ELO_JOURNAL_RECORD), 3);
}


static void
test_refused(void **state)
{
    static const uint8_t zeros[ELO_RECORD_MAX + 1];
    plane_t *p = *state;
    person_t owner = owner_of(p), ada = person(1), bob = person(2), fork;
    bytes_t b, other;

    assert_int_equal(publish(p, elo_slice(NULL, 0)).err, ELO_EINVAL);
    assert_int_equal(publish(p, elo_slice(zeros, 1)).err, ELO_EINVAL);
    assert_int_equal(publish(p, elo_slice(zeros, sizeof(zeros))).err,
                     ELO_ETOOBIG);
    sign_next(&owner, admission(&ada, ELO_LEVEL_ADMIN, 0), START, &b);
    b.b[b.len - 1] ^= 1;
    assert_int_equal(publish(p, slice_of(&b)).err, ELO_ECORRUPT);
    b.b[b.len - 1] ^= 1;

    fork = owner; /* both follow on what isn't there yet */
    sign_next(&fork, admission(&bob, ELO_LEVEL_ADMIN, 0), START, &other);
    assert_int_equal(publish(p, slice_of(&other)).err, ELO_EPRECOND);
    assert_int_equal(publish(p, slice_of(&b)).err, ELO_OK);
    assert_int_equal(publish(p, slice_of(&other)).err, ELO_OK);

    /* a fork: another with that seq, and one that names another prev */
    fork = owner;
    sign_next(&fork, relation(&ada, ELO_REL_FAMILY), START, &other);
    assert_int_equal(publish(p, slice_of(&other)).err, ELO_EPRECOND);
    fork.seq = 2;
    sign_next(&fork, relation(&ada, ELO_REL_FAMILY), START, &other);
    assert_int_equal(publish(p, slice_of(&other)).err, ELO_EPRECOND);

    /* of the future, which isn't the chain's fault */
    fork = owner_of(p);
    sign_next(&fork, relation(&ada, ELO_REL_FAMILY),
              START + ELO_RECORD_SKEW_S + 1, &other);
    assert_int_equal(publish(p, slice_of(&other)).err, ELO_EINVAL);
    assert_int_equal(elo_store_journal_last(p->dir.s, ELO_JOURNAL_RECORD), 2);
}


/* ---- many at once ---- */

#define AUTHORS 24
#define EACH    20

typedef struct {
    person_t who[AUTHORS];
    bytes_t rec[AUTHORS][EACH];
    told_t told[AUTHORS][EACH];
    uint64_t seq[AUTHORS]; /* the next that a query is to show */
    unsigned n_shown;
} crowd_t;


static bool
in_order(void *ctx, uint64_t number, const elo_rec_t *r, elo_slice_t bytes)
{
    crowd_t *w = ctx;
    unsigned a = 0;

    while (a < AUTHORS && !elo_agent_eq(&w->who[a].id, &r->author)) {
        a++;
    }
    if (a < AUTHORS) {
        const bytes_t *b = &w->rec[a][r->seq];

        assert_int_equal(r->seq, w->seq[a]++);
        assert_true(elo_slice_eq(bytes, slice_of(b)));
        assert_int_equal(number, w->told[a][r->seq].number);
        assert_int_equal(r->kind, ELO_REC_RELATIONSHIP);
    }
    w->n_shown++;
    return true;
}


/* All are there before the first is judged: each chain in its order, whatever comes
   between. */
static void
test_many(void **state)
{
    plane_t *p = *state;
    crowd_t *w = calloc(1, sizeof(*w));
    bool seen[AUTHORS * EACH + 2] = { false };
    elo_kv_stats_t before, after;
    uint64_t next;

    for (unsigned a = 0; a < AUTHORS; a++) {
        w->who[a] = person((uint8_t) (a + 1));
    }
    for (unsigned i = 0; i < EACH; i++) {
        for (unsigned a = 0; a < AUTHORS; a++) {
            person_t to = person((uint8_t) ((a + i) % AUTHORS + 2));

            sign_next(&w->who[a], relation(&to, ELO_REL_FAMILY), START,
                      &w->rec[a][i]);
            elo_ctl_publish(p->c, slice_of(&w->rec[a][i]), on_told,
                            &w->told[a][i]);
        }
    }
    elo_kv_stats(elo_store_kv(p->dir.s), &before);
    elo_loop_run(p->loop);
    elo_kv_stats(elo_store_kv(p->dir.s), &after);
    /* those that nobody ahead names wait for the disk together */
    assert_in_range(after.batches - before.batches, EACH, AUTHORS * EACH / 4);
    for (unsigned i = 0; i < EACH; i++) {
        for (unsigned a = 0; a < AUTHORS; a++) {
            const told_t *t = &w->told[a][i];

            assert_int_equal(t->n, 1);
            if (t->err != ELO_OK) {
                fail_msg("%u of %u: %s", i, a, t->why);
            }
            assert_true(t->number >= 1
                        && t->number <= (uint64_t) AUTHORS * EACH);
            assert_false(seen[t->number]);
            seen[t->number] = true;
        }
    }
    assert_int_equal(
        elo_ctl_query(p->c, NULL, 0, 0, 100000, in_order, w, &next), ELO_OK);
    assert_int_equal(next, 0);
    assert_int_equal(w->n_shown, AUTHORS * EACH);
    free(w);
}


/* Each hangs on the one before, by another's word: one wrong order, and it is
   refused. */
static void
test_many_that_depend(void **state)
{
    plane_t *p = *state;
    person_t by = owner_of(p), next;
    told_t told[30] = { { .n = 0 } };
    bytes_t b;

    for (unsigned i = 0; i < ELO_COUNT(told); i++) {
        next = person((uint8_t) (i + 1));
        sign_next(&by, admission(&next, ELO_LEVEL_ADMIN, 0), START, &b);
        elo_ctl_publish(p->c, slice_of(&b), on_told, &told[i]);
        by = next;
    }
    elo_loop_run(p->loop);
    for (unsigned i = 0; i < ELO_COUNT(told); i++) {
        assert_int_equal(told[i].err, ELO_OK);
        assert_int_equal(told[i].number, i + 1);
    }
    assert_int_equal(facts_of(p, &by), ADMIN);
}


/* A revocation ahead is judged before what it shuts out. */
static void
test_shut_out_at_once(void **state)
{
    plane_t *p = *state;
    person_t owner = owner_of(p), ada = person(1), bob = person(2);
    told_t t[3] = { { .n = 0 } };
    elo_digest_t id;
    bytes_t b;

    id = must_tell(p, &owner, admission(&ada, ELO_LEVEL_AUTHENTICATED, 0));
    sign_next(&bob, relation(&ada, ELO_REL_FAMILY), START, &b);
    elo_ctl_publish(p->c, slice_of(&b), on_told, &t[0]);
    sign_next(&owner, revocation(&id), START, &b);
    elo_ctl_publish(p->c, slice_of(&b), on_told, &t[1]);
    sign_next(&ada, relation(&bob, ELO_REL_FAMILY), START, &b);
    elo_ctl_publish(p->c, slice_of(&b), on_told, &t[2]);
    elo_loop_run(p->loop);
    assert_int_equal(t[0].err, ELO_OK);
    assert_int_equal(t[1].err, ELO_OK);
    assert_int_equal(t[2].err, ELO_EDENIED);
}


static void
count_busy(void *ctx, elo_err_t err, const char *why, const elo_digest_t *id,
           uint64_t number)
{
    (void) why;
    (void) id;
    (void) number;
    assert_int_equal(err, ELO_EINVAL);
    ++*(unsigned *) ctx;
}


static void
test_too_many(void **state)
{
    plane_t *p = *state;
    person_t owner = owner_of(p), ada = person(1);
    elo_rec_t r = relation(&ada, ELO_REL_FAMILY);
    told_t t = { .n = 0 }, u = { .n = 0 };
    unsigned n = 0;
    bytes_t b;

    for (unsigned i = 0; i < 4096; i++) {
        elo_ctl_publish(p->c, ELO_SLICE("none"), count_busy, &n);
    }
    sign_next(&owner, admission(&ada, ELO_LEVEL_ADMIN, 0), START, &b);
    elo_ctl_publish(p->c, slice_of(&b), on_told, &t);
    elo_ctl_say(p->c, &r, on_told, &u);
    assert_int_equal(n + t.n + u.n, 0);
    elo_loop_run(p->loop);
    assert_int_equal(n, 4096);
    assert_int_equal(t.n, 1);
    assert_int_equal(t.err, ELO_EBUSY);
    assert_int_equal(u.n, 1);
    assert_int_equal(u.err, ELO_EBUSY);
    assert_int_equal(publish(p, slice_of(&b)).err, ELO_OK); /* there is room */
}


/* One author's records too fast: 429; what is refused or known already doesn't count, and
   others are as free as before. */
static void
test_rate(void **state)
{
    plane_t *p = *state;
    person_t owner = owner_of(p), ada = person(1), bob = person(2);
    bytes_t first, b;
    told_t t;

    must_tell(p, &owner, admission(&ada, ELO_LEVEL_AUTHENTICATED, 0));
    must_tell(p, &owner, admission(&bob, ELO_LEVEL_AUTHENTICATED, 0));
    p->cfg.bounds.per_s = 1;
    plane_reopen(p);
    sign_next(&ada, relation(&bob, ELO_REL_FAMILY), START, &first);
    assert_int_equal(publish(p, slice_of(&first)).err, ELO_OK);
    for (unsigned i = 0; i < 20; i++) {
        assert_int_equal(publish(p, slice_of(&first)).err, ELO_OK);
        t = tell(p, &ada, admission(&bob, ELO_LEVEL_ADMIN, 0));
        assert_int_equal(t.err, ELO_EDENIED);
    }
    for (unsigned i = 1; i < ELO_CTL_BURST_S; i++) {
        must_tell(p, &ada, relation(&bob, ELO_REL_FAMILY));
    }
    t = tell(p, &ada, relation(&bob, ELO_REL_FAMILY));
    assert_int_equal(t.err, ELO_ERATE);
    assert_string_not_equal(t.why, "");
    sign_next(&bob, relation(&ada, ELO_REL_FAMILY), START, &b);
    assert_int_equal(publish(p, slice_of(&b)).err, ELO_OK);
    for (unsigned i = 0; i < 30; i++) {
        must_tell(p, &owner, relation(&bob, ELO_REL_FAMILY));
    }
    atomic_fetch_add(&p->now, 1);
    must_tell(p, &ada, relation(&bob, ELO_REL_FAMILY));
    assert_int_equal(tell(p, &ada, relation(&bob, ELO_REL_FAMILY)).err,
                     ELO_ERATE);
}


/* After a start an author has used up as much as before. */
static void
test_share_after_start(void **state)
{
    plane_t *p = *state;
    person_t owner = owner_of(p), ada = person(1), bob = person(2);

    must_tell(p, &owner, admission(&ada, ELO_LEVEL_AUTHENTICATED, 0));
    must_tell(p, &ada, relation(&bob, ELO_REL_FAMILY));
    p->cfg.bounds.records = 2;
    p->cfg.bounds.bytes = 600;
    plane_reopen(p);
    must_tell(p, &ada, relation(&bob, ELO_REL_FAMILY));
    assert_int_equal(tell(p, &ada, relation(&bob, ELO_REL_FAMILY)).err,
                     ELO_EQUOTA);
    plane_reopen(p);
    assert_int_equal(tell(p, &ada, relation(&bob, ELO_REL_FAMILY)).err,
                     ELO_EQUOTA);
    p->cfg.bounds.records = 0;
    plane_reopen(p);
    must_tell(p, &ada, relation(&bob, ELO_REL_FAMILY)); /* of 190 bytes each */
    must_tell(p, &ada, relation(&bob, ELO_REL_FAMILY));
    plane_reopen(p);
    assert_int_equal(tell(p, &ada, relation(&bob, ELO_REL_FAMILY)).err,
                     ELO_EQUOTA);
}


/* ---- what the disk doesn't take ---- */

static void
test_readonly(void **state)
{
    plane_t *p = *state;
    person_t owner = owner_of(p), ada = person(1);
    uint64_t slot = slot_of(p, &ada.id), seq;
    elo_digest_t last;

    elo_kv_set_readonly(elo_store_kv(p->dir.s));
    assert_int_equal(tell(p, &owner, admission(&ada, ELO_LEVEL_ADMIN, 0)).err,
                     ELO_EREADONLY);
    assert_int_equal(facts_of(p, &ada), STRANGER);
    assert_int_equal(slot_of(p, &ada.id), slot);
    assert_false(elo_ctl_head(elo_ctl_state(p->c), &owner.id, &seq, &last));
    plane_reopen(p);
    must_tell(p, &owner, admission(&ada, ELO_LEVEL_ADMIN, 0));
    assert_int_equal(facts_of(p, &ada), ADMIN);
}


/* ---- who is told ---- */

typedef struct {
    elo_ctl_sub_t sub;
    plane_t *p;
    const person_t *ada, *bob;
    uint64_t ada_slot, bob_slot;
    unsigned n;
    elo_rec_kind_t kind;
    bool ends;
} witness_t;


/* It is durable, the state has it, and the slots say so. */
static void
on_taken(void *ctx, uint64_t number, const elo_rec_t *r)
{
    witness_t *w = ctx;

    w->n++;
    w->kind = r->kind;
    assert_int_equal(elo_store_journal_last(w->p->dir.s, ELO_JOURNAL_RECORD),
                     number);
    assert_int_equal(facts_of(w->p, w->ada), KNOWN);
    assert_true(slot_of(w->p, &w->ada->id) > w->ada_slot);
    assert_int_equal(slot_of(w->p, &w->bob->id), w->bob_slot);
    if (w->ends) {
        elo_ctl_unsubscribe(w->p->c, &w->sub);
    }
}


static void
test_subscribe(void **state)
{
    plane_t *p = *state;
    person_t owner = owner_of(p), ada = person(1), bob = person(2);
    witness_t w = { .p = p, .ada = &ada, .bob = &bob }, once;
    told_t t = { .n = 0 };
    bytes_t b;

    w.sub = (elo_ctl_sub_t){ .fn = on_taken, .ctx = &w };
    w.ada_slot = slot_of(p, &ada.id);
    w.bob_slot = slot_of(p, &bob.id);
    once = w;
    once.ends = true;
    once.sub.ctx = &once;
    elo_ctl_subscribe(p->c, &w.sub);
    elo_ctl_subscribe(p->c, &once.sub);
    sign_next(&owner, admission(&ada, ELO_LEVEL_AUTHENTICATED, 0), START, &b);
    elo_ctl_publish(p->c, slice_of(&b), on_told, &t);
    assert_int_equal(slot_of(p, &ada.id), w.ada_slot); /* not yet */
    elo_loop_run(p->loop);
    assert_int_equal(t.err, ELO_OK);
    assert_int_equal(w.n, 1);
    assert_int_equal(once.n, 1);
    assert_int_equal(w.kind, ELO_REC_ADMISSION);

    assert_int_equal(publish(p, slice_of(&b)).err, ELO_OK); /* known */
    assert_int_equal(w.n, 1);
    must_tell(p, &owner, relation(&ada, ELO_REL_EXTENDED));
    assert_int_equal(w.n, 2);
    assert_int_equal(once.n, 1);
    elo_ctl_unsubscribe(p->c, &w.sub);
    elo_ctl_unsubscribe(p->c, &w.sub);
    must_tell(p, &owner, relation(&bob, ELO_REL_EXTENDED));
    assert_int_equal(w.n, 2);
}


typedef struct {
    plane_t *p;
    elo_timer_t *tick;
    const elo_agent_t *who;
    uint64_t slot;
} wait_t;


static void
on_tick(void *ctx)
{
    wait_t *w = ctx;

    if (slot_of(w->p, w->who) != w->slot) {
        elo_timer_free(&w->tick);
        elo_loop_unhold(w->p->loop);
    }
}


/* Nobody says anything: time does. */
static void
test_expiry(void **state)
{
    plane_t *p = *state;
    person_t owner = owner_of(p), ada = person(1), bob = person(2);
    wait_t w = { .p = p, .who = &ada.id };
    uint64_t bob_slot;

    must_tell(p, &owner, admission(&bob, ELO_LEVEL_AUTHENTICATED, START + 900));
    must_tell(p, &owner, admission(&ada, ELO_LEVEL_AUTHENTICATED, START + 1));
    assert_int_equal(elo_ctl_until(p->c), START + 1);
    assert_int_equal(facts_of(p, &ada), KNOWN);
    w.slot = slot_of(p, &ada.id);
    bob_slot = slot_of(p, &bob.id);
    atomic_store(&p->now, START + 1);
    assert_int_equal(facts_of(p, &ada), STRANGER); /* whoever asks is told */
    elo_loop_hold(p->loop);
    assert_int_equal(elo_timer_create(p->loop, 5, 5, on_tick, &w, &w.tick),
                     ELO_OK);
    elo_loop_run(p->loop);
    assert_int_equal(slot_of(p, &bob.id), bob_slot);
    assert_int_equal(facts_of(p, &bob), KNOWN);
    assert_int_equal(elo_ctl_until(p->c), START + 900);
    plane_reopen(p);
    assert_int_equal(facts_of(p, &ada), STRANGER);
    assert_int_equal(elo_ctl_until(p->c), START + 900);
}


/* ---- the owner's word ---- */

static void
test_say(void **state)
{
    plane_t *p = *state;
    person_t owner = owner_of(p), ada = person(1), bob = person(2);
    char label[] = "a label of the caller's";
    elo_rec_t r = admission(&ada, ELO_LEVEL_ADMIN, 0);
    told_t t[4] = { { .n = 0 } };
    bytes_t b;

    r.body.text = elo_slice_str(label);
    elo_ctl_say(p->c, &r, on_told, &t[0]);
    memset(label, 'x', sizeof(label) - 1); /* it was copied */
    r = relation(&bob, ELO_REL_FAMILY);
    elo_ctl_say(p->c, &r, on_told, &t[1]);
    r = relation(&owner, ELO_REL_FAMILY); /* to oneself */
    elo_ctl_say(p->c, &r, on_told, &t[2]);
    r = revocation(&(elo_digest_t){ { 9 } });
    elo_ctl_say(p->c, &r, on_told, &t[3]);
    elo_loop_run(p->loop);
    assert_int_equal(t[0].err, ELO_OK);
    assert_int_equal(t[1].err, ELO_OK);
    assert_int_equal(t[2].err, ELO_EINVAL);
    assert_int_equal(t[3].err, ELO_EINVAL);
    assert_int_equal(t[0].number, 1);
    assert_int_equal(t[1].number, 2);
    assert_int_equal(facts_of(p, &ada), ADMIN);
    assert_int_equal(facts_of(p, &bob), KNOWN);

    owner = owner_of(p); /* and by hand, on what was said */
    assert_int_equal(owner.seq, 2);
    must_tell(p, &owner, relation(&ada, ELO_REL_FAMILY));
    atomic_store(&p->now, START - 50); /* the clock goes back; time doesn't */
    r = relation(&ada, ELO_REL_EXTENDED);
    elo_ctl_say(p->c, &r, on_told, &t[0]);
    elo_loop_run(p->loop);
    assert_int_equal(t[0].err, ELO_OK);
    plane_reopen(p); /* nor after a start */
    elo_ctl_say(p->c, &r, on_told, &t[0]);
    elo_loop_run(p->loop);
    assert_int_equal(t[0].err, ELO_OK);
    assert_int_equal(t[0].number, 5);

    r = (elo_rec_t){ .kind = (elo_rec_kind_t) 99 };
    elo_ctl_say(p->c, &r, on_told, &t[0]);
    elo_loop_run(p->loop);
    assert_int_equal(t[0].err, ELO_EINVAL);
    owner = owner_of(p);
    sign_next(&owner, relation(&bob, ELO_REL_EXTENDED), START, &b);
    assert_int_equal(publish(p, slice_of(&b)).number, 6);
}


/* ---- a journal that doesn't hold ---- */

static void
test_damaged_journal(void **state)
{
    plane_t *p = *state;
    person_t owner = owner_of(p), ada = person(1), fork;
    elo_ctl_t *c = NULL;
    bytes_t good, bad[3];

    sign_next(&owner, admission(&ada, ELO_LEVEL_ADMIN, 0), START, &good);
    bad[0] = good; /* the same again: no chain has it twice */
    fork = owner;
    fork.seq += 1;
    sign_next(&fork, relation(&ada, ELO_REL_FAMILY), START, &bad[1]); /* gap */
    sign_next(&owner, relation(&ada, ELO_REL_FAMILY), START, &bad[2]);
    bad[2].b[bad[2].len - 1] ^= 1;

    for (size_t i = 0; i < ELO_COUNT(bad); i++) {
        elo_store_t *s;

        plane_close(p);
        dir_end(&p->dir);
        dir_make_root(&p->dir);
        dir_keyring(&p->dir);
        dir_open(&p->dir);
        s = p->dir.s;
        assert_int_equal(elo_store_journal_append(s, ELO_JOURNAL_RECORD,
                                                  slice_of(&good), NULL),
                         ELO_OK);
        assert_int_equal(elo_loop_create(&p->loop), ELO_OK);
        p->cfg.loop = p->loop;
        p->cfg.store = s;
        p->cfg.keyring = p->dir.keyring;
        assert_int_equal(elo_ctl_open(&p->cfg, &p->c), ELO_OK);
        elo_ctl_close(&p->c);
        assert_int_equal(elo_store_journal_append(s, ELO_JOURNAL_RECORD,
                                                  slice_of(&bad[i]), NULL),
                         ELO_OK);
        assert_int_equal(elo_ctl_open(&p->cfg, &c), ELO_ECORRUPT);
        assert_null(c);
    }
    assert_int_equal(elo_ctl_open(&p->cfg, &c), ELO_ECORRUPT);
}


/* ---- after a start, all is as it was ---- */

#define PEOPLE 12

typedef struct {
    uint32_t of[PEOPLE];
    uint32_t towards[PEOPLE][PEOPLE];
    uint64_t seq[PEOPLE];
    uint64_t n_live;
} picture_t;


static void
picture(const plane_t *p, const person_t *who, picture_t *out)
{
    const elo_ctl_state_t *s = elo_ctl_state(p->c);
    elo_digest_t last;

    memset(out, 0, sizeof(*out));
    for (unsigned i = 0; i < PEOPLE; i++) {
        out->of[i] = facts_of(p, &who[i]);
        (void) elo_ctl_head(s, &who[i].id, &out->seq[i], &last);
        for (unsigned k = 0; k < PEOPLE; k++) {
            out->towards[i][k] = elo_ctl_facts_towards(
                s, &who[i].id, &who[k].id, ELO_SLICE("a-thing"),
                ELO_REACH_LOCAL, atomic_load(&p->now), NULL);
        }
    }
    out->n_live = elo_ctl_state_count(s);
}


static elo_rec_t
anything(uint32_t dice, const person_t *who, const elo_digest_t *ids,
         unsigned n_ids)
{
    const person_t *to = &who[(dice >> 8) % PEOPLE];
    int64_t until =
        (dice >> 16) % 3 == 0 ? START + 100 + (dice >> 18) % 900 : 0;
    elo_rec_t r = { 0 };

    switch (dice % 6) {
    case 0:
    case 1:
        return admission(to, (dice >> 6) % 2 + ELO_LEVEL_AUTHENTICATED, until);
    case 2:
    case 3:
        r = relation(to, ELO_REL_HOUSEHOLD + (dice >> 6) % 4);
        r.body.until = until;
        return r;
    case 4:
        r.kind = ELO_REC_GRANT;
        r.body = (elo_rec_body_t){ .agent = to->id,
                                   .sort = ELO_GRANT_READ,
                                   .reaches = 1u << ELO_REACH_LOCAL,
                                   .until = until };
        return r;
    default:
        return revocation(n_ids == 0 ? &(elo_digest_t){ { 1 } }
                                     : &ids[(dice >> 8) % n_ids]);
    }
}


static void
test_replay(void **state)
{
    plane_t *p = *state;
    person_t who[PEOPLE];
    elo_digest_t ids[600];
    picture_t before, after;
    uint32_t seed = 20261121;
    unsigned n = 0;

    who[0] = owner_of(p);
    for (uint8_t i = 1; i < PEOPLE; i++) {
        who[i] = person(i);
    }
    for (unsigned i = 0; i < ELO_COUNT(ids); i++) {
        uint32_t by;
        told_t t;

        seed = seed * 1664525u + 1013904223u;
        by = (seed >> 20) % PEOPLE;
        seed = seed * 1664525u + 1013904223u;
        by = seed >> 31 ? 0 : by; /* so that something comes of it */
        t = tell(p, &who[by], anything(seed >> 3, who, ids, n));
        if (t.err == ELO_OK) {
            ids[n++] = t.id;
            atomic_fetch_add(&p->now, 1);
        }
        if (i % 100 == 99) {
            picture(p, who, &before);
            plane_reopen(p);
            picture(p, who, &after);
            assert_memory_equal(&before, &after, sizeof(before));
        }
    }
    assert_true(n > ELO_COUNT(ids) / 4);
    assert_true(n < ELO_COUNT(ids));
}


/* ---- the rest ---- */

static void
test_config(void **state)
{
    static const uint8_t secret[ELO_CTL_SECRET_MAX + 1] = { 1 };
    static char name[ELO_TOKEN_ISS_MAX + 2];
    plane_t *p = *state;
    elo_ctl_cfg_t cfg;
    elo_ctl_t *c = NULL;

    memset(name, 'n', sizeof(name) - 1);
    assert_memory_equal(elo_ctl_iss(p->c).p, "did:key:z6Mk", 12);
    assert_true(elo_slice_eq(elo_ctl_iss(p->c), elo_ctl_aud(p->c)));
    assert_int_equal(elo_ctl_max_life_s(p->c), 3600);
    cfg = p->cfg;
    cfg.iss = elo_slice_str(name);
    assert_int_equal(elo_ctl_open(&cfg, &c), ELO_EINVAL);
    cfg = p->cfg;
    cfg.token_life_s = -1;
    assert_int_equal(elo_ctl_open(&cfg, &c), ELO_EINVAL);
    cfg = p->cfg;
    cfg.hs256_secret = elo_slice(secret, ELO_CTL_SECRET_MIN - 1);
    assert_int_equal(elo_ctl_open(&cfg, &c), ELO_EINVAL);
    cfg.hs256_secret = elo_slice(secret, sizeof(secret));
    assert_int_equal(elo_ctl_open(&cfg, &c), ELO_EINVAL);
    cfg = p->cfg;
    cfg.iss = elo_slice(name, ELO_TOKEN_ISS_MAX);
    cfg.aud = ELO_SLICE("everybody");
    cfg.hs256_secret = elo_slice(secret, ELO_CTL_SECRET_MAX);
    assert_int_equal(elo_ctl_open(&cfg, &c), ELO_OK);
    assert_int_equal(elo_ctl_iss(c).len, ELO_TOKEN_ISS_MAX);
    assert_true(elo_slice_eq(elo_ctl_aud(c), ELO_SLICE("everybody")));
    elo_ctl_close(&c);
    elo_ctl_close(&c);
}


int
main(void)
{
#define T(name)                                                                \
    cmocka_unit_test_setup_teardown(name, plane_setup, plane_teardown)
    const struct CMUnitTest tests[] = {
        T(test_taken),
        T(test_again),
        T(test_refused),
        T(test_many),
        T(test_many_that_depend),
        T(test_shut_out_at_once),
        T(test_too_many),
        T(test_rate),
        T(test_share_after_start),
        T(test_readonly),
        T(test_subscribe),
        T(test_expiry),
        T(test_say),
        T(test_damaged_journal),
        T(test_replay),
        T(test_config),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
