/* SPDX-License-Identifier: BSD-2-Clause */
/* redact: request lines without their secrets, for the access log ($elohim_request)
   and the error log: values of token=, and the segment of a signed URL, of which the
   first characters stay, so that one can be told from another. What is taken for a
   secret by mistake is only harder to read. */

#include "ngx_http_elohim_module.h"


#define NGX_HTTP_ELOHIM_REDACTED  "***"
#define NGX_HTTP_ELOHIM_SHOWN     6   /* characters of a segment */
#define NGX_HTTP_ELOHIM_NAMES     130 /* no name in a path of ours is longer */


static u_char *ngx_http_elohim_log_handler(ngx_http_request_t *r,
    ngx_http_request_t *sr, u_char *buf, size_t len);


/* Is this parameter's name "token", however it is spelled? */

ngx_uint_t
ngx_http_elohim_is_secret(const u_char *p, const u_char *end)
{
    u_char        c;
    ngx_int_t     hex;
    ngx_uint_t    i;
    const u_char  *name = (const u_char *) "token";

    for (i = 0; p < end && *p != '='; i++) {
        c = *p++;

        if (c == '%' && end - p >= 2) {
            hex = ngx_hextoi((u_char *) p, 2);
            if (hex != NGX_ERROR) {
                c = (u_char) hex;
                p += 2;
            }
        }

        if (name[i] == '\0' || ngx_tolower(c) != name[i]) {
            return 0;
        }
    }

    return name[i] == '\0' && p < end;
}


static ngx_inline u_char *
ngx_http_elohim_append(u_char *p, u_char *last, const u_char *s, size_t len)
{
    return ngx_cpymem(p, s, ngx_min(len, (size_t) (last - p)));
}


static u_char *
ngx_http_elohim_mark(u_char *p, u_char *last)
{
    return ngx_http_elohim_append(p, last,
                                  (const u_char *) NGX_HTTP_ELOHIM_REDACTED,
                                  sizeof(NGX_HTTP_ELOHIM_REDACTED) - 1);
}


/* Segments of a path, however "s" and the dots are spelled: nginx takes "", "."
   and ".." out, and so may move the segment behind another one. */

typedef struct {
    ngx_uint_t  after; /* an "s" has been seen, and nothing else but dots since */
} ngx_http_elohim_path_t;


static ngx_uint_t
ngx_http_elohim_is_hidden(ngx_http_elohim_path_t *path, const u_char *p,
    size_t len)
{
    u_char      *dst, *src, plain[9];
    ngx_uint_t   after;

    after = path->after;

    if (len > sizeof(plain)) {
        path->after = 0;
        return after || len > NGX_HTTP_ELOHIM_NAMES;
    }

    if (len && *p != 's' && *p != '.' && *p != '%') {
        path->after = 0;
        return after;
    }

    dst = plain;
    src = (u_char *) p;
    ngx_unescape_uri(&dst, &src, len, 0);
    len = dst - plain;

    if (len == 0 || (len == 1 && plain[0] == '.')
        || (len == 2 && plain[0] == '.' && plain[1] == '.'))
    {
        path->after |= len == 2;
        return 0;
    }

    path->after = len == 1 && plain[0] == 's';

    return after;
}


static u_char *
ngx_http_elohim_redact_path(u_char *p, u_char *last, const u_char *s,
    const u_char *end)
{
    const u_char            *stop;
    ngx_http_elohim_path_t   path;

    path.after = 0;

    for ( ;; ) {
        for (stop = s; stop < end && *stop != '/' && *stop != ' '; stop++) {
            /* void */
        }

        if (ngx_http_elohim_is_hidden(&path, s, stop - s)) {
            p = ngx_http_elohim_append(p, last, s,
                                       ngx_min(stop - s,
                                               NGX_HTTP_ELOHIM_SHOWN));
            p = ngx_http_elohim_mark(p, last);

        } else {
            p = ngx_http_elohim_append(p, last, s, stop - s);
        }

        if (stop == end) {
            return p;
        }

        p = ngx_http_elohim_append(p, last, stop, 1);
        s = stop + 1;
    }
}


/* From the question mark on. */

