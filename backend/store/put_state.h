/* SPDX-License-Identifier: BSD-2-Clause */
/* put_state: a put on its way: what put.c fills and put_commit.c ends. */
#ifndef ELO_STORE_PUT_STATE_H
#define ELO_STORE_PUT_STATE_H

#include "backend/store/accept.h"
#include "backend/store/put_internal.h"
#include "backend/store/seal.h"
#include "backend/store/sink.h"

struct elo_put_s {
    uint32_t magic;
    elo_store_t *s; /* borrowed */
    elo_put_opt_t opt;
    uint8_t type[ELO_MIME_MAX];
    elo_agent_t *invited;              /* copy; NULL: nobody */
    char name[ELO_STORE_NAME_MAX + 1]; /* of elo_put_begin_at, else "" */
    bool is_named;                     /* durably */
    elo_err_t err;    /* first failure: nothing but abort works after it */
    uint64_t size;    /* of the plaintext */
    uint64_t checked; /* size at the last look at the quota */
    elo_sha256_t *sha;
    /* narrow content */
    bool is_sealed;
    elo_content_key_t *key; /* secret */
    elo_sealer_t sealer;
    /* where the bytes are: in memory while they may be few enough for the log (of
       narrow content, in the sealer), then in a file */
    elo_buf_t mem;
    bool in_file;
    elo_newfile_t file;
    elo_sink_t sink;
};

/* Opens the file, and what hashes what goes in. */
elo_err_t elo_put_to_file(elo_put_t *p) ELO_MUST_USE;

/* Frees all; rc as for elo_newfile_end. */
void elo_put_free(elo_put_t **pp, elo_err_t rc);

#endif
