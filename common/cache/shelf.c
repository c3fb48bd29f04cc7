/* SPDX-License-Identifier: BSD-2-Clause */
#include "common/cache/shelf.h"

#include <assert.h>

#define ALIGN 64u
/* What block numbers and lengths are kept in. */
#define MAX_BLOCKS (UINT32_MAX / 2)

/* In front of the bytes, in the same blocks. */
typedef elo_shelf_stamp_t head_t;

struct elo_shelf_s {
    uint64_t tier_off; /* from here */
    uint64_t blocks_off;
    uint32_t _pad[12];
};

_Static_assert(sizeof(struct elo_shelf_s) == ALIGN, "what follows is aligned");

/* One whose bytes are to be freed by it. */
typedef struct {
    elo_tier_gone_t gone;
    elo_blocks_t *blocks;
} freer_t;

typedef struct {
    const elo_shelf_t *s;
    elo_shelf_judge_t *judge;
    uint32_t now;
} sweep_t;


static elo_tier_t *
tier_of(elo_shelf_t *s)
{
    return (elo_tier_t *) (void *) ((uint8_t *) s + s->tier_off);
}


static const elo_tier_t *
tier_in(const elo_shelf_t *s)
{
    return (const elo_tier_t *) (const void *) ((const uint8_t *) s
                                                + s->tier_off);
}


static elo_blocks_t *
blocks_of(elo_shelf_t *s)
{
    return (elo_blocks_t *) (void *) ((uint8_t *) s + s->blocks_off);
}


static const elo_blocks_t *
blocks_in(const elo_shelf_t *s)
{
    return (const elo_blocks_t *) (const void *) ((const uint8_t *) s
                                                  + s->blocks_off);
}


static size_t
align_up(size_t n)
{
    return (n + ALIGN - 1) / ALIGN * ALIGN;
}


static uint32_t
n_blocks(const elo_shelf_conf_t *conf)
{
    return (uint32_t) (conf->tier.capacity / conf->block_len);
}


size_t
elo_shelf_bytes(const elo_shelf_conf_t *conf)
{
    return sizeof(elo_shelf_t) + align_up(elo_tier_bytes(&conf->tier))
           + align_up(elo_blocks_bytes(n_blocks(conf), conf->block_len));
}


elo_err_t
elo_shelf_init(void *mem, const elo_shelf_conf_t *conf, uint64_t seed,
               elo_shelf_t **out)
{
    elo_shelf_t *s = mem;
    elo_tier_t *tier;
    elo_err_t rc;
    uint8_t *p = (uint8_t *) mem + sizeof(elo_shelf_t);

    if (conf->tier.capacity / conf->block_len == 0
        || conf->tier.capacity / conf->block_len > MAX_BLOCKS)
    {
        return ELO_ERANGE;
    }
    if ((rc = elo_tier_init(p, &conf->tier, seed, &tier)) != ELO_OK) {
        return rc;
    }
    s->tier_off = (uint64_t) ((uint8_t *) tier - (uint8_t *) mem);
    p += align_up(elo_tier_bytes(&conf->tier));
    s->blocks_off = (uint64_t) ((uint8_t *) elo_blocks_init(p, n_blocks(conf),
                                                            conf->block_len)
                                - (uint8_t *) mem);
    *out = s;
    return ELO_OK;
}


/* ref is the first block, aux the length of head and bytes. */
static uint32_t
first_of(const elo_tier_item_t *item)
{
    return (uint32_t) item->ref;
}


static void
free_bytes(elo_tier_gone_t *self, const elo_cache_key_t *key,
           const elo_tier_item_t *item)
{
    freer_t *f = (freer_t *) self;

    (void) key;
    elo_blocks_free(f->blocks, first_of(item), item->aux, true);
}


static freer_t
freer(elo_shelf_t *s)
{
    return (freer_t) { .gone = { free_bytes }, .blocks = blocks_of(s) };
}


