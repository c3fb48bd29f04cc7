/* SPDX-License-Identifier: BSD-2-Clause */
/* Tests of backend/store/put: blobs of any length come in. One file, though
   long: the same lengths go through every way in. */
#include "t/unit/backend/store/store_dir.c"

#include "backend/store/put_internal.h"

#define MIB (1u << 20)


/* Lengths around every border: none, one, the log's limit, a chunk, several. */
static const size_t lengths[] = {
    0,       1,   DIR_INLINE - 1, DIR_INLINE, DIR_INLINE + 1,
    MIB - 1, MIB, MIB + 1,        3 * MIB,    3 * MIB + 17,
};

static const size_t pieces[] = { 0, 4096, 70000, 262144 };


static void
each_length(dir_t *d, elo_reach_t reach)
{
    elo_put_opt_t opt = opt_of(reach, 0);
    size_t n = sizeof(lengths) / sizeof(lengths[0]);
    uint64_t sum = 0;

    for (size_t i = 0; i < n; i++) {
        elo_slice_t bytes = bytes_of(lengths[i], (uint32_t) i);
        size_t piece = pieces[i % 4];
        elo_blob_stat_t st;
        bool existed;

        opt.size_hint = i % 2 == 0 ? bytes.len : 0;
        assert_int_equal(put_opt(d->s, &opt, bytes, piece, &st, &existed),
                         ELO_OK);
        assert_false(existed);
        assert_int_equal(st.size, bytes.len);
        assert_int_equal(st.is_sealed, reach <= ELO_REACH_LOCAL);
        assert_string_equal(st.content_type, "text/plain");
        assert_true(reads_back(d->s, bytes));
        assert_int_equal(put_opt(d->s, &opt, bytes, 0, &st, &existed), ELO_OK);
        assert_true(existed);
        sum += bytes.len;
        totals_are(d->s, i + 1, sum);
        bytes_free(bytes);
    }
    assert_int_equal(dir_count(d, "blobs"), 6);
    assert_int_equal(dir_count(d, "tmp"), 0);
    assert_int_equal(rows_of(d->s, ELO_T_FILE), 0);
    assert_int_equal(rows_of(d->s, ELO_T_TASK), n);
    dir_reopen(d);
    totals_are(d->s, n, sum);
    for (size_t i = 0; i < n; i++) {
        elo_slice_t bytes = bytes_of(lengths[i], (uint32_t) i);

        assert_true(reads_back(d->s, bytes));
        bytes_free(bytes);
    }
}


static void
test_clear(void **state)
{
    each_length(*state, ELO_REACH_COMMONS);
}


static void
test_sealed(void **state)
{
    each_length(*state, ELO_REACH_PRIVATE);
}


/* A length that was told wrongly does no harm. */
static void
test_wrong_hint(void **state)
{
    static const size_t told[] = { 1, DIR_INLINE + 1, 5 * MIB };
    static const size_t sent[] = { 0, 10, DIR_INLINE + 1, 2 * MIB };
    dir_t *d = *state;

    for (size_t i = 0; i < 24; i++) {
        elo_put_opt_t opt =
            opt_of(i < 12 ? ELO_REACH_COMMONS : ELO_REACH_PRIVATE, 1);
        elo_slice_t bytes = bytes_of(sent[i % 4], (uint32_t) i);
        elo_blob_stat_t st;

        opt.size_hint = told[i / 4 % 3];
        assert_int_equal(put_opt(d->s, &opt, bytes, 1000, &st, NULL), ELO_OK);
        assert_int_equal(st.size, bytes.len);
        assert_int_equal(st._file != 0, bytes.len > DIR_INLINE);
        assert_int_equal(dir_count(d, "tmp"), 0);
        bytes_free(bytes);
    }
}


