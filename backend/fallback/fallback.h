/* SPDX-License-Identifier: BSD-2-Clause */
/* fallback: bytes of blobs that live elsewhere, from the URLs that content nodes name,
   in their order. A node may name any hash and any URL: so what comes is checked
   before a byte of it goes on, by the chunk where the hash tree of these very bytes
   was computed here before, else as a whole; and it is the owner's of that node
   alone, just as if he had sent it (KEEP), or a temporary copy that only contents of
   his find (READ, copy.h).

   Threads of its own wait for the network. Loop thread, unless it says otherwise.

   With a root that is stated by whom the caller believes the hash tree is fetched in
   place of the whole, from a URL that is another node's, and then chunks as they are
   asked for.

     elo_fallback_open ──► a copy ──► elo_fallback_chunk for each that is needed
                      └──► it is held now: look it up again                      */
#ifndef ELO_FALLBACK_FALLBACK_H
#define ELO_FALLBACK_FALLBACK_H

#include "backend/fallback/copy.h"
#include "backend/fallback/report.h"
#include "backend/fallback/origins.h"
#include "backend/fallback/want.h"
#include "backend/os/loop.h"

typedef struct elo_fallback_s elo_fallback_t;

typedef enum {
    ELO_FALLBACK_READ, /* for as long as there is room among the copies */
    ELO_FALLBACK_KEEP  /* as blobs of the store */
} elo_fallback_mode_t;

typedef struct {
    elo_loop_t *loop; /* borrowed, as are the store and all texts */
    elo_store_t *store;
    elo_fallback_mode_t mode;
    elo_fetch_policy_t policy;
    const char *root; /* directory of the copies: the store's */
    uint64_t cache_bytes, min_free_bytes;
    uint32_t jobs;     /* threads: exchanges at a time */
    uint32_t per_host; /* of these, with one host */
    uint32_t retry_s, retry_max_s;
    uint32_t probe_s; /* between two looks at all URLs; 0: never */
} elo_fallback_cfg_t;

elo_err_t elo_fallback_create(const elo_fallback_cfg_t *cfg,
                              elo_fallback_t **out) ELO_MUST_USE;

/* Ends what runs: all who wait are told ELO_ECLOSED. The loop goes on until then. */
void elo_fallback_stop(elo_fallback_t *f);
/* After the loop has ended, and before the store closes; waits for the threads. */
void elo_fallback_free(elo_fallback_t **f);

/* Bytes of a chunk, shared by those who waited for it. */
typedef struct {
    uint32_t refs;
    size_t len;
    uint8_t p[];
} elo_fallback_chunk_t;
void elo_fallback_chunk_release(elo_fallback_chunk_t **c);

/* One who waits: a part of the caller's struct, his until done or forget. */
typedef struct elo_fallback_wait_s elo_fallback_wait_t;
struct elo_fallback_wait_s {
    void (*done)(elo_fallback_wait_t *w);
    /* results, with done: the caller's to release */
    elo_err_t err;
    elo_copy_t *copy; /* of open; NULL with ELO_OK: the store holds it now */
    elo_fallback_chunk_t *chunk; /* of chunk */
    /* private */
    void *_job;
    elo_fallback_wait_t *_next;
};

/* Can it be had at all? Not what is larger than all copies together, isn't kept, and
   has no root. */
bool elo_fallback_is_possible(const elo_fallback_t *f, const elo_want_t *want);

/* What there is of it, perhaps without a byte; NULL. Release it. */
elo_copy_t *elo_fallback_copy(elo_fallback_t *f, const elo_want_t *want);

/* Is that very blob being fetched for that owner? */
bool elo_fallback_is_under_way(const elo_fallback_t *f, const elo_want_t *want);

/* ELO_OK: w->copy is there. ELO_EAGAIN: w->done is called later, with ELO_OK,
   ELO_EUNAVAIL (no URL has it), ELO_ECLOSED, or what the store said. ELO_EUNAVAIL:
   no URL may be tried now. ELO_ETOOBIG: it isn't possible. ELO_EBUSY: too much is being fetched. Those who want the
   same share one fetch. */
elo_err_t elo_fallback_open(elo_fallback_t *f, const elo_want_t *want,
                            elo_fallback_wait_t *w) ELO_MUST_USE;

/* Chunk number of a copy, which the caller keeps: w->done is always called later.
   ELO_EBUSY. */
elo_err_t elo_fallback_chunk(elo_fallback_t *f, elo_copy_t *copy,
                             const elo_want_t *want, uint32_t number,
                             elo_fallback_wait_t *w) ELO_MUST_USE;

/* Waits no longer; what is fetched is fetched. Fine when nothing is waited for. */
void elo_fallback_forget(elo_fallback_wait_t *w);

/* Seconds until the first of its URLs may be tried; at least 1. */
uint32_t elo_fallback_retry_s(elo_fallback_t *f, const elo_want_t *want);

elo_fallback_mode_t elo_fallback_mode(const elo_fallback_t *f);
elo_origins_t *elo_fallback_origins(elo_fallback_t *f); /* [any] */
elo_report_t *elo_fallback_report(elo_fallback_t *f);   /* [any] */
elo_copies_t *elo_fallback_copies(elo_fallback_t *f);   /* [any] */

/* Looks at all URLs soon. False: it is at it. */
bool elo_fallback_probe(elo_fallback_t *f);

#endif
