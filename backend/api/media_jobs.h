/* SPDX-License-Identifier: BSD-2-Clause */
/* media_jobs: the indexing of media blobs, in a queue, by a child at a time; and which
   blobs of a content are to be indexed (media_api.c). */
#ifndef ELO_API_MEDIA_JOBS_H
#define ELO_API_MEDIA_JOBS_H

#include "backend/api/api.h"
#include "backend/node/content_node.h"

typedef struct elo_media_jobs_s elo_media_jobs_t;

elo_err_t elo_media_jobs_create(const elo_api_cfg_t *cfg,
                                elo_media_jobs_t **out) ELO_MUST_USE;
void elo_media_jobs_stop(elo_media_jobs_t *j, void (*done)(void *ctx),
                         void *ctx);
void elo_media_jobs_free(elo_media_jobs_t **j);

/* Has the blob indexed, unless elo_media_jobs_has it already. A full queue drops
   it: the next question for it asks again. */
void elo_media_jobs_add(elo_media_jobs_t *j, const elo_digest_t *d);
/* In the queue, running, or tried in vain so lately that it has to wait. */
bool elo_media_jobs_has(const elo_media_jobs_t *j, const elo_digest_t *d);
/* Waiting and running. */
uint32_t elo_media_jobs_count(const elo_media_jobs_t *j);

/* ---- media_api.c ---- */

/* Could blob i of a node be streamed? By its role and its type; own_type is
   that of the held blob, "" when unknown. */
bool elo_media_is_playable(const elo_content_t *n, uint32_t i,
                           const char *own_type);

/* After a node was written: has its blobs indexed that need it. */
void elo_media_on_publish(elo_api_t *a, const elo_content_t *n);

#endif
