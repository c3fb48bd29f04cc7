/* SPDX-License-Identifier: BSD-2-Clause */
/* base64: RFC 4648, 4. */
#include "common/base/base64.h"

static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
                               "abcdefghijklmnopqrstuvwxyz0123456789+/";


void
elo_base64_encode(const uint8_t *p, size_t n, char *out)
{
    for (; n >= 3; n -= 3, p += 3) {
        *out++ = alphabet[p[0] >> 2];
        *out++ = alphabet[(p[0] & 3) << 4 | p[1] >> 4];
        *out++ = alphabet[(p[1] & 15) << 2 | p[2] >> 6];
        *out++ = alphabet[p[2] & 63];
    }
    if (n != 0) {
        uint8_t second = n == 2 ? p[1] : 0;

        *out++ = alphabet[p[0] >> 2];
        *out++ = alphabet[(p[0] & 3) << 4 | second >> 4];
        *out++ = n == 2 ? alphabet[(second & 15) << 2] : '=';
        *out++ = '=';
    }
    *out = '\0';
}


/* Value of a digit; 64 for anything else. */
static uint32_t
value_of(uint8_t c)
{
    if (c >= 'A' && c <= 'Z') {
        return (uint32_t) (c - 'A');
    }
    if (c >= 'a' && c <= 'z') {
        return (uint32_t) (c - 'a' + 26);
    }
    if (c >= '0' && c <= '9') {
        return (uint32_t) (c - '0' + 52);
    }
    return c == '+' ? 62 : c == '/' ? 63 : 64;
}


/* Takes the padding off; false when it isn't what the length calls for. */
static bool
strip(elo_slice_t *s)
{
    size_t n = 0;

    while (n < 2 && n < s->len && s->p[s->len - 1 - n] == '=') {
        n++;
    }
    if (n != 0 && s->len % 4 != 0) {
        return false;
    }
    s->len -= n;
    return s->len % 4 != 1 && (n == 0 || s->len % 4 == 4 - n);
}


elo_err_t
elo_base64_decode(elo_slice_t s, uint8_t *out, size_t max, size_t *len)
{
    uint32_t bits = 0;
    unsigned n_bits = 0;
    size_t n = 0;

    if (!strip(&s)) {
        return ELO_EINVAL;
    }
    if (s.len / 4 * 3 + (s.len % 4 == 0 ? 0 : s.len % 4 - 1) > max) {
        return ELO_ETOOBIG;
    }
    for (size_t i = 0; i < s.len; i++) {
        uint32_t v = value_of(s.p[i]);

        if (v == 64) {
            return ELO_EINVAL;
        }
        bits = bits << 6 | v;
        n_bits += 6;
        if (n_bits >= 8) {
            n_bits -= 8;
            out[n++] = (uint8_t) (bits >> n_bits);
            bits &= (1u << n_bits) - 1;
        }
    }
    if (bits != 0) {
        return ELO_EINVAL;
    }
    *len = n;
    return ELO_OK;
}
