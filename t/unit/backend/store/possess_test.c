/* SPDX-License-Identifier: BSD-2-Clause */
/* Tests of backend/store/possess, and of what acts on references: only those count
   whose node's owner has sent the blob, or was promoted. One file, though long:
   its model knows everything that the tests before it show one by one. */
#include "t/unit/backend/store/side_dir.h"

#include "backend/store/agent.h"
#include "backend/store/fsck.h"
#include "backend/store/possess.h"

#define ID(s) ELO_SLICE(s)


static elo_err_t
send_as(elo_store_t *s, uint8_t agent, elo_reach_t reach, elo_slice_t bytes)
{
    elo_put_opt_t opt = opt_of(reach, agent);

    return put_opt(s, &opt, bytes, 0, NULL, NULL);
}


/* Does the node's reference lead to the blob? */
static bool
leads(elo_store_t *s, const char *id, uint64_t version, const elo_digest_t *d)
{
    elo_blob_stat_t st;
    elo_err_t rc = elo_store_ref_stat(s, elo_slice_str(id), version, d, &st);

    assert_true(rc == ELO_OK || rc == ELO_ENOTFOUND);
    if (rc == ELO_OK) {
        assert_memory_equal(st.digest.b, d->b, sizeof(d->b));
    }
    return rc == ELO_OK;
}


/* ---- rows as they are ---- */

typedef struct {
    elo_kv_op_t op;
    elo_slice_t id, value;
} row_op_t;


static elo_err_t
row_run(elo_kv_op_t *op, elo_kv_tx_t *tx)
{
    row_op_t *o = (row_op_t *) op;

    return elo_kv_tx_put(tx, ELO_T_NODE, o->id, o->value, NULL, 0);
}


/* ---- who possesses what ---- */

#define CLEAR  ELO_REACH_COMMONS
#define SEALED ELO_REACH_PRIVATE
#define NONE   (-1)

static void
test_matrix(void **state)
{
    static const struct {
        const char *name;
        uint8_t owner;
        int him, other; /* who sends it how */
        bool other_first;
        bool is_gone; /* he takes it back */
        bool want;
    } cases[] = {
        { "nobody has sent it", 1, NONE, NONE, false, false, false },
        { "another's, in the clear", 1, NONE, CLEAR, false, false, false },
        { "another's, sealed", 1, NONE, SEALED, false, false, false },
        { "his, in the clear", 1, CLEAR, NONE, false, false, true },
        { "his, sealed", 1, SEALED, NONE, false, false, true },
        { "his as the second", 1, CLEAR, CLEAR, true, false, true },
        { "his as the first of two", 1, CLEAR, CLEAR, false, false, true },
        { "both sealed", 1, SEALED, SEALED, true, false, true },
        { "his sealed, another's clear", 1, SEALED, CLEAR, true, false, true },
        { "his clear, another's sealed", 1, CLEAR, SEALED, true, false, true },
        { "taken back", 1, CLEAR, NONE, false, true, false },
        { "taken back by the first", 1, CLEAR, CLEAR, false, true, false },
        { "taken back by the second", 1, CLEAR, CLEAR, true, true, false },
        { "sealed and taken back", 1, SEALED, SEALED, false, true, false },
        { "the operator sent it", 0, CLEAR, NONE, false, false, true },
        { "the operator sealed it", 0, SEALED, NONE, false, false, true },
        { "an agent's, to the operator", 0, NONE, CLEAR, false, false, false },
        { "sealed, to the operator", 0, NONE, SEALED, false, false, false },
        { "the operator took it back", 0, CLEAR, CLEAR, false, true, false },
    };
    dir_t *d = *state;
    elo_store_t *s = d->s;

    for (size_t i = 0; i < ELO_COUNT(cases); i++) {
        elo_slice_t b = bytes_of(i % 2 == 0 ? 500 : 40000, (uint32_t) i);
        elo_digest_t dig = digest_of(b);
        elo_agent_t owner = agent_of(cases[i].owner);
        elo_reach_t reach = ELO_REACH_MUNICIPAL, seen;
        elo_blob_stat_t st;
        elo_err_t rc;
        char id[8];

        for (int k = 0; k < 2; k++) {
            bool is_other = (k == 0) == cases[i].other_first;
            int how = is_other ? cases[i].other : cases[i].him;

            if (how != NONE) {
                assert_int_equal(send_as(s, is_other ? 2 : cases[i].owner,
                                         (elo_reach_t) how, b),
                                 ELO_OK);
            }
        }
        if (cases[i].is_gone) {
            assert_int_equal(elo_store_remove(s, &dig, &owner), ELO_OK);
        }
        snprintf(id, sizeof(id), "m%zu", i);
        assert_int_equal(
            put_node_of(s, cases[i].owner, id, 1, reach, &dig, "{}"), ELO_OK);
        if (leads(s, id, 1, &dig) != cases[i].want
            || elo_store_possesses(s, &owner, &dig) != cases[i].want
            || (elo_store_blob_reach(s, &dig) == reach) != cases[i].want)
        {
            fail_msg("%s: %d", cases[i].name, !cases[i].want);
        }
        rc = elo_store_stat_reach(s, &dig, NULL, &st, &seen);
        assert_true(rc == ELO_OK || rc == ELO_ENOTFOUND);
        if (rc == ELO_OK) {
            assert_int_equal(seen, cases[i].want ? reach : ELO_REACH_PRIVATE);
            assert_int_equal(elo_store_remove(s, &dig, NULL),
                             cases[i].want ? ELO_EBUSY : ELO_OK);
        }
        bytes_free(b);
    }
}


