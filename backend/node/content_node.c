/* SPDX-License-Identifier: BSD-2-Clause */
/* content_node: reading of normalised nodes. */
#include "backend/node/content_node.h"

#include "backend/node/content_fields.h"
#include "backend/node/shape.h"
#include "common/auth/agent_text.h"

const char *const elo_content_lifecycles[] = {
    "draft", "published", "stale", "deprecated", "archived", "forgotten", NULL
};
const char *const elo_content_roles[] = { "original", "variant", "audio",
                                          "subtitle", NULL };
const char *const elo_content_formats[] = {
    "markdown",      "html5-app", "video-embed",       "video-file",
    "audio-file",    "document",  "perseus-quiz-json", "sophia-quiz-json",
    "external-link", "epub",      "gherkin",           "html",
    "plaintext",     NULL,
};
const char *const elo_content_embeds[] = { "iframe",        "steward",
                                           "web-component", "http-range",
                                           "hls",           NULL };


/* Position of a member's word in the list; -1 when it is not there. */
static int
word_of(const elo_json_t *j, const char *name, const char *const *words)
{
    elo_slice_t s;

    if (!elo_json_string(elo_json_get(j, name), &s)) {
        return -1;
    }
    for (int i = 0; words[i] != NULL; i++) {
        if (elo_slice_eq(s, elo_slice_str(words[i]))) {
            return i;
        }
    }
    return -1;
}


static elo_slice_t
text_of(const elo_json_t *j, const char *name)
{
    elo_slice_t s = elo_slice(NULL, 0);

    /* an absent one is empty */
    elo_ignore(!elo_json_string(elo_json_get(j, name), &s));
    return s;
}


static bool
load_blob(const elo_json_t *j, elo_content_blob_t *b)
{
    int role = word_of(j, "role", elo_content_roles);
    int64_t size = 0;

    if (elo_addr_parse(text_of(j, "hash"), &b->digest) != ELO_OK || role < 0) {
        return false;
    }
    b->role = (elo_blob_role_t) role;
    b->mime = text_of(j, "mimeType");
    b->language = text_of(j, "language");
    elo_ignore(!elo_json_integer(elo_json_get(j, "sizeBytes"), &size)); /* 0 */
    b->size = size > 0 ? (uint64_t) size : 0;
    elo_ignore(!elo_shape_time(text_of(j, "expiresAt"), &b->expires_at));
    return true;
}


static bool
load_times(const elo_json_t *j, elo_content_t *n)
{
    if (!elo_shape_time(text_of(j, "createdAt"), &n->created_at)) {
        return false;
    }
    elo_ignore(!elo_shape_time(text_of(j, "updatedAt"), &n->updated_at));
    n->fresh_at = n->updated_at != 0 ? n->updated_at : n->created_at;
    elo_ignore(!elo_shape_time(text_of(j, "refreshedAt"), &n->fresh_at));
    return true;
}


static void
load_hold(const elo_json_t *j, elo_content_t *n)
{
    const elo_json_t *hold = elo_json_get(j, "hold");

    n->is_held = elo_json_kind(hold) == ELO_JSON_OBJECT;
    if (n->is_held) {
        n->hold.reason = text_of(hold, "reason");
        n->hold.by = text_of(hold, "by");
        elo_ignore(!elo_shape_time(text_of(hold, "since"), &n->hold.since));
    }
}


static bool
load(const elo_json_t *j, elo_content_t *n)
{
    const elo_json_t *blobs = elo_json_get(j, "blobs");
    int lifecycle = word_of(j, "lifecycle", elo_content_lifecycles);
    int64_t version = 0;

    n->id = text_of(j, "id");
    n->title = text_of(j, "title");
    n->format = text_of(j, "contentFormat");
    n->reach = elo_reach_or_private(text_of(j, "reach"));
    if (lifecycle < 0 || !elo_content_id_ok(n->id)
        || !elo_json_integer(elo_json_get(j, "version"), &version)
        || version < 1 || elo_json_len(blobs) > ELO_CONTENT_BLOBS_MAX)
    {
        return false;
    }
    n->version = (uint64_t) version;
    n->lifecycle = (elo_lifecycle_t) lifecycle;
    n->interval = text_of(j, "refreshInterval");
    load_hold(j, n);
    if (!load_times(j, n)) {
        return false;
    }
    n->n_blobs = (uint32_t) elo_json_len(blobs);
    for (uint32_t i = 0; i < n->n_blobs; i++) {
        if (!load_blob(elo_json_at(blobs, i), &n->blobs[i])) {
            return false;
        }
        n->refs[i] = n->blobs[i].digest;
    }
    return true;
}


elo_err_t
elo_content_load(elo_slice_t json, elo_content_t *out)
{
    elo_json_t *tree;
    elo_err_t rc;

    rc = elo_json_parse(json, ELO_CONTENT_TEXT_MAX, &tree, NULL);
    if (rc != ELO_OK) {
        return rc == ELO_ENOMEM ? rc : ELO_ECORRUPT;
    }
    *out = (elo_content_t){ ._tree = tree };
    if (!load(tree, out)) {
        elo_content_dispose(out);
        return ELO_ECORRUPT;
    }
    return ELO_OK;
}


void
elo_content_dispose(elo_content_t *n)
{
    elo_json_free(&n->_tree);
    *n = (elo_content_t){ 0 };
}


bool
elo_content_is_served(const elo_content_t *n)
{
    return n->lifecycle != ELO_LIFECYCLE_DRAFT
           && n->lifecycle != ELO_LIFECYCLE_FORGOTTEN;
}


