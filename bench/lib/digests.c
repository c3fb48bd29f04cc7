/* SPDX-License-Identifier: BSD-2-Clause */
/* digests: the peer of ingest_large: SHA-256 and hash tree of N bytes that are in
   memory already, on two threads, with the very code of the daemon. Prints
   seconds. */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "common/base/crypto.h"
#include "common/base/hash_tree.h"

#define PIECE (1u << 20)

static uint8_t *bytes; /* one piece, again and again: hashing doesn't care */
static uint64_t pieces;


static void *
run_tree(void *ctx)
{
    elo_digest_t root;
    elo_tree_t *t;
    bool has_root;

    if (elo_tree_create(&t) != ELO_OK) {
        abort();
    }
    for (uint64_t i = 0; i < pieces; i++) {
        if (elo_tree_update(t, elo_slice(bytes, PIECE)) != ELO_OK) {
            abort();
        }
    }
    if (elo_tree_final(t, &root, &has_root, NULL) != ELO_OK) {
        abort();
    }
    elo_tree_free(&t);
    return ctx;
}


static void
run_blob(void)
{
    elo_sha256_t *h;
    elo_digest_t d;

    if (elo_sha256_create(&h) != ELO_OK) {
        abort();
    }
    for (uint64_t i = 0; i < pieces; i++) {
        if (elo_sha256_update(h, elo_slice(bytes, PIECE)) != ELO_OK) {
            abort();
        }
    }
    if (elo_sha256_final(h, &d) != ELO_OK) {
        abort();
    }
    elo_sha256_free(&h);
}


int
main(int argc, char **argv)
{
    struct timespec a, b;
    pthread_t tree;

    pieces = argc > 1 ? strtoull(argv[1], NULL, 10) / PIECE : 1024;
    bytes = malloc(PIECE);
    if (bytes == NULL) {
        return 1;
    }
    for (size_t i = 0; i < PIECE; i++) {
        bytes[i] = (uint8_t) (i * 2654435761u >> 24);
    }
    clock_gettime(CLOCK_MONOTONIC, &a);
    if (pthread_create(&tree, NULL, run_tree, NULL) != 0) {
        return 1;
    }
    run_blob();
    pthread_join(tree, NULL);
    clock_gettime(CLOCK_MONOTONIC, &b);
    printf("%.6f\n", (double) (b.tv_sec - a.tv_sec)
                         + (double) (b.tv_nsec - a.tv_nsec) / 1e9);
    free(bytes);
    return 0;
}
