/* SPDX-License-Identifier: BSD-2-Clause */
/* traffic: how many requests and bytes one client may have, by his address and by the
   agent that he is. The buckets are those of rate.c, for all workers together. A
   request is counted before it is looked at; bytes are counted as they go out, and
   it is the next request that waits for them: what runs is never cut. What was
   counted hangs on the main request, so that subrequests, internal redirects and
   error pages are counted once. Spec: RFC 6585, 4 and 5. */

#include "ngx_http_elohim_module.h"

#include "common/base/err.h"
#include "common/cache/rate.h"


#define NGX_HTTP_ELOHIM_BURST_S      10 /* seconds' worth at once */
#define NGX_HTTP_ELOHIM_BURST_MAX_S  86400
#define NGX_HTTP_ELOHIM_TOLL_STEP    (256 * 1024) /* bytes; the rest at the end */
#define NGX_HTTP_ELOHIM_US           1000000
#define NGX_HTTP_ELOHIM_RATE_MOST    1000000 /* requests a second or minute */


/* Of one main request: what has been counted. */
typedef struct {
    ngx_http_request_t             *request;
    const ngx_http_elohim_rules_t  *rules;
    off_t                           charged;
    ngx_uint_t                      wait; /* seconds, when refused */
    size_t                          len[NGX_HTTP_ELOHIM_BY_N]; /* 0: nobody */
    u_char                          name[NGX_HTTP_ELOHIM_BY_N][ELO_AGENT_LEN];
    unsigned                        asked:NGX_HTTP_ELOHIM_BY_N; /* bits: by */
    unsigned                        refused_by:1;
    unsigned                        refused_of:1;
} ngx_http_elohim_toll_t;


static ngx_http_output_body_filter_pt  ngx_http_elohim_next_body_filter;


static elo_rate_t *
ngx_http_elohim_buckets(ngx_http_request_t *r)
{
    ngx_http_elohim_main_conf_t  *emcf;

    emcf = ngx_http_get_module_main_conf(r, ngx_http_elohim_module);

    return emcf->rates->data;
}


static ngx_inline uint64_t
ngx_http_elohim_now_us(void)
{
    return (uint64_t) ngx_current_msec * 1000;
}


/* A rule's bucket of a name: rules of other rates have others. NULL: no such rule, or
   it isn't for this request. */

#define NGX_HTTP_ELOHIM_BUCKET_LEN  (1 + sizeof(uint64_t) + ELO_AGENT_LEN)

static const ngx_http_elohim_rule_t *
ngx_http_elohim_bucket(const ngx_http_elohim_toll_t *toll, ngx_uint_t by,
    ngx_uint_t of, u_char *buf, elo_slice_t *name)
{
    u_char                        *p;
    const ngx_http_elohim_rule_t  *rule;

    static const u_char  kinds[NGX_HTTP_ELOHIM_BY_N][NGX_HTTP_ELOHIM_OF_N] = {
        { 'r', 'b' },
        { 'R', 'B' }
    };

    rule = &toll->rules->rule[by][of];

    if (rule->rate == 0 || toll->len[by] == 0) {
        return NULL;
    }

    p = buf;
    *p++ = kinds[by][of];
    p = ngx_cpymem(p, &rule->rate, sizeof(uint64_t));
    p = ngx_cpymem(p, toll->name[by], toll->len[by]);
    *name = elo_slice(buf, p - buf);

    return rule;
}


/* What has gone out since the last time: by everyone's name that pays for it. */

static void
ngx_http_elohim_charge(ngx_http_elohim_toll_t *toll, off_t least)
{
    off_t                          n;
    u_char                         buf[NGX_HTTP_ELOHIM_BUCKET_LEN];
    uint64_t                       now;
    ngx_uint_t                     by;
    elo_slice_t                    name;
    elo_rate_t                    *t;
    const ngx_http_elohim_rule_t  *rule;

    n = toll->request->connection->sent - toll->charged;

    if (n < least) {
        return;
    }

    toll->charged += n;

    t = ngx_http_elohim_buckets(toll->request);
    now = ngx_http_elohim_now_us();

    for (by = 0; by < NGX_HTTP_ELOHIM_BY_N; by++) {
        rule = ngx_http_elohim_bucket(toll, by, NGX_HTTP_ELOHIM_BYTES, buf,
                                      &name);

        if (rule) {
            elo_rate_charge(t, name, elo_rate_cost_us(n, rule->rate), now);
        }
    }
}


static void
ngx_http_elohim_toll_end(void *data)
{
    ngx_http_elohim_charge(data, 1);
}


