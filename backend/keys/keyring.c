/* SPDX-License-Identifier: BSD-2-Clause */
/* keyring: see the header. Readers hold a ring, which is never changed, by a
   count; a change makes a new one, writes it, and only then puts it in place. */
#include "backend/keys/keyring.h"

#include <assert.h>
#include <stdlib.h>

#include "backend/keys/keyring_internal.h"
#include "backend/os/clock.h"


elo_ring_t *
elo_keyring_hold(elo_keyring_t *k)
{
    elo_ring_t *r;

    elo_mutex_lock(&k->mtx);
    r = k->ring;
    r->refs++;
    elo_mutex_unlock(&k->mtx);
    return r;
}


void
elo_keyring_drop(elo_keyring_t *k, elo_ring_t *r)
{
    bool is_last;

    elo_mutex_lock(&k->mtx);
    is_last = --r->refs == 0;
    elo_mutex_unlock(&k->mtx);
    if (is_last) {
        elo_ring_free(&r);
    }
}


/* Takes r over. */
static void
swap(elo_keyring_t *k, elo_ring_t *r, const elo_digest_t *checksum)
{
    elo_ring_t *old;

    r->refs = 1;
    elo_mutex_lock(&k->mtx);
    old = k->ring;
    k->ring = r;
    k->checksum = *checksum;
    elo_mutex_unlock(&k->mtx);
    elo_keyring_drop(k, old);
}


/* ---- open ---- */

static elo_err_t
fresh(const elo_keyring_cfg_t *cfg, elo_ring_t **out)
{
    elo_ring_t *r = elo_ring_alloc(1, 1);
    uint8_t seed[ELO_SEED_LEN];
    elo_err_t rc;

    if (r == NULL) {
        return ELO_ENOMEM;
    }
    elo_keys_random(r->node, sizeof(r->node));
    r->has_node = true;
    r->n_keys = 1;
    r->keys[0].epoch = 1;
    r->keys[0].created_at = elo_clock_unix_s();
    elo_keys_random(r->keys[0].key, sizeof(r->keys[0].key));
    r->n_agents = 1;
    r->agents[0].created_at = elo_clock_unix_s();
    elo_keys_random(seed, sizeof(seed));
    elo_ring_set_seed(&r->agents[0], seed);
    elo_wipe(seed, sizeof(seed));
    rc = elo_ring_lock_make(&r->lock, cfg->passphrase, cfg->kdf_ops,
                            cfg->kdf_mem);
    if (rc != ELO_OK) {
        elo_ring_free(&r);
        return rc;
    }
    *out = r;
    return ELO_OK;
}


elo_err_t
elo_keyring_write_first(const elo_vfs_t *v, const char *path,
                        const elo_ring_t *r, elo_digest_t *checksum)
{
    int lock = -1;
    elo_err_t rc = elo_ring_lock_file(v, path, &lock);

    if (rc != ELO_OK) {
        return rc;
    }
    rc = elo_ring_save(v, path, r, NULL, checksum);
    v->close(v, lock);
    return rc;
}


elo_err_t
elo_keyring_around(const elo_keyring_cfg_t *cfg, elo_ring_t *r,
                   const elo_digest_t *checksum, elo_keyring_t **out)
{
    elo_keyring_t *k = calloc(1, sizeof(*k));
    elo_err_t rc;

    if (k == NULL) {
        return ELO_ENOMEM;
    }
    k->vfs = elo_keyring_vfs(cfg);
    k->kdf_ops = cfg->kdf_ops;
    k->kdf_mem = cfg->kdf_mem;
    k->path = strdup(cfg->path);
    if (k->path == NULL) {
        free(k);
        return ELO_ENOMEM;
    }
    if ((rc = elo_mutex_init(&k->mtx)) != ELO_OK) {
        free(k->path);
        free(k);
        return rc;
    }
    if ((rc = elo_mutex_init(&k->writers)) != ELO_OK) {
        elo_mutex_dispose(&k->mtx);
        free(k->path);
        free(k);
        return rc;
    }
    r->refs = 1;
    k->ring = r;
    k->checksum = *checksum;
    *out = k;
    return ELO_OK;
}


elo_err_t
elo_keyring_open(const elo_keyring_cfg_t *cfg, elo_keyring_t **out)
{
    elo_ring_t *r = NULL;
    elo_digest_t sum;
    elo_err_t rc = elo_keys_init();

    if (rc != ELO_OK) {
        return rc;
    }
    rc = elo_ring_load(elo_keyring_vfs(cfg), cfg->path, cfg->passphrase, &r,
                       &sum);
    if (rc == ELO_ENOTFOUND && cfg->may_create) {
        rc = fresh(cfg, &r);
        if (rc == ELO_OK) {
            rc = elo_keyring_write_first(elo_keyring_vfs(cfg), cfg->path, r,
                                         &sum);
        }
        if (rc == ELO_EEXISTS) {
            elo_ring_free(&r);
            rc = elo_ring_load(elo_keyring_vfs(cfg), cfg->path, cfg->passphrase,
                               &r, &sum);
        }
    }
    if (rc == ELO_OK) {
        rc = elo_keyring_around(cfg, r, &sum, out);
    }
    if (rc != ELO_OK) {
        elo_ring_free(&r);
    }
    return rc;
}


