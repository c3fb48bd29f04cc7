/* SPDX-License-Identifier: BSD-2-Clause */
/* resume: uploads that go on after an interruption. Threads as in store.h. */
#ifndef ELO_STORE_RESUME_H
#define ELO_STORE_RESUME_H

#include "backend/store/put.h"

#define ELO_UPLOAD_ID_LEN   32 /* hex digits; unguessable */
#define ELO_UPLOAD_META_MAX 4096

typedef struct {
    char id[ELO_UPLOAD_ID_LEN + 1];
    uint64_t offset;                /* durable */
    uint64_t length;                /* UINT64_MAX: not told yet */
    int64_t created_at, expires_at; /* Unix seconds */
    elo_agent_t agent;              /* on whose account it is */
    bool is_final;                  /* its blob was made: digest */
    elo_digest_t digest;
    uint64_t size;
    char meta[ELO_UPLOAD_META_MAX + 1]; /* as the client sent it */
} elo_upload_stat_t;

typedef struct elo_upload_s elo_upload_t;

/* [work] Opens a fresh upload. meta: opaque text. opt as for a put. */
elo_err_t elo_upload_create(elo_store_t *s, const elo_put_opt_t *opt,
                            uint64_t length, elo_slice_t meta,
                            elo_upload_stat_t *out) ELO_MUST_USE;
/* [any] ELO_ENOTFOUND; ELO_EGONE when it has expired or was ended (kept as such
   for a while); ELO_ENOKEY: sealed, and this node can't read its names. */
elo_err_t elo_upload_stat(elo_store_t *s, elo_slice_t id,
                          elo_upload_stat_t *out) ELO_MUST_USE;
/* [work] One writer at a time: ELO_EBUSY. After a restart the bytes that are there
   are hashed again here, once. ELO_ENOTFOUND, ELO_EGONE as above; ELO_EEXISTS when
   it is final; ELO_ENOKEY; ELO_ECORRUPT when its file is damaged: it can only be
   removed. */
elo_err_t elo_upload_open(elo_store_t *s, elo_slice_t id,
                          elo_upload_t **out) ELO_MUST_USE;
uint64_t elo_upload_offset(const elo_upload_t *u); /* received */
/* [work] At the offset. ELO_ETOOBIG past the length: nothing is taken. After any
   other error elo_upload_offset says where to go on: where it is durable to. */
elo_err_t elo_upload_write(elo_upload_t *u, elo_slice_t bytes) ELO_MUST_USE;
/* [work] Sets a length that wasn't told. ELO_EEXISTS when it differs; ELO_EINVAL
   when more has come. */
elo_err_t elo_upload_set_length(elo_upload_t *u, uint64_t length) ELO_MUST_USE;
/* [work] Back to an offset at or after the last sync (a checksum that was wrong),
   else ELO_EINVAL. What is kept is read and hashed again. */
elo_err_t elo_upload_rewind(elo_upload_t *u, uint64_t offset) ELO_MUST_USE;
/* [work] Makes what was written durable: the offset survives from here. */
elo_err_t elo_upload_sync(elo_upload_t *u) ELO_MUST_USE;
/* [work] All bytes are there (ELO_EINVAL when not): makes the blob, as
   elo_put_commit. The upload stays as final until it expires; after ELO_EHASH it is
   ended; after other errors it can be tried again. A length that was never told is
   what has come. */
elo_err_t elo_upload_finish(elo_upload_t *u, elo_blob_stat_t *out,
                            bool *existed) ELO_MUST_USE;
/* [work] Keeps it for later, with what has come, if it can still be synced. */
void elo_upload_close(elo_upload_t **u);
/* [work] Termination, with or without its key. ELO_EBUSY while it is open. */
elo_err_t elo_upload_remove(elo_store_t *s, elo_slice_t id) ELO_MUST_USE;
/* [work] Removes what has expired; *n of them. One that can't be removed keeps no
   other; the last error is told at the end. */
elo_err_t elo_upload_expire(elo_store_t *s, int64_t now_s,
                            uint32_t *n) ELO_MUST_USE;

#endif
