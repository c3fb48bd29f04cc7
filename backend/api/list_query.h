/* SPDX-License-Identifier: BSD-2-Clause */
/* list_query: where the nodes of a listing are looked for. Those that its caller may
   read, by their rows, are among what is found: the commons; what is for whoever is
   admitted, if he is; his own; what lists him; and what owners open to him by a
   relation, an invitation or a grant. More may be: the gate decides each. */
#ifndef ELO_API_LIST_QUERY_H
#define ELO_API_LIST_QUERY_H

#include "backend/api/api_internal.h"
#include "backend/ctl/view.h"
#include "backend/node/filter.h"
#include "backend/store/node_find.h"

typedef struct {
    bool is_empty;      /* there is nothing for him: nothing is looked for */
    elo_node_query_t q; /* of the arrays below */
    elo_node_facet_t all[ELO_FIND_ALL_MAX];
    elo_node_facet_t any[ELO_FIND_ANY_MAX];
    elo_slice_t ids[ELO_FIND_IDS_MAX];
    bool _is_wide; /* more than find takes: all are walked through */
} elo_list_query_t;

/* view: NULL for one who has proved no key. Borrows from f and view; *out stays where
   it is. */
void elo_list_query_make(const elo_call_t *c, const elo_filter_t *f,
                         const elo_ctl_view_t *view, elo_list_query_t *out);

#endif
