/* SPDX-License-Identifier: BSD-2-Clause */
/* gate: may this request be answered from this descriptor? What is allowed is
   bound to the key of one descriptor and to one agent, and a context belongs to one
   URI: serve.c sends nothing for another key (I1). Also: descriptors that make no
   sense. */

#include "ngx_http_elohim_module.h"

#include "common/base/err.h"


/* The request has had its answer: what a step returns in its place. */

ngx_int_t
ngx_http_elohim_end(ngx_http_elohim_ctx_t *ctx, ngx_int_t rc)
{
    ctx->rc = rc;

    return NGX_HTTP_ELOHIM_ANSWERED;
}


ngx_int_t
ngx_http_elohim_malformed(ngx_http_request_t *r, ngx_http_elohim_ctx_t *ctx,
    elo_err_t err)
{
    ngx_http_elohim_main_conf_t  *emcf;

    emcf = ngx_http_get_module_main_conf(r, ngx_http_elohim_module);
    ngx_http_elohim_shm_drop(emcf->zone, &ctx->key);

    ngx_log_error(NGX_LOG_ERR, r->connection->log, 0,
                  err == ELO_EUNSUPPORTED
                  ? "elohimd speaks another version of the internal protocol"
                  : "elohimd sent a malformed descriptor");

    return err == ELO_EUNSUPPORTED
           ? ngx_http_elohim_away(r)
           : ngx_http_elohim_problem(r, NGX_HTTP_BAD_GATEWAY,
                                     elo_err_code(ELO_EINTERNAL),
                                     elo_err_public(ELO_EINTERNAL));
}


/* May he read what not everyone may? Who gets through to a location with writes
   is its operator, unless he says that he is somebody, or a page of another site
   makes his browser ask. A subrequest went round what keeps others out of the
   location. */

ngx_uint_t
ngx_http_elohim_is_operator(ngx_http_request_t *r,
    const ngx_http_elohim_ctx_t *ctx)
{
    ngx_http_elohim_loc_conf_t  *elcf;

    elcf = ngx_http_get_module_loc_conf(r, ngx_http_elohim_module);

    return elcf->writes && r == r->main
           && ctx->session.who == NGX_HTTP_ELOHIM_ANONYMOUS
           && !ngx_http_elohim_is_foreign(r);
}


ngx_uint_t
ngx_http_elohim_is_his(const ngx_http_elohim_ctx_t *ctx)
{
    return ngx_http_elohim_is_agent(ctx) && ctx->rule != ELO_RULE_EVERYONE;
}


/* What not everyone may read, by what is known of the agent himself, else by what
   he is to this content; g and ctx->rule say what came of it. Nothing of it is
   good without a heartbeat: facts may have changed. NGX_OK, or ANSWERED. */

static ngx_int_t
ngx_http_elohim_gate_agent(ngx_http_request_t *r, ngx_http_elohim_ctx_t *ctx,
    elo_gate_t *g)
{
    ngx_int_t  rc;

    if (!ngx_http_elohim_is_current(r)) {
        return ngx_http_elohim_end(ctx, ngx_http_elohim_away(r));
    }

    if (elo_rule_allows(ctx->rule) || !(g->scopes & ELO_SCOPE_READ)) {
        return NGX_OK;
    }

    rc = ngx_http_elohim_access(r, ctx);

    if (rc == NGX_AGAIN) {
        return ngx_http_elohim_end(ctx, NGX_DONE);
    }

    if (rc == NGX_OK) {
        g->facts |= ctx->access.facts;
        g->stage = ctx->access.stage;
        g->reach = ngx_min(g->reach, ctx->access.reach);
        ctx->rule = elo_gate_decide(g);
    }

    return rc;
}


static ngx_int_t
ngx_http_elohim_gate_decide(ngx_http_request_t *r, ngx_http_elohim_ctx_t *ctx,
    elo_gate_t *g)
{
    ngx_http_elohim_session_t  *s;

    s = &ctx->session;

    if (s->who == NGX_HTTP_ELOHIM_AGENT) {
        g->facts = s->facts;
        g->scopes = s->scopes;
        g->ceiling = ngx_min(g->ceiling, s->ceiling);
    }

    ctx->rule = elo_gate_decide(g);

    if (ctx->rule == ELO_RULE_EVERYONE) {
        return NGX_OK;
    }

    switch (s->who) {
    case NGX_HTTP_ELOHIM_AGENT:
        return ngx_http_elohim_gate_agent(r, ctx, g);

    case NGX_HTTP_ELOHIM_ANONYMOUS:
        if (ngx_http_elohim_is_operator(r, ctx)) {
            g->facts = ELO_FACT_OPERATOR;
            ctx->rule = elo_gate_decide(g);
        }

        return NGX_OK;

    case NGX_HTTP_ELOHIM_LIMITED:
        return ngx_http_elohim_end(ctx, ngx_http_elohim_limited(r));

    default:
        return ngx_http_elohim_end(ctx, ngx_http_elohim_away(r));
    }
}


/* NGX_OK and an allow for the present key, or ANSWERED: hidden, or not known yet. */

