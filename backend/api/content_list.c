/* SPDX-License-Identifier: BSD-2-Clause */
/* content_list: GET /api/content, pages of content nodes in order of id, as
   list_page.h has them, by the filters of backend/node/filter.h. "next" is a cursor to
   go on by, null at the end, and says nothing (list_cursor.h). Only operators go on by
   an id ("after"), too. */
#include "backend/api/calls.h"

#include "backend/api/list_cursor.h"
#include "backend/api/list_page.h"

typedef struct {
    elo_list_page_t page; /* first */
    elo_list_bound_t bound;
} list_t;


/* ---- the answer ---- */

static void
begin(elo_list_page_t *l)
{
    elo_json_put_object(&l->w, NULL);
    elo_json_put_array(&l->w, "items");
}


static elo_err_t
put_node(elo_list_page_t *l, elo_slice_t text)
{
    elo_json_put_raw(&l->w, NULL, text);
    return ELO_OK;
}


static elo_err_t
put_next(elo_list_page_t *l)
{
    const list_t *list = (const list_t *) l;
    char cursor[ELO_LIST_CURSOR_TEXT + 1];
    elo_err_t rc;

    if (l->at.is_end) {
        elo_json_put_null(&l->w, "next");
        return ELO_OK;
    }
    rc = elo_list_cursor_seal(l->call.api->cfg.keyring, &list->bound, l->now,
                              elo_slice_str(l->at.id), l->at.is_from, cursor);
    if (rc == ELO_OK) {
        elo_json_put_cstr(&l->w, "next", cursor);
    }
    return rc;
}


static elo_err_t
end(elo_list_page_t *l)
{
    elo_err_t rc;

    elo_json_end_array(&l->w);
    rc = put_next(l);
    elo_json_end_object(&l->w);
    return rc;
}


static void
reply(elo_list_page_t *l)
{
    elo_http_res_header(l->call.req, "Cache-Control",
                        l->is_his ? ELO_SLICE("no-store")
                                  : ELO_SLICE("no-cache"));
    elo_reply_json(l->call.req, 200, &l->json);
}


static const elo_list_shape_t shape = {
    .begin = begin, .put = put_node, .end = end, .reply = reply
};


/* ---- the question ---- */

/* False when that is answered: the cursor is no good here. */
static bool
go_on(list_t *list)
{
    elo_list_page_t *l = &list->page;
    elo_slice_t after = l->filter.after;
    elo_err_t rc;

    if (after.len > 0 && l->call.is_guest) {
        elo_reply_problem(
            l->call.req, 400, elo_err_code(ELO_EINVAL),
            "after is for the operator; cursor takes what \"next\" "
            "was",
            "after");
        return false;
    }
    memcpy(l->at.id, after.p == NULL ? (const uint8_t *) "" : after.p,
           after.len);
    if (l->filter.cursor.len == 0) {
        return true;
    }
    rc = elo_list_cursor_open(l->call.api->cfg.keyring, &list->bound, l->now,
                              l->filter.cursor, l->at.id, &l->at.is_from);
    if (rc == ELO_EINVAL) {
        elo_reply_problem(l->call.req, 400, elo_err_code(rc),
                          "cursor isn't of this list for this caller, or is "
                          "older than a day; ask again without it",
                          "cursor");
    } else if (rc != ELO_OK) {
        elo_reply_err(l->call.req, rc, NULL);
    }
    return rc == ELO_OK;
}


static elo_err_t
bind(list_t *l)
{
    const elo_call_t *c = &l->page.call;

    l->bound.caller = !c->is_guest                        ? ELO_LISTS_OPERATOR
                      : (c->facts & ELO_FACT_PROVED) != 0 ? ELO_LISTS_AGENT
                                                          : ELO_LISTS_ANONYMOUS;
    if (l->bound.caller == ELO_LISTS_AGENT) {
        l->bound.agent = c->key;
    }
    return elo_filter_digest(&l->page.filter, &l->bound.filters);
}


void
elo_call_content_list(elo_call_t *c)
{
    list_t *list = elo_list_page_create(c, sizeof(*list), &shape);
    elo_content_fault_t fault;
    elo_list_page_t *l;
    elo_err_t rc;

    if (list == NULL) {
        return;
    }
    l = &list->page;
    if (elo_filter_parse(elo_http_req_query(c->req), &l->filter, &fault)
        != ELO_OK) {
        elo_reply_problem(c->req, 400, elo_err_code(ELO_EINVAL), fault.detail,
                          fault.field);
        elo_list_page_free(l);
        return;
    }
    l->limit = l->filter.limit;
    if ((rc = bind(list)) != ELO_OK) {
        elo_reply_err(c->req, rc, NULL);
        elo_list_page_free(l);
        return;
    }
    if (!go_on(list)) {
        elo_list_page_free(l);
        return;
    }
    elo_list_page_start(l);
}
