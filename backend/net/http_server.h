/* SPDX-License-Identifier: BSD-2-Clause */
/* http_server: HTTP/1.1 on a unix socket or on loopback TCP, over libuv
   and http-parser. Keep-alive, pipelining (one exchange at a time, in order),
   bodies streamed both ways with back-pressure, memory bounded by connections.
   Spec: RFC 9112. Loop thread only.

   An exchange (elo_http_req_t) begins with the handler's on_request, once the
   head is complete, and ends after the response's last byte, or when the
   connection dies. The handler answers now or later; until it has called
   elo_http_res_* to the end, the req stays valid even if the connection is gone:
   calls on a dead one do nothing and report ELO_ECLOSED. So a handler always runs
   to its end, and frees what it has there. A request body that the handler did
   not read is drained (up to 1 MiB) or the connection closed after the response.
   When all but an eighth of max_conns are taken, each further one that comes ends the
   slowest request body that was waited for at least half a second: so slow bodies, however
   many, keep nobody out. What on_request borrows of the request, and a body that was read whole, stay
   until the response ends. */
#ifndef ELO_NET_HTTP_SERVER_H
#define ELO_NET_HTTP_SERVER_H

#include <stdbool.h>
#include <stdint.h>

#include "backend/os/loop.h"
#include "common/base/buf.h"
#include "common/base/slice.h"

typedef struct elo_http_server_s elo_http_server_t;
typedef struct elo_http_req_s elo_http_req_t;
typedef struct elo_http_handler_s elo_http_handler_t;

struct elo_http_handler_s {
    void (*on_request)(elo_http_handler_t *self, elo_http_req_t *req);
};

typedef struct {
    const char *path;   /* unix socket; a dead one is replaced, a live one is
                             ELO_EBUSY */
    int mode;           /* permission bits of the socket */
    int group;          /* gid of the socket, -1: leave it */
    uint32_t max_conns; /* further ones wait in the backlog */
    uint32_t idle_ms;   /* between requests, and between reads of one */
    uint32_t max_head;  /* bytes of request line and headers; 431 past it */
    uint32_t
        min_rate;     /* bytes a second that a body must come in at, while it is
                           waited for; over idle_ms each. 0: any */
    const char *host; /* a loopback address in numbers, in place of path;
                           NULL: path. Any other is ELO_EDENIED */
    uint16_t port;    /* 0: any, see elo_http_server_port */
} elo_http_cfg_t;

elo_err_t elo_http_server_create(elo_loop_t *loop, const elo_http_cfg_t *cfg,
                                 elo_http_handler_t *handler,
                                 elo_http_server_t **out) ELO_MUST_USE;

/* Of a server on TCP; else 0. */
uint16_t elo_http_server_port(const elo_http_server_t *s);

/* Stops accepting, lets exchanges end, closes idle connections, then calls
   done(ctx) with the server freed. After grace_ms what is left is cut. */
void elo_http_server_drain(elo_http_server_t **s, uint32_t grace_ms,
                           void (*done)(void *ctx), void *ctx);

/* ---- request: borrowed until the response ends ---- */

elo_slice_t elo_http_req_method(const elo_http_req_t *req); /* "GET" */
elo_slice_t elo_http_req_path(const elo_http_req_t *req);   /* raw, no query */
elo_slice_t elo_http_req_query(const elo_http_req_t *req);  /* raw, without ? */

/* First field of that name (case-insensitive); p == NULL when absent. */
elo_slice_t elo_http_req_header(const elo_http_req_t *req, const char *name);

/* How many fields there are of that name. */
uint32_t elo_http_req_count(const elo_http_req_t *req, const char *name);

/* The client's address, 4 or 16 bytes in network order; empty on a unix socket. */
elo_slice_t elo_http_req_peer(const elo_http_req_t *req);

/* The path as it may stand in a log: what is a credential in it is left out. A
   static text, or a part of the path. */
elo_slice_t elo_http_req_log_path(const elo_http_req_t *req);

/* Is there any field that makes the request conditional, or a Range? */
bool elo_http_req_has_conditions(const elo_http_req_t *req);

/* Content-Length, 0 without a body, -1 for chunked. */
int64_t elo_http_req_body_len(const elo_http_req_t *req);

/* Asks for the next piece of the body; cb is called once, later: with bytes; or
   with an empty slice and ELO_OK at its end; or with ELO_ECLOSED when the
   client has gone. Sends "100 Continue" first if the client waits for it. The
   bytes stay valid until the next elo_http_req_read or the response's end: a
   pool thread may work on them. */
typedef void (*elo_http_body_cb)(void *ctx, elo_slice_t bytes, elo_err_t err);
void elo_http_req_read(elo_http_req_t *req, elo_http_body_cb cb, void *ctx);

