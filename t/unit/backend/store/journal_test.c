/* SPDX-License-Identifier: BSD-2-Clause */
/* Tests of backend/store/journal: numbers without gaps whoever appends, the chain of
   AUDIT, what a check says of every kind of damage, and that nothing takes an entry
   away. One file, though long: every damage is one to the same journal. */
#include "t/unit/backend/store/side_dir.h"

#include "backend/kv/index.h"
#include "backend/os/thread.h"
#include "backend/store/fsck.h"
#include "backend/store/journal.h"

#define THREADS 4u
#define EACH    60u

static const elo_journal_t both[] = { ELO_JOURNAL_RECORD, ELO_JOURNAL_AUDIT };


static uint64_t
append(elo_store_t *s, elo_journal_t j, elo_slice_t bytes)
{
    uint64_t number = 0;

    assert_int_equal(elo_store_journal_append(s, j, bytes, &number), ELO_OK);
    return number;
}


/* ---- reading back ---- */

typedef struct {
    char text[2048];
    uint64_t last;
    uint32_t n, most; /* most 0: all */
} read_t;


static bool
on_entry(void *ctx, const elo_journal_entry_t *e)
{
    read_t *r = ctx;
    size_t len = strlen(r->text);

    r->n++;
    r->last = e->number;
    snprintf(r->text + len, sizeof(r->text) - len, "%llu:%.*s ",
             (unsigned long long) e->number,
             (int) ELO_MIN(e->bytes.len, (size_t) 8),
             (const char *) e->bytes.p);
    return r->n != r->most;
}


static void
entries_are(elo_store_t *s, elo_journal_t j, uint64_t from, uint32_t budget,
            uint32_t most, const char *want)
{
    read_t r = { .most = most };

    assert_int_equal(elo_store_journal_each(s, j, from, budget, on_entry, &r),
                     ELO_OK);
    assert_string_equal(r.text, want);
}


static void
audit_is(elo_store_t *s, elo_audit_break_t what, uint64_t number)
{
    elo_audit_check_t check;

    assert_int_equal(elo_store_audit_verify(s, &check), ELO_OK);
    assert_int_equal(check.what, what);
    assert_int_equal(check.number, number);
}


static void
test_numbers(void **state)
{
    dir_t *d = *state;

    for (size_t i = 0; i < 2; i++) {
        elo_journal_t j = both[i];

        assert_int_equal(elo_store_journal_last(d->s, j), 0);
        entries_are(d->s, j, 0, 10, 0, "");
        assert_int_equal(append(d->s, j, ELO_SLICE("a")), 1);
        assert_int_equal(append(d->s, j, ELO_SLICE("b")), 2);
        dir_reopen(d);
        assert_int_equal(append(d->s, j, ELO_SLICE("c")), 3);
        side_rebuild(d);
        assert_int_equal(
            elo_store_journal_append(d->s, j, ELO_SLICE("d"), NULL), ELO_OK);
        assert_int_equal(elo_store_journal_last(d->s, j), 4);
        entries_are(d->s, j, 0, 10, 0, "1:a 2:b 3:c 4:d ");
        entries_are(d->s, j, 1, 10, 0, "1:a 2:b 3:c 4:d ");
        entries_are(d->s, j, 3, 10, 0, "3:c 4:d ");
        entries_are(d->s, j, 4, 10, 0, "4:d ");
        entries_are(d->s, j, 5, 10, 0, "");
        entries_are(d->s, j, UINT64_MAX, 10, 0, "");
        entries_are(d->s, j, 1, 2, 0, "1:a 2:b ");
        entries_are(d->s, j, 1, 0, 0, "");
        entries_are(d->s, j, 1, 10, 1, "1:a ");
    }
    audit_is(d->s, ELO_AUDIT_WHOLE, 4);
}


