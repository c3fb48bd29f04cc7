/* SPDX-License-Identifier: BSD-2-Clause */
/* record: one record of the log as bytes, and the head of a segment. Pure.
   Byte tables: docs/formats/log.md. Big-endian.

   segment header, 64 bytes:
      0  8  magic "ELOSEG2\n"
      8  8  store id
     16  8  number of the segment
     24  8  lsn of its first record
     32  8  length of the file
     40 16  zero
     56  4  zero
     60  4  CRC-32C of bytes 0 to 59
   record header, 48 bytes, then key, value, data, and zeros up to a multiple of 8:
      0  4  magic "ELOR"
      4  1  table (0: the engine's own)
      5  1  flags
      6  2  length of the key
      8  4  length of the value
     12  4  length of the data
     16  8  lsn, one more than that of the record before
     24  8  lsn of the first record of its batch
     32  8  DELETE: the segment that the deletion was first logged in, for
            compaction keeps it until no older segment is left; else 0
     40  4  CRC-32C of key, value and data
     44  4  CRC-32C of bytes 0 to 43, seeded with store id, segment, offset (8
            each), so that a record is believed in its own place only. */
#ifndef ELO_KV_RECORD_H
#define ELO_KV_RECORD_H

#include "common/base/err.h"
#include "common/base/slice.h"

#define ELO_SEG_HEADER_LEN 64u
#define ELO_REC_HEADER_LEN 48u
#define ELO_REC_ALIGN      8u

enum {
    ELO_REC_DELETE = 0x01,
    ELO_REC_END = 0x02,   /* the last record of its operation */
    ELO_REC_MOVED = 0x04, /* re-written by compaction */
    ELO_REC_BEGIN = 0x08, /* the first record of its operation */
    ELO_REC_FLAGS = 0x0f,
};

typedef struct {
    uint8_t table;
    uint8_t flags;
    uint16_t key_len;
    uint32_t value_len;
    uint32_t data_len;
    uint64_t lsn;
    uint64_t batch;
    uint64_t first_segment; /* of a DELETE */
    uint32_t body_crc;
} elo_rec_head_t;

typedef struct {
    uint64_t store_id;
    uint64_t segment;
    uint64_t first_lsn;
    uint64_t file_len;
    uint64_t prev_segment;
    uint64_t prev_end;
} elo_seg_head_t;

/* CRC-32C (RFC 3720, B.4): continues crc (0 at first). Uses SSE4.2 where the CPU
   has it. */
uint32_t elo_crc32c(uint32_t crc, elo_slice_t s);

/* Length of the whole record with padding. */
uint64_t elo_rec_len(const elo_rec_head_t *h);

/* Into out[ELO_REC_HEADER_LEN]. */
void elo_rec_head_encode(const elo_rec_head_t *h, uint64_t store_id,
                         uint64_t segment, uint64_t off, uint8_t *out);

/* p has ELO_REC_HEADER_LEN bytes. ELO_ENOTFOUND: zeros, nothing was written here.
   ELO_ECORRUPT: anything else that is no header of this place. The body isn't
   looked at. */
elo_err_t elo_rec_head_parse(const uint8_t *p, uint64_t store_id,
                             uint64_t segment, uint64_t off,
                             elo_rec_head_t *out) ELO_MUST_USE;

/* Into out[ELO_SEG_HEADER_LEN]. */
void elo_seg_head_encode(const elo_seg_head_t *h, uint8_t *out);

/* p has ELO_SEG_HEADER_LEN bytes. ELO_ENOTFOUND: zeros. ELO_ECORRUPT: anything
   else that is no header. */
elo_err_t elo_seg_head_parse(const uint8_t *p,
                             elo_seg_head_t *out) ELO_MUST_USE;

#endif
