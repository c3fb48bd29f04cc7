/* SPDX-License-Identifier: BSD-2-Clause */
/* resume_make: fresh uploads, and what is told of one. */
#include "backend/store/upload.h"

#include <assert.h>

#include "backend/os/clock.h"
#include "backend/store/seal.h"
#include "common/base/enc.h"

#define ID_TRIES 4 /* an id that is taken: its randomness is broken */


static elo_err_t
create_check(elo_store_t *s, const elo_put_opt_t *opt, uint64_t length,
             elo_slice_t meta)
{
    elo_err_t rc;

    if (meta.len > ELO_UPLOAD_META_MAX
        || opt->n_invited > ELO_CONTENT_INVITED_MAX
        || (length > INT64_MAX && length != UINT64_MAX))
    {
        return ELO_ETOOBIG;
    }
    if ((unsigned) opt->reach >= ELO_REACH_COUNT
        || !elo_put_type_ok(opt->content_type)
        || (meta.len > 0 && memchr(meta.p, 0, meta.len) != NULL))
    {
        return ELO_EINVAL;
    }
    if (length == UINT64_MAX) {
        length = 0;
    }
    if ((rc = elo_quota_check(s, &opt->agent, length)) != ELO_OK) {
        return rc;
    }
    return elo_space_check(s, length);
}


/* An id, the form, and of a sealed upload its wrapped key; empty for a clear one. */
static elo_err_t
fresh_rows(elo_upload_t *u, const elo_put_opt_t *opt, elo_slice_t meta,
           elo_buf_t *form, elo_buf_t *wrapped)
{
    elo_content_key_t *key = NULL;
    elo_err_t rc = ELO_OK;

    elo_buf_clear(form);
    elo_buf_clear(wrapped);
    elo_random(u->id, sizeof(u->id));
    if (elo_reach_is_sealed(opt->reach)) {
        if ((key = elo_secret_alloc(sizeof(*key))) == NULL) {
            return ELO_ENOMEM;
        }
        elo_content_key_fresh(key);
        rc = elo_upload_key_wrap(u->s, key, wrapped);
    }
    if (rc == ELO_OK) {
        rc = elo_upload_form_wrap(u->id, key, opt, meta, form);
    }
    if (key != NULL) {
        elo_secret_free(key);
    }
    return rc;
}


static void
stat_fill(const uint8_t id[ELO_UPLOAD_ID], const elo_upload_state_t *st,
          elo_slice_t meta, elo_upload_stat_t *out)
{
    *out = (elo_upload_stat_t){ .offset = st->offset,
                                .length = st->length,
                                .created_at = st->created_at,
                                .expires_at = st->expires_at,
                                .is_final = st->phase == ELO_UPLOAD_FINAL,
                                .digest = st->digest,
                                .size = st->offset };
    elo_hex_encode(id, ELO_UPLOAD_ID, out->id);
    if (meta.len > 0) {
        memcpy(out->meta, meta.p, meta.len);
    }
}


elo_err_t
elo_upload_create(elo_store_t *s, const elo_put_opt_t *opt, uint64_t length,
                  elo_slice_t meta, elo_upload_stat_t *out)
{
    elo_upload_t u = { .s = s };
    elo_upload_change_t c = { .u = &u, .is_fresh = true, .agent = &opt->agent };
    elo_buf_t form, wrapped;
    elo_err_t rc;

    assert(s->magic == ELO_STORE_MAGIC);
    if ((rc = create_check(s, opt, length, meta)) != ELO_OK) {
        return rc;
    }
    elo_buf_init(&form, ELO_UPLOAD_FORM_MAX);
    elo_buf_init(&wrapped, ELO_UPLOAD_FORM_MAX);
    c.is = (elo_upload_state_t){ .phase = ELO_UPLOAD_OPEN,
                                 .created_at = elo_clock_unix_s(),
                                 .length = length };
    c.is.expires_at = c.is.created_at + s->upload_keep_s;
    rc = ELO_EEXISTS;
    for (int i = 0; i < ID_TRIES && rc == ELO_EEXISTS; i++) {
        if ((rc = fresh_rows(&u, opt, meta, &form, &wrapped)) == ELO_OK) {
            c.form = elo_buf_slice(&form);
            c.key = elo_buf_slice(&wrapped);
            rc = elo_upload_change(&c);
        }
    }
    if (rc == ELO_OK) {
        stat_fill(u.id, &c.is, meta, out);
        out->agent = opt->agent;
    }
    elo_buf_dispose(&form);
    elo_buf_dispose(&wrapped);
    return rc;
}


/* The form's row and, of a sealed one, its key's. */
static elo_err_t
stat_form(elo_store_t *s, elo_kv_view_t *v, const uint8_t id[ELO_UPLOAD_ID],
          elo_buf_t *mem, elo_upload_form_t *form)
{
    uint8_t name[ELO_UPLOAD_KEY_MAX];
    elo_content_key_t *key = NULL;
    elo_kv_entry_t e, k;
    elo_err_t rc;

    rc = elo_kv_get(v, ELO_T_UPLOAD,
                    elo_upload_key(id, ELO_UPLOAD_PART_FORM, 0, name), &e);
    if (rc == ELO_OK && (rc = elo_upload_form_parse(e.value, form)) == ELO_OK
        && form->box.p != NULL)
    {
        rc = elo_kv_get(v, ELO_T_UPLOAD,
                        elo_upload_key(id, ELO_UPLOAD_PART_KEY, 0, name), &k);
        rc = rc == ELO_OK ? elo_upload_key_open(s, k.value, &key) : rc;
    }
    if (rc == ELO_OK) {
        rc = elo_upload_form_open(id, key, e.value, mem, form);
    }
    if (key != NULL) {
        elo_secret_free(key);
    }
    return rc == ELO_ENOTFOUND ? ELO_ECORRUPT : rc;
}


elo_err_t
elo_upload_stat(elo_store_t *s, elo_slice_t text, elo_upload_stat_t *out)
{
    elo_upload_form_t form = { 0 };
    uint8_t id[ELO_UPLOAD_ID];
    elo_upload_state_t st;
    elo_kv_view_t v;
    elo_buf_t mem;
    elo_err_t rc;

    assert(s->magic == ELO_STORE_MAGIC);
    if ((rc = elo_upload_id_parse(text, id)) != ELO_OK
        || (rc = elo_kv_view_begin(s->kv, &v)) != ELO_OK)
    {
        return rc;
    }
    elo_buf_init(&mem, ELO_UPLOAD_FORM_MAX);
    if ((rc = elo_upload_state_get(&v, id, &st)) == ELO_OK) {
        rc = st.phase == ELO_UPLOAD_ENDED
                     || (st.phase == ELO_UPLOAD_OPEN
                         && st.expires_at <= elo_clock_unix_s())
                 ? ELO_EGONE
                 : stat_form(s, &v, id, &mem, &form);
    }
    if (rc == ELO_OK) {
        stat_fill(id, &st, form.meta, out);
        out->agent = form.opt.agent;
    }
    elo_kv_view_end(&v);
    elo_buf_dispose(&mem);
    return rc;
}
