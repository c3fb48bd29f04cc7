/* SPDX-License-Identifier: BSD-2-Clause */
/* memtable: see the header; the lists are memlist's. */
#include "backend/kv/memlist.h"

#include <assert.h>
#include <stdlib.h>

/* With ELO_ARENA_MALLOC a node is an allocation of its own, for ASan to watch. */
#ifdef ELO_ARENA_MALLOC
#define CHUNK_BYTES 0u
#else
#define CHUNK_BYTES (256u << 10)
#endif
#define NODE_GUESS  128u /* bytes of a node, for the size of the hash index */
#define BUCKETS_MIN 64u
#define BUCKETS_MAX (1u << 20)
#define RUN_MAX     16u /* older entries of a key that an iterator walks past */

typedef struct chunk_s {
    struct chunk_s *next;
    size_t len, cap;
    uint8_t mem[] __attribute__((aligned(8)));
} chunk_t;

struct elo_memtable_s {
    uint32_t refs;
    uint32_t count;
    size_t bytes;
    uint64_t seed, random;
    chunk_t *chunks;
    uint64_t mask;
    elo_mem_node_t **buckets;
    elo_mutex_t order; /* held to change lists */
    elo_mem_list_t lists[ELO_KV_TABLES_MAX];
};


static uint64_t
mix(uint64_t a, uint64_t b)
{
    unsigned __int128 m = (unsigned __int128) a * b;

    return (uint64_t) m ^ (uint64_t) (m >> 64);
}


/* Keys may come from anyone: the seed is what makes collisions a matter of luck. */
static uint64_t
hash_of(uint64_t seed, uint8_t table, elo_slice_t key)
{
    uint64_t h = mix(seed ^ table, key.len + UINT64_C(0x9e3779b97f4a7c15));
    const uint8_t *p = key.p;
    size_t len = key.len;
    uint64_t v = 0;

    for (; len >= sizeof(v); p += sizeof(v), len -= sizeof(v)) {
        memcpy(&v, p, sizeof(v));
        h = mix(h ^ v, seed | 1);
    }
    v = 0;
    memcpy(&v, p, len);
    return mix(h ^ v, seed ^ UINT64_C(0xd6e8feb86659fd93));
}


static bool
is_same_key(const elo_mem_node_t *a, const elo_mem_node_t *b)
{
    return a->key_len == b->key_len && a->prefix == b->prefix
           && memcmp(elo_mem_key(a), elo_mem_key(b), a->key_len) == 0;
}


elo_err_t
elo_memtable_create(size_t bytes, uint64_t seed, elo_memtable_t **out)
{
    elo_memtable_t *m = calloc(1, sizeof(*m));
    uint64_t n = BUCKETS_MIN;

    while (n < BUCKETS_MAX && n * NODE_GUESS < bytes) {
        n *= 2;
    }
    if (m == NULL || (m->buckets = calloc(n, sizeof(elo_mem_node_t *))) == NULL
        || elo_mutex_init(&m->order) != ELO_OK)
    {
        free(m != NULL ? m->buckets : NULL);
        free(m);
        return ELO_ENOMEM;
    }
    m->refs = 1;
    m->seed = seed;
    m->random = seed | 1;
    m->mask = n - 1;
    for (unsigned i = 0; i < ELO_KV_TABLES_MAX; i++) {
        m->lists[i].height = 1;
    }
    *out = m;
    return ELO_OK;
}


elo_memtable_t *
elo_memtable_ref(elo_memtable_t *m)
{
    __atomic_add_fetch(&m->refs, 1, __ATOMIC_RELAXED);
    return m;
}


void
elo_memtable_unref(elo_memtable_t **p)
{
    elo_memtable_t *m = *p;
    chunk_t *c;

    *p = NULL;
    if (m == NULL || __atomic_sub_fetch(&m->refs, 1, __ATOMIC_ACQ_REL) != 0) {
        return;
    }
    while ((c = m->chunks) != NULL) {
        m->chunks = c->next;
        free(c);
    }
    elo_mutex_dispose(&m->order);
    free(m->buckets);
    free(m);
}


static void *
mem_take(elo_memtable_t *m, size_t len)
{
    chunk_t *c = m->chunks;
    size_t cap;

    len = (len + 7) & ~(size_t) 7;
    if (c == NULL || c->cap - c->len < len) {
        cap = ELO_MAX(len, CHUNK_BYTES);
        if ((c = malloc(sizeof(*c) + cap)) == NULL) {
            return NULL;
        }
        *c = (chunk_t){ .next = m->chunks, .cap = cap };
        m->chunks = c;
    }
    c->len += len;
    __atomic_store_n(&m->bytes, m->bytes + len, __ATOMIC_RELAXED);
    return c->mem + c->len - len;
}


static unsigned
random_height(elo_memtable_t *m)
{
    unsigned h = 1;
    uint64_t r = m->random; /* xorshift64 */

    r ^= r << 13;
    r ^= r >> 7;
    r ^= r << 17;
    m->random = r;
    for (r >>= 32; h < ELO_MEM_HEIGHT_MAX && (r & 3) == 0; r >>= 2) {
        h++;
    }
    return h;
}


/* The node of a key that was written last, or NULL; *link: what leads to it, or to
   where it would be. */
static elo_mem_node_t *
bucket_find(elo_mem_node_t *const **link, uint32_t hash, uint8_t table,
            elo_slice_t key)
{
    elo_mem_node_t *n;

    for (; (n = elo_mem_load(*link)) != NULL; *link = &n->chain) {
        if (n->hash == hash && n->table == table && n->key_len == key.len
            && memcmp(elo_mem_key(n), key.p, key.len) == 0)
        {
            break;
        }
    }
    return n;
}


