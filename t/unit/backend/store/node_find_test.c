/* SPDX-License-Identifier: BSD-2-Clause */
/* Nodes are put, changed, removed and forgotten at random, and what is found is what
   a look at all of them finds. One file, though long: model, changes and questions
   belong to one random walk. */
#include "backend/store/node_find.h"
#include "t/unit/backend/store/side_dir.h"

#define ID(s)  ELO_SLICE(s)
#define NODES  60u
#define OPS    1200u
#define AGENTS 5u
#define TAGS   6u

static const elo_reach_t reaches[] = { ELO_REACH_PRIVATE, ELO_REACH_INVITED,
                                       ELO_REACH_LOCAL, ELO_REACH_COMMONS };
static const char *const formats[] = { "audio-file", "video-file", "document" };
static const char *const tags[TAGS] = { "a", "b", "c", "d", "e", "f" };

typedef struct {
    uint64_t version, tomb;
    elo_node_life_t life;
    elo_reach_t stated;
    uint32_t flags, format, tags, related, invited; /* sets, or an index */
    uint8_t owner;
    int64_t due_s;
} sm_t;

static sm_t model[NODES];
static uint64_t rnd_state;


static uint32_t
below(uint32_t n)
{
    rnd_state = rnd_state * UINT64_C(6364136223846793005)
                + UINT64_C(1442695040888963407);
    return (uint32_t) (rnd_state >> 33) % n;
}


static void
id_of(uint32_t n, char out[8])
{
    snprintf(out, 8, "n%02u%s", n, n % 3 == 0 ? "-x" : "");
}


static bool
is_served(const sm_t *m)
{
    return m->life != ELO_NODE_DRAFT && m->life != ELO_NODE_FORGOTTEN;
}


/* ---- writing ---- */

typedef struct {
    elo_node_t node;
    elo_node_facet_t facets[1 + TAGS * 2];
    elo_agent_t invited[AGENTS];
    char id[8], related[NODES][8], json[32];
} room_t;


static void
node_of(uint32_t n, const sm_t *m, room_t *x)
{
    id_of(n, x->id);
    snprintf(x->json, sizeof(x->json), "{\"v\":%u}", (unsigned) m->version);
    x->node =
        (elo_node_t){ .id = elo_slice_str(x->id),
                      .version = m->version,
                      .reach = is_served(m) ? m->stated : ELO_REACH_PRIVATE,
                      .stated = m->stated,
                      .life = m->life,
                      .flags = m->flags,
                      .owner = agent_of(m->owner),
                      .due_s = m->due_s,
                      .json = elo_slice_str(x->json),
                      .facets = x->facets,
                      .invited = x->invited };
    x->facets[x->node.n_facets++] =
        (elo_node_facet_t){ .dim = ELO_NODE_FORMAT,
                            .text = elo_slice_str(formats[m->format]) };
    for (uint32_t i = TAGS; i-- > 0;) { /* not in order */
        if ((m->tags >> i & 1) != 0) {
            x->facets[x->node.n_facets++] =
                (elo_node_facet_t){ .dim = ELO_NODE_TAG,
                                    .text = elo_slice_str(tags[i]) };
        }
    }
    if (m->related < NODES) {
        id_of(m->related, x->related[0]);
        for (uint32_t i = 0; i < 2; i++) { /* twice is once */
            x->facets[x->node.n_facets++] =
                (elo_node_facet_t){ .dim = ELO_NODE_RELATED,
                                    .text = elo_slice_str(x->related[0]) };
        }
    }
    for (uint8_t i = 0; i < AGENTS; i++) {
        if ((m->invited >> i & 1) != 0) {
            x->invited[x->node.n_invited++] = agent_of((uint8_t) (i + 1));
        }
    }
}


static void
draw(sm_t *m)
{
    m->life = (elo_node_life_t) below(ELO_NODE_LIVES - 1);
    m->stated = reaches[below(ELO_COUNT(reaches))];
    m->format = below(ELO_COUNT(formats));
    m->tags = below(1u << TAGS) & below(1u << TAGS);
    m->related = below(2 * NODES);
    m->invited = below(4) == 0 ? below(1u << AGENTS) : 0;
    m->due_s = below(2) == 0 ? 1000 + below(50) : 0;
}