static ngx_http_elohim_toll_t *
ngx_http_elohim_toll_find(ngx_http_request_t *r)
{
    ngx_http_cleanup_t  *cln;

    for (cln = r->main->cleanup; cln; cln = cln->next) {
        if (cln->handler == ngx_http_elohim_toll_end) {
            return cln->data;
        }
    }

    return NULL;
}


/* NULL: there is no memory. */

static ngx_http_elohim_toll_t *
ngx_http_elohim_toll(ngx_http_request_t *r,
    const ngx_http_elohim_rules_t *rules)
{
    ngx_http_cleanup_t      *cln;
    ngx_http_elohim_toll_t  *toll;

    toll = ngx_http_elohim_toll_find(r);
    if (toll) {
        return toll;
    }

    cln = ngx_http_cleanup_add(r, sizeof(ngx_http_elohim_toll_t));
    if (cln == NULL) {
        return NULL;
    }

    toll = cln->data;
    ngx_memzero(toll, sizeof(ngx_http_elohim_toll_t));
    toll->request = r->main;
    toll->rules = rules;

    cln->handler = ngx_http_elohim_toll_end;

    return toll;
}


/* Who pays: nobody when he isn't known. A signed URL is many people's: they are told
   apart by their addresses, and can't use up what its signer may. Of a
   unix socket there is no address. */

static void
ngx_http_elohim_toll_name(ngx_http_request_t *r, ngx_http_elohim_ctx_t *ctx,
    ngx_http_elohim_toll_t *toll, ngx_http_elohim_by_e by)
{
    if (by == NGX_HTTP_ELOHIM_BY_ADDRESS) {

        if (ngx_http_elohim_client(r).len) {
            toll->len[by] = ngx_http_elohim_rate_name(r, toll->name[by]);
        }

    } else if (ngx_http_elohim_is_agent(ctx)
               && ctx->session.from != NGX_HTTP_ELOHIM_FROM_URL)
    {
        toll->len[by] = sizeof(ctx->session.agent.b);
        ngx_memcpy(toll->name[by], ctx->session.agent.b, toll->len[by]);
    }
}


/* Seconds to wait; 0: none. Bytes first, since asking about them counts nothing. */

static ngx_uint_t
ngx_http_elohim_toll_take(ngx_http_request_t *r, ngx_http_elohim_toll_t *toll,
    ngx_http_elohim_by_e by)
{
    u_char                         buf[NGX_HTTP_ELOHIM_BUCKET_LEN];
    uint64_t                       wait, now;
    elo_rate_t                    *t;
    elo_slice_t                    name;
    elo_rate_limit_t               limit;
    const ngx_http_elohim_rule_t  *rule;

    wait = 0;
    t = ngx_http_elohim_buckets(r);
    now = ngx_http_elohim_now_us();

    toll->refused_by = by;
    toll->refused_of = NGX_HTTP_ELOHIM_BYTES;

    rule = ngx_http_elohim_bucket(toll, by, NGX_HTTP_ELOHIM_BYTES, buf, &name);

    if (rule) {
        wait = elo_rate_wait(t, name, rule->burst_us, now);
    }

    if (wait == 0) {
        toll->refused_of = NGX_HTTP_ELOHIM_REQUESTS;

        rule = ngx_http_elohim_bucket(toll, by, NGX_HTTP_ELOHIM_REQUESTS, buf,
                                      &name);

        if (rule) {
            limit.each_us = rule->rate;
            limit.burst_us = rule->burst_us;

            if (elo_rate_take(t, name, &limit, now, &wait)) {
                wait = 0;
            }
        }
    }

    return wait ? wait / NGX_HTTP_ELOHIM_US + 1 : 0;
}


static ngx_int_t
ngx_http_elohim_toll_refuse(ngx_http_request_t *r, ngx_http_elohim_ctx_t *ctx,
    const ngx_http_elohim_toll_t *toll)
{
    static const char  *why[NGX_HTTP_ELOHIM_BY_N][NGX_HTTP_ELOHIM_OF_N] = {
        { "too many requests from this address, try again later",
          "too many bytes sent to this address, try again later" },
        { "too many requests of this agent, try again later",
          "too many bytes sent to this agent, try again later" }
    };

    ngx_log_error(NGX_LOG_INFO, r->connection->log, 0, "elohim_rate: %s",
                  why[toll->refused_by][toll->refused_of]);

    return ngx_http_elohim_end(
        ctx, ngx_http_elohim_wait_for(r, toll->wait,
                                      why[toll->refused_by]
                                         [toll->refused_of]));
}


