/* SPDX-License-Identifier: BSD-2-Clause */
/* use: on which day what is stored was last asked for. Noted in memory, in a table
   of fixed size where a newer one takes the place of an older; written to the store
   (table USE) from time to time. Coarse, and cheap: one row a blob and day. */
#ifndef ELO_CARE_USE_H
#define ELO_CARE_USE_H

#include "backend/store/store.h"

typedef struct elo_care_use_s elo_care_use_t;

elo_err_t elo_care_use_create(elo_care_use_t **out) ELO_MUST_USE;
void elo_care_use_free(elo_care_use_t **u);

/* [any] */
void elo_care_use_touch(elo_care_use_t *u, const elo_digest_t *stored);

/* [work] Writes what was noted since the last time. */
elo_err_t elo_care_use_save(elo_care_use_t *u, elo_store_t *s) ELO_MUST_USE;

/* Day (since 1970) of the last use of which a row tells; 0: none. */
elo_err_t elo_care_use_day(elo_kv_view_t *v, const elo_digest_t *stored,
                           uint32_t *day) ELO_MUST_USE;

#endif
