/* SPDX-License-Identifier: BSD-2-Clause */
/* purge: what edges are to forget, durably: the last ELO_PURGE_RING entries of the
   ring in the generation page (common/cache/generation.h), and their places. An
   entry is written in the operation that makes it necessary, and gets into the page
   when that is durable and its slots are bumped (S14). */
#ifndef ELO_STORE_PURGE_H
#define ELO_STORE_PURGE_H

#include "backend/store/store.h"

/* Slots of the generation page that are to be bumped. Zeroed at first. */
typedef struct {
    uint64_t set[ELO_GEN_SLOTS / 64];
} elo_slots_t;
void elo_slots_mark(elo_slots_t *m, elo_slice_t key);
void elo_slots_mark_all(elo_slots_t *m);

/* [work] Bumps those slots (NULL: none) and those of all digests, and appends the
   digests to the ring; or, with is_all, bumps every slot, and appends one entry that is
   for all. *seq (may be NULL): place of the last entry, be it an earlier one. More
   than ELO_PURGE_DIGESTS_MAX digests are ELO_ETOOBIG. */
typedef struct {
    const elo_slots_t *slots;
    const elo_digest_t *digests;
    uint32_t n_digests;
    bool is_all;
} elo_purge_set_t;
#define ELO_PURGE_DIGESTS_MAX (ELO_PURGE_RING / 2)
elo_err_t elo_store_purge(elo_store_t *s, const elo_purge_set_t *set,
                          uint64_t *seq) ELO_MUST_USE;

/* ---- rows of table PURGE; pure ---- */

#define ELO_PURGE_KEY      2u
#define ELO_PURGE_REC      42u
#define ELO_PURGE_HEAD_REC 9u

/* ELO_ECORRUPT for what is neither an entry nor the head. */
elo_err_t elo_purge_row_parse(elo_slice_t key, elo_slice_t row, bool *is_head,
                              uint64_t *seq, elo_purge_t *out) ELO_MUST_USE;

#endif
