/* SPDX-License-Identifier: BSD-2-Clause */
/* view: see the header. */
#include "backend/ctl/view.h"

#include <stdlib.h>

#include "backend/ctl/state_internal.h"

/* Of one owner, content and category each reach is told of once. */
#define ROW_GRANTS (2 * ELO_REACH_COUNT)

#define TEXT_MAX ((size_t) ELO_CTL_VIEW_ROWS * ELO_CONTENT_ID_MAX)

typedef struct {
    elo_digest_t by; /* the grant; of an emergency the escalation */
    uint32_t fact;   /* GRANT, EMERGENCY */
    uint32_t reaches;
} grant_t;

typedef struct {
    elo_agent_t owner;
    uint32_t facts;
    uint32_t granted;
    uint32_t grant; /* the first of n_grants */
    uint32_t n_grants;
    size_t text; /* where its content stands in texts */
    elo_slice_t content;
} row_t;

struct elo_ctl_view_s {
    elo_agent_t agent;
    row_t *rows; /* in order of owner and content */
    uint32_t n_rows, n_grants;
    grant_t *grants;
    elo_buf_t row_buf, grant_buf, texts;
    uint32_t n_looked;
    bool is_cut;
};


/* ---- making ---- */

static const elo_ctl_rec_t *
running(const elo_ctl_rec_t *grant, int64_t now, uint32_t *n_looked)
{
    const elo_ctl_rec_t *e = grant->children;

    for (; e != NULL; e = e->link[LINK_AUTHOR].next) {
        ++*n_looked;
        if (e->due.at > now) {
            return e;
        }
    }
    return NULL;
}


/* Grants say the same as elo_ctl_facts_towards finds: for each reach the first. */
static void
add_grant(elo_ctl_view_t *v, row_t *row, const elo_ctl_rec_t *r, int64_t now,
          uint32_t told[2])
{
    bool is_read = r->sort == ELO_GRANT_READ;
    uint32_t reaches = r->reaches & ~told[is_read];
    const elo_ctl_rec_t *by = r;
    grant_t g;

    if (reaches == 0 || (!is_read && r->sort != ELO_GRANT_EMERGENCY)
        || (!is_read && (by = running(r, now, &v->n_looked)) == NULL))
    {
        return;
    }
    g = (grant_t){ .by = by->id,
                   .fact = is_read ? ELO_FACT_GRANT : ELO_FACT_EMERGENCY,
                   .reaches = reaches };
    elo_buf_put(&v->grant_buf, &g, sizeof(g));
    told[is_read] |= reaches;
    row->granted |= reaches;
    row->n_grants++;
    v->n_grants++;
}


static void
add_pair(elo_ctl_view_t *v, const elo_ctl_pair_t *p, int64_t now)
{
    row_t row = { .owner = p->owner,
                  .grant = v->n_grants,
                  .text = v->texts.len,
                  .content = elo_slice(NULL, p->len) };
    uint32_t told[2] = { 0 };

    for (const elo_ctl_rec_t *r = p->first; r != NULL;
         r = r->link[LINK_PAIR].next) {
        v->n_looked++;
        if (r->due.at <= now) {
            continue;
        }
        if (r->kind == ELO_REC_RELATIONSHIP) {
            row.facts |= (uint32_t) ELO_FACT_HOUSEHOLD
                         << (r->sort - ELO_REL_HOUSEHOLD);
        } else if (r->kind == ELO_REC_INVITATION) {
            row.facts |= ELO_FACT_INVITED;
        } else if (r->kind == ELO_REC_GRANT) {
            add_grant(v, &row, r, now, told);
        }
    }
    if (row.facts == 0 && row.granted == 0) {
        return;
    }
    elo_buf_put(&v->texts, p->what, p->len);
    elo_buf_put(&v->row_buf, &row, sizeof(row));
    v->n_rows++;
}


static bool
is_admitted(const elo_ctl_state_t *s, const elo_agent_t *a, int64_t now)
{
    const elo_ctl_agent_t *is = elo_ctl_agent_find(s, a);

    return is != NULL && elo_ctl_admitted_until(is) > now;
}


/* Pairs of owners that are admitted, or of the others. */
static void
add_pairs(elo_ctl_view_t *v, const elo_ctl_state_t *s,
          const elo_ctl_subject_t *of, int64_t now, bool admitted)
{
    v->n_looked = 0;
    for (const elo_ctl_pair_t *p = of->pairs; p != NULL; p = p->next) {
        if (v->n_looked++ >= ELO_CTL_VIEW_LOOKED
            || v->n_rows == ELO_CTL_VIEW_ROWS
            || v->n_grants + ROW_GRANTS > ELO_CTL_VIEW_GRANTS)
        {
            v->is_cut = true;
            return;
        }
        if (is_admitted(s, &p->owner, now) == admitted) {
            add_pair(v, p, now);
        }
    }
}


/* ---- finding ---- */

static int
compare(const elo_agent_t *owner_a, elo_slice_t a, const elo_agent_t *owner_b,
        elo_slice_t b)
{
    int order = memcmp(owner_a->b, owner_b->b, sizeof(owner_a->b));

    if (order != 0) {
        return order;
    }
    if (a.len != b.len) {
        return a.len < b.len ? -1 : 1;
    }
    return a.len == 0 ? 0 : memcmp(a.p, b.p, a.len);
}


