/* SPDX-License-Identifier: BSD-2-Clause */
/* zone: shared memory that holds several structures (parts) and outlives whoever dies
   while he changes them. Its layout is fixed when it is made.

   Who changes something does so under the caller's mutex, between elo_zone_begin and
   elo_zone_end, with the dirty mark set. Who dies there leaves the mark: whoever has
   the mutex next finds it, and the zone is closed. Readers take no mutex; those who
   are in it then have ELO_ZONE_CLOSED_MS to come out (they need microseconds), before
   all parts start over, empty.

     open ──begin, dirty──▶ closed ──begin, later──▶ due ──restart──▶ open

   offset  size  field
        0     8  magic "ELOZONE\0"
        8     4  version of this layout
       12     4  number of parts
       16     8  fingerprint of the parts' configuration
       24     4  dirty: a change is under way, or broke off
       28     4  sequence: odd while the zone is closed
       32     8  length of the memory
       40     8  closed until (ms of the caller's clock)
       64  8 each  offsets of the parts, from here */
#ifndef ELO_CACHE_ZONE_H
#define ELO_CACHE_ZONE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/err.h"

#define ELO_ZONE_MAGIC   "ELOZONE"
#define ELO_ZONE_VERSION 1u
#define ELO_ZONE_PARTS   8u

/* Longer than a process waits for a processor; far below the second that a revocation
   may take. */
#define ELO_ZONE_CLOSED_MS 250u

typedef struct elo_zone_s elo_zone_t;

/* One structure of the zone. */
typedef struct elo_zone_part_s elo_zone_part_t;
struct elo_zone_part_s {
    /* Makes it, empty, of bytes that are zero. It fails always or never. */
    elo_err_t (*init)(const elo_zone_part_t *self, void *mem, uint64_t seed);
    const void *conf; /* of init */
    size_t bytes;
};

/* Of memory aligned to 64. */
size_t elo_zone_bytes(const elo_zone_part_t *parts, uint32_t n);

/* mem: zeroes, as fresh memory of the kernel is. ELO_ENOSPC: len is less than
   elo_zone_bytes; or what a part's init says. */
elo_err_t elo_zone_init(void *mem, size_t len, const elo_zone_part_t *parts,
                        uint32_t n, uint64_t fingerprint, uint64_t seed,
                        elo_zone_t **out) ELO_MUST_USE;

/* What lies at mem, if it is a zone of this version, length and fingerprint; NULL. */
elo_zone_t *elo_zone_at(void *mem, size_t len, uint64_t fingerprint);

void *elo_zone_part(const elo_zone_t *z, uint32_t i);

typedef enum {
    ELO_ZONE_OPEN,   /* the mark is set: change it, then elo_zone_end */
    ELO_ZONE_DUE,    /* likewise, once elo_zone_restart was called */
    ELO_ZONE_BROKEN, /* somebody has died in a change: it is closed from now on */
    ELO_ZONE_CLOSED  /* nothing may be touched */
} elo_zone_state_e;

/* Under the mutex; now_ms: of a clock that doesn't go back. */
elo_zone_state_e elo_zone_begin(elo_zone_t *z, uint64_t now_ms);
void elo_zone_end(elo_zone_t *z);
/* Zeroes all parts, makes them anew, and opens the zone. */
void elo_zone_restart(elo_zone_t *z, const elo_zone_part_t *parts, uint32_t n,
                      uint64_t seed);

/* May its parts be read? What was read counts if they have stayed what they were.
   [any] */
bool elo_zone_enter(const elo_zone_t *z, uint32_t *seq);
bool elo_zone_is_same(const elo_zone_t *z, uint32_t seq);

#endif
