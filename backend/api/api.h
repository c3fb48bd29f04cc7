/* SPDX-License-Identifier: BSD-2-Clause */
/* api: the resource API of the daemon: blobs, manifests, content nodes, health,
   and the questions of the Doorway (common/http/wire.h). It turns requests into
   calls of the store and answers; it owns no bytes. Loop thread; what waits for
   a disk runs on the pool.

   Who asks is told by the Doorway in X-Elohim-Caller: "operator", or no such
   field (a client of the socket itself), may do everything; "agent" is one who
   proved his key (X-Elohim-Agent; X-Elohim-Facts and X-Elohim-Scopes, numbers
   of bits, and X-Elohim-Ceiling, a reach: what his token allows); "anonymous", and
   any other word, reads what elo_gate_decide allows and writes nothing. An
   operator may act for an agent: X-Elohim-Agent, 64 hex digits; without it he
   acts for himself. */
#ifndef ELO_API_API_H
#define ELO_API_API_H

#include "backend/care/care.h"
#include "backend/ctl/ctl.h"
#include "backend/fallback/fallback.h"
#include "backend/media/report.h"
#include "backend/net/http_server.h"
#include "backend/os/loop.h"
#include "backend/repl/repl.h"
#include "backend/store/store.h"

typedef struct elo_api_s elo_api_t;

typedef struct {
    elo_loop_t *loop;
    elo_store_t *store;
    elo_keyring_t *keyring;     /* seals cursors of listings */
    const char *version;        /* of the program; must outlive the api */
    uint64_t max_blob;          /* bytes; a larger upload is 413 */
    uint32_t inline_bytes;      /* the store's: what is kept in the log */
    uint64_t lookup_bytes;      /* for what is known of small blobs; 0: none */
    uint32_t max_watchers;      /* who wait for a tier of a blob; 0: 1024 */
    uint32_t segment_target_ms; /* wished length of media segments */
    uint32_t index_timeout_ms;  /* for indexing one blob */
    uint64_t index_memory;      /* bytes that one indexer may use */
    uint32_t indexer_jobs;      /* indexers at a time, at least 1 */
    uint32_t index_retry_ms;    /* least time before a blob is tried again whose
                                   indexing failed here; 0: ten seconds */
    elo_media_rules_t media_rules; /* of the report on media that age */
} elo_api_cfg_t;

/* cfg is copied. */
elo_err_t elo_api_create(const elo_api_cfg_t *cfg,
                         elo_api_t **out) ELO_MUST_USE;

/* What operators may ask about through the API; before any request. NULL: there is
   none. */
void elo_api_set_jobs(elo_api_t *a, elo_repl_t *repl, elo_care_t *care);

/* Who is who; before any request, borrowed. owner: of this node. With it there is an
   audit log. ELO_ENOMEM: nothing changed. */
elo_err_t elo_api_set_ctl(elo_api_t *a, elo_ctl_t *ctl,
                          const elo_agent_t *owner) ELO_MUST_USE;

/* Where contents may live elsewhere; before any request, borrowed. Requests wait
   that long at most. */
void elo_api_set_fallback(elo_api_t *a, elo_fallback_t *f, uint32_t wait_ms);

/* For the server; as long as the api. */
elo_http_handler_t *elo_api_handler(elo_api_t *a);

/* For a second server, on loopback TCP: the same resources, but none of the
   operator's or the Doorway's own. Callers there are anonymous unless they bring a
   token or a signed URL; what X-Elohim-… says of a caller isn't read. Before any
   request. origins: of pages, beside those of this machine, that may use it; with
   commas between; copied. ELO_ENOMEM, ELO_ETOOBIG. */
elo_err_t elo_api_make_native(elo_api_t *a, const char *host, uint16_t port,
                              const char *origins,
                              elo_http_handler_t **out) ELO_MUST_USE;

/* [any thread] The replication task of an object has ended: those who wait for it
   are told. Until elo_api_free. */
void elo_api_on_done(elo_api_t *a, const elo_digest_t *object);

/* [any thread] Uploads that came so far: background work looks whether it
   moves. */
uint64_t elo_api_writes(const elo_api_t *a);

/* Ends the exchanges that could go on for long: event streams, waits for a tier,
   and backups. Before the server is drained. */
void elo_api_drain(elo_api_t *a);

/* Kills the indexers and starts no more; done(ctx) is called later, once, when
   the last has gone and its blob is left as never indexed. */
void elo_api_stop(elo_api_t *a, void (*done)(void *ctx), void *ctx);

/* After done, and after the server has ended. NULLs *a. */
void elo_api_free(elo_api_t **a);

#endif
