/* SPDX-License-Identifier: BSD-2-Clause */
/* query: records, as the journal has them. Any thread that may take its time: nothing of
   the loop's is looked at. What isn't asked for costs no more than being read: no hash
   and no signature. */
#include <assert.h>

#include "backend/ctl/ctl_internal.h"
#include "backend/store/journal.h"
#include "common/base/cbor.h"
#include "common/base/num.h"

#define QUERY_BATCH 256u /* of a view: they are short-lived */

typedef struct {
    const elo_agent_t *author;
    elo_rec_kind_t kind;
    elo_ctl_each_fn fn;
    void *ctx;
    uint64_t number; /* of the latest that was looked at */
    uint32_t n;      /* looked at in this view */
    uint64_t bytes;  /* looked at in all */
    bool is_over;
    elo_err_t err;
} query_t;


/* The members up to the kind; false: it is no record. */
static bool
read_head(elo_slice_t bytes, elo_slice_t *author, uint64_t *kind)
{
    elo_slice_t inner = { 0 }, prev;
    uint64_t n;
    elo_cbor_t c;

    elo_cbor_init(&c, bytes);
    if (!elo_cbor_array(&c, &n) || !elo_cbor_bytes(&c, &inner)) {
        return false;
    }
    elo_cbor_init(&c, inner);
    return elo_cbor_array(&c, &n) && elo_cbor_uint(&c, &n)
           && elo_cbor_bytes(&c, author) && elo_cbor_uint(&c, &n)
           && (elo_cbor_null(&c) || elo_cbor_bytes(&c, &prev))
           && elo_cbor_uint(&c, &n) && elo_cbor_uint(&c, kind);
}


/* What is no record is asked for, so that it is found out. */
static bool
is_asked_for(const query_t *q, elo_slice_t bytes)
{
    elo_slice_t author = { 0 };
    uint64_t kind = 0;

    return !read_head(bytes, &author, &kind)
           || ((q->author == NULL
                || elo_slice_eq(author,
                                elo_slice(q->author->b, sizeof(q->author->b))))
               && (q->kind == 0 || kind == (uint64_t) q->kind));
}


static bool
show(void *ctx, const elo_journal_entry_t *e)
{
    query_t *q = ctx;
    elo_rec_t r;

    q->number = e->number;
    q->n++;
    q->bytes += e->bytes.len;
    if (is_asked_for(q, e->bytes)) {
        if (elo_rec_parse(e->bytes, &r, NULL) != ELO_OK) {
            q->err = ELO_ECORRUPT;
            return false;
        }
        q->is_over = !q->fn(q->ctx, e->number, &r, e->bytes);
    }
    return !q->is_over && q->bytes < ELO_CTL_QUERY_BYTES;
}


elo_err_t
elo_ctl_query(elo_ctl_t *c, const elo_agent_t *author, elo_rec_kind_t kind,
              uint64_t from, uint32_t budget, elo_ctl_each_fn fn, void *ctx,
              uint64_t *next)
{
    query_t q = { .author = author,
                  .kind = kind,
                  .fn = fn,
                  .ctx = ctx,
                  .number = from == 0 ? 0 : from - 1 };
    elo_err_t rc = ELO_OK;
    uint32_t batch;

    assert(c->magic == ELO_CTL_MAGIC);
    do {
        batch = ELO_MIN(budget, QUERY_BATCH);
        q.n = 0;
        rc = elo_store_journal_each(c->store, ELO_JOURNAL_RECORD, q.number + 1,
                                    batch, show, &q);
        budget -= batch;
        if (rc == ELO_OK) {
            rc = q.err;
        }
    } while (rc == ELO_OK && q.n == batch && budget > 0 && !q.is_over
             && q.bytes < ELO_CTL_QUERY_BYTES);
    if (rc == ELO_OK) {
        *next = q.number < elo_store_journal_last(c->store, ELO_JOURNAL_RECORD)
                    ? q.number + 1
                    : 0;
    }
    return rc;
}
