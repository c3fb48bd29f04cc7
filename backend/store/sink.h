/* SPDX-License-Identifier: BSD-2-Clause */
/* sink: where the bytes of a large blob go: into its file and its hash tree (and,
   of an object, into its digest), large pieces with the help of the crew, while
   the caller does something else. One thread at a time. */
#ifndef ELO_STORE_SINK_H
#define ELO_STORE_SINK_H

#include "backend/store/crew.h"
#include "backend/store/files.h"
#include "common/base/crypto.h"
#include "common/base/hash_tree.h"

typedef struct elo_sink_s elo_sink_t;

typedef struct {
    elo_crew_part_t part;
    elo_sink_t *sink;
    elo_err_t rc;
} elo_sink_part_t;

struct elo_sink_s {
    elo_newfile_t *file; /* borrowed */
    elo_crew_t *crew;    /* borrowed */
    elo_tree_t *tree;
    elo_sha256_t *sha; /* NULL: somebody else hashes the whole */
    bool is_given;     /* bytes are with the crew */
    elo_slice_t bytes;
    elo_sink_part_t hash, write;
};

/* need_digest: of what goes in. The sink may not be moved. */
elo_err_t elo_sink_init(elo_sink_t *k, elo_newfile_t *file,
                        bool need_digest) ELO_MUST_USE;
void elo_sink_dispose(elo_sink_t *k); /* fine on zeros */

/* Begins with a piece, which stays borrowed until elo_sink_end. */
void elo_sink_begin(elo_sink_t *k, elo_slice_t bytes);
/* All of it is hashed and written; the first failure. Fine when nothing was
   begun. */
elo_err_t elo_sink_end(elo_sink_t *k) ELO_MUST_USE;

/* Bytes that are in the file already: only hashed. */
elo_err_t elo_sink_again(elo_sink_t *k, elo_slice_t bytes) ELO_MUST_USE;

/* digest (not touched without need_digest), root, and the layer appended. */
elo_err_t elo_sink_final(elo_sink_t *k, elo_digest_t *digest,
                         elo_digest_t *root, bool *has_root,
                         elo_buf_t *layer) ELO_MUST_USE;

#endif
