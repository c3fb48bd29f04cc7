/* SPDX-License-Identifier: BSD-2-Clause */
/* Tests of backend/store/purge: what gets into the ring, that it is there before the
   caller is answered, and that it stays over starts, damage and restored backups. */
#include "store_dir.c"

#include "backend/store/backup.h"
#include "backend/store/purge.h"

#define ID(s) ELO_SLICE(s)

/* Place of an edge that has applied all. */
static uint64_t
now_of(elo_store_t *s)
{
    return elo_purge_last(elo_store_gen(s));
}


/* How many entries follow on *at, all of d (NULL: of any digest). */
static uint32_t
drain(elo_store_t *s, uint64_t *at, const elo_digest_t *d)
{
    elo_purge_t p;
    uint32_t n = 0;
    elo_err_t rc;

    while ((rc = elo_purge_next(elo_store_gen(s), at, &p)) == ELO_OK) {
        assert_int_equal(p.kind, ELO_PURGE_BLOB);
        if (d != NULL) {
            assert_memory_equal(p.digest.b, d->b, sizeof(d->b));
        }
        n++;
    }
    assert_int_equal(rc, ELO_EAGAIN);
    return n;
}


static elo_err_t
purge_of(elo_store_t *s, uint32_t n, uint64_t *seq)
{
    elo_digest_t *d = calloc(n, sizeof(*d));
    elo_purge_set_t set = { .digests = d, .n_digests = n };
    elo_err_t rc;

    assert_non_null(d);
    for (uint32_t i = 0; i < n; i++) {
        memcpy(d[i].b, &i, sizeof(i));
    }
    rc = elo_store_purge(s, &set, seq);
    free(d);
    return rc;
}


/* ---- what goes in by itself ---- */

/* Held or not, a blob is forgotten when a content becomes narrower, or refers to it
   no more; and not when edges can't have it, or may go on having it. */
static void
test_narrower(void **state)
{
    dir_t *d = *state;
    elo_digest_t x = digest_of(ELO_SLICE("x")), y = digest_of(ELO_SLICE("y"));
    uint64_t at = now_of(d->s);
    static const struct {
        const char *what;
        uint64_t version;
        elo_reach_t reach;
        bool is_y;
        uint32_t want; /* of x before, of y where it is_y before */
        bool of_y;
    } rows[] = {
        { "it comes", 1, ELO_REACH_COMMONS, false, 0, false },
        { "the same again", 2, ELO_REACH_COMMONS, false, 0, false },
        { "narrower", 3, ELO_REACH_REGIONAL, false, 1, false },
        { "wider", 4, ELO_REACH_COMMONS, false, 0, false },
        { "sealed", 5, ELO_REACH_PRIVATE, false, 1, false },
        { "narrow, wider", 6, ELO_REACH_LOCAL, false, 0, false },
        { "narrow, narrower", 7, ELO_REACH_INVITED, false, 0, false },
        { "wide again", 8, ELO_REACH_NEIGHBORHOOD, false, 0, false },
        { "another blob", 9, ELO_REACH_NEIGHBORHOOD, true, 1, false },
        { "another, wider", 10, ELO_REACH_COMMONS, false, 1, true },
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        uint64_t before = at;

        assert_int_equal(put_node(d->s, "n", rows[i].version, rows[i].reach,
                                  rows[i].is_y ? &y : &x, "{}"),
                         ELO_OK);
        if (drain(d->s, &at, rows[i].of_y ? &y : &x) != rows[i].want) {
            fail_msg("%s", rows[i].what);
        }
        assert_true((at & ELO_PURGE_NUMBER)
                    == (before & ELO_PURGE_NUMBER) + rows[i].want);
    }
    assert_int_equal(elo_store_node_remove(d->s, ID("n"), 0), ELO_OK);
    assert_int_equal(drain(d->s, &at, &x), 1);
    assert_int_equal(elo_store_node_remove(d->s, ID("n"), 0), ELO_ENOTFOUND);
    assert_int_equal(drain(d->s, &at, &x), 0);
}


