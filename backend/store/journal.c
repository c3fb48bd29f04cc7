/* SPDX-License-Identifier: BSD-2-Clause */
/* journal: see the header. The number of an entry and its place in the chain are
   decided on the commit thread, so that entries that come at the same time follow
   on each other. */
#include "backend/store/journal.h"

#include <assert.h>

#include "backend/store/store_internal.h"
#include "common/base/num.h"
#include "common/base/rd.h"

#define REC_VERSION  1
#define KEY_LEN      8u
#define AUDIT_HEAD   (1 + ELO_SHA256_LEN)
#define VALUE_MAX    (AUDIT_HEAD + ELO_JOURNAL_ENTRY_MAX)
#define VERIFY_BATCH 256u /* entries of one view */

static const struct {
    uint8_t table;
    uint8_t total; /* the highest number */
} journals[ELO_JOURNALS] = {
    [ELO_JOURNAL_RECORD] = { ELO_T_RECORD, ELO_TOTAL_RECORDS },
    [ELO_JOURNAL_AUDIT] = { ELO_T_AUDIT, ELO_TOTAL_AUDIT },
};

typedef struct {
    elo_kv_op_t op; /* first */
    elo_store_t *s;
    elo_journal_t which;
    const elo_slice_t *entries;
    uint32_t n;
    uint64_t first;
} append_op_t;


/* ---- rows ---- */

uint8_t
elo_journal_table(elo_journal_t which)
{
    return journals[which].table;
}


static elo_slice_t
journal_key(uint64_t number, uint8_t out[KEY_LEN])
{
    for (uint32_t i = 0; i < KEY_LEN; i++) {
        out[i] = (uint8_t) (number >> (56 - 8 * i));
    }
    return elo_slice(out, KEY_LEN);
}


elo_err_t
elo_journal_key_parse(elo_slice_t key, uint64_t *number)
{
    uint64_t n;

    if (key.len != KEY_LEN || elo_rd_be64(key.p, key.p + KEY_LEN, &n) == NULL
        || n == 0 || n > INT64_MAX)
    {
        return ELO_ECORRUPT;
    }
    *number = n;
    return ELO_OK;
}


elo_err_t
elo_journal_value_parse(elo_journal_t which, elo_slice_t value,
                        elo_journal_entry_t *out, elo_digest_t *before)
{
    size_t head = which == ELO_JOURNAL_AUDIT ? AUDIT_HEAD : 1;

    if (value.len <= head || value.p[0] != REC_VERSION
        || value.len - head > ELO_JOURNAL_ENTRY_MAX)
    {
        return ELO_ECORRUPT;
    }
    out->bytes = elo_slice(value.p + head, value.len - head);
    out->before = NULL;
    if (which == ELO_JOURNAL_AUDIT) {
        memcpy(before->b, value.p + 1, ELO_SHA256_LEN);
        out->before = before;
    }
    return ELO_OK;
}


/* The highest number that was given: it goes up only, for no entry is removed. */
elo_err_t
elo_journal_derive(elo_kv_tx_t *tx, elo_journal_t which, elo_slice_t key,
                   const elo_kv_entry_t *now)
{
    uint8_t total = journals[which].total;
    uint64_t number;
    int64_t more;
    elo_err_t rc = elo_journal_key_parse(key, &number);

    if (rc != ELO_OK || now == NULL) {
        return rc;
    }
    more = (int64_t) number - elo_kv_tx_sum(tx, ELO_SUM_TOTAL, total);
    return more <= 0 ? ELO_OK : elo_kv_tx_add(tx, ELO_SUM_TOTAL, total, more);
}


/* ---- appending ---- */

/* The hash of the value before. Where damage of the log has taken it, zeros: a check
   finds the break, and the journal goes on. */
static elo_err_t
hash_before(elo_store_t *s, elo_kv_tx_t *tx, uint64_t number, elo_digest_t *out)
{
    uint8_t mem[KEY_LEN];
    elo_kv_entry_t e;
    elo_err_t rc;

    *out = (elo_digest_t){ { 0 } };
    if (number == 1) {
        return ELO_OK;
    }
    rc = elo_kv_tx_get(tx, ELO_T_AUDIT, journal_key(number - 1, mem), &e);
    if (rc == ELO_OK) {
        rc = elo_store_sha256(s, e.value, out);
    }
    return rc == ELO_ENOTFOUND || rc == ELO_ECORRUPT ? ELO_OK : rc;
}


