/* SPDX-License-Identifier: BSD-2-Clause */
/* audit_entry: see the header. */
#include "backend/api/audit_entry.h"

#include "common/base/cbor.h"
#include "common/base/num.h"

#define VERSION 1
#define ITEMS   11u /* of an entry */

static const char *const class_names[] = {
    "none", "use", "operator", "refusal", "lost",
};

static const char *const via_names[] = {
    "none", "edge", "bytes", "content", "list", "write",
};

static const char *const op_names[ELO_OP_COUNT] = {
    [ELO_OP_READ] = "read",     [ELO_OP_UPLOAD] = "upload",
    [ELO_OP_CHANGE] = "change", [ELO_OP_PURGE] = "purge",
    [ELO_OP_MANAGE] = "manage",
};


/* ---- writing ---- */

static void
put_agent(elo_buf_t *b, const elo_agent_t *a)
{
    if (elo_agent_is_zero(a)) {
        elo_cbor_put_null(b);
    } else {
        elo_cbor_put_bytes(b, elo_slice(a->b, sizeof(a->b)));
    }
}


static void
put_digest(elo_buf_t *b, const elo_digest_t *d)
{
    elo_cbor_put_bytes(b, elo_slice(d->b, sizeof(d->b)));
}


void
elo_audit_put_what(elo_buf_t *b, const elo_audit_what_t *w)
{
    elo_cbor_put_uint(b, w->class);
    elo_cbor_put_uint(b, w->rule);
    put_agent(b, &w->agent);
    put_agent(b, &w->owner);
    if (w->has_digest) {
        put_digest(b, &w->digest);
    } else if (w->content.len > 0) {
        elo_cbor_put_text(b, w->content);
    } else {
        elo_cbor_put_null(b);
    }
    if (w->has_by) {
        put_digest(b, &w->by);
    } else {
        elo_cbor_put_null(b);
    }
    elo_cbor_put_uint(b, w->op);
    elo_cbor_put_uint(b, w->via);
}


void
elo_audit_put_entry(elo_buf_t *b, int64_t time, uint64_t count,
                    elo_slice_t what)
{
    elo_cbor_put_head(b, ELO_CBOR_ARRAY, ITEMS);
    elo_cbor_put_uint(b, VERSION);
    elo_cbor_put_uint(b, (uint64_t) time);
    elo_cbor_put_uint(b, count);
    elo_buf_put_slice(b, what);
}


/* ---- reading ---- */

/* 32 bytes, or null: *has says which. */
static bool
read_32(elo_cbor_t *c, uint8_t out[ELO_SHA256_LEN], bool *has)
{
    elo_slice_t v = { 0 };

    *has = !elo_cbor_null(c);
    if (!*has) {
        return true;
    }
    if (!elo_cbor_bytes(c, &v) || v.len != ELO_SHA256_LEN) {
        return false;
    }
    memcpy(out, v.p, ELO_SHA256_LEN);
    return true;
}


/* An address is bytes, an id is text. */
static bool
read_content(elo_cbor_t *c, elo_audit_what_t *w)
{
    elo_cbor_t at = *c;
    elo_slice_t v;

    if (elo_cbor_text(&at, &v)) {
        *c = at;
        w->content = v;
        return v.len > 0 && v.len <= ELO_CONTENT_ID_MAX;
    }
    return read_32(c, w->digest.b, &w->has_digest);
}


static bool
read_small(elo_cbor_t *c, uint64_t max, uint64_t *out)
{
    return elo_cbor_uint(c, out) && *out <= max;
}


static bool
read_what(elo_cbor_t *c, elo_audit_what_t *w)
{
    uint64_t class = 0, rule = 0, op = 0, via = 0;
    bool has_agent, has_owner;

    if (!read_small(c, ELO_AUDIT_CLASSES, &class) || class == 0
        || !read_small(c, ELO_RULE_NOT_ADMIN, &rule)
        || !read_32(c, w->agent.b, &has_agent)
        || !read_32(c, w->owner.b, &has_owner) || !read_content(c, w)
        || !read_32(c, w->by.b, &w->has_by)
        || !read_small(c, ELO_OP_COUNT - 1, &op)
        || !read_small(c, ELO_AUDIT_VIAS - 1, &via))
    {
        return false;
    }
    w->class = (elo_audit_class_t) class;
    w->rule = (elo_rule_t) rule;
    w->op = (elo_op_t) op;
    w->via = (elo_audit_via_t) via;
    return true;
}


elo_err_t
elo_audit_parse(elo_slice_t bytes, elo_audit_entry_t *out)
{
    uint64_t n = 0, version = 0, time = 0;
    elo_audit_entry_t e = { 0 };
    elo_cbor_t c;

    elo_cbor_init(&c, bytes);
    if (!elo_cbor_array(&c, &n) || n != ITEMS || !elo_cbor_uint(&c, &version)
        || version != VERSION || !elo_cbor_uint(&c, &time) || time > INT64_MAX
        || !elo_cbor_uint(&c, &e.count) || e.count == 0
        || !read_what(&c, &e.what) || !elo_cbor_end(&c))
    {
        return ELO_ECORRUPT;
    }
    e.time = (int64_t) time;
    *out = e;
    return ELO_OK;
}


/* ---- names ---- */

const char *
elo_audit_class_name(elo_audit_class_t c)
{
    return class_names[(unsigned) c < ELO_COUNT(class_names) ? (unsigned) c
                                                             : 0];
}


const char *
elo_audit_via_name(elo_audit_via_t v)
{
    return via_names[(unsigned) v < ELO_COUNT(via_names) ? (unsigned) v : 0];
}


const char *
elo_op_name(elo_op_t op)
{
    return (unsigned) op < ELO_OP_COUNT ? op_names[op] : "none";
}


bool
elo_op_parse(elo_slice_t name, elo_op_t *out)
{
    for (unsigned i = 0; i < ELO_OP_COUNT; i++) {
        if (elo_slice_eq(name, elo_slice_str(op_names[i]))) {
            *out = (elo_op_t) i;
            return true;
        }
    }
    return false;
}
