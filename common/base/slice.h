/* SPDX-License-Identifier: BSD-2-Clause */
/* slice: borrowed bytes. A slice owns nothing and is not NUL-terminated. */
#ifndef ELO_BASE_SLICE_H
#define ELO_BASE_SLICE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

typedef struct {
    const uint8_t *p;
    size_t len;
} elo_slice_t;

/* A slice of a string literal, without its NUL. */
#define ELO_SLICE(lit)                                                         \
    ((elo_slice_t){ (const uint8_t *) ("" lit), sizeof(lit) - 1 })

static inline elo_slice_t
elo_slice(const void *p, size_t len)
{
    return (elo_slice_t){ (const uint8_t *) p, len };
}


/* Borrows a C string; NULL gives the empty slice. */
static inline elo_slice_t
elo_slice_str(const char *s)
{
    return (elo_slice_t){ (const uint8_t *) s, s == NULL ? 0 : strlen(s) };
}


static inline bool
elo_slice_eq(elo_slice_t a, elo_slice_t b)
{
    return a.len == b.len && (a.len == 0 || memcmp(a.p, b.p, a.len) == 0);
}


/* Equal when ASCII letters are folded to lower case. */
bool elo_slice_ieq(elo_slice_t a, elo_slice_t b);

bool elo_slice_has_prefix(elo_slice_t s, elo_slice_t prefix);

/* Strips spaces and tabs (RFC 9110, 5.6.3: OWS) from both ends. */
elo_slice_t elo_slice_trim(elo_slice_t s);

/* Decimal digits only, no sign, no blank; false when empty, not decimal or
   above UINT64_MAX. Writes *out only on success. */
bool elo_slice_u64(elo_slice_t s, uint64_t *out);

#endif