void
elo_keyring_close(elo_keyring_t **k)
{
    if (*k == NULL) {
        return;
    }
    assert((*k)->ring->refs == 1);
    elo_ring_free(&(*k)->ring);
    elo_mutex_dispose(&(*k)->mtx);
    elo_mutex_dispose(&(*k)->writers);
    free((*k)->path);
    free(*k);
    *k = NULL;
}


elo_err_t
elo_keyring_reload(elo_keyring_t *k, const elo_keyring_cfg_t *cfg)
{
    elo_ring_t *r = NULL;
    elo_digest_t sum;
    elo_err_t rc;

    elo_mutex_lock(&k->writers);
    rc = elo_ring_load(k->vfs, k->path, cfg->passphrase, &r, &sum);
    if (rc == ELO_OK) {
        swap(k, r, &sum);
    }
    elo_mutex_unlock(&k->writers);
    return rc;
}


/* ---- questions ---- */

bool
elo_keyring_is_protected(elo_keyring_t *k)
{
    elo_ring_t *r = elo_keyring_hold(k);
    bool is = r->lock.is_protected;

    elo_keyring_drop(k, r);
    return is;
}


void
elo_keyring_owner(elo_keyring_t *k, elo_agent_t *out)
{
    elo_ring_t *r = elo_keyring_hold(k);

    *out = r->agents[0].agent;
    elo_keyring_drop(k, r);
}


bool
elo_keyring_has(elo_keyring_t *k, const elo_agent_t *a)
{
    elo_ring_t *r = elo_keyring_hold(k);
    bool has = elo_agent_is_zero(a) || elo_ring_find(r, a) != NULL;

    elo_keyring_drop(k, r);
    return has;
}


void
elo_keyring_each(elo_keyring_t *k, elo_keyring_each_fn fn, void *ctx)
{
    elo_ring_t *r = elo_keyring_hold(k);

    for (uint32_t i = 0; i < r->n_agents; i++) {
        const elo_ring_agent_t *a = &r->agents[i];

        if (!fn(ctx, &a->agent, a->created_at,
                elo_slice(a->label, a->label_len))) {
            break;
        }
    }
    elo_keyring_drop(k, r);
}


uint32_t
elo_keyring_epoch(elo_keyring_t *k)
{
    elo_ring_t *r = elo_keyring_hold(k);
    uint32_t epoch = r->keys[r->n_keys - 1].epoch;

    elo_keyring_drop(k, r);
    return epoch;
}


elo_err_t
elo_keyring_blind(elo_keyring_t *k, const elo_digest_t *plain,
                  elo_digest_t *out)
{
    elo_ring_t *r = elo_keyring_hold(k);
    elo_slice_t in = elo_slice(plain->b, sizeof(plain->b));
    elo_err_t rc = elo_hmac(r->node, &in, 1, out);

    elo_keyring_drop(k, r);
    return rc;
}


elo_err_t
elo_keyring_derive(elo_keyring_t *k, const char *label, uint64_t n,
                   uint8_t out[ELO_SECRET_LEN])
{
    elo_ring_t *r = elo_keyring_hold(k);
    elo_slice_t in[2] = { elo_slice(label, strlen(label) + 1) };
    uint8_t number[8];
    elo_digest_t d;
    elo_err_t rc;

    assert(in[0].len + sizeof(number) != ELO_SHA256_LEN);
    for (unsigned i = 0; i < sizeof(number); i++) {
        number[i] = (uint8_t) (n >> (56 - 8 * i));
    }
    in[1] = elo_slice(number, sizeof(number));
    rc = elo_hmac(r->node, in, 2, &d);
    if (rc == ELO_OK) {
        memcpy(out, d.b, ELO_SECRET_LEN);
    }
    elo_wipe(&d, sizeof(d));
    elo_keyring_drop(k, r);
    return rc;
}


elo_err_t
elo_keyring_use(elo_keyring_t *k, const elo_agent_t *a, elo_keyring_use_fn use,
                void *ctx)
{
    elo_ring_t *r = elo_keyring_hold(k);
    const elo_ring_agent_t *at = elo_ring_find(r, a);
    elo_err_t rc = at == NULL ? ELO_ENOKEY : use(ctx, at->seed);

    elo_keyring_drop(k, r);
    return rc;
}


/* ---- changes ---- */

