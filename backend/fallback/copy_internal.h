/* SPDX-License-Identifier: BSD-2-Clause */
/* copy_internal: what copy.c and copy_make.c share. */
#ifndef ELO_FALLBACK_COPY_INTERNAL_H
#define ELO_FALLBACK_COPY_INTERNAL_H

#include "backend/fallback/copy.h"
#include "backend/os/mutex.h"
#include "backend/os/vfs.h"
#include "common/base/aead.h"
#include "common/base/hashmap.h"

struct elo_copies_s {
    elo_copies_cfg_t cfg;
    char *root;
    const elo_vfs_t *vfs;
    elo_cipher_t cipher;
    elo_mutex_t mtx;

    /* shared: mtx, as are the parts of copies that say so */
    elo_hashmap_t map; /* of those that are whole or were */
    uint64_t bytes;
    uint64_t loose;  /* of these: of trees that were stated */
    uint64_t memory; /* of trees */
    uint64_t clock;  /* counts uses */
};

typedef struct {
    elo_digest_t digest;
    elo_agent_t owner;
    elo_digest_t root; /* as stated; zeros: all bytes had the digest */
} elo_copy_key_t;

typedef struct {
    uint8_t tag[ELO_AEAD_TAG_LEN];
    bool is_here; /* shared: mtx */
} elo_copy_chunk_t;

struct elo_copy_s {
    elo_copies_t *all;
    elo_copy_key_t key;
    uint64_t size;
    uint32_t n_chunks;
    elo_buf_t layer; /* empty: it is one chunk, checked by its digest */

    /* shared: mtx */
    uint32_t refs;
    uint64_t used;
    uint64_t bytes; /* of chunks that are here */
    uint64_t loose; /* the same, of a tree that was stated */
    int fd;         /* -1: no bytes; changes only without references */
    elo_copy_chunk_t *chunks;         /* n_chunks of them */
    uint8_t secret[ELO_AEAD_KEY_LEN]; /* of this file, each chunk is encrypted
                                         once under it */
};

/* Counts n bytes that come to the disk, others making room for them. ELO_ENOSPC. */
elo_err_t elo_copies_take(elo_copies_t *c, uint64_t n) ELO_MUST_USE;
void elo_copies_give(elo_copies_t *c, uint64_t n);

/* A nameless file and its key. */
elo_err_t elo_copy_open(elo_copies_t *c, int *fd,
                        uint8_t secret[ELO_AEAD_KEY_LEN]) ELO_MUST_USE;

/* [work] Encrypts a chunk into the file; room is for as many bytes. */
elo_err_t elo_copy_seal(elo_copies_t *c, int fd,
                        const uint8_t secret[ELO_AEAD_KEY_LEN], uint32_t chunk,
                        elo_slice_t bytes, uint8_t *room,
                        uint8_t tag[ELO_AEAD_TAG_LEN]) ELO_MUST_USE;

/* Puts a copy that was made among the others, one of the same key in its place. */
elo_err_t elo_copies_add(elo_copies_t *c, elo_copy_t *copy) ELO_MUST_USE;

void elo_copy_free(elo_copy_t *copy); /* its bytes are given back */

/* What it has in memory for as long as it is known. */
uint64_t elo_copy_memory(const elo_copy_t *copy);

#endif
