/* SPDX-License-Identifier: BSD-2-Clause */
/* disk_fill: the table of files that are being filled: their numbers, and the room that
   they have been promised. Whoever fills has a token: who has been replaced finds that
   it isn't his any more.

     free --enlist--> filled --enter--> free, the piece is in the index
                         |  \--enter, not kept--> whole --leave, sweep--> free
                         +--leave (keep)--> nobody's --resume--> filled
                         +--drop, sweep--> free, the file is given up

   What was purged meanwhile is dropped by whoever writes it, which ends the fill for
   those who follow, too; by the sweeper once it is nobody's. */

#include "ngx_http_elohim_disk.h"


#define NGX_HTTP_ELOHIM_FILL_ORPHAN  5   /* s: nobody has taken it over */
#define NGX_HTTP_ELOHIM_FILL_LOST    600 /* s: its writer does nothing */
#define NGX_HTTP_ELOHIM_FILL_STAY    2   /* s: of what isn't kept */
#define NGX_HTTP_ELOHIM_FILL_STAYING 64  /* files that do so */


/* What this writer fills, or NULL: it was taken over, or all has begun anew. */

ngx_http_elohim_filling_t *
ngx_http_elohim_disk_filling(ngx_http_elohim_index_t *x,
    const ngx_http_elohim_writer_t *w)
{
    ngx_http_elohim_filling_t  *f;

    f = &x->filling[w->slot];

    return f->file == w->place.file && f->token == w->token ? f : NULL;
}


ngx_uint_t
ngx_http_elohim_disk_is_stale(const ngx_http_elohim_index_t *x,
    const ngx_http_elohim_filling_t *f)
{
    return f->purged
           != __atomic_load_n(&x->purged[f->counter
                                         % NGX_HTTP_ELOHIM_DISK_SLOTS],
                              __ATOMIC_ACQUIRE)
           || f->era
              != __atomic_load_n(&x->era[f->klass % ELO_CACHE_CLASSES],
                                 __ATOMIC_ACQUIRE);
}


ngx_uint_t
ngx_http_elohim_disk_is_lost(const ngx_http_elohim_writer_t *w)
{
    ngx_http_elohim_index_t    *x;
    ngx_http_elohim_filling_t  *f;

    x = ngx_http_elohim_disk_index(ngx_http_elohim_disk);
    f = ngx_http_elohim_disk_filling(x, w);

    return f == NULL || ngx_http_elohim_disk_is_stale(x, f);
}


/* Under the lock, as are the rest. */

ngx_http_elohim_filling_t *
ngx_http_elohim_disk_by_file(ngx_http_elohim_index_t *x, uint64_t file)
{
    ngx_uint_t  i;

    for (i = 0; i < x->n_filling; i++) {
        if (x->filling[i].file == file) {
            return &x->filling[i];
        }
    }

    return NULL;
}


/* Does another than f, which is to be kept, have that key? */

ngx_uint_t
ngx_http_elohim_disk_is_filled(ngx_http_elohim_index_t *x,
    const elo_cache_key_t *key, const ngx_http_elohim_filling_t *f)
{
    ngx_uint_t  i;

    for (i = 0; i < x->n_filling; i++) {
        if (x->filling[i].file && &x->filling[i] != f
            && x->filling[i].has_entry
            && ngx_memcmp(&x->filling[i].key, key, sizeof(*key)) == 0)
        {
            return 1;
        }
    }

    return 0;
}


/* Is one of those that are being filled, or stay for a moment, over by a purge? Its
   file may be whole, or become so. */

ngx_uint_t
ngx_http_elohim_disk_has_stale(ngx_http_elohim_index_t *x)
{
    ngx_uint_t                        i;
    const ngx_http_elohim_filling_t  *f;

    for (i = 0; i < x->n_filling; i++) {
        f = &x->filling[i];

        if (f->file && ngx_http_elohim_disk_is_stale(x, f)) {
            return 1;
        }
    }

    return 0;
}


static ngx_http_elohim_filling_t *
ngx_http_elohim_disk_new(ngx_http_elohim_index_t *x)
{
    ngx_http_elohim_filling_t  *f;

    f = ngx_http_elohim_disk_by_file(x, 0);

    if (f == NULL && x->n_filling < NGX_HTTP_ELOHIM_DISK_WRITERS) {
        f = &x->filling[x->n_filling++];
    }

    return f;
}


/* Is it to be kept, and is there room? One of two that fill the same piece isn't. */

