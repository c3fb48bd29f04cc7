/* SPDX-License-Identifier: BSD-2-Clause */
/* ngx_http_elohim_disk: what the files disk_*.c are for one another. The directory is
   used by the group of processes that share the lock of DIR/owner, by one index in
   their shared memory; what others may call: ngx_http_elohim_cache.h.

   (I1) The index changes under the zone's mutex with the dirty mark set. Whoever finds
   the mark makes the index anew: empty, and the directory is read again.
   (I2) A file that the index gives up stands in the ring `gone` before the mutex is
   released, and is taken from it after it was unlinked: whoever dies between leaves
   nothing. A ring that runs over has the directory read again.
   (I3) Room is reserved before a file is made, and files that went for it are unlinked
   before that, oldest first and so many at a time: after a purge of thousands no
   request waits for all of them. While the directory is being read, what isn't read
   yet counts.
   (I4) A piece is good while the counters of purges that it was entered with are as
   they were: purged[] of its blob, and era[] of its class. A purge is a count; what
   it has made stale is unlinked by the sweeper. What a start reads counts as entered
   at zero, and DIR/owner says up to which purge that is so: no purge stands there
   while a file that it has made stale is being filled, or stays. What is being filled
   is dropped by its writer, what nobody writes any more by the sweeper.
   (I5) File numbers are never used again: whoever unlinks one twice hurts nobody. */
#ifndef NGX_HTTP_ELOHIM_DISK_H
#define NGX_HTTP_ELOHIM_DISK_H

#include "ngx_http_elohim_module.h"
#include "ngx_http_elohim_disk_index.h"

/* The directive; the process's own. */
struct ngx_http_elohim_disk_s {
    ngx_path_t *path;
    off_t complete;
    off_t chunk;
    time_t inactive;
    off_t min_free;
    ngx_shm_zone_t *zone;
    ngx_http_elohim_main_conf_t *emcf;
    ngx_fd_t fd; /* of DIR/owner; the master's lock */
    ngx_log_t *log;
    elo_tier_conf_t conf[NGX_HTTP_ELOHIM_DISK_TIERS];
    size_t at[NGX_HTTP_ELOHIM_DISK_TIERS]; /* of the tiers in the zone */
    size_t recs_at;
    size_t bytes;
    uint32_t n_recs;
#if (NGX_THREADS)
    ngx_thread_pool_t *threads;
#endif

    /* worker */
    ngx_event_t timer;
    ngx_queue_t checks;
    ngx_msec_t free_at; /* when free_bytes was looked up */
    off_t free_bytes;
    ngx_msec_t look_at; /* for the owner's record */
    ngx_msec_t bad_at;  /* a file was dropped */
    ngx_msec_t map_at;  /* a page was tried for that isn't mapped */
    void *scan;
    unsigned syncing:1;
};
typedef struct ngx_http_elohim_disk_s ngx_http_elohim_disk_t;

static ngx_inline ngx_http_elohim_index_t *
ngx_http_elohim_disk_index(ngx_http_elohim_disk_t *d)
{
    return d->zone->data;
}


static ngx_inline elo_tier_t *
ngx_http_elohim_disk_tier(ngx_http_elohim_disk_t *d, ngx_uint_t i)
{
    return (elo_tier_t *) ((u_char *) d->zone->data + d->at[i]);
}


static ngx_inline ngx_http_elohim_rec_t *
ngx_http_elohim_disk_rec(ngx_http_elohim_disk_t *d, uint64_t aux)
{
    return aux == 0 || aux > d->n_recs
           ? NULL
           : (ngx_http_elohim_rec_t *) ((u_char *) d->zone->data + d->recs_at)
             + (aux - 1);
}


/* disk_zone: the worker's, or NULL: no elohim_cache_path. */
extern ngx_http_elohim_disk_t *ngx_http_elohim_disk;

void ngx_http_elohim_disk_layout(ngx_http_elohim_disk_t *d);
ngx_int_t ngx_http_elohim_disk_init_zone(ngx_shm_zone_t *zone, void *data);
ngx_http_elohim_index_t *ngx_http_elohim_disk_lock(ngx_http_elohim_disk_t *d);
void ngx_http_elohim_disk_unlock(ngx_http_elohim_disk_t *d);
/* Under the lock. fresh: all of the index is empty. */
void ngx_http_elohim_disk_fresh(ngx_http_elohim_disk_t *d);
void ngx_http_elohim_disk_give_up(ngx_http_elohim_index_t *x, uint64_t file);
elo_tier_gone_t *ngx_http_elohim_disk_gone(ngx_http_elohim_disk_t *d);
/* Its record from the item's aux on; 0: there are none left. */
uint64_t ngx_http_elohim_disk_new_rec(ngx_http_elohim_disk_t *d);
void ngx_http_elohim_disk_free_rec(ngx_http_elohim_disk_t *d, uint64_t aux);
/* Without it. Unlinks up to n files of the ring. */
void ngx_http_elohim_disk_unlink(ngx_http_elohim_disk_t *d, ngx_uint_t n);

