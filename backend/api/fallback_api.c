/* SPDX-License-Identifier: BSD-2-Clause */
/* fallback_api: for operators: the URLs that contents' blobs are fetched from and how
   they do, and the contents that are about to be lost. POST looks at all of them. */
#include "backend/api/calls.h"

#include "backend/json/json_write.h"
#include "backend/node/shape.h"

#define ANSWER_MAX (8u << 20) /* what the command line takes */
#define LIST_MAX   (7u << 20) /* the list of URLs ends here */


static void
put_time(elo_json_writer_t *w, const char *name, int64_t at)
{
    char text[ELO_TIME_TEXT_LEN + 1];

    if (at == 0) {
        elo_json_put_null(w, name);
        return;
    }
    elo_time_text(at, text);
    elo_json_put_cstr(w, name, text);
}


typedef struct {
    elo_buf_t b;
    elo_json_writer_t w;
    bool has_more;
} list_t;


static bool
put_origin(void *ctx, const elo_origin_t *s)
{
    list_t *l = ctx;
    elo_json_writer_t *w = &l->w;

    elo_json_put_object(w, NULL);
    elo_json_put_string(w, "url", s->url);
    elo_json_put_cstr(w, "state",
                      s->is_bad          ? "bad"
                      : s->failures != 0 ? "dead"
                                         : "live");
    elo_json_put_u64(w, "failures", s->failures);
    if (s->status != 0) {
        elo_json_put_u64(w, "status", s->status);
    } else {
        elo_json_put_null(w, "status");
    }
    elo_json_put_string(w, "why", s->note);
    put_time(w, "triedAt", s->tried_at);
    put_time(w, "goodAt", s->good_at);
    put_time(w, "nextAt", s->next_at);
    elo_json_end_object(w);
    l->has_more = l->b.len >= LIST_MAX;
    return !l->has_more;
}


static void
put_report(elo_json_writer_t *w, elo_report_t *r)
{
    char canon[ELO_ADDR_CANON_LEN + 1];
    elo_report_row_t row;

    elo_json_put_array(w, "endangered");
    for (uint32_t i = 0; elo_report_get(r, i, &row); i++) {
        elo_addr_canon(&row.digest, canon);
        elo_json_put_object(w, NULL);
        elo_json_put_cstr(w, "id", row.id);
        elo_json_put_cstr(w, "hash", canon);
        elo_json_put_u64(w, "urls", row.urls);
        elo_json_put_u64(w, "live", row.live);
        put_time(w, "since", row.since);
        elo_json_end_object(w);
    }
    elo_json_end_array(w);
}


void
elo_call_fallback(elo_call_t *c)
{
    elo_fallback_t *f = c->api->fallback;
    elo_copies_stat_t copies;
    list_t l = { .has_more = false };
    elo_json_writer_t *w = &l.w;

    elo_buf_init(&l.b, ANSWER_MAX);
    elo_json_writer_init(w, &l.b);
    elo_json_put_object(w, NULL);
    if (f == NULL) {
        elo_json_put_cstr(w, "mode", "off");
    } else {
        elo_json_put_cstr(w, "mode",
                          elo_fallback_mode(f) == ELO_FALLBACK_KEEP ? "keep"
                                                                    : "read");
        elo_copies_stat(elo_fallback_copies(f), &copies);
        elo_json_put_u64(w, "copies", copies.copies);
        elo_json_put_u64(w, "copiesBytes", copies.bytes);
        elo_json_put_array(w, "sources");
        elo_origins_each(elo_fallback_origins(f), put_origin, &l);
        elo_json_end_array(w);
        elo_json_put_bool(w, "more", l.has_more);
        put_report(w, elo_fallback_report(f));
    }
    elo_json_end_object(w);
    elo_http_res_header(c->req, "Cache-Control", ELO_SLICE("no-store"));
    elo_reply_json(c->req, 200, &l.b);
    elo_buf_dispose(&l.b);
}


void
elo_call_fallback_ask(elo_call_t *c)
{
    if (c->api->fallback == NULL) {
        elo_reply_err(c->req, ELO_ENOTFOUND, "the option fallback is off");
    } else if (!elo_fallback_probe(c->api->fallback)) {
        elo_reply_err(c->req, ELO_EBUSY, "it is at it");
    } else {
        elo_reply_empty(c->req, 204);
    }
}
