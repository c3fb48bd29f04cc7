/* SPDX-License-Identifier: BSD-2-Clause */
/* origins: how the URLs that blobs are fetched from have done. One that fails is left
   alone, twice as long after each failure; one that gave wrong bytes for the longest
   time at once. Kept in the store (backend/store/origin.h). Any thread, but for
   what is marked. */
#ifndef ELO_FALLBACK_ORIGINS_H
#define ELO_FALLBACK_ORIGINS_H

#include "backend/fetch/fetch.h"
#include "backend/store/origin.h"

/* URLs that are known at a time; of more, the one that was tried longest ago is
   forgotten. */
#define ELO_ORIGINS_MAX 8192u

typedef struct elo_origins_s elo_origins_t;

typedef struct {
    elo_store_t *store; /* borrowed */
    uint32_t retry_s;   /* after a first failure */
    uint32_t retry_max_s;
} elo_origins_cfg_t;

elo_err_t elo_origins_create(const elo_origins_cfg_t *cfg,
                             elo_origins_t **out) ELO_MUST_USE;
void elo_origins_free(elo_origins_t **s);

/* When may it be tried? 0: at any time. Unix seconds. */
int64_t elo_origins_next(elo_origins_t *s, const char *url);

/* Did it fail when it was last tried? What never was lives. */
bool elo_origins_is_dead(elo_origins_t *s, const char *url);

/* When it was last tried; 0: never. */
int64_t elo_origins_tried(elo_origins_t *s, const char *url);

/* [work] What became of a try; is_wrong: its bytes have another hash. A failure, and
   the end of failures, is kept in the store, and logged. */
void elo_origins_note(elo_origins_t *s, const char *url,
                      const elo_fetch_result_t *res, bool is_wrong,
                      int64_t now);

/* All of them, in no order, until fn answers false. What fn gets ends with the call;
   it doesn't call back. */
void elo_origins_each(elo_origins_t *s, elo_origin_each_fn fn, void *ctx);

/* URL without what may be a secret in it (its query), for logs; at most cap - 1
   bytes and a NUL. */
void elo_origins_show(const char *url, char *out, size_t cap);

#endif
