/* SPDX-License-Identifier: BSD-2-Clause */
/* compat: what answers of ours carry for existing clients of the network. */
#ifndef ELO_API_COMPAT_H
#define ELO_API_COMPAT_H

#include "backend/api/api_internal.h"
#include "backend/json/json_write.h"

/* Of /health and /ready: members of the Doorway's of that system, into an open
   object. */
void elo_compat_put_health(elo_json_writer_t *w, const elo_api_t *a);

#endif
