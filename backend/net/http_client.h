/* SPDX-License-Identifier: BSD-2-Clause */
/* http_client: blocking HTTP/1.1 requests over the daemon's unix socket, for the
   command line. One connection, one exchange at a time; reconnects when a kept
   connection has gone before any byte of a response. */
#ifndef ELO_NET_HTTP_CLIENT_H
#define ELO_NET_HTTP_CLIENT_H

#include <stdbool.h>
#include <stdint.h>

#include "common/base/buf.h"
#include "common/base/err.h"
#include "common/base/slice.h"

typedef struct elo_client_s elo_client_t;

/* Where a request body comes from: fills p with at most max bytes, *n = 0 at the
   end. */
typedef elo_err_t (*elo_client_source_fn)(void *ctx, uint8_t *p, size_t max,
                                          size_t *n);
/* Where a response body goes, piece by piece; an error ends the exchange. */
typedef elo_err_t (*elo_client_sink_fn)(void *ctx, elo_slice_t bytes);

typedef struct {
    const char *method;
    const char *target;  /* path and query, encoded */
    const char *headers; /* further "Name: value\r\n" lines, or NULL */
    int64_t body_len;    /* -1: chunked, 0: none */
    elo_client_source_fn source;
    void *source_ctx;
    bool is_duplex; /* a 2xx that comes before the end of the body doesn't stop
                       the sending: it answers while it is sent */
    elo_client_sink_fn sink; /* called for 2xx only */
    void *sink_ctx;
} elo_client_req_t;

typedef struct {
    int status;
    int64_t content_length; /* -1 when not stated */
    elo_buf_t error;        /* body of an answer that is not 2xx, capped */
    elo_buf_t headers;      /* "name: value\n" lines, names in lower case */
} elo_client_res_t;

/* ELO_EUNAVAIL when nothing listens there. Close with elo_client_close. */
elo_err_t elo_client_open(const char *socket_path,
                          elo_client_t **out) ELO_MUST_USE;
void elo_client_close(elo_client_t **c);

/* One exchange. The result tells of the transport, res->status of the answer.
   Dispose of *res with elo_client_res_dispose whatever the result. A daemon that
   answers before it has read the whole body (409, 507) is heard. */
elo_err_t elo_client_do(elo_client_t *c, const elo_client_req_t *req,
                        elo_client_res_t *res) ELO_MUST_USE;
void elo_client_res_dispose(elo_client_res_t *res);

/* Value of a response header, borrowed; empty when absent. */
elo_slice_t elo_client_res_header(const elo_client_res_t *res,
                                  const char *name);

#endif