elo_stage_t
elo_content_stage(const elo_content_t *n)
{
    return n->lifecycle == ELO_LIFECYCLE_DRAFT       ? ELO_STAGE_DRAFT
           : n->lifecycle == ELO_LIFECYCLE_FORGOTTEN ? ELO_STAGE_FORGOTTEN
                                                     : ELO_STAGE_SERVED;
}


bool
elo_content_invites(const elo_content_t *n, const elo_agent_t *a)
{
    const elo_json_t *list = elo_json_get(n->_tree, "invited");
    size_t len = elo_json_len(list);
    elo_agent_t invited;
    elo_slice_t text;

    for (size_t i = 0; i < len; i++) {
        if (elo_json_string(elo_json_at(list, i), &text)
            && elo_agent_text_parse(text, &invited) == ELO_OK
            && elo_agent_eq(&invited, a))
        {
            return true;
        }
    }
    return false;
}


int64_t
elo_content_due(const elo_content_t *n)
{
    int64_t due = 0;

    if (n->lifecycle == ELO_LIFECYCLE_PUBLISHED) {
        due = elo_lifecycle_stale_at(n->interval, n->fresh_at);
    }
    for (uint32_t i = 0; i < n->n_blobs && !n->is_held; i++) {
        int64_t at = n->blobs[i].expires_at;

        if (at != 0 && (due == 0 || at < due)) {
            due = at;
        }
    }
    return due;
}


static bool
is_expired(const elo_content_blob_t *b, int64_t now)
{
    return b->expires_at != 0 && b->expires_at <= now;
}


elo_lifecycle_t
elo_content_age(const elo_content_t *n, int64_t now, bool *expired)
{
    uint32_t n_gone = 0, n_originals = 0, n_left = 0;
    int64_t stale_at;

    for (uint32_t i = 0; i < n->n_blobs && !n->is_held; i++) {
        bool is_gone = is_expired(&n->blobs[i], now);

        n_gone += is_gone ? 1 : 0;
        if (n->blobs[i].role == ELO_ROLE_ORIGINAL) {
            n_originals++;
            n_left += is_gone ? 0 : 1;
        }
    }
    if (expired != NULL) {
        *expired = n_gone > 0;
    }
    if (n_gone > 0 && n_originals > 0 && n_left == 0
        && (n->lifecycle == ELO_LIFECYCLE_PUBLISHED
            || n->lifecycle == ELO_LIFECYCLE_STALE))
    {
        return ELO_LIFECYCLE_DEPRECATED;
    }
    if (n->lifecycle != ELO_LIFECYCLE_PUBLISHED) {
        return n->lifecycle;
    }
    stale_at = elo_lifecycle_stale_at(n->interval, n->fresh_at);
    return stale_at != 0 && stale_at <= now ? ELO_LIFECYCLE_STALE
                                            : ELO_LIFECYCLE_PUBLISHED;
}


void
elo_content_drop_expired(elo_content_t *n, int64_t now)
{
    uint32_t kept = 0;

    for (uint32_t i = 0; i < n->n_blobs; i++) {
        if (!is_expired(&n->blobs[i], now)) {
            n->blobs[kept] = n->blobs[i];
            n->refs[kept++] = n->refs[i];
        }
    }
    n->n_blobs = kept;
}


bool
elo_content_has_tag(const elo_content_t *n, elo_slice_t tag)
{
    const elo_json_t *list = elo_json_get(n->_tree, "tags");
    size_t len = elo_json_len(list);
    elo_slice_t text;

    for (size_t i = 0; i < len; i++) {
        if (elo_json_string(elo_json_at(list, i), &text)
            && elo_slice_eq(text, tag)) {
            return true;
        }
    }
    return false;
}


bool
elo_content_invited_at(const elo_content_t *n, size_t i, elo_slice_t *out)
{
    return elo_json_string(elo_json_at(elo_json_get(n->_tree, "invited"), i),
                           out);
}


bool
elo_content_relates_to(const elo_content_t *n, elo_slice_t target)
{
    const elo_json_t *list = elo_json_get(n->_tree, "relations");
    size_t len = elo_json_len(list);

    for (size_t i = 0; i < len; i++) {
        if (elo_slice_eq(text_of(elo_json_at(list, i), "target"), target)) {
            return true;
        }
    }
    return false;
}


elo_reach_t
elo_content_effective_reach(const elo_content_t *n)
{
    return elo_content_is_served(n) ? n->reach : ELO_REACH_PRIVATE;
}


const elo_content_blob_t *
elo_content_primary(const elo_content_t *n)
{
    for (uint32_t i = 0; i < n->n_blobs; i++) {
        if (n->blobs[i].role == ELO_ROLE_ORIGINAL) {
            return &n->blobs[i];
        }
    }
    return n->n_blobs > 0 ? &n->blobs[0] : NULL;
}


uint32_t
elo_content_urls(const elo_content_t *n, uint32_t i,
                 elo_slice_t out[ELO_CONTENT_URLS_MAX])
{
    const elo_json_t *blob = elo_json_at(elo_json_get(n->_tree, "blobs"), i);
    const elo_json_t *list = elo_json_get(blob, "fallbackUrls");
    uint32_t found = 0;

    for (size_t k = 0; k < elo_json_len(list) && found < ELO_CONTENT_URLS_MAX;
         k++) {
        if (elo_json_string(elo_json_at(list, k), &out[found])) {
            found++;
        }
    }
    return found;
}
