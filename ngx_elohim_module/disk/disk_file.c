/* SPDX-License-Identifier: BSD-2-Clause */
/* disk_file: writes the file of a piece: room first, then the bytes, the foot last. A
   disk that fails is left alone for a while. */

#include "ngx_http_elohim_disk.h"


#define NGX_HTTP_ELOHIM_DISK_PAUSE   1000 /* ms after the disk failed */
#define NGX_HTTP_ELOHIM_DISK_NUMBERS 4    /* that may be taken already */
#define NGX_HTTP_ELOHIM_DISK_HASH    65536
#define NGX_HTTP_ELOHIM_DISK_VICTIMS 256  /* files that go for one, at most */


static ngx_int_t ngx_http_elohim_disk_begin(ngx_http_elohim_disk_t *d,
    ngx_http_elohim_writer_t *w);
static ngx_int_t ngx_http_elohim_disk_resume(ngx_http_elohim_disk_t *d,
    ngx_http_elohim_writer_t *w);


void
ngx_http_elohim_disk_failed(ngx_http_elohim_disk_t *d, ngx_err_t err,
    const char *what)
{
    ngx_http_elohim_index_t  *x;

    x = ngx_http_elohim_disk_index(d);
    x->down_until = ngx_max(ngx_current_msec + NGX_HTTP_ELOHIM_DISK_PAUSE, 1);

    if (ngx_atomic_cmp_set(&x->told_down, 0, 1)) {
        ngx_log_error(NGX_LOG_ERR, d->log, err,
                      "elohim cache \"%V\": %s failed, nothing is kept there "
                      "until it works again", &d->path->name, what);
    }
}


static void
ngx_http_elohim_disk_works(ngx_http_elohim_disk_t *d)
{
    ngx_http_elohim_index_t  *x;

    x = ngx_http_elohim_disk_index(d);

    if (x->told_down && ngx_atomic_cmp_set(&x->told_down, 1, 0)) {
        x->down_until = 0;
        ngx_log_error(NGX_LOG_NOTICE, d->log, 0,
                      "elohim cache \"%V\" works again", &d->path->name);
    }
}


/* Does the disk take something? Looked up once a second. */

static ngx_uint_t
ngx_http_elohim_disk_takes(ngx_http_elohim_disk_t *d)
{
    ngx_msec_t                until;
    ngx_http_elohim_index_t  *x;

    x = ngx_http_elohim_disk_index(d);
    until = x->down_until;

    if (until && (ngx_msec_int_t) (until - ngx_current_msec) > 0) {
        return 0;
    }

    if (d->min_free == 0) {
        return 1;
    }

    if (d->free_at == 0
        || ngx_current_msec - d->free_at >= NGX_HTTP_ELOHIM_DISK_PAUSE)
    {
        d->free_at = ngx_current_msec;
        d->free_bytes = ngx_fs_available(d->path->name.data);
    }

    if (d->free_bytes < d->min_free + (off_t) ELO_PIECE_MAX) {
        ngx_http_elohim_disk_failed(d, 0, "keeping min_free");
        return 0;
    }

    return 1;
}


ngx_int_t
ngx_http_elohim_disk_open(const ngx_http_elohim_piece_t *piece, uint64_t file,
    uint32_t at, ngx_http_elohim_writer_t *w)
{
    ngx_int_t                rc;
    ngx_http_elohim_disk_t  *d;

    d = ngx_http_elohim_disk;

    if (d == NULL || !ngx_http_elohim_disk_index(d)->held
        || !elo_piece_ok(piece->size, piece->index, piece->len, piece->klass)
        || at > piece->len || !ngx_http_elohim_disk_takes(d))
    {
        return NGX_DECLINED;
    }

    ngx_memzero(w, sizeof(ngx_http_elohim_writer_t));
    w->piece = *piece;
    w->fd = NGX_INVALID_FILE;

    if (elo_sha256_create(&w->sha256) != ELO_OK) {
        return NGX_DECLINED;
    }

    if (file) {
        w->place.file = file;
        w->have = at;
        rc = ngx_http_elohim_disk_resume(d, w);

    } else {
        ngx_http_elohim_disk_purge(d);
        rc = ngx_http_elohim_disk_begin(d, w);
    }

    if (rc != NGX_OK) {
        elo_sha256_free(&w->sha256);
    }

    return rc;
}


