/* SPDX-License-Identifier: BSD-2-Clause */
/* crc32c_internal: the ways of computing elo_crc32c, for its test. */
#ifndef ELO_KV_CRC32C_INTERNAL_H
#define ELO_KV_CRC32C_INTERNAL_H

#include "common/base/slice.h"

typedef enum {
    ELO_CRC32C_TABLE,  /* any CPU */
    ELO_CRC32C_SINGLE, /* SSE4.2: eight bytes an instruction */
    ELO_CRC32C_TRIPLE  /* and PCLMULQDQ: three streams side by side */
} elo_crc32c_way_t;

/* The best that this CPU has. */
elo_crc32c_way_t elo_crc32c_best(void);

/* way is not above elo_crc32c_best(). */
uint32_t elo_crc32c_by(elo_crc32c_way_t way, uint32_t crc, elo_slice_t s);

#endif
