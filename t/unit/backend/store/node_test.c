/* SPDX-License-Identifier: BSD-2-Clause */
/* Tests of backend/store/node, node_read and orphan: versions, texts, references,
   reach, cursors, what becomes of blobs that lose their last reference; and of
   the generations: whatever changes what a grant says revokes it. */
#include "t/unit/backend/store/side_dir.h"

#include "common/http/wire_document.h"

#define ID(s) ELO_SLICE(s)


static uint64_t
current_of(elo_store_t *s, const char *id)
{
    uint64_t current = 0;
    elo_err_t rc =
        elo_store_node_get(s, elo_slice_str(id), 0, NULL, NULL, &current);

    return rc == ELO_OK ? current : 0;
}


static bool
version_is(elo_store_t *s, const char *id, uint64_t version, const char *want)
{
    elo_buf_t json;
    bool same;

    elo_buf_init(&json, ELO_CONTENT_JSON_MAX);
    same = elo_store_node_get(s, elo_slice_str(id), version, &json, NULL, NULL)
               == ELO_OK
           && elo_slice_eq(elo_buf_slice(&json), elo_slice_str(want));
    elo_buf_dispose(&json);
    return same;
}


static void
test_versions(void **state)
{
    dir_t *d = *state;
    elo_digest_t ref = digest_of(ELO_SLICE("hello"));
    elo_store_t *s = d->s;
    elo_reach_t reach;

    assert_int_equal(put_node(s, "a", 1, ELO_REACH_COMMONS, &ref, "one"),
                     ELO_OK);
    assert_int_equal(put_node(s, "a", 1, ELO_REACH_COMMONS, &ref, "again"),
                     ELO_EEXISTS);
    assert_int_equal(put_node(s, "a", 3, ELO_REACH_COMMONS, &ref, "ahead"),
                     ELO_EPRECOND);
    assert_int_equal(put_node(s, "b", 2, ELO_REACH_COMMONS, &ref, "none yet"),
                     ELO_EPRECOND);
    assert_int_equal(put_node(s, "a", 2, ELO_REACH_LOCAL, NULL, "two"), ELO_OK);
    assert_int_equal(put_node(s, "a", 2, ELO_REACH_LOCAL, NULL, "late"),
                     ELO_EPRECOND);
    dir_reopen(d);
    s = d->s;
    assert_int_equal(current_of(s, "a"), 2);
    assert_true(version_is(s, "a", 0, "two"));
    assert_true(version_is(s, "a", 1, "one"));
    assert_true(version_is(s, "a", 2, "two"));
    assert_false(version_is(s, "a", 3, ""));
    /* the reach is the one of now, also with an older version */
    assert_int_equal(elo_store_node_get(s, ID("a"), 1, NULL, &reach, NULL),
                     ELO_OK);
    assert_int_equal(reach, ELO_REACH_LOCAL);

    /* ids that are a prefix of another keep their versions apart */
    assert_int_equal(put_node(s, "a-b", 1, ELO_REACH_LOCAL, NULL, "x"), ELO_OK);
    assert_int_equal(elo_store_node_remove(s, ID("a"), 1), ELO_EPRECOND);
    assert_int_equal(elo_store_node_remove(s, ID("a"), 2), ELO_OK);
    assert_int_equal(elo_store_node_remove(s, ID("a"), 0), ELO_ENOTFOUND);
    assert_true(version_is(s, "a-b", 1, "x"));
    assert_int_equal(put_node(s, "a", 1, ELO_REACH_LOCAL, NULL, "new"), ELO_OK);
    assert_false(version_is(s, "a", 2, "two"));
    assert_true(version_is(s, "a", 0, "new"));
}


/* Texts of all lengths, short ones in the index, long ones in the log, through
   reopening, a fresh index and compaction. */
