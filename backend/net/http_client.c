/* SPDX-License-Identifier: BSD-2-Clause */
/* http_client: see the header. Sending and receiving are interleaved, so that an
   answer that comes before the body is sent stops the sending, or is read while it
   goes on. */
#include "backend/net/http_client.h"

#include <stdlib.h>

#include <http_parser.h>

#include "backend/net/http_chunk.h"
#include "backend/net/http_head.h"
#include "backend/os/unix_socket.h"
#include "common/base/num.h"

#define IN_LEN           (256u << 10)
#define OUT_PIECE        (256u << 10)
#define CHUNK_ROOM       16u         /* size line in front of a piece */
#define HEAD_MAX         (64u << 10) /* of a response */
#define ERROR_MAX        (64u << 10) /* kept of a body that isn't 2xx */
#define REQUEST_HEAD_MAX (64u << 10)

struct elo_client_s {
    char *path;
    int fd;
    bool is_used; /* by an earlier exchange */
    size_t pos;   /* in[pos, len) is received and not used yet */
    size_t len;
    uint8_t in[IN_LEN];
    uint8_t out[CHUNK_ROOM + OUT_PIECE + 2];
};

/* One exchange on one connection. */
typedef struct {
    elo_client_t *c;
    const elo_client_req_t *req;
    elo_client_res_t *res;
    elo_buf_t head;      /* of the request */
    elo_slice_t to_send; /* of head or c->out */
    uint64_t body_left;  /* that source still owes */
    bool is_source_done;
    bool has_sourced;  /* source was called: no second try */
    bool has_received; /* a byte of an answer */
    bool is_answered;  /* the final head is there */
    bool keeps_alive;
    bool is_chunked;
    bool has_no_body;
} exchange_t;


elo_err_t
elo_client_open(const char *socket_path, elo_client_t **out)
{
    elo_client_t *c = calloc(1, sizeof(*c));
    elo_err_t rc;

    if (c == NULL) {
        return ELO_ENOMEM;
    }
    c->fd = -1;
    c->path = strdup(socket_path);
    rc = c->path == NULL ? ELO_ENOMEM : elo_unix_connect(socket_path, &c->fd);
    if (rc != ELO_OK) {
        elo_client_close(&c);
        return rc;
    }
    *out = c;
    return ELO_OK;
}


static void
disconnect(elo_client_t *c)
{
    if (c->fd >= 0) {
        elo_unix_close(c->fd);
        c->fd = -1;
    }
    c->pos = c->len = 0;
}


void
elo_client_close(elo_client_t **c)
{
    if (*c != NULL) {
        disconnect(*c);
        free((*c)->path);
        free(*c);
        *c = NULL;
    }
}


void
elo_client_res_dispose(elo_client_res_t *res)
{
    elo_buf_dispose(&res->error);
    elo_buf_dispose(&res->headers);
}


elo_slice_t
elo_client_res_header(const elo_client_res_t *res, const char *name)
{
    elo_slice_t want = elo_slice_str(name);
    elo_slice_t all = elo_buf_slice(&res->headers);

    while (all.len != 0) {
        const uint8_t *lf = memchr(all.p, '\n', all.len);
        size_t n = (size_t) (lf - all.p);

        if (n >= want.len + 2 && all.p[want.len] == ':'
            && elo_slice_ieq(elo_slice(all.p, want.len), want))
        {
            return elo_slice(all.p + want.len + 2, n - want.len - 2);
        }
        all = elo_slice(lf + 1, all.len - n - 1);
    }
    return elo_slice("", 0);
}


/* ---- sending ---- */

/* What would split a request in two is the caller's mistake. */
static bool
is_clean(const char *s)
{
    for (; *s != '\0'; s++) {
        unsigned char ch = (unsigned char) *s;

        if (ch <= 0x20 || ch == 0x7f) {
            return false;
        }
    }
    return true;
}