static void
test_forgotten(void **state)
{
    dir_t *d = *state;
    elo_digest_t x = digest_of(ELO_SLICE("x"));
    elo_node_t node = { .id = ID("n"),
                        .reach = ELO_REACH_PRIVATE,
                        .stated = ELO_REACH_COMMONS,
                        .n_refs = 1,
                        .refs = &x,
                        .json = ELO_SLICE("{}") };
    static const elo_node_life_t lives[] = { ELO_NODE_DRAFT,
                                             ELO_NODE_FORGOTTEN };
    uint64_t at = now_of(d->s);

    for (size_t i = 0; i < 2; i++) {
        uint64_t v = i * 2 + 1;

        assert_int_equal(put_node(d->s, "n", v, ELO_REACH_COMMONS, &x, "{}"),
                         ELO_OK);
        assert_int_equal(drain(d->s, &at, &x), 0);
        node.life = lives[i];
        node.version = v + 1;
        assert_int_equal(elo_store_node_put(d->s, &node, v, false), ELO_OK);
        assert_int_equal(drain(d->s, &at, &x), 1);
    }
}


/* A removed blob, where it was in the clear: digests of sealed ones stand in no file
   of the store's. A promotion that is taken back. */
static void
test_blobs(void **state)
{
    elo_put_opt_t narrow = opt_of(ELO_REACH_PRIVATE, 0);
    dir_t *d = *state;
    elo_digest_t x = digest_of(ELO_SLICE("x")), y = digest_of(ELO_SLICE("y"));
    uint64_t at = now_of(d->s);

    assert_int_equal(put_bytes(d->s, ELO_SLICE("x"), NULL, NULL), ELO_OK);
    assert_int_equal(put_opt(d->s, &narrow, ELO_SLICE("y"), 0, NULL, NULL),
                     ELO_OK);
    assert_int_equal(elo_store_refs_changed(d->s, &x), ELO_OK);
    assert_int_equal(drain(d->s, &at, &x), 1);
    assert_int_equal(elo_store_refs_changed(d->s, &y), ELO_OK);
    assert_int_equal(elo_store_remove(d->s, &y, NULL), ELO_OK);
    assert_int_equal(drain(d->s, &at, NULL), 0);
    assert_int_equal(elo_store_remove(d->s, &x, NULL), ELO_OK);
    assert_int_equal(drain(d->s, &at, &x), 1);
}


/* What fails says nothing to edges, and its places are given to others. */
static void
test_refused(void **state)
{
    dir_t *d = *state;
    elo_digest_t x = digest_of(ELO_SLICE("x"));
    uint64_t at = now_of(d->s);

    assert_int_equal(put_node(d->s, "n", 1, ELO_REACH_COMMONS, &x, "{}"),
                     ELO_OK);
    assert_int_equal(put_node(d->s, "n", 9, ELO_REACH_PRIVATE, &x, "{}"),
                     ELO_EPRECOND);
    assert_int_equal(elo_store_node_remove(d->s, ID("n"), 7), ELO_EPRECOND);
    assert_int_equal(purge_of(d->s, ELO_PURGE_DIGESTS_MAX + 1, NULL),
                     ELO_ETOOBIG);
    elo_kv_set_readonly(elo_store_kv(d->s));
    assert_int_equal(elo_store_node_remove(d->s, ID("n"), 0), ELO_EREADONLY);
    assert_int_equal(purge_of(d->s, 1, NULL), ELO_EREADONLY);
    assert_int_equal(drain(d->s, &at, NULL), 0);
    assert_true(at == now_of(d->s));
}


/* ---- what is asked for ---- */

static void
test_asked(void **state)
{
    dir_t *d = *state;
    elo_digest_t x = digest_of(ELO_SLICE("x")), y = digest_of(ELO_SLICE("y"));
    elo_slice_t ids[] = { ID("one"), ID("two") };
    elo_slots_t slots = { { 0 } };
    elo_purge_set_t set = { &slots, &x, 1, false };
    uint64_t at = now_of(d->s), seq = 0, other = gen_of(d->s, ID("three"));
    uint64_t was[] = { gen_of(d->s, ids[0]), gen_of(d->s, ids[1]),
                       gen_of(d->s, elo_digest_slice(&x)) };

    elo_slots_mark(&slots, ids[0]);
    elo_slots_mark(&slots, ids[1]);
    assert_int_equal(elo_store_purge(d->s, &set, &seq), ELO_OK);
    assert_true(seq == now_of(d->s));
    assert_int_equal(drain(d->s, &at, &x), 1);
    assert_true(at == seq);
    assert_true(gen_of(d->s, ids[0]) > was[0]);
    assert_true(gen_of(d->s, ids[1]) > was[1]);
    assert_true(gen_of(d->s, elo_digest_slice(&x)) > was[2]);
    assert_true(gen_of(d->s, ID("three")) == other);
    set = (elo_purge_set_t){ .slots = &slots };
    was[0] = gen_of(d->s, ids[0]);
    assert_int_equal(elo_store_purge(d->s, &set, &seq), ELO_OK);
    assert_true(gen_of(d->s, ids[0]) > was[0]);
    assert_true(seq == at && at == now_of(d->s)); /* nothing for the ring */
    set = (elo_purge_set_t){ .digests = &y, .n_digests = 1 };
    assert_int_equal(elo_store_purge(d->s, &set, NULL), ELO_OK);
    assert_int_equal(drain(d->s, &at, &y), 1);
}


