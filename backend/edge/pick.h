/* SPDX-License-Identifier: BSD-2-Clause */
/* pick: which contents a selector means: an id, the beginning of ids, a tag, a reach;
   and with them what edges may keep: slots of the generation page, and digests. In
   budgets: a walk over many is some calls, between which it keeps nothing open. */
#ifndef ELO_EDGE_PICK_H
#define ELO_EDGE_PICK_H

#include "backend/store/node_find.h"
#include "backend/store/purge.h"

typedef enum {
    ELO_PICK_ADDRESS, /* a blob, and what refers to it */
    ELO_PICK_CONTENT,
    ELO_PICK_PREFIX,
    ELO_PICK_TAG,
    ELO_PICK_REACH, /* as stated, whatever its life */
    ELO_PICK_ALL    /* no walk */
} elo_pick_by_t;
#define ELO_PICK_BYS 6

#define ELO_PICK_TEXT_MAX 512u /* a tag: 128 characters */

typedef struct {
    elo_pick_by_t by;
    elo_reach_t reach;
    elo_digest_t digest;
    char text[ELO_PICK_TEXT_MAX + 1]; /* of content, prefix and tag */
    bool is_ones;                     /* of this owner only: */
    elo_agent_t owner;                /* zero: the operator */
} elo_pick_ask_t;

/* More than these are ELO_ERANGE. */
#define ELO_PICK_CONTENTS_MAX 4096u
#define ELO_PICK_BLOBS_MAX    16384u

typedef struct {
    elo_pick_ask_t ask;
    uint32_t n_contents;
    bool is_end;
    elo_slots_t slots;     /* of contents, and of blobs that aren't among: */
    elo_digest_t *digests; /* each once, at the end; n_digests */
    uint32_t n_digests;
    uint32_t _cap;
    elo_node_at_t _at;
    elo_err_t _err;
} elo_pick_t;

/* A content or a prefix is one that elo_content_id_ok takes. */
void elo_pick_init(elo_pick_t *p, const elo_pick_ask_t *ask);
void elo_pick_dispose(elo_pick_t *p);

/* [any] Looks at so many candidates more; p->is_end when that was all. Blobs that edges
   don't keep, for they are sealed or of narrow contents, are among the slots, not
   among the digests. ELO_ERANGE: too many; ELO_ENOMEM. */
elo_err_t elo_pick_step(elo_pick_t *p, elo_store_t *s,
                        uint32_t budget) ELO_MUST_USE;

#endif
