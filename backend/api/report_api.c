/* SPDX-License-Identifier: BSD-2-Clause */
/* report_api: GET /api/media/report, for operators: contents whose media age: tracks of
   an obsolete codec, and classes of devices that can play none of its variants. By
   pages: each looks at so many contents after an id, in order of ids. Only media that
   have an index are judged; what is encrypted at rest has none. */
#include "backend/api/calls.h"

#include <stdlib.h>

#include "backend/api/ask.h"
#include "backend/api/media_set.h"
#include "backend/media/report.h"
#include "common/http/wire.h"

#define LOOK_LIMIT 200
#define LOOK_MAX   1000
#define ANSWER_MAX (32u << 20)

typedef struct {
    elo_ask_t a; /* first */
    char after[ELO_CONTENT_ID_MAX + 1];
    uint32_t limit;

    /* worker */
    uint32_t n; /* that are looked at */
    bool has_more;
    char (*ids)[ELO_CONTENT_ID_MAX + 1];
    elo_media_set_t *set; /* of one blob */
} ask_t;


/* ---- one content ---- */

/* Reads the index of blob i, if it has one, to k->set. */
static bool
read_index(ask_t *k, const elo_content_t *n, uint32_t i)
{
    elo_store_t *s = k->a.api->cfg.store;
    elo_blob_stat_t st;
    uint8_t status;
    uint64_t size;

    elo_media_set_dispose(k->set);
    *k->set = (elo_media_set_t){ .n = 0 };
    if (elo_node_stat(s, n, i, &st) != ELO_OK || st.is_sealed
        || elo_store_media_stat(s, &st.digest, &status, &size, NULL) != ELO_OK
        || status != ELO_MEDIA_READY)
    {
        return false;
    }
    elo_media_set_add(k->set, &st, size, n->blobs[i].language);
    return elo_media_set_load(k->set, s)
           == ELO_OK; /* else: when it is asked for */
}


static void
put_obsolete(ask_t *k, elo_json_writer_t *w, const elo_digest_t *d)
{
    const elo_media_rules_t *rules = &k->a.api->cfg.media_rules;
    char hash[ELO_ADDR_CANON_LEN + 1];

    elo_addr_canon(d, hash);
    for (uint32_t i = 0; i < k->set->media.n_tracks; i++) {
        const elo_media_track_t *t = &k->set->media.tracks[i];

        if (elo_media_is_obsolete(rules, t->codec)) {
            elo_json_put_object(w, NULL);
            elo_json_put_cstr(w, "hash", hash);
            elo_json_put_string(w, "codec", t->codec);
            elo_json_end_object(w);
        }
    }
}


/* Appends the content to the list, if there is something to say of it. */
static void
judge(ask_t *k, const elo_content_t *n)
{
    const elo_media_rules_t *rules = &k->a.api->cfg.media_rules;
    elo_json_writer_t *w = &k->a.w, before = *w;
    size_t len = k->a.json.len, seen;
    elo_media_fit_t fit = { .has_video = false };
    uint32_t missing;

    elo_json_put_object(w, NULL);
    elo_json_put_string(w, "id", n->id);
    elo_json_put_string(w, "title", n->title);
    elo_json_put_array(w, "obsolete");
    seen = k->a.json.len;
    for (uint32_t i = 0; i < n->n_blobs; i++) {
        if (!read_index(k, n, i)) {
            continue;
        }
        for (uint32_t t = 0; t < k->set->media.n_tracks; t++) {
            elo_media_fit_add(&fit, rules, &k->set->media.tracks[t]);
        }
        put_obsolete(k, w, &n->blobs[i].digest);
    }
    missing = elo_media_fit_missing(&fit, rules);
    if (missing == 0 && k->a.json.len == seen) {
        k->a.json.len = len; /* nothing to say */
        *w = before;
        return;
    }
    elo_json_end_array(w);
    elo_json_put_array(w, "unfit");
    for (uint32_t i = 0; i < rules->n_classes; i++) {
        if ((missing & 1u << i) != 0) {
            elo_json_put_cstr(w, NULL, rules->classes[i].name);
        }
    }
    elo_json_end_array(w);
    elo_json_end_object(w);
}


/* ---- a page ---- */

static bool
note_id(void *ctx, const elo_node_t *node)
{
    ask_t *k = ctx;

    if (k->n == k->limit) {
        k->has_more = true;
        return false;
    }
    memcpy(k->ids[k->n], node->id.p, node->id.len);
    k->ids[k->n++][node->id.len] = '\0';
    return true;
}


static elo_err_t
look(ask_t *k)
{
    elo_store_t *s = k->a.api->cfg.store;
    elo_content_t n;
    elo_err_t rc;

    rc = elo_store_node_each(s, elo_slice_str(k->after), note_id, k);
    for (uint32_t i = 0; i < k->n && rc == ELO_OK; i++) {
        rc = elo_node_load(s, elo_slice_str(k->ids[i]), &n);
        if (rc == ELO_OK) {
            if (elo_content_is_served(&n)) {
                judge(k, &n);
            }
            elo_content_dispose(&n);
        } else if (rc == ELO_ENOTFOUND) {
            rc = ELO_OK; /* it has gone meanwhile */
        }
    }
    return rc;
}


/* pool */
static void
work(elo_job_t *job)
{
    ask_t *k = (ask_t *) job;
    elo_json_writer_t *w = &k->a.w;

    k->ids = calloc(k->limit, sizeof(*k->ids));
    k->set = calloc(1, sizeof(*k->set));
    if (k->ids == NULL || k->set == NULL) {
        k->a.err = ELO_ENOMEM;
    } else {
        elo_json_put_object(w, NULL);
        elo_json_put_array(w, "items");
        k->a.err = look(k);
        elo_json_end_array(w);
        elo_json_put_u64(w, "looked", k->n);
        if (k->has_more) {
            elo_json_put_cstr(w, "next", k->ids[k->n - 1]);
        } else {
            elo_json_put_null(w, "next");
        }
        elo_json_end_object(w);
        elo_media_set_dispose(k->set);
    }
    free(k->ids);
    free(k->set);
}


void
elo_call_media_report(elo_call_t *c)
{
    elo_slice_t query = elo_http_req_query(c->req);
    ask_t *k = elo_ask_create(c, sizeof(*k), ANSWER_MAX);
    elo_slice_t after;

    if (k == NULL) {
        return;
    }
    if (elo_query_number(query, "limit", LOOK_LIMIT, LOOK_MAX, &k->limit)
            != ELO_OK
        || elo_query_text(query, "after", k->after, ELO_CONTENT_ID_MAX, &after)
               != ELO_OK)
    {
        elo_ask_fail(&k->a, ELO_EINVAL,
                     "limit is a number from 1, after a content's id");
        return;
    }
    k->after[after.len] = '\0';
    elo_ask_start(&k->a, work, elo_ask_after_json);
}
