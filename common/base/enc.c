/* SPDX-License-Identifier: BSD-2-Clause */
/* enc: text encodings of bytes. Spec: RFC 4648 (hex, base32), RFC 3986, 2.1
   (percent), the Bitcoin alphabet for base58, multibase's for base36. */
#include "common/base/enc.h"

#define RADIX_MAX_TEXT 128 /* conversion is quadratic in the length */

static const char base58_digits[] =
    "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz";
static const char base36_digits[] = "0123456789abcdefghijklmnopqrstuvwxyz";


/* Value of a hexadecimal digit plus one; 0 for any other byte. */
static const uint8_t hex_value[256] = {
    ['0'] = 1,  ['1'] = 2,  ['2'] = 3,  ['3'] = 4,  ['4'] = 5,  ['5'] = 6,
    ['6'] = 7,  ['7'] = 8,  ['8'] = 9,  ['9'] = 10, ['a'] = 11, ['b'] = 12,
    ['c'] = 13, ['d'] = 14, ['e'] = 15, ['f'] = 16, ['A'] = 11, ['B'] = 12,
    ['C'] = 13, ['D'] = 14, ['E'] = 15, ['F'] = 16
};


void
elo_hex_encode(const uint8_t *p, size_t n, char *out)
{
    static const char digits[] = "0123456789abcdef";

    for (size_t i = 0; i < n; i++) {
        *out++ = digits[p[i] >> 4];
        *out++ = digits[p[i] & 15];
    }
    *out = '\0';
}


void
elo_hex_u64(uint64_t v, char out[17])
{
    uint8_t be[8];

    for (int i = 0; i < 8; i++) {
        be[i] = (uint8_t) (v >> (56 - 8 * i));
    }
    elo_hex_encode(be, sizeof(be), out);
}


elo_err_t
elo_hex_decode(elo_slice_t s, uint8_t *out, size_t n)
{
    bool is_wrong = false;

    if (s.len / 2 != n || s.len % 2 != 0) {
        return ELO_EINVAL;
    }
    for (size_t i = 0; i < s.len; i++) {
        is_wrong |= hex_value[s.p[i]] == 0;
    }
    if (is_wrong) {
        return ELO_EINVAL;
    }
    for (size_t i = 0; i < n; i++) {
        out[i] = (uint8_t) ((hex_value[s.p[2 * i]] - 1) << 4
                            | (hex_value[s.p[2 * i + 1]] - 1));
    }
    return ELO_OK;
}


void
elo_base32_encode(const uint8_t *p, size_t n, char *out)
{
    static const char alphabet[] = "abcdefghijklmnopqrstuvwxyz234567";
    uint32_t acc = 0;
    unsigned bits = 0;

    for (size_t i = 0; i < n; i++) {
        acc = (acc << 8 | p[i]) & 0xfff;
        bits += 8;
        while (bits >= 5) {
            bits -= 5;
            *out++ = alphabet[acc >> bits & 31];
        }
    }
    if (bits > 0) {
        *out++ = alphabet[acc << (5 - bits) & 31];
    }
    *out = '\0';
}


/* base is 'a' or 'A': the case that the whole text has. */
static int
base32_value(uint8_t c, uint8_t base)
{
    if (c >= base && c < base + 26) {
        return c - base;
    }
    if (c >= '2' && c <= '7') {
        return c - '2' + 26;
    }
    return -1;
}


static uint8_t
base32_case(elo_slice_t s)
{
    for (size_t i = 0; i < s.len; i++) {
        if (s.p[i] >= 'A' && s.p[i] <= 'Z') {
            return 'A';
        }
        if (s.p[i] >= 'a' && s.p[i] <= 'z') {
            return 'a';
        }
    }
    return 'a';
}


