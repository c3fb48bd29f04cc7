/* SPDX-License-Identifier: BSD-2-Clause */
/* store_work: see store_work.h. */
#include "t/crash/store_work_internal.h"

#include <stdlib.h>

#include "backend/store/fsck.h"
#include "t/crash/sweep.h"

#define SEGMENT_BYTES (96u << 10)


elo_err_t
sw_open(sw_t *w, simdisk_t *d, const elo_vfs_t *v, sm_t *m)
{
    elo_store_cfg_t cfg = {
        .root = simdisk_real(d),
        .vfs = v,
        .keyring = sm_keyring(),
        .map_bytes = 16u << 20,
        .group = -1,
        .inline_bytes = SM_INLINE,
        .segment_bytes = SEGMENT_BYTES,
        .tail_bytes = 1u << 30,
        .memtable_bytes = 1u << 20,
        .checkpoint_ms = 3600u * 1000u, /* only when the work says so */
        .upload_keep_s = 1000000,
        .grace_s = 1000000,
        .promoted = sm_promoted,
    };

    memset(w, 0, sizeof(*w));
    w->d = d;
    w->m = m;
    return elo_store_open(&cfg, &w->s, NULL);
}


void
sw_close(sw_t *w)
{
    elo_store_close(&w->s);
}


uint32_t
sw_below(sw_t *w, uint32_t n)
{
    return (uint32_t) sim_rng_below(&w->rng, n);
}


/* ---- what an answer means ---- */

sm_facts_t *
sw_next_facts(sw_t *w)
{
    sm_t *m = w->m;
    sm_facts_t *f = &m->next[m->n_next];

    if (m->n_next == SM_NEXT) {
        abort();
    }
    *f = m->n_next == 0 ? m->now : m->next[m->n_next - 1];
    m->n_next++;
    return f;
}


bool
sw_observe(sw_t *w, sm_facts_t *seen)
{
    bool ok;

    if (w->pause != NULL) {
        w->pause(w->pause_ctx, true);
    }
    sim_spared++;
    ok = sm_observe(w->m, w->s, seen);
    sim_spared--;
    if (w->pause != NULL) {
        w->pause(w->pause_ctx, false);
    }
    return ok;
}


void
sw_failed(sw_t *w, const char *what, elo_err_t rc, elo_err_t want)
{
    sm_t *m = w->m;

    w->failed++;
    if (w->failed_cb != NULL) {
        w->failed_cb();
    }
    if (!w->may_fail) {
        crash_fail("operation %u, %s: %s, want %s", m->n_ops, what,
                   elo_strerror(rc), elo_strerror(want));
        return;
    }
    if ((rc == ELO_ENOSPC || rc == ELO_ENOMEM) && m->n_next == 1) {
        m->n_next = 0;
    }
    if (!elo_store_is_readonly(w->s)) {
        sw_check(w);
    }
}


void
sw_settle(sw_t *w, const char *what, elo_err_t rc, elo_err_t want)
{
    sm_t *m = w->m;

    m->n_ops++;
    if (rc == want) {
        if (rc == ELO_OK && m->n_next > 0) {
            m->now = m->next[m->n_next - 1];
        }
        m->n_next = 0;
        return;
    }
    if (simdisk_is_cut(w->d)) {
        return; /* nobody knows */
    }
    sw_failed(w, what, rc, want);
}


/* ---- care ---- */

typedef struct {
    elo_kv_segment_t best;
    sw_t *w;
} pick_t;


static bool
pick(void *ctx, const elo_kv_segment_t *s)
{
    pick_t *p = ctx;

    if (s->live > s->bytes) {
        crash_fail("segment %llu: %llu of %llu bytes live",
                   (unsigned long long) s->segment,
                   (unsigned long long) s->live, (unsigned long long) s->bytes);
    }
    if (s->is_settled && (p->best.segment == 0 || sw_below(p->w, 2) == 0)) {
        p->best = *s;
    }
    return true;
}


static void
compact(sw_t *w)
{
    elo_kv_t *kv = elo_store_kv(w->s);
    pick_t p = { .w = w };
    elo_err_t rc = elo_kv_segments(kv, pick, &p);
    bool is_gone = false;

    for (uint32_t n = sw_below(w, 20);
         n > 0 && rc == ELO_OK && p.best.segment != 0 && !is_gone; n--)
    {
        rc = elo_kv_compact(kv, p.best.segment, 1 + sw_below(w, 40000), NULL,
                            NULL, &is_gone);
    }
    sw_settle(w, "compaction", rc, ELO_OK);
}


elo_err_t
sw_checkpoint(sw_t *w)
{
    return elo_kv_checkpoint(elo_store_kv(w->s));
}


void
sw_step(sw_t *w, bool little)
{
    if (little) {
        sw_small_puts(w, 1);
        return;
    }
    switch (sw_below(w, 30)) {
    case 0:
    case 1:
    case 2:
    case 3:
    case 4:
        sw_small_puts(w, 1 + sw_below(w, SW_BATCH_MAX));
        return;
    case 5:
    case 6:
    case 7:
        sw_long_put(w);
        return;
    case 8:
    case 9:
        sw_remove_blob(w);
        return;
    case 10:
        sw_pin(w);
        return;
    case 11:
    case 12:
    case 13:
        sw_node(w);
        return;
    case 14:
        sw_media(w);
        return;
    case 15:
        sw_tasks(w);
        return;
    case 16:
        sw_retry_or_drop(w);
        return;
    case 17:
        sw_quota(w);
        return;
    case 18:
        sw_settle(w, "checkpoint", sw_checkpoint(w), ELO_OK);
        return;
    case 19:
        sw_settle(w, "seal", elo_kv_seal(elo_store_kv(w->s)), ELO_OK);
        return;
    case 20:
        compact(w);
        return;
    case 21:
    case 22:
        sw_journal(w);
        return;
    case 23:
    case 24:
        sw_collect(w);
        return;
    case 25:
    case 26:
        sw_name(w);
        return;
    default:
        sw_upload(w);
    }
}


void
sw_check(sw_t *w)
{
    sm_facts_t seen;

    if (sw_observe(w, &seen)) {
        sm_settle(w->m, &seen);
    }
}


void
sw_fsck(simdisk_t *d, const elo_vfs_t *v)
{
    elo_fsck_cfg_t cfg = { .root = simdisk_real(d), .vfs = v, .deep = true };
    elo_fsck_report_t *r = sim_alloc(1, sizeof(*r));
    elo_err_t rc = elo_fsck_check(&cfg, r);

    if (rc != ELO_OK || r->is_cut) {
        crash_fail("fsck: %s", elo_strerror(rc));
    }
    for (int k = 0; rc == ELO_OK && k < ELO_FSCK_COUNT; k++) {
        bool is_mark = k == ELO_FSCK_MARK; /* a start has just seen to them */

        if (r->kinds[k].n > 0 && (elo_fsck_infos[k].is_problem || is_mark)) {
            crash_fail("fsck: %llu %s: %s", (unsigned long long) r->kinds[k].n,
                       elo_fsck_infos[k].text, r->kinds[k].named[0]);
        }
    }
    free(r);
}
