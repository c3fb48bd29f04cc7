/* SPDX-License-Identifier: BSD-2-Clause */
/* nonces: a ring in order of use, and a map into it. A place of the ring is free again
   when what stands there was used so long ago that it is too old by itself. */
#include "backend/ctl/nonces.h"

#include <assert.h>
#include <stdlib.h>

typedef struct {
    uint8_t id[ELO_NONCE_ID_LEN];
    uint64_t hash;
    int64_t used_at;
} use_t;

struct elo_nonces_s {
    elo_hashmap_t map;
    uint32_t max;
    uint32_t first, n; /* in the ring */
    int64_t keep_s;
    use_t *ring; /* max places */
};


static bool
is_same(const void *item, const void *key)
{
    return memcmp(((const use_t *) item)->id, key, ELO_NONCE_ID_LEN) == 0;
}


elo_err_t
elo_nonces_create(uint32_t max, int64_t keep_s, elo_nonces_t **out)
{
    elo_nonces_t *n = calloc(1, sizeof(*n));
    uint8_t key[ELO_SHORTHASH_KEY_LEN];

    if (n == NULL) {
        return ELO_ENOMEM;
    }
    elo_keys_random(key, sizeof(key));
    elo_hashmap_init(&n->map, key);
    n->max = max;
    n->keep_s = keep_s;
    n->ring = calloc(max, sizeof(*n->ring));
    if (n->ring == NULL || elo_hashmap_reserve(&n->map, max) != ELO_OK) {
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
        free((*n)->ring);
        free(*n);
        *n = NULL;
    }
}


static void
forget_old(elo_nonces_t *n, int64_t now)
{
    while (n->n > 0 && n->ring[n->first].used_at < now - n->keep_s) {
        use_t *u = &n->ring[n->first];
        bool was = elo_hashmap_remove(&n->map, u->hash, u);

        assert(was);
        n->first = (n->first + 1) % n->max;
        n->n--;
    }
}


elo_err_t
elo_nonces_check(elo_nonces_t *n, const uint8_t id[ELO_NONCE_ID_LEN],
                 int64_t now)
{
    uint64_t hash = elo_hashmap_hash(&n->map, elo_slice(id, ELO_NONCE_ID_LEN));

    forget_old(n, now);
    if (elo_hashmap_get(&n->map, hash, is_same, id) != NULL) {
        return ELO_EDENIED;
    }
    return n->n < n->max ? ELO_OK : ELO_EBUSY;
}


void
elo_nonces_use(elo_nonces_t *n, const uint8_t id[ELO_NONCE_ID_LEN], int64_t now)
{
    use_t *u = &n->ring[(n->first + n->n) % n->max];

    assert(n->n < n->max);
    memcpy(u->id, id, ELO_NONCE_ID_LEN);
    u->hash = elo_hashmap_hash(&n->map, elo_slice(id, ELO_NONCE_ID_LEN));
    u->used_at = now;
    elo_hashmap_put(&n->map, u->hash, u);
    n->n++;
}
