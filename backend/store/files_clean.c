/* SPDX-License-Identifier: BSD-2-Clause */
/* files_clean: what a start does about files that interrupted writes left behind.
   Its cost is that of what was under way, not of what is held. */
#include "backend/store/files.h"

#include <errno.h>
#include <stdio.h>

#include "backend/os/log.h"

#define CLEAN_BATCH 256 /* marks that one operation takes away */

typedef struct {
    elo_store_t *s;
    elo_err_t rc;
} tmp_ctx_t;


static bool
drop_tmp(void *ctx, const char *name)
{
    tmp_ctx_t *t = ctx;
    char path[ELO_STORE_NAME_MAX + 1];
    elo_err_t rc;
    int n = snprintf(path, sizeof(path), "tmp/%s", name);

    if (n < 0 || (size_t) n >= sizeof(path)) {
        return true; /* no file of ours has such a name */
    }
    rc = t->s->vfs->unlink(t->s->vfs, t->s->root_fd, path);
    if (rc != ELO_OK && rc != ENOENT && rc != EISDIR) {
        t->rc = rc;
    }
    return t->rc == ELO_OK;
}


typedef struct {
    elo_kv_op_t op;
    elo_store_t *s;
    bool is_damaged;
    bool dirty[2][256]; /* directories to be synced, once each */
    uint64_t from;
    uint32_t n; /* marks looked at by one operation */
} clean_op_t;


static bool
may_go(const clean_op_t *o, const elo_rec_file_t *rec)
{
    return rec->state == ELO_FILE_DEAD
           || (rec->state == ELO_FILE_UNDECIDED && !o->is_damaged);
}


static elo_err_t
unlink_marked(clean_op_t *o, elo_file_kind_t kind, uint64_t id)
{
    elo_store_t *s = o->s;
    char name[ELO_STORE_NAME_MAX + 1];
    elo_err_t rc;

    elo_file_name(kind, id, name);
    rc = s->vfs->unlink(s->vfs, s->root_fd, name);
    if (rc != ELO_OK && rc != ENOENT) {
        return elo_store_fail(s, rc, "unlink");
    }
    /* ENOENT too: the process before may have died ahead of its sync. */
    o->dirty[kind == ELO_FILE_MEDIA][id & 0xff] = true;
    return ELO_OK;
}


static elo_err_t
unlink_all(clean_op_t *o, bool *any)
{
    elo_rec_file_t rec;
    elo_kv_cursor_t *c;
    elo_kv_entry_t e;
    elo_kv_view_t v;
    elo_slice_t key;
    uint64_t id;
    elo_err_t rc;

    if ((rc = elo_kv_view_begin(o->s->kv, &v)) != ELO_OK) {
        return rc;
    }
    rc = elo_kv_cursor_open(&v, ELO_T_FILE, elo_slice("", 0), &c);
    if (rc == ELO_OK) {
        while ((rc = elo_kv_cursor_next(c, &key, &e)) == ELO_OK
               && (rc = elo_file_key_parse(key, &id)) == ELO_OK
               && (rc = elo_rec_file_parse(e.value, &rec)) == ELO_OK
               && (!may_go(o, &rec)
                   || (rc = unlink_marked(o, rec.kind, id)) == ELO_OK))
        {
            *any = *any || rec.state != ELO_FILE_DOUBTFUL;
        }
        elo_kv_cursor_close(&c);
    }
    elo_kv_view_end(&v);
    return rc == ELO_ENOTFOUND ? ELO_OK : rc;
}


static elo_err_t
sync_dirty(const clean_op_t *o)
{
    char dir[ELO_STORE_NAME_MAX + 1];
    elo_err_t rc;

    for (unsigned i = 0; i < 512; i++) {
        if (o->dirty[i / 256][i % 256]) {
            elo_file_dir(i < 256 ? ELO_FILE_BLOB : ELO_FILE_MEDIA, i % 256,
                         dir);
            rc = elo_dir_sync(o->s, dir);
            if (rc != ELO_OK && rc != ENOENT) {
                return rc;
            }
        }
    }
    return ELO_OK;
}


static elo_err_t
mark_end(const clean_op_t *o, elo_kv_tx_t *tx, uint64_t id,
         const elo_rec_file_t *rec)
{
    uint8_t key[ELO_FILE_KEY];

    if (may_go(o, rec)) {
        return elo_kv_tx_del(tx, ELO_T_FILE, elo_file_key(id, key));
    }
    if (rec->state == ELO_FILE_DOUBTFUL) {
        return ELO_OK;
    }
    elo_log(ELO_LOG_ERROR,
            "file %016llx stays: it may belong to a damaged record",
            (unsigned long long) id);
    return elo_file_mark_tx(tx, rec->kind, id, ELO_FILE_DOUBTFUL);
}


/* The next marks. A cursor isn't held over a change. */
static elo_err_t
forget_run(elo_kv_op_t *op, elo_kv_tx_t *tx)
{
    clean_op_t *o = (clean_op_t *) op;
    elo_rec_file_t recs[CLEAN_BATCH];
    uint64_t ids[CLEAN_BATCH];
    uint8_t mem[ELO_FILE_KEY];
    elo_kv_cursor_t *c;
    elo_kv_entry_t e;
    elo_slice_t key;
    uint32_t n = 0;
    elo_err_t rc;

    rc = elo_kv_tx_cursor_open(tx, ELO_T_FILE, elo_file_key(o->from, mem), &c);
    if (rc != ELO_OK) {
        return rc;
    }
    while (n < CLEAN_BATCH && (rc = elo_kv_cursor_next(c, &key, &e)) == ELO_OK
           && (rc = elo_file_key_parse(key, &ids[n])) == ELO_OK
           && (rc = elo_rec_file_parse(e.value, &recs[n])) == ELO_OK)
    {
        n++;
    }
    elo_kv_cursor_close(&c);
    if (rc == ELO_ENOTFOUND) {
        rc = ELO_OK;
    }
    for (o->n = 0; o->n < n && rc == ELO_OK; o->n++) {
        rc = mark_end(o, tx, ids[o->n], &recs[o->n]);
        o->from = ids[o->n] + 1;
    }
    return rc;
}


elo_err_t
elo_files_clean(elo_store_t *s, bool is_damaged)
{
    clean_op_t o = { .op.run = forget_run, .s = s, .is_damaged = is_damaged };
    tmp_ctx_t tmp = { .s = s, .rc = ELO_OK };
    bool any = false;
    elo_err_t rc;

    rc = s->vfs->list(s->vfs, s->root_fd, "tmp", drop_tmp, &tmp);
    if (rc != ELO_OK || tmp.rc != ELO_OK) {
        return elo_store_fail(s, rc != ELO_OK ? rc : tmp.rc, "sweep of tmp");
    }
    if ((rc = unlink_all(&o, &any)) != ELO_OK || !any
        || (rc = sync_dirty(&o)) != ELO_OK)
    {
        return rc;
    }
    do { /* the marks may go only when the unlinks are on disk */
        rc = elo_store_exec(s, &o.op);
    } while (rc == ELO_OK && o.n == CLEAN_BATCH);
    return rc;
}
