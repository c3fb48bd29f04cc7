/* SPDX-License-Identifier: BSD-2-Clause */
/* copy: see the header. */
#include "backend/fallback/copy_internal.h"

#include <assert.h>
#include <stdlib.h>

#include "backend/os/clock.h"
#include "common/base/crypto.h"
#include "common/base/num.h"

#define FILE_MODE   0600u
#define LOOSE_SHARE 2           /* of the budget: half of it */
#define MEMORY_MAX  (64u << 20) /* of trees: of 2 TiB of blobs */


static elo_slice_t
key_bytes(const elo_copy_key_t *k)
{
    return elo_slice(k, sizeof(*k)); /* three arrays of bytes: no holes */
}


static bool
is_key(const void *item, const void *key)
{
    const elo_copy_t *c = item;

    return memcmp(&c->key, key, sizeof(c->key)) == 0;
}


/* ---- lifetime ---- */

elo_err_t
elo_copies_create(const elo_copies_cfg_t *cfg, elo_copies_t **out)
{
    uint8_t key[ELO_SHORTHASH_KEY_LEN];
    elo_copies_t *c = calloc(1, sizeof(*c));
    elo_err_t rc;

    if (c == NULL) {
        return ELO_ENOMEM;
    }
    c->cfg = *cfg;
    c->vfs = elo_vfs_posix();
    c->cipher = elo_cipher_best();
    c->root = strdup(cfg->root);
    rc = c->root == NULL ? ELO_ENOMEM : elo_mutex_init(&c->mtx);
    if (rc != ELO_OK) {
        free(c->root);
        free(c);
        return rc;
    }
    elo_random(key, sizeof(key));
    elo_hashmap_init(&c->map, key);
    *out = c;
    return ELO_OK;
}


void
elo_copies_free(elo_copies_t **cp)
{
    elo_copies_t *c = *cp;
    elo_copy_t *copy;
    size_t at = 0;

    if (c == NULL) {
        return;
    }
    *cp = NULL;
    while ((copy = elo_hashmap_next(&c->map, &at)) != NULL) {
        assert(copy->refs == 0);
        elo_copy_free(copy);
    }
    elo_hashmap_dispose(&c->map);
    elo_mutex_dispose(&c->mtx);
    free(c->root);
    free(c);
}


void
elo_copies_stat(elo_copies_t *c, elo_copies_stat_t *out)
{
    elo_mutex_lock(&c->mtx);
    out->copies = (uint32_t) elo_hashmap_count(&c->map);
    out->bytes = c->bytes;
    elo_mutex_unlock(&c->mtx);
}


/* Its bytes go, its tree stays. */
static void
empty(elo_copy_t *copy)
{
    if (copy->fd >= 0) {
        copy->all->vfs->close(copy->all->vfs, copy->fd);
        copy->fd = -1;
    }
    for (uint32_t i = 0; i < copy->n_chunks; i++) {
        copy->chunks[i].is_here = false;
    }
    elo_wipe(copy->secret, sizeof(copy->secret));
    copy->all->bytes -= copy->bytes;
    copy->all->loose -= copy->loose;
    copy->bytes = copy->loose = 0;
}


uint64_t
elo_copy_memory(const elo_copy_t *copy)
{
    return sizeof(*copy) + copy->layer.len
           + ((uint64_t) copy->n_chunks + 1) * sizeof(*copy->chunks);
}


void
elo_copy_free(elo_copy_t *copy)
{
    empty(copy);
    elo_buf_dispose(&copy->layer);
    free(copy->chunks);
    free(copy);
}


static void
drop_locked(elo_copies_t *c, elo_copy_t *copy)
{
    bool was_in;

    elo_mutex_assert_held(&c->mtx);
    was_in = elo_hashmap_remove(
        &c->map, elo_hashmap_hash(&c->map, key_bytes(&copy->key)), copy);
    assert(was_in);
    c->memory -= elo_copy_memory(copy);
    elo_copy_free(copy);
}


/* ---- room ---- */

typedef enum { OF_ALL, OF_FILES, OF_LOOSE } which_t;


/* The one without references that was used longest ago: of all, of those with bytes,
   or of those with chunks that came alone. */