static u_char *
ngx_http_elohim_redact_args(u_char *p, u_char *last, u_char *s, u_char *end)
{
    u_char  *eq, *stop;

    stop = s;

    while (s < end) {
        stop++; /* behind the delimiter */
        p = ngx_http_elohim_append(p, last, s, stop - s);
        s = stop;

        while (stop < end && *stop != '&' && *stop != ';' && *stop != ' ') {
            stop++;
        }

        if (ngx_http_elohim_is_secret(s, stop)) {
            eq = ngx_strlchr(s, stop, '=') + 1;
            p = ngx_http_elohim_append(p, last, s, eq - s);
            p = ngx_http_elohim_mark(p, last);
            s = stop;
        }

        if (stop == end || *stop == ' ') {
            return ngx_http_elohim_append(p, last, s, end - s);
        }
    }

    return p;
}


u_char *
ngx_http_elohim_redact(u_char *p, u_char *last, const ngx_str_t *line)
{
    u_char  *end, *stop;

    end = line->data + line->len;
    stop = ngx_strlchr(line->data, end, '?');

    p = ngx_http_elohim_redact_path(p, last, line->data, stop ? stop : end);

    return stop ? ngx_http_elohim_redact_args(p, last, stop, end) : p;
}


/* Each parameter and each segment can grow by the marker at most. */

size_t
ngx_http_elohim_redact_max(const ngx_str_t *line)
{
    size_t  i, max;

    max = line->len + sizeof(NGX_HTTP_ELOHIM_REDACTED);

    for (i = 0; i < line->len; i++) {
        if (line->data[i] == '=' || line->data[i] == '/') {
            max += sizeof(NGX_HTTP_ELOHIM_REDACTED) - 1;
        }
    }

    return max;
}


static ngx_uint_t
ngx_http_elohim_has_segment(const ngx_str_t *uri)
{
    const u_char            *s, *end, *stop;
    ngx_http_elohim_path_t   path;

    path.after = 0;
    end = uri->data + uri->len;

    for (s = uri->data; s < end; s = stop + 1) {
        stop = memchr(s, '/', end - s);

        if (stop == NULL) {
            stop = end;
        }

        if (ngx_http_elohim_is_hidden(&path, s, stop - s)) {
            return 1;
        }
    }

    return 0;
}


/* From now on the error log shows this request without its secrets. */

ngx_int_t
ngx_http_elohim_redact_log(ngx_http_request_t *r)
{
    ngx_table_elt_t     *referer;
    ngx_http_request_t  *m;

    m = r->main;

    referer = m->headers_in.referer;

    /* nginx's own handler shows that, too */

    if (m->args.len || ngx_http_elohim_has_segment(&m->uri)
        || (m->unparsed_uri.data != m->uri.data
            && ngx_http_elohim_has_segment(&m->unparsed_uri))
        || (referer && (ngx_strlchr(referer->value.data,
                                    referer->value.data + referer->value.len,
                                    '?')
                        || ngx_http_elohim_has_segment(&referer->value))))
    {
        m->log_handler = ngx_http_elohim_log_handler;
    }

    return NGX_DECLINED;
}


static u_char *
ngx_http_elohim_log_handler(ngx_http_request_t *r, ngx_http_request_t *sr,
    u_char *buf, size_t len)
{
    u_char                    *p, *last;
    ngx_http_core_srv_conf_t  *cscf;

    last = buf + len;
    cscf = ngx_http_get_module_srv_conf(r, ngx_http_core_module);

    p = buf;

    if (cscf->server_name.len) {
        p = ngx_snprintf(p, last - p, ", server: %V", &cscf->server_name);
    }

    p = ngx_snprintf(p, last - p, ", request: \"");
    p = ngx_http_elohim_redact(p, last, &r->request_line);
    p = ngx_snprintf(p, last - p, "\"");

    if (r != sr) {
        p = ngx_snprintf(p, last - p, ", subrequest: \"");
        p = ngx_http_elohim_redact(p, last, &sr->uri);
        p = ngx_snprintf(p, last - p, "\"");
    }

    if (r->headers_in.host) {
        p = ngx_snprintf(p, last - p, ", host: \"%V\"",
                         &r->headers_in.host->value);
    }

    return p;
}
