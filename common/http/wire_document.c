/* SPDX-License-Identifier: BSD-2-Clause */
/* wire_document: see the header, which has the byte table. Fields and entity tag end up
   in a header: they are checked as if they came from outside. */
#include "common/http/wire_document.h"

#include "common/base/rd.h"
#include "common/cache/generation.h"
#include "common/http/wire_internal.h"

#define BARE (ELO_WIRE_SAME | ELO_WIRE_LARGE)

/* Of a message: where its stamps are, around reach and flags. */
#define HARD_AT  ELO_WIRE_HEADER_LEN
#define HARD_LEN (8 + 4)
#define SOFT_AT  (HARD_AT + HARD_LEN + 2)
#define SOFT_LEN (8 + 4)


/* ---- writing ---- */

elo_err_t
elo_wire_put_document(elo_buf_t *b, const elo_document_t *d)
{
    size_t at;

    if (d->etag.len > ELO_DOCUMENT_ETAG || d->content_type.len > ELO_MIME_MAX
        || d->fields.len > ELO_DOCUMENT_FIELDS
        || d->body.len > ELO_DOCUMENT_MAX)
    {
        return ELO_ETOOBIG;
    }
    elo_wire_begin(b, ELO_WIRE_DOCUMENT, &at);
    elo_wire_put_head(b, &d->head);
    elo_buf_put_be64(b, d->changed_generation);
    elo_buf_put_be32(b, d->changed_slot);
    elo_buf_put_be16(b, d->status);
    elo_buf_put(b, d->tag, sizeof(d->tag));
    elo_wire_put_str16(b, d->etag);
    elo_wire_put_str16(b, d->content_type);
    elo_wire_put_str16(b, d->fields);
    elo_buf_put_be32(b, (uint32_t) d->body.len);
    elo_buf_put_slice(b, d->body);
    return elo_wire_end(b, at);
}


/* ---- reading ---- */

/* A value that can't end its line. */
static bool
value_ok(elo_slice_t s)
{
    for (size_t i = 0; i < s.len; i++) {
        if ((s.p[i] < ' ' && s.p[i] != '\t') || s.p[i] == 0x7f) {
            return false;
        }
    }
    return true;
}


static bool
name_ok(elo_slice_t s)
{
    for (size_t i = 0; i < s.len; i++) {
        uint8_t c = s.p[i];

        if (!(c >= 'a' && c <= 'z') && !(c >= 'A' && c <= 'Z')
            && !(c >= '0' && c <= '9') && c != '-')
        {
            return false;
        }
    }
    return s.len != 0;
}


bool
elo_document_field(elo_slice_t *fields, elo_slice_t *name, elo_slice_t *value)
{
    const uint8_t *end = fields->p + fields->len;
    const uint8_t *lf, *colon;

    if (fields->len == 0) {
        return false;
    }
    lf = memchr(fields->p, '\n', fields->len);
    if (lf == NULL || lf == fields->p || lf[-1] != '\r') {
        return false;
    }
    colon = memchr(fields->p, ':', (size_t) (lf - fields->p));
    if (colon == NULL || lf - colon < 3 || colon[1] != ' ') {
        return false; /* ": " and CR */
    }
    *name = elo_slice(fields->p, (size_t) (colon - fields->p));
    *value = elo_slice(colon + 2, (size_t) (lf - 1 - (colon + 2)));
    *fields = elo_slice(lf + 1, (size_t) (end - (lf + 1)));
    return name_ok(*name) && value_ok(*value);
}


static bool
fields_ok(elo_slice_t fields)
{
    elo_slice_t name, value;

    while (fields.len != 0) {
        if (!elo_document_field(&fields, &name, &value)) {
            return false;
        }
    }
    return true;
}


static bool
is_bare(const elo_document_t *d)
{
    return d->etag.len == 0 && d->content_type.len == 0 && d->fields.len == 0
           && d->body.len == 0 && d->status == 200;
}


static bool
is_sound(const elo_document_t *d)
{
    uint8_t flags = d->head.flags;

    return d->head.reach == ELO_REACH_COMMONS && (flags & ~BARE) == 0
           && flags != BARE && (flags == 0 || is_bare(d))
           && d->changed_slot < ELO_GEN_SLOTS
           && (d->status == 200 || d->status == 404)
           && d->etag.len <= ELO_DOCUMENT_ETAG && value_ok(d->etag)
           && d->content_type.len <= ELO_MIME_MAX && value_ok(d->content_type)
           && d->fields.len <= ELO_DOCUMENT_FIELDS && fields_ok(d->fields)
           && d->body.len <= ELO_DOCUMENT_MAX;
}


elo_err_t
elo_wire_get_document(elo_slice_t msg, elo_document_t *out)
{
    const uint8_t *p, *end;
    elo_slice_t tag = { 0 };
    elo_document_t d;
    uint32_t len;
    elo_err_t rc = elo_wire_open(msg, ELO_WIRE_DOCUMENT, &p, &end);

    if (rc != ELO_OK) {
        return rc;
    }
    p = elo_wire_get_head(p, end, &d.head);
    p = elo_rd_be64(p, end, &d.changed_generation);
    p = elo_rd_be32(p, end, &d.changed_slot);
    p = elo_rd_be16(p, end, &d.status);
    p = elo_rd_bytes(p, end, sizeof(d.tag), &tag);
    p = elo_rd_str16(p, end, &d.etag);
    p = elo_rd_str16(p, end, &d.content_type);
    p = elo_rd_str16(p, end, &d.fields);
    p = elo_rd_be32(p, end, &len);
    if (p == NULL || (p = elo_rd_bytes(p, end, len, &d.body)) == NULL
        || p != end || !is_sound(&d))
    {
        return ELO_EINVAL;
    }
    memcpy(d.tag, tag.p, sizeof(d.tag));
    *out = d;
    return ELO_OK;
}


elo_err_t
elo_wire_renew_document(uint8_t *msg, size_t len, elo_slice_t same)
{
    elo_document_t is, d;

    if (elo_wire_get_document(elo_slice(msg, len), &is) != ELO_OK
        || elo_wire_get_document(same, &d) != ELO_OK || is.head.flags != 0
        || d.head.flags != ELO_WIRE_SAME || is.status != 200
        || memcmp(is.tag, d.tag, sizeof(is.tag)) != 0)
    {
        return ELO_EINVAL;
    }
    memcpy(msg + HARD_AT, same.p + HARD_AT, HARD_LEN);
    memcpy(msg + SOFT_AT, same.p + SOFT_AT, SOFT_LEN);
    return ELO_OK;
}