static void
test_all(void **state)
{
    elo_purge_set_t set = { .is_all = true };
    dir_t *d = *state;
    uint64_t at = now_of(d->s), before[ELO_GEN_SLOTS];
    elo_purge_t p;

    for (uint32_t i = 0; i < ELO_GEN_SLOTS; i++) {
        before[i] = elo_gen_load(elo_store_gen(d->s), i);
    }
    assert_int_equal(elo_store_purge(d->s, &set, NULL), ELO_OK);
    for (uint32_t i = 0; i < ELO_GEN_SLOTS; i++) {
        assert_true(elo_gen_load(elo_store_gen(d->s), i) > before[i]);
    }
    assert_int_equal(elo_purge_next(elo_store_gen(d->s), &at, &p), ELO_OK);
    assert_int_equal(p.kind, ELO_PURGE_ALL);
    assert_int_equal(drain(d->s, &at, NULL), 0);
}


/* ---- what stays ---- */

/* An edge that was away finds what it has missed, as long as the ring holds it,
   whatever became of the page. */
static void
test_restart(void **state)
{
    static const char *const cuts[] = { "as it is", "gone", "cut", "emptied" };
    dir_t *d = *state;
    uint64_t at, was, tag;

    for (size_t i = 0; i < 4; i++) {
        assert_int_equal(purge_of(d->s, 3, NULL), ELO_OK);
        was = at = now_of(d->s);
        tag = at & ~ELO_PURGE_NUMBER;
        assert_int_equal(purge_of(d->s, 5, NULL), ELO_OK);
        elo_store_close(&d->s);
        assert_int_equal(
            i == 1   ? unlink(dir_path(d, ELO_GEN_FILE))
            : i == 0 ? 0
                     : truncate(dir_path(d, ELO_GEN_FILE), i == 2 ? 66000 : 0),
            0);
        dir_open(d);
        assert_true(
            elo_gen_page_ok(elo_store_gen(d->s), sizeof(elo_gen_page_t)));
        if (drain(d->s, &at, NULL) != 5) {
            fail_msg("%s", cuts[i]);
        }
        assert_true((at & ~ELO_PURGE_NUMBER) == tag);
        assert_int_equal(purge_of(d->s, 1, NULL), ELO_OK);
        assert_int_equal(drain(d->s, &at, NULL), 1);
        assert_true((at & ~ELO_PURGE_NUMBER) != tag); /* another run */
        assert_int_equal(drain(d->s, &was, NULL), 6);
    }
}


/* The table is as long as the ring, and no longer; so is what an edge may miss. */
static void
test_bounded(void **state)
{
    dir_t *d = *state;
    uint64_t at = now_of(d->s), first;
    elo_purge_t p;

    assert_int_equal(purge_of(d->s, 1, &first), ELO_OK);
    for (uint32_t i = 0; i < 4; i++) {
        assert_int_equal(purge_of(d->s, ELO_PURGE_DIGESTS_MAX, NULL), ELO_OK);
        for (uint32_t again = 0; again < 2; again++) {
            uint64_t from = first, start = at;
            uint32_t behind = (i + 1) * ELO_PURGE_DIGESTS_MAX;

            assert_int_equal(elo_purge_next(elo_store_gen(d->s), &start, &p),
                             behind < ELO_PURGE_RING ? ELO_OK : ELO_ERANGE);
            if (behind < ELO_PURGE_RING) {
                assert_int_equal(drain(d->s, &from, NULL), behind);
            } else {
                assert_int_equal(elo_purge_next(elo_store_gen(d->s), &from, &p),
                                 ELO_ERANGE);
            }
            dir_reopen(d);
        }
    }
    assert_int_equal(rows_of(d->s, ELO_T_PURGE), ELO_PURGE_RING + 1);
}


/* A backup that is put in the place of its store, and goes another way from there: an
   edge that has seen more drops all, also when the numbers have caught up. */
