/* SPDX-License-Identifier: BSD-2-Clause */
/* ngx_http_elohim_fill: what the files of the fills have among themselves: the table
   that all workers share (fills), how they wake one another (wake), who follows in
   this worker (fill), and the connections that bytes come by (feed).

   A slot of the table:

              claim                            end
     FREE ------------> FILLING ------------------------> ENDED ------> FREE
      id 0               id, status 0  ^   |              status         claim, when
                                       |   | take: its     200, 4xx, 5xx  its time is
                                       +---+ owner is                     over
                                             dead, or stalls

   FREE     id is 0; in the list of free slots.
   FILLING  one owner: a process slot of nginx, by pid and start. Only he writes,
            have grows, and bytes below it are verified and in the file.
   ENDED    status says how. It is kept for a moment, so that all who wait hear of
            it, and so that what failed isn't asked for by each of them again.

   (F1) id, owner, lists and chains change under the lock, with the dirty mark set. Who
   finds the mark begins with an empty table: owners and those who wait see that
   the id is another, and start over.
   (F2) have, file, status and progress are written by the owner alone, who makes sure
   under the lock that he is it: who was stopped for long, and taken for dead, finds id
   or turn changed, and lets go; the slot may be another piece's by then. What he
   may have written into the file meanwhile are the same bytes at the same place. They
   are read without a lock.
   (F3) Nobody sleeps through a change: who waits sets his bit before he looks; who
   changes something does so before he takes the bits. */
#ifndef NGX_HTTP_ELOHIM_FILL_H
#define NGX_HTTP_ELOHIM_FILL_H

#include "ngx_http_elohim_module.h"
#include "ngx_http_elohim_cache.h"

#define NGX_HTTP_ELOHIM_FILLS      1024 /* slots, of all workers */
#define NGX_HTTP_ELOHIM_WAIT_WORDS (NGX_MAX_PROCESSES / 64)
#define NGX_HTTP_ELOHIM_WAKES      32   /* eventfds that process slots share */
/* ms that a fill that ended well is known, and what isn't kept of it is there: for who
   is about to read what was fetched ahead for him */
#define NGX_HTTP_ELOHIM_FILL_LINGER 10000
#define NGX_HTTP_ELOHIM_NO_SLOT    NGX_MAX_UINT32_VALUE

/* status of a fill, beside those of HTTP */
#define NGX_HTTP_ELOHIM_FILL_LOST 1 /* look again whether it is there */

typedef struct {
    ngx_atomic_t id;
    ngx_atomic_t turn;     /* owners so far */
    ngx_atomic_t pid;      /* of the owner; 0: he is known to be dead */
    ngx_atomic_t have;
    ngx_atomic_t file;     /* 0: not yet */
    ngx_atomic_t status;
    ngx_atomic_t progress; /* ngx_current_msec of the last of it */
    ngx_atomic_t retry_after;
    ngx_atomic_t waiters[NGX_HTTP_ELOHIM_WAIT_WORDS]; /* by process slot */

    /* under the lock */
    ngx_http_elohim_piece_t piece;
    ngx_uint_t owner; /* process slot */
    uint64_t start;
    ngx_msec_t ended;
    uint32_t next; /* of the same bucket */
    uint32_t link; /* of the free ones, or of those that ended, oldest first */
} ngx_http_elohim_fill_t;

/* A fill of this worker's. */
typedef struct {
    ngx_http_elohim_fill_t *fill;
    uint64_t id;
    uint64_t turn;
} ngx_http_elohim_claim_t;

/* fills: the table. NGX_OK: it is this worker's. NGX_AGAIN: another's, or it has
   ended (status). NGX_DECLINED: there are `most` already, or no slot. `again`: it
   had ended well, and isn't there any more. */
ngx_int_t ngx_http_elohim_fills_claim(const ngx_http_elohim_piece_t *piece,
    ngx_uint_t most, ngx_uint_t again, ngx_http_elohim_claim_t *claim);
/* A slot whose owner is gone, and that nobody has found since: free. */
void ngx_http_elohim_fills_sweep(ngx_msec_t timeout);
/* Is its owner gone, or has he done nothing for so long? */
ngx_uint_t ngx_http_elohim_fills_is_orphan(const ngx_http_elohim_fill_t *fill,
    ngx_msec_t timeout);
/* NGX_OK: claim->fill is this worker's from now on. NGX_DECLINED: somebody else's. */
ngx_int_t ngx_http_elohim_fills_take(ngx_http_elohim_claim_t *claim,
    ngx_msec_t timeout);
/* Still? */
ngx_uint_t ngx_http_elohim_fills_is_mine(const ngx_http_elohim_claim_t *claim);
void ngx_http_elohim_fills_file(const ngx_http_elohim_claim_t *claim,
    uint64_t file);
/* have, and that the owner lives; wakes those who wait when it grew. */
void ngx_http_elohim_fills_publish(const ngx_http_elohim_claim_t *claim,
    uint32_t have);
/* status LOST: nothing of it is kept. */
void ngx_http_elohim_fills_end(const ngx_http_elohim_claim_t *claim,
    ngx_uint_t status, time_t retry_after);
/* How many are under way, in all workers. */
ngx_uint_t ngx_http_elohim_fills_active(void);
void ngx_http_elohim_fills_wait(ngx_http_elohim_fill_t *fill);
ngx_http_elohim_fill_t *ngx_http_elohim_fills_slot(ngx_uint_t i);
ngx_uint_t ngx_http_elohim_fills_index(const ngx_http_elohim_fill_t *fill);
/* What this worker does first: those whom it replaces have left things. */
void ngx_http_elohim_fills_enter(ngx_shm_zone_t *zone);

/* wake */
void ngx_http_elohim_wake_open(int *fds, ngx_log_t *log);
ngx_int_t ngx_http_elohim_wake_listen(ngx_cycle_t *cycle, const int *fds,
    void (*handler)(void));
/* words: process slots, a bit each */
void ngx_http_elohim_wake(const int *fds, const uint64_t *words);

const int *ngx_http_elohim_fills_wakes(void);

/* fill: what this worker's requests wait for is looked at soon. */
void ngx_http_elohim_fill_look(void);

/* feed: fetches from have on; ends the fill in any case. NGX_DECLINED, and nothing
   was begun: no disk, no memory. */
ngx_int_t ngx_http_elohim_feed(const ngx_http_elohim_claim_t *claim,
    ngx_http_elohim_backend_t *backend, const ngx_str_t *question,
    ngx_msec_t timeout);
ngx_uint_t ngx_http_elohim_feeds(void);
/* Ends those of this worker whose bytes were purged: who follows looks anew. */
void ngx_http_elohim_feeds_check(void);

/* feed_link: a kept connection, or NULL; it isn't needed any more. */
ngx_connection_t *ngx_http_elohim_feed_take(ngx_http_elohim_backend_t *b);
void ngx_http_elohim_feed_give(ngx_http_elohim_backend_t *b,
    ngx_connection_t *c);

#endif