/* What isn't what was expected, and what is given up, leaves nothing. */
static void
test_nothing_left(void **state)
{
    static const size_t sizes[] = { 5, DIR_INLINE + 5, 2 * MIB + 5 };
    static const elo_reach_t reaches[] = { ELO_REACH_COMMONS,
                                           ELO_REACH_PRIVATE };
    dir_t *d = *state;

    for (size_t i = 0; i < 6; i++) {
        elo_slice_t bytes = bytes_of(sizes[i / 2], 1);
        elo_put_opt_t opt = opt_of(reaches[i % 2], 0);
        elo_blob_stat_t st;
        elo_put_t *p;
        bool existed;

        opt.has_expect = true;
        opt.expect = digest_of(ELO_SLICE("something else"));
        assert_int_equal(put_opt(d->s, &opt, bytes, 1000, NULL, NULL),
                         ELO_EHASH);
        assert_int_equal(elo_put_begin(d->s, &opt, &p), ELO_OK);
        assert_int_equal(elo_put_write(p, bytes), ELO_OK);
        elo_put_abort(&p);
        elo_put_abort(&p);
        assert_int_equal(dir_count(d, "blobs"), 0);
        assert_int_equal(dir_count(d, "tmp"), 0);
        totals_are(d->s, 0, 0);
        opt.expect = digest_of(bytes);
        assert_int_equal(put_opt(d->s, &opt, bytes, 0, &st, &existed), ELO_OK);
        assert_int_equal(elo_store_remove(d->s, &st.digest, NULL), ELO_OK);
        assert_int_equal(dir_count(d, "blobs"), 0);
        bytes_free(bytes);
    }
    dir_reopen(d);
    assert_int_equal(rows_of(d->s, ELO_T_FILE), 0);
    assert_int_equal(rows_of(d->s, ELO_T_BLOB), 0);
    assert_int_equal(rows_of(d->s, ELO_T_TREE), 0);
    assert_int_equal(rows_of(d->s, ELO_T_SEALED), 0);
    assert_int_equal(rows_of(d->s, ELO_T_TASK), 0);
}


static void
test_refused(void **state)
{
    dir_t *d = *state;
    elo_put_opt_t fine = opt_of(ELO_REACH_COMMONS, 0), opt;
    elo_put_t *p;

    opt = fine;
    opt.content_type = ELO_SLICE("a\x01");
    assert_int_equal(elo_put_begin(d->s, &opt, &p), ELO_EINVAL);
    opt = fine;
    opt.reach = (elo_reach_t) 99;
    assert_int_equal(elo_put_begin(d->s, &opt, &p), ELO_EINVAL);
    opt = fine;
    opt.reach = ELO_REACH_INVITED;
    assert_int_equal(elo_put_begin(d->s, &opt, &p), ELO_ENOKEY);
    opt = fine;
    opt.size_hint = UINT64_MAX;
    assert_int_equal(elo_put_begin(d->s, &opt, &p), ELO_ENOSPC);
    opt.size_hint = (uint64_t) 1 << 60;
    assert_int_equal(elo_put_begin(d->s, &opt, &p), ELO_ENOSPC);
    assert_false(elo_store_is_readonly(d->s));
    assert_int_equal(elo_put_begin(d->s, &fine, &p), ELO_OK);
    elo_kv_set_readonly(elo_store_kv(d->s));
    assert_int_equal(elo_put_write(p, ELO_SLICE("x")), ELO_EREADONLY);
    elo_put_abort(&p);
    assert_int_equal(elo_put_begin(d->s, &fine, &p), ELO_EREADONLY);
}