static void
node_row(const elo_mem_node_t *n, elo_kv_row_t *out)
{
    *out = (elo_kv_row_t){
        .key = elo_slice(elo_mem_key(n), n->key_len),
        .value = elo_slice(elo_mem_key(n) + n->key_len, n->value_len),
        .place = n->place,
        .data_len = n->data_len,
        .is_deleted = n->is_deleted,
        .is_fresh = n->is_fresh,
    };
}


elo_err_t
elo_memtable_put(elo_memtable_t *m, uint64_t seq, uint8_t table,
                 elo_kv_row_t *row, void **handle)
{
    elo_slice_t value = row->is_deleted ? elo_slice(NULL, 0) : row->value;
    uint64_t hash = hash_of(m->seed, table, row->key);
    unsigned height = random_height(m);
    elo_mem_node_t *const *link = &m->buckets[hash & m->mask];
    elo_mem_node_t *n, *old;
    uint8_t *p;

    assert(table < ELO_KV_TABLES_MAX && row->key.len <= ELO_KV_KEY_MAX);
    n = mem_take(m, sizeof(*n) + height * sizeof(void *) + row->key.len
                        + value.len);
    if (n == NULL) {
        return ELO_ENOMEM;
    }
    old = bucket_find(&link, (uint32_t) (hash >> 32), table, row->key);
    *n = (elo_mem_node_t){
        .seq = seq,
        /* it takes the place of the older one, which goes on leading a reader who
           stands there to all that he may see */
        .chain = old != NULL ? old->chain : NULL,
        .older = old,
        .prefix = elo_mem_prefix(row->key),
        .place = row->place,
        .hash = (uint32_t) (hash >> 32),
        .value_len = (uint32_t) value.len,
        .data_len = row->data_len,
        .key_len = (uint16_t) row->key.len,
        .table = table,
        .height = (uint8_t) (height & 15),
        .is_deleted = row->is_deleted,
        .is_fresh = old != NULL ? old->is_fresh : row->is_fresh,
    };
    p = (uint8_t *) (n->next + height);
    memcpy(p, row->key.p, row->key.len);
    if (value.len != 0) {
        memcpy(p + row->key.len, value.p, value.len);
    }
    elo_mem_add(&m->lists[table], n);
    elo_mem_publish((elo_mem_node_t **) (uintptr_t) link, n);
    __atomic_store_n(&m->count, m->count + 1, __ATOMIC_RELAXED);
    node_row(n, row);
    *handle = n;
    return ELO_OK;
}


void
elo_memtable_kill(void *handle)
{
    elo_mem_node_t *n = handle;

    __atomic_store_n(&n->seq, ELO_MEM_DEAD, __ATOMIC_RELAXED);
}


static bool
is_seen(const elo_mem_node_t *n, uint64_t seq)
{
    return __atomic_load_n(&n->seq, __ATOMIC_RELAXED) <= seq;
}


elo_err_t
elo_memtable_get(const elo_memtable_t *m, uint64_t seq, uint8_t table,
                 elo_slice_t key, elo_kv_row_t *out)
{
    uint64_t hash = hash_of(m->seed, table, key);
    elo_mem_node_t *const *link = &m->buckets[hash & m->mask];
    const elo_mem_node_t *n =
        bucket_find(&link, (uint32_t) (hash >> 32), table, key);

    while (n != NULL && !is_seen(n, seq)) {
        n = n->older;
    }
    if (n == NULL) {
        return ELO_ENOTFOUND;
    }
    node_row(n, out);
    return ELO_OK;
}


void
elo_memtable_seek(elo_memtable_t *m, uint64_t seq, uint8_t table,
                  elo_slice_t from, elo_memtable_iter_t *it)
{
    elo_mem_list_t *list = &m->lists[table];

    elo_mem_order(list, &m->order);
    *it = (elo_memtable_iter_t){
        ._m = m,
        ._at = from.len == 0
                   ? elo_mem_load(&list->head[0])
                   : elo_mem_find(list, elo_mem_prefix(from), from, false),
        ._seq = seq,
    };
}


bool
elo_memtable_next(elo_memtable_iter_t *it, elo_kv_row_t *out)
{
    const elo_mem_node_t *first, *n, *hit = NULL;
    unsigned run;

    assert(it->_seq != ELO_MEM_DEAD);
    while ((first = it->_at) != NULL && hit == NULL) {
        run = 0;
        for (n = first; n != NULL && (n == first || is_same_key(n, first));
             n = elo_mem_load(&n->next[0]))
        {
            if (hit == NULL && is_seen(n, it->_seq)) {
                hit = n;
            }
            if (hit != NULL && ++run > RUN_MAX) {
                n = elo_mem_find(&it->_m->lists[first->table], first->prefix,
                                 elo_slice(elo_mem_key(first), first->key_len),
                                 true);
                break;
            }
        }
        it->_at = n;
    }
    if (hit == NULL) {
        return false;
    }
    node_row(hit, out);
    return true;
}


size_t
elo_memtable_bytes(const elo_memtable_t *m)
{
    return __atomic_load_n(&m->bytes, __ATOMIC_RELAXED);
}


uint32_t
elo_memtable_count(const elo_memtable_t *m)
{
    return __atomic_load_n(&m->count, __ATOMIC_RELAXED);
}