/* The same, but at most cap > 0 bytes, put to room, which is the caller's and must
   stay until cb or the response's end: so that one piece is read while another
   one is worked on. */
void elo_http_req_read_into(elo_http_req_t *req, uint8_t *room, size_t cap,
                            elo_http_body_cb cb, void *ctx);

/* Takes back what was asked for: cb isn't called. The rest of the body can't be
   read any more, only dropped by an answer. */
void elo_http_req_unread(elo_http_req_t *req);

/* The whole body in one piece, when it has a Content-Length and all of it has
   come with the head: the short way of small requests. False: ask for it. */
bool elo_http_req_body_now(elo_http_req_t *req, elo_slice_t *out);

/* Asks for the whole body in one piece; 1 to ELO_HTTP_WHOLE_MAX bytes with a
   Content-Length, of which none was read yet. cb as above, once. */
#define ELO_HTTP_WHOLE_MAX (256u << 10)
void elo_http_req_read_whole(elo_http_req_t *req, elo_http_body_cb cb,
                             void *ctx);

/* The client has gone, as far as is known; nobody will read the answer. */
bool elo_http_req_is_closed(const elo_http_req_t *req);

/* ---- response: status, headers, then exactly one of send, room, stream or
   open ---- */

void elo_http_res_status(elo_http_req_t *req, int status);

/* Copies. CR, LF and NUL in a value are replaced by spaces. Date, Connection,
   Content-Length and Transfer-Encoding are the server's. */
void elo_http_res_header(elo_http_req_t *req, const char *name,
                         elo_slice_t value);
void elo_http_res_headerf(elo_http_req_t *req, const char *name,
                          const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

/* Whole lines of the program's own making, "Name: value" CR LF each: nothing in
   them is looked at. */
void elo_http_res_lines(elo_http_req_t *req, elo_slice_t lines);

/* The same, in whatever answer this exchange gets: they outlive
   elo_http_res_drop_room. */
void elo_http_res_standing(elo_http_req_t *req, elo_slice_t lines);

/* Sends body (copied; not sent for HEAD, 204 and 304, but counted for HEAD) and
   ends the exchange. */
void elo_http_res_send(elo_http_req_t *req, elo_slice_t body);

/* Ends a HEAD exchange that stands for a body of len bytes. */
void elo_http_res_send_head(elo_http_req_t *req, uint64_t len);

/* What the handler sends is given to cb in place of the client, once: status, fields as
   lines, body, borrowed for the call. cb then answers, at once, as if nothing had been
   said. Of what isn't sent in one piece, or given up, cb hears with status 0, and must
   not answer. */
typedef void (*elo_http_diverted_cb)(void *ctx, elo_http_req_t *req, int status,
                                     elo_slice_t fields, elo_slice_t body);
void elo_http_res_divert(elo_http_req_t *req, elo_http_diverted_cb cb,
                         void *ctx);

/* Room for a body of len > 0 bytes that the caller fills at once, before it
   returns to the loop: then elo_http_res_send_room ends the exchange, or
   elo_http_res_drop_room forgets status, headers and room for another answer.
   NULL when there is none to be had, or no body to be sent: nothing happened. */
uint8_t *elo_http_res_room(elo_http_req_t *req, size_t len);
void elo_http_res_send_room(elo_http_req_t *req);
void elo_http_res_drop_room(elo_http_req_t *req);

/* Sends the head for a body of len bytes that follows by elo_http_res_write. */
void elo_http_res_stream(elo_http_req_t *req, uint64_t len);

/* The same for a body whose length isn't known: chunked, or for HTTP/1.0 until
   the connection's end. It ends by elo_http_res_end, never during a write. */
void elo_http_res_open(elo_http_req_t *req);
void elo_http_res_end(elo_http_req_t *req);

/* Writes a piece, 1 to INT32_MAX bytes; they must stay until done is called,
   which happens later, from the loop. One at a time. done gets ELO_OK or
   ELO_ECLOSED; after the latter the handler ends with elo_http_res_abort. Where
   the length is known the exchange ends after the piece that completes it, before
   its done, whatever the result; an abort within that done is harmless. For HEAD, 204 and 304
   pieces are counted and not sent. A stream of 0 bytes ends at once. */
typedef void (*elo_http_written_cb)(void *ctx, elo_err_t err);
void elo_http_res_write(elo_http_req_t *req, elo_slice_t bytes,
                        elo_http_written_cb done, void *ctx);

/* Gives up in mid-body: closes the connection, so that the client sees that the
   body is cut. Ends the exchange. */
void elo_http_res_abort(elo_http_req_t *req);

#endif
