/* SPDX-License-Identifier: BSD-2-Clause */
/* memlist: see the header. */
#include "backend/kv/memlist.h"

#include <stdlib.h>

#define SORT_MIN 8u

/* For sorting unordered nodes. */
typedef struct {
    uint64_t prefix;
    elo_mem_node_t *node;
    uint32_t n; /* in order of writing */
} fresh_t;


static int
node_cmp(const elo_mem_node_t *n, uint64_t prefix, elo_slice_t key)
{
    size_t len;
    int rc;

    if (n->prefix != prefix) {
        return n->prefix < prefix ? -1 : 1;
    }
    len = ELO_MIN(n->key_len, key.len);
    if (len > sizeof(prefix)) {
        rc = memcmp(elo_mem_key(n) + sizeof(prefix), key.p + sizeof(prefix),
                    len - sizeof(prefix));
        if (rc != 0) {
            return rc;
        }
    }
    return (n->key_len > key.len) - (n->key_len < key.len);
}


/* The links that a node of this key goes behind, in links (may be NULL); returns
   the first node that is not less, or with past, the first that is greater. */
static elo_mem_node_t *
list_find(const elo_mem_list_t *list, uint64_t prefix, elo_slice_t key,
          bool past, elo_mem_node_t **links[ELO_MEM_HEIGHT_MAX])
{
    unsigned level = __atomic_load_n(&list->height, __ATOMIC_RELAXED);
    elo_mem_node_t *const *row = list->head; /* of the node we stand on */
    elo_mem_node_t *n = NULL, *seen = NULL;

    while (level-- > 0) {
        while ((n = elo_mem_load(&row[level])) != NULL && n != seen
               && node_cmp(n, prefix, key) < (past ? 1 : 0))
        {
            row = n->next;
        }
        seen = n; /* is no better one level below */
        if (links != NULL) {
            links[level] = (elo_mem_node_t **) (uintptr_t) &row[level];
        }
    }
    return n;
}


elo_mem_node_t *
elo_mem_find(const elo_mem_list_t *list, uint64_t prefix, elo_slice_t key,
             bool past)
{
    return list_find(list, prefix, key, past, NULL);
}


/* Links of list->before when the key goes just before or behind the last node. */
static bool
list_find_near(const elo_mem_list_t *list, uint64_t prefix, elo_slice_t key,
               elo_mem_node_t **links[ELO_MEM_HEIGHT_MAX])
{
    elo_mem_node_t *last = list->last, *next;
    const elo_mem_node_t *prev;
    int rc;

    if (last == NULL) {
        return false;
    }
    rc = node_cmp(last, prefix, key);
    if (rc < 0) {
        next = elo_mem_load(&last->next[0]);
        if (next != NULL && node_cmp(next, prefix, key) < 0) {
            return false;
        }
        for (unsigned i = 0; i < list->height; i++) {
            links[i] = i < last->height ? &last->next[i] : list->before[i];
        }
        return true;
    }
    if (list->before[0] != &list->head[0]) {
        prev = (const elo_mem_node_t *) ((const uint8_t *) list->before[0]
                                         - offsetof(elo_mem_node_t, next));
        if (node_cmp(prev, prefix, key) >= 0) {
            return false;
        }
    }
    memcpy(links, list->before, list->height * sizeof(links[0]));
    return true;
}


static void
list_insert(elo_mem_list_t *list, elo_mem_node_t *n, elo_slice_t key)
{
    elo_mem_node_t **links[ELO_MEM_HEIGHT_MAX];

    for (unsigned i = 0; i < ELO_MEM_HEIGHT_MAX; i++) {
        links[i] = &list->head[i]; /* for the levels that aren't yet */
    }
    if (!list_find_near(list, n->prefix, key, links)) {
        (void) list_find(list, n->prefix, key, false, links);
    }
    for (unsigned i = 0; i < n->height; i++) {
        n->next[i] = elo_mem_load(links[i]);
        elo_mem_publish(links[i], n);
    }
    if (n->height > list->height) {
        __atomic_store_n(&list->height, n->height, __ATOMIC_RELAXED);
    }
    list->last = n;
    memcpy(list->before, links, list->height * sizeof(links[0]));
}


static int
by_key(const void *a, const void *b)
{
    const fresh_t *x = a, *y = b;
    int rc;

    if (x->prefix != y->prefix) {
        return x->prefix < y->prefix ? -1 : 1;
    }
    rc = node_cmp(x->node, y->prefix,
                  elo_slice(elo_mem_key(y->node), y->node->key_len));
    return rc != 0 ? rc : x->n < y->n ? -1 : 1;
}


/* Sorted they go in with hardly a search. *nodes: a list by next[0], the last
   written first; afterwards the first that has to go in first. */
static void
fresh_sort(elo_mem_node_t **nodes, uint32_t n)
{
    fresh_t *list = n < SORT_MIN ? NULL : malloc(n * sizeof(*list));
    elo_mem_node_t *node, *next, *done = NULL;
    uint32_t i = n;

    for (node = *nodes; node != NULL; node = next) {
        next = node->next[0];
        if (list != NULL) {
            i--;
            list[i] = (fresh_t){ node->prefix, node, i };
        }
        node->next[0] = done;
        done = node;
    }
    if (list != NULL) {
        qsort(list, n, sizeof(*list), by_key);
        for (done = NULL, i = n; i > 0; done = node) {
            node = list[--i].node;
            node->next[0] = done;
        }
        free(list);
    }
    *nodes = done;
}


/* All that was written before this call is in the list. */
void
elo_mem_order(elo_mem_list_t *list, elo_mutex_t *order)
{
    elo_mem_node_t *n, *next;
    uint32_t count = 0;

    if (__atomic_load_n(&list->n_ordered, __ATOMIC_ACQUIRE)
        == __atomic_load_n(&list->n_written, __ATOMIC_ACQUIRE))
    {
        return;
    }
    elo_mutex_lock(order);
    n = __atomic_exchange_n(&list->fresh, NULL, __ATOMIC_ACQUIRE);
    for (next = n; next != NULL; next = next->next[0]) {
        count++;
    }
    fresh_sort(&n, count);
    for (; n != NULL; n = next) {
        next = n->next[0];
        list_insert(list, n, elo_slice(elo_mem_key(n), n->key_len));
    }
    __atomic_store_n(&list->n_ordered, list->n_ordered + count,
                     __ATOMIC_RELEASE);
    elo_mutex_unlock(order);
}


void
elo_mem_add(elo_mem_list_t *list, elo_mem_node_t *n)
{
    n->next[0] = __atomic_load_n(&list->fresh, __ATOMIC_RELAXED);
    while (!__atomic_compare_exchange_n(&list->fresh, &n->next[0], n, true,
                                        __ATOMIC_RELEASE, __ATOMIC_RELAXED))
    {
    }
    __atomic_store_n(&list->n_written, list->n_written + 1, __ATOMIC_RELEASE);
}
