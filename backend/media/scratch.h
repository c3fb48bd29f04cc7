/* SPDX-License-Identifier: BSD-2-Clause */
/* scratch: bump allocation in the indexer's one piece of memory. Nothing is
   ever given back but the unused end of the latest piece. */
#ifndef ELO_MEDIA_SCRATCH_H
#define ELO_MEDIA_SCRATCH_H

#include <stddef.h>
#include <stdint.h>

#include "common/base/num.h"

#define ELO_SCRATCH_ALIGN 16

typedef struct {
    uint8_t *p; /* the caller's */
    size_t len;
    size_t used;
} elo_scratch_t;


static inline elo_scratch_t
elo_scratch(void *mem, size_t len)
{
    size_t skew = (size_t) (-(uintptr_t) mem & (ELO_SCRATCH_ALIGN - 1));

    if (mem == NULL || len < skew) {
        return (elo_scratch_t){ 0 };
    }
    return (elo_scratch_t){ (uint8_t *) mem + skew, len - skew, 0 };
}


/* n elements of size bytes, uninitialised; NULL when there is no room. Lives
   as long as the scratch memory. */
static inline void *
elo_scratch_alloc(elo_scratch_t *s, uint64_t n, uint64_t size)
{
    uint64_t len;
    void *p;

    if (!elo_mul_u64(n, size, &len)
        || !elo_add_u64(len, ELO_SCRATCH_ALIGN - 1, &len))
    {
        return NULL;
    }
    len &= ~(uint64_t) (ELO_SCRATCH_ALIGN - 1);
    if (len > s->len - s->used) {
        return NULL;
    }
    p = s->p + s->used;
    s->used += (size_t) len;
    return p;
}


/* Bytes that the next piece may have. */
static inline size_t
elo_scratch_room(const elo_scratch_t *s)
{
    return (s->len - s->used) & ~(size_t) (ELO_SCRATCH_ALIGN - 1);
}

#endif
