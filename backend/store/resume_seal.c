/* SPDX-License-Identifier: BSD-2-Clause */
/* resume_seal: what sealed uploads need beyond others: a key that this node can
   open until they end, boxes for the plaintext of the last chunk, and encrypting
   again when a chunk that was sealed may yet change (U3). */
#include "backend/store/upload.h"

#include <stdlib.h>

#include "backend/store/seal.h"
#include "common/base/num.h"

typedef struct {
    elo_upload_t *u;
    int fd; /* of the file as it was */
    elo_put_at_t at;
    elo_sealer_t old; /* of the key as it was: undoes what it did */
    uint8_t *chunk;
    uint32_t key_no;
    elo_content_key_t *key; /* the fresh one */
    elo_put_t *put;
    elo_buf_t wrapped;
} rekey_t;


elo_err_t
elo_upload_key_wrap(elo_store_t *s, const elo_content_key_t *key,
                    elo_buf_t *out)
{
    elo_agent_t operator= { { 0 } };

    if (s->keyring == NULL) {
        return ELO_ENOKEY;
    }
    return elo_envelope_seal(s->keyring, key, ELO_REACH_PRIVATE, &operator,
                             NULL, 0, out);
}


elo_err_t
elo_upload_key_open(elo_store_t *s, elo_slice_t wrapped,
                    elo_content_key_t **out)
{
    elo_content_key_t *key;
    elo_err_t rc;

    if (s->keyring == NULL) {
        return ELO_ENOKEY;
    }
    if ((key = elo_secret_alloc(sizeof(*key))) == NULL) {
        return ELO_ENOMEM;
    }
    if ((rc = elo_envelope_open(s->keyring, wrapped, key)) != ELO_OK) {
        elo_secret_free(key);
        return rc;
    }
    *out = key;
    return ELO_OK;
}


/* ---- boxes ---- */

/* Keys of their own, so that no nonce of a box meets one of a chunk; the place is
   authenticated. */
static elo_err_t
box_key(const elo_content_key_t *key, elo_upload_part_t part, elo_digest_t *out)
{
    elo_slice_t what = part == ELO_UPLOAD_PART_FORM
                           ? ELO_SLICE("elohim upload form")
                           : ELO_SLICE("elohim upload piece");

    return elo_hmac(key->key, &what, 1, out);
}


static elo_slice_t
box_aad(const elo_upload_t *u, uint64_t off, uint8_t out[ELO_UPLOAD_KEY_MAX])
{
    return elo_upload_key(u->id, ELO_UPLOAD_PART_PIECE, off, out);
}


elo_err_t
elo_upload_box(const elo_upload_t *u, const elo_content_key_t *key,
               uint64_t off, elo_slice_t in, uint8_t *out)
{
    uint8_t mem[ELO_UPLOAD_KEY_MAX];
    elo_digest_t own;
    elo_err_t rc = box_key(key, ELO_UPLOAD_PART_PIECE, &own);

    if (rc == ELO_OK) {
        rc = elo_sbox_seal(own.b, box_aad(u, off, mem), in, out);
        elo_wipe(&own, sizeof(own));
    }
    return rc;
}


elo_err_t
elo_upload_unbox(const elo_upload_t *u, uint64_t off, elo_slice_t in,
                 uint8_t *out)
{
    uint8_t mem[ELO_UPLOAD_KEY_MAX];
    elo_digest_t own;
    elo_err_t rc = u->key == NULL
                       ? ELO_ECORRUPT
                       : box_key(u->key, ELO_UPLOAD_PART_PIECE, &own);

    if (rc == ELO_OK) {
        rc = elo_sbox_open(own.b, box_aad(u, off, mem), in, out);
        elo_wipe(&own, sizeof(own));
    }
    return rc;
}


/* ---- forms ---- */

/* plain into a box. */
static elo_err_t
form_box(const uint8_t id[ELO_UPLOAD_ID], const elo_content_key_t *key,
         elo_slice_t plain, elo_buf_t *box)
{
    uint8_t mem[ELO_UPLOAD_KEY_MAX];
    uint8_t *to = elo_buf_extend(box, plain.len + ELO_SBOX_OVERHEAD);
    elo_digest_t own;
    elo_err_t rc;

    if (to == NULL) {
        return elo_buf_err(box);
    }
    if ((rc = box_key(key, ELO_UPLOAD_PART_FORM, &own)) == ELO_OK) {
        rc = elo_sbox_seal(
            own.b, elo_upload_key(id, ELO_UPLOAD_PART_FORM, 0, mem), plain, to);
        elo_wipe(&own, sizeof(own));
    }
    return rc;
}