/* A ciphertext object is no blob of him whose bytes are in it. */
static void
test_object(void **state)
{
    dir_t *d = *state;
    elo_put_opt_t opt = opt_of(ELO_REACH_PRIVATE, 1);
    elo_blob_stat_t st;

    assert_int_equal(put_opt(d->s, &opt, ELO_SLICE("secret"), 0, &st, NULL),
                     ELO_OK);
    assert_int_equal(
        put_node_of(d->s, 1, "o", 1, ELO_REACH_COMMONS, &st._object, "{}"),
        ELO_OK);
    assert_false(leads(d->s, "o", 1, &st._object));
    assert_int_equal(elo_store_blob_reach(d->s, &st._object),
                     ELO_REACH_PRIVATE);
}


static void
test_ref_stat(void **state)
{
    dir_t *d = *state;
    elo_digest_t x = digest_of(ELO_SLICE("x"));
    elo_blob_stat_t st;

    assert_int_equal(send_as(d->s, 1, CLEAR, ELO_SLICE("x")), ELO_OK);
    assert_int_equal(elo_store_ref_stat(d->s, ID("n"), 1, &x, &st),
                     ELO_ENOTFOUND);
    assert_int_equal(put_node_of(d->s, 1, "n", 1, CLEAR, &x, "{}"), ELO_OK);
    assert_int_equal(put_node_of(d->s, 1, "n", 2, CLEAR, &x, "{}"), ELO_OK);
    assert_int_equal(elo_store_ref_stat(d->s, ID("n"), 1, &x, &st),
                     ELO_EPRECOND);
    assert_int_equal(elo_store_ref_stat(d->s, ID("n"), 2, &x, &st), ELO_OK);
    assert_int_equal(elo_store_ref_stat(d->s, ID("n/"), 2, &x, &st),
                     ELO_ENOTFOUND);
    /* the sealed copy that is meant is the owner's own */
    assert_int_equal(send_as(d->s, 1, SEALED, ELO_SLICE("y")), ELO_OK);
    assert_int_equal(send_as(d->s, 2, SEALED, ELO_SLICE("y")), ELO_OK);
    x = digest_of(ELO_SLICE("y"));
    /* a node of the same owner with other bytes doesn't mean these */
    assert_int_equal(elo_store_ref_stat(d->s, ID("n"), 2, &x, &st),
                     ELO_ENOTFOUND);
    for (uint8_t a = 1; a <= 2; a++) {
        elo_agent_t agent = agent_of(a);
        elo_blob_stat_t own;
        char id[2] = { (char) ('0' + a), '\0' };

        assert_int_equal(put_node_of(d->s, a, id, 1, SEALED, &x, "{}"), ELO_OK);
        assert_int_equal(
            elo_store_ref_stat(d->s, elo_slice_str(id), 1, &x, &st), ELO_OK);
        assert_int_equal(elo_store_stat(d->s, &x, &agent, &own), ELO_OK);
        assert_true(st.is_sealed);
        assert_memory_equal(st._object.b, own._object.b, ELO_SHA256_LEN);
    }
}


