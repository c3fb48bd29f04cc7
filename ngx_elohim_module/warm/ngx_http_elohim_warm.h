/* SPDX-License-Identifier: BSD-2-Clause */
/* ngx_http_elohim_warm: what is taken in before a client asks for it: the daemon's lists
   (warm, warm_item), and the next segments of who is watching (next); what both stand
   on: descriptors without a request (ahead), and reads of the store's files (load). */
#ifndef NGX_HTTP_ELOHIM_WARM_H
#define NGX_HTTP_ELOHIM_WARM_H

#include "ngx_http_elohim_disk.h"

#include "common/http/warm_list.h"

#define NGX_HTTP_ELOHIM_WARM_SOURCES  16 /* daemons and stores */
#define NGX_HTTP_ELOHIM_WARM_FILLS    4  /* of each at a time */
#define NGX_HTTP_ELOHIM_WARM_LINES    8  /* that are asked for at a time */

/* ---- ahead: a descriptor of commons to neighborhood, and none that is deprecated or
   older: those aren't taken in ahead, nor handed out here. ---- */

typedef struct ngx_http_elohim_ahead_s ngx_http_elohim_ahead_t;
struct ngx_http_elohim_ahead_s {
    ngx_http_elohim_listener_t listener; /* must be first */
    void (*handler)(ngx_http_elohim_ahead_t *a); /* msg is there, or its len is 0 */
    void *data;
    ngx_http_elohim_loc_conf_t *elcf;
    ngx_pool_t *pool; /* of its owner: holds msg */
    ngx_http_elohim_key_t key;
    ngx_http_elohim_stamp_t stamp; /* of msg */
    ngx_str_t msg;
    elo_cache_class_t klass; /* of msg */
};

/* handler, data, elcf and pool are set. Of a blob the grant, of a segment the recipe,
   from the zone, else from the daemon, and then it is in the zone. NGX_OK: a->msg;
   NGX_AGAIN: the handler is called, never from within; NGX_BUSY: somebody else is just
   asking; NGX_DECLINED: it can't be had, or isn't to be. */
ngx_int_t ngx_http_elohim_ahead(ngx_http_elohim_ahead_t *a,
    const elo_route_t *route);

/* ---- load: extents of a file of the store ---- */

#define NGX_HTTP_ELOHIM_LOAD_PARTS  16

typedef struct ngx_http_elohim_load_s ngx_http_elohim_load_t;
struct ngx_http_elohim_load_s {
    void (*handler)(ngx_http_elohim_load_t *l);
    void *data;
    elo_extent_t parts[NGX_HTTP_ELOHIM_LOAD_PARTS];
    ngx_uint_t n;
    ngx_int_t rc; /* NGX_OK; NGX_AGAIN: not without waiting, try again; NGX_DECLINED */
    size_t len;   /* of buf; 0: the kernel is told that they are wanted soon */
    u_char path[NGX_MAX_PATH];
    u_char buf[];
};

/* len: of the only part, which is then read. NULL: no memory, or no such path. */
ngx_http_elohim_load_t *ngx_http_elohim_load_create(
    const ngx_http_elohim_store_t *store, elo_slice_t name, size_t len);
/* On a thread, where nginx has any: NGX_AGAIN: the handler is called. NGX_OK: it is
   done. Who asked frees it. */
ngx_int_t ngx_http_elohim_load(ngx_http_elohim_load_t *l);
void ngx_http_elohim_load_free(ngx_http_elohim_load_t *l);

/* ---- warm ---- */

/* What all workers share. Of a source one of them has the turn, for as long as he
   renews it; place is his to write, into the copy that isn't in use. */
typedef struct {
    ngx_atomic_t owner; /* pid; 0: nobody */
    ngx_atomic_t until; /* ms: then anybody may take it */
    ngx_atomic_t copy;  /* of place */
    ngx_uint_t used;
    u_char ns[NGX_HTTP_ELOHIM_NS_LEN];
    u_char place[2][ELO_WARM_PLACE_MAX];
    size_t place_len[2];
} ngx_http_elohim_turn_t;

typedef struct {
    elo_warm_item_t item; /* borrows from the list */
    elo_grant_t grant;    /* borrows from pool */
    uint64_t piece, end;
    ngx_uint_t tries;
    ngx_pool_t *pool;
} ngx_http_elohim_warm_line_t;

