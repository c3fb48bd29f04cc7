/* SPDX-License-Identifier: BSD-2-Clause */
/* query: records, as the journal has them. Any thread: nothing of the loop's is
   looked at. */
#include <assert.h>

#include "backend/ctl/ctl_internal.h"
#include "backend/store/journal.h"
#include "common/base/cbor.h"

typedef struct {
    const elo_agent_t *author;
    elo_rec_kind_t kind;
    elo_ctl_each_fn fn;
    void *ctx;
    uint64_t number; /* of the latest that was looked at */
    bool is_over;
    elo_err_t err;
} query_t;


/* Whose it is, without the cost of a signature; what is none is everybody's, so that
   it is found out. */
static bool
may_be_of(elo_slice_t bytes, const elo_agent_t *author)
{
    elo_slice_t inner = { 0 }, by = { 0 };
    uint64_t n;
    elo_cbor_t c;

    elo_cbor_init(&c, bytes);
    if (!elo_cbor_array(&c, &n) || !elo_cbor_bytes(&c, &inner)) {
        return true;
    }
    elo_cbor_init(&c, inner);
    return !elo_cbor_array(&c, &n) || !elo_cbor_uint(&c, &n)
           || !elo_cbor_bytes(&c, &by) || by.len != sizeof(author->b)
           || memcmp(by.p, author->b, by.len) == 0;
}


static bool
show(void *ctx, const elo_journal_entry_t *e)
{
    query_t *q = ctx;
    elo_rec_t r;

    q->number = e->number;
    if (q->author != NULL && !may_be_of(e->bytes, q->author)) {
        return true;
    }
    if (elo_rec_parse(e->bytes, &r, NULL) != ELO_OK) {
        q->err = ELO_ECORRUPT;
        return false;
    }
    if (q->kind == 0 || r.kind == q->kind) {
        q->is_over = !q->fn(q->ctx, e->number, &r, e->bytes);
    }
    return !q->is_over;
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
    elo_err_t rc;

    assert(c->magic == ELO_CTL_MAGIC);
    rc = elo_store_journal_each(c->store, ELO_JOURNAL_RECORD, from, budget,
                                show, &q);
    if (rc == ELO_OK) {
        rc = q.err;
    }
    if (rc == ELO_OK) {
        *next = q.number < elo_store_journal_last(c->store, ELO_JOURNAL_RECORD)
                    ? q.number + 1
                    : 0;
    }
    return rc;
}
