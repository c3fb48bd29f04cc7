/* SPDX-License-Identifier: BSD-2-Clause */
/* counter: an open hash table of indexes into an array of sums. */
#include "backend/kv/counter.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "backend/os/mutex.h"

#define SUMS_MIN 64u
#define LOG_MIN  256u

typedef struct {
    uint64_t id;
    int64_t now;       /* commit thread */
    int64_t published; /* atomic */
    uint8_t space;
    bool is_dirty; /* stands in dirty */
} sum_t;

typedef struct {
    uint32_t at;
    int64_t delta;
} change_t;

struct elo_counters_s {
    elo_mutex_t
        mtx; /* held by readers, and by the writer to change the table */
    sum_t *sums;
    uint32_t n, cap;
    uint32_t *table; /* 2 * cap; index + 1 of a sum, 0: free */
    uint32_t *dirty; /* cap */
    uint32_t n_dirty;
    change_t *log; /* since the last publish */
    uint32_t n_log, cap_log;
};


elo_err_t
elo_counters_create(elo_counters_t **out)
{
    elo_counters_t *c = calloc(1, sizeof(*c));
    elo_err_t rc;

    if (c == NULL) {
        return ELO_ENOMEM;
    }
    if ((rc = elo_mutex_init(&c->mtx)) != ELO_OK) {
        free(c);
        return rc;
    }
    *out = c;
    return ELO_OK;
}


void
elo_counters_free(elo_counters_t **p)
{
    elo_counters_t *c = *p;

    *p = NULL;
    if (c != NULL) {
        elo_mutex_dispose(&c->mtx);
        free(c->sums);
        free(c->table);
        free(c->dirty);
        free(c->log);
        free(c);
    }
}


/* Where (space, id) stands in the table, or would. */
static uint32_t
slot_of(const uint32_t *table, uint32_t cap, const sum_t *sums, uint8_t space,
        uint64_t id)
{
    uint32_t mask = 2 * cap - 1;
    uint64_t h = (id * 256 + space) * UINT64_C(0x9e3779b97f4a7c15);
    uint32_t i = (uint32_t) (h >> 32) & mask;
    const sum_t *s;

    for (; table[i] != 0; i = (i + 1) & mask) {
        s = &sums[table[i] - 1];
        if (s->id == id && s->space == space) {
            break;
        }
    }
    return i;
}


static sum_t *
find(const elo_counters_t *c, uint8_t space, uint64_t id)
{
    uint32_t i;

    if (c->cap == 0) {
        return NULL;
    }
    i = c->table[slot_of(c->table, c->cap, c->sums, space, id)];
    return i == 0 ? NULL : &c->sums[i - 1];
}


static elo_err_t
grow(elo_counters_t *c)
{
    uint32_t cap = c->cap == 0 ? SUMS_MIN : 2 * c->cap;
    uint32_t *table = calloc(2 * (size_t) cap, sizeof(*table));
    uint32_t *dirty = malloc(cap * sizeof(*dirty));
    sum_t *sums = malloc(cap * sizeof(*sums));

    if (table == NULL || dirty == NULL || sums == NULL) {
        free(table);
        free(dirty);
        free(sums);
        return ELO_ENOMEM;
    }
    for (uint32_t i = 0; i < c->n; i++) {
        sums[i] = c->sums[i];
        table[slot_of(table, cap, sums, sums[i].space, sums[i].id)] = i + 1;
    }
    if (c->n_dirty != 0) {
        memcpy(dirty, c->dirty, c->n_dirty * sizeof(*dirty));
    }
    free(c->table);
    free(c->dirty);
    free(c->sums);
    c->table = table;
    c->dirty = dirty;
    c->sums = sums;
    c->cap = cap;
    return ELO_OK;
}


/* Finds it, or makes it with 0. */
static elo_err_t
take(elo_counters_t *c, uint8_t space, uint64_t id, sum_t **out)
{
    elo_err_t rc = ELO_OK;
    sum_t *s = find(c, space, id);

    if (s == NULL) {
        elo_mutex_lock(&c->mtx);
        if (c->n == c->cap) {
            rc = grow(c);
        }
        if (rc == ELO_OK) {
            s = &c->sums[c->n++];
            *s = (sum_t){ .space = space, .id = id };
            c->table[slot_of(c->table, c->cap, c->sums, space, id)] = c->n;
        }
        elo_mutex_unlock(&c->mtx);
    }
    *out = s;
    return rc;
}


