/* SPDX-License-Identifier: BSD-2-Clause */
/* gen: the daemon's generation page as a worker maps it, and whether a cached
   answer still holds by it. The page: common/cache/generation.h.

   A page whose heart beats is current. When it has stopped, the daemon may have
   ended, or may have started again over another file: the name is looked at
   again, a few times a second and never more often. */

#include "ngx_http_elohim_module.h"

#include <sys/mman.h>


#define NGX_HTTP_ELOHIM_STALE_BEAT  250 /* ms */
#define NGX_HTTP_ELOHIM_DEAD_BEAT   900 /* ms; a change holds in a second */
#define NGX_HTTP_ELOHIM_STAT_PAUSE  500 /* ms; with the beat below a second */
#define NGX_HTTP_ELOHIM_NS_MS       1000000
#define NGX_HTTP_ELOHIM_NS_US       1000
#define NGX_HTTP_ELOHIM_GEN_LATE    UINT32_MAX


static void ngx_http_elohim_gen_refresh(ngx_http_elohim_store_t *store,
    ngx_log_t *log);
static void ngx_http_elohim_gen_unmap(ngx_http_elohim_store_t *store);


static ngx_inline ngx_uint_t
ngx_http_elohim_gen_beats(ngx_http_elohim_store_t *store, ngx_msec_t within)
{
    uint64_t  beat, now;

    beat = __atomic_load_n(&store->page->heartbeat_ns, __ATOMIC_RELAXED)
           / NGX_HTTP_ELOHIM_NS_MS;
    now = ngx_current_msec; /* CLOCK_MONOTONIC as well */

    /* nginx's clock stands still within one round of its loop; a beat far
       ahead of it is from before the machine started */
    return beat != 0
           && (now <= beat ? beat - now : now - beat)
              < within;
}


static ngx_inline void
ngx_http_elohim_gen_look(ngx_http_elohim_store_t *store, ngx_log_t *log)
{
    if (store->page != NULL
        && ngx_http_elohim_gen_beats(store, NGX_HTTP_ELOHIM_STALE_BEAT))
    {
        return;
    }

    if (store->next_stat
        && (ngx_msec_int_t) (store->next_stat - ngx_current_msec) > 0)
    {
        return;
    }

    store->next_stat = ngx_current_msec + NGX_HTTP_ELOHIM_STAT_PAUSE;
    ngx_http_elohim_gen_refresh(store, log);
}


/* What the page is now, for an answer that is about to be asked for. */

ngx_int_t
ngx_http_elohim_gen_stamp(ngx_http_elohim_store_t *store,
    ngx_http_elohim_stamp_t *stamp, ngx_log_t *log)
{
    ngx_http_elohim_gen_look(store, log);

    if (store->page == NULL) {
        return NGX_DECLINED;
    }

    stamp->has_agent = 0;
    stamp->store_id = store->page->store_id;
    stamp->epoch = __atomic_load_n(&store->page->epoch, __ATOMIC_ACQUIRE);

    return NGX_OK;
}


ngx_uint_t
ngx_http_elohim_gen_valid(ngx_http_elohim_store_t *store,
    const ngx_http_elohim_stamp_t *stamp, ngx_log_t *log)
{
    ngx_http_elohim_gen_look(store, log);

    return store->page != NULL && ngx_http_elohim_gen_is(store, stamp);
}


/* The same of a page that is mapped. */

ngx_uint_t
ngx_http_elohim_gen_is(const ngx_http_elohim_store_t *store,
    const ngx_http_elohim_stamp_t *stamp)
{
    return stamp->slot < ELO_GEN_SLOTS
           && stamp->store_id == store->page->store_id
           && stamp->epoch
              == __atomic_load_n(&store->page->epoch, __ATOMIC_ACQUIRE)
           && stamp->generation == elo_gen_load(store->page, stamp->slot)
           && (!stamp->has_agent
               || (stamp->agent_slot < ELO_GEN_SLOTS
                   && stamp->agent_generation
                      == elo_gen_load(store->page, stamp->agent_slot)));
}


