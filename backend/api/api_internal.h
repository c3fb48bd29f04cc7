/* SPDX-License-Identifier: BSD-2-Clause */
/* api_internal: what the files of the API share. A handler gets an elo_call_t,
   which lives until it returns; one that answers later copies what it needs. */
#ifndef ELO_API_API_INTERNAL_H
#define ELO_API_API_INTERNAL_H

#include <stdatomic.h>

#include "backend/api/api.h"
#include "backend/api/media_jobs.h"
#include "backend/api/reply.h"
#include "backend/api/watch.h"
#include "backend/node/content_node.h"
#include "backend/store/node.h"
#include "common/auth/gate.h"
#include "common/http/route.h"

#define ELO_API_RETRY_AFTER_S 1u
#define ELO_API_DEFAULT_TYPE  "application/octet-stream"

/* Fields that a caller's words stand in beside the URL. All but the last two are the
   Doorway's, which passes none of its clients' on. */
#define ELO_HEADER_CALLER  "X-Elohim-Caller"
#define ELO_HEADER_AGENT   "X-Elohim-Agent"
#define ELO_HEADER_FACTS   "X-Elohim-Facts"
#define ELO_HEADER_SCOPES  "X-Elohim-Scopes"
#define ELO_HEADER_CEILING "X-Elohim-Ceiling"
#define ELO_HEADER_PATH    "X-Elohim-Path" /* as the client asked for it */
#define ELO_HEADER_PREFIX  "X-Elohim-Prefix"
#define ELO_HEADER_CONTENT "X-Elohim-Content"
#define ELO_HEADER_TOLD    "X-Elohim-Told"
#define ELO_HEADER_REACH   "X-Elohim-Reach"
#define ELO_HEADER_INVITED "X-Elohim-Invited"

typedef struct elo_small_put_s elo_small_put_t;
typedef struct elo_tus_s elo_tus_t;
typedef struct elo_lookup_s elo_lookup_t;
typedef struct elo_backup_job_s elo_backup_job_t;
typedef struct elo_audit_s elo_audit_t;

struct elo_api_s {
    elo_http_handler_t handler; /* first: the server calls with its address */
    elo_api_cfg_t cfg;
    elo_media_jobs_t *jobs;
    elo_watches_t *watches;
    elo_lookup_t *lookup;
    elo_repl_t *repl; /* borrowed, as is care; may be NULL */
    elo_care_t *care;
    elo_ctl_t *ctl; /* likewise; NULL: tokens and records aren't here */
    elo_fallback_t *fallback; /* NULL: what isn't held isn't there */
    uint32_t fallback_wait_ms;
    elo_ctl_sub_t roots; /* fn NULL: none */
    uint32_t n_fetched_sends;
    elo_agent_t node_owner;      /* whose the operator's contents are */
    elo_small_put_t *spare_puts; /* to be used again */
    uint32_t n_spare_puts;
    elo_small_put_t *gathered; /* of this turn of the loop, in order */
    elo_small_put_t **gathered_last;
    uint32_t n_gathered;
    elo_post_t later;
    bool is_later;                    /* it was asked for */
    elo_tus_t *tus;                   /* uploads that are being written to */
    uint32_t n_pumps;                 /* bodies with large buffers */
    struct elo_native_s *native;      /* NULL: nobody but on the socket */
    int64_t started_at;               /* Unix seconds */
    uint32_t n_verifies;              /* that run, or are read */
    struct elo_handoff_s *handoffs;   /* the latest first */
    elo_audit_t *audit;               /* NULL as long as ctl is */
    elo_backup_job_t *backups;        /* that run, or wait for the pool */
    struct elo_import_job_s *imports; /* that run */
    uint32_t n_lists;                 /* of contents, that are made */
    struct elo_list_page_s *lists;    /* that wait for their turn */
    uint32_t n_lists_waiting;
    struct elo_purge_queue_s *purges;
    struct elo_warm_s *warm;
    uint64_t n_calls;    /* that came in all */
    uint64_t warm_calls; /* by when an edge has asked for more, */
    uint64_t warm_ms;    /* which was then */
    bool is_draining;
    int64_t cut_logged_at; /* Unix seconds: that a listing is short */

    /* shared */
    _Atomic uint64_t n_writes;
};

typedef struct elo_call_s elo_call_t;