/* At once when the length is told, else at the end; what he has may come again. */
static void
test_quota(void **state)
{
    dir_t *d = *state;
    elo_put_opt_t opt = opt_of(ELO_REACH_COMMONS, 1);
    elo_slice_t bytes = bytes_of(MIB, 1), more = bytes_of(MIB, 2);
    elo_put_t *p;
    bool existed;

    elo_store_close(&d->s);
    d->cfg.quota_bytes = MIB + MIB / 2;
    dir_open(d);
    assert_int_equal(put_opt(d->s, &opt, bytes, 0, NULL, NULL), ELO_OK);
    opt.size_hint = MIB;
    assert_int_equal(elo_put_begin(d->s, &opt, &p), ELO_EQUOTA);
    opt.has_expect = true;
    opt.expect = digest_of(bytes);
    assert_int_equal(put_opt(d->s, &opt, bytes, 0, NULL, &existed), ELO_OK);
    assert_true(existed);
    opt.has_expect = false;
    opt.size_hint = 0;
    assert_int_equal(put_opt(d->s, &opt, more, 0, NULL, NULL), ELO_EQUOTA);
    assert_int_equal(dir_count(d, "blobs"), 1);
    assert_int_equal(dir_count(d, "tmp"), 0);
    totals_are(d->s, 1, MIB);
    bytes_free(bytes);
    bytes_free(more);
}


/* Sent again without its length: the looks on the way know it too. */
static void
test_quota_on_the_way(void **state)
{
    dir_t *d = *state;
    elo_slice_t bytes = bytes_of(66 * MIB, 5);
    elo_put_opt_t opt = opt_of(ELO_REACH_COMMONS, 0);
    bool existed;

    elo_store_close(&d->s);
    d->cfg.quota_bytes = 67 * MIB;
    dir_open(d);
    assert_int_equal(put_opt(d->s, &opt, bytes, MIB, NULL, NULL), ELO_OK);
    assert_int_equal(put_opt(d->s, &opt, bytes, MIB, NULL, NULL), ELO_EQUOTA);
    opt.has_expect = true;
    opt.expect = digest_of(bytes);
    assert_int_equal(put_opt(d->s, &opt, bytes, MIB, NULL, &existed), ELO_OK);
    assert_true(existed);
    bytes_free(bytes);
}


/* The second sender is told what he asked for, and nothing of the first. */
static void
test_second_sender(void **state)
{
    dir_t *d = *state;

    for (size_t i = 0; i < 2; i++) {
        elo_put_opt_t one = opt_of(ELO_REACH_COMMONS, 1),
                      two = opt_of(ELO_REACH_NEIGHBORHOOD, 2);
        elo_slice_t bytes = bytes_of(i == 0 ? 100 : 2 * MIB, 77);
        elo_blob_stat_t st;
        bool existed;

        two.content_type = elo_slice("", 0);
        assert_int_equal(put_opt(d->s, &one, bytes, 0, NULL, NULL), ELO_OK);
        assert_int_equal(put_opt(d->s, &two, bytes, 0, &st, &existed), ELO_OK);
        assert_false(existed);
        assert_int_equal(st.reach, ELO_REACH_NEIGHBORHOOD);
        assert_string_equal(st.content_type, "");
        assert_int_equal(st.size, bytes.len);
        bytes_free(bytes);
    }
}


/* Does the only SEALED row name just these readers? */
static bool
names(dir_t *d, const elo_put_opt_t *opt)
{
    elo_kv_cursor_t *c;
    elo_kv_entry_t e;
    elo_kv_view_t v;
    elo_slice_t key;
    uint8_t *env;
    bool is_so;

    assert_int_equal(elo_kv_view_begin(d->s->kv, &v), ELO_OK);
    assert_int_equal(elo_kv_cursor_open(&v, ELO_T_SEALED, elo_slice("", 0), &c),
                     ELO_OK);
    assert_int_equal(elo_kv_cursor_next(c, &key, &e), ELO_OK);
    env = malloc(e.data_len);
    assert_int_equal(
        elo_kv_read(d->s->kv, e.segment, e.data_off, env, e.data_len), ELO_OK);
    is_so = elo_envelope_is_current(d->keyring, elo_slice(env, e.data_len),
                                    opt->reach, &opt->agent, opt->invited,
                                    opt->n_invited);
    free(env);
    elo_kv_cursor_close(&c);
    elo_kv_view_end(&v);
    return is_so;
}


