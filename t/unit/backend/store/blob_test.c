/* SPDX-License-Identifier: BSD-2-Clause */
/* Tests of backend/store/blob and blob_row: what is answered about blobs, one and
   all of them. */
#include "t/unit/backend/store/store_dir.c"

#define MIB (1u << 20)
#define N   40u

typedef struct {
    elo_blob_stat_t st[64];
    size_t n, most;
} list_t;


static bool
collect(void *ctx, const elo_blob_stat_t *st)
{
    list_t *l = ctx;

    if (l->n == l->most) {
        return false; /* the next call begins with this one */
    }
    l->st[l->n++] = *st;
    return true;
}


static void
test_stat(void **state)
{
    dir_t *d = *state;
    elo_put_opt_t clear = opt_of(ELO_REACH_MUNICIPAL, 1);
    elo_put_opt_t narrow = opt_of(ELO_REACH_PRIVATE, 0);
    elo_slice_t text = ELO_SLICE("hello"), other = ELO_SLICE("narrow");
    elo_digest_t dig = digest_of(text), dig2 = digest_of(other);
    elo_agent_t op = agent_of(0), two = agent_of(2);
    elo_blob_stat_t st;

    assert_int_equal(elo_store_stat(d->s, &dig, NULL, &st), ELO_ENOTFOUND);
    clear.content_type = ELO_SLICE("audio/mpeg");
    assert_int_equal(put_opt(d->s, &clear, text, 0, NULL, NULL), ELO_OK);
    assert_int_equal(put_opt(d->s, &narrow, other, 0, NULL, NULL), ELO_OK);
    /* A clear one is found for whoever asks: the gate is elsewhere. */
    assert_int_equal(elo_store_stat(d->s, &dig, &two, &st), ELO_OK);
    assert_string_equal(st.content_type, "audio/mpeg");
    assert_int_equal(st.reach, ELO_REACH_MUNICIPAL);
    assert_int_equal(st.size, 5);
    assert_false(st.is_bad);
    assert_true(st.created_at > 1600000000);
    assert_int_equal(strncmp(st.name, "log/", 4), 0);
    /* A sealed one of its agent only, or of any. */
    assert_int_equal(elo_store_stat(d->s, &dig2, &two, &st), ELO_ENOTFOUND);
    assert_int_equal(elo_store_stat(d->s, &dig2, &op, &st), ELO_OK);
    assert_true(st.is_sealed);
    assert_int_equal(elo_store_stat(d->s, &dig2, NULL, &st), ELO_OK);
    assert_true(st.is_sealed);
    assert_int_equal(st.size, other.len);
    assert_memory_equal(st.digest.b, dig2.b, ELO_SHA256_LEN);
    /* Nor by the digest of what is stored. */
    assert_int_equal(elo_store_stat(d->s, &st._object, NULL, &st),
                     ELO_ENOTFOUND);
    /* Without its keyring the store doesn't know it. */
    elo_store_close(&d->s);
    d->cfg.keyring = NULL;
    dir_open(d);
    assert_int_equal(elo_store_stat(d->s, &dig2, NULL, &st), ELO_ENOTFOUND);
    assert_int_equal(elo_store_stat(d->s, &dig, NULL, &st), ELO_OK);
}


/* All, in pages, whatever the size of a page and the rows that may be looked at
   for one: those that aren't shown count too. */
static void
paged_by(elo_store_t *s, bool is_sealed, size_t most, uint32_t budget,
         size_t want)
{
    elo_blob_at_t at = { .has_after = false };
    list_t l = { .most = most };
    elo_digest_t last;
    size_t n = 0;

    do {
        l.n = 0;
        at.budget = budget;
        assert_int_equal(is_sealed ? elo_store_each_sealed(s, &at, collect, &l)
                                   : elo_store_each(s, &at, collect, &l),
                         ELO_OK);
        assert_true(at.is_end || l.n == most || at.budget == 0);
        assert_true(l.n <= budget - at.budget);
        for (size_t i = 0; i < l.n; i++) {
            assert_int_equal(l.st[i].is_sealed, is_sealed);
            assert_true(n == 0
                        || memcmp(last.b, l.st[i]._object.b, ELO_SHA256_LEN)
                               < 0);
            last = l.st[i]._object;
            n++;
        }
    } while (!at.is_end);
    assert_int_equal(n, want);
}


