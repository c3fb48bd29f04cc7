/* SPDX-License-Identifier: BSD-2-Clause */
/* content_row: see the header. Facets are the format, tags[], and the targets of
   relations[]. */
#include "backend/node/content_row.h"

#include <stdlib.h>

#include "common/auth/agent_text.h"

_Static_assert((int) ELO_LIFECYCLE_DRAFT == (int) ELO_NODE_DRAFT
                   && (int) ELO_LIFECYCLE_PUBLISHED == (int) ELO_NODE_PUBLISHED
                   && (int) ELO_LIFECYCLE_STALE == (int) ELO_NODE_STALE
                   && (int) ELO_LIFECYCLE_DEPRECATED
                          == (int) ELO_NODE_DEPRECATED
                   && (int) ELO_LIFECYCLE_ARCHIVED == (int) ELO_NODE_ARCHIVED
                   && (int) ELO_LIFECYCLE_FORGOTTEN == (int) ELO_NODE_FORGOTTEN,
               "the store and texts have the same lives");


static void
add(elo_content_row_t *r, elo_node_dim_t dim, elo_slice_t text)
{
    if (text.len != 0) {
        r->_facets[r->node.n_facets++] =
            (elo_node_facet_t){ .dim = dim, .text = text };
    }
}


static elo_slice_t
text_of(const elo_json_t *v)
{
    elo_slice_t s = elo_slice(NULL, 0);

    /* what is no text is empty */
    elo_ignore(!elo_json_string(v, &s));
    return s;
}


static elo_err_t
facets(elo_content_row_t *r, const elo_content_t *n)
{
    const elo_json_t *tags = elo_json_get(n->_tree, "tags");
    const elo_json_t *relations = elo_json_get(n->_tree, "relations");
    size_t n_tags = elo_json_len(tags), n_relations = elo_json_len(relations);

    if (1 + n_tags + n_relations > ELO_NODE_FACETS_MAX) {
        return ELO_ETOOBIG;
    }
    r->_facets = calloc(1 + n_tags + n_relations, sizeof(*r->_facets));
    if (r->_facets == NULL) {
        return ELO_ENOMEM;
    }
    add(r, ELO_NODE_FORMAT, n->format);
    for (size_t i = 0; i < n_tags; i++) {
        add(r, ELO_NODE_TAG, text_of(elo_json_at(tags, i)));
    }
    for (size_t i = 0; i < n_relations; i++) {
        add(r, ELO_NODE_RELATED,
            text_of(elo_json_get(elo_json_at(relations, i), "target")));
    }
    r->node.facets = r->_facets;
    return ELO_OK;
}


static elo_err_t
invited(elo_content_row_t *r, const elo_content_t *n)
{
    const elo_json_t *list = elo_json_get(n->_tree, "invited");
    size_t len = elo_json_len(list);

    if (len > ELO_CONTENT_INVITED_MAX) {
        return ELO_ETOOBIG;
    }
    if (len != 0 && (r->_invited = calloc(len, sizeof(*r->_invited))) == NULL) {
        return ELO_ENOMEM;
    }
    for (size_t i = 0; i < len; i++) {
        elo_agent_t *to = &r->_invited[r->node.n_invited];

        if (elo_agent_text_parse(text_of(elo_json_at(list, i)), to) == ELO_OK) {
            r->node.n_invited++;
        }
    }
    r->node.invited = r->_invited;
    return ELO_OK;
}


elo_err_t
elo_content_row_make(const elo_content_t *n, const elo_agent_t *owner,
                     elo_slice_t json, elo_content_row_t *out)
{
    elo_content_row_t r = {
        .node = { .id = n->id,
                  .version = n->version,
                  .reach = elo_content_effective_reach(n),
                  .stated = n->reach,
                  .life = (elo_node_life_t) n->lifecycle,
                  .owner = *owner,
                  .n_refs = n->n_blobs,
                  .refs = n->refs,
                  .json = json,
                  .created_at = n->created_at,
                  .updated_at = n->updated_at },
    };
    elo_err_t rc;

    if ((rc = facets(&r, n)) != ELO_OK || (rc = invited(&r, n)) != ELO_OK) {
        elo_content_row_dispose(&r);
        return rc;
    }
    *out = r;
    return ELO_OK;
}


void
elo_content_row_dispose(elo_content_row_t *r)
{
    free(r->_facets);
    free(r->_invited);
    *r = (elo_content_row_t){ .node = { .version = 0 } };
}