/* What an agent sends again for other readers is for those from then on; the same
   again costs nothing. */
static void
test_other_readers(void **state)
{
    dir_t *d = *state;
    elo_agent_t a[3] = { agent_of(5), agent_of(6), agent_of(7) };
    const struct {
        elo_reach_t reach;
        const elo_agent_t *invited;
        uint32_t n;
    } t[] = {
        { ELO_REACH_PRIVATE, NULL, 0 }, { ELO_REACH_INVITED, a, 1 },
        { ELO_REACH_INVITED, a, 3 },    { ELO_REACH_INVITED, a + 1, 1 },
        { ELO_REACH_INVITED, a, 1 },    { ELO_REACH_LOCAL, NULL, 0 },
        { ELO_REACH_PRIVATE, NULL, 0 },
    };

    for (size_t size = 100; size <= 2 * MIB; size += 2 * MIB - 100) {
        elo_slice_t bytes = bytes_of(size, 9);
        elo_blob_stat_t st, again;
        bool existed;

        for (size_t i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
            elo_put_opt_t opt = opt_of(t[i].reach, 0);

            opt.invited = t[i].invited;
            opt.n_invited = t[i].n;
            assert_int_equal(size > DIR_INLINE
                                 ? put_opt(d->s, &opt, bytes, 0, &st, &existed)
                                 : small_put(d->s, &opt, bytes, &st, &existed),
                             ELO_OK);
            assert_int_equal(existed, i > 0);
            assert_int_equal(st.reach, opt.reach);
            assert_true(names(d, &opt));
            assert_true(reads_back(d->s, bytes));
            totals_are(d->s, 1, bytes.len);
            assert_int_equal(put_opt(d->s, &opt, bytes, 0, &again, &existed),
                             ELO_OK);
            assert_true(existed);
            assert_memory_equal(again._object.b, st._object.b,
                                sizeof(st._object.b));
            assert_int_equal(dir_count(d, "blobs"), size > DIR_INLINE);
        }
        assert_int_equal(elo_store_remove(d->s, &st.digest, NULL), ELO_OK);
        assert_int_equal(rows_of(d->s, ELO_T_SEALED), 0);
        assert_int_equal(rows_of(d->s, ELO_T_BLOB), 0);
        assert_int_equal(rows_of(d->s, ELO_T_TASK), 0);
        bytes_free(bytes);
    }
}


/* Long enough for several windows of write-behind, in pieces for which the crew is
   asked and others. */
static void
test_long(void **state)
{
    static const size_t steps[] = { 8 * MIB, 300000, 10, 262144 };
    dir_t *d = *state;
    elo_slice_t bytes = bytes_of(70 * MIB + 3, 5);
    elo_reach_t reach = ELO_REACH_COMMONS;

    for (int i = 0; i < 2; i++) {
        elo_put_opt_t opt = opt_of(reach, 0);
        elo_blob_stat_t st;
        elo_put_t *p;
        bool existed;
        size_t at = 0;

        assert_int_equal(elo_put_begin(d->s, &opt, &p), ELO_OK);
        for (size_t k = 0; at < bytes.len; k++) {
            size_t n = steps[k % 4];

            n = n < bytes.len - at ? n : bytes.len - at;
            assert_int_equal(elo_put_write(p, elo_slice(bytes.p + at, n)),
                             ELO_OK);
            at += n;
        }
        assert_int_equal(elo_put_commit(&p, &st, &existed), ELO_OK);
        assert_false(existed);
        assert_int_equal(st.size, bytes.len);
        assert_true(reads_back(d->s, bytes));
        assert_int_equal(elo_store_remove(d->s, &st.digest, NULL), ELO_OK);
        reach = ELO_REACH_LOCAL;
    }
    bytes_free(bytes);
}


