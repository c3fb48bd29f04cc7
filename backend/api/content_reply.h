/* SPDX-License-Identifier: BSD-2-Clause */
/* content_reply: answers that tell of a content's life. Loop thread. */
#ifndef ELO_API_CONTENT_REPLY_H
#define ELO_API_CONTENT_REPLY_H

#include "backend/api/api_internal.h"

/* X-Lifecycle: of what is stale, deprecated or archived. */
void elo_content_mark(elo_http_req_t *req, elo_lifecycle_t l);

/* The same as flags of a descriptor for the Doorway (common/http/wire.h). */
uint8_t elo_content_wire_life(elo_lifecycle_t l);

/* {"id", "version", "lifecycle", "forgottenAt"}, of a tombstone's row. With an error
   (else ELO_OK), its members too. */
void elo_content_put_forgotten(elo_buf_t *json, elo_slice_t id,
                               const elo_node_head_t *head, elo_err_t err);

/* There is no such content. Its owner and the operator are told that it was forgotten,
   if so (410); to others there never was one (404). */
void elo_content_reply_missing(const elo_call_t *c, elo_slice_t id);

#endif