static elo_copy_t *
oldest_locked(elo_copies_t *c, which_t which)
{
    elo_copy_t *oldest = NULL, *copy;
    size_t at = 0;

    while ((copy = elo_hashmap_next(&c->map, &at)) != NULL) {
        if (copy->refs == 0 && (which != OF_FILES || copy->fd >= 0)
            && (which != OF_LOOSE || copy->loose > 0)
            && (oldest == NULL || copy->used < oldest->used))
        {
            oldest = copy;
        }
    }
    return oldest;
}


static bool
has_free(elo_copies_t *c, uint64_t n)
{
    uint64_t bytes, need;
    bool is_enough = false;
    int fd;

    if (c->vfs->open(c->vfs, ELO_VFS_CWD, c->root, ELO_VFS_DIR, 0, &fd)
        != ELO_OK) {
        return false;
    }
    if (c->vfs->free_space(c->vfs, fd, &bytes) == ELO_OK
        && elo_add_u64(c->cfg.min_free_bytes, n, &need))
    {
        is_enough = bytes >= need;
    }
    c->vfs->close(c->vfs, fd);
    return is_enough;
}


elo_err_t
elo_copies_take(elo_copies_t *c, uint64_t n)
{
    elo_copy_t *oldest;
    elo_err_t rc;

    if (n > c->cfg.max_bytes || !has_free(c, n)) {
        return ELO_ENOSPC;
    }
    elo_mutex_lock(&c->mtx);
    while (c->bytes > c->cfg.max_bytes - n
           && (oldest = oldest_locked(c, OF_FILES)) != NULL)
    {
        empty(oldest);
    }
    rc = c->bytes > c->cfg.max_bytes - n ? ELO_ENOSPC : ELO_OK;
    if (rc == ELO_OK) {
        c->bytes += n;
    }
    elo_mutex_unlock(&c->mtx);
    return rc;
}


void
elo_copies_give(elo_copies_t *c, uint64_t n)
{
    elo_mutex_lock(&c->mtx);
    c->bytes -= n;
    elo_mutex_unlock(&c->mtx);
}


/* Of a tree that was stated, however large its blob: its chunks don't take it all, as
   what comes as a whole needs room too. */
static bool
is_loose(const elo_copy_t *copy)
{
    static const elo_digest_t none;

    return memcmp(&copy->key.root, &none, sizeof(none)) != 0;
}


static bool
has_loose_room(elo_copies_t *c, uint64_t n)
{
    uint64_t max = c->cfg.max_bytes / LOOSE_SHARE;
    elo_copy_t *oldest;
    bool has_room;

    elo_mutex_lock(&c->mtx);
    while (n <= max && c->loose > max - n
           && (oldest = oldest_locked(c, OF_LOOSE)) != NULL)
    {
        empty(oldest);
    }
    has_room = n <= max && c->loose <= max - n;
    elo_mutex_unlock(&c->mtx);
    return has_room;
}


static bool
is_crowded(const elo_copies_t *c, uint64_t memory)
{
    return elo_hashmap_count(&c->map) >= c->cfg.max_copies
           || c->memory + memory > MEMORY_MAX;
}


elo_err_t
elo_copies_add(elo_copies_t *c, elo_copy_t *copy)
{
    uint64_t hash = elo_hashmap_hash(&c->map, key_bytes(&copy->key));
    uint64_t memory = elo_copy_memory(copy);
    elo_copy_t *other;
    elo_err_t rc;

    elo_mutex_lock(&c->mtx);
    while (is_crowded(c, memory) && (other = oldest_locked(c, OF_ALL)) != NULL)
    {
        drop_locked(c, other);
    }
    other = elo_hashmap_get(&c->map, hash, is_key, &copy->key);
    if (other != NULL && other->refs == 0) {
        drop_locked(c, other);
        other = NULL;
    }
    rc = other != NULL || is_crowded(c, memory)
             ? ELO_EBUSY
             : elo_hashmap_reserve(&c->map, 1);
    if (rc == ELO_OK) {
        copy->refs = 1;
        copy->used = ++c->clock;
        c->memory += memory;
        elo_hashmap_put(&c->map, hash, copy);
    }
    elo_mutex_unlock(&c->mtx);
    return rc;
}


/* ---- references ---- */