elo_err_t
elo_journal_append_tx(elo_store_t *s, elo_kv_tx_t *tx, elo_journal_t which,
                      elo_slice_t bytes, uint64_t *number)
{
    int64_t last = elo_kv_tx_sum(tx, ELO_SUM_TOTAL, journals[which].total);
    uint8_t key[KEY_LEN], mem[VALUE_MAX];
    uint64_t no = (uint64_t) last + 1;
    elo_digest_t before;
    elo_kv_entry_t e;
    elo_buf_t buf;
    elo_err_t rc;

    if (bytes.len == 0 || bytes.len > ELO_JOURNAL_ENTRY_MAX) {
        return bytes.len == 0 ? ELO_EINVAL : ELO_ETOOBIG;
    }
    if (last < 0 || last == INT64_MAX) {
        return ELO_ECORRUPT;
    }
    /* an index that has lost count overwrites nothing */
    rc = elo_kv_tx_get(tx, journals[which].table, journal_key(no, key), &e);
    if (rc != ELO_ENOTFOUND) {
        return rc == ELO_OK ? ELO_ECORRUPT : rc;
    }
    elo_buf_init_fixed(&buf, mem, sizeof(mem));
    elo_buf_put_u8(&buf, REC_VERSION);
    if (which == ELO_JOURNAL_AUDIT) {
        if ((rc = hash_before(s, tx, no, &before)) != ELO_OK) {
            return rc;
        }
        elo_buf_put(&buf, before.b, ELO_SHA256_LEN);
    }
    elo_buf_put_slice(&buf, bytes);
    if ((rc = elo_buf_err(&buf)) == ELO_OK) {
        rc = elo_kv_tx_put(tx, journals[which].table, elo_slice(key, KEY_LEN),
                           elo_buf_slice(&buf), NULL, 0);
    }
    if (rc == ELO_OK) {
        *number = no;
    }
    return rc;
}


static elo_err_t
append_run(elo_kv_op_t *op, elo_kv_tx_t *tx)
{
    append_op_t *o = (append_op_t *) op;
    uint64_t number = 0;
    elo_err_t rc = ELO_OK;

    for (uint32_t i = 0; i < o->n && rc == ELO_OK; i++) {
        rc = elo_journal_append_tx(o->s, tx, o->which, o->entries[i], &number);
        o->first = i == 0 ? number : o->first;
    }
    return rc;
}


elo_err_t
elo_store_journal_append_all(elo_store_t *s, elo_journal_t which,
                             const elo_slice_t *entries, uint32_t n,
                             uint64_t *first)
{
    append_op_t o = {
        .op.run = append_run, .s = s, .which = which, .entries = entries, .n = n
    };
    elo_err_t rc;

    assert(s->magic == ELO_STORE_MAGIC);
    if ((unsigned) which >= ELO_JOURNALS || n == 0) {
        return ELO_EINVAL;
    }
    if (n > ELO_JOURNAL_BATCH_MAX) {
        return ELO_ETOOBIG;
    }
    if ((rc = elo_store_exec(s, &o.op)) == ELO_OK && first != NULL) {
        *first = o.first;
    }
    return rc;
}


elo_err_t
elo_store_journal_append(elo_store_t *s, elo_journal_t which, elo_slice_t bytes,
                         uint64_t *number)
{
    return elo_store_journal_append_all(s, which, &bytes, 1, number);
}


/* ---- reading ---- */

uint64_t
elo_store_journal_last(elo_store_t *s, elo_journal_t which)
{
    int64_t n;

    assert(s->magic == ELO_STORE_MAGIC && (unsigned) which < ELO_JOURNALS);
    n = elo_kv_sum(s->kv, ELO_SUM_TOTAL, journals[which].total);
    return n < 0 ? 0 : (uint64_t) n;
}


/* Rows from number `from` on, as they are; fn: with its value. */
typedef bool (*row_fn)(void *ctx, const elo_journal_entry_t *e,
                       elo_slice_t value);

