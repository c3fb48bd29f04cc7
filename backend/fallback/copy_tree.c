/* SPDX-License-Identifier: BSD-2-Clause */
/* copy_tree: a copy that begins with its hash tree, and whose chunks come one by one. */
#include "backend/fallback/copy_internal.h"

#include <stdlib.h>


size_t
elo_copy_layer_len(uint64_t size)
{
    uint64_t n = elo_tree_chunks(size);

    return n < 2 || n > ELO_COPY_LAYER_MAX / ELO_SHA256_LEN
               ? 0
               : (size_t) n * ELO_SHA256_LEN;
}


static void
drop(elo_copies_t *c, elo_copy_t *copy)
{
    elo_mutex_lock(&c->mtx);
    elo_copy_free(copy);
    elo_mutex_unlock(&c->mtx);
}


elo_err_t
elo_copy_of_tree(elo_copies_t *c, const elo_copy_tree_t *t, elo_slice_t layer,
                 elo_copy_t **out)
{
    elo_copy_t *copy;
    elo_digest_t root;
    elo_err_t rc;

    if (layer.len == 0 || layer.len != elo_copy_layer_len(t->size)) {
        return ELO_EHASH;
    }
    if ((rc = elo_tree_root(layer, &root)) != ELO_OK) {
        return rc;
    }
    if (memcmp(&root, &t->root, sizeof(root)) != 0) {
        return ELO_EHASH;
    }
    if ((copy = calloc(1, sizeof(*copy))) == NULL) {
        return ELO_ENOMEM;
    }
    copy->all = c;
    copy->key = (elo_copy_key_t){ .digest = t->digest,
                                  .owner = t->owner,
                                  .root = t->root };
    copy->size = t->size;
    copy->n_chunks = (uint32_t) (layer.len / ELO_SHA256_LEN);
    copy->fd = -1;
    elo_buf_init(&copy->layer, ELO_COPY_LAYER_MAX);
    elo_buf_put_slice(&copy->layer, layer);
    copy->chunks = calloc((size_t) copy->n_chunks + 1, sizeof(*copy->chunks));
    rc = elo_buf_err(&copy->layer);
    if (copy->chunks == NULL) {
        copy->n_chunks = 0;
        rc = ELO_ENOMEM;
    }
    if (rc == ELO_OK) {
        rc = elo_copies_add(c, copy);
    }
    if (rc != ELO_OK) {
        drop(c, copy);
        return rc;
    }
    *out = copy;
    return ELO_OK;
}
