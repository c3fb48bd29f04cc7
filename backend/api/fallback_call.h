/* SPDX-License-Identifier: BSD-2-Clause */
/* fallback_call: requests for what isn't held, but lives elsewhere. They wait until it
   is fetched and verified, for as long as the operator lets them. */
#ifndef ELO_API_FALLBACK_CALL_H
#define ELO_API_FALLBACK_CALL_H

#include "backend/api/api_internal.h"
#include "backend/fallback/fallback.h"
#include "common/http/range.h"

/* What stands in for the store, for one call. */
typedef struct elo_fetched_s {
    const elo_want_t *want;
    elo_copy_t *copy;
    bool is_by_hash;
} elo_fetched_t;

/* A node that the caller may read names what the call asks for, and where it is:
   true, the call is answered later, by c->again anew if it comes. */
bool elo_call_take_fallback(elo_call_t *c) ELO_MUST_USE;

/* What a copy is, as if it were found in the store. */
void elo_fetched_target(const elo_fetched_t *f, elo_target_t *out);

/* The widest of the nodes that name it (of a content id, that node), for the
   Doorway, which judges itself; of several the one whose size is known to be right.
   Where none is, and they state different ones, size is 0. ELO_ENOTFOUND. Dispose of
   *out. */
elo_err_t elo_fallback_find(elo_api_t *a, elo_slice_t text,
                            elo_want_t *out) ELO_MUST_USE;

/* ---- fallback_root.c ---- */

/* Fills the root of a want, and its size, where they are stated by whom this node
   believes: its owner; an administrator, of what is his own. That is as good as bytes
   that were looked at. It isn't anybody's: the hash may be named by others too, who
   would read, by that hash, what its tree says. */
void elo_fallback_root(elo_api_t *a, elo_want_t *want);

/* Grants end when a root is stated of what they are about. */
void elo_fallback_watch_roots(elo_api_t *a);

/* ---- fallback_send.c ---- */

/* A range of a copy as the body of an answer; head, ctx as of elo_blob_send. Takes
   references of its own. */
void elo_fetched_send(elo_api_t *a, elo_http_req_t *req,
                      const elo_fetched_t *from, elo_range_t range,
                      void (*head)(const void *ctx, elo_http_req_t *req),
                      const void *ctx, size_t ctx_len);

/* One chunk of a copy: done once, later: bytes are borrowed for the call; err not
   ELO_OK: there are none. */
typedef void (*elo_fetched_chunk_cb)(void *ctx, elo_err_t err,
                                     elo_slice_t bytes);
void elo_fetched_chunk(elo_api_t *a, const elo_fetched_t *from, uint32_t number,
                       elo_fetched_chunk_cb done, void *ctx);

/* Why there are no bytes, and when to come again. */
void elo_fetched_reply_err(elo_api_t *a, elo_http_req_t *req,
                           const elo_want_t *want, elo_err_t err);

#endif
