/* SPDX-License-Identifier: BSD-2-Clause */
/* cred: the credential of a request: a signed URL's segment in front of the path,
   Authorization, the cookie, ?token=. The first of them counts, whether it is good
   or not; it isn't judged here. Spec: RFC 6750, 2; RFC 6265, 4.2.

   A subrequest has the fields of its main request and a URI of its own. A
   cookie doesn't count in one that becomes part of another page, which would
   not be marked as private; nor in what another site's page made the browser ask:
   a cookie is sent without anybody's will. */

#include "ngx_http_elohim_module.h"


#define NGX_HTTP_ELOHIM_BEARER  "bearer"


static ngx_uint_t
ngx_http_elohim_is_signed(elo_slice_t path)
{
    return elo_slice_has_prefix(path, ELO_SLICE(NGX_HTTP_ELOHIM_SIGNED));
}


/* "/s/{segment}" is taken off the path. What begins so once more is no path of
   ours: the segment counts as a bad one. */

static void
ngx_http_elohim_cred_url(ngx_http_elohim_ctx_t *ctx)
{
    const uint8_t               *p, *end, *slash;
    ngx_http_elohim_session_t   *s;

    if (!ngx_http_elohim_is_signed(ctx->path)) {
        return;
    }

    p = ctx->path.p + sizeof(NGX_HTTP_ELOHIM_SIGNED) - 1;
    end = ctx->path.p + ctx->path.len;

    slash = memchr(p, '/', end - p);
    if (slash == NULL) {
        return;
    }

    s = &ctx->session;
    s->from = NGX_HTTP_ELOHIM_FROM_URL;
    ctx->path = elo_slice(slash, end - slash);

    if (!ngx_http_elohim_is_signed(ctx->path)) {
        s->text.data = (u_char *) p;
        s->text.len = slash - p;
    }
}


static ngx_uint_t
ngx_http_elohim_is_named(const ngx_table_elt_t *h, const char *name,
    size_t len)
{
    return h->hash != 0 && h->key.len == len
           && ngx_strncasecmp(h->key.data, (u_char *) name, len) == 0;
}


/* "Bearer" and a token, or the bare token, as clients of the network send it: that
   has dots, which the name of a scheme that stands alone has not. Other schemes are
   somebody else's. */

static void
ngx_http_elohim_cred_header(ngx_http_elohim_session_t *s, elo_slice_t value)
{
    elo_slice_t      scheme;
    const uint8_t   *blank;

    value = elo_slice_trim(value);
    blank = value.len ? memchr(value.p, ' ', value.len) : NULL;

    if (blank != NULL) {
        scheme = elo_slice(value.p, blank - value.p);
        value = elo_slice_trim(
            elo_slice(blank, value.p + value.len - blank));

    } else if (value.len && memchr(value.p, '.', value.len) != NULL) {
        scheme = ELO_SLICE(NGX_HTTP_ELOHIM_BEARER);

    } else {
        scheme = value;
        value.len = 0;
    }

    if (!elo_slice_ieq(scheme, ELO_SLICE(NGX_HTTP_ELOHIM_BEARER))) {
        return;
    }

    if (s->from == NGX_HTTP_ELOHIM_FROM_HEADER) {
        /* two of them: nobody can tell which one is meant */
        s->text.len = 0;
        return;
    }

    s->from = NGX_HTTP_ELOHIM_FROM_HEADER;
    s->text.data = (u_char *) value.p;
    s->text.len = value.len;
}


/* One "name=value"; false when it says something else than one before it. */

