/* SPDX-License-Identifier: BSD-2-Clause */
/* blob_read: bytes of blobs. A clear blob is read from its file or segment; of a
   sealed one, whole chunks are decrypted, the last of them being kept. */
#include <assert.h>
#include <errno.h>
#include <stdlib.h>

#include "backend/store/blob_internal.h"
#include "backend/store/files.h"
#include "backend/store/seal.h"
#include "common/base/num.h"

#define TRIES    4 /* looks at a row that compaction moves meanwhile */
#define NO_CHUNK UINT64_MAX

struct elo_blob_s {
    uint32_t magic;
    elo_store_t *s;
    int fd;
    uint64_t base; /* of what is stored, in that file */
    uint64_t size; /* of the plaintext */
    /* sealed */
    elo_aead_t *aead;
    uint8_t *chunk; /* secret; NULL until the first read */
    uint64_t chunk_i;
};


static elo_err_t
fd_read(elo_store_t *s, int fd, uint64_t off, void *p, size_t len)
{
    uint8_t *at = p;
    elo_err_t rc;
    size_t n;

    while (len > 0) {
        if ((rc = s->vfs->pread(s->vfs, fd, at, len, off, &n)) != ELO_OK) {
            return rc;
        }
        if (n == 0) {
            return ELO_ECORRUPT;
        }
        at += n;
        off += n;
        len -= n;
    }
    return ELO_OK;
}


/* ---- finding it ---- */

/* Where what st says is stored lies now. */
static elo_err_t
locate(elo_store_t *s, elo_blob_stat_t *st)
{
    elo_rec_blob_t rec;
    elo_kv_entry_t e;
    elo_kv_view_t v;
    elo_err_t rc;

    if ((rc = elo_kv_view_begin(s->kv, &v)) != ELO_OK) {
        return rc;
    }
    rc = elo_blob_row(&(elo_rows_t){ .view = &v }, &st->_object, &e, &rec);
    if (rc == ELO_OK) {
        st->_file = rec.file;
        st->_stored = rec.size;
        st->_segment = rec.file == 0 ? e.segment : 0;
        st->_offset = rec.file == 0 && e.data_len > 0 ? e.data_off : 0;
    }
    elo_kv_view_end(&v);
    return rc;
}


/* Opens the file that holds it. ELO_ENOTFOUND: look again. */
static elo_err_t
open_file(elo_store_t *s, const elo_blob_stat_t *st, int *fd)
{
    char name[ELO_STORE_NAME_MAX + 1];
    const elo_vfs_t *v = s->vfs;
    uint64_t size;
    elo_err_t rc;

    if (st->_file != 0) {
        elo_file_name(ELO_FILE_BLOB, st->_file, name);
    } else {
        elo_kv_segment_name(st->_segment, name);
    }
    rc = v->open(v, s->root_fd, name, ELO_VFS_READ, 0, fd);
    if (rc != ELO_OK) {
        return rc == ENOENT ? ELO_ENOTFOUND : rc == ELOOP ? ELO_ECORRUPT : rc;
    }
    if ((rc = v->size(v, *fd, &size)) == ELO_OK
        && (st->_file != 0
                ? size != st->_stored
                : size < st->_offset || size - st->_offset < st->_stored))
    {
        rc = ELO_ECORRUPT;
    }
    if (rc != ELO_OK) {
        v->close(v, *fd);
        return rc == EINVAL ? ELO_ECORRUPT : rc;
    }
    return ELO_OK;
}


static bool
is_same_place(const elo_blob_stat_t *a, const elo_blob_stat_t *b)
{
    return a->_file == b->_file && a->_segment == b->_segment
           && a->_offset == b->_offset;
}


