/* SPDX-License-Identifier: BSD-2-Clause */
/* keyring_port: keys that leave a ring as text, and come into one. */
#include "backend/keys/keyring_internal.h"
#include "common/base/num.h"


elo_err_t
elo_keyring_export(elo_keyring_t *k, const elo_agent_t *which,
                   elo_slice_t passphrase, elo_buf_t *text)
{
    elo_ring_lock_t lock = { 0 };
    const elo_agent_t *only = which;
    uint8_t *mem = NULL;
    elo_ring_t *r;
    elo_buf_t b;
    elo_err_t rc;

    if (passphrase.len == 0) {
        return ELO_EINVAL;
    }
    r = elo_keyring_hold(k);
    if (which != NULL && elo_agent_is_zero(which)) {
        only = &r->agents[0].agent;
    }
    if (only != NULL && elo_ring_find(r, only) == NULL) {
        rc = ELO_ENOTFOUND;
        goto done;
    }
    mem = elo_secret_alloc(ELO_RING_FILE_MAX);
    if (mem == NULL) {
        rc = ELO_ENOMEM;
        goto done;
    }
    elo_buf_init_fixed(&b, mem, ELO_RING_FILE_MAX);
    rc = elo_ring_lock_make(&lock, passphrase, k->kdf_ops, k->kdf_mem);
    if (rc == ELO_OK) {
        rc = elo_ring_file_put(&b, r, &lock, only);
    }
    if (rc == ELO_OK) {
        elo_ring_armour(text, elo_buf_slice(&b));
        rc = elo_buf_err(text);
    }

done:
    elo_wipe(&lock, sizeof(lock));
    elo_secret_free(mem);
    elo_keyring_drop(k, r);
    return rc;
}


/* What the text holds. The file's bytes are ciphertext: no secret memory. */
static elo_err_t
read_text(elo_slice_t text, elo_slice_t passphrase, elo_ring_t **out)
{
    elo_ring_file_t f = { 0 };
    elo_buf_t file;
    elo_err_t rc;

    if (text.len > ELO_RING_TEXT_MAX) {
        return ELO_EINVAL;
    }
    elo_buf_init(&file, ELO_RING_FILE_MAX);
    rc = elo_ring_unarmour(text, &file);
    if (rc == ELO_OK) {
        rc = elo_ring_file_get(elo_buf_slice(&file), &f);
    }
    if (rc == ELO_ECORRUPT || (rc == ELO_OK && !f.lock.is_protected)) {
        rc = ELO_EINVAL; /* a mistyped text is its giver's error */
    }
    if (rc == ELO_OK) {
        rc = elo_ring_lock_key(&f.lock, passphrase);
    }
    if (rc == ELO_OK) {
        rc = elo_ring_file_open(&f, out);
    }
    elo_wipe(&f, sizeof(f));
    elo_buf_dispose(&file);
    return rc;
}


typedef struct {
    const elo_ring_t *from;
    uint32_t n_new;
} import_t;


static bool
has_key(const elo_ring_t *r, const elo_ring_key_t *key)
{
    for (uint32_t i = 0; i < r->n_keys; i++) {
        if (r->keys[i].epoch == key->epoch
            && elo_secret_eq(r->keys[i].key, key->key, sizeof(key->key)))
        {
            return true;
        }
    }
    return false;
}


static elo_err_t
do_import(elo_keyring_t *k, const elo_ring_t *r, void *ctx, elo_ring_t **out)
{
    import_t *im = ctx;
    const elo_ring_t *from = im->from;
    uint32_t keys = 0, agents = 0;
    elo_ring_t *n;

    (void) k;
    for (uint32_t i = 0; i < from->n_keys; i++) {
        keys += !has_key(r, &from->keys[i]);
    }
    for (uint32_t i = 0; i < from->n_agents; i++) {
        agents += elo_ring_find(r, &from->agents[i].agent) == NULL;
    }
    im->n_new = keys + agents;
    if (im->n_new == 0) {
        return ELO_OK;
    }
    if (r->n_keys + keys > ELO_RING_KEYS_MAX
        || r->n_agents + agents > ELO_RING_AGENTS_MAX)
    {
        return ELO_ETOOBIG;
    }
    if ((n = elo_ring_clone(r, keys, agents)) == NULL) {
        return ELO_ENOMEM;
    }
    for (uint32_t i = 0; i < from->n_keys; i++) {
        if (!has_key(r, &from->keys[i])) {
            elo_ring_put_key(n, &from->keys[i]);
        }
    }
    for (uint32_t i = 0; i < from->n_agents; i++) {
        if (elo_ring_find(r, &from->agents[i].agent) == NULL) {
            elo_ring_put_agent(n, &from->agents[i], false);
        }
    }
    *out = n;
    return ELO_OK;
}


elo_err_t
elo_keyring_import(elo_keyring_t *k, elo_slice_t text, elo_slice_t passphrase,
                   uint32_t *n_new)
{
    import_t im = { 0 };
    elo_ring_t *from = NULL;
    elo_err_t rc = read_text(text, passphrase, &from);

    if (rc != ELO_OK) {
        return rc;
    }
    im.from = from;
    rc = elo_keyring_change(k, do_import, &im);
    elo_ring_free(&from);
    if (rc == ELO_OK) {
        *n_new = im.n_new;
    }
    return rc;
}


elo_err_t
elo_keyring_restore(const elo_keyring_cfg_t *cfg, elo_slice_t text,
                    elo_slice_t passphrase, elo_keyring_t **out)
{
    elo_ring_t *r = NULL;
    elo_digest_t sum;
    elo_err_t rc = elo_keys_init();

    if (rc == ELO_OK) {
        rc = read_text(text, passphrase, &r);
    }
    if (rc == ELO_OK && !elo_ring_is_complete(r)) {
        rc = ELO_EINVAL;
    }
    if (rc == ELO_OK) {
        rc = elo_ring_lock_make(&r->lock, cfg->passphrase, cfg->kdf_ops,
                                cfg->kdf_mem);
    }
    if (rc == ELO_OK) {
        rc = elo_keyring_write_first(elo_keyring_vfs(cfg), cfg->path, r, &sum);
    }
    if (rc == ELO_OK) {
        rc = elo_keyring_around(cfg, r, &sum, out);
    }
    if (rc != ELO_OK) {
        elo_ring_free(&r);
    }
    return rc;
}
