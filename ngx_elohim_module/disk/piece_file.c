/* SPDX-License-Identifier: BSD-2-Clause */
/* piece_file: where the bytes of a piece come from: a file of the disk tier, checked
   when that must be, else the file that a fill writes, as far as it is. Which bytes a
   request wants, and how they are sent: piece.c. */

#include "ngx_http_elohim_piece.h"


#define NGX_HTTP_ELOHIM_PIECE_TRIES  8 /* files that go, until it goes without */


static void ngx_http_elohim_piece_followed(ngx_http_elohim_follow_t *f);
static void ngx_http_elohim_piece_verified(ngx_http_elohim_verify_t *v);


static void
ngx_http_elohim_piece_name(ngx_http_elohim_pieces_t *p, uint64_t index,
    ngx_http_elohim_piece_t *piece)
{
    uint64_t  start;

    start = index * ELO_TREE_CHUNK;

    ngx_memzero(piece, sizeof(ngx_http_elohim_piece_t));
    piece->digest = p->digest;
    piece->size = p->body.size;
    piece->index = (uint32_t) index;
    piece->len = (uint32_t) ngx_min(p->body.size - start,
                                    (uint64_t) ELO_TREE_CHUNK);
    piece->klass = p->klass;
}


/* Bytes of a class are those that a content of that class, or a wider one, has: who
   only names the same hash for everyone opens nobody else's. */

ngx_str_t
ngx_http_elohim_piece_question(const ngx_http_elohim_piece_t *piece,
    u_char *buf)
{
    char       canon[ELO_ADDR_CANON_LEN + 1];
    ngx_str_t  question;

    elo_addr_canon(&piece->digest, canon);

    question.data = buf;
    question.len = ngx_sprintf(buf, "/internal/v1/chunk/%s/%uD?reach=%s", canon,
                               piece->index,
                               piece->klass == ELO_CACHE_COMMONS
                               ? "commons" : "neighborhood")
                   - buf;

    return question;
}


void
ngx_http_elohim_piece_leave(ngx_http_elohim_pieces_t *p)
{
    if (p->following) {
        p->following = 0;
        ngx_http_elohim_fill_leave(p->follow);
    }

    if (p->verifying) {
        p->verifying = 0;
        ngx_http_elohim_disk_verify_leave(p->verify);
    }
}


static void
ngx_http_elohim_piece_shut(ngx_http_elohim_pieces_t *p)
{
    if (p->pool) {
        ngx_destroy_pool(p->pool);
        p->pool = NULL;
    }

    p->number = 0;
}


void
ngx_http_elohim_piece_close(ngx_http_elohim_pieces_t *p)
{
    ngx_http_elohim_piece_leave(p);
    ngx_http_elohim_piece_shut(p);

    p->is_open = 0;
    p->again = 0;
    p->counted = 0;
    p->have = 0;
}


/* The last piece is open as long as the request is, and needs no pool of its own. */

static ngx_inline ngx_uint_t
ngx_http_elohim_piece_is_last(const ngx_http_elohim_pieces_t *p)
{
    return p->set.n <= 1 && p->piece.index == (p->end - 1) / ELO_TREE_CHUNK;
}


/* grows: it is being written, and what it is doesn't matter yet. NGX_DECLINED: it isn't
   there, or not what the index says. */

static ngx_int_t
ngx_http_elohim_piece_open(ngx_http_elohim_pieces_t *p,
    const ngx_http_elohim_place_t *place, ngx_uint_t grows)
{
    ngx_str_t                  path;
    ngx_pool_t                *pool;
    ngx_http_request_t        *r;
    ngx_open_file_info_t       of;
    ngx_http_core_loc_conf_t  *clcf;

    r = p->request;
    clcf = ngx_http_get_module_loc_conf(r, ngx_http_core_module);

    ngx_http_elohim_piece_shut(p);

    pool = r->pool;

    if (grows || !ngx_http_elohim_piece_is_last(p)) {
        pool = ngx_create_pool(NGX_MIN_POOL_SIZE, r->connection->log);
        if (pool == NULL) {
            return NGX_ERROR;
        }

        p->pool = pool;
    }

    path.len = place->path_len;
    path.data = (u_char *) place->path;

    ngx_memzero(&of, sizeof(ngx_open_file_info_t));
    of.read_ahead = clcf->read_ahead;
    of.directio = NGX_OPEN_FILE_DIRECTIO_OFF;
    of.valid = clcf->open_file_cache_valid;
    of.min_uses = clcf->open_file_cache_min_uses;

    if (ngx_open_cached_file(grows ? NULL : clcf->open_file_cache, &path, &of,
                             pool)
        != NGX_OK)
    {
        ngx_http_elohim_piece_shut(p);

        if (of.err == NGX_ENOENT) {
            return NGX_DECLINED;
        }

        ngx_log_error(NGX_LOG_CRIT, r->connection->log, of.err,
                      "elohim: %s \"%s\" failed", of.failed, path.data);

        return NGX_ERROR;
    }

    /* one that grows has all of its room from the start */

    if (!of.is_file || of.size != place->file_size || of.uniq != place->uniq
        || (!grows && of.mtime != place->mtime))
    {
        ngx_http_elohim_piece_shut(p);
        return NGX_DECLINED;
    }

    p->file.fd = of.fd;
    p->file.info.st_ino = of.uniq;
    p->file.log = r->connection->log;
    p->file.directio = 0;
    ngx_str_set(&p->file.name, "piece of elohim's cache");
    p->number = place->file;

    return NGX_OK;
}