ngx_int_t
ngx_http_elohim_admit(ngx_http_request_t *r, ngx_http_elohim_ctx_t *ctx,
    ngx_http_elohim_by_e by)
{
    ngx_http_elohim_toll_t      *toll;
    ngx_http_elohim_loc_conf_t  *elcf;

    elcf = ngx_http_get_module_loc_conf(r, ngx_http_elohim_module);

    if (elcf->rules == NULL) {
        return NGX_OK;
    }

    toll = ngx_http_elohim_toll(r, elcf->rules);
    if (toll == NULL) {
        return ngx_http_elohim_end(ctx, NGX_HTTP_INTERNAL_SERVER_ERROR);
    }

    if (toll->wait) {

        /* the page that tells him so may be one of ours */

        return r == r->main && r->err_status
               ? NGX_OK : ngx_http_elohim_toll_refuse(r, ctx, toll);
    }

    if (toll->asked & (1 << by)) {
        return NGX_OK;
    }

    toll->asked |= 1 << by;

    ngx_http_elohim_toll_name(r, ctx, toll, by);
    toll->wait = ngx_http_elohim_toll_take(r, toll, by);

    return toll->wait ? ngx_http_elohim_toll_refuse(r, ctx, toll) : NGX_OK;
}


/* nginx bounds a header's bytes; here, its lines. */

ngx_int_t
ngx_http_elohim_check_headers(ngx_http_request_t *r,
    ngx_http_elohim_ctx_t *ctx)
{
    ngx_uint_t                   n;
    ngx_list_part_t             *part;
    ngx_http_elohim_loc_conf_t  *elcf;

    elcf = ngx_http_get_module_loc_conf(r, ngx_http_elohim_module);
    n = 0;

    for (part = &r->headers_in.headers.part; part; part = part->next) {
        n += part->nelts;
    }

    if (n <= (ngx_uint_t) elcf->max_headers || elcf->max_headers == 0
        || r->err_status)
    {
        return NGX_OK;
    }

    return ngx_http_elohim_end(
        ctx, ngx_http_elohim_problem(r, elo_err_status(ELO_EHEADERS),
                                     elo_err_code(ELO_EHEADERS),
                                     elo_err_public(ELO_EHEADERS)));
}


static ngx_int_t
ngx_http_elohim_traffic_filter(ngx_http_request_t *r, ngx_chain_t *in)
{
    ngx_int_t                rc;
    ngx_http_elohim_toll_t  *toll;

    rc = ngx_http_elohim_next_body_filter(r, in);

    toll = ngx_http_elohim_toll_find(r);

    if (toll) {
        ngx_http_elohim_charge(toll, NGX_HTTP_ELOHIM_TOLL_STEP);
    }

    return rc;
}


void
ngx_http_elohim_add_traffic_filter(void)
{
    ngx_http_elohim_next_body_filter = ngx_http_top_body_filter;
    ngx_http_top_body_filter = ngx_http_elohim_traffic_filter;
}


static ngx_uint_t
ngx_http_elohim_cut(ngx_str_t *s, const char *tail)
{
    size_t  len;

    len = ngx_strlen(tail);

    if (s->len <= len
        || ngx_strncmp(s->data + s->len - len, tail, len) != 0)
    {
        return 0;
    }

    s->len -= len;

    return 1;
}


/* "100r/s", "30r/m": us of each. 0: it is none. */

static uint64_t
ngx_http_elohim_parse_requests(ngx_str_t s)
{
    uint64_t   period;
    ngx_int_t  n;

    if (ngx_http_elohim_cut(&s, "r/s")) {
        period = NGX_HTTP_ELOHIM_US;

    } else if (ngx_http_elohim_cut(&s, "r/m")) {
        period = (uint64_t) 60 * NGX_HTTP_ELOHIM_US;

    } else {
        return 0;
    }

    n = ngx_atoi(s.data, s.len);

    return n < 1 || n > NGX_HTTP_ELOHIM_RATE_MOST ? 0 : period / n;
}


/* Bytes a second. 0: it is none. */

static uint64_t
ngx_http_elohim_parse_bytes(ngx_str_t s)
{
    off_t  n;

    (void) ngx_http_elohim_cut(&s, "/s");

    n = ngx_parse_offset(&s);

    return n < 1 ? 0 : (uint64_t) n;
}


/* What may come at once, in time; 0: it is none. */

static uint64_t
ngx_http_elohim_parse_burst(ngx_http_elohim_unit_e of,
    const ngx_http_elohim_rule_t *rule, ngx_str_t s)
{
    off_t      n;
    uint64_t   us;

    n = of == NGX_HTTP_ELOHIM_BYTES ? ngx_parse_offset(&s)
                                    : ngx_atoi(s.data, s.len);

    if (n < 1 || (of == NGX_HTTP_ELOHIM_REQUESTS
                  && n > NGX_HTTP_ELOHIM_RATE_MOST))
    {
        return 0;
    }

    us = of == NGX_HTTP_ELOHIM_BYTES ? elo_rate_cost_us(n, rule->rate)
                                     : n * rule->rate;

    return us > (uint64_t) NGX_HTTP_ELOHIM_BURST_MAX_S * NGX_HTTP_ELOHIM_US
           ? 0 : us;
}


