/* SPDX-License-Identifier: BSD-2-Clause */
/* fallback_call: see the header. */
#include "backend/api/fallback_call.h"

#include <stdlib.h>

#include "backend/api/who.h"
#include "backend/os/clock.h"

#define HEADS_MAX                                                              \
    4096u /* rows of nodes that name one blob, that are looked at */
#define TEXTS_MAX   64u /* texts of these that are read, on the loop */
#define OWNER_TEXTS 8u  /* of these, of one owner */
#define WANTS_MAX   16u /* of these, that are tried */
#define OWNER_MAX   2u  /* of these, of one owner: he can't crowd out others */
#define BUSY_S      5u  /* until a client should ask again */


/* ---- which node, which blob of it ---- */

typedef struct {
    elo_api_t *api;
    const elo_call_t *c;        /* NULL: nobody is judged */
    const elo_digest_t *digest; /* NULL: the node's primary blob */
    elo_want_t *wants;          /* the widest reach first */
    uint32_t n_wants, max_wants;
    uint32_t n_heads, n_texts, n_owners;
    struct {
        elo_agent_t agent;
        uint32_t n; /* texts of his */
    } owners[TEXTS_MAX];
    elo_err_t err;
} look_t;


static bool
may_read(const look_t *l, const elo_content_t *n, const elo_agent_t *owner)
{
    elo_who_subject_t of;

    if (l->c != NULL && elo_content_effective_reach(n) < l->c->floor) {
        return false;
    }
    if (l->c == NULL || elo_call_may_read(l->c, elo_content_effective_reach(n)))
    {
        return true;
    }
    if ((l->c->facts & ELO_FACT_PROVED) == 0) {
        return false;
    }
    elo_who_node(l->api, &l->c->key, n, owner, &of);
    return elo_call_may(l->c, ELO_OP_READ, &of);
}


/* The blob that is meant; n->n_blobs: none. */
static uint32_t
blob_of(const look_t *l, const elo_content_t *n)
{
    const elo_content_blob_t *primary;

    if (l->digest == NULL) {
        primary = elo_content_primary(n);
        return primary == NULL ? n->n_blobs : (uint32_t) (primary - n->blobs);
    }
    for (uint32_t i = 0; i < n->n_blobs; i++) {
        if (memcmp(&n->blobs[i].digest, l->digest, sizeof(*l->digest)) == 0) {
            return i;
        }
    }
    return n->n_blobs;
}


static uint32_t
count_of(const look_t *l, const elo_agent_t *owner)
{
    uint32_t n = 0;

    for (uint32_t i = 0; i < l->n_wants; i++) {
        n += elo_agent_eq(&l->wants[i].owner, owner);
    }
    return n;
}


/* Puts it among the others, and takes it over. */
static void
add(look_t *l, elo_want_t *want)
{
    uint32_t at = l->n_wants;

    while (at > 0 && l->wants[at - 1].reach < want->reach) {
        at--;
    }
    if (at == l->max_wants || count_of(l, &want->owner) >= OWNER_MAX) {
        elo_want_dispose(want);
        return;
    }
    if (l->n_wants == l->max_wants) {
        elo_want_dispose(&l->wants[--l->n_wants]);
    }
    memmove(&l->wants[at + 1], &l->wants[at],
            (l->n_wants - at) * sizeof(*l->wants));
    l->wants[at] = *want;
    l->n_wants++;
}


static void
drop_wants(elo_want_t *wants, uint32_t *n)
{
    while (*n > 0) {
        elo_want_dispose(&wants[--*n]);
    }
}


/* ELO_ENOTFOUND: nothing here for this caller. */
static elo_err_t
look_at(look_t *l, elo_slice_t id)
{
    elo_store_t *s = l->api->cfg.store;
    elo_agent_t owner;
    elo_content_t node;
    elo_want_t want;
    elo_err_t rc;
    uint32_t i;

    if ((rc = elo_node_load(s, id, &node)) != ELO_OK) {
        return rc;
    }
    i = blob_of(l, &node);
    rc =
        i == node.n_blobs ? ELO_ENOTFOUND : elo_store_node_owner(s, id, &owner);
    if (rc == ELO_OK && !may_read(l, &node, &owner)) {
        rc = ELO_ENOTFOUND;
    }
    if (rc == ELO_OK && (rc = elo_want_of(&node, i, &owner, &want)) == ELO_OK) {
        elo_fallback_root(l->api, &want);
        add(l, &want);
    }
    elo_content_dispose(&node);
    return rc;
}


