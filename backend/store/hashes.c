/* SPDX-License-Identifier: BSD-2-Clause */
/* hashes: SHA-256 of a message with a running hash that was used before: making
   one costs more than hashing a short message. */
#include "backend/store/store_internal.h"

#include <stdlib.h>

#include "common/base/crypto.h"

#define KEEP_MAX 16u /* threads that hash at the same time, about */

struct elo_hashes_s {
    elo_mutex_t mtx;
    /* shared: mtx */
    elo_sha256_t *kept[KEEP_MAX];
    uint32_t n;
};


elo_err_t
elo_hashes_create(struct elo_hashes_s **out)
{
    struct elo_hashes_s *h = calloc(1, sizeof(*h));
    elo_err_t rc;

    if (h == NULL) {
        return ELO_ENOMEM;
    }
    if ((rc = elo_mutex_init(&h->mtx)) != ELO_OK) {
        free(h);
        return rc;
    }
    *out = h;
    return ELO_OK;
}


void
elo_hashes_free(struct elo_hashes_s **hp)
{
    struct elo_hashes_s *h = *hp;

    if (h == NULL) {
        return;
    }
    *hp = NULL;
    while (h->n > 0) {
        elo_sha256_free(&h->kept[--h->n]);
    }
    elo_mutex_dispose(&h->mtx);
    free(h);
}


static elo_err_t
take(struct elo_hashes_s *h, elo_sha256_t **out)
{
    elo_sha256_t *sha = NULL;

    elo_mutex_lock(&h->mtx);
    if (h->n > 0) {
        sha = h->kept[--h->n];
    }
    elo_mutex_unlock(&h->mtx);
    if (sha == NULL) {
        return elo_sha256_create(out);
    }
    *out = sha;
    return elo_sha256_reset(sha);
}


static void
give(struct elo_hashes_s *h, elo_sha256_t *sha)
{
    elo_mutex_lock(&h->mtx);
    if (h->n < KEEP_MAX) {
        h->kept[h->n++] = sha;
        sha = NULL;
    }
    elo_mutex_unlock(&h->mtx);
    elo_sha256_free(&sha);
}


elo_err_t
elo_store_sha256(elo_store_t *s, elo_slice_t bytes, elo_digest_t *out)
{
    elo_sha256_t *sha = NULL;
    elo_err_t rc;

    if ((rc = take(s->hashes, &sha)) == ELO_OK
        && (rc = elo_sha256_update(sha, bytes)) == ELO_OK)
    {
        rc = elo_sha256_final(sha, out);
    }
    if (sha != NULL) {
        give(s->hashes, sha);
    }
    return rc;
}
