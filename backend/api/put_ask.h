/* SPDX-License-Identifier: BSD-2-Clause */
/* put_ask: what an upload states of itself beside its bytes. Of several
   statements of its reach (header, ?reach=, metadata) the narrowest holds. */
#ifndef ELO_API_PUT_ASK_H
#define ELO_API_PUT_ASK_H

#include "backend/api/api_internal.h"
#include "backend/store/put.h"

#define ELO_WAIT_DEFAULT_S 30u
#define ELO_WAIT_MAX_S     300u

/* How an upload is answered: by the path that it came by. */
typedef enum {
    ELO_PUT_OURS = 0,
    ELO_PUT_MANIFEST, /* /blob/…: a shard manifest, and ours behind; always 201 */
    ELO_PUT_SHARD     /* /shard/… */
} elo_put_shape_t;

typedef struct {
    elo_put_opt_t opt;  /* borrows from the request, and from _invited */
    bool wants_durable; /* to be answered when it is, or after wait_ms */
    bool is_preferred;  /* asked for by Prefer, to be confirmed */
    uint32_t wait_ms;
    elo_put_shape_t shape;
    elo_agent_t *_invited;
    unsigned _n_reach; /* statements of it */
} elo_put_ask_t;

/* Reads it. ELO_EINVAL with a sentence in *why; ELO_ENOMEM. Dispose of it in any
   case. */
elo_err_t elo_put_ask_read(const elo_call_t *c, elo_put_ask_t *out,
                           const char **why) ELO_MUST_USE;
void elo_put_ask_dispose(elo_put_ask_t *a);

/* A further statement, of an upload's metadata; text may be empty: none. */
elo_err_t elo_put_ask_narrow(elo_put_ask_t *a, elo_slice_t text) ELO_MUST_USE;

/* A media type that is worth keeping; else empty. */
elo_slice_t elo_put_ask_type(elo_slice_t stated);

/* ---- put_reply.c ---- */

/* Answers an upload: at once, or, where that was asked for, when the blob is
   durable. Takes what it needs of ask. */
void elo_put_reply(elo_api_t *a, elo_http_req_t *req, const elo_put_ask_t *ask,
                   const elo_blob_stat_t *st, bool existed);

/* And one that failed. */
void elo_put_refuse(elo_http_req_t *req, elo_err_t err);

#endif
