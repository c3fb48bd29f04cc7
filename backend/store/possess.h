/* SPDX-License-Identifier: BSD-2-Clause */
/* possess: which references of content nodes count. A reference of a node is
   effective when the node's owner possesses the blob: he sent it in the clear, or
   has it sealed, or a promotion (elo_store_cfg_t) says that he may refer to it. To
   know a digest gives nothing. [any] with a view, [commit] with a tx. */
#ifndef ELO_STORE_POSSESS_H
#define ELO_STORE_POSSESS_H

#include "backend/store/blob_row.h"
#include "backend/store/records_node.h"

/* Who possesses one blob: what was looked up for one agent is kept for the next. As
   long as its view or operation; nothing is to be disposed of. */
typedef struct {
    elo_store_t *s;
    const elo_rows_t *rows;
    const elo_digest_t *d;
    bool is_looked_up; /* has_row and row are known */
    bool has_row;
    elo_rec_blob_t row; /* its content type isn't there */
    bool is_blinded;
    elo_digest_t blind;
    bool has_last; /* the last answer: many nodes are one owner's */
    uint32_t last;
    bool last_has;
} elo_holding_t;

void elo_holding_init(elo_holding_t *h, elo_store_t *s, const elo_rows_t *rows,
                      const elo_digest_t *d);

/* Says what was looked up already: the BLOB row, or NULL: there is none. */
void elo_holding_know(elo_holding_t *h, const elo_rec_blob_t *row);

/* Has that agent sent it, and not taken it back? */
elo_err_t elo_holding_sent(elo_holding_t *h, uint32_t agent,
                           bool *out) ELO_MUST_USE;

/* That, or a promotion: are references of his nodes effective? */
elo_err_t elo_holding_has(elo_holding_t *h, uint32_t agent,
                          bool *out) ELO_MUST_USE;

/* Does a promotion say that he may refer to it, whoever has it? */
elo_err_t elo_holding_is_promoted(elo_holding_t *h, uint32_t agent,
                                  bool *out) ELO_MUST_USE;

/* The blind of d; ELO_ENOTFOUND: there are no sealed blobs, or no keyring. */
elo_err_t elo_holding_blind(elo_holding_t *h,
                            const elo_digest_t **out) ELO_MUST_USE;

/* fn for each node that refers to the blob effectively, until it answers something
   other than ELO_EAGAIN, which is the result then; else ELO_OK. A reference without
   a sound node is passed over. It costs a look-up for each such node, and some for
   each owner of nodes that name the blob. */
typedef elo_err_t (*elo_ref_fn)(void *ctx, elo_slice_t id,
                                const elo_rec_node_t *node);
elo_err_t elo_refs_each(elo_holding_t *h, elo_ref_fn fn,
                        void *ctx) ELO_MUST_USE;

/* True in *out when that agent's nodes refer to d, effectively or not. */
elo_err_t elo_refs_of(const elo_rows_t *rows, const elo_digest_t *d,
                      uint32_t agent, bool *out) ELO_MUST_USE;

/* True in *out when a node refers to the blob effectively. */
elo_err_t elo_refs_any(elo_holding_t *h, bool *out) ELO_MUST_USE;

/* The widest reach of nodes that refer to it effectively; private without any. It
   costs a few looks an owner, of ELO_READERS_OWNERS at most: the first who came. */
elo_err_t elo_refs_reach(elo_holding_t *h, elo_reach_t *out) ELO_MUST_USE;

#endif
