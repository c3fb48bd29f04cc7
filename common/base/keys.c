/* SPDX-License-Identifier: BSD-2-Clause */
/* keys: see the header. */
#include "common/base/keys.h"

#include <sodium.h>
#include <stdlib.h>

#include "common/base/enc.h"

_Static_assert(ELO_AGENT_LEN == crypto_sign_PUBLICKEYBYTES, "agent");
_Static_assert(ELO_SEED_LEN == crypto_sign_SEEDBYTES, "seed");
_Static_assert(ELO_BOX_OVERHEAD == crypto_box_SEALBYTES, "sealed box");
_Static_assert(ELO_SBOX_OVERHEAD
                   == crypto_aead_xchacha20poly1305_ietf_NPUBBYTES
                          + crypto_aead_xchacha20poly1305_ietf_ABYTES,
               "secret box");
_Static_assert(ELO_SALT_LEN == crypto_pwhash_argon2id_SALTBYTES, "salt");
_Static_assert(ELO_SIG_LEN == crypto_sign_BYTES, "signature");
_Static_assert(ELO_BLAKE2B_LEN == crypto_generichash_blake2b_BYTES_MIN,
               "blake2b");
_Static_assert(ELO_SHA256_LEN == crypto_auth_hmacsha256_BYTES, "hmac");

_Static_assert(ELO_SHORTHASH_KEY_LEN == crypto_shorthash_KEYBYTES
                   && crypto_shorthash_BYTES == sizeof(uint64_t)
                   && crypto_shorthash_siphashx24_KEYBYTES
                          == ELO_SHORTHASH_KEY_LEN
                   && crypto_shorthash_siphashx24_BYTES == 16,
               "short hash");

#define SECRET_ALIGN 16u
#define NONCE_LEN    crypto_aead_xchacha20poly1305_ietf_NPUBBYTES


bool
elo_agent_is_zero(const elo_agent_t *a)
{
    return sodium_is_zero(a->b, sizeof(a->b)) == 1;
}


bool
elo_agent_eq(const elo_agent_t *a, const elo_agent_t *b)
{
    return memcmp(a->b, b->b, sizeof(a->b)) == 0;
}


elo_err_t
elo_agent_parse(elo_slice_t text, elo_agent_t *out)
{
    elo_agent_t a;
    elo_err_t rc;

    for (size_t i = 0; i < text.len; i++) {
        if (text.p[i] >= 'A' && text.p[i] <= 'F') {
            return ELO_EINVAL; /* one agent, one text */
        }
    }
    rc = elo_hex_decode(text, a.b, sizeof(a.b));
    if (rc == ELO_OK) {
        *out = a;
    }
    return rc;
}


void
elo_agent_text(const elo_agent_t *a, char out[2 * ELO_AGENT_LEN + 1])
{
    elo_hex_encode(a->b, sizeof(a->b), out);
}


elo_err_t
elo_keys_init(void)
{
    return sodium_init() < 0 ? ELO_EINTERNAL : ELO_OK;
}


void
elo_wipe(void *p, size_t len)
{
    if (len > 0) {
        sodium_memzero(p, len);
    }
}


bool
elo_secret_eq(const void *a, const void *b, size_t len)
{
    return sodium_memcmp(a, b, len) == 0;
}


void
elo_keys_random(void *p, size_t len)
{
    randombytes_buf(p, len);
}


void *
elo_secret_alloc(size_t len)
{
    void *p;

    if (len > SIZE_MAX - SECRET_ALIGN) {
        return NULL;
    }
    /* the end lies at a guard page: only a rounded length is aligned */
    len = (len + SECRET_ALIGN - 1) / SECRET_ALIGN * SECRET_ALIGN;
    p = sodium_malloc(len);
    if (p != NULL) {
        sodium_memzero(p, len);
    }
    return p;
}


void
elo_secret_free(void *p)
{
    sodium_free(p);
}


void
elo_agent_of_seed(const uint8_t seed[ELO_SEED_LEN], elo_agent_t *out)
{
    uint8_t sk[crypto_sign_SECRETKEYBYTES];

    crypto_sign_seed_keypair(out->b, sk, seed);
    sodium_memzero(sk, sizeof(sk));
}


void
elo_sign(const uint8_t seed[ELO_SEED_LEN], elo_slice_t in,
         uint8_t sig[ELO_SIG_LEN])
{
    uint8_t pk[crypto_sign_PUBLICKEYBYTES], sk[crypto_sign_SECRETKEYBYTES];

    crypto_sign_seed_keypair(pk, sk, seed);
    crypto_sign_detached(sig, NULL, in.p, in.len, sk);
    sodium_memzero(sk, sizeof(sk));
}


bool
elo_verify(const elo_agent_t *by, elo_slice_t in,
           const uint8_t sig[ELO_SIG_LEN])
{
    return crypto_sign_verify_detached(sig, in.p, in.len, by->b) == 0;
}


elo_err_t
elo_box_seal(const elo_agent_t *to, elo_slice_t in, uint8_t *out)
{
    uint8_t pk[crypto_box_PUBLICKEYBYTES];

    /* refuses points off the curve, of small order or of another subgroup */
    if (crypto_sign_ed25519_pk_to_curve25519(pk, to->b) != 0
        || crypto_box_seal(out, in.p, in.len, pk) != 0)
    {
        return ELO_EINVAL;
    }
    return ELO_OK;
}


