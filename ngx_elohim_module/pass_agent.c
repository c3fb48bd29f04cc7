/* SPDX-License-Identifier: BSD-2-Clause */
/* pass_agent: what the daemon is told of who asks, in what is passed on to it: never
   the credential itself, which stands in the query at most and is taken out. */

#include "ngx_http_elohim_module.h"


#define NGX_HTTP_ELOHIM_CALLER                                                \
    "X-Elohim-Agent: \r\nX-Elohim-Facts: \r\nX-Elohim-Scopes: \r\n"          \
    "X-Elohim-Ceiling: \r\nX-Elohim-Prefix: \r\nX-Elohim-Content: \r\n"  \
    "X-Elohim-Path: \r\n"
#define NGX_HTTP_ELOHIM_TOLD  "X-Elohim-Told: 1\r\n"

#define NGX_HTTP_ELOHIM_REACH_LEN  16 /* of a reach's name, at most */


static size_t
ngx_http_elohim_pass_agent(const ngx_http_elohim_ctx_t *ctx, u_char *p)
{
    char                              agent[2 * ELO_AGENT_LEN + 1];
    u_char                           *start;
    const ngx_http_elohim_session_t  *s;

    s = &ctx->session;

    if (p == NULL) {
        return sizeof(NGX_HTTP_ELOHIM_CALLER) + sizeof(agent) + 2 * NGX_INT32_LEN
               + NGX_HTTP_ELOHIM_REACH_LEN + s->prefix.len + s->content.len
               + ctx->path.len;
    }

    start = p;
    elo_agent_text(&s->agent, agent);

    p = ngx_sprintf(p, "X-Elohim-Agent: %s\r\nX-Elohim-Facts: %uD\r\n"
                    "X-Elohim-Scopes: %uD\r\nX-Elohim-Ceiling: %s\r\n", agent,
                    s->facts & ELO_FACTS_BEARER, s->scopes,
                    elo_reach_name(s->ceiling));

    if (s->prefix.len) {
        p = ngx_sprintf(p, "X-Elohim-Prefix: %*s\r\n", s->prefix.len,
                        s->prefix.p);
    }

    if (s->content.len) {
        p = ngx_sprintf(p, "X-Elohim-Content: %*s\r\n", s->content.len,
                        s->content.p);
    }

    /* both are about the path that was asked for, whatever stands in its place */

    if (s->prefix.len || s->content.len) {
        p = ngx_sprintf(p, "X-Elohim-Path: %*s\r\n", ctx->path.len,
                        ctx->path.p);
    }

    return p - start;
}


size_t
ngx_http_elohim_pass_caller(const ngx_http_elohim_ctx_t *ctx, u_char *p)
{
    u_char      *start;
    ngx_uint_t   is_agent;

    is_agent = !ctx->operator && ngx_http_elohim_is_agent(ctx);

    if (p == NULL) {
        return sizeof("X-Elohim-Caller: anonymous\r\n")
               + (is_agent ? ngx_http_elohim_pass_agent(ctx, NULL)
                           : 0)
               + sizeof(NGX_HTTP_ELOHIM_TOLD);
    }

    start = p;
    p = ngx_sprintf(p, "X-Elohim-Caller: %s\r\n",
                    ctx->operator ? "operator"
                    : is_agent ? "agent" : "anonymous");

    if (is_agent) {
        p += ngx_http_elohim_pass_agent(ctx, p);
    }

    /* the audit log has it from the question for it */

    if (is_agent && ctx->decision == NGX_HTTP_ELOHIM_ALLOW
        && elo_rule_is_audited(ctx->rule))
    {
        p = ngx_sprintf(p, NGX_HTTP_ELOHIM_TOLD);
    }

    return p - start;
}


/* The query, with its question mark, without tokens. */

size_t
ngx_http_elohim_pass_args(const ngx_http_request_t *r, u_char *p)
{
    u_char         sep, *start;
    const u_char  *s, *end, *stop;

    if (p == NULL) {
        return r->args.len + 1;
    }

    start = p;
    sep = '?';
    end = r->args.data + r->args.len;

    for (s = r->args.data; s < end; s = stop + 1) {

        for (stop = s; stop < end && *stop != '&'; stop++) { /* void */ }

        if (ngx_http_elohim_is_secret(s, stop)) {
            continue;
        }

        *p++ = sep;
        p = ngx_cpymem(p, s, stop - s);
        sep = '&';
    }

    return p - start;
}
