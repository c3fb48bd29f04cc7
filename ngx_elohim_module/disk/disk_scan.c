/* SPDX-License-Identifier: BSD-2-Clause */
/* disk_scan: reads the cache directory, after a start and whenever the index doesn't
   know it. One worker does so, between requests: it lists the files of pieces first,
   then enters what is whole, in the order in which it was written, as far as there
   is room. What is half goes; what isn't ours stays. A worker that dies in it is
   replaced by another one, which begins at the beginning. */

#include "ngx_http_elohim_disk.h"

#include "common/base/heap.h"


#define NGX_HTTP_ELOHIM_SCAN_FOLDERS  256
#define NGX_HTTP_ELOHIM_SCAN_BUDGET   10   /* ms that a step may take */
#define NGX_HTTP_ELOHIM_SCAN_FILES    64   /* between looks at the clock */
#define NGX_HTTP_ELOHIM_SCAN_DEAD     3000 /* ms without a step */
#define NGX_HTTP_ELOHIM_SCAN_SPARE    4096 /* files beyond those of an index */
#define NGX_HTTP_ELOHIM_SCAN_LIST     1024
#define NGX_HTTP_ELOHIM_SCAN_NS       1000000000


typedef struct {
    elo_heap_node_t  node; /* by mtime; first */
    uint64_t         file;
    uint64_t         size;
} ngx_http_elohim_listed_t;


/* Files in the order in which they were found; they don't move. */
typedef struct ngx_http_elohim_list_s  ngx_http_elohim_list_t;

struct ngx_http_elohim_list_s {
    ngx_http_elohim_list_t    *next;
    ngx_uint_t                 n;
    ngx_http_elohim_listed_t   file[NGX_HTTP_ELOHIM_SCAN_LIST];
};


typedef struct {
    uint64_t                 id; /* of the index that it is read for */
    ngx_uint_t               folder;
    ngx_dir_t                dir;
    ngx_http_elohim_list_t  *list;
    elo_heap_t               heap; /* those that aren't entered yet */
    ngx_uint_t               n;
    uint64_t                 bytes;
    ngx_uint_t               entered;
    ngx_uint_t               dropped;
    ngx_uint_t               strangers;
    unsigned                 is_open:1;
    unsigned                 is_listed:1;
} ngx_http_elohim_scan_t;


static void
ngx_http_elohim_scan_free(ngx_http_elohim_disk_t *d)
{
    ngx_http_elohim_list_t  *list;
    ngx_http_elohim_scan_t  *s;

    s = d->scan;

    if (s == NULL) {
        return;
    }

    if (s->is_open) {
        (void) ngx_close_dir(&s->dir);
    }

    elo_heap_dispose(&s->heap);

    while (s->list) {
        list = s->list;
        s->list = list->next;
        ngx_free(list);
    }

    ngx_free(s);
    d->scan = NULL;
}


/* Is it this worker's? Becomes it when nobody's is. */

static ngx_uint_t
ngx_http_elohim_scan_mine(ngx_http_elohim_disk_t *d,
    ngx_http_elohim_index_t *x)
{
    uint32_t                 now;
    ngx_uint_t               mine;
    ngx_http_elohim_scan_t  *s;

    now = (uint32_t) ngx_current_msec;

    if (!x->scan || (ngx_exiting && d->scan == NULL)) {
        ngx_http_elohim_scan_free(d);
        return 0;
    }

    (void) ngx_http_elohim_disk_lock(d);

    s = d->scan;
    mine = x->held && x->scan && s && x->scanner == ngx_pid && s->id == x->id;

    if (mine && ngx_exiting) {
        x->scanner = 0;
        mine = 0;
        ngx_http_elohim_scan_free(d);

    } else if (mine) {
        x->scan_beat = now;

    } else {
        ngx_http_elohim_scan_free(d);

        if (x->held && x->scan
            && (x->scanner == 0 || x->scanner == ngx_pid
                || now - x->scan_beat > NGX_HTTP_ELOHIM_SCAN_DEAD))
        {
            s = ngx_calloc(sizeof(ngx_http_elohim_scan_t), d->log);

            if (s) {
                s->id = x->id;
                d->scan = s;
                x->scanner = ngx_pid;
                x->scan_beat = now;
                x->is_counted = 0;
                x->unread = 0;
                mine = 1;
            }
        }
    }

    ngx_http_elohim_disk_unlock(d);

    return mine;
}


