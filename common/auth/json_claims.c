/* SPDX-License-Identifier: BSD-2-Clause */
/* json_claims: recursive descent over bytes, as deep as ELO_JCLAIM_DEPTH. Spec:
   RFC 8259; the sections are cited. */
#include "common/auth/json_claims.h"

#include "common/base/enc.h"
#include "common/base/utf8.h"

typedef struct {
    uint8_t *p, *end;
    uint32_t n_members; /* so far, at whatever depth */
} cursor_t;

static elo_err_t read_object(cursor_t *c, uint32_t depth, elo_jclaim_t *want,
                             uint32_t n);


static void
skip_blanks(cursor_t *c)
{
    while (c->p < c->end
           && (*c->p == ' ' || *c->p == '\n' || *c->p == '\r' || *c->p == '\t'))
    {
        c->p++;
    }
}


static bool
take(cursor_t *c, uint8_t byte)
{
    if (c->p == c->end || *c->p != byte) {
        return false;
    }
    c->p++;
    return true;
}


/* ---- strings (7) ---- */

/* The four digits behind \u. */
static bool
read_hex4(cursor_t *c, uint32_t *out)
{
    uint8_t b[2];

    if (c->end - c->p < 4 || elo_hex_decode(elo_slice(c->p, 4), b, 2) != ELO_OK)
    {
        return false;
    }
    c->p += 4;
    *out = (uint32_t) b[0] << 8 | b[1];
    return true;
}


/* What stands behind \u, of two of them where the first is half of a pair. */
static bool
read_code_point(cursor_t *c, uint32_t *out)
{
    uint32_t cp, low;

    if (!read_hex4(c, &cp) || cp == 0 || (cp >= 0xdc00 && cp <= 0xdfff)) {
        return false;
    }
    if (cp >= 0xd800 && cp <= 0xdbff) {
        if (!take(c, '\\') || !take(c, 'u') || !read_hex4(c, &low)
            || low < 0xdc00 || low > 0xdfff)
        {
            return false;
        }
        cp = 0x10000 + ((cp - 0xd800) << 10) + (low - 0xdc00);
    }
    *out = cp;
    return true;
}


/* At most four bytes, where an escape of six or twelve stood. */
static uint8_t *
put_utf8(uint8_t *to, uint32_t cp)
{
    if (cp < 0x80) {
        *to++ = (uint8_t) cp;
        return to;
    }
    if (cp < 0x800) {
        *to++ = (uint8_t) (0xc0 | cp >> 6);
    } else {
        if (cp < 0x10000) {
            *to++ = (uint8_t) (0xe0 | cp >> 12);
        } else {
            *to++ = (uint8_t) (0xf0 | cp >> 18);
            *to++ = (uint8_t) (0x80 | (cp >> 12 & 0x3f));
        }
        *to++ = (uint8_t) (0x80 | (cp >> 6 & 0x3f));
    }
    *to++ = (uint8_t) (0x80 | (cp & 0x3f));
    return to;
}


/* Behind a backslash; NULL when it is no escape. */
static uint8_t *
read_escape(cursor_t *c, uint8_t *to)
{
    static const char from[] = "\"\\/bfnrt", into[] = "\"\\/\b\f\n\r\t";
    const char *at;
    uint32_t cp;

    if (take(c, 'u')) {
        return read_code_point(c, &cp) ? put_utf8(to, cp) : NULL;
    }
    at = c->p == c->end ? NULL : memchr(from, *c->p, sizeof(from) - 1);
    if (at == NULL) {
        return NULL;
    }
    c->p++;
    *to++ = (uint8_t) into[at - from];
    return to;
}


/* A string, unescaped in place; of a name, escapes are refused: a name that can
   be written in two ways is two names to somebody. */
static elo_err_t
read_string(cursor_t *c, bool is_name, elo_slice_t *out)
{
    uint8_t *start, *to;

    if (!take(c, '"')) {
        return ELO_EINVAL;
    }
    start = to = c->p;
    while (c->p < c->end && *c->p != '"') {
        uint8_t byte = *c->p;

        if (byte == '\\') {
            c->p++;
            to = is_name ? NULL : read_escape(c, to);
            if (to == NULL) {
                return ELO_EINVAL;
            }
        } else if (byte >= 0x80) {
            elo_slice_t left = elo_slice(c->p, (size_t) (c->end - c->p));
            uint32_t cp;
            size_t n = elo_utf8_next(left, &cp);

            if (n == 0) {
                return ELO_EINVAL;
            }
            memmove(to, c->p, n);
            to += n;
            c->p += n;
        } else if (byte >= 0x20) {
            *to++ = byte;
            c->p++;
        } else {
            return ELO_EINVAL;
        }
    }
    *out = elo_slice(start, (size_t) (to - start));
    return take(c, '"') ? ELO_OK : ELO_EINVAL;
}


/* ---- numbers (6) ---- */

static bool
read_digits(cursor_t *c)
{
    uint8_t *start = c->p;

    while (c->p < c->end && *c->p >= '0' && *c->p <= '9') {
        c->p++;
    }
    return c->p > start;
}


static elo_err_t
read_number(cursor_t *c, elo_jclaim_t *into)
{
    uint8_t *start = c->p, *digits;
    bool is_uint = !take(c, '-');

    digits = c->p;
    if (!read_digits(c) || (*digits == '0' && c->p - digits > 1)) {
        return ELO_EINVAL;
    }
    if (take(c, '.')) {
        is_uint = false;
        if (!read_digits(c)) {
            return ELO_EINVAL;
        }
    }
    if (take(c, 'e') || take(c, 'E')) {
        is_uint = false;
        if (!take(c, '+')) {
            (void) take(c, '-');
        }
        if (!read_digits(c)) {
            return ELO_EINVAL;
        }
    }
    is_uint = is_uint
              && elo_slice_u64(elo_slice(start, (size_t) (c->p - start)),
                               &into->number);
    into->kind = is_uint ? ELO_JCLAIM_UINT : ELO_JCLAIM_OTHER;
    return ELO_OK;
}


