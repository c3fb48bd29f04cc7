/* SPDX-License-Identifier: BSD-2-Clause */
/* ctl: the control plane of this node, and who is who by it: publish, query,
   subscribe, verify, over the agents' chains of signed records in the store's
   journal; and the tokens by which an agent's proof of his key lives on. The embedded
   adapter; a Holochain conductor would stand behind the same calls.

   Loop thread, but for what says otherwise. What waits for a disk runs on the pool.
   The generation slot of an agent (its 32 bytes) is bumped when something about
   him has changed, after it is durable. */
#ifndef ELO_CTL_CTL_H
#define ELO_CTL_CTL_H

#include "backend/ctl/state.h"
#include "backend/keys/keyring.h"
#include "backend/os/loop.h"
#include "backend/store/store.h"
#include "common/auth/token.h"

typedef struct elo_ctl_s elo_ctl_t;

typedef struct {
    elo_loop_t *loop;
    elo_store_t *store;
    elo_keyring_t *keyring;
    elo_slice_t iss; /* of our tokens; empty: "did:key:…" of the owner */
    elo_slice_t aud; /* empty: the same as iss */
    elo_slice_t hs256_secret;  /* 32 bytes or more; p NULL: no such tokens */
    int64_t token_life_s;      /* of tokens that we sign; 0: an hour */
    uint64_t max_records;      /* 0: a million */
    elo_ctl_bounds_t bounds;   /* of one author */
    int64_t (*now)(void *ctx); /* Unix seconds; [any]. NULL: the system's */
    void *now_ctx;
} elo_ctl_cfg_t;

/* Replays the journal. Strings of cfg are copied; what it points to must outlive
   the control plane. ELO_ECORRUPT: a record in it doesn't hold; the log line says
   which. ELO_EINVAL: a secret of another length (32 to 512 bytes), an issuer or
   audience past ELO_TOKEN_ISS_MAX, a life that is negative or past a year. */
elo_err_t elo_ctl_open(const elo_ctl_cfg_t *cfg, elo_ctl_t **out) ELO_MUST_USE;
void elo_ctl_close(elo_ctl_t **c); /* nothing may be under way */

/* ---- records ---- */

/* Judges a record and, when it is taken, makes it durable. done is called later, once:
   ELO_OK with the record's id and number in the journal; or ELO_EINVAL, ELO_EDENIED,
   ELO_EPRECOND (not the head of the chain), ELO_ENOSPC, ELO_EQUOTA, ELO_ERATE (too many
   of that author lately) … with a static word. One
   that is there already is ELO_OK with its own number, and so is one that is on its
   way: both are told the same. ELO_EBUSY: too many are on their way. bytes are
   copied; id is of zeros where the bytes are none. Only ELO_ENOMEM may be told at
   once. What doesn't depend on each other waits for the disk together. */
typedef void (*elo_ctl_done_fn)(void *ctx, elo_err_t err, const char *why,
                                const elo_digest_t *id, uint64_t number);
void elo_ctl_publish(elo_ctl_t *c, elo_slice_t bytes, elo_ctl_done_fn done,
                     void *ctx);

/* Says what the owner of this node says: makes the record with his key, at the head
   of his chain. r's kind and body are read, and copied. ELO_ENOKEY: his key has left
   the keyring. */
void elo_ctl_say(elo_ctl_t *c, const elo_rec_t *r, elo_ctl_done_fn done,
                 void *ctx);

/* [work] Records in order of number, from `from` on, until fn returns false, or budget
   records or ELO_CTL_QUERY_BYTES of them have been looked at; *next is where to go on,
   0 at the end. author NULL and kind 0: all. Each was verified when it was taken; those
   that fn is shown are verified again, the others aren't. ELO_ECORRUPT: one doesn't
   hold. fn may take no time: it runs within a view of the store. */
#define ELO_CTL_QUERY_BYTES (4u << 20)
typedef bool (*elo_ctl_each_fn)(void *ctx, uint64_t number, const elo_rec_t *r,
                                elo_slice_t bytes);
elo_err_t elo_ctl_query(elo_ctl_t *c, const elo_agent_t *author,
                        elo_rec_kind_t kind, uint64_t from, uint32_t budget,
                        elo_ctl_each_fn fn, void *ctx,
                        uint64_t *next) ELO_MUST_USE;

/* Appends the bytes of a record that was taken, ended or not. ELO_ENOTFOUND. */
elo_err_t elo_ctl_get(elo_ctl_t *c, const elo_digest_t *id,
                      elo_buf_t *bytes) ELO_MUST_USE;

