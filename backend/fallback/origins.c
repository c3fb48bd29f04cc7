/* SPDX-License-Identifier: BSD-2-Clause */
/* origins: see the header. */
#include "backend/fallback/origins.h"

#include <stdio.h>
#include <stdlib.h>

#include "backend/os/clock.h"
#include "backend/os/log.h"
#include "backend/os/mutex.h"
#include "common/base/hashmap.h"
#include "common/base/num.h"

#define SHOWN_MAX     192
#define DOUBLINGS_MAX 24u

typedef struct {
    elo_origin_t s; /* url and note are below */
    char url[ELO_ORIGIN_URL_MAX + 1];
    char note[ELO_ORIGIN_NOTE_MAX + 1];
} entry_t;

struct elo_origins_s {
    elo_origins_cfg_t cfg;
    elo_mutex_t mtx;

    /* shared: mtx */
    elo_hashmap_t map;
};


/* ---- the table ---- */

static bool
is_url(const void *item, const void *key)
{
    const entry_t *e = item;

    return strcmp(e->url, key) == 0;
}


static entry_t *
find_locked(elo_origins_t *s, const char *url)
{
    elo_mutex_assert_held(&s->mtx);
    return elo_hashmap_get(
        &s->map, elo_hashmap_hash(&s->map, elo_slice_str(url)), is_url, url);
}


/* The one that was tried longest ago; *out is its URL, to be dropped. */
static void
forget_oldest_locked(elo_origins_t *s, char out[ELO_ORIGIN_URL_MAX + 1])
{
    entry_t *oldest = NULL, *e;
    size_t at = 0;

    while ((e = elo_hashmap_next(&s->map, &at)) != NULL) {
        if (oldest == NULL || e->s.tried_at < oldest->s.tried_at) {
            oldest = e;
        }
    }
    if (oldest != NULL) {
        memcpy(out, oldest->url, strlen(oldest->url) + 1);
        elo_ignore(!elo_hashmap_remove(
            &s->map, elo_hashmap_hash(&s->map, elo_slice_str(out)), oldest));
        free(oldest);
    }
}


/* The entry of url, made when missing; NULL without memory. gone: a URL that made
   room, "" for none. */
static entry_t *
entry_locked(elo_origins_t *s, elo_slice_t url,
             char gone[ELO_ORIGIN_URL_MAX + 1])
{
    entry_t *e;

    gone[0] = '\0';
    if (url.len == 0 || url.len > ELO_ORIGIN_URL_MAX
        || elo_hashmap_reserve(&s->map, 1) != ELO_OK
        || (e = calloc(1, sizeof(*e))) == NULL)
    {
        return NULL;
    }
    memcpy(e->url, url.p, url.len);
    if (elo_hashmap_count(&s->map) >= ELO_ORIGINS_MAX) {
        forget_oldest_locked(s, gone);
    }
    elo_hashmap_put(&s->map, elo_hashmap_hash(&s->map, url), e);
    return e;
}


static void
set_note(entry_t *e, elo_slice_t note)
{
    size_t n = ELO_MIN(note.len, (size_t) ELO_ORIGIN_NOTE_MAX);

    if (n != 0) {
        memcpy(e->note, note.p, n);
    }
    e->note[n] = '\0';
}


static elo_origin_t
shown(const entry_t *e)
{
    elo_origin_t s = e->s;

    s.url = elo_slice_str(e->url);
    s.note = elo_slice_str(e->note);
    return s;
}


/* ---- lifetime ---- */

static bool
on_row(void *ctx, const elo_origin_t *row)
{
    char gone[ELO_ORIGIN_URL_MAX + 1];
    elo_origins_t *s = ctx;
    entry_t *e;

    if (memchr(row->url.p, '\0', row->url.len) != NULL) {
        return true;
    }
    e = entry_locked(s, row->url, gone);
    if (e != NULL) {
        e->s = *row;
        set_note(e, row->note);
    }
    return e != NULL;
}


elo_err_t
elo_origins_create(const elo_origins_cfg_t *cfg, elo_origins_t **out)
{
    uint8_t key[ELO_SHORTHASH_KEY_LEN];
    elo_origins_t *s = calloc(1, sizeof(*s));
    elo_err_t rc;

    if (s == NULL) {
        return ELO_ENOMEM;
    }
    s->cfg = *cfg;
    elo_random(key, sizeof(key));
    elo_hashmap_init(&s->map, key);
    if ((rc = elo_mutex_init(&s->mtx)) != ELO_OK) {
        free(s);
        return rc;
    }
    elo_mutex_lock(&s->mtx);
    rc = elo_store_origin_each(cfg->store, on_row, s);
    elo_mutex_unlock(&s->mtx);
    if (rc != ELO_OK) {
        elo_origins_free(&s);
        return rc;
    }
    *out = s;
    return ELO_OK;
}


void
elo_origins_free(elo_origins_t **sp)
{
    elo_origins_t *s = *sp;
    size_t at = 0;
    entry_t *e;

    if (s == NULL) {
        return;
    }
    *sp = NULL;
    while ((e = elo_hashmap_next(&s->map, &at)) != NULL) {
        free(e);
    }
    elo_hashmap_dispose(&s->map);
    elo_mutex_dispose(&s->mtx);
    free(s);
}