static void
test_restored(void **state)
{
    dir_t *d = *state;
    uint64_t before, after;
    elo_backup_t b;
    elo_purge_t p;
    dir_t copy;

    dir_make_root(&copy);
    assert_int_equal(purge_of(d->s, 4, &before), ELO_OK);
    assert_int_equal(elo_store_backup(d->s, copy.root, false, NULL, &b),
                     ELO_OK);
    assert_int_equal(purge_of(d->s, 4, &after), ELO_OK);
    dir_open(&copy);
    assert_true(elo_store_gen(copy.s)->store_id
                == elo_store_gen(d->s)->store_id);
    for (uint32_t i = 0; i < 8; i++) {
        uint64_t at = after;

        assert_int_equal(elo_purge_next(elo_store_gen(copy.s), &at, &p),
                         ELO_ERANGE);
        at = before;
        assert_int_equal(drain(copy.s, &at, NULL), i);
        assert_int_equal(purge_of(copy.s, 1, NULL), ELO_OK);
    }
    dir_end(&copy);
}


typedef struct {
    elo_kv_op_t op; /* first */
    elo_slice_t key, value;
} row_op_t;


static elo_err_t
row_run(elo_kv_op_t *op, elo_kv_tx_t *tx)
{
    row_op_t *o = (row_op_t *) op;

    return elo_kv_tx_put(tx, ELO_T_PURGE, o->key, o->value, NULL, 0);
}


static void
put_row(elo_store_t *s, elo_slice_t key, elo_slice_t value)
{
    row_op_t o = { .op.run = row_run, .key = key, .value = value };

    assert_int_equal(elo_kv_exec(s->kv, &o.op), ELO_OK);
}


/* Rows that make no sense. */
static void
test_damaged(void **state)
{
    static const struct {
        uint8_t key[2];
        uint8_t value;
    } rows[] = { { { 0xff, 0xff }, 9 }, { { 0, 6 }, 42 } };
    dir_t *d = *state;
    elo_purge_t p;

    for (size_t i = 0; i < 2; i++) {
        elo_slice_t key = elo_slice(rows[i].key, 2);
        uint8_t value[ELO_PURGE_REC] = { 7 };
        uint64_t first, last;
        bool is_head;

        assert_int_equal(purge_of(d->s, 1, &first), ELO_OK);
        assert_int_equal(purge_of(d->s, 4, &last), ELO_OK);
        assert_int_equal(
            elo_purge_row_parse(key, elo_slice(value, 9), &is_head, &first, &p),
            ELO_ECORRUPT);
        put_row(d->s, key, elo_slice(value, rows[i].value));
        dir_reopen(d);
        if (i == 1) { /* what is before the gap is there */
            assert_int_equal(elo_purge_next(elo_store_gen(d->s), &first, &p),
                             ELO_OK);
        }
        assert_int_equal(elo_purge_next(elo_store_gen(d->s), &first, &p),
                         ELO_ERANGE);
        assert_int_equal(purge_of(d->s, 1, &first), ELO_OK);
        assert_int_equal(purge_of(d->s, 2, NULL), ELO_OK);
        assert_int_equal(drain(d->s, &first, NULL), 2);
    }
}


/* ---- many at a time ---- */

#define THREADS 4
#define ROUNDS  60

typedef struct {
    elo_store_t *s;
    uint8_t no;
    uint32_t late; /* entries or slots that weren't there when it was told */
} worker_t;


/* Has the ring an entry of d past place at? */
static bool
is_said(elo_store_t *s, uint64_t at, const elo_digest_t *d)
{
    elo_purge_t p;

    while (elo_purge_next(elo_store_gen(s), &at, &p) == ELO_OK) {
        if (memcmp(p.digest.b, d->b, sizeof(d->b)) == 0) {
            return true;
        }
    }
    return false;
}


static void
work(void *arg)
{
    worker_t *w = arg;

    for (uint32_t i = 0; i < ROUNDS; i++) {
        uint8_t name[2] = { w->no, (uint8_t) i };
        elo_digest_t d = digest_of(elo_slice(name, 2));
        elo_purge_set_t set = { .digests = &d, .n_digests = 1 };
        uint64_t at = now_of(w->s), slot = gen_of(w->s, elo_digest_slice(&d));

        if (elo_store_purge(w->s, &set, NULL) != ELO_OK
            || !is_said(w->s, at, &d)
            || gen_of(w->s, elo_digest_slice(&d)) == slot)
        {
            w->late++;
        }
    }
}