static void
ngx_http_elohim_disk_reserve(ngx_http_elohim_disk_t *d,
    ngx_http_elohim_index_t *x, ngx_http_elohim_filling_t *f,
    const ngx_http_elohim_piece_t *piece)
{
    uint64_t         size, used;
    elo_tier_t      *t;
    ngx_uint_t       i, k;
    elo_tier_stat_t  st;

    if (ngx_http_elohim_disk_is_filled(x, &f->key, f)) {
        return;
    }

    size = (uint64_t) ELO_PIECE_FOOT + piece->len;

    if (x->scan) {
        /* (I3) */
        used = x->unread + size;

        for (i = 0; i < NGX_HTTP_ELOHIM_DISK_TIERS; i++) {
            for (k = 0; k < ELO_CACHE_CLASSES; k++) {
                elo_tier_stat(ngx_http_elohim_disk_tier(d, i),
                              (elo_cache_class_t) k, &st);
                used += st.bytes;
            }
        }

        if (!x->is_counted || used > (uint64_t) (d->complete + d->chunk)) {
            return;
        }
    }

    t = ngx_http_elohim_disk_tier(d, f->tier);
    f->has_entry = elo_tier_reserve(t, &f->key, piece->klass, size,
                                    ngx_http_elohim_disk_gone(d), &f->entry)
                   == ELO_OK;
}


ngx_int_t
ngx_http_elohim_disk_enlist(ngx_http_elohim_disk_t *d,
    ngx_http_elohim_writer_t *w)
{
    ngx_http_elohim_index_t    *x;
    ngx_http_elohim_filling_t  *f;

    x = ngx_http_elohim_disk_lock(d);

    f = x->held ? ngx_http_elohim_disk_new(x) : NULL;

    if (f == NULL) {
        ngx_http_elohim_disk_unlock(d);
        return NGX_DECLINED;
    }

    ngx_memzero(f, sizeof(ngx_http_elohim_filling_t));

    if (x->next_file == 0) {
        x->next_file = 1;
    }

    f->file = x->next_file++;
    f->token = ++x->next_token;
    f->pid = ngx_pid;
    f->touched = ngx_http_elohim_disk_now();
    f->len = w->piece.len;
    f->tier = (uint8_t) ngx_http_elohim_disk_tier_of(&w->piece);
    f->klass = (uint8_t) w->piece.klass;
    f->counter = ngx_http_elohim_disk_slot(d, &w->piece.digest);
    f->purged = x->purged[f->counter];
    f->era = x->era[f->klass];
    ngx_http_elohim_disk_key(d, &w->piece, &f->key);
    ngx_http_elohim_disk_reserve(d, x, f, &w->piece);

    w->slot = f - x->filling;
    w->token = f->token;
    w->is_transient = !f->has_entry;
    ngx_http_elohim_disk_name(d, f->file, &w->place);

    ngx_http_elohim_disk_unlock(d);

    return NGX_OK;
}


/* Its room is given back. */

static void
ngx_http_elohim_disk_release(ngx_http_elohim_disk_t *d,
    ngx_http_elohim_filling_t *f)
{
    if (f->has_entry) {
        elo_tier_cancel(ngx_http_elohim_disk_tier(d, f->tier), f->entry);
        f->has_entry = 0;
    }
}


/* The file is another's by now, or nobody's. */

void
ngx_http_elohim_disk_forget(ngx_http_elohim_disk_t *d,
    ngx_http_elohim_filling_t *f)
{
    ngx_http_elohim_index_t  *x;

    ngx_http_elohim_disk_release(d, f);
    ngx_memzero(f, sizeof(ngx_http_elohim_filling_t));

    x = ngx_http_elohim_disk_index(d);

    while (x->n_filling && x->filling[x->n_filling - 1].file == 0) {
        x->n_filling--;
    }
}


/* It isn't to be. What lies on disk goes. */

void
ngx_http_elohim_disk_drop(ngx_http_elohim_disk_t *d,
    ngx_http_elohim_filling_t *f)
{
    ngx_http_elohim_disk_give_up(ngx_http_elohim_disk_index(d), f->file);
    ngx_http_elohim_disk_forget(d, f);
}


/* It is whole: into the index, unless it wasn't worth it, or was purged meanwhile. */

