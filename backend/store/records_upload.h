/* SPDX-License-Identifier: BSD-2-Clause */
/* records_upload: bytes of the table UPLOAD, see docs/formats/store-tables.md. Pure.
   Parsers answer ELO_ECORRUPT for whatever isn't exactly one record.

   Keys begin with the id (16 bytes), then say what of the upload it is:
     id                      state: what changes
     id, 0x01                form: what was asked for
     id, 0x02                key: envelope of a sealed upload's key
     id, 0x03, offset 8      piece of the last chunk; data: a secret box */
#ifndef ELO_STORE_RECORDS_UPLOAD_H
#define ELO_STORE_RECORDS_UPLOAD_H

#include "backend/store/resume.h"

#define ELO_UPLOAD_ID        16u
#define ELO_UPLOAD_KEY_MAX   (ELO_UPLOAD_ID + 1 + 8)
#define ELO_UPLOAD_STATE_MAX 82u
#define ELO_UPLOAD_FORM_MAX                                                    \
    (160u + ELO_MIME_MAX + ELO_UPLOAD_META_MAX                                 \
     + ELO_CONTENT_INVITED_MAX * ELO_AGENT_LEN)

typedef enum {
    ELO_UPLOAD_PART_STATE = 0,
    ELO_UPLOAD_PART_FORM = 1,
    ELO_UPLOAD_PART_KEY = 2,
    ELO_UPLOAD_PART_PIECE = 3,
} elo_upload_part_t;

/* The numbers are format. */
typedef enum {
    ELO_UPLOAD_OPEN = 1,
    ELO_UPLOAD_FINAL = 2, /* its blob was made */
    ELO_UPLOAD_ENDED = 3, /* expired or ended: its bytes are gone */
} elo_upload_phase_t;

typedef struct {
    elo_upload_phase_t phase;
    int64_t created_at, expires_at; /* Unix seconds */
    uint64_t length;                /* UINT64_MAX: not told */
    uint64_t offset;                /* durable; of a final one its size */
    uint64_t sealed_to;  /* chunks below may have been sealed with this key */
    uint32_t key_no;     /* of the key, and of the file: 0 at first */
    uint32_t agent;      /* number of whose account it is on */
    elo_digest_t digest; /* of a final one */
} elo_upload_state_t;

/* Parsed: slices borrow from the record. */
typedef struct {
    elo_put_opt_t opt; /* invited: NULL, see invited_raw */
    elo_slice_t meta;
    elo_slice_t invited_raw; /* n_invited agents, one after the other */
    elo_slice_t box;         /* p not NULL: all but reach and agent is in it */
} elo_upload_form_t;

elo_slice_t elo_upload_key(const uint8_t id[ELO_UPLOAD_ID],
                           elo_upload_part_t part, uint64_t at,
                           uint8_t out[ELO_UPLOAD_KEY_MAX]);
elo_err_t elo_upload_key_parse(elo_slice_t key, uint8_t id[ELO_UPLOAD_ID],
                               elo_upload_part_t *part,
                               uint64_t *at) ELO_MUST_USE;

void elo_upload_state_encode(const elo_upload_state_t *r, elo_buf_t *out);
elo_err_t elo_upload_state_parse(elo_slice_t s,
                                 elo_upload_state_t *out) ELO_MUST_USE;
void elo_upload_form_encode(const elo_put_opt_t *opt, elo_slice_t meta,
                            elo_buf_t *out);
/* Of a sealed upload. box: a form as encoded above, in a secret box. */
void elo_upload_form_encode_boxed(const elo_put_opt_t *opt, elo_slice_t box,
                                  elo_buf_t *out);
elo_err_t elo_upload_form_parse(elo_slice_t s,
                                elo_upload_form_t *out) ELO_MUST_USE;

/* Exactly ELO_UPLOAD_ID_LEN hex digits, lower case, else ELO_ENOTFOUND: no upload
   has another name. */
elo_err_t elo_upload_id_parse(elo_slice_t text,
                              uint8_t id[ELO_UPLOAD_ID]) ELO_MUST_USE;

/* "uploads/<id>", or "uploads/<id>.<key_no>" from 1 on, into room for
   ELO_STORE_NAME_MAX + 1; parse takes what follows the slash. */
void elo_upload_file(const uint8_t id[ELO_UPLOAD_ID], uint32_t key_no,
                     char *out);
elo_err_t elo_upload_file_parse(elo_slice_t name, uint8_t id[ELO_UPLOAD_ID],
                                uint32_t *key_no) ELO_MUST_USE;

#endif
