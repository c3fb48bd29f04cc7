/* SPDX-License-Identifier: BSD-2-Clause */
/* wide: blobs that are sealed, and that a content node wider than sealed reaches
   refers to: noted in table CARE ("wide", digest of the plaintext, which the node
   states too) until backend/care has written them in the clear. */
#ifndef ELO_STORE_WIDE_H
#define ELO_STORE_WIDE_H

#include "backend/store/store.h"

/* [commit] Perhaps: whether d is held and sealed is found out later. */
elo_err_t elo_wide_note_tx(elo_kv_tx_t *tx, const elo_digest_t *d) ELO_MUST_USE;

/* [work] The first that is noted, whose it is, and its sealed copy. ELO_ENOTFOUND:
   none. Notes about what isn't held sealed are struck out on the way. */
elo_err_t elo_store_wide_next(elo_store_t *s, elo_digest_t *d,
                              elo_agent_t *agent,
                              elo_blob_stat_t *out) ELO_MUST_USE;

/* [work] Strikes the note out; with is_clear (the blob is there in the clear now)
   the agent's sealed copy goes too. */
elo_err_t elo_store_wide_done(elo_store_t *s, const elo_digest_t *d,
                              const elo_agent_t *agent,
                              bool is_clear) ELO_MUST_USE;

#endif
