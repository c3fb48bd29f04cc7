/* SPDX-License-Identifier: BSD-2-Clause */
/* accept: what a put decides on the commit thread, large or small, in the clear or
   sealed: whether the blob is known, whether quota and queue have room for it, and
   all rows that it writes. What happens at the same time can't be seen half: two
   puts of the same bytes become one blob, and no quota is overdrawn. */
#ifndef ELO_STORE_ACCEPT_H
#define ELO_STORE_ACCEPT_H

#include "backend/store/files.h"
#include "backend/store/put_internal.h"

/* Filled in by the caller; all is borrowed until the operation is done. */
typedef struct {
    elo_store_t *s;
    const elo_put_opt_t *opt;
    const elo_digest_t *plain;
    uint64_t size; /* of the plaintext */
    /* sealed; object NULL: in the clear */
    const elo_digest_t *object, *blind;
    elo_slice_t envelope;
    /* what is stored: data, or, with file not NULL, a published file; or neither,
       in the belief that it is there already */
    const elo_slice_t *data;
    uint32_t n_data;
    elo_newfile_t *file;
    bool has_tree; /* what is stored is longer than a chunk */
    const elo_digest_t *root;
    elo_slice_t layer;
    uint64_t
        broken_file; /* one that a look before has found damaged; 0: none */

    /* results */
    elo_blob_stat_t *stat;
    bool existed;         /* this agent had sent it before */
    bool has_referrers;   /* their slots are to be bumped */
    uint64_t dead;        /* file to be buried; 0: none */
    elo_task_mark_t mark; /* for elo_task_joined */
} elo_accept_t;

/* [commit] In the run of the operation. ELO_EAGAIN: the bytes are needed after
   all. */
elo_err_t elo_accept_tx(elo_accept_t *a, elo_kv_tx_t *tx) ELO_MUST_USE;

/* [any] When it is durable, before anybody is told (S5). */
void elo_accepted(elo_store_t *s, const elo_digest_t *plain, bool has_referrers,
                  const elo_task_mark_t *mark);

/* [any] ELO_EINVAL: an unknown reach, too many invited, a content type that may
   not become a header field. */
elo_err_t elo_put_opt_check(const elo_put_opt_t *opt) ELO_MUST_USE;

#endif