static bool
count_up(void *ctx, elo_slice_t id)
{
    (void) id;
    ++*(uint32_t *) ctx;
    return true;
}


static bool
count_to_3(void *ctx, elo_slice_t id)
{
    return count_up(ctx, id) && *(uint32_t *) ctx < 3;
}


/* Those that refer to it effectively, until fn returns false. */
typedef struct {
    elo_id_each_fn fn;
    uint32_t *n;
} count_t;


static elo_err_t
on_ref(void *ctx, elo_slice_t id, const elo_rec_node_t *node)
{
    count_t *c = ctx;

    (void) node;
    return c->fn(c->n, id) ? ELO_EAGAIN : ELO_OK;
}


static void
effective(elo_store_t *s, const elo_digest_t *d, elo_id_each_fn fn, uint32_t *n)
{
    count_t c = { fn, n };
    elo_holding_t h;
    elo_kv_view_t v;

    assert_int_equal(elo_kv_view_begin(elo_store_kv(s), &v), ELO_OK);
    elo_holding_init(&h, s, &(elo_rows_t){ .view = &v }, d);
    assert_int_equal(elo_refs_each(&h, on_ref, &c), ELO_OK);
    elo_kv_view_end(&v);
}


static void
referrers_are(elo_store_t *s, const elo_digest_t *d, uint32_t all,
              uint32_t want)
{
    uint32_t n = 0;

    assert_int_equal(elo_store_referrers(s, d, count_up, &n), ELO_OK);
    assert_int_equal(n, all);
    n = 0;
    effective(s, d, count_up, &n);
    assert_int_equal(n, want);
    n = 0;
    effective(s, d, count_to_3, &n);
    assert_int_equal(n, ELO_MIN(want, 3u));
}


/* Nodes of many who name a blob that isn't theirs stand between nothing: neither
   before nor behind the one that counts. */
static void
test_many_names(void **state)
{
    dir_t *d = *state;
    elo_digest_t x = digest_of(ELO_SLICE("x")), other = x;
    char id[16];

    other.b[31] ^= 1; /* neighbours in the table */
    for (uint8_t a = 0; a < 9; a++) {
        for (uint32_t i = 0; i < 20; i++) {
            snprintf(id, sizeof(id), "n%u.%u", a, i);
            assert_int_equal(put_node_of(d->s, a, id, 1, CLEAR,
                                         i % 2 == 0 ? &x : &other, "{}"),
                             ELO_OK);
        }
    }
    assert_int_equal(send_as(d->s, 20, CLEAR, ELO_SLICE("x")), ELO_OK);
    assert_int_equal(elo_store_blob_reach(d->s, &x), ELO_REACH_PRIVATE);
    referrers_are(d->s, &x, 90, 0);
    for (uint8_t k = 0; k < 3; k++) { /* the first number, one between, and 0 */
        static const uint8_t who[] = { 1, 5, 0 };
        elo_agent_t a = agent_of(who[k]);

        assert_int_equal(send_as(d->s, who[k], CLEAR, ELO_SLICE("x")), ELO_OK);
        assert_int_equal(elo_store_blob_reach(d->s, &x), CLEAR);
        assert_int_equal(elo_store_blob_reach(d->s, &other), ELO_REACH_PRIVATE);
        assert_int_equal(elo_store_remove(d->s, &x, &a), ELO_EBUSY);
        referrers_are(d->s, &x, 90u - 10u * k, 10);
        for (uint32_t i = 0; i < 20; i += 2) {
            snprintf(id, sizeof(id), "n%u.%u", who[k], i);
            assert_int_equal(elo_store_node_remove(d->s, elo_slice_str(id), 0),
                             ELO_OK);
            assert_int_equal(elo_store_blob_reach(d->s, &x),
                             i < 18 ? CLEAR : ELO_REACH_PRIVATE);
        }
        assert_int_equal(elo_store_remove(d->s, &x, &a), ELO_OK);
    }
}


