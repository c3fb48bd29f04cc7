/* SPDX-License-Identifier: BSD-2-Clause */
/* aead: see the header. Ciphers are fetched once and live as long as the
   process; a context keeps its key schedule, so that a chunk costs only its
   nonce. One context seals, another opens; each is made when first used. */
#include "common/base/aead.h"

#include <assert.h>
#include <openssl/evp.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/num.h"

/* EVP counts in int; a piece stays a multiple of every block. */
#define PIECE_MAX (1u << 30)

struct elo_aead_s {
    EVP_CIPHER *cipher; /* of the process */
    EVP_CIPHER_CTX *seal, *open;
    uint8_t key[ELO_AEAD_KEY_LEN];
    bool is_begun;
};


/* The fetched cipher, or NULL. Threads that race fetch twice and agree on the
   first that was stored. */
static EVP_CIPHER *
fetched(elo_cipher_t which)
{
    static EVP_CIPHER *cached[2];
    static const char *const names[2] = { "AES-256-GCM", "ChaCha20-Poly1305" };
    unsigned i = which == ELO_CIPHER_AES256_GCM ? 0 : 1;
    EVP_CIPHER *c = __atomic_load_n(&cached[i], __ATOMIC_ACQUIRE);
    EVP_CIPHER *none = NULL;

    if (c != NULL) {
        return c;
    }
    c = EVP_CIPHER_fetch(NULL, names[i], NULL);
    if (c == NULL) {
        return NULL;
    }
    if (!__atomic_compare_exchange_n(&cached[i], &none, c, false,
                                     __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE))
    {
        EVP_CIPHER_free(c);
        c = none;
    }
    return c;
}


elo_cipher_t
elo_cipher_best(void)
{
#if defined(__x86_64__)
    __builtin_cpu_init();
    return __builtin_cpu_supports("aes") && __builtin_cpu_supports("pclmul")
               ? ELO_CIPHER_AES256_GCM
               : ELO_CIPHER_CHACHA20_POLY1305;
#elif defined(__ARM_FEATURE_AES) || defined(__ARM_FEATURE_CRYPTO)
    return ELO_CIPHER_AES256_GCM;
#else
    return ELO_CIPHER_CHACHA20_POLY1305;
#endif
}


elo_err_t
elo_aead_create(elo_cipher_t cipher, const uint8_t key[ELO_AEAD_KEY_LEN],
                elo_aead_t **out)
{
    EVP_CIPHER *c;
    elo_aead_t *a;

    if (cipher != ELO_CIPHER_AES256_GCM
        && cipher != ELO_CIPHER_CHACHA20_POLY1305) {
        return ELO_EUNSUPPORTED;
    }
    c = fetched(cipher);
    if (c == NULL) {
        return ELO_EUNSUPPORTED;
    }
    a = calloc(1, sizeof(*a));
    if (a == NULL) {
        return ELO_ENOMEM;
    }
    a->cipher = c;
    memcpy(a->key, key, sizeof(a->key));
    *out = a;
    return ELO_OK;
}


void
elo_aead_free(elo_aead_t **a)
{
    if (*a == NULL) {
        return;
    }
    EVP_CIPHER_CTX_free((*a)->seal); /* wipes its key schedule */
    EVP_CIPHER_CTX_free((*a)->open);
    explicit_bzero((*a)->key, sizeof((*a)->key));
    free(*a);
    *a = NULL;
}


/* A context with its key, made on first use. */
static elo_err_t
context(elo_aead_t *a, EVP_CIPHER_CTX **ctx, int enc)
{
    EVP_CIPHER_CTX *made;

    if (*ctx != NULL) {
        return ELO_OK;
    }
    made = EVP_CIPHER_CTX_new();
    if (made == NULL) {
        return ELO_ENOMEM;
    }
    /* both ciphers default to nonces of 12 and tags of 16 bytes */
    if (EVP_CipherInit_ex2(made, a->cipher, a->key, NULL, enc, NULL) != 1) {
        EVP_CIPHER_CTX_free(made);
        return ELO_EINTERNAL;
    }
    *ctx = made;
    return ELO_OK;
}


