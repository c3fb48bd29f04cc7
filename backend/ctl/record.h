/* SPDX-License-Identifier: BSD-2-Clause */
/* record: a signed statement of an agent, in its own chain. Canonical bytes:
   docs/formats/record.md, deterministic CBOR (RFC 8949, 4.2.1): one array
     [1, author bytes32, seq uint, prev bytes32 | null, time uint (Unix ms),
      kind uint, body map]
   signed with Ed25519 over "elohim-record-1" NUL and those bytes; what travels and
   rests is the array [those bytes as a byte string, signature bytes64]. A record's
   id is the SHA-256 of the canonical bytes, not of the signature. seq counts from 0, whose
   prev is null; else prev is the id of seq - 1. 8 KiB at most. A text that isn't
   canonical (another length form, keys out of order or twice, unknown keys of a
   known kind, indefinite lengths, floats, tags) is refused, so that one statement
   has one id. Pure; fuzzed.

   Bodies are maps with small integer keys, given below. Times are Unix seconds; until
   left out: no end. Texts are UTF-8 without control characters. What may be left
   out is, instead of being 0 or empty. */
#ifndef ELO_CTL_RECORD_H
#define ELO_CTL_RECORD_H

#include "common/auth/reach.h"
#include "common/auth/token.h" /* elo_level_t: levels of an admission */
#include "common/base/buf.h"
#include "common/base/keys.h"

#define ELO_RECORD_MAX       8192u
#define ELO_RECORD_FRAME     70u /* at most: around the canonical bytes */
#define ELO_RECORD_TOKEN_MAX 64u /* an id of a token or of its key */
#define ELO_RECORD_VERSION_MAX                                                 \
    9007199254740991 /* of tokens: what JSON readers take (RFC 8259, 6) */
#define ELO_RECORD_TEXT_MAX 256u /* a reason, a label */
#define ELO_RECORD_SKEW_S   300  /* a time in the future up to this is taken */
#define ELO_RECORD_SIZE_MAX (INT64_C(1) << 53) /* of a blob: JSON's */
#define ELO_RECORD_UNTIL_MAX                                                   \
    253402300799 /* seconds: the last of the year 9999 */
#define ELO_RECORD_ESCALATION_S (30 * 86400) /* an escalation's longest */
#define ELO_RECORD_PEER_MAX     64u          /* a libp2p peer id */
#define ELO_RECORD_SECRET_MIN                                                  \
    16u /* bytes: in place of an acceptance's signature */

/* Numbers are format. */
typedef enum {
    ELO_REC_REGISTRATION = 1, /* binds a node to the author: 1 peer id bytes,
                                 2 capabilities [text], 3 announced_at */
    ELO_REC_ADMISSION = 2,    /* of an administrator: 1 agent, 2 level (1
                                 authenticated, 2 admin), 3 until, 4 label */
    ELO_REC_RELATIONSHIP = 3, /* what somebody is to the author: 1 agent, 2 kind
                                 (1 household, 2 family, 3 extended, 4 community),
                                 3 until */
    ELO_REC_INVITATION = 4,   /* to this node: 1 public key, 2 uses,
                                 3 until, 4 label; or to a content of the author's:
                                 5 content id, 6 agent, and 3, 4 */
    ELO_REC_ACCEPTANCE = 5,   /* of an invitation: 1 its id, 2 signature by its
                                 key (invitation.h) */
    ELO_REC_GRANT = 6,      /* of the beneficiary, to a custodian: 1 custodian,
                                 2 category (1 read, 2 hold, 3 emergency), 3 reaches
                                 [uint], 4 content id (left out: all of the
                                 author's), 5 until */
    ELO_REC_ESCALATION = 7, /* of a custodian: 1 beneficiary, 2 the grant's id,
                                 3 reason (not empty), 4 until (at most 30 days on) */
    ELO_REC_PROMOTION = 8,  /* of the owner: 1 content id, 2 from, 3 to (wider);
                                 or of bytes: 4 digest, 5 agent, who may refer to
                                 them */
    ELO_REC_LIFECYCLE = 9,  /* 1 content id, 2 version, 3 state, 4 reason */
    ELO_REC_REVOCATION = 10, /* ends a record: 1 its id, 2 reason */
    ELO_REC_MANIFEST =
        11, /* of a blob: 1 its digest, 2 size, 3 root of its hash
                               tree; other keys, and other manifests, are kept */
    /* taken and kept, not acted upon yet: */
    ELO_REC_LOCATION = 12,
    ELO_REC_COMMITMENT = 13,
    ELO_REC_ATTESTATION = 14,
    /* acted upon: */
    ELO_REC_TOKEN_REVOCATION = 15 /* ends tokens: 1 agent, whose (left out:
                                     anybody's), and one of: 2 jti text, 3 kid
                                     text, 4 version: of that agent, below it */
} elo_rec_kind_t;
#define ELO_REC_KINDS 15