struct elo_call_s {
    elo_api_t *api;
    elo_http_req_t *req;
    elo_route_t route;
    elo_slice_t sort; /* kind of a task; name of a job of care */
    bool is_head;
    bool is_guest;    /* anybody but the operator: an agent, or nobody */
    bool is_native;   /* past the Doorway, on loopback */
    bool is_told;     /* the Doorway has asked about it before */
    bool is_recorded; /* a use by an audited rule is in the log (A1) */
    uint32_t facts;   /* what he is to everyone (common/auth/gate.h) */
    uint32_t scopes;
    elo_reach_t ceiling;
    bool has_agent;
    elo_agent_t agent;   /* whom the caller acts for; zero: the operator */
    elo_agent_t key;     /* that the caller has proved, with ELO_FACT_PROVED */
    elo_agent_t subject; /* whom the path names */
    /* of what may live elsewhere (fallback_call.h) */
    void (*again)(elo_call_t *c); /* NULL: that isn't looked for */
    elo_reach_t floor; /* what is narrower isn't looked for, whoever asks */
    bool is_again;
    const struct elo_fetched_s *fetched; /* stands in for the store */
};

/* May this caller see what has that reach, by what he is to everyone? */
bool elo_call_may_read(const elo_call_t *c, elo_reach_t reach);

/* Whose sealed blobs are meant by a plaintext address; NULL: anyone's. */
const elo_agent_t *elo_call_reader(const elo_call_t *c);

/* ---- bounds.c ---- */

/* Is the request within what the caller's token is good for? path: the request's,
   decoded. False: it isn't, and that is answered. */
bool elo_call_in_bounds(const elo_call_t *c, elo_slice_t path) ELO_MUST_USE;

/* Of a guest who reads: ?reach= narrows and never widens; a word that is no reach means
   private. Of an upload it is what that is for. */
void elo_call_narrow(elo_call_t *c);

/* ---- query.c: parameters and bodies of requests ---- */

/* Value of a query parameter, decoded into room[cap]; empty when absent.
   ELO_EINVAL when it is malformed or longer. */
elo_err_t elo_query_text(elo_slice_t query, const char *name, char *room,
                         size_t cap, elo_slice_t *out) ELO_MUST_USE;

/* The same for a number from 1 to max; absent gives fallback, more than max
   gives max. */
elo_err_t elo_query_number(elo_slice_t query, const char *name,
                           uint32_t fallback, uint32_t max,
                           uint32_t *out) ELO_MUST_USE;

/* Reads a whole body of at most max bytes, then calls done once, perhaps at
   once.
   ELO_ETOOBIG past max, ELO_ECLOSED when the client has gone, ELO_ENOMEM. The
   body is borrowed for the call. */
typedef void (*elo_body_done_cb)(void *ctx, elo_err_t err, elo_slice_t body);
void elo_body_collect(elo_http_req_t *req, size_t max, elo_body_done_cb done,
                      void *ctx);

/* ---- target.c: from an address or content id to a blob ---- */

typedef struct {
    elo_blob_stat_t stat;
    elo_reach_t reach;
    elo_lifecycle_t life; /* of the content; by hash: published */
    bool is_by_hash;
    bool is_touched; /* its use was noted lately */
    char content_type[ELO_MIME_MAX + 1];
} elo_target_t;

/* ELO_ENOTFOUND when the id is unknown, its node has no blob, or refers to it without
   effect, or the blob isn't held; ELO_EINVAL when text is neither; ELO_EUNSUPPORTED for other CIDs. reader
   as elo_store_stat has it. */
elo_err_t elo_target_find(elo_store_t *s, elo_slice_t text,
                          const elo_agent_t *reader,
                          elo_target_t *out) ELO_MUST_USE;

/* Fills content_type from stat, or from what else is stated. */
void elo_target_set_type(elo_target_t *t, elo_slice_t stated);

/* The same for what the request names, behind the gate. False when that was
   answered already: unknown, or not for this caller, which looks the same. */
bool elo_call_find_target(elo_call_t *c, elo_target_t *out) ELO_MUST_USE;

/* [pool] Opens a blob that was just looked up; if it has been moved since, looks
   it up again and fills *st anew. */
elo_err_t elo_api_open_blob(elo_store_t *s, elo_blob_stat_t *st,
                            elo_blob_t **out) ELO_MUST_USE;

/* It was asked for: eviction takes it later. */
void elo_api_touch(const elo_api_t *a, const elo_target_t *t);
void elo_api_touch_blob(const elo_api_t *a, const elo_blob_stat_t *st);

/* What blob i of a loaded node means, as elo_store_ref_stat has it. */
elo_err_t elo_node_stat(elo_store_t *s, const elo_content_t *n, uint32_t i,
                        elo_blob_stat_t *out) ELO_MUST_USE;

/* Current version of a node, loaded, without what has expired of its blobs. */
elo_err_t elo_node_load(elo_store_t *s, elo_slice_t id,
                        elo_content_t *out) ELO_MUST_USE;
/* The same with all of them. */
elo_err_t elo_node_load_all(elo_store_t *s, elo_slice_t id,
                            elo_content_t *out) ELO_MUST_USE;

/* ---- handoff_api.c ---- */

void elo_handoffs_free(elo_api_t *a);

/* ---- backup_api.c ---- */

/* Tells those that run to end. */
void elo_backups_end(elo_api_t *a);

#endif