/* ---- the file ---- */

static ngx_fd_t
ngx_http_elohim_disk_create(ngx_http_elohim_place_t *place)
{
    ngx_fd_t    fd;
    ngx_uint_t  i;
    u_char     *slash;

    for (i = 0; i < 2; i++) {
        fd = open((const char *) place->path,
                  O_RDWR|O_CREAT|O_EXCL|O_CLOEXEC|O_NOFOLLOW, 0600);

        if (fd != NGX_INVALID_FILE || ngx_errno != NGX_ENOENT) {
            return fd;
        }

        slash = place->path + place->path_len - 17;
        *slash = '\0';

        if (ngx_create_dir(place->path, 0700) == NGX_FILE_ERROR
            && ngx_errno != NGX_EEXIST)
        {
            *slash = '/';
            return NGX_INVALID_FILE;
        }

        *slash = '/';
    }

    return NGX_INVALID_FILE;
}


/* All of its room at once: a full disk is found before the first byte is sent. */

static ngx_int_t
ngx_http_elohim_disk_allocate(ngx_http_elohim_writer_t *w)
{
    off_t            size;
    ngx_file_info_t  fi;

    size = (off_t) ELO_PIECE_FOOT + w->piece.len;

    if (fallocate(w->fd, 0, 0, size) == -1
        && (ngx_errno != EOPNOTSUPP || ftruncate(w->fd, size) == -1))
    {
        return NGX_ERROR;
    }

    if (ngx_fd_info(w->fd, &fi) == NGX_FILE_ERROR) {
        return NGX_ERROR;
    }

    w->place.file_size = size;
    w->place.uniq = ngx_file_uniq(&fi);

    return NGX_OK;
}


static ngx_int_t
ngx_http_elohim_disk_begin(ngx_http_elohim_disk_t *d,
    ngx_http_elohim_writer_t *w)
{
    ngx_err_t                   err;
    ngx_uint_t                  i;
    ngx_http_elohim_index_t    *x;
    ngx_http_elohim_filling_t  *f;

    for (i = 0; i < NGX_HTTP_ELOHIM_DISK_NUMBERS; i++) {

        if (ngx_http_elohim_disk_enlist(d, w) != NGX_OK) {
            return NGX_DECLINED;
        }

        /* (I3) */
        ngx_http_elohim_disk_unlink(d, NGX_HTTP_ELOHIM_DISK_VICTIMS);

        w->fd = ngx_http_elohim_disk_create(&w->place);

        if (w->fd != NGX_INVALID_FILE
            && ngx_http_elohim_disk_allocate(w) == NGX_OK)
        {
            x = ngx_http_elohim_disk_lock(d);
            f = ngx_http_elohim_disk_filling(x, w);

            if (f) {
                f->uniq = w->place.uniq;
            }

            ngx_http_elohim_disk_unlock(d);
            return NGX_OK;
        }

        err = ngx_errno;

        if (w->fd != NGX_INVALID_FILE || err != NGX_EEXIST) {
            ngx_http_elohim_disk_failed(d, err, w->fd == NGX_INVALID_FILE
                                                ? "open()" : "fallocate()");
            ngx_http_elohim_disk_close(w, 0);
            return NGX_DECLINED;
        }

        /* that number is somebody's: begin with others, and leave his alone */

        x = ngx_http_elohim_disk_lock(d);
        f = ngx_http_elohim_disk_filling(x, w);

        if (f) {
            ngx_http_elohim_disk_forget(d, f);
        }

        elo_keys_random(&x->next_file, sizeof(x->next_file));
        ngx_http_elohim_disk_unlock(d);
    }

    return NGX_DECLINED;
}