/* May one more text of that owner be read? He can't have the daemon read all of his,
   nor crowd out others. */
static bool
may_look(look_t *l, const elo_agent_t *owner)
{
    uint32_t i = 0;

    while (i < l->n_owners && !elo_agent_eq(&l->owners[i].agent, owner)) {
        i++;
    }
    if (i == TEXTS_MAX || l->owners[i].n >= OWNER_TEXTS) {
        return false;
    }
    if (i == l->n_owners) {
        l->owners[l->n_owners++].agent = *owner;
    }
    l->owners[i].n++;
    l->n_texts++;
    return true;
}


static bool
on_referrer(void *ctx, elo_slice_t id)
{
    look_t *l = ctx;
    elo_node_head_t head;
    elo_err_t rc = elo_store_node_head(l->api->cfg.store, id, &head);

    if (rc == ELO_OK && may_look(l, &head.owner)) {
        rc = look_at(l, id);
    }
    if (rc != ELO_OK && rc != ELO_ENOTFOUND) {
        l->err = rc;
        return false;
    }
    return ++l->n_heads < HEADS_MAX && l->n_texts < TEXTS_MAX;
}


/* ELO_OK: there is at least one. */
static elo_err_t
look(look_t *l, elo_slice_t text)
{
    elo_digest_t d;
    elo_err_t rc;

    if (elo_addr_parse(text, &d) != ELO_OK) {
        return look_at(l, text);
    }
    l->digest = &d;
    rc = elo_store_referrers(l->api->cfg.store, &d, on_referrer, l);
    rc = rc != ELO_OK ? rc : l->err;
    if (rc != ELO_OK) {
        drop_wants(l->wants, &l->n_wants);
    }
    return rc != ELO_OK || l->n_wants > 0 ? rc : ELO_ENOTFOUND;
}


/* Is its size more than somebody's word? */
static bool
is_sure(elo_api_t *a, const elo_want_t *want)
{
    elo_copy_t *copy = elo_fallback_copy(a->fallback, want);
    bool is_copied = copy != NULL;

    if (is_copied) {
        elo_copy_release(&copy);
    }
    return is_copied || want->has_root;
}


/* Of those as wide as the widest one that is sure, if there is any. */
static uint32_t
best_of(elo_api_t *a, const elo_want_t *wants, uint32_t n)
{
    for (uint32_t i = 0; i < n && wants[i].reach == wants[0].reach; i++) {
        if (is_sure(a, &wants[i])) {
            return i;
        }
    }
    return 0;
}


/* Whoever may publish may name anybody's bytes: where they don't agree, nobody's word
   about the size counts. */
static void
settle_size(const elo_want_t *wants, uint32_t n, elo_want_t *out)
{
    for (uint32_t i = 0; i < n; i++) {
        if (wants[i].size != out->size) {
            out->size = 0;
            return;
        }
    }
}


elo_err_t
elo_fallback_find(elo_api_t *a, elo_slice_t text, elo_want_t *out)
{
    elo_want_t wants[WANTS_MAX];
    look_t l = { .api = a, .wants = wants, .max_wants = WANTS_MAX };
    elo_err_t rc;
    uint32_t at;

    if (a->fallback == NULL) {
        return ELO_ENOTFOUND;
    }
    if ((rc = look(&l, text)) != ELO_OK) {
        return rc;
    }
    at = best_of(a, wants, l.n_wants);
    if (!is_sure(a, &wants[at])) {
        settle_size(wants, l.n_wants, &wants[at]);
    }
    *out = wants[at];
    wants[at] = wants[--l.n_wants];
    drop_wants(wants, &l.n_wants);
    return ELO_OK;
}


