/* SPDX-License-Identifier: BSD-2-Clause */
/* json_write: JSON texts into a buffer. */
#include "backend/json/json_write.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "common/base/utf8.h"

#define REPLACEMENT "\xef\xbf\xbd" /* U+FFFD */


static void
put_escape(elo_buf_t *b, uint8_t c)
{
    switch (c) {
    case '"':
        elo_buf_put(b, "\\\"", 2);
        break;
    case '\\':
        elo_buf_put(b, "\\\\", 2);
        break;
    case '\n':
        elo_buf_put(b, "\\n", 2);
        break;
    case '\r':
        elo_buf_put(b, "\\r", 2);
        break;
    case '\t':
        elo_buf_put(b, "\\t", 2);
        break;
    default:
        elo_buf_printf(b, "\\u%04x", c);
        break;
    }
}


static bool
is_plain(uint8_t c)
{
    return c >= 0x20 && c < 0x7f && c != '"' && c != '\\';
}


void
elo_json_quote(elo_buf_t *b, elo_slice_t s)
{
    size_t i = 0;

    elo_buf_put_u8(b, '"');
    while (i < s.len) {
        size_t start = i;
        uint32_t cp;
        size_t n;

        while (i < s.len && is_plain(s.p[i])) {
            i++;
        }
        elo_buf_put(b, s.p + start, i - start);
        if (i == s.len) {
            break;
        }
        if (s.p[i] < 0x80) {
            put_escape(b, s.p[i++]);
            continue;
        }
        n = elo_utf8_next(elo_slice(s.p + i, s.len - i), &cp);
        if (n == 0) {
            elo_buf_put_str(b, REPLACEMENT);
            i++;
            continue;
        }
        elo_buf_put(b, s.p + i, n);
        i += n;
    }
    elo_buf_put_u8(b, '"');
}


void
elo_json_writer_init(elo_json_writer_t *w, elo_buf_t *b)
{
    *w = (elo_json_writer_t){ ._b = b };
}


/* What stands before a value. */
static void
begin(elo_json_writer_t *w, const char *name)
{
    if (w->_needs_comma) {
        elo_buf_put_u8(w->_b, ',');
    }
    if (name != NULL) {
        elo_json_quote(w->_b, elo_slice_str(name));
        elo_buf_put_u8(w->_b, ':');
    }
    w->_needs_comma = true;
}


static void
open_with(elo_json_writer_t *w, const char *name, uint8_t bracket)
{
    begin(w, name);
    elo_buf_put_u8(w->_b, bracket);
    w->_needs_comma = false;
}


static void
close_with(elo_json_writer_t *w, uint8_t bracket)
{
    elo_buf_put_u8(w->_b, bracket);
    w->_needs_comma = true;
}


void
elo_json_put_object(elo_json_writer_t *w, const char *name)
{
    open_with(w, name, '{');
}


void
elo_json_end_object(elo_json_writer_t *w)
{
    close_with(w, '}');
}


void
elo_json_put_array(elo_json_writer_t *w, const char *name)
{
    open_with(w, name, '[');
}


void
elo_json_end_array(elo_json_writer_t *w)
{
    close_with(w, ']');
}


void
elo_json_put_string(elo_json_writer_t *w, const char *name, elo_slice_t v)
{
    begin(w, name);
    elo_json_quote(w->_b, v);
}


void
elo_json_put_cstr(elo_json_writer_t *w, const char *name, const char *v)
{
    elo_json_put_string(w, name, elo_slice_str(v));
}


void
elo_json_put_u64(elo_json_writer_t *w, const char *name, uint64_t v)
{
    begin(w, name);
    elo_buf_printf(w->_b, "%llu", (unsigned long long) v);
}


void
elo_json_put_number(elo_json_writer_t *w, const char *name, double v)
{
    char text[32];

    if (!isfinite(v)) {
        elo_json_put_null(w, name);
        return;
    }
    begin(w, name);
    for (int digits = 15; digits <= 17; digits++) {
        snprintf(text, sizeof(text), "%.*g", digits, v);
        /* bit for bit: what is meant is the same double */
        if (!islessgreater(strtod(text, NULL), v)) {
            break;
        }
    }
    elo_buf_put_str(w->_b, text);
}


void
elo_json_put_bool(elo_json_writer_t *w, const char *name, bool v)
{
    begin(w, name);
    elo_buf_put_str(w->_b, v ? "true" : "false");
}


void
elo_json_put_null(elo_json_writer_t *w, const char *name)
{
    begin(w, name);
    elo_buf_put_str(w->_b, "null");
}


void
elo_json_put_raw(elo_json_writer_t *w, const char *name, elo_slice_t json)
{
    begin(w, name);
    elo_buf_put_slice(w->_b, json);
}


static bool
put_member(void *ctx, elo_slice_t name, const elo_json_t *value)
{
    elo_json_writer_t *w = ctx;

    /* names are without NUL, and terminated by one */
    elo_json_put_value(w, (const char *) name.p, value);
    return true;
}


static void
put_integer(elo_json_writer_t *w, const char *name, const elo_json_t *v)
{
    int64_t n = 0;

    elo_ignore(!elo_json_integer(v, &n)); /* the kind says that it is one */
    begin(w, name);
    elo_buf_printf(w->_b, "%lld", (long long) n);
}


static void
put_array(elo_json_writer_t *w, const char *name, const elo_json_t *v)
{
    elo_json_put_array(w, name);
    for (size_t i = 0; i < elo_json_len(v); i++) {
        elo_json_put_value(w, NULL, elo_json_at(v, i));
    }
    elo_json_end_array(w);
}


/* Recursion is bounded by ELO_JSON_DEPTH_MAX. */
void
elo_json_put_value(elo_json_writer_t *w, const char *name, const elo_json_t *v)
{
    elo_slice_t text;
    double number;
    bool flag;

    switch (elo_json_kind(v)) {
    case ELO_JSON_NULL:
        elo_json_put_null(w, name);
        break;
    case ELO_JSON_BOOL:
        elo_json_put_bool(w, name, elo_json_bool(v, &flag) && flag);
        break;
    case ELO_JSON_INTEGER:
        put_integer(w, name, v);
        break;
    case ELO_JSON_REAL:
        elo_json_put_number(w, name, elo_json_number(v, &number) ? number : 0);
        break;
    case ELO_JSON_STRING:
        if (elo_json_string(v, &text)) {
            elo_json_put_string(w, name, text);
        }
        break;
    case ELO_JSON_ARRAY:
        put_array(w, name, v);
        break;
    case ELO_JSON_OBJECT:
        elo_json_put_object(w, name);
        elo_json_each(v, put_member, w);
        elo_json_end_object(w);
        break;
    }
}
