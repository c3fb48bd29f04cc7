/* SPDX-License-Identifier: BSD-2-Clause */
/* put: a blob of any length comes in: hashed, encrypted if need be, and written,
   with memory that doesn't grow with it. The end is in put_commit.c. */
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

#include "backend/store/blob_row.h"
#include "backend/store/put_state.h"

#define QUOTA_EVERY (64u << 20) /* bytes between two looks at the quota */
#define READ_BYTES  ELO_TREE_CHUNK


/* ---- beginning and ending ---- */

void
elo_put_free(elo_put_t **pp, elo_err_t rc)
{
    elo_put_t *p = *pp;

    *pp = NULL;
    elo_sink_dispose(&p->sink);
    elo_newfile_end(&p->file, rc);
    elo_sealer_dispose(&p->sealer);
    if (p->key != NULL) {
        elo_secret_free(p->key);
    }
    elo_buf_dispose(&p->mem);
    elo_sha256_free(&p->sha);
    free(p->invited);
    p->magic = 0;
    free(p);
}


/* The caller's options are borrowed for his call only. */
static elo_err_t
opt_copy(elo_put_t *p, const elo_put_opt_t *opt)
{
    p->opt = *opt;
    p->opt.content_type = elo_slice(p->type, opt->content_type.len);
    if (opt->content_type.len > 0) {
        memcpy(p->type, opt->content_type.p, opt->content_type.len);
    }
    p->opt.invited = NULL;
    if (opt->n_invited > 0) {
        p->invited = calloc(opt->n_invited, sizeof(*p->invited));
        if (p->invited == NULL) {
            return ELO_ENOMEM;
        }
        memcpy(p->invited, opt->invited,
               opt->n_invited * sizeof(*opt->invited));
        p->opt.invited = p->invited;
    }
    return ELO_OK;
}


static elo_err_t
key_set(elo_put_t *p, const elo_content_key_t *key)
{
    if ((p->key = elo_secret_alloc(sizeof(*p->key))) == NULL) {
        return ELO_ENOMEM;
    }
    if (key != NULL) {
        *p->key = *key;
    } else {
        elo_content_key_fresh(p->key);
    }
    return elo_sealer_init(&p->sealer, p->key);
}


/* An agent that sends again what it has sent needs no room for it. */
static bool
is_sent(elo_store_t *s, const elo_put_opt_t *opt)
{
    elo_kv_view_t v;
    elo_rows_t r = { .view = &v };
    elo_rec_sealed_t sealed;
    elo_rec_blob_t rec;
    elo_digest_t blind;
    elo_kv_entry_t e;
    bool has = false;
    uint32_t no;
    elo_err_t rc;

    if (!opt->has_expect || elo_kv_view_begin(s->kv, &v) != ELO_OK) {
        return false;
    }
    rc = elo_agent_no(&v, &opt->agent, &no);
    if (rc == ELO_OK && elo_blob_row(&r, &opt->expect, &e, &rec) == ELO_OK) {
        rc = elo_own_has(&r, &opt->expect, &rec, no, &has);
    }
    if (rc == ELO_OK && !has && elo_reach_is_sealed(opt->reach)
        && (rc = elo_keyring_blind(s->keyring, &opt->expect, &blind)) == ELO_OK)
    {
        has = elo_sealed_row(&r, &blind, no, &no, &e, &sealed) == ELO_OK;
    }
    elo_kv_view_end(&v);
    return rc == ELO_OK && has;
}


/* A first look: it is decided when all is there. */
static elo_err_t
quota_look(elo_store_t *s, const elo_put_opt_t *opt, uint64_t size)
{
    elo_err_t rc;

    if (opt->is_widening) {
        return ELO_OK;
    }
    rc = elo_quota_check(s, &opt->agent, elo_put_more(opt, size));
    return rc == ELO_EQUOTA && is_sent(s, opt) ? ELO_OK : rc;
}


/* May it begin at all? kept: bytes that are here already. */
static elo_err_t
check(elo_store_t *s, const elo_put_opt_t *opt, uint64_t kept)
{
    uint64_t want = opt->size_hint > kept ? opt->size_hint - kept : 0;
    elo_err_t rc;

    if ((rc = elo_put_opt_check(opt)) != ELO_OK) {
        return rc;
    }
    if (elo_store_is_readonly(s)) {
        return ELO_EREADONLY;
    }
    if (elo_reach_is_sealed(opt->reach) && s->keyring == NULL) {
        return ELO_ENOKEY;
    }
    if ((rc = elo_space_check(s, want)) != ELO_OK) {
        return rc;
    }
    return quota_look(s, opt, opt->size_hint);
}


