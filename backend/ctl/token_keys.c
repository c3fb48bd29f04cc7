/* SPDX-License-Identifier: BSD-2-Clause */
/* token_keys: the keys by which this node signs tokens. Their seeds are derived from
   the node secret by a number, so that nothing secret is kept but the keyring; the
   store's setting "token-keys" says which numbers count:
     count 1, then for each, the newest first: number 8, since 8 (Unix seconds) */
#include "backend/ctl/ctl_internal.h"

#include <assert.h>

#include "backend/os/log.h"
#include "backend/store/setting.h"
#include "common/base/enc.h"
#include "common/base/rd.h"

#define SETTING "token-keys"
#define LABEL   "elohim-token-key"
#define ROW_LEN 16u
#define MAX_LEN (1 + ELO_CTL_KEYS_MAX * ROW_LEN)

typedef struct {
    elo_ctl_signer_t keys[ELO_CTL_KEYS_MAX];
    uint32_t n;
} list_t;


/* Fills the public half of a key whose number is set. seed: secret memory. */
static elo_err_t
derive(elo_ctl_t *c, elo_ctl_signer_t *k, uint8_t seed[ELO_SEED_LEN])
{
    uint8_t id[ELO_KEY_ID_LEN];
    elo_err_t rc = elo_keyring_derive(c->keyring, LABEL, k->number, seed);

    if (rc == ELO_OK) {
        elo_agent_of_seed(seed, &k->key);
        elo_key_id(&k->key, id);
        elo_hex_encode(id, sizeof(id), k->kid);
    }
    return rc;
}


/* The end of key i, not being the newest: when the last token that it may have signed
   is over, and nobody's clock takes it any more. */
static int64_t
until(const elo_ctl_t *c, const elo_ctl_signer_t *keys, uint32_t i)
{
    return i == 0 ? 0 : keys[i - 1].since + c->life_s + ELO_TOKEN_LEEWAY_S;
}


/* ---- the setting ---- */

static elo_err_t
save(elo_ctl_t *c, const list_t *l)
{
    uint8_t mem[MAX_LEN];
    elo_buf_t b;

    elo_buf_init_fixed(&b, mem, sizeof(mem));
    elo_buf_put_u8(&b, (uint8_t) l->n);
    for (uint32_t i = 0; i < l->n; i++) {
        elo_buf_put_be64(&b, l->keys[i].number);
        elo_buf_put_be64(&b, (uint64_t) l->keys[i].since);
    }
    assert(elo_buf_err(&b) == ELO_OK);
    return elo_store_setting_put(c->store, SETTING, elo_buf_slice(&b));
}


static elo_err_t
parse(elo_slice_t s, list_t *l)
{
    const uint8_t *p = s.p, *end = s.p + s.len;
    uint64_t since;
    uint8_t n = 0;

    p = elo_rd_u8(p, end, &n);
    if (p == NULL || n == 0 || n > ELO_CTL_KEYS_MAX) {
        return ELO_ECORRUPT;
    }
    for (l->n = 0; l->n < n; l->n++) {
        elo_ctl_signer_t *k = &l->keys[l->n];

        p = elo_rd_be64(p, end, &k->number);
        p = elo_rd_be64(p, end, &since);
        if (p == NULL || since > INT64_MAX / 2
            || (l->n > 0
                && (k->number >= k[-1].number
                    || (int64_t) since > k[-1].since)))
        {
            return ELO_ECORRUPT;
        }
        k->since = (int64_t) since;
    }
    return p == end ? ELO_OK : ELO_ECORRUPT;
}


static elo_err_t
load(elo_ctl_t *c, list_t *l)
{
    uint8_t mem[MAX_LEN + 1];
    elo_buf_t b;
    elo_err_t rc;

    elo_buf_init_fixed(&b, mem, sizeof(mem));
    rc = elo_store_setting_get(c->store, SETTING, &b);
    if (rc == ELO_ENOTFOUND) {
        /* the first key, since ever: a full disk is no reason not to start */
        *l = (list_t){ .n = 1 };
        l->keys[0].number = 1;
        return ELO_OK;
    }
    if (rc == ELO_OK) {
        rc = parse(elo_buf_slice(&b), l);
    }
    if (rc == ELO_ECORRUPT || rc == ELO_ETOOBIG) {
        elo_log(ELO_LOG_CRIT, "ctl: setting \"" SETTING "\" is damaged");
        rc = ELO_ECORRUPT;
    }
    return rc;
}


