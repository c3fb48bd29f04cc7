/* SPDX-License-Identifier: BSD-2-Clause */
/* want: a blob that isn't held here, and where a content node says that it is. */
#ifndef ELO_FALLBACK_WANT_H
#define ELO_FALLBACK_WANT_H

#include "backend/node/content_node.h"

typedef struct {
    elo_digest_t digest;
    elo_agent_t owner; /* of the node, as the store knows him */
    elo_reach_t reach; /* of the node; private while it isn't served */
    uint64_t size;     /* as stated; 0: not */
    char type[ELO_MIME_MAX + 1]; /* as stated, "": not */
    char id[ELO_CONTENT_ID_MAX + 1];
    int64_t created_at;
    uint32_t n_urls; /* in the order in which they are tried */
    char *urls[ELO_CONTENT_URLS_MAX];
    /* Of its hash tree, as stated by whom the caller believes; size is stated then */
    bool has_root;
    elo_digest_t root;
    char *_text;
} elo_want_t;

/* Of blob i of a loaded node. ELO_ENOTFOUND: it has no URLs. ELO_ENOMEM. Dispose
   with elo_want_dispose. */
elo_err_t elo_want_of(const elo_content_t *n, uint32_t i,
                      const elo_agent_t *owner, elo_want_t *out) ELO_MUST_USE;
elo_err_t elo_want_copy(const elo_want_t *w, elo_want_t *out) ELO_MUST_USE;
void elo_want_dispose(elo_want_t *w); /* fine on zeros */

#endif
