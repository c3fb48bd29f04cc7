/* SPDX-License-Identifier: BSD-2-Clause */
/* warm: see the header. Units are counted through all lists, from 0 on, and bytes within
   each: of a list that has been under way for t, what lies before t times its rate may
   be handed out, to whichever edge asks. */
#include "backend/edge/warm.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "common/base/enc.h"
#include "common/base/num.h"

#define LINE_MAX   (ELO_CONTENT_ID_MAX + ELO_SHA256_HEX_LEN + 96)
#define LINE_UNITS 64u /* of one line */
#define SOON_S     1u  /* when there is more, or may be */
#define LATER_S    5u
#define RUN_LEN    16u

typedef struct {
    elo_agent_t by;
    uint64_t rate;
    uint64_t first; /* unit */
    uint64_t n_units;
    uint64_t bytes;
    uint64_t done;       /* units that were handed out */
    uint64_t started_ms; /* 0: nobody has asked for one of it */
    uint64_t done_ms;
    elo_warm_blob_t *blobs;
    uint64_t *at;      /* of each blob: its first unit, from the list's */
    uint64_t *cost_at; /* and its first byte */
    uint32_t n;
} list_t;

struct elo_warm_s {
    uint64_t run;
    uint64_t next;              /* unit of the next list */
    uint64_t asked_ms, asked_n; /* elo_warm_is_busy */
    uint32_t n, n_blobs;
    list_t lists[ELO_WARM_LISTS_MAX]; /* in order of first */
};


elo_err_t
elo_warm_create(uint64_t run, elo_warm_t **out)
{
    elo_warm_t *w = calloc(1, sizeof(*w));

    if (w == NULL) {
        return ELO_ENOMEM;
    }
    w->run = run;
    *out = w;
    return ELO_OK;
}


static void
list_drop(elo_warm_t *w, uint32_t i)
{
    list_t *l = &w->lists[i];

    w->n_blobs -= l->n;
    free(l->blobs);
    free(l->at);
    free(l->cost_at);
    w->n--;
    memmove(l, l + 1, (w->n - i) * sizeof(*l));
}


void
elo_warm_free(elo_warm_t **w)
{
    if (*w != NULL) {
        while ((*w)->n > 0) {
            list_drop(*w, 0);
        }
        free(*w);
        *w = NULL;
    }
}


/* ---- lists ---- */

static bool
is_done(const list_t *l)
{
    return l->done == l->n_units;
}


/* Those that all edges have had time to ask for. */
static void
drop_old(elo_warm_t *w, uint64_t now_ms)
{
    for (uint32_t i = 0; i < w->n;) {
        if (is_done(&w->lists[i])
            && now_ms - w->lists[i].done_ms >= ELO_WARM_KEEP_MS) {
            list_drop(w, i);
        } else {
            i++;
        }
    }
}


/* One more list, by dropping done ones before their time. */
static void
make_room(elo_warm_t *w, uint32_t n)
{
    for (uint32_t i = 0; i < w->n
                         && (w->n == ELO_WARM_LISTS_MAX
                             || w->n_blobs + n > ELO_WARM_BLOBS_MAX);)
    {
        if (is_done(&w->lists[i])) {
            list_drop(w, i);
        } else {
            i++;
        }
    }
}


static uint64_t
units_of(const elo_warm_blob_t *b)
{
    return b->is_held ? 1 : (b->size - 1) / ELO_WARM_UNIT + 1;
}


uint64_t
elo_warm_cost(const elo_warm_blob_t *b)
{
    return b->is_held && b->size > ELO_WARM_UNIT ? 0 : b->size;
}


elo_err_t
elo_warm_add(elo_warm_t *w, const elo_agent_t *by, uint64_t rate,
             elo_warm_blob_t **blobs, uint32_t n, uint64_t now_ms)
{
    list_t l = { .by = *by, .rate = rate, .first = w->next, .n = n };

    drop_old(w, now_ms);
    make_room(w, n);
    if (w->n == ELO_WARM_LISTS_MAX || w->n_blobs + n > ELO_WARM_BLOBS_MAX) {
        return ELO_ENOSPC;
    }
    l.at = calloc(n, sizeof(*l.at));
    l.cost_at = calloc(n, sizeof(*l.cost_at));
    if (l.at == NULL || l.cost_at == NULL) {
        free(l.at);
        free(l.cost_at);
        return ELO_ENOMEM;
    }
    for (uint32_t i = 0; i < n; i++) {
        l.at[i] = l.n_units;
        l.cost_at[i] = l.bytes;
        l.n_units += units_of(&(*blobs)[i]);
        l.bytes += elo_warm_cost(&(*blobs)[i]);
    }
    l.blobs = *blobs;
    *blobs = NULL;
    w->next += l.n_units;
    w->n_blobs += n;
    w->lists[w->n++] = l;
    return ELO_OK;
}


/* ---- handing out ---- */

/* The blob that a unit of the list belongs to. */
static uint32_t
blob_at(const list_t *l, uint64_t unit)
{
    uint32_t low = 0, high = l->n;

    while (high - low > 1) {
        uint32_t mid = low + (high - low) / 2;

        if (l->at[mid] <= unit) {
            low = mid;
        } else {
            high = mid;
        }
    }
    return low;
}


/* Bytes from the list's start that may be handed out by now: a second's are ahead. */
static uint64_t
allowed(const list_t *l, uint64_t now_ms)
{
    uint64_t ms = now_ms - l->started_ms + 1000, s = ms / 1000;

    if (s > UINT64_MAX / 2 / l->rate) {
        return UINT64_MAX;
    }
    return l->rate * s + l->rate / 1000 * (ms % 1000);
}