/* ---- listing ---- */

static void
ngx_http_elohim_scan_path(ngx_http_elohim_disk_t *d, ngx_uint_t folder,
    u_char *path)
{
    *ngx_sprintf(path, "%V/%02xi", &d->path->name, folder) = '\0';
}


static void
ngx_http_elohim_scan_stranger(ngx_http_elohim_disk_t *d,
    ngx_http_elohim_scan_t *s, ngx_uint_t folder, const u_char *name)
{
    if (s->strangers++ == 0) {
        ngx_log_error(NGX_LOG_WARN, d->log, 0,
                      "elohim cache \"%V\": \"%02xi/%s\" is no file of the "
                      "cache, such are left alone", &d->path->name, folder,
                      name);
    }
}


static ngx_http_elohim_listed_t *
ngx_http_elohim_scan_add(ngx_http_elohim_disk_t *d, ngx_http_elohim_scan_t *s)
{
    ngx_http_elohim_list_t  *list;

    list = s->list;

    if (s->n >= d->n_recs + NGX_HTTP_ELOHIM_SCAN_SPARE
        || elo_heap_reserve(&s->heap, s->n + 1) != ELO_OK)
    {
        return NULL;
    }

    if (list == NULL || list->n == NGX_HTTP_ELOHIM_SCAN_LIST) {
        list = ngx_alloc(sizeof(ngx_http_elohim_list_t), d->log);
        if (list == NULL) {
            return NULL;
        }

        list->n = 0;
        list->next = s->list;
        s->list = list;
    }

    s->n++;

    return &list->file[list->n++];
}


static void
ngx_http_elohim_scan_file(ngx_http_elohim_disk_t *d,
    ngx_http_elohim_scan_t *s, const char *name)
{
    size_t                     len;
    uint64_t                   file;
    struct stat                st;
    ngx_http_elohim_place_t    place;
    ngx_http_elohim_listed_t  *f;

    len = ngx_strlen(name);

    if (name[0] == '.' && (len == 1 || (len == 2 && name[1] == '.'))) {
        return;
    }

    if (!elo_piece_name_parse(elo_slice(name, len), (uint8_t) s->folder,
                              &file))
    {
        ngx_http_elohim_scan_stranger(d, s, s->folder, (u_char *) name);
        return;
    }

    ngx_http_elohim_disk_name(d, file, &place);

    if (lstat((const char *) place.path, &st) == -1) {
        return;
    }

    if (!S_ISREG(st.st_mode)) {
        ngx_http_elohim_scan_stranger(d, s, s->folder, (u_char *) name);
        return;
    }

    f = ngx_http_elohim_scan_add(d, s);

    if (f == NULL) {
        /* more than an index could hold, by far */
        (void) ngx_http_elohim_disk_lock(d);
        ngx_http_elohim_disk_give_up(ngx_http_elohim_disk_index(d), file);
        ngx_http_elohim_disk_unlock(d);
        return;
    }

    ngx_memzero(f, sizeof(ngx_http_elohim_listed_t));
    f->node.at = (int64_t) st.st_mtim.tv_sec * NGX_HTTP_ELOHIM_SCAN_NS
                 + st.st_mtim.tv_nsec;
    f->file = file;
    f->size = (uint64_t) st.st_size;

    s->bytes += f->size;
    elo_heap_push(&s->heap, &f->node);
}


/* All is listed: from here on what isn't read yet counts (I3). */

static void
ngx_http_elohim_scan_listed(ngx_http_elohim_disk_t *d,
    ngx_http_elohim_scan_t *s)
{
    ngx_http_elohim_index_t  *x;

    x = ngx_http_elohim_disk_lock(d);

    if (x->id == s->id) {
        x->unread = s->bytes;
        x->is_counted = 1;
    }

    ngx_http_elohim_disk_unlock(d);

    s->is_listed = 1;
}


/* One folder's next name; its end leads to the next folder. */