typedef enum {
    NGX_HTTP_ELOHIM_WARM_REST = 0, /* until next */
    NGX_HTTP_ELOHIM_WARM_ASKING,   /* for a list */
    NGX_HTTP_ELOHIM_WARM_LINE,     /* the next one is to be begun */
    NGX_HTTP_ELOHIM_WARM_OPEN,     /* the line's grant is to be had */
    NGX_HTTP_ELOHIM_WARM_OPENING,  /* it is asked for */
    NGX_HTTP_ELOHIM_WARM_BODY,     /* the bytes are to be read */
    NGX_HTTP_ELOHIM_WARM_READING,
    NGX_HTTP_ELOHIM_WARM_PIECES,   /* pieces are to be begun */
} ngx_http_elohim_warm_step_e;

typedef struct ngx_http_elohim_warm_s ngx_http_elohim_warm_t;

typedef struct {
    ngx_http_elohim_follow_t follow;
    ngx_http_elohim_warm_t *warm;
    ngx_msec_t retry; /* when it is busy, and isn't followed */
    ngx_uint_t tries;
    unsigned busy:1;
    u_char question[sizeof("/internal/v1/chunk/") + ELO_ADDR_CANON_LEN + 1
                    + NGX_INT32_LEN + sizeof("?reach=neighborhood")];
} ngx_http_elohim_warm_fill_t;

/* A source, in this worker. */
struct ngx_http_elohim_warm_s {
    ngx_http_elohim_listener_t listener; /* of lists; must be first */
    ngx_http_elohim_loc_conf_t *elcf;
    ngx_http_elohim_main_conf_t *emcf;
    ngx_http_elohim_turn_t *turn;
    ngx_http_elohim_warm_step_e step;
    ngx_msec_t next;
    ngx_pool_t *pool; /* of the list */
    elo_warm_list_t list;
    ngx_uint_t n_lines; /* of it so far */
    ngx_http_elohim_ahead_t ahead;
    ngx_http_elohim_load_t *load;
    ngx_http_elohim_warm_line_t line;
    ngx_http_elohim_warm_fill_t fills[NGX_HTTP_ELOHIM_WARM_FILLS];
    ngx_uint_t n_fills;
    ngx_uint_t bodies, pieces, left; /* since the last line of the log */
    unsigned running:1;
    unsigned told:1; /* that lists can't be read */
};

ngx_int_t ngx_http_elohim_add_warm_zone(ngx_conf_t *cf,
    ngx_http_elohim_main_conf_t *emcf);
ngx_int_t ngx_http_elohim_add_warm_source(ngx_conf_t *cf,
    ngx_http_elohim_loc_conf_t *elcf);
ngx_int_t ngx_http_elohim_warm_start(ngx_cycle_t *cycle,
    ngx_http_elohim_main_conf_t *emcf);
/* stop: it ends its turns; exit: it ends. */
void ngx_http_elohim_warm_stop(void);
void ngx_http_elohim_warm_exit(void);
/* Clients found no room among the fills: what nobody waits for stops for a moment. */
void ngx_http_elohim_warm_crowded(void);

/* Goes on with what there is to do: something has come. */
void ngx_http_elohim_warm_go(ngx_http_elohim_warm_t *w);

/* warm_item: a step of the line. NGX_OK: and on; NGX_AGAIN: go is called; NGX_BUSY: at
   the next look. */
ngx_int_t ngx_http_elohim_warm_line(ngx_http_elohim_warm_t *w);
/* Fills that were to be tried again. */
void ngx_http_elohim_warm_retry(ngx_http_elohim_warm_t *w);
void ngx_http_elohim_warm_drop(ngx_http_elohim_warm_t *w);

/* next: marks, in the memory that workers share; a request for a segment that was
   allowed. */
#define NGX_HTTP_ELOHIM_MARKS  2048
void ngx_http_elohim_next_start(ngx_atomic_t *marks,
    ngx_http_elohim_main_conf_t *emcf);
void ngx_http_elohim_next(ngx_http_request_t *r, ngx_http_elohim_ctx_t *ctx,
    const elo_wire_head_t *head);

#endif