typedef struct {
    dir_t *d;
    elo_slice_t bytes;
    elo_put_opt_t opt;
    uint32_t n_existed; /* atomic */
} race_t;


static void
race_main(void *arg)
{
    race_t *r = arg;
    bool existed = false;

    if (put_opt(r->d->s, &r->opt, r->bytes, 100000, NULL, &existed) != ELO_OK) {
        abort();
    }
    __atomic_fetch_add(&r->n_existed, existed, __ATOMIC_RELAXED);
}


/* Puts of the same bytes at the same time cost one copy, sealed or not. */
static void
test_race(void **state)
{
    static const elo_reach_t reaches[] = { ELO_REACH_COMMONS,
                                           ELO_REACH_PRIVATE };
    dir_t *d = *state;

    for (size_t i = 0; i < 2; i++) {
        elo_thread_t t[4];
        race_t r = { .d = d,
                     .bytes = bytes_of(2 * MIB + 7, (uint32_t) i),
                     .opt = opt_of(reaches[i], 0) };

        for (size_t k = 0; k < 4; k++) {
            assert_int_equal(elo_thread_create(&t[k], "put", race_main, &r),
                             ELO_OK);
        }
        for (size_t k = 0; k < 4; k++) {
            elo_thread_join(&t[k]);
        }
        assert_int_equal(r.n_existed, 3);
        assert_int_equal(dir_count(d, "blobs"), i + 1);
        assert_int_equal(dir_count(d, "tmp"), 0);
        assert_true(reads_back(d->s, r.bytes));
        bytes_free(r.bytes);
    }
    dir_reopen(d);
    assert_int_equal(rows_of(d->s, ELO_T_FILE), 0);
}


/* ---- damage ---- */

typedef struct {
    elo_kv_op_t op;
    const elo_digest_t *stored;
} bad_op_t;


static elo_err_t
bad_run(elo_kv_op_t *op, elo_kv_tx_t *tx)
{
    uint8_t mem[ELO_BAD_REC_MAX];
    elo_buf_t buf;

    elo_buf_init_fixed(&buf, mem, sizeof(mem));
    elo_rec_bad_encode(&(elo_rec_bad_t){ .since = 1, .why = ELO_SLICE("x") },
                       &buf);
    return elo_kv_tx_put(tx, ELO_T_BAD,
                         elo_digest_slice(((bad_op_t *) op)->stored),
                         elo_buf_slice(&buf), NULL, 0);
}


/* A quarantined blob is made whole by sending it again, in the log and in files,
   sealed or not; whose it was it stays. */
static void
test_heal_bad(void **state)
{
    static const size_t sizes[] = { 100, 3 * MIB };
    static const elo_reach_t reaches[] = { ELO_REACH_COMMONS,
                                           ELO_REACH_PRIVATE };
    dir_t *d = *state;

    for (size_t i = 0; i < 4; i++) {
        elo_put_opt_t opt = opt_of(reaches[i / 2], 0);
        elo_slice_t bytes = bytes_of(sizes[i % 2], (uint32_t) i);
        elo_store_totals_t t;
        elo_blob_stat_t st;
        elo_blob_t *b;
        bad_op_t o;
        bool existed;

        assert_int_equal(put_opt(d->s, &opt, bytes, 0, &st, NULL), ELO_OK);
        o = (bad_op_t){ .op.run = bad_run, .stored = &st._object };
        assert_int_equal(elo_store_exec(d->s, &o.op), ELO_OK);
        elo_store_totals(d->s, &t);
        assert_int_equal(t.bad, 1);
        assert_int_equal(elo_store_stat(d->s, &st.digest, NULL, &st), ELO_OK);
        assert_true(st.is_bad);
        assert_int_equal(elo_blob_open(d->s, &st, &b), ELO_ECORRUPT);
        assert_false(reads_back(d->s, bytes));
        assert_int_equal(put_opt(d->s, &opt, bytes, 0, &st, &existed), ELO_OK);
        assert_true(existed);
        assert_false(st.is_bad);
        assert_true(reads_back(d->s, bytes));
        elo_store_totals(d->s, &t);
        assert_int_equal(t.bad, 0);
        assert_int_equal(t.blobs, i + 1);
        assert_int_equal(rows_of(d->s, ELO_T_TASK), i + 1);
        assert_int_equal(dir_count(d, "blobs"), i / 2 + i % 2);
        bytes_free(bytes);
    }
    dir_reopen(d);
    assert_int_equal(rows_of(d->s, ELO_T_FILE), 0);
    assert_int_equal(dir_count(d, "blobs"), 2);
}