static void
test_several(void **state)
{
    dir_t *d = *state;
    elo_slice_t many[ELO_JOURNAL_BATCH_MAX + 1];
    uint64_t first = 9;

    for (uint32_t i = 0; i <= ELO_JOURNAL_BATCH_MAX; i++) {
        many[i] = ELO_SLICE("entry");
    }
    for (size_t i = 0; i < 2; i++) {
        elo_journal_t j = both[i];

        assert_int_equal(elo_store_journal_append_all(d->s, j, many, 3, &first),
                         ELO_OK);
        assert_int_equal(first, 1);
        assert_int_equal(append(d->s, j, ELO_SLICE("x")), 4);
        assert_int_equal(elo_store_journal_append_all(
                             d->s, j, many, ELO_JOURNAL_BATCH_MAX, &first),
                         ELO_OK);
        assert_int_equal(first, 5);
        assert_int_equal(elo_store_journal_append_all(
                             d->s, j, many, ELO_JOURNAL_BATCH_MAX + 1, NULL),
                         ELO_ETOOBIG);
        assert_int_equal(elo_store_journal_append_all(d->s, j, many, 0, NULL),
                         ELO_EINVAL);
        assert_int_equal(elo_store_journal_last(d->s, j),
                         ELO_JOURNAL_BATCH_MAX + 4);
    }
    /* more than one look of a check */
    audit_is(d->s, ELO_AUDIT_WHOLE, ELO_JOURNAL_BATCH_MAX + 4);
}


static void
test_bounds(void **state)
{
    dir_t *d = *state;
    elo_slice_t most = bytes_of(ELO_JOURNAL_ENTRY_MAX + 1, 1);
    elo_slice_t fits = elo_slice(most.p, ELO_JOURNAL_ENTRY_MAX);
    elo_slice_t some[2] = { ELO_SLICE("good"), most };

    for (size_t i = 0; i < 2; i++) {
        elo_journal_t j = both[i];

        assert_int_equal(elo_store_journal_append(d->s, j, most, NULL),
                         ELO_ETOOBIG);
        assert_int_equal(
            elo_store_journal_append(d->s, j, elo_slice("", 0), NULL),
            ELO_EINVAL);
        /* all or none */
        assert_int_equal(elo_store_journal_append_all(d->s, j, some, 2, NULL),
                         ELO_ETOOBIG);
        assert_int_equal(elo_store_journal_last(d->s, j), 0);
        assert_int_equal(append(d->s, j, fits), 1);
        assert_int_equal(append(d->s, j, ELO_SLICE("x")), 2);
    }
    assert_int_equal(
        elo_store_journal_append(d->s, (elo_journal_t) 2, ELO_SLICE("x"), NULL),
        ELO_EINVAL);
    side_rebuild(d);
    audit_is(d->s, ELO_AUDIT_WHOLE, 2);
    assert_int_equal(elo_store_journal_last(d->s, ELO_JOURNAL_RECORD), 2);
    bytes_free(most);
}


/* ---- the chain ---- */

typedef struct {
    elo_digest_t head; /* made by hand */
    uint32_t n;
} chain_t;


static bool
on_chained(void *ctx, const elo_journal_entry_t *e)
{
    chain_t *c = ctx;
    elo_buf_t b;

    assert_memory_equal(e->before->b, c->head.b, ELO_SHA256_LEN);
    elo_buf_init(&b, ELO_JOURNAL_ENTRY_MAX + 64);
    elo_buf_put_u8(&b, 1);
    elo_buf_put(&b, e->before->b, ELO_SHA256_LEN);
    elo_buf_put_slice(&b, e->bytes);
    c->head = digest_of(elo_buf_slice(&b));
    c->n++;
    elo_buf_dispose(&b);
    return true;
}


