/* SPDX-License-Identifier: BSD-2-Clause */
/* files: see the header. */
#include "backend/store/files.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

/* Dirty pages of one file stay below about two of these, so that its last sync is
   short and other writers find the disk free. */
#define BEHIND_BYTES (8u << 20)

#define SPACE_EVERY (64u << 20) /* bytes between two looks at free space */

typedef struct {
    elo_kv_op_t op;
    elo_newfile_t *nf;
} mark_op_t;

typedef struct {
    elo_kv_op_t op;
    uint64_t id;
} unmark_op_t;


/* ---- writing ---- */

static elo_err_t
opened(elo_newfile_t *nf, elo_err_t rc)
{
    elo_store_t *s = nf->s;

    if (rc == ELO_OK && s->group >= 0) {
        rc = s->vfs->chgrp(s->vfs, nf->fd, s->group);
    }
    if (rc != ELO_OK) {
        rc = elo_store_fail(s, rc, "create");
        elo_newfile_end(nf, ELO_OK);
    }
    return rc;
}


elo_err_t
elo_newfile_open(elo_store_t *s, elo_file_kind_t kind, elo_newfile_t *nf)
{
    const elo_vfs_t *v = s->vfs;
    elo_err_t rc;

    *nf = (elo_newfile_t){ .s = s, .fd = -1, .kind = kind };
    if (s->nameless) {
        return opened(
            nf, v->open_tmp(v, s->root_fd, "tmp", ELO_FILE_MODE, &nf->fd));
    }
    snprintf(nf->tmp, sizeof(nf->tmp), "tmp/%016llx",
             (unsigned long long) __atomic_fetch_add(&s->tmp_n, 1,
                                                     __ATOMIC_RELAXED));
    rc =
        v->open(v, s->root_fd, nf->tmp, ELO_VFS_CREATE, ELO_FILE_MODE, &nf->fd);
    if (rc != ELO_OK) {
        nf->tmp[0] = '\0';
    }
    return opened(nf, rc);
}


elo_err_t
elo_newfile_open_at(elo_store_t *s, elo_file_kind_t kind, const char *name,
                    uint64_t size, elo_newfile_t *nf)
{
    const elo_vfs_t *v = s->vfs;
    uint64_t has;
    elo_err_t rc;

    *nf = (elo_newfile_t){ .s = s,
                           .fd = -1,
                           .kind = kind,
                           .is_kept_name = true,
                           .size = size,
                           .started = size,
                           .checked = size };
    snprintf(nf->tmp, sizeof(nf->tmp), "%s", name);
    rc = opened(nf, v->open(v, s->root_fd, name, ELO_VFS_WRITE, ELO_FILE_MODE,
                            &nf->fd));
    if (rc != ELO_OK) {
        return rc;
    }
    if ((rc = v->size(v, nf->fd, &has)) == ELO_OK && has > size) {
        rc = v->truncate(v, nf->fd, size);
    }
    rc = rc != ELO_OK ? elo_store_fail(s, rc, "open of an upload")
                      : (has < size ? ELO_ECORRUPT : ELO_OK);
    if (rc != ELO_OK) {
        elo_newfile_end(nf, ELO_OK);
    }
    return rc;
}


static elo_err_t
write_behind(elo_newfile_t *nf)
{
    const elo_vfs_t *v = nf->s->vfs;
    elo_err_t rc;

    while (nf->size - nf->started >= BEHIND_BYTES) {
        rc = v->write_behind(v, nf->fd, nf->started, BEHIND_BYTES, false);
        if (rc == ELO_OK && nf->started >= BEHIND_BYTES) {
            rc = v->write_behind(v, nf->fd, nf->started - BEHIND_BYTES,
                                 BEHIND_BYTES, true);
        }
        if (rc != ELO_OK) {
            return elo_store_fail_sync(nf->s, rc, "write-back");
        }
        nf->started += BEHIND_BYTES;
    }
    return ELO_OK;
}


elo_err_t
elo_newfile_write(elo_newfile_t *nf, elo_slice_t bytes)
{
    const elo_vfs_t *v = nf->s->vfs;
    elo_err_t rc;
    size_t n;

    if (nf->size - nf->checked >= SPACE_EVERY) {
        if ((rc = elo_space_check(nf->s, 0)) != ELO_OK) {
            return rc;
        }
        nf->checked = nf->size;
    }
    while (bytes.len > 0) {
        rc = v->pwrite(v, nf->fd, bytes.p, bytes.len, nf->size, &n);
        if (rc != ELO_OK) {
            return elo_store_fail(nf->s, rc, "write");
        }
        if (n == 0) {
            return ELO_ENOSPC; /* a regular file takes nothing only then */
        }
        bytes = elo_slice(bytes.p + n, bytes.len - n);
        nf->size += n;
    }
    return write_behind(nf);
}


