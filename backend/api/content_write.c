/* SPDX-License-Identifier: BSD-2-Clause */
/* content_write: see the header. */
#include "backend/api/content_write.h"

#include <stdio.h>

#include "backend/api/content_apply.h"
#include "backend/api/who.h"
#include "backend/os/clock.h"


elo_slice_t
elo_content_etag(uint64_t version, char room[ELO_CONTENT_ETAG_ROOM])
{
    snprintf(room, ELO_CONTENT_ETAG_ROOM, "\"%llu\"",
             (unsigned long long) version);
    return elo_slice_str(room);
}


void
elo_content_write_init(elo_content_write_t *w, const elo_call_t *call)
{
    *w = (elo_content_write_t){ .store = call->api->cfg.store, .call = call };
    elo_buf_init(&w->json, ELO_CONTENT_TEXT_MAX);
}


void
elo_content_write_dispose(elo_content_write_t *w)
{
    elo_content_dispose(&w->node);
    elo_content_dispose(&w->was);
    elo_buf_dispose(&w->json);
}


/* ---- what is current ---- */

/* An id that was in use goes on from the version that it had. */
elo_err_t
elo_content_write_look_for_tomb(elo_content_write_t *w, elo_slice_t id)
{
    elo_node_head_t last;
    elo_err_t rc = elo_store_node_last(w->store, id, &last);

    w->tomb = rc == ELO_OK ? last.version : 0;
    return rc == ELO_ENOTFOUND ? ELO_OK : rc;
}


/* A node is its first writer's: an operator who acts for nobody changes whosever it
   is, and it stays his. */
elo_err_t
elo_content_write_look(elo_content_write_t *w)
{
    elo_slice_t id = elo_slice_str(w->id);
    elo_err_t rc;

    w->expect = 0;
    w->is_anothers = false;
    w->owner = w->call->agent;
    elo_content_dispose(&w->was);
    if (w->id[0] == '\0') {
        return ELO_OK;
    }
    rc = elo_node_load_all(w->store, id, &w->was);
    if (rc == ELO_ENOTFOUND) {
        return elo_content_write_look_for_tomb(w, id);
    }
    if (rc != ELO_OK) {
        return rc;
    }
    w->expect = w->was.version;
    w->created_at = w->was.created_at;
    rc = elo_store_node_owner(w->store, id, &w->owner);
    if (rc != ELO_OK && rc != ELO_ENOTFOUND) {
        return rc; /* removed: the write will lose */
    }
    w->is_anothers =
        w->call->has_agent && !elo_agent_eq(&w->owner, &w->call->agent);
    return ELO_OK;
}


/* ---- the text ---- */

static void
put_random(void *ctx, uint8_t *p, size_t n)
{
    (void) ctx;
    elo_random(p, n);
}


elo_err_t
elo_content_write_make(elo_content_write_t *w)
{
    int64_t now = elo_clock_unix_s();
    bool is_new = w->expect == 0;
    elo_content_env_t env = {
        .id = elo_slice_str(w->id),
        .version = (is_new ? w->tomb : w->expect) + 1,
        .created_at = is_new ? now : w->created_at,
        .updated_at = now,
        .was = is_new ? NULL : &w->was.lifecycle,
        .hold = !is_new && w->was.is_held ? &w->was.hold : NULL,
        .random = put_random,
    };
    elo_err_t rc;

    elo_buf_clear(&w->json);
    elo_content_dispose(&w->node);
    rc = elo_content_make(w->text, &env, &w->json, &w->fault);
    if (rc == ELO_OK && !elo_content_fits(&w->json)) {
        w->fault = (elo_content_fault_t){ .detail = "the node is too large" };
        return ELO_ETOOBIG;
    }
    return rc != ELO_OK ? rc
                        : elo_content_load(elo_buf_slice(&w->json), &w->node);
}


/* ---- what may be ---- */

/* May what is current become what was sent, or go? A hold keeps all that is referred
   to. */
static elo_err_t
may_become(const elo_content_write_t *w, const char **why)
{
    const elo_content_t *was = &w->was, *is = &w->node;

    if (w->is_remove) {
        return was->is_held ? ELO_EHELD : ELO_OK;
    }
    if (w->expect == 0) {
        *why = "a content doesn't begin with being forgotten";
        return elo_lifecycle_may_begin(is->lifecycle) ? ELO_OK : ELO_EMOVE;
    }
    for (uint32_t i = 0; was->is_held && i < was->n_blobs; i++) {
        uint32_t at = 0;

        while (at < is->n_blobs
               && memcmp(is->refs[at].b, was->refs[i].b, ELO_SHA256_LEN) != 0)
        {
            at++;
        }
        if (at == is->n_blobs) {
            *why = "the content is held, and its blobs with it";
            return ELO_EHELD;
        }
    }
    return is->lifecycle == was->lifecycle
               ? ELO_OK
               : elo_content_may_become(was, is->lifecycle, why);
}


/* Is his token for this? What others may read, before or after, takes more than a
   draft, and no reach past its ceiling. */
static bool
is_in_scope(const elo_content_write_t *w)
{
    elo_who_subject_t of = { .facts = ELO_FACT_OWNER };
    bool is_new = w->expect == 0;

    if (!w->is_remove) {
        of.reach = w->node.reach;
        of.stage = elo_content_stage(&w->node);
    }
    if (!is_new && (w->is_remove || w->was.reach > of.reach)) {
        of.reach = w->was.reach;
    }
    if (!is_new && elo_content_is_served(&w->was)) {
        of.stage = ELO_STAGE_SERVED;
    }
    return elo_call_may(w->call, is_new ? ELO_OP_UPLOAD : ELO_OP_CHANGE, &of);
}


elo_err_t
elo_content_write_judge(const elo_content_write_t *w, const char **why)
{
    return is_in_scope(w) ? may_become(w, why) : ELO_ESCOPE;
}
