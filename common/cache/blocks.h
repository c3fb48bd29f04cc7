/* SPDX-License-Identifier: BSD-2-Clause */
/* blocks: memory for objects of a cache, in blocks of one size that are linked by
   number: nothing fragments, so that what fits by its size fits. In memory of the
   caller that processes may share; numbers, no pointers.

   Alloc and free are made under the caller's mutex. Reading takes none: whoever
   reads what is being freed gets bytes that mean nothing, and learns so from the
   tier's sequence number afterwards; it never leaves the memory. */
#ifndef ELO_CACHE_BLOCKS_H
#define ELO_CACHE_BLOCKS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define ELO_BLOCKS_NONE UINT32_MAX

typedef struct elo_blocks_s elo_blocks_t;

/* Bytes of n blocks of block_len (a power of two, 64 at least), bookkeeping
   included; a multiple of 64. */
size_t elo_blocks_bytes(uint32_t n, uint32_t block_len);
elo_blocks_t *elo_blocks_init(void *mem, uint32_t n, uint32_t block_len);

/* What an object of len bytes takes: the size that a tier is told. */
uint64_t elo_blocks_size(const elo_blocks_t *b, size_t len);
uint32_t elo_blocks_free_count(const elo_blocks_t *b);

/* Number of the first of enough blocks for len bytes, ELO_BLOCKS_NONE when there are
   not as many. */
uint32_t elo_blocks_alloc(elo_blocks_t *b, size_t len);
/* wipe: they are zeroed first. */
void elo_blocks_free(elo_blocks_t *b, uint32_t first, size_t len, bool wipe);

/* Copies between the caller's memory and [off, off + len) of the object. False: a link
   leads nowhere. read: [any] */
bool elo_blocks_write(elo_blocks_t *b, uint32_t first, size_t off,
                      const void *p, size_t len);
bool elo_blocks_read(const elo_blocks_t *b, uint32_t first, size_t off, void *p,
                     size_t len);

#endif
