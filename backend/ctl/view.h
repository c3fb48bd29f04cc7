/* SPDX-License-Identifier: BSD-2-Clause */
/* view: what one agent is to everybody, taken out of state at one moment, so that
   it can be read on any thread while state goes on. What making it costs goes with
   what is said about him, not with how many records there are. Bounded: of whom
   more is said than the caps, something is left out, and is_cut tells. What is left
   out lets him in nowhere; what owners say who are admitted here goes before what
   others say. */
#ifndef ELO_CTL_VIEW_H
#define ELO_CTL_VIEW_H

#include "backend/ctl/state.h"

/* Things said about him that are looked at, and rows and grants that are kept. All
   rows with a content and all grants are less than 1 MiB. */
#define ELO_CTL_VIEW_LOOKED 16384u
#define ELO_CTL_VIEW_ROWS   4096u
#define ELO_CTL_VIEW_GRANTS 4096u

typedef struct elo_ctl_view_s elo_ctl_view_t;

/* What an owner says to him: in general (content empty), or of one content. */
typedef struct {
    elo_agent_t owner;
    elo_slice_t content; /* as long as the view */
    uint32_t facts;      /* HOUSEHOLD … COMMUNITY; INVITED of a content */
    uint32_t granted;    /* bits 1 << reach that a GRANT or EMERGENCY opens */
} elo_ctl_view_row_t;

/* [loop] As of now. ELO_ENOMEM. Ends in elo_ctl_view_free, on any thread. */
elo_err_t elo_ctl_view_make(const elo_ctl_state_t *s, const elo_agent_t *a,
                            int64_t now, elo_ctl_view_t **out) ELO_MUST_USE;
void elo_ctl_view_free(elo_ctl_view_t **v);

/* The rest: [any]. */

bool elo_ctl_view_is_cut(const elo_ctl_view_t *v);

/* What elo_ctl_facts_towards said at that moment, unless it is cut: then that or
   less. by as there. */
uint32_t elo_ctl_view_facts_towards(const elo_ctl_view_t *v,
                                    const elo_agent_t *owner,
                                    elo_slice_t content, elo_reach_t reach,
                                    elo_digest_t *by);

/* Rows, in no order that means something. Each opens something. */
uint32_t elo_ctl_view_count(const elo_ctl_view_t *v);
elo_ctl_view_row_t elo_ctl_view_at(const elo_ctl_view_t *v, uint32_t i);

#endif
