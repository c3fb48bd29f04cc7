/* SPDX-License-Identifier: BSD-2-Clause */
/* store: opening and closing: lock, layout, identity, index, sweep. The simple
   store: a file for every blob. Format: docs/formats/store.md. */
#include "backend/store/txn.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "backend/os/clock.h"
#include "backend/os/log.h"

#define STATE_KEY   ELO_SLICE("state")
#define FORMAT_FILE "format"
#define FORMAT_TMP  "tmp/format"
#define LOCK_FILE   "lock"
#define FORMAT_MAX  128u
#define MAP_DEFAULT (UINT64_C(1) << 30) /* about two million small records */
#define MAP_MIN     (UINT64_C(1) << 20)
#define MAP_ALIGN   (UINT64_C(1) << 16) /* the largest page size of Linux */


static bool
only_ours(void *ctx, const char *name)
{
    static const char *const ours[] = { LOCK_FILE,   ELO_GEN_FILE, "index",
                                        "blobs",     "media",      "tmp",
                                        "lost+found" };
    bool *ok = ctx;

    *ok = false;
    for (size_t i = 0; i < sizeof(ours) / sizeof(ours[0]); i++) {
        if (strcmp(name, ours[i]) == 0) {
            *ok = true;
        }
    }
    return *ok;
}


/* *found is false in a directory that is empty but for an interrupted making. */
static elo_err_t
format_read(elo_store_t *s, uint64_t *store_id, bool *found)
{
    const elo_vfs_t *v = s->vfs;
    uint8_t text[FORMAT_MAX];
    bool ok = true;
    size_t n = 0;
    elo_err_t rc;
    int fd;

    rc = v->open(v, s->root_fd, FORMAT_FILE, ELO_VFS_READ, 0, &fd);
    if (rc == ENOENT) {
        *found = false;
        rc = v->list(v, s->root_fd, ".", only_ours, &ok);
        return rc == ELO_OK && !ok ? ELO_ECORRUPT : rc;
    }
    if (rc != ELO_OK) {
        return rc;
    }
    rc = v->pread(v, fd, text, sizeof(text), 0, &n);
    v->close(v, fd);
    if (rc != ELO_OK) {
        return rc;
    }
    *found = true;
    return elo_format_parse(elo_slice(text, n), store_id);
}


static elo_err_t
format_write(elo_store_t *s)
{
    const elo_vfs_t *v = s->vfs;
    uint8_t mem[FORMAT_MAX];
    elo_buf_t buf;
    elo_err_t rc;
    size_t n;
    int fd;

    elo_buf_init_fixed(&buf, mem, sizeof(mem));
    elo_format_encode(s->state.store_id, &buf);
    if ((rc = elo_buf_err(&buf)) != ELO_OK
        || (rc = v->open(v, s->root_fd, FORMAT_TMP, ELO_VFS_WRITE,
                         ELO_FILE_MODE, &fd))
               != ELO_OK)
    {
        return elo_store_fail(s, rc, "format file");
    }
    if ((rc = v->truncate(v, fd, 0)) != ELO_OK
        || (rc = v->pwrite(v, fd, buf.p, buf.len, 0, &n)) != ELO_OK)
    {
        rc = elo_store_fail(s, rc, "format file");
    } else if (n != buf.len) {
        rc = ELO_ENOSPC;
    } else {
        rc = elo_store_fail_sync(s, v->fdatasync(v, fd), "format file");
    }
    v->close(v, fd);
    if (rc == ELO_OK) {
        rc = v->rename(v, s->root_fd, FORMAT_TMP, FORMAT_FILE);
        rc = rc != ELO_OK ? elo_store_fail(s, rc, "format file")
                          : elo_dir_sync(s, ".");
    }
    return rc;
}


/* Names the process that has the store open; what the file holds is a hint. */
static void
lock_holder_log(elo_store_t *s)
{
    char text[32];
    size_t n = 0;

    if (s->vfs->pread(s->vfs, s->lock_fd, text, sizeof(text), 0, &n) != ELO_OK
        || n == 0)
    {
        n = 0;
    } else if (text[n - 1] == '\n') {
        n--;
    }
    elo_log(ELO_LOG_ERROR, "store is in use by process %.*s", (int) n, text);
}


