/* SPDX-License-Identifier: BSD-2-Clause */
/* Random sequences of records against a model that keeps all of them in a list and
   computes everything anew from it: the rules, what a revocation ends, the facts;
   and that whoever's facts change is touched, that a replay says the same, and a view
   of each agent, too; and that by these facts the gate lets in nobody to whom no record
   says so, and nobody is out who was in before a content was given a wider reach. One file,
   though long: one model, and one walk that asks it everything. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "backend/ctl/view.h"
#include "common/auth/gate.h"
#include "t/unit/backend/ctl/world.h"

#define N      WORLD_AGENTS
#define STEPS  400
#define ROUNDS 30
#define ALWAYS INT64_MAX

#define GATE_EVERY 8 /* records */

static const char *const contents[] = { "", "c1", "c2" };

typedef struct {
    elo_rec_t r;
    bool is_live;
    uint64_t used;
} row_t;

typedef struct {
    int64_t admin[N], strong[N], weak[N];
} standing_t;

/* facts of each, and towards each about each content and three reaches */
typedef struct {
    uint32_t of[N], towards[N][N][ELO_COUNT(contents)][3];
} facts_t;

static row_t rows[STEPS];
static elo_rec_t taken[STEPS]; /* in order */
static uint32_t n_taken;
static uint32_t n_rows, x;
static int64_t clock_s;
static bool is_out[N];


static uint32_t
rnd(uint32_t n)
{
    x ^= x << 13;
    x ^= x >> 17;
    x ^= x << 5;
    return (x >> 3) % n;
}


static unsigned
no_of(const elo_agent_t *a)
{
    return a->b[1];
}


static int64_t
until_of(const row_t *w)
{
    return w->r.body.until == 0 ? ALWAYS : w->r.body.until;
}


static bool
is_node_invitation(const row_t *w)
{
    return w->r.kind == ELO_REC_INVITATION && !w->r.body.has_content;
}


static row_t *
row_of(const elo_digest_t *id)
{
    for (uint32_t i = 0; i < n_rows; i++) {
        if (rows[i].is_live && memcmp(&rows[i].r.id, id, sizeof(*id)) == 0) {
            return &rows[i];
        }
    }
    return NULL;
}


static bool
up(int64_t *v, int64_t to)
{
    bool is_more = to > *v;

    *v = is_more ? to : *v;
    return is_more;
}


/* From nothing, until nothing more follows. */
static standing_t
standings(void)
{
    standing_t s = { { 0 }, { 0 }, { 0 } };
    bool more = true;

    s.admin[0] = s.strong[0] = s.weak[0] = ALWAYS;
    while (more) {
        more = false;
        for (uint32_t i = 0; i < n_rows; i++) {
            const row_t *w = &rows[i], *inv;
            unsigned by = no_of(&w->r.author), to = no_of(&w->r.body.agent);
            int64_t v;

            if (!w->is_live) {
                continue;
            }
            if (w->r.kind == ELO_REC_ADMISSION) {
                v = ELO_MIN(until_of(w), s.admin[by]);
                more = up(&s.strong[to], v) || more;
                more = (w->r.body.sort == 2 && up(&s.admin[to], v)) || more;
            } else if (w->r.kind == ELO_REC_RELATIONSHIP) {
                more =
                    up(&s.weak[to], ELO_MIN(until_of(w), s.strong[by])) || more;
            } else if (w->r.kind == ELO_REC_ACCEPTANCE
                       && (inv = row_of(&w->r.body.ref)) != NULL)
            {
                v = s.strong[no_of(&inv->r.author)];
                more = up(&s.strong[by], v) || more;
            }
        }
    }
    return s;
}


static void
end_row(row_t *w)
{
    w->is_live = false;
    for (uint32_t i = 0; i < n_rows; i++) {
        if ((rows[i].r.kind == ELO_REC_ACCEPTANCE
             || rows[i].r.kind == ELO_REC_ESCALATION)
            && memcmp(&rows[i].r.body.ref, &w->r.id, sizeof(w->r.id)) == 0)
        {
            rows[i].is_live = false;
        }
    }
}


