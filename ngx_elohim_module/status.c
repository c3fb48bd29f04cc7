/* SPDX-License-Identifier: BSD-2-Clause */
/* status: elohim_cache_status, a location that shows what the edge has counted and
   holds: as JSON, or as text for Prometheus. Who may see it is for "allow" and
   "deny" to say. There is no key, no address and no agent in it. */

#include "ngx_http_elohim_disk.h"
#include "ngx_http_elohim_fill.h"

#include "common/base/err.h"


#define NGX_HTTP_ELOHIM_STATUS_MAX  65536 /* metrics_test.c: it is enough */


static ngx_int_t ngx_http_elohim_status_handler(ngx_http_request_t *r);


char *
ngx_http_elohim_set_status(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_core_loc_conf_t     *clcf;
    ngx_http_elohim_main_conf_t  *emcf;

    clcf = ngx_http_conf_get_module_loc_conf(cf, ngx_http_core_module);

    if (clcf->handler == ngx_http_elohim_status_handler) {
        return "is duplicate";
    }

    if (clcf->handler != NULL) {
        return "stands in a location that already has a content handler";
    }

    clcf->handler = ngx_http_elohim_status_handler;

    emcf = ngx_http_conf_get_module_main_conf(cf, ngx_http_elohim_module);
    emcf->shown = 1;

    return NGX_CONF_OK;
}


/* ---- what is now ---- */

static void
ngx_http_elohim_status_tier(elo_metrics_t *m, ngx_uint_t tier,
    ngx_uint_t klass, const elo_tier_stat_t *st)
{
#define ngx_http_elohim_status_put(name, n)                                   \
    m->v[elo_metric_at(name, tier, REACH, klass)] = (n)

    ngx_http_elohim_status_put(CACHE_HITS, st->hits);
    ngx_http_elohim_status_put(CACHE_MISSES, st->misses);
    ngx_http_elohim_status_put(CACHE_HIT_BYTES, st->hit_bytes);
    ngx_http_elohim_status_put(CACHE_EVICTED, st->evicted);
    ngx_http_elohim_status_put(CACHE_REFUSED, st->refused);
    ngx_http_elohim_status_put(CACHE_OBJECTS, st->objects);
    ngx_http_elohim_status_put(CACHE_BYTES, st->bytes);
}


static void
ngx_http_elohim_status_tiers(ngx_http_elohim_main_conf_t *emcf,
    elo_metrics_t *m)
{
    ngx_uint_t               i, k;
    elo_tier_stat_t          st;
    ngx_http_elohim_zone_t  *zn;
    ngx_http_elohim_disk_t  *d;

    zn = emcf->zone->data;
    d = ngx_http_elohim_disk;

    for (k = 0; k < ELO_CACHE_CLASSES; k++) {

        for (i = 0; i < NGX_HTTP_ELOHIM_SHELVES; i++) {
            ngx_http_elohim_shm_stat(emcf->zone, i, (elo_cache_class_t) k,
                                     &st);
            ngx_http_elohim_status_tier(m, i, k, &st);
        }

        for (i = 0; d && i < NGX_HTTP_ELOHIM_DISK_TIERS; i++) {
            elo_tier_stat(ngx_http_elohim_disk_tier(d, i),
                          (elo_cache_class_t) k, &st);
            ngx_http_elohim_status_tier(m, NGX_HTTP_ELOHIM_SHELVES + i, k,
                                        &st);
        }
    }

    for (i = 0; i < NGX_HTTP_ELOHIM_SHELVES; i++) {
        m->v[ELO_M_CACHE_CAPACITY + i] = zn->conf[i].tier.capacity;
    }

    for (i = 0; d && i < NGX_HTTP_ELOHIM_DISK_TIERS; i++) {
        m->v[ELO_M_CACHE_CAPACITY + NGX_HTTP_ELOHIM_SHELVES + i] =
            d->conf[i].capacity;
    }
}


static void
ngx_http_elohim_status_daemons(ngx_http_elohim_main_conf_t *emcf,
    elo_metrics_t *m, ngx_log_t *log)
{
    uint64_t                   age;
    ngx_uint_t                 i;
    ngx_http_elohim_zone_t    *zn;
    ngx_http_elohim_store_t  **sp;

    zn = emcf->zone->data;
    sp = emcf->stores.elts;

    m->v[ELO_M_DAEMONS] = emcf->backends.nelts;
    m->v[ELO_M_DAEMONS_AWAY] = __builtin_popcountll(zn->sh->away);

    for (i = 0; i < emcf->stores.nelts; i++) {
        age = ngx_http_elohim_gen_age(sp[i], log);

        if (age == NGX_HTTP_ELOHIM_NO_BEAT) {
            m->v[ELO_M_STORES_UNSEEN]++;

        } else {
            m->v[ELO_M_HEARTBEAT] = ngx_max(m->v[ELO_M_HEARTBEAT], age);
        }
    }
}


/* ---- the answer ---- */

/* Of the types that a client takes only one is looked for: "text/plain" with the
   version of the format. */

static ngx_uint_t
ngx_http_elohim_status_accepts(const ngx_str_t *value)
{
    u_char  *p, *end, *last;

    static u_char  type[] = "text/plain";
    static u_char  version[] = "version=0.0.4";

    p = value->data;
    last = p + value->len;

    while ((p = ngx_strlcasestrn(p, last, type, sizeof(type) - 2)) != NULL) {
        end = ngx_strlchr(p, last, ',');
        end = end ? end : last;

        if (ngx_strlcasestrn(p, end, version, sizeof(version) - 2)) {
            return 1;
        }

        p = end;
    }

    return 0;
}


