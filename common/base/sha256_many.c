/* SPDX-License-Identifier: BSD-2-Clause */
/* sha256_many: hands messages out to lanes. All lanes go on together for as many
   blocks as the shortest of them has left; a lane whose message is done takes the
   next one.

   Sixteen messages of 16 KiB, GB/s of one core: on a CPU without SHA instructions
   0.39 by OpenSSL's stream, 0.91 by AVX2, 2.5 by AVX-512; with them the stream
   reaches 2.0, which eight lanes hardly better (2.2) and sixteen double (4.4). So
   AVX2 is for CPUs without. */
#include "common/base/sha256_many.h"

#include "common/base/crypto.h"
#include "common/base/num.h"

#define BLOCK ELO_LANES_BLOCK

/* FIPS 180-4, 5.3.3 */
static const uint32_t start[8] = { 0x6a09e667, 0xbb67ae85, 0x3c6ef372,
                                   0xa54ff53a, 0x510e527f, 0x9b05688c,
                                   0x1f83d9ab, 0x5be0cd19 };

static elo_lanes_way_t most_allowed = ELO_LANES_AVX512;

/* A message in a lane: its whole blocks, then the tail with its padding. */
typedef struct {
    const uint8_t *p;
    size_t blocks; /* left before the tail, or of the tail */
    size_t tail_blocks;
    uint32_t which;
    bool is_active, in_tail;
    uint8_t tail[2 * BLOCK];
} lane_t;

typedef struct {
    elo_lanes_way_t way;
    uint32_t width, n_active;
    const elo_slice_t *in;
    uint32_t n, next; /* messages, and the first that no lane has had */
    elo_digest_t *out;
    uint32_t state[8 * ELO_LANES_MAX];
    lane_t lanes[ELO_LANES_MAX];
} run_t;


static void
enter_tail(lane_t *l)
{
    l->p = l->tail;
    l->blocks = l->tail_blocks;
    l->in_tail = true;
}


/* Gives lane i the next message, if there is one. */
static void
take_next(run_t *r, uint32_t i)
{
    lane_t *l = &r->lanes[i];
    size_t rest;
    elo_slice_t s;
    uint64_t bits;

    l->is_active = r->next < r->n;
    if (!l->is_active) {
        return;
    }
    r->n_active++;
    l->which = r->next++;
    s = r->in[l->which];
    for (uint32_t w = 0; w < 8; w++) {
        r->state[w * r->width + i] = start[w];
    }
    l->p = s.p;
    l->blocks = s.len / BLOCK;
    rest = s.len % BLOCK;
    l->tail_blocks = rest + 9 > BLOCK ? 2 : 1;
    memset(l->tail, 0, sizeof(l->tail));
    if (rest > 0) {
        memcpy(l->tail, s.p + (s.len - rest), rest);
    }
    l->tail[rest] = 0x80;
    bits = (uint64_t) s.len * 8;
    for (unsigned k = 0; k < 8; k++) {
        l->tail[l->tail_blocks * BLOCK - 8 + k] =
            (uint8_t) (bits >> (56 - 8 * k));
    }
    l->in_tail = false;
    if (l->blocks == 0) {
        enter_tail(l);
    }
}


static void
give_digest(run_t *r, uint32_t i)
{
    elo_digest_t *d = &r->out[r->lanes[i].which];

    for (uint32_t w = 0; w < 8; w++) {
        uint32_t v = r->state[w * r->width + i];

        d->b[4 * w] = (uint8_t) (v >> 24);
        d->b[4 * w + 1] = (uint8_t) (v >> 16);
        d->b[4 * w + 2] = (uint8_t) (v >> 8);
        d->b[4 * w + 3] = (uint8_t) v;
    }
}


static void
step(run_t *r)
{
    const uint8_t *p[ELO_LANES_MAX];
    const lane_t *any = &r->lanes[0]; /* one is active */
    size_t n = SIZE_MAX;

    for (uint32_t i = 0; i < r->width; i++) {
        if (r->lanes[i].is_active) {
            any = &r->lanes[i];
            n = ELO_MIN(n, any->blocks);
        }
    }
    for (uint32_t i = 0; i < r->width; i++) { /* idle lanes follow another */
        p[i] = (r->lanes[i].is_active ? &r->lanes[i] : any)->p;
    }
    elo_lanes_compress(r->way, r->state, p, n);
    for (uint32_t i = 0; i < r->width; i++) {
        lane_t *l = &r->lanes[i];

        if (!l->is_active) {
            continue;
        }
        l->p += n * BLOCK;
        l->blocks -= n;
        if (l->blocks > 0) {
            continue;
        }
        if (!l->in_tail) {
            enter_tail(l);
        } else {
            give_digest(r, i);
            r->n_active--;
            take_next(r, i);
        }
    }
}