/* A blob whose file is gone or cut is made whole by putting it again. */
static void
test_heal_file(void **state)
{
    static const long lens[] = { 4, 0, 3 * MIB + 1, -1 };
    static const elo_reach_t reaches[] = { ELO_REACH_COMMONS,
                                           ELO_REACH_PRIVATE };
    dir_t *d = *state;

    for (size_t i = 0; i < 8; i++) {
        elo_put_opt_t opt = opt_of(reaches[i / 4], 0);
        elo_slice_t bytes = bytes_of(3 * MIB, (uint32_t) i);
        char name[ELO_STORE_NAME_MAX + 1];
        elo_blob_stat_t st, again;
        elo_blob_t *b;
        bool existed;

        assert_int_equal(put_opt(d->s, &opt, bytes, 0, &st, NULL), ELO_OK);
        elo_file_name(ELO_FILE_BLOB, st._file, name);
        assert_int_equal(lens[i % 4] < 0
                             ? unlink(dir_path(d, name))
                             : truncate(dir_path(d, name), lens[i % 4]),
                         0);
        assert_int_equal(elo_blob_open(d->s, &st, &b), ELO_ECORRUPT);
        assert_int_equal(put_opt(d->s, &opt, bytes, 0, &again, &existed),
                         ELO_OK);
        assert_int_not_equal(st._file, again._file);
        assert_true(reads_back(d->s, bytes));
        assert_int_equal(dir_count(d, "blobs"), i + 1);
        bytes_free(bytes);
    }
    assert_int_equal(rows_of(d->s, ELO_T_BLOB), 8);
}


/* ---- in a file with a name ---- */

#define NAME "uploads/0123"

typedef struct {
    uint64_t kept;
    uint8_t tail[MIB];
    size_t tail_len;
} place_t;


static void
keep(elo_put_t *p, place_t *at)
{
    elo_put_at_t now;

    assert_int_equal(elo_put_sync(p, &now), ELO_OK);
    at->kept = now.kept;
    at->tail_len = now.tail.len;
    if (now.tail.len > 0) {
        memcpy(at->tail, now.tail.p, now.tail.len);
    }
    assert_int_equal(now.kept + now.tail.len, elo_put_size(p));
}


static elo_put_at_t
place_of(const place_t *at)
{
    return (elo_put_at_t){ .kept = at->kept,
                           .tail = elo_slice(at->tail, at->tail_len) };
}


static elo_err_t
also(void *ctx, elo_kv_tx_t *tx, const elo_blob_stat_t *st)
{
    (void) tx;
    *(uint64_t *) ctx = st->size;
    return ELO_OK;
}


