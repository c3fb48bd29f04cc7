/* SPDX-License-Identifier: BSD-2-Clause */
/* filter: see the header. */
#include "backend/node/filter.h"

#include <stdarg.h>
#include <stdio.h>

#include "backend/node/content_fields.h"
#include "backend/node/shape.h"
#include "common/auth/agent_text.h"
#include "common/base/crypto.h"
#include "common/base/enc.h"
#include "common/base/num.h"

#define NAME_SHOWN 48  /* of one that isn't known */
#define TAG_MAX    128 /* characters, as of a node's */
#define TEXT_ROOM  (ELO_FILTER_TAGS_MAX * (4 * TAG_MAX + 2) + 1024)

typedef struct {
    elo_filter_t *f;
    elo_content_fault_t *fault;
    uint32_t seen; /* bits of params */
} parse_t;

typedef bool (*take_fn)(parse_t *p, elo_slice_t value);


static bool bad(parse_t *p, const char *name, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));


static bool
bad(parse_t *p, const char *name, const char *fmt, ...)
{
    char what[192];
    va_list ap;

    va_start(ap, fmt);
    vsnprintf(what, sizeof(what), fmt, ap);
    va_end(ap);
    snprintf(p->fault->field, sizeof(p->fault->field), "%s", name);
    snprintf(p->fault->detail, sizeof(p->fault->detail), "%s %s", name, what);
    return false;
}


/* ---- one function a parameter ---- */

static bool
take_limit(parse_t *p, elo_slice_t v)
{
    uint64_t n;

    if (!elo_slice_u64(v, &n) || n == 0) {
        return bad(p, "limit", "must be a number from 1");
    }
    p->f->limit = (uint32_t) ELO_MIN(n, (uint64_t) ELO_FILTER_LIMIT_MAX);
    return true;
}


static bool
take_cursor(parse_t *p, elo_slice_t v)
{
    if (v.len == 0 || v.len > ELO_FILTER_CURSOR_MAX) {
        return bad(p, "cursor", "must be what \"next\" was");
    }
    p->f->cursor = v;
    return true;
}


static bool
take_after(parse_t *p, elo_slice_t v)
{
    if (!elo_content_id_ok(v)) {
        return bad(p, "after", "must be the id of a content");
    }
    p->f->after = v;
    return true;
}


static bool
take_owner(parse_t *p, elo_slice_t v)
{
    if (elo_agent_text_parse(v, &p->f->owner) != ELO_OK) {
        return bad(p, "owner",
                   "must be an agent: 64 hex digits, uhCAk…, 12D3KooW… or "
                   "did:key:z6Mk…");
    }
    p->f->has_owner = true;
    return true;
}


static bool
take_reach(parse_t *p, elo_slice_t v)
{
    if (!elo_reach_parse(v, &p->f->reach)) {
        return bad(p, "reach",
                   "must be one of private, invited, local, neighborhood, "
                   "municipal, bioregional, regional, commons");
    }
    p->f->has_reach = true;
    return true;
}


/* Position of v in words; -1: with the fault set. */
static int
word_of(parse_t *p, const char *name, const char *const *words, elo_slice_t v)
{
    char list[160] = "";
    size_t len = 0;

    for (int i = 0; words[i] != NULL; i++) {
        if (elo_slice_eq(v, elo_slice_str(words[i]))) {
            return i;
        }
        if (len < sizeof(list)) {
            len += (size_t) snprintf(list + len, sizeof(list) - len, "%s%s",
                                     i == 0 ? "" : ", ", words[i]);
        }
    }
    bad(p, name, "must be one of %s", list);
    return -1;
}


static bool
take_lifecycle(parse_t *p, elo_slice_t v)
{
    int at = word_of(p, "lifecycle", elo_content_lifecycles, v);

    p->f->has_lifecycle = at >= 0;
    p->f->lifecycle = (elo_lifecycle_t) ELO_MAX(at, 0);
    return at >= 0;
}


static bool
take_format(parse_t *p, elo_slice_t v)
{
    int at = word_of(p, "format", elo_content_formats, v);

    if (at >= 0) {
        p->f->format = elo_slice_str(elo_content_formats[at]);
    }
    return at >= 0;
}


static bool
take_tag(parse_t *p, elo_slice_t v)
{
    size_t n = elo_shape_text_len(v, false);

    if (n == 0 || n > TAG_MAX) {
        return bad(p, "tag", "must have 1 to %d characters", TAG_MAX);
    }
    if (p->f->n_tags == ELO_FILTER_TAGS_MAX) {
        return bad(p, "tag", "may be asked for at most %u times",
                   ELO_FILTER_TAGS_MAX);
    }
    p->f->tags[p->f->n_tags++] = v;
    return true;
}


static bool
take_related(parse_t *p, elo_slice_t v)
{
    if (!elo_content_id_ok(v)) {
        return bad(p, "related", "must be the id of a content");
    }
    p->f->related = v;
    return true;
}


