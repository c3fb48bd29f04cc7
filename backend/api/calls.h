/* SPDX-License-Identifier: BSD-2-Clause */
/* calls: the resources of the API: those that only the daemon's own socket has, and
   what answers each. */
#ifndef ELO_API_CALLS_H
#define ELO_API_CALLS_H

#include "backend/api/api_internal.h"

/* ---- own_route.c: what only the daemon's own socket has ---- */

enum {
    ELO_OWN_GRANT = 1000,
    ELO_OWN_MEDIA,
    ELO_OWN_RECIPE,
    ELO_OWN_KEYS,
    ELO_OWN_SESSION,      /* of a token */
    ELO_OWN_URL,          /* of a signed URL */
    ELO_OWN_ACCESS,       /* of an agent to a content */
    ELO_OWN_PIN,          /* /api/blob/{addr}/pin */
    ELO_OWN_QUEUE,        /* /api/queue */
    ELO_OWN_TASK,         /* /api/queue/{kind}/{addr} */
    ELO_OWN_TASK_RETRY,   /* /api/queue/{kind}/{addr}/retry */
    ELO_OWN_TASK_DROP,    /* /api/queue/{kind}/{addr}/drop */
    ELO_OWN_AGENTS,       /* /api/agents */
    ELO_OWN_QUOTA,        /* /api/agents/{64 hex}/quota */
    ELO_OWN_CARE,         /* /api/care */
    ELO_OWN_CARE_JOB,     /* /api/care/{job} */
    ELO_OWN_BACKUP,       /* /api/backup */
    ELO_OWN_AUDIT_VERIFY, /* /api/audit/verify */
    ELO_OWN_FALLBACK,     /* /api/fallback */
    ELO_OWN_REPORT,       /* /api/media/report */
    ELO_OWN_WARM,         /* /internal/v1/warm */
    ELO_OWN_FEED,         /* /internal/v1/chunk/{addr|id}/{number}?reach= */
    ELO_OWN_DOCUMENT,     /* /internal/v1/document/{tag | -}{path} */
};

/* Fills route and sort of c; a kind as above, or ELO_ROUTE_UNKNOWN. */
int elo_own_route(elo_slice_t path, elo_call_t *c);

/* ---- api.c: how a request comes to its handler ---- */

#define ELO_API_PATH_MAX (ELO_TOKEN_MAX + 64u) /* a question for a token */

/* The decoded path, in room or in the request. False when it is none, and that is
   answered. */
bool elo_api_take_path(elo_http_req_t *req, uint8_t room[ELO_API_PATH_MAX],
                       elo_slice_t *out) ELO_MUST_USE;

/* Answers a call whose route and caller are known. */
void elo_api_dispatch(elo_call_t *c, int kind);

/* Not one that could change something. */
bool elo_api_is_read(elo_slice_t method);

/* ---- handlers, one for a method of a resource ---- */

void elo_call_blob_get(elo_call_t *c);
void elo_call_blob_put(elo_call_t *c);
void elo_call_blob_delete(elo_call_t *c);
void elo_call_blob_list(elo_call_t *c);
void elo_call_blob_status(elo_call_t *c);
void elo_call_blob_tree(elo_call_t *c);
void elo_call_blob_pin(elo_call_t *c);
void elo_call_blob_unpin(elo_call_t *c);
void elo_call_chunk(elo_call_t *c);
void elo_call_feed(elo_call_t *c);
void elo_call_tus_options(elo_call_t *c);
void elo_call_tus_create(elo_call_t *c);
void elo_call_tus_head(elo_call_t *c);
void elo_call_tus_patch(elo_call_t *c);
void elo_call_tus_delete(elo_call_t *c);
void elo_call_queue(elo_call_t *c);
void elo_call_task(elo_call_t *c);
void elo_call_task_retry(elo_call_t *c);
void elo_call_task_drop(elo_call_t *c);
void elo_call_agents(elo_call_t *c);
void elo_call_quota(elo_call_t *c);
void elo_call_care(elo_call_t *c);
void elo_call_care_job(elo_call_t *c);
void elo_call_care_ask(elo_call_t *c);
void elo_call_backup(elo_call_t *c);
void elo_call_fallback(elo_call_t *c);
void elo_call_fallback_ask(elo_call_t *c);
void elo_call_manifest(elo_call_t *c);
void elo_call_content_list(elo_call_t *c);
void elo_call_content_post(elo_call_t *c);
void elo_call_content_get(elo_call_t *c);
void elo_call_content_put(elo_call_t *c);
void elo_call_content_delete(elo_call_t *c);
void elo_call_content_lifecycle(elo_call_t *c);
void elo_call_content_reach(elo_call_t *c);
void elo_call_content_invite(elo_call_t *c);
void elo_call_import(elo_call_t *c);
void elo_call_schema(elo_call_t *c);
void elo_call_media_report(elo_call_t *c);
void elo_call_health(elo_call_t *c);
void elo_call_ready(elo_call_t *c);
void elo_call_status(elo_call_t *c);
void elo_call_p2p_status(elo_call_t *c);
void elo_call_custodians(elo_call_t *c);
void elo_call_me(elo_call_t *c);
void elo_call_did(elo_call_t *c);
void elo_call_verify(elo_call_t *c);
void elo_call_cache(elo_call_t *c);
void elo_call_cache_list(elo_call_t *c);
void elo_call_cache_purge(elo_call_t *c);
void elo_call_warm_post(elo_call_t *c);
void elo_call_warm_get(elo_call_t *c);
void elo_call_warm_delete(elo_call_t *c);
void elo_call_warm_next(elo_call_t *c);
void elo_call_zome(elo_call_t *c);
void elo_call_handoff_get(elo_call_t *c);
void elo_call_handoff_post(elo_call_t *c);
void elo_call_handoff_delete(elo_call_t *c);
void elo_call_version(elo_call_t *c);
void elo_call_grant(elo_call_t *c);
void elo_call_document(elo_call_t *c);
void elo_call_keys(elo_call_t *c);
void elo_call_session(elo_call_t *c);
void elo_call_url_session(elo_call_t *c);
void elo_call_access(elo_call_t *c);
void elo_call_auth_challenge(elo_call_t *c);
void elo_call_auth_token(elo_call_t *c);
void elo_call_auth_session(elo_call_t *c);
void elo_call_auth_logout(elo_call_t *c);
void elo_call_auth_keys(elo_call_t *c);
void elo_call_auth_rotate(elo_call_t *c);
void elo_call_records(elo_call_t *c);
void elo_call_record_post(elo_call_t *c);
void elo_call_record_head(elo_call_t *c);
void elo_call_agent_admit(elo_call_t *c);
void elo_call_audit(elo_call_t *c);
void elo_call_audit_verify(elo_call_t *c);
void elo_call_explain(elo_call_t *c);
void elo_call_media(elo_call_t *c);
/* route.number 0 asks for the init segment. */
void elo_call_recipe(elo_call_t *c);

/* ---- handoff_api.c ---- */

void elo_handoffs_free(elo_api_t *a);

/* ---- backup_api.c ---- */

/* Tells those that run to end. */
void elo_backups_end(elo_api_t *a);

#endif