/* Hashes what is there already: a read of the page cache. */

static ngx_int_t
ngx_http_elohim_disk_rehash(ngx_http_elohim_writer_t *w)
{
    u_char   *buf;
    size_t    len;
    ssize_t   n;
    uint32_t  at;

    buf = ngx_alloc(NGX_HTTP_ELOHIM_DISK_HASH, ngx_cycle->log);
    if (buf == NULL) {
        return NGX_ERROR;
    }

    for (at = 0; at < w->have; at += n) {
        len = ngx_min(w->have - at, NGX_HTTP_ELOHIM_DISK_HASH);
        n = pread(w->fd, buf, len, at);

        if (n <= 0
            || elo_sha256_update(w->sha256, elo_slice(buf, n)) != ELO_OK)
        {
            break;
        }
    }

    ngx_free(buf);

    return at == w->have ? NGX_OK : NGX_ERROR;
}


static ngx_int_t
ngx_http_elohim_disk_resume(ngx_http_elohim_disk_t *d,
    ngx_http_elohim_writer_t *w)
{
    elo_cache_key_t             key;
    ngx_file_info_t             fi;
    ngx_http_elohim_index_t    *x;
    ngx_http_elohim_filling_t  *f;

    ngx_http_elohim_disk_name(d, w->place.file, &w->place);

    x = ngx_http_elohim_disk_lock(d);

    ngx_http_elohim_disk_key(d, &w->piece, &key);
    f = ngx_http_elohim_disk_by_file(x, w->place.file);

    if (f == NULL || ngx_memcmp(&f->key, &key, sizeof(key)) != 0
        || ngx_http_elohim_disk_is_stale(x, f))
    {
        ngx_http_elohim_disk_unlock(d);
        return NGX_DECLINED;
    }

    f->pid = ngx_pid;
    f->token = ++x->next_token;
    f->touched = ngx_http_elohim_disk_now();
    w->slot = f - x->filling;
    w->token = f->token;
    w->is_transient = !f->has_entry;
    w->place.uniq = (ngx_file_uniq_t) f->uniq;
    w->place.file_size = (off_t) ELO_PIECE_FOOT + f->len;

    ngx_http_elohim_disk_unlock(d);

    w->fd = open((const char *) w->place.path, O_RDWR|O_CLOEXEC|O_NOFOLLOW);

    if (w->fd == NGX_INVALID_FILE
        || ngx_fd_info(w->fd, &fi) == NGX_FILE_ERROR
        || ngx_file_uniq(&fi) != w->place.uniq
        || ngx_file_size(&fi) != w->place.file_size
        || ngx_http_elohim_disk_rehash(w) != NGX_OK)
    {
        ngx_http_elohim_disk_close(w, 0);
        return NGX_DECLINED;
    }

    return NGX_OK;
}


ngx_int_t
ngx_http_elohim_disk_write(ngx_http_elohim_writer_t *w, const u_char *p,
    size_t len)
{
    ssize_t                     n;
    uint32_t                    now;
    ngx_http_elohim_disk_t     *d;
    ngx_http_elohim_filling_t  *f;

    d = ngx_http_elohim_disk;

    if (len > w->piece.len - w->have) {
        return NGX_DECLINED;
    }

    while (len) {
        n = pwrite(w->fd, p, len, w->have);

        if (n == -1 && ngx_errno == NGX_EINTR) {
            continue;
        }

        if (n <= 0) {
            ngx_http_elohim_disk_failed(d, n ? ngx_errno : NGX_ENOSPC,
                                        "pwrite()");
            return NGX_DECLINED;
        }

        if (elo_sha256_update(w->sha256, elo_slice(p, n)) != ELO_OK) {
            return NGX_DECLINED;
        }

        w->have += n;
        p += n;
        len -= n;
    }

    /* a hint, for the sweeper: without the lock */

    now = ngx_http_elohim_disk_now();
    f = ngx_http_elohim_disk_filling(ngx_http_elohim_disk_index(d), w);

    if (f && f->touched != now) {
        __atomic_store_n(&f->touched, now, __ATOMIC_RELAXED);
    }

    return NGX_OK;
}


