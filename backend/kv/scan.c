/* SPDX-License-Identifier: BSD-2-Clause */
/* scan: one segment through a window. */
#include "backend/kv/scan.h"

#include <stdlib.h>

#include "common/base/num.h"

#define MAGIC_BYTES "ELOR" /* of a record's head */


elo_err_t
elo_scan_win_init(elo_scan_win_t *w, const elo_scan_src_t *src, size_t cap)
{
    *w = (elo_scan_win_t){ .src = src, .cap = cap };
    w->buf = malloc(cap);
    return w->buf == NULL ? ELO_ENOMEM : ELO_OK;
}


void
elo_scan_win_dispose(elo_scan_win_t *w)
{
    free(w->buf);
    *w = (elo_scan_win_t){ 0 };
}


void
elo_scan_win_segment(elo_scan_win_t *w, const elo_scan_seg_t *seg,
                     uint64_t limit)
{
    w->seg = seg;
    w->limit = ELO_MIN(limit, seg->size);
    w->base = 0;
    w->len = 0;
}


/* Room for n bytes; what the window holds stays. */
static elo_err_t
grow(elo_scan_win_t *w, size_t n)
{
    uint8_t *buf;

    if (n <= w->cap) {
        return ELO_OK;
    }
    if ((buf = realloc(w->buf, n)) == NULL) {
        return ELO_ENOMEM;
    }
    w->buf = buf;
    w->cap = n;
    return ELO_OK;
}


/* n bytes at off, which end at the limit or before it; borrowed until the next
   call. */
static elo_err_t
win_at(elo_scan_win_t *w, uint64_t off, size_t n, const uint8_t **out)
{
    size_t keep = 0, want;
    elo_err_t rc;

    if (off >= w->base && off - w->base <= w->len) {
        keep = w->len - (size_t) (off - w->base);
        if (keep >= n) {
            *out = w->buf + (off - w->base);
            return ELO_OK;
        }
    }
    if ((rc = grow(w, n)) != ELO_OK) {
        return rc;
    }
    if (keep > 0) {
        memmove(w->buf, w->buf + (off - w->base), keep);
    }
    want = (size_t) ELO_MIN((uint64_t) w->cap, w->limit - off);
    w->base = off;
    w->len = 0; /* holds nothing if the read fails */
    rc = w->src->read(w->src->ctx, w->seg->number, off + keep, w->buf + keep,
                      want - keep);
    if (rc != ELO_OK) {
        return rc;
    }
    w->len = want;
    w->bytes += want - keep;
    *out = w->buf;
    return ELO_OK;
}


/* CRC of len bytes at off, in pieces. */
static elo_err_t
crc_of(elo_scan_win_t *w, uint64_t off, uint64_t len, uint32_t *crc)
{
    const uint8_t *p;
    elo_err_t rc;
    size_t n;

    for (; len > 0; off += n, len -= n) {
        n = (size_t) ELO_MIN(len, (uint64_t) w->cap);
        if ((rc = win_at(w, off, n, &p)) != ELO_OK) {
            return rc;
        }
        *crc = elo_crc32c(*crc, elo_slice(p, n));
    }
    return ELO_OK;
}


/* Checks the body of a record whose head stands in out, and sets its slices. */
static elo_err_t
body_at(elo_scan_win_t *w, uint64_t off, bool need_data, elo_log_rec_t *out)
{
    const elo_rec_head_t *h = &out->head;
    size_t n = (size_t) h->key_len + h->value_len;
    uint64_t all = (uint64_t) n + h->data_len;
    bool is_whole = need_data || all <= w->cap;
    uint32_t crc = 0;
    const uint8_t *p;
    elo_err_t rc;

    if (is_whole) {
        if ((rc = win_at(w, off, (size_t) all, &p)) != ELO_OK) {
            return rc;
        }
        crc = elo_crc32c(0, elo_slice(p, (size_t) all));
    } else if ((rc = crc_of(w, off, all, &crc)) != ELO_OK) {
        return rc;
    }
    if (crc != h->body_crc) {
        return ELO_ECORRUPT;
    }
    if (!is_whole && (rc = win_at(w, off, n, &p)) != ELO_OK) {
        return rc;
    }
    out->key = elo_slice(p, h->key_len);
    out->value = elo_slice(p + h->key_len, h->value_len);
    out->data = elo_slice(need_data ? p + n : NULL, h->data_len);
    return ELO_OK;
}


