/* SPDX-License-Identifier: BSD-2-Clause */
/* tus_head: header fields of tus. */
#include "backend/api/tus_head.h"

#include "common/base/base64.h"
#include "common/base/num.h"

#define SHA1_LEN  20
#define VALUE_MAX 4096 /* of one metadata value */

static const struct {
    const char *name;
    elo_tus_sum_t sum;
    size_t len;
} sums[] = {
    { "sha1", ELO_TUS_SUM_SHA1, SHA1_LEN },
    { "sha256", ELO_TUS_SUM_SHA256, ELO_SHA256_LEN },
};


bool
elo_tus_version_ok(elo_slice_t resumable)
{
    return elo_slice_eq(elo_slice_trim(resumable), ELO_SLICE(ELO_TUS_VERSION));
}


/* ---- Upload-Checksum ---- */

static elo_err_t
read_checksum(elo_slice_t field, elo_tus_head_t *out, const char **why)
{
    const uint8_t *blank;
    elo_slice_t name, text;

    if (field.p == NULL) {
        return ELO_OK;
    }
    field = elo_slice_trim(field);
    blank = field.len == 0 ? NULL : memchr(field.p, ' ', field.len);
    *why = "Upload-Checksum is \"sha1\" or \"sha256\", a blank, and the digest "
           "in base64";
    if (blank == NULL) {
        return ELO_EINVAL;
    }
    name = elo_slice(field.p, (size_t) (blank - field.p));
    text = elo_slice(blank + 1, field.len - name.len - 1);
    for (size_t i = 0; i < ELO_COUNT(sums); i++) {
        size_t len = 0;

        if (!elo_slice_eq(name, elo_slice_str(sums[i].name))) {
            continue;
        }
        if (elo_base64_decode(text, out->digest, sums[i].len, &len) != ELO_OK
            || len != sums[i].len)
        {
            return ELO_EINVAL;
        }
        out->sum = sums[i].sum;
        return ELO_OK;
    }
    return ELO_EINVAL;
}


/* ---- Upload-Metadata ---- */

/* Cuts the next pair off *rest. False when it is malformed. */
static bool
next_pair(elo_slice_t *rest, elo_slice_t *key, elo_slice_t *value)
{
    size_t n = 0;
    const uint8_t *blank;
    elo_slice_t pair;

    while (n < rest->len && rest->p[n] != ',') {
        n++;
    }
    pair = elo_slice_trim(elo_slice(rest->p, n));
    n += n < rest->len; /* the comma */
    *rest = elo_slice(rest->p + n, rest->len - n);
    blank = pair.len == 0 ? NULL : memchr(pair.p, ' ', pair.len);
    *key = pair;
    *value = elo_slice(pair.p + pair.len, 0);
    if (blank != NULL) {
        *key = elo_slice(pair.p, (size_t) (blank - pair.p));
        *value = elo_slice(blank + 1, pair.len - key->len - 1);
    }
    for (size_t i = 0; i < key->len; i++) {
        if (key->p[i] <= ' ' || key->p[i] >= 0x7f) {
            return false;
        }
    }
    return key->len != 0;
}


bool
elo_tus_meta_ok(elo_slice_t metadata)
{
    elo_slice_t seen[ELO_TUS_KEY_MAX];
    uint8_t room[VALUE_MAX];
    elo_slice_t rest = elo_slice_trim(metadata);
    size_t n = 0;

    /* No comma at the end: a pair follows each. */
    if (rest.len != 0 && rest.p[rest.len - 1] == ',') {
        return false;
    }
    while (rest.len != 0) {
        elo_slice_t key, value;
        size_t len;

        if (n == ELO_TUS_KEY_MAX || !next_pair(&rest, &key, &value)
            || elo_base64_decode(value, room, sizeof(room), &len) != ELO_OK)
        {
            return false;
        }
        for (size_t i = 0; i < n; i++) {
            if (elo_slice_eq(seen[i], key)) {
                return false;
            }
        }
        seen[n++] = key;
    }
    return true;
}