/* One parameter; a burst belongs to what stands before it. */

static const char *
ngx_http_elohim_rate_word(ngx_http_elohim_rule_t *rules, ngx_int_t *of,
    ngx_str_t word)
{
    u_char                  *eq;
    ngx_str_t                value;
    ngx_http_elohim_rule_t  *rule;

    eq = ngx_strlchr(word.data, word.data + word.len, '=');

    if (eq == NULL) {
        return "is no parameter: write requests=, bytes= or burst=";
    }

    value.data = eq + 1;
    value.len = word.data + word.len - value.data;
    word.len = eq - word.data;

    if (word.len == 5 && ngx_strncmp(word.data, "burst", 5) == 0) {

        if (*of < 0) {
            return "stands before what it belongs to: write it behind "
                   "requests= or bytes=";
        }

        rule = &rules[*of];
        rule->burst_us = ngx_http_elohim_parse_burst(*of, rule, value);

        return rule->burst_us
               ? NULL : "is no burst: write a number of requests, or a size "
                        "such as 200m, of a day at most";
    }

    if (word.len == 8 && ngx_strncmp(word.data, "requests", 8) == 0) {
        *of = NGX_HTTP_ELOHIM_REQUESTS;

    } else if (word.len == 5 && ngx_strncmp(word.data, "bytes", 5) == 0) {
        *of = NGX_HTTP_ELOHIM_BYTES;

    } else {
        return "is no parameter: write requests=, bytes= or burst=";
    }

    rule = &rules[*of];

    if (rule->rate) {
        return "is duplicate";
    }

    rule->rate = *of == NGX_HTTP_ELOHIM_BYTES
                 ? ngx_http_elohim_parse_bytes(value)
                 : ngx_http_elohim_parse_requests(value);

    rule->burst_us = (uint64_t) NGX_HTTP_ELOHIM_BURST_S * NGX_HTTP_ELOHIM_US;

    if (*of == NGX_HTTP_ELOHIM_REQUESTS) {
        rule->burst_us = ngx_max(rule->burst_us, rule->rate);
    }

    return rule->rate
           ? NULL : "is no rate: write requests=100r/s, requests=30r/m or "
                    "bytes=20m, which is a second";
}


/* elohim_rate off | address|agent [requests=N r/s|r/m [burst=N]] [bytes=SIZE
   [burst=SIZE]] */

char *
ngx_http_elohim_set_rate(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_elohim_loc_conf_t  *elcf = conf;

    ngx_int_t                     of;
    ngx_str_t                    *value;
    ngx_uint_t                    i, by;
    const char                   *wrong;
    ngx_http_elohim_main_conf_t  *emcf;

    value = cf->args->elts;

    if (cf->args->nelts == 2 && ngx_strcmp(value[1].data, "off") == 0) {

        if (elcf->rules != NGX_CONF_UNSET_PTR) {
            return "is duplicate";
        }

        elcf->rules = NULL;
        return NGX_CONF_OK;
    }

    if (elcf->rules == NULL) {
        return "is off already";
    }

    if (ngx_strcmp(value[1].data, "address") == 0) {
        by = NGX_HTTP_ELOHIM_BY_ADDRESS;

    } else if (ngx_strcmp(value[1].data, "agent") == 0) {
        by = NGX_HTTP_ELOHIM_BY_AGENT;

    } else {
        return "counts by \"address\" or \"agent\", or is \"off\"";
    }

    if (cf->args->nelts < 3) {
        return "says nothing: write requests=, bytes= or both";
    }

    if (elcf->rules == NGX_CONF_UNSET_PTR) {
        elcf->rules = ngx_pcalloc(cf->pool, sizeof(ngx_http_elohim_rules_t));
        if (elcf->rules == NULL) {
            return NGX_CONF_ERROR;
        }
    }

    for (of = -1, i = 2; i < cf->args->nelts; i++) {
        wrong = ngx_http_elohim_rate_word(elcf->rules->rule[by], &of,
                                          value[i]);

        if (wrong) {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0, "elohim_rate: \"%V\" %s",
                               &value[i], wrong);
            return NGX_CONF_ERROR;
        }
    }

    emcf = ngx_http_conf_get_module_main_conf(cf, ngx_http_elohim_module);
    emcf->counts |= elcf->rules->rule[by][NGX_HTTP_ELOHIM_BYTES].rate != 0;

    return NGX_CONF_OK;
}