static void
test_texts(void **state)
{
    static const uint32_t lens[] = {
        0,
        1,
        ELO_NODEV_VALUE_MAX,
        ELO_NODEV_VALUE_MAX + 1,
        100000,
        ELO_CONTENT_JSON_MAX,
    };
    static char text[ELO_CONTENT_JSON_MAX + 2];
    dir_t *d = *state;
    char id[] = "a";
    bool is_gone = false;

    elo_store_close(&d->s);
    d->cfg.segment_bytes = 4u << 20; /* the longest fits a quarter of it */
    dir_open(d);
    memset(text, 'j', sizeof(text));
    for (uint32_t round = 0; round < 4; round++) {
        for (size_t i = 0; i < ELO_COUNT(lens); i++) {
            id[0] = (char) ('a' + i);
            text[lens[i]] = '\0';
            if (round == 0) {
                assert_int_equal(
                    put_node(d->s, id, 1, ELO_REACH_LOCAL, NULL, text), ELO_OK);
            }
            assert_true(version_is(d->s, id, 0, text));
            text[lens[i]] = 'j';
        }
        if (round == 0) {
            dir_reopen(d);
        } else if (round == 1) {
            side_rebuild(d);
        } else if (round == 2) {
            assert_int_equal(elo_kv_seal(d->s->kv), ELO_OK);
            assert_int_equal(put_node(d->s, "y", 1, 0, NULL, ""), ELO_OK);
            assert_int_equal(elo_kv_checkpoint(d->s->kv), ELO_OK);
            while (!is_gone) {
                assert_int_equal(
                    elo_kv_compact(d->s->kv, 1, 1u << 20, NULL, NULL, &is_gone),
                    ELO_OK);
            }
        }
    }
    text[ELO_CONTENT_JSON_MAX + 1] = '\0';
    assert_int_equal(put_node(d->s, "z", 1, ELO_REACH_LOCAL, NULL, text),
                     ELO_ETOOBIG);
}


/* More versions than are deleted in one go. */
static void
test_many_versions(void **state)
{
    enum { N = 150 };
    dir_t *d = *state;

    for (uint32_t i = 1; i <= N; i++) {
        assert_int_equal(put_node(d->s, "a", i, ELO_REACH_LOCAL, NULL, "x"),
                         ELO_OK);
    }
    assert_int_equal(put_node(d->s, "a-b", 1, ELO_REACH_LOCAL, NULL, "y"),
                     ELO_OK);
    assert_int_equal(side_rows(d->s, ELO_T_NODEV), N + 1);
    assert_int_equal(side_totals(d->s).nodes, 2);
    assert_int_equal(elo_store_node_remove(d->s, ID("a"), N), ELO_OK);
    assert_int_equal(side_rows(d->s, ELO_T_NODEV), 1);
    assert_int_equal(side_totals(d->s).nodes, 1);
    side_rebuild(d);
    assert_int_equal(side_rows(d->s, ELO_T_NODEV), 1);
    assert_int_equal(side_totals(d->s).nodes, 1);
    assert_true(version_is(d->s, "a-b", 0, "y"));
}


static void
test_refusals(void **state)
{
    dir_t *d = *state;
    static elo_digest_t refs[ELO_CONTENT_BLOBS_MAX + 1];
    char longest[ELO_CONTENT_ID_MAX + 2];
    elo_node_t node = { .id = ID("a"),
                        .version = 1,
                        .life = ELO_NODE_PUBLISHED,
                        .json = ID("{}") };
    elo_node_t n;

    memset(longest, 'a', sizeof(longest));
    n = node;
    n.id = elo_slice(longest, ELO_CONTENT_ID_MAX + 1);
    assert_int_equal(elo_store_node_put(d->s, &n, 0, false), ELO_EINVAL);
    n.id = ELO_SLICE("a\0b");
    assert_int_equal(elo_store_node_put(d->s, &n, 0, false), ELO_EINVAL);
    n.id = ELO_SLICE("../x");
    assert_int_equal(elo_store_node_put(d->s, &n, 0, false), ELO_EINVAL);
    n = node;
    n.version = 0;
    assert_int_equal(elo_store_node_put(d->s, &n, 0, false), ELO_EINVAL);
    n = node;
    n.reach = (elo_reach_t) ELO_REACH_COUNT;
    assert_int_equal(elo_store_node_put(d->s, &n, 0, false), ELO_EINVAL);
    n = node;
    n.refs = refs;
    n.n_refs = ELO_CONTENT_BLOBS_MAX + 1;
    assert_int_equal(elo_store_node_put(d->s, &n, 0, false), ELO_ETOOBIG);
    assert_int_equal(current_of(d->s, "a"), 0);

    /* the longest id, as many references as there may be */
    for (uint32_t i = 0; i < ELO_CONTENT_BLOBS_MAX; i++) {
        refs[i].b[0] = (uint8_t) i;
    }
    n.n_refs = ELO_CONTENT_BLOBS_MAX;
    n.id = elo_slice(longest, ELO_CONTENT_ID_MAX);
    assert_int_equal(elo_store_node_put(d->s, &n, 0, false), ELO_OK);
    assert_int_equal(elo_store_node_remove(d->s, n.id, 1), ELO_OK);
}