static ngx_uint_t
ngx_http_elohim_cookie_pair(elo_slice_t pair, elo_slice_t *found)
{
    elo_slice_t  name = ELO_SLICE(NGX_HTTP_ELOHIM_COOKIE "=");

    pair = elo_slice_trim(pair);

    if (!elo_slice_has_prefix(pair, name)) {
        return 1;
    }

    pair = elo_slice(pair.p + name.len, pair.len - name.len);

    if (pair.len >= 2 && pair.p[0] == '"' && pair.p[pair.len - 1] == '"') {
        pair = elo_slice(pair.p + 1, pair.len - 2);
    }

    if (found->p != NULL && !elo_slice_eq(*found, pair)) {
        return 0;
    }

    *found = pair;

    return 1;
}


static ngx_uint_t
ngx_http_elohim_cookie_line(const ngx_str_t *line, elo_slice_t *found)
{
    const u_char  *p, *end, *next;

    end = line->data + line->len;

    for (p = line->data; p < end; p = next + 1) {
        next = memchr(p, ';', end - p);

        if (next == NULL) {
            next = end;
        }

        if (!ngx_http_elohim_cookie_pair(elo_slice(p, next - p), found)) {
            return 0;
        }
    }

    return 1;
}


/* Of the fields: Authorization, else the cookie. Two cookies that differ are worth
   none: one of them may have been put there by a neighbour's host. */

static void
ngx_http_elohim_cred_fields(ngx_http_request_t *r,
    ngx_http_elohim_session_t *s)
{
    ngx_uint_t        i, clash;
    elo_slice_t       cookie;
    ngx_list_part_t  *part;
    ngx_table_elt_t  *h;

    clash = 0;
    cookie = elo_slice(NULL, 0);

    for (part = &r->headers_in.headers.part; part; part = part->next) {
        h = part->elts;

        for (i = 0; i < part->nelts; i++) {

            if (ngx_http_elohim_is_named(&h[i], "authorization", 13)) {
                ngx_http_elohim_cred_header(
                    s, elo_slice(h[i].value.data, h[i].value.len));

            } else if (ngx_http_elohim_is_named(&h[i], "cookie", 6)
                       && !ngx_http_elohim_cookie_line(&h[i].value, &cookie))
            {
                clash = 1;
            }
        }
    }

    if (s->from != NGX_HTTP_ELOHIM_FROM_NONE || cookie.len == 0 || clash
        || (r != r->main && !r->header_only))
    {
        return;
    }

    if (ngx_http_elohim_is_foreign(r)) {
        s->foreign = 1;
        return;
    }

    s->from = NGX_HTTP_ELOHIM_FROM_COOKIE;
    s->text.data = (u_char *) cookie.p;
    s->text.len = cookie.len;
}


/* Decoded once, into memory of the request when there is something to decode. */

static void
ngx_http_elohim_cred_query(ngx_http_request_t *r,
    ngx_http_elohim_session_t *s)
{
    u_char     *dst, *src;
    ngx_str_t   value;

    if (r->args.len == 0
        || ngx_http_arg(r, (u_char *) "token", 5, &value) != NGX_OK
        || value.len == 0)
    {
        return;
    }

    s->from = NGX_HTTP_ELOHIM_FROM_QUERY;

    if (ngx_strlchr(value.data, value.data + value.len, '%') == NULL) {
        s->text = value;
        return;
    }

    dst = ngx_pnalloc(r->pool, value.len);
    if (dst == NULL) {
        return;
    }

    s->text.data = dst;
    src = value.data;
    ngx_unescape_uri(&dst, &src, value.len, 0);
    s->text.len = dst - s->text.data;
}


void
ngx_http_elohim_find_cred(ngx_http_request_t *r, ngx_http_elohim_ctx_t *ctx)
{
    ctx->path = elo_slice(r->uri.data, r->uri.len);

    ngx_http_elohim_cred_url(ctx);

    if (ctx->session.from == NGX_HTTP_ELOHIM_FROM_NONE) {
        ngx_http_elohim_cred_fields(r, &ctx->session);
    }

    if (ctx->session.from == NGX_HTTP_ELOHIM_FROM_NONE) {
        ngx_http_elohim_cred_query(r, &ctx->session);
    }
}
