/* SPDX-License-Identifier: BSD-2-Clause */
/* resident: what lies in the page cache already is sent by the worker itself, although
   "aio threads" is on: a thread is for what waits for a disk, and handing a range
   over to one and back costs as much as sending it. nginx can't tell the two apart;
   the kernel can (cachestat, Linux 6.5; newer ones only to who might write the file).
   Where it doesn't tell, short parts are read to see whether that would wait, which
   costs less than a thread, too; all else is a thread's as it was.

   A page that is still being read counts as cached, and a worker that sends it waits
   for the disk. So for a while after some of a file wasn't cached, nothing of that
   file is believed that wasn't read: short parts are, page by page, longer ones are a
   thread's. The kernel now and then misses a page that it is moving, so the rest of
   what is served mustn't pay for one file's doubt.

   What is looked at is what this pass of the filter may send, so a slow client's
   rest is looked at again when he takes it. Only short parts are: of a long one the
   socket takes a part each time, and looking at all of it would cost more. */

#include "ngx_http_elohim_module.h"


#define NGX_HTTP_ELOHIM_RESIDENT_MAX    (1024 * 1024) /* bytes looked at */
#define NGX_HTTP_ELOHIM_RESIDENT_READ   (64 * 1024)   /* bytes read, otherwise */
#define NGX_HTTP_ELOHIM_RESIDENT_PAGE   4096          /* at a time, over another */
#define NGX_HTTP_ELOHIM_RESIDENT_PAUSE  1000 /* ms, after it wasn't told */
#define NGX_HTTP_ELOHIM_RESIDENT_DOUBT  250  /* ms, longer than a read takes */
#define NGX_HTTP_ELOHIM_RESIDENT_DOUBTS 8    /* files; of more, any file */
#define NGX_HTTP_ELOHIM_CACHESTAT       451 /* its number on all machines */


#if (NGX_THREADS)

/* cachestat(2) */
typedef struct {
    uint64_t  off;
    uint64_t  len;
} ngx_http_elohim_cachestat_range_t;

typedef struct {
    uint64_t  cached;
    uint64_t  dirty;
    uint64_t  writeback;
    uint64_t  evicted;
    uint64_t  recently_evicted;
} ngx_http_elohim_cachestat_t;


static ngx_http_output_body_filter_pt  ngx_http_elohim_next_resident_filter;

/* worker: until then it isn't asked of files of the store, and of the cache, which
   may be another user's */
static ngx_msec_t  ngx_http_elohim_untold[2];

/* worker: files (by info.st_ino, which who opens them for us sets) of which pages may
   be being read, and until when; of any file, when more were in doubt at once */
static struct {
    ngx_file_uniq_t  file;
    ngx_msec_t       until;
} ngx_http_elohim_doubts[NGX_HTTP_ELOHIM_RESIDENT_DOUBTS];

static ngx_msec_t  ngx_http_elohim_doubt_last; /* of them all */
static ngx_msec_t  ngx_http_elohim_doubt_all;


static ngx_uint_t
ngx_http_elohim_is_before(ngx_msec_t until)
{
    return until && (ngx_msec_int_t) (ngx_current_msec - until) < 0;
}


static void
ngx_http_elohim_doubt(ngx_file_uniq_t file)
{
    ngx_msec_t  until;
    ngx_uint_t  i, at;

    until = ngx_current_msec + NGX_HTTP_ELOHIM_RESIDENT_DOUBT;
    ngx_http_elohim_doubt_last = until;
    at = NGX_HTTP_ELOHIM_RESIDENT_DOUBTS;

    for (i = 0; i < NGX_HTTP_ELOHIM_RESIDENT_DOUBTS; i++) {

        if (ngx_http_elohim_doubts[i].file == file) {
            at = i;
            break;
        }

        if (!ngx_http_elohim_is_before(ngx_http_elohim_doubts[i].until)) {
            at = i;
        }
    }

    if (at == NGX_HTTP_ELOHIM_RESIDENT_DOUBTS) {
        ngx_http_elohim_doubt_all = until;
        return;
    }

    ngx_http_elohim_doubts[at].file = file;
    ngx_http_elohim_doubts[at].until = until;
}


static ngx_uint_t
ngx_http_elohim_is_doubtful(ngx_file_uniq_t file)
{
    ngx_uint_t  i;

    if (!ngx_http_elohim_is_before(ngx_http_elohim_doubt_last)) {
        return 0;
    }

    if (ngx_http_elohim_is_before(ngx_http_elohim_doubt_all)) {
        return 1;
    }

    for (i = 0; i < NGX_HTTP_ELOHIM_RESIDENT_DOUBTS; i++) {

        if (ngx_http_elohim_doubts[i].file == file
            && ngx_http_elohim_is_before(ngx_http_elohim_doubts[i].until))
        {
            return 1;
        }
    }

    return 0;
}


/* Can it be read at once? */

static ngx_uint_t
ngx_http_elohim_is_read(ngx_fd_t fd, off_t from, off_t to)
{
    size_t         len, left;
    ngx_uint_t     n;
    struct iovec   iov[NGX_HTTP_ELOHIM_RESIDENT_READ
                       / NGX_HTTP_ELOHIM_RESIDENT_PAGE];

    static u_char  page[NGX_HTTP_ELOHIM_RESIDENT_PAGE];

    len = to - from;

    if (len > NGX_HTTP_ELOHIM_RESIDENT_READ) {
        return 0;
    }

    for (n = 0, left = len; left; n++) {
        iov[n].iov_base = page;
        iov[n].iov_len = ngx_min(left, sizeof(page));
        left -= iov[n].iov_len;
    }

    return preadv2(fd, iov, n, from, RWF_NOWAIT) == (ssize_t) len;
}


