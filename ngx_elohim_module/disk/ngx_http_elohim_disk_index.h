/* SPDX-License-Identifier: BSD-2-Clause */
/* ngx_http_elohim_disk_index: the layout of the disk's index in shared memory: this
   head, two tiers, the records of their entries. Invariants: ngx_http_elohim_disk.h. */
#ifndef NGX_HTTP_ELOHIM_DISK_INDEX_H
#define NGX_HTTP_ELOHIM_DISK_INDEX_H

#include "ngx_http_elohim_cache.h"

#include "common/base/keys.h"
#include "common/cache/piece_file.h"

#define NGX_HTTP_ELOHIM_DISK_WRITERS 1024 /* files that are being filled */
#define NGX_HTTP_ELOHIM_DISK_GONE    8192 /* files that are to be unlinked */
/* counters of purges, which blobs share: one who may purge 2,500 a second, of what he
   names himself, is to take little of others' along */
#define NGX_HTTP_ELOHIM_DISK_SLOTS   65536
#define NGX_HTTP_ELOHIM_DISK_TIERS   2

/* What is known of an entry's file. Chosen by the item's aux, which is its number
   plus one. */
typedef struct {
    elo_digest_t digest;
    uint64_t size;
    uint64_t file;
    uint64_t uniq;
    int64_t mtime;
    uint32_t index;
    uint32_t len;
    uint32_t purged;
    uint32_t era;
    uint32_t used;    /* seconds; [any] */
    uint32_t checked; /* its bytes are what they were; [any] */
    uint32_t next;    /* free ones */
    uint32_t klass;
} ngx_http_elohim_rec_t;

/* A file that is being filled. */
typedef struct {
    uint64_t file; /* 0: free */
    uint64_t token;
    uint64_t uniq;
    elo_cache_key_t key;
    ngx_pid_t pid; /* 0: nobody's */
    uint32_t touched;
    uint32_t entry; /* slot of the tier */
    uint32_t purged;
    uint32_t era;
    uint32_t len;
    uint32_t counter; /* of purges of its blob */
    uint8_t klass;
    uint8_t tier;
    uint8_t has_entry; /* else it isn't kept */
    uint8_t is_whole;  /* it isn't kept, but followers may still open it */
} ngx_http_elohim_filling_t;

typedef struct {
    ngx_atomic_t dirty;
    ngx_atomic_t held; /* the lock is ours, and the index is the directory's */
    ngx_atomic_t told_foreign;
    ngx_atomic_t told_down;
    ngx_atomic_t down_until; /* ms: the disk takes nothing before that */
    ngx_atomic_t next_try;   /* ms: of the lock */
    ngx_atomic_t turn;       /* ms: of the last one's */

    uint64_t id;
    uint64_t next_file;
    uint64_t next_token;
    uint8_t secret[2][ELO_SHORTHASH_KEY_LEN];
    uint32_t era[ELO_CACHE_CLASSES];
    uint32_t purged[NGX_HTTP_ELOHIM_DISK_SLOTS];
    elo_piece_owner_t stores; /* [any]: by 64 bits */
    uint32_t purges;          /* how often any was applied */

    /* reading the directory */
    uint32_t scan;       /* it is to be read, or is being read */
    ngx_pid_t scanner;   /* 0: nobody */
    uint32_t scan_beat;  /* ms */
    uint32_t is_counted; /* unread is known */
    uint64_t unread;     /* bytes of files that aren't entered yet */

    /* walking the index */
    uint32_t walk_tier;
    uint32_t walk_cursor;
    uint32_t walk_ms; /* when it began, or is to begin */
    uint32_t walk_on;
    uint32_t walk_purges;
    uint32_t walk_whole;
    elo_piece_owner_t walk_stores;
    elo_piece_owner_t kept; /* as DIR/owner has it */

    uint64_t gone[NGX_HTTP_ELOHIM_DISK_GONE];
    uint64_t gone_head;
    uint64_t gone_tail;

    ngx_http_elohim_filling_t filling[NGX_HTTP_ELOHIM_DISK_WRITERS];
    uint32_t n_filling;
    uint32_t free_rec;
    uint32_t n_recs;
} ngx_http_elohim_index_t;

#endif