ngx_int_t
ngx_http_elohim_gate(ngx_http_request_t *r, ngx_http_elohim_ctx_t *ctx,
    elo_reach_t reach)
{
    elo_gate_t                   g;
    ngx_http_elohim_loc_conf_t  *elcf;

    ctx->reach = reach;
    ctx->own = 0;
    ctx->decision = NGX_HTTP_ELOHIM_UNDECIDED;
    ctx->allowed.len = 0;

    g.facts = 0;
    g.scopes = ELO_SCOPE_READ;
    g.reach = reach;
    g.ceiling = ctx->ceiling;
    g.stage = ELO_STAGE_SERVED;
    g.op = ELO_OP_READ;

    if (ngx_http_elohim_gate_decide(r, ctx, &g) != NGX_OK) {
        return NGX_HTTP_ELOHIM_ANSWERED;
    }

    if (elo_rule_allows(ctx->rule)) {
        ctx->own = ctx->rule == ELO_RULE_OPERATOR;
        ctx->decision = NGX_HTTP_ELOHIM_ALLOW;
        ctx->allowed.len = ctx->key.len;
        ngx_memcpy(ctx->allowed.data, ctx->key.data, ctx->key.len);
        ctx->allowed_agent = ctx->session.agent;
        return NGX_OK;
    }

    ctx->decision = NGX_HTTP_ELOHIM_DENY;

    elcf = ngx_http_get_module_loc_conf(r, ngx_http_elohim_module);

    if (ctx->cache == NGX_HTTP_ELOHIM_HIT && !ctx->unsure
        && elcf->denied != NGX_HTTP_FORBIDDEN && reach != ELO_REACH_COMMONS)
    {
        /* what isn't there costs a question: so does this, or the time that it takes
           would tell them apart, and a daemon that is away */

        return ngx_http_elohim_end(ctx, NGX_HTTP_ELOHIM_UNSURE);
    }

    if (ctx->cache == NGX_HTTP_ELOHIM_MISS
        || ctx->cache == NGX_HTTP_ELOHIM_EXPIRED)
    {
        ngx_http_elohim_unknown_put(r, ctx);
    }

    return ngx_http_elohim_end(
        ctx, elcf->denied == NGX_HTTP_FORBIDDEN
             ? ngx_http_elohim_problem(r, NGX_HTTP_FORBIDDEN,
                                       elo_err_code(ELO_EDENIED),
                                       elo_err_public(ELO_EDENIED))
             : ngx_http_elohim_not_found(r));
}


ngx_uint_t
ngx_http_elohim_is_allowed(ngx_http_elohim_ctx_t *ctx,
    const ngx_http_elohim_key_t *key)
{
    return ctx->decision == NGX_HTTP_ELOHIM_ALLOW && key->len != 0
           && ctx->allowed.len == key->len
           && ngx_memcmp(ctx->allowed.data, key->data, key->len) == 0
           && elo_agent_eq(&ctx->allowed_agent, &ctx->session.agent);
}


static ngx_uint_t
ngx_http_elohim_is_field(const ngx_table_elt_t *h, const char *name,
    size_t len)
{
    return h->key.len == len
           && ngx_strncasecmp(h->key.data, (u_char *) name, len) == 0;
}


/* scheme "://" host, and port where it isn't the scheme's own */

static ngx_uint_t
ngx_http_elohim_is_here(ngx_http_request_t *r, const ngx_str_t *origin)
{
    u_char     *p;
    ngx_str_t  *host;

    if (r->headers_in.host == NULL) {
        return 0;
    }

    host = &r->headers_in.host->value;
    p = ngx_strlchr(origin->data, origin->data + origin->len, '/');

    return p != NULL
           && origin->len == (size_t) (p + 2 - origin->data) + host->len
           && ngx_strncasecmp(p + 2, host->data, host->len) == 0;
}


/* Does a browser send this for a page of another site? Nothing else tells the
   requests that somebody wants, as the operator or by his cookie, from those that
   any page can make his browser send. A token in a field is put there on
   purpose. Programs that are not browsers send neither field; of
   images and scripts in pages, and of links, there is no Origin.
   Spec: Fetch standard, 3.2 ("Origin" header); Fetch Metadata, 2.4. */

ngx_uint_t
ngx_http_elohim_is_foreign(ngx_http_request_t *r)
{
    ngx_uint_t        i;
    ngx_list_part_t  *part;
    ngx_table_elt_t  *h;

    static const char  origin[] = "Origin";
    static const char  site[] = "Sec-Fetch-Site";
    static const char  same[] = "same-origin";
    static const char  none[] = "none"; /* typed by hand, a bookmark */

    for (part = &r->headers_in.headers.part; part; part = part->next) {
        h = part->elts;

        for (i = 0; i < part->nelts; i++) {

            if (ngx_http_elohim_is_field(&h[i], origin, sizeof(origin) - 1)
                && !ngx_http_elohim_is_here(r, &h[i].value))
            {
                return 1;
            }

            if (ngx_http_elohim_is_field(&h[i], site, sizeof(site) - 1)
                && !(h[i].value.len == sizeof(same) - 1
                     && ngx_memcmp(h[i].value.data, same, sizeof(same) - 1)
                        == 0)
                && !(h[i].value.len == sizeof(none) - 1
                     && ngx_memcmp(h[i].value.data, none, sizeof(none) - 1)
                        == 0))
            {
                return 1;
            }
        }
    }

    return 0;
}