/* ---- asking ---- */

int64_t
elo_origins_next(elo_origins_t *s, const char *url)
{
    int64_t next = 0;
    entry_t *e;

    elo_mutex_lock(&s->mtx);
    if ((e = find_locked(s, url)) != NULL) {
        next = e->s.next_at;
    }
    elo_mutex_unlock(&s->mtx);
    return next;
}


bool
elo_origins_is_dead(elo_origins_t *s, const char *url)
{
    bool is_dead;
    entry_t *e;

    elo_mutex_lock(&s->mtx);
    e = find_locked(s, url);
    is_dead = e != NULL && e->s.failures != 0;
    elo_mutex_unlock(&s->mtx);
    return is_dead;
}


int64_t
elo_origins_tried(elo_origins_t *s, const char *url)
{
    int64_t at = 0;
    entry_t *e;

    elo_mutex_lock(&s->mtx);
    if ((e = find_locked(s, url)) != NULL) {
        at = e->s.tried_at;
    }
    elo_mutex_unlock(&s->mtx);
    return at;
}


void
elo_origins_each(elo_origins_t *s, elo_origin_each_fn fn, void *ctx)
{
    bool goes_on = true;
    size_t at = 0;
    entry_t *e;

    elo_mutex_lock(&s->mtx);
    while (goes_on && (e = elo_hashmap_next(&s->map, &at)) != NULL) {
        elo_origin_t src = shown(e);

        goes_on = fn(ctx, &src);
    }
    elo_mutex_unlock(&s->mtx);
}


void
elo_origins_show(const char *url, char *out, size_t cap)
{
    size_t n = strcspn(url, "?#");

    snprintf(out, cap, "%.*s%s", (int) ELO_MIN(n, cap - 1), url,
             url[n] != '\0' ? "?..." : "");
}


/* ---- noting ---- */

/* Between three quarters of the time and all of it: those that failed together don't
   come back together. */
static int64_t
pause_of(const elo_origins_t *s, const entry_t *e, uint32_t asked_s)
{
    uint32_t doublings = ELO_MIN(e->s.failures - 1, DOUBLINGS_MAX);
    uint64_t pause = ELO_MIN((uint64_t) s->cfg.retry_s << doublings,
                             (uint64_t) s->cfg.retry_max_s);
    uint16_t dice;

    if (e->s.is_bad) {
        pause = s->cfg.retry_max_s;
    }
    elo_random(&dice, sizeof(dice));
    pause -= pause * dice / (4u * (UINT16_MAX + 1u));
    return (int64_t) ELO_MAX(pause, (uint64_t) asked_s);
}


static void
apply(const elo_origins_t *s, entry_t *e, const elo_fetch_result_t *res,
      bool is_wrong, int64_t now)
{
    e->s.tried_at = now;
    e->s.status = (uint16_t) res->status;
    if (res->why == ELO_FETCH_DONE && !is_wrong) {
        e->s.failures = 0;
        e->s.is_bad = false;
        e->s.good_at = now;
        e->s.next_at = 0;
        set_note(e, elo_slice(NULL, 0));
        return;
    }
    e->s.failures += e->s.failures < UINT32_MAX;
    e->s.is_bad = is_wrong;
    set_note(e, is_wrong ? ELO_SLICE("bytes of another hash")
                         : elo_slice_str(res->note));
    e->s.next_at = now + pause_of(s, e, res->retry_after_s);
}


static void
tell(const entry_t *e, bool was_dead, int64_t now)
{
    char url[SHOWN_MAX];

    elo_origins_show(e->url, url, sizeof(url));
    if (e->s.failures == 0) {
        elo_log(ELO_LOG_NOTICE, "source \"%s\" is back", url);
    } else {
        elo_log(was_dead && !e->s.is_bad ? ELO_LOG_INFO : ELO_LOG_WARN,
                "source \"%s\" failed, status %u, left alone for %lld s: %s",
                url, e->s.status, (long long) (e->s.next_at - now), e->note);
    }
}


void
elo_origins_note(elo_origins_t *s, const char *url,
                 const elo_fetch_result_t *res, bool is_wrong, int64_t now)
{
    char gone[ELO_ORIGIN_URL_MAX + 1] = "";
    bool was_dead = false, is_news = false;
    entry_t copy, *e;
    elo_origin_t row;

    elo_mutex_lock(&s->mtx);
    e = find_locked(s, url);
    if (e == NULL) {
        e = entry_locked(s, elo_slice_str(url), gone);
    }
    if (e != NULL) {
        was_dead = e->s.failures != 0;
        apply(s, e, res, is_wrong, now);
        is_news = was_dead || e->s.failures != 0;
        copy = *e;
    }
    elo_mutex_unlock(&s->mtx);
    if (!is_news) {
        return;
    }
    tell(&copy, was_dead, now);
    row = shown(&copy);
    /* hints: what isn't kept is tried again */
    elo_ignore(elo_store_origin_put(s->cfg.store, &row));
    if (gone[0] != '\0') {
        elo_ignore(elo_store_origin_drop(s->cfg.store, elo_slice_str(gone)));
    }
}