/* An owner that nobody knows, as damage of the log may leave it: his node gives
   nothing, and a check says so. */
static void
test_unknown_owner(void **state)
{
    dir_t *d = *state;
    elo_digest_t x = digest_of(ELO_SLICE("x"));
    uint8_t row[16 + ELO_SHA256_LEN] = {
        2, ELO_REACH_COMMONS, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 99, 0, 1
    };
    row_op_t o = { .op.run = row_run,
                   .id = ID("lost"),
                   .value = elo_slice(row, sizeof(row)) };
    elo_fsck_report_t *r = calloc(1, sizeof(*r));
    elo_fsck_cfg_t cfg = { .root = d->root };
    elo_agent_t owner;

    memcpy(row + 16, x.b, ELO_SHA256_LEN);
    assert_int_equal(send_as(d->s, 0, CLEAR, ELO_SLICE("x")), ELO_OK);
    assert_int_equal(put_node(d->s, "lost", 1, CLEAR, &x, "{}"), ELO_OK);
    assert_int_equal(elo_store_blob_reach(d->s, &x), CLEAR);
    assert_int_equal(elo_store_exec(d->s, &o.op), ELO_OK);
    assert_int_equal(elo_store_blob_reach(d->s, &x), ELO_REACH_PRIVATE);
    assert_false(leads(d->s, "lost", 1, &x));
    assert_int_equal(elo_store_node_owner(d->s, ID("lost"), &owner),
                     ELO_ECORRUPT);
    assert_int_equal(put_node(d->s, "lost", 2, CLEAR, &x, "{}"), ELO_EDENIED);
    elo_store_close(&d->s);
    assert_int_equal(elo_fsck_check(&cfg, r), ELO_OK);
    assert_int_equal(r->kinds[ELO_FSCK_NODE].n, 1);
    assert_int_equal(r->problems, 1);
    dir_open(d);
    free(r);
}


/* ---- in time ---- */

/* The owner sends it later: then it counts, and whoever was told otherwise asks
   again. First in the clear, as the second sender, sealed; small and large. */
static void
test_sent_later(void **state)
{
    static const struct {
        int before; /* by another */
        elo_reach_t reach;
        size_t size;
    } cases[] = {
        { NONE, CLEAR, 100 },    { NONE, CLEAR, 3u << 20 },
        { CLEAR, CLEAR, 100 },   { CLEAR, CLEAR, 3u << 20 },
        { CLEAR, SEALED, 100 },  { SEALED, CLEAR, 100 },
        { SEALED, SEALED, 100 }, { SEALED, SEALED, 3u << 20 },
        { NONE, SEALED, 100 },
    };
    dir_t *d = *state;

    for (size_t i = 0; i < 2 * ELO_COUNT(cases); i++) {
        size_t k = i / 2;
        elo_slice_t b = bytes_of(cases[k].size, 300 + (uint32_t) i);
        bool is_small = cases[k].size == 100 && i % 2 == 1;
        elo_put_opt_t opt = opt_of(cases[k].reach, 1);
        elo_digest_t dig = digest_of(b);
        uint64_t of_node, of_blob;
        uint32_t n = 0;
        char id[8];

        snprintf(id, sizeof(id), "t%zu", i);
        if (cases[k].before != NONE) {
            assert_int_equal(send_as(d->s, 2, (elo_reach_t) cases[k].before, b),
                             ELO_OK);
        }
        assert_int_equal(put_node_of(d->s, 1, id, 1, CLEAR, &dig, "{}"),
                         ELO_OK);
        assert_false(leads(d->s, id, 1, &dig));
        assert_int_equal(elo_store_referrers(d->s, &dig, count_up, &n), ELO_OK);
        assert_int_equal(n, 1);
        of_node = gen_of(d->s, elo_slice_str(id));
        of_blob = gen_of(d->s, elo_digest_slice(&dig));
        assert_int_equal(is_small ? small_put(d->s, &opt, b, NULL, NULL)
                                  : put_opt(d->s, &opt, b, 0, NULL, NULL),
                         ELO_OK);
        assert_true(leads(d->s, id, 1, &dig));
        assert_true(gen_of(d->s, elo_slice_str(id)) > of_node);
        assert_true(gen_of(d->s, elo_digest_slice(&dig)) > of_blob);
        assert_int_equal(elo_store_blob_reach(d->s, &dig), CLEAR);
        bytes_free(b);
    }
}


