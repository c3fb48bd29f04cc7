/* SPDX-License-Identifier: BSD-2-Clause */
/* promoted: see the header. Rows are found by what the store asks for, a digest and
   who wants to refer to it; a hash map holds the first of those that have the same. */
#include "backend/api/promoted.h"

#include <assert.h>
#include <stdlib.h>

#include "backend/os/mutex.h"
#include "common/base/hashmap.h"

#define LOOK_MAX 64u

typedef struct row_s {
    elo_digest_t d;
    elo_agent_t to, from; /* as the store knows them */
    bool counts;          /* from possesses d */
    struct row_s *next;   /* of the same d and to */
} row_t;

struct elo_promoted_s {
    elo_agent_t node_owner;
    elo_mutex_t mtx;
    /* shared: mtx */
    elo_hashmap_t map; /* first rows, by d and to */
    size_t n;
};

/* A row as it was, without its lock. */
typedef struct {
    elo_digest_t d;
    elo_agent_t to, from;
} name_t;


elo_err_t
elo_promoted_create(const elo_agent_t *node_owner, elo_promoted_t **out)
{
    elo_promoted_t *p = calloc(1, sizeof(*p));
    uint8_t key[ELO_SHORTHASH_KEY_LEN];
    elo_err_t rc;

    if (p == NULL) {
        return ELO_ENOMEM;
    }
    if ((rc = elo_mutex_init(&p->mtx)) != ELO_OK) {
        free(p);
        return rc;
    }
    p->node_owner = *node_owner;
    elo_keys_random(key, sizeof(key));
    elo_hashmap_init(&p->map, key);
    *out = p;
    return ELO_OK;
}


void
elo_promoted_free(elo_promoted_t **p)
{
    size_t at = 0;
    row_t *r, *next;

    if (*p == NULL) {
        return;
    }
    while ((r = elo_hashmap_next(&(*p)->map, &at)) != NULL) {
        for (; r != NULL; r = next) {
            next = r->next;
            free(r);
        }
    }
    elo_hashmap_dispose(&(*p)->map);
    elo_mutex_dispose(&(*p)->mtx);
    free(*p);
    *p = NULL;
}


static elo_agent_t
in_store(const elo_promoted_t *p, const elo_agent_t *a)
{
    return elo_agent_eq(a, &p->node_owner) ? (elo_agent_t){ { 0 } } : *a;
}


static bool
is_about(const void *item, const void *key)
{
    const row_t *r = item;
    const name_t *name = key;

    return memcmp(r->d.b, name->d.b, ELO_SHA256_LEN) == 0
           && elo_agent_eq(&r->to, &name->to);
}


static uint64_t
hash_of(const elo_promoted_t *p, const name_t *name)
{
    uint8_t key[ELO_SHA256_LEN + sizeof(name->to.b)];

    memcpy(key, name->d.b, ELO_SHA256_LEN);
    memcpy(key + ELO_SHA256_LEN, name->to.b, sizeof(name->to.b));
    return elo_hashmap_hash(&p->map, elo_slice(key, sizeof(key)));
}


static row_t *
first_locked(elo_promoted_t *p, const name_t *name)
{
    elo_mutex_assert_held(&p->mtx);
    return elo_hashmap_get(&p->map, hash_of(p, name), is_about, name);
}


static row_t *
find_locked(elo_promoted_t *p, const name_t *name)
{
    row_t *r = first_locked(p, name);

    while (r != NULL && !elo_agent_eq(&r->from, &name->from)) {
        r = r->next;
    }
    return r;
}


bool
elo_promoted_has(void *ctx, const elo_digest_t *d, const elo_agent_t *to)
{
    name_t name = { .d = *d, .to = *to };
    elo_promoted_t *p = ctx;
    const row_t *r;

    elo_mutex_lock(&p->mtx);
    r = first_locked(p, &name);
    while (r != NULL && !r->counts) {
        r = r->next;
    }
    elo_mutex_unlock(&p->mtx);
    return r != NULL;
}