static void
change(elo_store_t *s)
{
    uint32_t n = below(NODES), what = below(10);
    sm_t *m = &model[n], next = *m;
    uint64_t expect = m->version;
    room_t x;

    if (m->version != 0 && what < 2) {
        id_of(n, x.id);
        assert_int_equal(elo_store_node_remove(s, elo_slice_str(x.id), expect),
                         ELO_OK);
        *m = (sm_t){ .tomb = expect + 1 };
        return;
    }
    draw(&next);
    if (m->version == 0) {
        next.version = m->tomb + 1 + below(2);
        next.owner = (uint8_t) below(AGENTS);
    } else if (what == 2) {
        node_of(n, &next, &x); /* the version stays */
        assert_int_equal(elo_store_node_restate(s, &x.node), ELO_OK);
        *m = next;
        return;
    } else {
        next.version++;
        if (what == 3) {
            next.life = ELO_NODE_FORGOTTEN;
        }
    }
    node_of(n, &next, &x);
    assert_int_equal(elo_store_node_put(s, &x.node, expect, true), ELO_OK);
    *m = next;
    if (next.life == ELO_NODE_FORGOTTEN) {
        *m = (sm_t){ .tomb = next.version };
    }
}


/* ---- looking ---- */

static bool
is(const sm_t *m, const elo_node_facet_t *f, uint8_t agent, uint32_t word)
{
    elo_agent_t owner = agent_of(m->owner);

    switch (f->dim) {
    case ELO_NODE_OWNER:
        return elo_agent_eq(&owner, &f->agent);
    case ELO_NODE_OWNER_REACH:
        return elo_agent_eq(&owner, &f->agent) && m->stated == f->reach;
    case ELO_NODE_REACH:
        return m->stated == f->reach
               && (m->life == ELO_NODE_PUBLISHED || m->life == ELO_NODE_STALE);
    case ELO_NODE_FORMAT:
        return m->format == word;
    case ELO_NODE_LIFECYCLE:
        return m->life == f->life;
    case ELO_NODE_TAG:
        return (m->tags >> word & 1) != 0;
    case ELO_NODE_RELATED:
        return m->related == word;
    default: /* ELO_NODE_INVITED */
        return agent > 0 && agent <= AGENTS
               && (m->invited >> (agent - 1) & 1) != 0;
    }
}


typedef struct {
    elo_node_facet_t f;
    uint8_t agent;
    uint32_t word;
    char text[8];
} ask_t;


static void
ask(ask_t *q)
{
    *q = (ask_t){ .agent = (uint8_t) below(AGENTS + 2) };
    q->f.dim = (elo_node_dim_t) (ELO_NODE_OWNER + below(8));
    q->f.agent = agent_of(q->agent);
    q->f.reach = reaches[below(ELO_COUNT(reaches))];
    q->f.life = (elo_node_life_t) below(ELO_NODE_LIVES);
    switch (q->f.dim) {
    case ELO_NODE_FORMAT:
        q->word = below(ELO_COUNT(formats));
        q->f.text = elo_slice_str(formats[q->word]);
        break;
    case ELO_NODE_TAG:
        q->word = below(TAGS);
        q->f.text = elo_slice_str(tags[q->word]);
        break;
    case ELO_NODE_RELATED:
        q->word = below(NODES);
        id_of(q->word, q->text);
        q->f.text = elo_slice_str(q->text);
        break;
    default:
        break;
    }
}


typedef struct {
    uint32_t n, limit;
    char ids[NODES + 1][8];
} found_t;


static bool
add(void *ctx, const elo_node_hit_t *hit)
{
    found_t *f = ctx;
    elo_buf_t json;
    char want[32];

    if (f->limit-- == 0) {
        return false;
    }
    assert_true(f->n < NODES);
    snprintf(f->ids[f->n], 8, "%.*s", (int) hit->id.len,
             (const char *) hit->id.p);
    f->n++;
    elo_buf_init(&json, 100);
    assert_int_equal(elo_node_hit_json(hit, &json), ELO_OK);
    snprintf(want, sizeof(want), "{\"v\":%u}", (unsigned) hit->head.version);
    assert_string_equal(elo_buf_cstr(&json), want);
    elo_buf_dispose(&json);
    return true;
}


/* In pages of random limits and budgets. */
static void
find_all(elo_store_t *s, const elo_node_query_t *q, found_t *f)
{
    elo_node_at_t at = { .is_end = false };
    uint32_t calls = 0;

    f->n = 0;
    while (!at.is_end) {
        assert_true(calls++ < 4 * NODES + 4 * NODES * q->n_all);
        f->limit = below(7);
        if (f->limit == 0 && below(2) == 0) {
            f->limit = NODES;
        }
        at.budget = 1 + below(below(2) == 0 ? 3 : 1000);
        assert_int_equal(elo_store_node_find(s, q, &at, add, f), ELO_OK);
    }
}