elo_err_t
elo_counters_load(elo_counters_t *c, uint8_t space, uint64_t id, int64_t value)
{
    sum_t *s;
    elo_err_t rc = take(c, space, id, &s);

    if (rc == ELO_OK) {
        s->now = value;
        __atomic_store_n(&s->published, value, __ATOMIC_RELAXED);
    }
    return rc;
}


elo_err_t
elo_counters_add(elo_counters_t *c, uint8_t space, uint64_t id, int64_t delta)
{
    change_t *log;
    uint32_t cap;
    elo_err_t rc;
    sum_t *s;

    if (c->n_log == c->cap_log) {
        cap = c->cap_log == 0 ? LOG_MIN : 2 * c->cap_log;
        if ((log = realloc(c->log, cap * sizeof(*log))) == NULL) {
            return ELO_ENOMEM;
        }
        c->log = log;
        c->cap_log = cap;
    }
    if ((rc = take(c, space, id, &s)) != ELO_OK) {
        return rc;
    }
    s->now += delta;
    c->log[c->n_log++] = (change_t){ (uint32_t) (s - c->sums), delta };
    return ELO_OK;
}


int64_t
elo_counters_sum(const elo_counters_t *c, uint8_t space, uint64_t id)
{
    const sum_t *s = find(c, space, id);

    return s == NULL ? 0 : s->now;
}


uint32_t
elo_counters_mark(const elo_counters_t *c)
{
    return c->n_log;
}


void
elo_counters_rewind(elo_counters_t *c, uint32_t mark)
{
    assert(mark <= c->n_log);
    while (c->n_log > mark) {
        c->n_log--;
        c->sums[c->log[c->n_log].at].now -= c->log[c->n_log].delta;
    }
}


void
elo_counters_publish(elo_counters_t *c)
{
    uint32_t at;
    sum_t *s;

    for (uint32_t i = 0; i < c->n_log; i++) {
        at = c->log[i].at;
        s = &c->sums[at];
        __atomic_store_n(&s->published, s->now, __ATOMIC_RELAXED);
        if (!s->is_dirty) {
            s->is_dirty = true;
            c->dirty[c->n_dirty++] = at;
        }
    }
    c->n_log = 0;
}


int64_t
elo_counters_read(elo_counters_t *c, uint8_t space, uint64_t id)
{
    int64_t v = 0;
    sum_t *s;

    elo_mutex_lock(&c->mtx);
    if ((s = find(c, space, id)) != NULL) {
        v = __atomic_load_n(&s->published, __ATOMIC_RELAXED);
    }
    elo_mutex_unlock(&c->mtx);
    return v;
}


elo_err_t
elo_counters_seal(elo_counters_t *c, elo_counter_t **out, uint32_t *n)
{
    elo_counter_t *list = NULL;
    sum_t *s;

    if (c->n_dirty != 0 && (list = malloc(c->n_dirty * sizeof(*list))) == NULL)
    {
        return ELO_ENOMEM;
    }
    for (uint32_t i = 0; i < c->n_dirty; i++) {
        s = &c->sums[c->dirty[i]];
        s->is_dirty = false;
        list[i] = (elo_counter_t){
            .id = s->id,
            .value = __atomic_load_n(&s->published, __ATOMIC_RELAXED),
            .space = s->space,
        };
    }
    *out = list;
    *n = c->n_dirty;
    c->n_dirty = 0;
    return ELO_OK;
}


void
elo_counters_each(elo_counters_t *c, uint8_t space,
                  void (*fn)(void *ctx, uint64_t id, int64_t sum), void *ctx)
{
    uint32_t n = c->n;

    for (uint32_t i = 0; i < n; i++) {
        if (c->sums[i].space == space) {
            fn(ctx, c->sums[i].id, c->sums[i].now);
        }
    }
}