elo_err_t
elo_keyring_change(elo_keyring_t *k, elo_keyring_change_fn fn, void *ctx)
{
    elo_ring_t *r, *next = NULL;
    elo_digest_t sum;
    int lock = -1;
    elo_err_t rc;

    elo_mutex_lock(&k->writers);
    r = elo_keyring_hold(k);
    rc = elo_ring_lock_file(k->vfs, k->path, &lock);
    if (rc == ELO_OK) {
        rc = fn(k, r, ctx, &next);
        if (rc == ELO_OK && next != NULL) {
            rc = elo_ring_save(k->vfs, k->path, next, &k->checksum, &sum);
        }
        if (rc == ELO_OK && next != NULL) {
            swap(k, next, &sum);
            next = NULL;
        }
        k->vfs->close(k->vfs, lock);
    }
    elo_mutex_unlock(&k->writers);
    elo_ring_free(&next);
    elo_keyring_drop(k, r);
    return rc;
}


typedef struct {
    const uint8_t *seed;
    elo_slice_t label;
    bool is_owner;
} add_t;


/* A known agent can only become the operator's own, and keeps its label. */
static elo_err_t
make_first(const elo_ring_t *r, const elo_agent_t *a, elo_ring_t **out)
{
    elo_ring_t *n = elo_ring_clone(r, 0, 0);
    elo_ring_agent_t first;
    uint32_t at = 0;

    if (n == NULL) {
        return ELO_ENOMEM;
    }
    while (!elo_agent_eq(&n->agents[at].agent, a)) {
        at++;
    }
    first = n->agents[at];
    memmove(&n->agents[1], &n->agents[0], at * sizeof(n->agents[0]));
    n->agents[0] = first;
    elo_wipe(&first, sizeof(first));
    *out = n;
    return ELO_OK;
}


static elo_err_t
do_add(elo_keyring_t *k, const elo_ring_t *r, void *ctx, elo_ring_t **out)
{
    const add_t *add = ctx;
    elo_ring_agent_t a = { .created_at = elo_clock_unix_s() };
    elo_err_t rc = ELO_OK;
    elo_ring_t *n;

    (void) k;
    elo_ring_set_seed(&a, add->seed);
    if (elo_ring_find(r, &a.agent) != NULL) {
        rc = add->is_owner ? make_first(r, &a.agent, out) : ELO_EEXISTS;
    } else if (r->n_agents == ELO_RING_AGENTS_MAX) {
        rc = ELO_ETOOBIG;
    } else if ((n = elo_ring_clone(r, 0, 1)) == NULL) {
        rc = ELO_ENOMEM;
    } else {
        if (add->label.len > 0) {
            memcpy(a.label, add->label.p, add->label.len);
        }
        a.label_len = (uint8_t) add->label.len;
        elo_ring_put_agent(n, &a, add->is_owner);
        *out = n;
    }
    elo_wipe(&a, sizeof(a));
    return rc;
}


elo_err_t
elo_keyring_add(elo_keyring_t *k, const uint8_t seed[ELO_SEED_LEN],
                elo_slice_t label, bool is_owner)
{
    add_t add = { .seed = seed, .label = label, .is_owner = is_owner };

    return elo_ring_label_ok(label) ? elo_keyring_change(k, do_add, &add)
                                    : ELO_EINVAL;
}


static elo_err_t
do_rotate(elo_keyring_t *k, const elo_ring_t *r, void *ctx, elo_ring_t **out)
{
    elo_ring_key_t key = { .created_at = elo_clock_unix_s() };
    elo_ring_t *n;

    (void) k;
    (void) ctx;
    key.epoch = r->keys[r->n_keys - 1].epoch;
    if (r->n_keys == ELO_RING_KEYS_MAX || key.epoch == UINT32_MAX) {
        return ELO_ETOOBIG;
    }
    if ((n = elo_ring_clone(r, 1, 0)) == NULL) {
        return ELO_ENOMEM;
    }
    key.epoch++;
    elo_keys_random(key.key, sizeof(key.key));
    elo_ring_put_key(n, &key);
    elo_wipe(&key, sizeof(key));
    *out = n;
    return ELO_OK;
}


elo_err_t
elo_keyring_rotate_cluster(elo_keyring_t *k)
{
    return elo_keyring_change(k, do_rotate, NULL);
}


static elo_err_t
do_repass(elo_keyring_t *k, const elo_ring_t *r, void *ctx, elo_ring_t **out)
{
    const elo_slice_t *passphrase = ctx;
    elo_ring_t *n = elo_ring_clone(r, 0, 0);
    elo_err_t rc;

    if (n == NULL) {
        return ELO_ENOMEM;
    }
    rc = elo_ring_lock_make(&n->lock, *passphrase, k->kdf_ops, k->kdf_mem);
    if (rc != ELO_OK) {
        elo_ring_free(&n);
        return rc;
    }
    *out = n;
    return ELO_OK;
}


elo_err_t
elo_keyring_repass(elo_keyring_t *k, elo_slice_t passphrase)
{
    return elo_keyring_change(k, do_repass, &passphrase);
}
