/* SPDX-License-Identifier: BSD-2-Clause */
/* ctl: the control plane's life, what a record that is durable leads to, and what time
   does. */
#include "backend/ctl/ctl_internal.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

#include "backend/os/log.h"
#include "backend/store/journal.h"
#include "common/auth/agent_text.h"
#include "common/base/num.h"

#define MAX_RECORDS   1000000u
#define EXPIRY_MAX_S  60 /* the system's clock may be set */
#define EXPIRY_MIN_MS 1000u


/* ---- numbers of records ---- */

static elo_slice_t
id_slice(const elo_digest_t *id)
{
    return elo_slice(id->b, sizeof(id->b));
}


static bool
is_of_hash(const void *item, const void *key)
{
    (void) item;
    (void) key;
    return true;
}


typedef struct {
    const elo_digest_t *id;
    elo_buf_t *bytes; /* may be NULL */
    bool is_it;
} look_t;


static bool
look(void *ctx, const elo_journal_entry_t *e)
{
    look_t *l = ctx;
    elo_rec_t r;

    l->is_it = elo_rec_read(e->bytes, &r, NULL) == ELO_OK
               && memcmp(r.id.b, l->id->b, sizeof(r.id.b)) == 0;
    if (l->is_it && l->bytes != NULL) {
        elo_buf_put_slice(l->bytes, e->bytes);
    }
    return false;
}


/* The map keeps 64 bits of keyed hash of each id; the journal has the last word. */
static uint64_t
find(const elo_ctl_t *c, const elo_digest_t *id, elo_buf_t *bytes)
{
    uint64_t hash = elo_hashmap_hash(&c->numbers, id_slice(id));
    uint64_t number =
        (uintptr_t) elo_hashmap_get(&c->numbers, hash, is_of_hash, NULL);
    look_t l = { .id = id, .bytes = bytes };

    if (number != 0
        && elo_store_journal_each(c->store, ELO_JOURNAL_RECORD, number, 1, look,
                                  &l)
               != ELO_OK)
    {
        return 0;
    }
    return l.is_it ? number : 0;
}


uint64_t
elo_ctl_number(const elo_ctl_t *c, const elo_digest_t *id)
{
    return find(c, id, NULL);
}


elo_err_t
elo_ctl_get(elo_ctl_t *c, const elo_digest_t *id, elo_buf_t *bytes)
{
    assert(c->magic == ELO_CTL_MAGIC);
    return find(c, id, bytes) == 0 ? ELO_ENOTFOUND : elo_buf_err(bytes);
}


static void
note_number(elo_ctl_t *c, const elo_digest_t *id, uint64_t number)
{
    elo_hashmap_put(&c->numbers, elo_hashmap_hash(&c->numbers, id_slice(id)),
                    (void *) (uintptr_t) number);
}


/* ---- taking ---- */

static void
touched(void *ctx, const elo_agent_t *a)
{
    elo_ctl_t *c = ctx;
    elo_gen_page_t *page = elo_store_gen(c->store);

    if (!elo_agent_is_zero(a)) {
        elo_gen_bump(page, elo_gen_slot(elo_slice(a->b, sizeof(a->b))));
        return;
    }
    for (uint32_t slot = 0; slot < ELO_GEN_SLOTS; slot++) { /* everybody */
        elo_gen_bump(page, slot);
    }
}


static elo_err_t
take(elo_ctl_t *c, uint64_t number, const elo_rec_t *r, elo_ctl_touched_fn fn)
{
    elo_err_t rc = elo_hashmap_reserve(&c->numbers, 1);

    if (rc != ELO_OK
        || (rc = elo_ctl_state_apply(c->state, r, fn, c)) != ELO_OK) {
        return rc;
    }
    note_number(c, &r->id, number);
    elo_ctl_mark_step(&c->taken, number, r);
    if (elo_agent_eq(&r->author, &c->owner)) {
        c->own_ms = r->time_ms;
    }
    return ELO_OK;
}


elo_err_t
elo_ctl_take_again(elo_ctl_t *c, uint64_t number, const elo_rec_t *r)
{
    return take(c, number, r, NULL);
}


