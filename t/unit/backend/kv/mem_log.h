/* SPDX-License-Identifier: BSD-2-Clause */
/* mem_log: a log as arrays of bytes, made record by record, for tests of the
   scanning. Aborts when it is full. */
#ifndef ELO_T_UNIT_MEM_LOG_H
#define ELO_T_UNIT_MEM_LOG_H

#include <stdio.h>
#include <stdlib.h>

#include "backend/kv/scan.h"
#include "common/base/num.h"

#define MEM_LOG_SEGS  8u
#define MEM_LOG_BYTES 4096u
#define MEM_LOG_STORE UINT64_C(0x5117)

typedef struct {
    uint8_t bytes[MEM_LOG_SEGS][MEM_LOG_BYTES];
    elo_scan_seg_t segs[MEM_LOG_SEGS];
    elo_scan_src_t src;
    elo_log_pos_t pos; /* behind the last record */
    elo_log_pos_t last;
    uint64_t lsn;
    uint64_t batch;
    bool in_op;
    unsigned fails_at; /* this read, counted down, gives EIO; 0: none */
    char found[4096];  /* "key key(data length)," … of what a scan gave */
    size_t n_found;
} mem_log_t;


static inline elo_err_t
mem_log_read(void *ctx, uint64_t segment, uint64_t off, void *p, size_t len)
{
    mem_log_t *m = ctx;

    if (m->fails_at > 0 && --m->fails_at == 0) {
        return 5; /* EIO */
    }
    for (size_t i = 0; i < m->src.n_segs; i++) {
        if (m->segs[i].number == segment) {
            if (off > m->segs[i].size || m->segs[i].size - off < len) {
                abort();
            }
            memcpy(p, m->bytes[i] + off, len);
            return ELO_OK;
        }
    }
    abort();
}


static inline elo_err_t
mem_log_note(void *ctx, const elo_log_rec_t *r)
{
    mem_log_t *m = ctx;
    size_t room = sizeof(m->found) - m->n_found;
    int n = snprintf(m->found + m->n_found, room, "%.*s%s", (int) r->key.len,
                     (const char *) r->key.p,
                     (r->head.flags & ELO_REC_END) != 0 ? "." : " ");

    if (n < 0 || (size_t) n >= room) {
        abort();
    }
    m->n_found += (size_t) n;
    return ELO_OK;
}


/* Another segment, linked to the one before. */
static inline void
mem_log_roll(mem_log_t *m, uint64_t number)
{
    elo_scan_seg_t *s = &m->segs[m->src.n_segs];

    if (m->src.n_segs == MEM_LOG_SEGS) {
        abort();
    }
    *s = (elo_scan_seg_t){ .number = number,
                           .size = MEM_LOG_BYTES,
                           .head = { .store_id = MEM_LOG_STORE,
                                     .segment = number,
                                     .first_lsn = m->lsn,
                                     .file_len = MEM_LOG_BYTES,
                                     .prev_segment = m->pos.segment,
                                     .prev_end = m->pos.off } };
    elo_seg_head_encode(&s->head, m->bytes[m->src.n_segs]);
    m->src.n_segs++;
    m->pos = (elo_log_pos_t){ number, ELO_SEG_HEADER_LEN };
}


static inline void
mem_log_init(mem_log_t *m)
{
    memset(m, 0, sizeof(*m));
    m->src = (elo_scan_src_t){ .read = mem_log_read,
                               .ctx = m,
                               .store_id = MEM_LOG_STORE,
                               .segs = m->segs };
    m->lsn = 1;
    m->batch = 1;
    mem_log_roll(m, 1);
}


/* A record with data_len bytes of data in the last segment. */
static inline void
mem_log_add(mem_log_t *m, const char *key, uint32_t data_len, bool is_end)
{
    uint8_t *p = m->bytes[m->src.n_segs - 1] + m->pos.off;
    size_t n = strlen(key);
    elo_rec_head_t h = { .table = 1,
                         .key_len = (uint16_t) n,
                         .data_len = data_len,
                         .lsn = m->lsn++,
                         .batch = m->batch };

    if (elo_rec_len(&h) > MEM_LOG_BYTES - m->pos.off) {
        abort();
    }
    h.flags =
        (uint8_t) ((m->in_op ? 0 : ELO_REC_BEGIN) | (is_end ? ELO_REC_END : 0));
    memcpy(p + ELO_REC_HEADER_LEN, key, n);
    memset(p + ELO_REC_HEADER_LEN + n, 'd', data_len);
    h.body_crc = elo_crc32c(0, elo_slice(p + ELO_REC_HEADER_LEN, n + data_len));
    elo_rec_head_encode(&h, MEM_LOG_STORE, m->pos.segment, m->pos.off, p);
    m->last = m->pos;
    m->pos.off += elo_rec_len(&h);
    m->in_op = !is_end;
}


/* An operation of one record. */
static inline void
mem_log_op(mem_log_t *m, const char *key, uint32_t data_len)
{
    mem_log_add(m, key, data_len, true);
}


/* What is added from here on is another batch. */
static inline void
mem_log_sync(mem_log_t *m)
{
    m->batch = m->lsn;
}


static inline elo_err_t
mem_log_scan(mem_log_t *m, elo_log_pos_t from, uint64_t min_lsn,
             elo_log_scan_t *out)
{
    m->n_found = 0;
    m->found[0] = '\0';
    return elo_scan_log(&m->src, from, min_lsn, mem_log_note, m, out);
}

#endif
