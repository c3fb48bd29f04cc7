/* SPDX-License-Identifier: BSD-2-Clause */
/* put_commit: the end of a put: what came in gets its digests, a look tells whether
   the bytes are needed at all, the file is published, and one operation decides. */
#include <assert.h>
#include <errno.h>
#include <stdlib.h>

#include "backend/store/blob_row.h"
#include "backend/store/put_state.h"

typedef struct {
    elo_kv_op_t op;
    elo_put_t *p;
    elo_accept_t accept;
    elo_put_also_fn also;
    void *ctx;
    elo_blob_stat_t stat;
    elo_digest_t plain, object, blind, root;
    elo_slice_t data[2];
    uint64_t stored; /* length of what is stored */
    elo_buf_t layer, envelope;
    elo_buf_t small; /* what is small after all, from a file with a name */
} commit_t;


/* ---- digests ---- */

static elo_err_t
feed(elo_put_t *p, elo_slice_t bytes)
{
    if (bytes.len > 0) {
        elo_sink_begin(&p->sink, bytes);
    }
    return elo_sink_end(&p->sink);
}


/* The last chunk and the tags; to the file, or as they are into the log. */
static elo_err_t
seal_rest(commit_t *c)
{
    elo_put_t *p = c->p;
    elo_err_t rc;

    if (!p->in_file && p->size > p->s->inline_bytes
        && (rc = elo_put_to_file(p)) != ELO_OK)
    {
        return rc;
    }
    if ((rc = elo_sink_end(&p->sink)) != ELO_OK
        || (rc = elo_sealer_final(&p->sealer, &c->data[0], &c->data[1]))
               != ELO_OK)
    {
        return rc;
    }
    if (p->in_file && p->size > p->s->inline_bytes) {
        rc = feed(p, c->data[0]);
        return rc != ELO_OK ? rc : feed(p, c->data[1]);
    }
    c->accept.n_data = 2;
    if ((rc = elo_sha256_reset(p->sha)) != ELO_OK
        || (rc = elo_sha256_update(p->sha, c->data[0])) != ELO_OK
        || (rc = elo_sha256_update(p->sha, c->data[1])) != ELO_OK)
    {
        return rc;
    }
    return elo_sha256_final(p->sha, &c->object);
}


static elo_err_t
seal_key(commit_t *c)
{
    elo_put_t *p = c->p;
    elo_keyring_t *k = p->s->keyring;
    elo_err_t rc;

    p->key->plain = c->plain;
    p->key->size = p->size;
    if ((rc = elo_keyring_blind(k, &c->plain, &c->blind)) != ELO_OK) {
        return rc;
    }
    rc = elo_envelope_seal(k, p->key, p->opt.reach, &p->opt.agent, p->invited,
                           p->opt.n_invited, &c->envelope);
    c->accept.envelope = elo_buf_slice(&c->envelope);
    c->accept.object = &c->object;
    c->accept.blind = &c->blind;
    return rc;
}


/* A clear blob that fits the log, but stands in a file with a name. */
static elo_err_t
read_back(commit_t *c)
{
    elo_put_t *p = c->p;
    uint8_t *at;

    if (p->size == 0) {
        return ELO_OK;
    }
    at = elo_buf_extend(&c->small, (size_t) p->size);
    return at == NULL ? elo_buf_err(&c->small)
                      : elo_newfile_read(&p->file, 0, at, (size_t) p->size);
}


static elo_err_t
digest(commit_t *c)
{
    elo_put_t *p = c->p;
    bool is_large = p->size > p->s->inline_bytes, has_root;
    elo_err_t rc;

    if ((rc = elo_sha256_final(p->sha, &c->plain)) != ELO_OK) {
        return rc;
    }
    if (p->opt.has_expect
        && memcmp(c->plain.b, p->opt.expect.b, ELO_SHA256_LEN) != 0)
    {
        return ELO_EHASH;
    }
    if (p->is_sealed) {
        if ((rc = seal_rest(c)) != ELO_OK || (rc = seal_key(c)) != ELO_OK) {
            return rc;
        }
    } else if (!is_large) {
        if (p->in_file && (rc = read_back(c)) != ELO_OK) {
            return rc;
        }
        c->data[0] = elo_buf_slice(p->in_file ? &c->small : &p->mem);
        c->accept.n_data = 1;
    }
    if (!is_large) {
        return ELO_OK;
    }
    rc = elo_sink_final(&p->sink, &c->object, &c->root, &has_root, &c->layer);
    c->accept.has_tree = p->file.size > ELO_TREE_CHUNK;
    c->accept.root = &c->root;
    c->accept.layer = elo_buf_slice(&c->layer);
    return rc;
}


/* ---- a look before ---- */

/* ELO_ECORRUPT: its file is missing, or not as long as its row says. */
static elo_err_t
file_check(elo_store_t *s, const elo_rec_blob_t *rec)
{
    char name[ELO_STORE_NAME_MAX + 1];
    const elo_vfs_t *v = s->vfs;
    uint64_t size = 0;
    elo_err_t rc;
    int fd;

    elo_file_name(ELO_FILE_BLOB, rec->file, name);
    rc = v->open(v, s->root_fd, name, ELO_VFS_READ, 0, &fd);
    if (rc != ELO_OK) {
        return rc == ENOENT ? ELO_ECORRUPT : rc;
    }
    rc = v->size(v, fd, &size);
    v->close(v, fd);
    return rc == ELO_OK && size != rec->size ? ELO_ECORRUPT : rc;
}


