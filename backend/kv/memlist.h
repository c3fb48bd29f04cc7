/* SPDX-License-Identifier: BSD-2-Clause */
/* memlist: the skip lists of a memory table, one for each table of the store.
   Internal to memtable.c and memlist.c.

   A node is written once, before it is published by storing its address with
   release order; only its seq changes after that, and it is never unlinked. The
   writer puts it onto its list's stack of unordered nodes; who wants to see keys in
   order first takes the stack, sorts it and inserts it, under a mutex. So a key
   that is only looked up, then brought to the index, costs the writer no search.
   Nodes of one key stand together, the last written first, so that no order by
   seq is needed. */
#ifndef ELO_KV_MEMLIST_H
#define ELO_KV_MEMLIST_H

#include "backend/kv/memtable.h"
#include "backend/os/mutex.h"
#include "common/base/num.h"

/* A level has a quarter of the one below: 16 M nodes. */
#define ELO_MEM_HEIGHT_MAX 12

typedef struct elo_mem_node_s elo_mem_node_t;

struct elo_mem_node_s {
    uint64_t seq;
    elo_mem_node_t *chain; /* of the hash bucket: another key */
    elo_mem_node_t *older; /* of this key */
    uint64_t prefix;       /* elo_mem_prefix of the key */
    uint64_t place;
    uint32_t hash;
    uint32_t value_len;
    uint32_t data_len;
    uint16_t key_len;
    uint8_t table;
    uint8_t height:4;
    uint8_t is_deleted:1;
    uint8_t is_fresh:1;
    /* height of them, then key and value. Unordered: [0] is the one written
       before. */
    elo_mem_node_t *next[];
};

/* One table's skip list. */
typedef struct {
    elo_mem_node_t *head[ELO_MEM_HEIGHT_MAX];
    unsigned height;
    /* under the mutex: where the last node went, for they come in order: the
       links that lead to it, or past it */
    elo_mem_node_t *last;
    elo_mem_node_t **before[ELO_MEM_HEIGHT_MAX];
    /* atomic */
    elo_mem_node_t *fresh; /* unordered nodes, the last written first */
    uint32_t n_written;    /* nodes that were put there */
    uint32_t n_ordered;    /* of them, in the list */
} elo_mem_list_t;

static inline elo_mem_node_t *
elo_mem_load(elo_mem_node_t *const *link)
{
    return __atomic_load_n(link, __ATOMIC_ACQUIRE);
}


static inline void
elo_mem_publish(elo_mem_node_t **link, elo_mem_node_t *n)
{
    __atomic_store_n(link, n, __ATOMIC_RELEASE);
}


static inline const uint8_t *
elo_mem_key(const elo_mem_node_t *n)
{
    return (const uint8_t *) (n->next + n->height);
}


/* The first bytes of a key, as a number that compares like them. */
static inline uint64_t
elo_mem_prefix(elo_slice_t key)
{
    uint64_t v = 0;

    memcpy(&v, key.p, ELO_MIN(key.len, sizeof(v)));
    return __builtin_bswap64(v);
}


/* The first node that is not less than key, or with past, the first that is greater;
   NULL: none. Of what elo_mem_order has put in order. */
elo_mem_node_t *elo_mem_find(const elo_mem_list_t *list, uint64_t prefix,
                             elo_slice_t key, bool past);

/* Writer only. */
void elo_mem_add(elo_mem_list_t *list, elo_mem_node_t *n);

/* All that was added before this call is in order then. Any thread. */
void elo_mem_order(elo_mem_list_t *list, elo_mutex_t *order);

#endif
