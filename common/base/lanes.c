/* SPDX-License-Identifier: BSD-2-Clause */
/* lanes: SHA-256's compression function (FIPS 180-4, 6.2.2) over vectors whose
   i-th lane belongs to the i-th message. Words are transposed as they are read. */
#include "common/base/lanes.h"

#include <assert.h>

#if defined(__x86_64__)
#include <cpuid.h>
#include <immintrin.h>
#endif

#if defined(__x86_64__)

#define INLINE static inline __attribute__((always_inline))
#define AVX2   __attribute__((target("avx2")))
#define AVX512 __attribute__((target("avx512f,avx512bw")))

/* FIPS 180-4, 4.2.2 */
static const uint32_t round_key[64] = {
    0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1,
    0x923f82a4, 0xab1c5ed5, 0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3,
    0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174, 0xe49b69c1, 0xefbe4786,
    0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
    0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147,
    0x06ca6351, 0x14292967, 0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13,
    0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85, 0xa2bfe8a1, 0xa81a664b,
    0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
    0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a,
    0x5b9cca4f, 0x682e6ff3, 0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208,
    0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2
};

/* Reverses the bytes of each word within 128 bits. */
#define SWAP_HIGH 0x0c0d0e0f08090a0bLL
#define SWAP_LOW  0x0405060700010203LL

/* One round with the next word of the schedule; then sixteen, in which the roles
   of the eight variables rotate, so that nothing is moved. */
#define STEP(width, A, B, C, D, E, F, G, H, i)                                 \
    if (r > 0) {                                                               \
        w[i] = schedule_##width(w[i], w[((i) + 1) % 16], w[((i) + 9) % 16],    \
                                w[((i) + 14) % 16]);                           \
    }                                                                          \
    round_##width(A, B, C, &(D), E, F, G, &(H), w[i], round_key[r + (i)])

#define SIXTEEN(width)                                                         \
    STEP(width, a, b, c, d, e, f, g, h, 0);                                    \
    STEP(width, h, a, b, c, d, e, f, g, 1);                                    \
    STEP(width, g, h, a, b, c, d, e, f, 2);                                    \
    STEP(width, f, g, h, a, b, c, d, e, 3);                                    \
    STEP(width, e, f, g, h, a, b, c, d, 4);                                    \
    STEP(width, d, e, f, g, h, a, b, c, 5);                                    \
    STEP(width, c, d, e, f, g, h, a, b, 6);                                    \
    STEP(width, b, c, d, e, f, g, h, a, 7);                                    \
    STEP(width, a, b, c, d, e, f, g, h, 8);                                    \
    STEP(width, h, a, b, c, d, e, f, g, 9);                                    \
    STEP(width, g, h, a, b, c, d, e, f, 10);                                   \
    STEP(width, f, g, h, a, b, c, d, e, 11);                                   \
    STEP(width, e, f, g, h, a, b, c, d, 12);                                   \
    STEP(width, d, e, f, g, h, a, b, c, 13);                                   \
    STEP(width, c, d, e, f, g, h, a, b, 14);                                   \
    STEP(width, b, c, d, e, f, g, h, a, 15)


/* ---- sixteen lanes ---- */

INLINE AVX512 __m512i
xor3_16(__m512i x, __m512i y, __m512i z)
{
    return _mm512_ternarylogic_epi32(x, y, z, 0x96);
}


INLINE AVX512 __m512i
schedule_16(__m512i w0, __m512i w1, __m512i w9, __m512i w14)
{
    __m512i s0 = xor3_16(_mm512_ror_epi32(w1, 7), _mm512_ror_epi32(w1, 18),
                         _mm512_srli_epi32(w1, 3));
    __m512i s1 = xor3_16(_mm512_ror_epi32(w14, 17), _mm512_ror_epi32(w14, 19),
                         _mm512_srli_epi32(w14, 10));

    return _mm512_add_epi32(_mm512_add_epi32(w0, s0), _mm512_add_epi32(w9, s1));
}