void
ngx_http_elohim_disk_enter(ngx_http_elohim_disk_t *d,
    ngx_http_elohim_filling_t *f, const ngx_http_elohim_writer_t *w)
{
    uint64_t                aux;
    elo_tier_t             *t;
    elo_tier_item_t         item;
    ngx_http_elohim_rec_t  *rec, was;

    ngx_memzero(&was, sizeof(ngx_http_elohim_rec_t));
    was.digest = w->piece.digest;
    was.size = w->piece.size;
    was.file = w->place.file;
    was.uniq = w->place.uniq;
    was.mtime = w->place.mtime;
    was.index = w->piece.index;
    was.len = w->piece.len;
    was.purged = f->purged;
    was.era = f->era;
    was.used = ngx_http_elohim_disk_now();
    was.checked = 1;
    was.klass = w->piece.klass;

    if (!f->has_entry || !ngx_http_elohim_disk_is_good(d, &was)) {
        ngx_http_elohim_disk_release(d, f);
        f->is_whole = 1;
        return;
    }

    aux = ngx_http_elohim_disk_new_rec(d);
    rec = ngx_http_elohim_disk_rec(d, aux);

    if (rec == NULL) {
        ngx_http_elohim_disk_drop(d, f);
        return;
    }

    *rec = was;

    ngx_memzero(&item, sizeof(elo_tier_item_t));
    item.ref = f->file;
    item.aux = aux;

    t = ngx_http_elohim_disk_tier(d, f->tier);

    f->has_entry = 0;

    if (elo_tier_publish(t, f->entry, &item)) {
        ngx_http_elohim_disk_forget(d, f);
        return;
    }

    /* a wider one has had its room meanwhile */

    ngx_http_elohim_disk_free_rec(d, aux);
    f->is_whole = 1;
}


/* It is nobody's from now on. NGX_DECLINED: there are too many of those already. */

ngx_int_t
ngx_http_elohim_disk_leave(ngx_http_elohim_disk_t *d,
    ngx_http_elohim_filling_t *f)
{
    ngx_uint_t                i, n;
    ngx_http_elohim_index_t  *x;

    x = ngx_http_elohim_disk_index(d);
    n = 0;

    for (i = 0; i < x->n_filling; i++) {
        n += x->filling[i].file && x->filling[i].pid == 0;
    }

    if (n >= NGX_HTTP_ELOHIM_FILL_STAYING) {
        return NGX_DECLINED;
    }

    f->pid = 0;
    f->touched = ngx_http_elohim_disk_now();

    return NGX_OK;
}


void
ngx_http_elohim_disk_place(uint64_t file, ngx_http_elohim_place_t *place)
{
    ngx_http_elohim_index_t    *x;
    ngx_http_elohim_disk_t     *d;
    ngx_http_elohim_filling_t  *f;

    d = ngx_http_elohim_disk;

    ngx_memzero(place, sizeof(ngx_http_elohim_place_t));

    if (d == NULL) {
        return;
    }

    ngx_http_elohim_disk_name(d, file, place);

    x = ngx_http_elohim_disk_lock(d);
    f = ngx_http_elohim_disk_by_file(x, file);

    if (f) {
        place->file_size = (off_t) ELO_PIECE_FOOT + f->len;
        place->uniq = (ngx_file_uniq_t) f->uniq;
    }

    ngx_http_elohim_disk_unlock(d);
}


static ngx_uint_t
ngx_http_elohim_disk_is_over(const ngx_http_elohim_index_t *x,
    const ngx_http_elohim_filling_t *f)
{
    int32_t     idle;
    ngx_uint_t  alone;

    idle = (int32_t) (ngx_http_elohim_disk_now() - f->touched);

    if (f->pid == 0 && ngx_http_elohim_disk_is_stale(x, f)) {
        return 1;
    }

    if (idle < NGX_HTTP_ELOHIM_FILL_STAY) {
        return 0;
    }

    alone = f->pid == 0 || (kill(f->pid, 0) == -1 && ngx_errno == NGX_ESRCH);

    return idle >= NGX_HTTP_ELOHIM_FILL_LOST
           || (alone && (f->is_whole || ngx_http_elohim_disk_is_stale(x, f)
                         || idle >= NGX_HTTP_ELOHIM_FILL_ORPHAN));
}


/* Without the lock: those whose writer is gone, and that nobody goes on with. */

void
ngx_http_elohim_disk_orphans(ngx_http_elohim_disk_t *d)
{
    ngx_uint_t                i;
    ngx_http_elohim_index_t  *x;

    x = ngx_http_elohim_disk_index(d);

    if (x->n_filling == 0) {
        return;
    }

    x = ngx_http_elohim_disk_lock(d);

    /* from the end: the table gets shorter */

    for (i = x->n_filling; i--; /* void */ ) {
        if (x->filling[i].file
            && ngx_http_elohim_disk_is_over(x, &x->filling[i]))
        {
            ngx_http_elohim_disk_drop(d, &x->filling[i]);
        }
    }

    ngx_http_elohim_disk_unlock(d);
}
