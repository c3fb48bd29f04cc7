/* SPDX-License-Identifier: BSD-2-Clause */
/* resume: uploads that go on after an interruption. */
#include "backend/store/upload.h"

#include <assert.h>
#include <stdlib.h>

#include "backend/os/clock.h"
#include "common/base/num.h"


/* ---- what is in memory ---- */

void
elo_upload_unload(elo_upload_t *u)
{
    elo_put_leave(&u->put);
    if (u->key != NULL) {
        elo_secret_free(u->key);
        u->key = NULL;
    }
    free(u->invited);
    u->invited = NULL;
    elo_buf_dispose(&u->form_mem);
    u->is_loaded = false;
}


void
elo_upload_opt(const elo_upload_t *u, elo_put_opt_t *out)
{
    *out = u->form.opt;
    out->invited = u->invited;
    out->size_hint = u->st.length == UINT64_MAX ? 0 : u->st.length;
    out->held = u->st.offset;
}


static elo_err_t
begin_clear(elo_upload_t *u)
{
    elo_put_at_t at = { .kept = u->st.offset };
    char name[ELO_STORE_NAME_MAX + 1];
    elo_put_opt_t opt;

    elo_upload_file(u->id, u->st.key_no, name);
    elo_upload_opt(u, &opt);
    return elo_put_begin_at(u->s, &opt, name, NULL, &at, &u->put);
}


static elo_err_t
begin_sealed(elo_upload_t *u)
{
    uint64_t n = elo_upload_chunks(u->st.offset);
    elo_put_at_t at = { .kept = n * ELO_UPLOAD_CHUNK };
    uint8_t *tail = elo_secret_alloc(ELO_UPLOAD_CHUNK);
    char name[ELO_STORE_NAME_MAX + 1];
    elo_put_opt_t opt;
    size_t len;
    elo_err_t rc;

    if (tail == NULL) {
        return ELO_ENOMEM;
    }
    rc = elo_upload_load_tail(u, tail, &len);
    if (rc == ELO_OK) {
        at.tail = elo_slice(tail, len);
    }
    if (rc == ELO_OK && u->st.sealed_to > n) {
        rc = elo_upload_rekey(u, u->st.offset, &at); /* (U3) */
    } else if (rc == ELO_OK) {
        elo_upload_file(u->id, u->st.key_no, name);
        elo_upload_opt(u, &opt);
        rc = elo_put_begin_at(u->s, &opt, name, u->key, &at, &u->put);
    }
    elo_secret_free(tail);
    return rc;
}


elo_err_t
elo_upload_begin(elo_upload_t *u)
{
    if (u->put != NULL) {
        return ELO_OK;
    }
    return u->key != NULL ? begin_sealed(u) : begin_clear(u);
}


/* ---- going on ---- */

elo_err_t
elo_upload_acquire(elo_store_t *s, const uint8_t id[ELO_UPLOAD_ID],
                   elo_upload_t **out)
{
    elo_upload_t *u;
    elo_err_t rc;

    if ((rc = elo_upload_reserve(s, id, &u)) != ELO_OK) {
        return rc;
    }
    if (!u->is_loaded && (rc = elo_upload_load(u)) != ELO_OK) {
        elo_upload_release(&u, false);
        return rc;
    }
    *out = u;
    return ELO_OK;
}


elo_err_t
elo_upload_acquire_state(elo_store_t *s, const uint8_t id[ELO_UPLOAD_ID],
                         elo_upload_t **out)
{
    elo_upload_t *u;
    elo_kv_view_t v;
    elo_err_t rc;

    if ((rc = elo_upload_reserve(s, id, &u)) != ELO_OK) {
        return rc;
    }
    if (!u->is_loaded && (rc = elo_kv_view_begin(s->kv, &v)) == ELO_OK) {
        rc = elo_upload_state_get(&v, id, &u->st);
        elo_kv_view_end(&v);
    }
    if (rc != ELO_OK) {
        elo_upload_release(&u, false);
        return rc;
    }
    *out = u;
    return ELO_OK;
}


elo_err_t
elo_upload_open(elo_store_t *s, elo_slice_t text, elo_upload_t **out)
{
    uint8_t id[ELO_UPLOAD_ID];
    elo_upload_t *u;
    elo_err_t rc;

    assert(s->magic == ELO_STORE_MAGIC);
    if ((rc = elo_upload_id_parse(text, id)) != ELO_OK
        || (rc = elo_upload_acquire(s, id, &u)) != ELO_OK)
    {
        return rc;
    }
    if (u->st.phase == ELO_UPLOAD_FINAL) {
        rc = ELO_EEXISTS;
    } else if (u->st.phase == ELO_UPLOAD_ENDED
               || u->st.expires_at <= elo_clock_unix_s())
    {
        rc = ELO_EGONE;
    } else {
        rc = elo_upload_begin(u);
    }
    if (rc != ELO_OK) {
        elo_upload_release(&u, false);
        return rc;
    }
    *out = u;
    return ELO_OK;
}


