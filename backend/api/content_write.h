/* SPDX-License-Identifier: BSD-2-Clause */
/* content_write: what a content becomes by a text that somebody sends, or by its
   removal: what is current is looked up, the text judged against it, the caller
   against both. One at a time (content_api.c) and many (import_api.c). [any]

     look ── conditions of the caller ──► make ──► judge ──► write */
#ifndef ELO_API_CONTENT_WRITE_H
#define ELO_API_CONTENT_WRITE_H

#include "backend/api/api_internal.h"

#define ELO_CONTENT_ETAG_ROOM 24

typedef struct {
    elo_store_t *store;
    const elo_call_t *call; /* who writes; borrowed, as is text */
    elo_slice_t text;
    bool is_remove;
    char id[ELO_CONTENT_ID_MAX + 1]; /* "": the text's own, or a new one */

    /* of look: */
    uint64_t expect;    /* version that must be current, 0: none */
    uint64_t tomb;      /* version that its id had when it was removed */
    int64_t created_at; /* of what is current */
    elo_agent_t owner;  /* whose it will be */
    elo_content_t was;  /* what is current, if there is something */
    bool is_anothers;   /* and it isn't the caller's */

    /* of make: */
    elo_buf_t json; /* normalised */
    elo_content_t node;
    elo_content_fault_t fault;
} elo_content_write_t;

void elo_content_write_init(elo_content_write_t *w, const elo_call_t *call);
void elo_content_write_dispose(elo_content_write_t *w);

/* Looks up what is current, which the write will count on. */
elo_err_t elo_content_write_look(elo_content_write_t *w) ELO_MUST_USE;

/* The same for an id without a node: what it had. */
elo_err_t elo_content_write_look_for_tomb(elo_content_write_t *w,
                                          elo_slice_t id) ELO_MUST_USE;

/* The node of the text, in json and node. ELO_EINVAL, ELO_ETOOBIG with fault
   filled. */
elo_err_t elo_content_write_make(elo_content_write_t *w) ELO_MUST_USE;

/* May this caller, and may what is current become that? ELO_ESCOPE, ELO_EMOVE,
   ELO_EHELD; *why may be set to a sentence. */
elo_err_t elo_content_write_judge(const elo_content_write_t *w,
                                  const char **why) ELO_MUST_USE;

/* The entity tag of a version; borrows room. */
elo_slice_t elo_content_etag(uint64_t version,
                             char room[ELO_CONTENT_ETAG_ROOM]);

#endif