/* The foot is the last that is written: with it, the file is a piece. */

static ngx_int_t
ngx_http_elohim_disk_seal(ngx_http_elohim_disk_t *d,
    ngx_http_elohim_writer_t *w)
{
    uint8_t           buf[ELO_PIECE_FOOT];
    ngx_file_info_t   fi;
    elo_piece_foot_t  h;

    h.file = w->place.file;
    h.digest = w->piece.digest;
    h.size = w->piece.size;
    h.index = w->piece.index;
    h.len = w->piece.len;
    h.klass = w->piece.klass;

    if (w->have != w->piece.len
        || elo_sha256_final(w->sha256, &h.sha256) != ELO_OK)
    {
        return NGX_DECLINED;
    }

    if (elo_piece_foot_encode(&h, buf) != ELO_OK) {
        ngx_log_error(NGX_LOG_ERR, d->log, 0,
                      "elohim cache \"%V\": bytes that came for a blob aren't "
                      "the blob's, they are dropped", &d->path->name);
        return NGX_DECLINED;
    }

    if (pwrite(w->fd, buf, sizeof(buf), w->piece.len) != (ssize_t) sizeof(buf)
        || ngx_fd_info(w->fd, &fi) == NGX_FILE_ERROR)
    {
        ngx_http_elohim_disk_failed(d, ngx_errno, "pwrite()");
        return NGX_DECLINED;
    }

    w->place.mtime = ngx_file_mtime(&fi);
    w->place.uniq = ngx_file_uniq(&fi);

    return NGX_OK;
}


ngx_int_t
ngx_http_elohim_disk_commit(ngx_http_elohim_writer_t *w)
{
    ngx_http_elohim_index_t    *x;
    ngx_http_elohim_disk_t     *d;
    ngx_http_elohim_filling_t  *f;

    d = ngx_http_elohim_disk;

    if (ngx_http_elohim_disk_seal(d, w) != NGX_OK) {
        return NGX_DECLINED;
    }

    x = ngx_http_elohim_disk_lock(d);

    f = ngx_http_elohim_disk_filling(x, w);

    if (f) {
        ngx_http_elohim_disk_enter(d, f, w);
    }

    ngx_http_elohim_disk_unlock(d);

    ngx_http_elohim_disk_works(d);

    return NGX_OK;
}


/* One that isn't kept stays for a moment, for those who are about to open it. */

void
ngx_http_elohim_disk_close(ngx_http_elohim_writer_t *w, ngx_uint_t keep)
{
    ngx_http_elohim_index_t    *x;
    ngx_http_elohim_disk_t     *d;
    ngx_http_elohim_filling_t  *f;

    d = ngx_http_elohim_disk;
    x = ngx_http_elohim_disk_lock(d);

    f = ngx_http_elohim_disk_filling(x, w);

    if (f && (keep || f->is_whole)
        && ngx_http_elohim_disk_leave(d, f) != NGX_OK)
    {
        keep = 0;
        f->is_whole = 0;
    }

    if (f && !keep && !f->is_whole) {
        ngx_http_elohim_disk_drop(d, f);
    }

    ngx_http_elohim_disk_unlock(d);

    if (w->fd != NGX_INVALID_FILE) {
        (void) ngx_close_file(w->fd);
        w->fd = NGX_INVALID_FILE;
    }

    elo_sha256_free(&w->sha256);
    ngx_http_elohim_disk_unlink(d, NGX_HTTP_ELOHIM_DISK_VICTIMS);
}
