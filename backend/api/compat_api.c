/* SPDX-License-Identifier: BSD-2-Clause */
/* compat_api: the state of this node in the members that existing clients read. What
   this node has not (a conductor, peers, batches of imports) is said to be absent or
   zero, and nothing is made up. docs/compatibility.md says which member is
   what. */
#include "backend/api/calls.h"
#include "backend/api/compat.h"

#include <stdio.h>

#include "backend/json/json_write.h"
#include "backend/node/shape.h"
#include "backend/os/clock.h"

#define ANSWER_MAX  4096
#define NODE_ID_LEN 16


/* It has no other name that doesn't change. */
static void
put_node_id(elo_json_writer_t *w, const elo_api_t *a)
{
    char id[NODE_ID_LEN + 1];

    (void) snprintf(id, sizeof(id), "%016llx",
                    (unsigned long long) elo_store_gen(a->cfg.store)->store_id);
    elo_json_put_cstr(w, "node_id", id);
}


static void
put_conductor(elo_json_writer_t *w)
{
    elo_json_put_object(w, "conductor");
    elo_json_put_bool(w, "connected", false);
    elo_json_put_u64(w, "connected_workers", 0);
    elo_json_put_u64(w, "total_workers", 0);
    elo_json_put_u64(w, "pool_size", 0);
    elo_json_put_u64(w, "pools_healthy", 0);
    elo_json_put_u64(w, "pools_total", 0);
    elo_json_end_object(w);
}


void
elo_compat_put_health(elo_json_writer_t *w, const elo_api_t *a)
{
    char now[ELO_TIME_TEXT_LEN + 1];

    elo_time_text(elo_clock_unix_s(), now);
    elo_json_put_bool(w, "healthy", !elo_store_is_readonly(a->cfg.store));
    elo_json_put_bool(w, "registrationOpen", false);
    elo_json_put_u64(w, "uptime",
                     (uint64_t) (elo_clock_unix_s() - a->started_at));
    elo_json_put_bool(w, "cacheEnabled", a->cfg.lookup_bytes != 0);
    elo_json_put_object(w, "cache");
    elo_json_put_bool(w, "enabled", a->cfg.lookup_bytes != 0);
    elo_json_end_object(w);
    elo_json_put_cstr(w, "timestamp", now);
    elo_json_put_cstr(w, "mode", "production");
    put_node_id(w, a);
    put_conductor(w);
    elo_json_put_object(w, "p2p");
    elo_json_put_bool(w, "enabled", false);
    elo_json_put_u64(w, "peer_count", 0);
    elo_json_put_cstr(w, "peer_id", "");
    elo_json_end_object(w);
}


static void
begin(elo_json_writer_t *w, elo_buf_t *b)
{
    elo_buf_init(b, ANSWER_MAX);
    elo_json_writer_init(w, b);
    elo_json_put_object(w, NULL);
}


static void
reply_state(elo_call_t *c, int status, elo_buf_t *b)
{
    elo_http_res_header(c->req, "Cache-Control", ELO_SLICE("no-store"));
    elo_reply_json(c->req, status, b);
    elo_buf_dispose(b);
}


static void
put_batches(elo_json_writer_t *w)
{
    elo_json_put_u64(w, "active_batches", 0);
    elo_json_put_array(w, "recent_batches");
    elo_json_end_array(w);
}


static void
put_storage(elo_json_writer_t *w, bool is_readonly)
{
    elo_json_put_object(w, "storage");
    elo_json_put_bool(w, "configured", true);
    elo_json_put_bool(w, "reachable", true);
    elo_json_put_bool(w, "healthy", !is_readonly);
    elo_json_put_bool(w, "import_enabled", false);
    put_batches(w);
    elo_json_end_object(w);
}


static void
put_diagnostics(elo_json_writer_t *w, bool is_readonly)
{
    elo_json_put_object(w, "diagnostics");
    elo_json_put_cstr(w, "status", is_readonly ? "degraded" : "healthy");
    elo_json_put_array(w, "recommendations");
    if (is_readonly) {
        elo_json_put_cstr(w, NULL,
                          "the store takes no writes: the daemon's log says "
                          "why; it is over when the daemon is started anew");
    }
    elo_json_end_array(w);
    elo_json_end_object(w);
}


void
elo_call_status(elo_call_t *c)
{
    bool is_readonly = elo_store_is_readonly(c->api->cfg.store);
    elo_json_writer_t w;
    elo_buf_t b;

    begin(&w, &b);
    elo_json_put_cstr(&w, "service", "elohimd");
    elo_json_put_cstr(&w, "version", c->api->cfg.version);
    put_node_id(&w, c->api);
    elo_json_put_bool(&w, "dev_mode", false);
    elo_json_put_u64(&w, "available_hosts", 0);
    elo_json_put_bool(&w, "mongodb_connected", false);
    elo_json_put_bool(&w, "nats_connected", false);
    put_conductor(&w);
    put_storage(&w, is_readonly);
    elo_json_put_object(&w, "orchestrator");
    elo_json_put_bool(&w, "enabled", false);
    elo_json_end_object(&w);
    put_diagnostics(&w, is_readonly);
    elo_json_end_object(&w);
    reply_state(c, 200, &b);
}


/* Can it be sent everything, writes included? */
void
elo_call_ready(elo_call_t *c)
{
    bool is_readonly = elo_store_is_readonly(c->api->cfg.store);
    elo_json_writer_t w;
    elo_buf_t b;

    begin(&w, &b);
    elo_json_put_bool(&w, "ready", !is_readonly);
    elo_json_put_cstr(&w, "status", is_readonly ? "degraded" : "ok");
    elo_compat_put_health(&w, c->api);
    elo_json_end_object(&w);
    reply_state(c, is_readonly ? 503 : 200, &b);
}


static void
put_empty(elo_json_writer_t *w, const char *name)
{
    elo_json_put_array(w, name);
    elo_json_end_array(w);
}


/* There is no peer yet, and no key of one: an empty name is nobody's. */
void
elo_call_p2p_status(elo_call_t *c)
{
    elo_json_writer_t w;
    elo_buf_t b;

    begin(&w, &b);
    elo_json_put_cstr(&w, "peer_id", "");
    put_empty(&w, "listen_addresses");
    elo_json_put_u64(&w, "connected_peers", 0);
    put_empty(&w, "bootstrap_nodes");
    elo_json_put_u64(&w, "sync_documents", 0);
    elo_json_put_cstr(&w, "nat_status", "Unknown");
    elo_json_put_u64(&w, "relay_reservations", 0);
    put_empty(&w, "announce_addresses");
    elo_json_put_cstr(&w, "relay_mode", "off");
    elo_json_end_object(&w);
    reply_state(c, 200, &b);
}


/* Nobody keeps anything for this node yet: the same for whatever is asked about,
   held or not. */
void
elo_call_custodians(elo_call_t *c)
{
    elo_json_writer_t w;
    elo_buf_t b;

    begin(&w, &b);
    put_empty(&w, "custodians");
    elo_json_end_object(&w);
    reply_state(c, 200, &b);
}