/* One round; d and h are what becomes of them. */
INLINE AVX512 void
round_16(__m512i a, __m512i b, __m512i c, __m512i *d, __m512i e, __m512i f,
         __m512i g, __m512i *h, __m512i w, uint32_t k)
{
    __m512i s1 = xor3_16(_mm512_ror_epi32(e, 6), _mm512_ror_epi32(e, 11),
                         _mm512_ror_epi32(e, 25));
    __m512i s0 = xor3_16(_mm512_ror_epi32(a, 2), _mm512_ror_epi32(a, 13),
                         _mm512_ror_epi32(a, 22));
    __m512i ch = _mm512_ternarylogic_epi32(e, f, g, 0xca);
    __m512i maj = _mm512_ternarylogic_epi32(a, b, c, 0xe8);
    __m512i t = _mm512_add_epi32(w, _mm512_set1_epi32((int) k));

    t = _mm512_add_epi32(_mm512_add_epi32(*h, t), _mm512_add_epi32(ch, s1));
    *d = _mm512_add_epi32(*d, t);
    *h = _mm512_add_epi32(t, _mm512_add_epi32(s0, maj));
}


INLINE AVX512 void
block_16(__m512i st[8], __m512i w[16])
{
    __m512i a = st[0], b = st[1], c = st[2], d = st[3];
    __m512i e = st[4], f = st[5], g = st[6], h = st[7];

    for (unsigned r = 0; r < 64; r += 16) {
        SIXTEEN(16);
    }
    st[0] = _mm512_add_epi32(st[0], a);
    st[1] = _mm512_add_epi32(st[1], b);
    st[2] = _mm512_add_epi32(st[2], c);
    st[3] = _mm512_add_epi32(st[3], d);
    st[4] = _mm512_add_epi32(st[4], e);
    st[5] = _mm512_add_epi32(st[5], f);
    st[6] = _mm512_add_epi32(st[6], g);
    st[7] = _mm512_add_epi32(st[7], h);
}


/* w[i] = the i-th big-endian words of the 64 bytes at p[0] + off… */
INLINE AVX512 void
load_16(const uint8_t *const p[16], size_t off, __m512i w[16])
{
    const __m512i swap =
        _mm512_set4_epi64(SWAP_HIGH, SWAP_LOW, SWAP_HIGH, SWAP_LOW);
    __m512i t[16];

    for (unsigned i = 0; i < 16; i++) {
        w[i] = _mm512_shuffle_epi8(_mm512_loadu_si512(p[i] + off), swap);
    }
    for (unsigned i = 0; i < 16; i += 4) { /* pairs of words, then quads */
        __m512i lo0 = _mm512_unpacklo_epi32(w[i], w[i + 1]);
        __m512i hi0 = _mm512_unpackhi_epi32(w[i], w[i + 1]);
        __m512i lo1 = _mm512_unpacklo_epi32(w[i + 2], w[i + 3]);
        __m512i hi1 = _mm512_unpackhi_epi32(w[i + 2], w[i + 3]);

        t[i] = _mm512_unpacklo_epi64(lo0, lo1);
        t[i + 1] = _mm512_unpackhi_epi64(lo0, lo1);
        t[i + 2] = _mm512_unpacklo_epi64(hi0, hi1);
        t[i + 3] = _mm512_unpackhi_epi64(hi0, hi1);
    }
    for (unsigned i = 0; i < 4; i++) { /* then the 128-bit parts */
        __m512i x0 = _mm512_shuffle_i32x4(t[i], t[i + 4], 0x88);
        __m512i x1 = _mm512_shuffle_i32x4(t[i], t[i + 4], 0xdd);
        __m512i y0 = _mm512_shuffle_i32x4(t[i + 8], t[i + 12], 0x88);
        __m512i y1 = _mm512_shuffle_i32x4(t[i + 8], t[i + 12], 0xdd);

        w[i] = _mm512_shuffle_i32x4(x0, y0, 0x88);
        w[i + 4] = _mm512_shuffle_i32x4(x1, y1, 0x88);
        w[i + 8] = _mm512_shuffle_i32x4(x0, y0, 0xdd);
        w[i + 12] = _mm512_shuffle_i32x4(x1, y1, 0xdd);
    }
}