/* ---- values (3) ---- */

static elo_err_t
read_word(cursor_t *c, elo_slice_t word)
{
    if (!elo_slice_has_prefix(elo_slice(c->p, (size_t) (c->end - c->p)), word))
    {
        return ELO_EINVAL;
    }
    c->p += word.len;
    return ELO_OK;
}


static elo_err_t read_array(cursor_t *c, uint32_t depth, elo_jclaim_t *into);


static elo_err_t
read_value(cursor_t *c, uint32_t depth, elo_jclaim_t *into)
{
    into->kind = ELO_JCLAIM_OTHER;
    if (c->p == c->end) {
        return ELO_EINVAL;
    }
    switch (*c->p) {
    case '"':
        into->kind = ELO_JCLAIM_TEXT;
        return read_string(c, false, &into->text);
    case '{':
        return read_object(c, depth + 1, NULL, 0);
    case '[':
        return read_array(c, depth + 1, into);
    case 't':
        return read_word(c, ELO_SLICE("true"));
    case 'f':
        return read_word(c, ELO_SLICE("false"));
    case 'n':
        return read_word(c, ELO_SLICE("null"));
    default:
        return read_number(c, into);
    }
}


/* An array's items go where the caller has room for strings. */
static elo_err_t
put_item(elo_jclaim_t *into, const elo_jclaim_t *item)
{
    if (item->kind != ELO_JCLAIM_TEXT) {
        into->kind = ELO_JCLAIM_OTHER;
    } else if (into->items != NULL) {
        if (into->n_items == into->max_items) {
            return ELO_ETOOBIG;
        }
        into->items[into->n_items++] = item->text;
    }
    return ELO_OK;
}


static elo_err_t
read_array(cursor_t *c, uint32_t depth, elo_jclaim_t *into)
{
    elo_jclaim_t item = { .items = NULL };
    elo_err_t rc;

    if (depth > ELO_JCLAIM_DEPTH) {
        return ELO_ETOOBIG;
    }
    into->kind = ELO_JCLAIM_TEXTS;
    c->p++;
    skip_blanks(c);
    if (take(c, ']')) {
        return ELO_OK;
    }
    do {
        skip_blanks(c);
        if ((rc = read_value(c, depth, &item)) != ELO_OK
            || (rc = put_item(into, &item)) != ELO_OK)
        {
            return rc;
        }
        skip_blanks(c);
    } while (take(c, ','));
    return take(c, ']') ? ELO_OK : ELO_EINVAL;
}


static elo_jclaim_t *
find(elo_jclaim_t *want, uint32_t n, elo_slice_t name)
{
    for (uint32_t i = 0; i < n; i++) {
        if (elo_slice_eq(want[i].name, name)) {
            return &want[i];
        }
    }
    return NULL;
}


/* The name of the next member, added to those seen, and its colon. */
static elo_err_t
read_name(cursor_t *c, elo_slice_t *seen, uint32_t n_seen)
{
    elo_slice_t *out = &seen[n_seen];
    elo_err_t rc;

    if (c->n_members++ == ELO_JCLAIM_MEMBERS) {
        return ELO_ETOOBIG;
    }
    skip_blanks(c);
    if ((rc = read_string(c, true, out)) != ELO_OK) {
        return rc;
    }
    for (uint32_t i = 0; i < n_seen; i++) {
        if (elo_slice_eq(seen[i], *out)) {
            return ELO_EINVAL;
        }
    }
    skip_blanks(c);
    if (!take(c, ':')) {
        return ELO_EINVAL;
    }
    skip_blanks(c);
    return ELO_OK;
}


static elo_err_t
read_object(cursor_t *c, uint32_t depth, elo_jclaim_t *want, uint32_t n)
{
    elo_jclaim_t other = { .items = NULL };
    elo_slice_t seen[ELO_JCLAIM_MEMBERS];
    uint32_t n_seen = 0;
    elo_err_t rc;

    if (!take(c, '{')) {
        return ELO_EINVAL;
    }
    if (depth > ELO_JCLAIM_DEPTH) {
        return ELO_ETOOBIG;
    }
    skip_blanks(c);
    if (take(c, '}')) {
        return ELO_OK;
    }
    do {
        elo_jclaim_t *into;

        if ((rc = read_name(c, seen, n_seen)) != ELO_OK) {
            return rc;
        }
        into = find(want, n, seen[n_seen++]);
        if ((rc = read_value(c, depth, into != NULL ? into : &other)) != ELO_OK)
        {
            return rc;
        }
        skip_blanks(c);
    } while (take(c, ','));
    return take(c, '}') ? ELO_OK : ELO_EINVAL;
}


elo_err_t
elo_jclaims_read(uint8_t *text, size_t len, elo_jclaim_t *want, uint32_t n)
{
    cursor_t c = { text, text + len, 0 };
    elo_err_t rc;

    for (uint32_t i = 0; i < n; i++) {
        want[i].kind = ELO_JCLAIM_ABSENT;
        want[i].n_items = 0;
    }
    skip_blanks(&c);
    if ((rc = read_object(&c, 1, want, n)) != ELO_OK) {
        return rc;
    }
    skip_blanks(&c);
    return c.p == c.end ? ELO_OK : ELO_EINVAL;
}