elo_err_t
elo_newfile_read(elo_newfile_t *nf, uint64_t off, void *p, size_t len)
{
    const elo_vfs_t *v = nf->s->vfs;
    uint8_t *at = p;
    elo_err_t rc;
    size_t n;

    while (len > 0) {
        if ((rc = v->pread(v, nf->fd, at, len, off, &n)) != ELO_OK) {
            return elo_store_fail(nf->s, rc, "read of a file on its way");
        }
        if (n == 0) {
            return ELO_ECORRUPT;
        }
        at += n;
        off += n;
        len -= n;
    }
    return ELO_OK;
}


elo_err_t
elo_newfile_sync(elo_newfile_t *nf)
{
    elo_store_t *s = nf->s;

    if (elo_store_is_readonly(s)) {
        return ELO_EREADONLY;
    }
    return elo_store_fail_sync(s, s->vfs->fdatasync(s->vfs, nf->fd),
                               "sync of a file");
}


/* ---- publishing ---- */

elo_err_t
elo_file_mark_tx(elo_kv_tx_t *tx, elo_file_kind_t kind, uint64_t id,
                 elo_file_state_t state)
{
    elo_rec_file_t rec = { .kind = kind, .state = state };
    uint8_t key[ELO_FILE_KEY], mem[ELO_FILE_REC_LEN];
    elo_buf_t buf;
    elo_err_t rc;

    elo_buf_init_fixed(&buf, mem, sizeof(mem));
    elo_rec_file_encode(&rec, &buf);
    if ((rc = elo_buf_err(&buf)) != ELO_OK) {
        return rc;
    }
    return elo_kv_tx_put(tx, ELO_T_FILE, elo_file_key(id, key),
                         elo_buf_slice(&buf), NULL, 0);
}


/* The mark is the operation's only record, so that its number is the id's. */
static elo_err_t
mark_run(elo_kv_op_t *op, elo_kv_tx_t *tx)
{
    elo_newfile_t *nf = ((mark_op_t *) op)->nf;

    nf->id = elo_kv_tx_lsn(tx);
    return nf->id == 0
               ? ELO_EINTERNAL
               : elo_file_mark_tx(tx, nf->kind, nf->id, ELO_FILE_UNDECIDED);
}


/* The directory of a file, made once; its entry is durable when this returns,
   whichever thread made it. */
static elo_err_t
dir_need(elo_store_t *s, elo_file_kind_t kind, uint64_t id)
{
    unsigned xx = id & 0xff;
    uint64_t *word = &s->dirs[kind == ELO_FILE_MEDIA][xx / 64];
    uint64_t bit = UINT64_C(1) << (xx % 64);
    char dir[ELO_STORE_NAME_MAX + 1];
    elo_err_t rc;

    if ((__atomic_load_n(word, __ATOMIC_ACQUIRE) & bit) != 0) {
        return ELO_OK;
    }
    elo_file_dir(kind, id, dir);
    if ((rc = elo_dir_make(s, dir, ELO_DIR_MODE)) != ELO_OK) {
        return rc;
    }
    dir[strlen(dir) - 3] = '\0'; /* its parent */
    if ((rc = elo_dir_sync(s, dir)) == ELO_OK) {
        __atomic_fetch_or(word, bit, __ATOMIC_RELEASE);
    }
    return rc;
}