static const struct {
    const char *name;
    take_fn take;
    bool is_many;
} params[] = {
    { "limit", take_limit, false },     { "cursor", take_cursor, false },
    { "after", take_after, false },     { "owner", take_owner, false },
    { "reach", take_reach, false },     { "lifecycle", take_lifecycle, false },
    { "format", take_format, false },   { "tag", take_tag, true },
    { "related", take_related, false },
};


/* ---- the query ---- */

/* Names come from outside: what isn't plain is shown as '?'. */
static bool
bad_name(parse_t *p, elo_slice_t name)
{
    char shown[NAME_SHOWN + 1];
    size_t n = ELO_MIN(name.len, (size_t) NAME_SHOWN);

    for (size_t i = 0; i < n; i++) {
        uint8_t c = name.p[i];

        shown[i] = c > ' ' && c < 0x7f ? (char) c : '?';
    }
    shown[n] = '\0';
    bad(p, shown,
        "is no parameter of this list; there are limit, cursor, "
        "owner, reach, lifecycle, format, tag and related");
    return false;
}


static bool
take_pair(parse_t *p, elo_slice_t name, elo_slice_t raw)
{
    elo_filter_t *f = p->f;
    uint8_t *to = f->_room + f->_used;
    size_t i = 0, len;

    while (i < ELO_COUNT(params)
           && !elo_slice_eq(name, elo_slice_str(params[i].name)))
    {
        i++;
    }
    if (i == ELO_COUNT(params)) {
        return bad_name(p, name);
    }
    if ((p->seen >> i & 1) != 0 && !params[i].is_many) {
        return bad(p, params[i].name, "stands there twice");
    }
    p->seen |= 1u << i;
    if (raw.len > sizeof(f->_room) - f->_used) {
        return bad(p, params[i].name, "is too long");
    }
    if (elo_percent_decode(raw, to, &len) != ELO_OK) {
        return bad(p, params[i].name, "has a malformed escape");
    }
    f->_used += len;
    return params[i].take(p, elo_slice(to, len));
}


static bool
take_all(parse_t *p, elo_slice_t query)
{
    size_t start = 0;

    for (size_t i = 0; i <= query.len; i++) {
        elo_slice_t pair, value;
        size_t eq = 0;

        if (i < query.len && query.p[i] != '&') {
            continue;
        }
        pair = elo_slice(query.p + start, i - start);
        start = i + 1;
        if (pair.len == 0) {
            continue;
        }
        while (eq < pair.len && pair.p[eq] != '=') {
            eq++;
        }
        value = eq == pair.len ? elo_slice(pair.p + eq, 0)
                               : elo_slice(pair.p + eq + 1, pair.len - eq - 1);
        if (!take_pair(p, elo_slice(pair.p, eq), value)) {
            return false;
        }
    }
    return true;
}


elo_err_t
elo_filter_parse(elo_slice_t query, elo_filter_t *out,
                 elo_content_fault_t *fault)
{
    parse_t p = { .f = out, .fault = fault };

    *out = (elo_filter_t){ .limit = ELO_FILTER_LIMIT };
    *fault = (elo_content_fault_t){ 0 };
    if (!take_all(&p, query)) {
        return ELO_EINVAL;
    }
    if (out->cursor.len > 0 && out->after.len > 0) {
        elo_ignore(!bad(&p, "after", "and cursor exclude each other"));
        return ELO_EINVAL;
    }
    return ELO_OK;
}


/* ---- */

static void
put_text(elo_buf_t *b, elo_slice_t s)
{
    elo_buf_put_be16(b, (uint16_t) s.len);
    elo_buf_put_slice(b, s);
}


elo_err_t
elo_filter_digest(const elo_filter_t *f, elo_digest_t *out)
{
    uint8_t mem[TEXT_ROOM];
    elo_buf_t b;
    elo_err_t rc;

    elo_buf_init_fixed(&b, mem, sizeof(mem));
    elo_buf_put_u8(&b, f->has_owner);
    elo_buf_put(&b, f->owner.b, sizeof(f->owner.b));
    elo_buf_put_u8(&b, f->has_reach ? (uint8_t) (1 + f->reach) : 0);
    elo_buf_put_u8(&b, f->has_lifecycle ? (uint8_t) (1 + f->lifecycle) : 0);
    put_text(&b, f->format);
    put_text(&b, f->related);
    for (uint32_t i = 0; i < f->n_tags; i++) {
        put_text(&b, f->tags[i]);
    }
    rc = elo_buf_err(&b);
    return rc != ELO_OK ? rc : elo_sha256(elo_buf_slice(&b), out);
}


bool
elo_filter_needs_text(const elo_filter_t *f)
{
    return f->format.len > 0 || f->n_tags > 0 || f->related.len > 0;
}


bool
elo_filter_matches_text(const elo_filter_t *f, const elo_content_t *n)
{
    if (f->format.len > 0 && !elo_slice_eq(f->format, n->format)) {
        return false;
    }
    for (uint32_t i = 0; i < f->n_tags; i++) {
        if (!elo_content_has_tag(n, f->tags[i])) {
            return false;
        }
    }
    return f->related.len == 0 || elo_content_relates_to(n, f->related);
}
