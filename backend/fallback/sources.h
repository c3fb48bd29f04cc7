/* SPDX-License-Identifier: BSD-2-Clause */
/* sources: how the URLs that blobs are fetched from have done. One that fails is left
   alone, twice as long after each failure; one that gave wrong bytes for the longest
   time at once. Kept in the store (backend/store/source.h). Any thread, but for
   what is marked. */
#ifndef ELO_FALLBACK_SOURCES_H
#define ELO_FALLBACK_SOURCES_H

#include "backend/fetch/fetch.h"
#include "backend/store/source.h"

/* URLs that are known at a time; of more, the one that was tried longest ago is
   forgotten. */
#define ELO_SOURCES_MAX 8192u

typedef struct elo_sources_s elo_sources_t;

typedef struct {
    elo_store_t *store; /* borrowed */
    uint32_t retry_s;   /* after a first failure */
    uint32_t retry_max_s;
} elo_sources_cfg_t;

elo_err_t elo_sources_create(const elo_sources_cfg_t *cfg,
                             elo_sources_t **out) ELO_MUST_USE;
void elo_sources_free(elo_sources_t **s);

/* When may it be tried? 0: at any time. Unix seconds. */
int64_t elo_sources_next(elo_sources_t *s, const char *url);

/* Did it fail when it was last tried? What never was lives. */
bool elo_sources_is_dead(elo_sources_t *s, const char *url);

/* When it was last tried; 0: never. */
int64_t elo_sources_tried(elo_sources_t *s, const char *url);

/* [work] What became of a try; is_wrong: its bytes have another hash. A failure, and
   the end of failures, is kept in the store, and logged. */
void elo_sources_note(elo_sources_t *s, const char *url,
                      const elo_fetch_result_t *res, bool is_wrong,
                      int64_t now);

/* All of them, in no order, until fn answers false. What fn gets ends with the call;
   it doesn't call back. */
void elo_sources_each(elo_sources_t *s, elo_source_each_fn fn, void *ctx);

/* URL without what may be a secret in it (its query), for logs; at most cap - 1
   bytes and a NUL. */
void elo_sources_show(const char *url, char *out, size_t cap);

#endif
