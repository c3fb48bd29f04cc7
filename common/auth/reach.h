/* SPDX-License-Identifier: BSD-2-Clause */
/* reach: who may see a content. Pure; module and daemon call the same code.
   The table of the model: docs/architecture.md. */
#ifndef ELO_AUTH_REACH_H
#define ELO_AUTH_REACH_H

#include <stdint.h>

#include "common/base/slice.h"

/* Ordered: a wider reach is a larger number. The numbers are wire format. */
typedef enum {
    ELO_REACH_PRIVATE = 0,
    ELO_REACH_INVITED = 1,
    ELO_REACH_LOCAL = 2,
    ELO_REACH_NEIGHBORHOOD = 3,
    ELO_REACH_MUNICIPAL = 4,
    ELO_REACH_BIOREGIONAL = 5,
    ELO_REACH_REGIONAL = 6,
    ELO_REACH_COMMONS = 7
} elo_reach_t;

#define ELO_REACH_COUNT 8

/* What is known of a caller with regard to one content. */
typedef enum {
    ELO_CALLER_ANONYMOUS = 0, /* no proof, or a proof that admits nothing */
    ELO_CALLER_OWNER = 1      /* the content's owner */
} elo_caller_t;

/* Exact lower-case name; false, and *out untouched, for anything else. */
bool elo_reach_parse(elo_slice_t name, elo_reach_t *out);

/* As elo_reach_parse, but missing or unknown means private. */
elo_reach_t elo_reach_or_private(elo_slice_t name);

/* Static lower-case name; "private" for a number that is none. */
const char *elo_reach_name(elo_reach_t reach);

/* Nodes that are to hold content of this reach. */
uint32_t elo_reach_wanted(elo_reach_t reach);

/* The gate: may a caller read content of this reach? ceiling narrows (a
   ?reach= on the request): content wider than its ceiling is not hidden, but
   the answer is given as if the content had the narrower of both. A reach
   outside the table is refused. */
bool elo_reach_may_read(elo_reach_t reach, elo_caller_t caller,
                        elo_reach_t ceiling);

#endif
