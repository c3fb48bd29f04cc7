/* SPDX-License-Identifier: BSD-2-Clause */
/* ring: the memory of a keyring. */
#include "backend/keys/ring.h"

#include <assert.h>

#include "common/base/utf8.h"


elo_ring_t *
elo_ring_alloc(uint32_t n_keys, uint32_t n_agents)
{
    size_t agents = n_agents * sizeof(elo_ring_agent_t);
    size_t keys = n_keys * sizeof(elo_ring_key_t);
    uint8_t *p;
    elo_ring_t *r;

    if (n_keys > ELO_RING_KEYS_MAX || n_agents > ELO_RING_AGENTS_MAX) {
        return NULL;
    }
    p = elo_secret_alloc(sizeof(*r) + agents + keys);
    if (p == NULL) {
        return NULL;
    }
    r = (void *) p;
    r->agents = (void *) (p + sizeof(*r));
    r->keys = (void *) (p + sizeof(*r) + agents);
    return r;
}


void
elo_ring_free(elo_ring_t **r)
{
    elo_secret_free(*r);
    *r = NULL;
}


elo_ring_t *
elo_ring_clone(const elo_ring_t *r, uint32_t more_keys, uint32_t more_agents)
{
    elo_ring_t *c =
        elo_ring_alloc(r->n_keys + more_keys, r->n_agents + more_agents);

    if (c == NULL) {
        return NULL;
    }
    c->lock = r->lock;
    c->has_node = r->has_node;
    memcpy(c->node, r->node, sizeof(c->node));
    c->n_keys = r->n_keys;
    c->n_agents = r->n_agents;
    memcpy(c->keys, r->keys, r->n_keys * sizeof(r->keys[0]));
    memcpy(c->agents, r->agents, r->n_agents * sizeof(r->agents[0]));
    return c;
}


const elo_ring_agent_t *
elo_ring_find(const elo_ring_t *r, const elo_agent_t *a)
{
    for (uint32_t i = 0; i < r->n_agents; i++) {
        if (elo_agent_eq(&r->agents[i].agent, a)) {
            return &r->agents[i];
        }
    }
    return NULL;
}


bool
elo_ring_is_complete(const elo_ring_t *r)
{
    return r->has_node && r->n_keys > 0 && r->n_agents > 0;
}


void
elo_ring_set_seed(elo_ring_agent_t *a, const uint8_t seed[ELO_SEED_LEN])
{
    memcpy(a->seed, seed, sizeof(a->seed));
    elo_agent_of_seed(seed, &a->agent);
    elo_x25519_of_seed(seed, &a->box);
}


void
elo_ring_put_key(elo_ring_t *r, const elo_ring_key_t *key)
{
    uint32_t at = r->n_keys;

    assert(r->n_keys < ELO_RING_KEYS_MAX);
    while (at > 0 && r->keys[at - 1].epoch > key->epoch) {
        at--;
    }
    memmove(&r->keys[at + 1], &r->keys[at],
            (r->n_keys - at) * sizeof(r->keys[0]));
    r->keys[at] = *key;
    r->n_keys++;
}


void
elo_ring_put_agent(elo_ring_t *r, const elo_ring_agent_t *a, bool is_first)
{
    uint32_t at = is_first ? 0 : r->n_agents;

    assert(r->n_agents < ELO_RING_AGENTS_MAX);
    memmove(&r->agents[at + 1], &r->agents[at],
            (r->n_agents - at) * sizeof(r->agents[0]));
    r->agents[at] = *a;
    r->n_agents++;
}


bool
elo_ring_label_ok(elo_slice_t label)
{
    if (label.len > ELO_RING_LABEL_MAX) {
        return false;
    }
    while (label.len > 0) {
        uint32_t cp;
        size_t n = elo_utf8_next(label, &cp);

        if (n == 0 || cp < 0x20 || (cp >= 0x7f && cp < 0xa0)) {
            return false;
        }
        label = elo_slice(label.p + n, label.len - n);
    }
    return true;
}
