/* SPDX-License-Identifier: BSD-2-Clause */
/* ngx_http_elohim_cache: the edge cache as the other files of the module use it: what
   is kept in shared memory, what lies on disk, and the fills between. Policy:
   common/cache/tier.h. */
#ifndef NGX_HTTP_ELOHIM_CACHE_H
#define NGX_HTTP_ELOHIM_CACHE_H

#include "ngx_http_elohim_daemon.h"

#include "common/base/crypto.h"
#include "common/cache/blocks.h"
#include "common/cache/tier.h"

typedef enum {
    NGX_HTTP_ELOHIM_METADATA = 0, /* shared memory: answers of the daemon */
    NGX_HTTP_ELOHIM_COMPLETE,     /* shared memory: small whole bodies */
    NGX_HTTP_ELOHIM_WHOLE,        /* disk: blobs of one chunk */
    NGX_HTTP_ELOHIM_CHUNK,        /* disk: chunks of larger blobs */
    NGX_HTTP_ELOHIM_TIERS
} ngx_http_elohim_tier_e;

/* A piece: the chunk `index` of a blob that the daemon doesn't keep; the only one of
   a blob up to 1 MiB. */
typedef struct {
    elo_digest_t digest; /* of the blob */
    uint64_t size;       /* of the blob */
    uint32_t index;
    uint32_t len; /* of the chunk */
    elo_cache_class_t klass;
} ngx_http_elohim_piece_t;

/* Where a piece lies: a file of the cache, whose first bytes are the piece's. */
typedef struct {
    u_char path[NGX_MAX_PATH]; /* NUL-terminated */
    size_t path_len;
    uint64_t file;   /* its number; never used again */
    off_t file_size; /* identity: as the file must be found */
    time_t mtime;
    ngx_file_uniq_t uniq;

    /* private: by disk_find, for disk_count */
    elo_cache_key_t key;
    elo_tier_item_t item;
} ngx_http_elohim_place_t;

/* ---- disk: files of pieces ---- */

/* NGX_OK; NGX_DECLINED: it isn't there; NGX_AGAIN: it is, but its bytes must be
   checked before they are used (ngx_http_elohim_disk_verify with this place): the
   first time after a start, or each time (elohim_verify). Counts nothing. */
ngx_int_t ngx_http_elohim_disk_find(const ngx_http_elohim_piece_t *piece,
    ngx_http_elohim_place_t *place);

/* A piece whose bytes are being checked; part of its owner's memory. */
typedef struct ngx_http_elohim_verify_s ngx_http_elohim_verify_t;
struct ngx_http_elohim_verify_s {
    ngx_queue_t queue;
    void (*handler)(ngx_http_elohim_verify_t *v); /* rc is there */
    void *data;
    ngx_http_elohim_piece_t piece; /* as found */
    ngx_http_elohim_place_t place;
    ngx_int_t rc; /* NGX_OK: use the place, without another find; NGX_DECLINED:
                     the piece is gone */
};

/* On a thread, where nginx has any. NGX_AGAIN: v->handler is called, unless its
   owner leaves first. Else what rc would be. */
ngx_int_t ngx_http_elohim_disk_verify(ngx_http_elohim_verify_t *v);
void ngx_http_elohim_disk_verify_leave(ngx_http_elohim_verify_t *v);

/* For the policy: a client wanted it, and it was found there; NULL: it wasn't. */
void ngx_http_elohim_disk_count(const ngx_http_elohim_piece_t *piece,
    const ngx_http_elohim_place_t *place);
/* The file isn't what its place says: out of the index, and unlinked. */
void ngx_http_elohim_disk_bad(const ngx_http_elohim_piece_t *piece,
    const ngx_http_elohim_place_t *place);

/* A file that is being filled. Its place is known from the start: others read what
   has been written so far. One that isn't worth its room by the policy (transient)
   is unlinked some seconds after it is closed; those who have it open keep it. */
