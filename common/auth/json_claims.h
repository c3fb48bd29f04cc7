/* SPDX-License-Identifier: BSD-2-Clause */
/* json_claims: reads one small JSON object (RFC 8259; I-JSON, RFC 7493) for the
   few members that are asked for: header and claims of a token. No allocation:
   strings are unescaped in place. Stricter than JSON: a member that stands twice,
   at whatever depth, a name with an escape, text that isn't UTF-8, and NUL are
   refused. Not a general reader: that is the daemon's. Pure. */
#ifndef ELO_AUTH_JSON_CLAIMS_H
#define ELO_AUTH_JSON_CLAIMS_H

#include "common/base/err.h"
#include "common/base/slice.h"

#define ELO_JCLAIM_DEPTH 4u /* the object itself is 1 */
#define ELO_JCLAIM_MEMBERS                                                     \
    64u /* of one object; each is held against the others */

typedef enum {
    ELO_JCLAIM_ABSENT = 0,
    ELO_JCLAIM_TEXT,
    ELO_JCLAIM_UINT,  /* digits alone, at most UINT64_MAX */
    ELO_JCLAIM_TEXTS, /* an array of strings alone, or an empty one */
    ELO_JCLAIM_OTHER  /* null, true, another number, array or an object */
} elo_jclaim_kind_t;

/* A member that is asked for. */
typedef struct {
    elo_slice_t name;
    elo_slice_t *items; /* room for an array's strings, of the caller */
    uint32_t max_items;

    /* filled; slices borrow from the text that was read */
    elo_jclaim_kind_t kind;
    uint32_t n_items;
    elo_slice_t text;
    uint64_t number;
} elo_jclaim_t;

/* Reads text, which it overwrites, and fills the n members of want (kind ABSENT
   for what isn't there); others are checked and passed over. Nothing but blanks
   may stand around the object. ELO_EINVAL; ELO_ETOOBIG past depth, members or
   max_items. After an error text and want hold anything. */
elo_err_t elo_jclaims_read(uint8_t *text, size_t len, elo_jclaim_t *want,
                           uint32_t n) ELO_MUST_USE;

#endif