void
elo_fetched_target(const elo_fetched_t *f, elo_target_t *out)
{
    const elo_want_t *w = f->want;

    *out = (elo_target_t){ .reach = w->reach,
                           .is_by_hash = f->is_by_hash,
                           .is_touched = true };
    out->stat.digest = w->digest;
    out->stat.size = elo_copy_size(f->copy);
    out->stat.created_at = w->created_at;
    out->stat.reach = w->reach;
    elo_target_set_type(out, elo_slice_str(w->type));
}


/* ---- waiting ---- */

typedef struct {
    elo_fallback_wait_t wait; /* first */
    elo_call_t call;
    elo_want_t wants[WANTS_MAX];
    uint32_t n_wants;
    uint32_t at; /* the one that is tried */
    elo_timer_t *limit;
    char id[ELO_ADDR_TEXT_MAX > ELO_CONTENT_ID_MAX ? ELO_ADDR_TEXT_MAX + 1
                                                   : ELO_CONTENT_ID_MAX + 1];
} taken_t;


static void
free_taken(taken_t *t)
{
    elo_timer_free(&t->limit);
    drop_wants(t->wants, &t->n_wants);
    free(t);
}


void
elo_fetched_reply_err(elo_api_t *a, elo_http_req_t *req, const elo_want_t *want,
                      elo_err_t err)
{
    if (err == ELO_EUNAVAIL) {
        elo_reply_later(req, "NO_SOURCE",
                        "the content lives elsewhere, and none of its fallback "
                        "URLs gives it now",
                        elo_fallback_retry_s(a->fallback, want));
    } else if (err == ELO_EAGAIN) {
        elo_reply_later(req, "FETCHING",
                        "the content lives elsewhere, and is being fetched",
                        BUSY_S);
    } else if (err == ELO_ETOOBIG) {
        elo_reply_problem(req, 502, "TOO_LARGE_TO_FETCH",
                          "the content lives elsewhere, and is too large to be "
                          "fetched as a whole",
                          NULL);
    } else if (err == ELO_EBUSY || err == ELO_ECLOSED) {
        elo_reply_later(req, "FETCHING",
                        "the content lives elsewhere, and too much is being "
                        "fetched",
                        BUSY_S);
    } else {
        elo_reply_err(req, err, NULL);
    }
}


/* What the store holds now may be media that is to be streamed. */
static void
note_held(elo_api_t *a, const elo_want_t *want)
{
    elo_content_t node;

    if (elo_node_load(a->cfg.store, elo_slice_str(want->id), &node) == ELO_OK) {
        elo_media_on_publish(a, &node);
        elo_content_dispose(&node);
    }
}


/* He has waited, and may not be who he was: may he read it still? What the store has
   now is judged where it is looked up. */
static bool
may_still(taken_t *t, const elo_want_t *want)
{
    elo_call_t *c = &t->call;
    elo_want_t found = { 0 };
    look_t l = { .api = c->api,
                 .c = c,
                 .digest = c->route.has_digest ? &c->route.digest : NULL,
                 .wants = &found,
                 .max_wants = 1 };
    elo_err_t rc;

    if ((c->facts & ELO_FACT_PROVED) != 0) {
        c->facts &= elo_ctl_facts_of(elo_ctl_state(c->api->ctl), &c->key,
                                     elo_clock_unix_s());
    }
    if (t->wait.copy == NULL) {
        return true;
    }
    rc = look_at(&l, elo_slice_str(want->id));
    drop_wants(&found, &l.n_wants);
    return rc == ELO_OK;
}


static void
answer(taken_t *t, elo_err_t err)
{
    const elo_want_t *want =
        &t->wants[t->at < t->n_wants ? t->at : t->n_wants - 1];
    elo_fetched_t f = { .want = want,
                        .copy = t->wait.copy,
                        .is_by_hash = t->call.route.has_digest };

    if (err != ELO_OK) {
        elo_fetched_reply_err(t->call.api, t->call.req, want, err);
    } else if (!may_still(t, want)) {
        elo_reply_err(t->call.req, ELO_ENOTFOUND, "no such blob");
    } else {
        if (f.copy != NULL) {
            t->call.fetched = &f;
        } else {
            note_held(t->call.api, want);
        }
        t->call.is_again = true;
        t->call.again(&t->call);
    }
    elo_copy_release(&t->wait.copy);
    free_taken(t);
}


