/* SPDX-License-Identifier: BSD-2-Clause */
/* lookup: what was found out lately about small blobs in the clear, by their digest:
   where they are, and for whom. It stands in front of the store's tables as the
   Doorway's zone does: what was found out counts as long as the blob's slot of the
   generation page has the value that it had before (common/cache/generation.h,
   I1). Loop thread. */
#ifndef ELO_API_LOOKUP_H
#define ELO_API_LOOKUP_H

#include "backend/api/api_internal.h"

/* bytes 0: nothing is ever kept. Memory is touched as it is used. */
elo_err_t elo_lookup_create(uint64_t bytes, elo_gen_page_t *gen,
                            elo_lookup_t **out) ELO_MUST_USE;
void elo_lookup_free(elo_lookup_t **l);

/* False when nothing is known that still holds. now_ms: of the loop; is_touched is
   set in out when elo_lookup_touch was called within the last minutes. */
bool elo_lookup_get(elo_lookup_t *l, const elo_digest_t *d, uint64_t now_ms,
                    elo_target_t *out);

/* Its use has been noted; nothing when it isn't known here. */
void elo_lookup_touch(elo_lookup_t *l, const elo_digest_t *d, uint64_t now_ms);

/* The slot's value, before anything is looked up; then what was found, to be kept if
   it is of the kind that is. */
uint64_t elo_lookup_begin(const elo_lookup_t *l, const elo_digest_t *d);
void elo_lookup_put(elo_lookup_t *l, uint64_t generation,
                    const elo_target_t *t);

#endif
