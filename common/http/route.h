/* SPDX-License-Identifier: BSD-2-Clause */
/* route: from a request path to a resource. Pure; used by the module and by the
   daemon, so that both mean the same by a URL. The path is percent-decoded
   exactly once, by the caller, and has no query. */
#ifndef ELO_HTTP_ROUTE_H
#define ELO_HTTP_ROUTE_H

#include "common/base/cid.h"
#include "common/base/slice.h"

/* Of letters, digits, '-' and '_'. */
#define ELO_ROUTE_NAME_MAX 64u

typedef enum {
    ELO_ROUTE_UNKNOWN = 0,
    ELO_ROUTE_BLOB,         /* /api/blob/{addr|id}, /blob/…, /store/… */
    ELO_ROUTE_BLOB_NEW,     /* /api/blob, /blob, /blob/ : POST, PUT */
    ELO_ROUTE_BLOB_STATUS,  /* /api/blob/{addr}/status */
    ELO_ROUTE_BLOB_TREE,    /* /api/blob/{addr}/tree */
    ELO_ROUTE_CHUNK,        /* /api/blob/{addr|id}/{number},
                               /api/stream/chunk/{addr}/{number} */
    ELO_ROUTE_UPLOAD_NEW,   /* /api/upload, /api/upload/ */
    ELO_ROUTE_UPLOAD,       /* /api/upload/{32 hex} */
    ELO_ROUTE_MANIFEST,     /* /manifest/{addr} */
    ELO_ROUTE_CONTENT_LIST, /* /api/content */
    ELO_ROUTE_CONTENT,      /* /api/content/{id} */
    ELO_ROUTE_CONTENT_LIFECYCLE, /* /api/content/{id}/lifecycle */
    ELO_ROUTE_CONTENT_REACH,     /* /api/content/{id}/reach */
    ELO_ROUTE_CONTENT_INVITE,    /* /api/content/{id}/invite */
    ELO_ROUTE_SCHEMA,            /* /api/schema */
    ELO_ROUTE_IMPORT,            /* /api/import */
    ELO_ROUTE_HLS_MASTER, /* /api/manifest/{id}/hls.m3u8, /api/stream/hls/{id} */
    ELO_ROUTE_HLS_MEDIA,  /* /api/manifest/{id}/{track}.m3u8 */
    ELO_ROUTE_DASH,    /* /api/manifest/{id}/dash.mpd, /api/stream/dash/{id} */
    ELO_ROUTE_INIT,    /* /api/manifest/{id}/{version}/{track}/init.mp4 */
    ELO_ROUTE_SEGMENT, /* /api/manifest/{id}/{version}/{track}/{n}.m4s */
    ELO_ROUTE_AUTH_CHALLENGE, /* /api/auth/challenge */
    ELO_ROUTE_AUTH_TOKEN,     /* /api/auth/token */
    ELO_ROUTE_AUTH_SESSION,   /* /api/auth/session */
    ELO_ROUTE_AUTH_LOGOUT,    /* /api/auth/logout */
    ELO_ROUTE_AUTH_KEYS,      /* /api/auth/keys, /.well-known/doorway-keys,
                                 /.well-known/jwks.json */
    ELO_ROUTE_RECORDS,        /* /api/records */
    ELO_ROUTE_RECORD_HEAD,    /* /api/records/head/{agent} */
    ELO_ROUTE_AUDIT,          /* /api/audit */
    ELO_ROUTE_EXPLAIN,        /* /api/explain */
    ELO_ROUTE_CACHE_PURGE,    /* /api/cache/purge */
    ELO_ROUTE_CACHE_WARM,     /* /api/cache/warm */
    ELO_ROUTE_HEALTH,         /* /health, /healthz */
    ELO_ROUTE_VERSION,        /* /version */
    /* of the network's existing clients, docs/compatibility.md: */
    ELO_ROUTE_SHARD,      /* /shard/{addr} */
    ELO_ROUTE_VERIFY,     /* /api/blob/verify */
    ELO_ROUTE_CUSTODIANS, /* /api/custodian/blob/{addr} */
    ELO_ROUTE_CACHE_LIST, /* /api/v1/cache/{name} */
    ELO_ROUTE_CACHE,      /* /api/v1/cache/{name}/{id} */
    ELO_ROUTE_ZOME,       /* /api/v1/{dna}/{zome}/{name} */
    ELO_ROUTE_READY,      /* /ready, /readyz */
    ELO_ROUTE_STATUS,     /* /status */
    ELO_ROUTE_P2P_STATUS, /* /p2p/status */
    ELO_ROUTE_ME,         /* /auth/me */
    ELO_ROUTE_DID,        /* /.well-known/did.json, /identity/did[.json] */
    ELO_ROUTE_HANDOFF     /* /session: not for the Doorway */
} elo_route_kind_t;

typedef struct {
    elo_route_kind_t kind;
    bool has_digest;     /* id is an address: */
    elo_digest_t digest; /* this one */
    elo_slice_t id;      /* address, content id or upload, as in the path */
    elo_slice_t version; /* of the media index */
    elo_slice_t track;
    elo_slice_t name; /* of a type, or of a function: see ELO_ROUTE_NAME_MAX */
    bool is_compat;  /* /blob/…: uploads are answered as its clients expect */
    uint32_t number; /* of the segment, from 1; of the chunk, from 0 */
} elo_route_t;

/* Slices borrow from path. What does not match in full (an empty id, an id
   with a slash, a control byte, "..") is ELO_ROUTE_UNKNOWN. */
void elo_route_parse(elo_slice_t path, elo_route_t *out);

#endif