static void
test_chain(void **state)
{
    dir_t *d = *state;
    chain_t c = { .n = 0 };
    elo_audit_check_t check;

    assert_int_equal(elo_store_audit_verify(d->s, &check), ELO_OK);
    assert_int_equal(check.what, ELO_AUDIT_WHOLE);
    assert_int_equal(check.number, 0);
    assert_memory_equal(check.head.b, c.head.b, ELO_SHA256_LEN); /* zeros */
    for (uint32_t i = 0; i < 20; i++) {
        elo_slice_t b = bytes_of(1 + i * 400, i);

        assert_int_equal(append(d->s, ELO_JOURNAL_AUDIT, b), i + 1);
        bytes_free(b);
    }
    assert_int_equal(elo_store_journal_each(d->s, ELO_JOURNAL_AUDIT, 1,
                                            UINT32_MAX, on_chained, &c),
                     ELO_OK);
    assert_int_equal(c.n, 20);
    assert_int_equal(elo_store_audit_verify(d->s, &check), ELO_OK);
    assert_int_equal(check.number, 20);
    assert_memory_equal(check.head.b, c.head.b, ELO_SHA256_LEN);
}


/* ---- damage ---- */

typedef struct {
    elo_kv_op_t op;
    uint8_t table;
    elo_slice_t key, value; /* p NULL: delete */
} row_op_t;


static elo_err_t
row_run(elo_kv_op_t *op, elo_kv_tx_t *tx)
{
    row_op_t *o = (row_op_t *) op;

    return o->value.p == NULL
               ? elo_kv_tx_del(tx, o->table, o->key)
               : elo_kv_tx_put(tx, o->table, o->key, o->value, NULL, 0);
}


static void
row_set(dir_t *d, elo_journal_t j, uint8_t number, elo_slice_t value)
{
    uint8_t key[8] = { 0, 0, 0, 0, 0, 0, 0, number };
    row_op_t o = { .op.run = row_run,
                   .table = elo_journal_table(j),
                   .key = elo_slice(key, 8),
                   .value = value };

    assert_int_equal(elo_store_exec(d->s, &o.op), ELO_OK);
}


/* Value of an audit entry, into room. */
static elo_slice_t
row_get(dir_t *d, uint8_t number, uint8_t room[256])
{
    uint8_t key[8] = { 0, 0, 0, 0, 0, 0, 0, number };
    elo_kv_entry_t e;
    elo_kv_view_t v;

    assert_int_equal(elo_kv_view_begin(d->s->kv, &v), ELO_OK);
    assert_int_equal(elo_kv_get(&v, ELO_T_AUDIT, elo_slice(key, 8), &e),
                     ELO_OK);
    assert_true(e.value.len <= 256);
    memcpy(room, e.value.p, e.value.len);
    elo_kv_view_end(&v);
    return elo_slice(room, e.value.len);
}


static uint64_t
fsck_finds(dir_t *d, elo_fsck_kind_t kind)
{
    elo_fsck_report_t *r = calloc(1, sizeof(*r));
    elo_fsck_cfg_t cfg = { .root = d->root };
    uint64_t n;

    elo_store_close(&d->s);
    assert_int_equal(elo_fsck_check(&cfg, r), ELO_OK);
    n = r->kinds[kind].n;
    if (n == 0) {
        assert_int_equal(r->problems, 0);
    }
    free(r);
    dir_open(d);
    return n;
}


static void
three(dir_t *d)
{
    for (size_t i = 0; i < 2; i++) {
        append(d->s, both[i], ELO_SLICE("one"));
        append(d->s, both[i], ELO_SLICE("two"));
        append(d->s, both[i], ELO_SLICE("three"));
    }
    assert_int_equal(fsck_finds(d, ELO_FSCK_JOURNAL), 0);
}


/* Each byte of each value that is another one is found, there or by the next. The
   last entry has nothing behind it but whoever has kept the head. */
