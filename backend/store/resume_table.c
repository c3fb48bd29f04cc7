/* SPDX-License-Identifier: BSD-2-Clause */
/* resume_table: which uploads are in memory: those that somebody has reserved, and
   some that were used lately, with their running hashes, so that the next part of
   an upload doesn't read all that came before. */
#include "backend/store/upload.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>


struct elo_uploads_s {
    elo_store_t *s;
    elo_mutex_t mtx;
    /* shared: mtx */
    elo_upload_t *first;
    uint32_t n_idle;
    uint64_t tick;
};

typedef struct {
    elo_store_t *s;
    elo_kv_view_t v;
    elo_err_t rc;
} sweep_t;


/* (U1) */
static bool
sweep_one(void *ctx, const char *name)
{
    sweep_t *w = ctx;
    char path[ELO_STORE_NAME_MAX + 1];
    uint8_t id[ELO_UPLOAD_ID];
    elo_upload_state_t st;
    uint32_t key_no;

    if (elo_upload_file_parse(elo_slice_str(name), id, &key_no) != ELO_OK) {
        return true; /* not ours */
    }
    w->rc = elo_upload_state_get(&w->v, id, &st);
    if (w->rc == ELO_OK && st.phase == ELO_UPLOAD_OPEN && st.key_no == key_no) {
        return true;
    }
    if (w->rc == ELO_OK || w->rc == ELO_ENOTFOUND) {
        elo_upload_file(id, key_no, path);
        w->rc = w->s->vfs->unlink(w->s->vfs, w->s->root_fd, path);
        w->rc = elo_store_fail(w->s, w->rc, "sweep of uploads");
    }
    return w->rc == ELO_OK;
}


static elo_err_t
sweep(elo_store_t *s)
{
    sweep_t w = { .s = s };
    elo_err_t rc;

    if ((rc = elo_kv_view_begin(s->kv, &w.v)) != ELO_OK) {
        return rc;
    }
    rc = s->vfs->list(s->vfs, s->root_fd, "uploads", sweep_one, &w);
    elo_kv_view_end(&w.v);
    return w.rc != ELO_OK ? w.rc : elo_store_fail(s, rc, "sweep of uploads");
}


/* The id of the next open upload that hasn't said yet that chunks may be sealed
   which its rows don't vouch for, from *from on. ELO_ENOTFOUND. */
static elo_err_t
copied_next(elo_store_t *s, uint8_t from[ELO_UPLOAD_ID],
            elo_upload_state_t *out)
{
    elo_upload_part_t part;
    elo_kv_cursor_t *c;
    elo_kv_entry_t e;
    elo_slice_t key;
    elo_kv_view_t v;
    uint64_t at;
    elo_err_t rc;

    if ((rc = elo_kv_view_begin(s->kv, &v)) != ELO_OK) {
        return rc;
    }
    rc = elo_kv_cursor_open(&v, ELO_T_UPLOAD, elo_slice(from, ELO_UPLOAD_ID),
                            &c);
    if (rc == ELO_OK) {
        while ((rc = elo_kv_cursor_next(c, &key, &e)) == ELO_OK
               && (elo_upload_key_parse(key, from, &part, &at) != ELO_OK
                   || part != ELO_UPLOAD_PART_STATE
                   || elo_upload_state_parse(e.value, out) != ELO_OK
                   || out->phase != ELO_UPLOAD_OPEN
                   || out->sealed_to > elo_upload_chunks(out->offset)))
        {
        }
        elo_kv_cursor_close(&c);
    }
    elo_kv_view_end(&v);
    return rc;
}


/* In a copy of a store: whatever the other one seals with the keys of its uploads,
   this one seals nothing with them any more. It means nothing to clear ones. */
static elo_err_t
part_from_source(elo_store_t *s)
{
    elo_upload_t u = { .s = s };
    elo_upload_change_t c = { .u = &u };
    elo_err_t rc;
    int fd;

    rc = s->vfs->open(s->vfs, s->root_fd, ELO_UPLOADS_COPIED, ELO_VFS_READ, 0,
                      &fd);
    if (rc != ELO_OK) {
        return rc == ENOENT ? ELO_OK : elo_store_fail(s, rc, "look at uploads");
    }
    s->vfs->close(s->vfs, fd);
    while ((rc = copied_next(s, u.id, &u.st)) == ELO_OK) {
        c.is = u.st;
        c.is.sealed_to = elo_upload_chunks(u.st.offset) + ELO_UPLOAD_RESERVE;
        if ((rc = elo_upload_change(&c)) != ELO_OK) {
            return rc;
        }
    }
    if (rc != ELO_ENOTFOUND) {
        return rc;
    }
    rc = s->vfs->unlink(s->vfs, s->root_fd, ELO_UPLOADS_COPIED);
    return elo_store_fail(s, rc, "unlink of a backup's mark");
}