elo_err_t
elo_box_open(const uint8_t seed[ELO_SEED_LEN], elo_slice_t in, uint8_t *out)
{
    elo_x25519_t k;
    elo_err_t rc;

    elo_x25519_of_seed(seed, &k);
    rc = elo_x25519_open(&k, in, out);
    sodium_memzero(&k, sizeof(k));
    return rc;
}


void
elo_x25519_of_seed(const uint8_t seed[ELO_SEED_LEN], elo_x25519_t *out)
{
    uint8_t pk[crypto_sign_PUBLICKEYBYTES], sk[crypto_sign_SECRETKEYBYTES];

    crypto_sign_seed_keypair(pk, sk, seed);
    crypto_sign_ed25519_sk_to_curve25519(out->sk, sk);
    crypto_scalarmult_base(out->pk, out->sk);
    sodium_memzero(sk, sizeof(sk));
}


elo_err_t
elo_x25519_seal(const elo_x25519_t *to, elo_slice_t in, uint8_t *out)
{
    return crypto_box_seal(out, in.p, in.len, to->pk) == 0 ? ELO_OK
                                                           : ELO_EINTERNAL;
}


elo_err_t
elo_x25519_open(const elo_x25519_t *k, elo_slice_t in, uint8_t *out)
{
    if (in.len < ELO_BOX_OVERHEAD
        || crypto_box_seal_open(out, in.p, in.len, k->pk, k->sk) != 0)
    {
        return ELO_ECORRUPT;
    }
    return ELO_OK;
}


elo_err_t
elo_sbox_seal(const uint8_t key[ELO_SECRET_LEN], elo_slice_t aad,
              elo_slice_t in, uint8_t *out)
{
    randombytes_buf(out, NONCE_LEN);
    if (crypto_aead_xchacha20poly1305_ietf_encrypt(
            out + NONCE_LEN, NULL, in.p, in.len, aad.p, aad.len, NULL, out, key)
        != 0)
    {
        return ELO_EINTERNAL;
    }
    return ELO_OK;
}


elo_err_t
elo_sbox_open(const uint8_t key[ELO_SECRET_LEN], elo_slice_t aad,
              elo_slice_t in, uint8_t *out)
{
    if (in.len < ELO_SBOX_OVERHEAD
        || crypto_aead_xchacha20poly1305_ietf_decrypt(
               out, NULL, NULL, in.p + NONCE_LEN, in.len - NONCE_LEN, aad.p,
               aad.len, in.p, key)
               != 0)
    {
        return ELO_ECORRUPT;
    }
    return ELO_OK;
}


elo_err_t
elo_kdf(elo_slice_t passphrase, const uint8_t salt[ELO_SALT_LEN], uint64_t ops,
        uint64_t mem_bytes, uint8_t out[ELO_SECRET_LEN])
{
    if (ops < ELO_KDF_OPS_MIN || ops > ELO_KDF_OPS_MAX
        || mem_bytes < ELO_KDF_MEM_MIN || mem_bytes > ELO_KDF_MEM_MAX)
    {
        return ELO_EINVAL;
    }
    if (crypto_pwhash(out, ELO_SECRET_LEN, (const char *) passphrase.p,
                      passphrase.len, salt, ops, (size_t) mem_bytes,
                      crypto_pwhash_ALG_ARGON2ID13)
        != 0)
    {
        sodium_memzero(out, ELO_SECRET_LEN);
        return ELO_ENOMEM;
    }
    return ELO_OK;
}


elo_err_t
elo_hmac(const uint8_t key[ELO_SECRET_LEN], const elo_slice_t *in, uint32_t n,
         elo_digest_t *out)
{
    elo_hmac_any(elo_slice(key, ELO_SECRET_LEN), in, n, out);
    return ELO_OK;
}


void
elo_hmac_any(elo_slice_t key, const elo_slice_t *in, uint32_t n,
             elo_digest_t *out)
{
    crypto_auth_hmacsha256_state st;

    crypto_auth_hmacsha256_init(&st, key.p, key.len);
    for (uint32_t i = 0; i < n; i++) {
        crypto_auth_hmacsha256_update(&st, in[i].p, in[i].len);
    }
    crypto_auth_hmacsha256_final(&st, out->b);
    sodium_memzero(&st, sizeof(st));
}


void
elo_blake2b(elo_slice_t in, uint8_t out[ELO_BLAKE2B_LEN])
{
    crypto_generichash_blake2b(out, ELO_BLAKE2B_LEN, in.p, in.len, NULL, 0);
}


void
elo_blake2b_256(elo_slice_t in, elo_digest_t *out)
{
    crypto_generichash_blake2b(out->b, sizeof(out->b), in.p, in.len, NULL, 0);
}


void
elo_key_id(const elo_agent_t *key, uint8_t out[ELO_KEY_ID_LEN])
{
    uint8_t d[crypto_hash_sha256_BYTES];

    crypto_hash_sha256(d, key->b, sizeof(key->b));
    memcpy(out, d, ELO_KEY_ID_LEN);
}


uint64_t
elo_shorthash(const uint8_t key[ELO_SHORTHASH_KEY_LEN], elo_slice_t in)
{
    uint8_t h[crypto_shorthash_BYTES];
    uint64_t v;

    crypto_shorthash(h, in.p, in.len, key);
    memcpy(&v, h, sizeof(v));
    return v;
}


void
elo_shorthash128(const uint8_t key[ELO_SHORTHASH_KEY_LEN], elo_slice_t in,
                 uint8_t out[16])
{
    crypto_shorthash_siphashx24(out, in.p, in.len, key);
}