elo_err_t
elo_ctl_take(elo_ctl_t *c, uint64_t number, const elo_rec_t *r)
{
    elo_err_t rc = take(c, number, r, touched);
    elo_ctl_sub_t *sub, *next;

    if (rc != ELO_OK) {
        return rc;
    }
    for (sub = c->subs; sub != NULL; sub = next) {
        next = sub->_next;
        sub->fn(sub->ctx, number, r);
    }
    return ELO_OK;
}


void
elo_ctl_subscribe(elo_ctl_t *c, elo_ctl_sub_t *sub)
{
    assert(c->magic == ELO_CTL_MAGIC);
    sub->_next = c->subs;
    c->subs = sub;
}


void
elo_ctl_unsubscribe(elo_ctl_t *c, elo_ctl_sub_t *sub)
{
    elo_ctl_sub_t **at = &c->subs;

    assert(c->magic == ELO_CTL_MAGIC);
    while (*at != NULL && *at != sub) {
        at = &(*at)->_next;
    }
    if (*at != NULL) {
        *at = sub->_next;
    }
}


/* ---- time ---- */

static void
on_expiry(void *ctx)
{
    elo_ctl_expire(ctx);
}


void
elo_ctl_expire(elo_ctl_t *c)
{
    int64_t now = ELO_MAX(elo_ctl_now(c), c->told_at), in_s;
    uint64_t in_ms = EXPIRY_MIN_MS;

    elo_timer_free(&c->expiry);
    c->told_at = now;
    c->expires_at = elo_ctl_state_expire(c->state, now, touched, c);
    if (c->expires_at == 0) {
        return;
    }
    in_s = c->expires_at - now;
    if (in_s > 0) {
        in_ms = (uint64_t) ELO_MIN(in_s, EXPIRY_MAX_S) * 1000;
    }
    if (elo_timer_create(c->loop, in_ms, 0, on_expiry, c, &c->expiry) != ELO_OK)
    {
        /* facts are right all the same; what others keep of them isn't dropped */
        elo_log(ELO_LOG_ERROR, "ctl: no timer for what ends next");
    }
}


/* ---- life ---- */

static elo_err_t
copy_name(elo_slice_t name, const char *otherwise,
          char out[ELO_TOKEN_ISS_MAX + 1])
{
    if (name.len == 0) {
        name = elo_slice_str(otherwise);
    }
    if (name.len > ELO_TOKEN_ISS_MAX) {
        return ELO_EINVAL;
    }
    memcpy(out, name.p, name.len);
    out[name.len] = '\0';
    return ELO_OK;
}


static elo_err_t
take_cfg(elo_ctl_t *c, const elo_ctl_cfg_t *cfg)
{
    elo_slice_t secret = cfg->hs256_secret;
    char did[ELO_AGENT_TEXT_MAX];
    elo_err_t rc;

    if (cfg->token_life_s < 0 || cfg->token_life_s > ELO_CTL_LIFE_MAX_S
        || (secret.p != NULL
            && (secret.len < ELO_CTL_SECRET_MIN
                || secret.len > ELO_CTL_SECRET_MAX)))
    {
        return ELO_EINVAL;
    }
    c->life_s = cfg->token_life_s == 0 ? ELO_CTL_LIFE_S : cfg->token_life_s;
    if (secret.p != NULL) {
        memcpy(c->secrets->hs256, secret.p, secret.len);
        c->secrets->hs256_len = secret.len;
    }
    elo_keyring_owner(c->keyring, &c->owner);
    elo_agent_text_write(&c->owner, ELO_AGENT_DID, did);
    rc = copy_name(cfg->iss, did, c->iss);
    return rc != ELO_OK ? rc : copy_name(cfg->aud, c->iss, c->aud);
}


