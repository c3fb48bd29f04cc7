/* SPDX-License-Identifier: BSD-2-Clause */
/* warm_item: a line of a warm list: its grant, then the body, if it is small, into
   memory, or its pieces onto the disk, a few at a time. What is there is passed over,
   what can't be had is left: it is fetched when a client asks for it. */

#include "ngx_http_elohim_fill.h"
#include "ngx_http_elohim_piece.h"
#include "ngx_http_elohim_warm.h"

#include "common/base/hash_tree.h"


#define NGX_HTTP_ELOHIM_WARM_TRIES  1200 /* looks, 100 ms apart, at a line */
#define NGX_HTTP_ELOHIM_WARM_WAITS  60   /* for a piece that isn't to be had now */
#define NGX_HTTP_ELOHIM_WARM_SOON   100  /* ms, to look at a fill again */


static void ngx_http_elohim_warm_opened(ngx_http_elohim_ahead_t *a);
static void ngx_http_elohim_warm_read(ngx_http_elohim_load_t *l);
static void ngx_http_elohim_warm_followed(ngx_http_elohim_follow_t *f);


static ngx_int_t
ngx_http_elohim_warm_done(ngx_http_elohim_warm_t *w)
{
    w->step = NGX_HTTP_ELOHIM_WARM_LINE;

    return NGX_OK;
}


static ngx_int_t
ngx_http_elohim_warm_leave(ngx_http_elohim_warm_t *w)
{
    w->left++;

    return ngx_http_elohim_warm_done(w);
}


/* At the next look, so many times. */

static ngx_int_t
ngx_http_elohim_warm_later(ngx_http_elohim_warm_t *w)
{
    return ++w->line.tries < NGX_HTTP_ELOHIM_WARM_TRIES
           ? NGX_BUSY : ngx_http_elohim_warm_leave(w);
}


/* ---- the grant ---- */

/* What is to be done by it. */

static ngx_int_t
ngx_http_elohim_warm_granted(ngx_http_elohim_warm_t *w)
{
    elo_grant_t                  *g;
    ngx_http_elohim_zone_t       *zn;
    ngx_http_elohim_warm_line_t  *line;

    line = &w->line;
    g = &line->grant;
    zn = w->emcf->zone->data;

    if (w->ahead.msg.len == 0
        || elo_wire_get_grant(elo_slice(w->ahead.msg.data, w->ahead.msg.len),
                              g)
           != ELO_OK
        || ngx_memcmp(&g->digest, &line->item.digest, sizeof(elo_digest_t))
           != 0
        || g->size == 0 || g->size > NGX_MAX_OFF_T_VALUE)
    {
        return ngx_http_elohim_warm_leave(w);
    }

    if (g->head.flags & ELO_WIRE_REMOTE) {
        line->piece = line->item.first;
        line->end = ngx_min(line->item.first + line->item.count,
                            (g->size - 1) / ELO_TREE_CHUNK + 1);
        w->step = NGX_HTTP_ELOHIM_WARM_PIECES;
        return NGX_OK;
    }

    if ((g->head.flags & ELO_WIRE_SEALED) || g->size > zn->max_body
        || ngx_http_elohim_complete_has(w->emcf, w->elcf->ns, w->ahead.klass,
                                        &g->digest))
    {
        return ngx_http_elohim_warm_done(w);
    }

    w->step = NGX_HTTP_ELOHIM_WARM_BODY;

    return NGX_OK;
}


static ngx_int_t
ngx_http_elohim_warm_open(ngx_http_elohim_warm_t *w)
{
    ngx_int_t    rc;
    elo_route_t  route;

    ngx_memzero(&route, sizeof(elo_route_t));
    route.kind = ELO_ROUTE_BLOB;
    route.id = w->line.item.name;

    w->ahead.handler = ngx_http_elohim_warm_opened;
    w->ahead.data = w;
    w->ahead.elcf = w->elcf;
    w->ahead.pool = w->pool;

    rc = ngx_http_elohim_ahead(&w->ahead, &route);

    switch (rc) {
    case NGX_OK:
        return ngx_http_elohim_warm_granted(w);

    case NGX_AGAIN:
        w->step = NGX_HTTP_ELOHIM_WARM_OPENING;
        return NGX_AGAIN;

    case NGX_BUSY:
        return ngx_http_elohim_warm_later(w);

    default:
        return ngx_http_elohim_warm_leave(w);
    }
}


static void
ngx_http_elohim_warm_opened(ngx_http_elohim_ahead_t *a)
{
    ngx_http_elohim_warm_t  *w;

    w = a->data;

    (void) ngx_http_elohim_warm_granted(w);
    ngx_http_elohim_warm_go(w);
}