static void
model_revoke(const elo_rec_t *r)
{
    row_t *t = row_of(&r->body.ref);
    standing_t before = standings(), after;
    unsigned subject;

    assert_non_null(t);
    subject =
        no_of(t->r.kind == ELO_REC_ADMISSION ? &t->r.body.agent : &t->r.author);
    if ((t->r.kind == ELO_REC_ADMISSION || t->r.kind == ELO_REC_ACCEPTANCE)
        && subject != no_of(&r->author) && subject != 0)
    {
        is_out[subject] = true;
    }
    end_row(t);
    after = standings();
    for (uint32_t i = 0; i < n_rows; i++) {
        unsigned by = no_of(&rows[i].r.author);

        if (rows[i].is_live
            && ((rows[i].r.kind == ELO_REC_ADMISSION
                 && before.admin[by] > clock_s && after.admin[by] <= clock_s)
                || (is_node_invitation(&rows[i]) && before.strong[by] > clock_s
                    && after.strong[by] <= clock_s)))
        {
            end_row(&rows[i]);
        }
    }
}


static void
model_apply(const elo_rec_t *r)
{
    row_t *named;

    clock_s = ELO_MAX(clock_s, r->time_ms / 1000 - ELO_RECORD_SKEW_S);
    if (r->kind == ELO_REC_REVOCATION) {
        model_revoke(r);
        return;
    }
    if (r->kind == ELO_REC_ADMISSION) {
        is_out[no_of(&r->body.agent)] = false;
    }
    if (r->kind == ELO_REC_ACCEPTANCE) {
        named = row_of(&r->body.ref);
        assert_non_null(named);
        named->used++;
    }
    if (r->kind == ELO_REC_LIFECYCLE) {
        return; /* isn't kept */
    }
    rows[n_rows++] = (row_t){ .r = *r, .is_live = true };
}


static bool
model_accepts(const elo_rec_t *r, const standing_t *s, int64_t now)
{
    const row_t *inv = row_of(&r->body.ref);

    if (inv == NULL || !is_node_invitation(inv) || until_of(inv) <= now
        || inv->used >= inv->r.body.uses
        || s->strong[no_of(&inv->r.author)] <= now
        || no_of(&inv->r.author) == no_of(&r->author))
    {
        return false;
    }
    for (uint32_t i = 0; i < n_rows; i++) {
        if (rows[i].is_live && rows[i].r.kind == ELO_REC_ACCEPTANCE
            && no_of(&rows[i].r.author) == no_of(&r->author)
            && memcmp(&rows[i].r.body.ref, &r->body.ref, sizeof(elo_digest_t))
                   == 0)
        {
            return false;
        }
    }
    return true;
}


static bool
model_allows(const elo_rec_t *r, int64_t now)
{
    standing_t s = standings();
    unsigned by = no_of(&r->author);
    const row_t *t = row_of(&r->body.ref);

    if (is_out[by] && s.strong[by] <= now && s.weak[by] <= now
        && (r->kind != ELO_REC_REVOCATION || t == NULL
            || no_of(&t->r.author) != by))
    {
        return false; /* but his own he ends */
    }
    switch (r->kind) {
    case ELO_REC_ADMISSION:
        return s.admin[by] > now;
    case ELO_REC_RELATIONSHIP:
        return by != no_of(&r->body.agent);
    case ELO_REC_INVITATION:
        return r->body.has_content || s.strong[by] > now;
    case ELO_REC_ACCEPTANCE:
        return model_accepts(r, &s, now);
    case ELO_REC_ESCALATION:
        return t != NULL && t->r.kind == ELO_REC_GRANT && until_of(t) > now
               && t->r.body.sort == ELO_GRANT_EMERGENCY
               && no_of(&t->r.author) == no_of(&r->body.agent)
               && no_of(&t->r.body.agent) == by;
    case ELO_REC_REVOCATION:
        return t != NULL && (no_of(&t->r.author) == by || s.admin[by] > now);
    default:
        return true;
    }
}


