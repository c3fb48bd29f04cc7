/* SPDX-License-Identifier: BSD-2-Clause */
/* record: heads of records and segments as bytes; docs/formats/log.md. */
#include "backend/kv/record.h"

#include "common/base/rd.h"

#define REC_CRC_OFF 44u
#define SEG_CRC_OFF 60u

static const uint8_t rec_magic[4] = { 'E', 'L', 'O', 'R' };
static const uint8_t seg_magic[8] = { 'E', 'L', 'O', 'S', 'E', 'G', '2', '\n' };


static uint8_t *
put_be(uint8_t *p, uint64_t v, unsigned n)
{
    for (unsigned i = n; i-- > 0;) {
        *p++ = (uint8_t) (v >> 8 * i);
    }
    return p;
}


static bool
is_zero(const uint8_t *p, size_t len)
{
    uint8_t any = 0;

    for (size_t i = 0; i < len; i++) {
        any |= p[i];
    }
    return any == 0;
}


uint64_t
elo_rec_len(const elo_rec_head_t *h)
{
    uint64_t len =
        (uint64_t) ELO_REC_HEADER_LEN + h->key_len + h->value_len + h->data_len;

    return (len + ELO_REC_ALIGN - 1) & ~(uint64_t) (ELO_REC_ALIGN - 1);
}


/* (L3): a head is believed in its own place only. */
static uint32_t
rec_crc(const uint8_t *p, uint64_t store_id, uint64_t segment, uint64_t off)
{
    uint8_t seed[24], *q = seed;

    q = put_be(q, store_id, 8);
    q = put_be(q, segment, 8);
    put_be(q, off, 8);
    return elo_crc32c(elo_crc32c(0, elo_slice(seed, sizeof(seed))),
                      elo_slice(p, REC_CRC_OFF));
}


void
elo_rec_head_encode(const elo_rec_head_t *h, uint64_t store_id,
                    uint64_t segment, uint64_t off, uint8_t *out)
{
    uint8_t *p = out + sizeof(rec_magic);

    memcpy(out, rec_magic, sizeof(rec_magic));
    *p++ = h->table;
    *p++ = h->flags;
    p = put_be(p, h->key_len, 2);
    p = put_be(p, h->value_len, 4);
    p = put_be(p, h->data_len, 4);
    p = put_be(p, h->lsn, 8);
    p = put_be(p, h->batch, 8);
    p = put_be(p, h->first_segment, 8);
    p = put_be(p, h->body_crc, 4);
    put_be(p, rec_crc(out, store_id, segment, off), 4);
}


elo_err_t
elo_rec_head_parse(const uint8_t *in, uint64_t store_id, uint64_t segment,
                   uint64_t off, elo_rec_head_t *out)
{
    const uint8_t *p = in + sizeof(rec_magic), *end = in + ELO_REC_HEADER_LEN;
    elo_rec_head_t h;
    uint32_t crc;

    if (memcmp(in, rec_magic, sizeof(rec_magic)) != 0) {
        return is_zero(in, ELO_REC_HEADER_LEN) ? ELO_ENOTFOUND : ELO_ECORRUPT;
    }
    p = elo_rd_u8(p, end, &h.table);
    p = elo_rd_u8(p, end, &h.flags);
    p = elo_rd_be16(p, end, &h.key_len);
    p = elo_rd_be32(p, end, &h.value_len);
    p = elo_rd_be32(p, end, &h.data_len);
    p = elo_rd_be64(p, end, &h.lsn);
    p = elo_rd_be64(p, end, &h.batch);
    p = elo_rd_be64(p, end, &h.first_segment);
    p = elo_rd_be32(p, end, &h.body_crc);
    p = elo_rd_be32(p, end, &crc);
    if (p == NULL || crc != rec_crc(in, store_id, segment, off)
        || (h.flags & ~ELO_REC_FLAGS) != 0 || h.batch == 0 || h.batch > h.lsn)
    {
        return ELO_ECORRUPT;
    }
    *out = h;
    return ELO_OK;
}


void
elo_seg_head_encode(const elo_seg_head_t *h, uint8_t *out)
{
    uint8_t *p = out + sizeof(seg_magic);

    memcpy(out, seg_magic, sizeof(seg_magic));
    p = put_be(p, h->store_id, 8);
    p = put_be(p, h->segment, 8);
    p = put_be(p, h->first_lsn, 8);
    p = put_be(p, h->file_len, 8);
    p = put_be(p, h->prev_segment, 8);
    p = put_be(p, h->prev_end, 8);
    p = put_be(p, 0, 4);
    put_be(p, elo_crc32c(0, elo_slice(out, SEG_CRC_OFF)), 4);
}


elo_err_t
elo_seg_head_parse(const uint8_t *in, elo_seg_head_t *out)
{
    const uint8_t *p = in + sizeof(seg_magic), *end = in + ELO_SEG_HEADER_LEN;
    elo_seg_head_t h;
    uint32_t zero, crc;

    if (memcmp(in, seg_magic, sizeof(seg_magic)) != 0) {
        return is_zero(in, ELO_SEG_HEADER_LEN) ? ELO_ENOTFOUND : ELO_ECORRUPT;
    }
    p = elo_rd_be64(p, end, &h.store_id);
    p = elo_rd_be64(p, end, &h.segment);
    p = elo_rd_be64(p, end, &h.first_lsn);
    p = elo_rd_be64(p, end, &h.file_len);
    p = elo_rd_be64(p, end, &h.prev_segment);
    p = elo_rd_be64(p, end, &h.prev_end);
    p = elo_rd_be32(p, end, &zero);
    p = elo_rd_be32(p, end, &crc);
    if (p == NULL || zero != 0
        || crc != elo_crc32c(0, elo_slice(in, SEG_CRC_OFF))) {
        return ELO_ECORRUPT;
    }
    *out = h;
    return ELO_OK;
}