static AVX512 void
compress_16(uint32_t state[8 * 16], const uint8_t *const p[16], size_t n)
{
    __m512i st[8], w[16];

    for (size_t i = 0; i < 8; i++) {
        st[i] = _mm512_loadu_si512(state + 16 * i);
    }
    for (size_t off = 0; off < n * ELO_LANES_BLOCK; off += ELO_LANES_BLOCK) {
        load_16(p, off, w);
        block_16(st, w);
    }
    for (size_t i = 0; i < 8; i++) {
        _mm512_storeu_si512(state + 16 * i, st[i]);
    }
}


/* ---- eight lanes ---- */

INLINE AVX2 __m256i
ror_8(__m256i x, int n)
{
    return _mm256_or_si256(_mm256_srli_epi32(x, n),
                           _mm256_slli_epi32(x, 32 - n));
}


INLINE AVX2 __m256i
xor3_8(__m256i x, __m256i y, __m256i z)
{
    return _mm256_xor_si256(_mm256_xor_si256(x, y), z);
}


INLINE AVX2 __m256i
schedule_8(__m256i w0, __m256i w1, __m256i w9, __m256i w14)
{
    __m256i s0 = xor3_8(ror_8(w1, 7), ror_8(w1, 18), _mm256_srli_epi32(w1, 3));
    __m256i s1 =
        xor3_8(ror_8(w14, 17), ror_8(w14, 19), _mm256_srli_epi32(w14, 10));

    return _mm256_add_epi32(_mm256_add_epi32(w0, s0), _mm256_add_epi32(w9, s1));
}


INLINE AVX2 void
round_8(__m256i a, __m256i b, __m256i c, __m256i *d, __m256i e, __m256i f,
        __m256i g, __m256i *h, __m256i w, uint32_t k)
{
    __m256i s1 = xor3_8(ror_8(e, 6), ror_8(e, 11), ror_8(e, 25));
    __m256i s0 = xor3_8(ror_8(a, 2), ror_8(a, 13), ror_8(a, 22));
    __m256i ch =
        _mm256_xor_si256(_mm256_and_si256(_mm256_xor_si256(f, g), e), g);
    __m256i maj = _mm256_or_si256(_mm256_and_si256(a, b),
                                  _mm256_and_si256(_mm256_or_si256(a, b), c));
    __m256i t = _mm256_add_epi32(w, _mm256_set1_epi32((int) k));

    t = _mm256_add_epi32(_mm256_add_epi32(*h, t), _mm256_add_epi32(ch, s1));
    *d = _mm256_add_epi32(*d, t);
    *h = _mm256_add_epi32(t, _mm256_add_epi32(s0, maj));
}


INLINE AVX2 void
block_8(__m256i st[8], __m256i w[16])
{
    __m256i a = st[0], b = st[1], c = st[2], d = st[3];
    __m256i e = st[4], f = st[5], g = st[6], h = st[7];

    for (unsigned r = 0; r < 64; r += 16) {
        SIXTEEN(8);
    }
    st[0] = _mm256_add_epi32(st[0], a);
    st[1] = _mm256_add_epi32(st[1], b);
    st[2] = _mm256_add_epi32(st[2], c);
    st[3] = _mm256_add_epi32(st[3], d);
    st[4] = _mm256_add_epi32(st[4], e);
    st[5] = _mm256_add_epi32(st[5], f);
    st[6] = _mm256_add_epi32(st[6], g);
    st[7] = _mm256_add_epi32(st[7], h);
}


