/* SPDX-License-Identifier: BSD-2-Clause */
/* blob_list: the blobs that are held, page by page: those in the clear by their
   digest; then, for operators, those that are encrypted at rest, in an order of
   their own. A page's "next" is where the following one begins: an address, or
   "sealed-" and the digest of what is stored ("sealed-" alone: from the first). */
#include "backend/api/calls.h"

#include <stdlib.h>

#include "backend/json/json_write.h"
#include "backend/node/shape.h"
#include "common/base/enc.h"

#define LIST_LIMIT 100
#define LIST_MAX   1000
#define LIST_BUDGET                                                            \
    10000 /* rows looked at for one page, of whatever is stored */
#define ITEM_MAX  1024
#define SEALED    "sealed-"
#define NEXT_ROOM (sizeof(SEALED) + ELO_ADDR_TEXT_MAX)

typedef struct {
    elo_job_t job; /* first */
    elo_call_t call;
    bool is_sealed;   /* past those in the clear */
    elo_blob_at_t at; /* after what was put, or left out */
    uint32_t limit;
    uint32_t n_put;
    uint32_t n; /* in page */
    bool has_more;
    elo_blob_stat_t *page; /* limit of them */
    elo_buf_t json;
    elo_json_writer_t w;
    elo_err_t err;
} list_t;


static bool
collect(void *ctx, const elo_blob_stat_t *st)
{
    list_t *l = ctx;

    if (l->n == l->limit) {
        return false;
    }
    l->page[l->n++] = *st;
    return true;
}


static void
put_item(elo_json_writer_t *w, const elo_blob_stat_t *st)
{
    char canon[ELO_ADDR_CANON_LEN + 1];
    char cid[ELO_CID_TEXT_LEN + 1];
    char created[ELO_TIME_TEXT_LEN + 1];

    elo_addr_canon(&st->digest, canon);
    elo_addr_cid(&st->digest, cid);
    elo_time_text(st->created_at, created);
    elo_json_put_object(w, NULL);
    elo_json_put_cstr(w, "hash", canon);
    elo_json_put_cstr(w, "cid", cid);
    elo_json_put_u64(w, "size", st->size);
    elo_json_put_cstr(w, "contentType",
                      st->content_type[0] != '\0' ? st->content_type
                                                  : ELO_API_DEFAULT_TYPE);
    elo_json_put_cstr(w, "reach", elo_reach_name(st->reach));
    elo_json_put_bool(w, "sealed", st->is_sealed);
    elo_json_put_cstr(w, "createdAt", created);
    elo_json_end_object(w);
}


static elo_err_t
collect_batch(list_t *l, elo_blob_at_t *at)
{
    elo_store_t *s = l->call.api->cfg.store;

    l->n = 0;
    return l->is_sealed ? elo_store_each_sealed(s, at, collect, l)
                        : elo_store_each(s, at, collect, l);
}


/* Writes one batch, leaving out what the caller may not see; true when the page
   is not full and there may be more to look at. */
static bool
put_batch(list_t *l)
{
    elo_store_t *s = l->call.api->cfg.store;
    elo_blob_at_t end = l->at;

    l->err = collect_batch(l, &end);
    if (l->err != ELO_OK) {
        return false;
    }
    l->has_more = true;
    for (uint32_t i = 0; i < l->n; i++) {
        const elo_blob_stat_t *st = &l->page[i];

        if (l->n_put == l->limit) {
            return false;
        }
        l->at.has_after = true;
        l->at.after = l->is_sealed ? st->_object : st->digest;
        if (!l->is_sealed
            && !elo_call_may_read(&l->call,
                                  elo_store_blob_reach(s, &st->digest)))
        {
            continue;
        }
        put_item(&l->w, st);
        l->n_put++;
    }
    l->at = end;
    if (end.is_end) {
        l->has_more = !l->is_sealed && !l->call.is_guest;
        l->is_sealed = true;
        l->at.has_after = false;
    }
    return l->has_more && l->n_put < l->limit && l->at.budget > 0;
}


static void
put_next(list_t *l)
{
    char canon[ELO_ADDR_CANON_LEN + 1];
    char next[NEXT_ROOM];
    elo_buf_t b;

    if (!l->has_more) {
        elo_json_put_null(&l->w, "next");
        return;
    }
    elo_addr_canon(&l->at.after, canon);
    elo_buf_init_fixed(&b, next, sizeof(next));
    if (l->is_sealed) {
        elo_buf_put_str(&b, SEALED);
    }
    if (l->at.has_after) {
        elo_buf_put_str(&b, canon);
    }
    elo_json_put_string(&l->w, "next", elo_buf_slice(&b));
}


/* pool */
static void
work_list(elo_job_t *job)
{
    list_t *l = (list_t *) job;

    elo_json_writer_init(&l->w, &l->json);
    elo_json_put_object(&l->w, NULL);
    elo_json_put_array(&l->w, "items");
    while (put_batch(l)) {
        /* the next */
    }
    elo_json_end_array(&l->w);
    put_next(l);
    elo_json_end_object(&l->w);
}


static void
free_list(list_t *l)
{
    elo_buf_dispose(&l->json);
    free(l->page);
    free(l);
}


static void
after_list(elo_job_t *job)
{
    list_t *l = (list_t *) job;

    if (l->err != ELO_OK) {
        elo_reply_err(l->call.req, l->err, NULL);
    } else {
        elo_http_res_header(l->call.req, "Cache-Control",
                            ELO_SLICE("no-store"));
        elo_reply_json(l->call.req, 200, &l->json);
    }
    free_list(l);
}


static elo_err_t
list_query(list_t *l, elo_slice_t query)
{
    elo_slice_t prefix = ELO_SLICE(SEALED);
    char room[NEXT_ROOM];
    elo_slice_t after;
    elo_err_t rc;

    rc = elo_query_number(query, "limit", LIST_LIMIT, LIST_MAX, &l->limit);
    if (rc != ELO_OK) {
        return rc;
    }
    rc = elo_query_text(query, "after", room, sizeof(room), &after);
    if (rc != ELO_OK || after.len == 0) {
        return rc;
    }
    if (elo_slice_has_prefix(after, prefix)) {
        l->is_sealed = true;
        after = elo_slice(after.p + prefix.len, after.len - prefix.len);
        if (after.len == 0) {
            return ELO_OK;
        }
    }
    l->at.has_after = true;
    return elo_addr_parse(after, &l->at.after);
}


void
elo_call_blob_list(elo_call_t *c)
{
    list_t *l = calloc(1, sizeof(*l));

    if (l == NULL) {
        elo_reply_err(c->req, ELO_ENOMEM, NULL);
        return;
    }
    elo_buf_init(&l->json, (LIST_MAX + 1) * ITEM_MAX);
    l->call = *c;
    if (list_query(l, elo_http_req_query(c->req)) != ELO_OK
        || (l->is_sealed && c->is_guest))
    {
        elo_reply_err(c->req, ELO_EINVAL,
                      "limit must be a number from 1, after what \"next\" was");
        free_list(l);
        return;
    }
    l->at.budget = LIST_BUDGET;
    l->page = calloc(l->limit, sizeof(*l->page));
    if (l->page == NULL) {
        elo_reply_err(c->req, ELO_ENOMEM, NULL);
        free_list(l);
        return;
    }
    l->job.work = work_list;
    l->job.after = after_list;
    elo_loop_work(c->api->cfg.loop, &l->job);
}
