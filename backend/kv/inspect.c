/* SPDX-License-Identifier: BSD-2-Clause */
/* inspect: opening an engine to look at it, and counting again. */
#include "backend/kv/inspect.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "backend/kv/index_look.h"
#include "backend/kv/kv_internal.h"
#include "backend/kv/segment_internal.h"
#include "backend/os/clock.h"
#include "common/base/num.h"

#define SPACES 256


/* ---- opening ---- */

static elo_err_t
counter_load(void *ctx, uint8_t space, uint64_t id, int64_t value)
{
    elo_kv_t *kv = ctx;

    return elo_counters_load(kv->counters, space, id, value);
}


static elo_err_t
index_load(elo_kv_t *kv, const char *scratch)
{
    elo_kv_cfg_t cfg = kv->cfg;
    elo_index_read_t *r;
    elo_err_t rc;

    if ((rc = elo_counters_create(&kv->counters)) != ELO_OK) {
        return rc;
    }
    kv->settled.store_id = cfg.store_id;
    if (scratch != NULL) {
        cfg.index_path = scratch;
        return elo_index_open(&cfg, &kv->index);
    }
    if ((rc = elo_index_look(&cfg, &kv->index)) != ELO_OK
        || (rc = elo_index_read_begin(kv->index, &r)) != ELO_OK)
    {
        return rc;
    }
    rc = elo_index_state(r, &kv->settled);
    if (rc == ELO_OK) {
        rc = elo_index_counters(r, counter_load, kv);
    }
    elo_index_read_end(&r);
    if (rc == ELO_OK && kv->settled.store_id != cfg.store_id) {
        rc = ELO_ECORRUPT;
    }
    return rc;
}


static elo_err_t
replay_record(void *ctx, const elo_log_rec_t *r)
{
    elo_kv_t *kv = ctx;
    elo_err_t rc;

    kv->tx.seq++;
    if ((rc = elo_kv_tx_replay(&kv->tx, r)) != ELO_OK) {
        return rc;
    }
    if ((r->head.flags & ELO_REC_END) != 0) {
        elo_counters_publish(kv->counters);
        kv->tx.n_handles = 0;
    }
    return ELO_OK;
}


/* What lies behind `end` was never acknowledged: no scan is to look there. */
static void
cut(elo_kv_t *kv, elo_log_pos_t end)
{
    elo_seglog_t *l = kv->log;

    elo_mutex_lock(&l->mtx);
    for (size_t i = 0; i < l->n_segs; i++) {
        if (l->segs[i]->number == end.segment) {
            l->segs[i]->used = end.off;
        }
    }
    elo_mutex_unlock(&l->mtx);
    kv->head = end.segment;
}


static elo_err_t
replay(elo_kv_t *kv, elo_kv_recovery_t *found)
{
    elo_log_scan_t scan = { .records = 0 };
    elo_err_t rc;

    rc =
        elo_memtable_create(kv->cfg.memtable_bytes, kv->hash_seed, &kv->active);
    if (rc != ELO_OK || (rc = elo_kv_tx_begin(&kv->tx)) != ELO_OK) {
        return rc;
    }
    rc = elo_seglog_recover(kv->log, kv->settled.pos, kv->settled.next_lsn,
                            replay_record, kv, &scan);
    elo_kv_tx_end(&kv->tx, true);
    if (rc != ELO_OK) {
        return rc;
    }
    cut(kv, scan.end);
    *found = (elo_kv_recovery_t){ .records = scan.records,
                                  .bytes = scan.bytes,
                                  .torn_bytes = scan.torn_bytes,
                                  .rotten = scan.rotten };
    return ELO_OK;
}


static elo_err_t
locks_init(elo_kv_t *kv)
{
    elo_err_t rc = elo_mutex_init(&kv->mtx);

    kv->n_mutexes = rc == ELO_OK ? 1 : 0;
    return rc;
}


void
elo_inspect_close(elo_kv_t **p)
{
    elo_kv_t *kv = *p;

    *p = NULL;
    if (kv == NULL) {
        return;
    }
    elo_memtable_unref(&kv->active);
    free(kv->tx.handles);
    elo_index_close(&kv->index);
    elo_seglog_close(&kv->log);
    elo_counters_free(&kv->counters);
    if (kv->n_mutexes != 0) {
        elo_mutex_dispose(&kv->mtx);
    }
    free(kv);
}


elo_err_t
elo_inspect_open(const elo_kv_cfg_t *cfg, const char *scratch, elo_kv_t **out,
                 elo_kv_recovery_t *found)
{
    elo_kv_t *kv = calloc(1, sizeof(*kv));
    elo_err_t rc;

    if (kv == NULL) {
        return ELO_ENOMEM;
    }
    kv->magic = ELO_KV_MAGIC;
    kv->mode = ELO_KV_READONLY;
    kv->cfg = *cfg;
    kv->cfg.memtable_bytes = ELO_KV_MEMTABLE_BYTES;
    kv->cfg.group = -1;
    kv->tx.kv = kv;
    elo_random(&kv->hash_seed, sizeof(kv->hash_seed));
    if ((rc = locks_init(kv)) != ELO_OK
        || (rc = elo_seglog_open(&kv->cfg, &kv->log)) != ELO_OK
        || (rc = index_load(kv, scratch)) != ELO_OK
        || (rc = replay(kv, found)) != ELO_OK)
    {
        elo_inspect_close(&kv);
        return rc;
    }
    *out = kv;
    return ELO_OK;
}