/* Passes in through ctx, to out, or as data that is only authenticated when out
   is NULL. */
static elo_err_t
feed(EVP_CIPHER_CTX *ctx, elo_slice_t in, uint8_t *out)
{
    while (in.len > 0) {
        int piece = (int) ELO_MIN(in.len, PIECE_MAX);
        int n = 0;

        if (EVP_CipherUpdate(ctx, out, &n, in.p, piece) != 1 || n != piece) {
            return ELO_EINTERNAL;
        }
        in.p += piece;
        in.len -= (size_t) piece;
        out = out == NULL ? NULL : out + piece;
    }
    return ELO_OK;
}


static elo_err_t
start(elo_aead_t *a, EVP_CIPHER_CTX **ctx, int enc,
      const uint8_t nonce[ELO_AEAD_NONCE_LEN], elo_slice_t aad)
{
    elo_err_t rc = context(a, ctx, enc);

    if (rc != ELO_OK) {
        return rc;
    }
    if (EVP_CipherInit_ex2(*ctx, NULL, NULL, nonce, enc, NULL) != 1) {
        return ELO_EINTERNAL;
    }
    return feed(*ctx, aad, NULL);
}


elo_err_t
elo_aead_begin(elo_aead_t *a, const uint8_t nonce[ELO_AEAD_NONCE_LEN],
               elo_slice_t aad)
{
    elo_err_t rc = start(a, &a->seal, 1, nonce, aad);

    a->is_begun = rc == ELO_OK;
    return rc;
}


elo_err_t
elo_aead_update(elo_aead_t *a, elo_slice_t in, uint8_t *out)
{
    assert(a->is_begun);
    return feed(a->seal, in, out);
}


elo_err_t
elo_aead_end(elo_aead_t *a, uint8_t tag[ELO_AEAD_TAG_LEN])
{
    uint8_t rest[16]; /* of a block; both ciphers leave none */
    int n = 0;

    assert(a->is_begun);
    a->is_begun = false;
    if (EVP_CipherFinal_ex(a->seal, rest, &n) != 1 || n != 0
        || EVP_CIPHER_CTX_ctrl(a->seal, EVP_CTRL_AEAD_GET_TAG, ELO_AEAD_TAG_LEN,
                               tag)
               != 1)
    {
        return ELO_EINTERNAL;
    }
    return ELO_OK;
}


elo_err_t
elo_aead_seal(elo_aead_t *a, const uint8_t nonce[ELO_AEAD_NONCE_LEN],
              elo_slice_t aad, elo_slice_t in, uint8_t *out,
              uint8_t tag[ELO_AEAD_TAG_LEN])
{
    elo_err_t rc = elo_aead_begin(a, nonce, aad);

    if (rc == ELO_OK) {
        rc = elo_aead_update(a, in, out);
    }
    return rc != ELO_OK ? rc : elo_aead_end(a, tag);
}


elo_err_t
elo_aead_open(elo_aead_t *a, const uint8_t nonce[ELO_AEAD_NONCE_LEN],
              elo_slice_t aad, elo_slice_t in, uint8_t *out,
              const uint8_t tag[ELO_AEAD_TAG_LEN])
{
    uint8_t rest[16], expected[ELO_AEAD_TAG_LEN];
    elo_err_t rc = start(a, &a->open, 0, nonce, aad);
    int n = 0;

    if (rc == ELO_OK) {
        rc = feed(a->open, in, out);
    }
    if (rc == ELO_OK) {
        memcpy(expected, tag,
               sizeof(expected)); /* EVP's argument isn't const */
        if (EVP_CIPHER_CTX_ctrl(a->open, EVP_CTRL_AEAD_SET_TAG,
                                ELO_AEAD_TAG_LEN, expected)
            != 1)
        {
            rc = ELO_EINTERNAL;
        } else if (EVP_CipherFinal_ex(a->open, rest, &n) != 1 || n != 0) {
            rc = ELO_ECORRUPT;
        }
    }
    if (rc != ELO_OK && in.len > 0) {
        explicit_bzero(out, in.len);
    }
    return rc;
}