static ngx_uint_t
ngx_http_elohim_status_is_text(ngx_http_request_t *r)
{
    ngx_uint_t        i;
    ngx_list_part_t  *part;
    ngx_table_elt_t  *h;

    static const ngx_str_t  accept = ngx_string("accept");

    for (part = &r->headers_in.headers.part; part; part = part->next) {
        h = part->elts;

        for (i = 0; i < part->nelts; i++) {
            if (h[i].key.len == accept.len
                && ngx_memcmp(h[i].lowcase_key, accept.data, accept.len) == 0
                && ngx_http_elohim_status_accepts(&h[i].value))
            {
                return 1;
            }
        }
    }

    return 0;
}


/* NGX_OK, or what it ended with. */

static ngx_int_t
ngx_http_elohim_status_format(ngx_http_request_t *r, ngx_uint_t *is_text)
{
    ngx_str_t  value;

    if (ngx_http_arg(r, (u_char *) "format", sizeof("format") - 1, &value)
        != NGX_OK)
    {
        *is_text = ngx_http_elohim_status_is_text(r);
        return NGX_OK;
    }

    *is_text = value.len == sizeof("prometheus") - 1
               && ngx_memcmp(value.data, "prometheus", value.len) == 0;

    if (*is_text || (value.len == sizeof("json") - 1
                     && ngx_memcmp(value.data, "json", value.len) == 0))
    {
        return NGX_OK;
    }

    return ngx_http_elohim_problem(r, NGX_HTTP_BAD_REQUEST,
                                   elo_err_code(ELO_EINVAL),
                                   "format is json or prometheus");
}


static ngx_int_t
ngx_http_elohim_status_send(ngx_http_request_t *r, const elo_buf_t *text,
    ngx_uint_t is_text)
{
    ngx_buf_t    *b;
    ngx_int_t     rc;
    ngx_uint_t    i;
    ngx_chain_t   out;

    static const struct {
        ngx_str_t  key;
        ngx_str_t  value;
    } fields[] = {
        { ngx_string("Cache-Control"), ngx_string("no-store") },
        { ngx_string("Vary"), ngx_string("Accept") },
        { ngx_string("X-Content-Type-Options"), ngx_string("nosniff") }
    };

    for (i = 0; i < sizeof(fields) / sizeof(fields[0]); i++) {
        if (ngx_http_elohim_header(r, &fields[i].key, &fields[i].value)
            == NULL)
        {
            return NGX_HTTP_INTERNAL_SERVER_ERROR;
        }
    }

    if (is_text) {
        ngx_str_set(&r->headers_out.content_type,
                    "text/plain; version=0.0.4; charset=utf-8");

    } else {
        ngx_str_set(&r->headers_out.content_type, "application/json");
    }

    r->headers_out.content_type_len = r->headers_out.content_type.len;
    r->headers_out.content_type_lowcase = NULL;
    r->headers_out.status = NGX_HTTP_OK;
    r->headers_out.content_length_n = text->len;

    rc = ngx_http_send_header(r);

    if (rc == NGX_ERROR || rc > NGX_OK || r->header_only) {
        return rc;
    }

    b = ngx_calloc_buf(r->pool);
    if (b == NULL) {
        return NGX_ERROR;
    }

    b->pos = text->p;
    b->last = text->p + text->len;
    b->memory = 1;
    b->last_buf = r == r->main;
    b->last_in_chain = 1;

    out.buf = b;
    out.next = NULL;

    return ngx_http_output_filter(r, &out);
}


static ngx_int_t
ngx_http_elohim_status_handler(ngx_http_request_t *r)
{
    u_char                       *mem;
    elo_buf_t                     text;
    ngx_int_t                     rc;
    ngx_uint_t                    is_text;
    elo_metrics_t                 m;
    ngx_http_elohim_main_conf_t  *emcf;

    static const ngx_str_t  allow = ngx_string("Allow");
    static const ngx_str_t  methods = ngx_string("GET, HEAD");

    if (!(r->method & NGX_HTTP_ELOHIM_READ)) {
        return ngx_http_elohim_header(r, &allow, &methods)
               ? ngx_http_elohim_problem(r, NGX_HTTP_NOT_ALLOWED,
                                         elo_err_code(ELO_EMETHOD),
                                         elo_err_public(ELO_EMETHOD))
               : NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    rc = ngx_http_discard_request_body(r);
    if (rc != NGX_OK) {
        return rc;
    }

    rc = ngx_http_elohim_status_format(r, &is_text);
    if (rc != NGX_OK || r->header_sent) {
        return rc;
    }

    mem = ngx_palloc(r->pool, NGX_HTTP_ELOHIM_STATUS_MAX);
    if (mem == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    emcf = ngx_http_get_module_main_conf(r, ngx_http_elohim_module);

    ngx_memzero(&m, sizeof(elo_metrics_t));
    ngx_http_elohim_metric_sum(emcf, &m);
    ngx_http_elohim_status_tiers(emcf, &m);
    ngx_http_elohim_status_daemons(emcf, &m, r->connection->log);
    m.v[ELO_M_FILLS_NOW] = ngx_http_elohim_fills_active();

    elo_buf_init_fixed(&text, mem, NGX_HTTP_ELOHIM_STATUS_MAX);

    if (is_text) {
        elo_metrics_prometheus(&m, &text);

    } else {
        elo_metrics_json(&m, &text);
    }

    return elo_buf_err(&text) == ELO_OK
           ? ngx_http_elohim_status_send(r, &text, is_text)
           : NGX_HTTP_INTERNAL_SERVER_ERROR;
}