static void
test_every_byte_counts(void **state)
{
    dir_t *d = *state;
    elo_audit_check_t whole, check;
    uint8_t room[256];

    three(d);
    assert_int_equal(elo_store_audit_verify(d->s, &whole), ELO_OK);
    for (uint8_t n = 1; n <= 3; n++) {
        elo_slice_t value = row_get(d, n, room);

        for (size_t i = 0; i < value.len; i++) {
            bool is_tail = i > ELO_SHA256_LEN;

            room[i] ^= 0x40;
            row_set(d, ELO_JOURNAL_AUDIT, n, value);
            assert_int_equal(elo_store_audit_verify(d->s, &check), ELO_OK);
            if (n == 3 && is_tail) {
                assert_int_equal(check.what, ELO_AUDIT_WHOLE);
                assert_memory_not_equal(check.head.b, whole.head.b,
                                        ELO_SHA256_LEN);
            } else {
                assert_int_equal(check.what,
                                 i == 0 ? ELO_AUDIT_ROW : ELO_AUDIT_CHAIN);
                assert_int_equal(check.number, is_tail ? n + 1 : n);
            }
            room[i] ^= 0x40;
        }
        row_set(d, ELO_JOURNAL_AUDIT, n, value);
    }
    audit_is(d->s, ELO_AUDIT_WHOLE, 3);
}


static void
test_what_is_missing(void **state)
{
    dir_t *d = *state;
    uint8_t room[256];
    elo_slice_t value;
    read_t r = { .n = 0 };

    three(d);
    value = row_get(d, 2, room);
    row_set(d, ELO_JOURNAL_AUDIT, 2, elo_slice(NULL, 0));
    audit_is(d->s, ELO_AUDIT_GAP, 2);
    assert_int_equal(fsck_finds(d, ELO_FSCK_JOURNAL), 1);
    entries_are(d->s, ELO_JOURNAL_AUDIT, 1, 10, 0, "1:one 3:three ");
    row_set(d, ELO_JOURNAL_AUDIT, 2, value);
    audit_is(d->s, ELO_AUDIT_WHOLE, 3);

    /* the last one: it isn't given again, and what follows tells */
    row_set(d, ELO_JOURNAL_AUDIT, 3, elo_slice(NULL, 0));
    audit_is(d->s, ELO_AUDIT_GAP, 3);
    assert_int_equal(append(d->s, ELO_JOURNAL_AUDIT, ELO_SLICE("four")), 4);
    audit_is(d->s, ELO_AUDIT_GAP, 3);
    assert_int_equal(append(d->s, ELO_JOURNAL_AUDIT, ELO_SLICE("five")), 5);
    assert_int_equal(fsck_finds(d, ELO_FSCK_JOURNAL), 1);

    row_set(d, ELO_JOURNAL_RECORD, 1, elo_slice(NULL, 0));
    row_set(d, ELO_JOURNAL_RECORD, 2, elo_slice(NULL, 0));
    assert_int_equal(fsck_finds(d, ELO_FSCK_JOURNAL), 3);
    /* rows that make no sense */
    row_set(d, ELO_JOURNAL_RECORD, 3, ELO_SLICE("\x02x"));
    assert_int_equal(fsck_finds(d, ELO_FSCK_ROW), 1);
    assert_int_equal(
        elo_store_journal_each(d->s, ELO_JOURNAL_RECORD, 1, 10, on_entry, &r),
        ELO_ECORRUPT);
    assert_int_equal(r.n, 0);
}


static void
test_fsck_knows_the_chain(void **state)
{
    dir_t *d = *state;
    uint8_t room[256];
    elo_slice_t value;

    three(d);
    value = row_get(d, 1, room);
    room[value.len - 1] ^= 1;
    row_set(d, ELO_JOURNAL_AUDIT, 1, value);
    assert_int_equal(fsck_finds(d, ELO_FSCK_JOURNAL), 1);
    /* RECORD has no chain: its records have their own */
    row_set(d, ELO_JOURNAL_RECORD, 1, ELO_SLICE("\x01other"));
    assert_int_equal(fsck_finds(d, ELO_FSCK_JOURNAL), 1);
}


