/* SPDX-License-Identifier: BSD-2-Clause */
/* ctl_internal: what the files of the control plane's runtime share. */
#ifndef ELO_CTL_CTL_INTERNAL_H
#define ELO_CTL_CTL_INTERNAL_H

#include "backend/ctl/ctl.h"
#include "backend/ctl/nonces.h"
#include "backend/os/clock.h"
#include "backend/os/mutex.h"
#include "common/base/hashmap.h"

#define ELO_CTL_MAGIC 0x454c4354u /* "ELCT" */

#define ELO_CTL_LIFE_S     3600     /* of a token, unless it is told */
#define ELO_CTL_LIFE_MAX_S 31622400 /* a year */
#define ELO_CTL_NONCES_MAX                                                     \
    65536u                       /* logins in ELO_CTL_NONCE_S: 546 a second, of
                                     those who are admitted and of the others */
#define ELO_CTL_NONCES_EACH 512u /* of one agent */
#define ELO_CTL_SECRET_MIN  32u  /* RFC 7518, 3.2 */
#define ELO_CTL_SECRET_MAX  512u
#define ELO_CTL_KID_LEN     (2 * ELO_KEY_ID_LEN)

/* In memory of elo_secret_alloc. */
typedef struct {
    uint8_t nonce_key[ELO_SECRET_LEN];
    uint8_t mark_key[ELO_SECRET_LEN];
    uint8_t seed[ELO_SEED_LEN]; /* of the newest token key; shared: keys_mtx */
    uint8_t hs256[ELO_CTL_SECRET_MAX];
    size_t hs256_len; /* 0: no such tokens */
} elo_ctl_secrets_t;

/* A token key: what is public of it. */
typedef struct {
    uint64_t number; /* e: the seed is derived from it */
    int64_t since;   /* Unix seconds; the one before counts as long as its
                        tokens may live after that */
    elo_agent_t key;
    char kid[ELO_CTL_KID_LEN + 1];
} elo_ctl_signer_t;

typedef struct elo_ctl_queue_s elo_ctl_queue_t; /* publish.c */

/* Which records have been verified: all up to a number, and a hash over these. */
typedef struct {
    uint64_t number; /* 0: none */
    elo_digest_t chain;
    bool is_broken; /* it couldn't be hashed on */
} elo_ctl_mark_t;

struct elo_ctl_s {
    uint32_t magic;
    elo_loop_t *loop;
    elo_store_t *store;
    elo_keyring_t *keyring;
    int64_t (*now_fn)(void *ctx); /* NULL: the system's clock */
    void *now_ctx;
    elo_agent_t owner;
    char iss[ELO_TOKEN_ISS_MAX + 1], aud[ELO_TOKEN_ISS_MAX + 1];
    int64_t life_s;
    elo_ctl_secrets_t *secrets;

    /* loop */
    elo_ctl_state_t *state;
    uint64_t max_records;
    elo_ctl_bounds_t bounds;
    elo_ctl_mark_t taken; /* by the state, and verified */
    uint64_t marked;      /* number of the mark that is kept */
    elo_ctl_sub_t *subs;
    elo_timer_t *expiry;
    int64_t expires_at;    /* the next time that facts change by; 0: none */
    int64_t told_at;       /* up to when the state has told what ended */
    int64_t own_ms;        /* time of the owner's latest record */
    elo_hashmap_t numbers; /* by id; items are the numbers themselves */
    elo_ctl_queue_t *queue;
    elo_nonces_t *nonces;  /* of who is admitted */
    elo_nonces_t *strange; /* of keys that anybody could have made */
    int64_t login_at;      /* the latest time that a login was judged at */

    elo_mutex_t rotating; /* held over I/O, and taken before keys_mtx */
    elo_mutex_t keys_mtx;
    /* shared: keys_mtx */
    elo_ctl_signer_t keys[ELO_CTL_KEYS_MAX]; /* the newest first */
    uint32_t n_keys;
};

static inline int64_t
elo_ctl_now(const elo_ctl_t *c)
{
    return c->now_fn != NULL ? c->now_fn(c->now_ctx) : elo_clock_unix_s();
}


/* ---- ctl.c ---- */

/* A record is durable: the state takes it, and whoever wants to know is told.
   ELO_ENOMEM: nothing has changed. */
elo_err_t elo_ctl_take(elo_ctl_t *c, uint64_t number,
                       const elo_rec_t *r) ELO_MUST_USE;

/* The same in a replay: nobody is told. */
elo_err_t elo_ctl_take_again(elo_ctl_t *c, uint64_t number,
                             const elo_rec_t *r) ELO_MUST_USE;

/* Number of a record that was taken; 0: there is none of that id. */
uint64_t elo_ctl_number(const elo_ctl_t *c, const elo_digest_t *id);

/* Tells of what has come to its end, and sees to it that this is called again when
   the next does. */
void elo_ctl_expire(elo_ctl_t *c);

/* ---- replay.c ---- */

/* Makes the state from the journal, whose bad record is told in the log. */
elo_err_t elo_ctl_replay(elo_ctl_t *c) ELO_MUST_USE;

/* The mark after one more record, whose number is higher. */
void elo_ctl_mark_step(elo_ctl_mark_t *m, uint64_t number, const elo_rec_t *r);

/* Is it time to keep c->taken? */
bool elo_ctl_mark_is_due(const elo_ctl_t *c);

/* Keeps it. [work] */
elo_err_t elo_ctl_mark_save(elo_ctl_t *c, const elo_ctl_mark_t *m) ELO_MUST_USE;

/* ---- publish.c ---- */

elo_err_t elo_ctl_queue_create(elo_ctl_t *c,
                               elo_ctl_queue_t **out) ELO_MUST_USE;
void elo_ctl_queue_free(elo_ctl_queue_t **q); /* it is empty */

/* ---- token_keys.c ---- */

/* Reads which token keys there are, and makes the first. */
elo_err_t elo_ctl_keys_open(elo_ctl_t *c) ELO_MUST_USE;

/* Appends a token, signed by the newest key. [any] */
elo_err_t elo_ctl_sign(elo_ctl_t *c, const elo_claims_t *claims,
                       elo_buf_t *token) ELO_MUST_USE;

/* ---- session.c ---- */

/* PROVED, ADMITTED, ADMIN of an agent. What time has ended stays ended, though the
   clock went back. */
uint32_t elo_ctl_facts_now(const elo_ctl_t *c, const elo_agent_t *a,
                           int64_t now);

/* What an agent of these facts may ask for, and at most has. */
uint32_t elo_ctl_scopes_of(uint32_t facts);

#endif