typedef enum {
    ELO_REL_HOUSEHOLD = 1,
    ELO_REL_FAMILY = 2,
    ELO_REL_EXTENDED = 3,
    ELO_REL_COMMUNITY = 4
} elo_relation_t;

typedef enum {
    ELO_GRANT_READ = 1,
    ELO_GRANT_HOLD = 2,
    ELO_GRANT_EMERGENCY = 3
} elo_grant_kind_t;

/* A body, taken apart; members that a kind hasn't got are zero. Slices borrow. */
typedef struct {
    elo_agent_t agent; /* the other one: admitted, related, custodian, … */
    elo_digest_t ref;  /* id of a record; digest of bytes; an invitation's
                         key */
    bool has_content;
    elo_slice_t content; /* content id */
    elo_slice_t text;    /* reason, label */
    elo_slice_t
        proof;       /* of an acceptance; ELO_SIG_LEN bytes. A journal may have
                          older ones with the invitation's secret, of 16 to 64:
                          they stand, but none is taken any more */
    elo_slice_t jti; /* of a token revocation: one of these two, or a version */
    elo_slice_t kid;
    elo_slice_t peer; /* of a registration: a peer id, 1 to 64 bytes */
    elo_slice_t
        capabilities; /* a CBOR array of texts, as it stands; may be empty */
    uint32_t sort;    /* level, relation, category, state */
    uint32_t reaches; /* bits 1 << reach */
    elo_reach_t from, to;
    uint64_t uses, version;
    int64_t until;     /* 0: no end */
    int64_t announced; /* of a registration */
    elo_slice_t raw;   /* the body's bytes */
} elo_rec_body_t;

typedef struct {
    elo_digest_t id;
    elo_agent_t author;
    uint64_t seq;
    elo_digest_t prev; /* zero when seq is 0 */
    int64_t time_ms;
    elo_rec_kind_t kind;
    elo_rec_body_t body;
    elo_slice_t signed_bytes;
    uint8_t sig[64];
} elo_rec_t;

/* Takes a record apart and judges its form and its signature; not its place in a
   chain, nor whether its author may say that (see state.h). ELO_EINVAL with a
   static word in why; ELO_ETOOBIG; ELO_ECORRUPT: the signature is wrong. why may be
   NULL. Slices borrow from bytes. */
elo_err_t elo_rec_parse(elo_slice_t bytes, elo_rec_t *out,
                        const char **why) ELO_MUST_USE;

/* The same, but nobody has looked at the signature then: for a record that was verified
   when it was taken, or will be. */
elo_err_t elo_rec_read(elo_slice_t bytes, elo_rec_t *out,
                       const char **why) ELO_MUST_USE;

/* Writes r's body by its kind (raw is used for the kinds from MANIFEST to ATTESTATION), signs
   it, and appends the whole record, whose author is the seed's agent; fills author,
   id and sig. ELO_EINVAL as parse would say, and for a member that the kind has
   but this form of it hasn't; ELO_ETOOBIG; ELO_ENOMEM. r and out are then as they
   were. */
elo_err_t elo_rec_make(elo_rec_t *r, const uint8_t seed[ELO_SEED_LEN],
                       elo_buf_t *out, const char **why) ELO_MUST_USE;

/* ---- record_root.c ---- */

/* Of a manifest: the tree (common/base/hash_tree.h) of a blob. */
typedef struct {
    elo_slice_t blob; /* its SHA-256, 32 bytes, borrowed */
    uint64_t size;    /* not 0 */
    elo_digest_t root;
} elo_rec_root_t;

/* False: it isn't a manifest, or says nothing of a root. */
bool elo_rec_root_read(const elo_rec_t *r, elo_rec_root_t *out);
/* Appends the body of a manifest that says just that: r.body.raw of elo_rec_make. */
void elo_rec_root_body(const elo_rec_root_t *o, elo_buf_t *body);

/* "relationship"; NULL for a number that is none. */
const char *elo_rec_kind_name(elo_rec_kind_t kind);

#endif
