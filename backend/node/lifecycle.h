/* SPDX-License-Identifier: BSD-2-Clause */
/* lifecycle: which state of a content may follow on which, and when one follows by
   itself. Pure.

                 ┌────────── refresh ◄───────┬──────────────┐
                 ▼                           │              │
     DRAFT ─► PUBLISHED ─► STALE ─► DEPRECATED ─► ARCHIVED ─► FORGOTTEN
                 ▲           │
                 └─ refresh ─┘

   Forwards any state may follow on an earlier one, and may leave out those between;
   only a draft is published first, or forgotten. Backwards there is but
   the way to PUBLISHED, from STALE (somebody has looked: it is fresh again),
   DEPRECATED and ARCHIVED; a text that was published is no draft any more.
   PUBLISHED on PUBLISHED is a refresh too. FORGOTTEN is final: a content that is
   made again under the id begins anew, with a later version.

     state       read by               listed  warmed  bytes
     DRAFT       owner                 owner   no      kept
     PUBLISHED   by reach              yes     yes     kept
     STALE       by reach, marked      yes     no      kept
     DEPRECATED  by reach, marked      no      no      kept
     ARCHIVED    by reach, marked      no      no      kept: parity and one copy
     FORGOTTEN   nobody; its owner is  no      no      collected, when nothing else
                 told that it was                      refers to them

   What happens by itself, at the time of elo_lifecycle_due:
     PUBLISHED, past its refreshInterval: STALE
     a blob entry, past its expiresAt: it is no longer there; it was not served
       from that second on. When the last original goes so, what was PUBLISHED
       or STALE becomes DEPRECATED: variants that are left are still what links to
       it mean
   A hold keeps a content from ARCHIVED, FORGOTTEN and removal, and its entries,
   though expired, from being taken out: their bytes stay. */
#ifndef ELO_NODE_LIFECYCLE_H
#define ELO_NODE_LIFECYCLE_H

#include "common/base/slice.h"

typedef enum {
    ELO_LIFECYCLE_DRAFT,
    ELO_LIFECYCLE_PUBLISHED,
    ELO_LIFECYCLE_STALE,
    ELO_LIFECYCLE_DEPRECATED,
    ELO_LIFECYCLE_ARCHIVED,
    ELO_LIFECYCLE_FORGOTTEN
} elo_lifecycle_t;
#define ELO_LIFECYCLE_COUNT 6

/* Static: "draft" … "forgotten". */
const char *elo_lifecycle_name(elo_lifecycle_t l);
bool elo_lifecycle_parse(elo_slice_t s, elo_lifecycle_t *out);

/* May `to` follow on `from`? A state on itself is no move, but for PUBLISHED. */
bool elo_lifecycle_may_move(elo_lifecycle_t from, elo_lifecycle_t to);

/* May a content begin its life so? In any state but the last: one that comes from
   elsewhere brings its own. */
bool elo_lifecycle_may_begin(elo_lifecycle_t l);

/* Does a hold forbid to go there? */
bool elo_lifecycle_is_held_back(elo_lifecycle_t to);

/* Served, but not at its best: answers are marked with the name. */
bool elo_lifecycle_is_marked(elo_lifecycle_t l);

/* When PUBLISHED becomes STALE, for what was fresh at `fresh_at` (Unix seconds) and
   has that refreshInterval; 0: never (none, or one past the year 9999). */
int64_t elo_lifecycle_stale_at(elo_slice_t interval, int64_t fresh_at);

#endif
