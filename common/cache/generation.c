/* SPDX-License-Identifier: BSD-2-Clause */
/* generation: which slot a key has, whether a mapping is a page of ours, and the
   ring of purges in it. Mapping it is the caller's business. */
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
           && page->slots == ELO_GEN_SLOTS && page->purges == ELO_PURGE_RING;
}


/* ---- the ring ---- */

static const elo_gen_purge_t *
entry_at(const elo_gen_page_t *page, uint64_t number)
{
    return &page->purge[number % ELO_PURGE_RING];
}


/* Does the ring say of *seq what whoever has it has seen? */
static bool
is_of_ring(const elo_gen_page_t *page, uint64_t seq)
{
    return seq == 0
           || __atomic_load_n(&entry_at(page, seq & ELO_PURGE_NUMBER)->seq,
                              __ATOMIC_ACQUIRE)
                  == seq;
}


/* The entry of that number; its place, or 0 where it is overtaken. */
static uint64_t
entry_read(const elo_gen_page_t *page, uint64_t number, elo_purge_t *out)
{
    const elo_gen_purge_t *e = entry_at(page, number);
    uint64_t words[ELO_SHA256_LEN / 8];
    uint64_t seq = __atomic_load_n(&e->seq, __ATOMIC_ACQUIRE);

    if ((seq & ELO_PURGE_NUMBER) != number) {
        return 0;
    }
    /* each load acquires: none is moved past the second look at seq */
    out->kind = (uint32_t) __atomic_load_n(&e->kind, __ATOMIC_ACQUIRE);
    for (size_t i = 0; i < ELO_SHA256_LEN / 8; i++) {
        words[i] = __atomic_load_n(&e->digest[i], __ATOMIC_ACQUIRE);
    }
    memcpy(out->digest.b, words, sizeof(words));
    return __atomic_load_n(&e->seq, __ATOMIC_ACQUIRE) == seq ? seq : 0;
}


elo_err_t
elo_purge_next(const elo_gen_page_t *page, uint64_t *seq, elo_purge_t *out)
{
    uint64_t last = elo_purge_last(page), at = *seq, n, found;
    elo_purge_t p;

    if (at == last) {
        return ELO_EAGAIN;
    }
    n = at & ELO_PURGE_NUMBER;
    if (n >= (last & ELO_PURGE_NUMBER) || !is_of_ring(page, at)
        || (found = entry_read(page, n + 1, &p)) == 0)
    {
        return ELO_ERANGE;
    }
    *seq = found;
    *out = p;
    return ELO_OK;
}


static void
entry_write(elo_gen_purge_t *e, const elo_gen_purge_t *from)
{
    __atomic_store_n(&e->seq, 0, __ATOMIC_RELAXED);
    /* each store releases: none is seen before the seq that was taken away */
    __atomic_store_n(&e->kind, from->kind, __ATOMIC_RELEASE);
    for (size_t i = 0; i < ELO_SHA256_LEN / 8; i++) {
        __atomic_store_n(&e->digest[i], from->digest[i], __ATOMIC_RELEASE);
    }
    __atomic_store_n(&e->seq, from->seq, __ATOMIC_RELEASE);
}


void
elo_purge_entry(uint64_t seq, const elo_purge_t *p, elo_gen_purge_t *out)
{
    out->seq = seq;
    out->kind = p->kind;
    memcpy(out->digest, p->digest.b, sizeof(out->digest));
}


void
elo_purge_append(elo_gen_page_t *page, uint64_t seq, const elo_purge_t *p)
{
    elo_gen_purge_t e;

    elo_purge_entry(seq, p, &e);
    entry_write(&page->purge[(seq & ELO_PURGE_NUMBER) % ELO_PURGE_RING], &e);
    __atomic_store_n(&page->purge_seq, seq, __ATOMIC_RELEASE);
}


void
elo_purge_restore(elo_gen_page_t *page, uint64_t last,
                  const elo_gen_purge_t ring[ELO_PURGE_RING])
{
    for (size_t i = 0; i < ELO_PURGE_RING; i++) {
        if (memcmp(&page->purge[i], &ring[i], sizeof(ring[i])) != 0) {
            entry_write(&page->purge[i], &ring[i]);
        }
    }
    __atomic_store_n(&page->purge_seq, last, __ATOMIC_RELEASE);
}
