/* SPDX-License-Identifier: BSD-2-Clause */
/* nonces: a ring in order of use, and a map into it. A place of the ring is free again
   when what stands there was used so long ago that it is too old by itself. How many
   stand there of one agent is counted in his tally, of which there are no more than
   places. */
#include "backend/ctl/nonces.h"

#include <assert.h>
#include <stdlib.h>

typedef struct tally_s {
    elo_agent_t agent;
    uint64_t hash;
    uint32_t n;
    struct tally_s *next_free;
} tally_t;

typedef struct {
    uint8_t id[ELO_NONCE_ID_LEN];
    uint64_t hash;
    int64_t used_at;
    tally_t *by;
} use_t;

struct elo_nonces_s {
    elo_hashmap_t map;
    elo_hashmap_t by_agent;
    uint32_t max, share;
    uint32_t first, n; /* in the ring */
    int64_t keep_s;
    use_t *ring;      /* max places */
    tally_t *tallies; /* as many */
    tally_t *free_tally;
    uint32_t n_made; /* of the tallies, those that were ever used */
};


static bool
is_same(const void *item, const void *key)
{
    return memcmp(((const use_t *) item)->id, key, ELO_NONCE_ID_LEN) == 0;
}


static bool
is_of(const void *item, const void *key)
{
    return elo_agent_eq(&((const tally_t *) item)->agent, key);
}


elo_err_t
elo_nonces_create(uint32_t max, uint32_t share, int64_t keep_s,
                  elo_nonces_t **out)
{
    elo_nonces_t *n = calloc(1, sizeof(*n));
    uint8_t key[ELO_SHORTHASH_KEY_LEN];

    if (n == NULL) {
        return ELO_ENOMEM;
    }
    elo_keys_random(key, sizeof(key));
    elo_hashmap_init(&n->map, key);
    elo_hashmap_init(&n->by_agent, key);
    n->max = max;
    n->share = share;
    n->keep_s = keep_s;
    n->ring = calloc(max, sizeof(*n->ring));
    n->tallies = calloc(max, sizeof(*n->tallies));
    if (n->ring == NULL || n->tallies == NULL
        || elo_hashmap_reserve(&n->map, max) != ELO_OK
        || elo_hashmap_reserve(&n->by_agent, max) != ELO_OK)
    {
        elo_nonces_free(&n);
        return ELO_ENOMEM;
    }
    *out = n;
    return ELO_OK;
}


void
elo_nonces_free(elo_nonces_t **n)
{
    if (*n != NULL) {
        elo_hashmap_dispose(&(*n)->map);
        elo_hashmap_dispose(&(*n)->by_agent);
        free((*n)->ring);
        free((*n)->tallies);
        free(*n);
        *n = NULL;
    }
}


/* ---- what each has ---- */

static tally_t *
tally_of(const elo_nonces_t *n, const elo_agent_t *agent)
{
    uint64_t hash =
        elo_hashmap_hash(&n->by_agent, elo_slice(agent->b, sizeof(agent->b)));

    return elo_hashmap_get(&n->by_agent, hash, is_of, agent);
}


/* One for each place of the ring is enough. */
static tally_t *
take_tally(elo_nonces_t *n)
{
    tally_t *t = n->free_tally;

    if (t == NULL) {
        assert(n->n_made < n->max);
        return &n->tallies[n->n_made++];
    }
    n->free_tally = t->next_free;
    return t;
}


static tally_t *
count(elo_nonces_t *n, const elo_agent_t *agent)
{
    tally_t *t = tally_of(n, agent);

    if (t == NULL) {
        t = take_tally(n);
        t->agent = *agent;
        t->hash = elo_hashmap_hash(&n->by_agent,
                                   elo_slice(agent->b, sizeof(agent->b)));
        t->n = 0;
        elo_hashmap_put(&n->by_agent, t->hash, t);
    }
    t->n++;
    return t;
}


static void
uncount(elo_nonces_t *n, tally_t *t)
{
    bool was;

    if (--t->n > 0) {
        return;
    }
    was = elo_hashmap_remove(&n->by_agent, t->hash, t);
    assert(was);
    t->next_free = n->free_tally;
    n->free_tally = t;
}


/* ---- uses ---- */

static void
forget_old(elo_nonces_t *n, int64_t now)
{
    while (n->n > 0 && n->ring[n->first].used_at < now - n->keep_s) {
        use_t *u = &n->ring[n->first];
        bool was = elo_hashmap_remove(&n->map, u->hash, u);

        assert(was);
        uncount(n, u->by);
        n->first = (n->first + 1) % n->max;
        n->n--;
    }
}


bool
elo_nonces_has(elo_nonces_t *n, const uint8_t id[ELO_NONCE_ID_LEN], int64_t now)
{
    uint64_t hash = elo_hashmap_hash(&n->map, elo_slice(id, ELO_NONCE_ID_LEN));

    forget_old(n, now);
    return elo_hashmap_get(&n->map, hash, is_same, id) != NULL;
}


elo_err_t
elo_nonces_check(elo_nonces_t *n, const uint8_t id[ELO_NONCE_ID_LEN],
                 const elo_agent_t *agent, int64_t now)
{
    const tally_t *t;

    if (elo_nonces_has(n, id, now)) {
        return ELO_EDENIED;
    }
    t = tally_of(n, agent);
    return n->n < n->max && (t == NULL || t->n < n->share) ? ELO_OK : ELO_EBUSY;
}


void
elo_nonces_use(elo_nonces_t *n, const uint8_t id[ELO_NONCE_ID_LEN],
               const elo_agent_t *agent, int64_t now)
{
    use_t *u = &n->ring[(n->first + n->n) % n->max];

    assert(n->n < n->max);
    memcpy(u->id, id, ELO_NONCE_ID_LEN);
    u->hash = elo_hashmap_hash(&n->map, elo_slice(id, ELO_NONCE_ID_LEN));
    u->used_at = now;
    u->by = count(n, agent);
    elo_hashmap_put(&n->map, u->hash, u);
    n->n++;
}
