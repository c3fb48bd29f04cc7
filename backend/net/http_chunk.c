/* SPDX-License-Identifier: BSD-2-Clause */
/* http_chunk: see the header.

     SIZE ── digits, CR ──► SIZE_LF ──► DATA ──► DATA_CR ──► DATA_LF ──► SIZE
                               └─ size 0 ─► LINE ── CR ──► END_LF ──► DONE
                                             └─ other ─► TRAILER ─► TRAILER_LF
                                                                     └─► LINE */
#include "backend/net/http_chunk.h"

#include "common/base/num.h"

enum {
    SIZE,
    SIZE_LF,
    DATA,
    DATA_CR,
    DATA_LF,
    LINE, /* at the start of a line after the last chunk */
    TRAILER,
    TRAILER_LF,
    END_LF,
    DONE,
    BAD
};

#define SIZE_DIGITS_MAX 15 /* below 2^60: no overflow, and enough */


void
elo_http_chunk_init(elo_http_chunk_t *c)
{
    *c = (elo_http_chunk_t){ ._state = SIZE };
}


static int
hex_value(uint8_t ch)
{
    if (ch >= '0' && ch <= '9') {
        return ch - '0';
    }
    ch |= 0x20;
    return ch >= 'a' && ch <= 'f' ? ch - 'a' + 10 : -1;
}


static int
step_size(elo_http_chunk_t *c, uint8_t ch)
{
    int v = hex_value(ch);

    if (v >= 0) {
        if (c->_n == SIZE_DIGITS_MAX) {
            return BAD;
        }
        c->_n++;
        c->_left = c->_left * 16 + (uint64_t) v;
        return SIZE;
    }
    return ch == '\r' && c->_n != 0 ? SIZE_LF : BAD;
}


static int
step_trailer(elo_http_chunk_t *c, uint8_t ch)
{
    if (++c->_n > ELO_HTTP_TRAILER_MAX) {
        return BAD;
    }
    if (ch == '\r') {
        return c->_state == LINE ? END_LF : TRAILER_LF;
    }
    return (ch < 0x20 && ch != '\t') || ch == 0x7f ? BAD : TRAILER;
}


/* The state after one byte that isn't data. */
static int
step(elo_http_chunk_t *c, uint8_t ch)
{
    switch (c->_state) {
    case SIZE:
        return step_size(c, ch);
    case SIZE_LF:
        c->_n = 0;
        if (ch != '\n') {
            return BAD;
        }
        return c->_left != 0 ? DATA : LINE;
    case DATA_CR:
        return ch == '\r' ? DATA_LF : BAD;
    case DATA_LF:
        return ch == '\n' ? SIZE : BAD;
    case LINE:
    case TRAILER:
        return step_trailer(c, ch);
    case TRAILER_LF:
        return ch == '\n' ? LINE : BAD;
    case END_LF:
        return ch == '\n' ? DONE : BAD;
    default:
        return BAD;
    }
}


elo_err_t
elo_http_chunk_decode(elo_http_chunk_t *c, uint8_t *in, size_t len,
                      size_t *out_len, size_t *used)
{
    size_t r = 0;
    size_t w = 0;

    while (r < len && c->_state != DONE && c->_state != BAD) {
        if (c->_state == DATA) {
            size_t n = (size_t) ELO_MIN(c->_left, (uint64_t) (len - r));

            if (w != r) {
                memmove(in + w, in + r, n);
            }
            w += n;
            r += n;
            c->_left -= n;
            if (c->_left == 0) {
                c->_state = DATA_CR;
            }
            continue;
        }
        c->_state = step(c, in[r]);
        r++;
    }
    *out_len = w;
    *used = r;
    if (c->_state == BAD) {
        return ELO_EINVAL;
    }
    return c->_state == DONE ? ELO_OK : ELO_EAGAIN;
}


uint64_t
elo_http_chunk_min_left(const elo_http_chunk_t *c)
{
    switch (c->_state) {
    case DATA:
        return c->_left + 7; /* CR LF, "0" CR LF, CR LF */
    case DONE:
    case BAD:
        return 0;
    default:
        return 1;
    }
}
