/* SPDX-License-Identifier: BSD-2-Clause */
/* blob_send: bytes of a blob as the body of an answer. */
#ifndef ELO_API_BLOB_SEND_H
#define ELO_API_BLOB_SEND_H

#include "backend/api/api_internal.h"
#include "common/http/range.h"

/* Opens the blob, sets status and headers of its own by head(ctx, req), and
   streams range of it, decrypted if need be. An error before the first byte is answered as a problem,
   one behind it cuts the connection. ctx is copied, ctx_len bytes. */
typedef struct {
    elo_blob_stat_t stat; /* of the blob, as just looked up */
    elo_range_t range;
    void (*head)(const void *ctx, elo_http_req_t *req);
    const void *ctx;
    size_t ctx_len;
} elo_blob_send_t;

void elo_blob_send(elo_api_t *a, elo_http_req_t *req,
                   const elo_blob_send_t *what);

#endif
