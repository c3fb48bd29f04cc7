/* SPDX-License-Identifier: BSD-2-Clause */
/* crypto: the door to OpenSSL. The SHA-256 implementation is fetched once, on
   first use, and lives as long as the process, or until elo_sha256_forget. */
#include "common/base/crypto.h"

#include <openssl/evp.h>
#include <stdlib.h>

struct elo_sha256_s {
    EVP_MD_CTX *ctx;
};


static EVP_MD *cached;


/* The fetched digest, or NULL. Threads that race fetch twice and agree on the
   first that was stored. */
static EVP_MD *
sha256_md(void)
{
    EVP_MD *md = __atomic_load_n(&cached, __ATOMIC_ACQUIRE);
    EVP_MD *none = NULL;

    if (md != NULL) {
        return md;
    }
    md = EVP_MD_fetch(NULL, "SHA256", NULL);
    if (md == NULL) {
        return NULL;
    }
    if (!__atomic_compare_exchange_n(&cached, &none, md, false,
                                     __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE))
    {
        EVP_MD_free(md);
        md = none;
    }
    return md;
}


void
elo_sha256_forget(void)
{
    EVP_MD_free(__atomic_exchange_n(&cached, NULL, __ATOMIC_ACQ_REL));
}


elo_err_t
elo_sha256_create(elo_sha256_t **out)
{
    elo_sha256_t *h = calloc(1, sizeof(*h));
    elo_err_t rc = ELO_ENOMEM;

    if (h == NULL) {
        return ELO_ENOMEM;
    }
    h->ctx = EVP_MD_CTX_new();
    if (h->ctx != NULL) {
        rc = elo_sha256_reset(h);
    }
    if (rc != ELO_OK) {
        elo_sha256_free(&h);
        return rc;
    }
    *out = h;
    return ELO_OK;
}


void
elo_sha256_free(elo_sha256_t **h)
{
    if (*h == NULL) {
        return;
    }
    EVP_MD_CTX_free((*h)->ctx);
    free(*h);
    *h = NULL;
}


elo_err_t
elo_sha256_reset(elo_sha256_t *h)
{
    EVP_MD *md = sha256_md();

    if (md == NULL || EVP_DigestInit_ex2(h->ctx, md, NULL) != 1) {
        return ELO_EINTERNAL;
    }
    return ELO_OK;
}


elo_err_t
elo_sha256_update(elo_sha256_t *h, elo_slice_t s)
{
    if (s.len == 0) {
        return ELO_OK;
    }
    return EVP_DigestUpdate(h->ctx, s.p, s.len) == 1 ? ELO_OK : ELO_EINTERNAL;
}


elo_err_t
elo_sha256_final(elo_sha256_t *h, elo_digest_t *out)
{
    unsigned len = 0;

    if (EVP_DigestFinal_ex(h->ctx, out->b, &len) != 1 || len != ELO_SHA256_LEN)
    {
        return ELO_EINTERNAL;
    }
    return ELO_OK;
}


elo_err_t
elo_sha256(elo_slice_t s, elo_digest_t *out)
{
    EVP_MD *md = sha256_md();
    unsigned len = 0;

    if (md == NULL || EVP_Digest(s.p, s.len, out->b, &len, md, NULL) != 1
        || len != ELO_SHA256_LEN)
    {
        return ELO_EINTERNAL;
    }
    return ELO_OK;
}


/* ---- SHA-1 ---- */

struct elo_sha1_s {
    EVP_MD_CTX *ctx;
};


elo_err_t
elo_sha1_create(elo_sha1_t **out)
{
    elo_sha1_t *h = calloc(1, sizeof(*h));

    if (h == NULL) {
        return ELO_ENOMEM;
    }
    h->ctx = EVP_MD_CTX_new();
    if (h->ctx == NULL || EVP_DigestInit_ex2(h->ctx, EVP_sha1(), NULL) != 1) {
        elo_sha1_free(&h);
        return ELO_ENOMEM;
    }
    *out = h;
    return ELO_OK;
}


void
elo_sha1_free(elo_sha1_t **h)
{
    if (*h == NULL) {
        return;
    }
    EVP_MD_CTX_free((*h)->ctx);
    free(*h);
    *h = NULL;
}


elo_err_t
elo_sha1_update(elo_sha1_t *h, elo_slice_t s)
{
    if (s.len == 0) {
        return ELO_OK;
    }
    return EVP_DigestUpdate(h->ctx, s.p, s.len) == 1 ? ELO_OK : ELO_EINTERNAL;
}


elo_err_t
elo_sha1_final(elo_sha1_t *h, uint8_t out[ELO_SHA1_LEN])
{
    unsigned len = 0;

    if (EVP_DigestFinal_ex(h->ctx, out, &len) != 1 || len != ELO_SHA1_LEN) {
        return ELO_EINTERNAL;
    }
    return ELO_OK;
}
