/* SPDX-License-Identifier: BSD-2-Clause */
/* piece: one chunk of a blob whose hash tree is known. Of a server that knows no ranges
   all of it is read once, and each chunk on the way is kept that is right. */
#include "backend/fallback/fallback_internal.h"

#include <stdlib.h>

#include "backend/os/clock.h"
#include "common/base/num.h"

typedef struct {
    elo_fallback_job_t *j;
    uint8_t *p; /* of the chunk that comes */
    size_t len;
    uint32_t at;   /* its number */
    bool is_wrong; /* it isn't what the tree says */
    bool is_full;  /* there is no room for further ones */
    bool is_all;   /* the whole comes, of a server that knows no ranges */
} fill_t;


static elo_err_t
end_chunk(fill_t *l)
{
    elo_fallback_job_t *j = l->j;
    elo_err_t rc = elo_copy_put(j->copy, l->at, elo_slice(l->p, l->len));

    if (rc == ELO_ENOSPC) {
        l->is_full = true;
        rc = ELO_OK; /* it is the right one, and only not kept */
    }
    if (rc != ELO_OK) {
        l->is_wrong = rc == ELO_EHASH;
        return rc;
    }
    if (l->at == j->number && j->chunk == NULL) {
        j->chunk = malloc(sizeof(*j->chunk) + l->len);
        if (j->chunk == NULL) {
            return ELO_ENOMEM;
        }
        j->chunk->refs = 1;
        j->chunk->len = l->len;
        memcpy(j->chunk->p, l->p, l->len);
    }
    l->at++;
    l->len = 0;
    /* else what was asked for has come, and the connection can be kept */
    return l->is_all && l->is_full && j->chunk != NULL ? ELO_ENOSPC : ELO_OK;
}


static elo_err_t
on_bytes(void *ctx, elo_slice_t bytes)
{
    fill_t *l = ctx;
    elo_err_t rc = ELO_OK;

    while (bytes.len > 0 && rc == ELO_OK) {
        size_t whole, n;

        if ((uint64_t) l->at * ELO_TREE_CHUNK >= elo_copy_size(l->j->copy)) {
            l->is_wrong = true;
            return ELO_EHASH; /* longer than the blob */
        }
        whole = elo_copy_chunk_len(l->j->copy, l->at);
        n = ELO_MIN(bytes.len, whole - l->len);
        memcpy(l->p + l->len, bytes.p, n);
        l->len += n;
        bytes = elo_slice(bytes.p + n, bytes.len - n);
        if (l->len == whole) {
            rc = end_chunk(l);
        }
    }
    return rc;
}


static void
fetch_it(fill_t *l, elo_fetch_t *fetch, const char *url)
{
    elo_fallback_job_t *j = l->j;
    uint64_t off = (uint64_t) j->number * ELO_TREE_CHUNK;
    elo_fetch_ask_t ask = { .url = url,
                            .off = off,
                            .len = elo_copy_chunk_len(j->copy, j->number),
                            .max_total = UINT64_MAX,
                            .body = on_bytes,
                            .ctx = l,
                            .stop = &j->f->stop };
    elo_fetch_result_t res;

    l->at = j->number;
    l->len = 0;
    l->is_wrong = l->is_all = false;
    elo_ignore(!elo_fallback_get(j, fetch, &ask, &res)); /* in res */
    if (res.why == ELO_FETCH_NO_RANGE && !elo_copy_fits(j->copy)) {
        /* each chunk would cost all that is before it */
        elo_origins_note(j->f->origins, url, &res, false, elo_clock_unix_s());
        return;
    }
    if (res.why == ELO_FETCH_NO_RANGE) {
        ask.off = ask.len = 0;
        l->is_all = true;
        l->at = 0;
        elo_ignore(!elo_fallback_get(j, fetch, &ask, &res));
    }
    if (j->is_parked) {
        return;
    }
    if (l->is_wrong || res.why == ELO_FETCH_DONE || j->chunk != NULL) {
        res.why = ELO_FETCH_DONE;
        elo_origins_note(j->f->origins, url, &res,
                         l->is_wrong || j->chunk == NULL, elo_clock_unix_s());
    }
}


elo_err_t
elo_fallback_run_piece(elo_fallback_job_t *j, elo_fetch_t *fetch)
{
    fill_t l = { .j = j, .p = malloc(ELO_TREE_CHUNK) };
    elo_err_t rc = ELO_EUNAVAIL;

    if (l.p == NULL) {
        return ELO_ENOMEM;
    }
    for (; j->at < j->want.n_urls; j->at++) {
        if (atomic_load(&j->f->stop)) {
            rc = ELO_ECLOSED;
            break;
        }
        if (elo_origins_next(j->f->origins, j->want.urls[j->at])
            <= elo_clock_unix_s()) {
            fetch_it(&l, fetch, j->want.urls[j->at]);
        }
        if (j->chunk != NULL || j->is_parked) {
            break;
        }
    }
    free(l.p);
    if (j->is_parked) {
        return ELO_EAGAIN;
    }
    if (rc != ELO_ECLOSED) {
        elo_fallback_judge(j->f, &j->want);
    }
    return j->chunk != NULL ? ELO_OK : rc;
}
