/* SPDX-License-Identifier: BSD-2-Clause */
/* records: the values of the store's index as bytes, and names of its files.
   Byte tables: docs/formats/store.md. Pure. Every record ends in a CRC-32C over
   its key and its bytes, so that a record is believed only under its own key; a
   parser answers ELO_ECORRUPT for anything else. Slices borrow from the bytes. */
#ifndef ELO_STORE_RECORDS_H
#define ELO_STORE_RECORDS_H

#include "common/auth/reach.h"
#include "common/base/buf.h"
#include "common/base/cid.h"
#include "common/base/limits.h"

#define ELO_REASON_MAX    1024 /* text for people, why media can't stream */
#define ELO_STATE_REC_MAX 64
#define ELO_FILE_REC_MAX  64
#define ELO_BLOB_REC_MAX  (64 + ELO_MIME_MAX)
#define ELO_MEDIA_REC_MAX (64 + ELO_REASON_MAX)
#define ELO_NODEV_REC_MAX (64 + ELO_CONTENT_JSON_MAX)

/* The directory that a file lies in; the numbers are format. */
typedef enum { ELO_FILE_BLOB = 1, ELO_FILE_MEDIA = 2 } elo_file_kind_t;

typedef struct {
    uint64_t store_id;
    uint64_t seq_reserved; /* no file has this number or a higher one */
    uint64_t scan_from;    /* each file below this one is named by the index */
    uint64_t blobs;
    uint64_t bytes;
} elo_rec_state_t;

typedef struct {
    elo_file_kind_t kind;
    elo_digest_t digest;
} elo_rec_file_t;

typedef struct {
    uint64_t seq;
    uint64_t size;
    int64_t created_at;
    elo_slice_t content_type;
} elo_rec_blob_t;

typedef struct {
    uint8_t status;
    uint64_t seq; /* 0: no file */
    uint64_t size;
    elo_slice_t reason;
} elo_rec_media_t;

typedef struct {
    elo_reach_t reach;
    uint64_t current;
    uint32_t n_refs;
    elo_digest_t refs[ELO_CONTENT_BLOBS_MAX];
} elo_rec_node_t;

typedef struct {
    elo_reach_t reach;
    elo_slice_t json;
} elo_rec_nodev_t;

uint32_t elo_crc32c(uint32_t crc, elo_slice_t s);

/* Encoders append to out; check it with elo_buf_err. */
void elo_rec_state_encode(const elo_rec_state_t *r, elo_slice_t key,
                          elo_buf_t *out);
elo_err_t elo_rec_state_parse(elo_slice_t key, elo_slice_t s,
                              elo_rec_state_t *out) ELO_MUST_USE;
void elo_rec_file_encode(const elo_rec_file_t *r, elo_slice_t key,
                         elo_buf_t *out);
elo_err_t elo_rec_file_parse(elo_slice_t key, elo_slice_t s,
                             elo_rec_file_t *out) ELO_MUST_USE;
void elo_rec_blob_encode(const elo_rec_blob_t *r, elo_slice_t key,
                         elo_buf_t *out);
elo_err_t elo_rec_blob_parse(elo_slice_t key, elo_slice_t s,
                             elo_rec_blob_t *out) ELO_MUST_USE;
void elo_rec_media_encode(const elo_rec_media_t *r, elo_slice_t key,
                          elo_buf_t *out);
elo_err_t elo_rec_media_parse(elo_slice_t key, elo_slice_t s,
                              elo_rec_media_t *out) ELO_MUST_USE;
void elo_rec_node_encode(const elo_rec_node_t *r, elo_slice_t key,
                         elo_buf_t *out);
elo_err_t elo_rec_node_parse(elo_slice_t key, elo_slice_t s,
                             elo_rec_node_t *out) ELO_MUST_USE;
void elo_rec_nodev_encode(const elo_rec_nodev_t *r, elo_slice_t key,
                          elo_buf_t *out);
elo_err_t elo_rec_nodev_parse(elo_slice_t key, elo_slice_t s,
                              elo_rec_nodev_t *out) ELO_MUST_USE;

/* A sequence number as key. */
void elo_seq_encode(uint64_t seq, uint8_t out[8]);
elo_err_t elo_seq_parse(elo_slice_t s, uint64_t *seq) ELO_MUST_USE;

/* "blobs/xx" and "blobs/xx/<16 hex>" (or media/…) of a sequence number; xx is its
   low byte. Room for ELO_STORE_NAME_MAX + 1. */
void elo_file_dir(elo_file_kind_t kind, uint64_t seq, char *out);
void elo_file_name(elo_file_kind_t kind, uint64_t seq, char *out);

/* The text of the file "format". */
void elo_format_encode(uint64_t store_id, elo_buf_t *out);
elo_err_t elo_format_parse(elo_slice_t s, uint64_t *store_id) ELO_MUST_USE;

#endif