static elo_err_t
create(elo_store_t *s, const elo_put_opt_t *opt, const elo_content_key_t *key,
       uint64_t kept, elo_put_t **out)
{
    elo_put_t *p;
    elo_err_t rc;

    assert(s->magic == ELO_STORE_MAGIC);
    if ((rc = check(s, opt, kept)) != ELO_OK) {
        return rc;
    }
    if ((p = calloc(1, sizeof(*p))) == NULL) {
        return ELO_ENOMEM;
    }
    p->magic = ELO_PUT_MAGIC;
    p->s = s;
    p->file = ELO_NEWFILE_NONE;
    p->is_sealed = elo_reach_is_sealed(opt->reach);
    elo_buf_init(&p->mem, s->inline_bytes);
    if ((rc = opt_copy(p, opt)) != ELO_OK
        || (rc = elo_sha256_create(&p->sha)) != ELO_OK
        || (p->is_sealed && (rc = key_set(p, key)) != ELO_OK))
    {
        elo_put_free(&p, ELO_OK);
        return rc;
    }
    *out = p;
    return ELO_OK;
}


elo_err_t
elo_put_begin(elo_store_t *s, const elo_put_opt_t *opt, elo_put_t **out)
{
    elo_put_t *p;
    elo_err_t rc;

    if ((rc = create(s, opt, NULL, 0, &p)) != ELO_OK) {
        return rc;
    }
    if (opt->size_hint > s->inline_bytes && (rc = elo_put_to_file(p)) != ELO_OK)
    {
        elo_put_free(&p, ELO_OK);
        return rc;
    }
    *out = p;
    return ELO_OK;
}


void
elo_put_abort(elo_put_t **pp)
{
    if (pp != NULL && *pp != NULL) {
        assert((*pp)->magic == ELO_PUT_MAGIC);
        (*pp)->file.is_kept_name = false;
        elo_put_free(pp, ELO_OK);
    }
}


/* ---- writing ---- */

elo_err_t
elo_put_to_file(elo_put_t *p)
{
    elo_err_t rc;

    if ((rc = elo_newfile_open(p->s, ELO_FILE_BLOB, &p->file)) != ELO_OK
        || (rc = elo_sink_init(&p->sink, &p->file, p->is_sealed)) != ELO_OK)
    {
        return rc;
    }
    p->in_file = true;
    if (p->mem.len == 0) {
        return ELO_OK;
    }
    elo_sink_begin(&p->sink, elo_buf_slice(&p->mem));
    rc = elo_sink_end(&p->sink);
    elo_buf_dispose(&p->mem);
    return rc;
}


static elo_err_t
write_clear(elo_put_t *p, elo_slice_t bytes)
{
    elo_err_t rc, err;

    if (!p->in_file && bytes.len <= p->s->inline_bytes - p->mem.len) {
        elo_buf_put_slice(&p->mem, bytes);
        rc = elo_buf_err(&p->mem);
        return rc != ELO_OK ? rc : elo_sha256_update(p->sha, bytes);
    }
    if (!p->in_file && (rc = elo_put_to_file(p)) != ELO_OK) {
        return rc;
    }
    elo_sink_begin(&p->sink, bytes);
    rc = elo_sha256_update(p->sha, bytes);
    err = elo_sink_end(&p->sink); /* they are the caller's again */
    return rc != ELO_OK ? rc : err;
}


/* The crew has the last chunk while the next is collected and hashed. */
static elo_err_t
write_sealed(elo_put_t *p, elo_slice_t bytes)
{
    elo_slice_t chunk, before;
    elo_err_t rc;

    while (bytes.len > 0) {
        if (p->sealer.n == ELO_SEAL_CHUNK
            && ((rc = elo_sink_end(&p->sink)) != ELO_OK
                || (!p->in_file && (rc = elo_put_to_file(p)) != ELO_OK)))
        {
            return rc;
        }
        before = bytes;
        if ((rc = elo_sealer_next(&p->sealer, &bytes, &chunk)) != ELO_OK) {
            return rc;
        }
        if (chunk.len > 0) {
            elo_sink_begin(&p->sink, chunk);
        }
        rc = elo_sha256_update(p->sha,
                               elo_slice(before.p, before.len - bytes.len));
        if (rc != ELO_OK) {
            return rc;
        }
    }
    return ELO_OK;
}


static elo_err_t
take_in(elo_put_t *p, elo_slice_t bytes)
{
    elo_err_t rc;

    rc = p->is_sealed ? write_sealed(p, bytes) : write_clear(p, bytes);
    if (rc == ELO_OK) {
        p->size += bytes.len;
    }
    return rc;
}


elo_err_t
elo_put_write(elo_put_t *p, elo_slice_t bytes)
{
    assert(p->magic == ELO_PUT_MAGIC && p->err == ELO_OK);
    if (bytes.len == 0) {
        return ELO_OK;
    }
    if (elo_store_is_readonly(p->s)) {
        p->err = ELO_EREADONLY;
    } else if (bytes.len > (uint64_t) INT64_MAX - p->size) {
        p->err = ELO_ETOOBIG;
    } else if (p->size - p->checked >= QUOTA_EVERY) {
        p->checked = p->size;
        p->err = quota_look(p->s, &p->opt, p->size);
    }
    if (p->err == ELO_OK) {
        p->err = take_in(p, bytes);
    }
    return p->err;
}


