/* SPDX-License-Identifier: BSD-2-Clause */
/* load: parts of a file of the store, before a client waits for them: read into memory,
   or asked of the kernel (posix_fadvise), so that a cold disk stalls nobody. On a
   thread of nginx's pool "default" if there is one (aio threads); else only what comes
   without waiting is read. */

#include "ngx_http_elohim_warm.h"


ngx_http_elohim_load_t *
ngx_http_elohim_load_create(const ngx_http_elohim_store_t *store,
    elo_slice_t name, size_t len)
{
    u_char                  *p;
    ngx_http_elohim_load_t  *l;

    if (store->root.len + 1 + name.len + 1 > NGX_MAX_PATH) {
        return NULL;
    }

    l = ngx_alloc(sizeof(ngx_http_elohim_load_t) + len, ngx_cycle->log);
    if (l == NULL) {
        return NULL;
    }

    l->n = 0;
    l->rc = NGX_DECLINED;
    l->len = len;

    p = ngx_cpymem(l->path, store->root.data, store->root.len);
    *p++ = '/';
    p = ngx_cpymem(p, name.p, name.len);
    *p = '\0';

    return l;
}


void
ngx_http_elohim_load_free(ngx_http_elohim_load_t *l)
{
    ngx_free(l);
}


/* may_wait: on a thread */

static ngx_int_t
ngx_http_elohim_load_read(ngx_http_elohim_load_t *l, ngx_fd_t fd,
    ngx_uint_t may_wait)
{
    ssize_t       n;
    struct iovec  iov;

    if (may_wait) {
        n = pread(fd, l->buf, l->len, l->parts[0].offset);
        return n == (ssize_t) l->len ? NGX_OK : NGX_DECLINED;
    }

    iov.iov_base = l->buf;
    iov.iov_len = l->len;
    n = preadv2(fd, &iov, 1, l->parts[0].offset, RWF_NOWAIT);

    if (n == (ssize_t) l->len) {
        return NGX_OK;
    }

    if (n >= 0 || ngx_errno == NGX_EAGAIN) {
        (void) posix_fadvise(fd, l->parts[0].offset, l->len,
                             POSIX_FADV_WILLNEED);
        return NGX_AGAIN;
    }

    return NGX_DECLINED;
}


static void
ngx_http_elohim_load_work(ngx_http_elohim_load_t *l, ngx_uint_t may_wait)
{
    ngx_fd_t    fd;
    ngx_uint_t  i;

    l->rc = NGX_DECLINED;

    fd = open((const char *) l->path,
              O_RDONLY|O_CLOEXEC|O_NOFOLLOW|O_NONBLOCK);
    if (fd == NGX_INVALID_FILE) {
        return;
    }

    if (l->len) {
        l->rc = ngx_http_elohim_load_read(l, fd, may_wait);

    } else {
        for (i = 0; i < l->n; i++) {
            (void) posix_fadvise(fd, l->parts[i].offset, l->parts[i].len,
                                 POSIX_FADV_WILLNEED);
        }

        l->rc = NGX_OK;
    }

    (void) ngx_close_file(fd);
}


#if (NGX_THREADS)

static void
ngx_http_elohim_load_thread(void *data, ngx_log_t *log)
{
    ngx_http_elohim_load_t **lp = data;

    ngx_http_elohim_load_work(*lp, 1);
}


static void
ngx_http_elohim_load_done(ngx_event_t *ev)
{
    ngx_thread_task_t       *task;
    ngx_http_elohim_load_t  *l;

    task = ev->data;
    l = *(ngx_http_elohim_load_t **) task->ctx;

    ngx_free(task);
    l->handler(l);
}


static ngx_int_t
ngx_http_elohim_load_post(ngx_http_elohim_load_t *l)
{
    ngx_str_t           name = ngx_string("default");
    ngx_thread_pool_t  *threads;
    ngx_thread_task_t  *task;

    threads = ngx_thread_pool_get((ngx_cycle_t *) ngx_cycle, &name);
    if (threads == NULL) {
        return NGX_DECLINED;
    }

    task = ngx_calloc(sizeof(ngx_thread_task_t) + sizeof(void *),
                      ngx_cycle->log);
    if (task == NULL) {
        return NGX_DECLINED;
    }

    task->ctx = task + 1;
    *(ngx_http_elohim_load_t **) task->ctx = l;
    task->handler = ngx_http_elohim_load_thread;
    task->event.data = task;
    task->event.handler = ngx_http_elohim_load_done;
    task->event.log = ngx_cycle->log;

    if (ngx_thread_task_post(threads, task) != NGX_OK) {
        ngx_free(task);
        return NGX_DECLINED;
    }

    return NGX_AGAIN;
}

#endif


ngx_int_t
ngx_http_elohim_load(ngx_http_elohim_load_t *l)
{
#if (NGX_THREADS)

    if (ngx_http_elohim_load_post(l) == NGX_AGAIN) {
        return NGX_AGAIN;
    }

#endif

    ngx_http_elohim_load_work(l, 0);

    return NGX_OK;
}