elo_err_t
elo_base32_decode(elo_slice_t s, uint8_t *out, size_t max, size_t *len)
{
    uint8_t base = base32_case(s);
    uint32_t acc = 0;
    unsigned bits = 0;
    size_t n = 0;
    int v;

    for (size_t i = 0; i < s.len; i++) {
        v = base32_value(s.p[i], base);
        if (v < 0) {
            return ELO_EINVAL;
        }
        acc = (acc << 5 | (uint32_t) v) & 0xfff;
        bits += 5;
        if (bits >= 8) {
            bits -= 8;
            if (n == max) {
                return ELO_ETOOBIG;
            }
            out[n++] = (uint8_t) (acc >> bits);
        }
    }
    /* a character that adds no whole bit of a byte is superfluous */
    if (bits >= 5 || (acc & ((1u << bits) - 1)) != 0) {
        return ELO_EINVAL;
    }
    *len = n;
    return ELO_OK;
}


static int
radix_value(uint8_t c, const char *digits)
{
    const char *at = c == '\0' ? NULL : strchr(digits, c);

    return at == NULL ? -1 : (int) (at - digits);
}


/* A number in a base that is no power of two; its zeros in front stand for a
   zero byte each. */
static elo_err_t
radix_decode(elo_slice_t s, const char *digits, uint8_t *out, size_t max,
             size_t *len)
{
    uint32_t base = (uint32_t) strlen(digits);
    uint8_t num[RADIX_MAX_TEXT]; /* little-endian, one byte a digit at most */
    size_t n = 0, zeros = 0;
    uint32_t carry;
    int v;

    if (s.len > RADIX_MAX_TEXT) {
        return ELO_ETOOBIG;
    }
    while (zeros < s.len && s.p[zeros] == (uint8_t) digits[0]) {
        zeros++;
    }
    for (size_t i = zeros; i < s.len; i++) {
        v = radix_value(s.p[i], digits);
        if (v < 0) {
            return ELO_EINVAL;
        }
        carry = (uint32_t) v;
        for (size_t k = 0; k < n; k++) {
            carry += (uint32_t) num[k] * base;
            num[k] = (uint8_t) carry;
            carry >>= 8;
        }
        if (carry > 0) {
            num[n++] = (uint8_t) carry;
        }
    }
    if (zeros > max || n > max - zeros) {
        return ELO_ETOOBIG;
    }
    memset(out, 0, zeros);
    for (size_t k = 0; k < n; k++) {
        out[zeros + k] = num[n - 1 - k];
    }
    *len = zeros + n;
    return ELO_OK;
}


elo_err_t
elo_base58_decode(elo_slice_t s, uint8_t *out, size_t max, size_t *len)
{
    return radix_decode(s, base58_digits, out, max, len);
}


elo_err_t
elo_base36_decode(elo_slice_t s, uint8_t *out, size_t max, size_t *len)
{
    return radix_decode(s, base36_digits, out, max, len);
}


void
elo_base58_encode(const uint8_t *p, size_t n, char *out)
{
    size_t zeros = 0, len = 0;
    uint32_t carry;

    while (zeros < n && p[zeros] == 0) {
        out[zeros++] = base58_digits[0];
    }
    out += zeros;
    /* the digits' values, the least first */
    for (size_t i = zeros; i < n; i++) {
        carry = p[i];
        for (size_t k = 0; k < len; k++) {
            carry += (uint32_t) (uint8_t) out[k] << 8;
            out[k] = (char) (carry % 58);
            carry /= 58;
        }
        for (; carry > 0; carry /= 58) {
            out[len++] = (char) (carry % 58);
        }
    }
    for (size_t k = 0; k < len / 2; k++) {
        char least = out[k];

        out[k] = out[len - 1 - k];
        out[len - 1 - k] = least;
    }
    for (size_t k = 0; k < len; k++) {
        out[k] = base58_digits[(uint8_t) out[k]];
    }
    out[len] = '\0';
}


elo_err_t
elo_percent_decode(elo_slice_t s, uint8_t *out, size_t *len)
{
    size_t n = 0;
    uint8_t c;

    for (size_t i = 0; i < s.len; i++) {
        if (s.p[i] != '%') {
            out[n++] = s.p[i];
            continue;
        }
        if (s.len - i < 3
            || elo_hex_decode(elo_slice(s.p + i + 1, 2), &c, 1) != ELO_OK
            || c == 0)
        {
            return ELO_EINVAL;
        }
        out[n++] = c;
        i += 2;
    }
    *len = n;
    return ELO_OK;
}
