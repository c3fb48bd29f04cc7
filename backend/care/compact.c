/* SPDX-License-Identifier: BSD-2-Clause */
/* compact: gives back the room of what is no longer true in the log: the settled
   segment with the smallest share of live bytes, as long as there is one below the
   share that is asked for. Readers of a moved blob are told through its generation
   slots, after the move is durable; then the old file is unlinked. */
#include <stdlib.h>

#include "backend/care/job.h"
#include "backend/kv/kv_care.h"
#include "backend/os/log.h"
#include "backend/store/node.h"
#include "backend/store/tables.h"

#define OP_BYTES (1u << 20) /* one operation: what other writers wait for */

#define LEFT_MAX 64u /* more than that, and the run ends */

/* Segments that can't be compacted; lives for one run. */
typedef struct {
    uint32_t n;
    uint64_t segment[LEFT_MAX];
} left_t;

typedef struct {
    const left_t *left;
    uint32_t percent;
    uint64_t segment; /* 0: none */
    uint64_t bytes;
    double share;
} pick_t;


static bool
is_left(const left_t *l, uint64_t segment)
{
    for (uint32_t i = 0; i < l->n; i++) {
        if (l->segment[i] == segment) {
            return true;
        }
    }
    return false;
}


static bool
look_at(void *ctx, const elo_kv_segment_t *s)
{
    pick_t *p = ctx;
    double share = s->bytes != 0 ? (double) s->live / (double) s->bytes : 0;

    if (s->is_settled && share * 100 < p->percent
        && (p->segment == 0 || share < p->share)
        && !is_left(p->left, s->segment))
    {
        p->segment = s->segment;
        p->bytes = s->bytes;
        p->share = share;
    }
    return true;
}


static bool
bump_referrer(void *ctx, elo_slice_t id)
{
    elo_gen_page_t *gen = ctx;

    elo_gen_bump(gen, elo_gen_slot(id));
    return true;
}


/* Commit thread. */
static void
on_moved(void *ctx, uint8_t table, elo_slice_t key)
{
    elo_store_t *s = ctx;
    elo_gen_page_t *gen = elo_store_gen(s);
    elo_digest_t d;

    if (table != ELO_T_BLOB || key.len != ELO_SHA256_LEN) {
        return;
    }
    memcpy(d.b, key.p, ELO_SHA256_LEN);
    elo_gen_bump(gen, elo_gen_slot(key));
    /* A referrer that can't be read here keeps a stale grant: it names a file
       that is gone, and that leads to another question as well. */
    elo_ignore(elo_store_referrers(s, &d, bump_referrer, gen));
}


/* What is damaged, or busy, is left out for this run, and the others go on. */
static elo_err_t
leave_out(elo_care_run_t *r, left_t *l, uint64_t segment, elo_err_t rc)
{
    if ((rc != ELO_ECORRUPT && rc != ELO_EBUSY) || l->n == LEFT_MAX) {
        return rc;
    }
    l->segment[l->n++] = segment;
    if (rc == ELO_ECORRUPT) {
        r->found += 1;
        elo_log(ELO_LOG_ERROR,
                "compact: segment %016llx is damaged, it is left as it is",
                (unsigned long long) segment);
    }
    return ELO_OK;
}


elo_err_t
elo_care_step_compact(elo_care_run_t *r, bool *more)
{
    pick_t p = { .percent = r->cfg->compact_percent };
    elo_kv_t *kv = elo_store_kv(r->cfg->store);
    bool is_gone = false;
    elo_err_t rc;

    *more = false;
    if (r->state == NULL) {
        if ((r->state = calloc(1, sizeof(left_t))) == NULL) {
            return ELO_ENOMEM;
        }
        r->drop = free;
    }
    p.left = r->state;
    if ((rc = elo_kv_segments(kv, look_at, &p)) != ELO_OK || p.segment == 0) {
        return rc;
    }
    *more = true;
    while (!is_gone && !elo_care_is_over(r)) {
        rc = elo_kv_compact(kv, p.segment, OP_BYTES, on_moved, r->cfg->store,
                            &is_gone);
        if (rc != ELO_OK) {
            return leave_out(r, r->state, p.segment, rc);
        }
    }
    if (is_gone) {
        r->items += 1;
        r->bytes += p.bytes;
    }
    return ELO_OK;
}