static elo_err_t
build_head(exchange_t *x)
{
    const elo_client_req_t *req = x->req;

    if (req->method[0] == '\0' || req->target[0] != '/'
        || !is_clean(req->method) || !is_clean(req->target))
    {
        return ELO_EINVAL;
    }
    elo_buf_printf(&x->head, "%s %s HTTP/1.1\r\nHost: localhost\r\n",
                   req->method, req->target);
    if (req->headers != NULL) {
        elo_buf_put_str(&x->head, req->headers);
    }
    if (req->body_len < 0) {
        elo_buf_put_str(&x->head, "Transfer-Encoding: chunked\r\n");
    } else if (req->body_len > 0 || strcmp(req->method, "PUT") == 0
               || strcmp(req->method, "POST") == 0)
    {
        elo_buf_printf(&x->head, "Content-Length: %lld\r\n",
                       (long long) req->body_len);
    }
    elo_buf_put_str(&x->head, "\r\n");
    return elo_buf_err(&x->head);
}


/* Puts the frame of a chunk of n bytes, which lie behind CHUNK_ROOM. */
static elo_slice_t
frame_chunk(uint8_t *out, size_t n)
{
    static const char hex[] = "0123456789abcdef";
    uint8_t *p = out + CHUNK_ROOM;
    uint8_t *end = p + n;
    size_t v = n;

    *--p = '\n';
    *--p = '\r';
    do {
        *--p = (uint8_t) hex[v % 16];
        v /= 16;
    } while (v != 0);
    *end++ = '\r';
    *end++ = '\n'; /* after the size 0 too: there it ends the trailers */
    return elo_slice(p, (size_t) (end - p));
}


/* Gets the next piece of the body into to_send. */
static elo_err_t
refill(exchange_t *x)
{
    const elo_client_req_t *req = x->req;
    uint8_t *p = x->c->out + CHUNK_ROOM;
    size_t max = OUT_PIECE;
    size_t n = 0;
    elo_err_t rc;

    if (req->body_len >= 0) {
        max = (size_t) ELO_MIN(x->body_left, (uint64_t) max);
        if (max == 0) {
            x->is_source_done = true;
            return ELO_OK;
        }
    }
    x->has_sourced = true;
    if ((rc = req->source(req->source_ctx, p, max, &n)) != ELO_OK) {
        return rc;
    }
    if (req->body_len < 0) {
        x->is_source_done = n == 0;
        x->to_send = frame_chunk(x->c->out, n);
        return ELO_OK;
    }
    if (n == 0 || n > max) {
        return ELO_EINVAL; /* not the length that was promised */
    }
    x->body_left -= n;
    x->to_send = elo_slice(p, n);
    return ELO_OK;
}


static elo_err_t
send_some(exchange_t *x)
{
    size_t n = 0;
    elo_err_t rc;

    rc = elo_unix_send(x->c->fd, x->to_send.p, x->to_send.len, &n);
    if (rc == ELO_OK) {
        x->to_send = elo_slice(x->to_send.p + n, x->to_send.len - n);
    }
    return rc;
}


/* ---- the answer's head ---- */

static int
on_name(http_parser *parser, const char *at, size_t len)
{
    exchange_t *x = parser->data;
    size_t i;

    for (i = 0; i < len; i++) {
        uint8_t ch = (uint8_t) at[i];

        elo_buf_put_u8(&x->res->headers,
                       ch >= 'A' && ch <= 'Z' ? (uint8_t) (ch | 0x20) : ch);
    }
    elo_buf_put_str(&x->res->headers, ": ");
    return 0;
}


static int
on_value(http_parser *parser, const char *at, size_t len)
{
    exchange_t *x = parser->data;

    elo_buf_put_slice(&x->res->headers, elo_slice_trim(elo_slice(at, len)));
    elo_buf_put_u8(&x->res->headers, '\n');
    return 0;
}


static int
on_head(http_parser *parser)
{
    exchange_t *x = parser->data;

    x->is_answered = true;
    x->keeps_alive = http_should_keep_alive(parser) != 0;
    x->is_chunked = (parser->flags & F_CHUNKED) != 0;
    x->res->status = (int) parser->status_code;
    x->res->content_length = -1;
    if ((parser->flags & F_CONTENTLENGTH) != 0
        && parser->content_length <= INT64_MAX)
    {
        x->res->content_length = (int64_t) parser->content_length;
    }
    return 1; /* the body is read here */
}


/* Takes the head at the front of the input. ELO_EAGAIN when it is not whole; an
   interim answer (1xx) is dropped. */