/* fn is called for each record that is taken from now on; it may unsubscribe itself.
   sub is the caller's, until it is unsubscribed. */
typedef struct elo_ctl_sub_s {
    void (*fn)(void *ctx, uint64_t number, const elo_rec_t *r);
    void *ctx;
    struct elo_ctl_sub_s *_next; /* the control plane's */
} elo_ctl_sub_t;
void elo_ctl_subscribe(elo_ctl_t *c, elo_ctl_sub_t *sub);
void elo_ctl_unsubscribe(elo_ctl_t *c, elo_ctl_sub_t *sub);

const elo_ctl_state_t *elo_ctl_state(const elo_ctl_t *c);

/* When facts may change next by themselves; Unix seconds, 0: never. */
int64_t elo_ctl_until(const elo_ctl_t *c);

/* ---- login ---- */

#define ELO_CTL_NONCE_LEN  48u /* time 8, random 8, HMAC 32 */
#define ELO_CTL_NONCE_S    120 /* how long it holds */
#define ELO_CTL_LOGIN_TEXT "elohim-login-1"

/* A nonce for that agent; nothing is kept. What the agent signs is
   ELO_CTL_LOGIN_TEXT NUL, aud, NUL, the nonce, his 32 bytes. */
void elo_ctl_challenge(elo_ctl_t *c, const elo_agent_t *a,
                       uint8_t nonce[ELO_CTL_NONCE_LEN]);

typedef struct {
    elo_agent_t agent;
    uint8_t nonce[ELO_CTL_NONCE_LEN];
    uint8_t sig[64];
    uint32_t scopes;     /* asked for; cut to what his level allows */
    elo_reach_t ceiling; /* of the token; commons: none */
    int64_t life_s;      /* 0: token_life_s, which is also the most */
} elo_ctl_login_t;

/* A token for a proof of a key; *exp is its end. ELO_EDENIED: the nonce isn't ours, is
   too old, or has been used; or the signature is wrong. A key that isn't admitted
   gets a token too: of level PUBLIC. ELO_EBUSY: too many logins at the moment. */
elo_err_t elo_ctl_login(elo_ctl_t *c, const elo_ctl_login_t *l,
                        elo_buf_t *token, int64_t *exp) ELO_MUST_USE;

/* ---- tokens ---- */

typedef struct {
    elo_token_verdict_t verdict;
    bool is_malformed, is_revoked; /* nothing below counts if one is true */
    elo_agent_t agent;
    uint32_t facts; /* elo_ctl_facts_of, cut by the token's level */
    uint32_t scopes;
    elo_reach_t ceiling;
    int64_t exp;
    int64_t until; /* when facts may change by themselves; 0: never */
    char prefix[ELO_TOKEN_PREFIX_MAX + 1];
    char content[ELO_CONTENT_ID_MAX + 1];
} elo_ctl_session_t;

/* What a token says of its bearer, now. Tokens of other issuers are not
   taken; one without an agent (upstream's, of a human without a key) is nobody's. */
void elo_ctl_session(elo_ctl_t *c, elo_slice_t token, int64_t now,
                     elo_ctl_session_t *out);

/* The same of a signed URL (its segment): what its agent may do, below its own
   bounds; prefix is the URL's. Whether the client's address is right is for who knows
   that address. */
void elo_ctl_url_session(elo_ctl_t *c, elo_slice_t segment, int64_t now,
                         elo_ctl_session_t *out);

/* Keys that tokens may be signed by now: the newest and those before it whose tokens
   may still live, which are ELO_CTL_KEYS_MAX at most. [any] */
#define ELO_CTL_KEYS_MAX 16u
uint32_t elo_ctl_keys(elo_ctl_t *c, elo_token_key_t *out, uint32_t max);
/* Does it take tokens that are signed by a secret? */
bool elo_ctl_takes_hs256(const elo_ctl_t *c);
elo_slice_t elo_ctl_iss(const elo_ctl_t *c);
elo_slice_t elo_ctl_aud(const elo_ctl_t *c);
int64_t elo_ctl_max_life_s(const elo_ctl_t *c);

/* A new signing key; the one before it counts as long as its tokens may live. [work]
   ELO_EBUSY: ELO_CTL_KEYS_MAX count already. */
elo_err_t elo_ctl_rotate(elo_ctl_t *c) ELO_MUST_USE;

#endif
