/* SPDX-License-Identifier: BSD-2-Clause */
/* buf: an owned, growing byte buffer. An append that fails for want of memory
   or because the cap is reached marks the buffer; the mark is sticky, so that
   an encoder appends freely and checks once at the end with elo_buf_err. */
#ifndef ELO_BASE_BUF_H
#define ELO_BASE_BUF_H

#include <stdarg.h>
#include <stdint.h>

#include "common/base/err.h"
#include "common/base/slice.h"

typedef void *(*elo_realloc_fn)(void *ctx, void *p, size_t old_len, size_t len);

typedef struct {
    uint8_t *p; /* owned */
    size_t len; /* bytes in use */
    size_t _cap;
    size_t _max;             /* len never grows past this */
    elo_realloc_fn _realloc; /* NULL after dispose: nothing can be put */
    void *_ctx;
    elo_err_t _err;
} elo_buf_t;

/* An empty buffer that grows up to max bytes. Dispose with elo_buf_dispose. */
void elo_buf_init(elo_buf_t *b, size_t max);

/* The same over a fixed array of the caller's, which must outlive it: no
   allocation at all; a full array gives ELO_ETOOBIG. */
void elo_buf_init_fixed(elo_buf_t *b, void *mem, size_t len);

/* The same with the caller's allocator: resize(ctx, p, old_len, len) returns
   room for len bytes with the first old_len kept, NULL when there is none.
   Memory is never given back (pools and arenas). */
void elo_buf_init_alloc(elo_buf_t *b, size_t max, elo_realloc_fn resize,
                        void *ctx);

void elo_buf_dispose(elo_buf_t *b);

/* Keeps the memory, forgets content and error. */
void elo_buf_clear(elo_buf_t *b);

/* ELO_OK, ELO_ENOMEM or ELO_ETOOBIG: the first failure of any append. */
elo_err_t elo_buf_err(const elo_buf_t *b) ELO_MUST_USE;

/* Borrowed until the next append. */
elo_slice_t elo_buf_slice(const elo_buf_t *b);

/* Room for n > 0 bytes at the end, counted in len already; NULL on failure.
   Borrowed until the next append. */
uint8_t *elo_buf_extend(elo_buf_t *b, size_t n);

void elo_buf_put(elo_buf_t *b, const void *p, size_t n);
void elo_buf_put_slice(elo_buf_t *b, elo_slice_t s);
void elo_buf_put_str(elo_buf_t *b, const char *s);
void elo_buf_put_u8(elo_buf_t *b, uint8_t v);
/* Big-endian. */
void elo_buf_put_be16(elo_buf_t *b, uint16_t v);
void elo_buf_put_be32(elo_buf_t *b, uint32_t v);
void elo_buf_put_be64(elo_buf_t *b, uint64_t v);
/* Needs room for the NUL of vsnprintf, which is not counted in len. */
void elo_buf_printf(elo_buf_t *b, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));
void elo_buf_vprintf(elo_buf_t *b, const char *fmt, va_list ap)
    __attribute__((format(printf, 2, 0)));

/* Overwrites four bytes at off, which must be below len - 3; for lengths that
   are known only when their block is written. No-op after an error. */
void elo_buf_patch_be32(elo_buf_t *b, size_t off, uint32_t v);

/* NUL-terminates without counting the NUL, which needs room below the cap; ""
   after an error. Borrowed until the next append. */
const char *elo_buf_cstr(elo_buf_t *b);

#endif