/* ---- in a file with a name ---- */

void
elo_put_hold(elo_put_t *p, uint64_t bytes)
{
    assert(p->magic == ELO_PUT_MAGIC);
    p->opt.held = bytes;
}


/* Hashes what an earlier put has left in the file. */
static elo_err_t
again(elo_put_t *p, uint64_t kept)
{
    uint8_t *buf = malloc(READ_BYTES);
    elo_slice_t bytes;
    elo_err_t rc = buf == NULL ? ELO_ENOMEM : ELO_OK;

    for (uint64_t off = 0; rc == ELO_OK && off < kept; off += bytes.len) {
        bytes = elo_slice(
            buf, (size_t) (kept - off < READ_BYTES ? kept - off : READ_BYTES));
        if ((rc = elo_newfile_read(&p->file, off, buf, bytes.len)) != ELO_OK
            || (rc = elo_sink_again(&p->sink, bytes)) != ELO_OK)
        {
            break;
        }
        if (p->is_sealed
            && (rc = elo_sealer_again(&p->sealer, buf, &bytes)) != ELO_OK) {
            break;
        }
        rc = elo_sha256_update(p->sha, bytes);
        p->size += bytes.len;
    }
    free(buf);
    return rc;
}


static elo_err_t
open_at(elo_put_t *p, const elo_put_at_t *at)
{
    elo_err_t rc;

    if (p->is_sealed
            ? at->kept % ELO_SEAL_CHUNK != 0 || at->tail.len > ELO_SEAL_CHUNK
            : at->tail.len > 0)
    {
        return ELO_ECORRUPT;
    }
    if ((rc = elo_newfile_open_at(p->s, ELO_FILE_BLOB, p->name, at->kept,
                                  &p->file))
            != ELO_OK
        || (rc = elo_sink_init(&p->sink, &p->file, p->is_sealed)) != ELO_OK)
    {
        return rc;
    }
    p->in_file = true;
    if ((rc = again(p, at->kept)) != ELO_OK) {
        return rc;
    }
    return take_in(p, at->tail);
}


elo_err_t
elo_put_begin_at(elo_store_t *s, const elo_put_opt_t *opt, const char *name,
                 const elo_content_key_t *key, const elo_put_at_t *at,
                 elo_put_t **out)
{
    elo_put_t *p;
    elo_err_t rc;

    if ((rc = create(s, opt, key, at->kept, &p)) != ELO_OK) {
        return rc;
    }
    snprintf(p->name, sizeof(p->name), "%s", name);
    if ((rc = open_at(p, at)) != ELO_OK) {
        elo_put_free(&p, ELO_OK);
        return rc;
    }
    *out = p;
    return ELO_OK;
}


uint64_t
elo_put_size(const elo_put_t *p)
{
    return p->size;
}


elo_err_t
elo_put_sync(elo_put_t *p, elo_put_at_t *at)
{
    char dir[ELO_STORE_NAME_MAX + 1], *slash;

    assert(p->magic == ELO_PUT_MAGIC && p->err == ELO_OK);
    snprintf(dir, sizeof(dir), "%s", p->name);
    slash = strrchr(dir, '/');
    assert(slash != NULL);
    *slash = '\0';
    if ((p->err = elo_sink_end(&p->sink)) != ELO_OK
        || (p->err = elo_newfile_sync(&p->file)) != ELO_OK
        || (!p->is_named && (p->err = elo_dir_sync(p->s, dir)) != ELO_OK))
    {
        return p->err;
    }
    p->is_named = true;
    at->kept = p->file.size;
    at->tail = elo_slice(p->sealer.plain, p->is_sealed ? p->sealer.n : 0);
    return ELO_OK;
}


elo_err_t
elo_put_rewind(elo_put_t *p, const elo_put_at_t *at)
{
    assert(p->magic == ELO_PUT_MAGIC && p->name[0] != '\0');
    elo_sink_dispose(&p->sink);
    elo_newfile_end(&p->file, ELO_OK);
    elo_sealer_dispose(&p->sealer);
    p->in_file = false;
    p->size = p->checked = 0;
    p->err = elo_sha256_reset(p->sha);
    if (p->err == ELO_OK && p->is_sealed) {
        p->err = elo_sealer_init(&p->sealer, p->key);
    }
    if (p->err == ELO_OK) {
        p->err = open_at(p, at);
    }
    return p->err;
}


void
elo_put_leave(elo_put_t **pp)
{
    if (pp != NULL && *pp != NULL) {
        assert((*pp)->magic == ELO_PUT_MAGIC);
        elo_put_free(pp, ELO_OK);
    }
}
