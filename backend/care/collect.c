/* SPDX-License-Identifier: BSD-2-Clause */
/* collect: removes blobs whose last reference is gone for longer than the grace.
   Rows of ORPHAN are in order of their due time. A blob that has come to be
   referred to or pinned stays, and only its row goes. */
#include "backend/care/job.h"
#include "backend/os/clock.h"
#include "backend/store/node_internal.h"

#define BATCH 64u

typedef struct {
    elo_kv_op_t op; /* first */
    const elo_digest_t *d;
} forget_t;


static elo_err_t
run_forget(elo_kv_op_t *op, elo_kv_tx_t *tx)
{
    return elo_orphan_del(tx, ((forget_t *) op)->d);
}


static elo_err_t
due_list(elo_care_run_t *r, elo_digest_t *out, uint32_t *n)
{
    int64_t now = elo_clock_unix_s(), due;
    elo_kv_cursor_t *c = NULL;
    elo_kv_entry_t e;
    elo_kv_view_t v;
    elo_slice_t key;
    elo_err_t rc;

    *n = 0;
    rc = elo_kv_view_begin(elo_store_kv(r->cfg->store), &v);
    if (rc != ELO_OK) {
        return rc;
    }
    rc = elo_kv_cursor_open(&v, ELO_T_ORPHAN, elo_slice(NULL, 0), &c);
    while (rc == ELO_OK && *n < BATCH
           && (rc = elo_kv_cursor_next(c, &key, &e)) == ELO_OK
           && (rc = elo_orphan_key_parse(key, &due, &out[*n])) == ELO_OK
           && due <= now)
    {
        *n += 1;
    }
    elo_kv_cursor_close(&c);
    elo_kv_view_end(&v);
    return rc == ELO_ENOTFOUND ? ELO_OK : rc;
}


static elo_err_t
collect_one(elo_care_run_t *r, const elo_digest_t *d)
{
    forget_t f = { .op = { .run = run_forget }, .d = d };
    elo_store_t *s = r->cfg->store;
    elo_blob_stat_t st = { .size = 0 };
    elo_err_t rc;

    elo_ignore(elo_store_stat(s, d, NULL, &st)); /* for the count only */
    rc = elo_store_remove(s, d, NULL);
    if (rc == ELO_OK) {
        r->items += 1;
        r->bytes += st.size;
    } else if (rc != ELO_EBUSY && rc != ELO_ENOTFOUND) {
        return rc;
    }
    return elo_kv_exec(elo_store_kv(s), &f.op);
}


elo_err_t
elo_care_step_collect(elo_care_run_t *r, bool *more)
{
    elo_digest_t list[BATCH];
    elo_err_t rc;
    uint32_t n;

    if ((rc = due_list(r, list, &n)) != ELO_OK) {
        return rc;
    }
    *more = n == BATCH;
    for (uint32_t i = 0; i < n; i++) {
        if (elo_care_is_over(r)) {
            *more = true;
            break;
        }
        if ((rc = collect_one(r, &list[i])) != ELO_OK) {
            return rc;
        }
    }
    return ELO_OK;
}
