/* SPDX-License-Identifier: BSD-2-Clause */
/* content_node: what a blob means. A node travels and rests as JSON; here that
   text is judged when it comes from outside (elo_content_make) and read when it
   comes from the store (elo_content_load). Pure.

   Members, in the order of the normalised text: id, version, title, description,
   contentFormat, embedStrategy, reach, owner, invited[], lifecycle,
   refreshInterval, durationSeconds, blobs[] {hash, sizeBytes, mimeType,
   fallbackUrls[], codec, profile, width, height, bitrateMbps, durations{}, role,
   language, expiresAt}, body, tags[], metadata, createdAt, updatedAt. Only title
   is required, and hash of each blob. version, createdAt and updatedAt are the
   server's: what a text says there is ignored, so that a client may send back
   what it got. Null means absent; any other member is refused. */
#ifndef ELO_NODE_CONTENT_NODE_H
#define ELO_NODE_CONTENT_NODE_H

#include "backend/json/json.h"
#include "common/auth/gate.h"
#include "common/base/buf.h"
#include "common/base/cid.h"
#include "common/base/keys.h"

/* Longest normalised text: numbers and escapes may come out longer than they
   went in. */
#define ELO_CONTENT_TEXT_MAX (2 * (size_t) ELO_CONTENT_JSON_MAX)

#define ELO_CONTENT_URLS_MAX 16 /* fallbackUrls of a blob */

typedef enum {
    ELO_LIFECYCLE_DRAFT,
    ELO_LIFECYCLE_PUBLISHED,
    ELO_LIFECYCLE_STALE,
    ELO_LIFECYCLE_DEPRECATED,
    ELO_LIFECYCLE_ARCHIVED,
    ELO_LIFECYCLE_FORGOTTEN
} elo_lifecycle_t;

typedef enum {
    ELO_ROLE_ORIGINAL,
    ELO_ROLE_VARIANT,
    ELO_ROLE_AUDIO,
    ELO_ROLE_SUBTITLE
} elo_blob_role_t;

/* What the server adds to a text. */
typedef struct {
    elo_slice_t id;     /* empty: the text's own, or else one of randomness */
    uint64_t version;   /* from 1 */
    int64_t created_at; /* Unix seconds */
    int64_t updated_at;
    /* Fills p with n bytes that nobody can guess. */
    void (*random)(void *ctx, uint8_t *p, size_t n);
    void *random_ctx;
} elo_content_env_t;

/* What is wrong with a text. */
typedef struct {
    char field[128];  /* JSON path: "blobs[1].hash"; "" for the whole text */
    char detail[384]; /* a sentence that names the field */
} elo_content_fault_t;

/* Judges text and appends its normalised form to json, which should allow for
   ELO_CONTENT_TEXT_MAX: hashes canonical, defaults written out (contentFormat
   from the first blob's type, embedStrategy iframe, reach private, lifecycle
   published when there are blobs or a body, else draft; role original).
   ELO_EINVAL or ELO_ETOOBIG with *fault filled; ELO_ENOMEM. */
elo_err_t elo_content_make(elo_slice_t text, const elo_content_env_t *env,
                           elo_buf_t *json,
                           elo_content_fault_t *fault) ELO_MUST_USE;

typedef struct {
    elo_digest_t digest;
    elo_blob_role_t role;
    elo_slice_t mime;     /* empty when not stated */
    elo_slice_t language; /* likewise */
    uint64_t size;        /* as stated, 0 when not */
} elo_content_blob_t;

/* The members that the server acts on. Slices live as long as the node. */
typedef struct {
    elo_json_t *_tree;
    elo_slice_t id;
    elo_slice_t title;
    elo_slice_t format;
    uint64_t version;
    elo_reach_t reach; /* as stated */
    elo_lifecycle_t lifecycle;
    int64_t created_at;
    uint32_t n_blobs;
    elo_content_blob_t blobs[ELO_CONTENT_BLOBS_MAX];
    elo_digest_t refs[ELO_CONTENT_BLOBS_MAX]; /* of blobs, for the store */
} elo_content_t;

/* Reads a normalised text. ELO_ECORRUPT when it is none. Ends in
   elo_content_dispose. */
elo_err_t elo_content_load(elo_slice_t json, elo_content_t *out) ELO_MUST_USE;
void elo_content_dispose(elo_content_t *n);

/* False for drafts and what is forgotten: those are not served. */
bool elo_content_is_served(const elo_content_t *n);

/* Draft, served or forgotten, for the gate. */
elo_stage_t elo_content_stage(const elo_content_t *n);

/* Is the agent on the list of the invited? Of that, texts that name no agent
   (common/auth/agent_text.h) invite nobody. */
bool elo_content_invites(const elo_content_t *n, const elo_agent_t *a);

/* The reach that counts: private while the node is not served. */
elo_reach_t elo_content_effective_reach(const elo_content_t *n);

/* The blob that a reader of the node gets: the first original, else the first;
   NULL when there is none. */
const elo_content_blob_t *elo_content_primary(const elo_content_t *n);

/* fallbackUrls of blob i, in order; how many. Borrowed of the node. */
uint32_t elo_content_urls(const elo_content_t *n, uint32_t i,
                          elo_slice_t out[ELO_CONTENT_URLS_MAX]);

#endif
