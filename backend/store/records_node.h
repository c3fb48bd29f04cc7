/* SPDX-License-Identifier: BSD-2-Clause */
/* records_node: bytes of the tables NODE, NODEV, REF, MEDIA and ORPHAN, see
   docs/formats/store-tables.md. Pure. The engine guards each entry with a checksum
   over key and value; a parser answers ELO_ECORRUPT for whatever isn't exactly one
   record. Slices borrow from the bytes. */
#ifndef ELO_STORE_RECORDS_NODE_H
#define ELO_STORE_RECORDS_NODE_H

#include "common/auth/reach.h"
#include "common/base/buf.h"
#include "common/base/cid.h"
#include "common/base/limits.h"

#define ELO_REASON_MAX 1024 /* text for people, why media can't stream */

/* JSON up to this length stands in the value itself; longer ones are data, which
   stays in the log: a page of the index holds two entries of this size. */
#define ELO_NODEV_VALUE_MAX 1500u

#define ELO_NODE_REC_MAX  (16 + ELO_CONTENT_BLOBS_MAX * ELO_SHA256_LEN)
#define ELO_NODEV_REC_MAX (6 + ELO_NODEV_VALUE_MAX)
#define ELO_MEDIA_REC_MAX (21 + ELO_REASON_MAX)

#define ELO_NODEV_KEY_MAX (ELO_CONTENT_ID_MAX + 1 + 8)
#define ELO_REF_KEY_MAX   (ELO_SHA256_LEN + 5 + ELO_CONTENT_ID_MAX)
#define ELO_ORPHAN_KEY    (8 + ELO_SHA256_LEN) /* in order of due */
#define ELO_ORPHAN_BACK   (1 + ELO_SHA256_LEN) /* of digest: where that is */

typedef struct {
    elo_reach_t reach;
    uint64_t current;
    uint32_t owner; /* number of an agent; 0: the operator */
    uint32_t n_refs;
    elo_digest_t refs[ELO_CONTENT_BLOBS_MAX]; /* each once */
} elo_rec_node_t;

typedef struct {
    elo_reach_t reach;
    uint32_t len;     /* of the JSON */
    elo_slice_t json; /* p NULL with len > 0: it is the entry's data */
} elo_rec_nodev_t;

/* Where a media index is; the numbers are format. */
typedef enum {
    ELO_MEDIA_NOWHERE = 0, /* there is none */
    ELO_MEDIA_LOG = 1,     /* data of the entry */
    ELO_MEDIA_FILE = 2,    /* a file of its own */
} elo_media_where_t;

typedef struct {
    uint8_t status;
    elo_media_where_t where;
    uint64_t file; /* its id; 0: none */
    uint64_t size; /* of the index */
    elo_slice_t reason;
} elo_rec_media_t;

/* Encoders append to out; check it with elo_buf_err. A NODE of version 1, which has
   no owner, is parsed as the operator's. */
void elo_rec_node_encode(const elo_rec_node_t *r, elo_buf_t *out);
elo_err_t elo_rec_node_parse(elo_slice_t s, elo_rec_node_t *out) ELO_MUST_USE;
void elo_rec_nodev_encode(const elo_rec_nodev_t *r, elo_buf_t *out);
elo_err_t elo_rec_nodev_parse(elo_slice_t s, uint32_t data_len,
                              elo_rec_nodev_t *out) ELO_MUST_USE;
void elo_rec_media_encode(const elo_rec_media_t *r, elo_buf_t *out);
elo_err_t elo_rec_media_parse(elo_slice_t s, uint32_t data_len,
                              elo_rec_media_t *out) ELO_MUST_USE;

/* Keys. id: a content id; it has no NUL. */
elo_slice_t elo_nodev_key(elo_slice_t id, uint64_t version,
                          uint8_t out[ELO_NODEV_KEY_MAX]);
elo_err_t elo_nodev_key_parse(elo_slice_t key, elo_slice_t *id,
                              uint64_t *version) ELO_MUST_USE;
/* owner: number of the node's; those of one owner are together, in order of number,
   and the operator's (0) are last. With an empty id: a place before all of his. */
elo_slice_t elo_ref_key(const elo_digest_t *d, uint32_t owner, elo_slice_t id,
                        uint8_t out[ELO_REF_KEY_MAX]);
elo_err_t elo_ref_key_parse(elo_slice_t key, elo_digest_t *d, uint32_t *owner,
                            elo_slice_t *id) ELO_MUST_USE;

/* due: Unix seconds, not negative. A key of ELO_ORPHAN_BACK, which sorts behind all
   of these, has the due time as its value (8) and leads to the other. parse
   answers ELO_ENOTFOUND for such a one. */
elo_slice_t elo_orphan_key(int64_t due, const elo_digest_t *d,
                           uint8_t out[ELO_ORPHAN_KEY]);
elo_err_t elo_orphan_key_parse(elo_slice_t key, int64_t *due,
                               elo_digest_t *d) ELO_MUST_USE;
elo_slice_t elo_orphan_back(const elo_digest_t *d,
                            uint8_t out[ELO_ORPHAN_BACK]);

#endif
