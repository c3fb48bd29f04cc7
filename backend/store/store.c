/* SPDX-License-Identifier: BSD-2-Clause */
/* store: opening and closing, and what is known of the whole. Format:
   docs/formats/store.md. */
#include "backend/store/store_internal.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

#include "backend/os/clock.h"
#include "backend/os/log.h"
#include "backend/store/crew.h"
#include "backend/store/files.h"
#include "backend/store/node_internal.h"
#include "common/base/num.h"

#define MAP_DEFAULT   (UINT64_C(1) << 30) /* four million small blobs, about */
#define MAP_MIN       (UINT64_C(1) << 20)
#define MAP_ALIGN     (UINT64_C(1) << 16) /* the largest page size of Linux */
#define UPLOAD_KEEP_S (24u * 60 * 60)
#define PATH_LEN      4096

/* A blob in the log takes a quarter of a segment at most: what is left over at a
   segment's end is waste. */
#define INLINE_SHARE 4

static const char *const table_names[ELO_T_COUNT] = {
#define T(name, number, text) [number] = (text),
    ELO_STORE_TABLES(T)
#undef T
};


/* Nameless temporary files, if linking one works here (it needs /proc). */
static void
probe_nameless(elo_store_t *s)
{
    const elo_vfs_t *v = s->vfs;
    int fd;

    if (v->open_tmp(v, s->root_fd, "tmp", ELO_FILE_MODE, &fd) != ELO_OK) {
        return;
    }
    if (v->link_fd(v, fd, s->root_fd, "tmp/probe") == ELO_OK) {
        s->nameless = v->unlink(v, s->root_fd, "tmp/probe") == ELO_OK;
    }
    v->close(v, fd);
}


static void
log_found(const elo_kv_recovery_t *f)
{
    elo_log(f->rotten > 0 ? ELO_LOG_ERROR : ELO_LOG_INFO,
            "store recovered: %llu records in %llu bytes of log%s, "
            "%llu bytes torn off, %llu damaged, %u ms",
            (unsigned long long) f->records, (unsigned long long) f->bytes,
            f->is_rebuilt ? " (index made again)" : "",
            (unsigned long long) f->torn_bytes, (unsigned long long) f->rotten,
            f->took_ms);
}


static elo_err_t
engine_open(elo_store_t *s, const elo_store_cfg_t *cfg,
            elo_kv_recovery_t *found)
{
    char index[PATH_LEN];
    int n = snprintf(index, sizeof(index), "%s/index", cfg->root);
    elo_kv_cfg_t kv = {
        .vfs = s->vfs,
        .root_fd = s->root_fd,
        .index_path = index,
        .store_id = s->store_id,
        .map_bytes = cfg->map_bytes == 0 ? MAP_DEFAULT : cfg->map_bytes,
        .segment_bytes = cfg->segment_bytes,
        .memtable_bytes = cfg->memtable_bytes,
        .tail_bytes = cfg->tail_bytes,
        .checkpoint_ms = cfg->checkpoint_ms,
        .min_free_bytes = cfg->min_free_bytes,
        .group = cfg->group,
        .tables = table_names,
        .n_tables = ELO_T_COUNT,
        .derive = elo_store_derive,
        .ctx = s,
    };
    elo_err_t rc;

    if (n < 0 || (size_t) n >= sizeof(index) || kv.map_bytes < MAP_MIN
        || kv.map_bytes > INT64_MAX)
    {
        return ELO_EINVAL;
    }
    kv.map_bytes = kv.map_bytes / MAP_ALIGN * MAP_ALIGN;
    if ((rc = elo_kv_open(&kv, &s->kv, found)) == ELO_OK) {
        log_found(found);
    }
    return rc;
}


static elo_err_t
open_all(elo_store_t *s, const elo_store_cfg_t *cfg, elo_kv_recovery_t *found)
{
    elo_err_t rc;

    if ((rc = elo_hashes_create(&s->hashes)) != ELO_OK
        || (rc = elo_crew_create(&s->crew)) != ELO_OK
        || (rc = elo_tasks_create(&s->tasks)) != ELO_OK
        || (rc = elo_layout_open(s, cfg->root)) != ELO_OK
        || (rc = elo_genpage_open(s)) != ELO_OK
        || (rc = engine_open(s, cfg, found)) != ELO_OK
        || (rc = elo_purges_open(s)) != ELO_OK
        || (rc = elo_files_clean(s, found->rotten > 0)) != ELO_OK
        || (rc = elo_uploads_open(s, &s->uploads)) != ELO_OK
        || (rc = elo_agents_open(s)) != ELO_OK)
    {
        return rc;
    }
    probe_nameless(s);
    return elo_store_is_readonly(s) ? ELO_EREADONLY : ELO_OK;
}


static void
close_all(elo_store_t **sp)
{
    elo_store_t *s = *sp;

    *sp = NULL;
    if (s->uploads != NULL) {
        elo_uploads_close(&s->uploads);
    }
    elo_crew_free(&s->crew);
    if (s->kv != NULL) {
        elo_kv_close(&s->kv);
    }
    if (s->tasks != NULL) {
        elo_tasks_free(&s->tasks);
    }
    elo_purges_close(s);
    elo_genpage_close(s);
    elo_hashes_free(&s->hashes);
    if (s->lock_fd != -1) {
        s->vfs->close(s->vfs, s->lock_fd);
    }
    if (s->root_fd != -1) {
        s->vfs->close(s->vfs, s->root_fd);
    }
    s->magic = 0;
    free(s);
}


