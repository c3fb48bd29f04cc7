/* SPDX-License-Identifier: BSD-2-Clause */
/* media_set: the tracks of one content, put together from the media indexes of
   its blobs. Video is v0, v1, … in the order of the blobs; audio a0, a1, …: each
   language once, from the first blob that has it. */
#ifndef ELO_API_MEDIA_SET_H
#define ELO_API_MEDIA_SET_H

#include "backend/node/content_node.h"
#include "backend/store/node.h"
#include "common/manifest/model.h"

#define ELO_MEDIA_NAME_MAX 63
#define ELO_MEDIA_ID_ROOM  8

/* One blob that has an index. The caller fills all but head. */
typedef struct {
    elo_blob_stat_t stat;
    uint64_t index_size;
    char language[40]; /* as the node states it, or "" */
    elo_buf_t head;
} elo_media_source_t;

typedef struct {
    uint32_t n;
    elo_media_source_t source[ELO_CONTENT_BLOBS_MAX];

    /* filled by elo_media_set_load; media borrows from here and the heads */
    elo_media_t media;
    struct {
        uint32_t source;
        uint32_t track; /* in that source's index */
        char id[ELO_MEDIA_ID_ROOM];
        char name[ELO_MEDIA_NAME_MAX + 1];
    } of[ELO_MEDIA_MAX_TRACKS];
    char version[17];
    uint32_t damaged; /* the source whose index can't be used */
} elo_media_set_t;

/* On the loop: adds a source; language may be empty. */
void elo_media_set_add(elo_media_set_t *m, const elo_blob_stat_t *st,
                       uint64_t index_size, elo_slice_t language);

/* [work] Reads the indexes and fills media and version. ELO_ECORRUPT, with
   damaged set, when an index is none that this program reads. */
elo_err_t elo_media_set_load(elo_media_set_t *m, elo_store_t *s) ELO_MUST_USE;

/* [work] Appends recipe n (from 0; n_segments: the init segment) of track i. */
elo_err_t elo_media_set_recipe(const elo_media_set_t *m, elo_store_t *s,
                               uint32_t i, uint32_t n,
                               elo_buf_t *out) ELO_MUST_USE;

void elo_media_set_dispose(elo_media_set_t *m);

/* Name of a language for people: "English", "Portuguese (pt-BR)", the tag
   itself when unknown, "Audio" for none. */
void elo_media_language_name(elo_slice_t tag, char out[ELO_MEDIA_NAME_MAX + 1]);

#endif