size_t
elo_promoted_count(elo_promoted_t *p)
{
    size_t n;

    elo_mutex_lock(&p->mtx);
    n = p->n;
    elo_mutex_unlock(&p->mtx);
    return n;
}


/* ---- changes ---- */

static elo_err_t
add_locked(elo_promoted_t *p, const name_t *name, bool counts)
{
    row_t *first = first_locked(p, name);
    row_t *r = calloc(1, sizeof(*r));

    if (r == NULL
        || (first == NULL && elo_hashmap_reserve(&p->map, 1) != ELO_OK)) {
        free(r);
        return ELO_ENOMEM;
    }
    *r = (row_t){
        .d = name->d, .to = name->to, .from = name->from, .counts = counts
    };
    if (first != NULL) {
        r->next = first->next;
        first->next = r;
    } else {
        elo_hashmap_put(&p->map, hash_of(p, name), r);
    }
    p->n++;
    return ELO_OK;
}


static void
remove_locked(elo_promoted_t *p, const name_t *name, row_t *r)
{
    row_t *first = first_locked(p, name);
    uint64_t hash = hash_of(p, name);

    if (first == r) {
        bool was = elo_hashmap_remove(&p->map, hash, r);

        assert(was);
        if (r->next != NULL) { /* its place is free */
            elo_hashmap_put(&p->map, hash, r->next);
        }
    } else {
        while (first->next != r) {
            first = first->next;
        }
        first->next = r->next;
    }
    free(r);
    p->n--;
}


elo_err_t
elo_promoted_set(elo_promoted_t *p, elo_store_t *s, const elo_digest_t *d,
                 const elo_agent_t *to, const elo_agent_t *from, bool stands)
{
    name_t name = { *d, in_store(p, to), in_store(p, from) };
    bool counts = stands && elo_store_possesses(s, &name.from, d);
    elo_err_t rc = ELO_OK;
    row_t *r;

    elo_mutex_lock(&p->mtx);
    r = find_locked(p, &name);
    if (r == NULL && stands) {
        rc = add_locked(p, &name, counts);
    } else if (r != NULL && stands) {
        r->counts = counts;
    } else if (r != NULL) {
        remove_locked(p, &name, r);
    }
    elo_mutex_unlock(&p->mtx);
    return rc;
}


/* ---- looking again ---- */

static void
take_name(const row_t *r, name_t out[LOOK_MAX], uint32_t *n)
{
    out[(*n)++] = (name_t){ r->d, r->to, r->from };
}


/* Is it there still, and different? */
static bool
turn(elo_promoted_t *p, const name_t *name, bool counts)
{
    bool has_turned;
    row_t *r;

    elo_mutex_lock(&p->mtx);
    r = find_locked(p, name);
    has_turned = r != NULL && r->counts != counts;
    if (has_turned) {
        r->counts = counts;
    }
    elo_mutex_unlock(&p->mtx);
    return has_turned;
}


static elo_err_t
look(elo_promoted_t *p, elo_store_t *s, const name_t *names, uint32_t n)
{
    elo_err_t rc = ELO_OK;

    for (uint32_t i = 0; i < n && rc == ELO_OK; i++) {
        bool counts = elo_store_possesses(s, &names[i].from, &names[i].d);

        if (turn(p, &names[i], counts)) {
            rc = elo_store_refs_changed(s, &names[i].d);
        }
    }
    return rc;
}


/* Of a list with more rows than fit, those that don't wait for another run. */
elo_err_t
elo_promoted_look(elo_promoted_t *p, elo_store_t *s, size_t *at, uint32_t n)
{
    name_t names[LOOK_MAX];
    bool is_end = false;
    uint32_t len = 0;

    elo_mutex_lock(&p->mtx);
    while (len < n && len < LOOK_MAX && !is_end) {
        const row_t *r = elo_hashmap_next(&p->map, at);

        is_end = r == NULL;
        for (; r != NULL && len < LOOK_MAX; r = r->next) {
            take_name(r, names, &len);
        }
    }
    elo_mutex_unlock(&p->mtx);
    if (is_end) {
        *at = 0;
    }
    return look(p, s, names, len);
}
