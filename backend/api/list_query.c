/* SPDX-License-Identifier: BSD-2-Clause */
/* list_query: see the header. */
#include "backend/api/list_query.h"

#include "backend/api/who.h"

#define REACH(r)    (1u << (r))
#define REACHES_ALL 0xffu
/* What is open to whoever is admitted here (gate.h). */
#define REACHES_ADMITTED                                                       \
    (REACH(ELO_REACH_NEIGHBORHOOD) | REACH(ELO_REACH_MUNICIPAL)                \
     | REACH(ELO_REACH_BIOREGIONAL) | REACH(ELO_REACH_REGIONAL))
/* What an owner opens to those of his household and family. */
#define REACHES_KIN (REACH(ELO_REACH_LOCAL) | REACHES_ADMITTED)
#define FACTS_KIN   (ELO_FACT_HOUSEHOLD | ELO_FACT_FAMILY)


typedef struct {
    const elo_call_t *c;
    const elo_filter_t *f;
    elo_list_query_t *out;
} make_t;


/* ---- what is asked for ---- */

static void
put_all(elo_list_query_t *out, elo_node_facet_t facet)
{
    if (out->q.n_all < ELO_FIND_ALL_MAX) { /* what isn't, is looked at by row */
        out->all[out->q.n_all++] = facet;
    }
}


static void
ask_all(const make_t *m)
{
    const elo_filter_t *f = m->f;
    elo_list_query_t *out = m->out;

    if (f->has_owner) {
        put_all(out,
                (elo_node_facet_t){
                    .dim = f->has_reach ? ELO_NODE_OWNER_REACH : ELO_NODE_OWNER,
                    .agent = *elo_who_in_store(m->c->api, &f->owner),
                    .reach = f->reach });
    }
    if (f->has_lifecycle) {
        put_all(out,
                (elo_node_facet_t){ .dim = ELO_NODE_LIFECYCLE,
                                    .life = (elo_node_life_t) f->lifecycle });
    }
    if (f->format.len > 0) {
        put_all(out, (elo_node_facet_t){ .dim = ELO_NODE_FORMAT,
                                         .text = f->format });
    }
    if (f->related.len > 0) {
        put_all(out, (elo_node_facet_t){ .dim = ELO_NODE_RELATED,
                                         .text = f->related });
    }
    for (uint32_t i = 0; i < f->n_tags; i++) {
        put_all(out,
                (elo_node_facet_t){ .dim = ELO_NODE_TAG, .text = f->tags[i] });
    }
}


/* ---- what he may see ---- */

static void
put_any(elo_list_query_t *out, elo_node_facet_t facet)
{
    if (out->q.n_any == ELO_FIND_ANY_MAX) {
        out->_is_wide = true;
        return;
    }
    out->any[out->q.n_any++] = facet;
}


static void
put_id(elo_list_query_t *out, elo_slice_t id)
{
    if (out->q.n_ids == ELO_FIND_IDS_MAX) {
        out->_is_wide = true;
        return;
    }
    out->ids[out->q.n_ids++] = id;
}


static uint32_t
asked(const elo_filter_t *f, uint32_t reaches)
{
    return f->has_reach ? reaches & REACH(f->reach) : reaches;
}


/* Of these reaches, what is listed of anybody. */
static void
open_reaches(const make_t *m, uint32_t reaches)
{
    reaches = asked(m->f, reaches);
    for (int r = 0; r < ELO_REACH_COUNT; r++) {
        if ((reaches & REACH(r)) != 0) {
            put_any(m->out, (elo_node_facet_t){ .dim = ELO_NODE_REACH,
                                                .reach = (elo_reach_t) r });
        }
    }
}


/* Of these reaches, what is that owner's. */
static void
open_owner(const make_t *m, const elo_agent_t *owner, uint32_t reaches)
{
    elo_node_facet_t facet = { .dim = ELO_NODE_OWNER,
                               .agent = *elo_who_in_store(m->c->api, owner) };

    if (m->f->has_owner && !elo_agent_eq(&m->f->owner, owner)) {
        return;
    }
    reaches = asked(m->f, reaches);
    if (reaches == REACHES_ALL) {
        put_any(m->out, facet);
        return;
    }
    facet.dim = ELO_NODE_OWNER_REACH;
    for (int r = 0; r < ELO_REACH_COUNT; r++) {
        if ((reaches & REACH(r)) != 0) {
            facet.reach = (elo_reach_t) r;
            put_any(m->out, facet);
        }
    }
}


static void
open_said(const make_t *m, const elo_ctl_view_t *view)
{
    for (uint32_t i = 0; i < elo_ctl_view_count(view); i++) {
        elo_ctl_view_row_t row = elo_ctl_view_at(view, i);
        uint32_t reaches = row.granted;

        if (row.content.len > 0) {
            put_id(m->out, row.content);
            continue;
        }
        if ((row.facts & FACTS_KIN) != 0) {
            reaches |= REACHES_KIN;
        }
        if ((m->c->facts & ELO_FACT_ADMITTED) != 0) {
            reaches &= ~REACHES_ADMITTED; /* what is listed is open anyway */
        }
        open_owner(m, &row.owner, reaches & ~REACH(ELO_REACH_COMMONS));
    }
}


/* What is stored by reach is what is listed unasked. */
static bool
is_listed_life(const elo_filter_t *f)
{
    return !f->has_lifecycle || f->lifecycle == ELO_LIFECYCLE_PUBLISHED
           || f->lifecycle == ELO_LIFECYCLE_STALE;
}


static bool
is_owners_life(const elo_filter_t *f)
{
    return f->has_lifecycle
           && (f->lifecycle == ELO_LIFECYCLE_DRAFT
               || f->lifecycle == ELO_LIFECYCLE_FORGOTTEN);
}


void
elo_list_query_make(const elo_call_t *c, const elo_filter_t *f,
                    const elo_ctl_view_t *view, elo_list_query_t *out)
{
    make_t m = { .c = c, .f = f, .out = out };

    *out = (elo_list_query_t){ 0 };
    out->q.all = out->all;
    out->q.any = out->any;
    out->q.ids = out->ids;
    ask_all(&m);
    if (!c->is_guest || !(is_listed_life(f) || is_owners_life(f))) {
        return; /* all that are asked for */
    }
    out->q.is_some = true;
    if (view != NULL) {
        open_owner(&m, &c->key, REACHES_ALL);
    }
    if (is_listed_life(f)) {
        open_reaches(
            &m,
            REACH(ELO_REACH_COMMONS)
                | ((c->facts & ELO_FACT_ADMITTED) != 0 ? REACHES_ADMITTED : 0));
        if (view != NULL) {
            put_any(out, (elo_node_facet_t){ .dim = ELO_NODE_INVITED,
                                             .agent = c->key });
            open_said(&m, view);
        }
    }
    out->is_empty = out->q.n_any + out->q.n_ids == 0;
    if (out->_is_wide) {
        out->q.is_some = false;
        out->q.n_any = out->q.n_ids = 0;
    }
}
