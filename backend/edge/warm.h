/* SPDX-License-Identifier: BSD-2-Clause */
/* warm: lists of blobs that edges are to take in before they are asked for. In memory,
   bounded, and handed out in units, one after the other, no faster than each list's
   rate: a unit is a blob that is held here (the edge asks for its grant, and reads it if
   it is small), or 1 MiB of one that isn't. An edge says from which unit on it wants
   some, so that each gets all of them, and may ask again. Loop thread. */
#ifndef ELO_EDGE_WARM_H
#define ELO_EDGE_WARM_H

#include "common/base/buf.h"
#include "common/base/cid.h"
#include "common/base/keys.h"

#define ELO_WARM_LISTS_MAX 16u
#define ELO_WARM_NAMES_MAX 10000u /* of a list; of all, twice as many blobs */
#define ELO_WARM_BLOBS_MAX 20000u
#define ELO_WARM_UNIT      (1u << 20) /* bytes of one that isn't held */
#define ELO_WARM_RATE      (8u << 20) /* bytes a second, unless it is said */
#define ELO_WARM_KEEP_MS                                                       \
    3600000u /* for further edges, when all was handed out */

typedef struct {
    elo_digest_t digest;
    uint64_t size; /* not 0 */
    bool is_held;
    char name[ELO_CONTENT_ID_MAX + 1]; /* to ask by: a content id, an address */
} elo_warm_blob_t;

typedef struct elo_warm_s elo_warm_t;

/* run: of this start of the daemon; places of another one are no good. */
elo_err_t elo_warm_create(uint64_t run, elo_warm_t **out) ELO_MUST_USE;
void elo_warm_free(elo_warm_t **w);

/* Bytes that a blob costs its list: of one that is held, none past a unit. */
uint64_t elo_warm_cost(const elo_warm_blob_t *b);

/* Takes n blobs (1 or more) over with *blobs (which malloc gave), as a list of whoever
   asked for it (zero: the operator's). rate: bytes a second, not 0. ELO_ENOSPC: there
   are too many lists, or blobs; nothing was taken. */
elo_err_t elo_warm_add(elo_warm_t *w, const elo_agent_t *by, uint64_t rate,
                       elo_warm_blob_t **blobs, uint32_t n,
                       uint64_t now_ms) ELO_MUST_USE;

/* Appends to out what comes from that place on (place_of, or an empty one), at most n
   lines:
     "elohim-warm 1 <place> <seconds>\n"   where to go on, and when
     "<name> <64 hex> <size> <first> <count> held|remote\n"
   first and count: units of one that isn't held; 0 0 of one that is. A place that is
   none of this run's is the first there is. is_busy: nothing now. */
void elo_warm_next(elo_warm_t *w, elo_slice_t place, uint32_t n, bool is_busy,
                   uint64_t now_ms, elo_buf_t *out);

typedef struct {
    uint32_t lists;            /* that aren't done */
    uint64_t done, done_bytes; /* blobs, and bytes, that an edge was told of */
    uint64_t left, left_bytes;
} elo_warm_status_t;
/* by NULL: of all. */
void elo_warm_status(const elo_warm_t *w, const elo_agent_t *by,
                     elo_warm_status_t *out);

/* Ends his lists (by NULL: all). How many. */
uint32_t elo_warm_end(elo_warm_t *w, const elo_agent_t *by);

#endif
