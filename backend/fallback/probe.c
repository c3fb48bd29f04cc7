/* SPDX-License-Identifier: BSD-2-Clause */
/* probe: looks now and then whether the URLs still work of contents whose blobs aren't
   held, by asking each for a byte, so that the operator hears of it before the last
   one dies. Of guests' not more than the budget lets (budget.h); a look begins at
   another content each time, so that all have their turn. */
#include "backend/fallback/budget.h"
#include "backend/fallback/fallback_internal.h"

#include <stdlib.h>

#include "backend/os/clock.h"
#include "backend/store/node.h"
#include "common/base/num.h"

#define BATCH        16u
#define PAUSE_NS     UINT64_C(20000000) /* between two batches */
#define BUDGET_NODES 256u               /* that one walk looks at */

typedef struct {
    elo_fallback_t *f;
    elo_budget_t budget;
    char after[ELO_CONTENT_ID_MAX + 1];
    const char *until; /* ids behind it aren't looked at; NULL: all are */
    bool is_over;
    uint32_t n_seen;
    uint32_t n;
    elo_want_t wants[BATCH + ELO_CONTENT_BLOBS_MAX];
} walk_t;


static elo_err_t
add_blobs(walk_t *w, const elo_node_t *node)
{
    elo_content_t c = { 0 };
    elo_err_t rc = elo_content_load(node->json, &c);

    for (uint32_t i = 0; rc == ELO_OK && i < c.n_blobs; i++) {
        if (elo_store_possesses(w->f->cfg.store, &node->owner,
                                &c.blobs[i].digest)) {
            continue;
        }
        rc = elo_want_of(&c, i, &node->owner, &w->wants[w->n]);
        if (rc == ELO_OK) {
            w->n++;
        } else if (rc == ELO_ENOTFOUND) {
            rc = ELO_OK;
        }
    }
    elo_content_dispose(&c);
    return rc;
}


/* In the order of the store's. */
static bool
is_behind(elo_slice_t a, elo_slice_t b)
{
    int diff = memcmp(a.p, b.p, ELO_MIN(a.len, b.len));

    return diff != 0 ? diff > 0 : a.len > b.len;
}


static bool
on_node(void *ctx, const elo_node_t *node)
{
    walk_t *w = ctx;

    if (w->until != NULL && is_behind(node->id, elo_slice_str(w->until))) {
        w->is_over = true;
        return false;
    }
    memcpy(w->after, node->id.p, node->id.len);
    w->after[node->id.len] = '\0';
    w->n_seen++;
    /* most have none: those needn't be read */
    if (node->json.len != 0
        && memmem(node->json.p, node->json.len, "\"fallbackUrls\"", 14) != NULL)
    {
        elo_ignore(add_blobs(w, node)); /* the next time, perhaps */
    }
    return w->n < BATCH && w->n_seen < BUDGET_NODES;
}


static elo_err_t
drop_bytes(void *ctx, elo_slice_t bytes)
{
    (void) ctx;
    (void) bytes;
    return ELO_OK;
}


/* A host that is full is in use: how it does is seen there. */
static void
probe_url(elo_fallback_job_t *j, elo_fetch_t *fetch, walk_t *w,
          const elo_agent_t *owner, const char *url)
{
    elo_fallback_t *f = j->f;
    char host[ELO_FALLBACK_HOST_MAX];
    elo_fetch_ask_t ask = {
        .url = url, .len = 1, .body = drop_bytes, .stop = &f->stop
    };
    int64_t now = elo_clock_unix_s();
    elo_fetch_result_t res;

    if (elo_origins_next(f->origins, url) > now
        || elo_origins_tried(f->origins, url)
               > now - (int64_t) (f->cfg.probe_s / 2))
    {
        return;
    }
    elo_fallback_host(url, host);
    if (!elo_budget_take(&w->budget, owner, host)) {
        return;
    }
    if (elo_fallback_get(j, fetch, &ask, &res)) {
        elo_origins_note(f->origins, url, &res, false, now);
    }
    j->is_parked = false;
}


void
elo_fallback_judge(elo_fallback_t *f, const elo_want_t *want)
{
    uint32_t live = 0;

    for (uint32_t i = 0; i < want->n_urls; i++) {
        live += !elo_origins_is_dead(f->origins, want->urls[i]);
    }
    elo_report_note(f->report, want, live, elo_clock_unix_s());
}


static void
pause_a_bit(elo_fallback_t *f)
{
    uint64_t until = elo_clock_mono_ns() + PAUSE_NS;

    elo_mutex_lock(&f->mtx);
    while (!atomic_load(&f->stop)
           && elo_cond_wait_until(&f->end, &f->mtx, until)) {
    }
    elo_mutex_unlock(&f->mtx);
}


static void
probe_all(elo_fallback_job_t *j, walk_t *w, elo_fetch_t *fetch)
{
    for (uint32_t i = 0; i < w->n; i++) {
        elo_want_t *want = &w->wants[i];

        for (uint32_t k = 0; k < want->n_urls && !atomic_load(&w->f->stop); k++)
        {
            probe_url(j, fetch, w, &want->owner, want->urls[k]);
        }
        elo_fallback_judge(w->f, want);
        elo_want_dispose(want);
    }
}


/* From where w->after is. */
static elo_err_t
probe_from(elo_fallback_job_t *j, elo_fetch_t *fetch, walk_t *w)
{
    elo_err_t rc;

    w->is_over = false;
    do {
        w->n = w->n_seen = 0;
        rc = elo_store_node_each(j->f->cfg.store, elo_slice_str(w->after),
                                 on_node, w);
        probe_all(j, w, fetch);
        elo_fallback_leave_host(j);
        pause_a_bit(j->f);
    } while (rc == ELO_OK && w->n_seen != 0 && !w->is_over
             && !atomic_load(&j->f->stop));
    return rc;
}


elo_err_t
elo_fallback_run_probe(elo_fallback_job_t *j, elo_fetch_t *fetch)
{
    static const char letters[] = "0123456789abcdefghijklmnopqrstuvwxyz";
    uint8_t key[ELO_SHORTHASH_KEY_LEN];
    char start[] = "??";
    uint8_t at[sizeof(start) - 1];
    walk_t *w = calloc(1, sizeof(*w));
    elo_err_t rc;

    if (w == NULL) {
        return ELO_ENOMEM;
    }
    elo_random(key, sizeof(key));
    elo_budget_init(&w->budget, key);
    elo_random(at, sizeof(at));
    for (size_t i = 0; i < sizeof(at); i++) {
        start[i] = letters[at[i] % (sizeof(letters) - 1)];
    }
    w->f = j->f;
    memcpy(w->after, start, sizeof(start));
    rc = probe_from(j, fetch, w);
    if (rc == ELO_OK) {
        w->after[0] = '\0';
        w->until = start;
        rc = probe_from(j, fetch, w);
    }
    free(w);
    return rc;
}