typedef struct {
    char text[256];
    uint32_t most;
} names_t;


static bool
add_name(void *ctx, elo_slice_t id)
{
    names_t *n = ctx;
    size_t len = strlen(n->text);

    snprintf(n->text + len, sizeof(n->text) - len, "%.*s ", (int) id.len,
             (const char *) id.p);
    return --n->most != 0;
}


static bool
add_node(void *ctx, const elo_node_t *node)
{
    return add_name(ctx, node->id);
}


static void
referrers_are(elo_store_t *s, const elo_digest_t *d, const char *want)
{
    names_t n = { .most = 100 };

    assert_int_equal(elo_store_referrers(s, d, add_name, &n), ELO_OK);
    assert_string_equal(n.text, want);
}


static void
test_references(void **state)
{
    dir_t *d = *state;
    elo_store_t *s = d->s;
    elo_digest_t x = digest_of(ELO_SLICE("x")), y = digest_of(ELO_SLICE("y"));
    elo_digest_t twice[3] = { x, y, x };
    elo_node_t node = { .id = ID("twice"),
                        .version = 1,
                        .reach = ELO_REACH_LOCAL,
                        .life = ELO_NODE_PUBLISHED,
                        .n_refs = 3,
                        .refs = twice,
                        .json = ID("{}") };

    assert_int_equal(put_bytes(s, ELO_SLICE("x"), NULL, NULL), ELO_OK);
    assert_int_equal(elo_store_node_put(s, &node, 0, false), ELO_OK);
    assert_int_equal(put_node(s, "once", 1, ELO_REACH_COMMONS, &x, "{}"),
                     ELO_OK);
    referrers_are(s, &x, "once twice ");
    referrers_are(s, &y, "twice ");
    assert_int_equal(elo_store_blob_reach(s, &x), ELO_REACH_COMMONS);
    /* y isn't held: nobody possesses it */
    assert_int_equal(elo_store_blob_reach(s, &y), ELO_REACH_PRIVATE);
    assert_int_equal(elo_store_remove(s, &x, NULL), ELO_EBUSY);

    /* the wide one goes: what stays counts */
    assert_int_equal(elo_store_node_remove(s, ID("once"), 0), ELO_OK);
    assert_int_equal(elo_store_blob_reach(s, &x), ELO_REACH_LOCAL);
    assert_int_equal(elo_store_remove(s, &x, NULL), ELO_EBUSY);

    /* named twice is one reference: it goes with one version that lacks it */
    node.version = 2;
    node.n_refs = 1;
    node.refs = &y;
    assert_int_equal(elo_store_node_put(s, &node, 1, false), ELO_OK);
    referrers_are(s, &x, "");
    assert_int_equal(elo_store_blob_reach(s, &x), ELO_REACH_PRIVATE);
    assert_int_equal(elo_store_remove(s, &x, NULL), ELO_OK);
    assert_int_equal(elo_store_remove(s, &x, NULL), ELO_ENOTFOUND);
    dir_reopen(d);
    referrers_are(d->s, &x, "");
    referrers_are(d->s, &y, "twice ");
    assert_int_equal(side_totals(d->s).blobs, 0);
    assert_int_equal(side_totals(d->s).nodes, 1);
}


static void
test_cursor(void **state)
{
    static const struct {
        const char *after;
        uint32_t most;
        const char *want;
    } cases[] = {
        { "", 9, "a b c d " }, { "", 2, "a b " },  { "b", 9, "c d " },
        { "bb", 9, "c d " },   { "d", 9, "" },     { "zz", 9, "" },
        { "B", 1, "a " },      { "a", 2, "b c " },
    };
    dir_t *d = *state;
    char longest[ELO_CONTENT_ID_MAX + 2];
    names_t n;

    for (const char *p = "dbca"; *p != '\0'; p++) {
        char id[2] = { *p, '\0' };

        assert_int_equal(put_node(d->s, id, 1, ELO_REACH_LOCAL, NULL, "{}"),
                         ELO_OK);
    }
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        n = (names_t){ .most = cases[i].most };
        assert_int_equal(elo_store_node_each(
                             d->s, elo_slice_str(cases[i].after), add_node, &n),
                         ELO_OK);
        assert_string_equal(n.text, cases[i].want);
    }
    memset(longest, 'a', sizeof(longest));
    assert_int_equal(
        elo_store_node_each(d->s, elo_slice(longest, ELO_CONTENT_ID_MAX + 1),
                            add_node, &n),
        ELO_EINVAL);
}


