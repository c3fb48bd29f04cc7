/* SPDX-License-Identifier: BSD-2-Clause */
/* collect: takes from agents what they had referred to and don't for longer than the
   grace; bytes that nobody has any more go. Rows of ORPHAN are in order of their due
   time. What has come to be referred to or pinned stays, and only its row goes. */
#include "backend/care/job.h"
#include "backend/os/clock.h"
#include "backend/store/node_internal.h"

#define BATCH 64u

typedef struct {
    elo_digest_t digest;
    uint32_t agent;
    int64_t due;
} orphan_t;


/* What is due, as a view has it: that it still is, is looked at when it goes. */
static elo_err_t
due_list(elo_care_run_t *r, orphan_t *out, uint32_t *n)
{
    int64_t now = elo_clock_unix_s();
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
           && (rc = elo_orphan_key_parse(key, &out[*n].due, &out[*n].digest,
                                         &out[*n].agent))
                  == ELO_OK
           && out[*n].due <= now)
    {
        *n += 1;
    }
    elo_kv_cursor_close(&c);
    elo_kv_view_end(&v);
    return rc == ELO_ENOTFOUND ? ELO_OK : rc;
}


static elo_err_t
collect_one(elo_care_run_t *r, const orphan_t *o)
{
    elo_store_t *s = r->cfg->store;
    elo_blob_stat_t st = { .size = 0 };
    bool is_gone = false;
    elo_err_t rc;

    /* for the count only */
    elo_ignore(elo_store_stat(s, &o->digest, NULL, &st));
    rc = elo_store_collect(s, &o->digest, o->agent, o->due, &is_gone);
    if (is_gone) {
        r->items += 1;
        r->bytes += st.size;
    }
    return rc == ELO_EBUSY ? ELO_OK : rc; /* no longer one */
}


elo_err_t
elo_care_step_collect(elo_care_run_t *r, bool *more)
{
    orphan_t list[BATCH];
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
