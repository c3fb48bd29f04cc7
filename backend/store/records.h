/* SPDX-License-Identifier: BSD-2-Clause */
/* records: bytes of the tables BLOB, SEALED, AGENT, OWN, FILE, TREE, PIN and BAD,
   the file "format", and names of files. Byte tables: docs/formats/store.md. Pure.
   The engine guards each entry with a checksum over key and value; a parser answers
   ELO_ECORRUPT for whatever isn't exactly one record. Slices borrow from the
   bytes. */
#ifndef ELO_STORE_RECORDS_H
#define ELO_STORE_RECORDS_H

#include "common/auth/reach.h"
#include "common/base/buf.h"
#include "common/base/cid.h"
#include "common/base/limits.h"

#define ELO_WHY_MAX 127 /* text for people, why a blob is bad */

#define ELO_BLOB_REC_MAX   (64 + ELO_MIME_MAX)
#define ELO_SEALED_REC_MAX (51 + ELO_MIME_MAX)
#define ELO_AGENT_REC_LEN  13u
#define ELO_OWN_REC_LEN    10u
#define ELO_FILE_REC_LEN   3u
#define ELO_TREE_REC_LEN   33u
#define ELO_PIN_REC_LEN    9u
#define ELO_BAD_REC_MAX    (10 + ELO_WHY_MAX)

#define ELO_AGENTNO_KEY 4u
#define ELO_SEALED_KEY  (ELO_SHA256_LEN + 4u) /* blind, agent no */
#define ELO_OWN_KEY     (ELO_SHA256_LEN + 4u) /* digest, agent no */
#define ELO_FILE_KEY    8u

/* ---- BLOB: key is the digest of what is stored ---- */

typedef struct {
    bool is_object;      /* a ciphertext object: a SEALED row names it */
    elo_reach_t reach;   /* as the first sender stated it */
    uint32_t agent;      /* number of the first sender */
    uint64_t created_us; /* Unix */
    elo_digest_t blind;  /* of an object: with agent the key of its SEALED */
    uint64_t file;       /* id of its file; 0: its bytes are the entry's data */
    uint64_t size;
    elo_slice_t content_type;
} elo_rec_blob_t;

/* Encoders append to out; check it with elo_buf_err. data_len: of the entry. */
void elo_rec_blob_encode(const elo_rec_blob_t *r, elo_buf_t *out);
elo_err_t elo_rec_blob_parse(elo_slice_t s, uint32_t data_len,
                             elo_rec_blob_t *out) ELO_MUST_USE;
/* Only reach and created_us, whatever the entry's data. */
elo_err_t elo_rec_blob_stamp(elo_slice_t s, elo_reach_t *reach,
                             uint64_t *created_us) ELO_MUST_USE;

/* ---- SEALED: data is the envelope ---- */

typedef struct {
    elo_reach_t reach;
    uint64_t created_us;
    uint64_t size;       /* of the plaintext */
    elo_digest_t object; /* what is stored */
    elo_slice_t content_type;
} elo_rec_sealed_t;

void elo_rec_sealed_encode(const elo_rec_sealed_t *r, elo_buf_t *out);
elo_err_t elo_rec_sealed_parse(elo_slice_t s,
                               elo_rec_sealed_t *out) ELO_MUST_USE;
elo_slice_t elo_sealed_key(const elo_digest_t *blind, uint32_t agent,
                           uint8_t out[ELO_SEALED_KEY]);
elo_err_t elo_sealed_key_parse(elo_slice_t key, elo_digest_t *blind,
                               uint32_t *agent) ELO_MUST_USE;

/* ---- AGENT: key is the agent ---- */

#define ELO_QUOTA_DEFAULT UINT64_MAX /* it has none of its own */

typedef struct {
    uint32_t no;
    uint64_t quota; /* 0: none */
} elo_rec_agent_t;