static ngx_int_t
ngx_http_elohim_piece_fail(ngx_http_elohim_pieces_t *p, ngx_uint_t status)
{
    p->status = status;
    return NGX_ERROR;
}


/* A whole one. NGX_DECLINED: it isn't there any more. */

static ngx_int_t
ngx_http_elohim_piece_use(ngx_http_elohim_pieces_t *p,
    const ngx_http_elohim_piece_t *piece, const ngx_http_elohim_place_t *place)
{
    switch (ngx_http_elohim_piece_open(p, place, 0)) {
    case NGX_OK:
        break;

    case NGX_DECLINED:
        ngx_http_elohim_disk_bad(piece, place);
        return NGX_DECLINED;

    default:
        return ngx_http_elohim_piece_fail(p, NGX_HTTP_INTERNAL_SERVER_ERROR);
    }

    if (!p->counted) {
        p->counted = 1;
        ngx_http_elohim_disk_count(piece, place);
    }

    p->is_open = 1;
    p->have = piece->len;

    return NGX_OK;
}


/* What is told of the fill. NGX_OK: there is a file, and its have is known. */

static ngx_int_t
ngx_http_elohim_piece_grown(ngx_http_elohim_pieces_t *p)
{
    ngx_http_elohim_follow_t  *f;

    f = p->follow;

    if (f->place.file != 0 && f->place.file != p->number) {

        switch (ngx_http_elohim_piece_open(p, &f->place, 1)) {
        case NGX_OK:
            p->is_open = 1;
            p->have = 0;
            break;

        case NGX_DECLINED:
            /* it was not worth keeping, and is gone before we came */
            return NGX_DECLINED;

        default:
            return ngx_http_elohim_piece_fail(p,
                                              NGX_HTTP_INTERNAL_SERVER_ERROR);
        }
    }

    if (p->number) {
        p->have = f->have;
    }

    if (p->number && p->have == f->piece.len) {
        ngx_http_elohim_piece_leave(p);
        return NGX_OK;
    }

    switch (f->status) {
    case 0:
        return p->number ? NGX_OK : NGX_AGAIN;

    case NGX_HTTP_OK:
    case 1: /* look anew */
        return NGX_DECLINED;

    default:
        p->retry_after = f->retry_after;
        return ngx_http_elohim_piece_fail(p, f->status);
    }
}


static ngx_int_t
ngx_http_elohim_piece_follow(ngx_http_elohim_pieces_t *p)
{
    ngx_int_t                    rc;
    ngx_http_elohim_follow_t    *f;
    ngx_http_elohim_loc_conf_t  *elcf;

    elcf = ngx_http_get_module_loc_conf(p->request, ngx_http_elohim_module);

    if (!p->counted) {
        p->counted = 1;
        ngx_http_elohim_disk_count(&p->piece, NULL);
    }

    if (p->follow == NULL) {
        p->follow = ngx_pcalloc(p->request->pool,
                                sizeof(ngx_http_elohim_follow_t));
        if (p->follow == NULL) {
            return ngx_http_elohim_piece_fail(p,
                                              NGX_HTTP_INTERNAL_SERVER_ERROR);
        }
    }

    f = p->follow;
    f->handler = ngx_http_elohim_piece_followed;
    f->data = p;
    f->piece = p->piece;
    f->backend = elcf->backend;
    f->question = ngx_http_elohim_piece_question(&p->piece, p->question);

    rc = ngx_http_elohim_fill_follow(f, p->again);

    if (rc == NGX_AGAIN) {
        p->following = 1;

        if (!p->started) {
            ngx_http_elohim_metric_asks(p->ctx);
            p->ctx->filled = 1;
            p->ctx->cache = NGX_HTTP_ELOHIM_MISS;
            p->ctx->collapsed = !f->is_first;
        }
    }

    if (rc == NGX_ERROR) {
        p->retry_after = f->retry_after;
        return ngx_http_elohim_piece_fail(p, f->status);
    }

    return rc;
}


/* It is there, and must be checked before it is used. */