static void
paged(elo_store_t *s, bool is_sealed, size_t want)
{
    for (size_t most = 1; most <= 64; most *= 4) {
        paged_by(s, is_sealed, most, 1, want);
        paged_by(s, is_sealed, most, 3, want);
        paged_by(s, is_sealed, most, UINT32_MAX, want);
    }
}


static void
test_each(void **state)
{
    dir_t *d = *state;
    elo_put_opt_t clear = opt_of(ELO_REACH_COMMONS, 0);
    elo_put_opt_t narrow = opt_of(ELO_REACH_INVITED, 0);
    elo_put_opt_t foreign = opt_of(ELO_REACH_PRIVATE, 7);
    list_t l = { .most = 64 };

    paged(d->s, false, 0);
    paged(d->s, true, 0);
    for (uint32_t i = 0; i < N; i++) {
        elo_slice_t bytes = bytes_of(i == 5 ? 2 * MIB : 100, i);

        assert_int_equal(
            put_opt(d->s, i % 4 == 0 ? &narrow : &clear, bytes, 0, NULL, NULL),
            ELO_OK);
        if (i % 10 == 0) { /* of a guest */
            assert_int_equal(put_opt(d->s, &foreign, bytes, 0, NULL, NULL),
                             ELO_OK);
        }
        bytes_free(bytes);
    }
    paged(d->s, false, N - N / 4);
    paged(d->s, true, N / 4 + N / 10);
    dir_reopen(d);
    paged(d->s, false, N - N / 4);
    paged(d->s, true, N / 4 + N / 10);
    /* What a listing says leads to the bytes. */
    assert_int_equal(elo_store_each_sealed(d->s, NULL, collect, &l), ELO_OK);
    for (size_t i = 0; i < l.n; i++) {
        uint8_t got[100];
        elo_digest_t is;
        elo_blob_t *b;

        assert_int_equal(elo_blob_open(d->s, &l.st[i], &b), ELO_OK);
        assert_int_equal(elo_blob_read(b, 0, got, sizeof(got)), ELO_OK);
        is = digest_of(elo_slice(got, sizeof(got)));
        assert_memory_equal(is.b, l.st[i].digest.b, ELO_SHA256_LEN);
        elo_blob_close(&b);
    }
    dir_become_stranger(d); /* what nobody here opens is passed over */
    paged(d->s, false, N - N / 4);
    paged(d->s, true, 0);
}


typedef struct {
    elo_kv_op_t op;
    elo_store_t *s;
    const elo_digest_t *d;
    bool is_held, is_clear;
} held_op_t;


static elo_err_t
held_run(elo_kv_op_t *op, elo_kv_tx_t *tx)
{
    held_op_t *o = (held_op_t *) op;
    elo_err_t rc = elo_blob_is_held(o->s, tx, o->d, &o->is_held);

    return rc != ELO_OK ? rc : elo_blob_is_clear(tx, o->d, &o->is_clear);
}


static void
test_held(void **state)
{
    static const struct {
        const char *text;
        int reach; /* -1: not put */
    } rows[] = { { "clear", ELO_REACH_COMMONS },
                 { "sealed", ELO_REACH_LOCAL },
                 { "of another agent", ELO_REACH_PRIVATE },
                 { "neither", -1 } };
    dir_t *d = *state;

    for (size_t i = 0; i < 4; i++) {
        elo_put_opt_t opt = opt_of((elo_reach_t) rows[i].reach, i == 2);
        elo_slice_t bytes = elo_slice_str(rows[i].text);
        elo_digest_t dig = digest_of(bytes);
        held_op_t o = { .op.run = held_run, .s = d->s, .d = &dig };

        if (rows[i].reach >= 0) {
            assert_int_equal(put_opt(d->s, &opt, bytes, 0, NULL, NULL), ELO_OK);
        }
        assert_int_equal(elo_store_exec(d->s, &o.op), ELO_OK);
        assert_int_equal(o.is_held, rows[i].reach >= 0);
        assert_int_equal(o.is_clear, rows[i].reach == ELO_REACH_COMMONS);
    }
}


int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_stat, dir_setup_keys,
                                        dir_teardown),
        cmocka_unit_test_setup_teardown(test_each, dir_setup_keys,
                                        dir_teardown),
        cmocka_unit_test_setup_teardown(test_held, dir_setup_keys,
                                        dir_teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
