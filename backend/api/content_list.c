/* SPDX-License-Identifier: BSD-2-Clause */
/* content_list: pages of content nodes, in order of id. A page ends at its limit
   of nodes or of bytes, whichever comes first; "next" is the id to go on after,
   null at the end. Made on the pool: nodes may be large. */
#include "backend/api/calls.h"

#include <stdlib.h>

#include "backend/api/who.h"
#include "backend/json/json_write.h"

#define LIST_LIMIT  50
#define LIST_MAX    500
#define PAGE_BYTES  (4u << 20)
#define LIST_BUDGET 10000 /* nodes looked at for one page */

typedef struct {
    elo_job_t job; /* first */
    elo_call_t call;
    char after[ELO_CONTENT_ID_MAX + 1];
    uint32_t limit;
    uint32_t n_seen;
    uint32_t n_put;
    bool has_more;
    elo_json_writer_t w;
    elo_buf_t json;
    elo_err_t err;
} list_t;


/* What can be told on the pool, where relations and grants are out of reach: is it
   his, and is he on its list? */
static elo_who_subject_t
own_facts(const elo_call_t *c, const elo_node_t *node, const elo_content_t *n)
{
    elo_who_subject_t of = { .reach = n->reach, .stage = elo_content_stage(n) };

    if ((c->facts & ELO_FACT_PROVED) == 0) {
        return of;
    }
    if (elo_agent_eq(&node->owner, &c->agent)) {
        of.facts |= ELO_FACT_OWNER;
    }
    if (elo_content_invites(n, &c->key)) {
        of.facts |= ELO_FACT_INVITED;
    }
    return of;
}


/* Deprecated content and older is served to those who have its address, but not
   shown around. */
static bool
is_listed(const list_t *l, const elo_node_t *node)
{
    elo_who_subject_t of;
    elo_content_t n;
    bool ok;

    if (!l->call.is_guest) {
        return true;
    }
    if (elo_content_load(node->json, &n) != ELO_OK) {
        return false;
    }
    of = own_facts(&l->call, node, &n);
    ok = elo_call_may(&l->call, ELO_OP_READ, &of)
         && ((of.facts & ELO_FACT_OWNER) != 0
             || n.lifecycle == ELO_LIFECYCLE_PUBLISHED
             || n.lifecycle == ELO_LIFECYCLE_STALE);
    elo_content_dispose(&n);
    return ok;
}


static bool
put_node(void *ctx, const elo_node_t *node)
{
    list_t *l = ctx;

    if (l->n_put == l->limit || l->n_seen == LIST_BUDGET
        || l->json.len > PAGE_BYTES)
    {
        l->has_more = true;
        return false;
    }
    l->n_seen++;
    memcpy(l->after, node->id.p, node->id.len);
    l->after[node->id.len] = '\0';
    if (is_listed(l, node)) {
        elo_json_put_raw(&l->w, NULL, node->json);
        l->n_put++;
    }
    return true;
}


/* pool */
static void
work_list(elo_job_t *job)
{
    list_t *l = (list_t *) job;
    char start[ELO_CONTENT_ID_MAX + 1];

    memcpy(start, l->after, sizeof(start));
    elo_json_writer_init(&l->w, &l->json);
    elo_json_put_object(&l->w, NULL);
    elo_json_put_array(&l->w, "items");
    l->err = elo_store_node_each(l->call.api->cfg.store, elo_slice_str(start),
                                 put_node, l);
    elo_json_end_array(&l->w);
    if (l->has_more) {
        elo_json_put_cstr(&l->w, "next", l->after);
    } else {
        elo_json_put_null(&l->w, "next");
    }
    elo_json_end_object(&l->w);
}


static void
after_list(elo_job_t *job)
{
    list_t *l = (list_t *) job;

    if (l->err != ELO_OK) {
        elo_reply_err(l->call.req, l->err, NULL);
    } else {
        elo_http_res_header(l->call.req, "Cache-Control",
                            ELO_SLICE("no-cache"));
        elo_reply_json(l->call.req, 200, &l->json);
    }
    elo_buf_dispose(&l->json);
    free(l);
}


static elo_err_t
list_query(list_t *l, elo_slice_t query)
{
    elo_slice_t after;
    elo_err_t rc;

    rc = elo_query_number(query, "limit", LIST_LIMIT, LIST_MAX, &l->limit);
    if (rc != ELO_OK) {
        return rc;
    }
    rc = elo_query_text(query, "after", l->after, sizeof(l->after) - 1, &after);
    if (rc == ELO_OK && after.len != 0 && !elo_content_id_ok(after)) {
        return ELO_EINVAL;
    }
    return rc;
}


void
elo_call_content_list(elo_call_t *c)
{
    list_t *l = calloc(1, sizeof(*l));

    if (l == NULL) {
        elo_reply_err(c->req, ELO_ENOMEM, NULL);
        return;
    }
    l->call = *c;
    if (list_query(l, elo_http_req_query(c->req)) != ELO_OK) {
        elo_reply_err(c->req, ELO_EINVAL,
                      "limit must be a number from 1, after a content id");
        free(l);
        return;
    }
    elo_buf_init(&l->json, PAGE_BYTES + 2 * ELO_CONTENT_TEXT_MAX);
    l->job.work = work_list;
    l->job.after = after_list;
    elo_loop_work(c->api->cfg.loop, &l->job);
}