/* What is decided by who asks is as old as the last beat. */

ngx_uint_t
ngx_http_elohim_gen_current(ngx_http_elohim_store_t *store, ngx_log_t *log)
{
    ngx_http_elohim_gen_look(store, log);

    return store->page != NULL
           && ngx_http_elohim_gen_beats(store, NGX_HTTP_ELOHIM_DEAD_BEAT);
}


uint64_t
ngx_http_elohim_gen_age(ngx_http_elohim_store_t *store, ngx_log_t *log)
{
    uint64_t  beat, now;

    ngx_http_elohim_gen_look(store, log);

    if (store->page == NULL) {
        return NGX_HTTP_ELOHIM_NO_BEAT;
    }

    beat = __atomic_load_n(&store->page->heartbeat_ns, __ATOMIC_RELAXED)
           / NGX_HTTP_ELOHIM_NS_US;
    now = ngx_http_elohim_us();

    return now > beat ? now - beat : 0;
}


/* Is the page another store's than the one that the answer is from? A slot only
   ever counts up, from a random value in each store: an answer that is merely
   late is a few counts behind. */

ngx_uint_t
ngx_http_elohim_gen_alien(ngx_http_elohim_store_t *store,
    const ngx_http_elohim_stamp_t *stamp)
{
    return store->page != NULL
           && stamp->slot < ELO_GEN_SLOTS
           && elo_gen_load(store->page, stamp->slot) - stamp->generation
              > NGX_HTTP_ELOHIM_GEN_LATE;
}


/* Maps the file that bears the name now, unless it is mapped already. */

static void
ngx_http_elohim_gen_refresh(ngx_http_elohim_store_t *store, ngx_log_t *log)
{
    void             *map;
    size_t            len;
    u_char            path[NGX_MAX_PATH], *end;
    ngx_fd_t          fd;
    ngx_file_info_t   fi;

    if (store->root.len + sizeof("/" ELO_GEN_FILE) > sizeof(path)) {
        return;
    }

    end = ngx_cpymem(path, store->root.data, store->root.len);
    ngx_memcpy(end, "/" ELO_GEN_FILE, sizeof("/" ELO_GEN_FILE));

    if (store->page != NULL && ngx_file_info(path, &fi) != NGX_FILE_ERROR
        && ngx_file_uniq(&fi) == store->uniq)
    {
        return;
    }

    fd = ngx_open_file(path, NGX_FILE_RDONLY|NGX_FILE_NONBLOCK, NGX_FILE_OPEN,
                       0);
    if (fd == NGX_INVALID_FILE) {
        /* A daemon that is merely away leaves its page behind. */
        if (ngx_errno != NGX_ENOENT) {
            ngx_log_error(NGX_LOG_WARN, log, ngx_errno,
                          ngx_open_file_n " \"%s\" failed", path);
        }

        return;
    }

    len = sizeof(elo_gen_page_t);

    if (ngx_fd_info(fd, &fi) == NGX_FILE_ERROR || !ngx_is_file(&fi)
        || ngx_file_size(&fi) < (off_t) len)
    {
        /* it is only being made */
        (void) ngx_close_file(fd);
        return;
    }

    map = mmap(NULL, len, PROT_READ, MAP_SHARED, fd, 0);

    (void) ngx_close_file(fd);

    if (map == MAP_FAILED) {
        ngx_log_error(NGX_LOG_WARN, log, ngx_errno, "mmap(\"%s\") failed",
                      path);
        return;
    }

    if (!elo_gen_page_ok(map, len)) {
        (void) munmap(map, len);
        return;
    }

    ngx_http_elohim_gen_unmap(store);

    store->page = map;
    store->page_len = len;
    store->uniq = ngx_file_uniq(&fi);
}


static void
ngx_http_elohim_gen_unmap(ngx_http_elohim_store_t *store)
{
    union {
        const void  *in;
        void        *out;
    } page;

    if (store->page != NULL) {
        page.in = store->page;
        (void) munmap(page.out, store->page_len);
        store->page = NULL;
    }
}
