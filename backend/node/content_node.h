/* SPDX-License-Identifier: BSD-2-Clause */
/* content_node: what a blob means. A node travels and rests as JSON; here that
   text is judged when it comes from outside (elo_content_make) and read when it
   comes from the store (elo_content_load). Pure.

   Members, in the order of the normalised text: id, version, title, description,
   contentFormat, embedStrategy, reach, owner, invited[], lifecycle,
   refreshInterval, durationSeconds, blobs[] {hash, sizeBytes, mimeType,
   fallbackUrls[], codec, profile, width, height, bitrateMbps, durations{}, role,
   language, expiresAt}, body, tags[], relations[] {type, target}, metadata,
   createdAt, updatedAt, refreshedAt, hold {reason, since, by}. Only title is
   required, hash of each blob, and both of a relation: a word of the owner's choice
   and the id of a content, which needn't be there. version, the times (but expiresAt)
   and hold are the server's: what a text says there is ignored, so that a client may
   send back what it got. Null means absent; any other member is refused. refreshedAt
   is when somebody last said that it is as it should be; without one that was at
   updatedAt. */
#ifndef ELO_NODE_CONTENT_NODE_H
#define ELO_NODE_CONTENT_NODE_H

#include "backend/json/json.h"
#include "backend/node/lifecycle.h"
#include "common/auth/gate.h"
#include "common/base/buf.h"
#include "common/base/cid.h"
#include "common/base/keys.h"

/* Longest normalised text: numbers and escapes may come out longer than they
   went in. */
#define ELO_CONTENT_TEXT_MAX (2 * (size_t) ELO_CONTENT_JSON_MAX)

/* Of a text that a store takes (ELO_CONTENT_JSON_MAX), what its owner leaves to what
   is added later and not by him: a hold, and a state. */
#define ELO_CONTENT_SPARE 4096u

#define ELO_CONTENT_URLS_MAX 16 /* fallbackUrls of a blob */

typedef enum {
    ELO_ROLE_ORIGINAL,
    ELO_ROLE_VARIANT,
    ELO_ROLE_AUDIO,
    ELO_ROLE_SUBTITLE
} elo_blob_role_t;

/* It may not be archived, forgotten, removed. */
typedef struct {
    elo_slice_t reason; /* may be empty */
    int64_t since;      /* Unix seconds */
    elo_slice_t by;     /* agent, as text */
} elo_content_hold_t;

/* What is set, whatever the text says there; NULL and 0: nothing. */
typedef struct {
    const elo_lifecycle_t *lifecycle;
    const elo_reach_t *reach;
    const elo_slice_t *invited; /* the whole list */
    uint32_t n_invited;
    int64_t expired_by; /* blob entries whose expiresAt has come by then go */
} elo_content_set_t;

/* What the server adds to a text. */
typedef struct {
    elo_slice_t id;     /* empty: the text's own, or else one of randomness */
    uint64_t version;   /* from 1 */
    int64_t created_at; /* Unix seconds */
    int64_t updated_at;
    int64_t fresh_at;           /* 0: as updated_at */
    const elo_lifecycle_t *was; /* of the version before; NULL: there is none */
    const elo_content_hold_t *hold; /* NULL: it isn't held */
    const elo_content_set_t *set;   /* may be NULL */
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
   from the first blob's type, embedStrategy iframe, reach private, role original;
   lifecycle as it was, but stale becomes published by a new text, and what is new or
   was a draft is published when there are blobs or a body, else a draft).
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
    int64_t expires_at;   /* Unix seconds; 0: never */
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
    int64_t updated_at; /* 0 when not stated */
    int64_t fresh_at;   /* refreshedAt, or else updatedAt, or else createdAt */
    elo_slice_t interval; /* refreshInterval; empty: none */
    bool is_held;
    elo_content_hold_t hold; /* if it is */
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

/* Has it that tag? Exactly, byte by byte. */
bool elo_content_has_tag(const elo_content_t *n, elo_slice_t tag);

/* Is one of its relations, of whatever type, to that content? */
bool elo_content_relates_to(const elo_content_t *n, elo_slice_t target);

/* The reach that counts: private while the node is not served. */
elo_reach_t elo_content_effective_reach(const elo_content_t *n);

/* When something happens to it by itself next (lifecycle.h); Unix seconds, 0: never. */
int64_t elo_content_due(const elo_content_t *n);

/* What that makes of its state at `now`: the state that follows, or the one it has;
   *expired (may be NULL): entries go, too. */
elo_lifecycle_t elo_content_age(const elo_content_t *n, int64_t now,
                                bool *expired);

/* Takes out of blobs and refs what has expired by then: it isn't served. */
void elo_content_drop_expired(elo_content_t *n, int64_t now);

/* Element i of the list of the invited, as it was written; false past its end. */
bool elo_content_invited_at(const elo_content_t *n, size_t i, elo_slice_t *out);

/* The blob that a reader of the node gets: the first original, else the first;
   NULL when there is none. */
const elo_content_blob_t *elo_content_primary(const elo_content_t *n);

/* fallbackUrls of blob i, in order; how many. Borrowed of the node. */
uint32_t elo_content_urls(const elo_content_t *n, uint32_t i,
                          elo_slice_t out[ELO_CONTENT_URLS_MAX]);

#endif