elo_copy_t *
elo_copies_find(elo_copies_t *c, const elo_digest_t *d,
                const elo_agent_t *owner, const elo_digest_t *root)
{
    elo_copy_key_t key = { .digest = *d, .owner = *owner };
    elo_copy_t *copy;

    if (root != NULL) {
        key.root = *root;
    }

    elo_mutex_lock(&c->mtx);
    copy = elo_hashmap_get(&c->map, elo_hashmap_hash(&c->map, key_bytes(&key)),
                           is_key, &key);
    if (copy != NULL) {
        copy->refs++;
        copy->used = ++c->clock;
    }
    elo_mutex_unlock(&c->mtx);
    return copy;
}


elo_copy_t *
elo_copy_hold(elo_copy_t *copy)
{
    elo_mutex_lock(&copy->all->mtx);
    copy->refs++;
    elo_mutex_unlock(&copy->all->mtx);
    return copy;
}


void
elo_copy_release(elo_copy_t **cp)
{
    elo_copy_t *copy = *cp;

    if (copy != NULL) {
        elo_copies_t *c = copy->all;

        *cp = NULL;
        elo_mutex_lock(&c->mtx);
        assert(copy->refs > 0);
        copy->refs--;
        elo_mutex_unlock(&c->mtx);
    }
}


uint64_t
elo_copy_size(const elo_copy_t *copy)
{
    return copy->size;
}


bool
elo_copy_fits(const elo_copy_t *copy)
{
    uint64_t max = copy->all->cfg.max_bytes;

    return copy->size <= (is_loose(copy) ? max / LOOSE_SHARE : max);
}


size_t
elo_copy_chunk_len(const elo_copy_t *copy, uint32_t chunk)
{
    uint64_t start = (uint64_t) chunk * ELO_TREE_CHUNK;

    assert(start < copy->size);
    return (size_t) ELO_MIN(copy->size - start, (uint64_t) ELO_TREE_CHUNK);
}


bool
elo_copy_has(elo_copy_t *copy, uint32_t chunk)
{
    bool is_here;

    elo_mutex_lock(&copy->all->mtx);
    is_here = chunk < copy->n_chunks && copy->chunks[chunk].is_here;
    elo_mutex_unlock(&copy->all->mtx);
    return is_here;
}


/* ---- bytes ---- */

elo_err_t
elo_copy_open(elo_copies_t *c, int *fd, uint8_t secret[ELO_AEAD_KEY_LEN])
{
    elo_err_t rc =
        c->vfs->open_tmp(c->vfs, ELO_VFS_CWD, c->root, FILE_MODE, fd);

    if (rc == ELO_OK) {
        elo_random(secret, ELO_AEAD_KEY_LEN);
    }
    return rc;
}


static void
make_nonce(uint32_t chunk, uint8_t out[ELO_AEAD_NONCE_LEN])
{
    memset(out, 0, ELO_AEAD_NONCE_LEN);
    for (uint32_t i = 0; i < 4; i++) {
        out[i] = (uint8_t) (chunk >> (24 - 8 * i));
    }
}


static elo_err_t
write_all(elo_copies_t *c, int fd, elo_slice_t s, uint64_t off)
{
    elo_err_t rc = ELO_OK;
    size_t n;

    while (s.len > 0
           && (rc = c->vfs->pwrite(c->vfs, fd, s.p, s.len, off, &n)) == ELO_OK)
    {
        s = elo_slice(s.p + n, s.len - n);
        off += n;
        if (n == 0) {
            return ELO_ENOSPC;
        }
    }
    return rc;
}


elo_err_t
elo_copy_seal(elo_copies_t *c, int fd, const uint8_t secret[ELO_AEAD_KEY_LEN],
              uint32_t chunk, elo_slice_t bytes, uint8_t *room,
              uint8_t tag[ELO_AEAD_TAG_LEN])
{
    uint8_t nonce[ELO_AEAD_NONCE_LEN];
    elo_aead_t *aead = NULL;
    elo_err_t rc;

    make_nonce(chunk, nonce);
    if ((rc = elo_aead_create(c->cipher, secret, &aead)) == ELO_OK) {
        rc = elo_aead_seal(aead, nonce, elo_slice(NULL, 0), bytes, room, tag);
    }
    elo_aead_free(&aead);
    return rc != ELO_OK ? rc
                        : write_all(c, fd, elo_slice(room, bytes.len),
                                    (uint64_t) chunk * ELO_TREE_CHUNK);
}