static uint32_t
model_towards(unsigned a, unsigned owner, const char *content, unsigned reach,
              int64_t now)
{
    uint32_t facts = 0;

    if (a == owner) {
        return ELO_FACT_OWNER;
    }
    for (uint32_t i = 0; i < n_rows; i++) {
        const row_t *w = &rows[i], *g = w;
        const elo_rec_body_t *b = &w->r.body;
        bool is_escalation = w->r.kind == ELO_REC_ESCALATION;

        if (!w->is_live || until_of(w) <= now) {
            continue;
        }
        if (is_escalation) { /* speaks by its grant */
            g = row_of(&b->ref);
            assert_non_null(g);
            b = &g->r.body;
        }
        if (no_of(&g->r.author) != owner || no_of(&b->agent) != a
            || until_of(g) <= now
            || (b->has_content
                && !elo_slice_eq(b->content, elo_slice_str(content))))
        {
            continue;
        }
        if (w->r.kind == ELO_REC_RELATIONSHIP) {
            facts |= (uint32_t) ELO_FACT_HOUSEHOLD << (b->sort - 1);
        } else if (w->r.kind == ELO_REC_INVITATION && b->has_content) {
            facts |= ELO_FACT_INVITED;
        } else if (g->r.kind == ELO_REC_GRANT && (b->reaches >> reach & 1) != 0)
        {
            facts |= is_escalation               ? ELO_FACT_EMERGENCY
                     : b->sort == ELO_GRANT_READ ? ELO_FACT_GRANT
                                                 : 0;
        }
    }
    return facts;
}


static void
facts_by_model(facts_t *f, int64_t now)
{
    standing_t s = standings();

    for (unsigned a = 0; a < N; a++) {
        f->of[a] = ELO_FACT_PROVED;
        f->of[a] |=
            s.strong[a] > now || s.weak[a] > now ? ELO_FACT_ADMITTED : 0;
        f->of[a] |= s.admin[a] > now ? ELO_FACT_ADMIN : 0;
        for (unsigned o = 0; o < N; o++) {
            for (unsigned c = 0; c < ELO_COUNT(contents); c++) {
                for (unsigned r = 0; r < 3; r++) {
                    f->towards[a][o][c][r] =
                        model_towards(a, o, contents[c], r, now);
                }
            }
        }
    }
}


static void
facts_by_state(const world_t *w, facts_t *f)
{
    for (unsigned a = 0; a < N; a++) {
        f->of[a] = world_of(w, a);
        for (unsigned o = 0; o < N; o++) {
            for (unsigned c = 0; c < ELO_COUNT(contents); c++) {
                for (unsigned r = 0; r < 3; r++) {
                    f->towards[a][o][c][r] = world_towards(
                        w, a, o, contents[c], (elo_reach_t) r, NULL);
                }
            }
        }
    }
}


/* What the rows of a view say of one owner and content, taken together. */
static uint32_t
rows_say(const elo_ctl_view_t *v, unsigned owner, const char *content,
         unsigned reach)
{
    elo_agent_t o = agent(owner);
    uint32_t facts = 0;

    for (uint32_t i = 0; i < elo_ctl_view_count(v); i++) {
        elo_ctl_view_row_t row = elo_ctl_view_at(v, i);

        assert_true((row.facts | row.granted) != 0);
        if (elo_agent_eq(&row.owner, &o)
            && (row.content.len == 0
                || elo_slice_eq(row.content, elo_slice_str(content))))
        {
            facts |= row.facts;
            facts |= (row.granted >> reach & 1) != 0
                         ? ELO_FACT_GRANT | ELO_FACT_EMERGENCY
                         : 0;
        }
    }
    return facts;
}


/* A view says what state says, with the same records; its rows name all that it
   says. */
