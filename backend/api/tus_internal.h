/* SPDX-License-Identifier: BSD-2-Clause */
/* tus_internal: one request of the tus protocol, shared by tus.c (which of them
   may go, and the short ones) and tus_write.c (those that bring bytes).

   Of the requests for one upload one goes at a time. A further one takes over: the
   body of the one that goes is cut off, what came is kept, and then it is the
   further one's turn. A client that lost its connection thus never waits for the
   server to notice.

     begin ──► WAITING ── the other has ended ──► GOING ──► answered
        └──────────── none is going ───────────────┘              */
#ifndef ELO_API_TUS_INTERNAL_H
#define ELO_API_TUS_INTERNAL_H

#include "backend/api/pump.h"
#include "backend/api/put_ask.h"
#include "backend/api/tus_head.h"
#include "backend/store/resume.h"
#include "common/base/crypto.h"

struct elo_tus_s {
    elo_job_t job; /* first */
    elo_api_t *api;
    elo_http_req_t *req;
    elo_tus_t *next;   /* of those that go */
    elo_tus_t *waiter; /* whose turn is next */
    void (*go)(elo_tus_t *t);
    char id[ELO_UPLOAD_ID_LEN + 1]; /* "" before the creation */
    elo_pump_t *pump;               /* NULL: it brings no bytes */
    bool is_cut;                    /* req isn't ours any more */

    /* of a creation or PATCH */
    bool is_create;
    bool has_body;
    int64_t body_len; /* -1: not told */
    elo_tus_head_t head;
    elo_put_ask_t ask;
    elo_slice_t meta; /* the request's */
    char type[ELO_MIME_MAX + 1];

    /* worker; the loop looks when it has ended */
    elo_upload_t *up;
    elo_upload_stat_t stat; /* as answered */
    uint64_t start;         /* offset of the body's first byte */
    uint64_t since_sync;
    elo_sha1_t *sha1;
    elo_sha256_t *sha256;
    bool is_misplaced; /* Upload-Offset is not where the upload is */
    bool is_relength;  /* Upload-Length differs from what was told */
    elo_err_t err;
};

/* A request; NULL when that is answered. */
elo_tus_t *elo_tus_new(elo_call_t *c, void (*go)(elo_tus_t *t));

void elo_tus_free(elo_tus_t *t); /* one that has not begun */

/* Has it go, now or when it is its turn. */
void elo_tus_begin(elo_tus_t *t);

/* It is answered: frees it, and has the next one go. */
void elo_tus_end(elo_tus_t *t);

/* Answers what err says. */
void elo_tus_refuse(elo_tus_t *t, elo_err_t err, const char *detail);

/* Upload-Offset and the like, as t->stat has them. */
void elo_tus_put_state(const elo_tus_t *t);

/* [pool] All bytes are there: makes the blob; t->up is open. */
elo_err_t elo_tus_finish(elo_tus_t *t) ELO_MUST_USE;

/* Says which version is spoken here; false when the client speaks another, and
   that is answered. */
bool elo_tus_greet(elo_call_t *c) ELO_MUST_USE;

void elo_tus_read_fields(const elo_http_req_t *req, elo_tus_fields_t *out);

#endif
