/* SPDX-License-Identifier: BSD-2-Clause */
/* list_page: one page of content nodes, for whoever asks and in whatever shape. Which
   nodes: backend/node/filter.h. Where they are looked for: list_query.h. Each is shown
   only if the gate lets the caller read it, as he is at the time of the question (a
   view: relations, invitations and grants count), and a use of an audited rule is in
   the log before the page is sent.

   Unasked, what is published or stale is listed, and to its owner (and the operator)
   all of his. Filters that ask for deprecated or archived show those to whoever may
   read them.

   A page ends at its limit of nodes or of bytes, or when too many candidates were
   looked at (at.budget, whatever is skipped) or too much text. Made on the pool, a few
   at a time, for nodes may be large; the others wait their turn. */
#ifndef ELO_API_LIST_PAGE_H
#define ELO_API_LIST_PAGE_H

#include "backend/api/list_query.h"
#include "backend/json/json_write.h"

#define ELO_LIST_BUDGET 10000u /* nodes looked at for one page */

typedef struct elo_list_page_s elo_list_page_t;

/* What one listing has that another hasn't. text: the normalised JSON of a node,
   borrowed for the call. */
typedef struct {
    /* [pool] Is it asked for, beside what the filter says? NULL: it is. */
    bool (*wants)(elo_list_page_t *l, elo_slice_t text);
    /* [pool] Writes to l->w: what comes first, a node, what comes last. */
    void (*begin)(elo_list_page_t *l);
    elo_err_t (*put)(elo_list_page_t *l, elo_slice_t text);
    elo_err_t (*end)(elo_list_page_t *l);
    /* [loop] Answers with l->json: there was no error. */
    void (*reply)(elo_list_page_t *l);
} elo_list_shape_t;

typedef struct elo_list_used_s elo_list_used_t;

/* Embedded as the first member; what is asked for is filled in between create and
   start. */
struct elo_list_page_s {
    elo_job_t job; /* first */
    elo_call_t call;
    elo_filter_t filter; /* its limit isn't looked at */
    uint32_t limit;      /* from 1 */
    uint32_t skip;       /* of those that he is shown, these first aren't */
    elo_node_at_t at;
    int64_t now; /* Unix seconds */
    bool is_his; /* out: it depends on who asks */
    elo_json_writer_t w;
    elo_buf_t json;

    const elo_list_shape_t *_shape;
    elo_ctl_view_t *_view; /* NULL: he has proved no key */
    elo_list_query_t _query;
    uint32_t _n_put;
    elo_list_used_t *_used; /* limit of them; NULL: none yet */
    uint32_t _n_used;
    elo_buf_t _text; /* of the node that is looked at */
    size_t _n_text;  /* bytes of texts that were read */
    elo_list_page_t *_next;
    elo_err_t _err;
};

/* A page of size bytes, zeroed but for call, now and at.budget. NULL when there is no
   memory for it, and that is answered. shape lives on. */
void *elo_list_page_create(const elo_call_t *c, size_t size,
                           const elo_list_shape_t *shape);

/* [loop] Of one that isn't started. */
void elo_list_page_free(elo_list_page_t *l);

/* [loop] Answers, by the shape or with what failed, and frees the page. ELO_ERATE: too
   many wait. */
void elo_list_page_start(elo_list_page_t *l);

/* [loop] Of those that wait, at the end of the API. */
void elo_list_pages_free(elo_api_t *a);

#endif
