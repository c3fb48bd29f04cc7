/* SPDX-License-Identifier: BSD-2-Clause */
/* http_chunk: the chunked transfer coding, decoded in place. Pure and strict:
   lines end in CRLF, sizes are plain hexadecimal, chunk extensions are refused
   (nobody sends them, and smuggling does), trailers are skipped up to a bound.
   Spec: RFC 9112, 7.1. */
#ifndef ELO_NET_HTTP_CHUNK_H
#define ELO_NET_HTTP_CHUNK_H

#include <stdint.h>

#include "common/base/err.h"
#include "common/base/slice.h"

#define ELO_HTTP_TRAILER_MAX 8192 /* bytes of all trailers of a body */

typedef struct {
    int _state;
    uint32_t _n;    /* digits of a size, bytes of trailers */
    uint64_t _left; /* bytes to come of this chunk */
} elo_http_chunk_t;

void elo_http_chunk_init(elo_http_chunk_t *c);

/* Decodes in[0, len): moves what belongs to the body to the start of in and
   tells its length in *out_len, and how many bytes it took in *used (less than
   len only at the end of the body). ELO_OK at that end, ELO_EAGAIN when more is
   to come, ELO_EINVAL for ever after a malformed byte. */
elo_err_t elo_http_chunk_decode(elo_http_chunk_t *c, uint8_t *in, size_t len,
                                size_t *out_len, size_t *used) ELO_MUST_USE;

/* Bytes that certainly come before the end of the body. */
uint64_t elo_http_chunk_min_left(const elo_http_chunk_t *c);

#endif
