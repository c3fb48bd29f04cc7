/* SPDX-License-Identifier: BSD-2-Clause */
/* copy_make: a copy of bytes that come from a first to a last one, not known to be the
   right ones until then. */
#include "backend/fallback/copy_internal.h"

#include <stdlib.h>

#include "common/base/crypto.h"
#include "common/base/num.h"

#define LAYER_MAX (UINT32_MAX / 2) /* of a blob of 64 TiB */

struct elo_copy_maker_s {
    elo_copies_t *all;
    elo_copy_key_t key;
    elo_sha256_t *sha;
    elo_tree_t *tree;
    elo_buf_t tags; /* elo_copy_chunk_t each */
    int fd;
    uint8_t secret[ELO_AEAD_KEY_LEN];
    uint8_t *chunk, *room; /* ELO_TREE_CHUNK each */
    size_t len;            /* in chunk */
    uint32_t n_chunks;
    uint64_t size;
    uint64_t taken; /* of the budget */
};


elo_err_t
elo_copy_begin(elo_copies_t *c, const elo_digest_t *d, const elo_agent_t *owner,
               elo_copy_maker_t **out)
{
    elo_copy_maker_t *m = calloc(1, sizeof(*m));
    elo_err_t rc = ELO_ENOMEM;

    if (m == NULL) {
        return rc;
    }
    m->all = c;
    m->key = (elo_copy_key_t){ .digest = *d, .owner = *owner };
    m->fd = -1;
    elo_buf_init(&m->tags, LAYER_MAX);
    m->chunk = malloc(ELO_TREE_CHUNK);
    m->room = malloc(ELO_TREE_CHUNK);
    if (m->chunk != NULL && m->room != NULL
        && (rc = elo_sha256_create(&m->sha)) == ELO_OK
        && (rc = elo_tree_create(&m->tree)) == ELO_OK)
    {
        rc = elo_copy_open(c, &m->fd, m->secret);
    }
    if (rc != ELO_OK) {
        elo_copy_abort(&m);
        return rc;
    }
    *out = m;
    return ELO_OK;
}


static elo_err_t
end_chunk(elo_copy_maker_t *m)
{
    elo_copy_chunk_t c = { .is_here = true };
    elo_err_t rc;

    if ((rc = elo_copies_take(m->all, m->len)) != ELO_OK) {
        return rc;
    }
    m->taken += m->len;
    rc = elo_copy_seal(m->all, m->fd, m->secret, m->n_chunks,
                       elo_slice(m->chunk, m->len), m->room, c.tag);
    if (rc != ELO_OK) {
        return rc > 0 ? ELO_ENOSPC : rc;
    }
    elo_buf_put(&m->tags, &c, sizeof(c));
    m->n_chunks++;
    m->len = 0;
    return elo_buf_err(&m->tags);
}


elo_err_t
elo_copy_write(elo_copy_maker_t *m, elo_slice_t bytes)
{
    elo_err_t rc;

    if ((rc = elo_sha256_update(m->sha, bytes)) != ELO_OK
        || (rc = elo_tree_update(m->tree, bytes)) != ELO_OK)
    {
        return rc;
    }
    while (bytes.len > 0 && rc == ELO_OK) {
        size_t n = ELO_MIN(bytes.len, ELO_TREE_CHUNK - m->len);

        memcpy(m->chunk + m->len, bytes.p, n);
        m->len += n;
        m->size += n;
        bytes = elo_slice(bytes.p + n, bytes.len - n);
        if (m->len == ELO_TREE_CHUNK) {
            rc = end_chunk(m);
        }
    }
    return rc;
}


/* From what was made; m gives up what it takes over. */
static elo_err_t
make(elo_copy_maker_t *m, elo_copy_t **out)
{
    elo_copy_t *copy = calloc(1, sizeof(*copy));
    bool has_root;
    elo_digest_t root;
    elo_err_t rc;

    if (copy == NULL) {
        return ELO_ENOMEM;
    }
    elo_buf_init(&copy->layer, LAYER_MAX);
    rc = elo_tree_final(m->tree, &root, &has_root, &copy->layer);
    rc = rc != ELO_OK ? rc : elo_buf_err(&copy->layer);
    copy->chunks = calloc((size_t) m->n_chunks + 1, sizeof(*copy->chunks));
    if (rc != ELO_OK || copy->chunks == NULL) {
        elo_buf_dispose(&copy->layer);
        free(copy->chunks);
        free(copy);
        return rc != ELO_OK ? rc : ELO_ENOMEM;
    }
    if (m->n_chunks != 0) {
        memcpy(copy->chunks, m->tags.p, m->tags.len);
    }
    copy->all = m->all;
    copy->key = m->key;
    copy->size = copy->bytes = m->size;
    copy->n_chunks = m->n_chunks;
    copy->fd = m->fd;
    memcpy(copy->secret, m->secret, sizeof(copy->secret));
    m->fd = -1;
    m->taken = 0;
    *out = copy;
    return ELO_OK;
}


elo_err_t
elo_copy_commit(elo_copy_maker_t **mp, elo_copy_t **out)
{
    elo_copy_maker_t *m = *mp;
    elo_copy_t *copy = NULL;
    elo_digest_t d;
    elo_err_t rc = ELO_OK;

    if (m->len > 0) {
        rc = end_chunk(m);
    }
    if (rc == ELO_OK && (rc = elo_sha256_final(m->sha, &d)) == ELO_OK
        && memcmp(&d, &m->key.digest, sizeof(d)) != 0)
    {
        rc = ELO_EHASH;
    }
    if (rc == ELO_OK && (rc = make(m, &copy)) == ELO_OK
        && (rc = elo_copies_add(m->all, copy)) != ELO_OK)
    {
        elo_mutex_lock(&m->all->mtx);
        elo_copy_free(copy);
        elo_mutex_unlock(&m->all->mtx);
    }
    elo_copy_abort(mp);
    if (rc == ELO_OK) {
        *out = copy;
    }
    return rc;
}


void
elo_copy_abort(elo_copy_maker_t **mp)
{
    elo_copy_maker_t *m = *mp;

    if (m == NULL) {
        return;
    }
    *mp = NULL;
    elo_copies_give(m->all, m->taken);
    if (m->fd >= 0) {
        m->all->vfs->close(m->all->vfs, m->fd);
    }
    elo_sha256_free(&m->sha);
    elo_tree_free(&m->tree);
    elo_buf_dispose(&m->tags);
    elo_wipe(m->secret, sizeof(m->secret));
    free(m->chunk);
    free(m->room);
    free(m);
}