/* The next of the nodes of which a URL may be tried. ELO_EAGAIN: it is. */
static elo_err_t
try_next(taken_t *t)
{
    elo_err_t rc = ELO_EUNAVAIL;

    for (; t->at < t->n_wants; t->at++) {
        rc = elo_fallback_open(t->call.api->fallback, &t->wants[t->at],
                               &t->wait);
        if (rc != ELO_EUNAVAIL) {
            break;
        }
    }
    return rc;
}


static void
on_done(elo_fallback_wait_t *w)
{
    taken_t *t = (taken_t *) w;
    elo_err_t rc = w->err;

    if (rc == ELO_EUNAVAIL) {
        t->at++;
        rc = try_next(t);
    }
    if (rc != ELO_EAGAIN) {
        answer(t, rc);
    }
}


/* Whoever is slow isn't to be in the way of others who name the same blob: one more
   of them is begun each time, for those who come again. */
static elo_err_t
begin_another(taken_t *t)
{
    elo_fallback_t *f = t->call.api->fallback;
    elo_err_t rc = ELO_EAGAIN;

    for (uint32_t i = t->at + 1; i < t->n_wants; i++) {
        if (elo_fallback_is_under_way(f, &t->wants[i])) {
            continue;
        }
        rc = elo_fallback_open(f, &t->wants[i], &t->wait);
        if (rc == ELO_OK) {
            t->at = i;
            return rc;
        }
        elo_fallback_forget(&t->wait);
        if (rc == ELO_EAGAIN) {
            break;
        }
    }
    return ELO_EAGAIN;
}


static void
on_limit(void *ctx)
{
    taken_t *t = ctx;

    elo_fallback_forget(&t->wait);
    answer(t, begin_another(t));
}


/* The call outlives its handler: what it borrows of the stack is copied. */
static taken_t *
new_taken(const elo_call_t *c)
{
    taken_t *t;

    if (c->route.id.len >= sizeof(t->id) || (t = calloc(1, sizeof(*t))) == NULL)
    {
        return NULL;
    }
    t->call = *c;
    memcpy(t->id, c->route.id.p, c->route.id.len);
    t->call.route.id = elo_slice(t->id, c->route.id.len);
    t->wait.done = on_done;
    return t;
}


/* One whose bytes are there goes first. */
static void
prefer_copy(taken_t *t)
{
    for (uint32_t i = 0; i < t->n_wants; i++) {
        elo_want_t w = t->wants[i];
        elo_copy_t *copy = elo_fallback_copy(t->call.api->fallback, &w);

        if (copy != NULL) {
            elo_copy_release(&copy);
            t->wants[i] = t->wants[0];
            t->wants[0] = w;
            return;
        }
    }
}


bool
elo_call_take_fallback(elo_call_t *c)
{
    elo_api_t *a = c->api;
    look_t l = { .api = a, .c = c, .max_wants = WANTS_MAX };
    elo_err_t rc;
    taken_t *t;

    if (a->fallback == NULL || c->again == NULL || c->is_again
        || (t = new_taken(c)) == NULL)
    {
        return false;
    }
    l.wants = t->wants;
    if (look(&l, c->route.id) != ELO_OK) {
        free(t);
        return false;
    }
    t->n_wants = l.n_wants;
    prefer_copy(t);
    rc = try_next(t);
    if (rc == ELO_EAGAIN
        && (rc = elo_timer_create(a->cfg.loop, a->fallback_wait_ms, 0, on_limit,
                                  t, &t->limit))
               == ELO_OK)
    {
        return true;
    }
    elo_fallback_forget(&t->wait);
    answer(t, rc);
    return true;
}
