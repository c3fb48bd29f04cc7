/* SPDX-License-Identifier: BSD-2-Clause */
/* inspect_log: the log held against the rows. One pass over the segments, in their
   order, finds for each record what is said of its key; rows whose record was not
   met are looked for in a second pass, which only damage makes necessary.

   A put whose key has no row must have been deleted: of all such keys the last
   word is remembered, 16 bytes a record, and must be a deletion. */
#include <assert.h>
#include <stdlib.h>

#include "backend/kv/inspect.h"
#include "backend/kv/kv_internal.h"
#include "backend/kv/segment_internal.h"
#include "common/base/num.h"

/* A word about a key that has no row. */
typedef struct {
    uint64_t hash;
    uint64_t place; /* shifted by one; the lowest bit: a put */
} word_t;

typedef struct {
    elo_kv_t *kv;
    const elo_kv_view_t *view;
    elo_inspect_fn fn;
    void *ctx;
    elo_inspect_log_t *out;
    word_t *words;
    size_t n_words, cap_words;
    uint64_t met[ELO_KV_TABLES_MAX]; /* rows whose record was met */
} check_t;


static uint64_t
hash_of(uint8_t table, elo_slice_t key)
{
    uint64_t h = UINT64_C(0xcbf29ce484222325) ^ table;

    for (size_t i = 0; i < key.len; i++) {
        h = (h ^ key.p[i]) * UINT64_C(0x100000001b3);
    }
    return h ^ h >> 32;
}


static elo_err_t
remember(check_t *c, const elo_log_rec_t *r, bool is_put)
{
    size_t cap = ELO_MAX(c->cap_words * 2, (size_t) 1024);
    word_t *p;

    if (c->n_words == c->cap_words) {
        if ((p = reallocarray(c->words, cap, sizeof(*p))) == NULL) {
            return ELO_ENOMEM;
        }
        c->words = p;
        c->cap_words = cap;
    }
    c->words[c->n_words++] =
        (word_t){ hash_of(r->head.table, r->key),
                  elo_place_of(r->pos) << 1 | (is_put ? 1 : 0) };
    return ELO_OK;
}


static elo_err_t
tell(check_t *c, elo_inspect_what_t what, const elo_log_rec_t *r)
{
    const elo_inspect_finding_t f = { .what = what,
                                      .segment = r->pos.segment,
                                      .off = r->pos.off,
                                      .n = 1,
                                      .table = r->head.table,
                                      .key = r->key };

    return c->fn(c->ctx, &f);
}


static elo_err_t
check_record(void *ctx, const elo_log_rec_t *r)
{
    check_t *c = ctx;
    uint64_t place = elo_place_of(r->pos);
    bool is_put = (r->head.flags & ELO_REC_DELETE) == 0;
    elo_kv_row_t row;
    elo_err_t rc;

    c->out->records++;
    c->out->bytes += elo_rec_len(&r->head);
    if (!elo_kv_is_table(c->kv, r->head.table)) {
        return tell(c, ELO_INSPECT_LACKS, r);
    }
    rc = elo_kv_find(c->view, c->view->_seq, r->head.table, r->key, &row);
    if (rc == ELO_ENOTFOUND) {
        return remember(c, r, is_put);
    }
    if (rc != ELO_OK) {
        return rc;
    }
    if (row.place > place) {
        return ELO_OK; /* a later word */
    }
    if (row.place < place || !is_put) {
        return tell(c, ELO_INSPECT_LACKS, r);
    }
    if (row.data_len != r->head.data_len || !elo_slice_eq(row.value, r->value))
    {
        return ELO_OK; /* not met: told as lost */
    }
    c->met[r->head.table]++;
    return ELO_OK;
}


/* ---- words about keys without a row ---- */

static int
by_hash(const void *a, const void *b)
{
    const word_t *x = a, *y = b;

    if (x->hash != y->hash) {
        return x->hash < y->hash ? -1 : 1;
    }
    return x->place < y->place ? -1 : x->place > y->place;
}


static elo_err_t
check_words(check_t *c)
{
    elo_inspect_finding_t f = { .what = ELO_INSPECT_LACKS, .n = 1 };
    elo_err_t rc = ELO_OK;

    if (c->n_words > 0) {
        qsort(c->words, c->n_words, sizeof(*c->words), by_hash);
    }
    for (size_t i = 0; i < c->n_words && rc == ELO_OK; i++) {
        if ((c->words[i].place & 1) == 0
            || (i + 1 < c->n_words && c->words[i + 1].hash == c->words[i].hash))
        {
            continue;
        }
        f.segment = elo_place_segment(c->words[i].place >> 1);
        f.off = elo_place_off(c->words[i].place >> 1);
        rc = c->fn(c->ctx, &f);
    }
    return rc;
}


/* ---- rows whose record wasn't met ---- */

