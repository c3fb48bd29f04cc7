/* SPDX-License-Identifier: BSD-2-Clause */
/* token: JSON Web Tokens (RFC 7515, 7519; RFC 8037 for EdDSA; RFC 8725), read and
   judged; the one JSON reader outside of the daemon, bounded: a token of at
   most ELO_TOKEN_MAX bytes, no allocation, depth 4. Pure; fuzzed.

   A token is taken in two steps, so that garbage costs less than a good one:
   elo_token_split looks at its shape, header and claims; elo_token_verify, which
   costs a signature, is called only when its key is known. `alg` belongs to the
   key: what the header says must be the same, and "none" is no algorithm. Members
   that stand twice, keys with escapes, numbers that are no integers where one is
   asked for, any `crit`, a `typ` of something else, empty names and control
   characters are refused; members that are unknown are passed over. */
#ifndef ELO_AUTH_TOKEN_H
#define ELO_AUTH_TOKEN_H

#include "common/auth/gate.h"
#include "common/base/buf.h"
#include "common/base/keys.h"

#define ELO_TOKEN_MAX        4096u
#define ELO_TOKEN_ID_MAX     64u  /* of jti, kid */
#define ELO_TOKEN_ISS_MAX    128u /* of iss, aud */
#define ELO_TOKEN_PREFIX_MAX 256u /* of a path prefix */
#define ELO_TOKEN_NAME_MAX   128u /* of human_id and identifier */
#define ELO_TOKEN_LEEWAY_S   60

typedef enum { ELO_ALG_EDDSA = 1, ELO_ALG_HS256 = 2 } elo_alg_t;

/* As upstream has them: PUBLIC, AUTHENTICATED, ADMIN, of either case. */
typedef enum {
    ELO_LEVEL_PUBLIC = 0,
    ELO_LEVEL_AUTHENTICATED = 1,
    ELO_LEVEL_ADMIN = 2
} elo_level_t;

/* Slices borrow from `room` of the token, where escapes have been undone. */
typedef struct {
    bool has_agent;
    /* sub, else agent_pub_key: any form of agent_text; if both are there they must
       agree. A text that names no agent is as none. Without one: all ones, which is
       nobody, for zero is the operator */
    elo_agent_t agent;
    elo_level_t level; /* permission_level; default AUTHENTICATED */
    /* scope: words with blanks between (RFC 8693, 4.2), or an array; default by
       level: READ and WRITE and PUBLISH, for ADMIN all, for PUBLIC READ. Unknown
       words give nothing */
    uint32_t scopes;
    elo_reach_t ceiling; /* reach; default commons */
    elo_slice_t prefix;  /* path; empty: any (an empty claim is refused) */
    elo_slice_t content; /* content: one content id; likewise */
    elo_slice_t jti, iss, human_id, identifier;
    elo_slice_t aud;  /* the one that matched in verify, else the first */
    uint64_t version; /* default 1; below what the agent has is revoked */
    int64_t iat, nbf; /* Unix seconds, up to the year 9999; 0 if not there */
    int64_t exp;      /* must be there */
} elo_claims_t;

typedef struct {
    elo_alg_t alg;
    elo_slice_t kid;           /* empty: none stated */
    elo_slice_t signing_input; /* borrows from the text */
    uint8_t sig[64];
    uint32_t sig_len; /* 64 for EdDSA, 32 for HS256 */
    elo_claims_t claims;
    uint32_t n_aud;
    elo_slice_t auds[4];
    uint8_t room[ELO_TOKEN_MAX]; /* decoded header and claims */
} elo_token_t;

/* ELO_EINVAL for whatever isn't a token by the rules above, ELO_ETOOBIG past the
   limits, ELO_EUNSUPPORTED for another alg. why is a static word for logs. After an
   error out holds anything. It borrows from itself: it may not be copied. */
elo_err_t elo_token_split(elo_slice_t text, elo_token_t *out,
                          const char **why) ELO_MUST_USE;

/* A key that tokens may be signed by. */
typedef struct {
    char kid[ELO_TOKEN_ID_MAX + 1]; /* "": for tokens without a kid */
    elo_alg_t alg;
    uint8_t key[32];     /* EdDSA: the public key; HS256: nothing, see below */
    int64_t from, until; /* Unix seconds that it counts; 0: no limit */
} elo_token_key_t;

typedef struct {
    const elo_token_key_t *keys;
    uint32_t n;
    elo_slice_t
        hs256_secret;   /* of HS256 keys, 32 bytes or more; p NULL: none */
    elo_slice_t iss;    /* that EdDSA tokens must have, and HS256 ones if they
                           state any; empty: any */
    elo_slice_t aud;    /* likewise */
    int64_t now;        /* Unix seconds */
    int64_t max_life_s; /* exp - iat at most, iat being there; 0: any */
} elo_token_rules_t;

typedef enum {
    ELO_TOKEN_OK = 0,
    ELO_TOKEN_UNKNOWN_KEY,
    ELO_TOKEN_BAD_SIGNATURE,
    ELO_TOKEN_EXPIRED,
    ELO_TOKEN_EARLY, /* nbf or iat in the future, past the leeway */
    ELO_TOKEN_ISSUER,
    ELO_TOKEN_AUDIENCE,
    ELO_TOKEN_LIFE
} elo_token_verdict_t;

/* Times and names are judged before the signature, which costs most; but what is
   said of them is only to be told to a caller whose signature holds: so any
   failure looks the same to him. Of keys of one kid and alg the first that counts
   now is taken: one signature at most. If it is good, *by is set, which borrows from
   rules; t->claims.aud is the one that matched. */
elo_token_verdict_t elo_token_verify(elo_token_t *t,
                                     const elo_token_rules_t *rules,
                                     const elo_token_key_t **by);

const char *elo_token_verdict_name(elo_token_verdict_t v);

/* Scopes by their names, with blanks between; a word that is no scope here gives
   nothing. */
uint32_t elo_scopes_parse(elo_slice_t words);

/* Does the token's path prefix and content id cover a request? path is the
   decoded path without a query, content_id empty where there is none. A prefix
   ends at a segment: "/api/blob" covers "/api/blob/x", not "/api/blobs"; a path
   with dot segments is covered by none. */
bool elo_claims_cover(const elo_claims_t *c, elo_slice_t path,
                      elo_slice_t content_id);

/* Appends a signed token (EdDSA) to out: the claims in a fixed order, defaults left
   out. ELO_EINVAL for claims that elo_token_split would refuse, ELO_ETOOBIG,
   ELO_ENOMEM; out is then as long as it was. */
elo_err_t elo_token_sign(const elo_claims_t *c, elo_slice_t kid,
                         const uint8_t seed[ELO_SEED_LEN],
                         elo_buf_t *out) ELO_MUST_USE;

#endif