/* The same, following what moves; *at is where it was found. */
static elo_err_t
open_stored(elo_store_t *s, const elo_blob_stat_t *st, elo_blob_stat_t *at,
            int *fd)
{
    elo_blob_stat_t was;
    elo_err_t rc;

    *at = *st;
    for (int i = 0; i < TRIES; i++) {
        if ((rc = open_file(s, at, fd)) != ELO_ENOTFOUND) {
            return rc;
        }
        was = *at;
        if ((rc = locate(s, at)) != ELO_OK) {
            return rc;
        }
        if (is_same_place(&was, at)) {
            return ELO_ECORRUPT; /* its row says so, and it isn't there */
        }
    }
    return ELO_EAGAIN;
}


elo_err_t
elo_stored_read(elo_store_t *s, const elo_blob_stat_t *st, uint64_t off,
                void *p, size_t len)
{
    elo_blob_stat_t at;
    elo_err_t rc;
    int fd;

    if ((rc = open_stored(s, st, &at, &fd)) != ELO_OK) {
        return rc;
    }
    rc = fd_read(s, fd, at._offset + off, p, len);
    s->vfs->close(s->vfs, fd);
    return rc;
}


/* ---- keys ---- */

/* The envelope of a SEALED row as it is now. ELO_ENOTFOUND: no such row, or
   compaction has just moved it. */
static elo_err_t
envelope_once(elo_store_t *s, const elo_rec_blob_t *rec, elo_content_key_t *out)
{
    elo_rec_sealed_t sealed;
    uint8_t *env = NULL;
    elo_kv_entry_t e;
    elo_kv_view_t v;
    uint32_t no;
    elo_err_t rc;

    if ((rc = elo_kv_view_begin(s->kv, &v)) != ELO_OK) {
        return rc;
    }
    rc = elo_sealed_row(&(elo_rows_t){ .view = &v }, &rec->blind, rec->agent,
                        &no, &e, &sealed);
    if (rc == ELO_OK && e.data_len == 0) {
        rc = ELO_ECORRUPT;
    }
    if (rc == ELO_OK && (env = malloc(e.data_len)) == NULL) {
        rc = ELO_ENOMEM;
    }
    if (rc == ELO_OK) {
        rc = elo_kv_read(s->kv, e.segment, e.data_off, env, e.data_len);
    }
    if (rc == ELO_OK) {
        rc = elo_envelope_open(s->keyring, elo_slice(env, e.data_len), out);
    }
    elo_kv_view_end(&v);
    free(env);
    return rc;
}


elo_err_t
elo_sealed_key_of(elo_store_t *s, const elo_rec_blob_t *rec,
                  elo_content_key_t *out)
{
    elo_err_t rc = ELO_ENOTFOUND;

    if (s->keyring == NULL) {
        return ELO_ENOKEY;
    }
    for (int i = 0; i < TRIES && rc == ELO_ENOTFOUND; i++) {
        rc = envelope_once(s, rec, out);
    }
    return rc;
}


static elo_err_t
open_key(elo_blob_t *b, const elo_blob_stat_t *st)
{
    elo_content_key_t key;
    elo_rec_blob_t rec;
    elo_kv_entry_t e;
    elo_kv_view_t v;
    elo_err_t rc;

    if ((rc = elo_kv_view_begin(b->s->kv, &v)) != ELO_OK) {
        return rc;
    }
    rc = elo_blob_row(&(elo_rows_t){ .view = &v }, &st->_object, &e, &rec);
    elo_kv_view_end(&v); /* of rec only its slice was borrowed */
    if (rc == ELO_OK) {
        rc = rec.is_object ? elo_sealed_key_of(b->s, &rec, &key) : ELO_ECORRUPT;
    }
    if (rc != ELO_OK) {
        return rc;
    }
    if (key.size != st->size || elo_object_size(key.size) != st->_stored
        || memcmp(key.plain.b, st->digest.b, ELO_SHA256_LEN) != 0)
    {
        rc = ELO_ECORRUPT;
    } else {
        rc = elo_aead_create(key.cipher, key.key, &b->aead);
    }
    elo_wipe(&key, sizeof(key));
    return rc;
}