/* The naive way; ids in order, as the numbers give them. */
static void
check(elo_store_t *s)
{
    ask_t asks[8];
    elo_node_facet_t all[3], any[4];
    char ids[4][8];
    elo_slice_t id[4];
    elo_node_query_t q = { .all = all, .any = any, .ids = id };
    uint32_t of_ids[4], n = 0;
    found_t f;

    q.n_all = below(4);
    q.is_some = below(2) == 0;
    q.n_any = below(5);
    q.n_ids = below(3);
    for (uint32_t i = 0; i < 3 + 4; i++) {
        ask(&asks[i]);
        *(i < 3 ? &all[i] : &any[i - 3]) = asks[i].f;
    }
    for (uint32_t i = 0; i < 4; i++) {
        of_ids[i] = below(NODES);
        id_of(of_ids[i], ids[i]);
        id[i] = elo_slice_str(ids[i]);
    }
    find_all(s, &q, &f);
    for (uint32_t k = 0; k < NODES; k++) {
        const sm_t *m = &model[k];
        bool has_all = m->version != 0, has_any = !q.is_some;
        char name[8];

        for (uint32_t i = 0; i < q.n_all; i++) {
            has_all = has_all && is(m, &all[i], asks[i].agent, asks[i].word);
        }
        for (uint32_t i = 0; i < q.n_any; i++) {
            has_any =
                has_any || is(m, &any[i], asks[3 + i].agent, asks[3 + i].word);
        }
        for (uint32_t i = 0; i < q.n_ids; i++) {
            has_any = has_any || of_ids[i] == k;
        }
        if (has_all && has_any) {
            id_of(k, name);
            assert_true(n < f.n);
            assert_string_equal(f.ids[n], name);
            n++;
        }
    }
    assert_int_equal(f.n, n);
}


static bool
add_due(void *ctx, elo_slice_t id, int64_t due_s)
{
    int64_t *last = ctx;

    (void) id;
    assert_true(due_s >= last[0]);
    last[0] = due_s;
    last[1]++;
    return true;
}


static void
check_due(elo_store_t *s)
{
    int64_t last[2] = { 0 }, now = 990 + below(70);
    uint32_t n = 0, max = below(NODES);

    for (uint32_t k = 0; k < NODES; k++) {
        n += model[k].version != 0 && model[k].due_s != 0
             && model[k].due_s <= now;
    }
    assert_int_equal(elo_store_node_due(s, now, max, add_due, last), ELO_OK);
    assert_int_equal(last[1], ELO_MIN(n, max));
}


/* Entries of NODEX, as a number over all of them. */
static uint64_t
index_sum(elo_store_t *s)
{
    elo_kv_cursor_t *c;
    elo_kv_entry_t e;
    elo_kv_view_t v;
    elo_slice_t key;
    uint64_t sum = 7;

    assert_int_equal(elo_kv_view_begin(s->kv, &v), ELO_OK);
    assert_int_equal(elo_kv_cursor_open(&v, ELO_T_NODEX, elo_slice("", 0), &c),
                     ELO_OK);
    while (elo_kv_cursor_next(c, &key, &e) == ELO_OK) {
        sum = sum * 31 + elo_nodex_text(key);
    }
    elo_kv_cursor_close(&c);
    elo_kv_view_end(&v);
    return sum;
}


static void
test_property(void **state)
{
    dir_t *d = *state;
    uint64_t sum;

    rnd_state = 20;
    memset(model, 0, sizeof(model));
    for (uint32_t i = 0; i < OPS; i++) {
        change(d->s);
        if (i % 4 == 0) {
            check(d->s);
        }
        if (i % 50 == 0) {
            check_due(d->s);
        }
        if (i % 300 == 299) {
            assert_int_equal(elo_kv_checkpoint(d->s->kv), ELO_OK);
            for (uint32_t k = 0; k < 100; k++) {
                check(d->s); /* with memory and index, then with one */
            }
        }
    }
    sum = index_sum(d->s);
    side_rebuild(d);
    assert_true(index_sum(d->s) == sum);
    for (uint32_t k = 0; k < 300; k++) {
        check(d->s);
    }
    check_due(d->s);
}


/* ---- bounds ---- */

static bool
never(void *ctx, const elo_node_hit_t *hit)
{
    (void) ctx;
    (void) hit;
    fail();
    return false;
}


