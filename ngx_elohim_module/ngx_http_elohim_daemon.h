/* SPDX-License-Identifier: BSD-2-Clause */
/* ngx_http_elohim_daemon: the daemon as the module sees it: its socket, its
   generation page, and the answers of its that the zone keeps. */
#ifndef NGX_HTTP_ELOHIM_DAEMON_H
#define NGX_HTTP_ELOHIM_DAEMON_H

#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#include "common/base/cid.h"
#include "common/base/err.h"
#include "common/cache/generation.h"
#include "common/cache/tier.h"
#include "common/http/wire.h"

/* A cache key: type, name space of (backend, store), then the name itself: a
   digest, an id, or id/version/track/number. */
#define NGX_HTTP_ELOHIM_NS_LEN     16
#define NGX_HTTP_ELOHIM_KEY_MAX    (1 + NGX_HTTP_ELOHIM_NS_LEN + 192)
#define NGX_HTTP_ELOHIM_BACKENDS   64 /* bits of the shared "away" word */
#define NGX_HTTP_ELOHIM_HEAD_LEN   (8 + 4 + 1 + 1) /* head_t of wire.h */
#define NGX_HTTP_ELOHIM_HEAD_REACH (8 + 4)         /* where in it reach is */

typedef struct ngx_http_elohim_ctx_s ngx_http_elohim_ctx_t;
typedef struct ngx_http_elohim_question_s ngx_http_elohim_question_t;

typedef struct {
    size_t len;
    u_char data[NGX_HTTP_ELOHIM_KEY_MAX];
} ngx_http_elohim_key_t;

/* What a cached answer depends on. */
typedef struct {
    uint64_t store_id;
    uint64_t epoch;
    uint64_t generation;
    uint64_t agent_generation; /* with has_agent, as is the next */
    uint32_t slot, agent_slot;
    uint32_t expires; /* of one that was found: seconds of the zone's clock */
    unsigned has_agent:1;
} ngx_http_elohim_stamp_t;

/* The daemon's store as a worker sees it. */
typedef struct {
    ngx_str_t root; /* without a final slash */

    /* worker */
    const elo_gen_page_t *page; /* NULL: not mapped */
    size_t page_len;
    ngx_file_uniq_t uniq;
    ngx_msec_t next_stat;
} ngx_http_elohim_store_t;

/* One answer of the daemon, taken apart as far as it is framed. */
typedef struct {
    ngx_uint_t status;
    size_t length;
    uint64_t size;       /* X-Elohim-Size, when has_size */
    time_t retry_after;  /* s; 0: it isn't said */
    elo_digest_t digest; /* X-Elohim-Digest, when has_digest */
    unsigned is_wire:1;
    unsigned close:1;
    unsigned has_size:1;
    unsigned has_digest:1;
} ngx_http_elohim_reply_t;

/* The daemon's socket, and this worker's kept connection to it. */
typedef struct {
    ngx_addr_t addr;
    ngx_uint_t index;
    ngx_http_upstream_srv_conf_t *upstream;
    ngx_shm_zone_t *zone;

    /* worker */
    ngx_connection_t *connection;
    ngx_rbtree_t questions; /* by path */
    ngx_rbtree_node_t sentinel;
    ngx_queue_t pending; /* questions that are not sent */
    ngx_queue_t sent;    /* in the order of their answers */
    ngx_uint_t n_sent;
    ngx_event_t retry; /* posted: to write; timer: the socket's backlog was full */
    ngx_http_elohim_reply_t reply;
    size_t got; /* bytes of the body so far */
    ngx_buf_t *in;
    ngx_buf_t *out;
    ngx_msec_t keys_asked;  /* because of a key that isn't known; 0: never */
    ngx_msec_t no_auth;     /* it knew no sessions then; 0: never */
    ngx_msec_t rate_last;
    ngx_uint_t rate_excess; /* thousandths of questions beyond the rate */
    ngx_uint_t n_passed[2]; /* connections of what is passed on: long, short */
    ngx_msec_t full_told;   /* when the log heard of too many; 0: never */
    ngx_queue_t idle_feeds; /* connections that no fill has; feed.c */
    ngx_uint_t n_idle_feeds;
    unsigned no_auth_told:1;
    unsigned in_body:1;
    unsigned reading:1; /* answers are being given out: don't write */
    unsigned ready:1;   /* the queues are set up */
} ngx_http_elohim_backend_t;

/* Who hears an answer without a request; part of its owner's memory. body: borrowed, or
   empty; stamp: the page's when it was asked; NULL: there was no page. */
typedef struct ngx_http_elohim_listener_s ngx_http_elohim_listener_t;
struct ngx_http_elohim_listener_s {
    void (*handler)(ngx_http_elohim_listener_t *l, ngx_uint_t status,
        const ngx_http_elohim_stamp_t *stamp, const ngx_str_t *body);
    unsigned plain:1; /* the answer is a text */
};

/* A question on its way, and who waits for its answer. */
struct ngx_http_elohim_question_s {
    ngx_str_node_t sn; /* by path; must be first */
    ngx_queue_t queue;
    ngx_queue_t waiters;
    ngx_event_t timer;
    ngx_http_elohim_backend_t *backend;
    ngx_http_elohim_listener_t *listener; /* or NULL; heard before those wait */
    ngx_http_elohim_stamp_t stamp;
    uint64_t began; /* us */
    u_char *body; /* of a wire answer, or a text that is listened for; owned */
    unsigned mapped:1;
    unsigned is_sent:1;
    unsigned resent:1;
    unsigned unlinked:1; /* from the backend's lists */
    u_char path[1];
};

