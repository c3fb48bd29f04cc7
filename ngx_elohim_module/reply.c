/* SPDX-License-Identifier: BSD-2-Clause */
/* reply: the head of an answer of the daemon on the internal connection.
   Strict: what the daemon has no reason to send is an error, since a wrong
   length would give one question's answer to another. Pure.
   Spec: RFC 9112, 4 to 6. */

#include "ngx_http_elohim_module.h"

#include "common/base/enc.h"


#define NGX_HTTP_ELOHIM_RETRY_MAX  86400 /* s; who says longer says this */


static ngx_int_t ngx_http_elohim_reply_field(elo_slice_t name,
    elo_slice_t value, ngx_http_elohim_reply_t *reply, ngx_uint_t *has_length);


static ngx_inline const u_char *
ngx_http_elohim_reply_line(const u_char *p, const u_char *end,
    elo_slice_t *line)
{
    const u_char  *lf;

    lf = memchr(p, '\n', end - p);

    if (lf == NULL || lf == p || lf[-1] != '\r') {
        return NULL;
    }

    *line = elo_slice(p, lf - 1 - p);

    return lf + 1;
}


/* "HTTP/1.1 200 OK": the reason may be empty. */

static ngx_int_t
ngx_http_elohim_reply_status(elo_slice_t line, ngx_http_elohim_reply_t *reply)
{
    const u_char  *p;

    p = line.p;

    if (line.len < sizeof("HTTP/1.1 200") - 1
        || ngx_memcmp(p, "HTTP/1.", 7) != 0 || (p[7] != '0' && p[7] != '1')
        || p[8] != ' ' || p[9] < '2' || p[9] > '5' || p[10] < '0'
        || p[10] > '9' || p[11] < '0' || p[11] > '9'
        || (line.len > 12 && p[12] != ' '))
    {
        return NGX_ERROR;
    }

    reply->status = (p[9] - '0') * 100 + (p[10] - '0') * 10 + (p[11] - '0');
    reply->close = p[7] == '0';

    return NGX_OK;
}


ngx_int_t
ngx_http_elohim_reply_parse(const u_char *p, size_t len,
    ngx_http_elohim_reply_t *reply, size_t *used)
{
    ngx_uint_t     has_length;
    elo_slice_t    line, name, value;
    const u_char  *start, *end, *next, *colon;

    if (len >= 1 && p[0] != 'H') {
        return NGX_ERROR;
    }

    end = memmem(p, len, "\r\n\r\n", 4);
    if (end == NULL) {
        return NGX_AGAIN;
    }

    end += 4;
    start = p;
    has_length = 0;
    ngx_memzero(reply, sizeof(ngx_http_elohim_reply_t));

    p = ngx_http_elohim_reply_line(p, end, &line);
    if (p == NULL || ngx_http_elohim_reply_status(line, reply) != NGX_OK) {
        return NGX_ERROR;
    }

    for ( ;; ) {
        next = ngx_http_elohim_reply_line(p, end, &line);
        if (next == NULL) {
            return NGX_ERROR;
        }

        p = next;

        if (line.len == 0) {
            break;
        }

        colon = memchr(line.p, ':', line.len);
        if (colon == NULL || colon == line.p) {
            return NGX_ERROR;
        }

        name = elo_slice(line.p, colon - line.p);
        value = elo_slice_trim(
            elo_slice(colon + 1, line.p + line.len - colon - 1));

        if (ngx_http_elohim_reply_field(name, value, reply, &has_length)
            != NGX_OK)
        {
            return NGX_ERROR;
        }
    }

    if (!has_length) {
        if (reply->status != NGX_HTTP_NO_CONTENT
            && reply->status != NGX_HTTP_NOT_MODIFIED)
        {
            return NGX_ERROR;
        }

        reply->length = 0;
    }

    *used = p - start;

    return NGX_OK;
}


/* What an answer about a chunk says besides. */

static ngx_int_t
ngx_http_elohim_reply_chunk(elo_slice_t name, elo_slice_t value,
    ngx_http_elohim_reply_t *reply)
{
    uint64_t  n;

    if (elo_slice_ieq(name, ELO_SLICE("retry-after"))) {

        if (elo_slice_u64(value, &n)) {
            reply->retry_after = ngx_min(n, NGX_HTTP_ELOHIM_RETRY_MAX);
        }

    } else if (elo_slice_ieq(name, ELO_SLICE("x-elohim-size"))) {

        if (!elo_slice_u64(value, &reply->size)) {
            return NGX_ERROR;
        }

        reply->has_size = 1;

    } else if (elo_slice_ieq(name, ELO_SLICE("x-elohim-digest"))) {

        if (elo_hex_decode(value, reply->digest.b, sizeof(elo_digest_t))
            != ELO_OK)
        {
            return NGX_ERROR;
        }

        reply->has_digest = 1;
    }

    return NGX_OK;
}


static ngx_int_t
ngx_http_elohim_reply_field(elo_slice_t name, elo_slice_t value,
    ngx_http_elohim_reply_t *reply, ngx_uint_t *has_length)
{
    uint64_t  n;

    if (elo_slice_ieq(name, ELO_SLICE("content-length"))) {

        if (!elo_slice_u64(value, &n) || n > ELO_WIRE_MAX
            || (*has_length && n != reply->length))
        {
            return NGX_ERROR;
        }

        *has_length = 1;
        reply->length = (size_t) n;

    } else if (elo_slice_ieq(name, ELO_SLICE("transfer-encoding"))) {
        return NGX_ERROR;

    } else if (elo_slice_ieq(name, ELO_SLICE("content-type"))) {
        reply->is_wire = elo_slice_ieq(value, ELO_SLICE(ELO_WIRE_TYPE));

    } else if (elo_slice_ieq(name, ELO_SLICE("connection"))) {
        reply->close = elo_slice_ieq(value, ELO_SLICE("close"));

    } else {
        return ngx_http_elohim_reply_chunk(name, value, reply);
    }

    return NGX_OK;
}