elo_err_t
elo_inspect_head(const elo_vfs_t *vfs, int root_fd, const char *name,
                 uint64_t *store_id)
{
    char path[ELO_STORE_NAME_MAX + 1], want[ELO_STORE_NAME_MAX + 1];
    uint8_t head[ELO_SEG_HEADER_LEN];
    elo_seg_head_t h;
    elo_err_t rc;
    size_t n = 0;
    int fd;

    if (strlen(name) != 16 || strspn(name, "0123456789abcdef") != 16) {
        return ELO_ENOTFOUND;
    }
    elo_seg_name(strtoull(name, NULL, 16), want);
    snprintf(path, sizeof(path), ELO_SEG_DIR "/%s", name);
    if ((rc = vfs->open(vfs, root_fd, path, ELO_VFS_READ, 0, &fd)) != ELO_OK) {
        return rc;
    }
    rc = vfs->pread(vfs, fd, head, sizeof(head), 0, &n);
    vfs->close(vfs, fd);
    if (rc != ELO_OK) {
        return rc;
    }
    if (n != sizeof(head)) {
        return ELO_ECORRUPT;
    }
    if ((rc = elo_seg_head_parse(head, &h)) != ELO_OK) {
        return rc;
    }
    elo_seg_name(h.segment, want);
    if (strcmp(want, path) != 0) {
        return ELO_EINVAL;
    }
    *store_id = h.store_id;
    return ELO_OK;
}


/* ---- counting again ---- */

typedef struct {
    elo_kv_t *kv;
    elo_counters_t *old, *fresh;
    elo_inspect_sum_fn fn;
    void *ctx;
    uint8_t space;
} recount_t;


/* One row, as if it were written for the first time. */
static elo_err_t
count_row(recount_t *r, uint8_t table, elo_slice_t key, const elo_kv_entry_t *e)
{
    elo_rec_head_t h = { .key_len = (uint16_t) key.len,
                         .value_len = (uint32_t) e->value.len,
                         .data_len = e->data_len };
    elo_kv_tx_t *tx = &r->kv->tx;
    elo_err_t rc = ELO_OK;

    if (e->segment == 0) {
        return ELO_OK; /* derived */
    }
    tx->seq++;
    rc =
        elo_counters_add(r->fresh, ELO_KV_SPACE_LIVE,
                         ELO_KV_ID_LIVE(e->segment), (int64_t) elo_rec_len(&h));
    if (rc == ELO_OK && r->kv->cfg.derive != NULL) {
        tx->is_deriving = true;
        rc = r->kv->cfg.derive(r->kv->cfg.ctx, tx, table, key, NULL, e, false);
        tx->is_deriving = false;
    }
    elo_counters_publish(r->fresh);
    tx->n_handles = 0;
    return rc == ELO_ECORRUPT ? ELO_OK : rc; /* whoever reads rows tells */
}


static elo_err_t
count_table(recount_t *r, uint8_t table)
{
    elo_kv_cursor_t *c;
    elo_kv_entry_t e;
    elo_slice_t key;
    elo_err_t rc;

    rc = elo_kv_cursor_open(&r->kv->tx.base, table, elo_slice(NULL, 0), &c);
    while (rc == ELO_OK && (rc = elo_kv_cursor_next(c, &key, &e)) == ELO_OK) {
        rc = count_row(r, table, key, &e);
    }
    elo_kv_cursor_close(&c);
    return rc == ELO_ENOTFOUND ? ELO_OK : rc;
}


static bool
is_counted(const recount_t *r, uint64_t id)
{
    return r->space != ELO_KV_SPACE_LIVE
           || (id % 2 == 0 && elo_seglog_next(r->kv->log, id / 2) == id / 2);
}


static void
compare_old(void *ctx, uint64_t id, int64_t sum)
{
    const recount_t *r = ctx;
    int64_t should = elo_counters_sum(r->fresh, r->space, id);

    if (sum != should && is_counted(r, id)) {
        r->fn(r->ctx, r->space, id, sum, should);
    }
}


static void
compare_fresh(void *ctx, uint64_t id, int64_t sum)
{
    const recount_t *r = ctx;

    /* the others were seen from the other side */
    if (elo_counters_sum(r->old, r->space, id) == 0 && sum != 0
        && is_counted(r, id))
    {
        r->fn(r->ctx, r->space, id, 0, sum);
    }
}


static void
compare(recount_t *r)
{
    for (int space = 0; space < SPACES; space++) {
        r->space = (uint8_t) space;
        elo_counters_each(r->old, r->space, compare_old, r);
        elo_counters_each(r->fresh, r->space, compare_fresh, r);
    }
}


elo_err_t
elo_inspect_sums(elo_kv_t *kv, elo_inspect_sum_fn fn, void *ctx)
{
    recount_t r = { .kv = kv, .old = kv->counters, .fn = fn, .ctx = ctx };
    elo_err_t rc;

    assert(kv->mode == ELO_KV_READONLY);
    if ((rc = elo_counters_create(&r.fresh)) != ELO_OK) {
        return rc;
    }
    if ((rc = elo_kv_tx_begin(&kv->tx)) == ELO_OK) {
        kv->counters = r.fresh;
        for (uint32_t i = 1; i < kv->cfg.n_tables && rc == ELO_OK; i++) {
            if (kv->cfg.tables[i] != NULL) {
                rc = count_table(&r, (uint8_t) i);
            }
        }
        elo_kv_tx_end(&kv->tx, true);
        kv->counters = r.old;
    }
    if (rc == ELO_OK) {
        compare(&r);
    }
    elo_counters_free(&r.fresh);
    return rc;
}
