/* SPDX-License-Identifier: BSD-2-Clause */
/* state_tokens: see the header. One table by agent (zeros: any), what is named, and its
   text. What was ended stays ended: a token's life isn't known here. */
#include "backend/ctl/state_tokens.h"

#include <stdlib.h>

#include "backend/ctl/state_internal.h"

typedef enum { BY_JTI = 1, BY_KID = 2, BY_VERSION = 3 } by_t;

typedef struct {
    const elo_agent_t *agent;
    by_t by;
    elo_slice_t text;
} name_t;

typedef struct {
    elo_agent_t agent;
    uint64_t version; /* BY_VERSION: the least that counts */
    uint8_t by;
    uint8_t len;
    uint8_t text[];
} entry_t;

static const elo_agent_t any;


static bool
is_entry(const void *item, const void *key)
{
    const entry_t *e = item;
    const name_t *k = key;

    return e->by == k->by && elo_agent_eq(&e->agent, k->agent)
           && elo_slice_eq(elo_slice(e->text, e->len), k->text);
}


static uint64_t
hash_of(const elo_ctl_tokens_t *t, const name_t *k)
{
    uint8_t b[ELO_AGENT_LEN + 1 + ELO_RECORD_TOKEN_MAX];

    memcpy(b, k->agent->b, ELO_AGENT_LEN);
    b[ELO_AGENT_LEN] = (uint8_t) k->by;
    if (k->text.len > 0) {
        memcpy(b + ELO_AGENT_LEN + 1, k->text.p, k->text.len);
    }
    return elo_hashmap_hash(&t->map,
                            elo_slice(b, ELO_AGENT_LEN + 1 + k->text.len));
}


static entry_t *
find(const elo_ctl_tokens_t *t, const elo_agent_t *agent, by_t by,
     elo_slice_t text)
{
    name_t k = { agent, by, text };

    return text.len > ELO_RECORD_TOKEN_MAX
               ? NULL
               : elo_hashmap_get(&t->map, hash_of(t, &k), is_entry, &k);
}


static name_t
key_of(const elo_rec_body_t *b)
{
    if (b->jti.len > 0) {
        return (name_t){ &b->agent, BY_JTI, b->jti };
    }
    if (b->kid.len > 0) {
        return (name_t){ &b->agent, BY_KID, b->kid };
    }
    return (name_t){ &b->agent, BY_VERSION, elo_slice(NULL, 0) };
}


void
elo_ctl_tokens_init(elo_ctl_tokens_t *t,
                    const uint8_t key[ELO_SHORTHASH_KEY_LEN])
{
    elo_hashmap_init(&t->map, key);
}


void
elo_ctl_tokens_dispose(elo_ctl_tokens_t *t)
{
    size_t at = 0;
    void *item;

    while ((item = elo_hashmap_next(&t->map, &at)) != NULL) {
        free(item);
    }
    elo_hashmap_dispose(&t->map);
}


bool
elo_ctl_tokens_has(const elo_ctl_tokens_t *t, const elo_rec_body_t *b)
{
    name_t k = key_of(b);

    return find(t, k.agent, k.by, k.text) != NULL;
}


bool
elo_ctl_tokens_is_known(const elo_ctl_tokens_t *t, const elo_rec_body_t *b)
{
    name_t k = key_of(b);
    const entry_t *e = find(t, k.agent, k.by, k.text);

    return e != NULL && e->version >= b->version;
}


size_t
elo_ctl_tokens_count(const elo_ctl_tokens_t *t)
{
    return elo_hashmap_count(&t->map);
}


elo_err_t
elo_ctl_tokens_add(elo_ctl_tokens_t *t, const elo_rec_body_t *b)
{
    name_t k = key_of(b);
    entry_t *e = find(t, k.agent, k.by, k.text);
    elo_err_t rc;

    if (e == NULL) {
        if ((rc = elo_hashmap_reserve(&t->map, 1)) != ELO_OK) {
            return rc;
        }
        if ((e = elo_ctl_zalloc(sizeof(*e) + k.text.len)) == NULL) {
            return ELO_ENOMEM;
        }
        e->agent = *k.agent;
        e->by = (uint8_t) k.by;
        e->len = (uint8_t) k.text.len;
        if (k.text.len > 0) {
            memcpy(e->text, k.text.p, k.text.len);
        }
        elo_hashmap_put(&t->map, hash_of(t, &k), e);
    }
    if (b->version > e->version) {
        e->version = b->version; /* an older word can't bring tokens back */
    }
    return ELO_OK;
}


static bool
is_named(const elo_ctl_tokens_t *t, const elo_agent_t *agent, by_t by,
         elo_slice_t text)
{
    return text.len > 0
           && (find(t, &any, by, text) != NULL
               || (agent != NULL && find(t, agent, by, text) != NULL));
}


bool
elo_ctl_tokens_is_revoked(const elo_ctl_tokens_t *t, const elo_agent_t *agent,
                          elo_slice_t jti, elo_slice_t kid, uint64_t version)
{
    return is_named(t, agent, BY_JTI, jti) || is_named(t, agent, BY_KID, kid)
           || (agent != NULL && version < elo_ctl_tokens_version(t, agent));
}


uint64_t
elo_ctl_tokens_version(const elo_ctl_tokens_t *t, const elo_agent_t *agent)
{
    const entry_t *e = find(t, agent, BY_VERSION, elo_slice(NULL, 0));

    return e == NULL || e->version == 0 ? 1 : e->version;
}


/* ---- of the state ---- */

bool
elo_ctl_is_token_revoked(const elo_ctl_state_t *s, const elo_agent_t *agent,
                         elo_slice_t jti, elo_slice_t kid, uint64_t version)
{
    return elo_ctl_tokens_is_revoked(&s->tokens, agent, jti, kid, version);
}


uint64_t
elo_ctl_token_version(const elo_ctl_state_t *s, const elo_agent_t *agent)
{
    return elo_ctl_tokens_version(&s->tokens, agent);
}
