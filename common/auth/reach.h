/* SPDX-License-Identifier: BSD-2-Clause */
/* reach: who may see a content, its names and numbers. Pure; module and daemon
   call the same code. What a reach lets whom do: gate.h. */
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

/* Exact lower-case name; false, and *out untouched, for anything else. */
bool elo_reach_parse(elo_slice_t name, elo_reach_t *out);

/* As elo_reach_parse, but missing or unknown means private. */
elo_reach_t elo_reach_or_private(elo_slice_t name);

/* Static lower-case name; "private" for a number that is none. */
const char *elo_reach_name(elo_reach_t reach);

/* Nodes that are to hold content of this reach. */
uint32_t elo_reach_wanted(elo_reach_t reach);

#endif