static void
test_refusals(void **state)
{
    dir_t *d = *state;
    elo_node_facet_t f[ELO_FIND_ANY_MAX + 1] = { { .dim = ELO_NODE_DUE } };
    elo_node_query_t q = { .all = f, .any = f };
    elo_node_at_t at = { .budget = 10 };

    for (uint32_t i = 0; i < ELO_COUNT(f); i++) {
        f[i].dim = ELO_NODE_REACH;
    }
    q.n_all = ELO_FIND_ALL_MAX + 1;
    assert_int_equal(elo_store_node_find(d->s, &q, &at, never, NULL),
                     ELO_EINVAL);
    q.n_all = 0;
    q.n_any = ELO_FIND_ANY_MAX + 1;
    assert_int_equal(elo_store_node_find(d->s, &q, &at, never, NULL),
                     ELO_EINVAL);
    q.n_any = 0;
    q.n_all = 1;
    f[0].dim = ELO_NODE_DUE;
    assert_int_equal(elo_store_node_find(d->s, &q, &at, never, NULL),
                     ELO_EINVAL);
    f[0].dim = (elo_node_dim_t) 0;
    assert_int_equal(elo_store_node_find(d->s, &q, &at, never, NULL),
                     ELO_EINVAL);
    q.n_all = 0;
    memset(at.id, 'a', sizeof(at.id)); /* without an end */
    assert_int_equal(elo_store_node_find(d->s, &q, &at, never, NULL),
                     ELO_EINVAL);
    snprintf(at.id, sizeof(at.id), "../x");
    assert_int_equal(elo_store_node_find(d->s, &q, &at, never, NULL),
                     ELO_EINVAL);
    /* nobody may see anything */
    at = (elo_node_at_t){ .budget = 10 };
    assert_int_equal(put_node(d->s, "a", 1, ELO_REACH_COMMONS, NULL, "{}"),
                     ELO_OK);
    q.is_some = true;
    assert_int_equal(elo_store_node_find(d->s, &q, &at, never, NULL), ELO_OK);
    assert_true(at.is_end);
    /* no budget: not moved */
    at = (elo_node_at_t){ .budget = 0 };
    q.is_some = false;
    assert_int_equal(elo_store_node_find(d->s, &q, &at, never, NULL), ELO_OK);
    assert_false(at.is_end);
    assert_string_equal(at.id, "");
}


/* The longest id, and the way past it. */
static void
test_longest_id(void **state)
{
    dir_t *d = *state;
    char longest[ELO_CONTENT_ID_MAX + 1];
    elo_node_query_t q = { .n_all = 0 };
    elo_node_at_t at = { .budget = 1 };
    elo_node_t n = { .version = 1, .json = ID("{}") };
    found_t f = { .limit = 1 };

    memset(longest, 'z', sizeof(longest));
    longest[ELO_CONTENT_ID_MAX] = '\0';
    n.id = elo_slice_str(longest);
    n.json = ID("{\"v\":1}");
    assert_int_equal(elo_store_node_put(d->s, &n, 0, false), ELO_OK);
    assert_int_equal(elo_store_node_find(d->s, &q, &at, add, &f), ELO_OK);
    assert_int_equal(f.n, 1);
    assert_string_equal(at.id, longest);
    assert_false(at.is_from);
    at.budget = 1;
    assert_int_equal(elo_store_node_find(d->s, &q, &at, never, NULL), ELO_OK);
    assert_true(at.is_end);
}


/* ---- rows ---- */

static const elo_agent_t *
invited(void)
{
    static elo_agent_t in[2];

    in[0] = agent_of(3);
    in[1] = agent_of(4);
    return in;
}


static elo_node_t
held_node(void)
{
    return (elo_node_t){ .id = ID("a"),
                         .version = 1,
                         .owner = agent_of(2),
                         .reach = ELO_REACH_INVITED,
                         .life = ELO_NODE_PUBLISHED,
                         .flags = ELO_NODE_IS_HELD,
                         .created_at = 5,
                         .updated_at = 6,
                         .due_s = 7,
                         .n_invited = 2,
                         .invited = invited(),
                         .json = ID("{}") };
}