static void
check_views(const world_t *w, const facts_t *is)
{
    const uint32_t granted = ELO_FACT_GRANT | ELO_FACT_EMERGENCY;

    for (unsigned a = 0; a < N; a++) {
        elo_agent_t who = agent(a);
        elo_ctl_view_t *v;

        assert_int_equal(elo_ctl_view_make(w->s, &who, w->now, &v), ELO_OK);
        assert_false(elo_ctl_view_is_cut(v));
        for (unsigned o = 0; o < N; o++) {
            for (unsigned c = 0; c < ELO_COUNT(contents); c++) {
                for (unsigned r = 0; r < 3; r++) {
                    uint32_t facts = is->towards[a][o][c][r], rough = facts;
                    elo_digest_t by = { { 1 } }, view_by = { { 1 } };
                    elo_agent_t owner = agent(o);

                    world_towards(w, a, o, contents[c], (elo_reach_t) r, &by);
                    assert_int_equal(elo_ctl_view_facts_towards(
                                         v, &owner, elo_slice_str(contents[c]),
                                         (elo_reach_t) r, &view_by),
                                     facts);
                    assert_memory_equal(&by, &view_by, sizeof(by));
                    rough |= (facts & granted) != 0 ? granted : 0;
                    if (a != o) {
                        assert_int_equal(rows_say(v, o, contents[c], r), rough);
                    }
                }
            }
        }
        elo_ctl_view_free(&v);
        assert_null(v);
    }
}


/* By which rule he reads what has that reach, by what a view says. */
static elo_rule_t
read_rule(const elo_ctl_view_t *v, uint32_t of, unsigned owner,
          const char *content, unsigned reach)
{
    elo_agent_t o = agent(owner);
    elo_gate_t g = { .facts = of
                              | elo_ctl_view_facts_towards(
                                  v, &o, elo_slice_str(content),
                                  (elo_reach_t) reach, NULL),
                     .scopes = ELO_SCOPE_READ,
                     .reach = (elo_reach_t) reach,
                     .ceiling = ELO_REACH_COMMONS,
                     .stage = ELO_STAGE_SERVED,
                     .op = ELO_OP_READ };

    return elo_gate_decide(&g);
}


/* What has to be so for that rule. */
static bool
is_said(const elo_ctl_view_t *v, uint32_t of, unsigned owner,
        const char *content, unsigned reach, elo_rule_t rule)
{
    uint32_t rows_tell = rows_say(v, owner, content, reach);

    switch (rule) {
    case ELO_RULE_EVERYONE:
        return reach == ELO_REACH_COMMONS;
    case ELO_RULE_ADMITTED:
        return (of & ELO_FACT_ADMITTED) != 0 && reach >= ELO_REACH_NEIGHBORHOOD;
    case ELO_RULE_INVITED:
        return (rows_tell & ELO_FACT_INVITED) != 0;
    case ELO_RULE_HOUSEHOLD:
        return (rows_tell & ELO_FACT_HOUSEHOLD) != 0;
    case ELO_RULE_FAMILY:
        return (rows_tell & ELO_FACT_FAMILY) != 0;
    case ELO_RULE_GRANT:
    case ELO_RULE_EMERGENCY:
        return (rows_tell & ELO_FACTS_AUDITED) != 0;
    default:
        return false;
    }
}


/* Grants and emergencies open the reaches that they name, and no wider one. */
static void
check_gate(const world_t *w, const facts_t *is)
{
    for (unsigned a = 0; a < N; a++) {
        elo_agent_t who = agent(a);
        elo_ctl_view_t *v;

        assert_int_equal(elo_ctl_view_make(w->s, &who, w->now, &v), ELO_OK);
        for (unsigned k = 0; k < N * ELO_COUNT(contents); k++) {
            const char *content = contents[k / N];
            elo_rule_t before = ELO_RULE_NONE;

            for (unsigned r = 0; r < ELO_REACH_COUNT; r++) {
                elo_rule_t rule = read_rule(v, is->of[a], k % N, content, r);

                if (a == k % N) {
                    assert_true(elo_rule_allows(rule));
                } else if (elo_rule_allows(rule)) {
                    assert_true(is_said(v, is->of[a], k % N, content, r, rule));
                } else {
                    assert_true(!elo_rule_allows(before)
                                || elo_rule_is_audited(before));
                }
                before = rule;
            }
        }
        elo_ctl_view_free(&v);
    }
}


