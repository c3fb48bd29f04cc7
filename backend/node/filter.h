/* SPDX-License-Identifier: BSD-2-Clause */
/* filter: which content nodes a listing is asked for, from the query of its URL:
     limit      nodes of a page, from 1
     cursor     where it goes on: what "next" was; or after, a content id
     owner      an agent, in any of his texts (common/auth/agent_text.h)
     reach, lifecycle, contentFormat's words as format
     tag        again and again: nodes that have them all
     related    a content id: nodes that name it in their relations
   Each value may be percent-encoded ('+' is a plus). Whatever else stands there is
   refused by its name, and so is one twice but for tag. Pure; fuzzed. */
#ifndef ELO_NODE_FILTER_H
#define ELO_NODE_FILTER_H

#include "backend/node/content_node.h"

#define ELO_FILTER_TAGS_MAX   8u
#define ELO_FILTER_LIMIT      50u /* unless it is told */
#define ELO_FILTER_LIMIT_MAX  500u
#define ELO_FILTER_CURSOR_MAX 512u
#define ELO_FILTER_ROOM       6656u /* tags of 128 characters, the last encoded */

typedef struct {
    uint32_t limit;
    bool has_owner, has_reach, has_lifecycle;
    elo_agent_t owner;
    elo_reach_t reach;
    elo_lifecycle_t lifecycle;
    elo_slice_t format; /* static; empty: any */
    uint32_t n_tags;
    elo_slice_t tags[ELO_FILTER_TAGS_MAX]; /* these borrow from _room */
    elo_slice_t related;                   /* empty: not asked for */
    elo_slice_t cursor;                    /* likewise */
    elo_slice_t after;                     /* likewise; with cursor refused */
    size_t _used;
    uint8_t _room[ELO_FILTER_ROOM];
} elo_filter_t;

/* query: raw, without '?'. ELO_EINVAL with *fault filled. *out stays where it is:
   it has slices of itself. */
elo_err_t elo_filter_parse(elo_slice_t query, elo_filter_t *out,
                           elo_content_fault_t *fault) ELO_MUST_USE;

/* Digest of what is asked for, whatever the page. ELO_ENOMEM. */
elo_err_t elo_filter_digest(const elo_filter_t *f,
                            elo_digest_t *out) ELO_MUST_USE;

/* Does it ask for what stands in the text of a node only? */
bool elo_filter_needs_text(const elo_filter_t *f);

/* Has the node the format, the tags and the relation? */
bool elo_filter_matches_text(const elo_filter_t *f, const elo_content_t *n);

#endif
