/* SPDX-License-Identifier: BSD-2-Clause */
/* seal: see the header. A chunk is encrypted once, when it is known whether it is
   the last, for that is part of its nonce: no nonce is ever used for two
   plaintexts. */
#include "backend/store/seal.h"

#include <stdlib.h>

#include "common/base/num.h"

#define TAGS_MAX ((size_t) 1 << 30) /* of a blob of 64 TiB */


void
elo_content_key_fresh(elo_content_key_t *out)
{
    *out = (elo_content_key_t){ .cipher = elo_cipher_best() };
    elo_keys_random(out->key, sizeof(out->key));
}


elo_err_t
elo_sealer_init(elo_sealer_t *sl, const elo_content_key_t *key)
{
    elo_err_t rc;

    *sl = (elo_sealer_t){ .chunk = 0 };
    elo_buf_init(&sl->tags, TAGS_MAX);
    if ((rc = elo_aead_create(key->cipher, key->key, &sl->aead)) != ELO_OK) {
        return rc;
    }
    sl->plain = elo_secret_alloc(ELO_SEAL_CHUNK);
    sl->cipher = malloc(ELO_SEAL_CHUNK);
    if (sl->plain == NULL || sl->cipher == NULL) {
        elo_sealer_dispose(sl);
        return ELO_ENOMEM;
    }
    return ELO_OK;
}


void
elo_sealer_dispose(elo_sealer_t *sl)
{
    elo_aead_free(&sl->aead);
    if (sl->plain != NULL) {
        elo_secret_free(sl->plain);
    }
    free(sl->cipher);
    elo_buf_dispose(&sl->tags);
    *sl = (elo_sealer_t){ .chunk = 0 };
}


/* The chunk in sl->plain to out. */
static elo_err_t
seal_chunk(elo_sealer_t *sl, bool is_last, uint8_t *out)
{
    elo_slice_t none = { NULL, 0 };
    uint8_t nonce[ELO_AEAD_NONCE_LEN];
    uint8_t *tag = elo_buf_extend(&sl->tags, ELO_AEAD_TAG_LEN);
    elo_err_t rc;

    if (tag == NULL) {
        return elo_buf_err(&sl->tags);
    }
    elo_object_nonce(sl->chunk, is_last, nonce);
    rc = elo_aead_seal(sl->aead, nonce, none, elo_slice(sl->plain, sl->n), out,
                       tag);
    if (rc == ELO_OK) {
        sl->chunk++;
        sl->n = 0;
    }
    return rc;
}


elo_err_t
elo_sealer_next(elo_sealer_t *sl, elo_slice_t *in, elo_slice_t *out)
{
    size_t n;
    elo_err_t rc;

    *out = elo_slice(NULL, 0);
    if (in->len == 0) {
        return ELO_OK;
    }
    if (sl->n == ELO_SEAL_CHUNK) { /* more follows: it isn't the last */
        if ((rc = seal_chunk(sl, false, sl->cipher)) != ELO_OK) {
            return rc;
        }
        *out = elo_slice(sl->cipher, ELO_SEAL_CHUNK);
    }
    n = ELO_MIN(in->len, ELO_SEAL_CHUNK - sl->n);
    memcpy(sl->plain + sl->n, in->p, n);
    sl->n += n;
    *in = elo_slice(in->p + n, in->len - n);
    return ELO_OK;
}


elo_err_t
elo_sealer_final(elo_sealer_t *sl, elo_slice_t *out, elo_slice_t *tags)
{
    size_t n = sl->n;
    elo_err_t rc;

    if ((rc = seal_chunk(sl, true, sl->cipher)) != ELO_OK) {
        return rc;
    }
    elo_wipe(sl->plain, n);
    *out = elo_slice(sl->cipher, n);
    *tags = elo_buf_slice(&sl->tags);
    return ELO_OK;
}


elo_err_t
elo_sealer_again(elo_sealer_t *sl, const uint8_t cipher[ELO_SEAL_CHUNK],
                 elo_slice_t *plain)
{
    elo_slice_t none = { NULL, 0 };
    uint8_t nonce[ELO_AEAD_NONCE_LEN], tag[ELO_AEAD_TAG_LEN];
    elo_err_t rc;

    /* Both ciphers add a key stream: what is added twice is gone. */
    elo_object_nonce(sl->chunk, false, nonce);
    if ((rc = elo_aead_begin(sl->aead, nonce, none)) != ELO_OK
        || (rc = elo_aead_update(sl->aead, elo_slice(cipher, ELO_SEAL_CHUNK),
                                 sl->plain))
               != ELO_OK
        || (rc = elo_aead_end(sl->aead, tag)) != ELO_OK)
    {
        return rc;
    }
    sl->n = ELO_SEAL_CHUNK;
    if ((rc = seal_chunk(sl, false, sl->cipher)) != ELO_OK) {
        return rc;
    }
    *plain = elo_slice(sl->plain, ELO_SEAL_CHUNK);
    return ELO_OK;
}


elo_err_t
elo_seal_small(const elo_content_key_t *key, elo_slice_t bytes, uint8_t *out)
{
    elo_slice_t none = { NULL, 0 };
    uint8_t nonce[ELO_AEAD_NONCE_LEN];
    elo_aead_t *aead;
    elo_err_t rc;

    if ((rc = elo_aead_create(key->cipher, key->key, &aead)) != ELO_OK) {
        return rc;
    }
    elo_object_nonce(0, true, nonce);
    rc = elo_aead_seal(aead, nonce, none, bytes, out, out + bytes.len);
    elo_aead_free(&aead);
    return rc;
}


elo_err_t
elo_unseal_chunk(elo_aead_t *aead, uint64_t i, bool is_last, uint8_t *p,
                 size_t len, const uint8_t tag[ELO_AEAD_TAG_LEN])
{
    elo_slice_t none = { NULL, 0 };
    uint8_t nonce[ELO_AEAD_NONCE_LEN];

    elo_object_nonce(i, is_last, nonce);
    return elo_aead_open(aead, nonce, none, elo_slice(p, len), p, tag);
}