/* Takes the lock; its file tells an operator who holds it. */
static elo_err_t
lock_take(elo_store_t *s)
{
    const elo_vfs_t *v = s->vfs;
    char text[32];
    elo_err_t rc;
    size_t n;
    int len;

    rc = v->open(v, s->root_fd, LOCK_FILE, ELO_VFS_WRITE, 0640, &s->lock_fd);
    if (rc != ELO_OK) {
        return elo_store_fail(s, rc, "lock file");
    }
    rc = v->lock(v, s->lock_fd);
    if (rc == EWOULDBLOCK) {
        lock_holder_log(s);
        return ELO_EBUSY;
    }
    if (rc != ELO_OK) {
        return elo_store_fail(s, rc, "lock");
    }
    len = snprintf(text, sizeof(text), "%ld\n", elo_vfs_pid());
    if ((rc = v->truncate(v, s->lock_fd, 0)) != ELO_OK
        || (rc = v->pwrite(v, s->lock_fd, text, (size_t) len, 0, &n)) != ELO_OK)
    {
        return elo_store_fail(s, rc, "lock file");
    }
    return ELO_OK;
}


/* Makes a directory unless it is there, and sets mode and group. */
static elo_err_t
dir_make(elo_store_t *s, const char *path, unsigned mode)
{
    const elo_vfs_t *v = s->vfs;
    elo_err_t rc;
    int fd;

    rc = v->mkdir(v, s->root_fd, path, mode & 0777);
    if (rc == ELO_OK || rc == EEXIST) {
        rc = v->open(v, s->root_fd, path, ELO_VFS_DIR, 0, &fd);
    }
    if (rc != ELO_OK) {
        return elo_store_fail(s, rc, "mkdir");
    }
    if (s->group >= 0 && mode == ELO_DIR_MODE) {
        rc = v->chgrp(v, fd, s->group);
    }
    if (rc == ELO_OK) {
        rc = v->chmod(v, fd, mode); /* after chgrp, which may clear setgid */
    }
    v->close(v, fd);
    return rc == ELO_OK ? ELO_OK : elo_store_fail(s, rc, "mode of a directory");
}


/* All directories of a fresh store, durably, before its format file. */
static elo_err_t
layout_make(elo_store_t *s)
{
    static const char *const tops[] = { "blobs", "media" };
    char path[ELO_STORE_NAME_MAX + 1];
    elo_err_t rc;

    if ((rc = dir_make(s, "tmp", ELO_PRIV_MODE)) != ELO_OK
        || (rc = dir_make(s, "index", ELO_PRIV_MODE)) != ELO_OK)
    {
        return rc;
    }
    for (unsigned i = 0; i < 2; i++) {
        if ((rc = dir_make(s, tops[i], ELO_DIR_MODE)) != ELO_OK) {
            return rc;
        }
        for (unsigned j = 0; j < 256; j++) {
            snprintf(path, sizeof(path), "%s/%02x", tops[i], j);
            if ((rc = dir_make(s, path, ELO_DIR_MODE)) != ELO_OK) {
                return rc;
            }
        }
        if ((rc = elo_dir_sync(s, tops[i])) != ELO_OK) {
            return rc;
        }
    }
    if ((rc = elo_dir_sync(s, ".")) != ELO_OK) {
        return rc;
    }
    return elo_dir_sync(s, ".."); /* the root may have been made just now */
}


/* Reads or, in a fresh store, writes the state record. */
static elo_err_t
state_load(elo_store_t *s, bool found, uint64_t store_id)
{
    elo_slice_t v;
    elo_wtxn_t w;
    MDB_txn *txn;
    elo_err_t rc;

    if ((rc = elo_rtxn_begin(s, &txn)) != ELO_OK) {
        return rc;
    }
    rc = elo_db_get(s, txn, ELO_DB_META, STATE_KEY, &v);
    if (rc == ELO_OK) {
        rc = elo_rec_state_parse(STATE_KEY, v, &s->state);
    }
    mdb_txn_abort(txn);
    if (rc == ELO_OK) {
        /* A lost format file is damage; one not written yet is not. */
        if (found ? s->state.store_id != store_id : s->state.blobs > 0) {
            return ELO_ECORRUPT;
        }
        return ELO_OK;
    }
    if (rc != ELO_ENOTFOUND || found) {
        return rc == ELO_ENOTFOUND ? ELO_ECORRUPT : rc;
    }
    s->state = (elo_rec_state_t){ .seq_reserved = 1, .scan_from = 1 };
    elo_random(&s->state.store_id, sizeof(s->state.store_id));
    s->seq_next = 1;
    if ((rc = elo_wtxn_begin(s, &w)) != ELO_OK) {
        return rc;
    }
    return elo_wtxn_commit(&w, NULL);
}


/* Nameless temporary files, if linking one works here (it needs /proc). */
static void
probe_nameless(elo_store_t *s)
{
    const elo_vfs_t *v = s->vfs;
    int fd;

    if (v->open_tmp(v, s->root_fd, "tmp", ELO_FILE_MODE, &fd) != ELO_OK) {
        return;
    }
    if (v->link_fd(v, fd, s->root_fd, "tmp/probe") == ELO_OK) {
        s->nameless = v->unlink(v, s->root_fd, "tmp/probe") == ELO_OK;
    }
    v->close(v, fd);
}


