/* SPDX-License-Identifier: BSD-2-Clause */
/* resume_end: how an upload ends: its blob is made, its client gives it up, or its
   time is over. */
#include "backend/store/upload.h"

#include <assert.h>

#include "backend/os/clock.h"

#define EXPIRE_BATCH 64u


static void
drop_file(elo_upload_t *u)
{
    char name[ELO_STORE_NAME_MAX + 1];

    elo_put_leave(&u->put);
    elo_upload_file(u->id, u->st.key_no, name);
    /* none, or left to the next start (U1) */
    elo_ignore(u->s->vfs->unlink(u->s->vfs, u->s->root_fd, name));
}


/* The tombstone of an upload whose bytes go, for as long as it would have had. */
static elo_err_t
bury(elo_upload_t *u, int64_t now_s)
{
    elo_upload_change_t c = { .u = u,
                              .is = u->st,
                              .wipe_from = ELO_UPLOAD_PART_FORM };
    elo_err_t rc;

    c.is.phase = ELO_UPLOAD_ENDED;
    c.is.expires_at = now_s + u->s->upload_keep_s;
    if ((rc = elo_upload_change(&c)) == ELO_OK) {
        drop_file(u);
    }
    return rc;
}


/* In the operation that makes the blob. */
static elo_err_t
finish_also(void *ctx, elo_kv_tx_t *tx, const elo_blob_stat_t *st)
{
    elo_upload_change_t *c = ctx;

    c->is = c->u->st;
    c->is.phase = ELO_UPLOAD_FINAL;
    c->is.digest = st->digest;
    c->is.offset = c->is.length = st->size;
    c->is.expires_at = elo_clock_unix_s() + c->u->s->upload_keep_s;
    return elo_upload_change_tx(c, tx);
}


elo_err_t
elo_upload_finish(elo_upload_t *u, elo_blob_stat_t *out, bool *existed)
{
    elo_upload_change_t c = { .u = u, .wipe_from = ELO_UPLOAD_PART_PIECE };
    elo_err_t rc;

    assert(u->magic == ELO_UPLOAD_MAGIC);
    if (u->st.length == UINT64_MAX
        && (rc = elo_upload_set_length(u, elo_upload_offset(u))) != ELO_OK)
    {
        return rc;
    }
    if (elo_upload_offset(u) != u->st.length) {
        return ELO_EINVAL;
    }
    if ((rc = elo_upload_begin(u)) != ELO_OK) {
        return rc;
    }
    /* The last chunk is sealed now: its bytes must be the last word (U3). */
    if (u->key != NULL && (rc = elo_upload_keep_all(u)) != ELO_OK) {
        return rc;
    }
    rc = elo_put_commit_also(&u->put, finish_also, &c, out, existed);
    if (rc == ELO_OK) {
        u->st = c.is;
    } else if (rc == ELO_EHASH) {
        elo_ignore(bury(
            u,
            elo_clock_unix_s())); /* else it is found again, and ends like this */
    }
    return rc;
}


elo_err_t
elo_upload_remove(elo_store_t *s, elo_slice_t text)
{
    uint8_t id[ELO_UPLOAD_ID];
    elo_upload_t *u;
    elo_err_t rc;

    assert(s->magic == ELO_STORE_MAGIC);
    if ((rc = elo_upload_id_parse(text, id)) != ELO_OK
        || (rc = elo_upload_acquire_state(s, id, &u)) != ELO_OK)
    {
        return rc;
    }
    rc = u->st.phase == ELO_UPLOAD_ENDED ? ELO_EGONE
                                         : bury(u, elo_clock_unix_s());
    elo_upload_release(&u, false);
    return rc;
}


/* ---- expiry ---- */

/* Ids of up to EXPIRE_BATCH uploads that are due, from *from on, which moves. A state
   that is damaged is passed over: *bad. */
static elo_err_t
expired_next(elo_store_t *s, int64_t now_s, uint8_t from[ELO_UPLOAD_ID],
             uint8_t out[EXPIRE_BATCH][ELO_UPLOAD_ID], uint32_t *n,
             elo_err_t *bad)
{
    uint8_t id[ELO_UPLOAD_ID];
    elo_upload_state_t st;
    elo_upload_part_t part;
    elo_kv_cursor_t *c;
    elo_kv_entry_t e;
    elo_slice_t key;
    elo_kv_view_t v;
    uint64_t at;
    elo_err_t rc;

    *n = 0;
    if ((rc = elo_kv_view_begin(s->kv, &v)) != ELO_OK) {
        return rc;
    }
    rc = elo_kv_cursor_open(&v, ELO_T_UPLOAD, elo_slice(from, ELO_UPLOAD_ID),
                            &c);
    if (rc == ELO_OK) {
        while (*n < EXPIRE_BATCH
               && (rc = elo_kv_cursor_next(c, &key, &e)) == ELO_OK) {
            if ((rc = elo_upload_key_parse(key, id, &part, &at)) != ELO_OK) {
                break;
            }
            if (part != ELO_UPLOAD_PART_STATE) {
                continue;
            }
            if ((rc = elo_upload_state_parse(e.value, &st)) != ELO_OK) {
                *bad = rc;
                continue;
            }
            if (st.expires_at <= now_s) {
                memcpy(out[(*n)++], id, ELO_UPLOAD_ID);
                memcpy(from, id, ELO_UPLOAD_ID);
            }
        }
        elo_kv_cursor_close(&c);
    }
    elo_kv_view_end(&v);
    return rc == ELO_ENOTFOUND ? ELO_OK : rc;
}


static elo_err_t
expire_one(elo_store_t *s, int64_t now_s, const uint8_t id[ELO_UPLOAD_ID],
           uint32_t *n)
{
    elo_upload_t *u;
    elo_err_t rc = elo_upload_acquire_state(s, id, &u);

    if (rc != ELO_OK) {
        /* in use, or gone meanwhile */
        return rc == ELO_EBUSY || rc == ELO_ENOTFOUND ? ELO_OK : rc;
    }
    if (u->st.expires_at > now_s) {
        rc = ELO_OK; /* it went on meanwhile */
    } else if (u->st.phase == ELO_UPLOAD_OPEN) {
        rc = bury(u, now_s);
        *n += rc == ELO_OK;
    } else {
        elo_upload_change_t c = { .u = u,
                                  .is = u->st,
                                  .is_last = true,
                                  .wipe_from = ELO_UPLOAD_PART_FORM };

        rc = elo_upload_change(&c);
    }
    elo_upload_release(&u, false);
    return rc;
}


elo_err_t
elo_upload_expire(elo_store_t *s, int64_t now_s, uint32_t *n)
{
    uint8_t from[ELO_UPLOAD_ID] = { 0 };
    uint8_t id[EXPIRE_BATCH][ELO_UPLOAD_ID];
    elo_err_t rc, bad = ELO_OK;
    uint32_t got;

    assert(s->magic == ELO_STORE_MAGIC);
    *n = 0;
    do {
        if ((rc = expired_next(s, now_s, from, id, &got, &bad)) != ELO_OK) {
            return rc;
        }
        for (uint32_t i = 0; i < got; i++) {
            if ((rc = expire_one(s, now_s, id[i], n)) != ELO_OK) {
                bad = rc; /* it keeps no other */
            }
        }
    } while (got == EXPIRE_BATCH && !elo_store_is_readonly(s));
    return bad;
}