static void
owner_is(elo_store_t *s, const char *id, uint8_t want)
{
    elo_agent_t a = agent_of(want), is;

    assert_int_equal(elo_store_node_owner(s, elo_slice_str(id), &is), ELO_OK);
    assert_true(elo_agent_eq(&a, &is));
}


static bool
has_owner(void *ctx, const elo_node_t *node)
{
    return elo_agent_eq(&node->owner, ctx) ? true : (fail(), false);
}


static void
test_owner(void **state)
{
    dir_t *d = *state;
    elo_digest_t x = digest_of(ELO_SLICE("x"));
    elo_agent_t two = agent_of(2);
    elo_node_t given = { .id = ID("n"),
                         .version = 3,
                         .reach = ELO_REACH_COMMONS,
                         .life = ELO_NODE_PUBLISHED,
                         .owner = two,
                         .n_refs = 1,
                         .refs = &x,
                         .json = ID("{}") };
    elo_agent_t none;
    uint64_t of_blob;

    assert_int_equal(elo_store_node_owner(d->s, ID("n"), &none), ELO_ENOTFOUND);
    assert_int_equal(send_as(d->s, 1, CLEAR, ELO_SLICE("x")), ELO_OK);
    /* whoever has never written gets his number with his node */
    assert_int_equal(put_node_of(d->s, 3, "m", 1, CLEAR, NULL, "{}"), ELO_OK);
    owner_is(d->s, "m", 3);
    assert_int_equal(put_node_of(d->s, 1, "n", 1, CLEAR, &x, "{}"), ELO_OK);
    owner_is(d->s, "n", 1);
    for (uint8_t a = 0; a < 5; a++) {
        assert_int_equal(put_node_of(d->s, a, "n", 2, CLEAR, &x, "{}"),
                         a == 1 ? ELO_OK : ELO_EDENIED);
        if (a == 1) {
            break;
        }
    }
    for (uint8_t a = 0; a < 5; a++) {
        if (a != 1) { /* one without a number too */
            assert_int_equal(put_node_of(d->s, a, "n", 3, CLEAR, &x, "{}"),
                             ELO_EDENIED);
        }
    }
    /* version and existence come first */
    assert_int_equal(put_node_of(d->s, 2, "n", 1, CLEAR, &x, "{}"),
                     ELO_EEXISTS);
    assert_int_equal(put_node_of(d->s, 2, "n", 5, CLEAR, &x, "{}"),
                     ELO_EPRECOND);
    side_rebuild(d);
    owner_is(d->s, "n", 1);
    assert_true(leads(d->s, "n", 2, &x));

    /* given away: what counted counts no more, and is an orphan */
    of_blob = gen_of(d->s, elo_digest_slice(&x));
    assert_int_equal(elo_store_node_put(d->s, &given, 2, true), ELO_OK);
    owner_is(d->s, "n", 2);
    assert_false(leads(d->s, "n", 3, &x));
    assert_true(gen_of(d->s, elo_digest_slice(&x)) > of_blob);
    assert_int_equal(rows_of(d->s, ELO_T_ORPHAN), 2); /* and the way back */
    /* and back again */
    given.version = 4;
    given.owner = agent_of(1);
    assert_int_equal(elo_store_node_put(d->s, &given, 3, true), ELO_OK);
    assert_true(leads(d->s, "n", 4, &x));
    assert_int_equal(rows_of(d->s, ELO_T_ORPHAN), 0);
    assert_int_equal(elo_store_node_remove(d->s, ID("m"), 0), ELO_OK);
    assert_int_equal(
        elo_store_node_each(d->s, elo_slice("", 0), has_owner, &given.owner),
        ELO_OK);
}