/* Left and taken up again, gone back, with a restart in between. */
static void
resumed(dir_t *d, elo_reach_t reach, size_t len, size_t step)
{
    elo_put_opt_t opt = opt_of(reach, 0);
    elo_slice_t bytes = bytes_of(len, (uint32_t) len + reach);
    elo_content_key_t key = { .cipher = ELO_CIPHER_CHACHA20_POLY1305,
                              .key = { 1, 2, 3 } };
    const elo_content_key_t *k = reach == ELO_REACH_COMMONS ? NULL : &key;
    place_t *at = calloc(1, sizeof(*at)), *before = calloc(1, sizeof(*at));
    uint64_t told = 0;
    elo_blob_stat_t st;
    elo_put_at_t where;
    elo_put_t *p = NULL;
    bool existed;

    for (size_t off = 0, i = 0; off < len; i++) {
        size_t n = step < len - off ? step : len - off;

        if (p == NULL) {
            where = place_of(at);
            assert_int_equal(elo_put_begin_at(d->s, &opt, NAME, k, &where, &p),
                             ELO_OK);
            assert_int_equal(elo_put_size(p), off);
        }
        assert_int_equal(elo_put_write(p, elo_slice(bytes.p + off, n)), ELO_OK);
        off += n;
        *before = *at;
        keep(p, at);
        switch (i % 4) {
        case 1: /* the process ends in order */
            elo_put_leave(&p);
            assert_null(p);
            break;
        case 2: /* wrong bytes, taken back */
            assert_int_equal(elo_put_write(p, ELO_SLICE("nonsense")), ELO_OK);
            where = place_of(at);
            assert_int_equal(elo_put_rewind(p, &where), ELO_OK);
            assert_int_equal(elo_put_size(p), off);
            break;
        case 3: /* what came after the last sync is lost */
            where = place_of(before);
            elo_put_leave(&p);
            assert_int_equal(elo_put_begin_at(d->s, &opt, NAME, k, &where, &p),
                             ELO_OK);
            off = (size_t) elo_put_size(p);
            *at = *before;
            break;
        default:
            break;
        }
        if (i % 4 == 3) { /* go on: this piece comes again */
            assert_int_equal(elo_put_write(p, elo_slice(bytes.p + off, n)),
                             ELO_OK);
            off += n;
            keep(p, at);
        }
    }
    if (p == NULL) {
        where = place_of(at);
        assert_int_equal(elo_put_begin_at(d->s, &opt, NAME, k, &where, &p),
                         ELO_OK);
    }
    assert_int_equal(elo_put_commit_also(&p, also, &told, &st, &existed),
                     ELO_OK);
    assert_int_equal(told, len);
    assert_false(existed);
    assert_int_equal(access(dir_path(d, NAME), F_OK), -1);
    assert_true(reads_back(d->s, bytes));
    /* Once more: known, and told of all the same. */
    told = 0;
    where = (elo_put_at_t){ .kept = 0 };
    assert_int_equal(elo_put_begin_at(d->s, &opt, NAME, k, &where, &p), ELO_OK);
    assert_int_equal(elo_put_write(p, bytes), ELO_OK);
    assert_int_equal(elo_put_commit_also(&p, also, &told, &st, &existed),
                     ELO_OK);
    assert_true(existed);
    assert_int_equal(told, len);
    assert_int_equal(access(dir_path(d, NAME), F_OK), -1);
    bytes_free(bytes);
    free(before);
    free(at);
}


static void
test_resumed(void **state)
{
    static const elo_reach_t reaches[] = { ELO_REACH_COMMONS,
                                           ELO_REACH_PRIVATE };
    dir_t *d = *state;

    for (size_t i = 0; i < 2; i++) {
        resumed(d, reaches[i], 100, 9);
        resumed(d, reaches[i], DIR_INLINE, 5000);
        resumed(d, reaches[i], MIB, 200000);
        resumed(d, reaches[i], 5 * MIB + 3, MIB);
        resumed(d, reaches[i], 5 * MIB + 4, 700001);
    }
    dir_reopen(d);
    assert_int_equal(rows_of(d->s, ELO_T_FILE), 0);
}


static elo_err_t
refuse(void *ctx, elo_kv_tx_t *tx, const elo_blob_stat_t *st)
{
    (void) ctx;
    (void) tx;
    (void) st;
    return ELO_EGONE;
}


/* What can't be: a file shorter than it was, a place that was never given; and a
   commit that is refused keeps the file. */