static int
compare_rows(const void *a, const void *b)
{
    const row_t *x = a, *y = b;

    return compare(&x->owner, x->content, &y->owner, y->content);
}


static const row_t *
find(const elo_ctl_view_t *v, const elo_agent_t *owner, elo_slice_t content)
{
    uint32_t low = 0, high = v->n_rows;

    while (low < high) {
        uint32_t at = low + (high - low) / 2;
        const row_t *row = &v->rows[at];
        int order = compare(&row->owner, row->content, owner, content);

        if (order == 0) {
            return row;
        }
        if (order < 0) {
            low = at + 1;
        } else {
            high = at;
        }
    }
    return NULL;
}


/* Nothing moves any more. */
static void
finish(elo_ctl_view_t *v)
{
    v->rows = (row_t *) (void *) v->row_buf.p;
    v->grants = (grant_t *) (void *) v->grant_buf.p;
    for (uint32_t i = 0; i < v->n_rows; i++) {
        if (v->rows[i].content.len > 0) {
            v->rows[i].content.p = v->texts.p + v->rows[i].text;
        }
    }
    if (v->n_rows > 1) {
        qsort(v->rows, v->n_rows, sizeof(*v->rows), compare_rows);
    }
}


elo_err_t
elo_ctl_view_make(const elo_ctl_state_t *s, const elo_agent_t *a, int64_t now,
                  elo_ctl_view_t **out)
{
    const elo_ctl_subject_t *of = elo_ctl_subject_find(s, a);
    elo_ctl_view_t *v = elo_ctl_zalloc(sizeof(*v));
    elo_err_t rc;

    if (v == NULL) {
        return ELO_ENOMEM;
    }
    v->agent = *a;
    elo_buf_init(&v->row_buf, ELO_CTL_VIEW_ROWS * sizeof(row_t));
    elo_buf_init(&v->grant_buf, ELO_CTL_VIEW_GRANTS * sizeof(grant_t));
    elo_buf_init(&v->texts, TEXT_MAX);
    if (of != NULL && !elo_agent_is_zero(a)) {
        add_pairs(v, s, of, now, true);
        add_pairs(v, s, of, now, false);
    }
    if ((rc = elo_buf_err(&v->row_buf)) != ELO_OK
        || (rc = elo_buf_err(&v->grant_buf)) != ELO_OK
        || (rc = elo_buf_err(&v->texts)) != ELO_OK)
    {
        elo_ctl_view_free(&v);
        return rc;
    }
    finish(v);
    *out = v;
    return ELO_OK;
}


void
elo_ctl_view_free(elo_ctl_view_t **v)
{
    if (*v == NULL) {
        return;
    }
    elo_buf_dispose(&(*v)->row_buf);
    elo_buf_dispose(&(*v)->grant_buf);
    elo_buf_dispose(&(*v)->texts);
    free(*v);
    *v = NULL;
}


bool
elo_ctl_view_is_cut(const elo_ctl_view_t *v)
{
    return v->is_cut;
}


typedef struct {
    uint32_t facts;
    elo_reach_t reach;
    const elo_digest_t *grant, *escalation; /* the first of each */
} towards_t;


static void
towards_by_row(const elo_ctl_view_t *v, towards_t *t, const row_t *row)
{
    if (row == NULL) {
        return;
    }
    t->facts |= row->facts;
    for (uint32_t i = 0; i < row->n_grants; i++) {
        const grant_t *g = &v->grants[row->grant + i];
        const elo_digest_t **by =
            g->fact == ELO_FACT_GRANT ? &t->grant : &t->escalation;

        if ((g->reaches >> t->reach & 1) != 0) {
            t->facts |= g->fact;
            *by = *by == NULL ? &g->by : *by;
        }
    }
}


uint32_t
elo_ctl_view_facts_towards(const elo_ctl_view_t *v, const elo_agent_t *owner,
                           elo_slice_t content, elo_reach_t reach,
                           elo_digest_t *by)
{
    towards_t t = { .reach = reach };

    if (elo_agent_is_zero(&v->agent) || (unsigned) reach >= ELO_REACH_COUNT) {
        return 0;
    }
    if (elo_agent_eq(&v->agent, owner)) {
        return ELO_FACT_OWNER;
    }
    if (content.len > 0) { /* by is what says least */
        towards_by_row(v, &t, find(v, owner, content));
    }
    towards_by_row(v, &t, find(v, owner, elo_slice(NULL, 0)));
    if (by != NULL && (t.grant != NULL || t.escalation != NULL)) {
        *by = t.grant != NULL ? *t.grant : *t.escalation;
    }
    return t.facts;
}


uint32_t
elo_ctl_view_count(const elo_ctl_view_t *v)
{
    return v->n_rows;
}


elo_ctl_view_row_t
elo_ctl_view_at(const elo_ctl_view_t *v, uint32_t i)
{
    const row_t *row = &v->rows[i];

    return (elo_ctl_view_row_t){ .owner = row->owner,
                                 .content = row->content,
                                 .facts = row->facts,
                                 .granted = row->granted };
}
