/* SPDX-License-Identifier: BSD-2-Clause */
/* small: whole small blobs: all that can be done on the calling thread is done
   there, then one operation decides. In the clear nothing is allocated and no byte
   copied. */
#include <assert.h>

#include "backend/store/accept.h"
#include "backend/store/seal.h"

/* Ciphertext, and an envelope for as many as there may be. */
#define SEALED_MAX ((size_t) ELO_INLINE_MAX + (1u << 20))

_Static_assert(sizeof(elo_task_mark_t) <= sizeof(((elo_small_t *) 0)->_mark),
               "room for a mark");


static void
finish(elo_small_t *p, elo_err_t err)
{
    elo_buf_dispose(&p->_sealed);
    p->done(p, err);
}


static void
small_done(elo_kv_op_t *op, elo_err_t err)
{
    elo_small_t *p = (elo_small_t *) op;
    elo_task_mark_t mark;

    if (err == ELO_OK) {
        memcpy(&mark, p->_mark, sizeof(mark));
        elo_accepted(p->_s, &p->stat.digest, p->_has_referrers, &mark);
    }
    finish(p, err);
}


static elo_err_t
small_run(elo_kv_op_t *op, elo_kv_tx_t *tx)
{
    elo_small_t *p = (elo_small_t *) op;
    elo_digest_t plain = p->stat.digest;
    elo_slice_t data = p->bytes, sealed = elo_buf_slice(&p->_sealed);
    elo_accept_t a = { .s = p->_s,
                       .opt = &p->opt,
                       .plain = &plain,
                       .size = p->bytes.len,
                       .data = &data,
                       .n_data = 1,
                       .stat = &p->stat };
    elo_err_t rc;

    if (elo_reach_is_sealed(p->opt.reach)) {
        data = elo_slice(sealed.p, p->_object_len);
        a.envelope =
            elo_slice(sealed.p + p->_object_len, sealed.len - p->_object_len);
        a.object = &p->_object;
        a.blind = &p->_blind;
    }
    /* A file that the bytes take the place of is left to the next start: nobody
       may wait for a disk here. */
    rc = elo_accept_tx(&a, tx);
    p->stat.digest = plain;
    p->existed = a.existed;
    p->_has_referrers = a.has_referrers;
    memcpy(p->_mark, &a.mark, sizeof(a.mark));
    return rc;
}


static elo_err_t
seal(elo_store_t *s, elo_small_t *p)
{
    elo_keyring_t *k = s->keyring;
    elo_content_key_t key;
    elo_buf_t *out = &p->_sealed;
    uint8_t *at;
    elo_err_t rc;

    if (k == NULL) {
        return ELO_ENOKEY;
    }
    p->_object_len = p->bytes.len + ELO_AEAD_TAG_LEN;
    if ((at = elo_buf_extend(out, p->_object_len)) == NULL) {
        return elo_buf_err(out);
    }
    elo_content_key_fresh(&key);
    key.plain = p->stat.digest;
    key.size = p->bytes.len;
    if ((rc = elo_keyring_blind(k, &key.plain, &p->_blind)) == ELO_OK
        && (rc = elo_seal_small(&key, p->bytes, at)) == ELO_OK
        && (rc =
                elo_store_sha256(s, elo_slice(at, p->_object_len), &p->_object))
               == ELO_OK)
    {
        rc = elo_envelope_seal(k, &key, p->opt.reach, &p->opt.agent,
                               p->opt.invited, p->opt.n_invited, out);
    }
    elo_wipe(&key, sizeof(key));
    return rc;
}


static elo_err_t
prepare(elo_store_t *s, elo_small_t *p)
{
    const elo_put_opt_t *opt = &p->opt;
    elo_err_t rc;

    if ((rc = elo_put_opt_check(opt)) != ELO_OK) {
        return rc;
    }
    if (p->bytes.len > s->inline_bytes) {
        return ELO_ETOOBIG;
    }
    if (elo_store_is_readonly(s)) {
        return ELO_EREADONLY;
    }
    if (!p->is_hashed
        && (rc = elo_store_sha256(s, p->bytes, &p->stat.digest)) != ELO_OK)
    {
        return rc;
    }
    if (opt->has_expect
        && memcmp(opt->expect.b, p->stat.digest.b, ELO_SHA256_LEN) != 0)
    {
        return ELO_EHASH;
    }
    return elo_reach_is_sealed(opt->reach) ? seal(s, p) : ELO_OK;
}


void
elo_store_put_small(elo_store_t *s, elo_small_t *p)
{
    elo_err_t rc;

    assert(s->magic == ELO_STORE_MAGIC);
    p->op = (elo_kv_op_t){ .run = small_run, .done = small_done };
    p->_s = s;
    elo_buf_init(&p->_sealed, SEALED_MAX);
    if ((rc = prepare(s, p)) != ELO_OK) {
        finish(p, rc);
        return;
    }
    elo_kv_submit(s->kv, &p->op);
}
