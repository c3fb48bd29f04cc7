/* SPDX-License-Identifier: BSD-2-Clause */
/* crc32c: CRC-32C (RFC 3720, B.4) of bytes. The crc32 instruction takes eight
   bytes and can begin each cycle, but gives its result after three: three
   streams side by side keep it busy. Their results are joined by multiplying
   without carry. */
#include "backend/kv/crc32c_internal.h"

#include "backend/kv/crc32c_table.h"
#include "backend/kv/record.h"


static uint32_t
by_table(uint32_t crc, const uint8_t *p, size_t len)
{
    for (; len >= 4; p += 4, len -= 4) {
        crc ^= (uint32_t) p[0] | (uint32_t) p[1] << 8 | (uint32_t) p[2] << 16
               | (uint32_t) p[3] << 24;
        crc = crc32c_table[3][crc & 0xff] ^ crc32c_table[2][crc >> 8 & 0xff]
              ^ crc32c_table[1][crc >> 16 & 0xff] ^ crc32c_table[0][crc >> 24];
    }
    for (; len > 0; p++, len--) {
        crc = crc >> 8 ^ crc32c_table[0][(crc ^ *p) & 0xff];
    }
    return crc;
}


#if defined(__x86_64__)

#define SSE42 __attribute__((target("sse4.2")))
#define CLMUL __attribute__((target("sse4.2,pclmul")))

/* Bytes of one of three streams, and x^(8n - 33) modulo the polynomial, bits
   reflected, for n one and two streams: what a CRC is multiplied with when n more
   bytes follow. 33 are made up for: 32 by the crc32 instruction that the product
   goes through, one since the product of reflected factors stands one bit low. */
#define LONG_LEN  1024u
#define LONG_ONE  UINT32_C(0x170076fa)
#define LONG_TWO  UINT32_C(0xa51b6135)
#define SHORT_LEN 128u
#define SHORT_ONE UINT32_C(0x0d3b6092)
#define SHORT_TWO UINT32_C(0xb9e02b86)

typedef long long v2di_t __attribute__((vector_size(16)));


static inline uint64_t
load64(const uint8_t *p)
{
    uint64_t v;

    memcpy(&v, p, sizeof(v));
    return v;
}


SSE42 static uint32_t
by_instruction(uint32_t crc, const uint8_t *p, size_t len)
{
    uint64_t c = crc;

    for (; len >= 8; p += 8, len -= 8) {
        c = __builtin_ia32_crc32di(c, load64(p));
    }
    crc = (uint32_t) c;
    for (; len > 0; p++, len--) {
        crc = __builtin_ia32_crc32qi(crc, *p);
    }
    return crc;
}


CLMUL static inline uint64_t
multiply(uint64_t crc, uint32_t by)
{
    v2di_t a = { (long long) crc, 0 }, b = { (long long) by, 0 };

    return (uint64_t) __builtin_ia32_pclmulqdq128(a, b, 0)[0];
}


/* Three streams of n bytes that follow each other at p; n is a multiple of 8. */
CLMUL static inline uint32_t
three(uint32_t crc, const uint8_t *p, size_t n, uint32_t one, uint32_t two)
{
    uint64_t a = crc, b = 0, c = 0;
    size_t i;

    for (i = 0; i < n - 8; i += 8) {
        a = __builtin_ia32_crc32di(a, load64(p + i));
        b = __builtin_ia32_crc32di(b, load64(p + n + i));
        c = __builtin_ia32_crc32di(c, load64(p + 2 * n + i));
    }
    a = __builtin_ia32_crc32di(a, load64(p + i));
    b = __builtin_ia32_crc32di(b, load64(p + n + i));
    /* The last eight bytes of the third stream take the other two in. */
    return (uint32_t) __builtin_ia32_crc32di(
        c, load64(p + 2 * n + i) ^ multiply(a, two) ^ multiply(b, one));
}


CLMUL static uint32_t
by_three(uint32_t crc, const uint8_t *p, size_t len)
{
    for (; len >= 3 * LONG_LEN; p += 3 * LONG_LEN, len -= 3 * LONG_LEN) {
        crc = three(crc, p, LONG_LEN, LONG_ONE, LONG_TWO);
    }
    for (; len >= 3 * SHORT_LEN; p += 3 * SHORT_LEN, len -= 3 * SHORT_LEN) {
        crc = three(crc, p, SHORT_LEN, SHORT_ONE, SHORT_TWO);
    }
    return by_instruction(crc, p, len);
}


elo_crc32c_way_t
elo_crc32c_best(void)
{
    if (!__builtin_cpu_supports("sse4.2")) {
        return ELO_CRC32C_TABLE;
    }
    return __builtin_cpu_supports("pclmul") ? ELO_CRC32C_TRIPLE
                                            : ELO_CRC32C_SINGLE;
}

#else

#define by_instruction by_table
#define by_three       by_table


elo_crc32c_way_t
elo_crc32c_best(void)
{
    return ELO_CRC32C_TABLE;
}

#endif


uint32_t
elo_crc32c_by(elo_crc32c_way_t way, uint32_t crc, elo_slice_t s)
{
    switch (way) {
    case ELO_CRC32C_TRIPLE:
        return ~by_three(~crc, s.p, s.len);
    case ELO_CRC32C_SINGLE:
        return ~by_instruction(~crc, s.p, s.len);
    default:
        return ~by_table(~crc, s.p, s.len);
    }
}


uint32_t
elo_crc32c(uint32_t crc, elo_slice_t s)
{
    return elo_crc32c_by(elo_crc32c_best(), crc, s);
}