void ngx_http_elohim_disk_key(ngx_http_elohim_disk_t *d,
    const ngx_http_elohim_piece_t *piece, elo_cache_key_t *key);
uint32_t ngx_http_elohim_disk_slot(ngx_http_elohim_disk_t *d,
    const elo_digest_t *digest);
ngx_uint_t ngx_http_elohim_disk_tier_of(const ngx_http_elohim_piece_t *piece);
ngx_uint_t ngx_http_elohim_disk_is_good(ngx_http_elohim_disk_t *d,
    const ngx_http_elohim_rec_t *rec);
uint32_t ngx_http_elohim_disk_now(void);
void ngx_http_elohim_disk_name(ngx_http_elohim_disk_t *d, uint64_t file,
    ngx_http_elohim_place_t *place);

/* disk_owner. NGX_OK: the directory is ours; NGX_DECLINED. */
ngx_int_t ngx_http_elohim_disk_open_owner(ngx_cycle_t *cycle,
    ngx_http_elohim_disk_t *d);
ngx_int_t ngx_http_elohim_disk_take(ngx_http_elohim_disk_t *d);
void ngx_http_elohim_disk_look(ngx_http_elohim_disk_t *d);
void ngx_http_elohim_disk_purge(ngx_http_elohim_disk_t *d);
void ngx_http_elohim_disk_keep(ngx_http_elohim_disk_t *d,
    const elo_piece_owner_t *o);
void ngx_http_elohim_disk_keep_empty(ngx_http_elohim_disk_t *d);

/* disk_file. The disk failed, with this errno; what: of the log line. */
void ngx_http_elohim_disk_failed(ngx_http_elohim_disk_t *d, ngx_err_t err,
    const char *what);

/* disk_fill. Under the lock: what this writer fills, or NULL: it was replaced, or all
   has begun anew; what has that number. */
ngx_http_elohim_filling_t *ngx_http_elohim_disk_filling(
    ngx_http_elohim_index_t *x, const ngx_http_elohim_writer_t *w);
ngx_http_elohim_filling_t *ngx_http_elohim_disk_by_file(
    ngx_http_elohim_index_t *x, uint64_t file);
/* What it fills has been purged since it began. [any] */
ngx_uint_t ngx_http_elohim_disk_is_stale(const ngx_http_elohim_index_t *x,
    const ngx_http_elohim_filling_t *f);
ngx_uint_t ngx_http_elohim_disk_is_filled(ngx_http_elohim_index_t *x,
    const elo_cache_key_t *key, const ngx_http_elohim_filling_t *f);
ngx_uint_t ngx_http_elohim_disk_has_stale(ngx_http_elohim_index_t *x);
void ngx_http_elohim_disk_enter(ngx_http_elohim_disk_t *d,
    ngx_http_elohim_filling_t *f, const ngx_http_elohim_writer_t *w);
ngx_int_t ngx_http_elohim_disk_leave(ngx_http_elohim_disk_t *d,
    ngx_http_elohim_filling_t *f);
void ngx_http_elohim_disk_drop(ngx_http_elohim_disk_t *d,
    ngx_http_elohim_filling_t *f);
void ngx_http_elohim_disk_forget(ngx_http_elohim_disk_t *d,
    ngx_http_elohim_filling_t *f);
/* Without it: gives w a number, and room if it is to be kept; NGX_DECLINED: too many
   are filled. */
ngx_int_t ngx_http_elohim_disk_enlist(ngx_http_elohim_disk_t *d,
    ngx_http_elohim_writer_t *w);
void ngx_http_elohim_disk_orphans(ngx_http_elohim_disk_t *d);

/* disk_scan: a step of reading the directory, if it is this worker's. */
void ngx_http_elohim_disk_scan(ngx_http_elohim_disk_t *d);

/* disk_sweep */
void ngx_http_elohim_disk_start(ngx_http_elohim_disk_t *d, ngx_cycle_t *cycle);

/* disk_verify */
void ngx_http_elohim_disk_is_checked(ngx_http_elohim_disk_t *d,
    const ngx_http_elohim_piece_t *piece, uint64_t file);

#endif
