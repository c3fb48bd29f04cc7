/* SPDX-License-Identifier: BSD-2-Clause */
/* tus_head: the header fields of the tus resumable upload protocol 1.0.0, judged
   strictly. Pure. Spec: tus.io/protocols/resumable-upload, 1.0.0. */
#ifndef ELO_API_TUS_HEAD_H
#define ELO_API_TUS_HEAD_H

#include "common/base/cid.h"
#include "common/base/err.h"
#include "common/base/slice.h"

#define ELO_TUS_VERSION "1.0.0"
#define ELO_TUS_EXTENSIONS                                                     \
    "creation,creation-with-upload,creation-defer-length,expiration,"          \
    "checksum,termination"
#define ELO_TUS_CHECKSUMS "sha1,sha256"
#define ELO_TUS_TYPE      "application/offset+octet-stream"
#define ELO_TUS_KEY_MAX   64 /* pairs of Upload-Metadata */

/* As they stand in a request; p == NULL: absent. */
typedef struct {
    elo_slice_t resumable; /* Tus-Resumable */
    elo_slice_t offset;    /* Upload-Offset */
    elo_slice_t length;    /* Upload-Length */
    elo_slice_t defer;     /* Upload-Defer-Length */
    elo_slice_t checksum;  /* Upload-Checksum */
    elo_slice_t metadata;  /* Upload-Metadata */
    elo_slice_t concat;    /* Upload-Concat */
    elo_slice_t type;      /* Content-Type */
} elo_tus_fields_t;

typedef enum {
    ELO_TUS_SUM_NONE,
    ELO_TUS_SUM_SHA1,
    ELO_TUS_SUM_SHA256
} elo_tus_sum_t;

typedef struct {
    uint64_t offset;
    bool has_length;
    uint64_t length;
    elo_tus_sum_t sum;
    uint8_t digest[ELO_SHA256_LEN]; /* of the body that comes */
} elo_tus_head_t;

/* Is the version that the client speaks ours? */
bool elo_tus_version_ok(elo_slice_t resumable);

/* A creation (POST): has_body says whether bytes come with it. A PATCH. Each
   ELO_OK; or ELO_EINVAL, ELO_EUNSUPPORTED (the body's type), ELO_ETOOBIG (a
   length past max), with a sentence in *why. */
elo_err_t elo_tus_parse_create(const elo_tus_fields_t *f, bool has_body,
                               uint64_t max, elo_tus_head_t *out,
                               const char **why) ELO_MUST_USE;
elo_err_t elo_tus_parse_patch(const elo_tus_fields_t *f, uint64_t max,
                              elo_tus_head_t *out,
                              const char **why) ELO_MUST_USE;

/* Is it a well-formed Upload-Metadata: unique keys, values in base64? */
bool elo_tus_meta_ok(elo_slice_t metadata);

/* Decodes the value of key from what elo_tus_meta_ok took. ELO_ENOTFOUND;
   ELO_ETOOBIG past max. */
elo_err_t elo_tus_meta_get(elo_slice_t metadata, const char *key, uint8_t *out,
                           size_t max, size_t *len) ELO_MUST_USE;

#endif
