/* SPDX-License-Identifier: BSD-2-Clause */
/* resume_sync: makes durable what has come of an upload: first its file, then, by
   one operation, the rows that say how much of it counts. */
#include "backend/store/upload.h"

#include <stdlib.h>

#include "backend/os/clock.h"
#include "common/base/num.h"

#define NEW_MAX (ELO_UPLOAD_CHUNK / ELO_UPLOAD_PIECE)

/* The pieces of a last chunk: which go, which stay, which come. */
typedef struct {
    uint64_t gone[ELO_UPLOAD_PIECES_MAX];
    uint64_t is[ELO_UPLOAD_PIECES_MAX]; /* afterwards */
    uint32_t n_gone, n_is;
    uint64_t fresh[NEW_MAX];
    elo_slice_t box[NEW_MAX];
    uint32_t n_new;
    uint8_t *mem;
} pieces_t;


/* Which of the old pieces stay with a last chunk from start on; *from is where
   the new ones begin. */
static void
pieces_old(const elo_upload_t *u, bool is_fresh_key, uint64_t start,
           uint64_t *from, pieces_t *p)
{
    bool is_joined =
        is_fresh_key || u->n_pieces + NEW_MAX > ELO_UPLOAD_PIECES_MAX;

    *from = is_joined ? start : ELO_MAX(u->st.offset, start);
    for (uint32_t i = 0; i < u->n_pieces; i++) {
        if (is_joined || u->piece[i] < start) {
            p->gone[p->n_gone++] = u->piece[i];
        } else {
            p->is[p->n_is++] = u->piece[i];
        }
    }
}


/* tail: the plaintext from start on. */
static elo_err_t
pieces_new(const elo_upload_t *u, const elo_content_key_t *key, uint64_t start,
           elo_slice_t tail, uint64_t from, pieces_t *p)
{
    uint8_t *to;
    elo_err_t rc;

    if (start + tail.len == from) {
        return ELO_OK;
    }
    p->mem = to = malloc(tail.len + NEW_MAX * ELO_SBOX_OVERHEAD);
    if (to == NULL) {
        return ELO_ENOMEM;
    }
    while (from < start + tail.len) {
        elo_slice_t in =
            elo_slice(tail.p + (from - start),
                      ELO_MIN(start + tail.len - from, ELO_UPLOAD_PIECE));

        if ((rc = elo_upload_box(u, key, from, in, to)) != ELO_OK) {
            return rc;
        }
        p->box[p->n_new] = elo_slice(to, in.len + ELO_SBOX_OVERHEAD);
        p->fresh[p->n_new++] = from;
        p->is[p->n_is++] = from;
        to += in.len + ELO_SBOX_OVERHEAD;
        from += in.len;
    }
    return ELO_OK;
}


static elo_err_t
keep_sealed(elo_upload_t *u, const elo_upload_run_t *run,
            const elo_put_at_t *at, elo_upload_change_t *c)
{
    bool is_fresh_key = run->wrapped.p != NULL;
    pieces_t p = { .n_new = 0 };
    elo_put_opt_t opt;
    elo_buf_t form;
    uint64_t from;
    elo_err_t rc;

    elo_buf_init(&form, ELO_UPLOAD_FORM_MAX);
    pieces_old(u, is_fresh_key, at->kept, &from, &p);
    rc = pieces_new(u, run->key, at->kept, at->tail, from, &p);
    if (rc == ELO_OK && is_fresh_key) {
        elo_upload_opt(u, &opt);
        rc = elo_upload_form_wrap(u->id, run->key, &opt, u->form.meta, &form);
        c->form = elo_buf_slice(&form);
    }
    if (rc == ELO_OK) {
        c->is.sealed_to = at->kept / ELO_UPLOAD_CHUNK;
        c->key = run->wrapped;
        c->gone = p.gone;
        c->n_gone = p.n_gone;
        c->piece = p.fresh;
        c->box = p.box;
        c->n_new = p.n_new;
        rc = elo_upload_change(c);
    }
    if (rc == ELO_OK) {
        u->n_pieces = p.n_is;
        memcpy(u->piece, p.is, p.n_is * sizeof(p.is[0]));
    }
    free(p.mem);
    elo_buf_dispose(&form);
    return rc;
}


elo_err_t
elo_upload_keep(elo_upload_t *u, const elo_upload_run_t *run)
{
    elo_upload_change_t c = { .u = u, .is = u->st };
    elo_put_at_t at;
    elo_err_t rc;

    if ((rc = elo_put_sync(run->put, &at)) != ELO_OK) {
        if (run->put == u->put) {
            elo_put_leave(&u->put); /* it can't go on; what is durable stays */
        }
        return rc;
    }
    c.is.offset = elo_put_size(run->put);
    c.is.key_no = run->key_no;
    c.is.expires_at = elo_clock_unix_s() + u->s->upload_keep_s;
    rc =
        run->key != NULL ? keep_sealed(u, run, &at, &c) : elo_upload_change(&c);
    if (rc == ELO_OK) {
        elo_put_hold(run->put, c.is.offset);
    }
    return rc;
}


elo_err_t
elo_upload_keep_all(elo_upload_t *u)
{
    if (u->put == NULL || elo_put_size(u->put) == u->st.offset) {
        return ELO_OK;
    }
    return elo_upload_keep(u, &(elo_upload_run_t){ .put = u->put,
                                                   .key = u->key,
                                                   .key_no = u->st.key_no });
}


elo_err_t
elo_upload_keep_chunks(elo_upload_t *u, uint64_t n)
{
    elo_upload_change_t c = { .u = u, .is = u->st };

    if (n <= u->st.sealed_to) {
        return ELO_OK;
    }
    c.is.sealed_to = n + ELO_UPLOAD_RESERVE;
    return elo_upload_change(&c);
}
