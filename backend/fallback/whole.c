/* SPDX-License-Identifier: BSD-2-Clause */
/* whole: a blob of which nothing is known but its hash, from a first to a last byte.
   Where one source breaks off the next goes on; if what comes out isn't the blob,
   nobody can say whose fault it was, and each has to give all of it. */
#include "backend/fallback/fallback_internal.h"

#include <stdlib.h>

#include "backend/os/clock.h"
#include "backend/store/put.h"

typedef struct {
    elo_fallback_job_t *j;
    bool keeps; /* into the store, else a copy */
    elo_put_t *put;
    elo_copy_maker_t *maker;
    uint64_t len;
    uint32_t n_sources; /* that gave some of it */
    bool is_counted;    /* the one that gives is among them */
    bool is_alone;      /* each source has to give all of it */
    elo_err_t err;      /* of this side: no source is to blame */
} sink_t;


/* ---- where it goes ---- */

static void
sink_end(sink_t *s)
{
    elo_put_abort(&s->put);
    elo_copy_abort(&s->maker);
    s->len = 0;
    s->n_sources = 0;
}


static bool
is_full(elo_err_t rc)
{
    return rc == ELO_EQUOTA || rc == ELO_ENOSPC || rc == ELO_EQUEUEFULL;
}


/* What the store has no room for, or the owner no quota, is read all the same. */
static elo_err_t
sink_begin(sink_t *s)
{
    const elo_want_t *w = &s->j->want;
    elo_put_opt_t opt = { .has_expect = true,
                          .expect = w->digest,
                          .size_hint = w->size,
                          .content_type = elo_slice_str(w->type),
                          .reach = w->reach,
                          .agent = w->owner };
    elo_err_t rc;

    if (s->keeps) {
        rc = elo_put_begin(s->j->f->cfg.store, &opt, &s->put);
        if (!is_full(rc)) {
            return rc;
        }
        s->keeps = false;
    }
    return elo_copy_begin(s->j->f->copies, &w->digest, &w->owner, &s->maker);
}


static elo_err_t
sink_body(void *ctx, elo_slice_t bytes)
{
    sink_t *s = ctx;

    if (s->put == NULL && s->maker == NULL) {
        s->err = sink_begin(s);
    }
    if (s->err == ELO_OK) {
        s->err = s->put != NULL ? elo_put_write(s->put, bytes)
                                : elo_copy_write(s->maker, bytes);
    }
    if (s->err == ELO_OK) {
        s->len += bytes.len;
        s->n_sources += !s->is_counted;
        s->is_counted = true;
    }
    return s->err;
}


/* ELO_EHASH: it isn't the blob. */
static elo_err_t
sink_commit(sink_t *s)
{
    elo_blob_stat_t st;
    bool existed;
    elo_err_t rc;

    if (s->put == NULL && s->maker == NULL && (rc = sink_begin(s)) != ELO_OK) {
        return rc; /* it has no bytes at all */
    }
    if (s->put != NULL) {
        return elo_put_commit(&s->put, &st, &existed);
    }
    return elo_copy_commit(&s->maker, &s->j->copy);
}


/* ---- where it comes from ---- */

/* The whole is there. ELO_EAGAIN: it is wrong, and this source's fault; ELO_EHASH:
   somebody's. */
static elo_err_t
finish(sink_t *s, const char *url, const elo_fetch_result_t *res)
{
    bool is_mixed = s->n_sources > 1;
    elo_err_t rc = sink_commit(s);

    if (rc == ELO_OK) {
        elo_origins_note(s->j->f->origins, url, res, false, elo_clock_unix_s());
        return rc;
    }
    sink_end(s);
    if (rc != ELO_EHASH || is_mixed) {
        return rc;
    }
    elo_origins_note(s->j->f->origins, url, res, true, elo_clock_unix_s());
    return ELO_EAGAIN;
}


/* The next source. ELO_EAGAIN: it didn't come to an end with this one. */
static elo_err_t
try_one(sink_t *s, elo_fetch_t *fetch, const char *url)
{
    elo_fallback_t *f = s->j->f;
    elo_fetch_ask_t ask = { .url = url,
                            .max_total = s->keeps ? 0 : f->cfg.cache_bytes,
                            .may_skip = true,
                            .body = sink_body,
                            .ctx = s,
                            .stop = &f->stop };
    elo_fetch_result_t res;

    if (s->is_alone) {
        sink_end(s);
    }
    s->is_counted = false;
    ask.off = s->len;
    if (elo_fallback_get(s->j, fetch, &ask, &res)) {
        return finish(s, url, &res);
    }
    if (s->err != ELO_OK) {
        return s->err;
    }
    return atomic_load(&f->stop) ? ELO_ECLOSED : ELO_EAGAIN;
}


static elo_err_t
try_all(sink_t *s, elo_fetch_t *fetch)
{
    elo_fallback_job_t *j = s->j;
    elo_err_t rc;

    for (; j->at < j->want.n_urls; j->at++) {
        const char *url = j->want.urls[j->at];

        if (elo_origins_next(j->f->origins, url) > elo_clock_unix_s()) {
            continue;
        }
        rc = try_one(s, fetch, url);
        if (rc != ELO_EAGAIN || j->is_parked) {
            return rc;
        }
    }
    return ELO_EUNAVAIL;
}


static void
drop_sink(elo_fallback_job_t *j)
{
    sink_end(j->state);
    free(j->state);
    j->state = NULL;
}


elo_err_t
elo_fallback_run_whole(elo_fallback_job_t *j, elo_fetch_t *fetch)
{
    sink_t *s = j->state;
    elo_err_t rc;

    if (s == NULL) {
        if ((s = calloc(1, sizeof(*s))) == NULL) {
            return ELO_ENOMEM;
        }
        s->j = j;
        s->keeps = j->f->cfg.mode == ELO_FALLBACK_KEEP;
        j->state = s;
        j->drop = drop_sink;
    }
    rc = try_all(s, fetch);
    if (rc == ELO_EHASH && !s->is_alone) {
        s->is_alone = true;
        j->at = 0;
        rc = try_all(s, fetch);
    }
    if (j->is_parked) {
        return ELO_EAGAIN;
    }
    if (rc == ELO_OK && j->copy == NULL) {
        elo_report_clear(j->f->report, &j->want);
    } else if (rc != ELO_ECLOSED) {
        elo_fallback_judge(j->f, &j->want);
    }
    return rc;
}
