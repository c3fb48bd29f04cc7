/* SPDX-License-Identifier: BSD-2-Clause */
/* evict: under pressure, takes away what enough other nodes hold: of the widest
   reach first, private last, and within a reach what was not asked for for the
   longest time. Never below the wanted holders, unless told to, and never the last
   copy that is known. Content nodes go on referring to what was evicted: reading it
   again is a matter of fetching. */
#include <string.h>

#include "backend/care/job.h"
#include "backend/os/log.h"
#include "backend/store/blob_row.h"
#include "backend/store/files.h"
#include "backend/store/node_internal.h"

#define BATCH 32u

typedef struct {
    elo_digest_t stored;
    uint64_t size;
    uint32_t day;
} candidate_t;

/* The oldest of one reach, the worst (youngest) of them on top. */
typedef struct {
    candidate_t list[BATCH];
    uint32_t n;
} oldest_t;

typedef struct {
    elo_kv_op_t op; /* first */
    const elo_digest_t *stored;
    elo_slots_t slots;
    uint64_t blob_file, media_file;
} evict_t;


static bool
has_pressure(const elo_care_run_t *r)
{
    const elo_vfs_t *v = r->cfg->store->vfs;
    uint64_t bytes;

    if (r->is_forced && r->items == 0) {
        return true; /* asked for: at least one round */
    }
    return r->cfg->evict_free_bytes != 0
           && v->free_space(v, r->cfg->store->root_fd, &bytes) == ELO_OK
           && bytes < r->cfg->evict_free_bytes;
}


/* Other holders that must be left. */
static bool
may_go(const elo_care_run_t *r, const elo_digest_t *d, elo_reach_t reach)
{
    uint32_t others =
        r->cfg->holders != NULL ? r->cfg->holders(r->cfg->holders_ctx, d) : 0;

    if (others == 0) {
        return false; /* the last copy that is known */
    }
    return r->is_forced || r->cfg->evict_below_wanted
           || others >= elo_reach_wanted(reach);
}


static void
keep_oldest(oldest_t *o, const candidate_t *c)
{
    uint32_t worst = 0;

    if (o->n < BATCH) {
        o->list[o->n++] = *c;
        return;
    }
    for (uint32_t i = 1; i < BATCH; i++) {
        if (o->list[i].day > o->list[worst].day) {
            worst = i;
        }
    }
    if (c->day < o->list[worst].day) {
        o->list[worst] = *c;
    }
}


/* A pinned blob stays, and so does one with work left to do. */
static elo_err_t
look_at(elo_care_run_t *r, elo_kv_view_t *v, elo_reach_t reach, elo_slice_t key,
        const elo_kv_entry_t *e, oldest_t *o)
{
    elo_rows_t rows = { .view = v };
    elo_rec_blob_t rec;
    candidate_t c;
    bool is_pinned;
    elo_err_t rc;

    if (key.len != ELO_SHA256_LEN) {
        return ELO_ECORRUPT;
    }
    rc = elo_rec_blob_parse(e->value, e->data_len, &rec);
    if (rc != ELO_OK || rec.reach != reach) {
        return rc;
    }
    memcpy(c.stored.b, key.p, ELO_SHA256_LEN);
    c.size = rec.size;
    if (!may_go(r, &c.stored, reach)) {
        return ELO_OK;
    }
    if ((rc = elo_row_is(&rows, ELO_T_PIN, &c.stored, &is_pinned)) != ELO_OK
        || is_pinned || (rc = elo_care_use_day(v, &c.stored, &c.day)) != ELO_OK)
    {
        return rc;
    }
    if (c.day == 0) {
        c.day = (uint32_t) (rec.created_us / 1000000 / 86400);
    }
    keep_oldest(o, &c);
    return ELO_OK;
}


static elo_err_t
find_oldest(elo_care_run_t *r, elo_reach_t reach, oldest_t *o)
{
    elo_kv_cursor_t *c = NULL;
    elo_kv_entry_t e;
    elo_kv_view_t v;
    elo_slice_t key;
    elo_err_t rc;

    o->n = 0;
    if ((rc = elo_kv_view_begin(elo_store_kv(r->cfg->store), &v)) != ELO_OK) {
        return rc;
    }
    rc = elo_kv_cursor_open(&v, ELO_T_BLOB, elo_slice(NULL, 0), &c);
    while (rc == ELO_OK && (rc = elo_kv_cursor_next(c, &key, &e)) == ELO_OK) {
        rc = look_at(r, &v, reach, key, &e, o);
    }
    elo_kv_cursor_close(&c);
    elo_kv_view_end(&v);
    return rc == ELO_ENOTFOUND ? ELO_OK : rc;
}


static elo_err_t
run_evict(elo_kv_op_t *op, elo_kv_tx_t *tx)
{
    evict_t *x = (evict_t *) op;
    elo_rows_t rows = { .tx = tx };
    elo_rec_blob_t rec;
    elo_kv_entry_t e;
    elo_err_t rc;

    x->blob_file = x->media_file = 0;
    if ((rc = elo_blob_row(&rows, x->stored, &e, &rec)) != ELO_OK
        || (rc = elo_slots_mark_blob(&x->slots, tx, x->stored)) != ELO_OK
        || (rc = elo_own_clear_tx(tx, x->stored)) != ELO_OK
        || (rc = elo_media_del(tx, x->stored, &x->media_file)) != ELO_OK
        || (rc = elo_file_kill_tx(tx, ELO_FILE_MEDIA, x->media_file)) != ELO_OK)
    {
        return rc;
    }
    return elo_stored_del_tx(tx, x->stored, &rec, &x->blob_file);
}


static elo_err_t
evict_one(elo_care_run_t *r, const candidate_t *c)
{
    evict_t x = { .op = { .run = run_evict }, .stored = &c->stored };
    elo_store_t *s = r->cfg->store;
    elo_err_t rc = elo_kv_exec(elo_store_kv(s), &x.op);

    if (rc != ELO_OK) {
        return rc == ELO_ENOTFOUND ? ELO_OK : rc;
    }
    elo_slots_bump(s, &x.slots);
    elo_file_bury(s, ELO_FILE_BLOB, x.blob_file);
    elo_file_bury(s, ELO_FILE_MEDIA, x.media_file);
    r->items += 1;
    r->bytes += c->size;
    return ELO_OK;
}


static elo_err_t
evict_reach(elo_care_run_t *r, elo_reach_t reach, bool *any)
{
    oldest_t o;
    elo_err_t rc = find_oldest(r, reach, &o);

    *any = false;
    for (uint32_t i = 0; i < o.n && rc == ELO_OK && has_pressure(r); i++) {
        rc = evict_one(r, &o.list[i]);
        *any = true;
    }
    return rc;
}


elo_err_t
elo_care_step_evict(elo_care_run_t *r, bool *more)
{
    bool any = false;
    elo_err_t rc = elo_care_use_save(r->use, r->cfg->store);

    *more = false;
    if (rc != ELO_OK || r->cfg->holders == NULL || !has_pressure(r)) {
        return rc;
    }
    for (int reach = ELO_REACH_COMMONS; reach >= 0 && !any; reach--) {
        if ((rc = evict_reach(r, (elo_reach_t) reach, &any)) != ELO_OK) {
            return rc;
        }
    }
    *more = any;
    return ELO_OK;
}