/* A node isn't on anybody's account. */
static void
test_no_quota(void **state)
{
    dir_t *d = *state;
    elo_agent_t one = agent_of(1);
    elo_agent_stat_t st;

    assert_int_equal(elo_store_set_quota(d->s, &one, 1), ELO_OK);
    assert_int_equal(put_node_of(d->s, 1, "q", 1, CLEAR, NULL, "{}"), ELO_OK);
    assert_int_equal(elo_store_agent(d->s, &one, &st), ELO_OK);
    assert_int_equal(st.bytes, 0);
    assert_int_equal(st.blobs, 0);
}


/* ---- promotions ---- */

typedef struct {
    bool is_on;
    elo_digest_t d;
    elo_agent_t to;
} promotion_t;


static bool
promoted(void *ctx, const elo_digest_t *d, const elo_agent_t *to)
{
    promotion_t *p = ctx;

    return p->is_on && memcmp(d->b, p->d.b, sizeof(d->b)) == 0
           && elo_agent_eq(to, &p->to);
}


static void
test_promotion(void **state)
{
    dir_t *d = *state;
    static const elo_reach_t how[] = { CLEAR, SEALED };

    for (uint8_t i = 0; i < 4; i++) { /* to an agent, and to the operator */
        uint8_t to = i < 2 ? 3 : 0;
        elo_slice_t b = bytes_of(700, 500u + i);
        promotion_t p = { false, digest_of(b), agent_of(to) };
        uint64_t of_node, of_blob;
        char id[8], other[8];

        d->cfg.promoted = promoted;
        d->cfg.promoted_ctx = &p;
        dir_reopen(d);
        snprintf(id, sizeof(id), "p%u", i);
        assert_int_equal(send_as(d->s, 1, how[i % 2], b), ELO_OK);
        assert_int_equal(put_node_of(d->s, to, id, 1, CLEAR, &p.d, "{}"),
                         ELO_OK);
        assert_false(leads(d->s, id, 1, &p.d));
        of_node = gen_of(d->s, elo_slice_str(id));
        of_blob = gen_of(d->s, elo_digest_slice(&p.d));
        p.is_on = true;
        assert_int_equal(elo_store_refs_changed(d->s, &p.d), ELO_OK);
        assert_true(gen_of(d->s, elo_slice_str(id)) > of_node);
        assert_true(gen_of(d->s, elo_digest_slice(&p.d)) > of_blob);
        assert_true(leads(d->s, id, 1, &p.d));
        assert_int_equal(elo_store_blob_reach(d->s, &p.d), CLEAR);
        assert_int_equal(elo_store_remove(d->s, &p.d, NULL), ELO_EBUSY);
        /* he may refer to it, but hasn't sent it */
        assert_false(elo_store_possesses(d->s, &p.to, &p.d));
        /* another's node gains nothing by it */
        snprintf(other, sizeof(other), "x%u", i);
        assert_int_equal(put_node_of(d->s, 4, other, 1, CLEAR, &p.d, "{}"),
                         ELO_OK);
        assert_false(leads(d->s, other, 1, &p.d));
        assert_int_equal(elo_store_node_remove(d->s, elo_slice_str(other), 0),
                         ELO_OK);

        p.is_on = false;
        assert_int_equal(elo_store_refs_changed(d->s, &p.d), ELO_OK);
        assert_false(leads(d->s, id, 1, &p.d));
        assert_int_equal(elo_store_blob_reach(d->s, &p.d), ELO_REACH_PRIVATE);
        assert_int_equal(elo_store_remove(d->s, &p.d, NULL), ELO_OK);
        /* promoted for what isn't held */
        p.is_on = true;
        assert_false(leads(d->s, id, 1, &p.d));
        bytes_free(b);
        dir_reopen(d); /* before p ends */
        d->cfg.promoted = NULL;
        dir_reopen(d);
    }
}