static void
ngx_http_elohim_scan_list(ngx_http_elohim_disk_t *d,
    ngx_http_elohim_scan_t *s)
{
    u_char     path[NGX_MAX_PATH];
    ngx_str_t  name;

    if (s->is_open) {
        ngx_set_errno(0);

        if (ngx_read_dir(&s->dir) == NGX_OK) {
            ngx_http_elohim_scan_file(d, s, (char *) ngx_de_name(&s->dir));
            return;
        }

        (void) ngx_close_dir(&s->dir);
        s->is_open = 0;
        s->folder++;
    }

    if (s->folder == NGX_HTTP_ELOHIM_SCAN_FOLDERS) {
        ngx_http_elohim_scan_listed(d, s);
        return;
    }

    ngx_http_elohim_scan_path(d, s->folder, path);
    name.data = path;
    name.len = ngx_strlen(path);

    if (ngx_open_dir(&name, &s->dir) == NGX_OK) {
        s->is_open = 1;
        return;
    }

    if (ngx_errno != NGX_ENOENT && ngx_errno != NGX_ENOTDIR) {
        ngx_log_error(NGX_LOG_ERR, d->log, ngx_errno,
                      "elohim cache: \"%s\" can't be read", path);
    }

    s->folder++;
}


/* ---- entering ---- */

/* The foot of a whole file, and what the file system says of it. NGX_DECLINED: it is
   no piece. */

static ngx_int_t
ngx_http_elohim_scan_read(ngx_http_elohim_disk_t *d, uint64_t file,
    elo_piece_foot_t *h, ngx_file_info_t *fi)
{
    uint8_t                  buf[ELO_PIECE_FOOT];
    ngx_fd_t                 fd;
    ngx_int_t                rc;
    ngx_http_elohim_place_t  place;

    ngx_http_elohim_disk_name(d, file, &place);

    fd = open((const char *) place.path,
              O_RDONLY|O_CLOEXEC|O_NOFOLLOW|O_NONBLOCK);
    if (fd == NGX_INVALID_FILE) {
        return NGX_DECLINED;
    }

    rc = ngx_fd_info(fd, fi) != NGX_FILE_ERROR
         && ngx_is_file(fi)
         && ngx_file_size(fi) > (off_t) ELO_PIECE_FOOT
         && pread(fd, buf, sizeof(buf), ngx_file_size(fi) - ELO_PIECE_FOOT)
            == (ssize_t) sizeof(buf)
         && elo_piece_foot_parse(buf, h) == ELO_OK
         && h->file == file
         && ngx_file_size(fi) == (off_t) ELO_PIECE_FOOT + h->len
         ? NGX_OK
         : NGX_DECLINED;

    (void) ngx_close_file(fd);

    return rc;
}


/* Under the lock. True: it is in the index. */

static ngx_uint_t
ngx_http_elohim_scan_put(ngx_http_elohim_disk_t *d,
    ngx_http_elohim_index_t *x, const elo_piece_foot_t *h,
    ngx_file_info_t *fi)
{
    uint32_t                  slot;
    uint64_t                  aux;
    elo_tier_t               *t;
    elo_cache_key_t           key;
    elo_tier_item_t           item;
    ngx_http_elohim_rec_t    *rec, was;
    ngx_http_elohim_piece_t   piece;

    ngx_memzero(&was, sizeof(ngx_http_elohim_rec_t));
    was.digest = h->digest;
    was.size = h->size;
    was.file = h->file;
    was.uniq = ngx_file_uniq(fi);
    was.mtime = ngx_file_mtime(fi);
    was.index = h->index;
    was.len = h->len;
    was.used = ngx_http_elohim_disk_now();
    was.klass = h->klass;

    if (!ngx_http_elohim_disk_is_good(d, &was)) {
        /* (I4) */
        return 0;
    }

    piece.digest = h->digest;
    piece.size = h->size;
    piece.index = h->index;
    piece.len = h->len;
    piece.klass = h->klass;

    t = ngx_http_elohim_disk_tier(d, ngx_http_elohim_disk_tier_of(&piece));
    ngx_http_elohim_disk_key(d, &piece, &key);

    if (elo_tier_get(t, &key, &item)) {
        return item.ref == h->file;
    }

    if (ngx_http_elohim_disk_is_filled(x, &key, NULL)) {
        /* it is being replaced */
        return 0;
    }

    if (elo_tier_reserve(t, &key, h->klass, (uint64_t) ELO_PIECE_FOOT + h->len,
                         ngx_http_elohim_disk_gone(d), &slot)
        != ELO_OK)
    {
        return 0;
    }

    aux = ngx_http_elohim_disk_new_rec(d);
    rec = ngx_http_elohim_disk_rec(d, aux);

    if (rec == NULL) {
        elo_tier_cancel(t, slot);
        return 0;
    }

    *rec = was;

    ngx_memzero(&item, sizeof(elo_tier_item_t));
    item.ref = h->file;
    item.aux = aux;

    return elo_tier_publish(t, slot, &item);
}


