/* SPDX-License-Identifier: BSD-2-Clause */
/* manifest: what a blob is made of, in the members and the spelling that existing
   clients of shard manifests read. */
#ifndef ELO_API_MANIFEST_H
#define ELO_API_MANIFEST_H

#include "backend/json/json_write.h"
#include "backend/store/store.h"
#include "common/auth/reach.h"

/* The members, into an open object. */
void elo_manifest_put(elo_json_writer_t *w, const elo_blob_stat_t *st,
                      const char *type, elo_reach_t reach);

#endif
