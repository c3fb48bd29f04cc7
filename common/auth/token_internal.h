/* SPDX-License-Identifier: BSD-2-Clause */
/* token_internal: what reading and writing of tokens share. */
#ifndef ELO_AUTH_TOKEN_INTERNAL_H
#define ELO_AUTH_TOKEN_INTERNAL_H

#include "common/auth/token.h"

#define ELO_SCOPE_COUNT    5u
#define ELO_LEVEL_COUNT    3u
/* 9999-12-31: sums of times don't overflow */
#define ELO_TOKEN_TIME_MAX INT64_C(253402300799)

extern const char *const elo_scope_names[ELO_SCOPE_COUNT]; /* by bit */
extern const char *const elo_level_names[ELO_LEVEL_COUNT];

/* Of a token that states none. */
uint32_t elo_level_scopes(elo_level_t level);

/* ELO_EINVAL below min bytes and for control characters, which would do harm in
   a log; ELO_ETOOBIG past max. */
elo_err_t elo_token_text_check(elo_slice_t s, size_t min,
                               size_t max) ELO_MUST_USE;

/* Decoded claims, which are overwritten and then lent, into t->claims and auds. */
elo_err_t elo_token_read_claims(elo_token_t *t, uint8_t *json, size_t len,
                                const char **why) ELO_MUST_USE;

#endif
