/* SPDX-License-Identifier: BSD-2-Clause */
/* tree: in place of a whole the layer of its hash tree, from a URL that is another
   node's: there it is beside the blob. It is checked by the root that was stated; what
   comes for the chunks is checked by it, from whatever URL. */
#include "backend/fallback/fallback_internal.h"

#include <stdio.h>

#include "backend/os/clock.h"
#include "common/base/num.h"

typedef struct {
    elo_buf_t layer;
    size_t max;
} sink_t;

/* What a node's blobs are below, the longest first. */
static const char *const places[] = { "/api/blob/", "/store/", "/blob/" };


/* The last segment of [0, len) of url is the blob's address, and this one is before
   it: how much of url is before both. 0: no. */
static size_t
node_of(const char *url, size_t len, const elo_digest_t *d, const char *place)
{
    size_t n = strlen(place), at = len;
    elo_digest_t is;

    while (at > 0 && url[at - 1] != '/') {
        at--;
    }
    if (at <= n || memcmp(url + at - n, place, n) != 0
        || elo_addr_parse(elo_slice(url + at, len - at), &is) != ELO_OK
        || memcmp(&is, d, sizeof(is)) != 0)
    {
        return 0;
    }
    return at - n;
}


bool
elo_fallback_tree_url(const char *url, const elo_digest_t *d,
                      char out[ELO_FETCH_URL_MAX + 1])
{
    size_t len = strcspn(url, "?#"), node = 0;
    const char *query = url[len] == '?' ? url + len + 1 : "";
    int query_len = (int) strcspn(query, "#"), n;
    char canon[ELO_ADDR_CANON_LEN + 1];

    if (strlen(url) > ELO_FETCH_URL_MAX) {
        return false;
    }
    for (size_t i = 0; i < ELO_COUNT(places) && node == 0; i++) {
        node = node_of(url, len, d, places[i]);
    }
    if (node == 0) {
        return false;
    }
    elo_addr_canon(d, canon);
    n = snprintf(out, ELO_FETCH_URL_MAX + 1,
                 "%.*s/api/blob/%s/tree?layer=1%s%.*s", (int) node, url, canon,
                 query_len != 0 ? "&" : "", query_len, query);
    return n > 0 && n <= (int) ELO_FETCH_URL_MAX;
}


static elo_err_t
on_bytes(void *ctx, elo_slice_t bytes)
{
    sink_t *s = ctx;

    elo_buf_put_slice(&s->layer, bytes);
    return elo_buf_err(&s->layer);
}


/* ELO_EAGAIN: it isn't there. */
static elo_err_t
try_one(elo_fallback_job_t *j, elo_fetch_t *fetch, const char *url)
{
    elo_copy_tree_t tree = { .digest = j->want.digest,
                             .owner = j->want.owner,
                             .root = j->want.root,
                             .size = j->want.size };
    sink_t s = { .max = elo_copy_layer_len(j->want.size) };
    elo_fetch_ask_t ask = { .url = url,
                            .max_total = s.max,
                            .body = on_bytes,
                            .ctx = &s,
                            .stop = &j->f->stop };
    elo_err_t rc = ELO_EAGAIN;
    elo_fetch_result_t res;

    elo_buf_init(&s.layer, s.max);
    if (elo_fallback_get(j, fetch, &ask, &res)) {
        rc = elo_copy_of_tree(j->f->copies, &tree, elo_buf_slice(&s.layer),
                              &j->copy);
        if (rc == ELO_OK || rc == ELO_EHASH) {
            elo_origins_note(j->f->origins, url, &res, rc == ELO_EHASH,
                             elo_clock_unix_s());
        }
        rc = rc == ELO_EHASH ? ELO_EAGAIN : rc;
    }
    elo_buf_dispose(&s.layer);
    return rc;
}


static bool
is_known(const elo_want_t *w)
{
    char url[ELO_FETCH_URL_MAX + 1];

    for (uint32_t i = 0; i < w->n_urls; i++) {
        if (elo_fallback_tree_url(w->urls[i], &w->digest, url)) {
            return true;
        }
    }
    return false;
}


/* No node gives the tree. */
static elo_err_t
without(elo_fallback_job_t *j, elo_fetch_t *fetch)
{
    if (j->want.size <= j->f->cfg.cache_bytes) {
        j->at = 0;
        j->run = elo_fallback_run_whole;
        return j->run(j, fetch);
    }
    elo_fallback_judge(j->f, &j->want);
    return is_known(&j->want) ? ELO_EUNAVAIL : ELO_ETOOBIG;
}


elo_err_t
elo_fallback_run_tree(elo_fallback_job_t *j, elo_fetch_t *fetch)
{
    const elo_want_t *w = &j->want;
    char url[ELO_FETCH_URL_MAX + 1];
    elo_err_t rc;

    for (; j->at < w->n_urls; j->at++) {
        if (!elo_fallback_tree_url(w->urls[j->at], &w->digest, url)
            || elo_origins_next(j->f->origins, url) > elo_clock_unix_s())
        {
            continue;
        }
        rc = try_one(j, fetch, url);
        if (rc != ELO_EAGAIN || j->is_parked) {
            return rc;
        }
        if (atomic_load(&j->f->stop)) {
            return ELO_ECLOSED;
        }
    }
    return without(j, fetch);
}
