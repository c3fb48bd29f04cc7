/* SPDX-License-Identifier: BSD-2-Clause */
/* publish_node: the content node that "elohim publish" sends: what was asked for,
   over what the node had before. Pure. */
#ifndef ELO_CLI_PUBLISH_NODE_H
#define ELO_CLI_PUBLISH_NODE_H

#include "backend/json/json.h"
#include "common/base/buf.h"
#include "common/base/cid.h"

#define ELO_PUBLISH_TAGS_MAX 64

typedef struct {
    char hash[ELO_ADDR_CANON_LEN + 1];
    char type[ELO_MIME_MAX + 1];
    uint64_t size;
    bool is_variant; /* given as --variant */
} elo_publish_blob_t;

typedef struct {
    const char *id;
    const char *title; /* NULL in all of these: as it was */
    const char *description;
    const char *reach;
    const char *format;
    const char *tags[ELO_PUBLISH_TAGS_MAX];
    unsigned n_tags; /* 0: as they were */
    elo_publish_blob_t blobs[ELO_CONTENT_BLOBS_MAX];
    unsigned n_blobs;
} elo_publish_t;

/* Role of blob i: the first is the original; a --variant is one; else subtitles
   and audio beside a video by type, and what is left is a variant. Static. */
const char *elo_publish_role(const elo_publish_t *p, unsigned i);

/* Appends the node as JSON. current is the node as it stands, NULL to make a new
   one. Members of current that p doesn't set are kept. */
void elo_publish_node(const elo_publish_t *p, const elo_json_t *current,
                      elo_buf_t *out);

#endif