static void
test_version_1(void **state)
{
    dir_t *d = *state;
    elo_digest_t x = digest_of(ELO_SLICE("x"));
    uint8_t row[12 + ELO_SHA256_LEN] = {
        1, ELO_REACH_COMMONS, 0, 0, 0, 0, 0, 0, 0, 1, 0, 1
    };
    row_op_t o = { .op.run = row_run,
                   .id = ID("old"),
                   .value = elo_slice(row, sizeof(row)) };

    memcpy(row + 12, x.b, ELO_SHA256_LEN);
    assert_int_equal(put_node(d->s, "old", 1, CLEAR, &x, "{}"), ELO_OK);
    assert_int_equal(elo_store_exec(d->s, &o.op), ELO_OK);
    side_rebuild(d);
    owner_is(d->s, "old", 0);
    assert_false(leads(d->s, "old", 1, &x));
    assert_int_equal(send_as(d->s, 0, CLEAR, ELO_SLICE("x")), ELO_OK);
    assert_true(leads(d->s, "old", 1, &x));
    assert_int_equal(put_node_of(d->s, 1, "old", 2, CLEAR, &x, "{}"),
                     ELO_EDENIED);
    assert_int_equal(put_node(d->s, "old", 2, CLEAR, &x, "{}"), ELO_OK);
}


/* ---- anything in any order ---- */

#define AGENTS 4u
#define BLOBS  5u
#define NODES  6u
#define OPS    1500u

typedef struct {
    uint8_t clear[BLOBS], sealed[BLOBS]; /* sets of agents */
    struct {
        uint64_t version; /* 0: there is none */
        uint64_t tomb;    /* version of what is left of the one before */
        uint8_t owner;
        elo_reach_t reach;
        uint32_t refs;
    } nodes[NODES];
} model_t;

static const elo_reach_t reaches[] = { ELO_REACH_PRIVATE, ELO_REACH_LOCAL,
                                       ELO_REACH_NEIGHBORHOOD,
                                       ELO_REACH_COMMONS };


static bool
counts(const model_t *m, uint32_t n, uint32_t b)
{
    return m->nodes[n].version != 0 && (m->nodes[n].refs >> b & 1) != 0
           && ((m->clear[b] | m->sealed[b]) >> m->nodes[n].owner & 1) != 0;
}


static void
model_is(dir_t *d, const model_t *m, const elo_digest_t *dig)
{
    for (uint32_t b = 0; b < BLOBS; b++) {
        elo_reach_t widest = ELO_REACH_PRIVATE;

        for (uint32_t n = 0; n < NODES; n++) {
            char id[2] = { (char) ('a' + n), '\0' };

            if (counts(m, n, b)) {
                widest = ELO_MAX(widest, m->nodes[n].reach);
            }
            if (m->nodes[n].version != 0) {
                assert_int_equal(leads(d->s, id, m->nodes[n].version, &dig[b]),
                                 counts(m, n, b));
            }
        }
        assert_int_equal(elo_store_blob_reach(d->s, &dig[b]), widest);
    }
}


