/* SPDX-License-Identifier: BSD-2-Clause */
/* records_node: bytes of the tables NODE, NODEV, REF, NODEX, MEDIA and ORPHAN, see
   docs/formats/store-tables.md. Pure. The engine guards each entry with a checksum
   over key and value; a parser answers ELO_ECORRUPT for whatever isn't exactly one
   record. Slices borrow from the bytes. */
#ifndef ELO_STORE_RECORDS_NODE_H
#define ELO_STORE_RECORDS_NODE_H

#include "backend/store/node_row.h"
#include "common/auth/reach.h"
#include "common/base/buf.h"
#include "common/base/cid.h"
#include "common/base/limits.h"

#define ELO_REASON_MAX 1024 /* text for people, why media can't stream */

/* JSON up to this length stands in the value itself; longer ones are data, which
   stays in the log: a page of the index holds two entries of this size. */
#define ELO_NODEV_VALUE_MAX 1500u

#define ELO_NODE_FACET 9 /* bytes of one in a row: dimension, value */
#define ELO_NODE_REC_MAX                                                       \
    (47 + ELO_CONTENT_BLOBS_MAX * ELO_SHA256_LEN                               \
     + ELO_CONTENT_INVITED_MAX * ELO_AGENT_LEN                                 \
     + ELO_NODE_FACETS_MAX * ELO_NODE_FACET)
#define ELO_NODEV_REC_MAX (6 + ELO_NODEV_VALUE_MAX)
#define ELO_MEDIA_REC_MAX (21 + ELO_REASON_MAX)

#define ELO_NODEV_KEY_MAX (ELO_CONTENT_ID_MAX + 1 + 8)
#define ELO_REF_KEY_MAX   (ELO_SHA256_LEN + 5 + ELO_CONTENT_ID_MAX)
#define ELO_NODEX_PREFIX  (1 + 8)
#define ELO_NODEX_KEY_MAX (ELO_NODEX_PREFIX + ELO_CONTENT_ID_MAX)
#define ELO_ORPHAN_KEY    (8 + ELO_SHA256_LEN + 4) /* in order of due */
#define ELO_ORPHAN_BACK   (1 + ELO_SHA256_LEN + 4) /* where that is */

/* A NODE. A row that is served has reach == stated, another is private; a tombstone
   has no lists. */
typedef struct {
    elo_reach_t reach; /* effective */
    elo_reach_t stated;
    elo_node_life_t life;
    uint32_t flags; /* ELO_NODE_IS_… */
    uint64_t current;
    uint32_t owner; /* number of an agent; 0: the operator */
    int64_t created_at, updated_at, due_s;
    uint32_t n_refs, n_invited, n_facets;
    elo_slice_t invited; /* keys, in order of bytes, each once */
    elo_slice_t facets;  /* of ELO_NODE_FACET bytes, likewise: of texts */
    elo_digest_t refs[ELO_CONTENT_BLOBS_MAX]; /* each once */
} elo_rec_node_t;

/* What a row is found by, one after the other; *at is 0 at first. False: that was
   all. Each pair once. */
bool elo_rec_node_facet(const elo_rec_node_t *r, uint32_t *at,
                        elo_node_dim_t *dim, uint64_t *value);
/* Is it one of these? */
bool elo_rec_node_has(const elo_rec_node_t *r, elo_node_dim_t dim,
                      uint64_t value);
/* Does it list that key, all of it? */
bool elo_rec_node_invites(const elo_rec_node_t *r, const elo_agent_t *agent);

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
   no owner, is parsed as the operator's; what one of version 1 or 2 doesn't say, as
   what gives least: one of private reach is a draft. */
void elo_rec_node_encode(const elo_rec_node_t *r, elo_buf_t *out);
/* refs may be left out, for they are copied. */
elo_err_t elo_rec_node_parse(elo_slice_t s, elo_rec_node_t *out) ELO_MUST_USE;
elo_err_t elo_rec_node_parse_head(elo_slice_t s,
                                  elo_rec_node_t *out) ELO_MUST_USE;
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
/* Of digest, owner, how wide, id: an owner's are together, his widest first; the
   operator's (0) are last. rank: elo_ref_rank of the node, or with an empty id the
   place before all of that rank. */
#define ELO_REF_RANK_DRAFT ELO_REACH_COUNT
#define ELO_REF_RANKS      (ELO_REF_RANK_DRAFT + 1)
uint8_t elo_ref_rank(const elo_rec_node_t *node);
elo_slice_t elo_ref_key(const elo_digest_t *d, uint32_t owner, uint8_t rank,
                        elo_slice_t id, uint8_t out[ELO_REF_KEY_MAX]);
elo_err_t elo_ref_key_parse(elo_slice_t key, elo_digest_t *d, uint32_t *owner,
                            uint8_t *rank, elo_slice_t *id) ELO_MUST_USE;

/* Values of dimensions: of an owner (with a reach, or without one), of a text, and of
   an agent who is invited, which are the first bytes of his key. */
uint64_t elo_nodex_owner(uint32_t owner);
uint64_t elo_nodex_owner_reach(uint32_t owner, elo_reach_t reach);
uint64_t elo_nodex_text(elo_slice_t text);
uint64_t elo_nodex_invited(const uint8_t *key);
/* With an empty id: before all of that value. */
elo_slice_t elo_nodex_key(elo_node_dim_t dim, uint64_t value, elo_slice_t id,
                          uint8_t out[ELO_NODEX_KEY_MAX]);
elo_err_t elo_nodex_key_parse(elo_slice_t key, elo_node_dim_t *dim,
                              uint64_t *value, elo_slice_t *id) ELO_MUST_USE;

/* due: Unix seconds, not negative. agent: whose copy it is. A key of
   ELO_ORPHAN_BACK, which sorts behind all of these, has the due time as its value
   (8) and leads to the other. parse answers ELO_ENOTFOUND for such a one. A key of
   the older form names no agent: *agent is UINT32_MAX. */
elo_slice_t elo_orphan_key(int64_t due, const elo_digest_t *d, uint32_t agent,
                           uint8_t out[ELO_ORPHAN_KEY]);
elo_err_t elo_orphan_key_parse(elo_slice_t key, int64_t *due, elo_digest_t *d,
                               uint32_t *agent) ELO_MUST_USE;
elo_slice_t elo_orphan_back(const elo_digest_t *d, uint32_t agent,
                            uint8_t out[ELO_ORPHAN_BACK]);
/* The agent of a key of ELO_ORPHAN_BACK of d; ELO_ENOTFOUND: it is none. */
elo_err_t elo_orphan_back_parse(elo_slice_t key, const elo_digest_t *d,
                                uint32_t *agent) ELO_MUST_USE;

#endif
