/* SPDX-License-Identifier: BSD-2-Clause */
/* heap: a binary heap of pointers. Slot i has its children at 2i + 1 and 2i + 2. */
#include "common/base/heap.h"

#include <assert.h>
#include <stdlib.h>

#define MIN_CAP 16u


void
elo_heap_init(elo_heap_t *h)
{
    *h = (elo_heap_t){ 0 };
}


void
elo_heap_dispose(elo_heap_t *h)
{
    free(h->_nodes);
    *h = (elo_heap_t){ 0 };
}


elo_err_t
elo_heap_reserve(elo_heap_t *h, size_t n)
{
    elo_heap_node_t **nodes;
    size_t cap;

    if (n <= h->_cap) {
        return ELO_OK;
    }
    if (n > SIZE_MAX / (2 * sizeof(elo_heap_node_t *))) {
        return ELO_ENOMEM;
    }
    cap = h->_cap < MIN_CAP ? MIN_CAP : 2 * h->_cap;
    cap = cap < n ? n : cap;
    nodes = reallocarray(h->_nodes, cap, sizeof(elo_heap_node_t *));
    if (nodes == NULL) {
        return ELO_ENOMEM;
    }
    h->_nodes = nodes;
    h->_cap = cap;
    return ELO_OK;
}


static void
set(elo_heap_t *h, size_t i, elo_heap_node_t *node)
{
    h->_nodes[i] = node;
    node->_place = i + 1;
}


/* Puts node where the hole at i has moved to: up as long as node comes before the
   parent, else down as long as a child comes before it. */
static void
sift(elo_heap_t *h, size_t i, elo_heap_node_t *node)
{
    size_t child;

    while (i > 0 && node->at < h->_nodes[(i - 1) / 2]->at) {
        set(h, i, h->_nodes[(i - 1) / 2]);
        i = (i - 1) / 2;
    }
    while ((child = 2 * i + 1) < h->_n) {
        if (child + 1 < h->_n
            && h->_nodes[child + 1]->at < h->_nodes[child]->at) {
            child++;
        }
        if (node->at <= h->_nodes[child]->at) {
            break;
        }
        set(h, i, h->_nodes[child]);
        i = child;
    }
    set(h, i, node);
}


void
elo_heap_push(elo_heap_t *h, elo_heap_node_t *node)
{
    assert(h->_n < h->_cap && node->_place == 0);
    h->_n++;
    sift(h, h->_n - 1, node);
}


void
elo_heap_remove(elo_heap_t *h, elo_heap_node_t *node)
{
    size_t i = node->_place - 1;
    elo_heap_node_t *last;

    assert(node->_place > 0 && i < h->_n && h->_nodes[i] == node);
    last = h->_nodes[--h->_n];
    if (last != node) {
        sift(h, i, last);
    }
    node->_place = 0;
}


elo_heap_node_t *
elo_heap_first(const elo_heap_t *h)
{
    return h->_n > 0 ? h->_nodes[0] : NULL;
}
