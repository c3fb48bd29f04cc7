/* SPDX-License-Identifier: BSD-2-Clause */
/* base64: RFC 4648, 4 and 5. */
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


void
elo_base64url_encode(const uint8_t *p, size_t n, char *out)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                 "abcdefghijklmnopqrstuvwxyz0123456789-_";

    for (; n >= 3; n -= 3, p += 3) {
        *out++ = digits[p[0] >> 2];
        *out++ = digits[(p[0] & 3) << 4 | p[1] >> 4];
        *out++ = digits[(p[1] & 15) << 2 | p[2] >> 6];
        *out++ = digits[p[2] & 63];
    }
    if (n == 1) {
        *out++ = digits[p[0] >> 2];
        *out++ = digits[(p[0] & 3) << 4];
    } else if (n == 2) {
        *out++ = digits[p[0] >> 2];
        *out++ = digits[(p[0] & 3) << 4 | p[1] >> 4];
        *out++ = digits[(p[1] & 15) << 2];
    }
    *out = '\0';
}


/* Value of a digit of the URL alphabet plus one; 0 for any other byte. */
static const uint8_t url_value[256] = {
    ['A'] = 1,  ['B'] = 2,  ['C'] = 3,  ['D'] = 4,  ['E'] = 5,  ['F'] = 6,
    ['G'] = 7,  ['H'] = 8,  ['I'] = 9,  ['J'] = 10, ['K'] = 11, ['L'] = 12,
    ['M'] = 13, ['N'] = 14, ['O'] = 15, ['P'] = 16, ['Q'] = 17, ['R'] = 18,
    ['S'] = 19, ['T'] = 20, ['U'] = 21, ['V'] = 22, ['W'] = 23, ['X'] = 24,
    ['Y'] = 25, ['Z'] = 26, ['a'] = 27, ['b'] = 28, ['c'] = 29, ['d'] = 30,
    ['e'] = 31, ['f'] = 32, ['g'] = 33, ['h'] = 34, ['i'] = 35, ['j'] = 36,
    ['k'] = 37, ['l'] = 38, ['m'] = 39, ['n'] = 40, ['o'] = 41, ['p'] = 42,
    ['q'] = 43, ['r'] = 44, ['s'] = 45, ['t'] = 46, ['u'] = 47, ['v'] = 48,
    ['w'] = 49, ['x'] = 50, ['y'] = 51, ['z'] = 52, ['0'] = 53, ['1'] = 54,
    ['2'] = 55, ['3'] = 56, ['4'] = 57, ['5'] = 58, ['6'] = 59, ['7'] = 60,
    ['8'] = 61, ['9'] = 62, ['-'] = 63, ['_'] = 64
};


/* The bits of n digits, first digit highest. */
static uint32_t
url_bits(const uint8_t *p, size_t n, bool *is_wrong)
{
    uint32_t bits = 0;

    for (size_t i = 0; i < n; i++) {
        uint8_t v = url_value[p[i]];

        *is_wrong |= v == 0;
        bits = bits << 6 | (uint32_t) (v - 1);
    }
    return bits;
}


elo_err_t
elo_base64url_decode(elo_slice_t s, uint8_t *out, size_t max, size_t *len)
{
    size_t rest = s.len % 4, n = s.len / 4 * 3 + (rest == 0 ? 0 : rest - 1);
    const uint8_t *p = s.p;
    bool is_wrong = false;
    uint32_t bits;

    if (rest == 1) {
        return ELO_EINVAL;
    }
    if (n > max) {
        return ELO_ETOOBIG;
    }
    for (size_t left = s.len / 4; left > 0; left--, p += 4) {
        bits = url_bits(p, 4, &is_wrong);
        *out++ = (uint8_t) (bits >> 16);
        *out++ = (uint8_t) (bits >> 8);
        *out++ = (uint8_t) bits;
    }
    if (rest != 0) {
        bits = url_bits(p, rest, &is_wrong) << (24 - 6 * rest);
        *out++ = (uint8_t) (bits >> 16);
        if (rest == 3) {
            *out = (uint8_t) (bits >> 8);
        }
        is_wrong |= (bits & (rest == 3 ? 0xff : 0xffff)) != 0;
    }
    if (is_wrong) {
        return ELO_EINVAL;
    }
    *len = n;
    return ELO_OK;
}
