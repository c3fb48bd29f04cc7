/* SPDX-License-Identifier: BSD-2-Clause */
/* warm_list: what a daemon tells an edge to take in before it is asked for
   (GET /internal/v1/warm), as backend/edge/warm.h writes it. Pure; borrows. */
#ifndef ELO_HTTP_WARM_LIST_H
#define ELO_HTTP_WARM_LIST_H

#include "common/base/cid.h"
#include "common/base/err.h"

#define ELO_WARM_PLACE_MAX 64u
#define ELO_WARM_AGAIN_MAX 3600u /* s */

typedef struct {
    elo_slice_t place; /* where to go on: letters, digits and "-"; not empty */
    uint32_t again_s;  /* when to ask again; 1 to ELO_WARM_AGAIN_MAX */
    elo_slice_t lines; /* those that are left */
} elo_warm_list_t;

typedef struct {
    elo_slice_t name; /* a content id, or an address */
    elo_digest_t digest;
    uint64_t size;  /* not 0 */
    uint64_t first; /* unit, of 1 MiB, of one that isn't held */
    uint64_t count; /* of units, not 0; of one that is held: 0, as first */
    bool is_held;
} elo_warm_item_t;

/* ELO_EUNSUPPORTED: of another version; ELO_EINVAL: malformed. */
elo_err_t elo_warm_list_parse(elo_slice_t text,
                              elo_warm_list_t *out) ELO_MUST_USE;
/* Takes the first of the lines. ELO_ENOTFOUND: there is none left; ELO_EINVAL: it is
   malformed, and is there still. */
elo_err_t elo_warm_list_next(elo_warm_list_t *list,
                             elo_warm_item_t *out) ELO_MUST_USE;

#endif