/* w[i] = the i-th big-endian words of the 32 bytes at p[0] + off… */
INLINE AVX2 void
load_8(const uint8_t *const p[8], size_t off, __m256i w[8])
{
    const __m256i swap =
        _mm256_set_epi64x(SWAP_HIGH, SWAP_LOW, SWAP_HIGH, SWAP_LOW);
    __m256i t[8];

    for (unsigned i = 0; i < 8; i++) {
        w[i] = _mm256_shuffle_epi8(
            _mm256_loadu_si256((const __m256i_u *) (p[i] + off)), swap);
    }
    for (unsigned i = 0; i < 8; i += 4) {
        __m256i lo0 = _mm256_unpacklo_epi32(w[i], w[i + 1]);
        __m256i hi0 = _mm256_unpackhi_epi32(w[i], w[i + 1]);
        __m256i lo1 = _mm256_unpacklo_epi32(w[i + 2], w[i + 3]);
        __m256i hi1 = _mm256_unpackhi_epi32(w[i + 2], w[i + 3]);

        t[i] = _mm256_unpacklo_epi64(lo0, lo1);
        t[i + 1] = _mm256_unpackhi_epi64(lo0, lo1);
        t[i + 2] = _mm256_unpacklo_epi64(hi0, hi1);
        t[i + 3] = _mm256_unpackhi_epi64(hi0, hi1);
    }
    for (unsigned i = 0; i < 4; i++) {
        w[i] = _mm256_permute2x128_si256(t[i], t[i + 4], 0x20);
        w[i + 4] = _mm256_permute2x128_si256(t[i], t[i + 4], 0x31);
    }
}


static AVX2 void
compress_8(uint32_t state[8 * 8], const uint8_t *const p[8], size_t n)
{
    __m256i st[8], w[16];

    for (size_t i = 0; i < 8; i++) {
        st[i] = _mm256_loadu_si256((const __m256i_u *) (state + 8 * i));
    }
    for (size_t off = 0; off < n * ELO_LANES_BLOCK; off += ELO_LANES_BLOCK) {
        load_8(p, off, w);
        load_8(p, off + ELO_LANES_BLOCK / 2, w + 8);
        block_8(st, w);
    }
    for (size_t i = 0; i < 8; i++) {
        _mm256_storeu_si256((__m256i_u *) (state + 8 * i), st[i]);
    }
}


/* ---- choice ---- */

uint32_t
elo_lanes_width(elo_lanes_way_t way)
{
    __builtin_cpu_init();
    switch (way) {
    case ELO_LANES_AVX2:
        return __builtin_cpu_supports("avx2") ? 8 : 0;
    case ELO_LANES_AVX512:
        return __builtin_cpu_supports("avx512f")
                       && __builtin_cpu_supports("avx512bw")
                   ? 16
                   : 0;
    case ELO_LANES_STREAM:
        break;
    }
    return 0;
}


bool
elo_lanes_has_sha(void)
{
    unsigned a, b = 0, c, d;

    /* leaf 7, EBX, bit 29 */
    return __get_cpuid_count(7, 0, &a, &b, &c, &d) != 0 && (b >> 29 & 1) != 0;
}


void
elo_lanes_compress(elo_lanes_way_t way, uint32_t state[],
                   const uint8_t *const p[], size_t n)
{
    if (way == ELO_LANES_AVX512) {
        compress_16(state, p, n);
    } else {
        compress_8(state, p, n);
    }
}

#else

uint32_t
elo_lanes_width(elo_lanes_way_t way)
{
    (void) way;
    return 0;
}


/* Elsewhere OpenSSL's stream is as good as it gets. */
bool
elo_lanes_has_sha(void)
{
    return true;
}


void
elo_lanes_compress(elo_lanes_way_t way, uint32_t state[],
                   const uint8_t *const p[], size_t n)
{
    (void) way, (void) state, (void) p, (void) n;
    assert(false); /* there are no lanes */
}

#endif
