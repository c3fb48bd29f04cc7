/* SPDX-License-Identifier: BSD-2-Clause */
/* cipher ROUNDS MS: rates of the ciphers that chunks could be sealed with, in
   GB/s of plaintext and CPU time of one core. Each round takes every cipher and
   size in turn, for MS milliseconds each; a line is "size cipher GB/s". Our two
   go through common/base/aead, which is what the store calls; secretstream
   through libsodium. */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include <sodium.h>

#include "common/base/aead.h"
#include "common/base/num.h"

#define MESSAGE_MAX ((size_t) 1 << 20)
#define SS_OVERHEAD crypto_secretstream_xchacha20poly1305_ABYTES
#define SS_HEADER   crypto_secretstream_xchacha20poly1305_HEADERBYTES

static const uint8_t key[ELO_AEAD_KEY_LEN] = { 1 };
static uint8_t *in, *out;


static double
now(void)
{
    struct timespec ts;

    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &ts);
    return (double) ts.tv_sec + (double) ts.tv_nsec / 1e9;
}


/* A message of len bytes with a nonce of its own. */
static void
aead(elo_aead_t *a, size_t len, uint64_t i)
{
    uint8_t nonce[ELO_AEAD_NONCE_LEN] = { 0 }, tag[ELO_AEAD_TAG_LEN];

    memcpy(nonce, &i, sizeof(i));
    if (elo_aead_seal(a, nonce, elo_slice(NULL, 0), elo_slice(in, len), out,
                      tag)
        != ELO_OK)
    {
        abort();
    }
}


/* The next message of one stream, as a file would be. */
static void
secretstream(crypto_secretstream_xchacha20poly1305_state *st, size_t len)
{
    if (crypto_secretstream_xchacha20poly1305_push(st, out, NULL, in, len, NULL,
                                                   0, 0)
        != 0)
    {
        abort();
    }
}


/* cipher 0: secretstream. */
static double
rate(elo_cipher_t cipher, size_t len, double seconds)
{
    crypto_secretstream_xchacha20poly1305_state st;
    uint8_t header[SS_HEADER];
    elo_aead_t *a = NULL;
    uint64_t n = 0;
    double begin, spent;

    if (cipher != 0 && elo_aead_create(cipher, key, &a) != ELO_OK) {
        abort();
    }
    crypto_secretstream_xchacha20poly1305_init_push(&st, header, key);
    begin = now();
    do {
        for (unsigned i = 0; i < MESSAGE_MAX / len; i++, n++) {
            if (cipher != 0) {
                aead(a, len, n);
            } else {
                secretstream(&st, len);
            }
        }
        spent = now() - begin;
    } while (spent < seconds);
    elo_aead_free(&a);
    return (double) n * (double) len / spent / 1e9;
}


int
main(int argc, char **argv)
{
    static const size_t sizes[] = { 4096, 65536, MESSAGE_MAX };
    static const struct {
        elo_cipher_t cipher;
        const char *name;
    } ciphers[] = { { ELO_CIPHER_AES256_GCM, "aes-256-gcm" },
                    { ELO_CIPHER_CHACHA20_POLY1305, "chacha20-poly1305" },
                    { (elo_cipher_t) 0, "secretstream" } };
    long rounds = argc > 1 ? strtol(argv[1], NULL, 10) : 5;
    double seconds = (argc > 2 ? strtod(argv[2], NULL) : 200) / 1000;

    in = calloc(1, MESSAGE_MAX);
    out = calloc(1, MESSAGE_MAX + SS_OVERHEAD);
    if (in == NULL || out == NULL || sodium_init() < 0) {
        return 1;
    }
    printf("best %s\n",
           ciphers[elo_cipher_best() == ELO_CIPHER_AES256_GCM ? 0 : 1].name);
    for (long r = 0; r < rounds; r++) {
        for (size_t s = 0; s < ELO_COUNT(sizes); s++) {
            for (size_t c = 0; c < ELO_COUNT(ciphers); c++) {
                printf("%zu %s %.4f\n", sizes[s], ciphers[c].name,
                       rate(ciphers[c].cipher, sizes[s], seconds));
            }
        }
    }
    free(in);
    free(out);
    return 0;
}
