/* SPDX-License-Identifier: BSD-2-Clause */
/* shelf: a tier (tier.h) together with the bytes of its objects (blocks.h), and with
   what each of them depends on: its stamp. Copies go in and come out. Pure, in memory
   of the caller that processes may share; position independent.

   As with a tier: [any] takes no lock and leaves nothing behind; all else is done
   under the caller's mutex.

   (I1) What goes is zeroed at once, whatever its class: it may go because it is
   narrower now.
   (I2) What elo_shelf_read has copied is the object that elo_shelf_find found, or it
   says no. */
#ifndef ELO_CACHE_SHELF_H
#define ELO_CACHE_SHELF_H

#include "common/base/slice.h"
#include "common/cache/blocks.h"
#include "common/cache/tier.h"

typedef struct elo_shelf_s elo_shelf_t;

typedef struct {
    elo_tier_conf_t tier; /* capacity: a multiple of block_len */
    uint32_t block_len;   /* a power of two, 64 at least */
} elo_shelf_conf_t;

/* Slots of the daemon's generation page that an object stands on (generation.h): that
   of what it is of, and, of what is an agent's, that of the agent. */
typedef struct {
    uint64_t store_id;
    uint64_t epoch;
    uint64_t generation;
    uint64_t agent_generation;
    uint32_t slot;
    uint32_t agent_slot; /* ELO_SHELF_NO_SLOT: it is nobody's in particular */
} elo_shelf_stamp_t;

#define ELO_SHELF_NO_SLOT UINT32_MAX

/* An object as it was found; its bytes are read by elo_shelf_read. */
typedef struct {
    elo_tier_item_t item;
    elo_shelf_stamp_t stamp;
    uint32_t len;
} elo_shelf_hit_t;

/* Of memory aligned to 64; a multiple of 64. */
size_t elo_shelf_bytes(const elo_shelf_conf_t *conf);
/* As elo_tier_init. ELO_ERANGE also: a capacity of no block, or of too many. */
elo_err_t elo_shelf_init(void *mem, const elo_shelf_conf_t *conf, uint64_t seed,
                         elo_shelf_t **out) ELO_MUST_USE;

/* Is it there, and not expired at now (seconds of the clock that put was given)? Nothing
   is counted. [any] */
bool elo_shelf_find(const elo_shelf_t *s, const elo_cache_key_t *key,
                    uint32_t now, elo_shelf_hit_t *out);
/* Copies [off, off + len) of it. False: it has gone meanwhile, or has no such bytes.
   [any] */
bool elo_shelf_read(const elo_shelf_t *s, const elo_shelf_hit_t *hit, size_t off,
                    void *p, size_t len);

/* As elo_tier_hit, elo_tier_miss. [any] */
void elo_shelf_count_hit(elo_shelf_t *s, const elo_cache_key_t *key,
                         const elo_shelf_hit_t *hit);
void elo_shelf_count_miss(elo_shelf_t *s, const elo_cache_key_t *key,
                          elo_cache_class_t klass);

/* Puts a copy of bytes there; what had the key is gone, also when this one isn't
   admitted (ELO_ENOSPC, ELO_ETOOBIG). expires: the first second that it isn't good in. */
elo_err_t elo_shelf_put(elo_shelf_t *s, const elo_cache_key_t *key,
                        elo_cache_class_t klass,
                        const elo_shelf_stamp_t *stamp, elo_slice_t bytes,
                        uint32_t expires) ELO_MUST_USE;
/* False: it wasn't there. */
bool elo_shelf_drop(elo_shelf_t *s, const elo_cache_key_t *key);

/* Is this object to go? */
typedef struct elo_shelf_judge_s elo_shelf_judge_t;
struct elo_shelf_judge_s {
    bool (*is_over)(elo_shelf_judge_t *self, const elo_shelf_stamp_t *stamp);
};

/* Looks at n entries at most from *cursor on (0 at first), and drops those that are
   expired at now or over by the judge. False: at the end; it begins anew. */
bool elo_shelf_sweep(elo_shelf_t *s, uint32_t *cursor, uint32_t n, uint32_t now,
                     elo_shelf_judge_t *judge);

/* [any] */
void elo_shelf_stat(const elo_shelf_t *s, elo_cache_class_t klass,
                    elo_tier_stat_t *out);
/* As elo_tier_check. */
bool elo_shelf_check(const elo_shelf_t *s);

#endif