elo_err_t
elo_uploads_open(elo_store_t *s, elo_uploads_t **out)
{
    elo_uploads_t *t;
    elo_err_t rc;

    if ((rc = elo_dir_make(s, "uploads", ELO_PRIV_MODE)) != ELO_OK
        || (rc = sweep(s)) != ELO_OK || (rc = part_from_source(s)) != ELO_OK)
    {
        return rc;
    }
    if ((t = calloc(1, sizeof(*t))) == NULL) {
        return ELO_ENOMEM;
    }
    t->s = s;
    if ((rc = elo_mutex_init(&t->mtx)) != ELO_OK) {
        free(t);
        return rc;
    }
    *out = t;
    return ELO_OK;
}


static void
forget(elo_upload_t *u)
{
    elo_upload_unload(u);
    u->magic = 0;
    free(u);
}


void
elo_uploads_close(elo_uploads_t **t)
{
    elo_upload_t *u, *next;

    if (*t == NULL) {
        return;
    }
    for (u = (*t)->first; u != NULL; u = next) {
        next = u->next;
        assert(!u->is_reserved); /* every call must have ended */
        forget(u);
    }
    elo_mutex_dispose(&(*t)->mtx);
    free(*t);
    *t = NULL;
}


static elo_upload_t *
find_locked(elo_uploads_t *t, const uint8_t id[ELO_UPLOAD_ID])
{
    elo_upload_t *u = t->first;

    elo_mutex_assert_held(&t->mtx);
    while (u != NULL && memcmp(u->id, id, ELO_UPLOAD_ID) != 0) {
        u = u->next;
    }
    return u;
}


elo_err_t
elo_upload_reserve(elo_store_t *s, const uint8_t id[ELO_UPLOAD_ID],
                   elo_upload_t **out)
{
    elo_uploads_t *t = s->uploads;
    elo_upload_t *u, *fresh = calloc(1, sizeof(*fresh));
    elo_err_t rc = ELO_OK;

    if (fresh == NULL) {
        return ELO_ENOMEM;
    }
    fresh->magic = ELO_UPLOAD_MAGIC;
    fresh->s = s;
    fresh->is_reserved = true;
    memcpy(fresh->id, id, ELO_UPLOAD_ID);
    elo_buf_init(&fresh->form_mem, ELO_UPLOAD_FORM_MAX);

    elo_mutex_lock(&t->mtx);
    u = find_locked(t, id);
    if (u == NULL) {
        u = fresh;
        u->next = t->first;
        t->first = u;
        fresh = NULL;
    } else if (u->is_reserved) {
        rc = ELO_EBUSY;
    } else {
        u->is_reserved = true;
        t->n_idle--;
    }
    elo_mutex_unlock(&t->mtx);

    if (fresh != NULL) {
        forget(fresh);
    }
    if (rc == ELO_OK) {
        *out = u;
    }
    return rc;
}


static void
unlink_locked(elo_uploads_t *t, elo_upload_t *u)
{
    elo_upload_t **at = &t->first;

    elo_mutex_assert_held(&t->mtx);
    while (*at != u) {
        at = &(*at)->next;
    }
    *at = u->next;
}


/* The idle one that was used longest ago, taken out, when there are too many. */
static elo_upload_t *
evict_locked(elo_uploads_t *t)
{
    elo_upload_t *old = NULL;

    if (t->n_idle <= ELO_UPLOADS_IDLE) {
        return NULL;
    }
    for (elo_upload_t *u = t->first; u != NULL; u = u->next) {
        if (!u->is_reserved && (old == NULL || u->used < old->used)) {
            old = u;
        }
    }
    if (old != NULL) { /* which it is, for n_idle counts them */
        unlink_locked(t, old);
        t->n_idle--;
    }
    return old;
}


void
elo_upload_release(elo_upload_t **pu, bool is_kept)
{
    elo_upload_t *u = *pu, *gone;
    elo_uploads_t *t = u->s->uploads;

    *pu = NULL;
    if (!is_kept) {
        elo_upload_unload(u); /* before another may load it */
    }
    elo_mutex_lock(&t->mtx);
    u->is_reserved = false;
    u->used = ++t->tick;
    if (is_kept) {
        t->n_idle++;
        gone = evict_locked(t);
    } else {
        unlink_locked(t, u);
        gone = u;
    }
    elo_mutex_unlock(&t->mtx);
    if (gone != NULL) {
        forget(gone);
    }
}