/* Can all of it be sent without waiting for a disk? */

static ngx_uint_t
ngx_http_elohim_is_resident(ngx_file_t *file, off_t from, off_t to,
    ngx_msec_t *untold)
{
    ngx_fd_t                           fd;
    ngx_http_elohim_cachestat_t        stat;
    ngx_http_elohim_cachestat_range_t  range;

    fd = file->fd;

    if (ngx_http_elohim_is_before(*untold)) {
        return ngx_http_elohim_is_read(fd, from, to);
    }

    range.off = from;
    range.len = to - from;

    if (syscall(NGX_HTTP_ELOHIM_CACHESTAT, fd, &range, &stat, 0) != 0) {
        *untold = ngx_current_msec + NGX_HTTP_ELOHIM_RESIDENT_PAUSE;
        return ngx_http_elohim_is_read(fd, from, to);
    }

    if (stat.cached < (uint64_t) ((to - 1) / (off_t) ngx_pagesize
                                  - from / (off_t) ngx_pagesize + 1))
    {
        ngx_http_elohim_doubt(ngx_file_uniq(&file->info));
        return 0;
    }

    if (ngx_http_elohim_is_doubtful(ngx_file_uniq(&file->info))) {
        return ngx_http_elohim_is_read(fd, from, to);
    }

    /* what others read isn't known of: of that the last page comes last */

    return ngx_http_elohim_is_read(fd, to - 1, to);
}


/* What of this chain comes from a file: NULL, or *n is the bytes of it. There is one
   file at most; two are more than is looked at. */

static ngx_file_t *
ngx_http_elohim_file_of(ngx_chain_t *cl, ngx_file_t *file, off_t *n)
{
    for ( /* void */ ; cl; cl = cl->next) {

        if (!cl->buf->in_file) {
            continue;
        }

        if (file && cl->buf->file != file) {
            *n = NGX_MAX_OFF_T_VALUE;
            return file;
        }

        file = cl->buf->file;

        if (*n <= NGX_HTTP_ELOHIM_RESIDENT_MAX) {
            *n += cl->buf->file_last - cl->buf->file_pos;
        }
    }

    return file;
}


static ngx_uint_t
ngx_http_elohim_is_chain_resident(ngx_chain_t *cl, ngx_msec_t *untold)
{
    ngx_buf_t  *b;

    for ( /* void */ ; cl; cl = cl->next) {
        b = cl->buf;

        if (b->in_file && b->file_pos < b->file_last
            && !ngx_http_elohim_is_resident(b->file, b->file_pos, b->file_last,
                                            untold))
        {
            return 0;
        }
    }

    return 1;
}


/* A thread that is sending, or has sent what isn't accounted for yet, goes on by
   itself. So does a connection that has other requests' bytes. */

static ngx_uint_t
ngx_http_elohim_may_send(ngx_http_request_t *r)
{
    ngx_thread_task_t  *task;

    task = r->connection->sendfile_task;

#if (NGX_HTTP_V2)
    if (r->stream) {
        return 0;
    }
#endif

    return r == r->main && r->connection->data == r && !r->aio
           && (task == NULL || (!task->event.active && !task->event.complete));
}


static void
ngx_http_elohim_choose_sender(ngx_http_request_t *r,
    ngx_http_elohim_ctx_t *ctx, ngx_chain_t *in)
{
    off_t        n;
    ngx_file_t  *file;
    ngx_msec_t  *untold;

    n = 0;
    file = ngx_http_elohim_file_of(r->out, NULL, &n);
    file = ngx_http_elohim_file_of(in, file, &n);

    if (file == NULL || file->directio) {
        return;
    }

    if (file->thread_handler) {
        ctx->thread_handler = file->thread_handler;
    }

    if (ctx->thread_handler == NULL) {
        return;
    }

    file->thread_handler = ctx->thread_handler;
    untold = &ngx_http_elohim_untold[ctx->pieces != NULL];

    if (n <= NGX_HTTP_ELOHIM_RESIDENT_MAX
        && ngx_http_elohim_is_chain_resident(r->out, untold)
        && ngx_http_elohim_is_chain_resident(in, untold))
    {
        file->thread_handler = NULL;
    }
}


static ngx_int_t
ngx_http_elohim_resident_filter(ngx_http_request_t *r, ngx_chain_t *in)
{
    ngx_http_elohim_ctx_t  *ctx;

    ctx = ngx_http_get_module_ctx(r, ngx_http_elohim_module);

    if (ctx && ngx_http_elohim_may_send(r)) {
        ngx_http_elohim_choose_sender(r, ctx, in);
    }

    return ngx_http_elohim_next_resident_filter(r, in);
}


void
ngx_http_elohim_add_resident_filter(void)
{
    ngx_http_elohim_next_resident_filter = ngx_http_top_body_filter;
    ngx_http_top_body_filter = ngx_http_elohim_resident_filter;
}

#else

void
ngx_http_elohim_add_resident_filter(void)
{
    /* all is sent by the worker */
}

#endif
