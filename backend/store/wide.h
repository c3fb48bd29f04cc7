/* SPDX-License-Identifier: BSD-2-Clause */
/* wide: blobs that are sealed, and that a content node wider than sealed reaches
   refers to effectively (possess.h): its owner's copy, or, when he was promoted,
   anybody's. They are noted in table CARE ("wide", digest of the plaintext, which the node
   states too) until backend/care has written them in the clear. */
#ifndef ELO_STORE_WIDE_H
#define ELO_STORE_WIDE_H

#include "backend/store/store.h"

/* [commit] Perhaps: whether d is held and sealed is found out later. */
elo_err_t elo_wide_note_tx(elo_kv_tx_t *tx, const elo_digest_t *d) ELO_MUST_USE;

/* [work] The first that is noted after *after (NULL: of all). ELO_ENOTFOUND:
   none. out may be after. */
elo_err_t elo_store_wide_next(elo_store_t *s, const elo_digest_t *after,
                              elo_digest_t *out) ELO_MUST_USE;

/* [work] The sealed copy of what is noted, and whose it is. ELO_ENOTFOUND: there is
   none, or no wide node refers to it; ELO_ENOKEY: there is no keyring. */
elo_err_t elo_store_wide_stat(elo_store_t *s, const elo_digest_t *d,
                              elo_agent_t *agent,
                              elo_blob_stat_t *out) ELO_MUST_USE;

/* [commit] Is it right still that the agent's sealed copy of d is written in the
   clear? ELO_EPRECOND: the copy is gone, or no node that is wide refers to it
   effectively. */
elo_err_t elo_wide_check_tx(elo_store_t *s, elo_kv_tx_t *tx,
                            const elo_digest_t *d,
                            const elo_agent_t *agent) ELO_MUST_USE;

/* [work] The blob is there in the clear: strikes the note out, and the agent's
   sealed copy goes too. */
elo_err_t elo_store_wide_done(elo_store_t *s, const elo_digest_t *d,
                              const elo_agent_t *agent) ELO_MUST_USE;

/* [work] Strikes the note out, unless it is right after all when that is decided:
   held sealed, and referred to by a wide node. */
elo_err_t elo_store_wide_strike(elo_store_t *s,
                                const elo_digest_t *d) ELO_MUST_USE;

#endif