/* A line, if its first unit may be handed out; how many units it has. */
static uint64_t
put_line(const list_t *l, uint64_t unit, uint64_t limit, elo_buf_t *out)
{
    uint32_t i = blob_at(l, unit);
    const elo_warm_blob_t *b = &l->blobs[i];
    uint64_t piece = unit - l->at[i], n = 1;
    char hex[ELO_SHA256_HEX_LEN + 1], line[LINE_MAX];

    if (l->cost_at[i] + piece * ELO_WARM_UNIT > limit) {
        return 0;
    }
    if (!b->is_held) {
        uint64_t left = units_of(b) - piece;
        uint64_t more = (limit - l->cost_at[i]) / ELO_WARM_UNIT - piece;

        n = ELO_MIN(ELO_MIN(left, (uint64_t) LINE_UNITS), 1 + more);
    }
    elo_hex_encode(b->digest.b, sizeof(b->digest.b), hex);
    snprintf(line, sizeof(line),
             "%s %s %" PRIu64 " %" PRIu64 " %" PRIu64 " %s\n", b->name, hex,
             b->size, b->is_held ? 0 : piece, b->is_held ? 0 : n,
             b->is_held ? "held" : "remote");
    elo_buf_put_str(out, line);
    return n;
}


/* From a unit of the list on; where it ends. */
static uint64_t
hand_out(list_t *l, uint64_t unit, uint32_t *n, uint64_t now_ms, elo_buf_t *out)
{
    uint64_t limit;

    if (l->started_ms == 0) {
        l->started_ms = ELO_MAX(now_ms, 1u);
    }
    limit = allowed(l, now_ms);
    while (*n > 0 && unit < l->n_units) {
        uint64_t more = put_line(l, unit, limit, out);

        if (more == 0) {
            break;
        }
        unit += more;
        *n -= 1;
    }
    if (unit > l->done) {
        l->done = unit;
        l->done_ms = now_ms;
    }
    return unit;
}


/* "<16 hex of the run>-<unit>"; what is none is the first unit that there is. */
static uint64_t
place_parse(const elo_warm_t *w, elo_slice_t s)
{
    char run[RUN_LEN + 1];
    uint64_t unit, first = w->n == 0 ? w->next : w->lists[0].first;

    snprintf(run, sizeof(run), "%016" PRIx64, w->run);
    if (s.len < RUN_LEN + 2 || memcmp(s.p, run, RUN_LEN) != 0
        || s.p[RUN_LEN] != '-'
        || !elo_slice_u64(elo_slice(s.p + RUN_LEN + 1, s.len - RUN_LEN - 1),
                          &unit)
        || unit > w->next)
    {
        return first;
    }
    return ELO_MAX(unit, first);
}


void
elo_warm_next(elo_warm_t *w, elo_slice_t place, uint32_t n, bool is_busy,
              uint64_t now_ms, elo_buf_t *out)
{
    char head[LINE_MAX];
    elo_buf_t lines;
    uint64_t at;

    drop_old(w, now_ms);
    at = place_parse(w, place);
    elo_buf_init(&lines, (size_t) n * LINE_MAX);
    for (uint32_t i = 0; i < w->n && n > 0 && !is_busy; i++) {
        list_t *l = &w->lists[i];
        uint64_t unit;

        if (at >= l->first + l->n_units) {
            continue;
        }
        unit = at > l->first ? at - l->first : 0;
        unit = hand_out(l, unit, &n, now_ms, &lines);
        at = l->first + unit;
        if (unit < l->n_units) {
            break; /* one list after the other */
        }
    }
    snprintf(head, sizeof(head),
             "elohim-warm 1 %016" PRIx64 "-%" PRIu64 " %u\n", w->run, at,
             at < w->next && w->n > 0 ? SOON_S : LATER_S);
    elo_buf_put_str(out, head);
    if (elo_buf_err(&lines) == ELO_OK) {
        elo_buf_put_slice(out, elo_buf_slice(&lines));
    }
    elo_buf_dispose(&lines);
}


bool
elo_warm_is_busy(elo_warm_t *w, uint64_t n, uint64_t now_ms)
{
    uint64_t ms = now_ms - w->asked_ms, more = n - w->asked_n;

    w->asked_ms = now_ms;
    w->asked_n = n;
    return more > ELO_WARM_BUSY * (ms / 1000 + 1);
}


/* ---- what is asked about them ---- */

static bool
is_his(const list_t *l, const elo_agent_t *by)
{
    return by == NULL || elo_agent_eq(&l->by, by);
}


void
elo_warm_status(const elo_warm_t *w, const elo_agent_t *by,
                elo_warm_status_t *out)
{
    *out = (elo_warm_status_t){ 0 };
    for (uint32_t i = 0; i < w->n; i++) {
        const list_t *l = &w->lists[i];
        uint32_t k;
        uint64_t bytes;

        if (!is_his(l, by)) {
            continue;
        }
        k = is_done(l) ? l->n : blob_at(l, l->done);
        bytes = is_done(l)
                    ? l->bytes
                    : l->cost_at[k] + (l->done - l->at[k]) * ELO_WARM_UNIT;
        out->lists += !is_done(l);
        out->done += k;
        out->left += l->n - k;
        out->done_bytes += bytes;
        out->left_bytes += l->bytes - bytes;
    }
}


uint32_t
elo_warm_end(elo_warm_t *w, const elo_agent_t *by)
{
    uint32_t n = 0;

    for (uint32_t i = 0; i < w->n;) {
        if (is_his(&w->lists[i], by)) {
            n += !is_done(&w->lists[i]);
            list_drop(w, i);
        } else {
            i++;
        }
    }
    return n;
}