elo_err_t
elo_scan_record(elo_scan_win_t *w, uint64_t off, bool need_data,
                elo_log_rec_t *out)
{
    const uint8_t *p;
    elo_err_t rc;

    if (off > w->limit || w->limit - off < ELO_REC_HEADER_LEN) {
        return ELO_ENOTFOUND;
    }
    if ((rc = win_at(w, off, ELO_REC_HEADER_LEN, &p)) != ELO_OK
        || (rc = elo_rec_head_parse(p, w->src->store_id, w->seg->number, off,
                                    &out->head))
               != ELO_OK)
    {
        return rc;
    }
    if (out->head.key_len > ELO_KV_KEY_MAX
        || out->head.table >= ELO_KV_TABLES_MAX
        || elo_rec_len(&out->head) > w->limit - off)
    {
        return ELO_ECORRUPT;
    }
    out->pos = (elo_log_pos_t){ w->seg->number, off };
    return body_at(w, off + ELO_REC_HEADER_LEN, need_data, out);
}


/* The first offset in [off, off + n) that the magic stands at; off + n: none. n
   is a multiple of 8, p holds the bytes. */
static uint64_t
next_magic(const uint8_t *p, uint64_t off, size_t n, uint64_t *past_last)
{
    static const uint8_t magic[8] = MAGIC_BYTES;
    uint64_t want, v;

    memcpy(&want, magic, sizeof(want));
    for (size_t i = 0; i < n; i += 8) {
        memcpy(&v, p + i, sizeof(v));
        if (v == 0) {
            continue;
        }
        if (memcmp(p + i, magic, sizeof(MAGIC_BYTES) - 1) == 0) {
            return off + i;
        }
        *past_last = off + i + 8;
    }
    return off + n;
}


elo_err_t
elo_scan_find(elo_scan_win_t *w, uint64_t off, uint64_t *past_last,
              elo_log_rec_t *out)
{
    const uint8_t *p;
    elo_err_t rc;
    uint64_t at;
    size_t n;

    off = (off + ELO_REC_ALIGN - 1) & ~(uint64_t) (ELO_REC_ALIGN - 1);
    while (off < w->limit && w->limit - off >= ELO_REC_HEADER_LEN) {
        /* What is in the window already, else as much as fits. */
        n = off >= w->base && off - w->base < w->len
                ? w->len - (size_t) (off - w->base)
                : (size_t) ELO_MIN((uint64_t) w->cap, w->limit - off);
        n = ELO_MAX(n, (size_t) ELO_REC_HEADER_LEN) & ~(size_t) 7;
        if ((rc = win_at(w, off, n, &p)) != ELO_OK) {
            return rc;
        }
        at = next_magic(p, off, n, past_last);
        if (at == off + n) {
            off = at;
            continue;
        }
        rc = elo_scan_record(w, at, false, out);
        if (rc != ELO_ECORRUPT && rc != ELO_ENOTFOUND) {
            return rc;
        }
        *past_last = at + 8;
        off = at + 8;
    }
    return ELO_ENOTFOUND;
}


elo_err_t
elo_scan_segment(const elo_scan_src_t *src, const elo_scan_seg_t *seg,
                 uint64_t limit, uint64_t from, uint64_t budget, bool need_data,
                 elo_log_rec_fn fn, void *ctx, uint64_t *next, uint64_t *bad,
                 uint64_t *end)
{
    uint64_t off = ELO_MAX(from, (uint64_t) ELO_SEG_HEADER_LEN), first = off;
    uint64_t past = 0;
    elo_scan_win_t w;
    elo_log_rec_t r;
    elo_err_t rc;

    if ((rc = elo_scan_win_init(&w, src, ELO_SCAN_WINDOW)) != ELO_OK) {
        return rc;
    }
    elo_scan_win_segment(&w, seg, limit == 0 ? seg->size : limit);
    budget = ELO_MAX(budget, (uint64_t) 1); /* always one record further */
    *next = 0;
    for (;;) {
        *end = off;
        if (off - first >= budget) {
            *next = off;
            break;
        }
        rc = elo_scan_record(&w, off, need_data, &r);
        if (rc == ELO_ECORRUPT || rc == ELO_ENOTFOUND) {
            bool is_end = rc == ELO_ENOTFOUND && (limit == 0 || off >= limit);

            rc = elo_scan_find(&w, off, &past, &r);
            if (rc == ELO_OK || (rc == ELO_ENOTFOUND && !is_end)) {
                ++*bad;
            }
            if (rc == ELO_OK) {
                off = r.pos.off;
                continue; /* reads it again, with its data */
            }
            rc = rc == ELO_ENOTFOUND ? ELO_OK : rc;
            break;
        }
        if (rc != ELO_OK || (rc = fn(ctx, &r)) != ELO_OK) {
            break;
        }
        off += elo_rec_len(&r.head);
    }
    elo_scan_win_dispose(&w);
    return rc;
}