/* Of r, which was taken, nobody may be told but whose facts it has changed. One that
   ends a grant may: decisions name it. And so may what is said of all content, and
   of one. */
static bool
is_exact(const elo_rec_t *r)
{
    return r->kind != ELO_REC_REVOCATION && r->kind != ELO_REC_GRANT
           && r->kind != ELO_REC_ESCALATION;
}


/* Agrees with the model, and who has changed since *was was touched. r: what did it;
   NULL: time. */
static void
compare(const world_t *w, facts_t *was, const elo_rec_t *r)
{
    static facts_t model, is;

    facts_by_model(&model, w->now);
    facts_by_state(w, &is);
    assert_memory_equal(&model, &is, sizeof(is));
    check_views(w, &is);
    if (n_taken % GATE_EVERY == 0) {
        check_gate(w, &is);
    }
    for (unsigned a = 0; a < N; a++) {
        if (is.of[a] != was->of[a]
            || memcmp(is.towards[a], was->towards[a], sizeof(is.towards[a]))
                   != 0)
        {
            assert_true(w->is_touched[a]);
        } else if (r != NULL && is_exact(r)) {
            assert_false(w->is_touched[a]);
        }
    }
    *was = is;
}


static const row_t *
some_row(elo_rec_kind_t kind)
{
    for (unsigned i = 0; i < 50 && n_rows > 0; i++) {
        const row_t *w = &rows[rnd(n_rows)];

        if (w->is_live && (kind == 0 || w->r.kind == kind)) {
            return w;
        }
    }
    return NULL;
}


static elo_rec_t
some_record(world_t *w)
{
    static const elo_rec_kind_t kinds[] = {
        ELO_REC_ADMISSION,    ELO_REC_ADMISSION,  ELO_REC_ADMISSION,
        ELO_REC_RELATIONSHIP, ELO_REC_INVITATION, ELO_REC_INVITATION,
        ELO_REC_ACCEPTANCE,   ELO_REC_ACCEPTANCE, ELO_REC_GRANT,
        ELO_REC_ESCALATION,   ELO_REC_REVOCATION, ELO_REC_REVOCATION,
        ELO_REC_LIFECYCLE
    };
    elo_rec_kind_t kind = kinds[rnd(ELO_COUNT(kinds))];
    elo_rec_body_t b = { .agent = agent(rnd(N)) };
    unsigned who = rnd(N);
    const char *content = contents[rnd(ELO_COUNT(contents))];
    const row_t *t = NULL;

    b.until = rnd(2) == 0 ? 0 : w->now + (int64_t) rnd(40);
    b.sort = 1
             + rnd(kind == ELO_REC_RELATIONSHIP ? 4
                   : kind == ELO_REC_GRANT      ? 3
                                                : 2);
    b.reaches = kind == ELO_REC_GRANT ? 1 + rnd(7) : 0;
    b.has_content = kind == ELO_REC_GRANT && content[0] != '\0';
    if (kind == ELO_REC_INVITATION) {
        b.has_content = rnd(3) == 0;
        content = "c1";
        b.sort = 0;
        b.uses = 1 + rnd(3);
        b.ref = world_key(WORLD_SECRET);
    }
    b.content = elo_slice_str(content);
    if (kind == ELO_REC_ACCEPTANCE) {
        b = (elo_rec_body_t){ 0 };
        t = some_row(ELO_REC_INVITATION);
    } else if (kind == ELO_REC_ESCALATION) {
        t = some_row(ELO_REC_GRANT);
        b.until = w->now + (int64_t) rnd(20);
        if (t != NULL && rnd(8) != 0) {
            who = no_of(&t->r.body.agent);
            b.agent = t->r.author;
        }
    } else if (kind == ELO_REC_REVOCATION) {
        b = (elo_rec_body_t){ 0 };
        t = some_row((elo_rec_kind_t) 0);
        if (t != NULL && rnd(2) == 0) {
            who = rnd(2) == 0 ? no_of(&t->r.author) : 0;
        }
    }
    if (t != NULL) {
        b.ref = t->r.id;
    }
    return world_rec(w, who, kind, b);
}