static elo_err_t
open_all(elo_ctl_t *c, const elo_ctl_cfg_t *cfg)
{
    elo_err_t rc;

    c->max_records = cfg->max_records == 0 ? MAX_RECORDS : cfg->max_records;
    c->bounds = cfg->bounds;
    /* which nonces were used is forgotten with this process: so are they */
    elo_keys_random(c->secrets->nonce_key, sizeof(c->secrets->nonce_key));
    if ((rc = take_cfg(c, cfg)) != ELO_OK
        || (rc = elo_nonces_create(ELO_CTL_NONCES_MAX, ELO_CTL_NONCES_EACH,
                                   ELO_CTL_NONCE_S, &c->nonces))
               != ELO_OK
        || (rc = elo_nonces_create(ELO_CTL_NONCES_MAX, ELO_CTL_NONCES_EACH,
                                   ELO_CTL_NONCE_S, &c->strange))
               != ELO_OK
        || (rc = elo_ctl_queue_create(c, &c->queue)) != ELO_OK
        || (rc = elo_ctl_replay(c)) != ELO_OK
        || (rc = elo_ctl_keys_open(c)) != ELO_OK)
    {
        return rc;
    }
    elo_ctl_expire(c);
    return ELO_OK;
}


/* Of what open has got to. */
static void
close_all(elo_ctl_t *c)
{
    elo_timer_free(&c->expiry);
    elo_ctl_queue_free(&c->queue);
    elo_nonces_free(&c->nonces);
    elo_nonces_free(&c->strange);
    elo_ctl_state_free(&c->state);
    elo_hashmap_dispose(&c->numbers);
    elo_mutex_dispose(&c->keys_mtx);
    elo_mutex_dispose(&c->rotating);
    elo_secret_free(c->secrets);
    c->magic = 0;
    free(c);
}


/* What close_all takes apart in any case. */
static elo_err_t
create(elo_ctl_t **out)
{
    elo_ctl_t *c = calloc(1, sizeof(*c));
    uint8_t key[ELO_SHORTHASH_KEY_LEN];
    elo_err_t rc = ELO_ENOMEM;

    if (c == NULL) {
        return rc;
    }
    if ((c->secrets = elo_secret_alloc(sizeof(*c->secrets))) == NULL
        || (rc = elo_mutex_init(&c->keys_mtx)) != ELO_OK)
    {
        elo_secret_free(c->secrets);
        free(c);
        return rc;
    }
    if ((rc = elo_mutex_init(&c->rotating)) != ELO_OK) {
        elo_mutex_dispose(&c->keys_mtx);
        elo_secret_free(c->secrets);
        free(c);
        return rc;
    }
    elo_keys_random(key, sizeof(key));
    elo_hashmap_init(&c->numbers, key);
    c->magic = ELO_CTL_MAGIC;
    *out = c;
    return ELO_OK;
}


elo_err_t
elo_ctl_open(const elo_ctl_cfg_t *cfg, elo_ctl_t **out)
{
    elo_ctl_t *c;
    elo_err_t rc = elo_keys_init();

    if (rc != ELO_OK || (rc = create(&c)) != ELO_OK) {
        return rc;
    }
    c->loop = cfg->loop;
    c->store = cfg->store;
    c->keyring = cfg->keyring;
    c->now_fn = cfg->now;
    c->now_ctx = cfg->now_ctx;
    if ((rc = open_all(c, cfg)) != ELO_OK) {
        close_all(c);
        return rc;
    }
    *out = c;
    return ELO_OK;
}


void
elo_ctl_close(elo_ctl_t **c)
{
    if (*c != NULL) {
        assert((*c)->magic == ELO_CTL_MAGIC);
        close_all(*c);
        *c = NULL;
    }
}


/* ---- questions ---- */

const elo_ctl_state_t *
elo_ctl_state(const elo_ctl_t *c)
{
    assert(c->magic == ELO_CTL_MAGIC);
    return c->state;
}


int64_t
elo_ctl_until(const elo_ctl_t *c)
{
    return c->expires_at;
}


elo_slice_t
elo_ctl_iss(const elo_ctl_t *c)
{
    return elo_slice_str(c->iss);
}


elo_slice_t
elo_ctl_aud(const elo_ctl_t *c)
{
    return elo_slice_str(c->aud);
}


int64_t
elo_ctl_max_life_s(const elo_ctl_t *c)
{
    return c->life_s;
}