/* ---- orphans ---- */

/* Due time of x's row; 0: it has none. */
static int64_t
orphan_due(elo_store_t *s, const elo_digest_t *x)
{
    elo_kv_cursor_t *c;
    elo_kv_entry_t e;
    elo_kv_view_t v;
    elo_slice_t key;
    elo_digest_t d;
    uint32_t agent;
    int64_t due, found = 0;

    assert_int_equal(elo_kv_view_begin(s->kv, &v), ELO_OK);
    assert_int_equal(elo_kv_cursor_open(&v, ELO_T_ORPHAN, elo_slice("", 0), &c),
                     ELO_OK);
    while (elo_kv_cursor_next(c, &key, &e) == ELO_OK) {
        if (elo_orphan_key_parse(key, &due, &d, &agent) == ELO_OK
            && memcmp(d.b, x->b, ELO_SHA256_LEN) == 0)
        {
            assert_int_equal(found, 0); /* one for a digest */
            found = due;
        }
    }
    elo_kv_cursor_close(&c);
    elo_kv_view_end(&v);
    return found;
}


static void
test_orphans(void **state)
{
    dir_t *d = *state;
    elo_digest_t x = digest_of(ELO_SLICE("x")), y = digest_of(ELO_SLICE("y"));
    int64_t due;

    assert_int_equal(put_bytes(d->s, ELO_SLICE("x"), NULL, NULL), ELO_OK);
    assert_int_equal(orphan_due(d->s, &x), 0); /* never referred to: stays */
    assert_int_equal(put_node(d->s, "a", 1, ELO_REACH_LOCAL, &x, ""), ELO_OK);
    assert_int_equal(put_node(d->s, "b", 1, ELO_REACH_LOCAL, &x, ""), ELO_OK);
    assert_int_equal(elo_store_node_remove(d->s, ID("a"), 0), ELO_OK);
    assert_int_equal(orphan_due(d->s, &x), 0); /* b has it still */
    assert_int_equal(put_node(d->s, "b", 2, ELO_REACH_LOCAL, &y, ""), ELO_OK);
    due = orphan_due(d->s, &x);
    assert_true(due > 3600);
    assert_int_equal(orphan_due(d->s, &y), 0);
    side_rebuild(d);
    assert_int_equal(orphan_due(d->s, &x), due);

    /* referred to again, by a version */
    assert_int_equal(put_node(d->s, "b", 3, ELO_REACH_LOCAL, &x, ""), ELO_OK);
    assert_int_equal(orphan_due(d->s, &x), 0);
    /* y was never held: nothing to collect */
    assert_int_equal(orphan_due(d->s, &y), 0);
    assert_int_equal(elo_store_node_remove(d->s, ID("b"), 3), ELO_OK);
    assert_true(orphan_due(d->s, &x) >= due);
    /* sent again: its sender may rely on it */
    assert_int_equal(put_bytes(d->s, ELO_SLICE("x"), NULL, NULL), ELO_OK);
    assert_int_equal(orphan_due(d->s, &x), 0);
    assert_int_equal(side_rows(d->s, ELO_T_ORPHAN), 0);
}


/* ---- generations ---- */

typedef struct {
    elo_store_t *s;
    elo_digest_t x, y;
} world_t;

/* Each is done after the ones before it. */
static elo_err_t
do_blob(world_t *w)
{
    return put_bytes(w->s, ELO_SLICE("x"), NULL, NULL);
}


static elo_err_t
do_create(world_t *w)
{
    return put_node(w->s, "n", 1, ELO_REACH_COMMONS, &w->x, "{}");
}