elo_err_t
elo_upload_form_wrap(const uint8_t id[ELO_UPLOAD_ID],
                     const elo_content_key_t *key, const elo_put_opt_t *opt,
                     elo_slice_t meta, elo_buf_t *out)
{
    elo_buf_t plain, box;
    elo_err_t rc;

    if (key == NULL) {
        elo_upload_form_encode(opt, meta, out);
        return elo_buf_err(out);
    }
    elo_buf_init(&plain, ELO_UPLOAD_FORM_MAX);
    elo_buf_init(&box, ELO_UPLOAD_FORM_MAX);
    elo_upload_form_encode(opt, meta, &plain);
    if ((rc = elo_buf_err(&plain)) == ELO_OK
        && (rc = form_box(id, key, elo_buf_slice(&plain), &box)) == ELO_OK)
    {
        elo_upload_form_encode_boxed(opt, elo_buf_slice(&box), out);
        rc = elo_buf_err(out);
    }
    elo_buf_dispose(&plain);
    elo_buf_dispose(&box);
    return rc;
}


/* The box of outer: its form, which must be for the same reach and agent. */
static elo_err_t
form_unbox(const uint8_t id[ELO_UPLOAD_ID], const elo_content_key_t *key,
           const elo_upload_form_t *outer, elo_buf_t *mem,
           elo_upload_form_t *out)
{
    uint8_t *to = elo_buf_extend(mem, outer->box.len - ELO_SBOX_OVERHEAD);
    uint8_t aad[ELO_UPLOAD_KEY_MAX];
    elo_upload_form_t form;
    elo_digest_t own;
    elo_err_t rc;

    if (to == NULL) {
        return elo_buf_err(mem);
    }
    if ((rc = box_key(key, ELO_UPLOAD_PART_FORM, &own)) == ELO_OK) {
        rc = elo_sbox_open(own.b,
                           elo_upload_key(id, ELO_UPLOAD_PART_FORM, 0, aad),
                           outer->box, to);
        elo_wipe(&own, sizeof(own));
    }
    if (rc != ELO_OK
        || (rc = elo_upload_form_parse(elo_buf_slice(mem), &form)) != ELO_OK)
    {
        return rc;
    }
    if (form.box.p != NULL || form.opt.reach != outer->opt.reach
        || memcmp(form.opt.agent.b, outer->opt.agent.b, ELO_AGENT_LEN) != 0)
    {
        return ELO_ECORRUPT;
    }
    *out = form;
    return ELO_OK;
}


elo_err_t
elo_upload_form_open(const uint8_t id[ELO_UPLOAD_ID],
                     const elo_content_key_t *key, elo_slice_t row,
                     elo_buf_t *mem, elo_upload_form_t *out)
{
    elo_upload_form_t form;
    elo_err_t rc;

    elo_buf_clear(mem);
    if ((rc = elo_upload_form_parse(row, &form)) != ELO_OK) {
        return rc;
    }
    if (form.box.p != NULL) {
        return key == NULL ? ELO_ECORRUPT
                           : form_unbox(id, key, &form, mem, out);
    }
    elo_buf_put_slice(mem, row);
    if ((rc = elo_buf_err(mem)) != ELO_OK) {
        return rc;
    }
    return elo_upload_form_parse(elo_buf_slice(mem), out);
}


/* ---- a fresh key ---- */

/* The plaintext of the next chunk of the file. */
static elo_err_t
read_chunk(rekey_t *r, elo_slice_t *plain)
{
    elo_store_t *s = r->u->s;
    uint64_t at = r->old.chunk * ELO_UPLOAD_CHUNK;
    elo_err_t rc;
    size_t n;

    for (size_t got = 0; got < ELO_UPLOAD_CHUNK; got += n) {
        rc = s->vfs->pread(s->vfs, r->fd, r->chunk + got,
                           ELO_UPLOAD_CHUNK - got, at + got, &n);
        if (rc != ELO_OK) {
            return elo_store_fail(s, rc, "read of an upload");
        }
        if (n == 0) {
            return ELO_ECORRUPT;
        }
    }
    return elo_sealer_again(&r->old, r->chunk, plain);
}


