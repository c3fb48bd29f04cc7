/* SPDX-License-Identifier: BSD-2-Clause */
/* media_api: the questions of the Doorway about streaming: which tracks a
   content has, and how one segment is made. The small facts are looked up on
   the loop, which also sees to it that blobs without an index get one; the
   indexes are read on the pool. */
#include "backend/api/calls.h"

#include <stdio.h>
#include <stdlib.h>

#include "backend/api/content_reply.h"
#include "backend/api/media_set.h"
#include "backend/media/index.h"
#include "common/http/wire.h"
#include "common/base/num.h"

#define REASON_MAX 4096
#define TITLE_ROOM 4096 /* 512 characters of at most 4 bytes, and more */
#define EXTENT_LEN 16
#define SHORT_HASH 15 /* "sha256-" and 8 digits */
#define RECIPE_MAX (ELO_WIRE_MAX - 4096)

typedef struct {
    elo_job_t job; /* first */
    elo_api_t *api;
    elo_http_req_t *req;
    elo_media_desc_t desc; /* head and status; the rest at the end */
    elo_buf_t reason;
    char title[TITLE_ROOM];
    elo_media_set_t set;
    elo_buf_t out; /* the message */
    elo_err_t err;

    /* of a recipe */
    bool wants_recipe;
    char version[17];
    char track[ELO_MEDIA_ID_ROOM];
    uint32_t number; /* 0: init */
} ask_t;


/* ---- what can be streamed ---- */

static bool
is_mp4_type(elo_slice_t type)
{
    static const char *const types[] = { "video/mp4",       "audio/mp4",
                                         "video/quicktime", "video/x-m4v",
                                         "audio/x-m4a",     "audio/m4a",
                                         "application/mp4" };

    for (size_t i = 0; i < ELO_COUNT(types); i++) {
        elo_slice_t t = elo_slice_str(types[i]);

        if (type.len >= t.len && elo_slice_ieq(elo_slice(type.p, t.len), t)
            && (type.len == t.len || type.p[t.len] == ';'
                || type.p[t.len] == ' '))
        {
            return true;
        }
    }
    return false;
}


bool
elo_media_is_playable(const elo_content_t *n, uint32_t i, const char *own_type)
{
    const elo_content_blob_t *b = &n->blobs[i];
    elo_slice_t own = elo_slice_str(own_type);
    bool says_nothing =
        (b->mime.len == 0
         || elo_slice_eq(b->mime, ELO_SLICE(ELO_API_DEFAULT_TYPE)))
        && (own.len == 0 || elo_slice_eq(own, ELO_SLICE(ELO_API_DEFAULT_TYPE)));

    if (b->role == ELO_ROLE_SUBTITLE) {
        return false;
    }
    if (is_mp4_type(b->mime) || is_mp4_type(own)) {
        return true;
    }
    /* nobody said what it is, but what it is for */
    return says_nothing
           && (elo_slice_eq(n->format, ELO_SLICE("video-file"))
               || elo_slice_eq(n->format, ELO_SLICE("audio-file")));
}


void
elo_media_on_publish(elo_api_t *a, const elo_content_t *n)
{
    elo_store_t *s = a->cfg.store;

    if (!elo_content_is_served(n)) {
        return;
    }
    for (uint32_t i = 0; i < n->n_blobs; i++) {
        const elo_digest_t *d = &n->blobs[i].digest;
        elo_blob_stat_t st;
        uint8_t status;
        uint64_t size;

        if (elo_node_stat(s, n, i, &st) != ELO_OK || st.is_sealed
            || !elo_media_is_playable(n, i, st.content_type))
        {
            continue;
        }
        /* what failed before is tried again: that is what republishing says */
        if (elo_store_media_stat(s, d, &status, &size, NULL) != ELO_OK
            || status != ELO_MEDIA_READY)
        {
            elo_media_jobs_add(a->jobs, d);
        }
    }
}


/* ---- on the loop: the sources ---- */

static void
add_reason(ask_t *k, const elo_digest_t *d, elo_slice_t why)
{
    char canon[ELO_ADDR_CANON_LEN + 1];

    elo_addr_canon(d, canon);
    if (k->reason.len + why.len + SHORT_HASH > REASON_MAX - 16) {
        return;
    }
    elo_buf_put_str(&k->reason, k->reason.len == 0 ? "" : "; ");
    elo_buf_printf(&k->reason, "%.*s: ", SHORT_HASH, canon);
    elo_buf_put_slice(&k->reason, why);
}