static elo_err_t
take_head(exchange_t *x)
{
    static const http_parser_settings settings = {
        .on_header_field = on_name,
        .on_header_value = on_value,
        .on_headers_complete = on_head,
    };
    elo_client_t *c = x->c;
    http_parser parser;
    size_t scanned = 0;
    size_t len;

    len =
        elo_http_head_len(elo_slice(c->in + c->pos, c->len - c->pos), &scanned);
    if (len == 0) {
        return c->len - c->pos > HEAD_MAX ? ELO_EINVAL : ELO_EAGAIN;
    }
    elo_buf_clear(&x->res->headers);
    http_parser_init(&parser, HTTP_RESPONSE);
    parser.data = x;
    (void) http_parser_execute(&parser, &settings, (char *) c->in + c->pos,
                               len);
    if (!x->is_answered || elo_buf_err(&x->res->headers) != ELO_OK) {
        return ELO_EINVAL;
    }
    c->pos += len;
    if (x->res->status < 200) {
        x->is_answered = false;
        return take_head(x);
    }
    x->has_no_body = x->res->status == 204 || x->res->status == 304
                     || strcmp(x->req->method, "HEAD") == 0;
    return ELO_OK;
}


/* Receives once, behind what there is. ELO_ECLOSED at the end. */
static elo_err_t
receive(elo_client_t *c)
{
    size_t n = 0;
    elo_err_t rc;

    if (c->pos != 0) {
        c->len -= c->pos;
        (void) memmove(c->in, c->in + c->pos, c->len);
        c->pos = 0;
    }
    if (c->len == IN_LEN) {
        return ELO_EINVAL;
    }
    if ((rc = elo_unix_recv(c->fd, c->in + c->len, IN_LEN - c->len, &n))
        != ELO_OK) {
        return rc;
    }
    c->len += n;
    return n == 0 ? ELO_ECLOSED : ELO_OK;
}


/* Waits for more of the answer's body, and sends on meanwhile where that is wanted. */
static elo_err_t
receive_body(exchange_t *x)
{
    bool is_sending = x->req->is_duplex && x->res->status < 300;
    elo_err_t rc = ELO_OK;

    while (is_sending) {
        bool can_read = true, can_write = false;

        if (x->to_send.len == 0 && !x->is_source_done) {
            rc = refill(x);
        }
        if (rc != ELO_OK || x->to_send.len == 0) {
            break;
        }
        rc = elo_unix_wait(x->c->fd, true, &can_read, &can_write);
        if (rc != ELO_OK || can_read) {
            break;
        }
        rc = send_some(x);
        if (rc == ELO_ECLOSED) {
            rc = ELO_OK; /* the answer tells */
            is_sending = false;
            x->to_send = elo_slice(NULL, 0);
            x->is_source_done = true;
            x->keeps_alive = false;
        }
        if (rc != ELO_OK) {
            break;
        }
    }
    return rc != ELO_OK ? rc : receive(x->c);
}


/* Sends until all is sent or the final answer begins, then waits for that. */
static elo_err_t
converse(exchange_t *x)
{
    bool is_sending = true;

    while (!x->is_answered) {
        bool can_read = true;
        bool can_write = false;
        elo_err_t rc = ELO_OK;

        if (is_sending && x->to_send.len == 0 && !x->is_source_done) {
            rc = refill(x);
        }
        if (rc != ELO_OK) {
            return rc;
        }
        is_sending = is_sending && x->to_send.len != 0;
        rc = elo_unix_wait(x->c->fd, is_sending, &can_read, &can_write);
        if (rc != ELO_OK) {
            return rc;
        }
        if (can_read) {
            if ((rc = receive(x->c)) != ELO_OK) {
                return rc;
            }
            x->has_received = true;
            rc = take_head(x);
            if (rc != ELO_OK && rc != ELO_EAGAIN) {
                return rc;
            }
        } else if (can_write) {
            rc = send_some(x);
            if (rc == ELO_ECLOSED) {
                /* Its reason may lie in our receive queue. */
                is_sending = false;
                x->to_send = elo_slice(NULL, 0);
                x->is_source_done = true;
                x->keeps_alive = false;
            } else if (rc != ELO_OK) {
                return rc;
            }
        }
    }
    return ELO_OK;
}


