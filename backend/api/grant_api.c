/* SPDX-License-Identifier: BSD-2-Clause */
/* grant_api: where the bytes are that a URL means: the Doorway opens the file
   itself. The generation is sampled before anything is looked up, so that a
   change in between makes the answer stale at once and never lets an old answer
   pass for a current one (common/cache/generation.h, I1). What is sealed has no
   extent: the Doorway has it streamed. */
#include "backend/api/calls.h"

#include "backend/api/content_reply.h"
#include "backend/api/fallback_call.h"
#include "common/http/wire.h"

#define GRANT_MAX 1024


static elo_slice_t
key_of(elo_slice_t text, elo_digest_t *room)
{
    if (elo_addr_parse(text, room) == ELO_OK) {
        return elo_slice(room->b, sizeof(room->b));
    }
    return text;
}


static void
reply(elo_call_t *c, const elo_grant_t *g)
{
    elo_buf_t b;
    elo_err_t rc;

    elo_buf_init(&b, GRANT_MAX);
    rc = elo_wire_put_grant(&b, g);
    if (rc != ELO_OK) {
        elo_reply_err(c->req, rc, NULL);
    } else {
        elo_http_res_header(c->req, "Content-Type", ELO_SLICE(ELO_WIRE_TYPE));
        elo_http_res_send(c->req, elo_buf_slice(&b));
    }
    elo_buf_dispose(&b);
}


/* Of an id; by hash there is no content whose life it would be. */
static uint8_t
life_of(const elo_call_t *c)
{
    elo_node_head_t head;

    return elo_store_node_head(c->api->cfg.store, c->route.id, &head) == ELO_OK
               ? elo_content_wire_life((elo_lifecycle_t) head.life)
               : 0;
}


/* Its chunks can be asked for one by one, when it is known how many there are. */
static uint8_t
remote(elo_api_t *a, const elo_want_t *want, uint64_t size)
{
    return want->reach >= ELO_WIRE_REMOTE_REACH && size != 0
                   && elo_fallback_is_possible(a->fallback, want)
               ? ELO_WIRE_REMOTE
               : 0;
}


/* As it was found to be by whoever fetched it, else as stated. */
static uint64_t
size_of(elo_api_t *a, const elo_want_t *want)
{
    elo_copy_t *copy = elo_fallback_copy(a->fallback, want);
    uint64_t size = want->size;

    if (copy != NULL) {
        size = elo_copy_size(copy);
        elo_copy_release(&copy);
    }
    return size;
}


/* What lives elsewhere has no extent either: nothing is fetched before the Doorway
   has found that the caller may read it, and passes his request on, or asks for
   chunks. */
static void
reply_elsewhere(elo_call_t *c, elo_grant_t *g)
{
    elo_want_t want;
    elo_digest_t d;
    bool is_by_hash = elo_addr_parse(c->route.id, &d) == ELO_OK;
    elo_err_t rc = elo_fallback_find(c->api, c->route.id, &want);

    if (rc != ELO_OK) {
        elo_reply_err(c->req, rc, NULL);
        return;
    }
    g->head.reach = want.reach;
    g->digest = want.digest;
    g->size = size_of(c->api, &want);
    g->head.flags = (uint8_t) (ELO_WIRE_SEALED | remote(c->api, &want, g->size)
                               | (is_by_hash ? ELO_WIRE_BY_HASH : life_of(c)));
    g->mtime = want.created_at;
    g->content_type =
        elo_slice_str(want.type[0] != '\0' ? want.type : ELO_API_DEFAULT_TYPE);
    reply(c, g);
    elo_want_dispose(&want);
}


void
elo_call_grant(elo_call_t *c)
{
    elo_store_t *s = c->api->cfg.store;
    elo_grant_t g = { 0 };
    elo_digest_t room;
    elo_target_t t;
    elo_err_t rc;

    g.head.slot = elo_gen_slot(key_of(c->route.id, &room));
    g.head.generation = elo_gen_load(elo_store_gen(s), g.head.slot);
    rc = elo_target_find(s, c->route.id, NULL, &t);
    if (rc == ELO_ENOTFOUND && c->api->fallback != NULL) {
        reply_elsewhere(c, &g);
        return;
    }
    if (rc != ELO_OK) {
        elo_reply_err(c->req, rc, NULL);
        return;
    }
    elo_api_touch(c->api, &t);
    g.head.reach = t.reach;
    g.head.flags = (uint8_t) ((t.is_by_hash ? ELO_WIRE_BY_HASH : 0)
                              | (t.stat.is_sealed ? ELO_WIRE_SEALED : 0)
                              | elo_content_wire_life(t.life));
    g.digest = t.stat.digest;
    g.size = t.stat.size;
    g.offset = t.stat.is_sealed ? 0 : t.stat.offset;
    g.mtime = t.stat.created_at;
    g.name = elo_slice_str(t.stat.is_sealed ? "" : t.stat.name);
    g.content_type = elo_slice_str(t.content_type);
    reply(c, &g);
}