void elo_rec_agent_encode(const elo_rec_agent_t *r, elo_buf_t *out);
elo_err_t elo_rec_agent_parse(elo_slice_t s, elo_rec_agent_t *out) ELO_MUST_USE;
elo_slice_t elo_agentno_key(uint32_t no, uint8_t out[ELO_AGENTNO_KEY]);
elo_err_t elo_agentno_parse(elo_slice_t key, uint32_t *no) ELO_MUST_USE;

/* ---- OWN: who else sent a clear blob, and who of them no longer has it ---- */

typedef struct {
    bool is_gone; /* the first sender, who removed it: not his any more */
    uint64_t size;
} elo_rec_own_t;

void elo_rec_own_encode(const elo_rec_own_t *r, elo_buf_t *out);
elo_err_t elo_rec_own_parse(elo_slice_t s, elo_rec_own_t *out) ELO_MUST_USE;
elo_slice_t elo_own_key(const elo_digest_t *d, uint32_t agent,
                        uint8_t out[ELO_OWN_KEY]);
elo_err_t elo_own_key_parse(elo_slice_t key, elo_digest_t *d,
                            uint32_t *agent) ELO_MUST_USE;

/* ---- FILE: key is the id of a file that no row names ---- */

/* The directory that a file lies in; the numbers are format. */
typedef enum { ELO_FILE_BLOB = 1, ELO_FILE_MEDIA = 2 } elo_file_kind_t;

/* The numbers are format. */
typedef enum {
    ELO_FILE_UNDECIDED = 0, /* linked, or about to be; a start unlinks it */
    ELO_FILE_DEAD = 1,      /* its row has gone; a start unlinks it */
    ELO_FILE_DOUBTFUL = 2   /* it was undecided when the log was found to have
                               lost records, its own perhaps: it stays */
} elo_file_state_t;

typedef struct {
    elo_file_kind_t kind;
    elo_file_state_t state;
} elo_rec_file_t;

void elo_rec_file_encode(const elo_rec_file_t *r, elo_buf_t *out);
elo_err_t elo_rec_file_parse(elo_slice_t s, elo_rec_file_t *out) ELO_MUST_USE;
elo_slice_t elo_file_key(uint64_t id, uint8_t out[ELO_FILE_KEY]);
elo_err_t elo_file_key_parse(elo_slice_t key, uint64_t *id) ELO_MUST_USE;

/* "blobs/xx" and "blobs/xx/<16 hex>" (or media/…) of an id; xx is its low byte.
   Room for ELO_STORE_NAME_MAX + 1. */
void elo_file_dir(elo_file_kind_t kind, uint64_t id, char *out);
void elo_file_name(elo_file_kind_t kind, uint64_t id, char *out);

/* ---- TREE (data: the layer), PIN, BAD: key is a digest ---- */

void elo_rec_tree_encode(const elo_digest_t *root, elo_buf_t *out);
elo_err_t elo_rec_tree_parse(elo_slice_t s, elo_digest_t *root) ELO_MUST_USE;

/* since: Unix seconds. */
void elo_rec_pin_encode(int64_t since, elo_buf_t *out);
elo_err_t elo_rec_pin_parse(elo_slice_t s, int64_t *since) ELO_MUST_USE;

typedef struct {
    int64_t since;   /* Unix seconds */
    elo_slice_t why; /* cut at ELO_WHY_MAX */
} elo_rec_bad_t;

void elo_rec_bad_encode(const elo_rec_bad_t *r, elo_buf_t *out);
elo_err_t elo_rec_bad_parse(elo_slice_t s, elo_rec_bad_t *out) ELO_MUST_USE;

/* ---- the file "format" ---- */

void elo_format_encode(uint64_t store_id, elo_buf_t *out);
/* ELO_EUNSUPPORTED: a store of version 1. ELO_ECORRUPT: no format of ours. */
elo_err_t elo_format_parse(elo_slice_t s, uint64_t *store_id) ELO_MUST_USE;

#endif