/* The count of AUDIT in the index becomes another one. */
static void
miscount(dir_t *d, int64_t n)
{
    const char *const names[ELO_T_COUNT] = {
#define T(name, number, text) [number] = (text),
        ELO_STORE_TABLES(T)
#undef T
    };
    elo_kv_cfg_t cfg = { .vfs = elo_vfs_posix(),
                         .index_path = dir_path(d, "index"),
                         .map_bytes = 32u << 20,
                         .tables = names,
                         .n_tables = ELO_T_COUNT };
    elo_index_write_t *w;
    elo_index_t *ix;

    elo_store_close(&d->s);
    assert_int_equal(elo_index_open(&cfg, &ix), ELO_OK);
    assert_int_equal(elo_index_write_begin(ix, &w), ELO_OK);
    assert_int_equal(
        elo_index_put_counter(w, ELO_SUM_TOTAL, ELO_TOTAL_AUDIT, n), ELO_OK);
    assert_int_equal(elo_index_commit(&w), ELO_OK);
    elo_index_close(&ix);
    dir_open(d);
}


/* An index that has lost count overwrites nothing. */
static void
test_no_overwriting(void **state)
{
    dir_t *d = *state;

    three(d);
    miscount(d, 1);
    assert_int_equal(
        elo_store_journal_append(d->s, ELO_JOURNAL_AUDIT, ELO_SLICE("x"), NULL),
        ELO_ECORRUPT);
    audit_is(d->s, ELO_AUDIT_WHOLE, 3);
    assert_int_equal(fsck_finds(d, ELO_FSCK_COUNTER), 1);
    miscount(d, -1);
    assert_int_equal(elo_store_journal_last(d->s, ELO_JOURNAL_AUDIT), 0);
    assert_int_equal(
        elo_store_journal_append(d->s, ELO_JOURNAL_AUDIT, ELO_SLICE("x"), NULL),
        ELO_ECORRUPT);
    side_rebuild(d);
    assert_int_equal(append(d->s, ELO_JOURNAL_AUDIT, ELO_SLICE("x")), 4);
    audit_is(d->s, ELO_AUDIT_WHOLE, 4);
}


/* The count follows the highest number that there is. */
static void
test_count(void **state)
{
    dir_t *d = *state;
    uint8_t room[256];
    elo_slice_t value;

    append(d->s, ELO_JOURNAL_AUDIT, ELO_SLICE("one"));
    value = row_get(d, 1, room);
    assert_int_equal(value.len, 1 + 32 + 3);
    row_set(d, ELO_JOURNAL_AUDIT, 3, value);
    assert_int_equal(elo_store_journal_last(d->s, ELO_JOURNAL_AUDIT), 3);
    assert_int_equal(append(d->s, ELO_JOURNAL_AUDIT, ELO_SLICE("x")), 4);
    audit_is(d->s, ELO_AUDIT_GAP, 2);
}


