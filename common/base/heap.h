/* SPDX-License-Identifier: BSD-2-Clause */
/* heap: what comes first, by a number that each thing has. The node stands inside the
   thing; the heap holds pointers, and a node knows its place, so that it can leave
   at any time. */
#ifndef ELO_BASE_HEAP_H
#define ELO_BASE_HEAP_H

#include "common/base/err.h"
#include "common/base/slice.h"

typedef struct {
    int64_t at;
    size_t _place; /* from 1; 0: in no heap */
} elo_heap_node_t;

typedef struct {
    elo_heap_node_t **_nodes;
    size_t _n;
    size_t _cap;
} elo_heap_t;

/* All zero is an empty heap, too. */
void elo_heap_init(elo_heap_t *h);
void elo_heap_dispose(elo_heap_t *h); /* not the things in it */

/* Room for n nodes in all, so that pushes up to there can't fail. ELO_ENOMEM. */
elo_err_t elo_heap_reserve(elo_heap_t *h, size_t n) ELO_MUST_USE;

/* Needs room; the node is in no heap, and its at stays as it is while it is in one. */
void elo_heap_push(elo_heap_t *h, elo_heap_node_t *node);
void elo_heap_remove(elo_heap_t *h, elo_heap_node_t *node);

/* The one with the least at; NULL when empty. */
elo_heap_node_t *elo_heap_first(const elo_heap_t *h);

static inline bool
elo_heap_has(const elo_heap_node_t *node)
{
    return node->_place != 0;
}

#endif