/* Is the row's record where it is said to be? */
static elo_err_t
record_is_there(check_t *c, uint8_t table, elo_slice_t key,
                const elo_kv_entry_t *e, uint64_t off, bool *out)
{
    uint64_t len = ELO_REC_HEADER_LEN + key.len + e->value.len + e->data_len;
    uint8_t *p = malloc(len);
    elo_rec_head_t h;
    elo_err_t rc;

    *out = false;
    if (p == NULL) {
        return ELO_ENOMEM;
    }
    rc = elo_kv_read(c->kv, e->segment, off, p, len);
    if (rc == ELO_OK
        && elo_rec_head_parse(p, c->kv->cfg.store_id, e->segment, off, &h)
               == ELO_OK)
    {
        *out = h.table == table && (h.flags & ELO_REC_DELETE) == 0
               && h.key_len == key.len && h.value_len == e->value.len
               && h.data_len == e->data_len
               && memcmp(p + ELO_REC_HEADER_LEN, key.p, key.len) == 0
               && (e->value.len == 0
                   || memcmp(p + ELO_REC_HEADER_LEN + key.len, e->value.p,
                             e->value.len)
                          == 0)
               && h.body_crc
                      == elo_crc32c(0, elo_slice(p + ELO_REC_HEADER_LEN,
                                                 len - ELO_REC_HEADER_LEN));
    }
    free(p);
    return ELO_OK; /* unreadable is lost */
}


static elo_err_t
check_row(check_t *c, uint8_t table, elo_slice_t key, const elo_kv_entry_t *e)
{
    uint64_t head = ELO_REC_HEADER_LEN + key.len + e->value.len;
    elo_inspect_finding_t f = { .what = ELO_INSPECT_LOST,
                                .segment = e->segment,
                                .off = e->data_off - head,
                                .n = 1,
                                .table = table,
                                .key = key };
    bool is_there;
    elo_err_t rc = record_is_there(c, table, key, e, f.off, &is_there);

    return rc != ELO_OK || is_there ? rc : c->fn(c->ctx, &f);
}


static elo_err_t
check_table(check_t *c, elo_kv_view_t *v, uint8_t table, bool is_second)
{
    elo_kv_cursor_t *cur = NULL;
    uint64_t n = 0;
    elo_kv_entry_t e;
    elo_slice_t key;
    elo_err_t rc;

    rc = elo_kv_cursor_open(v, table, elo_slice(NULL, 0), &cur);
    while (rc == ELO_OK && (rc = elo_kv_cursor_next(cur, &key, &e)) == ELO_OK) {
        if (e.segment == 0) {
            continue;
        }
        n++;
        if (is_second) {
            rc = check_row(c, table, key, &e);
        }
    }
    elo_kv_cursor_close(&cur);
    if (rc != ELO_ENOTFOUND) {
        return rc;
    }
    return is_second || n == c->met[table] ? ELO_OK
                                           : check_table(c, v, table, true);
}


/* ---- segments ---- */

static elo_err_t
check_segment(check_t *c, const elo_seg_t *seg)
{
    elo_inspect_finding_t f = { .segment = seg->number, .n = 1 };
    uint64_t next = 0, bad = 0;
    elo_err_t rc;

    c->out->segments++;
    if (seg->head_rc == ELO_ECORRUPT) {
        f.what = ELO_INSPECT_HEAD;
        if ((rc = c->fn(c->ctx, &f)) != ELO_OK) {
            return rc;
        }
    }
    rc = elo_seglog_scan(c->kv->log, seg->number, 0, UINT64_MAX, false,
                         check_record, c, &next, &bad);
    if (rc != ELO_OK || bad == 0) {
        return rc;
    }
    c->out->damaged += bad;
    f.what = ELO_INSPECT_DAMAGED;
    f.n = bad;
    return c->fn(c->ctx, &f);
}


static elo_err_t
check(check_t *c, elo_kv_view_t *v)
{
    elo_seglog_t *l = c->kv->log;
    elo_err_t rc = ELO_OK;

    for (size_t i = 0; i < l->n_segs && rc == ELO_OK; i++) {
        if (l->segs[i]->number > c->kv->head) {
            break; /* nothing in there was acknowledged */
        }
        rc = check_segment(c, l->segs[i]);
    }
    if (rc != ELO_OK || (rc = check_words(c)) != ELO_OK) {
        return rc;
    }
    for (uint32_t i = 1; i < c->kv->cfg.n_tables && rc == ELO_OK; i++) {
        if (c->kv->cfg.tables[i] != NULL) {
            rc = check_table(c, v, (uint8_t) i, false);
        }
    }
    return rc;
}


elo_err_t
elo_inspect_log(elo_kv_t *kv, elo_inspect_fn fn, void *ctx,
                elo_inspect_log_t *out)
{
    check_t c = { .kv = kv, .fn = fn, .ctx = ctx, .out = out };
    elo_kv_view_t v;
    elo_err_t rc;

    assert(kv->mode == ELO_KV_READONLY);
    *out = (elo_inspect_log_t){ .records = 0 };
    if ((rc = elo_kv_view_begin(kv, &v)) != ELO_OK) {
        return rc;
    }
    c.view = &v;
    rc = check(&c, &v);
    elo_kv_view_end(&v);
    free(c.words);
    return rc;
}