/* An escalation is when its grant is. */
static bool
is_past(const row_t *t, int64_t now)
{
    const row_t *grant =
        t->r.kind == ELO_REC_ESCALATION ? row_of(&t->r.body.ref) : t;

    return until_of(t) <= now || grant == NULL || until_of(grant) <= now;
}


/* One step: time goes on, then one more record. */
static void
step(world_t *w, facts_t *was)
{
    elo_rec_t r;
    bool is_taken, is_lapsed;
    const row_t *t;

    memset(w->is_touched, 0, sizeof(w->is_touched));
    if (rnd(3) == 0) {
        w->now += rnd(12);
        elo_ctl_state_expire(w->s, w->now, world_touched, w);
        compare(w, was, NULL);
    }
    r = some_record(w);
    if (rnd(2) == 0) { /* clocks differ; the chain may refuse it */
        r.time_ms += ((int64_t) rnd(40) - 35) * 1000;
    } else if (rnd(40) == 0) { /* as far ahead as is taken */
        r.time_ms += ELO_RECORD_SKEW_S * 1000;
    }
    t = row_of(&r.body.ref);
    is_lapsed = r.kind == ELO_REC_REVOCATION && t != NULL && is_past(t, w->now);
    is_taken = world_take(w, &r) == ELO_OK;
    if (strncmp(w->why, "chain", 5) == 0) {
        return; /* his record before was later */
    }
    if (!is_lapsed) { /* one that is past may be gone already */
        if (is_taken != model_allows(&r, w->now)) {
            fail_msg("round step %u, kind %d: \"%s\"", n_taken, (int) r.kind,
                     w->why);
        }
    }
    if (is_taken) {
        taken[n_taken++] = r;
        model_apply(&r);
        compare(w, was, &r);
    }
}


/* With a hash key of its own, no time, and room for one record only, for what was
   taken isn't judged again. */
static void
replay(const world_t *w, const facts_t *was)
{
    static facts_t is;
    world_t other;

    world_init(&other, 1);
    for (uint32_t i = 0; i < n_taken; i++) {
        assert_int_equal(
            elo_ctl_state_apply(other.s, &taken[i], world_touched, &other),
            ELO_OK);
    }
    other.now = w->now;
    facts_by_state(&other, &is);
    assert_memory_equal(&is, was, sizeof(is));
    elo_ctl_state_expire(other.s, w->now, world_touched, &other);
    facts_by_state(&other, &is);
    assert_memory_equal(&is, was, sizeof(is));
    assert_int_equal(elo_ctl_state_count(other.s), elo_ctl_state_count(w->s));
    elo_ctl_state_free(&other.s);
}


static void
test_against_model(void **state)
{
    uint32_t n_all = 0, n_ended = 0;
    static facts_t was;
    world_t w;

    (void) state;
    for (unsigned round = 0; round < ROUNDS; round++) {
        x = 20260104 + round;
        n_rows = n_taken = 0;
        clock_s = 0;
        memset(is_out, 0, sizeof(is_out));
        world_init(&w, STEPS);
        elo_ctl_state_expire(w.s, w.now, NULL, NULL);
        facts_by_state(&w, &was);
        for (unsigned i = 0; i < STEPS; i++) {
            step(&w, &was);
        }
        elo_ctl_state_expire(w.s, w.now, world_touched, &w);
        replay(&w, &was);
        n_all += n_taken;
        for (uint32_t i = 0; i < n_rows; i++) {
            n_ended += rows[i].is_live ? 0 : 1;
        }
        elo_ctl_state_free(&w.s);
    }
    /* the generator reaches what is to be tested */
    assert_true(n_all > ROUNDS * 100 && n_ended > ROUNDS * 10);
}


int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_against_model),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