static void
test_heads(void **state)
{
    dir_t *d = *state;
    elo_agent_t out = agent_of(5);
    elo_node_t n = held_node();
    elo_node_head_t h;
    bool is_in;

    assert_int_equal(elo_store_node_head(d->s, ID("a"), &h), ELO_ENOTFOUND);
    assert_int_equal(elo_store_node_last(d->s, ID("a"), &h), ELO_ENOTFOUND);
    assert_int_equal(elo_store_node_put(d->s, &n, 0, false), ELO_OK);
    for (uint32_t i = 0; i < 2; i++) {
        assert_int_equal(
            elo_store_node_invites(d->s, ID("a"), &invited()[i], &h, &is_in),
            ELO_OK);
        assert_true(is_in);
    }
    assert_int_equal(elo_store_node_invites(d->s, ID("a"), &out, &h, &is_in),
                     ELO_OK);
    assert_false(is_in);
    /* a key that begins as one that is listed */
    out = invited()[0];
    out.b[31] ^= 1;
    assert_int_equal(elo_store_node_invites(d->s, ID("a"), &out, &h, &is_in),
                     ELO_OK);
    assert_false(is_in);
    assert_true(elo_agent_eq(&h.owner, &n.owner));
    assert_int_equal(h.stated, ELO_REACH_INVITED);
    assert_int_equal(h.reach, ELO_REACH_INVITED);
    assert_int_equal(h.stage, ELO_STAGE_SERVED);
    assert_int_equal(h.flags, ELO_NODE_IS_HELD);
    assert_int_equal(h.created_at, 5);
    assert_int_equal(h.updated_at, 6);
    assert_int_equal(h.due_s, 7);
    assert_int_equal(h.n_invited, 2);
}


/* What is held neither goes nor is forgotten, until it is let go. */
static void
test_held(void **state)
{
    dir_t *d = *state;
    elo_node_t n = held_node();
    elo_node_head_t h;

    assert_int_equal(elo_store_node_put(d->s, &n, 0, false), ELO_OK);
    assert_int_equal(elo_store_node_remove(d->s, ID("a"), 0), ELO_EBUSY);
    n.version = 2;
    n.life = ELO_NODE_FORGOTTEN;
    n.stated = ELO_REACH_INVITED;
    n.reach = ELO_REACH_PRIVATE;
    n.flags = 0;
    assert_int_equal(elo_store_node_put(d->s, &n, 1, false), ELO_EBUSY);
    n.version = 1;
    n.life = ELO_NODE_DRAFT;
    assert_int_equal(elo_store_node_restate(d->s, &n), ELO_OK);
    assert_int_equal(elo_store_node_head(d->s, ID("a"), &h), ELO_OK);
    assert_int_equal(h.version, 1);
    assert_int_equal(h.stage, ELO_STAGE_DRAFT);
    n.version = 9;
    assert_int_equal(elo_store_node_restate(d->s, &n), ELO_EPRECOND);
    n.reach = ELO_REACH_COMMONS; /* of a draft */
    assert_int_equal(elo_store_node_put(d->s, &n, 1, false), ELO_EINVAL);
}


static void
test_tombstones(void **state)
{
    dir_t *d = *state;
    elo_node_t n = held_node();
    elo_node_head_t h;
    elo_store_totals_t t;

    n.flags = 0;
    assert_int_equal(elo_store_node_put(d->s, &n, 0, false), ELO_OK);
    n.version = 9;
    n.reach = ELO_REACH_PRIVATE;
    n.life = ELO_NODE_FORGOTTEN;
    n.updated_at = 77;
    assert_int_equal(elo_store_node_put(d->s, &n, 1, false), ELO_OK);
    side_rebuild(d);
    assert_int_equal(elo_store_node_head(d->s, ID("a"), &h), ELO_ENOTFOUND);
    assert_int_equal(elo_store_node_get(d->s, ID("a"), 0, NULL, NULL, NULL),
                     ELO_ENOTFOUND);
    assert_int_equal(elo_store_node_get(d->s, ID("a"), 1, NULL, NULL, NULL),
                     ELO_ENOTFOUND);
    assert_int_equal(elo_store_node_remove(d->s, ID("a"), 0), ELO_ENOTFOUND);
    assert_int_equal(elo_store_node_restate(d->s, &n), ELO_EINVAL);
    assert_int_equal(elo_store_node_last(d->s, ID("a"), &h), ELO_OK);
    assert_int_equal(h.version, 9);
    assert_int_equal(h.life, ELO_NODE_FORGOTTEN);
    assert_int_equal(h.stage, ELO_STAGE_FORGOTTEN);
    assert_int_equal(h.flags, ELO_NODE_IS_TOMB);
    assert_int_equal(h.updated_at, 77);
    assert_int_equal(side_rows(d->s, ELO_T_NODEX), 0);
    assert_int_equal(side_rows(d->s, ELO_T_NODEV), 0);
    elo_store_totals(d->s, &t);
    assert_int_equal(t.nodes, 0);

    /* what he has forgotten is his; versions go on */
    n.life = ELO_NODE_PUBLISHED;
    n.version = 10;
    n.owner = agent_of(3);
    assert_int_equal(elo_store_node_put(d->s, &n, 0, false), ELO_EDENIED);
    n.owner = agent_of(2);
    assert_int_equal(elo_store_node_put(d->s, &n, 9, false), ELO_EPRECOND);
    n.version = 9;
    assert_int_equal(elo_store_node_put(d->s, &n, 0, false), ELO_EPRECOND);
    n.version = 10;
    assert_int_equal(elo_store_node_put(d->s, &n, 0, false), ELO_OK);
    assert_int_equal(elo_store_node_remove(d->s, ID("a"), 10), ELO_OK);
    assert_int_equal(elo_store_node_last(d->s, ID("a"), &h), ELO_OK);
    assert_int_equal(h.version, 11);
    assert_int_equal(h.life, ELO_NODE_PUBLISHED);
    /* what was removed is nobody's */
    n.version = 12;
    n.owner = agent_of(3);
    assert_int_equal(elo_store_node_put(d->s, &n, 0, false), ELO_OK);
    elo_store_totals(d->s, &t);
    assert_int_equal(t.nodes, 1);
}


