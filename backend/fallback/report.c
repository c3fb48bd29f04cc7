/* SPDX-License-Identifier: BSD-2-Clause */
/* report: see the header. A plain list: it is short, or something is very wrong. */
#include "backend/fallback/report.h"

#include <stdlib.h>

#include "backend/os/log.h"
#include "backend/os/mutex.h"

struct elo_report_s {
    elo_mutex_t mtx;

    /* shared: mtx */
    uint32_t n;
    elo_report_row_t rows[ELO_REPORT_MAX];
};


elo_err_t
elo_report_create(elo_report_t **out)
{
    elo_report_t *r = calloc(1, sizeof(*r));
    elo_err_t rc;

    if (r == NULL) {
        return ELO_ENOMEM;
    }
    if ((rc = elo_mutex_init(&r->mtx)) != ELO_OK) {
        free(r);
        return rc;
    }
    *out = r;
    return ELO_OK;
}


void
elo_report_free(elo_report_t **r)
{
    if (*r != NULL) {
        elo_mutex_dispose(&(*r)->mtx);
        free(*r);
        *r = NULL;
    }
}


static elo_report_row_t *
find_locked(elo_report_t *r, const elo_want_t *want)
{
    for (uint32_t i = 0; i < r->n; i++) {
        if (memcmp(&r->rows[i].digest, &want->digest, sizeof(want->digest)) == 0
            && strcmp(r->rows[i].id, want->id) == 0)
        {
            return &r->rows[i];
        }
    }
    return NULL;
}


static void
tell(const elo_want_t *want, uint32_t live)
{
    char canon[ELO_ADDR_CANON_LEN + 1];

    elo_addr_canon(&want->digest, canon);
    if (live == 0) {
        elo_log(ELO_LOG_ERROR,
                "content \"%s\": blob %.15s is not held, and none of its %u "
                "fallback URLs works: upload it, or name another URL",
                want->id, canon, want->n_urls);
    } else if (want->n_urls > 1) {
        elo_log(ELO_LOG_WARN,
                "content \"%s\": blob %.15s is not held, and only one of its "
                "%u fallback URLs works: upload it, or name another URL",
                want->id, canon, want->n_urls);
    }
}


static void
clear_locked(elo_report_t *r, const elo_want_t *want)
{
    elo_report_row_t *row = find_locked(r, want);

    if (row != NULL) {
        *row = r->rows[--r->n];
    }
}


void
elo_report_note(elo_report_t *r, const elo_want_t *want, uint32_t live,
                int64_t now)
{
    elo_report_row_t *row;
    bool is_news;

    if (live > 1) {
        elo_report_clear(r, want);
        return;
    }
    elo_mutex_lock(&r->mtx);
    row = find_locked(r, want);
    is_news = row == NULL || row->live != live;
    if (row == NULL && r->n < ELO_REPORT_MAX) {
        row = &r->rows[r->n++];
        *row = (elo_report_row_t){ .digest = want->digest };
        memcpy(row->id, want->id, sizeof(row->id));
    }
    if (row != NULL && is_news) {
        row->urls = want->n_urls;
        row->live = live;
        row->since = now;
    }
    elo_mutex_unlock(&r->mtx);
    if (is_news) {
        tell(want, live);
    }
}


void
elo_report_clear(elo_report_t *r, const elo_want_t *want)
{
    elo_mutex_lock(&r->mtx);
    clear_locked(r, want);
    elo_mutex_unlock(&r->mtx);
}


bool
elo_report_get(elo_report_t *r, uint32_t i, elo_report_row_t *out)
{
    bool is_there;

    elo_mutex_lock(&r->mtx);
    is_there = i < r->n;
    if (is_there) {
        *out = r->rows[i];
    }
    elo_mutex_unlock(&r->mtx);
    return is_there;
}
