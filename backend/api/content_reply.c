/* SPDX-License-Identifier: BSD-2-Clause */
/* content_reply: see the header. */
#include "backend/api/content_reply.h"

#include "backend/json/json_write.h"
#include "backend/node/shape.h"
#include "common/http/wire.h"

#define ANSWER_MAX 1024u


void
elo_content_mark(elo_http_req_t *req, elo_lifecycle_t l)
{
    if (elo_lifecycle_is_marked(l)) {
        elo_http_res_header(req, "X-Lifecycle",
                            elo_slice_str(elo_lifecycle_name(l)));
    }
}


uint8_t
elo_content_wire_life(elo_lifecycle_t l)
{
    elo_wire_life_t life = l == ELO_LIFECYCLE_STALE        ? ELO_WIRE_STALE
                           : l == ELO_LIFECYCLE_DEPRECATED ? ELO_WIRE_DEPRECATED
                           : l == ELO_LIFECYCLE_ARCHIVED   ? ELO_WIRE_ARCHIVED
                                                           : ELO_WIRE_FRESH;

    return (uint8_t) (life << ELO_WIRE_LIFE_SHIFT);
}


void
elo_content_put_forgotten(elo_buf_t *json, elo_slice_t id,
                          const elo_node_head_t *head, elo_err_t err)
{
    char at[ELO_TIME_TEXT_LEN + 1];
    elo_json_writer_t w;

    elo_time_text(head->updated_at, at);
    elo_json_writer_init(&w, json);
    elo_json_put_object(&w, NULL);
    elo_json_put_string(&w, "id", id);
    elo_json_put_u64(&w, "version", head->version);
    elo_json_put_cstr(&w, "lifecycle",
                      elo_lifecycle_name(ELO_LIFECYCLE_FORGOTTEN));
    elo_json_put_cstr(&w, "forgottenAt", at);
    if (err != ELO_OK) {
        elo_json_put_cstr(&w, "error", elo_err_public(err));
        elo_json_put_cstr(&w, "code", elo_err_code(err));
    }
    elo_json_end_object(&w);
}


static bool
may_know(const elo_call_t *c, const elo_node_head_t *head)
{
    return !c->is_guest
           || ((c->facts & ELO_FACT_PROVED) != 0
               && elo_agent_eq(&head->owner, &c->agent));
}


void
elo_content_reply_missing(const elo_call_t *c, elo_slice_t id)
{
    elo_node_head_t head;
    elo_buf_t json;
    elo_err_t rc = elo_store_node_last(c->api->cfg.store, id, &head);

    if (rc == ELO_OK
        && (head.life != ELO_NODE_FORGOTTEN || !may_know(c, &head))) {
        rc = ELO_ENOTFOUND;
    }
    if (rc != ELO_OK) {
        elo_reply_err(c->req, rc,
                      rc == ELO_ENOTFOUND ? "no such content" : NULL);
        return;
    }
    elo_buf_init(&json, ANSWER_MAX);
    elo_content_put_forgotten(&json, id, &head, ELO_EFORGOTTEN);
    elo_reply_json(c->req, elo_err_status(ELO_EFORGOTTEN), &json);
    elo_buf_dispose(&json);
}
