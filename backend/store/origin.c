/* SPDX-License-Identifier: BSD-2-Clause */
/* origin: rows of table ORIGIN: SHA-256 of the URL -> 0x01, flags, failures 4,
   status 2, three times 8, then URL and note, each with its length 2 in front. */
#include "backend/store/origin.h"

#include <assert.h>

#include "backend/store/store_internal.h"
#include "common/base/crypto.h"
#include "common/base/rd.h"

#define VERSION  1u
#define FLAG_BAD 1u
#define ROW_MAX  (36u + 2u * 2u + ELO_ORIGIN_URL_MAX + ELO_ORIGIN_NOTE_MAX)

typedef struct {
    elo_kv_op_t op; /* first */
    elo_digest_t key;
    elo_slice_t row; /* empty: away with it */
} change_t;


elo_err_t
elo_origin_parse(elo_slice_t row, elo_origin_t *out)
{
    const uint8_t *p = row.p, *end = row.p + row.len;
    uint64_t at[3] = { 0 };
    uint8_t version = 0, flags = 0;
    elo_origin_t s = { 0 };

    p = elo_rd_u8(p, end, &version);
    p = elo_rd_u8(p, end, &flags);
    p = elo_rd_be32(p, end, &s.failures);
    p = elo_rd_be16(p, end, &s.status);
    for (int i = 0; i < 3; i++) {
        p = elo_rd_be64(p, end, &at[i]);
    }
    p = elo_rd_str16(p, end, &s.url);
    p = elo_rd_str16(p, end, &s.note);
    if (p == NULL || p != end || version != VERSION || flags > FLAG_BAD
        || s.url.len == 0 || s.url.len > ELO_ORIGIN_URL_MAX
        || s.note.len > ELO_ORIGIN_NOTE_MAX || at[0] > INT64_MAX
        || at[1] > INT64_MAX || at[2] > INT64_MAX)
    {
        return ELO_ECORRUPT;
    }
    s.is_bad = flags != 0;
    s.tried_at = (int64_t) at[0];
    s.good_at = (int64_t) at[1];
    s.next_at = (int64_t) at[2];
    *out = s;
    return ELO_OK;
}


static elo_err_t
run_change(elo_kv_op_t *op, elo_kv_tx_t *tx)
{
    change_t *c = (change_t *) op;
    elo_slice_t key = elo_slice(c->key.b, sizeof(c->key.b));

    return c->row.len == 0
               ? elo_kv_tx_del(tx, ELO_T_ORIGIN, key)
               : elo_kv_tx_put(tx, ELO_T_ORIGIN, key, c->row, NULL, 0);
}


elo_err_t
elo_store_origin_put(elo_store_t *s, const elo_origin_t *src)
{
    change_t c = { .op.run = run_change };
    uint8_t mem[ROW_MAX];
    elo_buf_t b;
    elo_err_t rc;

    assert(s->magic == ELO_STORE_MAGIC);
    if (src->url.len == 0 || src->url.len > ELO_ORIGIN_URL_MAX
        || src->note.len > ELO_ORIGIN_NOTE_MAX)
    {
        return ELO_EINVAL;
    }
    elo_buf_init_fixed(&b, mem, sizeof(mem));
    elo_buf_put_u8(&b, VERSION);
    elo_buf_put_u8(&b, src->is_bad ? FLAG_BAD : 0);
    elo_buf_put_be32(&b, src->failures);
    elo_buf_put_be16(&b, src->status);
    elo_buf_put_be64(&b, (uint64_t) src->tried_at);
    elo_buf_put_be64(&b, (uint64_t) src->good_at);
    elo_buf_put_be64(&b, (uint64_t) src->next_at);
    elo_buf_put_be16(&b, (uint16_t) src->url.len);
    elo_buf_put_slice(&b, src->url);
    elo_buf_put_be16(&b, (uint16_t) src->note.len);
    elo_buf_put_slice(&b, src->note);
    if ((rc = elo_buf_err(&b)) != ELO_OK
        || (rc = elo_sha256(src->url, &c.key)) != ELO_OK)
    {
        return rc;
    }
    c.row = elo_buf_slice(&b);
    return elo_store_exec(s, &c.op);
}


elo_err_t
elo_store_origin_drop(elo_store_t *s, elo_slice_t url)
{
    change_t c = { .op.run = run_change };
    elo_err_t rc;

    assert(s->magic == ELO_STORE_MAGIC);
    rc = elo_sha256(url, &c.key);
    return rc != ELO_OK ? rc : elo_store_exec(s, &c.op);
}


elo_err_t
elo_store_origin_each(elo_store_t *s, elo_origin_each_fn fn, void *ctx)
{
    elo_kv_cursor_t *c = NULL;
    elo_kv_entry_t e;
    elo_origin_t src;
    elo_kv_view_t v;
    elo_slice_t key;
    elo_err_t rc;

    assert(s->magic == ELO_STORE_MAGIC);
    if ((rc = elo_kv_view_begin(s->kv, &v)) != ELO_OK) {
        return rc;
    }
    rc = elo_kv_cursor_open(&v, ELO_T_ORIGIN, elo_slice(NULL, 0), &c);
    while (rc == ELO_OK && (rc = elo_kv_cursor_next(c, &key, &e)) == ELO_OK) {
        /* a row that makes no sense is one that isn't there */
        if (elo_origin_parse(e.value, &src) == ELO_OK && !fn(ctx, &src)) {
            rc = ELO_ENOTFOUND;
        }
    }
    elo_kv_cursor_close(&c);
    elo_kv_view_end(&v);
    return rc == ELO_ENOTFOUND ? ELO_OK : rc;
}
