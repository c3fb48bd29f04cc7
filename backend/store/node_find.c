/* SPDX-License-Identifier: BSD-2-Clause */
/* node_find: see the header. */
#include "backend/store/node_find.h"


elo_err_t
elo_store_node_find(elo_store_t *s, const elo_node_query_t *q,
                    elo_node_at_t *at, elo_node_hit_fn fn, void *ctx)
{
    (void) s;
    (void) q;
    (void) at;
    (void) fn;
    (void) ctx;
    return ELO_EINTERNAL;
}


elo_err_t
elo_node_hit_json(const elo_node_hit_t *hit, elo_buf_t *json)
{
    (void) hit;
    (void) json;
    return ELO_EINTERNAL;
}


bool
elo_node_hit_invites(const elo_node_hit_t *hit, const elo_agent_t *agent)
{
    (void) hit;
    (void) agent;
    return false;
}


elo_err_t
elo_store_node_due(elo_store_t *s, int64_t now_s, uint32_t max,
                   elo_node_due_fn fn, void *ctx)
{
    (void) s;
    (void) now_s;
    (void) max;
    (void) fn;
    (void) ctx;
    return ELO_EINTERNAL;
}


elo_err_t
elo_store_node_restate(elo_store_t *s, const elo_node_t *node)
{
    (void) s;
    (void) node;
    return ELO_EINTERNAL;
}


elo_err_t
elo_store_node_head(elo_store_t *s, elo_slice_t id, elo_node_head_t *out)
{
    (void) s;
    (void) id;
    (void) out;
    return ELO_EINTERNAL;
}


elo_err_t
elo_store_node_last(elo_store_t *s, elo_slice_t id, elo_node_head_t *out)
{
    return elo_store_node_head(s, id, out);
}


elo_err_t
elo_store_node_invites(elo_store_t *s, elo_slice_t id, const elo_agent_t *agent,
                       elo_node_head_t *head, bool *out)
{
    (void) agent;
    (void) out;
    return elo_store_node_head(s, id, head);
}


elo_err_t
elo_store_readers(elo_store_t *s, const elo_digest_t *d,
                  const elo_agent_t *agent, elo_reader_fn fn, void *ctx)
{
    (void) s;
    (void) d;
    (void) agent;
    (void) fn;
    (void) ctx;
    return ELO_EINTERNAL;
}