static elo_err_t
open_all(elo_store_t *s, const elo_store_cfg_t *cfg)
{
    const elo_vfs_t *v = s->vfs;
    uint64_t store_id = 0, map = cfg->map_bytes;
    char index[4096];
    bool found;
    elo_err_t rc;
    int n;

    n = snprintf(index, sizeof(index), "%s/index", cfg->root);
    map = map == 0 ? MAP_DEFAULT : map;
    if (n < 0 || (size_t) n >= sizeof(index) || map < MAP_MIN
        || map > INT64_MAX) {
        return ELO_EINVAL;
    }
    rc = v->open_root(v, cfg->root, 0750, &s->root_fd);
    if (rc != ELO_OK) {
        return elo_store_fail(s, rc, "open of the root");
    }
    if ((rc = format_read(s, &store_id, &found)) != ELO_OK
        || (rc = lock_take(s)) != ELO_OK
        || (rc = dir_make(s, ".", ELO_DIR_MODE)) != ELO_OK
        || (!found && (rc = layout_make(s)) != ELO_OK)
        || (rc = elo_db_open(s, index, map / MAP_ALIGN * MAP_ALIGN)) != ELO_OK
        || (rc = state_load(s, found, store_id)) != ELO_OK)
    {
        return rc;
    }
    s->seq_next = s->state.seq_reserved; /* (I3): the rest of a batch is lost */
    s->seq_stuck = UINT64_MAX;
    s->blobs = s->state.blobs;
    s->bytes = s->state.bytes;
    if ((rc = elo_genpage_open(s)) != ELO_OK
        || (rc = elo_store_sweep(s)) != ELO_OK
        || (!found && (rc = format_write(s)) != ELO_OK))
    {
        return rc;
    }
    probe_nameless(s);
    return elo_store_is_readonly(s) ? ELO_EREADONLY : ELO_OK;
}


static void
close_all(elo_store_t **sp)
{
    elo_store_t *s = *sp;

    *sp = NULL;
    elo_genpage_close(s);
    if (s->env != NULL) {
        mdb_env_close(s->env);
    }
    if (s->lock_fd != -1) {
        s->vfs->close(s->vfs, s->lock_fd);
    }
    if (s->root_fd != -1) {
        s->vfs->close(s->vfs, s->root_fd);
    }
    elo_mutex_dispose(&s->mtx);
    s->magic = 0;
    free(s);
}


elo_err_t
elo_store_open_vfs(const elo_store_cfg_t *cfg, const elo_vfs_t *vfs,
                   elo_store_t **out)
{
    elo_store_t *s = calloc(1, sizeof(*s));
    elo_err_t rc;

    if (s == NULL) {
        return ELO_ENOMEM;
    }
    s->magic = ELO_STORE_MAGIC;
    s->vfs = vfs != NULL ? vfs : elo_vfs_posix();
    s->group = cfg->group;
    s->min_free = cfg->min_free_bytes;
    s->root_fd = s->lock_fd = -1;
    s->seq_stuck = UINT64_MAX;
    if ((rc = elo_mutex_init(&s->mtx)) != ELO_OK) {
        free(s);
        return rc;
    }
    if ((rc = open_all(s, cfg)) != ELO_OK) {
        close_all(&s);
        return rc;
    }
    *out = s;
    return ELO_OK;
}


elo_err_t
elo_store_open(const elo_store_cfg_t *cfg, elo_store_t **out)
{
    return elo_store_open_vfs(cfg, NULL, out);
}


void
elo_store_close(elo_store_t **sp)
{
    if (sp != NULL && *sp != NULL) {
        assert((*sp)->magic == ELO_STORE_MAGIC && (*sp)->first == NULL);
        close_all(sp);
    }
}


elo_gen_page_t *
elo_store_gen(elo_store_t *s)
{
    assert(s->magic == ELO_STORE_MAGIC);
    return s->gen;
}


void
elo_store_totals(elo_store_t *s, uint64_t *blobs, uint64_t *bytes)
{
    assert(s->magic == ELO_STORE_MAGIC);
    *blobs = __atomic_load_n(&s->blobs, __ATOMIC_RELAXED);
    *bytes = __atomic_load_n(&s->bytes, __ATOMIC_RELAXED);
}


bool
elo_store_is_readonly(elo_store_t *s)
{
    return __atomic_load_n(&s->readonly, __ATOMIC_ACQUIRE) != 0;
}