/* Looks at blob i of n: a source, a reason, or (true) one to wait for. */
static bool
gather_blob(ask_t *k, const elo_content_t *n, uint32_t i)
{
    const elo_content_blob_t *b = &n->blobs[i];
    elo_store_t *s = k->api->cfg.store;
    bool is_pending = false;
    elo_blob_stat_t st;
    elo_buf_t why;
    uint8_t status;
    uint64_t size;
    elo_err_t rc;

    if (elo_node_stat(s, n, i, &st) != ELO_OK) {
        if (elo_media_is_playable(n, i, "")) {
            add_reason(k, &b->digest, ELO_SLICE("is not held here"));
        }
        return false;
    }
    if (!elo_media_is_playable(n, i, st.content_type)) {
        return false;
    }
    if (st.is_sealed) {
        /* Wide content is written in the clear in the background; only then can it
           be indexed. */
        if (k->desc.head.reach >= ELO_REACH_NEIGHBORHOOD) {
            return true;
        }
        add_reason(k, &b->digest, ELO_SLICE("is encrypted at rest"));
        return false;
    }
    elo_buf_init(&why, REASON_MAX);
    rc = elo_store_media_stat(s, &b->digest, &status, &size, &why);
    if (rc == ELO_OK && status == ELO_MEDIA_READY) {
        elo_api_touch_blob(k->api, &st);
        elo_media_set_add(&k->set, &st, size, b->language);
    } else if (elo_media_jobs_has(k->api->jobs, &b->digest)) {
        is_pending = true;
    } else if (rc != ELO_OK) {
        /* never indexed, or its record is damaged: it is derived */
        elo_media_jobs_add(k->api->jobs, &b->digest);
        is_pending = true;
    } else {
        add_reason(k, &b->digest, elo_buf_slice(&why));
    }
    elo_buf_dispose(&why);
    return is_pending;
}


static elo_err_t
gather(ask_t *k, elo_slice_t id)
{
    elo_store_t *s = k->api->cfg.store;
    bool is_pending = false;
    elo_content_t n;
    elo_err_t rc;

    k->desc.head.slot = elo_gen_slot(id);
    k->desc.head.generation =
        elo_gen_load(elo_store_gen(s), k->desc.head.slot); /* first of all */
    rc = elo_content_id_ok(id) ? elo_node_load(s, id, &n) : ELO_ENOTFOUND;
    if (rc != ELO_OK) {
        return rc;
    }
    if (!elo_content_is_served(&n)) {
        elo_content_dispose(&n);
        return ELO_ENOTFOUND;
    }
    k->desc.head.reach = elo_content_effective_reach(&n);
    k->desc.head.flags = elo_content_wire_life(n.lifecycle);
    snprintf(k->title, sizeof(k->title), "%.*s", (int) n.title.len,
             (const char *) n.title.p);
    for (uint32_t i = 0; i < n.n_blobs; i++) {
        is_pending = gather_blob(k, &n, i) || is_pending;
    }
    if (is_pending) {
        k->desc.status = ELO_MEDIA_PENDING;
    } else {
        k->desc.status = k->set.n > 0 ? ELO_MEDIA_READY : ELO_MEDIA_NONE;
    }
    if (k->desc.status == ELO_MEDIA_NONE && k->reason.len == 0) {
        elo_buf_put_str(&k->reason, n.n_blobs == 0
                                        ? "it has no blobs"
                                        : "none of its blobs is an MP4 file");
    }
    elo_content_dispose(&n);
    return ELO_OK;
}


/* ---- answers ---- */

static void
free_ask(ask_t *k)
{
    elo_media_set_dispose(&k->set);
    elo_buf_dispose(&k->reason);
    elo_buf_dispose(&k->out);
    free(k);
}


static void
reply(ask_t *k)
{
    if (k->err != ELO_OK) {
        elo_reply_err(k->req, k->err, NULL);
    } else {
        elo_http_res_header(k->req, "Content-Type", ELO_SLICE(ELO_WIRE_TYPE));
        elo_http_res_send(k->req, elo_buf_slice(&k->out));
    }
    free_ask(k);
}


static elo_err_t
put_desc(ask_t *k)
{
    k->desc.media = k->set.media;
    k->desc.media.title = elo_slice_str(k->title);
    k->desc.reason = k->desc.status == ELO_MEDIA_READY
                         ? elo_slice(NULL, 0)
                         : elo_buf_slice(&k->reason);
    return elo_wire_put_media(&k->out, &k->desc);
}


/* A descriptor without tracks, in place of an index that can't be read: it is
   made again. */
static void
reply_damaged(ask_t *k)
{
    elo_media_jobs_add(k->api->jobs,
                       &k->set.source[k->set.damaged].stat.digest);
    k->desc.status = ELO_MEDIA_PENDING;
    k->set.media = (elo_media_t){ 0 };
    k->err = k->wants_recipe ? ELO_ENOTFOUND : put_desc(k);
    reply(k);
}


/* ---- on the pool ---- */