/* Whoever has been told finds his entry in the page, whoever put it there. */
static void
test_threads(void **state)
{
    dir_t *d = *state;
    uint64_t at = now_of(d->s);
    worker_t w[THREADS];
    elo_thread_t t[THREADS];

    for (uint8_t i = 0; i < THREADS; i++) {
        w[i] = (worker_t){ d->s, i, 0 };
        assert_int_equal(elo_thread_create(&t[i], "purge", work, &w[i]),
                         ELO_OK);
    }
    for (uint8_t i = 0; i < THREADS; i++) {
        elo_thread_join(&t[i]);
        assert_int_equal(w[i].late, 0);
    }
    assert_int_equal(drain(d->s, &at, NULL), THREADS * ROUNDS);
}


static void
test_rows(void **state)
{
    static const uint8_t good[ELO_PURGE_REC] = { 1, 0, 0, 9, 0,   0,
                                                 0, 4, 2, 1, 0xaa };
    static const uint8_t head[] = { 0xff, 0xff }, key[] = { 0, 2 };
    uint8_t row[ELO_PURGE_REC + 1];
    elo_purge_t p;
    uint64_t seq;
    bool is_head;

    (void) state;
    assert_int_equal(elo_purge_row_parse(elo_slice(key, 2),
                                         elo_slice(good, sizeof(good)),
                                         &is_head, &seq, &p),
                     ELO_OK);
    assert_false(is_head);
    assert_true(seq == (UINT64_C(9) << 40 | 0x402));
    assert_int_equal(p.kind, ELO_PURGE_BLOB);
    assert_int_equal(p.digest.b[0], 0xaa);
    assert_int_equal(elo_purge_row_parse(elo_slice(head, 2), elo_slice(good, 9),
                                         &is_head, &seq, &p),
                     ELO_OK);
    assert_true(is_head && seq == (UINT64_C(9) << 40 | 0x402));
    memcpy(row, good, sizeof(good));
    row[ELO_PURGE_REC] = 0;
    for (size_t len = 0; len <= sizeof(row); len++) {
        assert_int_equal(elo_purge_row_parse(elo_slice(key, 2),
                                             elo_slice(row, len), &is_head,
                                             &seq, &p),
                         len == ELO_PURGE_REC ? ELO_OK : ELO_ECORRUPT);
        assert_int_equal(elo_purge_row_parse(elo_slice(head, 2),
                                             elo_slice(row, len), &is_head,
                                             &seq, &p),
                         len == ELO_PURGE_HEAD_REC ? ELO_OK : ELO_ECORRUPT);
        assert_int_equal(elo_purge_row_parse(elo_slice(key, 1),
                                             elo_slice(row, len), &is_head,
                                             &seq, &p),
                         ELO_ECORRUPT);
    }
    for (size_t i = 0; i < 10; i++) { /* version, place of another row, kind */
        static const uint8_t bad[] = { 2, 0, 0, 0, 0, 0, 0, 4, 3, 3 };

        if (i == 0 || i > 7) {
            memcpy(row, good, sizeof(good));
            row[i] = bad[i];
            assert_int_equal(elo_purge_row_parse(elo_slice(key, 2),
                                                 elo_slice(row, ELO_PURGE_REC),
                                                 &is_head, &seq, &p),
                             ELO_ECORRUPT);
        }
    }
}


int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_narrower, dir_setup, dir_teardown),
        cmocka_unit_test_setup_teardown(test_forgotten, dir_setup,
                                        dir_teardown),
        cmocka_unit_test_setup_teardown(test_blobs, dir_setup_keys,
                                        dir_teardown),
        cmocka_unit_test_setup_teardown(test_refused, dir_setup, dir_teardown),
        cmocka_unit_test_setup_teardown(test_asked, dir_setup, dir_teardown),
        cmocka_unit_test_setup_teardown(test_all, dir_setup, dir_teardown),
        cmocka_unit_test_setup_teardown(test_restart, dir_setup, dir_teardown),
        cmocka_unit_test_setup_teardown(test_bounded, dir_setup, dir_teardown),
        cmocka_unit_test_setup_teardown(test_restored, dir_setup, dir_teardown),
        cmocka_unit_test_setup_teardown(test_damaged, dir_setup, dir_teardown),
        cmocka_unit_test_setup_teardown(test_threads, dir_setup, dir_teardown),
        cmocka_unit_test(test_rows),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