static void
configure(elo_store_t *s, const elo_store_cfg_t *cfg)
{
    uint64_t segment =
        cfg->segment_bytes == 0 ? ELO_KV_SEGMENT_BYTES : cfg->segment_bytes;
    uint64_t in =
        cfg->inline_bytes == 0 ? ELO_INLINE_DEFAULT : cfg->inline_bytes;

    in = ELO_MIN(in, ELO_INLINE_MAX);
    s->magic = ELO_STORE_MAGIC;
    s->vfs = cfg->vfs != NULL ? cfg->vfs : elo_vfs_posix();
    s->keyring = cfg->keyring;
    s->group = cfg->group;
    s->min_free = cfg->min_free_bytes;
    s->quota_bytes = cfg->quota_bytes;
    s->operator_quota = ELO_QUOTA_DEFAULT;
    s->queue_max = cfg->queue_max;
    s->inline_bytes = (uint32_t) ELO_MIN(in, segment / INLINE_SHARE);
    s->upload_keep_s =
        cfg->upload_keep_s == 0 ? UPLOAD_KEEP_S : cfg->upload_keep_s;
    s->grace_s = cfg->grace_s;
    s->promoted = cfg->promoted;
    s->promoted_ctx = cfg->promoted_ctx;
    s->root_fd = s->lock_fd = -1;
}


elo_err_t
elo_store_open(const elo_store_cfg_t *cfg, elo_store_t **out,
               elo_kv_recovery_t *found)
{
    elo_store_t *s = calloc(1, sizeof(*s));
    elo_kv_recovery_t rec = { 0 };
    elo_err_t rc;

    if (s == NULL) {
        return ELO_ENOMEM;
    }
    configure(s, cfg);
    if ((rc = open_all(s, cfg, &rec)) != ELO_OK) {
        close_all(&s);
        return rc;
    }
    if (found != NULL) {
        *found = rec;
    }
    *out = s;
    return ELO_OK;
}


void
elo_store_close(elo_store_t **sp)
{
    if (sp != NULL && *sp != NULL) {
        assert((*sp)->magic == ELO_STORE_MAGIC);
        close_all(sp);
    }
}


elo_gen_page_t *
elo_store_gen(elo_store_t *s)
{
    assert(s->magic == ELO_STORE_MAGIC);
    return s->gen;
}


elo_kv_t *
elo_store_kv(elo_store_t *s)
{
    assert(s->magic == ELO_STORE_MAGIC);
    return s->kv;
}


static uint64_t
total(elo_store_t *s, uint64_t id)
{
    int64_t v = elo_kv_sum(s->kv, ELO_SUM_TOTAL, id);

    return v < 0 ? 0 : (uint64_t) v;
}


void
elo_store_totals(elo_store_t *s, elo_store_totals_t *out)
{
    assert(s->magic == ELO_STORE_MAGIC);
    *out = (elo_store_totals_t){
        .blobs = total(s, ELO_TOTAL_BLOBS),
        .bytes = total(s, ELO_TOTAL_BYTES),
        .sealed = total(s, ELO_TOTAL_SEALED),
        .nodes = total(s, ELO_TOTAL_NODES),
        .uploads = total(s, ELO_TOTAL_UPLOADS),
        .tasks = total(s, ELO_TOTAL_TASKS),
        .waiting = total(s, ELO_TOTAL_WAITING),
        .bad = total(s, ELO_TOTAL_BAD),
    };
}


bool
elo_store_is_readonly(elo_store_t *s)
{
    return s->kv != NULL && elo_kv_is_readonly(s->kv);
}


elo_err_t
elo_store_exec(elo_store_t *s, elo_kv_op_t *op)
{
    return elo_store_is_readonly(s) ? ELO_EREADONLY : elo_kv_exec(s->kv, op);
}


int64_t
elo_store_orphan_due(elo_store_t *s)
{
    return elo_clock_unix_s() + s->grace_s;
}


/* ---- slots ---- */

void
elo_slots_mark(elo_slots_t *m, elo_slice_t key)
{
    uint32_t slot = elo_gen_slot(key) % ELO_GEN_SLOTS;

    m->set[slot / 64] |= UINT64_C(1) << (slot % 64);
}


void
elo_slots_mark_all(elo_slots_t *m)
{
    memset(m->set, 0xff, sizeof(m->set));
}


static void
mark_referrer(void *ctx, elo_slice_t id)
{
    elo_slots_mark(ctx, id);
}


elo_err_t
elo_slots_mark_blob(elo_slots_t *m, elo_kv_tx_t *tx, const elo_digest_t *d)
{
    elo_slots_mark(m, elo_digest_slice(d));
    return elo_node_referrers(tx, d, mark_referrer, m);
}


void
elo_slots_bump(elo_store_t *s, const elo_slots_t *m)
{
    for (uint32_t i = 0; i < ELO_COUNT(m->set); i++) {
        for (uint64_t set = m->set[i]; set != 0; set &= set - 1) {
            elo_gen_bump(s->gen, i * 64 + (uint32_t) __builtin_ctzll(set));
        }
    }
}
