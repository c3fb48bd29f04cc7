/* SPDX-License-Identifier: BSD-2-Clause */
/* Fuzzes the recovery of backend/kv. Input: flags (1: make checksums right, 2: from
   a checkpoint at the first segment's start), number of segments, and their bytes,
   in equal parts. What is found is in order and inside, and found again. */
#include <stdlib.h>

#include "backend/kv/scan.h"

#define SEGS 4u

typedef struct {
    uint8_t *bytes;
    size_t size; /* of one segment */
    elo_log_pos_t last;
    uint64_t last_lsn, records;
} log_t;

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);


static elo_err_t
read_at(void *ctx, uint64_t segment, uint64_t off, void *p, size_t len)
{
    const log_t *l = ctx;

    if (off > l->size || len > l->size - off) {
        abort();
    }
    memcpy(p, l->bytes + (segment - 1) * l->size + off, len);
    return ELO_OK;
}


static elo_err_t
note(void *ctx, const elo_log_rec_t *r)
{
    log_t *l = ctx;

    if (r->pos.segment < l->last.segment || r->head.lsn <= l->last_lsn
        || (r->pos.segment == l->last.segment && r->pos.off < l->last.off)
        || elo_rec_len(&r->head) > l->size - r->pos.off)
    {
        abort();
    }
    l->last =
        (elo_log_pos_t){ r->pos.segment, r->pos.off + elo_rec_len(&r->head) };
    l->last_lsn = r->head.lsn;
    l->records++;
    return ELO_OK;
}


static elo_err_t
count(void *ctx, const elo_log_rec_t *r)
{
    *(uint64_t *) ctx += 1 + r->key.len + r->value.len + r->data.len;
    return ELO_OK;
}


/* Gives what looks like a head the checksums that it would have. */
static void
repair(log_t *l, uint64_t segment, uint8_t *p)
{
    static const uint8_t magic[] = { 'E', 'L', 'O', 'R' };
    uint32_t crc = elo_crc32c(0, elo_slice(p, 60));

    p[60] = (uint8_t) (crc >> 24);
    p[61] = (uint8_t) (crc >> 16);
    p[62] = (uint8_t) (crc >> 8);
    p[63] = (uint8_t) crc;
    for (size_t off = ELO_SEG_HEADER_LEN; l->size - off >= ELO_REC_HEADER_LEN;
         off += ELO_REC_ALIGN)
    {
        const uint8_t *q = p + off;
        uint64_t n = (uint64_t) q[6] << 8 | q[7];

        if (memcmp(q, magic, sizeof(magic)) == 0 && q[8] + q[9] + q[12] == 0) {
            elo_rec_head_t h = {
                .table = q[4],
                .flags = q[5] & ELO_REC_FLAGS,
                .key_len = (uint16_t) n,
                .value_len = (uint32_t) q[10] << 8 | q[11],
                .data_len =
                    (uint32_t) q[13] << 16 | (uint32_t) q[14] << 8 | q[15],
                .lsn = (uint64_t) q[22] << 8 | q[23],
                .batch = (uint64_t) q[30] << 8 | q[31],
            };

            n = n + h.value_len + h.data_len;
            if (n <= l->size - off - ELO_REC_HEADER_LEN) {
                h.body_crc = elo_crc32c(0, elo_slice(q + 48, (size_t) n));
            }
            elo_rec_head_encode(&h, 1, segment, off, p + off);
        }
    }
}


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    elo_scan_seg_t segs[SEGS];
    log_t l = { .size = 0 };
    elo_scan_src_t src = { read_at, &l, 1, segs, 0 };
    elo_log_pos_t from = { 0, 0 };
    uint64_t min_lsn = 0, next, bad = 0, end, n = 0, records;
    elo_log_scan_t out;
    elo_err_t rc;

    if (len < 2
        || (l.size = (len - 2) / (data[1] % SEGS + 1) & ~(size_t) 7) < 64) {
        return 0;
    }
    src.n_segs = data[1] % SEGS + 1u;
    l.bytes = malloc(src.n_segs * l.size);
    memcpy(l.bytes, data + 2, src.n_segs * l.size);
    for (size_t i = 0; i < src.n_segs; i++) {
        uint8_t *p = l.bytes + i * l.size;

        if ((data[0] & 1) != 0) {
            repair(&l, i + 1, p);
        }
        segs[i] = (elo_scan_seg_t){ .number = i + 1, .size = l.size };
        segs[i].head_rc = elo_seg_head_parse(p, &segs[i].head);
    }
    if ((data[0] & 2) != 0) {
        from = (elo_log_pos_t){ 1, ELO_SEG_HEADER_LEN };
        min_lsn = segs[0].head_rc == ELO_OK ? segs[0].head.first_lsn : 1;
    }
    rc = elo_scan_log(&src, from, min_lsn, note, &l, &out);
    if (rc == ELO_OK) {
        records = l.records;
        l.last = (elo_log_pos_t){ 0, 0 };
        l.last_lsn = l.records = 0;
        if (records != out.records || out.next_lsn == 0 || out.end.off > l.size
            || elo_scan_log(&src, from, min_lsn, note, &l, &out) != ELO_OK
            || l.records != records)
        {
            abort();
        }
    } else if (rc != ELO_ECORRUPT) {
        abort();
    }
    for (size_t i = 0; i < src.n_segs; i++) {
        if (elo_scan_segment(&src, &segs[i], 0, 0, UINT64_MAX, i % 2 == 0,
                             count, &n, &next, &bad, &end)
                != ELO_OK
            || end > l.size || next != 0)
        {
            abort();
        }
    }
    free(l.bytes);
    return 0;
}
