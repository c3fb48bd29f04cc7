/* SPDX-License-Identifier: BSD-2-Clause */
/* index_look: an index that is only looked at: nothing is made, written or
   locked, so nobody may write to it meanwhile. */
#ifndef ELO_KV_INDEX_LOOK_H
#define ELO_KV_INDEX_LOOK_H

#include "backend/kv/index.h"

/* For reading only; close with elo_index_close. ELO_ENOTFOUND: there is none.
   ELO_EUNSUPPORTED: of another version. ELO_ECORRUPT: it can't be believed. Pages
   aren't looked at: see below. */
elo_err_t elo_index_look(const elo_kv_cfg_t *cfg,
                         elo_index_t **out) ELO_MUST_USE;

/* Reads every row, state, counter and list of free pages. ELO_ECORRUPT: something
   is wrong with one. LMDB believes what it maps: with damaged pages this may end
   the process by a signal, so it is for a child (backend/os/probe.h). */
elo_err_t elo_index_walk(const elo_kv_cfg_t *cfg) ELO_MUST_USE;

#endif