static elo_err_t
do_index(world_t *w)
{
    return elo_store_media_put(w->s, &w->x, ELO_MEDIA_READY, ELO_SLICE("index"),
                               ELO_SLICE(""));
}


static elo_err_t
do_refuse(world_t *w)
{
    return elo_store_media_put(w->s, &w->x, ELO_MEDIA_NONE, ELO_SLICE(""),
                               ELO_SLICE("why"));
}


static elo_err_t
do_narrow(world_t *w)
{
    return put_node(w->s, "n", 2, ELO_REACH_PRIVATE, &w->x, "{}");
}


static elo_err_t
do_exchange(world_t *w)
{
    return put_node(w->s, "n", 3, ELO_REACH_COMMONS, &w->y, "{}");
}


static elo_err_t
do_arrive(world_t *w)
{
    return put_bytes(w->s, ELO_SLICE("y"), NULL, NULL);
}


static elo_err_t
do_drop_node(world_t *w)
{
    return elo_store_node_remove(w->s, ID("n"), 3);
}


static elo_err_t
do_drop_blob(world_t *w)
{
    return elo_store_remove(w->s, &w->x, NULL);
}


static void
test_generations(void **state)
{
    static const struct {
        const char *name;
        elo_err_t (*fn)(world_t *w);
        bool n, x, y; /* what must be revoked */
    } cases[] = {
        { "blob comes", do_blob, false, true, false },
        { "node is made", do_create, true, true, false },
        { "index is kept", do_index, true, true, false },
        { "index goes", do_refuse, true, true, false },
        { "reach is narrowed", do_narrow, true, true, false },
        { "blob is exchanged", do_exchange, true, true, true },
        { "blob comes after its node", do_arrive, true, false, true },
        { "node is removed", do_drop_node, true, false, true },
        { "blob is removed", do_drop_blob, false, true, false },
    };
    dir_t *d = *state;
    world_t w = { d->s, digest_of(ELO_SLICE("x")), digest_of(ELO_SLICE("y")) };
    elo_slice_t x = elo_slice(w.x.b, 32), y = elo_slice(w.y.b, 32);

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        uint64_t n0 = gen_of(d->s, ID("n")), x0 = gen_of(d->s, x),
                 y0 = gen_of(d->s, y);

        assert_int_equal(cases[i].fn(&w), ELO_OK);
        if ((cases[i].n && gen_of(d->s, ID("n")) == n0)
            || (cases[i].x && gen_of(d->s, x) == x0)
            || (cases[i].y && gen_of(d->s, y) == y0))
        {
            fail_msg("%s: a grant stays valid", cases[i].name);
        }
    }
}


/* What fails, or changes nothing, revokes nothing; a restart revokes all. */
static void
test_quiet(void **state)
{
    dir_t *d = *state;
    elo_digest_t x = digest_of(ELO_SLICE("x"));
    uint64_t before[ELO_GEN_SLOTS];

    assert_int_equal(put_bytes(d->s, ELO_SLICE("x"), NULL, NULL), ELO_OK);
    assert_int_equal(put_node(d->s, "n", 1, ELO_REACH_LOCAL, &x, "{}"), ELO_OK);
    for (uint32_t i = 0; i < ELO_GEN_SLOTS; i++) {
        before[i] = elo_gen_load(elo_store_gen(d->s), i);
    }
    assert_int_equal(put_node(d->s, "n", 1, ELO_REACH_LOCAL, &x, "{}"),
                     ELO_EEXISTS);
    assert_int_equal(elo_store_node_remove(d->s, ID("n"), 7), ELO_EPRECOND);
    assert_int_equal(elo_store_remove(d->s, &x, NULL), ELO_EBUSY);
    for (uint32_t i = 0; i < ELO_GEN_SLOTS; i++) {
        assert_int_equal(elo_gen_load(elo_store_gen(d->s), i), before[i]);
    }
    dir_reopen(d);
    for (uint32_t i = 0; i < ELO_GEN_SLOTS; i++) {
        assert_true(elo_gen_load(elo_store_gen(d->s), i) > before[i]);
    }
}


#define MANY 600


