/* SPDX-License-Identifier: BSD-2-Clause */
/* bearer: the credential of a request that came past the Doorway: where it may
   stand, and whose it is. What the Doorway does in cred.c and judge.c; of the same
   text both find the same. The first of these counts, whether it is good or not: a
   signed URL's segment in front of the path, Authorization, ?token=. There are no
   cookies here: a browser would send them without anybody's will.
   Spec: RFC 6750, 2. */
#ifndef ELO_API_BEARER_H
#define ELO_API_BEARER_H

#include "backend/ctl/ctl.h"
#include "common/cache/generation.h"

#define ELO_BEARER_SIGNED "/s/"

typedef enum {
    ELO_BEARER_NONE = 0,
    ELO_BEARER_URL,
    ELO_BEARER_HEADER,
    ELO_BEARER_QUERY
} elo_bearer_from_t;

typedef struct {
    elo_bearer_from_t from;
    elo_slice_t text; /* empty: one that can't be good */
    elo_slice_t path; /* without the segment */
    char room[ELO_TOKEN_MAX];
} elo_bearer_t;

/* path: decoded; n of the Authorization fields, the first being field; query: raw.
   Pure. out borrows from all of them, and from itself. */
void elo_bearer_find(elo_slice_t path, elo_slice_t field, uint32_t n,
                     elo_slice_t query, elo_bearer_t *out);

/* What was found out lately: good ones are known again by the SHA-256 of their text,
   as long as nothing changes for their agent. Others cost a signature, and only so
   many a second are looked at. Loop thread. */
typedef struct elo_bearers_s elo_bearers_t;

#define ELO_BEARERS_RATE 200u /* a second, some 2 % of one CPU */

elo_err_t elo_bearers_create(elo_bearers_t **out) ELO_MUST_USE;
void elo_bearers_free(elo_bearers_t **b);

/* Whose b is, of one that isn't NONE. peer: the client's address, for a signed URL
   that asks for one. ELO_ETOKEN, ELO_EEXPIRED, ELO_EURL, ELO_EURLEXPIRED;
   ELO_ERATE: ask again in a second; ELO_ENOMEM. */
elo_err_t elo_bearers_judge(elo_bearers_t *m, elo_ctl_t *ctl,
                            const elo_gen_page_t *gen, const elo_bearer_t *b,
                            elo_slice_t peer, int64_t now,
                            elo_ctl_session_t *out) ELO_MUST_USE;

#endif