static elo_err_t
read_all(elo_copies_t *c, int fd, uint8_t *p, size_t len, uint64_t off)
{
    size_t at = 0, n;
    elo_err_t rc = ELO_OK;

    while (at < len
           && (rc = c->vfs->pread(c->vfs, fd, p + at, len - at, off + at, &n))
                  == ELO_OK)
    {
        if (n == 0) {
            return ELO_ECORRUPT;
        }
        at += n;
    }
    return rc;
}


/* The caller's reference keeps file and key as they are. */
elo_err_t
elo_copy_read(elo_copy_t *copy, uint32_t chunk, uint8_t *p)
{
    size_t len = elo_copy_chunk_len(copy, chunk);
    uint8_t nonce[ELO_AEAD_NONCE_LEN];
    elo_copies_t *c = copy->all;
    elo_aead_t *aead = NULL;
    elo_err_t rc;

    if (!elo_copy_has(copy, chunk)) {
        return ELO_ENOTFOUND;
    }
    rc = read_all(c, copy->fd, p, len, (uint64_t) chunk * ELO_TREE_CHUNK);
    if (rc == ELO_OK
        && (rc = elo_aead_create(c->cipher, copy->secret, &aead)) == ELO_OK)
    {
        make_nonce(chunk, nonce);
        rc = elo_aead_open(aead, nonce, elo_slice(NULL, 0), elo_slice(p, len),
                           p, copy->chunks[chunk].tag);
    }
    elo_aead_free(&aead);
    return rc;
}


static elo_err_t
check(const elo_copy_t *copy, uint32_t chunk, elo_slice_t bytes)
{
    elo_digest_t d;
    const uint8_t *want;
    elo_err_t rc;

    if (chunk >= copy->n_chunks || bytes.len != elo_copy_chunk_len(copy, chunk))
    {
        return ELO_EHASH;
    }
    if (copy->n_chunks == 1) {
        want = copy->key.digest.b;
        rc = elo_sha256(bytes, &d);
    } else {
        want = copy->layer.p + (size_t) chunk * sizeof(d.b);
        rc = elo_tree_chunk(bytes, &d);
    }
    if (rc != ELO_OK) {
        return rc;
    }
    return memcmp(d.b, want, sizeof(d.b)) == 0 ? ELO_OK : ELO_EHASH;
}


/* The file, made by whoever comes first after it was emptied. */
static elo_err_t
file_locked(elo_copy_t *copy)
{
    return copy->fd >= 0 ? ELO_OK
                         : elo_copy_open(copy->all, &copy->fd, copy->secret);
}


elo_err_t
elo_copy_put(elo_copy_t *copy, uint32_t chunk, elo_slice_t bytes)
{
    elo_copies_t *c = copy->all;
    uint8_t tag[ELO_AEAD_TAG_LEN], *room;
    elo_err_t rc;

    if ((rc = check(copy, chunk, bytes)) != ELO_OK || elo_copy_has(copy, chunk))
    {
        return rc;
    }
    if (is_loose(copy) && !has_loose_room(c, bytes.len)) {
        return ELO_ENOSPC;
    }
    if ((rc = elo_copies_take(c, bytes.len)) != ELO_OK) {
        return rc;
    }
    elo_mutex_lock(&c->mtx);
    rc = file_locked(copy);
    elo_mutex_unlock(&c->mtx);
    room = malloc(bytes.len);
    if (rc == ELO_OK) {
        /* two that write the same chunk write the same bytes: one key, one
           nonce, one plaintext */
        rc = room == NULL ? ELO_ENOMEM
                          : elo_copy_seal(c, copy->fd, copy->secret, chunk,
                                          bytes, room, tag);
    }
    free(room);
    elo_mutex_lock(&c->mtx);
    if (rc == ELO_OK && !copy->chunks[chunk].is_here) {
        memcpy(copy->chunks[chunk].tag, tag, sizeof(tag));
        copy->chunks[chunk].is_here = true;
        copy->bytes += bytes.len;
        if (is_loose(copy)) {
            copy->loose += bytes.len;
            c->loose += bytes.len;
        }
    } else {
        c->bytes -= bytes.len;
    }
    elo_mutex_unlock(&c->mtx);
    return rc > 0 ? ELO_ENOSPC : rc; /* the disk's, not the bytes' */
}
