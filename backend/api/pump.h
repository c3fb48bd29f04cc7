/* SPDX-License-Identifier: BSD-2-Clause */
/* pump: the body of a request to a pool thread, buffer by buffer: while one is
   worked on, the next is filled from the socket. Loop thread, but for work.

     fill ──► full ──► work (pool) ──► empty ──► fill …

   The first call of work comes with no bytes, before anything is read: what is
   refused there is refused before the client sends it. */
#ifndef ELO_API_PUMP_H
#define ELO_API_PUMP_H

#include "backend/api/api_internal.h"

typedef struct elo_pump_s elo_pump_t;

typedef struct {
    elo_api_t *api;
    elo_http_req_t *req;
    uint64_t max; /* bytes; past it the body is ELO_ETOOBIG */
    /* [pool] In order, one call at a time. An error is the end. */
    elo_err_t (*work)(void *ctx, elo_slice_t bytes);
    /* [pool] The last call, with the bytes that came in all: err is ELO_OK when
       the body ended, ELO_ECLOSED when the client went, ELO_ETOOBIG, or what work
       answered. */
    void (*end)(void *ctx, elo_err_t err, uint64_t received);
    /* Then, on the loop. After ELO_ECLOSED the exchange is the caller's to
       abort. */
    void (*done)(void *ctx);
    void *ctx;
} elo_pump_cfg_t;

/* ELO_ENOMEM: nothing was called. */
elo_err_t elo_pump_start(const elo_pump_cfg_t *cfg,
                         elo_pump_t **out) ELO_MUST_USE;

/* Reads no further, and ends as if the client had gone; what it has is worked on.
   The exchange is aborted here, unless it is false: the body has ended already.
   Not after done. */
bool elo_pump_cut(elo_pump_t *p) ELO_MUST_USE;

#endif