elo_err_t
elo_ctl_keys_open(elo_ctl_t *c)
{
    list_t l = { .n = 0 };
    elo_err_t rc = load(c, &l);

    /* the newest last: its seed stays */
    for (uint32_t i = l.n; rc == ELO_OK && i > 0; i--) {
        rc = derive(c, &l.keys[i - 1], c->secrets->seed);
    }
    if (rc == ELO_OK) {
        memcpy(c->keys, l.keys, sizeof(c->keys));
        c->n_keys = l.n;
    }
    return rc;
}


/* ---- rotation ---- */

/* What is to be kept of the keys beside the next one: those that still count. False:
   there is no room for all. */
static bool
next_list(elo_ctl_t *c, int64_t now, list_t *l)
{
    bool fits = true;

    elo_mutex_lock(&c->keys_mtx);
    for (uint32_t i = 0; i < c->n_keys && fits; i++) {
        int64_t end = until(c, c->keys, i);

        fits = (end != 0 && now >= end) || l->n < ELO_CTL_KEYS_MAX;
        if (fits && (end == 0 || now < end)) {
            l->keys[l->n++] = c->keys[i];
        }
    }
    elo_mutex_unlock(&c->keys_mtx);
    return fits;
}


static elo_err_t
rotate(elo_ctl_t *c, uint8_t seed[ELO_SEED_LEN])
{
    /* the clock may have gone back; keys stay in order */
    list_t l = { .n = 1 };
    int64_t now = elo_ctl_now(c);
    elo_err_t rc;

    if (!next_list(c, now, &l)) {
        return ELO_EBUSY;
    }
    l.keys[0].number = l.keys[1].number + 1;
    l.keys[0].since = now > l.keys[1].since ? now : l.keys[1].since;
    if ((rc = derive(c, &l.keys[0], seed)) != ELO_OK
        || (rc = save(c, &l)) != ELO_OK)
    {
        return rc;
    }
    elo_mutex_lock(&c->keys_mtx);
    memcpy(c->keys, l.keys, sizeof(c->keys));
    c->n_keys = l.n;
    memcpy(c->secrets->seed, seed, ELO_SEED_LEN);
    elo_mutex_unlock(&c->keys_mtx);
    elo_log(ELO_LOG_NOTICE, "ctl: tokens are signed by key %s from now on",
            l.keys[0].kid);
    return ELO_OK;
}


elo_err_t
elo_ctl_rotate(elo_ctl_t *c)
{
    uint8_t *seed = elo_secret_alloc(ELO_SEED_LEN);
    elo_err_t rc;

    assert(c->magic == ELO_CTL_MAGIC);
    if (seed == NULL) {
        return ELO_ENOMEM;
    }
    elo_mutex_lock(&c->rotating);
    rc = rotate(c, seed);
    elo_mutex_unlock(&c->rotating);
    elo_secret_free(seed);
    return rc;
}


/* ---- use ---- */

uint32_t
elo_ctl_keys(elo_ctl_t *c, elo_token_key_t *out, uint32_t max)
{
    int64_t now = elo_ctl_now(c);
    uint32_t n = 0;

    assert(c->magic == ELO_CTL_MAGIC);
    elo_mutex_lock(&c->keys_mtx);
    for (uint32_t i = 0; i < c->n_keys && n < max; i++) {
        const elo_ctl_signer_t *k = &c->keys[i];
        int64_t end = until(c, c->keys, i);

        if (end != 0 && now >= end) {
            break; /* those behind it ended before */
        }
        out[n] = (elo_token_key_t){ .alg = ELO_ALG_EDDSA, .until = end };
        memcpy(out[n].kid, k->kid, sizeof(k->kid));
        memcpy(out[n].key, k->key.b, sizeof(out[n].key));
        n++;
    }
    elo_mutex_unlock(&c->keys_mtx);
    return n;
}


elo_err_t
elo_ctl_sign(elo_ctl_t *c, const elo_claims_t *claims, elo_buf_t *token)
{
    elo_err_t rc;

    elo_mutex_lock(&c->keys_mtx);
    rc = elo_token_sign(claims, elo_slice_str(c->keys[0].kid), c->secrets->seed,
                        token);
    elo_mutex_unlock(&c->keys_mtx);
    return rc;
}
