/* SPDX-License-Identifier: BSD-2-Clause */
/* generation: which slot a key has, and whether a mapping is a page of ours.
   Mapping it is the caller's business. */
#include "common/cache/generation.h"

#define FNV_OFFSET UINT64_C(0xcbf29ce484222325)
#define FNV_PRIME  UINT64_C(0x100000001b3)


uint32_t
elo_gen_slot(elo_slice_t key)
{
    uint64_t h = FNV_OFFSET;

    for (size_t i = 0; i < key.len; i++) {
        h = (h ^ key.p[i]) * FNV_PRIME;
    }
    return (uint32_t) (h ^ h >> 32) % ELO_GEN_SLOTS;
}


bool
elo_gen_page_ok(const elo_gen_page_t *page, size_t len)
{
    return page != NULL && len >= sizeof(*page)
           && memcmp(page->magic, ELO_GEN_MAGIC, sizeof(page->magic)) == 0
           && page->slots == ELO_GEN_SLOTS;
}
