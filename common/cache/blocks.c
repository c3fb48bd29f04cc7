/* SPDX-License-Identifier: BSD-2-Clause */
/* blocks: see the header. Layout: the header's line, the links (a number a block), then
   the blocks. A free block's link is the next free one. */
#include "common/cache/blocks.h"

#include <assert.h>
#include <string.h>

#include "common/base/num.h"

#define BLOCK_LEAST 64u

struct elo_blocks_s {
    uint32_t n;
    uint32_t block_len;
    uint32_t free_head;
    uint32_t n_free;
    uint64_t data; /* where the blocks lie, from here */
    uint32_t link[];
};

/* Where [off, off + len) of an object begins: its block, and the offset in it. */
typedef struct {
    uint32_t block;
    size_t off;
} place_t;


static size_t
data_at(uint32_t n)
{
    size_t len = sizeof(elo_blocks_t) + (size_t) n * sizeof(uint32_t);

    return (len + 63) / 64 * 64;
}


size_t
elo_blocks_bytes(uint32_t n, uint32_t block_len)
{
    return data_at(n) + (size_t) n * block_len;
}


elo_blocks_t *
elo_blocks_init(void *mem, uint32_t n, uint32_t block_len)
{
    elo_blocks_t *b = mem;

    assert(block_len >= BLOCK_LEAST && (block_len & (block_len - 1)) == 0);
    assert(n < ELO_BLOCKS_NONE);
    b->n = n;
    b->block_len = block_len;
    b->n_free = n;
    b->data = data_at(n);
    for (uint32_t i = 0; i < n; i++) {
        b->link[i] = i + 1 < n ? i + 1 : ELO_BLOCKS_NONE;
    }
    b->free_head = n > 0 ? 0 : ELO_BLOCKS_NONE;
    return b;
}


/* An object of no bytes has a block all the same: it has a number. */
static uint64_t
count_of(const elo_blocks_t *b, size_t len)
{
    uint64_t n = len / b->block_len + (len % b->block_len != 0);

    return ELO_MAX(n, 1);
}


uint64_t
elo_blocks_size(const elo_blocks_t *b, size_t len)
{
    uint64_t size;

    return elo_mul_u64(count_of(b, len), b->block_len, &size) ? size
                                                              : UINT64_MAX;
}


uint32_t
elo_blocks_free_count(const elo_blocks_t *b)
{
    return b->n_free;
}


static uint8_t *
block(const elo_blocks_t *b, uint32_t i)
{
    return (uint8_t *) ((uintptr_t) b + b->data) + (size_t) i * b->block_len;
}


static uint32_t
next_of(const elo_blocks_t *b, uint32_t i)
{
    return __atomic_load_n(&b->link[i], __ATOMIC_RELAXED);
}


uint32_t
elo_blocks_alloc(elo_blocks_t *b, size_t len)
{
    uint64_t n = count_of(b, len);
    uint32_t first = b->free_head, last = first;

    if (n > b->n_free) {
        return ELO_BLOCKS_NONE;
    }
    for (uint64_t i = 1; i < n; i++) {
        last = b->link[last];
        assert(last < b->n);
    }
    b->free_head = b->link[last];
    __atomic_store_n(&b->link[last], ELO_BLOCKS_NONE, __ATOMIC_RELAXED);
    b->n_free -= (uint32_t) n;
    return first;
}


void
elo_blocks_free(elo_blocks_t *b, uint32_t first, size_t len, bool wipe)
{
    uint64_t n = count_of(b, len);
    uint32_t last = first;

    assert(n <= b->n - b->n_free);
    for (uint64_t i = 0; i < n; i++) {
        assert(last < b->n);
        if (wipe) {
            memset(block(b, last), 0, b->block_len);
        }
        if (i + 1 < n) {
            last = b->link[last];
        }
    }
    __atomic_store_n(&b->link[last], b->free_head, __ATOMIC_RELAXED);
    b->free_head = first;
    b->n_free += (uint32_t) n;
}


/* False: the object ends before. */
static bool
seek(const elo_blocks_t *b, uint32_t first, size_t off, place_t *at)
{
    uint64_t skip = off / b->block_len;

    at->block = first;
    at->off = off % b->block_len;
    if (skip >= b->n) {
        return false;
    }
    for (; skip > 0 && at->block < b->n; skip--) {
        at->block = next_of(b, at->block);
    }
    return at->block < b->n;
}


bool
elo_blocks_write(elo_blocks_t *b, uint32_t first, size_t off, const void *p,
                 size_t len)
{
    const uint8_t *from = p;
    place_t at;

    if (len == 0) {
        return true;
    }
    if (!seek(b, first, off, &at)) {
        return false;
    }
    while (len > 0) {
        size_t n = ELO_MIN(len, b->block_len - at.off);

        if (at.block >= b->n) {
            return false;
        }
        memcpy(block(b, at.block) + at.off, from, n);
        from += n;
        len -= n;
        at = (place_t){ next_of(b, at.block), 0 };
    }
    return true;
}


bool
elo_blocks_read(const elo_blocks_t *b, uint32_t first, size_t off, void *p,
                size_t len)
{
    uint8_t *to = p;
    place_t at;

    if (len == 0) {
        return true;
    }
    if (!seek(b, first, off, &at)) {
        return false;
    }
    while (len > 0) {
        size_t n = ELO_MIN(len, b->block_len - at.off);

        if (at.block >= b->n) {
            return false;
        }
        memcpy(to, block(b, at.block) + at.off, n);
        to += n;
        len -= n;
        at = (place_t){ next_of(b, at.block), 0 };
    }
    return true;
}