uint64_t
elo_upload_offset(const elo_upload_t *u)
{
    assert(u->magic == ELO_UPLOAD_MAGIC);
    return u->put != NULL ? elo_put_size(u->put) : u->st.offset;
}


elo_err_t
elo_upload_write(elo_upload_t *u, elo_slice_t bytes)
{
    uint64_t is = elo_upload_offset(u);
    elo_err_t rc;

    if (bytes.len > ELO_MIN(u->st.length, (uint64_t) INT64_MAX) - is) {
        return ELO_ETOOBIG;
    }
    if (elo_store_is_readonly(u->s)) {
        return ELO_EREADONLY;
    }
    if (bytes.len == 0) {
        return ELO_OK;
    }
    if ((rc = elo_upload_begin(u)) != ELO_OK) {
        return rc;
    }
    if (u->key != NULL
        && (rc = elo_upload_keep_chunks(u, elo_upload_chunks(is + bytes.len)))
               != ELO_OK)
    {
        return rc;
    }
    if ((rc = elo_put_write(u->put, bytes)) != ELO_OK) {
        elo_put_leave(&u->put); /* what is durable stays */
    }
    return rc;
}


elo_err_t
elo_upload_set_length(elo_upload_t *u, uint64_t length)
{
    elo_upload_change_t c = { .u = u, .is = u->st };
    elo_err_t rc;

    assert(u->magic == ELO_UPLOAD_MAGIC);
    if (u->st.length != UINT64_MAX) {
        return u->st.length == length ? ELO_OK : ELO_EEXISTS;
    }
    if (length > INT64_MAX) {
        return ELO_ETOOBIG;
    }
    if (length < elo_upload_offset(u)) {
        return ELO_EINVAL;
    }
    if ((rc = elo_quota_check(u->s, &u->form.opt.agent, length - u->st.offset))
            != ELO_OK
        || (rc = elo_space_check(u->s, length - elo_upload_offset(u)))
               != ELO_OK)
    {
        return rc;
    }
    c.is.length = length;
    return elo_upload_change(&c);
}


/* Within the chunk that isn't sealed yet its plaintext is cut; behind that, (U3). */
static elo_err_t
rewind_sealed(elo_upload_t *u, uint64_t offset)
{
    uint8_t *tail;
    elo_put_at_t at;
    elo_err_t rc;

    if ((rc = elo_put_sync(u->put, &at)) != ELO_OK) {
        return rc;
    }
    if (offset <= at.kept && at.kept > 0) {
        return elo_upload_rekey(u, offset, &at);
    }
    if ((tail = elo_secret_alloc(ELO_UPLOAD_CHUNK)) == NULL) {
        return ELO_ENOMEM;
    }
    memcpy(tail, at.tail.p, at.tail.len);
    at.tail = elo_slice(tail, (size_t) (offset - at.kept));
    rc = elo_put_rewind(u->put, &at);
    elo_secret_free(tail);
    return rc;
}


elo_err_t
elo_upload_rewind(elo_upload_t *u, uint64_t offset)
{
    elo_err_t rc;

    if (offset < u->st.offset || offset > elo_upload_offset(u)) {
        return ELO_EINVAL;
    }
    if (offset == elo_upload_offset(u)) {
        return ELO_OK;
    }
    rc = u->key != NULL
             ? rewind_sealed(u, offset)
             : elo_put_rewind(u->put, &(elo_put_at_t){ .kept = offset });
    if (rc != ELO_OK) {
        elo_put_leave(&u->put);
    }
    return rc;
}


elo_err_t
elo_upload_sync(elo_upload_t *u)
{
    assert(u->magic == ELO_UPLOAD_MAGIC);
    return elo_upload_keep_all(u);
}


void
elo_upload_close(elo_upload_t **pu)
{
    elo_upload_t *u = *pu;
    bool is_kept = false;

    if (u == NULL) {
        return;
    }
    assert(u->magic == ELO_UPLOAD_MAGIC);
    if (u->st.phase == ELO_UPLOAD_OPEN && u->put != NULL) {
        is_kept = elo_upload_keep_all(u) == ELO_OK;
    }
    elo_upload_release(pu, is_kept);
}
