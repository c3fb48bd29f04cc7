/* SPDX-License-Identifier: BSD-2-Clause */
/* disk_verify: are the bytes of a piece's file those that were written? On nginx's
   threads where it has them, else at once: a piece is a megabyte at most. Whoever
   wants the same file waits for the same look. */

#include "ngx_http_elohim_disk.h"


#define NGX_HTTP_ELOHIM_VERIFY_BUF  65536


typedef struct {
    ngx_queue_t              queue;
    ngx_queue_t              waiters;
    ngx_http_elohim_disk_t  *disk;
    ngx_http_elohim_piece_t  piece;
    ngx_http_elohim_place_t  place;
    ngx_int_t                rc;
    u_char                   buf[NGX_HTTP_ELOHIM_VERIFY_BUF];
} ngx_http_elohim_check_t;


static ngx_int_t
ngx_http_elohim_verify_foot(ngx_http_elohim_check_t *c, ngx_fd_t fd,
    elo_piece_foot_t *h)
{
    ngx_file_info_t  fi;

    return ngx_fd_info(fd, &fi) != NGX_FILE_ERROR
           && ngx_file_uniq(&fi) == c->place.uniq
           && ngx_file_size(&fi) == c->place.file_size
           && ngx_file_mtime(&fi) == c->place.mtime
           && pread(fd, c->buf, ELO_PIECE_FOOT, c->piece.len)
              == (ssize_t) ELO_PIECE_FOOT
           && elo_piece_foot_parse(c->buf, h) == ELO_OK
           && h->file == c->place.file
           && h->size == c->piece.size
           && h->index == c->piece.index
           && h->len == c->piece.len
           && h->klass == c->piece.klass
           && ngx_memcmp(h->digest.b, c->piece.digest.b, sizeof(h->digest.b))
              == 0
           ? NGX_OK
           : NGX_DECLINED;
}


static ngx_int_t
ngx_http_elohim_verify_bytes(ngx_http_elohim_check_t *c, ngx_fd_t fd,
    const elo_piece_foot_t *h)
{
    off_t          at, end;
    ssize_t        n;
    elo_digest_t   digest;
    elo_sha256_t  *sha256;

    if (elo_sha256_create(&sha256) != ELO_OK) {
        return NGX_DECLINED;
    }

    end = h->len;
    at = 0;

    while (at < end) {
        n = pread(fd, c->buf, ngx_min(end - at, NGX_HTTP_ELOHIM_VERIFY_BUF),
                  at);

        if (n <= 0
            || elo_sha256_update(sha256, elo_slice(c->buf, n)) != ELO_OK)
        {
            break;
        }

        at += n;
    }

    n = at == end && elo_sha256_final(sha256, &digest) == ELO_OK
        && ngx_memcmp(digest.b, h->sha256.b, sizeof(digest.b)) == 0;

    elo_sha256_free(&sha256);

    return n ? NGX_OK : NGX_DECLINED;
}


/* Thread: touches nothing but the check. */

static void
ngx_http_elohim_verify_work(void *data, ngx_log_t *log)
{
    ngx_http_elohim_check_t *c = data;

    ngx_fd_t          fd;
    elo_piece_foot_t  h;

    c->rc = NGX_DECLINED;

    fd = open((const char *) c->place.path,
              O_RDONLY|O_CLOEXEC|O_NOFOLLOW|O_NONBLOCK);
    if (fd == NGX_INVALID_FILE) {
        return;
    }

    if (ngx_http_elohim_verify_foot(c, fd, &h) == NGX_OK) {
        c->rc = ngx_http_elohim_verify_bytes(c, fd, &h);
    }

    (void) ngx_close_file(fd);
}


/* Loop. A piece that was purged meanwhile has seen it: it isn't good any more. */

static ngx_int_t
ngx_http_elohim_verify_judge(ngx_http_elohim_check_t *c)
{
    ngx_int_t                rc;
    ngx_http_elohim_place_t  place;

    if (c->rc == NGX_OK) {
        ngx_http_elohim_count(ELO_M_PIECES_CHECKED, 1);
        ngx_http_elohim_disk_is_checked(c->disk, &c->piece, c->place.file);

        rc = ngx_http_elohim_disk_find(&c->piece, &place);

        return rc != NGX_DECLINED && place.file == c->place.file
               ? NGX_OK : NGX_DECLINED;
    }

    ngx_http_elohim_disk_bad(&c->piece, &c->place);

    return NGX_DECLINED;
}