/* ---- a small body ---- */

static void
ngx_http_elohim_warm_have(ngx_http_elohim_warm_t *w)
{
    ngx_http_elohim_load_t  *l;

    l = w->load;
    w->load = NULL;

    if (l->rc == NGX_AGAIN) {
        w->step = NGX_HTTP_ELOHIM_WARM_BODY;

    } else if (l->rc == NGX_OK
               && ngx_http_elohim_gen_valid(w->elcf->store, &w->ahead.stamp,
                                            ngx_cycle->log))
    {
        ngx_http_elohim_complete_put(w->emcf, w->elcf->ns, w->ahead.klass,
                                     &w->line.grant.digest, &w->ahead.stamp,
                                     elo_slice(l->buf, l->len));
        w->bodies++;
        (void) ngx_http_elohim_warm_done(w);

    } else {
        (void) ngx_http_elohim_warm_leave(w);
    }

    ngx_http_elohim_load_free(l);
}


static ngx_int_t
ngx_http_elohim_warm_body(ngx_http_elohim_warm_t *w)
{
    elo_grant_t             *g;
    ngx_http_elohim_load_t  *l;

    g = &w->line.grant;

    l = ngx_http_elohim_load_create(w->elcf->store, g->name, (size_t) g->size);
    if (l == NULL) {
        return ngx_http_elohim_warm_leave(w);
    }

    l->handler = ngx_http_elohim_warm_read;
    l->data = w;
    l->parts[0].offset = g->offset;
    l->parts[0].len = g->size;
    l->n = 1;

    w->load = l;
    w->step = NGX_HTTP_ELOHIM_WARM_READING;

    if (ngx_http_elohim_load(l) == NGX_AGAIN) {
        return NGX_AGAIN;
    }

    ngx_http_elohim_warm_have(w);

    return w->step == NGX_HTTP_ELOHIM_WARM_BODY
           ? ngx_http_elohim_warm_later(w) : NGX_OK;
}


static void
ngx_http_elohim_warm_read(ngx_http_elohim_load_t *l)
{
    ngx_http_elohim_warm_t  *w;

    w = l->data;

    ngx_http_elohim_warm_have(w);
    ngx_http_elohim_warm_go(w);
}


/* ---- pieces ---- */

static void
ngx_http_elohim_warm_filled(ngx_http_elohim_warm_fill_t *f, ngx_uint_t is_ok)
{
    f->busy = 0;
    f->warm->n_fills--;

    if (is_ok) {
        f->warm->pieces++;

    } else {
        f->warm->left++;
    }
}


/* Begins it as what nobody waits for, then follows it, so as to hear of its end, and to
   take it over from a worker that dies. NGX_AGAIN: it is under way; NGX_OK: it has
   ended; NGX_DECLINED: not now. */

static ngx_int_t
ngx_http_elohim_warm_follow(ngx_http_elohim_warm_fill_t *f)
{
    f->retry = 0;

    if (ngx_http_elohim_fill_start(&f->follow.piece, f->follow.backend,
                                   &f->follow.question)
        != NGX_OK)
    {
        return NGX_DECLINED;
    }

    switch (ngx_http_elohim_fill_follow(&f->follow, 0)) {
    case NGX_AGAIN:
        return NGX_AGAIN;

    case NGX_OK:
        ngx_http_elohim_warm_filled(f, 1);
        return NGX_OK;

    case NGX_ERROR:
        ngx_http_elohim_warm_followed(&f->follow);
        return f->busy ? NGX_AGAIN : NGX_OK;

    default:
        return NGX_DECLINED;
    }
}


static void
ngx_http_elohim_warm_followed(ngx_http_elohim_follow_t *follow)
{
    ngx_http_elohim_warm_fill_t  *f;

    f = follow->data;

    switch (follow->status) {
    case 0:
        return;

    case NGX_HTTP_ELOHIM_FILL_LOST:
    case NGX_HTTP_SERVICE_UNAVAILABLE:

        if (++f->tries < NGX_HTTP_ELOHIM_WARM_WAITS) {
            f->retry = ngx_current_msec + NGX_HTTP_ELOHIM_WARM_SOON
                       + follow->retry_after * 1000;
            return;
        }

        /* fall through */

    default:
        ngx_http_elohim_warm_filled(f, follow->status == NGX_HTTP_OK);
        ngx_http_elohim_warm_go(f->warm);
    }
}