/* ---- an open blob ---- */

elo_err_t
elo_blob_open(elo_store_t *s, const elo_blob_stat_t *st, elo_blob_t **out)
{
    elo_blob_stat_t at;
    elo_blob_t *b;
    elo_err_t rc;

    assert(s->magic == ELO_STORE_MAGIC);
    if (st->is_bad) {
        return ELO_ECORRUPT;
    }
    if ((b = calloc(1, sizeof(*b))) == NULL) {
        return ELO_ENOMEM;
    }
    *b = (elo_blob_t){ .magic = ELO_BLOB_MAGIC,
                       .s = s,
                       .fd = -1,
                       .size = st->size,
                       .chunk_i = NO_CHUNK };
    if ((st->is_sealed && (rc = open_key(b, st)) != ELO_OK)
        || (rc = open_stored(s, st, &at, &b->fd)) != ELO_OK)
    {
        elo_blob_close(&b);
        return rc;
    }
    b->base = at._offset;
    *out = b;
    return ELO_OK;
}


void
elo_blob_close(elo_blob_t **bp)
{
    elo_blob_t *b;

    if (bp == NULL || (b = *bp) == NULL) {
        return;
    }
    *bp = NULL;
    assert(b->magic == ELO_BLOB_MAGIC);
    if (b->fd != -1) {
        b->s->vfs->close(b->s->vfs, b->fd);
    }
    elo_aead_free(&b->aead);
    if (b->chunk != NULL) {
        elo_secret_free(b->chunk);
    }
    b->magic = 0;
    free(b);
}


int
elo_blob_fd(const elo_blob_t *b)
{
    assert(b->magic == ELO_BLOB_MAGIC);
    return b->aead == NULL ? b->fd : -1;
}


/* Chunk i, decrypted, into b->chunk. */
static elo_err_t
chunk_load(elo_blob_t *b, uint64_t i)
{
    uint64_t off = i * ELO_SEAL_CHUNK;
    size_t len = (size_t) ELO_MIN(b->size - off, ELO_SEAL_CHUNK);
    bool is_last = b->size - off <= ELO_SEAL_CHUNK;
    uint8_t tag[ELO_AEAD_TAG_LEN];
    elo_err_t rc;

    if (b->chunk_i == i) {
        return ELO_OK;
    }
    if (b->chunk == NULL
        && (b->chunk = elo_secret_alloc(ELO_SEAL_CHUNK)) == NULL) {
        return ELO_ENOMEM;
    }
    b->chunk_i = NO_CHUNK;
    if ((rc = fd_read(b->s, b->fd, b->base + off, b->chunk, len)) != ELO_OK
        || (rc = fd_read(b->s, b->fd, b->base + b->size + i * ELO_AEAD_TAG_LEN,
                         tag, sizeof(tag)))
               != ELO_OK
        || (rc = elo_unseal_chunk(b->aead, i, is_last, b->chunk, len, tag))
               != ELO_OK)
    {
        return rc;
    }
    b->chunk_i = i;
    return ELO_OK;
}


elo_err_t
elo_blob_read(elo_blob_t *b, uint64_t off, void *p, size_t len)
{
    uint8_t *at = p;
    elo_err_t rc;
    size_t n, in;

    assert(b->magic == ELO_BLOB_MAGIC);
    if (off > b->size || len > b->size - off) {
        return ELO_ERANGE;
    }
    if (b->aead == NULL) {
        return fd_read(b->s, b->fd, b->base + off, p, len);
    }
    for (; len > 0; off += n, at += n, len -= n) {
        if ((rc = chunk_load(b, off / ELO_SEAL_CHUNK)) != ELO_OK) {
            return rc;
        }
        in = (size_t) (off % ELO_SEAL_CHUNK);
        n = ELO_MIN(len, ELO_SEAL_CHUNK - in);
        memcpy(at, b->chunk + in, n);
    }
    return ELO_OK;
}