static void
model_node(dir_t *d, model_t *m, const elo_digest_t *dig, uint64_t r)
{
    uint32_t n = (uint32_t) (r >> 8) % NODES, set = (uint32_t) (r >> 20) % 32;
    uint8_t owner = (uint8_t) ((r >> 16) % AGENTS);
    char id[2] = { (char) ('a' + n), '\0' };
    elo_digest_t refs[BLOBS];
    elo_node_t x = { .id = elo_slice_str(id),
                     .version =
                         ELO_MAX(m->nodes[n].version, m->nodes[n].tomb) + 1,
                     .reach = reaches[(r >> 30) % 4],
                     .life = ELO_NODE_PUBLISHED,
                     .owner = agent_of(owner),
                     .refs = refs,
                     .json = ID("{}") };
    bool may_give = (r >> 40) % 2 == 0,
         is_his = m->nodes[n].version == 0 || m->nodes[n].owner == owner;

    for (uint32_t b = 0; b < BLOBS; b++) {
        if ((set >> b & 1) != 0) {
            refs[x.n_refs++] = dig[b];
        }
    }
    if (m->nodes[n].version != 0 && (r >> 44) % 4 == 0) {
        assert_int_equal(elo_store_node_remove(d->s, x.id, 0), ELO_OK);
        m->nodes[n].version = 0;
        m->nodes[n].tomb = x.version;
        return;
    }
    assert_int_equal(
        elo_store_node_put(d->s, &x, m->nodes[n].version, may_give),
        may_give || is_his ? ELO_OK : ELO_EDENIED);
    if (may_give || is_his) {
        m->nodes[n].version = x.version;
        m->nodes[n].owner = owner;
        m->nodes[n].reach = x.reach;
        m->nodes[n].refs = set;
    }
}


static void
model_blob(dir_t *d, model_t *m, const elo_digest_t *dig, elo_slice_t *bytes,
           uint64_t r)
{
    uint32_t b = (uint32_t) (r >> 8) % BLOBS;
    uint8_t a = (uint8_t) ((r >> 16) % AGENTS), bit = (uint8_t) (1u << a);
    elo_agent_t agent = agent_of(a);
    bool is_kept = false, has = ((m->clear[b] | m->sealed[b]) & bit) != 0;

    if ((r >> 24) % 2 == 0) {
        bool is_clear = (r >> 25) % 2 == 0;

        assert_int_equal(send_as(d->s, a, is_clear ? CLEAR : SEALED, bytes[b]),
                         ELO_OK);
        if (is_clear) {
            m->clear[b] |= bit;
        } else if ((m->clear[b] & bit) == 0) {
            m->sealed[b] |= bit;
        }
        return;
    }
    for (uint32_t n = 0; n < NODES; n++) {
        is_kept = is_kept || counts(m, n, b);
    }
    assert_int_equal(elo_store_remove(d->s, &dig[b], &agent),
                     !has      ? ELO_ENOTFOUND
                     : is_kept ? ELO_EBUSY
                               : ELO_OK);
    if (has && !is_kept) {
        m->clear[b] &= (uint8_t) ~bit;
        m->sealed[b] &= (uint8_t) ~bit;
    }
}


/* Only what counts keeps a blob, widens it, leads to it: held against a model. */
static void
test_property(void **state)
{
    dir_t *d = *state;
    elo_digest_t dig[BLOBS];
    elo_slice_t bytes[BLOBS];
    model_t m = { 0 };
    uint64_t x = 20231;

    for (uint32_t b = 0; b < BLOBS; b++) {
        bytes[b] = bytes_of(b == 0 ? 0 : 100 * b, 900 + b);
        dig[b] = digest_of(bytes[b]);
    }
    for (uint32_t i = 0; i < OPS; i++) {
        uint64_t r;

        x = x * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
        r = (x ^ x >> 29) * UINT64_C(0xbf58476d1ce4e5b9);
        r ^= r >> 32;
        if (r % 3 == 0) {
            model_node(d, &m, dig, r);
        } else {
            model_blob(d, &m, dig, bytes, r);
        }
        if (i == OPS / 2) {
            side_rebuild(d);
        }
        model_is(d, &m, dig);
    }
    for (uint32_t b = 0; b < BLOBS; b++) {
        bytes_free(bytes[b]);
    }
}


int
main(void)
{
#define TEST(fn)                                                               \
    cmocka_unit_test_setup_teardown(fn, dir_setup_keys, dir_teardown)
    const struct CMUnitTest tests[] = {
        TEST(test_many_names), TEST(test_unknown_owner), TEST(test_matrix),
        TEST(test_object),     TEST(test_ref_stat),      TEST(test_sent_later),
        TEST(test_owner),      TEST(test_no_quota),      TEST(test_promotion),
        TEST(test_version_1),  TEST(test_property),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