/* What is stored already for this put, if anything. ELO_ENOTFOUND. */
static elo_err_t
find(commit_t *c, const elo_rows_t *r, elo_digest_t *stored,
     elo_rec_blob_t *rec)
{
    elo_put_t *p = c->p;
    elo_rec_sealed_t sealed;
    elo_kv_entry_t e;
    uint32_t no;
    elo_err_t rc;

    *stored = c->plain;
    if (p->is_sealed) {
        if ((rc = elo_agent_no(r->view, &p->opt.agent, &no)) != ELO_OK
            || (rc = elo_sealed_row(r, &c->blind, no, &no, &e, &sealed))
                   != ELO_OK)
        {
            return rc;
        }
        *stored = sealed.object;
    }
    return elo_blob_row(r, stored, &e, rec);
}


/* *is_known: the bytes are here and seem whole, so that these aren't needed. */
static elo_err_t
look(commit_t *c, bool *is_known)
{
    elo_store_t *s = c->p->s;
    elo_digest_t stored;
    elo_rec_blob_t rec = { .file = 0 };
    elo_kv_view_t v;
    elo_rows_t r = { .view = &v };
    bool is_bad = false;
    elo_err_t rc;

    *is_known = false;
    if ((rc = elo_kv_view_begin(s->kv, &v)) != ELO_OK) {
        return rc;
    }
    if ((rc = find(c, &r, &stored, &rec)) == ELO_OK) {
        rc = elo_blob_is_bad(s, &r, &stored, &is_bad);
    }
    elo_kv_view_end(&v);
    if (rc == ELO_OK && rec.file != 0 && !is_bad) {
        rc = file_check(s, &rec);
    }
    if (rc == ELO_ECORRUPT && rec.file != 0) {
        c->accept.broken_file = rec.file;
        return ELO_OK;
    }
    *is_known = rc == ELO_OK && !is_bad;
    return rc == ELO_ENOTFOUND ? ELO_OK : rc;
}


/* ---- deciding ---- */

static elo_err_t
commit_run(elo_kv_op_t *op, elo_kv_tx_t *tx)
{
    commit_t *c = (commit_t *) op;
    elo_err_t rc = elo_accept_tx(&c->accept, tx);

    return rc != ELO_OK || c->also == NULL ? rc : c->also(c->ctx, tx, &c->stat);
}


static elo_err_t
decide(commit_t *c)
{
    elo_put_t *p = c->p;
    bool is_known = false;
    elo_err_t rc = ELO_EAGAIN;

    if (c->accept.n_data == 0 && (rc = look(c, &is_known)) != ELO_OK) {
        return rc;
    }
    rc = ELO_EAGAIN;
    if (c->accept.n_data > 0 || is_known) {
        rc = elo_store_exec(p->s, &c->op);
    }
    if (rc == ELO_EAGAIN) {
        if ((rc = elo_newfile_publish(&p->file)) != ELO_OK) {
            return rc;
        }
        c->accept.file = &p->file;
        rc = elo_store_exec(p->s, &c->op);
    }
    return rc;
}


static elo_err_t
commit(commit_t *c)
{
    elo_put_t *p = c->p;
    elo_err_t rc;

    if (elo_store_is_readonly(p->s)) {
        return ELO_EREADONLY;
    }
    if ((rc = digest(c)) == ELO_OK && (rc = decide(c)) == ELO_OK) {
        elo_accepted(p->s, &c->plain, c->accept.has_referrers, &c->accept.mark);
    }
    return rc;
}


elo_err_t
elo_put_commit_also(elo_put_t **pp, elo_put_also_fn also, void *ctx,
                    elo_blob_stat_t *out, bool *existed)
{
    elo_put_t *p = *pp;
    elo_store_t *s = p->s;
    commit_t c = { .op.run = commit_run, .p = p, .also = also, .ctx = ctx };
    elo_err_t rc;

    assert(p->magic == ELO_PUT_MAGIC && p->err == ELO_OK);
    c.accept = (elo_accept_t){ .s = s,
                               .opt = &p->opt,
                               .plain = &c.plain,
                               .size = p->size,
                               .data = c.data,
                               .stat = &c.stat };
    elo_buf_init(&c.layer, SIZE_MAX);
    elo_buf_init(&c.envelope, SIZE_MAX);
    elo_buf_init(&c.small, s->inline_bytes);
    rc = commit(&c);
    elo_buf_dispose(&c.layer);
    elo_buf_dispose(&c.envelope);
    elo_buf_dispose(&c.small);
    if (rc == ELO_OK) {
        *out = c.stat;
        *existed = c.accept.existed;
        p->file.is_kept_name = false;
    }
    elo_put_free(pp, rc);
    if (rc == ELO_OK) {
        elo_file_bury(s, ELO_FILE_BLOB, c.accept.dead);
    }
    return rc;
}


elo_err_t
elo_put_commit(elo_put_t **pp, elo_blob_stat_t *out, bool *existed)
{
    return elo_put_commit_also(pp, NULL, NULL, out, existed);
}
