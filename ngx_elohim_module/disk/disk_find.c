/* SPDX-License-Identifier: BSD-2-Clause */
/* disk_find: is a piece there, and where? Without a lock: what was copied holds if the
   entry has stayed what it was (tier.h, I1). */

#include "ngx_http_elohim_disk.h"


#define NGX_HTTP_ELOHIM_DISK_TOLD  10000 /* ms without another warning */


/* The entry of a piece that is there and good, with a copy of its record. */

static ngx_int_t
ngx_http_elohim_disk_get(ngx_http_elohim_disk_t *d,
    const ngx_http_elohim_piece_t *piece, const elo_cache_key_t *key,
    elo_tier_item_t *item, ngx_http_elohim_rec_t *copy)
{
    elo_tier_t                   *t;
    const ngx_http_elohim_rec_t  *rec;

    t = ngx_http_elohim_disk_tier(d, ngx_http_elohim_disk_tier_of(piece));

    if (!elo_tier_get(t, key, item)) {
        return NGX_DECLINED;
    }

    rec = ngx_http_elohim_disk_rec(d, item->aux);
    if (rec == NULL) {
        return NGX_DECLINED;
    }

    *copy = *rec;

    if (!elo_tier_is_same(t, item)
        || copy->file != item->ref
        || copy->size != piece->size
        || copy->index != piece->index
        || copy->len != piece->len
        || copy->klass != (uint32_t) piece->klass
        || ngx_memcmp(copy->digest.b, piece->digest.b, sizeof(copy->digest.b))
           != 0
        || !ngx_http_elohim_disk_is_good(d, copy))
    {
        return NGX_DECLINED;
    }

    return NGX_OK;
}


ngx_int_t
ngx_http_elohim_disk_find(const ngx_http_elohim_piece_t *piece,
    ngx_http_elohim_place_t *place)
{
    ngx_http_elohim_rec_t    rec;
    ngx_http_elohim_disk_t  *d;

    d = ngx_http_elohim_disk;

    if (d == NULL || !ngx_http_elohim_disk_index(d)->held) {
        return NGX_DECLINED;
    }

    ngx_http_elohim_disk_purge(d);
    ngx_http_elohim_disk_key(d, piece, &place->key);

    if (ngx_http_elohim_disk_get(d, piece, &place->key, &place->item, &rec)
        != NGX_OK)
    {
        return NGX_DECLINED;
    }

    ngx_http_elohim_disk_name(d, rec.file, place);
    place->file_size = (off_t) ELO_PIECE_FOOT + rec.len;
    place->mtime = (time_t) rec.mtime;
    place->uniq = (ngx_file_uniq_t) rec.uniq;

    return rec.checked && d->emcf->verify == NGX_HTTP_ELOHIM_VERIFY_FIRST
           ? NGX_OK
           : NGX_AGAIN;
}


void
ngx_http_elohim_disk_count(const ngx_http_elohim_piece_t *piece,
    const ngx_http_elohim_place_t *place)
{
    uint32_t                 now;
    elo_tier_t              *t;
    elo_cache_key_t          key;
    ngx_http_elohim_rec_t   *rec;
    ngx_http_elohim_disk_t  *d;

    d = ngx_http_elohim_disk;

    if (d == NULL || !ngx_http_elohim_disk_index(d)->held) {
        return;
    }

    t = ngx_http_elohim_disk_tier(d, ngx_http_elohim_disk_tier_of(piece));

    if (place == NULL) {
        ngx_http_elohim_disk_key(d, piece, &key);
        elo_tier_miss(t, &key, piece->klass);
        return;
    }

    elo_tier_hit(t, &place->key, &place->item);

    /* a record that has changed hands meanwhile is only used a little later */

    rec = ngx_http_elohim_disk_rec(d, place->item.aux);
    now = ngx_http_elohim_disk_now();

    if (rec && __atomic_load_n(&rec->used, __ATOMIC_RELAXED) != now) {
        __atomic_store_n(&rec->used, now, __ATOMIC_RELAXED);
    }
}


/* Under the lock: the entry of that very file. */

static ngx_uint_t
ngx_http_elohim_disk_has(ngx_http_elohim_disk_t *d,
    const ngx_http_elohim_piece_t *piece, uint64_t file, elo_tier_t **t,
    elo_tier_item_t *item)
{
    elo_cache_key_t  key;

    *t = ngx_http_elohim_disk_tier(d, ngx_http_elohim_disk_tier_of(piece));
    ngx_http_elohim_disk_key(d, piece, &key);

    return elo_tier_get(*t, &key, item) && item->ref == file;
}


void
ngx_http_elohim_disk_bad(const ngx_http_elohim_piece_t *piece,
    const ngx_http_elohim_place_t *place)
{
    elo_tier_t              *t;
    ngx_uint_t               dropped, level;
    elo_tier_item_t          item;
    ngx_http_elohim_disk_t  *d;

    d = ngx_http_elohim_disk;

    if (d == NULL) {
        return;
    }

    (void) ngx_http_elohim_disk_lock(d);

    dropped = ngx_http_elohim_disk_has(d, piece, place->file, &t, &item)
              && elo_tier_drop(t, &item, ngx_http_elohim_disk_gone(d));

    ngx_http_elohim_disk_unlock(d);

    if (dropped) {
        ngx_http_elohim_count(ELO_M_PIECES_BAD, 1);

        /* somebody may have emptied the directory: that is one warning */
        level = d->bad_at && ngx_current_msec - d->bad_at
                             < NGX_HTTP_ELOHIM_DISK_TOLD
                ? NGX_LOG_INFO : NGX_LOG_WARN;
        d->bad_at = ngx_current_msec;

        ngx_log_error(level, d->log, 0,
                      "elohim cache \"%V\": \"%s\" is not what was written, "
                      "it is dropped", &d->path->name, place->path);
        ngx_http_elohim_disk_unlink(d, 1);
    }
}


void
ngx_http_elohim_disk_is_checked(ngx_http_elohim_disk_t *d,
    const ngx_http_elohim_piece_t *piece, uint64_t file)
{
    elo_tier_t             *t;
    elo_tier_item_t         item;
    ngx_http_elohim_rec_t  *rec;

    (void) ngx_http_elohim_disk_lock(d);

    if (ngx_http_elohim_disk_has(d, piece, file, &t, &item)) {
        rec = ngx_http_elohim_disk_rec(d, item.aux);

        if (rec) {
            __atomic_store_n(&rec->checked, 1, __ATOMIC_RELAXED);
        }
    }

    ngx_http_elohim_disk_unlock(d);
}