static void
ngx_http_elohim_scan_enter(ngx_http_elohim_disk_t *d,
    ngx_http_elohim_scan_t *s)
{
    ngx_int_t                        rc;
    ngx_uint_t                       busy;
    ngx_file_info_t                  fi;
    elo_piece_foot_t                 h;
    ngx_http_elohim_index_t         *x;
    const ngx_http_elohim_listed_t  *f;

    f = (ngx_http_elohim_listed_t *) elo_heap_first(&s->heap);
    elo_heap_remove(&s->heap, elo_heap_first(&s->heap));

    /* One that is being filled is its writer's. One that was is whole by now, or
       unlinked. */

    x = ngx_http_elohim_disk_lock(d);
    busy = ngx_http_elohim_disk_by_file(x, f->file) != NULL;
    ngx_http_elohim_disk_unlock(d);

    rc = busy ? NGX_OK : ngx_http_elohim_scan_read(d, f->file, &h, &fi);

    x = ngx_http_elohim_disk_lock(d);

    if (x->id == s->id) {
        x->unread -= ngx_min(x->unread, f->size);

        if (busy) {
            /* nothing */

        } else if (rc == NGX_OK && ngx_http_elohim_scan_put(d, x, &h, &fi)) {
            s->entered++;

        } else {
            ngx_http_elohim_disk_give_up(x, f->file);
            s->dropped++;
        }
    }

    ngx_http_elohim_disk_unlock(d);
}


static void
ngx_http_elohim_scan_done(ngx_http_elohim_disk_t *d,
    ngx_http_elohim_scan_t *s)
{
    ngx_http_elohim_index_t  *x;

    x = ngx_http_elohim_disk_lock(d);

    if (x->id == s->id) {
        x->scan = 0;
        x->scanner = 0;
        x->unread = 0;
        /* what purges made stale has been left out: the next walk may say so */
        x->purges++;
    }

    ngx_http_elohim_disk_unlock(d);

    ngx_log_error(NGX_LOG_INFO, d->log, 0,
                  "elohim cache \"%V\": %ui pieces found, %ui files dropped",
                  &d->path->name, s->entered, s->dropped);

    ngx_http_elohim_scan_free(d);
    ngx_http_elohim_disk_keep_empty(d);
}


void
ngx_http_elohim_disk_scan(ngx_http_elohim_disk_t *d)
{
    ngx_uint_t               n;
    ngx_msec_t               until;
    ngx_http_elohim_scan_t  *s;

    if (!ngx_http_elohim_scan_mine(d, ngx_http_elohim_disk_index(d))) {
        return;
    }

    s = d->scan;
    until = ngx_current_msec + NGX_HTTP_ELOHIM_SCAN_BUDGET;

    do {
        for (n = 0; n < NGX_HTTP_ELOHIM_SCAN_FILES; n++) {

            if (!s->is_listed) {
                ngx_http_elohim_scan_list(d, s);

            } else if (elo_heap_first(&s->heap)) {
                ngx_http_elohim_scan_enter(d, s);

            } else {
                ngx_http_elohim_disk_unlink(d, NGX_HTTP_ELOHIM_DISK_GONE);
                ngx_http_elohim_scan_done(d, s);
                return;
            }
        }

        ngx_http_elohim_disk_unlink(d, NGX_HTTP_ELOHIM_DISK_GONE);
        ngx_time_update();

    } while ((ngx_msec_int_t) (until - ngx_current_msec) > 0);
}