typedef struct {
    ngx_http_elohim_piece_t piece;
    ngx_http_elohim_place_t place;
    ngx_fd_t fd;
    uint32_t have;
    unsigned is_transient:1; /* it isn't worth its room: nothing is kept of it */

    /* private */
    elo_sha256_t *sha256;
    uint64_t token;
    uint32_t slot;
} ngx_http_elohim_writer_t;

/* NGX_OK; NGX_DECLINED: the disk is full, read-only or not ours: the bytes have to go
   without it. file not 0: goes on at `at` with that file, of one who died; then
   NGX_DECLINED when it can't be gone on with: begin anew. */
ngx_int_t ngx_http_elohim_disk_open(const ngx_http_elohim_piece_t *piece,
    uint64_t file, uint32_t at, ngx_http_elohim_writer_t *w);
/* NGX_DECLINED: the disk has become full …, or it is more than the piece has. */
ngx_int_t ngx_http_elohim_disk_write(ngx_http_elohim_writer_t *w,
    const u_char *p, size_t len);
/* All of it is there: header, index. NGX_OK also for one that isn't kept. w->place is
   what to find it by from now on. NGX_DECLINED: as disk_write, or these aren't the
   bytes of the blob. disk_close follows in any case. */
ngx_int_t ngx_http_elohim_disk_commit(ngx_http_elohim_writer_t *w);
/* What it writes was purged since it began, or isn't in the index any more: nobody is
   to be sent it. Looked at each 100 ms. */
ngx_uint_t ngx_http_elohim_disk_is_lost(const ngx_http_elohim_writer_t *w);
/* keep: somebody else goes on with the file. */
void ngx_http_elohim_disk_close(ngx_http_elohim_writer_t *w, ngx_uint_t keep);
/* The place of a file that is being filled; its mtime isn't known (0). */
void ngx_http_elohim_disk_place(uint64_t file, ngx_http_elohim_place_t *place);

/* ---- fills ---- */

/* A request that follows a fill; part of its owner's memory. question, and what it
   points at, stays as it is until it leaves. */
typedef struct ngx_http_elohim_follow_s ngx_http_elohim_follow_t;
struct ngx_http_elohim_follow_s {
    ngx_queue_t queue;
    void (*handler)(ngx_http_elohim_follow_t *f); /* there is more, or an end */
    void *data;
    ngx_http_elohim_piece_t piece;
    ngx_http_elohim_backend_t *backend;
    ngx_str_t question; /* path at the daemon */
    ngx_http_elohim_place_t place; /* of the file that grows; file 0: not yet */
    uint32_t have;     /* bytes that are there and verified */
    ngx_uint_t status; /* 0: goes on; 200: complete; 1: look anew whether it is
                          there, and follow again; else the end: 404; 503: not
                          now; 502, 504: nobody could get it; 507: the disk took
                          no more */
    time_t retry_after;
    ngx_uint_t slot;   /* private, as is the rest */
    uint64_t id;
    unsigned is_in:1;
    unsigned is_first:1; /* for it the fill was begun */
};

/* Follows the fill of f->piece, which begins unless it is under way in any worker.
   NGX_AGAIN: f->handler is called, never from within; NGX_OK: it has ended well a
   moment ago, see disk_find, else f->place, where it may still be; NGX_ERROR: it has
   failed a moment ago, f->status; NGX_DECLINED: too many are under way, or no disk:
   pass the request on. again: it was NGX_OK, and is in neither place. Who heard an
   end has left already. */
ngx_int_t ngx_http_elohim_fill_follow(ngx_http_elohim_follow_t *f,
    ngx_uint_t again);
void ngx_http_elohim_fill_leave(ngx_http_elohim_follow_t *f);
/* A fill that nobody waits for: of read-ahead and warming, which leaves connections
   for others. NGX_OK: it is under way, or has ended; NGX_DECLINED. */
ngx_int_t ngx_http_elohim_fill_start(const ngx_http_elohim_piece_t *piece,
    ngx_http_elohim_backend_t *backend, const ngx_str_t *question);

#endif
