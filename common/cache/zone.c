/* SPDX-License-Identifier: BSD-2-Clause */
#include "common/cache/zone.h"

#include <assert.h>
#include <string.h>

#define ALIGN 64u

struct elo_zone_s {
    char magic[8];
    uint32_t version;
    uint32_t n_parts;
    uint64_t fingerprint;
    uint32_t dirty;
    uint32_t seq;
    uint64_t len;
    uint64_t closed_until;
    uint64_t _pad[2];
    uint64_t part_off[ELO_ZONE_PARTS];
};

_Static_assert(sizeof(struct elo_zone_s) % ALIGN == 0, "parts are aligned");


static size_t
align_up(size_t n)
{
    return (n + ALIGN - 1) / ALIGN * ALIGN;
}


size_t
elo_zone_bytes(const elo_zone_part_t *parts, uint32_t n)
{
    size_t bytes = sizeof(elo_zone_t);

    for (uint32_t i = 0; i < n; i++) {
        bytes += align_up(parts[i].bytes);
    }
    return bytes;
}


static elo_err_t
make_parts(elo_zone_t *z, const elo_zone_part_t *parts, uint32_t n,
           uint64_t seed)
{
    for (uint32_t i = 0; i < n; i++) {
        /* other hashes in each part */
        elo_err_t rc = parts[i].init(&parts[i], elo_zone_part(z, i), seed + i);

        if (rc != ELO_OK) {
            return rc;
        }
    }
    return ELO_OK;
}


elo_err_t
elo_zone_init(void *mem, size_t len, const elo_zone_part_t *parts, uint32_t n,
              uint64_t fingerprint, uint64_t seed, elo_zone_t **out)
{
    elo_zone_t *z = mem;
    uint64_t off = sizeof(elo_zone_t);
    elo_err_t rc;

    assert(n <= ELO_ZONE_PARTS);
    if (len < elo_zone_bytes(parts, n)) {
        return ELO_ENOSPC;
    }
    z->version = ELO_ZONE_VERSION;
    z->n_parts = n;
    z->fingerprint = fingerprint;
    z->len = len;
    for (uint32_t i = 0; i < n; i++) {
        z->part_off[i] = off;
        off += align_up(parts[i].bytes);
    }
    if ((rc = make_parts(z, parts, n, seed)) != ELO_OK) {
        return rc;
    }
    memcpy(z->magic, ELO_ZONE_MAGIC, sizeof(z->magic));
    *out = z;
    return ELO_OK;
}


elo_zone_t *
elo_zone_at(void *mem, size_t len, uint64_t fingerprint)
{
    elo_zone_t *z = mem;

    return len >= sizeof(elo_zone_t)
                   && memcmp(z->magic, ELO_ZONE_MAGIC, sizeof(z->magic)) == 0
                   && z->version == ELO_ZONE_VERSION && z->len == len
                   && z->fingerprint == fingerprint
               ? z
               : NULL;
}


void *
elo_zone_part(const elo_zone_t *z, uint32_t i)
{
    assert(i < z->n_parts);
    return (uint8_t *) (uintptr_t) z + z->part_off[i];
}


elo_zone_state_e
elo_zone_begin(elo_zone_t *z, uint64_t now_ms)
{
    if (z->dirty) {
        __atomic_store_n(&z->seq, z->seq | 1, __ATOMIC_SEQ_CST);
        z->closed_until = now_ms + ELO_ZONE_CLOSED_MS;
        elo_zone_end(z);
        return ELO_ZONE_BROKEN;
    }
    if ((z->seq & 1) && now_ms < z->closed_until) {
        return ELO_ZONE_CLOSED;
    }
    __atomic_store_n(&z->dirty, 1, __ATOMIC_SEQ_CST);
    return z->seq & 1 ? ELO_ZONE_DUE : ELO_ZONE_OPEN;
}


void
elo_zone_end(elo_zone_t *z)
{
    __atomic_store_n(&z->dirty, 0, __ATOMIC_SEQ_CST);
}


void
elo_zone_restart(elo_zone_t *z, const elo_zone_part_t *parts, uint32_t n,
                 uint64_t seed)
{
    elo_err_t rc;

    assert(n == z->n_parts && (z->seq & 1));
    memset((uint8_t *) z + sizeof(elo_zone_t), 0,
           elo_zone_bytes(parts, n) - sizeof(elo_zone_t));
    rc = make_parts(z, parts, n, seed);
    assert(rc == ELO_OK); /* it was, when the zone was made */
    __atomic_store_n(&z->seq, z->seq + 1, __ATOMIC_RELEASE);
}


bool
elo_zone_enter(const elo_zone_t *z, uint32_t *seq)
{
    *seq = __atomic_load_n(&z->seq, __ATOMIC_ACQUIRE);
    return (*seq & 1) == 0;
}


bool
elo_zone_is_same(const elo_zone_t *z, uint32_t seq)
{
    __atomic_thread_fence(__ATOMIC_ACQUIRE);
    return __atomic_load_n(&z->seq, __ATOMIC_RELAXED) == seq;
}