/* shm: answers by key, as long as they hold by their stamps, and at most for ttl
   seconds. miss: for the policy: one of this class was asked for, and not there. */
ngx_int_t ngx_http_elohim_shm_get(ngx_shm_zone_t *zone,
    const ngx_http_elohim_key_t *key, ngx_http_elohim_store_t *store,
    ngx_pool_t *pool, u_char *buf, size_t buf_len, ngx_str_t *msg,
    ngx_http_elohim_stamp_t *stamp);
void ngx_http_elohim_shm_miss(ngx_shm_zone_t *zone,
    const ngx_http_elohim_key_t *key, elo_cache_class_t klass);
void ngx_http_elohim_shm_put(ngx_shm_zone_t *zone,
    const ngx_http_elohim_key_t *key, elo_cache_class_t klass,
    const ngx_str_t *msg, const ngx_http_elohim_stamp_t *stamp, time_t ttl);
void ngx_http_elohim_shm_drop(ngx_shm_zone_t *zone,
    const ngx_http_elohim_key_t *key);

/* gen: NGX_DECLINED when there is no page to go by. */
ngx_int_t ngx_http_elohim_gen_stamp(ngx_http_elohim_store_t *store,
    ngx_http_elohim_stamp_t *stamp, ngx_log_t *log);
ngx_uint_t ngx_http_elohim_gen_valid(ngx_http_elohim_store_t *store,
    const ngx_http_elohim_stamp_t *stamp, ngx_log_t *log);
ngx_uint_t ngx_http_elohim_gen_is(const ngx_http_elohim_store_t *store,
    const ngx_http_elohim_stamp_t *stamp);
/* Does its heart beat? */
ngx_uint_t ngx_http_elohim_gen_current(ngx_http_elohim_store_t *store,
    ngx_log_t *log);
ngx_uint_t ngx_http_elohim_gen_alien(ngx_http_elohim_store_t *store,
    const ngx_http_elohim_stamp_t *stamp, ngx_log_t *log);

/* ask: NGX_AGAIN when the request waits and ngx_http_elohim_resume will be
   called, NGX_DECLINED when the daemon is away. */
ngx_int_t ngx_http_elohim_ask(ngx_http_request_t *r,
    ngx_http_elohim_ctx_t *ctx, const ngx_str_t *path);
/* The same for a listener: NGX_AGAIN: its handler is called once, never from within;
   NGX_BUSY: an equal question is on its way, whose answer others keep; NGX_DECLINED,
   NGX_ERROR. */
ngx_int_t ngx_http_elohim_listen(ngx_http_elohim_backend_t *b,
    ngx_http_elohim_store_t *store, const ngx_str_t *path, ngx_msec_t timeout,
    ngx_http_elohim_listener_t *l);
ngx_uint_t ngx_http_elohim_is_asked(ngx_http_elohim_backend_t *b,
    const ngx_str_t *path);
/* NGX_OK when the daemon can be reached, NGX_DECLINED when it is away. */
ngx_int_t ngx_http_elohim_probe(ngx_http_request_t *r);
ngx_int_t ngx_http_elohim_ask_connect(ngx_http_elohim_backend_t *b);
void ngx_http_elohim_ask_unlink(ngx_http_elohim_question_t *q);
void ngx_http_elohim_ask_deliver(ngx_http_elohim_question_t *q,
    ngx_uint_t status, size_t len);
/* Called by link: takes the next question's text into b->out, room permitting;
   the head of b->sent gets a body of b->reply.length bytes, pieces of it, its
   end. */
ngx_int_t ngx_http_elohim_ask_next(ngx_http_elohim_backend_t *b);
ngx_int_t ngx_http_elohim_ask_begin(ngx_http_elohim_backend_t *b);
void ngx_http_elohim_ask_body(ngx_http_elohim_backend_t *b, const u_char *p,
    size_t len);
void ngx_http_elohim_ask_end(ngx_http_elohim_backend_t *b);

/* outage: the connection is gone; write what there is to write; timers. */
void ngx_http_elohim_ask_lost(ngx_http_elohim_backend_t *b);
void ngx_http_elohim_ask_flush(ngx_http_elohim_backend_t *b);
void ngx_http_elohim_ask_timeout(ngx_event_t *ev);
void ngx_http_elohim_ask_retry(ngx_event_t *ev);

/* link: a new connection, without handlers; the kept one. NGX_OK, NGX_AGAIN (try again
   soon), NGX_ERROR (the log knows why); of a write: it is of no more use. */
ngx_int_t ngx_http_elohim_connect(ngx_http_elohim_backend_t *b,
    ngx_connection_t **c);
ngx_int_t ngx_http_elohim_link_open(ngx_http_elohim_backend_t *b);
void ngx_http_elohim_link_close(ngx_http_elohim_backend_t *b);
ngx_int_t ngx_http_elohim_link_write(ngx_http_elohim_backend_t *b);

/* reply: NGX_OK and the bytes of the head, NGX_AGAIN, or NGX_ERROR. */
ngx_int_t ngx_http_elohim_reply_parse(const u_char *p, size_t len,
    ngx_http_elohim_reply_t *reply, size_t *used);

#endif