static elo_err_t
rows_each(elo_store_t *s, elo_journal_t which, uint64_t from, uint32_t budget,
          row_fn fn, void *ctx)
{
    uint8_t mem[KEY_LEN];
    elo_journal_entry_t entry;
    elo_kv_cursor_t *c = NULL;
    elo_digest_t before;
    bool goes_on = true;
    elo_kv_entry_t e;
    elo_kv_view_t v;
    elo_slice_t key;
    elo_err_t rc;

    if ((rc = elo_kv_view_begin(s->kv, &v)) != ELO_OK) {
        return rc;
    }
    rc = elo_kv_cursor_open(&v, journals[which].table, journal_key(from, mem),
                            &c);
    while (rc == ELO_OK && goes_on && budget-- > 0
           && (rc = elo_kv_cursor_next(c, &key, &e)) == ELO_OK
           && (rc = elo_journal_key_parse(key, &entry.number)) == ELO_OK
           && (rc = elo_journal_value_parse(which, e.value, &entry, &before))
                  == ELO_OK)
    {
        goes_on = fn(ctx, &entry, e.value);
    }
    elo_kv_cursor_close(&c);
    elo_kv_view_end(&v);
    return rc == ELO_ENOTFOUND ? ELO_OK : rc;
}


typedef struct {
    elo_journal_fn fn;
    void *ctx;
} each_t;


static bool
show(void *ctx, const elo_journal_entry_t *e, elo_slice_t value)
{
    each_t *x = ctx;

    (void) value;
    return x->fn(x->ctx, e);
}


elo_err_t
elo_store_journal_each(elo_store_t *s, elo_journal_t which, uint64_t from,
                       uint32_t budget, elo_journal_fn fn, void *ctx)
{
    each_t x = { fn, ctx };

    assert(s->magic == ELO_STORE_MAGIC);
    return (unsigned) which >= ELO_JOURNALS
               ? ELO_EINVAL
               : rows_each(s, which, from, budget, show, &x);
}


/* ---- checking ---- */

typedef struct {
    elo_store_t *s;
    uint64_t last; /* the last that is right */
    elo_digest_t head;
    elo_audit_break_t what;
    uint32_t n; /* of this view */
    elo_err_t err;
} verify_t;


static bool
verify_row(void *ctx, const elo_journal_entry_t *e, elo_slice_t value)
{
    verify_t *x = ctx;

    x->n++;
    if (e->number != x->last + 1) {
        x->what = ELO_AUDIT_GAP;
    } else if (memcmp(e->before->b, x->head.b, ELO_SHA256_LEN) != 0) {
        x->what = ELO_AUDIT_CHAIN;
    } else if ((x->err = elo_store_sha256(x->s, value, &x->head)) == ELO_OK) {
        x->last++;
    }
    return x->what == ELO_AUDIT_WHOLE && x->err == ELO_OK;
}


elo_err_t
elo_store_audit_verify(elo_store_t *s, elo_audit_check_t *out)
{
    verify_t x = { .s = s, .n = VERIFY_BATCH };
    uint64_t last = elo_store_journal_last(s, ELO_JOURNAL_AUDIT);
    elo_err_t rc = ELO_OK;

    /* views are short */
    while (rc == ELO_OK && x.err == ELO_OK && x.what == ELO_AUDIT_WHOLE
           && x.n == VERIFY_BATCH)
    {
        x.n = 0;
        rc = rows_each(s, ELO_JOURNAL_AUDIT, x.last + 1, VERIFY_BATCH,
                       verify_row, &x);
    }
    if (rc == ELO_ECORRUPT) {
        x.what = ELO_AUDIT_ROW;
        rc = ELO_OK;
    } else if (x.what == ELO_AUDIT_WHOLE && x.last < last) {
        x.what = ELO_AUDIT_GAP; /* the last ones are missing */
    }
    if (rc != ELO_OK || x.err != ELO_OK) {
        return rc != ELO_OK ? rc : x.err;
    }
    *out =
        (elo_audit_check_t){ .what = x.what,
                             .number = x.what == ELO_AUDIT_WHOLE ? x.last
                                                                 : x.last + 1,
                             .head = x.head };
    return ELO_OK;
}
