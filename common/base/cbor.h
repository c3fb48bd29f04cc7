/* SPDX-License-Identifier: BSD-2-Clause */
/* cbor: reads and writes the deterministic part of CBOR (RFC 8949, 4.2.1), so that
   one value has one form: shortest heads, definite lengths, maps with unsigned
   keys in ascending order; no floats, no tags, no simple values but false, true and
   null. Pure; allocates nothing. */
#ifndef ELO_BASE_CBOR_H
#define ELO_BASE_CBOR_H

#include "common/base/buf.h"

#define ELO_CBOR_DEPTH 8u /* arrays and maps in each other */

/* Major types (RFC 8949, 3.1). */
typedef enum {
    ELO_CBOR_UINT = 0,
    ELO_CBOR_NEGATIVE = 1,
    ELO_CBOR_BYTES = 2,
    ELO_CBOR_TEXT = 3,
    ELO_CBOR_ARRAY = 4,
    ELO_CBOR_MAP = 5,
    ELO_CBOR_SIMPLE = 7
} elo_cbor_major_t;

/* A read cursor over borrowed bytes. The first fault is sticky: it is told in why,
   every further read fails, and outputs stay as they were. */
typedef struct {
    const uint8_t *p, *end;
    const char *why; /* static; NULL: no fault */
} elo_cbor_t;

void elo_cbor_init(elo_cbor_t *r, elo_slice_t bytes);

bool elo_cbor_uint(elo_cbor_t *r, uint64_t *v);
bool elo_cbor_bytes(elo_cbor_t *r, elo_slice_t *v); /* borrowed */
bool elo_cbor_text(elo_cbor_t *r, elo_slice_t *v);  /* UTF-8 (RFC 3629) */
/* Is a null next? It is then read; else nothing is, and no fault is noted. */
bool elo_cbor_null(elo_cbor_t *r);
bool elo_cbor_array(elo_cbor_t *r, uint64_t *n); /* n items follow */

/* A map that is being read: elo_cbor_map, then for each pair elo_cbor_key and a read
   of its value. False from elo_cbor_key: no more pairs, or a fault. */
typedef struct {
    uint64_t _left;
    uint64_t _last;
    bool _is_begun;
} elo_cbor_map_t;
bool elo_cbor_map(elo_cbor_t *r, elo_cbor_map_t *m);
bool elo_cbor_key(elo_cbor_t *r, elo_cbor_map_t *m, uint64_t *key);

/* Judges one item with all that it holds; its bytes, if v isn't NULL. */
bool elo_cbor_item(elo_cbor_t *r, elo_slice_t *v);

/* Nothing may follow. False with a fault, then or before. */
bool elo_cbor_end(elo_cbor_t *r);

/* Writers, in shortest form. The order of a map's keys is the caller's duty. */
void elo_cbor_put_head(elo_buf_t *b, elo_cbor_major_t major, uint64_t v);
void elo_cbor_put_uint(elo_buf_t *b, uint64_t v);
void elo_cbor_put_bytes(elo_buf_t *b, elo_slice_t v);
void elo_cbor_put_text(elo_buf_t *b, elo_slice_t v);
void elo_cbor_put_null(elo_buf_t *b);

#endif
