/* SPDX-License-Identifier: BSD-2-Clause */
/* piece_file: what the edge's cache directory holds: the foot of a piece's file, its
   name, and the record in the file "owner". Pure. Byte tables and invariants:
   docs/formats/cache-file.md. */
#ifndef ELO_CACHE_PIECE_FILE_H
#define ELO_CACHE_PIECE_FILE_H

#include "common/base/cid.h"
#include "common/base/err.h"
#include "common/base/hash_tree.h"
#include "common/cache/tier.h"

#define ELO_PIECE_FOOT 4096u /* bytes behind the piece's own */
#define ELO_PIECE_MAX  ELO_TREE_CHUNK
#define ELO_PIECE_NAME (2u + 1u + 16u) /* "xx/" and 16 hex digits */

typedef struct {
    uint64_t file;       /* its number, which is its name; not 0 */
    elo_digest_t digest; /* of the blob */
    uint64_t size;       /* of the blob */
    uint32_t index;      /* of the piece in it */
    uint32_t len;        /* of the piece */
    elo_cache_class_t klass;
    elo_digest_t sha256; /* of the piece */
} elo_piece_foot_t;

/* Is there such a piece, and may it lie on a disk? Its length follows from size and
   index, and its class is wider than private. */
bool elo_piece_ok(uint64_t size, uint32_t index, uint32_t len,
                  elo_cache_class_t klass);

/* Writes the foot of a piece that is ok. ELO_EINVAL: it isn't, or what is said of a
   blob of one piece isn't one digest. ELO_EINTERNAL: no SHA-256. */
elo_err_t elo_piece_foot_encode(const elo_piece_foot_t *h,
                                uint8_t out[ELO_PIECE_FOOT]) ELO_MUST_USE;
/* ELO_ECORRUPT: no foot, or a damaged one; ELO_EUNSUPPORTED: of another version. */
elo_err_t elo_piece_foot_parse(const uint8_t in[ELO_PIECE_FOOT],
                               elo_piece_foot_t *out) ELO_MUST_USE;

/* Name below the directory, with a NUL. The folder is the number's low byte. */
void elo_piece_name(uint64_t file, char out[ELO_PIECE_NAME + 1]);
/* The number of a file's name (16 digits) in the folder of that byte; false: it is
   none of ours. */
bool elo_piece_name_parse(elo_slice_t name, uint8_t folder, uint64_t *file);

/* ---- the file "owner" ---- */

#define ELO_PIECE_STORES    16u
#define ELO_PIECE_OWNER_LEN (24u + 16u * ELO_PIECE_STORES + ELO_SHA256_LEN)

/* Whose purges have been applied to everything that lies in the directory, and how
   far. */
typedef struct {
    uint64_t index_id; /* of the index that goes by the directory; random */
    uint32_t n;
    struct {
        uint64_t id;
        uint64_t seq;
    } store[ELO_PIECE_STORES];
} elo_piece_owner_t;

/* n beyond ELO_PIECE_STORES: ELO_EINVAL. */
elo_err_t elo_piece_owner_encode(const elo_piece_owner_t *o,
                                 uint8_t out[ELO_PIECE_OWNER_LEN]) ELO_MUST_USE;
/* As elo_piece_foot_parse; of any length. */
elo_err_t elo_piece_owner_parse(elo_slice_t in,
                                elo_piece_owner_t *out) ELO_MUST_USE;

#endif
