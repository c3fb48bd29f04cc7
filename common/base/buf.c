/* SPDX-License-Identifier: BSD-2-Clause */
/* buf: growing byte buffer with a sticky error. */
#include "common/base/buf.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

#define MIN_CAP 256


static void *
heap_realloc(void *ctx, void *p, size_t old_len, size_t len)
{
    (void) ctx;
    (void) old_len;
    return realloc(p, len);
}


static void *
fixed_realloc(void *ctx, void *p, size_t old_len, size_t len)
{
    (void) ctx;
    (void) p;
    (void) old_len;
    (void) len;
    return NULL;
}


void
elo_buf_init(elo_buf_t *b, size_t max)
{
    *b = (elo_buf_t){ ._max = max, ._realloc = heap_realloc };
}


void
elo_buf_init_fixed(elo_buf_t *b, void *mem, size_t len)
{
    *b = (elo_buf_t){
        .p = mem, ._cap = len, ._max = len, ._realloc = fixed_realloc
    };
}


void
elo_buf_init_alloc(elo_buf_t *b, size_t max, elo_realloc_fn resize, void *ctx)
{
    *b = (elo_buf_t){ ._max = max, ._realloc = resize, ._ctx = ctx };
}


void
elo_buf_dispose(elo_buf_t *b)
{
    if (b->_realloc == heap_realloc) {
        free(b->p);
    }
    *b = (elo_buf_t){ 0 };
}


void
elo_buf_clear(elo_buf_t *b)
{
    b->len = 0;
    b->_err = ELO_OK;
}


elo_err_t
elo_buf_err(const elo_buf_t *b)
{
    return b->_err;
}


elo_slice_t
elo_buf_slice(const elo_buf_t *b)
{
    return elo_slice(b->p, b->len);
}


static bool
reserve(elo_buf_t *b, size_t n)
{
    size_t cap;
    void *p;

    if (b->_err != ELO_OK) {
        return false;
    }
    if (n <= b->_cap - b->len) {
        return true;
    }
    if (n > b->_max - b->len || b->_realloc == NULL) {
        b->_err = ELO_ETOOBIG;
        return false;
    }
    cap = b->_cap > b->_max / 2 ? b->_max : b->_cap * 2;
    if (cap < b->len + n) {
        cap = b->len + n;
    }
    if (cap < MIN_CAP) {
        cap = MIN_CAP < b->_max ? MIN_CAP : b->_max;
    }
    p = b->_realloc(b->_ctx, b->p, b->len, cap);
    if (p == NULL) {
        b->_err = ELO_ENOMEM;
        return false;
    }
    b->p = p;
    b->_cap = cap;
    return true;
}


uint8_t *
elo_buf_extend(elo_buf_t *b, size_t n)
{
    uint8_t *p;

    if (!reserve(b, n)) {
        return NULL;
    }
    if (b->p == NULL) {
        return NULL; /* n is 0 and nothing has been put yet */
    }
    p = b->p + b->len;
    b->len += n;
    return p;
}


void
elo_buf_put(elo_buf_t *b, const void *p, size_t n)
{
    uint8_t *to;

    if (n == 0) {
        return;
    }
    to = elo_buf_extend(b, n);
    if (to != NULL) {
        memcpy(to, p, n);
    }
}


void
elo_buf_put_slice(elo_buf_t *b, elo_slice_t s)
{
    elo_buf_put(b, s.p, s.len);
}


void
elo_buf_put_str(elo_buf_t *b, const char *s)
{
    elo_buf_put(b, s, strlen(s));
}


void
elo_buf_put_u8(elo_buf_t *b, uint8_t v)
{
    elo_buf_put(b, &v, 1);
}


void
elo_buf_put_be16(elo_buf_t *b, uint16_t v)
{
    uint8_t *p = elo_buf_extend(b, 2);

    if (p != NULL) {
        p[0] = (uint8_t) (v >> 8);
        p[1] = (uint8_t) v;
    }
}


static void
store_be32(uint8_t *p, uint32_t v)
{
    p[0] = (uint8_t) (v >> 24);
    p[1] = (uint8_t) (v >> 16);
    p[2] = (uint8_t) (v >> 8);
    p[3] = (uint8_t) v;
}


void
elo_buf_put_be32(elo_buf_t *b, uint32_t v)
{
    uint8_t *p = elo_buf_extend(b, 4);

    if (p != NULL) {
        store_be32(p, v);
    }
}


void
elo_buf_put_be64(elo_buf_t *b, uint64_t v)
{
    uint8_t *p = elo_buf_extend(b, 8);

    if (p != NULL) {
        store_be32(p, (uint32_t) (v >> 32));
        store_be32(p + 4, (uint32_t) v);
    }
}


void
elo_buf_patch_be32(elo_buf_t *b, size_t off, uint32_t v)
{
    if (b->_err != ELO_OK) {
        return;
    }
    assert(off <= b->len && b->len - off >= 4);
    store_be32(b->p + off, v);
}


void
elo_buf_vprintf(elo_buf_t *b, const char *fmt, va_list ap)
{
    va_list again;
    char *at;
    int n;

    if (b->_err != ELO_OK) {
        return;
    }
    va_copy(again, ap);
    n = vsnprintf(NULL, 0, fmt, ap);
    if (n < 0) {
        b->_err = ELO_EINVAL;
    } else if (reserve(b, (size_t) n + 1)) {
        /* the NUL that vsnprintf writes is not counted */
        at = (char *) b->p + b->len;
        vsnprintf(at, (size_t) n + 1, fmt, again);
        b->len += (size_t) n;
    }
    va_end(again);
}


void
elo_buf_printf(elo_buf_t *b, const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    elo_buf_vprintf(b, fmt, ap);
    va_end(ap);
}


const char *
elo_buf_cstr(elo_buf_t *b)
{
    if (!reserve(b, 1)) {
        return "";
    }
    b->p[b->len] = '\0';
    return (const char *) b->p;
}