static ngx_int_t
ngx_http_elohim_piece_verify(ngx_http_elohim_pieces_t *p,
    const ngx_http_elohim_place_t *place)
{
    ngx_int_t                  rc;
    ngx_http_elohim_verify_t  *v;

    if (p->verify == NULL) {
        p->verify = ngx_pcalloc(p->request->pool,
                                sizeof(ngx_http_elohim_verify_t));
        if (p->verify == NULL) {
            return ngx_http_elohim_piece_fail(p,
                                              NGX_HTTP_INTERNAL_SERVER_ERROR);
        }
    }

    v = p->verify;
    v->piece = p->piece;
    v->place = *place;
    v->handler = ngx_http_elohim_piece_verified;
    v->data = p;

    rc = ngx_http_elohim_disk_verify(v);

    p->verifying = rc == NGX_AGAIN;

    return rc == NGX_OK || rc == NGX_AGAIN ? rc : NGX_DECLINED;
}


/* From the disk. NGX_DECLINED: it isn't there, or not any more. */

static ngx_int_t
ngx_http_elohim_piece_find(ngx_http_elohim_pieces_t *p)
{
    ngx_int_t                rc;
    ngx_http_elohim_place_t  place;

    rc = ngx_http_elohim_disk_find(&p->piece, &place);

    if (rc == NGX_AGAIN) {
        rc = ngx_http_elohim_piece_verify(p, &place);
    }

    return rc == NGX_OK ? ngx_http_elohim_piece_use(p, &p->piece, &place) : rc;
}


/* As far as it is known. */

static ngx_uint_t
ngx_http_elohim_piece_is_known(ngx_http_elohim_pieces_t *p, ngx_int_t *rc)
{
    if (p->verifying) {
        *rc = NGX_AGAIN;
        return 1;
    }

    if (p->following) {
        *rc = ngx_http_elohim_piece_grown(p);
        if (*rc != NGX_DECLINED) {
            return 1;
        }

        ngx_http_elohim_piece_leave(p);
        ngx_http_elohim_piece_shut(p);
        p->is_open = 0;
    }

    *rc = NGX_OK;

    return p->is_open && p->piece.index == p->at / ELO_TREE_CHUNK;
}


ngx_int_t
ngx_http_elohim_piece_obtain(ngx_http_elohim_pieces_t *p)
{
    ngx_int_t  rc;

    if (ngx_http_elohim_piece_is_known(p, &rc)) {
        return rc;
    }

    ngx_http_elohim_piece_name(p, p->at / ELO_TREE_CHUNK, &p->piece);

    while (p->tries++ < NGX_HTTP_ELOHIM_PIECE_TRIES) {

        rc = ngx_http_elohim_piece_find(p);
        if (rc != NGX_DECLINED) {
            return rc;
        }

        rc = ngx_http_elohim_piece_follow(p);

        if (rc == NGX_OK) {
            /* it may have come between the two looks */

            rc = ngx_http_elohim_piece_find(p);
            if (rc != NGX_DECLINED) {
                return rc;
            }

            p->again = 1;

        } else if (rc != NGX_AGAIN) {
            return rc;
        }

        rc = ngx_http_elohim_piece_grown(p);
        if (rc != NGX_DECLINED) {
            return rc;
        }

        ngx_http_elohim_piece_leave(p);
    }

    /* It is filled into a file that this worker can't have: of a cache that an older
       configuration has, or had before all began anew. That ends with the fill. */

    ngx_log_error(NGX_LOG_INFO, p->request->connection->log, 0,
                  "elohim: a piece of the cache is lost each time that it is "
                  "there");

    return NGX_DECLINED;
}


static void
ngx_http_elohim_piece_followed(ngx_http_elohim_follow_t *f)
{
    ngx_http_elohim_piece_run(f->data);
}


static void
ngx_http_elohim_piece_verified(ngx_http_elohim_verify_t *v)
{
    ngx_http_elohim_pieces_t  *p;

    p = v->data;
    p->verifying = 0;

    if (v->rc == NGX_OK && !p->is_open) {
        /* what is wrong with it is found out when it is looked for anew */
        (void) ngx_http_elohim_piece_use(p, &v->piece, &v->place);
    }

    ngx_http_elohim_piece_run(p);
}


/* Not past the range, and only as long as there is room among the fills. */

void
ngx_http_elohim_piece_ahead(ngx_http_elohim_pieces_t *p)
{
    u_char                       buf[NGX_HTTP_ELOHIM_QUESTION_LEN];
    uint64_t                     i, last;
    ngx_str_t                    question;
    ngx_http_elohim_place_t      place;
    ngx_http_elohim_piece_t      piece;
    ngx_http_elohim_loc_conf_t  *elcf;

    elcf = ngx_http_get_module_loc_conf(p->request, ngx_http_elohim_module);

    last = ngx_min((uint64_t) p->piece.index + elcf->read_ahead,
                   (p->end - 1) / ELO_TREE_CHUNK);

    for (i = ngx_max(p->ahead, (uint64_t) p->piece.index + 1); i <= last; i++) {
        ngx_http_elohim_piece_name(p, i, &piece);

        if (ngx_http_elohim_disk_find(&piece, &place) == NGX_DECLINED) {
            question = ngx_http_elohim_piece_question(&piece, buf);

            if (ngx_http_elohim_fill_start(&piece, elcf->backend, &question)
                != NGX_OK)
            {
                return;
            }
        }

        p->ahead = i + 1;
    }
}