elo_err_t
elo_blob_read_now(elo_store_t *s, const elo_blob_stat_t *st, uint64_t off,
                  void *p, size_t len)
{
    elo_err_t rc;

    assert(s->magic == ELO_STORE_MAGIC);
    if (st->is_bad) {
        return ELO_ECORRUPT;
    }
    if (off > st->size || len > st->size - off) {
        return ELO_ERANGE;
    }
    if (len == 0 && !st->is_sealed) {
        return ELO_OK;
    }
    if (st->is_sealed || st->_file != 0) {
        return ELO_EAGAIN;
    }
    rc = elo_kv_read_now(s->kv, st->_segment, st->_offset + off, p, len);
    return rc == ELO_ENOTFOUND ? ELO_EAGAIN : rc; /* it has moved */
}


/* ---- trees ---- */

/* ELO_ENOTFOUND: it has no row, or compaction has moved that. */
static elo_err_t
tree_row(elo_store_t *s, const elo_blob_stat_t *st, elo_digest_t *root,
         elo_buf_t *layer)
{
    elo_kv_entry_t e;
    elo_kv_view_t v;
    uint8_t *at;
    elo_err_t rc;

    if ((rc = elo_kv_view_begin(s->kv, &v)) != ELO_OK) {
        return rc;
    }
    rc = elo_kv_get(&v, ELO_T_TREE, elo_digest_slice(&st->_object), &e);
    if (rc == ELO_OK && (rc = elo_rec_tree_parse(e.value, root)) == ELO_OK
        && layer != NULL && e.data_len > 0)
    {
        at = elo_buf_extend(layer, e.data_len);
        rc = at == NULL
                 ? elo_buf_err(layer)
                 : elo_kv_read(s->kv, e.segment, e.data_off, at, e.data_len);
        if (at != NULL && rc != ELO_OK) {
            layer->len -= e.data_len;
        }
    }
    elo_kv_view_end(&v);
    return rc;
}


/* From the bytes: few, as a rule. */
static elo_err_t
tree_make(elo_store_t *s, const elo_blob_stat_t *st, elo_digest_t *root,
          bool *has_root, elo_buf_t *layer)
{
    uint8_t *buf = malloc(ELO_TREE_CHUNK);
    elo_blob_stat_t at;
    elo_tree_t *tree = NULL;
    elo_err_t rc;
    size_t n;
    int fd = -1;

    if (buf == NULL) {
        return ELO_ENOMEM;
    }
    if ((rc = elo_tree_create(&tree)) == ELO_OK) {
        rc = open_stored(s, st, &at, &fd);
    }
    for (uint64_t off = 0; rc == ELO_OK && off < st->_stored; off += n) {
        n = (size_t) ELO_MIN(st->_stored - off, ELO_TREE_CHUNK);
        rc = fd_read(s, fd, at._offset + off, buf, n);
        if (rc == ELO_OK) {
            rc = elo_tree_update(tree, elo_slice(buf, n));
        }
    }
    if (rc == ELO_OK) {
        rc = elo_tree_final(tree, root, has_root, layer);
    }
    if (fd != -1) {
        s->vfs->close(s->vfs, fd);
    }
    elo_tree_free(&tree);
    free(buf);
    return rc;
}


elo_err_t
elo_store_tree(elo_store_t *s, const elo_blob_stat_t *st, elo_digest_t *root,
               bool *has_root, elo_buf_t *layer)
{
    elo_err_t rc = ELO_ENOTFOUND;

    assert(s->magic == ELO_STORE_MAGIC);
    if (st->is_bad) {
        return ELO_ECORRUPT;
    }
    if (st->_stored > ELO_TREE_CHUNK) {
        rc = tree_row(s, st, root, layer);
    }
    if (rc == ELO_ENOTFOUND) {
        return tree_make(s, st, root, has_root, layer);
    }
    *has_root = true;
    return rc;
}