static ngx_http_elohim_check_t *
ngx_http_elohim_verify_find(ngx_http_elohim_disk_t *d, uint64_t file)
{
    ngx_queue_t              *q;
    ngx_http_elohim_check_t  *c;

    for (q = ngx_queue_head(&d->checks); q != ngx_queue_sentinel(&d->checks);
         q = ngx_queue_next(q))
    {
        c = ngx_queue_data(q, ngx_http_elohim_check_t, queue);

        if (c->place.file == file) {
            return c;
        }
    }

    return NULL;
}


#if (NGX_THREADS)

static void
ngx_http_elohim_verify_done(ngx_event_t *ev)
{
    ngx_int_t                  rc;
    ngx_queue_t               *q;
    ngx_http_elohim_check_t   *c;
    ngx_http_elohim_verify_t  *v;

    c = ev->data;
    rc = ngx_http_elohim_verify_judge(c);

    ngx_queue_remove(&c->queue);

    while (!ngx_queue_empty(&c->waiters)) {
        q = ngx_queue_head(&c->waiters);
        v = ngx_queue_data(q, ngx_http_elohim_verify_t, queue);

        ngx_http_elohim_disk_verify_leave(v);
        v->rc = rc;
        v->handler(v);
    }

    ngx_free((u_char *) c - sizeof(ngx_thread_task_t));
}


static ngx_int_t
ngx_http_elohim_verify_post(ngx_http_elohim_disk_t *d,
    ngx_http_elohim_verify_t *v)
{
    ngx_thread_task_t        *task;
    ngx_http_elohim_check_t  *c;

    task = ngx_alloc(sizeof(ngx_thread_task_t)
                     + sizeof(ngx_http_elohim_check_t), d->log);
    if (task == NULL) {
        return NGX_DECLINED;
    }

    ngx_memzero(task, sizeof(ngx_thread_task_t));

    c = (ngx_http_elohim_check_t *) (task + 1);
    c->disk = d;
    c->piece = v->piece;
    c->place = v->place;
    ngx_queue_init(&c->waiters);

    task->ctx = c;
    task->handler = ngx_http_elohim_verify_work;
    task->event.data = c;
    task->event.handler = ngx_http_elohim_verify_done;
    task->event.log = d->log;

    if (ngx_thread_task_post(d->threads, task) != NGX_OK) {
        ngx_free(task);
        return NGX_DECLINED;
    }

    ngx_queue_insert_tail(&d->checks, &c->queue);
    ngx_queue_insert_tail(&c->waiters, &v->queue);

    return NGX_AGAIN;
}

#else

static ngx_int_t
ngx_http_elohim_verify_post(ngx_http_elohim_disk_t *d,
    ngx_http_elohim_verify_t *v)
{
    ngx_http_elohim_check_t  *c;

    c = ngx_alloc(sizeof(ngx_http_elohim_check_t), d->log);
    if (c == NULL) {
        return NGX_DECLINED;
    }

    c->disk = d;
    c->piece = v->piece;
    c->place = v->place;

    ngx_http_elohim_verify_work(c, d->log);
    v->rc = ngx_http_elohim_verify_judge(c);

    ngx_free(c);

    return v->rc;
}

#endif


ngx_int_t
ngx_http_elohim_disk_verify(ngx_http_elohim_verify_t *v)
{
    ngx_http_elohim_disk_t   *d;
    ngx_http_elohim_check_t  *c;

    d = ngx_http_elohim_disk;
    v->rc = NGX_DECLINED;
    v->queue.next = NULL;

    if (d == NULL) {
        return NGX_DECLINED;
    }

    c = ngx_http_elohim_verify_find(d, v->place.file);

    if (c) {
        ngx_queue_insert_tail(&c->waiters, &v->queue);
        return NGX_AGAIN;
    }

    return ngx_http_elohim_verify_post(d, v);
}


void
ngx_http_elohim_disk_verify_leave(ngx_http_elohim_verify_t *v)
{
    if (v->queue.next) {
        ngx_queue_remove(&v->queue);
        v->queue.next = NULL;
    }
}