static void
test_values(void **state)
{
    static const uint8_t audit[34] = { 1 };
    static const struct {
        elo_journal_t j;
        const uint8_t *p;
        size_t len;
        bool is_ok;
    } cases[] = {
        { ELO_JOURNAL_RECORD, (const uint8_t *) "\1x", 2, true },
        { ELO_JOURNAL_RECORD, (const uint8_t *) "\1x", 1, false },
        { ELO_JOURNAL_RECORD, (const uint8_t *) "", 0, false },
        { ELO_JOURNAL_RECORD, (const uint8_t *) "\2x", 2, false },
        { ELO_JOURNAL_AUDIT, audit, 34, true },
        { ELO_JOURNAL_AUDIT, audit, 33, false },
        { ELO_JOURNAL_AUDIT, audit, 1, false },
        { ELO_JOURNAL_AUDIT, audit + 1, 33, false },
    };
    uint8_t key[9] = { 0, 0, 0, 0, 0, 0, 0, 1, 0 };
    uint8_t *big = calloc(1, ELO_JOURNAL_ENTRY_MAX + 2);
    elo_journal_entry_t e;
    elo_digest_t before;
    uint64_t n;

    (void) state;
    for (size_t i = 0; i < ELO_COUNT(cases); i++) {
        assert_int_equal(
            elo_journal_value_parse(
                cases[i].j, elo_slice(cases[i].p, cases[i].len), &e, &before),
            cases[i].is_ok ? ELO_OK : ELO_ECORRUPT);
    }
    big[0] = 1;
    for (size_t more = 1; more <= 2; more++) {
        assert_int_equal(elo_journal_value_parse(
                             ELO_JOURNAL_RECORD,
                             elo_slice(big, ELO_JOURNAL_ENTRY_MAX + more), &e,
                             &before),
                         more == 1 ? ELO_OK : ELO_ECORRUPT);
    }
    free(big);
    for (size_t len = 0; len <= 9; len++) {
        assert_int_equal(elo_journal_key_parse(elo_slice(key, len), &n),
                         len == 8 ? ELO_OK : ELO_ECORRUPT);
    }
    key[7] = 0; /* numbers begin with 1 */
    assert_int_equal(elo_journal_key_parse(elo_slice(key, 8), &n),
                     ELO_ECORRUPT);
    key[0] = 0x80;
    assert_int_equal(elo_journal_key_parse(elo_slice(key, 8), &n),
                     ELO_ECORRUPT);
}


/* ---- within other operations, at the same time, and when segments go ---- */

typedef struct {
    elo_kv_op_t op;
    elo_store_t *s;
    elo_err_t rc;
    uint64_t numbers[2];
} own_op_t;


static elo_err_t
own_run(elo_kv_op_t *op, elo_kv_tx_t *tx)
{
    own_op_t *o = (own_op_t *) op;

    for (size_t i = 0; i < 2; i++) {
        elo_err_t rc = elo_journal_append_tx(o->s, tx, both[i],
                                             ELO_SLICE("own"), &o->numbers[i]);

        if (rc != ELO_OK) {
            return rc;
        }
    }
    return o->rc;
}


/* What is taken back leaves no gap. */
static void
test_taken_back(void **state)
{
    dir_t *d = *state;
    own_op_t o = { .op.run = own_run, .s = d->s, .rc = ELO_EDENIED };

    append(d->s, ELO_JOURNAL_AUDIT, ELO_SLICE("one"));
    for (int i = 0; i < 3; i++) {
        assert_int_equal(elo_store_exec(d->s, &o.op), ELO_EDENIED);
        assert_int_equal(o.numbers[0], 1);
        assert_int_equal(o.numbers[1], 2);
    }
    o.rc = ELO_OK;
    assert_int_equal(elo_store_exec(d->s, &o.op), ELO_OK);
    assert_int_equal(elo_store_journal_last(d->s, ELO_JOURNAL_RECORD), 1);
    assert_int_equal(elo_store_journal_last(d->s, ELO_JOURNAL_AUDIT), 2);
    audit_is(d->s, ELO_AUDIT_WHOLE, 2);
}


typedef struct {
    elo_thread_t thread;
    elo_store_t *s;
    uint8_t who;
    uint64_t numbers[EACH];
} writer_t;


static void
write_many(void *ctx)
{
    writer_t *w = ctx;

    for (uint32_t i = 0; i < EACH; i++) {
        uint8_t text[2] = { (uint8_t) ('a' + w->who), (uint8_t) i };
        elo_slice_t both_of[2] = { elo_slice(text, 2), elo_slice(text, 2) };

        if (elo_store_journal_append_all(w->s, ELO_JOURNAL_AUDIT, both_of,
                                         1 + i % 2, &w->numbers[i])
            != ELO_OK)
        {
            abort();
        }
    }
}


