/* SPDX-License-Identifier: BSD-2-Clause */
/* wire_auth: the descriptors by which the Doorway knows who asks. As wire.h has it,
   on the same connection:
     GET /internal/v1/keys                                  -> ELO_WIRE_KEYS
     GET /internal/v1/session/{token}                       -> ELO_WIRE_SESSION
     GET /internal/v1/url/{segment}                         -> ELO_WIRE_SESSION
     GET /internal/v1/access/{agent, 64 hex}/{address or content id}
         ?facts={bits}&ceiling={reach}                      -> ELO_WIRE_ACCESS
   A body begins with head_t. Its slot is, of KEYS, that of the key "keys"; of a
   session, that of the agent (32 bytes); of an access, that of the content, as in
   a grant.

   KEYS:    head, iss str16, aud str16, max_life 8 (seconds), n 2, then each: kid
            str16, alg 1, key 32, from 8, until 8. A key of HS256 is not told:
            32 zeros.
   SESSION: head (reach is the ceiling), verdict 1, agent 32, facts 4, scopes 4,
            exp 8, until 8, prefix str16, content str16. verdict 0 is a good one;
            any other says why it is none (elo_session_verdict_t), and nothing
            else of it counts. until: when facts may change by themselves, 0: never.
   An access is asked about for one caller: what he is to everyone (facts; all that
   the agent is, when left out) and what bounds his request (ceiling; commons). If he
   reads by GRANT or EMERGENCY, the use is in the audit log before the answer is
   sent, which is for this request alone; to all others these two aren't told. 503
   when it can't be written.

   ACCESS:  head (reach is the content's), stage 1, agent_slot 4,
            agent_generation 8, facts 4, until 8. It holds while both slots do, that
            of the content and that of the agent. */
#ifndef ELO_HTTP_WIRE_AUTH_H
#define ELO_HTTP_WIRE_AUTH_H

#include "common/auth/gate.h"
#include "common/auth/token.h"
#include "common/http/wire.h"

enum { ELO_WIRE_KEYS = 4, ELO_WIRE_SESSION = 5, ELO_WIRE_ACCESS = 6 };

#define ELO_WIRE_KEYS_MAX 16u

typedef struct {
    elo_wire_head_t head;
    elo_slice_t iss, aud;
    int64_t max_life_s;
    uint32_t n;
    elo_token_key_t keys[ELO_WIRE_KEYS_MAX];
} elo_wire_keys_t;

/* Numbers are wire format. */
typedef enum {
    ELO_SESSION_GOOD = 0,
    ELO_SESSION_MALFORMED = 1,
    ELO_SESSION_UNKNOWN_KEY = 2,
    ELO_SESSION_BAD_SIGNATURE = 3,
    ELO_SESSION_EXPIRED = 4,
    ELO_SESSION_EARLY = 5,
    ELO_SESSION_WRONG_PARTY = 6, /* issuer, audience, life */
    ELO_SESSION_REVOKED = 7
} elo_session_verdict_t;
#define ELO_SESSION_VERDICTS 8

typedef struct {
    elo_wire_head_t head;
    elo_session_verdict_t verdict;
    elo_agent_t agent;
    uint32_t facts, scopes;
    int64_t exp, until;
    elo_slice_t prefix, content;
} elo_wire_session_t;

typedef struct {
    elo_wire_head_t head;
    elo_stage_t stage;
    uint32_t agent_slot;
    uint64_t agent_generation;
    uint32_t facts;
    int64_t until;
} elo_wire_access_t;

/* As elo_wire_put_… and _get_… of wire.h. ELO_EINVAL also for an unknown verdict or
   stage, a bit that is no fact or scope, a negative time, a key id that is too
   long or stands twice. */
elo_err_t elo_wire_put_keys(elo_buf_t *b,
                            const elo_wire_keys_t *k) ELO_MUST_USE;
elo_err_t elo_wire_put_session(elo_buf_t *b,
                               const elo_wire_session_t *s) ELO_MUST_USE;
elo_err_t elo_wire_put_access(elo_buf_t *b,
                              const elo_wire_access_t *a) ELO_MUST_USE;
elo_err_t elo_wire_get_keys(elo_slice_t msg, elo_wire_keys_t *out) ELO_MUST_USE;
elo_err_t elo_wire_get_session(elo_slice_t msg,
                               elo_wire_session_t *out) ELO_MUST_USE;
elo_err_t elo_wire_get_access(elo_slice_t msg,
                              elo_wire_access_t *out) ELO_MUST_USE;

#endif