/* ---- the answer's body ---- */

static elo_err_t
consume(exchange_t *x, elo_slice_t bytes)
{
    elo_client_res_t *res = x->res;

    if (res->status >= 200 && res->status < 300) {
        return x->req->sink == NULL || bytes.len == 0
                   ? ELO_OK
                   : x->req->sink(x->req->sink_ctx, bytes);
    }
    bytes.len = ELO_MIN(bytes.len, ERROR_MAX - res->error.len);
    elo_buf_put_slice(&res->error, bytes);
    return elo_buf_err(&res->error);
}


static elo_err_t
read_chunked(exchange_t *x)
{
    elo_client_t *c = x->c;
    elo_http_chunk_t chunk;
    size_t len;
    size_t used;
    elo_err_t rc;

    elo_http_chunk_init(&chunk);
    for (;;) {
        elo_err_t end;

        end = elo_http_chunk_decode(&chunk, c->in + c->pos, c->len - c->pos,
                                    &len, &used);
        if (end != ELO_OK && end != ELO_EAGAIN) {
            return end;
        }
        rc = consume(x, elo_slice(c->in + c->pos, len));
        c->pos += used;
        if (rc != ELO_OK || end == ELO_OK) {
            return rc;
        }
        if ((rc = receive_body(x)) != ELO_OK) {
            return rc;
        }
    }
}


static elo_err_t
read_plain(exchange_t *x)
{
    elo_client_t *c = x->c;
    bool is_bounded = x->res->content_length >= 0;
    uint64_t left = is_bounded ? (uint64_t) x->res->content_length : UINT64_MAX;
    elo_err_t rc;

    for (;;) {
        size_t n = (size_t) ELO_MIN(left, (uint64_t) (c->len - c->pos));

        rc = consume(x, elo_slice(c->in + c->pos, n));
        c->pos += n;
        left -= n;
        if (rc != ELO_OK || left == 0) {
            return rc;
        }
        rc = receive_body(x);
        if (rc == ELO_ECLOSED && !is_bounded) {
            x->keeps_alive = false;
            return ELO_OK;
        }
        if (rc != ELO_OK) {
            return rc;
        }
    }
}


static elo_err_t
exchange(exchange_t *x)
{
    elo_client_t *c = x->c;
    elo_err_t rc;

    x->to_send = elo_buf_slice(&x->head);
    rc = converse(x);
    if (rc == ELO_OK && !x->has_no_body) {
        rc = x->is_chunked ? read_chunked(x) : read_plain(x);
    }
    if (rc != ELO_OK || !x->keeps_alive || !x->is_source_done
        || x->to_send.len != 0 || c->pos != c->len)
    {
        disconnect(c);
    }
    return rc;
}


elo_err_t
elo_client_do(elo_client_t *c, const elo_client_req_t *req,
              elo_client_res_t *res)
{
    exchange_t x = { .c = c, .req = req, .res = res };
    bool is_kept = c->fd >= 0 && c->is_used;
    elo_err_t rc;

    res->status = 0;
    res->content_length = -1;
    elo_buf_init(&res->error, ERROR_MAX);
    elo_buf_init(&res->headers, HEAD_MAX);
    elo_buf_init(&x.head, REQUEST_HEAD_MAX);
    if ((rc = build_head(&x)) != ELO_OK) {
        goto done;
    }
    /* A kept connection on which anything waits has been closed. */
    if (is_kept && elo_unix_is_readable(c->fd)) {
        disconnect(c);
        is_kept = false;
    }
    if (c->fd < 0 && (rc = elo_unix_connect(c->path, &c->fd)) != ELO_OK) {
        goto done;
    }
    c->is_used = true;
    x.body_left = req->body_len > 0 ? (uint64_t) req->body_len : 0;
    x.is_source_done = req->body_len == 0;
    rc = exchange(&x);
    if (rc == ELO_ECLOSED && is_kept && !x.has_received && !x.has_sourced) {
        disconnect(c);
        if ((rc = elo_unix_connect(c->path, &c->fd)) == ELO_OK) {
            rc = exchange(&x);
        }
    }

done:
    elo_buf_dispose(&x.head);
    return rc;
}