static void
in_lanes(elo_lanes_way_t way, uint32_t width, const elo_slice_t in[],
         uint32_t n, elo_digest_t out[])
{
    run_t r;

    r.way = way;
    r.width = width;
    r.n_active = 0;
    r.in = in;
    r.n = n;
    r.next = 0;
    r.out = out;
    for (uint32_t i = 0; i < width; i++) {
        take_next(&r, i);
    }
    while (r.n_active > 0) {
        step(&r);
    }
}


static elo_err_t
one_by_one(const elo_slice_t in[], uint32_t n, elo_digest_t out[])
{
    elo_err_t rc = ELO_OK;

    for (uint32_t i = 0; i < n && rc == ELO_OK; i++) {
        rc = elo_sha256(in[i], &out[i]);
    }
    return rc;
}


elo_err_t
elo_sha256_many_by(elo_lanes_way_t way, const elo_slice_t in[], uint32_t n,
                   elo_digest_t out[])
{
    uint32_t width = elo_lanes_width(way);

    if (way == ELO_LANES_STREAM) {
        return one_by_one(in, n, out);
    }
    if (width == 0) {
        return ELO_EUNSUPPORTED;
    }
    in_lanes(way, width, in, n, out);
    return ELO_OK;
}


/* ---- choice ---- */

/* A block in all lanes costs about as much as so many, one after the other, by
   OpenSSL with SHA instructions and without; a call of OpenSSL costs as much as
   CALL_COST bytes. Measured; a wrong guess costs only time. */
#define BATCH_COST_SHA 8u
#define BATCH_COST     3u
#define CALL_COST      256u


static elo_lanes_way_t
best(bool has_sha)
{
    if (elo_lanes_width(ELO_LANES_AVX512) > 0) {
        return ELO_LANES_AVX512;
    }
    return elo_lanes_width(ELO_LANES_AVX2) > 0 && !has_sha ? ELO_LANES_AVX2
                                                           : ELO_LANES_STREAM;
}


elo_lanes_way_t
elo_sha256_many_way(const elo_slice_t in[], uint32_t n)
{
    static int known = -1; /* way, and SHA_BIT */
    enum { SHA_BIT = 0x100 };
    uint64_t stream = 0, lanes = 0, longest = 0;
    elo_lanes_way_t most, way;
    int k = __atomic_load_n(&known, __ATOMIC_RELAXED);

    if (k < 0) {
        bool has_sha = elo_lanes_has_sha();

        k = (int) best(has_sha) | (has_sha ? SHA_BIT : 0);
        __atomic_store_n(&known, k, __ATOMIC_RELAXED);
    }
    way = (elo_lanes_way_t) (k & ~SHA_BIT);
    most = __atomic_load_n(&most_allowed, __ATOMIC_RELAXED);
    if (way > most) {
        way = elo_lanes_width(most) > 0 ? most : ELO_LANES_STREAM;
    }
    if (way == ELO_LANES_STREAM) {
        return way;
    }
    for (uint32_t i = 0; i < n; i++) {
        uint64_t len = (uint64_t) in[i].len + BLOCK;

        stream += len + CALL_COST - BLOCK;
        lanes += len;
        longest = ELO_MAX(longest, len);
    }
    lanes = ELO_MAX(longest, lanes / elo_lanes_width(way));
    lanes *= (k & SHA_BIT) != 0 ? BATCH_COST_SHA : BATCH_COST;
    return stream <= lanes ? ELO_LANES_STREAM : way;
}


void
elo_sha256_many_limit(elo_lanes_way_t most)
{
    __atomic_store_n(&most_allowed, most, __ATOMIC_RELAXED);
}


elo_err_t
elo_sha256_many(const elo_slice_t in[], uint32_t n, elo_digest_t out[])
{
    return elo_sha256_many_by(elo_sha256_many_way(in, n), in, n, out);
}
