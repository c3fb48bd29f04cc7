/* SPDX-License-Identifier: BSD-2-Clause */
/* records_task: bytes of the tables TASK and WAIT. Big-endian. */
#include "backend/store/records_task.h"

#include "common/base/rd.h"

#define REC_VERSION 1
#define ZONE_READY  0x00
#define ZONE_WAIT   0x01


static uint8_t *
wr_be64(uint8_t *p, uint64_t v)
{
    for (int i = 7; i >= 0; i--) {
        p[i] = (uint8_t) v;
        v >>= 8;
    }
    return p + 8;
}


static bool
is_kind(uint8_t kind)
{
    return kind == ELO_TASK_REPLICATE || kind == ELO_TASK_REPAIR;
}


elo_slice_t
elo_task_key(const elo_task_t *t, uint8_t out[ELO_TASK_KEY_MAX])
{
    uint8_t *p = out;

    if (t->is_dropped || t->due_ms > 0) {
        *p++ = ZONE_WAIT;
        p = wr_be64(p, t->is_dropped ? ELO_TASK_DROPPED : t->due_ms);
    } else {
        *p++ = ZONE_READY;
        *p++ = (uint8_t) t->reach;
        p = wr_be64(p, ~t->created_us);
    }
    *p++ = (uint8_t) t->kind;
    memcpy(p, t->digest.b, ELO_SHA256_LEN);
    return elo_slice(out, (size_t) (p - out) + ELO_SHA256_LEN);
}


elo_err_t
elo_task_key_parse(elo_slice_t key, elo_task_t *out, elo_task_place_t *place)
{
    const uint8_t *p = key.p, *end = key.p + key.len;
    elo_slice_t digest = { 0 };
    uint8_t zone = 0, reach = 0, kind = 0;
    uint64_t when = 0;

    p = elo_rd_u8(p, end, &zone);
    if (zone == ZONE_READY) {
        p = elo_rd_u8(p, end, &reach);
    }
    p = elo_rd_be64(p, end, &when);
    p = elo_rd_u8(p, end, &kind);
    if (zone > ZONE_WAIT || reach >= ELO_REACH_COUNT
        || elo_rd_bytes(p, end, ELO_SHA256_LEN, &digest) != end
        || digest.len == 0 || !is_kind(kind)
        || (zone == ZONE_WAIT && when == 0))
    {
        return ELO_ECORRUPT;
    }
    out->kind = (elo_task_kind_t) kind;
    memcpy(out->digest.b, digest.p, ELO_SHA256_LEN);
    out->due_ms = zone == ZONE_WAIT ? when : 0;
    out->is_dropped = zone == ZONE_WAIT && when == ELO_TASK_DROPPED;
    *place = zone == ZONE_READY ? ELO_TASK_READY
             : out->is_dropped  ? ELO_TASK_GIVEN_UP
                                : ELO_TASK_WAITING;
    if (zone == ZONE_READY) {
        out->reach = (elo_reach_t) reach;
        out->created_us = ~when;
    }
    return ELO_OK;
}


void
elo_rec_task_encode(const elo_task_t *t, elo_buf_t *out)
{
    size_t len = strnlen(t->why, ELO_TASK_WHY_MAX);

    elo_buf_put_u8(out, REC_VERSION);
    if (t->attempts == 0 && len == 0 && t->due_ms == 0 && !t->is_dropped) {
        return;
    }
    elo_buf_put_be32(out, t->attempts);
    elo_buf_put_u8(out, (uint8_t) t->reach);
    elo_buf_put_be64(out, t->created_us);
    elo_buf_put_u8(out, (uint8_t) len);
    elo_buf_put(out, t->why, len);
}


elo_err_t
elo_rec_task_parse(elo_slice_t s, elo_task_t *out)
{
    const uint8_t *p = s.p, *end = s.p + s.len;
    uint8_t version = 0, reach = 0, len = 0;
    uint64_t created_us = 0;
    uint32_t attempts = 0;
    elo_slice_t why = { 0 };

    p = elo_rd_u8(p, end, &version);
    if (p == NULL || version != REC_VERSION) {
        return ELO_ECORRUPT;
    }
    if (p == end) { /* a ready one that was never tried */
        if (out->due_ms != 0) {
            return ELO_ECORRUPT;
        }
        out->attempts = 0;
        out->why[0] = '\0';
        return ELO_OK;
    }
    p = elo_rd_be32(p, end, &attempts);
    p = elo_rd_u8(p, end, &reach);
    p = elo_rd_be64(p, end, &created_us);
    p = elo_rd_u8(p, end, &len);
    if (p == NULL || reach >= ELO_REACH_COUNT || len > ELO_TASK_WHY_MAX
        || elo_rd_bytes(p, end, len, &why) != end
        || (why.len > 0 && memchr(why.p, 0, why.len) != NULL))
    {
        return ELO_ECORRUPT;
    }
    out->attempts = attempts;
    out->reach = (elo_reach_t) reach;
    out->created_us = created_us;
    if (len > 0) {
        memcpy(out->why, why.p, len);
    }
    out->why[len] = '\0';
    return ELO_OK;
}


elo_slice_t
elo_wait_key(elo_task_kind_t kind, const elo_digest_t *d,
             uint8_t out[ELO_WAIT_KEY])
{
    out[0] = (uint8_t) kind;
    memcpy(out + 1, d->b, ELO_SHA256_LEN);
    return elo_slice(out, ELO_WAIT_KEY);
}


elo_slice_t
elo_wait_encode(uint64_t due_ms, uint8_t out[ELO_WAIT_REC])
{
    wr_be64(out, due_ms);
    return elo_slice(out, ELO_WAIT_REC);
}


elo_err_t
elo_wait_parse(elo_slice_t s, uint64_t *due_ms)
{
    uint64_t v;

    if (s.len != ELO_WAIT_REC || elo_rd_be64(s.p, s.p + 8, &v) == NULL
        || v == 0) {
        return ELO_ECORRUPT;
    }
    *due_ms = v;
    return ELO_OK;
}
