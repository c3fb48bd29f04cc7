/* SPDX-License-Identifier: BSD-2-Clause */
/* want: see the header. */
#include "backend/fallback/want.h"

#include <stdlib.h>


static void
put_text(char *out, size_t cap, elo_slice_t s)
{
    size_t n = s.len < cap ? s.len : 0;

    if (n != 0) {
        memcpy(out, s.p, n);
    }
    out[n] = '\0';
}


static elo_err_t
put_urls(elo_want_t *w, const elo_slice_t *urls, uint32_t n)
{
    size_t len = 0;
    char *p;

    for (uint32_t i = 0; i < n; i++) {
        len += urls[i].len + 1;
    }
    if ((p = malloc(len + 1)) == NULL) {
        return ELO_ENOMEM;
    }
    w->_text = p;
    w->n_urls = n;
    for (uint32_t i = 0; i < n; i++) {
        w->urls[i] = p;
        memcpy(p, urls[i].p, urls[i].len);
        p[urls[i].len] = '\0';
        p += urls[i].len + 1;
    }
    return ELO_OK;
}


elo_err_t
elo_want_of(const elo_content_t *n, uint32_t i, const elo_agent_t *owner,
            elo_want_t *out)
{
    elo_slice_t urls[ELO_CONTENT_URLS_MAX];
    elo_want_t w = { .digest = n->blobs[i].digest,
                     .owner = *owner,
                     .reach = elo_content_effective_reach(n),
                     .size = n->blobs[i].size,
                     .created_at = n->created_at };
    uint32_t n_urls = elo_content_urls(n, i, urls);
    elo_err_t rc;

    if (n_urls == 0) {
        return ELO_ENOTFOUND;
    }
    put_text(w.type, sizeof(w.type), n->blobs[i].mime);
    put_text(w.id, sizeof(w.id), n->id);
    rc = put_urls(&w, urls, n_urls);
    if (rc == ELO_OK) {
        *out = w;
    }
    return rc;
}


elo_err_t
elo_want_copy(const elo_want_t *w, elo_want_t *out)
{
    elo_slice_t urls[ELO_CONTENT_URLS_MAX];
    elo_want_t copy = *w;
    elo_err_t rc;

    for (uint32_t i = 0; i < w->n_urls; i++) {
        urls[i] = elo_slice_str(w->urls[i]);
    }
    rc = put_urls(&copy, urls, w->n_urls);
    if (rc == ELO_OK) {
        *out = copy;
    }
    return rc;
}


void
elo_want_dispose(elo_want_t *w)
{
    free(w->_text);
    *w = (elo_want_t){ 0 };
}