/* Lists as long as may be, and one too long. */
static void
test_limits(void **state)
{
    dir_t *d = *state;
    static elo_agent_t in[ELO_CONTENT_INVITED_MAX + 1];
    static elo_node_facet_t f[ELO_NODE_FACETS_MAX + 1];
    static char text[ELO_NODE_FACETS_MAX + 1][8];
    elo_node_t n = { .id = ID("a"),
                     .version = 1,
                     .reach = ELO_REACH_LOCAL,
                     .life = ELO_NODE_PUBLISHED,
                     .invited = in,
                     .facets = f,
                     .json = ID("{}") };
    elo_node_head_t h;
    bool is_in;

    for (uint32_t i = 0; i < ELO_COUNT(in); i++) {
        in[i].b[0] = (uint8_t) (i * 7);
        in[i].b[1] = (uint8_t) (i >> 8);
        in[i].b[30] = (uint8_t) i;
    }
    for (uint32_t i = 0; i < ELO_COUNT(f); i++) {
        snprintf(text[i], sizeof(text[i]), "t%u", i);
        f[i].dim = ELO_NODE_TAG;
        f[i].text = elo_slice_str(text[i]);
    }
    n.n_invited = ELO_COUNT(in);
    assert_int_equal(elo_store_node_put(d->s, &n, 0, false), ELO_ETOOBIG);
    n.n_invited--;
    n.n_facets = ELO_COUNT(f);
    assert_int_equal(elo_store_node_put(d->s, &n, 0, false), ELO_ETOOBIG);
    n.n_facets--;
    assert_int_equal(elo_store_node_put(d->s, &n, 0, false), ELO_OK);
    side_rebuild(d);
    for (uint32_t i = 0; i < n.n_invited; i++) {
        assert_int_equal(
            elo_store_node_invites(d->s, ID("a"), &in[i], &h, &is_in), ELO_OK);
        assert_true(is_in);
    }
    f[0].dim = ELO_NODE_OWNER; /* not a caller's to say */
    n.version = 2;
    assert_int_equal(elo_store_node_put(d->s, &n, 1, false), ELO_EINVAL);
    f[0].dim = ELO_NODE_TAG;
    n.n_invited = n.n_facets = 0;
    assert_int_equal(elo_store_node_put(d->s, &n, 1, false), ELO_OK);
    assert_int_equal(side_rows(d->s, ELO_T_NODEX), 4);
}


int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_property, dir_setup, dir_teardown),
        cmocka_unit_test_setup_teardown(test_refusals, dir_setup, dir_teardown),
        cmocka_unit_test_setup_teardown(test_longest_id, dir_setup,
                                        dir_teardown),
        cmocka_unit_test_setup_teardown(test_heads, dir_setup, dir_teardown),
        cmocka_unit_test_setup_teardown(test_held, dir_setup, dir_teardown),
        cmocka_unit_test_setup_teardown(test_tombstones, dir_setup,
                                        dir_teardown),
        cmocka_unit_test_setup_teardown(test_limits, dir_setup, dir_teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
