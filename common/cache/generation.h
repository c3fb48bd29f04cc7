/* SPDX-License-Identifier: BSD-2-Clause */
/* generation: the table by which a cached answer of the daemon is revoked.

   The daemon keeps one small file, "generation", in the store's root and maps
   it; each nginx worker maps it read-only. A key (a content id or a blob
   digest) selects a slot; whatever changes what may be answered for the key
   bumps the slot, after it is committed. An answer carries the slot's value
   as it was before the daemon looked anything up. An answer whose value is
   not the slot's current one is stale, and leads to another question (I1).

   Revocation thus costs one load per use and takes effect at once, in every
   worker, with no stream that could be late. Two keys may share a slot: that
   costs a question, never a wrong answer. Transient: native byte order, made
   anew by each start of the daemon, never moved between machines.

   offset  size  field
        0     8  magic "ELOGEN1\0"
        8     4  slots (ELO_GEN_SLOTS)
       12     4  reserved, 0
       16     8  store id, random, made with the store
       24     8  epoch, changes with each start of the daemon
       32     8  heartbeat, CLOCK_MONOTONIC in ns, written every 100 ms;
                 0 when the daemon has ended in order
       64  8 each  the slots */
#ifndef ELO_CACHE_GENERATION_H
#define ELO_CACHE_GENERATION_H

#include <stddef.h>
#include <stdint.h>

#include "common/base/slice.h"

#define ELO_GEN_FILE    "generation"
#define ELO_GEN_MAGIC   "ELOGEN1"
#define ELO_GEN_SLOTS   8192u
#define ELO_GEN_BEAT_MS 100u

typedef struct {
    char magic[8];
    uint32_t slots;
    uint32_t reserved;
    uint64_t store_id;
    uint64_t epoch;
    uint64_t heartbeat_ns;
    uint64_t _pad[3];
    uint64_t slot[ELO_GEN_SLOTS];
} elo_gen_page_t;

_Static_assert(offsetof(elo_gen_page_t, slot) == 64, "table offset");

/* Slot of a content id (its bytes) or of a blob (its 32 digest bytes). The two
   kinds are told apart by length only: an id of 32 bytes may share a slot with
   a digest, which is harmless. FNV-1a, 64 bit, folded. */
uint32_t elo_gen_slot(elo_slice_t key);

/* True for a page of this layout; len is the length of the mapping. */
bool elo_gen_page_ok(const elo_gen_page_t *page, size_t len);

static inline uint64_t
elo_gen_load(const elo_gen_page_t *page, uint32_t slot)
{
    return __atomic_load_n(&page->slot[slot % ELO_GEN_SLOTS], __ATOMIC_ACQUIRE);
}


static inline void
elo_gen_bump(elo_gen_page_t *page, uint32_t slot)
{
    __atomic_fetch_add(&page->slot[slot % ELO_GEN_SLOTS], 1, __ATOMIC_RELEASE);
}

#endif