static void
test_resume_refused(void **state)
{
    dir_t *d = *state;
    elo_put_opt_t opt = opt_of(ELO_REACH_COMMONS, 0);
    elo_slice_t bytes = bytes_of(2 * MIB, 3);
    elo_content_key_t key = { .cipher = ELO_CIPHER_AES256_GCM };
    elo_put_at_t at = { .kept = 1 };
    elo_blob_stat_t st;
    elo_put_t *p;
    bool existed;

    assert_int_equal(elo_put_begin_at(d->s, &opt, NAME, NULL, &at, &p),
                     ELO_ECORRUPT);
    at = (elo_put_at_t){ .tail = ELO_SLICE("clear content has none") };
    assert_int_equal(elo_put_begin_at(d->s, &opt, NAME, NULL, &at, &p),
                     ELO_ECORRUPT);
    at = (elo_put_at_t){ .kept = 17 };
    opt.reach = ELO_REACH_PRIVATE;
    assert_int_equal(elo_put_begin_at(d->s, &opt, NAME, &key, &at, &p),
                     ELO_ECORRUPT);
    opt.reach = ELO_REACH_COMMONS;
    at = (elo_put_at_t){ .kept = 0 };
    assert_int_equal(elo_put_begin_at(d->s, &opt, NAME, NULL, &at, &p), ELO_OK);
    assert_int_equal(elo_put_write(p, bytes), ELO_OK);
    assert_int_equal(elo_put_commit_also(&p, refuse, NULL, &st, &existed),
                     ELO_EGONE);
    assert_int_equal(access(dir_path(d, NAME), F_OK), 0);
    assert_int_equal(dir_count(d, "blobs"), 0);
    totals_are(d->s, 0, 0);
    at.kept = bytes.len;
    assert_int_equal(elo_put_begin_at(d->s, &opt, NAME, NULL, &at, &p), ELO_OK);
    assert_int_equal(elo_put_commit(&p, &st, &existed), ELO_OK);
    assert_true(reads_back(d->s, bytes));
    assert_int_equal(elo_put_begin_at(d->s, &opt, NAME, NULL,
                                      &(elo_put_at_t){ .kept = 0 }, &p),
                     ELO_OK);
    elo_put_abort(&p);
    assert_int_equal(access(dir_path(d, NAME), F_OK), -1);
    bytes_free(bytes);
}


int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_clear, dir_setup, dir_teardown),
        cmocka_unit_test_setup_teardown(test_sealed, dir_setup_keys,
                                        dir_teardown),
        cmocka_unit_test_setup_teardown(test_wrong_hint, dir_setup_keys,
                                        dir_teardown),
        cmocka_unit_test_setup_teardown(test_nothing_left, dir_setup_keys,
                                        dir_teardown),
        cmocka_unit_test_setup_teardown(test_refused, dir_setup, dir_teardown),
        cmocka_unit_test_setup_teardown(test_quota, dir_setup, dir_teardown),
        cmocka_unit_test_setup_teardown(test_quota_on_the_way, dir_setup,
                                        dir_teardown),
        cmocka_unit_test_setup_teardown(test_second_sender, dir_setup,
                                        dir_teardown),
        cmocka_unit_test_setup_teardown(test_other_readers, dir_setup_keys,
                                        dir_teardown),
        cmocka_unit_test_setup_teardown(test_long, dir_setup_keys,
                                        dir_teardown),
        cmocka_unit_test_setup_teardown(test_race, dir_setup_keys,
                                        dir_teardown),
        cmocka_unit_test_setup_teardown(test_heal_bad, dir_setup_keys,
                                        dir_teardown),
        cmocka_unit_test_setup_teardown(test_heal_file, dir_setup_keys,
                                        dir_teardown),
        cmocka_unit_test_setup_teardown(test_resumed, dir_setup_keys,
                                        dir_teardown),
        cmocka_unit_test_setup_teardown(test_resume_refused, dir_setup_keys,
                                        dir_teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