/* Each is written or refused as by itself, in order, and what is refused harms none. */
static void
test_many(void **state)
{
    dir_t *d = *state;
    elo_node_put_t puts[MANY];
    elo_node_t nodes[MANY];
    char ids[MANY][16], want[16];

    assert_int_equal(put_node(d->s, "m7", 1, ELO_REACH_COMMONS, NULL, "old"),
                     ELO_OK);
    for (uint32_t i = 0; i < MANY; i++) {
        snprintf(ids[i], sizeof(ids[i]), "m%u",
                 i % 500); /* 100 of them twice */
        nodes[i] = (elo_node_t){ .id = elo_slice_str(ids[i]),
                                 .version = i < 500 ? 1 : 2,
                                 .reach = ELO_REACH_COMMONS,
                                 .stated = ELO_REACH_COMMONS,
                                 .life = ELO_NODE_PUBLISHED,
                                 .json = elo_slice_str(ids[i]) };
        puts[i] = (elo_node_put_t){ .node = &nodes[i],
                                    .expect = i < 500 ? 0 : 1,
                                    .err = ELO_EINTERNAL };
    }
    nodes[3].id = ELO_SLICE("a/b"); /* so that its second has none before it */
    nodes[4].version = 0;
    elo_store_node_put_many(d->s, puts, MANY);
    for (uint32_t i = 0; i < MANY; i++) {
        elo_err_t err = i == 3 || i == 4       ? ELO_EINVAL
                        : i == 7               ? ELO_EEXISTS
                        : i == 503 || i == 504 ? ELO_EPRECOND
                                               : ELO_OK;

        assert_int_equal(puts[i].err, err);
    }
    dir_reopen(d);
    for (uint32_t i = 0; i < 500; i++) {
        snprintf(want, sizeof(want), "m%u", i);
        assert_int_equal(current_of(d->s, want), i == 3 || i == 4 ? 0u
                                                 : i < 100        ? 2u
                                                                  : 1u);
    }
    assert_true(version_is(d->s, "m7", 1, "old"));
    assert_true(version_is(d->s, "m7", 2, "m7"));
    elo_kv_set_readonly(d->s->kv);
    elo_store_node_put_many(d->s, puts, 5);
    assert_int_equal(puts[0].err, ELO_EREADONLY);
    assert_int_equal(puts[3].err, ELO_EINVAL);
}


/* Which of the two slots of lists have been bumped since the last call. */
static unsigned
lists_bumped(elo_store_t *s)
{
    static uint64_t narrowed, changed;
    const elo_gen_page_t *gen = elo_store_gen(s);
    uint64_t n = elo_gen_load(gen, elo_gen_slot(ELO_GEN_NARROWED));
    uint64_t c = elo_gen_load(gen, elo_gen_slot(ELO_GEN_CHANGED));
    unsigned got = (n != narrowed ? 2u : 0) | (c != changed ? 1u : 0);

    narrowed = n;
    changed = c;
    return got;
}


static void
test_lists(void **state)
{
    static const struct {
        const char *what;
        elo_reach_t reach;
        unsigned bumped;
    } rows[] = {
        { "narrow, and new", ELO_REACH_LOCAL, 0 },
        { "narrow, and narrower", ELO_REACH_PRIVATE, 0 },
        { "for everybody", ELO_REACH_COMMONS, 1 },
        { "still for everybody", ELO_REACH_COMMONS, 1 },
        { "for almost everybody", ELO_REACH_REGIONAL, 3 },
        { "not for everybody, still", ELO_REACH_REGIONAL, 0 },
        { "for everybody again", ELO_REACH_COMMONS, 1 },
        { "for nobody", ELO_REACH_PRIVATE, 3 },
    };
    dir_t *d = *state;

    (void) lists_bumped(d->s);
    for (uint64_t i = 0; i < ELO_COUNT(rows); i++) {
        assert_int_equal(
            put_node(d->s, "a", i + 1, rows[i].reach, NULL, rows[i].what),
            ELO_OK);
        if (lists_bumped(d->s) != rows[i].bumped) {
            fail_msg("%s", rows[i].what);
        }
    }
}


int
main(void)
{
#define TEST(fn) cmocka_unit_test_setup_teardown(fn, dir_setup, dir_teardown)
    const struct CMUnitTest tests[] = {
        TEST(test_versions),      TEST(test_lists),   TEST(test_refusals),
        TEST(test_references),    TEST(test_cursor),  TEST(test_generations),
        TEST(test_quiet),         TEST(test_many),    TEST(test_texts),
        TEST(test_many_versions), TEST(test_orphans),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