bool
elo_shelf_find(const elo_shelf_t *s, const elo_cache_key_t *key, uint32_t now,
               elo_shelf_hit_t *out)
{
    if (!elo_tier_get(tier_in(s), key, &out->item) || out->item.expires <= now
        || out->item.aux < sizeof(head_t)
        || out->item.aux - sizeof(head_t) > UINT32_MAX
        || !elo_blocks_read(blocks_in(s), first_of(&out->item), 0, &out->stamp,
                            sizeof(head_t)))
    {
        return false;
    }
    out->len = (uint32_t) (out->item.aux - sizeof(head_t));
    return elo_tier_is_same(tier_in(s), &out->item);
}


bool
elo_shelf_read(const elo_shelf_t *s, const elo_shelf_hit_t *hit, size_t off,
               void *p, size_t len)
{
    if (off > hit->len || len > hit->len - off) {
        return false;
    }
    return (len == 0
            || elo_blocks_read(blocks_in(s), first_of(&hit->item),
                               sizeof(head_t) + off, p, len))
           && elo_tier_is_same(tier_in(s), &hit->item);
}


void
elo_shelf_count_hit(elo_shelf_t *s, const elo_cache_key_t *key,
                    const elo_shelf_hit_t *hit)
{
    elo_tier_hit(tier_of(s), key, &hit->item);
}


void
elo_shelf_count_miss(elo_shelf_t *s, const elo_cache_key_t *key,
                     elo_cache_class_t klass)
{
    elo_tier_miss(tier_of(s), key, klass);
}


elo_err_t
elo_shelf_put(elo_shelf_t *s, const elo_cache_key_t *key,
              elo_cache_class_t klass, const elo_shelf_stamp_t *stamp,
              elo_slice_t bytes, uint32_t expires)
{
    freer_t f = freer(s);
    elo_tier_item_t item = { .expires = expires };
    size_t len = sizeof(head_t) + bytes.len;
    uint32_t slot, first;
    bool is_written;
    elo_err_t rc;

    if (bytes.len > UINT32_MAX - sizeof(head_t)) {
        return ELO_ETOOBIG;
    }
    rc = elo_tier_reserve(tier_of(s), key, klass,
                          elo_blocks_size(f.blocks, len), &f.gone, &slot);
    if (rc != ELO_OK) {
        return rc;
    }
    first = elo_blocks_alloc(f.blocks, len);
    if (first == ELO_BLOCKS_NONE) {
        elo_tier_cancel(tier_of(s), slot);
        return ELO_ENOSPC;
    }
    is_written =
        elo_blocks_write(f.blocks, first, 0, stamp, sizeof(head_t))
        && (bytes.len == 0
            || elo_blocks_write(f.blocks, first, sizeof(head_t), bytes.p,
                                bytes.len));
    assert(is_written); /* a chain that was just made is whole */
    item.ref = first;
    item.aux = len;
    elo_tier_publish(tier_of(s), slot, &item);
    return ELO_OK;
}


bool
elo_shelf_drop(elo_shelf_t *s, const elo_cache_key_t *key)
{
    freer_t f = freer(s);
    elo_tier_item_t item;

    return elo_tier_get(tier_of(s), key, &item)
           && elo_tier_drop(tier_of(s), &item, &f.gone);
}


static bool
is_over(void *ctx, const elo_cache_key_t *key, const elo_tier_item_t *item)
{
    const sweep_t *w = ctx;
    elo_shelf_stamp_t stamp;

    (void) key;
    return item->expires <= w->now
           || !elo_blocks_read(blocks_in(w->s), first_of(item), 0, &stamp,
                               sizeof(stamp))
           || w->judge->is_over(w->judge, &stamp);
}


bool
elo_shelf_sweep(elo_shelf_t *s, uint32_t *cursor, uint32_t n, uint32_t now,
                elo_shelf_judge_t *judge)
{
    freer_t f = freer(s);
    sweep_t w = { .s = s, .judge = judge, .now = now };

    return elo_tier_walk(tier_of(s), cursor, n, is_over, &w, &f.gone);
}


void
elo_shelf_stat(const elo_shelf_t *s, elo_cache_class_t klass,
               elo_tier_stat_t *out)
{
    elo_tier_stat(tier_in(s), klass, out);
}


bool
elo_shelf_check(const elo_shelf_t *s)
{
    return elo_tier_check(tier_in(s));
}