void
ngx_http_elohim_warm_retry(ngx_http_elohim_warm_t *w)
{
    ngx_uint_t                    i;
    ngx_http_elohim_place_t       place;
    ngx_http_elohim_warm_fill_t  *f;

    for (i = 0; i < NGX_HTTP_ELOHIM_WARM_FILLS; i++) {
        f = &w->fills[i];

        if (!f->busy || f->retry == 0
            || (ngx_msec_int_t) (ngx_current_msec - f->retry) < 0)
        {
            continue;
        }

        if (ngx_http_elohim_disk_find(&f->follow.piece, &place)
            != NGX_DECLINED)
        {
            ngx_http_elohim_warm_filled(f, 1);

        } else if (ngx_http_elohim_warm_follow(f) == NGX_DECLINED) {
            f->retry = ngx_current_msec + NGX_HTTP_ELOHIM_WARM_SOON;

            if (++f->tries >= NGX_HTTP_ELOHIM_WARM_TRIES) {
                ngx_http_elohim_warm_filled(f, 0);
            }
        }
    }
}


static ngx_http_elohim_warm_fill_t *
ngx_http_elohim_warm_free(ngx_http_elohim_warm_t *w)
{
    ngx_uint_t  i;

    for (i = 0; i < NGX_HTTP_ELOHIM_WARM_FILLS; i++) {
        if (!w->fills[i].busy) {
            return &w->fills[i];
        }
    }

    return NULL;
}


static void
ngx_http_elohim_warm_name(ngx_http_elohim_warm_t *w,
    ngx_http_elohim_follow_t *follow, u_char *question)
{
    elo_grant_t              *g;
    ngx_http_elohim_piece_t  *piece;

    g = &w->line.grant;
    piece = &follow->piece;

    ngx_memzero(piece, sizeof(ngx_http_elohim_piece_t));
    piece->digest = g->digest;
    piece->size = g->size;
    piece->index = (uint32_t) w->line.piece;
    piece->len = (uint32_t) ngx_min(
        g->size - w->line.piece * ELO_TREE_CHUNK, (uint64_t) ELO_TREE_CHUNK);
    piece->klass = w->ahead.klass;

    follow->question = ngx_http_elohim_piece_question(piece, question);
}


static ngx_int_t
ngx_http_elohim_warm_pieces(ngx_http_elohim_warm_t *w)
{
    ngx_int_t                     rc;
    ngx_http_elohim_place_t       place;
    ngx_http_elohim_warm_fill_t  *f;

    if (w->line.piece >= w->line.end) {
        return ngx_http_elohim_warm_done(w);
    }

    if (w->emcf->disk == NULL) {
        return ngx_http_elohim_warm_leave(w);
    }

    f = ngx_http_elohim_warm_free(w);
    if (f == NULL) {
        return NGX_AGAIN;
    }

    f->follow.handler = ngx_http_elohim_warm_followed;
    f->follow.data = f;
    f->follow.backend = w->elcf->backend;
    ngx_http_elohim_warm_name(w, &f->follow, f->question);

    if (ngx_http_elohim_disk_find(&f->follow.piece, &place) != NGX_DECLINED) {
        w->line.piece++;
        return NGX_OK;
    }

    f->busy = 1;
    f->tries = 0;
    w->n_fills++;
    rc = ngx_http_elohim_warm_follow(f);

    if (rc == NGX_DECLINED) {
        f->busy = 0;
        w->n_fills--;
        return ngx_http_elohim_warm_later(w);
    }

    w->line.piece++;
    w->line.tries = 0;

    return NGX_OK;
}


/* ---- a step ---- */

ngx_int_t
ngx_http_elohim_warm_line(ngx_http_elohim_warm_t *w)
{
    switch (w->step) {
    case NGX_HTTP_ELOHIM_WARM_OPEN:
        return ngx_http_elohim_warm_open(w);

    case NGX_HTTP_ELOHIM_WARM_BODY:
        return ngx_http_elohim_warm_body(w);

    case NGX_HTTP_ELOHIM_WARM_PIECES:
        return ngx_http_elohim_warm_pieces(w);

    default:
        return NGX_AGAIN; /* who is waited for calls */
    }
}


/* The worker ends: fills go on as long as it does, unless another one takes them. */

void
ngx_http_elohim_warm_drop(ngx_http_elohim_warm_t *w)
{
    ngx_uint_t                    i;
    ngx_http_elohim_warm_fill_t  *f;

    for (i = 0; i < NGX_HTTP_ELOHIM_WARM_FILLS; i++) {
        f = &w->fills[i];

        if (f->busy) {
            ngx_http_elohim_fill_leave(&f->follow);
            f->busy = 0;
        }
    }

    w->n_fills = 0;
}