static void
test_at_the_same_time(void **state)
{
    dir_t *d = *state;
    uint8_t seen[THREADS * EACH * 2 + 1] = { 0 };
    writer_t w[THREADS];
    uint64_t total = THREADS * (EACH + EACH / 2);

    memset(w, 0, sizeof(w));
    for (uint8_t i = 0; i < THREADS; i++) {
        w[i].s = d->s;
        w[i].who = i;
        assert_int_equal(
            elo_thread_create(&w[i].thread, "writer", write_many, &w[i]),
            ELO_OK);
    }
    for (uint32_t i = 0; i < THREADS; i++) {
        elo_thread_join(&w[i].thread);
        for (uint32_t k = 0; k < EACH; k++) {
            assert_true(k == 0 || w[i].numbers[k] > w[i].numbers[k - 1]);
            for (uint32_t n = 0; n < 1 + k % 2; n++) {
                assert_true(w[i].numbers[k] + n <= total);
                assert_int_equal(seen[w[i].numbers[k] + n]++, 0);
            }
        }
    }
    assert_int_equal(elo_store_journal_last(d->s, ELO_JOURNAL_AUDIT), total);
    audit_is(d->s, ELO_AUDIT_WHOLE, total);
    side_rebuild(d);
    audit_is(d->s, ELO_AUDIT_WHOLE, total);
    assert_int_equal(fsck_finds(d, ELO_FSCK_JOURNAL), 0);
}


static bool
first_settled(void *ctx, const elo_kv_segment_t *s)
{
    uint64_t *found = ctx;

    if (s->is_settled) {
        *found = s->segment;
    }
    return *found == 0;
}


/* Compaction moves them: the segments that they were in are gone. */
static void
test_compacted(void **state)
{
    dir_t *d = *state;
    uint64_t segment, n = 0;
    bool is_gone;

    for (uint32_t i = 0; i < 300; i++) {
        elo_slice_t b = bytes_of(8000, i);

        assert_int_equal(append(d->s, both[i % 2], b), i / 2 + 1);
        bytes_free(b);
    }
    for (int i = 0; i < 2; i++) {
        assert_int_equal(elo_kv_seal(d->s->kv), ELO_OK);
        append(d->s, ELO_JOURNAL_RECORD, ELO_SLICE("next"));
        assert_int_equal(elo_kv_checkpoint(d->s->kv), ELO_OK);
        for (;;) {
            segment = 0;
            assert_int_equal(elo_kv_segments(d->s->kv, first_settled, &segment),
                             ELO_OK);
            if (segment == 0 || n > 20) {
                break;
            }
            for (is_gone = false; !is_gone;) {
                assert_int_equal(elo_kv_compact(d->s->kv, segment, 100000, NULL,
                                                NULL, &is_gone),
                                 ELO_OK);
            }
            n++;
        }
    }
    assert_true(n > 2);
    side_rebuild(d);
    assert_int_equal(elo_store_journal_last(d->s, ELO_JOURNAL_RECORD), 152);
    audit_is(d->s, ELO_AUDIT_WHOLE, 150);
    assert_int_equal(append(d->s, ELO_JOURNAL_AUDIT, ELO_SLICE("x")), 151);
    assert_int_equal(fsck_finds(d, ELO_FSCK_JOURNAL), 0);
}


int
main(void)
{
#define TEST(fn) cmocka_unit_test_setup_teardown(fn, dir_setup, dir_teardown)
    const struct CMUnitTest tests[] = {
        TEST(test_numbers),
        TEST(test_several),
        TEST(test_bounds),
        TEST(test_chain),
        TEST(test_every_byte_counts),
        TEST(test_what_is_missing),
        TEST(test_fsck_knows_the_chain),
        TEST(test_no_overwriting),
        TEST(test_count),
        cmocka_unit_test(test_values),
        TEST(test_taken_back),
        TEST(test_at_the_same_time),
        TEST(test_compacted),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