/* All plaintext below off into the new put. */
static elo_err_t
copy(rekey_t *r, uint64_t off)
{
    uint64_t kept = r->at.kept, at;
    elo_slice_t plain = { 0 };
    elo_err_t rc;

    for (at = 0; at < ELO_MIN(off, kept); at += ELO_UPLOAD_CHUNK) {
        if ((rc = read_chunk(r, &plain)) != ELO_OK) {
            return rc;
        }
        plain.len = (size_t) ELO_MIN(off - at, plain.len);
        if ((rc = elo_put_write(r->put, plain)) != ELO_OK) {
            return rc;
        }
    }
    if (off <= kept) {
        return ELO_OK;
    }
    return off - kept > r->at.tail.len
               ? ELO_ECORRUPT
               : elo_put_write(r->put,
                               elo_slice(r->at.tail.p, (size_t) (off - kept)));
}


static elo_err_t
prepare(rekey_t *r)
{
    elo_upload_t *u = r->u;
    char name[ELO_STORE_NAME_MAX + 1];
    elo_store_t *s = u->s;
    elo_put_opt_t opt;
    elo_err_t rc;

    r->chunk = malloc(ELO_UPLOAD_CHUNK);
    r->key = elo_secret_alloc(sizeof(*r->key));
    if (r->chunk == NULL || r->key == NULL) {
        return ELO_ENOMEM;
    }
    if (r->at.kept > 0) {
        elo_upload_file(u->id, u->st.key_no, name);
        rc = s->vfs->open(s->vfs, s->root_fd, name, ELO_VFS_READ, 0, &r->fd);
        if (rc != ELO_OK) {
            return elo_store_fail(s, rc, "open of an upload");
        }
    }
    elo_content_key_fresh(r->key);
    if ((rc = elo_sealer_init(&r->old, u->key)) != ELO_OK
        || (rc = elo_upload_key_wrap(s, r->key, &r->wrapped)) != ELO_OK)
    {
        return rc;
    }
    elo_upload_file(u->id, r->key_no, name);
    elo_upload_opt(u, &opt);
    return elo_put_begin_at(s, &opt, name, r->key, &(elo_put_at_t){ 0 },
                            &r->put);
}


/* With ELO_EREADONLY nobody knows which of the files the log names: both stay, and
   the next start finds out (U1). */
static void
dispose(rekey_t *r, elo_err_t rc)
{
    elo_store_t *s = r->u->s;

    if (rc == ELO_EREADONLY) {
        elo_put_leave(&r->put);
    }
    elo_put_abort(&r->put);
    elo_sealer_dispose(&r->old);
    if (r->fd != -1) {
        s->vfs->close(s->vfs, r->fd);
    }
    free(r->chunk);
    if (r->key != NULL) {
        elo_secret_free(r->key);
    }
    elo_buf_dispose(&r->wrapped);
}


elo_err_t
elo_upload_rekey(elo_upload_t *u, uint64_t off, const elo_put_at_t *at)
{
    rekey_t r = { .u = u, .fd = -1, .at = *at, .key_no = u->st.key_no + 1 };
    char old[ELO_STORE_NAME_MAX + 1];
    elo_content_key_t *old_key;
    elo_err_t rc;

    elo_buf_init(&r.wrapped, ELO_UPLOAD_FORM_MAX);
    elo_upload_file(u->id, u->st.key_no, old);
    if ((rc = prepare(&r)) == ELO_OK && (rc = copy(&r, off)) == ELO_OK) {
        rc = elo_upload_keep(
            u, &(elo_upload_run_t){ .put = r.put,
                                    .key = r.key,
                                    .key_no = r.key_no,
                                    .wrapped = elo_buf_slice(&r.wrapped) });
    }
    if (rc == ELO_OK) {
        elo_put_leave(&u->put);
        old_key = u->key;
        u->put = r.put;
        u->key = r.key;
        r.put = NULL;
        r.key = old_key;
        /* what a failure leaves, the next start removes (U1) */
        elo_ignore(u->s->vfs->unlink(u->s->vfs, u->s->root_fd, old));
    }
    dispose(&r, rc);
    return rc;
}