elo_err_t
elo_tus_meta_get(elo_slice_t metadata, const char *key, uint8_t *out,
                 size_t max, size_t *len)
{
    elo_slice_t rest = elo_slice_trim(metadata);

    while (rest.len != 0) {
        elo_slice_t name, value;

        if (!next_pair(&rest, &name, &value)) {
            break;
        }
        if (elo_slice_eq(name, elo_slice_str(key))) {
            return elo_base64_decode(value, out, max, len);
        }
    }
    return ELO_ENOTFOUND;
}


/* ---- requests ---- */

static elo_err_t
read_length(elo_slice_t field, uint64_t max, elo_tus_head_t *out,
            const char **why)
{
    if (field.p == NULL) {
        return ELO_OK;
    }
    if (!elo_slice_u64(elo_slice_trim(field), &out->length)
        || out->length > INT64_MAX)
    {
        *why = "Upload-Length is a number of bytes";
        return ELO_EINVAL;
    }
    if (out->length > max) {
        *why = "the upload is larger than this node takes (Tus-Max-Size)";
        return ELO_ETOOBIG;
    }
    out->has_length = true;
    return ELO_OK;
}


static bool
type_ok(elo_slice_t type)
{
    const uint8_t *semi = type.len == 0 ? NULL : memchr(type.p, ';', type.len);

    if (semi != NULL) {
        type.len = (size_t) (semi - type.p);
    }
    return elo_slice_ieq(elo_slice_trim(type), ELO_SLICE(ELO_TUS_TYPE));
}


elo_err_t
elo_tus_parse_create(const elo_tus_fields_t *f, bool has_body, uint64_t max,
                     elo_tus_head_t *out, const char **why)
{
    elo_tus_head_t h = { 0 };
    elo_err_t rc;

    if (f->concat.p != NULL) {
        *why = "concatenation is not offered (Tus-Extension)";
        return ELO_EINVAL;
    }
    if (f->defer.p != NULL
        && !elo_slice_eq(elo_slice_trim(f->defer), ELO_SLICE("1")))
    {
        *why = "Upload-Defer-Length is 1, or left out";
        return ELO_EINVAL;
    }
    if ((f->defer.p != NULL) == (f->length.p != NULL)) {
        *why = "a creation has either Upload-Length or Upload-Defer-Length";
        return ELO_EINVAL;
    }
    if (f->metadata.p != NULL && !elo_tus_meta_ok(f->metadata)) {
        *why = "Upload-Metadata is pairs of a key and a value in base64";
        return ELO_EINVAL;
    }
    if ((rc = read_length(f->length, max, &h, why)) != ELO_OK
        || (rc = read_checksum(f->checksum, &h, why)) != ELO_OK)
    {
        return rc;
    }
    if (has_body && !type_ok(f->type)) {
        *why = "bytes come as " ELO_TUS_TYPE;
        return ELO_EUNSUPPORTED;
    }
    *out = h;
    return ELO_OK;
}


elo_err_t
elo_tus_parse_patch(const elo_tus_fields_t *f, uint64_t max,
                    elo_tus_head_t *out, const char **why)
{
    elo_tus_head_t h = { 0 };
    elo_err_t rc;

    if (!type_ok(f->type)) {
        *why = "bytes come as " ELO_TUS_TYPE;
        return ELO_EUNSUPPORTED;
    }
    if (!elo_slice_u64(elo_slice_trim(f->offset), &h.offset)
        || h.offset > INT64_MAX)
    {
        *why = "Upload-Offset is a number of bytes";
        return ELO_EINVAL;
    }
    if ((rc = read_length(f->length, max, &h, why)) != ELO_OK
        || (rc = read_checksum(f->checksum, &h, why)) != ELO_OK)
    {
        return rc;
    }
    *out = h;
    return ELO_OK;
}
