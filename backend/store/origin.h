/* SPDX-License-Identifier: BSD-2-Clause */
/* origin: what is known of the URLs that blobs may be fetched from, so that one that
   failed is left alone for a while, also after a restart. Hints: without them
   everything is tried anew. */
#ifndef ELO_STORE_ORIGIN_H
#define ELO_STORE_ORIGIN_H

#include "backend/store/store.h"

#define ELO_ORIGIN_URL_MAX  2048u
#define ELO_ORIGIN_NOTE_MAX 127u

typedef struct {
    uint32_t failures; /* since it last gave what was asked for; 0: it lives */
    uint16_t status;   /* of its last answer; 0: there was none */
    bool is_bad;       /* it gave other bytes than the hash says */
    int64_t tried_at, good_at, next_at; /* Unix seconds; 0: never */
    elo_slice_t url, note;              /* at most as above */
} elo_origin_t;

/* [work] Keeps it durably. ELO_EINVAL: a text is too long. */
elo_err_t elo_store_origin_put(elo_store_t *s,
                               const elo_origin_t *src) ELO_MUST_USE;

/* [work] Fine when there is none. */
elo_err_t elo_store_origin_drop(elo_store_t *s, elo_slice_t url) ELO_MUST_USE;

/* [any] All, in no order that means anything; the slices end with the call. */
typedef bool (*elo_origin_each_fn)(void *ctx, const elo_origin_t *src);
elo_err_t elo_store_origin_each(elo_store_t *s, elo_origin_each_fn fn,
                                void *ctx) ELO_MUST_USE;

/* ---- the row, for fsck; pure; *out borrows from row ---- */

elo_err_t elo_origin_parse(elo_slice_t row, elo_origin_t *out) ELO_MUST_USE;

#endif