static elo_err_t
link_in(elo_newfile_t *nf)
{
    elo_store_t *s = nf->s;
    const elo_vfs_t *v = s->vfs;
    char name[ELO_STORE_NAME_MAX + 1], dir[ELO_STORE_NAME_MAX + 1];
    elo_err_t rc;

    if ((rc = dir_need(s, nf->kind, nf->id)) != ELO_OK) {
        return rc;
    }
    elo_file_name(nf->kind, nf->id, name);
    elo_file_dir(nf->kind, nf->id, dir);
    rc = nf->tmp[0] == '\0' ? v->link_fd(v, nf->fd, s->root_fd, name)
                            : v->link(v, s->root_fd, nf->tmp, name);
    if (rc == EEXIST) {
        return ELO_ECORRUPT; /* against (S4): never written over */
    }
    if (rc != ELO_OK) {
        return elo_store_fail(s, rc, "link");
    }
    memcpy(nf->name, name, sizeof(name));
    /* A nameless file was synced with a link count of 0; without a journal the
       sync of the directory writes the name, and not the count: a check of the
       file system would clear the name after a power cut. */
    if (nf->tmp[0] == '\0' && (rc = elo_newfile_sync(nf)) != ELO_OK) {
        return rc;
    }
    return elo_dir_sync(s, dir);
}


elo_err_t
elo_newfile_publish(elo_newfile_t *nf)
{
    mark_op_t o = { .op.run = mark_run, .nf = nf };
    elo_err_t rc;

    if ((rc = elo_newfile_sync(nf)) != ELO_OK) {
        return rc;
    }
    if ((rc = elo_store_exec(nf->s, &o.op)) != ELO_OK) {
        nf->id =
            0; /* where it became a mark after all, a start takes it away */
        return rc;
    }
    return link_in(nf);
}


elo_err_t
elo_file_keep_tx(elo_kv_tx_t *tx, elo_newfile_t *nf)
{
    uint8_t key[ELO_FILE_KEY];

    nf->is_kept = true;
    return elo_kv_tx_del(tx, ELO_T_FILE, elo_file_key(nf->id, key));
}


/* ---- taking away ---- */

static elo_err_t
unmark_run(elo_kv_op_t *op, elo_kv_tx_t *tx)
{
    uint8_t key[ELO_FILE_KEY];

    return elo_kv_tx_del(tx, ELO_T_FILE,
                         elo_file_key(((unmark_op_t *) op)->id, key));
}


static void
unmark_done(elo_kv_op_t *op, elo_err_t err)
{
    (void) err; /* a mark that stays is the next start's */
    free(op);
}


/* The mark goes when it goes: nobody waits for it. */
static void
unmark(elo_store_t *s, uint64_t id)
{
    unmark_op_t *o = malloc(sizeof(*o));

    if (o != NULL) {
        *o = (unmark_op_t){ .op.run = unmark_run,
                            .op.done = unmark_done,
                            .id = id };
        elo_kv_submit(s->kv, &o->op);
    }
}


/* ELO_OK: it is gone, durably. */
static elo_err_t
unlink_file(elo_store_t *s, elo_file_kind_t kind, uint64_t id)
{
    char name[ELO_STORE_NAME_MAX + 1], dir[ELO_STORE_NAME_MAX + 1];
    elo_err_t rc;

    elo_file_name(kind, id, name);
    elo_file_dir(kind, id, dir);
    rc = s->vfs->unlink(s->vfs, s->root_fd, name);
    if (rc != ELO_OK && rc != ENOENT) {
        return elo_store_fail(s, rc, "unlink");
    }
    rc = elo_dir_sync(s, dir);
    return rc == ENOENT ? ELO_OK : rc;
}


void
elo_newfile_end(elo_newfile_t *nf, elo_err_t rc)
{
    elo_store_t *s = nf->s;

    if (nf->fd != -1) {
        s->vfs->close(s->vfs, nf->fd);
        nf->fd = -1;
    }
    if (nf->tmp[0] != '\0' && !nf->is_kept_name) {
        /* What stays is removed by the next start. */
        elo_ignore(s->vfs->unlink(s->vfs, s->root_fd, nf->tmp));
        nf->tmp[0] = '\0';
    }
    if (nf->id == 0 || (nf->is_kept && rc == ELO_OK) || rc == ELO_EREADONLY) {
        return;
    }
    if (nf->name[0] == '\0' || unlink_file(s, nf->kind, nf->id) == ELO_OK) {
        unmark(s, nf->id);
    }
    nf->id = 0;
}


elo_err_t
elo_file_kill_tx(elo_kv_tx_t *tx, elo_file_kind_t kind, uint64_t id)
{
    return id == 0 ? ELO_OK : elo_file_mark_tx(tx, kind, id, ELO_FILE_DEAD);
}


void
elo_file_bury(elo_store_t *s, elo_file_kind_t kind, uint64_t id)
{
    if (id != 0 && unlink_file(s, kind, id) == ELO_OK) {
        unmark(s, id);
    }
}