/* Appends the extents as they lie in the file, which the blob may share. */
static void
put_extents(elo_buf_t *b, const elo_recipe_t *r, uint64_t shift)
{
    for (uint32_t i = 0; i < r->n_extents; i++) {
        elo_extent_t e = elo_recipe_extent(r, i);

        elo_buf_put_be64(b, e.offset + shift);
        elo_buf_put_be64(b, e.len);
    }
}


static elo_err_t
put_recipe(ask_t *k, uint32_t i, elo_slice_t text)
{
    const elo_blob_stat_t *st = &k->set.source[k->set.of[i].source].stat;
    elo_recipe_t r = { .head = k->desc.head,
                       .digest = st->digest,
                       .size = st->offset + st->size,
                       .name = elo_slice_str(st->name) };
    elo_buf_t shifted;
    elo_err_t rc;

    rc = elo_media_recipe_check(text, st->size, &r.prefix, &r.n_extents,
                                &r.extents);
    if (rc != ELO_OK) {
        return ELO_ECORRUPT;
    }
    r.content_type = k->set.media.tracks[i].kind == ELO_TRACK_VIDEO
                         ? ELO_SLICE("video/mp4")
                         : ELO_SLICE("audio/mp4");
    if (st->offset == 0) {
        return elo_wire_put_recipe(&k->out, &r);
    }
    elo_buf_init(&shifted, (size_t) ELO_RECIPE_MAX_EXTENTS * EXTENT_LEN);
    put_extents(&shifted, &r, st->offset);
    rc = elo_buf_err(&shifted);
    if (rc == ELO_OK) {
        r.extents = shifted.p;
        rc = elo_wire_put_recipe(&k->out, &r);
    }
    elo_buf_dispose(&shifted);
    return rc;
}


static elo_err_t
make_recipe(ask_t *k)
{
    const elo_media_track_t *t;
    elo_buf_t text;
    uint32_t i, n;
    elo_err_t rc;

    t = elo_media_track(&k->set.media, elo_slice_str(k->track));
    if (t == NULL || strcmp(k->version, k->set.version) != 0) {
        return ELO_ENOTFOUND;
    }
    i = (uint32_t) (t - k->set.media.tracks);
    n = k->number == 0 ? t->n_segments : k->number - 1;
    if (k->number > t->n_segments) {
        return ELO_ENOTFOUND;
    }
    elo_buf_init(&text, RECIPE_MAX);
    rc = elo_media_set_recipe(&k->set, k->api->cfg.store, i, n, &text);
    if (rc == ELO_OK) {
        rc = put_recipe(k, i, elo_buf_slice(&text));
    }
    elo_buf_dispose(&text);
    k->set.damaged = k->set.of[i].source;
    return rc == ELO_ERANGE ? ELO_ECORRUPT : rc;
}


static void
work(elo_job_t *job)
{
    ask_t *k = (ask_t *) job;

    k->err = elo_media_set_load(&k->set, k->api->cfg.store);
    if (k->err == ELO_OK && k->set.media.n_tracks == 0) {
        k->err = ELO_ECORRUPT; /* no index is kept that has none */
    }
    if (k->err == ELO_OK) {
        k->err = k->wants_recipe ? make_recipe(k) : put_desc(k);
    }
}


static void
after(elo_job_t *job)
{
    ask_t *k = (ask_t *) job;

    if (k->err == ELO_ECORRUPT) {
        reply_damaged(k);
        return;
    }
    reply(k);
}


/* ---- the questions ---- */

static void
copy_text(char *room, size_t cap, elo_slice_t s)
{
    snprintf(room, cap, "%.*s", (int) s.len, (const char *) s.p);
}


static void
ask(elo_call_t *c, bool wants_recipe)
{
    ask_t *k = calloc(1, sizeof(*k));

    if (k == NULL) {
        elo_reply_err(c->req, ELO_ENOMEM, NULL);
        return;
    }
    k->api = c->api;
    k->req = c->req;
    elo_buf_init(&k->reason, REASON_MAX);
    elo_buf_init(&k->out, ELO_WIRE_MAX);
    k->wants_recipe = wants_recipe;
    if (wants_recipe) {
        copy_text(k->version, sizeof(k->version), c->route.version);
        copy_text(k->track, sizeof(k->track), c->route.track);
        k->number = c->route.number;
    }
    k->err = gather(k, c->route.id);
    if (k->err == ELO_OK && k->desc.status != ELO_MEDIA_READY) {
        k->err = wants_recipe ? ELO_ENOTFOUND : put_desc(k);
        reply(k);
        return;
    }
    if (k->err != ELO_OK) {
        reply(k);
        return;
    }
    k->job.work = work;
    k->job.after = after;
    elo_loop_work(c->api->cfg.loop, &k->job);
}


void
elo_call_media(elo_call_t *c)
{
    ask(c, false);
}


void
elo_call_recipe(elo_call_t *c)
{
    ask(c, true);
}
